/* The coupling error over time for the largest number of heads: measured with its interval, predicted, and
 * bounded. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/figure_chaos.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 85; /* [mm] */

/* A curve needs two times after the start, where the error is 0. */
static bool applies(const hf_figure_source *source) {
    return source->chaos != NULL && source->chaos->times > 2;
}

/* The ensemble of the largest N whose way to train comes first. */
static hf_status choose_group(hf_error *error, const hf_chaos *chaos, const hf_chaos_group **out) {
    size_t count, most = hf_figure_most_heads(chaos);
    hf_training training;
    HF_TRY(hf_batch_list(error, chaos, most, 1, &count, &training));
    *out = NULL;
    while ((*out = hf_figure_next(chaos, &training, *out)) != NULL)
        if ((*out)->ensemble.heads == most)
            break;
    return HF_OK;
}

/* What is measured and predicted go into `extent`; and of each bound what it goes to. */
static void write_rows(const hf_chaos *chaos, const hf_chaos_group *group, FILE *data, hf_extent *extent,
                       hf_extent bounds[HF_BOUNDS]) {
    const hf_interval *measured = group->measured + HF_COUPLING * chaos->times;
    fprintf(data, "# t  coupling error  lower  upper  predicted  lower  upper ");
    for (size_t b = 0; b < HF_BOUNDS; b++)
        fprintf(data, " %s", hf_bound_names[b]);
    for (size_t t = 0; t < chaos->times; t++) {
        const hf_interval *m = &measured[t], *p = &group->predicted[t];
        if (!(m->value > 0)) /* the start, and times that the heads do not have */
            continue;
        const double values[] = {m->value, m->lower, m->upper, p->value, p->lower, p->upper};
        fprintf(data, "\n%.9g", chaos->time[t]);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            fprintf(data, " %.6g", values[i]);
            hf_extent_add(extent, values[i]);
        }
        for (size_t b = 0; b < HF_BOUNDS; b++) {
            fprintf(data, " %.6g", group->bound[b * chaos->times + t]);
            hf_extent_add(&bounds[b], group->bound[b * chaos->times + t]);
        }
    }
    fputc('\n', data);
}

static void write_axes(const hf_chaos *chaos, const hf_chaos_group *group, const hf_figure_source *source,
                       size_t entries, const hf_extent *extent, FILE *script) {
    char how[HF_CAPTION_MAX], which[HF_CAPTION_MAX];
    hf_training_label(&group->ensemble, how);
    snprintf(which, sizeof which, HF_ITALIC("N") " = %zu, %.100s", group->ensemble.heads, how);
    hf_figure_frame(script, source->title, source->name, HEIGHT, entries, which);
    hf_extent_axis(script, extent);
    fprintf(script,
            "set xrange [0:%.9g]\nset xlabel 'time " HF_ITALIC(
                "t") "'\nset label 2 'coupling error' at screen 0.035, graph 0.5 center rotate\n",
            chaos->time[group->last]);
}

static hf_status time_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    const hf_chaos *chaos = source->chaos;
    const hf_chaos_group *group;
    hf_extent extent = {0}, bounds[HF_BOUNDS] = {0};
    HF_TRY(choose_group(error, chaos, &group));
    write_rows(chaos, group, data, &extent, bounds);
    double most = hf_figure_bound_most(extent.highest);
    bool predicted = isfinite(group->predicted[group->last].value);
    size_t entries = 1 + predicted;
    for (size_t b = 0; b < HF_BOUNDS; b++)
        if (bounds[b].highest > 0 && bounds[b].lowest < most) {
            hf_extent_add(&extent, fmin(bounds[b].highest, most));
            entries++;
        }
    write_axes(chaos, group, source, entries, &extent, script);
    fprintf(script, "plot ");
    if (predicted) /* into which the measurement of so many seeds falls with 95 % */
        fprintf(script,
                "'chaos_time.dat' using 1:6:7 with filledcurves fillstyle solid 1 noborder fillcolor rgb "
                "'#f5dccb', \\\n ");
    fprintf(script, "'chaos_time.dat' using 1:3:4 with filledcurves fillstyle transparent solid 0.8 "
                    "noborder fillcolor rgb '#b8d8ea'"
                    ", \\\n '' using 1:2 with lines linetype 1 title 'measured'");
    if (predicted)
        fprintf(script, ", \\\n '' using 1:5 with lines linetype 2 title 'predicted'");
    for (size_t b = 0; b < HF_BOUNDS; b++)
        if (bounds[b].highest > 0 && bounds[b].lowest < most)
            fprintf(script, ", \\\n '' using 1:%zu with lines %s title '%s bound'", b + 8, hf_bound_styles[b],
                    hf_bound_names[b]);
    fputc('\n', script);
    return HF_OK;
}

const hf_figure hf_figure_chaos_time = {"chaos_time", WIDTH, HEIGHT, applies, time_write};
