/* What trained heads depend on, as one number: so that heads are not compared with the density of another
 * problem that happens to have coordinates of the same names. */
#include "store/journal.h"

#include <headflow/store.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t hash_events(uint64_t hash, const hf_events *events) {
    size_t width = hf_events_width(events), classes = hf_events_classes(events);
    for (size_t e = 0; e < hf_events_count(events); e++) {
        size_t length = hf_events_length(events, e);
        double weight = hf_events_weight(events, e);
        hash = hf_hash(hash, &length, sizeof length);
        hash = hf_hash(hash, hf_events_tokens(events, e), length * width * sizeof(double));
        hash = hf_hash(hash, hf_events_label(events, e), classes * sizeof(double));
        hash = hf_hash(hash, &weight, sizeof weight);
    }
    return hash;
}

static uint64_t hash_heads(uint64_t hash, const hf_heads *h, size_t width, size_t classes) {
    size_t square = width * width, value = classes * width;
    hash = hf_hash(hash, h->form->name, strlen(h->form->name) + 1);
    hash = hf_hash(hash, h->attention_base, square * sizeof(double));
    hash = hf_hash(hash, h->attention_basis, h->attention_basis_count * square * sizeof(double));
    hash = hf_hash(hash, h->value_base, value * sizeof(double));
    return hf_hash(hash, h->value_basis, h->value_coordinates * value * sizeof(double));
}

static uint64_t hash_initial(uint64_t hash, const hf_problem *problem) {
    size_t count, dim = hf_grid_dim(hf_problem_grid(problem));
    const hf_component *component = hf_problem_components(problem, &count);
    for (size_t c = 0; c < count; c++) {
        hash = hf_hash(hash, &component[c].weight, sizeof component[c].weight);
        for (size_t d = 0; d < dim; d++) {
            const hf_profile *profile = &component[c].profile[d];
            double numbers[] = {(double)profile->kind, profile->a, profile->b};
            hash = hf_hash(hash, numbers, sizeof numbers);
        }
    }
    return hash;
}

void hf_problem_fingerprint(const hf_problem *problem, char text[HF_FINGERPRINT_MAX]) {
    const hf_events *events = hf_problem_events(problem);
    const hf_model *model = hf_problem_model(problem);
    hf_heads heads = hf_model_heads(model);
    double ridge = hf_model_ridge(model);
    uint64_t hash = hash_events(HF_HASH_EMPTY, events);
    hash = hash_heads(hash, &heads, hf_events_width(events), hf_events_classes(events));
    hash = hf_hash(hash, &ridge, sizeof ridge);
    hash = hash_initial(hash, problem);
    snprintf(text, HF_FINGERPRINT_MAX, "%016" PRIx64, hash);
}
