/* Weighted atoms: risk and its first and second derivatives in masses and positions against independent sums
 * and central differences; the lowest point of their potential. */
#include "support.h"
#include "theory/atoms.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ATOMS = 3, ROWS_MAX = ATOMS * (1 + HF_DIM_MAX) };

/* Atoms at random places in the box, or a little outside, of masses that do not sum to 1. */
typedef struct scene {
    trial trial;
    hf_atomic atomic;
    size_t dim;
    double theta[ATOMS * HF_DIM_MAX], mass[ATOMS];
} scene;

static void open_scene(scene *s, head_shape shape, double ridge, unsigned long seed) {
    gsl_rng *random = make_random(seed);
    hf_error error = {0};
    *s = (scene){
        .trial = {.form = shape.form, .alphas = shape.alphas, .values = shape.values, .ridge = ridge}};
    trial_create(&s->trial, random);
    s->dim = shape.alphas + shape.values;
    fill_uniform(random, -1.9, 1.9, ATOMS * s->dim, s->theta);
    fill_uniform(random, 0.1, 0.7, ATOMS, s->mass);
    cr_assert_eq(hf_atomic_allocate(&error, s->trial.problem, ATOMS + 2, &s->atomic), HF_OK, "%s",
                 error.message);
    gsl_rng_free(random);
}

static void close_scene(scene *s) {
    hf_atomic_clear(&s->atomic);
    trial_destroy(&s->trial);
}

static void each_scene(void (*check)(scene *s)) {
    const double ridges[] = {0, 0.2385};
    for (size_t i = 0; i < head_shape_count; i++)
        for (size_t r = 0; r < 2; r++) {
            scene s;
            open_scene(&s, head_shapes[i], ridges[r], 7 + i);
            check(&s);
            close_scene(&s);
        }
}

static void expect_near(const scene *s, double value, double expected, double tolerance, const char *what) {
    cr_expect(fabs(value - expected) <= tolerance * fmax(1, fabs(expected)),
              "%s %zu %zu ridge %g: %s %.15g, not %.15g", s->trial.form, s->trial.alphas, s->trial.values,
              s->trial.ridge, what, value, expected);
}

/* ---- values -------------------------------------------------------------------------------------- */

static void check_values(scene *s) {
    const hf_model *model = hf_problem_model(s->trial.problem);
    const hf_events *events = hf_problem_events(s->trial.problem);
    size_t size = hf_events_count(events) * hf_events_classes(events);
    double *logits = make_array(size), *residual = make_array(size), square = 0;
    hf_model_atoms_logits(model, ATOMS, s->theta, s->mass, logits);
    for (size_t k = 0; k < ATOMS; k++)
        for (size_t d = 0; d < s->dim; d++)
            if (!hf_grid_axis(hf_problem_grid(s->trial.problem), d)->periodic)
                square += s->mass[k] * s->theta[k * s->dim + d] * s->theta[k * s->dim + d];
    double risk = hf_risk_cross_entropy(events, logits, residual) + 0.5 * s->trial.ridge * square;

    expect_near(s, hf_atomic_risk(&s->atomic, ATOMS, s->theta, s->mass), risk, 1e-14, "risk alone");
    expect_near(s, largest_difference(size, s->atomic.logits, logits), 0, 1e-14, "logits alone");
    hf_atomic_place(&s->atomic, ATOMS, s->theta, s->mass);
    cr_expect_eq(s->atomic.count, ATOMS);
    expect_near(s, s->atomic.risk, risk, 1e-14, "risk");
    expect_near(s, largest_difference(size, s->atomic.logits, logits), 0, 1e-14, "logits");
    expect_near(s, largest_difference(size, s->atomic.residual, residual), 0, 1e-14, "residual");
    hf_array_destroy(&logits);
    hf_array_destroy(&residual);
}

Test(atoms, risk_and_logits_are_those_of_the_model) {
    each_scene(check_values);
}

/* ---- derivatives --------------------------------------------------------------------------------- */

/* R and its claimed first derivatives, row k (1 + D) in the mass, the next ones in the position; with
 * variable `row` of the atoms changed by `by`. */
typedef struct slopes {
    double risk, potential[ATOMS], gradient[ATOMS * HF_DIM_MAX];
} slopes;

static slopes look(scene *s, size_t row, double by) {
    size_t k = row / (1 + s->dim), i = row % (1 + s->dim);
    double *variable = i == 0 ? &s->mass[k] : &s->theta[k * s->dim + i - 1], kept = *variable;
    slopes out;
    *variable += by;
    hf_atomic_place(&s->atomic, ATOMS, s->theta, s->mass);
    *variable = kept;
    out.risk = s->atomic.risk;
    memcpy(out.potential, s->atomic.potential, sizeof out.potential);
    memcpy(out.gradient, s->atomic.gradient, ATOMS * s->dim * sizeof *out.gradient);
    return out;
}

/* Central differences of fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h)))/12h. */
static double difference(const double f[4], double h) {
    return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
}

static void check_derivatives(scene *s) {
    const double h = 1e-3;
    size_t D = s->dim, rows = ATOMS * (1 + D);
    double gram[ROWS_MAX * ROWS_MAX], hessian[ATOMS * HF_DIM_MAX * HF_DIM_MAX];
    slopes here = look(s, 0, 0);
    hf_atomic_gram(&s->atomic, gram);
    memcpy(hessian, s->atomic.hessian, ATOMS * D * D * sizeof *hessian);
    for (size_t row = 0; row < rows; row++) {
        size_t k = row / (1 + D), i = row % (1 + D);
        slopes at[4] = {look(s, row, -2 * h), look(s, row, -h), look(s, row, h), look(s, row, 2 * h)};
        double expected = i == 0 ? here.potential[k] : s->mass[k] * here.gradient[k * D + i - 1], f[4];
        for (size_t x = 0; x < 4; x++)
            f[x] = at[x].risk;
        expect_near(s, expected, difference(f, h), 1e-9, i == 0 ? "dR/da" : "dR/dtheta");
        double share = i == 0 ? 1 : s->mass[k];
        for (size_t other = 0; other < rows; other++) {
            size_t l = other / (1 + D), j = other % (1 + D);
            double second = share * gram[other * rows + row];
            if (j == 0 && l == k && i > 0)
                second += here.gradient[k * D + i - 1];
            if (j > 0 && l == k && i > 0)
                second += hessian[(k * D + j - 1) * D + i - 1];
            for (size_t x = 0; x < 4; x++)
                f[x] = j == 0 ? at[x].potential[l] : at[x].gradient[l * D + j - 1];
            expect_near(s, second, difference(f, h), 1e-8, j == 0 ? "slope of Psi" : "slope of grad Psi");
            expect_near(s, gram[other * rows + row], gram[row * rows + other], 1e-14, "symmetry");
        }
    }
}

Test(atoms, derivatives_are_those_of_central_differences) {
    each_scene(check_derivatives);
}

/* ---- limits -------------------------------------------------------------------------------------- */

/* One head at a vanishing score: the mean of the tokens is its context, and R, Psi and S have closed forms.
 * One event, tokens 1 and -0.23, label (0.7, 0.3), h = (v c, -v c)/2 with c = 0.385. */
Test(atoms, one_event_has_closed_forms) {
    const double c = 0.385, v = 2.385, p = 1 / (1 + exp(-v * c)), ridge = 0.1;
    hf_error error = {0};
    hf_events *events;
    hf_problem *problem;
    hf_atomic atomic;
    hf_component component = {.weight = 1, .profile = {{HF_PROFILE_UNIFORM, -1, 3}}};
    hf_problem_input input = {.name = "one",
                              .heads = {.form = hf_attention_form_find("affine"),
                                        .value_coordinates = 1,
                                        .attention_base = (const double[]){0},
                                        .value_base = (const double[]){0, 0},
                                        .value_basis = (const double[]){0.5, -0.5}},
                              .ridge = ridge,
                              .dim = 1,
                              .axes = {{"v", -1, 3, 4, false}},
                              .component_count = 1,
                              .components = &component,
                              .end = 1};
    cr_assert_eq(hf_events_create(&error, 1, 2, &events), HF_OK);
    cr_assert_eq(hf_events_add(&error, events, 2, (const double[]){1, -0.23}, (const double[]){0.7, 0.3}, 1),
                 HF_OK);
    input.events = events;
    cr_assert_eq(hf_problem_create(&error, &input, &problem), HF_OK, "%s", error.message);
    cr_assert_eq(hf_atomic_allocate(&error, problem, 1, &atomic), HF_OK);
    hf_atomic_place(&atomic, 1, &v, (const double[]){1});
    double gram[4];
    hf_atomic_gram(&atomic, gram);
    cr_expect_float_eq(atomic.risk, log(1 + exp(-v * c)) + 0.3 * v * c + 0.5 * ridge * v * v, 1e-14);
    cr_expect_float_eq(atomic.potential[0], (p - 0.7) * v * c + 0.5 * ridge * v * v, 1e-14);
    cr_expect_float_eq(atomic.gradient[0], (p - 0.7) * c + ridge * v, 1e-14);
    cr_expect_float_eq(atomic.hessian[0], ridge, 1e-14);
    cr_expect_float_eq(gram[0], p * (1 - p) * v * v * c * c, 1e-14);
    cr_expect_float_eq(gram[1], p * (1 - p) * v * c * c, 1e-14);
    cr_expect_float_eq(gram[3], p * (1 - p) * c * c, 1e-14);

    hf_lowest lowest; /* of (p - 0.7) c v + ridge/2 v^2 over v: inside */
    cr_assert_eq(hf_atomic_lowest(&error, &atomic, hf_problem_grid(problem), 1e-12, &lowest), HF_OK);
    cr_expect_float_eq(lowest.theta[0], (0.7 - p) * c / ridge, 1e-12);
    cr_expect_float_eq(lowest.value, -0.5 * pow((p - 0.7) * c, 2) / ridge, 1e-14);
    hf_atomic_clear(&atomic);
    hf_problem_destroy(&problem);
}

/* No random point of the box is below the bound, no atom below the lowest value. */
static void check_lowest(scene *s) {
    enum { POINTS = 300 };
    const hf_grid *grid = hf_problem_grid(s->trial.problem);
    const hf_model *model = hf_problem_model(s->trial.problem);
    gsl_rng *random = make_random(11);
    hf_lowest lowest;
    hf_error error = {0};
    hf_atomic_place(&s->atomic, ATOMS, s->theta, s->mass);
    cr_assert_eq(hf_atomic_lowest(&error, &s->atomic, grid, 1e-3, &lowest), HF_OK, "%s", error.message);
    cr_expect_leq(lowest.bound, lowest.value);
    for (size_t i = 0; i < POINTS; i++) {
        double point[HF_DIM_MAX];
        for (size_t d = 0; d < s->dim; d++)
            point[d] = uniform(random, hf_grid_axis(grid, d)->lower, hf_grid_axis(grid, d)->upper);
        double value = hf_model_potential(model, s->atomic.projection, point, NULL, NULL);
        cr_expect_geq(value, lowest.bound - 1e-14, "%s %zu %zu", s->trial.form, s->trial.alphas,
                      s->trial.values);
    }
    expect_near(s, hf_model_potential(model, s->atomic.projection, lowest.theta, NULL, NULL), lowest.value,
                1e-13, "lowest value");
    gsl_rng_free(random);
}

Test(atoms, lowest_point_is_that_of_their_potential) {
    each_scene(check_lowest);
}

/* ---- storage ------------------------------------------------------------------------------------- */

Test(atoms, room_is_empty_and_cleared) {
    hf_atoms atoms;
    cr_assert_eq(hf_atoms_allocate(NULL, 5, 3, &atoms), HF_OK);
    cr_expect_eq(atoms.count, 5);
    cr_expect_eq(atoms.dim, 3);
    cr_expect_eq(largest(15, atoms.theta), 0);
    cr_expect_eq(largest(5, atoms.mass), 0);
    hf_atoms_clear(&atoms);
    cr_expect_null(atoms.theta);
    cr_expect_null(atoms.mass);
    cr_expect_eq(atoms.count, 0);
}

Test(atoms, fewer_atoms_after_more) {
    scene s;
    open_scene(&s, (head_shape){"affine", 1, 1}, 0.1, 3);
    hf_atomic_place(&s.atomic, 1, s.theta, s.mass);
    double risk = s.atomic.risk, potential = s.atomic.potential[0];
    hf_atomic_place(&s.atomic, ATOMS, s.theta, s.mass);
    cr_expect(fabs(s.atomic.risk - risk) > 1e-3);
    hf_atomic_place(&s.atomic, 1, s.theta, s.mass);
    cr_expect_eq(s.atomic.risk, risk);
    cr_expect_eq(s.atomic.potential[0], potential);
    close_scene(&s);
}
