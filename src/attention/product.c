/* The query-key form: B(q, k) = B_0 + q k B_1. Along characteristics q^2 - k^2 is conserved when lambda = 0.
 */
#include "attention/forms.h"

#include <float.h>
#include <math.h>

static bool accepts(size_t coordinates, size_t basis) {
    return coordinates == 2 && basis == 1;
}

static void features(size_t n, const double *alpha, double *phi, double *dphi, double *d2phi) {
    (void)n;
    phi[0] = alpha[0] * alpha[1];
    if (dphi != NULL) {
        dphi[0] = alpha[1];
        dphi[1] = alpha[0];
    }
    if (d2phi != NULL) {
        d2phi[0] = d2phi[3] = 0;
        d2phi[1] = d2phi[2] = 1;
    }
}

static void bounds(size_t n, const double *lower, const double *upper, double *first, double *second) {
    (void)n;
    first[0] = fmax(fabs(lower[1]), fabs(upper[1]));
    first[1] = fmax(fabs(lower[0]), fabs(upper[0]));
    second[0] = second[3] = 0;
    second[1] = second[2] = 1;
}

/* q k is largest and least at corners. */
static void image(const double *lower, const double *upper, double *phi_lower, double *phi_upper) {
    double a = lower[0] * lower[1], b = lower[0] * upper[1], c = upper[0] * lower[1], d = upper[0] * upper[1];
    *phi_lower = fmin(fmin(a, b), fmin(c, d));
    *phi_upper = fmax(fmax(a, b), fmax(c, d));
}

static double clip(double x, double lower, double upper) {
    return fmin(fmax(x, lower), upper);
}

/* The balanced factors |q| = |k| if the box has them, else factors at a wall. */
static void preimage(const double *lower, const double *upper, const double *phi, double *alpha) {
    double root = sqrt(fabs(*phi)), least = INFINITY, rounding = 4 * DBL_EPSILON * fabs(*phi);
    const double choice[] = {root, -root, lower[0], upper[0], *phi / lower[1], *phi / upper[1]};
    for (size_t i = 0; i < sizeof choice / sizeof choice[0]; i++) {
        double q = clip(choice[i], lower[0], upper[0]), k = clip(q != 0 ? *phi / q : 0, lower[1], upper[1]);
        double error = fabs(q * k - *phi);
        if (error < least - rounding) {
            least = error;
            alpha[0] = q;
            alpha[1] = k;
        }
    }
    /* at a corner to the last digit, where that is what is meant */
    for (size_t i = 0; i < 4; i++) {
        double q = i % 2 ? upper[0] : lower[0], k = i / 2 ? upper[1] : lower[1];
        if (fabs(q * k - *phi) <= rounding) {
            alpha[0] = q;
            alpha[1] = k;
        }
    }
}

const hf_attention_form hf_form_product = {
    .name = "product",
    .expects = "2 coordinates and 1 basis matrix",
    .accepts = accepts,
    .features = features,
    .bounds = bounds,
    .image = image,
    .preimage = preimage,
};
