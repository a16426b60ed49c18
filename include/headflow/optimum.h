/** @file optimum.h
 *  The least risk over all probability measures of heads on the box, with a certificate; with a temperature
 *  the least free energy. docs/theory.md, section 15. */
#ifndef HEADFLOW_OPTIMUM_H
#define HEADFLOW_OPTIMUM_H

#include <headflow/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A sum of weighted Diracs. */
typedef struct hf_atoms {
    size_t count, dim;
    double *theta; /**< shape (count, D) */
    double *mass;  /**< shape (count): > 0, sum 1 */
} hf_atoms;

/** Room for `count` atoms, all at 0 and of mass 0. Clear it whatever the status. */
hf_status hf_atoms_allocate(hf_error *error, size_t count, size_t dim, hf_atoms *atoms);
void hf_atoms_clear(hf_atoms *atoms);

/* ---- temperature 0 ---------------------------------------------------------------------------------- */

typedef struct hf_optimum_options {
    double gap;        /**< that is asked for; 0: 1e-10 */
    size_t iterations; /**< at most; 0: 200 */
    void *self;
    /** Told after each iteration; may be NULL. */
    void (*progress)(void *self, size_t iteration, size_t atoms, double risk, double gap);
} hf_optimum_options;

/** A minimiser of the risk over the measures on the box. */
typedef struct hf_optimum {
    hf_atoms atoms;    /**< sorted by mass, the largest first */
    double risk;       /**< R of the atoms: min R is between risk - gap and risk */
    double lowest;     /**< proved lower bound of Psi on the box: hf_model_lowest */
    double gap;        /**< int Psi dmu - lowest */
    double *excess;    /**< Psi - lowest at each atom: 0 where the support condition holds; shape (count) */
    double *slope;     /**< grad Psi at each atom: 0 but at walls; shape (count, D) */
    int *wall;         /**< -1, 1: held by the lower, upper wall of a coordinate; else 0; shape (count, D) */
    bool wall_limited; /**< some atom is held by a wall: no minimiser of the unbounded problem */
    double *logits;    /**< z_e; shape (E, classes) */
    size_t iterations;
} hf_optimum;

/** Minimise the risk by fully corrective conditional gradients: the atom where the potential is lowest comes
 *  in, then masses, and masses and positions together, are driven to the minimum by Newton's method; atoms
 *  that meet are merged. docs/theory.md (47)-(50).
 *  @param[in] problem  at temperature 0; of its grid only the box matters
 *  @param[in] options  may be NULL
 *  @return HF_ERR_INPUT for a temperature; HF_ERR_NUMERIC when the gap that is asked for is not reached, with
 *          the one that is (out is then complete all the same)
 *  @note rounding leaves a gap of some 1e-15 times the size of the terms of Psi on the box, if that is above
 *        1: 1e-13 is within reach of all named cases */
hf_status hf_optimum_run(hf_error *error, const hf_problem *problem, const hf_optimum_options *options,
                         hf_optimum *out);
void hf_optimum_clear(hf_optimum *optimum);

/* ---- with a temperature ----------------------------------------------------------------------------- */

/** The minimiser of the free energy on the problem's grid: the density that is its own Gibbs density. */
typedef struct hf_gibbs {
    double *rho;                       /**< cell means, or point values with a dual flux; shape (cells) */
    double risk, entropy, free_energy; /**< entropy: sum |C| rho log rho */
    double gap;             /**< tau KL(rho | Gibbs(Psi_rho)), and what rounding may add to it: at least
                               free_energy - min over all densities on this grid */
    double continuum;       /**< the free energy as h -> 0, by extrapolation from coarser grids */
    double continuum_error; /**< its estimate; NaN where the grid is too coarse to extrapolate from */
    size_t iterations;      /**< steps of Newton's method */
} hf_gibbs;

/** Solve rho = exp(-Psi_rho/tau)/Z on the grid, as well as rounding allows. docs/theory.md (51)-(52).
 *  @param[in] gap  that is asked for; 0: 1e-10
 *  @return HF_ERR_INPUT at temperature 0; HF_ERR_NUMERIC when the gap is not reached, with the one that is
 *          (out is then complete all the same) */
hf_status hf_gibbs_run(hf_error *error, const hf_problem *problem, double gap, hf_gibbs *out);
void hf_gibbs_clear(hf_gibbs *gibbs);

#ifdef __cplusplus
}
#endif
#endif
