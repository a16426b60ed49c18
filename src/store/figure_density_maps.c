/* Maps of the density in two coordinates, six panels: two coordinates at six times; the three pairs of three
 * coordinates at the start and at the end; the six pairs of four coordinates at the end. Where there are more
 * than two coordinates a map is the marginal density of its pair. Each panel has a scale of its own, written
 * over it: a density that concentrates would leave the others empty. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/gnuplot.h"

#include <math.h>
#include <string.h>

enum { PANELS = 6, COLUMNS = 3 };

static const double WIDTH = 170, HEIGHT = 105; /* [mm] */

typedef struct panel {
    size_t output; /* index of its time */
    size_t x, y;   /* coordinates */
} panel;

static bool applies(const hf_figure_source *source) {
    return source->solution != NULL && hf_grid_dim(hf_solution_grid(source->solution)) >= 2;
}

/* ---- what is shown ------------------------------------------------------------------------------------- */

static void choose(size_t dim, size_t outputs, panel panels[PANELS]) {
    static const size_t pairs3[COLUMNS][2] = {{0, 1}, {0, 2}, {1, 2}};
    static const size_t pairs4[PANELS][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
    for (size_t k = 0; k < PANELS; k++)
        if (dim == 2)
            panels[k] = (panel){hf_figure_snapshot(k, PANELS, outputs), 0, 1};
        else if (dim == 3)
            panels[k] =
                (panel){k < COLUMNS ? 0 : outputs - 1, pairs3[k % COLUMNS][0], pairs3[k % COLUMNS][1]};
        else
            panels[k] = (panel){outputs - 1, pairs4[k][0], pairs4[k][1]};
}

/* Marginal density of a pair of coordinates.
 * rho: shape (cells); map: shape (cells of y, cells of x) */
static void marginalise(const hf_grid *grid, const double *rho, const panel *panel, double *map) {
    size_t nx = hf_grid_axis(grid, panel->x)->cells, ny = hf_grid_axis(grid, panel->y)->cells;
    size_t sx = hf_grid_stride(grid, panel->x), sy = hf_grid_stride(grid, panel->y);
    double rest = hf_grid_volume(grid) / (hf_grid_spacing(grid, panel->x) * hf_grid_spacing(grid, panel->y));
    memset(map, 0, nx * ny * sizeof *map);
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        map[i / sy % ny * nx + i / sx % nx] += rho[i] * rest;
}

/* A block of a data file, as gnuplot's `nonuniform matrix`: the first row holds x, each other one y and
 * values. */
static double write_map(const hf_grid *grid, const panel *panel, double time, const double *map, FILE *data) {
    const hf_axis *x = hf_grid_axis(grid, panel->x), *y = hf_grid_axis(grid, panel->y);
    double highest = 0;
    fprintf(data, "# t = %.9g: density of %s (along a row) and %s (down a column)\n%zu", time, x->name,
            y->name, x->cells);
    for (size_t i = 0; i < x->cells; i++)
        fprintf(data, " %.9g", hf_grid_center(grid, panel->x, i));
    for (size_t j = 0; j < y->cells; j++) {
        fprintf(data, "\n%.9g", hf_grid_center(grid, panel->y, j));
        for (size_t i = 0; i < x->cells; i++) {
            fprintf(data, " %.4g", map[j * x->cells + i]);
            highest = fmax(highest, map[j * x->cells + i]);
        }
    }
    fprintf(data, "\n\n\n");
    return highest;
}

/* ---- how it is shown ----------------------------------------------------------------------------------- */

static void script_begin(const hf_solution *solution, FILE *script) {
    fprintf(script, "set multiplot title ");
    hf_gnuplot_title(script, hf_solution_title(solution), hf_solution_name(solution), WIDTH);
    fprintf(script, "\nset cbrange [0:1]\n"
                    "set cblabel '{/:Italic ρ} / max\u00a0{/:Italic ρ}'\n"
                    "set cbtics ('0' 0, '0.01' 0.1, '0.1' sqrt(0.1), '0.25' 0.5, '0.5' sqrt(0.5), '1' 1)\n"
                    "set tics out\n"
                    "set title offset 0,-0.7\n");
}

/* Whether the two panels have the same axes, so that one set of labels does for both. */
static bool same_axes(const panel *a, const panel *b) {
    return a->x == b->x && a->y == b->y;
}

/* Panel k at its place; labels stand at the left and below, and not between panels of equal axes. */
static void script_panel(const hf_grid *grid, const panel panels[PANELS], size_t k, double time,
                         double highest, FILE *script) {
    const panel *here = &panels[k];
    const hf_axis *x = hf_grid_axis(grid, here->x), *y = hf_grid_axis(grid, here->y);
    bool shared = same_axes(&panels[0], &panels[1]), stacked = same_axes(&panels[0], &panels[COLUMNS]);
    double gap = shared ? 0.02 : 0.075, drop = stacked ? 0.08 : 0.15;
    double width = (0.885 - 0.08 - 2 * gap) / COLUMNS, height = (0.89 - 0.11 - drop) / 2;
    double left = 0.08 + (double)(k % COLUMNS) * (width + gap);
    double bottom = k < COLUMNS ? 0.11 + height + drop : 0.11;
    char xlabel[HF_LABEL_MAX] = "", ylabel[HF_LABEL_MAX] = "";
    bool show_x = !stacked || k >= COLUMNS, show_y = !shared || k % COLUMNS == 0;
    if (show_x)
        hf_gnuplot_label(x->name, xlabel);
    if (show_y)
        hf_gnuplot_label(y->name, ylabel);
    fprintf(script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
            "set bmargin at screen %.4f\nset tmargin at screen %.4f\n"
            "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n"
            "set xlabel '%s'\nset ylabel '%s'\nset format x '%s'\nset format y '%s'\n"
            "set title '{/:Italic t} = %.3g,\u2002max %.3g'\n",
            left, left + width, bottom, bottom + height, x->lower, x->upper, y->lower, y->upper, xlabel,
            ylabel, show_x ? "%g" : "", show_y ? "%g" : "", time, highest);
    if (k + 1 < PANELS)
        fprintf(script, "unset colorbox\n");
    else
        fprintf(script,
                "set colorbox user origin screen 0.905, screen 0.11 size screen 0.015, screen 0.78\n");
    fprintf(script,
            "plot 'density.dat' index %zu nonuniform matrix using 1:2:(sqrt($3 > 0 ? $3 / %.9g : 0)) with "
            "image\n",
            k, highest > 0 ? highest : 1);
}

/* ---- the figure ---------------------------------------------------------------------------------------- */

/* rho: shape (cells), map: shape (cells): workspace */
static hf_status draw(hf_error *error, const hf_solution *solution, double *rho, double *map, FILE *data,
                      FILE *script) {
    const hf_grid *grid = hf_solution_grid(solution);
    size_t outputs, loaded = (size_t)-1;
    const double *times = hf_solution_times(solution, &outputs);
    panel panels[PANELS];
    choose(hf_grid_dim(grid), outputs, panels);
    script_begin(solution, script);
    for (size_t k = 0; k < PANELS; k++) {
        if (panels[k].output != loaded)
            HF_TRY(hf_solution_density(error, solution, panels[k].output, rho));
        loaded = panels[k].output;
        marginalise(grid, rho, &panels[k], map);
        double highest = write_map(grid, &panels[k], times[loaded], map, data);
        script_panel(grid, panels, k, times[loaded], highest, script);
    }
    fprintf(script, "unset multiplot\n");
    return HF_OK;
}

static hf_status maps_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    size_t cells = hf_grid_cells(hf_solution_grid(source->solution));
    double *rho;
    HF_TRY(hf_array_create(error, 2 * cells, &rho));
    hf_status status = draw(error, source->solution, rho, rho + cells, data, script);
    hf_array_destroy(&rho);
    return status;
}

const hf_figure hf_figure_density_maps = {"density", WIDTH, HEIGHT, applies, maps_write};
