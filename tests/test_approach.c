/* The course of a solution to rest, on series with closed forms: limits, exponents, rates, domination; and
 * the rates of projections of mean and covariance. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/stationary.h>
#include <math.h>

enum { OUTPUTS_MAX = 401, DIM = 2 };

/* A course with arrays of its own. */
typedef struct series {
    double time[OUTPUTS_MAX], risk[OUTPUTS_MAX], dissipation[OUTPUTS_MAX], dissipated[OUTPUTS_MAX];
    double mean[OUTPUTS_MAX * DIM], covariance[OUTPUTS_MAX * DIM * DIM];
    hf_course course;
} series;

static void start(series *s, size_t count, double end, double noise) {
    *s = (series){.course = {.count = count, .dim = DIM, .noise = noise}};
    s->course.time = s->time, s->course.risk = s->risk, s->course.dissipation = s->dissipation;
    s->course.dissipated = s->dissipated, s->course.mean = s->mean, s->course.covariance = s->covariance;
    for (size_t i = 0; i < count; i++)
        s->time[i] = end * (double)i / (double)(count - 1);
}

/* Reproducible, in (-1, 1), without a trend. */
static double jitter(size_t i) {
    return sin(12.9898 * (double)(i + 1) * (double)(i + 3));
}

static const double floor_of_risk = 0.660606184578;

/* R = R_inf + sum_k a_k exp(-c_k t), of two modes. */
static void fill_modes(series *s, const double a[2], const double c[2], double noise) {
    for (size_t i = 0; i < s->course.count; i++) {
        double first = a[0] * exp(-c[0] * s->time[i]), second = a[1] * exp(-c[1] * s->time[i]);
        s->risk[i] = floor_of_risk + first + second + noise * jitter(i);
        s->dissipation[i] = c[0] * first + c[1] * second;
        s->dissipated[i] = a[0] - first + a[1] - second;
    }
}

/* R = R_inf + a (1 + t)^-p, so that D = p a^(-1/p) (R - R_inf)^(1 + 1/p). */
static void fill_algebraic(series *s, double a, double p) {
    for (size_t i = 0; i < s->course.count; i++) {
        s->risk[i] = floor_of_risk + a * pow(1 + s->time[i], -p);
        s->dissipation[i] = a * p * pow(1 + s->time[i], -p - 1);
        s->dissipated[i] = a * (1 - pow(1 + s->time[i], -p));
    }
}

static hf_approach measure(const series *s, double limit, double minimum) {
    hf_approach a;
    hf_error error = {0};
    cr_assert_eq(hf_approach_measure(&error, &s->course, limit, minimum, &a), HF_OK, "%s", error.message);
    return a;
}

static void expect_fit(hf_fit f, double value, double tolerance, const char *what) {
    cr_expect_float_eq(f.value, value, tolerance, "%s: %.12g for %.12g", what, f.value, value);
    cr_expect(f.lower <= f.value && f.value <= f.upper, "%s: %g not in [%g, %g]", what, f.value, f.lower,
              f.upper);
    cr_expect_lt(f.first, f.last, "%s", what);
}

/* ---- the risk ------------------------------------------------------------------------------------ */

Test(risk, of_one_mode_has_exponent_one_and_its_rate) {
    static const double a[2] = {2.385e-2, 0}, c[2] = {0.369, 1};
    series s;
    start(&s, 33, 10, 1e-13);
    fill_modes(&s, a, c, 0);
    for (int given = 0; given < 2; given++) {
        hf_approach found = measure(&s, given ? floor_of_risk : NAN, floor_of_risk - 0.1);
        cr_expect_eq(found.extrapolated, !given);
        cr_expect_float_eq(found.limit, floor_of_risk, 1e-9, "%.3g", found.limit - floor_of_risk);
        expect_fit(found.exponent, 1, 1e-5, "exponent");
        expect_fit(found.rate, 0.369, 1e-5, "rate");
        cr_expect_float_eq(found.exponent.last, 10, 1e-12);
        cr_expect_float_eq(found.domination_limit, 0.369, 1e-5);
        double last = s.risk[32] - floor_of_risk;
        cr_expect_float_eq(found.domination, 0.369 * last / (last + 0.1), 1e-10);
        cr_expect_leq(found.balance, 1e-15);
    }
}

Test(risk, of_two_modes_lies_within_the_error_of_its_extrapolation) {
    static const double a[2] = {0.011, 0.0127}, c[2] = {0.369, 0.86};
    series s;
    start(&s, 33, 10, 1e-10);
    fill_modes(&s, a, c, 0);
    hf_approach found = measure(&s, NAN, NAN);
    cr_expect(found.extrapolated);
    cr_expect_leq(fabs(found.limit - floor_of_risk), found.limit_error, "%g, error %g",
                  found.limit - floor_of_risk, found.limit_error);
    cr_expect_leq(found.limit_error, 0.1 * (s.risk[32] - floor_of_risk));
    cr_expect(isnan(found.domination), "no minimum is known");
    hf_approach exact = measure(&s, floor_of_risk, floor_of_risk);
    expect_fit(exact.exponent, 1, 0.06, "exponent"); /* the faster mode has not quite gone */
    expect_fit(exact.rate, 0.369, 0.02, "rate");
    cr_expect(found.exponent.lower <= exact.exponent.value && found.exponent.upper >= exact.exponent.value);
    cr_expect(found.rate.lower <= exact.rate.value && found.rate.upper >= exact.rate.value);
    cr_expect_eq(exact.limit_error, 0);
    cr_expect_float_eq(exact.domination, s.dissipation[32] / (s.risk[32] - floor_of_risk), 1e-14);
    start(&s, 65, 25, 1e-10);
    fill_modes(&s, a, c, 0);
    found = measure(&s, NAN, NAN); /* now it has */
    expect_fit(found.exponent, 1, 0.01, "exponent");
    expect_fit(found.rate, 0.369, 0.004, "rate");
}

Test(risk, that_decays_as_a_power_has_exponent_one_and_its_inverse) {
    static const double power[] = {1, 2, 2.385};
    for (size_t k = 0; k < 3; k++) {
        series s;
        start(&s, 65, 40, 1e-12);
        fill_algebraic(&s, 0.2385, power[k]);
        hf_approach given = measure(&s, floor_of_risk, NAN), found = measure(&s, NAN, NAN);
        expect_fit(given.exponent, 1 + 1 / power[k], 1e-9, "exponent");
        cr_expect_gt(given.rate.upper, 1.2 * given.rate.lower, "it has no rate: [%g, %g]", given.rate.lower,
                     given.rate.upper);
        cr_expect_float_eq(found.limit, floor_of_risk, 1e-7, "%g", found.limit - floor_of_risk);
        cr_expect(found.exponent.lower <= 1 + 1 / power[k] && found.exponent.upper >= 1 + 1 / power[k]);
    }
}

/* Errors of 1e-9 from where R - R_inf is of their size: the window ends before. */
Test(risk, is_left_alone_below_the_noise) {
    static const double a[2] = {2.385e-2, 0}, c[2] = {0.9, 1};
    series s;
    start(&s, 65, 40, 2e-9);
    fill_modes(&s, a, c, 1e-9);
    hf_approach given = measure(&s, floor_of_risk, floor_of_risk), found = measure(&s, NAN, NAN);
    expect_fit(given.exponent, 1, 0.05, "exponent");
    expect_fit(given.rate, 0.9, 0.05, "rate");
    cr_expect_lt(given.exponent.last, 16.3, "R - R_inf = 1e-8 at t = 16.3: %g", given.exponent.last);
    cr_expect_float_eq(given.domination, 0.9, 0.1, "%g", given.domination);
    cr_expect_leq(fabs(found.limit - floor_of_risk), found.limit_error, "%g, error %g",
                  found.limit - floor_of_risk, found.limit_error);
    cr_expect_leq(found.limit_error, 1e-7);
}

Test(risk, far_from_rest_has_no_limit) {
    series s;
    start(&s, 33, 8, 1e-10);
    for (size_t i = 0; i < 33; i++) { /* D falls by a third only */
        s.dissipation[i] = 0.0212 - 0.001 * s.time[i];
        s.risk[i] = 0.618 - 0.0212 * s.time[i] + 0.0005 * s.time[i] * s.time[i];
        s.dissipated[i] = 0.618 - s.risk[i];
    }
    hf_approach found = measure(&s, NAN, NAN);
    cr_expect(isnan(found.limit) && isnan(found.exponent.value) && isnan(found.rate.value));
    cr_expect(isnan(found.domination_limit));
    s.dissipation[0] = INFINITY; /* nor is it small for being finite */
    found = measure(&s, NAN, NAN);
    cr_expect(isnan(found.limit));
    for (size_t i = 0; i < 33; i++) /* D falls to a small value and rises, as past an unstable point */
        s.dissipation[i] = i == 0 ? 0.1 : 0.0012 + 0.001 * s.time[i];
    found = measure(&s, NAN, NAN);
    cr_expect(isnan(found.limit));
}

/* Past an unstable point D rises again before its last fall: only that tells of the limit. */
Test(risk, is_extrapolated_from_its_last_fall_alone) {
    enum { TURN = 25 };
    series s;
    start(&s, 33, 10, 1e-12);
    for (size_t k = 33; k-- > 0;) {
        double t = s.time[k] - s.time[TURN];
        s.dissipation[k] = k < 3 ? 0.02 : k < TURN ? 1e-3 * exp(0.08 * t) : 1e-3 * exp(-0.25 * t);
        s.risk[k] = k >= TURN ? floor_of_risk + s.dissipation[k] / 0.25
                              : s.risk[k + 1] + 0.3125 * 0.5 * (s.dissipation[k] + s.dissipation[k + 1]);
    }
    hf_approach found = measure(&s, NAN, NAN);
    cr_expect_float_eq(found.limit, floor_of_risk, 1e-9, "%g", found.limit - floor_of_risk);
    expect_fit(found.exponent, 1, 1e-4, "exponent");
}

Test(risk, has_the_balance_that_it_misses) {
    static const double a[2] = {2.385e-2, 0}, c[2] = {0.369, 1};
    series s;
    start(&s, 33, 10, 1e-13);
    fill_modes(&s, a, c, 0);
    s.dissipated[17] += 2.385e-4;
    s.dissipation[0] = INFINITY; /* as with a temperature */
    hf_approach found = measure(&s, NAN, NAN);
    cr_expect_float_eq(found.balance, 2.385e-4, 1e-12);
    cr_expect_float_eq(found.limit, floor_of_risk, 1e-9);
    cr_expect_float_eq(found.domination_limit, 0.369, 1e-5);
}

/* A grid whose own limit is 2.4e-3 above that of the Diracs: R - R_inf stalls, and D does not. With the limit
 * taken for exact the end of the course has an exponent of 2.4. */
Test(risk, that_cannot_reach_the_given_limit_is_seen) {
    static const double a[2] = {0.05, 0}, c[2] = {0.0824, 1};
    series s;
    start(&s, 81, 80, 1e-9);
    fill_modes(&s, a, c, 0);
    hf_approach found = measure(&s, floor_of_risk - 2.385e-3, floor_of_risk - 0.0232);
    cr_expect_not(found.extrapolated);
    cr_expect_float_eq(found.limit, floor_of_risk - 2.385e-3, 1e-15);
    cr_expect_float_eq(found.limit_error, 2.385e-3, 1e-7, "%g", found.limit_error);
    cr_expect_lt(found.exponent.last, 29, "R - R_inf is 3 errors at t = 28.5: %g", found.exponent.last);
    cr_expect(found.exponent.lower <= 1.02 && found.exponent.upper >= 1.02, "[%g, %g]", found.exponent.lower,
              found.exponent.upper);
    cr_expect(found.rate.lower <= 0.0824 && found.rate.upper >= 0.08239, "[%g, %g]", found.rate.lower,
              found.rate.upper);
}

/* The fitted limit of two modes is too low: below the minimum, here, which is moved up to. */
Test(risk, is_not_extrapolated_below_its_minimum) {
    static const double a[2] = {0.011, 0.0127}, c[2] = {0.369, 0.86};
    series s;
    start(&s, 33, 10, 1e-10);
    fill_modes(&s, a, c, 0);
    hf_approach loose = measure(&s, NAN, NAN), found = measure(&s, NAN, floor_of_risk);
    cr_assert_lt(loose.limit, floor_of_risk - 1e-6);
    cr_expect_eq(found.limit, floor_of_risk);
    cr_expect_float_eq(found.limit_error, loose.limit_error + floor_of_risk - loose.limit, 1e-15);
    found = measure(&s, NAN, s.risk[32] + 1e-3); /* a minimum that the course is below */
    cr_expect_eq(found.limit, s.risk[32]);
}

/* With a temperature D is infinite at first, and its integral over the first interval is not to be had. */
Test(risk, has_a_balance_from_its_start) {
    static const double a[2] = {2.385e-2, 0}, c[2] = {0.369, 1};
    series s;
    start(&s, 33, 10, 1e-13);
    fill_modes(&s, a, c, 0);
    for (size_t i = 1; i < 33; i++)
        s.dissipated[i] += 2.385e-4;
    s.course.start = 1;
    cr_expect_leq(measure(&s, NAN, NAN).balance, 1e-15);
    s.dissipated[17] -= 1e-5;
    cr_expect_float_eq(measure(&s, NAN, NAN).balance, 1e-5, 1e-12);
}

Test(risk, wants_increasing_times) {
    hf_error error = {0};
    hf_approach a;
    series s;
    start(&s, 33, 10, 1e-13);
    s.time[7] = s.time[6];
    cr_expect_eq(hf_approach_measure(&error, &s.course, NAN, NAN, &a), HF_ERR_INPUT);
}

/* ---- projections of mean and covariance ---------------------------------------------------------- */

static const double centre[DIM] = {0.1600112675, 0.4874980273};
static const double along[DIM] = {0.6, 0.8}, across[DIM] = {-0.8, 0.6};

/* A mean at centre + x along + y across; a covariance of deviations x and y along and across. */
static void put(series *s, size_t i, double x, double y) {
    for (size_t d = 0; d < DIM; d++) {
        s->mean[i * DIM + d] = centre[d] + x * along[d] + y * across[d];
        for (size_t b = 0; b < DIM; b++)
            s->covariance[(i * DIM + d) * DIM + b] =
                x * x * along[d] * along[b] + y * y * across[d] * across[b];
    }
}

static hf_fit rate_of(const series *s, int covariance, const double *direction) {
    return hf_course_rate(&s->course, direction, covariance ? NULL : centre);
}

Test(projection, decays_and_grows_at_its_rate) {
    series s;
    start(&s, 33, 10, 0);
    for (size_t i = 0; i < 33; i++)
        put(&s, i, -0.2385 * exp(-0.213 * s.time[i]), 0.01 * exp(s.time[i] / 6));
    for (int covariance = 0; covariance < 2; covariance++) {
        expect_fit(rate_of(&s, covariance, along), 0.213, 1e-9, "decay");
        expect_fit(rate_of(&s, covariance, across), -1. / 6, 1e-9, "growth");
    }
}

/* The slower of two modes, seen at the end; with errors of 1e-12 from where they swamp it. */
Test(projection, takes_the_rate_nearest_to_rest) {
    series s;
    start(&s, 101, 60, 1e-12);
    for (size_t i = 0; i < 101; i++) {
        double t = s.time[i];
        put(&s, i, exp(-t) + 0.5 * exp(-3 * t) + 1e-12 * jitter(i),
            0.3 * exp(-0.2 * t) + 0.1 * exp(-0.6 * t));
    }
    hf_fit fast = rate_of(&s, 0, along), slow = rate_of(&s, 0, across);
    expect_fit(fast, 1, 0.005, "decay into noise");
    cr_expect_lt(fast.last, 26, "%g", fast.last);
    cr_expect_gt(fast.first, 5, "%g", fast.first);
    expect_fit(slow, 0.2, 1e-6, "decay");
    cr_expect_float_eq(slow.last, 60, 1e-12);
    expect_fit(rate_of(&s, 1, across), 0.2, 1e-6, "decay of a covariance");
}

/* A growth that saturates: only its beginning is linear. x' = x/6 (1 - x^2), in closed form. */
Test(projection, takes_the_beginning_of_a_growth) {
    series s;
    start(&s, 65, 40, 0);
    for (size_t i = 0; i < 65; i++) {
        double x = 0.02 * exp(s.time[i] / 6);
        put(&s, i, x / sqrt(1 - 4e-4 + x * x), 1);
    }
    for (int covariance = 0; covariance < 2; covariance++) {
        hf_fit f = rate_of(&s, covariance, along);
        expect_fit(f, -1. / 6, 0.002, "growth");
        cr_expect_eq(f.first, 0);
    }
}

/* Two corrections of opposite sign make the local rate lowest, and steadiest, at a wrong value. */
Test(projection, is_not_taken_in_by_an_extremum_of_the_rate) {
    series s;
    start(&s, 101, 30, 0);
    for (size_t i = 0; i < 101; i++) { /* -d log x/dt = 0.2 - 0.05 e^(-0.2 t) + 0.05 e^(-0.6 t) */
        double t = s.time[i];
        put(&s, i, exp(-0.2 * t + 0.25 * (1 - exp(-0.2 * t)) - 0.05 / 0.6 * (1 - exp(-0.6 * t))), 1);
    }
    expect_fit(rate_of(&s, 0, along), 0.2, 0.001, "decay");
}

/* Where it is no longer resolved a spread stays at the width of a cell. */
Test(projection, ends_where_it_no_longer_falls) {
    series s;
    start(&s, 129, 40, 0);
    for (size_t i = 0; i < 129; i++)
        put(&s, i, hypot(exp(-s.time[i]), 1e-4), 1);
    expect_fit(rate_of(&s, 1, along), 1, 0.01, "decay");
}

Test(projection, of_nothing_to_see_has_no_rate) {
    series s;
    start(&s, 33, 10, 1e-9);
    for (size_t i = 0; i < 33; i++)
        put(&s, i, 1e-9 * jitter(i), 0.2385 * (1 + 0.02 * s.time[i])); /* noise, and too small a change */
    cr_expect(isnan(rate_of(&s, 0, along).value));
    cr_expect(isnan(rate_of(&s, 0, across).value));
    start(&s, 3, 10, 0);
    for (size_t i = 0; i < 3; i++)
        put(&s, i, exp(-s.time[i]), 1);
    cr_expect(isnan(rate_of(&s, 0, along).value), "three outputs");
    start(&s, 65, 16, 0); /* a cosine: no window goes through a zero */
    for (size_t i = 0; i < 65; i++)
        put(&s, i, cos(s.time[i]), 1);
    hf_fit f = rate_of(&s, 0, along);
    cr_expect(isnan(f.value) || floor(f.first / M_PI + 0.5) == floor(f.last / M_PI + 0.5), "[%g, %g]",
              f.first, f.last);
}
