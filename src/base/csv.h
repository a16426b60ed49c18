/** @file csv.h
 *  Tables of comma-separated values (RFC 4180) under a header that names their columns in any order: read
 *  row by row, refused as one line `file:line: column: what; expected`. */
#ifndef HF_BASE_CSV_H
#define HF_BASE_CSV_H

#include <headflow/base.h>

#include <stdio.h>

enum { HF_CSV_COLUMNS_MAX = 8 };

typedef struct hf_csv_column {
    const char *name;
    bool required;
} hf_csv_column;

/** What a table may hold. */
typedef struct hf_csv_format {
    size_t count;                 /**< at most HF_CSV_COLUMNS_MAX */
    const hf_csv_column *columns; /**< shape (count), at least one; numbered from 0 in all that follows */
    const char *rows; /**< what the rows are, for the message when there are none: "predictions" */
} hf_csv_format;

/** A table being read; all that it borrows must outlive it. */
typedef struct hf_csv {
    hf_error *error;
    const char *path;
    hf_csv_format format;
    FILE *file;
    size_t number; /**< of the current line, from 1 */
    size_t rows;   /**< read so far */
    char *line;    /**< shape (room): the current line, cut into fields */
    size_t room;
    size_t fields;                     /**< of a row */
    size_t column[HF_CSV_COLUMNS_MAX]; /**< shape (fields): the column that a field belongs to */
    char *field[HF_CSV_COLUMNS_MAX];   /**< the current row by column; NULL for a column left out */
    double *values;                    /**< room for the numbers of a row, and what hf_csv_next was told */
    size_t value_room;
} hf_csv;

/** Open a table and read its header; close it whatever the status.
 *  @return HF_ERR_IO when the file cannot be read; HF_ERR_INPUT for a header that does not fit the format */
hf_status hf_csv_open(hf_error *error, const char *path, const hf_csv_format *format, hf_csv *csv);
void hf_csv_close(hf_csv *csv);

/** Read the next row into its fields; a table without rows is refused.
 *  @param[in]  extra  numbers that `values` holds beyond those of the row
 *  @param[out] more   false after the last row */
hf_status hf_csv_next(hf_csv *csv, size_t extra, bool *more);

/** Read numbers between blanks up to a semicolon or the end of the field; *text is left there.
 *  @param[in,out] text    in a field of the current row
 *  @param[out]    values  shape (count): within the csv's own values there is room for those of a row */
hf_status hf_csv_numbers(hf_csv *csv, size_t column, const char **text, double *values, size_t *count);

/** Read a field that is one number. Writes over the csv's values. */
hf_status hf_csv_number(hf_csv *csv, size_t column, double *value);

/** Read a field that is one number > 0; 1 for a column left out. Writes over the csv's values. */
hf_status hf_csv_weight(hf_csv *csv, size_t column, double *weight);

/** Record a failure of the current line. @return status */
hf_status hf_csv_raise(hf_csv *csv, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
