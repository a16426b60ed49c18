/* The potential and its slopes from coefficients on the alpha-cells, docs/numerics.md (4), (25): affine in v,
 * with the ridge. */
#include "attention/table.h"

#include "base/simd.h"

#include <math.h>
#include <string.h>

enum { ROWS_MIN = 32 }; /* of a chunk */

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

/* sum_k weight[k] in[k][.] of nine rows, or runs of rows. */
HF_CLONES static void combine(size_t count, const double *weight, const double *const *in,
                              double *restrict out) {
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t k = 0; k < HF_SLOPES_MIN; k++)
            sum += weight[k] * in[k][i];
        out[i] = sum;
    }
}

/* An attention axis as the differences see it. */
typedef struct slope_axis {
    size_t n, extent; /* its cells; those of the box and its margins */
    ptrdiff_t shift;  /* number in the whole axis of the first of these */
    size_t width;     /* entries that differ behind the axis only: side by side */
    bool periodic, whole;
    double ridge, weight[HF_SLOPES_MIN][HF_SLOPES_MIN]; /* by the place among the nine */
} slope_axis;

static slope_axis slope_axis_of(const hf_table *table, size_t d) {
    const hf_axis *axis = hf_grid_axis(table->grid, d);
    slope_axis a = {.n = axis->cells,
                    .extent = table->cells[d] + 2 * table->margin[d],
                    .shift = (ptrdiff_t)table->first[d] - (ptrdiff_t)table->margin[d],
                    .width = table->terms,
                    .periodic = axis->periodic};
    a.whole = a.periodic && a.extent == a.n;
    a.ridge = hf_model_ridged(table->model, d) ? table->model->ridge : 0;
    for (size_t b = d + 1; b < table->model->alphas; b++)
        a.width *= table->cells[b] + 2 * table->margin[b];
    for (size_t j = 0; j < HF_SLOPES_MIN; j++) {
        hf_lagrange_slopes(HF_SLOPES_MIN, j, a.weight[j]);
        for (size_t k = 0; k < HF_SLOPES_MIN; k++)
            a.weight[j][k] /= -hf_grid_spacing(table->grid, d);
    }
    return a;
}

/* The nine rows of cell i of an axis; false where they reach out of the box and its margins.
 *  begin  the first, in the extended box; may be negative, or the last beyond its end, when it is whole
 *  place  that of i among them */
static bool find_nine(const slope_axis *a, size_t i, ptrdiff_t *begin, size_t *place) {
    enum { N = HF_SLOPES_MIN };
    ptrdiff_t n = (ptrdiff_t)a->n, here = a->shift + (ptrdiff_t)i, low = here - N / 2;
    if (!a->periodic && (here < 0 || here >= n))
        return false;
    if (!a->periodic)
        low = low < 0 ? 0 : low + N > n ? n - N : low;
    *begin = low - a->shift;
    *place = (size_t)(here - low);
    return a->whole || (*begin >= 0 && *begin + N <= (ptrdiff_t)a->extent);
}

/* How many cells from i on have their nine about them, each a cell further on, within the box. */
static size_t count_alike(const slope_axis *a, size_t i) {
    size_t alike = 0, place;
    ptrdiff_t begin;
    while (i + alike < a->extent && find_nine(a, i + alike, &begin, &place) && place == HF_SLOPES_MIN / 2 &&
           begin >= 0 && begin + HF_SLOPES_MIN <= (ptrdiff_t)a->extent)
        alike++;
    return alike > 0 ? alike : 1;
}

/* Along an attention axis: minus the derivative of the polynomial through the nine rows about each, the
 * nearest nine at a wall; zero for rows of a margin whose nine reach out of it. Cells whose nine are about
 * them make one run. first, last: range of the entries */
static void differentiate(const slope_axis *a, size_t first, size_t last, const double *coefficients,
                          double *velocity) {
    size_t line = a->extent * a->width;
    for (size_t at = first; at < last;) {
        size_t i = at % line / a->width, start = at - at % line, inside = at % a->width, place;
        size_t end = start + (i + count_alike(a, i)) * a->width, count = (end < last ? end : last) - at;
        ptrdiff_t begin;
        if (find_nine(a, i, &begin, &place)) {
            const double *in[HF_SLOPES_MIN];
            for (size_t k = 0; k < HF_SLOPES_MIN; k++) {
                size_t there = (size_t)(begin + (ptrdiff_t)(k + a->extent)) % a->extent;
                in[k] = coefficients + start + there * a->width + inside;
            }
            combine(count, a->weight[place], in, velocity + at);
        } else
            memset(velocity + at, 0, count * sizeof *velocity);
        at += count;
    }
}

/* The ridge's share along an attention axis, on the cells of the whole axis. */
static void add_ridge(const hf_table *table, const slope_axis *a, size_t d, size_t first, size_t last,
                      double *velocity) {
    for (size_t at = first; a->ridge > 0 && at < last; at += table->terms) {
        ptrdiff_t begin;
        size_t place, i = at / a->width % a->extent;
        if (find_nine(a, i, &begin, &place))
            velocity[at] -=
                a->ridge * hf_grid_center(table->grid, d, (size_t)(a->shift + (ptrdiff_t)(i + a->n)) % a->n);
    }
}

/* Along value axis j - 1. */
static void take_slope(const hf_table *table, size_t j, size_t first, size_t last, const double *coefficients,
                       double *velocity) {
    size_t terms = table->terms;
    memset(velocity + first, 0, (last - first) * sizeof *velocity);
    for (size_t at = first; at < last; at += terms) {
        velocity[at] = -coefficients[at + j];
        velocity[at + j] = -table->model->ridge;
    }
}

/* The largest |g_0 + sum_j g_j v_j| in rows of the box, v_j from low_j to high_j. The number of terms is a
 * constant where this is called. */
static inline __attribute__((always_inline)) double fastest(size_t terms, size_t count,
                                                            const size_t *restrict row,
                                                            const double *restrict velocity,
                                                            const double *low, const double *high) {
    double speed = 0;
#pragma omp simd reduction(max : speed)
    for (size_t r = 0; r < count; r++) {
        const double *g = velocity + r * terms;
        double least = g[0], most = g[0];
        for (size_t j = 1; j < terms; j++) {
            double a = g[j] * low[j], b = g[j] * high[j];
            least += a < b ? a : b;
            most += a < b ? b : a;
        }
        double value = row[r] > 0 ? (-least > most ? -least : most) : 0;
        speed = value > speed ? value : speed;
    }
    return speed;
}

/* The velocity is affine in v, so that its largest values in a row are at the ends of the value axes. */
HF_CLONES static double largest_speed(const hf_table *table, size_t first_row, size_t count,
                                      const double *velocity) {
    size_t n = table->model->alphas;
    double low[HF_TERMS_MAX] = {0}, high[HF_TERMS_MAX] = {0};
    for (size_t j = 1; j < table->terms; j++) {
        low[j] = hf_grid_center(table->grid, n + j - 1, 0);
        high[j] = hf_grid_center(table->grid, n + j - 1, hf_grid_axis(table->grid, n + j - 1)->cells - 1);
    }
    const size_t *row = table->row + first_row;
    switch (table->terms) {
    case 1:
        return fastest(1, count, row, velocity, low, high);
    case 2:
        return fastest(2, count, row, velocity, low, high);
    case 3:
        return fastest(3, count, row, velocity, low, high);
    default:
        return fastest(4, count, row, velocity, low, high);
    }
}

void hf_table_velocities_team(hf_table *table, const double *coefficients, double *velocities) {
    size_t n = table->model->alphas, dim = n + table->model->values, terms = table->terms;
    size_t chunks = hf_chunks(table->wide_rows, ROWS_MIN), begin, end;
    hf_team_chunks(chunks, &begin, &end);
    size_t first = hf_chunk_first(table->wide_rows, chunks, begin) * terms;
    size_t last = hf_chunk_first(table->wide_rows, chunks, end) * terms;
    for (size_t d = 0; d < dim; d++) {
        double *velocity = velocities + d * table->wide_rows * terms;
        if (d < n) {
            slope_axis a = slope_axis_of(table, d);
            differentiate(&a, first, last, coefficients, velocity);
            add_ridge(table, &a, d, first, last, velocity);
        } else
            take_slope(table, 1 + d - n, first, last, coefficients, velocity);
        for (size_t chunk = begin; chunk < end; chunk++) {
            size_t row = hf_chunk_first(table->wide_rows, chunks, chunk);
            size_t count = hf_chunk_first(table->wide_rows, chunks, chunk + 1) - row;
            table->speed[d * HF_CHUNKS_MAX + chunk] =
                largest_speed(table, row, count, velocity + row * terms);
        }
    }
}

void hf_table_velocities(hf_table *table, const double *coefficients, double *velocities) {
#pragma omp parallel
    hf_table_velocities_team(table, coefficients, velocities);
}

double hf_table_speed(const hf_table *table, size_t axis) {
    double speed = 0;
    for (size_t chunk = 0; chunk < hf_chunks(table->wide_rows, ROWS_MIN); chunk++)
        speed = fmax(speed, table->speed[axis * HF_CHUNKS_MAX + chunk]);
    return speed;
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
