/* headflow report PATH, of tokens: one HTML page beside the solution. */
#include "cli/solved.h"
#include "cli/tokens.h"

#include <stdlib.h>
#include <string.h>

static hf_status run(hf_error *error, const cli_call *call) {
    char *solution, *path = NULL;
    HF_TRY(cli_find_solution(error, call->argument, &solution));
    cli_call beside = *call;
    beside.argument = solution;
    hf_status status = cli_output_beside(error, &beside, "report.html", &path);
    if (status == HF_OK)
        status = hf_tokens_report_write(error, solution, path);
    if (status == HF_OK && !call->quiet)
        printf("wrote %s\n", path);
    free(path);
    free(solution);
    return status;
}

const cli_verb cli_tokens_report = {
    .name = "report", .argument = "PATH", .options = CLI_OUTPUT | CLI_QUIET, .run = run};
