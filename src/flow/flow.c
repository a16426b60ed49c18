/* A flow: the part of the grid that this rank holds, with the tables and the workspace of its right-hand
 * side. */
#include "flow/flow.h"

#include <stdlib.h>

/* Rows beyond the ends of a part: the neighbour's, for differences of the potential; for a dual flux, which
 * asks for velocities in the whole halo, those that the differences about them reach. */
static size_t margin_of(const hf_flux *flux) {
    return flux->dual ? (size_t)flux->halo + HF_SLOPES_MIN / 2 : (size_t)flux->halo;
}

/* What this rank holds of the grid, and what it sees of the others' parts. */
static hf_status create_part(hf_error *error, hf_flow *flow, hf_table_options *options) {
    const hf_problem *problem = flow->problem;
    const hf_flux *flux = hf_problem_flux(problem);
    HF_TRY(hf_problem_divide(error, problem, &flow->part));
    const hf_grid *part = flow->part;
    for (size_t d = 0; d < hf_model_attention_coordinates(hf_problem_model(problem)); d++) {
        options->first[d] = hf_grid_first(part, d);
        options->cells[d] = hf_grid_axis(part, d)->cells;
        options->margin[d] = hf_grid_divided(part, d) ? margin_of(flux) : 0;
        flow->potential.margin[d] = options->margin[d];
    }
    if (hf_grid_ranks(part) == NULL)
        return HF_OK;
    HF_TRY(hf_halo_create(error, part, (size_t)flux->halo, &flow->halo));
    for (size_t d = 0; d < hf_grid_dim(part); d++)
        for (int side = 0; side < 2; side++)
            flow->beyond.layers[d][side] = hf_halo_layers(flow->halo, d, side);
    return HF_OK;
}

static hf_status create_arrays(hf_error *error, hf_flow *flow) {
    const hf_events *events = hf_problem_events(flow->problem);
    size_t terms = 1 + hf_model_value_coordinates(hf_problem_model(flow->problem));
    size_t modes = hf_table_modes_count(flow->table), wide = hf_table_wide_rows(flow->table) * terms;
    HF_TRY(hf_array_create(error, hf_table_rows(flow->table) * terms, &flow->moments));
    HF_TRY(hf_array_create(error, modes, &flow->modes));
    HF_TRY(hf_array_create(error, modes, &flow->response));
    HF_TRY(hf_array_create(error, hf_table_differences_count(flow->table), &flow->differences));
    HF_TRY(hf_array_create(error, wide, &flow->coefficients));
    if (hf_problem_flux(flow->problem)->dual)
        HF_TRY(hf_array_create(error, hf_grid_dim(flow->part) * wide, &flow->velocities));
    return hf_array_create(error, hf_events_count(events) * hf_events_classes(events), &flow->logits);
}

static hf_status fill(hf_error *error, hf_flow *flow) {
    const hf_problem *problem = flow->problem;
    const hf_model *model = hf_problem_model(problem);
    hf_table_options options = {.sampling = hf_problem_sampling(problem),
                                .tolerance = hf_problem_table_tolerance(problem)};
    HF_TRY(create_part(error, flow, &options));
    HF_TRY(hf_table_create(error, model, hf_problem_grid(problem), &options, &flow->table));
    HF_TRY(hf_risk_create(error, hf_problem_events(problem), &flow->risk));
    HF_TRY(hf_transport_create(error, flow->part, hf_problem_flux(problem), hf_problem_limiter(problem),
                               hf_problem_temperature(problem), &flow->transport));
    HF_TRY(create_arrays(error, flow));
    flow->potential.affine = hf_model_value_coordinates(model);
    flow->potential.coefficients = flow->coefficients;
    flow->potential.velocities = flow->velocities;
    for (size_t d = 0; d < hf_grid_dim(flow->part); d++)
        flow->potential.ridge[d] = hf_model_ridged(model, d) ? hf_model_ridge(model) : 0;
    return HF_OK;
}

hf_status hf_flow_create(hf_error *error, const hf_problem *problem, hf_flow **out) {
    *out = NULL;
    hf_flow *flow;
    HF_TRY(hf_allocate(error, 1, sizeof *flow, &flow));
    flow->problem = problem;
    hf_status status = hf_ranks_agree(error, hf_problem_ranks(problem), fill(error, flow));
    if (status != HF_OK) {
        hf_flow_destroy(&flow);
        return status;
    }
    *out = flow;
    return HF_OK;
}

void hf_flow_destroy(hf_flow **flow) {
    if (flow == NULL || *flow == NULL)
        return;
    double **const arrays[] = {&(*flow)->moments,  &(*flow)->modes,        &(*flow)->differences,
                               &(*flow)->response, &(*flow)->coefficients, &(*flow)->velocities,
                               &(*flow)->logits};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        hf_array_destroy(arrays[i]);
    hf_transport_destroy(&(*flow)->transport);
    hf_risk_destroy(&(*flow)->risk);
    hf_table_destroy(&(*flow)->table);
    hf_halo_destroy(&(*flow)->halo);
    hf_grid_destroy(&(*flow)->part);
    free(*flow);
    *flow = NULL;
}

const hf_problem *hf_flow_problem(const hf_flow *flow) {
    return flow->problem;
}
const hf_grid *hf_flow_grid(const hf_flow *flow) {
    return flow->part;
}
