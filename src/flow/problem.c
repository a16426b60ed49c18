/* A problem: the model, the box and its cells, the initial density, scheme and times, checked as a whole. */
#include "flow/flow.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hf_problem {
    char *name, *title;
    hf_events *events; /* owned unless `shared` */
    hf_model *model;   /* owned unless `shared` */
    bool shared;
    hf_grid *grid;
    hf_component *components;
    size_t component_count;
    double temperature;
    const hf_flux *flux;
    const hf_limiter *limiter;
    const hf_method *method;
    double end, rtol, atol, stop, table_tolerance;
    double checkpoint_every, checkpoint_seconds;
    size_t outputs;
    bool estimate, deterministic;
    hf_particles particles;
    const hf_ranks *ranks;
};

enum { GIB = 1 << 30 };

/* Rank of the context table that memory must have room for: strong random scores have 50 to 70. */
enum { RANK_LIKELY = 64 };

/* Parts of a support that a quadrature takes at least: 128 nodes, for profiles narrower than a cell. */
enum { PANELS_MIN = 16 };

/* The largest part of the grid, or all of it where it cannot be divided among the ranks: not all that they do
 * together divides it. */
static hf_status largest_part(hf_error *error, const hf_problem *problem, hf_grid **part) {
    size_t parts[HF_DIM_MAX] = {1, 1, 1, 1}, first[HF_DIM_MAX], cells[HF_DIM_MAX];
    (void)hf_problem_factors(NULL, problem, hf_ranks_count(problem->ranks), parts);
    hf_grid_box(problem->grid, parts, 0, first, cells);
    return hf_grid_part(error, problem->grid, first, cells, part);
}

static hf_status check_memory(hf_error *error, const hf_problem *problem) {
    hf_grid *part;
    HF_TRY(largest_part(error, problem, &part));
    size_t cells = hf_grid_cells(part), here = hf_ranks_here(problem->ranks);
    double state = (double)cells * sizeof(double) * (double)problem->method->vectors;
    double table = hf_table_bytes(problem->model, part, RANK_LIKELY);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    hf_grid_destroy(&part);
    if ((state + table) * (double)here <= memory)
        return HF_OK;
    char processes[48] = "";
    if (hf_ranks_count(problem->ranks) > 1)
        snprintf(processes, sizeof processes, " for %zu such processes", here);
    return hf_raise(error, HF_ERR_INPUT,
                    "the grid does not fit in memory: %zu cells need %.3g GiB (%zu vectors of the "
                    "integrator) and the context table %.3g GiB; this machine has %.3g GiB%s",
                    cells, state / GIB, problem->method->vectors, table / GIB, memory / GIB, processes);
}

static hf_status check_profile(hf_error *error, const hf_profile *p, const hf_axis *axis) {
    if (!isfinite(p->a) || !isfinite(p->b))
        return hf_raise(error, HF_ERR_INPUT, "initial.%s: a parameter is not finite", axis->name);
    switch (p->kind) {
    case HF_PROFILE_BUMP:
        if (!(p->b > 0))
            return hf_raise(error, HF_ERR_INPUT, "initial.%s: bump radius %g; expected > 0", axis->name,
                            p->b);
        break;
    case HF_PROFILE_NORMAL:
        if (!(p->b > 0))
            return hf_raise(error, HF_ERR_INPUT, "initial.%s: normal sd %g; expected > 0", axis->name, p->b);
        if (!(hf_profile_mass(p, axis, axis->lower, axis->upper) > 0.5))
            return hf_raise(error, HF_ERR_INPUT, "initial.%s: the normal density has no mass in the box",
                            axis->name);
        break;
    case HF_PROFILE_UNIFORM:
        if (!(p->a < p->b))
            return hf_raise(error, HF_ERR_INPUT, "initial.%s: uniform on [%g, %g]; expected lower < upper",
                            axis->name, p->a, p->b);
        break;
    case HF_PROFILE_COSINE:
        if (!axis->periodic)
            return hf_raise(error, HF_ERR_INPUT, "initial.%s: cosine; expected on a periodic axis only",
                            axis->name);
        if (!(p->a >= 0 && p->a <= 1))
            return hf_raise(error, HF_ERR_INPUT, "initial.%s: cosine kappa %g; expected 0 to 1", axis->name,
                            p->a);
        break;
    case HF_PROFILE_DIRAC:
        break;
    }
    if (hf_profile_outside(p, axis) > 1e-12 * (axis->upper - axis->lower))
        return hf_raise(error, HF_ERR_INPUT,
                        "initial.%s: the density reaches %g beyond the box [%g, %g]; expected it inside",
                        axis->name, hf_profile_outside(p, axis), axis->lower, axis->upper);
    return HF_OK;
}

/* The name becomes a folder. */
static hf_status check_name(hf_error *error, const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if (name != NULL && (name[0] == '\0' || name[strspn(name, allowed)] != '\0'))
        return hf_raise(error, HF_ERR_INPUT, "name %s; expected letters, digits, - and _", name);
    return HF_OK;
}

static hf_status check_input(hf_error *error, const hf_problem_input *input) {
    size_t alphas = input->heads.attention_coordinates;
    bool angle = input->heads.form->periodic;
    HF_TRY(check_name(error, input->name));
    if (hf_events_count(input->events) == 0)
        return hf_raise(error, HF_ERR_INPUT, "data: no events");
    hf_grid *grid; /* checks the number of axes and each of them before anything reads them */
    HF_TRY(hf_grid_create(error, input->dim, input->axes, &grid));
    hf_grid_destroy(&grid);
    if (input->dim != alphas + input->heads.value_coordinates)
        return hf_raise(error, HF_ERR_INPUT, "grid: %zu axes; expected one a head coordinate, %zu",
                        input->dim, alphas + input->heads.value_coordinates);
    for (size_t d = 0; d < input->dim; d++) {
        bool periodic = angle && d < alphas;
        const hf_axis *axis = &input->axes[d];
        if (axis->periodic != periodic)
            return hf_raise(error, HF_ERR_INPUT, "grid: axis %s is %s; expected periodic for angles only",
                            axis->name, axis->periodic ? "periodic" : "an angle but not periodic");
        if (periodic && !(fabs(axis->lower + M_PI) < 1e-12 && fabs(axis->upper - M_PI) < 1e-12))
            return hf_raise(error, HF_ERR_INPUT, "grid: the angle %s on [%g, %g]; expected [-pi, pi]",
                            axis->name, axis->lower, axis->upper);
    }
    if (!(input->temperature >= 0) || !isfinite(input->temperature))
        return hf_raise(error, HF_ERR_INPUT, "temperature %g; expected a finite number >= 0",
                        input->temperature);
    if (input->temperature > 0 && input->method != NULL && !input->method->warm)
        return hf_raise(error, HF_ERR_INPUT, "time.method %s with temperature %g; expected cvode",
                        input->method->name, input->temperature);
    if (!(input->end > 0) || !isfinite(input->end))
        return hf_raise(error, HF_ERR_INPUT, "time.end %g; expected a finite number > 0", input->end);
    if (!(input->rtol >= 0 && input->rtol < 1) || !(input->atol >= 0) || !isfinite(input->atol))
        return hf_raise(error, HF_ERR_INPUT, "tolerances rtol %g, atol %g; expected 0 < rtol < 1, atol > 0",
                        input->rtol, input->atol);
    if (input->outputs == 1)
        return hf_raise(error, HF_ERR_INPUT, "time.outputs 1; expected at least 2");
    if (!(input->stop >= 0) || !isfinite(input->stop))
        return hf_raise(error, HF_ERR_INPUT, "time.stop %g; expected a finite number >= 0", input->stop);
    if (!(input->checkpoint_every >= 0) || !isfinite(input->checkpoint_every) ||
        !(input->checkpoint_seconds >= 0) || !isfinite(input->checkpoint_seconds))
        return hf_raise(error, HF_ERR_INPUT, "checkpoint every %g, seconds %g; expected finite numbers >= 0",
                        input->checkpoint_every, input->checkpoint_seconds);
    if (!(input->table_tolerance >= 0 && input->table_tolerance <= HF_TABLE_TOLERANCE_MAX))
        return hf_raise(error, HF_ERR_INPUT, "scheme.table_tolerance %g; expected more than 0, at most %g",
                        input->table_tolerance, HF_TABLE_TOLERANCE_MAX);
    if (input->component_count == 0)
        return hf_raise(error, HF_ERR_INPUT, "initial: no density");
    for (size_t c = 0; c < input->component_count; c++) {
        if (!(input->components[c].weight > 0) || !isfinite(input->components[c].weight))
            return hf_raise(error, HF_ERR_INPUT, "initial: weight %g; expected a finite number > 0",
                            input->components[c].weight);
        for (size_t d = 0; d < input->dim; d++)
            HF_TRY(check_profile(error, &input->components[c].profile[d], &input->axes[d]));
    }
    return HF_OK;
}

static hf_status copy_components(hf_error *error, hf_problem *problem, const hf_component *source,
                                 size_t count) {
    HF_TRY(hf_allocate(error, count, sizeof *source, &problem->components));
    problem->component_count = count;
    double total = 0;
    for (size_t c = 0; c < count; c++)
        total += source[c].weight;
    if (!isfinite(total))
        return hf_raise(error, HF_ERR_INPUT,
                        "initial: the sum of the weights overflows; expected a finite sum");
    for (size_t c = 0; c < count; c++) {
        problem->components[c] = source[c];
        problem->components[c].weight /= total;
    }
    return HF_OK;
}

const hf_flux *hf_flux_default(double temperature) {
    return hf_flux_find(temperature > 0 ? "scharfetter-gummel" : "muscl");
}

/* What depends on the grid and the scheme: shared by create and refine. */
static hf_status settle(hf_error *error, hf_problem *problem, size_t dim, const hf_axis *axes,
                        const hf_flux *flux, const hf_limiter *limiter) {
    HF_TRY(hf_grid_create(error, dim, axes, &problem->grid));
    problem->flux = flux != NULL ? flux : hf_flux_default(problem->temperature);
    problem->limiter = !problem->flux->limited ? NULL
                       : limiter != NULL       ? limiter
                                               : hf_limiter_find("vanleer");
    HF_TRY(check_memory(error, problem));
    /* creating the transport checks that flux and temperature fit; it is small */
    hf_transport *transport;
    HF_TRY(hf_transport_create(error, problem->grid, problem->flux, problem->limiter, problem->temperature,
                               &transport));
    hf_transport_destroy(&transport);
    return HF_OK;
}

/* Whether four ninths of the cells are enough for the flux: asked before the run, not after it. */
static hf_status check_estimate(hf_error *error, const hf_problem *problem) {
    size_t least = problem->flux->cells_min;
    for (size_t d = 0; problem->estimate && d < hf_grid_dim(problem->grid); d++) {
        const hf_axis *axis = hf_grid_axis(problem->grid, d);
        if (2 * (2 * axis->cells / 3) / 3 < least)
            return hf_raise(error, HF_ERR_INPUT,
                            "axis %s: %zu cells; an error estimate with %s expects at least %zu", axis->name,
                            axis->cells, problem->flux->name, (9 * least + 5) / 4);
    }
    return HF_OK;
}

static hf_status fill(hf_error *error, hf_problem *problem, const hf_problem_input *input) {
    HF_TRY(check_input(error, input));
    HF_TRY(hf_string_copy(error, input->name != NULL ? input->name : "problem", &problem->name));
    HF_TRY(hf_string_copy(error, input->title != NULL ? input->title : problem->name, &problem->title));
    HF_TRY(hf_model_create(error, &input->heads, input->events, input->ridge, &problem->model));
    HF_TRY(copy_components(error, problem, input->components, input->component_count));
    problem->temperature = input->temperature;
    problem->end = input->end;
    problem->method = input->method != NULL ? input->method : hf_method_find("cvode");
    problem->rtol = input->rtol > 0 ? input->rtol : 1e-6;
    problem->atol = input->atol > 0 ? input->atol : 1e-9;
    problem->stop = input->stop;
    problem->table_tolerance = input->table_tolerance > 0 ? input->table_tolerance : 1e-12;
    problem->outputs = input->outputs > 0 ? input->outputs : 33;
    problem->estimate = input->estimate;
    problem->checkpoint_every = input->checkpoint_every;
    problem->checkpoint_seconds = input->checkpoint_seconds > 0 ? input->checkpoint_seconds : 60;
    problem->deterministic = input->deterministic;
    if (input->deterministic) /* its sums depend on the number of threads */
        openblas_set_num_threads(1);
    problem->particles = input->particles;
    problem->ranks = input->ranks;
    HF_TRY(settle(error, problem, input->dim, input->axes, input->flux, input->limiter));
    return check_estimate(error, problem);
}

hf_status hf_problem_create(hf_error *error, const hf_problem_input *input, hf_problem **out) {
    *out = NULL;
    hf_problem *problem;
    hf_status status = hf_allocate(error, 1, sizeof *problem, &problem);
    if (status != HF_OK) {
        hf_events *events = input->events;
        hf_events_destroy(&events);
        return status;
    }
    problem->events = input->events;
    status = fill(error, problem, input);
    if (status != HF_OK) {
        hf_problem_destroy(&problem);
        return status;
    }
    *out = problem;
    return HF_OK;
}

static hf_status fill_refined(hf_error *error, hf_problem *copy, const hf_problem *problem,
                              const hf_refine_options *options) {
    hf_axis axes[HF_DIM_MAX];
    size_t dim = hf_grid_dim(problem->grid);
    for (size_t d = 0; d < dim; d++) {
        axes[d] = *hf_grid_axis(problem->grid, d);
        if (options->cells != NULL)
            axes[d].cells = options->cells[d];
    }
    HF_TRY(hf_string_copy(error, problem->name, &copy->name));
    HF_TRY(hf_string_copy(error, problem->title, &copy->title));
    HF_TRY(copy_components(error, copy, problem->components, problem->component_count));
    return settle(error, copy, dim, axes, options->flux != NULL ? options->flux : problem->flux,
                  problem->limiter);
}

hf_status hf_problem_refine(hf_error *error, const hf_problem *problem, const hf_refine_options *options,
                            hf_problem **out) {
    *out = NULL;
    hf_problem *copy;
    HF_TRY(hf_allocate(error, 1, sizeof *copy, &copy));
    *copy = *problem;
    copy->shared = true;
    copy->name = copy->title = NULL;
    copy->grid = NULL;
    copy->components = NULL;
    copy->rtol = options->rtol > 0 ? options->rtol : problem->rtol;
    copy->atol = options->atol > 0 ? options->atol : problem->atol;
    copy->outputs = options->outputs > 0 ? options->outputs : problem->outputs;
    copy->end = options->end > 0 ? options->end : problem->end;
    copy->stop = 0;
    hf_status status = fill_refined(error, copy, problem, options);
    if (status != HF_OK) {
        hf_problem_destroy(&copy);
        return status;
    }
    *out = copy;
    return HF_OK;
}

void hf_problem_destroy(hf_problem **problem) {
    if (problem == NULL || *problem == NULL)
        return;
    hf_problem *p = *problem;
    if (!p->shared) {
        hf_model_destroy(&p->model);
        hf_events_destroy(&p->events);
    }
    hf_grid_destroy(&p->grid);
    free(p->components);
    free(p->name);
    free(p->title);
    free(p);
    *problem = NULL;
}

const char *hf_problem_name(const hf_problem *problem) {
    return problem->name;
}
const char *hf_problem_title(const hf_problem *problem) {
    return problem->title;
}
const hf_grid *hf_problem_grid(const hf_problem *problem) {
    return problem->grid;
}
const hf_events *hf_problem_events(const hf_problem *problem) {
    return problem->events;
}
const hf_model *hf_problem_model(const hf_problem *problem) {
    return problem->model;
}
const hf_flux *hf_problem_flux(const hf_problem *problem) {
    return problem->flux;
}
hf_sampling hf_problem_sampling(const hf_problem *problem) {
    return problem->flux->dual ? HF_POINT_VALUES : HF_CELL_MEANS;
}
const hf_limiter *hf_problem_limiter(const hf_problem *problem) {
    return problem->limiter;
}
const hf_ranks *hf_problem_ranks(const hf_problem *problem) {
    return problem->ranks;
}
const hf_particles *hf_problem_particles(const hf_problem *problem) {
    return &problem->particles;
}
double hf_problem_temperature(const hf_problem *problem) {
    return problem->temperature;
}
double hf_problem_end(const hf_problem *problem) {
    return problem->end;
}
const hf_method *hf_problem_method(const hf_problem *problem) {
    return problem->method;
}
double hf_problem_rtol(const hf_problem *problem) {
    return problem->rtol;
}
double hf_problem_atol(const hf_problem *problem) {
    return problem->atol;
}
double hf_problem_table_tolerance(const hf_problem *problem) {
    return problem->table_tolerance;
}
double hf_problem_stop(const hf_problem *problem) {
    return problem->stop;
}
bool hf_problem_estimate(const hf_problem *problem) {
    return problem->estimate;
}
double hf_problem_checkpoint_every(const hf_problem *problem) {
    return problem->checkpoint_every;
}
double hf_problem_checkpoint_seconds(const hf_problem *problem) {
    return problem->checkpoint_seconds;
}
bool hf_problem_deterministic(const hf_problem *problem) {
    return problem->deterministic;
}
size_t hf_problem_outputs(const hf_problem *problem) {
    return problem->outputs;
}
double hf_problem_output_time(const hf_problem *problem, size_t index) {
    size_t last = problem->outputs - 1;
    return index == last ? problem->end : problem->end * (double)index / (double)last;
}

const hf_component *hf_problem_components(const hf_problem *problem, size_t *count) {
    *count = problem->component_count;
    return problem->components;
}

/* Cell means of a profile along an axis. factor: shape (cells of the axis). */
static void profile_means(const hf_profile *profile, const hf_grid *grid, size_t d, double *factor) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    double h = hf_grid_spacing(grid, d);
    for (size_t i = 0; i < axis->cells; i++) {
        /* faces as the neighbour has them, and the wall itself: a Dirac on one is in one cell */
        double lower = axis->lower + (double)i * h;
        double upper = i + 1 < axis->cells ? axis->lower + (double)(i + 1) * h : axis->upper;
        factor[i] = hf_profile_mass(profile, axis, lower, upper) / h;
    }
}

/* The same as point values: the nodes of a quadrature are spread over the cells, eight or more in each cell
 * that the profile fills. */
static hf_status spread_profile(hf_error *error, const hf_profile *profile, const hf_grid *grid, size_t d,
                                double *factor) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    double lower, upper, h = hf_grid_spacing(grid, d);
    hf_profile_support(profile, axis, &lower, &upper);
    bool point = profile->kind == HF_PROFILE_DIRAC;
    size_t panels = (size_t)fmax(ceil((upper - lower) / h), PANELS_MIN);
    size_t nodes = point ? 1 : panels * HF_PANEL_NODES;
    double *node; /* nodes, then masses */
    HF_TRY(hf_array_create(error, 2 * nodes, &node));
    if (point)
        node[0] = lower, node[1] = 1;
    else
        hf_profile_panels(profile, axis, panels, node, node + nodes);
    memset(factor, 0, axis->cells * sizeof *factor);
    for (size_t k = 0; k < nodes; k++) {
        double weight[HF_SPREAD];
        size_t first = hf_grid_spread(grid, d, node[k], weight);
        for (size_t s = 0; s < HF_SPREAD; s++)
            factor[(first + s) % axis->cells] += node[nodes + k] * weight[s] / h;
    }
    hf_array_destroy(&node);
    return HF_OK;
}

/* rho += value times the product of the factors of the axes from d on, from the part's cell `first` on. */
static void add_product(const hf_grid *part, size_t d, double *const *factor, double value, size_t first,
                        double *rho) {
    size_t stride = hf_grid_stride(part, d);
    const double *own = factor[0] + hf_grid_first(part, d);
    bool last = d + 1 == hf_grid_dim(part);
    for (size_t i = 0; i < hf_grid_axis(part, d)->cells; i++) {
        double product = value * own[i];
        if (last)
            rho[first + i] += product;
        else if (product != 0) /* a Dirac fills few cells */
            add_product(part, d + 1, factor + 1, product, first + i * stride, rho);
    }
}

/* The factors are those of the whole axes. */
static hf_status add_component(hf_error *error, const hf_problem *problem, const hf_component *component,
                               const hf_grid *part, double *const factor[], double *rho) {
    const hf_grid *grid = problem->grid;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (problem->flux->dual)
            HF_TRY(spread_profile(error, &component->profile[d], grid, d, factor[d]));
        else
            profile_means(&component->profile[d], grid, d, factor[d]);
    add_product(part, 0, factor, component->weight, 0, rho);
    return HF_OK;
}

hf_status hf_problem_initial_part(hf_error *error, const hf_problem *problem, const hf_grid *part,
                                  double *rho) {
    const hf_grid *grid = problem->grid;
    double *factor[HF_DIM_MAX] = {NULL};
    hf_status status = HF_OK;
    for (size_t d = 0; d < hf_grid_dim(grid) && status == HF_OK; d++)
        status = hf_array_create(error, hf_grid_axis(grid, d)->cells, &factor[d]);
    memset(rho, 0, hf_grid_cells(part) * sizeof *rho);
    for (size_t c = 0; c < problem->component_count && status == HF_OK; c++)
        status = add_component(error, problem, &problem->components[c], part, factor, rho);
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        hf_array_destroy(&factor[d]);
    return status;
}

hf_status hf_problem_initial(hf_error *error, const hf_problem *problem, double *rho) {
    return hf_problem_initial_part(error, problem, problem->grid, rho);
}

/* Cells that a part has at least: as many as the halo. One more for a dual flux, which may take a cell next
 * to a wall to hold less than it does: no other part is to see such a cell in its halo. */
static size_t least_cells(const hf_problem *problem) {
    return (size_t)problem->flux->halo + problem->flux->dual;
}

hf_status hf_problem_factors(hf_error *error, const hf_problem *problem, size_t ranks, size_t parts[]) {
    return hf_grid_factors(error, problem->grid, hf_model_attention_coordinates(problem->model),
                           least_cells(problem), ranks, parts);
}

hf_status hf_problem_divide(hf_error *error, const hf_problem *problem, hf_grid **part) {
    return hf_grid_divide(error, problem->grid, hf_model_attention_coordinates(problem->model),
                          least_cells(problem), problem->ranks, part);
}
