/** @file transport.h
 *  From a potential to fluxes to the rate of change of a density on a grid:
 *  d rho/dt = div(rho grad Psi) + tau Laplace rho. Knows nothing of attention. docs/numerics.md (6)-(12). */
#ifndef HEADFLOW_TRANSPORT_H
#define HEADFLOW_TRANSPORT_H

#include <headflow/grid.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HF_HALO_MAX = 4 };

/** A potential, as data: on a row, which is a cell of the grid of all axes but the last m,
 *  Psi(x, v) = g_0 + sum_j v_j g_j + sum_d ridge_d x_d^2/2, affine in the last m coordinates v at cell
 * centres. Axes of v have walls. docs/numerics.md (4), (25). */
typedef struct hf_potential {
    size_t affine;              /**< m; 0: any potential, a number a cell, whose rows are the cells */
    const double *coefficients; /**< g, shape (rows, 1 + m) */
    double ridge[HF_DIM_MAX];   /**< of each coordinate; 0 on periodic axes */
    /** For dual fluxes: the velocities at the centres, u_d = V_0 + sum_j v_j V_j with the ridge in them.
     * Shape (D, rows, 1 + m). */
    const double *velocities;
    double speed[HF_DIM_MAX]; /**< for dual fluxes: max |u_d| over the whole grid */
    /** Rows beyond each end of an axis that the arrays have, where the grid is a part of a divided one: the
     * rows are then the cells of the part with these margins, row-major. At least 1, of a dual flux its halo.
     */
    size_t margin[HF_DIM_MAX];
} hf_potential;

/** The density beyond the ends of a part of a divided grid, `halo` of the flux cells deep: for each axis and
 * side (0: below, 1: above) shape (cells of the axes before, halo, cells of the axes after), in the direction
 * of the axis. NULL: the axis ends there with a wall, or wraps if it is periodic. */
typedef struct hf_beyond {
    const double *layers[HF_DIM_MAX][2];
} hf_beyond;

/** Takes the rate of a line of cells as soon as it is complete. */
typedef struct hf_sink {
    void *self;
    /** Called by the thread that computes the line; the lines of a row come in order, from one thread.
     *  @param[in] first  its first cell
     *  @param[in] rate   shape (count): valid during the call */
    void (*take)(void *self, size_t first, size_t count, const double *rate);
} hf_sink;

struct hf_kernels;

/** A numerical flux. Adding one is a new file in src/transport and a line in the table of schemes.c. */
typedef struct hf_flux {
    const char *name;
    const char *summary;
    int order;        /**< in space: for smooth solutions; of a dual flux, for integrals of any solution */
    int halo;         /**< cells on each side of a face, 1..4 */
    size_t cells_min; /**< fewest cells of an axis */
    bool limited;     /**< whether it takes a limiter, whose kernels are then used */
    bool cold, warm;  /**< whether it is for tau = 0, and for tau > 0: then with the term tau Laplace rho */
    /** Linear in the density, which is then of point values and has no sign where it is finer than the grid:
     * the transpose of a difference scheme for the adjoint equation. docs/numerics.md, section 4. */
    bool dual;
    const struct hf_dual *scheme;     /**< of a dual flux: its coefficients */
    const struct hf_kernels *kernels; /**< its loops: src/transport/kernels.h */
} hf_flux;

const hf_flux *const *hf_fluxes(size_t *count); /**< a static table of pointers */
const hf_flux *hf_flux_find(const char *name);  /**< NULL when there is none */

/** A slope limiter for muscl. */
typedef struct hf_limiter {
    const char *name;
    double (*slope)(double a, double b); /**< the limited slope from the two one-sided differences */
    const struct hf_kernels *kernels;    /**< the muscl flux with these slopes */
} hf_limiter;

const hf_limiter *hf_limiters(size_t *count); /**< a static table */
const hf_limiter *hf_limiter_find(const char *name);

typedef struct hf_transport hf_transport;

/** @param[in] grid         borrowed
 *  @param[in] flux         from hf_fluxes
 *  @param[in] limiter      from hf_limiters; NULL for the default where the flux takes one
 *  @param[in] temperature  tau >= 0
 *  @return HF_ERR_INPUT when the flux is not for this temperature, or an axis has too few cells for it */
hf_status hf_transport_create(hf_error *error, const hf_grid *grid, const hf_flux *flux,
                              const hf_limiter *limiter, double temperature, hf_transport **out);
void hf_transport_destroy(hf_transport **transport);

/** Rate of change of the density, docs/numerics.md (7), called by every thread of an OpenMP parallel region,
 * of at most as many as omp_get_max_threads() said at creation; also outside of one. The threads share the
 * cells of the first axis, or thread 0 does all where the potential is affine in all coordinates. No barrier.
 *  @param[in]  beyond       NULL: the grid is whole
 *  @param[in]  rho          shape (cells)
 *  @param[out] rate         shape (cells), must not alias rho; not used where there is a sink
 *  @param[in]  sink         NULL: the rate goes to the array
 *  @param[in]  dissipation  whether hf_transport_dissipation will be asked (saves logarithms where tau > 0)
 *  @note allocates nothing; the same to the bit on any number of threads; conserves mass to rounding;
 * O(cells) */
void hf_transport_team(hf_transport *transport, const hf_potential *potential, const hf_beyond *beyond,
                       const double *rho, double *rate, const hf_sink *sink, bool dissipation);

/** After the last hf_transport_team and a barrier: the discrete dissipation D_h = sum over faces of |C| F (u
 * - tau d log rho/h), docs/numerics.md (12). A face counts for the cell below it, so that sums over the parts
 * of a divided grid count each once. */
double hf_transport_dissipation(const hf_transport *transport);

/** Both on a whole grid, in a parallel region of their own.
 *  @param[out] dissipation  may be NULL */
void hf_transport_apply(hf_transport *transport, const hf_potential *potential, const double *rho,
                        double *rate, double *dissipation);

#ifdef __cplusplus
}
#endif
#endif
