/* Rows of the context matrix: contexts of events in alpha-cells, as cell means or at centres,
 * docs/numerics.md (2), for a block of cells at once. */
#ifndef HF_ATTENTION_CONTEXTS_H
#define HF_ATTENTION_CONTEXTS_H

#include "attention/attend.h"

enum { HF_NODES_MAX = 27 }; /* quadrature nodes of a cell */

/* What of contexts is to be known where: the alpha-cells of a grid, numbered row-major. */
typedef struct hf_contexts {
    const hf_model *model;
    const hf_grid *grid;
    hf_sampling sampling;
    size_t rows;  /* alpha-cells of the grid */
    size_t nodes; /* quadrature nodes of a cell */
    size_t block; /* cells at once */
} hf_contexts;

hf_contexts hf_contexts_of(const hf_model *model, const hf_grid *grid, hf_sampling sampling);

/* A block of cells. */
typedef struct hf_cells {
    size_t count;
    double phi[HF_FEATURES_MAX][HF_ATTEND]; /* features at the nodes: node q of cell r is q * count + r */
    double mass[HF_NODES_MAX];
} hf_cells;

/* row: shape (count), count <= contexts->block */
void hf_contexts_place(const hf_contexts *contexts, size_t count, const size_t *row, hf_cells *cells);

/* Contexts of an event, or of other vectors than its tokens under the same attention.
 *  tokens  shape (length of the event, width)
 *  out     shape (width, count) */
void hf_contexts_fill(const hf_contexts *contexts, const hf_cells *cells, size_t event, size_t width,
                      const double *tokens, double *out);

#endif
