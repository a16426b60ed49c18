/* Time integration by ARKODE's ERKStep: the explicit Runge-Kutta pair of Dormand and Prince, order 5(4), with
 * the Hermite interpolant of degree 4 between steps. For tau = 0. docs/numerics.md (22), (39). */
#include "flow/cvode.h"
#include "flow/sundials.h"
#include "flow/vector.h"

#include <arkode/arkode_erkstep.h>
#include <stdlib.h>

/* Refused states in a row, each halving the step, after which a step is given up. */
enum { REFUSALS_MAX = 30 };

typedef struct erk {
    hf_sundials shared; /* first: callbacks are told this struct as the shared part */
    void *memory;
} erk;

static hf_status failed(hf_error *error, const erk *run, const char *what, int flag) {
    char *name = ERKStepGetReturnFlagName(flag);
    hf_status status = hf_raise(error, HF_ERR_NUMERIC, "%s failed at t = %.6g: %s", what, run->shared.time,
                                name != NULL ? name : "unknown flag");
    free(name);
    return status;
}

/* Calls to ARKODE that can only fail for want of memory or by a mistake of ours. */
#define ERK_TRY(error, run, call)                                                                            \
    do {                                                                                                     \
        int erk_flag_ = (call);                                                                              \
        if (erk_flag_ < 0)                                                                                   \
            return failed(error, run, #call, erk_flag_);                                                     \
    } while (0)

static hf_status set_up(hf_error *error, hf_evolution *evolution, double time, const double *y, erk *run) {
    hf_sundials *shared = &run->shared;
    HF_TRY(hf_sundials_allocate(error, evolution, hf_method_find("erk")->vectors, time, y, shared));
    run->memory = ERKStepCreate(hf_sundials_rate, time, shared->state, shared->context);
    if (run->memory == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for the integrator: %zu cells", evolution->cells);
    ERK_TRY(error, run, ERKStepSetErrHandlerFn(run->memory, hf_cvode_discard, NULL));
    ERK_TRY(error, run, ERKStepSetTableNum(run->memory, ARKODE_DORMAND_PRINCE_7_4_5));
    ERK_TRY(error, run, ERKStepSetInterpolantDegree(run->memory, 4));
    ERK_TRY(error, run, ERKStepWFtolerances(run->memory, hf_sundials_weights));
    ERK_TRY(error, run, ERKStepSetUserData(run->memory, run));
    ERK_TRY(error, run, ERKStepSetStopTime(run->memory, evolution->end));
    return HF_OK;
}

static void destroy(void **self) {
    erk *run = *self;
    if (run == NULL)
        return;
    if (run->memory != NULL)
        ERKStepFree(&run->memory);
    hf_sundials_clear(&run->shared);
    free(run);
    *self = NULL;
}

static hf_status create(hf_error *error, hf_evolution *evolution, double time, const double *y, void **self) {
    *self = NULL;
    erk *run;
    HF_TRY(hf_allocate(error, 1, sizeof *run, &run));
    *self = run;
    hf_status status = set_up(error, evolution, time, y, run);
    if (status != HF_OK)
        destroy(self);
    return status;
}

/* One step; a failed one leaves state and time where they were. */
static int attempt(erk *run) {
    hf_sundials *shared = &run->shared;
    double before = shared->time;
    int flag = ERKStepEvolve(run->memory, shared->evolution->end, shared->state, &shared->time, ARK_ONE_STEP);
    if (flag < 0)
        shared->time = before;
    return flag;
}

/* Start again where the integration stands with half the step that met a refused state: to ARKODE's explicit
 * methods a recoverable failure of the right-hand side is the end. */
static hf_status halve(hf_error *error, erk *run) {
    hf_sundials *shared = &run->shared;
    double length;
    ERK_TRY(error, run, ERKStepGetCurrentStep(run->memory, &length));
    ERK_TRY(error, run, ERKStepReset(run->memory, shared->time, shared->state));
    ERK_TRY(error, run, ERKStepSetInitStep(run->memory, 0.5 * length));
    return HF_OK;
}

static hf_status step(hf_error *error, void *self, double *time) {
    erk *run = self;
    hf_sundials *shared = &run->shared;
    const hf_evolution *evolution = shared->evolution;
    int flag = attempt(run);
    for (int refusals = 1; flag == ARK_UNREC_RHSFUNC_ERR && refusals < REFUSALS_MAX; refusals++) {
        HF_TRY(halve(error, run));
        flag = attempt(run);
    }
    *time = shared->time;
    if (flag == ARK_TOO_MUCH_ACC)
        return hf_evolution_raise_rounding(error, evolution, shared->time);
    return flag < 0 ? hf_evolution_raise_stuck(error, evolution, shared->time, hf_sundials_words(flag))
                    : HF_OK;
}

static const double *state(const void *self) {
    return hf_vector_values(((const erk *)self)->shared.state);
}

static hf_status dense(hf_error *error, void *self, double time, int derivative, const double **y) {
    erk *run = self;
    ERK_TRY(error, run, ERKStepGetDky(run->memory, time, derivative, run->shared.between));
    *y = hf_vector_values(run->shared.between);
    return HF_OK;
}

static void count(const void *self, hf_statistics *statistics) {
    const erk *run = self;
    ERKStepGetNumSteps(run->memory, &statistics->steps);
    ERKStepGetNumErrTestFails(run->memory, &statistics->error_failures);
    ERKStepGetLastStep(run->memory, &statistics->last_step);
    statistics->vectors = hf_states_peak(run->shared.states);
}

const struct hf_stepper hf_erk_stepper = {create, destroy, step, state, dense, count};
