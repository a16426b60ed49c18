/* The minimum of the risk, or of the free energy, on disk: optimum.nc of docs/formats.md. Equations:
 * docs/theory.md (47)-(52). */
#include "store/provenance.h"
#include "store/solution.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the attribute `minimises` says: which of the two kinds of file it is. */
static const char RISK[] = "risk", FREE_ENERGY[] = "free_energy";

/* Over atoms; the positions and what else has an entry a coordinate after them. */
static const hf_variable of_atoms[] = {
    {"atom_mass", {"atom"}, "1", "mass of the atom, sums to 1", 0, false},
    {"atom_excess", {"atom"}, "nat", "potential Psi at the atom less its lowest value on the box", 0, false},
    {"atom_position", {"atom", "coordinate"}, "1", "where the atom is", 0, false},
    {"atom_slope", {"atom", "coordinate"}, "nat", "gradient of the potential Psi at the atom", 0, false},
    {"atom_wall", {"atom", "coordinate"}, "1", "wall that holds the atom", 0, true},
};
enum { ATOM_VARIABLES = sizeof of_atoms / sizeof *of_atoms, WALLS = 3 };

static const hf_variable logits_variable = {
    "logits", {"event", "class"}, "1", "averaged logits z of the minimiser", 0, false};

/* ---- writing ---------------------------------------------------------------------------------------- */

/* The file's own names, beside those that no coordinate of a case can have. */
static hf_status check_names(hf_error *error, const hf_grid *grid) {
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        const char *name = hf_grid_axis(grid, d)->name;
        bool taken = strcmp(name, "atom") == 0 || strcmp(name, "potential") == 0;
        for (size_t i = 0; i < ATOM_VARIABLES; i++)
            taken = taken || strcmp(name, of_atoms[i].name) == 0;
        if (taken || hf_solution_reserves(name))
            return hf_raise(error, HF_ERR_INPUT,
                            "coordinate '%s': optimum.nc has a name of its own like that; expected another",
                            name);
    }
    return HF_OK;
}

static hf_status begin(hf_error *error, hf_dataset *dataset, const hf_problem *problem, const char *case_text,
                       const char *minimises) {
    const hf_grid *grid = hf_problem_grid(problem);
    const char *names[HF_DIM_MAX];
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        names[d] = hf_grid_axis(grid, d)->name;
    HF_TRY(hf_provenance_write(error, dataset, hf_problem_name(problem), hf_problem_title(problem), case_text,
                               !hf_problem_deterministic(problem)));
    char fingerprint[HF_FINGERPRINT_MAX];
    hf_problem_fingerprint(problem, fingerprint);
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "problem", fingerprint));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "minimises", minimises));
    HF_TRY(hf_dataset_set_number(error, dataset, "temperature", hf_problem_temperature(problem)));
    HF_TRY(hf_dataset_set_number(error, dataset, "ridge", hf_model_ridge(hf_problem_model(problem))));
    HF_TRY(hf_dataset_define_names(error, dataset, "coordinate", "coordinates of a head", hf_grid_dim(grid),
                                   names));
    return hf_axes_write(error, dataset, grid);
}

/* Psi at the cell centres, from the coefficients at each alpha. docs/theory.md (8)-(9).
 * psi: shape (cells) */
static hf_status fill_potential(hf_error *error, const hf_problem *problem, const double *logits,
                                double *psi) {
    const hf_grid *grid = hf_problem_grid(problem);
    const hf_model *model = hf_problem_model(problem);
    const hf_events *events = hf_problem_events(problem);
    size_t width = hf_events_count(events) * hf_events_classes(events), alphas = 1;
    for (size_t d = 0; d < hf_model_attention_coordinates(model); d++)
        alphas *= hf_grid_axis(grid, d)->cells;
    size_t values = hf_grid_cells(grid) / alphas;
    double *residual, *projection;
    HF_TRY(hf_array_create(error, width + hf_model_projection_size(model), &residual));
    projection = residual + width;
    hf_risk_cross_entropy(events, logits, residual);
    hf_model_project_residual(model, residual, projection);
#pragma omp parallel for schedule(static)
    for (size_t a = 0; a < alphas; a++) {
        double theta[HF_DIM_MAX], g[HF_TERMS_MAX];
        hf_grid_centers(grid, a * values, theta);
        hf_model_coefficients(model, projection, theta, g, NULL, NULL);
        for (size_t i = a * values; i < (a + 1) * values; i++) {
            hf_grid_centers(grid, i, theta);
            psi[i] = hf_model_assemble(model, theta, g, NULL, NULL, NULL, NULL);
        }
    }
    hf_array_destroy(&residual);
    return HF_OK;
}

static hf_status write_potential(hf_error *error, hf_dataset *dataset, const hf_problem *problem,
                                 const double *logits) {
    const hf_grid *grid = hf_problem_grid(problem);
    hf_variable variable = {
        .name = "potential", .units = "nat", .long_name = "potential Psi of the minimiser at cell centres"};
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        variable.dims[d] = hf_grid_axis(grid, d)->name;
    HF_TRY(hf_dataset_define(error, dataset, &variable));
    double *psi;
    HF_TRY(hf_array_create(error, hf_grid_cells(grid), &psi));
    hf_status status = fill_potential(error, problem, logits, psi);
    if (status == HF_OK)
        status = hf_dataset_put(error, dataset, "potential", 0, hf_grid_axis(grid, 0)->cells, psi);
    hf_array_destroy(&psi);
    return status;
}

/* 0, 1, 2 for none, the lower, the upper wall. */
static hf_status write_walls(hf_error *error, hf_dataset *dataset, const hf_optimum *optimum) {
    static const double flag[WALLS] = {1, 0, 2};
    size_t count = optimum->atoms.count * optimum->atoms.dim;
    double *walls;
    HF_TRY(hf_dataset_set_flags(error, dataset, "atom_wall", WALLS, "none lower upper"));
    HF_TRY(hf_array_create(error, count, &walls));
    for (size_t i = 0; i < count; i++)
        walls[i] = flag[1 + optimum->wall[i]];
    hf_status status = hf_dataset_put(error, dataset, "atom_wall", 0, optimum->atoms.count, walls);
    hf_array_destroy(&walls);
    return status;
}

static hf_status write_optimum(hf_error *error, hf_dataset *dataset, const hf_problem *problem,
                               const char *case_text, const hf_optimum *optimum) {
    const hf_events *events = hf_problem_events(problem);
    const hf_atoms *atoms = &optimum->atoms;
    HF_TRY(begin(error, dataset, problem, case_text, RISK));
    HF_TRY(hf_dataset_set_number(error, dataset, "risk", optimum->risk));
    HF_TRY(hf_dataset_set_number(error, dataset, "lowest", optimum->lowest));
    HF_TRY(hf_dataset_set_number(error, dataset, "gap", optimum->gap));
    HF_TRY(hf_dataset_set_integer(error, dataset, "wall_limited", optimum->wall_limited));
    HF_TRY(hf_dataset_set_integer(error, dataset, "iterations", (long)optimum->iterations));
    HF_TRY(hf_dataset_dimension(error, dataset, "atom", atoms->count));
    HF_TRY(hf_dataset_dimension(error, dataset, "event", hf_events_count(events)));
    HF_TRY(hf_dataset_dimension(error, dataset, "class", hf_events_classes(events)));
    for (size_t i = 0; i < ATOM_VARIABLES; i++)
        HF_TRY(hf_dataset_define(error, dataset, &of_atoms[i]));
    HF_TRY(hf_dataset_define(error, dataset, &logits_variable));
    HF_TRY(hf_dataset_put(error, dataset, "atom_mass", 0, atoms->count, atoms->mass));
    HF_TRY(hf_dataset_put(error, dataset, "atom_excess", 0, atoms->count, optimum->excess));
    HF_TRY(hf_dataset_put(error, dataset, "atom_position", 0, atoms->count, atoms->theta));
    HF_TRY(hf_dataset_put(error, dataset, "atom_slope", 0, atoms->count, optimum->slope));
    HF_TRY(write_walls(error, dataset, optimum));
    HF_TRY(hf_dataset_put(error, dataset, "logits", 0, hf_events_count(events), optimum->logits));
    HF_TRY(write_potential(error, dataset, problem, optimum->logits));
    return hf_dataset_finish(error, dataset);
}

static hf_status write_gibbs(hf_error *error, hf_dataset *dataset, const hf_problem *problem,
                             const char *case_text, const hf_gibbs *gibbs) {
    HF_TRY(begin(error, dataset, problem, case_text, FREE_ENERGY));
    HF_TRY(hf_dataset_set_number(error, dataset, "risk", gibbs->risk));
    HF_TRY(hf_dataset_set_number(error, dataset, "entropy", gibbs->entropy));
    HF_TRY(hf_dataset_set_number(error, dataset, "free_energy", gibbs->free_energy));
    HF_TRY(hf_dataset_set_number(error, dataset, "gap", gibbs->gap));
    HF_TRY(hf_dataset_set_number(error, dataset, "free_energy_continuum", gibbs->continuum));
    HF_TRY(hf_dataset_set_number(error, dataset, "free_energy_continuum_error", gibbs->continuum_error));
    HF_TRY(hf_dataset_set_integer(error, dataset, "iterations", (long)gibbs->iterations));
    HF_TRY(hf_density_define(error, dataset, problem, false));
    HF_TRY(hf_dataset_put(error, dataset, "density", 0, hf_grid_axis(hf_problem_grid(problem), 0)->cells,
                          gibbs->rho));
    return hf_dataset_finish(error, dataset);
}

hf_status hf_optimum_write(hf_error *error, const char *path, const hf_problem *problem,
                           const char *case_text, const hf_optimum *optimum) {
    hf_dataset *dataset;
    HF_TRY(check_names(error, hf_problem_grid(problem)));
    HF_TRY(hf_dataset_create(error, path, &dataset));
    hf_status status = write_optimum(error, dataset, problem, case_text, optimum);
    hf_dataset_destroy(&dataset);
    return status;
}

hf_status hf_gibbs_write(hf_error *error, const char *path, const hf_problem *problem, const char *case_text,
                         const hf_gibbs *gibbs) {
    hf_dataset *dataset;
    HF_TRY(check_names(error, hf_problem_grid(problem)));
    HF_TRY(hf_dataset_create(error, path, &dataset));
    hf_status status = write_gibbs(error, dataset, problem, case_text, gibbs);
    hf_dataset_destroy(&dataset);
    return status;
}

/* ---- matched labels --------------------------------------------------------------------------------- */

double hf_optimum_mismatch(const hf_problem *problem, const hf_optimum *optimum) {
    const hf_events *events = hf_problem_events(problem);
    size_t classes = hf_events_classes(events);
    double residual[HF_WIDTH_MAX], largest = 0;
    for (size_t e = 0; e < hf_events_count(events); e++) {
        hf_risk_event(events, e, optimum->logits + e * classes, residual);
        for (size_t c = 0; c < classes; c++)
            largest = fmax(largest, fabs(residual[c]));
    }
    return largest;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static hf_status read_count(hf_error *error, const hf_dataset *dataset, const char *name, size_t *out) {
    static const double most = 1e9;
    double value;
    HF_TRY(hf_dataset_get_number(error, dataset, name, &value));
    if (!(value >= 0 && value <= most) || value != floor(value))
        return hf_raise(error, HF_ERR_IO, "%s: '%s' is %g; expected a whole number >= 0",
                        hf_dataset_path(dataset), name, value);
    *out = (size_t)value;
    return HF_OK;
}

/* A variable over the cells. */
static hf_status read_cells(hf_error *error, const hf_dataset *dataset, const hf_grid *grid, const char *name,
                            double **out) {
    const char *dims[HF_DIM_MAX + 1] = {0};
    size_t lengths[HF_RANK_MAX], rows = hf_grid_axis(grid, 0)->cells;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        dims[d] = hf_grid_axis(grid, d)->name;
    HF_TRY(hf_dataset_shape(error, dataset, name, dims, lengths));
    HF_TRY(hf_array_create(error, hf_grid_cells(grid), out));
    return hf_dataset_get(error, dataset, name, 0, rows, hf_grid_cells(grid) / rows, *out);
}

static hf_status read_walls(hf_error *error, const hf_dataset *dataset, hf_optimum *optimum) {
    size_t count = optimum->atoms.count * optimum->atoms.dim;
    static const int wall[WALLS] = {0, -1, 1};
    double *flag;
    HF_TRY(hf_array_create(error, count, &flag));
    hf_status status =
        hf_dataset_get(error, dataset, "atom_wall", 0, optimum->atoms.count, optimum->atoms.dim, flag);
    for (size_t i = 0; i < count && status == HF_OK; i++)
        if (flag[i] == 0 || flag[i] == 1 || flag[i] == 2)
            optimum->wall[i] = wall[(size_t)flag[i]];
        else
            status = hf_raise(error, HF_ERR_IO, "%s: 'atom_wall' is %g; expected 0, 1 or 2",
                              hf_dataset_path(dataset), flag[i]);
    hf_array_destroy(&flag);
    return status;
}

static hf_status check_atoms(hf_error *error, const hf_dataset *dataset, const hf_atoms *atoms) {
    for (size_t k = 0; k < atoms->count; k++) {
        bool good = isfinite(atoms->mass[k]) && atoms->mass[k] > 0;
        for (size_t d = 0; d < atoms->dim; d++)
            good = good && isfinite(atoms->theta[k * atoms->dim + d]);
        if (!good)
            return hf_raise(error, HF_ERR_IO, "%s: atom %zu has no position and mass > 0; expected them",
                            hf_dataset_path(dataset), k);
    }
    return HF_OK;
}

/* The shape of a variable over atoms bounds their number, which is then safe to allocate. */
static hf_status read_atoms(hf_error *error, const hf_dataset *dataset, size_t dim, hf_optimum *optimum) {
    size_t lengths[HF_RANK_MAX] = {0}, count;
    for (size_t i = 0; i < ATOM_VARIABLES; i++) {
        HF_TRY(hf_dataset_shape(error, dataset, of_atoms[i].name, of_atoms[i].dims, lengths));
        if (lengths[0] == 0)
            return hf_raise(error, HF_ERR_IO, "%s: '%s' has no atoms; expected at least one",
                            hf_dataset_path(dataset), of_atoms[i].name);
    }
    count = lengths[0];
    HF_TRY(hf_atoms_allocate(error, count, dim, &optimum->atoms));
    HF_TRY(hf_array_create(error, count, &optimum->excess));
    HF_TRY(hf_array_create(error, count * dim, &optimum->slope));
    HF_TRY(hf_allocate(error, count * dim, sizeof *optimum->wall, &optimum->wall));
    HF_TRY(hf_dataset_get(error, dataset, "atom_mass", 0, count, 1, optimum->atoms.mass));
    HF_TRY(hf_dataset_get(error, dataset, "atom_excess", 0, count, 1, optimum->excess));
    HF_TRY(hf_dataset_get(error, dataset, "atom_position", 0, count, dim, optimum->atoms.theta));
    HF_TRY(hf_dataset_get(error, dataset, "atom_slope", 0, count, dim, optimum->slope));
    HF_TRY(read_walls(error, dataset, optimum));
    return check_atoms(error, dataset, &optimum->atoms);
}

static hf_status read_optimum(hf_error *error, const hf_dataset *dataset, hf_minimum *out) {
    hf_optimum *optimum = &out->optimum;
    size_t lengths[HF_RANK_MAX], limited = 0;
    HF_TRY(hf_dataset_get_number(error, dataset, "risk", &optimum->risk));
    HF_TRY(hf_dataset_get_number(error, dataset, "lowest", &optimum->lowest));
    HF_TRY(hf_dataset_get_number(error, dataset, "gap", &optimum->gap));
    HF_TRY(read_count(error, dataset, "wall_limited", &limited));
    optimum->wall_limited = limited != 0;
    HF_TRY(read_count(error, dataset, "iterations", &optimum->iterations));
    HF_TRY(read_atoms(error, dataset, hf_grid_dim(out->grid), optimum));
    HF_TRY(hf_dataset_shape(error, dataset, logits_variable.name, logits_variable.dims, lengths));
    HF_TRY(hf_array_create(error, lengths[0] * lengths[1], &optimum->logits));
    HF_TRY(hf_dataset_get(error, dataset, "logits", 0, lengths[0], lengths[1], optimum->logits));
    return read_cells(error, dataset, out->grid, "potential", &out->potential);
}

static hf_status read_gibbs(hf_error *error, const hf_dataset *dataset, hf_minimum *out) {
    hf_gibbs *gibbs = &out->gibbs;
    HF_TRY(hf_dataset_get_number(error, dataset, "risk", &gibbs->risk));
    HF_TRY(hf_dataset_get_number(error, dataset, "entropy", &gibbs->entropy));
    HF_TRY(hf_dataset_get_number(error, dataset, "free_energy", &gibbs->free_energy));
    HF_TRY(hf_dataset_get_number(error, dataset, "gap", &gibbs->gap));
    HF_TRY(hf_dataset_get_number(error, dataset, "free_energy_continuum", &gibbs->continuum));
    HF_TRY(hf_dataset_get_number(error, dataset, "free_energy_continuum_error", &gibbs->continuum_error));
    HF_TRY(read_count(error, dataset, "iterations", &gibbs->iterations));
    return read_cells(error, dataset, out->grid, "density", &gibbs->rho);
}

static hf_status read_all(hf_error *error, const hf_dataset *dataset, hf_minimum *out) {
    char minimises[HF_TITLE_MAX];
    HF_TRY(hf_dataset_copy_text(error, dataset, "minimises", HF_TITLE_MAX, minimises));
    HF_TRY(hf_dataset_copy_text(error, dataset, "name", HF_TITLE_MAX, out->name));
    HF_TRY(hf_dataset_copy_text(error, dataset, "title", HF_TITLE_MAX, out->title));
    HF_TRY(hf_dataset_get_number(error, dataset, "temperature", &out->temperature));
    HF_TRY(hf_axes_read(error, dataset, &out->grid));
    out->thermal = strcmp(minimises, FREE_ENERGY) == 0;
    if (!out->thermal && strcmp(minimises, RISK) != 0)
        return hf_raise(error, HF_ERR_IO, "%s: 'minimises' is '%.40s'; expected %s or %s",
                        hf_dataset_path(dataset), minimises, RISK, FREE_ENERGY);
    return out->thermal ? read_gibbs(error, dataset, out) : read_optimum(error, dataset, out);
}

hf_status hf_minimum_read(hf_error *error, const char *path, hf_minimum *out) {
    hf_dataset *dataset;
    *out = (hf_minimum){0};
    HF_TRY(hf_dataset_open(error, path, &dataset));
    hf_status status = read_all(error, dataset, out);
    hf_dataset_destroy(&dataset);
    if (status != HF_OK)
        hf_minimum_clear(out);
    return status;
}

void hf_minimum_clear(hf_minimum *minimum) {
    hf_grid_destroy(&minimum->grid);
    hf_optimum_clear(&minimum->optimum);
    hf_gibbs_clear(&minimum->gibbs);
    hf_array_destroy(&minimum->potential);
    *minimum = (hf_minimum){0};
}
