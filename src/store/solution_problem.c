/* The problem in solution.nc, so that it can be rebuilt from the file alone: docs/formats.md, section 4. Grid
 * and events are read here, too, but written by solution_writer.c. */
#include "store/shares.h"
#include "store/solution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const hf_variable attention_base = {
    "attention_base",
    {"query_component", "component"},
    "1",
    "matrix B_0 of the scores: rows for the query, columns for the token",
    0,
    false};
static const hf_variable attention_basis = {"attention_basis",
                                            {"attention_feature", "query_component", "component"},
                                            "1",
                                            "matrices B_k of the scores, one a feature of the attention form",
                                            0,
                                            false};
static const hf_variable value_base = {"value_base", {"class", "component"}, "1", "value matrix W_0", 0,
                                       false};
static const hf_variable value_basis = {"value_basis",
                                        {"value_coordinate", "class", "component"},
                                        "1",
                                        "value matrices W_j, one a value coordinate",
                                        0,
                                        false};
static const hf_variable initial_weight = {
    "initial_weight", {"mixture"}, "1", "weight of a part of the initial density, sums to 1", 0, false};
static const hf_variable initial_profile = {"initial_profile",
                                            {"mixture", "coordinate"},
                                            "1",
                                            "kind of the initial density of a coordinate",
                                            0,
                                            true};
static const hf_variable initial_parameter = {
    "initial_parameter",
    {"mixture", "coordinate", "parameter"},
    "1",
    "parameters of the initial density of a coordinate: centre and radius of a bump, mean and standard "
    "deviation of a normal, bounds of a uniform, kappa and phase of a cosine, place of a dirac and nothing",
    0,
    false};

/* In the order of hf_profile_kind. */
static const char profile_meanings[] = "bump normal uniform cosine dirac";
enum { PROFILE_KINDS = HF_PROFILE_DIRAC + 1, PROFILE_PARAMETERS = 2 };

bool hf_solution_problem_reserves(const char *name) {
    static const char *const names[] = {"attention_base",    "attention_basis", "value_base",
                                        "value_basis",       "initial_weight",  "initial_profile",
                                        "initial_parameter", "query_component", "attention_feature",
                                        "value_coordinate",  "mixture",         "parameter"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* ---- writing ---------------------------------------------------------------------------------------- */

/* Define a variable and write all of its `count` entries. */
static hf_status write_variable(hf_error *error, hf_dataset *dataset, const hf_variable *variable,
                                size_t count, const double *values) {
    HF_TRY(hf_dataset_define(error, dataset, variable));
    return hf_dataset_put(error, dataset, variable->name, 0, count, values);
}

/* Bases without a matrix are left out: a dimension of length 0 would be unlimited. */
static hf_status write_heads(hf_error *error, hf_dataset *dataset, const hf_problem *problem) {
    const hf_events *events = hf_problem_events(problem);
    size_t width = hf_events_width(events), classes = hf_events_classes(events);
    hf_heads heads = hf_model_heads(hf_problem_model(problem));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "attention_form", heads.form->name));
    HF_TRY(hf_dataset_dimension(error, dataset, "query_component", width));
    HF_TRY(write_variable(error, dataset, &attention_base, width, heads.attention_base));
    HF_TRY(write_variable(error, dataset, &value_base, classes, heads.value_base));
    if (heads.attention_basis_count > 0) {
        HF_TRY(hf_dataset_dimension(error, dataset, "attention_feature", heads.attention_basis_count));
        HF_TRY(write_variable(error, dataset, &attention_basis, heads.attention_basis_count,
                              heads.attention_basis));
    }
    if (heads.value_coordinates > 0) {
        HF_TRY(hf_dataset_dimension(error, dataset, "value_coordinate", heads.value_coordinates));
        HF_TRY(write_variable(error, dataset, &value_basis, heads.value_coordinates, heads.value_basis));
    }
    return HF_OK;
}

static hf_status write_initial(hf_error *error, hf_dataset *dataset, const hf_problem *problem) {
    size_t dim = hf_grid_dim(hf_problem_grid(problem)), count;
    const hf_component *components = hf_problem_components(problem, &count);
    double *weight;
    HF_TRY(hf_array_create(error, count * (1 + 3 * dim), &weight));
    double *kind = weight + count, *parameter = kind + count * dim;
    for (size_t c = 0; c < count; c++) {
        weight[c] = components[c].weight;
        for (size_t d = 0; d < dim; d++) {
            const hf_profile *profile = &components[c].profile[d];
            kind[c * dim + d] = (double)profile->kind;
            parameter[2 * (c * dim + d)] = profile->a;
            parameter[2 * (c * dim + d) + 1] = profile->b;
        }
    }
    hf_status status = hf_dataset_dimension(error, dataset, "mixture", count);
    if (status == HF_OK)
        status = hf_dataset_dimension(error, dataset, "parameter", PROFILE_PARAMETERS);
    if (status == HF_OK)
        status = write_variable(error, dataset, &initial_weight, count, weight);
    if (status == HF_OK)
        status = write_variable(error, dataset, &initial_profile, count, kind);
    if (status == HF_OK)
        status = hf_dataset_set_flags(error, dataset, initial_profile.name, PROFILE_KINDS, profile_meanings);
    if (status == HF_OK)
        status = write_variable(error, dataset, &initial_parameter, count, parameter);
    hf_array_destroy(&weight);
    return status;
}

hf_status hf_solution_write_problem(hf_error *error, hf_dataset *dataset, const hf_problem *problem) {
    HF_TRY(write_heads(error, dataset, problem));
    HF_TRY(write_initial(error, dataset, problem));
    HF_TRY(hf_dataset_set_number(error, dataset, "end_time", hf_problem_end(problem)));
    HF_TRY(hf_dataset_set_integer(error, dataset, "outputs", (long)hf_problem_outputs(problem)));
    return hf_dataset_set_number(error, dataset, "stop", hf_problem_stop(problem));
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* A problem on its way from the file; all arrays are its own. */
typedef struct rebuilt {
    hf_problem_input input;
    size_t width, classes;
    double *attention_base, *attention_basis, *value_base, *value_basis;
    hf_component *components;
} rebuilt;

static void rebuilt_destroy(rebuilt *r) {
    hf_array_destroy(&r->attention_base);
    hf_array_destroy(&r->attention_basis);
    hf_array_destroy(&r->value_base);
    hf_array_destroy(&r->value_basis);
    free(r->components);
}

/* All of a variable, which has the dimensions that it is written with. lengths: shape (HF_RANK_MAX) */
static hf_status read_variable(hf_error *error, const hf_dataset *dataset, const hf_variable *variable,
                               size_t *lengths, double **values) {
    size_t width = 1;
    HF_TRY(hf_dataset_shape(error, dataset, variable->name, variable->dims, lengths));
    for (size_t i = 1; variable->dims[i] != NULL; i++)
        width *= lengths[i];
    HF_TRY(hf_array_create(error, lengths[0] * width, values));
    return hf_dataset_get(error, dataset, variable->name, 0, lengths[0], width, *values);
}

/* A whole number, at least `least`. */
static hf_status to_count(hf_error *error, const hf_dataset *dataset, const char *name, double value,
                          size_t least, size_t *out) {
    *out = 0;
    if (!(value >= (double)least && value <= HF_WHOLE_MAX) || value != floor(value))
        return hf_raise(error, HF_ERR_IO, "%s: '%s' has the value %g; expected a whole number >= %zu",
                        hf_dataset_path(dataset), name, value, least);
    *out = (size_t)value;
    return HF_OK;
}

static hf_status read_heads(hf_error *error, const hf_dataset *dataset, rebuilt *r) {
    hf_heads *heads = &r->input.heads;
    size_t lengths[HF_RANK_MAX];
    char *form;
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, "attention_form", &form));
    heads->form = hf_attention_form_find(form);
    hf_status status = heads->form != NULL
                           ? HF_OK
                           : hf_raise(error, HF_ERR_IO, "%s: the attention form '%.40s' is not known",
                                      hf_dataset_path(dataset), form);
    free(form);
    HF_TRY(status);
    HF_TRY(read_variable(error, dataset, &attention_base, lengths, &r->attention_base));
    r->width = lengths[1];
    if (lengths[0] != r->width)
        return hf_raise(error, HF_ERR_IO, "%s: '%s' is %zu x %zu; expected a square matrix",
                        hf_dataset_path(dataset), attention_base.name, lengths[0], lengths[1]);
    HF_TRY(read_variable(error, dataset, &value_base, lengths, &r->value_base));
    r->classes = lengths[0];
    if (hf_dataset_has_dimension(dataset, "attention_feature")) {
        HF_TRY(read_variable(error, dataset, &attention_basis, lengths, &r->attention_basis));
        heads->attention_basis_count = lengths[0];
    }
    if (hf_dataset_has_dimension(dataset, "value_coordinate")) {
        HF_TRY(read_variable(error, dataset, &value_basis, lengths, &r->value_basis));
        heads->value_coordinates = lengths[0];
    }
    if (heads->value_coordinates > r->input.dim)
        return hf_raise(error, HF_ERR_IO, "%s: %zu value coordinates of %zu; expected no more",
                        hf_dataset_path(dataset), heads->value_coordinates, r->input.dim);
    heads->attention_coordinates = r->input.dim - heads->value_coordinates;
    heads->attention_base = r->attention_base;
    heads->attention_basis = r->attention_basis;
    heads->value_base = r->value_base;
    heads->value_basis = r->value_basis;
    return HF_OK;
}

/* ---- the initial density ---------------------------------------------------------------------------- */

static hf_status fill_components(hf_error *error, const hf_dataset *dataset, size_t dim, size_t count,
                                 const double *kind, const double *parameter, hf_component *components) {
    for (size_t i = 0; i < count * dim; i++) {
        hf_profile *profile = &components[i / dim].profile[i % dim];
        size_t flag;
        HF_TRY(to_count(error, dataset, initial_profile.name, kind[i], 0, &flag));
        if (flag >= PROFILE_KINDS)
            return hf_raise(error, HF_ERR_IO, "%s: '%s' has the value %zu; expected one of its flags",
                            hf_dataset_path(dataset), initial_profile.name, flag);
        *profile = (hf_profile){(hf_profile_kind)flag, parameter[2 * i], parameter[2 * i + 1]};
    }
    return HF_OK;
}

/* shares: shape (count) */
static hf_status fill_weights(hf_error *error, const hf_dataset *dataset, size_t count, const double *share,
                              hf_component *components) {
    double *weight;
    for (size_t c = 0; c < count; c++)
        if (!(share[c] > 0 && share[c] <= 1))
            return hf_raise(error, HF_ERR_IO, "%s: '%s' has the value %g; expected a number in (0, 1]",
                            hf_dataset_path(dataset), initial_weight.name, share[c]);
    HF_TRY(hf_array_create(error, count, &weight));
    hf_shares_weights(count, share, weight);
    for (size_t c = 0; c < count; c++)
        components[c].weight = weight[c];
    hf_array_destroy(&weight);
    return HF_OK;
}

static hf_status read_initial(hf_error *error, const hf_dataset *dataset, rebuilt *r) {
    size_t lengths[HF_RANK_MAX] = {0}, dim = r->input.dim, count;
    double *weight = NULL, *kind = NULL, *parameter = NULL;
    hf_status status = read_variable(error, dataset, &initial_weight, lengths, &weight);
    count = lengths[0];
    if (status == HF_OK)
        status = read_variable(error, dataset, &initial_profile, lengths, &kind);
    if (status == HF_OK)
        status = read_variable(error, dataset, &initial_parameter, lengths, &parameter);
    if (status == HF_OK && lengths[2] != PROFILE_PARAMETERS)
        status = hf_raise(error, HF_ERR_IO, "%s: '%s' has %zu parameters; expected %d",
                          hf_dataset_path(dataset), initial_parameter.name, lengths[2], PROFILE_PARAMETERS);
    if (status == HF_OK)
        status = hf_allocate(error, count, sizeof *r->components, &r->components);
    if (status == HF_OK)
        status = fill_components(error, dataset, dim, count, kind, parameter, r->components);
    if (status == HF_OK)
        status = fill_weights(error, dataset, count, weight, r->components);
    r->input.components = r->components;
    r->input.component_count = count;
    hf_array_destroy(&weight);
    hf_array_destroy(&kind);
    hf_array_destroy(&parameter);
    return status;
}

/* ---- the events ------------------------------------------------------------------------------------- */

/* What solution.nc holds of the events. */
typedef struct event_arrays {
    size_t count, tokens;                    /* of all events */
    double *weight, *label, *length, *token; /* shapes (count), (count, classes), (count), (tokens, width) */
} event_arrays;

static void event_arrays_destroy(event_arrays *a) {
    hf_array_destroy(&a->weight);
    hf_array_destroy(&a->label);
    hf_array_destroy(&a->length);
    hf_array_destroy(&a->token);
}

static hf_status read_event_arrays(hf_error *error, const hf_dataset *dataset, event_arrays *a) {
    static const hf_variable weight = {.name = "event_weight", .dims = {"event"}};
    static const hf_variable label = {.name = "label", .dims = {"event", "class"}};
    static const hf_variable length = {.name = "token_count", .dims = {"event"}};
    static const hf_variable token = {.name = "token_value", .dims = {"token", "component"}};
    size_t lengths[HF_RANK_MAX];
    HF_TRY(read_variable(error, dataset, &weight, lengths, &a->weight));
    HF_TRY(read_variable(error, dataset, &label, lengths, &a->label));
    HF_TRY(read_variable(error, dataset, &length, lengths, &a->length));
    a->count = lengths[0];
    HF_TRY(read_variable(error, dataset, &token, lengths, &a->token));
    a->tokens = lengths[0];
    double sum = 0;
    for (size_t e = 0; e < a->count; e++) {
        if (!(a->weight[e] > 0))
            return hf_raise(error, HF_ERR_IO, "%s: the weight of event %zu is %g; expected > 0",
                            hf_dataset_path(dataset), e, a->weight[e]);
        sum += a->weight[e];
    }
    if (!(fabs(sum - 1) < 1e-9))
        return hf_raise(error, HF_ERR_IO, "%s: the weights of the events sum to %g; expected 1",
                        hf_dataset_path(dataset), sum);
    return HF_OK;
}

/* Add all events; label: workspace, shape (classes) */
static hf_status add_events(hf_error *error, const hf_dataset *dataset, const event_arrays *a, double *weight,
                            double *label, hf_events *events) {
    size_t width = hf_events_width(events), classes = hf_events_classes(events), first = 0;
    hf_shares_weights(a->count, a->weight, weight);
    for (size_t e = 0; e < a->count; e++) {
        size_t length;
        hf_error cause = {0};
        HF_TRY(to_count(error, dataset, "token_count", a->length[e], 1, &length));
        if (length > a->tokens - first)
            return hf_raise(error, HF_ERR_IO, "%s: the events have more tokens than the %zu there are",
                            hf_dataset_path(dataset), a->tokens);
        for (size_t c = 0; c < classes; c++)
            label[c] = hf_shares_part(a->label[e * classes + c], weight[e]);
        if (hf_events_add(&cause, events, length, a->token + first * width, label, weight[e]) != HF_OK)
            return hf_raise(error, HF_ERR_IO, "%s: event %zu: %s", hf_dataset_path(dataset), e,
                            cause.message);
        first += length;
    }
    if (first != a->tokens || hf_events_count(events) != a->count)
        return hf_raise(error, HF_ERR_IO, "%s: %zu tokens of %zu events do not make %zu different events",
                        hf_dataset_path(dataset), a->tokens, a->count, a->count);
    return HF_OK;
}

static hf_status read_events(hf_error *error, const hf_dataset *dataset, rebuilt *r) {
    event_arrays a = {0};
    double *weight = NULL;
    hf_status status = read_event_arrays(error, dataset, &a);
    if (status == HF_OK)
        status = hf_array_create(error, a.count + r->classes, &weight);
    if (status == HF_OK)
        status = hf_events_create(error, r->width, r->classes, &r->input.events);
    if (status == HF_OK)
        status = add_events(error, dataset, &a, weight, weight + a.count, r->input.events);
    if (status != HF_OK)
        hf_events_destroy(&r->input.events);
    event_arrays_destroy(&a);
    hf_array_destroy(&weight);
    return status;
}

/* ---- the rest --------------------------------------------------------------------------------------- */

static hf_status read_scheme(hf_error *error, const hf_dataset *dataset, rebuilt *r) {
    char *flux, *limiter;
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, "flux", &flux));
    hf_status status = hf_dataset_get_text(error, dataset, NULL, "limiter", &limiter);
    if (status != HF_OK) {
        free(flux);
        return status;
    }
    r->input.flux = hf_flux_find(flux);
    r->input.limiter = hf_limiter_find(limiter);
    if (r->input.flux == NULL || (r->input.limiter == NULL && r->input.flux->limited))
        status = hf_raise(error, HF_ERR_IO, "%s: the flux '%.40s' with the limiter '%.40s' is not known",
                          hf_dataset_path(dataset), flux, limiter);
    free(flux);
    free(limiter);
    return status;
}

/* The time integration method; files of older versions do not name it, and are of the default. */
static hf_status read_method(hf_error *error, const hf_dataset *dataset, hf_problem_input *input) {
    char *name;
    if (!hf_dataset_has_attribute(dataset, "time_method"))
        return HF_OK;
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, "time_method", &name));
    input->method = hf_method_find(name);
    hf_status status = input->method != NULL
                           ? HF_OK
                           : hf_raise(error, HF_ERR_IO, "%s: the time method '%.40s' is not known",
                                      hf_dataset_path(dataset), name);
    free(name);
    return status;
}

static hf_status read_numbers(hf_error *error, const hf_dataset *dataset, hf_problem_input *input) {
    double outputs;
    HF_TRY(hf_dataset_get_number(error, dataset, "ridge", &input->ridge));
    HF_TRY(hf_dataset_get_number(error, dataset, "rtol", &input->rtol));
    HF_TRY(hf_dataset_get_number(error, dataset, "atol", &input->atol));
    HF_TRY(hf_dataset_get_number(error, dataset, "end_time", &input->end));
    HF_TRY(hf_dataset_get_number(error, dataset, "stop", &input->stop));
    HF_TRY(hf_dataset_get_number(error, dataset, "outputs", &outputs));
    if (hf_dataset_has_attribute(dataset, "table_tolerance")) /* younger than the others */
        HF_TRY(hf_dataset_get_number(error, dataset, "table_tolerance", &input->table_tolerance));
    if (!(input->rtol > 0) || !(input->atol > 0)) /* 0 would be replaced by the default */
        return hf_raise(error, HF_ERR_IO, "%s: tolerances rtol %g, atol %g; expected both > 0",
                        hf_dataset_path(dataset), input->rtol, input->atol);
    return to_count(error, dataset, "outputs", outputs, 2, &input->outputs);
}

static hf_status read_input(hf_error *error, const hf_solution *solution, rebuilt *r) {
    const hf_dataset *dataset = hf_solution_dataset(solution);
    const hf_grid *grid = hf_solution_grid(solution);
    hf_problem_input *input = &r->input;
    if (!hf_dataset_has_attribute(dataset, "attention_form"))
        return hf_raise(error, HF_ERR_IO,
                        "%s: does not hold the matrices of the heads, as files of older versions; expected "
                        "a file of this version: run the case again",
                        hf_dataset_path(dataset));
    input->name = hf_solution_name(solution);
    input->title = hf_solution_title(solution);
    input->temperature = hf_solution_temperature(solution);
    input->dim = hf_grid_dim(grid);
    for (size_t d = 0; d < input->dim; d++)
        input->axes[d] = *hf_grid_axis(grid, d);
    HF_TRY(read_numbers(error, dataset, input));
    HF_TRY(read_method(error, dataset, input));
    HF_TRY(read_scheme(error, dataset, r));
    HF_TRY(read_heads(error, dataset, r));
    HF_TRY(read_initial(error, dataset, r));
    return read_events(error, dataset, r); /* last: whoever creates the problem takes them over */
}

hf_status hf_solution_problem(hf_error *error, const hf_solution *solution, hf_problem **out) {
    *out = NULL;
    rebuilt r = {0};
    hf_error cause = {0};
    hf_status status = read_input(error, solution, &r);
    if (status == HF_OK) {
        status = hf_problem_create(&cause, &r.input, out);
        if (status != HF_OK)
            status = hf_raise(error, status == HF_ERR_INPUT ? HF_ERR_IO : status, "%s: %s",
                              hf_dataset_path(hf_solution_dataset(solution)), cause.message);
    }
    rebuilt_destroy(&r);
    return status;
}
