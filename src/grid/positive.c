/* A density that is nowhere negative in place of a signed one. docs/numerics.md (30).
 *
 * Negative cells borrow from their neighbours: across each of their faces a quarter of the difference flows,
 * and no more than they lack. A sweep over an axis is a doubly stochastic matrix, so that mass is kept, and
 * neither the maximum nor the sum of squares can grow. What few sweeps have not filled is set to zero and
 * taken from all. */
#include <headflow/grid.h>

#include <math.h>

enum { SWEEPS = 32 };
static const double enough = 1e-3; /* negative mass, as a share of the mass, that is left to be cut off */

/* From the first of two neighbours to the second. */
static inline double borrowed(double a, double b) {
    double lack = fmax(-fmin(a, b), 0);
    return fmin(fmax(0.25 * (a - b), -lack), lack);
}

/* All faces of one axis at once, from values of before. incoming, first: shape (stride of the axis). */
static void sweep(const hf_grid *grid, size_t axis, double *rho, double *incoming, double *first) {
    size_t n = hf_grid_axis(grid, axis)->cells, inner = hf_grid_stride(grid, axis);
    bool periodic = hf_grid_axis(grid, axis)->periodic;
    for (double *slab = rho; slab < rho + hf_grid_cells(grid); slab += n * inner) {
        for (size_t k = 0; k < inner; k++)
            first[k] = incoming[k] = periodic ? borrowed(slab[(n - 1) * inner + k], slab[k]) : 0;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < inner; k++) {
                double *cell = slab + i * inner + k;
                double out = i + 1 < n ? borrowed(cell[0], cell[inner]) : first[k];
                *cell += incoming[k] - out;
                incoming[k] = out;
            }
    }
}

double hf_grid_negative_mass(const hf_grid *grid, const double *rho) {
    double sum = 0;
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        sum += fmax(-rho[i], 0);
    hf_ranks_sum(hf_grid_ranks(grid), 1, &sum);
    return sum * hf_grid_volume(grid);
}

hf_status hf_grid_make_positive(hf_error *error, const hf_grid *grid, double *rho) {
    size_t count = hf_grid_cells(grid);
    double mass = 0, kept = 0, *work;
    for (size_t i = 0; i < count; i++)
        mass += rho[i];
    if (hf_grid_negative_mass(grid, rho) == 0)
        return HF_OK;
    HF_TRY(hf_array_create(error, 2 * hf_grid_stride(grid, 0), &work));
    for (int k = 0; k < SWEEPS && hf_grid_negative_mass(grid, rho) > enough * mass * hf_grid_volume(grid);
         k++)
        for (size_t d = 0; d < hf_grid_dim(grid); d++)
            sweep(grid, d, rho, work, work + hf_grid_stride(grid, 0));
    hf_array_destroy(&work);
    for (size_t i = 0; i < count; i++)
        kept += rho[i] = fmax(rho[i], 0);
    for (size_t i = 0; i < count; i++)
        rho[i] *= mass / kept;
    return HF_OK;
}
