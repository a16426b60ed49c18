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

/** A potential that can be asked for on any contiguous range of cells. */
typedef struct hf_potential {
    const void *self;
    /** @param[out] psi  shape (count): values in cells first .. first + count - 1 */
    void (*fill)(const void *self, size_t first, size_t count, double *psi);
    /** For dual fluxes: u rho at the centres of the same cells, u = -d Psi/d x_axis.
     *  @param[in]  rho   shape (count): of these cells
     *  @param[out] flow  shape (count) */
    void (*flow)(const void *self, size_t axis, size_t first, size_t count, const double *rho, double *flow);
    /** For dual fluxes: max |u| along the axis, over the whole grid. */
    double (*speed)(const void *self, size_t axis);
} hf_potential;

/** What a flux function sees: `count` faces side by side, each with its 2 halo neighbours across the face. */
typedef struct hf_faces {
    size_t count;
    /** rho[k][f]: density in the k-th cell of the stencil of face f, k = 0 .. 2 halo - 1, in the direction
     * of the axis; the face lies between k = halo - 1 and k = halo. */
    const double *rho[2 * HF_HALO_MAX];
    const double *flow[2 * HF_HALO_MAX]; /**< dual fluxes: u rho at the centres of the same cells */
    double speed;                        /**< dual fluxes: max |u| along the axis */
    const double *psi_left, *psi_right;  /**< shape (count): the potential on both sides of the face */
    double spacing;                      /**< h */
    double temperature;                  /**< tau */
    const struct hf_limiter *limiter;    /**< of a limited flux */
} hf_faces;

/** A numerical flux. Adding one is a new file in src/transport and a line in the table of schemes.c. */
typedef struct hf_flux {
    const char *name;
    const char *summary;
    int order;        /**< in space: for smooth solutions; of a dual flux, for integrals of any solution */
    int halo;         /**< cells on each side of a face, 1..4 */
    size_t cells_min; /**< fewest cells of an axis */
    bool limited;     /**< whether it takes a limiter */
    bool cold, warm;  /**< whether it is for tau = 0, and for tau > 0: then with the term tau Laplace rho */
    /** Linear in the density, which is then of point values and has no sign where it is finer than the grid:
     * the transpose of a difference scheme for the adjoint equation. docs/numerics.md, section 4. */
    bool dual;
    /** @param[out] flux  shape (faces->count): F, positive along the axis [mass/(face area time)] */
    void (*evaluate)(const hf_faces *faces, double *flux);
} hf_flux;

const hf_flux *const *hf_fluxes(size_t *count); /**< a static table of pointers */
const hf_flux *hf_flux_find(const char *name);  /**< NULL when there is none */

/** A slope limiter for muscl. */
typedef struct hf_limiter {
    const char *name;
    double (*slope)(double a, double b); /**< the limited slope from the two one-sided differences */
    void (*muscl)(const hf_faces *faces, double *flux); /**< the muscl flux with these slopes, as one loop */
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

/** Rate of change of the density and the discrete dissipation D_h = sum over faces of |C| F (u - tau d log
 * rho/h). docs/numerics.md (7), (12).
 *  @param[in]  rho          shape (cells)
 *  @param[out] rate         shape (cells), must not alias rho
 *  @param[out] dissipation  may be NULL (saves the logarithms where tau > 0)
 *  @note allocates nothing; uses the transport's workspace; conserves mass to rounding; O(cells) */
void hf_transport_apply(hf_transport *transport, const hf_potential *potential, const double *rho,
                        double *rate, double *dissipation);

#ifdef __cplusplus
}
#endif
#endif
