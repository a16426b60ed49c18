/* Heads and the context table against a plain twin written from the definitions: naive softmax, a Gauss rule
 * of its own, a table over the full grid. Derivatives against differences; velocities of a grid against the
 * gradient of the potential; scores of any size. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3, CLASSES = 3 };

static const hf_table_options cell_means = {.sampling = HF_CELL_MEANS};
static const hf_table_options point_values = {.sampling = HF_POINT_VALUES};

/* ---- the twin ------------------------------------------------------------------------------------ */

/* B(alpha) of the three forms, by name. */
static void attention_matrix(const hf_heads *heads, const double *alpha, double *B) {
    const char *form = heads->form->name;
    for (size_t i = 0; i < WIDTH * WIDTH; i++) {
        const double *basis = heads->attention_basis + i, *second = basis + WIDTH * WIDTH;
        B[i] = heads->attention_base[i];
        if (strcmp(form, "product") == 0)
            B[i] += alpha[0] * alpha[1] * *basis;
        else if (strcmp(form, "angle") == 0)
            B[i] += cos(alpha[0]) * *basis + sin(alpha[0]) * *second;
        else
            for (size_t k = 0; k < heads->attention_coordinates; k++)
                B[i] += alpha[k] * basis[k * WIDTH * WIDTH];
    }
}

static void twin_context(const hf_heads *heads, const hf_events *events, size_t e, const double *alpha,
                         double *c) {
    size_t length = hf_events_length(events, e);
    const double *x = hf_events_tokens(events, e);
    double B[WIDTH * WIDTH], total = 0;
    attention_matrix(heads, alpha, B);
    memset(c, 0, WIDTH * sizeof *c);
    for (size_t j = 0; j < length; j++) {
        double s = 0;
        for (size_t i = 0; i < WIDTH; i++)
            for (size_t k = 0; k < WIDTH; k++)
                s += x[(length - 1) * WIDTH + i] * B[i * WIDTH + k] * x[j * WIDTH + k];
        total += exp(s);
        for (size_t i = 0; i < WIDTH; i++)
            c[i] += exp(s) * x[j * WIDTH + i];
    }
    for (size_t i = 0; i < WIDTH; i++)
        c[i] /= total;
}

/* W(v) c */
static void twin_output(const hf_heads *heads, const double *v, const double *c, double *h) {
    for (size_t k = 0; k < CLASSES; k++) {
        h[k] = 0;
        for (size_t i = 0; i < WIDTH; i++) {
            double w = heads->value_base[k * WIDTH + i];
            for (size_t j = 0; j < heads->value_coordinates; j++)
                w += v[j] * heads->value_basis[(j * CLASSES + k) * WIDTH + i];
            h[k] += w * c[i];
        }
    }
}

/* Mean of c_e over the alpha-part of a cell: Gauss-Legendre, 3 points an axis, by recursion over axes. */
static void twin_mean_context(const trial *t, size_t e, size_t axis, double *alpha, double mass, double *c) {
    static const double point[] = {-1, 0, 1}, share[] = {5, 8, 5};
    const hf_grid *grid = hf_problem_grid(t->problem);
    if (axis == t->alphas) {
        double at_point[WIDTH];
        twin_context(&t->heads, hf_problem_events(t->problem), e, alpha, at_point);
        for (size_t i = 0; i < WIDTH; i++)
            c[i] += mass * at_point[i];
        return;
    }
    double center = alpha[axis];
    for (int q = 0; q < 3; q++) {
        alpha[axis] = center + point[q] * sqrt(0.6) * hf_grid_spacing(grid, axis) / 2;
        twin_mean_context(t, e, axis + 1, alpha, mass * share[q] / 18, c);
    }
    alpha[axis] = center;
}

/* Head logits h_{e,i} of a cell. */
static void twin_cell_logits(const trial *t, size_t e, size_t cell, double *h) {
    double theta[HF_DIM_MAX], c[WIDTH] = {0};
    hf_grid_centers(hf_problem_grid(t->problem), cell, theta);
    twin_mean_context(t, e, 0, theta, 1, c);
    twin_output(&t->heads, theta + t->alphas, c, h);
}

/* Half the mean of |theta|^2 over a cell; angles do not count, their square is no function on the circle. */
static double twin_half_square(const trial *t, size_t cell) {
    const hf_grid *grid = hf_problem_grid(t->problem);
    double theta[HF_DIM_MAX], sum = 0;
    hf_grid_centers(grid, cell, theta);
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        double a = theta[d] - hf_grid_spacing(grid, d) / 2, b = theta[d] + hf_grid_spacing(grid, d) / 2;
        if (!hf_grid_axis(grid, d)->periodic)
            sum += (b * b * b - a * a * a) / (6 * (b - a));
    }
    return sum;
}

/* z_e = sum |C| rho_i h_{e,i}, then Psi_i = sum w_e r_e . h_{e,i} + ridge. */
static void twin_potential(const trial *t, const double *rho, double *z, double *psi) {
    const hf_grid *grid = hf_problem_grid(t->problem);
    const hf_events *events = hf_problem_events(t->problem);
    double h[CLASSES];
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        psi[i] = t->ridge * twin_half_square(t, i);
    for (size_t e = 0; e < hf_events_count(events); e++) {
        double *ze = z + e * CLASSES, total = 0, r[CLASSES];
        memset(ze, 0, CLASSES * sizeof *ze);
        for (size_t i = 0; i < hf_grid_cells(grid); i++) {
            twin_cell_logits(t, e, i, h);
            for (size_t k = 0; k < CLASSES; k++)
                ze[k] += hf_grid_volume(grid) * rho[i] * h[k];
        }
        for (size_t k = 0; k < CLASSES; k++)
            total += exp(ze[k]);
        for (size_t k = 0; k < CLASSES; k++)
            r[k] = exp(ze[k]) / total - hf_events_label(events, e)[k];
        for (size_t i = 0; i < hf_grid_cells(grid); i++) {
            twin_cell_logits(t, e, i, h);
            for (size_t k = 0; k < CLASSES; k++)
                psi[i] += hf_events_weight(events, e) * r[k] * h[k];
        }
    }
}

/* ---- on the grid --------------------------------------------------------------------------------- */

Test(table, logits_and_potential_equal_the_twin) {
    gsl_rng *random = make_random(40);
    for (size_t s = 0; s < head_shape_count; s++) {
        trial t = {.form = head_shapes[s].form,
                   .alphas = head_shapes[s].alphas,
                   .values = head_shapes[s].values,
                   .ridge = s % 3 > 0 ? 0.7 : 0};
        trial_create(&t, random);
        const hf_grid *grid = hf_problem_grid(t.problem);
        size_t cells = hf_grid_cells(grid), size = hf_events_count(hf_problem_events(t.problem)) * CLASSES;
        double *rho = make_array(cells), *z = make_array(size), *twin_z = make_array(size);
        double *psi = make_array(cells), *twin_psi = make_array(cells);
        hf_flow *flow;
        cr_assert_eq(hf_flow_create(NULL, t.problem, &flow), HF_OK);
        fill_density(random, grid, 0.3, rho);
        hf_flow_risk(flow, rho, z);
        hf_flow_potential(flow, rho, psi);
        twin_potential(&t, rho, twin_z, twin_psi);
        cr_expect_leq(largest_difference(size, z, twin_z), 1e-13 * largest(size, twin_z));
        cr_expect_leq(largest_difference(cells, psi, twin_psi), 1e-13 * largest(cells, twin_psi),
                      "%s, %zu and %zu coordinates", t.form, t.alphas, t.values);
        hf_flow_destroy(&flow);
        hf_array_destroy(&rho);
        hf_array_destroy(&z);
        hf_array_destroy(&twin_z);
        hf_array_destroy(&psi);
        hf_array_destroy(&twin_psi);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

/* A right-hand side asks for the potential in pieces. */
Test(table, potential_of_any_range_is_that_of_the_whole) {
    gsl_rng *random = make_random(41);
    for (size_t s = 0; s < head_shape_count; s++) {
        trial t = {.form = head_shapes[s].form,
                   .alphas = head_shapes[s].alphas,
                   .values = head_shapes[s].values,
                   .ridge = 0.7};
        trial_create(&t, random);
        const hf_grid *grid = hf_problem_grid(t.problem);
        size_t cells = hf_grid_cells(grid);
        hf_table *table;
        cr_assert_eq(hf_table_create(NULL, hf_problem_model(t.problem), grid, &cell_means, &table), HF_OK);
        size_t terms = hf_table_rows(table) * (1 + t.values);
        double *coefficients = make_array(terms), *whole = make_array(cells), *part = make_array(cells);
        fill_uniform(random, -2.385, 2.385, terms, coefficients);
        hf_table_potential(table, coefficients, 0, cells, whole);
        for (int k = 0; k < 50; k++) {
            size_t first = gsl_rng_uniform_int(random, cells);
            size_t count = gsl_rng_uniform_int(random, cells - first + 1);
            hf_table_potential(table, coefficients, first, count, part);
            cr_expect_arr_eq(part, whole + first, count * sizeof *part, "%s %zu %zu", t.form, first, count);
        }
        hf_table_destroy(&table);
        cr_expect_null(table);
        hf_array_destroy(&coefficients);
        hf_array_destroy(&whole);
        hf_array_destroy(&part);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

/* h^T (diag p - p p^T) h, the variance of h under p; |h|^2 where p is NULL. */
static double twin_square(const double *p, const double *h) {
    double sum = 0, mean = 0;
    for (size_t k = 0; k < CLASSES && p != NULL; k++)
        mean += p[k] * h[k];
    for (size_t k = 0; k < CLASSES; k++)
        sum += p != NULL ? p[k] * (h[k] - mean) * (h[k] - mean) : h[k] * h[k];
    return sum;
}

/* A random distribution over the classes for each event. p: shape (count, CLASSES) */
static void fill_probability(gsl_rng *random, size_t count, double *p) {
    fill_uniform(random, 0.05, 1, count * CLASSES, p);
    for (size_t e = 0; e < count; e++, p += CLASSES) {
        double total = p[0] + p[1] + p[2];
        for (size_t k = 0; k < CLASSES; k++)
            p[k] /= total;
    }
}

/* sum |C| rho_i times the mean of |theta|^2/2, and of |W(v) c_i|^2 or its like with v spread evenly over the
 * cell. */
Test(table, second_moments_equal_the_twin) {
    gsl_rng *random = make_random(42);
    for (size_t s = 0; s < head_shape_count; s++) {
        trial t = {.form = head_shapes[s].form,
                   .alphas = head_shapes[s].alphas,
                   .values = head_shapes[s].values,
                   .ridge = 0.7};
        trial_create(&t, random);
        const hf_grid *grid = hf_problem_grid(t.problem);
        const hf_events *events = hf_problem_events(t.problem);
        double *rho = make_array(hf_grid_cells(grid)), half_square = 0, second[2] = {0}, p[8 * CLASSES];
        hf_table *table;
        cr_assert_eq(hf_table_create(NULL, hf_problem_model(t.problem), grid, &cell_means, &table), HF_OK);
        fill_density(random, grid, 0.3, rho);
        fill_probability(random, hf_events_count(events), p);
        for (size_t i = 0; i < hf_grid_cells(grid); i++) {
            double mass = hf_grid_volume(grid) * rho[i];
            half_square += mass * twin_half_square(&t, i);
            for (size_t e = 0; e < hf_events_count(events); e++) {
                double theta[HF_DIM_MAX], c[WIDTH] = {0}, h[CLASSES];
                hf_grid_centers(grid, i, theta);
                twin_mean_context(&t, e, 0, theta, 1, c);
                /* two Gauss points an axis are exact for a square: the corners of a smaller box */
                for (size_t corner = 0; corner < (size_t)1 << t.values; corner++) {
                    double v[HF_VALUE_MAX];
                    for (size_t j = 0; j < t.values; j++)
                        v[j] = theta[t.alphas + j] +
                               (corner >> j & 1 ? 1 : -1) * hf_grid_spacing(grid, t.alphas + j) / sqrt(12);
                    double share = hf_events_weight(events, e) * mass / (double)((size_t)1 << t.values);
                    twin_output(&t.heads, v, c, h);
                    second[0] += share * twin_square(NULL, h);
                    second[1] += share * twin_square(p + e * CLASSES, h);
                }
            }
        }
        cr_expect_float_eq(hf_table_half_square(table, rho), half_square, 1e-13);
        for (int k = 0; k < 2; k++)
            cr_expect_float_eq(hf_table_second_moment(table, rho, k == 0 ? NULL : p) / second[k], 1, 1e-13,
                               "%s %zu %zu", t.form, t.alphas, t.values);
        hf_table_destroy(&table);
        hf_array_destroy(&rho);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

Test(table, states_its_size) {
    gsl_rng *random = make_random(43);
    trial t = {.form = "affine", .alphas = 1, .values = 1};
    trial_create(&t, random);
    const hf_model *model = hf_problem_model(t.problem);
    double events = (double)hf_events_count(hf_problem_events(t.problem));
    double rows = (double)hf_grid_axis(hf_problem_grid(t.problem), 0)->cells;
    double bytes = hf_table_bytes(model, hf_problem_grid(t.problem), 3);
    cr_expect_geq(bytes, 8 * 3 * (rows + 2 * CLASSES * events));
    cr_expect_leq(bytes, 8 * 3 * (rows + 2 * CLASSES * (events + 32)), "nothing of the full grid's size");
    cr_expect_eq(hf_table_bytes(model, hf_problem_grid(t.problem), 1000),
                 hf_table_bytes(model, hf_problem_grid(t.problem), (size_t)rows));
    hf_grid *grid;
    hf_error error = {0};
    hf_table *table;
    cr_assert_eq(hf_grid_create(NULL, 1, hf_grid_axis(hf_problem_grid(t.problem), 0), &grid), HF_OK);
    cr_expect_eq(hf_table_create(&error, model, grid, &cell_means, &table), HF_ERR_INPUT);
    cr_expect_str_eq(error.message, "a grid of 1 axes for heads with 2 coordinates");
    cr_expect_null(table);
    hf_grid_destroy(&grid);
    trial_destroy(&t);
    gsl_rng_free(random);
}

/* ---- at a point ---------------------------------------------------------------------------------- */

/* Calls `check` with every shape of heads on random data. */
static void for_all_shapes(unsigned long seed, void (*check)(gsl_rng *random, const trial *t)) {
    gsl_rng *random = make_random(seed);
    for (size_t s = 0; s < head_shape_count; s++) {
        trial t = {.form = head_shapes[s].form,
                   .alphas = head_shapes[s].alphas,
                   .values = head_shapes[s].values,
                   .ridge = 0.7};
        trial_create(&t, random);
        check(random, &t);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

static void check_points(gsl_rng *random, const trial *t) {
    enum { ATOMS = 5 };
    const hf_model *model = hf_problem_model(t->problem);
    const hf_events *events = hf_problem_events(t->problem);
    size_t dim = t->alphas + t->values, count = hf_events_count(events);
    double theta[ATOMS * HF_DIM_MAX], mass[ATOMS], sum[CLASSES * 8] = {0}, z[CLASSES * 8];
    fill_uniform(random, -1.5, 1.5, ATOMS * dim, theta);
    fill_uniform(random, 0, 1, ATOMS, mass);
    for (size_t a = 0; a < ATOMS; a++)
        for (size_t e = 0; e < count; e++) {
            double c[WIDTH], twin_c[WIDTH], h[CLASSES], twin_h[CLASSES];
            hf_model_context(model, e, theta + a * dim, c);
            twin_context(&t->heads, events, e, theta + a * dim, twin_c);
            cr_expect_leq(largest_difference(WIDTH, c, twin_c), 1e-14);
            hf_model_head_logits(model, e, theta + a * dim, h);
            twin_output(&t->heads, theta + a * dim + t->alphas, twin_c, twin_h);
            cr_expect_leq(largest_difference(CLASSES, h, twin_h), 1e-13);
            for (size_t k = 0; k < CLASSES; k++)
                sum[e * CLASSES + k] += mass[a] * h[k];
        }
    hf_model_atoms_logits(model, ATOMS, theta, mass, z);
    cr_expect_leq(largest_difference(count * CLASSES, z, sum), 1e-13);
}

Test(point, contexts_and_logits_equal_the_twin) {
    for_all_shapes(44, check_points);
}

/* Psi(theta) = sum w_e r_e . h_e(theta) + ridge, for any residuals; its derivatives by fourth-order
 * differences with step 1e-3: error h^4/30 of a fifth derivative of order 100, rounding 1e-15/h. */
static void check_potential(gsl_rng *random, const trial *t) {
    const double h = 1e-3, tolerance = 1e-10;
    const hf_model *model = hf_problem_model(t->problem);
    const hf_events *events = hf_problem_events(t->problem);
    size_t dim = t->alphas + t->values, count = hf_events_count(events);
    double residual[8 * CLASSES], theta[HF_DIM_MAX], psi[4], shifted[4][HF_DIM_MAX];
    double gradient[HF_DIM_MAX], hessian[HF_DIM_MAX * HF_DIM_MAX], logits[CLASSES];
    double *projection = make_array(hf_model_projection_size(model));
    fill_uniform(random, -1, 1, count * CLASSES, residual);
    fill_uniform(random, -1.5, 1.5, dim, theta);
    hf_model_project_residual(model, residual, projection);
    double value = hf_model_potential(model, projection, theta, gradient, hessian), expected = 0;
    for (size_t d = 0; d < dim; d++)
        expected += t->heads.form->periodic && d == 0 ? 0 : t->ridge * theta[d] * theta[d] / 2;
    for (size_t e = 0; e < count; e++) {
        hf_model_head_logits(model, e, theta, logits);
        for (size_t k = 0; k < CLASSES; k++)
            expected += hf_events_weight(events, e) * residual[e * CLASSES + k] * logits[k];
    }
    cr_expect_float_eq(value, expected, 1e-13);
    cr_expect_eq(value, hf_model_potential(model, projection, theta, NULL, NULL));
    for (size_t d = 0; d < dim; d++) {
        static const double offset[] = {-2, -1, 1, 2};
        double here = theta[d];
        for (int k = 0; k < 4; k++) {
            theta[d] = here + offset[k] * h;
            psi[k] = hf_model_potential(model, projection, theta, shifted[k], NULL);
        }
        theta[d] = here;
        cr_expect_float_eq((psi[0] - 8 * psi[1] + 8 * psi[2] - psi[3]) / (12 * h), gradient[d], tolerance,
                           "%s %zu %zu", t->form, t->alphas, t->values);
        for (size_t b = 0; b < dim; b++) {
            double *const *g = (double *[]){shifted[0], shifted[1], shifted[2], shifted[3]};
            double second = (g[0][b] - 8 * g[1][b] + 8 * g[2][b] - g[3][b]) / (12 * h);
            cr_expect_float_eq(second, hessian[d * dim + b], tolerance, "%s %zu %zu: %zu %zu", t->form,
                               t->alphas, t->values, d, b);
        }
    }
    hf_array_destroy(&projection);
}

Test(point, derivatives_equal_differences) {
    for_all_shapes(45, check_potential);
}

/* The derivative of head logits along axis a, or the second one along a and b (b < D), from the logits alone:
 * differences of fourth order, whose rounding is 1e-15/h or its square. */
static void differences(const hf_model *model, size_t event, const double *theta, size_t dim, size_t a,
                        size_t b, double *derivative) {
    const double h = 1e-3;
    static const double offset[] = {-2, -1, 1, 2}, share[] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
    memset(derivative, 0, CLASSES * sizeof *derivative);
    for (size_t k = 0; k < (b < dim ? 16 : 4); k++) {
        double moved[HF_DIM_MAX], logits[CLASSES], factor = share[k % 4] / h;
        memcpy(moved, theta, dim * sizeof *moved);
        moved[a] += offset[k % 4] * h;
        if (b < dim) {
            moved[b] += offset[k / 4] * h;
            factor *= share[k / 4] / h;
        }
        hf_model_head_logits(model, event, moved, logits);
        for (size_t c = 0; c < CLASSES; c++)
            derivative[c] += factor * logits[c];
    }
}

static void check_head_derivatives(gsl_rng *random, const trial *t) {
    const hf_model *model = hf_problem_model(t->problem);
    size_t dim = t->alphas + t->values, count = hf_events_count(hf_problem_events(t->problem));
    double theta[HF_DIM_MAX], h[CLASSES], plain[CLASSES], jacobian[CLASSES * HF_DIM_MAX];
    double first[CLASSES * HF_DIM_MAX], hessian[CLASSES * HF_DIM_MAX * HF_DIM_MAX], derivative[CLASSES];
    fill_uniform(random, -1.5, 1.5, dim, theta);
    for (size_t e = 0; e < count; e++) {
        hf_model_head_logits(model, e, theta, plain);
        hf_model_head_derivatives(model, e, theta, h, first, NULL);
        cr_expect_leq(largest_difference(CLASSES, h, plain), 1e-13);
        hf_model_head_derivatives(model, e, theta, h, jacobian, hessian);
        cr_expect_leq(largest_difference(CLASSES, h, plain), 1e-13);
        cr_expect_arr_eq(first, jacobian, CLASSES * dim * sizeof *first, "with and without the Hessian");
        for (size_t a = 0; a < dim; a++) {
            differences(model, e, theta, dim, a, dim, derivative);
            for (size_t c = 0; c < CLASSES; c++)
                cr_expect_float_eq(jacobian[c * dim + a], derivative[c], 1e-9, "%s %zu %zu: %zu", t->form,
                                   t->alphas, t->values, a);
            for (size_t b = 0; b < dim; b++) {
                differences(model, e, theta, dim, a, b, derivative);
                for (size_t c = 0; c < CLASSES; c++)
                    cr_expect_float_eq(hessian[(c * dim + a) * dim + b], derivative[c], 1e-7,
                                       "%s %zu %zu: %zu %zu", t->form, t->alphas, t->values, a, b);
            }
        }
    }
}

Test(point, derivatives_of_head_logits_equal_differences) {
    for_all_shapes(71, check_head_derivatives);
}

/* sum_e weight_e J_e^T r_e + lambda theta, angles aside, over events in a list; and its like with Hessians.
 * residual: shape (count, CLASSES); hessian may be NULL */
static void twin_gradient(const trial *t, size_t count, const size_t *event, const double *weight,
                          const double *residual, const double *theta, double *gradient, double *hessian) {
    const hf_model *model = hf_problem_model(t->problem);
    size_t dim = t->alphas + t->values;
    for (size_t d = 0; d < dim; d++) {
        bool ridged = !t->heads.form->periodic || d >= t->alphas;
        gradient[d] = ridged ? t->ridge * theta[d] : 0;
        for (size_t b = 0; b < dim && hessian != NULL; b++)
            hessian[d * dim + b] = b == d && ridged ? t->ridge : 0;
    }
    for (size_t k = 0; k < count; k++) {
        double h[CLASSES], jacobian[CLASSES * HF_DIM_MAX], second[CLASSES * HF_DIM_MAX * HF_DIM_MAX];
        hf_model_head_derivatives(model, event[k], theta, h, jacobian, second);
        for (size_t c = 0; c < CLASSES; c++) {
            double factor = weight[k] * residual[k * CLASSES + c];
            for (size_t d = 0; d < dim; d++)
                gradient[d] += factor * jacobian[c * dim + d];
            for (size_t d = 0; d < dim * dim && hessian != NULL; d++)
                hessian[d] += factor * second[c * dim * dim + d];
        }
    }
}

static void check_sum_of_heads(gsl_rng *random, const trial *t) {
    const hf_model *model = hf_problem_model(t->problem);
    const hf_events *events = hf_problem_events(t->problem);
    size_t dim = t->alphas + t->values, count = hf_events_count(events), event[8];
    double weight[8], residual[8 * CLASSES], theta[HF_DIM_MAX];
    double gradient[2][HF_DIM_MAX], hessian[2][HF_DIM_MAX * HF_DIM_MAX];
    double *projection = make_array(hf_model_projection_size(model));
    for (size_t e = 0; e < count; e++) {
        event[e] = e;
        weight[e] = hf_events_weight(events, e);
    }
    fill_uniform(random, -1, 1, count * CLASSES, residual);
    fill_uniform(random, -1.5, 1.5, dim, theta);
    hf_model_project_residual(model, residual, projection);
    hf_model_potential(model, projection, theta, gradient[0], hessian[0]);
    twin_gradient(t, count, event, weight, residual, theta, gradient[1], hessian[1]);
    cr_expect_leq(largest_difference(dim, gradient[0], gradient[1]), 1e-13, "%s %zu %zu", t->form, t->alphas,
                  t->values);
    cr_expect_leq(largest_difference(dim * dim, hessian[0], hessian[1]), 1e-13, "%s %zu %zu", t->form,
                  t->alphas, t->values);
    hf_array_destroy(&projection);
}

Test(point, potential_is_the_sum_of_its_heads) {
    for_all_shapes(72, check_sum_of_heads);
}

/* ---- many heads at once -------------------------------------------------------------------------- */

/* One block of heads, its borders, and several blocks. */
static const size_t cloud_sizes[] = {1, 2, 127, 128, 129, 300};

static hf_cloud *place_cloud(gsl_rng *random, const trial *t, size_t heads, double *theta) {
    hf_cloud *cloud;
    cr_assert_eq(hf_cloud_create(NULL, hf_problem_model(t->problem), heads, &cloud), HF_OK);
    fill_uniform(random, -1.5, 1.5, heads * (t->alphas + t->values), theta);
    hf_cloud_place(cloud, theta);
    return cloud;
}

static void check_cloud(gsl_rng *random, const trial *t) {
    const hf_model *model = hf_problem_model(t->problem);
    size_t dim = t->alphas + t->values, size = hf_events_count(hf_problem_events(t->problem)) * CLASSES;
    double *projection = make_array(hf_model_projection_size(model)), residual[8 * CLASSES];
    double z[8 * CLASSES], twin_z[8 * CLASSES];
    for (size_t s = 0; s < sizeof cloud_sizes / sizeof *cloud_sizes; s++) {
        size_t N = cloud_sizes[s];
        double *theta = make_array(N * dim), *mass = make_array(N), *gradient = make_array(N * dim);
        hf_cloud *cloud = place_cloud(random, t, N, theta);
        fill_uniform(random, 1 / (double)N, 1 / (double)N, N, mass);
        fill_uniform(random, -1, 1, size, residual);
        hf_cloud_logits(cloud, NULL, z);
        hf_model_atoms_logits(model, N, theta, mass, twin_z);
        cr_expect_leq(largest_difference(size, z, twin_z), 1e-13, "%s %zu %zu, %zu heads", t->form, t->alphas,
                      t->values, N);
        hf_cloud_gradient(cloud, NULL, residual, gradient);
        hf_model_project_residual(model, residual, projection);
        for (size_t i = 0; i < N; i++) {
            double plain[HF_DIM_MAX];
            hf_model_potential(model, projection, theta + i * dim, plain, NULL);
            cr_expect_leq(largest_difference(dim, gradient + i * dim, plain), 1e-13,
                          "%s %zu %zu, head %zu of %zu", t->form, t->alphas, t->values, i, N);
        }
        hf_cloud_destroy(&cloud);
        cr_expect_null(cloud);
        hf_array_destroy(&theta);
        hf_array_destroy(&mass);
        hf_array_destroy(&gradient);
    }
    hf_array_destroy(&projection);
}

Test(cloud, equals_its_heads_one_by_one) {
    for_all_shapes(73, check_cloud);
}

/* The events of a batch in any order, with weights that have nothing to do with theirs. */
static void check_batch(gsl_rng *random, const trial *t) {
    static const size_t event[] = {2, 0, 3, 1};
    const hf_model *model = hf_problem_model(t->problem);
    size_t dim = t->alphas + t->values;
    for (size_t s = 0; s < sizeof cloud_sizes / sizeof *cloud_sizes; s++) {
        size_t N = cloud_sizes[s], count = 1 + s % 4;
        double weight[4], residual[4 * CLASSES], z[4 * CLASSES], twin_z[4 * CLASSES] = {0}, h[CLASSES];
        double *theta = make_array(N * dim), *gradient = make_array(N * dim);
        hf_cloud *cloud = place_cloud(random, t, N, theta);
        fill_uniform(random, 0.1, 2.385, count, weight);
        fill_uniform(random, -1, 1, count * CLASSES, residual);
        hf_batch batch = {count, event, weight};
        hf_cloud_logits(cloud, &batch, z);
        hf_cloud_gradient(cloud, &batch, residual, gradient);
        for (size_t i = 0; i < N; i++) {
            double plain[HF_DIM_MAX];
            for (size_t k = 0; k < count; k++) {
                hf_model_head_logits(model, event[k], theta + i * dim, h);
                for (size_t c = 0; c < CLASSES; c++)
                    twin_z[k * CLASSES + c] += h[c] / (double)N;
            }
            twin_gradient(t, count, event, weight, residual, theta + i * dim, plain, NULL);
            cr_expect_leq(largest_difference(dim, gradient + i * dim, plain), 1e-13,
                          "%s %zu %zu, head %zu of %zu", t->form, t->alphas, t->values, i, N);
        }
        cr_expect_leq(largest_difference(count * CLASSES, z, twin_z), 1e-13, "%s %zu %zu, %zu heads", t->form,
                      t->alphas, t->values, N);
        hf_cloud_destroy(&cloud);
        hf_array_destroy(&theta);
        hf_array_destroy(&gradient);
    }
}

Test(cloud, sees_a_batch_as_a_sum_over_it) {
    for_all_shapes(74, check_batch);
}

/* The head loss r . h_e of one event: its gradient against differences of the head logits. */
static void check_head_loss(gsl_rng *random, const trial *t) {
    enum { HEADS = 3 };
    const hf_model *model = hf_problem_model(t->problem);
    size_t dim = t->alphas + t->values;
    double theta[HEADS * HF_DIM_MAX], residual[CLASSES], gradient[HEADS * HF_DIM_MAX], derivative[CLASSES];
    const double one = 1;
    hf_cloud *cloud = place_cloud(random, t, HEADS, theta);
    for (size_t e = 0; e < hf_events_count(hf_problem_events(t->problem)); e++) {
        hf_batch batch = {1, &e, &one};
        fill_uniform(random, -1, 1, CLASSES, residual);
        hf_cloud_gradient(cloud, &batch, residual, gradient);
        for (size_t i = 0; i < HEADS * dim; i++) {
            double loss = !hf_model_ridged(model, i % dim) ? 0 : t->ridge * theta[i];
            differences(model, e, theta + i / dim * dim, dim, i % dim, dim, derivative);
            for (size_t c = 0; c < CLASSES; c++)
                loss += residual[c] * derivative[c];
            cr_expect_float_eq(gradient[i], loss, 1e-9, "%s %zu %zu", t->form, t->alphas, t->values);
        }
    }
    hf_cloud_destroy(&cloud);
}

Test(cloud, gradient_of_the_head_loss_equals_differences) {
    for_all_shapes(75, check_head_loss);
}

/* ---- point values -------------------------------------------------------------------------------- */

/* A table of point values on a grid of the box of a trial, and the coefficients of random residuals. */
typedef struct sampled {
    hf_grid *grid;
    hf_table *table;
    size_t cells, terms; /* terms: of the coefficients of all rows */
    double *projection, *modes, *coefficients, *velocities;
} sampled;

static sampled sample(gsl_rng *random, const trial *t, const size_t *axis_cells) {
    const hf_model *model = hf_problem_model(t->problem);
    size_t dim = t->alphas + t->values, count = hf_events_count(hf_problem_events(t->problem));
    hf_axis axes[HF_DIM_MAX];
    double residual[8 * CLASSES];
    sampled s;
    for (size_t d = 0; d < dim; d++) {
        axes[d] = *hf_grid_axis(hf_problem_grid(t->problem), d);
        axes[d].cells = axis_cells[d];
    }
    cr_assert_eq(hf_grid_create(NULL, dim, axes, &s.grid), HF_OK);
    cr_assert_eq(hf_table_create(NULL, model, s.grid, &point_values, &s.table), HF_OK);
    s.cells = hf_grid_cells(s.grid);
    s.terms = hf_table_rows(s.table) * (1 + t->values);
    s.projection = make_array(hf_model_projection_size(model));
    s.modes = make_array(hf_table_modes_count(s.table));
    s.coefficients = make_array(s.terms);
    s.velocities = make_array(dim * s.terms);
    fill_uniform(random, -1, 1, count * CLASSES, residual);
    hf_model_project_residual(model, residual, s.projection);
    hf_table_residual_modes(s.table, residual, s.modes);
    hf_table_coefficients(s.table, s.modes, s.coefficients);
    hf_table_velocities(s.table, s.coefficients, s.velocities);
    return s;
}

static void sampled_destroy(sampled *s) {
    hf_table_destroy(&s->table);
    hf_grid_destroy(&s->grid);
    hf_array_destroy(&s->projection);
    hf_array_destroy(&s->modes);
    hf_array_destroy(&s->coefficients);
    hf_array_destroy(&s->velocities);
}

static const size_t few_cells[] = {9, 10, 11, 9}; /* as few as differences can do with */

/* The potential of a grid is that of the model at its centres. */
static void check_sampled_potential(gsl_rng *random, const trial *t) {
    sampled s = sample(random, t, few_cells);
    const hf_model *model = hf_problem_model(t->problem);
    double *psi = make_array(s.cells), *exact = make_array(s.cells), theta[HF_DIM_MAX];
    hf_table_potential(s.table, s.coefficients, 0, s.cells, psi);
    for (size_t i = 0; i < s.cells; i++) {
        hf_grid_centers(s.grid, i, theta);
        exact[i] = hf_model_potential(model, s.projection, theta, NULL, NULL);
    }
    cr_expect_leq(largest_difference(s.cells, psi, exact), 1e-14 * largest(s.cells, exact) + 1e-14);
    hf_array_destroy(&psi);
    hf_array_destroy(&exact);
    sampled_destroy(&s);
}

Test(point_values, potential_is_that_of_the_model) {
    for_all_shapes(48, check_sampled_potential);
}

/* Logits, the ridge and the second moment of a density are those of atoms at the centres. */
static void check_atoms(gsl_rng *random, const trial *t) {
    sampled s = sample(random, t, few_cells);
    const hf_model *model = hf_problem_model(t->problem);
    const hf_events *events = hf_problem_events(t->problem);
    size_t dim = t->alphas + t->values, count = hf_events_count(events);
    double *rho = make_array(s.cells), *mass = make_array(s.cells), *theta = make_array(dim * s.cells);
    double *moments = make_array(s.terms), z[8 * CLASSES], exact[8 * CLASSES], p[8 * CLASSES];
    double half = 0, second[2] = {0};
    fill_probability(random, count, p);
    fill_uniform(random, -0.2, 1, s.cells, rho); /* point values may be negative */
    for (size_t i = 0; i < s.cells; i++) {
        rho[i] /= (double)s.cells * hf_grid_volume(s.grid);
        mass[i] = rho[i] * hf_grid_volume(s.grid);
        hf_grid_centers(s.grid, i, theta + i * dim);
        for (size_t d = 0; d < dim; d++)
            half += hf_grid_axis(s.grid, d)->periodic ? 0 : mass[i] * pow(theta[i * dim + d], 2) / 2;
        for (size_t e = 0; e < count; e++) {
            double h[CLASSES];
            hf_model_head_logits(model, e, theta + i * dim, h);
            second[0] += hf_events_weight(events, e) * mass[i] * twin_square(NULL, h);
            second[1] += hf_events_weight(events, e) * mass[i] * twin_square(p + e * CLASSES, h);
        }
    }
    hf_table_moments_team(s.table, rho, moments);
    hf_table_modes_team(s.table, moments, s.modes);
    hf_table_logits(s.table, s.modes, z);
    hf_model_atoms_logits(model, s.cells, theta, mass, exact);
    cr_expect_leq(largest_difference(count * CLASSES, z, exact), 1e-13);
    cr_expect_float_eq(hf_table_half_square(s.table, rho), half, 1e-13);
    for (int k = 0; k < 2; k++)
        cr_expect_float_eq(hf_table_second_moment(s.table, rho, k == 0 ? NULL : p) / second[k], 1, 1e-12);
    hf_array_destroy(&rho);
    hf_array_destroy(&mass);
    hf_array_destroy(&theta);
    hf_array_destroy(&moments);
    sampled_destroy(&s);
}

Test(point_values, logits_and_moments_are_those_of_atoms) {
    for_all_shapes(49, check_atoms);
}

/* Largest error of the velocity along an axis against the gradient of the model, over all cells, or those at
 * least four from both ends of the axis. */
static double velocity_error(const trial *t, const sampled *s, size_t d, bool inside) {
    const hf_model *model = hf_problem_model(t->problem);
    size_t n = hf_grid_axis(s->grid, d)->cells;
    double *error = make_array(s->cells), theta[HF_DIM_MAX], gradient[HF_DIM_MAX];
    double *ones = make_array(s->cells);
    for (size_t i = 0; i < s->cells; i++)
        ones[i] = 1;
    hf_table_flow(s->table, s->velocities, d, 0, s->cells, ones, error);
    hf_array_destroy(&ones);
    for (size_t i = 0; i < s->cells; i++) {
        size_t index = i / hf_grid_stride(s->grid, d) % n;
        hf_grid_centers(s->grid, i, theta);
        hf_model_potential(model, s->projection, theta, gradient, NULL);
        error[i] = inside && (index < 4 || index + 4 >= n) ? 0 : error[i] + gradient[d];
    }
    double worst = largest(s->cells, error);
    hf_array_destroy(&error);
    return worst;
}

/* Affine in v, so exact along the value axes. */
static void check_value_velocity(gsl_rng *random, const trial *t) {
    sampled s = sample(random, t, few_cells);
    for (size_t d = t->alphas; d < t->alphas + t->values; d++)
        cr_expect_leq(velocity_error(t, &s, d, false), 1e-13, "%s %zu %zu", t->form, t->alphas, t->values);
    sampled_destroy(&s);
}

Test(point_values, velocity_along_values_is_exact) {
    for_all_shapes(67, check_value_velocity);
}

/* On polynomials of degree 8 in the number of the row along an axis, times anything across it, the velocities
 * are exact, with the ridge: at every wall, and where no stencil passes the seam of an angle. */
static void check_slopes(gsl_rng *random, const trial *t) {
    sampled s = sample(random, t, few_cells);
    size_t rows = hf_table_rows(s.table), terms = 1 + t->values, stride = rows;
    for (size_t d = 0; d < t->alphas; d++) {
        const hf_axis *axis = hf_grid_axis(s.grid, d);
        double h = hf_grid_spacing(s.grid, d), middle = (double)(axis->cells - 1) / 2;
        double *exact = make_array(s.terms), *slopes = s.velocities + d * s.terms;
        stride /= axis->cells;
        for (size_t row = 0; row < rows; row++)
            for (size_t j = 0; j < terms; j++) {
                double x = ((double)(row / stride % axis->cells) - middle) / middle,
                       *g = &exact[row * terms + j];
                double across = cos((double)(row % stride + 10 * (row / stride / axis->cells) + j));
                s.coefficients[row * terms + j] = across * (pow(x, 8) - pow(x, 7) + pow(x, 5) + x * x - 3);
                *g = -across * (8 * pow(x, 7) - 7 * pow(x, 6) + 5 * pow(x, 4) + 2 * x) / (h * middle);
                if (j == 0 && !axis->periodic)
                    *g -= t->ridge * hf_grid_center(s.grid, d, row / stride % axis->cells);
            }
        hf_table_velocities(s.table, s.coefficients, s.velocities);
        for (size_t row = 0; row < rows; row++)
            for (size_t j = 0; j < terms; j++) {
                size_t i = row * terms + j, index = row / stride % axis->cells;
                bool seam = axis->periodic && (index < 4 || index + 4 >= axis->cells);
                cr_expect(seam || fabs(slopes[i] - exact[i]) <= 1e-11, "%s %zu %zu axis %zu row %zu: %g, %g",
                          t->form, t->alphas, t->values, d, row, slopes[i], exact[i]);
            }
        hf_array_destroy(&exact);
    }
    sampled_destroy(&s);
}

Test(point_values, slopes_are_exact_on_polynomials) {
    for_all_shapes(70, check_slopes);
}

/* Errors of the velocities along all attention axes with so many cells, the other axes few: the largest of
 * any heads, everywhere and away from the ends of the axis. */
static void attention_errors(size_t n, double error[2]) {
    gsl_rng *random = make_random(68); /* the same heads and residuals for any n */
    error[0] = error[1] = 0;
    for (size_t i = 0; i < head_shape_count; i++) {
        trial t = {.form = head_shapes[i].form,
                   .alphas = head_shapes[i].alphas,
                   .values = head_shapes[i].values,
                   .ridge = 0.7};
        trial_create(&t, random);
        for (size_t d = 0; d < t.alphas; d++) {
            size_t cells[HF_DIM_MAX] = {3, 3, 3, 3};
            for (size_t b = 0; b < t.alphas; b++)
                cells[b] = b == d ? n : HF_SLOPES_MIN;
            sampled s = sample(random, &t, cells);
            for (int inside = 0; inside < 2; inside++)
                error[inside] = largest(2, (double[]){error[inside], velocity_error(&t, &s, d, inside)});
            sampled_destroy(&s);
        }
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

Test(point_values, velocity_along_attention_has_order_eight) {
    double coarse[2], fine[2];
    attention_errors(96, coarse);
    attention_errors(192, fine);
    for (int inside = 0; inside < 2; inside++) {
        double order = log2(coarse[inside] / fine[inside]);
        cr_expect_float_eq(order, 8, 0.5, "order %.3f, errors %.3g and %.3g", order, coarse[inside],
                           fine[inside]);
    }
}

/* A sweep asks for the velocity in pieces, and for the largest of them. */
static void check_velocity_ranges(gsl_rng *random, const trial *t) {
    sampled s = sample(random, t, few_cells);
    double *whole = make_array(s.cells), *part = make_array(s.cells), *rho = make_array(s.cells),
           *ones = make_array(s.cells);
    fill_uniform(random, -1, 1, s.cells, rho);
    fill_uniform(random, 1, 1, s.cells, ones);
    fill_uniform(random, -2.385, 2.385, s.terms, s.coefficients);
    hf_table_velocities(s.table, s.coefficients, s.velocities);
    for (size_t d = 0; d < t->alphas + t->values; d++) {
        hf_table_flow(s.table, s.velocities, d, 0, s.cells, ones, whole);
        double speed = largest(s.cells, whole);
        cr_expect_float_eq(hf_table_speed(s.table, d), speed, 1e-14 * speed, "%s %zu %zu axis %zu", t->form,
                           t->alphas, t->values, d);
        for (int k = 0; k < 50; k++) {
            size_t first = gsl_rng_uniform_int(random, s.cells);
            size_t count = gsl_rng_uniform_int(random, s.cells - first + 1);
            hf_table_flow(s.table, s.velocities, d, first, count, ones + first, part);
            cr_expect_arr_eq(part, whole + first, count * sizeof *part, "%s %zu %zu", t->form, first, count);
            hf_table_flow(s.table, s.velocities, d, first, count, rho + first, part);
            for (size_t i = 0; i < count; i++)
                part[i] -= whole[first + i] * rho[first + i];
            cr_expect_leq(largest(count, part), 1e-14 * speed, "%s %zu %zu", t->form, first, count);
        }
    }
    hf_array_destroy(&whole);
    hf_array_destroy(&part);
    hf_array_destroy(&rho);
    hf_array_destroy(&ones);
    sampled_destroy(&s);
}

Test(point_values, velocity_of_any_range_is_that_of_the_whole) {
    for_all_shapes(69, check_velocity_ranges);
}

/* ---- scores of any size -------------------------------------------------------------------------- */

static hf_model *make_score_model(const hf_events *events, double base) {
    static const double value[CLASSES * WIDTH] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    double attention_base[WIDTH * WIDTH] = {0}, basis[WIDTH * WIDTH] = {1};
    attention_base[8] = base; /* the last component of every token is 1: a common shift of the scores */
    hf_heads heads = {.form = hf_attention_form_find("affine"),
                      .attention_coordinates = 1,
                      .attention_basis_count = 1,
                      .attention_base = attention_base,
                      .attention_basis = basis,
                      .value_base = value};
    hf_model *model;
    cr_assert_eq(hf_model_create(NULL, &heads, events, 0, &model), HF_OK);
    return model;
}

/* First components 3, 3, -1, query 2: scores 6a, 6a, -2a, 4a (plus a common base). At a >> 0 the first two
 * tokens share the attention, at a << 0 the third has it all, and the potential is flat: its derivatives
 * vanish like exp(-2|a|). */
Test(score, large_scores_have_their_limits) {
    static const double tokens[4][WIDTH] = {{3, 0.25, 1}, {3, 2.385, 1}, {-1, -7.5, 1}, {2, 1.5, 1}};
    const double top[WIDTH] = {3, (0.25 + 2.385) / 2, 1}, bottom[WIDTH] = {-1, -7.5, 1};
    hf_events *events;
    cr_assert_eq(hf_events_create(NULL, WIDTH, CLASSES, &events), HF_OK);
    cr_assert_eq(hf_events_add(NULL, events, 4, tokens[0], (const double[]){0.2, 0.3, 0.5}, 1), HF_OK);
    for (double base = -1e4; base <= 1e4; base += 1e4)
        for (double size = 100; size <= 1e4; size *= 10)
            for (int sign = -1; sign <= 1; sign += 2) {
                hf_model *model = make_score_model(events, base);
                const double *limit = sign > 0 ? top : bottom, residual[] = {0.3, -1.2, 0.9};
                double alpha = sign * size, c[WIDTH], h[CLASSES], gradient, hessian;
                double projection[WIDTH], psi = 0;
                for (size_t i = 0; i < WIDTH; i++)
                    psi += residual[i] * limit[i];
                hf_model_context(model, 0, &alpha, c);
                hf_model_head_logits(model, 0, &alpha, h);
                cr_expect_leq(largest_difference(WIDTH, c, limit), 1e-15);
                cr_expect_leq(largest_difference(WIDTH, h, limit), 2e-15);
                hf_model_project_residual(model, residual, projection);
                cr_expect_float_eq(hf_model_potential(model, projection, &alpha, &gradient, &hessian), psi,
                                   1e-14);
                cr_expect_leq(fabs(gradient), 1e3 * exp(-2 * size));
                cr_expect_leq(fabs(hessian), 1e4 * exp(-2 * size));
                hf_model_destroy(&model);
            }
    hf_events_destroy(&events);
}

/* The same of many heads at once, each with its own side of the limit, and mild ones between them. */
Test(score, many_heads_have_the_limits_of_large_scores) {
    enum { HEADS = 131 };
    static const double tokens[4][WIDTH] = {{3, 0.25, 1}, {3, 2.385, 1}, {-1, -7.5, 1}, {2, 1.5, 1}};
    const double top[WIDTH] = {3, (0.25 + 2.385) / 2, 1}, bottom[WIDTH] = {-1, -7.5, 1};
    const double residual[] = {0.3, -1.2, 0.9};
    hf_events *events;
    cr_assert_eq(hf_events_create(NULL, WIDTH, CLASSES, &events), HF_OK);
    cr_assert_eq(hf_events_add(NULL, events, 4, tokens[0], (const double[]){0.2, 0.3, 0.5}, 1), HF_OK);
    for (double base = -700; base <= 700; base += 700)
        for (double size = 700. / 6; size < 2e4; size *= 12) {
            hf_model *model = make_score_model(events, base);
            double alpha[HEADS], gradient[HEADS], projection[WIDTH], z[CLASSES], twin_z[CLASSES] = {0};
            hf_cloud *cloud;
            for (size_t i = 0; i < HEADS; i++) {
                double mild = 0.01 * (double)i - 0.5, c[WIDTH];
                alpha[i] = i % 3 == 0 ? size : i % 3 == 1 ? -size : mild;
                hf_model_context(model, 0, &mild, c);
                for (size_t k = 0; k < WIDTH; k++)
                    twin_z[k] += (i % 3 == 0 ? top[k] : i % 3 == 1 ? bottom[k] : c[k]) / HEADS;
            }
            cr_assert_eq(hf_cloud_create(NULL, model, HEADS, &cloud), HF_OK);
            hf_cloud_place(cloud, alpha);
            hf_cloud_logits(cloud, NULL, z);
            cr_expect_leq(largest_difference(CLASSES, z, twin_z), 1e-12, "base %g, size %g", base, size);
            hf_cloud_gradient(cloud, NULL, residual, gradient);
            hf_model_project_residual(model, residual, projection);
            for (size_t i = 0; i < HEADS; i++) {
                double plain = 0;
                if (i % 3 == 2)
                    hf_model_potential(model, projection, &alpha[i], &plain, NULL);
                cr_expect_float_eq(gradient[i], plain, 1e-12, "base %g, alpha %g: %g", base, alpha[i],
                                   gradient[i]);
            }
            hf_cloud_destroy(&cloud);
            hf_model_destroy(&model);
        }
    hf_events_destroy(&events);
}

/* A common shift of an event's scores changes nothing, up to the rounding of the scores: 1e4 eps. */
Test(score, a_common_shift_changes_nothing) {
    gsl_rng *random = make_random(46);
    hf_events *events;
    cr_assert_eq(hf_events_create(NULL, WIDTH, CLASSES, &events), HF_OK);
    for (int e = 0; e < 5; e++) {
        double tokens[4][WIDTH];
        fill_uniform(random, -1.5, 1.5, sizeof tokens / sizeof(double), tokens[0]);
        for (int s = 0; s < 4; s++)
            tokens[s][2] = 1;
        cr_assert_eq(hf_events_add(NULL, events, 4, tokens[0], (const double[]){0.2, 0.3, 0.5}, 1), HF_OK);
    }
    hf_model *model = make_score_model(events, 0.25), *shifted = make_score_model(events, 1e4);
    double residual[5 * CLASSES], projection[5 * WIDTH], value[2][3], alpha = 1.385;
    fill_uniform(random, -1, 1, 5 * CLASSES, residual);
    hf_model_project_residual(model, residual, projection);
    value[0][0] = hf_model_potential(model, projection, &alpha, &value[0][1], &value[0][2]);
    value[1][0] = hf_model_potential(shifted, projection, &alpha, &value[1][1], &value[1][2]);
    cr_expect_leq(largest_difference(3, value[0], value[1]), 1e-11);
    hf_model_destroy(&model);
    hf_model_destroy(&shifted);
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

/* ---- what is refused ----------------------------------------------------------------------------- */

Test(forms, are_found_by_name) {
    size_t count;
    const hf_attention_form *const *forms = hf_attention_forms(&count);
    cr_assert_eq(count, 3);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(hf_attention_form_find(forms[i]->name), forms[i]);
    cr_expect_null(hf_attention_form_find("afine"));
    cr_expect(hf_attention_form_find("angle")->periodic);
    cr_expect_not(hf_attention_form_find("product")->periodic);
}

static void expect_refused(const hf_heads *heads, double ridge, const char *text) {
    gsl_rng *random = make_random(47);
    hf_events *events = make_random_events(random, WIDTH, CLASSES, 2);
    hf_model *model;
    hf_error error = {0};
    cr_expect_eq(hf_model_create(&error, heads, events, ridge, &model), HF_ERR_INPUT, "%s", text);
    cr_expect_null(model);
    cr_expect_not_null(strstr(error.message, text), "'%s' is not in '%s'", text, error.message);
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

Test(model, refuses_heads_that_do_not_fit) {
    static const struct {
        const char *form;
        size_t alphas, basis, values;
        const char *text;
    } wrong[] = {
        {"affine", 2, 1, 1, "form affine: 2 coordinates and 1 basis matrices; expected 0 to 3 coordinates"},
        {"affine", 4, 4, 0, "form affine: 4 coordinates"},
        {"product", 1, 1, 1, "form product: 1 coordinates and 1 basis matrices; expected 2 coordinates"},
        {"product", 2, 2, 1, "form product: 2 coordinates and 2 basis"},
        {"angle", 1, 1, 1, "form angle: 1 coordinates and 1 basis matrices; expected 1 coordinate and 2"},
        {"angle", 2, 2, 1, "form angle: 2 coordinates"},
        {"affine", 0, 0, 4, "4 value coordinates; expected 0 to 3"},
        {"affine", 0, 0, 0, "heads with 0 coordinates; expected 1 to 4"},
        {"affine", 3, 3, 2, "heads with 5 coordinates; expected 1 to 4"},
    };
    static const double zeros[64] = {0};
    hf_heads heads = {
        .attention_base = zeros, .attention_basis = zeros, .value_base = zeros, .value_basis = zeros};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heads.form = hf_attention_form_find(wrong[i].form);
        heads.attention_coordinates = wrong[i].alphas;
        heads.attention_basis_count = wrong[i].basis;
        heads.value_coordinates = wrong[i].values;
        expect_refused(&heads, 0, wrong[i].text);
    }
    heads.form = hf_attention_form_find("affine");
    heads.attention_coordinates = heads.attention_basis_count = heads.value_coordinates = 1;
    expect_refused(&heads, -0.5, "ridge -0.5");
    expect_refused(&heads, NAN, "ridge nan");
    expect_refused(&heads, INFINITY, "ridge inf");
}
