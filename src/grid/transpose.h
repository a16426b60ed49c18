/* The lines of cells along a divided axis, each whole on one rank: for transforms along the axis. */
#ifndef HF_GRID_TRANSPOSE_H
#define HF_GRID_TRANSPOSE_H

#include <headflow/grid.h>

typedef struct hf_transpose hf_transpose;

/* For the part of a rank (hf_grid_divide) and an axis that is divided. The ranks that differ along this axis
 * alone share the lines that cross their parts. Collective. The part is borrowed: it must outlive this. */
hf_status hf_transpose_create(hf_error *error, const hf_grid *part, size_t axis, hf_transpose **out);
void hf_transpose_destroy(hf_transpose **transpose);

/* This rank's lines: shape (whole cells of the axis, lines). The same array for gather and scatter. There may
 * be none. */
size_t hf_transpose_lines(const hf_transpose *transpose);
double *hf_transpose_values(hf_transpose *transpose);

/* From the parts to the lines, and back. Collective; one thread of each rank calls them. x: shape (cells) */
void hf_transpose_gather(hf_transpose *transpose, const double *x);
void hf_transpose_scatter(hf_transpose *transpose, double *x);

#endif
