/* Which logits are worth keeping: docs/numerics.md (19).
 *
 * Between the last sample kept (the anchor) and the newest step stand the pending steps. As long as the cubic
 * Hermite interpolant from anchor to newest reproduces all of them, they are not needed. When it does not,
 * the last pending one becomes the next anchor. A single step that is too long for a cubic is bisected with
 * the integrator's own dense output. The tolerance is tightened by SAFETY, since a reader who interpolates
 * through values alone (four points, or a spline) errs up to 16 times more than the Hermite interpolant, and
 * more on an uneven axis. */
#include "flow/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PENDING_MAX = 16, ANCHORS_MAX = 10000, HALVINGS_MAX = 20 };
static const double SAFETY = 64;

typedef struct sample {
    double time;
    double *logits, *rate; /* shape (size) each */
} sample;

struct hf_sampler {
    size_t size, pending;
    double tolerance;
    const hf_ranks *ranks;
    const hf_observer *emit;
    hf_sampler_source *source;
    void *source_self;
    sample anchor, newest, middle;
    sample step[PENDING_MAX]; /* pending steps; the last one is the next anchor */
    double *storage;
};

hf_status hf_sampler_create(hf_error *error, size_t size, double tolerance, const hf_ranks *ranks,
                            const hf_observer *emit, hf_sampler_source *source, void *source_self,
                            hf_sampler **out) {
    *out = NULL;
    hf_sampler *sampler;
    HF_TRY(hf_allocate(error, 1, sizeof *sampler, &sampler));
    sampler->size = size;
    sampler->tolerance = tolerance / SAFETY;
    sampler->ranks = ranks;
    sampler->emit = emit;
    sampler->source = source;
    sampler->source_self = source_self;
    hf_status status = hf_array_create(error, 2 * size * (PENDING_MAX + 3), &sampler->storage);
    if (status != HF_OK) {
        hf_sampler_destroy(&sampler);
        return status;
    }
    sample *each[PENDING_MAX + 3] = {&sampler->anchor, &sampler->newest, &sampler->middle};
    for (size_t i = 0; i < PENDING_MAX; i++)
        each[3 + i] = &sampler->step[i];
    for (size_t i = 0; i < PENDING_MAX + 3; i++) {
        each[i]->logits = sampler->storage + 2 * i * size;
        each[i]->rate = each[i]->logits + size;
    }
    *out = sampler;
    return HF_OK;
}

void hf_sampler_destroy(hf_sampler **sampler) {
    if (sampler == NULL || *sampler == NULL)
        return;
    hf_array_destroy(&(*sampler)->storage);
    free(*sampler);
    *sampler = NULL;
}

static void swap(sample *a, sample *b) {
    sample c = *a;
    *a = *b;
    *b = c;
}

static hf_status evaluate(hf_error *error, hf_sampler *sampler, double time, sample *at) {
    at->time = time;
    return sampler->source(error, sampler->source_self, time, at->logits, at->rate);
}

static hf_status keep(hf_error *error, hf_sampler *sampler, sample *next) {
    swap(&sampler->anchor, next);
    sampler->pending = 0;
    return sampler->emit->logits(error, sampler->emit->self, sampler->anchor.time, sampler->anchor.logits);
}

/* Whether the cubic Hermite interpolant from a to b goes through p, on this rank. */
static bool fits_here(const hf_sampler *sampler, const sample *a, const sample *b, const sample *p) {
    double length = b->time - a->time, s = (p->time - a->time) / length;
    double value_a = (1 + 2 * s) * (1 - s) * (1 - s), value_b = s * s * (3 - 2 * s);
    double rate_a = s * (1 - s) * (1 - s) * length, rate_b = s * s * (s - 1) * length;
    for (size_t i = 0; i < sampler->size; i++) {
        double z =
            value_a * a->logits[i] + value_b * b->logits[i] + rate_a * a->rate[i] + rate_b * b->rate[i];
        if (fabs(z - p->logits[i]) > sampler->tolerance)
            return false;
    }
    return true;
}

/* Whether it goes through p[0], .. p[count - 1] on all ranks. */
static bool fits(const hf_sampler *sampler, const sample *a, const sample *b, size_t count, const sample *p) {
    double holds = 1;
    for (size_t i = 0; i < count && holds == 1; i++)
        holds = fits_here(sampler, a, b, &p[i]);
    hf_ranks_min(sampler->ranks, 1, &holds);
    return holds == 1;
}

/* Anchors inside a single step until the cubic from the anchor to the newest state holds. */
static hf_status bisect(hf_error *error, hf_sampler *sampler) {
    for (int i = 0; i < ANCHORS_MAX; i++) {
        double length = sampler->newest.time - sampler->anchor.time;
        HF_TRY(evaluate(error, sampler, sampler->anchor.time + 0.5 * length, &sampler->middle));
        if (fits(sampler, &sampler->anchor, &sampler->newest, 1, &sampler->middle))
            return HF_OK;
        /* the half must hold as well: halve again until it does, then keep it */
        double half = 0.5 * length;
        for (int k = 0; k < HALVINGS_MAX; k++, half *= 0.5) {
            swap(&sampler->middle, &sampler->step[0]);
            HF_TRY(evaluate(error, sampler, sampler->anchor.time + 0.5 * half, &sampler->middle));
            if (fits(sampler, &sampler->anchor, &sampler->step[0], 1, &sampler->middle))
                break;
        }
        HF_TRY(keep(error, sampler, &sampler->step[0]));
    }
    return hf_raise(error, HF_ERR_NUMERIC, "t = %.6g: the logits change too fast to be sampled",
                    sampler->anchor.time);
}

hf_status hf_sampler_start(hf_error *error, hf_sampler *sampler, double time) {
    HF_TRY(evaluate(error, sampler, time, &sampler->newest));
    return keep(error, sampler, &sampler->newest);
}

hf_status hf_sampler_step(hf_error *error, hf_sampler *sampler, double time) {
    HF_TRY(evaluate(error, sampler, time, &sampler->newest));
    bool holds = sampler->pending < PENDING_MAX &&
                 fits(sampler, &sampler->anchor, &sampler->newest, sampler->pending, sampler->step);
    if (!holds)
        HF_TRY(keep(error, sampler, &sampler->step[sampler->pending - 1]));
    if (sampler->pending == 0)
        HF_TRY(bisect(error, sampler));
    swap(&sampler->newest, &sampler->step[sampler->pending++]);
    return HF_OK;
}

hf_status hf_sampler_finish(hf_error *error, hf_sampler *sampler) {
    if (sampler->pending == 0)
        return HF_OK;
    return keep(error, sampler, &sampler->step[sampler->pending - 1]);
}
