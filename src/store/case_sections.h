/** @file case_sections.h
 *  What the readers of a case's sections share: the case on its way from a tree to a problem. Sections are
 *  read in the order below, each relying on those before it; large data comes last, after all that is cheap
 *  to check. */
#ifndef HEADFLOW_STORE_CASE_SECTIONS_H
#define HEADFLOW_STORE_CASE_SECTIONS_H

#include "store/schema.h"
#include <headflow/flow.h>

enum { HF_CASE_WIDTH_MAX = 64 }; /**< of tokens and of labels; matrices are written out in the case */

typedef struct hf_case {
    hf_problem_input input; /**< filled as the sections are read; its pointers are to what follows here */
    size_t width, classes;
    double *matrices;         /**< the four arrays of input.heads, one after the other */
    hf_component *components; /**< shape (input.component_count) */

    const hf_yaml *events;         /**< of data.events, or NULL */
    const hf_generator *generator; /**< of data.generator, or NULL */
    hf_generator_options options;
    char *file;                             /**< of data.file, relative to the case file's folder, or NULL */
    const hf_yaml *file_node, *source_node; /**< what to blame: for data.file, or NULL; for anything else */
} hf_case;

/** The path of a file that a case names: relative to the folder of the case file.
 *  @param[in]  path  of the case file
 *  @param[out] out   on the heap; free it with free() */
hf_status hf_case_file(hf_error *error, const char *path, const char *name, char **out);

/** What becomes of the tree of a case, whose root is borrowed during the call. */
typedef hf_status hf_case_reader(hf_error *error, void *self, const char *path, const hf_yaml *root);

/** The tree of a case file with its overrides, handed to `read`; and its text with the overrides behind it.
 *  @param[out] text  on the heap; free it with free(); may be NULL */
hf_status hf_case_read_tree(hf_error *error, const char *path, size_t count, const char *const overrides[],
                            hf_case_reader *read, void *self, char **text);

/** The models that a case can be of: the rows of a table in case_tree.c. */
typedef enum hf_case_model_kind { HF_CASE_HEADS, HF_CASE_TOKENS, HF_CASE_PATHS } hf_case_model_kind;

/** HF_ERR_INPUT when the case is of another model. */
hf_status hf_case_expect_model(hf_error *error, const hf_yaml *root, hf_case_model_kind expected);

/** HF_ERR_INPUT for a name that cannot name a folder. */
hf_status hf_case_check_name(hf_error *error, const hf_yaml *root, const char *name);

/** data: the source of the events, its width and classes.
 *  @param[in] path   of the case file
 *  @param[in] heads  the section `heads`: a CSV file leaves the number of classes to its value matrix */
hf_status hf_case_read_source(hf_error *error, const hf_yaml *data, const char *path, const hf_yaml *heads,
                              hf_case *c);

/** heads: form, coordinates and matrices; fills input.heads, input.dim and the names of the axes. */
hf_status hf_case_read_heads(hf_error *error, const hf_yaml *heads, hf_case *c);

/** grid: the rest of the axes. */
hf_status hf_case_read_grid(hf_error *error, const hf_yaml *grid, hf_case *c);

/** initial: the components of the initial density.
 *  @param[in] path  of the case file */
hf_status hf_case_read_initial(hf_error *error, const hf_yaml *initial, const char *path, hf_case *c);

/** regularisation, scheme, time, checkpoint, particles: numbers of the method. Sections that are absent are
 * NULL. */
hf_status hf_case_read_regularisation(hf_error *error, const hf_yaml *regularisation, hf_case *c);
hf_status hf_case_read_scheme(hf_error *error, const hf_yaml *scheme, hf_case *c);
hf_status hf_case_read_time(hf_error *error, const hf_yaml *time, hf_case *c);
hf_status hf_case_read_checkpoint(hf_error *error, const hf_yaml *checkpoint, hf_case *c);
hf_status hf_case_read_particles(hf_error *error, const hf_yaml *particles, hf_case *c);

/** data, again: the events themselves, from the source read before. */
hf_status hf_case_read_events(hf_error *error, hf_case *c);

#endif
