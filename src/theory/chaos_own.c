/* The grid's own error: the same comparison with the flow map on quadrature nodes in place of trained heads.
 * docs/theory.md (16), (46). Where the grid is right they agree; what is left is the grid's error, and the
 * flow map's own, which is far smaller, or for distances that of its lattice of equal masses. */
#include "theory/chaos.h"

#include <headflow/flowmap.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LATTICE = 4096, NODES_MAX = 4096 };
static const size_t nodes_by_dimension[] = {48, 16, 8, 5};
static const double tolerance = 1e-9;

static hf_status own_create(hf_error *error, const hf_comparison *c, hf_own_errors *own) {
    size_t times = c->chaos->times, kept = c->limit->history.count;
    double *time, *logits;
    HF_TRY(hf_array_create(error, times, &own->logit));
    HF_TRY(hf_array_create(error, times, &own->risk));
    HF_TRY(hf_array_create(error, 2 * c->dim * times, &own->distance));
    HF_TRY(hf_array_create(error, times, &own->sliced));
    HF_TRY(hf_array_create(error, times, &own->sinkhorn));
    HF_TRY(hf_array_create(error, times, &own->sobolev));
    HF_TRY(hf_array_create(error, kept, &time));
    own->history.time = time;
    HF_TRY(hf_array_create(error, kept * c->outputs, &logits));
    own->history.logits = logits;
    own->history.width = c->outputs;
    memcpy(time, c->limit->history.time, kept * sizeof *time);
    for (size_t t = 0; t < times; t++) {
        own->logit[t] = own->risk[t] = own->sliced[t] = own->sinkhorn[t] = own->sobolev[t] = NAN;
        for (size_t q = 0; q < 2 * c->dim; q++)
            own->distance[q * times + t] = NAN;
    }
    return HF_OK;
}

void hf_own_errors_clear(hf_own_errors *own) {
    double *time = (double *)own->history.time, *logits = (double *)own->history.logits;
    hf_array_destroy(&own->logit);
    hf_array_destroy(&own->risk);
    hf_array_destroy(&own->distance);
    hf_array_destroy(&own->sliced);
    hf_array_destroy(&own->sinkhorn);
    hf_array_destroy(&own->sobolev);
    hf_array_destroy(&time);
    hf_array_destroy(&logits);
    *own = (hf_own_errors){0};
}

/* From coordinate by coordinate to point by point. */
static void transpose(size_t dim, size_t count, const double *from, double *to) {
    for (size_t d = 0; d < dim; d++)
        for (size_t i = 0; i < count; i++)
            to[i * dim + d] = from[d * count + i];
}

/* Distances of the density to a lattice of points. by_axis: shape (D, count); by_point: shape (count, D) */
static hf_status measure_lattice(hf_error *error, const hf_comparison *c, size_t t, const double *rho,
                                 size_t count, const double *by_axis, const double *by_point,
                                 const double *mass, hf_own_errors *own) {
    size_t times = c->chaos->times;
    for (size_t d = 0; d < c->dim; d++) {
        const hf_axis *axis = hf_grid_axis(c->grid, d);
        double *marginal;
        HF_TRY(hf_array_create(error, axis->cells, &marginal));
        hf_grid_marginal(c->grid, rho, d, marginal);
        hf_status status = HF_OK;
        for (int p = 1; p <= 2 && status == HF_OK; p++)
            status = hf_wasserstein(error, axis, p, marginal, &(hf_points){count, by_axis + d * count, mass},
                                    &own->distance[(2 * d + (size_t)p - 1) * times + t]);
        hf_array_destroy(&marginal);
        HF_TRY(status);
    }
    if (!c->snapshot[t])
        return HF_OK;
    hf_points points = {count, by_point, mass};
    hf_slices *slices;
    hf_grid *coarse = NULL;
    hf_sinkhorn *sinkhorn = NULL;
    hf_sobolev *sobolev = NULL;
    double *assigned = NULL, displacement;
    HF_TRY(hf_slices_create(error, c->grid, rho, HF_CHAOS_SLICES, &slices));
    hf_status status = hf_slices_distance(error, slices, &points, &own->sliced[t]);
    if (status == HF_OK)
        status = hf_chaos_sinkhorn(error, c, rho, &coarse, &sinkhorn);
    if (status == HF_OK)
        status = hf_chaos_sinkhorn_distance(error, coarse, sinkhorn, &points, &own->sinkhorn[t]);
    if (status == HF_OK)
        status = hf_array_create(error, c->cells, &assigned);
    if (status == HF_OK)
        status = hf_grid_assign(error, c->grid, &points, assigned, &displacement);
    if (status == HF_OK)
        status = hf_sobolev_create(error, c->grid, &sobolev);
    if (status == HF_OK)
        status = hf_sobolev_distance(error, sobolev, assigned, rho, &own->sobolev[t]);
    hf_slices_destroy(&slices);
    hf_sinkhorn_destroy(&sinkhorn);
    hf_grid_destroy(&coarse);
    hf_sobolev_destroy(&sobolev);
    hf_array_destroy(&assigned);
    return status;
}

static hf_status compare_density(hf_error *error, const hf_comparison *c, const hf_flowmap *map, size_t t,
                                 hf_own_errors *own) {
    size_t components;
    hf_problem_components(c->limit->problem, &components);
    size_t each = components < LATTICE ? LATTICE / components : 1, count = each * components;
    double *work;
    HF_TRY(hf_array_create(error, count * (2 * c->dim + 1) + c->cells, &work));
    double *by_point = work + c->dim * count, *mass = by_point + c->dim * count, *rho = mass + count;
    hf_status status = hf_chaos_density(error, c, t, rho);
    if (status == HF_OK)
        status = hf_flowmap_sample(error, map, each, work, mass);
    if (status == HF_OK) {
        transpose(c->dim, count, work, by_point);
        status = measure_lattice(error, c, t, rho, count, work, by_point, mass, own);
    }
    hf_array_destroy(&work);
    return status;
}

static hf_status compare_output(hf_error *error, const hf_comparison *c, hf_flowmap *map, size_t t,
                                double *logits, hf_own_errors *own) {
    hf_flowmap_record record;
    size_t classes = hf_events_classes(c->events);
    double square = 0;
    hf_flowmap_measure(map, &record);
    own->risk[t] = fabs(record.risk - c->limit->risk[t]);
    hf_model_atoms_logits(c->model, hf_flowmap_count(map), hf_flowmap_points(map), hf_flowmap_masses(map),
                          logits);
    for (size_t o = 0; o < c->outputs; o++)
        square +=
            hf_events_weight(c->events, o / classes) * pow(logits[o] - c->logits[t * c->outputs + o], 2);
    own->logit[t] = sqrt(square);
    return compare_density(error, c, map, t, own);
}

/* Through the times of the logits and those of the outputs, in one order. */
static hf_status follow(hf_error *error, const hf_comparison *c, hf_flowmap *map, double *work,
                        hf_own_errors *own) {
    const hf_limit *limit = c->limit;
    double *logits = (double *)own->history.logits;
    size_t kept = 0, t = 0;
    while (kept < limit->history.count || t < limit->times) {
        bool is_output =
            kept == limit->history.count || (t < limit->times && limit->time[t] <= limit->history.time[kept]);
        HF_TRY(hf_flowmap_advance(error, map, is_output ? limit->time[t] : limit->history.time[kept]));
        if (is_output) {
            HF_TRY(compare_output(error, c, map, t++, work, own));
            continue;
        }
        hf_model_atoms_logits(c->model, hf_flowmap_count(map), hf_flowmap_points(map), hf_flowmap_masses(map),
                              logits + kept++ * c->outputs);
    }
    own->history.count = kept;
    return HF_OK;
}

hf_status hf_own_errors_measure(hf_error *error, const hf_comparison *c, hf_own_errors *own) {
    hf_flowmap *map;
    double *work;
    HF_TRY(own_create(error, c, own));
    HF_TRY(hf_flowmap_create(error, c->limit->problem, nodes_by_dimension[c->dim - 1], tolerance, &map));
    if (hf_flowmap_count(map) > NODES_MAX) {
        hf_flowmap_destroy(&map);
        return HF_OK;
    }
    hf_status status = hf_array_create(error, c->outputs, &work);
    if (status == HF_OK)
        status = follow(error, c, map, work, own);
    hf_array_destroy(&work);
    hf_flowmap_destroy(&map);
    return status;
}
