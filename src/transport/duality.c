/* The duality fluxes, docs/numerics.md (24): linear in the density, with a dissipation that is the same on
 * the whole axis. Each is the transpose of an upwind-biased difference scheme for the adjoint equation, so
 * that it carries integrals of smooth functions at full order, whatever the density. The term tau Laplace rho
 * comes as central differences of the next even order, which have the same form as the dissipation. */
#include "transport/kernels.h"

static const hf_dual order5 = {
    {37. / 60, -8. / 60, 1. / 60}, {1. / 6, -1. / 12, 1. / 60}, {49. / 36, -5. / 36, 1. / 90}};

static const hf_dual order7 = {{533. / 840, -139. / 840, 29. / 840, -3. / 840},
                               {1. / 8, -3. / 40, 1. / 40, -1. / 280},
                               {205. / 144, -127. / 720, 17. / 720, -1. / 560}};

static inline double term(const hf_faces *f, size_t j, size_t k) {
    return (f->still[j] + f->tilt[j] * f->at[j][k]) * f->rho[j][k];
}

static inline double face5(const hf_faces *f, size_t k, double u) {
    (void)u;
    return (term(f, 2, k) + term(f, 3, k)) + (term(f, 1, k) + term(f, 4, k)) +
           (term(f, 0, k) + term(f, 5, k));
}

static inline double face7(const hf_faces *f, size_t k, double u) {
    (void)u;
    return ((term(f, 3, k) + term(f, 4, k)) + (term(f, 2, k) + term(f, 5, k))) +
           ((term(f, 1, k) + term(f, 6, k)) + (term(f, 0, k) + term(f, 7, k)));
}

HF_KERNELS(duality5, face5);
HF_KERNELS(duality7, face7);

const hf_flux hf_flux_duality5 = {
    .name = "duality5",
    .summary = "fifth order in integrals, linear: signed where unresolved",
    .order = 5,
    .halo = 3,
    .cells_min = 9,
    .cold = true,
    .warm = true,
    .dual = true,
    .scheme = &order5,
    .kernels = &duality5,
};

const hf_flux hf_flux_duality7 = {
    .name = "duality7",
    .summary = "seventh order in integrals, linear: signed where unresolved",
    .order = 7,
    .halo = 4,
    .cells_min = 9,
    .cold = true,
    .warm = true,
    .dual = true,
    .scheme = &order7,
    .kernels = &duality7,
};
