/* Slope limiters and, for each, the muscl flux as one loop: a limiter called through a pointer would keep the
 * loop from being vectorised. docs/numerics.md (9). Adding a limiter is a slope and two lines here. */
#include "transport/schemes.h"

#include "base/simd.h"

#include <math.h>
#include <string.h>

/* Harmonic mean of the one-sided differences (van Leer 1974): smooth where they agree in sign. */
static inline double vanleer(double a, double b) {
    double p = a * b;
    return 2 * hf_positive(p) / (p > 0 ? a + b : 1); /* selects, not branches */
}

static inline double minmod(double a, double b) {
    return a * b > 0 ? (fabs(a) < fabs(b) ? a : b) : 0;
}

/* Behind, upwind, ahead of a face: choosing them by the sign of u makes one limiter do for both directions. A
 * cell that the time integrator has pushed below zero sends nothing, so it cannot fall further. */
#define MUSCL(slope)                                                                                         \
    HF_CLONES static void muscl_##slope(const hf_faces *faces, double *restrict flux) {                      \
        const double *restrict r0 = faces->rho[0], *restrict r1 = faces->rho[1];                             \
        const double *restrict r2 = faces->rho[2], *restrict r3 = faces->rho[3];                             \
        const double *restrict psi_left = faces->psi_left, *restrict psi_right = faces->psi_right;           \
        double scale = 1 / faces->spacing;                                                                   \
        _Pragma("omp simd") for (size_t f = 0; f < faces->count; f++) {                                      \
            double u = (psi_left[f] - psi_right[f]) * scale;                                                 \
            double behind = u > 0 ? r0[f] : r3[f], here = u > 0 ? r1[f] : r2[f],                             \
                   ahead = u > 0 ? r2[f] : r1[f];                                                            \
            double face = hf_positive(here + 0.5 * slope(here - behind, ahead - here));                      \
            flux[f] = here > 0 ? u * face : 0;                                                               \
        }                                                                                                    \
    }

MUSCL(vanleer)
MUSCL(minmod)

static const hf_limiter limiters[] = {{"vanleer", vanleer, muscl_vanleer}, {"minmod", minmod, muscl_minmod}};

const hf_limiter *hf_limiters(size_t *count) {
    *count = sizeof limiters / sizeof limiters[0];
    return limiters;
}

const hf_limiter *hf_limiter_find(const char *name) {
    for (size_t i = 0; i < sizeof limiters / sizeof limiters[0]; i++)
        if (strcmp(limiters[i].name, name) == 0)
            return &limiters[i];
    return NULL;
}
