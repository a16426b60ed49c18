/* The table of fluxes. */
#include "transport/schemes.h"

#include <string.h>

static const hf_flux *const fluxes[] = {&hf_flux_upwind, &hf_flux_muscl, &hf_flux_duality5, &hf_flux_duality7,
                                        &hf_flux_scharfetter_gummel};

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
