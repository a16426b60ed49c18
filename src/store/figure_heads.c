/* Maps of the density of two coordinates at three times with the heads of one member over it.
 * docs/formats.md, "Figures". */
#include "store/figure_chaos.h"
#include "store/figure_trained.h"
#include "store/gnuplot.h"

#include <math.h>

enum { MAPS = 3, HEADS_MOST = 256 };

static const double WIDTH = 170, HEIGHT = 66; /* [mm] */

/* At the first and the last of the heads' times and halfway, where the density is there as well. */
static bool applies(const hf_figure_source *source) {
    size_t times, output;
    if (source->limit == NULL || source->trained == NULL || hf_grid_dim(hf_solution_grid(source->limit)) != 2)
        return false;
    hf_trajectories_times(source->trained, &times);
    for (size_t k = 0; k < MAPS; k++)
        if (!hf_trained_output(source, hf_figure_snapshot(k, MAPS, times), &output))
            return false;
    return true;
}

/* What is drawn: the first member of an ensemble. */
typedef struct maps {
    const hf_figure_source *source;
    const hf_grid *grid;
    const double *time;
    size_t heads, shown; /* N, and how many of them */
    const double *theta; /* shape (times, N, 2) */
    hf_span axis[2];
} maps;

/* The heads of a map; what is shown is a sample of the density whatever N is. */
static const double *heads_at(const maps *m, size_t index) {
    return m->theta + index * m->heads * 2;
}

/* rho, marginal: shape (cells): workspace */
static hf_status frame_maps(hf_error *error, maps *m, size_t times, double *rho, double *marginal) {
    for (size_t d = 0; d < 2; d++)
        m->axis[d] = HF_SPAN_EMPTY;
    for (size_t k = 0; k < MAPS; k++) {
        size_t index = hf_figure_snapshot(k, MAPS, times), output;
        hf_trained_output(m->source, index, &output);
        HF_TRY(hf_trained_density(error, m->source, output, rho));
        for (size_t d = 0; d < 2; d++) {
            hf_grid_marginal(m->grid, rho, d, marginal);
            hf_span_add_marginal(m->grid, d, marginal, &m->axis[d]);
            hf_span_add_heads(m->grid, d, m->shown, heads_at(m, index), &m->axis[d]);
        }
    }
    for (size_t d = 0; d < 2; d++)
        hf_span_finish(hf_grid_axis(m->grid, d), &m->axis[d]);
    return HF_OK;
}

/* Two blocks: the density as gnuplot's `nonuniform matrix`, its first row x, each other one y and values; and
 * the heads. Returns the highest density. */
static double write_map(const maps *m, size_t index, const double *rho, FILE *data) {
    const hf_axis *x = hf_grid_axis(m->grid, 0), *y = hf_grid_axis(m->grid, 1);
    const double *theta = heads_at(m, index);
    double highest = 0;
    fprintf(data, "# t = %.9g: density of %s (along a row) and %s (down a column)\n%zu", m->time[index],
            x->name, y->name, x->cells);
    for (size_t i = 0; i < x->cells; i++)
        fprintf(data, " %.9g", hf_grid_center(m->grid, 0, i));
    for (size_t j = 0; j < y->cells; j++) {
        fprintf(data, "\n%.9g", hf_grid_center(m->grid, 1, j));
        for (size_t i = 0; i < x->cells; i++) {
            double value = rho[i * y->cells + j];
            fprintf(data, " %.4g", value);
            highest = fmax(highest, value);
        }
    }
    fprintf(data, "\n\n\n# t = %.9g: heads, %s and %s\n", m->time[index], x->name, y->name);
    for (size_t i = 0; i < m->shown; i++)
        fprintf(data, "%.6g %.6g\n", hf_trained_wrap(x, theta[2 * i]), hf_trained_wrap(y, theta[2 * i + 1]));
    fprintf(data, "\n\n");
    return highest;
}

static void begin_maps(const maps *m, const hf_ensemble *ensemble, FILE *script) {
    char how[HF_CAPTION_MAX], of[64] = "";
    hf_training_label(ensemble, how);
    if (m->shown < m->heads)
        snprintf(of, sizeof of, " of " HF_ITALIC("N") " = %zu", m->heads);
    hf_figure_point_sizes(script);
    fprintf(script, "set multiplot title ");
    hf_gnuplot_title(script, m->source->title, m->source->name, WIDTH);
    fprintf(script,
            "\nset cbrange [0:1]\n"
            "set cbtics ('0' 0, '0.01' 0.1, '0.1' sqrt(0.1), '0.25' 0.5, '0.5' sqrt(0.5), '1' 1)\n"
            "set tics out\nset title offset 0,-0.7\n"
            "set label 3 '%zu%s heads, %s' at screen 0.485, screen 0.035 center\n",
            m->shown, of, how);
    for (size_t d = 0; d < 2; d++) {
        double trifle = 1e-6 * (m->axis[d].upper - m->axis[d].lower);
        fprintf(script, "set %crange [%.9g:%.9g]\nset %ctics %g\n", d == 0 ? 'x' : 'y',
                m->axis[d].lower + trifle, m->axis[d].upper - trifle, d == 0 ? 'x' : 'y',
                hf_span_ticks(&m->axis[d], 5));
    }
}

/* Panel k; the labels of y stand at the left alone. */
static void script_map(const maps *m, size_t k, size_t index, double highest, FILE *script) {
    static const double left = 0.075, right = 0.875, bottom = 0.25, top = 0.82, gap = 0.03;
    double width = (right - left - 2 * gap) / MAPS, start = left + (double)k * (width + gap);
    char x[HF_LABEL_MAX], y[HF_LABEL_MAX];
    hf_gnuplot_label(hf_grid_axis(m->grid, 0)->name, x);
    hf_gnuplot_label(hf_grid_axis(m->grid, 1)->name, y);
    fprintf(script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen %.4f\nset tmargin "
            "at screen %.4f\nset title '" HF_ITALIC(
                "t") " = %.3g, max %.3g'\nset format y '%s'\n"
                     "set label 1 '%s' at graph 0.5, screen 0.115 center\n"
                     "set label 2 '%s' at screen 0.018, graph 0.5 rotate center\n",
            start, start + width, bottom, top, m->time[index], highest, k == 0 ? "%g" : "", x,
            k == 0 ? y : "");
    if (k > 0)
        fprintf(script, "unset label 3\n");
    if (k + 1 < MAPS)
        fprintf(script, "unset colorbox\n");
    else
        fprintf(script,
                "set cblabel 'density / maximum'\nset colorbox user origin screen %.4f, screen %.4f size "
                "screen 0.015, screen %.4f\n",
                right + 0.02, bottom, top - bottom);
    fprintf(
        script,
        "plot 'heads.dat' index %zu nonuniform matrix using 1:2:(sqrt($3 > 0 ? $3 / %.9g : 0)) with "
        "image, \\\n 'heads.dat' index %zu using 1:2 with points pointtype 6 pointsize 0.5*size linewidth "
        "0.6 linecolor rgb '#d55e00'\n",
        2 * k, highest > 0 ? highest : 1, 2 * k + 1);
}

/* rho, marginal: shape (cells): workspace */
static hf_status draw_maps(hf_error *error, maps *m, const hf_ensemble *ensemble, size_t times, double *rho,
                           double *marginal, FILE *data, FILE *script) {
    HF_TRY(frame_maps(error, m, times, rho, marginal));
    begin_maps(m, ensemble, script);
    for (size_t k = 0; k < MAPS; k++) {
        size_t index = hf_figure_snapshot(k, MAPS, times), output;
        hf_trained_output(m->source, index, &output);
        HF_TRY(hf_trained_density(error, m->source, output, rho));
        double highest = write_map(m, index, rho, data);
        script_map(m, k, index, highest, script);
    }
    fprintf(script, "unset multiplot\n");
    return HF_OK;
}

static hf_status heads_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    const hf_grid *grid = hf_solution_grid(source->limit);
    size_t times, cells = hf_grid_cells(grid), chosen = hf_trained_choose(source->trained, HEADS_MOST);
    hf_ensemble ensemble = hf_trajectories_ensemble(source->trained, chosen);
    maps m = {.source = source,
              .grid = grid,
              .time = hf_trajectories_times(source->trained, &times),
              .heads = ensemble.heads,
              .shown = ensemble.heads < HEADS_MOST ? ensemble.heads : HEADS_MOST};
    double *rho, *theta = NULL;
    HF_TRY(hf_array_create(error, 2 * cells, &rho));
    hf_status status = hf_array_create(error, times * ensemble.heads * 2, &theta);
    m.theta = theta;
    if (status == HF_OK)
        status = hf_trajectories_theta(error, source->trained, chosen, 0, theta);
    if (status == HF_OK)
        status = draw_maps(error, &m, &ensemble, times, rho, rho + cells, data, script);
    hf_array_destroy(&theta);
    hf_array_destroy(&rho);
    return status;
}

const hf_figure hf_figure_heads_over_density = {"heads", WIDTH, HEIGHT, applies, heads_write};
