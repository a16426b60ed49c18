/* The diffusion solve by FFTW. The five-point (2D+1-point) Laplacian with walls (no flux) is diagonal in the
 * cosine transform of type II, with periodic axes in the real Fourier transform: mode k of an axis of n cells
 * has the eigenvalue -(4/h^2) sin^2(pi k/2n) or -(4/h^2) sin^2(pi k/n). docs/numerics.md (20). */
#include "flow/precondition.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hf_diffusion {
    const hf_grid *grid;
    fftw_plan forward, backward;
    double *modes;                  /* shape (cells) */
    double *eigenvalue[HF_DIM_MAX]; /* of -Laplace along each axis: shape (cells of the axis) */
    double normalisation;
};

static void fill_eigenvalues(const hf_grid *grid, size_t d, double *eigenvalue) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    double h = hf_grid_spacing(grid, d), n = (double)axis->cells;
    for (size_t k = 0; k < axis->cells; k++) /* half-complex order: modes k and n - k share an eigenvalue */
        eigenvalue[k] = pow(2 / h * sin(M_PI * (double)k / (axis->periodic ? n : 2 * n)), 2);
}

hf_status hf_diffusion_create(hf_error *error, const hf_grid *grid, hf_diffusion **out) {
    *out = NULL;
    hf_diffusion *diffusion;
    HF_TRY(hf_allocate(error, 1, sizeof *diffusion, &diffusion));
    diffusion->grid = grid;
    diffusion->normalisation = 1;
    int dim = (int)hf_grid_dim(grid), n[HF_DIM_MAX];
    fftw_r2r_kind forward[HF_DIM_MAX], backward[HF_DIM_MAX];
    hf_status status = hf_array_create(error, hf_grid_cells(grid), &diffusion->modes);
    for (int d = 0; d < dim && status == HF_OK; d++) {
        const hf_axis *axis = hf_grid_axis(grid, (size_t)d);
        n[d] = (int)axis->cells;
        forward[d] = axis->periodic ? FFTW_R2HC : FFTW_REDFT10;
        backward[d] = axis->periodic ? FFTW_HC2R : FFTW_REDFT01;
        diffusion->normalisation /= (axis->periodic ? 1 : 2) * (double)axis->cells;
        status = hf_array_create(error, axis->cells, &diffusion->eigenvalue[d]);
        if (status == HF_OK)
            fill_eigenvalues(grid, (size_t)d, diffusion->eigenvalue[d]);
    }
    if (status == HF_OK) {
        /* estimated plans: the same on every run, so that runs are reproducible to the bit */
        double *m = diffusion->modes;
        diffusion->forward = fftw_plan_r2r(dim, n, m, m, forward, FFTW_ESTIMATE);
        diffusion->backward = fftw_plan_r2r(dim, n, m, m, backward, FFTW_ESTIMATE);
        if (diffusion->forward == NULL || diffusion->backward == NULL)
            status = hf_raise(error, HF_ERR_NUMERIC, "FFTW has no plan for this grid");
    }
    if (status != HF_OK) {
        hf_diffusion_destroy(&diffusion);
        return status;
    }
    *out = diffusion;
    return HF_OK;
}

void hf_diffusion_destroy(hf_diffusion **diffusion) {
    if (diffusion == NULL || *diffusion == NULL)
        return;
    if ((*diffusion)->forward != NULL)
        fftw_destroy_plan((*diffusion)->forward);
    if ((*diffusion)->backward != NULL)
        fftw_destroy_plan((*diffusion)->backward);
    hf_array_destroy(&(*diffusion)->modes);
    for (size_t d = 0; d < HF_DIM_MAX; d++)
        hf_array_destroy(&(*diffusion)->eigenvalue[d]);
    free(*diffusion);
    *diffusion = NULL;
}

void hf_diffusion_solve(hf_diffusion *diffusion, double coefficient, const double *b, double *x) {
    const hf_grid *grid = diffusion->grid;
    size_t cells = hf_grid_cells(grid), dim = hf_grid_dim(grid);
    memcpy(diffusion->modes, b, cells * sizeof *b);
    fftw_execute(diffusion->forward);
    for (size_t i = 0; i < cells; i++) {
        double eigenvalue = 0;
        for (size_t d = 0; d < dim; d++)
            eigenvalue +=
                diffusion->eigenvalue[d][i / hf_grid_stride(grid, d) % hf_grid_axis(grid, d)->cells];
        diffusion->modes[i] *= diffusion->normalisation / (1 + coefficient * eigenvalue);
    }
    fftw_execute(diffusion->backward);
    memcpy(x, diffusion->modes, cells * sizeof *x);
}
