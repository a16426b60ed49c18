/* Figures of output files: which there are, and the files that each leaves. docs/formats.md, "Figures". */
#include "store/dataset.h"
#include "store/figure.h"
#include "store/gnuplot.h"
#include "store/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const hf_figure *const figures[] = {
    &hf_figure_density_curves, &hf_figure_density_maps, &hf_figure_risk,
    &hf_figure_energy,         &hf_figure_convergence,
};
enum { FIGURE_COUNT = sizeof figures / sizeof *figures };

/* ---- one figure ------------------------------------------------------------------------------------- */

static hf_status text_open(hf_error *error, const char *folder, const char *name, const char *ending,
                           FILE **out) {
    char file[64], *path;
    snprintf(file, sizeof file, "%s.%s", name, ending);
    HF_TRY(hf_path_join(error, folder, file, &path));
    *out = fopen(path, "w");
    hf_status status = HF_OK;
    if (*out == NULL)
        status = hf_raise(error, HF_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    free(path);
    return status;
}

/* Close what was opened; a full disk shows here at the latest. */
static bool text_close(FILE *file) {
    bool good = file != NULL && ferror(file) == 0;
    return (file == NULL || fclose(file) == 0) && good;
}

static hf_status draw_one(hf_error *error, const hf_figure *figure, const hf_figure_source *source,
                          const char *folder) {
    FILE *data = NULL, *script = NULL;
    hf_status status = text_open(error, folder, figure->name, "dat", &data);
    if (status == HF_OK)
        status = text_open(error, folder, figure->name, "gp", &script);
    if (status == HF_OK) {
        hf_gnuplot_begin(script, figure->name, figure->width, figure->height);
        status = figure->write(error, source, data, script);
        hf_gnuplot_end(script);
    }
    bool good = text_close(data);
    good = text_close(script) && good;
    HF_TRY(status);
    if (!good)
        return hf_raise(error, HF_ERR_IO, "%s: cannot write figure '%s': %s", folder, figure->name,
                        strerror(errno));
    return hf_gnuplot_run(error, folder, figure->name);
}

static hf_status draw_all(hf_error *error, const hf_figure_source *source, const char *folder) {
    HF_TRY(hf_folder_create(error, folder));
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        if (figures[i]->applies(source))
            HF_TRY(draw_one(error, figures[i], source, folder));
    }
    return HF_OK;
}

/* ---- one file --------------------------------------------------------------------------------------- */

static hf_status draw_solution(hf_error *error, const char *path, const char *folder) {
    hf_solution *solution;
    HF_TRY(hf_solution_read(error, path, &solution));
    hf_status status = draw_all(error, &(hf_figure_source){.solution = solution}, folder);
    hf_solution_destroy(&solution);
    return status;
}

static hf_status draw_refinement(hf_error *error, const char *path, const char *folder) {
    hf_refinement refinement;
    HF_TRY(hf_refinement_read(error, path, &refinement));
    return draw_all(error, &(hf_figure_source){.refinement = &refinement}, folder);
}

/* Files by what is in them: a variable that only they have. */
static const struct {
    const char *variable, *file;
    hf_status (*draw)(hf_error *error, const char *path, const char *folder);
} kinds[] = {
    {"density", "solution.nc", draw_solution},
    {"risk_error", "verify.nc", draw_refinement},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static hf_status draw_file(hf_error *error, const char *path, const char *folder) {
    hf_dataset *dataset;
    HF_TRY(hf_dataset_open(error, path, &dataset));
    size_t kind = 0;
    while (kind < KIND_COUNT && !hf_dataset_has(dataset, kinds[kind].variable))
        kind++;
    hf_dataset_destroy(&dataset);
    if (kind == KIND_COUNT)
        return hf_raise(error, HF_ERR_IO, "%s: nothing to draw; expected a solution.nc or a verify.nc", path);
    return kinds[kind].draw(error, path, folder);
}

/* The files of a folder that can be drawn, at least one. */
static hf_status draw_folder(hf_error *error, const char *path, const char *folder) {
    size_t drawn = 0;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        char *file;
        HF_TRY(hf_path_join(error, path, kinds[i].file, &file));
        bool there = access(file, F_OK) == 0;
        hf_status status = there ? draw_file(error, file, folder) : HF_OK;
        free(file);
        HF_TRY(status);
        drawn += there;
    }
    if (drawn == 0)
        return hf_raise(error, HF_ERR_IO, "%s: nothing to draw; expected a solution.nc or a verify.nc in it",
                        path);
    return HF_OK;
}

/* "figures" in a folder, or beside a file; free it with free(). */
static hf_status default_folder(hf_error *error, const char *path, bool is_folder, char **out) {
    if (is_folder)
        return hf_path_join(error, path, "figures", out);
    char *beside;
    HF_TRY(hf_path_folder(error, path, &beside));
    hf_status status = hf_path_join(error, beside, "figures", out);
    free(beside);
    return status;
}

hf_status hf_figures_draw(hf_error *error, const char *path, const char *folder) {
    struct stat info;
    bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    char *target;
    if (folder == NULL)
        HF_TRY(default_folder(error, path, is_folder, &target));
    else
        HF_TRY(hf_string_copy(error, folder, &target));
    hf_status status = (is_folder ? draw_folder : draw_file)(error, path, target);
    free(target);
    return status;
}
