/* N heads at once: averaged logits and the gradient of a potential at each head. docs/theory.md (5), (8)-(9).
 *
 * The same sums as in model.c and head.c, with the heads innermost: an event's tokens are the same for all
 * heads, so that a block of heads is a vector operation, exponentials included. Heads are taken block by
 * block and events in order: the result does not depend on the number of threads. */
#include "attention/attend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = HF_ATTEND, K_MAX = HF_FEATURES_MAX, ALPHA_MAX = HF_ATTENTION_MAX };

struct hf_cloud {
    const hf_model *model;
    size_t heads;
    double *theta;     /* shape (D, heads) */
    double *phi;       /* shape (K, heads) */
    double *dphi;      /* shape (K, n_alpha, heads) */
    double *slope;     /* coefficients of the potential and their derivatives in the features:
                          shape (1 + n_v, 1 + K, heads) */
    double *projected; /* tokens of an event against the residual: shape (longest event, 1 + n_v) */
};

/* ---- kernels on a block ------------------------------------------------------------------------------- */

HF_CLONES static void context_block(size_t n, size_t K, size_t width, size_t length, const double *S,
                                    const double *tokens, const double *phi, size_t stride,
                                    double (*restrict context)[BLOCK], double *restrict total) {
    hf_attend_contexts(n, K, width, length, S, tokens, phi, stride, context, total);
}

/* Adds an event's share to the coefficients G_j = E[b_j] and their slopes Cov(S_k, b_j).
 * b: shape (length, terms); slope: shape (terms, 1 + K) of rows of length stride */
HF_CLONES static void slope_block(size_t n, size_t K, size_t terms, size_t length, const double *S,
                                  const double *b, const double *phi, size_t stride, double *restrict slope) {
    double s[BLOCK], top[BLOCK], total[BLOCK] = {0}, mS[K_MAX][BLOCK], mb[HF_TERMS_MAX][1 + K_MAX][BLOCK];
    hf_attend_top(n, K, length, S, phi, stride, s, top);
    memset(mS, 0, sizeof mS);
    memset(mb, 0, sizeof mb);
    for (size_t t = 0; t < length; t++) {
        const double *row = S + t * (1 + K);
        hf_attend_scores(n, K, row, phi, stride, s);
        hf_attend_token(n, top, s);
        hf_attend_add(n, 1, s, total);
        for (size_t k = 0; k < K; k++)
            hf_attend_add(n, row[1 + k], s, mS[k]);
        for (size_t j = 0; j < terms; j++) {
            hf_attend_add(n, b[t * terms + j], s, mb[j][0]);
            for (size_t k = 0; k < K; k++)
                hf_attend_add(n, b[t * terms + j] * row[1 + k], s, mb[j][1 + k]);
        }
    }
    for (size_t j = 0; j < terms; j++) {
        double *restrict g = slope + j * (1 + K) * stride;
        for (size_t i = 0; i < n; i++)
            g[i] += mb[j][0][i] / total[i];
        for (size_t k = 0; k < K; k++) {
            double *restrict dg = g + (1 + k) * stride;
            for (size_t i = 0; i < n; i++)
                dg[i] += mb[j][1 + k][i] / total[i] - (mS[k][i] / total[i]) * (mb[j][0][i] / total[i]);
        }
    }
}

/* ---- the cloud ---------------------------------------------------------------------------------------- */

hf_status hf_cloud_create(hf_error *error, const hf_model *model, size_t heads, hf_cloud **out) {
    *out = NULL;
    hf_cloud *cloud;
    HF_TRY(hf_allocate(error, 1, sizeof *cloud, &cloud));
    size_t K = model->features, terms = 1 + model->values, longest = 0;
    for (size_t e = 0; e < hf_events_count(model->events); e++)
        if (hf_events_length(model->events, e) > longest)
            longest = hf_events_length(model->events, e);
    cloud->model = model;
    cloud->heads = heads;
    hf_status status = hf_array_create(error, (model->alphas + model->values) * heads, &cloud->theta);
    if (status == HF_OK)
        status = hf_array_create(error, K * heads + 1, &cloud->phi);
    if (status == HF_OK)
        status = hf_array_create(error, K * model->alphas * heads + 1, &cloud->dphi);
    if (status == HF_OK)
        status = hf_array_create(error, terms * (1 + K) * heads, &cloud->slope);
    if (status == HF_OK)
        status = hf_array_create(error, longest * terms, &cloud->projected);
    if (status != HF_OK)
        hf_cloud_destroy(&cloud);
    *out = cloud;
    return status;
}

void hf_cloud_destroy(hf_cloud **cloud) {
    if (cloud == NULL || *cloud == NULL)
        return;
    hf_array_destroy(&(*cloud)->theta);
    hf_array_destroy(&(*cloud)->phi);
    hf_array_destroy(&(*cloud)->dphi);
    hf_array_destroy(&(*cloud)->slope);
    hf_array_destroy(&(*cloud)->projected);
    free(*cloud);
    *cloud = NULL;
}

void hf_cloud_place(hf_cloud *cloud, const double *theta) {
    const hf_model *model = cloud->model;
    size_t N = cloud->heads, n = model->alphas, dim = n + model->values, K = model->features;
    double phi[K_MAX], dphi[K_MAX * ALPHA_MAX];
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < dim; d++)
            cloud->theta[d * N + i] = theta[i * dim + d];
        model->form->features(n, theta + i * dim, phi, dphi, NULL);
        for (size_t k = 0; k < K; k++)
            cloud->phi[k * N + i] = phi[k];
        for (size_t k = 0; k < K * n; k++)
            cloud->dphi[k * N + i] = dphi[k];
    }
}

static size_t batch_count(const hf_cloud *cloud, const hf_batch *batch) {
    return batch != NULL ? batch->count : hf_events_count(cloud->model->events);
}
static size_t batch_event(const hf_batch *batch, size_t index) {
    return batch != NULL ? batch->event[index] : index;
}

/* Adds sum_i v_ij context_i / total_i to the moments. moment: shape (1 + n_v, width) */
static void add_moments(const hf_cloud *cloud, size_t first, size_t n, double context[][BLOCK],
                        const double *total, double *moment) {
    const hf_model *model = cloud->model;
    for (size_t w = 0; w < model->width; w++)
        for (size_t i = 0; i < n; i++)
            context[w][i] /= total[i];
    for (size_t j = 0; j <= model->values; j++) {
        const double *v = j > 0 ? cloud->theta + (model->alphas + j - 1) * cloud->heads + first : NULL;
        for (size_t w = 0; w < model->width; w++) {
            double sum = moment[j * model->width + w];
            for (size_t i = 0; i < n; i++)
                sum += v != NULL ? v[i] * context[w][i] : context[w][i];
            moment[j * model->width + w] = sum;
        }
    }
}

void hf_cloud_logits(hf_cloud *cloud, const hf_batch *batch, double *logits) {
    const hf_model *model = cloud->model;
    size_t N = cloud->heads, K = model->features, width = model->width, classes = model->classes;
    double context[HF_WIDTH_MAX][BLOCK], total[BLOCK];
    for (size_t index = 0; index < batch_count(cloud, batch); index++) {
        size_t e = batch_event(batch, index);
        double moment[HF_TERMS_MAX * HF_WIDTH_MAX] = {0}, *z = logits + index * classes;
        for (size_t first = 0; first < N; first += BLOCK) {
            size_t n = N - first < BLOCK ? N - first : BLOCK;
            context_block(n, K, width, hf_events_length(model->events, e),
                          model->score + model->first_token[e] * (1 + K), hf_events_tokens(model->events, e),
                          cloud->phi + first, N, context, total);
            add_moments(cloud, first, n, context, total, moment);
        }
        for (size_t c = 0; c < classes; c++) {
            z[c] = 0;
            for (size_t j = 0; j <= model->values; j++)
                for (size_t w = 0; w < width; w++)
                    z[c] += model->value_matrix[j][c * width + w] * moment[j * width + w];
            z[c] /= (double)N;
        }
    }
}

/* b_tj = weight r^T W_j x_t of all tokens t of an event. b: shape (length, terms) */
static void project_tokens(const hf_model *model, size_t event, double weight, const double *residual,
                           double *b) {
    size_t width = model->width, terms = 1 + model->values, length = hf_events_length(model->events, event);
    const double *tokens = hf_events_tokens(model->events, event);
    memset(b, 0, length * terms * sizeof *b);
    for (size_t j = 0; j < terms; j++)
        for (size_t w = 0; w < width; w++) {
            double q = 0;
            for (size_t c = 0; c < model->classes; c++)
                q += residual[c] * model->value_matrix[j][c * width + w];
            for (size_t t = 0; t < length; t++)
                b[t * terms + j] += weight * q * tokens[t * width + w];
        }
}

/* From coefficients and slopes in the features to the gradient in theta, ridge included. */
static void assemble(const hf_cloud *cloud, size_t i, double *gradient) {
    const hf_model *model = cloud->model;
    size_t N = cloud->heads, n = model->alphas, J = model->values, K = model->features;
    for (size_t a = 0; a < n; a++) {
        gradient[a] = 0;
        for (size_t k = 0; k < K; k++) {
            double dpsi = cloud->slope[(1 + k) * N + i];
            for (size_t j = 1; j <= J; j++)
                dpsi += cloud->theta[(n + j - 1) * N + i] * cloud->slope[(j * (1 + K) + 1 + k) * N + i];
            gradient[a] += dpsi * cloud->dphi[(k * n + a) * N + i];
        }
    }
    for (size_t j = 1; j <= J; j++)
        gradient[n + j - 1] = cloud->slope[j * (1 + K) * N + i];
    for (size_t d = 0; d < n + J; d++)
        if (hf_model_ridged(model, d))
            gradient[d] += model->ridge * cloud->theta[d * N + i];
}

void hf_cloud_gradient(hf_cloud *cloud, const hf_batch *batch, const double *residual, double *gradient) {
    const hf_model *model = cloud->model;
    size_t N = cloud->heads, K = model->features, terms = 1 + model->values;
    memset(cloud->slope, 0, terms * (1 + K) * N * sizeof *cloud->slope);
    for (size_t index = 0; index < batch_count(cloud, batch); index++) {
        size_t e = batch_event(batch, index);
        double weight = batch != NULL ? batch->weight[index] : hf_events_weight(model->events, e);
        project_tokens(model, e, weight, residual + index * model->classes, cloud->projected);
        for (size_t first = 0; first < N; first += BLOCK)
            slope_block(N - first < BLOCK ? N - first : BLOCK, K, terms, hf_events_length(model->events, e),
                        model->score + model->first_token[e] * (1 + K), cloud->projected, cloud->phi + first,
                        N, cloud->slope + first);
    }
    for (size_t i = 0; i < N; i++)
        assemble(cloud, i, gradient + i * (model->alphas + model->values));
}
