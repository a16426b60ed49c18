/* The head of a report: title, what the run came to, the overall verdict; and its key numbers. */
#include "store/report.h"

#include <math.h>

/* ---- the verdict ------------------------------------------------------------------------------------ */

static bool promises_kept(const hf_report_facts *facts) {
    return facts->mass_kept && facts->sign_kept && facts->balance_kept;
}

static hf_tone overall(const hf_report_facts *facts) {
    if (facts->contradicted > 0 || facts->violated > 0 || !promises_kept(facts))
        return HF_TONE_BAD;
    return facts->held > 0 ? HF_TONE_GOOD : HF_TONE_GREY;
}

/* "3 are not decided", or nothing. */
static void add_count(FILE *out, size_t count, const char *one, const char *many) {
    if (count > 0)
        fprintf(out, "; %zu %s", count, count == 1 ? one : many);
}

static void write_verdict(FILE *out, const hf_report_facts *facts) {
    size_t applying = facts->held + facts->contradicted;
    if (facts->contradicted > 0)
        fprintf(out, "%zu of %zu theorems whose hypotheses hold on this run %s contradicted",
                facts->contradicted, applying, facts->contradicted == 1 ? "is" : "are");
    else if (applying > 1)
        fprintf(out, "All %zu theorems whose hypotheses hold on this run are confirmed by it", applying);
    else if (applying == 1)
        fputs("The one theorem whose hypothesis holds on this run is confirmed by it", out);
    else
        fputs("No theorem's hypothesis is seen to hold on this run", out);
    add_count(out, facts->idle, "does not apply", "do not apply");
    add_count(out, facts->undecided, "is not decided", "are not decided");
    add_count(out, facts->violated, "bound of the comparison is violated",
              "bounds of the comparison are violated");
    if (facts->at_walls)
        fputs("; mass at the walls: the box is too small", out);
    if (!promises_kept(facts))
        fputs("; the solver broke a promise: see the key numbers", out);
    fputc('.', out);
}

hf_status hf_report_verdict(hf_error *error, const hf_report *report, size_t size, char *text) {
    hf_report_facts facts;
    HF_TRY(hf_report_gather(error, report, &facts));
    FILE *out = fmemopen(text, size, "w");
    if (out == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "report: no memory for its verdict");
    write_verdict(out, &facts);
    fclose(out);
    return HF_OK;
}

/* ---- the summary ------------------------------------------------------------------------------------ */

static const char *energy_words(const hf_report_facts *facts) {
    return facts->heated ? "free energy <i>F</i>" : "risk <i>R</i>";
}

/* Where the density has gone, where that is known. */
static void write_goal(const hf_page *page) {
    const hf_rest *rest = page->report->rest;
    if (!rest->concentrated || !rest->arrives)
        return;
    size_t atoms = rest->goal.atoms.count;
    if (atoms == 1)
        fputs(" The density gathers at one point", page->out);
    else
        fprintf(page->out, " The density gathers at %zu points", atoms);
    fprintf(page->out, ": %s measure of the flow%s.",
            rest->goal.stability == HF_STABLE     ? "a stable stationary"
            : rest->goal.stability == HF_UNSTABLE ? "an unstable stationary"
                                                  : "a stationary",
            !rest->has_optimum             ? ""
            : hf_report_is_minimiser(rest) ? ", and the minimiser"
                                           : ", but not the minimiser");
}

static void write_distance(const hf_page *page) {
    const hf_report_facts *facts = &page->facts;
    double above = facts->last_energy - facts->least;
    if (isnan(above))
        return;
    if (above > 0) {
        fputs(", which is ", page->out);
        hf_html_number(page->out, above, 2);
        fputs(" nat above", page->out);
    } else
        fputs(", as far as this grid can tell", page->out);
    fprintf(page->out, " its least value over all %s",
            facts->heated ? "densities on this grid" : "probability measures on the box");
    if (facts->heated && !isnan(facts->continuum)) {
        fputs("; for <i>h</i> → 0 that value is ", page->out);
        hf_html_known(page->out, facts->continuum, facts->continuum_error, 6);
        fputs(" ± ", page->out);
        hf_html_number(page->out, facts->continuum_error, 1);
        fputs(" nat", page->out);
    }
}

static void write_sentence(const hf_page *page) {
    const hf_report_facts *facts = &page->facts;
    FILE *out = page->out;
    fprintf(out, "<p class=\"lead\">From <i>t</i> = 0 to <i>t</i> = ");
    hf_html_parameter(out, facts->end);
    fprintf(out, " the %s falls from ", energy_words(facts));
    hf_html_known(out, facts->first_energy, facts->energy_error, 6);
    fputs(" to ", out);
    hf_html_known(out, facts->last_energy, facts->energy_error, 6);
    fputs(" nat", out);
    write_distance(page);
    fputs(".", out);
    write_goal(page);
    fputs("</p>\n", out);
}

static void write_walls(const hf_page *page) {
    if (!page->facts.at_walls)
        return;
    fputs("<p class=\"overall\">", page->out);
    hf_html_badge(page->out, HF_TONE_BAD, "Box too small");
    fputs(" <span>At the end ", page->out);
    hf_html_number(page->out, 100 * page->report->solved->wall_mass, 2);
    fputs(" % of the mass is at the walls: what is said here is of this box, and not of the unbounded "
          "problem.</span></p>\n",
          page->out);
}

void hf_report_write_summary(const hf_page *page) {
    static const char *const words[] = {"Confirmed", "Contradicted", "Open"};
    const hf_solution *solution = page->report->solution;
    hf_tone tone = overall(&page->facts);
    bool walled = tone == HF_TONE_GOOD && page->facts.at_walls;
    fputs("<header>\n<p class=\"kind\">headflow report · case <b>", page->out);
    hf_html_text(page->out, hf_solution_name(solution));
    fputs("</b></p>\n<h1>", page->out);
    hf_html_text(page->out, hf_solution_title(solution));
    fputs("</h1>\n", page->out);
    write_sentence(page);
    fputs("<p class=\"overall\">", page->out);
    if (walled)
        hf_html_badge(page->out, HF_TONE_GREY, "Confirmed but for the walls");
    else
        hf_html_badge(page->out, tone, words[tone]);
    fputs(" <span>", page->out);
    write_verdict(page->out, &page->facts);
    fputs("</span></p>\n", page->out);
    write_walls(page);
    fputs("</header>\n", page->out);
}
