/* What the verbs of the program share: their table, their options, and the way they report. */
#ifndef HF_CLI_CLI_H
#define HF_CLI_CLI_H

#include <headflow/optimum.h>
#include <headflow/ranks.h>

#include <math.h>
#include <stdio.h>

enum { CLI_OVERRIDES_MAX = 64, CLI_FILES_MAX = 64 };

/* The options of all verbs; a verb accepts those in its mask. */
typedef enum cli_option {
    CLI_SET = 1,
    CLI_OUTPUT = 2,
    CLI_QUIET = 4,
    CLI_JSON = 8,
    CLI_MARKDOWN = 16,
    CLI_LEVELS = 32,
    CLI_NODES = 64,
    CLI_STEP = 128,
    CLI_BATCH = 256,
    CLI_TIME = 512,
    CLI_DRAWS = 1024,
    CLI_SNAPSHOTS = 2048,
    CLI_PAIRS = 4096,
    CLI_EPSILON = 8192,
    CLI_OPTIMISER = 16384,
    CLI_GAP = 32768,
    CLI_STARTS = 65536,
    CLI_RESUME = 131072
} cli_option;

/* What a verb does when mpirun has started several processes. */
typedef enum cli_ranks {
    CLI_ALONE,   /* refuses */
    CLI_FIRST,   /* the first of them runs it */
    CLI_TOGETHER /* all of them run it; all but the first are quiet */
} cli_ranks;

typedef struct cli_call {
    const hf_ranks *ranks; /* NULL: alone */
    const char *argument;  /* CASE or PATH; NULL for a verb without one */
    size_t file_count;     /* of what comes after it, where a verb takes more */
    const char *files[CLI_FILES_MAX];
    size_t override_count;
    const char *overrides[CLI_OVERRIDES_MAX];
    const char *output; /* NULL: the default folder */
    bool quiet, json, markdown, resume;
    size_t levels, nodes;       /* 0: the default */
    double step, time, epsilon; /* NAN: not given */
    double gap;                 /* 0: the default */
    size_t batch, draws, snapshots, pairs, starts;
    bool batch_given;
    unsigned given; /* which of cli_option */
} cli_call;

typedef struct cli_verb {
    const char *name, *argument, *summary, *help;
    unsigned options;  /* which of cli_option */
    const char *files; /* what may come after the argument, any number of them; NULL: nothing */
    cli_ranks ranks;
    bool interruptible; /* SIGINT and SIGTERM end it in good order */
    hf_status (*run)(hf_error *error, const cli_call *call);
} cli_verb;

extern const cli_verb cli_list, cli_run, cli_sgd, cli_compare, cli_optimum, cli_limit, cli_verify,
    cli_figures, cli_report;

/* Verbs of the same names for other models: models.c. */
extern const cli_verb cli_tokens_run, cli_tokens_verify, cli_tokens_limit, cli_tokens_report, cli_paths_run;

/* The verb of that name for the model of the case, or the solution, that a call names: `verb` itself for
 * heads, and where the argument names nothing that can be read, which the verb will say. HF_ERR_INPUT when
 * that model has no such verb, or its verb does not take an option of the call. */
hf_status cli_verb_of_model(hf_error *error, const cli_call *call, const cli_verb *verb,
                            const cli_verb **out);

/* Parse what follows the verb. HF_ERR_INPUT with what was expected. */
hf_status cli_parse(hf_error *error, const cli_verb *verb, int count, char *const arguments[],
                    cli_call *call);

/* HF_ERR_INPUT with the first option of the call that the verb of that model does not take. */
hf_status cli_check_options(hf_error *error, const cli_call *call, const cli_verb *verb, const char *model);

/* The options that a verb accepts, for its help. */
void cli_print_options(FILE *file, const cli_verb *verb);

/* The case that a call names: its problem and the text to keep with its results. Both belong to the caller.
 * Collective. */
hf_status cli_read_case(hf_error *error, const cli_call *call, hf_problem **problem, char **text);

/* The path of a result: DIR/FILE, where DIR is the option -o or output/NAME. On the heap, whatever the
 * status: HF_ERR_IO where it cannot be written. Collective. */
hf_status cli_output_path(hf_error *error, const cli_call *call, const hf_problem *problem, const char *file,
                          char **path);

/* The same for a case of any model, by its name. */
hf_status cli_output_of(hf_error *error, const cli_call *call, const char *name, const char *file,
                        char **path);

/* The path of a result of a file: DIR/FILE, where DIR is the option -o or the folder of the argument. On the
 * heap, whatever the status: HF_ERR_IO where it cannot be written. */
hf_status cli_output_beside(hf_error *error, const cli_call *call, const char *file, char **path);

/* The line for a verb that a signal ended: HF_ERR_INTERRUPTED with where it stands and the command that goes
 * on from there. option: which that command needs besides those of the call, or NULL */
hf_status cli_raise_interrupted(hf_error *error, const cli_call *call, const char *verb, const char *where,
                                const char *option);

/* What is being done, on standard error: a line that the next one replaces where it is a terminal. */
void cli_show_progress(const char *what);
void cli_clear_progress(void);

/* The larger, and INFINITY for what is not a number: no promise is kept by it. */
static inline double cli_worse(double so_far, double now) {
    return isnan(now) ? INFINITY : fmax(so_far, now);
}

/* How many decimals of a number are known, 0 to 15. */
int cli_decimals(double uncertainty);

/* The same, but enough for four significant digits. */
int cli_known_decimals(double value, double uncertainty);

/* The value, or 0 where its decimals are all 0: no -0.00. */
double cli_rounded(double value, int decimals);

/* A gap in words: "3.1e-11 nat", or "0 to rounding", which may leave it below 0. */
void cli_write_gap(double gap, size_t size, char *text);

/* A line, indented by two, where the minimiser matches all labels; otherwise nothing. */
void cli_print_matched(const hf_problem *problem, const hf_optimum *optimum);

/* A string as JSON, quotes included. */
void cli_print_json_string(FILE *file, const char *text);

/* A number as JSON: null when it is not finite. */
void cli_print_json_number(FILE *file, const char *key, double value);

/* Numbers as a JSON list behind their key. values: shape (count) */
void cli_print_json_list(FILE *file, const char *key, size_t count, const double *values);

#endif
