/* The insides of a grid, shared by the files of this module that make one. */
#ifndef HF_GRID_GRID_H
#define HF_GRID_GRID_H

#include <headflow/grid.h>

struct hf_grid {
    size_t dim, cells;
    double volume;
    hf_axis axis[HF_DIM_MAX]; /* `cells` of a part: its own */
    double spacing[HF_DIM_MAX];
    size_t stride[HF_DIM_MAX];
    size_t first[HF_DIM_MAX], whole_cells[HF_DIM_MAX];
    size_t parts[HF_DIM_MAX]; /* that hf_grid_divide has cut each axis into; 1: not at all */
    const hf_ranks *ranks;    /* that hold the other parts; NULL: sums stay as they are */
};

#endif
