/** @file risk.h
 *  Cross-entropy of averaged logits: risk and residual. docs/theory.md (6)-(7). */
#ifndef HEADFLOW_RISK_H
#define HEADFLOW_RISK_H

#include <headflow/events.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Risk without ridge, sum_e w_e [logsumexp(z_e) - y_e . z_e], and residual r_e = softmax(z_e) - y_e.
 *  No overflow for any finite z.
 *  @param[in]  logits    shape (E, classes)
 *  @param[out] residual  shape (E, classes), or NULL; may alias logits
 *  @return the risk [nats] */
double hf_risk_cross_entropy(const hf_events *events, const double *logits, double *residual);

/** The same of one event, without its weight: logsumexp(z) - y . z and softmax(z) - y.
 *  @param[in]  logits    shape (classes)
 *  @param[out] residual  shape (classes), or NULL; may be logits itself */
double hf_risk_event(const hf_events *events, size_t event, const double *logits, double *residual);

#ifdef __cplusplus
}
#endif
#endif
