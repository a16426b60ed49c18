/* Bounds of the mean square coupling error X_k = mean_i |theta_i - copy_i|^2 after k steps. docs/theory.md
 * (39)-(43).
 *
 *     X_{k+1} <= ( sqrt( X + epsilon f(X) + epsilon^2 d(X) ) + epsilon^2 A/2 )^2 + epsilon^2 V(X)/b
 *
 * f bounds the rate of the gradient flow and is what the three co-coercive bounds differ in:
 *     pathwise   2L X + sum w_e |xi_e|^2/4 + X sum w_e M_e min(sqrt 2, (|xi_e| + G_e sqrt X)/2)
 *     expected   (2L + sqrt 2 sum w_e M_e) X + sigma^2/(4N)
 *     leading    2L X + sigma^2/(4N)
 * d bounds the square of the difference of the gradients, A the second derivative of the copies (Euler's
 * error) and V the variance of an event's gradient. The classical bound has L and the interaction in the
 * exponent. */
#include "theory/bounds.h"

#include <math.h>
#include <stdlib.h>

/* Constants of an interval of time: the larger ones of its two ends, and sums over events that do not depend
 * on X. */
typedef struct interval {
    const hf_events *events;
    const hf_constants *a, *b;
    const double *xi_a, *xi_b;     /* NULL but for the pathwise bound */
    double heads, step, per_batch; /* N, epsilon, 1/b or 0 */
    double growth, lipschitz, acceleration, gradient_variance;
    double curvature, curvature2; /* sum w M, sum w M^2 */
    double slope2, slope4;        /* sum w G^2, sum w G^4 */
    double variance;              /* sigma^2 */
    double slope_sigma;           /* sum w G sigma */
    double slope2_variance;       /* sum w G^2 sigma^2 */
} interval;

static interval join(const hf_events *events, const hf_ensemble *ensemble, const hf_constants *a,
                     const hf_constants *b) {
    interval i = {.events = events, .a = a, .b = b, .heads = (double)ensemble->heads, .step = ensemble->step};
    i.per_batch = ensemble->batch == HF_BATCH_FULL ? 0 : 1 / (double)ensemble->batch;
    i.growth = fmax(a->growth, b->growth);
    i.lipschitz = fmax(a->lipschitz, b->lipschitz);
    i.acceleration = fmax(a->acceleration, b->acceleration);
    i.gradient_variance = fmax(a->gradient_variance, b->gradient_variance);
    for (size_t e = 0; e < hf_events_count(events); e++) {
        double w = hf_events_weight(events, e), G = fmax(a->slope[e], b->slope[e]);
        double M = fmax(a->curvature[e], b->curvature[e]), s2 = fmax(a->variance[e], b->variance[e]);
        i.curvature += w * M;
        i.curvature2 += w * M * M;
        i.slope2 += w * G * G;
        i.slope4 += w * pow(G, 4);
        i.variance += w * s2;
        i.slope_sigma += w * G * sqrt(s2);
        i.slope2_variance += w * G * G * s2;
    }
    return i;
}

/* Rate f and difference of the gradients sqrt(d) along a path: sums over events that depend on X. */
static void path_rates(const interval *i, double X, double *rate, double *difference) {
    double root = sqrt(X), source = 0, interaction = 0, push = 0;
    for (size_t e = 0; e < hf_events_count(i->events); e++) {
        double w = hf_events_weight(i->events, e), xi = fmax(i->xi_a[e], i->xi_b[e]);
        double G = fmax(i->a->slope[e], i->b->slope[e]), M = fmax(i->a->curvature[e], i->b->curvature[e]);
        double dp = fmin(M_SQRT2, 0.5 * (xi + G * root));
        source += 0.25 * w * xi * xi;
        interaction += w * M * dp;
        push += w * G * dp;
    }
    *rate = 2 * i->growth * X + source + X * interaction;
    *difference = i->lipschitz * root + push;
}

/* The same in expectation. */
static void mean_rates(const interval *i, bool leading, double X, double *rate, double *difference) {
    double root = sqrt(X), slope = sqrt(i->slope2);
    *rate = 2 * i->growth * X + 0.25 * i->variance / i->heads;
    if (!leading)
        *rate += M_SQRT2 * i->curvature * X;
    *difference = i->lipschitz * root + 0.5 * slope * (sqrt(i->variance / i->heads) + slope * root);
}

/* Mean square of what a minibatch adds in one step. */
static double noise(const interval *i, double X) {
    double root = sqrt(i->gradient_variance) + sqrt(2 * i->curvature2 * X) +
                  0.5 * sqrt(i->slope2_variance / i->heads) + 0.5 * sqrt(i->slope4 * X);
    return i->per_batch > 0 ? i->step * i->step * i->per_batch * root * root : 0;
}

static double advance_cocoercive(const interval *i, hf_bound bound, double X) {
    double h = i->step, rate, difference;
    if (bound == HF_BOUND_PATHWISE)
        path_rates(i, X, &rate, &difference);
    else
        mean_rates(i, bound == HF_BOUND_LEADING, X, &rate, &difference);
    double root = sqrt(X + h * rate + h * h * difference * difference) + 0.5 * h * h * i->acceleration;
    return root * root + noise(i, X);
}

/* Delta' <= (L + beta sum w G^2) Delta + beta sum w G sigma / sqrt N, beta = 1/2. */
static double advance_classical(const interval *i, double X) {
    double h = i->step, root = sqrt(X), own = 1 + 2 * h * i->growth + pow(h * i->lipschitz, 2);
    root = root * sqrt(own) + 0.5 * h * (i->slope2 * root + i->slope_sigma / sqrt(i->heads)) +
           0.5 * h * h * i->acceleration;
    return root * root + noise(i, X);
}

/* Whether a bound says something of an ensemble. */
static bool applies(hf_bound bound, const hf_ensemble *ensemble) {
    return isfinite(ensemble->step) && ensemble->batch != HF_BATCH_UNKNOWN &&
           (bound != HF_BOUND_PATHWISE || ensemble->batch == HF_BATCH_FULL);
}

void hf_bound_evaluate(hf_bound bound, const hf_events *events, const hf_ensemble *ensemble, size_t times,
                       const double time[], const hf_constants constants[], const double *xi, double *out) {
    size_t count = hf_events_count(events), k = 0;
    double now = 0, next = 0, h = ensemble->step;
    out[0] = applies(bound, ensemble) ? 0 : NAN;
    for (size_t j = 1; j < times; j++) {
        if (!applies(bound, ensemble)) {
            out[j] = NAN;
            continue;
        }
        interval i = join(events, ensemble, &constants[j - 1], &constants[j]);
        i.xi_a = xi != NULL ? xi + (j - 1) * count : NULL;
        i.xi_b = xi != NULL ? xi + j * count : NULL;
        while ((double)k * h < time[j]) {
            now = next;
            next =
                bound == HF_BOUND_CLASSICAL ? advance_classical(&i, now) : advance_cocoercive(&i, bound, now);
            k++;
        }
        /* the heads are on the line between two steps, the copies are not */
        double share = (time[j] - (double)(k - 1) * h) / h;
        out[j] =
            (1 - share) * sqrt(now) + share * sqrt(next) + 0.5 * share * (1 - share) * h * h * i.acceleration;
    }
}
