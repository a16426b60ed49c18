/* headflow's own N_Vector: a density and one number more, with operations that are recorded and run together.
 * docs/numerics.md, section 7. */
#ifndef HF_FLOW_VECTOR_H
#define HF_FLOW_VECTOR_H

#include "flow/states.h"
#include <headflow/ranks.h>

#include <sundials/sundials_nvector.h>

/* A vector of `count` zeros on this rank and one number behind them that all ranks hold alike and that norms
 * and products count once: its length is the sum of the counts of all ranks, plus 1. Collective.
 * ranks: borrowed, NULL for one process alone; states: borrowed, room for arrays of count + 1 numbers, which
 * the vector and its clones, as many as there is room for, take theirs from. Vectors that meet in an
 * operation must be clones of one another. A clone's elements are whatever was there, and a clone is
 * never refused for want of memory. NULL when there is no room; free it with N_VDestroy. */
N_Vector hf_vector_create(size_t count, const hf_ranks *ranks, hf_states *states, SUNContext context);

/* Its elements, shape (count + 1), once all that is recorded has run; to read or to write, until the next
 * operation of SUNDIALS on any clone. */
double *hf_vector_values(N_Vector vector);

#endif
