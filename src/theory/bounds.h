/* Upper bounds of the coupling error from constants over the hull of heads and copies. docs/theory.md,
 * section 13. */
#ifndef HF_THEORY_BOUNDS_H
#define HF_THEORY_BOUNDS_H

#include <headflow/chaos.h>

/* A box of heads. */
typedef struct hf_hull {
    double lower[HF_DIM_MAX], upper[HF_DIM_MAX];
} hf_hull;

hf_hull hf_hull_empty(void);
/* theta: shape (count, dim) */
void hf_hull_add(hf_hull *hull, size_t dim, size_t count, const double *theta);

/* Constants of the theory at a time; arrays of shape (E), borrowed. */
typedef struct hf_constants {
    double growth;            /* L: largest eigenvalue of -Hess Psi over the hull */
    double lipschitz;         /* largest norm of Hess Psi over the hull */
    double acceleration;      /* root mean square of theta'' over the copies */
    double gradient_variance; /* sum_e w_e E|g_e - g|^2 over the density */
    double *slope;            /* G_e >= |J_e| over the hull */
    double *curvature;        /* M_e >= |D^2 h_e| over the hull */
    double *variance;         /* sigma_e^2 = E|h_e - z_e|^2 over the density */
} hf_constants;

/* Growth, lipschitz, slope and curvature of a potential and of the head logits over a hull. Looked at on a
 * lattice in alpha; in v at the corners, where all four are largest.
 * projection: of the residuals. */
void hf_constants_over_hull(const hf_model *model, const hf_events *events, const double *projection,
                            const hf_hull *hull, hf_constants *c);

typedef enum hf_bound { HF_BOUND_PATHWISE, HF_BOUND_EXPECTED, HF_BOUND_LEADING, HF_BOUND_CLASSICAL } hf_bound;

/* Bounds of the root mean square coupling error at given times. docs/theory.md (38)-(43).
 * constants: shape (times); xi: |z_e(copies) - z_e| of one member, shape (times, E), for the pathwise bound
 * alone; out: shape (times). NAN where the ensemble's step or batch is not known, and for the pathwise bound
 * of minibatches, which no path obeys for sure. */
void hf_bound_evaluate(hf_bound bound, const hf_events *events, const hf_ensemble *ensemble, size_t times,
                       const double time[], const hf_constants constants[], const double *xi, double *out);

#endif
