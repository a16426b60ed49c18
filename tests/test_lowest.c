/* The minimum of a potential: against scans, closed forms and twins with fewer coordinates. Its lower bound
 * on boxes of all sizes, looked at once (an infinite tolerance), which is the bound of a cell. */
#include "support.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3, CLASSES = 3, EVENTS = 4, BOXES_MAX = 200000 };

/* A potential on a box. */
typedef struct subject {
    const hf_model *model;
    size_t n, dim; /* attention coordinates, and all */
    hf_axis axes[HF_DIM_MAX];
    double *residual, *projection;
    hf_events *events; /* with the model, its own or NULL */
    hf_model *own;
} subject;

/* The potential of a residual, which the subject takes over. */
static void subject_set(subject *s, const hf_model *model, double *residual) {
    s->model = model;
    s->n = hf_model_attention_coordinates(model);
    s->dim = s->n + hf_model_value_coordinates(model);
    s->residual = residual;
    s->projection = make_array(hf_model_projection_size(model));
    hf_model_project_residual(model, residual, s->projection);
}

static void subject_own(subject *s, hf_events *events, const hf_heads *heads, double ridge,
                        double *residual) {
    *s = (subject){.events = events};
    cr_assert_eq(hf_model_create(NULL, heads, events, ridge, &s->own), HF_OK);
    subject_set(s, s->own, residual);
    for (size_t d = 0; d < s->dim; d++) {
        s->axes[d] = (hf_axis){.lower = -2.3, .upper = 1.9, .cells = 3};
        snprintf(s->axes[d].name, HF_NAME_MAX, "x%zu", d);
    }
}

/* Random tokens, residuals, matrices of entries up to `scale`, and a box about the origin. */
static void subject_create(subject *s, gsl_rng *random, head_shape shape, double ridge, double scale) {
    double *matrices, *residual = make_array(EVENTS * CLASSES);
    hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
    hf_heads heads =
        make_random_heads(random, shape.form, shape.alphas, shape.values, WIDTH, CLASSES, scale, &matrices);
    fill_uniform(random, -0.6, 0.6, EVENTS * CLASSES, residual);
    subject_own(s, events, &heads, ridge, residual);
    free(matrices);
    for (size_t d = 0; d < s->dim; d++) {
        hf_axis *axis = &s->axes[d];
        axis->periodic = heads.form->periodic && d < shape.alphas;
        axis->lower = axis->periodic ? -M_PI : uniform(random, -2.3, -1.1);
        axis->upper = axis->periodic ? M_PI : uniform(random, 0.9, 1.9);
    }
}

static void subject_destroy(subject *s) {
    hf_model_destroy(&s->own);
    hf_events_destroy(&s->events);
    hf_array_destroy(&s->residual);
    hf_array_destroy(&s->projection);
}

static double potential(const subject *s, const double *theta) {
    return hf_model_potential(s->model, s->projection, theta, NULL, NULL);
}

/* A minimum of its basin: no slope along the axes, but for those whose wall holds it. */
static void check_stationary(const subject *s, const double *theta) {
    double gradient[HF_DIM_MAX];
    hf_model_potential(s->model, s->projection, theta, gradient, NULL);
    for (size_t d = 0; d < s->dim; d++) {
        bool held = gradient[d] > 0 ? theta[d] == s->axes[d].lower : theta[d] == s->axes[d].upper;
        cr_expect(held || fabs(gradient[d]) <= 1e-6, "slope %g along axis %zu", gradient[d], d);
    }
}

/* The search, and what holds of every result. */
static hf_lowest lowest(const subject *s, double tolerance) {
    hf_grid *grid;
    hf_lowest low;
    hf_error error = {0};
    cr_assert_eq(hf_grid_create(&error, s->dim, s->axes, &grid), HF_OK, "%s", error.message);
    cr_assert_eq(hf_model_lowest(&error, s->model, grid, s->residual, tolerance, &low), HF_OK, "%s",
                 error.message);
    hf_grid_destroy(&grid);
    cr_expect_eq(low.value, potential(s, low.theta));
    cr_expect_leq(low.bound, low.value);
    cr_expect(low.boxes >= 1 && low.boxes <= BOXES_MAX, "%zu boxes", low.boxes);
    for (size_t d = 0; d < s->dim; d++)
        cr_expect(low.theta[d] >= s->axes[d].lower && low.theta[d] <= s->axes[d].upper);
    if (tolerance <= 1)
        check_stationary(s, low.theta);
    return low;
}

/* The value of v in the box where v g + (ridge/2) v^2 is least, by its candidates. */
static double best_value(double ridge, double g, double lower, double upper) {
    double candidate[] = {lower, upper, -g / ridge}, best = lower;
    for (size_t i = 1; i < 3; i++) {
        double v = candidate[i];
        if (v >= lower && v <= upper && v * g + 0.5 * ridge * v * v < best * g + 0.5 * ridge * best * best)
            best = v;
    }
    return best;
}

/* The least Psi over v at the alpha that stands in theta; leaves v there. */
static double least_at(const subject *s, double *theta) {
    double gradient[HF_DIM_MAX];
    for (size_t d = s->n; d < s->dim; d++)
        theta[d] = 0;
    hf_model_potential(s->model, s->projection, theta, gradient, NULL);
    for (size_t d = s->n; d < s->dim; d++)
        theta[d] = best_value(hf_model_ridge(s->model), gradient[d], s->axes[d].lower, s->axes[d].upper);
    return potential(s, theta);
}

/* The lowest of a lattice in alpha, ends included, and of as many random points. */
static double scan(const subject *s, gsl_rng *random, size_t points) {
    size_t total = 1;
    double least = INFINITY;
    for (size_t a = 0; a < s->n; a++)
        total *= points;
    for (size_t i = 0; i < total; i++) {
        double lattice[HF_DIM_MAX], anywhere[HF_DIM_MAX];
        size_t rest = i;
        for (size_t a = 0; a < s->n; a++, rest /= points) {
            double width = s->axes[a].upper - s->axes[a].lower;
            lattice[a] = s->axes[a].lower + width * (double)(rest % points) / (double)(points - 1);
            anywhere[a] = uniform(random, s->axes[a].lower, s->axes[a].upper);
        }
        least = fmin(least, fmin(least_at(s, lattice), least_at(s, anywhere)));
    }
    return least;
}

static const size_t lattice_points[] = {1, 1001, 41, 13};

/* ---- against scans ------------------------------------------------------------------------------------- */

Test(lowest, is_below_a_scan_and_above_its_bound) {
    static const double ridges[] = {0, 0.01, 0.385}, scales[] = {0.8, 3};
    gsl_rng *random = make_random(31);
    for (size_t i = 0; i < head_shape_count; i++)
        for (int k = 0; k < 6; k++) {
            subject s;
            subject_create(&s, random, head_shapes[i], ridges[k % 3], scales[k / 3]);
            double least = scan(&s, random, lattice_points[head_shapes[i].alphas]);
            hf_lowest rough = lowest(&s, 1e-2), fine = lowest(&s, 1e-6), finest = lowest(&s, 1e-12);
            const char *name = head_shapes[i].form;
            cr_expect_leq(rough.value, least + 0.01, "%s %d: %.17g, %.17g", name, k, rough.value, least);
            cr_expect_leq(finest.value, least + 1e-12, "%s %d: %.17g, %.17g", name, k, finest.value, least);
            cr_expect_leq(rough.bound, finest.bound + 1e-14);
            cr_expect_leq(fine.bound, least);
            cr_expect_leq(finest.bound, least + 1e-14, "%s %d: %.17g, %.17g", name, k, finest.bound, least);
            cr_expect_leq(rough.value - rough.bound, 1e-2);
            cr_expect_leq(fine.value - fine.bound, 1.001e-6, "%s %d: %g", name, k, fine.value - fine.bound);
            cr_expect_leq(finest.value - finest.bound, 1.001e-12, "%s %d: %g", name, k,
                          finest.value - finest.bound);
            subject_destroy(&s);
        }
    gsl_rng_free(random);
}

/* The residual of the initial density of a problem. */
static double *initial_residual(const hf_problem *problem) {
    const hf_events *events = hf_problem_events(problem);
    double *residual = make_array(hf_events_count(events) * hf_events_classes(events));
    double *rho = make_array(hf_grid_cells(hf_problem_grid(problem)));
    hf_flow *flow;
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    hf_flow_risk(flow, rho, residual);
    hf_risk_cross_entropy(events, residual, residual);
    hf_flow_destroy(&flow);
    hf_array_destroy(&rho);
    return residual;
}

/* And how little the proof costs. */
Test(lowest, of_the_toy_cases) {
    gsl_rng *random = make_random(32);
    for (size_t i = 0; i < toy_count; i++) {
        toy t = toy_find(toy_names[i]);
        hf_problem *problem = toy_create(&t);
        subject s = {0};
        subject_set(&s, hf_problem_model(problem), initial_residual(problem));
        memcpy(s.axes, t.input.axes, sizeof s.axes);
        double least = scan(&s, random, lattice_points[s.n]);
        hf_lowest low = lowest(&s, 1e-12);
        cr_expect_leq(low.value, least + 1e-13, "%s: %.17g, %.17g", toy_names[i], low.value, least);
        cr_expect_leq(low.bound, least + 1e-14, "%s: %.17g, %.17g", toy_names[i], low.bound, least);
        cr_expect_geq(low.bound, low.value - 1.001e-12, "%s: %g", toy_names[i], low.value - low.bound);
        cr_expect_leq(low.boxes, 4000, "%s: %zu boxes", toy_names[i], low.boxes);
        subject_destroy(&s);
        hf_problem_destroy(&problem);
    }
    gsl_rng_free(random);
}

/* ---- the bound of a cell ------------------------------------------------------------------------------- */

/* Moves the box to a random place inside of it, with half widths of random sizes down to `smallest`. */
static void shrink(subject *s, gsl_rng *random, double smallest) {
    for (size_t d = 0; d < s->n; d++) {
        hf_axis *axis = &s->axes[d];
        double half = 0.5 * (axis->upper - axis->lower) * pow(smallest, uniform(random, 0, 1));
        double center = uniform(random, axis->lower + half, axis->upper - half);
        axis->lower = center - half;
        axis->upper = center + half;
        axis->periodic = false;
    }
}

/* Psi at random alphas of a box, its corners among them. */
static double sample(const subject *s, gsl_rng *random, size_t count) {
    double least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        double theta[HF_DIM_MAX];
        for (size_t a = 0; a < s->n; a++) {
            bool corner = i < (size_t)1 << s->n;
            theta[a] = corner ? (i >> a & 1 ? s->axes[a].upper : s->axes[a].lower)
                              : uniform(random, s->axes[a].lower, s->axes[a].upper);
        }
        least = fmin(least, least_at(s, theta));
    }
    return least;
}

Test(cell, bound_holds_on_boxes_of_any_size) {
    static const double ridges[] = {0, 0.01, 0.385}, scales[] = {0.8, 4};
    enum { MODELS = 60, BOXES = 20, POINTS = 40 };
    gsl_rng *random = make_random(33);
    for (size_t i = 0; i < head_shape_count; i++)
        for (size_t k = 0; k < MODELS; k++) {
            subject s;
            subject_create(&s, random, head_shapes[i], ridges[k % 3], scales[k / 3 % 2]);
            hf_axis whole[HF_DIM_MAX];
            memcpy(whole, s.axes, sizeof whole);
            for (size_t b = 0; b < BOXES && s.n > 0; b++) {
                memcpy(s.axes, whole, sizeof whole);
                shrink(&s, random, 1e-3);
                double least = sample(&s, random, POINTS);
                hf_lowest low = lowest(&s, INFINITY);
                cr_assert_eq(low.boxes, 1);
                cr_expect_leq(low.bound, least + 1e-14, "%s %zu %zu: %g above", head_shapes[i].form, k, b,
                              low.bound - least);
            }
            subject_destroy(&s);
        }
    gsl_rng_free(random);
}

/* The bound nears the minimum like the square of the width, whether or not walls or zeros of G_j are near. */
Test(cell, bound_is_of_second_order) {
    gsl_rng *random = make_random(34);
    for (size_t i = 0; i < head_shape_count; i++) {
        double sum[2] = {0};
        for (size_t k = 0; k < 30 && head_shapes[i].alphas > 0; k++) {
            subject s;
            double center[HF_ATTENTION_MAX];
            subject_create(&s, random, head_shapes[i], k % 2 ? 0.385 : 0, 0.8);
            for (size_t a = 0; a < s.n; a++)
                center[a] = uniform(random, s.axes[a].lower, s.axes[a].upper);
            for (size_t r = 0; r < 2; r++) {
                double half = r == 0 ? 0.02 : 0.005;
                for (size_t a = 0; a < s.n; a++) {
                    s.axes[a].periodic = false;
                    s.axes[a].lower = center[a] - half;
                    s.axes[a].upper = center[a] + half;
                }
                hf_lowest low = lowest(&s, INFINITY);
                sum[r] += low.value - low.bound;
            }
            subject_destroy(&s);
        }
        cr_expect_leq(sum[1], sum[0] / 14, "%s: %g, %g", head_shapes[i].form, sum[0], sum[1]);
    }
    gsl_rng_free(random);
}

/* ---- closed forms -------------------------------------------------------------------------------------- */

/* A token of score sum_k slope_k phi_k + offset, that gives b[j] to G_j where all attention is on it. */
typedef struct token {
    double slope[HF_ATTENTION_MAX], offset, b[2];
} token;

static size_t basis_count(head_shape shape) {
    return strcmp(shape.form, "affine") == 0 ? shape.alphas : 3 - shape.alphas;
}

/* Events of `length` tokens each, G_j = sum over events of E[b_j]; heads with a value coordinate or none. */
static void subject_of_tokens(subject *s, head_shape shape, size_t count, size_t length, const token *list,
                              double ridge) {
    /* components of a token: its slopes, offset, b_0, b_1, and 1, for the query */
    enum { OFFSET = HF_ATTENTION_MAX, B, ONE = B + 2, WIDE, LONGEST = 3 };
    double base[WIDE * WIDE] = {0}, basis[HF_ATTENTION_MAX * WIDE * WIDE] = {0};
    double value[2][2 * WIDE] = {{0}}, *residual = make_array(2 * count);
    hf_events *events;
    cr_assert_eq(hf_events_create(NULL, WIDE, 2, &events), HF_OK);
    for (size_t e = 0; e < count; e++) {
        double tokens[LONGEST * WIDE] = {0}, label[] = {0.3, 0.7};
        for (size_t t = 0; t < length; t++) {
            const token *from = list + e * length + t;
            double *x = tokens + t * WIDE;
            memcpy(x, from->slope, sizeof from->slope);
            x[OFFSET] = from->offset;
            x[B] = from->b[0] * (double)count;
            x[B + 1] = from->b[1] * (double)count;
            x[ONE] = 1;
        }
        residual[2 * e] = 0.385;
        residual[2 * e + 1] = -0.385;
        cr_assert_eq(hf_events_add(NULL, events, length, tokens, label, 1), HF_OK);
    }
    base[ONE * WIDE + OFFSET] = 1;
    for (size_t k = 0; k < HF_ATTENTION_MAX; k++)
        basis[(k * WIDE + ONE) * WIDE + k] = 1;
    for (size_t j = 0; j < 2; j++) {
        value[j][B + j] = 1 / 0.77;
        value[j][WIDE + B + j] = -1 / 0.77;
    }
    hf_heads heads = {.form = hf_attention_form_find(shape.form),
                      .attention_coordinates = shape.alphas,
                      .attention_basis_count = basis_count(shape),
                      .value_coordinates = shape.values,
                      .attention_base = base,
                      .attention_basis = basis,
                      .value_base = value[0],
                      .value_basis = value[1]};
    subject_own(s, events, &heads, ridge, residual);
}

/* One look at a box of half width `half` about a centre. */
static hf_lowest look(subject *s, double center, double half) {
    for (size_t a = 0; a < s->n; a++) {
        s->axes[a].lower = center - half;
        s->axes[a].upper = center + half;
    }
    return lowest(s, INFINITY);
}

/* The bound is below the least value on the box, and near it: but for `slack`. A bound that is not below the
 * value would be cut to it. */
static void check_bound(const char *name, const hf_lowest *low, double least, double slack) {
    cr_expect_float_eq(low->value, least, 1e-14 * (1 + fabs(least)), "%s: %.17g, %.17g", name, low->value,
                       least);
    cr_expect_lt(low->bound, slack > 1e-15 ? low->value : least + 1e-15, "%s: %.17g", name, low->bound);
    cr_expect_geq(low->bound, least - slack, "%s: %g of %g", name, least - low->bound, slack);
}

/* Second derivatives Cov(X^2, b) of an event that each of the bounds (31) all but meets: two tokens where
 * attention is p = 0.2113, 0.0962 of R^2 Rb against 1/8; three tokens where scores, or values, are spread. G
 * falls below its tangent at both ends of the box by as much as its curvature there. */
Test(cell, bound_is_near_the_curvature_of_few_tokens) {
    static const struct {
        const char *name;
        double p[3], slope[3], b[3], share;
    } events[] = {
        {"widest", {0.788675135, 0.211324865, 1e-300}, {0, 2.385, 0}, {0, -1.7, 0}, 1.31},
        {"widest, from the other side", {0.211324865, 0.788675135, 1e-300}, {0, 2.385, 0}, {0, 1.7, 0}, 1.31},
        {"a rare score", {0.9, 0.098, 0.002}, {0, 0, 2.385}, {0, -1.7, -1.7}, 1.2},
        {"a rarer value", {0.98, 0.01, 0.01}, {0, 2.385, 2.385}, {0, 0, -1.7}, 1.55},
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        for (int valued = 0; valued < 2; valued++) { /* G_0, or v G_1 with v at the wall 0.7 */
            const double half = 0.01, factor = valued ? 0.7 : 1;
            double m = 0, b = 0, slope = 0, curvature = 0, least[2] = {0};
            token tokens[3];
            subject s;
            for (size_t t = 0; t < 3; t++) {
                tokens[t] = (token){{events[i].slope[t]}, log(events[i].p[t]), {0}};
                tokens[t].b[valued] = events[i].b[t];
                m += events[i].p[t] * events[i].slope[t];
                b += events[i].p[t] * events[i].b[t];
            }
            for (int side = 0; side < 2; side++) {
                double total = 0;
                for (size_t t = 0; t < 3; t++) {
                    double p = events[i].p[t] * exp((side ? half : -half) * events[i].slope[t]);
                    total += p;
                    least[side] += factor * p * events[i].b[t];
                }
                least[side] /= total;
            }
            for (size_t t = 0; t < 3; t++) {
                double x = events[i].slope[t] - m;
                slope += factor * events[i].p[t] * x * (events[i].b[t] - b);
                curvature += factor * events[i].p[t] * x * x * (events[i].b[t] - b);
            }
            subject_of_tokens(&s, (head_shape){"affine", 1, (size_t)valued}, 1, 3, tokens, 0);
            s.axes[1].lower = -0.3;
            s.axes[1].upper = 0.7;
            if (valued && events[i].b[1] + events[i].b[2] > 0) { /* the wall where v G_1 is least */
                s.axes[1].lower = 0.7;
                s.axes[1].upper = 0.8;
            }
            hf_lowest low = look(&s, 0, half);
            double fall = factor * b - fabs(slope) * half - fmin(least[0], least[1]);
            cr_expect_float_eq(fall, -0.5 * curvature * half * half, 0.05 * fall, "%s: %g", events[i].name,
                               fall);
            check_bound(events[i].name, &low, fmin(least[0], least[1]), (events[i].share - 1) * fall);
            subject_destroy(&s);
        }
}

/* About q = k = 0 the product form is G(0) + G'(0) q k: all that bends it is the first derivative. */
Test(cell, bound_is_near_the_twist_of_a_product) {
    const double steep = 2.385, height = 1.7, half = 0.01;
    token tokens[2] = {{{steep}, 0.3, {height, 0}}, {{0}, 0, {0}}};
    subject s;
    subject_of_tokens(&s, (head_shape){"product", 2, 0}, 1, 2, tokens, 1e-300);
    hf_lowest low = look(&s, 0, half);
    double center = height / (1 + exp(-0.3)), corner = height / (1 + exp(-0.3 + steep * half * half));
    cr_expect_leq(low.bound, corner);
    cr_expect_geq(low.bound, corner - 0.01 * (center - corner)); /* the value is that of the saddle */
    subject_destroy(&s);
}

/* For gentle scores on a small arc G_1 is all but sign phi, and m has nothing but its kink, where v leaves
 * the wall 0.002 or goes to the wall 0.03, always towards the end where m is least: the bound has all of it.
 */
Test(cell, bound_is_near_the_kinks_of_values) {
    static const double ridges[] = {0, 0.385}, centers[] = {0.004, 0.0002};
    const double half = 0.01;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < 2; i++)
            for (int sign = -1; sign <= 1; sign += 2) {
                token tokens[2] = {{{0, 1e-3}, 0, {0, 1000}}, {{0, -1e-3}, 0, {0, -1000}}};
                subject s;
                subject_of_tokens(&s, (head_shape){"angle", 1, 1}, 1, 2, tokens, ridges[k]);
                s.axes[1].lower = sign > 0 ? 0.002 : -0.03;
                s.axes[1].upper = sign > 0 ? 0.03 : -0.002;
                double theta[2] = {sign * (centers[i] - half)}, least = least_at(&s, theta);
                hf_lowest low = look(&s, sign * centers[i], half);
                check_bound("kink", &low, least, 1e-7);
                subject_destroy(&s);
            }
}

/* With one token an event all of m is the ridge in alpha and G_0: the bound is exact. */
Test(cell, bound_is_exact_for_a_ridge) {
    token only = {{1.3}, 0.2, {-0.6, 0}};
    subject s;
    subject_of_tokens(&s, (head_shape){"affine", 1, 0}, 1, 1, &only, 0.385);
    hf_lowest beside = look(&s, 0.6, 0.4), about = look(&s, 0.1, 0.4);
    check_bound("beside", &beside, -0.6 + 0.5 * 0.385 * 0.04, 1e-15);
    check_bound("about", &about, -0.6, 1e-15);
    subject_destroy(&s);
}

/* A step of G_0 by `height` along an axis, 1/steep wide. */
static void step(token *tokens, size_t axis, double height, double steep, double at) {
    tokens[0] = (token){.offset = -steep * at, .b = {height, 0}};
    tokens[0].slope[axis] = steep;
    tokens[1] = (token){0};
}

/* A needle of width 1e-3 beside a broad and shallower well, in one and two coordinates, inside and at walls:
 * no lattice finds it. Its bottom is at its centre, by symmetry, as far as the other has no tail there. */
Test(lowest, of_a_needle) {
    static const double places[] = {1.2345, -0.789, -2.3, 1.9};
    const double steep = 8000, width = 0.0005;
    for (size_t n = 1; n <= 2; n++)
        for (size_t i = 0; i < 4; i++) {
            token tokens[16];
            for (size_t k = 0; k < n; k++) {
                double at = places[(i + k) % 4];
                step(tokens + 8 * k, k, -2.385, steep, at - width);
                step(tokens + 8 * k + 2, k, 2.385, steep, at + width);
                step(tokens + 8 * k + 4, k, -1.7, 60, 0.1);
                step(tokens + 8 * k + 6, k, 1.7, 60, 0.4);
            }
            /* where the steps of an axis end above it */
            double expected = -2.385 * (double)n * tanh(steep * width / 2);
            subject s;
            subject_of_tokens(&s, (head_shape){"affine", n, 0}, 4 * n, 2, tokens, 0);
            hf_lowest low = lowest(&s, 1e-11);
            cr_expect_float_eq(low.value, expected, 1e-11, "%.15g, %.15g", low.value, expected);
            cr_expect_float_eq(low.bound, expected, 2.1e-11, "%.15g, %.15g", low.bound, expected);
            for (size_t k = 0; k < n; k++)
                cr_expect_float_eq(low.theta[k], places[(i + k) % 4], 1e-8);
            subject_destroy(&s);
        }
}

/* The case `ridge` has no attention coordinate: -G^2/(2 lambda) at -G/lambda, or what the nearer wall gives.
 */
Test(lowest, is_explicit_over_values) {
    toy t = toy_find("ridge");
    hf_problem *problem = toy_create(&t);
    subject s = {0};
    subject_set(&s, hf_problem_model(problem), initial_residual(problem));
    memcpy(s.axes, t.input.axes, sizeof s.axes);
    double zero = 0, gradient;
    hf_model_potential(s.model, s.projection, &zero, &gradient, NULL);
    hf_lowest low = lowest(&s, 0);
    cr_expect_eq(low.boxes, 1);
    cr_expect_float_eq(low.theta[0], -gradient / 0.25, 1e-14);
    cr_expect_float_eq(low.value, -gradient * gradient / 0.5, 1e-15);
    cr_expect_lt(low.bound, low.value); /* by rounding */
    cr_expect_float_eq(low.bound, low.value, 4e-15);
    s.axes[0].upper = 0.7; /* the minimiser is beyond */
    low = lowest(&s, 0);
    cr_expect_eq(low.theta[0], 0.7);
    cr_expect_float_eq(low.value, 0.7 * gradient + 0.125 * 0.49, 1e-15);
    subject_destroy(&s);
    hf_problem_destroy(&problem);
}

/* Scores whose squares are no numbers: the search ends, and what it says is true. */
Test(lowest, of_scores_of_any_size) {
    gsl_rng *random = make_random(40);
    for (size_t i = 0; i < head_shape_count; i++) {
        subject s;
        subject_create(&s, random, head_shapes[i], 0.385, 1e160);
        if (s.n <= 1) {
            double least = scan(&s, random, 101);
            hf_grid *grid;
            hf_lowest low;
            cr_assert_eq(hf_grid_create(NULL, s.dim, s.axes, &grid), HF_OK);
            cr_assert_eq(hf_model_lowest(NULL, s.model, grid, s.residual, 1e-6, &low), HF_OK);
            cr_expect_eq(low.value, potential(&s, low.theta));
            cr_expect(low.bound <= least && low.bound <= low.value, "%s: %g, %g", head_shapes[i].form,
                      low.bound, least);
            hf_grid_destroy(&grid);
        }
        subject_destroy(&s);
    }
    gsl_rng_free(random);
}

/* ---- twins --------------------------------------------------------------------------------------------- */

/* Two coordinates with one matrix: Psi depends on their sum, its minimisers are a line, which no number of
 * cells resolves to 1e-12. The bound holds all the same; a twin has the sum as its coordinate. */
Test(lowest, of_a_valley_ends_with_a_valid_bound) {
    gsl_rng *random = make_random(35);
    size_t ended = 0;
    for (size_t k = 0; k < 8; k++) {
        subject line, plane;
        double *matrices, *residual = make_array(EVENTS * CLASSES), doubled[3 * WIDTH * WIDTH];
        hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
        hf_heads heads = make_random_heads(random, "affine", 1, 1, WIDTH, CLASSES, 2, &matrices);
        fill_uniform(random, -0.6, 0.6, EVENTS * CLASSES, residual);
        subject_own(&line, events, &heads, 0, residual);
        memcpy(doubled, heads.attention_basis, WIDTH * WIDTH * sizeof *doubled);
        memcpy(doubled + WIDTH * WIDTH, heads.attention_basis, WIDTH * WIDTH * sizeof *doubled);
        heads.attention_coordinates = heads.attention_basis_count = 2;
        heads.attention_basis = doubled;
        plane = line;
        plane.projection = NULL;
        cr_assert_eq(hf_model_create(NULL, &heads, events, 0, &plane.own), HF_OK);
        subject_set(&plane, plane.own, residual);
        plane.axes[2] = line.axes[1];
        plane.axes[1] = line.axes[0];
        plane.axes[0].name[0] = 'a';
        plane.axes[2].name[0] = 'v';
        line.axes[0].lower *= 2;
        line.axes[0].upper *= 2;
        hf_lowest one = lowest(&line, 1e-12), two = lowest(&plane, 1e-12);
        cr_expect_float_eq(two.value, one.value, 1e-13, "%.17g, %.17g", two.value, one.value);
        cr_expect_leq(two.bound, one.value + 1e-14);
        cr_expect_geq(two.bound, one.value - 1e-4, "%g", one.value - two.bound);
        ended += two.value - two.bound > 1e-12;
        cr_expect_leq(two.boxes, BOXES_MAX);
        hf_model_destroy(&plane.own);
        hf_array_destroy(&plane.projection);
        subject_destroy(&line);
        free(matrices);
    }
    cr_expect_geq(ended, 2, "%zu searches ended before the tolerance", ended);
    gsl_rng_free(random);
}

/* Psi of the product form without ridge depends on q k alone: its minimum is that of an affine twin over the
 * values of q k, wherever the box lies. */
Test(lowest, of_the_product_form_is_that_of_an_affine_twin) {
    static const double boxes[][4] = {{-2.3, 1.9, -1.4, 2.2},
                                      {0.3, 1.9, 0.5, 2.2},
                                      {-2.3, -0.4, 0.5, 1.1},
                                      {-2.3, 1.9, 0.7, 1.2},
                                      {-1.7, 0, -2.2, 0}};
    gsl_rng *random = make_random(36);
    for (size_t k = 0; k < 20; k++)
        for (size_t b = 0; b < sizeof boxes / sizeof boxes[0]; b++) {
            subject product, affine;
            double *matrices, *residual = make_array(EVENTS * CLASSES), low_phi = INFINITY,
                              high_phi = -INFINITY;
            hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
            hf_heads heads = make_random_heads(random, "product", 2, k % 3, WIDTH, CLASSES, 1.5, &matrices);
            fill_uniform(random, -0.6, 0.6, EVENTS * CLASSES, residual);
            subject_own(&product, events, &heads, 0, residual);
            for (size_t i = 0; i < 4; i++) {
                (i % 2 ? &product.axes[i / 2].upper : &product.axes[i / 2].lower)[0] = boxes[b][i];
                double corner = boxes[b][i % 2] * boxes[b][2 + i / 2];
                low_phi = fmin(low_phi, corner);
                high_phi = fmax(high_phi, corner);
            }
            heads.form = hf_attention_form_find("affine");
            heads.attention_coordinates = 1;
            affine = product;
            cr_assert_eq(hf_model_create(NULL, &heads, events, 0, &affine.own), HF_OK);
            subject_set(&affine, affine.own, residual);
            memmove(affine.axes + 1, product.axes + 2, 2 * sizeof *affine.axes);
            affine.axes[0].lower = low_phi;
            affine.axes[0].upper = high_phi;
            hf_lowest two = lowest(&product, 1e-12), one = lowest(&affine, 1e-12);
            cr_expect_float_eq(two.value, one.value, 1e-14);
            cr_expect_leq(two.value - two.bound, 1.001e-12);
            cr_expect_float_eq(two.theta[0] * two.theta[1], one.theta[0], 1e-14);
            hf_model_destroy(&affine.own);
            hf_array_destroy(&affine.projection);
            subject_destroy(&product);
            free(matrices);
        }
    gsl_rng_free(random);
}

/* B_1 and B_2 turned by an angle turn the potential on its circle: the same minimum, also across the seam. */
Test(lowest, does_not_change_when_a_circle_turns) {
    gsl_rng *random = make_random(37);
    for (size_t k = 0; k < 40; k++) {
        subject s, turned;
        double *matrices, *residual = make_array(EVENTS * CLASSES), basis[2 * WIDTH * WIDTH];
        hf_events *events = make_random_events(random, WIDTH, CLASSES, EVENTS);
        hf_heads heads = make_random_heads(random, "angle", 1, k % 4, WIDTH, CLASSES, 2, &matrices);
        fill_uniform(random, -0.6, 0.6, EVENTS * CLASSES, residual);
        subject_own(&s, events, &heads, k % 2 ? 0.385 : 0, residual);
        s.axes[0].lower = -M_PI;
        s.axes[0].upper = M_PI;
        s.axes[0].periodic = true;
        hf_lowest low = lowest(&s, 1e-12);
        double angle = k < 20 ? uniform(random, -M_PI, M_PI) : M_PI - low.theta[0]; /* to the seam */
        for (size_t i = 0; i < WIDTH * WIDTH; i++) {
            const double *first = heads.attention_basis, *second = first + WIDTH * WIDTH;
            basis[i] = cos(angle) * first[i] - sin(angle) * second[i];
            basis[WIDTH * WIDTH + i] = sin(angle) * first[i] + cos(angle) * second[i];
        }
        heads.attention_basis = basis;
        turned = s;
        cr_assert_eq(hf_model_create(NULL, &heads, events, hf_model_ridge(s.model), &turned.own), HF_OK);
        subject_set(&turned, turned.own, residual);
        hf_lowest other = lowest(&turned, 1e-12);
        cr_expect_float_eq(other.value, low.value, 1.1e-12);
        cr_expect_float_eq(cos(other.theta[0] - low.theta[0] - angle), 1, 1e-9);
        cr_expect_leq(other.value - other.bound, 1.001e-12);
        hf_model_destroy(&turned.own);
        hf_array_destroy(&turned.projection);
        subject_destroy(&s);
        free(matrices);
    }
    gsl_rng_free(random);
}

/* ---- what a form says of itself ------------------------------------------------------------------------ */

/* Largest |derivatives| of the features at points of boxes: never above the bounds, and all but at them. */
Test(form, bounds_are_the_largest_derivatives) {
    static const head_shape shapes[] = {
        {"affine", 3, 0}, {"affine", 1, 0}, {"product", 2, 0}, {"angle", 1, 0}};
    enum { POINTS = 2001, ENTRIES = 3 + 9 };
    gsl_rng *random = make_random(38);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t k = 0; k < 50; k++) {
            const hf_attention_form *form = hf_attention_form_find(shapes[i].form);
            size_t n = shapes[i].alphas, K = basis_count(shapes[i]);
            double lower[3], upper[3], first[9], second[27], most_first[9] = {0}, most_second[27] = {0};
            for (size_t a = 0; a < n; a++) {
                double x = uniform(random, -M_PI, M_PI),
                       y = k < 10 ? uniform(random, -M_PI, M_PI) : x + 0.385;
                lower[a] = fmin(x, y);
                upper[a] = fmax(x, y);
            }
            form->bounds(n, lower, upper, first, second);
            for (size_t p = 0; p < POINTS; p++) {
                double alpha[3], phi[3], dphi[9], d2phi[27];
                for (size_t a = 0; a < n; a++)
                    alpha[a] = lower[a] + (upper[a] - lower[a]) * (double)p / (POINTS - 1);
                if (p % 2 && n == 2)
                    alpha[1] = lower[1] + upper[1] - alpha[1];
                form->features(n, alpha, phi, dphi, d2phi);
                for (size_t j = 0; j < K * n; j++)
                    most_first[j] = fmax(most_first[j], fabs(dphi[j]));
                for (size_t j = 0; j < K * n * n; j++)
                    most_second[j] = fmax(most_second[j], fabs(d2phi[j]));
            }
            for (size_t j = 0; j < K * n; j++)
                cr_expect(first[j] >= most_first[j] - 1e-14 && first[j] <= most_first[j] + 1e-5, "%s: %g, %g",
                          shapes[i].form, first[j], most_first[j]);
            for (size_t j = 0; j < K * n * n; j++)
                cr_expect(second[j] >= most_second[j] - 1e-14 && second[j] <= most_second[j] + 1e-5,
                          "%s: %g, %g", shapes[i].form, second[j], most_second[j]);
        }
    gsl_rng_free(random);
}

/* Products of random factors fill the image, and every number of the image has factors in the box, of equal
 * size where the box allows. */
Test(form, product_has_an_image_and_preimages) {
    const hf_attention_form *form = hf_attention_form_find("product");
    gsl_rng *random = make_random(39);
    for (size_t k = 0; k < 1000; k++) {
        double lower[2], upper[2], low, high, alpha[2];
        for (size_t a = 0; a < 2; a++) {
            lower[a] = k % 7 == a ? 0 : uniform(random, -2.385, 1);
            upper[a] = k % 11 == a && lower[a] < 0 ? 0 : lower[a] + uniform(random, 0.1, 2);
        }
        form->image(lower, upper, &low, &high);
        cr_assert_lt(low, high);
        for (size_t p = 0; p <= 50; p++) {
            double phi = p < 50 ? uniform(random, low, high) : low <= 0 && high >= 0 ? 0 : low;
            phi = p == 0 ? high : p == 1 ? low : phi;
            form->preimage(lower, upper, &phi, alpha);
            cr_expect_float_eq(alpha[0] * alpha[1], phi, 1e-15 * (1 + fabs(phi)), "%g", phi);
            for (size_t a = 0; a < 2; a++) {
                cr_expect(alpha[a] >= lower[a] && alpha[a] <= upper[a]);
                alpha[a] = uniform(random, lower[a], upper[a]);
            }
            cr_expect(alpha[0] * alpha[1] >= low && alpha[0] * alpha[1] <= high);
        }
    }
    double balanced[2], phi = -1.69;
    form->preimage((double[]){-2, -2}, (double[]){2, 2}, &phi, balanced);
    cr_expect_float_eq(balanced[0], 1.3, 1e-15);
    cr_expect_float_eq(balanced[1], -1.3, 1e-15);
    gsl_rng_free(random);
}
