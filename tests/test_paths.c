/* Attention paths: the reference problem of tests/data/paths-l1-h3.json, the gradient against differences,
 * the expansion in the inverse width, the closed form of one head a layer, and plain twins of kernel and
 * predictor. docs/paths.md. */
#include "support.h"

#include <headflow/paths.h>

#include <cblas.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the reference file ----------------------------------------------------------------------------- */

/* Numbers of a key, in order, brackets left out; after `section` where that is not NULL. */
static double *read_numbers(const char *section, const char *key, size_t *count) {
    static char text[1 << 16];
    static double values[1 << 12];
    char quoted[64];
    FILE *file = fopen(SOURCE_ROOT "/tests/data/paths-l1-h3.json", "r");
    cr_assert_not_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *at = text;
    if (section != NULL) {
        snprintf(quoted, sizeof quoted, "\"%s\": {", section);
        at = strstr(text, quoted);
        cr_assert_not_null(at);
    }
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    at = strstr(at, quoted);
    cr_assert_not_null(at, "%s", key);
    at += strlen(quoted);
    size_t used = 0;
    for (int depth = 0; *at != '\0';) {
        char *end;
        double value = strtod(at, &end);
        if (end != at) {
            values[used++] = value;
            at = end;
            if (depth == 0)
                break;
            continue;
        }
        depth += (*at == '[') - (*at == ']');
        at++;
        if (depth == 0 && at[-1] == ']')
            break;
    }
    double *copy = make_array(used);
    memcpy(copy, values, used * sizeof *copy);
    if (count != NULL)
        *count = used;
    return copy;
}

static void expect_numbers(const char *section, const char *key, size_t count, const double *found,
                           double tolerance) {
    size_t expected;
    double *reference = read_numbers(section, key, &expected);
    cr_assert_eq(expected, count, "%s has %zu numbers", key, expected);
    double scale = largest(count, reference);
    cr_expect_leq(largest_difference(count, found, reference), tolerance * scale, "%s: %.2e of %.2e", key,
                  largest_difference(count, found, reference), scale);
    hf_array_destroy(&reference);
}

static const hf_paths_network reference_network = {
    .layers = 1, .heads = {3}, .widths = {8, 6}, .variances = {1.1, 1.2, 0.8}, .temperature = 0.05};

enum { REFERENCE_TRAIN = 12, REFERENCE_TEST = 4, REFERENCE_FEATURES = 5, REFERENCE_PATHS = 3 };

static hf_paths_features *reference_features(bool test) {
    double *inputs = read_numbers(NULL, test ? "test_inputs" : "inputs", NULL);
    double *attention = read_numbers(NULL, test ? "test_attention" : "attention", NULL);
    const hf_paths_examples examples = {.count = test ? REFERENCE_TEST : REFERENCE_TRAIN,
                                        .features = REFERENCE_FEATURES,
                                        .tokens = 4,
                                        .inputs = inputs,
                                        .attention = {attention},
                                        .applied = true};
    hf_paths_features *features;
    cr_assert_eq(hf_paths_features_create(NULL, &reference_network, &examples, HF_READOUT_LAST, &features),
                 HF_OK);
    hf_array_destroy(&inputs);
    hf_array_destroy(&attention);
    return features;
}

/* The kernels of the first two paths for three examples as they are defined, from the features of the file.
 */
Test(paths_reference, path_features_and_kernels) {
    enum { M = REFERENCE_PATHS, N = REFERENCE_FEATURES, P = REFERENCE_TRAIN, PAIR = 2, FIRST = 3 };
    hf_paths_features *features = reference_features(false);
    const double *phi = hf_paths_features_values(features);
    double scale = sqrt(1.1 / (N * M)), xi[P * N * M], kernel[PAIR * PAIR * FIRST * FIRST] = {0};
    for (size_t p = 0; p < P; p++)
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < M; k++)
                xi[(p * N + i) * M + k] = phi[(k * P + p) * N + i] / scale;
    expect_numbers(NULL, "path_features", P * N * M, xi, 1e-12);
    for (size_t k = 0; k < PAIR; k++)
        for (size_t l = 0; l < PAIR; l++)
            for (size_t p = 0; p < FIRST; p++)
                for (size_t q = 0; q < FIRST; q++)
                    for (size_t i = 0; i < N; i++)
                        kernel[((k * PAIR + l) * FIRST + p) * FIRST + q] +=
                            xi[(p * N + i) * M + k] * xi[(q * N + i) * M + l] / N;
    expect_numbers(NULL, "path_kernel_train_first_two", PAIR * PAIR * FIRST * FIRST, kernel, 1e-12);
    hf_paths_features_destroy(&features);
    cr_expect_null(features);
}

Test(paths_reference, probe_solution_and_what_follows) {
    enum { M = REFERENCE_PATHS, P = REFERENCE_TRAIN };
    hf_paths_features *train = reference_features(false), *test = reference_features(true);
    double *labels = read_numbers(NULL, "labels", NULL), *order = read_numbers("probe", "U", NULL);
    double gradient[M * M], kernel[P * P], mean[REFERENCE_TEST], variance[REFERENCE_TEST], scores[M];
    hf_paths_action *action;
    hf_paths_value value;
    hf_paths_solution solution;
    cr_assert_eq(hf_paths_action_create(NULL, &reference_network, train, labels, &action), HF_OK);
    cr_assert_eq(hf_paths_action_evaluate(NULL, action, order, &value, gradient), HF_OK);
    double whole = value.entropy + value.energy;
    expect_numbers("probe", "u_a", 1, &value.readout, 1e-12);
    expect_numbers("probe", "entropy", 1, &value.entropy, 1e-12);
    expect_numbers("probe", "energy", 1, &value.energy, 1e-12);
    expect_numbers("probe", "S", 1, &whole, 1e-12);
    expect_numbers("probe", "gradient", M * M, gradient, 1e-12);
    cr_assert_eq(hf_paths_solve(NULL, action, 1, &solution), HF_OK);
    whole = solution.value.entropy + solution.value.energy;
    expect_numbers("solution", "U", M * M, solution.order, 1e-8);
    expect_numbers("solution", "u_a", 1, &solution.value.readout, 1e-8);
    expect_numbers("solution", "S", 1, &whole, 1e-12);
    cr_expect_leq(solution.residual, HF_PATHS_TOLERANCE);
    cr_assert_eq(hf_paths_predict(NULL, 0.05, train, labels, test, solution.order, mean, variance), HF_OK);
    expect_numbers("renormalised", "mean", REFERENCE_TEST, mean, 1e-8);
    expect_numbers("renormalised", "variance", REFERENCE_TEST, variance, 1e-8);
    cr_assert_eq(hf_paths_kernel(NULL, train, train, solution.order, kernel), HF_OK);
    expect_numbers("renormalised", "kernel_first_row", P, kernel, 1e-8);
    double eigenvalues[P], alignment[P];
    cr_assert_eq(hf_paths_alignment(NULL, P, kernel, labels, eigenvalues, alignment), HF_OK);
    expect_numbers("alignment_first3", "renormalised", 3, alignment, 1e-7); /* of vectors: 1e-8 / their gap */
    hf_paths_scores(&reference_network, solution.order, scores);
    double rows[3 * M];
    for (size_t h = 0; h < M; h++)
        memcpy(rows + 3 * h, (double[]){1, (double)h + 1, scores[h]}, 3 * sizeof *rows);
    expect_numbers(NULL, "head_scores", 3 * M, rows, 1e-8);
    hf_paths_silence(&reference_network, 0, solution.order);
    cr_assert_eq(hf_paths_predict(NULL, 0.05, train, labels, test, solution.order, mean, variance), HF_OK);
    expect_numbers("pruned_layer1_head1", "mean", REFERENCE_TEST, mean, 1e-8);
    expect_numbers("pruned_layer1_head1", "variance", REFERENCE_TEST, variance, 1e-8);
    hf_paths_gaussian_limit(&reference_network, order);
    cr_assert_eq(hf_paths_predict(NULL, 0.05, train, labels, test, order, mean, variance), HF_OK);
    expect_numbers("gp", "mean", REFERENCE_TEST, mean, 1e-12);
    expect_numbers("gp", "variance", REFERENCE_TEST, variance, 1e-12);
    cr_assert_eq(hf_paths_kernel(NULL, train, train, order, kernel), HF_OK);
    cr_assert_eq(hf_paths_alignment(NULL, P, kernel, labels, eigenvalues, alignment), HF_OK);
    expect_numbers("alignment_first3", "gp", 3, alignment, 1e-10);
    hf_array_destroy(&solution.order);
    hf_paths_action_destroy(&action);
    hf_paths_features_destroy(&train);
    hf_paths_features_destroy(&test);
    hf_array_destroy(&labels);
    hf_array_destroy(&order);
}

/* ---- random problems -------------------------------------------------------------------------------- */

typedef struct paths_trial {
    hf_paths_network network;
    size_t count, features;
    hf_paths_features *train;
    double *labels;
} paths_trial;

/* Positive columns that sum to 1. attention: shape (blocks, tokens, tokens) */
static void fill_attention(gsl_rng *random, size_t blocks, size_t tokens, double *attention) {
    fill_uniform(random, 0.05, 1, blocks * tokens * tokens, attention);
    for (size_t b = 0; b < blocks; b++)
        for (size_t t = 0; t < tokens; t++) {
            double *column = attention + b * tokens * tokens + t, sum = 0;
            for (size_t s = 0; s < tokens; s++)
                sum += column[s * tokens];
            for (size_t s = 0; s < tokens; s++)
                column[s * tokens] /= sum;
        }
}

static void trial_fill(paths_trial *t, gsl_rng *random) {
    enum { TOKENS = 5 };
    hf_paths_examples examples = {.count = t->count, .features = t->features, .tokens = TOKENS};
    double *inputs = make_array(t->count * t->features * TOKENS), *attention[HF_PATHS_LAYERS_MAX];
    fill_uniform(random, -2.385, 2.385, t->count * t->features * TOKENS, inputs);
    examples.inputs = inputs;
    for (size_t l = 0; l < t->network.layers; l++) {
        attention[l] = make_array(t->count * t->network.heads[l] * TOKENS * TOKENS);
        fill_attention(random, t->count * t->network.heads[l], TOKENS, attention[l]);
        examples.attention[l] = attention[l];
    }
    hf_error error = {0};
    cr_assert_eq(hf_paths_features_create(&error, &t->network, &examples, HF_READOUT_MEAN, &t->train), HF_OK,
                 "%s", error.message);
    t->labels = make_array(t->count);
    fill_uniform(random, -1.7, 1.7, t->count, t->labels);
    for (size_t l = 0; l < t->network.layers; l++)
        hf_array_destroy(&attention[l]);
    hf_array_destroy(&inputs);
}

static void trial_clear(paths_trial *t) {
    hf_paths_features_destroy(&t->train);
    hf_array_destroy(&t->labels);
}

/* Symmetric positive definite blocks. */
static void fill_order(gsl_rng *random, const hf_paths_network *network, double *order) {
    for (size_t l = 0; l < network->layers; l++) {
        size_t rows = hf_paths_rows(network, l);
        double *block = order + hf_paths_offset(network, l), root[64 * 64];
        fill_uniform(random, -0.7, 0.7, rows * rows, root);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < rows; j++) {
                block[i * rows + j] = i == j ? 0.8 : 0;
                for (size_t k = 0; k < rows; k++)
                    block[i * rows + j] += root[i * rows + k] * root[j * rows + k];
            }
    }
}

static double action_at(hf_paths_action *action, const double *order) {
    hf_paths_value value;
    cr_assert_eq(hf_paths_action_evaluate(NULL, action, order, &value, NULL), HF_OK);
    return value.entropy + value.energy;
}

static const hf_paths_network shapes[] = {
    {1, {3}, {8.5, 6}, {1.1, 1.2, 0.8}, 0.05},
    {2, {2, 3}, {11, 7.5, 9}, {0.9, 1.3, 0.7, 1.2}, 0.11},
    {3, {2, 1, 3}, {13, 8, 10.5, 17}, {1.2, 0.8, 1.1, 0.9, 1.3}, 0.07},
};

/* Directional derivatives along symmetric directions by a sixth-order central difference: its error is of
 * order 1e-12 of S at this step, whose rounding divided by the step is 1e-11. */
Test(paths_action, gradient_against_differences) {
    static const double weights[] = {3. / 4, -3. / 20, 1. / 60}, step = 4e-3;
    gsl_rng *random = make_random(901);
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        paths_trial t = {.network = shapes[k], .count = 14, .features = 6};
        trial_fill(&t, random);
        size_t size = hf_paths_offset(&t.network, t.network.layers);
        double *order = make_array(size), *along = make_array(size), *moved = make_array(size),
               *gradient = make_array(size);
        hf_paths_action *action;
        hf_paths_value value;
        cr_assert_eq(hf_paths_action_create(NULL, &t.network, t.train, t.labels, &action), HF_OK);
        for (size_t draw = 0; draw < 12; draw++) {
            fill_order(random, &t.network, order);
            for (size_t l = 0; l < t.network.layers; l++) {
                size_t rows = hf_paths_rows(&t.network, l);
                double *block = along + hf_paths_offset(&t.network, l);
                fill_uniform(random, -0.3, 0.3, rows * rows, block);
                for (size_t i = 0; i < rows; i++)
                    for (size_t j = 0; j < i; j++)
                        block[i * rows + j] = block[j * rows + i];
            }
            double expected = 0, found = 0, scale = 0;
            cr_assert_eq(hf_paths_action_evaluate(NULL, action, order, &value, gradient), HF_OK);
            for (size_t i = 0; i < size; i++) {
                found += gradient[i] * along[i];
                scale += fabs(gradient[i] * along[i]);
            }
            for (int n = 1; n <= 3; n++)
                for (int sign = -1; sign <= 1; sign += 2) {
                    for (size_t i = 0; i < size; i++)
                        moved[i] = order[i] + sign * n * step * along[i];
                    expected += sign * weights[n - 1] * action_at(action, moved) / step;
                }
            cr_expect_leq(fabs(found - expected), 1e-9 * scale, "%zu layers: %.12g, %.12g", t.network.layers,
                          found, expected);
        }
        hf_paths_action_destroy(&action);
        hf_array_destroy(&order);
        hf_array_destroy(&along);
        hf_array_destroy(&moved);
        hf_array_destroy(&gradient);
        trial_clear(&t);
    }
    gsl_rng_free(random);
}

/* N (U_1 - 1) -> -[G + 1 x Tr_{H_1} G + .. + tr(G) 1] for equal widths and unit variances: what is left falls
 * as 1/N, so that it is ten times smaller at ten times the width. */
Test(paths_solve, expansion_in_the_inverse_width) {
    gsl_rng *random = make_random(902);
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        paths_trial t = {.network = shapes[k], .count = 9, .features = 7};
        double rest[2], widths[2] = {2e4, 2e5};
        for (size_t l = 0; l < t.network.layers + 2; l++)
            t.network.variances[l] = 1;
        t.network.temperature = 0.3;
        trial_fill(&t, random);
        size_t size = hf_paths_offset(&t.network, t.network.layers), M = hf_paths_rows(&t.network, 0);
        double *order = make_array(size), *gradient = make_array(size), *expected = make_array(M * M);
        for (size_t n = 0; n < 2; n++) {
            hf_paths_action *action;
            hf_paths_value value;
            hf_paths_solution solution;
            for (size_t l = 0; l <= t.network.layers; l++)
                t.network.widths[l] = widths[n];
            hf_paths_gaussian_limit(&t.network, order);
            cr_assert_eq(hf_paths_action_create(NULL, &t.network, t.train, t.labels, &action), HF_OK);
            cr_assert_eq(hf_paths_action_evaluate(NULL, action, order, &value, gradient), HF_OK);
            memset(expected, 0, M * M * sizeof *expected); /* the gradient there is G */
            for (size_t l = 0; l <= t.network.layers; l++) {
                size_t rows = hf_paths_rows(&t.network, l); /* traces over the heads of layers before l */
                for (size_t i = 0; i < M; i++)
                    for (size_t j = 0; j < M; j++)
                        for (size_t h = 0; h < M / rows && i / rows == j / rows; h++)
                            expected[i * M + j] -= gradient[(h * rows + i % rows) * M + h * rows + j % rows];
            }
            hf_error error = {0};
            cr_assert_eq(hf_paths_solve(&error, action, 1, &solution), HF_OK, "%s", error.message);
            rest[n] = 0;
            for (size_t i = 0; i < M * M; i++)
                rest[n] = fmax(rest[n], fabs(widths[n] * (solution.order[i] - order[i]) - expected[i]));
            hf_array_destroy(&solution.order);
            hf_paths_action_destroy(&action);
        }
        cr_expect_leq(rest[1], 2e-2 * largest(M * M, expected));
        cr_expect_float_eq(rest[0] / rest[1], 10, 0.5, "%zu layers: %g, %g", t.network.layers, rest[0],
                           rest[1]);
        hf_array_destroy(&order);
        hf_array_destroy(&gradient);
        hf_array_destroy(&expected);
        trial_clear(&t);
    }
    gsl_rng_free(random);
}

/* One head a layer at temperature 0: U_1 = z^{L+1}, u_a = z, N (1 - z) = P - z^{-(L+1)} y^T K^{-1} y. */
Test(paths_solve, one_head_a_layer) {
    gsl_rng *random = make_random(903);
    for (size_t L = 1; L <= 3; L++) {
        paths_trial t = {.network = {.layers = L}, .count = 8, .features = 11};
        const double width = 23.85;
        for (size_t l = 0; l < L; l++)
            t.network.heads[l] = 1;
        for (size_t l = 0; l <= L; l++)
            t.network.widths[l] = width;
        for (size_t l = 0; l < L + 2; l++)
            t.network.variances[l] = 1;
        trial_fill(&t, random);
        double order[HF_PATHS_LAYERS_MAX];
        hf_paths_action *action;
        hf_paths_value value;
        hf_paths_solution solution;
        cr_assert_eq(hf_paths_action_create(NULL, &t.network, t.train, t.labels, &action), HF_OK);
        for (size_t l = 0; l < L; l++)
            order[l] = 1;
        cr_assert_eq(hf_paths_action_evaluate(NULL, action, order, &value, NULL), HF_OK);
        double whole = value.energy, doubled; /* ln det K + y K^-1 y; at U = 2: P ln 2 and half of it */
        order[0] = 2;
        cr_assert_eq(hf_paths_action_evaluate(NULL, action, order, &value, NULL), HF_OK);
        doubled = value.energy;
        double P = (double)t.count, quadratic = 2 * (whole - doubled + P * log(2));
        cr_assert_eq(hf_paths_solve(NULL, action, 1, &solution), HF_OK);
        double z = solution.value.readout, U = solution.order[0];
        cr_expect_float_eq(U, pow(z, (double)L + 1), 1e-10 * U);
        cr_expect_float_eq(width * (1 - z), P - quadratic / U, 1e-8 * (P + quadratic / U), "%zu layers", L);
        hf_array_destroy(&solution.order);
        hf_paths_action_destroy(&action);
        trial_clear(&t);
    }
    gsl_rng_free(random);
}

/* Of s_0 and s_a only the product matters, U being proportional to s_a: the units of U do not matter for the
 * steps nor for their end. */
Test(paths_solve, units_do_not_matter) {
    static const double scales[] = {1, 2e-7, 3e6};
    double reference[64];
    size_t evaluations = 0;
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        gsl_rng *random = make_random(907);
        paths_trial t = {.network = shapes[1], .count = 14, .features = 6};
        t.network.variances[0] /= scales[k];
        t.network.variances[3] *= scales[k];
        trial_fill(&t, random);
        hf_paths_action *action;
        hf_paths_solution solution;
        hf_error error = {0};
        size_t size = hf_paths_offset(&t.network, 2);
        cr_assert_eq(hf_paths_action_create(NULL, &t.network, t.train, t.labels, &action), HF_OK);
        cr_assert_eq(hf_paths_solve(&error, action, 1, &solution), HF_OK, "%s", error.message);
        for (size_t i = 0; i < size; i++)
            solution.order[i] /= scales[k];
        if (k == 0) {
            memcpy(reference, solution.order, size * sizeof *reference);
            evaluations = solution.evaluations;
        }
        cr_expect_leq(largest_difference(size, solution.order, reference), 1e-10 * largest(size, reference));
        cr_expect_leq(solution.evaluations, evaluations + 10);
        hf_array_destroy(&solution.order);
        hf_paths_action_destroy(&action);
        trial_clear(&t);
        gsl_rng_free(random);
    }
}

/* What S changes by when the examples come in another order, nothing but rounding, is below its estimate. */
Test(paths_action, rounding) {
    enum { P = 14, N = 6, T = 3 };
    static const double temperatures[] = {1e-9, 1e-4, 0.1};
    gsl_rng *random = make_random(908);
    for (size_t k = 0; k < sizeof temperatures / sizeof *temperatures; k++) {
        double inputs[2][P * N * T], attention[P * 3 * T * T], labels[2][P], order[9], whole[2];
        hf_paths_network network = shapes[0];
        hf_paths_value value;
        network.temperature = temperatures[k];
        fill_uniform(random, -2.385, 2.385, P * N * T, inputs[0]);
        fill_uniform(random, -1.7, 1.7, P, labels[0]);
        for (size_t i = 0; i < P * 3 * T * T; i++)
            attention[i] = 1. / T; /* one path counts: K has rank N */
        for (size_t p = 0; p < P; p++) {
            labels[1][P - 1 - p] = labels[0][p];
            memcpy(inputs[1] + (P - 1 - p) * N * T, inputs[0] + p * N * T, N * T * sizeof(double));
        }
        fill_order(random, &network, order);
        for (size_t way = 0; way < 2; way++) {
            const hf_paths_examples e = {
                .count = P, .features = N, .tokens = T, .inputs = inputs[way], .attention = {attention}};
            hf_paths_features *features;
            hf_paths_action *action;
            cr_assert_eq(hf_paths_features_create(NULL, &network, &e, HF_READOUT_LAST, &features), HF_OK);
            cr_assert_eq(hf_paths_action_create(NULL, &network, features, labels[way], &action), HF_OK);
            cr_assert_eq(hf_paths_action_evaluate(NULL, action, order, &value, NULL), HF_OK);
            whole[way] = value.entropy + value.energy;
            hf_paths_action_destroy(&action);
            hf_paths_features_destroy(&features);
        }
        cr_expect_leq(fabs(whole[0] - whole[1]), value.rounding, "%g: %.1e, estimate %.1e", temperatures[k],
                      whole[0] - whole[1], value.rounding);
        cr_expect_leq(value.rounding, 1e-4 * fabs(whole[0])); /* the condition of K + T 1 is 1e11 at most */
    }
    gsl_rng_free(random);
}

/* All starts of this problem find the same minimum, whose gradient vanishes, and which no step lowers. */
Test(paths_solve, starts_agree) {
    gsl_rng *random = make_random(904);
    paths_trial t = {.network = shapes[1], .count = 14, .features = 6};
    trial_fill(&t, random);
    hf_paths_action *action;
    hf_paths_solution one, several;
    hf_paths_value value;
    size_t size = hf_paths_offset(&t.network, 2);
    cr_assert_eq(hf_paths_action_create(NULL, &t.network, t.train, t.labels, &action), HF_OK);
    cr_assert_eq(hf_paths_solve(NULL, action, 1, &one), HF_OK);
    cr_assert_eq(hf_paths_solve(NULL, action, 4, &several), HF_OK);
    cr_expect_leq(largest_difference(size, one.order, several.order), 1e-9 * largest(size, one.order));
    cr_expect_leq(several.spread, 1e-9);
    cr_expect_gt(several.evaluations, 3 * one.evaluations / 2);
    double *gradient = make_array(size), *moved = make_array(size);
    cr_assert_eq(hf_paths_action_evaluate(NULL, action, one.order, &value, gradient), HF_OK);
    cr_expect_leq(largest(size, gradient), 1e-12 * 11);
    cr_expect_float_eq(value.entropy + value.energy, one.value.entropy + one.value.energy, 1e-12);
    for (size_t l = 0; l < 2; l++)
        for (int sign = -1; sign <= 1; sign += 2) {
            memcpy(moved, one.order, size * sizeof *moved);
            for (size_t i = hf_paths_offset(&t.network, l); i < hf_paths_offset(&t.network, l + 1); i++)
                moved[i] *= 1 + 0.01 * sign;
            cr_expect_gt(action_at(action, moved), value.entropy + value.energy);
        }
    hf_array_destroy(&gradient);
    hf_array_destroy(&moved);
    hf_array_destroy(&one.order);
    hf_array_destroy(&several.order);
    hf_paths_action_destroy(&action);
    trial_clear(&t);
    gsl_rng_free(random);
}

/* ---- twins ------------------------------------------------------------------------------------------ */

/* Weight of a path on a token: the sum over all tokens between. */
static double follow(const hf_paths_network *network, const hf_paths_examples *e, hf_paths_readout readout,
                     size_t example, size_t path, size_t layer, size_t token) {
    size_t T = e->tokens, head = path / hf_paths_rows(network, layer + 1) % network->heads[layer];
    const double *omega = e->attention[layer] + (example * network->heads[layer] + head) * T * T + token * T;
    double sum = 0;
    if (layer + 1 < network->layers) {
        for (size_t t = 0; t < T; t++)
            sum += omega[t] * follow(network, e, readout, example, path, layer + 1, t);
        return sum;
    }
    for (size_t t = 0; t < T; t++)
        sum += omega[t] / (double)T;
    return readout == HF_READOUT_MEAN ? sum : omega[readout == HF_READOUT_LAST ? T - 1 : 0];
}

Test(paths_features, sums_over_all_tokens_between) {
    enum { P = 3, N = 2, T = 4 };
    gsl_rng *random = make_random(905);
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (size_t readout = 0; readout < HF_READOUTS; readout++) {
            const hf_paths_network *network = &shapes[k];
            double inputs[P * N * T], attention[HF_PATHS_LAYERS_MAX][P * 3 * T * T];
            hf_paths_examples e = {.count = P, .features = N, .tokens = T, .inputs = inputs};
            fill_uniform(random, -1, 1, P * N * T, inputs);
            for (size_t l = 0; l < network->layers; l++) {
                fill_attention(random, P * network->heads[l], T, attention[l]);
                e.attention[l] = attention[l];
            }
            hf_paths_features *features;
            cr_assert_eq(hf_paths_features_create(NULL, network, &e, (hf_paths_readout)readout, &features),
                         HF_OK);
            size_t M = hf_paths_features_paths(features);
            cr_expect_eq(hf_paths_features_count(features), P);
            cr_expect_eq(hf_paths_features_width(features), N);
            for (size_t m = 0; m < M; m++)
                for (size_t p = 0; p < P; p++)
                    for (size_t i = 0; i < N; i++) {
                        double expected = 0;
                        for (size_t s = 0; s < T; s++)
                            expected += inputs[(p * N + i) * T + s] *
                                        follow(network, &e, (hf_paths_readout)readout, p, m, 0, s);
                        expected *= sqrt(network->variances[0] / (double)(N * M));
                        cr_expect_float_eq(hf_paths_features_values(features)[(m * P + p) * N + i], expected,
                                           1e-14, "shape %zu, %s, path %zu", k,
                                           hf_paths_readout_names[readout], m);
                    }
            hf_paths_features_destroy(&features);
        }
    gsl_rng_free(random);
}

/* At a training example and temperature 0 the predictor is the label, without variance; far more test
 * examples than a block takes. */
Test(paths_predict, interpolates) {
    gsl_rng *random = make_random(906);
    paths_trial t = {.network = shapes[1], .count = 300, .features = 90};
    t.network.temperature = 0;
    trial_fill(&t, random);
    double order[36], *mean = make_array(2 * t.count), *kernel = make_array(t.count * t.count);
    double whole[36 + 9];
    fill_order(random, &t.network, whole);
    memcpy(order, whole, sizeof order);
    cr_assert_eq(hf_paths_predict(NULL, 0, t.train, t.labels, t.train, order, mean, mean + t.count), HF_OK);
    cr_assert_eq(hf_paths_kernel(NULL, t.train, t.train, order, kernel), HF_OK);
    cr_expect_leq(largest_difference(t.count, mean, t.labels), 1e-9);
    cr_expect_leq(largest(t.count, mean + t.count), 1e-10 * largest(t.count * t.count, kernel));
    const double *phi = hf_paths_features_values(t.train);
    for (size_t p = 0; p < t.count; p += 37)
        for (size_t q = 0; q < t.count; q += 41) {
            double expected = 0;
            for (size_t k = 0; k < 36; k++)
                expected += order[k] * cblas_ddot((int)t.features, phi + (k / 6 * t.count + p) * t.features,
                                                  1, phi + (k % 6 * t.count + q) * t.features, 1);
            cr_expect_float_eq(kernel[p * t.count + q], expected, 1e-12 * (1 + fabs(expected)));
        }
    hf_array_destroy(&mean);
    hf_array_destroy(&kernel);
    trial_clear(&t);
    gsl_rng_free(random);
}

Test(paths_scores, pruning_leaves_a_head_a_layer) {
    const hf_paths_network network = {.layers = 2, .heads = {2, 3}};
    const double scores[] = {0.1, 0.2, 0.9, 0.4, 0.3};
    size_t heads[3];
    hf_paths_pruning(&network, scores, heads);
    cr_expect_eq(heads[0], 0);
    cr_expect_eq(heads[1], 4); /* 1 is the last of its layer */
    cr_expect_eq(heads[2], 3);
    double order[36], left = 0;
    for (size_t i = 0; i < 36; i++)
        order[i] = 1;
    hf_paths_silence(&network, 0, order);
    hf_paths_silence(&network, 4, order);
    for (size_t i = 0; i < 36; i++)
        left += order[i];
    cr_expect_eq(left, 4); /* paths 3 and 4 */
    cr_expect_eq(order[3 * 6 + 4], 1);
    double equal[5];
    for (size_t i = 0; i < 36; i++)
        order[i] = i % 7 == 0 ? -2.385 : 0;
    hf_paths_scores(&network, order, equal);
    cr_expect_float_eq(equal[0], 1, 1e-15);
    cr_expect_float_eq(equal[2], 2. / 3, 1e-15);
}

/* ---- what is refused -------------------------------------------------------------------------------- */

Test(paths_errors, one_line_that_says_what_and_where) {
    enum { P = 3, N = 1, T = 2 };
    const hf_paths_network network = {1, {1}, {5, 5}, {1, 1, 1}, 0};
    double inputs[P * N * T] = {1, 2, 3, 4.5, 5, 2}, attention[P * T * T];
    double labels[P] = {1, -1, 1};
    for (size_t i = 0; i < P * T * T; i++)
        attention[i] = 0.5;
    const hf_paths_examples e = {
        .count = P, .features = N, .tokens = T, .inputs = inputs, .attention = {attention}};
    hf_paths_features *features, *other;
    hf_paths_action *action;
    hf_error error = {0};
    attention[4] = 0.6;
    cr_expect_eq(hf_paths_features_create(&error, &network, &e, HF_READOUT_LAST, &features), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "example 2, layer 1, head 1, query 1 sums to 1.1"), "%s",
                       error.message);
    attention[4] = -0.5, attention[6] = 1.5;
    cr_expect_eq(hf_paths_features_create(&error, &network, &e, HF_READOUT_LAST, &features), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "negative"), "%s", error.message);
    attention[4] = attention[6] = 0.5, inputs[3] = NAN;
    cr_expect_eq(hf_paths_features_create(&error, &network, &e, HF_READOUT_LAST, &features), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "example 2: feature 1 of token 2"), "%s", error.message);
    cr_expect_null(features);
    inputs[3] = 4.5;
    cr_assert_eq(hf_paths_features_create(&error, &network, &e, HF_READOUT_LAST, &features), HF_OK);
    cr_expect_eq(hf_paths_action_create(&error, &network, features, labels, &action), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "temperature 0 with 3 examples, more than 1 features times 1"),
                       "%s", error.message);
    hf_paths_features_destroy(&features);

    /* two equal examples: singular at temperature 0 */
    double wide[P * P * T] = {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 2, 1, 0, 1, 3, 1}, mean[P], variance[P];
    const hf_paths_examples same = {
        .count = P, .features = P, .tokens = T, .inputs = wide, .attention = {attention}};
    hf_paths_solution solution;
    cr_assert_eq(hf_paths_features_create(&error, &network, &same, HF_READOUT_LAST, &features), HF_OK);
    cr_assert_eq(hf_paths_action_create(&error, &network, features, labels, &action), HF_OK);
    cr_expect_eq(hf_paths_solve(&error, action, 1, &solution), HF_ERR_NUMERIC);
    cr_expect_not_null(strstr(error.message, "kernel of the examples is not positive definite"), "%s",
                       error.message);
    cr_expect_not_null(strstr(error.message, "expected a temperature > 0"), "%s", error.message);
    cr_expect_eq(hf_paths_action_evaluate(&error, action, (double[]){-1}, &solution.value, NULL),
                 HF_ERR_NUMERIC);
    cr_expect_not_null(strstr(error.message, "order parameter of layer 1 is not positive definite"), "%s",
                       error.message);
    cr_assert_eq(hf_paths_features_create(&error, &network, &e, HF_READOUT_LAST, &other), HF_OK);
    cr_expect_eq(hf_paths_predict(&error, 1, features, labels, other, (double[]){1}, mean, variance),
                 HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "1 features and 1 paths; expected 3 and 1"), "%s",
                       error.message);
    labels[1] = NAN;
    hf_paths_action_destroy(&action);
    cr_expect_eq(hf_paths_action_create(&error, &network, features, labels, &action), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "label of example 2"), "%s", error.message);
    hf_paths_features_destroy(&other);
    hf_paths_features_destroy(&features);
    static const hf_paths_network wrong[] = {
        {0, {1}, {1, 1}, {1, 1, 1}, 0},
        {1, {0}, {1, 1}, {1, 1, 1}, 0},
        {2, {17, 17}, {1, 1, 1}, {1, 1, 1, 1}, 0},
        {1, {1}, {0, 1}, {1, 1, 1}, 0},
        {1, {1}, {1, 1}, {1, -1, 1}, 0},
        {1, {1}, {1, 1}, {1, 1, 1}, -1},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        cr_expect_eq(hf_paths_network_check(&error, &wrong[k]), HF_ERR_INPUT, "%zu", k);
}

/* ---- the hidden-Markov task ------------------------------------------------------------------------- */

/* Three draws of the published task: finite width predicts better, by at least 8 points in the mean, and the
 * largest weight off the diagonal is that of the good path with the denoising one. All 20 seeds are
 * tests/e2e_paths.sh with HEADFLOW_FULL=1. */
Test(paths_markov, finite_width_helps) {
    enum { SEEDS = 3, M = 4, SIZE = 20 };
    static const double widths[] = {10, 100};
    double train_labels[100], test_labels[1000], mean[1000], variance[1000], accuracy[3] = {0}, order[SIZE];
    for (size_t seed = 0; seed < SEEDS; seed++) {
        hf_paths_network network = {2, {2, 2}, {10, 10, 10}, {1, 1, 1, 1}, 0.01};
        hf_paths_features *train, *test;
        hf_error error = {0};
        cr_assert_eq(hf_markov_create(&error, &network, &hf_markov_published, HF_READOUT_LAST, seed, &train,
                                      train_labels, &test, test_labels),
                     HF_OK);
        for (size_t k = 0; k < 3; k++) {
            hf_paths_gaussian_limit(&network, order);
            if (k < 2) {
                hf_paths_action *action;
                hf_paths_solution solution;
                for (size_t l = 0; l < 3; l++)
                    network.widths[l] = widths[k];
                cr_assert_eq(hf_paths_action_create(&error, &network, train, train_labels, &action), HF_OK);
                cr_assert_eq(hf_paths_solve(&error, action, 1, &solution), HF_OK, "%s", error.message);
                memcpy(order, solution.order, sizeof order);
                hf_array_destroy(&solution.order);
                hf_paths_action_destroy(&action);
            }
            for (size_t i = 0; i < M * M && k == 0; i++)
                cr_expect(i % 5 == 0 || i == 2 || i == 8 || fabs(order[i]) < fabs(order[2]));
            cr_assert_eq(hf_paths_predict(&error, 0.01, train, train_labels, test, order, mean, variance),
                         HF_OK);
            accuracy[k] += 100 * hf_paths_accuracy(1000, mean, test_labels) / SEEDS;
            for (size_t i = 0; i < 1000; i++)
                cr_assert_gt(variance[i], 0);
        }
        hf_paths_features_destroy(&train);
        hf_paths_features_destroy(&test);
    }
    cr_expect_gt(accuracy[0], accuracy[1]);
    cr_expect_gt(accuracy[1], accuracy[2]);
    cr_expect_gt(accuracy[0] - accuracy[2], 8, "%g, %g, %g", accuracy[0], accuracy[1], accuracy[2]);
}

/* The noise of the tokens, from what the first path, same token then uniform, reads of them: the positions
 * tell its weights w_s, which do not depend on noise but along v+ - v-. Then the mean of the features has the
 * noise Σ w_s n_s with n_s of variance 1/d, in the plane and not scaled; and the d - 2 directions outside it
 * the variance perpendicular^2 Σ w_s^2. */
Test(paths_markov, noise_in_the_plane_and_outside) {
    enum { P = 2000, D = 8, TOKENS = 5, WIDTH = D + TOKENS + 1, M = 4 };
    const hf_markov_options options = {P, 2, TOKENS, D, 2.385};
    const hf_paths_network network = {2, {2, 2}, {10, 10, 10}, {1, 1, 1, 1}, 0.01};
    static double train_labels[P];
    double test_labels[2], inside = 0, outside = 0;
    hf_paths_features *train, *test;
    cr_assert_eq(hf_markov_create(NULL, &network, &options, HF_READOUT_LAST, 3, &train, train_labels, &test,
                                  test_labels),
                 HF_OK);
    for (size_t p = 0; p < P; p++) {
        const double *phi = hf_paths_features_values(train) + p * WIDTH;
        double xi[WIDTH], squares = 0, weight = 0, halves[2] = {0};
        for (size_t i = 0; i < WIDTH; i++)
            xi[i] = phi[i] * sqrt((double)(WIDTH * M));
        for (size_t s = 1; s <= TOKENS; s++) { /* the first token has no features */
            weight += xi[D + s];
            squares += xi[D + s] * xi[D + s];
        }
        for (size_t i = 0; i < D; i++)
            halves[i / (D / 2)] += xi[i] / (D / 2);
        inside += pow((halves[0] + halves[1]) / 2 - weight * sqrt(2) / 2, 2) * D / squares;
        for (size_t i = 0; i < D; i++)
            outside += pow((xi[i] - halves[i / (D / 2)]) / options.perpendicular, 2) / squares;
    }
    cr_expect_float_eq(inside / P, 1, 5 * sqrt(2. / P), "%g", inside / P);
    cr_expect_float_eq(outside / (P * (D - 2)), 1, 5 * sqrt(2. / (P * (D - 2))), "%g",
                       outside / (P * (D - 2)));
    hf_paths_features_destroy(&train);
    hf_paths_features_destroy(&test);
}

typedef struct rounded {
    const char *what;
    double widths[3], variance;
    size_t train;
    hf_paths_readout readout;
} rounded;

/* Settings where the value rounds more than the last steps of the minimisation lower it, where U is small or
 * large, with more examples than widths, and with a bottleneck. A second start finds the same minimum. */
Test(paths_markov, rounded_actions_are_minimised) {
    static const rounded settings[] = {
        {"narrow", {1, 1, 1}, 1, 100, HF_READOUT_LAST},
        {"narrow, 2", {2, 2, 2}, 1, 100, HF_READOUT_LAST},
        {"mean", {10, 10, 10}, 1, 100, HF_READOUT_MEAN},
        {"large variances", {10, 10, 10}, 4, 100, HF_READOUT_LAST},
        {"small variances", {10, 10, 10}, 0.01, 100, HF_READOUT_LAST},
        {"small variances, wide", {100, 100, 100}, 0.01, 100, HF_READOUT_LAST},
        {"many examples", {1, 1, 1}, 1, 300, HF_READOUT_LAST},
        {"bottleneck", {100, 1, 100}, 1, 100, HF_READOUT_LAST},
    };
    double train_labels[300], test_labels[2];
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        const rounded *r = &settings[k];
        const double s = r->variance;
        hf_paths_network network = {
            2, {2, 2}, {r->widths[0], r->widths[1], r->widths[2]}, {s, s, s, s}, 0.01};
        hf_markov_options options = hf_markov_published;
        hf_paths_features *train, *test;
        hf_paths_action *action;
        hf_paths_solution solution;
        hf_error error = {0};
        options.train = r->train, options.test = 2;
        cr_assert_eq(hf_markov_create(&error, &network, &options, r->readout, 1, &train, train_labels, &test,
                                      test_labels),
                     HF_OK);
        cr_assert_eq(hf_paths_action_create(&error, &network, train, train_labels, &action), HF_OK);
        cr_assert_eq(hf_paths_solve(&error, action, 2, &solution), HF_OK, "%s: %s", r->what, error.message);
        cr_expect_leq(solution.residual, HF_PATHS_TOLERANCE);
        cr_expect_leq(solution.spread, 1e-8, "%s: %.1e", r->what, solution.spread);
        hf_array_destroy(&solution.order);
        hf_paths_action_destroy(&action);
        hf_paths_features_destroy(&train);
        hf_paths_features_destroy(&test);
    }
}

/* The same seed gives the same draw, another seed another; and the shape of the data. */
Test(paths_markov, draws) {
    const hf_markov_options options = {.train = 6, .test = 4, .tokens = 5, .features = 8, .perpendicular = 5};
    const hf_paths_network network = {2, {2, 2}, {10, 10, 10}, {1, 1, 1, 1}, 0.01};
    const hf_paths_network other = {2, {2, 3}, {10, 10, 10}, {1, 1, 1, 1}, 0.01};
    double train_labels[6], test_labels[4], first[4 * 6 * 14];
    hf_error error = {0};
    hf_paths_features *train, *test;
    cr_expect_eq(hf_markov_create(&error, &other, &options, HF_READOUT_LAST, 0, &train, train_labels, &test,
                                  test_labels),
                 HF_ERR_INPUT);
    for (size_t seed = 0; seed < 3; seed++) {
        cr_assert_eq(hf_markov_create(&error, &network, &options, HF_READOUT_LAST, seed % 2, &train,
                                      train_labels, &test, test_labels),
                     HF_OK);
        cr_assert_eq(hf_paths_features_width(train), 14);
        cr_assert_eq(hf_paths_features_count(test), 4);
        if (seed == 0)
            memcpy(first, hf_paths_features_values(train), sizeof first);
        else
            cr_expect_eq(memcmp(first, hf_paths_features_values(train), sizeof first) == 0, seed == 2);
        cr_expect_eq(train_labels[2], 1);
        cr_expect_eq(train_labels[3], -1);
        hf_paths_features_destroy(&train);
        hf_paths_features_destroy(&test);
    }
}
