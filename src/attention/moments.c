/* Moments of a density over the value cells of each alpha-cell, docs/numerics.md (3), (5): one pass over the
 * density, each row by one thread. */
#include "attention/table.h"

#include "base/simd.h"

#include <math.h>

enum { RUNS = 4 }; /* packs side by side, so that additions need not wait for each other */

/* Sums along a line of cells. */
typedef struct line_sums {
    double mass, first, second, least; /* of rho, x rho, x^2 rho; the least rho */
} line_sums;

/* The lesser of each lane; NaNs of `value` left out. */
static inline __attribute__((always_inline)) void lower_to(hf_pack *least, const hf_pack *value) {
    hf_pack_mask lower = *value < *least;
    *least = (hf_pack)((lower & (hf_pack_mask)*value) | (~lower & (hf_pack_mask)*least));
}

/* Sums of rho and x rho, and the least rho: by RUNS packs, by packs, then by what is left. */
HF_CLONES static void sum_line(size_t count, const double *restrict rho, const double *restrict x,
                               line_sums *out) {
    hf_pack mass[RUNS] = {0}, first[RUNS] = {0}, least[RUNS];
    double lane[2][HF_PACK], lowest[HF_PACK];
    size_t k = 0;
    for (size_t r = 0; r < RUNS; r++)
        least[r] = mass[r] + INFINITY;
    for (; k + RUNS * HF_PACK <= count; k += RUNS * HF_PACK)
        for (size_t r = 0; r < RUNS; r++) {
            hf_pack value = HF_PACK_OF(rho + k + r * HF_PACK);
            lower_to(&least[r], &value);
            mass[r] += value;
            first[r] += value * HF_PACK_OF(x + k + r * HF_PACK);
        }
    for (; k + HF_PACK <= count; k += HF_PACK) {
        hf_pack value = HF_PACK_OF(rho + k);
        lower_to(&least[0], &value);
        mass[0] += value;
        first[0] += value * HF_PACK_OF(x + k);
    }
    for (size_t r = 1; r < RUNS; r++)
        lower_to(&least[0], &least[r]);
    HF_PACK_AT(lowest) = least[0];
    HF_PACK_AT(lane[0]) = (mass[0] + mass[1]) + (mass[2] + mass[3]);
    HF_PACK_AT(lane[1]) = (first[0] + first[1]) + (first[2] + first[3]);
    for (size_t i = 0; k < count; k++, i++) {
        lane[0][i] += rho[k];
        lane[1][i] += rho[k] * x[k];
        lowest[i] = rho[k] < lowest[i] ? rho[k] : lowest[i];
    }
    out->least = INFINITY;
    for (size_t i = 0; i < HF_PACK; i++)
        out->least = lowest[i] < out->least ? lowest[i] : out->least;
    out->mass = hf_pack_sum(lane[0]);
    out->first = hf_pack_sum(lane[1]);
}

void hf_table_moments_team(hf_table *table, const double *rho, double *moments) {
    size_t m = table->model->values, terms = table->terms, line = table->line, first, last;
    size_t chunks = hf_chunks(table->rows, 1);
    double volume = hf_grid_volume(table->grid), v[HF_VALUE_MAX] = {0};
    hf_team_chunks(chunks, &first, &last);
    for (size_t chunk = first; chunk < last; chunk++) {
        double least = INFINITY;
        for (size_t a = hf_chunk_first(table->rows, chunks, chunk);
             a < hf_chunk_first(table->rows, chunks, chunk + 1); a++) {
            double sum[HF_TERMS_MAX] = {0};
            for (size_t k = 0; k < table->value_cells; k += line) {
                line_sums along;
                sum_line(line, rho + a * table->value_cells + k, table->center, &along);
                least = along.least < least ? along.least : least;
                sum[0] += along.mass;
                hf_table_line_values(table, k, v);
                for (size_t j = 0; j + 1 < m; j++)
                    sum[1 + j] += v[j] * along.mass;
                if (m > 0)
                    sum[m] += along.first;
            }
            for (size_t j = 0; j < terms; j++)
                moments[a * terms + j] = volume * sum[j];
        }
        table->minimum[chunk] = least;
    }
}

double hf_table_minimum(const hf_table *table) {
    double least = INFINITY;
    for (size_t chunk = 0; chunk < hf_chunks(table->rows, 1); chunk++)
        least = table->minimum[chunk] < least ? table->minimum[chunk] : least;
    return least;
}

/* ---- squares ---------------------------------------------------------------------------------------- */

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
