/* Which heads carry the order parameter, and what is left when they are silenced. docs/paths.md (P8). */
#include <headflow/paths.h>

#include <math.h>
#include <stdbool.h>

/* Layer and number in it of a head. */
static size_t locate(const hf_paths_network *network, size_t head, size_t *layer) {
    for (*layer = 0; head >= network->heads[*layer]; (*layer)++)
        head -= network->heads[*layer];
    return head;
}

/* Whether a path goes through a head. */
static bool passes(const hf_paths_network *network, size_t path, size_t layer, size_t head) {
    return path / hf_paths_rows(network, layer + 1) % network->heads[layer] == head;
}

void hf_paths_scores(const hf_paths_network *network, const double *order, double *scores) {
    size_t M = hf_paths_rows(network, 0), heads = hf_paths_heads(network);
    double largest = 0;
    for (size_t k = 0; k < heads; k++) {
        size_t layer, head = locate(network, k, &layer);
        scores[k] = 0;
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < M; j++)
                if (passes(network, i, layer, head) || passes(network, j, layer, head))
                    scores[k] += fabs(order[i * M + j]);
        largest = fmax(largest, scores[k]);
    }
    for (size_t k = 0; k < heads; k++)
        scores[k] = largest > 0 ? scores[k] / largest : 0;
}

void hf_paths_silence(const hf_paths_network *network, size_t head, double *order) {
    size_t M = hf_paths_rows(network, 0), layer, own = locate(network, head, &layer);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++)
            if (passes(network, i, layer, own) || passes(network, j, layer, own))
                order[i * M + j] = 0;
}

void hf_paths_pruning(const hf_paths_network *network, const double *scores, size_t *heads) {
    size_t count = hf_paths_heads(network), left[HF_PATHS_LAYERS_MAX];
    bool silent[HF_PATHS_MAX + HF_PATHS_LAYERS_MAX] = {false};
    for (size_t l = 0; l < network->layers; l++)
        left[l] = network->heads[l];
    for (size_t done = 0; done < count - network->layers; done++) {
        size_t lowest = count, layer;
        for (size_t k = 0; k < count; k++) {
            locate(network, k, &layer);
            if (!silent[k] && left[layer] > 1 && (lowest == count || scores[k] < scores[lowest]))
                lowest = k;
        }
        locate(network, lowest, &layer);
        left[layer]--;
        silent[lowest] = true;
        heads[done] = lowest;
    }
}
