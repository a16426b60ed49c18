/** @file csv.c
 *  Events from comma-separated values (RFC 4180), one prediction a row; docs/formats.md has the format.
 *
 *      tokens,label,count
 *      1 1;-1 1;1 0,0,18
 *      1 1;-1 1;-1 0,0.9 0.1,2
 *
 *  The columns come in any order, count may be left out. Fields may be quoted, but end on their line; lines
 * end in LF or CR LF; blank lines and a byte-order mark are skipped. Numbers are finite decimals. What is
 * wrong is reported as `file:line: column name: what; expected`.
 */
#include <headflow/events.h>

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

enum { TOKENS, LABEL, COUNT, COLUMNS };

static const char *const column_names[COLUMNS] = {"tokens", "label", "count"};

/* A table being read. */
struct table {
    hf_error *error;
    const char *path;
    FILE *file;
    size_t number; /* of the current line, from 1 */
    char *line;    /* (room): the current line, cut into fields */
    size_t room;
    size_t fields;        /* of a row */
    int column[COLUMNS];  /* (fields): the column that a field belongs to */
    char *field[COLUMNS]; /* the current row by column, pointing into line; NULL for a column left out */
    double *values;       /* (value_room): where the numbers of a row go */
    size_t value_room;
};

/* Raise an error of the current line. */
__attribute__((format(printf, 2, 3))) static hf_status refuse(struct table *table, const char *format, ...) {
    char what[HF_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return hf_raise(table->error, HF_ERR_INPUT, "%s:%zu: %s", table->path, table->number, what);
}

/* Read the next line that is not blank, without its end. */
static hf_status next_line(struct table *table, bool *more) {
    *more = false;
    do {
        ssize_t length = getline(&table->line, &table->room, table->file);
        if (length < 0 && feof(table->file))
            return HF_OK;
        if (length < 0)
            return hf_raise(table->error, HF_ERR_IO, "%s: cannot read: %s", table->path, strerror(errno));
        table->number++;
        if (strlen(table->line) != (size_t)length)
            return refuse(table, "a zero byte; expected text");
        if (length > 0 && table->line[length - 1] == '\n')
            table->line[--length] = '\0';
        if (length > 0 && table->line[length - 1] == '\r')
            table->line[--length] = '\0';
    } while (table->line[strspn(table->line, BLANKS)] == '\0');
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

static hf_status read_header(struct table *table) {
    bool more;
    HF_TRY(next_line(table, &more));
    if (!more)
        return hf_raise(table->error, HF_ERR_INPUT, "%s: empty; expected the header tokens,label,count",
                        table->path);
    bool seen[COLUMNS] = {false};
    char *rest = table->line;
    if (strncmp(rest, "\xef\xbb\xbf", 3) == 0) /* the byte-order mark that spreadsheets write */
        rest += 3;
    while (rest != NULL) {
        char *name = next_field(&rest);
        if (name == NULL)
            return refuse(table, "header: quotes that do not enclose a field");
        int column = 0;
        while (column < COLUMNS && strcmp(name, column_names[column]) != 0)
            column++;
        if (column == COLUMNS) {
            const char *near = hf_nearest(name, COLUMNS, column_names);
            return refuse(table, "header: unknown column '%s'; expected %s", name,
                          near != NULL ? near : "tokens, label or count");
        }
        if (seen[column])
            return refuse(table, "header: column %s twice; expected it once", name);
        seen[column] = true;
        table->column[table->fields++] = column;
    }
    for (int column = TOKENS; column <= LABEL; column++)
        if (!seen[column])
            return refuse(table, "header: no column %s; expected tokens,label,count", column_names[column]);
    return HF_OK;
}

/* Open a table and read its header; close it whatever the status. */
static hf_status open_table(hf_error *error, const char *path, struct table *table) {
    *table = (struct table){.error = error, .path = path, .file = fopen(path, "r")};
    if (table->file == NULL)
        return hf_raise(error, HF_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    return read_header(table);
}

static void close_table(struct table *table) {
    if (table->file != NULL)
        fclose(table->file);
    free(table->line);
    free(table->values);
}

/* Read the next row into its fields, and make room for its numbers and `extra` more. */
static hf_status next_row(struct table *table, size_t extra, bool *more) {
    HF_TRY(next_line(table, more));
    if (!*more)
        return HF_OK;
    char *rest = table->line;
    size_t fields = 0;
    for (; rest != NULL && fields < table->fields; fields++) {
        int column = table->column[fields];
        table->field[column] = next_field(&rest);
        if (table->field[column] == NULL)
            return refuse(table, "%s: quotes that do not enclose the field", column_names[column]);
    }
    if (rest != NULL || fields < table->fields)
        return refuse(table, "row: too %s fields; expected %zu as in the header",
                      rest != NULL ? "many" : "few", table->fields);
    size_t needed = table->room / 2 + extra; /* a number takes at least a digit and what ends it */
    if (needed > table->value_room) {
        void *block;
        HF_TRY(hf_allocate(table->error, needed, sizeof *table->values, &block));
        free(table->values);
        table->values = block;
        table->value_room = needed;
    }
    return HF_OK;
}

static hf_status first_row(struct table *table, size_t extra) {
    bool more;
    HF_TRY(next_row(table, extra, &more));
    if (!more)
        return hf_raise(table->error, HF_ERR_INPUT, "%s: no rows; expected predictions below the header",
                        table->path);
    return HF_OK;
}

/* Read numbers between blanks up to a semicolon or the end of the field; *text is left there. */
static hf_status read_numbers(struct table *table, int column, const char **text, double *values,
                              size_t *count) {
    *count = 0;
    for (;;) {
        *text += strspn(*text, BLANKS);
        size_t length = strcspn(*text, BLANKS ";");
        if (length == 0)
            return HF_OK;
        char *end;
        values[*count] = strtod(*text, &end);
        /* strtod alone would take hexadecimals and the names of what is not finite */
        if (strspn(*text, "+-.0123456789eE") != length || end != *text + length || !isfinite(values[*count]))
            return refuse(table, "%s: '%.*s'; expected a finite decimal number", column_names[column],
                          (int)length, *text);
        (*count)++;
        *text = end;
    }
}

static hf_status read_tokens(struct table *table, size_t width, double *tokens, size_t *count) {
    const char *text = table->field[TOKENS];
    for (*count = 1;; (*count)++) {
        size_t components;
        HF_TRY(read_numbers(table, TOKENS, &text, tokens, &components));
        if (components != width)
            return refuse(table, "tokens: token %zu has %zu components; expected %zu", *count, components,
                          width);
        if (*text == '\0')
            return HF_OK;
        tokens += components;
        text++;
    }
}

static hf_status read_label(struct table *table, size_t classes, double *label) {
    const char *text = table->field[LABEL];
    size_t count;
    HF_TRY(read_numbers(table, LABEL, &text, label, &count));
    if (*text != '\0' || (count != 1 && count != classes))
        return refuse(table, "label: '%s'; expected a class number or %zu probabilities", table->field[LABEL],
                      classes);
    if (count == 1) {
        double class = label[0];
        if (class < 0 || class >= (double)classes || class != floor(class))
            return refuse(table, "label: class %g; expected a whole number, 0 to %zu", class, classes - 1);
        for (size_t c = 0; c < classes; c++)
            label[c] = c == (size_t) class ? 1 : 0;
    }
    return HF_OK;
}

/* Read the count of the current row, 1 if there is no such column; its numbers go through the table's values.
 */
static hf_status read_count(struct table *table, double *count) {
    *count = 1;
    const char *text = table->field[COUNT];
    if (text == NULL)
        return HF_OK;
    size_t numbers;
    HF_TRY(read_numbers(table, COUNT, &text, table->values, &numbers));
    if (*text != '\0' || numbers != 1 || table->values[0] <= 0)
        return refuse(table, "count: '%s'; expected one number > 0", table->field[COUNT]);
    *count = table->values[0];
    return HF_OK;
}

static hf_status add_rows(struct table *table, hf_events *events) {
    size_t width = hf_events_width(events);
    size_t classes = hf_events_classes(events);
    bool more;
    HF_TRY(first_row(table, classes));
    do {
        double weight;
        size_t count;
        HF_TRY(read_count(table, &weight));
        HF_TRY(read_tokens(table, width, table->values, &count));
        double *label = &table->values[count * width];
        HF_TRY(read_label(table, classes, label));
        hf_error where = {0};
        hf_status status = hf_events_add(&where, events, count, table->values, label, weight);
        if (status != HF_OK)
            return hf_raise(table->error, status, "%s:%zu: %s", table->path, table->number, where.message);
        HF_TRY(next_row(table, classes, &more));
    } while (more);
    return HF_OK;
}

hf_status hf_events_read_csv(hf_error *error, const char *path, hf_events *events) {
    struct table table;
    hf_status status = open_table(error, path, &table);
    if (status == HF_OK)
        status = add_rows(&table, events);
    close_table(&table);
    return status;
}

static hf_status read_width(struct table *table, size_t *width) {
    HF_TRY(first_row(table, 0));
    const char *text = table->field[TOKENS];
    HF_TRY(read_numbers(table, TOKENS, &text, table->values, width));
    if (*width == 0)
        return refuse(table, "tokens: the first one is empty; expected numbers");
    return HF_OK;
}

hf_status hf_events_csv_width(hf_error *error, const char *path, size_t *width) {
    *width = 0;
    struct table table;
    hf_status status = open_table(error, path, &table);
    if (status == HF_OK)
        status = read_width(&table, width);
    close_table(&table);
    return status;
}
