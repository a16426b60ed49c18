/** @file case.h
 *  Case files: a problem as a user writes it, in YAML. docs/formats.md. Every message about a case is
 *  one line `file:line:column: key.path: what is wrong; what was expected`. */
#ifndef HEADFLOW_CASE_H
#define HEADFLOW_CASE_H

#include <headflow/paths.h>
#include <headflow/tokens.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A named case, for lists. */
typedef struct hf_case_entry {
    char *name;  /**< the file's name without .yaml */
    char *title; /**< the case's title, or why the file cannot be read */
} hf_case_entry;

/** The file of a case. An argument with a `/`, beginning with a dot or ending in .yaml or .yml is a path
 * already; any other is a name, looked for in $HEADFLOW_CASES, ./cases, folders `cases` near the program, and
 * the installed ones.
 *  @param[out] path  on the heap; free it with free()
 *  @return HF_ERR_INPUT for an unknown name, with the nearest known one */
hf_status hf_case_find(hf_error *error, const char *case_argument, char **path);

/** The cases of the first folder that has any, in order of their names. Free with hf_case_names_destroy.
 *  @param[out] entries  shape (count); NULL when there are none */
hf_status hf_case_names(hf_error *error, size_t *count, hf_case_entry **entries);
void hf_case_names_destroy(size_t count, hf_case_entry **entries);

/** The model that a case is of, `heads` where it does not say.
 *  @param[out] model  a static text */
hf_status hf_case_model(hf_error *error, const char *path, size_t override_count,
                        const char *const overrides[], const char **model);

/** A case of tokens. */
typedef struct hf_case_tokens {
    hf_tokens_input input; /**< name and title are those below */
    char *name, *title;
    char *text; /**< of the file, with the overrides as comment lines behind it */
} hf_case_tokens;

/** Read and check a case of tokens. Clear it whatever the status. */
hf_status hf_case_read_tokens(hf_error *error, const char *path, size_t override_count,
                              const char *const overrides[], hf_case_tokens *out);
void hf_case_clear_tokens(hf_case_tokens *tokens);

/** Read and check a case of attention paths, with the data that it names.
 *  @param[out] study  to be destroyed with hf_paths_study_destroy */
hf_status hf_case_read_paths(hf_error *error, const char *path, size_t override_count,
                             const char *const overrides[], hf_paths_study **study);

/** Read a case file, check all of it, and build its problem.
 *  @param[in]  overrides  shape (override_count): KEY.KEY=VALUE, the value in YAML; the last of a key counts
 *  @param[out] problem    destroy it with hf_problem_destroy
 *  @param[out] text       the file's text with the overrides as comment lines behind it, for the record of
 *                         what was run; free it with free(); may be NULL
 *  @return HF_ERR_INPUT with the position; HF_ERR_IO when a data file that the case names cannot be read */
hf_status hf_case_read(hf_error *error, const char *path, size_t override_count,
                       const char *const overrides[], hf_problem **problem, char **text);

/** The same as a problem that ranks share: hf_problem_ranks. Each of them reads the files by itself. */
hf_status hf_case_read_shared(hf_error *error, const hf_ranks *ranks, const char *path, size_t override_count,
                              const char *const overrides[], hf_problem **problem, char **text);

/** Where two cases differ, key by key, overrides included; comments, layout and the order of keys do not
 * count.
 *  @param[in]  then, now  the texts that hf_case_read gives
 *  @param[out] text       shape (size): the first differences in words: "grid.cells[0] was 64, now 128"
 *  @param[out] count      how many there are
 *  @return HF_ERR_INPUT when a text is no case */
hf_status hf_case_difference(hf_error *error, const char *then, const char *now, size_t size, char *text,
                             size_t *count);

#ifdef __cplusplus
}
#endif
#endif
