/* report.html of a token flow: what was kept, figures, stationary clusters, extremal energies, the case. */
#include "store/report.h"

#include <math.h>
#include <stdlib.h>

static const hf_caption figures[] = {
    {"tokens_density", "The density over angle and time",
     "The density over angle and time, on a logarithmic scale; where it is signed, the non-negative density "
     "beside it."},
    {"tokens_sphere", "The density on the sphere at four times",
     "The density on the sphere at four times, in Mollweide’s equal-area map."},
    {"tokens_energy", "The energy over time",
     "The energy over time; dashed, that of the stationary clusters that are stable."},
    {"tokens_growth", "Growth of the modes", "Amplitudes of the first modes; lines, linear theory."},
};
enum { FIGURES = sizeof figures / sizeof *figures };

static void begin(FILE *out, const hf_tokens_solution *s) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    hf_html_text(out, s->title);
    fprintf(out,
            " – headflow</title>\n<meta name=\"generator\" content=\"headflow %s\">\n<style>\n%s</style>\n"
            "</head>\n<body>\n<header>\n<h1>",
            hf_version(), hf_report_style);
    hf_html_text(out, s->title);
    fprintf(out, "</h1>\n<p>Tokens on the %s, %s attention, %s.</p>\n</header>\n<main>\n",
            s->input.dim == 2 ? "circle" : "sphere", s->attention, s->direction);
}

static void fact(FILE *out, const char *what, double value, int digits) {
    hf_report_fact_begin(out, what);
    hf_html_number(out, value, digits);
    hf_report_fact_end(out, NULL);
}

static void write_kept(FILE *out, const hf_tokens_solution *s) {
    double mass = 0, balance = 0, setback = 0, sign = s->input.descent ? -1 : 1;
    for (size_t k = 0; k < s->count; k++) {
        mass = fmax(mass, fabs(s->mass[k] - 1));
        balance = fmax(balance, fabs(s->energy[k] - s->energy[0] - s->gained[k]));
        setback = k > 0 ? fmax(setback, sign * (s->energy[k - 1] - s->energy[k])) : 0;
    }
    fputs("<section id=\"numbers\">\n<h2>Numbers</h2>\n<dl class=\"facts\">\n", out);
    fact(out, "<i>E</i> e<sup>−|<i>D</i>|</sup> at the start", s->energy[0], 12);
    fact(out, "at the end", s->energy[s->count - 1], 12);
    fact(out, "Time at the end", s->time[s->count - 1], 6);
    fact(out, "Energy balance, the worst", balance, 2);
    fact(out, "Step back of the energy, the worst", setback, 2);
    fact(out, "Mass error, the worst", mass, 2);
    fputs("</dl>\n</section>\n", out);
}

static void write_cluster(FILE *out, const hf_tokens_input *input, const hf_tokens_cluster *c) {
    fprintf(out, "<tr><td>%s on (", c->pair ? "two equal antipodal" : "one");
    for (size_t i = 0; i < input->dim; i++)
        fprintf(out, "%s%.4g", i > 0 ? ", " : "", c->axis[i]);
    fputs(")</td><td>", out);
    hf_html_badge(out, c->stable ? HF_TONE_GOOD : HF_TONE_GREY,
                  c->stable    ? "stable"
                  : c->neutral ? "neutral"
                               : "not stable");
    fputs("</td>", out);
    double rigid = c->rigid[0], part = c->part[0];
    for (size_t k = 1; k < c->rate_count; k++) {
        rigid = fmin(rigid, c->rigid[k]);
        part = fmin(part, c->part[k]);
    }
    hf_html_cell(out, c->token, 6);
    hf_html_cell(out, rigid, 6);
    hf_html_cell(out, c->pair ? part : NAN, 6);
    hf_html_cell(out, c->energy, 6);
    fputs("</tr>\n", out);
}

static hf_status write_limit(hf_error *error, FILE *out, const hf_tokens_input *input) {
    static const char *const columns[] = {"clusters", "linear stability",
                                          "#a token", "#together",
                                          "#apart",   "#<i>E</i> e<sup>−|<i>D</i>|</sup>"};
    hf_tokens_limit limit;
    HF_TRY(hf_tokens_find_limit(error, input, &limit));
    fputs("<section id=\"clusters\">\n<h2>Stationary clusters</h2>\n", out);
    hf_html_table_begin(out, "Rates at which what is disturbed comes back; the least where there are two.");
    hf_html_columns(out, sizeof columns / sizeof *columns, columns);
    hf_html_rows(out);
    for (size_t k = 0; k < limit.count; k++)
        write_cluster(out, input, &limit.cluster[k]);
    hf_html_table_end(out);
    if (limit.symmetric) {
        fputs("<dl class=\"facts\">\n", out);
        fact(out, "Highest <i>E</i> e<sup>−|<i>D</i>|</sup> of all measures", limit.highest, 12);
        fact(out, "Lowest", limit.lowest, 12);
        fputs("</dl>\n", out);
    }
    fputs("</section>\n", out);
    return HF_OK;
}

static hf_status write_page(hf_error *error, FILE *out, const char *path, const hf_tokens_solution *s) {
    begin(out, s);
    write_kept(out, s);
    fputs("<section id=\"figures\">\n<h2>Figures</h2>\n", out);
    HF_TRY(hf_report_figures_of(error, out, path, FIGURES, figures));
    fputs("</section>\n", out);
    HF_TRY(write_limit(error, out, &s->input));
    if (s->text != NULL) {
        fputs("<section id=\"case\">\n<h2>The case file</h2>\n<pre><code>", out);
        hf_html_text(out, s->text);
        fputs("</code></pre>\n</section>\n", out);
    }
    fputs("</main>\n</body>\n</html>\n", out);
    return HF_OK;
}

hf_status hf_tokens_report_write(hf_error *error, const char *solution_path, const char *path) {
    char *text = NULL;
    size_t length;
    hf_tokens_solution solution;
    hf_status status = hf_tokens_solution_read(error, solution_path, &solution);
    FILE *out = status == HF_OK ? open_memstream(&text, &length) : NULL;
    if (status == HF_OK && out == NULL)
        status = hf_raise(error, HF_ERR_MEMORY, "report: no memory for the page");
    if (status == HF_OK)
        status = write_page(error, out, solution_path, &solution);
    if (out != NULL && (fclose(out) != 0) && status == HF_OK)
        status = hf_raise(error, HF_ERR_MEMORY, "report: no memory for the page");
    if (status == HF_OK)
        status = hf_report_put(error, path, text, length);
    hf_tokens_solution_clear(&solution);
    free(text);
    return status;
}
