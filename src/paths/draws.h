/* Random draws from one stream for each (seed, purpose). Apart from its users, since GSL's header of
 * distributions cannot stand beside that of BLAS. */
#ifndef HF_PATHS_DRAWS_H
#define HF_PATHS_DRAWS_H

#include <headflow/base.h>

typedef struct hf_draws hf_draws;

typedef enum hf_draws_purpose {
    HF_DRAWS_HEADS,
    HF_DRAWS_TRAIN,
    HF_DRAWS_TEST,
    HF_DRAWS_STARTS,
    HF_DRAWS_PURPOSES
} hf_draws_purpose;

hf_status hf_draws_create(hf_error *error, size_t seed, hf_draws_purpose purpose, hf_draws **out);
void hf_draws_destroy(hf_draws **draws);

double hf_draws_uniform(hf_draws *draws); /* in [0, 1) */
double hf_draws_normal(hf_draws *draws);  /* mean 0, variance 1 */

#endif
