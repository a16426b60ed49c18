/* The compressed context table: its error against contexts of the model, the way through differences of
 * logits against the plain one, boxes with margins against the whole, and any number of threads. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/risk.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Random events and heads on a grid of few value cells. */
typedef struct world {
    hf_events *events;
    hf_heads heads;
    double *matrices;
    hf_model *model;
    hf_grid *grid;
    size_t alphas, terms, outputs; /* 1 + n_v; E * classes */
} world;

static world world_create(gsl_rng *random, const char *form, size_t alphas, const size_t *cells,
                          size_t values, size_t classes, size_t events, double scale) {
    world w = {.alphas = alphas, .terms = 1 + values, .outputs = events * classes};
    hf_axis axes[HF_DIM_MAX] = {0};
    w.events = make_random_events(random, 3, classes, events);
    w.heads = make_random_heads(random, form, alphas, values, 3, classes, scale, &w.matrices);
    cr_assert_eq(hf_model_create(NULL, &w.heads, w.events, 0.7, &w.model), HF_OK);
    for (size_t d = 0; d < alphas + values; d++) {
        axes[d] = (hf_axis){.lower = -2, .upper = 2.385, .cells = d < alphas ? cells[d] : 5 + d};
        if (d < alphas && w.heads.form->periodic)
            axes[d] = (hf_axis){.lower = -M_PI, .upper = M_PI, .cells = cells[d], .periodic = true};
        axes[d].name[0] = (char)('a' + (int)d);
    }
    cr_assert_eq(hf_grid_create(NULL, alphas + values, axes, &w.grid), HF_OK);
    return w;
}

static void world_destroy(world *w) {
    hf_grid_destroy(&w->grid);
    hf_model_destroy(&w->model);
    hf_events_destroy(&w->events);
    free(w->matrices);
}

static hf_table *make_table(const world *w, const hf_table_options *options) {
    hf_table *table;
    hf_error error = {0};
    cr_assert_eq(hf_table_create(&error, w->model, w->grid, options, &table), HF_OK, "%s", error.message);
    return table;
}

/* ---- the error -------------------------------------------------------------------------------------- */

/* Largest error of the logits of unit moments m_0 on single rows, of which the model knows the contexts; as a
 * share of the largest. */
static double row_error(const world *w, const hf_table *table, hf_table *writable) {
    size_t rows = hf_table_rows(table);
    double *moments = make_array(rows * w->terms), *modes = make_array(hf_table_modes_count(table));
    double *z = make_array(w->outputs), theta[HF_DIM_MAX], worst = 0, scale = 0, exact[8];
    for (size_t row = 0; row < rows; row++) {
        hf_grid_centers(w->grid, row * (hf_grid_cells(w->grid) / rows), theta);
        for (size_t j = w->alphas; j < HF_DIM_MAX; j++)
            theta[j] = 0;
        moments[row * w->terms] = 1;
        hf_table_modes_team(writable, moments, modes);
        moments[row * w->terms] = 0;
        hf_table_logits(table, modes, z);
        size_t classes = w->outputs / hf_events_count(w->events);
        for (size_t e = 0; e < hf_events_count(w->events); e++) {
            hf_model_head_logits(w->model, e, theta, exact);
            worst = fmax(worst, largest_difference(classes, exact, z + e * classes));
            scale = fmax(scale, largest(classes, exact));
        }
    }
    hf_array_destroy(&moments);
    hf_array_destroy(&modes);
    hf_array_destroy(&z);
    return worst / scale;
}

/* Logits are sums of three components with entries of W up to 1.5: errors of contexts count a few times. */
Test(error, is_what_was_asked_for) {
    static const double tolerances[] = {1e-3, 1e-6, 1e-9, 1e-12};
    gsl_rng *random = make_random(201);
    world w = world_create(random, "affine", 1, (size_t[]){96}, 1, 3, 70, 1.7);
    size_t rank = 0;
    for (size_t k = 0; k < 4; k++) {
        hf_table *table =
            make_table(&w, &(hf_table_options){.sampling = HF_POINT_VALUES, .tolerance = tolerances[k]});
        double error = row_error(&w, table, table);
        cr_expect_leq(hf_table_error(table), tolerances[k]);
        cr_expect_leq(error, 5 * tolerances[k], "%g at %g", error, tolerances[k]);
        cr_expect_geq(error, hf_table_error(table) / 20, "the error that is told is not larger than it is");
        cr_expect_eq(hf_table_tolerance(table), tolerances[k]);
        cr_expect_eq(hf_table_checked(table), 1);
        cr_expect_gt(hf_table_rank(table), rank);
        cr_expect_lt(hf_table_rank(table), 96);
        rank = hf_table_rank(table);
        hf_table_destroy(&table);
    }
    world_destroy(&w);
    gsl_rng_free(random);
}

/* Too many entries to look at all: the tolerance, 1e-12, holds for all of them. */
Test(error, holds_for_events_that_were_not_looked_at) {
    gsl_rng *random = make_random(202);
    world w = world_create(random, "affine", 1, (size_t[]){128}, 0, 2, 20000, 0.7);
    hf_table *table = make_table(&w, &(hf_table_options){.sampling = HF_POINT_VALUES});
    cr_expect_lt(hf_table_rank(table), 128);
    cr_expect_leq(row_error(&w, table, table), 1e-12, "%g at rank %zu", row_error(&w, table, table),
                  hf_table_rank(table));
    hf_table_destroy(&table);
    world_destroy(&w);
    gsl_rng_free(random);
}

/* Scores so strong that rows have nothing in common, and a tolerance below rounding: all rows are kept. */
Test(error, vanishes_where_nothing_compresses) {
    gsl_rng *random = make_random(203);
    world w = world_create(random, "affine", 1, (size_t[]){24}, 1, 2, 200, 200);
    hf_table *table = make_table(&w, &(hf_table_options){.sampling = HF_POINT_VALUES, .tolerance = 1e-17});
    cr_expect_eq(hf_table_rank(table), 24);
    cr_expect_eq(hf_table_error(table), 0);
    cr_expect_leq(row_error(&w, table, table), 1e-14);
    hf_table_destroy(&table);
    hf_error error = {0};
    hf_table_options wrong = {.tolerance = 0.02385};
    cr_expect_eq(hf_table_create(&error, w.model, w.grid, &wrong, &table), HF_ERR_INPUT);
    cr_expect_str_eq(error.message, "a table tolerance of 0.02385; expected more than 0, at most 0.01");
    world_destroy(&w);
    gsl_rng_free(random);
}

/* ---- the way of a right-hand side -------------------------------------------------------------------- */

/* Coefficients of the potential by differences of logits, with so many threads. */
static void by_differences(const world *w, hf_table *table, const hf_risk *risk, int threads,
                           const double *rho, double *coefficients) {
    double *moments = make_array(hf_table_rows(table) * w->terms);
    double *modes = make_array(hf_table_modes_count(table));
    double *differences = make_array(hf_table_differences_count(table) + 1);
#pragma omp parallel num_threads(threads)
    {
        hf_table_moments_team(table, rho, moments);
        hf_table_modes_team(table, moments, modes);
        hf_table_differences_team(table, modes, differences);
        hf_risk_differences_team(risk, differences, differences);
        hf_table_response_team(table, differences, modes);
        hf_table_coefficients_team(table, modes, coefficients);
    }
    hf_array_destroy(&moments);
    hf_array_destroy(&modes);
    hf_array_destroy(&differences);
}

static void by_logits(const world *w, hf_table *table, const double *rho, double *coefficients) {
    double *moments = make_array(hf_table_rows(table) * w->terms), *z = make_array(w->outputs);
    double *modes = make_array(hf_table_modes_count(table));
    hf_table_moments_team(table, rho, moments);
    hf_table_modes_team(table, moments, modes);
    hf_table_logits(table, modes, z);
    hf_risk_cross_entropy(w->events, z, z);
    hf_table_residual_modes(table, z, modes);
    hf_table_coefficients(table, modes, coefficients);
    hf_array_destroy(&moments);
    hf_array_destroy(&modes);
    hf_array_destroy(&z);
}

static const struct shape {
    const char *form;
    size_t alphas, cells[HF_ATTENTION_MAX], values, classes, events;
} shapes[] = {
    {"affine", 1, {70}, 2, 2, 300},    {"affine", 2, {13, 11}, 1, 4, 33}, {"angle", 1, {37}, 3, 3, 7},
    {"product", 2, {9, 20}, 0, 3, 64}, {"affine", 0, {0}, 2, 2, 100},     {"affine", 1, {12}, 1, 1, 40},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static world shape_world(gsl_rng *random, const struct shape *s) {
    return world_create(random, s->form, s->alphas, s->cells, s->values, s->classes, s->events, 0.9);
}

Test(differences, give_the_potential_of_the_logits_on_any_number_of_threads) {
    gsl_rng *random = make_random(204);
    for (size_t i = 0; i < SHAPES; i++) {
        world w = shape_world(random, &shapes[i]);
        hf_table *table = make_table(&w, &(hf_table_options){0});
        hf_risk *risk;
        cr_assert_eq(hf_risk_create(NULL, w.events, &risk), HF_OK);
        size_t size = hf_table_rows(table) * w.terms;
        double *rho = make_array(hf_grid_cells(w.grid)), *plain = make_array(size), *one = make_array(size),
               *other = make_array(size);
        fill_density(random, w.grid, 0.1, rho);
        for (size_t k = 0; k < hf_grid_cells(w.grid); k++)
            rho[k] -= 0.01;
        by_logits(&w, table, rho, plain);
        by_differences(&w, table, risk, 1, rho, one);
        cr_expect_leq(largest_difference(size, one, plain), 1e-13 * fmax(largest(size, plain), 1), "%zu", i);
        for (int threads = 2; threads <= 3; threads++) {
            by_differences(&w, table, risk, threads, rho, other);
            cr_expect_arr_eq(one, other, size * sizeof *one, "shape %zu, %d threads", i, threads);
        }
        hf_risk_destroy(&risk);
        hf_table_destroy(&table);
        hf_array_destroy(&rho);
        hf_array_destroy(&plain);
        hf_array_destroy(&one);
        hf_array_destroy(&other);
        world_destroy(&w);
    }
    gsl_rng_free(random);
}

Test(differences, of_a_density_that_is_not_finite_show) {
    gsl_rng *random = make_random(205);
    world w = shape_world(random, &shapes[0]);
    hf_table *table = make_table(&w, &(hf_table_options){0});
    double *rho = make_array(hf_grid_cells(w.grid)), *moments = make_array(hf_table_rows(table) * w.terms);
    for (size_t k = 0; k < 20; k++) {
        size_t cell = gsl_rng_uniform_int(random, hf_grid_cells(w.grid));
        fill_density(random, w.grid, 0.1, rho);
        rho[cell] = k % 2 ? NAN : INFINITY;
        hf_table_moments_team(table, rho, moments);
        cr_expect_not(isfinite(moments[cell / 42 * w.terms]), "cell %zu", cell); /* 6 by 7 value cells */
    }
    hf_table_destroy(&table);
    hf_array_destroy(&rho);
    hf_array_destroy(&moments);
    world_destroy(&w);
    gsl_rng_free(random);
}

/* Logits in the thousands have their limits. */
Test(differences, do_not_overflow) {
    gsl_rng *random = make_random(206);
    hf_events *events = make_random_events(random, 2, 3, 1);
    hf_risk *risk;
    cr_assert_eq(hf_risk_create(NULL, events, &risk), HF_OK);
    static const double z[][2] = {{2385, 1000}, {-2385, -1000}, {-2385, 1000}, {1e300, -1e300}};
    static const double p[][2] = {{1, 0}, {0, 0}, {0, 1}, {1, 0}};
    for (size_t k = 0; k < 4; k++) {
        double differences[2 * HF_EVENT_BLOCK] = {0};
        differences[0] = z[k][0];
        differences[HF_EVENT_BLOCK] = z[k][1];
        hf_risk_differences_team(risk, differences, differences);
        for (size_t c = 0; c < 2; c++)
            cr_expect_float_eq(differences[c * HF_EVENT_BLOCK], p[k][c] - hf_events_label(events, 0)[c],
                               1e-15);
        for (size_t i = 0; i < 2 * HF_EVENT_BLOCK; i++)
            cr_expect(i % HF_EVENT_BLOCK == 0 || differences[i] == 0, "nothing behind the last event");
    }
    hf_risk_destroy(&risk);
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

Test(differences, of_two_classes_do_not_overflow) {
    gsl_rng *random = make_random(207);
    hf_events *events = make_random_events(random, 2, 2, 1);
    hf_risk *risk;
    cr_assert_eq(hf_risk_create(NULL, events, &risk), HF_OK);
    static const double z[] = {2385, -2385, 1e300, -1e300, 0.2385, -2.385};
    for (size_t k = 0; k < sizeof z / sizeof *z; k++) {
        double differences[HF_EVENT_BLOCK] = {z[k]};
        hf_risk_differences_team(risk, differences, differences);
        cr_expect_float_eq(differences[0], 0.5 + 0.5 * tanh(0.5 * z[k]) - hf_events_label(events, 0)[0],
                           1e-15);
        for (size_t i = 1; i < HF_EVENT_BLOCK; i++)
            cr_expect_eq(differences[i], 0, "nothing behind the last event");
    }
    hf_risk_destroy(&risk);
    hf_events_destroy(&events);
    gsl_rng_free(random);
}

/* Velocities and speeds of random coefficients. speed: shape (D) */
static void velocities_by(const world *w, hf_table *table, int threads, const double *coefficients,
                          double *velocities, double *speed) {
#pragma omp parallel num_threads(threads)
    hf_table_velocities_team(table, coefficients, velocities);
    for (size_t d = 0; d < hf_grid_dim(w->grid); d++)
        speed[d] = hf_table_speed(table, d);
}

/* Along an axis of the grid, minus the derivative of the polynomial through the nine rows about each. */
static double slope_of(const world *w, const double *coefficients, size_t row, size_t term, size_t d) {
    enum { N = HF_SLOPES_MIN };
    size_t stride = 1, n = hf_grid_axis(w->grid, d)->cells;
    for (size_t b = d + 1; b < w->alphas; b++)
        stride *= hf_grid_axis(w->grid, b)->cells;
    size_t i = row / stride % n, begin = i < N / 2 ? 0 : i + N / 2 >= n ? n - N : i - N / 2;
    double weight[N], sum = 0;
    if (hf_grid_axis(w->grid, d)->periodic)
        begin = (i + n - N / 2) % n;
    hf_lagrange_slopes(N, (i + n - begin) % n, weight);
    for (size_t k = 0; k < N; k++) {
        size_t there = row - i * stride + (begin + k) % n * stride;
        sum -= weight[k] * coefficients[there * w->terms + term];
    }
    return sum / hf_grid_spacing(w->grid, d);
}

Test(velocities, are_the_slopes_row_by_row_on_any_number_of_threads) {
    static const struct shape wide[] = {
        {"affine", 1, {150}, 2, 2, 3}, {"affine", 2, {17, 19}, 1, 2, 3}, {"angle", 1, {131}, 3, 2, 3}};
    gsl_rng *random = make_random(209);
    for (size_t i = 0; i < 3; i++) {
        world w = shape_world(random, &wide[i]);
        hf_table *table = make_table(&w, &(hf_table_options){.sampling = HF_POINT_VALUES});
        size_t rows = hf_table_rows(table), dim = hf_grid_dim(w.grid), size = rows * w.terms;
        double *coefficients = make_array(size), *one = make_array(dim * size),
               *other = make_array(dim * size);
        double speed[HF_DIM_MAX], speeds[HF_DIM_MAX];
        fill_uniform(random, -2.385, 2.385, size, coefficients);
        velocities_by(&w, table, 1, coefficients, one, speed);
        for (size_t d = 0; d < w.alphas; d++)
            for (size_t k = 0; k < size; k++) {
                double ridge = k % w.terms == 0 && !w.heads.form->periodic ? 0.7 : 0;
                double theta[HF_DIM_MAX];
                hf_grid_centers(w.grid, k / w.terms * (hf_grid_cells(w.grid) / rows), theta);
                cr_expect_float_eq(one[d * size + k],
                                   slope_of(&w, coefficients, k / w.terms, k % w.terms, d) - ridge * theta[d],
                                   1e-13 * largest(size, one + d * size), "shape %zu, axis %zu, %zu", i, d,
                                   k);
            }
        for (int threads = 2; threads <= 3; threads++) {
            velocities_by(&w, table, threads, coefficients, other, speeds);
            cr_expect_arr_eq(one, other, dim * size * sizeof *one, "shape %zu, %d threads", i, threads);
            cr_expect_arr_eq(speed, speeds, dim * sizeof *speed);
        }
        hf_table_destroy(&table);
        hf_array_destroy(&coefficients);
        hf_array_destroy(&one);
        hf_array_destroy(&other);
        world_destroy(&w);
    }
    gsl_rng_free(random);
}

/* ---- boxes ------------------------------------------------------------------------------------------ */

/* The box's share of the modes, and its coefficients and velocities against those of the whole. */
static void check_box(gsl_rng *random, const world *w, const hf_table_options *options) {
    hf_table *whole = make_table(w, &(hf_table_options){.sampling = HF_POINT_VALUES});
    hf_table *box = make_table(w, options);
    size_t M = hf_table_modes_count(whole), wide = hf_table_wide_rows(box), rows = hf_table_rows(whole);
    size_t dim = hf_grid_dim(w->grid), n = w->alphas, extent[2] = {1, 1};
    double *modes = make_array(M), *all = make_array(rows * w->terms), *mine = make_array(wide * w->terms);
    double *all_u = make_array(dim * rows * w->terms), *my_u = make_array(dim * wide * w->terms);
    cr_assert_eq(hf_table_modes_count(box), M);
    fill_uniform(random, -1, 1, M, modes);
    hf_table_coefficients(whole, modes, all);
    hf_table_coefficients(box, modes, mine);
    hf_table_velocities(whole, all, all_u);
    hf_table_velocities(box, mine, my_u);
    for (size_t d = 0; d < n; d++)
        extent[d] = options->cells[d] + 2 * options->margin[d];
    for (size_t i = 0; i < wide; i++) {
        size_t index[2] = {i / extent[1], i % extent[1]}, row = 0;
        bool beyond = false;
        bool inside = true;
        for (size_t d = 0; d < n; d++) {
            const hf_axis *axis = hf_grid_axis(w->grid, d);
            ptrdiff_t at = (ptrdiff_t)(options->first[d] + index[d]) - (ptrdiff_t)options->margin[d];
            ptrdiff_t cells = (ptrdiff_t)axis->cells;
            beyond = beyond || (!axis->periodic && (at < 0 || at >= cells));
            inside =
                inside && index[d] >= options->margin[d] && index[d] < options->margin[d] + options->cells[d];
            row = row * axis->cells + (size_t)((at + cells) % cells);
        }
        if (!beyond)
            cr_expect_arr_eq(mine + i * w->terms, all + row * w->terms, w->terms * sizeof *all, "row %zu", i);
        for (size_t d = 0; inside && d < dim; d++)
            cr_expect_leq(largest_difference(w->terms, my_u + (d * wide + i) * w->terms,
                                             all_u + (d * rows + row) * w->terms),
                          0, "velocity %zu of row %zu", d, i);
    }
    hf_table_destroy(&whole);
    hf_table_destroy(&box);
    hf_array_destroy(&modes);
    hf_array_destroy(&all);
    hf_array_destroy(&mine);
    hf_array_destroy(&all_u);
    hf_array_destroy(&my_u);
}

Test(box, has_the_coefficients_and_velocities_of_the_whole) {
    gsl_rng *random = make_random(207);
    world w = world_create(random, "affine", 2, (size_t[]){19, 21}, 1, 2, 30, 0.9);
    static const hf_table_options boxes[] = {
        {.sampling = HF_POINT_VALUES, .first = {0, 0}, .cells = {10, 21}, .margin = {8, 0}},
        {.sampling = HF_POINT_VALUES, .first = {10, 9}, .cells = {9, 12}, .margin = {8, 8}},
        {.sampling = HF_POINT_VALUES, .first = {5, 0}, .cells = {7, 9}, .margin = {8, 8}},
    };
    for (size_t k = 0; k < 3; k++)
        check_box(random, &w, &boxes[k]);
    world_destroy(&w);
    w = world_create(random, "angle", 1, (size_t[]){36}, 1, 2, 30, 0.9);
    check_box(
        random, &w,
        &(hf_table_options){.sampling = HF_POINT_VALUES, .first = {0, 0}, .cells = {17, 1}, .margin = {4}});
    check_box(
        random, &w,
        &(hf_table_options){.sampling = HF_POINT_VALUES, .first = {17, 0}, .cells = {19, 1}, .margin = {8}});
    world_destroy(&w);
    gsl_rng_free(random);
}

/* Modes, half square and second moment of a density are sums over boxes. */
Test(box, sums_are_those_of_the_whole) {
    gsl_rng *random = make_random(208);
    world w = world_create(random, "affine", 1, (size_t[]){50}, 2, 3, 40, 0.9);
    size_t values = hf_grid_cells(w.grid) / 50;
    double *rho = make_array(hf_grid_cells(w.grid)), *moments = make_array(50 * w.terms);
    double sum[3][2] = {{0}}, *modes[3];
    fill_density(random, w.grid, 0.1, rho);
    static const size_t first[] = {0, 0, 23}, cells[] = {50, 23, 27};
    for (size_t k = 0; k < 3; k++) {
        hf_table *box =
            make_table(&w, &(hf_table_options){.first = {first[k]}, .cells = {cells[k]}, .margin = {k * 4}});
        modes[k] = make_array(hf_table_modes_count(box));
        hf_table_moments_team(box, rho + first[k] * values, moments);
        hf_table_modes_team(box, moments, modes[k]);
        sum[k][0] = hf_table_half_square(box, rho + first[k] * values);
        sum[k][1] = hf_table_second_moment(box, rho + first[k] * values, NULL);
        for (size_t i = 0; k == 2 && i < hf_table_modes_count(box); i++)
            cr_expect_float_eq(modes[1][i] + modes[2][i], modes[0][i],
                               1e-14 * largest(hf_table_modes_count(box), modes[0]));
        hf_table_destroy(&box);
    }
    for (size_t i = 0; i < 2; i++)
        cr_expect_float_eq((sum[1][i] + sum[2][i]) / sum[0][i], 1, 1e-13);
    for (size_t k = 0; k < 3; k++)
        hf_array_destroy(&modes[k]);
    hf_array_destroy(&rho);
    hf_array_destroy(&moments);
    world_destroy(&w);
    gsl_rng_free(random);
}
