/* headflow's own N_Vector: one aligned array and vectorised operations. docs/numerics.md, section 7. */
#ifndef HF_FLOW_VECTOR_H
#define HF_FLOW_VECTOR_H

#include <stddef.h>
#include <sundials/sundials_nvector.h>

/* A vector of `length` zeros, or NULL when there is no room; free it with N_VDestroy. */
N_Vector hf_vector_create(size_t length, SUNContext context);

/* Its elements. */
double *hf_vector_values(N_Vector vector);

#endif
