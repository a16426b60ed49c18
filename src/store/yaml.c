/** @file yaml.c
 *  From text to a tree, with libyaml's event parser. Events instead of its document interface because depth,
 *  aliases, tags and duplicates can then be refused in the stream, before anything is built on them. The only
 *  file that includes libyaml. */
#include "store/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

hf_status hf_yaml_load(hf_error *error, const char *path, size_t *length, char **text) {
    *text = NULL;
    *length = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return hf_raise(error, HF_ERR_INPUT, "%s: cannot be read: %s; expected a case file", path,
                        strerror(errno));
    void *memory = NULL;
    hf_status status = hf_allocate(error, HF_YAML_BYTES_MAX + 2, 1, &memory);
    if (status == HF_OK) {
        *length = fread(memory, 1, HF_YAML_BYTES_MAX + 1, file);
        if (ferror(file))
            status = hf_raise(error, HF_ERR_INPUT, "%s: cannot be read: %s; expected a case file", path,
                              strerror(errno));
        else if (*length > HF_YAML_BYTES_MAX)
            status = hf_raise(error, HF_ERR_INPUT,
                              "%s: larger than 1 MiB; expected a case file, with large data in a CSV file of "
                              "its own (data.file)",
                              path);
    }
    fclose(file);
    if (status != HF_OK)
        free(memory);
    else
        *text = memory;
    return status;
}

typedef struct builder {
    yaml_parser_t parser;
    const char *source;
    bool override;
    const char *text;
    hf_yaml *root;
    hf_yaml *open; /* the innermost collection that has begun and not ended */
    size_t depth;  /* how many have */
    char *key;     /* of a mapping: read, its value comes next; else NULL */
    yaml_mark_t key_mark;
} builder;

/** The node that would stand at a mark: what is built there is a copy of it, what is refused is named by it.
 */
static hf_yaml place(const builder *b, yaml_mark_t mark) {
    return (hf_yaml){.source = b->source,
                     .line = b->override ? 0 : mark.line + 1,
                     .column = mark.column + 1,
                     .parent = b->open,
                     .index = b->open ? b->open->count : 0,
                     .key = b->key,
                     .key_line = b->key_mark.line + 1,
                     .key_column = b->key_mark.column + 1};
}

/** Refuse what is not YAML. The reader below libyaml's scanner knows an offset only, not a line. */
static hf_status refuse_syntax(hf_error *error, const builder *b) {
    const yaml_parser_t *parser = &b->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return hf_raise(error, HF_ERR_MEMORY, "%s: no room for the case", b->source);
    yaml_mark_t mark = parser->problem_mark;
    bool encoding = parser->error == YAML_READER_ERROR;
    if (encoding) {
        mark = (yaml_mark_t){0};
        for (size_t k = 0; k < parser->problem_offset; k++) {
            bool inside_letter = ((unsigned char)b->text[k] & 0xC0) == 0x80;
            mark.column = b->text[k] == '\n' ? 0 : mark.column + !inside_letter;
            mark.line += b->text[k] == '\n';
        }
    }
    hf_yaml here = place(b, mark);
    if (encoding) { /* the reader is ahead of the keys */
        here.parent = NULL;
        return hf_yaml_raise(error, HF_ERR_INPUT, &here, "%s; expected UTF-8 text", parser->problem);
    }
    return hf_yaml_raise(error, HF_ERR_INPUT, &here, "%s%s%s; expected YAML", parser->problem,
                         parser->context ? " " : "", parser->context ? parser->context : "");
}

static hf_status take_key(hf_error *error, builder *b, const yaml_event_t *event) {
    const char *key = (const char *)event->data.scalar.value;
    hf_yaml here = place(b, event->start_mark);
    if (b->open->count == HF_YAML_KEYS_MAX)
        return hf_yaml_raise(error, HF_ERR_INPUT, &here, "the mapping goes on; expected at most %d keys",
                             HF_YAML_KEYS_MAX);
    const hf_yaml *first = hf_yaml_get(b->open, key);
    here.key = (char *)event->data.scalar.value;
    if (first)
        return hf_yaml_raise(error, HF_ERR_INPUT, &here,
                             "the key is given twice, first in line %zu; "
                             "expected it once",
                             first->key_line);
    b->key_mark = event->start_mark;
    return hf_string_copy(error, key, &b->key);
}

/** Add a node that begins at an event: a scalar, or a collection that is open from now on. */
static hf_status take_node(hf_error *error, builder *b, const yaml_event_t *event, hf_yaml_kind kind) {
    hf_yaml here = place(b, event->start_mark);
    here.kind = kind;
    if (kind == HF_YAML_SCALAR) {
        here.text = (char *)event->data.scalar.value;
        here.plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    } else if (b->depth == HF_YAML_DEPTH_MAX) {
        return hf_yaml_raise(error, HF_ERR_INPUT, &here, "nested too deep; expected at most %d levels",
                             HF_YAML_DEPTH_MAX);
    }
    hf_yaml *node;
    HF_TRY(hf_yaml_copy(error, &here, &node));
    hf_status status = hf_yaml_attach(error, node);
    if (status != HF_OK) {
        hf_yaml_destroy(&node);
        return status;
    }
    free(b->key);
    b->key = NULL;
    if (!b->root)
        b->root = node;
    if (kind != HF_YAML_SCALAR) {
        b->open = node;
        b->depth++;
    }
    return HF_OK;
}

/** What makes an event no part of a case, with what to write instead; NULL for an event that is fine. */
static const char *objection(const builder *b, const yaml_event_t *event) {
    bool key_next = b->open && b->open->kind == HF_YAML_MAPPING && !b->key;
    bool anchor = false, tag = false, collection = false;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return b->root ? "a second document begins; expected one case a file" : NULL;
    case YAML_ALIAS_EVENT:
        return "an alias; expected the value itself, aliases are not followed";
    case YAML_SCALAR_EVENT:
        if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
            return "a NUL character; expected text";
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        collection = true;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        collection = true;
        break;
    default:
        return NULL;
    }
    if (anchor)
        return "an anchor; expected the value alone, aliases are not followed";
    if (tag)
        return "a tag; expected the value alone, its type follows from its key";
    return key_next && collection ? "a key that is a collection; expected a name" : NULL;
}

static hf_status take(hf_error *error, builder *b, const yaml_event_t *event) {
    const char *refusal = objection(b, event);
    if (refusal) {
        hf_yaml here = place(b, event->start_mark);
        return hf_yaml_raise(error, HF_ERR_INPUT, &here, "%s", refusal);
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (b->open && b->open->kind == HF_YAML_MAPPING && !b->key)
            return take_key(error, b, event);
        return take_node(error, b, event, HF_YAML_SCALAR);
    case YAML_SEQUENCE_START_EVENT:
        return take_node(error, b, event, HF_YAML_SEQUENCE);
    case YAML_MAPPING_START_EVENT:
        return take_node(error, b, event, HF_YAML_MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->open = b->open->parent;
        b->depth--;
        return HF_OK;
    case YAML_STREAM_END_EVENT:
        if (!b->root) {
            hf_yaml here = place(b, (yaml_mark_t){0});
            return hf_yaml_raise(error, HF_ERR_INPUT, &here, "nothing there; expected %s",
                                 b->override ? "KEY=VALUE" : "the sections of a case");
        }
        return HF_OK;
    default:
        return HF_OK;
    }
}

hf_status hf_yaml_parse(hf_error *error, const char *source, bool override, const char *text, size_t length,
                        hf_yaml **out) {
    *out = NULL;
    builder b = {.source = source, .override = override, .text = text};
    if (!yaml_parser_initialize(&b.parser))
        return hf_raise(error, HF_ERR_MEMORY, "%s: no room for the case", source);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, length);

    hf_status status = HF_OK;
    for (bool end = false; !end && status == HF_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b.parser, &event)) {
            status = refuse_syntax(error, &b);
        } else {
            end = event.type == YAML_STREAM_END_EVENT;
            status = take(error, &b, &event);
            yaml_event_delete(&event);
        }
    }
    yaml_parser_delete(&b.parser);
    free(b.key);
    if (status != HF_OK)
        hf_yaml_destroy(&b.root);
    *out = b.root;
    return status;
}
