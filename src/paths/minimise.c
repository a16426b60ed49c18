/* The minimum of a smooth function: limited-memory BFGS while the residual is large, then Newton's method,
 * its systems solved by conjugate gradients with differences of the gradient for the Hessian and the BFGS
 * matrix for a preconditioner. J. Nocedal, S. J. Wright: Numerical Optimization, 2nd edition, chapters 3, 5
 * and 7. */
#include "paths/minimise.h"
#include "paths/lbfgs.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

static const double near = 1e-4; /* the residual at which Newton's method takes over */
enum { NEWTON_MAX = 30, SEARCH_MAX = 50, CONJUGATE_MAX = 200, POINTS = 2, VECTORS = 5 };

typedef struct point {
    hf_objective_value is;
    double *x, *slope; /* shape (count) */
} point;

typedef struct search {
    hf_error *error;
    const hf_objective *objective;
    size_t count, evaluations;
    point at, trial;
    double *direction, *remainder, *conjugate, *scaled, *curved; /* shape (count) */
    double *memory;
    hf_lbfgs lbfgs;
} search;

/* HF_ERR_NUMERIC, without a message for the caller, where there is no value. */
static hf_status evaluate(search *s, point *p) {
    hf_error inner = {0};
    s->evaluations++;
    hf_status status = s->objective->evaluate(&inner, s->objective->self, p->x, &p->is, p->slope);
    if (status != HF_OK)
        return hf_raise(s->error, status, "%s", inner.message);
    bool finite = isfinite(p->is.value) && isfinite(p->is.residual);
    return finite ? HF_OK : hf_raise(s->error, HF_ERR_NUMERIC, "the function is not finite");
}

/* at + length * direction as the trial. */
static hf_status try_step(search *s, double length) {
    memcpy(s->trial.x, s->at.x, s->count * sizeof *s->trial.x);
    cblas_daxpy((int)s->count, length, s->direction, 1, s->trial.x, 1);
    return evaluate(s, &s->trial);
}

static void accept(search *s) {
    hf_lbfgs_note(&s->lbfgs, s->at.x, s->trial.x, s->at.slope, s->trial.slope);
    point swap = s->at;
    s->at = s->trial;
    s->trial = swap;
}

/* A step along the direction that meets the weak Wolfe conditions, by bisection. */
static hf_status search_line(search *s, double length, bool *found) {
    static const double decrease = 1e-4, flattening = 0.9;
    int n = (int)s->count;
    double slope = cblas_ddot(n, s->at.slope, 1, s->direction, 1), lower = 0, upper = INFINITY;
    *found = false;
    for (size_t i = 0; i < SEARCH_MAX && !*found; i++) {
        hf_status status = try_step(s, length);
        if (status != HF_OK && status != HF_ERR_NUMERIC)
            return status;
        if (status != HF_OK ||
            s->trial.is.value > s->at.is.value + decrease * length * slope + s->at.is.rounding)
            upper = length;
        else if (cblas_ddot(n, s->trial.slope, 1, s->direction, 1) < flattening * slope)
            lower = length;
        else
            *found = true;
        length = isfinite(upper) ? (lower + upper) / 2 : 2 * lower;
    }
    return HF_OK;
}

static hf_status quasi_newton(search *s, size_t steps, double until) {
    int n = (int)s->count;
    bool found = true;
    for (size_t i = 0; i < steps && found && s->at.is.residual > until; i++) {
        memcpy(s->direction, s->at.slope, s->count * sizeof *s->direction);
        hf_lbfgs_apply(&s->lbfgs, s->direction);
        cblas_dscal(n, -1, s->direction, 1);
        double size = cblas_dnrm2(n, s->direction, 1), most = sqrt((double)s->count);
        HF_TRY(search_line(s, i == 0 && size > most ? most / size : 1, &found));
        if (found)
            accept(s);
    }
    return HF_OK;
}

/* curved = Hessian at `at` times a vector, by a difference of gradients: over a length that leaves rounding
 * of the gradient, which the condition of the kernel magnifies, well below the difference. */
static hf_status curve(search *s, const double *vector) {
    static const double share = 1e-6;
    int n = (int)s->count;
    double length = share * (1 + cblas_dnrm2(n, s->at.x, 1)) / cblas_dnrm2(n, vector, 1);
    memcpy(s->trial.x, s->at.x, s->count * sizeof *s->trial.x);
    cblas_daxpy(n, length, vector, 1, s->trial.x, 1);
    HF_TRY(evaluate(s, &s->trial));
    for (size_t i = 0; i < s->count; i++)
        s->curved[i] = (s->trial.slope[i] - s->at.slope[i]) / length;
    return HF_OK;
}

/* direction = -Hessian^-1 slope by preconditioned conjugate gradients; as far as the curvature is positive.
 */
static hf_status newton_direction(search *s) {
    static const double tolerance = 1e-3; /* of the system: the residual falls by as much in a step */
    int n = (int)s->count;
    size_t bytes = s->count * sizeof *s->direction;
    memset(s->direction, 0, bytes);
    memcpy(s->remainder, s->at.slope, bytes);
    cblas_dscal(n, -1, s->remainder, 1);
    double first = cblas_dnrm2(n, s->remainder, 1), before = 0;
    for (size_t i = 0; i < CONJUGATE_MAX && cblas_dnrm2(n, s->remainder, 1) > tolerance * first; i++) {
        memcpy(s->scaled, s->remainder, bytes);
        hf_lbfgs_apply(&s->lbfgs, s->scaled);
        double product = cblas_ddot(n, s->remainder, 1, s->scaled, 1);
        if (i > 0)
            cblas_daxpy(n, product / before, s->conjugate, 1, s->scaled, 1);
        memcpy(s->conjugate, s->scaled, bytes);
        HF_TRY(curve(s, s->conjugate));
        double curvature = cblas_ddot(n, s->conjugate, 1, s->curved, 1);
        if (!(curvature > 0)) {
            if (i == 0)
                memcpy(s->direction, s->conjugate, bytes);
            return HF_OK;
        }
        cblas_daxpy(n, product / curvature, s->conjugate, 1, s->direction, 1);
        cblas_daxpy(n, -product / curvature, s->curved, 1, s->remainder, 1);
        before = product;
    }
    return HF_OK;
}

/* Whether the trial, a step of this length along Newton's direction, lowers the residual, and the value as
 * far as values can tell: where the quadratic model lowers it by less than its rounding the residual, which
 * is far less rounded, decides alone. */
static bool improves(const search *s, double length) {
    double slope = cblas_ddot((int)s->count, s->at.slope, 1, s->direction, 1);
    bool told = -slope * length * (1 - length / 2) > s->at.is.rounding;
    return s->trial.is.residual < s->at.is.residual &&
           (!told || s->trial.is.value <= s->at.is.value + s->at.is.rounding);
}

static hf_status newton(search *s, double tolerance) {
    enum { HALVINGS = 8 };
    bool better = true;
    for (size_t i = 0; i < NEWTON_MAX && better && s->at.is.residual > tolerance; i++) {
        double length = 1;
        HF_TRY(newton_direction(s));
        better = false;
        for (size_t k = 0; k < HALVINGS && !better; k++, length /= 2) {
            hf_status status = try_step(s, length);
            if (status != HF_OK && status != HF_ERR_NUMERIC)
                return status;
            better = status == HF_OK && improves(s, length);
        }
        if (better)
            accept(s);
    }
    return HF_OK;
}

static hf_status minimise(search *s, double tolerance, size_t steps) {
    HF_TRY(evaluate(s, &s->at));
    HF_TRY(quasi_newton(s, steps, near));
    return s->at.is.residual <= near ? newton(s, tolerance) : HF_OK;
}

static hf_status create(hf_error *error, const hf_objective *objective, const double *x, search *s) {
    size_t n = objective->count;
    *s = (search){.error = error, .objective = objective, .count = n};
    HF_TRY(hf_array_create(error, (2 * POINTS + VECTORS) * n, &s->memory));
    double **const vectors[] = {&s->at.x,      &s->at.slope,  &s->trial.x, &s->trial.slope, &s->direction,
                                &s->remainder, &s->conjugate, &s->scaled,  &s->curved};
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
        *vectors[k] = s->memory + k * n;
    memcpy(s->at.x, x, n * sizeof *x);
    return hf_lbfgs_create(error, n, &s->lbfgs);
}

hf_status hf_minimise(hf_error *error, const hf_objective *objective, double tolerance, size_t steps,
                      double *x, hf_minimum_found *out) {
    search s;
    hf_status status = create(error, objective, x, &s);
    if (status == HF_OK)
        status = minimise(&s, tolerance, steps);
    if (status == HF_OK)
        memcpy(x, s.at.x, s.count * sizeof *x);
    *out = (hf_minimum_found){s.at.is, s.evaluations};
    hf_array_destroy(&s.lbfgs.steps);
    hf_array_destroy(&s.memory);
    return status;
}
