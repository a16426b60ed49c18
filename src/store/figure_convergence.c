/* Errors of a refinement study against the cell width, with the expected slope and the reference's own errors
 * as dashed lines. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 85; /* [mm] */

enum { QUANTITIES = 5 };
static const char *const titles[QUANTITIES] = {"risk", "mean", "covariance", "dissipation",
                                               HF_ITALIC("W") "_1"};
static const int point_types[QUANTITIES] = {7, 5, 9, 11, 13};

static bool applies(const hf_figure_source *source) {
    return source->refinement != NULL;
}

static void unpack(const hf_errors *errors, double *values) {
    values[0] = errors->risk;
    values[1] = errors->mean;
    values[2] = errors->covariance;
    values[3] = errors->dissipation;
    values[4] = errors->w1;
}

static void write_rows(const hf_refinement *refinement, const double *reference, FILE *data) {
    fprintf(data, "# h/box  risk  mean  covariance  dissipation  W1\n# reference:");
    for (size_t i = 0; i < QUANTITIES; i++)
        fprintf(data, " %.6g", reference[i]);
    fputc('\n', data);
    for (size_t n = 0; n < refinement->count; n++) {
        double values[QUANTITIES];
        unpack(&refinement->row[n].error, values);
        fprintf(data, "%.9g", refinement->row[n].spacing);
        for (size_t i = 0; i < QUANTITIES; i++)
            fprintf(data, " %.6g", values[i]);
        fputc('\n', data);
    }
}

/* What the axis must hold: errors on all grids, the slope above them, and of the reference's own errors those
 * that are not far below: a reference exact to rounding would squeeze the rest. */
static void write_range(const hf_refinement *refinement, const double *reference, double slope,
                        FILE *script) {
    static const double far = 1e-3;
    double values[HF_REFINEMENT_MAX * QUANTITIES + QUANTITIES + 1], smallest = INFINITY;
    size_t count = 0;
    for (size_t n = 0; n < refinement->count; n++, count += QUANTITIES)
        unpack(&refinement->row[n].error, values + count);
    for (size_t i = 0; i < count; i++)
        smallest = values[i] > 0 ? fmin(smallest, values[i]) : smallest;
    for (size_t i = 0; i < QUANTITIES; i++)
        if (reference[i] > far * smallest)
            values[count++] = reference[i];
    values[count++] = slope;
    hf_gnuplot_log_axis(script, count, values);
}

static void write_axes(const hf_refinement *refinement, FILE *script) {
    const hf_refinement_row *row = refinement->row;
    fprintf(script, "set title ");
    hf_gnuplot_title(script, refinement->title, refinement->name, WIDTH);
    fprintf(script,
            "\nset tmargin at screen 0.92\nset bmargin at screen 0.38\nset lmargin at screen 0.18\nset "
            "rmargin at screen 0.97\n"
            "set logscale x\nset xrange [%.9g:%.9g]\n"
            "set xlabel 'cell width " HF_ITALIC(
                "h") " / box'\nset label 2 'error' at screen 0.035, graph 0.5 center rotate\n"
                     "set key at screen 0.575, screen 0.13 center horizontal maxcols 2 samplen 1.5\n"
                     "set xtics (",
            row[refinement->count - 1].spacing / 1.4, row[0].spacing * 1.4);
    for (size_t n = 0; n < refinement->count; n++)
        fprintf(script, "%s'1/%.4g' %.9g", n == 0 ? "" : ", ", 1 / row[n].spacing, row[n].spacing);
    fprintf(script, ")\n");
}

/* slope: the value of the line of expected order at the coarsest grid */
static void write_plots(const hf_refinement *refinement, const double *reference, double slope,
                        FILE *script) {
    int order = refinement->expected_order;
    fprintf(script,
            "plot %.6g*(x/%.9g)**%d with lines linewidth 1 linecolor rgb '#808080' title '∝ " HF_ITALIC(
                "h") "^{%d}'",
            slope, refinement->row[0].spacing, order, order);
    fprintf(script, ", NaN with lines linewidth 1 linecolor rgb '#808080' dashtype '-' title 'reference'");
    for (int i = 0; i < QUANTITIES; i++) {
        fprintf(script,
                ", \\\n 'convergence.dat' using 1:%d with linespoints linetype %d pointtype %d pointsize 0.5 "
                "title '%s'",
                i + 2, i + 1, point_types[i], titles[i]);
        if (reference[i] > 0)
            fprintf(script, ", \\\n %.6g with lines linetype %d linewidth 1 dashtype '-'", reference[i],
                    i + 1);
    }
    fputc('\n', script);
}

static hf_status convergence_write(hf_error *error, const hf_figure_source *source, FILE *data,
                                   FILE *script) {
    (void)error;
    const hf_refinement *refinement = source->refinement;
    double reference[QUANTITIES], coarsest[QUANTITIES], slope = 0;
    unpack(&refinement->reference, reference);
    unpack(&refinement->row[0].error, coarsest);
    for (size_t i = 0; i < QUANTITIES; i++)
        slope = fmax(slope, 3 * coarsest[i]);
    write_rows(refinement, reference, data);
    write_axes(refinement, script);
    write_range(refinement, reference, slope, script);
    write_plots(refinement, reference, slope, script);
    return HF_OK;
}

const hf_figure hf_figure_convergence = {"convergence", WIDTH, HEIGHT, applies, convergence_write};
