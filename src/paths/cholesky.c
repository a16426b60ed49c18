/* LAPACK's Cholesky factorisation for arrays that run along rows: the lower triangle of such an array is the
 * upper one of LAPACK's, so that nothing is copied. */
#include "paths/cholesky.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>

hf_status hf_cholesky(hf_error *error, const char *what, size_t n, double *matrix, double *condition) {
    int size = (int)n;
    double norm = LAPACKE_dlansy(LAPACK_COL_MAJOR, '1', 'U', size, matrix, size), reciprocal = 0;
    if (!(norm >= 0 && isfinite(norm))) /* LAPACKE has a negative norm for what is not a number */
        return hf_raise(error, HF_ERR_NUMERIC, "%s is not finite", what);
    int place = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', size, matrix, size);
    if (place != 0)
        return hf_raise(error, HF_ERR_NUMERIC, "%s is not positive definite: negative pivot in row %d of %zu",
                        what, place, n);
    LAPACKE_dpocon(LAPACK_COL_MAJOR, 'U', size, matrix, size, norm, &reciprocal);
    if (reciprocal < (double)n * DBL_EPSILON) /* each pivot carries n roundings of the norm */
        return hf_raise(error, HF_ERR_NUMERIC,
                        "%s is not positive definite to rounding: its reciprocal condition is %.1e", what,
                        reciprocal);
    if (condition != NULL)
        *condition = 1 / reciprocal;
    return HF_OK;
}

double hf_cholesky_log_determinant(size_t n, const double *factor) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += 2 * log(factor[i * n + i]);
    return sum;
}

void hf_cholesky_solve(size_t n, const double *factor, double *x) {
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, factor, (int)n, x, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, (int)n, factor, (int)n, x, 1);
}

void hf_cholesky_invert(size_t n, double *factor) {
    LAPACKE_dpotri(LAPACK_COL_MAJOR, 'U', (int)n, factor, (int)n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            factor[i * n + j] = factor[j * n + i];
}
