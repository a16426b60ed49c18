/* The maps between moments on alpha-cells, modes and events, docs/numerics.md (36)-(37):
 *     modes M_jk = sum_a m_j(a) L_ak  ->  logits sum_jk M_jk W_j c(pivot k)
 *     residual modes Q_jk = sum_e w_e r_e . W_j c_e(pivot k)  ->  coefficients G_j(a) = sum_k L_ak Q_jk
 * The second line is the transpose of the first: the discrete potential is the exact derivative of the
 * discrete risk. Threads share blocks of rows and of events; sums are taken chunk by chunk. */
#include "attention/table.h"

#include "base/simd.h"

#include <string.h>

enum { BLOCKS_MIN = 4 }; /* of a chunk */

/* Partial sums of a chunk: shape (columns, HF_PACK). */
static double *chunk_sum(const hf_table *table, size_t chunk) {
    return table->partial + chunk * table->columns * HF_PACK;
}

static double *clear_chunk(const hf_table *table, size_t chunk) {
    return memset(chunk_sum(table, chunk), 0, table->columns * HF_PACK * sizeof *table->partial);
}

/* Columns of the chunks' sums, in the order of the chunks, then their lanes. */
HF_CLONES static void add_columns(const double *restrict sums, size_t chunks, size_t columns, size_t first,
                                  size_t last, double *restrict out) {
    for (size_t k = first; k < last; k++) {
        double lane[HF_PACK];
        hf_pack sum = HF_PACK_OF(sums + k * HF_PACK);
        for (size_t chunk = 1; chunk < chunks; chunk++)
            sum += HF_PACK_OF(sums + (chunk * columns + k) * HF_PACK);
        HF_PACK_AT(lane) = sum;
        out[k] = hf_pack_sum(lane);
    }
}

/* The sums of all chunks, each thread for some columns. */
static void add_chunks(hf_table *table, size_t chunks, double *out) {
    size_t first, last;
    hf_team_chunks(table->columns, &first, &last);
    hf_team_barrier(&table->barrier);
    add_columns(table->partial, chunks, table->columns, first, last, out);
    hf_team_barrier(&table->barrier);
}

/* Moments of the rows of a block, zero in the margins. y: shape (actives, HF_TALL) */
static void gather_moments(const hf_table *table, const double *moments, size_t block, double (*y)[HF_TALL]) {
    for (size_t i = 0; i < HF_TALL; i++) {
        size_t row = table->row[block * HF_TALL + i];
        for (size_t a = 0; a < table->actives; a++)
            y[a][i] = row > 0 ? moments[(row - 1) * table->terms + table->active[a]] : 0;
    }
}

void hf_table_modes_team(hf_table *table, const double *moments, double *modes) {
    size_t blocks = table->weight.blocks, chunks = hf_chunks(blocks, BLOCKS_MIN), first, last;
    double y[HF_TERMS_MAX][HF_TALL];
    hf_team_chunks(chunks, &first, &last);
    hf_team_barrier(&table->barrier);
    for (size_t chunk = first; chunk < last; chunk++) {
        double *lanes = clear_chunk(table, chunk);
        for (size_t b = hf_chunk_first(blocks, chunks, chunk); b < hf_chunk_first(blocks, chunks, chunk + 1);
             b++) {
            gather_moments(table, moments, b, y);
            hf_tall_project(&table->weight, b, table->actives, y, lanes);
        }
    }
    add_chunks(table, chunks, modes);
}

void hf_table_coefficients_team(const hf_table *table, const double *modes, double *coefficients) {
    size_t first, last, terms = table->terms;
    double y[HF_TERMS_MAX][HF_TALL];
    hf_team_chunks(table->weight.blocks, &first, &last);
    for (size_t b = first; b < last; b++) {
        size_t rest = table->wide_rows - b * HF_TALL;
        double *out = coefficients + b * HF_TALL * terms;
        hf_tall_apply(&table->weight, b, table->actives, modes, y);
        memset(out, 0, (rest < HF_TALL ? rest : HF_TALL) * terms * sizeof *out);
        for (size_t a = 0; a < table->actives; a++)
            for (size_t i = 0; i < HF_TALL && i < rest; i++)
                out[i * terms + table->active[a]] = y[a][i];
    }
}

/* ---- events ----------------------------------------------------------------------------------------- */

/* Chunks of blocks of events: hf_risk_differences_team has the same. */
static size_t event_blocks(const hf_table *table) {
    return table->last.blocks;
}

void hf_table_differences_team(const hf_table *table, const double *modes, double *differences) {
    size_t others = table->model->classes - 1, blocks = event_blocks(table);
    size_t chunks = hf_chunks(blocks, BLOCKS_MIN), first, last;
    hf_team_chunks(chunks, &first, &last);
    for (size_t b = hf_chunk_first(blocks, chunks, first) * others;
         b < hf_chunk_first(blocks, chunks, last) * others; b++)
        hf_tall_apply(&table->difference, b, 1, modes, (double(*)[HF_TALL])(differences + b * HF_TALL));
}

void hf_table_response_team(hf_table *table, const double *differences, double *modes) {
    size_t others = table->model->classes - 1, blocks = event_blocks(table);
    size_t chunks = hf_chunks(blocks, BLOCKS_MIN), first, last;
    hf_team_chunks(chunks, &first, &last);
    for (size_t chunk = first; chunk < last; chunk++) {
        double *lanes = clear_chunk(table, chunk);
        for (size_t b = hf_chunk_first(blocks, chunks, chunk) * others;
             b < hf_chunk_first(blocks, chunks, chunk + 1) * others; b++)
            hf_tall_project(&table->difference, b, 1, (double(*const)[HF_TALL])(differences + b * HF_TALL),
                            lanes);
    }
    add_chunks(table, chunks, modes);
}

void hf_table_logits(const hf_table *table, const double *modes, double *logits) {
    size_t classes = table->model->classes, others = classes - 1,
           events = hf_events_count(table->model->events);
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < event_blocks(table); b++) {
        double last[1][HF_TALL], difference[1][HF_TALL];
        hf_tall_apply(&table->last, b, 1, modes, last);
        for (size_t c = 0; c < classes; c++) {
            memset(difference, 0, sizeof difference);
            if (c < others)
                hf_tall_apply(&table->difference, b * others + c, 1, modes, difference);
            for (size_t i = 0; i < HF_TALL && b * HF_TALL + i < events; i++)
                logits[(b * HF_TALL + i) * classes + c] = difference[0][i] + last[0][i];
        }
    }
}

/* w_e r_e of a class for a block of events, of all classes together for the last. */
static void gather_residual(const hf_table *table, const double *residual, size_t block, size_t class,
                            double y[HF_TALL]) {
    const hf_events *events = table->model->events;
    size_t classes = table->model->classes, count = hf_events_count(events);
    for (size_t i = 0; i < HF_TALL; i++) {
        size_t e = block * HF_TALL + i;
        const double *r = residual + e * classes;
        y[i] = 0;
        for (size_t c = class + 1 < classes ? class : 0; e < count && c <= class; c++)
            y[i] += hf_events_weight(events, e) * r[c];
    }
}

void hf_table_residual_modes(hf_table *table, const double *residual, double *modes) {
    size_t classes = table->model->classes, others = classes - 1, blocks = event_blocks(table);
    size_t chunks = hf_chunks(blocks, BLOCKS_MIN);
#pragma omp parallel
    {
        size_t first, last;
        hf_team_chunks(chunks, &first, &last);
        for (size_t chunk = first; chunk < last; chunk++) {
            double *lanes = clear_chunk(table, chunk), y[1][HF_TALL];
            for (size_t b = hf_chunk_first(blocks, chunks, chunk);
                 b < hf_chunk_first(blocks, chunks, chunk + 1); b++)
                for (size_t c = 0; c < classes; c++) {
                    gather_residual(table, residual, b, c, y[0]);
                    hf_tall_project(c < others ? &table->difference : &table->last,
                                    c < others ? b * others + c : b, 1, y, lanes);
                }
        }
        add_chunks(table, chunks, modes);
    }
}

void hf_table_coefficients(const hf_table *table, const double *modes, double *coefficients) {
#pragma omp parallel
    hf_table_coefficients_team(table, modes, coefficients);
}
