/* Head trajectories as CSV, a row for each head at each time: docs/formats.md, section 5. Rows come in any
 * order; sorted by seed, time and head they must be the full product of the three. */
#include "base/csv.h"
#include "store/trajectories.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED, TIME, HEAD, COORDINATES }; /* columns */

typedef struct row {
    long seed, head;
    double time;
    size_t line;
    double theta[HF_DIM_MAX];
} row;

typedef struct table {
    size_t count, room;
    row *rows; /* shape (room) */
} table;

/* ---- rows ------------------------------------------------------------------------------------------- */

static hf_status read_whole(hf_csv *csv, size_t column, double least, long *out) {
    double value;
    HF_TRY(hf_csv_number(csv, column, &value));
    if (!(value >= least && value <= HF_WHOLE_MAX) || value != floor(value))
        return hf_csv_raise(csv, HF_ERR_INPUT, "%s: '%s'; expected a whole number%s",
                            csv->format.columns[column].name, csv->field[column], least < 0 ? "" : " >= 0");
    *out = (long)value;
    return HF_OK;
}

static hf_status read_row(hf_csv *csv, size_t dim, row *out) {
    out->line = csv->number;
    HF_TRY(read_whole(csv, SEED, -HF_WHOLE_MAX, &out->seed));
    HF_TRY(hf_csv_number(csv, TIME, &out->time));
    if (!(out->time >= 0))
        return hf_csv_raise(csv, HF_ERR_INPUT, "time: '%s'; expected a number >= 0", csv->field[TIME]);
    HF_TRY(read_whole(csv, HEAD, 0, &out->head));
    for (size_t d = 0; d < dim; d++)
        HF_TRY(hf_csv_number(csv, COORDINATES + d, &out->theta[d]));
    return HF_OK;
}

static hf_status grow(hf_error *error, table *all) {
    size_t room = all->room == 0 ? 1024 : 2 * all->room;
    row *larger = reallocarray(all->rows, room, sizeof *larger);
    if (larger == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no room for more than %zu rows", all->room);
    all->rows = larger;
    all->room = room;
    return HF_OK;
}

static hf_status read_rows(hf_csv *csv, size_t dim, table *all) {
    bool more;
    HF_TRY(hf_csv_next(csv, 0, &more));
    while (more) {
        if (all->count == all->room)
            HF_TRY(grow(csv->error, all));
        HF_TRY(read_row(csv, dim, &all->rows[all->count++]));
        HF_TRY(hf_csv_next(csv, 0, &more));
    }
    return HF_OK;
}

static hf_status read_table(hf_error *error, const char *path, size_t dim, const char *const coordinates[],
                            table *all) {
    hf_csv csv;
    hf_csv_column columns[COORDINATES + HF_DIM_MAX] = {{"seed", true}, {"time", true}, {"head", true}};
    for (size_t d = 0; d < dim; d++) {
        for (size_t k = 0; k < COORDINATES; k++)
            if (strcmp(coordinates[d], columns[k].name) == 0)
                return hf_raise(error, HF_ERR_INPUT,
                                "%s: the coordinate '%s' has the name of another column; expected NetCDF, or "
                                "another name in the case",
                                path, coordinates[d]);
        columns[COORDINATES + d] = (hf_csv_column){coordinates[d], true};
    }
    hf_status status = hf_csv_open(error, path, &(hf_csv_format){COORDINATES + dim, columns, "heads"}, &csv);
    if (status == HF_OK)
        status = read_rows(&csv, dim, all);
    hf_csv_close(&csv);
    return status;
}

/* ---- the product ------------------------------------------------------------------------------------ */

static int compare_rows(const void *a, const void *b) {
    const row *x = a, *y = b;
    if (x->seed != y->seed)
        return x->seed < y->seed ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static hf_status check_repeats(hf_error *error, const char *path, const table *all) {
    for (size_t k = 1; k < all->count; k++) {
        const row *a = &all->rows[k - 1], *b = &all->rows[k];
        if (a->seed == b->seed && a->time == b->time && a->head == b->head)
            return hf_raise(
                error, HF_ERR_INPUT,
                "%s:%zu: seed %ld, time %g, head %ld again, first in line %zu; expected them once", path,
                b->line, b->seed, b->time, b->head, a->line);
    }
    return HF_OK;
}

/* All different seeds and times of sorted rows. */
static hf_status find_axes(hf_error *error, const table *all, hf_trajectories *out) {
    HF_TRY(hf_allocate(error, all->count, sizeof *out->seed, &out->seed));
    HF_TRY(hf_array_create(error, all->count, &out->time));
    for (size_t k = 0; k < all->count; k++) {
        if (k == 0 || all->rows[k].seed != all->rows[k - 1].seed)
            out->seed[out->seeds++] = all->rows[k].seed;
        out->time[k] = all->rows[k].time;
    }
    qsort(out->time, all->count, sizeof *out->time, compare_doubles);
    for (size_t k = 0; k < all->count; k++)
        if (k == 0 || out->time[k] != out->time[out->times - 1])
            out->time[out->times++] = out->time[k];
    if (out->time[0] != 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "%s: time: starts at %g; expected heads at time 0, where their coupled copies start",
                        out->path, out->time[0]);
    return HF_OK;
}

/* The numbers of the heads: from 0 or 1 to the largest there is. */
static hf_status find_heads(hf_error *error, const table *all, const char *path, long *first, size_t *count) {
    long least = all->rows[0].head, most = least;
    for (size_t k = 1; k < all->count; k++) {
        least = all->rows[k].head < least ? all->rows[k].head : least;
        most = all->rows[k].head > most ? all->rows[k].head : most;
    }
    if (least > 1)
        return hf_raise(error, HF_ERR_INPUT, "%s: head: starts at %ld; expected heads numbered from 0 or 1",
                        path, least);
    *first = least;
    *count = (size_t)(most - least) + 1;
    return HF_OK;
}

/* Whether the k-th of sorted rows is the k-th of the product, for all k. */
static hf_status check_product(hf_error *error, const table *all, long first, const hf_trajectories *t) {
    size_t heads = t->ensemble[0].heads, k = 0;
    for (size_t s = 0; s < t->seeds; s++)
        for (size_t n = 0; n < t->times; n++)
            for (size_t i = 0; i < heads; i++, k++) {
                const row *found = &all->rows[k];
                long head = first + (long)i;
                if (k == all->count || found->seed != t->seed[s] || found->time != t->time[n] ||
                    found->head != head)
                    return hf_raise(error, HF_ERR_INPUT,
                                    "%s: no row for seed %ld, time %.10g, head %ld; expected every head of "
                                    "every seed at every time",
                                    t->path, t->seed[s], t->time[n], head);
            }
    return HF_OK;
}

static hf_status arrange(hf_error *error, table *all, hf_trajectories *out) {
    long first = 0;
    qsort(all->rows, all->count, sizeof *all->rows, compare_rows);
    HF_TRY(check_repeats(error, out->path, all));
    HF_TRY(find_axes(error, all, out));
    HF_TRY(hf_allocate(error, 1, sizeof *out->ensemble, &out->ensemble));
    out->ensembles = 1;
    out->ensemble[0] = (hf_ensemble){.step = NAN, .batch = HF_BATCH_UNKNOWN};
    HF_TRY(find_heads(error, all, out->path, &first, &out->ensemble[0].heads));
    HF_TRY(check_product(error, all, first, out));
    HF_TRY(hf_array_create(error, all->count * out->dim, &out->theta));
    for (size_t k = 0; k < all->count; k++)
        memcpy(out->theta + k * out->dim, all->rows[k].theta, out->dim * sizeof *out->theta);
    return HF_OK;
}

hf_status hf_trajectories_read_csv(hf_error *error, const char *const coordinates[], hf_trajectories *out) {
    table all = {0};
    hf_status status = read_table(error, out->path, out->dim, coordinates, &all);
    if (status == HF_OK)
        status = arrange(error, &all, out);
    free(all.rows);
    return status;
}
