/* The fully corrective step: the masses of a few atoms, or masses and positions together, driven to a minimum
 * of R. docs/theory.md (49)-(50). */
#ifndef HF_THEORY_WEIGHTS_H
#define HF_THEORY_WEIGHTS_H

#include "theory/atoms.h"

/* A quadratic program of m variables: min g . d + d^T B d / 2 over lower <= d <= upper, where those d that
 * are of masses sum to 0. */
typedef struct hf_quadratic {
    size_t count;                  /* m, at most the capacity that it was allocated with */
    bool *mass;                    /* shape (m) */
    bool *held;                    /* met a bound; shape (m) */
    double *gradient;              /* g; shape (m) */
    double *lower, *upper;         /* lower <= 0 <= upper; shape (m) */
    double *matrix;                /* B, positive definite; shape (m, m) */
    double *step;                  /* d; shape (m) */
    double *factor;                /* work space; shape (m, m) */
    double *slope, *target, *ones; /* work space; shape (m) */
    size_t *free;                  /* work space; shape (m) */
} hf_quadratic;

/* Zero-initialised by its owner. */
typedef struct hf_corrector {
    const hf_grid *grid;
    size_t capacity;    /* atoms at most */
    hf_atoms atoms;     /* room for `capacity`; atoms.count are there, as the owner puts them */
    hf_atoms before;    /* where a step starts from */
    hf_atoms start;     /* where a descent must come back to if it fails */
    hf_atomic atomic;   /* of the atoms as last placed */
    size_t *variable;   /* rows of the Hessian that a step moves; shape (capacity (1 + D)) */
    double *scale;      /* of each; shape (capacity (1 + D)) */
    double *hessian;    /* of R in masses and positions; shape (count (1 + D), count (1 + D)) */
    hf_quadratic model; /* of R about the atoms, in scaled variables */
    double reach;       /* how far coordinates may move in a step, as a share of the box */
} hf_corrector;

/* Clear it whatever the status. */
hf_status hf_corrector_allocate(hf_error *error, const hf_problem *problem, size_t capacity, hf_corrector *c);
void hf_corrector_clear(hf_corrector *c);

/* How far the atoms, as placed, are from the conditions of a minimum: the largest |Psi - mean Psi| over atoms
 * of positive mass, of mean Psi - Psi over those of mass 0, and with `positions` of |d Psi| times the width
 * of the axis, but for slopes that push against a wall. */
double hf_corrector_residual(const hf_corrector *c, bool positions);

/* Descend in the masses, with `positions` also in the positions of atoms that have mass, until rounding ends
 * the descent. R never grows but by rounding; positions stay in the box, angles are not wrapped. The atoms
 * are placed at the end. Returns the residual. */
double hf_corrector_descend(hf_corrector *c, bool positions);

/* Merge pairs of atoms, all with mass, that are near each other, at their centre of mass, where that does not
 * raise R, which is as placed last. Returns whether there was one; the atoms have to be placed again in any
 * case. */
bool hf_corrector_merge(hf_corrector *c);

#endif
