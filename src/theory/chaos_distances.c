/* Heads against the density: marginals at all times, distances in all coordinates at snapshots.
 * docs/theory.md, section 10. */
#include "base/parallel.h"
#include "theory/chaos.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SINKHORN_CELLS = 4096 };

/* A density prepared for the distances to many clouds. */
typedef struct prepared {
    double *marginal[HF_DIM_MAX];
    hf_slices *slices;
    double *atoms, *atom_mass; /* for the exact W2: shapes (most, D), (most) */
    size_t atom_count;
    hf_grid *coarse; /* for Sinkhorn */
    hf_sinkhorn *sinkhorn;
    hf_sobolev *sobolev;
    double quantised; /* bound of W2 between density and atoms */
    const double *rho;
} prepared;

static void release(prepared *p) {
    for (size_t d = 0; d < HF_DIM_MAX; d++)
        hf_array_destroy(&p->marginal[d]);
    hf_slices_destroy(&p->slices);
    hf_array_destroy(&p->atoms);
    hf_array_destroy(&p->atom_mass);
    hf_sinkhorn_destroy(&p->sinkhorn);
    hf_grid_destroy(&p->coarse);
    hf_sobolev_destroy(&p->sobolev);
}

static hf_status prepare_marginals(hf_error *error, const hf_comparison *c, prepared *p) {
    for (size_t d = 0; d < c->dim; d++) {
        HF_TRY(hf_array_create(error, hf_grid_axis(c->grid, d)->cells, &p->marginal[d]));
        hf_grid_marginal(c->grid, p->rho, d, p->marginal[d]);
    }
    return HF_OK;
}

/* As many cells together as bring the grid below SINKHORN_CELLS. */
static hf_status coarsen(hf_error *error, const hf_comparison *c, hf_grid **coarse) {
    size_t factor[HF_DIM_MAX] = {1, 1, 1, 1}, cells = c->cells;
    while (cells > SINKHORN_CELLS) {
        size_t widest = c->dim, most = 0;
        for (size_t d = 0; d < c->dim; d++) {
            size_t n = hf_grid_axis(c->grid, d)->cells / factor[d];
            if (n % 2 == 0 && n >= 2 * HF_CELLS_MIN && n > most) {
                widest = d;
                most = n;
            }
        }
        if (widest == c->dim)
            break;
        factor[widest] *= 2;
        cells /= 2;
    }
    return hf_grid_coarsen(error, c->grid, factor, coarse);
}

static double largest_spacing(const hf_grid *grid) {
    double h = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        h = fmax(h, hf_grid_spacing(grid, d));
    return h;
}

hf_status hf_chaos_sinkhorn(hf_error *error, const hf_comparison *c, const double *rho, hf_grid **coarse,
                            hf_sinkhorn **sinkhorn) {
    *coarse = NULL;
    HF_TRY(coarsen(error, c, coarse));
    hf_sinkhorn_options options = {.epsilon = c->options->epsilon};
    if (!(options.epsilon > 0))
        options.epsilon = pow(largest_spacing(*coarse), 2);
    c->chaos->epsilon = options.epsilon;
    double *mass;
    HF_TRY(hf_array_create(error, hf_grid_cells(*coarse), &mass));
    hf_grid_gather(c->grid, rho, *coarse, mass);
    hf_status status = hf_sinkhorn_create(error, *coarse, &options, mass, sinkhorn);
    hf_array_destroy(&mass);
    return status;
}

static hf_status prepare_joint(hf_error *error, const hf_comparison *c, size_t heads, prepared *p) {
    size_t most = c->options->pairs / heads;
    most = most < 2 ? 2 : most > c->cells ? c->cells : most;
    HF_TRY(hf_slices_create(error, c->grid, p->rho, HF_CHAOS_SLICES, &p->slices));
    HF_TRY(hf_array_create(error, most * c->dim, &p->atoms));
    HF_TRY(hf_array_create(error, most, &p->atom_mass));
    HF_TRY(hf_grid_quantise(error, c->grid, p->rho, most, p->atoms, p->atom_mass, &p->atom_count,
                            &p->quantised));
    HF_TRY(hf_chaos_sinkhorn(error, c, p->rho, &p->coarse, &p->sinkhorn));
    return hf_sobolev_create(error, c->grid, &p->sobolev);
}

hf_status hf_chaos_density(hf_error *error, const hf_comparison *c, size_t time, double *rho) {
    HF_TRY(c->limit->density(error, c->limit->self, time, rho));
    c->chaos->negative_mass = fmax(c->chaos->negative_mass, hf_grid_negative_mass(c->grid, rho));
    return hf_grid_make_positive(error, c->grid, rho);
}

/* ---- one member ---------------------------------------------------------------------------------- */

static hf_status measure_marginals(hf_error *error, const hf_comparison *c, const hf_group *g,
                                   const prepared *p, size_t seed, size_t t, const double *theta) {
    size_t heads = g->trained->ensemble.heads;
    double *x;
    HF_TRY(hf_array_create(error, heads, &x));
    hf_status status = HF_OK;
    for (size_t d = 0; d < c->dim && status == HF_OK; d++) {
        for (size_t i = 0; i < heads; i++)
            x[i] = theta[i * c->dim + d];
        for (int power = 1; power <= 2 && status == HF_OK; power++)
            status = hf_wasserstein(
                error, hf_grid_axis(c->grid, d), power, p->marginal[d], &(hf_points){heads, x, NULL},
                &hf_chaos_values(c, g->out, HF_MARGINALS + 2 * d + (size_t)power - 1, t)[seed]);
    }
    hf_array_destroy(&x);
    return status;
}

hf_status hf_chaos_sinkhorn_distance(hf_error *error, const hf_grid *coarse, const hf_sinkhorn *sinkhorn,
                                     const hf_points *points, double *distance) {
    double *mass, displacement;
    HF_TRY(hf_array_create(error, hf_grid_cells(coarse), &mass));
    hf_status status = hf_grid_assign(error, coarse, points, mass, &displacement);
    if (status == HF_OK)
        status = hf_sinkhorn_distance(error, sinkhorn, mass, distance);
    hf_array_destroy(&mass);
    return status;
}

static hf_status measure_sobolev(hf_error *error, const hf_comparison *c, const prepared *p,
                                 const hf_points *points, double *value) {
    double *mass, displacement;
    HF_TRY(hf_array_create(error, c->cells, &mass));
    hf_status status = hf_grid_assign(error, c->grid, points, mass, &displacement);
    if (status == HF_OK)
        status = hf_sobolev_distance(error, p->sobolev, mass, p->rho, value);
    hf_array_destroy(&mass);
    return status;
}

static hf_status measure_joint(hf_error *error, const hf_comparison *c, const hf_group *g, const prepared *p,
                               size_t seed, size_t t, const double *theta) {
    size_t first = HF_MARGINALS + 2 * c->dim;
    hf_points points = {g->trained->ensemble.heads, theta, NULL};
    hf_points atoms = {p->atom_count, p->atoms, p->atom_mass};
    double *value[HF_JOINT], gap;
    for (size_t k = 0; k < HF_JOINT; k++)
        value[k] = &hf_chaos_values(c, g->out, first + k, t)[seed];
    HF_TRY(hf_slices_distance(error, p->slices, &points, value[0]));
    if (c->dim == 1) /* exact by quantiles, without atoms */
        *value[1] = hf_chaos_values(c, g->out, HF_MARGINALS + 1, t)[seed];
    else
        HF_TRY(hf_wasserstein2_exact(error, c->grid, &points, &atoms, value[1], &gap));
    HF_TRY(hf_chaos_sinkhorn_distance(error, p->coarse, p->sinkhorn, &points, value[2]));
    return measure_sobolev(error, c, p, &points, value[3]);
}

/* ---- one time ------------------------------------------------------------------------------------ */

/* The heads of an ensemble at one of its times, before the density at that time. */
typedef struct moment {
    hf_group *group;
    size_t k;
    prepared density;
} moment;

static hf_status measure_seed(hf_error *error, void *self, size_t seed) {
    const moment *m = self;
    const hf_group *g = m->group;
    const hf_comparison *c = g->comparison;
    size_t t = g->at[m->k], size = g->trained->ensemble.heads * c->dim;
    const double *theta = g->theta + (seed * g->trained->times + m->k) * size;
    HF_TRY(measure_marginals(error, c, g, &m->density, seed, t, theta));
    return c->snapshot[t] ? measure_joint(error, c, g, &m->density, seed, t, theta) : HF_OK;
}

static void note_own_errors(const moment *m) {
    const hf_group *g = m->group;
    const hf_comparison *c = g->comparison;
    size_t t = g->at[m->k], times = c->chaos->times;
    for (size_t q = 0; q < 2 * c->dim; q++)
        g->out->own_error[(HF_MARGINALS + q) * times + t] = c->own.distance[q * times + t];
    if (c->snapshot[t]) {
        double *joint = g->out->own_error + (HF_MARGINALS + 2 * c->dim) * times + t;
        joint[0] = c->own.sliced[t];
        joint[times] = c->dim == 1 ? c->own.distance[times + t] : m->density.quantised;
        joint[2 * times] = c->own.sinkhorn[t];
        joint[3 * times] = c->own.sobolev[t];
    }
}

static hf_status measure_time(hf_error *error, hf_group *g, size_t k, const double *rho) {
    const hf_comparison *c = g->comparison;
    moment m = {.group = g, .k = k, .density = {.rho = rho}};
    hf_status status = prepare_marginals(error, c, &m.density);
    if (status == HF_OK && c->snapshot[g->at[k]])
        status = prepare_joint(error, c, g->trained->ensemble.heads, &m.density);
    if (status == HF_OK)
        status = hf_parallel_each(error, g->trained->seeds, measure_seed, &m);
    if (status == HF_OK)
        note_own_errors(&m);
    release(&m.density);
    return status;
}

hf_status hf_chaos_measure_distances(hf_error *error, hf_group *g) {
    const hf_comparison *c = g->comparison;
    double *rho;
    HF_TRY(hf_array_create(error, c->cells, &rho));
    hf_status status = HF_OK;
    for (size_t k = 0; k < g->trained->times && status == HF_OK; k++) {
        status = hf_chaos_density(error, c, g->at[k], rho);
        if (status == HF_OK)
            status = measure_time(error, g, k, rho);
    }
    hf_array_destroy(&rho);
    return status;
}
