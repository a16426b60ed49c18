/* What a time integration method is made of, and what all of them share: the system of docs/numerics.md (21),
 *
 *   y = (rho_1 .. rho_N, s),   rho' = the semi-discrete flow,   s' = D_h, the dissipation,
 *
 * the weights of its error norm (22), the refusal of trial states, and what is said when a method gives up.
 */
#ifndef HF_FLOW_METHOD_H
#define HF_FLOW_METHOD_H

#include "flow/density.h"
#include <headflow/ranks.h>

/* Densities that the course of an integration holds beside those of a method: the state at the start or at
 * rest, and a rate of change. */
enum { HF_COURSE_VECTORS = 2 };

/* The system that a method integrates. */
typedef struct hf_evolution {
    hf_density density;    /* what moves */
    const hf_ranks *ranks; /* who hold the other cells, or NULL; s is the same on all */
    size_t cells;          /* N of this rank */
    double entries;        /* N + 1 of all ranks */
    double end;
    double rtol, atol;             /* asked for */
    double local_rtol, local_atol; /* what a method holds its local errors to, (22) */
    bool positive;                 /* whether the scheme keeps densities non-negative */
    long evaluations, refused;     /* of trial states */
    long overflowed;               /* of those refused: not finite */
} hf_evolution;

void hf_evolution_start(const hf_density *density, hf_evolution *evolution);

/* The rate of change of a trial state, unless the state is refused: then false, and the rate is unspecified.
 * A state is refused when it is not finite or too far below zero; a smaller step is to be tried. Nothing is
 * ever clipped, which would break mass, energy and error control.
 * y, rate: shape (cells + 1). Collective. */
bool hf_evolution_rate(hf_evolution *evolution, const double *y, double *rate);

/* The same question for a state of which the sum of the density's cells and their least are known on this
 * rank. Collective; counts refusals. */
bool hf_evolution_accepts(hf_evolution *evolution, double sum, double minimum);

/* 1/W of (22): the weighted norm is the root of the mean of (e_k W_k)^2 over the N + 1 entries, and the
 * weight of s makes its error count in full. y, weight: shape (cells + 1). */
void hf_evolution_weights(const hf_evolution *evolution, const double *y, double *weight);
double hf_evolution_weight_of_s(const hf_evolution *evolution, double s);

/* A norm to eight bits, for all that steers by it. Sums over other numbers of ranks differ in the last bits,
 * and error estimates, being small differences, in many more: with full norms steps, and results with them,
 * differ by a share of the tolerance; with rounded ones steps are nearly always the same. */
double hf_evolution_rounded(double norm);

/* That norm, rounded so, of an error whose weighted squares add up to `squares` over the density's cells of
 * this rank and whose entry of s is `error_of_s`, where s is `s`. Collective. */
double hf_evolution_norm(const hf_evolution *evolution, double squares, double error_of_s, double s);

/* HF_ERR_NUMERIC, with what to change: the tolerances cannot be met in double precision, or the method cannot
 * go on from `time` for a reason of its own. */
hf_status hf_evolution_raise_rounding(hf_error *error, const hf_evolution *evolution, double time);
hf_status hf_evolution_raise_stuck(hf_error *error, const hf_evolution *evolution, double time,
                                   const char *reason);

/* A method's insides, one struct of functions a method. Arrays of states have shape (cells + 1). */
struct hf_stepper {
    /* Ready to step from y at `time`. evolution: borrowed; the method may tighten its local tolerances.
     * **self is NULL on failure. */
    hf_status (*create)(hf_error *error, hf_evolution *evolution, double time, const double *y, void **self);
    void (*destroy)(void **self);

    /* One accepted step, to evolution->end at most and there exactly. time: where it ended. */
    hf_status (*step)(hf_error *error, void *self, double *time);

    /* The state at the end of the last step, borrowed until the next. */
    const double *(*state)(const void *self);

    /* y (derivative 0) or y' (1) at a time within the last step, borrowed until the next call. Once a step
     * has been taken. */
    hf_status (*dense)(hf_error *error, void *self, double time, int derivative, const double **y);

    /* Steps, error failures, linear iterations, last step, vectors; the rest is the caller's. */
    void (*count)(const void *self, hf_statistics *statistics);
};

extern const struct hf_stepper hf_cvode_stepper, hf_erk_stepper, hf_dopri5_stepper;

#endif
