/* headflow verify CASE: grid refinement against the reference, with observed orders. */
#include "cli/cli.h"

#include <headflow/store.h>
#include <headflow/theory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void progress(void *self, const char *what) {
    (void)self;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s ...\033[K", what);
    else
        fprintf(stderr, "%s ...\n", what);
}

static void print_cells(const hf_refinement *r, const hf_refinement_row *row, char *text, size_t size) {
    size_t used = 0;
    for (size_t d = 0; d < r->dim; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", d > 0 ? " x " : "", row->cells[d]);
}

/* The columns of the table, each with its value in a set of errors. */
typedef struct column {
    const char *name;
    size_t offset;
} column;

static const column columns[] = {{"risk", offsetof(hf_errors, risk)},
                                 {"mean", offsetof(hf_errors, mean)},
                                 {"covariance", offsetof(hf_errors, covariance)},
                                 {"dissipation", offsetof(hf_errors, dissipation)},
                                 {"W1", offsetof(hf_errors, w1)}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static double entry(const hf_errors *errors, const column *c) {
    return *(const double *)((const char *)errors + c->offset);
}

static void print_reference_name(const hf_refinement *r) {
    if (r->kind == HF_REFERENCE_FLOW_MAP && r->angle_nodes > 0)
        printf("the flow map, %zu nodes an axis and %zu on the angle", r->nodes, r->angle_nodes);
    else if (r->kind == HF_REFERENCE_FLOW_MAP)
        printf("the flow map, %zu nodes an axis", r->nodes);
    else
        printf("the Richardson extrapolation of the two finest grids");
}

static void print_table(const hf_refinement *r) {
    char cells[64];
    printf("%s: %s\n%s against ", r->name, r->title, r->flux);
    print_reference_name(r);
    printf("; errors at t = %.6g\n\n%-16s", r->value[HF_REFINEMENT_TIMES - 1].time, "cells");
    for (size_t c = 0; c < COLUMNS; c++)
        printf(" %11s order", columns[c].name);
    printf(" %9s %8s\n", "steps", "seconds");
    for (size_t k = 0; k < r->count; k++) {
        print_cells(r, &r->row[k], cells, sizeof cells);
        printf("%-16s", cells);
        for (size_t c = 0; c < COLUMNS; c++) {
            double observed = entry(&r->row[k].order, &columns[c]);
            printf(" %11.3e", entry(&r->row[k].error, &columns[c]));
            if (isfinite(observed))
                printf(" %5.2f", observed);
            else
                printf(" %5s", "-");
        }
        printf(" %9ld %8.2f\n", r->row[k].steps, r->row[k].seconds);
    }
    printf("%-16s", "the reference's");
    for (size_t c = 0; c < COLUMNS; c++)
        printf(" %11.3e      ", entry(&r->reference, &columns[c]));
    printf("\n\n");
}

/* As many decimals as the uncertainty supports. */
static int decimals(double uncertainty) {
    double digits = floor(-log10(fmax(uncertainty, 1e-13)));
    return (int)fmin(fmax(digits, 1), 12);
}

/* A section of docs/reference.md. */
static void print_markdown(const hf_refinement *r) {
    char cells[64];
    printf("## %s\n\n%s. Reference: ", r->name, r->title);
    print_reference_name(r);
    printf(". Scheme: %s.\n\n| t | R | D |", r->flux);
    for (size_t d = 0; d < r->dim; d++)
        printf(" mean %s |", r->coordinate[d]);
    for (size_t d = 0; d < r->dim; d++)
        for (size_t b = d; b < r->dim; b++)
            printf(" cov %s %s |", r->coordinate[d], r->coordinate[b]);
    printf("\n|");
    for (size_t i = 0; i < 3 + r->dim + r->dim * (r->dim + 1) / 2; i++)
        printf(" --- |");
    printf("\n");
    for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++) {
        const hf_flowmap_record *v = &r->value[k];
        const hf_errors *u = &r->uncertainty[k];
        printf("| %g | %.*f | %.*f |", v->time, decimals(u->risk), v->risk, decimals(u->dissipation),
               v->dissipation);
        for (size_t d = 0; d < r->dim; d++)
            printf(" %.*f |", decimals(u->mean), v->mean[d]);
        for (size_t d = 0; d < r->dim; d++)
            for (size_t b = d; b < r->dim; b++)
                printf(" %.*f |", decimals(u->covariance), v->covariance[d * r->dim + b]);
        printf("\n");
    }
    printf("\nErrors of the grids:\n\n| cells | t | R | D | mean | covariance |\n| --- | --- | --- | --- | "
           "--- | --- |\n");
    for (size_t i = 0; i < r->count; i++) {
        print_cells(r, &r->row[i], cells, sizeof cells);
        for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++) {
            const hf_errors *e = &r->row[i].history[k];
            printf("| %s | %g | %.2e | %.2e | %.2e | %.2e |\n", cells, r->value[k].time, e->risk,
                   e->dissipation, e->mean, e->covariance);
        }
    }
    printf("\n");
}

static void print_json(const hf_refinement *r, const char *path) {
    printf("{\"case\": ");
    cli_print_json_string(stdout, r->name);
    printf(", \"flux\": \"%s\", \"expected_order\": %d, \"passed\": %s, \"grids\": [", r->flux,
           r->expected_order, r->passed ? "true" : "false");
    for (size_t k = 0; k < r->count; k++) {
        printf("%s{\"cells\": [", k > 0 ? ", " : "");
        for (size_t d = 0; d < r->dim; d++)
            printf("%s%zu", d > 0 ? ", " : "", r->row[k].cells[d]);
        printf("]");
        for (size_t c = 0; c < COLUMNS; c++) {
            char key[32];
            snprintf(key, sizeof key, "%s_error", columns[c].name);
            printf(", ");
            cli_print_json_number(stdout, key, entry(&r->row[k].error, &columns[c]));
            snprintf(key, sizeof key, "%s_order", columns[c].name);
            printf(", ");
            cli_print_json_number(stdout, key, entry(&r->row[k].order, &columns[c]));
        }
        printf("}");
    }
    printf("], \"output\": ");
    cli_print_json_string(stdout, path);
    printf("}\n");
}

static hf_status study(hf_error *error, const cli_call *call, const hf_problem *problem, const char *path) {
    hf_refinement result;
    hf_refinement_options options = {
        .levels = call->levels, .nodes = call->nodes, .progress = call->quiet ? NULL : progress};
    hf_status status = hf_refinement_run(error, problem, &options, &result);
    if (!call->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    HF_TRY(status);
    HF_TRY(hf_refinement_write(error, path, &result));
    const hf_refinement_row *finest = &result.row[result.count - 1];
    if (call->markdown)
        print_markdown(&result);
    else if (!call->quiet) {
        print_table(&result);
        printf("observed order of the risk %.2f, the scheme's is %d\nwrote %s\n", finest->order.risk,
               result.expected_order, path);
    }
    if (call->json)
        print_json(&result, path);
    if (!result.passed && !result.judged)
        return hf_raise(
            error, HF_ERR_NUMERIC,
            "%s: the reference is uncertain by %.2g in the risk, too much to judge errors of %.2g by; "
            "raise --nodes",
            result.name, result.reference.risk, finest->error.risk);
    if (!result.passed)
        return hf_raise(error, HF_ERR_NUMERIC,
                        "%s: observed order %.2f of the risk is below the scheme's %d (is the density "
                        "resolved, at the start "
                        "by 20 cells and to the end, and clear of the walls?)",
                        result.name, finest->order.risk, result.expected_order);
    return HF_OK;
}

static hf_status run(hf_error *error, const cli_call *call) {
    hf_problem *problem;
    char *text = NULL, *path = NULL;
    hf_status status = cli_read_case(error, call, &problem, &text);
    if (status == HF_OK)
        status = cli_output_path(error, call, problem, "verify.nc", &path);
    if (status == HF_OK)
        status = study(error, call, problem, path);
    free(path);
    free(text);
    hf_problem_destroy(&problem);
    return status;
}

const cli_verb cli_verify = {
    .name = "verify",
    .argument = "CASE",
    .summary = "refine the grid against the flow map: errors and observed orders",
    .help = "Runs a case on finer and finer grids and compares risk, mean, covariance, dissipation and "
            "marginals with\n"
            "the flow map (temperature 0) or with a Richardson extrapolation. Writes output/NAME/verify.nc.\n"
            "Exits with 3 when the observed order of the risk falls below the scheme's.",
    .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON | CLI_MARKDOWN | CLI_LEVELS | CLI_NODES,
    .run = run,
};
