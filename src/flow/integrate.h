/* An integration under way: a method stepping through time, and who is told. */
#ifndef HF_FLOW_INTEGRATE_H
#define HF_FLOW_INTEGRATE_H

#include "flow/density.h"

/* Who is told of the course of an integration, whatever the model; each function may be NULL; a failure ends
 * the integration. */
typedef struct hf_audience {
    void *self;
    /* At every output time, and at the stationary end. rho: shape (cells), borrowed during the call. */
    hf_status (*output)(hf_error *error, void *self, double time, double dissipated, const double *rho);
    /* The model's signals on a time axis of their own, in order of time. */
    hf_status (*signals)(hf_error *error, void *self, double time, const double *values);
    /* After every step of the integrator. */
    hf_status (*step)(hf_error *error, void *self, double time, const hf_statistics *statistics);
    /* As in hf_observer. */
    hf_status (*checkpoint)(hf_error *error, void *self, const hf_checkpoint *here, bool *restart);
} hf_audience;

/* Integrate a density from time 0, or from a checkpoint where that is not NULL, to its end.
 * audience: NULL for none; rho: shape (cells), the final density, or NULL; statistics: may be NULL.
 * HF_ERR_NUMERIC when the method fails or a state is not finite, with what to change. */
hf_status hf_density_integrate(hf_error *error, const hf_density *density, const hf_audience *audience,
                               const hf_checkpoint *from, double *rho, hf_statistics *statistics);

typedef struct hf_integration hf_integration;

/* From the initial density at time 0, of which the audience is told, or from a checkpoint. What the density
 * and the audience point to must outlive it; both are copied. from: read during the call; NULL: the start. */
hf_status hf_integration_create(hf_error *error, const hf_density *density, const hf_audience *audience,
                                const hf_checkpoint *from, hf_integration **out);
void hf_integration_destroy(hf_integration **integration);

/* Whether the end, or rest (time.stop), is reached: then no step is to be taken. */
bool hf_integration_done(const hf_integration *integration);

/* One step of the method; the audience is told of the outputs and signals that fall into it, then of the
 * step. HF_ERR_NUMERIC when the method fails, with what to change; what the audience returns. */
hf_status hf_integration_step(hf_error *error, hf_integration *integration);

/* What remains to be told once done: the last signals, and the density at rest. */
hf_status hf_integration_finish(hf_error *error, hf_integration *integration);

/* The density where the integration stands: shape (cells), borrowed until the next call. */
const double *hf_integration_density(const hf_integration *integration);
void hf_integration_statistics(const hf_integration *integration, hf_statistics *statistics);

#endif
