/* Parts of a grid: boxes of cells as grids of their own, how a grid is divided among any number of ranks, and
 * what parts have of a density. tests/test_parallel.c is about what ranks exchange. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const hf_axis axes[HF_DIM_MAX] = {{"a", -2, 3, 7, false},
                                         {"phi", -M_PI, M_PI, 6, true},
                                         {"v", 2.385, 2.885, 5, false},
                                         {"w", -7, -1, 3, false}};

static hf_grid *make_grid(size_t dim) {
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, dim, axes, &grid), HF_OK);
    return grid;
}

/* The cell of the whole grid that a cell of a part is. */
static size_t cell_of(const hf_grid *whole, const hf_grid *part, size_t cell) {
    size_t number = 0;
    for (size_t d = 0; d < hf_grid_dim(part); d++) {
        size_t index = cell / hf_grid_stride(part, d) % hf_grid_axis(part, d)->cells;
        number += (hf_grid_first(part, d) + index) * hf_grid_stride(whole, d);
    }
    return number;
}

/* A random box, of one cell along some axes. */
static hf_grid *random_part(gsl_rng *random, const hf_grid *whole) {
    size_t first[HF_DIM_MAX], cells[HF_DIM_MAX];
    hf_grid *part;
    for (size_t d = 0; d < hf_grid_dim(whole); d++) {
        cells[d] = 1 + gsl_rng_uniform_int(random, hf_grid_axis(whole, d)->cells);
        first[d] = gsl_rng_uniform_int(random, hf_grid_axis(whole, d)->cells - cells[d] + 1);
    }
    cr_assert_eq(hf_grid_part(NULL, whole, first, cells, &part), HF_OK);
    for (size_t d = 0; d < hf_grid_dim(whole); d++) {
        cr_expect_eq(hf_grid_first(part, d), first[d]);
        cr_expect_eq(hf_grid_axis(part, d)->cells, cells[d]);
        cr_expect_eq(hf_grid_divided(part, d), cells[d] < axes[d].cells);
    }
    return part;
}

Test(parts, geometry_is_that_of_the_whole_to_the_bit) {
    gsl_rng *random = make_random(610);
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++)
        for (int k = 0; k < 20; k++) {
            hf_grid *whole = make_grid(dim), *part = random_part(random, whole);
            size_t cells = 1;
            cr_expect_eq(hf_grid_volume(part), hf_grid_volume(whole));
            for (size_t d = 0; d < dim; d++) {
                const hf_axis *axis = hf_grid_axis(part, d);
                cr_expect_eq(hf_grid_spacing(part, d), hf_grid_spacing(whole, d));
                cr_expect_eq(hf_grid_whole_cells(part, d), axes[d].cells);
                cr_expect(axis->lower == axes[d].lower && axis->upper == axes[d].upper);
                cr_expect(axis->periodic == axes[d].periodic && strcmp(axis->name, axes[d].name) == 0);
                cells *= axis->cells;
            }
            cr_assert_eq(hf_grid_cells(part), cells);
            for (size_t i = 0; i < cells; i++) {
                double theta[HF_DIM_MAX], expected[HF_DIM_MAX];
                hf_grid_centers(part, i, theta);
                hf_grid_centers(whole, cell_of(whole, part, i), expected);
                cr_expect_arr_eq(theta, expected, dim * sizeof *theta);
            }
            hf_grid_destroy(&part);
            hf_grid_destroy(&whole);
        }
    gsl_rng_free(random);
}

Test(parts, boxes_that_are_none_are_refused) {
    static const size_t wrong[][4] = {{0, 0, 7, 0}, {0, 0, 8, 6}, {3, 0, 5, 6}, {0, 7, 1, 1}, {8, 0, 1, 6}};
    hf_grid *whole = make_grid(2), *part;
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        hf_error error = {0};
        cr_expect_eq(hf_grid_part(&error, whole, wrong[k], wrong[k] + 2, &part), HF_ERR_INPUT);
        cr_expect_null(part);
        cr_expect_not_null(strstr(error.message, k == 0 || k == 3 ? "axis phi" : "axis a"), "%s",
                           error.message);
    }
    hf_grid_destroy(&whole);
}

/* Sums over the two halves of a grid, without ranks, add up to those of the whole. */
Test(parts, sums_over_parts_add_up) {
    gsl_rng *random = make_random(611);
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *whole = make_grid(dim), *part;
        size_t cells = hf_grid_cells(whole);
        double *rho = make_array(cells), *own = make_array(cells), marginal[8], sum[8] = {0}, negative = 0;
        fill_uniform(random, -1, 2.385, cells, rho);
        for (size_t half = 0; half < 2; half++) {
            size_t first[HF_DIM_MAX] = {half == 0 ? 0 : 3}, n[HF_DIM_MAX] = {half == 0 ? 3 : 4, 6, 5, 3};
            cr_assert_eq(hf_grid_part(NULL, whole, first, n, &part), HF_OK);
            for (size_t i = 0; i < hf_grid_cells(part); i++)
                own[i] = rho[cell_of(whole, part, i)];
            negative += hf_grid_negative_mass(part, own);
            hf_grid_marginal(part, own, 0, marginal);
            for (size_t i = 0; i < 7; i++)
                sum[i] += marginal[i];
            hf_grid_destroy(&part);
        }
        hf_grid_marginal(whole, rho, 0, marginal);
        cr_expect_leq(largest_difference(7, sum, marginal), 1e-14 * largest(7, marginal));
        cr_expect_float_eq(negative, hf_grid_negative_mass(whole, rho), 1e-14 * negative);
        hf_array_destroy(&rho);
        hf_array_destroy(&own);
        hf_grid_destroy(&whole);
    }
    gsl_rng_free(random);
}

/* ---- divisions ---------------------------------------------------------------------------------------- */

/* The surface of the largest part, by counting the cells of the largest box. */
static double surface(const hf_grid *whole, const size_t parts[], size_t *most) {
    double layers = 0;
    size_t ranks = 1, first[HF_DIM_MAX], cells[HF_DIM_MAX];
    for (size_t d = 0; d < hf_grid_dim(whole); d++)
        ranks *= parts[d];
    *most = 0;
    for (size_t rank = 0; rank < ranks; rank++) {
        size_t volume = 1;
        double area = 0;
        hf_grid_box(whole, parts, rank, first, cells);
        for (size_t d = 0; d < hf_grid_dim(whole); d++)
            volume *= cells[d];
        for (size_t d = 0; d < hf_grid_dim(whole); d++)
            area += parts[d] > 1 ? (double)(volume / cells[d]) : 0;
        layers = fmax(layers, area);
        *most = volume > *most ? volume : *most;
    }
    return layers;
}

static bool wide_enough(const hf_grid *whole, const size_t parts[], size_t least) {
    for (size_t d = 0; d < hf_grid_dim(whole); d++)
        if (parts[d] > 1 && hf_grid_axis(whole, d)->cells / parts[d] < least)
            return false;
    return true;
}

/* Every cell is in one part, parts are as wide as asked, and no other division that is has less surface. */
Test(parts, divisions_cover_the_grid_with_the_least_surface) {
    static const size_t shapes[][3] = {{64, 9, 5}, {16, 16, 3}, {12, 30, 4}, {31, 7, 3}, {5, 80, 9}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (size_t ranks = 1; ranks <= 24; ranks++) {
            hf_axis shape[3];
            hf_grid *whole;
            size_t parts[HF_DIM_MAX], least = 1 + ranks % 4, most, other;
            bool possible = false;
            for (size_t d = 0; d < 3; d++) {
                shape[d] = axes[d];
                shape[d].cells = shapes[k][d];
            }
            cr_assert_eq(hf_grid_create(NULL, 3, shape, &whole), HF_OK);
            hf_status status = hf_grid_factors(NULL, whole, 2, least, ranks, parts);
            double best = status == HF_OK ? surface(whole, parts, &most) : INFINITY;
            for (size_t one = 1; one <= ranks; one++) {
                size_t factors[HF_DIM_MAX] = {one, ranks / one, 1, 1};
                if (ranks % one != 0 || !wide_enough(whole, factors, least))
                    continue;
                possible = true;
                cr_expect_geq(surface(whole, factors, &other), best, "%zu ranks, %zu x %zu", ranks, one,
                              ranks / one);
            }
            cr_assert_eq(status, possible ? HF_OK : HF_ERR_INPUT, "%zu ranks", ranks);
            if (possible) {
                int *seen = calloc(hf_grid_cells(whole), sizeof *seen);
                cr_assert_not_null(seen);
                cr_expect(wide_enough(whole, parts, least) && parts[2] == 1);
                for (size_t rank = 0; rank < ranks; rank++) {
                    size_t first[HF_DIM_MAX], cells[HF_DIM_MAX];
                    hf_grid *part;
                    hf_grid_box(whole, parts, rank, first, cells);
                    cr_assert_eq(hf_grid_part(NULL, whole, first, cells, &part), HF_OK);
                    for (size_t i = 0; i < hf_grid_cells(part); i++)
                        seen[cell_of(whole, part, i)]++;
                    for (size_t d = 0; d < 3; d++) /* parts differ by a cell at most */
                        cr_expect_lt(fabs((double)cells[d] - (double)shape[d].cells / (double)parts[d]), 1);
                    hf_grid_destroy(&part);
                }
                for (size_t i = 0; i < hf_grid_cells(whole); i++)
                    cr_assert_eq(seen[i], 1);
                free(seen);
            }
            hf_grid_destroy(&whole);
        }
}

/* What is refused says with how many processes it would do: that many do, and none more below. */
Test(parts, refusals_say_how_many_would_do) {
    hf_axis shape[3] = {axes[0], axes[1], axes[2]};
    hf_grid *whole;
    size_t parts[HF_DIM_MAX];
    shape[0].cells = 22, shape[1].cells = 13;
    cr_assert_eq(hf_grid_create(NULL, 3, shape, &whole), HF_OK);
    for (size_t ranks = 1; ranks < 40; ranks++) {
        hf_error error = {0};
        unsigned long most = 0;
        if (hf_grid_factors(&error, whole, 2, 4, ranks, parts) == HF_OK)
            continue;
        const char *found = strstr(error.message, "expected at most ");
        cr_assert_not_null(found, "%s", error.message);
        cr_expect_not_null(strstr(error.message, "22 x 13 cells"), "%s", error.message);
        most = strtoul(found + strlen("expected at most "), NULL, 10);
        cr_expect_eq(hf_grid_factors(NULL, whole, 2, 4, most, parts), HF_OK);
        for (size_t more = most + 1; more < ranks; more++)
            cr_expect_eq(hf_grid_factors(NULL, whole, 2, 4, more, parts), HF_ERR_INPUT);
    }
    hf_error error = {0};
    cr_expect_eq(hf_grid_factors(&error, whole, 0, 1, 2, parts), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "without attention axes"), "%s", error.message);
    cr_expect_eq(hf_grid_factors(NULL, whole, 0, 1, 1, parts), HF_OK);
    hf_grid_destroy(&whole);
}

/* Alone, the part is the whole. */
Test(parts, one_process_has_everything) {
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *whole = make_grid(dim), *part;
        cr_assert_eq(hf_grid_divide(NULL, whole, dim, 4, NULL, &part), HF_OK);
        cr_expect_eq(hf_grid_cells(part), hf_grid_cells(whole));
        for (size_t d = 0; d < dim; d++)
            cr_expect(!hf_grid_divided(part, d) && hf_grid_parts(part, d) == 1 &&
                      hf_grid_first(part, d) == 0);
        cr_expect_null(hf_grid_ranks(part));
        hf_grid_destroy(&part);
        hf_grid_destroy(&whole);
    }
}

/* ---- initial densities -------------------------------------------------------------------------------- */

Test(parts, shares_of_the_initial_density_are_the_whole_one) {
    gsl_rng *random = make_random(612);
    for (size_t k = 0; k < toy_count; k++)
        for (int dual = 0; dual < 2; dual++) {
            struct toy start = toy_find(toy_names[k]);
            start.input.flux = dual ? hf_flux_find("duality7") : NULL;
            for (size_t d = 0; d < start.input.dim; d++)
                start.input.axes[d].cells = 20 + 3 * d;
            hf_problem *problem = toy_create(&start);
            const hf_grid *whole = hf_problem_grid(problem);
            double *rho = make_array(hf_grid_cells(whole));
            cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
            for (int box = 0; box < 5; box++) {
                size_t first[HF_DIM_MAX], cells[HF_DIM_MAX];
                hf_grid *part;
                for (size_t d = 0; d < hf_grid_dim(whole); d++) {
                    cells[d] = 1 + gsl_rng_uniform_int(random, hf_grid_axis(whole, d)->cells);
                    first[d] = gsl_rng_uniform_int(random, hf_grid_axis(whole, d)->cells - cells[d] + 1);
                }
                cr_assert_eq(hf_grid_part(NULL, whole, first, cells, &part), HF_OK);
                double *own = make_array(hf_grid_cells(part));
                cr_assert_eq(hf_problem_initial_part(NULL, problem, part, own), HF_OK);
                for (size_t i = 0; i < hf_grid_cells(part); i++)
                    cr_assert_eq(own[i], rho[cell_of(whole, part, i)]);
                hf_array_destroy(&own);
                hf_grid_destroy(&part);
            }
            hf_array_destroy(&rho);
            hf_problem_destroy(&problem);
        }
    gsl_rng_free(random);
}
