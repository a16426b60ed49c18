/* The tables of fluxes and of slope limiters. */
#include "transport/schemes.h"

#include <math.h>
#include <string.h>

static const hf_flux *const fluxes[] = {&hf_flux_upwind, &hf_flux_muscl, &hf_flux_scharfetter_gummel};

/* Harmonic mean of the one-sided differences (van Leer 1974): smooth where they agree in sign. */
static double vanleer(double a, double b) {
    return a * b > 0 ? 2 * a * b / (a + b) : 0;
}

static double minmod(double a, double b) {
    return a * b > 0 ? (fabs(a) < fabs(b) ? a : b) : 0;
}

static const hf_limiter limiters[] = {{"vanleer", vanleer}, {"minmod", minmod}};

const hf_flux *const *hf_fluxes(size_t *count) {
    *count = sizeof fluxes / sizeof fluxes[0];
    return fluxes;
}

const hf_flux *hf_flux_find(const char *name) {
    for (size_t i = 0; i < sizeof fluxes / sizeof fluxes[0]; i++)
        if (strcmp(fluxes[i]->name, name) == 0)
            return fluxes[i];
    return NULL;
}

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
