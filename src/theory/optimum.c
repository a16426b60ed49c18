/* The measure of least risk on the box, as a sum of Diracs with a certificate: fully corrective conditional
 * gradients whose atoms move. docs/theory.md (47)-(50). Source: Jaggi 2013 (ICML), algorithm 4; Boyd,
 * Schiebinger and Recht 2017 (SIAM J. Optim. 27), alternating descent.
 *
 * R is convex in the measure, so that the gap bounds R - min R whatever the atoms are. Rounding is the floor
 * of the gap: some 1e-15 times the size of the terms that sum to Psi on the box, where that is above 1. */
#include "theory/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS = 200, ATOMS_FIRST = 8 };

static const double gap_default = 1e-10;
static const double tolerance_first = 1e-2; /* of the bounds of Psi, in the first iteration */
static const double tolerance_share = 1e-1; /* of the gap before, in the others */
static const double tolerance_least = 1e-15;
static const double pressing = 1e-12; /* least slope that holds a coordinate at its wall */

/* ---- a list of atoms ----------------------------------------------------------------------------- */

/* Copy the atoms into arrays of twice the room when there is none for one more. */
static hf_status make_room(hf_error *error, const hf_problem *problem, hf_corrector *c) {
    if (c->atoms.count < c->capacity)
        return HF_OK;
    hf_corrector larger;
    hf_status status = hf_corrector_allocate(error, problem, 2 * c->capacity, &larger);
    if (status != HF_OK) {
        hf_corrector_clear(&larger);
        return status;
    }
    larger.atoms.count = c->atoms.count;
    memcpy(larger.atoms.theta, c->atoms.theta, c->atoms.count * c->atoms.dim * sizeof *c->atoms.theta);
    memcpy(larger.atoms.mass, c->atoms.mass, c->atoms.count * sizeof *c->atoms.mass);
    hf_corrector_clear(c);
    *c = larger;
    return HF_OK;
}

static void drop_massless(hf_atoms *atoms) {
    for (size_t k = atoms->count; k-- > 0;)
        if (atoms->mass[k] == 0)
            hf_atoms_remove(atoms, k);
}

/* The heaviest first, by insertion; angles into the box. */
static void put_in_order(hf_atoms *atoms, const hf_grid *grid) {
    for (size_t k = 0; k < atoms->count; k++)
        for (size_t d = 0; d < atoms->dim; d++) {
            const hf_axis *axis = hf_grid_axis(grid, d);
            double width = axis->upper - axis->lower, *x = &atoms->theta[k * atoms->dim + d];
            if (axis->periodic)
                *x -= width * floor((*x - axis->lower) / width);
            if (axis->periodic && *x >= axis->upper) /* of rounding */
                *x = axis->lower;
        }
    for (size_t k = 1; k < atoms->count; k++) {
        double theta[HF_DIM_MAX], mass = atoms->mass[k];
        size_t to = k;
        memcpy(theta, atoms->theta + k * atoms->dim, atoms->dim * sizeof *theta);
        for (; to > 0 && atoms->mass[to - 1] < mass; to--)
            hf_atoms_put(atoms, to, atoms->theta + (to - 1) * atoms->dim, atoms->mass[to - 1]);
        hf_atoms_put(atoms, to, theta, mass);
    }
}

/* Masses first, since a new atom has none; then all, until no more atoms meet; at last the masses again,
 * which puts all atoms on one level even where the positions have not come to rest. */
static void correct(hf_corrector *c) {
    hf_corrector_descend(c, false);
    drop_massless(&c->atoms);
    do {
        hf_corrector_descend(c, true);
        drop_massless(&c->atoms);
    } while (hf_corrector_merge(c));
    hf_corrector_descend(c, false);
    drop_massless(&c->atoms);
}

/* ---- conditional gradients ----------------------------------------------------------------------- */

/* Bound Psi from below for the atoms as they are; the gap that this proves. */
static hf_status certify(hf_error *error, hf_corrector *c, double tolerance, hf_lowest *lowest, double *gap) {
    put_in_order(&c->atoms, c->grid);
    hf_atomic_place(&c->atomic, c->atoms.count, c->atoms.theta, c->atoms.mass);
    HF_TRY(hf_atomic_lowest(error, &c->atomic, c->grid, tolerance, lowest));
    *gap = 0;
    for (size_t k = 0; k < c->atoms.count; k++)
        *gap += c->atoms.mass[k] * (c->atomic.potential[k] - lowest->bound);
    return HF_OK;
}

/* All mass at the middle of the box. */
static void put_first_atom(hf_corrector *c) {
    c->atoms.count = 1;
    c->atoms.mass[0] = 1;
    for (size_t d = 0; d < c->atoms.dim; d++)
        c->atoms.theta[d] = 0.5 * (hf_grid_axis(c->grid, d)->lower + hf_grid_axis(c->grid, d)->upper);
}

/* Whether the lowest point is below all atoms by more than rounding. */
static bool is_lower(const hf_corrector *c, const hf_lowest *lowest) {
    double least = INFINITY;
    for (size_t k = 0; k < c->atoms.count; k++)
        least = fmin(least, c->atomic.potential[k]);
    return lowest->value < least - hf_atomic_rounding(least);
}

/* Iterate until the gap is what is asked for, or rounding or the number of iterations ends it. */
static hf_status search(hf_error *error, const hf_problem *problem, const hf_optimum_options *options,
                        hf_corrector *c, hf_optimum *out) {
    double least = fmax(0.5 * options->gap, tolerance_least), tolerance = fmax(tolerance_first, least);
    correct(c);
    for (;;) {
        hf_lowest lowest;
        HF_TRY(certify(error, c, tolerance, &lowest, &out->gap));
        out->iterations++;
        out->lowest = lowest.bound;
        if (options->progress != NULL)
            options->progress(options->self, out->iterations, c->atoms.count, c->atomic.risk, out->gap);
        bool lower = is_lower(c, &lowest);
        if (out->gap <= options->gap || out->iterations == options->iterations ||
            (!lower && tolerance <= least))
            return HF_OK;
        tolerance = lower ? fmin(fmax(tolerance_share * out->gap, least), tolerance) : least;
        if (lower) {
            HF_TRY(make_room(error, problem, c));
            hf_atoms_put(&c->atoms, c->atoms.count++, lowest.theta, 0);
            correct(c);
        }
    }
}

/* ---- the result ---------------------------------------------------------------------------------- */

/* Which wall holds a coordinate at x where the potential has this slope: one that the gap does not explain.
 */
static int holding_wall(const hf_axis *axis, double x, double slope, double gap) {
    double least = fmax(pressing, gap / (axis->upper - axis->lower));
    if (axis->periodic)
        return 0;
    return x <= axis->lower && slope > least ? -1 : x >= axis->upper && slope < -least ? 1 : 0;
}

/* What there is to say of the atoms as they were placed last. */
static hf_status describe(hf_error *error, const hf_corrector *c, hf_optimum *out) {
    const hf_atomic *a = &c->atomic;
    size_t n = c->atoms.count, D = c->atoms.dim;
    HF_TRY(hf_atoms_allocate(error, n, D, &out->atoms));
    HF_TRY(hf_array_create(error, n, &out->excess));
    HF_TRY(hf_array_create(error, n * D, &out->slope));
    HF_TRY(hf_allocate(error, n * D, sizeof *out->wall, &out->wall));
    HF_TRY(hf_array_create(error, a->outputs, &out->logits));
    memcpy(out->atoms.theta, c->atoms.theta, n * D * sizeof *out->atoms.theta);
    memcpy(out->atoms.mass, c->atoms.mass, n * sizeof *out->atoms.mass);
    memcpy(out->slope, a->gradient, n * D * sizeof *out->slope);
    memcpy(out->logits, a->logits, a->outputs * sizeof *out->logits);
    out->risk = a->risk;
    for (size_t k = 0; k < n; k++) {
        out->excess[k] = a->potential[k] - out->lowest;
        for (size_t d = 0; d < D; d++) {
            size_t i = k * D + d;
            out->wall[i] =
                holding_wall(hf_grid_axis(c->grid, d), out->atoms.theta[i], out->slope[i], out->gap);
            out->wall_limited = out->wall_limited || out->wall[i] != 0;
        }
    }
    return HF_OK;
}

hf_status hf_optimum_run(hf_error *error, const hf_problem *problem, const hf_optimum_options *options,
                         hf_optimum *out) {
    hf_optimum_options own = options != NULL ? *options : (hf_optimum_options){0};
    hf_corrector c;
    *out = (hf_optimum){0};
    if (hf_problem_temperature(problem) > 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "the temperature is %g; the least risk over measures is for temperature 0",
                        hf_problem_temperature(problem));
    own.gap = own.gap > 0 ? own.gap : gap_default;
    own.iterations = own.iterations > 0 ? own.iterations : ITERATIONS;
    hf_status status = hf_corrector_allocate(error, problem, ATOMS_FIRST, &c);
    if (status == HF_OK) {
        put_first_atom(&c);
        status = search(error, problem, &own, &c, out);
    }
    if (status == HF_OK)
        status = describe(error, &c, out);
    hf_corrector_clear(&c);
    if (status == HF_OK && !(out->gap <= own.gap))
        return hf_raise(error, HF_ERR_NUMERIC,
                        "the gap of the risk is %.3g after %zu iterations; %.3g was asked for", out->gap,
                        out->iterations, own.gap);
    return status;
}

void hf_optimum_clear(hf_optimum *optimum) {
    hf_atoms_clear(&optimum->atoms);
    hf_array_destroy(&optimum->excess);
    hf_array_destroy(&optimum->slope);
    hf_array_destroy(&optimum->logits);
    free(optimum->wall);
    *optimum = (hf_optimum){0};
}
