/* First-order upwind flux, docs/numerics.md (8): F = u+ rho_L - u- rho_R with u = -(Psi_R - Psi_L)/h.
 * Positive under the CFL condition and dissipative term by term; not for digits: its error is a diffusion |u|
 * h/2. A cell whose value the time integrator has pushed below zero sends nothing, so it cannot fall further.
 */
#include "transport/kernels.h"

static inline double face(const hf_faces *faces, size_t k, double u) {
    double left = faces->rho[0][k], right = faces->rho[1][k];
    return u * hf_positive(u > 0 ? left : right);
}

HF_KERNELS(upwind, face);

const hf_flux hf_flux_upwind = {
    .name = "upwind",
    .summary = "first order, positive",
    .order = 1,
    .halo = 1,
    .cells_min = HF_CELLS_MIN,
    .cold = true,
    .kernels = &upwind,
};
