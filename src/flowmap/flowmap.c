/* The flow map: quadrature nodes of rho_0 carried by theta' = -grad Psi. docs/theory.md (16).
 *
 * z_e(t) = sum_i mass_i h_e(theta_i(t)) closes the system. The nodes of a component form a tensor rule, so
 * that the map theta_0 -> theta(t) can also be interpolated through them (barycentric formula) onto any other
 * points. */
#include "flowmap/flowmap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Risk of the nodes without ridge; leaves the projected residual in the map. */
static double prepare(hf_flowmap *map, const double *theta) {
    hf_model_atoms_logits(map->model, map->count, theta, map->mass, map->residual);
    double risk = hf_risk_cross_entropy(hf_problem_events(map->problem), map->residual, map->residual);
    hf_model_project_residual(map->model, map->residual, map->projection);
    return risk;
}

static void velocities(hf_flowmap *map, const double *theta, double *velocity) {
    size_t dim = map->dim;
    prepare(map, theta);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < map->count; i++) {
        double gradient[HF_DIM_MAX];
        hf_model_potential(map->model, map->projection, theta + i * dim, gradient, NULL);
        for (size_t d = 0; d < dim; d++)
            velocity[i * dim + d] = -gradient[d];
    }
}

static int right_hand_side(realtype t, N_Vector y, N_Vector rate, void *user) {
    (void)t;
    velocities(user, NV_DATA_S(y), NV_DATA_S(rate));
    for (size_t i = 0; i < (size_t)NV_LENGTH_S(y); i++)
        if (!isfinite(NV_DATA_S(rate)[i]))
            return 1;
    return 0;
}

/* Whether every component has all its mass at one place of an axis. */
static bool is_point(const hf_problem *problem, size_t d) {
    size_t components;
    const hf_component *component = hf_problem_components(problem, &components);
    for (size_t c = 0; c < components; c++)
        if (component[c].profile[d].kind != HF_PROFILE_DIRAC)
            return false;
    return true;
}

static void count_nodes(hf_flowmap *map, size_t nodes) {
    map->each = 1;
    for (size_t d = 0; d < map->dim; d++) {
        bool periodic = hf_grid_axis(hf_problem_grid(map->problem), d)->periodic;
        map->nodes[d] = is_point(map->problem, d) ? 1 : periodic ? HF_FLOWMAP_ANGLE_FACTOR * nodes : nodes;
        map->each *= map->nodes[d];
        map->stride = map->nodes[d] > map->stride ? map->nodes[d] : map->stride;
    }
    hf_problem_components(map->problem, &map->components);
    map->count = map->components * map->each;
}

static hf_status place_nodes(hf_error *error, hf_flowmap *map) {
    const hf_grid *grid = hf_problem_grid(map->problem);
    size_t components, dim = map->dim;
    const hf_component *component = hf_problem_components(map->problem, &components);
    double *theta = hf_adams_state(&map->adams);
    for (size_t c = 0; c < components; c++)
        for (size_t d = 0; d < dim; d++)
            HF_TRY(hf_profile_quadrature(error, &component[c].profile[d], hf_grid_axis(grid, d),
                                         map->nodes[d], map->rule + (c * dim + d) * map->stride,
                                         map->rule_mass + (c * dim + d) * map->stride));
    for (size_t i = 0; i < map->count; i++) {
        size_t c = i / map->each, rest = i % map->each;
        map->mass[i] = component[c].weight;
        for (size_t d = dim; d-- > 0; rest /= map->nodes[d]) {
            size_t place = (c * dim + d) * map->stride + rest % map->nodes[d];
            map->mass[i] *= map->rule_mass[place];
            theta[i * dim + d] = map->rule[place];
        }
    }
    return HF_OK;
}

static hf_status set_up(hf_error *error, hf_flowmap *map, double rtol) {
    const hf_events *events = hf_problem_events(map->problem);
    size_t rule = map->components * map->dim * map->stride;
    HF_TRY(hf_array_create(error, rule, &map->rule));
    HF_TRY(hf_array_create(error, rule, &map->rule_mass));
    HF_TRY(hf_array_create(error, map->count, &map->mass));
    HF_TRY(hf_array_create(error, hf_events_count(events) * hf_events_classes(events), &map->residual));
    HF_TRY(hf_array_create(error, hf_model_projection_size(map->model), &map->projection));
    HF_TRY(hf_array_create(error, map->count * map->dim, &map->velocity));
    HF_TRY(hf_adams_allocate(error, "the flow map", map->count * map->dim, &map->adams));
    HF_TRY(place_nodes(error, map));
    return hf_adams_start(error, &map->adams, 0, rtol, right_hand_side, map);
}

hf_status hf_flowmap_create(hf_error *error, const hf_problem *problem, size_t nodes, double rtol,
                            hf_flowmap **out) {
    *out = NULL;
    if (hf_problem_temperature(problem) > 0)
        return hf_raise(error, HF_ERR_INPUT, "the flow map exists at temperature 0 only; this problem has %g",
                        hf_problem_temperature(problem));
    if (nodes < 2)
        return hf_raise(error, HF_ERR_INPUT, "a flow map of %zu nodes an axis; expected at least 2", nodes);
    hf_flowmap *map;
    HF_TRY(hf_allocate(error, 1, sizeof *map, &map));
    map->problem = problem;
    map->model = hf_problem_model(problem);
    map->dim = hf_grid_dim(hf_problem_grid(problem));
    count_nodes(map, nodes);
    hf_status status = set_up(error, map, rtol);
    if (status != HF_OK) {
        hf_flowmap_destroy(&map);
        return status;
    }
    *out = map;
    return HF_OK;
}

void hf_flowmap_destroy(hf_flowmap **map) {
    if (map == NULL || *map == NULL)
        return;
    hf_flowmap *m = *map;
    hf_adams_clear(&m->adams);
    hf_array_destroy(&m->rule);
    hf_array_destroy(&m->rule_mass);
    hf_array_destroy(&m->mass);
    hf_array_destroy(&m->residual);
    hf_array_destroy(&m->projection);
    hf_array_destroy(&m->velocity);
    free(m);
    *map = NULL;
}

hf_status hf_flowmap_advance(hf_error *error, hf_flowmap *map, double time) {
    return hf_adams_advance(error, &map->adams, time);
}

size_t hf_flowmap_count(const hf_flowmap *map) {
    return map->count;
}
const double *hf_flowmap_points(const hf_flowmap *map) {
    return hf_adams_state(&map->adams);
}
const double *hf_flowmap_masses(const hf_flowmap *map) {
    return map->mass;
}

void hf_flowmap_measure(hf_flowmap *map, hf_flowmap_record *record) {
    const double *theta = hf_flowmap_points(map);
    size_t dim = map->dim;
    record->time = map->adams.time;
    record->risk = prepare(map, theta);
    velocities(map, theta, map->velocity);
    record->dissipation = 0;
    for (size_t i = 0; i < map->count; i++)
        for (size_t d = 0; d < dim; d++) {
            double x = theta[i * dim + d], u = map->velocity[i * dim + d];
            if (hf_model_ridged(map->model, d))
                record->risk += 0.5 * hf_model_ridge(map->model) * map->mass[i] * x * x;
            record->dissipation += map->mass[i] * u * u;
        }
    hf_points_moments(hf_problem_grid(map->problem), map->count, theta, map->mass, record->mean,
                      record->covariance);
}
