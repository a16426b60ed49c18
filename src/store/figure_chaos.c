/* What the figures of a comparison share. */
#include "store/figure_chaos.h"
#include "store/gnuplot.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>

const char *const hf_bound_styles[HF_BOUNDS] = {
    "linewidth 1 linecolor rgb '#000000' dashtype (8,4)",
    "linewidth 1 linecolor rgb '#000000' dashtype (2,3)",
    "linewidth 1 linecolor rgb '#000000' dashtype (10,3,2,3)",
    "linewidth 1 linecolor rgb '#888888' dashtype (8,4)",
};

const int hf_point_types[HF_CURVES_MAX] = {7, 5, 9, 11, 13, 6, 4, 8};

/* ---- ways to train ------------------------------------------------------------------------------- */

static bool same_step(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

bool hf_training_same(const hf_training *a, const hf_training *b) {
    return same_step(a->step, b->step) && a->batch == b->batch;
}

/* Larger for larger batches; what is not known is the smallest. */
static double batch_rank(size_t batch) {
    return batch == HF_BATCH_FULL ? INFINITY : batch == HF_BATCH_UNKNOWN ? -1 : (double)batch;
}

int hf_training_order(const hf_training *a, const hf_training *b) {
    if (!same_step(a->step, b->step)) /* what is not known comes last */
        return isnan(b->step) || a->step < b->step ? -1 : 1;
    double x = batch_rank(a->batch), y = batch_rank(b->batch);
    return x > y ? -1 : x < y;
}

static int compare_trainings(const void *left, const void *right) {
    return hf_training_order(left, right);
}

/* Evenly chosen, the first and the last among them. */
static size_t thin(size_t found, const hf_training all[], size_t most, hf_training out[]) {
    size_t count = found < most ? found : most;
    for (size_t k = 0; k < count; k++)
        out[k] = all[count > 1 ? k * (found - 1) / (count - 1) : 0];
    return count;
}

hf_status hf_training_list(hf_error *error, const hf_chaos *chaos, size_t most, size_t *count,
                           hf_training out[]) {
    hf_training *all;
    size_t found = 0;
    HF_TRY(hf_allocate(error, chaos->groups, sizeof *all, &all));
    for (size_t g = 0; g < chaos->groups; g++)
        all[g] = chaos->group[g].ensemble;
    qsort(all, chaos->groups, sizeof *all, compare_trainings);
    for (size_t g = 0; g < chaos->groups; g++)
        if (found == 0 || !hf_training_same(&all[g], &all[found - 1]))
            all[found++] = all[g];
    *count = thin(found, all, most, out);
    free(all);
    return HF_OK;
}

/* The larger batch first, then as trainings. */
static int compare_batches(const void *left, const void *right) {
    const hf_training *a = left, *b = right;
    double x = batch_rank(a->batch), y = batch_rank(b->batch);
    return x > y ? -1 : x < y ? 1 : hf_training_order(a, b);
}

hf_status hf_batch_list(hf_error *error, const hf_chaos *chaos, size_t heads, size_t most, size_t *count,
                        hf_training out[]) {
    hf_training *all;
    size_t found = 0, kept = 0;
    HF_TRY(hf_allocate(error, chaos->groups, sizeof *all, &all));
    for (size_t g = 0; g < chaos->groups; g++)
        if (chaos->group[g].ensemble.heads == heads)
            all[found++] = chaos->group[g].ensemble;
    qsort(all, found, sizeof *all, compare_batches);
    for (size_t g = 0; g < found; g++)
        if (kept == 0 || all[g].batch != all[kept - 1].batch)
            all[kept++] = all[g];
    *count = thin(kept, all, most, out);
    free(all);
    return HF_OK;
}

void hf_batch_label(size_t batch, char label[HF_CAPTION_MAX]) {
    if (batch == HF_BATCH_FULL)
        snprintf(label, HF_CAPTION_MAX, "full batch");
    else if (batch == HF_BATCH_UNKNOWN)
        snprintf(label, HF_CAPTION_MAX, "batch unknown");
    else
        snprintf(label, HF_CAPTION_MAX, HF_ITALIC("b") " = %zu", batch);
}

void hf_training_label(const hf_training *training, char label[HF_CAPTION_MAX]) {
    char batch[HF_CAPTION_MAX];
    hf_batch_label(training->batch, batch);
    if (isnan(training->step))
        snprintf(label, HF_CAPTION_MAX, "step unknown, %.60s", batch);
    else
        snprintf(label, HF_CAPTION_MAX, HF_ITALIC("ε") " = %.4g, %.60s", training->step, batch);
}

/* ---- numbers that vary --------------------------------------------------------------------------- */

/* Ascending, each once. */
static size_t distinct(size_t count, double values[]) {
    size_t kept = 0;
    gsl_sort(values, 1, count);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || values[i] != values[kept - 1])
            values[kept++] = values[i];
    return kept;
}

hf_status hf_figure_heads(hf_error *error, const hf_chaos *chaos, size_t *count, double **values) {
    HF_TRY(hf_array_create(error, chaos->groups, values));
    for (size_t g = 0; g < chaos->groups; g++)
        (*values)[g] = (double)chaos->group[g].ensemble.heads;
    *count = distinct(chaos->groups, *values);
    return HF_OK;
}

hf_status hf_figure_steps(hf_error *error, const hf_chaos *chaos, size_t heads, size_t *count,
                          double **values) {
    size_t found = 0;
    HF_TRY(hf_array_create(error, chaos->groups, values));
    for (size_t g = 0; g < chaos->groups; g++) {
        const hf_ensemble *ensemble = &chaos->group[g].ensemble;
        if (ensemble->heads == heads && ensemble->step > 0)
            (*values)[found++] = ensemble->step;
    }
    *count = distinct(found, *values);
    return HF_OK;
}

size_t hf_figure_most_heads(const hf_chaos *chaos) {
    size_t most = 0;
    for (size_t g = 0; g < chaos->groups; g++)
        most = chaos->group[g].ensemble.heads > most ? chaos->group[g].ensemble.heads : most;
    return most;
}

bool hf_figure_heads_vary(const hf_chaos *chaos) {
    for (size_t g = 1; g < chaos->groups; g++)
        if (chaos->group[g].ensemble.heads != chaos->group[0].ensemble.heads)
            return true;
    return false;
}

/* In the order of heads, and as they come where these are equal. */
static bool is_before(const hf_chaos_group *a, const hf_chaos_group *b) {
    return a->ensemble.heads < b->ensemble.heads || (a->ensemble.heads == b->ensemble.heads && a < b);
}

const hf_chaos_group *hf_figure_next(const hf_chaos *chaos, const hf_training *training,
                                     const hf_chaos_group *previous) {
    const hf_chaos_group *next = NULL;
    for (const hf_chaos_group *group = chaos->group; group < chaos->group + chaos->groups; group++)
        if (hf_training_same(&group->ensemble, training) &&
            (previous == NULL || is_before(previous, group)) && (next == NULL || is_before(group, next)))
            next = group;
    return next;
}

const hf_interval *hf_figure_last(const hf_chaos *chaos, const hf_chaos_group *group, size_t quantity) {
    return &group->measured[quantity * chaos->times + group->last];
}

bool hf_figure_predicted(const hf_chaos *chaos) {
    for (size_t g = 0; g < chaos->groups; g++)
        if (isfinite(chaos->group[g].predicted[chaos->group[g].last].value))
            return true;
    return false;
}

double hf_figure_bound_most(double largest_measured) {
    return 1e3 * largest_measured;
}

/* ---- axes ---------------------------------------------------------------------------------------- */

void hf_figure_value_axis(FILE *script, size_t count, const double values[], const char *label) {
    enum { LABELS = 8 }; /* what fits the width */
    double apart = log(values[count - 1] / values[0]) / LABELS, last = -INFINITY;
    fprintf(script, "set logscale x\nset xrange [%.9g:%.9g]\nset xlabel '%s'\nset xtics (",
            values[0] / HF_BESIDE, values[count - 1] * HF_BESIDE, label);
    for (size_t i = 0; i < count; i++) {
        if (log(values[i]) < last + apart)
            continue;
        fprintf(script, "%s'%.4g' %.9g", i == 0 ? "" : ", ", values[i], values[i]);
        last = log(values[i]);
    }
    fprintf(script, ")\n");
}

void hf_figure_last_label(const hf_chaos *chaos, char label[HF_CAPTION_MAX]) {
    size_t last = chaos->group[0].last;
    bool same = true;
    for (size_t g = 0; g < chaos->groups; g++)
        same = same && chaos->group[g].last == last;
    if (same)
        snprintf(label, HF_CAPTION_MAX, " at " HF_ITALIC("t") " = %.4g", chaos->time[last]);
    else
        snprintf(label, HF_CAPTION_MAX, " at the last time");
}

void hf_figure_point_sizes(FILE *script) {
    fprintf(script, "size = format eq 'pdf' ? 0.7 : format eq 'png' ? 1.3 : 1\n");
}

void hf_figure_frame(FILE *script, const char *title, const char *name, double height, size_t key_entries,
                     const char *key_title) {
    static const double width = 85, row = 4.2, axis = 13, top = 6; /* [mm] */
    size_t rows = (key_entries + 1) / 2;
    double key = row * (double)(rows + (key_title != NULL));
    fprintf(script, "set label 4 ");
    hf_gnuplot_title(script, title, name, width);
    fprintf(script,
            " at screen 0.5, screen %.4f center\nset tmargin at screen %.4f\nset bmargin at screen %.4f\nset "
            "lmargin at screen 0.21\nset "
            "rmargin at screen 0.97\nset key at screen 0.575, screen %.4f center center vertical maxrows %zu "
            "samplen 1.5 width -4 Left reverse\n",
            1 - top / height / 2, 1 - top / height, (key + axis) / height, (key / 2 + 0.5) / height, rows);
    hf_figure_point_sizes(script);
    if (key_title != NULL)
        fprintf(script, "set key title '%s'\n", key_title);
}

void hf_figure_points(FILE *script, const char *file, size_t block, int x, size_t k, const char *label) {
    fprintf(
        script,
        ", \\\n '%s' index %zu using %d:%d:(0):($%d-$%d) with vectors nohead linetype %zu linewidth 1"
        ", \\\n '' index %zu using %d:%d with points linetype %zu pointtype %d pointsize 0.5*size title '%s'",
        file, block, x, x + 2, x + 3, x + 2, k + 1, block, x, x + 1, k + 1, hf_point_types[k], label);
}

double hf_figure_shift(size_t k, size_t curves) {
    return exp(0.05 * ((double)k - 0.5 * (double)(curves - 1)));
}

void hf_extent_add(hf_extent *extent, double value) {
    if (!isfinite(value) || value <= 0)
        return;
    extent->lowest = extent->lowest == 0 ? value : fmin(extent->lowest, value);
    extent->highest = fmax(extent->highest, value);
}

void hf_extent_axis(FILE *script, const hf_extent *extent) {
    hf_gnuplot_log_axis(script, 2, (const double[]){extent->lowest, extent->highest});
}
