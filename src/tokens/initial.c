/* Initial densities of tokens: docs/tokens.md (T6). Cell means are integrals over the cells; with a duality
 * flux the numbers are those of a measure with the same integrals of smooth functions: point values on an
 * angle, and on colatitudes Gauss nodes that are spread over the cells beside them. */
#include "tokens/tokens.h"

#include <gsl/gsl_integration.h>
#include <gsl/gsl_sf_legendre.h>
#include <math.h>

enum { RULE = 8 }; /* Gauss nodes in a cell */

void hf_tokens_point(size_t dim, const double angle[], double x[]) {
    if (dim == 2) {
        x[0] = cos(angle[0]);
        x[1] = sin(angle[0]);
        return;
    }
    x[0] = sin(angle[0]) * cos(angle[1]);
    x[1] = sin(angle[0]) * sin(angle[1]);
    x[2] = cos(angle[0]);
}

hf_tokens_place hf_tokens_place_at(const hf_grid *grid, size_t dim, size_t cell) {
    double angle[2] = {0};
    hf_grid_centers(grid, cell, angle);
    double s = sin(angle[0]), c = cos(angle[0]), cp = cos(angle[1]), sp = sin(angle[1]);
    if (dim == 2)
        return (hf_tokens_place){{c, s}, {{-s, c}}};
    return (hf_tokens_place){{s * cp, s * sp, c}, {{c * cp, c * sp, -s}, {-s * sp, s * cp, 0}}};
}

double hf_tokens_initial_mean(const hf_tokens_input *input) {
    double trace = 0;
    for (size_t i = 0; i < input->dim; i++)
        trace += input->initial.quadratic[i * input->dim + i];
    return 1 + trace / (double)input->dim;
}

double hf_tokens_initial_at(const hf_tokens_input *input, const double x[]) {
    const hf_tokens_initial *start = &input->initial;
    size_t dim = input->dim;
    double value = 1, mean = hf_tokens_initial_mean(input);
    for (size_t i = 0; i < dim; i++) {
        value += start->linear[i] * x[i];
        for (size_t j = 0; j < dim; j++)
            value += x[i] * start->quadratic[i * dim + j] * x[j];
    }
    if (dim == 3) {
        for (size_t l = 1; l <= start->legendre_count; l++)
            value += start->legendre[l - 1] * gsl_sf_legendre_Pl((int)l, fmin(fmax(x[2], -1), 1));
        return value / (4 * M_PI * mean);
    }
    double theta = atan2(x[1], x[0]);
    for (size_t k = 1; k <= start->cosine_count; k++)
        value += start->cosine[k - 1] * cos((double)k * theta);
    for (size_t k = 1; k <= start->sine_count; k++)
        value += start->sine[k - 1] * sin((double)k * theta);
    return value / (2 * M_PI * mean);
}

/* Mass a coordinate at angles. */
static double at(const hf_tokens *tokens, const double angle[2]) {
    double x[HF_TOKENS_DIM_MAX];
    hf_tokens_point(tokens->input.dim, angle, x);
    double ring = tokens->input.dim == 2 ? 1 : sin(angle[0]) * (tokens->input.axis_count == 1 ? 2 * M_PI : 1);
    return hf_tokens_initial_at(&tokens->input, x) * ring;
}

static double cell_mean(const hf_tokens *tokens, size_t cell, const double *node, const double *weight) {
    size_t axes = hf_grid_dim(tokens->grid);
    double center[2] = {0}, angle[2] = {0}, sum = 0;
    hf_grid_centers(tokens->grid, cell, center);
    for (size_t i = 0; i < RULE; i++) {
        angle[0] = center[0] + node[i] * hf_grid_spacing(tokens->grid, 0);
        for (size_t j = 0; j < (axes == 2 ? RULE : 1); j++) {
            angle[1] = axes == 2 ? center[1] + node[j] * hf_grid_spacing(tokens->grid, 1) : 0;
            sum += weight[i] * (axes == 2 ? weight[j] : 1) * at(tokens, angle);
        }
    }
    return sum;
}

static void fill_means(const hf_tokens *tokens, double *g) {
    double node[RULE], weight[RULE];
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(RULE);
    for (size_t i = 0; i < RULE; i++)
        gsl_integration_glfixed_point(-0.5, 0.5, i, &node[i], &weight[i], table);
    gsl_integration_glfixed_table_free(table);
    for (size_t i = 0; i < hf_grid_cells(tokens->grid); i++)
        g[i] = cell_mean(tokens, i, node, weight);
}

/* Of the circle: integrals by midpoints are those of all modes below the grid's. */
static void fill_points(const hf_tokens *tokens, double *g) {
    for (size_t i = 0; i < hf_grid_cells(tokens->grid); i++) {
        double angle[2] = {hf_grid_center(tokens->grid, 0, i)};
        g[i] = at(tokens, angle);
    }
}

/* Of the sphere: nodes of a Gauss rule in the colatitude are spread as point masses. */
static void fill_spread(const hf_tokens *tokens, double *g) {
    const hf_grid *grid = tokens->grid;
    size_t rows = hf_grid_axis(grid, 0)->cells, columns = hf_grid_cells(grid) / rows, nodes = 4 * rows;
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(nodes);
    for (size_t i = 0; i < rows * columns; i++)
        g[i] = 0;
    for (size_t k = 0; k < nodes; k++) {
        double share[HF_SPREAD], angle[2] = {0}, weight;
        gsl_integration_glfixed_point(0, M_PI, k, &angle[0], &weight, table);
        size_t first = hf_grid_spread(grid, 0, angle[0], share);
        for (size_t j = 0; j < columns; j++) {
            angle[1] = columns > 1 ? hf_grid_center(grid, 1, j) : 0;
            double mass = weight * at(tokens, angle) / hf_grid_spacing(grid, 0);
            for (size_t i = 0; i < HF_SPREAD; i++)
                g[(first + i) * columns + j] += mass * share[i];
        }
    }
    gsl_integration_glfixed_table_free(table);
}

/* The cell that has an angle. */
static size_t cell_of(const hf_grid *grid, size_t axis, double angle) {
    const hf_axis *a = hf_grid_axis(grid, axis);
    double place = (angle - a->lower) / (a->upper - a->lower);
    size_t cell = (size_t)((place - (a->periodic ? floor(place) : 0)) * (double)a->cells);
    return cell < a->cells ? cell : a->cells - 1;
}

/* Shares of the cells of an axis in a point mass: one cell's, or those that keep moments. */
static size_t shares(const hf_tokens *tokens, size_t axis, double angle, double share[HF_SPREAD]) {
    if (tokens->dual)
        return hf_grid_spread(tokens->grid, axis, angle, share);
    for (size_t i = 0; i < HF_SPREAD; i++)
        share[i] = i == 0;
    return cell_of(tokens->grid, axis, angle);
}

static void add_point(const hf_tokens *tokens, const struct hf_tokens_point *point, double *g) {
    const hf_grid *grid = tokens->grid;
    size_t rows = hf_grid_axis(grid, 0)->cells, columns = hf_grid_cells(grid) / rows;
    double share[HF_SPREAD], beside[HF_SPREAD] = {1};
    size_t first = shares(tokens, 0, point->angle[0], share);
    size_t left = columns > 1 ? shares(tokens, 1, point->angle[1], beside) : 0;
    for (size_t i = 0; i < HF_SPREAD; i++)
        for (size_t j = 0; j < HF_SPREAD; j++)
            if (share[i] * beside[j] != 0)
                g[(first + i) % rows * columns + (left + j) % columns] +=
                    point->weight * share[i] * beside[j] / hf_grid_volume(grid);
}

static void fill_point_masses(const hf_tokens *tokens, double *g) {
    const hf_tokens_initial *start = &tokens->input.initial;
    double total = 0;
    for (size_t k = 0; k < start->point_count; k++)
        total += start->point[k].weight;
    for (size_t i = 0; i < hf_grid_cells(tokens->grid); i++)
        g[i] = 0;
    for (size_t k = 0; k < start->point_count; k++) {
        struct hf_tokens_point point = start->point[k];
        point.weight /= total;
        add_point(tokens, &point, g);
    }
}

hf_status hf_tokens_initial_density(hf_error *error, const hf_tokens *tokens, double *g) {
    size_t cells = hf_grid_cells(tokens->grid);
    if (tokens->input.initial.point_count > 0)
        fill_point_masses(tokens, g);
    else if (!tokens->dual)
        fill_means(tokens, g);
    else if (tokens->input.dim == 2)
        fill_points(tokens, g);
    else
        fill_spread(tokens, g);
    double mass = 0;
    for (size_t i = 0; i < cells; i++)
        mass += g[i] * hf_grid_volume(tokens->grid);
    if (!(fabs(mass - 1) < 1e-6))
        return hf_raise(error, HF_ERR_INPUT,
                        "initial: its mass on this grid is %.9g; raise grid.cells, which does not resolve it",
                        mass);
    for (size_t i = 0; i < cells; i++)
        g[i] /= mass;
    return HF_OK;
}
