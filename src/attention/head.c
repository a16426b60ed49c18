/* One head on one event: its logits with their first and second derivatives in theta. docs/theory.md (4),
 * (9).
 *
 * The context is an attention-weighted mean of tokens, so that its derivatives in the features are central
 * moments; the chain rule through the form gives those in alpha, and W(v) those of the logits. */
#include "attention/model.h"

#include <math.h>
#include <string.h>

enum {
    K_MAX = HF_FEATURES_MAX,
    WEIGHTS_MAX = 1 + K_MAX + K_MAX * K_MAX, /* 1, S_k, S_k S_l */
    COLUMNS_MAX = 1 + HF_WIDTH_MAX           /* 1, x_i */
};

/* m[f][0] = E[f], m[f][1 + i] = E[f x_i] under the attention weights, for the weights f = 1, S_k, S_k S_l in
 * that order. x and S are differences from the top token, which is returned: its tokens' components.
 * m: shape (1 + K + K^2, 1 + width) */
static const double *take_moments(const hf_model *model, size_t event, const double *phi, double *m) {
    size_t K = model->features, width = model->width, length = hf_events_length(model->events, event);
    size_t weights = 1 + K + K * K, columns = 1 + width;
    const double *tokens = hf_events_tokens(model->events, event);
    const double *score = model->score + model->first_token[event] * (1 + K);
    hf_top_token top = hf_model_top_token(K, length, score, phi);
    const double *top_x = tokens + top.token * width, *top_S = score + top.token * (1 + K) + 1;
    memset(m, 0, weights * columns * sizeof *m);
    for (size_t s = 0; s < length; s++) {
        const double *row = score + s * (1 + K), *x = tokens + s * width;
        double f[WEIGHTS_MAX] = {exp(hf_model_token_score(K, row, phi) - top.score)};
        for (size_t k = 0; k < K; k++) {
            f[1 + k] = f[0] * (row[1 + k] - top_S[k]);
            for (size_t l = 0; l < K; l++)
                f[1 + K + k * K + l] = f[1 + k] * (row[1 + l] - top_S[l]);
        }
        for (size_t r = 0; r < weights; r++) {
            m[r * columns] += f[r];
            for (size_t i = 0; i < width; i++)
                m[r * columns + 1 + i] += f[r] * (x[i] - top_x[i]);
        }
    }
    double total = m[0];
    for (size_t r = 0; r < weights * columns; r++)
        m[r] /= total;
    return top_x;
}

/* Derivatives of component i of the context in the features, (9), then in alpha.
 * dc: shape (n); d2c: shape (n, n) */
static void context_derivatives(const hf_model *model, const double *m, size_t i, const double *dphi,
                                const double *d2phi, double *dc, double *d2c) {
    size_t K = model->features, n = model->alphas, columns = 1 + model->width;
    const double *S = m + columns, *SS = S + K * columns;
    double x = m[1 + i], first[K_MAX], second[K_MAX][K_MAX];
    for (size_t k = 0; k < K; k++) {
        first[k] = S[k * columns + 1 + i] - S[k * columns] * x;
        for (size_t l = 0; l < K; l++) {
            const double *pair = SS + (k * K + l) * columns;
            second[k][l] = pair[1 + i] - pair[0] * x - S[k * columns + 1 + i] * S[l * columns] -
                           S[l * columns + 1 + i] * S[k * columns] + 2 * S[k * columns] * S[l * columns] * x;
        }
    }
    for (size_t a = 0; a < n; a++) {
        dc[a] = 0;
        for (size_t k = 0; k < K; k++)
            dc[a] += first[k] * dphi[k * n + a];
        for (size_t b = 0; b < n; b++) {
            d2c[a * n + b] = 0;
            for (size_t k = 0; k < K; k++) {
                d2c[a * n + b] += first[k] * d2phi[(k * n + a) * n + b];
                for (size_t l = 0; l < K; l++)
                    d2c[a * n + b] += second[k][l] * dphi[k * n + a] * dphi[l * n + b];
            }
        }
    }
}

void hf_model_head_derivatives(const hf_model *model, size_t event, const double *theta, double *logits,
                               double *jacobian, double *hessian) {
    size_t n = model->alphas, J = model->values, dim = n + J, width = model->width, classes = model->classes;
    const double *v = theta + n;
    double phi[K_MAX], dphi[K_MAX * HF_ATTENTION_MAX], d2phi[K_MAX * HF_ATTENTION_MAX * HF_ATTENTION_MAX];
    double m[WEIGHTS_MAX * COLUMNS_MAX];
    model->form->features(n, theta, phi, dphi, d2phi);
    const double *top = take_moments(model, event, phi, m);
    memset(logits, 0, classes * sizeof *logits);
    memset(jacobian, 0, classes * dim * sizeof *jacobian);
    if (hessian != NULL)
        memset(hessian, 0, classes * dim * dim * sizeof *hessian);
    for (size_t i = 0; i < width; i++) {
        double dc[HF_ATTENTION_MAX], d2c[HF_ATTENTION_MAX * HF_ATTENTION_MAX];
        double context = top[i] + m[1 + i];
        context_derivatives(model, m, i, dphi, d2phi, dc, d2c);
        for (size_t c = 0; c < classes; c++) {
            double W = model->value_matrix[0][c * width + i], *row = jacobian + c * dim;
            for (size_t j = 0; j < J; j++) {
                double Wj = model->value_matrix[1 + j][c * width + i];
                W += v[j] * Wj;
                row[n + j] += Wj * context;
                for (size_t a = 0; a < n && hessian != NULL; a++) {
                    hessian[(c * dim + a) * dim + n + j] += Wj * dc[a];
                    hessian[(c * dim + n + j) * dim + a] += Wj * dc[a];
                }
            }
            logits[c] += W * context;
            for (size_t a = 0; a < n; a++) {
                row[a] += W * dc[a];
                for (size_t b = 0; b < n && hessian != NULL; b++)
                    hessian[(c * dim + a) * dim + b] += W * d2c[a * n + b];
            }
        }
    }
}
