/* The course of an integration, whatever its method: output times, logits on a time axis of their own, and
 * rest. docs/numerics.md, sections 6 and 7. */
#include "flow/integrate.h"

#include "flow/method.h"
#include "flow/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hf_integration {
    hf_evolution evolution;
    hf_observer observer;
    const struct hf_stepper *stepper;
    void *method; /* of the stepper */
    hf_sampler *sampler;
    const double *state; /* shape (cells + 1): y where the integration stands; the method's, or ... */
    double *own;         /* ... this one, at the start and at rest */
    double *scratch;     /* shape (cells) */
    double stop;         /* the dissipation of rest, or 0 */
    double time, start_seconds;
    double dissipation; /* at `time`, while `stop` is asked for */
    size_t next_output;
    bool stationary;
};

static const hf_problem *problem_of(const hf_integration *run) {
    return hf_flow_problem(run->evolution.flow);
}

/* ---- telling the observer --------------------------------------------------------------------------- */

static hf_status output(hf_error *error, hf_integration *run, double time, const double *y) {
    hf_record record = {.time = time, .dissipated = y[run->evolution.cells]};
    if (run->observer.output == NULL)
        return HF_OK;
    HF_TRY(hf_flow_diagnose(error, run->evolution.flow, y, &record));
    return run->observer.output(error, run->observer.self, &record, y);
}

/* Logits and their rate at a time within the last step, or at the start. */
static hf_status sample_logits(hf_error *error, void *self, double time, double *logits, double *rate) {
    hf_integration *run = self;
    hf_flow *flow = run->evolution.flow;
    const double *y = run->state;
    if (time != run->time)
        HF_TRY(run->stepper->dense(error, run->method, time, 0, &y));
    hf_flow_logits(flow, y, logits);
    if (run->time == 0) { /* no step taken: nothing to differentiate */
        hf_flow_rate(flow, run->state, run->scratch, NULL);
        y = run->scratch;
    } else
        HF_TRY(run->stepper->dense(error, run->method, time, 1, &y));
    hf_flow_logits(flow, y, rate);
    return HF_OK;
}

/* ---- rest ------------------------------------------------------------------------------------------- */

static double dissipation(hf_integration *run, const double *y) {
    double value;
    hf_flow_rate(run->evolution.flow, y, run->scratch, &value);
    return value;
}

/* The first time known, within the last step (from `before`, where the dissipation was above `stop`, to
 * run->time, where it is not), at which it is at or below `stop`: the false position of Illinois on the
 * method's dense output, down to what CVODE would resolve. run->state becomes the state there. */
static hf_status find_rest(hf_error *error, hf_integration *run, double before, double dissipation_before) {
    double a = before, b = run->time, fa = dissipation_before - run->stop, fb = run->dissipation - run->stop;
    double resolution = 100 * DBL_EPSILON * (fabs(b) + (b - a));
    int side = 0;
    while (b - a > resolution && fb < 0) {
        double middle = (a * fb - b * fa) / (fb - fa);
        middle = fmin(fmax(middle, a + 0.5 * resolution), b - 0.5 * resolution);
        const double *y;
        HF_TRY(run->stepper->dense(error, run->method, middle, 0, &y));
        double f = dissipation(run, y) - run->stop;
        if (f > 0) {
            a = middle, fa = f;
            fb *= side == 1 ? 0.5 : 1;
            side = 1;
        } else {
            b = middle, fb = f;
            fa *= side == -1 ? 0.5 : 1;
            side = -1;
        }
    }
    if (b < run->time) {
        const double *y;
        HF_TRY(run->stepper->dense(error, run->method, b, 0, &y));
        memcpy(run->own, y, (run->evolution.cells + 1) * sizeof *y);
        run->state = run->own;
        run->time = b;
    }
    return HF_OK;
}

/* Whether the integration is at rest where it stands, going back to where it came to rest if it passed it. */
static hf_status check_rest(hf_error *error, hf_integration *run, double before) {
    if (!(run->stop > 0))
        return HF_OK;
    double dissipation_before = run->dissipation;
    run->dissipation = dissipation(run, run->state);
    run->stationary = run->dissipation <= run->stop;
    return run->stationary && run->time > 0 ? find_rest(error, run, before, dissipation_before) : HF_OK;
}

/* ---- create, step, finish, destroy ------------------------------------------------------------------ */

static hf_status create_arrays(hf_error *error, hf_integration *run) {
    const hf_evolution *evolution = &run->evolution;
    const hf_events *events = hf_problem_events(problem_of(run));
    HF_TRY(hf_array_create(error, evolution->cells + 1, &run->own));
    HF_TRY(hf_array_create(error, evolution->cells, &run->scratch));
    HF_TRY(hf_problem_initial_part(error, problem_of(run), hf_flow_grid(evolution->flow), run->own));
    if (run->observer.logits == NULL)
        return HF_OK;
    return hf_sampler_create(error, hf_events_count(events) * hf_events_classes(events), evolution->rtol,
                             evolution->ranks, &run->observer, sample_logits, run, &run->sampler);
}

static hf_status set_up(hf_error *error, hf_integration *run) {
    const hf_ranks *ranks = run->evolution.ranks;
    HF_TRY(hf_ranks_agree(error, ranks, create_arrays(error, run)));
    run->state = run->own;
    HF_TRY(hf_ranks_agree(error, ranks,
                          run->stepper->create(error, &run->evolution, 0, run->state, &run->method)));
    HF_TRY(output(error, run, 0, run->state));
    run->next_output = 1;
    HF_TRY(check_rest(error, run, 0));
    return run->sampler != NULL ? hf_sampler_start(error, run->sampler, 0) : HF_OK;
}

hf_status hf_integration_create(hf_error *error, hf_flow *flow, const hf_observer *observer,
                                hf_integration **out) {
    *out = NULL;
    hf_integration *run;
    HF_TRY(hf_allocate(error, 1, sizeof *run, &run));
    hf_evolution_start(flow, &run->evolution);
    if (observer != NULL)
        run->observer = *observer;
    run->stepper = hf_problem_method(hf_flow_problem(flow))->stepper;
    run->stop = hf_problem_stop(hf_flow_problem(flow));
    run->start_seconds = hf_seconds();
    hf_status status = set_up(error, run);
    if (status != HF_OK)
        hf_integration_destroy(&run);
    *out = run;
    return status;
}

void hf_integration_destroy(hf_integration **integration) {
    if (integration == NULL || *integration == NULL)
        return;
    hf_integration *run = *integration;
    hf_sampler_destroy(&run->sampler);
    run->stepper->destroy(&run->method);
    hf_array_destroy(&run->own);
    hf_array_destroy(&run->scratch);
    free(run);
    *integration = NULL;
}

bool hf_integration_done(const hf_integration *run) {
    return run->stationary || run->next_output == hf_problem_outputs(problem_of(run));
}

hf_status hf_integration_step(hf_error *error, hf_integration *run) {
    const hf_problem *problem = problem_of(run);
    double before = run->time;
    HF_TRY(run->stepper->step(error, run->method, &run->time));
    if (!(run->time > before))
        return hf_evolution_raise_rounding(error, &run->evolution, run->time);
    run->state = run->stepper->state(run->method);
    HF_TRY(check_rest(error, run, before));
    if (run->sampler != NULL)
        HF_TRY(hf_sampler_step(error, run->sampler, run->time));
    for (size_t *k = &run->next_output; *k < hf_problem_outputs(problem); (*k)++) {
        double time = hf_problem_output_time(problem, *k);
        const double *y = run->state;
        if (time > run->time)
            break;
        if (time < run->time)
            HF_TRY(run->stepper->dense(error, run->method, time, 0, &y));
        HF_TRY(output(error, run, time, y));
    }
    if (run->observer.step == NULL)
        return HF_OK;
    hf_statistics statistics;
    hf_integration_statistics(run, &statistics);
    return run->observer.step(error, run->observer.self, run->time, &statistics);
}

hf_status hf_integration_finish(hf_error *error, hf_integration *run) {
    if (run->stationary && run->time > 0)
        HF_TRY(output(error, run, run->time, run->state));
    return run->sampler != NULL ? hf_sampler_finish(error, run->sampler) : HF_OK;
}

const double *hf_integration_density(const hf_integration *run) {
    return run->state;
}

void hf_integration_statistics(const hf_integration *run, hf_statistics *statistics) {
    *statistics = (hf_statistics){.evaluations = run->evolution.evaluations,
                                  .refused_states = run->evolution.refused,
                                  .stationary = run->stationary,
                                  .time = run->time,
                                  .seconds = hf_seconds() - run->start_seconds,
                                  .table_rank = hf_table_rank(run->evolution.flow->table),
                                  .table_error = hf_table_error(run->evolution.flow->table),
                                  .table_checked = hf_table_checked(run->evolution.flow->table)};
    run->stepper->count(run->method, statistics);
    statistics->vectors += HF_COURSE_VECTORS;
}

hf_status hf_flow_integrate(hf_error *error, hf_flow *flow, const hf_observer *observer, double *rho,
                            hf_statistics *statistics) {
    hf_integration *run;
    if (statistics != NULL)
        *statistics = (hf_statistics){0};
    HF_TRY(hf_integration_create(error, flow, observer, &run));
    hf_status status = HF_OK;
    while (status == HF_OK && !hf_integration_done(run))
        status = hf_integration_step(error, run);
    if (status == HF_OK)
        status = hf_integration_finish(error, run);
    if (status == HF_OK && rho != NULL)
        memcpy(rho, hf_integration_density(run), run->evolution.cells * sizeof *rho);
    if (statistics != NULL)
        hf_integration_statistics(run, statistics);
    hf_integration_destroy(&run);
    return status;
}
