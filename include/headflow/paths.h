/** @file paths.h
 *  Attention paths: the Bayesian kernel theory of deep attention networks of finite width. Its order
 *  parameter minimises an action; its predictor is a Gaussian process whose kernel sums over pairs of
 *  attention paths. docs/paths.md.
 *
 *  Layers and heads are numbered from 0 here, from 1 in files and messages. A path is one head of each layer;
 *  paths are numbered with the head of the last layer fastest. */
#ifndef HEADFLOW_PATHS_H
#define HEADFLOW_PATHS_H

#include <headflow/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the network --------------------------------------------------------------------------------- */

enum { HF_PATHS_LAYERS_MAX = 8, HF_PATHS_MAX = 256 };

/** A deep network of fixed attention and Gaussian priors. */
typedef struct hf_paths_network {
    size_t layers;                             /**< L */
    size_t heads[HF_PATHS_LAYERS_MAX];         /**< H_l; shape (L) */
    double widths[HF_PATHS_LAYERS_MAX + 1];    /**< N_1 .. N_L, N_a; shape (L + 1) */
    double variances[HF_PATHS_LAYERS_MAX + 2]; /**< s_0 .. s_L, s_a of the priors; shape (L + 2) */
    double temperature;                        /**< T: variance of the labels' noise */
} hf_paths_network;

/** Refuse a network without layers, with more than HF_PATHS_MAX paths, or with a number out of range.
 *  @return HF_ERR_INPUT */
hf_status hf_paths_network_check(hf_error *error, const hf_paths_network *network);

/** M, the number of paths; n_l = H_l H_{l+1} .. H_L, the rows of U_l, for `layer` > 0. */
size_t hf_paths_rows(const hf_paths_network *network, size_t layer);

/** Where U_l begins in an order parameter, which holds U_1, .. U_L one after the other, each of shape
 *  (n_l, n_l); for layer = L the length of all of it. */
size_t hf_paths_offset(const hf_paths_network *network, size_t layer);

enum { HF_PATHS_WIDTHS_TEXT = 128 };

/** "10" where all widths are 10, else all of them, "7,4,3".
 *  @param[in]  widths  shape (count)
 *  @param[out] text    shape (size); HF_PATHS_WIDTHS_TEXT is enough for any network */
void hf_paths_widths_text(size_t count, const double *widths, size_t size, char *text);

/** The order parameter of infinite width, U_l = s_a s_L .. s_l 1. docs/paths.md (P5).
 *  @param[out] order  shape (hf_paths_offset(network, L)) */
void hf_paths_gaussian_limit(const hf_paths_network *network, double *order);

/** The value of u_a that makes the action stationary. docs/paths.md (P4).
 *  @param[in] order  shape (hf_paths_offset(network, L)) */
double hf_paths_readout_variance(const hf_paths_network *network, const double *order);

/* ---- examples ------------------------------------------------------------------------------------ */

/** Which token's output is the network's. */
typedef enum hf_paths_readout { HF_READOUT_LAST, HF_READOUT_FIRST, HF_READOUT_MEAN } hf_paths_readout;
enum { HF_READOUTS = 3 };
extern const char *const hf_paths_readout_names[HF_READOUTS]; /**< "last", "first", "mean" */

/** Inputs with the attention that they get, for path features: borrowed. */
typedef struct hf_paths_examples {
    size_t count, features, tokens; /**< P, N_0, tokens */
    const double *inputs;           /**< shape (P, N_0, tokens) */
    /** Of each layer: Omega_l^h[key, query] of each example, a column sums to 1;
     *  shape (P, H_l, tokens, queries), queries as below for the last layer, tokens for the others. */
    const double *attention[HF_PATHS_LAYERS_MAX];
    bool applied; /**< the readout is applied to the last layer already: it has one query */
} hf_paths_examples;

/** The features of all paths, phi^pi = sqrt(s_0/(N_0 M)) sum_s X_s [Omega_1 .. omega_L]_s. */
typedef struct hf_paths_features hf_paths_features;

/** docs/paths.md (P1).
 *  @return HF_ERR_INPUT for an input that is not finite, or attention whose column is not a distribution to
 *          1e-8; the message names example, layer, head and query */
hf_status hf_paths_features_create(hf_error *error, const hf_paths_network *network,
                                   const hf_paths_examples *examples, hf_paths_readout readout,
                                   hf_paths_features **out);
void hf_paths_features_destroy(hf_paths_features **features);

size_t hf_paths_features_count(const hf_paths_features *features); /**< P */
size_t hf_paths_features_width(const hf_paths_features *features); /**< N_0 */
size_t hf_paths_features_paths(const hf_paths_features *features); /**< M */

/** phi of all paths; shape (M, P, N_0), belongs to the features. */
const double *hf_paths_features_values(const hf_paths_features *features);

/** The kernel K(x, x') = sum over pairs of paths of U times their kernel. docs/paths.md (P2).
 *  @param[in]  order   U_1, shape (M, M), symmetric; need not be definite
 *  @param[out] kernel  shape (P of a, P of b)
 *  @return HF_ERR_MEMORY
 *  @note needs M P N_0 numbers more; 2 M P N_0 (P of a + M) operations */
hf_status hf_paths_kernel(hf_error *error, const hf_paths_features *a, const hf_paths_features *b,
                          const double *order, double *kernel);

/* ---- the action ---------------------------------------------------------------------------------- */

/** The action of labelled examples as a function of the order parameter. docs/paths.md (P3). It needs
 *  M P N_0 + P^2 numbers beside the features. */
typedef struct hf_paths_action hf_paths_action;

typedef struct hf_paths_value {
    double readout;         /**< u_a */
    double entropy, energy; /**< of the action: their sum */
    double rounding;        /**< about the error of that sum; docs/paths.md, section 2 */
} hf_paths_value;

/** @param[in] features, labels  borrowed: must outlive the action; labels of shape (P)
 *  @return HF_ERR_INPUT for T = 0 with more examples than N_0 M, where no kernel is definite */
hf_status hf_paths_action_create(hf_error *error, const hf_paths_network *network,
                                 const hf_paths_features *features, const double *labels,
                                 hf_paths_action **out);
void hf_paths_action_destroy(hf_paths_action **action);

/** S and dS/dU_l, each entry of U by itself, u_a eliminated. docs/paths.md (P3), (P6).
 *  @param[in]  order     shape (hf_paths_offset(network, L))
 *  @param[out] gradient  as `order`; NULL: not asked for
 *  @return HF_ERR_NUMERIC when K + T 1 or a U_l is not positive definite to rounding
 *  @note O(P^3 + P^2 M N_0 + M^2 P N_0) */
hf_status hf_paths_action_evaluate(hf_error *error, hf_paths_action *action, const double *order,
                                   hf_paths_value *value, double *gradient);

/* ---- the order parameter ------------------------------------------------------------------------- */

typedef struct hf_paths_solution {
    double *order; /**< U_1 .. U_L of the lowest minimum found; destroy it with hf_array_destroy */
    hf_paths_value value;
    double residual;    /**< max |F_l^T dS/dU_l F_l| / max(N, P) there, U_l = F_l F_l^T by Cholesky */
    size_t evaluations; /**< of the gradient, over all starts */
    double spread;      /**< largest difference of U between the minima of all starts, relative to max |U| */
} hf_paths_solution;

#define HF_PATHS_TOLERANCE 1e-12 /**< of the residual */

/** The minimum of the action, from the Gaussian limit and from starts - 1 random places about it.
 *  @return HF_ERR_NUMERIC when the kernel of the Gaussian limit is not positive definite, or the tolerance
 *          is not reached */
hf_status hf_paths_solve(hf_error *error, hf_paths_action *action, size_t starts, hf_paths_solution *out);

/* ---- what follows from it ------------------------------------------------------------------------ */

/** Mean and variance of the predictor. docs/paths.md (P7).
 *  @param[in]  labels          shape (P of train)
 *  @param[in]  order           U_1, shape (M, M), or one with silenced heads
 *  @param[out] mean, variance  shape (P of test)
 *  @return HF_ERR_NUMERIC when K + T 1 is not positive definite */
hf_status hf_paths_predict(hf_error *error, double temperature, const hf_paths_features *train,
                           const double *labels, const hf_paths_features *test, const double *order,
                           double *mean, double *variance);

/** The share of predictions whose sign is that of the label; NAN where a label is not +1 or -1. */
double hf_paths_accuracy(size_t count, const double *mean, const double *labels);

/** All heads, layer after layer: sum of H_l. */
size_t hf_paths_heads(const hf_paths_network *network);

/** How much of the order parameter a head carries, the largest being 1. docs/paths.md (P8).
 *  @param[in]  order   U_1, shape (M, M)
 *  @param[out] scores  shape (hf_paths_heads(network)) */
void hf_paths_scores(const hf_paths_network *network, const double *order, double *scores);

/** Zero the rows and columns of U_1 of all paths through a head. */
void hf_paths_silence(const hf_paths_network *network, size_t head, double *order);

/** The order in which heads are silenced: the lowest score first; the last head of a layer stays.
 *  @param[out] heads  shape (hf_paths_heads(network) - L) */
void hf_paths_pruning(const hf_paths_network *network, const double *scores, size_t *heads);

/** Eigenvalues of a kernel, largest first, and how its eigenvectors align with the labels, |v.y|/sqrt(P).
 *  docs/paths.md (P9).
 *  @param[in,out] kernel       shape (P, P): overwritten
 *  @param[out]    eigenvalues, alignment  shape (P) */
hf_status hf_paths_alignment(hf_error *error, size_t count, double *kernel, const double *labels,
                             double *eigenvalues, double *alignment);

/* ---- the hidden-Markov task ---------------------------------------------------------------------- */

/** The published task: sequences of a two-state chain, seen through noise, told apart by how often they
 *  change. docs/paths.md (P10). */
typedef struct hf_markov_options {
    size_t train, test;   /**< examples, half of each class, even */
    size_t tokens;        /**< of the chain; one is put before them */
    size_t features;      /**< d, even; with positions N_0 = d + tokens + 1 */
    double perpendicular; /**< scale of the noise outside the plane of the two means */
} hf_markov_options;

extern const hf_markov_options hf_markov_published; /**< 100, 1000, 30, 200, 1 */
enum { HF_MARKOV_HEADS = 2, HF_MARKOV_LAYERS = 2 };

/** Refuse a network without two layers of two heads, and odd numbers.
 *  @return HF_ERR_INPUT */
hf_status hf_markov_check(hf_error *error, const hf_paths_network *network, const hf_markov_options *options);

/** Path features and labels of a draw. The network must have two layers of two heads: same-token and random,
 *  then uniform and random.
 *  @param[out] train, test               to be destroyed
 *  @param[out] train_labels, test_labels shape (options.train), (options.test)
 *  @return HF_ERR_INPUT for another network or odd numbers */
hf_status hf_markov_create(hf_error *error, const hf_paths_network *network, const hf_markov_options *options,
                           hf_paths_readout readout, size_t seed, hf_paths_features **train,
                           double *train_labels, hf_paths_features **test, double *test_labels);

/* ---- a study: seeds and networks ----------------------------------------------------------------- */

/** Training and test examples. */
typedef struct hf_paths_data {
    hf_paths_features *train, *test;
    double *train_labels, *test_labels; /**< shape (P of train), (P of test) */
} hf_paths_data;

void hf_paths_data_clear(hf_paths_data *data);

/** What is asked of data: several networks that differ in their widths, on one or more draws. */
typedef struct hf_paths_study {
    char *name, *title, *text; /**< text: of the case, for the record */
    size_t networks;
    hf_paths_network *network; /**< shape (networks): of finite width; the Gaussian limit comes after them */
    hf_paths_readout readout;
    size_t starts; /**< of each minimisation */
    bool prune;    /**< whether accuracies with silenced heads are wanted */
    bool drawn;    /**< the hidden-Markov task, seeds 0 .. seeds - 1; else `data` */
    size_t seeds;
    hf_markov_options markov;
    hf_paths_data data;
} hf_paths_study;

void hf_paths_study_destroy(hf_paths_study **study);

/** Sizes of its data: training and test examples. */
void hf_paths_study_sizes(const hf_paths_study *study, size_t *train, size_t *test);

/** What comes out of one network on one draw; all of it borrowed. */
typedef struct hf_paths_outcome {
    size_t seed, network; /**< network = networks: the Gaussian limit */
    const hf_paths_data *data;
    hf_paths_solution solution;            /**< of the limit only the order and u_a are set */
    const double *kernel;                  /**< of the training examples; shape (P, P) */
    const double *eigenvalues, *alignment; /**< shape (P) */
    const double *mean, *variance;         /**< shape (P of test) */
    double accuracy, error;                /**< of the mean on test examples: share of signs, mean square */
    const double *scores;                  /**< shape (heads) */
    const size_t *pruning;                 /**< shape (heads - L) */
    const double *pruned;                  /**< accuracy with 0, 1, .. heads of `pruning` silenced;
                                                shape (heads - L + 1), NAN where the kernel left is not definite
                                                to rounding; NULL: not asked for, or the limit */
} hf_paths_outcome;

typedef struct hf_paths_observer {
    void *self;
    hf_status (*outcome)(hf_error *error, void *self, const hf_paths_outcome *outcome);
} hf_paths_observer;

/** Solve all networks on all draws, one after the other.
 *  @return what failed, with the seed, from 1, and the widths in the message */
hf_status hf_paths_study_run(hf_error *error, const hf_paths_study *study, const hf_paths_observer *observer);

#ifdef __cplusplus
}
#endif
#endif
