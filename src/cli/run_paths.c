/* headflow run CASE for attention paths: solves all networks on all draws, writes paths.nc. */
#include "cli/cli.h"

#include <headflow/case.h>
#include <headflow/interrupt.h>
#include <headflow/store.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums over seeds of one network. */
typedef struct row {
    double accuracy, accuracy_squared, error, residual, spread;
    size_t evaluations;
} row;

typedef struct progress {
    const hf_paths_study *study;
    hf_paths_observer writer;
    bool quiet;
    row *rows; /* shape (networks + 1) */
} progress;

static hf_status outcome(hf_error *error, void *self, const hf_paths_outcome *o) {
    progress *p = self;
    row *r = &p->rows[o->network];
    r->accuracy += o->accuracy;
    r->accuracy_squared += o->accuracy * o->accuracy;
    r->error += o->error;
    r->residual = fmax(r->residual, o->solution.residual);
    r->spread = fmax(r->spread, o->solution.spread);
    r->evaluations += o->solution.evaluations;
    if (!p->quiet && o->network == p->study->networks) {
        char what[64];
        snprintf(what, sizeof what, "seed %zu of %zu", o->seed + 1, p->study->seeds);
        cli_show_progress(what);
    }
    HF_TRY(p->writer.outcome(error, p->writer.self, o));
    bool last = o->network == p->study->networks && o->seed + 1 == p->study->seeds;
    return last || hf_interrupted(NULL) == 0
               ? HF_OK
               : hf_raise(error, HF_ERR_INTERRUPTED, "interrupted at network %zu of %zu, seed %zu of %zu",
                          o->network + 1, p->study->networks + 1, o->seed + 1, p->study->seeds);
}

/* ---- at the end ------------------------------------------------------------------------------------- */

static double mean_of(const progress *p, double sum) {
    return sum / (double)p->study->seeds;
}

static double deviation(const progress *p, const row *r) {
    double n = (double)p->study->seeds, mean = mean_of(p, r->accuracy);
    if (isnan(mean))
        return NAN;
    return n > 1 ? sqrt(fmax(r->accuracy_squared - n * mean * mean, 0) / (n - 1)) : 0;
}

static void print_summary(const progress *p, double seconds, const char *path) {
    const hf_paths_study *study = p->study;
    size_t train, test;
    hf_paths_study_sizes(study, &train, &test);
    printf("%s: %zu paths, %zu training and %zu test examples, %zu seed%s\n", study->name,
           hf_paths_rows(study->network, 0), train, test, study->seeds, study->seeds > 1 ? "s" : "");
    printf("  %-10s %-18s %-10s %-9s %s\n", "width", "accuracy [%]", "error", "residual", "evaluations");
    for (size_t k = 0; k <= study->networks; k++) {
        const row *r = &p->rows[k];
        char width[HF_PATHS_WIDTHS_TEXT] = "infinite", accuracy[64];
        if (k < study->networks)
            hf_paths_widths_text(study->network->layers + 1, study->network[k].widths, sizeof width, width);
        if (isnan(r->accuracy))
            snprintf(accuracy, sizeof accuracy, "none");
        else if (study->seeds > 1)
            snprintf(accuracy, sizeof accuracy, "%.2f (sd %.2f)", 100 * mean_of(p, r->accuracy),
                     100 * deviation(p, r));
        else
            snprintf(accuracy, sizeof accuracy, "%.2f", 100 * r->accuracy);
        printf("  %-10s %-18s %-10.4g ", width, accuracy, mean_of(p, r->error));
        if (k < study->networks)
            printf("%-9.1e %zu", r->residual, r->evaluations);
        printf("\n");
        if (k < study->networks && study->starts > 1)
            printf("    %zu starts: their minima differ by %.1e of the largest entry\n", study->starts,
                   r->spread);
    }
    printf(isnan(p->rows[0].accuracy) ? "  no accuracy, of signs: test labels are not all +1 or -1\n"
                                      : "  accuracy: of the signs of test labels\n");
    printf("wrote %s in %.1f s\n", path, seconds);
}

static void print_json(const progress *p, double seconds, const char *path) {
    const hf_paths_study *study = p->study;
    printf("{\"case\": ");
    cli_print_json_string(stdout, study->name);
    printf(", \"model\": \"paths\", \"seeds\": %zu, \"paths\": %zu, \"networks\": [", study->seeds,
           hf_paths_rows(study->network, 0));
    for (size_t k = 0; k <= study->networks; k++) {
        const row *r = &p->rows[k];
        bool limit = k == study->networks;
        printf("%s{", k > 0 ? ", " : "");
        cli_print_json_number(stdout, "width", limit ? INFINITY : study->network[k].widths[0]);
        printf(", ");
        if (!limit) {
            cli_print_json_list(stdout, "widths", study->network->layers + 1, study->network[k].widths);
            printf(", ");
        }
        cli_print_json_number(stdout, "accuracy", mean_of(p, r->accuracy));
        printf(", ");
        cli_print_json_number(stdout, "accuracy_sd", deviation(p, r));
        printf(", ");
        cli_print_json_number(stdout, "error", mean_of(p, r->error));
        printf(", ");
        cli_print_json_number(stdout, "residual", limit ? NAN : r->residual);
        printf(", ");
        cli_print_json_number(stdout, "start_spread", limit ? NAN : r->spread);
        printf(", \"evaluations\": %zu}", r->evaluations);
    }
    printf("], ");
    cli_print_json_number(stdout, "seconds", seconds);
    printf(", \"file\": ");
    cli_print_json_string(stdout, path);
    printf("}\n");
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static hf_status solve(hf_error *error, const cli_call *call, const hf_paths_study *study, const char *path) {
    hf_paths_writer *writer = NULL;
    progress p = {.study = study, .quiet = call->quiet};
    double started = hf_seconds();
    hf_status status = hf_allocate(error, study->networks + 1, sizeof *p.rows, (void *)&p.rows);
    if (status == HF_OK)
        status = hf_paths_writer_create(error, path, study, &writer);
    if (status == HF_OK) {
        p.writer = hf_paths_writer_observer(writer);
        status = hf_paths_study_run(error, study, &(hf_paths_observer){&p, outcome});
        if (!call->quiet)
            cli_clear_progress();
    }
    if (status == HF_OK)
        status = hf_paths_writer_finish(error, writer);
    hf_paths_writer_destroy(&writer);
    if (status == HF_OK && !call->quiet)
        print_summary(&p, hf_seconds() - started, path);
    if (status == HF_OK && call->json)
        print_json(&p, hf_seconds() - started, path);
    free(p.rows);
    return status;
}

static hf_status read_study(hf_error *error, const cli_call *call, hf_paths_study **study) {
    char *path;
    HF_TRY(hf_ranks_agree(error, call->ranks, hf_case_find(error, call->argument, &path)));
    hf_status status = hf_case_read_paths(error, path, call->override_count, call->overrides, study);
    free(path);
    return status;
}

static hf_status run(hf_error *error, const cli_call *call) {
    hf_paths_study *study = NULL;
    char *file = NULL;
    if (hf_ranks_count(call->ranks) > 1)
        return hf_raise(error, HF_ERR_INPUT,
                        "%s: a case of paths runs on one process; start it without mpirun", call->argument);
    hf_status status = read_study(error, call, &study);
    if (status == HF_OK)
        status = cli_output_of(error, call, study->name, "paths.nc", &file);
    if (status == HF_OK)
        status = solve(error, call, study, file);
    free(file);
    hf_paths_study_destroy(&study);
    return status;
}

const cli_verb cli_paths_run = {.name = "run",
                                .argument = "CASE",
                                .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON,
                                .interruptible = true,
                                .run = run};
