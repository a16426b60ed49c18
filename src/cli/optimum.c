/* headflow optimum CASE: the least risk over all measures on the box, or the least free energy; writes
 * optimum.nc.
 */
#include "cli/cli.h"

#include <headflow/store.h>

#include <math.h>
#include <stdlib.h>

enum { ATOMS_SHOWN = 24 };

/* What is printed and written, of one kind or the other. */
typedef struct task {
    const cli_call *call;
    const hf_problem *problem;
    const char *text, *path;
    double started;
} task;

static void progress(void *self, size_t iteration, size_t atoms, double risk, double gap) {
    char line[128];
    (void)self;
    snprintf(line, sizeof line, "iteration %zu: atoms %zu, risk %.10g, gap %.2g", iteration, atoms, risk,
             gap);
    cli_show_progress(line);
}

static void print_title(const task *t) {
    printf("%s: %s\n", hf_problem_name(t->problem), hf_problem_title(t->problem));
}

static void print_json_start(const task *t) {
    printf("{\"case\": ");
    cli_print_json_string(stdout, hf_problem_name(t->problem));
    printf(", ");
    cli_print_json_number(stdout, "temperature", hf_problem_temperature(t->problem));
}

static void print_json_end(const task *t, size_t iterations) {
    printf(", \"iterations\": %zu, ", iterations);
    cli_print_json_number(stdout, "seconds", hf_seconds() - t->started);
    printf(", \"output\": ");
    cli_print_json_string(stdout, t->path);
    printf("}\n");
}

/* ---- temperature 0 ---------------------------------------------------------------------------------- */

static const char *const walls[] = {"lower", "none", "upper"}; /* of wall + 1 */

static void print_atom(const hf_grid *grid, const hf_optimum *o, size_t k) {
    size_t dim = o->atoms.dim;
    const char *separator = "  ";
    printf("  %12.10f", o->atoms.mass[k]);
    for (size_t d = 0; d < dim; d++)
        printf(" %15.10f", cli_rounded(o->atoms.theta[k * dim + d], 10));
    printf(" %14.2g", o->excess[k]);
    for (size_t d = 0; d < dim; d++)
        if (o->wall[k * dim + d] != 0) {
            printf("%s%s %s", separator, hf_grid_axis(grid, d)->name, walls[1 + o->wall[k * dim + d]]);
            separator = ", ";
        }
    printf("\n");
}

static void print_optimum(const task *t, const hf_optimum *o) {
    const hf_grid *grid = hf_problem_grid(t->problem);
    char gap[32];
    print_title(t);
    printf("\n  %12s", "mass");
    for (size_t d = 0; d < o->atoms.dim; d++)
        printf(" %15.15s", hf_grid_axis(grid, d)->name);
    printf(" %14s%s\n", "Psi - min Psi", o->wall_limited ? "  held by walls" : "");
    for (size_t k = 0; k < o->atoms.count && k < ATOMS_SHOWN; k++)
        print_atom(grid, o, k);
    if (o->atoms.count > ATOMS_SHOWN)
        printf("  and %zu more\n", o->atoms.count - ATOMS_SHOWN);
    printf("\n  least risk       %.*f nat\n", cli_known_decimals(o->risk, o->gap), o->risk);
    cli_write_gap(o->gap, sizeof gap, gap);
    printf("  gap              %s (no measure on the box has a risk lower by more than this)\n", gap);
    if (o->wall_limited)
        printf("  wall-limited: the minimum of the box, not of the unbounded problem\n");
    cli_print_matched(t->problem, o);
    printf("  %zu atom%s after %zu iteration%s, %.3g s\n  wrote %s\n", o->atoms.count,
           o->atoms.count == 1 ? "" : "s", o->iterations, o->iterations == 1 ? "" : "s",
           hf_seconds() - t->started, t->path);
}

static void print_optimum_json(const task *t, const hf_optimum *o) {
    size_t dim = o->atoms.dim;
    print_json_start(t);
    printf(", ");
    cli_print_json_number(stdout, "risk", o->risk);
    printf(", ");
    cli_print_json_number(stdout, "lowest", o->lowest);
    printf(", ");
    cli_print_json_number(stdout, "gap", o->gap);
    printf(", \"wall_limited\": %s, \"atoms\": [", o->wall_limited ? "true" : "false");
    for (size_t k = 0; k < o->atoms.count; k++) {
        printf("%s{", k > 0 ? ", " : "");
        cli_print_json_number(stdout, "mass", o->atoms.mass[k]);
        printf(", ");
        cli_print_json_list(stdout, "position", dim, o->atoms.theta + k * dim);
        printf(", ");
        cli_print_json_number(stdout, "excess", o->excess[k]);
        printf(", ");
        cli_print_json_list(stdout, "slope", dim, o->slope + k * dim);
        printf(", \"wall\": [");
        for (size_t d = 0; d < dim; d++)
            printf("%s\"%s\"", d > 0 ? ", " : "", walls[1 + o->wall[k * dim + d]]);
        printf("]}");
    }
    printf("]");
    print_json_end(t, o->iterations);
}

/* What was found is kept also where it is not as near to the minimum as asked for. */
static hf_status find_optimum(hf_error *error, const task *t) {
    hf_optimum optimum = {0};
    hf_optimum_options options = {.gap = t->call->gap, .progress = t->call->quiet ? NULL : progress};
    hf_status found = hf_optimum_run(error, t->problem, &options, &optimum), status = found;
    if (!t->call->quiet)
        cli_clear_progress();
    if (optimum.atoms.count > 0) {
        hf_error failed = {0};
        status = hf_optimum_write(&failed, t->path, t->problem, t->text, &optimum);
        if (status != HF_OK)
            *error = failed;
    }
    if (status == HF_OK && !t->call->quiet)
        print_optimum(t, &optimum);
    if (status == HF_OK && t->call->json)
        print_optimum_json(t, &optimum);
    hf_optimum_clear(&optimum);
    return status != HF_OK ? status : found;
}

/* ---- with a temperature ----------------------------------------------------------------------------- */

static void print_gibbs(const task *t, const hf_gibbs *g) {
    char gap[32];
    print_title(t);
    printf("  least free energy %.*f nat on this grid\n", cli_known_decimals(g->free_energy, g->gap),
           g->free_energy);
    if (isfinite(g->continuum_error))
        printf("  as h -> 0         %.*f nat, estimated error %.1g\n",
               cli_known_decimals(g->continuum, g->continuum_error), g->continuum, g->continuum_error);
    else
        printf("  as h -> 0         not known: the grid does not resolve the density\n");
    printf("  risk              %.12g nat\n", g->risk);
    printf("  entropy           %.12g nat; free energy = risk + %.3g entropy\n", g->entropy,
           hf_problem_temperature(t->problem));
    cli_write_gap(g->gap, sizeof gap, gap);
    printf("  gap               %s (no density on this grid has a free energy lower by more than this)\n",
           gap);
    printf("  after %zu iteration%s, %.3g s\n  wrote %s\n", g->iterations, g->iterations == 1 ? "" : "s",
           hf_seconds() - t->started, t->path);
}

static void print_gibbs_json(const task *t, const hf_gibbs *g) {
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"risk", g->risk},
                   {"entropy", g->entropy},
                   {"free_energy", g->free_energy},
                   {"gap", g->gap},
                   {"free_energy_continuum", g->continuum},
                   {"free_energy_continuum_error", g->continuum_error}};
    print_json_start(t);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        printf(", ");
        cli_print_json_number(stdout, numbers[i].key, numbers[i].value);
    }
    print_json_end(t, g->iterations);
}

static hf_status find_gibbs(hf_error *error, const task *t) {
    hf_gibbs gibbs = {0};
    hf_status status = hf_gibbs_run(error, t->problem, t->call->gap, &gibbs);
    if (status == HF_OK)
        status = hf_gibbs_write(error, t->path, t->problem, t->text, &gibbs);
    if (status == HF_OK && !t->call->quiet)
        print_gibbs(t, &gibbs);
    if (status == HF_OK && t->call->json)
        print_gibbs_json(t, &gibbs);
    hf_gibbs_clear(&gibbs);
    return status;
}

/* ---- the verb --------------------------------------------------------------------------------------- */

static hf_status run(hf_error *error, const cli_call *call) {
    hf_problem *problem;
    char *text = NULL, *path = NULL;
    hf_status status = cli_read_case(error, call, &problem, &text);
    if (status == HF_OK)
        status = cli_output_path(error, call, problem, "optimum.nc", &path);
    if (status == HF_OK) {
        task t = {.call = call, .problem = problem, .text = text, .path = path, .started = hf_seconds()};
        status = hf_problem_temperature(problem) > 0 ? find_gibbs(error, &t) : find_optimum(error, &t);
    }
    free(path);
    free(text);
    hf_problem_destroy(&problem);
    return status;
}

const cli_verb cli_optimum = {
    .name = "optimum",
    .argument = "CASE",
    .summary = "the least risk over all measures on the box, with a certificate",
    .help =
        "Minimises the risk over all probability measures on the box of a case, down to a certified gap, "
        "and\n"
        "writes its atoms, output/NAME/optimum.nc. With a temperature it is the free energy, on the case's\n"
        "grid, and the minimiser a density. Exits with 3 when the gap is not reached.",
    .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON | CLI_GAP,
    .run = run,
};
