/* Initial densities and problems: profiles against closed forms and each other, exact cell means, point
 * values with the integrals of the profiles, and every input that is refused. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const hf_axis wall_axis = {"x", -3, 2.385, 20, false};
static const hf_axis circle = {"phi", -M_PI, M_PI, 20, true};

typedef struct sample_profile {
    hf_profile profile;
    const hf_axis *axis;
} sample_profile;

static const sample_profile profiles[] = {
    {{HF_PROFILE_BUMP, -0.4, 1.5}, &wall_axis}, {{HF_PROFILE_NORMAL, 0.3, 0.7}, &wall_axis},
    {{HF_PROFILE_NORMAL, 4, 0.5}, &wall_axis},  {{HF_PROFILE_UNIFORM, -1.3, 0.9}, &wall_axis},
    {{HF_PROFILE_COSINE, 0.6, 0.385}, &circle}, {{HF_PROFILE_NORMAL, 0.3, 0.7}, &circle},
    {{HF_PROFILE_BUMP, 1.2, 0.8}, &circle},     {{HF_PROFILE_COSINE, 1, -2.385}, &circle},
};
enum { PROFILES = sizeof profiles / sizeof profiles[0] };

/* ---- profiles ------------------------------------------------------------------------------------------ */

/* The antiderivative of each density, up to a factor: polynomial, error function, line, sine. */
static double antiderivative(const hf_profile *p, double x) {
    double s = (x - p->a) / p->b;
    switch (p->kind) {
    case HF_PROFILE_BUMP:
        s = fmin(fmax(s, -1), 1);
        return s - 4 * pow(s, 3) / 3 + 6 * pow(s, 5) / 5 - 4 * pow(s, 7) / 7 + pow(s, 9) / 9;
    case HF_PROFILE_NORMAL:
        return erf(s / sqrt(2));
    case HF_PROFILE_UNIFORM:
        return fmin(fmax(x, p->a), p->b);
    case HF_PROFILE_COSINE:
        return x + p->a * sin(x - p->b);
    case HF_PROFILE_DIRAC:
        return x > p->a;
    }
    return NAN;
}

static double plain_mass(const sample_profile *s, double x, double y) {
    double total = antiderivative(&s->profile, s->axis->upper) - antiderivative(&s->profile, s->axis->lower);
    return (antiderivative(&s->profile, y) - antiderivative(&s->profile, x)) / total;
}

/* To rounding; the density of a far normal is scaled up by the little of it that is in the box. */
Test(profile, masses_equal_closed_forms) {
    gsl_rng *random = make_random(80);
    for (size_t i = 0; i < PROFILES; i++) {
        const hf_profile *p = &profiles[i].profile;
        const hf_axis *axis = profiles[i].axis;
        double tolerance = p->a > axis->upper ? 1e-12 : 1e-14;
        for (int k = 0; k < 100; k++) {
            double x = uniform(random, axis->lower, axis->upper), y = uniform(random, x, axis->upper);
            cr_expect_float_eq(hf_profile_mass(p, axis, x, y), plain_mass(&profiles[i], x, y), tolerance);
            cr_expect_float_eq(hf_profile_distribution(p, axis, x), plain_mass(&profiles[i], axis->lower, x),
                               tolerance);
        }
        cr_expect_eq(hf_profile_distribution(p, axis, axis->lower), 0);
        cr_expect_float_eq(hf_profile_distribution(p, axis, axis->upper), 1, 1e-15);
    }
    gsl_rng_free(random);
}

/* The symmetric densities have the same mass in both tails, however small it is. */
Test(profile, tails_keep_their_digits) {
    const hf_axis axis = {"x", -8, 8, 10, false};
    const hf_profile bump = {HF_PROFILE_BUMP, 0, 2.385}, normal = {HF_PROFILE_NORMAL, 0, 0.25};
    for (double d = 0.5; d < 3.5; d += 0.1) {
        double upper = hf_profile_mass(&normal, &axis, d, d + 0.2);
        double lower = hf_profile_mass(&normal, &axis, -d - 0.2, -d);
        cr_expect_float_eq(upper / lower, 1, 1e-12);
        cr_expect_gt(lower, 0);
    }
    for (double d = 1e-1; d > 1e-8; d /= 10) { /* the leading term of the density at its ends: 16 s^4 */
        double mass = 315.0 / 256 * 16 * pow(d, 5) / 5;
        double upper = hf_profile_mass(&bump, &axis, 2.385 * (1 - d), 3);
        double lower = hf_profile_mass(&bump, &axis, -3, -2.385 * (1 - d));
        cr_expect_float_eq(upper / mass, 1, 2 * d + 1e-7, "%g", d); /* 1 - d has digits to 1e-16/d */
        cr_expect_float_eq(lower / mass, 1, 2 * d + 1e-7, "%g", d);
    }
}

Test(profile, quantiles_invert_the_distribution) {
    for (size_t i = 0; i < PROFILES; i++) {
        const hf_profile *p = &profiles[i].profile;
        const hf_axis *axis = profiles[i].axis;
        double before = axis->lower;
        for (double q = 0.001; q < 1; q += 0.0385) {
            double x = hf_profile_quantile(p, axis, q);
            cr_expect_float_eq(hf_profile_distribution(p, axis, x), q, 1e-12, "kind %d", (int)p->kind);
            cr_expect_gt(x, before);
            before = x;
        }
        cr_expect_geq(hf_profile_quantile(p, axis, 0), axis->lower);
        cr_expect_leq(hf_profile_quantile(p, axis, 1), axis->upper);
    }
}

/* int f dF = sum_i f(node_i) mass_i for smooth f, against a midpoint rule in the distribution function's own
 * variable: cell masses times f at cell centres, on cells so small that h^2/12 f' rho' is 1e-8. */
Test(profile, quadrature_integrates_smooth_functions) {
    enum { NODES = 32, CELLS = 60000 };
    for (size_t i = 0; i < PROFILES; i++) {
        const hf_profile *p = &profiles[i].profile;
        const hf_axis *axis = profiles[i].axis;
        double node[NODES], mass[NODES], total = 0, sum = 0, expected = 0;
        double h = (axis->upper - axis->lower) / CELLS;
        cr_assert_eq(hf_profile_quadrature(NULL, p, axis, NODES, node, mass), HF_OK);
        for (size_t k = 0; k < NODES; k++) {
            total += mass[k];
            sum += mass[k] * exp(sin(node[k] + 0.3));
            cr_expect(mass[k] > -1e-16 && node[k] > axis->lower && node[k] < axis->upper);
        }
        for (size_t k = 0; k < CELLS; k++) {
            double x = axis->lower + ((double)k + 0.5) * h;
            expected += hf_profile_mass(p, axis, x - h / 2, x + h / 2) * exp(sin(x + 0.3));
        }
        cr_expect_float_eq(total, 1, 1e-14);
        cr_expect_float_eq(sum, expected, 1e-8, "%zu: %g", i, sum - expected);
    }
}

/* A Gauss rule of n nodes is exact to degree 2n - 1; the bump has E s^2 = 1/11, E s^4 = 3/143. */
Test(profile, quadrature_of_a_bump_is_exact_on_polynomials) {
    const hf_profile bump = {HF_PROFILE_BUMP, 0.385, 1.5};
    for (size_t n = 3; n < 20; n++) {
        double node[20], mass[20], moment[5] = {0};
        cr_assert_eq(hf_profile_quadrature(NULL, &bump, &wall_axis, n, node, mass), HF_OK);
        for (size_t k = 0; k < n; k++)
            for (int power = 0; power < 5; power++)
                moment[power] += mass[k] * pow((node[k] - 0.385) / 1.5, power);
        const double exact[] = {1, 0, 1.0 / 11, 0, 3.0 / 143};
        cr_expect_leq(largest_difference(5, moment, exact), 1e-14);
    }
}

/* However narrow the normal density is in its box, its nodes go where it lives. */
Test(profile, quadrature_follows_a_narrow_normal) {
    for (double sd = 0.3; sd > 1e-4; sd /= 5) {
        enum { NODES = 40 };
        const hf_profile normal = {HF_PROFILE_NORMAL, 0.385, sd};
        double node[NODES], mass[NODES], mean = 0, variance = 0;
        cr_assert_eq(hf_profile_quadrature(NULL, &normal, &wall_axis, NODES, node, mass), HF_OK);
        for (size_t k = 0; k < NODES; k++)
            mean += mass[k] * node[k];
        for (size_t k = 0; k < NODES; k++)
            variance += mass[k] * pow(node[k] - mean, 2);
        cr_expect_float_eq(mean, 0.385, 1e-8 * sd, "sd %g: mean %g", sd, mean);
        cr_expect_float_eq(sqrt(variance) / sd, 1, 1e-8, "sd %g: %g", sd, sqrt(variance));
    }
}

Test(profile, says_how_far_it_reaches_outside) {
    cr_expect_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_BUMP, 2, 0.3}, &wall_axis), 0);
    cr_expect_float_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_BUMP, 2, 0.5}, &wall_axis), 0.115, 1e-15);
    cr_expect_float_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_UNIFORM, -3.25, 2}, &wall_axis), 0.25,
                       1e-15);
    cr_expect_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_NORMAL, 2, 0.5}, &wall_axis), 0);
    cr_expect_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_DIRAC, -3, 0}, &wall_axis), 0);
    cr_expect_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_DIRAC, 2.385, 0}, &wall_axis), 0);
    cr_expect_float_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_DIRAC, 3, 0}, &wall_axis), 0.615, 1e-15);
    cr_expect_float_eq(hf_profile_outside(&(hf_profile){HF_PROFILE_DIRAC, -4.5, 0}, &wall_axis), 1.5, 1e-15);
}

/* All quantiles of a point are the point, and one node has all of its mass. */
Test(profile, a_dirac_is_a_point) {
    for (double a = -3; a <= 2.385; a += 0.385) {
        const hf_profile dirac = {HF_PROFILE_DIRAC, a, NAN};
        for (double q = 0; q <= 1; q += 0.25)
            cr_expect_eq(hf_profile_quantile(&dirac, &wall_axis, q), a);
        for (size_t n = 1; n <= 4; n++) {
            double node[4], mass[4], total = 0;
            cr_assert_eq(hf_profile_quadrature(NULL, &dirac, &wall_axis, n, node, mass), HF_OK);
            for (size_t k = 0; k < n; k++) {
                cr_expect_eq(node[k], a);
                total += mass[k];
            }
            cr_expect_eq(total, 1);
        }
    }
}

/* ---- the initial density ------------------------------------------------------------------------------- */

/* Exact cell means of a mixture of products. */
Test(initial, has_exact_cell_means) {
    const hf_component components[] = {
        {1.5, {{HF_PROFILE_COSINE, 0.6, 0.385}, {HF_PROFILE_BUMP, -0.4, 1.5}}},
        {0.5, {{HF_PROFILE_BUMP, 1.2, 0.8}, {HF_PROFILE_NORMAL, 0.3, 0.7}}},
        {0.25, {{HF_PROFILE_UNIFORM, -1.3, 0.9}, {HF_PROFILE_UNIFORM, 0.25, 0.75}}}};
    toy t = toy_find("angle");
    t.input.axes[0].cells = 16;
    t.input.axes[1] = (hf_axis){"v", -3, 2.385, 24, false};
    hf_problem *problem = toy_create_mixture(&t, 3, components);
    const hf_grid *grid = hf_problem_grid(problem);
    double *rho = make_array(hf_grid_cells(grid)), mass = 0;
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double center[2], expected = 0;
        hf_grid_centers(grid, i, center);
        for (size_t c = 0; c < 3; c++) {
            double part = components[c].weight / 2.25;
            for (size_t d = 0; d < 2; d++) {
                double h = hf_grid_spacing(grid, d);
                sample_profile s = {components[c].profile[d], hf_grid_axis(grid, d)};
                part *= plain_mass(&s, center[d] - h / 2, center[d] + h / 2) / h;
            }
            expected += part;
        }
        cr_expect_float_eq(rho[i], expected, 1e-13);
        mass += rho[i] * hf_grid_volume(grid);
    }
    cr_expect_float_eq(mass, 1, 1e-13);
    hf_array_destroy(&rho);
    hf_problem_destroy(&problem);
}

/* ... and they are, however small, the products of the masses of the cells along the axes. */
Test(initial, is_the_product_of_profile_masses) {
    const hf_component components[] = {
        {1.5, {{HF_PROFILE_UNIFORM, -2, 0.3}, {HF_PROFILE_BUMP, -0.4, 1.5}, {HF_PROFILE_NORMAL, 1, 0.7}}},
        {0.5, {{HF_PROFILE_DIRAC, -0.4, 0}, {HF_PROFILE_NORMAL, 0.3, 0.7}, {HF_PROFILE_BUMP, 1, 1.5}}}};
    toy t = toy_find("qkv");
    hf_problem *problem = toy_create_mixture(&t, 2, components);
    const hf_grid *grid = hf_problem_grid(problem);
    double *rho = make_array(hf_grid_cells(grid));
    cr_expect_eq(hf_problem_sampling(problem), HF_CELL_MEANS);
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double expected = 0;
        for (size_t c = 0; c < 2; c++) {
            double part = components[c].weight / 2;
            for (size_t d = 0; d < 3; d++) {
                const hf_axis *axis = hf_grid_axis(grid, d);
                double h = hf_grid_spacing(grid, d);
                double lower = axis->lower + (double)(i / hf_grid_stride(grid, d) % axis->cells) * h;
                part *= hf_profile_mass(&components[c].profile[d], axis, lower, lower + h) / h;
            }
            expected += part;
        }
        cr_expect_float_eq(rho[i], expected, 1e-12 * expected, "cell %zu", i);
    }
    hf_array_destroy(&rho);
    hf_problem_destroy(&problem);
}

/* The initial density of one profile on an axis, as a problem on one value coordinate, or on an angle. */
static double *make_line_density(const char *flux, const hf_profile *profile, const hf_axis *axis) {
    toy t = toy_find(axis->periodic ? "angle" : "translate");
    t.input.dim = 1;
    t.input.heads.value_coordinates = axis->periodic ? 0 : 1;
    t.input.axes[0] = *axis;
    t.input.flux = hf_flux_find(flux);
    t.component.profile[0] = *profile;
    hf_problem *problem = toy_create(&t);
    double *rho = make_array(axis->cells);
    cr_expect_eq(hf_problem_sampling(problem), t.input.flux->dual ? HF_POINT_VALUES : HF_CELL_MEANS);
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    hf_problem_destroy(&problem);
    return rho;
}

static double line_center(const hf_axis *axis, size_t i) {
    return axis->lower + ((double)i + 0.5) * (axis->upper - axis->lower) / (double)axis->cells;
}

/* int f dmu_0 by the rule of the profile itself, with nodes enough for its last digits. */
static double profile_integral(const sample_profile *s, double (*f)(double x, int p), int p) {
    enum { NODES = 200 };
    double node[NODES], mass[NODES], sum = 0;
    cr_assert_eq(hf_profile_quadrature(NULL, &s->profile, s->axis, NODES, node, mass), HF_OK);
    for (size_t k = 0; k < NODES; k++)
        sum += mass[k] * f(node[k], p);
    return sum;
}

static double line_integral(const char *flux, const sample_profile *s, size_t cells,
                            double (*f)(double x, int p), int p) {
    hf_axis axis = *s->axis;
    axis.cells = cells;
    double *rho = make_line_density(flux, &s->profile, &axis), sum = 0;
    for (size_t i = 0; i < cells; i++)
        sum += rho[i] * (axis.upper - axis.lower) / (double)cells * f(line_center(&axis, i), p);
    hf_array_destroy(&rho);
    return sum;
}

static double power(double x, int p) {
    return pow(x / 3, p);
}

static double exponential(double x, int p) {
    (void)p;
    return exp(x);
}

static double wave(double x, int p) {
    (void)p;
    return exp(sin(x + 0.3));
}

static const char *const dual_fluxes[] = {"duality5", "duality7"};
/* All ends, then a place inside. */
static const sample_profile points[] = {{{HF_PROFILE_DIRAC, -3, 0}, &wall_axis},
                                        {{HF_PROFILE_DIRAC, 2.385, 0}, &wall_axis},
                                        {{HF_PROFILE_DIRAC, -M_PI, 0}, &circle},
                                        {{HF_PROFILE_DIRAC, M_PI, 0}, &circle},
                                        {{HF_PROFILE_DIRAC, 0.385, 0}, &wall_axis}};
enum { ENDS = 4, POINTS = 5 };

/* Point values of a density on a line have its moments to degree 7, those of a Dirac, too, to its walls. */
Test(initial, of_a_dual_flux_has_the_moments_of_its_profile) {
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < PROFILES + POINTS; i++) {
            const sample_profile *s = i < PROFILES ? &profiles[i] : &points[i - PROFILES];
            for (int p = 0; p < 8 && !s->axis->periodic; p++) {
                double exact = profile_integral(s, power, p);
                double sum = line_integral(dual_fluxes[k], s, 40, power, p);
                cr_expect_float_eq(sum, exact, 1e-13, "profile %zu, degree %d: %g", i, p, sum - exact);
            }
        }
}

/* Of other smooth functions, and on a circle of periodic ones, they have the integrals to order 8: of points
 * at the ends, too, whose place in their cell is the same on all grids. */
Test(initial, of_a_dual_flux_has_integrals_to_order_eight) {
    for (size_t i = 0; i < PROFILES + ENDS; i++) {
        const sample_profile *s = i < PROFILES ? &profiles[i] : &points[i - PROFILES];
        double (*f)(double x, int p) = s->axis->periodic ? wave : exponential;
        double exact = profile_integral(s, f, 0);
        double coarse = fabs(line_integral("duality7", s, 48, f, 0) - exact);
        double fine = fabs(line_integral("duality7", s, 96, f, 0) - exact);
        double mass = line_integral("duality7", s, 48, power, 0);
        cr_expect_float_eq(mass, 1, 1e-13, "profile %zu: mass - 1 = %g", i, mass - 1);
        cr_expect(fine < 1e-14 * exact || log2(coarse / fine) > 7.6, "profile %zu: errors %.3g and %.3g", i,
                  coarse, fine);
    }
}

/* Products and mixtures: all mixed moments to degree 7 on each axis. */
Test(initial, of_a_dual_flux_has_the_mixed_moments_of_a_mixture) {
    const hf_component components[] = {
        {1.5, {{HF_PROFILE_DIRAC, -3, 0}, {HF_PROFILE_BUMP, -0.4, 1.5}}},
        {0.5, {{HF_PROFILE_BUMP, 1.2, 0.8}, {HF_PROFILE_NORMAL, 0.3, 0.7}}},
        {0.25, {{HF_PROFILE_UNIFORM, -1.3, 0.9}, {HF_PROFILE_DIRAC, 2.385, 0}}}};
    toy t = toy_find("retrieval");
    t.input.axes[0] = (hf_axis){"a", -3, 2.385, 24, false};
    t.input.axes[1] = (hf_axis){"v", -3, 2.385, 30, false};
    t.input.flux = hf_flux_find("duality5");
    hf_problem *problem = toy_create_mixture(&t, 3, components);
    const hf_grid *grid = hf_problem_grid(problem);
    double *rho = make_array(hf_grid_cells(grid));
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    for (int p = 0; p < 8; p++)
        for (int q = 0; q < 8; q++) {
            double sum = 0, exact = 0;
            for (size_t i = 0; i < hf_grid_cells(grid); i++) {
                double at[2];
                hf_grid_centers(grid, i, at);
                sum += hf_grid_volume(grid) * rho[i] * power(at[0], p) * power(at[1], q);
            }
            for (size_t c = 0; c < 3; c++)
                exact +=
                    components[c].weight / 2.25 *
                    profile_integral(&(sample_profile){components[c].profile[0], &t.input.axes[0]}, power,
                                     p) *
                    profile_integral(&(sample_profile){components[c].profile[1], &t.input.axes[1]}, power, q);
            cr_expect_float_eq(sum, exact, 1e-13, "degrees %d and %d: %g", p, q, sum - exact);
        }
    hf_array_destroy(&rho);
    hf_problem_destroy(&problem);
}

/* Number of cells of a Dirac at `place`; -1 if its mass is not 1, or is in a cell that does not have it. */
static int dirac_cells(const hf_axis *axis, double place) {
    double h = (axis->upper - axis->lower) / (double)axis->cells, mass = 0;
    double *rho = make_line_density("muscl", &(hf_profile){HF_PROFILE_DIRAC, place, 0}, axis);
    int count = 0;
    bool near = true;
    for (size_t i = 0; i < axis->cells; i++) {
        mass += rho[i] * h;
        count += rho[i] != 0;
        near = near && (rho[i] == 0 || fabs(line_center(axis, i) - place) < 0.5 * h + 1e-11);
    }
    hf_array_destroy(&rho);
    return near && fabs(mass - 1) < 1e-14 ? count : -1;
}

/* All of its mass is in one cell that has it: anywhere, at an edge however it is computed, at the ends of the
 * box, and the rounding of a case file beyond them. */
Test(initial, of_a_dirac_is_one_cell) {
    gsl_rng *random = make_random(81);
    for (size_t cells = 9; cells < 40; cells += 5)
        for (int periodic = 0; periodic < 2; periodic++) {
            hf_axis axis = periodic ? circle : wall_axis;
            axis.cells = cells;
            double h = (axis.upper - axis.lower) / (double)cells;
            int wrong = 0;
            for (size_t i = 0; i < cells; i++) {
                double edge = axis.lower + (double)i * h;
                wrong += dirac_cells(&axis, edge) != 1;
                wrong += dirac_cells(&axis, edge + h) != 1;
                wrong += dirac_cells(&axis, uniform(random, edge, edge + h)) != 1;
            }
            cr_expect_eq(wrong, 0, "%d of %zu places on %zu cells", wrong, 3 * cells, cells);
            cr_expect_eq(dirac_cells(&axis, axis.lower), 1);
            cr_expect_eq(dirac_cells(&axis, axis.upper), 1);
            cr_expect_eq(dirac_cells(&axis, axis.lower - 1e-14), 1);
            cr_expect_eq(dirac_cells(&axis, axis.upper + 1e-14), 1);
        }
    gsl_rng_free(random);
}

/* ---- problems ------------------------------------------------------------------------------------------ */

Test(problem, keeps_what_it_was_told) {
    toy t = toy_find("gibbs");
    t.input.rtol = t.input.atol = 0;
    t.input.outputs = 0;
    t.input.stop = 2.385e-6;
    t.input.title = NULL;
    hf_problem *problem = toy_create(&t);
    cr_expect_str_eq(hf_problem_name(problem), "gibbs");
    cr_expect_str_eq(hf_problem_title(problem), "gibbs", "the name stands for a title");
    cr_expect_eq(hf_problem_flux(problem), hf_flux_find("scharfetter-gummel"));
    cr_expect_null(hf_problem_limiter(problem));
    cr_expect_eq(hf_problem_temperature(problem), t.input.temperature);
    cr_expect_eq(hf_problem_end(problem), t.input.end);
    cr_expect_eq(hf_problem_stop(problem), 2.385e-6);
    cr_expect_eq(hf_problem_rtol(problem), 1e-6);
    cr_expect_eq(hf_problem_atol(problem), 1e-9);
    cr_expect_eq(hf_problem_outputs(problem), 33);
    cr_expect_eq(hf_events_count(hf_problem_events(problem)), 16);
    cr_expect_eq(hf_model_ridge(hf_problem_model(problem)), t.input.ridge);
    cr_expect_eq(hf_problem_particles(problem)->heads_count, 0);
    hf_problem_destroy(&problem);
    cr_expect_null(problem);
    hf_problem_destroy(&problem);
    hf_problem_destroy(NULL);
}

Test(problem, can_be_refined) {
    toy t = toy_find("retrieval");
    t.input.limiter = hf_limiter_find("minmod");
    t.input.stop = 2.385e-3;
    hf_problem *problem = toy_create(&t), *fine, *upwind;
    cr_assert_eq(
        hf_problem_refine(NULL, problem,
                          &(hf_refine_options){.cells = (const size_t[]){64, 80}, .rtol = 1e-9, .outputs = 5},
                          &fine),
        HF_OK);
    cr_assert_eq(hf_problem_refine(NULL, problem,
                                   &(hf_refine_options){.flux = hf_flux_find("upwind"), .atol = 1e-5},
                                   &upwind),
                 HF_OK);
    cr_expect_eq(hf_grid_cells(hf_problem_grid(fine)), 64 * 80);
    cr_expect_eq(hf_grid_axis(hf_problem_grid(fine), 1)->upper, 7);
    cr_expect_eq(hf_problem_limiter(fine), hf_problem_limiter(problem));
    cr_expect_eq(hf_problem_rtol(fine), 1e-9);
    cr_expect_eq(hf_problem_atol(fine), t.input.atol);
    cr_expect_eq(hf_problem_outputs(fine), 5);
    cr_expect_eq(hf_problem_outputs(upwind), t.input.outputs);
    cr_expect_eq(hf_problem_stop(fine), 0, "to the end");
    cr_expect_eq(hf_problem_model(fine), hf_problem_model(problem));
    cr_expect_eq(hf_grid_cells(hf_problem_grid(upwind)), hf_grid_cells(hf_problem_grid(problem)));
    cr_expect_eq(hf_problem_flux(upwind), hf_flux_find("upwind"));
    cr_expect_null(hf_problem_limiter(upwind));
    cr_expect_eq(hf_problem_atol(upwind), 1e-5);
    hf_problem_destroy(&fine);
    hf_problem_destroy(&upwind);
    hf_error error = {0};
    cr_expect_eq(
        hf_problem_refine(&error, problem, &(hf_refine_options){.cells = (const size_t[]){64, 2}}, &fine),
        HF_ERR_INPUT);
    cr_expect_null(fine);
    cr_expect_str_eq(error.message, "axis v: 2 cells; expected at least 3");
    cr_expect_eq(hf_problem_refine(&error, problem,
                                   &(hf_refine_options){.flux = hf_flux_find("scharfetter-gummel")}, &fine),
                 HF_ERR_INPUT);
    cr_expect_eq(hf_events_count(hf_problem_events(problem)), 16, "the original is as it was");
    hf_problem_destroy(&problem);
}

/* Each change makes a good problem impossible. */
typedef struct mistake {
    void (*make)(toy *t);
    const char *toy, *text;
} mistake;

#define MISTAKE(name, change)                                                                                \
    static void name(toy *t) {                                                                               \
        change;                                                                                              \
    }
MISTAKE(fewer_axes, t->input.dim = 1)
MISTAKE(no_coordinates, t->input.dim = t->input.heads.attention_coordinates = 0;
        t->input.heads.value_coordinates = t->input.heads.attention_basis_count = 0)
MISTAKE(six_coordinates, t->input.dim = 6; t->input.heads.value_coordinates = 3;
        t->input.heads.attention_coordinates = t->input.heads.attention_basis_count = 3)
MISTAKE(line_as_circle, t->input.axes[0].periodic = true)
MISTAKE(circle_as_line, t->input.axes[0].periodic = false)
MISTAKE(half_circle, t->input.axes[0].lower = 0)
MISTAKE(bounds_swapped, t->input.axes[1].lower = 9)
MISTAKE(bound_not_finite, t->input.axes[1].upper = INFINITY)
MISTAKE(two_cells, t->input.axes[0].cells = 2)
MISTAKE(too_many_cells, t->input.axes[0].cells = (size_t)1 << 30; t->input.axes[1].cells = (size_t)1 << 20)
MISTAKE(cells_overflow, t->input.axes[0].cells = (size_t)1 << 40; t->input.axes[1].cells = (size_t)1 << 40)
MISTAKE(basis_missing, t->input.heads.attention_basis_count = 0)
MISTAKE(ridge_negative, t->input.ridge = -0.5)
MISTAKE(temperature_negative, t->input.temperature = -0.5)
MISTAKE(temperature_nan, t->input.temperature = NAN)
MISTAKE(temperature_of_muscl, t->input.temperature = 0.5; t->input.flux = hf_flux_find("muscl"))
MISTAKE(no_temperature, t->input.flux = hf_flux_find("scharfetter-gummel"))
MISTAKE(end_zero, t->input.end = 0)
MISTAKE(end_nan, t->input.end = NAN)
MISTAKE(end_infinite, t->input.end = INFINITY)
MISTAKE(rtol_one, t->input.rtol = 1)
MISTAKE(rtol_negative, t->input.rtol = -1e-6)
MISTAKE(atol_negative, t->input.atol = -1e-6)
MISTAKE(atol_nan, t->input.atol = NAN)
MISTAKE(one_output, t->input.outputs = 1)
MISTAKE(stop_negative, t->input.stop = -1e-6)
MISTAKE(stop_nan, t->input.stop = NAN)
MISTAKE(no_weight, t->component.weight = 0)
MISTAKE(weight_infinite, t->component.weight = INFINITY)
MISTAKE(eight_cells_of_duality, t->input.axes[1].cells = 8; t->input.flux = hf_flux_find("duality5"))
MISTAKE(dirac_outside, t->component.profile[1] = ((hf_profile){HF_PROFILE_DIRAC, 7.5, 0}))
MISTAKE(dirac_at_nan, t->component.profile[1] = ((hf_profile){HF_PROFILE_DIRAC, NAN, 0}))
MISTAKE(bump_of_no_radius, t->component.profile[1].b = 0)
MISTAKE(bump_at_nan, t->component.profile[1].a = NAN)
MISTAKE(bump_outside, t->component.profile[1].a = 6)
MISTAKE(normal_of_no_width, t->component.profile[1] = ((hf_profile){HF_PROFILE_NORMAL, 0, 0}))
MISTAKE(normal_far_away, t->component.profile[1] = ((hf_profile){HF_PROFILE_NORMAL, 100, 0.5}))
MISTAKE(uniform_swapped, t->component.profile[1] = ((hf_profile){HF_PROFILE_UNIFORM, 2, 1}))
MISTAKE(cosine_on_a_line, t->component.profile[1] = ((hf_profile){HF_PROFILE_COSINE, 0.5, 0}))
MISTAKE(cosine_negative, t->component.profile[0].a = 1.5)

static const mistake mistakes[] = {
    {fewer_axes, "retrieval", "grid: 1 axes; expected one a head coordinate, 2"},
    {no_coordinates, "translate", "expected 1 to 4"},
    {six_coordinates, "retrieval", "expected 1 to 4"},
    {line_as_circle, "retrieval", "grid: axis a is periodic; expected periodic for angles only"},
    {circle_as_line, "angle", "grid: axis phi is an angle but not periodic"},
    {half_circle, "angle", "grid: the angle phi on [0, 3.14159]; expected [-pi, pi]"},
    {bounds_swapped, "retrieval", "axis v: box [9, 7]"},
    {bound_not_finite, "retrieval", "axis v: box [-3, inf]"},
    {two_cells, "retrieval", "axis a: 2 cells; expected at least 3"},
    {too_many_cells, "retrieval", "the grid does not fit in memory: 1125899906842624 cells need"},
    {cells_overflow, "retrieval", "more cells than can be addressed"},
    {basis_missing, "retrieval", "attention form affine: 1 coordinates and 0 basis matrices"},
    {ridge_negative, "retrieval", "ridge -0.5"},
    {temperature_negative, "retrieval", "temperature -0.5"},
    {temperature_nan, "retrieval", "temperature nan"},
    {temperature_of_muscl, "retrieval", "flux muscl with temperature 0.5"},
    {no_temperature, "retrieval", "flux scharfetter-gummel with temperature 0"},
    {end_zero, "retrieval", "time.end 0"},
    {end_nan, "retrieval", "time.end nan"},
    {end_infinite, "retrieval", "time.end inf"},
    {rtol_one, "retrieval", "tolerances rtol 1,"},
    {rtol_negative, "retrieval", "tolerances rtol -1e-06"},
    {atol_negative, "retrieval", "atol -1e-06"},
    {atol_nan, "retrieval", "atol nan"},
    {one_output, "retrieval", "time.outputs 1; expected at least 2"},
    {stop_negative, "retrieval", "time.stop -1e-06"},
    {stop_nan, "retrieval", "time.stop nan"},
    {no_weight, "retrieval", "initial: weight 0"},
    {weight_infinite, "retrieval", "initial: weight inf"},
    {eight_cells_of_duality, "retrieval", "axis v: 8 cells; flux duality5 expects at least 9"},
    {dirac_outside, "retrieval", "initial.v: the density reaches 0.5 beyond the box [-3, 7]"},
    {dirac_at_nan, "retrieval", "initial.v: a parameter is not finite"},
    {bump_of_no_radius, "retrieval", "initial.v: bump radius 0"},
    {bump_at_nan, "retrieval", "initial.v: a parameter is not finite"},
    {bump_outside, "retrieval", "initial.v: the density reaches 0.5 beyond the box [-3, 7]"},
    {normal_of_no_width, "retrieval", "initial.v: normal sd 0"},
    {normal_far_away, "retrieval", "initial.v: the normal density has no mass in the box"},
    {uniform_swapped, "retrieval", "initial.v: uniform on [2, 1]"},
    {cosine_on_a_line, "retrieval", "initial.v: cosine; expected on a periodic axis only"},
    {cosine_negative, "angle", "initial.phi: cosine kappa 1.5"},
};

static void expect_refused(const hf_problem_input *input, const char *text) {
    hf_error error = {0};
    hf_problem *problem = (hf_problem *)&error;
    cr_expect_eq(hf_problem_create(&error, input, &problem), HF_ERR_INPUT, "%s", text);
    cr_expect_null(problem);
    cr_expect_not_null(strstr(error.message, text), "'%s' is not in '%s'", text, error.message);
    cr_expect_null(strchr(error.message, '\n'));
}

static hf_events *make_events(const char *generator_name) {
    const hf_generator *generator = hf_generator_find(generator_name);
    hf_events *events;
    cr_assert_eq(hf_events_create(NULL, generator->width, generator->classes, &events), HF_OK);
    cr_assert_eq(generator->add(NULL, &(hf_generator_options){.flip = 0.1}, events), HF_OK);
    return events;
}

Test(problem, mistakes_are_refused) {
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        toy t = toy_find(mistakes[i].toy);
        t.input.components = &t.component;
        t.input.component_count = 1;
        mistakes[i].make(&t);
        t.input.events = make_events(t.generator);
        expect_refused(&t.input, mistakes[i].text);
    }
}

Test(problem, needs_a_density_to_start_from) {
    toy t = toy_find("retrieval");
    t.input.events = make_events("retrieval");
    expect_refused(&t.input, "initial: no density");
}

Test(problem, needs_events) {
    toy t = toy_find("retrieval");
    t.input.components = &t.component;
    t.input.component_count = 1;
    cr_assert_eq(hf_events_create(NULL, 2, 2, &t.input.events), HF_OK);
    expect_refused(&t.input, "no events");
}

/* On a grid much finer than the profile the point values are those of the density: the nodes are as dense as
 * the cells and leave no comb. */
Test(initial, of_a_dual_flux_is_the_density_where_it_is_smooth) {
    toy given = toy_find("ridge");
    hf_axis *axis = &given.input.axes[0];
    given.input.flux = hf_flux_find("duality7");
    axis->cells = 1500;
    hf_problem *problem = toy_create(&given);
    double *rho = make_array(axis->cells), worst = 0, scale = 315. / 256 / 1.5;
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    for (size_t i = 0; i < axis->cells; i++) {
        double s = hf_grid_center(hf_problem_grid(problem), 0, i) / 1.5;
        worst = fmax(worst, fabs(rho[i] - scale * pow(fmax(1 - s * s, 0), 4)));
    }
    /* a cell's width is 1/375 of the radius, and the density has three derivatives at its ends */
    cr_expect_leq(worst, 1e-7, "%g", worst);
    hf_array_destroy(&rho);
    hf_problem_destroy(&problem);
}
