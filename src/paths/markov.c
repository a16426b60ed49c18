/* The hidden-Markov task and the attention of its four heads. docs/paths.md (P10).
 *
 * A state of +-1 is fair at first and then kept with probability 0.7 (class +) or 0.3 (class -). A token is
 * the mean of its state plus normal noise, whose part outside the plane of the two means is scaled. Attention
 * is softmax over keys of 10 x_s^T W x_t, of the bare tokens with one-hot positions behind their features. */
#include "paths/draws.h"

#include <headflow/paths.h>

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const hf_markov_options hf_markov_published = {100, 1000, 30, 200, 1};

static const double kept = 0.7, sharpness = 10, first_key = 1.5;

typedef struct task {
    hf_markov_options options;
    size_t length, width; /* tokens with the first one, N_0 */
    double *random;       /* W of the random head of each layer; shape (layers, N_0, N_0) */
} task;

/* ---- heads ------------------------------------------------------------------------------------------ */

/* Queries first .. first + count - 1 of all tokens. */
typedef struct queries {
    size_t first, count;
} queries;

/* x_s^T W x_t for all keys. input: shape (N_0, length); room: shape (N_0, length);
 * scores: shape (length, queries.count) */
typedef void score(const task *t, size_t layer, queries q, const double *input, double *room, double *scores);

/* W = q q^T on features, q = 2 (v+ - v-)/|v+ - v-|^2; positions 1 for the token before, 1.5 for the first. */
static void same_token(const task *t, size_t layer, queries q, const double *input, double *room,
                       double *scores) {
    (void)layer;
    size_t d = t->options.features;
    for (size_t s = 0; s < t->length; s++) {
        room[s] = 0;
        for (size_t i = 0; i < d; i++)
            room[s] += (i < d / 2 ? sqrt(2) : -sqrt(2)) / (double)d * input[i * t->length + s];
    }
    for (size_t s = 0; s < t->length; s++)
        for (size_t k = 0; k < q.count; k++) {
            size_t query = q.first + k;
            double place = s == 0 && query >= 1 ? first_key : s >= 1 && query == s + 1 ? 1 : 0;
            scores[s * q.count + k] = room[s] * room[query] + place;
        }
}

/* W = 1 on positions. */
static void uniform(const task *t, size_t layer, queries q, const double *input, double *room,
                    double *scores) {
    (void)layer, (void)input, (void)room;
    for (size_t i = 0; i < t->length * q.count; i++)
        scores[i] = 1;
}

static void random_head(const task *t, size_t layer, queries q, const double *input, double *room,
                        double *scores) {
    int W = (int)t->width, length = (int)t->length, count = (int)q.count;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, W, count, W, 1,
                t->random + layer * t->width * t->width, W, input + q.first, length, 0, room, count);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, length, count, W, 1, input, length, room, count, 0,
                scores, count);
}

static score *const heads[HF_MARKOV_LAYERS][HF_MARKOV_HEADS] = {{same_token, random_head},
                                                                {uniform, random_head}};

static hf_status draw_heads(hf_error *error, size_t seed, task *t) {
    hf_draws *draws;
    double d = (double)t->options.features;
    HF_TRY(hf_array_create(error, HF_MARKOV_LAYERS * t->width * t->width, &t->random));
    HF_TRY(hf_draws_create(error, seed, HF_DRAWS_HEADS, &draws));
    for (size_t k = 0; k < HF_MARKOV_LAYERS * t->width * t->width; k++) {
        bool feature_i = k / t->width % t->width < t->options.features;
        bool feature_j = k % t->width < t->options.features;
        double sd = feature_i && feature_j ? 1 / d : feature_i || feature_j ? 1 / sqrt(d) : 1;
        t->random[k] = sd * hf_draws_normal(draws);
    }
    hf_draws_destroy(&draws);
    return HF_OK;
}

/* Softmax over keys of the scores. attention: shape (length, queries) */
static void normalise(size_t length, size_t count, double *attention) {
    for (size_t query = 0; query < count; query++) {
        double highest = -INFINITY, sum = 0;
        for (size_t key = 0; key < length; key++)
            highest = fmax(highest, attention[key * count + query]);
        for (size_t key = 0; key < length; key++) {
            double *at = &attention[key * count + query];
            *at = exp(sharpness * (*at - highest));
            sum += *at;
        }
        for (size_t key = 0; key < length; key++)
            attention[key * count + query] /= sum;
    }
}

/* ---- sequences -------------------------------------------------------------------------------------- */

/* Unit noise with the part outside the plane of (1..1, 0..0) and (0..0, 1..1) scaled. noise: shape (d) */
static void draw_noise(hf_draws *draws, size_t d, double perpendicular, double *noise) {
    for (size_t half = 0; half < 2; half++) {
        double *part = noise + half * d / 2, mean = 0;
        for (size_t i = 0; i < d / 2; i++) {
            part[i] = hf_draws_normal(draws);
            mean += part[i] / (double)(d / 2);
        }
        for (size_t i = 0; i < d / 2; i++)
            part[i] = mean + perpendicular * (part[i] - mean);
    }
}

/* input: shape (N_0, length), zero before; noise: shape (d) */
static void draw_sequence(const task *t, hf_draws *draws, double label, double *noise, double *input) {
    size_t d = t->options.features;
    bool state = hf_draws_uniform(draws) < 0.5;
    input[d * t->length] = 1;
    for (size_t s = 1; s < t->length; s++) {
        if (s > 1 && hf_draws_uniform(draws) >= (label > 0 ? kept : 1 - kept))
            state = !state;
        draw_noise(draws, d, t->options.perpendicular, noise);
        for (size_t i = 0; i < d; i++)
            input[i * t->length + s] = noise[i] + (state == (i < d / 2) ? sqrt(2) : 0);
        input[(d + s) * t->length + s] = 1;
    }
}

/* ---- examples --------------------------------------------------------------------------------------- */

/* Arrays of examples. */
typedef struct drawn {
    queries asked[HF_MARKOV_LAYERS]; /* of the last layer only what is read out */
    double *inputs, *attention[HF_MARKOV_LAYERS], *room;
} drawn;

static hf_status allocate(hf_error *error, const task *t, size_t count, hf_paths_readout readout, drawn *d) {
    bool mean = readout == HF_READOUT_MEAN;
    d->asked[0] = (queries){0, t->length};
    d->asked[1] = (queries){readout == HF_READOUT_LAST ? t->length - 1 : 0, mean ? t->length : 1};
    HF_TRY(hf_array_create(error, count * t->width * t->length, &d->inputs));
    for (size_t l = 0; l < HF_MARKOV_LAYERS; l++)
        HF_TRY(hf_array_create(error, count * HF_MARKOV_HEADS * t->length * d->asked[l].count,
                               &d->attention[l]));
    return hf_array_create(error, t->width * t->length, &d->room);
}

static void draw_all(const task *t, hf_draws *draws, size_t count, drawn *d, double *labels) {
    for (size_t p = 0; p < count; p++) {
        double *input = d->inputs + p * t->width * t->length;
        labels[p] = p < count / 2 ? 1 : -1;
        draw_sequence(t, draws, labels[p], d->room, input);
        for (size_t l = 0; l < HF_MARKOV_LAYERS; l++)
            for (size_t h = 0; h < HF_MARKOV_HEADS; h++) {
                size_t asked = d->asked[l].count;
                double *attention = d->attention[l] + (p * HF_MARKOV_HEADS + h) * t->length * asked;
                heads[l][h](t, l, d->asked[l], input, d->room, attention);
                normalise(t->length, asked, attention);
            }
    }
}

static hf_status make_examples(hf_error *error, const hf_paths_network *network, const task *t, size_t seed,
                               hf_draws_purpose which, size_t count, hf_paths_readout readout, double *labels,
                               hf_paths_features **out) {
    drawn d = {0};
    hf_draws *draws = NULL;
    hf_status status = allocate(error, t, count, readout, &d);
    if (status == HF_OK)
        status = hf_draws_create(error, seed, which, &draws);
    if (status == HF_OK) {
        draw_all(t, draws, count, &d, labels);
        const hf_paths_examples examples = {.count = count,
                                            .features = t->width,
                                            .tokens = t->length,
                                            .inputs = d.inputs,
                                            .attention = {d.attention[0], d.attention[1]},
                                            .applied = readout != HF_READOUT_MEAN};
        status = hf_paths_features_create(error, network, &examples, readout, out);
    }
    hf_draws_destroy(&draws);
    hf_array_destroy(&d.room);
    for (size_t l = 0; l < HF_MARKOV_LAYERS; l++)
        hf_array_destroy(&d.attention[l]);
    hf_array_destroy(&d.inputs);
    return status;
}

hf_status hf_markov_check(hf_error *error, const hf_paths_network *network,
                          const hf_markov_options *options) {
    if (network->layers != HF_MARKOV_LAYERS || network->heads[0] != HF_MARKOV_HEADS ||
        network->heads[1] != HF_MARKOV_HEADS)
        return hf_raise(error, HF_ERR_INPUT,
                        "the hidden-Markov task has two layers of two heads; expected a "
                        "network of these");
    if (options->train < 2 || options->test < 2 || options->tokens < 2 || options->features < 2 ||
        options->train % 2 || options->test % 2 || options->features % 2)
        return hf_raise(error, HF_ERR_INPUT,
                        "%zu and %zu examples of %zu tokens with %zu features; expected even numbers of "
                        "examples and features, and 2 tokens or more",
                        options->train, options->test, options->tokens, options->features);
    return HF_OK;
}

hf_status hf_markov_create(hf_error *error, const hf_paths_network *network, const hf_markov_options *options,
                           hf_paths_readout readout, size_t seed, hf_paths_features **train,
                           double *train_labels, hf_paths_features **test, double *test_labels) {
    *train = *test = NULL;
    HF_TRY(hf_markov_check(error, network, options));
    task t = {.options = *options, .length = options->tokens + 1};
    t.width = options->features + t.length;
    hf_status status = draw_heads(error, seed, &t);
    if (status == HF_OK)
        status = make_examples(error, network, &t, seed, HF_DRAWS_TRAIN, options->train, readout,
                               train_labels, train);
    if (status == HF_OK)
        status =
            make_examples(error, network, &t, seed, HF_DRAWS_TEST, options->test, readout, test_labels, test);
    if (status != HF_OK)
        hf_paths_features_destroy(train);
    hf_array_destroy(&t.random);
    return status;
}
