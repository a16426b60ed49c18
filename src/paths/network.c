/* The network of the path theory: what is allowed, and the sizes and the Gaussian limit of its order
 * parameter. docs/paths.md (P4), (P5). */
#include <headflow/paths.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t hf_paths_rows(const hf_paths_network *network, size_t layer) {
    size_t rows = 1;
    for (size_t l = layer; l < network->layers; l++)
        rows *= network->heads[l];
    return rows;
}

size_t hf_paths_offset(const hf_paths_network *network, size_t layer) {
    size_t offset = 0;
    for (size_t l = 0; l < layer; l++)
        offset += hf_paths_rows(network, l) * hf_paths_rows(network, l);
    return offset;
}

size_t hf_paths_heads(const hf_paths_network *network) {
    size_t count = 0;
    for (size_t l = 0; l < network->layers; l++)
        count += network->heads[l];
    return count;
}

/* Refuse a number that is not positive and finite. */
static hf_status check_positive(hf_error *error, const char *what, size_t count, const double *values) {
    for (size_t i = 0; i < count; i++)
        if (!(values[i] > 0 && isfinite(values[i])))
            return hf_raise(error, HF_ERR_INPUT, "%s %zu is %g; expected a number > 0", what, i + 1,
                            values[i]);
    return HF_OK;
}

hf_status hf_paths_network_check(hf_error *error, const hf_paths_network *network) {
    size_t paths = 1;
    if (network->layers < 1 || network->layers > HF_PATHS_LAYERS_MAX)
        return hf_raise(error, HF_ERR_INPUT, "%zu layers of attention; expected 1 to %d", network->layers,
                        HF_PATHS_LAYERS_MAX);
    for (size_t l = 0; l < network->layers; l++) {
        size_t heads = network->heads[l];
        if (heads < 1 || heads > HF_PATHS_MAX || (paths *= heads) > HF_PATHS_MAX)
            return hf_raise(error, HF_ERR_INPUT,
                            "%zu heads in layer %zu; expected at least one a layer, and at most %d paths",
                            heads, l + 1, HF_PATHS_MAX);
    }
    HF_TRY(check_positive(error, "width", network->layers + 1, network->widths));
    HF_TRY(check_positive(error, "variance", network->layers + 2, network->variances));
    if (!(network->temperature >= 0 && isfinite(network->temperature)))
        return hf_raise(error, HF_ERR_INPUT, "the temperature is %g; expected a number >= 0",
                        network->temperature);
    return HF_OK;
}

void hf_paths_widths_text(size_t count, const double *widths, size_t size, char *text) {
    size_t shown = 1, used = 0;
    for (size_t l = 1; l < count; l++)
        if (widths[l] != widths[0])
            shown = count;
    for (size_t l = 0; l < shown && used < size; l++)
        used += (size_t)snprintf(text + used, size - used, "%s%g", l > 0 ? "," : "", widths[l]);
}

void hf_paths_gaussian_limit(const hf_paths_network *network, double *order) {
    size_t L = network->layers;
    double value = network->variances[L + 1];
    memset(order, 0, hf_paths_offset(network, L) * sizeof *order);
    for (size_t l = L; l-- > 0;) {
        size_t rows = hf_paths_rows(network, l);
        double *block = order + hf_paths_offset(network, l);
        value *= network->variances[l + 1];
        for (size_t i = 0; i < rows; i++)
            block[i * rows + i] = value;
    }
}

double hf_paths_readout_variance(const hf_paths_network *network, const double *order) {
    size_t L = network->layers, heads = network->heads[L - 1];
    const double *last = order + hf_paths_offset(network, L - 1);
    double prior = network->variances[L + 1], share = network->widths[L - 1] / network->widths[L];
    double linear = prior * ((double)heads * share - 1), constant = 0;
    for (size_t h = 0; h < heads; h++)
        constant += prior * share * last[h * heads + h] / network->variances[L];
    /* the root without cancellation */
    double root = sqrt(linear * linear + 4 * constant);
    return linear > 0 ? 2 * constant / (root + linear) : (root - linear) / 2;
}
