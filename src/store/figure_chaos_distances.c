/* Distances of the heads to the density at the last time against the number of heads, with the grid's own
 * errors as dashed lines. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/figure_chaos.h"
#include "store/gnuplot.h"

#include <math.h>
#include <string.h>

static const double WIDTH = 85, HEIGHT = 100; /* [mm] */

static const double FAR = 1e-3; /* of the smallest distance: own errors below it are not shown */

static bool applies(const hf_figure_source *source) {
    return source->chaos != NULL && hf_figure_heads_vary(source->chaos);
}

/* ---- what is shown ------------------------------------------------------------------------------- */

/* The logit error, W1 of each marginal, and the distances in all coordinates but H^-1, where there are any.
 */
static size_t choose_quantities(const hf_chaos *chaos, size_t quantity[HF_CURVES_MAX]) {
    size_t count = 0, joint = HF_MARGINALS + 2 * chaos->dim;
    quantity[count++] = HF_LOGIT_ERROR;
    for (size_t d = 0; d < chaos->dim; d++)
        quantity[count++] = HF_MARGINALS + 2 * d;
    for (size_t q = joint; q + 1 < joint + HF_JOINT; q++)
        for (size_t g = 0; g < chaos->groups; g++)
            if (hf_figure_last(chaos, &chaos->group[g], q)->value > 0) {
                quantity[count++] = q;
                break;
            }
    return count;
}

static void quantity_label(const hf_chaos *chaos, size_t quantity, char label[HF_CAPTION_MAX]) {
    static const char *const joint[] = {"sliced " HF_ITALIC("W") "_2", HF_ITALIC("W") "_2", "Sinkhorn"};
    size_t first_joint = HF_MARGINALS + 2 * chaos->dim;
    char coordinate[HF_LABEL_MAX];
    if (quantity == HF_LOGIT_ERROR)
        snprintf(label, HF_CAPTION_MAX, "logit error");
    else if (quantity >= first_joint)
        snprintf(label, HF_CAPTION_MAX, "%s", joint[quantity - first_joint]);
    else {
        hf_gnuplot_label(chaos->quantity[quantity].name + strlen("w1_"), coordinate);
        snprintf(label, HF_CAPTION_MAX, HF_ITALIC("W") "_1\u2060 of %.128s", coordinate);
    }
}

/* The first way to train with the most ensembles. */
static hf_status choose_training(hf_error *error, const hf_chaos *chaos, hf_training *out) {
    size_t count, most = 0;
    hf_training training[HF_TRAININGS_MAX];
    HF_TRY(hf_training_list(error, chaos, HF_TRAININGS_MAX, &count, training));
    for (size_t k = 0; k < count; k++) {
        size_t ensembles = 0;
        for (size_t g = 0; g < chaos->groups; g++)
            ensembles += hf_training_same(&chaos->group[g].ensemble, &training[k]);
        if (ensembles > most) {
            most = ensembles;
            *out = training[k];
        }
    }
    return HF_OK;
}

/* ---- data and script ----------------------------------------------------------------------------- */

/* A block for a quantity. */
static void write_curve(const hf_chaos *chaos, const hf_training *training, size_t quantity, FILE *data,
                        hf_extent *measured, hf_extent *own) {
    const hf_chaos_group *group = NULL;
    while ((group = hf_figure_next(chaos, training, group)) != NULL) {
        const hf_interval *m = hf_figure_last(chaos, group, quantity);
        double error = group->own_error[quantity * chaos->times + group->last];
        fprintf(data, "%zu %.6g %.6g %.6g %.6g\n", group->ensemble.heads, m->value, m->lower, m->upper,
                error);
        hf_extent_add(measured, m->value);
        hf_extent_add(measured, m->lower);
        hf_extent_add(measured, m->upper);
        hf_extent_add(own, error);
    }
    fprintf(data, "\n\n");
}

static void write_axes(const hf_chaos *chaos, const hf_figure_source *source, const hf_training *training,
                       size_t entries, size_t count, const double heads[], FILE *script) {
    char when[HF_CAPTION_MAX], how[HF_CAPTION_MAX];
    hf_figure_last_label(chaos, when);
    hf_training_label(training, how);
    hf_figure_frame(script, source->title, source->name, HEIGHT, entries, how);
    hf_figure_value_axis(script, count, heads, "heads " HF_ITALIC("N"));
    fprintf(script, "set label 2 'distance to the density%s' at screen 0.035, graph 0.5 center rotate\n",
            when);
}

static hf_status draw(hf_error *error, const hf_figure_source *source, size_t heads_count,
                      const double heads[], FILE *data, FILE *script) {
    const hf_chaos *chaos = source->chaos;
    size_t quantity[HF_CURVES_MAX], count = choose_quantities(chaos, quantity);
    hf_training training;
    hf_extent extent = {0}, own[HF_CURVES_MAX] = {0};
    HF_TRY(choose_training(error, chaos, &training));
    fprintf(data, "# N  distance  lower  upper  error of the grid in it; a block for each distance\n");
    for (size_t k = 0; k < count; k++)
        write_curve(chaos, &training, quantity[k], data, &extent, &own[k]);
    double least = FAR * extent.lowest;
    for (size_t k = 0; k < count; k++)
        if (own[k].lowest > least) {
            hf_extent_add(&extent, own[k].lowest);
            hf_extent_add(&extent, own[k].highest);
        }
    write_axes(chaos, source, &training, count + 1, heads_count, heads, script);
    hf_extent_axis(script, &extent);
    fprintf(script,
            "plot NaN with lines linewidth 1 linecolor rgb '#808080' dashtype '-' title 'error of the grid'");
    for (size_t k = 0; k < count; k++) {
        char label[HF_CAPTION_MAX];
        quantity_label(chaos, quantity[k], label);
        fprintf(script, ", \\\n 'chaos_distances.dat' index %zu using 1:2 with lines linetype %zu", k, k + 1);
        if (own[k].lowest > least)
            fprintf(script,
                    ", \\\n 'chaos_distances.dat' index %zu using 1:5 with lines linetype %zu linewidth 1 "
                    "dashtype '-'",
                    k, k + 1);
        hf_figure_points(script, "chaos_distances.dat", k, 1, k, label);
    }
    fputc('\n', script);
    return HF_OK;
}

static hf_status distances_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    size_t count;
    double *heads;
    HF_TRY(hf_figure_heads(error, source->chaos, &count, &heads));
    hf_status status = draw(error, source, count, heads, data, script);
    hf_array_destroy(&heads);
    return status;
}

const hf_figure hf_figure_chaos_distances = {"chaos_distances", WIDTH, HEIGHT, applies, distances_write};
