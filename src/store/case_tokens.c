/** @file case_tokens.c
 *  Cases of `model: tokens`. docs/tokens.md, section 5. */
#include "store/case_sections.h"
#include <headflow/case.h>

#include <stdlib.h>
#include <string.h>

typedef struct sections {
    const char *name, *title;
    const hf_yaml *model, *tokens, *initial, *grid, *scheme, *time;
} sections;

static const hf_schema_key case_keys[] = {
    {"name", HF_SCHEMA_TEXT, true, offsetof(sections, name)},
    {"title", HF_SCHEMA_TEXT, true, offsetof(sections, title)},
    {"model", HF_SCHEMA_ANY, true, offsetof(sections, model)},
    {"tokens", HF_SCHEMA_MAPPING, true, offsetof(sections, tokens)},
    {"initial", HF_SCHEMA_ANY, true, offsetof(sections, initial)},
    {"grid", HF_SCHEMA_MAPPING, true, offsetof(sections, grid)},
    {"scheme", HF_SCHEMA_MAPPING, false, offsetof(sections, scheme)},
    {"time", HF_SCHEMA_MAPPING, true, offsetof(sections, time)},
};

/* ---- tokens ----------------------------------------------------------------------------------------- */

typedef struct tokens_section {
    const hf_yaml *interaction, *attention, *direction;
} tokens_section;

static const hf_schema_key tokens_keys[] = {
    {"interaction", HF_SCHEMA_LIST, true, offsetof(tokens_section, interaction)},
    {"attention", HF_SCHEMA_ANY, false, offsetof(tokens_section, attention)},
    {"direction", HF_SCHEMA_ANY, false, offsetof(tokens_section, direction)},
};

static const char *attention_name(size_t row) {
    static const char *const names[] = {"softmax", "unnormalised"};
    return names[row];
}

static const char *direction_name(size_t row) {
    static const char *const names[] = {"ascent", "descent"};
    return names[row];
}

static hf_status read_tokens(hf_error *error, const hf_yaml *node, hf_tokens_input *input) {
    tokens_section section = {0};
    size_t attention = 0, direction = 0;
    HF_TRY(hf_schema_read(error, node, sizeof tokens_keys / sizeof *tokens_keys, tokens_keys, &section));
    input->dim = section.interaction->count == HF_TOKENS_DIM_MAX ? HF_TOKENS_DIM_MAX : 2;
    HF_TRY(hf_schema_matrix(error, section.interaction, input->dim, input->dim,
                            "2 x 2 on the circle, 3 x 3 on the sphere", input->interaction));
    if (section.attention != NULL)
        HF_TRY(hf_schema_choice(error, section.attention, "attention", 2, attention_name, &attention));
    if (section.direction != NULL)
        HF_TRY(hf_schema_choice(error, section.direction, "direction", 2, direction_name, &direction));
    input->unnormalised = attention == 1;
    input->descent = direction == 1;
    return HF_OK;
}

/* ---- initial ---------------------------------------------------------------------------------------- */

typedef struct initial_section {
    const hf_yaml *linear, *quadratic, *cosine, *sine, *legendre, *points;
} initial_section;

static const hf_schema_key initial_keys[] = {
    {"linear", HF_SCHEMA_LIST, false, offsetof(initial_section, linear)},
    {"quadratic", HF_SCHEMA_LIST, false, offsetof(initial_section, quadratic)},
    {"cosine", HF_SCHEMA_LIST, false, offsetof(initial_section, cosine)},
    {"sine", HF_SCHEMA_LIST, false, offsetof(initial_section, sine)},
    {"legendre", HF_SCHEMA_LIST, false, offsetof(initial_section, legendre)},
    {"points", HF_SCHEMA_LIST, false, offsetof(initial_section, points)},
};

/** Amplitudes of modes 1, 2, .., on the surface of `dim` dimensions alone. */
static hf_status read_modes(hf_error *error, const hf_yaml *node, size_t dim, const hf_tokens_input *input,
                            size_t *count, double *values) {
    if (node == NULL)
        return HF_OK;
    if (input->dim != dim)
        return hf_yaml_raise_key(error, HF_ERR_INPUT, node, "for the %s; expected linear, quadratic or %s",
                                 dim == 2 ? "circle" : "sphere", dim == 2 ? "legendre" : "cosine and sine");
    if (node->count > HF_TOKENS_MODES_MAX)
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "%zu modes; expected at most %d", node->count,
                             HF_TOKENS_MODES_MAX);
    *count = node->count;
    return hf_schema_numbers(error, node, HF_SCHEMA_NUMBER, node->count, "one a mode", values);
}

typedef struct point_section {
    const hf_yaml *at;
    double weight;
} point_section;

static const hf_schema_key point_keys[] = {
    {"at", HF_SCHEMA_LIST, true, offsetof(point_section, at)},
    {"weight", HF_SCHEMA_POSITIVE, false, offsetof(point_section, weight)},
};

static hf_status read_points(hf_error *error, const hf_yaml *node, hf_tokens_input *input) {
    hf_tokens_initial *start = &input->initial;
    if (node->count > HF_TOKENS_POINTS_MAX)
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "%zu points; expected at most %d", node->count,
                             HF_TOKENS_POINTS_MAX);
    for (size_t k = 0; k < node->count; k++) {
        point_section point = {.weight = 1};
        HF_TRY(
            hf_schema_read(error, node->item[k], sizeof point_keys / sizeof *point_keys, point_keys, &point));
        HF_TRY(hf_schema_numbers(error, point.at, HF_SCHEMA_NUMBER, input->axis_count,
                                 "one an angle of the grid", start->point[k].angle));
        start->point[k].weight = point.weight;
    }
    start->point_count = node->count;
    return HF_OK;
}

static hf_status read_initial(hf_error *error, const hf_yaml *node, hf_tokens_input *input) {
    initial_section section = {0};
    hf_tokens_initial *start = &input->initial;
    if (node->kind == HF_YAML_SCALAR && strcmp(node->text, "uniform") == 0)
        return HF_OK;
    HF_TRY(hf_schema_read(error, node, sizeof initial_keys / sizeof *initial_keys, initial_keys, &section));
    if (section.points != NULL && node->count > 1)
        return hf_yaml_raise(error, HF_ERR_INPUT, section.points,
                             "points beside a density; expected one of the two");
    if (section.linear != NULL)
        HF_TRY(hf_schema_numbers(error, section.linear, HF_SCHEMA_NUMBER, input->dim, "one a dimension",
                                 start->linear));
    if (section.quadratic != NULL)
        HF_TRY(hf_schema_matrix(error, section.quadratic, input->dim, input->dim, "dimension x dimension",
                                start->quadratic));
    HF_TRY(read_modes(error, section.cosine, 2, input, &start->cosine_count, start->cosine));
    HF_TRY(read_modes(error, section.sine, 2, input, &start->sine_count, start->sine));
    HF_TRY(read_modes(error, section.legendre, 3, input, &start->legendre_count, start->legendre));
    return section.points != NULL ? read_points(error, section.points, input) : HF_OK;
}

/* ---- grid, scheme ----------------------------------------------------------------------------------- */

static const hf_schema_key grid_keys[] = {{"cells", HF_SCHEMA_LIST, true, 0}};

static hf_status read_grid(hf_error *error, const hf_yaml *node, hf_tokens_input *input) {
    const hf_yaml *cells;
    HF_TRY(hf_schema_read(error, node, 1, grid_keys, &cells));
    if (cells->count > 2)
        return hf_yaml_raise(error, HF_ERR_INPUT, cells, "%zu numbers; expected 1 or 2", cells->count);
    input->axis_count = cells->count;
    for (size_t a = 0; a < cells->count; a++)
        HF_TRY(hf_schema_value(error, cells->item[a], HF_SCHEMA_COUNT, &input->cells[a]));
    return HF_OK;
}

/** The scheme of heads, with `transport` as one more name of a flux. */
static hf_status read_scheme(hf_error *error, const hf_yaml *node, hf_case *c, hf_tokens_input *input) {
    const hf_yaml *flux = node != NULL ? hf_yaml_get(node, "flux") : NULL;
    input->transport = flux != NULL && flux->kind == HF_YAML_SCALAR && strcmp(flux->text, "transport") == 0;
    if (input->transport && node->count > 1)
        return hf_yaml_raise(error, HF_ERR_INPUT, flux,
                             "transport takes no limiter; expected the flux alone");
    return input->transport ? HF_OK : hf_case_read_scheme(error, node, c);
}

/* ---- the case --------------------------------------------------------------------------------------- */

static hf_status read_sections(hf_error *error, const hf_yaml *root, hf_case_tokens *out) {
    sections s = {0};
    hf_case method = {0}; /* for the sections that are those of heads */
    hf_tokens_input *input = &out->input;
    HF_TRY(hf_case_expect_model(error, root, HF_CASE_TOKENS));
    HF_TRY(hf_schema_read(error, root, sizeof case_keys / sizeof *case_keys, case_keys, &s));
    HF_TRY(hf_case_check_name(error, root, s.name));
    HF_TRY(hf_string_copy(error, s.name, &out->name));
    HF_TRY(hf_string_copy(error, s.title, &out->title));
    HF_TRY(read_tokens(error, s.tokens, input));
    HF_TRY(read_grid(error, s.grid, input));
    HF_TRY(read_initial(error, s.initial, input));
    HF_TRY(read_scheme(error, s.scheme, &method, input));
    HF_TRY(hf_case_read_time(error, s.time, &method));
    input->name = out->name;
    input->title = out->title;
    input->flux = method.input.flux;
    input->limiter = method.input.limiter;
    input->method = method.input.method;
    input->end = method.input.end;
    input->rtol = method.input.rtol;
    input->atol = method.input.atol;
    input->stop = method.input.stop;
    input->outputs = method.input.outputs;
    return HF_OK;
}

/** The node that a message of hf_tokens_check is about, which begins with the path of its key, as far as the
 *  case has it. message: moved on to what is said of that node */
static const hf_yaml *blamed(const hf_yaml *root, const char **message) {
    const hf_yaml *node = root;
    for (;;) {
        char key[16];
        size_t length = strcspn(*message, ".:");
        if (length >= sizeof key || (*message)[length] == '\0' || node->kind != HF_YAML_MAPPING)
            return node;
        memcpy(key, *message, length);
        key[length] = '\0';
        const hf_yaml *next = hf_yaml_get(node, key);
        if (next == NULL)
            return node;
        node = next;
        *message += length + 1;
        *message += strspn(*message, " ");
    }
}

static hf_status read_case(hf_error *error, void *self, const char *path, const hf_yaml *root) {
    (void)path;
    hf_case_tokens *out = self;
    hf_error inner = {0};
    HF_TRY(read_sections(error, root, out));
    hf_status status = hf_tokens_check(&inner, &out->input);
    if (status == HF_OK)
        return HF_OK;
    const char *message = inner.message;
    const hf_yaml *node = blamed(root, &message);
    return hf_yaml_raise(error, status, node, "%s", message);
}

hf_status hf_case_read_tokens(hf_error *error, const char *path, size_t override_count,
                              const char *const overrides[], hf_case_tokens *out) {
    *out = (hf_case_tokens){0};
    return hf_case_read_tree(error, path, override_count, overrides, read_case, out, &out->text);
}

void hf_case_clear_tokens(hf_case_tokens *tokens) {
    free(tokens->name);
    free(tokens->title);
    free(tokens->text);
    *tokens = (hf_case_tokens){0};
}
