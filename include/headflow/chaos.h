/** @file chaos.h
 *  The finite-time chaos comparison: N heads trained by SGD against the density of their limit. Predictions,
 * bounds and measurements. docs/theory.md, sections 11-14. */
#ifndef HEADFLOW_CHAOS_H
#define HEADFLOW_CHAOS_H

#include <headflow/sgd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- prediction: linear response ----------------------------------------------------------------- */

/** Second moments of a small deviation of all heads from their copies, delta(theta): its mean square over the
 * density, and what the distribution of that needs. */
typedef struct hf_response_record {
    double time;
    /** N E X, (b/epsilon) E X and X/epsilon^2 to leading order, where X = mean_i |delta_i|^2 is caused by the
     * finite number of heads, by minibatches and by finite steps. */
    double heads, noise, step;
    /** The same of the logit error: of its square in the norm with the weights of the events. */
    double logit_heads, logit_noise, logit_step;
    /** Inner products of the three covariances over the density. */
    double heads_heads, heads_noise, noise_noise, step_heads, step_noise;
    /** sum_e w_e int |g_e - g|^2 dmu: variance of the gradient of one event; 0 without noise. */
    double gradient_variance;
} hf_response_record;

/** Predict coupling and logit errors to leading order, by linear response on quadrature nodes of the initial
 * density. docs/theory.md (33)-(36).
 *  @param[in]  problem   at temperature 0
 *  @param[in]  nodes     an axis, >= 2, 8 times as many on an angle; 0: by the dimension
 *  @param[in]  noise     whether minibatches are wanted: else what belongs to them is 0
 *  @param[in]  time      shape (times), increasing from 0
 *  @param[out] records   shape (times)
 *  @param[out] variance  shape (times, E): sigma_e^2 = int |h_e - z_e|^2 dmu; or NULL
 *  @return HF_ERR_INPUT for a temperature, or nodes of more than HF_RESPONSE_MAX coordinates in all;
 *          HF_ERR_NUMERIC when CVODE fails */
hf_status hf_response_run(hf_error *error, const hf_problem *problem, size_t nodes, bool noise, size_t times,
                          const double time[], hf_response_record records[], double *variance);

enum { HF_RESPONSE_MAX = 1536 };

/** A number with an interval around it. */
typedef struct hf_interval {
    double value, lower, upper;
} hf_interval;

/** Root mean square coupling error of an ensemble over its seeds, as predicted, with the interval into which
 * that of `seeds` members falls with probability 95 %. docs/theory.md (37). NAN where the ensemble's step or
 * batch is not known. */
hf_interval hf_response_coupling(const hf_response_record *record, const hf_ensemble *ensemble, size_t seeds);

/** Root mean square logit error of an ensemble over its seeds, as predicted. */
double hf_response_logit(const hf_response_record *record, const hf_ensemble *ensemble);

/* ---- the static bound ---------------------------------------------------------------------------- */

/** N heads drawn from a density on the grid, and what their risk exceeds that of the density by. */
typedef struct hf_static_record {
    size_t heads, draws;
    double sigma2;        /**< sum_e w_e int |h_e - z_e|^2 dmu */
    double curvature;     /**< sum_e w_e tr(S_e Cov_mu h_e), S_e = diag p - p p^T */
    hf_interval measured; /**< E R(mu_N) - R(mu), over the draws */
    double leading;       /**< curvature/(2N): its leading order */
    double bound;         /**< sigma2/(4N) */
} hf_static_record;

/** Measure E R(mu_N) - R(mu) beside its bound. docs/theory.md (12), (45).
 *  @param[in]  rho    shape (cells): cell means, >= 0; mu is constant in each cell
 *  @param[in]  draws  >= 3
 *  @return HF_ERR_MEMORY */
hf_status hf_static_run(hf_error *error, const hf_problem *problem, const double *rho, size_t heads,
                        size_t draws, size_t seed, hf_static_record *record);

/* ---- the comparison ------------------------------------------------------------------------------ */

/** The density of the limit, as solution.nc has it; all borrowed. */
typedef struct hf_limit {
    const hf_problem *problem; /**< at temperature 0 */
    size_t times;
    const double *time; /**< shape (times): increasing from 0 */
    const double *risk; /**< shape (times) */
    hf_history history; /**< logits */
    void *self;
    /** The density at a time, as the solver left it. rho: shape (cells) */
    hf_status (*density)(hf_error *error, void *self, size_t index, double *rho);
} hf_limit;

/** Trained heads that are compared with it; all borrowed. */
typedef struct hf_trained {
    hf_ensemble ensemble;
    size_t seeds, times;
    const double *time; /**< shape (times): some of the limit's times, the first is 0 */
    size_t index;       /**< handed back to theta() */
    void *self;
    /** One member. theta: shape (times, N, D) */
    hf_status (*theta)(hf_error *error, void *self, size_t index, size_t seed, double *theta);
    const char *name; /**< for messages; may be NULL */
} hf_trained;

typedef struct hf_chaos_options {
    size_t snapshots; /**< times at which distances in several coordinates are taken, the last one among them;
                           0: 1 */
    size_t pairs;     /**< heads x atoms of an exact W2; 0: 250000 */
    double epsilon;   /**< of Sinkhorn divergences [unit^2]; 0: (the largest cell width they use)^2 */
    size_t draws;     /**< for the static bound; 0: 200 */
    double static_time; /**< of the static bound, taken to the nearest output; NAN: the last */
    void *self;
    void (*progress)(void *self, const char *what, double done); /**< may be NULL; done: share of all */
} hf_chaos_options;

/** What is measured of every member. */
typedef struct hf_quantity {
    char name[HF_NAME_MAX + 8];
    char long_name[HF_NAME_MAX + 96];
    bool rms;      /**< seeds are averaged as root mean square, else as mean */
    bool snapshot; /**< at snapshot times only */
} hf_quantity;

enum {
    HF_COUPLING,     /**< root mean square over the heads of |theta_i - copy_i| */
    HF_COUPLING_MAX, /**< the largest of them */
    HF_LOGIT_ERROR,  /**< root of sum_e w_e |z_e(heads) - z_e|^2 */
    HF_RISK_ERROR,   /**< R(heads) - R(limit) */
    HF_MARGINALS,    /**< from here on W1 and W2 of each marginal, then the distances in all coordinates */
    HF_JOINT = 4,    /**< number of those: sliced W2, W2, Sinkhorn, H^-1 */
    HF_QUANTITIES_MAX = HF_MARGINALS + 2 * HF_DIM_MAX + HF_JOINT
};

enum { HF_BOUNDS = 4 };
/** Names of the bounds of the coupling error: pathwise, expected, leading, classical. docs/theory.md
 * (39)-(43) */
extern const char *const hf_bound_names[HF_BOUNDS];

/** One ensemble against the limit, at the limit's times: NAN where the heads have none. */
typedef struct hf_chaos_group {
    hf_ensemble ensemble;
    size_t seeds;
    double *value;           /**< shape (quantities, times, seeds) */
    hf_interval *measured;   /**< over the seeds: shape (quantities, times) */
    double *own_error;       /**< of the grid in it: shape (quantities, times) */
    hf_interval *predicted;  /**< coupling error: shape (times) */
    double *predicted_logit; /**< logit error: shape (times) */
    double *bound; /**< of the coupling error: shape (HF_BOUNDS, times); pathwise: their root mean square */
    /** The smallest bound/measured of all times, for the pathwise one of all members as well; NAN if none. */
    double slack[HF_BOUNDS];
    /** Whether a bound is below what it bounds: a mean over seeds by more than its interval. Never so
     * of the leading one, which promises nothing at finite N. */
    bool violated[HF_BOUNDS];
    size_t last; /**< index of its last time */
} hf_chaos_group;

/** A power of N, or of epsilon, that an error follows at the last time. */
typedef struct hf_chaos_slope {
    bool in_step; /**< error ~ epsilon^s, else ~ N^s */
    size_t quantity;
    hf_ensemble fixed; /**< what the others have in common: heads 0 or step NAN is what varies */
    size_t ensembles;
    hf_interval measured;
    double predicted; /**< the same fit to the predictions; NAN where there are none */
} hf_chaos_slope;

typedef struct hf_chaos {
    size_t times, dim;
    double *time; /**< shape (times) */
    size_t quantities;
    hf_quantity quantity[HF_QUANTITIES_MAX];
    size_t groups;
    hf_chaos_group *group; /**< shape (groups) */
    size_t slopes;
    hf_chaos_slope *slope; /**< shape (slopes) */
    size_t statics;
    hf_static_record *fixed; /**< shape (statics): of the numbers of heads that occur */
    double static_time;
    bool has_prediction;  /**< else the linear response would take too many nodes */
    double negative_mass; /**< the largest that distances were freed of */
    double epsilon;       /**< of the Sinkhorn divergences */
} hf_chaos;

/** Compare. docs/theory.md, sections 10 to 14.
 *  @return HF_ERR_INPUT for a temperature, or heads at times that the limit does not have */
hf_status hf_chaos_run(hf_error *error, const hf_limit *limit, size_t count, const hf_trained trained[],
                       const hf_chaos_options *options, hf_chaos **out);
void hf_chaos_destroy(hf_chaos **chaos);

#ifdef __cplusplus
}
#endif
#endif
