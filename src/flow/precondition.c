/* The diffusion solve by FFTW. The five-point (2D+1-point) Laplacian with walls (no flux) is diagonal in the
 * cosine transform of type II, with periodic axes in the real Fourier transform: mode k of an axis of n cells
 * has the eigenvalue -(4/h^2) sin^2(pi k/2n) or -(4/h^2) sin^2(pi k/n). docs/numerics.md (20).
 *
 * On a part of a divided grid the axes that are whole are transformed where they are, the others one after
 * the other after a transpose that makes their lines whole. Modes are divided among ranks as cells are. */
#include "flow/precondition.h"

#include "grid/transpose.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A pair of transforms; NULL plans where there is nothing to transform. */
typedef struct transforms {
    fftw_plan forward, backward;
} transforms;

struct hf_diffusion {
    const hf_grid *grid;
    transforms whole;                     /* along all axes that are whole */
    transforms divided[HF_DIM_MAX];       /* along a divided axis, of its lines */
    hf_transpose *transposes[HF_DIM_MAX]; /* NULL: the axis is whole */
    double *modes;                        /* shape (cells) */
    double *eigenvalue[HF_DIM_MAX];       /* of -Laplace along each axis: shape (cells of the whole axis) */
    double normalisation;
};

static void fill_eigenvalues(const hf_grid *grid, size_t d, double *eigenvalue) {
    double h = hf_grid_spacing(grid, d), n = (double)hf_grid_whole_cells(grid, d);
    bool periodic = hf_grid_axis(grid, d)->periodic;
    for (size_t k = 0; k < hf_grid_whole_cells(grid, d); k++)
        /* half-complex order: modes k and n - k share an eigenvalue */
        eigenvalue[k] = pow(2 / h * sin(M_PI * (double)k / (periodic ? n : 2 * n)), 2);
}

/* The transforms in place of lines along `dim` axes, `count` axes of neighbours beside them. */
static hf_status plan(hf_error *error, int dim, const fftw_iodim64 *lines, const bool *periodic, int count,
                      const fftw_iodim64 *beside, double *values, transforms *out) {
    fftw_r2r_kind forward[HF_DIM_MAX], backward[HF_DIM_MAX];
    if (dim == 0)
        return HF_OK;
    for (int d = 0; d < dim; d++) {
        forward[d] = periodic[d] ? FFTW_R2HC : FFTW_REDFT10;
        backward[d] = periodic[d] ? FFTW_HC2R : FFTW_REDFT01;
    }
    /* estimated plans: the same on every run, so that runs are reproducible to the bit */
    out->forward = fftw_plan_guru64_r2r(dim, lines, count, beside, values, values, forward, FFTW_ESTIMATE);
    out->backward = fftw_plan_guru64_r2r(dim, lines, count, beside, values, values, backward, FFTW_ESTIMATE);
    if (out->forward == NULL || out->backward == NULL)
        return hf_raise(error, HF_ERR_NUMERIC, "FFTW has no plan for this grid");
    return HF_OK;
}

static hf_status plan_whole(hf_error *error, hf_diffusion *diffusion) {
    const hf_grid *grid = diffusion->grid;
    fftw_iodim64 lines[HF_DIM_MAX], beside[HF_DIM_MAX];
    bool periodic[HF_DIM_MAX];
    int dim = 0, count = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        ptrdiff_t stride = (ptrdiff_t)hf_grid_stride(grid, d);
        fftw_iodim64 axis = {(ptrdiff_t)hf_grid_axis(grid, d)->cells, stride, stride};
        if (hf_grid_parts(grid, d) > 1)
            beside[count++] = axis;
        else {
            periodic[dim] = hf_grid_axis(grid, d)->periodic;
            lines[dim++] = axis;
        }
    }
    return plan(error, dim, lines, periodic, count, beside, diffusion->modes, &diffusion->whole);
}

/* Collective: every rank creates its transpose, also one that has failed before. */
static hf_status plan_divided(hf_error *error, hf_diffusion *diffusion, size_t d) {
    const hf_grid *grid = diffusion->grid;
    HF_TRY(hf_transpose_create(error, grid, d, &diffusion->transposes[d]));
    ptrdiff_t count = (ptrdiff_t)hf_transpose_lines(diffusion->transposes[d]);
    fftw_iodim64 line = {(ptrdiff_t)hf_grid_whole_cells(grid, d), count, count}, beside = {count, 1, 1};
    return plan(error, count > 0 ? 1 : 0, &line, &hf_grid_axis(grid, d)->periodic, 1, &beside,
                hf_transpose_values(diffusion->transposes[d]), &diffusion->divided[d]);
}

static hf_status fill(hf_error *error, hf_diffusion *diffusion) {
    const hf_grid *grid = diffusion->grid;
    HF_TRY(hf_array_create(error, hf_grid_cells(grid), &diffusion->modes));
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        size_t n = hf_grid_whole_cells(grid, d);
        diffusion->normalisation /= (hf_grid_axis(grid, d)->periodic ? 1 : 2) * (double)n;
        HF_TRY(hf_array_create(error, n, &diffusion->eigenvalue[d]));
        fill_eigenvalues(grid, d, diffusion->eigenvalue[d]);
    }
    return plan_whole(error, diffusion);
}

hf_status hf_diffusion_create(hf_error *error, const hf_grid *grid, hf_diffusion **out) {
    *out = NULL;
    const hf_ranks *ranks = hf_grid_ranks(grid);
    hf_diffusion *diffusion;
    hf_status status = hf_allocate(error, 1, sizeof *diffusion, &diffusion);
    if (status == HF_OK) {
        diffusion->grid = grid;
        diffusion->normalisation = 1;
        status = fill(error, diffusion);
    }
    status = hf_ranks_agree(error, ranks, status);
    for (size_t d = 0; d < hf_grid_dim(grid) && status == HF_OK; d++)
        if (hf_grid_parts(grid, d) > 1)
            status = hf_ranks_agree(error, ranks, plan_divided(error, diffusion, d));
    if (status != HF_OK) {
        hf_diffusion_destroy(&diffusion);
        return status;
    }
    *out = diffusion;
    return HF_OK;
}

static void destroy_transforms(transforms *plans) {
    if (plans->forward != NULL)
        fftw_destroy_plan(plans->forward);
    if (plans->backward != NULL)
        fftw_destroy_plan(plans->backward);
}

void hf_diffusion_destroy(hf_diffusion **diffusion) {
    if (diffusion == NULL || *diffusion == NULL)
        return;
    destroy_transforms(&(*diffusion)->whole);
    for (size_t d = 0; d < HF_DIM_MAX; d++) {
        destroy_transforms(&(*diffusion)->divided[d]);
        hf_transpose_destroy(&(*diffusion)->transposes[d]);
        hf_array_destroy(&(*diffusion)->eigenvalue[d]);
    }
    hf_array_destroy(&(*diffusion)->modes);
    free(*diffusion);
    *diffusion = NULL;
}

static void execute(fftw_plan transform) {
    if (transform != NULL)
        fftw_execute(transform);
}

/* One direction along all divided axes. */
static void transform_divided(hf_diffusion *diffusion, bool forward) {
    for (size_t d = 0; d < hf_grid_dim(diffusion->grid); d++) {
        hf_transpose *transpose = diffusion->transposes[d];
        if (transpose == NULL)
            continue;
        hf_transpose_gather(transpose, diffusion->modes);
        execute(forward ? diffusion->divided[d].forward : diffusion->divided[d].backward);
        hf_transpose_scatter(transpose, diffusion->modes);
    }
}

/* Divides each mode by 1 + coefficient times its eigenvalue, line after line of the last axis. */
static void scale(hf_diffusion *diffusion, double coefficient) {
    const hf_grid *grid = diffusion->grid;
    size_t last = hf_grid_dim(grid) - 1, n = hf_grid_axis(grid, last)->cells;
    const double *along = diffusion->eigenvalue[last] + hf_grid_first(grid, last);
    for (size_t i = 0; i < hf_grid_cells(grid); i += n) {
        double others = 0;
        for (size_t d = 0; d < last; d++) {
            size_t index = i / hf_grid_stride(grid, d) % hf_grid_axis(grid, d)->cells;
            others += diffusion->eigenvalue[d][hf_grid_first(grid, d) + index];
        }
        for (size_t k = 0; k < n; k++)
            diffusion->modes[i + k] *= diffusion->normalisation / (1 + coefficient * (others + along[k]));
    }
}

void hf_diffusion_solve(hf_diffusion *diffusion, double coefficient, const double *b, double *x) {
    size_t bytes = hf_grid_cells(diffusion->grid) * sizeof *b;
    memcpy(diffusion->modes, b, bytes);
    execute(diffusion->whole.forward);
    transform_divided(diffusion, true);
    scale(diffusion, coefficient);
    transform_divided(diffusion, false);
    execute(diffusion->whole.backward);
    memcpy(x, diffusion->modes, bytes);
}
