/* The model's insides, shared by the files of this module. */
#ifndef HF_ATTENTION_MODEL_H
#define HF_ATTENTION_MODEL_H

#include <headflow/attention.h>

struct hf_model {
    const hf_events *events;
    const hf_attention_form *form;
    size_t alphas, features, values, width, classes; /* n_alpha, K, n_v, d_x, C */
    double ridge;
    double *value_matrix[1 + HF_VALUE_MAX]; /* W_0, W_1 ..: shape (classes, width) */
    double *score;                          /* x_t^T B_k x_s: shape (tokens of all events, 1 + features) */
    size_t *first_token;                    /* shape (events) */
};

/* Context vector from features instead of coordinates. */
void hf_model_context_features(const hf_model *model, size_t event, const double *phi, double *context);

#endif
