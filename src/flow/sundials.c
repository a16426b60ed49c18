/* What the integrators of SUNDIALS share. */
#include "flow/sundials.h"

#include "flow/cvode.h"
#include "flow/vector.h"

#include <arkode/arkode.h>
#include <cvode/cvode.h>
#include <math.h>
#include <string.h>

/* The weighted norm, which steers steps and iterations. */
static realtype rounded_norm(N_Vector x, N_Vector weight) {
    return hf_evolution_rounded(N_VWL2Norm(x, weight) / sqrt((double)N_VGetLength(x)));
}

hf_status hf_sundials_allocate(hf_error *error, hf_evolution *evolution, size_t vectors, double time,
                               const double *y, hf_sundials *shared) {
    shared->evolution = evolution;
    shared->time = time;
    HF_TRY(hf_ranks_agree(
        error, evolution->ranks,
        hf_states_create(error, evolution->cells + 1, vectors - HF_COURSE_VECTORS, &shared->states)));
    if (SUNContext_Create(NULL, &shared->context) != 0)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for the integrator");
    shared->state = hf_vector_create(evolution->cells, evolution->ranks, shared->states, shared->context);
    if (shared->state != NULL)
        shared->state->ops->nvwrmsnorm = rounded_norm;
    shared->between = shared->state != NULL ? N_VClone(shared->state) : NULL;
    if (shared->between == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for the integrator: %zu cells", evolution->cells);
    memcpy(hf_vector_values(shared->state), y, (evolution->cells + 1) * sizeof *y);
    return HF_OK;
}

void hf_sundials_clear(hf_sundials *shared) {
    if (shared->state != NULL)
        N_VDestroy(shared->state);
    if (shared->between != NULL)
        N_VDestroy(shared->between);
    if (shared->context != NULL)
        SUNContext_Free(&shared->context);
    hf_states_destroy(&shared->states);
    *shared = (hf_sundials){0};
}

int hf_sundials_rate(realtype t, N_Vector y, N_Vector rate, void *user) {
    (void)t;
    const hf_sundials *shared = user;
    return hf_evolution_rate(shared->evolution, hf_vector_values(y), hf_vector_values(rate)) ? 0 : 1;
}

int hf_sundials_weights(N_Vector y, N_Vector weight, void *user) {
    const hf_sundials *shared = user;
    hf_evolution_weights(shared->evolution, hf_vector_values(y), hf_vector_values(weight));
    return 0;
}

/* The codes of CVODE are those of ARKODE. */
_Static_assert((int)CV_ERR_FAILURE == (int)ARK_ERR_FAILURE && (int)CV_CONV_FAILURE == (int)ARK_CONV_FAILURE,
               "one table for both");
_Static_assert((int)CV_UNREC_RHSFUNC_ERR == (int)ARK_UNREC_RHSFUNC_ERR &&
                   (int)CV_FIRST_RHSFUNC_ERR == (int)ARK_FIRST_RHSFUNC_ERR &&
                   (int)CV_TOO_CLOSE == (int)ARK_TOO_CLOSE,
               "one table for both");

const char *hf_sundials_words(int flag) {
    switch (flag) {
    case CV_TOO_MUCH_WORK:
        return "it takes too many steps";
    case CV_TOO_MUCH_ACC:
        return "the tolerances are below rounding";
    case CV_ERR_FAILURE:
        return "the error stays above the tolerance however short the step";
    case CV_CONV_FAILURE:
        return "the iteration of a step does not converge however short the step";
    case CV_LSETUP_FAIL:
    case CV_LSOLVE_FAIL:
        return "the linear systems of a step cannot be solved";
    case CV_FIRST_RHSFUNC_ERR:
        return "the first state is refused";
    case CV_RHSFUNC_FAIL:
    case CV_REPTD_RHSFUNC_ERR:
    case CV_UNREC_RHSFUNC_ERR:
        return "states are refused however short the step";
    case CV_TOO_CLOSE:
        return "the end is so near that rounding does not tell it from the start";
    case CV_ILL_INPUT:
        return "times or tolerances are out of its reach";
    default:
        return "the integrator gives up";
    }
}
