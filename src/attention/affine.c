/* The affine form: B(alpha) = B_0 + sum_k alpha_k B_k, one basis matrix a coordinate. */
#include "attention/forms.h"

#include <string.h>

static bool accepts(size_t coordinates, size_t basis) {
    return coordinates <= HF_ATTENTION_MAX && basis == coordinates;
}

static void features(size_t n, const double *alpha, double *phi, double *dphi, double *d2phi) {
    memcpy(phi, alpha, n * sizeof *phi);
    if (dphi != NULL)
        for (size_t k = 0; k < n; k++)
            for (size_t i = 0; i < n; i++)
                dphi[k * n + i] = k == i;
    if (d2phi != NULL)
        memset(d2phi, 0, n * n * n * sizeof *d2phi);
}

static void bounds(size_t n, const double *lower, const double *upper, double *first, double *second) {
    (void)upper;
    features(n, lower, (double[HF_FEATURES_MAX]){0}, first, second);
}

const hf_attention_form hf_form_affine = {
    .name = "affine",
    .expects = "0 to 3 coordinates and as many basis matrices",
    .accepts = accepts,
    .features = features,
    .bounds = bounds,
};
