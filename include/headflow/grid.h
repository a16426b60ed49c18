/** @file grid.h
 *  Tensor grids of cells on a box with walls or periodic axes, D = 1 to 4. Knows nothing of attention.
 *  Cells are numbered row-major, the last axis fastest. docs/numerics.md, section 1. */
#ifndef HEADFLOW_GRID_H
#define HEADFLOW_GRID_H

#include <headflow/ranks.h>

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
size_t hf_grid_cells(const hf_grid *grid);                     /**< number of cells of all axes together */
double hf_grid_volume(const hf_grid *grid);                    /**< volume |C| of a cell */
const hf_axis *hf_grid_axis(const hf_grid *grid, size_t axis); /**< belongs to the grid */
double hf_grid_spacing(const hf_grid *grid, size_t axis);      /**< cell width h */
size_t hf_grid_stride(const hf_grid *grid, size_t axis);       /**< distance of neighbours along the axis */
double hf_grid_center(const hf_grid *grid, size_t axis, size_t index);
void hf_grid_centers(const hf_grid *grid, size_t cell, double theta[]); /**< theta: shape (dim) */

/* ---- parts ------------------------------------------------------------------------------------------ */

/** A box of cells as a grid of its own, with the centres and spacings of the whole to the bit: its axes keep
 * name, bounds and periodicity of the whole ones, and `cells` is the part's. It may have fewer than 3 cells.
 *  Sums over it are sums over its own cells.
 *  @param[in] first, cells   shape (dim): where the box starts, and its cells
 *  @return HF_ERR_INPUT for a box that is empty or leaves the grid */
hf_status hf_grid_part(hf_error *error, const hf_grid *whole, const size_t first[], const size_t cells[],
                       hf_grid **out);

size_t hf_grid_first(const hf_grid *grid, size_t axis);       /**< the whole grid's index of its first cell */
size_t hf_grid_whole_cells(const hf_grid *grid, size_t axis); /**< cells of the axis of the whole grid */
bool hf_grid_divided(const hf_grid *grid, size_t axis);       /**< whether it has less than the whole axis */

/** Divide a grid among ranks: this rank's part. The first `axes` axes may be cut, each into parts that differ
 * by at most a cell, so that the surface to exchange is smallest; ranks are numbered row-major like cells.
 *  Without ranks the part is the whole. Sums over a part (hf_grid_marginal, hf_grid_negative_mass,
 * hf_grid_moments) are sums over all ranks: collective, and the same to the bit on all of them.
 *  @param[in] least   cells that each part of a cut axis has at least
 *  @param[in] ranks   borrowed: must outlive the part; NULL: one process alone
 *  @return HF_ERR_INPUT, alike on all ranks, when there is no such division: with how many ranks there is */
hf_status hf_grid_divide(hf_error *error, const hf_grid *whole, size_t axes, size_t least,
                         const hf_ranks *ranks, hf_grid **out);

/** Into how many parts hf_grid_divide cuts each axis for a number of ranks. Not collective.
 *  @param[out] parts   shape (dim) */
hf_status hf_grid_factors(hf_error *error, const hf_grid *whole, size_t axes, size_t least, size_t ranks,
                          size_t parts[]);

size_t hf_grid_parts(const hf_grid *grid, size_t axis); /**< parts of the axis; 1: it is whole */
const hf_ranks *hf_grid_ranks(const hf_grid *grid);     /**< who hold the other parts; NULL: nobody */

/** Where the part of a rank lies. Not collective.
 *  @param[in]  parts          shape (dim): of each axis, as hf_grid_factors gives them
 *  @param[out] first, cells   shape (dim) */
void hf_grid_box(const hf_grid *grid, const size_t parts[], size_t rank, size_t first[], size_t cells[]);

/** Planes first .. first + count - 1 of axis 0 of a divided density, all other axes whole, on rank 0.
 *  Collective.
 *  @param[in]  rho     shape (cells): this rank's part
 *  @param[out] work    rank 0: room for one rank's share, count times its cells of the other axes; else NULL
 *  @param[out] planes  rank 0: shape (count, whole cells of the other axes); else NULL */
void hf_grid_collect(const hf_grid *part, size_t first, size_t count, const double *rho, double *work,
                     double *planes);

/** What this rank's part has in planes first .. first + count - 1 of axis 0: the way back. Not collective.
 *  @param[in]  planes  shape (count, whole cells of the other axes)
 *  @param[out] rho     shape (cells): this rank's part, of which the other planes stay as they are */
void hf_grid_distribute(const hf_grid *part, size_t first, size_t count, const double *planes, double *rho);

/* ---- sums, point masses, moments -------------------------------------------------------------------- */

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
 *  @param[out] marginal  shape (cells of the axis, of the whole one where it is divided): cell masses */
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
