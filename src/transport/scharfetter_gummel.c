/* Scharfetter-Gummel flux for tau > 0, docs/numerics.md (10): F = (tau/h) (B(-x) rho_L - B(x) rho_R), x = u
 * h/tau, B(x) = x/(e^x - 1). Vanishes on the discrete Gibbs state exp(-Psi/tau), keeps positivity, second
 * order where tau > |u| h and first-order upwind in the limit tau -> 0. Source: Scharfetter and Gummel 1969.
 */
#include "transport/kernels.h"

#include <math.h>

static double bernoulli(double x) {
    return fabs(x) < 1e-5 ? 1 - 0.5 * x + x * x / 12 : x / expm1(x);
}

static inline double face(const hf_faces *faces, double u, double behind, double here, double ahead) {
    (void)behind;
    double x = fabs(u) / faces->diffusion;
    double b = bernoulli(x), c = b + x; /* B(x) and B(-x), neither of which overflows */
    double flux = faces->diffusion * (c * here - b * ahead);
    return u > 0 ? flux : -flux;
}

HF_KERNELS(scharfetter_gummel, 1, face);

const hf_flux hf_flux_scharfetter_gummel = {
    .name = "scharfetter-gummel",
    .summary = "exponentially fitted, for temperature > 0: keeps the Gibbs state",
    .order = 2,
    .halo = 1,
    .cells_min = HF_CELLS_MIN,
    .warm = true,
    .kernels = &scharfetter_gummel,
};
