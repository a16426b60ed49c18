/* A comparison of trained heads with their limit on disk: chaos.nc of docs/formats.md. What is a struct in
 * memory is a column a member in the file; tables say which, for writing and reading alike. */
#include "store/dataset.h"
#include "store/ensemble.h"
#include "store/provenance.h"
#include "store/solution.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_SIZE = sizeof((hf_quantity *)0)->name + 32,
    TITLE_SIZE = sizeof((hf_quantity *)0)->long_name + 96,
    LIST_SIZE = HF_QUANTITIES_MAX * sizeof((hf_quantity *)0)->name
};

static const char ROOT_MEAN_SQUARE[] = "seed: root_mean_square", MEAN[] = "seed: mean";
static const char SNAPSHOTS[] = "snapshots", ALL_TIMES[] = "all times";

/* ---- columns ------------------------------------------------------------------------------------- */

typedef enum member { NUMBER, COUNT, FLAG } member; /* double, size_t, bool */

/* A member of a struct, a column of its own. */
typedef struct field {
    const char *name, *units, *long_name; /* behind those of the series; units NULL: those of the series */
    size_t offset;
    member kind;
} field;

/* Structs in a row: one a place of a dimension. */
typedef struct series {
    const char *name, *units, *long_name; /* what the columns' begin with */
    const char *dimension;
    size_t count, size; /* structs, bytes of each */
    size_t fields;
    const field *field;
} series;

#define FIELDS(table) .fields = sizeof(table) / sizeof *(table), .field = (table)

static const field self[] = {{"", NULL, "", 0, NUMBER}};

static const field measured_fields[] = {
    {"_mean", NULL, ", averaged over the seeds", offsetof(hf_interval, value), NUMBER},
    {"_lower", NULL, ", lower end of the 95 % interval of its average", offsetof(hf_interval, lower), NUMBER},
    {"_upper", NULL, ", upper end of the 95 % interval of its average", offsetof(hf_interval, upper), NUMBER},
};

static const field predicted_fields[] = {
    {"", NULL, "", offsetof(hf_interval, value), NUMBER},
    {"_lower", NULL, ", below it 2.5 % of such averages", offsetof(hf_interval, lower), NUMBER},
    {"_upper", NULL, ", above it 2.5 % of such averages", offsetof(hf_interval, upper), NUMBER},
};

static const field slope_fields[] = {
    {"in_step", NULL, "what varies in the fit: heads or step", offsetof(hf_chaos_slope, in_step), FLAG},
    {"quantity", NULL, "quantity that is fitted", offsetof(hf_chaos_slope, quantity), COUNT},
    {"heads", "1", "heads of the ensembles; 0: they vary", offsetof(hf_chaos_slope, fixed.heads), COUNT},
    {"step", "1", "step of the ensembles; NaN: it varies or is not known",
     offsetof(hf_chaos_slope, fixed.step), NUMBER},
    {"batch", "1", "events an update; 0: all, -1: not known", offsetof(hf_chaos_slope, fixed.batch), COUNT},
    {"ensembles", "1", "ensembles that are fitted", offsetof(hf_chaos_slope, ensembles), COUNT},
    {"measured", "1", "exponent of the quantity at the last time", offsetof(hf_chaos_slope, measured.value),
     NUMBER},
    {"measured_lower", "1", "lower end of the 95 % interval of the exponent",
     offsetof(hf_chaos_slope, measured.lower), NUMBER},
    {"measured_upper", "1", "upper end of the 95 % interval of the exponent",
     offsetof(hf_chaos_slope, measured.upper), NUMBER},
    {"predicted", "1", "exponent of the predictions", offsetof(hf_chaos_slope, predicted), NUMBER},
};

static const field static_fields[] = {
    {"heads", "1", "heads drawn from the density", offsetof(hf_static_record, heads), COUNT},
    {"draws", "1", "number of draws", offsetof(hf_static_record, draws), COUNT},
    {"sigma2", "1", "variance of the head logits over the density, averaged over events",
     offsetof(hf_static_record, sigma2), NUMBER},
    {"curvature", "nat", "trace of the covariance of the head logits times that of the labels",
     offsetof(hf_static_record, curvature), NUMBER},
    {"measured", "nat", "mean risk of the heads less that of the density",
     offsetof(hf_static_record, measured.value), NUMBER},
    {"measured_lower", "nat", "lower end of its 95 % interval", offsetof(hf_static_record, measured.lower),
     NUMBER},
    {"measured_upper", "nat", "upper end of its 95 % interval", offsetof(hf_static_record, measured.upper),
     NUMBER},
    {"leading", "nat", "its leading order in the number of heads", offsetof(hf_static_record, leading),
     NUMBER},
    {"bound", "nat", "bound of it", offsetof(hf_static_record, bound), NUMBER},
};

/* HF_BATCH_UNKNOWN, as a count, is -1. */
static double get(member kind, const char *place) {
    size_t count;
    double number;
    bool flag;
    switch (kind) {
    case NUMBER:
        memcpy(&number, place, sizeof number);
        return number;
    case COUNT:
        memcpy(&count, place, sizeof count);
        return count == HF_BATCH_UNKNOWN ? -1 : (double)count;
    default:
        memcpy(&flag, place, sizeof flag);
        return flag;
    }
}

static bool is_count(double number) {
    return number >= -1 && number < HF_WHOLE_MAX && number == floor(number);
}

/* false where the number is none of its kind. */
static bool set(member kind, double number, char *place) {
    if (kind == NUMBER) {
        memcpy(place, &number, sizeof number);
        return true;
    }
    if (!is_count(number))
        return false;
    size_t count = number < 0 ? HF_BATCH_UNKNOWN : (size_t)number;
    bool flag = number != 0;
    if (kind == COUNT)
        memcpy(place, &count, sizeof count);
    else
        memcpy(place, &flag, sizeof flag);
    return true;
}

static void column_name(const series *s, const field *f, char name[NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "%s%s", s->name, f->name);
}

/* values: shape (count): workspace */
static hf_status write_column(hf_error *error, hf_dataset *dataset, const series *s, const field *f,
                              void *structs, double *values) {
    char name[NAME_SIZE], title[TITLE_SIZE];
    column_name(s, f, name);
    snprintf(title, sizeof title, "%s%s", s->long_name, f->long_name);
    hf_variable variable = {.name = name,
                            .dims = {s->dimension},
                            .units = f->units == NULL ? s->units : f->units,
                            .long_name = title,
                            .integer = f->kind != NUMBER};
    for (size_t i = 0; i < s->count; i++)
        values[i] = get(f->kind, (char *)structs + i * s->size + f->offset);
    HF_TRY(hf_dataset_define(error, dataset, &variable));
    return hf_dataset_put(error, dataset, name, 0, s->count, values);
}

static hf_status write_series(hf_error *error, hf_dataset *dataset, const series *s, void *structs) {
    double *values;
    HF_TRY(hf_array_create(error, s->count, &values));
    hf_status status = HF_OK;
    for (size_t k = 0; k < s->fields && status == HF_OK; k++)
        status = write_column(error, dataset, s, &s->field[k], structs, values);
    hf_array_destroy(&values);
    return status;
}

/* values: shape (count): workspace */
static hf_status read_column(hf_error *error, const hf_dataset *dataset, const series *s, const field *f,
                             void *structs, double *values) {
    char name[NAME_SIZE];
    size_t lengths[HF_RANK_MAX];
    column_name(s, f, name);
    HF_TRY(hf_dataset_shape(error, dataset, name, (const char *const[]){s->dimension, NULL}, lengths));
    if (lengths[0] != s->count)
        return hf_raise(error, HF_ERR_IO, "%s: '%s' has %zu values; expected %zu", hf_dataset_path(dataset),
                        name, lengths[0], s->count);
    HF_TRY(hf_dataset_get(error, dataset, name, 0, s->count, 1, values));
    for (size_t i = 0; i < s->count; i++)
        if (!set(f->kind, values[i], (char *)structs + i * s->size + f->offset))
            return hf_raise(error, HF_ERR_IO, "%s: '%s' is %g; expected a whole number",
                            hf_dataset_path(dataset), name, values[i]);
    return HF_OK;
}

static hf_status read_series(hf_error *error, hf_dataset *dataset, const series *s, void *structs) {
    double *values;
    HF_TRY(hf_array_create(error, s->count, &values));
    hf_status status = HF_OK;
    for (size_t k = 0; k < s->fields && status == HF_OK; k++)
        status = read_column(error, dataset, s, &s->field[k], structs, values);
    hf_array_destroy(&values);
    return status;
}

/* ---- what both ways share ------------------------------------------------------------------------ */

/* write_series or read_series. */
typedef hf_status transfer(hf_error *error, hf_dataset *dataset, const series *s, void *structs);

static const char *units_of(size_t quantity) {
    return quantity == HF_RISK_ERROR ? "nat" : "1";
}

/* Average, interval and own error of a quantity. */
static hf_status transfer_quantity(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos,
                                   const hf_chaos_group *group, size_t q, transfer *move) {
    const hf_quantity *quantity = &chaos->quantity[q];
    series s = {.name = quantity->name,
                .units = units_of(q),
                .long_name = quantity->long_name,
                .dimension = "time",
                .count = chaos->times,
                .size = sizeof(hf_interval),
                FIELDS(measured_fields)};
    char name[NAME_SIZE], title[TITLE_SIZE];
    HF_TRY(move(error, dataset, &s, group->measured + q * chaos->times));
    snprintf(name, sizeof name, "%s_own_error", quantity->name);
    snprintf(title, sizeof title, "%s, error of the grid in it", quantity->long_name);
    series own = {.name = name,
                  .units = units_of(q),
                  .long_name = title,
                  .dimension = "time",
                  .count = chaos->times,
                  .size = sizeof(double),
                  FIELDS(self)};
    return move(error, dataset, &own, group->own_error + q * chaos->times);
}

/* Predictions and bounds of an ensemble. */
static hf_status transfer_theory(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos,
                                 const hf_chaos_group *group, transfer *move) {
    series coupling = {.name = "coupling_predicted",
                       .units = "1",
                       .long_name = "root mean square coupling error over the seeds, predicted",
                       .dimension = "time",
                       .count = chaos->times,
                       .size = sizeof(hf_interval),
                       FIELDS(predicted_fields)};
    HF_TRY(move(error, dataset, &coupling, group->predicted));
    series logit = {.name = "logit_error_predicted",
                    .units = "1",
                    .long_name = "root mean square logit error over the seeds, predicted",
                    .dimension = "time",
                    .count = chaos->times,
                    .size = sizeof(double),
                    FIELDS(self)};
    HF_TRY(move(error, dataset, &logit, group->predicted_logit));
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        char name[NAME_SIZE], title[TITLE_SIZE];
        snprintf(name, sizeof name, "coupling_bound_%s", hf_bound_names[b]);
        snprintf(title, sizeof title, "%s bound of the root mean square coupling error", hf_bound_names[b]);
        series bound = {.name = name,
                        .units = "1",
                        .long_name = title,
                        .dimension = "time",
                        .count = chaos->times,
                        .size = sizeof(double),
                        FIELDS(self)};
        HF_TRY(move(error, dataset, &bound, group->bound + b * chaos->times));
    }
    return HF_OK;
}

static series slope_series(const hf_chaos *chaos) {
    return (series){.name = "slope_",
                    .long_name = "powers of errors: ",
                    .dimension = "slope",
                    .count = chaos->slopes,
                    .size = sizeof *chaos->slope,
                    FIELDS(slope_fields)};
}

static series static_series(const hf_chaos *chaos) {
    return (series){.name = "static_",
                    .long_name = "static bound: ",
                    .dimension = "static",
                    .count = chaos->statics,
                    .size = sizeof *chaos->fixed,
                    FIELDS(static_fields)};
}

static void bound_attribute(const char *what, size_t bound, char name[NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "%s_%s", what, hf_bound_names[bound]);
}

/* ---- writing: an ensemble ------------------------------------------------------------------------ */

static hf_status write_attributes(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos,
                                  const hf_chaos_group *group) {
    const hf_ensemble *ensemble = &group->ensemble;
    HF_TRY(hf_dataset_set_integer(error, dataset, "heads", (long)ensemble->heads));
    HF_TRY(hf_dataset_set_number(error, dataset, "step", ensemble->step));
    HF_TRY(hf_dataset_set_integer(error, dataset, "batch",
                                  ensemble->batch == HF_BATCH_UNKNOWN ? -1 : (long)ensemble->batch));
    HF_TRY(hf_dataset_set_number(error, dataset, "end_time", chaos->time[group->last]));
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        char name[NAME_SIZE];
        bound_attribute("slack", b, name);
        HF_TRY(hf_dataset_set_number(error, dataset, name, group->slack[b]));
        bound_attribute("violated", b, name);
        HF_TRY(hf_dataset_set_integer(error, dataset, name, group->violated[b]));
    }
    return HF_OK;
}

static hf_status write_values(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos,
                              const hf_chaos_group *group, size_t q) {
    const hf_quantity *quantity = &chaos->quantity[q];
    hf_variable variable = {.name = quantity->name,
                            .dims = {"time", "seed"},
                            .units = units_of(q),
                            .long_name = quantity->long_name};
    char mean[NAME_SIZE];
    snprintf(mean, sizeof mean, "%s_mean", quantity->name);
    HF_TRY(hf_dataset_define(error, dataset, &variable));
    HF_TRY(hf_dataset_set_text(error, dataset, variable.name, "taken_at",
                               quantity->snapshot ? SNAPSHOTS : ALL_TIMES));
    HF_TRY(hf_dataset_put(error, dataset, variable.name, 0, chaos->times,
                          group->value + q * chaos->times * group->seeds));
    HF_TRY(transfer_quantity(error, dataset, chaos, group, q, write_series));
    return hf_dataset_set_text(error, dataset, mean, "cell_methods", quantity->rms ? ROOT_MEAN_SQUARE : MEAN);
}

static hf_status write_group(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos,
                             const hf_chaos_group *group) {
    HF_TRY(write_attributes(error, dataset, chaos, group));
    HF_TRY(hf_dataset_dimension(error, dataset, "seed", group->seeds));
    for (size_t q = 0; q < chaos->quantities; q++)
        HF_TRY(write_values(error, dataset, chaos, group, q));
    return transfer_theory(error, dataset, chaos, group, write_series);
}

/* The name of the g-th ensemble; the same ensemble once more, from another file, is N256_step0.05_batch8_2.
 */
static void group_name(const hf_chaos *chaos, size_t g, char *name, size_t size) {
    char own[HF_ENSEMBLE_NAME_MAX], other[HF_ENSEMBLE_NAME_MAX];
    size_t number = 1;
    hf_ensemble_name(&chaos->group[g].ensemble, own);
    for (size_t k = 0; k < g; k++) {
        hf_ensemble_name(&chaos->group[k].ensemble, other);
        number += strcmp(own, other) == 0;
    }
    if (number == 1)
        snprintf(name, size, "%s", own);
    else
        snprintf(name, size, "%s_%zu", own, number);
}

static hf_status write_groups(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos) {
    for (size_t g = 0; g < chaos->groups; g++) {
        char name[HF_ENSEMBLE_NAME_MAX + 32];
        hf_dataset *group;
        group_name(chaos, g, name, sizeof name);
        HF_TRY(hf_dataset_group(error, dataset, name, &group));
        hf_status status = write_group(error, group, chaos, &chaos->group[g]);
        hf_dataset_destroy(&group);
        HF_TRY(status);
    }
    return HF_OK;
}

/* ---- writing: the file --------------------------------------------------------------------------- */

/* Names of the quantities with blanks between them. */
static void list_quantities(const hf_chaos *chaos, char list[LIST_SIZE]) {
    size_t used = 0;
    list[0] = '\0';
    for (size_t q = 0; q < chaos->quantities; q++)
        used += (size_t)snprintf(list + used, LIST_SIZE - used, "%s%s", q == 0 ? "" : " ",
                                 chaos->quantity[q].name);
}

static hf_status write_flux(hf_error *error, hf_dataset *dataset, const hf_solution *solution) {
    char *flux;
    HF_TRY(hf_dataset_get_text(error, hf_solution_dataset(solution), NULL, "flux", &flux));
    hf_status status = hf_dataset_set_text(error, dataset, NULL, "flux", flux);
    free(flux);
    return status;
}

static hf_status write_head(hf_error *error, hf_dataset *dataset, const hf_solution *solution,
                            const hf_chaos *chaos, const char *quantities) {
    const hf_grid *grid = hf_solution_grid(solution);
    const char *names[HF_DIM_MAX];
    for (size_t d = 0; d < chaos->dim; d++)
        names[d] = hf_grid_axis(grid, d)->name;
    bool dated = hf_dataset_has_attribute(hf_solution_dataset(solution), "solver_seconds");
    HF_TRY(hf_provenance_write(error, dataset, hf_solution_name(solution), hf_solution_title(solution),
                               hf_solution_case(solution), dated));
    HF_TRY(write_flux(error, dataset, solution));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "quantities", quantities));
    HF_TRY(hf_dataset_set_number(error, dataset, "negative_mass", chaos->negative_mass));
    HF_TRY(hf_dataset_set_number(error, dataset, "epsilon", chaos->epsilon));
    HF_TRY(hf_dataset_set_number(error, dataset, "static_time", chaos->static_time));
    HF_TRY(hf_dataset_set_integer(error, dataset, "has_prediction", chaos->has_prediction));
    HF_TRY(hf_dataset_define_names(error, dataset, "coordinate", "coordinates of a head", chaos->dim, names));
    HF_TRY(hf_dataset_dimension(error, dataset, "time", chaos->times));
    HF_TRY(hf_dataset_define(
        error, dataset,
        &(hf_variable){.name = "time", .dims = {"time"}, .units = "1", .long_name = "time t of the flow"}));
    return hf_dataset_put(error, dataset, "time", 0, chaos->times, chaos->time);
}

/* A table without rows is left out: a dimension of length 0 would be unlimited. */
static hf_status write_tables(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos,
                              const char *quantities) {
    series slopes = slope_series(chaos), statics = static_series(chaos);
    if (chaos->slopes > 0) {
        HF_TRY(hf_dataset_dimension(error, dataset, slopes.dimension, slopes.count));
        HF_TRY(write_series(error, dataset, &slopes, chaos->slope));
        HF_TRY(hf_dataset_set_flags(error, dataset, "slope_in_step", 2, "heads step"));
        HF_TRY(hf_dataset_set_flags(error, dataset, "slope_quantity", chaos->quantities, quantities));
    }
    if (chaos->statics == 0)
        return HF_OK;
    HF_TRY(hf_dataset_dimension(error, dataset, statics.dimension, statics.count));
    return write_series(error, dataset, &statics, chaos->fixed);
}

static hf_status write_all(hf_error *error, hf_dataset *dataset, const hf_solution *solution,
                           const hf_chaos *chaos) {
    char quantities[LIST_SIZE];
    list_quantities(chaos, quantities);
    HF_TRY(write_head(error, dataset, solution, chaos, quantities));
    HF_TRY(write_tables(error, dataset, chaos, quantities));
    HF_TRY(write_groups(error, dataset, chaos));
    return hf_dataset_finish(error, dataset);
}

hf_status hf_chaos_write(hf_error *error, const char *path, const hf_solution *solution,
                         const hf_chaos *chaos) {
    hf_dataset *dataset;
    if (chaos->dim != hf_grid_dim(hf_solution_grid(solution)))
        return hf_raise(error, HF_ERR_INPUT, "%s: a comparison of %zu coordinates; expected %zu", path,
                        chaos->dim, hf_grid_dim(hf_solution_grid(solution)));
    HF_TRY(hf_dataset_create(error, path, &dataset));
    hf_status status = write_all(error, dataset, solution, chaos);
    hf_dataset_destroy(&dataset);
    return status;
}

/* ---- reading: an ensemble ------------------------------------------------------------------------ */

/* A whole number among the attributes: at least `least`. */
static hf_status read_count(hf_error *error, const hf_dataset *dataset, const char *name, double least,
                            size_t *out) {
    double number;
    HF_TRY(hf_dataset_get_number(error, dataset, name, &number));
    if (!is_count(number) || number < least)
        return hf_raise(error, HF_ERR_IO, "%s: attribute %s is %g; expected a whole number >= %g",
                        hf_dataset_path(dataset), name, number, least);
    set(COUNT, number, (char *)out);
    return HF_OK;
}

static hf_status read_attributes(hf_error *error, const hf_dataset *dataset, const hf_chaos *chaos,
                                 hf_chaos_group *group) {
    double end;
    HF_TRY(read_count(error, dataset, "heads", 1, &group->ensemble.heads));
    HF_TRY(hf_dataset_get_number(error, dataset, "step", &group->ensemble.step));
    HF_TRY(read_count(error, dataset, "batch", -1, &group->ensemble.batch));
    HF_TRY(hf_dataset_get_number(error, dataset, "end_time", &end));
    while (group->last < chaos->times && chaos->time[group->last] != end)
        group->last++;
    if (group->last == chaos->times)
        return hf_raise(error, HF_ERR_IO, "%s: attribute end_time is %g; expected one of the times",
                        hf_dataset_path(dataset), end);
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        char name[NAME_SIZE];
        size_t violated;
        bound_attribute("slack", b, name);
        HF_TRY(hf_dataset_get_number(error, dataset, name, &group->slack[b]));
        bound_attribute("violated", b, name);
        HF_TRY(read_count(error, dataset, name, 0, &violated));
        group->violated[b] = violated != 0;
    }
    return HF_OK;
}

/* The shape of a quantity's values, which bounds that of all others: found before there is memory for it. */
static hf_status check_values(hf_error *error, const hf_dataset *dataset, const hf_chaos *chaos, size_t q,
                              const hf_chaos_group *group) {
    static const char *const dims[] = {"time", "seed", NULL};
    size_t lengths[HF_RANK_MAX];
    HF_TRY(hf_dataset_shape(error, dataset, chaos->quantity[q].name, dims, lengths));
    if (lengths[0] != chaos->times || lengths[1] != group->seeds || group->seeds == 0)
        return hf_raise(error, HF_ERR_IO, "%s: '%s' has %zu x %zu values; expected %zu times and seeds",
                        hf_dataset_path(dataset), chaos->quantity[q].name, lengths[0], lengths[1],
                        chaos->times);
    return HF_OK;
}

static hf_status read_group(hf_error *error, hf_dataset *dataset, const hf_chaos *chaos,
                            hf_chaos_group *group) {
    size_t times = chaos->times, numbers = chaos->quantities * times;
    HF_TRY(hf_dataset_length(error, dataset, "seed", &group->seeds));
    for (size_t q = 0; q < chaos->quantities; q++)
        HF_TRY(check_values(error, dataset, chaos, q, group));
    HF_TRY(hf_array_create(error, numbers * group->seeds, &group->value));
    HF_TRY(hf_allocate(error, numbers, sizeof *group->measured, &group->measured));
    HF_TRY(hf_array_create(error, numbers, &group->own_error));
    HF_TRY(hf_allocate(error, times, sizeof *group->predicted, &group->predicted));
    HF_TRY(hf_array_create(error, times, &group->predicted_logit));
    HF_TRY(hf_array_create(error, HF_BOUNDS * times, &group->bound));
    HF_TRY(read_attributes(error, dataset, chaos, group));
    for (size_t q = 0; q < chaos->quantities; q++) {
        HF_TRY(hf_dataset_get(error, dataset, chaos->quantity[q].name, 0, times, group->seeds,
                              group->value + q * times * group->seeds));
        HF_TRY(transfer_quantity(error, dataset, chaos, group, q, read_series));
    }
    return transfer_theory(error, dataset, chaos, group, read_series);
}

/* ---- reading: the file --------------------------------------------------------------------------- */

/* Whether an attribute of a variable has one of two texts, and which. */
static hf_status read_choice(hf_error *error, const hf_dataset *dataset, const char *variable,
                             const char *attribute, const char *yes, const char *no, bool *out) {
    char *text;
    HF_TRY(hf_dataset_get_text(error, dataset, variable, attribute, &text));
    *out = strcmp(text, yes) == 0;
    bool known = *out || strcmp(text, no) == 0;
    free(text);
    if (!known)
        return hf_raise(error, HF_ERR_IO, "%s: attribute %s of '%s': expected '%s' or '%s'",
                        hf_dataset_path(dataset), attribute, variable, yes, no);
    return HF_OK;
}

/* What a quantity is, but for its name, as an ensemble says. */
static hf_status read_quantity(hf_error *error, const hf_dataset *group, hf_quantity *quantity) {
    char mean[NAME_SIZE], *text;
    snprintf(mean, sizeof mean, "%s_mean", quantity->name);
    HF_TRY(hf_dataset_get_text(error, group, quantity->name, "long_name", &text));
    snprintf(quantity->long_name, sizeof quantity->long_name, "%s", text);
    free(text);
    HF_TRY(read_choice(error, group, quantity->name, "taken_at", SNAPSHOTS, ALL_TIMES, &quantity->snapshot));
    return read_choice(error, group, mean, "cell_methods", ROOT_MEAN_SQUARE, MEAN, &quantity->rms);
}

/* The names in a list, cut in place; as many as there are coordinates for. */
static hf_status split_quantities(hf_error *error, const hf_dataset *dataset, char *list, hf_chaos *chaos) {
    size_t expected = HF_MARGINALS + 2 * chaos->dim + HF_JOINT;
    char *rest = NULL;
    for (char *name = strtok_r(list, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        hf_quantity *quantity = &chaos->quantity[chaos->quantities];
        if (chaos->quantities == expected || strlen(name) >= sizeof quantity->name)
            return hf_raise(error, HF_ERR_IO, "%s: attribute quantities: '%.40s'; expected %zu short names",
                            hf_dataset_path(dataset), name, expected);
        strcpy(quantity->name, name);
        chaos->quantities++;
    }
    if (chaos->quantities < expected)
        return hf_raise(error, HF_ERR_IO, "%s: attribute quantities has %zu names; expected %zu",
                        hf_dataset_path(dataset), chaos->quantities, expected);
    return HF_OK;
}

static hf_status read_quantities(hf_error *error, hf_dataset *dataset, hf_chaos *chaos) {
    char *list;
    hf_dataset *group;
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, "quantities", &list));
    hf_status status = split_quantities(error, dataset, list, chaos);
    free(list);
    HF_TRY(status);
    HF_TRY(hf_dataset_group_at(error, dataset, 0, &group));
    for (size_t q = 0; q < chaos->quantities && status == HF_OK; q++)
        status = read_quantity(error, group, &chaos->quantity[q]);
    hf_dataset_destroy(&group);
    return status;
}

static hf_status read_head(hf_error *error, const hf_dataset *dataset, hf_chaos *chaos) {
    size_t lengths[HF_RANK_MAX], flag;
    HF_TRY(hf_dataset_length(error, dataset, "coordinate", &chaos->dim));
    if (chaos->dim < 1 || chaos->dim > HF_DIM_MAX)
        return hf_raise(error, HF_ERR_IO, "%s: %zu head coordinates; expected 1 to %d",
                        hf_dataset_path(dataset), chaos->dim, HF_DIM_MAX);
    HF_TRY(hf_dataset_get_number(error, dataset, "negative_mass", &chaos->negative_mass));
    HF_TRY(hf_dataset_get_number(error, dataset, "epsilon", &chaos->epsilon));
    HF_TRY(hf_dataset_get_number(error, dataset, "static_time", &chaos->static_time));
    HF_TRY(read_count(error, dataset, "has_prediction", 0, &flag));
    chaos->has_prediction = flag != 0;
    HF_TRY(hf_dataset_shape(error, dataset, "time", (const char *const[]){"time", NULL}, lengths));
    chaos->times = lengths[0];
    HF_TRY(hf_array_create(error, chaos->times, &chaos->time));
    HF_TRY(hf_dataset_get(error, dataset, "time", 0, chaos->times, 1, chaos->time));
    for (size_t t = 0; t < chaos->times; t++)
        if (!isfinite(chaos->time[t]) || (t > 0 && chaos->time[t] <= chaos->time[t - 1]))
            return hf_raise(error, HF_ERR_IO, "%s: 'time' does not increase at entry %zu",
                            hf_dataset_path(dataset), t);
    return HF_OK;
}

/* A table that is there, its rows bounded by the bytes of the file. */
static hf_status read_table(hf_error *error, hf_dataset *dataset, series table, const char *column,
                            size_t *count, void *out) {
    size_t lengths[HF_RANK_MAX];
    void *rows;
    if (!hf_dataset_has(dataset, column))
        return HF_OK;
    HF_TRY(hf_dataset_shape(error, dataset, column, (const char *const[]){table.dimension, NULL}, lengths));
    HF_TRY(hf_allocate(error, lengths[0], table.size, &rows));
    *(void **)out = rows;
    *count = table.count = lengths[0];
    return read_series(error, dataset, &table, rows);
}

static hf_status read_tables(hf_error *error, hf_dataset *dataset, hf_chaos *chaos) {
    HF_TRY(read_table(error, dataset, slope_series(chaos), "slope_measured", &chaos->slopes, &chaos->slope));
    HF_TRY(
        read_table(error, dataset, static_series(chaos), "static_measured", &chaos->statics, &chaos->fixed));
    for (size_t k = 0; k < chaos->slopes; k++)
        if (chaos->slope[k].quantity >= chaos->quantities)
            return hf_raise(error, HF_ERR_IO, "%s: 'slope_quantity' is %zu; expected less than %zu",
                            hf_dataset_path(dataset), chaos->slope[k].quantity, chaos->quantities);
    return HF_OK;
}

static hf_status read_all(hf_error *error, hf_dataset *dataset, hf_chaos *chaos) {
    size_t groups;
    HF_TRY(read_head(error, dataset, chaos));
    HF_TRY(hf_dataset_groups(error, dataset, &groups));
    if (groups == 0)
        return hf_raise(error, HF_ERR_IO, "%s: holds no ensembles", hf_dataset_path(dataset));
    HF_TRY(read_quantities(error, dataset, chaos));
    HF_TRY(read_tables(error, dataset, chaos));
    HF_TRY(hf_allocate(error, groups, sizeof *chaos->group, &chaos->group));
    chaos->groups = groups;
    hf_status status = HF_OK;
    for (size_t g = 0; g < groups && status == HF_OK; g++) {
        hf_dataset *group;
        HF_TRY(hf_dataset_group_at(error, dataset, g, &group));
        status = read_group(error, group, chaos, &chaos->group[g]);
        hf_dataset_destroy(&group);
    }
    return status;
}

hf_status hf_chaos_read(hf_error *error, const char *path, hf_chaos **out) {
    hf_dataset *dataset;
    *out = NULL;
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = hf_allocate(error, 1, sizeof **out, out);
    if (status == HF_OK)
        status = read_all(error, dataset, *out);
    hf_dataset_destroy(&dataset);
    if (status != HF_OK)
        hf_chaos_destroy(out);
    return status;
}
