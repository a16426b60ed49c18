/* First-order upwind flux, docs/numerics.md (8): F = u+ rho_L - u- rho_R with u = -(Psi_R - Psi_L)/h.
 * Positive under the CFL condition and dissipative term by term; not for digits: its error is a diffusion |u|
 * h/2. A cell whose value the time integrator has pushed below zero sends nothing, so it cannot fall further.
 */
#include "transport/schemes.h"

#include "base/simd.h"

HF_CLONES static void evaluate(const hf_faces *faces, double *restrict flux) {
    const double *restrict left = faces->rho[0], *restrict right = faces->rho[1];
    const double *restrict psi_left = faces->psi_left, *restrict psi_right = faces->psi_right;
    double scale = 1 / faces->spacing;
#pragma omp simd
    for (size_t f = 0; f < faces->count; f++) {
        double u = (psi_left[f] - psi_right[f]) * scale;
        flux[f] = u * hf_positive(u > 0 ? left[f] : right[f]);
    }
}

const hf_flux hf_flux_upwind = {
    .name = "upwind",
    .summary = "first order, positive",
    .order = 1,
    .halo = 1,
    .cells_min = HF_CELLS_MIN,
    .cold = true,
    .evaluate = evaluate,
};
