/* headflow's own N_Vector. docs/numerics.md, section 7.
 *
 * With SUNDIALS' serial vector the vector operations of CVODE take most of a run. Here they are recorded and
 * run chunk by chunk (flow/queue.h), in loops compiled for the widest registers of the machine. So SUNDIALS'
 * own fallbacks of its fused operations, one plain operation after the other, need no more memory traffic
 * than fused ones; only those that save something else are here. */
#include "flow/vector.h"

#include "base/simd.h"
#include "flow/queue.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A vector and all clones that it can have, made at once: N_VClone writes through the NULL of one that
 * finds no memory. */
typedef struct family {
    hf_queue *queue;
    hf_states *states;
    double length; /* over all ranks */
    size_t used;
    N_Vector spare; /* not handed out, each with the next */
} family;

typedef struct content {
    family *family;
    double *values;
    N_Vector next;
} content;

static content *of(N_Vector v) {
    return v->content;
}
static hf_queue *queue_of(N_Vector v) {
    return of(v)->family->queue;
}
static double *array(N_Vector v) {
    return of(v)->values;
}
double *hf_vector_values(N_Vector v) {
    hf_queue_flush(queue_of(v));
    return array(v);
}

/* ---- the loops -------------------------------------------------------------------------------------- */

/* Defines a loop that does `expression` for each element and returns s, which begins as `start`. */
#define LOOP(name, pragma, start, expression)                                                                \
    HF_CLONES static double name(size_t first, size_t end, const hf_operands *o) {                           \
        const double *x = o->x, *y = o->y, *w = o->w;                                                        \
        double *z = o->z, a = o->a, b = o->b, s = start;                                                     \
        (void)x, (void)y, (void)w, (void)z, (void)a, (void)b;                                                \
        _Pragma(pragma) for (size_t i = first; i < end; i++) expression;                                     \
        return s;                                                                                            \
    }
#define EACH "omp simd"
#define SUM "omp simd reduction(+ : s)"
#define MAX "omp simd reduction(max : s)"
#define MIN "omp simd reduction(min : s)"

LOOP(linear_sum, EACH, 0, z[i] = a * x[i] + b * y[i])
LOOP(add_two, EACH, 0, z[i] = (z[i] + a * x[i]) + b * y[i])
LOOP(scale, EACH, 0, z[i] = a * x[i])
LOOP(fill, EACH, 0, z[i] = a)
LOOP(product, EACH, 0, z[i] = x[i] * y[i])
LOOP(quotient, EACH, 0, z[i] = x[i] / y[i])
LOOP(absolute, EACH, 0, z[i] = fabs(x[i]))
LOOP(inverse, EACH, 0, z[i] = 1 / x[i])
LOOP(add_constant, EACH, 0, z[i] = x[i] + a)
LOOP(reaches, EACH, 0, z[i] = fabs(x[i]) >= a ? 1 : 0)
LOOP(dot, SUM, 0, s += x[i] * y[i])
LOOP(weighted_square, SUM, 0, s += (x[i] * y[i]) * (x[i] * y[i]))
LOOP(masked_square, SUM, 0, s += w[i] > 0 ? (x[i] * y[i]) * (x[i] * y[i]) : 0)
LOOP(sum_of_absolutes, SUM, 0, s += fabs(x[i]))
LOOP(largest, MAX, 0, s = fabs(x[i]) > s ? fabs(x[i]) : s)
LOOP(least, MIN, DBL_MAX, s = x[i] < s ? x[i] : s)
LOOP(least_quotient, MIN, DBL_MAX, s = y[i] != 0 && x[i] / y[i] < s ? x[i] / y[i] : s)

/* Inverts what is not zero and counts zeros. */
LOOP(inverse_test, SUM, 0, {
    z[i] = x[i] != 0 ? 1 / x[i] : z[i];
    s += x[i] == 0;
})

/* Marks and counts the x that violate the constraint y: 2 positive, 1 non-negative, 0 none, and so on. */
LOOP(violates, SUM, 0, {
    z[i] = (fabs(y[i]) > 1.5 && x[i] * y[i] <= 0) || (fabs(y[i]) > 0.5 && x[i] * y[i] < 0);
    s += z[i];
})

static void record(N_Vector z, hf_loop *loop, hf_operands operands) {
    hf_queue_add(queue_of(z), loop, operands);
}

static double reduce(N_Vector x, hf_reduction kind, hf_loop *loop, hf_operands operands) {
    double result;
    hf_queue_reduce(queue_of(x), kind, loop, 1, &operands, &result);
    return result;
}

/* ---- the operations, by the names of SUNDIALS ------------------------------------------------------- */

static void op_linear_sum(realtype a, N_Vector x, realtype b, N_Vector y, N_Vector z) {
    assert(queue_of(x) == queue_of(z) && queue_of(y) == queue_of(z));
    record(z, linear_sum, (hf_operands){.a = a, .b = b, .x = array(x), .y = array(y), .z = array(z)});
}
static void op_const(realtype a, N_Vector z) {
    record(z, fill, (hf_operands){.a = a, .z = array(z)});
}
static void op_prod(N_Vector x, N_Vector y, N_Vector z) {
    record(z, product, (hf_operands){.x = array(x), .y = array(y), .z = array(z)});
}
static void op_div(N_Vector x, N_Vector y, N_Vector z) {
    record(z, quotient, (hf_operands){.x = array(x), .y = array(y), .z = array(z)});
}
static void op_scale(realtype a, N_Vector x, N_Vector z) {
    assert(queue_of(x) == queue_of(z));
    record(z, scale, (hf_operands){.a = a, .x = array(x), .z = array(z)});
}
static void op_abs(N_Vector x, N_Vector z) {
    record(z, absolute, (hf_operands){.x = array(x), .z = array(z)});
}
static void op_inv(N_Vector x, N_Vector z) {
    record(z, inverse, (hf_operands){.x = array(x), .z = array(z)});
}
static void op_add_const(N_Vector x, realtype a, N_Vector z) {
    record(z, add_constant, (hf_operands){.a = a, .x = array(x), .z = array(z)});
}
static void op_compare(realtype a, N_Vector x, N_Vector z) {
    record(z, reaches, (hf_operands){.a = a, .x = array(x), .z = array(z)});
}

static realtype op_dot(N_Vector x, N_Vector y) {
    return reduce(x, HF_SUM, dot, (hf_operands){.x = array(x), .y = array(y)});
}
static realtype op_wrms_norm(N_Vector x, N_Vector w) {
    double sum = reduce(x, HF_SUM, weighted_square, (hf_operands){.x = array(x), .y = array(w)});
    return sqrt(sum / of(x)->family->length);
}
static realtype op_wrms_norm_mask(N_Vector x, N_Vector w, N_Vector mask) {
    double sum =
        reduce(x, HF_SUM, masked_square, (hf_operands){.x = array(x), .y = array(w), .w = array(mask)});
    return sqrt(sum / of(x)->family->length);
}
static realtype op_wl2_norm(N_Vector x, N_Vector w) {
    return sqrt(reduce(x, HF_SUM, weighted_square, (hf_operands){.x = array(x), .y = array(w)}));
}
static realtype op_l1_norm(N_Vector x) {
    return reduce(x, HF_SUM, sum_of_absolutes, (hf_operands){.x = array(x)});
}
static realtype op_max_norm(N_Vector x) {
    return reduce(x, HF_MAX, largest, (hf_operands){.x = array(x)});
}
static realtype op_min(N_Vector x) {
    return reduce(x, HF_MIN, least, (hf_operands){.x = array(x)});
}
static realtype op_min_quotient(N_Vector x, N_Vector y) {
    return reduce(x, HF_MIN, least_quotient, (hf_operands){.x = array(x), .y = array(y)});
}
static booleantype op_inv_test(N_Vector x, N_Vector z) {
    return reduce(x, HF_SUM, inverse_test, (hf_operands){.x = array(x), .z = array(z)}) == 0;
}
static booleantype op_constr_mask(N_Vector c, N_Vector x, N_Vector m) {
    return reduce(x, HF_SUM, violates, (hf_operands){.x = array(x), .y = array(c), .z = array(m)}) == 0;
}

/* Two terms a loop, which halves the traffic of the first-level cache. z may be X[0]. */
static int op_linear_combination(int count, realtype *c, N_Vector *X, N_Vector z) {
    int k = count % 2 == 0 ? 2 : 1;
    if (k == 2)
        op_linear_sum(c[0], X[0], c[1], X[1], z);
    else
        op_scale(c[0], X[0], z);
    for (; k < count; k += 2)
        record(z, add_two, (hf_operands){c[k], c[k + 1], array(X[k]), array(X[k + 1]), NULL, array(z)});
    return 0;
}

/* All products in one pass, and in one reduction over the ranks. */
static int op_dot_multi(int count, N_Vector x, N_Vector *Y, realtype *dots) {
    hf_operands operands[HF_QUEUE_RESULTS];
    for (int done = 0; done < count;) {
        size_t part = 0;
        for (; done + (int)part < count && part < HF_QUEUE_RESULTS; part++)
            operands[part] = (hf_operands){.x = array(x), .y = array(Y[done + (int)part])};
        hf_queue_reduce(queue_of(x), HF_SUM, dot, part, operands, dots + done);
        done += (int)part;
    }
    return 0;
}

static N_Vector_ID op_id(N_Vector x) {
    (void)x;
    return SUNDIALS_NVEC_CUSTOM;
}
static sunindextype op_length(N_Vector x) {
    return (sunindextype)of(x)->family->length;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void free_family(family *f) {
    for (N_Vector v = f->spare, next; v != NULL; v = next) {
        next = of(v)->next;
        free(of(v));
        N_VFreeEmpty(v);
    }
    if (f->queue != NULL)
        hf_queue_destroy(f->queue);
    free(f);
}

static N_Vector hand_out(family *f) {
    N_Vector v = f->spare;
    if (v == NULL)
        return NULL;
    f->spare = of(v)->next;
    f->used++;
    of(v)->values = hf_states_take(f->states);
    assert(of(v)->values != NULL); /* there are as many vectors as arrays */
    return v;
}

static N_Vector op_clone(N_Vector v) {
    N_Vector clone = hand_out(of(v)->family);
    if (clone != NULL)
        N_VCopyOps(v, clone);
    return clone;
}

static void op_destroy(N_Vector v) {
    if (v == NULL)
        return;
    family *f = of(v)->family;
    hf_queue_flush(f->queue);
    hf_states_give(f->states, array(v));
    of(v)->next = f->spare;
    f->spare = v;
    if (--f->used == 0)
        free_family(f);
}

static void set_operations(N_Vector v) {
    v->ops->nvgetvectorid = op_id;
    v->ops->nvclone = op_clone;
    v->ops->nvdestroy = op_destroy;
    v->ops->nvgetlength = op_length;
    v->ops->nvgetarraypointer = hf_vector_values;
    v->ops->nvlinearsum = op_linear_sum;
    v->ops->nvconst = op_const;
    v->ops->nvprod = op_prod;
    v->ops->nvdiv = op_div;
    v->ops->nvscale = op_scale;
    v->ops->nvabs = op_abs;
    v->ops->nvinv = op_inv;
    v->ops->nvaddconst = op_add_const;
    v->ops->nvcompare = op_compare;
    v->ops->nvdotprod = op_dot;
    v->ops->nvwrmsnorm = op_wrms_norm;
    v->ops->nvwrmsnormmask = op_wrms_norm_mask;
    v->ops->nvwl2norm = op_wl2_norm;
    v->ops->nvl1norm = op_l1_norm;
    v->ops->nvmaxnorm = op_max_norm;
    v->ops->nvmin = op_min;
    v->ops->nvminquotient = op_min_quotient;
    v->ops->nvinvtest = op_inv_test;
    v->ops->nvconstrmask = op_constr_mask;
    v->ops->nvlinearcombination = op_linear_combination;
    v->ops->nvdotprodmulti = op_dot_multi;
}

static bool add_spare(family *f, SUNContext context) {
    content *c;
    N_Vector v = N_VNewEmpty(context);
    if (v == NULL || hf_allocate(NULL, 1, sizeof *c, &c) != HF_OK) {
        N_VFreeEmpty(v);
        return false;
    }
    *c = (content){f, NULL, f->spare};
    v->content = c;
    f->spare = v;
    return true;
}

static hf_status make_family(size_t count, const hf_ranks *ranks, hf_states *states, SUNContext context,
                             family **out) {
    family *f;
    HF_TRY(hf_allocate(NULL, 1, sizeof *f, &f));
    *out = f;
    f->states = states;
    f->queue = hf_queue_create(count, ranks);
    bool complete = f->queue != NULL;
    for (size_t k = 0; complete && k < hf_states_most(states); k++)
        complete = add_spare(f, context);
    return complete ? HF_OK : HF_ERR_MEMORY;
}

N_Vector hf_vector_create(size_t count, const hf_ranks *ranks, hf_states *states, SUNContext context) {
    family *f = NULL;
    double length = (double)count;
    hf_ranks_sum(ranks, 1, &length);
    if (make_family(count, ranks, states, context, &f) != HF_OK) {
        if (f != NULL)
            free_family(f);
        return NULL;
    }
    f->length = length + 1;
    N_Vector v = hand_out(f);
    set_operations(v);
    memset(array(v), 0, (count + 1) * sizeof(double));
    return v;
}
