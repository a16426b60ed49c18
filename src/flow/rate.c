/* The semi-discrete flow: density -> moments -> logits -> residual -> potential -> fluxes -> d rho/dt.
 * docs/numerics.md (13). The order of the calls in hf_flow_rate is the way the data takes. */
#include "flow/flow.h"

#include <math.h>
#include <stdlib.h>

hf_status hf_flow_create(hf_error *error, const hf_problem *problem, hf_flow **out) {
    *out = NULL;
    hf_flow *flow;
    HF_TRY(hf_allocate(error, 1, sizeof *flow, &flow));
    const hf_grid *grid = hf_problem_grid(problem);
    const hf_events *events = hf_problem_events(problem);
    const hf_model *model = hf_problem_model(problem);
    flow->problem = problem;
    hf_table_options options = {.sampling = hf_problem_sampling(problem),
                                .tolerance = hf_problem_table_tolerance(problem)};
    hf_status status = hf_problem_divide(error, problem, &flow->part);
    if (status == HF_OK)
        status = hf_table_create(error, model, grid, &options, &flow->table);
    if (status == HF_OK)
        status = hf_transport_create(error, grid, hf_problem_flux(problem), hf_problem_limiter(problem),
                                     hf_problem_temperature(problem), &flow->transport);
    size_t terms = 1 + hf_model_value_coordinates(model);
    size_t outputs = hf_events_count(events) * hf_events_classes(events);
    if (status == HF_OK)
        status = hf_array_create(error, hf_table_rows(flow->table) * terms, &flow->moments);
    if (status == HF_OK)
        status = hf_array_create(error, hf_table_modes_count(flow->table), &flow->modes);
    if (status == HF_OK)
        status = hf_array_create(error, hf_table_rows(flow->table) * terms, &flow->coefficients);
    if (status == HF_OK && hf_problem_flux(problem)->dual)
        status =
            hf_array_create(error, hf_grid_dim(grid) * hf_table_rows(flow->table) * terms, &flow->velocities);
    if (status == HF_OK)
        status = hf_array_create(error, outputs, &flow->logits);
    if (status != HF_OK) {
        hf_flow_destroy(&flow);
        return status;
    }
    flow->potential = (hf_potential){
        .affine = terms - 1, .coefficients = flow->coefficients, .velocities = flow->velocities};
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        flow->potential.ridge[d] = hf_model_ridged(model, d) ? hf_model_ridge(model) : 0;
    *out = flow;
    return HF_OK;
}

void hf_flow_destroy(hf_flow **flow) {
    if (flow == NULL || *flow == NULL)
        return;
    hf_grid_destroy(&(*flow)->part);
    hf_table_destroy(&(*flow)->table);
    hf_transport_destroy(&(*flow)->transport);
    hf_array_destroy(&(*flow)->moments);
    hf_array_destroy(&(*flow)->modes);
    hf_array_destroy(&(*flow)->coefficients);
    hf_array_destroy(&(*flow)->velocities);
    hf_array_destroy(&(*flow)->logits);
    free(*flow);
    *flow = NULL;
}

const hf_problem *hf_flow_problem(const hf_flow *flow) {
    return flow->problem;
}
const hf_grid *hf_flow_grid(const hf_flow *flow) {
    return flow->part;
}

void hf_flow_logits(hf_flow *flow, const double *rho, double *logits) {
#pragma omp parallel
    {
        hf_table_moments_team(flow->table, rho, flow->moments);
        hf_table_modes_team(flow->table, flow->moments, flow->modes);
    }
    hf_table_logits(flow->table, flow->modes, logits);
}

double hf_flow_prepare(hf_flow *flow, const double *rho) {
    hf_flow_logits(flow, rho, flow->logits);
    double risk = hf_risk_cross_entropy(hf_problem_events(flow->problem), flow->logits, flow->logits);
    hf_table_residual_modes(flow->table, flow->logits, flow->modes);
    hf_table_coefficients(flow->table, flow->modes, flow->coefficients);
    return risk;
}

/* The rate of a density, to the array or line by line to the sink. */
static void rate_of(hf_flow *flow, const double *rho, double *rate, const hf_sink *sink,
                    double *dissipation) {
    hf_flow_prepare(flow, rho);
    if (flow->velocities != NULL) {
        hf_table_velocities(flow->table, flow->coefficients, flow->velocities);
        for (size_t d = 0; d < hf_grid_dim(hf_problem_grid(flow->problem)); d++)
            flow->potential.speed[d] = hf_table_speed(flow->table, flow->velocities, d);
    }
#pragma omp parallel
    hf_transport_team(flow->transport, &flow->potential, NULL, rho, rate, sink, dissipation != NULL);
    if (dissipation != NULL)
        *dissipation = hf_transport_dissipation(flow->transport);
}

void hf_flow_rate(hf_flow *flow, const double *rho, double *rate, double *dissipation) {
    rate_of(flow, rho, rate, NULL, dissipation);
}

void hf_flow_rate_into(hf_flow *flow, const double *rho, const hf_sink *sink, double *dissipation) {
    rate_of(flow, rho, NULL, sink, dissipation);
}

static double ridge_energy(const hf_flow *flow, const double *rho) {
    double ridge = hf_model_ridge(hf_problem_model(flow->problem));
    double half_square = ridge > 0 ? hf_table_half_square(flow->table, rho) : 0;
    hf_ranks_sum(hf_grid_ranks(flow->part), 1, &half_square);
    return ridge * half_square;
}

double hf_flow_risk(hf_flow *flow, const double *rho, double *logits) {
    double *z = logits != NULL ? logits : flow->logits;
    hf_flow_logits(flow, rho, z);
    return hf_risk_cross_entropy(hf_problem_events(flow->problem), z, NULL) + ridge_energy(flow, rho);
}

double hf_flow_entropy(const hf_flow *flow, const double *rho) {
    double sum = 0;
    for (size_t i = 0; i < hf_grid_cells(flow->part); i++)
        if (rho[i] > 0)
            sum += rho[i] * log(rho[i]);
    hf_ranks_sum(hf_grid_ranks(flow->part), 1, &sum);
    return sum * hf_grid_volume(flow->part);
}

double hf_flow_free_energy(hf_flow *flow, const double *rho) {
    double temperature = hf_problem_temperature(flow->problem), risk = hf_flow_risk(flow, rho, NULL);
    return temperature > 0 ? risk + temperature * hf_flow_entropy(flow, rho) : risk;
}

void hf_flow_potential(hf_flow *flow, const double *rho, double *psi) {
    hf_flow_prepare(flow, rho);
    hf_table_potential(flow->table, flow->coefficients, 0, hf_grid_cells(hf_problem_grid(flow->problem)),
                       psi);
}
