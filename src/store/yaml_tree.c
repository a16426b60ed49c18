/** @file yaml_tree.c
 *  The nodes of a YAML tree: ownership, look-up, and messages that say where a node stands. */
#include "store/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hf_status hf_yaml_copy(hf_error *error, const hf_yaml *node, hf_yaml **out) {
    *out = NULL;
    void *memory;
    HF_TRY(hf_allocate(error, 1, sizeof(hf_yaml), &memory));
    hf_yaml *copy = memory;
    *copy = *node;
    copy->key = NULL;
    copy->text = NULL;
    copy->item = NULL;
    copy->count = 0;
    hf_status status = HF_OK;
    if (node->key)
        status = hf_string_copy(error, node->key, &copy->key);
    if (status == HF_OK && node->text)
        status = hf_string_copy(error, node->text, &copy->text);
    if (status != HF_OK)
        hf_yaml_destroy(&copy);
    *out = copy;
    return status;
}

hf_status hf_yaml_attach(hf_error *error, hf_yaml *node) {
    hf_yaml *parent = node->parent;
    if (!parent)
        return HF_OK;
    size_t count = parent->count;
    if ((count & (count - 1)) == 0) { /* the room is always the next power of two */
        hf_yaml **item = realloc(parent->item, (count ? 2 * count : 1) * sizeof *item);
        if (!item)
            return hf_raise(error, HF_ERR_MEMORY, "%s: no room for the case", node->source);
        parent->item = item;
    }
    node->index = count;
    parent->item[parent->count++] = node;
    return HF_OK;
}

void hf_yaml_destroy(hf_yaml **node) {
    if (!*node)
        return;
    for (size_t k = 0; k < (*node)->count; k++)
        hf_yaml_destroy(&(*node)->item[k]);
    free((*node)->item);
    free((*node)->key);
    free((*node)->text);
    free(*node);
    *node = NULL;
}

hf_yaml *hf_yaml_find(const hf_yaml *mapping, const char *key, size_t length) {
    for (size_t k = 0; mapping->kind == HF_YAML_MAPPING && k < mapping->count; k++)
        if (strncmp(mapping->item[k]->key, key, length) == 0 && mapping->item[k]->key[length] == '\0')
            return mapping->item[k];
    return NULL;
}

hf_yaml *hf_yaml_get(const hf_yaml *mapping, const char *key) {
    return hf_yaml_find(mapping, key, strlen(key));
}

const char *hf_yaml_describe(const hf_yaml *node, size_t size, char *buffer) {
    if (node->kind == HF_YAML_MAPPING)
        snprintf(buffer, size, "a mapping of %zu", node->count);
    else if (node->kind == HF_YAML_SEQUENCE)
        snprintf(buffer, size, "a list of %zu", node->count);
    else if (node->plain && node->text[0] == '\0')
        snprintf(buffer, size, "nothing");
    else
        snprintf(buffer, size, "`%.40s`%s", node->text, node->plain ? "" : " in quotes");
    return buffer;
}

/** Write "key.key[index].key" of a node. @return letters written, less than size */
static size_t write_path(const hf_yaml *node, size_t size, char *buffer) {
    if (!node->parent)
        return 0;
    size_t used = write_path(node->parent, size, buffer);
    if (node->key)
        used += (size_t)snprintf(buffer + used, size - used, "%s%.40s", used ? "." : "", node->key);
    else if (node->parent->kind == HF_YAML_SEQUENCE) /* in a mapping: its key is not read yet */
        used += (size_t)snprintf(buffer + used, size - used, "[%zu]", node->index);
    return used < size ? used : size - 1;
}

static hf_status raise_at(hf_error *error, hf_status status, const hf_yaml *node, size_t line, size_t column,
                          const char *format, va_list arguments) {
    char place[256], path[256] = "", what[500];
    if (node->line == 0)
        snprintf(place, sizeof place, "--set %.200s", node->source);
    else
        snprintf(place, sizeof place, "%.200s:%zu:%zu", node->source, line, column);
    write_path(node, sizeof path, path);
    vsnprintf(what, sizeof what, format, arguments);
    return hf_raise(error, status, "%s: %s%s%s", place, path, path[0] ? ": " : "", what);
}

hf_status hf_yaml_raise(hf_error *error, hf_status status, const hf_yaml *node, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    raise_at(error, status, node, node->line, node->column, format, arguments);
    va_end(arguments);
    return status;
}

hf_status hf_yaml_raise_key(hf_error *error, hf_status status, const hf_yaml *node, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    raise_at(error, status, node, node->key_line, node->key_column, format, arguments);
    va_end(arguments);
    return status;
}
