/* The figures of a report: those of `headflow figures`, drawn in a temporary folder and set into the page. */
#include "store/path.h"
#include "store/report.h"
#include "store/report_svg.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double wide = 450; /* [px]: a figure that takes the whole width of the page */

/* ---- what they show --------------------------------------------------------------------------------- */

typedef struct caption {
    const char *name;
    size_t dim;  /* of the density; 0: any */
    int thermal; /* -1: any; 0: without a temperature; 1: with one */
    const char *title, *markup;
} caption;

static const caption captions[] = {
    {"density", 1, -1, "The density at six times", "The density of heads at six times."},
    {"density", 2, -1, "Maps of the density at six times",
     "The density of heads at six times. Each map has a scale of its own, its maximum above it; colours go "
     "with the square root of the density."},
    {"density", 3, -1, "Marginals of the density at the first and the last time",
     "Marginals of the density for the three pairs of coordinates, at the first and the last time. Each has "
     "a scale of its own, its maximum above it."},
    {"density", 4, -1, "Marginals of the density at the last time",
     "Marginals of the density for the six pairs of coordinates at the last time. Each has a scale of its "
     "own, its maximum above it."},
    {"risk", 0, 0, "Risk and gap over time",
     "The risk; below it the gap, a certified upper bound of its distance from the minimum."},
    {"risk", 0, 1, "Free energy and gap over time",
     "The free energy; below it the gap, a certified upper bound of its distance from the minimum."},
    {"energy", 0, -1, "Dissipation and energy balance over time",
     "The dissipation <i>D</i>; below it the balance of energy, which the scheme keeps at zero but for the "
     "integration in time."},
    {"optimum", 0, 0, "The potential of the minimiser, and its atoms",
     "The minimum: the potential of the minimiser less its lowest value, and its atoms, whose areas are "
     "their masses."},
    {"optimum", 0, 1, "The density of least free energy", "The minimum: the density of least free energy."},
    {"approach", 0, -1, "The approach to the limit over time",
     "Distance from the limit of what falls, and the dissipation, over time; beside them the decay that is "
     "fitted and the one that gradient domination promises."},
    {"lojasiewicz", 0, -1, "Dissipation against the distance from the limit",
     "The dissipation against the distance from the limit. The slope is Łojasiewicz’s exponent 2<i>θ</i>."},
    {"convergence", 0, -1, "Errors against the width of the cells",
     "Errors of the refinement study against the width of the cells; the expected order in grey, the "
     "reference’s own errors dashed."},
    {"chaos_heads", 0, -1, "Coupling error against the number of heads",
     "The coupling error of trained heads against their number <i>N</i>: measured with intervals, predicted, "
     "and bounded."},
    {"chaos_step", 0, -1, "Coupling error against the step",
     "The same against the step of SGD, for the largest <i>N</i>."},
    {"chaos_time", 0, -1, "Coupling error over time",
     "The coupling error over time for the largest <i>N</i>, with its prediction and its bounds."},
    {"chaos_distances", 0, -1, "Distances of heads and density against the number of heads",
     "The logit error and distances of the heads to the density at the last time; the grid’s own errors "
     "dashed, where they are in sight."},
    {"heads", 0, -1, "Heads over the density",
     "Trained heads over the density at the first and the last time and halfway."},
    {"marginals", 0, -1, "Histograms of the heads and marginals of the density",
     "Histograms of all heads of the largest ensemble at the last time, and the marginals of the density."},
};
enum { CAPTIONS = sizeof captions / sizeof *captions };

/* ---- the temporary folder --------------------------------------------------------------------------- */

static hf_status create_folder(hf_error *error, char **out) {
    const char *place = getenv("TMPDIR");
    HF_TRY(hf_path_join(error, place != NULL && place[0] == '/' ? place : "/tmp", "headflow-report-XXXXXX",
                        out));
    if (mkdtemp(*out) != NULL)
        return HF_OK;
    hf_raise(error, HF_ERR_IO, "%s: cannot create a temporary folder: %s", *out, strerror(errno));
    free(*out);
    *out = NULL;
    return HF_ERR_IO;
}

/* It has files only. What cannot be removed is left: the report is none the worse for it. */
static void remove_folder(const char *folder) {
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory != NULL)
        closedir(directory);
    rmdir(folder);
}

/* Draw the figures of a file that lies beside the solution. */
static hf_status draw_beside(hf_error *error, const char *path, const char *name, const char *folder) {
    char *home, *file = NULL;
    HF_TRY(hf_path_folder(error, path, &home));
    hf_status status = hf_path_join(error, home, name, &file);
    if (status == HF_OK)
        status = hf_figures_draw(error, file, folder);
    free(file);
    free(home);
    return status;
}

static hf_status draw_minimum(hf_error *error, const hf_report *report, const char *file,
                              const char *folder) {
    const hf_problem *problem = report->solved->problem;
    const char *text = hf_solution_case(report->solution);
    if (report->rest->has_optimum)
        HF_TRY(hf_optimum_write(error, file, problem, text, &report->rest->optimum));
    else if (report->rest->has_gibbs)
        HF_TRY(hf_gibbs_write(error, file, problem, text, &report->rest->gibbs));
    else
        return HF_OK;
    return hf_figures_draw(error, file, folder);
}

static hf_status draw_settling(hf_error *error, const hf_report *report, const char *file,
                               const char *folder) {
    const hf_solved *solved = report->solved;
    if (!report->rest->has_course)
        return HF_OK;
    HF_TRY(hf_rest_write(error, file, solved->problem, hf_solution_case(report->solution), solved,
                         report->rest));
    return hf_figures_draw(error, file, folder);
}

/* Figures of what the report has computed itself: drawn from files, which go to the same folder. */
static hf_status draw_computed(hf_error *error, const hf_report *report, const char *folder) {
    char *optimum = NULL, *limit = NULL;
    hf_status status = hf_path_join(error, folder, "optimum.nc", &optimum);
    if (status == HF_OK)
        status = draw_minimum(error, report, optimum, folder);
    if (status == HF_OK)
        status = hf_path_join(error, folder, "limit.nc", &limit);
    if (status == HF_OK)
        status = draw_settling(error, report, limit, folder);
    free(optimum);
    free(limit);
    return status;
}

static hf_status draw(hf_error *error, const hf_report *report, const char *folder) {
    HF_TRY(hf_figures_draw(error, report->path, folder));
    HF_TRY(draw_computed(error, report, folder));
    if (report->chaos != NULL)
        HF_TRY(draw_beside(error, report->path, "chaos.nc", folder));
    if (report->refinement != NULL)
        HF_TRY(draw_beside(error, report->path, "verify.nc", folder));
    return HF_OK;
}

/* ---- into the page ---------------------------------------------------------------------------------- */

/* The text of a file; NULL where there is none, as not every figure applies. On the heap. */
static hf_status read_text(hf_error *error, const char *folder, const char *name, char **out) {
    char file[64], *path;
    size_t length = 0;
    *out = NULL;
    snprintf(file, sizeof file, "%s.svg", name);
    HF_TRY(hf_path_join(error, folder, file, &path));
    FILE *in = fopen(path, "r");
    if (in != NULL && getdelim(out, &length, '\0', in) < 0) {
        free(*out);
        *out = NULL;
    }
    if (in != NULL)
        fclose(in);
    free(path);
    return HF_OK;
}

static hf_status write_figure(hf_error *error, FILE *out, const hf_caption *figure, const char *svg) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s-", figure->name);
    fprintf(out, "<figure%s>\n<div class=\"canvas\">\n", hf_svg_width(svg) > wide ? " class=\"wide\"" : "");
    HF_TRY(hf_svg_inline(error, out, svg, prefix, figure->title));
    fprintf(out, "</div>\n<figcaption>%s</figcaption>\n</figure>\n", figure->markup);
    return HF_OK;
}

static hf_status write_figures(hf_error *error, const hf_page *page, const char *folder) {
    size_t dim = hf_grid_dim(hf_problem_grid(page->report->solved->problem));
    HF_TRY(draw(error, page->report, folder));
    for (size_t i = 0; i < CAPTIONS; i++) {
        const caption *c = &captions[i];
        if ((c->dim != 0 && c->dim != dim) || (c->thermal >= 0 && c->thermal != page->facts.heated))
            continue;
        char *svg;
        HF_TRY(read_text(error, folder, c->name, &svg));
        const hf_caption shown = {c->name, c->title, c->markup};
        hf_status status = svg != NULL ? write_figure(error, page->out, &shown, svg) : HF_OK;
        free(svg);
        HF_TRY(status);
    }
    return HF_OK;
}

static hf_status write_section(hf_error *error, const hf_page *page) {
    char *folder;
    HF_TRY(create_folder(error, &folder));
    fputs("<div class=\"figures\">\n", page->out);
    hf_status status = write_figures(error, page, folder);
    fputs("</div>\n", page->out);
    remove_folder(folder);
    free(folder);
    return status;
}

static hf_status write_all(hf_error *error, FILE *out, const char *folder, size_t count,
                           const hf_caption shown[]) {
    for (size_t i = 0; i < count; i++) {
        char *svg;
        HF_TRY(read_text(error, folder, shown[i].name, &svg));
        hf_status status = svg != NULL ? write_figure(error, out, &shown[i], svg) : HF_OK;
        free(svg);
        HF_TRY(status);
    }
    return HF_OK;
}

hf_status hf_report_figures_of(hf_error *error, FILE *out, const char *path, size_t count,
                               const hf_caption shown[]) {
    char *folder;
    HF_TRY(create_folder(error, &folder));
    fputs("<div class=\"figures\">\n", out);
    hf_status status = hf_figures_draw(error, path, folder);
    if (status == HF_OK)
        status = write_all(error, out, folder, count, shown);
    fputs("</div>\n", out);
    remove_folder(folder);
    free(folder);
    return status;
}

const hf_report_section hf_section_figures = {"figures", "Figures", NULL, write_section};
