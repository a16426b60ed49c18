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
    &hf_figure_density_curves,
    &hf_figure_density_maps,
    &hf_figure_risk,
    &hf_figure_energy,
    &hf_figure_convergence,
    &hf_figure_chaos_heads,
    &hf_figure_chaos_step,
    &hf_figure_chaos_time,
    &hf_figure_chaos_distances,
    &hf_figure_heads_over_density,
    &hf_figure_marginal,
    &hf_figure_marginals,
    &hf_figure_optimum_curve,
    &hf_figure_optimum_map,
    &hf_figure_optimum_row,
    &hf_figure_optimum_rows,
    &hf_figure_approach,
    &hf_figure_lojasiewicz,
    &hf_figure_tokens_density,
    &hf_figure_tokens_sphere,
    &hf_figure_tokens_energy,
    &hf_figure_tokens_growth,
    &hf_figure_paths_order,
    &hf_figure_paths_accuracy,
    &hf_figure_paths_alignment,
    &hf_figure_paths_pruning,
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

static hf_status draw_tokens(hf_error *error, const char *path, const char *folder) {
    hf_tokens_solution solution;
    hf_status status = hf_tokens_solution_read(error, path, &solution);
    if (status == HF_OK)
        status = draw_all(error, &(hf_figure_source){.tokens = &solution}, folder);
    hf_tokens_solution_clear(&solution);
    return status;
}

static hf_status draw_refinement(hf_error *error, const char *path, const char *folder) {
    hf_refinement refinement;
    HF_TRY(hf_refinement_read(error, path, &refinement));
    return draw_all(error, &(hf_figure_source){.refinement = &refinement}, folder);
}

static hf_status draw_minimum(hf_error *error, const char *path, const char *folder) {
    hf_minimum minimum;
    HF_TRY(hf_minimum_read(error, path, &minimum));
    hf_status status = draw_all(error, &(hf_figure_source){.minimum = &minimum}, folder);
    hf_minimum_clear(&minimum);
    return status;
}

static hf_status draw_settling(hf_error *error, const char *path, const char *folder) {
    hf_settling settling;
    HF_TRY(hf_settling_read(error, path, &settling));
    hf_status status = draw_all(error, &(hf_figure_source){.settling = &settling}, folder);
    hf_settling_clear(&settling);
    return status;
}

static hf_status draw_paths(hf_error *error, const char *path, const char *folder) {
    hf_paths_record *record;
    HF_TRY(hf_paths_record_read(error, path, &record));
    hf_status status = draw_all(error, &(hf_figure_source){.paths = record}, folder);
    hf_paths_record_destroy(&record);
    return status;
}

/* A file beside another; NULL where there is none. On the heap. */
static hf_status find_beside(hf_error *error, const char *path, const char *name, char **out) {
    char *folder;
    HF_TRY(hf_path_folder(error, path, &folder));
    hf_status status = hf_path_join(error, folder, name, out);
    free(folder);
    if (status == HF_OK && access(*out, F_OK) != 0) {
        free(*out);
        *out = NULL;
    }
    return status;
}

/* What was compared, where it is beside the comparison. */
static hf_status read_compared(hf_error *error, const char *solution_path, const char *trained_path,
                               hf_solution **solution, hf_trajectories **trained) {
    const char *names[HF_DIM_MAX];
    if (solution_path == NULL || trained_path == NULL)
        return HF_OK;
    HF_TRY(hf_solution_read(error, solution_path, solution));
    const hf_grid *grid = hf_solution_grid(*solution);
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        names[d] = hf_grid_axis(grid, d)->name;
    return hf_trajectories_read(error, trained_path, hf_grid_dim(grid), names, trained);
}

static hf_status read_names(hf_error *error, const char *path, char **name, char **title) {
    hf_dataset *dataset;
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = hf_dataset_get_text(error, dataset, NULL, "name", name);
    if (status == HF_OK)
        status = hf_dataset_get_text(error, dataset, NULL, "title", title);
    hf_dataset_destroy(&dataset);
    return status;
}

static hf_status draw_chaos(hf_error *error, const char *path, const char *folder) {
    char *name = NULL, *title = NULL, *solution_path = NULL, *trained_path = NULL;
    hf_chaos *chaos = NULL;
    hf_solution *solution = NULL;
    hf_trajectories *trained = NULL;
    hf_status status = read_names(error, path, &name, &title);
    if (status == HF_OK)
        status = hf_chaos_read(error, path, &chaos);
    if (status == HF_OK)
        status = find_beside(error, path, "solution.nc", &solution_path);
    if (status == HF_OK)
        status = find_beside(error, path, "particles.nc", &trained_path);
    if (status == HF_OK)
        status = read_compared(error, solution_path, trained_path, &solution, &trained);
    if (status == HF_OK)
        status =
            draw_all(error,
                     &(hf_figure_source){
                         .chaos = chaos, .name = name, .title = title, .limit = solution, .trained = trained},
                     folder);
    hf_trajectories_destroy(&trained);
    hf_solution_destroy(&solution);
    hf_chaos_destroy(&chaos);
    free(trained_path);
    free(solution_path);
    free(title);
    free(name);
    return status;
}

/* Files by what is in them: a variable, or a global attribute, that only they and those after them have. */
static const struct {
    const char *variable, *attribute, *file;
    hf_status (*draw)(hf_error *error, const char *path, const char *folder);
} kinds[] = {
    {NULL, "minimises", "optimum.nc", draw_minimum},     {NULL, "starts", "limit.nc", draw_settling},
    {"interaction", NULL, "solution.nc", draw_tokens},   {"density", NULL, "solution.nc", draw_solution},
    {"risk_error", NULL, "verify.nc", draw_refinement},  {NULL, "quantities", "chaos.nc", draw_chaos},
    {"order_parameter_1", NULL, "paths.nc", draw_paths},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };
static const char DRAWN[] = "a solution.nc, verify.nc, chaos.nc, optimum.nc, limit.nc or paths.nc";

static bool is_of_kind(const hf_dataset *dataset, size_t kind) {
    return kinds[kind].variable != NULL ? hf_dataset_has(dataset, kinds[kind].variable)
                                        : hf_dataset_has_attribute(dataset, kinds[kind].attribute);
}

/* A limit.nc without a course. */
static bool is_of_case(const hf_dataset *dataset) {
    return hf_dataset_has_attribute(dataset, "starts") && !hf_dataset_has_dimension(dataset, "time");
}

static hf_status draw_file(hf_error *error, const char *path, const char *folder) {
    hf_dataset *dataset;
    HF_TRY(hf_dataset_open(error, path, &dataset));
    size_t kind = 0;
    while (kind < KIND_COUNT && !is_of_kind(dataset, kind))
        kind++;
    bool alone = is_of_case(dataset);
    hf_dataset_destroy(&dataset);
    if (alone)
        return hf_raise(error, HF_ERR_IO, "%s: nothing to draw: it is of a case, not of a solution", path);
    if (kind == KIND_COUNT)
        return hf_raise(error, HF_ERR_IO, "%s: nothing to draw; expected %s", path, DRAWN);
    return kinds[kind].draw(error, path, folder);
}

/* Whether a file is a limit.nc without a course; whatever else is wrong with it shows when it is drawn. */
static bool draws_nothing(const char *path) {
    hf_error none = {0};
    hf_dataset *dataset;
    if (hf_dataset_open(&none, path, &dataset) != HF_OK)
        return false;
    bool alone = is_of_case(dataset);
    hf_dataset_destroy(&dataset);
    return alone;
}

/* One of the files that can be drawn, where it is there. A limit.nc of a case is left out, and said to be
 * `idle`. */
static hf_status draw_member(hf_error *error, const char *path, const char *name, const char *folder,
                             size_t *drawn, size_t *idle) {
    char *file;
    HF_TRY(hf_path_join(error, path, name, &file));
    bool there = access(file, F_OK) == 0, nothing = there && draws_nothing(file);
    hf_status status = there && !nothing ? draw_file(error, file, folder) : HF_OK;
    free(file);
    *drawn += there && !nothing;
    *idle += nothing;
    return status;
}

/* The files of a folder that can be drawn, at least one. */
static hf_status draw_folder(hf_error *error, const char *path, const char *folder) {
    size_t drawn = 0, idle = 0;
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (i == 0 ||
            strcmp(kinds[i].file, kinds[i - 1].file) != 0) /* models share the name of their solution */
            HF_TRY(draw_member(error, path, kinds[i].file, folder, &drawn, &idle));
    if (drawn == 0 && idle > 0)
        return hf_raise(error, HF_ERR_IO, "%s/limit.nc: nothing to draw: it is of a case, not of a solution",
                        path);
    if (drawn == 0)
        return hf_raise(error, HF_ERR_IO, "%s: nothing to draw; expected %s in it", path, DRAWN);
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
