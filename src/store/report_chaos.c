/* The comparison with trained heads, in a report: coupling errors beside predictions and bounds, the powers
 * that errors follow, the static bound. */
#include "store/report.h"

#include <math.h>

static bool has_chaos(const hf_page *page) {
    return page->report->chaos != NULL;
}

/* N, step and batch; a dash for what is not known or varies. */
static void write_ensemble(FILE *out, const hf_ensemble *ensemble) {
    if (ensemble->heads == 0)
        hf_html_cell(out, NAN, 1);
    else
        hf_html_cell_count(out, ensemble->heads);
    fputs("<td class=\"n\">", out);
    hf_html_parameter(out, ensemble->step);
    fputs("</td>", out);
    if (ensemble->batch == HF_BATCH_FULL)
        fputs("<td class=\"n\">full</td>", out);
    else if (ensemble->batch == HF_BATCH_UNKNOWN)
        hf_html_cell(out, NAN, 1);
    else
        hf_html_cell_count(out, ensemble->batch);
}

/* ---- coupling --------------------------------------------------------------------------------------- */

static void write_bounds_badge(FILE *out, const hf_chaos_group *group) {
    bool violated = false, known = false;
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        violated = violated || hf_report_violated(group, b);
        known = known || !isnan(group->slack[b]);
    }
    fputs("<td>", out);
    hf_html_badge(out,
                  violated ? HF_TONE_BAD
                  : known  ? HF_TONE_GOOD
                           : HF_TONE_GREY,
                  violated ? "violated"
                  : known  ? "hold"
                           : "none");
    fputs("</td>", out);
}

static void write_group(FILE *out, const hf_chaos *chaos, const hf_chaos_group *group) {
    const hf_interval *measured = &group->measured[HF_COUPLING * chaos->times + group->last];
    const hf_interval *predicted = &group->predicted[group->last];
    fputs("<tr>", out);
    write_ensemble(out, &group->ensemble);
    hf_html_cell_count(out, group->seeds);
    hf_html_cell_interval(out, measured->value, measured->lower, measured->upper, 4);
    hf_html_cell_interval(out, predicted->value, predicted->lower, predicted->upper, 4);
    for (size_t b = 0; b < HF_BOUNDS; b++)
        hf_html_cell(out, group->bound[b * chaos->times + group->last], 3);
    write_bounds_badge(out, group);
    fputs("</tr>\n", out);
}

static void write_coupling(FILE *out, const hf_chaos *chaos) {
    static const char *const columns[] = {"#<i>N</i>", "#step",     "#batch",
                                          "#seeds",    "#measured", "#prediction"};
    fputs(
        "<p>The coupling error is the distance, root mean square over heads and seeds, of <i>N</i> heads "
        "trained by SGD from copies that start with them and follow the potential of the density. The bound "
        "called leading is of leading order in <i>N</i> and promises nothing at finite <i>N</i>.</p>\n",
        out);
    hf_html_table_begin(out, "Coupling error at the last time, with 95 % intervals, and its bounds");
    hf_html_columns(out, sizeof columns / sizeof *columns, columns);
    for (size_t b = 0; b < HF_BOUNDS; b++)
        fprintf(out, "<th scope=\"col\" class=\"n\">%s</th>", hf_bound_names[b]);
    hf_html_columns(out, 1, (const char *const[]){"bounds at all times"});
    hf_html_rows(out);
    for (size_t k = 0; k < chaos->groups; k++)
        write_group(out, chaos, &chaos->group[k]);
    hf_html_table_end(out);
}

/* ---- powers and the static bound -------------------------------------------------------------------- */

static void write_slopes(FILE *out, const hf_chaos *chaos) {
    static const char *const columns[] = {"#<i>N</i>", "#step",     "#batch",     "error",
                                          "power of",  "#measured", "#prediction"};
    if (!chaos->has_prediction || chaos->slopes == 0)
        return;
    hf_html_table_begin(out, "Powers that errors follow at the last time, where one is predicted");
    hf_html_columns(out, sizeof columns / sizeof *columns, columns);
    hf_html_rows(out);
    for (size_t k = 0; k < chaos->slopes; k++) {
        const hf_chaos_slope *slope = &chaos->slope[k];
        if (isnan(slope->predicted))
            continue;
        fputs("<tr>", out);
        write_ensemble(out, &slope->fixed);
        fputs("<td>", out);
        hf_html_text(out, chaos->quantity[slope->quantity].long_name);
        fprintf(out, "</td><td>%s</td>", slope->in_step ? "step" : "<i>N</i>");
        hf_html_cell_interval(out, slope->measured.value, slope->measured.lower, slope->measured.upper, 3);
        hf_html_cell(out, slope->predicted, 3);
        fputs("</tr>\n", out);
    }
    hf_html_table_end(out);
}

static void write_statics(FILE *out, const hf_chaos *chaos) {
    static const char *const columns[] = {
        "#<i>N</i>", "#draws", "#measured [nat]", "#leading", "#bound σ²/(4<i>N</i>)", "bound"};
    if (chaos->statics == 0)
        return;
    hf_html_table_begin(out, "Risk of <i>N</i> heads drawn from the density above that of the density");
    hf_html_columns(out, sizeof columns / sizeof *columns, columns);
    hf_html_rows(out);
    for (size_t k = 0; k < chaos->statics; k++) {
        const hf_static_record *record = &chaos->fixed[k];
        bool held = !hf_report_static_violated(record);
        fputs("<tr>", out);
        hf_html_cell_count(out, record->heads);
        hf_html_cell_count(out, record->draws);
        hf_html_cell_interval(out, record->measured.value, record->measured.lower, record->measured.upper, 4);
        hf_html_cell(out, record->leading, 4);
        hf_html_cell(out, record->bound, 4);
        fputs("<td>", out);
        hf_html_badge(out, held ? HF_TONE_GOOD : HF_TONE_BAD, held ? "holds" : "violated");
        fputs("</td></tr>\n", out);
    }
    hf_html_table_end(out);
}

static hf_status write_section(hf_error *error, const hf_page *page) {
    (void)error;
    const hf_chaos *chaos = page->report->chaos;
    write_coupling(page->out, chaos);
    write_slopes(page->out, chaos);
    write_statics(page->out, chaos);
    return HF_OK;
}

const hf_report_section hf_section_chaos = {"chaos", "Trained heads against the density", has_chaos,
                                            write_section};
