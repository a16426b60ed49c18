/* Cross-entropy: closed forms, the residual as its derivative, and logits of any size. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>

enum { WIDTH = 2, CLASSES = 4, EVENTS = 6, SIZE = CLASSES * EVENTS };

/* Written as sum_e w_e sum_c y_c log(1/p_c), the way one would by hand. */
static double plain_risk(const hf_events *events, const double *z) {
    double risk = 0;
    for (size_t e = 0; e < EVENTS; e++) {
        double partition = 0;
        for (size_t c = 0; c < CLASSES; c++)
            partition += exp(z[e * CLASSES + c]);
        for (size_t c = 0; c < CLASSES; c++)
            risk -= hf_events_weight(events, e) * hf_events_label(events, e)[c] *
                    log(exp(z[e * CLASSES + c]) / partition);
    }
    return risk;
}

Test(risk, equals_a_plain_sum) {
    gsl_rng *random = make_random(30);
    hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
    double z[SIZE], residual[SIZE];
    fill_uniform(random, -2.385, 2.385, SIZE, z);
    cr_expect_float_eq(hf_risk_cross_entropy(events, z, NULL), plain_risk(events, z), 1e-14);
    cr_expect_eq(hf_risk_cross_entropy(events, z, residual), hf_risk_cross_entropy(events, z, NULL));
    hf_risk_cross_entropy(events, z, z);
    cr_expect_arr_eq(z, residual, sizeof z, "in place");
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

/* One event without its weight: -sum_c y_c log p_c and p - y. The risk is the weighted sum of these. */
Test(risk, is_a_weighted_sum_over_events) {
    gsl_rng *random = make_random(33);
    hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
    double z[SIZE], whole[SIZE], sum = 0;
    fill_uniform(random, -2.385, 2.385, SIZE, z);
    double risk = hf_risk_cross_entropy(events, z, whole);
    for (size_t e = EVENTS; e-- > 0;) {
        const double *ze = z + e * CLASSES, *y = hf_events_label(events, e);
        double residual[CLASSES], plain[CLASSES], partition = 0, expected = 0;
        for (size_t c = 0; c < CLASSES; c++)
            partition += exp(ze[c]);
        for (size_t c = 0; c < CLASSES; c++) {
            expected -= y[c] * log(exp(ze[c]) / partition);
            plain[c] = exp(ze[c]) / partition - y[c];
        }
        double value = hf_risk_event(events, e, ze, residual);
        cr_expect_float_eq(value, expected, 1e-14);
        cr_expect_eq(hf_risk_event(events, e, ze, NULL), value);
        cr_expect_leq(largest_difference(CLASSES, residual, plain), 1e-15);
        cr_expect_arr_eq(residual, whole + e * CLASSES, sizeof residual);
        cr_expect_eq(hf_risk_event(events, e, ze, z + e * CLASSES), value);
        cr_expect_arr_eq(residual, ze, sizeof residual, "in place");
        sum += hf_events_weight(events, e) * value;
    }
    cr_expect_float_eq(risk, sum, 1e-14);
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

/* Fourth-order differences with step h = 1e-3: error h^4/30 |R^(5)| < 1e-12 and rounding 1e-16/h. */
Test(risk, residual_is_the_derivative) {
    gsl_rng *random = make_random(31);
    hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
    double z[SIZE], residual[SIZE], h = 1e-3, value[4];
    fill_uniform(random, -2.385, 2.385, SIZE, z);
    hf_risk_cross_entropy(events, z, residual);
    for (size_t i = 0; i < SIZE; i++) {
        const double shift[] = {-2 * h, -h, h, 2 * h};
        double here = z[i];
        for (int k = 0; k < 4; k++) {
            z[i] = here + shift[k];
            value[k] = hf_risk_cross_entropy(events, z, NULL);
        }
        z[i] = here;
        double derivative = (value[0] - 8 * value[1] + 8 * value[2] - value[3]) / (12 * h);
        cr_expect_float_eq(derivative, hf_events_weight(events, i / CLASSES) * residual[i], 1e-11);
    }
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

/* Softmax does not see a common shift of an event's logits. */
Test(risk, does_not_see_a_common_shift) {
    gsl_rng *random = make_random(32);
    hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
    double z[SIZE], shifted[SIZE], a[SIZE], b[SIZE];
    fill_uniform(random, -2.385, 2.385, SIZE, z);
    for (size_t i = 0; i < SIZE; i++)
        shifted[i] = z[i] + 1024;
    double risk = hf_risk_cross_entropy(events, z, a);
    cr_expect_float_eq(hf_risk_cross_entropy(events, shifted, b), risk, 1e-12); /* 1024 units of rounding */
    cr_expect_lt(largest_difference(SIZE, a, b), 1e-12);
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

/* For logits far apart logsumexp is the largest logit and softmax its indicator. */
Test(risk, has_the_limits_of_large_logits) {
    for (double scale = 1e3; scale < 1e301; scale *= 1e33) {
        hf_events *events;
        const double token = 2.385, label[] = {0.25, 0.125, 0.625}, z[] = {-scale, scale, 0.5 * scale};
        cr_assert_eq(hf_events_create(NULL, 1, 3, &events), HF_OK);
        cr_assert_eq(hf_events_add(NULL, events, 1, &token, label, 1), HF_OK);
        double residual[3], risk = hf_risk_cross_entropy(events, z, residual);
        double expected = scale * (1 - (-0.25 + 0.125 + 0.625 * 0.5));
        cr_expect_float_eq(risk / expected, 1, 1e-15, "scale %g: %g", scale, risk);
        const double limit[] = {-0.25, 0.875, -0.625};
        cr_expect_lt(largest_difference(3, residual, limit), 1e-15);
        hf_events_destroy(&events);
    }
}
