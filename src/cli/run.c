/* headflow run CASE: integrates the density, writes solution.nc, reports on the way and at the end. */
#include "cli/keeper.h"

#include <headflow/theory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What every run is held to; docs/numerics.md, section 8. */
static const double mass_limit = 1e-12;
static const double wall_warning = 1e-6;
static const double rise_limit = 1e-4; /* the free energy of the flow cannot rise, that of a dual flux may */
static const double wall_error = 0.02;
/* More negative mass than this shows in a picture of the density. */
static const double resolved_limit = 1e-2;

typedef struct report {
    const hf_ranks *ranks;
    const hf_problem *problem;
    hf_observer writer; /* solution.nc */
    cli_keeper keeper;
    bool quiet, terminal;
    double last_line; /* when the last progress line was printed [s] */
    bool line_open;   /* a progress line stands on the terminal */
    hf_record start;  /* where the energy balance starts: t = 0, or the first later output when tau > 0 */
    hf_record last;
    double mass_error, minimum, negative_mass, wall_mass; /* the worst of all outputs */
    double lowest, rise; /* lowest free energy since the start, and how far a later one was above it */
    double balance;      /* the worst of all outputs after `start`; NAN before there is one */
    size_t outputs;
    hf_record *records,
        *errors; /* all of them, and their errors, where these are estimated: shape (outputs) */
} report;

/* ---- on the way ------------------------------------------------------------------------------------- */

static hf_status output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    report *r = self;
    bool heated = hf_problem_temperature(r->problem) > 0;
    if (r->outputs == 0 || (heated && r->outputs == 1))
        r->start = *record;
    if (r->records != NULL)
        r->records[r->outputs] = *record;
    r->outputs++;
    r->last = *record;
    r->mass_error = cli_worse(r->mass_error, fabs(record->mass - 1));
    r->minimum = -cli_worse(-r->minimum, -record->minimum);
    r->negative_mass = fmax(r->negative_mass, record->negative_mass);
    r->wall_mass = fmax(r->wall_mass, record->wall_mass);
    if (record->time >= r->start.time) {
        r->lowest = fmin(r->lowest, record->free_energy);
        r->rise = cli_worse(r->rise, record->free_energy - r->lowest);
    }
    if (record->time > r->start.time) {
        double lost = r->start.free_energy - record->free_energy;
        r->balance = cli_worse(r->balance, fabs(lost - (record->dissipated - r->start.dissipated)));
    }
    return r->writer.output(error, r->writer.self, record, rho);
}

static hf_status logits(hf_error *error, void *self, double time, const double *z) {
    report *r = self;
    return r->writer.logits(error, r->writer.self, time, z);
}

static hf_status step(hf_error *error, void *self, double time, const hf_statistics *statistics) {
    (void)error;
    report *r = self;
    double end = hf_problem_end(r->problem), interval = r->terminal ? 0.2 : 5;
    if (r->quiet || statistics->seconds - r->last_line < interval)
        return HF_OK;
    r->last_line = statistics->seconds;
    fprintf(stderr, "%st = %.4g of %.4g, risk %.6g, gap %.3g, %ld steps, %.0f s left%s",
            r->terminal ? "\r" : "", time, end, r->last.risk, r->last.gap, statistics->steps,
            statistics->seconds * (end - time) / time, r->terminal ? "\033[K" : "\n");
    r->line_open = r->terminal;
    return HF_OK;
}

static hf_status checkpoint(hf_error *error, void *self, const hf_checkpoint *here, bool *restart) {
    report *r = self;
    return cli_keeper_checkpoint(error, &r->keeper, here, restart);
}

/* ---- at the end ------------------------------------------------------------------------------------- */

static void print_cells(FILE *file, const hf_grid *grid, const char *separator) {
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        fprintf(file, "%s%zu", d > 0 ? separator : "", hf_grid_axis(grid, d)->cells);
}

/* With a temperature the balance counts the entropy of all cells, and a dual flux leaves some below zero. */
static bool promises_balance(const hf_problem *problem) {
    return !(hf_problem_flux(problem)->dual && hf_problem_temperature(problem) > 0);
}

static double balance_limit(const hf_problem *problem) {
    return fmax(hf_problem_rtol(problem), 1e-12);
}

/* A number to its last known digit, with its error; to 12 digits where the error is not known. */
static void print_known(const char *what, double value, const double *error) {
    if (error == NULL || isnan(*error)) {
        printf("  %-16s %.12g nat\n", what, value);
        return;
    }
    double decimals = floor(-log10(fmax(*error, 1e-15)));
    printf("  %-16s %.*f nat, estimated error %.1g\n", what, (int)fmax(decimals, 0), value, *error);
}

static void print_density(const report *r) {
    if (hf_problem_flux(r->problem)->dual)
        printf("  negative mass    %.2g (%s)\n", r->negative_mass,
               r->negative_mass > resolved_limit
                   ? "the grid does not resolve the density: read its integrals, not its values"
                   : "the density is resolved");
    else
        printf("  minimum density  %.2g (promised >= %.2g)\n", r->minimum, -hf_problem_atol(r->problem));
}

static void print_summary(const report *r, const hf_statistics *s, double seconds, const char *path,
                          const char *name) {
    const hf_problem *p = r->problem;
    bool heated = hf_problem_temperature(p) > 0;
    printf("%s: %s\n  ", hf_problem_name(p), hf_problem_title(p));
    print_cells(stdout, hf_problem_grid(p), " x ");
    printf(" cells, %zu events, %s%s%s, t = %.6g%s\n", hf_events_count(hf_problem_events(p)),
           hf_problem_flux(p)->name, hf_problem_limiter(p) != NULL ? " with " : "",
           hf_problem_limiter(p) != NULL ? hf_problem_limiter(p)->name : "", s->time,
           s->stationary ? " (stationary)" : "");
    const hf_record *e = r->errors != NULL ? &r->errors[r->outputs - 1] : NULL;
    print_known("risk", r->last.risk, e != NULL ? &e->risk : NULL);
    if (heated)
        print_known("free energy", r->last.free_energy, e != NULL ? &e->free_energy : NULL);
    printf("  gap              %.4g nat (an upper bound of %s - its minimum)\n", r->last.gap,
           heated ? "free energy" : "risk");
    print_known("dissipated", r->last.dissipated, e != NULL ? &e->dissipated : NULL);
    if (isfinite(r->balance) && !promises_balance(p))
        printf("  energy balance   %.2g (not promised: the entropy leaves out cells below zero)\n",
               r->balance);
    else if (isfinite(r->balance))
        printf("  energy balance   %.2g (promised %.2g%s)\n", r->balance, balance_limit(p),
               heated ? ", from the first output after 0" : "");
    else
        printf("  energy balance   not checked: it needs an output more\n");
    printf("  mass error       %.2g (promised %.2g)\n", r->mass_error, mass_limit);
    print_density(r);
    printf("  wall mass        %.2g\n", r->wall_mass);
    printf("  %ld steps of %s, %ld right-hand sides, %.3g s\n", s->steps, hf_problem_method(p)->name,
           s->evaluations, seconds);
    printf("  wrote %s%s%s\n", path, e == NULL ? "; the error of the grid: headflow verify " : "",
           e == NULL ? name : "");
    if (!hf_problem_flux(p)->dual && !heated)
        printf("  for ten digits: --set scheme.flux=duality7 --set error=estimate\n");
}

static void print_json(const report *r, const hf_statistics *s, double seconds, const char *path) {
    const hf_grid *grid = hf_problem_grid(r->problem);
    const hf_record unknown = {.risk = NAN, .free_energy = NAN, .gap = NAN, .dissipated = NAN};
    const hf_record e = r->errors != NULL ? r->errors[r->outputs - 1] : unknown;
    struct {
        const char *key;
        double value;
    } numbers[] = {{"time", s->time},
                   {"risk", r->last.risk},
                   {"risk_error", e.risk},
                   {"free_energy_error", e.free_energy},
                   {"gap_error", e.gap},
                   {"dissipated_error", e.dissipated},
                   {"free_energy", r->last.free_energy},
                   {"gap", r->last.gap},
                   {"dissipation", r->last.dissipation},
                   {"dissipated", r->last.dissipated},
                   {"energy_balance", r->balance},
                   {"mass_error", r->mass_error},
                   {"minimum", r->minimum},
                   {"negative_mass", r->negative_mass},
                   {"wall_mass", r->wall_mass},
                   {"sigma2", r->last.sigma2},
                   {"one_sided_lipschitz", r->last.one_sided_lipschitz},
                   {"seconds", seconds}};
    printf("{\"case\": ");
    cli_print_json_string(stdout, hf_problem_name(r->problem));
    printf(", \"cells\": [");
    print_cells(stdout, grid, ", ");
    printf("], \"events\": %zu, \"flux\": \"%s\", \"time_method\": \"%s\"",
           hf_events_count(hf_problem_events(r->problem)), hf_problem_flux(r->problem)->name,
           hf_problem_method(r->problem)->name);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        printf(", ");
        cli_print_json_number(stdout, numbers[i].key, numbers[i].value);
    }
    printf(", \"mean\": [");
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        printf("%s%.17g", d > 0 ? ", " : "", r->last.mean[d]);
    printf("], \"stationary\": %s, \"steps\": %ld, \"right_hand_sides\": %ld, \"output\": ",
           s->stationary ? "true" : "false", s->steps, s->evaluations);
    cli_print_json_string(stdout, path);
    printf("}\n");
}

/* What the run promised and did not keep. */
static hf_status check_promises(hf_error *error, const report *r) {
    double atol = hf_problem_atol(r->problem), limit = balance_limit(r->problem);
    if (r->mass_error > mass_limit)
        return hf_raise(error, HF_ERR_NUMERIC, "mass error %.3g; promised <= %.3g", r->mass_error,
                        mass_limit);
    if (!hf_problem_flux(r->problem)->dual && r->minimum < -atol)
        return hf_raise(error, HF_ERR_NUMERIC,
                        "minimum density %.3g; promised >= %.3g: lower time.rtol or raise time.atol",
                        r->minimum, -atol);
    if (r->rise > rise_limit)
        return hf_raise(
            error, HF_ERR_NUMERIC,
            "the free energy rises by %.3g, which the flow forbids: %s is not stable here; refine the "
            "grid, enlarge the box if mass is at a wall, or use %s",
            r->rise, hf_problem_flux(r->problem)->name,
            hf_problem_temperature(r->problem) > 0 ? "scharfetter-gummel" : "muscl");
    if (promises_balance(r->problem) && r->balance > limit)
        return hf_raise(error, HF_ERR_NUMERIC, "energy balance %.3g; promised <= %.3g: lower time.rtol",
                        r->balance, limit);
    return HF_OK;
}

/* ---- the verb --------------------------------------------------------------------------------------- */

/* The errors of all outputs, into the report and the file. */
static hf_status estimate(hf_error *error, report *r, hf_solution_writer *writer,
                          const hf_statistics *statistics) {
    if (r->records == NULL)
        return HF_OK;
    HF_TRY(cli_keeper_complete(error, &r->keeper, statistics));
    HF_TRY(hf_ranks_agree(error, r->ranks, hf_allocate(error, r->outputs, sizeof *r->errors, &r->errors)));
    if (!r->quiet)
        fprintf(stderr, "%serror estimate ...%s", r->terminal ? "\r" : "", r->terminal ? "\033[K" : "\n");
    r->line_open = r->terminal && !r->quiet;
    hf_status status = hf_estimate_run(error, r->problem, r->outputs, r->records, r->errors);
    if (status != HF_OK) {
        free(r->errors);
        r->errors = NULL;
        return status == HF_ERR_INTERRUPTED ? cli_keeper_raise(error, &r->keeper) : status;
    }
    return hf_solution_writer_errors(error, writer, r->outputs, r->errors);
}

/* docs/numerics.md (28) for the bound. */
static void warn_of_walls(const report *r) {
    const hf_flux *flux = hf_problem_flux(r->problem);
    if (!(r->wall_mass > wall_warning) || hf_ranks_index(r->ranks) > 0)
        return;
    if (flux->dual)
        fprintf(
            stderr,
            "headflow: warning: %.2g of the mass, signs left out, has been within %d cells of a wall, where "
            "the "
            "order is lost: integrals of functions of slope 1 may err by %.1g; enlarge the box (grid.lower, "
            "grid.upper), or take more cells\n",
            r->wall_mass, flux->halo, wall_error * r->wall_mass);
    else
        fprintf(
            stderr,
            "headflow: warning: %.2g of the mass has been next to a wall: the box is too small (grid.lower, "
            "grid.upper)\n",
            r->wall_mass);
}

/* What is printed when all is written. */
static hf_status conclude(hf_error *error, const cli_call *call, const report *r,
                          const hf_statistics *statistics, double seconds, const char *path) {
    if (!call->quiet)
        print_summary(r, statistics, seconds, path, call->argument);
    warn_of_walls(r);
    if (call->json)
        print_json(r, statistics, seconds, path);
    return check_promises(error, r);
}

/* What an interrupted run had told, and the rest of the integration. */
static hf_status go_on(hf_error *error, report *r, hf_recorder *recorder, hf_statistics *statistics) {
    const hf_checkpoint *from = hf_recorder_checkpoint(recorder);
    const hf_observer own = {
        .self = r, .output = output, .logits = logits, .step = step, .checkpoint = checkpoint};
    const hf_observer observer = hf_recorder_observer(recorder, &own);
    hf_flow *flow;
    if (from != NULL)
        HF_TRY(hf_recorder_replay(error, recorder));
    if (from != NULL && from->rho == NULL) {
        *statistics = from->statistics;
        return HF_OK;
    }
    HF_TRY(hf_flow_create(error, r->problem, &flow));
    hf_status status = hf_flow_resume(error, flow, from, &observer, NULL, statistics);
    hf_flow_destroy(&flow);
    return status;
}

static void tell_where_it_begins(const report *r, const hf_recorder *recorder) {
    const hf_checkpoint *from = hf_recorder_checkpoint(recorder);
    if (!r->keeper.call->resume || r->quiet)
        return;
    if (from != NULL)
        fprintf(stderr, "going on from the checkpoint at t = %.6g\n", from->time);
    else
        fprintf(stderr, "no checkpoint: beginning at t = 0\n");
}

/* The file, the records beside it, and what an interrupted run left of them. */
static hf_status begin(hf_error *error, const char *path, const char *text, report *r,
                       hf_solution_writer **writer, hf_recorder **recorder) {
    const cli_call *call = r->keeper.call;
    HF_TRY(hf_recorder_create(error, path, r->problem, text, call->resume, recorder));
    if (hf_recorder_discarded(*recorder) && !r->quiet)
        fprintf(stderr, "%s.checkpoint: discarded; --resume would have gone on from it\n", path);
    cli_keeper_start(call, r->problem, *recorder, &r->keeper);
    tell_where_it_begins(r, *recorder);
    HF_TRY(hf_solution_writer_create(error, path, r->problem, text, writer));
    r->writer = hf_solution_writer_observer(*writer);
    hf_status status = HF_OK;
    if (hf_problem_estimate(r->problem)) /* a stationary end is an output more */
        status = hf_allocate(error, hf_problem_outputs(r->problem) + 1, sizeof *r->records, &r->records);
    return hf_ranks_agree(error, r->ranks, status);
}

static hf_status integrate(hf_error *error, const cli_call *call, const hf_problem *problem, const char *text,
                           const char *path) {
    hf_solution_writer *writer = NULL;
    hf_recorder *recorder = NULL;
    hf_statistics statistics = {0};
    report r = {.keeper.call = call,
                .ranks = call->ranks,
                .problem = problem,
                .quiet = call->quiet,
                .terminal = isatty(STDERR_FILENO),
                .minimum = INFINITY,
                .lowest = INFINITY,
                .balance = NAN};
    double started = hf_seconds();
    hf_status status = begin(error, path, text, &r, &writer, &recorder);
    if (status == HF_OK)
        status = go_on(error, &r, recorder, &statistics);
    /* a solution is kept also where its error cannot be estimated */
    hf_status estimated = status == HF_OK ? estimate(error, &r, writer, &statistics) : HF_OK;
    if (estimated == HF_ERR_INTERRUPTED)
        status = estimated;
    if (r.line_open)
        fprintf(stderr, "\r\033[K");
    if (status == HF_OK)
        status = hf_solution_writer_finish(error, writer, &statistics);
    /* what cannot be had would fail again */
    if (status == HF_OK)
        status = hf_recorder_remove(error, recorder);
    else if (status == HF_ERR_NUMERIC)
        (void)hf_recorder_remove(NULL, recorder);
    hf_recorder_destroy(&recorder);
    hf_solution_writer_destroy(&writer);
    double seconds = hf_seconds() - started;
    if (status == HF_OK)
        status = conclude(error, call, &r, &statistics, seconds, path);
    free(r.records);
    free(r.errors);
    return status == HF_OK ? estimated : status;
}

/* Whether all grids of the run can be divided among the processes: asked before a file is begun. */
static hf_status check_division(hf_error *error, const hf_problem *problem) {
    hf_grid *part;
    HF_TRY(hf_problem_divide(error, problem, &part));
    hf_grid_destroy(&part);
    return hf_problem_estimate(problem) ? hf_estimate_divides(error, problem) : HF_OK;
}

static hf_status run(hf_error *error, const cli_call *call) {
    hf_problem *problem;
    char *text = NULL, *path = NULL;
    hf_status status = cli_read_case(error, call, &problem, &text);
    if (status == HF_OK)
        status = check_division(error, problem);
    if (status == HF_OK)
        status = cli_output_path(error, call, problem, "solution.nc", &path);
    if (status == HF_OK)
        status = integrate(error, call, problem, text, path);
    free(path);
    free(text);
    hf_problem_destroy(&problem);
    return status;
}

const cli_verb cli_run = {
    .name = "run",
    .argument = "CASE",
    .summary = "integrate the density of a case; writes solution.nc",
    .help = "Integrates the head density of a case from its initial density to time.end and writes\n"
            "output/NAME/solution.nc. CASE is a name (headflow list) or the path of a case file. Ended by\n"
            "SIGINT or SIGTERM, it leaves a checkpoint from which it goes on with --resume.",
    .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON | CLI_RESUME,
    .ranks = CLI_TOGETHER,
    .interruptible = true,
    .run = run,
};
