/* The named cases: all of them read, and their matrices are those of the definitions. The head logits of a
 * case are compared with a formula written from the definition, not from the matrices. */
#include <criterion/criterion.h>
#include <headflow/case.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char word_list[] = "/usr/share/dict/words";

/* Scores of the definitions: theta, the query x, a token y. */
static double no_score(const double *theta, const double *x, const double *y) {
    return 0 * (theta[0] + x[0] + y[0]);
}
static double match(const double *theta, const double *x, const double *y) {
    return theta[0] * x[0] * y[0];
}
static double product(const double *theta, const double *x, const double *y) {
    return theta[0] * theta[1] * x[0] * y[0];
}
static double twoway(const double *theta, const double *x, const double *y) {
    return theta[0] * x[0] * y[0] - 0.5 * theta[1] * x[2] * y[2];
}
static double angle(const double *theta, const double *x, const double *y) {
    return 3 * (cos(theta[0]) * x[0] * y[0] - 0.5 * sin(theta[0]) * x[2] * y[2]);
}
static double place(const double *theta, const double *x, const double *y) {
    return 4 * theta[0] * x[2] * y[1];
}

/* Logits of the definitions from the value coordinate and the context. */
static void single_value(double v, const double *context, double *logits) {
    logits[0] = 0.5 * v * context[0];
    logits[1] = -0.5 * v * context[0];
}
static void second_value(double v, const double *context, double *logits) {
    single_value(v, context + 1, logits);
}
static void letters(double v, const double *context, double *logits) {
    logits[0] = -1.111983 + v * context[0];
    logits[1] = -0.593127 - v * context[0];
    logits[2] = -2.132865;
}

static const struct named {
    const char *name;
    size_t dim, events, cells;
    double ridge, temperature, end;
    double (*score)(const double *theta, const double *x, const double *y);
    void (*value)(double v, const double *context, double *logits);
} named[] = {
    {"angle", 2, 32, 128 * 128, 0, 0, 8, angle, second_value},
    {"contract", 2, 8, 128 * 128, 0.4, 0, 10, match, second_value},
    {"gibbs", 2, 16, 96 * 96, 0.1, 0.05, 60, match, second_value},
    {"qkv", 3, 16, 48 * 48 * 72, 0, 0, 6, product, second_value},
    {"retrieval", 2, 16, 128 * 128, 0, 0, 8, match, second_value},
    {"ridge", 1, 1, 128, 0.25, 0, 4, no_score, single_value},
    {"saddle", 2, 8, 128 * 128, 0.1, 0, 12, match, second_value},
    {"specialise", 3, 32, 48 * 48 * 64, 0.005, 0, 20, twoway, second_value},
    {"stable", 2, 16, 128 * 128, 0.25, 0, 10, match, second_value},
    {"translate", 1, 1, 128, 0, 0, 4, no_score, single_value},
    {"words", 2, 1147, 128 * 128, 0, 0, 10, place, letters},
};
enum { NAMED = sizeof named / sizeof *named };

static void use_own_cases(void) {
    setenv("HEADFLOW_CASES", SOURCE_ROOT "/cases", 1);
}

TestSuite(named_cases, .init = use_own_cases);

static bool lacks_words(const char *name) {
    return strcmp(name, "words") == 0 && access(word_list, R_OK) != 0;
}

static hf_problem *read_named(const char *name) {
    hf_error error = {0};
    hf_problem *problem;
    char *path;
    cr_assert_eq(hf_case_find(&error, name, &path), HF_OK, "%s", error.message);
    cr_assert_eq(hf_case_read(&error, path, 0, NULL, &problem, NULL), HF_OK, "%s", error.message);
    free(path);
    return problem;
}

/* Head logits by the definition: softmax attention over the tokens of an event, then the value map. */
static void define_logits(const struct named *c, const hf_events *events, size_t event, const double *theta,
                          double *logits) {
    size_t length = hf_events_length(events, event), width = hf_events_width(events);
    const double *tokens = hf_events_tokens(events, event), *query = tokens + (length - 1) * width;
    double context[3] = {0}, sum = 0;
    for (size_t t = 0; t < length; t++) {
        double weight = exp(c->score(theta, query, tokens + t * width));
        sum += weight;
        for (size_t k = 0; k < width; k++)
            context[k] += weight * tokens[t * width + k];
    }
    for (size_t k = 0; k < width; k++)
        context[k] /= sum;
    c->value(theta[c->dim - 1], context, logits);
}

Test(named_cases, matrices_are_those_of_the_definitions) {
    static const double point[] = {0.731, -0.417, 1.193};
    for (const struct named *c = named; c < named + NAMED; c++) {
        if (lacks_words(c->name))
            continue;
        hf_problem *problem = read_named(c->name);
        const hf_events *events = hf_problem_events(problem);
        for (size_t e = 0; e < hf_events_count(events); e++) {
            double expected[3], logits[3];
            define_logits(c, events, e, point, expected);
            hf_model_head_logits(hf_problem_model(problem), e, point, logits);
            for (size_t k = 0; k < hf_events_classes(events); k++)
                cr_expect_float_eq(logits[k], expected[k], 1e-13, "%s, event %zu, class %zu", c->name, e, k);
        }
        hf_problem_destroy(&problem);
    }
}

Test(named_cases, numbers_are_those_of_the_definitions) {
    for (const struct named *c = named; c < named + NAMED; c++) {
        if (lacks_words(c->name))
            continue;
        hf_problem *problem = read_named(c->name);
        cr_expect_str_eq(hf_problem_name(problem), c->name);
        cr_expect_eq(hf_grid_dim(hf_problem_grid(problem)), c->dim);
        cr_expect_eq(hf_grid_cells(hf_problem_grid(problem)), c->cells);
        cr_expect_eq(hf_events_count(hf_problem_events(problem)), c->events, "%s", c->name);
        cr_expect_eq(hf_model_ridge(hf_problem_model(problem)), c->ridge);
        cr_expect_eq(hf_problem_temperature(problem), c->temperature);
        cr_expect_eq(hf_problem_end(problem), c->end);
        cr_expect(hf_problem_rtol(problem) == 1e-8 && hf_problem_atol(problem) == 1e-10);
        cr_expect_eq(hf_problem_outputs(problem), 33);
        cr_expect_eq(hf_problem_particles(problem)->heads_count, 4);
        hf_problem_destroy(&problem);
    }
}

/* Whether a case is one of heads. */
static bool is_of_heads(const char *name) {
    char *path;
    const char *model;
    cr_assert_eq(hf_case_find(NULL, name, &path), HF_OK);
    cr_assert_eq(hf_case_model(NULL, path, 0, NULL, &model), HF_OK);
    free(path);
    return strcmp(model, "heads") == 0;
}

Test(named_cases, list_has_all_in_order) {
    size_t count, next = 0;
    hf_case_entry *entries;
    cr_assert_eq(hf_case_names(NULL, &count, &entries), HF_OK);
    for (size_t k = 0; k < count; k++) {
        cr_expect_gt(strlen(entries[k].title), 10);
        if (!is_of_heads(entries[k].name))
            continue;
        cr_assert_lt(next, NAMED);
        cr_expect_str_eq(entries[k].name, named[next++].name);
        if (strcmp(entries[k].name, "retrieval") == 0)
            cr_expect_str_eq(entries[k].title, "The value stored under the queried key");
    }
    cr_assert_eq(next, NAMED);
    hf_case_names_destroy(count, &entries);
}

Test(named_cases, names_and_paths_are_told_apart) {
    hf_error error = {0};
    char *path;
    cr_expect_eq(hf_case_find(&error, "retrival", &path), HF_ERR_INPUT);
    cr_expect_null(path);
    cr_expect_not_null(strstr(error.message, "`retrival`, did you mean `retrieval`?"), "%s", error.message);
    cr_assert_eq(hf_case_find(&error, "retrieval", &path), HF_OK);
    cr_expect_str_eq(path, SOURCE_ROOT "/cases/retrieval.yaml");
    free(path);
    static const char *const paths[] = {"retrieval.yaml", "./retrieval", "a/b.yml"};
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
        cr_assert_eq(hf_case_find(&error, paths[k], &path), HF_OK);
        cr_expect_str_eq(path, paths[k]);
        free(path);
    }
}

Test(named_cases, failing_generators_are_blamed_where_they_are_named) {
    static const struct {
        const char *override, *message;
        hf_status status;
    } wrong[] = {
        {"data.window=2000", "words.yaml:7:19: data.generator: ", HF_ERR_INPUT},
        {"data.file=/nowhere/words", "--set data.file=/nowhere/words: data.file: ", HF_ERR_IO},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        hf_error error = {0};
        hf_problem *problem;
        cr_expect_eq(
            hf_case_read(&error, SOURCE_ROOT "/cases/words.yaml", 1, &wrong[k].override, &problem, NULL),
            wrong[k].status);
        cr_expect_not_null(strstr(error.message, wrong[k].message), "%s", error.message);
        cr_expect_null(problem);
    }
}
