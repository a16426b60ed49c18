/* Mean and variance of the predictor. docs/paths.md (P7). Test examples are taken in blocks, so that the
 * room is that of the training examples. */
#include "paths/cholesky.h"
#include "paths/features.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

typedef struct predictor {
    const hf_paths_features *train;
    double *factor; /* of K + T 1; shape (P, P) */
    double *solved; /* (K + T 1)^-1 y; shape (P) */
    double *mixed;  /* sum_pi' U phi_pi' of the training examples; shape (M, P, N_0) */
    double *kernel; /* between training and test examples of a block; shape (P, block) */
    double *small;  /* sum_pi' U phi_pi' of one test example; shape (M, N_0) */
} predictor;

enum { BLOCK = 256 };

static hf_status prepare(hf_error *error, predictor *p, double temperature, const double *labels,
                         const double *order) {
    size_t P = p->train->count, N = p->train->width;
    hf_paths_mix(p->train, order, p->mixed);
    for (size_t k = 0; k < p->train->paths; k++)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)P, (int)P, (int)N, 1,
                    p->train->phi + k * P * N, (int)N, p->mixed + k * P * N, (int)N, k > 0, p->factor,
                    (int)P);
    for (size_t i = 0; i < P; i++)
        p->factor[i * P + i] += temperature;
    HF_TRY(hf_cholesky(error, "the kernel of the examples", P, p->factor, NULL));
    memcpy(p->solved, labels, P * sizeof *labels);
    hf_cholesky_solve(P, p->factor, p->solved);
    return HF_OK;
}

/* K(x, x) of a test example. */
static double prior(predictor *p, const hf_paths_features *test, size_t example, const double *order) {
    size_t M = test->paths, N = test->width, each = test->count * N;
    const double *phi = test->phi + example * N;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)M, (int)N, (int)M, 1, order, (int)M, phi,
                (int)each, 0, p->small, (int)N);
    double sum = 0;
    for (size_t k = 0; k < M; k++)
        sum += cblas_ddot((int)N, p->small + k * N, 1, phi + k * each, 1);
    return sum;
}

static void predict_block(predictor *p, const hf_paths_features *test, size_t first, size_t count,
                          const double *order, double *mean, double *variance) {
    size_t P = p->train->count, N = test->width;
    for (size_t k = 0; k < test->paths; k++)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)P, (int)count, (int)N, 1,
                    p->mixed + k * P * N, (int)N, test->phi + (k * test->count + first) * N, (int)N, k > 0,
                    p->kernel, (int)count);
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)P, (int)count, 1, p->kernel, (int)count, p->solved, 1, 0,
                mean, 1);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)P, (int)count, 1,
                p->factor, (int)P, p->kernel, (int)count);
    for (size_t i = 0; i < count; i++)
        variance[i] = prior(p, test, first + i, order) -
                      cblas_ddot((int)P, p->kernel + i, (int)count, p->kernel + i, (int)count);
}

hf_status hf_paths_predict(hf_error *error, double temperature, const hf_paths_features *train,
                           const double *labels, const hf_paths_features *test, const double *order,
                           double *mean, double *variance) {
    size_t P = train->count, N = train->width, M = train->paths;
    predictor p = {.train = train};
    if (test->width != N || test->paths != M)
        return hf_raise(error, HF_ERR_INPUT,
                        "test examples of %zu features and %zu paths; expected %zu and %zu, those of the "
                        "training examples",
                        test->width, test->paths, N, M);
    HF_TRY(hf_array_create(error, P * P + P + M * P * N + P * BLOCK + M * N, &p.factor));
    p.solved = p.factor + P * P;
    p.mixed = p.solved + P;
    p.kernel = p.mixed + M * P * N;
    p.small = p.kernel + P * BLOCK;
    hf_status status = prepare(error, &p, temperature, labels, order);
    for (size_t first = 0; first < test->count && status == HF_OK; first += BLOCK) {
        size_t count = test->count - first < BLOCK ? test->count - first : BLOCK;
        predict_block(&p, test, first, count, order, mean + first, variance + first);
    }
    hf_array_destroy(&p.factor);
    return status;
}

double hf_paths_accuracy(size_t count, const double *mean, const double *labels) {
    size_t right = 0;
    for (size_t i = 0; i < count; i++) {
        if (fabs(labels[i]) != 1)
            return NAN;
        right += mean[i] * labels[i] > 0;
    }
    return (double)right / (double)count;
}
