/* The kernel of the predictor: a sum over pairs of paths, never formed pair by pair. docs/paths.md (P2). */
#include "paths/features.h"

#include <cblas.h>

void hf_paths_mix(const hf_paths_features *features, const double *matrix, double *mixed) {
    size_t M = features->paths, each = features->count * features->width;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)M, (int)each, (int)M, 1, matrix, (int)M,
                features->phi, (int)each, 0, mixed, (int)each);
}

hf_status hf_paths_kernel(hf_error *error, const hf_paths_features *a, const hf_paths_features *b,
                          const double *order, double *kernel) {
    size_t rows = a->count, columns = b->count, width = a->width;
    double *mixed;
    HF_TRY(hf_array_create(error, b->paths * columns * width, &mixed));
    hf_paths_mix(b, order, mixed);
    for (size_t k = 0; k < a->paths; k++)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)width, 1,
                    a->phi + k * rows * width, (int)width, mixed + k * columns * width, (int)width, k > 0,
                    kernel, (int)columns);
    hf_array_destroy(&mixed);
    return HF_OK;
}
