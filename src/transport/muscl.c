/* Second-order flux with limited slopes (MUSCL, van Leer 1979), docs/numerics.md (9): the upwind flux of face
 * values rho_L + s_L/2 or rho_R - s_R/2, whose slopes are limited so that face values of a non-negative
 * density are non-negative. Loses its order at extrema and where the density is below grid scale. */
#include "transport/schemes.h"

static void evaluate(const hf_faces *faces, double *flux) {
    const double *restrict r0 = faces->rho[0], *restrict r1 = faces->rho[1];
    const double *restrict r2 = faces->rho[2], *restrict r3 = faces->rho[3];
    const double *restrict psi_left = faces->psi_left, *restrict psi_right = faces->psi_right;
    double (*limiter)(double, double) = faces->limiter;
    double scale = 1 / faces->spacing;
    for (size_t f = 0; f < faces->count; f++) {
        double u = (psi_left[f] - psi_right[f]) * scale;
        /* behind, upwind, ahead: choosing them by the sign of u makes one limiter do for both directions */
        double behind = u > 0 ? r0[f] : r3[f], here = u > 0 ? r1[f] : r2[f], ahead = u > 0 ? r2[f] : r1[f];
        /* a cell that the time integrator has pushed below zero sends nothing, so it cannot fall further */
        double face = here + 0.5 * limiter(here - behind, ahead - here);
        flux[f] = here > 0 ? u * hf_positive(face) : 0;
    }
}

const hf_flux hf_flux_muscl = {
    .name = "muscl",
    .summary = "second order, positive: limited slopes",
    .order = 2,
    .halo = 2,
    .limited = true,
    .evaluate = evaluate,
};
