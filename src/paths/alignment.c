/* How the eigenvectors of a kernel align with the labels. docs/paths.md (P9). */
#include <headflow/paths.h>

#include <cblas.h>
#include <lapacke.h>
#include <math.h>

hf_status hf_paths_alignment(hf_error *error, size_t count, double *kernel, const double *labels,
                             double *eigenvalues, double *alignment) {
    int size = (int)count;
    if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', size, kernel, size, eigenvalues) != 0)
        return hf_raise(error, HF_ERR_NUMERIC, "the eigenvalues of a kernel of %zu examples do not converge",
                        count);
    for (size_t i = 0, j = count - 1; i < j; i++, j--) {
        double swap = eigenvalues[i];
        eigenvalues[i] = eigenvalues[j];
        eigenvalues[j] = swap;
    }
    for (size_t i = 0; i < count; i++)
        alignment[i] =
            fabs(cblas_ddot(size, kernel + (count - 1 - i) * count, 1, labels, 1)) / sqrt((double)count);
    return HF_OK;
}
