/* Lagrange polynomials of equispaced nodes: spreading point masses over cells, differentiating along an axis.
 * docs/numerics.md (25), (27). */
#include <headflow/grid.h>

#include <math.h>

void hf_lagrange_values(size_t n, double t, double weight[]) {
    for (size_t k = 0; k < n; k++) {
        weight[k] = 1;
        for (size_t l = 0; l < n; l++)
            if (l != k)
                weight[k] *= (t - (double)l) / ((double)k - (double)l);
    }
}

void hf_lagrange_slopes(size_t n, size_t j, double weight[]) {
    weight[j] = 0;
    for (size_t k = 0; k < n; k++) {
        if (k == j)
            continue;
        weight[k] = 1 / ((double)k - (double)j);
        for (size_t l = 0; l < n; l++)
            if (l != j && l != k)
                weight[k] *= ((double)j - (double)l) / ((double)k - (double)l);
        weight[j] -= weight[k]; /* the derivative of a constant is zero */
    }
}

size_t hf_grid_spread(const hf_grid *grid, size_t axis, double x, double weight[]) {
    const hf_axis *a = hf_grid_axis(grid, axis);
    double n = (double)a->cells, place = (x - hf_grid_center(grid, axis, 0)) / hf_grid_spacing(grid, axis);
    double first = floor(place) - (HF_SPREAD / 2 - 1);
    if (!a->periodic)
        first = fmin(fmax(first, 0), n - HF_SPREAD);
    hf_lagrange_values(HF_SPREAD, place - first, weight);
    return (size_t)(first - n * floor(first / n));
}
