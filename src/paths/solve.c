/* The order parameter: the minimum of the action over positive definite matrices. docs/paths.md (P3), (P6).
 *
 * U_l = B C C^T B^T with C lower triangular. The unknowns are the entries of C below the diagonal and the
 * logarithms of those on it, times sqrt(2 N_l) and sqrt(4 N_l). B is the factor of the Gaussian limit at
 * first, and every few steps that of the U_l reached, where all unknowns are 0 again: there the Hessian of
 * the entropy is 1 at the minimum, however far apart the eigenvalues of U are. */
#include "paths/action.h"
#include "paths/draws.h"
#include "paths/minimise.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

typedef struct solver {
    hf_paths_action *action;
    const hf_paths_network *network;
    size_t count, size;               /* of unknowns; of an order parameter */
    double scale;                     /* of S: max(N, P) */
    double *limit, *order, *gradient; /* order parameters */
    double *base;                     /* B of each layer, as an order parameter */
    double *factor, *room, *product;  /* C of one layer, and what it takes; shape (M, M) */
    double *x, *best, *other;         /* x: shape (count); best, other: order parameters */
    hf_paths_value value;             /* of the last evaluation */
} solver;

/* ---- unknowns --------------------------------------------------------------------------------------- */

/* C of a layer. x: its unknowns, row by row */
static void unpack(size_t rows, double width, const double *x, double *factor) {
    memset(factor, 0, rows * rows * sizeof *factor);
    for (size_t i = 0, k = 0; i < rows; i++)
        for (size_t j = 0; j <= i; j++, k++)
            factor[i * rows + j] = i == j ? exp(x[k] / sqrt(4 * width)) : x[k] / sqrt(2 * width);
}

static void multiply(size_t rows, CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, const double *a,
                     const double *b, double *product) {
    int n = (int)rows;
    cblas_dgemm(CblasRowMajor, left, right, n, n, n, 1, a, n, b, n, 0, product, n);
}

/* U_l of all layers. */
static void compose(const solver *s, const double *x, double *order) {
    const hf_paths_network *n = s->network;
    for (size_t l = 0; l < n->layers; l++) {
        size_t rows = hf_paths_rows(n, l), at = hf_paths_offset(n, l);
        unpack(rows, n->widths[l], x, s->factor);
        multiply(rows, CblasNoTrans, CblasNoTrans, s->base + at, s->factor, s->room);
        multiply(rows, CblasNoTrans, CblasTrans, s->room, s->room, order + at);
        x += rows * (rows + 1) / 2;
    }
}

/* The slope of the unknowns: 2 B^T dS/dU B C, and on the diagonal times C itself. Returned: the largest entry
 * of F^T dS/dU F with U = F F^T, F = B C. */
static double pull_back(const solver *s, const double *x, double *slope) {
    const hf_paths_network *n = s->network;
    double largest = 0;
    for (size_t l = 0; l < n->layers; l++) {
        size_t rows = hf_paths_rows(n, l), at = hf_paths_offset(n, l);
        unpack(rows, n->widths[l], x, s->factor);
        multiply(rows, CblasNoTrans, CblasNoTrans, s->base + at, s->factor, s->room);
        multiply(rows, CblasNoTrans, CblasNoTrans, s->gradient + at, s->room, s->product);
        multiply(rows, CblasTrans, CblasNoTrans, s->base + at, s->product, s->room);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j <= i; j++) {
                double entry = 2 * s->room[i * rows + j];
                *slope++ = i == j ? entry * s->factor[i * rows + i] / sqrt(4 * n->widths[l])
                                  : entry / sqrt(2 * n->widths[l]);
            }
        multiply(rows, CblasTrans, CblasNoTrans, s->factor, s->room, s->product);
        largest = fmax(largest, fabs(s->product[cblas_idamax((int)(rows * rows), s->product, 1)]));
        x += rows * (rows + 1) / 2;
    }
    return largest;
}

/* B C as the new B: all unknowns become 0. */
static void recentre(solver *s) {
    const hf_paths_network *n = s->network;
    const double *x = s->x;
    for (size_t l = 0; l < n->layers; l++) {
        size_t rows = hf_paths_rows(n, l), at = hf_paths_offset(n, l);
        unpack(rows, n->widths[l], x, s->factor);
        multiply(rows, CblasNoTrans, CblasNoTrans, s->base + at, s->factor, s->room);
        memcpy(s->base + at, s->room, rows * rows * sizeof *s->room);
        x += rows * (rows + 1) / 2;
    }
    memset(s->x, 0, s->count * sizeof *s->x);
}

static hf_status evaluate(hf_error *error, void *self, const double *x, hf_objective_value *value,
                          double *slope) {
    solver *s = self;
    compose(s, x, s->order);
    HF_TRY(hf_paths_action_evaluate(error, s->action, s->order, &s->value, s->gradient));
    double largest = pull_back(s, x, slope);
    *value = (hf_objective_value){s->value.entropy + s->value.energy, s->value.rounding, largest / s->scale};
    return HF_OK;
}

/* ---- starts ----------------------------------------------------------------------------------------- */

/* The Gaussian limit, or a random place about it. */
static hf_status choose_start(hf_error *error, solver *s, size_t start) {
    static const double spread = 0.5; /* of the entries of C and the logarithms of its diagonal */
    memset(s->x, 0, s->count * sizeof *s->x);
    for (size_t i = 0; i < s->size; i++)
        s->base[i] = sqrt(s->limit[i]);
    if (start == 0)
        return HF_OK;
    hf_draws *draws;
    HF_TRY(hf_draws_create(error, start, HF_DRAWS_STARTS, &draws));
    size_t k = 0;
    for (size_t l = 0; l < s->network->layers; l++) {
        size_t rows = hf_paths_rows(s->network, l);
        double width = s->network->widths[l];
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j <= i; j++)
                s->x[k++] =
                    spread * hf_draws_normal(draws) * sqrt(i == j ? 4 * width : 2 * width / (double)rows);
    }
    hf_draws_destroy(&draws);
    return HF_OK;
}

static double difference(size_t count, const double *a, const double *b) {
    double largest = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(a[i]));
        most = fmax(most, fabs(a[i] - b[i]));
    }
    return most / largest;
}

/* Rounds of a few steps each, until the tolerance or the end of progress: of the value first, which falls
 * while the residual may rise, then of the residual. */
static hf_status descend(hf_error *error, solver *s, hf_paths_solution *out, hf_minimum_found *found) {
    enum { STEPS = 15, ROUNDS = 200, IDLE = 3 };
    const hf_objective objective = {s->count, s, evaluate};
    hf_objective_value lowest = {.value = INFINITY, .residual = INFINITY};
    *found = (hf_minimum_found){lowest, 0};
    for (size_t round = 0, idle = 0; round < ROUNDS && idle < IDLE && found->is.residual > HF_PATHS_TOLERANCE;
         round++) {
        hf_status status = hf_minimise(error, &objective, HF_PATHS_TOLERANCE, STEPS, s->x, found);
        out->evaluations += found->evaluations;
        HF_TRY(status);
        recentre(s);
        bool better =
            found->is.residual < lowest.residual || found->is.value < lowest.value - found->is.rounding;
        idle = better ? 0 : idle + 1;
        lowest.value = fmin(lowest.value, found->is.value);
        lowest.residual = fmin(lowest.residual, found->is.residual);
    }
    if (found->is.residual > HF_PATHS_TOLERANCE)
        return hf_raise(error, HF_ERR_NUMERIC,
                        "the minimum of the action is not found: its gradient stops at %.2e of the width or "
                        "the number of examples; expected %.0e",
                        found->is.residual, HF_PATHS_TOLERANCE);
    return HF_OK;
}

/* One start: what it finds is kept when it is the lowest so far. */
static hf_status begin_at(hf_error *error, solver *s, size_t start, hf_paths_solution *out) {
    hf_minimum_found found;
    HF_TRY(choose_start(error, s, start));
    HF_TRY(descend(error, s, out, &found));
    compose(s, s->x, s->other);
    if (start > 0)
        out->spread = fmax(out->spread, difference(s->size, s->best, s->other));
    if (start > 0 && found.is.value >= out->value.entropy + out->value.energy)
        return HF_OK;
    memcpy(s->best, s->other, s->size * sizeof *s->best);
    HF_TRY(hf_paths_action_evaluate(error, s->action, s->best, &out->value, NULL));
    out->residual = found.is.residual;
    return HF_OK;
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static hf_status create(hf_error *error, hf_paths_action *action, solver *s) {
    const hf_paths_network *n = hf_paths_action_network(action);
    size_t M = hf_paths_rows(n, 0);
    *s = (solver){.action = action,
                  .network = n,
                  .size = hf_paths_offset(n, n->layers),
                  .scale = (double)hf_paths_action_examples(action)};
    for (size_t l = 0; l < n->layers; l++)
        s->count += hf_paths_rows(n, l) * (hf_paths_rows(n, l) + 1) / 2;
    for (size_t l = 0; l <= n->layers; l++)
        s->scale = fmax(s->scale, n->widths[l]);
    HF_TRY(hf_array_create(error, 5 * s->size + 3 * M * M + s->count, &s->limit));
    s->order = s->limit + s->size;
    s->gradient = s->order + s->size;
    s->other = s->gradient + s->size;
    s->base = s->other + s->size;
    s->factor = s->base + s->size;
    s->room = s->factor + M * M;
    s->product = s->room + M * M;
    s->x = s->product + M * M;
    hf_paths_gaussian_limit(n, s->limit);
    return hf_array_create(error, s->size, &s->best);
}

hf_status hf_paths_solve(hf_error *error, hf_paths_action *action, size_t starts, hf_paths_solution *out) {
    solver s;
    *out = (hf_paths_solution){0};
    hf_status status = create(error, action, &s);
    for (size_t start = 0; start < starts && status == HF_OK; start++)
        status = begin_at(error, &s, start, out);
    if (status == HF_OK) {
        out->order = s.best;
        s.best = NULL;
    }
    hf_array_destroy(&s.best);
    hf_array_destroy(&s.limit);
    return status;
}
