/* What the integrators of SUNDIALS, cvode_method.c and erk.c, share: vectors and callbacks. */
#ifndef HF_FLOW_SUNDIALS_H
#define HF_FLOW_SUNDIALS_H

#include "flow/method.h"
#include "flow/states.h"

#include <sundials/sundials_nvector.h>

/* The first member of an integrator's own struct, which its callbacks are told as `user`. */
typedef struct hf_sundials {
    hf_evolution *evolution;
    hf_states *states; /* of all vectors */
    SUNContext context;
    N_Vector state, between; /* y, and y (or its derivative) at a time inside the last step */
    double time;
} hf_sundials;

/* Vectors for y at `time`, when there is room for so many of them in all. Clear it whatever the status. */
hf_status hf_sundials_allocate(hf_error *error, hf_evolution *evolution, size_t vectors, double time,
                               const double *y, hf_sundials *shared);
void hf_sundials_clear(hf_sundials *shared);

/* Callbacks. A refused state is a recoverable failure: a smaller step is tried. */
int hf_sundials_rate(realtype t, N_Vector y, N_Vector rate, void *user);
int hf_sundials_weights(N_Vector y, N_Vector weight, void *user);

#endif
