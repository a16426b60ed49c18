/* Stationary measures against closed forms, differences of gradients, the flow of a few heads, and scans; the
 * groups of densities whose groups are known. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/flowmap.h>
#include <headflow/stationary.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ATOMS_MAX = 8 };

static hf_atoms make_atoms(size_t count, size_t dim, const double *theta, const double *mass) {
    hf_atoms atoms;
    cr_assert_eq(hf_atoms_allocate(NULL, count, dim, &atoms), HF_OK);
    memcpy(atoms.theta, theta, count * dim * sizeof *theta);
    memcpy(atoms.mass, mass, count * sizeof *mass);
    return atoms;
}

static hf_stationary linearise(const hf_problem *problem, size_t count, const double *theta,
                               const double *mass) {
    hf_stationary s;
    hf_error error = {0};
    hf_atoms atoms = make_atoms(count, hf_grid_dim(hf_problem_grid(problem)), theta, mass);
    cr_assert_eq(hf_stationary_linearise(&error, problem, &atoms, &s), HF_OK, "%s", error.message);
    hf_atoms_clear(&atoms);
    return s;
}

/* Stationary Diracs; `expected` of them. */
static hf_stationary *find_diracs(const hf_problem *problem, size_t starts, size_t expected, bool *more) {
    size_t tried, count;
    hf_error error = {0};
    hf_stationary *found;
    cr_assert_eq(hf_stationary_diracs(&error, problem, starts, &tried, more, &count, &found), HF_OK, "%s",
                 error.message);
    cr_assert_eq(count, expected, "%zu, not %zu", count, expected);
    cr_expect_leq(tried, 512);
    if (starts > 0)
        cr_expect_eq(tried, starts);
    return found;
}

static void clear_diracs(size_t count, hf_stationary *found) {
    for (size_t i = 0; i < count; i++)
        hf_stationary_clear(&found[i]);
    free(found);
}

/* grad Psi_mu at points, with the residual by its definition. gradient: shape (points, D) */
static void gradients(const hf_problem *problem, size_t count, const double *theta, const double *mass,
                      size_t points, const double *at, double *gradient) {
    const hf_model *model = hf_problem_model(problem);
    const hf_events *events = hf_problem_events(problem);
    size_t classes = hf_events_classes(events), dim = hf_grid_dim(hf_problem_grid(problem));
    double *r = make_array(hf_events_count(events) * classes);
    double *projection = make_array(hf_model_projection_size(model));
    hf_model_atoms_logits(model, count, theta, mass, r);
    for (size_t e = 0; e < hf_events_count(events); e++) {
        double sum = 0;
        for (size_t c = 0; c < classes; c++)
            sum += exp(r[e * classes + c]);
        for (size_t c = 0; c < classes; c++)
            r[e * classes + c] = exp(r[e * classes + c]) / sum - hf_events_label(events, e)[c];
    }
    hf_model_project_residual(model, r, projection);
    for (size_t k = 0; k < points; k++)
        hf_model_potential(model, projection, at + k * dim, gradient + k * dim, NULL);
    hf_array_destroy(&r);
    hf_array_destroy(&projection);
}

/* ---- known measures ------------------------------------------------------------------------------ */

Test(stationary, stabilities_have_names) {
    cr_expect_str_eq(hf_stability_names[HF_STABLE], "stable");
    cr_expect_str_eq(hf_stability_names[HF_UNSTABLE], "unstable");
    cr_expect_str_eq(hf_stability_names[HF_DEGENERATE], "degenerate");
}

Test(diracs, stable_has_one) {
    toy t = toy_find("stable");
    hf_problem *problem = toy_create(&t);
    bool more;
    hf_stationary *s = find_diracs(problem, 0, 1, &more);
    cr_expect_not(more);
    cr_expect_float_eq(s->atoms.theta[0], 0.1600112675, 1e-10);
    cr_expect_float_eq(s->atoms.theta[1], 0.4874980273, 1e-10);
    cr_expect_eq(s->atoms.mass[0], 1);
    cr_expect_float_eq(s->risk, 0.660606184578, 1e-12);
    cr_expect_float_eq(s->spread[0], 0.18453299, 5e-9);
    cr_expect_float_eq(s->spread[1], 0.35285204, 5e-9);
    cr_expect_float_eq(s->rate[0], 0.21361116, 5e-9);
    cr_expect_float_eq(s->rate[1], 0.38528535, 5e-9);
    cr_expect_eq(s->monotonicity, s->spread[0]);
    cr_expect_eq(s->stability, HF_STABLE);
    cr_expect_not(s->value_degenerate);
    cr_expect(s->inside);
    cr_expect_leq(s->residual, 1e-12);
    cr_expect(s->gap >= 0 && s->gap < 2e-10, "%g", s->gap); /* it is the minimiser */
    clear_diracs(1, s);
    hf_problem_destroy(&problem);
}

/* At theta = 0 all contexts are means of opposite values, 0: B = 0, and A has lambda on the diagonal and
 * -4/15 off it. */
static void check_at_zero(const char *name, double ridge, hf_stability stability) {
    toy t = toy_find(name);
    hf_problem *problem = toy_create(&t);
    hf_stationary s = linearise(problem, 1, (const double[]){0, 0}, (const double[]){1});
    cr_expect_eq(s.residual, 0);
    cr_expect_float_eq(s.risk, log(2), 1e-15);
    cr_expect_float_eq(s.A[0], ridge, 1e-14);
    cr_expect_float_eq(s.A[1], -4. / 15, 1e-14);
    cr_expect_float_eq(s.A[2], -4. / 15, 1e-14);
    cr_expect_float_eq(s.A[3], ridge, 1e-14);
    for (int i = 0; i < 2; i++) {
        double value = ridge + (i == 0 ? -4. / 15 : 4. / 15), *axis = s.spread_axis + 2 * i;
        cr_expect_float_eq(s.spread[i], value, 1e-14);
        cr_expect_float_eq(s.rate[i], value, 1e-14);
        cr_expect_float_eq(axis[0], sqrt(0.5), 1e-14);
        cr_expect_float_eq(axis[1], i == 0 ? sqrt(0.5) : -sqrt(0.5), 1e-14);
    }
    cr_expect_leq(largest(4, s.B), 1e-16);
    cr_expect_eq(s.stability, stability);
    hf_stationary_clear(&s);
    hf_problem_destroy(&problem);
}

Test(stationary, rates_at_zero_are_closed_forms) {
    check_at_zero("contract", 0.4, HF_STABLE);
    check_at_zero("saddle", 0.1, HF_UNSTABLE);
}

/* One event, one token 1, h = (v, -v)/2, label (0.8, 0.2): p = 1/(1 + exp(-v)), Psi' = p - 0.8 + lambda v. */
static hf_problem *make_single(double ridge) {
    static const double zero[1], value[] = {0.5, -0.5}, base[2];
    hf_component component = {.weight = 1, .profile = {{HF_PROFILE_UNIFORM, -1, 2}}};
    hf_problem_input input = {.name = "single",
                              .heads = {.form = hf_attention_form_find("affine"),
                                        .value_coordinates = 1,
                                        .attention_base = zero,
                                        .value_base = base,
                                        .value_basis = value},
                              .ridge = ridge,
                              .dim = 1,
                              .axes = {{"v", -3, 4, 100, false}},
                              .component_count = 1,
                              .components = &component,
                              .end = 1};
    hf_problem *problem;
    cr_assert_eq(hf_events_create(NULL, 1, 2, &input.events), HF_OK);
    cr_assert_eq(hf_events_add(NULL, input.events, 1, (const double[]){1}, (const double[]){0.8, 0.2}, 1),
                 HF_OK);
    cr_assert_eq(hf_problem_create(NULL, &input, &problem), HF_OK);
    return problem;
}

/* Without ridge Psi = 0: A = 0 and B = p(1 - p), and any measure of the same mean is as good. */
Test(stationary, is_degenerate_without_ridge) {
    bool more;
    hf_error error = {0};
    hf_problem *problem = make_single(0);
    hf_stationary *s = find_diracs(problem, 0, 1, &more), family;
    cr_expect_not(more);
    cr_expect_float_eq(s->atoms.theta[0], log(4), 1e-11);
    cr_expect_float_eq(s->A[0], 0, 1e-16);
    cr_expect_float_eq(s->B[0], 0.16, 1e-12);
    cr_expect_float_eq(s->rate[0], 0.16, 1e-12);
    cr_expect_eq(s->stability, HF_DEGENERATE);
    cr_expect(s->value_degenerate);
    clear_diracs(1, s);
    hf_atoms two = make_atoms(2, 1, (const double[]){1.3, 1.5}, (const double[]){0.3, 0.7});
    cr_expect_eq(hf_stationary_polish(&error, problem, &two, &family), HF_ERR_NUMERIC);
    cr_expect_not_null(strstr(error.message, "family"), "%s", error.message);
    cr_expect_null(strchr(error.message, '\n'));
    cr_expect_null(family.A);
    hf_atoms_clear(&two);
    hf_problem_destroy(&problem);
}

/* The same with ridge: A = lambda, B = p(1 - p); outside of the box it is not found. */
Test(diracs, are_those_in_the_box) {
    bool more;
    hf_problem *problem = make_single(0.05);
    hf_stationary *s = find_diracs(problem, 24, 1, &more);
    double v = s->atoms.theta[0], p = 1 / (1 + exp(-v));
    cr_expect_float_eq(p - 0.8 + 0.05 * v, 0, 1e-12);
    cr_expect_float_eq(s->spread[0], 0.05, 1e-14);
    cr_expect_float_eq(s->rate[0], 0.05 + p * (1 - p), 1e-12);
    cr_expect_eq(s->stability, HF_STABLE);
    cr_expect_not(s->value_degenerate);
    hf_problem_destroy(&problem);
    hf_stationary far = *s;
    free(s);
    toy t = toy_find("stable"); /* theta* = (0.16, 0.487), beyond this box */
    t.input.axes[1].upper = 0.45;
    t.component.profile[1] = (hf_profile){HF_PROFILE_BUMP, -0.3, 0.6};
    problem = toy_create(&t);
    free(find_diracs(problem, 0, 0, &more));
    hf_stationary outside =
        linearise(problem, 1, (const double[]){0.1600112675, 0.4874980273}, (const double[]){1});
    cr_expect_not(outside.inside);
    cr_expect_leq(outside.residual, 1e-10);
    hf_stationary_clear(&outside);
    hf_stationary_clear(&far);
    hf_problem_destroy(&problem);
}

/* The best of one head, and the three of saddle. */
Test(diracs, of_named_cases) {
    bool more;
    toy t = toy_find("specialise");
    hf_problem *problem = toy_create(&t);
    hf_stationary *s = find_diracs(problem, 0, 1, &more);
    cr_expect_float_eq(s->risk, 0.47082229, 5e-9);
    cr_expect_gt(s->gap, 0.1);
    cr_expect_eq(s->stability, HF_UNSTABLE);
    cr_expect_gt(s->rate[0], 0); /* as one head it is stable: it falls apart */
    clear_diracs(1, s);
    hf_problem_destroy(&problem);
    t = toy_find("saddle");
    problem = toy_create(&t);
    s = find_diracs(problem, 100, 3, &more);
    cr_expect(s[0].risk < s[1].risk && s[1].risk < s[2].risk);
    cr_expect_leq(s[0].gap, 2e-10);
    cr_expect_float_eq(s[2].risk, log(2), 1e-14);
    clear_diracs(3, s);
    hf_problem_destroy(&problem);
}

Test(diracs, want_no_temperature) {
    toy t = toy_find("gibbs");
    hf_problem *problem = toy_create(&t);
    hf_error error = {0};
    size_t tried, count;
    bool more;
    hf_stationary *found;
    cr_expect_eq(hf_stationary_diracs(&error, problem, 0, &tried, &more, &count, &found), HF_ERR_INPUT);
    cr_expect_null(found);
    cr_expect_eq(count, 0);
    cr_expect_not_null(strstr(error.message, "0.05"), "%s", error.message);
    hf_problem_destroy(&problem);
}

/* ---- the search ---------------------------------------------------------------------------------- */

/* In one dimension: as many as grad R(delta_theta) changes its sign, where it does. */
Test(diracs, are_all_sign_changes) {
    enum { POINTS = 4001 };
    size_t all = 0;
    for (unsigned long seed = 1; seed <= 12; seed++) {
        gsl_rng *random = make_random(seed);
        trial t = {.form = seed % 2 == 0 ? "affine" : "angle", .alphas = 1, .ridge = 0.01};
        trial_create(&t, random);
        const hf_axis *axis = hf_grid_axis(hf_problem_grid(t.problem), 0);
        double before = 0, root[ATOMS_MAX];
        size_t count = 0;
        bool more;
        for (int i = 0; i < POINTS; i++) {
            double x = axis->lower + (axis->upper - axis->lower) * i / (POINTS - 1), slope;
            gradients(t.problem, 1, &x, (const double[]){1}, 1, &x, &slope);
            if (i > 0 && (slope > 0) != (before > 0))
                root[count++] = x;
            before = slope;
        }
        hf_stationary *s = find_diracs(t.problem, 0, count, &more);
        for (size_t i = 0; i < count; i++) {
            double nearest = INFINITY;
            for (size_t j = 0; j < count; j++)
                nearest = fmin(nearest, fabs(root[j] - s[i].atoms.theta[0]));
            cr_expect_leq(nearest, (axis->upper - axis->lower) / (POINTS - 1));
            cr_expect(i == 0 || s[i].risk >= s[i - 1].risk);
        }
        cr_expect_not(more);
        all += count;
        clear_diracs(count, s);
        trial_destroy(&t);
        gsl_rng_free(random);
    }
    cr_expect_gt(all, 15, "%zu", all);
}

/* Without ridge the head (q, k) depends on q k alone: a critical q k other than 0 is a curve of them, and (0,
 * 0) is one more, at which q k has no slope. */
Test(diracs, on_a_curve_count_as_one) {
    gsl_rng *random = make_random(24);
    trial t = {.form = "product", .alphas = 2};
    trial_create(&t, random);
    size_t tried, count, singular = 0;
    bool more;
    hf_stationary *s;
    cr_assert_eq(hf_stationary_diracs(NULL, t.problem, 0, &tried, &more, &count, &s), HF_OK);
    for (size_t i = 0; i < count; i++) {
        double q = s[i].atoms.theta[0], k = s[i].atoms.theta[1];
        if (fabs(q) + fabs(k) < 1e-9)
            continue;
        singular++;
        double along[] = {q * 1.01, k / 1.01}, slope[2];
        gradients(t.problem, 1, along, (const double[]){1}, 1, along, slope);
        cr_expect_leq(largest(2, slope), 1e-11);
        for (size_t j = 0; j < i; j++)
            cr_expect_gt(fabs(q * k - s[j].atoms.theta[0] * s[j].atoms.theta[1]), 1e-6);
    }
    cr_expect(more);
    cr_expect_eq(singular, 2, "%zu", singular);
    cr_expect_eq(count, 3, "%zu", count);
    clear_diracs(count, s);
    trial_destroy(&t);
    gsl_rng_free(random);
}

/* ---- the linearised flow ------------------------------------------------------------------------- */

static const double masses[3] = {0.2385, 0.61, 0.1515};

/* Random atoms, at rest or not: A from gradients at a fixed measure, A + a_k B from moving one atom, and the
 * motion of all from moving all: w^T M = rate w^T for the rows w of rate_axis. */
static void check_differences(const head_shape *shape, double ridge) {
    enum { COUNT = 3, SIZE = COUNT * HF_DIM_MAX };
    gsl_rng *random = make_random(17);
    trial t = {.form = shape->form, .alphas = shape->alphas, .values = shape->values, .ridge = ridge};
    trial_create(&t, random);
    size_t D = shape->alphas + shape->values, size = COUNT * D;
    double theta[SIZE], M[SIZE][SIZE];
    fill_uniform(random, -0.9, 0.8, size, theta);
    hf_stationary s = linearise(t.problem, COUNT, theta, masses);
    for (size_t i = 0; i < size; i++) {
        double moved[2][SIZE], g[2][SIZE], fixed[2][SIZE], step = 1e-5;
        for (int side = 0; side < 2; side++) {
            memcpy(moved[side], theta, sizeof theta);
            moved[side][i] += side == 0 ? -step : step;
            gradients(t.problem, COUNT, moved[side], masses, COUNT, moved[side], g[side]);
            gradients(t.problem, COUNT, theta, masses, COUNT, moved[side], fixed[side]);
        }
        for (size_t j = 0; j < size; j++)
            M[j][i] = (g[1][j] - g[0][j]) / (2 * step);
        for (size_t b = 0, k = i / D; b < D; b++) {
            double A = (fixed[1][k * D + b] - fixed[0][k * D + b]) / (2 * step);
            size_t entry = (k * D + b) * D + i % D;
            cr_expect_float_eq(s.A[entry], A, 1e-8);
            cr_expect_float_eq(s.A[entry] + masses[k] * s.B[entry], M[k * D + b][i], 1e-8);
        }
    }
    for (size_t r = 0; r < size; r++) {
        const double *w = s.rate_axis + r * size;
        double norm = 0;
        cr_expect(r == 0 || s.rate[r] >= s.rate[r - 1]);
        for (size_t i = 0; i < size; i++) {
            double sum = 0;
            for (size_t j = 0; j < size; j++)
                sum += w[j] * M[j][i];
            cr_expect_float_eq(sum, s.rate[r] * w[i], 1e-8, "%s %zu %zu: %g, not %g", shape->form,
                               shape->alphas, shape->values, sum, s.rate[r] * w[i]);
            norm += w[i] * w[i] / masses[i / D];
        }
        cr_expect_float_eq(norm, 1, 1e-12);
    }
    for (size_t k = 0; k < COUNT; k++) /* spread and its axes */
        for (size_t r = 0; r < D; r++)
            for (size_t a = 0; a < D; a++) {
                const double *axis = s.spread_axis + (k * D + r) * D;
                double sum = 0;
                for (size_t b = 0; b < D; b++)
                    sum += s.A[(k * D + a) * D + b] * axis[b];
                cr_expect_float_eq(sum, s.spread[k * D + r] * axis[a], 1e-13);
            }
    hf_stationary_clear(&s);
    trial_destroy(&t);
    gsl_rng_free(random);
}

Test(stationary, linearisation_is_that_of_the_gradients) {
    for (size_t i = 0; i < head_shape_count; i++)
        check_differences(&head_shapes[i], i % 2 == 0 ? 0.2385 : 0);
}

/* risk, residual and gap by their definitions, with the potential on a lattice: the bound is below, the gap
 * little more than the lattice shows. */
Test(stationary, gap_is_above_a_scan) {
    enum { POINTS = 201 };
    toy t = toy_find("saddle");
    hf_problem *problem = toy_create(&t);
    const double theta[] = {0.2, 0.57, -1.29, -1.74}, mass[] = {0.45, 0.55};
    hf_stationary s = linearise(problem, 2, theta, mass);
    const hf_model *model = hf_problem_model(problem);
    double *residual = make_array(hf_events_count(hf_problem_events(problem)) * 2), slope[4];
    double *projection = make_array(hf_model_projection_size(model)), lowest = INFINITY, mean = 0;
    hf_model_atoms_logits(model, 2, theta, mass, residual);
    double risk = hf_risk_cross_entropy(hf_problem_events(problem), residual, residual);
    hf_model_project_residual(model, residual, projection);
    for (int i = 0; i < POINTS * POINTS; i++) {
        double at[] = {-2.5 + 5. * (i % POINTS) / (POINTS - 1), -2.5 + 5. * (i / POINTS) / (POINTS - 1)};
        lowest = fmin(lowest, hf_model_potential(model, projection, at, NULL, NULL));
    }
    for (int k = 0; k < 2; k++) {
        mean += mass[k] * hf_model_potential(model, projection, theta + 2 * k, slope + 2 * k, NULL);
        risk += 0.05 * mass[k] * (pow(theta[2 * k], 2) + pow(theta[2 * k + 1], 2));
    }
    cr_expect_float_eq(s.risk, risk, 1e-15);
    cr_expect_float_eq(s.residual, fmax(hypot(slope[0], slope[1]), hypot(slope[2], slope[3])), 1e-15);
    cr_expect_float_eq(s.gap, mean - s.lowest, 1e-15);
    cr_expect_leq(s.lowest, lowest);
    cr_expect_geq(s.lowest, lowest - 1e-3); /* half a diagonal of the lattice */
    hf_array_destroy(&residual);
    hf_array_destroy(&projection);
    hf_stationary_clear(&s);
    hf_problem_destroy(&problem);
}

/* ---- rates against the flow of heads ------------------------------------------------------------- */

/* saddle from Diracs. theta: shape (count, 2) */
static hf_flowmap *start_diracs(toy *t, size_t count, const double *theta, const double *mass,
                                hf_problem **problem) {
    hf_component components[ATOMS_MAX] = {0};
    hf_flowmap *map;
    hf_error error = {0};
    for (size_t k = 0; k < count; k++) {
        components[k].weight = mass[k];
        for (size_t d = 0; d < 2; d++)
            components[k].profile[d] = (hf_profile){HF_PROFILE_DIRAC, theta[2 * k + d], 0};
    }
    t->input.flux = hf_flux_find("duality7"); /* for Diracs; the flow map takes no notice of it */
    *problem = toy_create_mixture(t, count, components);
    cr_assert_eq(hf_flowmap_create(&error, *problem, 2, 1e-13, &map), HF_OK, "%s", error.message);
    cr_assert_eq(hf_flowmap_count(map), count);
    return map;
}

/* Two heads that are moved from their stationary measure by 1e-4 in all directions, and a third of next to no
 * mass beside each: projections of the former decay at the rates of the motion, of the latter at those of the
 * spread. */
Test(stationary, rates_are_those_of_heads) {
    const double near[] = {0.49, 0.57, -1.29, -1.74}, mass[] = {0.5, 0.5, 1e-9, 1e-9}, time = 3;
    toy t = toy_find("saddle");
    hf_problem *problem = toy_create(&t);
    hf_atoms atoms = make_atoms(2, 2, near, mass);
    hf_stationary s;
    hf_error error = {0};
    cr_assert_eq(hf_stationary_polish(&error, problem, &atoms, &s), HF_OK, "%s", error.message);
    hf_problem_destroy(&problem);
    double start[8], x[4] = {1e-4, -0.7e-4, 0.4e-4, 0.9e-4};
    for (int i = 0; i < 4; i++) {
        start[i] = s.atoms.theta[i] + x[i];
        start[4 + i] = start[i] + 0.8 * x[3 - i];
    }
    t = toy_find("saddle");
    hf_flowmap *map = start_diracs(&t, 4, start, mass, &problem);
    cr_assert_eq(hf_flowmap_advance(&error, map, time), HF_OK, "%s", error.message);
    const double *end = hf_flowmap_points(map);
    for (int r = 0; r < 4; r++) {
        double before = 0, after = 0, spread[2] = {0};
        for (int i = 0; i < 4; i++) {
            before += s.rate_axis[4 * r + i] * x[i];
            after += s.rate_axis[4 * r + i] * (end[i] - s.atoms.theta[i]);
        }
        cr_expect_float_eq(log(before / after) / time, s.rate[r], 1e-4 * s.rate[3], "%g, not %g",
                           log(before / after) / time, s.rate[r]);
        for (int d = 0; d < 2; d++) {
            int i = r / 2 * 2 + d;
            spread[0] += s.spread_axis[2 * r + d] * (start[4 + i] - start[i]);
            spread[1] += s.spread_axis[2 * r + d] * (end[4 + i] - end[i]);
        }
        cr_expect_float_eq(log(spread[0] / spread[1]) / time, s.spread[r], 3e-3 * s.rate[3], "%g, not %g",
                           log(spread[0] / spread[1]) / time, s.spread[r]);
    }
    cr_expect_eq(s.stability, HF_STABLE);
    hf_flowmap_destroy(&map);
    hf_stationary_clear(&s);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&problem);
}

/* ---- Newton's method ----------------------------------------------------------------------------- */

/* From far away the atoms go where their flow takes them, which plain Newton steps do not. */
Test(polish, ends_where_the_flow_of_the_atoms_ends) {
    const double start[] = {0.32, 0.35, -0.6, -0.64}, mass[] = {0.5, 0.5};
    toy t = toy_find("saddle");
    hf_problem *problem;
    hf_flowmap *map = start_diracs(&t, 2, start, mass, &problem);
    hf_atoms atoms = make_atoms(2, 2, start, mass);
    hf_stationary s;
    hf_error error = {0};
    cr_assert_eq(hf_stationary_polish(&error, problem, &atoms, &s), HF_OK, "%s", error.message);
    cr_assert_eq(hf_flowmap_advance(&error, map, 600), HF_OK);
    cr_expect_leq(largest_difference(4, hf_flowmap_points(map), s.atoms.theta), 1e-9);
    cr_expect_leq(s.residual, 1e-12);
    cr_expect_eq(s.stability, HF_STABLE);
    cr_expect(s.gap > 0.03 && s.gap < 0.033, "%g", s.gap);
    cr_expect_eq(s.atoms.mass[1], 0.5);
    cr_expect_float_eq(atoms.theta[0], 0.32, 0); /* its input is left alone */
    hf_flowmap_destroy(&map);
    hf_stationary_clear(&s);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&problem);
}

/* At an unstable measure it stays: it is stationary as well. */
Test(polish, keeps_to_what_is_near) {
    toy t = toy_find("saddle");
    hf_problem *problem = toy_create(&t);
    hf_atoms atoms = make_atoms(1, 2, (const double[]){0.02, -0.01}, (const double[]){1});
    hf_stationary s;
    cr_assert_eq(hf_stationary_polish(NULL, problem, &atoms, &s), HF_OK);
    cr_expect_leq(largest(2, s.atoms.theta), 1e-11);
    cr_expect_eq(s.stability, HF_UNSTABLE);
    hf_stationary_clear(&s);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&problem);
}

Test(polish, merges_atoms_that_meet) {
    toy t = toy_find("stable");
    hf_problem *problem = toy_create(&t);
    hf_atoms atoms = make_atoms(3, 2, (const double[]){0.1, 0.4, 0.3, 0.55, 0.15, 0.5}, masses);
    hf_stationary s;
    cr_assert_eq(hf_stationary_polish(NULL, problem, &atoms, &s), HF_OK);
    cr_assert_eq(s.atoms.count, 1);
    cr_expect_float_eq(s.atoms.mass[0], 1, 1e-15);
    cr_expect_float_eq(s.atoms.theta[1], 0.4874980273, 1e-10);
    cr_expect_float_eq(s.rate[0], 0.21361116, 5e-9);
    hf_stationary_clear(&s);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&problem);
}

/* Far from any, and where there is none: the minimum of `retrieval` is at infinity. */
Test(polish, refuses_what_is_not_near) {
    hf_error error = {0};
    hf_stationary s;
    toy t = toy_find("stable");
    hf_problem *problem = toy_create(&t);
    hf_atoms atoms = make_atoms(1, 2, (const double[]){1.2, -0.9}, (const double[]){1});
    cr_expect_eq(hf_stationary_polish(&error, problem, &atoms, &s), HF_ERR_NUMERIC);
    cr_expect_not_null(strstr(error.message, "no stationary measure near"), "%s", error.message);
    cr_expect_null(strchr(error.message, '\n'));
    cr_expect_null(s.atoms.theta);
    hf_problem_destroy(&problem);
    t = toy_find("retrieval");
    problem = toy_create(&t);
    cr_expect_eq(hf_stationary_polish(&error, problem, &atoms, &s), HF_ERR_NUMERIC);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&problem);
}

/* ---- groups of densities ------------------------------------------------------------------------- */

static hf_atoms concentrate(const hf_problem *problem, const double *rho, size_t expected, double *spread) {
    hf_atoms atoms;
    hf_error error = {0};
    cr_assert_eq(hf_concentration(&error, problem, rho, &atoms, spread), HF_OK, "%s", error.message);
    cr_assert_eq(atoms.count, expected, "%zu groups, not %zu", atoms.count, expected);
    return atoms;
}

/* A tent of mass m about a cell, on 5 x 5 cells and through the seam of the first axis; along an axis its
 * second moment is sum_i i^2 (3 - |i|)/9 = 12/9 cells squared. */
static void add_tent(const hf_grid *grid, size_t row, size_t column, double mass, double *rho) {
    size_t rows = hf_grid_axis(grid, 0)->cells, columns = hf_grid_axis(grid, 1)->cells;
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++) {
            double weight = (3 - fabs((double)i - 2)) * (3 - fabs((double)j - 2)) / 81;
            rho[(row + rows + i - 2) % rows * columns + column + j - 2] +=
                mass * weight / hf_grid_volume(grid);
        }
}

/* Of a density of tents, one on each atom: with h^2/12 of each cell along both axes. */
static double tent_spread(const hf_grid *grid) {
    return hypot(hf_grid_spacing(grid, 0), hf_grid_spacing(grid, 1)) * sqrt(12. / 9 + 1. / 12);
}

static size_t cell_of(const hf_axis *axis, double x) {
    return (size_t)((x - axis->lower) / (axis->upper - axis->lower) * (double)axis->cells);
}

/* Tents of masses 1 - m and m at the two atoms of a stationary measure of saddle. */
static hf_problem *make_tents(double mass, double centre[4], double **rho) {
    const double at[] = {0.49, 0.57, -1.29, -1.74};
    toy t = toy_find("saddle");
    t.input.axes[0].cells = t.input.axes[1].cells = 100;
    hf_problem *problem = toy_create(&t);
    const hf_grid *grid = hf_problem_grid(problem);
    *rho = make_array(hf_grid_cells(grid));
    for (size_t k = 0; k < 2; k++) {
        size_t cell[2];
        for (size_t d = 0; d < 2; d++) {
            cell[d] = cell_of(hf_grid_axis(grid, d), at[2 * k + d]);
            centre[2 * k + d] = hf_grid_center(grid, d, cell[d]);
        }
        add_tent(grid, cell[0], cell[1], k == 0 ? 1 - mass : mass, *rho);
    }
    return problem;
}

Test(concentration, finds_known_groups) {
    double *rho, spread, centre[4];
    hf_problem *problem = make_tents(0.4, centre, &rho);
    hf_atoms atoms = concentrate(problem, rho, 2, &spread);
    cr_expect_float_eq(atoms.mass[0], 0.6, 1e-14);
    cr_expect_float_eq(atoms.mass[1], 0.4, 1e-14);
    cr_expect_leq(largest_difference(4, atoms.theta, centre), 1e-13);
    cr_expect_float_eq(spread, tent_spread(hf_problem_grid(problem)), 1e-13);
    hf_array_destroy(&rho);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&problem);
}

/* Of point values the cells have no spread of their own; and the mass need not be 1. */
Test(concentration, of_point_values) {
    double *rho, spread, centre[4];
    hf_problem *problem = make_tents(0.4, centre, &rho), *dual;
    const hf_grid *grid = hf_problem_grid(problem);
    hf_refine_options options = {.flux = hf_flux_find("duality7")};
    cr_assert_eq(hf_problem_refine(NULL, problem, &options, &dual), HF_OK);
    hf_atoms atoms = concentrate(dual, rho, 2, &spread);
    cr_expect_float_eq(spread, hf_grid_spacing(grid, 0) * sqrt(24. / 9), 1e-13);
    cr_expect_float_eq(atoms.mass[1], 0.4, 1e-14);
    hf_array_destroy(&rho);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&dual);
    hf_problem_destroy(&problem);
}

/* A thousandth of the mass is a fringe of the nearest group. */
Test(concentration, leaves_out_fringes) {
    double *rho, spread, centre[4];
    for (int i = 0; i < 2; i++) {
        double mass = i == 0 ? 9e-4 : 1.1e-3;
        hf_problem *problem = make_tents(mass, centre, &rho);
        hf_atoms atoms = concentrate(problem, rho, i == 0 ? 1 : 2, &spread);
        if (i == 0) {
            double apart = hypot(centre[2] - centre[0], centre[3] - centre[1]);
            double tent = tent_spread(hf_problem_grid(problem));
            cr_expect_float_eq(atoms.theta[1], (1 - mass) * centre[1] + mass * centre[3], 1e-13);
            cr_expect_float_eq(spread, sqrt(tent * tent + mass * (1 - mass) * apart * apart), 1e-13);
        }
        cr_expect_float_eq(atoms.mass[i], i == 0 ? 1 : mass, 1e-13);
        hf_array_destroy(&rho);
        hf_atoms_clear(&atoms);
        hf_problem_destroy(&problem);
    }
}

/* A tent on the saddle point 0 lies in two basins, and is one group all the same; wide apart it is two. */
Test(concentration, does_not_split_what_is_close) {
    toy t = toy_find("saddle");
    hf_problem *problem = toy_create(&t);
    const hf_grid *grid = hf_problem_grid(problem);
    double *rho = make_array(hf_grid_cells(grid)), spread, h = hf_grid_spacing(grid, 0);
    add_tent(grid, 16, 16, 1, rho); /* of 32 cells: about (h/2, h/2) */
    hf_atoms atoms = concentrate(problem, rho, 1, &spread);
    cr_expect_float_eq(atoms.theta[0], h / 2, 1e-14);
    cr_expect_float_eq(atoms.theta[1], h / 2, 1e-14);
    hf_atoms_clear(&atoms);
    memset(rho, 0, hf_grid_cells(grid) * sizeof *rho);
    add_tent(grid, 13, 13, 0.5, rho);
    add_tent(grid, 18, 18, 0.5, rho);
    atoms = concentrate(problem, rho, 2, &spread);
    hf_atoms_clear(&atoms);
    hf_array_destroy(&rho);
    hf_problem_destroy(&problem);
}

/* Heads of an angle turned by s see B(phi + s): then the groups are where they were, less s. On their way
 * about the circle both are cut by the seam, one of them into two tents. */
Test(concentration, goes_through_the_seam_of_an_angle) {
    enum { CELLS = 48 };
    for (size_t turn = 0; turn < CELLS; turn += 5) {
        toy t = toy_find("angle");
        double basis[18], spread, s = 2 * M_PI * (double)turn / CELLS;
        for (int i = 0; i < 9; i++) {
            double first = t.input.heads.attention_basis[i], second = t.input.heads.attention_basis[9 + i];
            basis[i] = cos(s) * first + sin(s) * second;
            basis[9 + i] = cos(s) * second - sin(s) * first;
        }
        t.input.heads.attention_basis = basis;
        t.input.ridge = 0.05;
        t.input.axes[0].cells = t.input.axes[1].cells = CELLS;
        hf_problem *problem = toy_create(&t);
        const hf_grid *grid = hf_problem_grid(problem);
        double *rho = make_array(hf_grid_cells(grid));
        size_t first = (21 + CELLS - turn) % CELLS, second = (30 + CELLS - turn) % CELLS;
        add_tent(grid, first + 4, 15, 0.3, rho);
        add_tent(grid, first + CELLS - 4, 15, 0.3, rho);
        add_tent(grid, second, 45, 0.4, rho);
        hf_atoms atoms = concentrate(problem, rho, 2, &spread);
        double away[] = {atoms.theta[0] - hf_grid_center(grid, 0, first),
                         atoms.theta[2] - hf_grid_center(grid, 0, second)};
        cr_expect_float_eq(remainder(away[0], 2 * M_PI), 0, 1e-13, "%zu: %g", turn, away[0]);
        cr_expect_float_eq(remainder(away[1], 2 * M_PI), 0, 1e-13, "%zu: %g", turn, away[1]);
        cr_expect_float_eq(atoms.theta[1], hf_grid_center(grid, 1, 15), 1e-13);
        cr_expect_float_eq(atoms.mass[0], 0.6, 1e-14);
        cr_expect_float_eq(spread, hypot(tent_spread(grid), sqrt(0.6) * 4 * 2 * M_PI / CELLS), 1e-13);
        hf_array_destroy(&rho);
        hf_atoms_clear(&atoms);
        hf_problem_destroy(&problem);
    }
}

/* Runs of named cases on few cells. */
static hf_stationary run_to_rest(const char *name, const char *flux, size_t groups, double *spread) {
    toy t = toy_find(name);
    t.input.flux = hf_flux_find(flux);
    t.input.axes[0].cells = t.input.axes[1].cells = 64;
    t.input.rtol = 1e-6;
    hf_problem *problem = toy_create(&t);
    double *rho = make_array(hf_grid_cells(hf_problem_grid(problem)));
    hf_flow *flow;
    hf_stationary s;
    hf_error error = {0};
    cr_assert_eq(hf_flow_create(&error, problem, &flow), HF_OK);
    cr_assert_eq(hf_flow_integrate(&error, flow, NULL, rho, NULL), HF_OK, "%s", error.message);
    cr_assert_eq(hf_grid_make_positive(&error, hf_problem_grid(problem), rho), HF_OK);
    hf_atoms atoms = concentrate(problem, rho, groups, spread);
    cr_assert_eq(hf_stationary_polish(&error, problem, &atoms, &s), HF_OK, "%s", error.message);
    hf_flow_destroy(&flow);
    hf_array_destroy(&rho);
    hf_atoms_clear(&atoms);
    hf_problem_destroy(&problem);
    return s;
}

Test(concentration, of_runs) {
    static const char *const fluxes[] = {"muscl", "duality7"};
    for (int f = 0; f < 2; f++) {
        double spread;
        hf_stationary s = run_to_rest("stable", fluxes[f], 1, &spread);
        cr_expect_float_eq(s.atoms.theta[0], 0.1600112675, 1e-10);
        cr_expect_lt(spread, 0.06);
        hf_stationary_clear(&s);
        s = run_to_rest("contract", fluxes[f], 1, &spread);
        cr_expect_leq(largest(2, s.atoms.theta), 1e-11);
        hf_stationary_clear(&s);
        s = run_to_rest("saddle", fluxes[f], 2, &spread);
        cr_expect_float_eq(s.atoms.mass[0], 0.5, 0.01, "%s: %g", fluxes[f], s.atoms.mass[0]);
        cr_expect_leq(s.residual, 1e-12);
        cr_expect_eq(s.stability, HF_STABLE);
        cr_expect(s.gap > 0.03 && s.gap < 0.033, "%g", s.gap); /* stationary, and not optimal */
        cr_expect_gt(s.risk, 0.567566471206 + 0.01);
        hf_stationary_clear(&s);
    }
}
