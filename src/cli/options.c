/* The options of the verbs, and what several verbs do with them. */
#include "cli/cli.h"

#include <headflow/case.h>
#include <headflow/store.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct option {
    cli_option bit;
    const char *name, *alias; /* alias: NULL if none */
    const char *value;        /* NULL: takes none */
    const char *help;         /* NULL: known only to be refused */
} option;

static const option options[] = {
    {CLI_SET, "--set", NULL, "KEY=VALUE",
     "override a key of the case file, e.g. grid.cells=[64,64]; repeatable"},
    {CLI_OUTPUT, "--output", "-o", "DIR",
     "the folder of the results (default: output/NAME, or beside the file that is read)"},
    {CLI_QUIET, "--quiet", "-q", NULL, "no progress and no summary"},
    {CLI_JSON, "--json", NULL, NULL, "the last line of standard output is one JSON object"},
    {CLI_MARKDOWN, "--markdown", NULL, NULL, "the table as docs/reference.md has it"},
    {CLI_LEVELS, "--levels", NULL, "N", "grids, each with half the cells of the next (2 to 8, default 3)"},
    {CLI_NODES, "--nodes", NULL, "N", "nodes of the flow map, an axis (default: as many as it takes)"},
    {CLI_STEP, "--step", NULL, "E", "the step of SGD, for files that do not say it"},
    {CLI_BATCH, "--batch", NULL, "B", "events in a batch, or full, for files that do not say it"},
    {CLI_TIME, "--time", NULL, "T", "the time of the static bound (default: the last)"},
    {CLI_DRAWS, "--draws", NULL, "N", "draws for the static bound (default 200)"},
    {CLI_SNAPSHOTS, "--snapshots", NULL, "N",
     "times of the distances in all coordinates (default 1: the last)"},
    {CLI_PAIRS, "--pairs", NULL, "N", "heads times atoms of an exact W2 (default 250000)"},
    {CLI_EPSILON, "--epsilon", NULL, "E",
     "of Sinkhorn divergences (default: the square of a coarse cell's width)"},
    {CLI_GAP, "--gap", NULL, "G", "the distance to the minimum that is to be certified (default 1e-10)"},
    {CLI_STARTS, "--starts", NULL, "N",
     "of the search for stationary Dirac measures (default: by the dimension)"},
    {CLI_RESUME, "--resume", NULL, NULL, "go on from the last checkpoint, if there is one"},
    {CLI_OPTIMISER, "--momentum", NULL, "M", NULL},
    {CLI_OPTIMISER, "--adam", NULL, NULL, NULL},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

void cli_print_options(FILE *file, const cli_verb *verb) {
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        char name[64];
        if (!(verb->options & o->bit) || o->help == NULL)
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
        if ((verb->options & options[i].bit) && options[i].help != NULL)
            names[count++] = options[i].name;
    const char *near = hf_nearest(name, count, names);
    return hf_raise(error, HF_ERR_INPUT, "%s: unknown option %s%s%s (see headflow %s --help)", verb->name,
                    name, near != NULL ? ", did you mean " : "", near != NULL ? near : "", verb->name);
}

static hf_status parse_count(hf_error *error, const option *o, const char *value, long most, size_t *out) {
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < 1 || number > most)
        return hf_raise(error, HF_ERR_INPUT, "option %s: %s; expected an integer from 1 to %ld", o->name,
                        value, most);
    *out = (size_t)number;
    return HF_OK;
}

static hf_status parse_number(hf_error *error, const option *o, const char *value, bool zero, double *out) {
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number) || !(zero ? number >= 0 : number > 0))
        return hf_raise(error, HF_ERR_INPUT, "option %s: %s; expected a number %s 0", o->name, value,
                        zero ? ">=" : ">");
    *out = number;
    return HF_OK;
}

/* An integer, or the word full, which is 0. */
static hf_status parse_batch(hf_error *error, const option *o, const char *value, cli_call *call) {
    call->batch_given = true;
    if (strcmp(value, "full") == 0)
        return HF_OK;
    return parse_count(error, o, value, 1000000000, &call->batch);
}

static hf_status apply_option(hf_error *error, const option *o, const char *value, cli_call *call) {
    call->given |= o->bit;
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
    case CLI_RESUME:
        call->resume = true;
        return HF_OK;
    case CLI_LEVELS:
        return parse_count(error, o, value, 512, &call->levels);
    case CLI_NODES:
        return parse_count(error, o, value, 512, &call->nodes);
    case CLI_OPTIMISER:
        return hf_raise(error, HF_ERR_INPUT,
                        "option %s: refused: the theory here is for plain SGD, whose limit is the flow",
                        o->name);
    case CLI_STEP:
        return parse_number(error, o, value, false, &call->step);
    case CLI_BATCH:
        return parse_batch(error, o, value, call);
    case CLI_TIME:
        return parse_number(error, o, value, true, &call->time);
    case CLI_DRAWS:
        return parse_count(error, o, value, 1000000, &call->draws);
    case CLI_SNAPSHOTS:
        return parse_count(error, o, value, 1000000, &call->snapshots);
    case CLI_PAIRS:
        return parse_count(error, o, value, 1000000000, &call->pairs);
    case CLI_EPSILON:
        return parse_number(error, o, value, false, &call->epsilon);
    case CLI_GAP:
        return parse_number(error, o, value, false, &call->gap);
    case CLI_STARTS:
        return parse_count(error, o, value, 1000000, &call->starts);
    }
    return HF_OK;
}

hf_status cli_check_options(hf_error *error, const cli_call *call, const cli_verb *verb, const char *model) {
    char expected[256] = "";
    const option *refused = NULL;
    for (size_t i = OPTIONS; i-- > 0;)
        if (call->given & options[i].bit & ~verb->options)
            refused = &options[i];
    if (refused == NULL)
        return HF_OK;
    for (size_t i = 0, used = 0; i < OPTIONS; i++)
        if (verb->options & options[i].bit)
            used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", used > 0 ? ", " : "",
                                     options[i].name);
    return hf_raise(error, HF_ERR_INPUT, "%s: %s is not for %s; expected one of %s", verb->name,
                    refused->name, model, expected);
}

static hf_status add_argument(hf_error *error, const cli_verb *verb, const char *argument, cli_call *call) {
    if (verb->argument != NULL && call->argument == NULL) {
        call->argument = argument;
        return HF_OK;
    }
    if (verb->files == NULL)
        return hf_raise(error, HF_ERR_INPUT, "%s: unexpected argument %s", verb->name, argument);
    if (call->file_count == CLI_FILES_MAX)
        return hf_raise(error, HF_ERR_INPUT, "%s: more than %d files", verb->name, CLI_FILES_MAX);
    call->files[call->file_count++] = argument;
    return HF_OK;
}

hf_status cli_parse(hf_error *error, const cli_verb *verb, int count, char *const arguments[],
                    cli_call *call) {
    call->step = call->time = call->epsilon = NAN;
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        if (argument[0] != '-') {
            HF_TRY(add_argument(error, verb, argument, call));
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
        return hf_raise(error, HF_ERR_INPUT, "%s: no %s; expected headflow %s %s%s%s", verb->name,
                        verb->argument, verb->name, verb->argument, verb->files != NULL ? " " : "",
                        verb->files != NULL ? verb->files : "");
    return HF_OK;
}

static hf_status read_case(hf_error *error, const cli_call *call, hf_problem **problem, char **text) {
    char *path;
    HF_TRY(hf_case_find(error, call->argument, &path));
    hf_status status =
        hf_case_read_shared(error, call->ranks, path, call->override_count, call->overrides, problem, text);
    free(path);
    return status;
}

hf_status cli_read_case(hf_error *error, const cli_call *call, hf_problem **problem, char **text) {
    *problem = NULL;
    *text = NULL;
    return hf_ranks_agree(error, call->ranks, read_case(error, call, problem, text));
}

hf_status cli_output_path(hf_error *error, const cli_call *call, const hf_problem *problem, const char *file,
                          char **path) {
    return cli_output_of(error, call, hf_problem_name(problem), file, path);
}

hf_status cli_output_of(hf_error *error, const cli_call *call, const char *name, const char *file,
                        char **path) {
    const char *folder = call->output != NULL ? call->output : name;
    size_t size = strlen(folder) + strlen(file) + sizeof "output//";
    HF_TRY(hf_allocate(error, size, 1, (void **)path));
    snprintf(*path, size, "%s%s/%s", call->output != NULL ? "" : "output/", folder, file);
    return hf_ranks_agree(error, call->ranks,
                          hf_ranks_index(call->ranks) == 0 ? hf_output_check(error, *path) : HF_OK);
}

hf_status cli_output_beside(hf_error *error, const cli_call *call, const char *file, char **path) {
    const char *slash = strrchr(call->argument, '/');
    int length = slash != NULL ? (int)(slash - call->argument) : 1;
    const char *folder = call->output != NULL ? call->output : slash != NULL ? call->argument : ".";
    if (call->output != NULL)
        length = (int)strlen(call->output);
    size_t size = (size_t)length + strlen(file) + sizeof "/";
    HF_TRY(hf_allocate(error, size, 1, (void **)path));
    snprintf(*path, size, "%.*s/%s", length, folder, file);
    return hf_output_check(error, *path);
}

void cli_show_progress(const char *what) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s ...\033[K", what);
    else
        fprintf(stderr, "%s ...\n", what);
}

void cli_clear_progress(void) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}

int cli_decimals(double uncertainty) {
    static const double finest = 1e-15;
    return (int)fmax(floor(-log10(fmax(fabs(uncertainty), finest))), 0);
}

int cli_known_decimals(double value, double uncertainty) {
    static const double four = 1e-4; /* of the value: what leaves four digits known */
    return cli_decimals(fmin(fabs(uncertainty), four * fabs(value)));
}

double cli_rounded(double value, int decimals) {
    return fabs(value) < 0.5 * pow(10, -decimals) ? 0 : value;
}

void cli_write_gap(double gap, size_t size, char *text) {
    if (gap > 0)
        snprintf(text, size, "%.2g nat", gap);
    else
        snprintf(text, size, "0 to rounding");
}

void cli_print_matched(const hf_problem *problem, const hf_optimum *optimum) {
    double mismatch = hf_optimum_mismatch(problem, optimum);
    if (mismatch < HF_MATCHED)
        printf("  all label distributions are matched, to %.1g: the potential vanishes, and the minimisers "
               "are many\n",
               mismatch);
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

void cli_print_json_list(FILE *file, const char *key, size_t count, const double *values) {
    fprintf(file, "\"%s\": [", key);
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            fprintf(file, "%s%.17g", i > 0 ? ", " : "", values[i]);
        else
            fprintf(file, "%snull", i > 0 ? ", " : "");
    fprintf(file, "]");
}
