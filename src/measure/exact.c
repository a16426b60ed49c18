/* W2 of two clouds of points by the network simplex. docs/theory.md (22).
 *
 * The simplex works on integers: masses in units of 2^-60, squared distances in units of 2^-59 (na + nb) of
 * the largest. Its plan and its potentials are then valued with the squared distances themselves; the
 * potentials are made feasible first, v_j = min_i (c_ij - u_i) and u_i = min_j (c_ij - v_j), so that the gap
 * is that of the problem as posed. */
#include "measure/lemon.h"
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

static const double pairs_max = 1 << 30; /* LEMON counts arcs with int */

typedef struct problem {
    size_t na, nb;
    int64_t *supply, *demand; /* shapes (na), (nb) */
    int64_t *cost, *flow;     /* shape (na, nb) */
    int64_t *potential;       /* shape (na + nb) */
    double *squared, *u, *v;  /* shapes (na, nb), (na), (nb) */
} problem;

static hf_status problem_create(hf_error *error, size_t na, size_t nb, problem *p) {
    *p = (problem){.na = na, .nb = nb};
    if ((double)na * (double)nb >= pairs_max)
        return hf_raise(error, HF_ERR_INPUT, "%zu x %zu points; expected fewer than 2^30 pairs", na, nb);
    HF_TRY(hf_allocate(error, na, sizeof *p->supply, &p->supply));
    HF_TRY(hf_allocate(error, nb, sizeof *p->demand, &p->demand));
    HF_TRY(hf_allocate(error, na * nb, sizeof *p->cost, &p->cost));
    HF_TRY(hf_allocate(error, na * nb, sizeof *p->flow, &p->flow));
    HF_TRY(hf_allocate(error, na + nb, sizeof *p->potential, &p->potential));
    HF_TRY(hf_array_create(error, na * nb, &p->squared));
    HF_TRY(hf_array_create(error, na, &p->u));
    return hf_array_create(error, nb, &p->v);
}

static void problem_free(problem *p) {
    free(p->supply);
    free(p->demand);
    free(p->cost);
    free(p->flow);
    free(p->potential);
    hf_array_destroy(&p->squared);
    hf_array_destroy(&p->u);
    hf_array_destroy(&p->v);
}

/* ---- in integers --------------------------------------------------------------------------------------- */

/* The heaviest takes what rounding leaves. */
static hf_status scale_masses(hf_error *error, const hf_points *points, int64_t *units) {
    double total;
    size_t heaviest = 0;
    int64_t left = INT64_C(1) << 60;
    HF_TRY(hf_mass_total(error, "points", points->count, points->mass, &total));
    for (size_t i = 0; i < points->count; i++) {
        units[i] = llrint(ldexp((points->mass == NULL ? 1 : points->mass[i]) / total, 60));
        left -= units[i];
        heaviest = units[i] > units[heaviest] ? i : heaviest;
    }
    units[heaviest] += left;
    return HF_OK;
}

static void fill_squared(const hf_grid *grid, const hf_points *a, const hf_points *b, double *squared) {
    size_t dim = hf_grid_dim(grid);
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            for (size_t d = 0; d < dim; d++) {
                double x =
                    hf_axis_difference(hf_grid_axis(grid, d), a->theta[i * dim + d], b->theta[j * dim + d]);
                squared[i * b->count + j] += x * x;
            }
}

/* Returns the unit. */
static double scale_costs(problem *p) {
    double highest = 0;
    for (size_t k = 0; k < p->na * p->nb; k++)
        highest = fmax(highest, p->squared[k]);
    double unit = highest > 0 ? ldexp(highest * (double)(p->na + p->nb), -59) : 1;
    for (size_t k = 0; k < p->na * p->nb; k++)
        p->cost[k] = llrint(p->squared[k] / unit);
    return unit;
}

/* ---- in double precision ------------------------------------------------------------------------------- */

static double plan_value(const problem *p) {
    double sum = 0;
    for (size_t k = 0; k < p->na * p->nb; k++)
        if (p->flow[k] > 0)
            sum += ldexp((double)p->flow[k], -60) * p->squared[k];
    return sum;
}

/* Potentials are sought up to a constant: that of the heaviest point is 0, so that no digits are lost. */
static double dual_value(problem *p, double unit) {
    size_t heaviest = 0;
    double sum = 0;
    for (size_t i = 0; i < p->na; i++)
        heaviest = p->supply[i] > p->supply[heaviest] ? i : heaviest;
    for (size_t i = 0; i < p->na; i++)
        p->u[i] = unit * (double)(p->potential[heaviest] - p->potential[i]);
    for (size_t j = 0; j < p->nb; j++)
        p->v[j] = INFINITY;
    for (size_t i = 0; i < p->na; i++)
        for (size_t j = 0; j < p->nb; j++)
            p->v[j] = fmin(p->v[j], p->squared[i * p->nb + j] - p->u[i]);
    for (size_t i = 0; i < p->na; i++) {
        p->u[i] = INFINITY;
        for (size_t j = 0; j < p->nb; j++)
            p->u[i] = fmin(p->u[i], p->squared[i * p->nb + j] - p->v[j]);
        sum += ldexp((double)p->supply[i], -60) * p->u[i];
    }
    for (size_t j = 0; j < p->nb; j++)
        sum += ldexp((double)p->demand[j], -60) * p->v[j];
    return sum;
}

static hf_status solve(hf_error *error, const hf_grid *grid, const hf_points *a, const hf_points *b,
                       problem *p, double *distance, double *gap) {
    HF_TRY(problem_create(error, a->count, b->count, p));
    HF_TRY(scale_masses(error, a, p->supply));
    HF_TRY(scale_masses(error, b, p->demand));
    fill_squared(grid, a, b, p->squared);
    double unit = scale_costs(p);
    HF_TRY(hf_lemon_transport(error, p->na, p->supply, p->nb, p->demand, p->cost, p->flow, p->potential));
    double value = plan_value(p);
    *distance = sqrt(value);
    *gap = value - dual_value(p, unit);
    return HF_OK;
}

hf_status hf_wasserstein2_exact(hf_error *error, const hf_grid *grid, const hf_points *a, const hf_points *b,
                                double *distance, double *gap) {
    problem p;
    HF_TRY(hf_points_check(error, hf_grid_dim(grid), a));
    HF_TRY(hf_points_check(error, hf_grid_dim(grid), b));
    hf_status status = solve(error, grid, a, b, &p, distance, gap);
    problem_free(&p);
    return status;
}
