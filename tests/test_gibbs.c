/* The minimum of the free energy: laws of the Gibbs density, a damped fixed point and Gauss-Legendre nodes as
 * twins, closed forms, and a run that comes to rest there. */
#include "support.h"

#include <criterion/criterion.h>
#include <gsl/gsl_integration.h>
#include <headflow/optimum.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static hf_gibbs find(const hf_problem *problem) {
    hf_gibbs found;
    hf_error error = {0};
    cr_assert_eq(hf_gibbs_run(&error, problem, 0, &found), HF_OK, "%s", error.message);
    return found;
}

static hf_problem *refined(const hf_problem *problem, size_t cells_each) {
    size_t cells[HF_DIM_MAX] = {cells_each, cells_each, cells_each, cells_each};
    hf_error error = {0};
    hf_problem *fine;
    cr_assert_eq(hf_problem_refine(&error, problem, &(hf_refine_options){.cells = cells}, &fine), HF_OK, "%s",
                 error.message);
    return fine;
}

/* A random problem with a temperature between 1 and 0.002. */
static trial random_trial(gsl_rng *random, head_shape shape) {
    trial t = {.form = shape.form,
               .alphas = shape.alphas,
               .values = shape.values,
               .ridge = uniform(random, 0, 1) < 0.5 ? 0 : 0.3,
               .temperature = exp(uniform(random, log(0.002), 0))};
    trial_create(&t, random);
    return t;
}

static hf_problem *toy_on(const char *name, double temperature, double ridge, size_t cells,
                          const char *flux) {
    toy t = toy_find(name);
    t.input.temperature = temperature;
    t.input.ridge = ridge;
    t.input.flux = flux != NULL ? hf_flux_find(flux) : NULL;
    for (size_t d = 0; d < t.input.dim; d++)
        t.input.axes[d].cells = cells;
    return toy_create(&t);
}

/* ---- what it is ---------------------------------------------------------------------------------------- */

/* rho = exp(-Psi/tau)/Z in every cell, mass 1, and all numbers of the result as the flow has them. */
static void check_result(const hf_problem *problem, const hf_gibbs *found, const char *name) {
    const hf_grid *grid = hf_problem_grid(problem);
    double temperature = hf_problem_temperature(problem), volume = hf_grid_volume(grid);
    size_t cells = hf_grid_cells(grid);
    double *psi = make_array(cells), lowest = INFINITY, partition = 0, mass = 0, entropy = 0;
    hf_flow *flow;
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    hf_flow_potential(flow, found->rho, psi);
    for (size_t i = 0; i < cells; i++) {
        lowest = fmin(lowest, psi[i]);
        mass += volume * found->rho[i];
        entropy += found->rho[i] > 0 ? volume * found->rho[i] * log(found->rho[i]) : 0;
    }
    for (size_t i = 0; i < cells; i++)
        partition += volume * exp((lowest - psi[i]) / temperature);
    for (size_t i = 0; i < cells; i++) {
        double gibbs = exp((lowest - psi[i]) / temperature) / partition;
        cr_assert_float_eq(found->rho[i], gibbs, gibbs * 1e-12 / temperature, "%s: cell %zu: %.15g, %.15g",
                           name, i, found->rho[i], gibbs);
    }
    cr_expect_float_eq(mass, 1, 1e-13);
    cr_expect_float_eq(found->entropy, entropy, 1e-12);
    cr_expect_float_eq(found->risk, hf_flow_risk(flow, found->rho, NULL), 1e-14);
    cr_expect_float_eq(found->free_energy, hf_flow_free_energy(flow, found->rho), 1e-14);
    cr_expect_float_eq(found->free_energy, found->risk + temperature * found->entropy, 1e-14);
    hf_record record;
    cr_assert_eq(hf_flow_diagnose(NULL, flow, found->rho, &record), HF_OK);
    cr_expect_geq(found->gap, record.gap, "%s: gap %g, diagnosed %g", name, found->gap, record.gap);
    cr_expect_float_eq(record.gap, 0, 1e-13, "%s: gap %g", name, record.gap);
    cr_expect(found->gap > 0 && found->gap < 1e-12, "%s: gap %g", name, found->gap);
    cr_expect_lt(found->iterations, 40, "%s: %zu steps", name, found->iterations);
    hf_flow_destroy(&flow);
    hf_array_destroy(&psi);
}

Test(gibbs, is_its_own_gibbs_density) {
    gsl_rng *random = make_random(510);
    for (size_t i = 0; i < head_shape_count; i++)
        for (int repeat = 0; repeat < 4; repeat++) {
            trial t = random_trial(random, head_shapes[i]);
            hf_gibbs found = find(t.problem);
            check_result(t.problem, &found, t.form);
            hf_gibbs_clear(&found);
            cr_assert_null(found.rho);
            trial_destroy(&t);
        }
    gsl_rng_free(random);
}

/* What logits have in common over the classes is seen by no residual, and may be all that is left of them: in
 * these problems its rounding once kept the iteration from ending. */
Test(gibbs, ends_where_only_invisible_parts_are_left) {
    static const unsigned long seeds[] = {675, 723, 1457, 2747, 3329};
    for (size_t k = 0; k < sizeof seeds / sizeof seeds[0]; k++) {
        gsl_rng *random = make_random(seeds[k]);
        trial t = {.form = "affine",
                   .alphas = 2,
                   .values = 1,
                   .ridge = seeds[k] % 3 > 0 ? 0.3 : 0,
                   .temperature = seeds[k] % 5 > 0 ? 0.05 : 0.005};
        trial_create(&t, random);
        hf_gibbs found = find(t.problem);
        check_result(t.problem, &found, "affine");
        hf_gibbs_clear(&found);
        trial_destroy(&t);
        gsl_rng_free(random);
    }
}

Test(gibbs, is_its_own_gibbs_density_in_the_toy_cases) {
    static const double temperatures[] = {1, 0.2385, 0.05, 0.01, 0.002};
    for (size_t i = 0; i < toy_count; i++)
        for (size_t k = 0; k < sizeof temperatures / sizeof temperatures[0]; k++)
            for (int dual = 0; dual < 2; dual++) {
                hf_problem *problem =
                    toy_on(toy_names[i], temperatures[k], 0.1, 14, dual ? "duality7" : NULL);
                hf_gibbs found = find(problem);
                check_result(problem, &found, toy_names[i]);
                hf_gibbs_clear(&found);
                hf_problem_destroy(&problem);
            }
}

/* ---- twins --------------------------------------------------------------------------------------------- */

/* rho <- (1 - share) rho + share Gibbs(Psi_rho), with a share that is small enough for the temperature. */
static void iterate(const hf_problem *problem, double share, double *rho) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t cells = hf_grid_cells(grid);
    double *psi = make_array(cells);
    hf_flow *flow;
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    for (int k = 0; k < 4000; k++) {
        double sum = 0;
        hf_flow_potential(flow, rho, psi);
        for (size_t i = 0; i < cells; i++)
            sum += exp(-psi[i] / hf_problem_temperature(problem));
        for (size_t i = 0; i < cells; i++) {
            double gibbs = exp(-psi[i] / hf_problem_temperature(problem)) / (sum * hf_grid_volume(grid));
            rho[i] += share * (gibbs - rho[i]);
        }
    }
    hf_flow_destroy(&flow);
    hf_array_destroy(&psi);
}

Test(gibbs, is_where_a_damped_iteration_ends) {
    gsl_rng *random = make_random(511);
    for (size_t i = 0; i < head_shape_count; i++) {
        if (head_shapes[i].alphas + head_shapes[i].values > 2)
            continue;
        trial t = {.form = head_shapes[i].form,
                   .alphas = head_shapes[i].alphas,
                   .values = head_shapes[i].values,
                   .ridge = 0.2385,
                   .temperature = uniform(random, 0.04, 0.5)};
        trial_create(&t, random);
        size_t cells = hf_grid_cells(hf_problem_grid(t.problem));
        double *rho = make_array(cells);
        hf_gibbs found = find(t.problem);
        fill_density(random, hf_problem_grid(t.problem), 0, rho);
        iterate(t.problem, 0.02, rho);
        cr_expect_lt(largest_difference(cells, rho, found.rho), 1e-11 * largest(cells, rho), "%s", t.form);
        hf_gibbs_clear(&found);
        hf_array_destroy(&rho);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

/* The same fixed point on Gauss-Legendre nodes, `panels` times 20 an axis: heads at nodes, where the grid has
 * means over cells. */
typedef struct nodes {
    size_t count, outputs;
    double *theta, *weight, *heads; /* (count, D), (count), (count, outputs) */
} nodes;

static nodes place_nodes(const hf_problem *problem, size_t panels) {
    enum { POINTS = 20 };
    const hf_grid *grid = hf_problem_grid(problem);
    const hf_events *events = hf_problem_events(problem);
    size_t dim = hf_grid_dim(grid), each = panels * POINTS, classes = hf_events_classes(events);
    nodes n = {.count = 1, .outputs = hf_events_count(events) * classes};
    for (size_t d = 0; d < dim; d++)
        n.count *= each;
    n.theta = make_array(n.count * dim);
    n.weight = make_array(n.count);
    n.heads = make_array(n.count * n.outputs);
    gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(POINTS);
    for (size_t i = 0; i < n.count; i++) {
        n.weight[i] = 1;
        for (size_t d = 0, rest = i; d < dim; d++, rest /= each) {
            const hf_axis *axis = hf_grid_axis(grid, d);
            double width = (axis->upper - axis->lower) / (double)panels, w;
            double start = axis->lower + (double)(rest % each / POINTS) * width;
            gsl_integration_glfixed_point(start, start + width, rest % POINTS, &n.theta[i * dim + d], &w,
                                          rule);
            n.weight[i] *= w;
        }
        for (size_t e = 0; e < hf_events_count(events); e++)
            hf_model_head_logits(hf_problem_model(problem), e, n.theta + i * dim,
                                 n.heads + i * n.outputs + e * classes);
    }
    gsl_integration_glfixed_table_free(rule);
    return n;
}

/* (lambda/2)|theta|^2 of the coordinates that it acts on. */
static double ridge_energy(const hf_problem *problem, const double *theta) {
    const hf_model *model = hf_problem_model(problem);
    double sum = 0;
    for (size_t d = 0; d < hf_grid_dim(hf_problem_grid(problem)); d++)
        if (hf_model_ridged(model, d))
            sum += 0.5 * hf_model_ridge(model) * theta[d] * theta[d];
    return sum;
}

/* min F by damped iteration of the logits. */
static double continuum_twin(const hf_problem *problem, size_t panels) {
    const hf_events *events = hf_problem_events(problem);
    size_t dim = hf_grid_dim(hf_problem_grid(problem)), classes = hf_events_classes(events);
    double temperature = hf_problem_temperature(problem), energy = 0, change = 1;
    nodes n = place_nodes(problem, panels);
    double *z = make_array(n.outputs), *next = make_array(n.outputs), *residual = make_array(n.outputs);
    for (int k = 0; k < 1000 && change > 1e-13; k++) {
        double sum = 0, ridge = 0, mean = 0;
        double cross = hf_risk_cross_entropy(events, z, residual);
        memset(next, 0, n.outputs * sizeof *next);
        for (size_t i = 0; i < n.count; i++) {
            double own = ridge_energy(problem, n.theta + i * dim), psi = own;
            for (size_t j = 0; j < n.outputs; j++)
                psi += hf_events_weight(events, j / classes) * residual[j] * n.heads[i * n.outputs + j];
            double mass = n.weight[i] * exp(-psi / temperature);
            sum += mass;
            ridge += mass * own;
            mean += mass * psi;
            for (size_t j = 0; j < n.outputs; j++)
                next[j] += mass * n.heads[i * n.outputs + j];
        }
        change = 0;
        for (size_t j = 0; j < n.outputs; j++) {
            double step = next[j] / sum - z[j];
            z[j] += 0.25 * step;
            change = fmax(change, fabs(step));
        }
        /* tau int rho log rho = -int Psi drho - tau log Z */
        energy = cross + ridge / sum - mean / sum - temperature * log(sum);
    }
    cr_assert_lt(change, 1e-12, "the twin does not converge");
    double *arrays[] = {n.theta, n.weight, n.heads, z, next, residual};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        hf_array_destroy(&arrays[i]);
    return energy;
}

Test(continuum, of_case_gibbs_has_nine_digits) {
    hf_problem *problem = toy_on("gibbs", 0.05, 0.1, 96, NULL);
    hf_gibbs found = find(problem);
    double twin = continuum_twin(problem, 3);
    cr_expect_float_eq(twin, 0.558854746258517, 1e-13, "twin: %.15f", twin); /* its own value on 96^2 nodes */
    cr_expect_float_eq(found.continuum, 0.558854746, 5e-10, "%.12f", found.continuum);
    cr_expect_float_eq(found.continuum, twin, 1e-12, "%.15f, %.15f", found.continuum, twin);
    cr_expect(found.continuum_error < 5e-10 && found.continuum_error > 1e-13, "%g", found.continuum_error);
    hf_gibbs_clear(&found);
    hf_problem_destroy(&problem);
}

/* How the error estimates of many grids compare with their errors. */
typedef struct tally {
    size_t grids, without, below; /* without an estimate; with one that is below the error */
    double worst;                 /* error over estimate */
} tally;

static void check_continuum(const hf_problem *problem, double exact, tally *t) {
    hf_gibbs found = find(problem);
    double error = fabs(found.continuum - exact);
    t->grids++;
    if (isnan(found.continuum_error)) {
        cr_expect_eq(found.continuum, found.free_energy);
        t->without++;
    } else {
        t->below += error > found.continuum_error;
        t->worst = fmax(t->worst, error / found.continuum_error);
    }
    hf_gibbs_clear(&found);
}

static void expect_honest(const tally *t) {
    cr_expect_leq(25 * t->below, t->grids, "%zu of %zu", t->below, t->grids);
    cr_expect_leq(20 * t->without, t->grids, "%zu of %zu", t->without, t->grids);
    cr_expect_lt(t->worst, 4, "%g", t->worst);
}

Test(continuum, is_within_its_error_of_gauss_nodes) {
    static const char *const names[] = {"translate", "ridge", "retrieval", "stable", "saddle", "gibbs"};
    static const size_t cells[] = {9, 13, 18, 24, 32, 48, 65};
    static const double temperatures[] = {0.5, 0.1, 0.0385};
    tally seen = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (size_t t = 0; t < sizeof temperatures / sizeof temperatures[0]; t++) {
            hf_problem *problem = toy_on(names[i], temperatures[t], 0.1, 12, NULL);
            double exact = continuum_twin(problem, 2);
            for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) {
                hf_problem *fine = refined(problem, cells[k]);
                check_continuum(fine, exact, &seen);
                hf_problem_destroy(&fine);
            }
            hf_problem_destroy(&problem);
        }
    expect_honest(&seen);
}

Test(continuum, is_within_its_error_on_random_problems) {
    gsl_rng *random = make_random(512);
    tally seen = {0};
    for (size_t i = 0; i < head_shape_count; i++) {
        if (head_shapes[i].alphas + head_shapes[i].values > 2)
            continue;
        for (int repeat = 0; repeat < 3; repeat++) {
            trial t = {.form = head_shapes[i].form,
                       .alphas = head_shapes[i].alphas,
                       .values = head_shapes[i].values,
                       .ridge = 0.3,
                       .temperature = uniform(random, 0.1, 0.5)};
            trial_create(&t, random);
            double exact = continuum_twin(t.problem, 2);
            for (size_t cells = 11; cells <= 44; cells += 9) {
                hf_problem *fine = refined(t.problem, cells);
                check_continuum(fine, exact, &seen);
                hf_problem_destroy(&fine);
            }
            trial_destroy(&t);
        }
    }
    expect_honest(&seen);
    gsl_rng_free(random);
}

/* Axes are coarsened in proportion. Where their numbers of cells have no common divisor the proportions
 * differ a little, which the estimate knows of. */
Test(continuum, coarsens_axes_in_proportion) {
    static const struct {
        size_t cells[2];
        double share; /* of the grid's own error that is left */
    } rows[] = {{{40, 60}, 2e-3}, {{33, 40}, 0.2}, {{41, 64}, 0.2}, {{97, 96}, 0.2}, {{37, 80}, 0.5}};
    hf_problem *problem = toy_on("gibbs", 0.1, 0.1, 12, NULL);
    double exact = continuum_twin(problem, 3);
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        hf_problem *fine;
        cr_assert_eq(hf_problem_refine(NULL, problem, &(hf_refine_options){.cells = rows[k].cells}, &fine),
                     HF_OK);
        hf_gibbs found = find(fine);
        double error = found.continuum - exact, own = fabs(found.free_energy - exact);
        cr_expect_leq(fabs(error), found.continuum_error, "%zu: %g, estimate %g", k, error,
                      found.continuum_error);
        cr_expect_lt(found.continuum_error, rows[k].share * own, "%zu: %g of %g", k, found.continuum_error,
                     own);
        hf_gibbs_clear(&found);
        hf_problem_destroy(&fine);
    }
    hf_problem_destroy(&problem);
}

Test(continuum, has_no_estimate_on_a_grid_too_coarse_for_the_density) {
    hf_problem *problem = toy_on("gibbs", 0.0005, 0.1, 48, NULL);
    hf_gibbs found = find(problem);
    cr_expect(isnan(found.continuum_error));
    cr_expect_eq(found.continuum, found.free_energy);
    hf_gibbs_clear(&found);
    hf_problem_destroy(&problem);
}

/* ---- the least of all ---------------------------------------------------------------------------------- */

/* A density near another: each cell times a random factor. */
static void perturb(gsl_rng *random, const hf_grid *grid, double size, const double *from, double *rho) {
    double mass = 0;
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        rho[i] = from[i] * exp(uniform(random, -size, size));
        mass += hf_grid_volume(grid) * rho[i];
    }
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        rho[i] /= mass;
}

Test(least, is_below_all_densities_by_at_most_their_gap) {
    gsl_rng *random = make_random(513);
    for (size_t i = 0; i < head_shape_count; i++) {
        trial t = random_trial(random, head_shapes[i]);
        const hf_grid *grid = hf_problem_grid(t.problem);
        hf_gibbs found = find(t.problem);
        double *rho = make_array(hf_grid_cells(grid));
        hf_flow *flow;
        cr_assert_eq(hf_flow_create(NULL, t.problem, &flow), HF_OK);
        for (int k = 0; k < 60; k++) {
            hf_record record;
            if (k % 2 == 0)
                fill_density(random, grid, k % 4 == 0 ? 0.3 : 0, rho);
            else
                perturb(random, grid, exp(uniform(random, -12, 0)), found.rho, rho);
            double excess = hf_flow_free_energy(flow, rho) - found.free_energy;
            cr_expect_geq(excess, -1e-14, "%s: %g", t.form, excess);
            cr_expect(k % 2 == 1 || excess > 1e-3, "%s: %g", t.form, excess);
            if (k % 5 > 0) /* the record is dear in four dimensions */
                continue;
            cr_assert_eq(hf_flow_diagnose(NULL, flow, rho, &record), HF_OK);
            cr_expect_leq(excess, record.gap + 1e-13, "%s: %g, gap %g", t.form, excess, record.gap);
        }
        hf_flow_destroy(&flow);
        hf_array_destroy(&rho);
        hf_gibbs_clear(&found);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

typedef struct course {
    double least; /* min F on the grid */
    size_t outputs;
    double first, last; /* F - min F */
} course;

static hf_status compare(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error, (void)rho;
    course *c = self;
    double excess = record->free_energy - c->least;
    cr_expect_geq(excess, -1e-11, "t = %g: F - min F = %g", record->time, excess);
    cr_expect_leq(excess, record->gap + 1e-13, "t = %g: %g, gap %g", record->time, excess, record->gap);
    c->first = c->outputs++ == 0 ? excess : c->first;
    c->last = excess;
    return HF_OK;
}

Test(least, bounds_a_run_at_every_output) {
    toy t = toy_find("gibbs");
    t.input.axes[0].cells = t.input.axes[1].cells = 96; /* as the case file has it */
    t.input.outputs = 33;
    hf_problem *problem = toy_create(&t);
    hf_gibbs found = find(problem);
    course c = {.least = found.free_energy};
    hf_flow *flow;
    hf_error error = {0};
    cr_assert_eq(hf_flow_create(&error, problem, &flow), HF_OK, "%s", error.message);
    hf_observer observer = {.self = &c, .output = compare};
    cr_assert_eq(hf_flow_integrate(&error, flow, &observer, NULL, NULL), HF_OK, "%s", error.message);
    cr_expect_eq(c.outputs, 33);
    cr_expect_gt(c.first, 0.03, "%g", c.first);
    cr_expect_lt(fabs(c.last), 1e-7, "%g", c.last);
    hf_flow_destroy(&flow);
    hf_gibbs_clear(&found);
    hf_problem_destroy(&problem);
}

/* ---- closed forms -------------------------------------------------------------------------------------- */

/* log int of exp(-c x^2/2) over [a, b] */
static double log_gaussian(double c, double a, double b) {
    double root = sqrt(c / 2);
    return log(sqrt(M_PI) / (2 * root) * (erf(root * b) - erf(root * a)));
}

/* Heads that add the same to all classes say nothing: the density is a Gaussian of the ridge, truncated to
 * the box, and the cross-entropy log 3. Their logits move all the same, where no residual sees it. */
static void check_silent_heads(gsl_rng *random, double ridge, double temperature) {
    static const double lower[] = {-0.7, -1.3}, upper[] = {1.1, 2.385};
    double *matrices;
    hf_heads heads = make_random_heads(random, "affine", 1, 1, 3, 3, 0.8, &matrices);
    for (size_t k = 3; k < 9; k++) { /* value matrices of three equal rows, one a class */
        ((double *)heads.value_base)[k] = heads.value_base[k % 3];
        ((double *)heads.value_basis)[k] = heads.value_basis[k % 3];
    }
    hf_component component = {.weight = 1};
    hf_problem_input input = {.name = "silent",
                              .events = make_random_events(random, 3, 3, 4),
                              .heads = heads,
                              .ridge = ridge,
                              .temperature = temperature,
                              .dim = 2,
                              .component_count = 1,
                              .components = &component,
                              .end = 1};
    double energy = log(3), risk = log(3), c = ridge / temperature, step = 1e-4;
    for (size_t d = 0; d < 2; d++) {
        input.axes[d] =
            (hf_axis){.name = {(char)('a' + (int)d)}, .lower = lower[d], .upper = upper[d], .cells = 60};
        component.profile[d] = (hf_profile){HF_PROFILE_UNIFORM, lower[d], upper[d]};
        energy -= temperature * log_gaussian(c, lower[d], upper[d]);
        /* int x^2 of the truncated Gaussian, by d/dc of its logarithm; the grid errs by O(h^2) */
        risk -= ridge *
                (log_gaussian(c + step, lower[d], upper[d]) - log_gaussian(c - step, lower[d], upper[d])) /
                (2 * step);
    }
    hf_problem *problem;
    cr_assert_eq(hf_problem_create(NULL, &input, &problem), HF_OK);
    hf_gibbs found = find(problem);
    cr_expect_float_eq(found.continuum, energy, found.continuum_error, "%.12f, %.12f", found.continuum,
                       energy);
    cr_expect_lt(found.continuum_error, 1e-8);
    cr_expect_float_eq(found.risk, risk, 1e-3, "%.12f, %.12f", found.risk, risk);
    cr_expect_float_eq(found.entropy, (energy - risk) / temperature, 1e-3);
    cr_expect_leq(found.iterations, 2);
    hf_gibbs_clear(&found);
    hf_problem_destroy(&problem);
    free(matrices);
}

Test(closed, heads_that_say_nothing_are_gaussian) {
    gsl_rng *random = make_random(514);
    for (int k = 0; k < 4; k++)
        check_silent_heads(random, uniform(random, 0.3, 0.8), uniform(random, 0.2385, 0.5));
    gsl_rng_free(random);
}

/* One event and heads that are linear: the potential is a parabola about the minimum v* of the risk of a
 * point mass, the density a Gaussian of variance tau/lambda about it. The risk is then R(v*) + tau/2, and
 * lambda h^2/24 for the cells; sums over whole Gaussians have no other error. As tau -> 0 it is R(v*). */
Test(closed, a_parabola_is_gaussian_about_the_best_head) {
    static const double ridge = 0.25, temperatures[] = {0.02385, 0.01, 0.005};
    double best = 1;
    for (int k = 0; k < 40; k++) { /* lambda v = sigma(-v), by Newton's method */
        double s = 1 / (1 + exp(best));
        best -= (ridge * best - s) / (ridge + s * (1 - s));
    }
    double least = log1p(exp(-best)) + 0.5 * ridge * best * best;
    for (size_t k = 0; k < sizeof temperatures / sizeof temperatures[0]; k++) {
        double temperature = temperatures[k], partition = sqrt(2 * M_PI * temperature / ridge);
        hf_problem *problem = toy_on("ridge", temperature, ridge, 96, NULL);
        double h = hf_grid_spacing(hf_problem_grid(problem), 0);
        hf_gibbs found = find(problem);
        cr_expect_float_eq(found.risk, least + temperature / 2 + ridge * h * h / 24, 1e-12);
        cr_expect_float_eq(found.entropy, -0.5 - log(partition), 1e-11);
        cr_expect_float_eq(found.free_energy, least - temperature * log(partition) + ridge * h * h / 24,
                           1e-12);
        cr_expect_float_eq(found.continuum, least - temperature * log(partition), 1e-11);
        hf_gibbs_clear(&found);
        hf_problem_destroy(&problem);
    }
}

/* ---- errors -------------------------------------------------------------------------------------------- */

Test(errors, say_what_is_wrong_and_what_was_reached) {
    hf_error error = {0};
    hf_gibbs found;
    hf_problem *problem = toy_on("gibbs", 0, 0.1, 16, NULL);
    cr_expect_eq(hf_gibbs_run(&error, problem, 0, &found), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "temperature 0"), "%s", error.message);
    cr_expect_null(found.rho);
    hf_problem_destroy(&problem);
    problem = toy_on("gibbs", 0.05, 0.1, 16, NULL);
    cr_expect_eq(hf_gibbs_run(&error, problem, 1e-30, &found), HF_ERR_NUMERIC);
    char reached[32];
    snprintf(reached, sizeof reached, "%.3g", found.gap);
    cr_expect_not_null(strstr(error.message, reached), "%s", error.message);
    cr_expect_not_null(strstr(error.message, "1e-30"), "%s", error.message);
    check_result(problem, &found, "asked too much");
    hf_gibbs_clear(&found);
    hf_problem_destroy(&problem);
}
