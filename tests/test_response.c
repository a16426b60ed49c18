/* Linear response: closed forms, the derivative of the flow map in the masses of its nodes, a plain twin by
 * finite differences, stochastic gradient descent itself, and the intervals of an ensemble. */
#include "support.h"

#include <criterion/criterion.h>
#include <gsl/gsl_randist.h>
#include <headflow/chaos.h>
#include <headflow/flowmap.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void run(const hf_problem *problem, size_t nodes, bool noise, size_t times, const double time[],
                hf_response_record records[], double *variance) {
    hf_error error = {0};
    cr_assert_eq(hf_response_run(&error, problem, nodes, noise, times, time, records, variance), HF_OK, "%s",
                 error.message);
}

static void expect_relative(double value, double expected, double tolerance, const char *what,
                            const char *where) {
    cr_expect_float_eq(value, expected, tolerance * fabs(expected), "%s of %s: %.12g; expected %.12g (%.1e)",
                       what, where, value, expected, value / expected - 1);
}

/* ---- closed forms -------------------------------------------------------------------------------- */

/* One event, h = v (1/2, -1/2), label (1, 0). The velocity of a head is u(m) - lambda v with the mean m and
 * u = 1/(1 + e^m), and -u' = s = e^m/(1 + e^m)^2. With xi = v - m at the start, v = m + xi e^{-lambda t}:
 *     delta_a = -xi_a f       f' = -(lambda + s) f + s e^{-lambda t}
 *     step    = c + xi E      c' = -(lambda + s)(c - m'/2),  E = -lambda^2 t e^{-lambda t}/2
 * the same for all heads but for xi E. */
typedef struct scalars {
    double m, f, c;
} scalars;

static scalars rates(double ridge, double t, scalars y) {
    double u = 1 / (1 + exp(y.m)), s = u * (1 - u), rate = u - ridge * y.m;
    return (scalars){rate, -(ridge + s) * y.f + s * exp(-ridge * t), -(ridge + s) * (y.c - rate / 2)};
}

static scalars add(scalars y, double h, scalars k) {
    return (scalars){y.m + h * k.m, y.f + h * k.f, y.c + h * k.c};
}

static scalars scalars_at(double ridge, double time) {
    enum { STEPS = 400 };
    scalars y = {0, 0, 0};
    double h = time / STEPS;
    for (size_t k = 0; k < STEPS; k++) {
        double t = (double)k * h;
        scalars a = rates(ridge, t, y), b = rates(ridge, t + h / 2, add(y, h / 2, a));
        scalars c = rates(ridge, t + h / 2, add(y, h / 2, b)), d = rates(ridge, t + h, add(y, h, c));
        y = add(add(add(add(y, h / 6, a), h / 3, b), h / 3, c), h / 6, d);
    }
    return y;
}

/* CVODE's tolerance of 1e-6 a step comes to a few of these in deviations: the roots of what is read off. */
static void expect_root(double value, double expected, const char *what, const char *where) {
    cr_expect_float_eq(sqrt(value), sqrt(expected), 5e-6, "root of %s of %s: off by %.1e", what, where,
                       sqrt(value) - sqrt(expected));
}

static void expect_closed_form(const char *name) {
    enum { TIMES = 5 };
    const double time[TIMES] = {0, 0.3, 1.1, 2.385, 4}, spread = 2.25 / 11;
    toy t = toy_find(name);
    hf_problem *problem = toy_create(&t);
    hf_response_record record[TIMES];
    double variance[TIMES], ridge = t.input.ridge;
    run(problem, 0, true, TIMES, time, record, variance);
    for (size_t k = 0; k < TIMES; k++) {
        const hf_response_record *r = &record[k];
        scalars y = scalars_at(ridge, time[k]);
        double decay = exp(-ridge * time[k]), heads = spread * y.f * y.f,
               E = -ridge * ridge * time[k] * decay / 2;
        cr_expect_eq(r->time, time[k]);
        expect_root(r->heads, heads, "heads", name);
        expect_root(sqrt(r->heads_heads), heads, "heads_heads", name);
        expect_root(r->logit_heads, spread * pow(decay - y.f, 2) / 2, "logit_heads", name);
        expect_root(r->step, y.c * y.c + spread * E * E, "step", name);
        expect_root(r->logit_step, y.c * y.c / 2, "logit_step", name);
        expect_root(r->step_heads, heads * y.c * y.c, "step_heads", name);
        expect_root(variance[k], spread * decay * decay / 2, "variance", name);
        /* one event has no noise */
        cr_expect_leq(fabs(r->noise) + r->noise_noise + fabs(r->logit_noise), 1e-25);
        cr_expect_leq(fabs(r->heads_noise) + fabs(r->step_noise) + r->gradient_variance, 1e-25);
    }
    cr_expect_gt(record[TIMES - 1].heads, 0.02 * spread);
    hf_problem_destroy(&problem);
}

Test(closed_form, translate) {
    expect_closed_form("translate");
}

Test(closed_form, ridge) {
    expect_closed_form("ridge");
}

/* ---- twins --------------------------------------------------------------------------------------- */

enum { NODES_MAX = 16 };

/* Dirac measures of random masses at random places: the quadrature nodes are the measure itself. */
static hf_problem *make_diracs(const char *name, unsigned long seed, size_t count, double *masses) {
    hf_component component[NODES_MAX] = {{0}};
    gsl_rng *random = make_random(seed);
    toy t = toy_find(name);
    double sum = 0;
    for (size_t a = 0; a < count; a++) {
        component[a].weight = uniform(random, 0.3, 1.7);
        sum += component[a].weight;
        for (size_t d = 0; d < t.input.dim; d++)
            component[a].profile[d] = (hf_profile){HF_PROFILE_DIRAC, uniform(random, -0.6, 1.4), 0};
    }
    for (size_t a = 0; a < count; a++)
        masses[a] = component[a].weight / sum;
    gsl_rng_free(random);
    return toy_create_mixture(&t, count, component);
}

/* The same with the masses m + s (unit mass at node a - m). */
static hf_problem *make_shifted_diracs(const char *name, unsigned long seed, size_t count, size_t a,
                                       double s) {
    hf_component component[NODES_MAX];
    double masses[NODES_MAX];
    size_t components;
    hf_problem *plain = make_diracs(name, seed, count, masses);
    memcpy(component, hf_problem_components(plain, &components), count * sizeof *component);
    for (size_t x = 0; x < count; x++)
        component[x].weight = (1 - s) * masses[x] + (x == a ? s : 0);
    hf_problem_destroy(&plain);
    toy t = toy_find(name);
    return toy_create_mixture(&t, count, component);
}

/* Nodes and logits of the flow map at a time. */
static void carry(const hf_problem *problem, double time, size_t size, double *theta, double *logits) {
    hf_flowmap *map;
    cr_assert_eq(hf_flowmap_create(NULL, problem, 2, 1e-13, &map), HF_OK);
    cr_assert_eq(hf_flowmap_advance(NULL, map, time), HF_OK);
    memcpy(theta, hf_flowmap_points(map), size * sizeof *theta);
    hf_model_atoms_logits(hf_problem_model(problem), hf_flowmap_count(map), theta, hf_flowmap_masses(map),
                          logits);
    hf_flowmap_destroy(&map);
}

/* Masses are changed, the flow map is run again, and the difference quotient is the response. */
Test(twin, flow_map_of_other_masses) {
    enum { N = 9, D = 2, SIZE = N * D, OUTPUTS = 32, EVENTS = 16 };
    const double s = 1e-4, time = 3;
    double mass[N], delta[N][SIZE], shift[N][OUTPUTS], heads = 0, heads_heads = 0, logit_heads = 0;
    hf_response_record record;
    hf_problem *problem = make_diracs("retrieval", 2385, N, mass);
    cr_assert_eq(hf_events_count(hf_problem_events(problem)), EVENTS);
    for (size_t a = 0; a < N; a++) {
        double theta[2][SIZE], logits[2][OUTPUTS];
        for (size_t side = 0; side < 2; side++) {
            hf_problem *shifted = make_shifted_diracs("retrieval", 2385, N, a, side ? s : -s);
            carry(shifted, time, SIZE, theta[side], logits[side]);
            hf_problem_destroy(&shifted);
        }
        for (size_t i = 0; i < SIZE; i++)
            delta[a][i] = (theta[1][i] - theta[0][i]) / (2 * s);
        for (size_t o = 0; o < OUTPUTS; o++)
            shift[a][o] = (logits[1][o] - logits[0][o]) / (2 * s);
    }
    for (size_t a = 0; a < N; a++) {
        for (size_t b = 0; b < N; b++) {
            double inner = 0;
            for (size_t i = 0; i < SIZE; i++)
                inner += mass[i / D] * delta[a][i] * delta[b][i];
            heads += a == b ? mass[a] * inner : 0;
            heads_heads += mass[a] * mass[b] * inner * inner;
        }
        for (size_t o = 0; o < OUTPUTS; o++)
            logit_heads += mass[a] * shift[a][o] * shift[a][o] / EVENTS;
    }
    run(problem, 0, false, 1, &time, &record, NULL);
    expect_relative(record.heads, heads, 1e-5, "heads", "retrieval");
    expect_relative(record.heads_heads, heads_heads, 1e-5, "heads_heads", "retrieval");
    expect_relative(record.logit_heads, logit_heads, 1e-5, "logit_heads", "retrieval");
    hf_problem_destroy(&problem);
}

/* The whole linear response as one would write it down, every derivative a difference quotient of the one
 * function (places, masses) -> velocities, logits. */
enum { ROWS_MAX = 18, OUTPUTS_MAX = 64, TWIN_NODES_MAX = 6 };

typedef struct twin {
    const hf_problem *problem;
    size_t n, dim, rows, outputs, events;
    double mass[NODES_MAX];
} twin;

typedef struct twin_state {
    double theta[ROWS_MAX], step[ROWS_MAX], delta[TWIN_NODES_MAX][ROWS_MAX], P[ROWS_MAX][ROWS_MAX];
} twin_state;

static const double eta = 1e-4;

static void field(const twin *w, const double *theta, const double *mass, double *velocity, double *logits) {
    const hf_model *model = hf_problem_model(w->problem);
    double residual[OUTPUTS_MAX], *projection = make_array(hf_model_projection_size(model));
    hf_model_atoms_logits(model, w->n, theta, mass, logits);
    hf_risk_cross_entropy(hf_problem_events(w->problem), logits, residual);
    hf_model_project_residual(model, residual, projection);
    for (size_t i = 0; i < w->n; i++)
        hf_model_potential(model, projection, theta + i * w->dim, velocity + i * w->dim, NULL);
    for (size_t i = 0; i < w->rows; i++)
        velocity[i] = -velocity[i];
    hf_array_destroy(&projection);
}

/* Derivative of velocities and logits as the places move by `direction` and mass comes to node a (none: n).
 */
static void differentiate(const twin *w, const double *theta, const double *direction, size_t a,
                          double *velocity, double *logits) {
    double place[2][ROWS_MAX], mass[2][NODES_MAX], v[2][ROWS_MAX], z[2][OUTPUTS_MAX];
    for (size_t side = 0; side < 2; side++) {
        double s = side ? eta : -eta;
        for (size_t i = 0; i < w->rows; i++)
            place[side][i] = theta[i] + s * direction[i];
        for (size_t x = 0; x < w->n; x++)
            mass[side][x] = a == w->n ? w->mass[x] : (1 - s) * w->mass[x] + (x == a ? s : 0);
        field(w, place[side], mass[side], v[side], z[side]);
    }
    for (size_t i = 0; i < w->rows; i++)
        velocity[i] = (v[1][i] - v[0][i]) / (2 * eta);
    for (size_t o = 0; o < w->outputs; o++)
        logits[o] = (z[1][o] - z[0][o]) / (2 * eta);
}

/* Gradients of the single events at all nodes: shape (E, rows). */
static void event_gradients(const twin *w, const double *theta, double gradient[][ROWS_MAX]) {
    const hf_model *model = hf_problem_model(w->problem);
    const hf_events *events = hf_problem_events(w->problem);
    size_t classes = w->outputs / w->events;
    double logits[OUTPUTS_MAX], residual[OUTPUTS_MAX], only[OUTPUTS_MAX];
    double *projection = make_array(hf_model_projection_size(model));
    hf_model_atoms_logits(model, w->n, theta, w->mass, logits);
    hf_risk_cross_entropy(events, logits, residual);
    for (size_t e = 0; e < w->events; e++) {
        for (size_t o = 0; o < w->outputs; o++)
            only[o] = o / classes == e ? residual[o] / hf_events_weight(events, e) : 0;
        hf_model_project_residual(model, only, projection);
        for (size_t i = 0; i < w->n; i++)
            hf_model_potential(model, projection, theta + i * w->dim, gradient[e] + i * w->dim, NULL);
    }
    hf_array_destroy(&projection);
}

/* sum_e w_e (g_e - g)(g_e - g)^T; the ridge is in all of them and drops out. */
static void noise_covariance(const twin *w, const double *theta, double C[][ROWS_MAX]) {
    const hf_events *events = hf_problem_events(w->problem);
    double gradient[OUTPUTS_MAX][ROWS_MAX], mean[ROWS_MAX] = {0};
    event_gradients(w, theta, gradient);
    for (size_t e = 0; e < w->events; e++)
        for (size_t i = 0; i < w->rows; i++)
            mean[i] += hf_events_weight(events, e) * gradient[e][i];
    for (size_t i = 0; i < w->rows; i++)
        for (size_t j = 0; j < w->rows; j++) {
            C[i][j] = 0;
            for (size_t e = 0; e < w->events; e++)
                C[i][j] +=
                    hf_events_weight(events, e) * (gradient[e][i] - mean[i]) * (gradient[e][j] - mean[j]);
        }
}

static void twin_rate(const twin *w, const twin_state *y, twin_state *rate) {
    double second[ROWS_MAX], z[OUTPUTS_MAX], minus_A[ROWS_MAX][ROWS_MAX];
    field(w, y->theta, w->mass, rate->theta, z);
    differentiate(w, y->theta, rate->theta, w->n, second, z);
    differentiate(w, y->theta, y->step, w->n, rate->step, z);
    for (size_t i = 0; i < w->rows; i++)
        rate->step[i] -= second[i] / 2;
    for (size_t a = 0; a < w->n; a++)
        differentiate(w, y->theta, y->delta[a], a, rate->delta[a], z);
    for (size_t j = 0; j < w->rows; j++) {
        double unit[ROWS_MAX] = {0};
        unit[j] = 1;
        differentiate(w, y->theta, unit, w->n, minus_A[j], z);
    }
    noise_covariance(w, y->theta, rate->P);
    for (size_t i = 0; i < w->rows; i++)
        for (size_t j = 0; j < w->rows; j++)
            for (size_t k = 0; k < w->rows; k++)
                rate->P[i][j] += minus_A[k][i] * y->P[k][j] + minus_A[k][j] * y->P[i][k];
}

static twin_state combine(const twin_state *y, double h, const twin_state *k) {
    twin_state sum;
    const double *a = (const double *)y, *b = (const double *)k;
    for (size_t i = 0; i < sizeof sum / sizeof(double); i++)
        ((double *)&sum)[i] = a[i] + h * b[i];
    return sum;
}

static void twin_advance(const twin *w, size_t steps, double h, twin_state *y) {
    for (size_t k = 0; k < steps; k++) {
        static const double node[] = {0, 0.5, 0.5, 1}, weight[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
        twin_state slope = {0}, next = *y;
        for (size_t stage = 0; stage < 4; stage++) {
            twin_state at = combine(y, node[stage] * h, &slope);
            twin_rate(w, &at, &slope);
            next = combine(&next, weight[stage] * h, &slope);
        }
        *y = next;
    }
}

static double dot(const twin *w, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < w->rows; i++)
        sum += w->mass[i / w->dim] * a[i] * b[i];
    return sum;
}

static double logit_norm2(const twin *w, const double *z) {
    double sum = 0;
    for (size_t o = 0; o < w->outputs; o++)
        sum += hf_events_weight(hf_problem_events(w->problem), o / (w->outputs / w->events)) * z[o] * z[o];
    return sum;
}

/* m^T P m with the masses as metric. */
static double quadratic(const twin *w, const twin_state *y, const double *m) {
    double image[ROWS_MAX];
    for (size_t i = 0; i < w->rows; i++)
        image[i] = dot(w, y->P[i], m);
    return dot(w, image, m);
}

static void twin_read(const twin *w, const twin_state *y, hf_response_record *r) {
    double velocity[ROWS_MAX], shift[OUTPUTS_MAX], jacobian[ROWS_MAX][OUTPUTS_MAX], C[ROWS_MAX][ROWS_MAX];
    noise_covariance(w, y->theta, C);
    for (size_t a = 0; a < w->n; a++) {
        r->heads += w->mass[a] * dot(w, y->delta[a], y->delta[a]);
        for (size_t b = 0; b < w->n; b++)
            r->heads_heads += w->mass[a] * w->mass[b] * pow(dot(w, y->delta[a], y->delta[b]), 2);
        differentiate(w, y->theta, y->delta[a], a, velocity, shift);
        r->logit_heads += w->mass[a] * logit_norm2(w, shift);
        r->heads_noise += w->mass[a] * quadratic(w, y, y->delta[a]);
        r->step_heads += w->mass[a] * pow(dot(w, y->delta[a], y->step), 2);
    }
    r->step = dot(w, y->step, y->step);
    r->step_noise = quadratic(w, y, y->step);
    differentiate(w, y->theta, y->step, w->n, velocity, shift);
    r->logit_step = logit_norm2(w, shift);
    for (size_t i = 0; i < w->rows; i++) {
        double unit[ROWS_MAX] = {0};
        unit[i] = 1;
        differentiate(w, y->theta, unit, w->n, velocity, jacobian[i]);
        r->noise += w->mass[i / w->dim] * y->P[i][i];
        r->gradient_variance += w->mass[i / w->dim] * C[i][i];
    }
    for (size_t i = 0; i < w->rows; i++)
        for (size_t j = 0; j < w->rows; j++) {
            r->noise_noise += w->mass[i / w->dim] * w->mass[j / w->dim] * pow(y->P[i][j], 2);
            for (size_t o = 0; o < w->outputs; o++)
                r->logit_noise +=
                    hf_events_weight(hf_problem_events(w->problem), o / (w->outputs / w->events)) *
                    jacobian[i][o] * y->P[i][j] * jacobian[j][o];
        }
}

/* CVODE's tolerance comes to 3e-5 of what is read off, the difference quotients to 1e-7. */
static void expect_twin(const char *name, size_t n, double time, size_t steps) {
    const double accuracy = 1e-4;
    twin w = {.n = n};
    twin_state y = {0};
    hf_response_record record[2], expected = {0};
    w.problem = make_diracs(name, 41, n, w.mass);
    w.dim = hf_grid_dim(hf_problem_grid(w.problem));
    w.rows = n * w.dim;
    w.events = hf_events_count(hf_problem_events(w.problem));
    w.outputs = w.events * hf_events_classes(hf_problem_events(w.problem));
    cr_assert(w.rows <= ROWS_MAX && w.outputs <= OUTPUTS_MAX && n <= TWIN_NODES_MAX);
    carry(w.problem, 0, w.rows, y.theta, (double[OUTPUTS_MAX]){0});
    twin_advance(&w, steps, time / (double)steps, &y);
    twin_read(&w, &y, &expected);
    run(w.problem, 0, true, 2, (double[]){0, time}, record, NULL);
    const hf_response_record *r = &record[1];
    cr_expect_eq(record[0].heads + record[0].noise + record[0].step, 0);
    expect_relative(r->heads, expected.heads, accuracy, "heads", name);
    expect_relative(r->noise, expected.noise, accuracy, "noise", name);
    expect_relative(r->step, expected.step, accuracy, "step", name);
    expect_relative(r->logit_heads, expected.logit_heads, accuracy, "logit_heads", name);
    expect_relative(r->logit_noise, expected.logit_noise, accuracy, "logit_noise", name);
    expect_relative(r->logit_step, expected.logit_step, accuracy, "logit_step", name);
    expect_relative(r->heads_heads, expected.heads_heads, accuracy, "heads_heads", name);
    expect_relative(r->heads_noise, expected.heads_noise, accuracy, "heads_noise", name);
    expect_relative(r->noise_noise, expected.noise_noise, accuracy, "noise_noise", name);
    expect_relative(r->step_heads, expected.step_heads, accuracy, "step_heads", name);
    expect_relative(r->step_noise, expected.step_noise, accuracy, "step_noise", name);
    expect_relative(r->gradient_variance, expected.gradient_variance, accuracy, "gradient_variance", name);
    hf_problem *problem = (hf_problem *)w.problem;
    hf_problem_destroy(&problem);
}

Test(twin, retrieval) {
    expect_twin("retrieval", 6, 2, 24);
}

Test(twin, angle) {
    expect_twin("angle", 5, 1.5, 24);
}

Test(twin, specialise) {
    expect_twin("specialise", 4, 2, 24);
}

/* ---- stochastic gradient descent ----------------------------------------------------------------- */

enum { KEPT = 101, WIDTH = 32 };

/* Logits of the limit on a fine axis, by the flow map. logits: shape (KEPT, WIDTH) */
static hf_history make_history(const hf_problem *problem, double end, double *time, double *logits) {
    hf_flowmap *map;
    cr_assert_eq(hf_flowmap_create(NULL, problem, 12, 1e-10, &map), HF_OK);
    for (size_t k = 0; k < KEPT; k++) {
        time[k] = end * (double)k / (KEPT - 1);
        cr_assert_eq(hf_flowmap_advance(NULL, map, time[k]), HF_OK);
        hf_model_atoms_logits(hf_problem_model(problem), hf_flowmap_count(map), hf_flowmap_points(map),
                              hf_flowmap_masses(map), logits + k * WIDTH);
    }
    hf_flowmap_destroy(&map);
    return (hf_history){KEPT, time, logits, WIDTH};
}

/* Mean square of |theta_i - copy_i| over the heads of one member at the end. */
static double coupling2(const hf_problem *problem, const hf_history *history, const hf_ensemble *ensemble,
                        size_t seed, double end) {
    size_t size = ensemble->heads * hf_grid_dim(hf_problem_grid(problem));
    double time[] = {0, end}, sum = 0, *heads = make_array(2 * size), *copies = make_array(2 * size);
    cr_assert_eq(hf_sgd_run(NULL, problem, ensemble, seed, 2, time, heads), HF_OK);
    cr_assert_eq(hf_copies_run(NULL, problem, history, 1e-9, ensemble->heads, heads, 2, time, copies), HF_OK);
    for (size_t i = size; i < 2 * size; i++)
        sum += pow(heads[i] - copies[i], 2) / (double)ensemble->heads;
    hf_array_destroy(&heads);
    hf_array_destroy(&copies);
    return sum;
}

/* Mean of the same over seeds, and its standard error. */
static double mean_coupling2(const hf_problem *problem, const hf_ensemble *ensemble, size_t seeds, double end,
                             double *standard_error) {
    double time[KEPT], *logits = make_array(KEPT * WIDTH), sum = 0, square = 0;
    hf_history history = make_history(problem, end, time, logits);
    for (size_t s = 0; s < seeds; s++) {
        double x = coupling2(problem, &history, ensemble, s, end);
        sum += x;
        square += x * x;
    }
    hf_array_destroy(&logits);
    double mean = sum / (double)seeds;
    *standard_error = sqrt((square / (double)seeds - mean * mean) / (double)(seeds - 1));
    return mean;
}

/* The next order in 1/N is left out: a few times 1/64, below the sampling error. */
Test(descent, finite_number_of_heads) {
    const hf_ensemble ensemble = {64, 0.02, HF_BATCH_FULL};
    const double end = 4;
    const size_t seeds = 150;
    toy t = toy_find("retrieval");
    hf_problem *problem = toy_create(&t);
    hf_response_record r;
    double error, mean = mean_coupling2(problem, &ensemble, seeds, end, &error);
    run(problem, 0, false, 1, &end, &r, NULL);
    double expected = r.heads / 64 + pow(ensemble.step, 2) * r.step;
    cr_expect_float_eq(mean, expected, 4 * error, "%g +- %g; expected %g", mean, error, expected);
    cr_expect_lt(error, 0.12 * expected);
    /* the spread over the seeds, too: its relative error is about 25 % */
    double variance = error * error * (double)seeds;
    double predicted = (2 * r.heads_heads / 64 + 4 * pow(ensemble.step, 2) * r.step_heads) / 64;
    cr_expect(variance > predicted / 2.2 && variance < 2.2 * predicted, "%g; expected %g", variance,
              predicted);
    hf_interval interval = hf_response_coupling(&r, &ensemble, seeds);
    cr_expect_float_eq(interval.value, sqrt(expected), 1e-12);
    hf_problem_destroy(&problem);
}

static hf_problem *make_dirac(void) {
    hf_component component = {.weight = 1,
                              .profile = {{HF_PROFILE_DIRAC, 0.7, 0}, {HF_PROFILE_DIRAC, 0.4, 0}}};
    toy t = toy_find("retrieval");
    return toy_create_mixture(&t, 1, &component);
}

/* From a Dirac there is no sampling error: what is left is the noise of the batches. */
Test(descent, minibatches) {
    const hf_ensemble ensemble = {3, 0.05, 2};
    const double end = 3;
    hf_problem *problem = make_dirac();
    hf_response_record r;
    double error, mean = mean_coupling2(problem, &ensemble, 400, end, &error);
    run(problem, 0, true, 1, &end, &r, NULL);
    double expected = 0.025 * r.noise + pow(ensemble.step, 2) * r.step;
    cr_expect_float_eq(r.heads, 0, 1e-12);
    cr_expect_float_eq(mean, expected, 4 * error, "%g +- %g; expected %g", mean, error, expected);
    cr_expect_lt(error, 0.1 * expected);
    double variance = error * error * 400, predicted = 2 * 0.025 * 0.025 * r.noise_noise;
    cr_expect(variance > predicted / 1.7 && variance < 1.7 * predicted, "%g; expected %g", variance,
              predicted);
    hf_problem_destroy(&problem);
}

/* Neither sampling error nor noise: the error of the steps, of first order with an error of first order. */
Test(descent, steps) {
    const double end = 3;
    double time[KEPT], *logits = make_array(KEPT * WIDTH), off[3];
    hf_problem *problem = make_dirac();
    hf_history history = make_history(problem, end, time, logits);
    hf_response_record r;
    run(problem, 0, false, 1, &end, &r, NULL);
    for (size_t k = 0; k < 3; k++) {
        hf_ensemble ensemble = {2, 0.1 / (double)(1 << k), HF_BATCH_FULL};
        off[k] = coupling2(problem, &history, &ensemble, 0, end) / pow(ensemble.step, 2) / r.step - 1;
    }
    cr_expect_lt(fabs(off[2]), 0.05, "%g", off[2]);
    cr_expect_float_eq(off[0] / off[1], 2, 0.25, "%g %g %g", off[0], off[1], off[2]);
    cr_expect_float_eq(off[1] / off[2], 2, 0.12, "%g %g %g", off[0], off[1], off[2]);
    /* once more Richardson's: what is left is of second order */
    cr_expect_float_eq(2 * off[2] - off[1], 0, 1e-3, "%g", 2 * off[2] - off[1]);
    hf_array_destroy(&logits);
    hf_problem_destroy(&problem);
}

/* ---- nodes and refusals -------------------------------------------------------------------------- */

Test(nodes, converge) {
    const double time[] = {0, 3};
    toy t = toy_find("retrieval");
    hf_problem *problem = toy_create(&t);
    hf_response_record few[2], many[2];
    double variance[2][2 * 16];
    run(problem, 8, false, 2, time, few, variance[0]);
    run(problem, 12, false, 2, time, many, variance[1]);
    expect_relative(few[1].heads, many[1].heads, 1e-4, "heads", "8 nodes");
    expect_relative(few[1].step, many[1].step, 1e-4, "step", "8 nodes");
    expect_relative(few[1].logit_heads, many[1].logit_heads, 1e-4, "logit_heads", "8 nodes");
    expect_relative(few[1].heads_heads, many[1].heads_heads, 1e-4, "heads_heads", "8 nodes");
    for (size_t i = 0; i < 2 * 16; i++)
        expect_relative(variance[0][i], variance[1][i], 1e-4, "variance", "8 nodes");
    hf_problem_destroy(&problem);
}

/* What does not depend on the noise is the same with and without it. */
Test(nodes, noise_is_apart) {
    const double time = 2.385;
    toy t = toy_find("angle");
    hf_problem *problem = toy_create(&t);
    hf_response_record with, without;
    run(problem, 3, true, 1, &time, &with, NULL);
    run(problem, 3, false, 1, &time, &without, NULL);
    expect_relative(with.heads, without.heads, 1e-4, "heads", "angle");
    expect_relative(with.step, without.step, 1e-4, "step", "angle");
    cr_expect_gt(with.noise, 0.01);
    cr_expect_eq(without.noise + without.noise_noise + without.gradient_variance + without.logit_noise, 0);
    hf_problem_destroy(&problem);
}

Test(refusal, temperature_and_too_many_nodes) {
    const double time = 1;
    hf_error error = {0};
    hf_response_record record;
    toy t = toy_find("gibbs");
    hf_problem *warm = toy_create(&t);
    cr_expect_eq(hf_response_run(&error, warm, 4, false, 1, &time, &record, NULL), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "temperature"), "%s", error.message);
    t = toy_find("retrieval");
    hf_problem *problem = toy_create(&t);
    cr_expect_eq(hf_response_run(&error, problem, 46, false, 1, &time, &record, NULL), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "2116 nodes"), "%s", error.message);
    hf_problem_destroy(&warm);
    hf_problem_destroy(&problem);
}

/* ---- intervals of an ensemble -------------------------------------------------------------------- */

enum { DIRECTIONS = 3 };

/* Covariances that are diagonal in the same directions, and a step error. */
typedef struct diagonal {
    double heads[DIRECTIONS], noise[DIRECTIONS], step[DIRECTIONS];
} diagonal;

static hf_response_record record_of(const diagonal *d) {
    hf_response_record r = {0};
    for (size_t i = 0; i < DIRECTIONS; i++) {
        double c2 = d->step[i] * d->step[i];
        r.heads += d->heads[i];
        r.noise += d->noise[i];
        r.step += c2;
        r.heads_heads += d->heads[i] * d->heads[i];
        r.heads_noise += d->heads[i] * d->noise[i];
        r.noise_noise += d->noise[i] * d->noise[i];
        r.step_heads += d->heads[i] * c2;
        r.step_noise += d->noise[i] * c2;
    }
    return r;
}

/* Share of simulated ensembles that fall into their interval: deviations are normal. */
static double coverage(const diagonal *d, const hf_ensemble *ensemble, size_t seeds) {
    enum { TRIALS = 4000 };
    gsl_rng *random = make_random(2385);
    hf_response_record record = record_of(d);
    hf_interval interval = hf_response_coupling(&record, ensemble, seeds);
    size_t inside = 0;
    for (size_t t = 0; t < TRIALS; t++) {
        double sum = 0;
        for (size_t s = 0; s < seeds; s++)
            for (size_t i = 0; i < DIRECTIONS; i++) {
                double deviation = ensemble->step * d->step[i];
                deviation += gsl_ran_gaussian(random, sqrt(d->heads[i] / (double)ensemble->heads));
                if (ensemble->batch != HF_BATCH_FULL)
                    deviation += gsl_ran_gaussian(
                        random, sqrt(d->noise[i] * ensemble->step / (double)ensemble->batch));
                sum += deviation * deviation / (double)seeds;
            }
        inside += sqrt(sum) >= interval.lower && sqrt(sum) <= interval.upper;
    }
    gsl_rng_free(random);
    return (double)inside / TRIALS;
}

/* With 4000 trials a true 95 % shows within 0.015. One direction is exact; several and shifted ones nearly.
 */
Test(interval, coverage) {
    const hf_ensemble full = {64, 0.1, HF_BATCH_FULL}, small = {64, 0.1, 8};
    const diagonal one = {.heads = {2.385}}, three = {.heads = {1.3, 0.8, 0.2}};
    const diagonal mixed = {{1.3, 0.8, 0.2}, {0.4, 1.7, 3.1}, {0.3, 1.1, -0.7}};
    cr_expect_float_eq(coverage(&one, &full, 20), 0.95, 0.015, "%g", coverage(&one, &full, 20));
    cr_expect_float_eq(coverage(&three, &full, 6), 0.95, 0.02, "%g", coverage(&three, &full, 6));
    cr_expect_float_eq(coverage(&mixed, &full, 12), 0.95, 0.02, "%g", coverage(&mixed, &full, 12));
    cr_expect_float_eq(coverage(&mixed, &small, 12), 0.95, 0.02, "%g", coverage(&mixed, &small, 12));
}

Test(interval, values) {
    const diagonal d = {{1.3, 0.8, 0.2}, {0.4, 1.7, 3.1}, {0.3, 1.1, -0.7}};
    const hf_ensemble small = {64, 0.1, 8}, no_step = {64, NAN, 8}, no_batch = {64, 0.1, HF_BATCH_UNKNOWN};
    hf_response_record r = record_of(&d);
    double mean = 2.3 / 64 + 0.1 / 8 * 5.2 + 0.01 * 1.79;
    r.logit_heads = 0.7;
    r.logit_noise = 0.35;
    r.logit_step = 2.385;
    cr_expect_float_eq(hf_response_coupling(&r, &small, 5).value, sqrt(mean), 1e-12);
    cr_expect_float_eq(hf_response_logit(&r, &small), sqrt(0.7 / 64 + 0.1 / 8 * 0.35 + 0.01 * 2.385), 1e-12);
    cr_expect(isnan(hf_response_coupling(&r, &no_step, 5).value));
    cr_expect(isnan(hf_response_coupling(&r, &no_batch, 5).value));
    cr_expect(isnan(hf_response_coupling(&r, &no_batch, 5).lower));
    cr_expect(isnan(hf_response_coupling(&r, &no_step, 5).upper));
    cr_expect(isnan(hf_response_logit(&r, &no_step)) && isnan(hf_response_logit(&r, &no_batch)));
    /* more seeds, a narrower interval around the value */
    hf_interval few = hf_response_coupling(&r, &small, 5), many = hf_response_coupling(&r, &small, 500);
    cr_expect(few.lower < many.lower && many.lower < many.value && many.upper < few.upper);
    cr_expect_float_eq((few.upper - few.lower) / (many.upper - many.lower), 10, 0.5);
    /* a step error alone is sure */
    hf_response_record sure = {.step = 1.79};
    hf_interval point = hf_response_coupling(&sure, &(hf_ensemble){64, 0.1, HF_BATCH_FULL}, 5);
    cr_expect_float_eq(point.lower, 0.1 * sqrt(1.79), 1e-15);
    cr_expect_eq(point.upper, point.lower);
}
