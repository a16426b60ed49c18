/* Text, numbers and tables as HTML. */
#include "store/report_html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ------------------------------------------------------------------------------------------- */

void hf_html_text(FILE *out, const char *text) {
    for (const char *c = text; *c != '\0'; c++)
        switch (*c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        case '\n':
        case '\t':
            fputc(*c, out);
            break;
        case '\r': /* of CR LF */
            break;
        default:
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                fputs("\xef\xbf\xbd", out);
            else
                fputc(*c, out);
        }
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

enum { FIXED_LOWEST = -3, FIXED_HIGHEST = 6, DECIMALS_MAX = 15 };

/* Digits with a proper minus sign. */
static void write_digits(FILE *out, const char *digits) {
    for (; *digits != '\0'; digits++)
        if (*digits == '-')
            fputs("−", out);
        else
            fputc(*digits, out);
}

static void write_fixed(FILE *out, double value, int decimals) {
    char text[64];
    snprintf(text, sizeof text, "%.*f", decimals, value);
    write_digits(out, text);
}

/* m x 10^n from "m e n". */
static void write_power(FILE *out, char *scientific) {
    char *power = strchr(scientific, 'e');
    *power = '\0';
    write_digits(out, scientific);
    snprintf(power + 1, 8, "%d", atoi(power + 1));
    fputs(" × 10<sup>", out);
    write_digits(out, power + 1);
    fputs("</sup>", out);
}

/* Whatever has no digits, and zero. */
static bool write_special(FILE *out, double value) {
    if (isnan(value))
        fputs("<span class=\"none\">–</span>", out);
    else if (isinf(value))
        fputs(value > 0 ? "∞" : "−∞", out);
    else if (value == 0)
        fputs("<data value=\"0\">0</data>", out);
    else
        return false;
    return true;
}

void hf_html_number(FILE *out, double value, int digits) {
    char text[64];
    if (write_special(out, value))
        return;
    fprintf(out, "<data value=\"%.17g\">", value);
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    int power = atoi(strchr(text, 'e') + 1);
    if (power < FIXED_LOWEST || power >= FIXED_HIGHEST)
        write_power(out, text);
    else
        write_fixed(out, value, power < digits ? digits - 1 - power : 0);
    fputs("</data>", out);
}

void hf_html_parameter(FILE *out, double value) {
    char text[64];
    if (write_special(out, value))
        return;
    fprintf(out, "<data value=\"%.17g\">", value);
    snprintf(text, sizeof text, "%.10g", value);
    if (strchr(text, 'e') != NULL)
        write_power(out, text);
    else
        write_digits(out, text);
    fputs("</data>", out);
}

void hf_html_known(FILE *out, double value, double error, int otherwise) {
    if (!isfinite(error) || !isfinite(value)) {
        hf_html_number(out, value, otherwise);
        return;
    }
    double decimals = floor(-log10(fmax(fabs(error), 1e-15)));
    fprintf(out, "<data value=\"%.17g\">", value);
    write_fixed(out, value, (int)fmin(fmax(decimals, 0), DECIMALS_MAX));
    fputs("</data>", out);
}

void hf_html_interval(FILE *out, double value, double lower, double upper, int digits) {
    hf_html_number(out, value, digits);
    if (isnan(lower) || isnan(upper))
        return;
    fputs(" <span class=\"range\">[", out);
    hf_html_number(out, lower, digits);
    fputs(", ", out);
    hf_html_number(out, upper, digits);
    fputs("]</span>", out);
}

/* ---- tables ----------------------------------------------------------------------------------------- */

void hf_html_table_begin(FILE *out, const char *caption) {
    fprintf(
        out,
        "<div class=\"scroll\" role=\"group\" tabindex=\"0\">\n<table>\n<caption><span>%s</span></caption>\n"
        "<thead><tr>",
        caption);
}

void hf_html_columns(FILE *out, size_t count, const char *const columns[]) {
    for (size_t i = 0; i < count; i++)
        if (columns[i][0] == '#')
            fprintf(out, "<th scope=\"col\" class=\"n\">%s</th>", columns[i] + 1);
        else
            fprintf(out, "<th scope=\"col\">%s</th>", columns[i]);
}

void hf_html_rows(FILE *out) {
    fputs("</tr></thead>\n<tbody>\n", out);
}

void hf_html_table_end(FILE *out) {
    fputs("</tbody>\n</table>\n</div>\n", out);
}

void hf_html_cell(FILE *out, double value, int digits) {
    hf_html_cell_interval(out, value, NAN, NAN, digits);
}

void hf_html_cell_count(FILE *out, size_t count) {
    fprintf(out, "<td class=\"n\">%zu</td>", count);
}

void hf_html_cell_interval(FILE *out, double value, double lower, double upper, int digits) {
    fputs("<td class=\"n\">", out);
    hf_html_interval(out, value, lower, upper, digits);
    fputs("</td>", out);
}

/* ---- badges ----------------------------------------------------------------------------------------- */

void hf_html_badge(FILE *out, hf_tone tone, const char *word) {
    static const char *const classes[] = {"good", "bad", "grey"}, *const symbols[] = {"✓", "✗", "○"};
    fprintf(out, "<span class=\"badge %s\"><span aria-hidden=\"true\">%s</span> %s</span>", classes[tone],
            symbols[tone], word);
}
