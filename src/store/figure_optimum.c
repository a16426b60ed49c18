/* The minimum: the potential Psi of the optimum less its lowest value, with the atoms, whose areas are their
 * masses; with a temperature the density of the minimiser. One coordinate: a curve. Two to four: a map of
 * each pair, of the least potential, or the integral of the density, over the others. docs/formats.md,
 * "Figures". */
#include "store/figure.h"
#include "store/figure_chaos.h"
#include "store/figure_trained.h"
#include "store/gnuplot.h"

#include <math.h>

enum { PAIRS_MAX = 6, COLUMNS = 3 };

/* Sizes of the figures, one map or several [mm], and what of the page the maps fill. */
static const double NARROW = 85, WIDE = 170, CURVE = 65, ONE = 75, ROW = 62, ROWS = 105;

/* Variations of the potential that are rounding [nat]: every label distribution is matched, and Psi vanishes.
 */
static const double FLAT = 1e-11;

typedef struct pair {
    size_t x, y; /* coordinates */
} pair;

/* ---- what is shown ---------------------------------------------------------------------------------- */

static bool has_dim(const hf_figure_source *source, size_t dim) {
    return source->minimum != NULL && hf_grid_dim(source->minimum->grid) == dim;
}

/* Psi less its lowest value on the grid or at an atom, or the density. */
static double value_at(const hf_minimum *m, size_t cell) {
    return m->thermal ? m->gibbs.rho[cell] : m->potential[cell] - m->optimum.lowest;
}

/* Reduce to a pair of coordinates. map: shape (cells of y, cells of x) */
static void reduce(const hf_minimum *m, pair p, double *map) {
    const hf_grid *grid = m->grid;
    size_t nx = hf_grid_axis(grid, p.x)->cells, ny = hf_grid_axis(grid, p.y)->cells;
    size_t sx = hf_grid_stride(grid, p.x), sy = hf_grid_stride(grid, p.y);
    double rest = hf_grid_volume(grid) / (hf_grid_spacing(grid, p.x) * hf_grid_spacing(grid, p.y));
    for (size_t i = 0; i < nx * ny; i++)
        map[i] = m->thermal ? 0 : INFINITY;
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double *place = &map[i / sy % ny * nx + i / sx % nx], value = value_at(m, i);
        *place = m->thermal ? *place + rest * value : fmin(*place, value);
    }
}

/* A block of a data file, as gnuplot's `nonuniform matrix`; returns the highest value. */
static double write_map(const hf_minimum *m, pair p, const double *map, FILE *data) {
    const hf_axis *x = hf_grid_axis(m->grid, p.x), *y = hf_grid_axis(m->grid, p.y);
    double highest = 0;
    fprintf(data, "# %s over %s (along a row) and %s (down a column)\n%zu",
            m->thermal ? "density" : "potential less its lowest value", x->name, y->name, x->cells);
    for (size_t i = 0; i < x->cells; i++)
        fprintf(data, " %.9g", hf_grid_center(m->grid, p.x, i));
    for (size_t j = 0; j < y->cells; j++) {
        fprintf(data, "\n%.9g", hf_grid_center(m->grid, p.y, j));
        for (size_t i = 0; i < x->cells; i++) {
            fprintf(data, " %.4g", map[j * x->cells + i]);
            highest = fmax(highest, map[j * x->cells + i]);
        }
    }
    fprintf(data, "\n\n\n");
    return highest;
}

/* A block of the atoms at one or two coordinates. */
static void write_atoms(const hf_minimum *m, size_t count, const size_t *coordinate, FILE *data) {
    const hf_atoms *atoms = &m->optimum.atoms;
    fprintf(data, "# atoms:");
    for (size_t i = 0; i < count; i++)
        fprintf(data, " %s", hf_grid_axis(m->grid, coordinate[i])->name);
    fprintf(data, " mass\n");
    for (size_t k = 0; k < atoms->count; k++) {
        for (size_t i = 0; i < count; i++)
            fprintf(data, "%.9g ",
                    hf_trained_wrap(hf_grid_axis(m->grid, coordinate[i]),
                                    atoms->theta[k * atoms->dim + coordinate[i]]));
        fprintf(data, "%.9g\n", atoms->mass[k]);
    }
    fprintf(data, "\n\n");
}

/* Discs of an area proportional to the mass, with a white rim; small ones are drawn last, on top. */
static void plot_atoms(size_t block, const char *columns, const char *mass, FILE *script) {
    static const struct {
        const char *colour;
        double rim;
    } discs[] = {{"white", 0.25}, {"#d55e00", 0}};
    for (size_t i = 0; i < sizeof discs / sizeof *discs; i++)
        fprintf(script,
                ", \\\n 'optimum.dat' index %zu using %s:((%g+1.6*sqrt($%s))*size) with points pointtype 7 "
                "pointsize variable linecolor rgb '%s'",
                block, columns, 0.4 + discs[i].rim, mass, discs[i].colour);
}

/* ---- one coordinate --------------------------------------------------------------------------------- */

static bool curve_applies(const hf_figure_source *source) {
    return has_dim(source, 1);
}

static hf_status curve_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    (void)error;
    const hf_minimum *m = source->minimum;
    const hf_axis *axis = hf_grid_axis(m->grid, 0);
    char label[HF_LABEL_MAX];
    fprintf(data, "# %s  %s\n", axis->name, m->thermal ? "density" : "potential less its lowest value");
    for (size_t i = 0; i < axis->cells; i++)
        fprintf(data, "%.9g %.9g\n", hf_grid_center(m->grid, 0, i), value_at(m, i));
    fprintf(data, "\n\n");
    hf_gnuplot_label(axis->name, label);
    hf_figure_point_sizes(script);
    fprintf(script, "set title ");
    hf_gnuplot_title(script, m->title, m->name, NARROW);
    fprintf(script,
            "\nset xlabel '%s'\nset ylabel '%s'\nset xrange [%.9g:%.9g]\nset yrange [%s:*]\n"
            "set lmargin at screen 0.19\nset rmargin at screen 0.96\nset tmargin at screen 0.9\n"
            "plot 'optimum.dat' index 0 using 1:2 with lines linetype 1",
            label, m->thermal ? "density " HF_ITALIC("ρ") : HF_ITALIC("Ψ") " − min " HF_ITALIC("Ψ") " [nat]",
            axis->lower, axis->upper, m->thermal ? "0" : "*");
    if (!m->thermal) {
        write_atoms(m, 1, (const size_t[]){0}, data);
        plot_atoms(1, "1:(0)", "2", script);
    }
    fputc('\n', script);
    return HF_OK;
}

const hf_figure hf_figure_optimum_curve = {"optimum", NARROW, CURVE, curve_applies, curve_write};

/* ---- maps ------------------------------------------------------------------------------------------- */

static size_t list_pairs(size_t dim, pair pairs[PAIRS_MAX]) {
    size_t count = 0;
    for (size_t x = 0; x < dim; x++)
        for (size_t y = x + 1; y < dim; y++)
            pairs[count++] = (pair){x, y};
    return count;
}

/* Margins of the page, around maps and their labels, as shares of it. */
typedef struct layout {
    size_t count, columns, rows;
    double width, height; /* of the page [mm] */
    double left, right;   /* of the maps */
    double bottom, top;
    double gap, drop;        /* between maps */
    double label_x, label_y; /* distance of the labels from a map */
} layout;

/* Millimetres as shares of the page. */
static layout make_layout(size_t count) {
    layout l = {.count = count, .columns = count < COLUMNS ? count : COLUMNS};
    l.rows = (count + l.columns - 1) / l.columns;
    l.width = count == 1 ? NARROW : WIDE;
    l.height = count == 1 ? ONE : l.rows == 1 ? ROW : ROWS;
    l.left = 14 / l.width;
    l.right = 1 - 20 / l.width;
    l.bottom = 12 / l.height;
    l.top = 1 - 11 / l.height;
    l.gap = 16 / l.width;
    l.drop = 16 / l.height;
    l.label_x = 9 / l.height;
    l.label_y = 10 / l.width;
    return l;
}

static void write_axis(const hf_minimum *m, size_t coordinate, char letter, int number, const char *place,
                       FILE *script) {
    const hf_axis *axis = hf_grid_axis(m->grid, coordinate);
    char label[HF_LABEL_MAX];
    hf_gnuplot_label(axis->name, label);
    fprintf(script, "set %crange [%.9g:%.9g]\nset %ctics %g\nset label %d '%s' at %s center\n", letter,
            axis->lower, axis->upper, letter, hf_span_ticks(&(hf_span){axis->lower, axis->upper}, 5), number,
            label, place);
}

static void write_panel(const hf_minimum *m, const layout *l, size_t k, pair p, double highest,
                        FILE *script) {
    double width = (l->right - l->left - (double)(l->columns - 1) * l->gap) / (double)l->columns;
    double height = (l->top - l->bottom - (double)(l->rows - 1) * l->drop) / (double)l->rows;
    double left = l->left + (double)(k % l->columns) * (width + l->gap);
    double bottom = l->bottom + (double)(l->rows - 1 - k / l->columns) * (height + l->drop);
    bool flat = !m->thermal && highest < FLAT;
    char place[64];
    fprintf(script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen %.4f\n"
            "set tmargin at screen %.4f\nset title '%s %.3g%s'\n",
            left, left + width, bottom, bottom + height, flat ? "flat to" : "max", highest,
            m->thermal ? "" : " nat");
    snprintf(place, sizeof place, "graph 0.5, screen %.4f", bottom - l->label_x);
    write_axis(m, p.x, 'x', 1, place, script);
    snprintf(place, sizeof place, "screen %.4f, graph 0.5 rotate", left - l->label_y);
    write_axis(m, p.y, 'y', 2, place, script);
    if (k + 1 < l->count)
        fprintf(script, "unset colorbox\n");
    else
        fprintf(script,
                "set cblabel '%s' offset 0.6,0\nset colorbox user origin screen %.4f, screen %.4f size "
                "screen %.4f, "
                "screen %.4f\n",
                m->thermal ? "density / maximum" : "(" HF_ITALIC("Ψ") " − min " HF_ITALIC("Ψ") ") / maximum",
                l->right + 2.5 / l->width, l->bottom, 2.5 / l->width, l->top - l->bottom);
    fprintf(
        script,
        "plot 'optimum.dat' index %zu nonuniform matrix using 1:2:(sqrt($3 > 0 ? $3 / %.9g : 0)) with image",
        m->thermal ? k : 2 * k, flat ? 1 : highest);
    if (!m->thermal)
        plot_atoms(2 * k + 1, "1:2", "3", script);
    fputc('\n', script);
}

static hf_status maps_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    const hf_minimum *m = source->minimum;
    pair pairs[PAIRS_MAX];
    layout l = make_layout(list_pairs(hf_grid_dim(m->grid), pairs));
    double *map;
    HF_TRY(hf_array_create(error, hf_grid_cells(m->grid), &map));
    hf_figure_point_sizes(script);
    fprintf(script, "set multiplot title ");
    hf_gnuplot_title(script, m->title, m->name, l.width);
    fprintf(script, "\nset cbrange [0:1]\n"
                    "set cbtics ('0' 0, '0.01' 0.1, '0.1' sqrt(0.1), '0.25' 0.5, '0.5' sqrt(0.5), '1' 1)\n"
                    "set tics out\nset title offset 0,-0.7\n");
    for (size_t k = 0; k < l.count; k++) {
        reduce(m, pairs[k], map);
        double highest = write_map(m, pairs[k], map, data);
        if (!m->thermal)
            write_atoms(m, 2, (const size_t[]){pairs[k].x, pairs[k].y}, data);
        write_panel(m, &l, k, pairs[k], highest, script);
    }
    fprintf(script, "unset multiplot\n");
    hf_array_destroy(&map);
    return HF_OK;
}

static bool map_applies(const hf_figure_source *source) {
    return has_dim(source, 2);
}

static bool row_applies(const hf_figure_source *source) {
    return has_dim(source, 3);
}

static bool rows_apply(const hf_figure_source *source) {
    return has_dim(source, 4);
}

const hf_figure hf_figure_optimum_map = {"optimum", NARROW, ONE, map_applies, maps_write};
const hf_figure hf_figure_optimum_row = {"optimum", WIDE, ROW, row_applies, maps_write};
const hf_figure hf_figure_optimum_rows = {"optimum", WIDE, ROWS, rows_apply, maps_write};
