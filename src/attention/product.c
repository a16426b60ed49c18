/* The query-key form: B(q, k) = B_0 + q k B_1. Along characteristics q^2 - k^2 is conserved when lambda = 0.
 */
#include "attention/forms.h"

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

const hf_attention_form hf_form_product = {
    .name = "product",
    .expects = "2 coordinates and 1 basis matrix",
    .accepts = accepts,
    .features = features,
};
