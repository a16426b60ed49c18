/* headflow figures PATH: figures from output data. */
#include "cli/cli.h"

#include <headflow/store.h>

static hf_status run(hf_error *error, const cli_call *call) {
    return hf_figures_draw(error, call->argument, call->output);
}

const cli_verb cli_figures = {
    .name = "figures",
    .argument = "PATH",
    .summary = "figures from output data: SVG, PDF and PNG with script and data",
    .help =
        "Draws the figures of a file that a verb has written, or of all those in a folder, into the folder\n"
        "figures beside them. Each leaves NAME.svg, NAME.pdf, NAME.png, its gnuplot script NAME.gp and "
        "its data.",
    .options = CLI_OUTPUT | CLI_QUIET,
    .run = run,
};
