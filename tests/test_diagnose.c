/* Diagnostics against brute force: the gap and the one-sided Lipschitz constant by scanning the potential,
 * the spread of the heads by quadrature, the mass at the walls by what is left of it inside. */
#include "support.h"

#include <criterion/criterion.h>
#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A density on a problem, its record and its potential as a function. */
typedef struct subject {
    const hf_problem *problem;
    const hf_grid *grid;
    size_t cells, dim;
    hf_flow *flow;
    double *rho, *psi, *projection, *residual;
    hf_record record;
} subject;

/* Record, potential and residual of the density that stands in s->rho. */
static void subject_measure(subject *s) {
    const hf_problem *problem = s->problem;
    hf_error error = {0};
    cr_assert_eq(hf_flow_diagnose(&error, s->flow, s->rho, &s->record), HF_OK, "%s", error.message);
    hf_flow_potential(s->flow, s->rho, s->psi);
    hf_flow_risk(s->flow, s->rho, s->residual);
    hf_risk_cross_entropy(hf_problem_events(problem), s->residual, s->residual);
    hf_model_project_residual(hf_problem_model(problem), s->residual, s->projection);
}

static void subject_create(subject *s, const hf_problem *problem, gsl_rng *random) {
    const hf_events *events = hf_problem_events(problem);
    size_t size = hf_events_count(events) * hf_events_classes(events);
    s->problem = problem;
    s->grid = hf_problem_grid(problem);
    s->cells = hf_grid_cells(s->grid);
    s->dim = hf_grid_dim(s->grid);
    cr_assert_eq(hf_flow_create(NULL, problem, &s->flow), HF_OK);
    s->rho = make_array(s->cells);
    s->psi = make_array(s->cells);
    s->residual = make_array(size);
    s->projection = make_array(hf_model_projection_size(hf_problem_model(problem)));
    if (random != NULL)
        fill_density(random, s->grid, 0.3, s->rho);
    else
        cr_assert_eq(hf_problem_initial(NULL, problem, s->rho), HF_OK);
    subject_measure(s);
}

static void subject_destroy(subject *s) {
    hf_flow_destroy(&s->flow);
    hf_array_destroy(&s->rho);
    hf_array_destroy(&s->psi);
    hf_array_destroy(&s->residual);
    hf_array_destroy(&s->projection);
}

static double potential(const subject *s, const double *theta) {
    return hf_model_potential(hf_problem_model(s->problem), s->projection, theta, NULL, NULL);
}

/* ---- the gap ------------------------------------------------------------------------------------------- */

/* The lowest potential on a mesh of the box, ends included, and a bound of its error: a minimum is at most
 * half a mesh width from a point, Psi - min <= (L/2) |distance|^2 with L from sampled Hessians. */
static double scan(const subject *s, size_t points, double *error) {
    double lowest = INFINITY, curvature = 0, square = 0, gradient[HF_DIM_MAX], hessian[16];
    size_t total = 1;
    for (size_t d = 0; d < s->dim; d++) {
        const hf_axis *axis = hf_grid_axis(s->grid, d);
        square += pow((axis->upper - axis->lower) / (double)(points - 1) / 2, 2);
        total *= points;
    }
    for (size_t i = 0; i < total; i++) {
        double theta[HF_DIM_MAX];
        size_t rest = i;
        for (size_t d = 0; d < s->dim; d++, rest /= points) {
            const hf_axis *axis = hf_grid_axis(s->grid, d);
            theta[d] =
                axis->lower + (axis->upper - axis->lower) * (double)(rest % points) / (double)(points - 1);
        }
        lowest = fmin(lowest, potential(s, theta));
        if (i % 97 == 0) {
            hf_model_potential(hf_problem_model(s->problem), s->projection, theta, gradient, hessian);
            curvature = fmax(curvature, largest(s->dim * s->dim, hessian));
        }
    }
    *error = 0.5 * curvature * (double)s->dim * square + 1e-13;
    return lowest;
}

static void check_gap(const subject *s, const char *name, size_t points) {
    double mean = 0, error, lowest = scan(s, points, &error);
    for (size_t i = 0; i < s->cells; i++)
        mean += hf_grid_volume(s->grid) * s->rho[i] * s->psi[i];
    cr_expect_geq(s->record.gap, mean - lowest - 1e-13, "%s: the scan found a lower potential", name);
    cr_expect_leq(s->record.gap, mean - lowest + error, "%s: %g, %g +- %g", name, s->record.gap,
                  mean - lowest, error);
    cr_expect_gt(s->record.gap, 0);
}

Test(gap, equals_a_scan_of_the_potential) {
    static const size_t points[] = {0, 2001, 201, 51, 15};
    gsl_rng *random = make_random(90);
    for (size_t i = 0; i < head_shape_count; i++)
        for (int ridged = 0; ridged < 2; ridged++) {
            trial t = {.form = head_shapes[i].form,
                       .alphas = head_shapes[i].alphas,
                       .values = head_shapes[i].values,
                       .ridge = ridged ? 0.385 : 0};
            subject s;
            trial_create(&t, random);
            subject_create(&s, t.problem, random);
            check_gap(&s, t.form, points[s.dim]);
            subject_destroy(&s);
            trial_destroy(&t);
        }
    for (size_t i = 0; i < toy_count; i++) {
        toy t = toy_find(toy_names[i]);
        if (t.input.dim > 2 || t.input.temperature > 0)
            continue;
        hf_problem *problem = toy_create(&t);
        subject s;
        subject_create(&s, problem, NULL);
        check_gap(&s, toy_names[i], points[s.dim]);
        subject_destroy(&s);
        hf_problem_destroy(&problem);
    }
    gsl_rng_free(random);
}

/* Large scores make potentials of several basins on a circle, some no wider than a cell or two: the lowest
 * cell need not be in the basin of the lowest minimum. The gap does not depend on the cells. One trial in
 * fourteen is of that kind. The scan's error is from sampled Hessians, of which the steepest may be missed:
 * twice as much. */
Test(gap, knows_basins_that_the_cells_do_not_show) {
    enum { TRIALS = 400, CELLS = 12, POINTS = 6001 };
    gsl_rng *random = make_random(94);
    int misleading = 0;
    for (int k = 0; k < TRIALS; k++) {
        double *matrices, lowest = INFINITY, at = 0, mean = 0, error;
        hf_component component = {.weight = 1, .profile = {{HF_PROFILE_COSINE, 0.385, 1}}};
        hf_problem_input input = {.name = "basins",
                                  .events = make_random_events(random, 3, 3, 4),
                                  .heads = make_random_heads(random, "angle", 1, 0, 3, 3, 8, &matrices),
                                  .dim = 1,
                                  .axes = {{"phi", -M_PI, M_PI, CELLS, true}},
                                  .component_count = 1,
                                  .components = &component,
                                  .end = 1};
        hf_problem *problem;
        subject s;
        cr_assert_eq(hf_problem_create(NULL, &input, &problem), HF_OK);
        subject_create(&s, problem, NULL);
        for (size_t i = 0; i < POINTS; i++) {
            double phi = -M_PI + 2 * M_PI * (double)i / (POINTS - 1), psi = potential(&s, &phi);
            at = psi < lowest ? phi : at;
            lowest = fmin(lowest, psi);
        }
        size_t cell = (size_t)fmin(CELLS - 1, (at + M_PI) / (2 * M_PI) * CELLS), lowest_cell = 0;
        for (size_t i = 0; i < CELLS; i++) {
            lowest_cell = s.psi[i] < s.psi[lowest_cell] ? i : lowest_cell;
            mean += hf_grid_volume(s.grid) * s.rho[i] * s.psi[i];
        }
        misleading += cell != lowest_cell && cell != (lowest_cell + 1) % CELLS &&
                      cell != (lowest_cell + CELLS - 1) % CELLS;
        scan(&s, POINTS, &error);
        cr_expect_leq(s.record.gap, mean - lowest + 2 * error, "trial %d: %g, %g +- %g", k, s.record.gap,
                      mean - lowest, error);
        cr_expect_geq(s.record.gap, mean - lowest - 1e-13, "trial %d: the scan found a lower one", k);
        subject_destroy(&s);
        hf_problem_destroy(&problem);
        free(matrices);
    }
    cr_expect_geq(misleading, 20, "%d of %d", misleading, TRIALS);
    gsl_rng_free(random);
}

/* tau > 0: tau KL of the density to the Gibbs density of its potential, written out. */
Test(gap, is_a_relative_entropy_at_a_temperature) {
    gsl_rng *random = make_random(91);
    for (size_t i = 0; i < head_shape_count; i++) {
        trial t = {.form = head_shapes[i].form,
                   .alphas = head_shapes[i].alphas,
                   .values = head_shapes[i].values,
                   .temperature = 0.385};
        subject s;
        trial_create(&t, random);
        subject_create(&s, t.problem, random);
        double mass = 0, divergence = 0, volume = hf_grid_volume(s.grid);
        for (size_t c = 0; c < s.cells; c++)
            mass += volume * exp(-s.psi[c] / t.temperature);
        for (size_t c = 0; c < s.cells; c++)
            if (s.rho[c] > 0)
                divergence += volume * s.rho[c] * log(s.rho[c] / (exp(-s.psi[c] / t.temperature) / mass));
        cr_expect_float_eq(s.record.gap, t.temperature * divergence, 1e-13 * (1 + s.record.gap));
        cr_expect_gt(s.record.gap, 0);
        subject_destroy(&s);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

/* ---- convexity ----------------------------------------------------------------------------------------- */

/* lambda_max of minus the Hessian by second differences of the potential, step 1e-3: error 1e-6. */
static double largest_of_minus_hessian(const subject *s, const double *theta) {
    const double h = 1e-3;
    double matrix[16], value[HF_DIM_MAX], result = -INFINITY;
    for (size_t d = 0; d < s->dim; d++)
        for (size_t b = 0; b < s->dim; b++) {
            static const int sign[4][2] = {{1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
            double sum = 0;
            for (int k = 0; k < 4; k++) {
                double moved[HF_DIM_MAX];
                memcpy(moved, theta, s->dim * sizeof *moved);
                moved[d] += sign[k][0] * h;
                moved[b] += sign[k][1] * h;
                sum += sign[k][0] * sign[k][1] * potential(s, moved);
            }
            matrix[d * s->dim + b] = -sum / (4 * h * h);
        }
    gsl_matrix_view view = gsl_matrix_view_array(matrix, s->dim, s->dim);
    gsl_vector_view values = gsl_vector_view_array(value, s->dim);
    gsl_eigen_symm_workspace *work = gsl_eigen_symm_alloc(s->dim);
    gsl_eigen_symm(&view.matrix, &values.vector, work);
    gsl_eigen_symm_free(work);
    for (size_t d = 0; d < s->dim; d++)
        result = fmax(result, value[d]);
    return result;
}

/* The centres between which all but 1e-9 of the mass lies at each end; all of a circle. */
static void hull(const subject *s, size_t d, double *lower, double *upper) {
    size_t n = hf_grid_axis(s->grid, d)->cells, first = 0, last = n - 1;
    double *marginal = make_array(n), below = 0, above = 0;
    hf_grid_marginal(s->grid, s->rho, d, marginal);
    if (!hf_grid_axis(s->grid, d)->periodic) {
        for (below = marginal[0]; below < 1e-9; below += marginal[first])
            first++;
        for (above = marginal[n - 1]; above < 1e-9; above += marginal[last])
            last--;
    }
    *lower = hf_grid_center(s->grid, d, first);
    *upper = hf_grid_center(s->grid, d, last);
    hf_array_destroy(&marginal);
}

/* It is looked up at cell edges and centres: between them the Hessian may be larger by (h/2)^2/8 of its
 * second derivative, at most 0.5 % here (of `angle`, whose scores turn fastest). */
Test(convexity, one_sided_lipschitz_bounds_all_hessians) {
    static const char *const names[] = {"ridge", "retrieval", "stable", "saddle", "angle"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum { ALPHAS = 300, VALUES = 4 };
        toy t = toy_find(names[i]);
        for (size_t d = 0; d < t.input.dim; d++)
            t.input.axes[d].cells = 64;
        hf_problem *problem = toy_create(&t);
        subject s;
        double lower[2], upper[2], found = -INFINITY;
        subject_create(&s, problem, NULL);
        for (size_t d = 0; d < s.dim; d++)
            hull(&s, d, &lower[d], &upper[d]);
        for (size_t a = 0; a <= (s.dim > 1 ? ALPHAS : 0); a++)
            for (size_t v = 0; v <= VALUES; v++) {
                double theta[2] = {lower[0] + (upper[0] - lower[0]) * (double)a / ALPHAS};
                theta[s.dim - 1] =
                    lower[s.dim - 1] + (upper[s.dim - 1] - lower[s.dim - 1]) * (double)v / VALUES;
                found = fmax(found, largest_of_minus_hessian(&s, theta));
            }
        double constant = s.record.one_sided_lipschitz;
        cr_expect_leq(found, constant + 0.005 * fabs(constant), "%s: %g > %g", names[i], found, constant);
        cr_expect_geq(found, constant - 0.05 * fabs(constant), "%s: %g < %g", names[i], found, constant);
        subject_destroy(&s);
        hf_problem_destroy(&problem);
    }
}

/* The hull counts a tail of 1e-8 and not one of 1e-10: a thousandth part of the mass is put far out in v,
 * then less and less of it. The Hessian is affine in v, so that the hull shows; of the rest of the density
 * next to nothing changes. */
Test(convexity, is_that_of_the_hull_of_the_mass) {
    static const double tails[] = {1e-3, 1e-8, 1e-10, 0};
    double constant[4];
    toy t = toy_find("retrieval");
    hf_problem *problem = toy_create(&t);
    subject s;
    subject_create(&s, problem, NULL);
    size_t row = 14, value_cells = t.input.axes[1].cells; /* a = 0.625, in the middle */
    double volume = hf_grid_volume(s.grid);
    for (int k = 0; k < 4; k++) {
        cr_assert_eq(hf_problem_initial(NULL, problem, s.rho), HF_OK);
        for (size_t i = 0; i < s.cells; i++)
            s.rho[i] *= 1 - tails[k];
        s.rho[row * value_cells + value_cells - 3] += tails[k] / volume;
        subject_measure(&s);
        constant[k] = s.record.one_sided_lipschitz;
    }
    cr_expect_gt(constant[0], 1.5 * constant[3]);
    cr_expect_float_eq(constant[1], constant[0], 0.01 * constant[0], "%g, %g", constant[1], constant[0]);
    cr_expect_float_eq(constant[2], constant[3], 1e-8, "%g, %g", constant[2], constant[3]);
    subject_destroy(&s);
    hf_problem_destroy(&problem);
}

/* ---- the spread of the heads --------------------------------------------------------------------------- */

/* sum_e w_e int |h_e - z_e|^2 dmu for the piecewise constant density: three Gauss points an axis and cell. */
static double spread(const subject *s) {
    static const double share[] = {5.0 / 18, 8.0 / 18, 5.0 / 18};
    const hf_events *events = hf_problem_events(s->problem);
    size_t classes = hf_events_classes(events), points = (size_t)pow(3, (double)s->dim);
    double sum = 0, *z = make_array(hf_events_count(events) * classes), h[8];
    hf_flow_risk(s->flow, s->rho, z);
    for (size_t i = 0; i < s->cells; i++)
        for (size_t q = 0; q < points; q++) {
            double theta[HF_DIM_MAX], mass = s->rho[i] * hf_grid_volume(s->grid);
            size_t rest = q;
            if (mass == 0)
                continue;
            hf_grid_centers(s->grid, i, theta);
            for (size_t d = 0; d < s->dim; d++, rest /= 3) {
                theta[d] += ((double)(rest % 3) - 1) * sqrt(0.6) * hf_grid_spacing(s->grid, d) / 2;
                mass *= share[rest % 3];
            }
            for (size_t e = 0; e < hf_events_count(events); e++) {
                hf_model_head_logits(hf_problem_model(s->problem), e, theta, h);
                for (size_t c = 0; c < classes; c++)
                    sum += hf_events_weight(events, e) * mass * pow(h[c] - z[e * classes + c], 2);
            }
        }
    hf_array_destroy(&z);
    return sum;
}

/* Exact in the value coordinates; in the attention coordinates the context vectors are cell means, whose
 * spread inside a cell is left out: second order. */
Test(spread, equals_a_quadrature) {
    static const char *const names[] = {"translate", "retrieval", "saddle", "angle"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        double error[2];
        for (int k = 0; k < 2; k++) {
            toy t = toy_find(names[i]);
            for (size_t d = 0; d < t.input.dim; d++)
                t.input.axes[d].cells = (size_t)40 << k;
            hf_problem *problem = toy_create(&t);
            subject s;
            subject_create(&s, problem, NULL);
            error[k] = fabs(s.record.sigma2 / spread(&s) - 1);
            subject_destroy(&s);
            hf_problem_destroy(&problem);
        }
        cr_expect_leq(error[0], strcmp(names[i], "translate") == 0 ? 1e-12 : 0.06, "%s: %g", names[i],
                      error[0]);
        cr_expect_leq(error[1], error[0] / 3.5 + 1e-12, "%s: %g, %g", names[i], error[0], error[1]);
    }
}

/* ---- the rest of the record ---------------------------------------------------------------------------- */

Test(record, agrees_with_the_functions_of_the_flow) {
    gsl_rng *random = make_random(92);
    for (size_t i = 0; i < head_shape_count; i++) {
        trial t = {.form = head_shapes[i].form,
                   .alphas = head_shapes[i].alphas,
                   .values = head_shapes[i].values,
                   .ridge = 0.385,
                   .temperature = i % 2 ? 0.7 : 0};
        subject s;
        trial_create(&t, random);
        subject_create(&s, t.problem, random);
        double *rate = make_array(s.cells), dissipation, inside = 0, least = INFINITY, entropy = 0;
        double volume = hf_grid_volume(s.grid), mean[HF_DIM_MAX], covariance[16];
        hf_flow_rate(s.flow, s.rho, rate, &dissipation);
        for (size_t c = 0; c < s.cells; c++) {
            bool walled = false;
            for (size_t d = 0; d < s.dim; d++) {
                const hf_axis *axis = hf_grid_axis(s.grid, d);
                double x[HF_DIM_MAX], h = hf_grid_spacing(s.grid, d);
                hf_grid_centers(s.grid, c, x);
                if (!axis->periodic)
                    walled = walled || x[d] - h < axis->lower || x[d] + h > axis->upper;
            }
            inside += walled ? 0 : volume * s.rho[c];
            least = fmin(least, s.rho[c]);
            entropy += s.rho[c] > 0 ? volume * s.rho[c] * log(s.rho[c]) : 0;
        }
        cr_expect_float_eq(s.record.wall_mass, 1 - inside, 1e-13);
        cr_expect_eq(s.record.minimum, least);
        cr_expect_eq(s.record.dissipation, dissipation);
        cr_expect_eq(s.record.risk, hf_flow_risk(s.flow, s.rho, NULL));
        cr_expect_float_eq(s.record.free_energy, s.record.risk + t.temperature * entropy, 1e-13);
        cr_expect_eq(s.record.free_energy, hf_flow_free_energy(s.flow, s.rho));
        cr_expect_eq(s.record.mass, hf_grid_moments(s.grid, HF_CELL_MEANS, s.rho, mean, covariance));
        cr_expect_arr_eq(s.record.mean, mean, s.dim * sizeof *mean);
        cr_expect_arr_eq(s.record.covariance, covariance, s.dim * s.dim * sizeof *covariance);
        hf_array_destroy(&rate);
        subject_destroy(&s);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

/* A signed density of a dual flux: negative mass and the mass without signs in the cells whose stencil
 * reaches a wall, by sums over rows and columns; the functionals are those of point masses at the centres. */
Test(extremes, of_a_signed_density) {
    gsl_rng *random = make_random(92);
    static const char *const fluxes[] = {"duality5", "duality7"};
    for (size_t f = 0; f < 2; f++) {
        toy given = toy_find("stable");
        subject s;
        given.input.flux = hf_flux_find(fluxes[f]);
        given.input.axes[0].cells = 14;
        given.input.axes[1].cells = 17;
        hf_problem *problem = toy_create(&given);
        subject_create(&s, problem, NULL);
        size_t halo = 3 + f;
        double volume = hf_grid_volume(s.grid), negative = 0, all = 0, inside = 0, mass = 0;
        double *points = make_array(2 * s.cells), *masses = make_array(s.cells);
        double *z = make_array(hf_events_count(hf_problem_events(problem)) *
                               hf_events_classes(hf_problem_events(problem)));
        fill_uniform(random, -0.3, 1, s.cells, s.rho);
        for (size_t i = 0; i < s.cells; i++)
            mass += s.rho[i] * volume;
        for (size_t i = 0; i < s.cells; i++) {
            size_t row = i / 17, column = i % 17;
            s.rho[i] /= mass;
            hf_grid_centers(s.grid, i, points + 2 * i);
            masses[i] = s.rho[i] * volume;
            negative += s.rho[i] < 0 ? -masses[i] : 0;
            all += fabs(masses[i]);
            inside +=
                row >= halo && row + halo < 14 && column >= halo && column + halo < 17 ? fabs(masses[i]) : 0;
        }
        subject_measure(&s);
        hf_model_atoms_logits(hf_problem_model(problem), s.cells, points, masses, z);
        double risk = hf_risk_cross_entropy(hf_problem_events(problem), z, NULL);
        for (size_t i = 0; i < s.cells; i++)
            risk +=
                0.125 * masses[i] * (points[2 * i] * points[2 * i] + points[2 * i + 1] * points[2 * i + 1]);
        cr_expect_float_eq(s.record.risk, risk, 1e-13);
        cr_expect_float_eq(s.record.negative_mass, negative, 1e-13);
        cr_expect_float_eq(s.record.wall_mass, all - inside, 1e-13);
        hf_array_destroy(&points);
        hf_array_destroy(&masses);
        hf_array_destroy(&z);
        subject_destroy(&s);
        hf_problem_destroy(&problem);
    }
    gsl_rng_free(random);
}

/* Where numbers overflow no record is handed out. */
Test(record, is_refused_where_it_is_not_finite) {
    static const double scales[] = {1e160, 1e300, NAN};
    toy given = toy_find("stable");
    hf_problem *problem = toy_create(&given);
    subject s;
    subject_create(&s, problem, NULL);
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        hf_error error = {0};
        cr_assert_eq(hf_problem_initial(NULL, problem, s.rho), HF_OK);
        s.rho[s.cells / 2] = scales[k];
        cr_expect_eq(hf_flow_diagnose(&error, s.flow, s.rho, &s.record), HF_ERR_NUMERIC, "%g", scales[k]);
        cr_expect_not_null(strstr(error.message, "expected a finite number"), "%s", error.message);
    }
    subject_destroy(&s);
    hf_problem_destroy(&problem);
}
