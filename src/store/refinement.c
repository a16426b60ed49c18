/* A refinement study on disk: verify.nc of docs/formats.md. */
#include "store/dataset.h"
#include "store/provenance.h"

#include <headflow/store.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A member of hf_errors: a variable over grids, and an attribute for the reference's own error. */
static const struct {
    const char *variable, *reference, *units, *long_name;
    size_t offset;
} quantities[] = {
    {"risk_error", "reference_risk_error", "nat", "error of the risk", offsetof(hf_errors, risk)},
    {"mean_error", "reference_mean_error", "1", "error of the mean, Euclidean norm",
     offsetof(hf_errors, mean)},
    {"covariance_error", "reference_covariance_error", "1", "error of the covariance, Frobenius norm",
     offsetof(hf_errors, covariance)},
    {"dissipation_error", "reference_dissipation_error", "nat", "error of the dissipation",
     offsetof(hf_errors, dissipation)},
    {"w1_error", "reference_w1_error", "1", "largest W1 distance of the marginals", offsetof(hf_errors, w1)},
};
enum { QUANTITY_COUNT = sizeof quantities / sizeof *quantities, ORDER_MAX = 16 };

static const char FLOW_MAP[] = "flow map", RICHARDSON[] = "Richardson extrapolation";

static double get(const hf_errors *errors, size_t quantity) {
    double value;
    memcpy(&value, (const char *)errors + quantities[quantity].offset, sizeof value);
    return value;
}

static double *place(hf_errors *errors, size_t quantity) {
    return (double *)(void *)((char *)errors + quantities[quantity].offset);
}

static hf_status define(hf_error *error, hf_dataset *dataset, const hf_refinement *refinement) {
    static const hf_variable variables[] = {
        {"cells", {"grid", "coordinate"}, "1", "cells of the axis", 0, true},
        {"spacing", {"grid"}, "1", "largest cell width relative to its box", 0, false},
        {"steps", {"grid"}, "1", "steps of the time integration", 0, true},
        {"seconds", {"grid"}, "s", "wall time of the integration", 0, false},
    };
    const char *names[HF_DIM_MAX];
    for (size_t d = 0; d < refinement->dim; d++)
        names[d] = refinement->coordinate[d];
    HF_TRY(hf_dataset_dimension(error, dataset, "grid", refinement->count));
    HF_TRY(hf_dataset_define_names(error, dataset, "coordinate", "coordinates of a head", refinement->dim,
                                   names));
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        HF_TRY(hf_dataset_define(error, dataset, &variables[i]));
    for (size_t i = 0; i < QUANTITY_COUNT; i++) {
        hf_variable variable = {quantities[i].variable,  {"grid"}, quantities[i].units,
                                quantities[i].long_name, 0,        false};
        HF_TRY(hf_dataset_define(error, dataset, &variable));
        HF_TRY(
            hf_dataset_set_number(error, dataset, quantities[i].reference, get(&refinement->reference, i)));
    }
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "flux", refinement->flux));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "reference",
                               refinement->kind == HF_REFERENCE_FLOW_MAP ? FLOW_MAP : RICHARDSON));
    HF_TRY(hf_dataset_set_integer(error, dataset, "reference_nodes", (long)refinement->nodes));
    HF_TRY(hf_dataset_set_integer(error, dataset, "passed", refinement->passed));
    return hf_dataset_set_integer(error, dataset, "expected_order", refinement->expected_order);
}

static hf_status write_row(hf_error *error, hf_dataset *dataset, const hf_refinement *refinement, size_t n) {
    const hf_refinement_row *row = &refinement->row[n];
    double cells[HF_DIM_MAX];
    for (size_t d = 0; d < refinement->dim; d++)
        cells[d] = (double)row->cells[d];
    HF_TRY(hf_dataset_put(error, dataset, "cells", n, 1, cells));
    HF_TRY(hf_dataset_put(error, dataset, "spacing", n, 1, &row->spacing));
    HF_TRY(hf_dataset_put(error, dataset, "steps", n, 1, &(double){(double)row->steps}));
    HF_TRY(hf_dataset_put(error, dataset, "seconds", n, 1, &row->seconds));
    for (size_t i = 0; i < QUANTITY_COUNT; i++)
        HF_TRY(hf_dataset_put(error, dataset, quantities[i].variable, n, 1, &(double){get(&row->error, i)}));
    return HF_OK;
}

static hf_status write_all(hf_error *error, hf_dataset *dataset, const hf_refinement *refinement) {
    HF_TRY(hf_provenance_write(error, dataset, refinement->name, refinement->title, NULL, true));
    HF_TRY(define(error, dataset, refinement));
    for (size_t n = 0; n < refinement->count; n++)
        HF_TRY(write_row(error, dataset, refinement, n));
    return hf_dataset_finish(error, dataset);
}

hf_status hf_refinement_write(hf_error *error, const char *path, const hf_refinement *refinement) {
    hf_dataset *dataset;
    HF_TRY(hf_dataset_create(error, path, &dataset));
    hf_status status = write_all(error, dataset, refinement);
    hf_dataset_destroy(&dataset);
    return status;
}

/* A whole number that the file gives as a double: within what any grid or run has. */
static hf_status check_whole(hf_error *error, const hf_dataset *dataset, const char *name, double value) {
    if (!(value >= 0 && value <= HF_WHOLE_MAX) || value != floor(value))
        return hf_raise(error, HF_ERR_IO, "%s: '%s' is %g; expected a whole number >= 0",
                        hf_dataset_path(dataset), name, value);
    return HF_OK;
}

static hf_status read_row(hf_error *error, const hf_dataset *dataset, hf_refinement *refinement, size_t n) {
    hf_refinement_row *row = &refinement->row[n];
    double cells[HF_DIM_MAX], steps;
    HF_TRY(hf_dataset_get(error, dataset, "cells", n, 1, refinement->dim, cells));
    for (size_t d = 0; d < refinement->dim; d++) {
        HF_TRY(check_whole(error, dataset, "cells", cells[d]));
        row->cells[d] = (size_t)cells[d];
    }
    HF_TRY(hf_dataset_get(error, dataset, "spacing", n, 1, 1, &row->spacing));
    HF_TRY(hf_dataset_get(error, dataset, "steps", n, 1, 1, &steps));
    HF_TRY(hf_dataset_get(error, dataset, "seconds", n, 1, 1, &row->seconds));
    HF_TRY(check_whole(error, dataset, "steps", steps));
    row->steps = (long)steps;
    for (size_t i = 0; i < QUANTITY_COUNT; i++)
        HF_TRY(hf_dataset_get(error, dataset, quantities[i].variable, n, 1, 1, place(&row->error, i)));
    return HF_OK;
}

static hf_status read_all(hf_error *error, const hf_dataset *dataset, hf_refinement *out) {
    double order, nodes, passed;
    char kind[sizeof RICHARDSON];
    HF_TRY(hf_dataset_length(error, dataset, "coordinate", &out->dim));
    HF_TRY(hf_dataset_length(error, dataset, "grid", &out->count));
    if (out->dim < 1 || out->dim > HF_DIM_MAX || out->count < 1 || out->count > HF_REFINEMENT_MAX)
        return hf_raise(error, HF_ERR_IO, "%s: %zu grids of %zu axes; expected 1 to %d of 1 to %d",
                        hf_dataset_path(dataset), out->count, out->dim, HF_REFINEMENT_MAX, HF_DIM_MAX);
    HF_TRY(hf_dataset_get_names(error, dataset, "coordinate", out->dim, out->coordinate));
    HF_TRY(hf_dataset_copy_text(error, dataset, "name", sizeof out->name, out->name));
    HF_TRY(hf_dataset_copy_text(error, dataset, "title", sizeof out->title, out->title));
    HF_TRY(hf_dataset_copy_text(error, dataset, "flux", sizeof out->flux, out->flux));
    HF_TRY(hf_dataset_get_number(error, dataset, "expected_order", &order));
    HF_TRY(hf_dataset_copy_text(error, dataset, "reference", sizeof kind, kind));
    HF_TRY(hf_dataset_get_number(error, dataset, "reference_nodes", &nodes));
    HF_TRY(hf_dataset_get_number(error, dataset, "passed", &passed));
    HF_TRY(check_whole(error, dataset, "reference_nodes", nodes));
    if (!(order >= 1 && order <= ORDER_MAX))
        return hf_raise(error, HF_ERR_IO, "%s: 'expected_order' is %g; expected 1 to %d",
                        hf_dataset_path(dataset), order, ORDER_MAX);
    out->expected_order = (int)order;
    out->kind = strcmp(kind, FLOW_MAP) == 0 ? HF_REFERENCE_FLOW_MAP : HF_REFERENCE_RICHARDSON;
    out->nodes = (size_t)nodes;
    out->passed = passed != 0;
    for (size_t i = 0; i < QUANTITY_COUNT; i++)
        HF_TRY(hf_dataset_get_number(error, dataset, quantities[i].reference, place(&out->reference, i)));
    for (size_t n = 0; n < out->count; n++)
        HF_TRY(read_row(error, dataset, out, n));
    return HF_OK;
}

hf_status hf_refinement_read(hf_error *error, const char *path, hf_refinement *out) {
    hf_dataset *dataset;
    memset(out, 0, sizeof *out);
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = read_all(error, dataset, out);
    hf_dataset_destroy(&dataset);
    return status;
}
