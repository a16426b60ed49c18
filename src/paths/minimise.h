/* The minimum of a smooth function from its gradient. */
#ifndef HF_PATHS_MINIMISE_H
#define HF_PATHS_MINIMISE_H

#include <headflow/base.h>

typedef struct hf_objective_value {
    double value;
    double rounding; /* of the value: smaller differences tell nothing */
    double residual; /* a size of the gradient: the tolerance is for it */
} hf_objective_value;

typedef struct hf_objective {
    size_t count; /* of unknowns */
    void *self;
    /* HF_ERR_NUMERIC where there is no value: a step is shortened until there is one.
     * gradient: shape (count) */
    hf_status (*evaluate)(hf_error *error, void *self, const double *x, hf_objective_value *value,
                          double *gradient);
} hf_objective;

typedef struct hf_minimum_found {
    hf_objective_value is;
    size_t evaluations;
} hf_minimum_found;

/* Some quasi-Newton steps; where they come to a small residual, Newton's to the tolerance, or as far as
 * rounding allows: the residual tells.
 * x: shape (count): where to begin, then the lowest place
 * HF_ERR_NUMERIC where there is no value at the start */
hf_status hf_minimise(hf_error *error, const hf_objective *objective, double tolerance, size_t steps,
                      double *x, hf_minimum_found *out);

#endif
