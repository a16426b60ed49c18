/* What headflow limit prints. */
#ifndef HF_CLI_LIMIT_H
#define HF_CLI_LIMIT_H

#include <headflow/stationary.h>

/* Where a case or a solution comes to rest, as tables on standard output.
 * solved: NULL of a case alone */
void limit_print_tables(const hf_problem *problem, const hf_solved *solved, const hf_rest *rest);

/* The same in one JSON object, on one line. */
void limit_print_json(const hf_problem *problem, const hf_rest *rest, const char *path);

#endif
