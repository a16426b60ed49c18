/* The program: finds the verb and turns a failure into one line and an exit code. */
#include "cli/cli.h"

#include <headflow/interrupt.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_verb *const verbs[] = {&cli_list,  &cli_run,    &cli_sgd,     &cli_compare, &cli_optimum,
                                        &cli_limit, &cli_verify, &cli_figures, &cli_report};
enum { VERBS = sizeof verbs / sizeof verbs[0], VERB_MAX = 16 };

/* "list, run, ..", for messages. names: shape (VERBS * VERB_MAX) */
static const char *list_verbs(char *names) {
    size_t used = 0;
    for (size_t i = 0; i < VERBS; i++)
        used += (size_t)snprintf(names + used, VERBS * VERB_MAX - used, "%s%s", i > 0 ? ", " : "",
                                 verbs[i]->name);
    return names;
}

static void print_help(FILE *file) {
    fputs("headflow: the mean-field limit of training multi-head attention, as a PDE on a grid\n\n"
          "usage: headflow VERB [ARGUMENT] [OPTIONS]\n\n",
          file);
    for (size_t i = 0; i < VERBS; i++) {
        const cli_verb *verb = verbs[i];
        char arguments[32];
        snprintf(arguments, sizeof arguments, "%s%s%s", verb->argument != NULL ? verb->argument : "",
                 verb->files != NULL ? " " : "", verb->files != NULL ? verb->files : "");
        fprintf(file, "  %-8s %-21s %s\n", verb->name, arguments, verb->summary);
    }
    fputs("\n  headflow VERB --help   what a verb does and its options\n"
          "  headflow --version     the version\n\n"
          "CASE is the name of a case (headflow list) or the path of a case file, SOLUTION a solution.nc.\n"
          "Exit codes: 0 success, 2 bad call or case file, 3 numerical failure, 4 input or output failure,\n"
          "130 and 143 interrupted by SIGINT and SIGTERM.\n",
          file);
}

static void print_verb_help(const cli_verb *verb) {
    printf("usage: headflow %s%s%s%s%s [OPTIONS]\n\n%s\n\n", verb->name, verb->argument != NULL ? " " : "",
           verb->argument != NULL ? verb->argument : "", verb->files != NULL ? " " : "",
           verb->files != NULL ? verb->files : "", verb->help);
    cli_print_options(stdout, verb);
}

static const cli_verb *find_verb(hf_error *error, const char *name) {
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i]->name;
        if (strcmp(names[i], name) == 0)
            return verbs[i];
    }
    char all[VERBS * VERB_MAX];
    const char *near = hf_nearest(name, VERBS, names);
    hf_raise(error, HF_ERR_INPUT, "unknown verb %s%s%s; expected one of %s (see --help)", name,
             near != NULL ? ", did you mean " : "", near != NULL ? near : "", list_verbs(all));
    return NULL;
}

static bool asks_for_help(const char *argument) {
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* Run a verb on one process, or on those of an MPI run as it can. */
static hf_status run_verb(hf_error *error, const hf_ranks *ranks, const cli_verb *verb, int count,
                          char *const arguments[]) {
    bool first = hf_ranks_index(ranks) == 0;
    for (int i = 0; i < count; i++)
        if (asks_for_help(arguments[i])) {
            if (first)
                print_verb_help(verb);
            return HF_OK;
        }
    cli_call call = {.ranks = ranks};
    HF_TRY(cli_parse(error, verb, count, arguments, &call));
    HF_TRY(cli_verb_of_model(error, &call, verb, &verb));
    if (hf_ranks_count(ranks) > 1 && verb->ranks == CLI_ALONE)
        return hf_raise(error, HF_ERR_INPUT, "%s runs on one process; start it without mpirun", verb->name);
    call.quiet = call.quiet || !first;
    call.json = call.json && first;
    if (verb->interruptible)
        hf_interrupt_catch();
    return first || verb->ranks == CLI_TOGETHER ? verb->run(error, &call) : HF_OK;
}

static hf_status dispatch(hf_error *error, const hf_ranks *ranks, int count, char *const arguments[]) {
    bool first = hf_ranks_index(ranks) == 0;
    if (count < 2) {
        char all[VERBS * VERB_MAX];
        if (first)
            print_help(stderr);
        return hf_raise(error, HF_ERR_INPUT, "no verb; expected one of %s", list_verbs(all));
    }
    if (asks_for_help(arguments[1])) {
        if (first)
            print_help(stdout);
        return HF_OK;
    }
    if (strcmp(arguments[1], "--version") == 0) {
        if (first)
            printf("headflow %s\n", hf_version());
        return HF_OK;
    }
    const cli_verb *verb = find_verb(error, arguments[1]);
    return verb != NULL ? run_verb(error, ranks, verb, count - 2, arguments + 2) : error->status;
}

/* 130 and 143 are what a shell gives for SIGINT and SIGTERM; 130 also where another rank has had the signal.
 */
static int exit_code(hf_status status) {
    int signal = hf_interrupted(NULL);
    return status == HF_ERR_INTERRUPTED && signal > 0 ? 128 + signal : hf_status_exit_code(status);
}

int main(int count, char *arguments[]) {
    hf_error error = {0};
    hf_ranks *ranks;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow fails where it is written, with a message */
    hf_status status = hf_ranks_start(&error, &ranks);
    if (status == HF_OK)
        status = dispatch(&error, ranks, count, arguments);
    if (status == HF_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = hf_raise(&error, HF_ERR_IO, "standard output cannot be written");
    status = hf_ranks_agree(&error, ranks, status);
    if (status != HF_OK && hf_ranks_index(ranks) == 0)
        fprintf(stderr, "headflow: %s\n", error.message);
    hf_ranks_stop(
        &ranks); /* after the message: mpirun ends all when the first of them exits with a failure */
    if (status == HF_ERR_IO) {
        /* a file that could not be closed stays open inside HDF5, whose exit handler would crash on it */
        fflush(NULL);
        _exit(hf_status_exit_code(status));
    }
    return exit_code(status);
}
