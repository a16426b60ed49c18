/** @file case_initial.c
 *  The section `initial` of a case: a product of profiles, one a coordinate, or a mixture of such products.
 */
#include "store/case_sections.h"

/** The profiles with their two parameters, which become a and b of hf_profile. */
static const struct profile_row {
    hf_schema_key choice;
    hf_profile_kind kind;
    hf_schema_key parameters[2];
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
};

enum { PROFILES = sizeof profiles / sizeof *profiles };

/** Refuse a profile that does not fit its axis. Bounds may miss by rounding: 0.1 + 0.2 is not 0.3. */
static hf_status check_profile(hf_error *error, const hf_yaml *node, const hf_profile *profile,
                               const hf_axis *axis) {
    if (profile->kind == HF_PROFILE_UNIFORM && !(profile->a < profile->b))
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "uniform from %g to %g; expected lower < upper",
                             profile->a, profile->b);
    if (profile->kind == HF_PROFILE_COSINE && !axis->periodic)
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "the axis %s is no angle; expected one of bump, normal, uniform", axis->name);
    double outside = hf_profile_outside(profile, axis);
    if (outside > 1e-12 * (axis->upper - axis->lower))
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "the density reaches %g beyond the box; expected it within [%g, %g]", outside,
                             axis->lower, axis->upper);
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
                             "%zu densities; expected exactly one of bump, normal, uniform, cosine",
                             node->count);
    for (size_t k = 0; k < PROFILES; k++)
        if (hf_yaml_get(node, profiles[k].choice.name)) {
            profile->kind = profiles[k].kind;
            HF_TRY(hf_schema_read(error, chosen, 2, profiles[k].parameters, profile));
        }
    return check_profile(error, chosen, profile, axis);
}

/** One product density: a key for each coordinate, and its weight when it is part of a mixture. */
static hf_status read_component(hf_error *error, const hf_yaml *node, bool mixture, const hf_case *c,
                                hf_component *component) {
    struct product {
        const hf_yaml *profile[HF_DIM_MAX];
        double weight;
    } product = {.weight = 1};
    hf_schema_key keys[HF_DIM_MAX + 1];
    size_t dim = c->input.dim;
    for (size_t k = 0; k < dim; k++)
        keys[k] = (hf_schema_key){c->input.axes[k].name, HF_SCHEMA_MAPPING, true,
                                  offsetof(struct product, profile) + k * sizeof *product.profile};
    keys[dim] = (hf_schema_key){"weight", HF_SCHEMA_POSITIVE, true, offsetof(struct product, weight)};
    HF_TRY(hf_schema_read(error, node, dim + mixture, keys, &product));
    component->weight = product.weight;
    for (size_t k = 0; k < dim; k++)
        HF_TRY(read_profile(error, product.profile[k], &c->input.axes[k], &component->profile[k]));
    return HF_OK;
}

hf_status hf_case_read_initial(hf_error *error, const hf_yaml *node, hf_case *c) {
    const hf_yaml *list = node;
    bool mixture = node->kind == HF_YAML_SEQUENCE;
    if (mixture)
        HF_TRY(hf_schema_value(error, node, HF_SCHEMA_LIST, &list));
    size_t count = mixture ? list->count : 1;
    void *memory;
    HF_TRY(hf_allocate(error, count, sizeof(hf_component), &memory));
    c->components = memory;
    c->input.components = c->components;
    c->input.component_count = count;
    for (size_t k = 0; k < count; k++)
        HF_TRY(read_component(error, mixture ? node->item[k] : node, mixture, c, &c->components[k]));
    return HF_OK;
}
