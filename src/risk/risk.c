/* Cross-entropy of averaged logits: risk and residual, docs/theory.md (6)-(7). Overflow-free for finite
 * logits. */
#include <headflow/risk.h>

#include <math.h>

double hf_risk_event(const hf_events *events, size_t event, const double *z, double *r) {
    size_t classes = hf_events_classes(events);
    const double *y = hf_events_label(events, event);
    double top = z[0];
    for (size_t c = 1; c < classes; c++)
        top = fmax(top, z[c]);
    double sum = 0, fit = 0;
    for (size_t c = 0; c < classes; c++) {
        sum += exp(z[c] - top);
        if (y[c] > 0) /* 0 times a difference that overflows would be NaN */
            fit += y[c] * (z[c] - top);
    }
    if (r != NULL)
        for (size_t c = 0; c < classes; c++)
            r[c] = exp(z[c] - top) / sum - y[c];
    return log(sum) - fit;
}

double hf_risk_cross_entropy(const hf_events *events, const double *logits, double *residual) {
    size_t count = hf_events_count(events), classes = hf_events_classes(events);
    double risk = 0;
    for (size_t e = 0; e < count; e++)
        risk += hf_events_weight(events, e) * hf_risk_event(events, e, logits + e * classes,
                                                            residual != NULL ? residual + e * classes : NULL);
    return risk;
}
