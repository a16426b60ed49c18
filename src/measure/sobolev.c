/* The dual Sobolev distance by FFTW: cosine transforms between walls, real Fourier transforms on periodic
 * axes. docs/theory.md (27), (28).
 *
 * In the orthonormal basis of products of cosines (and sines) a density has coefficients c_k, and the norm of
 * a difference is (sum over k != 0 of |c_k|^2/|k|^2)^(1/2). */
#include "measure/measure.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>

struct hf_sobolev {
    size_t dim, cells;
    size_t sides[HF_DIM_MAX], strides[HF_DIM_MAX];
    fftw_plan forward;
    double *squared_k[HF_DIM_MAX]; /* squared wave number of each mode of an axis */
    double *scale[HF_DIM_MAX];     /* squared factor from the transform of masses to c_k */
};

/* Modes in FFTW's order: k = 0 .. n - 1 of half waves, or k and n - k for the cosine and sine of k whole
 * waves. The square of a wave has mean 1/2, that of the constant and of the fastest whole wave 1. */
static void fill_modes(const hf_axis *axis, double *squared_k, double *scale) {
    double length = axis->upper - axis->lower;
    for (size_t i = 0; i < axis->cells; i++) {
        size_t k = axis->periodic && 2 * i > axis->cells ? axis->cells - i : i;
        bool alone = k == 0 || (axis->periodic && 2 * k == axis->cells);
        squared_k[i] = pow((axis->periodic ? 2 : 1) * M_PI * (double)k / length, 2);
        scale[i] = (alone ? 1 : 2) / length / (axis->periodic ? 1 : 4); /* REDFT10 doubles its sums */
    }
}

static hf_status plan(hf_error *error, const hf_grid *grid, hf_sobolev *s) {
    int n[HF_DIM_MAX];
    fftw_r2r_kind kind[HF_DIM_MAX];
    double *scratch;
    for (size_t d = 0; d < s->dim; d++) {
        n[d] = (int)s->sides[d];
        kind[d] = hf_grid_axis(grid, d)->periodic ? FFTW_R2HC : FFTW_REDFT10;
    }
    HF_TRY(hf_array_create(error, s->cells, &scratch));
    /* estimated plans: the same on every run, so that values are reproducible to the bit */
#pragma omp critical(hf_fftw)
    s->forward = fftw_plan_r2r((int)s->dim, n, scratch, scratch, kind, FFTW_ESTIMATE);
    hf_array_destroy(&scratch);
    return s->forward != NULL ? HF_OK : hf_raise(error, HF_ERR_NUMERIC, "FFTW has no plan for this grid");
}

hf_status hf_sobolev_create(hf_error *error, const hf_grid *grid, hf_sobolev **out) {
    hf_sobolev *s;
    *out = NULL;
    HF_TRY(hf_allocate(error, 1, sizeof *s, &s));
    s->dim = hf_grid_dim(grid);
    s->cells = hf_grid_cells(grid);
    hf_status status = HF_OK;
    for (size_t d = 0; d < s->dim && status == HF_OK; d++) {
        s->sides[d] = hf_grid_axis(grid, d)->cells;
        s->strides[d] = hf_grid_stride(grid, d);
        status = hf_array_create(error, s->sides[d], &s->squared_k[d]);
        if (status == HF_OK)
            status = hf_array_create(error, s->sides[d], &s->scale[d]);
        if (status == HF_OK)
            fill_modes(hf_grid_axis(grid, d), s->squared_k[d], s->scale[d]);
    }
    if (status == HF_OK)
        status = plan(error, grid, s);
    if (status != HF_OK)
        hf_sobolev_destroy(&s);
    *out = s;
    return status;
}

void hf_sobolev_destroy(hf_sobolev **sobolev) {
    if (sobolev == NULL || *sobolev == NULL)
        return;
    if ((*sobolev)->forward != NULL)
#pragma omp critical(hf_fftw)
        fftw_destroy_plan((*sobolev)->forward);
    for (size_t d = 0; d < HF_DIM_MAX; d++) {
        hf_array_destroy(&(*sobolev)->squared_k[d]);
        hf_array_destroy(&(*sobolev)->scale[d]);
    }
    free(*sobolev);
    *sobolev = NULL;
}

/* modes: shape (cells), the transform of the difference of masses. */
static double norm(const hf_sobolev *s, const double *modes) {
    double sum = 0;
    for (size_t i = 1; i < s->cells; i++) { /* mode 0 is the difference of the totals */
        double squared_k = 0, scale = 1;
        for (size_t d = 0; d < s->dim; d++) {
            size_t k = i / s->strides[d] % s->sides[d];
            squared_k += s->squared_k[d][k];
            scale *= s->scale[d][k];
        }
        sum += scale * modes[i] * modes[i] / squared_k;
    }
    return sqrt(sum);
}

hf_status hf_sobolev_distance(hf_error *error, const hf_sobolev *sobolev, const double *a, const double *b,
                              double *distance) {
    double total_a, total_b, *modes;
    HF_TRY(hf_mass_total(error, "first density", sobolev->cells, a, &total_a));
    HF_TRY(hf_mass_total(error, "second density", sobolev->cells, b, &total_b));
    HF_TRY(hf_array_create(error, sobolev->cells, &modes));
    for (size_t i = 0; i < sobolev->cells; i++)
        modes[i] = a[i] / total_a - b[i] / total_b;
    fftw_execute_r2r(sobolev->forward, modes, modes); /* arrays of headflow are aligned alike */
    *distance = norm(sobolev, modes);
    hf_array_destroy(&modes);
    return HF_OK;
}
