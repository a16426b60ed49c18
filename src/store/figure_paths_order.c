/* Attention paths: maps of the order parameter at three widths. docs/paths.md, section 4. */
#include "store/figure.h"
#include "store/gnuplot.h"
#include "store/paths_file.h"

#include <math.h>

static const double WIDTH = 170, HEIGHT = 68; /* [mm] */

enum { PANELS = 3, LABELLED = 9, POINTS = 96 };

static size_t fineness(const hf_paths_record *r) {
    return r->paths < POINTS ? POINTS / r->paths : 1;
}

static bool applies(const hf_figure_source *source) {
    return source->paths != NULL;
}

/* The first network, the middle one, and the limit; fewer where there are fewer. */
static size_t choose(const hf_paths_record *r, size_t *shown) {
    size_t count = r->networks < PANELS ? r->networks : PANELS;
    for (size_t k = 0; k < count; k++)
        shown[k] = count == 1 ? 0 : k * (r->networks - 1) / (count - 1);
    return count;
}

/* Each entry is a square of `fine` x `fine` points: readers of SVG smooth between points. */
static double write_block(const hf_paths_record *r, size_t network, size_t fine, FILE *data) {
    const double *order = r->order + network * r->paths * r->paths;
    double largest = 0;
    char widths[HF_PATHS_WIDTHS_TEXT];
    hf_paths_record_widths(r, network, widths);
    fprintf(data, "# U_1, mean over seeds, at width %s\n", widths);
    for (size_t i = 0; i < r->paths * fine; i++)
        for (size_t j = 0; j < r->paths * fine; j++)
            fprintf(data, "%.6g%s", order[i / fine * r->paths + j / fine],
                    j + 1 < r->paths * fine ? " " : "\n");
    for (size_t i = 0; i < r->paths * r->paths; i++)
        largest = fmax(largest, fabs(order[i]));
    fprintf(data, "\n\n");
    return largest;
}

/* Paths by their heads, where there is room for labels. */
static void write_axes(const hf_paths_record *r, FILE *script) {
    char label[64];
    if (r->paths > LABELLED)
        return;
    for (const char *axis = "xy"; *axis != '\0'; axis++) {
        fprintf(script, "set %ctics (", *axis);
        for (size_t i = 0; i < r->paths; i++) {
            hf_paths_record_label(r, i, sizeof label, label);
            fprintf(script, "%s'%s' %zu", i > 0 ? ", " : "", label, i);
        }
        fprintf(script, ")\n");
    }
}

static void write_panel(const hf_paths_record *r, size_t panel, bool last, size_t network, double largest,
                        FILE *script) {
    double side = 0.25, left = 0.075 + 0.3 * (double)panel;
    char widths[HF_PATHS_WIDTHS_TEXT];
    hf_paths_record_widths(r, network, widths);
    fprintf(script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen 0.17\n"
            "set tmargin at screen %.4f\n",
            left, left + side, 0.17 + side * WIDTH / HEIGHT);
    if (isinf(r->width[network]))
        fprintf(script, "set title 'Gaussian limit, max %.3g'\n", largest);
    else
        fprintf(script, "set title '" HF_ITALIC("N") " = %s, max %.3g'\n", widths, largest);
    fprintf(script, "set label 1 'path' at graph 0.5, screen 0.035 center\n");
    if (panel == 0)
        fprintf(script, "set label 2 'path' at screen 0.015, graph 0.5 center rotate\n");
    else
        fprintf(script, "unset label 2\n");
    if (last)
        fprintf(script, "set colorbox user origin screen %.4f, screen 0.17 size screen 0.012, screen %.4f\n",
                left + side + 0.012, side * WIDTH / HEIGHT);
    fprintf(
        script,
        "plot 'paths_order.dat' index %zu matrix using (($1+0.5)/%zu-0.5):(($2+0.5)/%zu-0.5):($3/%.9g) with "
        "image\n",
        panel, fineness(r), fineness(r), largest);
}

static hf_status order_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    (void)error;
    const hf_paths_record *r = source->paths;
    size_t shown[PANELS], count = choose(r, shown);
    fprintf(script, "set multiplot title ");
    hf_gnuplot_title(script, r->title, r->name, WIDTH);
    fprintf(script,
            "\nset palette defined (-1 '#0072b2', 0 '#ffffff', 1 '#d55e00')\nset tics out nomirror\n"
            "set xrange [-0.5:%zu.5]\nset yrange [%zu.5:-0.5]\nset "
            "cbrange [-1:1]\nset cbtics 0.5\nunset colorbox\n",
            r->paths - 1, r->paths - 1);
    write_axes(r, script);
    for (size_t k = 0; k < count; k++) {
        double largest = write_block(r, shown[k], fineness(r), data);
        write_panel(r, k, k + 1 == count, shown[k], largest, script);
    }
    fprintf(script, "unset multiplot\n");
    return HF_OK;
}

const hf_figure hf_figure_paths_order = {"paths_order", WIDTH, HEIGHT, applies, order_write};
