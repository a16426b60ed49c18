/* headflow limit CASE|SOLUTION: stationary measures, their stability and rates; the course of a solution to
 * rest; writes limit.nc. */
#include "cli/limit.h"
#include "cli/cli.h"
#include "cli/solved.h"

#include <headflow/case.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether there is a limit.nc of a solution, to be replaced. */
static bool is_of_solution(const char *path) {
    hf_error none = {0};
    hf_settling old;
    if (hf_settling_read(&none, path, &old) != HF_OK)
        return false;
    bool course = old.count > 0;
    hf_settling_clear(&old);
    return course;
}

static void print_all(const hf_problem *problem, const hf_solved *solved, const hf_rest *rest, double started,
                      const char *path, bool replaces) {
    limit_print_tables(problem, solved, rest);
    printf("\nin %.3g s\nwrote %s%s\n", hf_seconds() - started, path,
           replaces ? ", in the place of a solution's: headflow limit SOLUTION writes that again" : "");
}

/* solved NULL: of a case alone */
static hf_status measure(hf_error *error, const cli_call *call, const hf_problem *problem, const char *text,
                         const hf_solved *solved, const char *path) {
    double started = hf_seconds();
    bool replaces = solved == NULL && is_of_solution(path);
    hf_rest rest = {0};
    hf_rest_options options = {.starts = call->starts, .progress = call->quiet ? NULL : cli_show_progress};
    hf_status status = hf_rest_measure(error, problem, solved, &options, &rest);
    if (!call->quiet)
        cli_clear_progress();
    if (status == HF_OK)
        status = hf_rest_write(error, path, problem, text, solved, &rest);
    if (status == HF_OK && !call->quiet)
        print_all(problem, solved, &rest, started, path, replaces);
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

static hf_status run_solution(hf_error *error, const cli_call *call, const char *file) {
    cli_solved s = {0};
    char *path = NULL;
    cli_call beside = *call;
    beside.argument = file;
    if (call->override_count > 0)
        return hf_raise(error, HF_ERR_INPUT, "option --set: %s is a solution; expected a case with it", file);
    hf_status status = cli_read_solved(error, file, &s);
    if (status == HF_OK)
        status = cli_output_beside(error, &beside, "limit.nc", &path);
    if (status == HF_OK)
        status = measure(error, call, s.problem, hf_solution_case(s.solution), &s.solved, path);
    free(path);
    cli_clear_solved(&s);
    return status;
}

static hf_status run(hf_error *error, const cli_call *call) {
    char *file;
    HF_TRY(cli_solution_of(error, call->argument, &file));
    hf_status status = file != NULL ? run_solution(error, call, file) : run_case(error, call);
    free(file);
    return status;
}

const cli_verb cli_limit = {
    .name = "limit",
    .argument = "CASE|SOLUTION",
    .summary = "where the flow comes to rest: stationary measures, stability, rates",
    .help =
        "Of a case: all stationary Dirac measures in the box that a search finds, with the rates of the "
        "flow\n"
        "about each, and the minimum. Of a SOLUTION, a solution.nc, also the stationary measure that it "
        "goes\n"
        "to, whether that is the minimiser, how fast, and what the theorems say of it: hypothesis and\n"
        "conclusion, seen to hold or not; a folder with a solution.nc stands for it, where no case has its\n"
        "name. Writes output/NAME/limit.nc, or limit.nc beside the solution.",
    .options = CLI_SET | CLI_OUTPUT | CLI_QUIET | CLI_JSON | CLI_STARTS,
    .run = run,
};
