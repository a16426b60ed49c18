/* Grids: numbering, geometry, marginals, moments, where a point mass goes, and every box that is refused. */
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

/* Point values are masses at the centres, with nothing added for the inside of a cell. */
Test(grid, moments_of_point_values_are_those_of_the_centres) {
    gsl_rng *random = make_random(22);
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *grid = make_grid(dim);
        size_t cells = hf_grid_cells(grid);
        double *rho = make_array(cells), *theta = make_array(cells * dim), *mass = make_array(cells);
        double mean[4], covariance[16], point_mean[4], point_covariance[16];
        fill_uniform(random, -0.5, 2.385, cells, rho); /* such a density has no sign */
        for (size_t i = 0; i < cells; i++) {
            hf_grid_centers(grid, i, theta + i * dim);
            mass[i] = rho[i] * hf_grid_volume(grid);
        }
        double total = hf_grid_moments(grid, HF_POINT_VALUES, rho, mean, covariance);
        double expected = hf_points_moments(grid, cells, theta, mass, point_mean, point_covariance);
        cr_expect_float_eq(total, expected, 1e-13 * expected);
        cr_expect_leq(largest_difference(dim, mean, point_mean), 1e-13);
        cr_expect_leq(largest_difference(dim * dim, covariance, point_covariance), 1e-13);
        hf_array_destroy(&rho);
        hf_array_destroy(&theta);
        hf_array_destroy(&mass);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* The variance of the uniform density on a cell, and none of a point. */
Test(grid, a_cell_has_the_variance_of_its_interval) {
    hf_grid *grid = make_grid(HF_DIM_MAX);
    for (size_t d = 0; d < HF_DIM_MAX; d++) {
        double width = (axes[d].upper - axes[d].lower) / (double)axes[d].cells;
        double variance = 2 * pow(width / 2, 3) / 3 / width; /* int x^2 dx over the cell, by its width */
        cr_expect_float_eq(hf_grid_cell_variance(grid, d, HF_CELL_MEANS), variance, 1e-15 * variance);
        cr_expect_eq(hf_grid_cell_variance(grid, d, HF_POINT_VALUES), 0);
    }
    hf_grid_destroy(&grid);
}

/* ---- Lagrange weights ---------------------------------------------------------------------------------- */

/* p-th power of x in a variable of order 1 on the nodes 0 .. n - 1, and its derivative. */
static double scaled_power(size_t n, double x, int p) {
    return pow((x - 0.385) / (double)n, p);
}

static double scaled_slope(size_t n, double x, int p) {
    return p == 0 ? 0 : p * pow((x - 0.385) / (double)n, p - 1) / (double)n;
}

/* n nodes are exact to degree n - 1, half a cell beyond the ends, too; and no further: the error of degree n
 * is the product of the distances to the nodes. */
Test(lagrange, values_are_exact_on_polynomials) {
    for (size_t n = 1; n <= 10; n++)
        for (double t = -0.5; t < (double)n - 0.4; t += 0.125) {
            double weight[10], nodes = 1, size = 0;
            hf_lagrange_values(n, t, weight);
            for (size_t k = 0; k < n; k++) {
                nodes *= (t - (double)k) / (double)n;
                size += fabs(weight[k]);
            }
            for (int p = 0; p <= (int)n; p++) {
                double sum = p == (int)n ? nodes : 0;
                for (size_t k = 0; k < n; k++)
                    sum += weight[k] * scaled_power(n, (double)k, p);
                cr_expect_float_eq(sum, scaled_power(n, t, p), 1e-14 * size, "%zu nodes, x^%d at %g", n, p,
                                   t);
            }
        }
}

Test(lagrange, slopes_are_exact_on_polynomials) {
    for (size_t n = 2; n <= 10; n++)
        for (size_t j = 0; j < n; j++) {
            double weight[10], size = 0;
            hf_lagrange_slopes(n, j, weight);
            for (size_t k = 0; k < n; k++)
                size += fabs(weight[k]);
            for (int p = 0; p < (int)n; p++) {
                double sum = 0;
                for (size_t k = 0; k < n; k++)
                    sum += weight[k] * scaled_power(n, (double)k, p);
                cr_expect_float_eq(sum, scaled_slope(n, (double)j, p), 1e-14 * size,
                                   "%zu nodes, x^%d at node %zu", n, p, j);
            }
        }
}

/* ---- where a point mass goes --------------------------------------------------------------------------- */

/* The first axes have as many cells as a stencil. */
static const hf_axis spread_axes[HF_DIM_MAX] = {{"a", -2, 3, HF_SPREAD, false},
                                                {"phi", -M_PI, M_PI, HF_SPREAD, true},
                                                {"v", 2.385, 2.885, 13, false},
                                                {"psi", -M_PI, M_PI, 21, true}};

/* The stencil has four centres on each side of x, or at a wall the first or last ones of the axis; on the
 * circle it is unwrapped here. Then sum_s weight_s (center_s - x)^p is 1 for p = 0 and 0 for p = 1 .. 7. */
static void check_spread(const hf_grid *grid, size_t d, double x) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    double weight[HF_SPREAD], h = hf_grid_spacing(grid, d);
    size_t first = hf_grid_spread(grid, d, x, weight);
    cr_assert_lt(first, axis->cells);
    double before = (x - hf_grid_center(grid, d, first)) / h; /* in cells, from the first centre to x */
    if (axis->periodic)
        before -= (double)axis->cells * round((before - 3.5) / (double)axis->cells);
    else
        cr_expect_leq(first + HF_SPREAD, axis->cells);
    cr_expect(before > 3 - 1e-12 || (!axis->periodic && first == 0), "%s at %g", axis->name, x);
    cr_expect(before < 4 + 1e-12 || (!axis->periodic && first + HF_SPREAD == axis->cells), "%s at %g",
              axis->name, x);
    for (int p = 0; p < HF_SPREAD; p++) {
        double moment = 0, size = 0;
        for (size_t s = 0; s < HF_SPREAD; s++) {
            moment += weight[s] * pow((double)s - before, p);
            size += fabs(weight[s]) * pow(fmax(1, fabs((double)s - before)), p);
        }
        cr_expect_float_eq(moment, p == 0, 1e-12 * size, "%s: degree %d at %g: %g", axis->name, p, x, moment);
    }
}

Test(spread, keeps_the_moments_of_a_point) {
    gsl_rng *random = make_random(23);
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, HF_DIM_MAX, spread_axes, &grid), HF_OK);
    for (size_t d = 0; d < HF_DIM_MAX; d++) {
        const hf_axis *axis = &spread_axes[d];
        double h = hf_grid_spacing(grid, d);
        for (size_t i = 0; i < axis->cells; i++) {
            check_spread(grid, d, hf_grid_center(grid, d, i));
            check_spread(grid, d, axis->lower + (double)i * h);
        }
        check_spread(grid, d, axis->upper);
        for (int k = 0; k < 100; k++)
            check_spread(grid, d, uniform(random, axis->lower, axis->upper));
    }
    hf_grid_destroy(&grid);
    gsl_rng_free(random);
}

/* A point at a centre stays there. */
Test(spread, leaves_a_point_at_a_centre) {
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, HF_DIM_MAX, spread_axes, &grid), HF_OK);
    for (size_t d = 0; d < HF_DIM_MAX; d++)
        for (size_t i = 0; i < spread_axes[d].cells; i++) {
            double weight[HF_SPREAD];
            size_t first = hf_grid_spread(grid, d, hf_grid_center(grid, d, i), weight);
            for (size_t s = 0; s < HF_SPREAD; s++)
                cr_expect_float_eq(weight[s], (first + s) % spread_axes[d].cells == i, 1e-12);
        }
    hf_grid_destroy(&grid);
}

/* Largest error of the integral of a smooth periodic function, for points all around the circle. */
static double circle_error(size_t n) {
    const hf_axis circle = {"phi", -M_PI, M_PI, n, true};
    hf_grid *grid;
    double error = 0;
    cr_assert_eq(hf_grid_create(NULL, 1, &circle, &grid), HF_OK);
    for (int k = -200; k <= 200; k++) {
        double x = M_PI * k / 200, weight[HF_SPREAD], sum = 0;
        size_t first = hf_grid_spread(grid, 0, x, weight);
        for (size_t s = 0; s < HF_SPREAD; s++)
            sum += weight[s] * exp(sin(hf_grid_center(grid, 0, (first + s) % n) + 0.3));
        error = fmax(error, fabs(sum - exp(sin(x + 0.3))));
    }
    hf_grid_destroy(&grid);
    return error;
}

Test(spread, keeps_integrals_on_a_circle_to_order_eight) {
    double coarse = circle_error(64), fine = circle_error(128), order = log2(coarse / fine);
    cr_expect_float_eq(order, HF_SPREAD, 0.1, "order %.3f, errors %.3g and %.3g", order, coarse, fine);
}

/* ---- what is refused ----------------------------------------------------------------------------------- */

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

/* ---- a positive density for a signed one
 * ------------------------------------------------------------------- */

static double sum_of(size_t count, const double *values, double power) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += pow(fabs(values[i]), power) * (power == 1 && values[i] < 0 ? -1 : 1);
    return sum;
}

/* Mass is kept to rounding, nothing is negative, and neither the maximum nor the sum of squares grows but by
 * what is cut off at the end, at most a thousandth of the mass where 32 sweeps were enough. */
Test(positive, keeps_mass_and_bounds) {
    gsl_rng *random = make_random(91);
    for (int round = 0; round < 40; round++) {
        hf_axis box[HF_DIM_MAX] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
        size_t dim = 1 + (size_t)round % HF_DIM_MAX;
        for (size_t d = 0; d < dim; d++) {
            box[d].lower = -1;
            box[d].upper = 1 + (double)d;
            box[d].cells = 5 + (d + (size_t)round) % 4;
            box[d].periodic = gsl_rng_uniform(random) < 0.5;
        }
        hf_grid *grid;
        cr_assert_eq(hf_grid_create(NULL, dim, box, &grid), HF_OK);
        size_t count = hf_grid_cells(grid);
        double *rho = make_array(count), *signed_rho = make_array(count), lowest = 0;
        fill_uniform(random, -0.4, 1, count, rho);
        memcpy(signed_rho, rho, count * sizeof *rho);
        cr_assert_eq(hf_grid_make_positive(NULL, grid, rho), HF_OK);
        for (size_t i = 0; i < count; i++)
            lowest = fmin(lowest, rho[i]);
        cr_expect_eq(lowest, 0);
        cr_expect_float_eq(sum_of(count, rho, 1), sum_of(count, signed_rho, 1), 1e-13 * (double)count);
        cr_expect_leq(largest(count, rho), 1.0011 * largest(count, signed_rho));
        cr_expect_leq(sum_of(count, rho, 2), 1.0022 * sum_of(count, signed_rho, 2));
        hf_array_destroy(&rho);
        hf_array_destroy(&signed_rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* Without a negative cell nothing changes; a dip beside a peak is filled from the peak, on both sides alike.
 */
Test(positive, fills_dips_from_their_neighbours_alone) {
    hf_axis axis = {.name = "a", .lower = 0, .upper = 9, .cells = 9};
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, 1, &axis, &grid), HF_OK);
    double plain[9] = {0, 0, 1, 3, 0, 2, 0, 0, 5}, kept[9], dips[9] = {7, 0, 0, -1, 10, -1, 0, 0, 7};
    memcpy(kept, plain, sizeof plain);
    cr_assert_eq(hf_grid_make_positive(NULL, grid, plain), HF_OK);
    cr_expect_arr_eq(plain, kept, sizeof plain);
    cr_assert_eq(hf_grid_make_positive(NULL, grid, dips), HF_OK);
    for (size_t i = 0; i < 4; i++)
        cr_expect_float_eq(dips[i], dips[8 - i], 1e-14);
    /* two are missing: the peak beside both dips pays nearly all of it */
    cr_expect_leq(7 - dips[0], 0.1 * (10 - dips[4]), "%g of the ends, %g of the peak", 7 - dips[0],
                  10 - dips[4]);
    hf_grid_destroy(&grid);
}
