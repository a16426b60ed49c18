/* The minimum and the way to rest on disk: what is written is what is read, bit for bit, and what others read
 * with NetCDF; damaged files are refused in one line; nothing half-written is left; and the figures. */
#include <criterion/criterion.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <headflow/store.h>

#include "support.h"

#include <math.h>
#include <netcdf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 256, ATOMS = 3, DIRACS = 2, TIMES = 6, RATES = 3, VERDICTS = 2 };

static char folder[] = "/tmp/headflow-XXXXXX";
static char path[PATH];

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/new/file.nc", folder);
}

static void remove_folder(void) {
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_optimum, .init = make_folder, .fini = remove_folder);

static bool exists(const char *file) {
    struct stat status;
    return stat(file, &status) == 0;
}

static void expect_same(const char *what, size_t count, const double *a, const double *b) {
    for (size_t i = 0; i < count; i++)
        cr_expect((isnan(a[i]) && isnan(b[i])) || memcmp(&a[i], &b[i], sizeof *a) == 0,
                  "%s[%zu]: %.17g is %.17g", what, i, a[i], b[i]);
}

/* Some number that depends on all that it belongs to. */
static double made_up(size_t what, size_t where) {
    return 2.385 + sin(1 + 17.3 * (double)what + 0.7 * (double)where);
}

static double *make_numbers(size_t what, size_t count) {
    double *array = make_array(count);
    for (size_t i = 0; i < count; i++)
        array[i] = made_up(what, i);
    return array;
}

/* ---- made-up results --------------------------------------------------------------------------------- */

static hf_optimum make_optimum(const hf_problem *problem) {
    const hf_events *events = hf_problem_events(problem);
    size_t dim = hf_grid_dim(hf_problem_grid(problem));
    hf_optimum o = {.risk = made_up(0, 0),
                    .lowest = -made_up(0, 1),
                    .gap = 1e-13 * made_up(0, 2),
                    .wall_limited = dim % 2 == 0,
                    .iterations = 17};
    cr_assert_eq(hf_atoms_allocate(NULL, ATOMS, dim, &o.atoms), HF_OK);
    o.excess = make_numbers(3, ATOMS);
    o.slope = make_numbers(4, ATOMS * dim);
    o.logits = make_numbers(5, hf_events_count(events) * hf_events_classes(events));
    cr_assert_eq(hf_allocate(NULL, ATOMS * dim, sizeof *o.wall, &o.wall), HF_OK);
    for (size_t k = 0; k < ATOMS; k++)
        o.atoms.mass[k] = (3 - (double)k) / 6;
    for (size_t i = 0; i < ATOMS * dim; i++) {
        o.atoms.theta[i] = 0.3 * (made_up(6, i) - 2.385);
        o.wall[i] = (int)((i + 1) % 3) - 1;
    }
    return o;
}

static hf_gibbs make_gibbs(const hf_problem *problem, gsl_rng *random) {
    const hf_grid *grid = hf_problem_grid(problem);
    hf_gibbs g = {.rho = make_array(hf_grid_cells(grid)),
                  .risk = made_up(1, 0),
                  .entropy = -made_up(1, 1),
                  .free_energy = made_up(1, 2),
                  .gap = 1e-12 * made_up(1, 3),
                  .continuum = made_up(1, 4),
                  .continuum_error = 1e-7 * made_up(1, 5),
                  .iterations = 12};
    fill_density(random, grid, 0.2, g.rho);
    return g;
}

static hf_stationary make_stationary(size_t what, size_t count, size_t dim) {
    hf_stationary s = {.risk = made_up(what, 100),
                       .residual = 1e-13 * made_up(what, 101),
                       .A = make_numbers(what + 1, count * dim * dim),
                       .B = make_numbers(what + 2, count * dim * dim),
                       .spread = make_numbers(what + 3, count * dim),
                       .spread_axis = make_numbers(what + 4, count * dim * dim),
                       .rate = make_numbers(what + 5, count * dim),
                       .rate_axis = make_numbers(what + 6, count * dim * count * dim),
                       .monotonicity = made_up(what, 102),
                       .lowest = made_up(what, 103),
                       .gap = made_up(what, 104),
                       .stability = HF_DEGENERATE,
                       .value_degenerate = true,
                       .inside = true};
    cr_assert_eq(hf_atoms_allocate(NULL, count, dim, &s.atoms), HF_OK);
    for (size_t k = 0; k < count; k++)
        s.atoms.mass[k] = 1 / (double)count;
    for (size_t i = 0; i < count * dim; i++)
        s.atoms.theta[i] = made_up(what, i);
    return s;
}

static hf_fit make_fit(size_t what) {
    return (hf_fit){made_up(what, 0), made_up(what, 1), made_up(what, 2), 0.3, 1.2};
}

static hf_approach make_approach(void) {
    return (hf_approach){.limit = 0.7,
                         .extrapolated = true,
                         .limit_error = 1e-9 * made_up(7, 0),
                         .minimum = NAN,
                         .exponent = make_fit(8),
                         .rate = make_fit(9),
                         .domination = made_up(7, 1),
                         .domination_limit = made_up(7, 2),
                         .balance = 1e-11 * made_up(7, 3)};
}

/* A solution's way to rest, with numbers that decay. */
typedef struct course {
    double time[TIMES], risk[TIMES], dissipation[TIMES];
    hf_solved solved;
} course;

static void make_course(course *c, const hf_problem *problem) {
    for (size_t n = 0; n < TIMES; n++) {
        c->time[n] = 0.3 * (double)n;
        c->risk[n] = 0.7 + 0.2385 * exp(-1.7 * c->time[n]);
        c->dissipation[n] = 0.4 * exp(-1.7 * c->time[n]);
    }
    c->solved = (hf_solved){.problem = problem,
                            .course = {.count = TIMES,
                                       .time = c->time,
                                       .risk = c->risk,
                                       .dissipation = c->dissipation,
                                       .noise = 1e-9 * made_up(7, 4)}};
}

static hf_rest make_rest(const hf_problem *problem) {
    size_t dim = hf_grid_dim(hf_problem_grid(problem));
    hf_rest r = {.tried = 64,
                 .diracs = DIRACS,
                 .more = true,
                 .has_optimum = true,
                 .optimum = make_optimum(problem),
                 .has_course = true,
                 .approach = make_approach(),
                 .spread = made_up(10, 0),
                 .concentrated = true,
                 .goal = make_stationary(20, ATOMS, dim),
                 .near = 1,
                 .rates = RATES,
                 .verdicts = VERDICTS};
    cr_assert_eq(hf_allocate(NULL, DIRACS, sizeof *r.dirac, &r.dirac), HF_OK);
    for (size_t k = 0; k < DIRACS; k++)
        r.dirac[k] = make_stationary(40 + 10 * k, 1, dim);
    r.dirac[0].stability = HF_UNSTABLE;
    for (size_t k = 0; k < RATES; k++)
        r.rate[k] = (hf_local_rate){.mean = k == 1, .promised = made_up(11, k), .measured = make_fit(12 + k)};
    r.verdict[0] = (hf_verdict){.theorem = "Certificate",
                                .equation = "(13)",
                                .hypothesis = "always",
                                .conclusion = "the gap bounds",
                                .assumed = HF_YES,
                                .concluded = HF_NO,
                                .evidence = "2.385 > 1"};
    r.verdict[1] = (hf_verdict){.theorem = "Motion",
                                .equation = "(56)",
                                .hypothesis = "a Dirac",
                                .conclusion = "a rate",
                                .assumed = HF_OPEN,
                                .concluded = HF_OPEN,
                                .evidence = "nothing seen"};
    return r;
}

/* A random problem of a form, on 4 to 7 cells an axis. */
static trial make_trial(const head_shape *shape, double temperature, unsigned long seed) {
    trial t = {.form = shape->form,
               .alphas = shape->alphas,
               .values = shape->values,
               .ridge = 0.31,
               .temperature = temperature};
    gsl_rng *random = make_random(seed);
    trial_create(&t, random);
    gsl_rng_free(random);
    return t;
}

static const head_shape two = {"affine", 1, 1};

/* One to four coordinates. */
enum { SOME = 4 };
static const head_shape some[SOME] = {{"affine", 0, 1}, {"affine", 1, 1}, {"angle", 1, 2}, {"product", 2, 2}};

/* ---- written and read -------------------------------------------------------------------------------- */

/* Psi from its definition, sum_e w_e r_e . h_e + (lambda/2)|theta|^2: docs/theory.md (8). */
static double plain_potential(const hf_problem *problem, const double *logits, const double *theta) {
    const hf_events *events = hf_problem_events(problem);
    const hf_model *model = hf_problem_model(problem);
    size_t classes = hf_events_classes(events);
    double psi = 0;
    for (size_t e = 0; e < hf_events_count(events); e++) {
        double head[HF_WIDTH_MAX], sum = 0;
        hf_model_head_logits(model, e, theta, head);
        for (size_t c = 0; c < classes; c++)
            sum += exp(logits[e * classes + c]);
        for (size_t c = 0; c < classes; c++)
            psi += hf_events_weight(events, e) * head[c] *
                   (exp(logits[e * classes + c]) / sum - hf_events_label(events, e)[c]);
    }
    for (size_t d = 0; d < hf_grid_dim(hf_problem_grid(problem)); d++)
        if (hf_model_ridged(model, d))
            psi += 0.5 * hf_model_ridge(model) * theta[d] * theta[d];
    return psi;
}

static void expect_same_grid(const hf_grid *a, const hf_grid *b) {
    cr_assert_eq(hf_grid_dim(a), hf_grid_dim(b));
    for (size_t d = 0; d < hf_grid_dim(a); d++) {
        const hf_axis *x = hf_grid_axis(a, d), *y = hf_grid_axis(b, d);
        cr_expect_str_eq(x->name, y->name);
        cr_expect(x->cells == y->cells && x->periodic == y->periodic, "%s", x->name);
        expect_same(x->name, 2, (double[]){x->lower, x->upper}, (double[]){y->lower, y->upper});
    }
}

static void expect_same_optimum(const hf_problem *problem, const hf_optimum *a, const hf_minimum *found) {
    const hf_optimum *b = &found->optimum;
    const hf_events *events = hf_problem_events(problem);
    size_t dim = hf_grid_dim(found->grid);
    cr_assert(!found->thermal && b->atoms.count == ATOMS && b->atoms.dim == dim);
    expect_same("numbers", 3, (double[]){a->risk, a->lowest, a->gap}, (double[]){b->risk, b->lowest, b->gap});
    cr_expect(a->wall_limited == b->wall_limited && a->iterations == b->iterations);
    expect_same("mass", ATOMS, a->atoms.mass, b->atoms.mass);
    expect_same("theta", ATOMS * dim, a->atoms.theta, b->atoms.theta);
    expect_same("excess", ATOMS, a->excess, b->excess);
    expect_same("slope", ATOMS * dim, a->slope, b->slope);
    expect_same("logits", hf_events_count(events) * hf_events_classes(events), a->logits, b->logits);
    for (size_t i = 0; i < ATOMS * dim; i++)
        cr_expect_eq(a->wall[i], b->wall[i], "wall[%zu]: %d is %d", i, a->wall[i], b->wall[i]);
    for (size_t i = 0; i < hf_grid_cells(found->grid); i++) {
        double theta[HF_DIM_MAX];
        hf_grid_centers(found->grid, i, theta);
        double expected = plain_potential(problem, a->logits, theta);
        cr_expect_float_eq(found->potential[i], expected, 1e-13, "cell %zu: %.17g is %.17g", i, expected,
                           found->potential[i]);
    }
}

Test(store_optimum, reads_the_optimum_that_was_written) {
    for (size_t i = 0; i < head_shape_count; i++) {
        hf_error error = {0};
        hf_minimum found;
        trial t = make_trial(&head_shapes[i], 0, 100 + i);
        hf_optimum optimum = make_optimum(t.problem);
        cr_assert_eq(hf_optimum_write(&error, path, t.problem, "name: made up\n", &optimum), HF_OK, "%s",
                     error.message);
        cr_assert_eq(hf_minimum_read(&error, path, &found), HF_OK, "%s", error.message);
        cr_expect_str_eq(found.name, hf_problem_name(t.problem));
        cr_expect_str_eq(found.title, hf_problem_title(t.problem));
        expect_same_grid(hf_problem_grid(t.problem), found.grid);
        expect_same_optimum(t.problem, &optimum, &found);
        hf_minimum_clear(&found);
        hf_optimum_clear(&optimum);
        trial_destroy(&t);
    }
}

Test(store_optimum, reads_the_gibbs_density_that_was_written) {
    gsl_rng *random = make_random(7);
    for (size_t i = 0; i < SOME; i++) {
        hf_error error = {0};
        hf_minimum found;
        trial t = make_trial(&some[i], 0.05, 200 + i);
        hf_gibbs g = make_gibbs(t.problem, random), *f = &found.gibbs;
        cr_assert_eq(hf_gibbs_write(&error, path, t.problem, "name: made up\n", &g), HF_OK, "%s",
                     error.message);
        cr_assert_eq(hf_minimum_read(&error, path, &found), HF_OK, "%s", error.message);
        cr_expect(found.thermal && found.temperature == 0.05 && f->iterations == g.iterations);
        expect_same(
            "numbers", 6, (double[]){g.risk, g.entropy, g.free_energy, g.gap, g.continuum, g.continuum_error},
            (double[]){f->risk, f->entropy, f->free_energy, f->gap, f->continuum, f->continuum_error});
        expect_same("density", hf_grid_cells(found.grid), g.rho, f->rho);
        hf_minimum_clear(&found);
        hf_gibbs_clear(&g);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

static void write_rest(const hf_problem *problem, const course *c, const hf_rest *rest) {
    hf_error error = {0};
    cr_assert_eq(hf_rest_write(&error, path, problem, "name: made up\n", c != NULL ? &c->solved : NULL, rest),
                 HF_OK, "%s", error.message);
}

static void expect_same_fit(const char *what, const hf_fit *a, const hf_fit *b) {
    expect_same(what, 5, (double[]){a->value, a->lower, a->upper, a->first, a->last},
                (double[]){b->value, b->lower, b->upper, b->first, b->last});
}

Test(store_optimum, reads_the_course_that_was_written) {
    for (size_t i = 0; i < SOME; i++) {
        hf_error error = {0};
        hf_settling found;
        course c;
        trial t = make_trial(&some[i], 0, 300 + i);
        hf_rest rest = make_rest(t.problem);
        const hf_approach *a = &rest.approach, *b = &found.approach;
        make_course(&c, t.problem);
        write_rest(t.problem, &c, &rest);
        cr_assert_eq(hf_settling_read(&error, path, &found), HF_OK, "%s", error.message);
        cr_assert_eq(found.count, TIMES);
        cr_expect_str_eq(found.title, hf_problem_title(t.problem));
        expect_same("time", TIMES, c.time, found.time);
        expect_same("risk", TIMES, c.risk, found.risk);
        expect_same("dissipation", TIMES, c.dissipation, found.dissipation);
        expect_same_fit("exponent", &a->exponent, &b->exponent);
        expect_same_fit("rate", &a->rate, &b->rate);
        expect_same(
            "approach", 6,
            (double[]){a->limit, a->limit_error, a->minimum, a->domination, a->domination_limit, a->balance},
            (double[]){b->limit, b->limit_error, b->minimum, b->domination, b->domination_limit, b->balance});
        cr_expect(b->extrapolated);
        hf_settling_clear(&found);
        hf_rest_clear(&rest);
        trial_destroy(&t);
    }
}

/* Of a case alone there is no course; where nothing was found, no variables. */
Test(store_optimum, leaves_out_what_is_not_there) {
    hf_error error = {0};
    hf_settling found;
    trial t = make_trial(&two, 0, 1);
    write_rest(t.problem, NULL, &(hf_rest){.tried = 16});
    cr_assert_eq(hf_settling_read(&error, path, &found), HF_OK, "%s", error.message);
    cr_expect_eq(found.count, 0);
    hf_settling_clear(&found);
    trial_destroy(&t);
}

/* ---- as others read it ------------------------------------------------------------------------------- */

static int open_file(void) {
    int file;
    cr_assert_eq(nc_open(path, NC_NOWRITE, &file), NC_NOERR);
    return file;
}

static void expect_values(int file, const char *name, size_t count, const double *expected) {
    int id;
    double *values = make_array(count + 1);
    values[count] = 2.385;
    cr_assert_eq(nc_inq_varid(file, name, &id), NC_NOERR, "%s", name);
    cr_assert_eq(nc_get_var_double(file, id, values), NC_NOERR, "%s", name);
    expect_same(name, count, expected, values);
    cr_expect_eq(values[count], 2.385, "%s has more values", name);
    hf_array_destroy(&values);
}

static void expect_text(int file, const char *variable, const char *name, const char *expected) {
    char text[128] = "";
    size_t length;
    int id = NC_GLOBAL;
    if (variable != NULL)
        cr_assert_eq(nc_inq_varid(file, variable, &id), NC_NOERR, "%s", variable);
    cr_assert_eq(nc_inq_attlen(file, id, name, &length), NC_NOERR, "%s", name);
    cr_assert_lt(length, sizeof text);
    cr_assert_eq(nc_get_att_text(file, id, name, text), NC_NOERR);
    cr_expect_str_eq(text, expected);
}

static void expect_number(int file, const char *name, double expected) {
    double value;
    cr_assert_eq(nc_get_att_double(file, NC_GLOBAL, name, &value), NC_NOERR, "%s", name);
    expect_same(name, 1, &expected, &value);
}

static void expect_string(int file, const char *name, size_t index, const char *expected) {
    int id;
    char *text;
    cr_assert_eq(nc_inq_varid(file, name, &id), NC_NOERR, "%s", name);
    cr_assert_eq(nc_get_var1_string(file, id, &index, &text), NC_NOERR, "%s", name);
    cr_expect_str_eq(text, expected);
    nc_free_string(1, &text);
}

Test(store_optimum, limit_is_laid_out_as_documented) {
    course c;
    trial t = make_trial(&two, 0, 2);
    hf_rest rest = make_rest(t.problem);
    const hf_stationary *d = rest.dirac, *goal = &rest.goal;
    make_course(&c, t.problem);
    write_rest(t.problem, &c, &rest);
    int file = open_file();
    expect_text(file, NULL, "case", "name: made up\n");
    expect_values(
        file, "dirac_position", 4,
        (double[]){d[0].atoms.theta[0], d[0].atoms.theta[1], d[1].atoms.theta[0], d[1].atoms.theta[1]});
    expect_values(
        file, "dirac_A", 8,
        (double[]){d[0].A[0], d[0].A[1], d[0].A[2], d[0].A[3], d[1].A[0], d[1].A[1], d[1].A[2], d[1].A[3]});
    expect_values(file, "dirac_spread_rate", 4,
                  (double[]){d[0].spread[0], d[0].spread[1], d[1].spread[0], d[1].spread[1]});
    expect_values(file, "dirac_mean_rate", 4,
                  (double[]){d[0].rate[0], d[0].rate[1], d[1].rate[0], d[1].rate[1]});
    expect_values(file, "dirac_risk", 2, (double[]){d[0].risk, d[1].risk});
    expect_values(file, "dirac_residual", 2, (double[]){d[0].residual, d[1].residual});
    expect_values(file, "dirac_gap", 2, (double[]){d[0].gap, d[1].gap});
    expect_values(file, "dirac_stability", 2, (double[]){1, 2});
    expect_text(file, "dirac_stability", "flag_meanings", "stable unstable degenerate");
    expect_values(file, "goal_mass", ATOMS, goal->atoms.mass);
    expect_values(file, "goal_position", 2 * ATOMS, goal->atoms.theta);
    expect_values(file, "goal_B", 4 * ATOMS, goal->B);
    expect_values(file, "goal_motion_rate", 2 * ATOMS, goal->rate);
    expect_number(file, "goal_risk", goal->risk);
    expect_number(file, "goal_gap", goal->gap);
    expect_number(file, "goal_monotonicity", goal->monotonicity);
    expect_text(file, NULL, "goal_stability", "degenerate");
    expect_number(file, "spread", rest.spread);
    expect_number(file, "minimum", rest.optimum.risk);
    expect_number(file, "minimum_gap", rest.optimum.gap);
    expect_number(file, "starts", 64);
    expect_number(file, "noise", c.solved.course.noise);
    expect_number(file, "approach_rate_upper", rest.approach.rate.upper);
    expect_values(file, "local_of", RATES, (double[]){0, 1, 0});
    expect_values(file, "local_promised", RATES,
                  (double[]){rest.rate[0].promised, rest.rate[1].promised, rest.rate[2].promised});
    expect_values(
        file, "local_upper", RATES,
        (double[]){rest.rate[0].measured.upper, rest.rate[1].measured.upper, rest.rate[2].measured.upper});
    expect_string(file, "theorem", 1, "Motion");
    expect_string(file, "equation", 0, "(13)");
    expect_string(file, "hypothesis", 1, "a Dirac");
    expect_string(file, "conclusion", 0, "the gap bounds");
    expect_string(file, "evidence", 0, "2.385 > 1");
    expect_values(file, "assumed", VERDICTS, (double[]){1, 2});
    expect_values(file, "concluded", VERDICTS, (double[]){0, 2});
    expect_text(file, "concluded", "flag_meanings", "no yes open");
    cr_assert_eq(nc_close(file), NC_NOERR);
    hf_rest_clear(&rest);
    trial_destroy(&t);
}

/* Every variable has a long_name, every number units. */
static void expect_described(void) {
    int file = open_file(), count;
    cr_assert_eq(nc_inq_nvars(file, &count), NC_NOERR);
    for (int id = 0; id < count; id++) {
        char name[NC_MAX_NAME + 1];
        nc_type type;
        size_t length;
        cr_assert_eq(nc_inq_var(file, id, name, &type, NULL, NULL, NULL), NC_NOERR);
        cr_expect_eq(nc_inq_attlen(file, id, "long_name", &length), NC_NOERR, "%s", name);
        cr_expect(type == NC_STRING || nc_inq_attlen(file, id, "units", &length) == NC_NOERR, "%s", name);
    }
    cr_assert_eq(nc_close(file), NC_NOERR);
}

Test(store_optimum, all_variables_are_described) {
    hf_error error = {0};
    course c;
    gsl_rng *random = make_random(3);
    trial cold = make_trial(&two, 0, 4), warm = make_trial(&two, 0.05, 5);
    hf_rest rest = make_rest(cold.problem);
    hf_gibbs gibbs = make_gibbs(warm.problem, random);
    make_course(&c, cold.problem);
    write_rest(cold.problem, &c, &rest);
    expect_described();
    cr_assert_eq(hf_optimum_write(&error, path, cold.problem, "", &rest.optimum), HF_OK, "%s", error.message);
    expect_described();
    cr_assert_eq(hf_gibbs_write(&error, path, warm.problem, "", &gibbs), HF_OK, "%s", error.message);
    expect_described();
    hf_gibbs_clear(&gibbs);
    hf_rest_clear(&rest);
    trial_destroy(&cold);
    trial_destroy(&warm);
    gsl_rng_free(random);
}

/* ---- damage ------------------------------------------------------------------------------------------ */

/* HDF5 forgets allocations of its own where a file is damaged: not ours to find. */
static void watch_leaks(bool on) {
#ifdef __SANITIZE_ADDRESS__
    if (on)
        __lsan_enable();
    else
        __lsan_disable();
#else
    (void)on;
#endif
}

static void expect_one_line(const hf_error *error, const char *says) {
    cr_expect_eq(error->status, HF_ERR_IO, "%s", error->message);
    cr_expect_null(strchr(error->message, '\n'), "%s", error->message);
    cr_expect_not_null(strstr(error->message, says), "`%s` does not say %s", error->message, says);
}

static void expect_refused(bool optimum, const char *says) {
    hf_error error = {0};
    hf_minimum minimum;
    hf_settling settling;
    if (optimum) {
        cr_expect_eq(hf_minimum_read(&error, path, &minimum), HF_ERR_IO, "%s", says);
        cr_expect(minimum.grid == NULL && minimum.potential == NULL && minimum.optimum.atoms.mass == NULL);
    } else {
        cr_expect_eq(hf_settling_read(&error, path, &settling), HF_ERR_IO, "%s", says);
        cr_expect(settling.time == NULL && settling.risk == NULL);
    }
    expect_one_line(&error, says);
    cr_expect_eq(hf_figures_draw(&error, path, NULL), HF_ERR_IO, "%s", says);
    expect_one_line(&error, path);
}

static void write_sound(bool optimum) {
    hf_error error = {0};
    course c;
    trial t = make_trial(&two, 0, 6);
    hf_rest rest = make_rest(t.problem);
    make_course(&c, t.problem);
    if (optimum)
        cr_assert_eq(hf_optimum_write(&error, path, t.problem, "", &rest.optimum), HF_OK, "%s",
                     error.message);
    else
        write_rest(t.problem, &c, &rest);
    hf_rest_clear(&rest);
    trial_destroy(&t);
}

Test(store_optimum, refuses_truncated_files) {
    watch_leaks(false); /* from the start: HDF5 takes blocks again that it has freed */
    for (int optimum = 0; optimum < 2; optimum++) {
        struct stat status;
        write_sound(optimum);
        cr_assert_eq(stat(path, &status), 0);
        for (off_t size = status.st_size; size > 1000; size -= size / 6) {
            cr_assert_eq(truncate(path, size - size / 6), 0);
            expect_refused(optimum, path);
        }
    }
    watch_leaks(true);
}

static void put_value(int file, const char *variable, size_t first, double value) {
    int id;
    cr_assert_eq(nc_inq_varid(file, variable, &id), NC_NOERR);
    cr_assert_eq(nc_put_var1_double(file, id, (size_t[]){first, 0}, &value), NC_NOERR);
}

static void put_number(int file, const char *name, double value) {
    cr_assert_eq(nc_put_att_double(file, NC_GLOBAL, name, NC_DOUBLE, 1, &value), NC_NOERR);
}

static void rename_variable(int file, const char *name) {
    int id;
    cr_assert_eq(nc_inq_varid(file, name, &id), NC_NOERR);
    cr_assert_eq(nc_redef(file), NC_NOERR);
    cr_assert_eq(nc_rename_var(file, id, "another"), NC_NOERR);
}

/* One thing wrong at a time. */
static void damage(int file, size_t row) {
    switch (row) {
    case 0:
        put_value(file, "atom_mass", 1, 0);
        break;
    case 1:
        put_value(file, "atom_position", 2, INFINITY);
        break;
    case 2:
        put_value(file, "atom_wall", 0, 3);
        break;
    case 3:
        put_number(file, "iterations", 1.5);
        break;
    case 4:
        cr_assert_eq(nc_put_att_text(file, NC_GLOBAL, "minimises", 5, "what?"), NC_NOERR);
        break;
    case 5:
        rename_variable(file, "potential");
        break;
    case 6:
        rename_variable(file, "atom_slope");
        break;
    case 7:
        cr_assert_eq(nc_del_att(file, NC_GLOBAL, "gap"), NC_NOERR);
        break;
    case 8:
        put_value(file, "time", 3, 0.1);
        break;
    case 9:
        cr_assert_eq(nc_del_att(file, NC_GLOBAL, "approach_rate_lower"), NC_NOERR);
        break;
    default:
        rename_variable(file, "dissipation");
    }
}

Test(store_optimum, refuses_files_that_contradict_themselves) {
    static const struct {
        bool optimum;
        const char *says;
    } rows[] = {{true, "atom 1 has no position"},
                {true, "atom 2 has no position"},
                {true, "'atom_wall' is 3"},
                {true, "'iterations' is 1.5"},
                {true, "'minimises' is 'what?'"},
                {true, "has no variable 'potential'"},
                {true, "has no variable 'atom_slope'"},
                {true, "cannot read attribute gap"},
                {false, "'time' does not increase at entry 3"},
                {false, "approach_rate_lower"},
                {false, "has no variable 'dissipation'"}};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        int file;
        write_sound(rows[row].optimum);
        cr_assert_eq(nc_open(path, NC_WRITE, &file), NC_NOERR);
        damage(file, row);
        cr_assert_eq(nc_close(file), NC_NOERR);
        expect_refused(rows[row].optimum, rows[row].says);
    }
}

/* ---- what is refused leaves nothing ------------------------------------------------------------------ */

Test(store_optimum, refuses_coordinates_with_names_of_its_own) {
    static const char *const names[] = {"atom", "potential", "atom_wall", "logits"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        hf_error error = {0};
        toy stable = toy_find("stable");
        strcpy(stable.input.axes[0].name, names[i]);
        hf_problem *problem = toy_create(&stable);
        hf_optimum optimum = make_optimum(problem);
        cr_expect_eq(hf_optimum_write(&error, path, problem, "", &optimum), HF_ERR_INPUT, "%s", names[i]);
        cr_expect_not_null(strstr(error.message, names[i]), "%s", error.message);
        cr_expect_not(exists(path), "%s", names[i]);
        hf_optimum_clear(&optimum);
        hf_problem_destroy(&problem);
    }
}

/* A file that the disk has no room for: the older one stays. */
Test(store_optimum, leaves_nothing_half_written) {
    hf_error error = {0};
    char part[PATH + 8];
    struct stat before, after;
    struct rlimit room = {.rlim_cur = 4000, .rlim_max = RLIM_INFINITY};
    course c;
    trial t = make_trial(&two, 0, 8);
    hf_rest rest = make_rest(t.problem);
    snprintf(part, sizeof part, "%s.part", path);
    make_course(&c, t.problem);
    write_sound(false);
    cr_assert_eq(stat(path, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    hf_status status = hf_rest_write(&error, path, t.problem, "", &c.solved, &rest);
    hf_status optimum = hf_optimum_write(NULL, path, t.problem, "", &rest.optimum);
    room.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    cr_expect(status == HF_ERR_IO && optimum == HF_ERR_IO);
    expect_one_line(&error, path);
    cr_assert_eq(stat(path, &after), 0);
    cr_expect(before.st_ino == after.st_ino && before.st_size == after.st_size);
    cr_expect_not(exists(part));
    hf_rest_clear(&rest);
    trial_destroy(&t);
    fflush(NULL);
    _exit(0); /* HDF5 crashes at the end over files that it could not close */
}

/* ---- figures ----------------------------------------------------------------------------------------- */

static void need_gnuplot(void) {
    if (system("gnuplot --version >/dev/null 2>&1") != 0)
        cr_skip_test("no gnuplot");
}

static void figure_file(const char *name, const char *ending, char file[2 * PATH]) {
    snprintf(file, 2 * PATH, "%s/new/figures/%s.%s", folder, name, ending);
}

static void draw(void) {
    hf_error error = {0};
    cr_assert_eq(hf_figures_draw(&error, path, NULL), HF_OK, "%s", error.message);
}

static void expect_figure(const char *name) {
    static const char *const endings[] = {"gp", "dat", "svg", "pdf", "png"};
    char file[2 * PATH];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        figure_file(name, endings[i], file);
        cr_expect(exists(file), "%s.%s", name, endings[i]);
    }
}

/* The row `index` of NAME.dat, comments left out. values: shape (count) */
static void read_row(const char *name, size_t index, size_t count, double *values) {
    char file[2 * PATH], line[4096];
    figure_file(name, "dat", file);
    FILE *data = fopen(file, "r");
    cr_assert_not_null(data);
    for (size_t row = 0; row <= index;) {
        cr_assert_not_null(fgets(line, sizeof line, data), "%s.dat ends before row %zu", name, index);
        row += line[0] != '#' && line[0] != '\n';
    }
    fclose(data);
    char *place = line;
    for (size_t i = 0; i < count; i++)
        values[i] = strtod(place, &place);
}

/* The map of two coordinates holds the least potential over the others; its atoms are where they are. */
Test(store_optimum, draws_the_optimum) {
    need_gnuplot();
    for (size_t i = 0; i < SOME; i++) {
        hf_error error = {0};
        trial t = make_trial(&some[i], 0, 400 + i);
        const hf_grid *grid = hf_problem_grid(t.problem);
        hf_optimum optimum = make_optimum(t.problem);
        cr_assert_eq(hf_optimum_write(&error, path, t.problem, "", &optimum), HF_OK, "%s", error.message);
        draw();
        expect_figure("optimum");
        size_t dim = hf_grid_dim(grid), nx = hf_grid_axis(grid, 0)->cells, rows = nx;
        double row[16] = {0}, theta[HF_DIM_MAX], least = INFINITY;
        for (size_t k = 0; k < hf_grid_cells(grid); k++) {
            hf_grid_centers(grid, k, theta);
            bool here = theta[0] == hf_grid_center(grid, 0, 2) &&
                        (dim == 1 || theta[1] == hf_grid_center(grid, 1, 1));
            if (here)
                least = fmin(least, plain_potential(t.problem, optimum.logits, theta) - optimum.lowest);
        }
        if (dim == 1) {
            read_row("optimum", 2, 2, row);
            cr_expect_float_eq(row[1], least, 1e-8, "%.10g is %.10g", least, row[1]);
        } else {
            rows = 1 + hf_grid_axis(grid, 1)->cells;
            read_row("optimum", 2, 1 + nx, row);
            cr_expect_float_eq(row[1 + 2], least, 1e-3 * least, "%zu: %.10g is %.10g", dim, least, row[3]);
        }
        read_row("optimum", rows + 1, 1 + (dim > 1) + 1, row);
        cr_expect_float_eq(row[0], optimum.atoms.theta[dim], 1e-8);
        cr_expect_float_eq(row[dim > 1 ? 2 : 1], optimum.atoms.mass[1], 1e-8);
        hf_optimum_clear(&optimum);
        trial_destroy(&t);
    }
}

Test(store_optimum, draws_the_gibbs_density) {
    hf_error error = {0};
    gsl_rng *random = make_random(9);
    trial t = make_trial(&(head_shape){"affine", 1, 2}, 0.05, 10);
    hf_gibbs gibbs = make_gibbs(t.problem, random);
    const hf_grid *grid = hf_problem_grid(t.problem);
    double row[16], sum = 0;
    need_gnuplot();
    cr_assert_eq(hf_gibbs_write(&error, path, t.problem, "", &gibbs), HF_OK, "%s", error.message);
    draw();
    expect_figure("optimum");
    for (size_t j = 0; j < hf_grid_axis(grid, 1)->cells; j++) {
        read_row("optimum", 1 + j, 1 + hf_grid_axis(grid, 0)->cells, row);
        for (size_t i = 0; i < hf_grid_axis(grid, 0)->cells; i++)
            sum += row[1 + i] * hf_grid_spacing(grid, 0) * hf_grid_spacing(grid, 1);
    }
    cr_expect_float_eq(sum, 1, 1e-3, "the marginal has mass %g", sum); /* four digits are written */
    hf_gibbs_clear(&gibbs);
    trial_destroy(&t);
    gsl_rng_free(random);
}

Test(store_optimum, draws_the_course) {
    need_gnuplot();
    write_sound(false);
    draw();
    expect_figure("approach");
    expect_figure("lojasiewicz");
    double row[3];
    read_row("approach", 4, 3, row);
    cr_expect_float_eq(row[0], 1.2, 1e-9);
    cr_expect_float_eq(row[1], 0.2385 * exp(-1.7 * 1.2), 1e-9);
    cr_expect_float_eq(row[2], 0.4 * exp(-1.7 * 1.2), 1e-9);
}

/* Fits that are not there, a limit above all risks, and one that is not known. */
Test(store_optimum, draws_what_there_is_of_a_course) {
    static const double limits[] = {0.7, 5, NAN};
    char file[2 * PATH];
    need_gnuplot();
    course c;
    trial t = make_trial(&two, 0, 11);
    hf_rest rest = make_rest(t.problem);
    make_course(&c, t.problem);
    rest.approach.exponent = rest.approach.rate = (hf_fit){NAN, NAN, NAN, NAN, NAN};
    rest.approach.domination_limit = NAN;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        rest.approach.limit = limits[i];
        write_rest(t.problem, &c, &rest);
        figure_file("approach", "png", file);
        unlink(file);
        draw();
        cr_expect_eq(exists(file), isfinite(limits[i]), "limit %g", limits[i]);
    }
    hf_rest_clear(&rest);
    trial_destroy(&t);
}
