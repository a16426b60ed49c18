/* Mean and covariance of densities and of weighted points. docs/theory.md (17), (18).
 *
 * Every coordinate is seen through a pair of functions, (x, 1) on a line and (sin, cos) on an angle: the mean
 * m comes from the integrals of both, and the deviation from it is x - m or sin(phi - m). */
#include <headflow/grid.h>

#include <math.h>
#include <string.h>

static double deviation(const hf_axis *axis, double x, double mean) {
    return axis->periodic ? sin(x - mean) : x - mean;
}

static double mean_of(const hf_axis *axis, double first, double second) {
    return axis->periodic ? atan2(first, second) : first / second;
}

static void add_first(const hf_grid *grid, const double *theta, double mass, double *first, double *second) {
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        bool periodic = hf_grid_axis(grid, d)->periodic;
        first[d] += mass * (periodic ? sin(theta[d]) : theta[d]);
        second[d] += mass * (periodic ? cos(theta[d]) : 1);
    }
}

static void add_second(const hf_grid *grid, const double *theta, double mass, const double *mean,
                       double *covariance) {
    size_t dim = hf_grid_dim(grid);
    double x[HF_DIM_MAX];
    for (size_t d = 0; d < dim; d++)
        x[d] = deviation(hf_grid_axis(grid, d), theta[d], mean[d]);
    for (size_t d = 0; d < dim; d++)
        for (size_t b = 0; b < dim; b++)
            covariance[d * dim + b] += mass * x[d] * x[b];
}

double hf_grid_moments(const hf_grid *grid, hf_sampling sampling, const double *rho, double *mean,
                       double *covariance) {
    size_t dim = hf_grid_dim(grid), cells = hf_grid_cells(grid);
    double sums[1 + 2 * HF_DIM_MAX] = {0}, theta[HF_DIM_MAX];
    double *first = sums + 1, *second = first + HF_DIM_MAX;
    for (size_t i = 0; i < cells; i++) {
        hf_grid_centers(grid, i, theta);
        add_first(grid, theta, rho[i], first, second);
        sums[0] += rho[i];
    }
    hf_ranks_sum(hf_grid_ranks(grid), 1 + 2 * HF_DIM_MAX, sums);
    double total = sums[0];
    for (size_t d = 0; d < dim; d++)
        mean[d] = mean_of(hf_grid_axis(grid, d), first[d], second[d]);
    memset(covariance, 0, dim * dim * sizeof *covariance);
    for (size_t i = 0; i < cells; i++) {
        hf_grid_centers(grid, i, theta);
        add_second(grid, theta, rho[i] / total, mean, covariance);
    }
    hf_ranks_sum(hf_grid_ranks(grid), dim * dim, covariance);
    for (size_t d = 0; d < dim; d++) /* the spread inside a cell */
        if (!hf_grid_axis(grid, d)->periodic)
            covariance[d * dim + d] += hf_grid_cell_variance(grid, d, sampling);
    return total * hf_grid_volume(grid);
}

double hf_points_moments(const hf_grid *grid, size_t count, const double *theta, const double *mass,
                         double *mean, double *covariance) {
    size_t dim = hf_grid_dim(grid);
    double total = 0, first[HF_DIM_MAX] = {0}, second[HF_DIM_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        add_first(grid, theta + i * dim, mass[i], first, second);
        total += mass[i];
    }
    for (size_t d = 0; d < dim; d++)
        mean[d] = mean_of(hf_grid_axis(grid, d), first[d], second[d]);
    memset(covariance, 0, dim * dim * sizeof *covariance);
    for (size_t i = 0; i < count; i++)
        add_second(grid, theta + i * dim, mass[i] / total, mean, covariance);
    return total;
}
