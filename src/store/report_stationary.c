/* Where the flow can rest, in a report: the stationary Diracs of the case, and the measure that the solution
 * goes to, with rates promised by the linearised flow beside those measured. */
#include "store/report.h"
#include "store/report_formula.h"

#include <math.h>

enum { DIGITS = 8 };

/* Numbers in a cell, beside each other, or where they are many below. */
static void write_list(FILE *out, size_t count, const double *values) {
    fputs("<td class=\"n\">", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : count > 2 ? "<br>" : ", ", out);
        hf_html_number(out, values[i], DIGITS);
    }
    fputs("</td>", out);
}

/* ---- stationary Diracs ------------------------------------------------------------------------------ */

/* The search is made at temperature 0 only. */
static bool was_searched(const hf_page *page) {
    return page->report->rest->tried > 0;
}

static bool value_degenerate(const hf_page *page) {
    const hf_model *model = hf_problem_model(page->report->solved->problem);
    return hf_model_ridge(model) == 0 && hf_model_value_coordinates(model) > 0;
}

static void write_count(FILE *out, const hf_rest *rest) {
    fprintf(out, "<p>A search from %zu starts in the box found %s%zu%s.</p>\n", rest->tried,
            !rest->more                     ? ""
            : rest->diracs == HF_DIRACS_MAX ? "more than "
                                            : "a continuum of stationary Dirac measures; ",
            rest->diracs, rest->more && rest->diracs < HF_DIRACS_MAX ? " of them are here" : "");
}

static void write_dirac(const hf_page *page, const hf_stationary *dirac) {
    size_t dim = dirac->atoms.dim;
    FILE *out = page->out;
    fputs("<tr>", out);
    hf_report_place(out, dim, dirac->atoms.theta);
    hf_html_cell(out, dirac->risk, 10);
    write_list(out, dim, dirac->spread);
    write_list(out, dim, dirac->rate);
    fprintf(out, "<td>%s%s</td>", hf_stability_names[dirac->stability],
            dirac->inside ? "" : ", outside the box");
    hf_html_cell(out, fmax(dirac->gap, 0), 3);
    hf_html_cell(out, dirac->residual, 2);
    fputs("</tr>\n", out);
}

static void write_diracs_table(const hf_page *page) {
    static const char *const columns[] = {"#<i>R</i> [nat]",
                                          "#eigenvalues of <i>A</i>",
                                          "#eigenvalues of <i>A</i> + <i>B</i>",
                                          "verdict",
                                          "#gap [nat]",
                                          "#|∇<i>Ψ</i>|"};
    const hf_rest *rest = page->report->rest;
    hf_html_table_begin(page->out, "Stationary Diracs, lowest risk first");
    hf_report_coordinate_columns(page);
    hf_html_columns(page->out, sizeof columns / sizeof *columns, columns);
    hf_html_rows(page->out);
    for (size_t i = 0; i < rest->diracs; i++)
        write_dirac(page, &rest->dirac[i]);
    hf_html_table_end(page->out);
}

static hf_status write_diracs(hf_error *error, const hf_page *page) {
    (void)error;
    const hf_rest *rest = page->report->rest;
    FILE *out = page->out;
    fputs("<p>A Dirac measure at <i>θ</i>* is stationary exactly if ∇<i>Ψ</i>(<i>θ</i>*) = 0. About it a "
          "small spread decays as exp(−<i>A t</i>) and a displacement of the mean as exp(−(<i>A</i> + "
          "<i>B</i>)<i>t</i>), with <i>A</i> = ∇²<i>Ψ</i> and <i>B</i> = Σ<sub><i>e</i></sub> "
          "<i>w<sub>e</sub></i> <i>J<sub>e</sub></i><sup>T</sup>(diag <i>p</i> − <i>p "
          "p</i><sup>T</sup>)<i>J<sub>e</sub></i>: stable where all eigenvalues are positive.</p>\n",
          out);
    write_count(out, rest);
    if (rest->diracs > 0)
        write_diracs_table(page);
    if (value_degenerate(page))
        fputs("<p class=\"note\">Without a ridge the potential is affine in the value coordinates: <i>A</i> "
              "then has a zero or an indefinite block at every Dirac.</p>\n",
              out);
    return HF_OK;
}

const hf_report_section hf_section_diracs = {"diracs", "Stationary Diracs", was_searched, write_diracs};

/* ---- the measure that the solution goes to ---------------------------------------------------------- */

static bool has_course(const hf_page *page) {
    return page->report->rest->has_course;
}

static void write_spread(const hf_page *page, const void *self, size_t atom) {
    const hf_stationary *goal = self;
    write_list(page->out, goal->atoms.dim, goal->spread + atom * goal->atoms.dim);
}

static void write_optimality(FILE *out, const hf_rest *rest) {
    if (!rest->has_optimum)
        return;
    hf_report_fact_begin(out, "Minimiser of the risk");
    fputs(hf_report_is_minimiser(rest) ? "yes" : "no", out);
    fputs("</dd><dd class=\"remark\">its <i>R</i> − min <i>R</i> is ", out);
    hf_html_number(out, rest->goal.risk - rest->optimum.risk, 3);
    fputs(" nat</dd></div>\n", out);
}

static void write_goal_facts(FILE *out, const hf_rest *rest) {
    const hf_stationary *goal = &rest->goal;
    fputs("<dl class=\"facts\">\n", out);
    write_optimality(out, rest);
    hf_report_fact_begin(out, "Linearised flow");
    fputs(hf_stability_names[goal->stability], out);
    hf_report_fact_end(out, NULL);
    hf_report_fact_begin(out, "Risk of this measure");
    hf_html_number(out, goal->risk, 10);
    fputs(" <span class=\"unit\">nat</span>", out);
    hf_report_fact_end(out, NULL);
    hf_report_fact_begin(out, "Gap");
    hf_report_gap(out, goal->gap, 3);
    hf_report_fact_end(out, "≥ <i>R</i> − min <i>R</i>: zero for a minimiser");
    hf_report_fact_begin(out, "Strong monotonicity");
    hf_html_number(out, goal->monotonicity, DIGITS);
    hf_report_fact_end(out, "least eigenvalue of <i>A</i> over the atoms");
    hf_report_fact_begin(out, "Residual, max |∇<i>Ψ</i>|");
    hf_html_number(out, goal->residual, 2);
    hf_report_fact_end(out, NULL);
    hf_report_fact_begin(out, "Distance of the last density");
    hf_html_number(out, rest->spread, 3);
    hf_report_fact_end(out, "root mean square, to the atoms of its groups");
    fputs("</dl>\n", out);
}

static void write_motion(FILE *out, const hf_stationary *goal) {
    size_t count = goal->atoms.count * goal->atoms.dim;
    fputs("<p>Rates of the motion of the atoms, eigenvalues of the block operator <i>A<sub>k</sub></i> "
          "<i>δ<sub>kl</sub></i> + <i>m<sub>l</sub></i> Σ<sub><i>e</i></sub> <i>w<sub>e</sub></i> "
          "<i>J<sub>ke</sub></i><sup>T</sup> <i>H<sub>e</sub> J<sub>le</sub></i>: ",
          out);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", out);
        hf_html_number(out, goal->rate[i], DIGITS);
    }
    fputs(".</p>\n", out);
}

/* Measured over promised, as a percentage of difference. */
static void write_difference(FILE *out, const hf_local_rate *rate) {
    double difference = 100 * (rate->measured.value / rate->promised - 1);
    fputs("<td class=\"n\">", out);
    if (isfinite(difference)) {
        hf_html_number(out, difference, 2);
        fputs(" %", out);
    } else
        hf_html_number(out, NAN, 1);
    fputs("</td>", out);
}

static void write_window(FILE *out, const hf_fit *fit) {
    fputs("<td class=\"n\">", out);
    hf_html_number(out, isnan(fit->value) ? NAN : fit->first, 3);
    if (!isnan(fit->value)) {
        fputs(" to ", out);
        hf_html_number(out, fit->last, 3);
    }
    fputs("</td>", out);
}

static void write_driven(FILE *out, const hf_rest *rest, const hf_local_rate *rate) {
    if (!rate->driven)
        return;
    fputs("<p class=\"note\">The mean at ", out);
    hf_html_number(out, rate->promised, DIGITS);
    fputs(" is driven by the spread, at 2 <i>λ</i><sub>min</sub>(<i>A</i>) = ", out);
    hf_html_number(out, 2 * rest->dirac[rest->near].spread[0], DIGITS);
    fputs(", which is slower.</p>\n", out);
}

static void write_rates(const hf_page *page) {
    static const char *const columns[] = {"of",        "eigenvalue of", "#promised",
                                          "#measured", "#difference",   "#fitted on <i>t</i>"};
    const hf_rest *rest = page->report->rest;
    FILE *out = page->out;
    if (rest->rates == 0)
        return;
    hf_html_table_begin(out, "Rates near the Dirac, per unit of time; positive ones decay");
    hf_html_columns(out, sizeof columns / sizeof *columns, columns);
    hf_html_rows(out);
    for (size_t i = 0; i < rest->rates; i++) {
        const hf_local_rate *rate = &rest->rate[i];
        fprintf(out, "<tr><td>%s</td><td>%s</td>", rate->mean ? "the mean" : "the spread",
                rate->mean ? "<i>A</i> + <i>B</i>" : "<i>A</i>");
        hf_html_cell(out, rate->promised, DIGITS);
        hf_html_cell_interval(out, rate->measured.value, rate->measured.lower, rate->measured.upper, 5);
        write_difference(out, rate);
        write_window(out, &rate->measured);
        fputs("</tr>\n", out);
    }
    hf_html_table_end(out);
    fputs("<p class=\"note\">In brackets the range of the local rates over the window: no confidence "
          "interval.</p>\n",
          out);
    for (size_t i = 0; i < rest->rates; i++)
        write_driven(out, rest, &rest->rate[i]);
}

static void write_near(const hf_page *page) {
    const hf_rest *rest = page->report->rest;
    FILE *out = page->out;
    if (rest->near >= rest->diracs || rest->rates == 0)
        return;
    fputs("<p>The run passes close to the Dirac at (", out);
    for (size_t d = 0; d < rest->dirac[rest->near].atoms.dim; d++) {
        fputs(d > 0 ? ", " : "", out);
        hf_html_number(out, rest->dirac[rest->near].atoms.theta[d], 6);
    }
    fprintf(out, "), %s.</p>\n", hf_stability_names[rest->dirac[rest->near].stability]);
}

static void write_arrival(const hf_page *page) {
    const hf_rest *rest = page->report->rest;
    double left = page->facts.last_energy - rest->goal.risk;
    if (rest->arrives)
        return;
    fputs("<p>The solution has not reached the stationary measure beside it: at the end <i>R</i> is ",
          page->out);
    fputs(left > 0 ? "still " : "", page->out);
    hf_html_number(page->out, fabs(left), 3);
    fprintf(page->out, " nat %s it, at a distance of ", left > 0 ? "above" : "below");
    hf_html_number(page->out, rest->spread, 3);
    fputs(".</p>\n", page->out);
}

static hf_status write_goal(hf_error *error, const hf_page *page) {
    (void)error;
    static const char *const columns[] = {"#eigenvalues of <i>A</i>"};
    const hf_rest *rest = page->report->rest;
    if (rest->has_gibbs)
        fputs("<p>The stationary measure is the Gibbs density of least free energy; it has no atoms.</p>\n",
              page->out);
    else if (rest->concentrated) {
        write_arrival(page);
        hf_report_atoms(page, &rest->goal.atoms, 4,
                        rest->arrives ? "The stationary measure that the solution goes to"
                                      : "A stationary measure beside the last density",
                        1, columns, write_spread, &rest->goal);
        fputs("<p class=\"note\">The masses are the grid’s; positions, risk and rates are those of the "
              "stationary measure with these masses.</p>\n",
              page->out);
        write_motion(page->out, &rest->goal);
        write_goal_facts(page->out, rest);
    } else {
        fputs("<p>No stationary measure was found beside the last density: ", page->out);
        hf_html_formula(page->out, rest->missing);
        fputs(".</p>\n", page->out);
    }
    write_near(page);
    write_rates(page);
    return HF_OK;
}

const hf_report_section hf_section_goal = {"goal", "Where this run goes", has_course, write_goal};
