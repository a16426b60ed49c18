/* Slope limiters and, for each, the loops of the muscl flux: a limiter called through a pointer would keep
 * the loop from being vectorised. docs/numerics.md (9). Adding a limiter is a slope and two lines here. */
#include "transport/kernels.h"

#include <math.h>
#include <string.h>

/* Harmonic mean of the one-sided differences (van Leer 1974): smooth where they agree in sign. */
static inline double half_vanleer(double a, double b) {
    double p = a * b;
    return hf_positive(p) / (p > 0 ? a + b : 1); /* selects, not branches */
}

static inline double half_minmod(double a, double b) {
    return a * b > 0 ? 0.5 * (fabs(a) < fabs(b) ? a : b) : 0;
}

/* A cell that the time integrator has pushed below zero sends nothing, so it cannot fall further. */
#define MUSCL(limiter)                                                                                       \
    static inline double muscl_##limiter(const hf_faces *faces, double u, double behind, double here,        \
                                         double ahead) {                                                     \
        (void)faces;                                                                                         \
        double value = hf_positive(here + half_##limiter(here - behind, ahead - here));                      \
        return u * (here > 0 ? value : 0);                                                                   \
    }                                                                                                        \
    HF_KERNELS(muscl_by_##limiter, 2, muscl_##limiter);                                                      \
    static double limiter(double a, double b) {                                                              \
        return 2 * half_##limiter(a, b);                                                                     \
    }

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
