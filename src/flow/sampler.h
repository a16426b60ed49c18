/* Logits on a time axis of their own, dense enough for cubic interpolation and no denser. docs/numerics.md
 * (19). */
#ifndef HF_FLOW_SAMPLER_H
#define HF_FLOW_SAMPLER_H

#include <headflow/flow.h>

typedef struct hf_sampler hf_sampler;

/* Logits and their time derivative at a time inside the last step of the integration. */
typedef hf_status hf_sampler_source(hf_error *error, void *self, double time, double *logits, double *rate);

/* size: numbers in a logit record; tolerance: of the interpolated logits, absolute.
 * emit: receives the samples in order of time.
 * ranks: who take the same samples, also where the last bits of logits differ between machines; NULL: alone.
 */
hf_status hf_sampler_create(hf_error *error, size_t size, double tolerance, const hf_ranks *ranks,
                            const hf_observer *emit, hf_sampler_source *source, void *source_self,
                            hf_sampler **out);
void hf_sampler_destroy(hf_sampler **sampler);

hf_status hf_sampler_start(hf_error *error, hf_sampler *sampler, double time);
/* After each step of the integration, which ended at `time`. */
hf_status hf_sampler_step(hf_error *error, hf_sampler *sampler, double time);
/* Emit what is pending: the last sample. */
hf_status hf_sampler_finish(hf_error *error, hf_sampler *sampler);

#endif
