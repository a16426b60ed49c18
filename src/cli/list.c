/* headflow list: the named cases, a line each. */
#include "cli/cli.h"

#include <headflow/case.h>

#include <stdio.h>
#include <string.h>

static hf_status run(hf_error *error, const cli_call *call) {
    (void)call;
    size_t count;
    hf_case_entry *entries;
    HF_TRY(hf_case_names(error, &count, &entries));
    int widest = 0;
    for (size_t i = 0; i < count; i++)
        widest = (int)strlen(entries[i].name) > widest ? (int)strlen(entries[i].name) : widest;
    for (size_t i = 0; i < count; i++)
        printf("%-*s  %s\n", widest, entries[i].name, entries[i].title);
    hf_case_names_destroy(count, &entries);
    return HF_OK;
}

const cli_verb cli_list = {
    .name = "list",
    .summary = "the named cases, a line each",
    .help = "Lists the named cases: those of $HEADFLOW_CASES, of ./cases, or the installed ones.",
    .ranks = CLI_FIRST,
    .run = run,
};
