/* Random streams: one for each (seed, purpose), so that a member of an ensemble depends neither on which
 * others are run nor on threads. */
#ifndef HF_SGD_STREAM_H
#define HF_SGD_STREAM_H

#include <gsl/gsl_errno.h>
#include <gsl/gsl_rng.h>

typedef enum hf_purpose {
    HF_PURPOSE_HEADS,
    HF_PURPOSE_BATCHES,
    HF_PURPOSE_STATIC,
    HF_PURPOSE_BOOTSTRAP,
    HF_PURPOSES
} hf_purpose;

/* MT19937; free it with gsl_rng_free(). NULL when there is no room. GSL takes the seed 0 for its default. */
static inline gsl_rng *hf_stream(size_t seed, hf_purpose purpose) {
    gsl_set_error_handler_off(); /* its results are checked */
    gsl_rng *stream = gsl_rng_alloc(gsl_rng_mt19937);
    if (stream != NULL)
        gsl_rng_set(stream, 1 + seed * HF_PURPOSES + purpose);
    return stream;
}

#endif
