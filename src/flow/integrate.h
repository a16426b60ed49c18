/* An integration under way: a method stepping through time, and who is told. */
#ifndef HF_FLOW_INTEGRATE_H
#define HF_FLOW_INTEGRATE_H

#include <headflow/flow.h>

typedef struct hf_integration hf_integration;

/* From the problem's initial density at time 0, of which the observer is told. The flow and what the observer
 * points to must outlive it. observer: copied; NULL for none. */
hf_status hf_integration_create(hf_error *error, hf_flow *flow, const hf_observer *observer,
                                hf_integration **out);
void hf_integration_destroy(hf_integration **integration);

/* Whether the end, or rest (time.stop), is reached: then no step is to be taken. */
bool hf_integration_done(const hf_integration *integration);

/* One step of the method; the observer is told of the outputs and logits that fall into it, then of the step.
 * HF_ERR_NUMERIC when the method fails, with what to change; what the observer returns. */
hf_status hf_integration_step(hf_error *error, hf_integration *integration);

/* What remains to be told once done: the last logits, and the density at rest. */
hf_status hf_integration_finish(hf_error *error, hf_integration *integration);

/* The density where the integration stands: shape (cells), borrowed until the next call. */
const double *hf_integration_density(const hf_integration *integration);
void hf_integration_statistics(const hf_integration *integration, hf_statistics *statistics);

#endif
