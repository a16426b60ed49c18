/* Examples with their attention from a NetCDF file, and path features from examples. docs/paths.md,
 * section 3. */
#include "store/paths_data.h"
#include "store/dataset.h"

#include <stdio.h>

const char *const hf_paths_sets[HF_SETS] = {"train", "test"};

void hf_paths_set_clear(hf_paths_set *set) {
    hf_array_destroy(&set->inputs);
    hf_array_destroy(&set->labels);
    for (size_t l = 0; l < HF_PATHS_LAYERS_MAX; l++)
        hf_array_destroy(&set->attention[l]);
}

hf_status hf_paths_data_create(hf_error *error, const hf_paths_network *network, hf_paths_readout readout,
                               hf_paths_set *sets, hf_paths_data *data) {
    hf_paths_features **features[HF_SETS] = {&data->train, &data->test};
    double **labels[HF_SETS] = {&data->train_labels, &data->test_labels};
    for (size_t k = 0; k < HF_SETS; k++) {
        hf_error inner = {0};
        hf_paths_examples examples = {.count = sets[k].count,
                                      .features = sets[k].features,
                                      .tokens = sets[k].tokens,
                                      .inputs = sets[k].inputs,
                                      .applied = sets[k].applied};
        for (size_t l = 0; l < network->layers; l++)
            examples.attention[l] = sets[k].attention[l];
        hf_status status = hf_paths_features_create(&inner, network, &examples, readout, features[k]);
        if (status != HF_OK)
            return hf_raise(error, status, "%s: %s", hf_paths_sets[k], inner.message);
        *labels[k] = sets[k].labels;
        sets[k].labels = NULL;
    }
    return HF_OK;
}

/* ---- NetCDF ----------------------------------------------------------------------------------------- */

/* All of a variable. lengths: shape (HF_RANK_MAX); values: on the heap */
static hf_status read_whole(hf_error *error, const hf_dataset *dataset, const char *name,
                            const char *const dims[], size_t *lengths, double **values) {
    size_t width = 1;
    HF_TRY(hf_dataset_shape(error, dataset, name, dims, lengths));
    for (size_t i = 1; dims[i] != NULL; i++)
        width *= lengths[i];
    if (lengths[0] * width == 0)
        return hf_raise(error, HF_ERR_IO, "%s: '%s' is empty; expected values", hf_dataset_path(dataset),
                        name);
    HF_TRY(hf_array_create(error, lengths[0] * width, values));
    return hf_dataset_get(error, dataset, name, 0, lengths[0], width, *values);
}

/* A layer's attention: with queries, or in the last layer read out already. */
static hf_status read_attention(hf_error *error, const hf_dataset *dataset, const char *prefix,
                                const char *example, const hf_paths_network *network, size_t layer,
                                hf_paths_set *set) {
    char name[64], head[32];
    size_t lengths[HF_RANK_MAX];
    hf_error ignored = {0};
    snprintf(name, sizeof name, "%sattention_%zu", prefix, layer + 1);
    snprintf(head, sizeof head, "head_%zu", layer + 1);
    const char *const read_out[] = {example, head, "key", NULL}, *const full[] = {example, head, "key",
                                                                                  "query", NULL};
    bool last = layer + 1 == network->layers;
    bool applied = last && hf_dataset_shape(&ignored, dataset, name, read_out, lengths) == HF_OK;
    HF_TRY(read_whole(error, dataset, name, applied ? read_out : full, lengths, &set->attention[layer]));
    set->applied = applied;
    bool square = applied || lengths[3] == set->tokens;
    if (lengths[1] != network->heads[layer] || lengths[2] != set->tokens || !square)
        return hf_raise(
            error, HF_ERR_IO,
            "%s: '%s' is for %zu heads and %zu keys%s; expected %zu heads as in network.heads, and "
            "%zu keys and queries, the tokens of '%sinputs'",
            hf_dataset_path(dataset), name, lengths[1], lengths[2],
            square ? "" : " of another number of queries", network->heads[layer], set->tokens, prefix);
    return HF_OK;
}

static hf_status read_set(hf_error *error, const hf_dataset *dataset, const char *prefix,
                          const hf_paths_network *network, hf_paths_set *set) {
    char inputs[32], labels[32], example[32];
    size_t lengths[HF_RANK_MAX];
    snprintf(inputs, sizeof inputs, "%sinputs", prefix);
    snprintf(labels, sizeof labels, "%slabels", prefix);
    snprintf(example, sizeof example, "%sexample", prefix);
    HF_TRY(read_whole(error, dataset, inputs, (const char *const[]){example, "feature", "token", NULL},
                      lengths, &set->inputs));
    set->count = lengths[0];
    set->features = lengths[1];
    set->tokens = lengths[2];
    HF_TRY(read_whole(error, dataset, labels, (const char *const[]){example, NULL}, lengths, &set->labels));
    for (size_t l = 0; l < network->layers; l++)
        HF_TRY(read_attention(error, dataset, prefix, example, network, l, set));
    return HF_OK;
}

hf_status hf_paths_read_netcdf(hf_error *error, const char *path, const hf_paths_network *network,
                               hf_paths_set *sets) {
    hf_dataset *dataset;
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = read_set(error, dataset, "", network, &sets[HF_TRAIN]);
    if (status == HF_OK)
        status = read_set(error, dataset, "test_", network, &sets[HF_TEST]);
    hf_dataset_destroy(&dataset);
    return status;
}
