/* HTML as the sections of a report write it: text, numbers and tables. What is called text is escaped; what
 * is called markup is written as it is, and comes from this program alone. */
#ifndef HF_STORE_REPORT_HTML_H
#define HF_STORE_REPORT_HTML_H

#include <headflow/base.h>

#include <stdio.h>

/* Escaped for elements and quoted attributes; control characters, which HTML forbids, become U+FFFD. */
void hf_html_text(FILE *out, const char *text);

/* A number with so many significant digits, trailing zeros kept, powers of ten written out; all of it stays
 * machine-readable: <data value="6.02e+23">6.02 x 10^23</data>. A dash for NAN. */
void hf_html_number(FILE *out, double value, int digits);

/* A number that somebody chose: without trailing zeros. */
void hf_html_parameter(FILE *out, double value);

/* A number to the last digit that its error leaves known; with `otherwise` digits where that is NAN. */
void hf_html_known(FILE *out, double value, double error, int otherwise);

/* value [lower, upper]; the bracket is left out where there are no bounds. */
void hf_html_interval(FILE *out, double value, double lower, double upper, int digits);

/* A table in a container of its own, which scrolls where the page is too narrow: begin, heads of columns,
 * rows, end. caption, columns: markup; a head that begins with '#' is that of a column of numbers. */
void hf_html_table_begin(FILE *out, const char *caption);
void hf_html_columns(FILE *out, size_t count, const char *const columns[]);
void hf_html_rows(FILE *out);
void hf_html_table_end(FILE *out);

/* Cells: a number, a count, an interval. */
void hf_html_cell(FILE *out, double value, int digits);
void hf_html_cell_count(FILE *out, size_t count);
void hf_html_cell_interval(FILE *out, double value, double lower, double upper, int digits);

/* What something came to: a word with a symbol before it, so that colour is not all that tells. */
typedef enum hf_tone { HF_TONE_GOOD, HF_TONE_BAD, HF_TONE_GREY } hf_tone;

/* word: markup */
void hf_html_badge(FILE *out, hf_tone tone, const char *word);

#endif
