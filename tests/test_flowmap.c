/* The flow map: closed forms, what the characteristics conserve and dissipate, convergence in the nodes, the
 * stable Dirac, and the points sampled from the map. */
#include "support.h"

#include <criterion/criterion.h>
#include <gsl/gsl_integration.h>
#include <headflow/case.h>
#include <headflow/flowmap.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static hf_problem *read_case(const char *name, const char *override) {
    char path[512];
    hf_error error = {0};
    hf_problem *problem;
    snprintf(path, sizeof path, "%s/cases/%s.yaml", SOURCE_ROOT, name);
    cr_assert_eq(hf_case_read(&error, path, override != NULL, &override, &problem, NULL), HF_OK, "%s",
                 error.message);
    return problem;
}

static hf_flowmap *make_map(const hf_problem *problem, size_t nodes, double rtol) {
    hf_flowmap *map;
    cr_assert_eq(hf_flowmap_create(NULL, problem, nodes, rtol, &map), HF_OK);
    return map;
}

static hf_flowmap_record measure_at(hf_flowmap *map, double time) {
    hf_flowmap_record record;
    cr_assert_eq(hf_flowmap_advance(NULL, map, time), HF_OK);
    hf_flowmap_measure(map, &record);
    cr_expect_eq(record.time, time);
    return record;
}

/* What a case comes to at a time with so many nodes. */
static hf_flowmap_record solve(const char *name, size_t nodes, double time) {
    hf_problem *problem = read_case(name, NULL);
    hf_flowmap *map = make_map(problem, nodes, 1e-13);
    hf_flowmap_record record = measure_at(map, time);
    hf_flowmap_destroy(&map);
    cr_expect_null(map);
    hf_problem_destroy(&problem);
    return record;
}

/* ---- closed forms -------------------------------------------------------------------------------------- */

/* The velocity is 1/(1 + e^m) everywhere: m + e^m = t + 1, R = log(1 + e^-m), D = 1/(1 + e^m)^2. A tolerance
 * of 1e-12 a step leaves 1e-10 after the run. */
Test(closed_form, translate) {
    hf_problem *problem = read_case("translate", NULL);
    hf_flowmap *map = make_map(problem, 8, 1e-12);
    for (double time = 0; time <= 4; time += 0.8) {
        hf_flowmap_record record = measure_at(map, time);
        double m = record.mean[0];
        cr_expect_float_eq(m + exp(m), time + 1, 1e-10, "t = %g: %g", time, m + exp(m) - time - 1);
        cr_expect_float_eq(record.risk, log1p(exp(-m)), 1e-10);
        cr_expect_float_eq(record.dissipation, pow(1 + exp(m), -2), 1e-10);
        cr_expect_float_eq(record.covariance[0], 2.25 / 11, 1e-11);
    }
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}

/* The ridge contracts towards the mean, which obeys m' = 1/(1 + e^m) - lambda m. */
Test(closed_form, ridge) {
    hf_problem *problem = read_case("ridge", NULL);
    hf_flowmap *map = make_map(problem, 8, 1e-12);
    for (double time = 0; time <= 4; time += 0.8) {
        hf_flowmap_record record = measure_at(map, time);
        double m = record.mean[0], variance = 2.25 / 11 * exp(-time / 2), u = 1 / (1 + exp(m)) - m / 4;
        cr_expect_float_eq(record.covariance[0], variance, 1e-11, "t = %g: %g", time,
                           record.covariance[0] - variance);
        cr_expect_float_eq(record.risk, log1p(exp(-m)) + (m * m + variance) / 8, 1e-10);
        cr_expect_float_eq(record.dissipation, u * u + variance / 16, 1e-10);
    }
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}

/* q^2 - k^2 stays with every characteristic. With q = 1/2 + s, E s^2 = 1/11 and E s^4 = 3/143 its square has
 * the integral 2 Var(s + s^2) = 0.207247298156. */
Test(closed_form, qkv_conserves) {
    hf_problem *problem = read_case("qkv", NULL);
    hf_flowmap *map = make_map(problem, 6, 1e-12);
    size_t count = hf_flowmap_count(map);
    const double *theta = hf_flowmap_points(map), *mass = hf_flowmap_masses(map);
    double *start = make_array(count), *difference = make_array(count);
    for (double time = 0; time <= 6; time += 1.5) {
        double square = 0;
        measure_at(map, time);
        for (size_t i = 0; i < count; i++) {
            difference[i] = pow(theta[3 * i], 2) - pow(theta[3 * i + 1], 2);
            square += mass[i] * pow(difference[i], 2);
        }
        if (time == 0)
            memcpy(start, difference, count * sizeof *start);
        cr_expect_leq(largest_difference(count, difference, start), 1e-10);
        cr_expect_float_eq(square, 2 * (1.0 / 11 + 3.0 / 143 - 1.0 / 121), 1e-10);
    }
    hf_array_destroy(&start);
    hf_array_destroy(&difference);
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}

/* ---- laws ---------------------------------------------------------------------------------------------- */

static const char *const cold[] = {"translate", "ridge",    "retrieval",  "qkv",  "stable",
                                   "saddle",    "contract", "specialise", "angle"};
enum { COLD = sizeof cold / sizeof cold[0] };

/* The nodes are a gradient flow of their own risk, however few: R(0) - R(T) = int_0^T D dt, by Gauss-Legendre
 * in time; D is analytic and T a few of its time scales. */
Test(law, dissipation_is_the_fall_of_the_risk) {
    enum { TIMES = 24 };
    const double end = 3;
    gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(TIMES);
    for (size_t k = 0; k < COLD; k++) {
        hf_problem *problem = read_case(cold[k], NULL);
        hf_flowmap *map = make_map(problem, 3, 1e-12);
        double start = measure_at(map, 0).risk, fall = 0, time, weight;
        for (size_t i = 0; i < TIMES; i++) {
            gsl_integration_glfixed_point(0, end, i, &time, &weight, rule);
            fall += weight * measure_at(map, time).dissipation;
        }
        double expected = start - measure_at(map, end).risk;
        cr_expect_gt(expected, 1e-3);
        cr_expect_float_eq(fall, expected, 1e-10, "%s: %g", cold[k], fall - expected);
        hf_flowmap_destroy(&map);
        hf_problem_destroy(&problem);
    }
    gsl_integration_glfixed_table_free(rule);
}

/* At the start, risk and dissipation are those of the grid in the limit of fine cells. The risk is of second
 * order: two grids extrapolate to the fourth. The dissipation of the grid feels the limiter at the maximum.
 */
Test(law, starts_where_the_grid_does) {
    for (size_t k = 0; k < COLD; k++) {
        hf_problem *problem = read_case(cold[k], NULL);
        size_t dim = hf_grid_dim(hf_problem_grid(problem)), fine = dim == 3 ? 64 : 256;
        hf_flowmap *map = make_map(problem, 12, 1e-12);
        hf_flowmap_record start = measure_at(map, 0);
        hf_record record[2];
        for (size_t half = 0; half < 2; half++) {
            size_t n = half ? fine / 2 : fine;
            hf_problem *refined;
            hf_flow *flow;
            cr_assert_eq(hf_problem_refine(NULL, problem,
                                           &(hf_refine_options){.cells = (const size_t[]){n, n, n}},
                                           &refined),
                         HF_OK);
            cr_assert_eq(hf_flow_create(NULL, refined, &flow), HF_OK);
            double *rho = make_array(hf_grid_cells(hf_problem_grid(refined)));
            cr_assert_eq(hf_problem_initial(NULL, refined, rho), HF_OK);
            cr_assert_eq(hf_flow_diagnose(NULL, flow, rho, &record[half]), HF_OK);
            hf_array_destroy(&rho);
            hf_flow_destroy(&flow);
            hf_problem_destroy(&refined);
        }
        double risk = (4 * record[0].risk - record[1].risk) / 3;
        double dissipation = (4 * record[0].dissipation - record[1].dissipation) / 3;
        cr_expect_float_eq(start.risk, risk, 1e-6, "%s: %g", cold[k], start.risk - risk);
        cr_expect_float_eq(start.dissipation, dissipation, 1e-4, "%s: %g", cold[k],
                           start.dissipation - dissipation);
        hf_flowmap_destroy(&map);
        hf_problem_destroy(&problem);
    }
}

/* Every four nodes more gain two digits, down to the tolerance of the time integration. */
Test(law, converges_spectrally) {
    static const size_t nodes[] = {4, 8, 12};
    hf_flowmap_record exact = solve("retrieval", 20, 3);
    double before = 1e-2;
    for (size_t k = 0; k < 3; k++) {
        hf_flowmap_record record = solve("retrieval", nodes[k], 3);
        double error =
            fmax(fmax(fabs(record.risk - exact.risk), fabs(record.dissipation - exact.dissipation)),
                 largest_difference(4, record.covariance, exact.covariance));
        cr_expect_leq(error, before / 100, "%zu nodes: %g", nodes[k], error);
        before = error;
    }
    cr_expect_leq(before, 1e-10);
}

/* ---- the stable Dirac ---------------------------------------------------------------------------------- */

/* Potential of the Dirac at theta, with gradient and Hessian. */
static void dirac_potential(const hf_problem *problem, const double *theta, double *gradient,
                            double *hessian) {
    const hf_model *model = hf_problem_model(problem);
    const hf_events *events = hf_problem_events(problem);
    double *logits = make_array(hf_events_count(events) * hf_events_classes(events));
    double *projection = make_array(hf_model_projection_size(model));
    hf_model_atoms_logits(model, 1, theta, (const double[]){1}, logits);
    hf_risk_cross_entropy(events, logits, logits);
    hf_model_project_residual(model, logits, projection);
    hf_model_potential(model, projection, theta, gradient, hessian);
    hf_array_destroy(&logits);
    hf_array_destroy(&projection);
}

/* All mass ends at theta*, where the Dirac is stationary; the spread about it decays like exp(-A t), so that
 * its trace falls at twice the least eigenvalue of A, the Hessian there. The mean arrives at its own rate,
 * about 0.2: 1e-6 at t = 60, the digits of theta* at t = 110. */
Test(stable, ends_at_the_dirac) {
    const double dirac[] = {0.1600112675, 0.4874980273};
    double gradient[2], hessian[4];
    hf_problem *problem = read_case("stable", NULL);
    dirac_potential(problem, dirac, gradient, hessian);
    cr_expect_leq(largest(2, gradient), 1e-10);
    double middle = (hessian[0] + hessian[3]) / 2, rate = middle - hypot(hessian[0] - middle, hessian[1]);
    cr_expect_gt(rate, 0);
    hf_flowmap *map = make_map(problem, 6, 1e-14);
    hf_flowmap_record early = measure_at(map, 40), late = measure_at(map, 60);
    double spread =
        log((early.covariance[0] + early.covariance[3]) / (late.covariance[0] + late.covariance[3]));
    cr_expect_leq(largest_difference(2, late.mean, dirac), 1e-6);
    cr_expect_float_eq(spread, 2 * rate * 20, 1e-3 * spread, "%g, %g", spread / 40, rate);
    late = measure_at(map, 110);
    cr_expect_leq(largest_difference(2, late.mean, dirac), 1e-10, "%g",
                  largest_difference(2, late.mean, dirac));
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}

/* ---- samples ------------------------------------------------------------------------------------------- */

typedef struct sample {
    size_t count; /* over all components */
    double *theta, *mass;
} sample;

static sample draw(const hf_problem *problem, const hf_flowmap *map, size_t each) {
    size_t components;
    hf_problem_components(problem, &components);
    sample s = {.count = components * each};
    s.theta = make_array(s.count * hf_grid_dim(hf_problem_grid(problem)));
    s.mass = make_array(s.count);
    cr_assert_eq(hf_flowmap_sample(NULL, map, each, s.theta, s.mass), HF_OK);
    return s;
}

static void sample_clear(sample *s) {
    hf_array_destroy(&s->theta);
    hf_array_destroy(&s->mass);
}

/* Distribution function of the bump (a polynomial of degree 9) and of the cosine density. */
static double bump(double x, double center, double radius) {
    double s = fmax(fmin((x - center) / radius, 1), -1), q = s * s;
    return 0.5 + 315.0 / 256 * s * (1 - q * (4.0 / 3 - q * (6.0 / 5 - q * (4.0 / 7 - q / 9))));
}
static double cosine(double x, double kappa, double phase) {
    return (x + M_PI + kappa * (sin(x - phase) + sin(M_PI + phase))) / (2 * M_PI);
}

static const char mixture[] = "initial=[{weight: 3, a: {bump: {center: -0.5, radius: 1}}, v: {bump: {center: "
                              "2, radius: 1.5}}}, {weight: 1, a: {bump: {center: 1, radius: 0.5}}, v: "
                              "{uniform: {lower: -1, upper: 0.5}}}]";

/* Distribution functions at time 0. */
static double retrieval_0(size_t axis, double x) {
    (void)axis;
    return bump(x, 0.5, 1.5);
}
static double angle_0(size_t axis, double x) {
    return axis == 0 ? cosine(x, 0.5, 0.3) : bump(x, 0.5, 1.5);
}
static double mixture_0(size_t axis, double x) {
    return axis == 0 ? 0.75 * bump(x, -0.5, 1) + 0.25 * bump(x, 1, 0.5)
                     : 0.75 * bump(x, 2, 1.5) + 0.25 * fmin(fmax((x + 1) / 1.5, 0), 1);
}

static const struct start {
    const char *name, *override;
    double (*distribution)(size_t axis, double x);
} starts[] = {{"retrieval", NULL, retrieval_0}, {"angle", NULL, angle_0}, {"retrieval", mixture, mixture_0}};
enum { STARTS = sizeof starts / sizeof starts[0] };

/* At time 0 the points below x weigh as much as rho_0 there: Kolmogorov's distance of an even mesh is 1/2n,
 * that of a lattice some times more. The points of all coordinates share their places: x and y are
 * independent. */
Test(sample, starts_as_the_initial_density) {
    for (size_t k = 0; k < STARTS; k++)
        for (size_t each = 250; each <= 1000; each *= 4) {
            hf_problem *problem = read_case(starts[k].name, starts[k].override);
            hf_flowmap *map = make_map(problem, 4, 1e-12);
            sample s = draw(problem, map, each);
            for (size_t d = 0; d < 2; d++) {
                const double *x = s.theta + d * s.count;
                double worst = 0;
                for (size_t i = 0; i < s.count; i++) {
                    double below = s.mass[i] / 2;
                    for (size_t j = 0; j < s.count; j++)
                        below += x[j] < x[i] ? s.mass[j] : 0;
                    worst = fmax(worst, fabs(below - starts[k].distribution(d, x[i])));
                }
                cr_expect_leq(worst * (double)each, 4, "start %zu, axis %zu: %g", k, d, worst * (double)each);
            }
            double total = 0;
            for (size_t i = 0; i < s.count; i++)
                total += s.mass[i];
            cr_expect_float_eq(total, 1, 1e-13);
            sample_clear(&s);
            hf_flowmap_destroy(&map);
            hf_problem_destroy(&problem);
        }
}

/* Later their moments tend to those of the nodes as 1/n: by Koksma's inequality with a factor of at most the
 * variation of what is averaged, 4 for a square, times n times the discrepancy, 3. */
Test(sample, has_the_moments_of_the_nodes) {
    for (size_t k = 0; k < STARTS; k++)
        for (double time = 0; time <= 3; time += 3) {
            hf_problem *problem = read_case(starts[k].name, starts[k].override);
            hf_flowmap *map = make_map(problem, 12, 1e-11);
            hf_flowmap_record record = measure_at(map, time);
            for (size_t each = 500; each <= 8000; each *= 4) {
                sample s = draw(problem, map, each);
                double *theta = make_array(2 * s.count), mean[2], covariance[4];
                for (size_t i = 0; i < 2 * s.count; i++)
                    theta[i] = s.theta[i % 2 * s.count + i / 2];
                hf_points_moments(hf_problem_grid(problem), s.count, theta, s.mass, mean, covariance);
                double error = fmax(largest_difference(2, mean, record.mean),
                                    largest_difference(4, covariance, record.covariance));
                cr_expect_leq(error * (double)each, 12, "start %zu, t = %g: %g", k, time,
                              error * (double)each);
                hf_array_destroy(&theta);
                sample_clear(&s);
            }
            hf_flowmap_destroy(&map);
            hf_problem_destroy(&problem);
        }
}

/* Every point, not only their moments. Interpolation gains half the digits of quadrature: one with every four
 * nodes. */
Test(sample, converges_point_by_point) {
    static const size_t nodes[] = {18, 8, 12};
    enum { EACH = 200 };
    for (size_t k = 0; k < STARTS; k++) {
        hf_problem *problem = read_case(starts[k].name, starts[k].override);
        sample s[3];
        double error[3] = {0};
        for (int n = 0; n < 3; n++) {
            hf_flowmap *map = make_map(problem, nodes[n], 1e-11);
            measure_at(map, 3);
            s[n] = draw(problem, map, EACH);
            hf_flowmap_destroy(&map);
            for (size_t i = 0; i < 2 * s[n].count; i++)
                error[n] += fabs(s[n].theta[i] - s[0].theta[i]) * s[n].mass[i % s[n].count];
        }
        cr_expect_leq(error[1], 1e-3, "start %zu: %g", k, error[1]);
        cr_expect_leq(error[2], error[1] / 10, "start %zu: %g, %g", k, error[1], error[2]);
        for (int n = 0; n < 3; n++)
            sample_clear(&s[n]);
        hf_problem_destroy(&problem);
    }
}

/* The flow of `ridge` is affine: every point is the mean and its own distance, shrunk by exp(-lambda t). */
Test(sample, follows_an_affine_flow) {
    enum { EACH = 100 };
    hf_problem *problem = read_case("ridge", NULL);
    hf_flowmap *map = make_map(problem, 5, 1e-12);
    sample start = draw(problem, map, EACH);
    double mean = measure_at(map, 4).mean[0];
    sample end = draw(problem, map, EACH);
    for (size_t i = 0; i < EACH; i++)
        cr_expect_float_eq(end.theta[i], mean + exp(-1) * start.theta[i], 1e-11);
    sample_clear(&start);
    sample_clear(&end);
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

Test(flowmap, exists_without_temperature_only) {
    hf_error error = {0};
    hf_problem *problem = read_case("gibbs", NULL);
    hf_flowmap *map = (hf_flowmap *)&error;
    cr_expect_eq(hf_flowmap_create(&error, problem, 8, 1e-12, &map), HF_ERR_INPUT);
    cr_expect_null(map);
    cr_expect_not_null(strstr(error.message, "0.05"), "%s", error.message);
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}
