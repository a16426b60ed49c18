/* What is measured of heads and their coupled copies, member by member. docs/theory.md (31), (32). */
#include "base/parallel.h"
#include "theory/chaos.h"

#include <math.h>
#include <string.h>

/* Mean square and largest square of |theta_i - copy_i|. */
static void couple(const hf_comparison *c, size_t heads, const double *theta, const double *copies,
                   double *mean, double *largest) {
    *mean = *largest = 0;
    for (size_t i = 0; i < heads; i++) {
        double square = 0;
        for (size_t d = 0; d < c->dim; d++)
            square += pow(
                hf_chaos_difference(hf_grid_axis(c->grid, d), theta[i * c->dim + d], copies[i * c->dim + d]),
                2);
        *mean += square / (double)heads;
        *largest = fmax(*largest, square);
    }
}

static double ridge_energy(const hf_comparison *c, size_t heads, const double *theta) {
    double sum = 0;
    for (size_t i = 0; i < heads; i++)
        for (size_t d = 0; d < c->dim; d++)
            if (hf_model_ridged(c->model, d))
                sum += theta[i * c->dim + d] * theta[i * c->dim + d];
    return 0.5 * hf_model_ridge(c->model) * sum / (double)heads;
}

/* logits: work, shape (E, classes). xi: shape (E) */
static void measure(const hf_comparison *c, hf_group *g, hf_cloud *cloud, size_t seed, size_t k,
                    double *logits, double *xi) {
    size_t heads = g->trained->ensemble.heads, size = heads * c->dim, t = g->at[k];
    size_t classes = hf_events_classes(c->events), place = (seed * g->trained->times + k) * size;
    const double *theta = g->theta + place, *copies = g->copies + place, *z = c->logits + t * c->outputs;
    double mean, largest, square = 0;
    couple(c, heads, theta, copies, &mean, &largest);
    hf_chaos_values(c, g->out, HF_COUPLING, t)[seed] = sqrt(mean);
    hf_chaos_values(c, g->out, HF_COUPLING_MAX, t)[seed] = sqrt(largest);
    hf_cloud_place(cloud, theta);
    hf_cloud_logits(cloud, NULL, logits);
    for (size_t o = 0; o < c->outputs; o++)
        square += hf_events_weight(c->events, o / classes) * pow(logits[o] - z[o], 2);
    hf_chaos_values(c, g->out, HF_LOGIT_ERROR, t)[seed] = sqrt(square);
    hf_chaos_values(c, g->out, HF_RISK_ERROR, t)[seed] =
        hf_risk_cross_entropy(c->events, logits, NULL) + ridge_energy(c, heads, theta) - c->limit->risk[t];
    hf_cloud_place(cloud, copies);
    hf_cloud_logits(cloud, NULL, logits);
    for (size_t e = 0; e < hf_events_count(c->events); e++) {
        xi[e] = 0;
        for (size_t o = e * classes; o < (e + 1) * classes; o++)
            xi[e] += pow(logits[o] - z[o], 2);
        xi[e] = sqrt(xi[e]);
    }
}

static hf_status measure_seed(hf_error *error, void *self, size_t seed) {
    hf_group *g = self;
    const hf_comparison *c = g->comparison;
    hf_cloud *cloud;
    double *logits;
    size_t count = hf_events_count(c->events);
    HF_TRY(hf_cloud_create(error, c->model, g->trained->ensemble.heads, &cloud));
    hf_status status = hf_array_create(error, c->outputs, &logits);
    for (size_t k = 0; k < g->trained->times && status == HF_OK; k++)
        measure(c, g, cloud, seed, k, logits, g->xi + (seed * g->trained->times + k) * count);
    hf_array_destroy(&logits);
    hf_cloud_destroy(&cloud);
    return status;
}

hf_status hf_chaos_measure_members(hf_error *error, hf_group *g) {
    return hf_parallel_each(error, g->trained->seeds, measure_seed, g);
}

/* ---- acceleration -------------------------------------------------------------------------------- */

/* -grad Psi_t at all heads. residual: work, shape (E, classes) */
static void velocities(const hf_comparison *c, hf_cloud *cloud, size_t size, double t, const double *theta,
                       double *residual, double *velocity) {
    hf_history_logits(&c->limit->history, t, residual);
    hf_risk_cross_entropy(c->events, residual, residual);
    hf_cloud_place(cloud, theta);
    hf_cloud_gradient(cloud, NULL, residual, velocity);
    for (size_t i = 0; i < size; i++)
        velocity[i] = -velocity[i];
}

/* Root mean square over the heads of the derivative of the velocity along the copies, by central differences
 * over a short time; at the ends of the limit's time a little inside. work: shape (4, N, D) */
static double acceleration_at(const hf_comparison *c, hf_cloud *cloud, size_t heads, double t,
                              const double *copies, double *residual, double *work) {
    size_t size = heads * c->dim;
    double end = c->limit->time[c->limit->times - 1], eta = 1e-4 * end, sum = 0;
    double center = fmin(fmax(t, eta), end - eta);
    double *velocity = work, *place = work + size, *before = work + 2 * size, *after = work + 3 * size;
    velocities(c, cloud, size, center, copies, residual, velocity);
    for (size_t i = 0; i < size; i++)
        place[i] = copies[i] + (center - eta - t) * velocity[i];
    velocities(c, cloud, size, center - eta, place, residual, before);
    for (size_t i = 0; i < size; i++)
        place[i] = copies[i] + (center + eta - t) * velocity[i];
    velocities(c, cloud, size, center + eta, place, residual, after);
    for (size_t i = 0; i < size; i++)
        sum += pow((after[i] - before[i]) / (2 * eta), 2);
    return sqrt(sum / (double)heads);
}

static hf_status accelerate_seed(hf_error *error, void *self, size_t seed) {
    hf_group *g = self;
    const hf_comparison *c = g->comparison;
    hf_cloud *cloud;
    double *work;
    size_t heads = g->trained->ensemble.heads, size = heads * c->dim;
    HF_TRY(hf_cloud_create(error, c->model, heads, &cloud));
    hf_status status = hf_array_create(error, 4 * size + c->outputs, &work);
    for (size_t k = 0; k < g->trained->times && status == HF_OK; k++) {
        double a = acceleration_at(c, cloud, heads, g->trained->time[k],
                                   g->copies + (seed * g->trained->times + k) * size, work + 4 * size, work);
#pragma omp critical(headflow_acceleration)
        g->acceleration[k] = fmax(g->acceleration[k], a);
    }
    hf_array_destroy(&work);
    hf_cloud_destroy(&cloud);
    return status;
}

hf_status hf_chaos_accelerate(hf_error *error, hf_group *g) {
    memset(g->acceleration, 0, g->trained->times * sizeof *g->acceleration);
    return hf_parallel_each(error, g->trained->seeds, accelerate_seed, g);
}
