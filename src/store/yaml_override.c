/** @file yaml_override.c
 *  Overrides of a case: `--set grid.cells=[128,128]` puts the YAML value behind `=` at the dotted key.
 *  Whether it may be there is for the schema to say, once, for files and overrides alike. */
#include "store/yaml.h"

#include <stdlib.h>
#include <string.h>

/** Put `value` under a key of `map`, instead of what is there. Takes over value when it succeeds. */
static hf_status place_value(hf_error *error, hf_yaml *map, const char *key, size_t length, hf_yaml *value) {
    value->key = strndup(key, length);
    if (!value->key)
        return hf_raise(error, HF_ERR_MEMORY, "--set %s: no room for the key", value->source);
    value->parent = map;
    hf_yaml *old = hf_yaml_find(map, key, length);
    if (!old)
        return hf_yaml_attach(error, value);
    value->index = old->index;
    map->item[old->index] = value;
    hf_yaml_destroy(&old);
    return HF_OK;
}

/** The mapping under a key of `map`, made if there is nothing. */
static hf_status enter(hf_error *error, hf_yaml *map, const char *override, const char *key, size_t length,
                       hf_yaml **out) {
    *out = hf_yaml_find(map, key, length);
    if (*out)
        return HF_OK;
    hf_yaml *made;
    HF_TRY(hf_yaml_copy(error, &(hf_yaml){.kind = HF_YAML_MAPPING, .source = override}, &made));
    hf_status status = place_value(error, map, key, length, made);
    if (status != HF_OK)
        hf_yaml_destroy(&made);
    *out = made;
    return status;
}

/** Walk the dotted key from the root and put the value at its end. */
static hf_status set_value(hf_error *error, hf_yaml *root, const char *override, hf_yaml *value) {
    hf_yaml *map = root;
    const char *key = override;
    for (int depth = 0; depth < HF_YAML_DEPTH_MAX; depth++) {
        size_t length = strcspn(key, ".=");
        if (map->kind != HF_YAML_MAPPING) {
            char found[64];
            hf_yaml here = *map;
            here.source = override;
            here.line = 0;
            return hf_yaml_raise(error, HF_ERR_INPUT, &here,
                                 "there is %s; expected a mapping, or an override of the whole value",
                                 hf_yaml_describe(map, sizeof found, found));
        }
        if (key[length] == '=')
            return place_value(error, map, key, length, value);
        HF_TRY(enter(error, map, override, key, length, &map));
        key += length + 1;
    }
    return hf_raise(error, HF_ERR_INPUT, "--set %.200s: nested too deep; expected a key of a case", override);
}

hf_status hf_yaml_set(hf_error *error, hf_yaml *root, const char *override) {
    const char *equals = strchr(override, '=');
    if (!equals || equals == override)
        return hf_raise(error, HF_ERR_INPUT, "--set %.200s: no key before `=`; expected KEY=VALUE", override);
    if (strpbrk(override, "\n\r")) /* it becomes one comment line of the recorded case */
        return hf_raise(error, HF_ERR_INPUT, "--set %.*s: a line break; expected KEY=VALUE in one line",
                        (int)strcspn(override, "\n\r"), override);
    hf_yaml *value;
    HF_TRY(hf_yaml_parse(error, override, true, equals + 1, strlen(equals + 1), &value));
    hf_status status = set_value(error, root, override, value);
    if (status != HF_OK)
        hf_yaml_destroy(&value);
    return status;
}
