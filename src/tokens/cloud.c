/* Weighted tokens: quadrature nodes of the initial density, carried by the velocity that they make. They
 * share nothing with the grids but the initial density. docs/tokens.md (T14). */
#include "tokens/tokens.h"

#include "flow/adams.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- nodes ------------------------------------------------------------------------------------------ */

static void place(const hf_tokens_input *input, const double angle[2], double weight, size_t at,
                  hf_tokens_cloud *cloud) {
    double *x = cloud->place + at * input->dim;
    hf_tokens_point(input->dim, angle, x);
    cloud->weight[at] = weight * hf_tokens_initial_at(input, x);
}

/* Point masses are nodes of their own; one that stands for a ring is as many as there are nodes. */
static void place_points(const hf_tokens_input *input, size_t copies, hf_tokens_cloud *cloud) {
    const hf_tokens_initial *start = &input->initial;
    double total = 0;
    for (size_t k = 0; k < start->point_count; k++)
        total += start->point[k].weight;
    for (size_t i = 0; i < cloud->count; i++) {
        const struct hf_tokens_point *point = &start->point[i / copies];
        double angle[2] = {point->angle[0],
                           point->angle[1] + 2 * M_PI * (double)(i % copies) / (double)copies};
        hf_tokens_point(input->dim, angle, cloud->place + i * input->dim);
        cloud->weight[i] = point->weight / total / (double)copies;
    }
}

static void place_all(const hf_tokens_input *input, size_t nodes, hf_tokens_cloud *cloud) {
    if (input->dim == 2) {
        for (size_t i = 0; i < nodes; i++) {
            double angle[2] = {2 * M_PI * ((double)i + 0.5) / (double)nodes - M_PI};
            place(input, angle, 2 * M_PI / (double)nodes, i, cloud);
        }
        return;
    }
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(nodes);
    for (size_t i = 0; i < nodes; i++) {
        double z, weight;
        gsl_integration_glfixed_point(-1, 1, i, &z, &weight, table);
        for (size_t j = 0; j < 2 * nodes; j++) {
            double angle[2] = {acos(z), M_PI * ((double)j + 0.5) / (double)nodes - M_PI};
            place(input, angle, weight * M_PI / (double)nodes, i * 2 * nodes + j, cloud);
        }
    }
    gsl_integration_glfixed_table_free(table);
}

hf_status hf_tokens_cloud_create(hf_error *error, const hf_tokens_input *input, size_t nodes,
                                 hf_tokens_cloud *cloud) {
    size_t copies = input->dim == 3 && input->axis_count == 1 ? 2 * nodes : 1;
    bool points = input->initial.point_count > 0;
    *cloud = (hf_tokens_cloud){.dim = input->dim,
                               .count = points            ? copies * input->initial.point_count
                                        : input->dim == 2 ? nodes
                                                          : 2 * nodes * nodes};
    hf_status status = hf_array_create(error, cloud->count * cloud->dim, &cloud->place);
    if (status == HF_OK)
        status = hf_array_create(error, cloud->count, &cloud->weight);
    if (status != HF_OK) {
        hf_tokens_cloud_clear(cloud);
        return status;
    }
    if (points)
        place_points(input, copies, cloud);
    else
        place_all(input, nodes, cloud);
    return HF_OK;
}

void hf_tokens_cloud_clear(hf_tokens_cloud *cloud) {
    hf_array_destroy(&cloud->place);
    hf_array_destroy(&cloud->weight);
    *cloud = (hf_tokens_cloud){0};
}

/* ---- their motion ----------------------------------------------------------------------------------- */

typedef struct motion {
    const hf_tokens_input *input;
    double norm;
    const double *weight;
    size_t count;
} motion;

/* m e^{-|D|} at x, and D int y exp(x . D y - |D|) dmu, whose tangent part is its gradient. */
static double field_at(const motion *m, const double *places, const double *x, double *gradient) {
    size_t dim = m->input->dim;
    const double *d = m->input->interaction;
    double z[HF_TOKENS_DIM_MAX] = {0}, sum[HF_TOKENS_DIM_MAX] = {0}, total = 0;
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            z[j] += x[i] * d[i * dim + j];
    for (size_t k = 0; k < m->count; k++) {
        const double *y = places + k * dim;
        double exponent = -m->norm;
        for (size_t j = 0; j < dim; j++)
            exponent += z[j] * y[j];
        double share = m->weight[k] * exp(exponent);
        total += share;
        for (size_t j = 0; j < dim; j++)
            sum[j] += share * y[j];
    }
    for (size_t i = 0; i < dim; i++) {
        gradient[i] = 0;
        for (size_t j = 0; j < dim; j++)
            gradient[i] += d[i * dim + j] * sum[j];
    }
    return total;
}

static void find_velocities(const motion *m, const double *places, double *velocity) {
    size_t dim = m->input->dim;
    double sign = hf_tokens_sign(m->input), scale = exp(m->norm);
#pragma omp parallel for schedule(static) if (m->count > 256)
    for (size_t k = 0; k < m->count; k++) {
        const double *x = places + k * dim;
        double gradient[HF_TOKENS_DIM_MAX], along = 0, square = 0;
        double total = field_at(m, places, x, gradient);
        double factor = sign * (m->input->unnormalised ? scale : 1 / total);
        for (size_t i = 0; i < dim; i++) {
            along += gradient[i] * x[i];
            square += x[i] * x[i];
        }
        for (size_t i = 0; i < dim; i++)
            velocity[k * dim + i] = factor * (gradient[i] - along / square * x[i]);
    }
}

static motion motion_of(const hf_tokens_input *input, const hf_tokens_cloud *cloud) {
    return (motion){input, hf_tokens_matrix_norm(input->dim, input->interaction), cloud->weight,
                    cloud->count};
}

void hf_tokens_cloud_velocity(const hf_tokens_input *input, const hf_tokens_cloud *cloud, double *velocity) {
    motion m = motion_of(input, cloud);
    find_velocities(&m, cloud->place, velocity);
}

double hf_tokens_cloud_energy(const hf_tokens_input *input, const hf_tokens_cloud *cloud, double *mean) {
    motion m = motion_of(input, cloud);
    double energy = 0, unused[HF_TOKENS_DIM_MAX];
    for (size_t i = 0; i < cloud->dim && mean != NULL; i++)
        mean[i] = 0;
    for (size_t k = 0; k < cloud->count; k++) {
        const double *x = cloud->place + k * cloud->dim;
        energy += cloud->weight[k] * field_at(&m, cloud->place, x, unused);
        for (size_t i = 0; i < cloud->dim && mean != NULL; i++)
            mean[i] += cloud->weight[k] * x[i];
    }
    return energy;
}

static int right_hand_side(realtype t, N_Vector y, N_Vector rate, void *user) {
    (void)t;
    find_velocities(user, NV_DATA_S(y), NV_DATA_S(rate));
    for (size_t i = 0; i < (size_t)NV_LENGTH_S(y); i++)
        if (!isfinite(NV_DATA_S(rate)[i]))
            return 1;
    return 0;
}

/* The flow keeps unit vectors; what time integration does to their lengths is taken away. */
static void normalise(hf_tokens_cloud *cloud) {
    for (size_t k = 0; k < cloud->count; k++) {
        double *x = cloud->place + k * cloud->dim, square = 0;
        for (size_t i = 0; i < cloud->dim; i++)
            square += x[i] * x[i];
        for (size_t i = 0; i < cloud->dim; i++)
            x[i] /= sqrt(square);
    }
}

hf_status hf_tokens_cloud_advance(hf_error *error, const hf_tokens_input *input, double end, double tolerance,
                                  hf_tokens_cloud *cloud) {
    size_t size = cloud->count * cloud->dim;
    motion m = motion_of(input, cloud);
    hf_adams adams = {0};
    hf_status status = hf_adams_allocate(error, "the flow of tokens", size, &adams);
    if (status == HF_OK) {
        memcpy(hf_adams_state(&adams), cloud->place, size * sizeof *cloud->place);
        status = hf_adams_start(error, &adams, 0, tolerance, right_hand_side, &m);
    }
    if (status == HF_OK)
        status = hf_adams_advance(error, &adams, end);
    if (status == HF_OK) {
        memcpy(cloud->place, hf_adams_state(&adams), size * sizeof *cloud->place);
        normalise(cloud);
    }
    hf_adams_clear(&adams);
    return status;
}
