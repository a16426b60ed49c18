/* The options of the verbs, and what several verbs do with them. */
#include "cli/cli.h"

#include <headflow/case.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct option {
    cli_option bit;
    const char *name, *alias; /* alias: NULL if none */
    const char *value;        /* NULL: takes none */
    const char *help;
} option;

static const option options[] = {
    {CLI_SET, "--set", NULL, "KEY=VALUE",
     "override a key of the case file, e.g. grid.cells=[64,64]; repeatable"},
    {CLI_OUTPUT, "--output", "-o", "DIR", "the folder of the results (default: output/NAME)"},
    {CLI_QUIET, "--quiet", "-q", NULL, "no progress and no summary"},
    {CLI_JSON, "--json", NULL, NULL, "the last line of standard output is one JSON object"},
    {CLI_MARKDOWN, "--markdown", NULL, NULL, "the table as docs/reference.md has it"},
    {CLI_LEVELS, "--levels", NULL, "N", "grids, each with half the cells of the next (2 to 8, default 3)"},
    {CLI_NODES, "--nodes", NULL, "N", "nodes of the flow map, an axis (default: as many as it takes)"},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

void cli_print_options(FILE *file, const cli_verb *verb) {
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        char name[64];
        if (!(verb->options & o->bit))
            continue;
        snprintf(name, sizeof name, "%s%s%s%s%s", o->alias != NULL ? o->alias : "",
                 o->alias != NULL ? ", " : "", o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        fprintf(file, "  %-18s %s\n", name, o->help);
    }
    fprintf(file, "  %-18s %s\n", "-h, --help", "this text");
}

static const option *find_option(const cli_verb *verb, const char *name) {
    for (size_t i = 0; i < OPTIONS; i++)
        if ((verb->options & options[i].bit) &&
            (strcmp(options[i].name, name) == 0 ||
             (options[i].alias != NULL && strcmp(options[i].alias, name) == 0)))
            return &options[i];
    return NULL;
}

static hf_status unknown_option(hf_error *error, const cli_verb *verb, const char *name) {
    const char *names[OPTIONS];
    size_t count = 0;
    for (size_t i = 0; i < OPTIONS; i++)
        if (verb->options & options[i].bit)
            names[count++] = options[i].name;
    const char *near = hf_nearest(name, count, names);
    return hf_raise(error, HF_ERR_INPUT, "%s: unknown option %s%s%s (see headflow %s --help)", verb->name,
                    name, near != NULL ? ", did you mean " : "", near != NULL ? near : "", verb->name);
}

static hf_status parse_count(hf_error *error, const option *o, const char *value, size_t *out) {
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < 1 || number > 512)
        return hf_raise(error, HF_ERR_INPUT, "option %s: %s; expected an integer from 1 to 512", o->name,
                        value);
    *out = (size_t)number;
    return HF_OK;
}

static hf_status apply_option(hf_error *error, const option *o, const char *value, cli_call *call) {
    switch (o->bit) {
    case CLI_SET:
        if (call->override_count == CLI_OVERRIDES_MAX)
            return hf_raise(error, HF_ERR_INPUT, "option --set: more than %d", CLI_OVERRIDES_MAX);
        call->overrides[call->override_count++] = value;
        return HF_OK;
    case CLI_OUTPUT:
        if (value[0] == '\0')
            return hf_raise(error, HF_ERR_INPUT, "option %s: empty; expected a folder", o->name);
        call->output = value;
        return HF_OK;
    case CLI_QUIET:
        call->quiet = true;
        return HF_OK;
    case CLI_JSON:
        call->json = true;
        return HF_OK;
    case CLI_MARKDOWN:
        call->markdown = true;
        return HF_OK;
    case CLI_LEVELS:
        return parse_count(error, o, value, &call->levels);
    case CLI_NODES:
        return parse_count(error, o, value, &call->nodes);
    }
    return HF_OK;
}

hf_status cli_parse(hf_error *error, const cli_verb *verb, int count, char *const arguments[],
                    cli_call *call) {
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        if (argument[0] != '-') {
            if (verb->argument == NULL || call->argument != NULL)
                return hf_raise(error, HF_ERR_INPUT, "%s: unexpected argument %s", verb->name, argument);
            call->argument = argument;
            continue;
        }
        const char *attached =
            strncmp(argument, "--", 2) == 0 ? strchr(argument, '=') : NULL; /* --name=value */
        char name[64];
        snprintf(name, sizeof name, "%.*s", attached != NULL ? (int)(attached - argument) : 63, argument);
        const option *o = find_option(verb, name);
        if (o == NULL || (attached != NULL && o->value == NULL))
            return unknown_option(error, verb, argument);
        if (attached != NULL) {
            HF_TRY(apply_option(error, o, attached + 1, call));
            continue;
        }
        if (o->value != NULL && i + 1 == count)
            return hf_raise(error, HF_ERR_INPUT, "%s: option %s; expected %s after it", verb->name, argument,
                            o->value);
        HF_TRY(apply_option(error, o, o->value != NULL ? arguments[++i] : NULL, call));
    }
    if (verb->argument != NULL && call->argument == NULL)
        return hf_raise(error, HF_ERR_INPUT, "%s: no %s; expected headflow %s %s", verb->name, verb->argument,
                        verb->name, verb->argument);
    return HF_OK;
}

hf_status cli_read_case(hf_error *error, const cli_call *call, hf_problem **problem, char **text) {
    char *path;
    *problem = NULL;
    *text = NULL;
    HF_TRY(hf_case_find(error, call->argument, &path));
    hf_status status = hf_case_read(error, path, call->override_count, call->overrides, problem, text);
    free(path);
    return status;
}

hf_status cli_output_path(hf_error *error, const cli_call *call, const hf_problem *problem, const char *file,
                          char **path) {
    const char *folder = call->output != NULL ? call->output : hf_problem_name(problem);
    size_t size = strlen(folder) + strlen(file) + sizeof "output//";
    HF_TRY(hf_allocate(error, size, 1, (void **)path));
    snprintf(*path, size, "%s%s/%s", call->output != NULL ? "" : "output/", folder, file);
    return HF_OK;
}

void cli_print_json_string(FILE *file, const char *text) {
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else
            fputc(*c, file);
    fputc('"', file);
}

void cli_print_json_number(FILE *file, const char *key, double value) {
    if (isfinite(value))
        fprintf(file, "\"%s\": %.17g", key, value);
    else
        fprintf(file, "\"%s\": null", key);
}
