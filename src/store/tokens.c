/* solution.nc of a token flow: docs/tokens.md, section 5. */
#include "store/dataset.h"
#include "store/provenance.h"
#include <headflow/store.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 64 }; /* output times in a chunk of a series */

/* Members of a record as variables over time; `dim` behind it, of as many entries. */
typedef struct series {
    const char *name, *dim[2], *units, *long_name;
    size_t offset;
} series;

static const series all_series[] = {
    {"energy",
     {0},
     "1",
     "energy E e^{-|D|}, E = int int exp(x . D y) dmu dmu",
     offsetof(hf_tokens_record, energy)},
    {"power", {0}, "1", "rate of change of the energy", offsetof(hf_tokens_record, power)},
    {"gained", {0}, "1", "time integral of the power from t = 0", offsetof(hf_tokens_record, gained)},
    {"mass", {0}, "1", "total mass of the density", offsetof(hf_tokens_record, mass)},
    {"minimum", {0}, "1", "smallest value of the density", offsetof(hf_tokens_record, minimum)},
    {"negative_mass",
     {0},
     "1",
     "integral of the negative part of the density",
     offsetof(hf_tokens_record, negative_mass)},
    {"mean", {"component"}, "1", "mean of x", offsetof(hf_tokens_record, mean)},
    {"second", {"component", "component2"}, "1", "mean of x x^T", offsetof(hf_tokens_record, second)},
    {"amplitude",
     {"mode"},
     "1",
     "amplitude of the modes of the density",
     offsetof(hf_tokens_record, amplitude)},
};
enum { SERIES = sizeof all_series / sizeof *all_series };

struct hf_tokens_writer {
    const hf_tokens *tokens;
    hf_dataset *dataset;
    size_t outputs;
    double *rho; /* shape (cells) */
};

/* ---- writing ---------------------------------------------------------------------------------------- */

static hf_status define_axis(hf_error *error, hf_dataset *dataset, const hf_axis *axis, const hf_grid *grid,
                             size_t d) {
    double *center;
    hf_variable variable = {axis->name, {axis->name},
                            "rad",      d == 1 ? "longitude" : axis->periodic ? "angle" : "colatitude",
                            0,          false};
    HF_TRY(hf_dataset_dimension(error, dataset, axis->name, axis->cells));
    HF_TRY(hf_dataset_define(error, dataset, &variable));
    HF_TRY(hf_array_create(error, axis->cells, &center));
    for (size_t i = 0; i < axis->cells; i++)
        center[i] = hf_grid_center(grid, d, i);
    hf_status status = hf_dataset_put(error, dataset, axis->name, 0, axis->cells, center);
    hf_array_destroy(&center);
    return status;
}

static hf_status define_dimensions(hf_error *error, const hf_tokens_writer *writer) {
    hf_dataset *dataset = writer->dataset;
    size_t dim = hf_tokens_input_of(writer->tokens)->dim;
    const hf_grid *grid = hf_tokens_grid(writer->tokens);
    static const hf_variable time = {"time", {"time"}, "1", "time t of the flow", RECORDS, false};
    HF_TRY(hf_dataset_dimension(error, dataset, "time", 0));
    HF_TRY(hf_dataset_dimension(error, dataset, "component", dim));
    HF_TRY(hf_dataset_dimension(error, dataset, "component2", dim));
    HF_TRY(hf_dataset_dimension(error, dataset, "mode", HF_TOKENS_AMPLITUDES));
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        HF_TRY(define_axis(error, dataset, hf_grid_axis(grid, d), grid, d));
    return hf_dataset_define(error, dataset, &time);
}

static hf_status define_series(hf_error *error, const hf_tokens_writer *writer) {
    const hf_grid *grid = hf_tokens_grid(writer->tokens);
    for (size_t i = 0; i < SERIES; i++) {
        const series *s = &all_series[i];
        hf_variable variable = {s->name, {"time", s->dim[0], s->dim[1]}, s->units, s->long_name, RECORDS,
                                false};
        HF_TRY(hf_dataset_define(error, writer->dataset, &variable));
    }
    hf_variable density = {
        "density", {"time", "theta", hf_grid_dim(grid) == 2 ? "phi" : NULL},
        "1",       "density of the tokens, per length on the circle, per area on the sphere",
        1,         false};
    return hf_dataset_define(error, writer->dataset, &density);
}

static hf_status write_problem(hf_error *error, const hf_tokens_writer *writer) {
    hf_dataset *dataset = writer->dataset;
    const hf_tokens_input *input = hf_tokens_input_of(writer->tokens);
    static const hf_variable matrix = {
        "interaction", {"component", "component2"}, "1", "interaction matrix D", 0, false};
    HF_TRY(hf_dataset_define(error, dataset, &matrix));
    HF_TRY(hf_dataset_put(error, dataset, "interaction", 0, input->dim, input->interaction));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "model", "tokens"));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "attention",
                               input->unnormalised ? "unnormalised" : "softmax"));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "direction", input->descent ? "descent" : "ascent"));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "flux", hf_tokens_flux_name(writer->tokens)));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "limiter",
                               input->limiter != NULL ? input->limiter->name : "none"));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "time_method", input->method->name));
    HF_TRY(hf_dataset_set_number(error, dataset, "norm", hf_tokens_norm(writer->tokens)));
    HF_TRY(hf_dataset_set_number(error, dataset, "rtol", input->rtol));
    return hf_dataset_set_number(error, dataset, "atol", input->atol);
}

static hf_status fill(hf_error *error, const char *path, const char *case_text, hf_tokens_writer *writer) {
    const hf_tokens_input *input = hf_tokens_input_of(writer->tokens);
    HF_TRY(hf_array_create(error, hf_grid_cells(hf_tokens_grid(writer->tokens)), &writer->rho));
    HF_TRY(hf_dataset_create(error, path, &writer->dataset));
    HF_TRY(hf_provenance_write(error, writer->dataset, input->name, input->title, case_text, true));
    HF_TRY(define_dimensions(error, writer));
    HF_TRY(define_series(error, writer));
    return write_problem(error, writer);
}

hf_status hf_tokens_writer_create(hf_error *error, const char *path, const hf_tokens *tokens,
                                  const char *case_text, hf_tokens_writer **out) {
    *out = NULL;
    hf_tokens_writer *writer;
    HF_TRY(hf_allocate(error, 1, sizeof *writer, &writer));
    writer->tokens = tokens;
    hf_status status = fill(error, path, case_text, writer);
    if (status != HF_OK)
        hf_tokens_writer_destroy(&writer);
    *out = writer;
    return status;
}

hf_status hf_tokens_writer_output(hf_error *error, void *self, const hf_tokens_record *record,
                                  const double *g) {
    hf_tokens_writer *writer = self;
    hf_dataset *dataset = writer->dataset;
    const hf_grid *grid = hf_tokens_grid(writer->tokens);
    size_t at = writer->outputs++;
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        writer->rho[i] = g[i] * hf_grid_volume(grid) / hf_tokens_area(writer->tokens, i);
    HF_TRY(hf_dataset_put(error, dataset, "time", at, 1, &record->time));
    for (size_t i = 0; i < SERIES; i++)
        HF_TRY(hf_dataset_put(error, dataset, all_series[i].name, at, 1,
                              (const double *)((const char *)record + all_series[i].offset)));
    return hf_dataset_put(error, dataset, "density", at, 1, writer->rho);
}

hf_status hf_tokens_writer_finish(hf_error *error, hf_tokens_writer *writer,
                                  const hf_statistics *statistics) {
    hf_dataset *dataset = writer->dataset;
    HF_TRY(hf_dataset_set_integer(error, dataset, "steps", statistics->steps));
    HF_TRY(hf_dataset_set_integer(error, dataset, "right_hand_sides", statistics->evaluations));
    HF_TRY(hf_dataset_set_number(error, dataset, "seconds", statistics->seconds));
    return hf_dataset_finish(error, dataset);
}

void hf_tokens_writer_destroy(hf_tokens_writer **writer) {
    if (writer == NULL || *writer == NULL)
        return;
    hf_dataset_destroy(&(*writer)->dataset);
    hf_array_destroy(&(*writer)->rho);
    free(*writer);
    *writer = NULL;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

hf_status hf_solution_model(hf_error *error, const char *path, char model[]) {
    hf_dataset *dataset;
    strcpy(model, "heads");
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = hf_dataset_has_attribute(dataset, "model")
                           ? hf_dataset_copy_text(error, dataset, "model", HF_NAME_MAX, model)
                           : HF_OK;
    hf_dataset_destroy(&dataset);
    return status;
}

static hf_status read_problem(hf_error *error, hf_tokens_solution *s) {
    const struct {
        const char *name;
        char **text;
    } texts[] = {{"name", &s->name},
                 {"title", &s->title},
                 {"flux", &s->flux},
                 {"attention", &s->attention},
                 {"direction", &s->direction}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        HF_TRY(hf_dataset_get_text(error, s->dataset, NULL, texts[i].name, texts[i].text));
    if (hf_dataset_has_attribute(s->dataset, "case"))
        HF_TRY(hf_dataset_get_text(error, s->dataset, NULL, "case", &s->text));
    HF_TRY(hf_dataset_get_number(error, s->dataset, "norm", &s->norm));
    HF_TRY(hf_dataset_length(error, s->dataset, "component", &s->input.dim));
    if (s->input.dim != 2 && s->input.dim != 3)
        return hf_raise(error, HF_ERR_IO, "%s: %zu components; expected 2 or 3", hf_dataset_path(s->dataset),
                        s->input.dim);
    s->input.name = s->name;
    s->input.title = s->title;
    s->input.unnormalised = strcmp(s->attention, "unnormalised") == 0;
    s->input.descent = strcmp(s->direction, "descent") == 0;
    return hf_dataset_get(error, s->dataset, "interaction", 0, s->input.dim, s->input.dim,
                          s->input.interaction);
}

static hf_status read_grid(hf_error *error, hf_tokens_solution *s) {
    hf_axis axes[2] = {{"theta", 0, M_PI, 0, false}, {"phi", -M_PI, M_PI, 0, true}};
    if (s->input.dim == 2)
        axes[0] = (hf_axis){"theta", -M_PI, M_PI, 0, true};
    s->input.axis_count = hf_dataset_has_dimension(s->dataset, "phi") ? 2 : 1;
    for (size_t d = 0; d < s->input.axis_count; d++) {
        HF_TRY(hf_dataset_length(error, s->dataset, axes[d].name, &axes[d].cells));
        s->input.cells[d] = axes[d].cells;
    }
    return hf_grid_create(error, s->input.axis_count, axes, &s->grid);
}

static hf_status read_series(hf_error *error, hf_tokens_solution *s) {
    size_t lengths[HF_RANK_MAX], dim = s->input.dim;
    HF_TRY(hf_dataset_shape(error, s->dataset, "time", (const char *const[]){"time", NULL}, lengths));
    s->count = lengths[0];
    if (s->count == 0)
        return hf_raise(error, HF_ERR_IO, "%s: no output times", hf_dataset_path(s->dataset));
    struct {
        const char *name;
        double **values;
        size_t width;
    } all[] = {{"time", &s->time, 1},
               {"energy", &s->energy, 1},
               {"power", &s->power, 1},
               {"gained", &s->gained, 1},
               {"mass", &s->mass, 1},
               {"minimum", &s->minimum, 1},
               {"amplitude", &s->amplitude, HF_TOKENS_AMPLITUDES},
               {"mean", &s->mean, dim}};
    HF_TRY(hf_array_create(error, s->count * (6 + HF_TOKENS_AMPLITUDES + dim), &s->series));
    double *next = s->series;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i].values = next;
        HF_TRY(hf_dataset_get(error, s->dataset, all[i].name, 0, s->count, all[i].width, next));
        next += s->count * all[i].width;
    }
    return HF_OK;
}

hf_status hf_tokens_solution_read(hf_error *error, const char *path, hf_tokens_solution *out) {
    *out = (hf_tokens_solution){0};
    char model[HF_NAME_MAX];
    HF_TRY(hf_solution_model(error, path, model));
    if (strcmp(model, "tokens") != 0)
        return hf_raise(error, HF_ERR_IO, "%s: a solution of %s; expected one of tokens", path, model);
    HF_TRY(hf_dataset_open(error, path, &out->dataset));
    HF_TRY(read_problem(error, out));
    HF_TRY(read_grid(error, out));
    return read_series(error, out);
}

hf_status hf_tokens_solution_density(hf_error *error, const hf_tokens_solution *solution, size_t index,
                                     double *rho) {
    return hf_dataset_get(error, solution->dataset, "density", index, 1, hf_grid_cells(solution->grid), rho);
}

void hf_tokens_solution_clear(hf_tokens_solution *s) {
    hf_dataset_destroy(&s->dataset);
    hf_grid_destroy(&s->grid);
    hf_array_destroy(&s->series);
    char *const texts[] = {s->name, s->title, s->text, s->flux, s->attention, s->direction};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    *s = (hf_tokens_solution){0};
}
