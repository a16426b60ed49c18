/* The debiased Sinkhorn divergence of densities on one grid. docs/theory.md (25), (26).
 *
 * All potentials are in units of epsilon, f <- T_b(g) = -log sum_j b_j exp(g_j - C_ij) with C the squared
 * distance over epsilon. The kernel exp(-C) is a product over the axes, so T works axis by axis: exponentials
 * relative to the largest of their line, a product with the matrix of the axis, logarithms. Where a sum falls
 * so low that terms may have underflowed it is added up again relative to its own largest term: nothing is
 * lost at any epsilon.
 *
 * When not to use it: epsilon far below the squared spacing sees the cells as separate points. */
#include "base/simd.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_ITERATIONS = 10000, PERIOD = 16 }; /* steps between two looks at their decay */
static const double default_tolerance = 1e-4, largest_factor = 1.9;
static const double lowest_sum = 1e-280; /* of terms of at most 1, each lost below 1e-308 */

struct hf_sinkhorn {
    size_t dim, cells, most; /* most: iterations */
    size_t sides[HF_DIM_MAX], strides[HF_DIM_MAX];
    double epsilon, tolerance;
    double *cost[HF_DIM_MAX], *kernel[HF_DIM_MAX]; /* shape (n, n) of an axis: C and exp(-C) */
    double *mass, *log_mass;                       /* shape (cells) */
    double *self;                                  /* shape (cells): symmetric potential, on all cells */
    double self_term;                              /* OT(a, a)/epsilon */
};

/* Work space of one distance. All shapes (cells) but highest (cells): one a line. */
typedef struct workspace {
    double *log_mass, *f, *g, *next, *exponent, *sum, *highest;
} workspace;

static hf_status workspace_create(hf_error *error, size_t cells, workspace *w) {
    HF_TRY(hf_array_create(error, 7 * cells, &w->log_mass));
    double **arrays[] = {&w->f, &w->g, &w->next, &w->exponent, &w->sum, &w->highest};
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
        *arrays[k] = w->log_mass + (k + 1) * cells;
    return HF_OK;
}

/* ---- the kernel ---------------------------------------------------------------------------------------- */

/* sum = K exponent for `inner` lines of n cells side by side; K is symmetric. */
HF_CLONES static void multiply(size_t n, size_t inner, const double *restrict kernel,
                               const double *restrict exponent, double *restrict sum) {
    memset(sum, 0, n * inner * sizeof *sum);
    if (inner == 1) {
        for (size_t j = 0; j < n; j++)
            for (size_t i = 0; i < n; i++)
                sum[i] += kernel[j * n + i] * exponent[j];
        return;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < inner; k++)
                sum[i * inner + k] += kernel[i * n + j] * exponent[j * inner + k];
}

/* log sum_j exp(phi_j - C_ij) relative to the largest term. phi: a line with stride `inner`. */
static double log_sum(size_t n, size_t inner, const double *cost, const double *phi) {
    double highest = -INFINITY, sum = 0;
    for (size_t j = 0; j < n; j++)
        highest = fmax(highest, phi[j * inner] - cost[j]);
    if (highest == -INFINITY)
        return highest;
    for (size_t j = 0; j < n; j++)
        sum += exp(phi[j * inner] - cost[j] - highest);
    return highest + log(sum);
}

/* phi <- log sum_j exp(phi_j - C_ij) along one axis, for the lines of one slab. */
static void smooth_slab(const hf_sinkhorn *s, size_t d, workspace *w, double *phi) {
    size_t n = s->sides[d], inner = s->strides[d];
    for (size_t k = 0; k < inner; k++)
        w->highest[k] = -INFINITY;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < inner; k++)
            w->highest[k] = fmax(w->highest[k], phi[i * inner + k]);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < inner; k++)
            w->exponent[i * inner + k] =
                w->highest[k] == -INFINITY ? 0 : exp(phi[i * inner + k] - w->highest[k]);
    multiply(n, inner, s->kernel[d], w->exponent, w->sum);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < inner; k++) {
            double sum = w->sum[i * inner + k];
            w->sum[i * inner + k] =
                sum >= lowest_sum ? w->highest[k] + log(sum) : log_sum(n, inner, s->cost[d] + i * n, phi + k);
        }
    memcpy(phi, w->sum, n * inner * sizeof *phi);
}

/* out = T(potential) with the masses of `log_mass`. out must not alias potential. */
static void transform(const hf_sinkhorn *s, const double *log_mass, const double *potential, workspace *w,
                      double *out) {
    for (size_t i = 0; i < s->cells; i++)
        out[i] = log_mass[i] + potential[i];
    for (size_t d = 0; d < s->dim; d++)
        for (size_t slab = 0; slab < s->cells; slab += s->sides[d] * s->strides[d])
            smooth_slab(s, d, w, out + slab);
    for (size_t i = 0; i < s->cells; i++)
        out[i] = -out[i];
}

/* ---- iterations ---------------------------------------------------------------------------------------- */

static double dot(size_t count, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Mass that a marginal misses while its potential is not yet what T makes of the other one. */
static double missed(size_t count, const double *mass, const double *potential, const double *next) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += mass[i] == 0 ? 0 : mass[i] * fabs(expm1(potential[i] - next[i]));
    return sum;
}

static hf_status give_up(hf_error *error, const hf_sinkhorn *s) {
    return hf_raise(
        error, HF_ERR_NUMERIC,
        "Sinkhorn: marginals off by more than %g after %zu iterations at epsilon = %g; expected a "
        "larger epsilon",
        s->tolerance, s->most, s->epsilon);
}

/* The symmetric problem, by averages (Feydy et al. 2019): p <- (p + T(p))/2. Returns OT/epsilon; p becomes T
 * of it, defined on all cells. */
static hf_status solve_symmetric(hf_error *error, const hf_sinkhorn *s, const double *mass,
                                 const double *log_mass, workspace *w, double *p, double *term) {
    for (size_t k = 0; k < s->most; k++) {
        transform(s, log_mass, p, w, w->next);
        bool done = missed(s->cells, mass, p, w->next) <= s->tolerance;
        if (done) { /* (p, T(p)) is feasible for the dual */
            *term = dot(s->cells, mass, p) + dot(s->cells, mass, w->next);
            memcpy(p, w->next, s->cells * sizeof *p);
            return HF_OK;
        }
        for (size_t i = 0; i < s->cells; i++)
            p[i] = 0.5 * (p[i] + w->next[i]);
    }
    return give_up(error, s);
}

/* The next factor of over-relaxation from this one and the decay of the error in a step. In Young's theory a
 * decay l > factor - 1 comes from the rate r = (l + factor - 1)^2/(l factor^2) of plain steps, for which
 * 2/(1 + sqrt(1 - r)) is best (Lehmann et al. 2022). Where errors grow the factor was too large. */
static double next_factor(double factor, double decay) {
    if (!(decay < 1))
        return 0.5 * (1 + factor);
    if (decay <= factor - 1)
        return factor;
    double rate = pow((decay + factor - 1) / factor, 2) / decay;
    return fmin(2 / (1 + sqrt(fmax(1 - rate, 0))), largest_factor);
}

/* potential <- potential + factor (T(other) - potential). Returns the mass missed before. */
static double relax(const hf_sinkhorn *s, const double *mass, const double *other_log_mass,
                    const double *other, double factor, workspace *w, double *potential) {
    transform(s, other_log_mass, other, w, w->next);
    double off = missed(s->cells, mass, potential, w->next);
    for (size_t i = 0; i < s->cells; i++)
        potential[i] += factor * (w->next[i] - potential[i]);
    return off;
}

/* Alternately, from the density's own potential, over-relaxed. */
static hf_status solve(hf_error *error, const hf_sinkhorn *s, const double *mass, workspace *w,
                       double *term) {
    double factor = 1, before = INFINITY;
    memcpy(w->f, s->self, s->cells * sizeof *w->f);
    memcpy(w->g, s->self, s->cells * sizeof *w->g);
    for (size_t k = 0; k < s->most; k++) {
        double rows = relax(s, s->mass, w->log_mass, w->g, factor, w, w->f);
        double columns = relax(s, mass, s->log_mass, w->f, factor, w, w->g), off = fmax(rows, columns);
        if (off <= s->tolerance) { /* (T(g), g) is feasible for the dual */
            transform(s, w->log_mass, w->g, w, w->f);
            *term = dot(s->cells, s->mass, w->f) + dot(s->cells, mass, w->g);
            return HF_OK;
        }
        if (k % PERIOD == 0) /* a change of factor takes half a period to settle */
            before = off;
        else if (k % PERIOD == PERIOD / 2)
            factor = next_factor(factor, pow(off / before, 2.0 / PERIOD));
    }
    return give_up(error, s);
}

/* ---- the object ---------------------------------------------------------------------------------------- */

static void fill_logarithms(size_t count, const double *mass, double *log_mass) {
    for (size_t i = 0; i < count; i++)
        log_mass[i] = log(mass[i]); /* -inf in empty cells */
}

static hf_status fill_axis(hf_error *error, const hf_grid *grid, size_t d, hf_sinkhorn *s) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    size_t n = s->sides[d] = axis->cells;
    s->strides[d] = hf_grid_stride(grid, d);
    HF_TRY(hf_array_create(error, n * n, &s->cost[d]));
    HF_TRY(hf_array_create(error, n * n, &s->kernel[d]));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double x = hf_axis_difference(axis, hf_grid_center(grid, d, i), hf_grid_center(grid, d, j));
            s->cost[d][i * n + j] = x * x / s->epsilon;
            s->kernel[d][i * n + j] = exp(-s->cost[d][i * n + j]);
        }
    return HF_OK;
}

static hf_status prepare(hf_error *error, const hf_grid *grid, const double *cell_mass, hf_sinkhorn *s) {
    workspace w = {0};
    for (size_t d = 0; d < s->dim; d++)
        HF_TRY(fill_axis(error, grid, d, s));
    HF_TRY(hf_array_create(error, s->cells, &s->mass));
    HF_TRY(hf_array_create(error, s->cells, &s->log_mass));
    HF_TRY(hf_array_create(error, s->cells, &s->self));
    HF_TRY(hf_mass_normalise(error, "density", s->cells, cell_mass, s->mass));
    fill_logarithms(s->cells, s->mass, s->log_mass);
    HF_TRY(workspace_create(error, s->cells, &w));
    hf_status status = solve_symmetric(error, s, s->mass, s->log_mass, &w, s->self, &s->self_term);
    hf_array_destroy(&w.log_mass);
    return status;
}

hf_status hf_sinkhorn_create(hf_error *error, const hf_grid *grid, const hf_sinkhorn_options *options,
                             const double *cell_mass, hf_sinkhorn **out) {
    hf_sinkhorn *s;
    *out = NULL;
    if (!(options->epsilon > 0) || !isfinite(options->epsilon))
        return hf_raise(error, HF_ERR_INPUT, "Sinkhorn: epsilon %g; expected a positive number",
                        options->epsilon);
    HF_TRY(hf_allocate(error, 1, sizeof *s, &s));
    s->dim = hf_grid_dim(grid);
    s->cells = hf_grid_cells(grid);
    s->epsilon = options->epsilon;
    s->tolerance = options->tolerance > 0 ? options->tolerance : default_tolerance;
    s->most = options->iterations > 0 ? options->iterations : DEFAULT_ITERATIONS;
    hf_status status = prepare(error, grid, cell_mass, s);
    if (status != HF_OK)
        hf_sinkhorn_destroy(&s);
    *out = s;
    return status;
}

void hf_sinkhorn_destroy(hf_sinkhorn **sinkhorn) {
    if (sinkhorn == NULL || *sinkhorn == NULL)
        return;
    hf_sinkhorn *s = *sinkhorn;
    for (size_t d = 0; d < HF_DIM_MAX; d++) {
        hf_array_destroy(&s->cost[d]);
        hf_array_destroy(&s->kernel[d]);
    }
    hf_array_destroy(&s->mass);
    hf_array_destroy(&s->log_mass);
    hf_array_destroy(&s->self);
    free(s);
    *sinkhorn = NULL;
}

/* ---- the divergence ------------------------------------------------------------------------------------ */

static hf_status divergence(hf_error *error, const hf_sinkhorn *s, const double *mass, workspace *w,
                            double *out) {
    double mixed = 0, own = 0;
    fill_logarithms(s->cells, mass, w->log_mass);
    HF_TRY(solve(error, s, mass, w, &mixed));
    memcpy(w->g, s->self, s->cells * sizeof *w->g);
    HF_TRY(solve_symmetric(error, s, mass, w->log_mass, w, w->g, &own));
    *out = s->epsilon * (mixed - 0.5 * (s->self_term + own));
    return HF_OK;
}

hf_status hf_sinkhorn_distance(hf_error *error, const hf_sinkhorn *sinkhorn, const double *cell_mass,
                               double *distance) {
    workspace w = {0};
    double *mass, squared = 0;
    HF_TRY(hf_array_create(error, sinkhorn->cells, &mass));
    hf_status status = hf_mass_normalise(error, "density", sinkhorn->cells, cell_mass, mass);
    if (status == HF_OK)
        status = workspace_create(error, sinkhorn->cells, &w);
    if (status == HF_OK)
        status = divergence(error, sinkhorn, mass, &w, &squared);
    *distance = sqrt(fmax(squared, 0));
    hf_array_destroy(&w.log_mass);
    hf_array_destroy(&mass);
    return status;
}
