/* The refinement study behind `verify`: a problem on finer and finer grids against a reference that carries
 * its own error estimate. docs/numerics.md, section 9.
 *
 * tau = 0: the reference is the flow map. Its estimate is the difference to the rule of 8 nodes fewer with
 * another time tolerance, so that neither error can hide in both. tau > 0: Richardson extrapolation of the
 * finest grid of the study and one of half its spacing. */
#include <headflow/theory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LEVELS = 3, NODES_STEP = 8, SPLIT = 16 };

static const double map_rtol = 1e-13, enough = 1e-11;
static const double order_slack = 0.07; /* of the order of the flux */
static const double floor_risk = 1e-10; /* errors that small leave no order to see */

/* Sampled points of the flow map, and the most nodes an axis, by dimension. */
static const size_t sample_points[HF_DIM_MAX + 1] = {0, 40000, 40000, 20000, 4000};
static const size_t most_nodes[HF_DIM_MAX + 1] = {0, 96, 64, 32, 16};

/* The marginals of the reference at the end time as weighted points, a coordinate each. */
typedef struct marginals {
    size_t count[HF_DIM_MAX];
    double *point[HF_DIM_MAX], *mass[HF_DIM_MAX];
} marginals;

static void marginals_free(marginals *m) {
    for (size_t d = 0; d < HF_DIM_MAX; d++) {
        hf_array_destroy(&m->point[d]);
        hf_array_destroy(&m->mass[d]);
    }
}

static void tell(const hf_refinement_options *options, const char *what) {
    if (options->progress != NULL)
        options->progress(options->self, what);
}

/* ---- errors ----------------------------------------------------------------------------------------- */

static hf_errors difference(const hf_grid *grid, const hf_flowmap_record *a, const hf_flowmap_record *b) {
    size_t dim = hf_grid_dim(grid);
    hf_errors e = {.risk = fabs(a->risk - b->risk), .dissipation = fabs(a->dissipation - b->dissipation)};
    for (size_t d = 0; d < dim; d++) {
        double x = a->mean[d] - b->mean[d];
        e.mean = hypot(e.mean, hf_grid_axis(grid, d)->periodic ? remainder(x, 2 * M_PI) : x);
    }
    for (size_t i = 0; i < dim * dim; i++)
        e.covariance = hypot(e.covariance, a->covariance[i] - b->covariance[i]);
    return e;
}

static double order(double coarse, double fine, double ratio) {
    return log(coarse / fine) / log(ratio);
}

static hf_errors orders(const hf_refinement_row *coarse, const hf_refinement_row *fine) {
    double ratio = coarse->spacing / fine->spacing;
    return (hf_errors){.risk = order(coarse->error.risk, fine->error.risk, ratio),
                       .mean = order(coarse->error.mean, fine->error.mean, ratio),
                       .covariance = order(coarse->error.covariance, fine->error.covariance, ratio),
                       .dissipation = order(coarse->error.dissipation, fine->error.dissipation, ratio),
                       .w1 = order(coarse->error.w1, fine->error.w1, ratio)};
}

/* ---- the flow map ----------------------------------------------------------------------------------- */

static hf_status run_flow_map(hf_error *error, const hf_problem *problem, size_t nodes, double rtol,
                              hf_flowmap_record value[HF_REFINEMENT_TIMES], hf_flowmap **out) {
    hf_flowmap *map;
    HF_TRY(hf_flowmap_create(error, problem, nodes, rtol, &map));
    hf_status status = HF_OK;
    for (size_t k = 0; k < HF_REFINEMENT_TIMES && status == HF_OK; k++) {
        status =
            hf_flowmap_advance(error, map, hf_problem_end(problem) * (double)(k + 1) / HF_REFINEMENT_TIMES);
        hf_flowmap_measure(map, &value[k]);
    }
    if (status != HF_OK || out == NULL)
        hf_flowmap_destroy(&map);
    if (out != NULL)
        *out = map;
    return status;
}

/* Reference values and their uncertainty: rules of more and more nodes, until two that follow each other
 * agree to `enough` in the risk or the most nodes are reached; with options->nodes just two rules. *map, if
 * asked for, is the last one at the end time. */
static hf_status flow_map_reference(hf_error *error, const hf_problem *problem,
                                    const hf_refinement_options *options, hf_refinement *out,
                                    hf_flowmap **map) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t nodes = options->nodes > 0 ? options->nodes : NODES_STEP;
    size_t most = options->nodes > 0 ? nodes + NODES_STEP : most_nodes[hf_grid_dim(grid)];
    bool done = false;
    double rtol = map_rtol;
    out->kind = HF_REFERENCE_FLOW_MAP;
    tell(options, "flow map");
    HF_TRY(run_flow_map(error, problem, nodes, rtol, out->value, NULL));
    while (!done) {
        hf_flowmap_record before[HF_REFINEMENT_TIMES];
        memcpy(before, out->value, sizeof before);
        nodes += NODES_STEP;
        /* time tolerances apart by a factor, so that neither error can hide in both */
        rtol = rtol == map_rtol ? 10 * map_rtol : map_rtol;
        if (map != NULL)
            hf_flowmap_destroy(map);
        HF_TRY(run_flow_map(error, problem, nodes, rtol, out->value, map));
        double worst = 0;
        for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++) {
            out->uncertainty[k] = difference(grid, &out->value[k], &before[k]);
            worst = fmax(worst, out->uncertainty[k].risk);
        }
        done = worst <= enough || nodes + NODES_STEP > most;
    }
    out->nodes = nodes;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (hf_grid_axis(grid, d)->periodic)
            out->angle_nodes = HF_FLOWMAP_ANGLE_FACTOR * nodes;
    out->reference = out->uncertainty[HF_REFINEMENT_TIMES - 1];
    return HF_OK;
}

static hf_status create_marginal(hf_error *error, size_t count, size_t d, marginals *out) {
    out->count[d] = count;
    HF_TRY(hf_array_create(error, count, &out->point[d]));
    return hf_array_create(error, count, &out->mass[d]);
}

/* Marginals of the flow map from `each` points a component. */
static hf_status sample_marginals(hf_error *error, const hf_flowmap *map, size_t dim, size_t components,
                                  size_t each, marginals *out) {
    size_t count = components * each;
    double *theta;
    for (size_t d = 0; d < dim; d++)
        HF_TRY(create_marginal(error, count, d, out));
    HF_TRY(hf_array_create(error, dim * count, &theta));
    hf_status status = hf_flowmap_sample(error, map, each, theta, out->mass[0]);
    for (size_t d = 0; d < dim; d++) {
        memcpy(out->point[d], theta + d * count, count * sizeof *theta);
        if (d > 0)
            memcpy(out->mass[d], out->mass[0], count * sizeof *theta);
    }
    hf_array_destroy(&theta);
    return status;
}

/* ---- the grids -------------------------------------------------------------------------------------- */

/* What is kept of a run on a grid. */
typedef struct grid_run {
    hf_problem *problem;
    size_t taken;
    hf_flowmap_record value[HF_REFINEMENT_TIMES];
    double *rho; /* at the end: shape (cells) */
    hf_statistics statistics;
} grid_run;

static hf_status take(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error, (void)rho;
    grid_run *run = self;
    size_t dim = hf_grid_dim(hf_problem_grid(run->problem));
    if (record->time == 0)
        return HF_OK;
    hf_flowmap_record *value = &run->value[run->taken++];
    *value =
        (hf_flowmap_record){.time = record->time, .risk = record->risk, .dissipation = record->dissipation};
    memcpy(value->mean, record->mean, dim * sizeof *value->mean);
    memcpy(value->covariance, record->covariance, dim * dim * sizeof *value->covariance);
    return HF_OK;
}

static void grid_run_free(grid_run *run) {
    hf_array_destroy(&run->rho);
    hf_problem_destroy(&run->problem);
}

/* Time tolerances far below the spatial errors of a flux. */
typedef struct tolerances {
    double rtol, atol;
} tolerances;

static tolerances time_tolerances(const hf_problem *problem) {
    const tolerances of_dual = {1e-12, 1e-13}, of_others = {1e-8, 1e-10};
    tolerances t = hf_problem_flux(problem)->dual ? of_dual : of_others;
    return (tolerances){fmin(hf_problem_rtol(problem), t.rtol), fmin(hf_problem_atol(problem), t.atol)};
}

static hf_status run_grid(hf_error *error, const hf_problem *problem, const size_t *cells, grid_run *run) {
    tolerances held = time_tolerances(problem);
    hf_refine_options options = {
        .cells = cells, .rtol = held.rtol, .atol = held.atol, .outputs = HF_REFINEMENT_TIMES + 1};
    hf_flow *flow;
    *run = (grid_run){0};
    HF_TRY(hf_problem_refine(error, problem, &options, &run->problem));
    HF_TRY(hf_array_create(error, hf_grid_cells(hf_problem_grid(run->problem)), &run->rho));
    HF_TRY(hf_flow_create(error, run->problem, &flow));
    hf_observer observer = {.self = run, .output = take};
    hf_status status = hf_flow_integrate(error, flow, &observer, run->rho, &run->statistics);
    hf_flow_destroy(&flow);
    return status;
}

static hf_status tell_and_run(hf_error *error, const hf_problem *problem,
                              const hf_refinement_options *options, const size_t *cells, grid_run *run) {
    char what[128] = "grid";
    size_t used = strlen(what);
    for (size_t d = 0; d < hf_grid_dim(hf_problem_grid(problem)); d++)
        used += (size_t)snprintf(what + used, sizeof what - used, "%s%zu", d == 0 ? " " : " x ", cells[d]);
    tell(options, what);
    return run_grid(error, problem, cells, run);
}

/* Largest W1 distance of the marginals of a grid density to those of the reference. */
static hf_status marginal_distance(hf_error *error, const grid_run *run, const marginals *reference,
                                   double *out) {
    const hf_grid *grid = hf_problem_grid(run->problem);
    *out = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        const hf_axis *axis = hf_grid_axis(grid, d);
        double *marginal, distance = 0;
        HF_TRY(hf_array_create(error, axis->cells, &marginal));
        hf_grid_marginal(grid, run->rho, d, marginal);
        hf_points points = {reference->count[d], reference->point[d], reference->mass[d]};
        hf_status status = hf_wasserstein(error, axis, 1, marginal, &points, &distance);
        hf_array_destroy(&marginal);
        HF_TRY(status);
        *out = fmax(*out, distance);
    }
    return HF_OK;
}

/* Marginals of a grid density as points: SPLIT in each cell. */
static hf_status split_marginal(hf_error *error, const grid_run *run, size_t d, marginals *out) {
    const hf_grid *grid = hf_problem_grid(run->problem);
    const hf_axis *axis = hf_grid_axis(grid, d);
    double *marginal;
    HF_TRY(create_marginal(error, SPLIT * axis->cells, d, out));
    HF_TRY(hf_array_create(error, axis->cells, &marginal));
    hf_grid_marginal(grid, run->rho, d, marginal);
    for (size_t i = 0; i < out->count[d]; i++) {
        out->point[d][i] = axis->lower + hf_grid_spacing(grid, d) * ((double)i + 0.5) / SPLIT;
        out->mass[d][i] = marginal[i / SPLIT] / SPLIT;
    }
    hf_array_destroy(&marginal);
    return HF_OK;
}

/* ---- Richardson extrapolation ----------------------------------------------------------------------- */

static double extrapolate(double coarse, double fine, int p) {
    return fine + (fine - coarse) / (pow(2, p) - 1);
}

static void extrapolate_record(const hf_grid *grid, const hf_flowmap_record *coarse,
                               const hf_flowmap_record *fine, int p, hf_flowmap_record *out) {
    size_t dim = hf_grid_dim(grid);
    out->time = fine->time;
    out->risk = extrapolate(coarse->risk, fine->risk, p);
    out->dissipation = extrapolate(coarse->dissipation, fine->dissipation, p);
    for (size_t d = 0; d < dim; d++) {
        double step = fine->mean[d] - coarse->mean[d];
        if (hf_grid_axis(grid, d)->periodic)
            step = remainder(step, 2 * M_PI);
        out->mean[d] = extrapolate(fine->mean[d] - step, fine->mean[d], p);
    }
    for (size_t i = 0; i < dim * dim; i++)
        out->covariance[i] = extrapolate(coarse->covariance[i], fine->covariance[i], p);
}

/* The reference from the finest grid of the study and one of half its spacing. */
static hf_status richardson_reference(hf_error *error, const hf_problem *problem,
                                      const hf_refinement_options *options, const grid_run *finest,
                                      hf_refinement *out, marginals *marginal) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t cells[HF_DIM_MAX];
    grid_run twice;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        cells[d] = 2 * hf_grid_axis(grid, d)->cells;
    out->kind = HF_REFERENCE_RICHARDSON;
    hf_status status = tell_and_run(error, problem, options, cells, &twice);
    for (size_t k = 0; k < HF_REFINEMENT_TIMES && status == HF_OK; k++) {
        extrapolate_record(grid, &finest->value[k], &twice.value[k], out->expected_order, &out->value[k]);
        out->uncertainty[k] = difference(grid, &out->value[k], &twice.value[k]);
    }
    for (size_t d = 0; d < hf_grid_dim(grid) && status == HF_OK; d++)
        status = split_marginal(error, &twice, d, marginal);
    /* W1 is measured to the finer grid itself, whose own error is that of the other one less the order's
     * factor */
    hf_errors *last = &out->uncertainty[HF_REFINEMENT_TIMES - 1];
    if (status == HF_OK)
        status = marginal_distance(error, finest, marginal, &last->w1);
    last->w1 /= pow(2, out->expected_order) - 1;
    out->reference = *last;
    grid_run_free(&twice);
    return status;
}

/* ---- the study -------------------------------------------------------------------------------------- */

static void describe(const hf_problem *problem, hf_refinement *out) {
    const hf_grid *grid = hf_problem_grid(problem);
    *out = (hf_refinement){.expected_order = hf_problem_flux(problem)->order, .dim = hf_grid_dim(grid)};
    snprintf(out->name, sizeof out->name, "%s", hf_problem_name(problem));
    snprintf(out->title, sizeof out->title, "%s", hf_problem_title(problem));
    snprintf(out->flux, sizeof out->flux, "%s", hf_problem_flux(problem)->name);
    for (size_t d = 0; d < out->dim; d++)
        snprintf(out->coordinate[d], sizeof out->coordinate[d], "%s", hf_grid_axis(grid, d)->name);
}

static void describe_row(const grid_run *run, hf_refinement_row *row) {
    const hf_grid *grid = hf_problem_grid(run->problem);
    row->spacing = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        row->cells[d] = hf_grid_axis(grid, d)->cells;
        row->spacing = fmax(row->spacing, 1 / (double)row->cells[d]);
    }
    row->steps = run->statistics.steps;
    row->seconds = run->statistics.seconds;
}

static hf_status compare(hf_error *error, const grid_run *runs, const marginals *marginal,
                         hf_refinement *out) {
    for (size_t k = 0; k < out->count; k++) {
        hf_refinement_row *row = &out->row[k];
        describe_row(&runs[k], row);
        for (size_t t = 0; t < HF_REFINEMENT_TIMES; t++)
            row->history[t] = difference(hf_problem_grid(runs[k].problem), &runs[k].value[t], &out->value[t]);
        HF_TRY(marginal_distance(error, &runs[k], marginal, &row->history[HF_REFINEMENT_TIMES - 1].w1));
        row->error = row->history[HF_REFINEMENT_TIMES - 1];
        row->order = (hf_errors){NAN, NAN, NAN, NAN, NAN};
        if (k > 0)
            row->order = orders(&out->row[k - 1], row);
    }
    const hf_refinement_row *finest = &out->row[out->count - 1];
    /* an order is only as good as the reference: it must be far closer than the coarser of the two grids */
    out->judged = out->reference.risk <= 0.1 * out->row[out->count - 2].error.risk;
    bool at_floor = out->reference.risk <= floor_risk && finest->error.risk <= 2 * floor_risk;
    out->passed = at_floor || (out->judged && finest->order.risk >= (1 - order_slack) * out->expected_order);
    return HF_OK;
}

/* Marginals of the flow map; their own W1 error is judged by half as many points. */
static hf_status flow_map_marginals(hf_error *error, const hf_problem *problem, const hf_flowmap *map,
                                    const grid_run *finest, hf_refinement *out, marginals *marginal) {
    marginals half = {0};
    double to_half, to_full;
    size_t components, each = sample_points[out->dim];
    hf_problem_components(problem, &components);
    hf_status status = sample_marginals(error, map, out->dim, components, each, marginal);
    if (status == HF_OK)
        status = sample_marginals(error, map, out->dim, components, each / 2, &half);
    if (status == HF_OK)
        status = marginal_distance(error, finest, &half, &to_half);
    if (status == HF_OK)
        status = marginal_distance(error, finest, marginal, &to_full);
    marginals_free(&half);
    HF_TRY(status);
    out->reference.w1 = out->uncertainty[HF_REFINEMENT_TIMES - 1].w1 = fabs(to_half - to_full);
    return HF_OK;
}

hf_status hf_refinement_reference(hf_error *error, const hf_problem *problem,
                                  const hf_refinement_options *options, hf_refinement *out) {
    describe(problem, out);
    return flow_map_reference(error, problem, options, out, NULL);
}

hf_status hf_refinement_run(hf_error *error, const hf_problem *problem, const hf_refinement_options *options,
                            hf_refinement *out) {
    const hf_grid *grid = hf_problem_grid(problem);
    grid_run runs[HF_REFINEMENT_MAX] = {{0}};
    marginals marginal = {0};
    hf_flowmap *map = NULL;
    size_t least = hf_problem_flux(problem)->cells_min;
    describe(problem, out);
    out->count = options->levels > 0 ? options->levels : DEFAULT_LEVELS;
    if (out->count < 2 || out->count > HF_REFINEMENT_MAX)
        return hf_raise(error, HF_ERR_INPUT, "levels %zu; expected 2 to %d", out->count, HF_REFINEMENT_MAX);
    for (size_t d = 0; d < out->dim; d++)
        if (hf_grid_axis(grid, d)->cells >> (out->count - 1) < least)
            return hf_raise(
                error, HF_ERR_INPUT,
                "axis %s: %zu cells leave less than %zu on the coarsest of %zu grids; expected more cells "
                "or fewer levels",
                hf_grid_axis(grid, d)->name, hf_grid_axis(grid, d)->cells, least, out->count);
    bool flow_map = hf_problem_temperature(problem) == 0;
    hf_status status = flow_map ? flow_map_reference(error, problem, options, out, &map) : HF_OK;
    for (size_t k = 0; k < out->count && status == HF_OK; k++) {
        size_t cells[HF_DIM_MAX];
        for (size_t d = 0; d < out->dim; d++)
            cells[d] = hf_grid_axis(grid, d)->cells >> (out->count - 1 - k);
        status = tell_and_run(error, problem, options, cells, &runs[k]);
    }
    const grid_run *finest = &runs[out->count - 1];
    if (status == HF_OK)
        status = flow_map ? flow_map_marginals(error, problem, map, finest, out, &marginal)
                          : richardson_reference(error, problem, options, finest, out, &marginal);
    if (status == HF_OK)
        status = compare(error, runs, &marginal, out);
    for (size_t k = 0; k < out->count; k++)
        grid_run_free(&runs[k]);
    marginals_free(&marginal);
    hf_flowmap_destroy(&map);
    return status;
}
