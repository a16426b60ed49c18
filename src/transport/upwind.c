/* First-order upwind flux, docs/numerics.md (8): F = u+ rho_L - u- rho_R with u = -(Psi_R - Psi_L)/h.
 * Positive under the CFL condition and dissipative term by term; not for digits: its error is a diffusion |u|
 * h/2. A cell whose value the time integrator has pushed below zero sends nothing, so it cannot fall further.
 */
#include "transport/kernels.h"

static inline double face(const hf_faces *faces, double u, double behind, double here, double ahead) {
    (void)faces, (void)behind, (void)ahead;
    return u * hf_positive(here);
}

HF_KERNELS(upwind, 1, face);

const hf_flux hf_flux_upwind = {
    .name = "upwind",
    .summary = "first order, positive",
    .order = 1,
    .halo = 1,
    .cells_min = HF_CELLS_MIN,
    .cold = true,
    .kernels = &upwind,
};
