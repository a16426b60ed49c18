/* What each theorem says, and what became of it on this run; and the course of the risk to rest. */
#include "store/report.h"
#include "store/report_formula.h"

#include <math.h>

/* ---- verdicts --------------------------------------------------------------------------------------- */

static bool has_verdicts(const hf_page *page) {
    return page->report->rest->verdicts > 0;
}

/* A statement and whether it was seen to hold. */
static void write_statement(FILE *out, const char *label, const char *text, hf_answer answer) {
    static const char *const words[] = {"seen not to hold", "seen to hold", "not decided"};
    static const char *const classes[] = {"no", "yes", "open"};
    fprintf(out, "<td data-label=\"%s\">", label);
    hf_html_formula(out, text);
    fprintf(out, " <span class=\"seen %s\">%s</span></td>", classes[answer], words[answer]);
}

static void write_verdict(FILE *out, const hf_verdict *verdict) {
    static const char *const words[] = {"holds", "contradicted", "does not apply", "not decided"};
    static const hf_tone tones[] = {HF_TONE_GOOD, HF_TONE_BAD, HF_TONE_GREY, HF_TONE_GREY};
    hf_outcome outcome = hf_report_outcome(verdict);
    fputs("<tr><th scope=\"row\">", out);
    hf_html_formula(out, verdict->theorem);
    fputs(" <span class=\"equation-number\">", out);
    hf_html_text(out, verdict->equation);
    fputs("</span></th><td data-label=\"Verdict\">", out);
    hf_html_badge(out, tones[outcome], words[outcome]);
    fputs("</td>", out);
    write_statement(out, "Hypothesis", verdict->hypothesis, verdict->assumed);
    write_statement(out, "Conclusion", verdict->conclusion, verdict->concluded);
    fputs("<td data-label=\"Promised and measured\">", out);
    hf_html_formula(out, verdict->evidence);
    fputs("</td></tr>\n", out);
}

static hf_status write_verdicts(hf_error *error, const hf_page *page) {
    (void)error;
    const hf_rest *rest = page->report->rest;
    fputs("<table class=\"verdicts\">\n<caption>Each theorem on this run; numbers in parentheses are "
          "equations of docs/theory.md</caption>\n<thead><tr><th scope=\"col\">Theorem</th><th "
          "scope=\"col\">Verdict</th><th scope=\"col\">Hypothesis</th><th scope=\"col\">Conclusion</th><th "
          "scope=\"col\">Promised and measured</th></tr></thead>\n<tbody>\n",
          page->out);
    for (size_t i = 0; i < rest->verdicts; i++)
        write_verdict(page->out, &rest->verdict[i]);
    fputs("</tbody>\n</table>\n", page->out);
    return HF_OK;
}

const hf_report_section hf_section_verdicts = {"verdicts", "What the theory says of this run", has_verdicts,
                                               write_verdicts};

/* ---- long time -------------------------------------------------------------------------------------- */

static bool has_course(const hf_page *page) {
    return page->report->rest->has_course;
}

static void write_fit(FILE *out, const char *what, const hf_fit *fit) {
    hf_report_fact_begin(out, what);
    hf_html_interval(out, fit->value, fit->lower, fit->upper, 4);
    if (isnan(fit->value)) {
        hf_report_fact_end(out, "nothing to fit");
        return;
    }
    fputs("</dd><dd class=\"remark\">fitted on ", out);
    hf_html_number(out, fit->first, 3);
    fputs(" ≤ <i>t</i> ≤ ", out);
    hf_html_number(out, fit->last, 3);
    fputs("</dd></div>\n", out);
}

static void write_fact(FILE *out, const char *what, double value, int digits, const char *remark) {
    hf_report_fact_begin(out, what);
    hf_html_number(out, value, digits);
    hf_report_fact_end(out, remark);
}

/* To four digits at least. */
static void write_extrapolated(FILE *out, const hf_approach *approach) {
    hf_html_known(out, approach->limit, fmin(approach->limit_error, 1e-4 * fabs(approach->limit)), 4);
    fputs("</dd><dd class=\"remark\">extrapolated from the run, known to ", out);
    hf_html_number(out, approach->limit_error, 1);
    fputs("</dd></div>\n", out);
}

/* What is measured against the limit. */
static void write_decay(FILE *out, const hf_approach *approach, char energy) {
    char what[256];
    snprintf(what, sizeof what, "Limit <i>%c</i><sub>∞</sub>", energy);
    hf_report_fact_begin(out, what);
    if (approach->extrapolated)
        write_extrapolated(out, approach);
    else {
        hf_html_number(out, approach->limit, 10);
        hf_report_fact_end(out, energy == 'F' ? "that of the Gibbs density on this grid"
                                              : "that of the measure it goes to");
    }
    snprintf(what, sizeof what,
             "Slope of log <i>D</i> against log(<i>%c</i> − <i>%c</i><sub>∞</sub>), Łojasiewicz’s 2<i>θ</i>",
             energy, energy);
    write_fit(out, what, &approach->exponent);
    snprintf(what, sizeof what, "Rate promised: inf <i>D</i>/(<i>%c</i> − <i>%c</i><sub>∞</sub>)", energy,
             energy);
    write_fact(out, what, approach->domination_limit, 4, "gradient domination, towards the limit");
    snprintf(what, sizeof what, "Rate measured, of <i>%c</i> − <i>%c</i><sub>∞</sub>", energy, energy);
    write_fit(out, what, &approach->rate);
}

static hf_status write_approach(hf_error *error, const hf_page *page) {
    (void)error;
    const hf_approach *approach = &page->report->rest->approach;
    char what[256], energy = page->facts.heated ? 'F' : 'R';
    FILE *out = page->out;
    if (isnan(approach->limit))
        fprintf(out,
                "<p>The %s has not settled: no limit is to be seen on this run, and no decay to it can be "
                "fitted.</p>\n",
                page->facts.heated ? "free energy" : "risk");
    fputs("<dl class=\"facts\">\n", out);
    if (!isnan(approach->limit))
        write_decay(out, approach, energy);
    snprintf(what, sizeof what, "Rate promised: inf <i>D</i>/(<i>%c</i> − min <i>%c</i>)", energy, energy);
    write_fact(out, what, approach->domination, 4,
               isnan(approach->domination) ? "the minimum is not known"
                                           : "gradient domination, towards the minimum");
    write_fact(out, "Noise", page->report->solved->course.noise, 2,
               "smaller differences are taken for errors");
    fputs("</dl>\n", out);
    return HF_OK;
}

const hf_report_section hf_section_approach = {"approach", "The course to rest", has_course, write_approach};
