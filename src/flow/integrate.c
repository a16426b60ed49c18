/* Time integration by CVODE. docs/numerics.md (20)-(22).
 *
 *   y = (rho_1 .. rho_N, s),   rho' = the semi-discrete flow,   s' = D_h, the dissipation
 *
 * so that the energy balance R(0) - R(t) = s(t) is checked to the integrator's own tolerance. tau = 0: Adams
 * with fixed-point iteration. tau > 0: BDF with Newton and GMRES, preconditioned by the diffusion solve. A
 * trial state that is not finite or too far below zero is refused as recoverable, and CVODE tries a smaller
 * step; nothing is ever clipped, which would break mass, energy and error control. */
#include "flow/cvode.h"
#include "flow/flow.h"
#include "flow/precondition.h"
#include "flow/sampler.h"
#include "flow/vector.h"

#include <cvode/cvode.h>
#include <float.h>
#include <math.h>

#include <stdlib.h>
#include <string.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

/* How a time integration method is held to its promises. Local errors are held to fractions of the tolerances
 * asked for: a tenth of atol, or cells end below -atol (`contract` on 32 x 32 with Adams: -3.9 atol at a
 * fraction of 1, -0.1 atol at 0.1; `gibbs` with BDF: -1.4 and -0.1), and with BDF a tenth of rtol as well,
 * since its Newton iterations leave the tails noisy at the level of their tolerance. Adams has room to spare
 * in the energy balance (worst 4e-10 at rtol 1e-8, `words`). */
typedef struct discipline {
    double rtol, atol;
} discipline;

static const discipline adams_discipline = {.rtol = 1, .atol = 0.1};
static const discipline bdf_discipline = {.rtol = 0.1, .atol = 0.1};

/* A trial state below -GUARD atol is refused. The guard stands far off: trial states are predictions, which
 * undershoot more than the state that comes of them (`gibbs` takes 4758 steps instead of 400 at 1), and a
 * state accepted below it is a trap, since every step from there is refused (`qkv` with upwind on 40 x 40 x
 * 56 at 1). */
static const double GUARD = 1e4;

typedef struct integration {
    hf_error *error;
    hf_flow *flow;
    const hf_observer *observer;
    size_t cells;
    double rtol, atol, stop;
    discipline held;
    SUNContext context;
    void *cvode;
    N_Vector state, between; /* y, and y (or its derivative) at a time inside the last step */
    SUNLinearSolver linear;
    SUNNonlinearSolver nonlinear;
    hf_diffusion *diffusion;
    hf_sampler *sampler;
    double *scratch; /* shape (cells) */
    double time;
    double start_seconds;
    long refused;
    bool positive; /* whether the scheme keeps densities non-negative */
} integration;

static double *values(N_Vector vector) {
    return hf_vector_values(vector);
}

/* ---- what CVODE calls ------------------------------------------------------------------------------- */

/* Whether a trial state may be used at all. */
static bool acceptable(const integration *run, const double *y) {
    double minimum = 0, sum = 0;
    for (size_t i = 0; i < run->cells; i++) {
        minimum = y[i] < minimum ? y[i] : minimum;
        sum += y[i];
    }
    return isfinite(sum) && (minimum >= -GUARD * run->atol || !run->positive);
}

static int right_hand_side(realtype t, N_Vector y, N_Vector rate, void *user) {
    (void)t;
    integration *run = user;
    if (!acceptable(run, values(y))) {
        run->refused++;
        return 1;
    }
    hf_flow_rate(run->flow, values(y), values(rate), &values(rate)[run->cells]);
    return 0;
}

/* The weighted norm averages squares over all N + 1 entries; the weight of s makes its error count in full.
 */
static int error_weights(N_Vector y, N_Vector weight, void *user) {
    const integration *run = user;
    const double *v = values(y);
    double *w = values(weight), rtol = run->held.rtol * run->rtol, atol = run->held.atol * run->atol;
    for (size_t i = 0; i < run->cells; i++)
        w[i] = 1 / (rtol * fabs(v[i]) + atol);
    w[run->cells] = sqrt((double)(run->cells + 1)) / (rtol * fmax(1, fabs(v[run->cells])));
    return 0;
}

static int stationarity(realtype t, N_Vector y, realtype *g, void *user) {
    (void)t;
    integration *run = user;
    double dissipation;
    hf_flow_rate(run->flow, values(y), run->scratch, &dissipation);
    g[0] = dissipation / run->stop - 1;
    return 0;
}

/* J v by a difference quotient of the density's rate. The row of s is left out: s enters nothing, and the
 * iteration that settles the density settles s with it. */
static int jacobian_times(N_Vector v, N_Vector out, realtype t, N_Vector y, N_Vector rate, void *user,
                          N_Vector work) {
    (void)t;
    integration *run = user;
    const double *direction = values(v), *base = values(y), *base_rate = values(rate);
    double *shifted = values(work), *result = values(out), largest = 0, scale = 0;
    for (size_t i = 0; i < run->cells; i++) {
        largest = fmax(largest, fabs(direction[i]));
        scale = fmax(scale, fabs(base[i]));
    }
    result[run->cells] = 0;
    if (largest == 0) {
        memset(result, 0, run->cells * sizeof *result);
        return 0;
    }
    double step = sqrt(DBL_EPSILON) * fmax(scale, run->atol) / largest;
    for (size_t i = 0; i < run->cells; i++)
        shifted[i] = base[i] + step * direction[i];
    hf_flow_rate(run->flow, shifted, result, NULL);
    for (size_t i = 0; i < run->cells; i++)
        result[i] = (result[i] - base_rate[i]) / step;
    return 0;
}

static int precondition(realtype t, N_Vector y, N_Vector rate, N_Vector b, N_Vector x, realtype gamma,
                        realtype delta, int side, void *user) {
    (void)t, (void)y, (void)rate, (void)delta, (void)side;
    integration *run = user;
    double temperature = hf_problem_temperature(hf_flow_problem(run->flow));
    hf_diffusion_solve(run->diffusion, gamma * temperature, values(b), values(x));
    values(x)[run->cells] = values(b)[run->cells];
    return 0;
}

/* ---- set-up ----------------------------------------------------------------------------------------- */

static hf_status failed(integration *run, const char *what, int flag) {
    char *name = CVodeGetReturnFlagName(flag);
    hf_status status = hf_raise(run->error, HF_ERR_NUMERIC, "%s failed at t = %.6g: %s", what, run->time,
                                name != NULL ? name : "unknown flag");
    free(name);
    return status;
}

/* Calls to CVODE that can only fail for want of memory or by a mistake of ours. */
#define CV_TRY(run, call)                                                                                    \
    do {                                                                                                     \
        int cv_flag_ = (call);                                                                               \
        if (cv_flag_ < 0)                                                                                    \
            return failed(run, #call, cv_flag_);                                                             \
    } while (0)

static hf_status set_up_solver(integration *run, bool implicit) {
    if (!implicit) {
        run->nonlinear = SUNNonlinSol_FixedPoint(run->state, 0, run->context);
        CV_TRY(run, CVodeSetNonlinearSolver(run->cvode, run->nonlinear));
        return HF_OK;
    }
    HF_TRY(hf_diffusion_create(run->error, hf_problem_grid(hf_flow_problem(run->flow)), &run->diffusion));
    run->linear = SUNLinSol_SPGMR(run->state, PREC_LEFT, 20, run->context);
    CV_TRY(run, CVodeSetLinearSolver(run->cvode, run->linear, NULL));
    CV_TRY(run, CVodeSetPreconditioner(run->cvode, NULL, precondition));
    CV_TRY(run, CVodeSetJacTimes(run->cvode, NULL, jacobian_times));
    return HF_OK;
}

static hf_status sample_logits(hf_error *error, void *self, double time, double *logits, double *rate);

/* Whether the integrator's vectors have room. SUNDIALS cannot be left to find out: its N_VClone writes
 * through the NULL that a clone without room returns. */
static hf_status check_room(integration *run) {
    size_t bytes = HF_INTEGRATOR_VECTORS * (run->cells + 1) * sizeof(double);
    void *trial = malloc(bytes);
    if (trial == NULL)
        return hf_raise(run->error, HF_ERR_MEMORY, "no memory for the integrator: %zu bytes for %zu cells",
                        bytes, run->cells);
    free(trial);
    return HF_OK;
}

static hf_status set_up(integration *run) {
    const hf_problem *problem = hf_flow_problem(run->flow);
    const hf_events *events = hf_problem_events(problem);
    bool implicit = hf_problem_temperature(problem) > 0;
    HF_TRY(check_room(run));
    if (SUNContext_Create(NULL, &run->context) != 0)
        return hf_raise(run->error, HF_ERR_MEMORY, "no memory for the integrator");
    run->state = hf_vector_create(run->cells + 1, run->context);
    run->between = run->state != NULL ? N_VClone(run->state) : NULL;
    run->cvode = CVodeCreate(implicit ? CV_BDF : CV_ADAMS, run->context);
    if (run->between == NULL || run->cvode == NULL)
        return hf_raise(run->error, HF_ERR_MEMORY, "no memory for the integrator: %zu cells", run->cells);
    HF_TRY(hf_array_create(run->error, run->cells, &run->scratch));
    HF_TRY(hf_problem_initial(run->error, problem, values(run->state)));
    values(run->state)[run->cells] = 0;
    CV_TRY(run, CVodeSetErrHandlerFn(run->cvode, hf_cvode_discard, NULL));
    CV_TRY(run, CVodeInit(run->cvode, right_hand_side, 0, run->state));
    CV_TRY(run, CVodeWFtolerances(run->cvode, error_weights));
    CV_TRY(run, CVodeSetUserData(run->cvode, run));
    CV_TRY(run, CVodeSetMaxConvFails(run->cvode, 30));
    CV_TRY(run, CVodeSetStopTime(run->cvode, hf_problem_end(problem)));
    HF_TRY(set_up_solver(run, implicit));
    if (run->stop > 0)
        CV_TRY(run, CVodeRootInit(run->cvode, 1, stationarity));
    if (run->observer->logits != NULL)
        HF_TRY(hf_sampler_create(run->error, hf_events_count(events) * hf_events_classes(events), run->rtol,
                                 run->observer, sample_logits, run, &run->sampler));
    return HF_OK;
}

static void tear_down(integration *run) {
    hf_sampler_destroy(&run->sampler);
    if (run->cvode != NULL)
        CVodeFree(&run->cvode);
    if (run->nonlinear != NULL)
        SUNNonlinSolFree(run->nonlinear);
    if (run->linear != NULL)
        SUNLinSolFree(run->linear);
    if (run->state != NULL)
        N_VDestroy(run->state);
    if (run->between != NULL)
        N_VDestroy(run->between);
    if (run->context != NULL)
        SUNContext_Free(&run->context);
    hf_diffusion_destroy(&run->diffusion);
    hf_array_destroy(&run->scratch);
}

/* ---- along the way ---------------------------------------------------------------------------------- */

static hf_status sample_logits(hf_error *error, void *self, double time, double *logits, double *rate) {
    (void)error;
    integration *run = self;
    if (time == run->time)
        hf_flow_logits(run->flow, values(run->state), logits);
    else {
        CV_TRY(run, CVodeGetDky(run->cvode, time, 0, run->between));
        hf_flow_logits(run->flow, values(run->between), logits);
    }
    if (run->time == 0) /* no step taken: no history to differentiate */
        hf_flow_rate(run->flow, values(run->state), values(run->between), NULL);
    else
        CV_TRY(run, CVodeGetDky(run->cvode, time, 1, run->between));
    hf_flow_logits(run->flow, values(run->between), rate);
    return HF_OK;
}

static hf_status output(integration *run, double time, N_Vector y) {
    hf_record record = {.time = time, .dissipated = values(y)[run->cells]};
    if (run->observer->output == NULL)
        return HF_OK;
    HF_TRY(hf_flow_diagnose(run->error, run->flow, values(y), &record));
    return run->observer->output(run->error, run->observer->self, &record, values(y));
}

static void collect(const integration *run, hf_statistics *statistics) {
    long evaluations = 0, products = 0;
    CVodeGetNumSteps(run->cvode, &statistics->steps);
    CVodeGetNumRhsEvals(run->cvode, &evaluations);
    CVodeGetNumErrTestFails(run->cvode, &statistics->error_failures);
    CVodeGetLastStep(run->cvode, &statistics->last_step);
    if (run->linear != NULL) {
        CVodeGetNumLinIters(run->cvode, &statistics->linear_iterations);
        CVodeGetNumJtimesEvals(run->cvode, &products);
    }
    statistics->evaluations = evaluations + products;
    statistics->refused_states = run->refused;
    statistics->time = run->time;
    statistics->seconds = hf_seconds() - run->start_seconds;
}

/* One step of CVODE, with its failures turned into a sentence. */
static hf_status step(integration *run, double end, bool *stationary) {
    double before = run->time;
    int flag = CVode(run->cvode, end, run->state, &run->time, CV_ONE_STEP);
    *stationary = flag == CV_ROOT_RETURN;
    if (flag == CV_TOO_MUCH_ACC)
        return hf_raise(
            run->error, HF_ERR_NUMERIC,
            "t = %.6g: the tolerances are below rounding; raise time.rtol (now %g) or time.atol (%g)",
            run->time, run->rtol, run->atol);
    if (flag < 0) {
        char *name = CVodeGetReturnFlagName(flag);
        hf_status status = hf_raise(
            run->error, HF_ERR_NUMERIC,
            "%s, t = %.6g of %.6g: the integration cannot go on (%s, %ld states refused as negative or not "
            "finite); "
            "raise time.atol (now %g), enlarge the box if mass is at a wall, or refine the grid",
            hf_problem_name(hf_flow_problem(run->flow)), run->time, end, name, run->refused, run->atol);
        free(name);
        return status;
    }
    if (!(run->time > before))
        return hf_raise(
            run->error, HF_ERR_NUMERIC,
            "t = %.6g: the step fell below rounding; raise time.rtol (now %g) or time.atol (now %g)",
            run->time, run->rtol, run->atol);
    return HF_OK;
}

/* Whether the dissipation is at or below time.stop from the start, where no root can be seen. */
static bool starts_stationary(integration *run) {
    realtype g = 1;
    if (run->stop > 0)
        stationarity(0, run->state, &g, run);
    return g <= 0;
}

static hf_status advance(integration *run, hf_statistics *statistics) {
    const hf_problem *problem = hf_flow_problem(run->flow);
    const hf_observer *observer = run->observer;
    double end = hf_problem_end(problem);
    size_t outputs = hf_problem_outputs(problem);
    HF_TRY(output(run, 0, run->state));
    statistics->stationary = starts_stationary(run);
    if (run->sampler != NULL)
        HF_TRY(hf_sampler_start(run->error, run->sampler, 0));
    for (size_t k = 1; k < outputs && !statistics->stationary;) {
        HF_TRY(step(run, end, &statistics->stationary));
        if (run->sampler != NULL)
            HF_TRY(hf_sampler_step(run->error, run->sampler, run->time));
        for (; k < outputs && hf_problem_output_time(problem, k) <= run->time; k++) {
            CV_TRY(run, CVodeGetDky(run->cvode, hf_problem_output_time(problem, k), 0, run->between));
            HF_TRY(output(run, hf_problem_output_time(problem, k), run->between));
        }
        collect(run, statistics);
        if (observer->step != NULL)
            HF_TRY(observer->step(run->error, observer->self, run->time, statistics));
    }
    if (statistics->stationary && run->time > 0)
        HF_TRY(output(run, run->time, run->state));
    return run->sampler != NULL ? hf_sampler_finish(run->error, run->sampler) : HF_OK;
}

hf_status hf_flow_integrate(hf_error *error, hf_flow *flow, const hf_observer *observer, double *rho,
                            hf_statistics *statistics) {
    static const hf_observer nobody = {0};
    const hf_problem *problem = hf_flow_problem(flow);
    hf_statistics own = {0};
    integration run = {.error = error,
                       .flow = flow,
                       .observer = observer != NULL ? observer : &nobody,
                       .cells = hf_grid_cells(hf_problem_grid(problem)),
                       .rtol = hf_problem_rtol(problem),
                       .atol = hf_problem_atol(problem),
                       .stop = hf_problem_stop(problem),
                       .held = hf_problem_temperature(problem) > 0 ? bdf_discipline : adams_discipline,
                       .positive = !hf_problem_flux(problem)->dual,
                       .start_seconds = hf_seconds()};
    hf_status status = set_up(&run);
    if (status == HF_OK)
        status = advance(&run, &own);
    if (status == HF_OK) {
        collect(&run, &own);
        if (rho != NULL)
            memcpy(rho, values(run.state), run.cells * sizeof *rho);
    }
    if (statistics != NULL)
        *statistics = own;
    tear_down(&run);
    return status;
}
