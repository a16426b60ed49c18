/* The diffusion solve is the exact inverse of I - c Laplace_h, walls and periodic axes, written out with
 * neighbours. */
#include "flow/precondition.h"
#include "support.h"

#include <criterion/criterion.h>

/* b = x - c sum_d (x_{i-1} - 2 x_i + x_{i+1})/h^2 without the differences across a wall. */
static void apply(const hf_grid *grid, double c, const double *x, double *b) {
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        b[i] = x[i];
        for (size_t d = 0; d < hf_grid_dim(grid); d++) {
            const hf_axis *axis = hf_grid_axis(grid, d);
            size_t stride = hf_grid_stride(grid, d), index = i / stride % axis->cells;
            size_t length = axis->cells * stride, wall = !axis->periodic;
            double h = hf_grid_spacing(grid, d);
            if (!(wall && index == 0))
                b[i] -= c * (x[index > 0 ? i - stride : i + length - stride] - x[i]) / (h * h);
            if (!(wall && index + 1 == axis->cells))
                b[i] -= c * (x[index + 1 < axis->cells ? i + stride : i + stride - length] - x[i]) / (h * h);
        }
    }
}

/* To rounding times the condition number, 1 + 4 c sum_d 1/h^2 < 1e4. */
Test(diffusion, solves_what_the_neighbours_say) {
    gsl_rng *random = make_random(70);
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++)
        for (unsigned periodic = 0; periodic < 1U << dim; periodic++)
            for (double c = 0; c < 3; c += 1.1925) {
                static const size_t cells[] = {6, 9, 5, 4};
                hf_axis axes[HF_DIM_MAX];
                hf_grid *grid;
                hf_diffusion *diffusion;
                for (size_t d = 0; d < dim; d++)
                    axes[d] = (hf_axis){"x", -1, 0.5 + (double)d, cells[d], periodic >> d & 1};
                cr_assert_eq(hf_grid_create(NULL, dim, axes, &grid), HF_OK);
                cr_assert_eq(hf_diffusion_create(NULL, grid, &diffusion), HF_OK);
                size_t count = hf_grid_cells(grid);
                double *x = make_array(count), *b = make_array(count), *solved = make_array(count);
                fill_uniform(random, -2.385, 2.385, count, x);
                apply(grid, c, x, b);
                hf_diffusion_solve(diffusion, c, b, solved);
                cr_expect_leq(largest_difference(count, solved, x), 1e-12, "dim %zu, periodic %x, c %g", dim,
                              periodic, c);
                hf_diffusion_solve(diffusion, c, b, b);
                cr_expect_arr_eq(b, solved, count * sizeof *b, "in place");
                hf_diffusion_destroy(&diffusion);
                cr_expect_null(diffusion);
                hf_grid_destroy(&grid);
                hf_array_destroy(&x);
                hf_array_destroy(&b);
                hf_array_destroy(&solved);
            }
    gsl_rng_free(random);
}
