/* The refinement study, in a report: errors on finer and finer grids, and their orders. */
#include "store/report.h"

#include <math.h>

static bool has_refinement(const hf_page *page) {
    return page->report->refinement != NULL;
}

/* The observed order between a grid and the one before it; the file does not keep it. */
static double order(const hf_refinement *refinement, size_t n, double coarse, double fine) {
    const hf_refinement_row *row = &refinement->row[n];
    return log(coarse / fine) / log(row[-1].spacing / row->spacing);
}

static void write_row(FILE *out, const hf_refinement *refinement, size_t n) {
    const hf_refinement_row *row = &refinement->row[n];
    double risk = NAN, mean = NAN;
    if (n > 0) {
        risk = order(refinement, n, row[-1].error.risk, row->error.risk);
        mean = order(refinement, n, row[-1].error.mean, row->error.mean);
    }
    fputs("<tr><td>", out);
    for (size_t d = 0; d < refinement->dim; d++)
        fprintf(out, "%s%zu", d > 0 ? " × " : "", row->cells[d]);
    fputs("</td>", out);
    hf_html_cell(out, row->error.risk, 3);
    hf_html_cell(out, risk, 3);
    hf_html_cell(out, row->error.mean, 3);
    hf_html_cell(out, mean, 3);
    hf_html_cell(out, row->error.covariance, 3);
    hf_html_cell(out, row->error.dissipation, 3);
    hf_html_cell(out, row->error.w1, 3);
    fputs("</tr>\n", out);
}

/* How far the reference itself can be trusted, in the same columns. */
static void write_reference(FILE *out, const hf_errors *uncertainty) {
    fputs("<tr><th scope=\"row\">the reference’s own</th>", out);
    hf_html_cell(out, uncertainty->risk, 2);
    fputs("<td></td>", out);
    hf_html_cell(out, uncertainty->mean, 2);
    fputs("<td></td>", out);
    hf_html_cell(out, uncertainty->covariance, 2);
    hf_html_cell(out, uncertainty->dissipation, 2);
    hf_html_cell(out, uncertainty->w1, 2);
    fputs("</tr>\n", out);
}

static hf_status write_section(hf_error *error, const hf_page *page) {
    (void)error;
    static const char *const columns[] = {"cells",  "#risk",       "#order",       "#mean",
                                          "#order", "#covariance", "#dissipation", "#<i>W</i><sub>1</sub>"};
    const hf_refinement *refinement = page->report->refinement;
    FILE *out = page->out;
    fputs("<p>", out);
    hf_html_badge(out, refinement->passed ? HF_TONE_GOOD : HF_TONE_BAD,
                  refinement->passed ? "passed" : "not passed");
    fputs(" The scheme <code>", out);
    hf_html_text(out, refinement->flux);
    fprintf(out, "</code> is of order %d; the reference is %s.</p>\n", refinement->expected_order,
            refinement->kind == HF_REFERENCE_FLOW_MAP ? "the flow map, by characteristics"
                                                      : "a Richardson extrapolation of the two finest grids");
    hf_html_table_begin(out, "Errors at the end, and observed orders");
    hf_html_columns(out, sizeof columns / sizeof *columns, columns);
    hf_html_rows(out);
    for (size_t i = 0; i < refinement->count; i++)
        write_row(out, refinement, i);
    write_reference(out, &refinement->reference);
    hf_html_table_end(out);
    return HF_OK;
}

const hf_report_section hf_section_refinement = {"refinement", "Refinement of the grid", has_refinement,
                                                 write_section};
