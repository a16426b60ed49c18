/* Moments of a density over the value cells of each alpha-cell, docs/numerics.md (3), (5): one pass over the
 * density, each row by one thread. */
#include "attention/table.h"

#include "base/simd.h"

#include <math.h>

enum { RUNS = 4 }; /* packs side by side, so that additions need not wait for each other */

/* What is left of a line behind its last whole pack; lanes beyond are 0. */
static inline __attribute__((always_inline)) void take_rest(size_t count, const double *x, hf_pack *rest) {
    double lane[HF_PACK] = {0};
    for (size_t i = 0; i < count % HF_PACK; i++)
        lane[i] = x[count - count % HF_PACK + i];
    *rest = HF_PACK_OF(lane);
}

/* A line: its sum, and that of x rho added to `first`. */
static inline __attribute__((always_inline)) void sum_line(size_t count, const double *restrict rho,
                                                           const double *restrict x, const hf_pack *rest_x,
                                                           hf_pack first[RUNS], hf_pack *line) {
    hf_pack mass[RUNS] = {0};
    size_t k = 0;
    for (; k + RUNS * HF_PACK <= count; k += RUNS * HF_PACK)
        for (size_t r = 0; r < RUNS; r++) {
            hf_pack value = HF_PACK_OF(rho + k + r * HF_PACK);
            hf_ask_ahead(rho + k + r * HF_PACK);
            mass[r] += value;
            first[r] += value * HF_PACK_OF(x + k + r * HF_PACK);
        }
    for (; k + HF_PACK <= count; k += HF_PACK) {
        hf_pack value = HF_PACK_OF(rho + k);
        mass[0] += value;
        first[0] += value * HF_PACK_OF(x + k);
    }
    if (k < count) {
        hf_pack value;
        take_rest(count, rho, &value);
        mass[1] += value;
        first[1] += value * *rest_x;
    }
    *line = (mass[0] + mass[1]) + (mass[2] + mass[3]);
}

/* Lines of `count` cells, their sums kept in packs until the end of the row.
 *  v     the other value coordinates of each line, shape (lines, weights)
 *  sums  of rho, of v_j rho and of x rho, out: shape (weights + 2) */
static inline __attribute__((always_inline)) void sum_lines(size_t weights, size_t lines, size_t count,
                                                            const double *restrict rho,
                                                            const double *restrict x,
                                                            const double *restrict v, double *restrict sums) {
    hf_pack rest_x, total = {0}, weighted[HF_TERMS_MAX] = {0}, first[RUNS] = {0};
    take_rest(count, x, &rest_x);
    for (size_t l = 0; l < lines; l++) {
        hf_pack line;
        sum_line(count, rho + l * count, x, &rest_x, first, &line);
        total += line;
        for (size_t j = 0; j < weights; j++)
            weighted[j] += v[l * weights + j] * line;
    }
    weighted[weights] = (first[0] + first[1]) + (first[2] + first[3]);
    sums[0] = hf_pack_sum((double *)&total);
    for (size_t j = 0; j <= weights; j++)
        sums[1 + j] = hf_pack_sum((double *)&weighted[j]);
}

#define SUM_ROW(weights)                                                                                     \
    HF_CLONES static void sum_row##weights(size_t lines, size_t count, const double *rho, const double *x,   \
                                           const double *v, double *sums) {                                  \
        sum_lines(weights, lines, count, rho, x, v, sums);                                                   \
    }

SUM_ROW(0)
SUM_ROW(1)
SUM_ROW(2)

void hf_table_moments_team(hf_table *table, const double *rho, double *moments) {
    static void (*const sum_row[])(size_t, size_t, const double *, const double *, const double *,
                                   double *) = {sum_row0, sum_row1, sum_row2};
    size_t m = table->model->values, terms = table->terms, lines = table->value_cells / table->line, first,
           last;
    double volume = hf_grid_volume(table->grid), sums[HF_TERMS_MAX + 1];
    hf_team_chunks(table->rows, &first, &last);
    for (size_t a = first; a < last; a++) {
        sum_row[m > 0 ? m - 1 : 0](lines, table->line, rho + a * table->value_cells, table->center,
                                   table->other_values, sums);
        for (size_t j = 0; j < terms; j++)
            moments[a * terms + j] = volume * sums[j];
    }
}

/* ---- squares ---------------------------------------------------------------------------------------- */

/* Sums along a line of cells, of rho, x rho and x^2 rho. */
typedef struct line_sums {
    double mass, first, second;
} line_sums;

HF_CLONES static void sum_squares(size_t count, const double *restrict rho, const double *restrict x,
                                  line_sums *out) {
    double mass = 0, first = 0, second = 0;
#pragma omp simd reduction(+ : mass, first, second)
    for (size_t k = 0; k < count; k++) {
        mass += rho[k];
        first += x[k] * rho[k];
        second += x[k] * x[k] * rho[k];
    }
    *out = (line_sums){.mass = mass, .first = first, .second = second};
}

double hf_table_row_half_square(const hf_table *table, size_t row, const double v[]) {
    size_t n = table->model->alphas, m = table->model->values;
    double sum = 0;
    for (size_t d = 0; d < n + m; d++) {
        double x = d < n ? hf_table_row_center(table, row, d) : d + 1 < n + m ? v[d - n] : 0;
        if (hf_model_ridged(table->model, d))
            sum += 0.5 * (x * x + hf_grid_cell_variance(table->grid, d, table->sampling));
    }
    return sum;
}

double hf_table_half_square(const hf_table *table, const double *rho) {
    double total = 0, v[HF_VALUE_MAX] = {0};
    for (size_t a = 0; a < table->rows; a++)
        for (size_t k = 0; k < table->value_cells; k += table->line) {
            line_sums along;
            sum_squares(table->line, rho + a * table->value_cells + k, table->center, &along);
            hf_table_line_values(table, k, v);
            total += hf_table_row_half_square(table, a, v) * along.mass + 0.5 * along.second;
        }
    return total * hf_grid_volume(table->grid);
}

void hf_table_row_second_moments(const hf_table *table, size_t row, const double *rho,
                                 double moment[HF_TERMS_MAX][HF_TERMS_MAX]) {
    size_t n = table->model->alphas, m = table->model->values;
    double volume = hf_grid_volume(table->grid);
    for (size_t j = 0; j <= m; j++)
        for (size_t l = 0; l <= m; l++)
            moment[j][l] = 0;
    for (size_t k = 0; k < table->value_cells; k += table->line) {
        double v[HF_TERMS_MAX] = {1};
        line_sums along;
        sum_squares(table->line, rho + row * table->value_cells + k, table->center, &along);
        hf_table_line_values(table, k, v + 1);
        for (size_t j = 0; j < (m > 0 ? m : 1); j++) {
            for (size_t l = 0; l < (m > 0 ? m : 1); l++)
                moment[j][l] += volume * v[j] * v[l] * along.mass;
            if (m > 0) {
                moment[j][m] += volume * v[j] * along.first;
                moment[m][j] = moment[j][m];
            }
        }
        if (m > 0)
            moment[m][m] += volume * along.second;
    }
    for (size_t j = 1; j <= m; j++)
        moment[j][j] += moment[0][0] * hf_grid_cell_variance(table->grid, n + j - 1, table->sampling);
}
