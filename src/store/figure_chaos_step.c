/* The coupling error at the last time against the step, for the largest number of heads that has two steps or
 * more. docs/formats.md, "Figures". */
#include "store/figure.h"
#include "store/figure_chaos.h"
#include "store/gnuplot.h"

#include <math.h>

static const double WIDTH = 85, HEIGHT = 90; /* [mm] */

/* The largest number of heads with two steps that are known; 0: none. */
static size_t choose_heads(const hf_chaos *chaos) {
    size_t heads = 0;
    for (size_t a = 0; a < chaos->groups; a++)
        for (size_t b = 0; b < a; b++) {
            const hf_ensemble *x = &chaos->group[a].ensemble, *y = &chaos->group[b].ensemble;
            if (x->heads == y->heads && x->heads > heads && (x->step < y->step || x->step > y->step))
                heads = x->heads;
        }
    return heads;
}

static bool applies(const hf_figure_source *source) {
    return source->chaos != NULL && choose_heads(source->chaos) > 0;
}

/* What is drawn: a curve for each batch, and two guides. */
typedef struct page {
    const hf_chaos *chaos;
    size_t heads;
    size_t count;
    hf_training training[HF_TRAININGS_MAX]; /* shape (count): of their batches */
    double root, line; /* guides ~ step^(1/2) above, ~ step below the measurements: their values at step 1 */
    hf_extent extent;
} page;

/* ---- data ---------------------------------------------------------------------------------------- */

static void add(page *p, const hf_chaos_group *group, double shift, FILE *data) {
    const hf_interval *m = hf_figure_last(p->chaos, group, HF_COUPLING);
    double predicted = group->predicted[group->last].value, step = group->ensemble.step;
    const double values[] = {m->value, m->lower, m->upper, predicted};
    fprintf(data, "%.9g %.6g %.6g %.6g %.6g %.6g\n", step, shift * step, m->value, m->lower, m->upper,
            predicted);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        hf_extent_add(&p->extent, values[i]);
    if (m->value > 0) {
        p->root = fmax(p->root, 1.5 * m->value / sqrt(step));
        p->line = fmin(p->line, m->value / step / 1.5);
    }
}

/* A block for a batch, by ascending step. */
static void write_curve(page *p, size_t k, size_t count, const double steps[], FILE *data) {
    for (size_t i = 0; i < count; i++)
        for (size_t g = 0; g < p->chaos->groups; g++) {
            const hf_chaos_group *group = &p->chaos->group[g];
            if (group->ensemble.heads == p->heads && group->ensemble.batch == p->training[k].batch &&
                group->ensemble.step == steps[i])
                add(p, group, hf_figure_shift(k, p->count), data);
        }
    fprintf(data, "\n\n");
}

/* ---- script -------------------------------------------------------------------------------------- */

static void write_axes(page *p, const hf_figure_source *source, size_t count, const double steps[],
                       FILE *script) {
    char when[HF_CAPTION_MAX], heads[HF_CAPTION_MAX];
    size_t entries = 2 + p->count + hf_figure_predicted(p->chaos);
    hf_figure_last_label(p->chaos, when);
    snprintf(heads, sizeof heads, HF_ITALIC("N") " = %zu", p->heads);
    hf_figure_frame(script, source->title, source->name, HEIGHT, entries, heads);
    hf_figure_value_axis(script, count, steps, "step " HF_ITALIC("ε"));
    hf_extent_add(&p->extent, p->root * sqrt(HF_BESIDE * steps[count - 1]));
    hf_extent_add(&p->extent, p->line * steps[0] / HF_BESIDE);
    hf_extent_axis(script, &p->extent);
    fprintf(script, "set label 2 'coupling error%s' at screen 0.035, graph 0.5 center rotate\n", when);
}

static void write_plots(const page *p, FILE *script) {
    fprintf(
        script,
        "plot %.6g*x**0.5 with lines linewidth 1 linecolor rgb '#999999' title '∝ " HF_ITALIC("ε") "^{1/2}'",
        p->root);
    fprintf(
        script,
        ", %.6g*x with lines linewidth 1 linecolor rgb '#999999' dashtype '-' title '∝ " HF_ITALIC("ε") "'",
        isfinite(p->line) ? p->line : 0);
    if (hf_figure_predicted(p->chaos))
        fprintf(script, ", NaN with lines linecolor rgb '#000000' title 'predicted'");
    for (size_t k = 0; k < p->count; k++) {
        char label[HF_CAPTION_MAX];
        hf_batch_label(p->training[k].batch, label);
        fprintf(script, ", \\\n 'chaos_step.dat' index %zu using 1:6 with lines linetype %zu", k, k + 1);
        hf_figure_points(script, "chaos_step.dat", k, 2, k, label);
    }
    fputc('\n', script);
}

static hf_status step_write(hf_error *error, const hf_figure_source *source, FILE *data, FILE *script) {
    page p = {.chaos = source->chaos, .heads = choose_heads(source->chaos), .line = INFINITY};
    size_t count;
    double *steps;
    HF_TRY(hf_batch_list(error, p.chaos, p.heads, HF_TRAININGS_MAX, &p.count, p.training));
    HF_TRY(hf_figure_steps(error, p.chaos, p.heads, &count, &steps));
    fprintf(data, "# step  step shifted  coupling error  lower  upper  predicted; a block for each batch\n");
    for (size_t k = 0; k < p.count; k++)
        write_curve(&p, k, count, steps, data);
    write_axes(&p, source, count, steps, script);
    write_plots(&p, script);
    hf_array_destroy(&steps);
    return HF_OK;
}

const hf_figure hf_figure_chaos_step = {"chaos_step", WIDTH, HEIGHT, applies, step_write};
