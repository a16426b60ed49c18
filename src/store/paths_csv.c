/* Examples with their attention from two tables of comma-separated values. docs/paths.md, section 3.
 *
 *     set,label,tokens                     set,example,layer,head,weights
 *     train,1,0.3 -1.2;0.7 0.1             train,1,1,1,0.9 0.1;0.5 0.5
 *
 * Tokens and queries are separated by semicolons, features and the weights of keys by blanks. */
#include "base/csv.h"
#include "store/paths_data.h"

#include <stdlib.h>
#include <string.h>

enum { SET, LABEL, TOKENS, EXAMPLE_COLUMNS };
enum { OF_SET, OF_EXAMPLE, OF_LAYER, OF_HEAD, WEIGHTS, ATTENTION_COLUMNS };

static const hf_csv_column example_columns[EXAMPLE_COLUMNS] = {
    {"set", true}, {"label", true}, {"tokens", true}};
static const hf_csv_format example_format = {EXAMPLE_COLUMNS, example_columns, "examples"};
static const hf_csv_column attention_columns[ATTENTION_COLUMNS] = {
    {"set", true}, {"example", true}, {"layer", true}, {"head", true}, {"weights", true}};
static const hf_csv_format attention_format = {ATTENTION_COLUMNS, attention_columns, "heads' attention"};

static hf_status read_set(hf_csv *csv, size_t column, size_t *set) {
    for (*set = 0; *set < HF_SETS; (*set)++)
        if (strcmp(csv->field[column], hf_paths_sets[*set]) == 0)
            return HF_OK;
    return hf_csv_raise(csv, HF_ERR_INPUT, "set: '%s'; expected train or test", csv->field[column]);
}

/* Groups of numbers between semicolons, all of one length, into the csv's values. */
static hf_status read_groups(hf_csv *csv, size_t column, size_t *groups, size_t *each) {
    const char *text = csv->field[column];
    double *values = csv->values;
    for (*groups = 0;;) {
        size_t count;
        HF_TRY(hf_csv_numbers(csv, column, &text, values, &count));
        if (*groups == 0)
            *each = count;
        if (count == 0 || count != *each)
            return hf_csv_raise(csv, HF_ERR_INPUT,
                                "%s: %zu numbers in group %zu, %zu in the first; expected "
                                "as many in each, at least one",
                                csv->format.columns[column].name, count, *groups + 1, *each);
        values += count;
        (*groups)++;
        if (*text == '\0')
            return HF_OK;
        text++;
    }
}

/* ---- examples --------------------------------------------------------------------------------------- */

/* Room for one more example. */
static hf_status grow(hf_csv *csv, hf_paths_set *set) {
    size_t each = set->features * set->tokens;
    double *inputs, *labels;
    if (set->count > 0 && (set->count & (set->count - 1)) != 0)
        return HF_OK;
    HF_TRY(hf_array_create(csv->error, 2 * (set->count + 1) * each, &inputs));
    if (set->count > 0)
        memcpy(inputs, set->inputs, set->count * each * sizeof *inputs);
    hf_array_destroy(&set->inputs);
    set->inputs = inputs;
    HF_TRY(hf_array_create(csv->error, 2 * (set->count + 1), &labels));
    if (set->count > 0)
        memcpy(labels, set->labels, set->count * sizeof *labels);
    hf_array_destroy(&set->labels);
    set->labels = labels;
    return HF_OK;
}

static hf_status add_example(hf_csv *csv, hf_paths_set *sets) {
    size_t which, tokens, features;
    double label;
    HF_TRY(read_set(csv, SET, &which));
    HF_TRY(hf_csv_number(csv, LABEL, &label));
    HF_TRY(read_groups(csv, TOKENS, &tokens, &features));
    hf_paths_set *set = &sets[which], *other = &sets[!which];
    const hf_paths_set *first = set->count > 0 ? set : other->count > 0 ? other : NULL;
    if (first != NULL && (tokens != first->tokens || features != first->features))
        return hf_csv_raise(csv, HF_ERR_INPUT,
                            "tokens: %zu of %zu features; expected %zu of %zu, as in the first example",
                            tokens, features, first->tokens, first->features);
    set->tokens = tokens;
    set->features = features;
    HF_TRY(grow(csv, set));
    double *input = set->inputs + set->count * features * tokens;
    for (size_t s = 0; s < tokens; s++)
        for (size_t i = 0; i < features; i++)
            input[i * tokens + s] = csv->values[s * features + i];
    set->labels[set->count++] = label;
    return HF_OK;
}

/* ---- attention -------------------------------------------------------------------------------------- */

/* A whole number from 1 to `most`, less one. */
static hf_status read_index(hf_csv *csv, size_t column, size_t most, size_t *index) {
    double value;
    *index = 0;
    HF_TRY(hf_csv_number(csv, column, &value));
    if (!(value >= 1 && value <= (double)most && value == (double)(size_t)value))
        return hf_csv_raise(csv, HF_ERR_INPUT, "%s: %s; expected a whole number from 1 to %zu",
                            csv->format.columns[column].name, csv->field[column], most);
    *index = (size_t)value - 1;
    return HF_OK;
}

typedef struct attention_table {
    const hf_paths_network *network;
    hf_paths_set *sets;
    bool *seen[HF_SETS][HF_PATHS_LAYERS_MAX]; /* shape (count, H_l) */
} attention_table;

/* Room for a layer when its first head comes; all heads of the last layer have as many queries. */
static hf_status prepare_layer(hf_csv *csv, attention_table *t, size_t which, size_t layer, size_t queries) {
    hf_paths_set *set = &t->sets[which];
    size_t heads = t->network->heads[layer];
    bool last = layer + 1 == t->network->layers;
    if (set->attention[layer] == NULL) {
        if (last)
            set->applied = queries == 1;
        HF_TRY(
            hf_array_create(csv->error, set->count * heads * set->tokens * queries, &set->attention[layer]));
        HF_TRY(hf_allocate(csv->error, set->count * heads, sizeof(bool), (void *)&t->seen[which][layer]));
    }
    size_t expected = last && set->applied ? 1 : set->tokens;
    if (queries != expected)
        return hf_csv_raise(csv, HF_ERR_INPUT, "weights: %zu queries; expected %zu", queries, expected);
    return HF_OK;
}

static hf_status add_attention(hf_csv *csv, attention_table *t) {
    size_t which, example, layer, head, queries, keys;
    HF_TRY(read_set(csv, OF_SET, &which));
    hf_paths_set *set = &t->sets[which];
    HF_TRY(read_index(csv, OF_EXAMPLE, set->count, &example));
    HF_TRY(read_index(csv, OF_LAYER, t->network->layers, &layer));
    HF_TRY(read_index(csv, OF_HEAD, t->network->heads[layer], &head));
    HF_TRY(read_groups(csv, WEIGHTS, &queries, &keys));
    if (keys != set->tokens)
        return hf_csv_raise(csv, HF_ERR_INPUT, "weights: %zu keys; expected %zu, one a token", keys,
                            set->tokens);
    HF_TRY(prepare_layer(csv, t, which, layer, queries));
    size_t at = example * t->network->heads[layer] + head;
    if (t->seen[which][layer][at])
        return hf_csv_raise(csv, HF_ERR_INPUT,
                            "example %zu, layer %zu, head %zu is there twice; expected it "
                            "once",
                            example + 1, layer + 1, head + 1);
    t->seen[which][layer][at] = true;
    double *attention = set->attention[layer] + at * keys * queries;
    for (size_t q = 0; q < queries; q++)
        for (size_t s = 0; s < keys; s++)
            attention[s * queries + q] = csv->values[q * keys + s];
    return HF_OK;
}

static hf_status check_complete(hf_error *error, const char *path, const attention_table *t) {
    for (size_t k = 0; k < HF_SETS; k++)
        for (size_t l = 0; l < t->network->layers; l++)
            for (size_t i = 0; i < t->sets[k].count * t->network->heads[l]; i++)
                if (t->seen[k][l] == NULL || !t->seen[k][l][i])
                    return hf_raise(error, HF_ERR_INPUT,
                                    "%s: no attention of %s example %zu, layer %zu, head %zu; expected a row",
                                    path, hf_paths_sets[k], i / t->network->heads[l] + 1, l + 1,
                                    i % t->network->heads[l] + 1);
    return HF_OK;
}

/* ---- tables ----------------------------------------------------------------------------------------- */

static hf_status add_example_row(hf_csv *csv, void *self) {
    return add_example(csv, self);
}

static hf_status add_attention_row(hf_csv *csv, void *self) {
    return add_attention(csv, self);
}

static hf_status read_rows(hf_csv *csv, hf_status (*add)(hf_csv *csv, void *self), void *self) {
    bool more;
    HF_TRY(hf_csv_next(csv, 0, &more));
    while (more) {
        HF_TRY(add(csv, self));
        HF_TRY(hf_csv_next(csv, 0, &more));
    }
    return HF_OK;
}

static hf_status read_table(hf_error *error, const char *path, const hf_csv_format *format,
                            hf_status (*add)(hf_csv *csv, void *self), void *self) {
    hf_csv csv;
    hf_status status = hf_csv_open(error, path, format, &csv);
    if (status == HF_OK)
        status = read_rows(&csv, add, self);
    hf_csv_close(&csv);
    return status;
}

hf_status hf_paths_read_csv(hf_error *error, const char *examples, const char *attention,
                            const hf_paths_network *network, hf_paths_set *sets) {
    HF_TRY(read_table(error, examples, &example_format, add_example_row, sets));
    for (size_t k = 0; k < HF_SETS; k++)
        if (sets[k].count == 0)
            return hf_raise(error, HF_ERR_INPUT, "%s: no rows of the set %s; expected at least one", examples,
                            hf_paths_sets[k]);
    attention_table table = {.network = network, .sets = sets};
    hf_status status = read_table(error, attention, &attention_format, add_attention_row, &table);
    if (status == HF_OK)
        status = check_complete(error, attention, &table);
    for (size_t k = 0; k < HF_SETS; k++)
        for (size_t l = 0; l < network->layers; l++)
            free(table.seen[k][l]);
    return status;
}
