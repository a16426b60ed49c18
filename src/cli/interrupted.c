/* What is said when a signal ended a verb: the command that goes on, as a shell takes it. */
#include "cli/cli.h"

#include <headflow/interrupt.h>

#include <signal.h>
#include <string.h>

typedef struct line {
    char text[HF_MESSAGE_MAX - 64];
    size_t used;
    bool cut;
} line;

static void add(line *to, const char *text) {
    int written = snprintf(to->text + to->used, sizeof to->text - to->used, "%s", text);
    to->used += (size_t)written;
    if (to->used >= sizeof to->text) {
        to->used = sizeof to->text - 1;
        to->cut = true;
    }
}

/* A word as a shell takes it. */
static void add_word(line *to, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";
    add(to, " ");
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        add(to, word);
        return;
    }
    add(to, "'");
    for (; *word != '\0'; word++)
        add(to, *word == '\'' ? "'\\''" : (char[2]){*word, '\0'});
    add(to, "'");
}

hf_status cli_raise_interrupted(hf_error *error, const cli_call *call, const char *verb, const char *where,
                                const char *option) {
    line command = {0};
    add(&command, " headflow ");
    add(&command, verb);
    add_word(&command, call->argument);
    for (size_t i = 0; i < call->override_count; i++) {
        add(&command, " --set");
        add_word(&command, call->overrides[i]);
    }
    if (call->output != NULL) {
        add(&command, " -o");
        add_word(&command, call->output);
    }
    if (option != NULL) {
        add(&command, " ");
        add(&command, option);
    }
    const char *name = hf_interrupted(NULL) == SIGTERM ? "SIGTERM" : "SIGINT";
    if (command.cut)
        return hf_raise(error, HF_ERR_INTERRUPTED, "interrupted by %s; %s: the same command%s%s", name, where,
                        option != NULL ? " with " : "", option != NULL ? option : "");
    return hf_raise(error, HF_ERR_INTERRUPTED, "interrupted by %s; %s:%s", name, where, command.text);
}
