/** @file grid.h
 *  Tensor grids of cells on a box with walls or periodic axes, D = 1 to 4. Knows nothing of attention.
 *  Cells are numbered row-major, the last axis fastest. docs/numerics.md, section 1. */
#ifndef HEADFLOW_GRID_H
#define HEADFLOW_GRID_H

#include <headflow/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HF_DIM_MAX = 4, HF_NAME_MAX = 32, HF_CELLS_MIN = 3 };

/** One axis: the interval [lower, upper] in `cells` equal cells. */
typedef struct hf_axis {
    char name[HF_NAME_MAX]; /**< the coordinate's name: names the axis of the output */
    double lower, upper;
    size_t cells;
    bool periodic; /**< else a wall at each end */
} hf_axis;

typedef struct hf_grid hf_grid;

/** A grid of `dim` axes.
 *  @param[in] axes   shape (dim), copied
 *  @return HF_ERR_INPUT for dim outside 1..4, lower >= upper, bounds that are not finite, fewer than 3 cells
 */
hf_status hf_grid_create(hf_error *error, size_t dim, const hf_axis axes[], hf_grid **out);
void hf_grid_destroy(hf_grid **grid);

size_t hf_grid_dim(const hf_grid *grid);
size_t hf_grid_cells(const hf_grid *grid);                     /**< number of cells of the whole grid */
double hf_grid_volume(const hf_grid *grid);                    /**< volume |C| of a cell */
const hf_axis *hf_grid_axis(const hf_grid *grid, size_t axis); /**< belongs to the grid */
double hf_grid_spacing(const hf_grid *grid, size_t axis);      /**< cell width h */
size_t hf_grid_stride(const hf_grid *grid, size_t axis);       /**< distance of neighbours along the axis */
double hf_grid_center(const hf_grid *grid, size_t axis, size_t index);
void hf_grid_centers(const hf_grid *grid, size_t cell, double theta[]); /**< theta: shape (dim) */

/** Mass of a density along one axis: marginal[i] = sum over the other axes of rho |C|.
 *  @param[in]  rho       shape (cells): cell means
 *  @param[out] marginal  shape (cells of the axis): cell masses */
void hf_grid_marginal(const hf_grid *grid, const double *rho, size_t axis, double *marginal);

/** Mass, mean and covariance of a density: integrals against the piecewise constant density, so that a cell
 * adds h^2/12 to the variance of its coordinate. A periodic coordinate is an angle: its mean is arg int e^{i
 * phi} dmu and its deviation sin(phi - mean), at cell centres. docs/theory.md (17), (18).
 *  @param[out] mean        shape (D)
 *  @param[out] covariance  shape (D, D)
 *  @return the mass */
double hf_grid_moments(const hf_grid *grid, const double *rho, double *mean, double *covariance);

/** The same for weighted points.
 *  @param[in] theta  shape (count, D)
 *  @param[in] mass   shape (count) */
double hf_points_moments(const hf_grid *grid, size_t count, const double *theta, const double *mass,
                         double *mean, double *covariance);

#ifdef __cplusplus
}
#endif
#endif
