/* The flow map interpolated through its nodes at a lattice of points of equal mass. docs/theory.md (16).
 *
 * The displacement theta(t) - theta_0 is a smooth function of theta_0, known on a tensor rule: it is
 * interpolated by the barycentric formula (Berrut and Trefethen 2004) on Gauss nodes and by the trigonometric
 * kernel on the equispaced nodes of an angle. The points are the quantiles of rho_0 at the Kronecker lattice
 * u_d = frac(1/2 + k g^{-d-1}), g^{D+1} = g + 1, whose projections on each axis are as even as a
 * one-dimensional mesh. */
#include "flowmap/flowmap.h"

#include <math.h>
#include <string.h>

/* Barycentric weights of distinct nodes, up to a common factor. */
static void barycentric_weights(size_t n, const double *node, double *weight) {
    double scale = 4 / (node[n - 1] - node[0]); /* keeps the products near 1 */
    for (size_t j = 0; j < n; j++) {
        weight[j] = 1;
        for (size_t k = 0; k < n; k++)
            if (k != j)
                weight[j] /= scale * (node[j] - node[k]);
    }
}

/* Shares of the nodes in the interpolated value at x. */
static void polynomial_row(size_t n, const double *node, const double *weight, double x, double *row) {
    double total = 0;
    for (size_t j = 0; j < n; j++) {
        if (x == node[j]) {
            memset(row, 0, n * sizeof *row);
            row[j] = 1;
            return;
        }
        row[j] = weight[j] / (x - node[j]);
        total += row[j];
    }
    for (size_t j = 0; j < n; j++)
        row[j] /= total;
}

static void trigonometric_row(size_t n, const double *node, double x, double *row) {
    for (size_t j = 0; j < n; j++) {
        double t = 0.5 * (x - node[j]), s = sin(t);
        row[j] = fabs(s) < 1e-15 ? 1 : sin((double)n * t) / ((double)n * (n % 2 == 1 ? s : tan(t)));
    }
}

/* Sum over the tensor of nodes of displacement times the product of the rows; axis d and those behind it.
 * displacement: shape (nodes of d, nodes of d + 1, .., dim). */
static void contract(const hf_flowmap *map, size_t d, const double *rows, const double *rule,
                     const double *theta, double share, const double *start, double *displacement) {
    size_t dim = map->dim, inner = 1;
    for (size_t b = d + 1; b < dim; b++)
        inner *= map->nodes[b];
    double from[HF_DIM_MAX];
    memcpy(from, start, dim * sizeof *from);
    for (size_t j = 0; j < map->nodes[d]; j++) {
        double product = share * rows[d * map->stride + j];
        from[d] = rule[d * map->stride + j];
        if (d + 1 < dim)
            contract(map, d + 1, rows, rule, theta + j * inner * dim, product, from, displacement);
        else
            for (size_t b = 0; b < dim; b++)
                displacement[b] += product * (theta[j * dim + b] - from[b]);
    }
}

/* g with g^{D+1} = g + 1. */
static double lattice_base(size_t dim) {
    double g = 1.5;
    for (int i = 0; i < 60; i++)
        g = pow(1 + g, 1 / ((double)dim + 1));
    return g;
}

static void sample_component(const hf_flowmap *map, size_t c, size_t count, const double *weights,
                             double *rows, double *theta) {
    size_t components, dim = map->dim;
    const hf_grid *grid = hf_problem_grid(map->problem);
    const hf_component *component = &hf_problem_components(map->problem, &components)[c];
    const double *rule = map->rule + c * dim * map->stride;
    double base = lattice_base(dim);
    for (size_t k = 0; k < count; k++) {
        double start[HF_DIM_MAX] = {0}, displacement[HF_DIM_MAX] = {0}, nothing[HF_DIM_MAX] = {0}, whole;
        for (size_t d = 0; d < dim; d++) {
            const hf_profile *profile = &component->profile[d];
            double u = modf(0.5 + (double)k * pow(base, -(double)d - 1), &whole);
            start[d] = hf_profile_quantile(profile, hf_grid_axis(grid, d), u);
            if (profile->kind == HF_PROFILE_COSINE)
                trigonometric_row(map->nodes[d], rule + d * map->stride, start[d], rows + d * map->stride);
            else
                polynomial_row(map->nodes[d], rule + d * map->stride, weights + d * map->stride, start[d],
                               rows + d * map->stride);
        }
        contract(map, 0, rows, rule, hf_flowmap_points(map) + c * map->each * dim, 1, nothing, displacement);
        for (size_t d = 0; d < dim; d++)
            theta[(d * components + c) * count + k] = start[d] + displacement[d];
    }
}

hf_status hf_flowmap_sample(hf_error *error, const hf_flowmap *map, size_t count, double *theta,
                            double *mass) {
    size_t components, row = map->dim * map->stride;
    const hf_component *component = hf_problem_components(map->problem, &components);
    double *work; /* barycentric weights and interpolation rows: shape (2, dim, stride) */
    HF_TRY(hf_array_create(error, 2 * row, &work));
    for (size_t c = 0; c < components; c++) {
        for (size_t d = 0; d < map->dim; d++)
            barycentric_weights(map->nodes[d], map->rule + (c * map->dim + d) * map->stride,
                                work + d * map->stride);
        sample_component(map, c, count, work, work + row, theta);
        for (size_t k = 0; k < count; k++)
            mass[c * count + k] = component[c].weight / (double)count;
    }
    hf_array_destroy(&work);
    return HF_OK;
}
