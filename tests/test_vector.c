/* headflow's own N_Vector against SUNDIALS' serial one, operation by operation, aliased operands included. */
#include "flow/vector.h"

#include <criterion/criterion.h>
#include <math.h>
#include <nvector/nvector_serial.h>

enum { LENGTH = 1237 }; /* odd: loops have remainders */

static SUNContext context;

/* The same random numbers in a vector of ours and in one of theirs; none is near 0. */
static void fill_pair(unsigned seed, N_Vector ours, N_Vector theirs) {
    unsigned state = seed;
    for (int i = 0; i < LENGTH; i++) {
        state = 1664525u * state + 1013904223u;
        double x = (double)(state >> 8) / (1 << 24) - 0.5;
        hf_vector_values(ours)[i] = NV_Ith_S(theirs, i) = x < 0 ? x - 0.385 : x + 0.385;
    }
}

static void expect_equal(N_Vector ours, N_Vector theirs, const char *what) {
    for (int i = 0; i < LENGTH; i++)
        cr_assert_eq(hf_vector_values(ours)[i], NV_Ith_S(theirs, i), "%s at %d", what, i);
}

static void expect_near(double ours, double theirs, const char *what) {
    cr_expect_leq(fabs(ours - theirs), 1e-13 * fabs(theirs), "%s: %.17g, %.17g", what, ours, theirs);
}

Test(vector, equals_the_serial_one) {
    cr_assert_eq(SUNContext_Create(NULL, &context), 0);
    N_Vector x = hf_vector_create(LENGTH, context), y = N_VClone(x), z = N_VClone(x);
    N_Vector sx = N_VNew_Serial(LENGTH, context), sy = N_VClone(sx), sz = N_VClone(sx);
    cr_assert(x != NULL && y != NULL && z != NULL);
    cr_expect_eq(N_VGetLength(z), LENGTH);
    fill_pair(2385, x, sx);
    fill_pair(17, y, sy);

    N_VLinearSum(2.385, x, -0.7, y, z);
    N_VLinearSum(2.385, sx, -0.7, sy, sz);
    expect_equal(z, sz, "linear sum");
    N_VLinearSum(1, z, 0.3, y, z);
    N_VLinearSum(1, sz, 0.3, sy, sz);
    expect_equal(z, sz, "linear sum in place");
    N_VProd(x, y, z), N_VProd(sx, sy, sz);
    expect_equal(z, sz, "product");
    N_VDiv(x, y, z), N_VDiv(sx, sy, sz);
    expect_equal(z, sz, "quotient");
    N_VScale(-1.7, z, z), N_VScale(-1.7, sz, sz);
    expect_equal(z, sz, "scale in place");
    N_VAbs(x, z), N_VAbs(sx, sz);
    expect_equal(z, sz, "absolute value");
    N_VInv(x, z), N_VInv(sx, sz);
    expect_equal(z, sz, "inverse");
    N_VAddConst(x, 0.385, z), N_VAddConst(sx, 0.385, sz);
    expect_equal(z, sz, "constant added");
    expect_near(N_VDotProd(x, y), N_VDotProd(sx, sy), "dot product");
    expect_near(N_VWrmsNorm(x, y), N_VWrmsNorm(sx, sy), "weighted norm");
    expect_near(N_VMaxNorm(x), N_VMaxNorm(sx), "largest");
    N_VConst(2.385, z), N_VConst(2.385, sz);
    expect_equal(z, sz, "constant");

    N_Vector all[] = {x, y, z, sx, sy, sz};
    for (int i = 0; i < 6; i++)
        N_VDestroy(all[i]);
    SUNContext_Free(&context);
}
