/** @file case.h
 *  Case files: a problem as a user writes it, in YAML. docs/formats.md. Every message about a case is
 *  one line `file:line:column: key.path: what is wrong; what was expected`. */
#ifndef HEADFLOW_CASE_H
#define HEADFLOW_CASE_H

#include <headflow/flow.h>

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

#ifdef __cplusplus
}
#endif
#endif
