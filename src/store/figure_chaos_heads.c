/* The coupling error at the last time against the number of heads, with predictions and bounds.
 * docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/figure_chaos.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 100; /* [mm] */

static bool applies(const hf_figure_source *source) {
    return source->chaos != NULL && hf_figure_heads_vary(source->chaos);
}

/* What is drawn: a curve for each way to train, and bounds of the first of them. */
typedef struct page {
    const hf_chaos *chaos;
    size_t count;
    hf_training training[HF_TRAININGS_MAX]; /* shape (count) */
    bool bound[HF_BOUNDS];                  /* which are shown */
    double guide;                           /* of a line ~ N^(-1/2): its value at N = 1 */
    hf_extent extent;
} page;

/* ---- data ---------------------------------------------------------------------------------------- */

static void write_curve(page *p, size_t k, FILE *data) {
    double shift = hf_figure_shift(k, p->count);
    const hf_chaos_group *group = NULL;
    while ((group = hf_figure_next(p->chaos, &p->training[k], group)) != NULL) {
        const hf_interval *m = hf_figure_last(p->chaos, group, HF_COUPLING);
        double predicted = group->predicted[group->last].value, heads = (double)group->ensemble.heads;
        const double values[] = {m->value, m->lower, m->upper, predicted};
        fprintf(data, "%.9g %.6g %.6g %.6g %.6g %.6g\n", heads, shift * heads, m->value, m->lower, m->upper,
                predicted);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            hf_extent_add(&p->extent, values[i]);
    }
    fprintf(data, "\n\n");
}

static void write_bounds(const page *p, FILE *data) {
    const hf_chaos_group *group = NULL;
    while ((group = hf_figure_next(p->chaos, &p->training[0], group)) != NULL) {
        fprintf(data, "%zu", group->ensemble.heads);
        for (size_t b = 0; b < HF_BOUNDS; b++)
            fprintf(data, " %.6g", group->bound[b * p->chaos->times + group->last]);
        fputc('\n', data);
    }
}

/* The guide, at half of the lowest measurement, and the bounds that are not far above the largest. */
static void choose_lines(page *p) {
    double largest = 0;
    p->guide = INFINITY;
    for (size_t g = 0; g < p->chaos->groups; g++) {
        const hf_chaos_group *group = &p->chaos->group[g];
        double error = hf_figure_last(p->chaos, group, HF_COUPLING)->value;
        if (error > 0) {
            p->guide = fmin(p->guide, 0.5 * error * sqrt((double)group->ensemble.heads));
            largest = fmax(largest, error);
        }
    }
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        const hf_chaos_group *group = NULL;
        hf_extent bound = {0};
        while ((group = hf_figure_next(p->chaos, &p->training[0], group)) != NULL)
            hf_extent_add(&bound, group->bound[b * p->chaos->times + group->last]);
        p->bound[b] = bound.highest > 0 && bound.highest <= hf_figure_bound_most(largest);
        if (p->bound[b])
            hf_extent_add(&p->extent, bound.highest);
    }
}

/* ---- script -------------------------------------------------------------------------------------- */

static void write_axes(page *p, const hf_figure_source *source, size_t count, const double heads[],
                       FILE *script) {
    char when[HF_CAPTION_MAX];
    size_t entries = 1 + p->count + hf_figure_predicted(p->chaos);
    for (size_t b = 0; b < HF_BOUNDS; b++)
        entries += p->bound[b];
    hf_figure_last_label(p->chaos, when);
    hf_figure_frame(script, source->title, source->name, HEIGHT, entries, NULL);
    hf_figure_value_axis(script, count, heads, "heads " HF_ITALIC("N"));
    if (isfinite(p->guide))
        hf_extent_add(&p->extent, p->guide / sqrt(HF_BESIDE * heads[count - 1]));
    hf_extent_axis(script, &p->extent);
    fprintf(script, "set label 2 'coupling error%s' at screen 0.035, graph 0.5 center rotate\n", when);
}

static void write_plots(const page *p, FILE *script) {
    fprintf(script,
            "plot %.6g*x**(-0.5) with lines linewidth 1 linecolor rgb '#999999' title '∝ " HF_ITALIC(
                "N") "^{−1/2}'",
            isfinite(p->guide) ? p->guide : 0);
    if (hf_figure_predicted(p->chaos))
        fprintf(script, ", NaN with lines linecolor rgb '#000000' title 'predicted'");
    for (size_t k = 0; k < p->count; k++)
        fprintf(script, ", \\\n 'chaos_heads.dat' index %zu using 1:6 with lines linetype %zu", k, k + 1);
    for (size_t k = 0; k < p->count; k++) {
        char label[HF_CAPTION_MAX];
        hf_training_label(&p->training[k], label);
        hf_figure_points(script, "chaos_heads.dat", k, 2, k, label);
    }
    for (size_t b = 0; b < HF_BOUNDS; b++)
        if (p->bound[b])
            fprintf(script, ", \\\n 'chaos_heads.dat' index %zu using 1:%zu with lines %s title '%s bound'",
                    p->count, b + 2, hf_bound_styles[b], hf_bound_names[b]);
    fputc('\n', script);
}

static hf_status heads_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    page p = {.chaos = source->chaos};
    size_t count;
    double *heads;
    HF_TRY(hf_training_list(error, p.chaos, HF_TRAININGS_MAX, &p.count, p.training));
    HF_TRY(hf_figure_heads(error, p.chaos, &count, &heads));
    fprintf(data, "# N  N shifted  coupling error  lower  upper  predicted; a block for each step and batch\n"
                  "# the last block: N  pathwise  expected  leading  classical bound\n");
    for (size_t k = 0; k < p.count; k++)
        write_curve(&p, k, data);
    write_bounds(&p, data);
    choose_lines(&p);
    write_axes(&p, source, count, heads, script);
    write_plots(&p, script);
    hf_array_destroy(&heads);
    return HF_OK;
}

const hf_figure hf_figure_chaos_heads = {"chaos_heads", WIDTH, HEIGHT, applies, heads_write};
