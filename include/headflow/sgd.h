/** @file sgd.h
 *  N heads trained by stochastic gradient descent, and their coupled copies in the limit: what the density of
 *  heads is compared with. Nothing of the grid solver depends on it. docs/theory.md (29)-(32). */
#ifndef HEADFLOW_SGD_H
#define HEADFLOW_SGD_H

#include <headflow/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Batches that are not a number of events. */
enum { HF_BATCH_FULL = 0 };
#define HF_BATCH_UNKNOWN ((size_t)-1)

/** Runs that differ by their seed alone. */
typedef struct hf_ensemble {
    size_t heads; /**< N >= 1 */
    double step;  /**< epsilon > 0: t = k epsilon; NAN where it is not known */
    size_t batch; /**< b events a step, HF_BATCH_FULL, or HF_BATCH_UNKNOWN */
} hf_ensemble;

/** Heads drawn from the initial density: the first `count` of the seed's stream, whatever the count.
 *  @param[out] theta  shape (count, D) */
hf_status hf_sgd_heads(hf_error *error, const hf_problem *problem, size_t seed, size_t count, double *theta);

/** One member: theta_i <- theta_i - epsilon (sum over the batch of grad(r_e . h_e)(theta_i)/b + lambda
 * theta_i). The b events of a step are drawn with replacement by weight and shared by all heads. Positions
 * between two steps are on the line between them. docs/theory.md (29).
 *  @param[in]  time   shape (times), increasing from 0
 *  @param[out] theta  shape (times, N, D)
 *  @return HF_ERR_NUMERIC when a head is no longer finite; HF_ERR_INPUT when the problem has a temperature */
hf_status hf_sgd_run(hf_error *error, const hf_problem *problem, const hf_ensemble *ensemble, size_t seed,
                     size_t times, const double time[], double *theta);

/** Who runs many members; called one at a time, from any thread. */
typedef struct hf_sgd_observer {
    void *self;
    /** Whether a member is there already and need not be run. */
    bool (*has)(void *self, size_t ensemble, size_t seed);
    /** A member that is done. theta: shape (times, N, D), borrowed during the call. */
    hf_status (*put)(hf_error *error, void *self, size_t ensemble, size_t seed, const double *theta);
    /** Told after each member which share of the whole work is done; may be NULL. */
    void (*progress)(void *self, double done);
} hf_sgd_observer;

/** All members of all ensembles that the observer does not have, on all threads, the dearest first. Of a
 * problem that ranks share it is collective: all of them train, and the first rank's observer alone is
 * called. Threads and ranks do not change a member by a bit.
 *  @return the first failure, of a member, of memory or of `put`: the same on all ranks */
hf_status hf_sgd_run_all(hf_error *error, const hf_problem *problem, size_t ensembles,
                         const hf_ensemble ensemble[], size_t seeds, size_t times, const double time[],
                         const hf_sgd_observer *observer);

/* ---- in the limit ------------------------------------------------------------------------------------- */

/** The logits of the limit on a time axis of their own, as solution.nc has them; all borrowed. */
typedef struct hf_history {
    size_t count;
    const double *time;   /**< shape (count), increasing */
    const double *logits; /**< shape (count, width) */
    size_t width;         /**< E * classes */
} hf_history;

/** Logits at a time, by cubic interpolation; constant before the first and after the last.
 *  @param[out] logits  shape (width) */
void hf_history_logits(const hf_history *history, double time, double *logits);

/** Coupled copies: heads that start where N others do and follow -grad Psi of the limit. docs/theory.md (30).
 *  @param[in]  rtol   of CVODE; the absolute tolerance is the same
 *  @param[in]  start  shape (heads, D): at time[0]
 *  @param[out] theta  shape (times, heads, D); angles are not wrapped
 *  @return HF_ERR_NUMERIC when CVODE fails */
hf_status hf_copies_run(hf_error *error, const hf_problem *problem, const hf_history *history, double rtol,
                        size_t heads, const double *start, size_t times, const double time[], double *theta);

#ifdef __cplusplus
}
#endif
#endif
