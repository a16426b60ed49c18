/** @file schema.h
 *  What the keys of a mapping may be, as a table: name, type, whether it must be there, and where its value
 *  goes. Every section of a case is one such table; what no table can say is checked by the section's reader.
 */
#ifndef HEADFLOW_STORE_SCHEMA_H
#define HEADFLOW_STORE_SCHEMA_H

#include "store/yaml.h"

/** Types of values, each with the C type that receives it; doubles within the magnitudes of base/number.h. */
typedef enum hf_schema_type {
    HF_SCHEMA_TEXT,         /**< const char *: letters, belonging to the tree */
    HF_SCHEMA_BOOLEAN,      /**< bool */
    HF_SCHEMA_COUNT,        /**< size_t: 1 or more */
    HF_SCHEMA_NUMBER,       /**< double */
    HF_SCHEMA_POSITIVE,     /**< double > 0 */
    HF_SCHEMA_NON_NEGATIVE, /**< double >= 0 */
    HF_SCHEMA_FRACTION,     /**< double from 0 to 1 */
    HF_SCHEMA_LIST,    /**< const hf_yaml *: a sequence with at least one item, for the caller to read on */
    HF_SCHEMA_MAPPING, /**< const hf_yaml *: a mapping */
    HF_SCHEMA_ANY      /**< const hf_yaml * */
} hf_schema_type;

typedef struct hf_schema_key {
    const char *name;
    hf_schema_type type;
    bool required;
    size_t offset; /**< where in the target its value goes; an optional key that is absent leaves it alone */
} hf_schema_key;

/** Read a mapping into a struct as the table says.
 *  @param[in]  keys    shape (count)
 *  @param[out] target  what the offsets refer to
 *  @return HF_ERR_INPUT for a node that is no mapping, an unknown or missing key, a value of the wrong type
 */
hf_status hf_schema_read(hf_error *error, const hf_yaml *node, size_t count, const hf_schema_key keys[],
                         void *target);

/** Read one value. @param[out] value  of the C type that belongs to `type` */
hf_status hf_schema_value(hf_error *error, const hf_yaml *node, hf_schema_type type, void *value);

/** Read a list of exactly `count` numbers.
 *  @param[in]  of      what the items are, for the message: "one a coordinate"
 *  @param[out] values  shape (count) */
hf_status hf_schema_numbers(hf_error *error, const hf_yaml *node, hf_schema_type type, size_t count,
                            const char *of, double *values);

/** Read a matrix, a list of rows.
 *  @param[in]  shape   what rows and columns are, for the message: "classes x width"
 *  @param[out] values  shape (rows, columns) */
hf_status hf_schema_matrix(hf_error *error, const hf_yaml *node, size_t rows, size_t columns,
                           const char *shape, double *values);

/** Refuse a node unless it is a list of exactly `count` items. */
hf_status hf_schema_length(hf_error *error, const hf_yaml *node, size_t count, const char *of);

/** Read the name of one row of a table.
 *  @param[in]  what    what the table has, for the message: "flux"
 *  @param[in]  name    the name of a row
 *  @param[out] choice  the row, less than `count`
 *  @return HF_ERR_INPUT for an unknown name, with the nearest one and all of them */
hf_status hf_schema_choice(hf_error *error, const hf_yaml *node, const char *what, size_t count,
                           const char *(*name)(size_t row), size_t *choice);

#endif
