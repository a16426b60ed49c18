/* The context table's insides, shared by the files of this module. */
#ifndef HF_ATTENTION_TABLE_H
#define HF_ATTENTION_TABLE_H

#include "attention/model.h"
#include "attention/tall.h"
#include "base/team.h"

struct hf_table {
    const hf_model *model;
    const hf_grid *grid;
    hf_sampling sampling;
    size_t first[HF_ATTENTION_MAX], cells[HF_ATTENTION_MAX], margin[HF_ATTENTION_MAX]; /* of the box */
    size_t rows;          /* alpha-cells of the box */
    size_t wide_rows;     /* those with the margins */
    size_t value_cells;   /* cells of the full grid a row */
    size_t line;          /* cells along the last value axis (1 without value axes): contiguous */
    double *center;       /* of the last value axis: shape (line) */
    double *other_values; /* of the other value axes: shape (lines of a row, n_v - 1) */
    size_t *wide;         /* where a row of the box is among those with the margins: shape (rows) */
    size_t *row;          /* and back: the row + 1, or 0 in a margin; shape (blocks of `weight` * HF_TALL) */

    double tolerance, error, checked;
    size_t rank;
    size_t terms, actives;       /* 1 + n_v; those whose W_j is not zero */
    size_t active[HF_TERMS_MAX]; /* shape (actives) */
    size_t columns;              /* modes: actives * rank */
    hf_tall weight;              /* L: (wide_rows, rank) */
    hf_tall difference;          /* H of the classes but the last, less that of the last: rows (event blocks,
                                    classes - 1, HF_TALL), columns (actives, rank) */
    hf_tall last;                /* H of the last class: rows (events) */
    hf_barrier barrier;
    double *partial;           /* sums of the chunks: shape (chunks, columns, HF_PACK) */
    double *second;            /* second moments of the rows: shape (pairs, blocks of `weight`, HF_TALL) */
    double *norms, *variances; /* what they count in the second moment, without and with probabilities: the
                                  same shape */
    bool normed;               /* `norms` is there */
    double *squares;           /* work space of the second moment */
    double *speed;             /* largest velocity of each chunk: shape (D, HF_CHUNKS_MAX) */
};

enum { HF_TABLE_PARTS = 8 }; /* parts of a second moment */

/* Pairs of active terms, and doubles of work space of a part of a second moment. */
static inline size_t hf_table_pairs(const hf_table *table) {
    return table->actives * (table->actives + 1) / 2;
}
static inline size_t hf_table_squares(const hf_table *table) {
    return HF_TALL_VECTORS * table->columns * (1 + HF_PACK);
}

/* Centres of the value coordinates of a line but the last, which runs along the line; value_index is the
 * cell's number among the value cells of its row. v: shape (n_v - 1) */
void hf_table_line_values(const hf_table *table, size_t value_index, double v[]);

/* Centre of a row of the box along an attention axis. */
double hf_table_row_center(const hf_table *table, size_t row, size_t axis);

/* Half the sum of the squares of the ridged coordinates but the last value coordinate, whose spread within a
 * cell counts: cell means or values. v: shape (n_v - 1) */
double hf_table_row_half_square(const hf_table *table, size_t row, const double v[]);

/* Second moments sum rho |C| v_j v_l of a row, v_0 = 1, with squares as cell means or values. */
void hf_table_row_second_moments(const hf_table *table, size_t row, const double *rho,
                                 double moment[HF_TERMS_MAX][HF_TERMS_MAX]);

#endif
