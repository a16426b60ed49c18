/* The base module: statuses, messages, arrays, the search for a near word, and signals. */
#include "base/parallel.h"
#include "base/symmetric.h"
#include <criterion/criterion.h>

#include <headflow/base.h>
#include <headflow/interrupt.h>

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_sort_vector.h>

#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Test(status, exit_codes_are_those_of_the_program) {
    cr_expect_eq(hf_status_exit_code(HF_OK), 0);
    cr_expect_eq(hf_status_exit_code(HF_ERR_INPUT), 2);
    cr_expect_eq(hf_status_exit_code(HF_ERR_NUMERIC), 3);
    cr_expect_eq(hf_status_exit_code(HF_ERR_IO), 4);
    cr_expect_eq(hf_status_exit_code(HF_ERR_MEMORY), 4);
    cr_expect_str_eq(hf_status_text(HF_ERR_NUMERIC), "numerical failure");
}

static hf_status forward(hf_error *error, bool fail, int *reached) {
    HF_TRY(fail ? hf_raise(error, HF_ERR_IO, "file %s, line %d", "a.csv", 17) : HF_OK);
    ++*reached;
    return HF_OK;
}

Test(status, failures_are_forwarded_with_their_message) {
    hf_error error = {0};
    int reached = 0;
    cr_expect_eq(forward(&error, false, &reached), HF_OK);
    cr_expect_eq(error.status, HF_OK);
    cr_expect_eq(forward(&error, true, &reached), HF_ERR_IO);
    cr_expect_eq(forward(NULL, true, &reached), HF_ERR_IO, "a message that nobody wants is dropped");
    cr_expect_eq(reached, 1);
    cr_expect_eq(error.status, HF_ERR_IO);
    cr_expect_str_eq(error.message, "file a.csv, line 17");
}

Test(status, a_long_message_is_cut) {
    char text[2 * HF_MESSAGE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hf_error error = {0};
    hf_raise(&error, HF_ERR_INPUT, "%s", text);
    cr_expect_eq(strlen(error.message), HF_MESSAGE_MAX - 1);
}

Test(status, a_message_is_one_line_whatever_a_file_holds) {
    hf_error error = {0};
    hf_raise(&error, HF_ERR_INPUT, "found '%s'", "a\r\nb\x1b[2Jc\x7f\tB\xc3\xa9");
    cr_expect_str_eq(error.message, "found 'a  b [2Jc  B\xc3\xa9'");
}

Test(version, has_three_numbers) {
    int number[3];
    cr_expect_eq(sscanf(hf_version(), "%d.%d.%d", &number[0], &number[1], &number[2]), 3);
}

Test(array, is_zeroed_and_aligned) {
    for (size_t count = 0; count < 40; count++) {
        double *array;
        cr_assert_eq(hf_array_create(NULL, count, &array), HF_OK);
        cr_assert_not_null(array);
        cr_expect_eq((uintptr_t)array % 64, 0);
        for (size_t i = 0; i < count; i++)
            cr_expect_eq(array[i], 0);
        hf_array_destroy(&array);
        cr_expect_null(array);
    }
    hf_array_destroy(NULL);
}

Test(array, refuses_what_does_not_fit) {
    const size_t counts[] = {SIZE_MAX, SIZE_MAX / sizeof(double), SIZE_MAX / sizeof(double) - 7};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        hf_error error = {0};
        double *array = (double[]){2.385};
        cr_expect_eq(hf_array_create(&error, counts[i], &array), HF_ERR_MEMORY, "%zu numbers", counts[i]);
        cr_expect_null(array);
        cr_expect_eq(error.status, HF_ERR_MEMORY);
    }
}

Test(array, strings_are_copied) {
    char text[] = "head", *copy;
    cr_assert_eq(hf_string_copy(NULL, text, &copy), HF_OK);
    text[0] = 'd';
    cr_expect_str_eq(copy, "head");
    free(copy);
}

Test(nearest, offers_what_was_probably_meant) {
    const char *const fluxes[] = {"upwind", "muscl", "scharfetter-gummel", "duality5", "duality7"};
    const size_t count = sizeof fluxes / sizeof fluxes[0];
    cr_expect_str_eq(hf_nearest("upwnid", count, fluxes), "upwind");
    cr_expect_str_eq(hf_nearest("muscle", count, fluxes), "muscl");
    cr_expect_str_eq(hf_nearest("duality7", count, fluxes), "duality7");
    cr_expect_str_eq(hf_nearest("scharfetter_gummel", count, fluxes), "scharfetter-gummel");
    cr_expect_null(hf_nearest("godunov", count, fluxes));
    cr_expect_null(hf_nearest("", count, fluxes));
    cr_expect_null(hf_nearest("muscl", 0, NULL));
    char longer[200] = {0};
    memset(longer, 'u', sizeof longer - 1);
    cr_expect_null(hf_nearest(longer, count, fluxes), "a word of any length is safe");
}

/* ---- pieces of work on all threads ------------------------------------------------------------------- */

enum { PIECES = 238 };

typedef struct pieces {
    int times[PIECES];
    size_t fails_at;
} pieces;

static hf_status do_piece(hf_error *error, void *self, size_t index) {
    pieces *p = self;
    p->times[index]++;
    return index == p->fails_at ? hf_raise(error, HF_ERR_NUMERIC, "piece %zu", index) : HF_OK;
}

static hf_status fail_silently(hf_error *error, void *self, size_t index) {
    (void)error, (void)self, (void)index;
    return HF_ERR_IO;
}

Test(parallel, does_each_piece_once_and_raises_a_failure) {
    pieces p = {.fails_at = PIECES};
    hf_error error = {0};
    cr_expect_eq(hf_parallel_each(&error, PIECES, do_piece, &p), HF_OK);
    p.fails_at = 85;
    cr_expect_eq(hf_parallel_each(&error, PIECES, do_piece, &p), HF_ERR_NUMERIC);
    cr_expect_str_eq(error.message, "piece 85");
    for (size_t i = 0; i < PIECES; i++)
        cr_expect_eq(p.times[i], 2);
    cr_expect_eq(hf_parallel_each(&error, 2, fail_silently, NULL), HF_ERR_IO);
    cr_expect_eq(hf_parallel_each(&error, 0, fail_silently, NULL), HF_OK);
}

/* The first asks for an end in good order. timeout(1) sends it to the process and to its group: such an echo
 * changes nothing; whoever does not want to wait sends another, a second later. */
Test(interrupt, a_second_signal_ends_the_process, .signal = SIGTERM) {
    cr_assert_eq(hf_interrupted(NULL), 0);
    hf_interrupt_catch();
    raise(SIGINT);
    cr_expect_eq(hf_interrupted(NULL), SIGINT);
    raise(SIGINT);
    raise(SIGTERM);
    cr_expect_eq(hf_interrupted(NULL), SIGINT);
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    raise(SIGTERM);
}

/* ---- eigenvalues of symmetric matrices -------------------------------------------------------------- */

enum { SIDE = 4 };

/* A symmetric matrix with entries up to `size`, and its eigenvalues by way of hf_symmetric_scale or without.
 */
static void find_eigenvalues(unsigned seed, double size, bool scaled, double value[SIDE]) {
    double matrix[SIDE * SIDE];
    srand(seed);
    for (size_t i = 0; i < SIDE; i++)
        for (size_t j = 0; j <= i; j++)
            matrix[SIDE * i + j] = matrix[SIDE * j + i] = ((double)rand() / RAND_MAX - 0.5) * size;
    int exponent = scaled ? hf_symmetric_scale(SIDE * SIDE, matrix) : 0;
    gsl_matrix_view view = gsl_matrix_view_array(matrix, SIDE, SIDE);
    gsl_vector_view values = gsl_vector_view_array(value, SIDE);
    gsl_eigen_symm_workspace *work = gsl_eigen_symm_alloc(SIDE);
    gsl_eigen_symm(&view.matrix, &values.vector, work);
    gsl_eigen_symm_free(work);
    gsl_sort_vector(&values.vector);
    for (size_t i = 0; i < SIDE; i++)
        value[i] = ldexp(value[i], exponent);
}

Test(symmetric, scaling_changes_no_eigenvalue) {
    double value[SIDE], other[SIDE];
    for (unsigned seed = 1; seed <= 20; seed++) {
        find_eigenvalues(seed, 1, false, value);
        find_eigenvalues(seed, 1, true, other);
        for (size_t i = 0; i < SIDE; i++)
            cr_expect_eq(other[i], value[i]);
    }
}

/* GSL alone does not end on 13 of these 20. Entries are rounded to multiples of 4.9e-324. */
Test(symmetric, subnormal_matrices_have_eigenvalues, .timeout = 10) {
    double value[SIDE], other[SIDE];
    for (unsigned seed = 1; seed <= 20; seed++) {
        find_eigenvalues(seed, 1, false, value);
        find_eigenvalues(seed, 1e-310, true, other);
        for (size_t i = 0; i < SIDE; i++)
            cr_expect_float_eq(other[i], value[i] * 1e-310, 2 * SIDE * 4.9e-324, "%g is not %g", other[i],
                               value[i] * 1e-310);
    }
}

Test(symmetric, zeros_and_what_is_not_finite_stay) {
    double zeros[4] = {0}, infinite[4] = {1, INFINITY, INFINITY, 1};
    cr_expect_eq(hf_symmetric_scale(4, zeros), 0);
    cr_expect_eq(hf_symmetric_scale(4, infinite), 0);
    cr_expect_eq(infinite[0], 1);
}
