/* Tensor grids: axes, cells, strides, marginals. docs/numerics.md, section 1. */
#include "grid/grid.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static hf_status check_axis(hf_error *error, const hf_axis *axis) {
    if (!isfinite(axis->upper - axis->lower) || !(axis->lower < axis->upper))
        return hf_raise(error, HF_ERR_INPUT, "axis %s: box [%g, %g]; expected finite bounds, lower < upper",
                        axis->name, axis->lower, axis->upper);
    if (axis->cells < HF_CELLS_MIN)
        return hf_raise(error, HF_ERR_INPUT, "axis %s: %zu cells; expected at least %d", axis->name,
                        axis->cells, HF_CELLS_MIN);
    return HF_OK;
}

hf_status hf_grid_create(hf_error *error, size_t dim, const hf_axis axes[], hf_grid **out) {
    *out = NULL;
    if (dim < 1 || dim > HF_DIM_MAX)
        return hf_raise(error, HF_ERR_INPUT, "a grid of %zu axes; expected 1 to %d", dim, HF_DIM_MAX);
    for (size_t d = 0; d < dim; d++)
        HF_TRY(check_axis(error, &axes[d]));
    size_t cells = 1;
    for (size_t d = 0; d < dim; d++) {
        if (axes[d].cells > SIZE_MAX / sizeof(double) / cells)
            return hf_raise(error, HF_ERR_INPUT, "the grid has more cells than can be addressed");
        cells *= axes[d].cells;
    }
    hf_grid *grid;
    HF_TRY(hf_allocate(error, 1, sizeof *grid, &grid));
    grid->dim = dim;
    grid->cells = cells;
    grid->volume = 1;
    size_t stride = 1;
    for (size_t d = dim; d-- > 0;) {
        grid->axis[d] = axes[d];
        grid->spacing[d] = (axes[d].upper - axes[d].lower) / (double)axes[d].cells;
        grid->volume *= grid->spacing[d];
        grid->stride[d] = stride;
        grid->whole_cells[d] = axes[d].cells;
        grid->parts[d] = 1;
        stride *= axes[d].cells;
    }
    *out = grid;
    return HF_OK;
}

void hf_grid_destroy(hf_grid **grid) {
    if (grid == NULL)
        return;
    free(*grid);
    *grid = NULL;
}

size_t hf_grid_dim(const hf_grid *grid) {
    return grid->dim;
}
size_t hf_grid_cells(const hf_grid *grid) {
    return grid->cells;
}
double hf_grid_volume(const hf_grid *grid) {
    return grid->volume;
}
const hf_axis *hf_grid_axis(const hf_grid *grid, size_t axis) {
    return &grid->axis[axis];
}
double hf_grid_spacing(const hf_grid *grid, size_t axis) {
    return grid->spacing[axis];
}
size_t hf_grid_stride(const hf_grid *grid, size_t axis) {
    return grid->stride[axis];
}

double hf_grid_cell_variance(const hf_grid *grid, size_t axis, hf_sampling sampling) {
    return sampling == HF_CELL_MEANS ? grid->spacing[axis] * grid->spacing[axis] / 12 : 0;
}

double hf_grid_center(const hf_grid *grid, size_t axis, size_t index) {
    return grid->axis[axis].lower + ((double)(grid->first[axis] + index) + 0.5) * grid->spacing[axis];
}

void hf_grid_centers(const hf_grid *grid, size_t cell, double theta[]) {
    for (size_t d = 0; d < grid->dim; d++)
        theta[d] = hf_grid_center(grid, d, cell / grid->stride[d] % grid->axis[d].cells);
}

void hf_grid_marginal(const hf_grid *grid, const double *rho, size_t axis, double *marginal) {
    size_t n = grid->axis[axis].cells, inner = grid->stride[axis], outer = grid->cells / (n * inner);
    size_t whole = grid->whole_cells[axis];
    memset(marginal, 0, whole * sizeof *marginal);
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < n; i++) {
            const double *row = rho + (o * n + i) * inner;
            double sum = 0;
            for (size_t k = 0; k < inner; k++)
                sum += row[k];
            marginal[grid->first[axis] + i] += sum * grid->volume;
        }
    hf_ranks_sum(grid->ranks, whole, marginal);
}
