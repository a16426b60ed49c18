/* Random draws: the Mersenne twister and normal numbers of GSL. */
#include "paths/draws.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <stdlib.h>

struct hf_draws {
    gsl_rng *random;
};

hf_status hf_draws_create(hf_error *error, size_t seed, hf_draws_purpose purpose, hf_draws **out) {
    HF_TRY(hf_allocate(error, 1, sizeof **out, (void *)out));
    (*out)->random = gsl_rng_alloc(gsl_rng_mt19937);
    if ((*out)->random == NULL) {
        hf_draws_destroy(out);
        return hf_raise(error, HF_ERR_MEMORY, "no room for a random stream");
    }
    gsl_rng_set((*out)->random, 1 + seed * HF_DRAWS_PURPOSES + purpose);
    return HF_OK;
}

void hf_draws_destroy(hf_draws **draws) {
    if (draws == NULL || *draws == NULL)
        return;
    gsl_rng_free((*draws)->random);
    free(*draws);
    *draws = NULL;
}

double hf_draws_uniform(hf_draws *draws) {
    return gsl_rng_uniform(draws->random);
}

double hf_draws_normal(hf_draws *draws) {
    return gsl_ran_ugaussian(draws->random);
}
