/* The key numbers of a report: what a reader takes away, and what the solver promised of them. */
#include "store/report.h"

#include <math.h>

enum { DIGITS = 6 };

void hf_report_fact_begin(FILE *out, const char *what) {
    fprintf(out, "<div><dt>%s</dt><dd>", what);
}

void hf_report_fact_end(FILE *out, const char *remark) {
    if (remark != NULL)
        fprintf(out, "</dd><dd class=\"remark\">%s</dd></div>\n", remark);
    else
        fputs("</dd></div>\n", out);
}

void hf_report_gap(FILE *out, double gap, int digits) {
    hf_html_number(out, fmax(gap, 0), digits);
    fputs(gap > 0 ? " <span class=\"unit\">nat</span>" : " to rounding", out);
}

static void unit(FILE *out, const char *name) {
    fprintf(out, " <span class=\"unit\">%s</span>", name);
}

/* ---- energies --------------------------------------------------------------------------------------- */

static void write_energy(FILE *out, const char *what, double value, double error, const char *source) {
    hf_report_fact_begin(out, what);
    hf_html_known(out, value, error, DIGITS);
    unit(out, "nat");
    if (isnan(error)) {
        hf_report_fact_end(out, NULL);
        return;
    }
    fputs("</dd><dd class=\"remark\">± ", out);
    hf_html_number(out, error, 1);
    fprintf(out, ": error of the grid, %s</dd></div>\n", source);
}

static void write_least(FILE *out, const hf_report_facts *facts) {
    if (isnan(facts->least))
        return;
    hf_report_fact_begin(out, facts->heated ? "Least free energy on this grid, min <i>F</i>"
                                            : "Least risk, min <i>R</i>");
    hf_html_known(out, facts->least, facts->least_gap, DIGITS);
    unit(out, "nat");
    fputs("</dd><dd class=\"remark\">certified to ", out);
    hf_html_number(out, facts->least_gap, 2);
    fprintf(out, " nat, over %s</dd></div>\n",
            facts->heated ? "densities on this grid" : "measures on the box");
    if (!facts->heated)
        return;
    hf_report_fact_begin(out, "Least free energy for <i>h</i> → 0");
    hf_report_continuum(out, facts->continuum, facts->continuum_error);
}

void hf_report_continuum(FILE *out, double value, double error) {
    if (isnan(error)) {
        fputs("not known", out);
        hf_report_fact_end(out, "the grid does not resolve the density");
        return;
    }
    hf_html_known(out, value, error, DIGITS);
    unit(out, "nat");
    fputs("</dd><dd class=\"remark\">± ", out);
    hf_html_number(out, error, 1);
    fputs(", extrapolated from coarser grids</dd></div>\n", out);
}

static void write_excess(FILE *out, const hf_report_facts *facts) {
    double excess = facts->last_energy - facts->least;
    if (isnan(excess))
        return;
    hf_report_fact_begin(out, facts->heated ? "<i>F</i> at the end − min <i>F</i>, on this grid"
                                            : "<i>R</i> at the end − min <i>R</i>");
    hf_html_number(out, excess, 3);
    unit(out, "nat");
    hf_report_fact_end(out, excess < 0 ? "below zero by the error of the grid" : NULL);
}

static void write_gap(FILE *out, const hf_report_facts *facts) {
    hf_report_fact_begin(out, "Gap at the end");
    hf_report_gap(out, facts->gap, 4);
    hf_report_fact_end(out, facts->heated ? "≥ <i>F</i> − min <i>F</i>" : "≥ <i>R</i> − min <i>R</i>");
}

static void write_stationarity(FILE *out, const hf_report_facts *facts) {
    hf_report_fact_begin(out, "Dissipation <i>D</i> at the end");
    hf_html_number(out, facts->last_dissipation, 3);
    unit(out, "nat/time");
    fputs("</dd><dd class=\"remark\">", out);
    if (facts->stationary) {
        fputs("stationary: the run ended when <i>D</i> fell to ", out);
        hf_html_parameter(out, facts->stop);
    } else {
        fputs("from ", out);
        hf_html_number(out, facts->first_dissipation, 3);
        fputs(" at the start", out);
    }
    fputs("</dd></div>\n", out);
}

/* ---- promises --------------------------------------------------------------------------------------- */

static void write_promise(FILE *out, const char *what, double value, const char *relation, double limit,
                          bool kept) {
    hf_report_fact_begin(out, what);
    hf_html_number(out, value, 2);
    fprintf(out, "</dd><dd class=\"remark\">promised %s ", relation);
    hf_html_number(out, limit, 1);
    fputs(" ", out);
    hf_html_badge(out, kept ? HF_TONE_GOOD : HF_TONE_BAD, kept ? "kept" : "broken");
    fputs("</dd></div>\n", out);
}

static void write_sign(FILE *out, const hf_report_facts *facts, const hf_problem *problem) {
    if (!facts->dual) {
        write_promise(out, "Least density", facts->minimum, "≥", -hf_problem_atol(problem), facts->sign_kept);
        return;
    }
    hf_report_fact_begin(out, "Negative mass");
    hf_html_number(out, facts->negative_mass, 2);
    hf_report_fact_end(out, "what this grid has not resolved of the density; integrals are not affected");
}

static void write_balance(FILE *out, const hf_report_facts *facts, const hf_problem *problem) {
    const char *what =
        facts->heated ? "Energy balance, |<i>F</i>(<i>t</i><sub>0</sub>) − <i>F</i>(<i>t</i>) − ∫<i>D</i>|"
                      : "Energy balance, |<i>R</i>(0) − <i>R</i>(<i>t</i>) − ∫<i>D</i>|";
    if (facts->balance_promised) {
        write_promise(out, what, facts->balance, "≤", hf_report_balance_limit(problem), facts->balance_kept);
        return;
    }
    hf_report_fact_begin(out, what);
    hf_html_number(out, facts->balance, 2);
    hf_report_fact_end(out, isnan(facts->balance) ? "needs an output more"
                                                  : "not promised: the entropy leaves out cells below zero");
}

static void write_walls(FILE *out, const hf_report_facts *facts) {
    hf_report_fact_begin(out, "Mass at the walls");
    hf_html_number(out, facts->walled, 2);
    if (!facts->at_walls) {
        hf_report_fact_end(out, facts->walled > 1e-6 ? "the box is too small for this run" : NULL);
        return;
    }
    fputs("</dd><dd class=\"remark\">the box is too small for this run ", out);
    hf_html_badge(out, HF_TONE_BAD, "at the walls");
    fputs("</dd></div>\n", out);
}

/* ---- the section ------------------------------------------------------------------------------------ */

static hf_status write_section(hf_error *error, const hf_page *page) {
    (void)error;
    const hf_report_facts *facts = &page->facts;
    const hf_problem *problem = page->report->solved->problem;
    FILE *out = page->out;
    fputs("<dl class=\"facts\">\n", out);
    if (facts->heated)
        write_energy(out, "Free energy <i>F</i> at the end", facts->last_energy, facts->energy_error,
                     facts->error_source);
    write_energy(out, "Risk <i>R</i> at the end", facts->risk, facts->risk_error, facts->error_source);
    write_least(out, facts);
    write_excess(out, facts);
    write_gap(out, facts);
    write_stationarity(out, facts);
    write_promise(out, "Error of the mass", facts->mass_error, "≤", HF_MASS_LIMIT, facts->mass_kept);
    write_balance(out, facts, problem);
    write_sign(out, facts, problem);
    write_walls(out, facts);
    fputs("</dl>\n", out);
    if (isnan(facts->energy_error))
        fputs(
            "<p class=\"note\">The error of the grid is not known: digits beyond the third or fourth may be "
            "the grid’s. Run with <code>--set error=estimate</code>, or <code>headflow verify</code>.</p>\n",
            out);
    return HF_OK;
}

const hf_report_section hf_section_numbers = {"numbers", "Key numbers", NULL, write_section};
