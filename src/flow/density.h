/* A density model: what a density on a grid needs to move in time. Heads, tokens and whatever comes next fill
 * one of these; methods, output times, rest and signals are theirs for nothing (integrate.h). What a model
 * adds is its potential: transport (headflow/transport.h) takes that as data. docs/decisions/0010. */
#ifndef HF_FLOW_DENSITY_H
#define HF_FLOW_DENSITY_H

#include <headflow/flow.h>

/* Cells up to which one thread alone is faster than a team that has to be called. */
enum { HF_ALONE = 1 << 14 };

typedef struct hf_density_model {
    /* The density at time 0. rho: shape (cells). */
    hf_status (*initial)(hf_error *error, void *self, double *rho);

    /* d rho/dt, to the array or line by line to the sink (then rate is NULL).
     * dissipation: NULL, or what the model dissipates, whose time integral goes along with the density. */
    void (*rate)(void *self, const double *rho, double *rate, const hf_sink *sink, double *dissipation);

    /* Smooth numbers of a density, linear in it. values: shape (signal_count). NULL: there are none. */
    void (*signals)(void *self, const double *rho, double *values);

    /* What the statistics of a run say of the model. NULL: nothing. */
    void (*count)(const void *self, hf_statistics *statistics);
} hf_density_model;

/* A model with its numbers; all is borrowed. */
typedef struct hf_density {
    const hf_density_model *model;
    void *self;
    const char *name;                /* of the case, for messages, as are ... */
    const char *overflow, *negative; /* ... what may help where velocities overflow; too negative densities */
    const hf_grid *grid;             /* of the density: this rank's part */
    size_t signal_count;
    double temperature; /* of diffusion, which a time method must be made for */
    bool positive;      /* whether the scheme keeps densities non-negative */

    const hf_method *method;
    double rtol, atol;
    double share; /* of rtol, that local errors are held to: what keeps the balance of energy within rtol */
    double end, stop; /* stop: the dissipation of rest, or 0 */
    size_t outputs;
} hf_density;

static inline void hf_density_rate(const hf_density *density, const double *rho, double *rate,
                                   double *dissipation) {
    density->model->rate(density->self, rho, rate, NULL, dissipation);
}

/* The output times, index < outputs: the first is 0, the last exactly the end. */
static inline double hf_density_output_time(const hf_density *density, size_t index) {
    return index + 1 == density->outputs ? density->end
                                         : density->end * (double)index / (double)(density->outputs - 1);
}

/* The density of heads that a flow moves. */
hf_density hf_flow_density(hf_flow *flow);

#endif
