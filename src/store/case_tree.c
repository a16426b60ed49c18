/** @file case_tree.c
 *  What cases of all models share: the tree of a file with the overrides of the command line, the text to
 * keep with results, and the model that the key `model` names. */
#include "store/case_sections.h"
#include <headflow/case.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The models that a case can be of, as hf_case_model_kind counts them. */
static const char *const models[] = {"heads", "tokens", "paths"};
enum { MODELS = sizeof models / sizeof *models };

static const char *model_name(size_t row) {
    return models[row];
}

static hf_status read_model(hf_error *error, void *self, const char *path, const hf_yaml *root) {
    (void)path;
    size_t row = HF_CASE_HEADS;
    const hf_yaml *node = root->kind == HF_YAML_MAPPING ? hf_yaml_get(root, "model") : NULL;
    if (node != NULL)
        HF_TRY(hf_schema_choice(error, node, "model", MODELS, model_name, &row));
    *(const char **)self = models[row];
    return HF_OK;
}

hf_status hf_case_model(hf_error *error, const char *path, size_t override_count,
                        const char *const overrides[], const char **model) {
    *model = models[HF_CASE_HEADS];
    return hf_case_read_tree(error, path, override_count, overrides, read_model, model, NULL);
}

hf_status hf_case_expect_model(hf_error *error, const hf_yaml *root, hf_case_model_kind expected) {
    const char *model;
    HF_TRY(read_model(error, &model, NULL, root));
    if (strcmp(model, models[expected]) != 0)
        return hf_yaml_raise(error, HF_ERR_INPUT,
                             hf_yaml_get(root, "model") != NULL ? hf_yaml_get(root, "model") : root,
                             "a case of %s; expected one of %s", model, models[expected]);
    return HF_OK;
}

/** Comments that look like overrides, as in the text of a case taken from a solution, are none here: their
 * blank becomes a tabulator. */
static void blunt(char *text, const char *mark) {
    for (char *at = strstr(text, mark); at != NULL; at = strstr(at + 1, mark))
        if (at == text || at[-1] == '\n')
            at[1] = '\t';
}

/** The text of a case with its overrides behind it, each a comment line. */
static hf_status annotate(hf_error *error, const char *text, size_t count, const char *const overrides[],
                          char **out) {
    static const char mark[] = "# --set ";
    size_t size = strlen(text) + 2;
    for (size_t k = 0; k < count; k++)
        size += strlen(overrides[k]) + sizeof mark + 1;
    void *memory;
    HF_TRY(hf_allocate(error, size, 1, &memory));
    *out = memory;
    int used = sprintf(*out, "%s%s", text, text[0] && text[strlen(text) - 1] != '\n' ? "\n" : "");
    blunt(*out, mark);
    for (size_t k = 0; k < count; k++)
        used += sprintf(*out + used, "%s%s\n", mark, overrides[k]);
    return HF_OK;
}

/** From text to what `read` makes of it: the tree lives only here. */
static hf_status read_text(hf_error *error, const char *path, const char *content, size_t length,
                           size_t count, const char *const overrides[], hf_case_reader *read, void *self) {
    hf_yaml *root;
    HF_TRY(hf_yaml_parse(error, path, false, content, length, &root));
    hf_status status = HF_OK;
    for (size_t k = 0; k < count && status == HF_OK; k++)
        status = hf_yaml_set(error, root, overrides[k]);
    if (status == HF_OK)
        status = read(error, self, path, root);
    hf_yaml_destroy(&root);
    return status;
}

hf_status hf_case_read_tree(hf_error *error, const char *path, size_t count, const char *const overrides[],
                            hf_case_reader *read, void *self, char **text) {
    size_t length;
    char *content;
    if (text != NULL)
        *text = NULL;
    HF_TRY(hf_yaml_load(error, path, &length, &content));
    hf_status status = read_text(error, path, content, length, count, overrides, read, self);
    if (status == HF_OK && text != NULL)
        status = annotate(error, content, count, overrides, text);
    free(content);
    return status;
}
