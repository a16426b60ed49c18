/* The head density as a density model. */
#include "flow/flow.h"
#include "flow/integrate.h"

static hf_status initial(hf_error *error, void *self, double *rho) {
    hf_flow *flow = self;
    return hf_problem_initial_part(error, flow->problem, flow->part, rho);
}

static void rate(void *self, const double *rho, double *out, const hf_sink *sink, double *dissipation) {
    if (sink != NULL)
        hf_flow_rate_into(self, rho, sink, dissipation);
    else
        hf_flow_rate(self, rho, out, dissipation);
}

static void logits(void *self, const double *rho, double *values) {
    hf_flow_logits(self, rho, values);
}

static void count(const void *self, hf_statistics *statistics) {
    const hf_table *table = ((const hf_flow *)self)->table;
    statistics->table_rank = hf_table_rank(table);
    statistics->table_error = hf_table_error(table);
    statistics->table_checked = hf_table_checked(table);
}

static const hf_density_model heads = {initial, rate, logits, count};

hf_density hf_flow_density(hf_flow *flow) {
    const hf_problem *problem = flow->problem;
    const hf_events *events = hf_problem_events(problem);
    return (hf_density){.model = &heads,
                        .self = flow,
                        .name = hf_problem_name(problem),
                        .overflow =
                            "scale the data, or lower regularisation.ridge or regularisation.temperature",
                        .negative = "enlarge the box if mass is at a wall, or refine the grid",
                        .grid = flow->part,
                        .signal_count = hf_events_count(events) * hf_events_classes(events),
                        .temperature = hf_problem_temperature(problem),
                        .positive = !hf_problem_flux(problem)->dual,
                        .method = hf_problem_method(problem),
                        .rtol = hf_problem_rtol(problem),
                        .atol = hf_problem_atol(problem),
                        .share = 1,
                        .end = hf_problem_end(problem),
                        .stop = hf_problem_stop(problem),
                        .outputs = hf_problem_outputs(problem)};
}

/* ---- integration ------------------------------------------------------------------------------------ */

/* Who makes records of densities for an observer of heads. */
typedef struct recorder {
    hf_flow *flow;
    const hf_observer *observer;
} recorder;

static hf_status output(hf_error *error, void *self, double time, double dissipated, const double *rho) {
    recorder *r = self;
    hf_record record = {.time = time, .dissipated = dissipated};
    HF_TRY(hf_flow_diagnose(error, r->flow, rho, &record));
    return r->observer->output(error, r->observer->self, &record, rho);
}

static hf_status take_logits(hf_error *error, void *self, double time, const double *values) {
    recorder *r = self;
    return r->observer->logits(error, r->observer->self, time, values);
}

static hf_status step(hf_error *error, void *self, double time, const hf_statistics *statistics) {
    recorder *r = self;
    return r->observer->step(error, r->observer->self, time, statistics);
}

static hf_status checkpoint(hf_error *error, void *self, const hf_checkpoint *here, bool *restart) {
    recorder *r = self;
    return r->observer->checkpoint(error, r->observer->self, here, restart);
}

hf_status hf_flow_resume(hf_error *error, hf_flow *flow, const hf_checkpoint *from,
                         const hf_observer *observer, double *rho, hf_statistics *statistics) {
    static const hf_observer nobody = {0};
    recorder r = {flow, observer != NULL ? observer : &nobody};
    hf_density density = hf_flow_density(flow);
    hf_audience audience = {.self = &r,
                            .output = r.observer->output != NULL ? output : NULL,
                            .signals = r.observer->logits != NULL ? take_logits : NULL,
                            .step = r.observer->step != NULL ? step : NULL,
                            .checkpoint = r.observer->checkpoint != NULL ? checkpoint : NULL};
    return hf_density_integrate(error, &density, &audience, from, rho, statistics);
}

hf_status hf_flow_integrate(hf_error *error, hf_flow *flow, const hf_observer *observer, double *rho,
                            hf_statistics *statistics) {
    return hf_flow_resume(error, flow, NULL, observer, rho, statistics);
}
