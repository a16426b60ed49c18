/** @file csv.c
 *  Tables of comma-separated values (RFC 4180), one row a line. Fields may be quoted, but end on their line;
 *  lines end in LF or CR LF; blank lines and a byte-order mark are skipped. Numbers are decimals of the
 * magnitudes in base/number.h. */
#include "base/csv.h"
#include "base/number.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

hf_status hf_csv_raise(hf_csv *csv, hf_status status, const char *format, ...) {
    char what[HF_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return hf_raise(csv->error, status, "%s:%zu: %s", csv->path, csv->number, what);
}

/* ---- lines and fields -------------------------------------------------------------------------------- */

/* Read the next line that is not blank, without its end. */
static hf_status next_line(hf_csv *csv, bool *more) {
    *more = false;
    do {
        ssize_t length = getline(&csv->line, &csv->room, csv->file);
        if (length < 0 && feof(csv->file))
            return HF_OK;
        if (length < 0)
            return hf_raise(csv->error, HF_ERR_IO, "%s: cannot read: %s", csv->path, strerror(errno));
        csv->number++;
        if (strlen(csv->line) != (size_t)length)
            return hf_csv_raise(csv, HF_ERR_INPUT, "a zero byte; expected text");
        if (length > 0 && csv->line[length - 1] == '\n')
            csv->line[--length] = '\0';
        if (length > 0 && csv->line[length - 1] == '\r')
            csv->line[--length] = '\0';
    } while (csv->line[strspn(csv->line, BLANKS)] == '\0');
    *more = true;
    return HF_OK;
}

/* Cut the next field off *rest, without the blanks around it, and undo its quotes in place.
   *rest becomes NULL after the last field.
   @return the field; NULL if its quotes do not close or something follows them */
static char *next_field(char **rest) {
    char *from = *rest + strspn(*rest, BLANKS);
    char *field, *end;
    if (*from == '"') {
        field = end = ++from;
        while (*from != '"' || *++from == '"') { /* a doubled quote stands for one */
            if (*from == '\0')
                return NULL;
            *end++ = *from++;
        }
        from += strspn(from, BLANKS);
        if (*from != ',' && *from != '\0')
            return NULL;
    } else {
        field = from;
        from = end = field + strcspn(field, ",");
        while (end > field && strchr(BLANKS, end[-1]) != NULL)
            end--;
    }
    *rest = *from == ',' ? from + 1 : NULL;
    *end = '\0';
    return field;
}

/* ---- the header -------------------------------------------------------------------------------------- */

/* The names of the columns in one line. @return buffer */
static const char *join(const hf_csv *csv, const char *between, const char *last, size_t size, char *buffer) {
    size_t used = 0, count = csv->format.count;
    buffer[0] = '\0';
    for (size_t k = 0; k < count && used < size; k++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", csv->format.columns[k].name,
                                 k + 2 < count    ? between
                                 : k + 2 == count ? last
                                                  : "");
    return buffer;
}

static hf_status refuse_column(hf_csv *csv, const char *name) {
    const char *names[HF_CSV_COLUMNS_MAX];
    char all[256];
    for (size_t k = 0; k < csv->format.count; k++)
        names[k] = csv->format.columns[k].name;
    const char *near = hf_nearest(name, csv->format.count, names);
    return hf_csv_raise(csv, HF_ERR_INPUT, "header: unknown column '%s'; expected %s", name,
                        near != NULL ? near : join(csv, ", ", " or ", sizeof all, all));
}

/* Assign a field of the header to its column. */
static hf_status add_field(hf_csv *csv, const char *name, bool seen[]) {
    size_t column = 0;
    while (column < csv->format.count && strcmp(name, csv->format.columns[column].name) != 0)
        column++;
    if (column == csv->format.count)
        return refuse_column(csv, name);
    if (seen[column])
        return hf_csv_raise(csv, HF_ERR_INPUT, "header: column %s twice; expected it once", name);
    seen[column] = true;
    csv->column[csv->fields++] = column;
    return HF_OK;
}

static hf_status read_header(hf_csv *csv) {
    bool more, seen[HF_CSV_COLUMNS_MAX] = {false};
    char all[256];
    HF_TRY(next_line(csv, &more));
    if (!more)
        return hf_raise(csv->error, HF_ERR_INPUT, "%s: empty; expected the header %s", csv->path,
                        join(csv, ",", ",", sizeof all, all));
    char *rest = csv->line;
    if (strncmp(rest, "\xef\xbb\xbf", 3) == 0) /* the byte-order mark that spreadsheets write */
        rest += 3;
    while (rest != NULL) {
        char *name = next_field(&rest);
        if (name == NULL)
            return hf_csv_raise(csv, HF_ERR_INPUT, "header: quotes that do not enclose a field");
        HF_TRY(add_field(csv, name, seen));
    }
    for (size_t k = 0; k < csv->format.count; k++)
        if (csv->format.columns[k].required && !seen[k])
            return hf_csv_raise(csv, HF_ERR_INPUT, "header: no column %s; expected %s",
                                csv->format.columns[k].name, join(csv, ",", ",", sizeof all, all));
    return HF_OK;
}

hf_status hf_csv_open(hf_error *error, const char *path, const hf_csv_format *format, hf_csv *csv) {
    assert(format->count >= 1 && format->count <= HF_CSV_COLUMNS_MAX);
    *csv = (hf_csv){.error = error, .path = path, .format = *format, .file = fopen(path, "r")};
    if (csv->file == NULL)
        return hf_raise(error, HF_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    return read_header(csv);
}

void hf_csv_close(hf_csv *csv) {
    if (csv->file != NULL)
        fclose(csv->file);
    free(csv->line);
    free(csv->values);
    *csv = (hf_csv){0};
}

/* ---- rows -------------------------------------------------------------------------------------------- */

/* Cut the current line into the fields of a row. */
static hf_status cut_row(hf_csv *csv) {
    char *rest = csv->line;
    size_t fields = 0;
    for (; rest != NULL && fields < csv->fields; fields++) {
        size_t column = csv->column[fields];
        csv->field[column] = next_field(&rest);
        if (csv->field[column] == NULL)
            return hf_csv_raise(csv, HF_ERR_INPUT, "%s: quotes that do not enclose the field",
                                csv->format.columns[column].name);
    }
    if (rest != NULL || fields < csv->fields)
        return hf_csv_raise(csv, HF_ERR_INPUT, "row: too %s fields; expected %zu as in the header",
                            rest != NULL ? "many" : "few", csv->fields);
    return HF_OK;
}

/* Make room for the numbers of the current line and `extra` more. */
static hf_status make_room(hf_csv *csv, size_t extra) {
    size_t needed = csv->room / 2 + extra; /* a number takes at least a digit and what ends it */
    if (needed <= csv->value_room)
        return HF_OK;
    void *block;
    HF_TRY(hf_allocate(csv->error, needed, sizeof *csv->values, &block));
    free(csv->values);
    csv->values = block;
    csv->value_room = needed;
    return HF_OK;
}

hf_status hf_csv_next(hf_csv *csv, size_t extra, bool *more) {
    HF_TRY(next_line(csv, more));
    if (!*more && csv->rows == 0)
        return hf_raise(csv->error, HF_ERR_INPUT, "%s: no rows; expected %s below the header", csv->path,
                        csv->format.rows);
    if (!*more)
        return HF_OK;
    csv->rows++;
    HF_TRY(cut_row(csv));
    return make_room(csv, extra);
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

hf_status hf_csv_numbers(hf_csv *csv, size_t column, const char **text, double *values, size_t *count) {
    *count = 0;
    for (;;) {
        *text += strspn(*text, BLANKS);
        size_t length = strcspn(*text, BLANKS ";");
        if (length == 0)
            return HF_OK;
        char *end;
        values[*count] = strtod(*text, &end);
        /* strtod alone would take hexadecimals and the names of what is not finite */
        if (strspn(*text, "+-.0123456789eE") != length || end != *text + length ||
            !(fabs(values[*count]) <= HF_NUMBER_MAX))
            return hf_csv_raise(csv, HF_ERR_INPUT,
                                "%s: '%.*s'; expected a finite decimal number, at most 1e30",
                                csv->format.columns[column].name, (int)length, *text);
        (*count)++;
        *text = end;
    }
}

/* Read a field that is one number above a bound. */
static hf_status read_above(hf_csv *csv, size_t column, double bound, const char *expected, double *value) {
    size_t count;
    const char *text = csv->field[column];
    HF_TRY(hf_csv_numbers(csv, column, &text, csv->values, &count));
    if (*text != '\0' || count != 1 || !(csv->values[0] > bound))
        return hf_csv_raise(csv, HF_ERR_INPUT, "%s: '%s'; expected %s", csv->format.columns[column].name,
                            csv->field[column], expected);
    *value = csv->values[0];
    return HF_OK;
}

hf_status hf_csv_number(hf_csv *csv, size_t column, double *value) {
    return read_above(csv, column, -INFINITY, "one number", value);
}

hf_status hf_csv_weight(hf_csv *csv, size_t column, double *weight) {
    *weight = 1;
    return csv->field[column] != NULL ? read_above(csv, column, 0, "one number > 0", weight) : HF_OK;
}
