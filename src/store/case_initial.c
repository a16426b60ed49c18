/** @file case_initial.c
 *  The section `initial` of a case: a product of profiles, one a coordinate, or a mixture of such products,
 *  written out or as heads in a CSV file.
 */
#include "base/csv.h"
#include "store/case_sections.h"

#include <math.h>
#include <stdlib.h>

/* ---- profiles --------------------------------------------------------------------------------------- */

/** The profiles with their one or two parameters, which become a and b of hf_profile. */
static const struct profile_row {
    hf_schema_key choice;
    hf_profile_kind kind;
    hf_schema_key parameters[2]; /* the second without a name where there is one */
} profiles[] = {
    {{"bump", HF_SCHEMA_MAPPING, false, 0},
     HF_PROFILE_BUMP,
     {{"center", HF_SCHEMA_NUMBER, true, offsetof(hf_profile, a)},
      {"radius", HF_SCHEMA_POSITIVE, true, offsetof(hf_profile, b)}}},
    {{"normal", HF_SCHEMA_MAPPING, false, 0},
     HF_PROFILE_NORMAL,
     {{"mean", HF_SCHEMA_NUMBER, true, offsetof(hf_profile, a)},
      {"sd", HF_SCHEMA_POSITIVE, true, offsetof(hf_profile, b)}}},
    {{"uniform", HF_SCHEMA_MAPPING, false, 0},
     HF_PROFILE_UNIFORM,
     {{"lower", HF_SCHEMA_NUMBER, true, offsetof(hf_profile, a)},
      {"upper", HF_SCHEMA_NUMBER, true, offsetof(hf_profile, b)}}},
    {{"cosine", HF_SCHEMA_MAPPING, false, 0},
     HF_PROFILE_COSINE,
     {{"kappa", HF_SCHEMA_FRACTION, true, offsetof(hf_profile, a)},
      {"phase", HF_SCHEMA_NUMBER, true, offsetof(hf_profile, b)}}},
    {{"dirac", HF_SCHEMA_MAPPING, false, 0},
     HF_PROFILE_DIRAC,
     {{"at", HF_SCHEMA_NUMBER, true, offsetof(hf_profile, a)}}},
};

enum { PROFILES = sizeof profiles / sizeof *profiles };

/** Whether a profile lies in the box of its axis. Bounds may miss by rounding, 0.1 + 0.2 is not 0.3; a Dirac
 *  that does so is put on the bound, for beyond it there is no cell that has it. */
static bool fit_into_box(hf_profile *profile, const hf_axis *axis) {
    if (hf_profile_outside(profile, axis) > 1e-12 * (axis->upper - axis->lower))
        return false;
    if (profile->kind == HF_PROFILE_DIRAC)
        profile->a = fmin(fmax(profile->a, axis->lower), axis->upper);
    return true;
}

/** Refuse a profile that does not fit its axis. */
static hf_status fit_profile(hf_error *error, const hf_yaml *node, hf_profile *profile, const hf_axis *axis) {
    if (profile->kind == HF_PROFILE_UNIFORM && !(profile->a < profile->b))
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "uniform from %g to %g; expected lower < upper",
                             profile->a, profile->b);
    if (profile->kind == HF_PROFILE_COSINE && !axis->periodic)
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "the axis %s is no angle; expected one of bump, normal, uniform, dirac",
                             axis->name);
    if (!fit_into_box(profile, axis))
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "the density reaches %g beyond the box; expected it within [%g, %g]",
                             hf_profile_outside(profile, axis), axis->lower, axis->upper);
    /* A normal density is cut off at the box; where nothing of it is left, its mass is 0/0. */
    if (!(hf_profile_mass(profile, axis, axis->lower, axis->upper) > 0.5))
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "no mass in the box; expected some within [%g, %g]",
                             axis->lower, axis->upper);
    return HF_OK;
}

static hf_status read_profile(hf_error *error, const hf_yaml *node, const hf_axis *axis,
                              hf_profile *profile) {
    hf_schema_key choices[PROFILES];
    const hf_yaml *chosen = NULL;
    for (size_t k = 0; k < PROFILES; k++)
        choices[k] = profiles[k].choice;
    HF_TRY(hf_schema_read(error, node, PROFILES, choices, &chosen));
    if (node->count != 1)
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "%zu densities; expected exactly one of bump, normal, uniform, cosine, dirac",
                             node->count);
    for (size_t k = 0; k < PROFILES; k++)
        if (hf_yaml_get(node, profiles[k].choice.name)) {
            profile->kind = profiles[k].kind;
            HF_TRY(hf_schema_read(error, chosen, profiles[k].parameters[1].name ? 2 : 1,
                                  profiles[k].parameters, profile));
        }
    return fit_profile(error, chosen, profile, axis);
}

/* ---- products, written out -------------------------------------------------------------------------- */

/** One product density: a key for each coordinate, and its weight when it is part of a mixture. The key
 *  `heads` of a single product has been looked at before; it is here to be offered and refused. */
static hf_status read_component(hf_error *error, const hf_yaml *node, bool mixture, const hf_case *c,
                                hf_component *component) {
    struct product {
        const hf_yaml *profile[HF_DIM_MAX];
        double weight;
        const char *heads;
    } product = {.weight = 1};
    hf_schema_key keys[HF_DIM_MAX + 1];
    size_t dim = c->input.dim;
    for (size_t k = 0; k < dim; k++)
        keys[k] = (hf_schema_key){c->input.axes[k].name, HF_SCHEMA_MAPPING, true,
                                  offsetof(struct product, profile) + k * sizeof *product.profile};
    keys[dim] = mixture
                    ? (hf_schema_key){"weight", HF_SCHEMA_POSITIVE, true, offsetof(struct product, weight)}
                    : (hf_schema_key){"heads", HF_SCHEMA_TEXT, false, offsetof(struct product, heads)};
    HF_TRY(hf_schema_read(error, node, dim + 1, keys, &product));
    component->weight = product.weight;
    for (size_t k = 0; k < dim; k++)
        HF_TRY(read_profile(error, product.profile[k], &c->input.axes[k], &component->profile[k]));
    return HF_OK;
}

static hf_status read_products(hf_error *error, const hf_yaml *node, hf_case *c) {
    const hf_yaml *list = node;
    bool mixture = node->kind == HF_YAML_SEQUENCE;
    if (mixture)
        HF_TRY(hf_schema_value(error, node, HF_SCHEMA_LIST, &list));
    size_t count = mixture ? list->count : 1;
    HF_TRY(hf_allocate(error, count, sizeof *c->components, &c->components));
    c->input.component_count = count;
    for (size_t k = 0; k < count; k++)
        HF_TRY(read_component(error, mixture ? node->item[k] : node, mixture, c, &c->components[k]));
    return HF_OK;
}

/* ---- heads of a file -------------------------------------------------------------------------------- */

/** One more component; the room is always the next power of two. */
static hf_status grow(hf_error *error, hf_case *c) {
    size_t count = c->input.component_count;
    if ((count & (count - 1)) == 0) {
        hf_component *larger = realloc(c->components, (count ? 2 * count : 1) * sizeof *larger);
        if (!larger)
            return hf_raise(error, HF_ERR_MEMORY, "no room for more than %zu heads", count);
        c->components = larger;
    }
    c->components[count] = (hf_component){0};
    c->input.component_count++;
    return HF_OK;
}

/** The head of the current row, a product of Diracs; the mass is the column after the coordinates. */
static hf_status add_head(hf_csv *csv, hf_case *c) {
    HF_TRY(grow(csv->error, c));
    hf_component *head = &c->components[c->input.component_count - 1];
    for (size_t k = 0; k < c->input.dim; k++) {
        const hf_axis *axis = &c->input.axes[k];
        hf_profile *profile = &head->profile[k];
        profile->kind = HF_PROFILE_DIRAC;
        HF_TRY(hf_csv_number(csv, k, &profile->a));
        if (!fit_into_box(profile, axis))
            return hf_csv_raise(csv, HF_ERR_INPUT,
                                "%s: %g lies %g beyond the box; expected it within [%g, %g]", axis->name,
                                profile->a, hf_profile_outside(profile, axis), axis->lower, axis->upper);
    }
    return hf_csv_weight(csv, c->input.dim, &head->weight);
}

static hf_status add_heads(hf_csv *csv, hf_case *c) {
    bool more;
    HF_TRY(hf_csv_next(csv, 0, &more));
    while (more) {
        HF_TRY(add_head(csv, c));
        HF_TRY(hf_csv_next(csv, 0, &more));
    }
    return HF_OK;
}

static hf_status read_table(hf_error *error, const char *file, hf_case *c) {
    hf_csv csv;
    hf_csv_column columns[HF_DIM_MAX + 1];
    for (size_t k = 0; k < c->input.dim; k++)
        columns[k] = (hf_csv_column){c->input.axes[k].name, true};
    columns[c->input.dim] = (hf_csv_column){"mass", false};
    hf_status status = hf_csv_open(error, file, &(hf_csv_format){c->input.dim + 1, columns, "heads"}, &csv);
    if (status == HF_OK)
        status = add_heads(&csv, c);
    hf_csv_close(&csv);
    return status;
}

static const hf_schema_key file_keys[] = {{"heads", HF_SCHEMA_TEXT, true, 0}};

static hf_status read_heads_file(hf_error *error, const hf_yaml *node, const char *path, hf_case *c) {
    const char *name;
    char *file;
    HF_TRY(hf_schema_read(error, node, 1, file_keys, &name));
    HF_TRY(hf_case_file(error, path, name, &file));
    hf_error inner = {0};
    hf_status status = read_table(&inner, file, c);
    free(file);
    if (status != HF_OK)
        return hf_yaml_raise(error, status, hf_yaml_get(node, "heads"), "%s", inner.message);
    return HF_OK;
}

/** A coordinate may be called `heads` as well: its density is a mapping, the name of a file is not. */
hf_status hf_case_read_initial(hf_error *error, const hf_yaml *node, const char *path, hf_case *c) {
    const hf_yaml *heads = hf_yaml_get(node, "heads");
    if (heads && heads->kind != HF_YAML_MAPPING)
        HF_TRY(read_heads_file(error, node, path, c));
    else
        HF_TRY(read_products(error, node, c));
    c->input.components = c->components;
    return HF_OK;
}
