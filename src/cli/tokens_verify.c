/* headflow verify CASE, of tokens: grid refinement against weighted tokens. */
#include "cli/tokens.h"

#include <math.h>

static void print_table(const hf_case_tokens *c, const hf_tokens_study *study) {
    printf("%s: %s\n%s against %zu weighted tokens%s; errors at t = %g\n\n", c->name, c->title,
           c->input.transport      ? "transport"
           : c->input.flux != NULL ? c->input.flux->name
                                   : "muscl",
           study->nodes, c->input.dim == 2 ? "" : " a meridian", c->input.end);
    printf("%-14s %12s %6s %12s %8s %8s\n", "cells", "energy", "order", "mean", "steps", "seconds");
    for (size_t k = 0; k < study->count; k++) {
        const hf_tokens_level *level = &study->level[k];
        char cells[32];
        snprintf(cells, sizeof cells, c->input.axis_count == 2 ? "%zu x %zu" : "%zu", level->cells[0],
                 level->cells[1]);
        printf("%-14s %12.3e ", cells, level->energy_error);
        if (isfinite(level->energy_order))
            printf("%6.2f", level->energy_order);
        else
            printf("%6s", "-");
        printf(" %12.3e %8ld %8.2f\n", level->mean_error, level->steps, level->seconds);
    }
    printf("%-14s %12.3e\n\nE/e^|D| = %.12g\n", "the tokens'", study->uncertainty, study->energy);
}

static void print_json(const hf_case_tokens *c, const hf_tokens_study *study) {
    printf("{\"case\": ");
    cli_print_json_string(stdout, c->name);
    printf(", \"expected_order\": %d, \"passed\": %s, ", study->expected_order,
           study->passed ? "true" : "false");
    cli_print_json_number(stdout, "relative_energy", study->energy);
    printf(", ");
    cli_print_json_number(stdout, "uncertainty", study->uncertainty);
    printf(", \"grids\": [");
    for (size_t k = 0; k < study->count; k++) {
        printf("%s{\"cells\": %zu, ", k > 0 ? ", " : "", study->level[k].cells[0]);
        cli_print_json_number(stdout, "energy_error", study->level[k].energy_error);
        printf(", ");
        cli_print_json_number(stdout, "mean_error", study->level[k].mean_error);
        printf(", ");
        cli_print_json_number(stdout, "energy_order", study->level[k].energy_order);
        printf("}");
    }
    printf("]}\n");
}

static hf_status judge(hf_error *error, const hf_case_tokens *c, const hf_tokens_study *study) {
    const hf_tokens_level *finest = &study->level[study->count - 1];
    if (study->passed)
        return HF_OK;
    if (!study->judged)
        return hf_raise(
            error, HF_ERR_NUMERIC,
            "%s: the tokens are uncertain by %.2g, too much to judge errors of %.2g by; raise --nodes, "
            "or take fewer cells",
            c->name, study->uncertainty, finest->energy_error);
    return hf_raise(
        error, HF_ERR_NUMERIC,
        "%s: observed order %.2f of the energy is below the scheme's %d (is the density resolved to "
        "the end? shorten time.end, or take a duality flux)",
        c->name, finest->energy_order, study->expected_order);
}

static hf_status run(hf_error *error, const cli_call *call) {
    hf_case_tokens c;
    hf_tokens_study study;
    hf_status status = cli_read_tokens(error, call, &c);
    if (status == HF_OK)
        status = hf_tokens_verify(error, &c.input, call->levels, call->nodes, &study);
    if (status == HF_OK) {
        if (!call->quiet)
            print_table(&c, &study);
        if (call->json)
            print_json(&c, &study);
        status = judge(error, &c, &study);
    }
    hf_case_clear_tokens(&c);
    return status;
}

const cli_verb cli_tokens_verify = {.name = "verify",
                                    .argument = "CASE",
                                    .options = CLI_SET | CLI_QUIET | CLI_JSON | CLI_LEVELS | CLI_NODES,
                                    .run = run};
