/* Reading paths.nc: what figures and the report tell of it. docs/paths.md, section 4. */
#include "store/dataset.h"
#include "store/paths_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_paths_record_destroy(hf_paths_record **record) {
    if (record == NULL || *record == NULL)
        return;
    hf_array_destroy(&(*record)->width);
    free(*record);
    *record = NULL;
}

void hf_paths_record_spread(const hf_paths_record *record, const double *array, size_t network, double *mean,
                            double *deviation) {
    double sum = 0, squares = 0, n = (double)record->seeds;
    for (size_t s = 0; s < record->seeds; s++)
        sum += array[s * record->networks + network] / n;
    for (size_t s = 0; s < record->seeds; s++)
        squares += pow(array[s * record->networks + network] - sum, 2);
    *mean = sum;
    *deviation = n > 1 ? sqrt(squares / (n - 1)) : 0;
}

bool hf_paths_record_uneven(const hf_paths_record *record) {
    size_t places = record->network.layers + 1;
    for (size_t i = 0; i < record->networks * places; i++)
        if (record->widths[i] != record->width[i / places])
            return true;
    return false;
}

void hf_paths_record_widths(const hf_paths_record *record, size_t network, char *text) {
    size_t places = record->network.layers + 1;
    hf_paths_widths_text(places, record->widths + network * places, HF_PATHS_WIDTHS_TEXT, text);
}

void hf_paths_record_label(const hf_paths_record *record, size_t path, size_t size, char *text) {
    size_t used = 0;
    for (size_t l = 0; l < record->network.layers && used < size; l++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%zu", l > 0 ? "." : "",
                             path / hf_paths_rows(&record->network, l + 1) % record->network.heads[l] + 1);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static hf_status read_sizes(hf_error *error, const hf_dataset *dataset, hf_paths_record *r) {
    double heads[HF_PATHS_LAYERS_MAX];
    HF_TRY(hf_dataset_length(error, dataset, "seed", &r->seeds));
    HF_TRY(hf_dataset_length(error, dataset, "network", &r->networks));
    HF_TRY(hf_dataset_length(error, dataset, "layer", &r->network.layers));
    HF_TRY(hf_dataset_length(error, dataset, "train", &r->train));
    HF_TRY(hf_dataset_length(error, dataset, "test", &r->test));
    HF_TRY(hf_dataset_length(error, dataset, "path", &r->paths));
    HF_TRY(hf_dataset_length(error, dataset, "head", &r->heads));
    if (r->network.layers < 1 || r->network.layers > HF_PATHS_LAYERS_MAX)
        return hf_raise(error, HF_ERR_IO, "%s: %zu layers; expected 1 to %d", hf_dataset_path(dataset),
                        r->network.layers, HF_PATHS_LAYERS_MAX);
    HF_TRY(hf_dataset_get(error, dataset, "heads", 0, r->network.layers, 1, heads));
    for (size_t l = 0; l < r->network.layers; l++)
        r->network.heads[l] = heads[l] >= 1 && heads[l] <= HF_PATHS_MAX ? (size_t)heads[l] : 0;
    if (hf_paths_rows(&r->network, 0) != r->paths || hf_paths_heads(&r->network) != r->heads || r->seeds == 0)
        return hf_raise(error, HF_ERR_IO, "%s: %zu paths and %zu heads do not fit the layers' heads",
                        hf_dataset_path(dataset), r->paths, r->heads);
    return hf_dataset_get(error, dataset, "variance_prior", 0, r->network.layers + 2, 1,
                          r->network.variances);
}

/* The mean over seeds of a variable of shape (seeds, networks, ...), `width` values a network. */
static hf_status read_mean(hf_error *error, const hf_dataset *dataset, const char *name,
                           const char *const dims[], const hf_paths_record *r, size_t width, double *mean) {
    size_t each = r->networks * width, lengths[HF_RANK_MAX];
    double *values;
    HF_TRY(hf_dataset_shape(error, dataset, name, dims, lengths));
    HF_TRY(hf_array_create(error, each, &values));
    hf_status status = HF_OK;
    for (size_t s = 0; s < r->seeds && status == HF_OK; s++) {
        status = hf_dataset_get(error, dataset, name, s, 1, each, values);
        for (size_t i = 0; i < each; i++)
            mean[i] += values[i] / (double)r->seeds;
    }
    hf_array_destroy(&values);
    return status;
}

static hf_status read_arrays(hf_error *error, const hf_dataset *dataset, hf_paths_record *r) {
    size_t K = r->networks, square = r->paths * r->paths, steps = r->heads - r->network.layers + 1;
    size_t places = r->network.layers + 1, lengths[HF_RANK_MAX];
    HF_TRY(hf_dataset_shape(error, dataset, "order_parameter_1",
                            (const char *const[]){"seed", "network", "path", "path_column", NULL}, lengths));
    HF_TRY(hf_array_create(error, K * (1 + places + 3 * r->seeds + square + r->train + r->heads + steps),
                           &r->width));
    r->widths = r->width + K;
    r->accuracy = r->widths + K * places;
    r->error = r->accuracy + r->seeds * K;
    r->residual = r->error + r->seeds * K;
    r->order = r->residual + r->seeds * K;
    r->alignment = r->order + K * square;
    r->scores = r->alignment + K * r->train;
    r->pruning = r->scores + K * r->heads;
    HF_TRY(hf_dataset_get(error, dataset, "width", 0, K, places, r->widths));
    for (size_t k = 0; k < K; k++)
        r->width[k] = r->widths[k * places];
    HF_TRY(hf_dataset_get(error, dataset, "accuracy", 0, r->seeds, K, r->accuracy));
    HF_TRY(hf_dataset_get(error, dataset, "error", 0, r->seeds, K, r->error));
    HF_TRY(hf_dataset_get(error, dataset, "residual", 0, r->seeds, K, r->residual));
    HF_TRY(read_mean(error, dataset, "order_parameter_1",
                     (const char *const[]){"seed", "network", "path", "path_column", NULL}, r, square,
                     r->order));
    HF_TRY(read_mean(error, dataset, "alignment", (const char *const[]){"seed", "network", "train", NULL}, r,
                     r->train, r->alignment));
    HF_TRY(read_mean(error, dataset, "score", (const char *const[]){"seed", "network", "head", NULL}, r,
                     r->heads, r->scores));
    r->pruned = hf_dataset_has(dataset, "pruned_accuracy");
    return !r->pruned
               ? HF_OK
               : read_mean(error, dataset, "pruned_accuracy",
                           (const char *const[]){"seed", "network", "silenced", NULL}, r, steps, r->pruning);
}

static hf_status read_all(hf_error *error, const hf_dataset *dataset, hf_paths_record *r) {
    HF_TRY(hf_dataset_copy_text(error, dataset, "name", sizeof r->name, r->name));
    HF_TRY(hf_dataset_copy_text(error, dataset, "title", sizeof r->title, r->title));
    HF_TRY(hf_dataset_get_number(error, dataset, "temperature", &r->network.temperature));
    HF_TRY(read_sizes(error, dataset, r));
    return read_arrays(error, dataset, r);
}

hf_status hf_paths_record_read(hf_error *error, const char *path, hf_paths_record **out) {
    hf_dataset *dataset;
    *out = NULL;
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = hf_allocate(error, 1, sizeof **out, (void *)out);
    if (status == HF_OK)
        status = read_all(error, dataset, *out);
    if (status != HF_OK)
        hf_paths_record_destroy(out);
    hf_dataset_destroy(&dataset);
    return status;
}
