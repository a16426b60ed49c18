/* headflow compare SOLUTION PARTICLES...: trained heads against the density of their limit; writes chaos.nc.
 */
#include "cli/compare.h"
#include "cli/cli.h"

#include <headflow/store.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAWS_MIN = 3 }; /* for an interval */

/* A solution as a limit: what of it is kept in memory. */
typedef struct source {
    hf_solution *solution;
    hf_problem *problem;
    double *risk, *logits;
    hf_limit limit;
    size_t files, ensembles;
    hf_trajectories *trajectories[CLI_FILES_MAX];
    hf_trained *trained; /* shape (ensembles) */
} source;

static hf_status read_density(hf_error *error, void *self, size_t index, double *rho) {
    const source *s = self;
    return hf_solution_density(error, s->solution, index, rho);
}

static hf_status read_solution(hf_error *error, const char *path, source *s) {
    size_t times, kept;
    HF_TRY(hf_solution_read(error, path, &s->solution));
    HF_TRY(hf_solution_problem(error, s->solution, &s->problem));
    const double *time = hf_solution_times(s->solution, &times);
    const double *kept_time = hf_solution_logit_times(s->solution, &kept);
    size_t width = hf_solution_events(s->solution) * hf_solution_classes(s->solution);
    HF_TRY(hf_array_create(error, times, &s->risk));
    HF_TRY(hf_solution_series(error, s->solution, "risk", 1, s->risk));
    HF_TRY(hf_array_create(error, kept * width, &s->logits));
    HF_TRY(hf_solution_logits(error, s->solution, 0, kept, s->logits));
    s->limit = (hf_limit){.problem = s->problem,
                          .times = times,
                          .time = time,
                          .risk = s->risk,
                          .history = {kept, kept_time, s->logits, width},
                          .self = s,
                          .density = read_density};
    return HF_OK;
}

static hf_status read_theta(hf_error *error, void *self, size_t index, size_t seed, double *theta) {
    return hf_trajectories_theta(error, self, index, seed, theta);
}

/* Heads that say what they were trained on must be of the solution's problem. */
static hf_status check_problem(hf_error *error, const source *s, const hf_trajectories *trajectories) {
    const char *ours = hf_solution_fingerprint(s->solution), *theirs = hf_trajectories_problem(trajectories);
    if (ours == NULL || theirs == NULL || strcmp(ours, theirs) == 0)
        return HF_OK;
    return hf_raise(
        error, HF_ERR_INPUT,
        "%s: heads of another problem than the solution's, case %s; expected the same events, head "
        "matrices, ridge and initial density",
        hf_trajectories_path(trajectories), hf_solution_name(s->solution));
}

static hf_status read_heads(hf_error *error, const cli_call *call, source *s) {
    const hf_grid *grid = hf_problem_grid(s->problem);
    const char *names[HF_DIM_MAX];
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        names[d] = hf_grid_axis(grid, d)->name;
    for (; s->files < call->file_count; s->files++) {
        HF_TRY(hf_trajectories_read(error, call->files[s->files], hf_grid_dim(grid), names,
                                    &s->trajectories[s->files]));
        HF_TRY(check_problem(error, s, s->trajectories[s->files]));
        s->ensembles += hf_trajectories_ensembles(s->trajectories[s->files]);
    }
    HF_TRY(hf_allocate(error, s->ensembles, sizeof *s->trained, &s->trained));
    hf_trained *next = s->trained;
    for (size_t f = 0; f < s->files; f++)
        for (size_t k = 0; k < hf_trajectories_ensembles(s->trajectories[f]); k++, next++) {
            *next = (hf_trained){.name = hf_trajectories_path(s->trajectories[f]),
                                 .ensemble = hf_trajectories_ensemble(s->trajectories[f], k),
                                 .index = k,
                                 .self = s->trajectories[f],
                                 .theta = read_theta};
            hf_trajectories_seeds(s->trajectories[f], &next->seeds);
            next->time = hf_trajectories_times(s->trajectories[f], &next->times);
            if (isnan(next->ensemble.step))
                next->ensemble.step = call->step;
            if (next->ensemble.batch == HF_BATCH_UNKNOWN && call->batch_given)
                next->ensemble.batch = call->batch;
        }
    return HF_OK;
}

static void source_clear(source *s) {
    for (size_t f = 0; f < CLI_FILES_MAX; f++)
        hf_trajectories_destroy(&s->trajectories[f]);
    free(s->trained);
    hf_array_destroy(&s->risk);
    hf_array_destroy(&s->logits);
    hf_problem_destroy(&s->problem);
    hf_solution_destroy(&s->solution);
}

static void progress(void *self, const char *what, double done) {
    (void)self;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s, %.0f %% ...\033[K", what, 100 * done);
    else
        fprintf(stderr, "%s, %.0f %% ...\n", what, 100 * done);
}

static hf_status compare(hf_error *error, const cli_call *call, const source *s, const char *path) {
    double started = hf_seconds();
    hf_chaos_options options = {.snapshots = call->snapshots,
                                .pairs = call->pairs,
                                .epsilon = isnan(call->epsilon) ? 0 : call->epsilon,
                                .draws = call->draws,
                                .static_time = call->time,
                                .progress = call->quiet ? NULL : progress};
    hf_chaos *chaos;
    hf_status status = hf_chaos_run(error, &s->limit, s->ensembles, s->trained, &options, &chaos);
    if (!call->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    HF_TRY(status);
    status = hf_chaos_write(error, path, s->solution, chaos);
    if (status == HF_OK && !call->quiet)
        compare_print_tables(s->problem, chaos, hf_seconds() - started, path);
    if (status == HF_OK && call->json)
        compare_print_json(s->problem, chaos, path);
    hf_chaos_destroy(&chaos);
    return status;
}

static hf_status run(hf_error *error, const cli_call *call) {
    source s = {0};
    char *path = NULL;
    if (call->file_count == 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "compare: no PARTICLES; expected headflow compare SOLUTION "
                        "PARTICLES...");
    if (call->draws > 0 && call->draws < DRAWS_MIN)
        return hf_raise(error, HF_ERR_INPUT, "option --draws: %zu; expected at least %d", call->draws,
                        DRAWS_MIN);
    hf_status status = read_solution(error, call->argument, &s);
    if (status == HF_OK && call->time > s.limit.time[s.limit.times - 1])
        status =
            hf_raise(error, HF_ERR_INPUT, "option --time: %g; expected at most %g, the end of the solution",
                     call->time, s.limit.time[s.limit.times - 1]);
    if (status == HF_OK)
        status = read_heads(error, call, &s);
    if (status == HF_OK)
        status = cli_output_beside(error, call, "chaos.nc", &path);
    if (status == HF_OK)
        status = compare(error, call, &s, path);
    free(path);
    source_clear(&s);
    return status;
}

const cli_verb cli_compare = {
    .name = "compare",
    .argument = "SOLUTION",
    .files = "PARTICLES...",
    .summary = "trained heads against the density: errors, predictions, bounds",
    .help = "Compares trained heads with the density of their limit and writes chaos.nc beside SOLUTION.\n"
            "SOLUTION is a solution.nc (headflow run); PARTICLES are particles.nc (headflow sgd), or NetCDF "
            "or CSV\n"
            "files with the heads that another program has trained, at output times of the solution.",
    .options = CLI_OUTPUT | CLI_QUIET | CLI_JSON | CLI_STEP | CLI_BATCH | CLI_TIME | CLI_DRAWS |
               CLI_SNAPSHOTS | CLI_PAIRS | CLI_EPSILON,
    .run = run,
};
