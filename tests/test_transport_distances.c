/* Distances in several dimensions: sliced and exact W2, quantisation, assignment to cells, Sinkhorn, dual
 * Sobolev. Against closed forms, one another, and the laws of a distance. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/measure.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static hf_grid *make_grid(size_t dim, const hf_axis *axes) {
    hf_grid *grid;
    hf_error error = {0};
    cr_assert_eq(hf_grid_create(&error, dim, axes, &grid), HF_OK, "%s", error.message);
    return grid;
}

static const hf_axis plane[] = {{"a", -2, 4, 24, false}, {"v", -1, 3, 20, false}};
static const hf_axis space[] = {{"q", -2, 4, 12, false}, {"k", -1, 3, 10, false}, {"v", 0, 5, 9, false}};
static const hf_axis cylinder[] = {{"phi", -M_PI, M_PI, 24, true}, {"v", -1, 3, 20, false}};
static const hf_axis line[] = {{"x", -2, 4, 40, false}};
static const hf_axis circle[] = {{"phi", -M_PI, M_PI, 40, true}};

/* A density of mass 1 with empty cells. */
static double *make_density(gsl_rng *random, const hf_grid *grid) {
    double *rho = make_array(hf_grid_cells(grid));
    fill_density(random, grid, 0.3, rho);
    return rho;
}

/* A product of cosine bumps of half width r about centre, as values at the cell centres. */
static void fill_bump(const hf_grid *grid, const double *centre, double r, double *rho) {
    double theta[HF_DIM_MAX];
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        hf_grid_centers(grid, i, theta);
        rho[i] = 1;
        for (size_t d = 0; d < hf_grid_dim(grid); d++) {
            double x = theta[d] - centre[d];
            if (hf_grid_axis(grid, d)->periodic)
                x = remainder(x, 2 * M_PI);
            rho[i] *= fabs(x) < r ? 1 + cos(M_PI * x / r) : 0;
        }
    }
}

/* `each`^D points a cell, evenly spaced, with the cell's mass; theta and mass belong to the caller. */
static hf_points make_subpoints(const hf_grid *grid, const double *rho, size_t each, const double *shift) {
    size_t dim = hf_grid_dim(grid), parts = 1, cells = hf_grid_cells(grid);
    for (size_t d = 0; d < dim; d++)
        parts *= each;
    double *theta = make_array(cells * parts * dim), *mass = make_array(cells * parts);
    for (size_t i = 0; i < cells * parts; i++) {
        size_t part = i % parts;
        hf_grid_centers(grid, i / parts, theta + i * dim);
        for (size_t d = 0; d < dim; d++, part /= each)
            theta[i * dim + d] +=
                shift[d] + hf_grid_spacing(grid, d) * (((double)(part % each) + 0.5) / (double)each - 0.5);
        mass[i] = rho[i / parts];
    }
    return (hf_points){cells * parts, theta, mass};
}

static void free_points(hf_points *points) {
    double *theta = (double *)(uintptr_t)points->theta, *mass = (double *)(uintptr_t)points->mass;
    hf_array_destroy(&theta);
    hf_array_destroy(&mass);
}

static const double nowhere[HF_DIM_MAX] = {0};

/* ---- sliced -------------------------------------------------------------------------------------------- */

static double sliced(const hf_grid *grid, const double *rho, size_t count, const hf_points *points) {
    hf_slices *slices;
    hf_error error = {0};
    double value;
    cr_assert_eq(hf_slices_create(&error, grid, rho, count, &slices), HF_OK, "%s", error.message);
    cr_assert_eq(hf_slices_distance(&error, slices, points, &value), HF_OK, "%s", error.message);
    hf_slices_destroy(&slices);
    return value;
}

/* The density's own points, moved: the mean of (s.omega)^2 is |s|^2/D, exactly so for equispaced angles and
 * for orthonormal frames. The points' blocks and the cells' simplified shapes add less than 0.03 of a cell,
 * in quadrature where all is smooth. */
Test(sliced, translation) {
    const hf_axis *const boxes[] = {plane, space};
    const double shift[] = {1.37, -0.59, 0.83};
    for (size_t k = 0; k < 2; k++) {
        size_t dim = 2 + k;
        hf_grid *grid = make_grid(dim, boxes[k]);
        double *rho = make_array(hf_grid_cells(grid)), square = 0;
        fill_bump(grid, (double[]){0.7, 1.1, 2.3}, 0.9, rho);
        hf_points points = make_subpoints(grid, rho, 3, shift), still = make_subpoints(grid, rho, 3, nowhere);
        for (size_t d = 0; d < dim; d++)
            square += shift[d] * shift[d] / (double)dim;
        for (size_t count = 2; count < 20; count += 7) {
            double value = sliced(grid, rho, count, &points), h = hf_grid_spacing(grid, 0);
            cr_expect_float_eq(value, sqrt(square), 2e-3, "%zu slices: %g", count, value - sqrt(square));
            value = sliced(grid, rho, count, &still); /* the points' own blocks, and the shapes */
            cr_expect_leq(value, h * (1 / (3 * sqrt(12)) + 0.03), "%zu slices: %g", count, value / h);
        }
        free_points(&points);
        free_points(&still);
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
}

/* To a point at its mean a density has W2^2 = omega.Cov.omega along omega, in the mean trace Cov/D. The
 * cells' own variance is kept. */
Test(sliced, variance) {
    const hf_axis *const boxes[] = {plane, space};
    gsl_rng *random = make_random(201);
    for (size_t k = 0; k < 2; k++) {
        size_t dim = 2 + k;
        hf_grid *grid = make_grid(dim, boxes[k]);
        double *rho = make_density(random, grid), mean[3], covariance[9], trace = 0;
        hf_grid_moments(grid, HF_CELL_MEANS, rho, mean, covariance);
        for (size_t d = 0; d < dim; d++)
            trace += covariance[d * dim + d] / (double)dim;
        double value = sliced(grid, rho, 12, &(hf_points){1, mean, NULL});
        cr_expect_float_eq(value, sqrt(trace), 1e-6, "%g", value - sqrt(trace));
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* On a cylinder the angle goes round a unit circle in space: from the uniform density in phi and v to a point
 * on the axis's height, E|x - p|^2 = 2 + var v, over three coordinates. */
Test(sliced, chords_on_a_cylinder) {
    hf_grid *grid = make_grid(2, cylinder);
    double *rho = make_array(hf_grid_cells(grid)), directions = 300;
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        rho[i] = 0.7;
    double turned = sliced(grid, rho, (size_t)directions, &(hf_points){1, (double[]){2.385, 1}, NULL});
    cr_expect_float_eq(turned * turned, (2 + 16.0 / 12) / 3, 0.01, "%g", turned * turned);
    for (double phi = -9; phi < 9; phi += 1.7) {
        double value = sliced(grid, rho, 30, &(hf_points){1, (double[]){phi, 1}, NULL});
        double again = sliced(grid, rho, 30, &(hf_points){1, (double[]){phi + 4 * M_PI, 1}, NULL});
        cr_expect_float_eq(value, again, 1e-13);
        cr_expect_float_eq(value * value, (2 + 16.0 / 12) / 3, 0.02, "%g", value * value);
    }
    hf_array_destroy(&rho);
    hf_grid_destroy(&grid);
}

/* One cell alone and the points of it: the width that a direction sees of an arc is right wherever it lies.
 */
Test(sliced, one_cell_of_a_cylinder) {
    hf_grid *grid = make_grid(2, cylinder);
    double h = hf_grid_spacing(grid, 0);
    for (size_t cell = 0; cell < hf_grid_cells(grid); cell += 61) {
        double *rho = make_array(hf_grid_cells(grid));
        rho[cell] = 0.7;
        hf_points points = make_subpoints(grid, rho, 5, nowhere);
        hf_points inside = {25, points.theta + 50 * cell, NULL};
        double value = sliced(grid, rho, 30, &inside);
        cr_expect_lt(value, 0.05 * h, "cell %zu: %g", cell, value / h);
        free_points(&points);
        hf_array_destroy(&rho);
    }
    hf_grid_destroy(&grid);
}

/* In one dimension there is one slice: W2, along arcs on a circle. */
Test(sliced, one_dimension) {
    gsl_rng *random = make_random(202);
    const hf_axis *const axes[] = {line, circle};
    for (size_t k = 0; k < 2; k++) {
        hf_grid *grid = make_grid(1, axes[k]);
        double *rho = make_density(random, grid), point[9], expected;
        fill_uniform(random, -2, 4, 9, point);
        hf_points points = {9, point, NULL};
        cr_assert_eq(hf_wasserstein(NULL, axes[k], 2, rho, &points, &expected), HF_OK);
        cr_expect_float_eq(sliced(grid, rho, 16, &points), expected, 1e-14);
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* ---- exact --------------------------------------------------------------------------------------------- */

static double exact(const hf_grid *grid, const hf_points *a, const hf_points *b) {
    hf_error error = {0};
    double value, gap;
    cr_assert_eq(hf_wasserstein2_exact(&error, grid, a, b, &value, &gap), HF_OK, "%s", error.message);
    cr_expect_lt(fabs(gap), 1e-12, "%g", gap);
    return value;
}

/* Masses (5, 3, 2)/10 at (0, 0), (1, 0), (3, 0) to (2, 4, 4)/10 at (1, 2), (0, 1), (3, 0). Squared distances
 * by source: 5 1 9, 4 2 4, 8 10 0. The first sends 4 to the second sink and 1 to the first, the second 1 to
 * the first and 2 to the third, the third all to the third: (4 + 5 + 4 + 8 + 0)/10. The potentials (0, -1,
 * -5) and (5, 1, 5) are feasible and have the same value. */
Test(exact, by_hand) {
    hf_grid *grid = make_grid(2, plane);
    const hf_points a = {3, (double[]){0, 0, 1, 0, 3, 0}, (double[]){5, 3, 2}};
    const hf_points b = {3, (double[]){1, 2, 0, 1, 3, 0}, (double[]){2, 4, 4}};
    cr_expect_float_eq(exact(grid, &a, &b), sqrt(2.1), 1e-15);
    cr_expect_float_eq(exact(grid, &b, &a), sqrt(2.1), 1e-15);
    cr_expect_lt(exact(grid, &a, &a), 1e-15);
    hf_grid_destroy(&grid);
}

/* A fine comb of points for the density of one axis: within the comb's own W2 of the quantile formula, on the
 * circle too. */
Test(exact, is_the_quantile_formula_on_one_axis) {
    enum { EACH = 5, COUNT = 23 };
    gsl_rng *random = make_random(204);
    const hf_axis *const axes[] = {line, circle};
    for (size_t k = 0; k < 6; k++) {
        const hf_axis *axis = axes[k % 2];
        hf_grid *grid = make_grid(1, axis);
        double *rho = make_density(random, grid), point[COUNT], mass[COUNT], expected;
        double comb = hf_grid_spacing(grid, 0) / EACH / sqrt(12);
        fill_uniform(random, -2, 4, COUNT, point);
        fill_uniform(random, 0, 2.385, COUNT, mass);
        hf_points points = {COUNT, point, mass}, fine = make_subpoints(grid, rho, EACH, nowhere);
        cr_assert_eq(hf_wasserstein(NULL, axis, 2, rho, &points, &expected), HF_OK);
        cr_expect_leq(fabs(exact(grid, &points, &fine) - expected), comb * (1 + 1e-12));
        free_points(&fine);
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* Symmetry, the triangle inequality, scaling, translation; on a cylinder turning. */
Test(exact, laws) {
    enum { COUNT = 31 };
    gsl_rng *random = make_random(205);
    const hf_axis *const boxes[] = {plane, cylinder};
    for (size_t k = 0; k < 8; k++) {
        hf_grid *grid = make_grid(2, boxes[k % 2]);
        double theta[3][2 * COUNT], mass[3][COUNT];
        hf_points p[3];
        for (size_t i = 0; i < 3; i++) {
            fill_uniform(random, -3, 3, 2 * COUNT, theta[i]);
            fill_uniform(random, 0, 1, COUNT, mass[i]);
            p[i] = (hf_points){COUNT, theta[i], mass[i]};
        }
        double ab = exact(grid, &p[0], &p[1]), bc = exact(grid, &p[1], &p[2]), ac = exact(grid, &p[0], &p[2]);
        cr_expect_float_eq(exact(grid, &p[1], &p[0]), ab, 1e-14);
        cr_expect_leq(ac, ab + bc + 1e-14);
        for (size_t i = 0; i < COUNT; i++)
            for (size_t j = 0; j < 2; j++) {
                theta[j][2 * i] += 1.37;
                theta[j][2 * i + 1] -= 0.59;
            }
        cr_expect_float_eq(exact(grid, &p[0], &p[1]), ab, 1e-13);
        memcpy(theta[1], theta[0], sizeof theta[0]);
        memcpy(mass[1], mass[0], sizeof mass[0]);
        for (size_t i = 0; i < COUNT; i++)
            theta[1][2 * i + 1] += 0.4;
        cr_expect_float_eq(exact(grid, &p[0], &p[1]), 0.4, 1e-14, "translations cost their length");
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* A sliced distance is at most W2 over sqrt D: projections shorten, and all directions have the same weight.
 */
Test(exact, is_more_than_slices) {
    enum { COUNT = 40, MOST = 200 };
    gsl_rng *random = make_random(216);
    const hf_axis *const boxes[] = {plane, space};
    for (size_t k = 0; k < 4; k++) {
        size_t dim = 2 + k % 2, count;
        hf_grid *grid = make_grid(dim, boxes[k % 2]);
        double *rho = make_density(random, grid), point[3 * COUNT], theta[3 * MOST], mass[MOST], bound;
        fill_uniform(random, 0, 2.385, dim * COUNT, point);
        cr_assert_eq(hf_grid_quantise(NULL, grid, rho, MOST, theta, mass, &count, &bound), HF_OK);
        hf_points points = {COUNT, point, NULL}, atoms = {count, theta, mass};
        double whole = exact(grid, &points, &atoms),
               part = sliced(grid, rho, 18, &points) * sqrt((double)dim);
        cr_expect_leq(part, whole + bound);
        cr_expect_geq(part, 0.8 * whole - bound, "%g of %g", part, whole);
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* ---- quantisation -------------------------------------------------------------------------------------- */

/* The bound holds on one axis, where W2 is known, and does not waste more than a third on a smooth density;
 * mass and mean are kept, all atoms have mass. Through a seam too. */
Test(quantise, bounds_the_true_distance) {
    enum { MOST = 50 };
    gsl_rng *random = make_random(206);
    const hf_axis *const axes[] = {line, circle};
    for (size_t k = 0; k < 10; k++) {
        hf_grid *grid = make_grid(1, axes[k % 2]);
        double *rho = make_density(random, grid), theta[MOST], mass[MOST], bound, distance, before = INFINITY;
        for (size_t most = 1; most <= MOST; most += 7) {
            size_t count;
            cr_assert_eq(hf_grid_quantise(NULL, grid, rho, most, theta, mass, &count, &bound), HF_OK);
            hf_points atoms = {count, theta, mass};
            cr_assert_leq(count, most);
            cr_assert_eq(hf_wasserstein(NULL, axes[k % 2], 2, rho, &atoms, &distance), HF_OK);
            cr_expect_leq(distance, bound * (1 + 1e-12));
            if (!axes[k % 2]->periodic || most > 8)
                cr_expect_geq(distance, bound * (most == 1 ? 1 - 1e-12 : 0.6), "%zu: %g, %g", most, distance,
                              bound);
            cr_expect_lt(bound, before);
            before = most < 22 ? bound : INFINITY;
            for (size_t i = 0; i < count; i++)
                cr_expect_gt(mass[i], 0);
        }
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* Enough atoms: one in each cell that has mass, and the bound is the cells' own deviation. Fewer: mass and
 * mean are kept and the bound falls as the number of atoms to the power -1/D. */
Test(quantise, in_the_plane_and_in_space) {
    gsl_rng *random = make_random(207);
    const hf_axis *const boxes[] = {plane, space, cylinder};
    for (size_t k = 0; k < 3; k++) {
        hf_grid *grid = make_grid(k == 1 ? 3 : 2, boxes[k]);
        size_t dim = hf_grid_dim(grid), cells = hf_grid_cells(grid), count, full = 0;
        double *rho = make_density(random, grid), *theta = make_array(cells * dim), *mass = make_array(cells);
        double bound, cell = 0, mean[3], moved[3], covariance[9], total = 0;
        for (size_t d = 0; d < dim; d++)
            cell += hf_grid_cell_variance(grid, d, HF_CELL_MEANS);
        for (size_t i = 0; i < cells; i++)
            full += rho[i] > 0;
        cr_assert_eq(hf_grid_quantise(NULL, grid, rho, cells, theta, mass, &count, &bound), HF_OK);
        cr_expect_eq(count, full);
        cr_expect_float_eq(bound, sqrt(cell), 1e-13);
        cr_assert_eq(hf_grid_quantise(NULL, grid, rho, 37, theta, mass, &count, &bound), HF_OK);
        cr_expect_eq(count, 37);
        hf_grid_moments(grid, HF_CELL_MEANS, rho, mean, covariance);
        hf_points_moments(grid, count, theta, mass, moved, covariance);
        for (size_t d = 0; d < dim; d++)
            if (!boxes[k][d].periodic)
                cr_expect_float_eq(mean[d], moved[d], 1e-13);
        for (size_t i = 0; i < count; i++)
            total += mass[i];
        cr_expect_float_eq(total, 1, 1e-13);
        hf_array_destroy(&rho);
        hf_array_destroy(&theta);
        hf_array_destroy(&mass);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* Of a heavy narrow density and a light wide one, after these are parted, the wide one is split. */
Test(quantise, splits_where_it_tells_most) {
    hf_grid *grid = make_grid(1, line);
    double rho[40] = {0}, theta[3], mass[3], bound, h = hf_grid_spacing(grid, 0);
    size_t count;
    rho[0] = rho[1] = 4;
    for (size_t i = 20; i < 40; i++)
        rho[i] = 0.1;
    cr_assert_eq(hf_grid_quantise(NULL, grid, rho, 3, theta, mass, &count, &bound), HF_OK);
    cr_expect_eq(count, 3);
    cr_expect_float_eq(bound, h * sqrt((0.8 * 4 + 0.2 * 100) / 12), 1e-14);
    hf_grid_destroy(&grid);
}

/* n^2 squares of a uniform square: sides L/n, variance L^2/6n^2. */
Test(quantise, a_uniform_square) {
    static const hf_axis square[] = {{"a", -2, 4, 32, false}, {"v", 0, 6, 32, false}};
    hf_grid *grid = make_grid(2, square);
    double *rho = make_array(1024), theta[512], mass[256], bound;
    size_t count;
    for (size_t i = 0; i < 1024; i++)
        rho[i] = 0.7;
    for (size_t n = 1; n <= 16; n *= 2) {
        cr_assert_eq(hf_grid_quantise(NULL, grid, rho, n * n, theta, mass, &count, &bound), HF_OK);
        cr_expect_eq(count, n * n);
        cr_expect_float_eq(bound, 6 / sqrt(6) / (double)n, 1e-13);
    }
    hf_array_destroy(&rho);
    hf_grid_destroy(&grid);
}

/* ---- assignment ---------------------------------------------------------------------------------------- */

/* Mass and mean are kept between the outermost centres and on the circle's circumference; the displacement is
 * what W2 from the points to the centres may be at most. */
Test(assign, keeps_the_mean_and_states_the_way) {
    enum { COUNT = 29 };
    gsl_rng *random = make_random(208);
    const hf_axis *const boxes[] = {plane, cylinder};
    for (size_t k = 0; k < 6; k++) {
        hf_grid *grid = make_grid(2, boxes[k % 2]);
        size_t cells = hf_grid_cells(grid);
        double theta[2 * COUNT], mass[COUNT], *assigned = make_array(cells), displacement, total = 0;
        for (size_t i = 0; i < COUNT; i++) {
            theta[2 * i] = uniform(random, k % 2 == 0 ? -1.8 : -9, k % 2 == 0 ? 3.8 : 9);
            theta[2 * i + 1] = uniform(random, -0.9, 2.9);
        }
        fill_uniform(random, 0, 2.385, COUNT, mass);
        hf_points points = {COUNT, theta, mass}, centres = {cells, make_array(2 * cells), assigned};
        cr_assert_eq(hf_grid_assign(NULL, grid, &points, assigned, &displacement), HF_OK);
        double before[2], after[2], covariance[4];
        for (size_t i = 0; i < cells; i++) {
            hf_grid_centers(grid, i, (double *)(uintptr_t)centres.theta + 2 * i);
            total += assigned[i];
        }
        cr_expect_float_eq(total, 1, 1e-14);
        hf_points_moments(grid, COUNT, theta, mass, before, covariance);
        hf_points_moments(grid, cells, centres.theta, assigned, after, covariance);
        cr_expect_float_eq(after[1], before[1], 1e-14);
        if (k % 2 == 0)
            cr_expect_float_eq(after[0], before[0], 1e-14);
        double distance = exact(grid, &points, &centres);
        cr_expect_leq(distance, displacement * (1 + 1e-12));
        cr_expect_geq(distance, 0.7 * displacement, "%g of it", distance / displacement);
        centres.mass = NULL;
        free_points(&centres);
        hf_array_destroy(&assigned);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* A third of the way between two centres h apart: shares 2/3, 1/3 and h sqrt(2)/3; through the seam too. */
Test(assign, one_point) {
    const hf_axis *const axes[] = {line, circle};
    for (size_t k = 0; k < 2; k++) {
        hf_grid *grid = make_grid(1, axes[k]);
        double h = hf_grid_spacing(grid, 0), mass[40], displacement;
        for (size_t i = 0; i < 40; i++) {
            double x = hf_grid_center(grid, 0, i) + h / 3;
            bool wall = k == 0 && i == 39;
            cr_assert_eq(hf_grid_assign(NULL, grid, &(hf_points){1, &x, NULL}, mass, &displacement), HF_OK);
            cr_expect_float_eq(mass[i], wall ? 1 : 2.0 / 3, 1e-13);
            cr_expect_float_eq(mass[(i + 1) % 40], wall ? 0 : 1.0 / 3, 1e-13);
            cr_expect_float_eq(displacement, wall ? h / 3 : h * sqrt(2) / 3, 1e-14);
        }
        double far = -7.31; /* beyond a wall: to the first cell, and it is told how far */
        if (k == 0) {
            cr_assert_eq(hf_grid_assign(NULL, grid, &(hf_points){1, &far, NULL}, mass, &displacement), HF_OK);
            cr_expect_eq(mass[0], 1);
            cr_expect_float_eq(displacement, -2 + h / 2 + 7.31, 1e-14);
        }
        hf_grid_destroy(&grid);
    }
}

Test(coarsen, sums_groups_of_cells) {
    gsl_rng *random = make_random(209);
    hf_grid *grid = make_grid(3, space), *coarse;
    hf_error error = {0};
    double *rho = make_density(random, grid), mean[2][3], covariance[9];
    cr_expect_eq(hf_grid_coarsen(&error, grid, (size_t[]){2, 3, 3}, &coarse), HF_ERR_INPUT);
    cr_expect_null(coarse);
    cr_assert_eq(hf_grid_coarsen(&error, grid, (size_t[]){2, 1, 3}, &coarse), HF_OK);
    cr_assert_eq(hf_grid_cells(coarse), 6 * 10 * 3);
    double *sums = make_array(hf_grid_cells(coarse));
    hf_grid_gather(grid, rho, coarse, sums);
    hf_grid_moments(grid, HF_CELL_MEANS, rho, mean[0], covariance);
    hf_grid_moments(coarse, HF_CELL_MEANS, sums, mean[1], covariance);
    cr_expect_float_eq(mean[0][1], mean[1][1], 1e-13, "an axis of its own cells");
    double of_four = 0; /* cell (1, 2, 0) holds cells (2..3, 2, 0..2) */
    for (size_t i = 2; i < 4; i++)
        for (size_t j = 0; j < 3; j++)
            of_four += rho[i * 90 + 2 * 9 + j];
    cr_expect_float_eq(sums[30 + 2 * 3], of_four, 1e-15);
    hf_array_destroy(&sums);
    hf_array_destroy(&rho);
    hf_grid_destroy(&coarse);
    hf_grid_destroy(&grid);
    gsl_rng_free(random);
}

/* ---- Sinkhorn ------------------------------------------------------------------------------------------ */

static double sinkhorn(const hf_grid *grid, double epsilon, double tolerance, const double *a,
                       const double *b) {
    hf_sinkhorn *prepared;
    hf_error error = {0};
    hf_sinkhorn_options options = {.epsilon = epsilon, .tolerance = tolerance};
    double value;
    cr_assert_eq(hf_sinkhorn_create(&error, grid, &options, a, &prepared), HF_OK, "%s", error.message);
    cr_assert_eq(hf_sinkhorn_distance(&error, prepared, b, &value), HF_OK, "%s", error.message);
    hf_sinkhorn_destroy(&prepared);
    return value;
}

/* The same without logarithms, products or tricks: dense plain Sinkhorn to rounding. Returns OT_epsilon. */
static double plain_sinkhorn(const hf_grid *grid, double epsilon, const double *a, const double *b) {
    size_t cells = hf_grid_cells(grid), dim = hf_grid_dim(grid);
    double *kernel = make_array(cells * cells), *u = make_array(cells), *v = make_array(cells), sum = 0;
    for (size_t i = 0; i < cells; i++)
        for (size_t j = 0; j < cells; j++) {
            double x[HF_DIM_MAX], y[HF_DIM_MAX], squared = 0;
            hf_grid_centers(grid, i, x);
            hf_grid_centers(grid, j, y);
            for (size_t d = 0; d < dim; d++)
                squared +=
                    pow(hf_grid_axis(grid, d)->periodic ? remainder(x[d] - y[d], 2 * M_PI) : x[d] - y[d], 2);
            kernel[i * cells + j] = exp(-squared / epsilon);
        }
    for (size_t i = 0; i < cells; i++)
        v[i] = 1;
    for (int k = 0; k < 400; k++) {
        for (size_t i = 0; i < cells; i++) {
            double row = 0;
            for (size_t j = 0; j < cells; j++)
                row += kernel[i * cells + j] * v[j] * b[j];
            u[i] = 1 / row;
        }
        for (size_t j = 0; j < cells; j++) {
            double column = 0;
            for (size_t i = 0; i < cells; i++)
                column += kernel[i * cells + j] * u[i] * a[i];
            v[j] = 1 / column;
        }
    }
    for (size_t i = 0; i < cells; i++)
        sum += epsilon * (a[i] * log(u[i]) + b[i] * log(v[i]));
    hf_array_destroy(&kernel);
    hf_array_destroy(&u);
    hf_array_destroy(&v);
    return sum;
}

static void normalise(size_t count, double *mass) {
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += mass[i];
    for (size_t i = 0; i < count; i++)
        mass[i] /= total;
}

Test(sinkhorn, is_the_plain_iteration) {
    static const hf_axis boxes[2][2] = {{{"a", -2, 4, 9, false}, {"v", -1, 3, 8, false}},
                                        {{"phi", -M_PI, M_PI, 9, true}, {"v", -1, 3, 8, false}}};
    gsl_rng *random = make_random(210);
    for (size_t k = 0; k < 2; k++) {
        hf_grid *grid = make_grid(2, boxes[k]);
        double *a = make_density(random, grid), *b = make_density(random, grid);
        normalise(72, a);
        normalise(72, b);
        double expected = plain_sinkhorn(grid, 1.3, a, b) - 0.5 * plain_sinkhorn(grid, 1.3, a, a) -
                          0.5 * plain_sinkhorn(grid, 1.3, b, b);
        cr_expect_float_eq(sinkhorn(grid, 1.3, 1e-9, a, b), sqrt(expected), 1e-9);
        cr_expect_float_eq(sinkhorn(grid, 1.3, 0, a, b), sqrt(expected), 1e-6, "%g off",
                           sinkhorn(grid, 1.3, 0, a, b) - sqrt(expected));
        double loose = sinkhorn(grid, 1.3, 0.03, a, b); /* marginals 3 % off: the square of it in the value */
        cr_expect_float_eq(loose * loose, expected, 1.3 * 0.03 * 0.03, "%g off", loose * loose - expected);
        hf_array_destroy(&a);
        hf_array_destroy(&b);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* Exact W2 as epsilon falls; the errors of the root fall with it. On one axis and on the plane. */
Test(sinkhorn, tends_to_the_exact_distance) {
    static const hf_axis boxes[2][2] = {{{"a", -2, 4, 16, false}, {"v", -1, 3, 12, false}},
                                        {{"phi", -M_PI, M_PI, 16, true}, {"v", -1, 3, 12, false}}};
    gsl_rng *random = make_random(211);
    for (size_t k = 0; k < 2; k++) {
        hf_grid *grid = make_grid(2, boxes[k]);
        size_t cells = hf_grid_cells(grid);
        double *a = make_density(random, grid), *b = make_density(random, grid),
               *theta = make_array(2 * cells);
        for (size_t i = 0; i < cells; i++) {
            hf_grid_centers(grid, i, theta + 2 * i);
            b[i] *= exp(-theta[2 * i + 1]);
        }
        double limit = exact(grid, &(hf_points){cells, theta, a}, &(hf_points){cells, theta, b});
        double before = INFINITY;
        for (double epsilon = 0.8; epsilon > 0.01; epsilon /= 4) {
            double off = fabs(sinkhorn(grid, epsilon, 1e-3, a, b) - limit);
            cr_expect_lt(off, 0.6 * before, "%g: %g", epsilon, off);
            before = off;
        }
        cr_expect_lt(before, 0.01 * limit, "%g of %g", before, limit);
        hf_array_destroy(&a);
        hf_array_destroy(&b);
        hf_array_destroy(&theta);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* For translations the divergence is the distance at every epsilon, far beyond the range of exp too: the
 * smallest one here has terms of exp(-20000). */
Test(sinkhorn, translation) {
    static const hf_axis box[] = {{"a", -2, 4, 24, false}, {"v", -1, 3, 16, false}};
    hf_grid *grid = make_grid(2, box);
    double *a = make_array(384), *b = make_array(384);
    fill_bump(grid, (double[]){-0.9, 0.1}, 0.9, a);
    fill_bump(grid, (double[]){2.6, 1.6}, 0.9, b); /* 14 and 6 cells on */
    for (double epsilon = 2; epsilon > 0.002; epsilon /= 10) {
        double value = sinkhorn(grid, epsilon, 1e-6, a, b);
        cr_expect_float_eq(value, hypot(3.5, 1.5), 1e-5, "%g: %g", epsilon, value - hypot(3.5, 1.5));
    }
    hf_array_destroy(&a);
    hf_array_destroy(&b);
    hf_grid_destroy(&grid);
}

/* Zero from a density to itself, symmetric, and the triangle inequality of its roots, which holds up to the
 * blur. */
Test(sinkhorn, laws) {
    gsl_rng *random = make_random(212);
    const hf_axis *const boxes[] = {plane, cylinder};
    for (size_t k = 0; k < 4; k++) {
        hf_grid *grid = make_grid(2, boxes[k % 2]);
        double *rho[3];
        for (size_t i = 0; i < 3; i++)
            rho[i] = make_density(random, grid);
        double ab = sinkhorn(grid, 0.3, 0, rho[0], rho[1]);
        cr_expect_lt(sinkhorn(grid, 0.3, 0, rho[0], rho[0]), 1e-4 * sqrt(0.3));
        cr_expect_float_eq(ab, sinkhorn(grid, 0.3, 0, rho[1], rho[0]), 1e-6);
        cr_expect_leq(ab, sinkhorn(grid, 0.3, 0, rho[0], rho[2]) + sinkhorn(grid, 0.3, 0, rho[2], rho[1]));
        cr_expect_gt(ab, 0.05);
        for (size_t i = 0; i < 3; i++)
            hf_array_destroy(&rho[i]);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

Test(sinkhorn, gives_up_and_refuses) {
    gsl_rng *random = make_random(213);
    hf_grid *grid = make_grid(2, plane);
    double *a = make_density(random, grid), *b = make_density(random, grid), value;
    hf_sinkhorn *prepared;
    hf_error error = {0};
    hf_sinkhorn_options options = {.epsilon = 0.05, .tolerance = 1e-12, .iterations = 20};
    cr_expect_eq(hf_sinkhorn_create(&error, grid, &options, a, &prepared), HF_ERR_NUMERIC);
    cr_expect_null(prepared);
    cr_expect(strstr(error.message, "after 20 iterations") != NULL, "%s", error.message);
    options.tolerance = 1e-4;
    cr_assert_eq(hf_sinkhorn_create(&error, grid, &options, a, &prepared), HF_OK);
    cr_expect_eq(hf_sinkhorn_distance(&error, prepared, b, &value), HF_ERR_NUMERIC);
    b[7] = -1e-9;
    cr_expect_eq(hf_sinkhorn_distance(&error, prepared, b, &value), HF_ERR_INPUT);
    hf_sinkhorn_destroy(&prepared);
    options.epsilon = 0;
    cr_expect_eq(hf_sinkhorn_create(&error, grid, &options, a, &prepared), HF_ERR_INPUT);
    hf_array_destroy(&a);
    hf_array_destroy(&b);
    hf_grid_destroy(&grid);
    gsl_rng_free(random);
}

/* ---- dual Sobolev -------------------------------------------------------------------------------------- */

static double sobolev(const hf_grid *grid, const double *a, const double *b) {
    hf_sobolev *prepared;
    hf_error error = {0};
    double value;
    cr_assert_eq(hf_sobolev_create(&error, grid, &prepared), HF_OK, "%s", error.message);
    cr_assert_eq(hf_sobolev_distance(&error, prepared, a, b, &value), HF_OK, "%s", error.message);
    hf_sobolev_destroy(&prepared);
    return value;
}

/* rho = (1 +- s wave)/V: the difference has the L2 norm 2s (mean of wave^2/V)^(1/2), over |k|. All modes of
 * small grids, the fastest of a circle of even cells too, whose square is 1 at the centres. */
static void expect_modes(size_t n) {
    enum { SIDE = 6 };
    const hf_axis box[] = {{"phi", -M_PI, M_PI, n, true}, {"v", -1, 3, SIDE, false}};
    hf_grid *grid = make_grid(2, box);
    double *a = make_array(n * SIDE), *b = make_array(n * SIDE), volume = 8 * M_PI, s = 0.37;
    for (size_t mode = 1; mode < n * SIDE; mode++) {
        size_t k = (mode / SIDE + 1) / 2, l = mode % SIDE; /* 1, cos, sin, cos 2, .. times half waves */
        bool odd = mode / SIDE > 0 && mode / SIDE % 2 == 0, alone = k == 0 || 2 * k == n;
        for (size_t i = 0; i < n * SIDE; i++) {
            double theta[2];
            hf_grid_centers(grid, i, theta);
            double angle = (double)k * (theta[0] - hf_grid_center(grid, 0, 0));
            double wave = (odd ? sin(angle) : cos(angle)) * cos(M_PI / 4 * (double)l * (theta[1] + 1));
            a[i] = 1 + s * wave;
            b[i] = 1 - s * wave;
        }
        double mean_square = (alone ? 1 : 0.5) * (l > 0 ? 0.5 : 1);
        double expected = 2 * s * sqrt(mean_square / volume) / hypot((double)k, M_PI / 4 * (double)l);
        cr_expect_float_eq(sobolev(grid, a, b), expected, 1e-14, "%zu %zu %d", k, l, odd);
    }
    hf_array_destroy(&a);
    hf_array_destroy(&b);
    hf_grid_destroy(&grid);
}

Test(sobolev, one_mode) {
    expect_modes(8);
    expect_modes(7);
}

/* On one axis it is the L2 norm of F - G, on a circle of F - G less its mean: here for smooth densities with
 * primitives in closed form. */
Test(sobolev, on_one_axis_is_the_norm_of_the_primitive) {
    for (size_t k = 0; k < 2; k++) {
        hf_grid *grid = make_grid(1, k == 0 ? line : circle);
        const hf_axis *axis = hf_grid_axis(grid, 0);
        double length = axis->upper - axis->lower, wave = (k == 0 ? M_PI : 2 * M_PI) / length, a[40], b[40];
        for (size_t i = 0; i < 40; i++) {
            double x = wave * (hf_grid_center(grid, 0, i) - axis->lower);
            a[i] = 1 + 0.31 * cos(x) + 0.17 * cos(3 * x) + (k == 1 ? 0.2 * sin(2 * x) : 0);
            b[i] = 1 - 0.23 * cos(2 * x);
        }
        double squared = 0;
        enum { MESH = 4000 };
        for (size_t i = 0; i < MESH; i++) {
            double x = wave * length * ((double)i + 0.5) / MESH;
            double primitive = 0.31 * sin(x) + 0.17 / 3 * sin(3 * x) + 0.23 / 2 * sin(2 * x) -
                               (k == 1 ? 0.2 / 2 * cos(2 * x) : 0);
            squared += pow(primitive / (wave * length), 2) * length / MESH;
        }
        cr_expect_float_eq(sobolev(grid, a, b), sqrt(squared), 1e-13);
        hf_grid_destroy(&grid);
    }
}

Test(sobolev, laws) {
    gsl_rng *random = make_random(214);
    const hf_axis *const boxes[] = {plane, cylinder, space};
    for (size_t k = 0; k < 6; k++) {
        hf_grid *grid = make_grid(k % 3 == 2 ? 3 : 2, boxes[k % 3]);
        double *rho[3];
        for (size_t i = 0; i < 3; i++)
            rho[i] = make_density(random, grid);
        double ab = sobolev(grid, rho[0], rho[1]);
        cr_expect_eq(sobolev(grid, rho[0], rho[0]), 0);
        cr_expect_float_eq(ab, sobolev(grid, rho[1], rho[0]), 1e-15);
        cr_expect_leq(ab, sobolev(grid, rho[0], rho[2]) + sobolev(grid, rho[2], rho[1]));
        for (size_t i = 0; i < hf_grid_cells(grid); i++)
            rho[1][i] *= 17;
        cr_expect_float_eq(ab, sobolev(grid, rho[0], rho[1]), 1e-15, "other masses");
        for (size_t i = 0; i < 3; i++)
            hf_array_destroy(&rho[i]);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* A point mass of the plane: |norm|^2 grows by log 2/2 pi with each halving of the cells, the energy of the
 * logarithmic potential; on a line it converges. */
Test(sobolev, of_a_point_has_no_limit_in_the_plane) {
    double before = 0;
    for (size_t n = 9; n <= 9 * 81; n *= 3) {
        const hf_axis box[] = {{"a", -2, 4, n, false}, {"v", 0, 6, n, false}};
        hf_grid *grid = make_grid(2, box);
        double *point = make_array(n * n), *even = make_array(n * n);
        for (size_t i = 0; i < n * n; i++)
            even[i] = 1;
        point[n * n / 2] = 1;
        double squared = pow(sobolev(grid, point, even), 2);
        if (n > 9)
            cr_expect_float_eq(squared - before, log(3) / (2 * M_PI), 0.02, "%zu: %g", n, squared - before);
        before = squared;
        hf_array_destroy(&point);
        hf_array_destroy(&even);
        hf_grid_destroy(&grid);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------- */

/* The prepared objects give the same bits from four threads at once as from one. */
Test(threads, share_prepared_objects) {
    enum { CLOUDS = 12, COUNT = 60 };
    gsl_rng *random = make_random(215);
    hf_grid *grid = make_grid(2, cylinder);
    double *rho = make_density(random, grid), *theta = make_array(2 * CLOUDS * COUNT), value[2][4][CLOUDS];
    hf_sinkhorn_options options = {.epsilon = 0.5};
    hf_sinkhorn *entropic;
    hf_sobolev *dual;
    hf_slices *slices;
    fill_uniform(random, -1, 3, 2 * CLOUDS * COUNT, theta);
    cr_assert_eq(hf_sinkhorn_create(NULL, grid, &options, rho, &entropic), HF_OK);
    cr_assert_eq(hf_sobolev_create(NULL, grid, &dual), HF_OK);
    cr_assert_eq(hf_slices_create(NULL, grid, rho, 16, &slices), HF_OK);
    cr_expect_eq(hf_slices_count(slices), 18, "whole frames of the three coordinates of a cylinder");
    for (int pass = 0; pass < 2; pass++) {
#pragma omp parallel for if (pass == 1) num_threads(4)
        for (size_t k = 0; k < CLOUDS; k++) {
            hf_points points = {COUNT, theta + 2 * COUNT * k, NULL};
            double *mass = NULL, displacement, gap;
            int failed = hf_array_create(NULL, hf_grid_cells(grid), &mass) != HF_OK;
            failed += hf_grid_assign(NULL, grid, &points, mass, &displacement) != HF_OK;
            failed += hf_slices_distance(NULL, slices, &points, &value[pass][0][k]) != HF_OK;
            failed += hf_sinkhorn_distance(NULL, entropic, mass, &value[pass][1][k]) != HF_OK;
            failed += hf_sobolev_distance(NULL, dual, rho, mass, &value[pass][2][k]) != HF_OK;
            hf_points first = {COUNT, theta, NULL};
            failed += hf_wasserstein2_exact(NULL, grid, &first, &points, &value[pass][3][k], &gap) != HF_OK;
            hf_array_destroy(&mass);
            if (failed > 0)
                value[pass][0][k] = NAN;
        }
    }
    for (size_t j = 0; j < 4; j++)
        for (size_t k = 0; k < CLOUDS; k++)
            cr_expect_eq(value[0][j][k], value[1][j][k], "%zu %zu", j, k);
    hf_sinkhorn_destroy(&entropic);
    hf_sobolev_destroy(&dual);
    hf_slices_destroy(&slices);
    hf_array_destroy(&theta);
    hf_array_destroy(&rho);
    hf_grid_destroy(&grid);
    gsl_rng_free(random);
}
