/* The kernel on the circle by Fourier transforms, docs/tokens.md (T8): with
 *
 *   x . D y = p cos(theta - phi - alpha) + q cos(theta + phi - gamma)
 *
 * mode a of m is sum_l I_{a-l}(p) I_l(q) e^{-i((a-l) alpha + l gamma)} c_{2l-a}, c_b = int e^{i b phi} dmu.
 * The sums over the masses are those of the grid, whatever its size: modes beyond its own are folded, not
 * left out. O(n log n). */
#include "tokens/tokens.h"

#include <complex.h>
#include <fftw3.h>
#include <gsl/gsl_sf_bessel.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct circle {
    size_t cells;
    int modes, narrow; /* K and L: |a| <= K, |l| <= L */
    fftw_plan forward, backward;
    double *values;            /* shape (cells) */
    fftw_complex *transformed; /* shape (cells/2 + 1) */
    double complex *phase;     /* e^{i a theta_0}: shape (K + 1) */
    double complex *matrix;    /* shape (K + 1, 2 L + 1): of (a, l) */
    double complex *mode;      /* of m: shape (K + 1) */
} circle;

/* Bessel functions e^{-x} I_n(x), n up to the first that does not count. */
static int count_bessel(double x) {
    int n = 0;
    while (gsl_sf_bessel_In_scaled(n, x) > HF_TOKENS_CUTOFF)
        n++;
    return n;
}

static void fill_matrix(circle *c, double complex p, double complex q) {
    double alpha = carg(p), gamma = carg(q);
    int wide = c->modes - c->narrow;
    for (int a = 0; a <= c->modes; a++)
        for (int l = -c->narrow; l <= c->narrow; l++) {
            int j = a - l;
            double size = abs(j) <= wide ? gsl_sf_bessel_In_scaled(abs(j), cabs(p)) *
                                               gsl_sf_bessel_In_scaled(abs(l), cabs(q))
                                         : 0;
            c->matrix[a * (2 * c->narrow + 1) + l + c->narrow] = size * cexp(-I * (j * alpha + l * gamma));
        }
}

static void destroy(void **self) {
    circle *c = *self;
    if (c == NULL)
        return;
    if (c->forward != NULL)
        fftw_destroy_plan(c->forward);
    if (c->backward != NULL)
        fftw_destroy_plan(c->backward);
    hf_array_destroy(&c->values);
    fftw_free(c->transformed);
    free(c->phase);
    free(c->matrix);
    free(c->mode);
    free(c);
    *self = NULL;
}

static hf_status fill(hf_error *error, const hf_grid *grid, const double *d, circle *c) {
    double complex p = ((d[0] + d[3]) + I * (d[2] - d[1])) / 2, q = ((d[0] - d[3]) + I * (d[1] + d[2])) / 2;
    size_t n = c->cells = hf_grid_cells(grid);
    c->narrow = count_bessel(cabs(q));
    c->modes = count_bessel(cabs(p)) + c->narrow;
    size_t modes = (size_t)c->modes + 1;
    HF_TRY(hf_array_create(error, n, &c->values));
    HF_TRY(hf_allocate(error, modes, sizeof *c->phase, &c->phase));
    HF_TRY(hf_allocate(error, modes, sizeof *c->mode, &c->mode));
    HF_TRY(hf_allocate(error, modes * (2 * (size_t)c->narrow + 1), sizeof *c->matrix, &c->matrix));
    c->transformed = fftw_alloc_complex(n / 2 + 1);
    if (c->transformed == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for the transform of %zu cells", n);
    /* estimated plans: the same on every run, so that runs are reproducible to the bit */
    c->forward = fftw_plan_dft_r2c_1d((int)n, c->values, c->transformed, FFTW_ESTIMATE);
    c->backward = fftw_plan_dft_c2r_1d((int)n, c->transformed, c->values, FFTW_ESTIMATE);
    if (c->forward == NULL || c->backward == NULL)
        return hf_raise(error, HF_ERR_NUMERIC, "FFTW has no plan for %zu cells", n);
    for (size_t a = 0; a < modes; a++)
        c->phase[a] = cexp(I * (double)a * hf_grid_center(grid, 0, 0));
    fill_matrix(c, p, q);
    return HF_OK;
}

static hf_status create(hf_error *error, const hf_grid *grid, const double *interaction, double norm,
                        void **self) {
    (void)norm; /* p + q: the Bessel functions are scaled by it */
    *self = NULL;
    circle *c;
    HF_TRY(hf_allocate(error, 1, sizeof *c, &c));
    *self = c;
    hf_status status = fill(error, grid, interaction, c);
    if (status != HF_OK)
        destroy(self);
    return status;
}

/* c_b, from the transform of the masses. */
static double complex sum_of(const circle *c, size_t b) {
    size_t n = c->cells, rest = b % n;
    return 2 * rest <= n ? conj(c->transformed[rest]) : c->transformed[n - rest];
}

static double complex moment(const circle *c, int b) {
    double complex sum = sum_of(c, (size_t)abs(b));
    double complex positive = c->phase[abs(b)] * sum;
    return b >= 0 ? positive : conj(positive);
}

static void find_modes(circle *c) {
    int width = 2 * c->narrow + 1;
    for (int a = 0; a <= c->modes; a++) {
        double complex sum = 0;
        for (int l = -c->narrow; l <= c->narrow; l++)
            if (abs(2 * l - a) <= c->modes)
                sum += c->matrix[a * width + l + c->narrow] * moment(c, 2 * l - a);
        c->mode[a] = sum;
    }
}

/* sum_a factor(a) mode_a e^{i a theta} at the centres; the factor is 1, or i a for the derivative. */
static void synthesise(circle *c, bool derivative, double *out) {
    size_t n = c->cells;
    memset(c->transformed, 0, (n / 2 + 1) * sizeof *c->transformed);
    for (int a = 0; a <= c->modes; a++) {
        size_t k = (size_t)a % n;
        double complex z = c->mode[a] * c->phase[a] * (derivative ? I * (double)a : 1);
        if (a == 0)
            c->transformed[0] += creal(z);
        else if (k == 0 || 2 * k == n)
            c->transformed[k] += 2 * creal(z);
        else if (2 * k < n)
            c->transformed[k] += z;
        else
            c->transformed[n - k] += conj(z);
    }
    fftw_execute(c->backward);
    memcpy(out, c->values, n * sizeof *out);
}

static void apply(void *self, const double *mass, double *m, double *gradient) {
    circle *c = self;
    memcpy(c->values, mass, c->cells * sizeof *mass);
    fftw_execute(c->forward);
    find_modes(c);
    synthesise(c, false, m);
    if (gradient != NULL)
        synthesise(c, true, gradient);
}

const hf_tokens_kernel hf_tokens_circle = {create, destroy, apply};
