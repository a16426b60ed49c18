/* Non-stiff systems of ordinary differential equations by CVODE's Adams method: what carries heads along
 * characteristics, wherever they come from. */
#ifndef HF_FLOW_ADAMS_H
#define HF_FLOW_ADAMS_H

#include <headflow/base.h>

#include <nvector/nvector_serial.h>
#include <sundials/sundials_nonlinearsolver.h>

/* Zero-initialised by its owner. */
typedef struct hf_adams {
    const char *what; /* is integrated, for messages: "the flow map" */
    double time;
    SUNContext context;
    void *cvode;
    N_Vector state;
    SUNNonlinearSolver nonlinear;
} hf_adams;

/* Room for `size` unknowns, all 0; clear it whatever the status. `what` is borrowed. */
hf_status hf_adams_allocate(hf_error *error, const char *what, size_t size, hf_adams *adams);
void hf_adams_clear(hf_adams *adams);

static inline double *hf_adams_state(const hf_adams *adams) {
    return NV_DATA_S(adams->state);
}

/* Begin at a time from the unknowns as they are. tolerance: relative, and absolute.
 * rate: a right-hand side of CVODE, told `user`. */
hf_status hf_adams_start(hf_error *error, hf_adams *adams, double time, double tolerance,
                         int (*rate)(realtype time, N_Vector state, N_Vector rate, void *user), void *user);

/* To a later time; an earlier one leaves all as it is. HF_ERR_NUMERIC when CVODE fails. */
hf_status hf_adams_advance(hf_error *error, hf_adams *adams, double time);

#endif
