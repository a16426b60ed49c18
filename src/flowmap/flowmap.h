/* The flow map's insides, shared by flowmap.c (characteristics) and sample.c (interpolation). */
#ifndef HF_FLOWMAP_FLOWMAP_H
#define HF_FLOWMAP_FLOWMAP_H

#include <headflow/flowmap.h>

#include "flow/adams.h"

struct hf_flowmap {
    const hf_problem *problem;
    const hf_model *model;
    size_t dim, components;
    size_t nodes[HF_DIM_MAX]; /* an axis */
    size_t each, count;       /* nodes of a component, of all */
    size_t stride;            /* of the rules: the most nodes of an axis */
    double *rule;             /* nodes of the one-dimensional rules: shape (components, dim, stride) */
    double *rule_mass;        /* shape (components, dim, stride) */
    double *mass;             /* shape (count) */
    double *residual;         /* shape (E, classes) */
    double *projection;       /* shape (E, width, 1 + n_v) */
    double *velocity;         /* shape (count, dim) */
    hf_adams adams;           /* of theta: shape (count, dim) */
};

#endif
