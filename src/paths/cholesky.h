/* Cholesky factors of symmetric matrices, row by row, and whether they can be trusted. The one place that
 * calls LAPACK for them. */
#ifndef HF_PATHS_CHOLESKY_H
#define HF_PATHS_CHOLESKY_H

#include <headflow/base.h>

/* Overwrite the lower triangle of a matrix with its factor; the upper one is left alone.
 * what: of the matrix, for the message. matrix: shape (n, n)
 * condition: an estimate of the matrix's, in the 1-norm; NULL: not asked for
 * HF_ERR_NUMERIC when it is not positive definite, or singular to rounding */
hf_status hf_cholesky(hf_error *error, const char *what, size_t n, double *matrix, double *condition);

/* ln det of what was factored. */
double hf_cholesky_log_determinant(size_t n, const double *factor);

/* x = (F F^T)^-1 x. x: shape (n) */
void hf_cholesky_solve(size_t n, const double *factor, double *x);

/* Overwrite a factor with the inverse of what was factored, both triangles. */
void hf_cholesky_invert(size_t n, double *factor);

#endif
