/* The marginals of the density at the last time over histograms of the heads of all members of an ensemble, a
 * panel a coordinate. docs/formats.md, "Figures". */
#include "store/figure_chaos.h"
#include "store/figure_trained.h"
#include "store/gnuplot.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { BINS_MIN = 8, BINS_MAX = 60 };

static const double NARROW = 85, WIDE = 170, HEIGHT = 65; /* [mm] */

static bool have_both(const hf_figure_source *source) {
    size_t times, output;
    if (source->limit == NULL || source->trained == NULL)
        return false;
    hf_trajectories_times(source->trained, &times);
    return hf_trained_output(source, times - 1, &output);
}

static bool one_coordinate(const hf_figure_source *source) {
    return have_both(source) && hf_grid_dim(hf_solution_grid(source->limit)) == 1;
}

static bool several_coordinates(const hf_figure_source *source) {
    return have_both(source) && hf_grid_dim(hf_solution_grid(source->limit)) > 1;
}

/* What is drawn: the heads of all members of an ensemble at the last time. */
typedef struct page {
    const hf_figure_source *source;
    const hf_grid *grid;
    hf_ensemble ensemble;
    size_t seeds, count; /* count = seeds N */
    double time;
    double *theta; /* shape (count, D) */
    double *rho;   /* shape (cells) */
    double width;  /* [mm] */
} page;

/* ---- data ---------------------------------------------------------------------------------------- */

/* all: shape (times, N, D): workspace */
static hf_status read_heads(hf_error *error, page *p, size_t chosen, size_t times, double *all) {
    size_t size = p->ensemble.heads * hf_grid_dim(p->grid);
    for (size_t seed = 0; seed < p->seeds; seed++) {
        HF_TRY(hf_trajectories_theta(error, p->source->trained, chosen, seed, all));
        memcpy(p->theta + seed * size, all + (times - 1) * size, size * sizeof *all);
    }
    return HF_OK;
}

/* About twice the cube root of the number of heads: the rule of Rice. */
static size_t choose_bins(size_t count) {
    double bins = ceil(2 * cbrt((double)count));
    return bins < BINS_MIN ? BINS_MIN : bins > BINS_MAX ? BINS_MAX : (size_t)bins;
}

/* A block of bins, centre and density. The span holds all heads. */
static void write_histogram(const page *p, size_t d, const hf_span *span, FILE *data) {
    size_t dim = hf_grid_dim(p->grid), bins = choose_bins(p->count), number[BINS_MAX] = {0};
    double width = (span->upper - span->lower) / (double)bins;
    for (size_t i = 0; i < p->count; i++) {
        double x = hf_trained_wrap(hf_grid_axis(p->grid, d), p->theta[i * dim + d]);
        double bin = (x - span->lower) / width;
        number[bin < 0 ? 0 : bin < (double)bins ? (size_t)bin : bins - 1]++;
    }
    fprintf(data, "# %s: bins of heads, centre and density\n", hf_grid_axis(p->grid, d)->name);
    for (size_t k = 0; k < bins; k++)
        fprintf(data, "%.6g %.6g\n", span->lower + width * ((double)k + 0.5),
                (double)number[k] / ((double)p->count * width));
    fprintf(data, "\n\n");
}

/* marginal: shape (cells of the axis) */
static void write_marginal(const page *p, size_t d, const double *marginal, FILE *data) {
    fprintf(data, "# %s: cell centre and marginal density\n", hf_grid_axis(p->grid, d)->name);
    for (size_t i = 0; i < hf_grid_axis(p->grid, d)->cells; i++)
        fprintf(data, "%.9g %.6g\n", hf_grid_center(p->grid, d, i),
                marginal[i] / hf_grid_spacing(p->grid, d));
    fprintf(data, "\n\n");
}

/* ---- script -------------------------------------------------------------------------------------- */

static void script_begin(const page *p, FILE *script) {
    char how[HF_CAPTION_MAX];
    hf_training_label(&p->ensemble, how);
    fprintf(script, "set multiplot title ");
    hf_gnuplot_title(script, p->source->title, p->source->name, p->width);
    fprintf(script,
            "\nset yrange [0:*]\nset offsets graph 0, 0, 0.04, 0\nset tics out\n"
            "set bmargin at screen 0.29\nset tmargin at screen 0.87\n"
            "set key at screen 0.5, screen 0.09 center center vertical maxrows 1 samplen 1.5 Left reverse\n"
            "set label 3 '%zu × %zu heads, %s' at screen 0.5, screen 0.035 center\n",
            p->seeds, p->ensemble.heads, how);
}

/* Panel d; the key belongs to the first. */
static void script_panel(const page *p, size_t d, const hf_span *span, FILE *script) {
    double dim = (double)hf_grid_dim(p->grid), left = 15 / p->width, right = 1 - 3 / p->width;
    double gap = 9 / p->width, width = (right - left - gap * (dim - 1)) / dim;
    double start = left + (double)d * (width + gap);
    char label[HF_LABEL_MAX];
    hf_gnuplot_label(hf_grid_axis(p->grid, d)->name, label);
    if (d == 0)
        fprintf(
            script,
            "set label 2 'density at " HF_ITALIC("t") " = %.4g' at screen %.4f, graph 0.5 center rotate\n",
            p->time, 3 / p->width);
    else
        fprintf(script, "unset key\nunset label 2\nunset label 3\n");
    fprintf(script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset xrange [%.9g:%.9g]\nset xtics %g\n"
            "set label 1 '%s' at graph 0.5, screen 0.16 center\nset boxwidth %.6g\n"
            "plot 'marginals.dat' index %zu using 1:2 with boxes fillstyle solid 1 noborder fillcolor rgb "
            "'#b8d8ea' title 'heads', \\\n '' index %zu using 1:2 with lines linetype 1 title 'density'\n",
            start, start + width, span->lower, span->upper, hf_span_ticks(span, dim > 2 ? 4 : 6), label,
            (span->upper - span->lower) / (double)choose_bins(p->count), 2 * d, 2 * d + 1);
}

/* ---- the figure ---------------------------------------------------------------------------------- */

/* marginal: shape (cells): workspace */
static void draw(const page *p, double *marginal, FILE *data, FILE *script) {
    script_begin(p, script);
    for (size_t d = 0; d < hf_grid_dim(p->grid); d++) {
        hf_span span = HF_SPAN_EMPTY;
        hf_grid_marginal(p->grid, p->rho, d, marginal);
        hf_span_add_marginal(p->grid, d, marginal, &span);
        hf_span_add_heads(p->grid, d, p->count, p->theta, &span);
        hf_span_finish(hf_grid_axis(p->grid, d), &span);
        write_histogram(p, d, &span, data);
        write_marginal(p, d, marginal, data);
        script_panel(p, d, &span, script);
    }
    fprintf(script, "unset multiplot\n");
}

static hf_status read_and_draw(hf_error *error, const hf_figure_source *source, double width, FILE *data,
                               FILE *script) {
    const hf_grid *grid = hf_solution_grid(source->limit);
    size_t times, output, cells = hf_grid_cells(grid), chosen = hf_trained_choose(source->trained, SIZE_MAX);
    page p = {.source = source,
              .grid = grid,
              .width = width,
              .ensemble = hf_trajectories_ensemble(source->trained, chosen)};
    p.time = hf_trajectories_times(source->trained, &times)[times - 1];
    hf_trajectories_seeds(source->trained, &p.seeds);
    hf_trained_output(source, times - 1, &output);
    p.count = p.seeds * p.ensemble.heads;
    size_t member = p.ensemble.heads * hf_grid_dim(grid);
    double *work;
    HF_TRY(hf_array_create(error, 2 * cells + (p.seeds + times) * member, &work));
    p.rho = work;
    p.theta = work + 2 * cells;
    hf_status status = hf_trained_density(error, source, output, p.rho);
    if (status == HF_OK)
        status = read_heads(error, &p, chosen, times, p.theta + p.seeds * member);
    if (status == HF_OK)
        draw(&p, work + cells, data, script);
    hf_array_destroy(&work);
    return status;
}

static hf_status narrow_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    return read_and_draw(error, source, NARROW, data, script);
}

static hf_status wide_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    return read_and_draw(error, source, WIDE, data, script);
}

const hf_figure hf_figure_marginal = {"marginals", NARROW, HEIGHT, one_coordinate, narrow_write};
const hf_figure hf_figure_marginals = {"marginals", WIDE, HEIGHT, several_coordinates, wide_write};
