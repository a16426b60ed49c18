/* Heads trained by SGD against plain gradient descent written out by hand, against the exact flow of N heads,
 * and against the law of the batches; draws of the initial density; many members on many threads; coupled
 * copies against the flow map. */
#include "support.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <headflow/flowmap.h>
#include <headflow/sgd.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3, CLASSES = 3, LONGEST = 5, EVENTS_MAX = 32 };

/* Random events and heads on the box [-2, 2.5] (angles: the circle) with the initial density given. */
static hf_problem *make_problem(gsl_rng *random, const char *form, size_t alphas, size_t values,
                                size_t components, const hf_component *component) {
    static const char *const names[HF_DIM_MAX] = {"one", "two", "three", "four"};
    double *matrices;
    hf_problem_input input = {
        .name = "random",
        .events = make_random_events(random, WIDTH, CLASSES, 5),
        .heads = make_random_heads(random, form, alphas, values, WIDTH, CLASSES, 0.8, &matrices),
        .ridge = 0.7,
        .dim = alphas + values,
        .component_count = components,
        .components = component,
        .end = 2.385};
    for (size_t d = 0; d < input.dim; d++) {
        bool periodic = input.heads.form->periodic && d < alphas;
        input.axes[d] = (hf_axis){"", periodic ? -M_PI : -2, periodic ? M_PI : 2.5, 4, periodic};
        strcpy(input.axes[d].name, names[d]);
    }
    hf_error error = {0};
    hf_problem *problem;
    cr_assert_eq(hf_problem_create(&error, &input, &problem), HF_OK, "%s", error.message);
    free(matrices);
    return problem;
}

static size_t dimension(const hf_problem *problem) {
    return hf_grid_dim(hf_problem_grid(problem));
}

/* Member `seed` at so many times. theta: shape (times, N, D); free it with hf_array_destroy(). */
static double *run(const hf_problem *problem, const hf_ensemble *ensemble, size_t seed, size_t times,
                   const double *time) {
    double *theta = make_array(times * ensemble->heads * dimension(problem));
    hf_error error = {0};
    cr_assert_eq(hf_sgd_run(&error, problem, ensemble, seed, times, time, theta), HF_OK, "%s", error.message);
    return theta;
}

/* The iterates 0 .. steps of a member. */
static double *iterates(const hf_problem *problem, const hf_ensemble *ensemble, size_t seed, size_t steps) {
    double *time = make_array(steps + 1);
    for (size_t k = 0; k <= steps; k++)
        time[k] = (double)k * ensemble->step;
    double *theta = run(problem, ensemble, seed, steps + 1, time);
    hf_array_destroy(&time);
    return theta;
}

/* ---- gradient descent by hand -------------------------------------------------------------------- */

/* Scores of the tokens of an event against B_0, B_1 .. and their attention before it is normalised, for heads
 * of the affine form. */
typedef struct attention {
    double score[LONGEST][1 + HF_ATTENTION_MAX], p[LONGEST], total;
} attention;

static void attend(const hf_heads *heads, const hf_events *events, size_t e, const double *alpha,
                   attention *a) {
    size_t width = hf_events_width(events), length = hf_events_length(events, e);
    const double *x = hf_events_tokens(events, e), *query = x + (length - 1) * width;
    double s[LONGEST], top = -INFINITY;
    for (size_t t = 0; t < length; t++) {
        for (size_t k = 0; k <= heads->attention_coordinates; k++) {
            const double *B =
                k == 0 ? heads->attention_base : heads->attention_basis + (k - 1) * width * width;
            a->score[t][k] = 0;
            for (size_t i = 0; i < width; i++)
                for (size_t l = 0; l < width; l++)
                    a->score[t][k] += query[i] * B[i * width + l] * x[t * width + l];
        }
        s[t] = a->score[t][0];
        for (size_t k = 0; k < heads->attention_coordinates; k++)
            s[t] += alpha[k] * a->score[t][1 + k];
        top = fmax(top, s[t]);
    }
    a->total = 0;
    for (size_t t = 0; t < length; t++) {
        a->p[t] = exp(s[t] - top);
        a->total += a->p[t];
    }
}

static double value_entry(const hf_heads *heads, size_t classes, size_t width, size_t j, size_t c, size_t i) {
    return j == 0 ? heads->value_base[c * width + i]
                  : heads->value_basis[((j - 1) * classes + c) * width + i];
}

/* r = softmax(z) - y with z = (1/N) sum_i (W_0 + sum_j v_ij W_j) c_e(alpha_i). */
static void plain_residual(const hf_heads *heads, const hf_events *events, size_t e, size_t N,
                           const double *theta, double *r) {
    size_t width = hf_events_width(events), classes = hf_events_classes(events);
    size_t n = heads->attention_coordinates, J = heads->value_coordinates;
    double moment[1 + HF_VALUE_MAX][WIDTH] = {{0}}, top = -INFINITY, partition = 0;
    for (size_t i = 0; i < N; i++) {
        const double *head = theta + i * (n + J);
        attention a;
        attend(heads, events, e, head, &a);
        for (size_t w = 0; w < width; w++) {
            double context = 0;
            for (size_t t = 0; t < hf_events_length(events, e); t++)
                context += hf_events_tokens(events, e)[t * width + w] * a.p[t];
            context /= a.total;
            for (size_t j = 0; j <= J; j++)
                moment[j][w] += j == 0 ? context : head[n + j - 1] * context;
        }
    }
    for (size_t c = 0; c < classes; c++) {
        r[c] = 0;
        for (size_t j = 0; j <= J; j++)
            for (size_t w = 0; w < width; w++)
                r[c] += value_entry(heads, classes, width, j, c, w) * moment[j][w];
        r[c] /= (double)N;
        top = fmax(top, r[c]);
    }
    for (size_t c = 0; c < classes; c++)
        partition += exp(r[c] - top);
    for (size_t c = 0; c < classes; c++)
        r[c] = exp(r[c] - top) / partition - hf_events_label(events, e)[c];
}

/* Adds G_j = E[b_j] and its slopes Cov(S_k, b_j) of one event, b_j = w_e r^T W_j x. */
static void add_slopes(const hf_heads *heads, const hf_events *events, size_t e, const double *r,
                       const double *alpha, double slope[][1 + HF_ATTENTION_MAX]) {
    size_t width = hf_events_width(events), classes = hf_events_classes(events);
    attention a;
    attend(heads, events, e, alpha, &a);
    for (size_t j = 0; j <= heads->value_coordinates; j++) {
        double mb = 0, mS[HF_ATTENTION_MAX] = {0}, mSb[HF_ATTENTION_MAX] = {0};
        for (size_t t = 0; t < hf_events_length(events, e); t++) {
            double b = 0;
            for (size_t w = 0; w < width; w++) {
                double q = 0;
                for (size_t c = 0; c < classes; c++)
                    q += r[c] * value_entry(heads, classes, width, j, c, w);
                b += hf_events_weight(events, e) * q * hf_events_tokens(events, e)[t * width + w];
            }
            mb += b * a.p[t];
            for (size_t k = 0; k < heads->attention_coordinates; k++) {
                mS[k] += a.score[t][1 + k] * a.p[t];
                mSb[k] += b * a.score[t][1 + k] * a.p[t];
            }
        }
        slope[j][0] += mb / a.total;
        for (size_t k = 0; k < heads->attention_coordinates; k++)
            slope[j][1 + k] += mSb[k] / a.total - mS[k] / a.total * (mb / a.total);
    }
}

/* One step of gradient descent of N affine heads. */
static void plain_step(const hf_problem *problem, double step, size_t N, double *theta) {
    const hf_events *events = hf_problem_events(problem);
    const hf_heads heads = hf_model_heads(hf_problem_model(problem));
    double ridge = hf_model_ridge(hf_problem_model(problem)), r[EVENTS_MAX][CLASSES];
    size_t n = heads.attention_coordinates, J = heads.value_coordinates;
    for (size_t e = 0; e < hf_events_count(events); e++)
        plain_residual(&heads, events, e, N, theta, r[e]);
    for (size_t i = 0; i < N; i++) {
        double slope[1 + HF_VALUE_MAX][1 + HF_ATTENTION_MAX] = {{0}}, gradient[HF_DIM_MAX];
        double *head = theta + i * (n + J);
        for (size_t e = 0; e < hf_events_count(events); e++)
            add_slopes(&heads, events, e, r[e], head, slope);
        for (size_t k = 0; k < n; k++) {
            gradient[k] = slope[0][1 + k];
            for (size_t j = 1; j <= J; j++)
                gradient[k] += head[n + j - 1] * slope[j][1 + k];
        }
        for (size_t j = 1; j <= J; j++)
            gradient[n + j - 1] = slope[j][0];
        for (size_t d = 0; d < n + J; d++)
            head[d] -= step * (gradient[d] + ridge * head[d]);
    }
}

static const char *const descents[] = {"translate", "ridge",    "retrieval", "stable",
                                       "saddle",    "contract", "specialise"};

/* With one head no loop is a vector operation, so that not a bit may differ. */
/* GSL's own handler ends the process; a caller that has one of its own does not hear from the library. */
Test(descent, a_failure_of_gsl_is_none_of_its_handler) {
    gsl_set_error_handler(NULL);
    gsl_rng *random = make_random(3);
    hf_component component = {.weight = 1};
    for (size_t d = 0; d < 2; d++)
        component.profile[d] = (hf_profile){.kind = HF_PROFILE_UNIFORM, .a = -1, .b = 1};
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &component);
    hf_ensemble ensemble = {.heads = 3, .step = 0.25, .batch = 2};
    const double time[] = {0, 0.5};
    double *theta = run(problem, &ensemble, 0, 2, time);
    cr_expect_not_null(gsl_set_error_handler(NULL), "the default handler still stands");
    hf_array_destroy(&theta);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

Test(descent, one_head_is_gradient_descent_bit_for_bit) {
    enum { STEPS = 25 };
    for (size_t c = 0; c < sizeof descents / sizeof *descents; c++) {
        toy given = toy_find(descents[c]);
        hf_problem *problem = toy_create(&given);
        const hf_ensemble ensemble = {.heads = 1, .step = 0.13};
        double *theta = iterates(problem, &ensemble, 7, STEPS), head[HF_DIM_MAX];
        size_t dim = dimension(problem);
        memcpy(head, theta, dim * sizeof *head);
        for (size_t k = 1; k <= STEPS; k++) {
            plain_step(problem, ensemble.step, 1, head);
            cr_expect_arr_eq(theta + k * dim, head, dim * sizeof *head, "%s, step %zu", descents[c], k);
        }
        cr_expect_gt(largest_difference(dim, theta, head), 0.01);
        hf_array_destroy(&theta);
        hf_problem_destroy(&problem);
    }
}

/* Several heads: exponentials differ by their rounding. */
Test(descent, heads_are_gradient_descent) {
    enum { HEADS = 11, STEPS = 3 };
    for (size_t c = 0; c < sizeof descents / sizeof *descents; c++) {
        toy given = toy_find(descents[c]);
        hf_problem *problem = toy_create(&given);
        const hf_ensemble ensemble = {.heads = HEADS, .step = 0.13};
        double *theta = iterates(problem, &ensemble, 7, STEPS), head[HEADS * HF_DIM_MAX];
        size_t size = HEADS * dimension(problem);
        memcpy(head, theta, size * sizeof *head);
        for (size_t k = 1; k <= STEPS; k++) {
            plain_step(problem, ensemble.step, HEADS, head);
            cr_expect_leq(largest_difference(size, theta + k * size, head), 1e-14, "%s, step %zu",
                          descents[c], k);
        }
        hf_array_destroy(&theta);
        hf_problem_destroy(&problem);
    }
}

/* One step on a batch, an event in it as often as it was drawn, from the derivatives of single heads:
 * theta_i - step (sum_k weight_k J_k^T r_k + lambda theta_i). theta, next: shape (N, D) */
static void batch_step(const hf_problem *problem, size_t count, const size_t *event, const double *weight,
                       double step, size_t N, const double *theta, double *next) {
    const hf_model *model = hf_problem_model(problem);
    size_t dim = dimension(problem);
    double h[CLASSES], jacobian[CLASSES * HF_DIM_MAX], r[CLASSES];
    for (size_t i = 0; i < N * dim; i++)
        next[i] = theta[i] - (hf_model_ridged(model, i % dim) ? step * hf_model_ridge(model) * theta[i] : 0);
    for (size_t k = 0; k < count; k++) {
        memset(r, 0, sizeof r);
        for (size_t i = 0; i < N; i++) {
            hf_model_head_logits(model, event[k], theta + i * dim, h);
            for (size_t c = 0; c < CLASSES; c++)
                r[c] += h[c] / (double)N;
        }
        hf_risk_event(hf_problem_events(problem), event[k], r, r);
        for (size_t i = 0; i < N; i++) {
            hf_model_head_derivatives(model, event[k], theta + i * dim, h, jacobian, NULL);
            for (size_t c = 0; c < CLASSES; c++)
                for (size_t d = 0; d < dim; d++)
                    next[i * dim + d] -= step * weight[k] * r[c] * jacobian[c * dim + d];
        }
    }
}

Test(descent, heads_of_every_form_descend) {
    enum { HEADS = 5, STEPS = 3 };
    gsl_rng *random = make_random(160);
    for (size_t s = 0; s < head_shape_count; s++) {
        trial t = {.form = head_shapes[s].form,
                   .alphas = head_shapes[s].alphas,
                   .values = head_shapes[s].values,
                   .ridge = s % 3 > 0 ? 0.7 : 0};
        trial_create(&t, random);
        const hf_ensemble ensemble = {.heads = HEADS, .step = 0.13};
        const hf_events *events = hf_problem_events(t.problem);
        double *theta = iterates(t.problem, &ensemble, s, STEPS), next[HEADS * HF_DIM_MAX],
               weight[EVENTS_MAX];
        size_t size = HEADS * dimension(t.problem), event[EVENTS_MAX];
        for (size_t e = 0; e < hf_events_count(events); e++) {
            event[e] = e;
            weight[e] = hf_events_weight(events, e);
        }
        for (size_t k = 0; k < STEPS; k++) {
            batch_step(t.problem, hf_events_count(events), event, weight, ensemble.step, HEADS,
                       theta + k * size, next);
            cr_expect_leq(largest_difference(size, theta + (k + 1) * size, next), 1e-14,
                          "%s %zu %zu, step %zu", t.form, t.alphas, t.values, k);
        }
        hf_array_destroy(&theta);
        trial_destroy(&t);
    }
    gsl_rng_free(random);
}

/* ---- batches ------------------------------------------------------------------------------------- */

/* A start from which the gradients of any two batches are apart. */
static const hf_component somewhere = {
    .weight = 1, .profile = {{HF_PROFILE_UNIFORM, -1.1, 1.4}, {HF_PROFILE_UNIFORM, -1.1, 1.4}}};

/* The batch of b = 1 or 2 events that takes all heads from `now` to `next`: the first event in event[0]. One
 * batch alone must do. */
static void find_batch(const hf_problem *problem, const hf_ensemble *ensemble, const double *now,
                       const double *next, size_t event[2]) {
    const double weight[] = {1 / (double)ensemble->batch, 1 / (double)ensemble->batch};
    size_t count = hf_events_count(hf_problem_events(problem)), found = 0;
    size_t size = ensemble->heads * dimension(problem);
    double *moved = make_array(size);
    for (size_t e = 0; e < count; e++)
        for (size_t f = e; f < (ensemble->batch == 1 ? e + 1 : count); f++) {
            const size_t tried[] = {e, f};
            batch_step(problem, ensemble->batch, tried, weight, ensemble->step, ensemble->heads, now, moved);
            if (largest_difference(size, moved, next) > 1e-13)
                continue;
            memcpy(event, tried, sizeof tried);
            found++;
        }
    cr_assert_eq(found, 1, "%zu batches explain a step", found);
    hf_array_destroy(&moved);
}

/* The batches of so many steps. event: shape (steps, 2) */
static void find_batches(const hf_problem *problem, const hf_ensemble *ensemble, size_t seed, size_t steps,
                         size_t event[][2]) {
    size_t size = ensemble->heads * dimension(problem);
    double *theta = iterates(problem, ensemble, seed, steps);
    for (size_t k = 0; k < steps; k++)
        find_batch(problem, ensemble, theta + k * size, theta + (k + 1) * size, event[k]);
    hf_array_destroy(&theta);
}

/* Four standard deviations of a number of successes. */
static void expect_share(size_t successes, size_t trials, double probability, const char *what) {
    double n = (double)trials, sigma = sqrt(n * probability * (1 - probability));
    cr_expect_float_eq((double)successes, n * probability, 4 * sigma, "%s: %zu of %zu, expected %g", what,
                       successes, trials, n * probability);
}

/* Every step draws afresh, with replacement, by weight, for all heads at once. */
Test(batches, are_drawn_with_replacement_by_weight) {
    enum { STEPS = 3000 };
    static size_t event[STEPS][2];
    gsl_rng *random = make_random(161);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    const hf_events *events = hf_problem_events(problem);
    for (size_t b = 1; b <= 2; b++) {
        const hf_ensemble ensemble = {.heads = 3, .step = 1e-3, .batch = b};
        size_t drawn[EVENTS_MAX] = {0}, same = 0, again = 0;
        double squares = 0;
        find_batches(problem, &ensemble, 3, STEPS, event);
        for (size_t k = 0; k < STEPS; k++) {
            drawn[event[k][0]]++;
            drawn[event[k][1]] += b - 1;
            same += event[k][0] == event[k][1];
            again += k > 0 && event[k][0] == event[k - 1][0];
        }
        for (size_t e = 0; e < hf_events_count(events); e++) {
            expect_share(drawn[e], b * STEPS, hf_events_weight(events, e), "an event");
            squares += pow(hf_events_weight(events, e), 2);
        }
        if (b == 1)
            expect_share(again, STEPS - 1, squares, "an event twice in a row");
        else
            expect_share(same, STEPS, squares, "an event twice in a batch");
    }
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

Test(batches, are_those_of_the_seed_alone) {
    enum { STEPS = 100 };
    size_t few[STEPS][2], many[STEPS][2], other[STEPS][2];
    gsl_rng *random = make_random(162);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    hf_ensemble ensemble = {.heads = 2, .step = 1e-3, .batch = 2};
    find_batches(problem, &ensemble, 5, STEPS, few);
    find_batches(problem, &ensemble, 6, STEPS, other);
    ensemble.heads = 7;
    ensemble.step = 0.02;
    find_batches(problem, &ensemble, 5, STEPS, many);
    cr_expect_arr_eq(few, many, sizeof few);
    cr_expect_arr_neq(few, other, sizeof few);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* Where a head starts says nothing of which batch it sees: two components against the first event. */
Test(batches, are_independent_of_the_heads) {
    enum { DRAWS = 2000 };
    const hf_component components[] = {
        {.weight = 1, .profile = {{HF_PROFILE_DIRAC, 0.385, 0}, {HF_PROFILE_DIRAC, -1.2, 0}}},
        {.weight = 2, .profile = {{HF_PROFILE_DIRAC, -0.7, 0}, {HF_PROFILE_DIRAC, 0.9, 0}}}};
    gsl_rng *random = make_random(173);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 2, components);
    const hf_events *events = hf_problem_events(problem);
    const hf_ensemble ensemble = {.heads = 1, .step = 0.1, .batch = 1};
    size_t together[2][EVENTS_MAX] = {{0}}, event[1][2];
    for (size_t seed = 0; seed < DRAWS; seed++) {
        double head[2];
        cr_assert_eq(hf_sgd_heads(NULL, problem, seed, 1, head), HF_OK);
        find_batches(problem, &ensemble, seed, 1, event);
        together[head[0] < 0][event[0][0]]++;
    }
    for (size_t c = 0; c < 2; c++)
        for (size_t e = 0; e < hf_events_count(events); e++)
            expect_share(together[c][e], DRAWS, (double)(c + 1) / 3 * hf_events_weight(events, e),
                         "a component and an event");
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* Gradients g_e of all events at heads in one place, and their mean, that of the risk. */
static void event_gradients(const hf_problem *problem, const double *theta, double g[][HF_DIM_MAX],
                            double *mean) {
    const hf_events *events = hf_problem_events(problem);
    const hf_model *model = hf_problem_model(problem);
    const double one = 1;
    double z[EVENTS_MAX * CLASSES], *projection = make_array(hf_model_projection_size(model));
    for (size_t e = 0; e < hf_events_count(events); e++) {
        batch_step(problem, 1, &e, &one, 1, 1, theta, g[e]);
        for (size_t d = 0; d < dimension(problem); d++)
            g[e][d] = theta[d] - g[e][d];
    }
    hf_model_atoms_logits(model, 1, theta, &one, z);
    hf_risk_cross_entropy(events, z, z);
    hf_model_project_residual(model, z, projection);
    hf_model_potential(model, projection, theta, mean, NULL);
    hf_array_destroy(&projection);
}

/* All heads start in one place: their first step is a draw of the batch gradient. */
Test(batches, have_the_mean_of_the_risk_and_variance_over_b) {
    enum { DRAWS = 3000 };
    const hf_component place = {.weight = 1,
                                .profile = {{HF_PROFILE_DIRAC, 0.385, 0}, {HF_PROFILE_DIRAC, -1.2, 0}}};
    const double start[] = {0.385, -1.2}, time[] = {0, 0.5};
    gsl_rng *random = make_random(163);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &place);
    const hf_events *events = hf_problem_events(problem);
    double g[EVENTS_MAX][HF_DIM_MAX], exact[HF_DIM_MAX], variance[2] = {0};
    event_gradients(problem, start, g, exact);
    for (size_t e = 0; e < hf_events_count(events); e++)
        for (size_t d = 0; d < 2; d++)
            variance[d] += hf_events_weight(events, e) * pow(g[e][d] - exact[d], 2);
    for (size_t b = 1; b <= 16; b *= 4) {
        double mean[2] = {0}, square = 0, fourth = 0;
        for (size_t seed = 0; seed < DRAWS; seed++) {
            const hf_ensemble ensemble = {.heads = 2, .step = 0.5, .batch = b};
            double *theta = run(problem, &ensemble, seed, 2, time), distance = 0;
            cr_assert_arr_eq(theta, start, sizeof start);
            cr_assert_lt(largest_difference(2, theta + 4, theta + 6), 1e-15, "the heads share their batch");
            for (size_t d = 0; d < 2; d++) {
                double gradient = (theta[d] - theta[4 + d]) / 0.5;
                mean[d] += gradient / DRAWS;
                distance += pow(gradient - exact[d], 2);
            }
            square += distance / DRAWS;
            fourth += distance * distance / DRAWS;
            hf_array_destroy(&theta);
        }
        for (size_t d = 0; d < 2; d++)
            cr_expect_float_eq(mean[d], exact[d], 4 * sqrt(variance[d] / (double)b / DRAWS), "b = %zu", b);
        cr_expect_float_eq(square, (variance[0] + variance[1]) / (double)b,
                           4 * sqrt((fourth - square * square) / DRAWS), "b = %zu: %g, %g", b, square,
                           (variance[0] + variance[1]) / (double)b);
    }
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* ---- initial heads ------------------------------------------------------------------------------- */

enum { DRAWN = 4000 };
static const hf_component every_kind = {.weight = 1,
                                        .profile = {{HF_PROFILE_COSINE, 0.8, 0.3},
                                                    {HF_PROFILE_BUMP, 0.3, 1.5},
                                                    {HF_PROFILE_NORMAL, 1.2, 1.5},
                                                    {HF_PROFILE_UNIFORM, -1.3, 0.9}}};

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Ranks F_d(theta_d) of heads, coordinate by coordinate. rank: shape (D, DRAWN) */
static void draw_ranks(const hf_problem *problem, size_t seed, double *rank) {
    size_t dim = dimension(problem);
    double *theta = make_array(DRAWN * dim);
    cr_assert_eq(hf_sgd_heads(NULL, problem, seed, DRAWN, theta), HF_OK);
    for (size_t d = 0; d < dim; d++)
        for (size_t i = 0; i < DRAWN; i++)
            rank[d * DRAWN + i] = hf_profile_distribution(
                &every_kind.profile[d], hf_grid_axis(hf_problem_grid(problem), d), theta[i * dim + d]);
    hf_array_destroy(&theta);
}

/* Correlation of uniform numbers, of standard deviation 1/sqrt(n). */
static double correlation(size_t n, const double *x, const double *y) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += 12 * (x[i] - 0.5) * (y[i] - 0.5) / (double)n;
    return sum;
}

/* Kolmogorov and Smirnov: sup |F_n - F| is beyond 1.95/sqrt(n) once in a thousand times. */
Test(heads, have_the_initial_density) {
    const double sigma = 1 / sqrt(DRAWN);
    gsl_rng *random = make_random(164);
    hf_problem *problem = make_problem(random, "angle", 1, 3, 1, &every_kind);
    double *rank = make_array(4 * DRAWN), *other = make_array(4 * DRAWN);
    draw_ranks(problem, 11, rank);
    draw_ranks(problem, 12, other);
    for (size_t d = 0; d < 4; d++) {
        double *r = rank + d * DRAWN;
        cr_expect_lt(fabs(correlation(DRAWN, r, other + d * DRAWN)), 4 * sigma, "seeds, axis %zu", d);
        cr_expect_lt(fabs(correlation(DRAWN - 1, r, r + 1)), 4 * sigma, "neighbours, axis %zu", d);
        for (size_t b = 0; b < d; b++)
            cr_expect_lt(fabs(correlation(DRAWN, r, rank + b * DRAWN)), 4 * sigma, "axes %zu, %zu", b, d);
    }
    for (size_t d = 0; d < 4; d++) {
        double *r = rank + d * DRAWN, distance = 0;
        qsort(r, DRAWN, sizeof *r, ascending);
        for (size_t i = 0; i < DRAWN; i++)
            distance = fmax(distance, fmax(r[i] - (double)i / DRAWN, (double)(i + 1) / DRAWN - r[i]));
        cr_expect_lt(distance, 1.95 * sigma, "axis %zu: %g", d, distance * sqrt(DRAWN));
    }
    hf_array_destroy(&rank);
    hf_array_destroy(&other);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

Test(heads, are_the_first_of_their_stream) {
    gsl_rng *random = make_random(165);
    hf_problem *problem = make_problem(random, "angle", 1, 3, 1, &every_kind);
    double few[16 * 4], many[64 * 4], other[64 * 4];
    const double start = 0;
    cr_assert_eq(hf_sgd_heads(NULL, problem, 3, 16, few), HF_OK);
    cr_assert_eq(hf_sgd_heads(NULL, problem, 3, 64, many), HF_OK);
    cr_assert_eq(hf_sgd_heads(NULL, problem, 4, 64, other), HF_OK);
    cr_expect_arr_eq(few, many, sizeof few);
    for (size_t i = 0; i < 64 * 4; i++)
        cr_expect_neq(many[i], other[i]);
    double *theta = run(problem, &(hf_ensemble){.heads = 16, .step = 0.1, .batch = 2}, 3, 1, &start);
    cr_expect_arr_eq(theta, few, sizeof few, "a member starts at them");
    hf_array_destroy(&theta);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* All coordinates of a head come from one component; a Dirac is met exactly. */
Test(heads, have_the_weights_of_a_mixture) {
    const hf_component components[] = {
        {.weight = 5, .profile = {{HF_PROFILE_DIRAC, -0.7, 0}, {HF_PROFILE_BUMP, 1.5, 0.4}}},
        {.weight = 3, .profile = {{HF_PROFILE_DIRAC, 0.1, 0}, {HF_PROFILE_DIRAC, 2.385, 0}}},
        {.weight = 2, .profile = {{HF_PROFILE_DIRAC, 1.3, 0}, {HF_PROFILE_UNIFORM, -1.9, -1.2}}}};
    gsl_rng *random = make_random(166);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 3, components);
    double *theta = make_array(2 * DRAWN);
    size_t drawn[3] = {0};
    cr_assert_eq(hf_sgd_heads(NULL, problem, 21, DRAWN, theta), HF_OK);
    for (size_t i = 0; i < DRAWN; i++) {
        double a = theta[2 * i], v = theta[2 * i + 1];
        drawn[0] += a == -0.7 && fabs(v - 1.5) < 0.4;
        drawn[1] += a == 0.1 && v == 2.385;
        drawn[2] += a == 1.3 && v > -1.9 && v < -1.2;
    }
    cr_expect_eq(drawn[0] + drawn[1] + drawn[2], DRAWN);
    for (size_t c = 0; c < 3; c++)
        expect_share(drawn[c], DRAWN, components[c].weight / 10, "a component");
    hf_array_destroy(&theta);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* ---- in time ------------------------------------------------------------------------------------- */

/* A multiple of the step is an iterate, bit for bit; what lies between two is on the line. */
Test(time, positions_between_steps_are_on_the_line) {
    enum { HEADS = 3, STEPS = 20, SIZE = 2 * HEADS };
    const double step = 0.1, time[] = {0, 0.05, 0.1, 0.137, 3 * 0.1, 0.77, 0.781, 1, 1.93};
    enum { TIMES = sizeof time / sizeof *time };
    gsl_rng *random = make_random(167);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    const hf_ensemble ensemble = {HEADS, step, 2};
    double *whole = iterates(problem, &ensemble, 2, STEPS), *theta = run(problem, &ensemble, 2, TIMES, time);
    for (size_t k = 0; k < TIMES; k++) {
        size_t before = (size_t)floor(time[k] / step);
        const double *now = whole + before * SIZE, *next = now + SIZE, *here = theta + k * SIZE;
        double share = time[k] / step - (double)before, line[SIZE];
        for (size_t i = 0; i < SIZE; i++)
            line[i] = (1 - share) * now[i] + share * next[i];
        cr_expect_leq(largest_difference(SIZE, here, line), 1e-15, "t = %g", time[k]);
        if (time[k] == (double)before * step)
            cr_expect_arr_eq(here, now, SIZE * sizeof *now, "t = %g", time[k]);
    }
    cr_expect_gt(largest_difference(SIZE, whole, whole + SIZE), 1e-3);
    hf_array_destroy(&whole);
    hf_array_destroy(&theta);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* The same heads as Diracs of equal mass: their flow map is the gradient flow of N heads. */
static hf_problem *at_heads(const char *name, size_t heads, const double *theta) {
    toy given = toy_find(name);
    hf_component *components = calloc(heads, sizeof *components);
    for (size_t i = 0; i < heads; i++) {
        components[i].weight = 1;
        for (size_t d = 0; d < given.input.dim; d++)
            components[i].profile[d] = (hf_profile){HF_PROFILE_DIRAC, theta[i * given.input.dim + d], 0};
    }
    hf_problem *problem = toy_create_mixture(&given, heads, components);
    free(components);
    return problem;
}

/* Euler's method: half the step, half the error. */
Test(time, full_batches_converge_to_the_flow_of_the_heads) {
    enum { HEADS = 5 };
    static const char *const names[] = {"retrieval", "stable", "angle", "qkv"};
    const double time[] = {0, 1.5};
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) {
        toy given = toy_find(names[c]);
        hf_problem *problem = toy_create(&given);
        size_t size = HEADS * dimension(problem);
        double start[HEADS * HF_DIM_MAX], error[3];
        cr_assert_eq(hf_sgd_heads(NULL, problem, 9, HEADS, start), HF_OK);
        hf_problem *diracs = at_heads(names[c], HEADS, start);
        hf_flowmap *map;
        cr_assert_eq(hf_flowmap_create(NULL, diracs, 2, 1e-12, &map), HF_OK);
        cr_assert_eq(hf_flowmap_count(map), HEADS);
        cr_assert_eq(hf_flowmap_advance(NULL, map, time[1]), HF_OK);
        for (size_t k = 0; k < 3; k++) {
            const hf_ensemble ensemble = {.heads = HEADS, .step = 0.02 / (double)(1 << k)};
            double *theta = run(problem, &ensemble, 9, 2, time);
            error[k] = largest_difference(size, theta + size, hf_flowmap_points(map));
            hf_array_destroy(&theta);
        }
        for (size_t k = 0; k < 2; k++)
            cr_expect_float_eq(error[k] / error[k + 1], 2, 0.1, "%s: errors %g, %g", names[c], error[k],
                               error[k + 1]);
        hf_flowmap_destroy(&map);
        hf_problem_destroy(&diracs);
        hf_problem_destroy(&problem);
    }
}

/* ---- what is refused ----------------------------------------------------------------------------- */

static void expect_failure(const char *name, hf_ensemble ensemble, double end, hf_status status,
                           const char *text) {
    toy given = toy_find(name);
    hf_problem *problem = toy_create(&given);
    const double time[] = {0, end};
    double *theta = make_array(2 * (ensemble.heads + 1) * dimension(problem));
    hf_error error = {0};
    cr_expect_eq(hf_sgd_run(&error, problem, &ensemble, 1, 2, time, theta), status, "%s", text);
    cr_expect_not_null(strstr(error.message, text), "'%s' is not in '%s'", text, error.message);
    hf_array_destroy(&theta);
    hf_problem_destroy(&problem);
}

Test(failure, says_what_is_wrong) {
    expect_failure("ridge", (hf_ensemble){3, 1e6, HF_BATCH_FULL}, 1e9, HF_ERR_NUMERIC,
                   "SGD of 3 heads with step 1e+06 diverges at t = ");
    expect_failure("ridge", (hf_ensemble){3, INFINITY, HF_BATCH_FULL}, 1, HF_ERR_INPUT,
                   "particles.step: inf");
    expect_failure("gibbs", (hf_ensemble){3, 0.1, HF_BATCH_FULL}, 1, HF_ERR_INPUT,
                   "regularisation.temperature: 0.05; expected 0");
    expect_failure("ridge", (hf_ensemble){3, 0, HF_BATCH_FULL}, 1, HF_ERR_INPUT, "particles.step: 0 ");
    expect_failure("ridge", (hf_ensemble){3, NAN, HF_BATCH_FULL}, 1, HF_ERR_INPUT, "particles.step: nan");
    expect_failure("ridge", (hf_ensemble){3, -0.1, HF_BATCH_FULL}, 1, HF_ERR_INPUT, "particles.step: -0.1");
    expect_failure("ridge", (hf_ensemble){3, 1e-9, HF_BATCH_FULL}, 1, HF_ERR_INPUT, "at most 1e+08 steps");
    expect_failure("ridge", (hf_ensemble){0, 0.1, HF_BATCH_FULL}, 1, HF_ERR_INPUT, "particles.heads: 0");
    expect_failure("ridge", (hf_ensemble){3, 0.1, HF_BATCH_UNKNOWN}, 1, HF_ERR_INPUT, "particles.batch");
}

/* ---- many members -------------------------------------------------------------------------------- */

enum { ENSEMBLES = 4, SEEDS = 5, TIMES = 3 };
static const hf_ensemble ensembles[ENSEMBLES] = {
    {3, 0.1, 2}, {300, 0.2, 1}, {17, 0.05, HF_BATCH_FULL}, {1, 0.1, 16}};
static const double member_time[TIMES] = {0, 0.37, 2};

/* Keeps what it is given. */
typedef struct keeper {
    const hf_ensemble *ensemble;
    size_t dim, puts, fail_at; /* fails at that put; 0: never */
    double *theta[ENSEMBLES][SEEDS];
    bool there[ENSEMBLES][SEEDS]; /* said to be there */
    double done;
    bool falls;
} keeper;

static bool keeper_has(void *self, size_t ensemble, size_t seed) {
    return ((keeper *)self)->there[ensemble][seed];
}

static hf_status keeper_put(hf_error *error, void *self, size_t ensemble, size_t seed, const double *theta) {
    keeper *k = self;
    size_t size = TIMES * k->ensemble[ensemble].heads * k->dim;
    if (++k->puts == k->fail_at)
        return hf_raise(error, HF_ERR_IO, "no room for member %d.385", 2);
    k->theta[ensemble][seed] = make_array(size);
    memcpy(k->theta[ensemble][seed], theta, size * sizeof *theta);
    return HF_OK;
}

static void keeper_progress(void *self, double done) {
    keeper *k = self;
    k->falls = k->falls || !(done >= k->done);
    k->done = done;
}

static hf_status run_members(hf_error *error, const hf_problem *problem, keeper *k) {
    const hf_sgd_observer observer = {k, keeper_has, keeper_put, keeper_progress};
    k->dim = dimension(problem);
    return hf_sgd_run_all(error, problem, ENSEMBLES, k->ensemble, SEEDS, TIMES, member_time, &observer);
}

static void keeper_clear(keeper *k) {
    for (size_t g = 0; g < ENSEMBLES; g++)
        for (size_t s = 0; s < SEEDS; s++)
            hf_array_destroy(&k->theta[g][s]);
}

/* Each member that was not there is the one that hf_sgd_run() makes. */
static void expect_members(const hf_problem *problem, const keeper *k) {
    for (size_t g = 0; g < ENSEMBLES; g++)
        for (size_t s = 0; s < SEEDS; s++) {
            double *alone = run(problem, &k->ensemble[g], s, TIMES, member_time);
            size_t bytes = TIMES * k->ensemble[g].heads * k->dim * sizeof *alone;
            cr_assert_eq(k->theta[g][s] == NULL, k->there[g][s], "ensemble %zu, seed %zu", g, s);
            if (!k->there[g][s])
                cr_expect_arr_eq(k->theta[g][s], alone, bytes, "ensemble %zu, seed %zu", g, s);
            hf_array_destroy(&alone);
        }
}

Test(members, are_the_same_on_any_threads_and_in_any_order) {
    gsl_rng *random = make_random(168);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    hf_ensemble reversed[ENSEMBLES];
    for (size_t g = 0; g < ENSEMBLES; g++)
        reversed[g] = ensembles[ENSEMBLES - 1 - g];
    for (int threads = 1; threads <= 2; threads++)
        for (int order = 0; order < 2; order++) {
            keeper k = {.ensemble = order == 0 ? ensembles : reversed};
            omp_set_num_threads(threads);
            cr_assert_eq(run_members(NULL, problem, &k), HF_OK);
            cr_expect_eq(k.puts, ENSEMBLES * SEEDS);
            cr_expect_not(k.falls);
            cr_expect_float_eq(k.done, 1, 1e-14);
            expect_members(problem, &k);
            keeper_clear(&k);
        }
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

Test(members, that_are_there_are_not_run) {
    gsl_rng *random = make_random(169);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    keeper k = {.ensemble = ensembles};
    size_t there = 0;
    for (size_t g = 0; g < ENSEMBLES; g++)
        for (size_t s = 0; s < SEEDS; s++)
            there += k.there[g][s] = g == 1 || (g + 2 * s) % 3 == 0;
    cr_assert_eq(run_members(NULL, problem, &k), HF_OK);
    cr_expect_eq(k.puts, ENSEMBLES * SEEDS - there);
    cr_expect_float_eq(k.done, 1, 1e-14);
    expect_members(problem, &k);
    keeper_clear(&k);
    k = (keeper){.ensemble = ensembles};
    memset(k.there, true, sizeof k.there);
    cr_expect_eq(run_members(NULL, problem, &k), HF_OK);
    cr_expect_eq(k.puts, 0);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

static bool has_none(void *self, size_t ensemble, size_t seed) {
    (void)self, (void)ensemble, (void)seed;
    return false;
}

static hf_status put_silently(hf_error *error, void *self, size_t ensemble, size_t seed,
                              const double *theta) {
    (void)error, (void)self, (void)ensemble, (void)seed, (void)theta;
    return HF_ERR_IO;
}

Test(members, end_with_a_failure_that_says_nothing) {
    gsl_rng *random = make_random(172);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    const hf_sgd_observer observer = {NULL, has_none, put_silently, NULL};
    cr_expect_eq(hf_sgd_run_all(NULL, problem, ENSEMBLES, ensembles, SEEDS, TIMES, member_time, &observer),
                 HF_ERR_IO);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* With one thread the dearest come first, so that the last of two threads is not long alone. */
static hf_status put_cost(hf_error *error, void *self, size_t ensemble, size_t seed, const double *theta) {
    static const double heads_times_events_over_step[ENSEMBLES] = {60, 1500, 1700, 50};
    double *last = self, cost = heads_times_events_over_step[ensemble];
    (void)seed, (void)theta;
    if (cost > *last)
        return hf_raise(error, HF_ERR_INPUT, "%g after %g", cost, *last);
    *last = cost;
    return HF_OK;
}

Test(members, are_run_dearest_first) {
    gsl_rng *random = make_random(170);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    double last = INFINITY;
    const hf_sgd_observer observer = {&last, has_none, put_cost, NULL};
    hf_error error = {0};
    omp_set_num_threads(1);
    cr_expect_eq(hf_sgd_run_all(&error, problem, ENSEMBLES, ensembles, SEEDS, TIMES, member_time, &observer),
                 HF_OK, "%s", error.message);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

Test(members, end_with_the_first_failure) {
    gsl_rng *random = make_random(171);
    hf_problem *problem = make_problem(random, "affine", 1, 1, 1, &somewhere);
    for (int threads = 1; threads <= 2; threads++) {
        size_t fail_at = threads == 1 ? 4 : 1; /* the other thread may have one under way */
        keeper k = {.ensemble = ensembles, .fail_at = fail_at};
        hf_error error = {0};
        omp_set_num_threads(threads);
        cr_expect_eq(run_members(&error, problem, &k), HF_ERR_IO);
        cr_expect_str_eq(error.message, "no room for member 2.385");
        cr_expect_eq(error.status, HF_ERR_IO);
        cr_expect_eq(k.puts, fail_at, "nothing is put after a failure");
        cr_expect_lt(k.done, 1);
        keeper_clear(&k);
        hf_ensemble wrong[ENSEMBLES];
        memcpy(wrong, ensembles, sizeof wrong);
        wrong[1].step = NAN;
        k = (keeper){.ensemble = wrong};
        cr_expect_eq(run_members(&error, problem, &k), HF_ERR_INPUT);
        cr_expect_not_null(strstr(error.message, "particles.step: nan"), "%s", error.message);
        keeper_clear(&k);
    }
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* ---- the history of the limit -------------------------------------------------------------------- */

enum { COLUMNS = 2 };

/* A polynomial of degree 0 to 3, another one in each column. */
static double polynomial(size_t degree, size_t column, double t) {
    static const double factor[COLUMNS][4] = {{2.385, -0.7, 1.3, -0.4}, {-1.1, 0.9, -0.6, 0.85}};
    double sum = 0;
    for (size_t k = degree + 1; k-- > 0;)
        sum = sum * t + factor[column][k];
    return sum;
}

Test(history, polynomials_are_exact_at_uneven_times) {
    static const double time[] = {-0.3, 0.1, 0.15, 0.9, 1.0, 2.2, 2.385};
    for (size_t count = 1; count <= sizeof time / sizeof *time; count++) {
        double logits[COLUMNS * 7], z[COLUMNS];
        const hf_history history = {count, time, logits, COLUMNS};
        size_t degree = count < 4 ? count - 1 : 3;
        for (size_t i = 0; i < count * COLUMNS; i++)
            logits[i] = polynomial(degree, i % COLUMNS, time[i / COLUMNS]);
        for (double t = -1; t < 4; t += 0.01) {
            hf_history_logits(&history, t, z);
            for (size_t c = 0; c < COLUMNS; c++)
                cr_expect_float_eq(z[c], polynomial(degree, c, fmin(fmax(t, time[0]), time[count - 1])),
                                   2e-14, "%zu times, t = %g", count, t);
        }
        for (size_t k = 0; k < count; k++) {
            hf_history_logits(&history, time[k], z);
            cr_expect_arr_eq(z, logits + k * COLUMNS, sizeof z, "at a time of its own");
        }
    }
}

/* Largest error for sin(3t) on so many even times. */
static double sine_error(size_t count) {
    double time[64], logits[64], error = 0;
    const hf_history history = {count, time, logits, 1};
    for (size_t k = 0; k < count; k++) {
        time[k] = (double)k / (double)(count - 1);
        logits[k] = sin(3 * time[k]);
    }
    for (double t = 0; t <= 1; t += 1e-3) {
        double z;
        hf_history_logits(&history, t, &z);
        error = fmax(error, fabs(z - sin(3 * t)));
    }
    return error;
}

Test(history, has_order_four) {
    double order = log2(sine_error(31) / sine_error(61));
    cr_expect_float_eq(order, 4, 0.1, "order %g", order);
}

/* The two times before and the two after, where there are so many. */
Test(history, takes_the_four_times_around) {
    const double time[] = {0, 0.7, 1, 1.9, 2.385, 3, 4.2};
    for (size_t k = 0; k < 7; k++) {
        double logits[7] = {0}, z;
        const hf_history history = {7, time, logits, 1};
        logits[k] = 1;
        for (size_t i = 0; i < 6; i++) {
            size_t first = i < 1 ? 0 : i > 4 ? 3 : i - 1;
            hf_history_logits(&history, 0.4 * time[i] + 0.6 * time[i + 1], &z);
            cr_expect_eq(z != 0, k >= first && k < first + 4, "interval %zu, time %zu", i, k);
        }
    }
}

/* ---- coupled copies ------------------------------------------------------------------------------ */

/* Copies that start at the nodes of a flow map in the potential of that map stay with them. */
Test(copies, follow_the_flow_map) {
    enum { NODES = 2, TIMES_KEPT = 101, SHOWN = 3 };
    static const char *const names[] = {"retrieval", "angle"};
    const double end = 2;
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) {
        toy given = toy_find(names[c]);
        hf_problem *problem = toy_create(&given);
        const hf_events *events = hf_problem_events(problem);
        hf_flowmap *map;
        cr_assert_eq(hf_flowmap_create(NULL, problem, NODES, 1e-12, &map), HF_OK);
        size_t count = hf_flowmap_count(map), size = count * dimension(problem);
        size_t width = hf_events_count(events) * hf_events_classes(events);
        double *logits = make_array(TIMES_KEPT * width), *theta = make_array(SHOWN * size);
        double *node = make_array(SHOWN * size), time[TIMES_KEPT], shown[SHOWN];
        for (size_t k = 0; k < TIMES_KEPT; k++) {
            time[k] = end * (double)k / (TIMES_KEPT - 1);
            cr_assert_eq(hf_flowmap_advance(NULL, map, time[k]), HF_OK);
            hf_model_atoms_logits(hf_problem_model(problem), count, hf_flowmap_points(map),
                                  hf_flowmap_masses(map), logits + k * width);
            if (k % 50 == 0) {
                shown[k / 50] = time[k];
                memcpy(node + k / 50 * size, hf_flowmap_points(map), size * sizeof *node);
            }
        }
        const hf_history history = {TIMES_KEPT, time, logits, width};
        cr_assert_eq(hf_copies_run(NULL, problem, &history, 1e-10, count, node, SHOWN, shown, theta), HF_OK);
        cr_expect_arr_eq(theta, node, size * sizeof *node, "%s", names[c]);
        cr_expect_leq(largest_difference(SHOWN * size, theta, node), 1e-7, "%s: %g", names[c],
                      largest_difference(SHOWN * size, theta, node));
        cr_expect_gt(largest_difference(size, theta, theta + 2 * size), 0.1);
        cr_assert_eq(hf_copies_run(NULL, problem, &history, 1e-10, count, node + size, 2, shown + 1, theta),
                     HF_OK);
        cr_expect_leq(largest_difference(2 * size, theta, node + size), 1e-7, "%s from t = 1", names[c]);
        hf_flowmap_destroy(&map);
        hf_array_destroy(&logits);
        hf_array_destroy(&theta);
        hf_array_destroy(&node);
        hf_problem_destroy(&problem);
    }
}

/* The mean of `translate` obeys m + e^m = t + 1, and every head moves as the mean does. */
static double translate_mean(double t) {
    double m = 0;
    for (int i = 0; i < 50; i++)
        m -= (m + exp(m) - t - 1) / (1 + exp(m));
    return m;
}

Test(copies, of_translate_move_with_the_mean) {
    enum { KEPT = 201, HEADS = 3 };
    const double start[HEADS] = {-1, 0.3, 2.385}, shown[] = {0, 0.37, 2, 4};
    double time[KEPT], logits[KEPT][2], theta[4][HEADS];
    toy given = toy_find("translate");
    hf_problem *problem = toy_create(&given);
    for (size_t k = 0; k < KEPT; k++) {
        time[k] = 4 * (double)k / (KEPT - 1);
        logits[k][0] = 0.5 * translate_mean(time[k]);
        logits[k][1] = -logits[k][0];
    }
    const hf_history history = {KEPT, time, logits[0], 2};
    cr_assert_eq(hf_copies_run(NULL, problem, &history, 1e-11, HEADS, start, 4, shown, theta[0]), HF_OK);
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < HEADS; i++)
            cr_expect_float_eq(theta[k][i], start[i] + translate_mean(shown[k]), 1e-8, "t = %g: %g", shown[k],
                               theta[k][i] - start[i] - translate_mean(shown[k]));
    hf_problem_destroy(&problem);
}

Test(copies, fail_on_logits_that_are_not_finite) {
    const double time[] = {0, 1}, logits[] = {0, 0, NAN, NAN}, start = 0.3;
    double theta[2];
    toy given = toy_find("translate");
    hf_problem *problem = toy_create(&given);
    const hf_history history = {2, time, logits, 2};
    hf_error error = {0};
    cr_expect_eq(hf_copies_run(&error, problem, &history, 1e-8, 1, &start, 2, time, theta), HF_ERR_NUMERIC);
    cr_expect_not_null(strstr(error.message, "the flow of coupled copies fails at t = "), "%s",
                       error.message);
    hf_problem_destroy(&problem);
}
