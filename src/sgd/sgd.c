/* Stochastic gradient descent of N heads. docs/theory.md (29).
 *
 *     z_e = (1/N) sum_i h_e(theta_i),   r_e = softmax(z_e) - y_e
 *     theta_i <- theta_i - epsilon [ (1/b) sum_{e in batch} grad(r_e . h_e)(theta_i) + lambda theta_i ]
 *
 * t = k epsilon. A batch of b events is a draw of b with replacement by the weights w_e, so that its gradient
 * has that of the risk as its mean; the full batch is the risk itself. */
#include <headflow/interrupt.h>
#include <headflow/sgd.h>

#include "sgd/stream.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 1000000 }; /* events are drawn one by one */
static const double STEPS_MAX = 1e8;

typedef struct member {
    const hf_problem *problem;
    const hf_events *events;
    const hf_ensemble *ensemble;
    hf_cloud *cloud;
    gsl_rng *stream;             /* of batches; NULL: the full batch */
    gsl_ran_discrete_t *weights; /* of the events */
    size_t *event;               /* of the batch: shape (E); the first batch.count count */
    double *weight;              /* shape (E) */
    hf_batch batch;
    double *logits;     /* shape (E, classes): logits, then residuals in place */
    double *gradient;   /* shape (N, D) */
    double *now, *next; /* shape (N, D) */
} member;

static hf_status prepare_batches(hf_error *error, member *m, size_t seed) {
    size_t count = hf_events_count(m->events);
    double *weight;
    HF_TRY(hf_allocate(error, count, sizeof *m->event, &m->event));
    HF_TRY(hf_array_create(error, 2 * count, &m->weight));
    weight = m->weight + count;
    for (size_t e = 0; e < count; e++)
        weight[e] = hf_events_weight(m->events, e);
    m->stream = hf_stream(seed, HF_PURPOSE_BATCHES);
    gsl_set_error_handler_off(); /* its results are checked */
    m->weights = gsl_ran_discrete_preproc(count, weight);
    if (m->stream == NULL || m->weights == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory to draw batches from %zu events", count);
    m->batch.event = m->event;
    m->batch.weight = m->weight;
    return HF_OK;
}

static hf_status set_up(hf_error *error, member *m, size_t seed) {
    size_t size = m->ensemble->heads * hf_grid_dim(hf_problem_grid(m->problem));
    HF_TRY(hf_cloud_create(error, hf_problem_model(m->problem), m->ensemble->heads, &m->cloud));
    HF_TRY(hf_array_create(error, hf_events_count(m->events) * hf_events_classes(m->events), &m->logits));
    HF_TRY(hf_array_create(error, size, &m->gradient));
    HF_TRY(hf_array_create(error, size, &m->now));
    HF_TRY(hf_array_create(error, size, &m->next));
    return m->ensemble->batch == HF_BATCH_FULL ? HF_OK : prepare_batches(error, m, seed);
}

static void tear_down(member *m) {
    hf_cloud_destroy(&m->cloud);
    hf_array_destroy(&m->logits);
    hf_array_destroy(&m->gradient);
    hf_array_destroy(&m->now);
    hf_array_destroy(&m->next);
    hf_array_destroy(&m->weight);
    free(m->event);
    if (m->weights != NULL)
        gsl_ran_discrete_free(m->weights);
    if (m->stream != NULL)
        gsl_rng_free(m->stream);
}

/* b draws; an event drawn k times counts once, with the weight k/b. */
static const hf_batch *draw_batch(member *m) {
    if (m->stream == NULL)
        return NULL;
    size_t b = m->ensemble->batch;
    m->batch.count = 0;
    for (size_t k = 0; k < b; k++) {
        size_t e = gsl_ran_discrete(m->stream, m->weights), place = 0;
        while (place < m->batch.count && m->event[place] != e)
            place++;
        if (place == m->batch.count) {
            m->event[place] = e;
            m->weight[place] = 0;
            m->batch.count++;
        }
        m->weight[place] += 1 / (double)b;
    }
    return &m->batch;
}

static void step(member *m) {
    size_t size = m->ensemble->heads * hf_grid_dim(hf_problem_grid(m->problem));
    size_t classes = hf_events_classes(m->events);
    const hf_batch *batch = draw_batch(m);
    hf_cloud_place(m->cloud, m->now);
    hf_cloud_logits(m->cloud, batch, m->logits);
    size_t count = batch != NULL ? batch->count : hf_events_count(m->events);
    for (size_t k = 0; k < count; k++) {
        double *z = m->logits + k * classes;
        hf_risk_event(m->events, batch != NULL ? batch->event[k] : k, z, z);
    }
    hf_cloud_gradient(m->cloud, batch, m->logits, m->gradient);
    for (size_t i = 0; i < size; i++)
        m->next[i] = m->now[i] - m->ensemble->step * m->gradient[i];
}

static bool all_finite(size_t count, const double *x) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i];
    return isfinite(sum);
}

/* theta: shape (times, N, D). */
static hf_status descend(hf_error *error, member *m, size_t times, const double time[], double *theta) {
    size_t size = m->ensemble->heads * hf_grid_dim(hf_problem_grid(m->problem)), out = 0;
    double epsilon = m->ensemble->step;
    for (size_t k = 0; out < times; k++) {
        if (hf_interrupted(NULL) != 0)
            return hf_raise(error, HF_ERR_INTERRUPTED, "interrupted at t = %.6g", (double)k * epsilon);
        double t = (double)k * epsilon, after = (double)(k + 1) * epsilon;
        if (time[times - 1] > t)
            step(m);
        if (!all_finite(size, m->next))
            return hf_raise(error, HF_ERR_NUMERIC,
                            "SGD of %zu heads with step %g diverges at t = %.6g; expected a smaller "
                            "particles.step",
                            m->ensemble->heads, epsilon, after);
        for (; out < times && time[out] < after; out++) {
            double share = (time[out] - t) / epsilon;
            for (size_t i = 0; i < size; i++)
                theta[out * size + i] = m->now[i] + share * (m->next[i] - m->now[i]);
        }
        double *swap = m->now;
        m->now = m->next;
        m->next = swap;
    }
    return HF_OK;
}

static hf_status check(hf_error *error, const hf_problem *problem, const hf_ensemble *ensemble, double end) {
    if (hf_problem_temperature(problem) > 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "regularisation.temperature: %g; expected 0: SGD has no thermal noise, its limit is "
                        "the flow without",
                        hf_problem_temperature(problem));
    if (ensemble->heads < 1)
        return hf_raise(error, HF_ERR_INPUT, "particles.heads: 0; expected at least 1");
    if (ensemble->batch == HF_BATCH_UNKNOWN)
        return hf_raise(error, HF_ERR_INPUT,
                        "particles.batch: not known; expected a number of events or full");
    if (ensemble->batch > BATCH_MAX)
        return hf_raise(error, HF_ERR_INPUT, "particles.batch: %zu; expected at most %d, or full",
                        ensemble->batch, BATCH_MAX);
    if (!(ensemble->step > 0) || !isfinite(ensemble->step) || !(end / ensemble->step <= STEPS_MAX))
        return hf_raise(error, HF_ERR_INPUT,
                        "particles.step: %g up to t = %g; expected a number > 0 and at most %g steps",
                        ensemble->step, end, STEPS_MAX);
    return HF_OK;
}

hf_status hf_sgd_run(hf_error *error, const hf_problem *problem, const hf_ensemble *ensemble, size_t seed,
                     size_t times, const double time[], double *theta) {
    member m = {.problem = problem, .events = hf_problem_events(problem), .ensemble = ensemble};
    HF_TRY(check(error, problem, ensemble, time[times - 1]));
    hf_status status = set_up(error, &m, seed);
    if (status == HF_OK)
        status = hf_sgd_heads(error, problem, seed, ensemble->heads, m.now);
    if (status == HF_OK)
        status = descend(error, &m, times, time, theta);
    tear_down(&m);
    return status;
}
