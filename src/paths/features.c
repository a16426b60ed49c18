/* Path features: the input as each path of heads reads it. docs/paths.md (P1).
 *
 * The weights of a path on the tokens are built from the last layer to the first, all paths of the layers
 * done so far at a time: v^(h, rest) = Omega_l^h v^rest, so that the head of the first layer ends as the
 * slowest index. */
#include "paths/features.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

const char *const hf_paths_readout_names[HF_READOUTS] = {"last", "first", "mean"};

void hf_paths_features_destroy(hf_paths_features **features) {
    if (features == NULL || *features == NULL)
        return;
    hf_array_destroy(&(*features)->phi);
    free(*features);
    *features = NULL;
}

size_t hf_paths_features_count(const hf_paths_features *features) {
    return features->count;
}

size_t hf_paths_features_width(const hf_paths_features *features) {
    return features->width;
}

size_t hf_paths_features_paths(const hf_paths_features *features) {
    return features->paths;
}

const double *hf_paths_features_values(const hf_paths_features *features) {
    return features->phi;
}

/* ---- what is refused -------------------------------------------------------------------------------- */

static hf_status check_inputs(hf_error *error, const hf_paths_examples *examples) {
    size_t each = examples->features * examples->tokens;
    for (size_t i = 0; i < examples->count * each; i++)
        if (!isfinite(examples->inputs[i]))
            return hf_raise(
                error, HF_ERR_INPUT, "example %zu: feature %zu of token %zu is %g; expected a finite number",
                i / each + 1, i % each / examples->tokens + 1, i % examples->tokens + 1, examples->inputs[i]);
    return HF_OK;
}

static size_t queries_of(const hf_paths_network *network, const hf_paths_examples *examples, size_t layer) {
    return examples->applied && layer + 1 == network->layers ? 1 : examples->tokens;
}

/* A column of attention is a distribution over keys. */
static hf_status check_column(hf_error *error, size_t tokens, size_t queries, const double *column,
                              size_t example, size_t layer, size_t head, size_t query) {
    static const double tolerance = 1e-8; /* of sums that were rounded on the way through a file */
    double sum = 0;
    bool positive = true;
    for (size_t s = 0; s < tokens; s++) {
        sum += column[s * queries];
        positive = positive && column[s * queries] >= -tolerance;
    }
    if (positive && fabs(sum - 1) <= tolerance)
        return HF_OK;
    return hf_raise(error, HF_ERR_INPUT,
                    "attention of example %zu, layer %zu, head %zu, query %zu %s %.9g; expected a "
                    "distribution over keys that sums to 1",
                    example + 1, layer + 1, head + 1, query + 1,
                    positive ? "sums to" : "has a negative weight and sums to", sum);
}

static hf_status check_attention(hf_error *error, const hf_paths_network *network,
                                 const hf_paths_examples *examples) {
    size_t tokens = examples->tokens;
    for (size_t l = 0; l < network->layers; l++) {
        size_t queries = queries_of(network, examples, l);
        for (size_t p = 0; p < examples->count; p++)
            for (size_t h = 0; h < network->heads[l]; h++)
                for (size_t t = 0; t < queries; t++)
                    HF_TRY(check_column(error, tokens, queries,
                                        examples->attention[l] +
                                            (p * network->heads[l] + h) * tokens * queries + t,
                                        p, l, h, t));
    }
    return HF_OK;
}

/* ---- the paths of one example ----------------------------------------------------------------------- */

/* omega of a head of the last layer. attention: shape (tokens, queries); omega: shape (tokens) */
static void read_out(size_t tokens, size_t queries, hf_paths_readout readout, const double *attention,
                     double *omega) {
    size_t first = readout == HF_READOUT_LAST ? queries - 1 : 0;
    size_t count = readout == HF_READOUT_MEAN ? queries : 1;
    for (size_t s = 0; s < tokens; s++) {
        omega[s] = 0;
        for (size_t t = first; t < first + count; t++)
            omega[s] += attention[s * queries + t] / (double)count;
    }
}

/* Weights of all paths of an example on its tokens: shape (M, tokens). room: as weights
 * @return which of the two holds them */
static double *path_weights(const hf_paths_network *network, const hf_paths_examples *examples,
                            hf_paths_readout readout, size_t example, double *weights, double *room) {
    size_t tokens = examples->tokens, last = network->layers - 1, paths = network->heads[last];
    size_t queries = queries_of(network, examples, last);
    for (size_t h = 0; h < paths; h++)
        read_out(tokens, queries, readout,
                 examples->attention[last] + (example * paths + h) * tokens * queries, weights + h * tokens);
    for (size_t l = last; l-- > 0;) {
        size_t heads = network->heads[l];
        for (size_t h = 0; h < heads; h++)
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)paths, (int)tokens, (int)tokens, 1,
                        weights, (int)tokens,
                        examples->attention[l] + (example * heads + h) * tokens * tokens, (int)tokens, 0,
                        room + h * paths * tokens, (int)tokens);
        paths *= heads;
        double *swap = weights;
        weights = room;
        room = swap;
    }
    return weights;
}

static hf_status fill(hf_error *error, const hf_paths_network *network, const hf_paths_examples *examples,
                      hf_paths_readout readout, hf_paths_features *f) {
    size_t tokens = examples->tokens, width = f->width;
    double scale = sqrt(network->variances[0] / ((double)width * (double)f->paths)), *room;
    HF_TRY(hf_array_create(error, 2 * f->paths * tokens, &room));
    for (size_t p = 0; p < f->count; p++) {
        double *weights = path_weights(network, examples, readout, p, room, room + f->paths * tokens);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)f->paths, (int)width, (int)tokens, scale,
                    weights, (int)tokens, examples->inputs + p * width * tokens, (int)tokens, 0,
                    f->phi + p * width, (int)(f->count * width));
    }
    hf_array_destroy(&room);
    return HF_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------ */

hf_status hf_paths_features_create(hf_error *error, const hf_paths_network *network,
                                   const hf_paths_examples *examples, hf_paths_readout readout,
                                   hf_paths_features **out) {
    *out = NULL;
    HF_TRY(hf_paths_network_check(error, network));
    HF_TRY(check_inputs(error, examples));
    HF_TRY(check_attention(error, network, examples));
    hf_paths_features *f;
    HF_TRY(hf_allocate(error, 1, sizeof *f, (void *)&f));
    *f = (hf_paths_features){
        .count = examples->count, .width = examples->features, .paths = hf_paths_rows(network, 0)};
    hf_status status = hf_array_create(error, f->paths * f->count * f->width, &f->phi);
    if (status == HF_OK)
        status = fill(error, network, examples, readout, f);
    if (status == HF_OK)
        *out = f;
    else
        hf_paths_features_destroy(&f);
    return status;
}
