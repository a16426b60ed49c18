/* The constant-coefficient diffusion solve (I - gamma tau Laplace_h) x = b by fast cosine transforms (real
 * Fourier on periodic axes): the preconditioner of the implicit integration for tau > 0. docs/numerics.md
 * (20). */
#ifndef HF_FLOW_PRECONDITION_H
#define HF_FLOW_PRECONDITION_H

#include <headflow/grid.h>

typedef struct hf_diffusion hf_diffusion;

/* On a part of a divided grid collective, create and solve. */
hf_status hf_diffusion_create(hf_error *error, const hf_grid *grid, hf_diffusion **out);
void hf_diffusion_destroy(hf_diffusion **diffusion);

/* b, x: shape (cells); may alias. coefficient = gamma tau >= 0. */
void hf_diffusion_solve(hf_diffusion *diffusion, double coefficient, const double *b, double *x);

#endif
