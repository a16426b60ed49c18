/* W1 and W2 on a line and on a circle: closed forms, the other formula for them, and their symmetries;
 * moments of angles. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/measure.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 12, POINTS = 7 };

static const hf_axis line = {"x", -2, 4, CELLS, false};
static const hf_axis circle = {"phi", -M_PI, M_PI, CELLS, true};
static const hf_axis *const both[] = {&line, &circle};

static double width(const hf_axis *axis) {
    return axis->upper - axis->lower;
}
static double spacing(const hf_axis *axis) {
    return width(axis) / (double)axis->cells;
}

static double wasserstein(const hf_axis *axis, int p, const double *cell_mass, size_t count,
                          const double *point, const double *mass) {
    double value;
    cr_assert_eq(hf_wasserstein(NULL, axis, p, cell_mass, &(hf_points){count, point, mass}, &value), HF_OK);
    return value;
}

static double distance(const hf_axis *axis, const double *marginal, size_t count, const double *point,
                       const double *mass) {
    return wasserstein(axis, 1, marginal, count, point, mass);
}

/* Cell masses with empty cells among them and points anywhere on the axis, neither of total mass 1. */
typedef struct pair {
    double marginal[CELLS], point[POINTS], mass[POINTS];
} pair;

static pair make_pair(gsl_rng *random, const hf_axis *axis) {
    pair p;
    for (size_t i = 0; i < CELLS; i++)
        p.marginal[i] = fmax(uniform(random, -1, 2), 0);
    fill_uniform(random, axis->lower, axis->upper, POINTS, p.point);
    fill_uniform(random, 0, 2.385, POINTS, p.mass);
    return p;
}

static double pair_distance(const hf_axis *axis, int power, const pair *p) {
    return wasserstein(axis, power, p->marginal, POINTS, p->point, p->mass);
}

/* ---- closed forms -------------------------------------------------------------------------------------- */

static void fill_constant(double value, size_t count, double *array) {
    for (size_t i = 0; i < count; i++)
        array[i] = value;
}

/* int |y - x| dy/L from the uniform density to one point; beyond the box it is the distance of the centre. */
Test(wasserstein1, uniform_to_a_point_on_a_line) {
    static const double points[] = {0.731, -2, 4, 3.5, -2.385, 7.25, 1e3};
    double marginal[CELLS];
    fill_constant(0.3, CELLS, marginal);
    for (size_t k = 0; k < sizeof points / sizeof points[0]; k++) {
        double x = points[k], l = fmin(fmax(x, line.lower), line.upper) - line.lower, r = width(&line) - l;
        double beyond = fmax(fmax(line.lower - x, x - line.upper), 0);
        double expected = (l * l + r * r) / (2 * width(&line)) + beyond;
        cr_expect_float_eq(distance(&line, marginal, 1, &x, (double[]){2.385}), expected, 1e-14 * expected,
                           "%g", x);
    }
}

/* On a circle all points are alike: a quarter of its length. An angle may come with any number of turns. */
Test(wasserstein1, uniform_to_a_point_on_a_circle) {
    static const double points[] = {0.731, -M_PI, M_PI, 3.1, 2.385 + 6 * M_PI, -2.385 - 8 * M_PI};
    double marginal[CELLS];
    fill_constant(0.3, CELLS, marginal);
    for (size_t k = 0; k < sizeof points / sizeof points[0]; k++)
        cr_expect_float_eq(distance(&circle, marginal, 1, &points[k], (double[]){2.385}), M_PI / 2, 1e-14,
                           "%g", points[k]);
}

/* From one cell to a point outside of it: the distance of the centre, the shorter way round. */
Test(wasserstein1, one_cell_to_a_point) {
    for (int a = 0; a < 2; a++) {
        const hf_axis *axis = both[a];
        double h = spacing(axis);
        for (size_t cell = 0; cell < CELLS; cell++)
            for (double x = axis->lower + 0.2 * h; x < axis->upper; x += h) {
                double marginal[CELLS] = {0}, centre = axis->lower + ((double)cell + 0.5) * h;
                double apart = fabs(x - centre), expected = apart;
                if (axis->periodic)
                    expected = fmin(apart, width(axis) - apart);
                if (apart < h / 2)
                    expected = (0.04 + 0.64) * h / 2;
                else if (axis->periodic && expected > width(axis) / 2 - h / 2)
                    continue; /* some of it goes the other way */
                marginal[cell] = 0.7;
                cr_expect_float_eq(distance(axis, marginal, 1, &x, (double[]){1.3}), expected, 1e-14,
                                   "%s %zu %g", axis->name, cell, x);
            }
    }
}

/* Points that stand for the density, k of equal mass in each cell: a point serves a k-th of its cell at a
 * mean distance of h/4k. On a line, moved by more than that, all mass goes one way: the distance is the move.
 */
Test(wasserstein1, points_of_the_density_itself) {
    enum { EACH = 5 };
    gsl_rng *random = make_random(100);
    for (int a = 0; a < 2; a++) {
        const hf_axis *axis = both[a];
        double h = spacing(axis), point[EACH * CELLS], mass[EACH * CELLS];
        pair p = make_pair(random, axis);
        for (size_t i = 0; i < EACH * CELLS; i++) {
            point[i] = axis->lower + h / EACH * ((double)i + 0.5);
            mass[i] = p.marginal[i / EACH];
        }
        cr_expect_float_eq(distance(axis, p.marginal, EACH * CELLS, point, mass), h / (4 * EACH), 1e-14);
        for (size_t i = 0; i < EACH * CELLS; i++)
            point[i] += 0.4;
        if (!axis->periodic)
            cr_expect_float_eq(distance(axis, p.marginal, EACH * CELLS, point, mass), 0.4, 1e-14);
    }
    gsl_rng_free(random);
}

/* int (y - x)^2 dy/L, on the circle with arcs: L^2/12 from anywhere. */
Test(wasserstein2, uniform_to_a_point) {
    static const double points[] = {0.731, -2, 4, -2.385, 7.25};
    double marginal[CELLS];
    fill_constant(0.3, CELLS, marginal);
    for (size_t k = 0; k < sizeof points / sizeof points[0]; k++) {
        double squared = pow(width(&line), 2) / 12 + pow(points[k] - 1, 2);
        cr_expect_float_eq(wasserstein(&line, 2, marginal, 1, &points[k], NULL), sqrt(squared), 1e-14);
        cr_expect_float_eq(wasserstein(&circle, 2, marginal, 1, &points[k], NULL), M_PI / sqrt(3), 1e-14);
    }
}

/* Points that stand for the density, each for a k-th of a cell, moved by s: s^2 + (h/k)^2/12. On the circle a
 * density on a third of it, moved through the seam and by whole turns, up to where it pays to send some of it
 * the other way. */
Test(wasserstein2, moved_points_of_the_density_itself) {
    enum { EACH = 5 };
    gsl_rng *random = make_random(106);
    for (int a = 0; a < 2; a++) {
        const hf_axis *axis = both[a];
        double h = spacing(axis), point[EACH * CELLS], mass[EACH * CELLS];
        for (double shift = -1.9; shift < 2; shift += 0.3) {
            if (axis->periodic && fabs(shift) > 1.2)
                continue;
            pair p;
            for (size_t i = 0; i < CELLS; i++)
                p.marginal[i] = i < 8 && axis->periodic ? 0 : uniform(random, 0.2, 1);
            for (size_t i = 0; i < EACH * CELLS; i++) {
                point[i] = axis->lower + h / EACH * ((double)i + 0.5) + shift;
                point[i] += axis->periodic ? 2 * M_PI * (double)(i % 3) : 0;
                mass[i] = p.marginal[i / EACH];
            }
            double value = wasserstein(axis, 2, p.marginal, EACH * CELLS, point, mass);
            cr_expect_float_eq(value, hypot(shift, h / EACH / sqrt(12)), 1e-13 * value, "%s %g: %g",
                               axis->name, shift, value);
        }
    }
    gsl_rng_free(random);
}

/* Half of a uniform density goes to each of two points; W2 is the larger of the two distances. */
Test(wasserstein2, uniform_to_two_points) {
    double marginal[CELLS], two[] = {3.1, -1.3};
    fill_constant(2.385, CELLS, marginal);
    double squared = 9.0 / 12 + 0.5 * (pow(-1.3 + 0.5, 2) + pow(3.1 - 2.5, 2));
    cr_expect_float_eq(wasserstein(&line, 2, marginal, 2, two, NULL), sqrt(squared), 1e-14);
    /* on the circle the halves lie about the points as far as these let them: half circles, centres moved */
    double gap = 2 * M_PI - 4.4, off = (M_PI - gap) / 2;
    squared = M_PI * M_PI / 12 + off * off;
    cr_expect_float_eq(wasserstein(&circle, 2, marginal, 2, two, NULL), sqrt(squared), 1e-14);
    cr_expect_geq(wasserstein(&line, 2, marginal, 2, two, NULL),
                  distance(&line, marginal, 2, two, (double[]){1, 1}));
}

Test(wasserstein, refuses_what_is_no_measure) {
    double marginal[CELLS], value, x[] = {0.3, 0.7};
    hf_error error = {0};
    fill_constant(0.3, CELLS, marginal);
    const hf_points good = {2, x, NULL}, none = {0, x, NULL}, massless = {2, x, (double[]){0, 0}};
    const hf_points negative = {2, x, (double[]){1.3, -0.1}}, nowhere = {1, (double[]){NAN}, NULL};
    const hf_points *const bad[] = {&none, &massless, &negative, &nowhere};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        cr_expect_eq(hf_wasserstein(&error, &line, 2, marginal, bad[k], &value), HF_ERR_INPUT, "%zu", k);
    cr_expect_eq(hf_wasserstein(&error, &line, 3, marginal, &good, &value), HF_ERR_INPUT);
    marginal[3] = -0.01;
    cr_expect_eq(hf_wasserstein(&error, &line, 2, marginal, &good, &value), HF_ERR_INPUT);
    cr_expect_eq(hf_wasserstein(&error, &line, 1, marginal, &good, &value), HF_OK);
    fill_constant(0, CELLS, marginal);
    cr_expect_eq(hf_wasserstein(&error, &line, 1, marginal, &good, &value), HF_ERR_INPUT);
}

/* ---- the other formula --------------------------------------------------------------------------------- */

/* Positions of the mass u, continued over the whole line on a circle: Q(u + 1) = Q(u) + length. */
static double lift(const hf_axis *axis, double *u) {
    double turns = axis->periodic ? floor(*u) : 0;
    *u -= turns;
    return turns * width(axis);
}

static double density_quantile(const hf_axis *axis, const double *marginal, double u) {
    double turn = lift(axis, &u), total = 0, below = 0;
    size_t i = 0;
    for (size_t k = 0; k < axis->cells; k++)
        total += marginal[k];
    for (; i + 1 < axis->cells && below + marginal[i] < u * total; i++)
        below += marginal[i];
    return turn + axis->lower + spacing(axis) * ((double)i + (u * total - below) / marginal[i]);
}

/* Points sorted here by selection: the mass of those that come before. */
static double points_quantile(const hf_axis *axis, const pair *p, double u) {
    double turn = lift(axis, &u), total = 0, best = INFINITY;
    for (size_t k = 0; k < POINTS; k++)
        total += p->mass[k];
    for (size_t k = 0; k < POINTS; k++) {
        double up_to = 0;
        for (size_t l = 0; l < POINTS; l++)
            up_to += p->point[l] <= p->point[k] ? p->mass[l] : 0;
        if (up_to >= u * total)
            best = fmin(best, p->point[k]);
    }
    return turn + best;
}

/* int |Q_density(u) - Q_points(u - c)|^power du by midpoints: an error of at most the variation of the
 * integrand over 2 MESH, two lengths of the axis for power 1. */
enum { MESH = 3000 };
static double transport_cost(const hf_axis *axis, int power, const pair *p, double c) {
    double sum = 0;
    for (size_t k = 0; k < MESH; k++) {
        double u = ((double)k + 0.5) / MESH;
        sum +=
            pow(fabs(density_quantile(axis, p->marginal, u) - points_quantile(axis, p, u - c)), power) / MESH;
    }
    return sum;
}

/* The cheapest way to begin the matching on a circle; the cost is convex in c. */
static double cheapest(const hf_axis *axis, int power, const pair *p) {
    double low = -1, high = 1;
    for (int i = 0; i < 25; i++) {
        double left = low + (high - low) / 3, right = high - (high - low) / 3;
        if (transport_cost(axis, power, p, left) < transport_cost(axis, power, p, right))
            high = right;
        else
            low = left;
    }
    return transport_cost(axis, power, p, (low + high) / 2);
}

Test(wasserstein, is_the_cost_of_the_monotone_matching) {
    gsl_rng *random = make_random(101);
    for (int k = 0; k < 5; k++)
        for (int power = 1; power <= 2; power++)
            for (int a = 0; a < 2; a++) {
                pair p = make_pair(random, both[a]);
                double expected = a == 0 ? transport_cost(&line, power, &p, 0) : cheapest(&circle, power, &p);
                double cost = pow(pair_distance(both[a], power, &p), power);
                cr_expect_float_eq(cost, expected, 1.5 * pow(width(both[a]), power) / MESH, "%s: %g, %g",
                                   both[a]->name, cost, expected);
            }
    gsl_rng_free(random);
}

/* ---- symmetries ---------------------------------------------------------------------------------------- */

static void expect_same(const hf_axis *axis, int power, const pair *p, double expected, const char *what) {
    double value = pair_distance(axis, power, p);
    cr_expect_float_eq(value, expected, 1e-13, "W%d on %s, %s: %g off", power, axis->name, what,
                       value - expected);
}

/* The distance does not depend on the order of the points, on the unit of mass, on where zero is, and it
 * scales with the unit of length. */
Test(wasserstein, symmetries) {
    gsl_rng *random = make_random(102);
    for (int k = 0; k < 40; k++)
        for (int a = 0; a < 2; a++) {
            int power = 1 + k % 2;
            pair p = make_pair(random, both[a]), q = p;
            if (a == 0)
                p.point[2] = q.point[2] = k % 4 < 2 ? 5.7 : -9.3;
            double expected = pair_distance(both[a], power, &p);
            for (size_t i = 0; i < POINTS; i++) {
                q.point[i] = p.point[3 * i % POINTS];
                q.mass[i] = p.mass[3 * i % POINTS];
            }
            expect_same(both[a], power, &q, expected, "reordered");
            for (size_t i = 0; i < POINTS; i++)
                q.mass[i] *= 17;
            for (size_t i = 0; i < CELLS; i++)
                q.marginal[i] *= 0.01;
            expect_same(both[a], power, &q, expected, "other masses");
            hf_axis moved = *both[a];
            moved.lower += 0.37;
            moved.upper += 0.37;
            for (size_t i = 0; i < POINTS; i++)
                q.point[i] += 0.37;
            expect_same(&moved, power, &q, expected, "moved");
            moved.lower *= 3;
            moved.upper *= 3;
            for (size_t i = 0; i < POINTS; i++)
                q.point[i] *= 3;
            expect_same(&moved, power, &q, 3 * expected, "stretched");
        }
    gsl_rng_free(random);
}

/* On a circle: turned, cut elsewhere, mirrored. */
Test(wasserstein, a_circle_has_no_origin) {
    gsl_rng *random = make_random(103);
    double h = spacing(&circle);
    for (size_t turn = 0; turn < 2 * CELLS; turn++) {
        int power = 1 + (int)(turn % 2);
        pair p = make_pair(random, &circle), q = p, mirrored = p;
        double expected = pair_distance(&circle, power, &p);
        for (size_t i = 0; i < CELLS; i++) {
            q.marginal[(i + turn) % CELLS] = p.marginal[i];
            mirrored.marginal[CELLS - 1 - i] = p.marginal[i];
        }
        hf_axis recut = circle;
        recut.lower -= (double)turn * h;
        recut.upper -= (double)turn * h;
        expect_same(&recut, power, &q, expected, "cut elsewhere");
        for (size_t i = 0; i < POINTS; i++) {
            q.point[i] += (double)turn * h;
            mirrored.point[i] *= -1;
        }
        expect_same(&circle, power, &q, expected, "turned");
        expect_same(&circle, power, &mirrored, expected, "mirrored");
        cr_expect_leq(expected, (power == 1 ? M_PI / 2 : M_PI) + 1e-14, "farther than can be");
    }
    gsl_rng_free(random);
}

/* Points on edges of cells and on one another: split in two, each keeps its place. */
Test(wasserstein, coinciding_points_add_up) {
    gsl_rng *random = make_random(104);
    for (int k = 0; k < 4; k++) {
        int a = k / 2, power = 1 + k % 2;
        pair p = make_pair(random, both[a]);
        double point[2 * POINTS], mass[2 * POINTS];
        for (size_t i = 0; i < POINTS; i++) {
            p.point[i] = both[a]->lower + spacing(both[a]) * (double)(2 * i);
            point[i] = point[POINTS + i] = p.point[i];
            mass[i] = 0.3 * p.mass[i];
            mass[POINTS + i] = 0.7 * p.mass[i];
        }
        cr_expect_float_eq(wasserstein(both[a], power, p.marginal, 2 * POINTS, point, mass),
                           pair_distance(both[a], power, &p), 1e-14);
    }
    gsl_rng_free(random);
}

/* ---- moments ------------------------------------------------------------------------------------------- */

static const hf_axis cylinder[] = {{"phi", -M_PI, M_PI, 24, true}, {"v", -2, 4, 5, false}};

/* The cosine density has e^{i phi} integral kappa/2 e^{i phase}, and E sin^2(phi - phase) = 1/2; midpoints
 * are exact on it, and the deviation of the angle is independent of v in a product. */
Test(moments, of_a_cosine_density) {
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, 2, cylinder, &grid), HF_OK);
    double *rho = make_array(hf_grid_cells(grid)), mean[2], covariance[4];
    for (double phase = -3; phase < 3.1; phase += 0.77) {
        for (size_t i = 0; i < hf_grid_cells(grid); i++)
            rho[i] = 1 + 0.4 * cos(hf_grid_center(grid, 0, i / 5) - phase);
        cr_expect_float_eq(hf_grid_moments(grid, HF_CELL_MEANS, rho, mean, covariance), 12 * M_PI, 1e-12);
        cr_expect_float_eq(mean[0], phase, 1e-14, "%g: %g", phase, mean[0]);
        cr_expect_float_eq(mean[1], 1, 1e-14);
        cr_expect_float_eq(covariance[0], 0.5, 1e-14);
        cr_expect_float_eq(covariance[3], 3, 1e-14);
        cr_expect_float_eq(covariance[1], 0, 1e-14);
    }
    hf_array_destroy(&rho);
    hf_grid_destroy(&grid);
}

/* Two points at +-delta about a direction: deviation sin delta; with v = 1 -+ s the covariance is -s sin
 * delta. */
Test(moments, of_two_points) {
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, 2, cylinder, &grid), HF_OK);
    for (double direction = -3; direction < 3.2; direction += 0.77)
        for (double delta = 0.1; delta < 1.5; delta += 0.3) {
            double theta[] = {direction - delta, 1.3, direction + delta + 4 * M_PI, 0.7}, mean[2],
                   covariance[4];
            cr_expect_float_eq(hf_points_moments(grid, 2, theta, (double[]){0.6, 0.6}, mean, covariance), 1.2,
                               1e-15);
            cr_expect_float_eq(remainder(mean[0] - direction, 2 * M_PI), 0, 1e-14);
            cr_expect_float_eq(mean[1], 1, 1e-15);
            cr_expect_float_eq(covariance[0], pow(sin(delta), 2), 1e-14);
            cr_expect_float_eq(covariance[1], -0.3 * sin(delta), 1e-14);
            cr_expect_eq(covariance[2], covariance[1]);
            cr_expect_float_eq(covariance[3], 0.09, 1e-15);
        }
    hf_grid_destroy(&grid);
}

/* Turning an angle turns its mean and changes no covariance; moving a line moves its mean alone. */
Test(moments, turn_with_the_measure) {
    enum { COUNT = 9 };
    gsl_rng *random = make_random(105);
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, 2, cylinder, &grid), HF_OK);
    for (double turn = -4; turn < 4; turn += 0.77) {
        double theta[2 * COUNT], mass[COUNT], mean[2][2], covariance[2][4];
        fill_uniform(random, -1.7, 2.385, 2 * COUNT, theta);
        fill_uniform(random, 0, 1, COUNT, mass);
        hf_points_moments(grid, COUNT, theta, mass, mean[0], covariance[0]);
        for (size_t i = 0; i < COUNT; i++) {
            theta[2 * i] += turn;
            theta[2 * i + 1] += 3;
        }
        hf_points_moments(grid, COUNT, theta, mass, mean[1], covariance[1]);
        cr_expect_float_eq(remainder(mean[1][0] - mean[0][0] - turn, 2 * M_PI), 0, 1e-14);
        cr_expect_float_eq(mean[1][1] - mean[0][1], 3, 1e-14);
        cr_expect_leq(largest_difference(4, covariance[0], covariance[1]), 1e-14);
    }
    hf_grid_destroy(&grid);
    gsl_rng_free(random);
}
