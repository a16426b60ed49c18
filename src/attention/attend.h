/* Attention at a block of points alpha at once: an event's tokens are the same for all of them, so that a
 * block is a vector operation, exponentials included. To be inlined into functions with HF_CLONES. */
#ifndef HF_ATTENTION_ATTEND_H
#define HF_ATTENTION_ATTEND_H

#include "attention/model.h"
#include "base/simd.h"

#include <math.h>
#include <string.h>

enum { HF_ATTEND = 128 }; /* points at once: the work of a block stays in the first cache */

/* s = S_0 + sum_k phi_k S_k. phi: rows of length stride */
static inline void hf_attend_scores(size_t n, size_t K, const double *S, const double *phi, size_t stride,
                                    double *restrict s) {
    for (size_t i = 0; i < n; i++)
        s[i] = S[0];
    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < n; i++)
            s[i] += phi[k * stride + i] * S[1 + k];
}

/* Unnormalised attention of one token, exp(s - top); the caller has the largest score in `top`. */
static inline void hf_attend_token(size_t n, const double *restrict top, double *restrict s) {
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        s[i] = exp(s[i] - top[i]);
}

static inline void hf_attend_top(size_t n, size_t K, size_t length, const double *S, const double *phi,
                                 size_t stride, double *restrict s, double *restrict top) {
    hf_attend_scores(n, K, S, phi, stride, top);
    for (size_t t = 1; t < length; t++) {
        hf_attend_scores(n, K, S + t * (1 + K), phi, stride, s);
        for (size_t i = 0; i < n; i++)
            top[i] = s[i] > top[i] ? s[i] : top[i];
    }
}

static inline void hf_attend_add(size_t n, double factor, const double *restrict x, double *restrict y) {
    for (size_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

/* Unnormalised contexts of an event, sums of its tokens under the attention.
 *  S        shape (length, 1 + K): scores of its tokens
 *  tokens   shape (length, width)
 *  context  shape (width, HF_ATTEND)
 *  total    shape (HF_ATTEND): what to divide by */
static inline void hf_attend_contexts(size_t n, size_t K, size_t width, size_t length, const double *S,
                                      const double *tokens, const double *phi, size_t stride,
                                      double (*restrict context)[HF_ATTEND], double *restrict total) {
    double s[HF_ATTEND], top[HF_ATTEND];
    hf_attend_top(n, K, length, S, phi, stride, s, top);
    memset(total, 0, n * sizeof *total);
    for (size_t w = 0; w < width; w++)
        memset(context[w], 0, n * sizeof **context);
    for (size_t t = 0; t < length; t++) {
        hf_attend_scores(n, K, S + t * (1 + K), phi, stride, s);
        hf_attend_token(n, top, s);
        hf_attend_add(n, 1, s, total);
        for (size_t w = 0; w < width; w++)
            hf_attend_add(n, tokens[t * width + w], s, context[w]);
    }
}

#endif
