/* Functionals of a density: risk, entropy, free energy, and the potential on every cell. docs/numerics.md
 * (5), (14). */
#include "flow/flow.h"

#include <math.h>

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
    hf_table_potential(flow->table, flow->coefficients, 0, hf_grid_cells(flow->part), psi);
}
