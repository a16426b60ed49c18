/* Lines of a divided axis by an all-to-all exchange among the ranks of that axis. What a rank has of the
 * lines of another is sent as (its cells of the axis, lines): received one below the other in the order of
 * the ranks, these blocks are the lines. */
#include "grid/transpose.h"

#include "base/ranks.h"
#include "grid/grid.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#ifdef HEADFLOW_MPI

struct hf_transpose {
    const hf_grid *part;
    size_t axis, lines; /* lines of this rank */
    MPI_Comm along;     /* the ranks that share lines, in the order of their parts */
    int parts, place;
    double *packed;              /* shape (cells): what goes to each rank, one after the other */
    double *values;              /* shape (whole cells, lines) */
    int *sent, *sent_from;       /* shape (parts): counts and offsets in `packed` */
    int *received, *received_at; /* the same in `values` */
};

static size_t lines_of_all(const hf_transpose *t) {
    return hf_grid_cells(t->part) / hf_grid_axis(t->part, t->axis)->cells;
}

/* The first line of a rank of the axis. */
static size_t first_line(const hf_transpose *t, int place) {
    return lines_of_all(t) * (size_t)place / (size_t)t->parts;
}

/* Splits the ranks into those that differ along the axis alone. */
static void split(hf_transpose *t) {
    const hf_ranks *ranks = hf_grid_ranks(t->part);
    size_t index = hf_ranks_index(ranks), apart = 1, parts = hf_grid_parts(t->part, t->axis);
    for (size_t d = t->axis + 1; d < hf_grid_dim(t->part); d++)
        apart *= hf_grid_parts(t->part, d);
    size_t place = index / apart % parts;
    t->parts = (int)parts;
    t->place = (int)place;
    MPI_Comm_split(hf_ranks_communicator(ranks), (int)(index - place * apart), t->place, &t->along);
}

static hf_status fill(hf_error *error, hf_transpose *t) {
    size_t n = hf_grid_whole_cells(t->part, t->axis), cells = hf_grid_axis(t->part, t->axis)->cells;
    size_t parts = (size_t)t->parts, apart = 1;
    t->lines = first_line(t, t->place + 1) - first_line(t, t->place);
    if (hf_grid_cells(t->part) > INT_MAX || n * t->lines > INT_MAX)
        return hf_raise(error, HF_ERR_INPUT, "parts of %zu cells are more than MPI counts",
                        hf_grid_cells(t->part));
    HF_TRY(hf_array_create(error, hf_grid_cells(t->part), &t->packed));
    HF_TRY(hf_array_create(error, n * t->lines, &t->values));
    HF_TRY(hf_allocate(error, 4 * parts, sizeof(int), &t->sent));
    t->sent_from = t->sent + parts;
    t->received = t->sent_from + parts;
    t->received_at = t->received + parts;
    for (size_t d = t->axis + 1; d < hf_grid_dim(t->part); d++)
        apart *= hf_grid_parts(t->part, d);
    for (int p = 0; p < t->parts; p++) {
        size_t first[HF_DIM_MAX], held[HF_DIM_MAX];
        size_t own = hf_ranks_index(hf_grid_ranks(t->part)) - (size_t)t->place * apart;
        hf_grid_box(t->part, t->part->parts, own + (size_t)p * apart, first, held);
        t->sent[p] = (int)((first_line(t, p + 1) - first_line(t, p)) * cells);
        t->sent_from[p] = (int)(first_line(t, p) * cells);
        t->received[p] = (int)(held[t->axis] * t->lines);
        t->received_at[p] = (int)(first[t->axis] * t->lines);
    }
    return HF_OK;
}

hf_status hf_transpose_create(hf_error *error, const hf_grid *part, size_t axis, hf_transpose **out) {
    *out = NULL;
    hf_transpose *t;
    hf_status status = hf_allocate(error, 1, sizeof *t, &t);
    HF_TRY(hf_ranks_agree(error, hf_grid_ranks(part), status));
    t->part = part;
    t->axis = axis;
    split(t);
    status = hf_ranks_agree(error, hf_grid_ranks(part), fill(error, t));
    if (status != HF_OK) {
        hf_transpose_destroy(&t);
        return status;
    }
    *out = t;
    return HF_OK;
}

void hf_transpose_destroy(hf_transpose **transpose) {
    if (transpose == NULL || *transpose == NULL)
        return;
    MPI_Comm_free(&(*transpose)->along);
    hf_array_destroy(&(*transpose)->packed);
    hf_array_destroy(&(*transpose)->values);
    free((*transpose)->sent);
    free(*transpose);
    *transpose = NULL;
}

size_t hf_transpose_lines(const hf_transpose *transpose) {
    return transpose->lines;
}
double *hf_transpose_values(hf_transpose *transpose) {
    return transpose->values;
}

/* Lines (o, k), o counting the cells before the axis and k those after it, lie side by side in a part as long
 * as o stays. How many do so from line l on, before line `last`, and the part's first cell of them. */
static size_t run_from(const hf_transpose *t, size_t l, size_t last, size_t *cell) {
    size_t inner = hf_grid_stride(t->part, t->axis), k = l % inner;
    *cell = l / inner * hf_grid_axis(t->part, t->axis)->cells * inner + k;
    return inner - k < last - l ? inner - k : last - l;
}

static void pack(hf_transpose *t, const double *x) {
    size_t inner = hf_grid_stride(t->part, t->axis), cells = hf_grid_axis(t->part, t->axis)->cells;
    double *block = t->packed;
    for (int p = 0; p < t->parts; p++) {
        size_t first = first_line(t, p), last = first_line(t, p + 1), run, cell;
        for (size_t l = first; l < last; l += run) {
            run = run_from(t, l, last, &cell);
            for (size_t i = 0; i < cells; i++)
                memcpy(block + i * (last - first) + (l - first), x + cell + i * inner, run * sizeof *x);
        }
        block += cells * (last - first);
    }
}

static void unpack(const hf_transpose *t, double *x) {
    size_t inner = hf_grid_stride(t->part, t->axis), cells = hf_grid_axis(t->part, t->axis)->cells;
    const double *block = t->packed;
    for (int p = 0; p < t->parts; p++) {
        size_t first = first_line(t, p), last = first_line(t, p + 1), run, cell;
        for (size_t l = first; l < last; l += run) {
            run = run_from(t, l, last, &cell);
            for (size_t i = 0; i < cells; i++)
                memcpy(x + cell + i * inner, block + i * (last - first) + (l - first), run * sizeof *x);
        }
        block += cells * (last - first);
    }
}

void hf_transpose_gather(hf_transpose *t, const double *x) {
    pack(t, x);
    MPI_Alltoallv(t->packed, t->sent, t->sent_from, MPI_DOUBLE, t->values, t->received, t->received_at,
                  MPI_DOUBLE, t->along);
}

void hf_transpose_scatter(hf_transpose *t, double *x) {
    MPI_Alltoallv(t->values, t->received, t->received_at, MPI_DOUBLE, t->packed, t->sent, t->sent_from,
                  MPI_DOUBLE, t->along);
    unpack(t, x);
}

#else

/* Without MPI no axis is divided. */
hf_status hf_transpose_create(hf_error *error, const hf_grid *part, size_t axis, hf_transpose **out) {
    *out = NULL;
    return hf_raise(error, HF_ERR_INPUT, "axis %s is divided, but headflow was built without MPI",
                    hf_grid_axis(part, axis)->name);
}
void hf_transpose_destroy(hf_transpose **transpose) {
    (void)transpose;
}
size_t hf_transpose_lines(const hf_transpose *transpose) {
    (void)transpose;
    return 0;
}
double *hf_transpose_values(hf_transpose *transpose) {
    (void)transpose;
    return NULL;
}
void hf_transpose_gather(hf_transpose *transpose, const double *x) {
    (void)transpose, (void)x;
}
void hf_transpose_scatter(hf_transpose *transpose, double *x) {
    (void)transpose, (void)x;
}

#endif
