/* Where a case, or a solution of it, comes to rest, on disk: limit.nc of docs/formats.md. What is not there,
 * of a case alone or where no Dirac was found, has no dimension and no variables. Equations: docs/theory.md
 * (53)-(63). */
#include "store/provenance.h"
#include "store/solution.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64, FLAGS = 3 };

/* ---- what stationary measures have ------------------------------------------------------------------ */

/* An array of hf_stationary, an entry an atom: a variable behind a prefix. */
static const struct {
    const char *name, *units, *long_name;
    size_t offset;
    size_t rank; /* dimensions of an entry, each over the coordinates */
} arrays[] = {
    {"position", "1", "where the atom is", offsetof(hf_stationary, atoms.theta), 1},
    {"A", "nat", "A: second derivatives of the potential Psi at the atom", offsetof(hf_stationary, A), 2},
    {"B", "nat", "B: what the mean at the atom adds to A by changing the potential",
     offsetof(hf_stationary, B), 2},
    {"spread_rate", "1", "eigenvalues of A, ascending: rates at which a group about the atom contracts",
     offsetof(hf_stationary, spread), 1},
};
enum { ARRAYS = sizeof arrays / sizeof *arrays };

static void array_name(const char *prefix, const char *name, char text[NAME_SIZE]) {
    snprintf(text, NAME_SIZE, "%s_%s", prefix, name);
}

static hf_status define_arrays(hf_error *error, hf_dataset *dataset, const char *prefix,
                               const char *dimension) {
    static const char *const over[] = {"coordinate", "coordinate2"};
    char name[NAME_SIZE];
    for (size_t i = 0; i < ARRAYS; i++) {
        array_name(prefix, arrays[i].name, name);
        hf_variable variable = {
            .name = name, .dims = {dimension}, .units = arrays[i].units, .long_name = arrays[i].long_name};
        for (size_t r = 0; r < arrays[i].rank; r++)
            variable.dims[1 + r] = over[r];
        HF_TRY(hf_dataset_define(error, dataset, &variable));
    }
    return HF_OK;
}

/* From the entry `first` on, one an atom. */
static hf_status put_arrays(hf_error *error, hf_dataset *dataset, const char *prefix, size_t first,
                            const hf_stationary *s) {
    char name[NAME_SIZE];
    for (size_t i = 0; i < ARRAYS; i++) {
        const double *values;
        memcpy(&values, (const char *)s + arrays[i].offset, sizeof values);
        array_name(prefix, arrays[i].name, name);
        HF_TRY(hf_dataset_put(error, dataset, name, first, s->atoms.count, values));
    }
    return HF_OK;
}

/* ---- stationary Diracs ------------------------------------------------------------------------------ */

static const hf_variable of_diracs[] = {
    {"dirac_mean_rate",
     {"dirac", "coordinate"},
     "1",
     "eigenvalues of A + B, ascending: rates at which the mean comes back",
     0,
     false},
    {"dirac_risk", {"dirac"}, "nat", "risk R of the Dirac measure", 0, false},
    {"dirac_residual", {"dirac"}, "nat", "length of the gradient of the potential, zero at rest", 0, false},
    {"dirac_gap", {"dirac"}, "nat", "bound of the risk less its minimum", 0, false},
    {"dirac_stability", {"dirac"}, "1", "whether the flow comes back to the Dirac measure", 0, true},
};

static hf_status put_dirac(hf_error *error, hf_dataset *dataset, size_t k, const hf_stationary *s) {
    HF_TRY(put_arrays(error, dataset, "dirac", k, s));
    HF_TRY(hf_dataset_put(error, dataset, "dirac_mean_rate", k, 1, s->rate));
    HF_TRY(hf_dataset_put(error, dataset, "dirac_risk", k, 1, &s->risk));
    HF_TRY(hf_dataset_put(error, dataset, "dirac_residual", k, 1, &s->residual));
    HF_TRY(hf_dataset_put(error, dataset, "dirac_gap", k, 1, &s->gap));
    return hf_dataset_put(error, dataset, "dirac_stability", k, 1, &(double){(double)s->stability});
}

static hf_status write_diracs(hf_error *error, hf_dataset *dataset, const hf_rest *rest) {
    HF_TRY(hf_dataset_set_integer(error, dataset, "starts", (long)rest->tried));
    HF_TRY(hf_dataset_set_integer(error, dataset, "diracs", (long)rest->diracs));
    HF_TRY(hf_dataset_set_integer(error, dataset, "more_diracs", rest->more));
    if (rest->diracs == 0)
        return HF_OK;
    HF_TRY(hf_dataset_set_integer(error, dataset, "value_degenerate", rest->dirac[0].value_degenerate));
    HF_TRY(hf_dataset_dimension(error, dataset, "dirac", rest->diracs));
    HF_TRY(define_arrays(error, dataset, "dirac", "dirac"));
    for (size_t i = 0; i < sizeof of_diracs / sizeof *of_diracs; i++)
        HF_TRY(hf_dataset_define(error, dataset, &of_diracs[i]));
    HF_TRY(hf_dataset_set_flags(error, dataset, "dirac_stability", FLAGS, "stable unstable degenerate"));
    for (size_t k = 0; k < rest->diracs; k++)
        HF_TRY(put_dirac(error, dataset, k, &rest->dirac[k]));
    return HF_OK;
}

/* ---- the measure that a solution goes to ------------------------------------------------------------ */

static hf_status write_goal(hf_error *error, hf_dataset *dataset, const hf_rest *rest) {
    static const hf_variable mass = {"goal_mass", {"goal_atom"}, "1", "mass of the atom, sums to 1",
                                     0,           false};
    static const hf_variable rate = {"goal_motion_rate",
                                     {"goal_mode"},
                                     "1",
                                     "eigenvalues of the motion of all atoms, ascending",
                                     0,
                                     false};
    const hf_stationary *goal = &rest->goal;
    size_t modes = goal->atoms.count * goal->atoms.dim;
    HF_TRY(hf_dataset_set_number(error, dataset, "spread", rest->spread));
    HF_TRY(hf_dataset_set_integer(error, dataset, "concentrated", rest->concentrated));
    HF_TRY(hf_dataset_set_integer(error, dataset, "arrives", rest->arrives));
    if (!rest->concentrated)
        return hf_dataset_set_text(error, dataset, NULL, "goal_missing", rest->missing);
    HF_TRY(hf_dataset_set_number(error, dataset, "goal_risk", goal->risk));
    HF_TRY(hf_dataset_set_number(error, dataset, "goal_residual", goal->residual));
    HF_TRY(hf_dataset_set_number(error, dataset, "goal_monotonicity", goal->monotonicity));
    HF_TRY(hf_dataset_set_number(error, dataset, "goal_lowest", goal->lowest));
    HF_TRY(hf_dataset_set_number(error, dataset, "goal_gap", goal->gap));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "goal_stability", hf_stability_names[goal->stability]));
    HF_TRY(hf_dataset_dimension(error, dataset, "goal_atom", goal->atoms.count));
    HF_TRY(hf_dataset_dimension(error, dataset, "goal_mode", modes));
    HF_TRY(hf_dataset_define(error, dataset, &mass));
    HF_TRY(hf_dataset_define(error, dataset, &rate));
    HF_TRY(define_arrays(error, dataset, "goal", "goal_atom"));
    HF_TRY(hf_dataset_put(error, dataset, "goal_mass", 0, goal->atoms.count, goal->atoms.mass));
    HF_TRY(hf_dataset_put(error, dataset, "goal_motion_rate", 0, modes, goal->rate));
    return put_arrays(error, dataset, "goal", 0, goal);
}

/* ---- the course to it ------------------------------------------------------------------------------- */

static const hf_variable of_course[] = {
    {"time", {"time"}, "1", "output times of the solution", 0, false},
    {"risk", {"time"}, "nat", "risk R of the solution; with a temperature the free energy F", 0, false},
    {"dissipation", {"time"}, "nat", "dissipation D of the solution", 0, false},
};

/* A fit as five attributes. */
#define FIT(name, member)                                                                                    \
    {name, offsetof(hf_approach, member.value)}, {name "_lower", offsetof(hf_approach, member.lower)},       \
        {name "_upper", offsetof(hf_approach, member.upper)},                                                \
        {name "_first", offsetof(hf_approach, member.first)}, {                                              \
        name "_last", offsetof(hf_approach, member.last)                                                     \
    }

/* Numbers of hf_approach, each an attribute. */
static const struct {
    const char *name;
    size_t offset;
} of_approach[] = {
    {"approach_limit", offsetof(hf_approach, limit)},
    {"approach_limit_error", offsetof(hf_approach, limit_error)},
    {"approach_minimum", offsetof(hf_approach, minimum)},
    FIT("approach_exponent", exponent),
    FIT("approach_rate", rate),
    {"approach_domination", offsetof(hf_approach, domination)},
    {"approach_domination_limit", offsetof(hf_approach, domination_limit)},
    {"approach_balance", offsetof(hf_approach, balance)},
};
enum { APPROACH_NUMBERS = sizeof of_approach / sizeof *of_approach };

static hf_status write_approach(hf_error *error, hf_dataset *dataset, const hf_approach *approach) {
    HF_TRY(hf_dataset_set_integer(error, dataset, "approach_extrapolated", approach->extrapolated));
    for (size_t i = 0; i < APPROACH_NUMBERS; i++) {
        double value;
        memcpy(&value, (const char *)approach + of_approach[i].offset, sizeof value);
        HF_TRY(hf_dataset_set_number(error, dataset, of_approach[i].name, value));
    }
    return HF_OK;
}

static hf_status write_course(hf_error *error, hf_dataset *dataset, const hf_course *course) {
    HF_TRY(hf_dataset_set_number(error, dataset, "noise", course->noise));
    HF_TRY(hf_dataset_dimension(error, dataset, "time", course->count));
    for (size_t i = 0; i < sizeof of_course / sizeof *of_course; i++)
        HF_TRY(hf_dataset_define(error, dataset, &of_course[i]));
    HF_TRY(hf_dataset_put(error, dataset, "time", 0, course->count, course->time));
    HF_TRY(hf_dataset_put(error, dataset, "risk", 0, course->count, course->risk));
    return hf_dataset_put(error, dataset, "dissipation", 0, course->count, course->dissipation);
}

/* ---- rates and verdicts ----------------------------------------------------------------------------- */

static const struct {
    hf_variable variable;
    size_t offset;
} of_rates[] = {
    {{"local_promised", {"local_rate"}, "1", "rate of the linearised flow", 0, false},
     offsetof(hf_local_rate, promised)},
    {{"local_measured", {"local_rate"}, "1", "the same of the solution", 0, false},
     offsetof(hf_local_rate, measured.value)},
    {{"local_lower", {"local_rate"}, "1", "least local rate in the window", 0, false},
     offsetof(hf_local_rate, measured.lower)},
    {{"local_upper", {"local_rate"}, "1", "largest local rate in the window", 0, false},
     offsetof(hf_local_rate, measured.upper)},
    {{"local_first", {"local_rate"}, "1", "time from which it is measured", 0, false},
     offsetof(hf_local_rate, measured.first)},
    {{"local_last", {"local_rate"}, "1", "time to which it is measured", 0, false},
     offsetof(hf_local_rate, measured.last)},
};

static hf_status write_rates(hf_error *error, hf_dataset *dataset, const hf_rest *rest) {
    static const hf_variable of = {
        "local_of", {"local_rate"}, "1", "what decays: the spread, at a rate of A, or the mean, of A + B", 0,
        true};
    if (rest->rates == 0)
        return HF_OK;
    HF_TRY(hf_dataset_set_integer(error, dataset, "local_dirac", (long)rest->near));
    HF_TRY(hf_dataset_dimension(error, dataset, "local_rate", rest->rates));
    HF_TRY(hf_dataset_define(error, dataset, &of));
    HF_TRY(hf_dataset_set_flags(error, dataset, of.name, 2, "spread mean"));
    for (size_t k = 0; k < rest->rates; k++)
        HF_TRY(hf_dataset_put(error, dataset, of.name, k, 1, &(double){rest->rate[k].mean}));
    for (size_t i = 0; i < sizeof of_rates / sizeof *of_rates; i++) {
        HF_TRY(hf_dataset_define(error, dataset, &of_rates[i].variable));
        for (size_t k = 0; k < rest->rates; k++) {
            double value;
            memcpy(&value, (const char *)&rest->rate[k] + of_rates[i].offset, sizeof value);
            HF_TRY(hf_dataset_put(error, dataset, of_rates[i].variable.name, k, 1, &value));
        }
    }
    return HF_OK;
}

static hf_status write_answers(hf_error *error, hf_dataset *dataset, const hf_variable *variable,
                               size_t count, const double *answers) {
    HF_TRY(hf_dataset_define(error, dataset, variable));
    HF_TRY(hf_dataset_set_flags(error, dataset, variable->name, FLAGS, "no yes open"));
    return hf_dataset_put(error, dataset, variable->name, 0, count, answers);
}

static hf_status write_verdicts(hf_error *error, hf_dataset *dataset, const hf_rest *rest) {
    static const hf_variable assumed = {
        "assumed", {"theorem"}, "1", "whether its hypothesis was seen to hold", 0, true};
    static const hf_variable concluded = {
        "concluded", {"theorem"}, "1", "whether its conclusion was seen to hold", 0, true};
    enum { TEXTS = 5 };
    const char *text[TEXTS][HF_VERDICTS_MAX];
    double answer[2][HF_VERDICTS_MAX];
    if (rest->verdicts == 0)
        return HF_OK;
    for (size_t k = 0; k < rest->verdicts; k++) {
        const hf_verdict *v = &rest->verdict[k];
        text[0][k] = v->theorem;
        text[1][k] = v->equation;
        text[2][k] = v->hypothesis;
        text[3][k] = v->conclusion;
        text[4][k] = v->evidence;
        answer[0][k] = v->assumed;
        answer[1][k] = v->concluded;
    }
    HF_TRY(hf_dataset_define_names(error, dataset, "theorem", "theorems of docs/theory.md", rest->verdicts,
                                   text[0]));
    HF_TRY(hf_dataset_define_texts(error, dataset, "equation", "theorem", "where docs/theory.md has it",
                                   text[1]));
    HF_TRY(hf_dataset_define_texts(error, dataset, "hypothesis", "theorem", "what it assumes", text[2]));
    HF_TRY(hf_dataset_define_texts(error, dataset, "conclusion", "theorem", "what it concludes", text[3]));
    HF_TRY(hf_dataset_define_texts(error, dataset, "evidence", "theorem", "what was seen of it", text[4]));
    HF_TRY(write_answers(error, dataset, &assumed, rest->verdicts, answer[0]));
    return write_answers(error, dataset, &concluded, rest->verdicts, answer[1]);
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static hf_status begin(hf_error *error, hf_dataset *dataset, const hf_problem *problem,
                       const char *case_text) {
    const hf_grid *grid = hf_problem_grid(problem);
    const char *names[HF_DIM_MAX];
    char fingerprint[HF_FINGERPRINT_MAX];
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        names[d] = hf_grid_axis(grid, d)->name;
    hf_problem_fingerprint(problem, fingerprint);
    HF_TRY(hf_provenance_write(error, dataset, hf_problem_name(problem), hf_problem_title(problem), case_text,
                               !hf_problem_deterministic(problem)));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "problem", fingerprint));
    HF_TRY(hf_dataset_set_number(error, dataset, "temperature", hf_problem_temperature(problem)));
    HF_TRY(hf_dataset_set_number(error, dataset, "ridge", hf_model_ridge(hf_problem_model(problem))));
    HF_TRY(hf_dataset_define_names(error, dataset, "coordinate", "coordinates of a head", hf_grid_dim(grid),
                                   names));
    return hf_dataset_define_names(error, dataset, "coordinate2", "coordinates of a head, once more",
                                   hf_grid_dim(grid), names);
}

/* The minimum alone: optimum.nc has all of it. */
static hf_status write_minimum(hf_error *error, hf_dataset *dataset, const hf_rest *rest) {
    double minimum = NAN, gap = NAN;
    if (rest->has_optimum) {
        minimum = rest->optimum.risk;
        gap = rest->optimum.gap;
        HF_TRY(hf_dataset_set_integer(error, dataset, "wall_limited", rest->optimum.wall_limited));
    } else if (rest->has_gibbs) {
        minimum = rest->gibbs.free_energy;
        gap = rest->gibbs.gap;
    }
    HF_TRY(hf_dataset_set_number(error, dataset, "minimum", minimum));
    return hf_dataset_set_number(error, dataset, "minimum_gap", gap);
}

static hf_status write_all(hf_error *error, hf_dataset *dataset, const hf_problem *problem,
                           const char *case_text, const hf_solved *solved, const hf_rest *rest) {
    HF_TRY(begin(error, dataset, problem, case_text));
    HF_TRY(write_minimum(error, dataset, rest));
    HF_TRY(write_diracs(error, dataset, rest));
    if (rest->has_course) {
        HF_TRY(write_goal(error, dataset, rest));
        HF_TRY(write_course(error, dataset, &solved->course));
        HF_TRY(write_approach(error, dataset, &rest->approach));
        HF_TRY(write_rates(error, dataset, rest));
        HF_TRY(write_verdicts(error, dataset, rest));
    }
    return hf_dataset_finish(error, dataset);
}

hf_status hf_rest_write(hf_error *error, const char *path, const hf_problem *problem, const char *case_text,
                        const hf_solved *solved, const hf_rest *rest) {
    hf_dataset *dataset;
    HF_TRY(hf_dataset_create(error, path, &dataset));
    hf_status status = write_all(error, dataset, problem, case_text, solved, rest);
    hf_dataset_destroy(&dataset);
    return status;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static hf_status read_series(hf_error *error, const hf_dataset *dataset, const char *name, size_t *count,
                             double **out) {
    size_t lengths[HF_RANK_MAX];
    HF_TRY(hf_dataset_shape(error, dataset, name, (const char *const[]){"time", NULL}, lengths));
    *count = lengths[0];
    HF_TRY(hf_array_create(error, *count, out));
    return hf_dataset_get(error, dataset, name, 0, *count, 1, *out);
}

static hf_status read_approach(hf_error *error, const hf_dataset *dataset, hf_approach *out) {
    double extrapolated;
    HF_TRY(hf_dataset_get_number(error, dataset, "approach_extrapolated", &extrapolated));
    out->extrapolated = extrapolated != 0;
    for (size_t i = 0; i < APPROACH_NUMBERS; i++) {
        double value;
        HF_TRY(hf_dataset_get_number(error, dataset, of_approach[i].name, &value));
        memcpy((char *)out + of_approach[i].offset, &value, sizeof value);
    }
    return HF_OK;
}

static hf_status read_settling(hf_error *error, const hf_dataset *dataset, hf_settling *out) {
    double starts;
    HF_TRY(hf_dataset_get_number(error, dataset, "starts", &starts)); /* that it is a limit.nc */
    HF_TRY(hf_dataset_copy_text(error, dataset, "name", HF_TITLE_MAX, out->name));
    HF_TRY(hf_dataset_copy_text(error, dataset, "title", HF_TITLE_MAX, out->title));
    HF_TRY(hf_dataset_get_number(error, dataset, "temperature", &out->temperature));
    if (!hf_dataset_has_dimension(dataset, "time"))
        return HF_OK;
    HF_TRY(read_series(error, dataset, "time", &out->count, &out->time));
    for (size_t n = 0; n < out->count; n++)
        if (!isfinite(out->time[n]) || (n > 0 && out->time[n] <= out->time[n - 1]))
            return hf_raise(error, HF_ERR_IO, "%s: 'time' does not increase at entry %zu",
                            hf_dataset_path(dataset), n);
    HF_TRY(read_series(error, dataset, "risk", &out->count, &out->risk));
    HF_TRY(read_series(error, dataset, "dissipation", &out->count, &out->dissipation));
    return read_approach(error, dataset, &out->approach);
}

hf_status hf_settling_read(hf_error *error, const char *path, hf_settling *out) {
    hf_dataset *dataset;
    *out = (hf_settling){0};
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = read_settling(error, dataset, out);
    hf_dataset_destroy(&dataset);
    if (status != HF_OK)
        hf_settling_clear(out);
    return status;
}

void hf_settling_clear(hf_settling *settling) {
    hf_array_destroy(&settling->time);
    hf_array_destroy(&settling->risk);
    hf_array_destroy(&settling->dissipation);
    *settling = (hf_settling){0};
}
