/* The angle form: B(phi) = B_0 + cos(phi) B_1 + sin(phi) B_2 on a periodic axis. */
#include "attention/forms.h"

#include <math.h>

static bool accepts(size_t coordinates, size_t basis) {
    return coordinates == 1 && basis == 2;
}

static void features(size_t n, const double *alpha, double *phi, double *dphi, double *d2phi) {
    (void)n;
    double c = cos(alpha[0]), s = sin(alpha[0]);
    phi[0] = c;
    phi[1] = s;
    if (dphi != NULL) {
        dphi[0] = -s;
        dphi[1] = c;
    }
    if (d2phi != NULL) {
        d2phi[0] = -c;
        d2phi[1] = -s;
    }
}

/* max |cos| over an interval: 1 where it has a multiple of pi, else at an end. */
static double largest_cosine(double lower, double upper) {
    if (floor(upper / M_PI) >= ceil(lower / M_PI))
        return 1;
    return fmax(fabs(cos(lower)), fabs(cos(upper)));
}

static void bounds(size_t n, const double *lower, const double *upper, double *first, double *second) {
    (void)n;
    double c = largest_cosine(lower[0], upper[0]);
    double s = largest_cosine(lower[0] - 0.5 * M_PI, upper[0] - 0.5 * M_PI);
    first[0] = second[1] = s;
    first[1] = second[0] = c;
}

const hf_attention_form hf_form_angle = {
    .name = "angle",
    .expects = "1 coordinate and 2 basis matrices",
    .periodic = true,
    .accepts = accepts,
    .features = features,
    .bounds = bounds,
};
