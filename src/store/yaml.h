/** @file yaml.h
 *  YAML text as a tree of nodes that know where they stand, so that every refusal of a case file can say
 *  file, line, column and key. The subset that a case needs: one document, no aliases, anchors or tags, no
 *  duplicate keys, bounded size and depth. All else is refused while it streams in, before it is stored. */
#ifndef HEADFLOW_STORE_YAML_H
#define HEADFLOW_STORE_YAML_H

#include <headflow/base.h>

enum {
    HF_YAML_BYTES_MAX = 1 << 20, /**< of a file */
    HF_YAML_DEPTH_MAX = 32, /**< collections inside one another: flow nesting costs libyaml quadratic time */
    HF_YAML_KEYS_MAX = 64   /**< of a mapping: the search for duplicates is quadratic */
};

typedef enum hf_yaml_kind { HF_YAML_SCALAR, HF_YAML_SEQUENCE, HF_YAML_MAPPING } hf_yaml_kind;

typedef struct hf_yaml hf_yaml;
struct hf_yaml {
    hf_yaml_kind kind;
    const char *source;          /**< the file's name, or the text KEY=VALUE of an override; borrowed */
    size_t line, column;         /**< from 1; line 0 marks a node that comes from an override */
    hf_yaml *parent;             /**< NULL for the root */
    size_t index;                /**< its place among the parent's items */
    char *key;                   /**< its key when the parent is a mapping, else NULL */
    size_t key_line, key_column; /**< where that key stands */
    char *text;                  /**< of a scalar, else NULL */
    bool plain;                  /**< a scalar without quotes: only these can be numbers */
    size_t count;
    hf_yaml **item; /**< shape (count): what a sequence or mapping holds, in the order of the text */
};

/** The text of a file, with a 0 behind it; free it with free().
 *  @return HF_ERR_INPUT when it cannot be read or is larger than HF_YAML_BYTES_MAX */
hf_status hf_yaml_load(hf_error *error, const char *path, size_t *length, char **text);

/** The tree of a text.
 *  @param[in] source    names the text in messages; borrowed, must outlive the tree
 *  @param[in] override  whether source is an override instead of a file
 *  @return HF_ERR_INPUT with the position of what is refused */
hf_status hf_yaml_parse(hf_error *error, const char *source, bool override, const char *text, size_t length,
                        hf_yaml **out);

/** Put the value of an override KEY.KEY...=VALUE in its place, making the mappings on the way.
 *  @param[in] override  borrowed, must outlive the tree */
hf_status hf_yaml_set(hf_error *error, hf_yaml *root, const char *override);

/** A copy of the node alone (no items, its own key and text) on the heap, and not yet in a tree. */
hf_status hf_yaml_copy(hf_error *error, const hf_yaml *node, hf_yaml **out);
/** Make a node the last item of its parent, if it has one; the tree owns it when this succeeds. */
hf_status hf_yaml_attach(hf_error *error, hf_yaml *node);
void hf_yaml_destroy(hf_yaml **node); /**< with everything below it */

/** The item of a mapping under the first `length` letters of key; NULL when there is none. */
hf_yaml *hf_yaml_find(const hf_yaml *mapping, const char *key, size_t length);
hf_yaml *hf_yaml_get(const hf_yaml *mapping, const char *key); /**< the same for the whole key */

/** What a node is, for messages: `text` for a scalar, else its kind and length.
 *  @return buffer */
const char *hf_yaml_describe(const hf_yaml *node, size_t size, char *buffer);

/** Record a failure as one line `file:line:column: key.path: message`, at the node's value.
 *  @return status */
hf_status hf_yaml_raise(hf_error *error, hf_status status, const hf_yaml *node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** The same at the node's key. */
hf_status hf_yaml_raise_key(hf_error *error, hf_status status, const hf_yaml *node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
