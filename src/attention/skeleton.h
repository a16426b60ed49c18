/* The skeleton of the context matrix: a few of its rows, the pivots, and the weights with which they give all
 * others, C ~ L C(pivots, :). docs/numerics.md (34). */
#ifndef HF_ATTENTION_SKELETON_H
#define HF_ATTENTION_SKELETON_H

#include "attention/contexts.h"

typedef struct hf_skeleton {
    hf_contexts contexts;
    size_t rank;
    size_t *pivot;  /* shape (rank): rows of the grid */
    size_t *order;  /* shape (rows): number of a pivot + 1, or 0 */
    double error;   /* largest |C - L C(pivots)| that was seen, as a share of the largest |C| */
    double checked; /* share of the entries of C that were looked at for it */
    bool whole;     /* every row is a pivot */
    struct sketch *sketch;
} hf_skeleton;

/* The same pivots for the same model, grid, sampling and tolerance, on any number of threads.
 *  model, grid  borrowed: must outlive the skeleton */
hf_status hf_skeleton_create(hf_error *error, const hf_model *model, const hf_grid *grid,
                             hf_sampling sampling, double tolerance, hf_skeleton **out);
void hf_skeleton_destroy(hf_skeleton **skeleton);

/* Rows of L. row: shape (count); weight: shape (count, rank), out; count <= contexts.block.
 * work: shape (hf_skeleton_work) */
void hf_skeleton_weights(const hf_skeleton *skeleton, size_t count, const size_t *row, double *weight,
                         double *work);
size_t hf_skeleton_work(const hf_skeleton *skeleton);

#endif
