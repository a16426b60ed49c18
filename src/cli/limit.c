/* headflow limit CASE|SOLUTION: stationary measures, their stability and rates; the course of a solution to
 * rest; writes limit.nc. */
#include "cli/limit.h"
#include "cli/cli.h"
#include "cli/solved.h"

#include <stdlib.h>
#include <string.h>

/* solved NULL: of a case alone */
static hf_status measure(hf_error *error, const cli_call *call, const hf_problem *problem, const char *text,
                         const hf_solved *solved, const char *path) {
    double started = hf_seconds();
    hf_rest rest = {0};
    hf_rest_options options = {
        .starts = call->starts, .gap = call->gap, .progress = call->quiet ? NULL : cli_show_progress};
    hf_status status = hf_rest_measure(error, problem, solved, &options, &rest);
    if (!call->quiet)
        cli_clear_progress();
    if (status == HF_OK)
        status = hf_rest_write(error, path, problem, text, solved, &rest);
    if (status == HF_OK && !call->quiet)
        limit_print_tables(problem, &rest, hf_seconds() - started, path);
    if (status == HF_OK && call->json)
        limit_print_json(problem, &rest, path);
    hf_rest_clear(&rest);
    return status;
}

static hf_status run_case(hf_error *error, const cli_call *call) {
    hf_problem *problem;
    char *text = NULL, *path = NULL;
    hf_status status = cli_read_case(error, call, &problem, &text);
    if (status == HF_OK)
        status = cli_output_path(error, call, problem, "limit.nc", &path);
    if (status == HF_OK)
        status = measure(error, call, problem, text, NULL, path);
    free(path);
    free(text);
    hf_problem_destroy(&problem);
    return status;
}

static hf_status run_solution(hf_error *error, const cli_call *call) {
    cli_solved s = {0};
    char *path = NULL;
    if (call->override_count > 0)
        return hf_raise(error, HF_ERR_INPUT, "option --set: %s is a solution; expected a case with it",
                        call->argument);
    hf_status status = cli_read_solved(error, call->argument, &s);
    if (status == HF_OK)
        status = cli_output_beside(error, call, "limit.nc", &path);
    if (status == HF_OK)
        status = measure(error, call, s.problem, hf_solution_case(s.solution), &s.solved, path);
    free(path);
    cli_clear_solved(&s);
    return status;
}

/* By its name, or by the first letters of a NetCDF file. */
static bool is_solution(const char *argument) {
    char start[4] = "";
    const char *ending = strrchr(argument, '.');
    FILE *file = fopen(argument, "rb");
    size_t count = file != NULL ? fread(start, 1, sizeof start, file) : 0;
    if (file != NULL)
        fclose(file);
    return (ending != NULL && strcmp(ending, ".nc") == 0) ||
           (count == sizeof start && (start[0] == '\x89' || memcmp(start, "CDF", 3) == 0));
}

static hf_status run(hf_error *error, const cli_call *call) {
    return is_solution(call->argument) ? run_solution(error, call) : run_case(error, call);
}

const cli_verb cli_limit = {
    .name = "limit",
    .argument = "CASE|SOLUTION",
    .summary = "where the flow comes to rest: stationary measures, stability, rates",
    .help = "Of a case: all stationary Dirac measures in the box that a search finds, with the rates of the "
            "flow\n"
            "about each, and the minimum. Of a SOLUTION, a solution.nc, also the stationary measure that it "
            "goes\n"
            "to, whether that is the minimiser, how fast, and what the theorems say of it: hypothesis and\n"
            "conclusion, seen to hold or not. Writes output/NAME/limit.nc, or limit.nc beside the solution.",
    .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON | CLI_GAP | CLI_STARTS,
    .run = run,
};
