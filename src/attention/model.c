/* Heads bound to events: context vectors, head logits and the potential at a point, with derivatives in
 * alpha. docs/theory.md (2)-(5), (8)-(9).
 *
 * A form writes B(alpha) = B_0 + sum_k phi_k(alpha) B_k, so an event needs its tokens' scores against each
 * B_k once: s_j = S_0j + sum_k phi_k S_kj. Derivatives of an attention-weighted mean in phi are central
 * moments of S_k under the attention weights; the chain rule through the form gives those in alpha. */
#include "attention/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A base matrix and `basis_count` others behind it, each of `count` entries. */
static hf_status copy_matrices(hf_error *error, size_t count, const double *base, size_t basis_count,
                               const double *basis, double **out) {
    HF_TRY(hf_array_create(error, (1 + basis_count) * count, out));
    memcpy(*out, base, count * sizeof **out);
    if (basis_count > 0)
        memcpy(*out + count, basis, basis_count * count * sizeof **out);
    return HF_OK;
}

static hf_status copy_heads(hf_error *error, const hf_heads *heads, hf_model *model) {
    size_t square = model->width * model->width, value = model->classes * model->width;
    HF_TRY(copy_matrices(error, square, heads->attention_base, model->features, heads->attention_basis,
                         &model->attention_matrix));
    HF_TRY(copy_matrices(error, value, heads->value_base, model->values, heads->value_basis,
                         &model->value_matrix[0]));
    for (size_t j = 0; j < model->values; j++)
        model->value_matrix[1 + j] = model->value_matrix[j] + value;
    for (size_t i = 0; i < (1 + model->values) * value; i++)
        if (!isfinite(model->value_matrix[0][i]))
            return hf_raise(error, HF_ERR_INPUT, "a value matrix has the entry %g; expected finite numbers",
                            model->value_matrix[0][i]);
    return HF_OK;
}

/* y_s = x_t^T B x_s for all tokens s of an event; x_t is the last token. */
static void project_scores(size_t width, size_t length, const double *tokens, const double *matrix,
                           size_t stride, double *score) {
    const double *query = tokens + (length - 1) * width;
    for (size_t s = 0; s < length; s++) {
        double sum = 0;
        for (size_t i = 0; i < width; i++)
            for (size_t k = 0; k < width; k++)
                sum += query[i] * matrix[i * width + k] * tokens[s * width + k];
        score[s * stride] = sum;
    }
}

static hf_status check(hf_error *error, const hf_heads *heads, const hf_events *events, double ridge) {
    if (hf_events_width(events) > HF_WIDTH_MAX)
        return hf_raise(error, HF_ERR_INPUT, "tokens of %zu components; expected at most %d",
                        hf_events_width(events), HF_WIDTH_MAX);
    if (hf_events_classes(events) > HF_WIDTH_MAX)
        return hf_raise(error, HF_ERR_INPUT, "labels of %zu classes; expected at most %d",
                        hf_events_classes(events), HF_WIDTH_MAX);
    size_t dim = heads->attention_coordinates + heads->value_coordinates;
    if (!heads->form->accepts(heads->attention_coordinates, heads->attention_basis_count))
        return hf_raise(error, HF_ERR_INPUT,
                        "attention form %s: %zu coordinates and %zu basis matrices; expected %s",
                        heads->form->name, heads->attention_coordinates, heads->attention_basis_count,
                        heads->form->expects);
    if (heads->value_coordinates > HF_VALUE_MAX)
        return hf_raise(error, HF_ERR_INPUT, "%zu value coordinates; expected 0 to %d",
                        heads->value_coordinates, HF_VALUE_MAX);
    if (dim < 1 || dim > HF_DIM_MAX)
        return hf_raise(error, HF_ERR_INPUT, "heads with %zu coordinates; expected 1 to %d", dim, HF_DIM_MAX);
    if (!(ridge >= 0) || !isfinite(ridge))
        return hf_raise(error, HF_ERR_INPUT, "ridge %g; expected a finite number >= 0", ridge);
    return HF_OK;
}

hf_status hf_model_create(hf_error *error, const hf_heads *heads, const hf_events *events, double ridge,
                          hf_model **out) {
    *out = NULL;
    HF_TRY(check(error, heads, events, ridge));
    hf_model *model;
    HF_TRY(hf_allocate(error, 1, sizeof *model, &model));
    size_t count = hf_events_count(events), width = hf_events_width(events);
    size_t square = width * width;
    model->events = events;
    model->form = heads->form;
    model->alphas = heads->attention_coordinates;
    model->features = heads->attention_basis_count;
    model->values = heads->value_coordinates;
    model->width = width;
    model->classes = hf_events_classes(events);
    model->ridge = ridge;
    hf_status status = copy_heads(error, heads, model);
    size_t stride = 1 + model->features;
    if (status == HF_OK)
        status = hf_array_create(error, hf_events_tokens_total(events) * stride, &model->score);
    if (status == HF_OK)
        status = hf_allocate(error, count, sizeof *model->first_token, &model->first_token);
    if (status != HF_OK) {
        hf_model_destroy(&model);
        return status;
    }
    size_t first = 0;
    for (size_t e = 0; e < count; e++) {
        size_t length = hf_events_length(events, e);
        const double *tokens = hf_events_tokens(events, e);
        double *score = model->score + first * stride;
        model->first_token[e] = first;
        project_scores(width, length, tokens, heads->attention_base, stride, score);
        for (size_t k = 0; k < model->features; k++)
            project_scores(width, length, tokens, heads->attention_basis + k * square, stride, score + 1 + k);
        first += length;
    }
    for (size_t i = 0; i < first * stride; i++)
        if (!isfinite(model->score[i])) {
            hf_model_destroy(&model);
            return hf_raise(error, HF_ERR_INPUT, "a score is not finite; expected finite attention matrices");
        }
    *out = model;
    return HF_OK;
}

void hf_model_destroy(hf_model **model) {
    if (model == NULL || *model == NULL)
        return;
    hf_array_destroy(&(*model)->attention_matrix);
    hf_array_destroy(&(*model)->value_matrix[0]);
    hf_array_destroy(&(*model)->score);
    free((*model)->first_token);
    free(*model);
    *model = NULL;
}

size_t hf_model_attention_coordinates(const hf_model *model) {
    return model->alphas;
}
size_t hf_model_value_coordinates(const hf_model *model) {
    return model->values;
}
double hf_model_ridge(const hf_model *model) {
    return model->ridge;
}

hf_heads hf_model_heads(const hf_model *model) {
    return (hf_heads){.form = model->form,
                      .attention_coordinates = model->alphas,
                      .attention_basis_count = model->features,
                      .value_coordinates = model->values,
                      .attention_base = model->attention_matrix,
                      .attention_basis = model->attention_matrix + model->width * model->width,
                      .value_base = model->value_matrix[0],
                      .value_basis = model->value_matrix[0] + model->classes * model->width};
}

bool hf_model_ridged(const hf_model *model, size_t coordinate) {
    return coordinate >= model->alphas || !model->form->periodic;
}

hf_top_token hf_model_top_token(size_t features, size_t length, const double *score, const double *phi) {
    hf_top_token top = {0, hf_model_token_score(features, score, phi)};
    for (size_t s = 1; s < length; s++) {
        double value = hf_model_token_score(features, score + s * (1 + features), phi);
        if (value > top.score)
            top = (hf_top_token){s, value};
    }
    return top;
}

void hf_model_context_features(const hf_model *model, size_t event, const double *phi, double *context) {
    size_t K = model->features, width = model->width, length = hf_events_length(model->events, event);
    const double *tokens = hf_events_tokens(model->events, event);
    const double *score = model->score + model->first_token[event] * (1 + K);
    hf_top_token top = hf_model_top_token(K, length, score, phi);
    double total = 0;
    memset(context, 0, width * sizeof *context);
    for (size_t s = 0; s < length; s++) {
        double p = exp(hf_model_token_score(K, score + s * (1 + K), phi) - top.score);
        total += p;
        for (size_t i = 0; i < width; i++)
            context[i] += p * tokens[s * width + i];
    }
    for (size_t i = 0; i < width; i++)
        context[i] /= total;
}

void hf_model_context(const hf_model *model, size_t event, const double *alpha, double *context) {
    double phi[HF_FEATURES_MAX];
    model->form->features(model->alphas, alpha, phi, NULL, NULL);
    hf_model_context_features(model, event, phi, context);
}

/* Adds mass * W(v) c_e(alpha) to the logits of an event. */
static void add_head_logits(const hf_model *model, size_t event, const double *phi, const double *v,
                            double mass, double *logits) {
    size_t width = model->width;
    double context[HF_WIDTH_MAX];
    hf_model_context_features(model, event, phi, context);
    for (size_t j = 0; j <= model->values; j++) {
        double factor = j == 0 ? mass : mass * v[j - 1];
        for (size_t c = 0; c < model->classes; c++)
            for (size_t i = 0; i < width; i++)
                logits[c] += factor * model->value_matrix[j][c * width + i] * context[i];
    }
}

void hf_model_head_logits(const hf_model *model, size_t event, const double *theta, double *logits) {
    double phi[HF_FEATURES_MAX];
    model->form->features(model->alphas, theta, phi, NULL, NULL);
    memset(logits, 0, model->classes * sizeof *logits);
    add_head_logits(model, event, phi, theta + model->alphas, 1, logits);
}

void hf_model_atoms_logits(const hf_model *model, size_t atoms, const double *theta, const double *mass,
                           double *logits) {
    size_t count = hf_events_count(model->events), dim = model->alphas + model->values;
    memset(logits, 0, count * model->classes * sizeof *logits);
    /* over events, so that the sum over atoms is taken in one order whatever the number of threads */
#pragma omp parallel for schedule(static)
    for (size_t e = 0; e < count; e++)
        for (size_t i = 0; i < atoms; i++) {
            double phi[HF_FEATURES_MAX];
            model->form->features(model->alphas, theta + i * dim, phi, NULL, NULL);
            add_head_logits(model, e, phi, theta + i * dim + model->alphas, mass[i],
                            logits + e * model->classes);
        }
}

size_t hf_model_projection_size(const hf_model *model) {
    return hf_events_count(model->events) * model->width * (1 + model->values);
}

void hf_model_project_residual(const hf_model *model, const double *residual, double *projection) {
    size_t count = hf_events_count(model->events), width = model->width, terms = 1 + model->values;
    for (size_t e = 0; e < count; e++) {
        double weight = hf_events_weight(model->events, e);
        const double *r = residual + e * model->classes;
        for (size_t i = 0; i < width; i++)
            for (size_t j = 0; j < terms; j++) {
                double sum = 0;
                for (size_t c = 0; c < model->classes; c++)
                    sum += r[c] * model->value_matrix[j][c * width + i];
                projection[(e * width + i) * terms + j] = weight * sum;
            }
    }
}

enum { K_MAX = HF_FEATURES_MAX };

/* Value, gradient and Hessian of each coefficient in the features phi. */
typedef struct feature_derivatives {
    double g[HF_TERMS_MAX], dg[HF_TERMS_MAX][K_MAX], d2g[HF_TERMS_MAX][K_MAX][K_MAX];
} feature_derivatives;

/* Adds one event: g_j = E[b_j], dg_jk = Cov(S_k, b_j), d2g_jkl = third central moment of (S_k, S_l, b_j),
 * under the attention weights, where b_j = x_s . Q_ej is the token's share of coefficient j. order: 0, 1
 * or 2. */
static void add_event(const hf_model *model, size_t event, const double *projection, const double *phi,
                      int order, feature_derivatives *sum) {
    size_t K = model->features, width = model->width, terms = 1 + model->values;
    size_t length = hf_events_length(model->events, event);
    const double *tokens = hf_events_tokens(model->events, event);
    const double *score = model->score + model->first_token[event] * (1 + K);
    const double *Q = projection + event * width * terms;
    hf_top_token top = hf_model_top_token(K, length, score, phi);
    const double *top_scores = score + top.token * (1 + K) + 1, *top_x = tokens + top.token * width;

    double total = 0, mb[HF_TERMS_MAX] = {0}, mS[K_MAX] = {0}, mSb[HF_TERMS_MAX][K_MAX] = {{0}};
    double mSS[K_MAX][K_MAX] = {{0}}, mSSb[HF_TERMS_MAX][K_MAX][K_MAX] = {{{0}}};
    for (size_t s = 0; s < length; s++) {
        const double *row = score + s * (1 + K);
        double p = exp(hf_model_token_score(K, row, phi) - top.score);
        total += p;
        if (s == top.token)
            continue; /* all differences from the top token vanish */
        double b[HF_TERMS_MAX], S[K_MAX];
        for (size_t j = 0; j < terms; j++) {
            b[j] = 0;
            for (size_t i = 0; i < width; i++)
                b[j] += (tokens[s * width + i] - top_x[i]) * Q[i * terms + j];
            mb[j] += p * b[j];
        }
        if (order < 1)
            continue;
        for (size_t k = 0; k < K; k++) {
            S[k] = row[1 + k] - top_scores[k];
            mS[k] += p * S[k];
            for (size_t j = 0; j < terms; j++)
                mSb[j][k] += p * S[k] * b[j];
        }
        if (order < 2)
            continue;
        for (size_t k = 0; k < K; k++)
            for (size_t l = 0; l < K; l++) {
                mSS[k][l] += p * S[k] * S[l];
                for (size_t j = 0; j < terms; j++)
                    mSSb[j][k][l] += p * S[k] * S[l] * b[j];
            }
    }
    for (size_t j = 0; j < terms; j++) {
        mb[j] /= total;
        double top_b = 0;
        for (size_t i = 0; i < width; i++)
            top_b += top_x[i] * Q[i * terms + j];
        sum->g[j] += top_b + mb[j];
    }
    if (order < 1)
        return;
    for (size_t k = 0; k < K; k++)
        mS[k] /= total;
    for (size_t j = 0; j < terms; j++)
        for (size_t k = 0; k < K; k++) {
            mSb[j][k] /= total;
            sum->dg[j][k] += mSb[j][k] - mS[k] * mb[j];
        }
    if (order < 2)
        return;
    for (size_t j = 0; j < terms; j++)
        for (size_t k = 0; k < K; k++)
            for (size_t l = 0; l < K; l++)
                sum->d2g[j][k][l] += mSSb[j][k][l] / total - mSS[k][l] / total * mb[j] - mSb[j][k] * mS[l] -
                                     mSb[j][l] * mS[k] + 2 * mS[k] * mS[l] * mb[j];
}

void hf_model_coefficients(const hf_model *model, const double *projection, const double *alpha, double *g,
                           double *dg, double *d2g) {
    size_t K = model->features, n = model->alphas, terms = 1 + model->values;
    double phi[K_MAX], dphi[K_MAX * HF_ATTENTION_MAX];
    double d2phi[K_MAX * HF_ATTENTION_MAX * HF_ATTENTION_MAX];
    int order = d2g != NULL ? 2 : dg != NULL ? 1 : 0;
    feature_derivatives sum = {0};
    model->form->features(n, alpha, phi, dphi, d2phi);
    for (size_t e = 0; e < hf_events_count(model->events); e++)
        add_event(model, e, projection, phi, order, &sum);
    for (size_t j = 0; j < terms; j++)
        g[j] = sum.g[j];
    if (dg != NULL)
        for (size_t j = 0; j < terms; j++)
            for (size_t a = 0; a < n; a++) {
                double value = 0;
                for (size_t k = 0; k < K; k++)
                    value += sum.dg[j][k] * dphi[k * n + a];
                dg[j * n + a] = value;
            }
    if (d2g != NULL)
        for (size_t j = 0; j < terms; j++)
            for (size_t a = 0; a < n; a++)
                for (size_t b = 0; b < n; b++) {
                    double value = 0;
                    for (size_t k = 0; k < K; k++) {
                        value += sum.dg[j][k] * d2phi[(k * n + a) * n + b];
                        for (size_t l = 0; l < K; l++)
                            value += sum.d2g[j][k][l] * dphi[k * n + a] * dphi[l * n + b];
                    }
                    d2g[(j * n + a) * n + b] = value;
                }
}

double hf_model_potential(const hf_model *model, const double *projection, const double *theta,
                          double *gradient, double *hessian) {
    double g[HF_TERMS_MAX], dg[HF_TERMS_MAX * HF_ATTENTION_MAX];
    double d2g[HF_TERMS_MAX * HF_ATTENTION_MAX * HF_ATTENTION_MAX];
    hf_model_coefficients(model, projection, theta, g, gradient != NULL || hessian != NULL ? dg : NULL,
                          hessian != NULL ? d2g : NULL);
    return hf_model_assemble(model, theta, g, dg, d2g, gradient, hessian);
}

double hf_model_assemble(const hf_model *model, const double *theta, const double *g, const double *dg,
                         const double *d2g, double *gradient, double *hessian) {
    size_t n = model->alphas, m = model->values, dim = n + m;
    const double *v = theta + n;
    double psi = g[0];
    for (size_t j = 0; j < m; j++)
        psi += v[j] * g[1 + j];
    for (size_t d = 0; d < dim; d++)
        if (hf_model_ridged(model, d))
            psi += 0.5 * model->ridge * theta[d] * theta[d];
    if (gradient != NULL) {
        for (size_t a = 0; a < n; a++) {
            gradient[a] = dg[a];
            for (size_t j = 0; j < m; j++)
                gradient[a] += v[j] * dg[(1 + j) * n + a];
        }
        for (size_t j = 0; j < m; j++)
            gradient[n + j] = g[1 + j];
        for (size_t d = 0; d < dim; d++)
            if (hf_model_ridged(model, d))
                gradient[d] += model->ridge * theta[d];
    }
    if (hessian != NULL) {
        memset(hessian, 0, dim * dim * sizeof *hessian);
        for (size_t a = 0; a < n; a++)
            for (size_t b = 0; b < n; b++) {
                double value = d2g[a * n + b];
                for (size_t j = 0; j < m; j++)
                    value += v[j] * d2g[((1 + j) * n + a) * n + b];
                hessian[a * dim + b] = value;
            }
        for (size_t a = 0; a < n; a++)
            for (size_t j = 0; j < m; j++)
                hessian[a * dim + n + j] = hessian[(n + j) * dim + a] = dg[(1 + j) * n + a];
        for (size_t d = 0; d < dim; d++)
            if (hf_model_ridged(model, d))
                hessian[d * dim + d] += model->ridge;
    }
    return psi;
}
