/** @file case_difference.c
 *  Where two cases differ, key by key: comments, layout and the order of keys do not count, overrides do. */
#include <headflow/case.h>

#include "store/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 3, PATH_LETTERS = 128, VALUE_LETTERS = 48 };

typedef struct difference {
    size_t count, size;
    char *text; /* shape (size): the first SHOWN of them */
} difference;

/* The overrides that the text of a case ends with, one a line: `# --set KEY=VALUE`. */
static hf_status apply_overrides(hf_error *error, hf_yaml *root, char *text) {
    static const char mark[] = "# --set ";
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, mark, sizeof mark - 1) == 0)
            HF_TRY(hf_yaml_set(error, root, line + sizeof mark - 1));
    return HF_OK;
}

/* lines: a copy of the text, which the tree refers to and which must outlive it. */
static hf_status parse(hf_error *error, const char *text, char **lines, hf_yaml **root) {
    HF_TRY(hf_yaml_parse(error, "case", false, text, strlen(text), root));
    HF_TRY(hf_string_copy(error, text, lines));
    return apply_overrides(error, *root, *lines);
}

static const char *describe(const hf_yaml *node, char text[VALUE_LETTERS]) {
    return node != NULL ? hf_yaml_describe(node, VALUE_LETTERS, text) : "nothing";
}

static void note(difference *d, const char *path, const hf_yaml *then, const hf_yaml *now) {
    char before[VALUE_LETTERS], after[VALUE_LETTERS];
    size_t used = strlen(d->text);
    if (d->count++ < SHOWN)
        snprintf(d->text + used, d->size - used, "%s%s was %s, now %s", used > 0 ? "; " : "", path,
                 describe(then, before), describe(now, after));
}

static void compare(difference *d, const char *path, const hf_yaml *then, const hf_yaml *now);

/* Those of `then`, and with `only` set those of `now` that `then` has not. */
static void compare_keys(difference *d, const char *path, const hf_yaml *then, const hf_yaml *now,
                         bool only) {
    const hf_yaml *all = only ? now : then, *others = only ? then : now;
    for (size_t i = 0; i < all->count; i++) {
        const hf_yaml *other = hf_yaml_get(others, all->item[i]->key);
        char longer[PATH_LETTERS];
        snprintf(longer, sizeof longer, "%s%s%s", path, path[0] ? "." : "", all->item[i]->key);
        if (other == NULL)
            note(d, longer, only ? NULL : all->item[i], only ? all->item[i] : NULL);
        else if (!only)
            compare(d, longer, all->item[i], other);
    }
}

static void compare(difference *d, const char *path, const hf_yaml *then, const hf_yaml *now) {
    bool scalar = then->kind == HF_YAML_SCALAR, list = then->kind == HF_YAML_SEQUENCE;
    if (then->kind != now->kind || (scalar && strcmp(then->text, now->text) != 0) ||
        (list && then->count != now->count)) {
        note(d, path, then, now);
        return;
    }
    for (size_t i = 0; list && i < then->count; i++) {
        char longer[PATH_LETTERS];
        snprintf(longer, sizeof longer, "%s[%zu]", path, i);
        compare(d, longer, then->item[i], now->item[i]);
    }
    if (then->kind == HF_YAML_MAPPING) {
        compare_keys(d, path, then, now, false);
        compare_keys(d, path, then, now, true);
    }
}

hf_status hf_case_difference(hf_error *error, const char *then, const char *now, size_t size, char *text,
                             size_t *count) {
    hf_yaml *a = NULL, *b = NULL;
    char *lines_a = NULL, *lines_b = NULL;
    difference d = {.size = size, .text = text};
    text[0] = '\0';
    hf_status status = parse(error, then, &lines_a, &a);
    if (status == HF_OK)
        status = parse(error, now, &lines_b, &b);
    if (status == HF_OK)
        compare(&d, "", a, b);
    size_t used = strlen(text);
    if (d.count > SHOWN)
        snprintf(text + used, size - used, "; and %zu more", d.count - SHOWN);
    *count = d.count;
    hf_yaml_destroy(&a);
    hf_yaml_destroy(&b);
    free(lines_a);
    free(lines_b);
    return status;
}
