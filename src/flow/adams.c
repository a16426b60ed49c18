/* Non-stiff systems by CVODE's Adams method with fixed-point iteration. */
#include "flow/adams.h"

#include "flow/cvode.h"

#include <cvode/cvode.h>
#include <stdlib.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

hf_status hf_adams_allocate(hf_error *error, const char *what, size_t size, hf_adams *a) {
    a->what = what;
    if (SUNContext_Create(NULL, &a->context) != 0)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for %s", what);
    a->state = N_VNew_Serial((sunindextype)size, a->context);
    a->cvode = CVodeCreate(CV_ADAMS, a->context);
    if (a->state == NULL || a->cvode == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for %s: %zu unknowns", what, size);
    N_VConst(0, a->state);
    return HF_OK;
}

void hf_adams_clear(hf_adams *a) {
    if (a->cvode != NULL)
        CVodeFree(&a->cvode);
    if (a->nonlinear != NULL)
        SUNNonlinSolFree(a->nonlinear);
    if (a->state != NULL)
        N_VDestroy(a->state);
    if (a->context != NULL)
        SUNContext_Free(&a->context);
    *a = (hf_adams){0};
}

hf_status hf_adams_start(hf_error *error, hf_adams *a, double time, double tolerance,
                         int (*rate)(realtype time, N_Vector state, N_Vector rate, void *user), void *user) {
    a->time = time;
    a->nonlinear = SUNNonlinSol_FixedPoint(a->state, 0, a->context);
    if (CVodeSetErrHandlerFn(a->cvode, hf_cvode_discard, NULL) != CV_SUCCESS ||
        CVodeInit(a->cvode, rate, time, a->state) != CV_SUCCESS ||
        CVodeSStolerances(a->cvode, tolerance, tolerance) != CV_SUCCESS ||
        CVodeSetUserData(a->cvode, user) != CV_SUCCESS || CVodeSetMaxNumSteps(a->cvode, -1) != CV_SUCCESS ||
        CVodeSetNonlinearSolver(a->cvode, a->nonlinear) != CV_SUCCESS)
        return hf_raise(error, HF_ERR_MEMORY, "CVODE could not be set up for %s", a->what);
    return HF_OK;
}

hf_status hf_adams_advance(hf_error *error, hf_adams *a, double time) {
    if (!(time > a->time))
        return HF_OK;
    CVodeSetStopTime(a->cvode, time);
    int flag = CVode(a->cvode, time, a->state, &a->time, CV_NORMAL);
    if (flag < 0)
        return hf_raise(error, HF_ERR_NUMERIC,
                        "%s fails at t = %.6g of %.6g: %s; expected a flow that stays bounded: a shorter "
                        "time.end, or smaller data",
                        a->what, a->time, time, hf_sundials_words(flag));
    a->time = time;
    return HF_OK;
}
