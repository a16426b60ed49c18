/* The duality fluxes, docs/numerics.md (24): linear in the density, with a dissipation that is the same on
 * the whole axis. Each is the transpose of an upwind-biased difference scheme for the adjoint equation, so
 * that it carries integrals of smooth functions at full order, whatever the density. The term tau Laplace rho
 * comes as central differences of the next even order, which have the same form as the dissipation. */
#include "transport/schemes.h"

#include "base/simd.h"

/* F = sum_k a_k (f_{R+k} + f_{L-k}) - sum_k (speed b_k + tau/h d_k) (rho_{R+k} - rho_{L-k}) */
typedef struct coefficients {
    double a, b, d;
} coefficients;

static const coefficients order5[] = {
    {37. / 60, 1. / 6, 49. / 36}, {-8. / 60, -1. / 12, -5. / 36}, {1. / 60, 1. / 60, 1. / 90}};

static const coefficients order7[] = {{533. / 840, 1. / 8, 205. / 144},
                                      {-139. / 840, -3. / 40, -127. / 720},
                                      {29. / 840, 1. / 40, 17. / 720},
                                      {-3. / 840, -1. / 280, -1. / 560}};

static double dissipation(const hf_faces *faces, const coefficients *c) {
    return faces->speed * c->b + faces->temperature / faces->spacing * c->d;
}

HF_CLONES static void evaluate5(const hf_faces *faces, double *restrict flux) {
    const double *const *rho = faces->rho, *const *f = faces->flow;
    const double *restrict r0 = rho[0], *restrict r1 = rho[1], *restrict r2 = rho[2], *restrict r3 = rho[3],
                           *restrict r4 = rho[4], *restrict r5 = rho[5];
    const double *restrict f0 = f[0], *restrict f1 = f[1], *restrict f2 = f[2], *restrict f3 = f[3],
                           *restrict f4 = f[4], *restrict f5 = f[5];
    const coefficients *c = order5;
    double b0 = dissipation(faces, &c[0]), b1 = dissipation(faces, &c[1]), b2 = dissipation(faces, &c[2]);
#pragma omp simd
    for (size_t i = 0; i < faces->count; i++)
        flux[i] = c[0].a * (f2[i] + f3[i]) + c[1].a * (f1[i] + f4[i]) + c[2].a * (f0[i] + f5[i]) -
                  b0 * (r3[i] - r2[i]) - b1 * (r4[i] - r1[i]) - b2 * (r5[i] - r0[i]);
}

HF_CLONES static void evaluate7(const hf_faces *faces, double *restrict flux) {
    const double *const *rho = faces->rho, *const *f = faces->flow;
    const double *restrict r0 = rho[0], *restrict r1 = rho[1], *restrict r2 = rho[2], *restrict r3 = rho[3],
                           *restrict r4 = rho[4], *restrict r5 = rho[5], *restrict r6 = rho[6],
                           *restrict r7 = rho[7];
    const double *restrict f0 = f[0], *restrict f1 = f[1], *restrict f2 = f[2], *restrict f3 = f[3],
                           *restrict f4 = f[4], *restrict f5 = f[5], *restrict f6 = f[6], *restrict f7 = f[7];
    const coefficients *c = order7;
    double b0 = dissipation(faces, &c[0]), b1 = dissipation(faces, &c[1]), b2 = dissipation(faces, &c[2]),
           b3 = dissipation(faces, &c[3]);
#pragma omp simd
    for (size_t i = 0; i < faces->count; i++)
        flux[i] = c[0].a * (f3[i] + f4[i]) + c[1].a * (f2[i] + f5[i]) + c[2].a * (f1[i] + f6[i]) +
                  c[3].a * (f0[i] + f7[i]) - b0 * (r4[i] - r3[i]) - b1 * (r5[i] - r2[i]) -
                  b2 * (r6[i] - r1[i]) - b3 * (r7[i] - r0[i]);
}

const hf_flux hf_flux_duality5 = {
    .name = "duality5",
    .summary = "fifth order in integrals, linear: signed where unresolved",
    .order = 5,
    .halo = 3,
    .cells_min = 9,
    .cold = true,
    .warm = true,
    .dual = true,
    .evaluate = evaluate5,
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
    .evaluate = evaluate7,
};
