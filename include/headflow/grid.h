/** @file grid.h
 *  Tensor grids of cells on a box with walls or periodic axes, D = 1 to 4. Knows nothing of attention.
 *  Cells are numbered row-major, the last axis fastest. docs/numerics.md, section 1. */
#ifndef HEADFLOW_GRID_H
#define HEADFLOW_GRID_H

#include <headflow/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HF_DIM_MAX = 4, HF_NAME_MAX = 32, HF_CELLS_MIN = 3, HF_SPREAD = 8 };

/** What the numbers of a density on a grid are: means over the cells, of a density that is constant in each;
 *  or point values at the centres, of a measure of masses rho |C| there. docs/numerics.md (1), (23). */
typedef enum hf_sampling { HF_CELL_MEANS, HF_POINT_VALUES } hf_sampling;

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

/** Mean over a cell of (x - centre)^2 along an axis: h^2/12 for cell means, 0 for point values. */
double hf_grid_cell_variance(const hf_grid *grid, size_t axis, hf_sampling sampling);

/** Where a point mass goes on an axis: Lagrange weights of the HF_SPREAD centres about x, which keep the
 *  moments of degree 0 to 7. At a wall the stencil stays inside. docs/numerics.md (27).
 *  @param[out] weight  shape (HF_SPREAD), sum 1
 *  @return the first cell; those after it follow, through the seam of a periodic axis */
size_t hf_grid_spread(const hf_grid *grid, size_t axis, double x, double weight[]);

/** Values at t of the n Lagrange polynomials of the nodes 0 .. n - 1. @param[out] weight shape (n) */
void hf_lagrange_values(size_t n, double t, double weight[]);

/** Derivatives of the same at node j. @param[out] weight shape (n) */
void hf_lagrange_slopes(size_t n, size_t j, double weight[]);

/** Mass of a density along one axis: marginal[i] = sum over the other axes of rho |C|.
 *  @param[in]  rho       shape (cells): cell means
 *  @param[out] marginal  shape (cells of the axis): cell masses */
void hf_grid_marginal(const hf_grid *grid, const double *rho, size_t axis, double *marginal);

/** sum max(-rho, 0) |C|. @param[in] rho shape (cells) */
double hf_grid_negative_mass(const hf_grid *grid, const double *rho);

/** Make a signed density non-negative in place, for maps of it and for distances: mass is kept, integrals of
 * smooth functions change by O(h^2) or more. A density without negative cells is left as it is.
 *  docs/numerics.md (30). */
hf_status hf_grid_make_positive(hf_error *error, const hf_grid *grid, double *rho);

/** Mass, mean and covariance of a density. Cell means are taken as the piecewise constant density, so that a
 * cell adds h^2/12 to the variance of its coordinate. A periodic coordinate is an angle: its mean is arg int
 * e^{i phi} dmu and its deviation sin(phi - mean), at cell centres. docs/theory.md (17), (18).
 *  @param[out] mean        shape (D)
 *  @param[out] covariance  shape (D, D)
 *  @return the mass */
double hf_grid_moments(const hf_grid *grid, hf_sampling sampling, const double *rho, double *mean,
                       double *covariance);

/** The same for weighted points.
 *  @param[in] theta  shape (count, D)
 *  @param[in] mass   shape (count) */
double hf_points_moments(const hf_grid *grid, size_t count, const double *theta, const double *mass,
                         double *mean, double *covariance);

#ifdef __cplusplus
}
#endif
#endif
