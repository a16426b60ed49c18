/* Stationary sums of Diracs, and the flow linearised about them. docs/theory.md (53)-(57).
 *
 * mu = sum_k a_k delta_{theta_k} rests where grad Psi_mu(theta_k) = 0 for all k. About it displacements x of
 * the atoms obey
 *
 *     x_k' = - sum_l M_kl x_l,   M_kl = A_k 1_kl + a_l J_k^T S J_l,   A_k = Hess Psi_mu(theta_k),
 *
 * and the deviations y of a group from its atom y' = -A_k y. In the coordinates sqrt(a_k) x_k the first is
 * the gradient flow of R itself, with the symmetric Hessian
 *
 *     N_kl = A_k 1_kl + sqrt(a_k a_l) J_k^T S J_l:
 *
 * with its unit eigenvectors u, sum_k sqrt(a_k) u_k . x_k decays at the rate of the eigenvalue. */
#include "theory/stationary.h"

#include "base/symmetric.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

const char *const hf_stability_names[3] = {"stable", "unstable", "degenerate"};

/* Newton's method takes 5 to 20 steps where it converges; where so many of them have not halved the gradient,
 * it has come upon a minimum of it that is no root. */
enum { STEPS_MAX = 60, SLOW_STEPS = 15, HALVINGS_MAX = 10, DRIFTS_MAX = 100 };

/* Damping per gradient: with a tenth or ten times as much the search for Diracs takes more steps, or loses
 * some. */
static const double caution = 0.03;

/* min Psi is proved to this. */
static const double proof = 1e-10;

/* In sides of the box: how far atoms may be moved to a stationary measure, and how far in a step of their
 * flow and by Newton's first step. */
static const double neighbourhood = 0.25, stride = 0.02;

/* ---- symmetric matrices -------------------------------------------------------------------------- */

/* Eigenvalues, ascending, and unit eigenvectors, one a row, each with its largest component positive.
 * matrix: shape (n, n), overwritten. */
static hf_status diagonalise(hf_error *error, size_t n, double *matrix, double *value, double *axis) {
    for (size_t i = 0; i < n * n; i++)
        if (!isfinite(matrix[i]))
            return hf_raise(error, HF_ERR_NUMERIC, "no eigenvalues: an entry of the matrix is %g", matrix[i]);
    gsl_set_error_handler_off(); /* its results are checked */
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
    if (work == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for eigenvalues");
    gsl_matrix_view symmetric = gsl_matrix_view_array(matrix, n, n), axes = gsl_matrix_view_array(axis, n, n);
    gsl_vector_view values = gsl_vector_view_array(value, n);
    int exponent = hf_symmetric_scale(n * n, matrix);
    gsl_eigen_symmv(&symmetric.matrix, &values.vector, &axes.matrix, work);
    gsl_eigen_symmv_free(work);
    gsl_eigen_symmv_sort(&values.vector, &axes.matrix, GSL_EIGEN_SORT_VAL_ASC);
    gsl_matrix_transpose(&axes.matrix);
    for (size_t i = 0; i < n; i++)
        value[i] = ldexp(value[i], exponent);
    for (double *row = axis; row < axis + n * n; row += n) {
        double most = 0;
        for (size_t i = 0; i < n; i++)
            most = fabs(row[i]) > fabs(most) + 1e-9 ? row[i] : most;
        for (size_t i = 0; i < n; i++)
            row[i] = most < 0 ? -row[i] : row[i];
    }
    return HF_OK;
}

/* ---- the motion of atoms ------------------------------------------------------------------------- */

hf_status hf_motion_allocate(hf_error *error, const hf_problem *problem, size_t atoms, hf_motion *motion) {
    size_t dim = hf_grid_dim(hf_problem_grid(problem)), rows = atoms * (1 + dim);
    *motion = (hf_motion){.atoms = atoms, .size = atoms * dim};
    HF_TRY(hf_atomic_allocate(error, problem, atoms, &motion->atomic));
    HF_TRY(hf_array_create(error, rows * rows, &motion->gram));
    HF_TRY(hf_array_create(error, motion->size, &motion->rate));
    HF_TRY(hf_array_create(error, motion->size * motion->size, &motion->axis));
    HF_TRY(hf_array_create(error, motion->size, &motion->factor));
    HF_TRY(hf_array_create(error, motion->size, &motion->from));
    return hf_array_create(error, motion->size, &motion->step);
}

void hf_motion_clear(hf_motion *motion) {
    hf_atomic_clear(&motion->atomic);
    hf_array_destroy(&motion->gram);
    hf_array_destroy(&motion->rate);
    hf_array_destroy(&motion->axis);
    hf_array_destroy(&motion->factor);
    hf_array_destroy(&motion->from);
    hf_array_destroy(&motion->step);
    *motion = (hf_motion){0};
}

/* J_k^T S J_l, components a and b. */
static double coupling(const hf_motion *m, size_t k, size_t a, size_t l, size_t b) {
    size_t block = 1 + m->atomic.dim;
    return m->gram[(k * block + 1 + a) * m->atoms * block + l * block + 1 + b];
}

/* N. block: shape (size, size) */
static void assemble(const hf_motion *m, const double *mass, double *block) {
    size_t D = m->atomic.dim;
    for (size_t k = 0; k < m->atoms; k++)
        for (size_t a = 0; a < D; a++)
            for (size_t l = 0; l < m->atoms; l++)
                for (size_t b = 0; b < D; b++)
                    block[(k * D + a) * m->size + l * D + b] =
                        sqrt(mass[k] * mass[l]) * coupling(m, k, a, l, b) +
                        (k == l ? m->atomic.hessian[(k * D + a) * D + b] : 0);
}

/* Of atoms that have been put. */
static hf_status linearise(hf_error *error, hf_motion *m, const double *mass) {
    double *block;
    HF_TRY(hf_array_create(error, m->size * m->size, &block));
    hf_atomic_gram(&m->atomic, m->gram);
    assemble(m, mass, block);
    hf_status status = diagonalise(error, m->size, block, m->rate, m->axis);
    hf_array_destroy(&block);
    return status;
}

hf_status hf_motion_linearise(hf_error *error, hf_motion *m, const double *theta, const double *mass) {
    hf_atomic_place(&m->atomic, m->atoms, theta, mass);
    return linearise(error, m, mass);
}

double hf_motion_residual(const hf_motion *m) {
    double largest = 0;
    for (size_t k = 0; k < m->atoms; k++) {
        double square = 0;
        for (size_t d = 0; d < m->atomic.dim; d++)
            square += pow(m->atomic.gradient[k * m->atomic.dim + d], 2);
        largest = fmax(largest, sqrt(square));
    }
    return largest;
}

double hf_motion_least(const hf_motion *m) {
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < m->size; i++) {
        least = fmin(least, fabs(m->rate[i]));
        most = fmax(most, fabs(m->rate[i]));
    }
    return most > 0 ? least / most : 0;
}

/* |grad_x R|^2 in the coordinates sqrt(a_k) theta_k. */
static double merit(const hf_motion *m, const double *mass) {
    double sum = 0;
    for (size_t i = 0; i < m->size; i++)
        sum += mass[i / m->atomic.dim] * m->atomic.gradient[i] * m->atomic.gradient[i];
    return sum;
}

/* Minus the gradient, times a factor along each eigenvector. */
static void make_step(hf_motion *m, const double *mass) {
    memset(m->step, 0, m->size * sizeof *m->step);
    for (size_t j = 0; j < m->size; j++) {
        const double *axis = m->axis + j * m->size;
        double along = 0;
        for (size_t i = 0; i < m->size; i++)
            along += axis[i] * sqrt(mass[i / m->atomic.dim]) * m->atomic.gradient[i];
        for (size_t i = 0; i < m->size; i++)
            m->step[i] -= m->factor[j] * along * axis[i] / sqrt(mass[i / m->atomic.dim]);
    }
}

/* The Levenberg-Marquardt step -(N^2 + c|g|)^-1 N g. As |g| -> 0 it becomes Newton's where roots are
 * isolated, and it converges quadratically to families of them too. Fan and Yuan 2005. */
static void find_step(hf_motion *m, const double *mass) {
    double damping = caution * sqrt(merit(m, mass));
    for (size_t j = 0; j < m->size; j++)
        m->factor[j] = m->rate[j] / (m->rate[j] * m->rate[j] + damping);
    make_step(m, mass);
}

/* As much of the step as makes the merit smaller; false when none does. */
static bool search(hf_motion *m, double *theta, const double *mass) {
    double before = merit(m, mass), share = 1;
    memcpy(m->from, theta, m->size * sizeof *m->from);
    for (int n = 0; n < HALVINGS_MAX; n++, share /= 2) {
        for (size_t i = 0; i < m->size; i++)
            theta[i] = m->from[i] + share * m->step[i];
        hf_atomic_place(&m->atomic, m->atoms, theta, mass);
        if (merit(m, mass) < (1 - 1e-3 * share) * before)
            return true;
    }
    return false;
}

/* By how much component i of the atoms differs, in sides of the box. */
static double share(const hf_grid *grid, size_t i, double difference) {
    const hf_axis *axis = hf_grid_axis(grid, i % hf_grid_dim(grid));
    return fabs(difference) / (axis->upper - axis->lower);
}

/* The farthest that the step moves an atom along an axis. */
static double stretch(const hf_motion *m, const hf_grid *grid) {
    double largest = 0;
    for (size_t i = 0; i < m->size; i++)
        largest = fmax(largest, share(grid, i, m->step[i]));
    return largest;
}

/* The farthest that an atom has gone along an axis. */
static double distance(const hf_grid *grid, size_t size, const double *from, const double *to) {
    double largest = 0;
    for (size_t i = 0; i < size; i++)
        largest = fmax(largest, share(grid, i, to[i] - from[i]));
    return largest;
}

hf_status hf_motion_settle(hf_error *error, hf_motion *m, const hf_grid *grid, double reach, double *theta,
                           const double *mass, double *farthest) {
    double *start, past[STEPS_MAX];
    hf_status status = HF_OK;
    *farthest = 0;
    HF_TRY(hf_array_create(error, m->size, &start));
    memcpy(start, theta, m->size * sizeof *start);
    hf_atomic_place(&m->atomic, m->atoms, theta, mass);
    for (int n = 0; n < STEPS_MAX && status == HF_OK; n++) {
        status = linearise(error, m, mass);
        past[n] = merit(m, mass);
        if (hf_motion_residual(m) <= HF_AT_REST || *farthest > reach)
            break;
        if (n >= SLOW_STEPS && past[n] > past[n - SLOW_STEPS] / 4)
            break;
        find_step(m, mass);
        if (!search(m, theta, mass))
            break;
        *farthest = distance(grid, m->size, start, theta);
    }
    hf_array_destroy(&start);
    return status;
}

/* ---- what is said of a stationary measure -------------------------------------------------------- */

void hf_stationary_clear(hf_stationary *s) {
    hf_atoms_clear(&s->atoms);
    hf_array_destroy(&s->A);
    hf_array_destroy(&s->B);
    hf_array_destroy(&s->spread);
    hf_array_destroy(&s->spread_axis);
    hf_array_destroy(&s->rate);
    hf_array_destroy(&s->rate_axis);
    *s = (hf_stationary){0};
}

static hf_status allocate(hf_error *error, size_t count, size_t dim, hf_stationary *s) {
    HF_TRY(hf_atoms_allocate(error, count, dim, &s->atoms));
    HF_TRY(hf_array_create(error, count * dim * dim, &s->A));
    HF_TRY(hf_array_create(error, count * dim * dim, &s->B));
    HF_TRY(hf_array_create(error, count * dim, &s->spread));
    HF_TRY(hf_array_create(error, count * dim * dim, &s->spread_axis));
    HF_TRY(hf_array_create(error, count * dim, &s->rate));
    return hf_array_create(error, count * dim * count * dim, &s->rate_axis);
}

/* A and B of each atom, with the eigenvalues of A. */
static hf_status describe_groups(hf_error *error, const hf_motion *m, hf_stationary *s) {
    size_t D = m->atomic.dim;
    memcpy(s->A, m->atomic.hessian, m->atoms * D * D * sizeof *s->A);
    for (size_t k = 0; k < m->atoms; k++) {
        double A[HF_DIM_MAX * HF_DIM_MAX];
        memcpy(A, s->A + k * D * D, D * D * sizeof *A);
        HF_TRY(diagonalise(error, D, A, s->spread + k * D, s->spread_axis + k * D * D));
        for (size_t a = 0; a < D; a++)
            for (size_t b = 0; b < D; b++)
                s->B[(k * D + a) * D + b] = coupling(m, k, a, k, b);
    }
    return HF_OK;
}

static void describe_motion(const hf_motion *m, hf_stationary *s) {
    memcpy(s->rate, m->rate, m->size * sizeof *s->rate);
    for (size_t j = 0; j < m->size; j++)
        for (size_t i = 0; i < m->size; i++)
            s->rate_axis[j * m->size + i] = sqrt(s->atoms.mass[i / m->atomic.dim]) * m->axis[j * m->size + i];
}

/* S >= 0, so that no rate of the motion is below the least eigenvalue of all A_k: that one decides.
 * docs/theory.md (56). */
static hf_stability judge(const hf_stationary *s) {
    double scale = 0;
    for (size_t i = 0; i < s->atoms.count * s->atoms.dim; i++)
        scale = fmax(scale, fmax(fabs(s->spread[i]), fabs(s->rate[i])));
    return s->monotonicity > HF_NO_CURVATURE * scale    ? HF_STABLE
           : s->monotonicity < -HF_NO_CURVATURE * scale ? HF_UNSTABLE
                                                        : HF_DEGENERATE;
}

static hf_status certify(hf_error *error, const hf_problem *problem, const hf_motion *m, hf_stationary *s) {
    hf_lowest lowest;
    HF_TRY(hf_atomic_lowest(error, &m->atomic, hf_problem_grid(problem), proof, &lowest));
    s->gap = -lowest.bound;
    s->lowest = lowest.bound;
    for (size_t k = 0; k < m->atoms; k++)
        s->gap += s->atoms.mass[k] * m->atomic.potential[k];
    return HF_OK;
}

/* A coordinate as it is between the ends of its axis, if that is periodic. */
static double wrapped(const hf_axis *axis, double x) {
    double side = axis->upper - axis->lower;
    return axis->periodic ? x - side * floor((x - axis->lower) / side) : x;
}

static bool is_inside(const hf_grid *grid, const hf_atoms *atoms) {
    for (size_t i = 0; i < atoms->count * atoms->dim; i++) {
        const hf_axis *axis = hf_grid_axis(grid, i % atoms->dim);
        if (!axis->periodic && !(atoms->theta[i] >= axis->lower && atoms->theta[i] <= axis->upper))
            return false;
    }
    return true;
}

hf_status hf_stationary_describe(hf_error *error, const hf_problem *problem, const hf_motion *m,
                                 const double *theta, const double *mass, hf_stationary *out) {
    const hf_model *model = m->atomic.model;
    HF_TRY(allocate(error, m->atoms, m->atomic.dim, out));
    for (size_t i = 0; i < m->size; i++)
        out->atoms.theta[i] = wrapped(hf_grid_axis(hf_problem_grid(problem), i % m->atomic.dim), theta[i]);
    memcpy(out->atoms.mass, mass, m->atoms * sizeof *mass);
    out->risk = m->atomic.risk;
    out->residual = hf_motion_residual(m);
    HF_TRY(describe_groups(error, m, out));
    describe_motion(m, out);
    out->monotonicity = INFINITY;
    for (size_t i = 0; i < m->size; i++)
        out->monotonicity = fmin(out->monotonicity, out->spread[i]);
    out->stability = judge(out);
    out->value_degenerate = hf_model_ridge(model) == 0 && hf_model_value_coordinates(model) > 0;
    out->inside = is_inside(hf_problem_grid(problem), &out->atoms);
    return certify(error, problem, m, out);
}

hf_status hf_stationary_linearise(hf_error *error, const hf_problem *problem, const hf_atoms *atoms,
                                  hf_stationary *out) {
    hf_motion motion;
    *out = (hf_stationary){0};
    hf_status status = hf_motion_allocate(error, problem, atoms->count, &motion);
    if (status == HF_OK)
        status = hf_motion_linearise(error, &motion, atoms->theta, atoms->mass);
    if (status == HF_OK)
        status = hf_stationary_describe(error, problem, &motion, atoms->theta, atoms->mass, out);
    hf_motion_clear(&motion);
    if (status != HF_OK)
        hf_stationary_clear(out);
    return status;
}

/* ---- the stationary measure near given atoms ----------------------------------------------------- */

/* A step of time in the flow of the atoms, by the linearly implicit Euler method: as long as it moves none by
 * more than `stride`, and as the linearisation allows where atoms part. */
static void find_drift(hf_motion *m, const hf_grid *grid, const double *mass) {
    double time = 1 / fmax(-2 * m->rate[0], 1e-6 * m->rate[m->size - 1]);
    do {
        for (size_t j = 0; j < m->size; j++)
            m->factor[j] = time / (1 + time * m->rate[j]);
        make_step(m, mass);
        time /= 2;
    } while (stretch(m, grid) > stride);
}

/* Follow the flow of the atoms until Newton's step is a short one, or they have left the neighbourhood.
 *  start, theta: shape (atoms, D) */
static hf_status drift(hf_error *error, hf_motion *m, const hf_grid *grid, const double *start, double *theta,
                       const double *mass) {
    for (int n = 0; n < DRIFTS_MAX && distance(grid, m->size, start, theta) <= neighbourhood; n++) {
        HF_TRY(hf_motion_linearise(error, m, theta, mass));
        find_step(m, mass);
        if (!(stretch(m, grid) > stride))
            return HF_OK;
        find_drift(m, grid, mass);
        for (size_t i = 0; i < m->size; i++)
            theta[i] += m->step[i];
    }
    return HF_OK;
}

static hf_status refuse(hf_error *error, const hf_motion *m, double moved) {
    double residual = hf_motion_residual(m);
    if (!(moved <= neighbourhood))
        return hf_raise(error, HF_ERR_NUMERIC,
                        "no stationary measure near these atoms: one moves by %.2g of the box, where "
                        "|grad Psi| is %.2g; expected at most %.2g",
                        moved, residual, neighbourhood);
    if (!(residual <= HF_AT_REST))
        return hf_raise(
            error, HF_ERR_NUMERIC,
            "no stationary measure near these atoms: |grad Psi| stays %.2g, where Newton's method "
            "has moved one by %.2g of the box; expected %.0e",
            residual, moved, HF_AT_REST);
    return hf_raise(error, HF_ERR_NUMERIC,
                    "the stationary measures near these atoms are a family: the Jacobian of grad Psi is "
                    "singular (%.1e) where one has moved by %.2g of the box",
                    hf_motion_least(m), moved);
}

static bool coincide(const hf_grid *grid, const double *a, const double *b) {
    bool same = true;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        same &= share(grid, d, hf_axis_difference(hf_grid_axis(grid, d), a[d], b[d])) <= HF_SAME_PLACE;
    return same;
}

/* Atoms at one place become one. */
static void merge(const hf_grid *grid, hf_atoms *atoms) {
    size_t D = atoms->dim, kept = 0;
    for (size_t k = 0; k < atoms->count; k++) {
        const double *theta = atoms->theta + k * D;
        size_t l = 0;
        while (l < kept && !coincide(grid, atoms->theta + l * D, theta))
            l++;
        double before = l < kept ? atoms->mass[l] : 0;
        memmove(atoms->theta + l * D, theta, D * sizeof *theta);
        atoms->mass[l] = before + atoms->mass[k];
        kept += l == kept;
    }
    atoms->count = kept;
}

/* atoms: moved and merged */
static hf_status polish(hf_error *error, const hf_problem *problem, hf_motion *m, const double *start,
                        hf_atoms *atoms, hf_stationary *out) {
    const hf_grid *grid = hf_problem_grid(problem);
    double moved;
    HF_TRY(drift(error, m, grid, start, atoms->theta, atoms->mass));
    HF_TRY(hf_motion_settle(error, m, grid, neighbourhood, atoms->theta, atoms->mass, &moved));
    moved = distance(grid, m->size, start, atoms->theta);
    if (!(moved <= neighbourhood) || !(hf_motion_residual(m) <= HF_AT_REST) ||
        !(hf_motion_least(m) > HF_NO_CURVATURE))
        return refuse(error, m, moved);
    merge(grid, atoms);
    return hf_stationary_linearise(error, problem, atoms, out);
}

hf_status hf_stationary_polish(hf_error *error, const hf_problem *problem, const hf_atoms *atoms,
                               hf_stationary *out) {
    hf_motion motion = {0};
    hf_atoms moved = {0};
    *out = (hf_stationary){0};
    hf_status status = hf_motion_allocate(error, problem, atoms->count, &motion);
    if (status == HF_OK)
        status = hf_atoms_allocate(error, atoms->count, atoms->dim, &moved);
    if (status == HF_OK) {
        memcpy(moved.theta, atoms->theta, motion.size * sizeof *moved.theta);
        memcpy(moved.mass, atoms->mass, atoms->count * sizeof *moved.mass);
        status = polish(error, problem, &motion, atoms->theta, &moved, out);
    }
    hf_atoms_clear(&moved);
    hf_motion_clear(&motion);
    return status;
}
