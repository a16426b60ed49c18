/* headflow's own N_Vector against SUNDIALS' serial one: operation by operation with aliased operands, random
 * sequences of them, and the same bits for any number of threads. */
#include "flow/vector.h"

#include "support.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

enum { VECTORS = 5, ALL = 2 * VECTORS };

/* The same vectors as ours and as theirs. */
typedef struct pair {
    size_t length;
    SUNContext context;
    hf_states *states;
    gsl_rng *random;
    N_Vector ours[ALL], theirs[ALL];
} pair;

/* Numbers of both signs, none near 0: quotients stay of order 1. */
static void fill(pair *p, int k) {
    double *x = hf_vector_values(p->ours[k]);
    fill_uniform(p->random, -1, 1, p->length, x);
    for (size_t i = 0; i < p->length; i++)
        x[i] += x[i] < 0 ? -0.385 : 0.385;
    memcpy(NV_DATA_S(p->theirs[k]), x, p->length * sizeof *x);
}

static pair make_pair(size_t length) {
    pair p = {.length = length, .random = make_random(2385)};
    cr_assert_eq(SUNContext_Create(NULL, &p.context), 0);
    cr_assert_eq(hf_states_create(NULL, length, ALL, &p.states), HF_OK);
    p.ours[0] = hf_vector_create(length - 1, NULL, p.states, p.context);
    p.theirs[0] = N_VNew_Serial((sunindextype)length, p.context);
    for (int k = 1; k < ALL; k++) {
        p.ours[k] = N_VClone(p.ours[0]);
        p.theirs[k] = N_VClone(p.theirs[0]);
    }
    for (int k = 0; k < ALL; k++)
        fill(&p, k);
    return p;
}

static void free_pair(pair *p) {
    for (int k = 0; k < ALL; k++) {
        N_VDestroy(p->ours[k]);
        N_VDestroy(p->theirs[k]);
    }
    hf_states_destroy(&p->states);
    SUNContext_Free(&p->context);
    gsl_rng_free(p->random);
}

/* Operations are of at most a dozen terms, each rounded as in theirs or once differently. */
static void expect_vectors(pair *p, const char *what) {
    for (int k = 0; k < ALL; k++) {
        const double *x = hf_vector_values(p->ours[k]), *y = NV_DATA_S(p->theirs[k]);
        for (size_t i = 0; i < p->length; i++)
            cr_assert_leq(fabs(x[i] - y[i]), 32 * DBL_EPSILON * fmax(1, fabs(y[i])),
                          "%s: vector %d of %zu at %zu: %.17g, %.17g", what, k, p->length, i, x[i], y[i]);
    }
}

/* A sum of n terms of one sign, added one after the other on their side, errs by n eps; with both signs its
 * partial sums are of order n^1/2 and err by less. */
static void expect_number(const pair *p, double ours, double theirs, const char *what) {
    cr_expect_leq(fabs(ours - theirs), 4 * (double)p->length * DBL_EPSILON * fmax(1, fabs(theirs)),
                  "%s of %zu: %.17g, %.17g", what, p->length, ours, theirs);
}

#define BOTH(operation)                                                                                      \
    do {                                                                                                     \
        N_Vector *v = p.ours;                                                                                \
        operation;                                                                                           \
        v = p.theirs;                                                                                        \
        operation;                                                                                           \
        expect_vectors(&p, #operation);                                                                      \
    } while (0)

#define NUMBERS(operation)                                                                                   \
    do {                                                                                                     \
        N_Vector *v = p.ours;                                                                                \
        double mine = operation;                                                                             \
        v = p.theirs;                                                                                        \
        expect_number(&p, mine, operation, #operation);                                                      \
        expect_vectors(&p, #operation);                                                                      \
    } while (0)

static const size_t lengths[] = {1, 7, 1000, 100003, 300007}; /* blocks of one chunk, and of two */

Test(vector, elementwise_operations_are_those_of_the_serial_one) {
    static const double scalars[][2] = {{2.385, -0.7}, {1, 0.3}, {-1, 1}, {0.3, -1}, {0.7, 0.7}, {0.7, -0.7}};
    for (size_t k = 0; k < 5; k++) {
        pair p = make_pair(lengths[k]);
        cr_expect_eq(N_VGetLength(p.ours[3]), (sunindextype)p.length);
        for (size_t s = 0; s < 6; s++) {
            double a = scalars[s][0], b = scalars[s][1];
            BOTH(N_VLinearSum(a, v[0], b, v[1], v[2]));
            BOTH(N_VLinearSum(a, v[2], b, v[1], v[2]));
            BOTH(N_VLinearSum(a, v[0], b, v[2], v[2]));
            BOTH(N_VScale(a, v[1], v[3]));
            BOTH(N_VScale(b, v[2], v[2]));
        }
        BOTH(N_VProd(v[0], v[1], v[1]));
        BOTH(N_VDiv(v[1], v[4], v[1]));
        BOTH(N_VAbs(v[0], v[3]));
        BOTH(N_VInv(v[0], v[3]));
        BOTH(N_VAddConst(v[3], 0.385, v[3]));
        BOTH(N_VCompare(0.7, v[0], v[3]));
        BOTH(N_VConst(2.385, v[2]));
        free_pair(&p);
    }
}

Test(vector, reductions_are_those_of_the_serial_one) {
    for (size_t k = 0; k < 5; k++) {
        pair p = make_pair(lengths[k]);
        NUMBERS(N_VDotProd(v[0], v[1]));
        NUMBERS(N_VWrmsNorm(v[0], v[1]));
        NUMBERS(N_VWrmsNormMask(v[0], v[1], v[2]));
        NUMBERS(N_VWL2Norm(v[0], v[1]));
        NUMBERS(N_VL1Norm(v[0]));
        NUMBERS(N_VMaxNorm(v[0]));
        NUMBERS(N_VMin(v[0]));
        NUMBERS(N_VMinQuotient(v[0], v[1]));
        NUMBERS(N_VInvTest(v[0], v[3]));
        for (size_t i = 0; i < p.length; i++) { /* constraints of all five kinds */
            hf_vector_values(p.ours[2])[i] = NV_Ith_S(p.theirs[2], i) = (double)(i % 5) - 2;
            hf_vector_values(p.ours[1])[i] *= i % 3 != 0, NV_Ith_S(p.theirs[1], i) *= i % 3 != 0;
        }
        NUMBERS(N_VConstrMask(v[2], v[1], v[3]));
        BOTH(N_VConst(0.385, v[3]));
        NUMBERS(N_VInvTest(v[1], v[3]));
        NUMBERS(N_VMinQuotient(v[0], v[1]));
        BOTH(N_VConst(2, v[2]));
        NUMBERS(N_VConstrMask(v[2], v[4], v[3]));
        NUMBERS(N_VConstrMask(v[2], v[2], v[3]));
        free_pair(&p);
    }
}

Test(vector, fused_operations_are_those_of_the_serial_one) {
    for (size_t k = 0; k < 4; k++) {
        pair p = make_pair(lengths[k]);
        double c[] = {0.7, -1, 2.385, 1, -0.3}, numbers[2][VECTORS];
        for (int count = 1; count <= VECTORS; count++) {
            BOTH(N_VLinearCombination(count, c, v, v[9]));
            BOTH(N_VLinearCombination(count, c, v, v[0]));
            BOTH(N_VScaleAddMulti(count, c, v[9], v, v + VECTORS - 1));
            BOTH(N_VScaleAddMulti(count, c, v[9], v, v));
            BOTH(N_VLinearSumVectorArray(count, 0.385, v, -0.7, v, v + VECTORS));
            BOTH(N_VScaleVectorArray(count, c, v, v));
            BOTH(N_VConstVectorArray(count, 0.385 * count, v + VECTORS));
            for (int k2 = 0; k2 < ALL; k2++)
                fill(&p, k2);
            cr_expect_eq(N_VDotProdMulti(count, p.ours[9], p.ours, numbers[0]), 0);
            N_VDotProdMulti(count, p.theirs[9], p.theirs, numbers[1]);
            for (int j = 0; j < count; j++)
                expect_number(&p, numbers[0][j], numbers[1][j], "products");
            N_VWrmsNormVectorArray(count, p.ours, p.ours + VECTORS, numbers[0]);
            N_VWrmsNormVectorArray(count, p.theirs, p.theirs + VECTORS, numbers[1]);
            for (int j = 0; j < count; j++)
                expect_number(&p, numbers[0][j], numbers[1][j], "norms");
        }
        free_pair(&p);
    }
}

/* Room is used again, arrays are apart and begin at different places of their pages. */
Test(states, are_apart_and_used_again) {
    enum { MOST = 9, LENGTH = 1537 };
    hf_states *states;
    double *state[MOST];
    cr_assert_eq(hf_states_create(NULL, LENGTH, MOST, &states), HF_OK);
    for (int k = 0; k < MOST; k++) {
        state[k] = hf_states_take(states);
        for (int i = 0; i < LENGTH; i++) {
            cr_assert_eq(state[k][i], 0);
            state[k][i] = 2.385 * k + i;
        }
        for (int l = 0; l < k; l++)
            cr_expect_neq((uintptr_t)state[k] % 4096, (uintptr_t)state[l] % 4096);
        cr_expect_eq((uintptr_t)state[k] % 64, 0);
    }
    cr_expect_null(hf_states_take(states));
    for (int k = 0; k < MOST; k++)
        for (int i = 0; i < LENGTH; i++)
            cr_assert_eq(state[k][i], 2.385 * k + i);
    hf_states_give(states, state[3]);
    hf_states_give(states, NULL);
    hf_states_give(states, state[7]);
    cr_expect_eq(hf_states_take(states), state[7]);
    cr_expect_eq(hf_states_take(states), state[3]);
    cr_expect_null(hf_states_take(states));
    cr_expect_eq(hf_states_peak(states), MOST);
    hf_states_destroy(&states);
    hf_states_destroy(&states);
}

static realtype seven(N_Vector x, N_Vector weight) {
    (void)x, (void)weight;
    return 7;
}

/* SUNDIALS writes through the NULL of a clone that finds no memory. */
Test(vector, has_as_many_clones_as_states_and_each_with_its_operations) {
    enum { MOST = 5 };
    SUNContext context;
    hf_states *states;
    N_Vector v[MOST];
    cr_assert_eq(SUNContext_Create(NULL, &context), 0);
    cr_assert_eq(hf_states_create(NULL, 11, MOST, &states), HF_OK);
    v[0] = hf_vector_create(10, NULL, states, context);
    v[0]->ops->nvwrmsnorm = seven;
    for (int round = 0; round < 3; round++) {
        for (int k = 1; k < MOST; k++) {
            v[k] = N_VClone(v[k - 1]);
            cr_assert_not_null(v[k]);
            N_VConst(k, v[k]);
            cr_expect_eq(N_VWrmsNorm(v[k], v[0]), 7);
        }
        cr_expect_null(v[0]->ops->nvclone(v[0]));
        for (int k = 1; k < MOST; k++) {
            cr_expect_eq(hf_vector_values(v[k])[10], k);
            N_VDestroy(v[k]);
        }
    }
    cr_expect_eq(hf_states_peak(states), MOST);
    N_VDestroy(v[0]);
    hf_states_destroy(&states);
    SUNContext_Free(&context);
}

Test(states, without_room_are_refused) {
    hf_states *states = (hf_states *)1;
    hf_error error = {0};
    cr_expect_eq(hf_states_create(&error, SIZE_MAX / 16, 11, &states), HF_ERR_MEMORY);
    cr_expect_null(states);
    cr_expect_eq(hf_states_create(&error, (size_t)1 << 40, 11, &states), HF_ERR_MEMORY);
    cr_expect_not_null(strstr(error.message, "no memory for the integrator"), "%s", error.message);
    cr_expect_null(states);
}

/* One random operation on ours or theirs, of about norm 1 whatever came before. */
static double operate(N_Vector *v, unsigned long what, int x, int y, int z, double a) {
    switch (what) {
    case 0:
        return N_VWrmsNorm(v[x], v[y]);
    case 1:
        N_VProd(v[x], v[y], v[z]);
        N_VAddConst(v[z], a, v[z]);
        N_VScale(0.25, v[z], v[z]);
        return 0;
    case 2:
        N_VDestroy(v[z]);
        v[z] = N_VClone(v[x]);
        N_VScale(a, v[x], v[z]);
        return 0;
    case 3:
        N_VGetArrayPointer(v[z])[0] = a;
        return 0;
    default:
        N_VLinearSum(a / 2, v[x], 0.5, v[y], v[z]);
        return 0;
    }
}

/* 600 operations, so that the queue fills up between two looks as well. */
Test(vector, sequences_give_what_the_serial_one_gives) {
    pair p = make_pair(1237);
    for (int step = 0; step < 600; step++) {
        unsigned long what =
            gsl_rng_uniform_int(p.random, step % 300 < 200 ? 12 : 4) + (step % 300 < 200 ? 4 : 0);
        int x = (int)gsl_rng_uniform_int(p.random, ALL), y = (int)gsl_rng_uniform_int(p.random, ALL);
        int z = (int)((size_t)x + 1 + gsl_rng_uniform_int(p.random, ALL - 1)) % ALL;
        double a = uniform(p.random, -1, 1), ours = operate(p.ours, what, x, y, z, a);
        cr_expect_leq(fabs(ours - operate(p.theirs, what, x, y, z, a)), 1e-12);
    }
    for (int k = 0; k < ALL; k++)
        cr_expect_leq(largest_difference(p.length, hf_vector_values(p.ours[k]), NV_DATA_S(p.theirs[k])),
                      1e-13);
    free_pair(&p);
}

static double on_threads(int threads, double *sum) {
    omp_set_num_threads(threads);
    pair p = make_pair(300007); /* enough for several threads */
    for (int k = 0; k < 8; k++)
        N_VLinearSum(0.7, p.ours[k], -0.3, p.ours[k + 1], p.ours[k + 1]);
    *sum = N_VDotProd(p.ours[8], p.ours[1]);
    double norm = N_VWrmsNorm(p.ours[8], p.ours[3]);
    free_pair(&p);
    return norm;
}

Test(vector, does_not_depend_on_the_number_of_threads) {
    double sum, other, norm = on_threads(1, &sum);
    for (int threads = 2; threads <= 3; threads++) {
        cr_expect_eq(on_threads(threads, &other), norm);
        cr_expect_eq(other, sum);
    }
}
