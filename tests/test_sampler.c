/* The samples of the logits, from a source with a closed form: its steps are as long or as short as the test
 * wants, which those of an integrator are not. docs/numerics.md (19). */
#include "flow/sampler.h"
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { SIZE = 3, SAMPLES_MAX = 4096 };

/* sin and cos of frequency w, and a constant. */
typedef struct wave {
    double frequency;
    size_t samples, calls;
    double latest; /* the latest step: nothing is known beyond it */
    double time[SAMPLES_MAX], logits[SAMPLES_MAX][SIZE];
} wave;

static void wave_at(const wave *w, double time, double *logits) {
    logits[0] = sin(w->frequency * time);
    logits[1] = cos(w->frequency * time);
    logits[2] = -2.385;
}

static hf_status source(hf_error *error, void *self, double time, double *logits, double *rate) {
    wave *w = self;
    (void)error;
    cr_expect_leq(time, w->latest);
    w->calls++;
    wave_at(w, time, logits);
    rate[0] = w->frequency * logits[1];
    rate[1] = -w->frequency * logits[0];
    rate[2] = 0;
    return HF_OK;
}

static hf_status emit(hf_error *error, void *self, double time, const double *logits) {
    wave *w = self;
    if (w->samples == SAMPLES_MAX)
        return hf_raise(error, HF_ERR_MEMORY, "more than %d samples", SAMPLES_MAX);
    w->time[w->samples] = time;
    memcpy(w->logits[w->samples++], logits, SIZE * sizeof *logits);
    return HF_OK;
}

/* Samples the wave from `start` in `count` steps of one length. */
static void sample_wave(wave *w, double frequency, double tolerance, double start, double length,
                        size_t count) {
    hf_sampler *sampler;
    hf_error error = {0};
    *w = (wave){.frequency = frequency, .latest = start};
    hf_observer observer = {.self = w, .logits = emit};
    cr_assert_eq(hf_sampler_create(&error, SIZE, tolerance, NULL, &observer, source, w, &sampler), HF_OK);
    cr_assert_eq(hf_sampler_start(&error, sampler, start), HF_OK);
    for (size_t k = 1; k <= count; k++) {
        w->latest = start + length * (double)k;
        cr_assert_eq(hf_sampler_step(&error, sampler, w->latest), HF_OK, "%s", error.message);
    }
    cr_assert_eq(hf_sampler_finish(&error, sampler), HF_OK);
    hf_sampler_destroy(&sampler);
    cr_expect_null(sampler);
}

/* Worst error of the cubic through the four samples around a time, over a mesh of times. */
static double worst_of_cubics(const wave *w) {
    enum { POINTS = 20000 };
    double worst = 0, span = w->time[w->samples - 1] - w->time[0];
    size_t first = 0;
    for (size_t p = 0; p <= POINTS; p++) {
        double time = w->time[0] + span * (double)p / POINTS, exact[SIZE], sum[SIZE] = {0};
        while (first + 4 < w->samples && w->time[first + 2] < time)
            first++;
        for (size_t j = first; j < first + 4; j++) {
            double weight = 1;
            for (size_t k = first; k < first + 4; k++)
                if (k != j)
                    weight *= (time - w->time[k]) / (w->time[j] - w->time[k]);
            for (size_t i = 0; i < SIZE; i++)
                sum[i] += weight * w->logits[j][i];
        }
        wave_at(w, time, exact);
        worst = fmax(worst, largest_difference(SIZE, sum, exact));
    }
    return worst;
}

static void check_axis(const wave *w, double start, double end) {
    cr_assert_geq(w->samples, 4);
    cr_expect_eq(w->time[0], start);
    cr_expect_eq(w->time[w->samples - 1], end);
    for (size_t k = 0; k < w->samples; k++) {
        double exact[SIZE];
        wave_at(w, w->time[k], exact);
        cr_expect_arr_eq(w->logits[k], exact, sizeof exact);
        if (k > 0)
            cr_expect_gt(w->time[k], w->time[k - 1]);
    }
}

/* A cubic Hermite interpolant of a wave over a length L errs by (wL)^4/384: held to tolerance/64, that makes
 * wL = (6 tolerance)^(1/4). */
static double hermite_length(double frequency, double tolerance) {
    return pow(6 * tolerance, 0.25) / frequency;
}

/* Steps of 3 to 12 such lengths. Halving wastes less than a factor of 2, and as much again where what is left
 * of a step is cut in two; a step is cut into 20 parts at most. */
Test(sampler, bisects_steps_too_long_for_a_cubic) {
    const double frequency = 5, start = 0.385;
    for (double tolerance = 1e-6; tolerance < 1e-2; tolerance *= 10)
        for (double parts = 3; parts < 13; parts *= 1.385)
            for (size_t count = 1; count <= 5; count += 2) {
                wave w;
                double length = parts * hermite_length(frequency, tolerance);
                sample_wave(&w, frequency, tolerance, start, length, count);
                check_axis(&w, start, start + length * (double)count);
                double worst = worst_of_cubics(&w);
                cr_expect_leq(worst, tolerance, "%zu of %g: %g > %g", count, length, worst, tolerance);
                cr_expect_leq((double)w.samples, 1 + (double)count * (2 * parts + 2), "%g: %zu samples",
                              parts, w.samples);
            }
}

/* Steps far shorter than a cubic needs: 16 of them make a sample at most, and no more samples than the
 * tolerance asks for otherwise. */
Test(sampler, merges_steps_shorter_than_a_cubic_needs) {
    enum { STEPS = 2000 };
    const double frequency = 5, tolerance = 1e-5, start = 0.385;
    double needed = hermite_length(frequency, tolerance);
    for (double share = 1.0 / 64; share < 1; share *= 4) { /* of the length that holds */
        wave w;
        double length = share * needed;
        sample_wave(&w, frequency, tolerance, start, length, STEPS);
        check_axis(&w, start, start + length * STEPS);
        double worst = worst_of_cubics(&w), merged = fmax(1, fmin(16, floor(1 / share)));
        cr_expect_leq(worst, tolerance, "share %g: %g > %g", share, worst, tolerance);
        cr_expect_leq((double)w.samples, 2 + STEPS / merged, "share %g: %zu samples", share, w.samples);
        cr_expect_geq((double)w.samples, STEPS / 16.0, "share %g: %zu samples", share, w.samples);
    }
}

/* Long and short steps in turn, as after a start or an event. */
Test(sampler, takes_steps_of_all_lengths) {
    const double frequency = 5, tolerance = 1e-4;
    gsl_rng *random = make_random(93);
    hf_sampler *sampler;
    wave w = {.frequency = frequency};
    hf_observer observer = {.self = &w, .logits = emit};
    cr_assert_eq(hf_sampler_create(NULL, SIZE, tolerance, NULL, &observer, source, &w, &sampler), HF_OK);
    cr_assert_eq(hf_sampler_start(NULL, sampler, 0), HF_OK);
    for (int k = 0; k < 300; k++) {
        w.latest += pow(10, uniform(random, -4, -0.7));
        cr_assert_eq(hf_sampler_step(NULL, sampler, w.latest), HF_OK);
    }
    cr_assert_eq(hf_sampler_finish(NULL, sampler), HF_OK);
    hf_sampler_destroy(&sampler);
    check_axis(&w, 0, w.latest);
    double worst = worst_of_cubics(&w);
    cr_expect_leq(worst, tolerance, "%g", worst);
    gsl_rng_free(random);
}
