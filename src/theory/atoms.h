/* Weighted atoms and all that the risk and its derivatives need of them. docs/theory.md (47)-(48).
 *
 * R as a function of masses a and positions theta of n atoms has, in the columns C_k = (h(theta_k),
 * J(theta_k)), shape (E classes, 1 + D), and the Hessian of the cross-entropy S = w_e (diag p - p p^T):
 *     dR/da_k = Psi(theta_k)                   dR/dtheta_k = a_k grad Psi(theta_k)
 *     d2R/da_k da_l = C_k0^T S C_l0            d2R/dtheta_k dtheta_l = a_k Hess Psi_k 1_kl + a_k a_l J_k^T S
 * J_l d2R/da_k dtheta_l = grad Psi_k 1_kl + a_l C_k0^T S J_l */
#ifndef HF_THEORY_ATOMS_H
#define HF_THEORY_ATOMS_H

#include <headflow/optimum.h>
#include <math.h>

/* Atom k, where there is room for it. */
void hf_atoms_put(hf_atoms *atoms, size_t k, const double *theta, double mass);

/* Remove atom k; those behind it move up. */
void hf_atoms_remove(hf_atoms *atoms, size_t k);

/* Zero-initialised by its owner. */
typedef struct hf_atomic {
    const hf_model *model;
    const hf_events *events;
    size_t capacity, dim, outputs; /* atoms at most, D, E * classes */
    size_t count;                  /* of the atoms that were placed */
    double risk;                   /* R, ridge included */
    double *logits, *residual;     /* shape (outputs) */
    double *potential;             /* Psi at each atom, ridge included; shape (capacity) */
    double *gradient;              /* shape (capacity, D) */
    double *hessian;               /* shape (capacity, D, D) */
    double *columns;               /* h_k and J_k; shape (capacity, 1 + D, outputs) */
    double *weighed;               /* S times the same: work space of the Gram matrix */
    double *projection;            /* of the residual */
} hf_atomic;

/* Clear it whatever the status. */
hf_status hf_atomic_allocate(hf_error *error, const hf_problem *problem, size_t capacity, hf_atomic *atomic);
void hf_atomic_clear(hf_atomic *atomic);

/* Rounding of a risk or a potential: smaller differences say nothing. */
static inline double hf_atomic_rounding(double value) {
    return 4e-15 * fmax(1, fabs(value));
}

/* Put the atoms, and compute all but `weighed`. Positions beyond a wall are taken as they are. */
void hf_atomic_place(hf_atomic *atomic, size_t count, const double *theta, const double *mass);

/* The same without derivatives: risk, logits and the heads' columns alone. Returns the risk. */
double hf_atomic_risk(hf_atomic *atomic, size_t count, const double *theta, const double *mass);

/* C^T S C of the atoms as placed. gram: shape (count (1 + D), count (1 + D)), symmetric; row k (1 + D) is
 * h_k, rows k (1 + D) + 1 + d are dh_k/dtheta_d */
void hf_atomic_gram(hf_atomic *atomic, double *gram);

/* min Psi over the box for the residual of the atoms as placed. */
hf_status hf_atomic_lowest(hf_error *error, const hf_atomic *atomic, const hf_grid *grid, double tolerance,
                           hf_lowest *out);

#endif
