/* Refinement of the grid against weighted tokens, at the end of the case. */
#include "tokens/tokens.h"

#include <math.h>

static const double tolerance = 1e-12; /* of the tokens' flow */
static const double share = 0.93;      /* of the scheme's order that is observed at least */

enum { DEFAULT_LEVELS = 3, CIRCLE_NODES = 128, SPHERE_NODES = 24 };

static hf_status run_tokens(hf_error *error, const hf_tokens_input *input, size_t nodes, double *energy,
                            double *mean) {
    hf_tokens_cloud cloud;
    HF_TRY(hf_tokens_cloud_create(error, input, nodes, &cloud));
    hf_status status = hf_tokens_cloud_advance(error, input, input->end, tolerance, &cloud);
    if (status == HF_OK)
        *energy = hf_tokens_cloud_energy(input, &cloud, mean);
    hf_tokens_cloud_clear(&cloud);
    return status;
}

static hf_status keep(hf_error *error, void *self, const hf_tokens_record *record, const double *g) {
    (void)error, (void)g;
    *(hf_tokens_record *)self = *record;
    return HF_OK;
}

static hf_status run_level(hf_error *error, const hf_tokens_input *input, hf_tokens_study *study,
                           hf_tokens_level *level) {
    hf_tokens *tokens;
    hf_tokens_record last = {0};
    hf_statistics statistics;
    hf_tokens_observer observer = {.self = &last, .output = keep};
    HF_TRY(hf_tokens_create(error, input, &tokens));
    hf_status status = hf_tokens_integrate(error, tokens, &observer, NULL, &statistics);
    hf_tokens_destroy(&tokens);
    HF_TRY(status);
    double square = 0;
    for (size_t i = 0; i < input->dim; i++)
        square += pow(last.mean[i] - study->mean[i], 2);
    level->energy_error = fabs(last.energy / study->energy - 1);
    level->mean_error = sqrt(square);
    level->steps = statistics.steps;
    level->seconds = statistics.seconds;
    return HF_OK;
}

static int order_of(const hf_tokens_input *input) {
    return input->transport ? 1 : input->flux != NULL ? input->flux->order : 2;
}

static void judge(const hf_tokens_input *input, hf_tokens_study *study) {
    study->expected_order = order_of(input);
    const hf_tokens_level *finest = &study->level[study->count - 1];
    study->judged = study->uncertainty < 0.1 * finest->energy_error;
    study->passed = study->judged && finest->energy_order >= share * study->expected_order;
}

hf_status hf_tokens_verify(hf_error *error, const hf_tokens_input *input, size_t levels, size_t nodes,
                           hf_tokens_study *study) {
    double coarse, unused[HF_TOKENS_DIM_MAX];
    *study = (hf_tokens_study){.count = levels > 0 ? levels : DEFAULT_LEVELS,
                               .nodes = nodes > 0         ? nodes
                                        : input->dim == 2 ? CIRCLE_NODES
                                                          : SPHERE_NODES};
    if (study->count > HF_TOKENS_LEVELS_MAX)
        return hf_raise(error, HF_ERR_INPUT, "%zu levels; expected at most %d", study->count,
                        HF_TOKENS_LEVELS_MAX);
    HF_TRY(run_tokens(error, input, study->nodes, &study->energy, study->mean));
    HF_TRY(run_tokens(error, input, study->nodes - study->nodes / 4, &coarse, unused));
    study->uncertainty = fabs(coarse / study->energy - 1);
    for (size_t k = 0; k < study->count; k++) {
        hf_tokens_input refined = *input;
        hf_tokens_level *level = &study->level[k];
        for (size_t a = 0; a < input->axis_count; a++)
            refined.cells[a] = level->cells[a] = input->cells[a] >> (study->count - 1 - k);
        HF_TRY(run_level(error, &refined, study, level));
        level->energy_order = k > 0 ? log2(level[-1].energy_error / level->energy_error) : NAN;
    }
    judge(input, study);
    return HF_OK;
}
