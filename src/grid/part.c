/* A box of cells as a grid of its own. Bounds and spacings stay those of the whole, so that centres are the
 * same to the bit. docs/numerics.md, section 1. */
#include "grid/grid.h"

#include <stdlib.h>

hf_status hf_grid_part(hf_error *error, const hf_grid *whole, const size_t first[], const size_t cells[],
                       hf_grid **out) {
    *out = NULL;
    for (size_t d = 0; d < whole->dim; d++)
        if (cells[d] < 1 || cells[d] > whole->axis[d].cells || first[d] > whole->axis[d].cells - cells[d])
            return hf_raise(error, HF_ERR_INPUT,
                            "axis %s: a part of %zu cells from cell %zu on; the grid has %zu",
                            whole->axis[d].name, cells[d], first[d], whole->axis[d].cells);
    hf_grid *part;
    HF_TRY(hf_allocate(error, 1, sizeof *part, &part));
    *part = *whole;
    part->ranks = NULL;
    part->cells = 1;
    for (size_t d = whole->dim; d-- > 0;) {
        part->first[d] = whole->first[d] + first[d];
        part->parts[d] = 1;
        part->axis[d].cells = cells[d];
        part->stride[d] = part->cells;
        part->cells *= cells[d];
    }
    *out = part;
    return HF_OK;
}

size_t hf_grid_first(const hf_grid *grid, size_t axis) {
    return grid->first[axis];
}
size_t hf_grid_whole_cells(const hf_grid *grid, size_t axis) {
    return grid->whole_cells[axis];
}
bool hf_grid_divided(const hf_grid *grid, size_t axis) {
    return grid->axis[axis].cells < grid->whole_cells[axis];
}
