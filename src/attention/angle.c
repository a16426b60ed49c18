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

const hf_attention_form hf_form_angle = {
    .name = "angle",
    .expects = "1 coordinate and 2 basis matrices",
    .periodic = true,
    .accepts = accepts,
    .features = features,
};
