/* headflow's own N_Vector. docs/numerics.md, section 7.
 *
 * With SUNDIALS' serial vector the vector operations of CVODE take most of a run (its weighted norm adds up
 * one number after the other); here each is a loop compiled for the widest registers of the machine. */
#include "flow/vector.h"

#include "base/simd.h"
#include <headflow/base.h>

#include <math.h>
#include <stdlib.h>

typedef struct content {
    size_t length;
    double *values;
} content;

static content *of(N_Vector v) {
    return v->content;
}
double *hf_vector_values(N_Vector v) {
    return of(v)->values;
}

/* ---- the loops -------------------------------------------------------------------------------------- */

/* The operands of an operation on n elements; z may alias x or y. */
typedef struct operands {
    double a, b;
    const double *x, *y;
    double *z;
} operands;

typedef double kernel(size_t n, const operands *o);

/* Defines a kernel that does `expression` for each element, s being what it returns. */
#define KERNEL(name, reduction, expression)                                                                  \
    HF_CLONES static double name(size_t n, const operands *o) {                                              \
        const double *x = o->x, *y = o->y;                                                                   \
        double *z = o->z, a = o->a, b = o->b, s = 0;                                                         \
        (void)x, (void)y, (void)z, (void)a, (void)b;                                                         \
        _Pragma(reduction) for (size_t i = 0; i < n; i++) expression;                                        \
        return s;                                                                                            \
    }
#define EACH "omp simd"
#define SUM "omp simd reduction(+ : s)"
#define MAX "omp simd reduction(max : s)"

KERNEL(linear_sum, EACH, z[i] = a * x[i] + b * y[i])
KERNEL(scale, EACH, z[i] = a * x[i])
KERNEL(fill, EACH, z[i] = a)
KERNEL(product, EACH, z[i] = x[i] * y[i])
KERNEL(quotient, EACH, z[i] = x[i] / y[i])
KERNEL(absolute, EACH, z[i] = fabs(x[i]))
KERNEL(inverse, EACH, z[i] = 1 / x[i])
KERNEL(add_constant, EACH, z[i] = x[i] + a)
KERNEL(dot, SUM, s += x[i] * y[i])
KERNEL(weighted_square, SUM, s += (x[i] * y[i]) * (x[i] * y[i]))
KERNEL(largest, MAX, s = fabs(x[i]) > s ? fabs(x[i]) : s)

static double run(N_Vector v, kernel *loop, operands o) {
    return loop(of(v)->length, &o);
}

/* ---- the operations, by the names of SUNDIALS ------------------------------------------------------- */

static void op_linear_sum(realtype a, N_Vector x, realtype b, N_Vector y, N_Vector z) {
    run(z, linear_sum, (operands){a, b, of(x)->values, of(y)->values, of(z)->values});
}
static void op_const(realtype a, N_Vector z) {
    run(z, fill, (operands){.a = a, .z = of(z)->values});
}
static void op_prod(N_Vector x, N_Vector y, N_Vector z) {
    run(z, product, (operands){0, 0, of(x)->values, of(y)->values, of(z)->values});
}
static void op_div(N_Vector x, N_Vector y, N_Vector z) {
    run(z, quotient, (operands){0, 0, of(x)->values, of(y)->values, of(z)->values});
}
static void op_scale(realtype a, N_Vector x, N_Vector z) {
    run(z, scale, (operands){.a = a, .x = of(x)->values, .z = of(z)->values});
}
static void op_abs(N_Vector x, N_Vector z) {
    run(z, absolute, (operands){.x = of(x)->values, .z = of(z)->values});
}
static void op_inv(N_Vector x, N_Vector z) {
    run(z, inverse, (operands){.x = of(x)->values, .z = of(z)->values});
}
static void op_add_const(N_Vector x, realtype a, N_Vector z) {
    run(z, add_constant, (operands){.a = a, .x = of(x)->values, .z = of(z)->values});
}
static realtype op_dot(N_Vector x, N_Vector y) {
    return run(x, dot, (operands){.x = of(x)->values, .y = of(y)->values});
}
static realtype op_wrms_norm(N_Vector x, N_Vector w) {
    double sum = run(x, weighted_square, (operands){.x = of(x)->values, .y = of(w)->values});
    return sqrt(sum / (double)of(x)->length);
}
static realtype op_max_norm(N_Vector x) {
    return run(x, largest, (operands){.x = of(x)->values});
}
static sunindextype op_length(N_Vector x) {
    return (sunindextype)of(x)->length;
}
static double *op_array(N_Vector x) {
    return of(x)->values;
}

static void op_destroy(N_Vector v) {
    if (v == NULL)
        return;
    if (of(v) != NULL) {
        hf_array_destroy(&of(v)->values);
        free(of(v));
        v->content = NULL;
    }
    N_VFreeEmpty(v);
}

static N_Vector op_clone(N_Vector v) {
    return hf_vector_create(of(v)->length, v->sunctx);
}

N_Vector hf_vector_create(size_t length, SUNContext context) {
    N_Vector v = N_VNewEmpty(context);
    content *c = NULL;
    if (v == NULL || hf_allocate(NULL, 1, sizeof *c, &c) != HF_OK) {
        op_destroy(v);
        return NULL;
    }
    v->content = c;
    c->length = length;
    if (hf_array_create(NULL, length, &c->values) != HF_OK) {
        op_destroy(v);
        return NULL;
    }
    v->ops->nvclone = op_clone;
    v->ops->nvdestroy = op_destroy;
    v->ops->nvgetlength = op_length;
    v->ops->nvgetarraypointer = op_array;
    v->ops->nvlinearsum = op_linear_sum;
    v->ops->nvconst = op_const;
    v->ops->nvprod = op_prod;
    v->ops->nvdiv = op_div;
    v->ops->nvscale = op_scale;
    v->ops->nvabs = op_abs;
    v->ops->nvinv = op_inv;
    v->ops->nvaddconst = op_add_const;
    v->ops->nvdotprod = op_dot;
    v->ops->nvwrmsnorm = op_wrms_norm;
    v->ops->nvmaxnorm = op_max_norm;
    return v;
}
