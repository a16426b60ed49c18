/* Bootstrap intervals over the seeds of ensembles. docs/theory.md (44). */
#ifndef HF_THEORY_BOOTSTRAP_H
#define HF_THEORY_BOOTSTRAP_H

#include <headflow/chaos.h>

/* A statistic of a sample that is given by the indices of its members. index: shape (count) */
typedef double hf_statistic(const void *self, size_t count, const size_t index[]);

/* A statistic of all `count` members with its 95 % interval, by the bias-corrected and accelerated bootstrap
 * (Efron 1987) with a random stream of its own; NAN as limits for fewer than three members or a value that is
 * not finite. HF_ERR_MEMORY. */
hf_status hf_bootstrap(hf_error *error, size_t count, hf_statistic *statistic, const void *self,
                       hf_interval *out);

/* Statistics of a sample of numbers: its mean, and the root of the mean of its squares. */
hf_statistic hf_statistic_mean, hf_statistic_rms;

#endif
