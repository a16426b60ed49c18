/* An SVG file of gnuplot as an element of an HTML page. */
#include "store/report_svg.h"
#include "store/report_html.h"

#include <stdlib.h>
#include <string.h>

/* The attribute of the root element, from its opening quote; NULL where there is none. */
static const char *find_view(const char *svg) {
    static const char name[] = "viewBox=";
    const char *root = strstr(svg, "<svg");
    const char *view = root != NULL ? strstr(root, name) : NULL;
    const char *end = root != NULL ? strchr(root, '>') : NULL;
    return view != NULL && view < end ? view + strlen(name) : NULL;
}

double hf_svg_width(const char *svg) {
    const char *view = find_view(svg);
    double box[4] = {0};
    if (view == NULL || sscanf(view + 1, "%lf %lf %lf %lf", &box[0], &box[1], &box[2], &box[3]) != 4)
        return 0;
    return box[2];
}

/* Behind an element that has no meaning in the page, if it comes next. */
static const char *skip_element(const char *text, const char *open, const char *close) {
    const char *start = text + strspn(text, " \t\r\n");
    if (strncmp(start, open, strlen(open)) != 0)
        return text;
    const char *end = strstr(start, close);
    return end != NULL ? end + strlen(close) : text;
}

/* How many characters in front of an id begin here: those of an attribute id, of a reference, or 0. */
static size_t id_ahead(const char *text, char before) {
    static const char *const marks[] = {"href='#", "href=\"#", "url(#"};
    if ((before == ' ' || before == '\t' || before == '\n') &&
        (strncmp(text, "id='", 4) == 0 || strncmp(text, "id=\"", 4) == 0))
        return 4;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strncmp(text, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    return 0;
}

/* The content, ids in tags prefixed. */
static void copy(FILE *out, const char *text, const char *end, const char *prefix) {
    bool in_tag = false;
    char before = ' ';
    while (text < end) {
        size_t ahead = in_tag ? id_ahead(text, before) : 0;
        if (ahead > 0) {
            fprintf(out, "%.*s%s", (int)ahead, text, prefix);
            text += ahead;
            before = text[-1];
            continue;
        }
        if (*text == '<' || *text == '>')
            in_tag = *text == '<';
        before = *text++;
        fputc(before, out);
    }
}

hf_status hf_svg_inline(hf_error *error, FILE *out, const char *svg, const char *prefix, const char *title) {
    const char *view = find_view(svg), *end = strstr(svg, "</svg>");
    if (view == NULL || end == NULL || hf_svg_width(svg) <= 0)
        return hf_raise(error, HF_ERR_IO, "figure '%s': gnuplot left no drawing with a viewBox", title);
    size_t length = 1 + strcspn(view + 1, "'\"");
    fprintf(out, "<svg role=\"img\" aria-labelledby=\"%stitle\" viewBox=\"%.*s\">\n<title id=\"%stitle\">",
            prefix, (int)length - 1, view + 1, prefix);
    hf_html_text(out, title);
    fputs("</title>", out);
    const char *content = strchr(view, '>') + 1;
    content = skip_element(content, "<title>", "</title>");
    content = skip_element(content, "<desc>", "</desc>");
    copy(out, content, end, prefix);
    fputs("</svg>\n", out);
    return HF_OK;
}
