/* What a few last steps tell of the inverse Hessian. */
#ifndef HF_PATHS_LBFGS_H
#define HF_PATHS_LBFGS_H

#include <headflow/base.h>

enum { HF_LBFGS_MEMORY = 20 };

typedef struct hf_lbfgs {
    size_t count, pairs, next;
    double *steps, *changes;           /* of the place and of the gradient; shape (HF_LBFGS_MEMORY, count) */
    double curvature[HF_LBFGS_MEMORY]; /* step . change */
} hf_lbfgs;

/* The arrays are freed with hf_array_destroy(&steps). */
hf_status hf_lbfgs_create(hf_error *error, size_t count, hf_lbfgs *out);

/* Take note of a step; one without positive curvature is left out.
 * from, to, slope_from, slope_to: places and gradients, shape (count) */
void hf_lbfgs_note(hf_lbfgs *lbfgs, const double *from, const double *to, const double *slope_from,
                   const double *slope_to);

/* vector = H vector, H the inverse Hessian as far as it is known. vector: shape (count) */
void hf_lbfgs_apply(const hf_lbfgs *lbfgs, double *vector);

#endif
