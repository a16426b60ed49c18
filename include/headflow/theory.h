/** @file theory.h
 *  Statements of the theory and of the numerics as computed quantities. So far: the refinement study, the
 * solver held against a reference on finer and finer grids, docs/numerics.md, section 9; and the error
 * estimate of a run, section 10. */
#ifndef HEADFLOW_THEORY_H
#define HEADFLOW_THEORY_H

#include <headflow/flowmap.h>
#include <headflow/measure.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Errors of what a solution is read for. */
typedef struct hf_errors {
    double risk;        /**< |R - R_reference| */
    double mean;        /**< Euclidean norm of the difference of the means */
    double covariance;  /**< Frobenius norm of the difference of the covariances */
    double dissipation; /**< |D - D_reference| */
    double w1;          /**< largest W1 distance of the marginals; at the end time only */
} hf_errors;

enum { HF_REFINEMENT_MAX = 8, HF_REFINEMENT_TIMES = 5, HF_TITLE_MAX = 256 };

/** One grid of a refinement study. */
typedef struct hf_refinement_row {
    size_t cells[HF_DIM_MAX];
    double spacing;  /**< largest cell width relative to its box */
    hf_errors error; /**< at the end time */
    hf_errors order; /**< observed between the grid before and this one; NAN in the first row */
    hf_errors history[HF_REFINEMENT_TIMES]; /**< errors at the five times */
    long steps;
    double seconds;
} hf_refinement_row;

/** What the grids are compared with. */
typedef enum hf_reference_kind {
    HF_REFERENCE_FLOW_MAP,  /**< characteristics from quadrature nodes, tau = 0 */
    HF_REFERENCE_RICHARDSON /**< extrapolation of the two finest grids, tau > 0 */
} hf_reference_kind;

/** A refinement study: one problem on finer and finer grids against a reference with an error estimate. */
typedef struct hf_refinement {
    char name[HF_TITLE_MAX], title[HF_TITLE_MAX];
    char flux[HF_NAME_MAX];
    int expected_order;
    size_t dim;
    char coordinate[HF_DIM_MAX][HF_NAME_MAX];
    size_t count;
    hf_refinement_row row[HF_REFINEMENT_MAX]; /**< from coarse to fine */
    hf_reference_kind kind;
    size_t nodes;                                 /**< of the flow map, an axis; 0 without */
    size_t angle_nodes;                           /**< the same on an angle; 0 without one */
    hf_flowmap_record value[HF_REFINEMENT_TIMES]; /**< the reference at T/5, 2T/5 .. T */
    hf_errors uncertainty[HF_REFINEMENT_TIMES];   /**< error estimates of the reference */
    hf_errors reference;                          /**< the same at the end time */
    bool judged;                                  /**< the reference is good enough to judge an order by */
    bool passed; /**< judged, and the observed order of the risk reaches the scheme's; or all errors are tiny
                  */
} hf_refinement;

/** How a study is made; zero fields take the defaults. */
typedef struct hf_refinement_options {
    size_t levels; /**< grids, 2..8; the finest has the problem's cells, each other half of the next; default
                      3 */
    size_t
        nodes; /**< of the flow map, an axis; its error estimate compares with 8 more; default by dimension */
    void *self;
    /** Told what is about to be done; may be NULL. */
    void (*progress)(void *self, const char *what);
} hf_refinement_options;

/** The reference alone: value, uncertainty, reference, kind, nodes. tau = 0 only. */
hf_status hf_refinement_reference(hf_error *error, const hf_problem *problem,
                                  const hf_refinement_options *options, hf_refinement *out);

/** The whole study.
 *  @return HF_OK also when the order is too low: see `passed` */
hf_status hf_refinement_run(hf_error *error, const hf_problem *problem, const hf_refinement_options *options,
                            hf_refinement *out);

/* ---- the error estimate of a run -------------------------------------------------------------------- */

/** Estimate the errors of a run from the same problem on two thirds and on four ninths of its cells. Entries
 * of `errors` are those of `records`: an error estimate where the member is an integral of the density, else
 * meaningless; NAN where the run ended before its second output. docs/numerics.md (29).
 *  @param[in]  problem  that was run
 *  @param[in]  records  shape (count): all its outputs in order of time, the first at 0
 *  @param[out] errors   shape (count) */
hf_status hf_estimate_run(hf_error *error, const hf_problem *problem, size_t count, const hf_record records[],
                          hf_record errors[]);

/** Whether the two coarser grids can be divided among the ranks of the problem, as the problem's own can be.
 *  @return HF_ERR_INPUT when one cannot, alike on all ranks: with how many ranks all three can */
hf_status hf_estimate_divides(hf_error *error, const hf_problem *problem);

#ifdef __cplusplus
}
#endif
#endif
