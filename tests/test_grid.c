/* Grids: numbering, geometry, marginals, and every box that is refused. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static const hf_axis axes[HF_DIM_MAX] = {{"a", -2, 3, 4, false},
                                         {"phi", -M_PI, M_PI, 6, true},
                                         {"v", 2.385, 2.885, 5, false},
                                         {"w", -7, -1, 3, false}};

static hf_grid *make_grid(size_t dim) {
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, dim, axes, &grid), HF_OK);
    return grid;
}

Test(grid, cells_are_numbered_row_major) {
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *grid = make_grid(dim);
        size_t index[HF_DIM_MAX] = {0}, cells = 1;
        double volume = 1;
        for (size_t d = 0; d < dim; d++) {
            cells *= axes[d].cells;
            volume *= (axes[d].upper - axes[d].lower) / (double)axes[d].cells;
        }
        cr_expect_eq(hf_grid_dim(grid), dim);
        cr_assert_eq(hf_grid_cells(grid), cells);
        cr_expect_float_eq(hf_grid_volume(grid), volume, 1e-15 * volume);
        for (size_t i = 0; i < cells; i++) { /* count through the cells like an odometer, last axis first */
            double theta[HF_DIM_MAX];
            size_t number = 0;
            hf_grid_centers(grid, i, theta);
            for (size_t d = 0; d < dim; d++) {
                double h = hf_grid_spacing(grid, d);
                number += index[d] * hf_grid_stride(grid, d);
                cr_expect_float_eq(theta[d], axes[d].lower + h * (double)index[d] + h / 2, 1e-15 * 8);
                cr_expect_eq(theta[d], hf_grid_center(grid, d, index[d]));
            }
            cr_expect_eq(number, i);
            for (size_t d = dim; d-- > 0 && ++index[d] == axes[d].cells;)
                index[d] = 0;
        }
        for (size_t d = 0; d < dim; d++)
            cr_expect_arr_eq(hf_grid_axis(grid, d), &axes[d], sizeof axes[d]);
        hf_grid_destroy(&grid);
        cr_expect_null(grid);
    }
    hf_grid_destroy(NULL);
}

/* A product density has its factors as marginals. */
Test(grid, marginals_of_a_product_are_its_factors) {
    gsl_rng *random = make_random(20);
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *grid = make_grid(dim);
        double factor[HF_DIM_MAX][8], *rho = make_array(hf_grid_cells(grid)), marginal[8];
        for (size_t d = 0; d < dim; d++) {
            double mass = 0;
            fill_uniform(random, 0, 1, axes[d].cells, factor[d]);
            for (size_t i = 0; i < axes[d].cells; i++)
                mass += factor[d][i] * hf_grid_spacing(grid, d);
            for (size_t i = 0; i < axes[d].cells; i++)
                factor[d][i] /= mass;
        }
        for (size_t i = 0; i < hf_grid_cells(grid); i++) {
            rho[i] = 1;
            for (size_t d = 0; d < dim; d++)
                rho[i] *= factor[d][i / hf_grid_stride(grid, d) % axes[d].cells];
        }
        for (size_t d = 0; d < dim; d++) {
            hf_grid_marginal(grid, rho, d, marginal);
            for (size_t i = 0; i < axes[d].cells; i++)
                cr_expect_float_eq(marginal[i], factor[d][i] * hf_grid_spacing(grid, d), 1e-14);
        }
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* Moments of the piecewise constant density, as sums over ever finer points of its cells: an angle by its
 * sine about the circular mean at cell centres, a line by x with the spread h^2/12 inside a cell. */
Test(grid, moments_of_a_density_are_those_of_its_points) {
    gsl_rng *random = make_random(21);
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *grid = make_grid(dim);
        size_t cells = hf_grid_cells(grid);
        double *rho = make_array(cells), *theta = make_array(cells * dim);
        double mean[4], covariance[16], point_mean[4], point_covariance[16];
        fill_uniform(random, 0, 2.385, cells, rho);
        for (size_t i = 0; i < cells; i++)
            hf_grid_centers(grid, i, theta + i * dim);
        double mass = hf_grid_moments(grid, HF_CELL_MEANS, rho, mean, covariance), sum = 0;
        double point_mass = hf_points_moments(grid, cells, theta, rho, point_mean, point_covariance);
        for (size_t d = 0; d < dim; d++) {
            double h = hf_grid_spacing(grid, d), first = 0, sine = 0, cosine = 0;
            point_covariance[d * dim + d] += axes[d].periodic ? 0 : h * h / 12;
            for (size_t i = 0; i < cells; i++) {
                first += rho[i] / point_mass * theta[i * dim + d];
                sine += rho[i] * sin(theta[i * dim + d]);
                cosine += rho[i] * cos(theta[i * dim + d]);
            }
            if (axes[d].periodic) { /* the mean turns all deviations so that they balance */
                cr_expect_float_eq(sin(mean[d]) * cosine, cos(mean[d]) * sine, 1e-13 * point_mass);
                cr_expect_gt(cos(mean[d]) * cosine + sin(mean[d]) * sine, 0);
            } else
                cr_expect_float_eq(mean[d], first, 1e-13);
        }
        for (size_t d = 0; d < dim; d++)
            for (size_t b = 0; b < dim; b++) {
                double expected = 0, h = hf_grid_spacing(grid, d);
                for (size_t i = 0; i < cells; i++) {
                    double x = theta[i * dim + d] - mean[d], y = theta[i * dim + b] - mean[b];
                    x = axes[d].periodic ? sin(x) : x;
                    y = axes[b].periodic ? sin(y) : y;
                    expected += rho[i] / point_mass * x * y;
                }
                expected += d == b && !axes[d].periodic ? h * h / 12 : 0;
                cr_expect_float_eq(covariance[d * dim + b], expected, 1e-13);
            }
        for (size_t i = 0; i < cells; i++)
            sum += rho[i];
        cr_expect_float_eq(point_mass, sum, 1e-13 * sum);
        cr_expect_float_eq(mass, sum * hf_grid_volume(grid), 1e-13 * mass);
        cr_expect_leq(largest_difference(dim, mean, point_mean), 1e-13);
        cr_expect_leq(largest_difference(dim * dim, covariance, point_covariance), 1e-13);
        hf_array_destroy(&rho);
        hf_array_destroy(&theta);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* The uniform density on a line has the moments of the interval on any grid. */
Test(grid, moments_of_a_uniform_density_are_exact) {
    hf_grid *grid = make_grid(1);
    double rho[4] = {0.2, 0.2, 0.2, 0.2}, mean, variance;
    cr_expect_float_eq(hf_grid_moments(grid, HF_CELL_MEANS, rho, &mean, &variance), 1, 1e-15);
    cr_expect_float_eq(mean, 0.5, 1e-15);
    cr_expect_float_eq(variance, 25.0 / 12, 1e-15 * 4);
    hf_grid_destroy(&grid);
}

static void expect_refused(size_t dim, const hf_axis *wrong, const char *text) {
    hf_error error = {0};
    hf_grid *grid = (hf_grid *)&error;
    cr_expect_eq(hf_grid_create(&error, dim, wrong, &grid), HF_ERR_INPUT, "%s", text);
    cr_expect_null(grid);
    cr_expect_not_null(strstr(error.message, text), "'%s' is not in '%s'", text, error.message);
}

Test(grid, impossible_boxes_are_refused) {
    const hf_axis bad[] = {{"a", 3, 3, 4, false},        {"a", 3, -2, 4, false},
                           {"a", NAN, 3, 4, false},      {"a", -2, NAN, 4, false},
                           {"a", -INFINITY, 3, 4, true}, {"a", -2, INFINITY, 4, false}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refused(1, &bad[i], "axis a: box");
    expect_refused(1, &(hf_axis){"a", -2, 3, HF_CELLS_MIN - 1, false}, "axis a: 2 cells");
    expect_refused(2, (hf_axis[]){axes[0], {"v", -2, 3, 0, true}}, "axis v: 0 cells");
    expect_refused(0, axes, "0 axes");
    expect_refused(5, axes, "5 axes");
    const hf_axis huge = {"a", -2, 3, SIZE_MAX / 64, false};
    expect_refused(2, (hf_axis[]){huge, huge}, "more cells than can be addressed");
    expect_refused(1, &(hf_axis){"a", -2, 3, SIZE_MAX, false}, "more cells than can be addressed");
}
