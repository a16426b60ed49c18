/* The context table: cell means of the context vectors over the alpha-grid, and with it the two maps of the
 * right-hand side, density moments -> logits and residuals -> potential. Each is the transpose of the other,
 * which makes the discrete potential the exact derivative of the discrete risk. docs/numerics.md (2)-(5).
 *
 * Since head logits are affine in v only the moments (1, v_j) of the density over the value cells of each
 * alpha-cell enter; nothing has the size of the full grid. */
#include "attention/model.h"

#include "base/simd.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GAUSS_MAX = 3 };

/* Quadrature of a function over a cell, along an axis: nodes in half cell widths from the centre. */
static const struct quadrature {
    size_t points;
    double node[GAUSS_MAX], mass[GAUSS_MAX];
} quadratures[] = {
    [HF_CELL_MEANS] = {3,
                       {-0.77459666924148337704, 0, 0.77459666924148337704},
                       {5.0 / 18, 8.0 / 18, 5.0 / 18}},
    [HF_POINT_VALUES] = {1, {0}, {1}},
};

struct hf_table {
    const hf_model *model;
    const hf_grid *grid;
    hf_sampling sampling;
    size_t rows;        /* n: alpha-cells */
    size_t columns;     /* E * width */
    size_t value_cells; /* cells of the full grid a row */
    size_t line;        /* cells along the last value axis (1 without value axes): contiguous */
    double *context;    /* c_e, means or values: shape (rows, E, width) */
    double *sums;       /* sum_a moments c: shape (1 + n_v, E, width); and scratch of the same size */
    double *projection; /* shape (1 + n_v, E, width) */
    double *center;     /* of the last value axis: shape (line) */
};

static size_t count_cells(const hf_grid *grid, size_t first, size_t last) {
    size_t cells = 1;
    for (size_t d = first; d < last; d++)
        cells *= hf_grid_axis(grid, d)->cells;
    return cells;
}

size_t hf_table_bytes(const hf_model *model, const hf_grid *grid) {
    size_t columns = hf_events_count(model->events) * model->width;
    size_t rows = count_cells(grid, 0, model->alphas) + 2 * (1 + model->values);
    if (columns > 0 && rows > SIZE_MAX / sizeof(double) / columns)
        return SIZE_MAX;
    return rows * columns * sizeof(double);
}

/* All contexts in one alpha-cell. */
static void fill_row(const hf_table *table, size_t row, double *work) {
    const hf_model *model = table->model;
    const struct quadrature *rule = &quadratures[table->sampling];
    size_t n = model->alphas, width = model->width, points = 1;
    double *context = table->context + row * table->columns;
    for (size_t d = 0; d < n; d++)
        points *= rule->points;
    for (size_t p = 0; p < points; p++) {
        double alpha[HF_ATTENTION_MAX], phi[HF_FEATURES_MAX], mass = 1;
        size_t rest_point = p, rest_row = row;
        for (size_t d = n; d-- > 0;) {
            size_t cells = hf_grid_axis(table->grid, d)->cells, q = rest_point % rule->points;
            alpha[d] = hf_grid_center(table->grid, d, rest_row % cells) +
                       0.5 * hf_grid_spacing(table->grid, d) * rule->node[q];
            mass *= rule->mass[q];
            rest_point /= rule->points;
            rest_row /= cells;
        }
        model->form->features(n, alpha, phi, NULL, NULL);
        for (size_t e = 0; e < table->columns / width; e++) {
            hf_model_context_features(model, e, phi, work);
            for (size_t i = 0; i < width; i++)
                context[e * width + i] += mass * work[i];
        }
    }
}

hf_status hf_table_create(hf_error *error, const hf_model *model, const hf_grid *grid, hf_sampling sampling,
                          hf_table **out) {
    *out = NULL;
    size_t dim = hf_grid_dim(grid), terms = 1 + model->values;
    if (dim != model->alphas + model->values)
        return hf_raise(error, HF_ERR_INPUT, "a grid of %zu axes for heads with %zu coordinates", dim,
                        model->alphas + model->values);
    hf_table *table;
    HF_TRY(hf_allocate(error, 1, sizeof *table, &table));
    table->model = model;
    table->grid = grid;
    table->sampling = sampling;
    table->rows = count_cells(grid, 0, model->alphas);
    table->value_cells = hf_grid_cells(grid) / table->rows;
    table->line = model->values > 0 ? hf_grid_axis(grid, dim - 1)->cells : 1;
    table->columns = hf_events_count(model->events) * model->width;
    double *work = NULL;
    hf_status status = hf_array_create(error, table->rows * table->columns, &table->context);
    if (status == HF_OK)
        status = hf_array_create(error, terms * table->columns, &table->sums);
    if (status == HF_OK)
        status = hf_array_create(error, terms * table->columns, &table->projection);
    if (status == HF_OK)
        status = hf_array_create(error, table->line, &table->center);
    if (status == HF_OK)
        status = hf_array_create(error, model->width, &work);
    if (status != HF_OK) {
        hf_table_destroy(&table);
        return status;
    }
    for (size_t a = 0; a < table->rows; a++)
        fill_row(table, a, work);
    hf_array_destroy(&work);
    for (size_t k = 0; model->values > 0 && k < table->line; k++)
        table->center[k] = hf_grid_center(grid, dim - 1, k);
    *out = table;
    return HF_OK;
}

void hf_table_destroy(hf_table **table) {
    if (table == NULL || *table == NULL)
        return;
    hf_array_destroy(&(*table)->context);
    hf_array_destroy(&(*table)->sums);
    hf_array_destroy(&(*table)->projection);
    hf_array_destroy(&(*table)->center);
    free(*table);
    *table = NULL;
}

size_t hf_table_rows(const hf_table *table) {
    return table->rows;
}

/* Centres of the value coordinates of a line but the last, which runs along the line; value_index is the
 * cell's number among the value cells of its row. */
static void line_values(const hf_table *table, size_t value_index, double v[]) {
    size_t n = table->model->alphas;
    for (size_t j = 0; j + 1 < table->model->values; j++)
        v[j] = hf_grid_center(table->grid, n + j,
                              value_index / hf_grid_stride(table->grid, n + j) %
                                  hf_grid_axis(table->grid, n + j)->cells);
}

void hf_table_moments(const hf_table *table, const double *rho, double *moments) {
    size_t m = table->model->values, terms = 1 + m, line = table->line;
    double volume = hf_grid_volume(table->grid), v[HF_VALUE_MAX] = {0};
    const double *restrict center = table->center;
    for (size_t a = 0; a < table->rows; a++) {
        double *out = moments + a * terms;
        memset(out, 0, terms * sizeof *out);
        for (size_t first = 0; first < table->value_cells; first += line) {
            const double *cell = rho + a * table->value_cells + first;
            double sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
            for (size_t k = 0; k < line; k++) {
                sum += cell[k];
                along += cell[k] * center[k];
            }
            out[0] += volume * sum;
            if (m == 0)
                continue;
            line_values(table, first, v);
            for (size_t j = 0; j + 1 < m; j++)
                out[1 + j] += volume * v[j] * sum;
            out[m] += volume * along;
        }
    }
}

void hf_table_logits(hf_table *table, const double *moments, double *logits) {
    const hf_model *model = table->model;
    size_t terms = 1 + model->values, columns = table->columns, width = model->width;
    memset(table->sums, 0, terms * columns * sizeof *table->sums);
    for (size_t a = 0; a < table->rows; a++) {
        const double *restrict context = table->context + a * columns;
        for (size_t j = 0; j < terms; j++) {
            double *restrict sums = table->sums + j * columns;
            double moment = moments[a * terms + j];
            for (size_t i = 0; i < columns; i++)
                sums[i] += moment * context[i];
        }
    }
    for (size_t e = 0; e < columns / width; e++)
        for (size_t c = 0; c < model->classes; c++) {
            double z = 0;
            for (size_t j = 0; j < terms; j++)
                for (size_t i = 0; i < width; i++)
                    z += model->value_matrix[j][c * width + i] * table->sums[j * columns + e * width + i];
            logits[e * model->classes + c] = z;
        }
}

void hf_table_coefficients(hf_table *table, const double *residual, double *coefficients) {
    size_t terms = 1 + table->model->values, columns = table->columns;
    /* a row of numbers for each coefficient, so that the sums below run over contiguous memory */
    hf_model_project_residual(table->model, residual, table->sums);
    for (size_t i = 0; i < columns; i++)
        for (size_t j = 0; j < terms; j++)
            table->projection[j * columns + i] = table->sums[i * terms + j];
    for (size_t a = 0; a < table->rows; a++) {
        const double *restrict context = table->context + a * columns;
        for (size_t j = 0; j < terms; j++) {
            const double *restrict projection = table->projection + j * columns;
            double sum = 0;
#pragma omp simd reduction(+ : sum)
            for (size_t i = 0; i < columns; i++)
                sum += context[i] * projection[i];
            coefficients[a * terms + j] = sum;
        }
    }
}

/* Half the sum of the squares of the ridged coordinates but the last value coordinate: cell means or
 * values. */
static double row_half_square(const hf_table *table, size_t row, const double v[]) {
    const hf_model *model = table->model;
    size_t n = model->alphas, m = model->values, rest = row;
    double sum = 0;
    for (size_t d = n + m; d-- > 0;) {
        double x = 0;
        if (d >= n)
            x = d + 1 < n + m ? v[d - n] : 0;
        else {
            size_t cells = hf_grid_axis(table->grid, d)->cells;
            x = hf_grid_center(table->grid, d, rest % cells);
            rest /= cells;
        }
        if (hf_model_ridged(model, d))
            sum += 0.5 * (x * x + hf_grid_cell_variance(table->grid, d, table->sampling));
    }
    return sum;
}

/* a + x (b + c x) along a line of cells. */
HF_CLONES static void parabola(size_t count, const double *restrict x, double a, double b, double c,
                               double *restrict out) {
    for (size_t k = 0; k < count; k++)
        out[k] = a + x[k] * (b + c * x[k]);
}

/* The part of a range of cells that lies on one line of the last value axis, where a function with
 * coefficients on the rows is base + slope x. */
typedef struct piece {
    size_t row, length;
    const double *x;
    double v[HF_VALUE_MAX]; /* of the other value axes */
    double base, slope;
} piece;

static piece first_piece(const hf_table *table, const double *coefficients, size_t first, size_t count) {
    size_t m = table->model->values, inside = first % table->value_cells, start = inside % table->line;
    size_t rest = table->line - start;
    piece p = {.row = first / table->value_cells, .length = count < rest ? count : rest};
    const double *g = coefficients + p.row * (1 + m);
    p.x = table->center + start;
    p.base = g[0];
    p.slope = m > 0 ? g[m] : 0;
    line_values(table, inside, p.v);
    for (size_t j = 0; j + 1 < m; j++)
        p.base += p.v[j] * g[1 + j];
    return p;
}

void hf_table_potential(const hf_table *table, const double *coefficients, size_t first, size_t count,
                        double *psi) {
    double ridge = table->model->ridge, half = table->model->values > 0 ? 0.5 * ridge : 0;
    while (count > 0) {
        piece p = first_piece(table, coefficients, first, count);
        if (ridge > 0)
            p.base += ridge * row_half_square(table, p.row, p.v);
        parabola(p.length, p.x, p.base, p.slope, half, psi);
        psi += p.length;
        first += p.length;
        count -= p.length;
    }
}

HF_CLONES static void add_multiple(size_t count, double factor, const double *restrict x,
                                   double *restrict sum) {
    for (size_t i = 0; i < count; i++)
        sum[i] += factor * x[i];
}

/* Along attention axis d: minus the derivative of the polynomial through the nine rows about each, the
 * nearest nine at a wall. Rows that differ behind the axis only are done side by side. velocity: shape (rows,
 * terms) */
static void differentiate(const hf_table *table, size_t d, const double *coefficients, double *velocity) {
    enum { N = HF_SLOPES_MIN };
    const hf_axis *axis = hf_grid_axis(table->grid, d);
    size_t terms = 1 + table->model->values, n = axis->cells;
    size_t width = hf_grid_stride(table->grid, d) / table->value_cells * terms;
    double weight[N][N], scale = -1 / hf_grid_spacing(table->grid, d);
    double ridge = hf_model_ridged(table->model, d) ? table->model->ridge : 0;
    for (size_t j = 0; j < N; j++)
        hf_lagrange_slopes(N, j, weight[j]);
    memset(velocity, 0, table->rows * terms * sizeof *velocity);
    for (size_t start = 0; start < table->rows * terms; start += n * width)
        for (size_t i = 0; i < n; i++) {
            size_t first = i < N / 2 ? 0 : i + N / 2 >= n ? n - N : i - N / 2;
            if (axis->periodic)
                first = (i + n - N / 2) % n;
            const double *w = weight[axis->periodic ? N / 2 : i - first];
            double *out = velocity + start + i * width;
            for (size_t k = 0; k < N; k++) {
                size_t there = first + k < n ? first + k : first + k - n;
                add_multiple(width, scale * w[k], coefficients + start + there * width, out);
            }
            for (size_t r = 0; r < width; r += terms)
                out[r] -= ridge * hf_grid_center(table->grid, d, i);
        }
}

void hf_table_velocities(const hf_table *table, const double *coefficients, double *velocities) {
    size_t n = table->model->alphas, terms = 1 + table->model->values;
    for (size_t d = 0; d < n; d++)
        differentiate(table, d, coefficients, velocities + d * table->rows * terms);
    double *of_values = velocities + n * table->rows * terms;
    memset(of_values, 0, table->model->values * table->rows * terms * sizeof *of_values);
    for (size_t j = 1; j < terms; j++)
        for (size_t row = 0; row < table->rows; row++) {
            double *out = of_values + ((j - 1) * table->rows + row) * terms;
            out[0] = -coefficients[row * terms + j];
            out[j] = -table->model->ridge;
        }
}

/* (a + b x) rho along a line of cells. */
HF_CLONES static void line_times(size_t count, const double *restrict x, double a, double b,
                                 const double *restrict rho, double *restrict out) {
    for (size_t k = 0; k < count; k++)
        out[k] = (a + b * x[k]) * rho[k];
}

void hf_table_flow(const hf_table *table, const double *velocities, size_t axis, size_t first, size_t count,
                   const double *rho, double *flow) {
    const double *velocity = velocities + axis * table->rows * (1 + table->model->values);
    while (count > 0) {
        piece p = first_piece(table, velocity, first, count);
        line_times(p.length, p.x, p.base, p.slope, rho, flow);
        rho += p.length;
        flow += p.length;
        first += p.length;
        count -= p.length;
    }
}

/* The velocity is affine in v, so that its largest values in a row are at the ends of the value axes. */
double hf_table_speed(const hf_table *table, const double *velocities, size_t axis) {
    size_t n = table->model->alphas, terms = 1 + table->model->values;
    double speed = 0;
    for (size_t row = 0; row < table->rows; row++) {
        const double *g = velocities + (axis * table->rows + row) * terms;
        double low = g[0], high = g[0];
        for (size_t j = 1; j < terms; j++) {
            size_t last = hf_grid_axis(table->grid, n + j - 1)->cells - 1;
            double a = g[j] * hf_grid_center(table->grid, n + j - 1, 0);
            double b = g[j] * hf_grid_center(table->grid, n + j - 1, last);
            low += a < b ? a : b;
            high += a < b ? b : a;
        }
        double fastest = -low > high ? -low : high;
        speed = fastest > speed ? fastest : speed;
    }
    return speed;
}

double hf_table_half_square(const hf_table *table, const double *rho) {
    size_t m = table->model->values, line = table->line, last = table->model->alphas + m - 1;
    double total = 0, v[HF_VALUE_MAX] = {0};
    for (size_t a = 0; a < table->rows; a++)
        for (size_t first = 0; first < table->value_cells; first += line) {
            const double *cell = rho + a * table->value_cells + first;
            double sum = 0, square = 0;
            for (size_t k = 0; k < line; k++) {
                double x = m > 0 ? hf_grid_center(table->grid, last, k) : 0;
                sum += cell[k];
                square += 0.5 * x * x * cell[k];
            }
            line_values(table, first, v);
            total += row_half_square(table, a, v) * sum + square;
        }
    return total * hf_grid_volume(table->grid);
}

/* Second moments sum rho |C| v_j v_l of a row, v_0 = 1, with squares as cell means or values. */
static void row_second_moments(const hf_table *table, size_t row, const double *rho,
                               double moment[HF_TERMS_MAX][HF_TERMS_MAX]) {
    size_t n = table->model->alphas, m = table->model->values, line = table->line;
    memset(moment, 0, HF_TERMS_MAX * sizeof *moment);
    for (size_t first = 0; first < table->value_cells; first += line) {
        double v[HF_TERMS_MAX] = {1};
        line_values(table, first, v + 1);
        for (size_t k = 0; k < line; k++) {
            double mass = rho[row * table->value_cells + first + k] * hf_grid_volume(table->grid);
            if (m > 0)
                v[m] = hf_grid_center(table->grid, n + m - 1, k);
            for (size_t j = 0; j <= m; j++)
                for (size_t l = 0; l <= m; l++)
                    moment[j][l] += mass * v[j] * v[l];
        }
    }
    for (size_t j = 1; j <= m; j++)
        moment[j][j] += moment[0][0] * hf_grid_cell_variance(table->grid, n + j - 1, table->sampling);
}

/* x.y, or x^T (diag p - p p^T) y where p is not NULL. */
static double event_product(size_t classes, const double *p, const double *x, const double *y) {
    double sum = 0, mean_x = 0, mean_y = 0;
    for (size_t c = 0; c < classes; c++) {
        double weight = p != NULL ? p[c] : 1;
        sum += weight * x[c] * y[c];
        mean_x += weight * x[c];
        mean_y += weight * y[c];
    }
    return p != NULL ? sum - mean_x * mean_y : sum;
}

double hf_table_second_moment(const hf_table *table, const double *rho, const double *probability) {
    const hf_model *model = table->model;
    size_t terms = 1 + model->values, width = model->width, classes = model->classes;
    double total = 0, moment[HF_TERMS_MAX][HF_TERMS_MAX], h[HF_TERMS_MAX][HF_WIDTH_MAX];
    for (size_t a = 0; a < table->rows; a++) {
        row_second_moments(table, a, rho, moment);
        for (size_t e = 0; e < table->columns / width; e++) {
            const double *context = table->context + a * table->columns + e * width;
            double sum = 0;
            for (size_t j = 0; j < terms; j++)
                for (size_t c = 0; c < classes; c++) {
                    h[j][c] = 0;
                    for (size_t i = 0; i < width; i++)
                        h[j][c] += model->value_matrix[j][c * width + i] * context[i];
                }
            for (size_t j = 0; j < terms; j++)
                for (size_t l = 0; l < terms; l++)
                    sum += moment[j][l] *
                           event_product(classes, probability != NULL ? probability + e * classes : NULL,
                                         h[j], h[l]);
            total += hf_events_weight(model->events, e) * sum;
        }
    }
    return total;
}
