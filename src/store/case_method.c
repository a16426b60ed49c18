/** @file case_method.c
 *  The sections of a case that say how: regularisation, scheme, time, checkpoint and particles. */
#include "store/case_sections.h"

#include <string.h>

/* ---- regularisation: straight into the input ----------------------------------------------------- */

static const hf_schema_key regularisation_keys[] = {
    {"ridge", HF_SCHEMA_NON_NEGATIVE, false, offsetof(hf_problem_input, ridge)},
    {"temperature", HF_SCHEMA_NON_NEGATIVE, false, offsetof(hf_problem_input, temperature)},
};

hf_status hf_case_read_regularisation(hf_error *error, const hf_yaml *node, hf_case *c) {
    if (!node)
        return HF_OK;
    return hf_schema_read(error, node, sizeof regularisation_keys / sizeof *regularisation_keys,
                          regularisation_keys, &c->input);
}

/* ---- time ---------------------------------------------------------------------------------------- */

typedef struct time_section {
    const hf_yaml *method;
    double end, rtol, atol, stop;
    size_t outputs;
} time_section;

static const hf_schema_key time_keys[] = {
    {"method", HF_SCHEMA_ANY, false, offsetof(time_section, method)},
    {"end", HF_SCHEMA_POSITIVE, true, offsetof(time_section, end)},
    {"rtol", HF_SCHEMA_POSITIVE, false, offsetof(time_section, rtol)},
    {"atol", HF_SCHEMA_POSITIVE, false, offsetof(time_section, atol)},
    {"outputs", HF_SCHEMA_COUNT, false, offsetof(time_section, outputs)},
    {"stop", HF_SCHEMA_NON_NEGATIVE, false, offsetof(time_section, stop)},
};

static const char *method_name(size_t row) {
    size_t count;
    return hf_methods(&count)[row].name;
}

static hf_status read_method(hf_error *error, const hf_yaml *node, hf_case *c) {
    size_t count, row;
    const hf_method *methods = hf_methods(&count);
    HF_TRY(hf_schema_choice(error, node, "time method", count, method_name, &row));
    c->input.method = &methods[row];
    if (c->input.temperature > 0 && !c->input.method->warm)
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "the time method %s with temperature %g; expected one for diffusion, cvode",
                             methods[row].name, c->input.temperature);
    return HF_OK;
}

hf_status hf_case_read_time(hf_error *error, const hf_yaml *node, hf_case *c) {
    time_section time = {0};
    HF_TRY(hf_schema_read(error, node, sizeof time_keys / sizeof *time_keys, time_keys, &time));
    c->input.end = time.end;
    c->input.rtol = time.rtol;
    c->input.atol = time.atol;
    c->input.outputs = time.outputs;
    c->input.stop = time.stop;
    if (time.method)
        HF_TRY(read_method(error, time.method, c));
    if (c->input.rtol >= 1)
        return hf_yaml_raise(error, HF_ERR_INPUT, hf_yaml_get(node, "rtol"), "%g; expected less than 1",
                             c->input.rtol);
    if (c->input.outputs == 1)
        return hf_yaml_raise(error, HF_ERR_INPUT, hf_yaml_get(node, "outputs"),
                             "1 output; expected at least 2, the first at time 0 and the last at the end");
    return HF_OK;
}

/* ---- checkpoint: straight into the input --------------------------------------------------------- */

static const hf_schema_key checkpoint_keys[] = {
    {"every", HF_SCHEMA_POSITIVE, false, offsetof(hf_problem_input, checkpoint_every)},
    {"seconds", HF_SCHEMA_POSITIVE, false, offsetof(hf_problem_input, checkpoint_seconds)},
};

hf_status hf_case_read_checkpoint(hf_error *error, const hf_yaml *node, hf_case *c) {
    if (!node)
        return HF_OK;
    HF_TRY(hf_schema_read(error, node, sizeof checkpoint_keys / sizeof *checkpoint_keys, checkpoint_keys,
                          &c->input));
    if (c->input.checkpoint_every > 0 && c->input.checkpoint_seconds > 0)
        return hf_yaml_raise(error, HF_ERR_INPUT, hf_yaml_get(node, "seconds"),
                             "every and seconds; expected checkpoints by the time t or by the clock, one of "
                             "them");
    return HF_OK;
}

/* ---- scheme -------------------------------------------------------------------------------------- */

typedef struct scheme_section {
    const hf_yaml *flux, *limiter, *table_tolerance;
} scheme_section;

static const hf_schema_key scheme_keys[] = {
    {"flux", HF_SCHEMA_ANY, false, offsetof(scheme_section, flux)},
    {"limiter", HF_SCHEMA_ANY, false, offsetof(scheme_section, limiter)},
    {"table_tolerance", HF_SCHEMA_ANY, false, offsetof(scheme_section, table_tolerance)},
};

static const char *flux_name(size_t row) {
    size_t count;
    return hf_fluxes(&count)[row]->name;
}

static hf_status read_flux(hf_error *error, const hf_yaml *node, hf_case *c) {
    size_t count, row;
    const hf_flux *const *fluxes = hf_fluxes(&count);
    HF_TRY(hf_schema_choice(error, node, "flux", count, flux_name, &row));
    c->input.flux = fluxes[row];
    bool warm = c->input.temperature > 0;
    if (warm ? !c->input.flux->warm : !c->input.flux->cold)
        return hf_yaml_raise(error, HF_ERR_INPUT, node,
                             "the flux %s with temperature %g; expected one %s diffusion", fluxes[row]->name,
                             c->input.temperature, warm ? "with" : "without");
    return HF_OK;
}

static const char *limiter_name(size_t row) {
    size_t count;
    return hf_limiters(&count)[row].name;
}

/** The limiter, of a flux that takes one: chosen before, or left to the temperature. */
static hf_status read_limiter(hf_error *error, const hf_yaml *node, hf_case *c) {
    size_t count, row;
    const hf_limiter *limiters = hf_limiters(&count);
    HF_TRY(hf_schema_choice(error, node, "limiter", count, limiter_name, &row));
    c->input.limiter = &limiters[row];
    const hf_flux *flux = c->input.flux != NULL ? c->input.flux : hf_flux_default(c->input.temperature);
    return flux->limited ? HF_OK
                         : hf_yaml_raise(error, HF_ERR_INPUT, node,
                                         "the limiter %s with the flux %s, which takes none; expected muscl",
                                         limiters[row].name, flux->name);
}

/** The tolerance of the compressed contexts. */
static hf_status read_table_tolerance(hf_error *error, const hf_yaml *node, hf_case *c) {
    HF_TRY(hf_schema_value(error, node, HF_SCHEMA_POSITIVE, &c->input.table_tolerance));
    if (c->input.table_tolerance > HF_TABLE_TOLERANCE_MAX)
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "%g; expected at most %g", c->input.table_tolerance,
                             HF_TABLE_TOLERANCE_MAX);
    return HF_OK;
}

hf_status hf_case_read_scheme(hf_error *error, const hf_yaml *node, hf_case *c) {
    scheme_section scheme = {0};
    if (!node)
        return HF_OK;
    HF_TRY(hf_schema_read(error, node, sizeof scheme_keys / sizeof *scheme_keys, scheme_keys, &scheme));
    if (scheme.flux)
        HF_TRY(read_flux(error, scheme.flux, c));
    if (scheme.limiter)
        HF_TRY(read_limiter(error, scheme.limiter, c));
    return scheme.table_tolerance ? read_table_tolerance(error, scheme.table_tolerance, c) : HF_OK;
}

/* ---- particles ----------------------------------------------------------------------------------- */

typedef struct particles_section {
    const hf_yaml *heads, *step, *batch;
    size_t seeds;
} particles_section;

static const hf_schema_key particles_keys[] = {
    {"heads", HF_SCHEMA_LIST, true, offsetof(particles_section, heads)},
    {"step", HF_SCHEMA_LIST, true, offsetof(particles_section, step)},
    {"batch", HF_SCHEMA_LIST, true, offsetof(particles_section, batch)},
    {"seeds", HF_SCHEMA_COUNT, true, offsetof(particles_section, seeds)},
};

enum { ENSEMBLES_MAX = sizeof((hf_particles *)0)->heads / sizeof(size_t) };

/** Sizes of a batch: an integer, or the word full, which is 0. */
static hf_status read_batch(hf_error *error, const hf_yaml *node, size_t *batch) {
    *batch = 0;
    if (node->kind == HF_YAML_SCALAR && strcmp(node->text, "full") == 0)
        return HF_OK;
    hf_error inner = {0};
    if (hf_schema_value(&inner, node, HF_SCHEMA_COUNT, batch) == HF_OK)
        return HF_OK;
    char found[64];
    return hf_yaml_raise(error, HF_ERR_INPUT, node, "found %s; expected an integer > 0 or full",
                         hf_yaml_describe(node, sizeof found, found));
}

/** Keys that other programs have, and that would change what the heads converge to. */
static hf_status refuse_optimisers(hf_error *error, const hf_yaml *node) {
    static const char *const others[] = {"momentum", "adam"};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (node->kind == HF_YAML_MAPPING && hf_yaml_get(node, others[k]))
            return hf_yaml_raise(error, HF_ERR_INPUT, hf_yaml_get(node, others[k]),
                                 "refused: the theory here is for plain SGD, whose limit is the flow");
    return HF_OK;
}

hf_status hf_case_read_particles(hf_error *error, const hf_yaml *node, hf_case *c) {
    particles_section section;
    hf_particles *particles = &c->input.particles;
    if (!node)
        return HF_OK;
    HF_TRY(refuse_optimisers(error, node));
    HF_TRY(hf_schema_read(error, node, sizeof particles_keys / sizeof *particles_keys, particles_keys,
                          &section));
    const hf_yaml *const lists[] = {section.heads, section.step, section.batch};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        if (lists[k]->count > ENSEMBLES_MAX)
            return hf_yaml_raise(error, HF_ERR_INPUT, lists[k], "%zu values; expected at most %zu",
                                 lists[k]->count, (size_t)ENSEMBLES_MAX);
    for (size_t k = 0; k < section.heads->count; k++)
        HF_TRY(hf_schema_value(error, section.heads->item[k], HF_SCHEMA_COUNT, &particles->heads[k]));
    for (size_t k = 0; k < section.step->count; k++)
        HF_TRY(hf_schema_value(error, section.step->item[k], HF_SCHEMA_POSITIVE, &particles->step[k]));
    for (size_t k = 0; k < section.batch->count; k++)
        HF_TRY(read_batch(error, section.batch->item[k], &particles->batch[k]));
    particles->heads_count = section.heads->count;
    particles->step_count = section.step->count;
    particles->batch_count = section.batch->count;
    particles->seeds = section.seeds;
    return HF_OK;
}
