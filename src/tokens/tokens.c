/* A token problem: what a caller stated, checked, with its kernel and transport. */
#include "tokens/tokens.h"

#include "base/symmetric.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double default_rtol = 1e-6, default_atol = 1e-9;
enum { DEFAULT_OUTPUTS = 33, CELLS_MAX = 1 << 24 };

double hf_tokens_sign(const hf_tokens_input *input) {
    return input->descent ? -1 : 1;
}

double hf_tokens_matrix_norm(size_t dim, const double *interaction) {
    double square[HF_TOKENS_DIM_MAX * HF_TOKENS_DIM_MAX] = {0}, value[HF_TOKENS_DIM_MAX];
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            for (size_t k = 0; k < dim; k++)
                square[i * dim + j] += interaction[k * dim + i] * interaction[k * dim + j];
    gsl_matrix_view matrix = gsl_matrix_view_array(square, dim, dim);
    gsl_vector_view values = gsl_vector_view_array(value, dim);
    gsl_eigen_symm_workspace *work = gsl_eigen_symm_alloc(dim);
    int exponent = hf_symmetric_scale(dim * dim, square);
    gsl_eigen_symm(&matrix.matrix, &values.vector, work);
    gsl_eigen_symm_free(work);
    double largest = 0;
    for (size_t i = 0; i < dim; i++)
        largest = fmax(largest, value[i]);
    return sqrt(ldexp(largest, exponent));
}

/* ---- the input -------------------------------------------------------------------------------------- */

static bool is_finite(size_t count, const double *values) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

bool hf_tokens_symmetric(const hf_tokens_input *input) {
    size_t dim = input->dim;
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < i; j++)
            if (input->interaction[i * dim + j] != input->interaction[j * dim + i])
                return false;
    return true;
}

static bool commutes_with_turns(const double *d, bool turns_itself) {
    double skew = turns_itself ? d[1] + d[3] : fmax(fabs(d[1]), fabs(d[3]));
    return d[0] == d[4] && skew == 0 && d[2] == 0 && d[5] == 0 && d[6] == 0 && d[7] == 0;
}

bool hf_tokens_axisymmetric(const hf_tokens_input *input) {
    const hf_tokens_initial *start = &input->initial;
    return input->dim == 3 && commutes_with_turns(input->interaction, true) && start->linear[0] == 0 &&
           start->linear[1] == 0 && commutes_with_turns(start->quadratic, false);
}

static hf_status check_initial(hf_error *error, const hf_tokens_input *input) {
    enum { SAMPLES = 720 };
    double lowest = INFINITY;
    const hf_tokens_initial *start = &input->initial;
    for (size_t k = 0; k < start->point_count; k++) {
        const struct hf_tokens_point *point = &start->point[k];
        bool inside = input->dim == 2 || (point->angle[0] >= 0 && point->angle[0] <= M_PI);
        if (!is_finite(2, point->angle) || !inside || !(point->weight > 0) || !isfinite(point->weight))
            return hf_raise(error, HF_ERR_INPUT,
                            "initial.points: point %zu; expected a weight > 0 and finite angles%s", k + 1,
                            input->dim == 2 ? "" : ", theta from 0 to pi");
    }
    if (!is_finite(input->dim, start->linear) || !is_finite(input->dim * input->dim, start->quadratic))
        return hf_raise(error, HF_ERR_INPUT, "initial: not finite");
    double mean = hf_tokens_initial_mean(input);
    if (!(mean > 0))
        return hf_raise(
            error, HF_ERR_INPUT,
            "initial: the density is %.3g on average, before it is normalised; expected a mean > 0", mean);
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t j = 0; j < (input->dim == 2 ? 1 : SAMPLES / 4); j++) {
            double x[HF_TOKENS_DIM_MAX];
            double angle[2] = {(input->dim == 2 ? 2 : 1) * M_PI * (double)i / (SAMPLES - 1),
                               8 * M_PI * (double)j / SAMPLES};
            hf_tokens_point(input->dim, angle, x);
            lowest = fmin(lowest, hf_tokens_initial_at(input, x));
        }
    if (!(lowest >= -1e-12))
        return hf_raise(error, HF_ERR_INPUT, "initial: the density falls to %.3g; expected none below 0",
                        lowest);
    return HF_OK;
}

static hf_status check_axes(hf_error *error, const hf_tokens_input *input) {
    if (input->dim == 2 ? input->axis_count != 1 : input->axis_count != 1 && input->axis_count != 2)
        return hf_raise(error, HF_ERR_INPUT, "grid.cells: %zu numbers; expected %s", input->axis_count,
                        input->dim == 2 ? "1 on the circle" : "2 on the sphere, or 1 for axisymmetric data");
    if (input->dim == 3 && input->axis_count == 1 && !hf_tokens_axisymmetric(input))
        return hf_raise(
            error, HF_ERR_INPUT,
            "grid.cells: 1 number is for data that are symmetric about the third axis, and these are "
            "not; expected 2");
    if (input->axis_count == 2 && input->cells[1] % 2 == 1 && input->flux != NULL && input->flux->dual)
        return hf_raise(error, HF_ERR_INPUT,
                        "grid.cells: %zu longitudes; expected an even number with a duality flux, so that "
                        "meridians meet at the poles",
                        input->cells[1]);
    size_t cells = 1;
    for (size_t a = 0; a < input->axis_count; a++) {
        if (input->cells[a] < HF_CELLS_MIN || input->cells[a] > CELLS_MAX / cells)
            return hf_raise(error, HF_ERR_INPUT, "grid.cells: %zu; expected %d to %d", input->cells[a],
                            HF_CELLS_MIN, CELLS_MAX);
        cells *= input->cells[a];
    }
    return HF_OK;
}

hf_status hf_tokens_check(hf_error *error, const hf_tokens_input *input) {
    size_t letters = input->name != NULL ? strlen(input->name) : 0;
    if (letters == 0 ||
        strspn(input->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != letters)
        return hf_raise(error, HF_ERR_INPUT, "name: expected letters, digits, - and _");
    if (input->dim != 2 && input->dim != 3)
        return hf_raise(error, HF_ERR_INPUT, "%zu dimensions; expected 2, the circle, or 3, the sphere",
                        input->dim);
    if (!is_finite(input->dim * input->dim, input->interaction))
        return hf_raise(error, HF_ERR_INPUT, "tokens.interaction: not finite");
    double norm = hf_tokens_matrix_norm(input->dim, input->interaction);
    if (norm > HF_TOKENS_NORM_MAX)
        return hf_raise(error, HF_ERR_INPUT, "tokens.interaction: of norm %g; expected at most %g", norm,
                        HF_TOKENS_NORM_MAX);
    if (!(input->end > 0) || !isfinite(input->end))
        return hf_raise(error, HF_ERR_INPUT, "time.end: %g; expected a number > 0", input->end);
    if (input->flux != NULL && !input->flux->cold)
        return hf_raise(error, HF_ERR_INPUT, "scheme.flux: %s is for diffusion, and tokens have none",
                        input->flux->name);
    HF_TRY(check_axes(error, input));
    size_t cells = input->cells[0] * (input->axis_count == 2 ? input->cells[1] : 1);
    if (norm > HF_TOKENS_STRONG && cells > HF_TOKENS_DIRECT_CELLS)
        return hf_raise(
            error, HF_ERR_INPUT,
            "grid.cells: %zu cells with an interaction of norm %g; expected at most %d above a norm of "
            "%g, where the kernel is a dense table",
            cells, norm, HF_TOKENS_DIRECT_CELLS, HF_TOKENS_STRONG);
    return check_initial(error, input);
}

static hf_status take_input(hf_error *error, const hf_tokens_input *input, hf_tokens *tokens) {
    HF_TRY(hf_tokens_check(error, input));
    HF_TRY(hf_string_copy(error, input->name, &tokens->name));
    HF_TRY(hf_string_copy(error, input->title != NULL ? input->title : "", &tokens->title));
    tokens->input = *input;
    hf_tokens_input *own = &tokens->input;
    own->name = tokens->name;
    own->title = tokens->title;
    own->flux = own->flux != NULL ? own->flux : hf_flux_find("muscl");
    own->limiter = !own->flux->limited || own->transport ? NULL
                   : own->limiter != NULL                ? own->limiter
                                                         : hf_limiter_find("vanleer");
    own->method = own->method != NULL ? own->method : hf_method_find("cvode");
    own->rtol = own->rtol > 0 ? own->rtol : default_rtol;
    own->atol = own->atol > 0 ? own->atol : default_atol;
    own->outputs = own->outputs > 0 ? own->outputs : DEFAULT_OUTPUTS;
    tokens->norm = hf_tokens_matrix_norm(own->dim, own->interaction);
    tokens->dual = own->flux->dual && !own->transport;
    return HF_OK;
}

/* ---- grid, lines, kernel ---------------------------------------------------------------------------- */

static hf_status create_grids(hf_error *error, hf_tokens *tokens) {
    const hf_tokens_input *input = &tokens->input;
    hf_axis axes[2] = {{"theta", 0, M_PI, input->cells[0], false},
                       {"phi", -M_PI, M_PI, input->cells[1], true}};
    if (input->dim == 2)
        axes[0] = (hf_axis){"theta", -M_PI, M_PI, input->cells[0], true};
    HF_TRY(hf_grid_create(error, input->axis_count, axes, &tokens->grid));
    for (size_t a = 0; a < input->axis_count; a++) {
        if (a == 0 && input->dim == 3 && tokens->dual)
            axes[a] = (hf_axis){"meridian", 0, 2 * M_PI, 2 * input->cells[0], true};
        HF_TRY(hf_grid_create(error, 1, &axes[a], &tokens->along[a].grid));
        HF_TRY(hf_transport_create(error, tokens->along[a].grid, input->flux, input->limiter, 0,
                                   &tokens->along[a].transport));
    }
    return HF_OK;
}

static void fill_places(hf_tokens *tokens) {
    const hf_grid *grid = tokens->grid;
    size_t dim = tokens->input.dim, rows = hf_grid_axis(grid, 0)->cells;
    double h = hf_grid_spacing(grid, 0), width = dim == 2 ? 1 : 2 * M_PI;
    if (hf_grid_dim(grid) == 2)
        width = hf_grid_spacing(grid, 1);
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double angle[2] = {0};
        hf_grid_centers(grid, i, angle);
        hf_tokens_point(dim, angle, tokens->place + i * dim);
    }
    for (size_t i = 0; i < rows; i++)
        tokens->area[i] = dim == 2 ? h : 2 * width * sin(hf_grid_center(grid, 0, i)) * sin(h / 2);
}

static hf_status create_arrays(hf_error *error, hf_tokens *tokens) {
    const hf_grid *grid = tokens->grid;
    size_t cells = hf_grid_cells(grid), axes = hf_grid_dim(grid), longest = 0;
    for (size_t a = 0; a < axes; a++)
        longest =
            hf_grid_cells(tokens->along[a].grid) > longest ? hf_grid_cells(tokens->along[a].grid) : longest;
    HF_TRY(hf_array_create(error, cells * tokens->input.dim, &tokens->place));
    HF_TRY(hf_array_create(error, hf_grid_axis(grid, 0)->cells, &tokens->area));
    HF_TRY(hf_array_create(error, cells, &tokens->mass));
    HF_TRY(hf_array_create(error, cells, &tokens->field));
    HF_TRY(hf_array_create(error, cells, &tokens->other));
    HF_TRY(hf_array_create(error, cells, &tokens->whole));
    if (tokens->dual || tokens->input.transport)
        HF_TRY(hf_array_create(error, axes * cells, &tokens->gradient));
    HF_TRY(hf_allocate(error, longest, sizeof *tokens->cell, &tokens->cell));
    return hf_array_create(error, 4 * longest, &tokens->line);
}

static hf_status create_kernels(hf_error *error, hf_tokens *tokens) {
    size_t dim = tokens->input.dim;
    const double *interaction = tokens->input.interaction;
    double transposed[HF_TOKENS_DIM_MAX * HF_TOKENS_DIM_MAX];
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            transposed[i * dim + j] = interaction[j * dim + i];
    tokens->kernel = tokens->norm > HF_TOKENS_STRONG ? &hf_tokens_direct
                     : dim == 2                      ? &hf_tokens_circle
                                                     : &hf_tokens_sphere;
    HF_TRY(tokens->kernel->create(error, tokens->grid, interaction, tokens->norm, &tokens->forward));
    return hf_tokens_symmetric(&tokens->input)
               ? HF_OK
               : tokens->kernel->create(error, tokens->grid, transposed, tokens->norm, &tokens->backward);
}

static hf_status fill(hf_error *error, const hf_tokens_input *input, hf_tokens *tokens) {
    HF_TRY(take_input(error, input, tokens));
    HF_TRY(create_grids(error, tokens));
    HF_TRY(create_arrays(error, tokens));
    fill_places(tokens);
    return create_kernels(error, tokens);
}

hf_status hf_tokens_create(hf_error *error, const hf_tokens_input *input, hf_tokens **out) {
    *out = NULL;
    hf_tokens *tokens;
    HF_TRY(hf_allocate(error, 1, sizeof *tokens, &tokens));
    hf_status status = fill(error, input, tokens);
    if (status != HF_OK)
        hf_tokens_destroy(&tokens);
    *out = tokens;
    return status;
}

void hf_tokens_destroy(hf_tokens **tokens) {
    if (tokens == NULL || *tokens == NULL)
        return;
    hf_tokens *t = *tokens;
    double **const arrays[] = {&t->place, &t->area,  &t->mass,     &t->field,
                               &t->other, &t->whole, &t->gradient, &t->line};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        hf_array_destroy(arrays[i]);
    if (t->kernel != NULL) {
        t->kernel->destroy(&t->forward);
        t->kernel->destroy(&t->backward);
    }
    for (size_t a = 0; a < 2; a++) {
        hf_transport_destroy(&t->along[a].transport);
        hf_grid_destroy(&t->along[a].grid);
    }
    hf_grid_destroy(&t->grid);
    free(t->cell);
    free(t->name);
    free(t->title);
    free(t);
    *tokens = NULL;
}

const hf_tokens_input *hf_tokens_input_of(const hf_tokens *tokens) {
    return &tokens->input;
}
const hf_grid *hf_tokens_grid(const hf_tokens *tokens) {
    return tokens->grid;
}
const char *hf_tokens_flux_name(const hf_tokens *tokens) {
    return tokens->input.transport ? "transport" : tokens->input.flux->name;
}
double hf_tokens_area(const hf_tokens *tokens, size_t cell) {
    return tokens->area[cell / hf_grid_stride(tokens->grid, 0)];
}
double hf_tokens_norm(const hf_tokens *tokens) {
    return tokens->norm;
}
