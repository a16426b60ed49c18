/* What the verdicts on a solution are given. */
#ifndef HF_THEORY_REST_H
#define HF_THEORY_REST_H

#include <headflow/stationary.h>

/* The least risk, or free energy, that is known; NAN: none. */
double hf_rest_minimum(const hf_rest *rest);

/* Standard deviation along a direction at an output, in widths of a cell along it. */
double hf_rest_cells_wide(const hf_problem *problem, const hf_course *course, size_t output,
                          const double *direction);

/* Fill out->verdict from all the rest. */
void hf_rest_judge(const hf_problem *problem, const hf_solved *solved, hf_rest *out);

#endif
