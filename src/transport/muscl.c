/* Second-order flux with limited slopes (MUSCL, van Leer 1979), docs/numerics.md (9): the upwind flux of face
 * values rho_L + s_L/2 or rho_R - s_R/2, whose slopes are limited so that face values of a non-negative
 * density are non-negative. Loses its order at extrema and where the density is below grid scale. Its kernels
 * are those of its limiter. */
#include "transport/schemes.h"

const hf_flux hf_flux_muscl = {
    .name = "muscl",
    .summary = "second order, positive: limited slopes",
    .order = 2,
    .halo = 2,
    .limited = true,
    .cells_min = HF_CELLS_MIN,
    .cold = true,
};
