/* Cross-entropy of averaged logits: risk and residual, docs/theory.md (6)-(7). Overflow-free for finite
 * logits. */
#include <headflow/risk.h>

#include <math.h>

/* logsumexp(z) - y.z; r = softmax(z) - y where r is not NULL (it may be z itself). */
static double event_risk(size_t classes, const double *z, const double *y, double *r) {
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
        risk += hf_events_weight(events, e) * event_risk(classes, logits + e * classes,
                                                         hf_events_label(events, e),
                                                         residual != NULL ? residual + e * classes : NULL);
    return risk;
}
