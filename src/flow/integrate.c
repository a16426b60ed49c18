/* The course of an integration, whatever its method and model: output times, signals on a time axis of their
 * own, rest, and checkpoints. docs/numerics.md, sections 6 and 7. */
#include "flow/integrate.h"

#include "flow/method.h"
#include "flow/sampler.h"

#include <headflow/interrupt.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What methods can hold a relative error to: below it none of them makes headway. Their own checks miss that
 * where most cells are empty, for these lower the mean (24^2 cells, rtol 1e-16: steps of 1e-14). */
static const double RTOL_LEAST = 4 * DBL_EPSILON;

struct hf_integration {
    hf_evolution evolution;
    hf_audience audience;
    hf_observer emit; /* its signals, as the sampler calls them */
    const struct hf_stepper *stepper;
    void *method; /* of the stepper */
    hf_sampler *sampler;
    const double *state; /* shape (cells + 1): y where the integration stands; the method's, or ... */
    double *own;         /* ... this one, at the start and at rest */
    double *scratch;     /* shape (cells) */
    double stop;         /* the dissipation of rest, or 0 */
    double time, begun;  /* where it stands, and where the method began to step */
    hf_statistics past;  /* of what was before that */
    double start_seconds;
    double dissipation; /* at `time`, while `stop` is asked for */
    size_t next_output;
    bool stationary;
};

static const hf_density *density_of(const hf_integration *run) {
    return &run->evolution.density;
}

/* ---- telling the audience --------------------------------------------------------------------------- */

static hf_status output(hf_error *error, hf_integration *run, double time, const double *y) {
    const hf_audience *audience = &run->audience;
    return audience->output != NULL
               ? audience->output(error, audience->self, time, y[run->evolution.cells], y)
               : HF_OK;
}

/* Signals and their rate at a time within the last step, or at the start. */
static hf_status sample_signals(hf_error *error, void *self, double time, double *signals, double *rate) {
    hf_integration *run = self;
    const hf_density *density = density_of(run);
    const double *y = run->state;
    if (time != run->time)
        HF_TRY(run->stepper->dense(error, run->method, time, 0, &y));
    density->model->signals(density->self, y, signals);
    if (run->time == run->begun) { /* no step taken: nothing to differentiate */
        hf_density_rate(density, run->state, run->scratch, NULL);
        y = run->scratch;
    } else
        HF_TRY(run->stepper->dense(error, run->method, time, 1, &y));
    density->model->signals(density->self, y, rate);
    return HF_OK;
}

/* ---- rest ------------------------------------------------------------------------------------------- */

static double dissipation(hf_integration *run, const double *y) {
    double value;
    hf_density_rate(density_of(run), y, run->scratch, &value);
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

/* The state to begin with: the model's, or a checkpoint's. */
static hf_status take_state(hf_error *error, hf_integration *run, const hf_checkpoint *from) {
    const hf_evolution *evolution = &run->evolution;
    if (from == NULL)
        return density_of(run)->model->initial(error, density_of(run)->self, run->own);
    memcpy(run->own, from->rho, evolution->cells * sizeof *run->own);
    run->own[evolution->cells] = from->dissipated;
    run->time = from->time;
    run->next_output = from->outputs;
    run->past = from->statistics;
    return HF_OK;
}

static hf_status create_arrays(hf_error *error, hf_integration *run, const hf_checkpoint *from) {
    const hf_evolution *evolution = &run->evolution;
    const hf_density *density = density_of(run);
    HF_TRY(hf_array_create(error, evolution->cells + 1, &run->own));
    HF_TRY(hf_array_create(error, evolution->cells, &run->scratch));
    HF_TRY(take_state(error, run, from));
    if (run->audience.signals == NULL)
        return HF_OK;
    run->emit = (hf_observer){.self = run->audience.self, .logits = run->audience.signals};
    return hf_sampler_create(error, density->signal_count, evolution->rtol, evolution->ranks, &run->emit,
                             sample_signals, run, &run->sampler);
}

/* Let the method begin at run->own, where the integration stands, without a past: after a checkpoint that is
 * what whoever goes on from it does, and bit for bit the same. */
static hf_status begin(hf_error *error, hf_integration *run) {
    run->state = run->own;
    run->begun = run->time;
    run->start_seconds = hf_seconds();
    run->evolution.evaluations = run->evolution.refused = run->evolution.overflowed = 0;
    HF_TRY(hf_ranks_agree(error, run->evolution.ranks,
                          run->stepper->create(error, &run->evolution, run->time, run->state, &run->method)));
    return run->evolution.local_rtol < RTOL_LEAST
               ? hf_evolution_raise_rounding(error, &run->evolution, run->time)
               : HF_OK;
}

static hf_status sample_from_here(hf_error *error, hf_integration *run) {
    return run->sampler != NULL ? hf_sampler_start(error, run->sampler, run->time) : HF_OK;
}

static hf_status set_up(hf_error *error, hf_integration *run, const hf_checkpoint *from) {
    HF_TRY(hf_ranks_agree(error, run->evolution.ranks, create_arrays(error, run, from)));
    HF_TRY(begin(error, run));
    if (from == NULL) {
        HF_TRY(output(error, run, 0, run->state));
        run->next_output = 1;
        HF_TRY(check_rest(error, run, 0));
    } else if (run->stop > 0)
        run->dissipation = dissipation(run, run->state);
    return sample_from_here(error, run);
}

hf_status hf_integration_create(hf_error *error, const hf_density *density, const hf_audience *audience,
                                const hf_checkpoint *from, hf_integration **out) {
    *out = NULL;
    hf_integration *run;
    HF_TRY(hf_allocate(error, 1, sizeof *run, &run));
    hf_evolution_start(density, &run->evolution);
    if (audience != NULL)
        run->audience = *audience;
    run->stepper = density->method->stepper;
    run->stop = density->stop;
    hf_status status = set_up(error, run, from);
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
    return run->stationary || run->next_output == density_of(run)->outputs;
}

/* The method and the sampler begin anew from where the integration stands. */
static hf_status restart(hf_error *error, hf_integration *run) {
    hf_integration_statistics(run, &run->past);
    memcpy(run->own, run->state, (run->evolution.cells + 1) * sizeof *run->own);
    run->stepper->destroy(&run->method);
    HF_TRY(begin(error, run));
    return sample_from_here(error, run);
}

/* Between two steps: whoever keeps checkpoints may, and may end it all. Where nobody does, a signal ends it.
 */
static hf_status pause(hf_error *error, hf_integration *run) {
    const hf_audience *audience = &run->audience;
    if (hf_integration_done(run))
        return HF_OK;
    if (audience->checkpoint == NULL)
        return hf_interrupted(run->evolution.ranks) == 0
                   ? HF_OK
                   : hf_raise(error, HF_ERR_INTERRUPTED, "interrupted at t = %.6g of %.6g", run->time,
                              run->evolution.end);
    hf_checkpoint here = {.time = run->time,
                          .dissipated = run->state[run->evolution.cells],
                          .outputs = run->next_output,
                          .rho = run->state};
    bool anew = false;
    hf_integration_statistics(run, &here.statistics);
    HF_TRY(audience->checkpoint(error, audience->self, &here, &anew));
    return anew ? restart(error, run) : HF_OK;
}

static hf_status tell_of_step(hf_error *error, const hf_integration *run) {
    hf_statistics statistics;
    if (run->audience.step == NULL)
        return HF_OK;
    hf_integration_statistics(run, &statistics);
    return run->audience.step(error, run->audience.self, run->time, &statistics);
}

hf_status hf_integration_step(hf_error *error, hf_integration *run) {
    const hf_density *density = density_of(run);
    double before = run->time;
    HF_TRY(run->stepper->step(error, run->method, &run->time));
    if (!(run->time > before))
        return hf_evolution_raise_rounding(error, &run->evolution, run->time);
    run->state = run->stepper->state(run->method);
    HF_TRY(check_rest(error, run, before));
    if (run->sampler != NULL)
        HF_TRY(hf_sampler_step(error, run->sampler, run->time));
    for (size_t *k = &run->next_output; *k < density->outputs; (*k)++) {
        double time = hf_density_output_time(density, *k);
        const double *y = run->state;
        if (time > run->time)
            break;
        if (time < run->time)
            HF_TRY(run->stepper->dense(error, run->method, time, 0, &y));
        HF_TRY(output(error, run, time, y));
    }
    HF_TRY(tell_of_step(error, run));
    return pause(error, run);
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
    const hf_statistics past = run->past; /* which may be what is asked for */
    *statistics = (hf_statistics){.evaluations = past.evaluations + run->evolution.evaluations,
                                  .refused_states = past.refused_states + run->evolution.refused,
                                  .stationary = run->stationary,
                                  .time = run->time,
                                  .seconds = past.seconds + hf_seconds() - run->start_seconds};
    if (density_of(run)->model->count != NULL)
        density_of(run)->model->count(density_of(run)->self, statistics);
    run->stepper->count(run->method, statistics);
    statistics->steps += past.steps;
    statistics->error_failures += past.error_failures;
    statistics->linear_iterations += past.linear_iterations;
    statistics->vectors += HF_COURSE_VECTORS;
    if (run->time == run->begun)
        statistics->last_step = past.last_step;
}

hf_status hf_density_integrate(hf_error *error, const hf_density *density, const hf_audience *audience,
                               const hf_checkpoint *from, double *rho, hf_statistics *statistics) {
    hf_integration *run;
    if (statistics != NULL)
        *statistics = (hf_statistics){0};
    HF_TRY(hf_integration_create(error, density, audience, from, &run));
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
