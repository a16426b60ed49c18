/* A solution read back: solution.nc of docs/formats.md. The shape is read at once, large arrays on demand. */
#include "store/solution.h"

#include <math.h>
#include <stdlib.h>

struct hf_solution {
    hf_dataset *dataset;
    hf_grid *grid;
    char *name, *title, *case_text, *fingerprint; /* the last: NULL where the file does not say */
    double temperature;
    size_t events, classes;
    size_t times, logit_times;
    double *time, *logit_time; /* shapes (times), (logit_times) */
};

/* The axis of a coordinate variable: bounds of its first and last cell. */
static hf_status read_axis(hf_error *error, const hf_dataset *dataset, hf_axis *axis) {
    char *bounds, *boundary;
    double first[2], last[2];
    HF_TRY(hf_dataset_length(error, dataset, axis->name, &axis->cells));
    if (axis->cells < HF_CELLS_MIN)
        return hf_raise(error, HF_ERR_IO, "%s: axis '%s' has %zu cells; expected at least %d",
                        hf_dataset_path(dataset), axis->name, axis->cells, HF_CELLS_MIN);
    HF_TRY(hf_dataset_get_text(error, dataset, axis->name, "boundary", &boundary));
    axis->periodic = boundary[0] == 'p';
    free(boundary);
    HF_TRY(hf_dataset_get_text(error, dataset, axis->name, "bounds", &bounds));
    hf_status status = hf_dataset_get(error, dataset, bounds, 0, 1, 2, first);
    if (status == HF_OK)
        status = hf_dataset_get(error, dataset, bounds, axis->cells - 1, 1, 2, last);
    free(bounds);
    HF_TRY(status);
    axis->lower = first[0];
    axis->upper = last[1];
    return HF_OK;
}

hf_status hf_axes_read(hf_error *error, const hf_dataset *dataset, hf_grid **out) {
    *out = NULL;
    size_t dim;
    char names[HF_DIM_MAX][HF_NAME_MAX];
    hf_axis axes[HF_DIM_MAX] = {0};
    HF_TRY(hf_dataset_length(error, dataset, "coordinate", &dim));
    if (dim < 1 || dim > HF_DIM_MAX)
        return hf_raise(error, HF_ERR_IO, "%s: %zu head coordinates; expected 1 to %d",
                        hf_dataset_path(dataset), dim, HF_DIM_MAX);
    HF_TRY(hf_dataset_get_names(error, dataset, "coordinate", dim, names));
    for (size_t d = 0; d < dim; d++) {
        for (size_t i = 0; i < HF_NAME_MAX; i++)
            axes[d].name[i] = names[d][i];
        HF_TRY(read_axis(error, dataset, &axes[d]));
    }
    hf_error cause = {0};
    if (hf_grid_create(&cause, dim, axes, out) != HF_OK)
        return hf_raise(error, HF_ERR_IO, "%s: %s", hf_dataset_path(dataset), cause.message);
    return HF_OK;
}

/* An increasing time axis. */
static hf_status read_times(hf_error *error, const hf_dataset *dataset, const char *name, size_t *count,
                            double **out) {
    size_t lengths[HF_RANK_MAX];
    HF_TRY(hf_dataset_shape(error, dataset, name, (const char *const[]){name, NULL}, lengths));
    *count = lengths[0];
    HF_TRY(hf_array_create(error, *count, out));
    HF_TRY(hf_dataset_get(error, dataset, name, 0, *count, 1, *out));
    for (size_t i = 0; i < *count; i++)
        if (!isfinite((*out)[i]) || (i > 0 && (*out)[i] <= (*out)[i - 1]))
            return hf_raise(error, HF_ERR_IO, "%s: '%s' does not increase at entry %zu",
                            hf_dataset_path(dataset), name, i);
    return HF_OK;
}

static hf_status solution_open(hf_error *error, const char *path, hf_solution *solution) {
    HF_TRY(hf_dataset_open(error, path, &solution->dataset));
    const hf_dataset *dataset = solution->dataset;
    if (!hf_dataset_has(dataset, "density"))
        return hf_raise(error, HF_ERR_IO, "%s: holds no density; expected a solution.nc of headflow", path);
    HF_TRY(hf_axes_read(error, dataset, &solution->grid));
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, "name", &solution->name));
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, "title", &solution->title));
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, "case", &solution->case_text));
    if (hf_dataset_has_attribute(dataset, "problem"))
        HF_TRY(hf_dataset_get_text(error, dataset, NULL, "problem", &solution->fingerprint));
    HF_TRY(hf_dataset_get_number(error, dataset, "temperature", &solution->temperature));
    HF_TRY(hf_dataset_length(error, dataset, "event", &solution->events));
    HF_TRY(hf_dataset_length(error, dataset, "class", &solution->classes));
    HF_TRY(read_times(error, dataset, "time", &solution->times, &solution->time));
    if (solution->times == 0)
        return hf_raise(error, HF_ERR_IO, "%s: holds no output times", path);
    return read_times(error, dataset, "logit_time", &solution->logit_times, &solution->logit_time);
}

hf_status hf_solution_read(hf_error *error, const char *path, hf_solution **out) {
    *out = NULL;
    HF_TRY(hf_allocate(error, 1, sizeof **out, (void **)out));
    hf_status status = solution_open(error, path, *out);
    if (status != HF_OK)
        hf_solution_destroy(out);
    return status;
}

void hf_solution_destroy(hf_solution **solution) {
    if (solution == NULL || *solution == NULL)
        return;
    hf_dataset_destroy(&(*solution)->dataset);
    hf_grid_destroy(&(*solution)->grid);
    free((*solution)->name);
    free((*solution)->title);
    free((*solution)->case_text);
    free((*solution)->fingerprint);
    hf_array_destroy(&(*solution)->time);
    hf_array_destroy(&(*solution)->logit_time);
    free(*solution);
    *solution = NULL;
}

const hf_dataset *hf_solution_dataset(const hf_solution *solution) {
    return solution->dataset;
}

const char *hf_solution_name(const hf_solution *solution) {
    return solution->name;
}

const char *hf_solution_title(const hf_solution *solution) {
    return solution->title;
}

const char *hf_solution_case(const hf_solution *solution) {
    return solution->case_text;
}

const char *hf_solution_fingerprint(const hf_solution *solution) {
    return solution->fingerprint;
}

double hf_solution_temperature(const hf_solution *solution) {
    return solution->temperature;
}

const hf_grid *hf_solution_grid(const hf_solution *solution) {
    return solution->grid;
}

size_t hf_solution_events(const hf_solution *solution) {
    return solution->events;
}

size_t hf_solution_classes(const hf_solution *solution) {
    return solution->classes;
}

const double *hf_solution_times(const hf_solution *solution, size_t *count) {
    *count = solution->times;
    return solution->time;
}

const double *hf_solution_logit_times(const hf_solution *solution, size_t *count) {
    *count = solution->logit_times;
    return solution->logit_time;
}

bool hf_solution_has(const hf_solution *solution, const char *name) {
    return hf_dataset_has(solution->dataset, name);
}

hf_status hf_solution_series(hf_error *error, const hf_solution *solution, const char *name, size_t width,
                             double *values) {
    return hf_dataset_get(error, solution->dataset, name, 0, solution->times, width, values);
}

hf_status hf_solution_density(hf_error *error, const hf_solution *solution, size_t index, double *rho) {
    return hf_dataset_get(error, solution->dataset, "density", index, 1, hf_grid_cells(solution->grid), rho);
}

hf_status hf_solution_logits(hf_error *error, const hf_solution *solution, size_t first, size_t count,
                             double *logits) {
    return hf_dataset_get(error, solution->dataset, "logits", first, count,
                          solution->events * solution->classes, logits);
}
