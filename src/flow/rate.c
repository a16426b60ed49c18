/* The semi-discrete flow: density -> moments -> modes -> logits -> residuals -> modes -> potential -> fluxes
 * -> d rho/dt. docs/numerics.md (13). The order of the calls in rate_by_team is the way the data takes, in
 * one parallel region; what ranks exchange are the modes, a few numbers, and the layers beside their parts.
 */
#include "flow/flow.h"

#include <math.h>

/* Modes of a density, of all ranks, for all threads of a team. */
static void modes_by_team(hf_flow *flow, const double *rho) {
    const hf_ranks *ranks = hf_grid_ranks(flow->part);
    hf_table_moments_team(flow->table, rho, flow->moments);
    hf_table_modes_team(flow->table, flow->moments, flow->modes);
    if (ranks == NULL)
        return;
#pragma omp master
    hf_ranks_sum(ranks, hf_table_modes_count(flow->table), flow->modes);
    hf_team_barrier(&flow->barrier);
}

/* The largest velocities of a dual flux along each axis, of all ranks. */
static void find_speeds(hf_flow *flow) {
    size_t dim = hf_grid_dim(flow->part);
    for (size_t d = 0; d < dim; d++)
        flow->potential.speed[d] = hf_table_speed(flow->table, d);
    hf_ranks_max(hf_grid_ranks(flow->part), dim, flow->potential.speed);
}

static void rate_by_team(hf_flow *flow, const double *rho, double *rate, const hf_sink *sink,
                         bool dissipation) {
#pragma omp master
    if (flow->halo != NULL)
        hf_halo_start(flow->halo, rho);
    modes_by_team(flow, rho);
    hf_table_differences_team(flow->table, flow->modes, flow->differences);
    hf_risk_differences_team(flow->risk, flow->differences, flow->differences);
    hf_table_response_team(flow->table, flow->differences, flow->response);
    hf_table_coefficients_team(flow->table, flow->response, flow->coefficients);
    hf_team_barrier(&flow->barrier);
    if (flow->velocities != NULL) {
        hf_table_velocities_team(flow->table, flow->coefficients, flow->velocities);
        hf_team_barrier(&flow->barrier);
    }
    if (flow->velocities != NULL || flow->halo != NULL) {
#pragma omp master
        {
            if (flow->velocities != NULL)
                find_speeds(flow);
            if (flow->halo != NULL)
                hf_halo_finish(flow->halo);
        }
        hf_team_barrier(&flow->barrier);
    }
    hf_transport_team(flow->transport, &flow->potential, flow->halo != NULL ? &flow->beyond : NULL, rho, rate,
                      sink, dissipation);
}

/* Whether one thread does all: without a region, which costs a microsecond even so. */
static bool alone(const hf_flow *flow) {
    return !omp_in_parallel() && (omp_get_max_threads() == 1 || hf_grid_cells(flow->part) <= HF_ALONE);
}

/* The rate of a density, to the array or line by line to the sink. */
static void rate_of(hf_flow *flow, const double *rho, double *rate, const hf_sink *sink,
                    double *dissipation) {
    if (alone(flow))
        rate_by_team(flow, rho, rate, sink, dissipation != NULL);
    else
#pragma omp parallel if (hf_grid_cells(flow->part) > HF_ALONE)
        rate_by_team(flow, rho, rate, sink, dissipation != NULL);
    if (dissipation == NULL)
        return;
    *dissipation = hf_transport_dissipation(flow->transport);
    hf_ranks_sum(hf_grid_ranks(flow->part), 1, dissipation);
}

void hf_flow_rate(hf_flow *flow, const double *rho, double *rate, double *dissipation) {
    rate_of(flow, rho, rate, NULL, dissipation);
}

void hf_flow_rate_into(hf_flow *flow, const double *rho, const hf_sink *sink, double *dissipation) {
    rate_of(flow, rho, NULL, sink, dissipation);
}

void hf_flow_logits(hf_flow *flow, const double *rho, double *logits) {
#pragma omp parallel if (hf_grid_cells(flow->part) > HF_ALONE)
    modes_by_team(flow, rho);
    hf_table_logits(flow->table, flow->modes, logits);
}

double hf_flow_prepare(hf_flow *flow, const double *rho) {
    hf_flow_logits(flow, rho, flow->logits);
    double risk = hf_risk_cross_entropy(hf_problem_events(flow->problem), flow->logits, flow->logits);
    hf_table_residual_modes(flow->table, flow->logits, flow->response);
    hf_table_coefficients(flow->table, flow->response, flow->coefficients);
    return risk;
}
