/* Random problems and the toy cases for the tests. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

gsl_rng *make_random(unsigned long seed) {
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(random, seed);
    return random;
}

double uniform(gsl_rng *random, double lower, double upper) {
    return lower + (upper - lower) * gsl_rng_uniform(random);
}

void fill_uniform(gsl_rng *random, double lower, double upper, size_t count, double *array) {
    for (size_t i = 0; i < count; i++)
        array[i] = uniform(random, lower, upper);
}

double *make_array(size_t count) {
    double *array;
    cr_assert_eq(hf_array_create(NULL, count, &array), HF_OK);
    return array;
}

double largest(size_t count, const double *array) {
    double value = 0;
    for (size_t i = 0; i < count; i++)
        value = fabs(array[i]) <= value || isnan(value) ? value : fabs(array[i]); /* a NaN stays */
    return value;
}

double largest_difference(size_t count, const double *a, const double *b) {
    double value = 0;
    for (size_t i = 0; i < count; i++)
        value = fabs(a[i] - b[i]) <= value || isnan(value) ? value : fabs(a[i] - b[i]);
    return value;
}

hf_events *make_random_events(gsl_rng *random, size_t width, size_t classes, size_t count) {
    enum { LONGEST = 5, WIDTH_MAX = 8, CLASSES_MAX = 8 };
    hf_events *events;
    cr_assert(width <= WIDTH_MAX && classes <= CLASSES_MAX);
    cr_assert_eq(hf_events_create(NULL, width, classes, &events), HF_OK);
    for (size_t e = 0; e < count; e++) {
        double tokens[LONGEST * WIDTH_MAX], label[CLASSES_MAX];
        size_t length = 1 + gsl_rng_uniform_int(random, LONGEST);
        fill_uniform(random, -1.5, 1.5, length * width, tokens);
        fill_uniform(random, 0, 1, classes, label);
        cr_assert_eq(hf_events_add(NULL, events, length, tokens, label, uniform(random, 0.3, 2.385)), HF_OK);
    }
    return events;
}

hf_heads make_random_heads(gsl_rng *random, const char *form, size_t alphas, size_t values, size_t width,
                           size_t classes, double scale, double **matrices) {
    const hf_attention_form *found = hf_attention_form_find(form);
    cr_assert_not_null(found);
    size_t basis = strcmp(form, "affine") == 0 ? alphas : strcmp(form, "product") == 0 ? 1 : 2;
    size_t square = width * width, value = classes * width;
    double *m = *matrices = malloc(((1 + basis) * square + (1 + values) * value) * sizeof *m);
    cr_assert_not_null(m);
    fill_uniform(random, -scale, scale, (1 + basis) * square, m);
    fill_uniform(random, -1.5, 1.5, (1 + values) * value, m + (1 + basis) * square);
    return (hf_heads){.form = found,
                      .attention_coordinates = alphas,
                      .attention_basis_count = basis,
                      .value_coordinates = values,
                      .attention_base = m,
                      .attention_basis = m + square,
                      .value_base = m + (1 + basis) * square,
                      .value_basis = m + (1 + basis) * square + value};
}

void trial_create(trial *t, gsl_rng *random) {
    enum { WIDTH = 3, CLASSES = 3, EVENTS = 4 };
    static const char *const names[HF_DIM_MAX] = {"one", "two", "three", "four"};
    t->heads = make_random_heads(random, t->form, t->alphas, t->values, WIDTH, CLASSES, 0.8, &t->matrices);
    hf_component component = {.weight = 2.385};
    hf_problem_input input = {.name = "trial",
                              .events = make_random_events(random, WIDTH, CLASSES, EVENTS),
                              .heads = t->heads,
                              .ridge = t->ridge,
                              .temperature = t->temperature,
                              .dim = t->alphas + t->values,
                              .component_count = 1,
                              .components = &component,
                              .flux = t->flux != NULL ? hf_flux_find(t->flux) : NULL,
                              .limiter = t->limiter != NULL ? hf_limiter_find(t->limiter) : NULL,
                              .end = 2.385};
    for (size_t d = 0; d < input.dim; d++) {
        hf_axis *axis = &input.axes[d];
        axis->periodic = t->heads.form->periodic && d < t->alphas;
        axis->lower = axis->periodic ? -M_PI : uniform(random, -1.7, -1.1);
        axis->upper = axis->periodic ? M_PI : uniform(random, 0.9, 1.6);
        axis->cells = 4 + (d + t->alphas) % 4;
        strcpy(axis->name, names[d]);
        component.profile[d] = (hf_profile){HF_PROFILE_UNIFORM, axis->lower, axis->upper};
    }
    hf_error error = {0};
    cr_assert_eq(hf_problem_create(&error, &input, &t->problem), HF_OK, "%s", error.message);
}

void trial_destroy(trial *t) {
    hf_problem_destroy(&t->problem);
    free(t->matrices);
}

const head_shape head_shapes[] = {
    {"affine", 0, 1}, {"affine", 0, 2}, {"affine", 0, 3},  {"affine", 1, 0},  {"affine", 1, 1},
    {"affine", 1, 2}, {"affine", 1, 3}, {"affine", 2, 0},  {"affine", 2, 1},  {"affine", 2, 2},
    {"affine", 3, 0}, {"affine", 3, 1}, {"product", 2, 0}, {"product", 2, 1}, {"product", 2, 2},
    {"angle", 1, 0},  {"angle", 1, 1},  {"angle", 1, 2},   {"angle", 1, 3},
};
const size_t head_shape_count = sizeof head_shapes / sizeof head_shapes[0];

void fill_density(gsl_rng *random, const hf_grid *grid, double empty, double *rho) {
    size_t cells = hf_grid_cells(grid);
    double mass = 0;
    while (mass == 0)
        for (size_t i = 0; i < cells; i++) {
            rho[i] = uniform(random, 0, 1) < empty ? 0 : exp(uniform(random, -3, 1));
            mass += rho[i] * hf_grid_volume(grid);
        }
    for (size_t i = 0; i < cells; i++)
        rho[i] /= mass;
}

/* ---- the toy cases ------------------------------------------------------------------------------------- */

/* W_1 c = (c/2, -c/2) with c the value component of a token. */
static const double nothing[9] = {0};
static const double first_component[] = {0.5, -0.5};
static const double second_of_two[] = {0, 0.5, 0, -0.5};
static const double second_of_three[] = {0, 0.5, 0, 0, -0.5, 0};
/* scores: key.key in tokens of two and of three, and -1/2 position.position */
static const double match_of_two[] = {1, 0, 0, 0};
static const double match_and_recency[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0, -0.5};
static const double turning[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0, -1.5};

typedef struct toy_row {
    const char *name, *generator, *form;
    size_t alphas, basis_count;
    const double *attention, *value;
    double ridge, temperature, end;
    hf_axis axes[HF_DIM_MAX];
    hf_profile profile[HF_DIM_MAX];
} toy_row;

#define BUMP(c, r)                                                                                           \
    { HF_PROFILE_BUMP, c, r }

static const toy_row toys[] = {
    {"translate",
     "single",
     "affine",
     0,
     0,
     NULL,
     first_component,
     0,
     0,
     4,
     {{"v", -2, 4, 48, false}},
     {BUMP(0, 1.5)}},
    {"ridge",
     "single",
     "affine",
     0,
     0,
     NULL,
     first_component,
     0.25,
     0,
     4,
     {{"v", -2, 4, 48, false}},
     {BUMP(0, 1.5)}},
    {"retrieval",
     "retrieval",
     "affine",
     1,
     1,
     match_of_two,
     second_of_two,
     0,
     0,
     8,
     {{"a", -3, 5, 32, false}, {"v", -3, 7, 40, false}},
     {BUMP(0.5, 1.5), BUMP(0.5, 1.5)}},
    {"qkv",
     "retrieval",
     "product",
     2,
     1,
     match_of_two,
     second_of_two,
     0,
     0,
     6,
     {{"q", -2.5, 2.5, 12, false}, {"k", -2.5, 2.5, 12, false}, {"v", -2.5, 4.5, 16, false}},
     {BUMP(0.5, 1), BUMP(0.5, 1), BUMP(0.5, 1)}},
    {"stable",
     "retrieval",
     "affine",
     1,
     1,
     match_of_two,
     second_of_two,
     0.25,
     0,
     10,
     {{"a", -1, 1.5, 32, false}, {"v", -1, 1.5, 32, false}},
     {BUMP(0.2, 0.6), BUMP(0.2, 0.6)}},
    {"saddle",
     "opposite",
     "affine",
     1,
     1,
     match_of_two,
     second_of_two,
     0.1,
     0,
     12,
     {{"a", -2.5, 2.5, 32, false}, {"v", -2.5, 2.5, 32, false}},
     {BUMP(0, 0.5), BUMP(0, 0.5)}},
    {"contract",
     "opposite",
     "affine",
     1,
     1,
     match_of_two,
     second_of_two,
     0.4,
     0,
     10,
     {{"a", -1, 1, 32, false}, {"v", -1, 1, 32, false}},
     {BUMP(0.1, 0.6), BUMP(0, 0.6)}},
    {"specialise",
     "twoway",
     "affine",
     2,
     2,
     match_and_recency,
     second_of_three,
     0.005,
     0,
     20,
     {{"match", -3, 3.5, 12, false}, {"recency", -3, 4.5, 12, false}, {"v", -2, 6, 16, false}},
     {BUMP(0, 1.5), BUMP(0, 1.5), BUMP(0.5, 1.5)}},
    {"gibbs",
     "retrieval",
     "affine",
     1,
     1,
     match_of_two,
     second_of_two,
     0.1,
     0.05,
     60,
     {{"a", -4.5, 4.5, 48, false}, {"v", -4.5, 4.5, 48, false}},
     {BUMP(0.5, 1.5), BUMP(0.5, 1.5)}},
    {"angle",
     "twoway",
     "angle",
     1,
     2,
     turning,
     second_of_three,
     0,
     0,
     8,
     {{"phi", -M_PI, M_PI, 32, true}, {"v", -3, 7, 32, false}},
     {{HF_PROFILE_COSINE, 0.5, 0.3}, BUMP(0.5, 1.5)}},
};

const char *const toy_names[] = {"translate", "ridge",    "retrieval",  "qkv",   "stable",
                                 "saddle",    "contract", "specialise", "gibbs", "angle"};
const size_t toy_count = sizeof toy_names / sizeof toy_names[0];

toy toy_find(const char *name) {
    const toy_row *row = NULL;
    for (size_t i = 0; i < sizeof toys / sizeof toys[0]; i++)
        if (strcmp(toys[i].name, name) == 0)
            row = &toys[i];
    cr_assert_not_null(row);
    toy found = {.generator = row->generator,
                 .component = {.weight = 1},
                 .input = {.name = row->name,
                           .heads = {.form = hf_attention_form_find(row->form),
                                     .attention_coordinates = row->alphas,
                                     .attention_basis_count = row->basis_count,
                                     .value_coordinates = 1,
                                     .attention_base = nothing,
                                     .attention_basis = row->attention,
                                     .value_base = nothing,
                                     .value_basis = row->value},
                           .ridge = row->ridge,
                           .temperature = row->temperature,
                           .dim = row->alphas + 1,
                           .end = row->end,
                           .rtol = 1e-8,
                           .atol = 1e-10,
                           .outputs = 9}};
    memcpy(found.input.axes, row->axes, sizeof row->axes);
    memcpy(found.component.profile, row->profile, sizeof row->profile);
    return found;
}

hf_problem *toy_create_mixture(toy *t, size_t count, const hf_component *components) {
    const hf_generator *generator = hf_generator_find(t->generator);
    hf_generator_options options = {.flip = 0.1, .window = 8};
    hf_error error = {0};
    hf_problem *problem;
    cr_assert_not_null(generator);
    cr_assert_eq(hf_events_create(&error, generator->width, generator->classes, &t->input.events), HF_OK);
    cr_assert_eq(generator->add(&error, &options, t->input.events), HF_OK, "%s", error.message);
    t->input.components = components;
    t->input.component_count = count;
    cr_assert_eq(hf_problem_create(&error, &t->input, &problem), HF_OK, "%s", error.message);
    return problem;
}

hf_problem *toy_create(toy *t) {
    return toy_create_mixture(t, 1, &t->component);
}
