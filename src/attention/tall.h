/* A tall matrix, many rows by few columns, in blocks of HF_TALL rows: with the rows of a block side by side
 * both its product with vectors and that of its transpose run along contiguous memory. The rows behind the
 * last are zero. The building block of the context table: sums over alpha-cells and over events alike. */
#ifndef HF_ATTENTION_TALL_H
#define HF_ATTENTION_TALL_H

#include "base/pack.h"
#include <headflow/base.h>

enum { HF_TALL = 32, HF_TALL_VECTORS = 4 };

typedef struct hf_tall {
    size_t rows, columns, blocks;
    double *entry; /* shape (blocks, columns, HF_TALL) */
} hf_tall;

hf_status hf_tall_create(hf_error *error, size_t rows, size_t columns, hf_tall *out);
void hf_tall_destroy(hf_tall *tall);

/* Where an entry is. */
static inline double *hf_tall_at(const hf_tall *tall, size_t row, size_t column) {
    return tall->entry + (row / HF_TALL * tall->columns + column) * HF_TALL + row % HF_TALL;
}

/* A block times vectors.
 *  count  vectors, at most HF_TALL_VECTORS
 *  x      shape (count, columns)
 *  y      shape (count, HF_TALL), out */
void hf_tall_apply(const hf_tall *tall, size_t block, size_t count, const double *x, double (*y)[HF_TALL]);

/* Adds the transpose of a block times vectors, in HF_PACK partial sums each.
 *  y    shape (count, HF_TALL)
 *  sum  shape (count, columns, HF_PACK) */
void hf_tall_project(const hf_tall *tall, size_t block, size_t count, double (*const y)[HF_TALL],
                     double *sum);

#endif
