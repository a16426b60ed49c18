/* Interpolative decomposition of the context matrix C (alpha-cells by events and components) without ever
 * holding it. docs/numerics.md (34)-(35).
 *
 * A sketch of C is its product with random columns, each of which sees one event of a sample in a random
 * direction (all of C where it has few columns). Pivoted Gram-Schmidt on the rows of the sketch gives pivots
 * and an orthonormal basis q_k of their span; then for any row t of the sketch
 *     t ~ sum_k (t.q_k) q_k ,   t_pivot(i) = sum_{k <= i} T_ik q_k ,   L T = (t.q_k)
 * with T triangular. The error is measured on entries of C itself, on events that were not asked before; the
 * events that are worst join the sample until it is small.
 *
 * See Cheng, Gimbutas, Martinsson and Rokhlin, SIAM J. Sci. Comput. 26 (2005) 1389; Halko, Martinsson and
 * Tropp, SIAM Review 53 (2011) 217. */
#include "attention/skeleton.h"

#include <float.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <omp.h>
#include <stdlib.h>

enum {
    SKETCH_FIRST = 512,         /* columns of the first sketch */
    CANDIDATES_FIRST = 1024,    /* rows among which pivots are chosen first */
    ROWS_LOOKED_AT = 8,         /* at least, for the error */
    ROUNDS_MAX = 8,             /* attempts at a small error */
    WORST = 64,                 /* events that join the sample after an attempt */
    EXPONENTIALS_MAX = 1 << 25, /* what a measurement of the error may cost */
    ENTRIES_MAX = 1 << 22,
    ROWS_WHOLE = 8192 /* more rows than that are not kept without compression */
};

/* Pivots are sought until rows are known to this share of the tolerance: by their length, or, where all rows
 * and columns of C are there, by their largest entry, which is what the tolerance is about. */
static const double margin = 0.25, entry_margin = 0.5;

typedef struct sketch {
    size_t count;      /* events of the sample, repetitions included */
    size_t directions; /* columns an event */
    size_t columns;    /* count * directions */
    bool complete;     /* all columns of C, as they are */
    size_t *event;     /* shape (count) */
    size_t *first;     /* shape (count): where its projected tokens begin */
    double *token;     /* tokens against the directions: shape (length of the event, directions) each */
    size_t rank;
    double *basis;    /* q_k: shape (rank, columns) */
    double *triangle; /* T: shape (rank, rank) */
} sketch;

static void sketch_destroy(sketch *s) {
    if (s == NULL)
        return;
    free(s->event);
    free(s->first);
    hf_array_destroy(&s->token);
    hf_array_destroy(&s->basis);
    hf_array_destroy(&s->triangle);
    free(s);
}

/* ---- the sample ------------------------------------------------------------------------------------- */

/* Tokens of the events against their directions: unit vectors, or random ones of length 1. */
static hf_status project_tokens(hf_error *error, const hf_model *model, sketch *s, gsl_rng *random) {
    size_t width = model->width, total = 0;
    for (size_t n = 0; n < s->count; n++) {
        s->first[n] = total;
        total += hf_events_length(model->events, s->event[n]) * s->directions;
    }
    HF_TRY(hf_array_create(error, total, &s->token));
    for (size_t n = 0; n < s->count; n++) {
        const double *token = hf_events_tokens(model->events, s->event[n]);
        for (size_t k = 0; k < s->directions; k++) {
            double direction[HF_WIDTH_MAX] = {0};
            if (s->complete)
                direction[k] = 1;
            else
                gsl_ran_dir_nd(random, width, direction);
            for (size_t t = 0; t < hf_events_length(model->events, s->event[n]); t++) {
                double sum = 0;
                for (size_t i = 0; i < width; i++)
                    sum += direction[i] * token[t * width + i];
                s->token[s->first[n] + t * s->directions + k] = sum;
            }
        }
    }
    return HF_OK;
}

/* About `columns` columns, and those of the events that were worst. */
static hf_status sketch_create(hf_error *error, const hf_model *model, size_t columns, size_t worst_count,
                               const size_t *worst, gsl_rng *random, sketch **out) {
    size_t events = hf_events_count(model->events), drawn = events < columns ? events : columns;
    *out = NULL;
    sketch *s;
    HF_TRY(hf_allocate(error, 1, sizeof *s, &s));
    *out = s;
    s->complete = events * model->width <= columns;
    s->directions = s->complete ? model->width : (columns + drawn - 1) / drawn;
    if (s->directions > model->width)
        s->directions = model->width;
    s->count = drawn + (s->complete ? 0 : worst_count);
    s->columns = s->count * s->directions;
    HF_TRY(hf_allocate(error, s->count, sizeof *s->event, &s->event));
    HF_TRY(hf_allocate(error, s->count, sizeof *s->first, &s->first));
    size_t *all;
    HF_TRY(hf_allocate(error, events, sizeof *all, &all));
    for (size_t e = 0; e < events; e++)
        all[e] = e;
    gsl_ran_choose(random, s->event, drawn, all, events, sizeof *all);
    free(all);
    for (size_t n = drawn; n < s->count; n++)
        s->event[n] = worst[n - drawn];
    return project_tokens(error, model, s, random);
}

/* Rows of the sketch. out: shape (count, columns); work: shape (directions, count) */
static void sketch_rows(const hf_contexts *contexts, const sketch *s, const hf_cells *cells, double *out,
                        double *work) {
    for (size_t n = 0; n < s->count; n++) {
        hf_contexts_fill(contexts, cells, s->event[n], s->directions, s->token + s->first[n], work);
        for (size_t r = 0; r < cells->count; r++)
            for (size_t k = 0; k < s->directions; k++)
                out[r * s->columns + n * s->directions + k] = work[k * cells->count + r];
    }
}

/* ---- pivots ----------------------------------------------------------------------------------------- */

HF_CLONES static double dot(size_t count, const double *restrict x, const double *restrict y) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += x[i] * y[i];
    return sum;
}

HF_CLONES static void add_multiple(size_t count, double factor, const double *restrict x,
                                   double *restrict y) {
    for (size_t i = 0; i < count; i++)
        y[i] += factor * x[i];
}

static size_t argmax(size_t count, const double *value) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (value[i] > value[best])
            best = i;
    return best;
}

/* Takes the part along q out of a row. *largest: of its entries. Returns the square of its length. */
HF_CLONES static double reduce_row(size_t count, double factor, const double *restrict q,
                                   double *restrict row, double *largest) {
    double sum = 0, top = 0;
#pragma omp simd reduction(+ : sum) reduction(max : top)
    for (size_t i = 0; i < count; i++) {
        double entry = row[i] - factor * q[i], size = fabs(entry);
        row[i] = entry;
        sum += entry * entry;
        top = size > top ? size : top;
    }
    *largest = top;
    return sum;
}

/* Pivoted Gram-Schmidt: rows are reduced in place until none is longer than `least`, or has an entry larger
 * than `least_entry`, or `most` pivots.
 *  rest    shape (count, columns): the rows, destroyed
 *  square  shape (2, count): work space
 *  pivot   shape (most): numbers of the rows, out */
static void find_pivots(sketch *s, size_t count, double *rest, double *square, double least,
                        double least_entry, size_t most, size_t *pivot) {
    size_t columns = s->columns;
    double *entry = square + count;
    for (size_t r = 0; r < count; r++)
        square[r] = reduce_row(columns, 0, s->basis, rest + r * columns, &entry[r]);
    for (s->rank = 0; s->rank < most; s->rank++) {
        size_t longest = argmax(count, square);
        bool known = !(square[longest] > least * least) || entry[argmax(count, entry)] <= least_entry;
        if (known && s->rank > 0)
            break;
        pivot[s->rank] = longest;
        double *q = s->basis + s->rank * columns;
        memcpy(q, rest + longest * columns, columns * sizeof *q);
        for (size_t k = 0; k < s->rank; k++) /* once more: the reduced row is orthogonal to rounding alone */
            add_multiple(columns, -dot(columns, s->basis + k * columns, q), s->basis + k * columns, q);
        double length = sqrt(dot(columns, q, q));
        for (size_t i = 0; i < columns; i++)
            q[i] = length > 0 ? q[i] / length : 0;
#pragma omp parallel for schedule(static)
        for (size_t r = 0; r < count; r++) {
            double *row = rest + r * columns, left;
            if (square[r] < 0)
                continue;
            left = reduce_row(columns, dot(columns, q, row), q, row, &entry[r]);
            square[r] = r == longest ? -1 : left; /* not again, whatever rounding has left of it */
        }
    }
}

/* Every so many rows, evenly, that at most `most` are left, ends of the axes included. */
static hf_status choose_candidates(hf_error *error, const hf_contexts *contexts, size_t most, size_t *count,
                                   size_t **out) {
    size_t n = contexts->model->alphas, cells[HF_ATTENTION_MAX] = {0}, total = contexts->rows;
    for (size_t d = 0; d < n; d++)
        cells[d] = hf_grid_axis(contexts->grid, d)->cells;
    while (total > most) {
        size_t widest = 0;
        for (size_t d = 1; d < n; d++)
            widest = cells[d] > cells[widest] ? d : widest;
        cells[widest]--;
        total = 1;
        for (size_t d = 0; d < n; d++)
            total *= cells[d];
    }
    HF_TRY(hf_allocate(error, total, sizeof **out, out));
    for (size_t i = 0; i < total; i++) {
        size_t rest = i, row = 0, stride = 1;
        for (size_t d = n; d-- > 0;) {
            size_t last = hf_grid_axis(contexts->grid, d)->cells - 1, index = rest % cells[d];
            row += stride * (cells[d] > 1 ? index * last / (cells[d] - 1) : 0);
            stride *= last + 1;
            rest /= cells[d];
        }
        (*out)[i] = row;
    }
    *count = total;
    return HF_OK;
}

/* Pivots among the candidates, as numbers of the candidates; the basis of their span.
 * scale: the largest entry of the sketch, out */
static hf_status reduce(hf_error *error, const hf_contexts *contexts, sketch *s, size_t count,
                        const size_t *candidate, double tolerance, size_t *pivot) {
    size_t most = count < s->columns ? count : s->columns;
    double *rows, *square = NULL;
    HF_TRY(hf_array_create(error, count * s->columns, &rows));
    hf_status status = hf_array_create(error, 2 * count, &square);
    if (status == HF_OK)
        status = hf_array_create(error, most * s->columns, &s->basis);
    if (status == HF_OK) {
        double *work;
        size_t blocks = (count + contexts->block - 1) / contexts->block;
        status = hf_array_create(error, blocks * s->directions * contexts->block, &work);
#pragma omp parallel for schedule(dynamic, 1)
        for (size_t b = 0; b < (status == HF_OK ? blocks : 0); b++) {
            size_t first = b * contexts->block, rest = count - first;
            hf_cells cells;
            hf_contexts_place(contexts, rest < contexts->block ? rest : contexts->block, candidate + first,
                              &cells);
            sketch_rows(contexts, s, &cells, rows + first * s->columns,
                        work + b * s->directions * contexts->block);
        }
        hf_array_destroy(&work);
    }
    if (status == HF_OK) {
        double scale = 0;
        for (size_t i = 0; i < count * s->columns; i++)
            scale = fmax(scale, fabs(rows[i]));
        bool all = s->complete && count == contexts->rows;
        double allowed = tolerance * scale;
        find_pivots(s, count, rows, square, all ? 0 : margin * allowed, all ? entry_margin * allowed : 0,
                    most, pivot);
    }
    hf_array_destroy(&rows);
    hf_array_destroy(&square);
    return status;
}

/* ---- weights ---------------------------------------------------------------------------------------- */

size_t hf_skeleton_work(const hf_skeleton *skeleton) {
    const sketch *s = skeleton->sketch;
    return skeleton->whole ? 1 : skeleton->contexts.block * (s->columns + s->directions);
}

/* t.q_k of rows. row: global numbers; out: shape (count, rank) */
static void expand(const hf_skeleton *skeleton, size_t count, const size_t *row, double *out, double *work) {
    const sketch *s = skeleton->sketch;
    hf_cells cells;
    hf_contexts_place(&skeleton->contexts, count, row, &cells);
    sketch_rows(&skeleton->contexts, s, &cells, work, work + count * s->columns);
    for (size_t r = 0; r < count; r++)
        for (size_t k = 0; k < s->rank; k++)
            out[r * s->rank + k] = dot(s->columns, s->basis + k * s->columns, work + r * s->columns);
}

void hf_skeleton_weights(const hf_skeleton *skeleton, size_t count, const size_t *row, double *weight,
                         double *work) {
    size_t rank = skeleton->rank;
    if (!skeleton->whole)
        expand(skeleton, count, row, weight, work);
    for (size_t r = 0; r < count; r++) {
        double *w = weight + r * rank;
        if (skeleton->order[row[r]] > 0) {
            memset(w, 0, rank * sizeof *w);
            w[skeleton->order[row[r]] - 1] = 1;
            continue;
        }
        for (size_t k = rank; k-- > 0;) {
            const double *T = skeleton->sketch->triangle + k * rank;
            w[k] = T[k] != 0 ? w[k] / T[k] : 0;
            add_multiple(k, -w[k], T, w);
        }
    }
}

/* Keep the pivots, and T from their rows. */
static hf_status settle(hf_error *error, hf_skeleton *skeleton, const size_t *candidate,
                        const size_t *pivot) {
    sketch *s = skeleton->sketch;
    size_t rank = s->rank, block = skeleton->contexts.block;
    double *work;
    free(skeleton->pivot);
    skeleton->pivot = NULL;
    memset(skeleton->order, 0, skeleton->contexts.rows * sizeof *skeleton->order);
    skeleton->rank = rank;
    HF_TRY(hf_allocate(error, rank, sizeof *skeleton->pivot, &skeleton->pivot));
    HF_TRY(hf_array_create(error, rank * rank, &s->triangle));
    HF_TRY(hf_array_create(error, hf_skeleton_work(skeleton), &work));
    for (size_t k = 0; k < rank; k++) {
        skeleton->pivot[k] = candidate[pivot[k]];
        skeleton->order[skeleton->pivot[k]] = k + 1;
    }
    for (size_t first = 0; first < rank; first += block)
        expand(skeleton, rank - first < block ? rank - first : block, skeleton->pivot + first,
               s->triangle + first * rank, work);
    hf_array_destroy(&work);
    return HF_OK;
}

/* Every row is a pivot: exact. */
static hf_status settle_whole(hf_error *error, hf_skeleton *skeleton) {
    size_t rows = skeleton->contexts.rows;
    sketch_destroy(skeleton->sketch);
    free(skeleton->pivot);
    skeleton->sketch = NULL;
    skeleton->pivot = NULL;
    skeleton->rank = rows;
    skeleton->whole = true;
    skeleton->error = 0;
    skeleton->checked = 1;
    HF_TRY(hf_allocate(error, rows, sizeof *skeleton->pivot, &skeleton->pivot));
    for (size_t r = 0; r < rows; r++) {
        skeleton->pivot[r] = r;
        skeleton->order[r] = r + 1;
    }
    return HF_OK;
}

/* ---- the error -------------------------------------------------------------------------------------- */

typedef struct check {
    size_t rows, events; /* how many of each are looked at */
    size_t *row, *event; /* shape (rows), (events) */
    double *largest;     /* |C| of each event: shape (events) */
    double *error;       /* |C - L C(pivots)|: shape (events) */
} check;

static void check_destroy(check *c) {
    free(c->row);
    free(c->event);
    hf_array_destroy(&c->largest);
    hf_array_destroy(&c->error);
}

/* As many of `count` numbers as `most`, in order. */
static hf_status choose(hf_error *error, gsl_rng *random, size_t count, size_t most, size_t *chosen,
                        size_t **out) {
    size_t *all;
    *chosen = count < most ? count : most;
    HF_TRY(hf_allocate(error, *chosen, sizeof **out, out));
    HF_TRY(hf_allocate(error, count, sizeof *all, &all));
    for (size_t i = 0; i < count; i++)
        all[i] = i;
    gsl_ran_choose(random, *out, *chosen, all, count, sizeof *all);
    free(all);
    return HF_OK;
}

/* Rows and events whose entries cost no more to compute than they may. */
static hf_status check_create(hf_error *error, const hf_contexts *contexts, gsl_rng *random, check *out) {
    const hf_events *events = contexts->model->events;
    size_t count = hf_events_count(events), tokens = 1 + hf_events_tokens_total(events) / count;
    size_t entries = EXPONENTIALS_MAX / (tokens * contexts->nodes);
    if (entries > ENTRIES_MAX / contexts->model->width)
        entries = ENTRIES_MAX / contexts->model->width;
    /* a row is like its neighbours, an event outside of the sketch may be like no other */
    size_t rows = entries / count > ROWS_LOOKED_AT ? entries / count : ROWS_LOOKED_AT;
    HF_TRY(choose(error, random, contexts->rows, rows, &out->rows, &out->row));
    HF_TRY(choose(error, random, count, 1 + entries / out->rows, &out->events, &out->event));
    HF_TRY(hf_array_create(error, out->events, &out->largest));
    return hf_array_create(error, out->events, &out->error);
}

/* The blocks of rows, placed once for all events. */
static hf_status place_blocks(hf_error *error, const hf_contexts *contexts, size_t count, const size_t *row,
                              size_t *blocks, hf_cells **out) {
    size_t block = contexts->block;
    *blocks = (count + block - 1) / block;
    HF_TRY(hf_allocate(error, *blocks, sizeof **out, out));
    for (size_t b = 0; b < *blocks; b++) {
        size_t rest = count - b * block;
        hf_contexts_place(contexts, rest < block ? rest : block, row + b * block, &(*out)[b]);
    }
    return HF_OK;
}

/* What an event's error is computed with. */
typedef struct check_view {
    const hf_skeleton *skeleton;
    size_t pivot_blocks, row_blocks;
    hf_cells *pivots, *rows;
    double *weight; /* shape (rows, rank) */
    double *work;   /* shape (threads, work_size): contexts at the pivots, and of a block of rows */
    size_t work_size;
} check_view;

static void check_view_destroy(check_view *v) {
    free(v->pivots);
    free(v->rows);
    hf_array_destroy(&v->weight);
    hf_array_destroy(&v->work);
}

/* Weights of all rows to look at. */
static hf_status fill_weights(hf_error *error, const hf_skeleton *skeleton, size_t count, const size_t *row,
                              double *weight) {
    size_t block = skeleton->contexts.block, blocks = (count + block - 1) / block;
    size_t size = hf_skeleton_work(skeleton), threads = (size_t)omp_get_max_threads();
    double *work;
    HF_TRY(hf_array_create(error, threads * size, &work));
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t rest = count - b * block;
        hf_skeleton_weights(skeleton, rest < block ? rest : block, row + b * block,
                            weight + b * block * skeleton->rank, work + (size_t)omp_get_thread_num() * size);
    }
    hf_array_destroy(&work);
    return HF_OK;
}

static hf_status check_view_create(hf_error *error, const hf_skeleton *skeleton, const check *c,
                                   check_view *v) {
    const hf_contexts *contexts = &skeleton->contexts;
    *v = (check_view){.skeleton = skeleton,
                      .work_size = contexts->model->width * (skeleton->rank + contexts->block)};
    HF_TRY(place_blocks(error, contexts, skeleton->rank, skeleton->pivot, &v->pivot_blocks, &v->pivots));
    HF_TRY(place_blocks(error, contexts, c->rows, c->row, &v->row_blocks, &v->rows));
    HF_TRY(hf_array_create(error, (size_t)omp_get_max_threads() * v->work_size, &v->work));
    HF_TRY(hf_array_create(error, c->rows * skeleton->rank, &v->weight));
    return fill_weights(error, skeleton, c->rows, c->row, v->weight);
}

/* Largest entry and error of an event over all rows to look at. */
static void check_event(const check_view *v, check *c, size_t n) {
    const hf_contexts *contexts = &v->skeleton->contexts;
    size_t width = contexts->model->width, rank = v->skeleton->rank, block = contexts->block;
    const double *tokens = hf_events_tokens(contexts->model->events, c->event[n]);
    double *at_pivots = v->work + (size_t)omp_get_thread_num() * v->work_size;
    double *column = at_pivots + width * rank, largest = 0, worst = 0;
    for (size_t b = 0; b < v->pivot_blocks; b++) {
        size_t count = v->pivots[b].count;
        hf_contexts_fill(contexts, &v->pivots[b], c->event[n], width, tokens, column);
        for (size_t i = 0; i < width; i++)
            memcpy(at_pivots + i * rank + b * block, column + i * count, count * sizeof *column);
    }
    for (size_t b = 0; b < v->row_blocks; b++) {
        size_t count = v->rows[b].count;
        hf_contexts_fill(contexts, &v->rows[b], c->event[n], width, tokens, column);
        for (size_t r = 0; r < count; r++)
            for (size_t i = 0; i < width; i++) {
                double value = column[i * count + r];
                double other = dot(rank, v->weight + (b * block + r) * rank, at_pivots + i * rank);
                largest = fmax(largest, fabs(value));
                worst = fmax(worst, fabs(value - other));
            }
    }
    c->largest[n] = largest;
    c->error[n] = worst;
}

static hf_status measure(hf_error *error, hf_skeleton *skeleton, check *c) {
    check_view view;
    hf_status status = check_view_create(error, skeleton, c, &view);
    if (status == HF_OK) {
#pragma omp parallel for schedule(dynamic, 1)
        for (size_t n = 0; n < c->events; n++)
            check_event(&view, c, n);
        double scale = c->largest[argmax(c->events, c->largest)];
        skeleton->error = scale > 0 ? c->error[argmax(c->events, c->error)] / scale : 0;
    }
    check_view_destroy(&view);
    return status;
}

/* The events that are worst, as many as WORST. worst: shape (WORST, rounds so far), added behind `count` */
static void add_worst(check *c, size_t *count, size_t *worst) {
    for (size_t k = 0; k < WORST && k < c->events; k++) {
        size_t n = argmax(c->events, c->error);
        worst[(*count)++] = c->event[n];
        c->error[n] = -1;
    }
}

/* ---- all of it -------------------------------------------------------------------------------------- */

/* What an attempt was made with. */
typedef struct attempt {
    size_t columns, candidates, worst_count;
    size_t worst[ROUNDS_MAX * WORST];
    double tolerance;
} attempt;

/* Pivots and weights by one sketch. *full: its columns were too few to know the rank. */
static hf_status try_sketch(hf_error *error, hf_skeleton *skeleton, const attempt *a, gsl_rng *random,
                            bool *full) {
    const hf_contexts *contexts = &skeleton->contexts;
    size_t count, *candidate = NULL, *pivot = NULL;
    sketch_destroy(skeleton->sketch);
    HF_TRY(sketch_create(error, contexts->model, a->columns, a->worst_count, a->worst, random,
                         &skeleton->sketch));
    hf_status status = choose_candidates(error, contexts, a->candidates, &count, &candidate);
    if (status == HF_OK)
        status = hf_allocate(error, count, sizeof *pivot, &pivot);
    if (status == HF_OK)
        status = reduce(error, contexts, skeleton->sketch, count, candidate, a->tolerance, pivot);
    if (status == HF_OK)
        status = settle(error, skeleton, candidate, pivot);
    *full = status == HF_OK && !skeleton->sketch->complete && 2 * skeleton->rank > skeleton->sketch->columns;
    free(candidate);
    free(pivot);
    return status;
}

static hf_status build(hf_error *error, hf_skeleton *skeleton, double tolerance, gsl_rng *random, check *c) {
    const hf_contexts *contexts = &skeleton->contexts;
    attempt a = {.columns = SKETCH_FIRST, .candidates = CANDIDATES_FIRST, .tolerance = tolerance};
    HF_TRY(check_create(error, contexts, random, c));
    skeleton->checked = (double)c->rows / (double)contexts->rows * (double)c->events /
                        (double)hf_events_count(contexts->model->events);
    for (size_t round = 0; round < ROUNDS_MAX; round++) {
        bool full;
        HF_TRY(try_sketch(error, skeleton, &a, random, &full));
        if (skeleton->rank == contexts->rows)
            break;
        if (full) {
            a.columns *= 2;
            continue;
        }
        HF_TRY(measure(error, skeleton, c));
        if (skeleton->error <= tolerance)
            return HF_OK;
        add_worst(c, &a.worst_count, a.worst);
        a.candidates *= 4;
        a.tolerance *= margin;
    }
    if (contexts->rows > ROWS_WHOLE)
        return hf_raise(error, HF_ERR_INPUT,
                        "the contexts on %zu alpha-cells do not compress to a share of %g (%g at rank %zu); "
                        "expected a larger scheme.table_tolerance or fewer alpha-cells",
                        contexts->rows, tolerance, skeleton->error, skeleton->rank);
    return settle_whole(error, skeleton);
}

hf_status hf_skeleton_create(hf_error *error, const hf_model *model, const hf_grid *grid,
                             hf_sampling sampling, double tolerance, hf_skeleton **out) {
    *out = NULL;
    hf_skeleton *skeleton;
    check c = {0};
    HF_TRY(hf_allocate(error, 1, sizeof *skeleton, &skeleton));
    skeleton->contexts = hf_contexts_of(model, grid, sampling);
    gsl_set_error_handler_off();                      /* its results are checked */
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937); /* seeded alike each time */
    hf_status status = random != NULL ? HF_OK : hf_raise(error, HF_ERR_MEMORY, "no memory for a generator");
    if (status == HF_OK)
        status = hf_allocate(error, skeleton->contexts.rows, sizeof *skeleton->order, &skeleton->order);
    if (status == HF_OK)
        status = build(error, skeleton, tolerance, random, &c);
    if (random != NULL)
        gsl_rng_free(random);
    check_destroy(&c);
    if (status != HF_OK)
        hf_skeleton_destroy(&skeleton);
    *out = skeleton;
    return status;
}

void hf_skeleton_destroy(hf_skeleton **skeleton) {
    if (skeleton == NULL || *skeleton == NULL)
        return;
    sketch_destroy((*skeleton)->sketch);
    free((*skeleton)->pivot);
    free((*skeleton)->order);
    free(*skeleton);
    *skeleton = NULL;
}
