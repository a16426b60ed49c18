/* The flow map interpolated through its nodes onto a fine mesh of equal-mass points. docs/theory.md (16).
 *
 * The displacement theta(t) - theta_0 is a smooth function of theta_0, known on a tensor rule: it is
 * interpolated one axis at a time, by the barycentric formula (Berrut and Trefethen 2004) on Gauss nodes and
 * by the trigonometric kernel on the equispaced nodes of an angle. */
#include "flowmap/flowmap.h"

#include <math.h>
#include <string.h>

/* Weights of the nodes of a rule in the interpolated value at x. */
static void polynomial_row(size_t n, const double *node, double x, double *row) {
    double scale = 4 / (node[n - 1] - node[0]), total = 0; /* keeps the products near 1 */
    for (size_t j = 0; j < n; j++) {
        if (x == node[j]) {
            memset(row, 0, n * sizeof *row);
            row[j] = 1;
            return;
        }
        double product = 1;
        for (size_t k = 0; k < n; k++)
            if (k != j)
                product *= scale * (node[j] - node[k]);
        row[j] = 1 / (product * (x - node[j]));
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

/* Interpolate along axis d of a tensor whose axes before d have `fine` points and from d on `nodes`. */
static void refine_axis(size_t before, size_t nodes, size_t after, size_t fine, const double *rows,
                        const double *in, double *out) {
    for (size_t b = 0; b < before; b++)
        for (size_t f = 0; f < fine; f++) {
            double *target = out + (b * fine + f) * after;
            memset(target, 0, after * sizeof *target);
            for (size_t j = 0; j < nodes; j++) {
                const double *source = in + (b * nodes + j) * after;
                for (size_t a = 0; a < after; a++)
                    target[a] += rows[f * nodes + j] * source[a];
            }
        }
}

/* Workspace of the interpolation of one component. */
typedef struct mesh_work {
    double *start; /* initial positions along each axis: shape (dim, fine) */
    double *rows;  /* shape (fine, nodes) */
    double *in, *out;
} mesh_work;

static void interpolate_component(const hf_flowmap *map, size_t c, size_t fine, size_t coordinate,
                                  mesh_work *work, double *point) {
    const hf_grid *grid = hf_problem_grid(map->problem);
    size_t components, dim = map->dim, nodes = map->nodes, each = hf_power(nodes, dim);
    const hf_component *component = &hf_problem_components(map->problem, &components)[c];
    const double *theta = hf_flowmap_points(map), *rule = map->rule + c * dim * nodes;
    size_t stride = hf_power(nodes, dim - 1 - coordinate);
    for (size_t i = 0; i < each; i++)
        work->in[i] =
            theta[(c * each + i) * dim + coordinate] - rule[coordinate * nodes + i / stride % nodes];
    for (size_t d = 0; d < dim; d++) {
        const hf_profile *profile = &component->profile[d];
        for (size_t f = 0; f < fine; f++) {
            double x = hf_profile_quantile(profile, hf_grid_axis(grid, d), ((double)f + 0.5) / (double)fine);
            work->start[d * fine + f] = x;
            if (profile->kind == HF_PROFILE_COSINE)
                trigonometric_row(nodes, rule + d * nodes, x, work->rows + f * nodes);
            else
                polynomial_row(nodes, rule + d * nodes, x, work->rows + f * nodes);
        }
        refine_axis(hf_power(fine, d), nodes, hf_power(nodes, dim - 1 - d), fine, work->rows, work->in,
                    work->out);
        double *swap = work->in;
        work->in = work->out;
        work->out = swap;
    }
    stride = hf_power(fine, dim - 1 - coordinate);
    for (size_t i = 0; i < hf_power(fine, dim); i++)
        point[i] = work->in[i] + work->start[coordinate * fine + i / stride % fine];
}

size_t hf_flowmap_mesh_count(const hf_flowmap *map, size_t fine) {
    return map->components * hf_power(fine, map->dim);
}

hf_status hf_flowmap_mesh(hf_error *error, const hf_flowmap *map, size_t fine, size_t coordinate,
                          double *point, double *mass) {
    size_t components, each = hf_power(fine, map->dim);
    size_t largest = hf_power(fine > map->nodes ? fine : map->nodes, map->dim);
    const hf_component *component = hf_problem_components(map->problem, &components);
    mesh_work work = {0};
    hf_status status = hf_array_create(error, map->dim * fine, &work.start);
    if (status == HF_OK)
        status = hf_array_create(error, fine * map->nodes, &work.rows);
    if (status == HF_OK)
        status = hf_array_create(error, largest, &work.in);
    if (status == HF_OK)
        status = hf_array_create(error, largest, &work.out);
    for (size_t c = 0; c < components && status == HF_OK; c++) {
        interpolate_component(map, c, fine, coordinate, &work, point + c * each);
        for (size_t i = 0; i < each; i++)
            mass[c * each + i] = component[c].weight / (double)each;
    }
    hf_array_destroy(&work.start);
    hf_array_destroy(&work.rows);
    hf_array_destroy(&work.in);
    hf_array_destroy(&work.out);
    return status;
}
