/** @file case_data.c
 *  The section `data` of a case: events written out, a generator, or a CSV file. */
#include "store/case_sections.h"

typedef struct data_section {
    const hf_yaml *events, *generator, *file;
    double flip;
    size_t window;
} data_section;

static const hf_schema_key data_keys[] = {
    {"events", HF_SCHEMA_LIST, false, offsetof(data_section, events)},
    {"generator", HF_SCHEMA_ANY, false, offsetof(data_section, generator)},
    {"file", HF_SCHEMA_ANY, false, offsetof(data_section, file)},
    {"flip", HF_SCHEMA_FRACTION, false, offsetof(data_section, flip)},
    {"window", HF_SCHEMA_COUNT, false, offsetof(data_section, window)},
};

typedef struct event_item {
    const hf_yaml *tokens, *label;
    double weight;
} event_item;

static const hf_schema_key event_keys[] = {
    {"tokens", HF_SCHEMA_LIST, true, offsetof(event_item, tokens)},
    {"label", HF_SCHEMA_LIST, true, offsetof(event_item, label)},
    {"weight", HF_SCHEMA_POSITIVE, false, offsetof(event_item, weight)},
};

static hf_status read_event(hf_error *error, const hf_yaml *node, event_item *event) {
    event->weight = 1;
    return hf_schema_read(error, node, sizeof event_keys / sizeof *event_keys, event_keys, event);
}

/* ---- the source ------------------------------------------------------------------------------------- */

static hf_status check_width(hf_error *error, const hf_yaml *node, size_t width) {
    if (width > HF_CASE_WIDTH_MAX)
        return hf_yaml_raise(error, HF_ERR_INPUT, node, "%zu components; expected at most %d", width,
                             HF_CASE_WIDTH_MAX);
    return HF_OK;
}

/** Width and classes of events that are written out: the first one's. */
static hf_status read_inline_source(hf_error *error, hf_case *c) {
    event_item first;
    const hf_yaml *token;
    HF_TRY(read_event(error, c->events->item[0], &first));
    HF_TRY(hf_schema_value(error, first.tokens->item[0], HF_SCHEMA_LIST, &token));
    HF_TRY(check_width(error, token, token->count));
    HF_TRY(check_width(error, first.label, first.label->count));
    c->width = token->count;
    c->classes = first.label->count;
    return HF_OK;
}

static hf_status read_csv_source(hf_error *error, const hf_yaml *heads, hf_case *c) {
    hf_error inner = {0};
    if (hf_events_csv_width(&inner, c->file, &c->width) != HF_OK)
        return hf_yaml_raise(error, inner.status, c->file_node, "%s", inner.message);
    HF_TRY(check_width(error, c->file_node, c->width));

    const hf_yaml *value = hf_yaml_get(heads, "value");
    const hf_yaml *base = value ? hf_yaml_get(value, "base") : NULL;
    if (!base || base->kind != HF_YAML_SEQUENCE || base->count == 0)
        return hf_yaml_raise(
            error, HF_ERR_INPUT, base ? base : heads,
            "no matrix heads.value.base; expected one with a row for each class of the data file");
    HF_TRY(check_width(error, base, base->count));
    c->classes = base->count;
    return HF_OK;
}

static const char *generator_name(size_t row) {
    size_t count;
    return hf_generators(&count)[row].name;
}

static hf_status find_generator(hf_error *error, const hf_yaml *node, hf_case *c) {
    size_t count, row;
    const hf_generator *generators = hf_generators(&count);
    HF_TRY(hf_schema_choice(error, node, "generator", count, generator_name, &row));
    c->generator = &generators[row];
    return HF_OK;
}

/** Options are refused where they would be ignored. */
static hf_status check_options(hf_error *error, const hf_yaml *data, const hf_case *c) {
    static const struct {
        const char *name;
        unsigned option;
    } options[] = {{"flip", HF_GENERATOR_FLIP}, {"window", HF_GENERATOR_WINDOW}, {"file", HF_GENERATOR_FILE}};
    unsigned used = c->generator ? c->generator->options : HF_GENERATOR_FILE;
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        const hf_yaml *node = hf_yaml_get(data, options[k].name);
        if (node && !(used & options[k].option))
            return hf_yaml_raise_key(error, HF_ERR_INPUT, node, "%s%s does not use it; expected no such key",
                                     c->generator ? "the generator " : "a data set without a generator",
                                     c->generator ? c->generator->name : "");
    }
    if (c->generator && (used & HF_GENERATOR_FILE) && !c->file_node)
        return hf_yaml_raise(error, HF_ERR_INPUT, data,
                             "the key `file` is missing; expected the file that the generator %s reads",
                             c->generator->name);
    return HF_OK;
}

static hf_status read_file_name(hf_error *error, const char *path, hf_case *c) {
    const char *name;
    HF_TRY(hf_schema_value(error, c->file_node, HF_SCHEMA_TEXT, &name));
    return hf_case_file(error, path, name, &c->file);
}

hf_status hf_case_read_source(hf_error *error, const hf_yaml *data, const char *path, const hf_yaml *heads,
                              hf_case *c) {
    data_section section = {.flip = 0.1, .window = 8};
    HF_TRY(hf_schema_read(error, data, sizeof data_keys / sizeof *data_keys, data_keys, &section));
    int sources = (section.events != NULL) + (section.generator || section.file);
    if (sources != 1)
        return hf_yaml_raise(error, HF_ERR_INPUT, data, "%s; expected exactly one of events, generator, file",
                             sources ? "several sources of data" : "no source of data");
    c->events = section.events;
    c->file_node = section.file;
    c->source_node = section.generator ? section.generator : section.file;
    if (section.generator)
        HF_TRY(find_generator(error, section.generator, c));
    HF_TRY(check_options(error, data, c));
    if (section.file)
        HF_TRY(read_file_name(error, path, c));
    c->options = (hf_generator_options){.flip = section.flip, .file = c->file, .window = section.window};
    if (c->events)
        return read_inline_source(error, c);
    if (!c->generator)
        return read_csv_source(error, heads, c);
    c->width = c->generator->width;
    c->classes = c->generator->classes;
    return HF_OK;
}

/* ---- the events ------------------------------------------------------------------------------------- */

static hf_status add_event(hf_error *error, const hf_yaml *node, const event_item *event, double *tokens,
                           hf_case *c) {
    double label[HF_CASE_WIDTH_MAX], sum = 0;
    for (size_t k = 0; k < event->tokens->count; k++)
        HF_TRY(hf_schema_numbers(error, event->tokens->item[k], HF_SCHEMA_NUMBER, c->width,
                                 "the components of a token, as many as in the first event",
                                 tokens + k * c->width));
    HF_TRY(hf_schema_numbers(error, event->label, HF_SCHEMA_NON_NEGATIVE, c->classes,
                             "one a class, as in the first event", label));
    for (size_t k = 0; k < c->classes; k++)
        sum += label[k];
    if (!(sum > 0))
        return hf_yaml_raise(error, HF_ERR_INPUT, event->label, "the label sums to zero; expected a sum > 0");
    hf_error inner = {0};
    if (hf_events_add(&inner, c->input.events, event->tokens->count, tokens, label, event->weight) != HF_OK)
        return hf_yaml_raise(error, inner.status, node, "%s", inner.message);
    return HF_OK;
}

static hf_status add_inline_events(hf_error *error, hf_case *c) {
    for (size_t k = 0; k < c->events->count; k++) {
        event_item event;
        double *tokens;
        HF_TRY(read_event(error, c->events->item[k], &event));
        HF_TRY(hf_array_create(error, event.tokens->count * c->width, &tokens));
        hf_status status = add_event(error, c->events->item[k], &event, tokens, c);
        hf_array_destroy(&tokens);
        HF_TRY(status);
    }
    return HF_OK;
}

hf_status hf_case_read_events(hf_error *error, hf_case *c) {
    HF_TRY(hf_events_create(error, c->width, c->classes, &c->input.events));
    if (c->events)
        return add_inline_events(error, c);
    hf_error inner = {0};
    hf_status status = c->generator ? c->generator->add(&inner, &c->options, c->input.events)
                                    : hf_events_read_csv(&inner, c->file, c->input.events);
    if (status != HF_OK)
        return hf_yaml_raise(error, status,
                             status == HF_ERR_IO && c->file_node ? c->file_node : c->source_node, "%s",
                             inner.message);
    if (hf_events_count(c->input.events) == 0)
        return hf_yaml_raise(error, HF_ERR_INPUT, c->source_node, "no events in it; expected at least one");
    return HF_OK;
}
