/* The table of time integration methods. */
#include "flow/method.h"

#include <string.h>

/* Vectors, two of them the course's. cvode: the Nordsieck array of order 5 (BDF) with the work of Newton and
 * a Krylov space of 20; Adams takes 28, of which those of orders that are never reached cost no memory. erk:
 * seven stages, the interpolant of order 4 and the work of ARKODE. dopri5: three states, six rates and dense
 * output. */
static const hf_method methods[] = {
    {"cvode", "CVODE: Adams for temperature 0, BDF with Newton and GMRES above", true, 43, &hf_cvode_stepper},
    {"erk", "ARKODE: explicit Runge-Kutta of Dormand and Prince, order 5(4)", false, 21, &hf_erk_stepper},
    {"dopri5", "the same pair, its stages formed as the right-hand side is computed", false, 12,
     &hf_dopri5_stepper},
};

const hf_method *hf_methods(size_t *count) {
    *count = sizeof methods / sizeof *methods;
    return methods;
}

const hf_method *hf_method_find(const char *name) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}
