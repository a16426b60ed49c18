/* Maps of the density in two coordinates, six panels: two coordinates at six times; the three pairs of three
 * coordinates at the start and at the end; the six pairs of four coordinates at the end. Where there are more
 * than two coordinates a map is the marginal density of its pair. Each panel has a scale of its own, written
 * over it: a density that concentrates would leave the others empty. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/gnuplot.h"

#include <math.h>
#include <string.h>

enum { PANELS = 6, COLUMNS = 3, MARGIN = 12 /* around what is filled: a 12th of it */ };

static const double WIDTH = 170, HEIGHT = 105; /* [mm] */

static const double VISIBLE = 1e-2; /* negative mass that a picture would show */
static const double SHOWN = 1e-3;   /* of the highest marginal: what counts as empty */

/* What the panels fill of the page. */
static const double LEFT = 0.085, RIGHT = 0.885, BOTTOM = 0.11, TOP = 0.88;

/* A map: a time and a pair of coordinates. */
typedef struct view {
    size_t output; /* index of its time */
    size_t x, y;   /* coordinates */
} view;

/* The whole figure: its maps and the part of each coordinate's axis that they show. */
typedef struct figure_page {
    const hf_solution *solution;
    bool changed; /* whether a density visibly below zero has been made non-negative */
    const hf_grid *grid;
    const double *times;
    view panels[PANELS];
    double lower[HF_DIM_MAX], upper[HF_DIM_MAX];
} figure_page;

static bool applies(const hf_figure_source *source) {
    return source->solution != NULL && hf_grid_dim(hf_solution_grid(source->solution)) >= 2;
}

/* ---- what is shown ---------------------------------------------------------------------------------- */

static void choose(size_t dim, size_t outputs, view panels[PANELS]) {
    static const size_t pairs3[COLUMNS][2] = {{0, 1}, {0, 2}, {1, 2}};
    static const size_t pairs4[PANELS][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
    for (size_t k = 0; k < PANELS; k++)
        if (dim == 2)
            panels[k] = (view){hf_figure_snapshot(k, PANELS, outputs), 0, 1};
        else if (dim == 3)
            panels[k] = (view){k < COLUMNS ? 0 : outputs - 1, pairs3[k % COLUMNS][0], pairs3[k % COLUMNS][1]};
        else
            panels[k] = (view){outputs - 1, pairs4[k][0], pairs4[k][1]};
}

/* The part of each axis that the density fills at the times shown, with a margin, in whole cells; periodic
 * axes whole. rho, marginal: shape (cells): workspace */
static hf_status frame(hf_error *error, figure_page *page, double *rho, double *marginal) {
    const hf_grid *grid = page->grid;
    size_t dim = hf_grid_dim(grid), first[HF_DIM_MAX], last[HF_DIM_MAX] = {0};
    for (size_t d = 0; d < dim; d++)
        first[d] = hf_grid_axis(grid, d)->cells - 1;
    for (size_t k = 0; k < PANELS; k++) {
        HF_TRY(hf_solution_density(error, page->solution, page->panels[k].output, rho));
        for (size_t d = 0; d < dim; d++) {
            size_t cells = hf_grid_axis(grid, d)->cells;
            double highest = 0;
            hf_grid_marginal(grid, rho, d, marginal);
            for (size_t i = 0; i < cells; i++)
                highest = fmax(highest, marginal[i]);
            for (size_t i = 0; i < cells; i++)
                if (marginal[i] > SHOWN * highest) {
                    first[d] = i < first[d] ? i : first[d];
                    last[d] = i > last[d] ? i : last[d];
                }
        }
    }
    for (size_t d = 0; d < dim; d++) {
        const hf_axis *axis = hf_grid_axis(grid, d);
        double h = hf_grid_spacing(grid, d);
        size_t margin = 1 + (last[d] - first[d]) / MARGIN;
        bool whole = axis->periodic || first[d] > last[d];
        page->lower[d] =
            whole || first[d] < margin ? axis->lower : axis->lower + h * (double)(first[d] - margin);
        page->upper[d] = whole || last[d] + 1 + margin > axis->cells
                             ? axis->upper
                             : axis->lower + h * (double)(last[d] + 1 + margin);
    }
    return HF_OK;
}

/* Marginal density of a pair of coordinates.
 * rho: shape (cells); map: shape (cells of y, cells of x) */
static void marginalise(const hf_grid *grid, const double *rho, const view *panel, double *map) {
    size_t nx = hf_grid_axis(grid, panel->x)->cells, ny = hf_grid_axis(grid, panel->y)->cells;
    size_t sx = hf_grid_stride(grid, panel->x), sy = hf_grid_stride(grid, panel->y);
    double rest = hf_grid_volume(grid) / (hf_grid_spacing(grid, panel->x) * hf_grid_spacing(grid, panel->y));
    memset(map, 0, nx * ny * sizeof *map);
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        map[i / sy % ny * nx + i / sx % nx] += rho[i] * rest;
}

/* A block of a data file, as gnuplot's `nonuniform matrix`: the first row holds x, each other one y and
 * values. */
static double write_map(const hf_grid *grid, const view *panel, double time, const double *map, FILE *data) {
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

/* ---- how it is shown -------------------------------------------------------------------------------- */

static void script_begin(const hf_solution *solution, FILE *script) {
    fprintf(script, "set multiplot title ");
    hf_gnuplot_title(script, hf_solution_title(solution), hf_solution_name(solution), WIDTH);
    fprintf(script, "\nset cbrange [0:1]\n"
                    "set cbtics ('0' 0, '0.01' 0.1, '0.1' sqrt(0.1), '0.25' 0.5, '0.5' sqrt(0.5), '1' 1)\n"
                    "set tics out\n"
                    "set title offset 0,-0.7\n");
}

/* Whether the two panels have the same axes, so that one set of labels does for both. */
static bool same_axes(const view *a, const view *b) {
    return a->x == b->x && a->y == b->y;
}

/* Distance of ticks: 1, 2 or 5 times a power of ten, at most five in an interval. */
static double tick_distance(double length) {
    double least = length / 5, decade = pow(10, floor(log10(least)));
    double digit = least / decade;
    return decade * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

/* The axis of a panel, 'x' or 'y', with its label at a place on the page, or bare. The range ends a trifle
 * inside the outer cells, since gnuplot shows whole each cell that touches it. */
static void script_axis(const figure_page *page, char axis, size_t coordinate, bool bare, const char *place,
                        FILE *script) {
    double lower = page->lower[coordinate], upper = page->upper[coordinate], trifle = 1e-6 * (upper - lower);
    char label[HF_LABEL_MAX] = "";
    if (!bare)
        hf_gnuplot_label(hf_grid_axis(page->grid, coordinate)->name, label);
    fprintf(script,
            "set %crange [%.9g:%.9g]\nset %ctics %g\nset format %c '%s'\nset label %d '%s' at %s center\n",
            axis, lower + trifle, upper - trifle, axis, tick_distance(upper - lower), axis, bare ? "" : "%g",
            axis == 'x' ? 1 : 2, label, place);
}

/* Panel k at its place; labels stand at the left and below, and not between panels of equal axes. */
static void script_panel(const figure_page *page, size_t k, double highest, FILE *script) {
    const view *panels = page->panels, *here = &panels[k];
    bool beside = same_axes(&panels[0], &panels[1]), above = same_axes(&panels[0], &panels[COLUMNS]);
    double gap = beside ? 0.03 : 0.09, drop = above ? 0.08 : 0.15;
    double width = (RIGHT - LEFT - 2 * gap) / COLUMNS, height = (TOP - BOTTOM - drop) / 2;
    double left = LEFT + (double)(k % COLUMNS) * (width + gap);
    double bottom = k < COLUMNS ? BOTTOM + height + drop : BOTTOM;
    char place[64];
    fprintf(script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
            "set bmargin at screen %.4f\nset tmargin at screen %.4f\n"
            "set title '" HF_ITALIC("t") " = %.3g, max %.3g'\n",
            left, left + width, bottom, bottom + height, page->times[here->output], highest);
    snprintf(place, sizeof place, "graph 0.5, screen %.4f", bottom - 0.085);
    script_axis(page, 'x', here->x, above && k < COLUMNS, place, script);
    snprintf(place, sizeof place, "screen %.4f, graph 0.5 rotate", left - 0.06);
    script_axis(page, 'y', here->y, beside && k % COLUMNS > 0, place, script);
    if (k + 1 < PANELS)
        fprintf(script, "unset colorbox\n");
    else
        fprintf(script,
                "set cblabel 'density / maximum%s'\nset colorbox user origin screen %.4f, screen %.4f size "
                "screen 0.015, screen %.4f\n",
                page->changed ? " (made non-negative)" : "", RIGHT + 0.02, BOTTOM, TOP - BOTTOM);
    fprintf(script,
            "plot 'density.dat' index %zu nonuniform matrix using 1:2:(sqrt($3 > 0 ? $3 / %.9g : 0)) with "
            "image\n",
            k, highest > 0 ? highest : 1);
}

/* ---- the figure ------------------------------------------------------------------------------------- */

/* rho, map: shape (cells): workspace */
static hf_status draw(hf_error *error, const hf_solution *solution, double *rho, double *map, FILE *data,
                      FILE *script) {
    figure_page page = {.solution = solution, .grid = hf_solution_grid(solution)};
    size_t outputs;
    page.times = hf_solution_times(solution, &outputs);
    choose(hf_grid_dim(page.grid), outputs, page.panels);
    HF_TRY(frame(error, &page, rho, map));
    script_begin(solution, script);
    for (size_t k = 0; k < PANELS; k++) {
        const view *here = &page.panels[k];
        HF_TRY(hf_solution_density(error, solution, here->output, rho));
        page.changed = page.changed || hf_grid_negative_mass(page.grid, rho) > VISIBLE;
        HF_TRY(hf_grid_make_positive(error, page.grid, rho));
        marginalise(page.grid, rho, here, map);
        double highest = write_map(page.grid, here, page.times[here->output], map, data);
        script_panel(&page, k, highest, script);
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
