/* Trained heads against the density of their limit: the course of the comparison. docs/theory.md, sections 11
 * to 14. */
#include "theory/chaos.h"
#include "base/parallel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const hf_bound_names[HF_BOUNDS] = {"pathwise", "expected", "leading", "classical"};

static const double copies_tolerance = 1e-8;

/* ---- what is measured ---------------------------------------------------------------------------- */

static void name_quantity(hf_quantity *q, bool rms, bool snapshot, const char *name, const char *format,
                          const char *coordinate) {
    q->rms = rms;
    q->snapshot = snapshot;
    snprintf(q->name, sizeof q->name, name, coordinate);
    snprintf(q->long_name, sizeof q->long_name, format, coordinate);
}

static void name_quantities(const hf_grid *grid, hf_chaos *chaos) {
    static const char *const joint[HF_JOINT][2] = {
        {"sliced_w2", "sliced W2 distance to the density"},
        {"w2", "W2 distance to the density, exact up to the coarsening stated as the grid's own error"},
        {"sinkhorn", "root of the debiased Sinkhorn divergence to the density"},
        {"h_minus_1", "dual Sobolev H^-1 distance to the density, cut off at the grid"}};
    hf_quantity *q = chaos->quantity;
    name_quantity(&q[HF_COUPLING], true, false, "coupling", "root mean square distance of heads and copies",
                  "");
    name_quantity(&q[HF_COUPLING_MAX], false, false, "coupling_max",
                  "largest distance of a head and its copy", "");
    name_quantity(&q[HF_LOGIT_ERROR], true, false, "logit_error",
                  "distance of the averaged logits, root mean square over events", "");
    name_quantity(&q[HF_RISK_ERROR], false, false, "risk_error", "risk of the heads less that of the limit",
                  "");
    size_t dim = hf_grid_dim(grid), first = HF_MARGINALS + 2 * dim;
    for (size_t d = 0; d < dim; d++) {
        const char *name = hf_grid_axis(grid, d)->name;
        name_quantity(&q[HF_MARGINALS + 2 * d], false, false, "w1_%s", "W1 distance of the marginals of %s",
                      name);
        name_quantity(&q[HF_MARGINALS + 2 * d + 1], false, false, "w2_%s",
                      "W2 distance of the marginals of %s", name);
    }
    for (size_t k = 0; k < HF_JOINT; k++)
        name_quantity(&q[first + k], false, true, joint[k][0], joint[k][1], "");
    chaos->quantities = first + HF_JOINT;
}

/* ---- the result ---------------------------------------------------------------------------------- */

static hf_status group_create(hf_error *error, const hf_chaos *chaos, const hf_trained *trained,
                              hf_chaos_group *out) {
    size_t numbers = chaos->quantities * chaos->times;
    out->ensemble = trained->ensemble;
    out->seeds = trained->seeds;
    HF_TRY(hf_array_create(error, numbers * out->seeds, &out->value));
    HF_TRY(hf_allocate(error, numbers, sizeof *out->measured, &out->measured));
    HF_TRY(hf_array_create(error, numbers, &out->own_error));
    HF_TRY(hf_allocate(error, chaos->times, sizeof *out->predicted, &out->predicted));
    HF_TRY(hf_array_create(error, chaos->times, &out->predicted_logit));
    HF_TRY(hf_array_create(error, HF_BOUNDS * chaos->times, &out->bound));
    for (size_t i = 0; i < numbers * out->seeds; i++)
        out->value[i] = NAN;
    for (size_t i = 0; i < numbers; i++)
        out->own_error[i] = NAN;
    for (size_t t = 0; t < chaos->times; t++) {
        out->predicted[t] = (hf_interval){NAN, NAN, NAN};
        out->predicted_logit[t] = NAN;
        for (size_t b = 0; b < HF_BOUNDS; b++)
            out->bound[b * chaos->times + t] = NAN;
    }
    return HF_OK;
}

/* The indices of the heads' times among the limit's. at: shape (trained->times) */
static hf_status match_times(hf_error *error, const hf_limit *limit, const hf_trained *trained, size_t at[]) {
    double near = 1e-9 * limit->time[limit->times - 1];
    size_t t = 0;
    for (size_t k = 0; k < trained->times; k++) {
        while (t < limit->times && limit->time[t] < trained->time[k] - near)
            t++;
        if (t == limit->times || limit->time[t] > trained->time[k] + near)
            return hf_raise(error, HF_ERR_INPUT,
                            "%s: t = %.9g; expected only output times of the solution (%zu from %g to %g)",
                            trained->name != NULL ? trained->name : "heads", trained->time[k], limit->times,
                            limit->time[0], limit->time[limit->times - 1]);
        at[k] = t;
    }
    return HF_OK;
}

/* Before the work begins: all heads are where the limit can be looked at. */
static hf_status check(hf_error *error, const hf_limit *limit, size_t count, const hf_trained trained[]) {
    if (hf_problem_temperature(limit->problem) > 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "a solution at temperature %g; expected 0: SGD has no thermal noise",
                        hf_problem_temperature(limit->problem));
    size_t *at;
    hf_status status = HF_OK;
    for (size_t g = 0; g < count && status == HF_OK; g++) {
        HF_TRY(hf_allocate(error, trained[g].times, sizeof *at, &at));
        status = match_times(error, limit, &trained[g], at);
        free(at);
    }
    return status;
}

static hf_status chaos_create(hf_error *error, const hf_limit *limit, size_t count,
                              const hf_trained trained[], hf_chaos **out) {
    hf_chaos *chaos;
    HF_TRY(hf_allocate(error, 1, sizeof *chaos, out));
    chaos = *out;
    chaos->times = limit->times;
    chaos->dim = hf_grid_dim(hf_problem_grid(limit->problem));
    name_quantities(hf_problem_grid(limit->problem), chaos);
    HF_TRY(hf_array_create(error, chaos->times, &chaos->time));
    memcpy(chaos->time, limit->time, chaos->times * sizeof *chaos->time);
    HF_TRY(hf_allocate(error, count, sizeof *chaos->group, &chaos->group));
    chaos->groups = count;
    for (size_t g = 0; g < count; g++)
        HF_TRY(group_create(error, chaos, &trained[g], &chaos->group[g]));
    return HF_OK;
}

void hf_chaos_destroy(hf_chaos **chaos) {
    if (chaos == NULL || *chaos == NULL)
        return;
    for (size_t g = 0; (*chaos)->group != NULL && g < (*chaos)->groups; g++) {
        hf_chaos_group *group = &(*chaos)->group[g];
        hf_array_destroy(&group->value);
        free(group->measured);
        hf_array_destroy(&group->own_error);
        free(group->predicted);
        hf_array_destroy(&group->predicted_logit);
        hf_array_destroy(&group->bound);
    }
    hf_array_destroy(&(*chaos)->time);
    free((*chaos)->group);
    free((*chaos)->slope);
    free((*chaos)->fixed);
    free(*chaos);
    *chaos = NULL;
}

/* ---- one ensemble -------------------------------------------------------------------------------- */

static hf_status copy_seed(hf_error *error, void *self, size_t seed) {
    hf_group *g = self;
    const hf_comparison *c = g->comparison;
    const hf_trained *trained = g->trained;
    size_t record = trained->times * trained->ensemble.heads * c->dim;
    return hf_copies_run(error, c->limit->problem, &c->limit->history, copies_tolerance,
                         trained->ensemble.heads, g->theta + seed * record, trained->times, trained->time,
                         g->copies + seed * record);
}

/* Whether the copies of another ensemble start where this one does and are kept at the same times. */
static bool same_copies(const hf_comparison *c, const hf_group *g, const hf_group *other) {
    const hf_trained *a = g->trained, *b = other->trained;
    if (other->copies == NULL || a->ensemble.heads != b->ensemble.heads || a->seeds != b->seeds ||
        a->times != b->times || memcmp(a->time, b->time, a->times * sizeof *a->time) != 0)
        return false;
    size_t size = a->ensemble.heads * c->dim;
    for (size_t s = 0; s < a->seeds; s++)
        if (memcmp(g->theta + s * a->times * size, other->copies + s * a->times * size,
                   size * sizeof *g->theta) != 0)
            return false;
    return true;
}

/* Copies and their acceleration; those of the ensemble before are taken over where they are the same. */
static hf_status make_copies(hf_error *error, const hf_comparison *c, hf_group *g, hf_group *before) {
    size_t record = g->trained->times * g->trained->ensemble.heads * c->dim;
    if (same_copies(c, g, before)) {
        g->copies = before->copies;
        g->acceleration = before->acceleration;
        before->copies = before->acceleration = NULL;
        return HF_OK;
    }
    HF_TRY(hf_array_create(error, g->trained->seeds * record, &g->copies));
    HF_TRY(hf_array_create(error, g->trained->times, &g->acceleration));
    HF_TRY(hf_parallel_each(error, g->trained->seeds, copy_seed, g));
    return hf_chaos_accelerate(error, g);
}

/* How far the copies of the first seed are off because the grid's logits are: they are run again with those
 * of the flow map. */
static hf_status own_coupling(hf_error *error, const hf_comparison *c, const hf_group *g) {
    const hf_trained *trained = g->trained;
    size_t heads = trained->ensemble.heads < 256 ? trained->ensemble.heads : 256, size = heads * c->dim;
    size_t stride = trained->ensemble.heads * c->dim;
    double *again;
    if (c->own.history.count == 0)
        return HF_OK;
    HF_TRY(hf_array_create(error, trained->times * size, &again));
    hf_status status = hf_copies_run(error, c->limit->problem, &c->own.history, copies_tolerance, heads,
                                     g->theta, trained->times, trained->time, again);
    for (size_t k = 0; k < trained->times && status == HF_OK; k++) {
        double sum = 0, largest = 0;
        for (size_t i = 0; i < size; i++) {
            double d = fabs(again[k * size + i] - g->copies[k * stride + i]);
            sum += d * d;
            largest = fmax(largest, d);
        }
        g->out->own_error[HF_COUPLING * c->chaos->times + g->at[k]] = sqrt(sum / (double)heads);
        g->out->own_error[HF_COUPLING_MAX * c->chaos->times + g->at[k]] = largest;
    }
    hf_array_destroy(&again);
    return status;
}

static void predict(const hf_comparison *c, const hf_group *g) {
    size_t times = c->chaos->times;
    for (size_t k = 0; k < g->trained->times; k++) {
        size_t t = g->at[k];
        g->out->own_error[HF_LOGIT_ERROR * times + t] = c->own.logit[t];
        g->out->own_error[HF_RISK_ERROR * times + t] = c->own.risk[t];
        if (!c->chaos->has_prediction)
            continue;
        g->out->predicted[t] =
            hf_response_coupling(&c->response[t], &g->trained->ensemble, g->trained->seeds);
        g->out->predicted_logit[t] = hf_response_logit(&c->response[t], &g->trained->ensemble);
    }
}

/* ---- bounds of one ensemble ---------------------------------------------------------------------- */

/* The hull of heads and copies of all seeds at a time; angles by their copies' turn of the circle. */
static hf_hull find_hull(const hf_comparison *c, const hf_group *g, size_t k) {
    size_t size = g->trained->ensemble.heads * c->dim;
    hf_hull hull = hf_hull_empty();
    for (size_t s = 0; s < g->trained->seeds; s++) {
        const double *theta = g->theta + (s * g->trained->times + k) * size;
        const double *copies = g->copies + (s * g->trained->times + k) * size;
        hf_hull_add(&hull, c->dim, g->trained->ensemble.heads, copies);
        for (size_t i = 0; i < size; i++) {
            double x =
                copies[i] + hf_chaos_difference(hf_grid_axis(c->grid, i % c->dim), theta[i], copies[i]);
            hull.lower[i % c->dim] = fmin(hull.lower[i % c->dim], x);
            hull.upper[i % c->dim] = fmax(hull.upper[i % c->dim], x);
        }
    }
    return hull;
}

/* constants: shape (group's times), arrays in place. work: shape (E classes + projection) */
static void find_constants(const hf_comparison *c, const hf_group *g, double *work, hf_constants *constants) {
    double *projection = work + c->outputs;
    for (size_t k = 0; k < g->trained->times; k++) {
        size_t t = g->at[k];
        hf_hull hull = find_hull(c, g, k);
        hf_risk_cross_entropy(c->events, c->logits + t * c->outputs, work);
        hf_model_project_residual(c->model, work, projection);
        hf_constants_over_hull(c->model, c->events, projection, &hull, &constants[k]);
        constants[k].gradient_variance = c->chaos->has_prediction ? c->response[t].gradient_variance : NAN;
    }
}

/* Root mean square over the seeds of the pathwise bounds, and the smallest of bound/measured. */
static hf_status bound_paths(hf_error *error, const hf_comparison *c, hf_group *g,
                             const hf_constants *constants) {
    size_t K = g->trained->times, count = hf_events_count(c->events), times = c->chaos->times;
    double *path, *square, slack = INFINITY;
    HF_TRY(hf_array_create(error, 2 * K, &path));
    square = path + K;
    for (size_t s = 0; s < g->trained->seeds; s++) {
        hf_bound_evaluate(HF_BOUND_PATHWISE, c->events, &g->trained->ensemble, K, g->trained->time, constants,
                          g->xi + s * K * count, path);
        for (size_t k = 0; k < K; k++) {
            double measured = hf_chaos_values(c, g->out, HF_COUPLING, g->at[k])[s];
            square[k] += path[k] * path[k] / (double)g->trained->seeds;
            if (measured > 0)
                slack = fmin(slack, path[k] / measured);
            g->out->violated[HF_BOUND_PATHWISE] |= path[k] < measured;
        }
    }
    for (size_t k = 0; k < K; k++)
        g->out->bound[HF_BOUND_PATHWISE * times + g->at[k]] = sqrt(square[k]);
    g->out->slack[HF_BOUND_PATHWISE] = isfinite(slack) && isfinite(square[0]) ? slack : NAN;
    hf_array_destroy(&path);
    return HF_OK;
}

static hf_status bound_means(hf_error *error, const hf_comparison *c, hf_group *g,
                             const hf_constants *constants) {
    size_t K = g->trained->times, times = c->chaos->times;
    double *mean;
    HF_TRY(hf_array_create(error, K, &mean));
    for (hf_bound b = HF_BOUND_EXPECTED; b <= HF_BOUND_CLASSICAL; b++) {
        double slack = INFINITY;
        hf_bound_evaluate(b, c->events, &g->trained->ensemble, K, g->trained->time, constants, NULL, mean);
        for (size_t k = 0; k < K; k++) {
            const hf_interval *measured = &g->out->measured[HF_COUPLING * times + g->at[k]];
            g->out->bound[b * times + g->at[k]] = mean[k];
            if (measured->value > 0)
                slack = fmin(slack, mean[k] / measured->value);
            g->out->violated[b] |= b != HF_BOUND_LEADING && mean[k] < measured->lower;
        }
        g->out->slack[b] = isfinite(slack) && isfinite(mean[0]) ? slack : NAN;
    }
    hf_array_destroy(&mean);
    return HF_OK;
}

static hf_status bound_group(hf_error *error, const hf_comparison *c, hf_group *g) {
    size_t K = g->trained->times, count = hf_events_count(c->events);
    size_t work_size = c->outputs + hf_model_projection_size(c->model);
    hf_constants *constants;
    double *work;
    HF_TRY(hf_allocate(error, K, sizeof *constants, &constants));
    hf_status status = hf_array_create(error, work_size + 2 * K * count, &work);
    if (status == HF_OK) {
        for (size_t k = 0; k < K; k++) {
            constants[k].acceleration = g->acceleration[k];
            constants[k].slope = work + work_size + 2 * k * count;
            constants[k].curvature = constants[k].slope + count;
            constants[k].variance = c->variance + g->at[k] * count;
        }
        find_constants(c, g, work, constants);
    }
    if (status == HF_OK)
        status = bound_paths(error, c, g, constants);
    if (status == HF_OK)
        status = bound_means(error, c, g, constants);
    hf_array_destroy(&work);
    free(constants);
    return status;
}

/* ---- the course of it ---------------------------------------------------------------------------- */

static hf_status compare_group(hf_error *error, const hf_comparison *c, hf_group *g, hf_group *before) {
    const hf_trained *trained = g->trained;
    size_t record = trained->times * trained->ensemble.heads * c->dim;
    HF_TRY(hf_allocate(error, trained->times, sizeof *g->at, &g->at));
    HF_TRY(match_times(error, c->limit, trained, g->at));
    g->out->last = g->at[trained->times - 1];
    HF_TRY(hf_array_create(error, trained->seeds * record, &g->theta));
    HF_TRY(hf_array_create(error, trained->seeds * trained->times * hf_events_count(c->events), &g->xi));
    for (size_t s = 0; s < trained->seeds; s++)
        HF_TRY(trained->theta(error, trained->self, trained->index, s, g->theta + s * record));
    HF_TRY(make_copies(error, c, g, before));
    HF_TRY(own_coupling(error, c, g));
    HF_TRY(hf_chaos_measure_members(error, g));
    predict(c, g);
    HF_TRY(hf_chaos_measure_distances(error, g));
    HF_TRY(hf_chaos_summarise(error, c, g->out));
    return bound_group(error, c, g);
}

static void progress(const hf_comparison *c, const char *what, double done) {
    if (c->options->progress != NULL)
        c->options->progress(c->options->self, what, done);
}

static void group_clear(hf_group *g) {
    free(g->at);
    hf_array_destroy(&g->theta);
    hf_array_destroy(&g->copies);
    hf_array_destroy(&g->acceleration);
    hf_array_destroy(&g->xi);
}

static hf_status compare_groups(hf_error *error, const hf_comparison *c, const hf_trained trained[]) {
    double total = 0, done = 0;
    hf_group before = {0};
    hf_status status = HF_OK;
    for (size_t k = 0; k < c->chaos->groups; k++)
        total += (double)(trained[k].ensemble.heads * trained[k].seeds);
    for (size_t k = 0; k < c->chaos->groups && status == HF_OK; k++) {
        hf_group g = {.comparison = c, .trained = &trained[k], .out = &c->chaos->group[k]};
        progress(c, "heads against the limit", done / total);
        status = compare_group(error, c, &g, &before);
        group_clear(&before);
        hf_array_destroy(&g.theta);
        before = g;
        done += (double)(trained[k].ensemble.heads * trained[k].seeds);
    }
    group_clear(&before);
    return status;
}

static hf_status respond(hf_error *error, hf_comparison *c, size_t count, const hf_trained trained[]) {
    bool noise = false;
    for (size_t k = 0; k < count; k++)
        noise = noise ||
                (trained[k].ensemble.batch != HF_BATCH_FULL && trained[k].ensemble.batch != HF_BATCH_UNKNOWN);
    hf_error cause = {0};
    hf_status status = hf_response_run(&cause, c->limit->problem, 0, noise, c->limit->times, c->limit->time,
                                       c->response, c->variance);
    c->chaos->has_prediction = status == HF_OK;
    for (size_t i = 0; i < c->limit->times * hf_events_count(c->events) && status != HF_OK; i++)
        c->variance[i] = NAN;
    if (status == HF_OK || status == HF_ERR_INPUT) /* too many nodes: no prediction */
        return HF_OK;
    return hf_raise(error, status, "%s", cause.message);
}

/* The numbers of heads that occur, each once, in the order they come. */
static hf_status measure_static(hf_error *error, const hf_comparison *c) {
    hf_chaos *chaos = c->chaos;
    double *rho, wanted = c->options->static_time;
    size_t t = chaos->times - 1;
    for (size_t k = 0; k < chaos->times && !isnan(wanted); k++)
        t = fabs(chaos->time[k] - wanted) < fabs(chaos->time[t] - wanted) ? k : t;
    chaos->static_time = chaos->time[t];
    HF_TRY(hf_allocate(error, chaos->groups, sizeof *chaos->fixed, &chaos->fixed));
    HF_TRY(hf_array_create(error, c->cells, &rho));
    hf_status status = hf_chaos_density(error, c, t, rho);
    for (size_t g = 0; g < chaos->groups && status == HF_OK; g++) {
        size_t heads = chaos->group[g].ensemble.heads, known = 0;
        while (known < chaos->statics && chaos->fixed[known].heads != heads)
            known++;
        if (known == chaos->statics)
            status = hf_static_run(error, c->limit->problem, rho, heads, c->options->draws, 0,
                                   &chaos->fixed[chaos->statics++]);
    }
    hf_array_destroy(&rho);
    return status;
}

static void choose_snapshots(const hf_comparison *c) {
    size_t times = c->chaos->times, shown = c->options->snapshots;
    for (size_t k = 1; k <= shown; k++)
        c->snapshot[(k * (times - 1)) / shown] = true;
}

static hf_status compare(hf_error *error, hf_comparison *c, size_t count, const hf_trained trained[]) {
    size_t times = c->limit->times, events = hf_events_count(c->events);
    HF_TRY(hf_allocate(error, times, sizeof *c->snapshot, &c->snapshot));
    HF_TRY(hf_array_create(error, times * c->outputs, &c->logits));
    HF_TRY(hf_allocate(error, times, sizeof *c->response, &c->response));
    HF_TRY(hf_array_create(error, times * events, &c->variance));
    choose_snapshots(c);
    for (size_t t = 0; t < times; t++)
        hf_history_logits(&c->limit->history, c->limit->time[t], c->logits + t * c->outputs);
    progress(c, "linear response", 0);
    HF_TRY(respond(error, c, count, trained));
    progress(c, "the grid's own error", 0);
    HF_TRY(hf_own_errors_measure(error, c, &c->own));
    HF_TRY(compare_groups(error, c, trained));
    progress(c, "static bound", 1);
    HF_TRY(measure_static(error, c));
    return hf_chaos_fit_slopes(error, c);
}

hf_status hf_chaos_run(hf_error *error, const hf_limit *limit, size_t count, const hf_trained trained[],
                       const hf_chaos_options *options, hf_chaos **out) {
    hf_chaos_options chosen = *options;
    *out = NULL;
    HF_TRY(check(error, limit, count, trained));
    chosen.snapshots = options->snapshots > 0 ? options->snapshots : 1;
    chosen.pairs = options->pairs > 0 ? options->pairs : 250000;
    chosen.draws = options->draws > 0 ? options->draws : 200;
    hf_comparison c = {.limit = limit,
                       .options = &chosen,
                       .model = hf_problem_model(limit->problem),
                       .events = hf_problem_events(limit->problem),
                       .grid = hf_problem_grid(limit->problem)};
    c.dim = hf_grid_dim(c.grid);
    c.cells = hf_grid_cells(c.grid);
    c.outputs = hf_events_count(c.events) * hf_events_classes(c.events);
    hf_status status = chaos_create(error, limit, count, trained, out);
    c.chaos = *out;
    if (status == HF_OK)
        status = compare(error, &c, count, trained);
    free(c.snapshot);
    hf_array_destroy(&c.logits);
    free(c.response);
    hf_array_destroy(&c.variance);
    hf_own_errors_clear(&c.own);
    if (status != HF_OK)
        hf_chaos_destroy(out);
    return status;
}
