/** @file measure.h
 *  Distances between a density on a grid and weighted points, or between two of either. docs/theory.md,
 *  section 10.
 *
 *  A density is given by its cell masses, shape (cells of the grid or axis), finite and not negative; it is
 *  constant in each cell unless a comment says otherwise. Make a signed one positive first, with
 *  hf_grid_make_positive. Points are weighted points in the coordinates of the grid: they may lie outside of
 *  a box with walls and any number of turns round a periodic axis. All are probability measures: masses are
 *  normalised to sum 1, so that cell means do as well as cell masses.
 *
 *  All may be called from several threads at once, on the same prepared objects too, which are not changed
 *  by use: functions that apply allocate their own work space. All return HF_ERR_MEMORY when there is no
 *  room and HF_ERR_INPUT for masses that are negative, not finite or all zero and points that are not finite.
 */
#ifndef HEADFLOW_MEASURE_H
#define HEADFLOW_MEASURE_H

#include <headflow/grid.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Weighted points, borrowed. */
typedef struct hf_points {
    size_t count;
    const double *theta; /**< shape (count, D) */
    const double *mass;  /**< shape (count); NULL: all equal */
} hf_points;

/* ---- one coordinate ------------------------------------------------------------------------------------ */

/** W_p on one axis, exact: on a periodic axis the distance is that along the circle. Equations (19), (20).
 *  @param[in]  p          1 or 2
 *  @param[in]  cell_mass  shape (cells of the axis); for p = 1 they may be negative: the supremum of
 *                         int f d(density - points) over 1-Lipschitz f
 *  @param[in]  points     theta: shape (count)
 *  @param[out] distance   [unit of the axis]
 *  @return HF_ERR_INPUT for another p
 *  @note O(n + count log count); on a circle times the 60 bisections of a convex problem */
hf_status hf_wasserstein(hf_error *error, const hf_axis *axis, int p, const double *cell_mass,
                         const hf_points *points, double *distance);

/* ---- several coordinates ------------------------------------------------------------------------------- */

/** A density projected on fixed directions, for sliced W2 to many clouds of points. Equation (21). */
typedef struct hf_slices hf_slices;

/** Project a density.
 *  In one dimension there is one slice, the axis itself. In more, a periodic coordinate phi of an axis of
 *  length L is embedded as L/2pi (cos, sin)(2pi phi/L), so that its distances are chords, not arcs. Two
 *  embedded coordinates get equispaced angles, more get orthonormal frames from a Halton sequence.
 *  The projection of each cell has its exact mean and variance (on a periodic axis up to O(h^2)); its
 *  shape is simplified to an interval, W2 at most 0.03 of the projected cell away, and laid on 4096 bins.
 *  @param[in] count  directions, at least 1; rounded up to whole frames in three and more embedded
 *                    coordinates
 *  @note O(count (cells D + 4096)) */
hf_status hf_slices_create(hf_error *error, const hf_grid *grid, const double *cell_mass, size_t count,
                           hf_slices **out);
void hf_slices_destroy(hf_slices **slices);
size_t hf_slices_count(const hf_slices *slices); /**< number of directions */

/** Sliced W2 of the density and points: the root of the mean over the directions of W2^2 of the projections.
 *  There is no factor D: a translation by s has distance |s|/sqrt(D), and nothing more
 *  than W2/sqrt(D), D the number of embedded coordinates.
 *  @note O(directions (count log count + 4096)) */
hf_status hf_slices_distance(hf_error *error, const hf_slices *slices, const hf_points *points,
                             double *distance);

/** W2 of two weighted clouds of points, exact up to rounding, by the network simplex. Equation (22).
 *  @param[in]  grid      says which axes are periodic: the metric is Euclidean in the arcs
 *  @param[out] distance  a transport plan's, hence never too small but for rounding
 *  @param[out] gap       distance^2 less the value of a feasible dual: distance^2 exceeds the optimum by at
 *                        most this; about 1e-14 of the largest squared distance
 *  @return HF_ERR_INPUT for 2^30 pairs or more; HF_ERR_NUMERIC when the simplex finds no optimum
 *  @note about 100 bytes a pair; the time grows a little faster than the number of pairs */
hf_status hf_wasserstein2_exact(hf_error *error, const hf_grid *grid, const hf_points *a, const hf_points *b,
                                double *distance, double *gap);

/** At most `most` weighted atoms in place of a density: boxes of cells are split, always the one of largest
 *  mass x variance, where that lowers it most; the atoms are the boxes' barycentres. Boxes end at the
 *  seam of a periodic axis. Equation (23).
 *  @param[out] theta  shape (most, D)
 *  @param[out] mass   shape (most): sum 1, all positive
 *  @param[out] count  atoms used: fewer than `most` when every box is one cell or empty
 *  @param[out] bound  an upper bound of W2 between the density, constant in each cell, and the atoms
 *  @note O(cells D log most + most^2) */
hf_status hf_grid_quantise(hf_error *error, const hf_grid *grid, const double *cell_mass, size_t most,
                           double *theta, double *mass, size_t *count, double *bound);

/* ---- densities on one grid ----------------------------------------------------------------------------- */

/** Points as cell masses by multilinear (cloud-in-cell) weights of the nearest cell centres. Points
 *  beyond the outermost centres of an axis with walls go to the outermost cell. Equation (24).
 *  @param[out] cell_mass     shape (cells): sum 1
 *  @param[out] displacement  root mean square distance that mass was moved, an upper bound of W2 between the
 *                            points and the cell masses taken as points at the centres */
hf_status hf_grid_assign(hf_error *error, const hf_grid *grid, const hf_points *points, double *cell_mass,
                         double *displacement);

/** The grid on the same box with cells `factor[d]` times as wide.
 *  @param[in] factor  shape (D): divisors of the numbers of cells
 *  @return HF_ERR_INPUT where one does not divide them, or leaves fewer than HF_CELLS_MIN */
hf_status hf_grid_coarsen(hf_error *error, const hf_grid *grid, const size_t factor[], hf_grid **coarse);

/** Cell masses of a grid summed over the cells of a coarser one, as hf_grid_coarsen makes it. Mass moves
 *  by at most half the diagonal of a coarse cell.
 *  @param[out] coarse_mass  shape (cells of coarse) */
void hf_grid_gather(const hf_grid *grid, const double *cell_mass, const hf_grid *coarse, double *coarse_mass);

/** A density prepared for Sinkhorn divergences to many others. Equations (25), (26). */
typedef struct hf_sinkhorn hf_sinkhorn;

typedef struct hf_sinkhorn_options {
    double epsilon;    /**< strength of the entropy [unit^2]: blurs by sqrt(epsilon/2); > 0 */
    double tolerance;  /**< mass that the marginals of the plan may miss; 0: 1e-4 */
    size_t iterations; /**< give up after so many; 0: 10000 */
} hf_sinkhorn_options;

/** Compute the density's own term. Cell masses are taken as points at the cell centres, distances along
 *  periodic axes are arcs.
 *  @return HF_ERR_INPUT for epsilon <= 0; HF_ERR_NUMERIC when the iterations run out
 *  @note the kernel is separable: O(cells (n_1 + .. + n_D)) an iteration. Computed with logarithms of
 *        densities: any epsilon is safe, a small one slow */
hf_status hf_sinkhorn_create(hf_error *error, const hf_grid *grid, const hf_sinkhorn_options *options,
                             const double *cell_mass, hf_sinkhorn **out);
void hf_sinkhorn_destroy(hf_sinkhorn **sinkhorn);

/** The root of the debiased Sinkhorn divergence to other cell masses: zero exactly for equal ones up to the
 *  tolerance times sqrt(epsilon), and W2 in the limit of small epsilon.
 *  @return HF_ERR_NUMERIC when the iterations run out */
hf_status hf_sinkhorn_distance(hf_error *error, const hf_sinkhorn *sinkhorn, const double *cell_mass,
                               double *distance);

/** The transforms for dual Sobolev distances on a grid. Equations (27), (28). */
typedef struct hf_sobolev hf_sobolev;

/** @note FFTW plans here: from several threads only while nothing else in the program has FFTW plan */
hf_status hf_sobolev_create(hf_error *error, const hf_grid *grid, hf_sobolev **out);
void hf_sobolev_destroy(hf_sobolev **sobolev);

/** The homogeneous H^-1 distance of two densities: the supremum of int f d(a - b) over int |grad f|^2 <= 1.
 *  The densities are the trigonometric polynomials (cosines between walls) with the cells' values at the
 *  centres. In two and more dimensions a point mass has no finite distance to anything: its value grows with
 *  the number of cells, so compare only values of one grid.
 *  @note O(cells log cells) */
hf_status hf_sobolev_distance(hf_error *error, const hf_sobolev *sobolev, const double *a, const double *b,
                              double *distance);

#ifdef __cplusplus
}
#endif
#endif
