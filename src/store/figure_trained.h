/* Trained heads and the density of their limit at the same times: what figures of both need. */
#ifndef HF_STORE_FIGURE_TRAINED_H
#define HF_STORE_FIGURE_TRAINED_H

#include "store/figure.h"

/* The output of the density at a time of the heads; false where there is none. */
bool hf_trained_output(const hf_figure_source *source, size_t index, size_t *output);

/* The ensemble with the most heads, of those of `most` at most if there are any, else with the fewest; of
 * these the one whose way to train comes first. */
size_t hf_trained_choose(const hf_trajectories *trained, size_t most);

/* An angle into its box. */
double hf_trained_wrap(const hf_axis *axis, double x);

/* The density at an output, made non-negative. rho: shape (cells) */
hf_status hf_trained_density(hf_error *error, const hf_figure_source *source, size_t output, double *rho);

/* The part of an axis that a figure shows. */
typedef struct hf_span {
    double lower, upper;
} hf_span;

#define HF_SPAN_EMPTY ((hf_span){INFINITY, -INFINITY})

/* Add where a marginal is not empty, in whole cells. marginal: shape (cells of the axis) */
void hf_span_add_marginal(const hf_grid *grid, size_t axis, const double *marginal, hf_span *out);

/* Add where heads are. theta: shape (heads, D) */
void hf_span_add_heads(const hf_grid *grid, size_t axis, size_t heads, const double *theta, hf_span *out);

/* A margin around what is there; angles whole. */
void hf_span_finish(const hf_axis *axis, hf_span *out);

/* Distance of ticks: 1, 2 or 5 times a power of ten, at most so many in a span. */
double hf_span_ticks(const hf_span *span, size_t most);

#endif
