/* Linear response: the leading order of the coupling error. docs/theory.md (33)-(36).
 *
 * State, on n nodes of D coordinates, all columns of nD numbers:
 *     Theta            the nodes themselves, theta' = -grad Psi
 *     delta_a          response of all nodes to a unit of extra mass at node a, a = 1..n
 *     step             response to the error of a step of length 1
 *     P                covariance driven by a minibatch of size 1 and a step of length 1 (nD columns)
 * With the linearised operator
 *     (A m)(x) = Hess Psi(x) m(x) + sum_e w_e J_e(x)^T S_e sum_y mass_y J_e(y) m(y),   S = diag p - p p^T
 *     delta_a' = -A delta_a - sum_e w_e J_e^T S_e (h_e(a) - z_e)
 *     step'    = -A (step - Theta'/2)                  since Theta'' = -A Theta'
 *     P'       = -A P - (A P)^T + sum_e w_e (g_e - g)(g_e - g)^T,   g_e = J_e^T r_e
 * so that A is applied to all columns at once. */
#include <headflow/chaos.h>
#include <headflow/flowmap.h>

#include "flow/adams.h"

#include <cblas.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = 1e-6;

typedef struct response {
    const hf_problem *problem;
    const hf_model *model;
    const hf_events *events;
    bool noise;
    size_t n, dim, rows, outputs; /* nodes, D, nD, E * classes */
    size_t columns;               /* delta, step and P */
    const double *mass;           /* shape (n): the flow map's */
    double *jacobian;             /* shape (outputs, rows): columns of J^T */
    double *hessian;              /* shape (n, D, D) */
    double *velocity;             /* shape (rows) */
    double *step;                 /* shape (rows): a column of the state */
    double *heads;                /* h_e of each node: shape (n, outputs) */
    double *logits, *residual;    /* shape (outputs) */
    double *projection;           /* shape (E, width, 1 + n_v) */
    double *matrix;               /* what A is applied to, times the masses: shape (columns, rows) */
    double *shift;                /* of the logits: shape (columns, outputs) */
    double *gradients;            /* sqrt(w_e) (g_e - g): shape (E, rows) */
    hf_adams adams;               /* Theta, then the columns: shape (1 + columns, rows) */
} response;

/* As many nodes an axis as keep the state small: its largest part grows with the square of their number. */
static size_t default_nodes(const hf_problem *problem) {
    static const size_t most[HF_DIM_MAX] = {24, 12, 6, 4};
    enum { ENOUGH = 320, FEWEST = 4 };
    const hf_grid *grid = hf_problem_grid(problem);
    size_t dim = hf_grid_dim(grid), nodes = most[dim - 1], count = ENOUGH + 1;
    while (count > ENOUGH && nodes >= FEWEST) {
        count = 1;
        for (size_t d = 0; d < dim; d++)
            count *= hf_grid_axis(grid, d)->periodic ? HF_FLOWMAP_ANGLE_FACTOR * nodes : nodes;
        nodes -= count > ENOUGH;
    }
    return nodes;
}

/* ---- the nodes and what depends on them alone ---------------------------------------------------- */

/* Logits and Jacobians of all heads, averaged logits, residuals, velocities, Hessians. */
static void look_at_nodes(response *r, const double *theta) {
    size_t classes = hf_events_classes(r->events), count = hf_events_count(r->events), D = r->dim;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < r->n; i++) {
        double jacobian[HF_WIDTH_MAX * HF_DIM_MAX];
        for (size_t e = 0; e < count; e++) {
            hf_model_head_derivatives(r->model, e, theta + i * D, r->heads + i * r->outputs + e * classes,
                                      jacobian, NULL);
            for (size_t c = 0; c < classes; c++)
                memcpy(r->jacobian + (e * classes + c) * r->rows + i * D, jacobian + c * D,
                       D * sizeof *jacobian);
        }
    }
    memset(r->logits, 0, r->outputs * sizeof *r->logits);
    for (size_t i = 0; i < r->n; i++)
        cblas_daxpy((int)r->outputs, r->mass[i], r->heads + i * r->outputs, 1, r->logits, 1);
    hf_risk_cross_entropy(r->events, r->logits, r->residual);
    hf_model_project_residual(r->model, r->residual, r->projection);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < r->n; i++) {
        hf_model_potential(r->model, r->projection, theta + i * D, r->velocity + i * D,
                           r->hessian + i * D * D);
        for (size_t d = 0; d < D; d++)
            r->velocity[i * D + d] *= -1;
    }
}

/* sqrt(w_e) (g_e - g) for all events. */
static void spread_gradients(response *r) {
    size_t classes = hf_events_classes(r->events), count = hf_events_count(r->events);
    double *mean;
    memset(r->gradients, 0, count * r->rows * sizeof *r->gradients);
    mean = r->matrix; /* free at this point */
    memset(mean, 0, r->rows * sizeof *mean);
    for (size_t e = 0; e < count; e++) {
        double *g = r->gradients + e * r->rows, weight = hf_events_weight(r->events, e);
        for (size_t c = 0; c < classes; c++)
            cblas_daxpy((int)r->rows, r->residual[e * classes + c], r->jacobian + (e * classes + c) * r->rows,
                        1, g, 1);
        cblas_daxpy((int)r->rows, weight, g, 1, mean, 1);
    }
    for (size_t e = 0; e < count; e++) {
        double *g = r->gradients + e * r->rows, root = sqrt(hf_events_weight(r->events, e));
        for (size_t i = 0; i < r->rows; i++)
            g[i] = root * (g[i] - mean[i]);
    }
}

/* ---- the linearised operator --------------------------------------------------------------------- */

/* Shift of the logits by each column: sum_y mass_y J_e(y) m(y). */
static void shift_logits(response *r, size_t columns, const double *m) {
    for (size_t k = 0; k < columns; k++)
        for (size_t i = 0; i < r->rows; i++)
            r->matrix[k * r->rows + i] = r->mass[i / r->dim] * m[k * r->rows + i];
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)r->outputs, (int)columns, (int)r->rows, 1,
                r->jacobian, (int)r->rows, r->matrix, (int)r->rows, 0, r->shift, (int)r->outputs);
}

/* w_e S_e times the shifts, in place: S_e = diag p - p p^T with p = r + y. */
static void weigh_shifts(response *r, size_t columns) {
    size_t classes = hf_events_classes(r->events), count = hf_events_count(r->events);
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < columns; k++)
        for (size_t e = 0; e < count; e++) {
            const double *y = hf_events_label(r->events, e), *residual = r->residual + e * classes;
            double *s = r->shift + k * r->outputs + e * classes, mean = 0;
            for (size_t c = 0; c < classes; c++)
                mean += (residual[c] + y[c]) * s[c];
            for (size_t c = 0; c < classes; c++)
                s[c] = hf_events_weight(r->events, e) * (residual[c] + y[c]) * (s[c] - mean);
        }
}

/* out = -Hess Psi m - J^T (weighed shifts). */
static void respond(response *r, size_t columns, const double *m, double *out) {
    size_t D = r->dim;
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < columns; k++)
        for (size_t i = 0; i < r->n; i++) {
            const double *H = r->hessian + i * D * D, *x = m + k * r->rows + i * D;
            for (size_t a = 0; a < D; a++) {
                double sum = 0;
                for (size_t b = 0; b < D; b++)
                    sum += H[a * D + b] * x[b];
                out[k * r->rows + i * D + a] = -sum;
            }
        }
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)r->rows, (int)columns, (int)r->outputs, -1,
                r->jacobian, (int)r->rows, r->shift, (int)r->outputs, 1, out, (int)r->rows);
}

/* Adds the unit of extra mass at each node to the shifts: h_e(a) - z_e. */
static void add_sources(response *r) {
    for (size_t a = 0; a < r->n; a++)
        for (size_t o = 0; o < r->outputs; o++)
            r->shift[a * r->outputs + o] += r->heads[a * r->outputs + o] - r->logits[o];
}

/* P' from -A P: minus its transpose as well, and the noise. */
static void drive_covariance(response *r, double *P) {
    int rows = (int)r->rows, count = (int)hf_events_count(r->events);
    for (size_t i = 0; i < r->rows; i++)
        for (size_t j = 0; j <= i; j++)
            P[i * r->rows + j] = P[j * r->rows + i] = P[i * r->rows + j] + P[j * r->rows + i];
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, rows, rows, count, 1, r->gradients, rows,
                r->gradients, rows, 1, P, rows);
}

static int right_hand_side(realtype t, N_Vector y, N_Vector rate, void *user) {
    (void)t;
    response *r = user;
    double *theta = NV_DATA_S(y), *columns = theta + r->rows, *step = columns + r->n * r->rows;
    double *out = NV_DATA_S(rate);
    look_at_nodes(r, theta);
    memcpy(out, r->velocity, r->rows * sizeof *out);
    if (r->noise)
        spread_gradients(r);
    /* A acts on step - Theta'/2: CVODE's state is lent for that, and put back bit by bit */
    memcpy(r->step, step, r->rows * sizeof *step);
    cblas_daxpy((int)r->rows, -0.5, r->velocity, 1, step, 1);
    shift_logits(r, r->columns, columns);
    add_sources(r);
    weigh_shifts(r, r->columns);
    respond(r, r->columns, columns, out + r->rows);
    memcpy(step, r->step, r->rows * sizeof *step);
    if (r->noise)
        drive_covariance(r, out + (2 + r->n) * r->rows);
    return isfinite(cblas_ddot((int)r->rows, out, 1, out, 1)) ? 0 : 1;
}

/* ---- what is read off ---------------------------------------------------------------------------- */

/* sum_x mass_x a(x) . b(x) */
static double inner(const response *r, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < r->rows; i++)
        sum += r->mass[i / r->dim] * a[i] * b[i];
    return sum;
}

/* Square of a shift of the logits in the norm with the weights of the events. */
static double logit_square(const response *r, const double *shift) {
    size_t classes = hf_events_classes(r->events);
    double sum = 0;
    for (size_t o = 0; o < r->outputs; o++)
        sum += hf_events_weight(r->events, o / classes) * shift[o] * shift[o];
    return sum;
}

/* sum over nodes of mass_a |f(a)|^2 and of the squared inner products of all pairs. delta: shape (n, rows) */
static void read_heads(response *r, const double *delta, hf_response_record *record) {
    record->heads = record->heads_heads = record->logit_heads = 0;
    for (size_t a = 0; a < r->n; a++) {
        for (size_t b = 0; b < a; b++)
            record->heads_heads +=
                2 * r->mass[a] * r->mass[b] * pow(inner(r, delta + a * r->rows, delta + b * r->rows), 2);
        double square = inner(r, delta + a * r->rows, delta + a * r->rows);
        record->heads += r->mass[a] * square;
        record->heads_heads += pow(r->mass[a] * square, 2);
        record->logit_heads += r->mass[a] * logit_square(r, r->shift + a * r->outputs);
    }
}

/* (mass m)^T P (mass m) */
static double form(const response *r, const double *P, const double *m) {
    double sum = 0;
    for (size_t j = 0; j < r->rows; j++)
        sum += r->mass[j / r->dim] * m[j] * inner(r, P + j * r->rows, m);
    return sum;
}

static void read_noise(response *r, const double *delta, const double *step, const double *P,
                       hf_response_record *record) {
    size_t classes = hf_events_classes(r->events);
    for (size_t j = 0; j < r->rows; j++) {
        double mass = r->mass[j / r->dim];
        record->noise += mass * P[j * r->rows + j];
        record->noise_noise += mass * inner(r, P + j * r->rows, P + j * r->rows);
    }
    spread_gradients(r);
    for (size_t e = 0; e < hf_events_count(r->events); e++)
        record->gradient_variance += inner(r, r->gradients + e * r->rows, r->gradients + e * r->rows);
    for (size_t a = 0; a < r->n; a++)
        record->heads_noise += r->mass[a] * form(r, P, delta + a * r->rows);
    record->step_noise = form(r, P, step);
    shift_logits(r, r->rows, P);
    for (size_t o = 0; o < r->outputs; o++)
        for (size_t j = 0; j < r->rows; j++)
            record->logit_noise += hf_events_weight(r->events, o / classes) * r->mass[j / r->dim] *
                                   r->jacobian[o * r->rows + j] * r->shift[j * r->outputs + o];
}

/* sigma_e^2 of all events. */
static void read_variance(const response *r, double *variance) {
    size_t classes = hf_events_classes(r->events);
    memset(variance, 0, hf_events_count(r->events) * sizeof *variance);
    for (size_t a = 0; a < r->n; a++)
        for (size_t o = 0; o < r->outputs; o++)
            variance[o / classes] += r->mass[a] * pow(r->heads[a * r->outputs + o] - r->logits[o], 2);
}

static void read_off(response *r, double time, hf_response_record *record, double *variance) {
    const double *theta = hf_adams_state(&r->adams), *delta = theta + r->rows, *step = delta + r->n * r->rows;
    *record = (hf_response_record){.time = time};
    look_at_nodes(r, theta);
    if (variance != NULL)
        read_variance(r, variance);
    shift_logits(r, r->n + 1, delta);
    add_sources(r);
    read_heads(r, delta, record);
    record->step = inner(r, step, step);
    record->logit_step = logit_square(r, r->shift + r->n * r->outputs);
    for (size_t a = 0; a < r->n; a++)
        record->step_heads += r->mass[a] * pow(inner(r, delta + a * r->rows, step), 2);
    if (r->noise)
        read_noise(r, delta, step, step + r->rows, record);
}

/* ---- the run ------------------------------------------------------------------------------------- */

static hf_status set_up(hf_error *error, response *r, const hf_flowmap *map) {
    size_t count = hf_events_count(r->events);
    r->mass = hf_flowmap_masses(map);
    r->n = hf_flowmap_count(map);
    r->rows = r->n * r->dim;
    if (r->rows > HF_RESPONSE_MAX)
        return hf_raise(error, HF_ERR_INPUT, "linear response on %zu nodes; expected at most %zu", r->n,
                        HF_RESPONSE_MAX / r->dim);
    r->outputs = count * hf_events_classes(r->events);
    r->columns = r->n + 1 + (r->noise ? r->rows : 0);
    HF_TRY(hf_array_create(error, r->outputs * r->rows, &r->jacobian));
    HF_TRY(hf_array_create(error, r->rows * r->dim, &r->hessian));
    HF_TRY(hf_array_create(error, r->rows, &r->velocity));
    HF_TRY(hf_array_create(error, r->rows, &r->step));
    HF_TRY(hf_array_create(error, r->n * r->outputs, &r->heads));
    HF_TRY(hf_array_create(error, r->outputs, &r->logits));
    HF_TRY(hf_array_create(error, r->outputs, &r->residual));
    HF_TRY(hf_array_create(error, hf_model_projection_size(r->model), &r->projection));
    HF_TRY(hf_array_create(error, r->columns * r->rows, &r->matrix));
    HF_TRY(hf_array_create(error, r->columns * r->outputs, &r->shift));
    HF_TRY(hf_array_create(error, count * r->rows, &r->gradients));
    HF_TRY(hf_adams_allocate(error, "the linear response", (1 + r->columns) * r->rows, &r->adams));
    memcpy(hf_adams_state(&r->adams), hf_flowmap_points(map), r->rows * sizeof(double));
    return hf_adams_start(error, &r->adams, 0, tolerance, right_hand_side, r);
}

static void tear_down(response *r) {
    hf_adams_clear(&r->adams);
    double **arrays[] = {&r->jacobian, &r->hessian,    &r->velocity, &r->step,  &r->heads,    &r->logits,
                         &r->residual, &r->projection, &r->matrix,   &r->shift, &r->gradients};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        hf_array_destroy(arrays[i]);
}

static hf_status carry(hf_error *error, response *r, size_t times, const double time[],
                       hf_response_record records[], double *variance) {
    for (size_t k = 0; k < times; k++) {
        HF_TRY(hf_adams_advance(error, &r->adams, time[k]));
        read_off(r, time[k], &records[k],
                 variance != NULL ? variance + k * hf_events_count(r->events) : NULL);
    }
    return HF_OK;
}

hf_status hf_response_run(hf_error *error, const hf_problem *problem, size_t nodes, bool noise, size_t times,
                          const double time[], hf_response_record records[], double *variance) {
    response r = {.problem = problem,
                  .model = hf_problem_model(problem),
                  .events = hf_problem_events(problem),
                  .noise = noise,
                  .dim = hf_grid_dim(hf_problem_grid(problem))};
    hf_flowmap *map; /* for its nodes */
    HF_TRY(hf_flowmap_create(error, problem, nodes > 0 ? nodes : default_nodes(problem), tolerance, &map));
    hf_status status = set_up(error, &r, map);
    if (status == HF_OK)
        status = carry(error, &r, times, time, records, variance);
    tear_down(&r);
    hf_flowmap_destroy(&map);
    return status;
}

/* ---- an ensemble --------------------------------------------------------------------------------- */

/* Variance of the minibatch part per unit: epsilon/b; 0 for the full batch, NAN where it is not known. */
static double noise_factor(const hf_ensemble *ensemble) {
    if (ensemble->batch == HF_BATCH_FULL)
        return 0;
    return ensemble->batch == HF_BATCH_UNKNOWN ? NAN : ensemble->step / (double)ensemble->batch;
}

hf_interval hf_response_coupling(const hf_response_record *r, const hf_ensemble *ensemble, size_t seeds) {
    double a = 1 / (double)ensemble->heads, b = noise_factor(ensemble), c = pow(ensemble->step, 2);
    double mean = a * r->heads + b * r->noise + c * r->step;
    double variance = 2 * (a * a * r->heads_heads + 2 * a * b * r->heads_noise + b * b * r->noise_noise) +
                      4 * c * (a * r->step_heads + b * r->step_noise);
    hf_interval interval = {sqrt(mean), sqrt(mean), sqrt(mean)};
    if (variance > 0) {
        /* a gamma distribution of the same mean and variance: exact for one dominant direction */
        double shape = (double)seeds * mean * mean / variance, scale = mean / shape;
        interval.lower = sqrt(gsl_cdf_gamma_Pinv(0.025, shape, scale));
        interval.upper = sqrt(gsl_cdf_gamma_Pinv(0.975, shape, scale));
    }
    return interval;
}

double hf_response_logit(const hf_response_record *r, const hf_ensemble *ensemble) {
    return sqrt(r->logit_heads / (double)ensemble->heads + noise_factor(ensemble) * r->logit_noise +
                pow(ensemble->step, 2) * r->logit_step);
}
