/* The model's insides, shared by the files of this module. */
#ifndef HF_ATTENTION_MODEL_H
#define HF_ATTENTION_MODEL_H

#include <headflow/attention.h>

struct hf_model {
    const hf_events *events;
    const hf_attention_form *form;
    size_t alphas, features, values, width, classes; /* n_alpha, K, n_v, d_x, C */
    double ridge;
    double *attention_matrix;               /* B_0, B_1 ..: shape (1 + features, width, width) */
    double *value_matrix[1 + HF_VALUE_MAX]; /* W_0, W_1 .., one after the other: shape (classes, width) */
    double *score;                          /* x_t^T B_k x_s: shape (tokens of all events, 1 + features) */
    size_t *first_token;                    /* shape (events) */
};

/* Attention-weighted sums of an event are taken relative to its top-scoring token: no overflow, and no
 * cancellation where the attention is sharp. */
typedef struct hf_top_token {
    size_t token;
    double score;
} hf_top_token;

/* Score of a token at the features phi; score: its scores against B_0, B_1 .., shape (1 + features). */
static inline double hf_model_token_score(size_t features, const double *score, const double *phi) {
    double s = score[0];
    for (size_t k = 0; k < features; k++)
        s += phi[k] * score[1 + k];
    return s;
}

/* score: of an event's tokens, shape (length, 1 + features). */
hf_top_token hf_model_top_token(size_t features, size_t length, const double *score, const double *phi);

/* Context vector from features instead of coordinates. */
void hf_model_context_features(const hf_model *model, size_t event, const double *phi, double *context);

#endif
