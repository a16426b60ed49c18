/* Errors of a refinement study against the cell width, with the expected slope and the reference's own errors
 * as dashed lines. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 80; /* [mm] */

enum { QUANTITIES = 4 };
static const char *const titles[QUANTITIES] = {"risk", "mean", "covariance", "{/:Italic W}_1"};
static const int point_types[QUANTITIES] = {7, 5, 9, 13};

static bool applies(const hf_figure_source *source) {
    return source->refinement != NULL;
}

static void unpack(const hf_errors *errors, double *values) {
    values[0] = errors->risk;
    values[1] = errors->mean;
    values[2] = errors->covariance;
    values[3] = errors->w1;
}

static void write_rows(const hf_refinement *refinement, const double *reference, FILE *data) {
    fprintf(data, "# reference: %.6g %.6g %.6g %.6g\n", reference[0], reference[1], reference[2],
            reference[3]);
    fprintf(data, "# h/box  risk  mean  covariance  W1\n");
    for (size_t n = 0; n < refinement->count; n++) {
        double values[QUANTITIES];
        unpack(&refinement->row[n].error, values);
        fprintf(data, "%.9g", refinement->row[n].spacing);
        for (size_t i = 0; i < QUANTITIES; i++)
            fprintf(data, " %.6g", values[i]);
        fputc('\n', data);
    }
}

/* All that is drawn, for the range of the axis: errors on all grids and the reference's. */
static hf_decades range(const hf_refinement *refinement) {
    double values[(HF_REFINEMENT_MAX + 1) * QUANTITIES];
    for (size_t n = 0; n < refinement->count; n++)
        unpack(&refinement->row[n].error, values + n * QUANTITIES);
    unpack(&refinement->reference, values + refinement->count * QUANTITIES);
    return hf_gnuplot_decades((refinement->count + 1) * QUANTITIES, values);
}

static void write_axes(const hf_refinement *refinement, FILE *script) {
    double widest = refinement->row[0].spacing, finest = refinement->row[refinement->count - 1].spacing;
    hf_decades decades = range(refinement);
    fprintf(script, "set title ");
    hf_gnuplot_title(script, refinement->title, refinement->name, WIDTH);
    fprintf(script,
            "\nset logscale xy\nset format y '10^{%%T}'\n"
            "set xrange [%.9g:%.9g]\nset yrange [%g:%g]\n"
            "set xlabel 'cell width\u00a0{/:Italic h} / box'\nset ylabel 'error'\n"
            "set key outside right center\n",
            finest / 1.4, widest * 1.4, decades.lower, 10 * decades.upper);
    fprintf(script, "set xtics (");
    for (size_t n = 0; n < refinement->count; n++)
        fprintf(script, "%s'1/%.4g' %.9g", n == 0 ? "" : ", ", 1 / refinement->row[n].spacing,
                refinement->row[n].spacing);
    fprintf(script, ")\n");
}

static void write_plots(const hf_refinement *refinement, const double *reference, FILE *script) {
    double first[QUANTITIES], highest = 0, widest = refinement->row[0].spacing;
    unpack(&refinement->row[0].error, first);
    for (size_t i = 0; i < QUANTITIES; i++)
        highest = fmax(highest, first[i]);
    fprintf(script,
            "plot %.6g*(x/%.9g)**%d with lines linewidth 1 linecolor rgb '#808080' title '{/:Italic h}^{%d}'",
            3 * highest, widest, refinement->expected_order, refinement->expected_order);
    for (int i = 0; i < QUANTITIES; i++) {
        fprintf(script,
                ", \\\n 'convergence.dat' using 1:%d with linespoints linetype %d pointtype %d pointsize 0.6 "
                "title "
                "'%s'",
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
    double reference[QUANTITIES];
    unpack(&source->refinement->reference, reference);
    write_rows(source->refinement, reference, data);
    write_axes(source->refinement, script);
    write_plots(source->refinement, reference, script);
    return HF_OK;
}

const hf_figure hf_figure_convergence = {"convergence", WIDTH, HEIGHT, applies, convergence_write};
