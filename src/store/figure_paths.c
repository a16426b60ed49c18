/* Attention paths: accuracy against the width, alignment of the kernel, and the pruning of heads.
 * docs/paths.md, section 4. */
#include "store/figure.h"
#include "store/gnuplot.h"
#include "store/paths_file.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 70; /* [mm] */

static bool applies(const hf_figure_source *source) {
    return source->paths != NULL;
}

static bool has_accuracy(const hf_figure_source *source) {
    return source->paths != NULL && !isnan(source->paths->accuracy[0]);
}

/* Title and margins. */
static void begin(const hf_paths_record *record, FILE *script) {
    fprintf(script, "set title ");
    hf_gnuplot_title(script, record->title, record->name, WIDTH);
    fprintf(script, "\nset lmargin at screen 0.2\nset rmargin at screen 0.96\nset tmargin at screen 0.9\n"
                    "set bmargin at screen 0.18\n");
}

/* ---- accuracy against the width --------------------------------------------------------------------- */

/* Where a network stands on the axis: at its width, or in its turn where widths differ within networks. */
static double place(const hf_paths_record *r, size_t network) {
    return hf_paths_record_uneven(r) ? (double)network + 1 : r->width[network];
}

static void write_accuracies(const hf_paths_record *r, FILE *data, double *lowest, double *highest) {
    fprintf(data, "# %s  accuracy [%%]: mean, standard deviation over seeds\n",
            hf_paths_record_uneven(r) ? "number of the network" : "width");
    for (size_t k = 0; k < r->networks; k++) {
        double mean, deviation;
        hf_paths_record_spread(r, r->accuracy, k, &mean, &deviation);
        fprintf(data, "%s%.9g %.9g %.9g\n", k + 1 == r->networks ? "\n\n# Gaussian limit\n" : "",
                k + 1 == r->networks ? INFINITY : place(r, k), 100 * mean, 100 * deviation);
        *lowest = fmin(*lowest, 100 * (mean - deviation));
        *highest = fmax(*highest, 100 * (mean + deviation));
    }
}

static void write_width_axis(const hf_paths_record *r, FILE *script) {
    double least = INFINITY, most = 0;
    char widths[HF_PATHS_WIDTHS_TEXT];
    for (size_t k = 0; k + 1 < r->networks; k++) {
        least = fmin(least, r->width[k]);
        most = fmax(most, r->width[k]);
    }
    if (!hf_paths_record_uneven(r)) {
        fprintf(
            script,
            "set logscale x\nset xrange [%.9g:%.9g]\nset format x '10^{%%T}'\nset xlabel 'width " HF_ITALIC(
                "N") "'\n",
            least / 1.6, most * 1.6);
        return;
    }
    fprintf(script, "set xrange [0.5:%zu.5]\nset xlabel 'widths'\nset xtics (", r->networks - 1);
    for (size_t k = 0; k + 1 < r->networks; k++) {
        hf_paths_record_widths(r, k, widths);
        fprintf(script, "%s'%s' %zu", k > 0 ? ", " : "", widths, k + 1);
    }
    fprintf(script, ")\n");
}

static hf_status accuracy_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    (void)error;
    const hf_paths_record *r = source->paths;
    double lowest = INFINITY, highest = -INFINITY, mean, deviation;
    write_accuracies(r, data, &lowest, &highest);
    hf_paths_record_spread(r, r->accuracy, r->networks - 1, &mean, &deviation);
    begin(r, script);
    write_width_axis(r, script);
    bool uneven = hf_paths_record_uneven(r); /* in any order: then the key has room below all */
    fprintf(script,
            "set yrange [%.9g:%.9g]\nset ylabel 'test accuracy [%%]'\nset key %s right\n"
            "set style fill transparent solid 0.2 noborder\n"
            "set object 1 rectangle from graph 0, first %.9g to graph 1, first %.9g behind "
            "fillcolor rgb "
            "'#808080' fillstyle solid 0.2 noborder\n"
            "plot %.9g with lines linewidth 1 linecolor rgb '#808080' dashtype '-' title 'Gaussian "
            "limit', \\\n"
            " 'paths_accuracy.dat' index 0 using 1:2:3 with yerrorbars linetype 1 pointtype 7 "
            "pointsize 0.5 "
            "title 'finite width', \\\n '' index 0 using 1:2 with lines linetype 1 notitle\n",
            floor(lowest - 1 - (uneven ? 0.3 * (highest - lowest) : 0)), fmin(ceil(highest + 2), 101),
            uneven ? "bottom" : "top", 100 * (mean - deviation), 100 * (mean + deviation), 100 * mean);
    return HF_OK;
}

const hf_figure hf_figure_paths_accuracy = {"paths_accuracy", WIDTH, HEIGHT, has_accuracy, accuracy_write};

/* ---- alignment -------------------------------------------------------------------------------------- */

/* Of the narrowest network and of the limit, for the leading eigenvectors. */
static hf_status alignment_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    (void)error;
    enum { SHOWN = 20 };
    const hf_paths_record *r = source->paths;
    size_t shown = r->train < SHOWN ? r->train : SHOWN, narrowest = 0;
    for (size_t k = 0; k < r->networks; k++)
        narrowest = r->width[k] < r->width[narrowest] ? k : narrowest;
    char widths[HF_PATHS_WIDTHS_TEXT], key[64] = "";
    hf_paths_record_widths(r, narrowest, widths);
    if (r->seeds > 1)
        snprintf(key, sizeof key, "set key title 'mean of %zu seeds'\n", r->seeds);
    fprintf(data, "# eigenvector  |v.y|/sqrt(P), mean over seeds: at width %s, in the Gaussian limit\n",
            widths);
    for (size_t i = 0; i < shown; i++)
        fprintf(data, "%zu %.9g %.9g\n", i + 1, r->alignment[narrowest * r->train + i],
                r->alignment[(r->networks - 1) * r->train + i]);
    begin(r, script);
    fprintf(script,
            "set xrange [0.3:%zu.7]\nset yrange [0:*]\nset xlabel 'eigenvector, largest eigenvalue first'\n"
            "set ylabel 'alignment with the labels'\n%sset style fill solid 0.9 noborder\nset boxwidth 0.38\n"
            "plot 'paths_alignment.dat' using ($1-0.2):2 with boxes linetype 1 title '" HF_ITALIC(
                "N") " = %s', \\\n '' using ($1+0.2):3 with boxes linecolor rgb '#808080' title 'Gaussian "
                     "limit'\n",
            shown, key, widths);
    return HF_OK;
}

const hf_figure hf_figure_paths_alignment = {"paths_alignment", WIDTH, HEIGHT, applies, alignment_write};

/* ---- pruning ---------------------------------------------------------------------------------------- */

static bool pruned(const hf_figure_source *source) {
    return has_accuracy(source) && source->paths->pruned;
}

static hf_status pruning_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    (void)error;
    const hf_paths_record *r = source->paths;
    size_t steps = r->heads - r->network.layers + 1;
    char widths[HF_PATHS_WIDTHS_TEXT];
    fprintf(data, "# heads silenced; accuracy [%%], mean over seeds, at widths");
    for (size_t k = 0; k + 1 < r->networks; k++) {
        hf_paths_record_widths(r, k, widths);
        fprintf(data, " %s", widths);
    }
    fputc('\n', data);
    for (size_t i = 0; i < steps; i++) {
        fprintf(data, "%zu", i);
        for (size_t k = 0; k + 1 < r->networks; k++)
            fprintf(data, " %.9g", 100 * r->pruning[k * steps + i]);
        fputc('\n', data);
    }
    begin(r, script);
    fprintf(script,
            "set xrange [-0.15:%zu.15]\nset xtics %zu\nset xlabel 'heads silenced, lowest score first'\n"
            "set ylabel 'test accuracy [%%]'\nset key outside right top title 'width " HF_ITALIC(
                "N") "'\nset rmargin at screen %.2f\nplot ",
            steps - 1, steps / 10 + 1, hf_paths_record_uneven(r) ? 0.66 : 0.75);
    for (size_t k = 0; k + 1 < r->networks; k++) {
        hf_paths_record_widths(r, k, widths);
        fprintf(
            script,
            "%s'paths_pruning.dat' using 1:%zu with linespoints linetype %zu pointtype 7 pointsize 0.5 title "
            "'%s'",
            k > 0 ? ", \\\n " : "", k + 2, k % 8 + 1, widths);
    }
    fputc('\n', script);
    return HF_OK;
}

const hf_figure hf_figure_paths_pruning = {"paths_pruning", WIDTH, HEIGHT, pruned, pruning_write};
