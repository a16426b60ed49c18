/* Means and intervals over seeds, and powers of N and epsilon. docs/theory.md (44). */
#include "base/parallel.h"
#include "theory/bootstrap.h"
#include "theory/chaos.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdlib.h>

typedef struct summary {
    const hf_chaos *chaos;
    hf_chaos_group *out;
} summary;

/* index: of a quantity at a time */
static hf_status summarise_one(hf_error *error, void *self, size_t index) {
    const summary *s = self;
    bool rms = s->chaos->quantity[index / s->chaos->times].rms;
    return hf_bootstrap(error, s->out->seeds, rms ? hf_statistic_rms : hf_statistic_mean,
                        s->out->value + index * s->out->seeds, &s->out->measured[index]);
}

hf_status hf_chaos_summarise(hf_error *error, const hf_comparison *c, hf_chaos_group *out) {
    summary s = {c->chaos, out};
    return hf_parallel_each(error, c->chaos->quantities * c->chaos->times, summarise_one, &s);
}

/* ---- slopes -------------------------------------------------------------------------------------- */

enum { POINTS_MAX = 64 };

/* Ensembles that differ in one number: a sample of theirs is a sample of seeds, the same for all. */
typedef struct family {
    const hf_comparison *c;
    size_t quantity, count, seeds;
    const hf_chaos_group *group[POINTS_MAX];
    double x[POINTS_MAX]; /* logarithms of what varies */
} family;

static double fit(const family *f, const double *y) {
    double offset, slope, cov00, cov01, cov11, square;
    gsl_fit_linear(f->x, 1, y, 1, f->count, &offset, &slope, &cov00, &cov01, &cov11, &square);
    return slope;
}

static double slope_of_sample(const void *self, size_t count, const size_t index[]) {
    const family *f = self;
    double y[POINTS_MAX];
    for (size_t k = 0; k < f->count; k++) {
        const hf_chaos_group *g = f->group[k];
        const double *sample = hf_chaos_values(f->c, g, f->quantity, g->last);
        bool rms = f->c->chaos->quantity[f->quantity].rms;
        y[k] = log(fabs((rms ? hf_statistic_rms : hf_statistic_mean)(sample, count, index)));
    }
    return fit(f, y);
}

static double slope_of_predictions(const family *f) {
    double y[POINTS_MAX];
    for (size_t k = 0; k < f->count; k++) {
        const hf_chaos_group *g = f->group[k];
        y[k] = f->quantity == HF_COUPLING      ? log(g->predicted[g->last].value)
               : f->quantity == HF_LOGIT_ERROR ? log(g->predicted_logit[g->last])
                                               : NAN;
    }
    return fit(f, y);
}

/* Whether two ensembles differ at most in the number of heads, or in the step. */
static bool related(bool in_step, const hf_chaos_group *a, const hf_chaos_group *b) {
    const hf_ensemble *x = &a->ensemble, *y = &b->ensemble;
    if (x->batch != y->batch || a->seeds != b->seeds || a->last != b->last)
        return false;
    return in_step ? x->heads == y->heads && isfinite(x->step) && isfinite(y->step)
                   : x->step == y->step || (isnan(x->step) && isnan(y->step));
}

/* The family of an ensemble; empty if an earlier one of it has been there, or all its members are alike. */
static void gather(const hf_comparison *c, bool in_step, size_t first, family *f) {
    const hf_chaos_group *group = c->chaos->group;
    bool varies = false;
    f->count = 0;
    f->seeds = group[first].seeds;
    for (size_t g = 0; g < c->chaos->groups && f->count < POINTS_MAX; g++) {
        if (!related(in_step, &group[first], &group[g]))
            continue;
        if (g < first) {
            f->count = 0;
            return;
        }
        f->x[f->count] = log(in_step ? group[g].ensemble.step : (double)group[g].ensemble.heads);
        varies = varies || f->x[f->count] != f->x[0];
        f->group[f->count++] = &group[g];
    }
    if (!varies)
        f->count = 0;
}

static hf_status add_slopes(hf_error *error, const hf_comparison *c, bool in_step, family *f) {
    for (f->quantity = 0; f->quantity < c->chaos->quantities; f->quantity++) {
        if (in_step && f->quantity > HF_LOGIT_ERROR) /* distances to the density have no limit in the step */
            break;
        if (f->quantity == HF_RISK_ERROR) /* a mean of either sign has no logarithm */
            continue;
        hf_chaos_slope *slope = &c->chaos->slope[c->chaos->slopes];
        *slope = (hf_chaos_slope){.in_step = in_step,
                                  .quantity = f->quantity,
                                  .fixed = f->group[0]->ensemble,
                                  .ensembles = f->count,
                                  .predicted = slope_of_predictions(f)};
        if (in_step)
            slope->fixed.step = NAN;
        else
            slope->fixed.heads = 0;
        HF_TRY(hf_bootstrap(error, f->seeds, slope_of_sample, f, &slope->measured));
        if (isfinite(slope->measured.value))
            c->chaos->slopes++;
    }
    return HF_OK;
}

hf_status hf_chaos_fit_slopes(hf_error *error, const hf_comparison *c) {
    family f = {.c = c};
    size_t most = 2 * c->chaos->groups * c->chaos->quantities;
    HF_TRY(hf_allocate(error, most, sizeof *c->chaos->slope, &c->chaos->slope));
    for (int in_step = 0; in_step <= 1; in_step++)
        for (size_t g = 0; g < c->chaos->groups; g++) {
            gather(c, in_step, g, &f);
            if (f.count > 1)
                HF_TRY(add_slopes(error, c, in_step, &f));
        }
    return HF_OK;
}
