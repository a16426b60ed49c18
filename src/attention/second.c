/* The second moment of the head logits, theory (12), as a product of two Gram matrices of the modes:
 *     sum_e w_e int h_e^T S_e h_e dmu = sum_{jk,lm} T_jk,lm K_jk,lm                  docs/numerics.md (38)
 *     T_jk,lm = sum_a (int of v_j v_l drho over a) L_ak L_am
 *     K_jk,lm = sum_e w_e (W_j c_e(pivot k))^T S_e (W_l c_e(pivot m))
 * with S_e the identity, or diag p - p p^T, which sees differences to the last class alone. */
#include "attention/table.h"

#include <string.h>

enum { GROUP = HF_TALL_VECTORS, PARTS = HF_TABLE_PARTS };

typedef struct grams {
    const hf_table *table;
    const double *probability; /* shape (E, classes), or NULL */
} grams;

/* mom_a L_ak of a column over a block of alpha-cells. */
static void weigh_rows(const hf_table *table, size_t pair, size_t block, size_t column, double y[HF_TALL]) {
    const double *moment = table->second + (pair * table->weight.blocks + block) * HF_TALL;
    const double *L = hf_tall_at(&table->weight, block * HF_TALL, column);
    for (size_t i = 0; i < HF_TALL; i++)
        y[i] = moment[i] * L[i];
}

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

/* T_jk,l. for a group of k. out: shape (count, rank); lanes: work, shape (count, rank, HF_PACK) */
static void row_gram(const hf_table *table, size_t pair, size_t column, size_t count, double *out,
                     double *lanes) {
    double y[GROUP][HF_TALL];
    memset(lanes, 0, count * table->rank * HF_PACK * sizeof *lanes);
    for (size_t b = 0; b < table->weight.blocks; b++) {
        for (size_t t = 0; t < count; t++)
            weigh_rows(table, pair, b, column + t, y[t]);
        hf_tall_project(&table->weight, b, count, y, lanes);
    }
    for (size_t i = 0; i < count * table->rank; i++)
        out[i] = hf_pack_sum(lanes + i * HF_PACK);
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

/* The share of a group of columns of term j. work: shape (GROUP, columns + rank, HF_PACK) and more */
static double group_sum(const grams *g, size_t j, size_t k, size_t count, double *work) {
    const hf_table *table = g->table;
    size_t rank = table->rank, columns = table->columns;
    double *events = work, *rows = work + GROUP * columns * HF_PACK, *lanes = rows + GROUP * rank, total = 0;
    event_gram(g, j * rank + k, count, events);
    for (size_t l = 0; l < table->actives; l++) {
        size_t low = j < l ? j : l, high = j < l ? l : j, pair = high * (high + 1) / 2 + low;
        row_gram(table, pair, k, count, rows, lanes);
        for (size_t t = 0; t < count; t++)
            for (size_t m = 0; m < rank; m++)
                total += rows[t * rank + m] * hf_pack_sum(events + (t * columns + l * rank + m) * HF_PACK);
    }
    return total;
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
    grams g = {table, probability};
    size_t groups = (table->rank + GROUP - 1) / GROUP, work = hf_table_squares(table);
    size_t all = groups * table->actives, parts = all < PARTS ? all : PARTS;
    double sum[PARTS] = {0}, total = 0;
    fill_second(table, rho);
#pragma omp parallel for schedule(static)
    for (size_t part = 0; part < parts; part++)
        for (size_t i = hf_chunk_first(all, parts, part); i < hf_chunk_first(all, parts, part + 1); i++) {
            size_t k = i % groups * GROUP, rest = table->rank - k;
            sum[part] +=
                group_sum(&g, i / groups, k, rest < GROUP ? rest : GROUP, table->squares + part * work);
        }
    for (size_t part = 0; part < parts; part++)
        total += sum[part];
    return total;
}
