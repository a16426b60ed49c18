/* The numbers that several sections of a report quote. */
#include "store/report.h"
#include "store/solution.h"

#include <math.h>
#include <string.h>

/* ---- series ----------------------------------------------------------------------------------------- */

typedef struct span {
    double first, last, least, most; /* least and most of all outputs */
} span;

static hf_status read_span(hf_error *error, const hf_solution *solution, const char *name, double *scratch,
                           span *out) {
    size_t count;
    hf_solution_times(solution, &count);
    HF_TRY(hf_solution_series(error, solution, name, 1, scratch));
    *out = (span){scratch[0], scratch[count - 1], scratch[0], scratch[0]};
    for (size_t i = 1; i < count; i++) {
        out->least = fmin(out->least, scratch[i]);
        out->most = fmax(out->most, scratch[i]);
    }
    return HF_OK;
}

/* |F(t_0) - F(t) - int D| at worst. With a temperature t_0 is the first output after 0, where D is finite. */
static double worst_balance(const hf_course *course, bool heated) {
    size_t start = heated ? 1 : 0;
    double worst = NAN;
    for (size_t i = start + 1; i < course->count; i++) {
        double fallen = course->risk[start] - course->risk[i];
        worst = fmax(worst, fabs(fallen - (course->dissipated[i] - course->dissipated[start])));
    }
    return worst;
}

static hf_status gather_course(hf_error *error, const hf_report *report, double *scratch,
                               hf_report_facts *out) {
    span energy, risk, gap, dissipation, mass, minimum, negative, wall;
    const hf_solution *solution = report->solution;
    HF_TRY(read_span(error, solution, out->heated ? "free_energy" : "risk", scratch, &energy));
    HF_TRY(read_span(error, solution, "risk", scratch, &risk));
    HF_TRY(read_span(error, solution, "gap", scratch, &gap));
    HF_TRY(read_span(error, solution, "dissipation", scratch, &dissipation));
    HF_TRY(read_span(error, solution, "mass", scratch, &mass));
    HF_TRY(read_span(error, solution, "minimum", scratch, &minimum));
    HF_TRY(read_span(error, solution, "negative_mass", scratch, &negative));
    HF_TRY(read_span(error, solution, "wall_mass", scratch, &wall));
    out->first_energy = energy.first;
    out->last_energy = energy.last;
    out->risk = risk.last;
    out->gap = gap.last;
    out->first_dissipation = dissipation.first;
    out->last_dissipation = dissipation.last;
    out->mass_error = fmax(fabs(mass.least - 1), fabs(mass.most - 1));
    out->minimum = minimum.least;
    out->negative_mass = negative.most;
    out->walled = wall.most;
    out->at_walls = report->solved->wall_mass > HF_WALLED;
    out->balance = worst_balance(&report->solved->course, out->heated);
    return HF_OK;
}

/* ---- the error of the grid -------------------------------------------------------------------------- */

/* Whether a refinement study ends with the run of the solution: same case, flux and cells. */
static bool is_of_run(const hf_refinement *refinement, const hf_problem *problem) {
    const hf_grid *grid = hf_problem_grid(problem);
    const hf_refinement_row *finest = &refinement->row[refinement->count - 1];
    bool same = refinement->dim == hf_grid_dim(grid) &&
                strcmp(refinement->name, hf_problem_name(problem)) == 0 &&
                strcmp(refinement->flux, hf_problem_flux(problem)->name) == 0;
    for (size_t d = 0; d < refinement->dim && same; d++)
        same = finest->cells[d] == hf_grid_axis(grid, d)->cells;
    return same;
}

static hf_status gather_errors(hf_error *error, const hf_report *report, double *scratch,
                               hf_report_facts *out) {
    const hf_refinement *refinement = report->refinement;
    out->energy_error = out->risk_error = NAN;
    if (hf_solution_has(report->solution, "risk_error")) {
        span risk, energy;
        HF_TRY(read_span(error, report->solution, "risk_error", scratch, &risk));
        HF_TRY(read_span(error, report->solution, "free_energy_error", scratch, &energy));
        out->risk_error = risk.last;
        out->energy_error = out->heated ? energy.last : risk.last;
        out->error_source = "estimated from two coarser grids beside the run";
    } else if (refinement != NULL && is_of_run(refinement, report->solved->problem)) {
        out->risk_error = refinement->row[refinement->count - 1].error.risk;
        out->energy_error = out->heated ? NAN : out->risk_error;
        out->error_source = "that of <code>verify.nc</code> on these cells";
    }
    return HF_OK;
}

/* ---- the theory ------------------------------------------------------------------------------------- */

hf_outcome hf_report_outcome(const hf_verdict *verdict) {
    if (verdict->assumed == HF_NO)
        return HF_IDLE;
    if (verdict->assumed == HF_OPEN || verdict->concluded == HF_OPEN)
        return HF_UNDECIDED;
    return verdict->concluded == HF_YES ? HF_HELD : HF_CONTRADICTED;
}

bool hf_report_violated(const hf_chaos_group *group, size_t bound) {
    return group->violated[bound] && strcmp(hf_bound_names[bound], "leading") != 0;
}

bool hf_report_static_violated(const hf_static_record *record) {
    return record->measured.lower > record->bound;
}

static size_t count_violated(const hf_chaos *chaos) {
    size_t count = 0;
    for (size_t k = 0; k < chaos->groups; k++)
        for (size_t b = 0; b < HF_BOUNDS; b++)
            count += hf_report_violated(&chaos->group[k], b);
    for (size_t k = 0; k < chaos->statics; k++)
        count += hf_report_static_violated(&chaos->fixed[k]);
    return count;
}

static void gather_theory(const hf_report *report, hf_report_facts *out) {
    const hf_rest *rest = report->rest;
    size_t *const counts[] = {&out->held, &out->contradicted, &out->idle, &out->undecided};
    for (size_t i = 0; i < rest->verdicts; i++)
        ++*counts[hf_report_outcome(&rest->verdict[i])];
    out->violated = report->chaos != NULL ? count_violated(report->chaos) : 0;
    out->least = out->least_gap = out->continuum = out->continuum_error = NAN;
    if (rest->has_optimum) {
        out->least = rest->optimum.risk;
        out->least_gap = rest->optimum.gap;
    } else if (rest->has_gibbs) {
        out->least = rest->gibbs.free_energy;
        out->least_gap = rest->gibbs.gap;
        out->continuum_error = rest->gibbs.continuum_error;
        out->continuum = isnan(out->continuum_error) ? NAN : rest->gibbs.continuum;
    }
}

bool hf_report_is_minimiser(const hf_rest *rest) {
    return rest->goal.risk - rest->optimum.risk <= HF_OPTIMAL + rest->optimum.gap;
}

/* ---- promises --------------------------------------------------------------------------------------- */

double hf_report_balance_limit(const hf_problem *problem) {
    return fmax(hf_problem_rtol(problem), 1e-12);
}

static void judge(const hf_problem *problem, hf_report_facts *out) {
    out->mass_kept = out->mass_error <= HF_MASS_LIMIT;
    out->sign_kept = out->dual || out->minimum >= -hf_problem_atol(problem);
    /* with a temperature the entropy leaves out the cells that a dual flux has below zero */
    out->balance_promised = isfinite(out->balance) && !(out->dual && out->heated);
    out->balance_kept = !out->balance_promised || out->balance <= hf_report_balance_limit(problem);
}

hf_status hf_report_gather(hf_error *error, const hf_report *report, hf_report_facts *out) {
    const hf_problem *problem = report->solved->problem;
    const hf_course *course = &report->solved->course;
    double *scratch, stationary;
    *out = (hf_report_facts){.heated = hf_problem_temperature(problem) > 0,
                             .dual = hf_problem_flux(problem)->dual,
                             .stop = hf_problem_stop(problem),
                             .end = course->time[course->count - 1]};
    HF_TRY(hf_dataset_get_number(error, hf_solution_dataset(report->solution), "solver_stationary",
                                 &stationary));
    out->stationary = stationary != 0;
    HF_TRY(hf_array_create(error, course->count, &scratch));
    hf_status status = gather_course(error, report, scratch, out);
    if (status == HF_OK)
        status = gather_errors(error, report, scratch, out);
    hf_array_destroy(&scratch);
    HF_TRY(status);
    gather_theory(report, out);
    judge(problem, out);
    return HF_OK;
}
