/* The groups of a late density. docs/theory.md (58).
 *
 * Where a flow comes to rest its potential hardly changes any more, and the mass at a point goes where the
 * point's path down the potential ends. So a group is the mass in the basin of one local minimum of Psi_rho.
 * Peaks of the density are a poorer guide: they are made by the scheme, along every ridge of mass. */
#include "theory/stationary.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Groups of less mass are fringes of others: what a scheme leaves behind about saddles. */
static const double fringe = 1e-3;

/* Groups whose atoms are nearer, in cells along every axis, are one. */
static const double close_by = 3;

/* One minimum that mass goes to; mean and distances on an angle are those of docs/theory.md (17). */
typedef struct group {
    double mass;
    double first[HF_DIM_MAX], second[HF_DIM_MAX]; /* int x dmu; on an angle int sin, int cos */
    double atom[HF_DIM_MAX];
    size_t joined; /* the group that it has become part of; itself, if none */
} group;

typedef struct concentration {
    const hf_grid *grid;
    size_t dim, cells, count;
    double *psi;    /* shape (cells) */
    size_t *end;    /* where the path of a cell ends; shape (cells) */
    size_t *number; /* the group of a cell where paths end; shape (cells) */
    group *groups;  /* shape (count) */
} concentration;

/* ---- paths down the potential -------------------------------------------------------------------- */

/* The neighbour `step` (base 3: -1, 0, 1 along each axis) of a cell, and how far away it is. False beyond a
 * wall. */
static bool find_neighbour(const hf_grid *grid, size_t cell, size_t step, size_t *neighbour,
                           double *distance) {
    double square = 0;
    *neighbour = cell;
    for (size_t d = 0; d < hf_grid_dim(grid); d++, step /= 3) {
        const hf_axis *axis = hf_grid_axis(grid, d);
        size_t stride = hf_grid_stride(grid, d), i = cell / stride % axis->cells;
        size_t j = i + step % 3; /* one too many */
        if (!axis->periodic && (j == 0 || j > axis->cells))
            return false;
        *neighbour = *neighbour - i * stride + (j + axis->cells - 1) % axis->cells * stride;
        square += step % 3 == 1 ? 0 : pow(hf_grid_spacing(grid, d), 2);
    }
    *distance = sqrt(square);
    return *neighbour != cell;
}

/* The neighbour to which the potential falls most steeply; the cell itself where it falls to none. */
static size_t next_down(const concentration *c, size_t cell, size_t steps) {
    size_t next = cell, neighbour;
    double steepest = 0, distance;
    for (size_t step = 0; step < steps; step++)
        if (find_neighbour(c->grid, cell, step, &neighbour, &distance) &&
            (c->psi[cell] - c->psi[neighbour]) / distance > steepest) {
            steepest = (c->psi[cell] - c->psi[neighbour]) / distance;
            next = neighbour;
        }
    return next;
}

/* c->end, for every cell. */
static void follow_paths(concentration *c) {
    size_t steps = 1;
    for (size_t d = 0; d < c->dim; d++)
        steps *= 3;
    for (size_t i = 0; i < c->cells; i++)
        c->end[i] = next_down(c, i, steps);
    for (size_t i = 0; i < c->cells; i++) {
        size_t bottom = i, next;
        while (c->end[bottom] != bottom)
            bottom = c->end[bottom];
        for (size_t j = i; c->end[j] != bottom; j = next) { /* shorter ways for those to come */
            next = c->end[j];
            c->end[j] = bottom;
        }
    }
}

/* ---- groups -------------------------------------------------------------------------------------- */

static void add(const hf_grid *grid, group *g, const double *theta, double mass) {
    g->mass += mass;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        bool periodic = hf_grid_axis(grid, d)->periodic;
        g->first[d] += mass * (periodic ? sin(theta[d]) : theta[d]);
        g->second[d] += mass * (periodic ? cos(theta[d]) : 1);
    }
}

static void find_mean(const hf_grid *grid, group *g) {
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        g->atom[d] =
            hf_grid_axis(grid, d)->periodic ? atan2(g->first[d], g->second[d]) : g->first[d] / g->second[d];
}

static double square_distance(const hf_grid *grid, const double *a, const double *b) {
    double sum = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        sum += pow(hf_axis_difference(hf_grid_axis(grid, d), a[d], b[d]), 2);
    return sum;
}

static bool are_close(const hf_grid *grid, const double *a, const double *b) {
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (fabs(hf_axis_difference(hf_grid_axis(grid, d), a[d], b[d])) > close_by * hf_grid_spacing(grid, d))
            return false;
    return true;
}

/* One group for every cell where paths of mass end. */
static hf_status collect(hf_error *error, concentration *c, const double *rho) {
    for (size_t i = 0; i < c->cells; i++)
        c->number[i] = SIZE_MAX;
    c->count = 0;
    for (size_t i = 0; i < c->cells; i++)
        if (rho[i] > 0 && c->number[c->end[i]] == SIZE_MAX)
            c->number[c->end[i]] = c->count++;
    HF_TRY(hf_allocate(error, c->count > 0 ? c->count : 1, sizeof *c->groups, &c->groups));
    for (size_t i = 0; i < c->cells; i++)
        if (rho[i] > 0) {
            double theta[HF_DIM_MAX];
            hf_grid_centers(c->grid, i, theta);
            add(c->grid, &c->groups[c->number[c->end[i]]], theta, rho[i]);
        }
    return HF_OK;
}

/* Make group `a` part of group `b`. */
static void join(concentration *c, size_t a, size_t b) {
    group *from = &c->groups[a], *to = &c->groups[b];
    to->mass += from->mass;
    for (size_t d = 0; d < c->dim; d++) {
        to->first[d] += from->first[d];
        to->second[d] += from->second[d];
    }
    from->joined = b;
    find_mean(c->grid, to);
}

static bool is_alive(const concentration *c, size_t i) {
    return c->groups[i].joined == i;
}

static size_t nearest(const concentration *c, size_t i) {
    size_t best = i;
    double least = INFINITY;
    for (size_t j = 0; j < c->count; j++) {
        double square = square_distance(c->grid, c->groups[i].atom, c->groups[j].atom);
        if (j != i && is_alive(c, j) && square < least) {
            least = square;
            best = j;
        }
    }
    return best;
}

/* Fringes to their nearest group, the last of them excepted when there is no other. */
static void join_fringes(concentration *c, double mass) {
    for (size_t i = 0; i < c->count; i++)
        if (c->groups[i].mass < fringe * mass) {
            size_t other = nearest(c, i);
            if (other != i)
                join(c, i, other);
        }
}

/* Groups that are close, once; whether there were any. */
static bool join_close(concentration *c) {
    bool any = false;
    for (size_t i = 0; i < c->count; i++)
        for (size_t j = 0; j < i && is_alive(c, i); j++)
            if (is_alive(c, j) && are_close(c->grid, c->groups[i].atom, c->groups[j].atom)) {
                join(c, i, j);
                any = true;
            }
    return any;
}

/* The group that mass in a cell is part of. */
static size_t group_of(const concentration *c, size_t cell) {
    size_t i = c->number[c->end[cell]];
    while (!is_alive(c, i))
        i = c->groups[i].joined;
    return i;
}

static hf_status find_groups(hf_error *error, concentration *c, const double *rho) {
    double mass = 0;
    HF_TRY(collect(error, c, rho));
    for (size_t i = 0; i < c->count; i++) {
        c->groups[i].joined = i;
        find_mean(c->grid, &c->groups[i]);
        mass += c->groups[i].mass;
    }
    join_fringes(c, mass);
    while (join_close(c)) {
    }
    return HF_OK;
}

/* ---- atoms --------------------------------------------------------------------------------------- */

static int by_mass(const void *left, const void *right) {
    const group *a = left, *b = right;
    return (a->mass < b->mass) - (a->mass > b->mass);
}

/* Mean square distance to the groups' atoms, of a density that is constant in each cell where it is one of
 * cell means. */
static double mean_square(const concentration *c, hf_sampling sampling, const double *rho) {
    double sum = 0, mass = 0, theta[HF_DIM_MAX];
    for (size_t i = 0; i < c->cells; i++)
        if (rho[i] > 0) {
            hf_grid_centers(c->grid, i, theta);
            sum += rho[i] * square_distance(c->grid, theta, c->groups[group_of(c, i)].atom);
            mass += rho[i];
        }
    sum /= mass;
    for (size_t d = 0; d < c->dim; d++)
        sum += hf_grid_cell_variance(c->grid, d, sampling);
    return sum;
}

/* Sorts the groups: the cells lose theirs. */
static hf_status make_atoms(hf_error *error, concentration *c, hf_atoms *atoms) {
    size_t alive = 0;
    double mass = 0;
    for (size_t i = 0; i < c->count; i++)
        if (is_alive(c, i)) {
            mass += c->groups[i].mass;
            c->groups[alive++] = c->groups[i];
        }
    qsort(c->groups, alive, sizeof *c->groups, by_mass);
    HF_TRY(hf_atoms_allocate(error, alive, c->dim, atoms));
    for (size_t i = 0; i < alive; i++) {
        memcpy(atoms->theta + i * c->dim, c->groups[i].atom, c->dim * sizeof *atoms->theta);
        atoms->mass[i] = c->groups[i].mass / mass;
    }
    return HF_OK;
}

static hf_status find_potential(hf_error *error, const hf_problem *problem, const double *rho, double *psi) {
    hf_flow *flow;
    HF_TRY(hf_flow_create(error, problem, &flow));
    hf_flow_potential(flow, rho, psi);
    hf_flow_destroy(&flow);
    return HF_OK;
}

static hf_status concentrate(hf_error *error, const hf_problem *problem, const double *rho, concentration *c,
                             hf_atoms *atoms, double *spread) {
    HF_TRY(hf_array_create(error, c->cells, &c->psi));
    HF_TRY(hf_allocate(error, c->cells, sizeof *c->end, &c->end));
    HF_TRY(hf_allocate(error, c->cells, sizeof *c->number, &c->number));
    HF_TRY(find_potential(error, problem, rho, c->psi));
    follow_paths(c);
    HF_TRY(find_groups(error, c, rho));
    *spread = sqrt(mean_square(c, hf_problem_sampling(problem), rho));
    return make_atoms(error, c, atoms);
}

static hf_status check_density(hf_error *error, size_t cells, const double *rho) {
    double mass = 0;
    for (size_t i = 0; i < cells; i++) {
        if (!isfinite(rho[i]))
            return hf_raise(error, HF_ERR_INPUT, "the density is %g in cell %zu; expected a finite number",
                            rho[i], i);
        mass += fmax(rho[i], 0);
    }
    return mass > 0 ? HF_OK : hf_raise(error, HF_ERR_INPUT, "the density has no mass");
}

hf_status hf_concentration(hf_error *error, const hf_problem *problem, const double *rho, hf_atoms *atoms,
                           double *spread) {
    const hf_grid *grid = hf_problem_grid(problem);
    concentration c = {.grid = grid, .dim = hf_grid_dim(grid), .cells = hf_grid_cells(grid)};
    *atoms = (hf_atoms){0};
    *spread = 0;
    HF_TRY(check_density(error, c.cells, rho));
    hf_status status = concentrate(error, problem, rho, &c, atoms, spread);
    hf_array_destroy(&c.psi);
    free(c.end);
    free(c.number);
    free(c.groups);
    if (status != HF_OK)
        hf_atoms_clear(atoms);
    return status;
}
