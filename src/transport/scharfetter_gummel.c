/* Scharfetter-Gummel flux for tau > 0, docs/numerics.md (10): F = (tau/h) (B(-x) rho_L - B(x) rho_R), x = u
 * h/tau, B(x) = x/(e^x - 1). Vanishes on the discrete Gibbs state exp(-Psi/tau), keeps positivity, second
 * order where tau > |u| h and first-order upwind in the limit tau -> 0. Source: Scharfetter and Gummel 1969.
 */
#include "transport/schemes.h"

#include <math.h>

static double bernoulli(double x) {
    return fabs(x) < 1e-5 ? 1 - 0.5 * x + x * x / 12 : x / expm1(x);
}

static void evaluate(const hf_faces *faces, double *flux) {
    const double *restrict left = faces->rho[0], *restrict right = faces->rho[1];
    double tau = faces->temperature, scale = tau / faces->spacing;
    for (size_t f = 0; f < faces->count; f++) {
        double x = (faces->psi_left[f] - faces->psi_right[f]) / tau;
        double b = bernoulli(fabs(x)), c = b + fabs(x); /* B(|x|) and B(-|x|), neither of which overflows */
        flux[f] = scale * (x > 0 ? c * left[f] - b * right[f] : b * left[f] - c * right[f]);
    }
}

const hf_flux hf_flux_scharfetter_gummel = {
    .name = "scharfetter-gummel",
    .summary = "exponentially fitted, for temperature > 0: keeps the Gibbs state",
    .order = 2,
    .halo = 1,
    .cells_min = HF_CELLS_MIN,
    .warm = true,
    .evaluate = evaluate,
};
