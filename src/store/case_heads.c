/** @file case_heads.c
 *  The sections `heads` and `grid` of a case: coordinates, their matrices, and the axes that they become. */
#include "store/case_sections.h"

#include <headflow/store.h>

#include <ctype.h>
#include <math.h>
#include <string.h>

typedef struct heads_section {
    const hf_yaml *attention, *value;
} heads_section;

static const hf_schema_key heads_keys[] = {
    {"attention", HF_SCHEMA_MAPPING, true, offsetof(heads_section, attention)},
    {"value", HF_SCHEMA_MAPPING, true, offsetof(heads_section, value)},
};

typedef struct part_section {
    const hf_yaml *form, *coordinates, *base, *basis;
} part_section;

static const hf_schema_key attention_keys[] = {
    {"form", HF_SCHEMA_ANY, true, offsetof(part_section, form)},
    {"coordinates", HF_SCHEMA_ANY, true, offsetof(part_section, coordinates)},
    {"base", HF_SCHEMA_LIST, true, offsetof(part_section, base)},
    {"basis", HF_SCHEMA_ANY, true, offsetof(part_section, basis)},
};

static const hf_schema_key value_keys[] = {
    {"coordinates", HF_SCHEMA_ANY, true, offsetof(part_section, coordinates)},
    {"base", HF_SCHEMA_LIST, true, offsetof(part_section, base)},
    {"basis", HF_SCHEMA_ANY, true, offsetof(part_section, basis)},
};

/** Names that mean something else in a mixture or in the file of particles; solution.nc has more. */
static const char *const reserved[] = {"weight", "head", "seed"};

static bool is_reserved(const char *name) {
    for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++)
        if (strcmp(name, reserved[k]) == 0)
            return true;
    return hf_solution_reserves(name);
}

static hf_status read_coordinate(hf_error *error, const hf_yaml *node, hf_case *c) {
    const char *name;
    HF_TRY(hf_schema_value(error, node, HF_SCHEMA_TEXT, &name));
    bool letters = isalpha((unsigned char)name[0]) && strlen(name) < HF_NAME_MAX;
    for (const char *letter = name; *letter; letter++)
        letters =
            letters && (unsigned char)*letter < 128 && (isalnum((unsigned char)*letter) || *letter == '_');
    if (!letters)
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "`%.40s` is no name of a coordinate; expected a letter, then letters, digits or "
                             "_, at most %d in all",
                             name, HF_NAME_MAX - 1);
    if (is_reserved(name))
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "`%s` names something else in the output; expected another name", name);
    for (size_t k = 0; k < c->input.dim; k++)
        if (strcmp(name, c->input.axes[k].name) == 0)
            return hf_yaml_raise(error, HF_ERR_INPUT, node,
                                 "a second coordinate `%s`; expected names that differ", name);
    strcpy(c->input.axes[c->input.dim++].name, name); /* letters: it fits */
    return HF_OK;
}

/** The names of a part's coordinates, at most `most`. */
static hf_status read_coordinates(hf_error *error, const hf_yaml *node, size_t most, size_t *count,
                                  hf_case *c) {
    char found[64];
    if (node->kind != HF_YAML_SEQUENCE || node->count > most || node->count + c->input.dim > HF_DIM_MAX)
        return hf_yaml_raise(
            error, HF_ERR_INPUT, node,
            "found %s; expected a list of at most %zu names, %d with those of the other part",
            hf_yaml_describe(node, sizeof found, found), most, HF_DIM_MAX);
    for (size_t k = 0; k < node->count; k++)
        HF_TRY(read_coordinate(error, node->item[k], c));
    *count = node->count;
    return HF_OK;
}

static const char *form_name(size_t row) {
    size_t count;
    return hf_attention_forms(&count)[row]->name;
}

static hf_status find_form(hf_error *error, const hf_yaml *node, hf_case *c) {
    size_t count, row;
    const hf_attention_form *const *forms = hf_attention_forms(&count);
    HF_TRY(hf_schema_choice(error, node, "attention form", count, form_name, &row));
    c->input.heads.form = forms[row];
    return HF_OK;
}

/** The matrices of heads, all in one block. */
static hf_status read_matrices(hf_error *error, const part_section *attention, const part_section *value,
                               hf_case *c) {
    hf_heads *heads = &c->input.heads;
    size_t scores = c->width * c->width, outputs = c->classes * c->width;
    HF_TRY(hf_array_create(
        error, scores * (1 + heads->attention_basis_count) + outputs * (1 + heads->value_coordinates),
        &c->matrices));
    double *next = c->matrices;
    heads->attention_base = next;
    HF_TRY(hf_schema_matrix(error, attention->base, c->width, c->width, "width x width of tokens", next));
    heads->attention_basis = next += scores;
    for (size_t k = 0; k < heads->attention_basis_count; k++, next += scores)
        HF_TRY(hf_schema_matrix(error, attention->basis->item[k], c->width, c->width,
                                "width x width of tokens", next));
    heads->value_base = next;
    HF_TRY(hf_schema_matrix(error, value->base, c->classes, c->width, "classes x width of tokens", next));
    heads->value_basis = next += outputs;
    for (size_t k = 0; k < heads->value_coordinates; k++, next += outputs)
        HF_TRY(hf_schema_matrix(error, value->basis->item[k], c->classes, c->width,
                                "classes x width of tokens", next));
    return HF_OK;
}

hf_status hf_case_read_heads(hf_error *error, const hf_yaml *node, hf_case *c) {
    heads_section section;
    part_section attention, value;
    hf_heads *heads = &c->input.heads;
    HF_TRY(hf_schema_read(error, node, sizeof heads_keys / sizeof *heads_keys, heads_keys, &section));
    HF_TRY(hf_schema_read(error, section.attention, sizeof attention_keys / sizeof *attention_keys,
                          attention_keys, &attention));
    HF_TRY(hf_schema_read(error, section.value, sizeof value_keys / sizeof *value_keys, value_keys, &value));

    HF_TRY(find_form(error, attention.form, c));
    HF_TRY(
        read_coordinates(error, attention.coordinates, HF_ATTENTION_MAX, &heads->attention_coordinates, c));
    HF_TRY(read_coordinates(error, value.coordinates, HF_VALUE_MAX, &heads->value_coordinates, c));
    if (c->input.dim == 0)
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "no coordinates; expected 1 to %d", HF_DIM_MAX);
    heads->attention_basis_count = attention.basis->count;
    if (attention.basis->kind != HF_YAML_SEQUENCE || attention.basis->count > HF_FEATURES_MAX ||
        !heads->form->accepts(heads->attention_coordinates, heads->attention_basis_count))
        return hf_yaml_raise(error, HF_ERR_INPUT, attention.basis,
                             "%zu coordinates with %zu matrices do not make the form %s; expected %s",
                             heads->attention_coordinates, heads->attention_basis_count, heads->form->name,
                             heads->form->expects);
    HF_TRY(
        hf_schema_length(error, value.basis, heads->value_coordinates, "a matrix for each value coordinate"));
    return read_matrices(error, &attention, &value, c);
}

/* ---- the axes --------------------------------------------------------------------------------------- */

typedef struct grid_section {
    const hf_yaml *lower, *upper, *cells, *periodic;
} grid_section;

static const hf_schema_key grid_keys[] = {
    {"lower", HF_SCHEMA_ANY, true, offsetof(grid_section, lower)},
    {"upper", HF_SCHEMA_ANY, true, offsetof(grid_section, upper)},
    {"cells", HF_SCHEMA_ANY, true, offsetof(grid_section, cells)},
    {"periodic", HF_SCHEMA_ANY, false, offsetof(grid_section, periodic)},
};

/** One axis. An angle, and nothing else, goes around: its box is [-pi, pi]. */
static hf_status read_axis(hf_error *error, const grid_section *grid, bool angle, size_t k, hf_axis *axis) {
    const hf_yaml *lower = grid->lower->item[k], *upper = grid->upper->item[k], *cells = grid->cells->item[k];
    HF_TRY(hf_schema_value(error, lower, HF_SCHEMA_NUMBER, &axis->lower));
    HF_TRY(hf_schema_value(error, upper, HF_SCHEMA_NUMBER, &axis->upper));
    HF_TRY(hf_schema_value(error, cells, HF_SCHEMA_COUNT, &axis->cells));
    axis->periodic = angle;
    if (!(axis->lower < axis->upper) || !isfinite(axis->upper - axis->lower))
        return hf_yaml_raise(error, HF_ERR_INPUT, upper,
                             "from %g to %g; expected lower < upper on the axis %s", axis->lower, axis->upper,
                             axis->name);
    if (axis->cells < HF_CELLS_MIN)
        return hf_yaml_raise(error, HF_ERR_INPUT, cells, "%zu cells; expected at least %d", axis->cells,
                             HF_CELLS_MIN);
    if (angle && (fabs(axis->lower + M_PI) > 1e-12 || fabs(axis->upper - M_PI) > 1e-12))
        return hf_yaml_raise(error, HF_ERR_INPUT, fabs(axis->lower + M_PI) > 1e-12 ? lower : upper,
                             "%s is an angle; expected its box from -pi to pi", axis->name);
    bool periodic = angle;
    if (grid->periodic)
        HF_TRY(hf_schema_value(error, grid->periodic->item[k], HF_SCHEMA_BOOLEAN, &periodic));
    if (periodic != angle)
        return hf_yaml_raise(error, HF_ERR_INPUT, grid->periodic->item[k], "%s is %s; expected %s",
                             axis->name, angle ? "an angle" : "no angle", angle ? "true" : "false");
    return HF_OK;
}

hf_status hf_case_read_grid(hf_error *error, const hf_yaml *node, hf_case *c) {
    grid_section grid = {0};
    size_t dim = c->input.dim;
    HF_TRY(hf_schema_read(error, node, sizeof grid_keys / sizeof *grid_keys, grid_keys, &grid));
    const hf_yaml *const lists[] = {grid.lower, grid.upper, grid.cells, grid.periodic};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        if (lists[k])
            HF_TRY(hf_schema_length(error, lists[k], dim, "one a coordinate, attention before value"));
    for (size_t k = 0; k < dim; k++) {
        bool angle = c->input.heads.form->periodic && k < c->input.heads.attention_coordinates;
        HF_TRY(read_axis(error, &grid, angle, k, &c->input.axes[k]));
    }
    return HF_OK;
}
