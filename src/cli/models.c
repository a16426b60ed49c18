/* The models that are not of heads, each with its verbs. To add one is a row here. */
#include "cli/cli.h"
#include "cli/solved.h"

#include <headflow/case.h>

#include <stdlib.h>
#include <string.h>

enum { VERBS_MAX = 8 };

static const struct model {
    const char *name;
    const cli_verb *verbs[VERBS_MAX]; /* ends with NULL */
    const char *listed;               /* for messages, with those that are the same for all models */
} models[] = {{"tokens",
               {&cli_tokens_run, &cli_tokens_verify, &cli_tokens_limit, &cli_tokens_report},
               "run, verify, limit, figures, report"},
              {"paths", {&cli_paths_run}, "run, figures, report"}};
enum { MODELS = sizeof models / sizeof *models };

static bool takes_case(const cli_verb *verb) {
    return verb->argument != NULL && strncmp(verb->argument, "CASE", strlen("CASE")) == 0;
}

/* The solution that a call may be about; NULL for none. On the heap. */
static hf_status find_solution(hf_error *error, const cli_call *call, const cli_verb *verb, char **file) {
    *file = NULL;
    if (strcmp(verb->argument, "CASE") == 0)
        return HF_OK;
    return takes_case(verb) ? cli_solution_of(error, call->argument, file)
                            : cli_find_solution(error, call->argument, file);
}

/* name: shape (HF_NAME_MAX) */
static hf_status find_model(hf_error *error, const cli_call *call, const cli_verb *verb, char name[]) {
    char *solution, *path = NULL;
    const char *model;
    HF_TRY(find_solution(error, call, verb, &solution));
    if (solution != NULL) {
        hf_status status = hf_solution_model(error, solution, name);
        free(solution);
        return status;
    }
    HF_TRY(hf_case_find(error, call->argument, &path));
    hf_status status = hf_case_model(error, path, call->override_count, call->overrides, &model);
    free(path);
    if (status == HF_OK)
        strcpy(name, model);
    return status;
}

hf_status cli_verb_of_model(hf_error *error, const cli_call *call, const cli_verb *verb,
                            const cli_verb **out) {
    hf_error found = {0};
    char name[HF_NAME_MAX];
    *out = verb;
    if (call->argument == NULL)
        return HF_OK;
    hf_status status = find_model(&found, call, verb, name);
    if (status == HF_ERR_MEMORY)
        return hf_raise(error, status, "%s", found.message);
    if (status != HF_OK)
        return HF_OK; /* the verb finds it again, and says more */
    for (size_t m = 0; m < MODELS; m++) {
        if (strcmp(models[m].name, name) != 0)
            continue;
        for (size_t v = 0; models[m].verbs[v] != NULL; v++)
            if (strcmp(models[m].verbs[v]->name, verb->name) == 0) {
                *out = models[m].verbs[v];
                return cli_check_options(error, call, *out, name);
            }
        if (takes_case(verb))
            return hf_raise(error, HF_ERR_INPUT, "%s: %s is of %s, which it is not for; expected one of %s",
                            verb->name, call->argument, name, models[m].listed);
    }
    return HF_OK;
}
