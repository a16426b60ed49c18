/* The flow map's insides, shared by flowmap.c (characteristics) and mesh.c (interpolation). */
#ifndef HF_FLOWMAP_FLOWMAP_H
#define HF_FLOWMAP_FLOWMAP_H

#include <headflow/flowmap.h>

#include <sundials/sundials_nonlinearsolver.h>
#include <sundials/sundials_nvector.h>

struct hf_flowmap {
    const hf_problem *problem;
    const hf_model *model;
    size_t dim, nodes, components, count; /* count = components * nodes^dim */
    double time;
    double *rule;       /* nodes of the one-dimensional rules: shape (components, dim, nodes) */
    double *rule_mass;  /* shape (components, dim, nodes) */
    double *mass;       /* shape (count) */
    double *residual;   /* shape (E, classes) */
    double *projection; /* shape (E, width, 1 + n_v) */
    double *velocity;   /* shape (count, dim) */
    SUNContext context;
    void *cvode;
    N_Vector state; /* theta: shape (count, dim) */
    SUNNonlinearSolver nonlinear;
};

static inline size_t hf_power(size_t base, size_t exponent) {
    size_t value = 1;
    while (exponent-- > 0)
        value *= base;
    return value;
}

#endif
