/* report.html of a study of attention paths. docs/paths.md, section 4. */
#include "store/dataset.h"
#include "store/paths_file.h"
#include "store/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct paths_page {
    FILE *out;
    const char *path; /* of paths.nc */
    const hf_paths_record *record;
    const hf_dataset *dataset;
} paths_page;

/* ---- the head --------------------------------------------------------------------------------------- */

/* The network of the best mean accuracy. */
static size_t find_best(const hf_paths_record *r) {
    size_t best = 0;
    double mean, deviation, highest = -1;
    for (size_t k = 0; k < r->networks; k++) {
        hf_paths_record_spread(r, r->accuracy, k, &mean, &deviation);
        if (mean > highest) {
            highest = mean;
            best = k;
        }
    }
    return best;
}

static void write_widths(const paths_page *p, size_t network) {
    char widths[HF_PATHS_WIDTHS_TEXT];
    hf_paths_record_widths(p->record, network, widths);
    hf_html_text(p->out, widths);
}

static double worst_residual(const hf_paths_record *r) {
    double worst = 0;
    for (size_t i = 0; i < r->seeds * r->networks; i++)
        worst = fmax(worst, r->residual[i]); /* the limit's are NAN */
    return worst;
}

static void write_verdict(const paths_page *p) {
    const hf_paths_record *r = p->record;
    double mean, limit, deviation, worst = worst_residual(r);
    size_t best = find_best(r);
    hf_paths_record_spread(r, r->accuracy, best, &mean, &deviation);
    hf_paths_record_spread(r, r->accuracy, r->networks - 1, &limit, &deviation);
    fputs("<p class=\"overall\">", p->out);
    hf_html_badge(p->out, worst <= HF_PATHS_TOLERANCE ? HF_TONE_GOOD : HF_TONE_BAD,
                  worst <= HF_PATHS_TOLERANCE ? "Solved" : "Not solved");
    fputs(" <span>Every order parameter is a stationary point of its action to ", p->out);
    hf_html_number(p->out, worst, 2);
    fputs(" of the width or the number of examples. ", p->out);
    if (isnan(r->accuracy[0])) {
        fputs("Test labels are not all +1 or −1: there is no accuracy of signs.</span></p>\n", p->out);
        return;
    }
    if (best + 1 < r->networks) {
        fputs("Width ", p->out);
        write_widths(p, best);
        fputs(" predicts best: ", p->out);
    } else {
        fputs("The Gaussian limit predicts best: ", p->out);
    }
    hf_html_number(p->out, 100 * mean, 3);
    fputs(" % of the signs, ", p->out);
    hf_html_number(p->out, 100 * limit, 3);
    fputs(" % in the Gaussian limit.</span></p>\n", p->out);
}

static void write_head(const paths_page *p) {
    const hf_paths_record *r = p->record;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          p->out);
    hf_html_text(p->out, r->title);
    fprintf(p->out,
            " – headflow</title>\n<meta name=\"generator\" content=\"headflow %s\">\n<style>\n%s</style>\n"
            "</head>\n<body>\n<header>\n<p class=\"kind\">headflow report · case <b>",
            hf_version(), hf_report_style);
    hf_html_text(p->out, r->name);
    fputs("</b></p>\n<h1>", p->out);
    hf_html_text(p->out, r->title);
    fprintf(
        p->out,
        "</h1>\n<p>A network of %zu layers of attention with %zu paths, %zu training and %zu test examples, "
        "%zu draw%s of the data.</p>\n",
        r->network.layers, r->paths, r->train, r->test, r->seeds, r->seeds > 1 ? "s" : "");
    write_verdict(p);
    fputs("</header>\n<main>\n", p->out);
}

/* ---- sections --------------------------------------------------------------------------------------- */

static void write_width_cell(const paths_page *p, size_t network) {
    fputs("<tr><th scope=\"row\">", p->out);
    if (isinf(p->record->width[network]))
        fputs("Gaussian limit", p->out);
    else
        write_widths(p, network);
    fputs("</th>", p->out);
}

static hf_status write_numbers(hf_error *error, const paths_page *p) {
    (void)error;
    static const char *const columns[] = {"width", "#accuracy [%]", "#standard deviation",
                                          "#mean square error", "#largest residual"};
    const hf_paths_record *r = p->record;
    hf_html_table_begin(p->out, "Test accuracy against the width, over draws");
    hf_html_columns(p->out, sizeof columns / sizeof *columns, columns);
    hf_html_rows(p->out);
    for (size_t k = 0; k < r->networks; k++) {
        double mean, deviation, error_mean, ignored, residual = NAN;
        hf_paths_record_spread(r, r->accuracy, k, &mean, &deviation);
        hf_paths_record_spread(r, r->error, k, &error_mean, &ignored);
        for (size_t s = 0; s < r->seeds; s++)
            residual = fmax(residual, r->residual[s * r->networks + k]);
        write_width_cell(p, k);
        hf_html_cell(p->out, 100 * mean, 4);
        hf_html_cell(p->out, 100 * deviation, 2);
        hf_html_cell(p->out, error_mean, 3);
        hf_html_cell(p->out, residual, 2);
        fputs("</tr>\n", p->out);
    }
    hf_html_table_end(p->out);
    return HF_OK;
}

static hf_status write_scores(hf_error *error, const paths_page *p) {
    (void)error;
    const hf_paths_record *r = p->record;
    hf_html_table_begin(p->out, "Score of a head, mean over draws: the share of the order parameter that it "
                                "carries, the largest of a draw being 1");
    fputs("<th scope=\"col\">width</th>", p->out);
    for (size_t l = 0; l < r->network.layers; l++)
        for (size_t h = 0; h < r->network.heads[l]; h++)
            fprintf(p->out, "<th scope=\"col\" class=\"n\">layer %zu, head %zu</th>", l + 1, h + 1);
    hf_html_rows(p->out);
    for (size_t k = 0; k < r->networks; k++) {
        write_width_cell(p, k);
        for (size_t h = 0; h < r->heads; h++)
            hf_html_cell(p->out, r->scores[k * r->heads + h], 3);
        fputs("</tr>\n", p->out);
    }
    hf_html_table_end(p->out);
    return HF_OK;
}

static hf_status write_figures(hf_error *error, const paths_page *p) {
    static const hf_caption captions[] = {
        {"paths_order", "Maps of the order parameter",
         "The order parameter <i>U</i><sub>1</sub>, mean over draws, by pairs of paths; a path is the heads "
         "on "
         "it, first layer first. Each map has a scale of its own, its maximum above it."},
        {"paths_accuracy", "Accuracy against the width",
         "Test accuracy against the width, mean and standard deviation over draws; the Gaussian limit in "
         "grey."},
        {"paths_alignment", "Alignment of the kernel",
         "How the leading eigenvectors of the kernel align with the labels, mean over draws."},
        {"paths_pruning", "Accuracy with silenced heads",
         "Test accuracy as heads are silenced in order of their scores; the last head of a layer stays."},
    };
    return hf_report_figures_of(error, p->out, p->path, sizeof captions / sizeof *captions, captions);
}

static hf_status write_attribute(hf_error *error, const paths_page *p, const char *attribute) {
    char *text;
    HF_TRY(hf_dataset_get_text(error, p->dataset, NULL, attribute, &text));
    hf_html_text(p->out, text);
    free(text);
    return HF_OK;
}

static hf_status write_case(hf_error *error, const paths_page *p) {
    fputs("<pre><code>", p->out);
    HF_TRY(write_attribute(error, p, "case"));
    fputs("</code></pre>\n", p->out);
    return HF_OK;
}

static hf_status write_provenance(hf_error *error, const paths_page *p) {
    static const char *const facts[][2] = {
        {"Written", "history"}, {"Program", "source"}, {"Libraries", "libraries"}};
    fputs("<dl class=\"facts brief\">\n", p->out);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        hf_report_fact_begin(p->out, facts[i][0]);
        HF_TRY(write_attribute(error, p, facts[i][1]));
        hf_report_fact_end(p->out, NULL);
    }
    fputs("</dl>\n", p->out);
    return HF_OK;
}

/* ---- the page --------------------------------------------------------------------------------------- */

static const struct {
    const char *id, *title;
    hf_status (*write)(hf_error *error, const paths_page *p);
} sections[] = {
    {"numbers", "Widths", write_numbers},
    {"figures", "Figures", write_figures},
    {"heads", "Heads", write_scores},
    {"case", "The case file", write_case},
    {"provenance", "Provenance", write_provenance},
};

static hf_status write_page(hf_error *error, const paths_page *p) {
    write_head(p);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        fprintf(p->out, "<section id=\"%s\">\n<h2>%s</h2>\n", sections[i].id, sections[i].title);
        HF_TRY(sections[i].write(error, p));
        fputs("</section>\n", p->out);
    }
    fputs("</main>\n</body>\n</html>\n", p->out);
    return HF_OK;
}

static hf_status make_page(hf_error *error, paths_page *p, char **text, size_t *length) {
    p->out = open_memstream(text, length);
    if (p->out == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "report: no memory for the page");
    hf_status status = write_page(error, p);
    bool good = ferror(p->out) == 0;
    good = fclose(p->out) == 0 && good;
    return status == HF_OK && !good ? hf_raise(error, HF_ERR_MEMORY, "report: no memory for the page")
                                    : status;
}

hf_status hf_paths_report_write(hf_error *error, const char *path, const char *page) {
    hf_paths_record *record = NULL;
    hf_dataset *dataset;
    char *text = NULL;
    size_t length;
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = hf_paths_record_read(error, path, &record);
    if (status == HF_OK)
        status = make_page(error, &(paths_page){.path = path, .record = record, .dataset = dataset}, &text,
                           &length);
    if (status == HF_OK)
        status = hf_report_put(error, page, text, length);
    free(text);
    hf_paths_record_destroy(&record);
    hf_dataset_destroy(&dataset);
    return status;
}
