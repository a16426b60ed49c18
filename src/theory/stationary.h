/* Atoms at rest: their linearised motion, and Newton's method with it. docs/theory.md (55), (58). */
#ifndef HF_THEORY_STATIONARY_H
#define HF_THEORY_STATIONARY_H

#include <headflow/stationary.h>

#include "theory/atoms.h"

#include <math.h>

/* |grad Psi| that a stationary measure may have at its atoms. */
#define HF_AT_REST 1e-12

/* A gradient that is known to HF_AT_REST leaves a position of curvature k uncertain by HF_AT_REST/k, and its
 * curvature by as much: what is below the root of HF_AT_REST is lost. An eigenvalue that is smaller than this
 * share of the largest counts as zero. */
#define HF_NO_CURVATURE 1e-6

/* Atoms that are nearer to each other than this, in sides of the box, are one. */
#define HF_SAME_PLACE 1e-6

/* a - b along an axis, the shorter way about on an angle. */
static inline double hf_axis_difference(const hf_axis *axis, double a, double b) {
    return axis->periodic ? remainder(a - b, axis->upper - axis->lower) : a - b;
}

/* So many atoms, and no other number of them, that move. Zero-initialised by its owner. */
typedef struct hf_motion {
    hf_atomic atomic;
    size_t atoms, size; /* size: atoms * D */
    double *gram;       /* of the atoms as linearised: hf_atomic_gram */
    double *rate;       /* eigenvalues of A_k 1_kl + sqrt(a_k a_l) J_k^T S J_l, ascending; shape (size) */
    double *axis;       /* unit eigenvectors, one a row; shape (size, size) */
    double *factor, *from, *step; /* work of hf_motion_settle; shape (size) */
} hf_motion;

/* Clear it whatever the status. */
hf_status hf_motion_allocate(hf_error *error, const hf_problem *problem, size_t atoms, hf_motion *motion);
void hf_motion_clear(hf_motion *motion);

/* Put the atoms, and find the eigenvalues of their motion. */
hf_status hf_motion_linearise(hf_error *error, hf_motion *motion, const double *theta, const double *mass);

/* The largest |grad Psi| over the atoms as they were put. */
double hf_motion_residual(const hf_motion *motion);

/* The eigenvalue of the motion as linearised that is nearest to 0, as a share of the largest. */
double hf_motion_least(const hf_motion *motion);

/* Move the atoms, masses fixed, to where grad Psi = 0 at each: the residual is then <= HF_AT_REST, and the
 * motion is linearised there. Ends as well where it comes no nearer, and beyond `reach`.
 *  @param[in]     reach     how far an atom may go, in sides of the box
 *  @param[in,out] theta     shape (atoms, D)
 *  @param[out]    farthest  how far one went, in the same */
hf_status hf_motion_settle(hf_error *error, hf_motion *motion, const hf_grid *grid, double reach,
                           double *theta, const double *mass, double *farthest);

/* What is said of a stationary measure, from a motion that is linearised at its atoms. */
hf_status hf_stationary_describe(hf_error *error, const hf_problem *problem, const hf_motion *motion,
                                 const double *theta, const double *mass, hf_stationary *out);

#endif
