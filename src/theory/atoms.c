/* Weighted atoms: risk, potential, and the matrix of its second derivatives. docs/theory.md (47)-(48). */
#include "theory/atoms.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_FOR_THREADS = 2000 }; /* tokens to look at, from which threads are worth their start */

hf_status hf_atoms_allocate(hf_error *error, size_t count, size_t dim, hf_atoms *atoms) {
    *atoms = (hf_atoms){.count = count, .dim = dim};
    HF_TRY(hf_array_create(error, count * dim, &atoms->theta));
    return hf_array_create(error, count, &atoms->mass);
}

void hf_atoms_clear(hf_atoms *atoms) {
    hf_array_destroy(&atoms->theta);
    hf_array_destroy(&atoms->mass);
    *atoms = (hf_atoms){0};
}

void hf_atoms_put(hf_atoms *atoms, size_t k, const double *theta, double mass) {
    memmove(atoms->theta + k * atoms->dim, theta, atoms->dim * sizeof *theta);
    atoms->mass[k] = mass;
}

void hf_atoms_remove(hf_atoms *atoms, size_t k) {
    atoms->count--;
    memmove(atoms->theta + k * atoms->dim, atoms->theta + (k + 1) * atoms->dim,
            (atoms->count - k) * atoms->dim * sizeof *atoms->theta);
    memmove(atoms->mass + k, atoms->mass + k + 1, (atoms->count - k) * sizeof *atoms->mass);
}

hf_status hf_atomic_allocate(hf_error *error, const hf_problem *problem, size_t capacity, hf_atomic *a) {
    size_t dim = hf_grid_dim(hf_problem_grid(problem));
    *a = (hf_atomic){.model = hf_problem_model(problem),
                     .events = hf_problem_events(problem),
                     .capacity = capacity,
                     .dim = dim};
    a->outputs = hf_events_count(a->events) * hf_events_classes(a->events);
    HF_TRY(hf_array_create(error, a->outputs, &a->logits));
    HF_TRY(hf_array_create(error, a->outputs, &a->residual));
    HF_TRY(hf_array_create(error, capacity, &a->potential));
    HF_TRY(hf_array_create(error, capacity * dim, &a->gradient));
    HF_TRY(hf_array_create(error, capacity * dim * dim, &a->hessian));
    HF_TRY(hf_array_create(error, capacity * (1 + dim) * a->outputs, &a->columns));
    HF_TRY(hf_array_create(error, capacity * (1 + dim) * a->outputs, &a->weighed));
    return hf_array_create(error, hf_model_projection_size(a->model), &a->projection);
}

void hf_atomic_clear(hf_atomic *a) {
    hf_array_destroy(&a->logits);
    hf_array_destroy(&a->residual);
    hf_array_destroy(&a->potential);
    hf_array_destroy(&a->gradient);
    hf_array_destroy(&a->hessian);
    hf_array_destroy(&a->columns);
    hf_array_destroy(&a->weighed);
    hf_array_destroy(&a->projection);
    *a = (hf_atomic){0};
}

/* (lambda/2) sum_k mass_k |theta_k|^2 */
static double ridge_energy(const hf_atomic *a, const double *theta, const double *mass) {
    double sum = 0;
    for (size_t k = 0; k < a->count; k++)
        for (size_t d = 0; d < a->dim; d++)
            if (hf_model_ridged(a->model, d))
                sum += mass[k] * theta[k * a->dim + d] * theta[k * a->dim + d];
    return 0.5 * hf_model_ridge(a->model) * sum;
}

/* Averaged logits, residual and risk from the heads' columns. */
static void average(hf_atomic *a, const double *theta, const double *mass) {
    memset(a->logits, 0, a->outputs * sizeof *a->logits);
    for (size_t k = 0; k < a->count; k++)
        cblas_daxpy((int)a->outputs, mass[k], a->columns + k * (1 + a->dim) * a->outputs, 1, a->logits, 1);
    a->risk = hf_risk_cross_entropy(a->events, a->logits, a->residual) + ridge_energy(a, theta, mass);
}

double hf_atomic_risk(hf_atomic *a, size_t count, const double *theta, const double *mass) {
    size_t classes = hf_events_classes(a->events), events = hf_events_count(a->events);
    a->count = count;
    for (size_t k = 0; k < count; k++)
        for (size_t e = 0; e < events; e++)
            hf_model_head_logits(a->model, e, theta + k * a->dim,
                                 a->columns + k * (1 + a->dim) * a->outputs + e * classes);
    average(a, theta, mass);
    return a->risk;
}

void hf_atomic_place(hf_atomic *a, size_t count, const double *theta, const double *mass) {
    size_t classes = hf_events_classes(a->events), events = hf_events_count(a->events), D = a->dim;
    size_t tokens = count * hf_events_tokens_total(a->events);
    a->count = count;
#pragma omp parallel for collapse(2) schedule(static) if (tokens >= TOKENS_FOR_THREADS)
    for (size_t k = 0; k < count; k++)
        for (size_t e = 0; e < events; e++) {
            double jacobian[HF_WIDTH_MAX * HF_DIM_MAX];
            double *heads = a->columns + k * (1 + D) * a->outputs + e * classes;
            hf_model_head_derivatives(a->model, e, theta + k * D, heads, jacobian, NULL);
            for (size_t d = 0; d < D; d++)
                for (size_t c = 0; c < classes; c++)
                    heads[(1 + d) * a->outputs + c] = jacobian[c * D + d];
        }
    average(a, theta, mass);
    hf_model_project_residual(a->model, a->residual, a->projection);
#pragma omp parallel for schedule(static) if (tokens >= TOKENS_FOR_THREADS)
    for (size_t k = 0; k < count; k++)
        a->potential[k] = hf_model_potential(a->model, a->projection, theta + k * D, a->gradient + k * D,
                                             a->hessian + k * D * D);
}

void hf_atomic_gram(hf_atomic *a, double *gram) {
    size_t classes = hf_events_classes(a->events), events = hf_events_count(a->events);
    size_t rows = a->count * (1 + a->dim);
    for (size_t r = 0; r < rows; r++)
        for (size_t e = 0; e < events; e++) {
            const double *y = hf_events_label(a->events, e), *residual = a->residual + e * classes;
            const double *x = a->columns + r * a->outputs + e * classes;
            double *s = a->weighed + r * a->outputs + e * classes, mean = 0;
            for (size_t c = 0; c < classes; c++)
                mean += (residual[c] + y[c]) * x[c];
            for (size_t c = 0; c < classes; c++)
                s[c] = hf_events_weight(a->events, e) * (residual[c] + y[c]) * (x[c] - mean);
        }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)rows, (int)a->outputs, 1, a->columns,
                (int)a->outputs, a->weighed, (int)a->outputs, 0, gram, (int)rows);
}

hf_status hf_atomic_lowest(hf_error *error, const hf_atomic *a, const hf_grid *grid, double tolerance,
                           hf_lowest *out) {
    return hf_model_lowest(error, a->model, grid, a->residual, tolerance, out);
}
