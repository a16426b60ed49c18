/* Points and fine cells onto a grid. docs/theory.md (24).
 *
 * A point between two centres gives each a share that falls linearly with the distance, axis by axis (cloud
 * in cell: Hockney, Eastwood 1988), so that its mean is kept. */
#include "measure/measure.h"

#include <math.h>
#include <string.h>

/* Two cells of an axis, the share of the second, and the mean squared way to their centres. */
typedef struct share {
    size_t cell[2];
    double second, squared;
} share;

static share share_of(const hf_grid *grid, size_t d, double x) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    double h = hf_grid_spacing(grid, d), last = (double)axis->cells - 1;
    double place = (hf_axis_wrap(axis, x) - hf_grid_center(grid, d, 0)) / h;
    if (!axis->periodic && (place <= 0 || place >= last)) {
        size_t cell = place <= 0 ? 0 : axis->cells - 1;
        return (share){{cell, cell}, 0, pow(x - hf_grid_center(grid, d, cell), 2)};
    }
    double first = floor(place), second = place - first;
    size_t left = first < 0 ? axis->cells - 1 : (size_t)first;
    return (share){{left, (left + 1) % axis->cells}, second, h * h * second * (1 - second)};
}

hf_status hf_grid_assign(hf_error *error, const hf_grid *grid, const hf_points *points, double *cell_mass,
                         double *displacement) {
    size_t dim = hf_grid_dim(grid);
    double total, squared = 0;
    HF_TRY(hf_points_check(error, dim, points));
    HF_TRY(hf_mass_total(error, "points", points->count, points->mass, &total));
    memset(cell_mass, 0, hf_grid_cells(grid) * sizeof *cell_mass);
    for (size_t i = 0; i < points->count; i++) {
        double mass = (points->mass == NULL ? 1 : points->mass[i]) / total;
        share of[HF_DIM_MAX];
        for (size_t d = 0; d < dim; d++) {
            of[d] = share_of(grid, d, points->theta[i * dim + d]);
            squared += mass * of[d].squared;
        }
        for (size_t corner = 0; corner < (size_t)1 << dim; corner++) {
            double part = mass;
            size_t cell = 0;
            for (size_t d = 0; d < dim; d++) {
                size_t side = corner >> d & 1;
                part *= side == 1 ? of[d].second : 1 - of[d].second;
                cell += of[d].cell[side] * hf_grid_stride(grid, d);
            }
            cell_mass[cell] += part;
        }
    }
    *displacement = sqrt(squared);
    return HF_OK;
}

hf_status hf_grid_coarsen(hf_error *error, const hf_grid *grid, const size_t factor[], hf_grid **coarse) {
    hf_axis axes[HF_DIM_MAX];
    *coarse = NULL;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        axes[d] = *hf_grid_axis(grid, d);
        if (factor[d] == 0 || axes[d].cells % factor[d] != 0)
            return hf_raise(error, HF_ERR_INPUT, "axis %s: %zu cells in groups of %zu; expected a divisor",
                            axes[d].name, axes[d].cells, factor[d]);
        axes[d].cells /= factor[d];
    }
    return hf_grid_create(error, hf_grid_dim(grid), axes, coarse);
}

void hf_grid_gather(const hf_grid *grid, const double *cell_mass, const hf_grid *coarse,
                    double *coarse_mass) {
    memset(coarse_mass, 0, hf_grid_cells(coarse) * sizeof *coarse_mass);
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        size_t cell = 0;
        for (size_t d = 0; d < hf_grid_dim(grid); d++) {
            size_t fine = hf_grid_axis(grid, d)->cells, factor = fine / hf_grid_axis(coarse, d)->cells;
            cell += i / hf_grid_stride(grid, d) % fine / factor * hf_grid_stride(coarse, d);
        }
        coarse_mass[cell] += cell_mass[i];
    }
}
