/* Tall matrices in blocks of rows, and their products with a few vectors at a time. */
#include "attention/tall.h"

#include "base/simd.h"

enum { PACKS = HF_TALL / HF_PACK };

hf_status hf_tall_create(hf_error *error, size_t rows, size_t columns, hf_tall *out) {
    *out = (hf_tall){.rows = rows, .columns = columns, .blocks = (rows + HF_TALL - 1) / HF_TALL};
    return hf_array_create(error, out->blocks * columns * HF_TALL, &out->entry);
}

void hf_tall_destroy(hf_tall *tall) {
    hf_array_destroy(&tall->entry);
    *tall = (hf_tall){0};
}

/* The count is a constant where these are called, so that their sums stay in registers. */
static inline __attribute__((always_inline)) void apply(const double *restrict a, size_t columns,
                                                        size_t count, const double *restrict x,
                                                        double (*restrict y)[HF_TALL]) {
    hf_pack sum[HF_TALL_VECTORS][PACKS] = {0};
    for (size_t k = 0; k < columns; k++)
        for (size_t p = 0; p < PACKS; p++) {
            hf_pack entry = HF_PACK_OF(a + k * HF_TALL + p * HF_PACK);
            for (size_t t = 0; t < count; t++)
                sum[t][p] += x[t * columns + k] * entry;
        }
    for (size_t t = 0; t < count; t++)
        for (size_t p = 0; p < PACKS; p++)
            HF_PACK_AT(y[t] + p * HF_PACK) = sum[t][p];
}

static inline __attribute__((always_inline)) void project(const double *restrict a, size_t columns,
                                                          size_t count, double (*const y)[HF_TALL],
                                                          double *restrict sum) {
    hf_pack rhs[HF_TALL_VECTORS][PACKS];
    for (size_t t = 0; t < count; t++)
        for (size_t p = 0; p < PACKS; p++)
            rhs[t][p] = HF_PACK_OF(y[t] + p * HF_PACK);
    for (size_t k = 0; k < columns; k++) {
        hf_pack entry[PACKS];
        for (size_t p = 0; p < PACKS; p++)
            entry[p] = HF_PACK_OF(a + k * HF_TALL + p * HF_PACK);
        for (size_t t = 0; t < count; t++)
            HF_PACK_AT(sum + (t * columns + k) * HF_PACK) +=
                (rhs[t][0] * entry[0] + rhs[t][1] * entry[1]) + (rhs[t][2] * entry[2] + rhs[t][3] * entry[3]);
    }
}

HF_CLONES void hf_tall_apply(const hf_tall *tall, size_t block, size_t count, const double *x,
                             double (*y)[HF_TALL]) {
    const double *a = tall->entry + block * tall->columns * HF_TALL;
    switch (count) {
    case 1:
        apply(a, tall->columns, 1, x, y);
        break;
    case 2:
        apply(a, tall->columns, 2, x, y);
        break;
    case 3:
        apply(a, tall->columns, 3, x, y);
        break;
    default:
        apply(a, tall->columns, 4, x, y);
    }
}

HF_CLONES void hf_tall_project(const hf_tall *tall, size_t block, size_t count, double (*const y)[HF_TALL],
                               double *sum) {
    const double *a = tall->entry + block * tall->columns * HF_TALL;
    switch (count) {
    case 1:
        project(a, tall->columns, 1, y, sum);
        break;
    case 2:
        project(a, tall->columns, 2, y, sum);
        break;
    case 3:
        project(a, tall->columns, 3, y, sum);
        break;
    default:
        project(a, tall->columns, 4, y, sum);
    }
}
