/** @file schema.c
 *  Mappings against tables of keys, and scalars against types. Numbers are strict: decimal, finite, without
 *  quotes, to the last letter of the scalar; what strtod would forgive (2.5abc, 0x10, nan) is refused. */
#include "store/schema.h"
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 32, INTEGER_MAX = 1000000000 };

static const char *const expectation[] = {
    [HF_SCHEMA_TEXT] = "text",
    [HF_SCHEMA_BOOLEAN] = "true or false",
    [HF_SCHEMA_COUNT] = "an integer from 1 to 1000000000",
    [HF_SCHEMA_NUMBER] = "a number, at most 1e30 in magnitude",
    [HF_SCHEMA_POSITIVE] = "a number > 0, from 1e-30 to 1e30",
    [HF_SCHEMA_NON_NEGATIVE] = "a number >= 0, at most 1e30",
    [HF_SCHEMA_FRACTION] = "a number from 0 to 1",
    [HF_SCHEMA_LIST] = "a list that is not empty",
    [HF_SCHEMA_MAPPING] = "a mapping",
    [HF_SCHEMA_ANY] = "a value",
};

/** The names in one line. @return buffer */
static const char *join(size_t count, const char *const names[], size_t size, char *buffer) {
    size_t used = 0;
    buffer[0] = '\0';
    for (size_t k = 0; k < count && used < size; k++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", k ? ", " : "", names[k]);
    return buffer;
}

static hf_status refuse(hf_error *error, const hf_yaml *node, const char *expected) {
    char found[64];
    return hf_yaml_raise(error, HF_ERR_INPUT, node, "found %s; expected %s",
                         hf_yaml_describe(node, sizeof found, found), expected);
}

/** The number of a plain scalar; the names pi and -pi are numbers, for the box of an angle. */
static bool read_number(const hf_yaml *node, double *value) {
    if (node->kind != HF_YAML_SCALAR || !node->plain)
        return false;
    const char *digits = node->text + (node->text[0] == '-');
    if (strcmp(digits, "pi") == 0) {
        *value = digits == node->text ? M_PI : -M_PI;
        return true;
    }
    char *end;
    *value = strtod(node->text, &end);
    return end != node->text && *end == '\0' && fabs(*value) <= HF_NUMBER_MAX &&
           node->text[strspn(node->text, "+-.0123456789eE")] == '\0';
}

static bool read_count(const hf_yaml *node, size_t *value) {
    if (node->kind != HF_YAML_SCALAR || !node->plain || node->text[0] == '\0')
        return false;
    bool digits = node->text[strspn(node->text, "0123456789")] == '\0';
    unsigned long long number = digits ? strtoull(node->text, NULL, 10) : 0; /* ULLONG_MAX on overflow */
    *value = (size_t)number;
    return number >= 1 && number <= INTEGER_MAX;
}

static bool read_boolean(const hf_yaml *node, bool *value) {
    if (node->kind != HF_YAML_SCALAR || !node->plain)
        return false;
    *value = strcmp(node->text, "true") == 0;
    return *value || strcmp(node->text, "false") == 0;
}

static bool in_range(hf_schema_type type, double value) {
    switch (type) {
    case HF_SCHEMA_POSITIVE:
        return value >= HF_NUMBER_MIN;
    case HF_SCHEMA_NON_NEGATIVE:
        return value >= 0;
    case HF_SCHEMA_FRACTION:
        return value >= 0 && value <= 1;
    default:
        return true;
    }
}

hf_status hf_schema_value(hf_error *error, const hf_yaml *node, hf_schema_type type, void *value) {
    bool fits = true;
    switch (type) {
    case HF_SCHEMA_TEXT:
        fits = node->kind == HF_YAML_SCALAR && node->text[0] != '\0';
        *(const char **)value = node->text;
        break;
    case HF_SCHEMA_BOOLEAN:
        fits = read_boolean(node, value);
        break;
    case HF_SCHEMA_COUNT:
        fits = read_count(node, value);
        break;
    case HF_SCHEMA_NUMBER:
    case HF_SCHEMA_POSITIVE:
    case HF_SCHEMA_NON_NEGATIVE:
    case HF_SCHEMA_FRACTION:
        fits = read_number(node, value) && in_range(type, *(double *)value);
        break;
    case HF_SCHEMA_LIST:
        fits = node->kind == HF_YAML_SEQUENCE && node->count > 0;
        *(const hf_yaml **)value = node;
        break;
    case HF_SCHEMA_MAPPING:
        fits = node->kind == HF_YAML_MAPPING;
        *(const hf_yaml **)value = node;
        break;
    case HF_SCHEMA_ANY:
        *(const hf_yaml **)value = node;
        break;
    }
    return fits ? HF_OK : refuse(error, node, expectation[type]);
}

/** "unknown WHAT, did you mean ...?; expected one of ...", for a value or for a key. */
static hf_status refuse_name(hf_error *error, const hf_yaml *node, bool is_key, const char *what,
                             size_t count, const char *const names[]) {
    char all[256];
    const char *nearest = hf_nearest(is_key ? node->key : node->text, count, names);
    return (is_key ? hf_yaml_raise_key
                   : hf_yaml_raise)(error, HF_ERR_INPUT, node, "unknown %s%s%s%s; expected one of %s", what,
                                    nearest ? ", did you mean `" : "", nearest ? nearest : "",
                                    nearest ? "`?" : "", join(count, names, sizeof all, all));
}

hf_status hf_schema_choice(hf_error *error, const hf_yaml *node, const char *what, size_t count,
                           const char *(*name)(size_t row), size_t *choice) {
    const char *text, *names[NAMES_MAX];
    char whole[96];
    count = count < NAMES_MAX ? count : NAMES_MAX;
    HF_TRY(hf_schema_value(error, node, HF_SCHEMA_TEXT, &text));
    for (size_t k = 0; k < count; k++) {
        *choice = k;
        names[k] = name(k);
        if (strcmp(names[k], text) == 0)
            return HF_OK;
    }
    snprintf(whole, sizeof whole, "%s `%.40s`", what, text);
    return refuse_name(error, node, false, whole, count, names);
}

hf_status hf_schema_read(hf_error *error, const hf_yaml *node, size_t count, const hf_schema_key keys[],
                         void *target) {
    const char *names[NAMES_MAX] = {NULL};
    char all[256], expected[HF_MESSAGE_MAX / 2];
    for (size_t k = 0; k < count; k++)
        names[k] = keys[k].name;
    if (node->kind != HF_YAML_MAPPING) {
        snprintf(expected, sizeof expected, "a mapping of %s", join(count, names, sizeof all, all));
        return refuse(error, node, expected);
    }
    for (size_t i = 0; i < node->count; i++) {
        const hf_yaml *item = node->item[i];
        size_t k = 0;
        while (k < count && strcmp(item->key, keys[k].name) != 0)
            k++;
        if (k == count)
            return refuse_name(error, item, true, "key", count, names);
        HF_TRY(hf_schema_value(error, item, keys[k].type, (char *)target + keys[k].offset));
    }
    for (size_t k = 0; k < count; k++)
        if (keys[k].required && !hf_yaml_get(node, keys[k].name))
            return hf_yaml_raise(error, HF_ERR_INPUT, node, "the key `%s` is missing; expected %s",
                                 keys[k].name, expectation[keys[k].type]);
    return HF_OK;
}

hf_status hf_schema_length(hf_error *error, const hf_yaml *node, size_t count, const char *of) {
    char expected[96];
    snprintf(expected, sizeof expected, "a list of %zu, %s", count, of);
    return node->kind == HF_YAML_SEQUENCE && node->count == count ? HF_OK : refuse(error, node, expected);
}

hf_status hf_schema_numbers(hf_error *error, const hf_yaml *node, hf_schema_type type, size_t count,
                            const char *of, double *values) {
    HF_TRY(hf_schema_length(error, node, count, of));
    for (size_t k = 0; k < count; k++)
        HF_TRY(hf_schema_value(error, node->item[k], type, &values[k]));
    return HF_OK;
}

hf_status hf_schema_matrix(hf_error *error, const hf_yaml *node, size_t rows, size_t columns,
                           const char *shape, double *values) {
    char expected[96], found[64];
    snprintf(expected, sizeof expected, "a %zu x %zu matrix (%s)", rows, columns, shape);
    if (node->kind != HF_YAML_SEQUENCE || node->count != rows)
        return refuse(error, node, expected);
    for (size_t i = 0; i < rows; i++) {
        const hf_yaml *row = node->item[i];
        if (row->kind != HF_YAML_SEQUENCE || row->count != columns)
            return hf_yaml_raise(error, HF_ERR_INPUT, row, "found %s; expected the row of %s",
                                 hf_yaml_describe(row, sizeof found, found), expected);
        for (size_t j = 0; j < columns; j++)
            HF_TRY(hf_schema_value(error, row->item[j], HF_SCHEMA_NUMBER, &values[i * columns + j]));
    }
    return HF_OK;
}
