/* Stationary Diracs, by Newton's method from many starts. docs/theory.md (53).
 *
 * grad_theta R(delta_theta) = grad Psi_delta(theta), and the Hessian of the same function is A + B:
 * stationary Diracs are the critical points of a function of D variables, saddles and maxima included. Starts
 * are a Sobol sequence over the box. That no other is found proves nothing: one that attracts a small set of
 * starts can be missed.
 *
 * Critical points may form curves, as q k = const does for the product form without ridge. R is constant on a
 * curve of them, so those where A + B is singular and R the same count as one. */
#include "theory/stationary.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_qrng.h>
#include <stdlib.h>
#include <string.h>

/* Risks that differ by less are the same; those of one family differ by rounding. */
static const double same_risk = 1e-10;

/* How far along a singular direction a neighbour is looked for, in sides of the box. */
static const double aside = 0.01;

/* How far from its start a root may be, in sides of the box. */
static const double reach = 0.5;

/* Roots that are expected beside those that are found, when the search is left. */
static const double unseen = 0.1;

typedef struct dirac {
    double theta[HF_DIM_MAX], risk;
    bool singular;
} dirac;

typedef struct search {
    const hf_grid *grid;
    hf_motion motion;        /* of one atom */
    size_t dim, count, hits; /* hits: starts that have led to a root */
    bool more;
    dirac found[HF_DIRACS_MAX];
} search;

/* In sides of the box. */
static double distance(const search *s, const double *a, const double *b) {
    double largest = 0;
    for (size_t d = 0; d < s->dim; d++) {
        const hf_axis *axis = hf_grid_axis(s->grid, d);
        largest = fmax(largest, fabs(hf_axis_difference(axis, a[d], b[d])) / (axis->upper - axis->lower));
    }
    return largest;
}

static bool is_inside(const search *s, const double *theta) {
    for (size_t d = 0; d < s->dim; d++) {
        const hf_axis *axis = hf_grid_axis(s->grid, d);
        if (!axis->periodic && !(theta[d] >= axis->lower && theta[d] <= axis->upper))
            return false;
    }
    return true;
}

/* Newton's method from out->theta. found: whether it ends at a stationary Dirac in the box. */
static hf_status settle(hf_error *error, search *s, dirac *out, bool *found) {
    double mass = 1, farthest;
    HF_TRY(hf_motion_settle(error, &s->motion, s->grid, reach, out->theta, &mass, &farthest));
    *found = hf_motion_residual(&s->motion) <= HF_AT_REST && is_inside(s, out->theta);
    out->risk = s->motion.atomic.risk;
    out->singular = !(hf_motion_least(&s->motion) > HF_NO_CURVATURE);
    return HF_OK;
}

static bool is_same(const search *s, const dirac *a, const dirac *b) {
    return distance(s, a->theta, b->theta) <= HF_SAME_PLACE ||
           (a->singular && b->singular && fabs(a->risk - b->risk) <= same_risk);
}

/* Whether a singular root, at which the motion is linearised, is one of a curve of them. */
static hf_status look_aside(hf_error *error, search *s, const dirac *root, bool *curve) {
    double direction[HF_DIM_MAX];
    size_t least = 0;
    for (size_t j = 1; j < s->dim; j++)
        if (fabs(s->motion.rate[j]) < fabs(s->motion.rate[least]))
            least = j;
    memcpy(direction, s->motion.axis + least * s->dim, s->dim * sizeof *direction);
    *curve = false;
    for (int sign = -1; sign <= 1 && !*curve; sign += 2) {
        dirac beside = *root;
        bool found;
        for (size_t d = 0; d < s->dim; d++) {
            const hf_axis *axis = hf_grid_axis(s->grid, d);
            beside.theta[d] += sign * aside * (axis->upper - axis->lower) * direction[d];
        }
        HF_TRY(settle(error, s, &beside, &found));
        *curve = found && is_same(s, root, &beside) && distance(s, root->theta, beside.theta) > aside / 10;
    }
    return HF_OK;
}

/* From a start in the box. */
static hf_status try(hf_error *error, search *s, const double *start) {
    dirac root;
    bool found, curve = false;
    memcpy(root.theta, start, s->dim * sizeof *start);
    HF_TRY(settle(error, s, &root, &found));
    s->hits += found;
    for (size_t i = 0; i < s->count && found; i++)
        found = !is_same(s, &root, &s->found[i]);
    if (!found)
        return HF_OK;
    if (root.singular)
        HF_TRY(look_aside(error, s, &root, &curve));
    s->more = s->more || curve || s->count == HF_DIRACS_MAX;
    if (s->count < HF_DIRACS_MAX)
        s->found[s->count++] = root;
    return HF_OK;
}

/* Whether roots repeat so often that others are not expected: if all numbers and sizes of basins were as
 * likely before, n hits on w roots let expect w(n - 1)/(n - w - 2) of them. Boender and Rinnooy Kan 1987. */
static bool is_complete(const search *s) {
    double n = (double)s->hits, w = (double)s->count;
    return n > w + 2 && w * (n - 1) < (w + unseen) * (n - w - 2);
}

/* A Sobol sequence, which begins with the centre of the box. */
static hf_status try_all(hf_error *error, search *s, size_t starts, bool all, size_t *tried) {
    gsl_set_error_handler_off(); /* its results are checked */
    gsl_qrng *sequence = gsl_qrng_alloc(gsl_qrng_sobol, (unsigned)s->dim);
    hf_status status = HF_OK;
    if (sequence == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for starts");
    *tried = 0;
    while (*tried < starts && status == HF_OK && (all || !is_complete(s))) {
        double theta[HF_DIM_MAX];
        gsl_qrng_get(sequence, theta);
        for (size_t d = 0; d < s->dim; d++) {
            const hf_axis *axis = hf_grid_axis(s->grid, d);
            theta[d] = axis->lower + theta[d] * (axis->upper - axis->lower);
        }
        status = try(error, s, theta);
        ++*tried;
    }
    gsl_qrng_free(sequence);
    return status;
}

static int by_risk(const void *left, const void *right) {
    const dirac *a = left, *b = right;
    return (a->risk > b->risk) - (a->risk < b->risk);
}

/* out: shape (s->count), zeroed */
static hf_status describe_all(hf_error *error, const hf_problem *problem, search *s, hf_stationary *out) {
    double mass = 1;
    for (size_t i = 0; i < s->count; i++) {
        HF_TRY(hf_motion_linearise(error, &s->motion, s->found[i].theta, &mass));
        HF_TRY(hf_stationary_describe(error, problem, &s->motion, s->found[i].theta, &mass, &out[i]));
    }
    return HF_OK;
}

static size_t default_starts(size_t dim) {
    static const size_t starts[] = {0, 64, 256, 512, 512};
    return starts[dim];
}

hf_status hf_stationary_diracs(hf_error *error, const hf_problem *problem, size_t starts, size_t *tried,
                               bool *more, size_t *count, hf_stationary **out) {
    const hf_grid *grid = hf_problem_grid(problem);
    search s = {.grid = grid, .dim = hf_grid_dim(grid)};
    *tried = *count = 0;
    *more = false;
    *out = NULL;
    if (hf_problem_temperature(problem) != 0)
        return hf_raise(
            error, HF_ERR_INPUT,
            "stationary Diracs: the temperature is %g; expected 0: with one no Dirac is stationary",
            hf_problem_temperature(problem));
    hf_status status = hf_motion_allocate(error, problem, 1, &s.motion);
    if (status == HF_OK)
        status = try_all(error, &s, starts > 0 ? starts : default_starts(s.dim), starts > 0, tried);
    qsort(s.found, s.count, sizeof *s.found, by_risk);
    if (status == HF_OK)
        status = hf_allocate(error, s.count > 0 ? s.count : 1, sizeof **out, out);
    if (status == HF_OK)
        status = describe_all(error, problem, &s, *out);
    hf_motion_clear(&s.motion);
    for (size_t i = 0; i < s.count && status != HF_OK && *out != NULL; i++)
        hf_stationary_clear(&(*out)[i]);
    if (status != HF_OK) {
        free(*out);
        *out = NULL;
        return status;
    }
    *more = s.more;
    *count = s.count;
    return HF_OK;
}
