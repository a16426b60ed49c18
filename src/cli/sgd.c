/* headflow sgd CASE: ensembles of heads trained by stochastic gradient descent; writes particles.nc. */
#include "cli/cli.h"

#include <headflow/store.h>

#include <stdlib.h>
#include <unistd.h>

typedef struct report {
    const hf_problem *problem;
    hf_particles_writer *writer;
    bool quiet, terminal, line_open;
    double started, resumed, last_line; /* [s]; share of the work that was there at the start */
    size_t there, kept;                 /* members that were there at the start, and are now */
} report;

static bool has(void *self, size_t ensemble, size_t seed) {
    const report *r = self;
    return hf_particles_writer_has(r->writer, ensemble, seed);
}

static hf_status put(hf_error *error, void *self, size_t ensemble, size_t seed, const double *theta) {
    report *r = self;
    HF_TRY(hf_particles_writer_put(error, r->writer, ensemble, seed, theta));
    r->kept++;
    return HF_OK;
}

static void progress(void *self, double done) {
    report *r = self;
    double now = hf_seconds(), interval = r->terminal ? 0.2 : 5;
    if (r->quiet || now - r->last_line < interval)
        return;
    r->last_line = now;
    fprintf(stderr, "%s%.0f %% of the steps, %.0f s left%s", r->terminal ? "\r" : "", 100 * done,
            (now - r->started) * (1 - done) / (done - r->resumed), r->terminal ? "\033[K" : "\n");
    r->line_open = r->terminal;
}

/* Every N with every step and batch, as the case's lists say. ensembles: shape (the product of their lengths)
 */
static void list_ensembles(const hf_particles *p, hf_ensemble *ensembles) {
    for (size_t n = 0; n < p->heads_count; n++)
        for (size_t e = 0; e < p->step_count; e++)
            for (size_t b = 0; b < p->batch_count; b++)
                *ensembles++ = (hf_ensemble){p->heads[n], p->step[e], p->batch[b]};
}

/* The file, with the members that an interrupted run left behind: on the first rank. */
static hf_status open_writer(hf_error *error, const hf_particles_layout *layout, const char *path,
                             report *r) {
    size_t members = layout->ensemble_count * layout->seeds;
    HF_TRY(hf_particles_writer_create(error, path, layout, &r->writer));
    for (size_t k = 0; k < members; k++)
        r->there += hf_particles_writer_has(r->writer, k / layout->seeds, k % layout->seeds);
    if (r->there > 0 && !r->quiet)
        fprintf(stderr, "going on: %zu of %zu members were there\n", r->there, members);
    r->kept = r->there;
    r->resumed = (double)r->there / (double)members;
    return HF_OK;
}

static void conclude(const cli_call *call, const hf_particles_layout *layout, const report *r,
                     const char *path) {
    double seconds = hf_seconds() - r->started;
    if (!call->quiet)
        printf("%s: %s\n  %zu ensembles of %zu seeds, %zu times to t = %g, in %.3g s\nwrote %s\n",
               layout->name, layout->title, layout->ensemble_count, layout->seeds, layout->time_count,
               layout->times[layout->time_count - 1], seconds, path);
    if (!call->json)
        return;
    printf("{\"case\": ");
    cli_print_json_string(stdout, layout->name);
    printf(", \"ensembles\": %zu, \"seeds\": %zu, \"members_resumed\": %zu, ", layout->ensemble_count,
           layout->seeds, r->there);
    cli_print_json_number(stdout, "seconds", seconds);
    printf(", \"output\": ");
    cli_print_json_string(stdout, path);
    printf("}\n");
}

static hf_status raise_interrupted(hf_error *error, const cli_call *call, const hf_particles_layout *layout,
                                   const report *r) {
    char where[96];
    snprintf(where, sizeof where, "to go on from %zu of %zu members", r->kept,
             layout->ensemble_count * layout->seeds);
    return cli_raise_interrupted(error, call, "sgd", where, NULL);
}

static hf_status write_members(hf_error *error, const cli_call *call, const hf_particles_layout *layout,
                               const hf_problem *problem, const char *path) {
    report r = {.problem = problem, .quiet = call->quiet, .terminal = isatty(STDERR_FILENO)};
    bool first = hf_ranks_index(call->ranks) == 0;
    r.started = r.last_line = hf_seconds();
    hf_sgd_observer observer = {.self = &r, .has = has, .put = put, .progress = progress};
    hf_status status = first ? open_writer(error, layout, path, &r) : HF_OK;
    status = hf_ranks_agree(error, call->ranks, status);
    if (status == HF_OK)
        status = hf_sgd_run_all(error, problem, layout->ensemble_count, layout->ensembles, layout->seeds,
                                layout->time_count, layout->times, &observer);
    if (r.line_open)
        fprintf(stderr, "\r\033[K");
    if (status == HF_OK && first)
        status = hf_particles_writer_finish(error, r.writer);
    if (status == HF_ERR_INTERRUPTED)
        raise_interrupted(error, call, layout, &r);
    hf_particles_writer_destroy(&r.writer);
    if (status == HF_OK)
        conclude(call, layout, &r, path);
    return status;
}

static hf_status train(hf_error *error, const cli_call *call, const hf_problem *problem, const char *text,
                       const char *path) {
    const hf_particles *p = hf_problem_particles(problem);
    const hf_grid *grid = hf_problem_grid(problem);
    size_t ensembles = p->heads_count * p->step_count * p->batch_count, outputs = hf_problem_outputs(problem);
    const char *names[HF_DIM_MAX];
    char fingerprint[HF_FINGERPRINT_MAX];
    hf_ensemble *list;
    double *time = NULL;
    if (ensembles == 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "case %s has no section particles; expected particles: {heads, step, batch, seeds}",
                        hf_problem_name(problem));
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        names[d] = hf_grid_axis(grid, d)->name;
    HF_TRY(hf_allocate(error, ensembles, sizeof *list, &list));
    hf_status status = hf_array_create(error, outputs, &time);
    if (status == HF_OK) {
        list_ensembles(p, list);
        hf_problem_fingerprint(problem, fingerprint);
        for (size_t k = 0; k < outputs; k++)
            time[k] = hf_problem_output_time(problem, k);
        hf_particles_layout layout = {.name = hf_problem_name(problem),
                                      .title = hf_problem_title(problem),
                                      .case_text = text,
                                      .problem = fingerprint,
                                      .deterministic = hf_problem_deterministic(problem),
                                      .dim = hf_grid_dim(grid),
                                      .coordinates = names,
                                      .time_count = outputs,
                                      .times = time,
                                      .ensemble_count = ensembles,
                                      .ensembles = list,
                                      .seeds = p->seeds};
        status = write_members(error, call, &layout, problem, path);
    }
    hf_array_destroy(&time);
    free(list);
    return status;
}

static hf_status run(hf_error *error, const cli_call *call) {
    hf_problem *problem;
    char *text = NULL, *path = NULL;
    hf_status status = cli_read_case(error, call, &problem, &text);
    if (status == HF_OK)
        status = cli_output_path(error, call, problem, "particles.nc", &path);
    if (status == HF_OK)
        status = train(error, call, problem, text, path);
    free(path);
    free(text);
    hf_problem_destroy(&problem);
    return status;
}

const cli_verb cli_sgd = {
    .name = "sgd",
    .argument = "CASE",
    .summary = "train ensembles of heads by SGD; writes particles.nc",
    .help =
        "Trains N heads by stochastic gradient descent for every N, step and batch of the case's section\n"
        "particles and as many seeds, and writes their trajectories to output/NAME/particles.nc.\n"
        "A run that was interrupted, by SIGINT or SIGTERM for one, goes on where it stopped.",
    .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON | CLI_OPTIMISER,
    .ranks = CLI_TOGETHER,
    .interruptible = true,
    .run = run,
};
