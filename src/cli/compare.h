/* What headflow compare prints. */
#ifndef HF_CLI_COMPARE_H
#define HF_CLI_COMPARE_H

#include <headflow/chaos.h>

/* The tables of a comparison, to standard output. */
void compare_print_tables(const hf_problem *problem, const hf_chaos *chaos, double seconds, const char *path);

/* The same in one JSON object, on one line. */
void compare_print_json(const hf_problem *problem, const hf_chaos *chaos, const char *path);

#endif
