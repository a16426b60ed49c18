/** @file csv.c
 *  Events from comma-separated values, one prediction a row; docs/formats.md has the format.
 *
 *      tokens,label,count
 *      1 1;-1 1;1 0,0,18
 *      1 1;-1 1;-1 0,0.9 0.1,2
 *
 *  The columns come in any order, count may be left out.
 */
#include <headflow/events.h>

#include "base/csv.h"

#include <math.h>

enum { TOKENS, LABEL, COUNT, COLUMNS };

static const hf_csv_column columns[COLUMNS] = {{"tokens", true}, {"label", true}, {"count", false}};
static const hf_csv_format format = {COLUMNS, columns, "predictions"};

static hf_status read_tokens(hf_csv *csv, size_t width, double *tokens, size_t *count) {
    const char *text = csv->field[TOKENS];
    for (*count = 1;; (*count)++) {
        size_t components;
        HF_TRY(hf_csv_numbers(csv, TOKENS, &text, tokens, &components));
        if (components != width)
            return hf_csv_raise(csv, HF_ERR_INPUT, "tokens: token %zu has %zu components; expected %zu",
                                *count, components, width);
        if (*text == '\0')
            return HF_OK;
        tokens += components;
        text++;
    }
}

static hf_status read_label(hf_csv *csv, size_t classes, double *label) {
    const char *text = csv->field[LABEL];
    size_t count;
    HF_TRY(hf_csv_numbers(csv, LABEL, &text, label, &count));
    if (*text != '\0' || (count != 1 && count != classes))
        return hf_csv_raise(csv, HF_ERR_INPUT, "label: '%s'; expected a class number or %zu probabilities",
                            csv->field[LABEL], classes);
    if (count == 1) {
        double class = label[0];
        if (class < 0 || class >= (double)classes || class != floor(class))
            return hf_csv_raise(csv, HF_ERR_INPUT, "label: class %g; expected a whole number, 0 to %zu",
                                class, classes - 1);
        for (size_t c = 0; c < classes; c++)
            label[c] = c == (size_t) class ? 1 : 0;
    }
    return HF_OK;
}

/* Add the prediction of the current row. */
static hf_status add_row(hf_csv *csv, hf_events *events) {
    size_t width = hf_events_width(events), count;
    double weight;
    HF_TRY(hf_csv_weight(csv, COUNT, &weight));
    HF_TRY(read_tokens(csv, width, csv->values, &count));
    double *label = &csv->values[count * width];
    HF_TRY(read_label(csv, hf_events_classes(events), label));
    hf_error where = {0};
    hf_status status = hf_events_add(&where, events, count, csv->values, label, weight);
    return status == HF_OK ? HF_OK : hf_csv_raise(csv, status, "%s", where.message);
}

static hf_status add_rows(hf_csv *csv, hf_events *events) {
    bool more;
    HF_TRY(hf_csv_next(csv, hf_events_classes(events), &more));
    while (more) {
        HF_TRY(add_row(csv, events));
        HF_TRY(hf_csv_next(csv, hf_events_classes(events), &more));
    }
    return HF_OK;
}

hf_status hf_events_read_csv(hf_error *error, const char *path, hf_events *events) {
    hf_csv csv;
    hf_status status = hf_csv_open(error, path, &format, &csv);
    if (status == HF_OK)
        status = add_rows(&csv, events);
    hf_csv_close(&csv);
    return status;
}

static hf_status read_width(hf_csv *csv, size_t *width) {
    bool more;
    HF_TRY(hf_csv_next(csv, 0, &more));
    const char *text = csv->field[TOKENS];
    HF_TRY(hf_csv_numbers(csv, TOKENS, &text, csv->values, width));
    if (*width == 0)
        return hf_csv_raise(csv, HF_ERR_INPUT, "tokens: the first one is empty; expected numbers");
    return HF_OK;
}

hf_status hf_events_csv_width(hf_error *error, const char *path, size_t *width) {
    *width = 0;
    hf_csv csv;
    hf_status status = hf_csv_open(error, path, &format, &csv);
    if (status == HF_OK)
        status = read_width(&csv, width);
    hf_csv_close(&csv);
    return status;
}
