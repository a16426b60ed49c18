/* Grids: numbering, geometry, marginals, and every box that is refused. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static const hf_axis axes[HF_DIM_MAX] = {{"a", -2, 3, 4, false},
                                         {"phi", -M_PI, M_PI, 6, true},
                                         {"v", 2.385, 2.885, 5, false},
                                         {"w", -7, -1, 3, false}};

static hf_grid *make_grid(size_t dim) {
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, dim, axes, &grid), HF_OK);
    return grid;
}

Test(grid, cells_are_numbered_row_major) {
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *grid = make_grid(dim);
        size_t index[HF_DIM_MAX] = {0}, cells = 1;
        double volume = 1;
        for (size_t d = 0; d < dim; d++) {
            cells *= axes[d].cells;
            volume *= (axes[d].upper - axes[d].lower) / (double)axes[d].cells;
        }
        cr_expect_eq(hf_grid_dim(grid), dim);
        cr_assert_eq(hf_grid_cells(grid), cells);
        cr_expect_float_eq(hf_grid_volume(grid), volume, 1e-15 * volume);
        for (size_t i = 0; i < cells; i++) { /* count through the cells like an odometer, last axis first */
            double theta[HF_DIM_MAX];
            size_t number = 0;
            hf_grid_centers(grid, i, theta);
            for (size_t d = 0; d < dim; d++) {
                double h = hf_grid_spacing(grid, d);
                number += index[d] * hf_grid_stride(grid, d);
                cr_expect_float_eq(theta[d], axes[d].lower + h * (double)index[d] + h / 2, 1e-15 * 8);
                cr_expect_eq(theta[d], hf_grid_center(grid, d, index[d]));
            }
            cr_expect_eq(number, i);
            for (size_t d = dim; d-- > 0 && ++index[d] == axes[d].cells;)
                index[d] = 0;
        }
        for (size_t d = 0; d < dim; d++)
            cr_expect_arr_eq(hf_grid_axis(grid, d), &axes[d], sizeof axes[d]);
        hf_grid_destroy(&grid);
        cr_expect_null(grid);
    }
    hf_grid_destroy(NULL);
}

/* A product density has its factors as marginals. */
Test(grid, marginals_of_a_product_are_its_factors) {
    gsl_rng *random = make_random(20);
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        hf_grid *grid = make_grid(dim);
        double factor[HF_DIM_MAX][8], *rho = make_array(hf_grid_cells(grid)), marginal[8];
        for (size_t d = 0; d < dim; d++) {
            double mass = 0;
            fill_uniform(random, 0, 1, axes[d].cells, factor[d]);
            for (size_t i = 0; i < axes[d].cells; i++)
                mass += factor[d][i] * hf_grid_spacing(grid, d);
            for (size_t i = 0; i < axes[d].cells; i++)
                factor[d][i] /= mass;
        }
        for (size_t i = 0; i < hf_grid_cells(grid); i++) {
            rho[i] = 1;
            for (size_t d = 0; d < dim; d++)
                rho[i] *= factor[d][i / hf_grid_stride(grid, d) % axes[d].cells];
        }
        for (size_t d = 0; d < dim; d++) {
            hf_grid_marginal(grid, rho, d, marginal);
            for (size_t i = 0; i < axes[d].cells; i++)
                cr_expect_float_eq(marginal[i], factor[d][i] * hf_grid_spacing(grid, d), 1e-14);
        }
        hf_array_destroy(&rho);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

static void expect_refused(size_t dim, const hf_axis *wrong, const char *text) {
    hf_error error = {0};
    hf_grid *grid = (hf_grid *)&error;
    cr_expect_eq(hf_grid_create(&error, dim, wrong, &grid), HF_ERR_INPUT, "%s", text);
    cr_expect_null(grid);
    cr_expect_not_null(strstr(error.message, text), "'%s' is not in '%s'", text, error.message);
}

Test(grid, impossible_boxes_are_refused) {
    const hf_axis bad[] = {{"a", 3, 3, 4, false},        {"a", 3, -2, 4, false},
                           {"a", NAN, 3, 4, false},      {"a", -2, NAN, 4, false},
                           {"a", -INFINITY, 3, 4, true}, {"a", -2, INFINITY, 4, false}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refused(1, &bad[i], "axis a: box");
    expect_refused(1, &(hf_axis){"a", -2, 3, HF_CELLS_MIN - 1, false}, "axis a: 2 cells");
    expect_refused(2, (hf_axis[]){axes[0], {"v", -2, 3, 0, true}}, "axis v: 0 cells");
    expect_refused(0, axes, "0 axes");
    expect_refused(5, axes, "5 axes");
    const hf_axis huge = {"a", -2, 3, SIZE_MAX / 64, false};
    expect_refused(2, (hf_axis[]){huge, huge}, "more cells than can be addressed");
    expect_refused(1, &(hf_axis){"a", -2, 3, SIZE_MAX, false}, "more cells than can be addressed");
}
