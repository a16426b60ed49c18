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

/** Weights and labels of events in blocks of HF_EVENT_BLOCK, for residuals from differences of logits. */
typedef struct hf_risk hf_risk;

enum { HF_EVENT_BLOCK = 32 };

/** @param[in] events  not kept */
hf_status hf_risk_create(hf_error *error, const hf_events *events, hf_risk **out);
void hf_risk_destroy(hf_risk **risk);

/** w_e (softmax(z_e) - y_e) of all classes but the last from the differences z_e - z_e[last]; overflow-free.
 *  Called by every thread of an OpenMP team, which has the same events in hf_table_differences_team and
 *  hf_table_response_team: no barrier is needed between them.
 *  @param[in]  differences  shape (blocks, classes - 1, HF_EVENT_BLOCK), finite
 *  @param[out] residual     the same shape, 0 behind the last event; may be `differences` */
void hf_risk_differences_team(const hf_risk *risk, const double *differences, double *residual);

#ifdef __cplusplus
}
#endif
#endif
