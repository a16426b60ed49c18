/* Masses and positions of atoms to a minimum of R by a projected Newton method: a quadratic model, made
 * positive definite, is minimised under the bounds by an active set, and R must fall along the step.
 * Quadratic where the minimum is not degenerate. docs/theory.md (47)-(50). Source: Nocedal and Wright 2006,
 * algorithms 3.2 and 3.3 and section 16.5; full steps before the line search: Grippo, Lampariello and Lucidi
 * 1986 (watchdog).
 *
 * Positions are scaled by width / sqrt(mass): light atoms move as easily as heavy ones. */
#include "theory/weights.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 200, LEAPS = 3, IDLE_MAX = 4, HALVINGS_MAX = 50 };

static const double ridge_least = 1e-13; /* added to the Hessian, relative to its largest diagonal entry */
static const double sufficient = 1e-4;   /* of Armijo */
static const double reach_least = 1e-9;  /* in widths of the box */
static const double near = 0.05;         /* atoms so close, in widths of the box, may be merged */

/* ---- the quadratic program ----------------------------------------------------------------------- */

static hf_status quadratic_allocate(hf_error *error, size_t m, hf_quadratic *q) {
    HF_TRY(hf_allocate(error, m, sizeof *q->mass, &q->mass));
    HF_TRY(hf_allocate(error, m, sizeof *q->held, &q->held));
    HF_TRY(hf_allocate(error, m, sizeof *q->free, &q->free));
    HF_TRY(hf_array_create(error, m, &q->gradient));
    HF_TRY(hf_array_create(error, m, &q->lower));
    HF_TRY(hf_array_create(error, m, &q->upper));
    HF_TRY(hf_array_create(error, m, &q->step));
    HF_TRY(hf_array_create(error, m, &q->slope));
    HF_TRY(hf_array_create(error, m, &q->target));
    HF_TRY(hf_array_create(error, m, &q->ones));
    HF_TRY(hf_array_create(error, m * m, &q->matrix));
    return hf_array_create(error, m * m, &q->factor);
}

static void quadratic_clear(hf_quadratic *q) {
    free(q->mass);
    free(q->held);
    free(q->free);
    hf_array_destroy(&q->gradient);
    hf_array_destroy(&q->lower);
    hf_array_destroy(&q->upper);
    hf_array_destroy(&q->step);
    hf_array_destroy(&q->slope);
    hf_array_destroy(&q->target);
    hf_array_destroy(&q->ones);
    hf_array_destroy(&q->matrix);
    hf_array_destroy(&q->factor);
}

/* Cholesky's factor of a symmetric matrix in place, in the lower triangle; false where a pivot is not above
 * `least`. a: shape (m, m) */
static bool factorise(size_t m, double *a, double least) {
    for (size_t j = 0; j < m; j++) {
        double *row = a + j * m;
        double pivot = row[j] - cblas_ddot((int)j, row, 1, row, 1);
        if (!(pivot > least))
            return false;
        row[j] = sqrt(pivot);
        for (size_t i = j + 1; i < m; i++)
            a[i * m + j] = (a[i * m + j] - cblas_ddot((int)j, a + i * m, 1, row, 1)) / row[j];
    }
    return true;
}

static void solve(size_t m, const double *factor, double *x) {
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)m, factor, (int)m, x, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, (int)m, factor, (int)m, x, 1);
}

/* Make B positive definite: add a multiple of the identity, the least of a geometric series that does it. */
static void make_definite(hf_quadratic *q) {
    size_t m = q->count;
    double top = 0, added = 0;
    for (size_t i = 0; i < m; i++)
        top = fmax(top, fabs(q->matrix[i * m + i]));
    double least = top > 0 ? ridge_least * top : 1;
    bool definite = false;
    for (double sum = least; !definite && sum < INFINITY; sum *= 10) {
        for (size_t i = 0; i < m; i++)
            q->matrix[i * m + i] += sum - added;
        added = sum;
        memcpy(q->factor, q->matrix, m * m * sizeof *q->factor);
        definite = factorise(m, q->factor, 0.5 * least);
    }
}

/* The step from d that minimises over the free variables: B p + slope + multiplier = 0, the multiplier for
 * masses alone. */
static void minimise_free(hf_quadratic *q) {
    size_t m = q->count, n = 0;
    for (size_t i = 0; i < m; i++)
        if (!q->held[i])
            q->free[n++] = i;
    double *p = q->target, *u = q->ones, sum_p = 0, sum_u = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            q->factor[i * n + j] = q->matrix[q->free[i] * m + q->free[j]];
        p[i] = -q->slope[q->free[i]];
        u[i] = q->mass[q->free[i]];
    }
    factorise(n, q->factor, 0);
    solve(n, q->factor, p);
    solve(n, q->factor, u);
    for (size_t i = 0; i < n; i++)
        if (q->mass[q->free[i]]) {
            sum_p += p[i];
            sum_u += u[i];
        }
    for (size_t i = 0; i < n; i++)
        p[i] -= sum_p / sum_u * u[i];
    for (size_t i = n; i-- > 0;) /* scatter from behind: free[i] >= i */
        p[q->free[i]] = p[i];
    for (size_t i = 0; i < m; i++)
        if (q->held[i])
            p[i] = 0;
}

/* Go along the target as far as the bounds let, and hold the variable that meets its bound first; returns
 * whether there was one. */
static bool advance(hf_quadratic *q) {
    size_t first = q->count;
    double t = 1;
    for (size_t i = 0; i < q->count; i++) {
        double bound = q->target[i] < 0 ? q->lower[i] : q->upper[i];
        if (q->target[i] != 0 && (bound - q->step[i]) / q->target[i] < t) {
            t = fmax((bound - q->step[i]) / q->target[i], 0);
            first = i;
        }
    }
    cblas_daxpy((int)q->count, t, q->target, 1, q->step, 1);
    if (first == q->count)
        return false;
    q->held[first] = true;
    q->step[first] = q->target[first] < 0 ? q->lower[first] : q->upper[first];
    return true;
}

/* Descend from d = 0 to the least point of the face of the bounds that is met on the way. No bound is let go
 * of: the next program begins without those that do not hold. */
static void quadratic_solve(hf_quadratic *q) {
    int m = (int)q->count;
    memset(q->step, 0, q->count * sizeof *q->step);
    do {
        memcpy(q->slope, q->gradient, q->count * sizeof *q->slope);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, m, m, 1, q->matrix, m, q->step, 1, 1, q->slope, 1);
        minimise_free(q);
    } while (advance(q));
}

/* ---- the quadratic model about the atoms --------------------------------------------------------- */

hf_status hf_corrector_allocate(hf_error *error, const hf_problem *problem, size_t capacity,
                                hf_corrector *c) {
    size_t dim = hf_grid_dim(hf_problem_grid(problem)), rows = capacity * (1 + dim);
    *c = (hf_corrector){.grid = hf_problem_grid(problem), .capacity = capacity};
    HF_TRY(hf_atoms_allocate(error, capacity, dim, &c->atoms));
    c->atoms.count = 0;
    HF_TRY(hf_atoms_allocate(error, capacity, dim, &c->before));
    HF_TRY(hf_atoms_allocate(error, capacity, dim, &c->start));
    HF_TRY(hf_atomic_allocate(error, problem, capacity, &c->atomic));
    HF_TRY(hf_allocate(error, rows, sizeof *c->variable, &c->variable));
    HF_TRY(hf_array_create(error, rows, &c->scale));
    HF_TRY(hf_array_create(error, rows * rows, &c->hessian));
    return quadratic_allocate(error, rows, &c->model);
}

void hf_corrector_clear(hf_corrector *c) {
    hf_atoms_clear(&c->atoms);
    hf_atoms_clear(&c->before);
    hf_atoms_clear(&c->start);
    hf_atomic_clear(&c->atomic);
    free(c->variable);
    hf_array_destroy(&c->scale);
    hf_array_destroy(&c->hessian);
    quadratic_clear(&c->model);
    *c = (hf_corrector){0};
}

/* Whether an atom is at a wall and pushed against it. */
static bool held_by_wall(const hf_corrector *c, size_t k, size_t d) {
    const hf_axis *axis = hf_grid_axis(c->grid, d);
    double slope = c->atomic.gradient[k * c->atoms.dim + d], x = c->atoms.theta[k * c->atoms.dim + d];
    return !axis->periodic && ((x <= axis->lower && slope >= 0) || (x >= axis->upper && slope <= 0));
}

static double mean_potential(const hf_corrector *c) {
    return cblas_ddot((int)c->atoms.count, c->atoms.mass, 1, c->atomic.potential, 1);
}

double hf_corrector_residual(const hf_corrector *c, bool positions) {
    size_t n = c->atoms.count, D = c->atoms.dim;
    double mean = mean_potential(c), residual = 0;
    for (size_t k = 0; k < n; k++) {
        double above = c->atomic.potential[k] - mean;
        residual = fmax(residual, c->atoms.mass[k] > 0 ? fabs(above) : -above);
    }
    for (size_t i = 0; i < n * D && positions; i++) {
        const hf_axis *axis = hf_grid_axis(c->grid, i % D);
        if (c->atoms.mass[i / D] > 0 && !held_by_wall(c, i / D, i % D))
            residual = fmax(residual, (axis->upper - axis->lower) * fabs(c->atomic.gradient[i]));
    }
    return residual;
}

/* The second derivatives (48) of R as placed, but for the slopes of Psi between mass and position of an atom:
 * they vanish at a minimum, where no wall holds, and before it they only make the matrix indefinite. */
static void assemble_hessian(hf_corrector *c) {
    const hf_atomic *a = &c->atomic;
    size_t n = c->atoms.count, D = c->atoms.dim, rows = n * (1 + D);
    hf_atomic_gram(&c->atomic, c->hessian);
    for (size_t r = 0; r < rows; r++)
        for (size_t s = 0; s < rows; s++)
            c->hessian[r * rows + s] *= (r % (1 + D) > 0 ? c->atoms.mass[r / (1 + D)] : 1) *
                                        (s % (1 + D) > 0 ? c->atoms.mass[s / (1 + D)] : 1);
    for (size_t k = 0; k < n; k++) {
        double *block = c->hessian + k * (1 + D) * (rows + 1);
        for (size_t d = 0; d < D; d++)
            for (size_t f = 0; f < D; f++)
                block[(1 + d) * rows + 1 + f] += c->atoms.mass[k] * a->hessian[(k * D + d) * D + f];
    }
}

/* A variable of the program: row r of the Hessian, times `scale`. */
static void add_variable(hf_corrector *c, size_t r, double scale, double slope, double lower, double upper) {
    hf_quadratic *q = &c->model;
    size_t i = q->count++;
    c->variable[i] = r;
    c->scale[i] = scale;
    q->mass[i] = r % (1 + c->atoms.dim) == 0;
    q->gradient[i] = scale * slope;
    q->lower[i] = lower / scale;
    q->upper[i] = upper / scale;
    q->held[i] = false;
}

/* It moves by the share `reach` of the box at most, an angle by a quarter turn. */
static void add_coordinate(hf_corrector *c, size_t k, size_t d) {
    const hf_axis *axis = hf_grid_axis(c->grid, d);
    size_t D = c->atoms.dim;
    double width = axis->upper - axis->lower, mass = c->atoms.mass[k], x = c->atoms.theta[k * D + d];
    double lower = axis->periodic ? -0.25 * width : axis->lower - x;
    double upper = axis->periodic ? 0.25 * width : axis->upper - x;
    add_variable(c, k * (1 + D) + 1 + d, width / sqrt(mass), mass * c->atomic.gradient[k * D + d],
                 fmax(lower, -c->reach * width), fmin(upper, c->reach * width));
}

/* Masses, but for those that 0 holds, and the coordinates of atoms with mass, but for those that a wall
 * holds: across walls Psi may well be indefinite, and that must not bend the step along them. */
static void choose_variables(hf_corrector *c, bool positions) {
    double mean = mean_potential(c);
    c->model.count = 0;
    for (size_t k = 0; k < c->atoms.count; k++) {
        double mass = c->atoms.mass[k], above = c->atomic.potential[k] - mean;
        if (mass > 0 || above < 0)
            add_variable(c, k * (1 + c->atoms.dim), 1, above, -mass, INFINITY);
        for (size_t d = 0; d < c->atoms.dim && positions && mass > 0; d++)
            if (!held_by_wall(c, k, d))
                add_coordinate(c, k, d);
    }
}

static void build_model(hf_corrector *c, bool positions) {
    hf_quadratic *q = &c->model;
    size_t rows = c->atoms.count * (1 + c->atoms.dim);
    assemble_hessian(c);
    choose_variables(c, positions);
    for (size_t i = 0; i < q->count; i++)
        for (size_t j = 0; j < q->count; j++)
            q->matrix[i * q->count + j] =
                c->scale[i] * c->scale[j] * c->hessian[c->variable[i] * rows + c->variable[j]];
    make_definite(q);
}

/* ---- descent ------------------------------------------------------------------------------------- */

static void place(hf_corrector *c) {
    hf_atomic_place(&c->atomic, c->atoms.count, c->atoms.theta, c->atoms.mass);
}

static void copy_atoms(const hf_atoms *from, hf_atoms *to) {
    to->count = from->count;
    memcpy(to->theta, from->theta, from->count * from->dim * sizeof *to->theta);
    memcpy(to->mass, from->mass, from->count * sizeof *to->mass);
}

/* The step of Newton's method from the atoms as placed; returns the slope of R along it. */
static double plan(hf_corrector *c, bool positions) {
    build_model(c, positions);
    quadratic_solve(&c->model);
    copy_atoms(&c->atoms, &c->before);
    return cblas_ddot((int)c->model.count, c->model.gradient, 1, c->model.step, 1);
}

/* x, or the wall that it is at or beyond. */
static double stop_at_walls(const hf_axis *axis, double x) {
    double rounding = 1e-15 * (axis->upper - axis->lower);
    if (axis->periodic)
        return x;
    return x <= axis->lower + rounding ? axis->lower : x >= axis->upper - rounding ? axis->upper : x;
}

/* Go to a fraction t of the step. */
static void move(hf_corrector *c, double t) {
    const hf_quadratic *q = &c->model;
    size_t D = c->atoms.dim;
    double sum = 0;
    copy_atoms(&c->before, &c->atoms);
    for (size_t i = 0; i < q->count; i++) {
        size_t k = c->variable[i] / (1 + D);
        double by = t * c->scale[i] * q->step[i];
        if (q->mass[i]) {
            c->atoms.mass[k] = fmax(c->atoms.mass[k] + by, 0);
            sum += c->atoms.mass[k];
        } else {
            size_t d = c->variable[i] % (1 + D) - 1;
            double *x = &c->atoms.theta[k * D + d];
            *x = stop_at_walls(hf_grid_axis(c->grid, d), *x + by);
        }
    }
    cblas_dscal((int)c->atoms.count, 1 / sum, c->atoms.mass, 1);
    place(c);
}

/* The largest share of the box that a coordinate moves by in a full step. */
static double longest_move(const hf_corrector *c) {
    double longest = 0;
    for (size_t i = 0; i < c->model.count; i++)
        if (!c->model.mass[i]) {
            const hf_axis *axis = hf_grid_axis(c->grid, c->variable[i] % (1 + c->atoms.dim) - 1);
            longest = fmax(longest, c->scale[i] * fabs(c->model.step[i]) / (axis->upper - axis->lower));
        }
    return longest;
}

/* A full step and, while R is above `goal`, a few more: the first may leave a curved valley, the next ones
 * come back to it. */
static bool leap(hf_corrector *c, bool positions, double goal) {
    move(c, 1);
    for (int more = 0; more < LEAPS && c->atomic.risk > goal; more++) {
        plan(c, positions);
        move(c, 1);
    }
    return c->atomic.risk <= goal;
}

/* Halve the step until R falls; returns whether it does. Where a long step had to be cut, the next ones are
 * short: else one coordinate that is far from its quadratic model would hold up all the others.
 * slope: of R along the step */
static bool search_line(hf_corrector *c, double slope, double risk) {
    double t = 1;
    for (int halving = 0; halving < HALVINGS_MAX; halving++, t /= 2) {
        move(c, t);
        if (c->atomic.risk <= risk + sufficient * t * slope) {
            c->reach = t < 1 ? fmax(2 * t * longest_move(c), reach_least) : c->reach;
            return true;
        }
    }
    return false;
}

static void back(hf_corrector *c) {
    copy_atoms(&c->start, &c->atoms);
    place(c);
}

double hf_corrector_descend(hf_corrector *c, bool positions) {
    place(c);
    double residual = hf_corrector_residual(c, positions), least = residual;
    c->reach = 1;
    for (int step = 0, idle = 0; step < STEPS_MAX && residual > 0 && idle < IDLE_MAX; step++) {
        double risk = c->atomic.risk, slack = hf_atomic_rounding(risk);
        copy_atoms(&c->atoms, &c->start);
        double slope = plan(c, positions);
        bool fell = leap(c, positions, risk + slack + sufficient * slope);
        if (fell) {
            c->reach = fmin(4 * c->reach, 1);
        } else {
            back(c);
            plan(c, positions);
            fell = search_line(c, slope, risk + slack);
        }
        double next = hf_corrector_residual(c, positions);
        bool told = risk - c->atomic.risk > 10 * slack || next < 0.5 * least; /* more than rounding does */
        idle = told ? 0 : idle + 1;
        least = fmin(least, next);
        if (!fell || (-slope < slack && next > residual)) {
            back(c);
            break;
        }
        residual = next;
    }
    return residual;
}

/* ---- atoms that meet ----------------------------------------------------------------------------- */

/* The centre of mass of two atoms; false when they are not near each other. */
static bool meet(const hf_grid *grid, const hf_atoms *atoms, size_t k, size_t l, double *centre) {
    for (size_t d = 0; d < atoms->dim; d++) {
        const hf_axis *axis = hf_grid_axis(grid, d);
        double width = axis->upper - axis->lower, x = atoms->theta[k * atoms->dim + d];
        double apart = atoms->theta[l * atoms->dim + d] - x;
        if (axis->periodic)
            apart = remainder(apart, width);
        if (fabs(apart) > near * width)
            return false;
        centre[d] = x + apart * atoms->mass[l] / (atoms->mass[k] + atoms->mass[l]);
    }
    return true;
}

/* Put atom l into atom k unless that raises R above `risk`. */
static bool merge_pair(hf_corrector *c, size_t k, size_t l, double risk) {
    double centre[HF_DIM_MAX];
    if (!meet(c->grid, &c->atoms, k, l, centre))
        return false;
    copy_atoms(&c->atoms, &c->before);
    hf_atoms_put(&c->atoms, k, centre, c->atoms.mass[k] + c->atoms.mass[l]);
    hf_atoms_remove(&c->atoms, l);
    double merged = hf_atomic_risk(&c->atomic, c->atoms.count, c->atoms.theta, c->atoms.mass);
    if (merged <= risk + hf_atomic_rounding(risk))
        return true;
    copy_atoms(&c->before, &c->atoms);
    return false;
}

bool hf_corrector_merge(hf_corrector *c) {
    bool merged = false;
    double risk = c->atomic.risk;
    for (size_t k = 0; k < c->atoms.count; k++)
        for (size_t l = k + 1; l < c->atoms.count;)
            if (merge_pair(c, k, l, risk))
                merged = true;
            else
                l++;
    return merged;
}
