/* What the figures of a comparison share: which ensembles they show, and how these are called. */
#ifndef HF_STORE_FIGURE_CHAOS_H
#define HF_STORE_FIGURE_CHAOS_H

#include <headflow/chaos.h>

#include <stdio.h>

enum { HF_TRAININGS_MAX = 6, HF_CURVES_MAX = HF_DIM_MAX + HF_JOINT, HF_CAPTION_MAX = 160 };

/* A way to train, as an ensemble whose number of heads does not count. */
typedef hf_ensemble hf_training;

bool hf_training_same(const hf_training *a, const hf_training *b);

/* Negative where a comes before b: the smaller step first, and then the larger batch. */
int hf_training_order(const hf_training *a, const hf_training *b);

/* The ways to train that occur, in their order; of more than `most` as many, evenly chosen with both ends.
 * out: shape (most) */
hf_status hf_training_list(hf_error *error, const hf_chaos *chaos, size_t most, size_t *count,
                           hf_training out[]);

/* The same of the ensembles of `heads` heads alone, each batch once with its smallest step. */
hf_status hf_batch_list(hf_error *error, const hf_chaos *chaos, size_t heads, size_t most, size_t *count,
                        hf_training out[]);

/* "ε = 0.05, b = 8", in gnuplot's markup. */
void hf_training_label(const hf_training *training, char label[HF_CAPTION_MAX]);

/* "b = 8", "full batch" */
void hf_batch_label(size_t batch, char label[HF_CAPTION_MAX]);

/* The numbers of heads that occur, ascending, each once; or the steps that are known, of ensembles of `heads`
 * heads. values: on the heap, shape (count): free it with hf_array_destroy */
hf_status hf_figure_heads(hf_error *error, const hf_chaos *chaos, size_t *count, double **values);
hf_status hf_figure_steps(hf_error *error, const hf_chaos *chaos, size_t heads, size_t *count,
                          double **values);

/* The largest number of heads. */
size_t hf_figure_most_heads(const hf_chaos *chaos);

/* Whether there are two numbers of heads: one makes no curve. */
bool hf_figure_heads_vary(const hf_chaos *chaos);

/* The next ensemble of a way to train by ascending N, after *previous or from NULL on; NULL: no more. */
const hf_chaos_group *hf_figure_next(const hf_chaos *chaos, const hf_training *training,
                                     const hf_chaos_group *previous);

/* A quantity of an ensemble at its last time. */
const hf_interval *hf_figure_last(const hf_chaos *chaos, const hf_chaos_group *group, size_t quantity);

/* Whether there is a prediction of the coupling error of any ensemble at its last time. */
bool hf_figure_predicted(const hf_chaos *chaos);

/* What a bound is at most to be shown beside what is measured. */
double hf_figure_bound_most(double largest_measured);

#define HF_BESIDE 1.4 /* what is left and right of the values, as a factor */

/* A logarithmic x axis with ticks at the values, or at some of them where they are many. values: ascending */
void hf_figure_value_axis(FILE *script, size_t count, const double values[], const char *label);

/* " at t = 8": the last time of all ensembles; " at the last time" where they differ. */
void hf_figure_last_label(const hf_chaos *chaos, char label[HF_CAPTION_MAX]);

/* Styles of bounds; kinds of points that go with line types 1, 2, .. */
extern const char *const hf_bound_styles[HF_BOUNDS];
extern const int hf_point_types[HF_CURVES_MAX];

/* The frame of a figure 85 mm wide with its key of so many rows in two columns below, under a row for the
 * key's title if it has one; the title over it. */
void hf_figure_frame(FILE *script, const char *title, const char *name, double height, size_t key_entries,
                     const char *key_title);

/* The factor by which the k-th curve is shifted along a logarithmic axis, so that intervals of several are
 * seen side by side. */
double hf_figure_shift(size_t k, size_t curves);

/* Define `size`, by which point sizes are multiplied to be the same in all formats. */
void hf_figure_point_sizes(FILE *script);

/* Continue a plot command: points with their intervals, of a block of a data file, in the k-th colour.
 * Columns x and the three behind it: place, value, lower and upper end */
void hf_figure_points(FILE *script, const char *file, size_t block, int x, size_t k, const char *label);

/* Values that an axis must hold, as they come. */
typedef struct hf_extent {
    double lowest, highest; /* positive; 0: none */
} hf_extent;

void hf_extent_add(hf_extent *extent, double value);
void hf_extent_axis(FILE *script, const hf_extent *extent);

#endif
