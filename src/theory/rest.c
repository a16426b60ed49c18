/* Where a case, and a solution of it, comes to rest: all searches and measurements together.
 * docs/theory.md, sections 15 to 17. */
#include "theory/rest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A density is concentrated when so much of its variance, the present or the initial one, is left in its
 * groups at most; or when they are as narrow as two cells. */
static const double variance_left = 0.4, narrow_cells = 2;
/* A stationary measure is where the solution goes when so much of the way to its risk is left at most. */
static const double left_to_go = 0.5;
/* A Dirac is near when the density's mean is within so many of its standard deviations, and it is where the
 * solution went when it is within so much of the goal. */
static const double surrounded = 3, same = 1e-6;
/* A displacement of less than so many standard deviations is driven by the spread, at second order. */
static const double displaced = 0.1;
/* Cell means lose the shape of a density that is too narrow, in cells a standard deviation: at six van Leer's
 * fluxes change the rate of a decay by 2 to 3 %, at three by more than 10 %. A growth leaves that behind, and
 * a mean hardly depends on it. */
static const double resolved_decay = 6, resolved_else = 3;

static void tell(const hf_rest_options *options, const char *what) {
    if (options->progress != NULL)
        options->progress(what);
}

void hf_rest_clear(hf_rest *rest) {
    for (size_t k = 0; k < rest->diracs; k++)
        hf_stationary_clear(&rest->dirac[k]);
    free(rest->dirac);
    hf_optimum_clear(&rest->optimum);
    hf_gibbs_clear(&rest->gibbs);
    hf_stationary_clear(&rest->goal);
    *rest = (hf_rest){0};
}

double hf_rest_minimum(const hf_rest *rest) {
    return rest->has_optimum ? rest->optimum.risk : rest->has_gibbs ? rest->gibbs.free_energy : NAN;
}

static double dot(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---- the case ------------------------------------------------------------------------------------ */

/* A minimum whose gap is larger than asked for is one all the same: it says how large. */
static hf_status find_optimum(hf_error *error, const hf_problem *problem, hf_rest *out) {
    hf_error own = {0};
    hf_status status = hf_optimum_run(&own, problem, NULL, &out->optimum);
    out->has_optimum = status == HF_OK || (status == HF_ERR_NUMERIC && out->optimum.atoms.count > 0);
    return out->has_optimum ? HF_OK : hf_raise(error, status, "%s", own.message);
}

static hf_status search(hf_error *error, const hf_problem *problem, const hf_rest_options *options,
                        hf_rest *out) {
    if (hf_problem_temperature(problem) > 0) {
        tell(options, "the least free energy");
        HF_TRY(hf_gibbs_run(error, problem, 0, &out->gibbs));
        out->has_gibbs = true;
        return HF_OK;
    }
    tell(options, "stationary Diracs");
    HF_TRY(hf_stationary_diracs(error, problem, options->starts, &out->tried, &out->more, &out->diracs,
                                &out->dirac));
    tell(options, "the least risk");
    return find_optimum(error, problem, out);
}

/* ---- the goal ------------------------------------------------------------------------------------ */

static double total_spread(const hf_course *course, size_t output) {
    double trace = 0;
    for (size_t d = 0; d < course->dim; d++)
        trace += course->covariance[(output * course->dim + d) * course->dim + d];
    return sqrt(fmax(trace, 0));
}

static double cell_diagonal(const hf_grid *grid) {
    double square = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        square += pow(hf_grid_spacing(grid, d), 2);
    return sqrt(square);
}

/* The groups of the last density; `missing` says so where they are too wide to be taken for atoms. */
static hf_status find_groups(hf_error *error, const hf_solved *solved, hf_rest *out, hf_atoms *atoms) {
    const hf_grid *grid = hf_problem_grid(solved->problem);
    const hf_course *course = &solved->course;
    double *rho, wide = fmax(total_spread(course, 0), total_spread(course, course->count - 1));
    HF_TRY(hf_array_create(error, hf_grid_cells(grid), &rho));
    memcpy(rho, solved->rho, hf_grid_cells(grid) * sizeof *rho);
    hf_status status = hf_grid_make_positive(error, grid, rho);
    if (status == HF_OK)
        status = hf_concentration(error, solved->problem, rho, atoms, &out->spread);
    if (status == HF_OK && out->spread > fmax(sqrt(variance_left) * wide, narrow_cells * cell_diagonal(grid)))
        snprintf(out->missing, sizeof out->missing,
                 "the density is not concentrated: its groups have a spread of %.3g, of %.3g in all",
                 out->spread, wide);
    hf_array_destroy(&rho);
    return status;
}

/* The stationary measure beside the groups, or why there is none: that is no failure. */
static hf_status find_goal(hf_error *error, const hf_solved *solved, hf_rest *out) {
    hf_error own = {0};
    hf_atoms atoms = {0};
    if (hf_problem_temperature(solved->problem) > 0) {
        snprintf(out->missing, sizeof out->missing, "with a temperature a density does not concentrate");
        return HF_OK;
    }
    hf_status status = find_groups(&own, solved, out, &atoms);
    if (status == HF_OK && out->missing[0] == '\0') {
        status = hf_stationary_polish(&own, solved->problem, &atoms, &out->goal);
        out->concentrated = status == HF_OK;
    }
    if (status != HF_OK)
        snprintf(out->missing, sizeof out->missing, "%.*s", HF_EVIDENCE_MAX - 1, own.message);
    hf_atoms_clear(&atoms);
    return status == HF_OK || status == HF_ERR_NUMERIC ? HF_OK : hf_raise(error, status, "%s", own.message);
}

/* Whether a solution is on the last part of the way to a risk. */
static bool nearly_at(const hf_course *course, double risk) {
    double left = course->risk[course->count - 1] - risk;
    return left > -course->noise && left <= left_to_go * (course->risk[0] - risk);
}

static bool arrives(const hf_course *course, const hf_rest *rest) {
    return rest->concentrated && rest->goal.stability != HF_UNSTABLE && nearly_at(course, rest->goal.risk);
}

/* The risk of the stationary measure that a solution goes to; NAN if there is none to be seen. With a
 * temperature the Gibbs density is the only one. */
static double limit_of(const hf_course *course, const hf_rest *rest) {
    if (rest->has_gibbs && nearly_at(course, rest->gibbs.free_energy))
        return rest->gibbs.free_energy;
    return rest->arrives ? rest->goal.risk : NAN;
}

/* ---- local rates --------------------------------------------------------------------------------- */

/* mean - theta; on an angle the shorter way round. */
static void displacement(const hf_grid *grid, const double *mean, const double *theta, double *out) {
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        out[d] = mean[d] - theta[d];
        if (hf_grid_axis(grid, d)->periodic)
            out[d] = remainder(out[d], 2 * M_PI);
    }
}

/* Standard deviation along a direction. */
static double deviation(const hf_course *course, size_t output, const double *direction) {
    size_t dim = course->dim;
    double variance = 0;
    for (size_t i = 0; i < dim; i++)
        variance += direction[i] * dot(dim, course->covariance + (output * dim + i) * dim, direction);
    return sqrt(fmax(variance, 0));
}

double hf_rest_cells_wide(const hf_problem *problem, const hf_course *course, size_t output,
                          const double *direction) {
    const hf_grid *grid = hf_problem_grid(problem);
    double width = 0;
    for (size_t d = 0; d < course->dim; d++)
        width += pow(direction[d] * hf_grid_spacing(grid, d), 2);
    return deviation(course, output, direction) / sqrt(width);
}

/* Whether the initial density surrounds a Dirac: in each of its directions. */
static bool surrounds(const hf_grid *grid, const hf_course *course, const hf_stationary *dirac) {
    double x[HF_DIM_MAX];
    displacement(grid, course->mean, dirac->atoms.theta, x);
    for (size_t k = 0; k < course->dim; k++) {
        const double *axis = dirac->spread_axis + k * course->dim;
        if (fabs(dot(course->dim, axis, x)) > surrounded * deviation(course, 0, axis))
            return false;
    }
    return true;
}

/* The Dirac that the solution goes to; else the nearest to its initial mean, if it starts around it. */
static size_t find_near(const hf_grid *grid, const hf_course *course, const hf_rest *rest) {
    double x[HF_DIM_MAX], least = INFINITY;
    size_t near = rest->diracs;
    for (size_t k = 0; k < rest->diracs; k++) {
        const double *theta = rest->dirac[k].atoms.theta;
        displacement(grid, course->mean, theta, x);
        double distance = sqrt(dot(course->dim, x, x));
        if (distance < least) {
            least = distance;
            near = k;
        }
        if (rest->goal.atoms.count == 1 && rest->arrives) {
            displacement(grid, rest->goal.atoms.theta, theta, x);
            if (sqrt(dot(course->dim, x, x)) <= same)
                return k;
        }
    }
    return near < rest->diracs && surrounds(grid, course, &rest->dirac[near]) ? near : rest->diracs;
}

/* The course as far as the grid resolves its spread along a direction. */
static hf_course resolved(const hf_problem *problem, const hf_course *course, const double *direction,
                          double cells) {
    hf_course part = *course;
    if (hf_problem_sampling(problem) == HF_CELL_MEANS)
        for (part.count = 0; part.count < course->count; part.count++)
            if (hf_rest_cells_wide(problem, course, part.count, direction) < cells)
                break;
    return part;
}

/* Of the Dirac that they are about. The spread drives what of the mean is faster than twice its own rate. */
static void add_rate(hf_rest *out, bool mean, double promised, hf_fit measured) {
    if (isfinite(measured.value) && out->rates < HF_RATES_MAX)
        out->rate[out->rates++] =
            (hf_local_rate){.mean = mean,
                            .promised = promised,
                            .measured = measured,
                            .driven = mean && promised > 2 * out->dirac[out->near].spread[0]};
}

/* course: with its means as displacements from the Dirac. */
static void measure_rates(const hf_problem *problem, const hf_course *course, hf_rest *out) {
    static const double origin[HF_DIM_MAX];
    const hf_stationary *dirac = &out->dirac[out->near];
    for (size_t k = 0; k < course->dim; k++) {
        const double *axis = dirac->spread_axis + k * course->dim;
        hf_course part =
            resolved(problem, course, axis, dirac->spread[k] > 0 ? resolved_decay : resolved_else);
        add_rate(out, false, dirac->spread[k], hf_course_rate(&part, axis, NULL));
    }
    for (size_t k = 0; k < course->dim; k++) {
        const double *axis = dirac->rate_axis + k * course->dim;
        hf_course part = resolved(problem, course, axis, resolved_else);
        if (fabs(dot(course->dim, axis, course->mean)) >= displaced * deviation(course, 0, axis))
            add_rate(out, true, dirac->rate[k], hf_course_rate(&part, axis, origin));
    }
}

static hf_status find_rates(hf_error *error, const hf_solved *solved, hf_rest *out) {
    const hf_grid *grid = hf_problem_grid(solved->problem);
    hf_course course = solved->course;
    double *mean;
    out->near = find_near(grid, &course, out);
    if (out->near == out->diracs)
        return HF_OK;
    HF_TRY(hf_array_create(error, course.count * course.dim, &mean));
    for (size_t i = 0; i < course.count; i++)
        displacement(grid, course.mean + i * course.dim, out->dirac[out->near].atoms.theta,
                     mean + i * course.dim);
    course.mean = mean;
    measure_rates(solved->problem, &course, out);
    hf_array_destroy(&mean);
    return HF_OK;
}

/* ---- what is given -------------------------------------------------------------------------------- */

/* size: numbers at an output; heated: they may be infinite */
static hf_status check_series(hf_error *error, const hf_course *course, const char *name,
                              const double *series, size_t size, bool heated) {
    for (size_t i = 0; i < course->count * size; i++)
        if (!isfinite(series[i]) && !(heated && series[i] > 0))
            return hf_raise(error, HF_ERR_INPUT, "%s of the solution at t = %g: %g; expected a finite number",
                            name, course->time[i / size], series[i]);
    return HF_OK;
}

static hf_status check_solved(hf_error *error, const hf_problem *problem, const hf_solved *solved) {
    const hf_course *c = &solved->course;
    bool heated = hf_problem_temperature(problem) > 0;
    HF_TRY(check_series(error, c, heated ? "free energy" : "risk", c->risk, 1, false));
    HF_TRY(check_series(error, c, "gap", solved->gap, 1, false));
    HF_TRY(check_series(error, c, "dissipation", c->dissipation, 1, heated));
    HF_TRY(check_series(error, c, "dissipated", c->dissipated, 1, false));
    HF_TRY(check_series(error, c, "mean", c->mean, c->dim, false));
    return check_series(error, c, "covariance", c->covariance, c->dim * c->dim, false);
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static hf_status measure_solution(hf_error *error, const hf_problem *problem, const hf_solved *given,
                                  const hf_rest_options *options, hf_rest *out) {
    hf_solved solved = *given;
    solved.course.start = out->has_gibbs && solved.course.count > 1 ? 1 : 0;
    out->has_course = true;
    tell(options, "the course to rest");
    HF_TRY(find_goal(error, &solved, out));
    out->arrives = arrives(&solved.course, out);
    double limit = limit_of(&solved.course, out);
    HF_TRY(hf_approach_measure(error, &solved.course, limit, hf_rest_minimum(out), &out->approach));
    HF_TRY(find_rates(error, &solved, out));
    hf_rest_judge(problem, &solved, out);
    return HF_OK;
}

hf_status hf_rest_measure(hf_error *error, const hf_problem *problem, const hf_solved *solved,
                          const hf_rest_options *options, hf_rest *out) {
    static const hf_rest_options defaults;
    *out = (hf_rest){0};
    options = options != NULL ? options : &defaults;
    hf_status status = solved != NULL ? check_solved(error, problem, solved) : HF_OK;
    if (status == HF_OK)
        status = search(error, problem, options, out);
    out->near = out->diracs;
    if (status == HF_OK && solved != NULL)
        status = measure_solution(error, problem, solved, options, out);
    if (status != HF_OK)
        hf_rest_clear(out);
    return status;
}
