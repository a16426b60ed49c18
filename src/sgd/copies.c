/* Coupled copies: theta' = -grad Psi_t(theta) with the potential of the limit, whose residuals come from its
 * recorded logits. docs/theory.md (30). */
#include <headflow/sgd.h>

#include "flow/cvode.h"

#include <cvode/cvode.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdlib.h>
#include <string.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

typedef struct copies {
    const hf_events *events;
    const hf_history *history;
    hf_cloud *cloud;
    double *residual; /* shape (E, classes) */
    SUNContext context;
    void *cvode;
    N_Vector state; /* shape (heads, D) */
    SUNNonlinearSolver nonlinear;
} copies;

static int right_hand_side(realtype t, N_Vector y, N_Vector rate, void *user) {
    copies *c = user;
    double *velocity = NV_DATA_S(rate);
    hf_history_logits(c->history, t, c->residual);
    hf_risk_cross_entropy(c->events, c->residual, c->residual);
    hf_cloud_place(c->cloud, NV_DATA_S(y));
    hf_cloud_gradient(c->cloud, NULL, c->residual, velocity);
    for (size_t i = 0; i < (size_t)NV_LENGTH_S(y); i++) {
        velocity[i] = -velocity[i];
        if (!isfinite(velocity[i]))
            return 1;
    }
    return 0;
}

static hf_status set_up(hf_error *error, copies *c, const hf_problem *problem, double rtol, size_t heads,
                        const double *start, double time) {
    size_t size = heads * hf_grid_dim(hf_problem_grid(problem));
    HF_TRY(hf_cloud_create(error, hf_problem_model(problem), heads, &c->cloud));
    HF_TRY(hf_array_create(error, c->history->width, &c->residual));
    if (SUNContext_Create(NULL, &c->context) != 0)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for coupled copies");
    c->state = N_VNew_Serial((sunindextype)size, c->context);
    c->cvode = CVodeCreate(CV_ADAMS, c->context);
    if (c->state == NULL || c->cvode == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for %zu coupled copies", heads);
    memcpy(NV_DATA_S(c->state), start, size * sizeof *start);
    c->nonlinear = SUNNonlinSol_FixedPoint(c->state, 0, c->context);
    if (CVodeSetErrHandlerFn(c->cvode, hf_cvode_discard, NULL) != CV_SUCCESS ||
        CVodeInit(c->cvode, right_hand_side, time, c->state) != CV_SUCCESS ||
        CVodeSStolerances(c->cvode, rtol, rtol) != CV_SUCCESS ||
        CVodeSetUserData(c->cvode, c) != CV_SUCCESS || CVodeSetMaxNumSteps(c->cvode, -1) != CV_SUCCESS ||
        CVodeSetNonlinearSolver(c->cvode, c->nonlinear) != CV_SUCCESS)
        return hf_raise(error, HF_ERR_MEMORY, "CVODE could not be set up for coupled copies");
    return HF_OK;
}

static void tear_down(copies *c) {
    if (c->cvode != NULL)
        CVodeFree(&c->cvode);
    if (c->nonlinear != NULL)
        SUNNonlinSolFree(c->nonlinear);
    if (c->state != NULL)
        N_VDestroy(c->state);
    if (c->context != NULL)
        SUNContext_Free(&c->context);
    hf_cloud_destroy(&c->cloud);
    hf_array_destroy(&c->residual);
}

static hf_status carry(hf_error *error, copies *c, size_t times, const double time[], double *theta) {
    size_t size = (size_t)NV_LENGTH_S(c->state);
    double t = time[0];
    memcpy(theta, NV_DATA_S(c->state), size * sizeof *theta);
    for (size_t k = 1; k < times; k++) {
        CVodeSetStopTime(c->cvode, time[k]);
        int flag = CVode(c->cvode, time[k], c->state, &t, CV_NORMAL);
        if (flag < 0)
            return hf_raise(error, HF_ERR_NUMERIC, "the coupled copies fail at t = %.6g (CVODE %d)", t, flag);
        memcpy(theta + k * size, NV_DATA_S(c->state), size * sizeof *theta);
    }
    return HF_OK;
}

hf_status hf_copies_run(hf_error *error, const hf_problem *problem, const hf_history *history, double rtol,
                        size_t heads, const double *start, size_t times, const double time[], double *theta) {
    copies c = {.events = hf_problem_events(problem), .history = history};
    hf_status status = set_up(error, &c, problem, rtol, heads, start, time[0]);
    if (status == HF_OK)
        status = carry(error, &c, times, time, theta);
    tear_down(&c);
    return status;
}
