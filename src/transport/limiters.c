/* Slope limiters and, for each, the loops of the muscl flux: a limiter called through a pointer would keep
 * the loop from being vectorised. docs/numerics.md (9). Adding a limiter is a slope and two lines here. */
#include "transport/kernels.h"

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
    static inline double muscl_##slope(const hf_faces *faces, size_t k, double u) {                          \
        double r0 = faces->rho[0][k], r1 = faces->rho[1][k], r2 = faces->rho[2][k], r3 = faces->rho[3][k];   \
        double behind = u > 0 ? r0 : r3, here = u > 0 ? r1 : r2, ahead = u > 0 ? r2 : r1;                    \
        double value = hf_positive(here + 0.5 * slope(here - behind, ahead - here));                         \
        return u * (here > 0 ? value : 0);                                                                   \
    }                                                                                                        \
    HF_KERNELS(muscl_by_##slope, muscl_##slope);

MUSCL(vanleer)
MUSCL(minmod)

static const hf_limiter limiters[] = {{"vanleer", vanleer, &muscl_by_vanleer},
                                      {"minmod", minmod, &muscl_by_minmod}};

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
