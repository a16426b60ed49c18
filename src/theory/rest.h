/* What the verdicts on a solution are given. */
#ifndef HF_THEORY_REST_H
#define HF_THEORY_REST_H

#include <headflow/stationary.h>

/* The least risk, or free energy, that is known; NAN: none. */
double hf_rest_minimum(const hf_rest *rest);

/* Whether the solution goes to the stationary measure beside its groups, as far as can be seen: it is not
 * unstable, and most of the way to its risk is done. */
bool hf_rest_arrives(const hf_course *course, const hf_rest *rest);

/* Fill out->verdict from all the rest. */
void hf_rest_judge(const hf_problem *problem, const hf_solved *solved, hf_rest *out);

#endif
