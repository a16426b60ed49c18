/* The density of one coordinate at six times. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/gnuplot.h"

#include <math.h>
#include <stdlib.h>

enum { CURVES = 6 };

static const double WIDTH = 85, HEIGHT = 65; /* [mm] */

static bool applies(const hf_figure_source *source) {
    return source->solution != NULL && hf_grid_dim(hf_solution_grid(source->solution)) == 1;
}

/* rho: shape (CURVES, cells) */
static void write_columns(const hf_grid *grid, const double *times, const size_t *shown, const double *rho,
                          FILE *data) {
    size_t cells = hf_grid_cells(grid);
    fprintf(data, "# %s, then the density at t =", hf_grid_axis(grid, 0)->name);
    for (size_t k = 0; k < CURVES; k++)
        fprintf(data, " %.9g", times[shown[k]]);
    for (size_t i = 0; i < cells; i++) {
        fprintf(data, "\n%.9g", hf_grid_center(grid, 0, i));
        for (size_t k = 0; k < CURVES; k++)
            fprintf(data, " %.6g", rho[k * cells + i]);
    }
    fputc('\n', data);
}

/* Whether a density is negative to the eye: rounding below zero must not stretch the axis. */
static bool visibly_negative(size_t count, const double *rho) {
    double lowest = 0, highest = 0;
    for (size_t i = 0; i < count; i++) {
        lowest = fmin(lowest, rho[i]);
        highest = fmax(highest, rho[i]);
    }
    return lowest < -1e-3 * highest;
}

static void write_script(const hf_solution *solution, const double *times, const size_t *shown, bool negative,
                         FILE *script) {
    const hf_axis *axis = hf_grid_axis(hf_solution_grid(solution), 0);
    char label[HF_LABEL_MAX];
    hf_gnuplot_label(axis->name, label);
    fprintf(script, "set title ");
    hf_gnuplot_title(script, hf_solution_title(solution), hf_solution_name(solution), WIDTH);
    fprintf(script,
            "\nset xlabel '%s'\nset ylabel 'density " HF_ITALIC(
                "ρ") "'\n"
                     "set xrange [%.9g:%.9g]\nset yrange [%s:*]\n"
                     "set cbrange [0:1]\nunset colorbox\n"
                     "set tmargin at screen 0.9\nset lmargin at screen 0.17\nset rmargin at screen 0.74\n"
                     "set key outside right center samplen 1\n"
                     "plot",
            label, axis->lower, axis->upper, negative ? "*" : "0");
    for (size_t k = 0; k < CURVES; k++)
        fprintf(script,
                "%s 'density.dat' using 1:%zu with lines linewidth 1.2 linecolor palette frac %.3g title "
                "'" HF_ITALIC("t") " = %.3g'",
                k == 0 ? "" : ", \\\n ", k + 2, 0.9 * (double)k / (CURVES - 1), times[shown[k]]);
    fputc('\n', script);
}

static hf_status curves_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    const hf_grid *grid = hf_solution_grid(source->solution);
    size_t cells = hf_grid_cells(grid), count, shown[CURVES];
    const double *times = hf_solution_times(source->solution, &count);
    double *rho;
    HF_TRY(hf_array_create(error, CURVES * cells, &rho));
    hf_status status = HF_OK;
    for (size_t k = 0; k < CURVES && status == HF_OK; k++) {
        shown[k] = hf_figure_snapshot(k, CURVES, count);
        status = hf_solution_density(error, source->solution, shown[k], rho + k * cells);
    }
    if (status == HF_OK) {
        write_columns(grid, times, shown, rho, data);
        write_script(source->solution, times, shown, visibly_negative(CURVES * cells, rho), script);
    }
    hf_array_destroy(&rho);
    return status;
}

const hf_figure hf_figure_density_curves = {"density", WIDTH, HEIGHT, applies, curves_write};
