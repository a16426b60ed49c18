/* A solution written while it is computed: solution.nc of docs/formats.md.
 *
 * On several ranks the first one has the file, and gets the density plane after plane; the others take part
 * in what is collective and learn of its failures. */
#include "store/planes.h"
#include "store/provenance.h"
#include "store/solution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERIES_RECORDS = 64, /* output times in a chunk of a series */
    LOGIT_RECORDS = 32   /* logit times in a chunk, and in the buffer */
};

struct hf_solution_writer {
    const hf_problem *problem;
    const hf_ranks *ranks;             /* of the problem */
    hf_planes *planes;                 /* of the densities that come */
    hf_dataset *dataset;               /* NULL on all ranks but the first */
    size_t outputs;                    /* records written */
    size_t logits_written;             /* records in the file */
    size_t logits_waiting, logits_max; /* records in the buffer, and its room */
    double *logit_times;               /* shape (logits_max) */
    double *logits;                    /* shape (logits_max, E, classes) */
};

/* ---- the layout ------------------------------------------------------------------------------------- */

/* A member of hf_record that becomes a variable over time. */
typedef struct series {
    const char *name, *units, *long_name;
    size_t offset;
    bool estimated;      /* whether its error can be estimated */
    const char *dims[2]; /* behind time */
} series;

static const series all_series[] = {
    {"risk",
     "nat",
     "risk R: cross-entropy of the averaged logits, plus ridge",
     offsetof(hf_record, risk),
     true,
     {0}},
    {"free_energy",
     "nat",
     "free energy F = R + tau int rho log rho",
     offsetof(hf_record, free_energy),
     true,
     {0}},
    {"dissipation",
     "nat",
     "dissipation D: rate of decrease of the free energy",
     offsetof(hf_record, dissipation),
     true,
     {0}},
    {"dissipated",
     "nat",
     "time integral of the dissipation from t = 0",
     offsetof(hf_record, dissipated),
     true,
     {0}},
    {"mass", "1", "total mass of the density", offsetof(hf_record, mass), false, {0}},
    {"minimum", "1", "smallest value of the density", offsetof(hf_record, minimum), false, {0}},
    {"negative_mass",
     "1",
     "integral of the negative part of the density, which the grid has not resolved",
     offsetof(hf_record, negative_mass),
     false,
     {0}},
    {"gap",
     "nat",
     "certified bound of the distance to the minimum of the free energy",
     offsetof(hf_record, gap),
     true,
     {0}},
    {"wall_mass",
     "1",
     "mass in the cells next to walls, signs left out",
     offsetof(hf_record, wall_mass),
     false,
     {0}},
    {"sigma2",
     "1",
     "variance of the head logits over the density, averaged over events",
     offsetof(hf_record, sigma2),
     true,
     {0}},
    {"one_sided_lipschitz",
     "1",
     "one-sided Lipschitz constant of -grad Psi: largest eigenvalue of -Hess Psi over the hull of the mass",
     offsetof(hf_record, one_sided_lipschitz),
     false,
     {0}},
    {"mean", "1", "mean of the density", offsetof(hf_record, mean), true, {"coordinate"}},
    {"covariance",
     "1",
     "covariance of the density",
     offsetof(hf_record, covariance),
     true,
     {"coordinate", "coordinate2"}},
};
enum { SERIES_COUNT = sizeof all_series / sizeof *all_series };

/* Variables whose dimensions are those of every solution. */
static const hf_variable fixed[] = {
    {"time", {"time"}, "1", "time t of the flow", SERIES_RECORDS, false},
    {"logit_time", {"logit_time"}, "1", "time t of the logits", SERIES_RECORDS, false},
    {"logits", {"logit_time", "event", "class"}, "1", "averaged logits z", LOGIT_RECORDS, false},
    {"event_weight", {"event"}, "1", "weight of the event, sums to 1", 0, false},
    {"label", {"event", "class"}, "1", "label distribution of the event", 0, false},
    {"token_count", {"event"}, "1", "number of tokens of the event's context", 0, true},
    {"token_value",
     {"token", "component"},
     "1",
     "tokens, event after event; the last of each is the query",
     0,
     false},
};
enum { FIXED_COUNT = sizeof fixed / sizeof *fixed };

static hf_status define_dimensions(hf_error *error, hf_dataset *dataset, const hf_problem *problem) {
    const hf_grid *grid = hf_problem_grid(problem);
    const hf_events *events = hf_problem_events(problem);
    const char *names[HF_DIM_MAX];
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        names[d] = hf_grid_axis(grid, d)->name;
    HF_TRY(hf_dataset_dimension(error, dataset, "time", 0));
    HF_TRY(hf_dataset_dimension(error, dataset, "logit_time", 0));
    HF_TRY(hf_dataset_dimension(error, dataset, "event", hf_events_count(events)));
    HF_TRY(hf_dataset_dimension(error, dataset, "class", hf_events_classes(events)));
    HF_TRY(hf_dataset_dimension(error, dataset, "token", hf_events_tokens_total(events)));
    HF_TRY(hf_dataset_dimension(error, dataset, "component", hf_events_width(events)));
    HF_TRY(hf_dataset_define_names(error, dataset, "coordinate", "coordinates of a head", hf_grid_dim(grid),
                                   names));
    return hf_dataset_define_names(error, dataset, "coordinate2", "coordinates of a head, once more",
                                   hf_grid_dim(grid), names);
}

/* The coordinate variable of an axis, cell centres, with its CF bounds. */
static hf_status write_axis(hf_error *error, hf_dataset *dataset, const hf_grid *grid, size_t d) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    char bounds[HF_NAME_MAX + sizeof "_bnds"], title[HF_NAME_MAX + 64];
    snprintf(bounds, sizeof bounds, "%s_bnds", axis->name);
    snprintf(title, sizeof title, "head coordinate %s, cell centres", axis->name);
    HF_TRY(hf_dataset_dimension(error, dataset, axis->name, axis->cells));
    HF_TRY(hf_dataset_define(error, dataset, &(hf_variable){axis->name, {axis->name}, "1", title, 0, false}));
    HF_TRY(hf_dataset_set_text(error, dataset, axis->name, "bounds", bounds));
    HF_TRY(hf_dataset_set_text(error, dataset, axis->name, "boundary", axis->periodic ? "periodic" : "wall"));
    snprintf(title, sizeof title, "head coordinate %s, cell bounds", axis->name);
    HF_TRY(hf_dataset_define(error, dataset,
                             &(hf_variable){bounds, {axis->name, "bound"}, "1", title, 0, false}));
    double *values;
    HF_TRY(hf_array_create(error, 3 * axis->cells, &values));
    double *edges = values + axis->cells;
    for (size_t i = 0; i < axis->cells; i++) {
        values[i] = hf_grid_center(grid, d, i);
        edges[2 * i] = i == 0 ? axis->lower : edges[2 * i - 1];
        edges[2 * i + 1] =
            i + 1 == axis->cells ? axis->upper : axis->lower + hf_grid_spacing(grid, d) * (double)(i + 1);
    }
    hf_status status = hf_dataset_put(error, dataset, axis->name, 0, axis->cells, values);
    if (status == HF_OK)
        status = hf_dataset_put(error, dataset, bounds, 0, axis->cells, edges);
    hf_array_destroy(&values);
    return status;
}

hf_status hf_axes_write(hf_error *error, hf_dataset *dataset, const hf_grid *grid) {
    HF_TRY(hf_dataset_dimension(error, dataset, "bound", 2));
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        HF_TRY(write_axis(error, dataset, grid, d));
    return HF_OK;
}

hf_status hf_density_define(hf_error *error, hf_dataset *dataset, const hf_problem *problem, bool over_time) {
    bool points = hf_problem_sampling(problem) == HF_POINT_VALUES;
    const hf_grid *grid = hf_problem_grid(problem);
    hf_variable density = {.name = "density",
                           .units = "1",
                           .long_name =
                               points ? "density rho of heads over their parameters, values at cell centres"
                                      : "density rho of heads over their parameters, cell means",
                           .records = over_time};
    const char **axis = density.dims;
    if (over_time)
        *axis++ = "time";
    char methods[HF_DIM_MAX * (HF_NAME_MAX + 8)] = "";
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        axis[d] = hf_grid_axis(grid, d)->name;
        size_t used = strlen(methods);
        snprintf(methods + used, sizeof methods - used, "%s%s: %s", d == 0 ? "" : " ", axis[d],
                 points ? "point" : "mean");
    }
    HF_TRY(hf_dataset_define(error, dataset, &density));
    return hf_dataset_set_text(error, dataset, "density", "cell_methods", methods);
}

bool hf_solution_reserves(const char *name) {
    static const char *const others[] = {"density", "event",     "class",      "token",
                                         "bound",   "component", "coordinate", "coordinate2"};
    size_t length = strlen(name);
    for (size_t i = 0; i < SERIES_COUNT; i++)
        if (strcmp(name, all_series[i].name) == 0)
            return true;
    for (size_t i = 0; i < FIXED_COUNT; i++)
        if (strcmp(name, fixed[i].name) == 0)
            return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    /* the bounds of a coordinate, the error of a series */
    return hf_solution_problem_reserves(name) || (length >= 5 && strcmp(name + length - 5, "_bnds") == 0) ||
           (length >= 6 && strcmp(name + length - 6, "_error") == 0);
}

static hf_status define_series(hf_error *error, hf_dataset *dataset, const series *s, const char *name,
                               const char *long_name) {
    return hf_dataset_define(
        error, dataset,
        &(hf_variable){name, {"time", s->dims[0], s->dims[1]}, s->units, long_name, SERIES_RECORDS, false});
}

static hf_status define_all(hf_error *error, hf_dataset *dataset, const hf_problem *problem) {
    const hf_grid *grid = hf_problem_grid(problem);
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (hf_solution_reserves(hf_grid_axis(grid, d)->name))
            return hf_raise(error, HF_ERR_INPUT,
                            "coordinate '%s': solution.nc has a name of its own like that; expected another",
                            hf_grid_axis(grid, d)->name);
    HF_TRY(define_dimensions(error, dataset, problem));
    for (size_t i = 0; i < FIXED_COUNT; i++)
        HF_TRY(hf_dataset_define(error, dataset, &fixed[i]));
    HF_TRY(hf_dataset_set_text(error, dataset, "token_count", "sample_dimension", "token"));
    for (size_t i = 0; i < SERIES_COUNT; i++) {
        const series *s = &all_series[i];
        HF_TRY(define_series(error, dataset, s, s->name, s->long_name));
    }
    HF_TRY(hf_axes_write(error, dataset, grid));
    return hf_density_define(error, dataset, problem, true);
}

/* ---- what is known before the first record ---------------------------------------------------------- */

static hf_status write_settings(hf_error *error, hf_dataset *dataset, const hf_problem *problem) {
    const hf_limiter *limiter = hf_problem_limiter(problem);
    char fingerprint[HF_FINGERPRINT_MAX];
    hf_problem_fingerprint(problem, fingerprint);
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "problem", fingerprint));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "flux", hf_problem_flux(problem)->name));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "limiter", limiter == NULL ? "none" : limiter->name));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "time_method", hf_problem_method(problem)->name));
    HF_TRY(hf_dataset_set_number(error, dataset, "rtol", hf_problem_rtol(problem)));
    HF_TRY(hf_dataset_set_number(error, dataset, "atol", hf_problem_atol(problem)));
    HF_TRY(hf_dataset_set_number(error, dataset, "table_tolerance", hf_problem_table_tolerance(problem)));
    HF_TRY(hf_dataset_set_number(error, dataset, "temperature", hf_problem_temperature(problem)));
    return hf_dataset_set_number(error, dataset, "ridge", hf_model_ridge(hf_problem_model(problem)));
}

/* What the events hold, event after event; each array is written at once. */
static hf_status write_events(hf_error *error, hf_dataset *dataset, const hf_events *events) {
    size_t count = hf_events_count(events), classes = hf_events_classes(events);
    size_t tokens = hf_events_tokens_total(events), width = hf_events_width(events);
    double *weight;
    HF_TRY(hf_array_create(error, count * (2 + classes) + tokens * width, &weight));
    double *length = weight + count, *label = length + count, *value = label + count * classes;
    double *next = value;
    for (size_t e = 0; e < count; e++) {
        size_t values = hf_events_length(events, e) * width;
        weight[e] = hf_events_weight(events, e);
        length[e] = (double)hf_events_length(events, e);
        memcpy(label + e * classes, hf_events_label(events, e), classes * sizeof *label);
        memcpy(next, hf_events_tokens(events, e), values * sizeof *value);
        next += values;
    }
    hf_status status = hf_dataset_put(error, dataset, "event_weight", 0, count, weight);
    if (status == HF_OK)
        status = hf_dataset_put(error, dataset, "token_count", 0, count, length);
    if (status == HF_OK)
        status = hf_dataset_put(error, dataset, "label", 0, count, label);
    if (status == HF_OK)
        status = hf_dataset_put(error, dataset, "token_value", 0, tokens, value);
    hf_array_destroy(&weight);
    return status;
}

/* Whether this process has the file. */
static bool first_rank(const hf_solution_writer *writer) {
    return hf_ranks_index(writer->ranks) == 0;
}

static hf_status begin_file(hf_error *error, const char *path, const char *case_text,
                            hf_solution_writer *writer) {
    const hf_problem *problem = writer->problem;
    if (!first_rank(writer))
        return HF_OK;
    HF_TRY(hf_dataset_create(error, path, &writer->dataset));
    HF_TRY(hf_provenance_write(error, writer->dataset, hf_problem_name(problem), hf_problem_title(problem),
                               case_text, !hf_problem_deterministic(problem)));
    HF_TRY(write_settings(error, writer->dataset, problem));
    HF_TRY(define_all(error, writer->dataset, problem));
    HF_TRY(hf_solution_write_problem(error, writer->dataset, problem));
    return write_events(error, writer->dataset, hf_problem_events(problem));
}

static hf_status writer_begin(hf_error *error, const char *path, const char *case_text,
                              hf_solution_writer *writer) {
    const hf_problem *problem = writer->problem;
    const hf_events *events = hf_problem_events(problem);
    HF_TRY(hf_planes_create(error, problem, &writer->planes));
    size_t width = hf_events_count(events) * hf_events_classes(events);
    writer->logits_max = HF_CHUNK_MAX / width;
    if (writer->logits_max > LOGIT_RECORDS)
        writer->logits_max = LOGIT_RECORDS;
    if (writer->logits_max < 1)
        writer->logits_max = 1;
    HF_TRY(hf_array_create(error, writer->logits_max, &writer->logit_times));
    HF_TRY(hf_array_create(error, writer->logits_max * width, &writer->logits));
    return begin_file(error, path, case_text, writer);
}

hf_status hf_solution_writer_create(hf_error *error, const char *path, const hf_problem *problem,
                                    const char *case_text, hf_solution_writer **out) {
    *out = NULL;
    hf_solution_writer *writer;
    hf_status allocated = hf_allocate(error, 1, sizeof *writer, &writer);
    HF_TRY(hf_ranks_agree(error, hf_problem_ranks(problem), allocated));
    writer->problem = problem;
    writer->ranks = hf_problem_ranks(problem);
    hf_status status = hf_ranks_agree(error, writer->ranks, writer_begin(error, path, case_text, writer));
    if (status != HF_OK)
        hf_solution_writer_destroy(&writer);
    *out = writer;
    return status;
}

void hf_solution_writer_destroy(hf_solution_writer **writer) {
    if (writer == NULL || *writer == NULL)
        return;
    hf_dataset_destroy(&(*writer)->dataset);
    hf_planes_destroy(&(*writer)->planes);
    hf_array_destroy(&(*writer)->logit_times);
    hf_array_destroy(&(*writer)->logits);
    free(*writer);
    *writer = NULL;
}

/* ---- records as they come --------------------------------------------------------------------------- */

static hf_status write_series(hf_error *error, hf_dataset *dataset, const series *s, const char *name,
                              size_t n, const hf_record *record) {
    return hf_dataset_put(error, dataset, name, n, 1, (const double *)((const char *)record + s->offset));
}

static hf_status write_record(hf_error *error, hf_solution_writer *writer, const hf_record *record) {
    hf_dataset *dataset = writer->dataset;
    if (!first_rank(writer))
        return HF_OK;
    HF_TRY(hf_dataset_put(error, dataset, "time", writer->outputs, 1, &record->time));
    for (size_t i = 0; i < SERIES_COUNT; i++)
        HF_TRY(write_series(error, dataset, &all_series[i], all_series[i].name, writer->outputs, record));
    return HF_OK;
}

static hf_status write_planes(hf_error *error, void *self, size_t first, size_t count, const double *planes) {
    const hf_solution_writer *writer = self;
    return hf_dataset_put_within(error, writer->dataset, "density", writer->outputs, first, count, planes);
}

static hf_status write_output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    hf_solution_writer *writer = self;
    HF_TRY(hf_ranks_agree(error, writer->ranks, write_record(error, writer, record)));
    HF_TRY(hf_planes_collect(error, writer->planes, rho, write_planes, writer));
    writer->outputs++;
    return HF_OK;
}

static hf_status put_logits(hf_error *error, hf_solution_writer *writer) {
    size_t first = writer->logits_written, count = writer->logits_waiting;
    if (!first_rank(writer))
        return HF_OK;
    HF_TRY(hf_dataset_put(error, writer->dataset, "logit_time", first, count, writer->logit_times));
    return hf_dataset_put(error, writer->dataset, "logits", first, count, writer->logits);
}

static hf_status flush_logits(hf_error *error, hf_solution_writer *writer) {
    if (writer->logits_waiting == 0)
        return HF_OK;
    HF_TRY(hf_ranks_agree(error, writer->ranks, put_logits(error, writer)));
    writer->logits_written += writer->logits_waiting;
    writer->logits_waiting = 0;
    return HF_OK;
}

/* Whole chunks go to the file, or each record would be compressed again and again. */
static hf_status write_logits(hf_error *error, void *self, double time, const double *logits) {
    hf_solution_writer *writer = self;
    const hf_events *events = hf_problem_events(writer->problem);
    size_t width = hf_events_count(events) * hf_events_classes(events);
    size_t n = writer->logits_waiting++;
    writer->logit_times[n] = time;
    memcpy(writer->logits + n * width, logits, width * sizeof *logits);
    return writer->logits_waiting < writer->logits_max ? HF_OK : flush_logits(error, writer);
}

hf_observer hf_solution_writer_observer(hf_solution_writer *writer) {
    return (hf_observer){.self = writer, .output = write_output, .logits = write_logits};
}

static hf_status write_errors(hf_error *error, hf_solution_writer *writer, size_t count,
                              const hf_record errors[]) {
    for (size_t i = 0; first_rank(writer) && i < SERIES_COUNT; i++) {
        const series *s = &all_series[i];
        char name[HF_NAME_MAX], title[64];
        if (!s->estimated)
            continue;
        snprintf(name, sizeof name, "%s_error", s->name);
        snprintf(title, sizeof title, "estimated error of %s", s->name);
        HF_TRY(define_series(error, writer->dataset, s, name, title));
        for (size_t n = 0; n < count; n++)
            HF_TRY(write_series(error, writer->dataset, s, name, n, &errors[n]));
    }
    return HF_OK;
}

hf_status hf_solution_writer_errors(hf_error *error, hf_solution_writer *writer, size_t count,
                                    const hf_record errors[]) {
    return hf_ranks_agree(error, writer->ranks, write_errors(error, writer, count, errors));
}

static hf_status finish_file(hf_error *error, hf_solution_writer *writer, const hf_statistics *statistics) {
    hf_dataset *dataset = writer->dataset;
    if (!first_rank(writer))
        return HF_OK;
    HF_TRY(hf_dataset_set_integer(error, dataset, "solver_steps", statistics->steps));
    HF_TRY(hf_dataset_set_integer(error, dataset, "solver_evaluations", statistics->evaluations));
    HF_TRY(hf_dataset_set_integer(error, dataset, "solver_error_failures", statistics->error_failures));
    HF_TRY(hf_dataset_set_integer(error, dataset, "solver_refused_states", statistics->refused_states));
    HF_TRY(hf_dataset_set_integer(error, dataset, "solver_linear_iterations", statistics->linear_iterations));
    HF_TRY(hf_dataset_set_number(error, dataset, "solver_last_step", statistics->last_step));
    if (!hf_problem_deterministic(writer->problem))
        HF_TRY(hf_dataset_set_number(error, dataset, "solver_seconds", statistics->seconds));
    HF_TRY(hf_dataset_set_integer(error, dataset, "table_rank", (long)statistics->table_rank));
    HF_TRY(hf_dataset_set_number(error, dataset, "table_error", statistics->table_error));
    HF_TRY(hf_dataset_set_number(error, dataset, "table_checked", statistics->table_checked));
    HF_TRY(hf_dataset_set_number(error, dataset, "solver_end_time", statistics->time));
    HF_TRY(hf_dataset_set_integer(error, dataset, "solver_stationary", statistics->stationary));
    return hf_dataset_finish(error, dataset);
}

hf_status hf_solution_writer_finish(hf_error *error, hf_solution_writer *writer,
                                    const hf_statistics *statistics) {
    HF_TRY(flush_logits(error, writer));
    return hf_ranks_agree(error, writer->ranks, finish_file(error, writer, statistics));
}
