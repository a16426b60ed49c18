/* Time integration by CVODE: docs/numerics.md (20), (22). tau = 0: Adams with fixed-point iteration. tau > 0:
 * BDF with Newton and GMRES, preconditioned by the diffusion solve. */
#include "flow/cvode.h"
#include "flow/precondition.h"
#include "flow/sundials.h"
#include "flow/vector.h"

#include <cvode/cvode.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

/* With BDF local errors are held to a tenth of rtol, since its Newton iterations leave the tails noisy at the
 * level of their tolerance. Adams has room to spare in the energy balance (worst 4e-10 at rtol 1e-8,
 * `words`). */
static const double BDF_RTOL_SHARE = 0.1;

typedef struct cvode {
    hf_sundials shared; /* first: callbacks are told this struct as the shared part */
    void *memory;
    SUNLinearSolver linear;
    SUNNonlinearSolver nonlinear;
    hf_diffusion *diffusion;
} cvode;

static double *values(N_Vector vector) {
    return hf_vector_values(vector);
}

/* ---- what CVODE calls ------------------------------------------------------------------------------- */

/* J v by a difference quotient of the density's rate. The row of s is left out: s enters nothing, and the
 * iteration that settles the density settles s with it. */
static int jacobian_times(N_Vector v, N_Vector out, realtype t, N_Vector y, N_Vector rate, void *user,
                          N_Vector work) {
    (void)t;
    hf_evolution *evolution = ((cvode *)user)->shared.evolution;
    size_t cells = evolution->cells;
    const double *direction = values(v), *base = values(y), *base_rate = values(rate);
    double *shifted = values(work), *result = values(out), largest = 0, scale = 0;
    for (size_t i = 0; i < cells; i++) {
        largest = fmax(largest, fabs(direction[i]));
        scale = fmax(scale, fabs(base[i]));
    }
    double both[2] = {largest, scale};
    hf_ranks_max(evolution->ranks, 2, both);
    result[cells] = 0;
    if (both[0] == 0) {
        memset(result, 0, cells * sizeof *result);
        return 0;
    }
    double step = sqrt(DBL_EPSILON) * fmax(both[1], evolution->atol) / both[0];
    for (size_t i = 0; i < cells; i++)
        shifted[i] = base[i] + step * direction[i];
    hf_density_rate(&evolution->density, shifted, result, NULL);
    evolution->evaluations++;
    for (size_t i = 0; i < cells; i++)
        result[i] = (result[i] - base_rate[i]) / step;
    return 0;
}

static int precondition(realtype t, N_Vector y, N_Vector rate, N_Vector b, N_Vector x, realtype gamma,
                        realtype delta, int side, void *user) {
    (void)t, (void)y, (void)rate, (void)delta, (void)side;
    const cvode *run = user;
    const hf_evolution *evolution = run->shared.evolution;
    hf_diffusion_solve(run->diffusion, gamma * evolution->density.temperature, values(b), values(x));
    values(x)[evolution->cells] = values(b)[evolution->cells];
    return 0;
}

/* ---- set-up ----------------------------------------------------------------------------------------- */

static hf_status failed(hf_error *error, const cvode *run, const char *what, int flag) {
    char *name = CVodeGetReturnFlagName(flag);
    hf_status status = hf_raise(error, HF_ERR_NUMERIC, "%s failed at t = %.6g: %s", what, run->shared.time,
                                name != NULL ? name : "unknown flag");
    free(name);
    return status;
}

/* Calls to CVODE that can only fail for want of memory or by a mistake of ours. */
#define CV_TRY(error, run, call)                                                                             \
    do {                                                                                                     \
        int cv_flag_ = (call);                                                                               \
        if (cv_flag_ < 0)                                                                                    \
            return failed(error, run, #call, cv_flag_);                                                      \
    } while (0)

static hf_status set_up_solver(hf_error *error, cvode *run, bool implicit) {
    const hf_sundials *shared = &run->shared;
    if (!implicit) {
        run->nonlinear = SUNNonlinSol_FixedPoint(shared->state, 0, shared->context);
        CV_TRY(error, run, CVodeSetNonlinearSolver(run->memory, run->nonlinear));
        return HF_OK;
    }
    HF_TRY(hf_diffusion_create(error, shared->evolution->density.grid, &run->diffusion));
    run->linear = SUNLinSol_SPGMR(shared->state, PREC_LEFT, 20, shared->context);
    CV_TRY(error, run, CVodeSetLinearSolver(run->memory, run->linear, NULL));
    CV_TRY(error, run, CVodeSetPreconditioner(run->memory, NULL, precondition));
    CV_TRY(error, run, CVodeSetJacTimes(run->memory, NULL, jacobian_times));
    return HF_OK;
}

static hf_status set_up(hf_error *error, hf_evolution *evolution, double time, const double *y, cvode *run) {
    hf_sundials *shared = &run->shared;
    bool implicit = evolution->density.temperature > 0;
    if (implicit)
        evolution->local_rtol = BDF_RTOL_SHARE * evolution->density.share * evolution->rtol;
    HF_TRY(hf_sundials_allocate(error, evolution, hf_method_find("cvode")->vectors, time, y, shared));
    run->memory = CVodeCreate(implicit ? CV_BDF : CV_ADAMS, shared->context);
    if (run->memory == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for the integrator: %zu cells", evolution->cells);
    CV_TRY(error, run, CVodeSetErrHandlerFn(run->memory, hf_cvode_discard, NULL));
    CV_TRY(error, run, CVodeInit(run->memory, hf_sundials_rate, time, shared->state));
    CV_TRY(error, run, CVodeWFtolerances(run->memory, hf_sundials_weights));
    CV_TRY(error, run, CVodeSetUserData(run->memory, run));
    CV_TRY(error, run, CVodeSetMaxConvFails(run->memory, 30));
    CV_TRY(error, run, CVodeSetStopTime(run->memory, evolution->end));
    return set_up_solver(error, run, implicit);
}

static void destroy(void **self) {
    cvode *run = *self;
    if (run == NULL)
        return;
    if (run->memory != NULL)
        CVodeFree(&run->memory);
    if (run->nonlinear != NULL)
        SUNNonlinSolFree(run->nonlinear);
    if (run->linear != NULL)
        SUNLinSolFree(run->linear);
    hf_sundials_clear(&run->shared);
    hf_diffusion_destroy(&run->diffusion);
    free(run);
    *self = NULL;
}

static hf_status create(hf_error *error, hf_evolution *evolution, double time, const double *y, void **self) {
    *self = NULL;
    cvode *run;
    HF_TRY(hf_allocate(error, 1, sizeof *run, &run));
    *self = run;
    hf_status status = set_up(error, evolution, time, y, run);
    if (status != HF_OK)
        destroy(self);
    return status;
}

/* ---- along the way ---------------------------------------------------------------------------------- */

static hf_status step(hf_error *error, void *self, double *time) {
    cvode *run = self;
    hf_sundials *shared = &run->shared;
    const hf_evolution *evolution = shared->evolution;
    int flag = CVode(run->memory, evolution->end, shared->state, &shared->time, CV_ONE_STEP);
    *time = shared->time;
    if (flag == CV_TOO_MUCH_ACC)
        return hf_evolution_raise_rounding(error, evolution, shared->time);
    return flag < 0 ? hf_evolution_raise_stuck(error, evolution, shared->time, hf_sundials_words(flag))
                    : HF_OK;
}

static const double *state(const void *self) {
    return values(((const cvode *)self)->shared.state);
}

static hf_status dense(hf_error *error, void *self, double time, int derivative, const double **y) {
    cvode *run = self;
    CV_TRY(error, run, CVodeGetDky(run->memory, time, derivative, run->shared.between));
    *y = values(run->shared.between);
    return HF_OK;
}

static void count(const void *self, hf_statistics *statistics) {
    const cvode *run = self;
    CVodeGetNumSteps(run->memory, &statistics->steps);
    CVodeGetNumErrTestFails(run->memory, &statistics->error_failures);
    CVodeGetLastStep(run->memory, &statistics->last_step);
    statistics->vectors = hf_states_peak(run->shared.states);
    if (run->linear != NULL)
        CVodeGetNumLinIters(run->memory, &statistics->linear_iterations);
}

const struct hf_stepper hf_cvode_stepper = {create, destroy, step, state, dense, count};
