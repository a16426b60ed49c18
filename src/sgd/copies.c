/* Coupled copies: theta' = -grad Psi_t(theta) with the potential of the limit, whose residuals come from its
 * recorded logits. docs/theory.md (30). */
#include <headflow/sgd.h>

#include "flow/adams.h"

#include <math.h>
#include <string.h>

typedef struct copies {
    const hf_events *events;
    const hf_history *history;
    hf_cloud *cloud;
    double *residual; /* shape (E, classes) */
    hf_adams adams;   /* of theta: shape (heads, D) */
} copies;

static int right_hand_side(realtype t, N_Vector y, N_Vector rate, void *user) {
    copies *c = user;
    double *velocity = NV_DATA_S(rate);
    hf_history_logits(c->history, t, c->residual);
    hf_risk_cross_entropy(c->events, c->residual, c->residual);
    hf_cloud_place(c->cloud, NV_DATA_S(y));
    hf_cloud_gradient(c->cloud, NULL, c->residual, velocity);
    for (size_t i = 0; i < (size_t)NV_LENGTH_S(y); i++) {
        velocity[i] = -velocity[i];
        if (!isfinite(velocity[i]))
            return 1;
    }
    return 0;
}

static hf_status carry(hf_error *error, copies *c, const hf_problem *problem, double rtol, size_t heads,
                       const double *start, size_t times, const double time[], double *theta) {
    size_t size = heads * hf_grid_dim(hf_problem_grid(problem));
    HF_TRY(hf_cloud_create(error, hf_problem_model(problem), heads, &c->cloud));
    HF_TRY(hf_array_create(error, c->history->width, &c->residual));
    HF_TRY(hf_adams_allocate(error, "the flow of coupled copies", size, &c->adams));
    memcpy(hf_adams_state(&c->adams), start, size * sizeof *start);
    HF_TRY(hf_adams_start(error, &c->adams, time[0], rtol, right_hand_side, c));
    for (size_t k = 0; k < times; k++) {
        HF_TRY(hf_adams_advance(error, &c->adams, time[k]));
        memcpy(theta + k * size, hf_adams_state(&c->adams), size * sizeof *theta);
    }
    return HF_OK;
}

hf_status hf_copies_run(hf_error *error, const hf_problem *problem, const hf_history *history, double rtol,
                        size_t heads, const double *start, size_t times, const double time[], double *theta) {
    copies c = {.events = hf_problem_events(problem), .history = history};
    hf_status status = carry(error, &c, problem, rtol, heads, start, times, time, theta);
    hf_adams_clear(&c.adams);
    hf_cloud_destroy(&c.cloud);
    hf_array_destroy(&c.residual);
    return status;
}
