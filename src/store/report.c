/* report.html: one page about a solved case. docs/formats.md, section 11. The page is made in memory and put
 * in place at once, so that a failure leaves nothing, or the page that was there. */
#include "store/report.h"
#include "store/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const hf_report_section *const sections[] = {
    &hf_section_numbers,    &hf_section_verdicts, &hf_section_figures,  &hf_section_optimum,
    &hf_section_diracs,     &hf_section_goal,     &hf_section_approach, &hf_section_chaos,
    &hf_section_refinement, &hf_section_equation, &hf_section_case,     &hf_section_provenance,
};
enum { SECTION_COUNT = sizeof sections / sizeof *sections };

/* ---- the page --------------------------------------------------------------------------------------- */

static bool applies(const hf_report_section *section, const hf_page *page) {
    return section->applies == NULL || section->applies(page);
}

static void write_head(const hf_page *page) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          page->out);
    hf_html_text(page->out, hf_solution_title(page->report->solution));
    fprintf(page->out,
            " – headflow</title>\n<meta name=\"generator\" content=\"headflow %s\">\n<style>\n%s</style>\n"
            "</head>\n<body>\n",
            hf_version(), hf_report_style);
}

static void write_contents(const hf_page *page) {
    fputs("<nav aria-label=\"Contents\">\n<ul>\n", page->out);
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (applies(sections[i], page))
            fprintf(page->out, "<li><a href=\"#%s\">%s</a></li>\n", sections[i]->id, sections[i]->title);
    fputs("</ul>\n</nav>\n", page->out);
}

static hf_status write_section(hf_error *error, const hf_report_section *section, const hf_page *page) {
    fprintf(page->out, "<section id=\"%s\">\n<h2>%s</h2>\n", section->id, section->title);
    HF_TRY(section->write(error, page));
    fputs("</section>\n", page->out);
    return HF_OK;
}

static hf_status write_page(hf_error *error, const hf_page *page) {
    write_head(page);
    hf_report_write_summary(page);
    write_contents(page);
    fputs("<main>\n", page->out);
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (applies(sections[i], page))
            HF_TRY(write_section(error, sections[i], page));
    fputs("</main>\n</body>\n</html>\n", page->out);
    return HF_OK;
}

/* The page as text; free it with free(). */
static hf_status make_page(hf_error *error, const hf_report *report, char **text, size_t *length) {
    hf_page page = {.report = report};
    HF_TRY(hf_report_gather(error, report, &page.facts));
    page.out = open_memstream(text, length);
    if (page.out == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "report: no memory for the page");
    hf_status status = write_page(error, &page);
    bool good = ferror(page.out) == 0;
    good = fclose(page.out) == 0 && good;
    if (status == HF_OK && !good)
        status = hf_raise(error, HF_ERR_MEMORY, "report: no memory for the page");
    return status;
}

/* ---- the file --------------------------------------------------------------------------------------- */

static bool fill(FILE *file, const char *text, size_t length) {
    bool good = fwrite(text, 1, length, file) == length && fflush(file) == 0 && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && good;
}

hf_status hf_report_put(hf_error *error, const char *path, const char *text, size_t length) {
    char *partial;
    HF_TRY(hf_folder_create_for(error, path));
    size_t size = strlen(path) + sizeof ".part";
    HF_TRY(hf_allocate(error, size, 1, &partial));
    snprintf(partial, size, "%s.part", path);
    FILE *file = fopen(partial, "w");
    hf_status status = HF_OK;
    if (file == NULL || !fill(file, text, length) || rename(partial, path) != 0) {
        status = hf_raise(error, HF_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
        if (file != NULL)
            unlink(partial);
    }
    free(partial);
    return status;
}

hf_status hf_report_write(hf_error *error, const char *path, const hf_report *report) {
    char *text = NULL;
    size_t length;
    hf_status status = make_page(error, report, &text, &length);
    if (status == HF_OK)
        status = hf_report_put(error, path, text, length);
    free(text);
    return status;
}
