/* Limited-memory BFGS: the two-loop recursion. J. Nocedal, S. J. Wright: Numerical Optimization, 2nd edition,
 * algorithm 7.4. */
#include "paths/lbfgs.h"

#include <cblas.h>

hf_status hf_lbfgs_create(hf_error *error, size_t count, hf_lbfgs *out) {
    *out = (hf_lbfgs){.count = count};
    HF_TRY(hf_array_create(error, 2 * HF_LBFGS_MEMORY * count, &out->steps));
    out->changes = out->steps + HF_LBFGS_MEMORY * count;
    return HF_OK;
}

void hf_lbfgs_note(hf_lbfgs *lbfgs, const double *from, const double *to, const double *slope_from,
                   const double *slope_to) {
    static const double least = 1e-10; /* share of |step||change| that counts as curvature */
    int n = (int)lbfgs->count;
    double *step = lbfgs->steps + lbfgs->next * lbfgs->count;
    double *change = lbfgs->changes + lbfgs->next * lbfgs->count;
    for (size_t i = 0; i < lbfgs->count; i++) {
        step[i] = to[i] - from[i];
        change[i] = slope_to[i] - slope_from[i];
    }
    double curvature = cblas_ddot(n, step, 1, change, 1);
    if (!(curvature > least * cblas_dnrm2(n, step, 1) * cblas_dnrm2(n, change, 1)))
        return;
    lbfgs->curvature[lbfgs->next] = curvature;
    lbfgs->next = (lbfgs->next + 1) % HF_LBFGS_MEMORY;
    lbfgs->pairs += lbfgs->pairs < HF_LBFGS_MEMORY;
}

void hf_lbfgs_apply(const hf_lbfgs *lbfgs, double *vector) {
    int n = (int)lbfgs->count;
    double weight[HF_LBFGS_MEMORY];
    if (lbfgs->pairs == 0)
        return;
    for (size_t k = 1; k <= lbfgs->pairs; k++) { /* the latest first */
        size_t at = (lbfgs->next + HF_LBFGS_MEMORY - k) % HF_LBFGS_MEMORY;
        weight[at] = cblas_ddot(n, lbfgs->steps + at * lbfgs->count, 1, vector, 1) / lbfgs->curvature[at];
        cblas_daxpy(n, -weight[at], lbfgs->changes + at * lbfgs->count, 1, vector, 1);
    }
    size_t latest = (lbfgs->next + HF_LBFGS_MEMORY - 1) % HF_LBFGS_MEMORY;
    const double *change = lbfgs->changes + latest * lbfgs->count;
    cblas_dscal(n, lbfgs->curvature[latest] / cblas_ddot(n, change, 1, change, 1), vector, 1);
    for (size_t k = lbfgs->pairs; k >= 1; k--) {
        size_t at = (lbfgs->next + HF_LBFGS_MEMORY - k) % HF_LBFGS_MEMORY;
        double along = cblas_ddot(n, lbfgs->changes + at * lbfgs->count, 1, vector, 1) / lbfgs->curvature[at];
        cblas_daxpy(n, weight[at] - along, lbfgs->steps + at * lbfgs->count, 1, vector, 1);
    }
}
