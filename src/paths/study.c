/* A study: every network on every draw of the data, and the Gaussian limit after them. */
#include <headflow/paths.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

void hf_paths_data_clear(hf_paths_data *data) {
    hf_paths_features_destroy(&data->train);
    hf_paths_features_destroy(&data->test);
    hf_array_destroy(&data->train_labels);
    hf_array_destroy(&data->test_labels);
}

void hf_paths_study_destroy(hf_paths_study **study) {
    if (study == NULL || *study == NULL)
        return;
    hf_paths_data_clear(&(*study)->data);
    free((*study)->name);
    free((*study)->title);
    free((*study)->text);
    free((*study)->network);
    free(*study);
    *study = NULL;
}

void hf_paths_study_sizes(const hf_paths_study *study, size_t *train, size_t *test) {
    *train = study->drawn ? study->markov.train : hf_paths_features_count(study->data.train);
    *test = study->drawn ? study->markov.test : hf_paths_features_count(study->data.test);
}

/* ---- one network on one draw ------------------------------------------------------------------------ */

/* Room for an outcome. */
typedef struct room {
    double *memory;
    double *kernel, *spare, *eigenvalues, *alignment, *mean, *variance, *scores, *pruned, *silenced;
    size_t *pruning;
} room;

static hf_status make_room(hf_error *error, const hf_paths_study *study, room *r) {
    size_t P, tests, heads = hf_paths_heads(study->network), M = hf_paths_rows(study->network, 0);
    hf_paths_study_sizes(study, &P, &tests);
    HF_TRY(hf_allocate(error, heads, sizeof *r->pruning, (void *)&r->pruning));
    HF_TRY(hf_array_create(error, 2 * P * P + 2 * P + 2 * tests + 2 * heads + M * M, &r->memory));
    r->kernel = r->memory;
    r->spare = r->kernel + P * P; /* becomes the eigenvectors */
    r->eigenvalues = r->spare + P * P;
    r->alignment = r->eigenvalues + P;
    r->mean = r->alignment + P;
    r->variance = r->mean + tests;
    r->scores = r->variance + tests;
    r->pruned = r->scores + heads;
    r->silenced = r->pruned + heads;
    return HF_OK;
}

/* An accuracy that is not a number where the kernel of the heads left is not definite: it predicts nothing.
 */
static hf_status prune(hf_error *error, const hf_paths_network *network, hf_paths_outcome *o, room *r) {
    const hf_paths_data *data = o->data;
    size_t tests = hf_paths_features_count(data->test), M = hf_paths_rows(network, 0);
    size_t steps = hf_paths_heads(network) - network->layers;
    double *mean;
    HF_TRY(hf_array_create(error, 2 * tests, &mean));
    memcpy(r->silenced, o->solution.order, M * M * sizeof *r->silenced);
    r->pruned[0] = o->accuracy;
    hf_status status = HF_OK;
    for (size_t k = 0; k < steps && status == HF_OK; k++) {
        hf_paths_silence(network, r->pruning[k], r->silenced);
        status = hf_paths_predict(error, network->temperature, data->train, data->train_labels, data->test,
                                  r->silenced, mean, mean + tests);
        bool definite = status != HF_ERR_NUMERIC;
        r->pruned[k + 1] = definite ? hf_paths_accuracy(tests, mean, data->test_labels) : NAN;
        status = definite ? status : HF_OK;
    }
    o->pruned = r->pruned;
    hf_array_destroy(&mean);
    return status;
}

/* All that follows from the order parameter. */
static hf_status measure(hf_error *error, const hf_paths_network *network, hf_paths_outcome *o, room *r) {
    const hf_paths_data *data = o->data;
    const double *order = o->solution.order;
    size_t P = hf_paths_features_count(data->train), tests = hf_paths_features_count(data->test);
    HF_TRY(hf_paths_kernel(error, data->train, data->train, order, r->kernel));
    memcpy(r->spare, r->kernel, P * P * sizeof *r->spare);
    HF_TRY(hf_paths_alignment(error, P, r->spare, data->train_labels, r->eigenvalues, r->alignment));
    HF_TRY(hf_paths_predict(error, network->temperature, data->train, data->train_labels, data->test, order,
                            r->mean, r->variance));
    hf_paths_scores(network, order, r->scores);
    hf_paths_pruning(network, r->scores, r->pruning);
    o->accuracy = hf_paths_accuracy(tests, r->mean, data->test_labels);
    for (size_t i = 0; i < tests; i++)
        o->error += (r->mean[i] - data->test_labels[i]) * (r->mean[i] - data->test_labels[i]) / (double)tests;
    return HF_OK;
}

static hf_status solve(hf_error *error, const hf_paths_study *study, const hf_paths_network *network,
                       bool limit, hf_paths_outcome *o) {
    if (limit) {
        HF_TRY(hf_array_create(error, hf_paths_offset(network, network->layers), &o->solution.order));
        hf_paths_gaussian_limit(network, o->solution.order);
        o->solution.value.readout = network->variances[network->layers + 1];
        return HF_OK;
    }
    hf_paths_action *action;
    HF_TRY(hf_paths_action_create(error, network, o->data->train, o->data->train_labels, &action));
    hf_status status = hf_paths_solve(error, action, study->starts, &o->solution);
    hf_paths_action_destroy(&action);
    return status;
}

static hf_status run_one(hf_error *error, const hf_paths_study *study, const hf_paths_data *data, size_t seed,
                         size_t k, room *r, const hf_paths_observer *observer) {
    bool limit = k == study->networks;
    const hf_paths_network *network = &study->network[limit ? 0 : k];
    hf_paths_outcome o = {.seed = seed,
                          .network = k,
                          .data = data,
                          .kernel = r->kernel,
                          .eigenvalues = r->eigenvalues,
                          .alignment = r->alignment,
                          .mean = r->mean,
                          .variance = r->variance,
                          .scores = r->scores,
                          .pruning = r->pruning};
    hf_error inner = {0};
    hf_status status = solve(&inner, study, network, limit, &o);
    if (status == HF_OK)
        status = measure(&inner, network, &o, r);
    if (status == HF_OK && study->prune && !limit)
        status = prune(&inner, network, &o, r);
    if (status == HF_OK)
        status = observer->outcome(error, observer->self, &o);
    else if (limit)
        hf_raise(error, status, "seed %zu, Gaussian limit: %s", seed + 1, inner.message);
    else {
        char widths[HF_PATHS_WIDTHS_TEXT];
        hf_paths_widths_text(network->layers + 1, network->widths, sizeof widths, widths);
        hf_raise(error, status, "seed %zu, width %s: %s", seed + 1, widths, inner.message);
    }
    hf_array_destroy(&o.solution.order);
    return status;
}

/* ---- all of them ------------------------------------------------------------------------------------ */

static hf_status draw(hf_error *error, const hf_paths_study *study, size_t seed, hf_paths_data *data) {
    HF_TRY(hf_array_create(error, study->markov.train, &data->train_labels));
    HF_TRY(hf_array_create(error, study->markov.test, &data->test_labels));
    return hf_markov_create(error, study->network, &study->markov, study->readout, seed, &data->train,
                            data->train_labels, &data->test, data->test_labels);
}

static hf_status run_seed(hf_error *error, const hf_paths_study *study, size_t seed, room *r,
                          const hf_paths_observer *observer) {
    hf_paths_data drawn = {0};
    hf_status status = study->drawn ? draw(error, study, seed, &drawn) : HF_OK;
    for (size_t k = 0; k <= study->networks && status == HF_OK; k++)
        status = run_one(error, study, study->drawn ? &drawn : &study->data, seed, k, r, observer);
    hf_paths_data_clear(&drawn);
    return status;
}

hf_status hf_paths_study_run(hf_error *error, const hf_paths_study *study,
                             const hf_paths_observer *observer) {
    room r = {0};
    hf_status status = make_room(error, study, &r);
    for (size_t seed = 0; seed < study->seeds && status == HF_OK; seed++)
        status = run_seed(error, study, seed, &r, observer);
    hf_array_destroy(&r.memory);
    free(r.pruning);
    return status;
}
