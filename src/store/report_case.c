/* The case file as it was run, and where the numbers of a report come from. */
#include "store/report.h"
#include "store/solution.h"

#include <stdlib.h>
#include <string.h>

/* ---- the case --------------------------------------------------------------------------------------- */

static hf_status write_case(hf_error *error, const hf_page *page) {
    (void)error;
    fputs("<pre><code>", page->out);
    hf_html_text(page->out, hf_solution_case(page->report->solution));
    fputs("</code></pre>\n", page->out);
    return HF_OK;
}

const hf_report_section hf_section_case = {"case", "The case file", NULL, write_case};

/* ---- provenance ------------------------------------------------------------------------------------- */

static hf_status write_text(hf_error *error, const hf_page *page, const char *what, const char *attribute) {
    char *text;
    const hf_dataset *dataset = hf_solution_dataset(page->report->solution);
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, attribute, &text));
    hf_report_fact_begin(page->out, what);
    hf_html_text(page->out, text);
    hf_report_fact_end(page->out, NULL);
    free(text);
    return HF_OK;
}

static hf_status write_number(hf_error *error, const hf_page *page, const char *what, const char *attribute) {
    double value;
    const hf_dataset *dataset = hf_solution_dataset(page->report->solution);
    HF_TRY(hf_dataset_get_number(error, dataset, attribute, &value));
    hf_report_fact_begin(page->out, what);
    hf_html_parameter(page->out, value);
    hf_report_fact_end(page->out, NULL);
    return HF_OK;
}

static hf_status write_facts(hf_error *error, const hf_page *page) {
    static const char *const texts[][2] = {{"Written", "history"},
                                           {"Program", "source"},
                                           {"Libraries", "libraries"},
                                           {"Time method", "time_method"}};
    static const char *const numbers[][2] = {{"Relative tolerance", "rtol"},
                                             {"Absolute tolerance", "atol"},
                                             {"Steps", "solver_steps"},
                                             {"Right-hand sides", "solver_evaluations"},
                                             {"Failed error tests", "solver_error_failures"},
                                             {"Refused states", "solver_refused_states"},
                                             {"Linear iterations", "solver_linear_iterations"},
                                             {"Last step", "solver_last_step"},
                                             {"Seconds", "solver_seconds"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        HF_TRY(write_text(error, page, texts[i][0], texts[i][1]));
    if (hf_dataset_has_attribute(hf_solution_dataset(page->report->solution), "time_method"))
        HF_TRY(write_text(error, page, "Time method", "time_method")); /* older files lack it */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (hf_dataset_has_attribute(hf_solution_dataset(page->report->solution), numbers[i][1]))
            HF_TRY(write_number(error, page, numbers[i][0],
                                numbers[i][1])); /* deterministic ones lack seconds */
    return HF_OK;
}

/* A word of a shell command, in single quotes. */
static void write_quoted(FILE *out, const char *word, size_t length) {
    fputs("&#39;", out);
    for (size_t i = 0; i < length; i++)
        hf_html_text(out, word[i] == '\'' ? "'\\''" : (const char[]){word[i], '\0'});
    fputs("&#39;", out);
}

/* The overrides that the case file was run with stand at its end, a comment line each: "# --set KEY=VALUE".
 */
static void write_overrides(FILE *out, const char *text) {
    static const char mark[] = "\n# --set ";
    for (const char *at = strstr(text, mark); at != NULL; at = strstr(at, mark)) {
        at += strlen(mark);
        fputs(" --set ", out);
        write_quoted(out, at, strcspn(at, "\n"));
    }
}

static void write_commands(const hf_page *page) {
    const hf_solution *solution = page->report->solution;
    const char *name = hf_solution_name(solution);
    FILE *out = page->out;
    fputs("<h3>To make this page again</h3>\n<p>With the case file above as <code>", out);
    hf_html_text(out, name);
    fputs(".yaml</code>, beside the data files that it names:</p>\n<pre><code>headflow run ", out);
    hf_html_text(out, name);
    fputs(".yaml", out);
    write_overrides(out, hf_solution_case(solution));
    fputs("\nheadflow report output/", out);
    hf_html_text(out, name);
    fputs("</code></pre>\n", out);
}

static hf_status write_provenance(hf_error *error, const hf_page *page) {
    fputs("<dl class=\"facts brief\">\n", page->out);
    HF_TRY(write_facts(error, page));
    hf_report_fact_begin(page->out, "This page");
    fprintf(page->out, "headflow %s", hf_version());
    hf_report_fact_end(page->out, NULL);
    fputs("</dl>\n", page->out);
    write_commands(page);
    return HF_OK;
}

const hf_report_section hf_section_provenance = {"provenance", "Provenance", NULL, write_provenance};
