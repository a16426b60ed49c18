/* The second moment of the head logits, theory (12), row by row of the alpha-cells:
 *     sum_e w_e int h_e^T S_e h_e dmu = sum_a sum_jl (int of v_j v_l drho over a) s_jl(a)    docs/numerics.md
 * (38) s_jl(a) = sum_km L_ak K_jk,lm L_am K_jk,lm = sum_e w_e (W_j c_e(pivot k))^T S_e (W_l c_e(pivot m))
 * with S_e the identity, whose s is kept, or diag p - p p^T, which sees differences to the last class alone.
 */
#include "attention/table.h"

#include <string.h>

enum { GROUP = HF_TALL_VECTORS, PARTS = HF_TABLE_PARTS };

typedef struct grams {
    const hf_table *table;
    const double *probability; /* shape (E, classes), or NULL */
} grams;

/* w_e S_e h of a column of the heads over a block of events. y: shape (classes, HF_TALL) */
static void weigh_events(const grams *g, size_t block, size_t column, double (*y)[HF_TALL]) {
    const hf_table *table = g->table;
    const hf_events *events = table->model->events;
    size_t classes = table->model->classes, others = classes - 1, count = hf_events_count(events);
    const double *last = hf_tall_at(&table->last, block * HF_TALL, column);
    for (size_t i = 0; i < HF_TALL; i++) {
        size_t e = block * HF_TALL + i;
        double sum = 0, weight = e < count ? hf_events_weight(events, e) : 0;
        const double *p = g->probability != NULL && e < count ? g->probability + e * classes : NULL;
        for (size_t c = 0; c < others; c++) {
            y[c][i] = hf_tall_at(&table->difference, (block * others + c) * HF_TALL, column)[i];
            sum += (p != NULL ? p[c] : 1) * y[c][i];
        }
        for (size_t c = 0; c < others; c++)
            y[c][i] = weight * (g->probability == NULL ? y[c][i] + last[i]
                                : p != NULL            ? p[c] * (y[c][i] - sum)
                                                       : 0);
        y[others][i] = g->probability == NULL ? weight * (sum + (double)classes * last[i]) : 0;
    }
}

/* K_jk,.. for a group of columns jk. lanes: out, shape (count, columns, HF_PACK) */
static void event_gram(const grams *g, size_t column, size_t count, double *lanes) {
    const hf_table *table = g->table;
    size_t classes = table->model->classes, others = classes - 1;
    double weighed[GROUP][HF_WIDTH_MAX][HF_TALL], y[GROUP][HF_TALL];
    memset(lanes, 0, count * table->columns * HF_PACK * sizeof *lanes);
    for (size_t b = 0; b < table->last.blocks; b++) {
        for (size_t t = 0; t < count; t++)
            weigh_events(g, b, column + t, weighed[t]);
        for (size_t c = 0; c < classes; c++) {
            for (size_t t = 0; t < count; t++)
                memcpy(y[t], weighed[t][c], sizeof y[t]);
            hf_tall_project(c < others ? &table->difference : &table->last, c < others ? b * others + c : b,
                            count, y, lanes);
        }
    }
}

/* Work space of a part: K_jk,lm of its group of k, by l, k and m; and of event_gram. */
static double *part_gram(const hf_table *table, size_t part) {
    return table->squares + part * hf_table_squares(table);
}

static void fill_gram(const grams *g, size_t j, size_t k, size_t count, double *gram) {
    size_t rank = g->table->rank, columns = g->table->columns;
    double *lanes = gram + GROUP * columns;
    event_gram(g, j * rank + k, count, lanes);
    for (size_t l = 0; l < g->table->actives; l++)
        for (size_t t = 0; t < count; t++)
            for (size_t m = 0; m < rank; m++)
                gram[(l * count + t) * rank + m] =
                    hf_pack_sum(lanes + (t * columns + l * rank + m) * HF_PACK);
}

/* Adds the share of a group of k to s_jl, l <= j, on a block of rows. */
static void add_group(hf_table *table, size_t block, size_t j, size_t k, size_t count, const double *gram,
                      double *square) {
    double y[GROUP][HF_TALL];
    for (size_t l = 0; l <= j; l++) {
        double *s = square + ((j * (j + 1) / 2 + l) * table->weight.blocks + block) * HF_TALL;
        hf_tall_apply(&table->weight, block, count, gram + l * count * table->rank, y);
        for (size_t t = 0; t < count; t++) {
            const double *L = hf_tall_at(&table->weight, block * HF_TALL, k + t);
            for (size_t i = 0; i < HF_TALL; i++)
                s[i] += L[i] * y[t][i];
        }
    }
}

/* s_jl, l <= j, of all rows: shape (pairs, blocks of rows, HF_TALL). A few groups of k at a time: their K by
 * groups, then what they add by rows. */
static void fill_squares(hf_table *table, const double *probability, double *square) {
    grams g = {table, probability};
    size_t groups = (table->rank + GROUP - 1) / GROUP, rank = table->rank;
    memset(square, 0, hf_table_pairs(table) * table->weight.blocks * HF_TALL * sizeof *square);
    for (size_t j = 0; j < table->actives; j++)
        for (size_t first = 0; first < groups; first += PARTS) {
            size_t parts = groups - first < PARTS ? groups - first : PARTS;
#pragma omp parallel
            {
#pragma omp for schedule(dynamic, 1)
                for (size_t part = 0; part < parts; part++) {
                    size_t k = (first + part) * GROUP;
                    fill_gram(&g, j, k, rank - k < GROUP ? rank - k : GROUP, part_gram(table, part));
                }
#pragma omp for schedule(static)
                for (size_t b = 0; b < table->weight.blocks; b++)
                    for (size_t part = 0; part < parts; part++) {
                        size_t k = (first + part) * GROUP;
                        add_group(table, b, j, k, rank - k < GROUP ? rank - k : GROUP, part_gram(table, part),
                                  square);
                    }
            }
        }
}

/* Second moments of the rows of the box, by pairs of active terms; zero in the margins. */
static void fill_second(hf_table *table, const double *rho) {
    size_t stride = table->weight.blocks * HF_TALL;
    memset(table->second, 0, hf_table_pairs(table) * stride * sizeof *table->second);
#pragma omp parallel for schedule(static)
    for (size_t row = 0; row < table->rows; row++) {
        double moment[HF_TERMS_MAX][HF_TERMS_MAX];
        hf_table_row_second_moments(table, row, rho, moment);
        for (size_t j = 0, pair = 0; j < table->actives; j++)
            for (size_t l = 0; l <= j; l++, pair++)
                table->second[pair * stride + table->wide[row]] = moment[table->active[j]][table->active[l]];
    }
}

double hf_table_second_moment(hf_table *table, const double *rho, const double *probability) {
    size_t stride = table->weight.blocks * HF_TALL;
    double total = 0, *square = probability != NULL ? table->variances : table->norms;
    if (probability != NULL || !table->normed)
        fill_squares(table, probability, square);
    table->normed = table->normed || probability == NULL;
    fill_second(table, rho);
    for (size_t j = 0, pair = 0; j < table->actives; j++)
        for (size_t l = 0; l <= j; l++, pair++)
            for (size_t i = 0; i < stride; i++)
                total += (j == l ? 1 : 2) * table->second[pair * stride + i] * square[pair * stride + i];
    return total;
}
