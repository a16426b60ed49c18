/* headflow as a library: the case `translate`, built in C, solved, and held against its closed form.
 *
 *   cc example.c $(pkg-config --cflags --libs headflow) -lm -o example
 *
 * One event, one token x = 1, label (1, 0), head logits v (1/2, -1/2): the density of v moves without
 * changing its shape, and its mean m obeys m' = 1/(1 + e^m), so that m + e^m = t + 1. */
#include <headflow/flow.h>

#include <math.h>
#include <stdio.h>

static hf_status print(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error, (void)rho;
    double m = 0;
    for (int i = 0; i < 50; i++) /* Newton for m + e^m = t + 1 */
        m -= (m + exp(m) - record->time - 1) / (1 + exp(m));
    printf("t = %.1f  mean %.6f  exact %.6f  risk %.6f\n", record->time, record->mean[0], m, record->risk);
    *(double *)self = fmax(*(double *)self, fabs(record->mean[0] - m));
    return HF_OK;
}

static hf_status solve(hf_error *error, double *worst) {
    const double token = 1, label[2] = {1, 0}, zero[2] = {0}, value[2] = {0.5, -0.5};
    hf_events *events;
    hf_problem *problem;
    hf_flow *flow;
    HF_TRY(hf_events_create(error, 1, 2, &events));
    HF_TRY(hf_events_add(error, events, 1, &token, label, 1));
    hf_component bump = {.weight = 1, .profile = {{HF_PROFILE_BUMP, 0, 1.5}}};
    hf_problem_input input = {.events = events, /* taken over by the problem */
                              .heads = {.form = hf_attention_form_find("affine"),
                                        .value_coordinates = 1,
                                        .attention_base = zero,
                                        .attention_basis = zero,
                                        .value_base = zero,
                                        .value_basis = value},
                              .dim = 1,
                              .axes = {{.name = "v", .lower = -2, .upper = 4, .cells = 240}},
                              .components = &bump,
                              .component_count = 1,
                              .end = 4,
                              .outputs = 5};
    HF_TRY(hf_problem_create(error, &input, &problem));
    hf_status status = hf_flow_create(error, problem, &flow);
    if (status == HF_OK)
        status = hf_flow_integrate(error, flow, &(hf_observer){.self = worst, .output = print}, NULL, NULL);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
    return status;
}

int main(void) {
    hf_error error = {0};
    double worst = 0;
    if (solve(&error, &worst) != HF_OK)
        fprintf(stderr, "example: %s\n", error.message);
    return error.status != HF_OK ? hf_status_exit_code(error.status) : worst < 1e-4 ? 0 : 3;
}
