/* The potential and its slopes from coefficients on the alpha-cells, docs/numerics.md (4), (25): affine in v,
 * with the ridge. */
#include "attention/table.h"

#include "base/simd.h"

#include <string.h>

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
    const double *g = coefficients + table->wide[p.row] * (1 + m);
    p.x = table->center + start;
    p.base = g[0];
    p.slope = m > 0 ? g[m] : 0;
    hf_table_line_values(table, inside, p.v);
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
            p.base += ridge * hf_table_row_half_square(table, p.row, p.v);
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
 * nearest nine at a wall. Rows that differ behind the axis only are done side by side. Rows of a margin whose
 * nine reach out of it stay zero. velocity: shape (wide rows, terms) */
static void differentiate(const hf_table *table, size_t d, const double *coefficients, double *velocity) {
    enum { N = HF_SLOPES_MIN };
    const hf_axis *axis = hf_grid_axis(table->grid, d);
    size_t terms = table->terms, extent = table->cells[d] + 2 * table->margin[d], width = terms;
    bool whole = axis->periodic && extent == axis->cells;
    double weight[N][N], scale = -1 / hf_grid_spacing(table->grid, d);
    double ridge = hf_model_ridged(table->model, d) ? table->model->ridge : 0;
    for (size_t b = d + 1; b < table->model->alphas; b++)
        width *= table->cells[b] + 2 * table->margin[b];
    for (size_t j = 0; j < N; j++)
        hf_lagrange_slopes(N, j, weight[j]);
    memset(velocity, 0, table->wide_rows * terms * sizeof *velocity);
    for (size_t start = 0; start < table->wide_rows * terms; start += extent * width)
        for (size_t i = 0; i < extent; i++) {
            /* numbers of the nine, and of i, in the whole axis */
            ptrdiff_t n = (ptrdiff_t)axis->cells,
                      shift = (ptrdiff_t)table->first[d] - (ptrdiff_t)table->margin[d];
            ptrdiff_t here = shift + (ptrdiff_t)i, low = here - N / 2;
            if (!axis->periodic)
                low = low < 0 ? 0 : low + N > n ? n - N : low;
            ptrdiff_t begin = low - shift;
            bool beyond = !axis->periodic && (here < 0 || here >= n);
            if (beyond || (!whole && (begin < 0 || begin + N > (ptrdiff_t)extent)))
                continue;
            const double *w = weight[here - low];
            double *out = velocity + start + i * width;
            for (ptrdiff_t k = begin; k < begin + N; k++) {
                size_t there = (size_t)(k < 0 ? k + n : whole && k >= n ? k - n : k);
                add_multiple(width, scale * w[k - begin], coefficients + start + there * width, out);
            }
            for (size_t r = 0; r < width; r += terms)
                out[r] -= ridge * hf_grid_center(table->grid, d, (size_t)here);
        }
}

void hf_table_velocities(const hf_table *table, const double *coefficients, double *velocities) {
    size_t n = table->model->alphas, terms = 1 + table->model->values;
    for (size_t d = 0; d < n; d++)
        differentiate(table, d, coefficients, velocities + d * table->wide_rows * terms);
    double *of_values = velocities + n * table->wide_rows * terms;
    memset(of_values, 0, table->model->values * table->wide_rows * terms * sizeof *of_values);
    for (size_t j = 1; j < terms; j++)
        for (size_t row = 0; row < table->wide_rows; row++) {
            double *out = of_values + ((j - 1) * table->wide_rows + row) * terms;
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
    const double *velocity = velocities + axis * table->wide_rows * (1 + table->model->values);
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
        const double *g = velocities + (axis * table->wide_rows + table->wide[row]) * terms;
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
