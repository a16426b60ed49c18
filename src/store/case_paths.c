/* A case of `model: paths`: networks and data. docs/paths.md, section 3. */
#include "store/case_sections.h"
#include "store/paths_data.h"

#include <headflow/case.h>

#include <stdlib.h>
#include <string.h>

typedef struct sections {
    const char *name, *title;
    const hf_yaml *model, *data, *network;
    size_t starts;
    bool prune;
} sections;

static const hf_schema_key case_keys[] = {
    {"name", HF_SCHEMA_TEXT, true, offsetof(sections, name)},
    {"title", HF_SCHEMA_TEXT, true, offsetof(sections, title)},
    {"model", HF_SCHEMA_ANY, true, offsetof(sections, model)},
    {"data", HF_SCHEMA_MAPPING, true, offsetof(sections, data)},
    {"network", HF_SCHEMA_MAPPING, true, offsetof(sections, network)},
    {"starts", HF_SCHEMA_COUNT, false, offsetof(sections, starts)},
    {"prune", HF_SCHEMA_BOOLEAN, false, offsetof(sections, prune)},
};

typedef struct data_section {
    const hf_yaml *generator;
    const char *file, *attention;
    size_t seeds;
    hf_markov_options markov;
} data_section;

static const hf_schema_key data_keys[] = {
    {"generator", HF_SCHEMA_ANY, false, offsetof(data_section, generator)},
    {"file", HF_SCHEMA_TEXT, false, offsetof(data_section, file)},
    {"attention", HF_SCHEMA_TEXT, false, offsetof(data_section, attention)},
    {"seeds", HF_SCHEMA_COUNT, false, offsetof(data_section, seeds)},
    {"train", HF_SCHEMA_COUNT, false, offsetof(data_section, markov.train)},
    {"test", HF_SCHEMA_COUNT, false, offsetof(data_section, markov.test)},
    {"tokens", HF_SCHEMA_COUNT, false, offsetof(data_section, markov.tokens)},
    {"features", HF_SCHEMA_COUNT, false, offsetof(data_section, markov.features)},
    {"perpendicular", HF_SCHEMA_NON_NEGATIVE, false, offsetof(data_section, markov.perpendicular)},
};

typedef struct network_section {
    const hf_yaml *heads, *widths, *variances, *readout;
    double temperature;
} network_section;

static const hf_schema_key network_keys[] = {
    {"heads", HF_SCHEMA_LIST, true, offsetof(network_section, heads)},
    {"widths", HF_SCHEMA_LIST, true, offsetof(network_section, widths)},
    {"variances", HF_SCHEMA_ANY, false, offsetof(network_section, variances)},
    {"temperature", HF_SCHEMA_NON_NEGATIVE, true, offsetof(network_section, temperature)},
    {"readout", HF_SCHEMA_ANY, false, offsetof(network_section, readout)},
};

/* What is wrong with all of a node is said at its place. */
static hf_status forward(hf_error *error, const hf_yaml *node, hf_status status, const hf_error *inner) {
    return status == HF_OK ? HF_OK : hf_yaml_raise(error, status, node, "%s", inner->message);
}

/* ---- network ---------------------------------------------------------------------------------------- */

/* One positive number for all, or a list of `count`. */
static hf_status read_each(hf_error *error, const hf_yaml *node, size_t count, const char *of,
                           double *values) {
    if (node->kind == HF_YAML_SEQUENCE)
        return hf_schema_numbers(error, node, HF_SCHEMA_POSITIVE, count, of, values);
    HF_TRY(hf_schema_value(error, node, HF_SCHEMA_POSITIVE, values));
    for (size_t i = 1; i < count; i++)
        values[i] = values[0];
    return HF_OK;
}

static const char *readout_name(size_t row) {
    return hf_paths_readout_names[row];
}

/* What all networks of the case share. */
static hf_status read_shared(hf_error *error, const network_section *s, hf_paths_network *network) {
    network->layers = s->heads->count;
    network->temperature = s->temperature;
    if (network->layers > HF_PATHS_LAYERS_MAX)
        return hf_yaml_raise(error, HF_ERR_INPUT, s->heads, "%zu layers; expected at most %d",
                             network->layers, HF_PATHS_LAYERS_MAX);
    for (size_t l = 0; l < network->layers; l++)
        HF_TRY(hf_schema_value(error, s->heads->item[l], HF_SCHEMA_COUNT, &network->heads[l]));
    for (size_t l = 0; l < network->layers + 2; l++)
        network->variances[l] = 1;
    return s->variances == NULL
               ? HF_OK
               : read_each(error, s->variances, network->layers + 2,
                           "of the first map, of each layer and of the readout", network->variances);
}

static hf_status read_network(hf_error *error, const hf_yaml *node, hf_paths_study *study) {
    network_section s = {0};
    hf_paths_network shared = {0};
    hf_error inner = {0};
    size_t readout = HF_READOUT_LAST;
    HF_TRY(hf_schema_read(error, node, sizeof network_keys / sizeof *network_keys, network_keys, &s));
    HF_TRY(read_shared(error, &s, &shared));
    if (s.readout != NULL)
        HF_TRY(hf_schema_choice(error, s.readout, "readout", HF_READOUTS, readout_name, &readout));
    study->readout = (hf_paths_readout)readout;
    study->networks = s.widths->count;
    HF_TRY(hf_allocate(error, study->networks, sizeof *study->network, (void *)&study->network));
    for (size_t k = 0; k < study->networks; k++) {
        hf_paths_network *network = &study->network[k];
        *network = shared;
        HF_TRY(read_each(error, s.widths->item[k], network->layers + 1,
                         "the widths of the layers and of the readout", network->widths));
        HF_TRY(forward(error, node, hf_paths_network_check(&inner, network), &inner));
    }
    return HF_OK;
}

/* ---- data ------------------------------------------------------------------------------------------- */

static const char *generator_name(size_t row) {
    static const char *const names[] = {"hidden-markov"};
    return names[row];
}

static bool is_csv(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".csv") == 0;
}

/* Keys are refused where they would be ignored. */
static hf_status check_keys(hf_error *error, const hf_yaml *node, const data_section *s) {
    static const char *const of_generator[] = {"seeds",  "train",    "test",
                                               "tokens", "features", "perpendicular"};
    if ((s->generator != NULL) == (s->file != NULL))
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "%s; expected either generator or file",
                             s->file != NULL ? "two sources of data" : "no source of data");
    for (size_t k = 0; s->file != NULL && k < sizeof of_generator / sizeof *of_generator; k++)
        if (hf_yaml_get(node, of_generator[k]) != NULL)
            return hf_yaml_raise_key(error, HF_ERR_INPUT, hf_yaml_get(node, of_generator[k]),
                                     "data from a file does not use it; expected no such key");
    bool table = s->file != NULL && is_csv(s->file);
    if (table != (s->attention != NULL))
        return hf_yaml_raise(error, HF_ERR_INPUT, table ? node : hf_yaml_get(node, "attention"),
                             table ? "the key `attention` is missing; expected a second CSV file"
                                   : "a table of attention; expected it beside a CSV file of examples only");
    return HF_OK;
}

static hf_status read_tables(hf_error *error, const char *path, const data_section *s,
                             const hf_paths_network *network, hf_paths_set *sets) {
    char *file, *attention = NULL;
    HF_TRY(hf_case_file(error, path, s->file, &file));
    hf_status status = HF_OK;
    if (s->attention == NULL)
        status = hf_paths_read_netcdf(error, file, network, sets);
    else
        status = hf_case_file(error, path, s->attention, &attention);
    if (status == HF_OK && attention != NULL)
        status = hf_paths_read_csv(error, file, attention, network, sets);
    free(attention);
    free(file);
    return status;
}

static hf_status read_files(hf_error *error, const hf_yaml *node, const char *path, const data_section *s,
                            hf_paths_study *study) {
    hf_paths_set sets[HF_SETS] = {{0}};
    hf_error inner = {0};
    hf_status status = read_tables(&inner, path, s, study->network, sets);
    if (status == HF_OK)
        status = hf_paths_data_create(&inner, study->network, study->readout, sets, &study->data);
    for (size_t k = 0; k < HF_SETS; k++)
        hf_paths_set_clear(&sets[k]);
    return forward(error, hf_yaml_get(node, "file"), status, &inner);
}

static hf_status read_data(hf_error *error, const hf_yaml *node, const char *path, hf_paths_study *study) {
    data_section s = {.seeds = 1, .markov = hf_markov_published};
    size_t row;
    HF_TRY(hf_schema_read(error, node, sizeof data_keys / sizeof *data_keys, data_keys, &s));
    HF_TRY(check_keys(error, node, &s));
    study->seeds = s.seeds;
    study->markov = s.markov;
    study->drawn = s.generator != NULL;
    if (!study->drawn)
        return read_files(error, node, path, &s, study);
    HF_TRY(hf_schema_choice(error, s.generator, "generator", 1, generator_name, &row));
    hf_error inner = {0};
    return forward(error, node, hf_markov_check(&inner, study->network, &study->markov), &inner);
}

/* ---- the case --------------------------------------------------------------------------------------- */

static hf_status read_sections(hf_error *error, void *self, const char *path, const hf_yaml *root) {
    hf_paths_study *study = self;
    sections s = {.starts = 1};
    HF_TRY(hf_schema_read(error, root, sizeof case_keys / sizeof *case_keys, case_keys, &s));
    HF_TRY(hf_case_expect_model(error, root, HF_CASE_PATHS));
    HF_TRY(hf_case_check_name(error, root, s.name));
    HF_TRY(hf_string_copy(error, s.name, &study->name));
    HF_TRY(hf_string_copy(error, s.title, &study->title));
    study->starts = s.starts;
    study->prune = s.prune;
    HF_TRY(read_network(error, s.network, study));
    return read_data(error, s.data, path, study);
}

hf_status hf_case_read_paths(hf_error *error, const char *path, size_t override_count,
                             const char *const overrides[], hf_paths_study **study) {
    HF_TRY(hf_allocate(error, 1, sizeof **study, (void *)study));
    hf_status status =
        hf_case_read_tree(error, path, override_count, overrides, read_sections, *study, &(*study)->text);
    if (status != HF_OK)
        hf_paths_study_destroy(study);
    return status;
}
