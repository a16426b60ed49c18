/* The bias-corrected and accelerated bootstrap. B. Efron: Better bootstrap confidence intervals. J. Amer.
 * Statist. Assoc. 82 (1987) 171-185. docs/theory.md (44). */
#include "theory/bootstrap.h"

#include "sgd/stream.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 2000, MEMBERS_MIN = 3 };
static const double tail = 0.025;

double hf_statistic_mean(const void *self, size_t count, const size_t index[]) {
    const double *sample = self;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += sample[index[i]];
    return sum / (double)count;
}

double hf_statistic_rms(const void *self, size_t count, const size_t index[]) {
    const double *sample = self;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += sample[index[i]] * sample[index[i]];
    return sqrt(sum / (double)count);
}

/* Efron's acceleration, from the statistic with each member left out. index: shape (count), work */
static double acceleration(size_t count, hf_statistic *statistic, const void *self, size_t index[],
                           double *without) {
    double mean = 0, square = 0, cube = 0;
    for (size_t left = 0; left < count; left++) {
        for (size_t i = 0; i + 1 < count; i++)
            index[i] = i < left ? i : i + 1;
        without[left] = statistic(self, count - 1, index);
        mean += without[left] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double d = mean - without[i];
        square += d * d;
        cube += d * d * d;
    }
    return square > 0 ? cube / (6 * pow(square, 1.5)) : 0;
}

/* The quantile of the sorted resamples that stands for that of a normal distribution. */
static double limit(const double *sorted, double bias, double a, double normal) {
    double z = bias + (bias + normal) / (1 - a * (bias + normal));
    return gsl_stats_quantile_from_sorted_data(sorted, 1, RESAMPLES, gsl_cdf_ugaussian_P(z));
}

/* A resample in ascending order: equal ones have equal sums bit for bit, so that ties are seen.
 * times: shape (count), work */
static void draw_sorted(gsl_rng *stream, size_t count, size_t times[], size_t index[]) {
    for (size_t i = 0; i < count; i++)
        times[i] = 0;
    for (size_t i = 0; i < count; i++)
        times[gsl_rng_uniform_int(stream, count)]++;
    for (size_t i = 0, place = 0; i < count; i++)
        for (size_t k = 0; k < times[i]; k++)
            index[place++] = i;
}

/* resample: shape (RESAMPLES); index, times: shape (count) */
static void estimate(size_t count, hf_statistic *statistic, const void *self, gsl_rng *stream,
                     double *resample, size_t times[], size_t index[], hf_interval *out) {
    double a = acceleration(count, statistic, self, index, resample), below = 0;
    for (size_t r = 0; r < RESAMPLES; r++) {
        draw_sorted(stream, count, times, index);
        resample[r] = statistic(self, count, index);
        below += resample[r] < out->value ? 1 : resample[r] == out->value ? 0.5 : 0;
    }
    gsl_sort(resample, 1, RESAMPLES);
    /* all on one side: the bias is what half a resample on the other would give */
    double share = fmin(fmax(below, 0.5), RESAMPLES - 0.5) / RESAMPLES;
    double bias = gsl_cdf_ugaussian_Pinv(share);
    out->lower = limit(resample, bias, a, gsl_cdf_ugaussian_Pinv(tail));
    out->upper = limit(resample, bias, a, gsl_cdf_ugaussian_Qinv(tail));
}

hf_status hf_bootstrap(hf_error *error, size_t count, hf_statistic *statistic, const void *self,
                       hf_interval *out) {
    size_t *index;
    double *resample = NULL;
    HF_TRY(hf_allocate(error, 2 * count, sizeof *index, &index)); /* and as many to count in */
    for (size_t i = 0; i < count; i++)
        index[i] = i;
    *out = (hf_interval){statistic(self, count, index), NAN, NAN};
    if (count < MEMBERS_MIN || !isfinite(out->value)) {
        free(index);
        return HF_OK;
    }
    gsl_rng *stream = hf_stream(0, HF_PURPOSE_BOOTSTRAP);
    hf_status status = hf_array_create(error, RESAMPLES > count ? RESAMPLES : count, &resample);
    if (status == HF_OK && stream == NULL)
        status = hf_raise(error, HF_ERR_MEMORY, "no memory for a random stream");
    if (status == HF_OK)
        estimate(count, statistic, self, stream, resample, index + count, index, out);
    if (stream != NULL)
        gsl_rng_free(stream);
    hf_array_destroy(&resample);
    free(index);
    return status;
}
