/** @file events.h
 *  Events: causal contexts of tokens with the label distribution to predict after them, and their weights.
 *  docs/theory.md (1). Equal contexts are merged, their weighted labels added. */
#ifndef HEADFLOW_EVENTS_H
#define HEADFLOW_EVENTS_H

#include <headflow/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hf_events hf_events;

/** An empty set of events.
 *  @param[in] width    d_x, components of a token, >= 1
 *  @param[in] classes  C, >= 1 */
hf_status hf_events_create(hf_error *error, size_t width, size_t classes, hf_events **out);
void hf_events_destroy(hf_events **events);

/** Add one prediction, merging it with an event of equal context (bitwise equal tokens; -0 counts as 0).
 *  @param[in] count   tokens in the context, >= 1; the last one is the query
 *  @param[in] tokens  shape (count, width), finite, copied
 *  @param[in] label   shape (classes): non-negative, sum > 0; normalised to a distribution
 *  @param[in] weight  > 0 and finite: a number of occurrences or a probability, in any unit
 *  @return HF_ERR_INPUT with what is wrong with the values (the caller knows where they came from) */
hf_status hf_events_add(hf_error *error, hf_events *events, size_t count, const double *tokens,
                        const double *label, double weight);

size_t hf_events_count(const hf_events *events);        /**< E, merged events */
size_t hf_events_width(const hf_events *events);        /**< d_x */
size_t hf_events_classes(const hf_events *events);      /**< C */
double hf_events_total(const hf_events *events);        /**< sum of the weights as added */
size_t hf_events_tokens_total(const hf_events *events); /**< tokens of all events together */

size_t hf_events_length(const hf_events *events, size_t event);        /**< t, tokens of an event */
const double *hf_events_tokens(const hf_events *events, size_t event); /**< shape (t, width) */
double hf_events_weight(const hf_events *events, size_t event);        /**< w_e, sums to 1 over events */
const double *hf_events_label(const hf_events *events, size_t event);  /**< y_e, shape (classes), sums to 1 */

/** What a generator is told; a field that it does not use must be left at its default. */
typedef struct hf_generator_options {
    double flip;      /**< probability that a label is flipped; default 0.1 */
    const char *file; /**< word list; default NULL */
    size_t window;    /**< letters a context may hold; default 8 */
} hf_generator_options;

enum { HF_GENERATOR_FLIP = 1, HF_GENERATOR_FILE = 2, HF_GENERATOR_WINDOW = 4 };

/** A named data set. */
typedef struct hf_generator {
    const char *name;
    const char *summary;
    size_t width, classes;
    unsigned options; /**< which of HF_GENERATOR_* it uses */
    hf_status (*add)(hf_error *error, const hf_generator_options *options, hf_events *events);
} hf_generator;

/** All generators; a static table of `*count` entries. */
const hf_generator *hf_generators(size_t *count);
/** The generator of that name, or NULL. */
const hf_generator *hf_generator_find(const char *name);

/** Add the predictions of a CSV file (docs/formats.md): header `tokens,label,count` in any order, count
 * optional; tokens are separated by `;`, components by spaces; a label is a class number from 0 or `classes`
 *  probabilities separated by spaces.
 *  @return HF_ERR_IO when the file cannot be read; HF_ERR_INPUT with file, line and column name */
hf_status hf_events_read_csv(hf_error *error, const char *path, hf_events *events);
/** The token width of a CSV file, read off its first row: for creating the events. */
hf_status hf_events_csv_width(hf_error *error, const char *path, size_t *width);

#ifdef __cplusplus
}
#endif
#endif
