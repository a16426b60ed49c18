/* Trained heads and the density of their limit at the same times. */
#include "store/figure_trained.h"
#include "store/figure_chaos.h"

#include <math.h>

static const double VISIBLE = 1e-3; /* of the highest value of a marginal: what counts as empty */

bool hf_trained_output(const hf_figure_source *source, size_t index, size_t *output) {
    size_t outputs, times;
    const double *density = hf_solution_times(source->limit, &outputs);
    const double *heads = hf_trajectories_times(source->trained, &times);
    double near = 1e-9 * heads[times - 1];
    for (*output = 0; *output < outputs; ++*output)
        if (fabs(density[*output] - heads[index]) <= near)
            return true;
    return false;
}

static bool is_better(const hf_ensemble *a, const hf_ensemble *b, size_t most) {
    bool fits = a->heads <= most;
    if (fits != (b->heads <= most))
        return fits;
    if (a->heads != b->heads)
        return fits ? a->heads > b->heads : a->heads < b->heads;
    return hf_training_order(a, b) < 0;
}

size_t hf_trained_choose(const hf_trajectories *trained, size_t most) {
    size_t best = 0;
    for (size_t k = 1; k < hf_trajectories_ensembles(trained); k++) {
        hf_ensemble a = hf_trajectories_ensemble(trained, k), b = hf_trajectories_ensemble(trained, best);
        if (is_better(&a, &b, most))
            best = k;
    }
    return best;
}

double hf_trained_wrap(const hf_axis *axis, double x) {
    double length = axis->upper - axis->lower;
    return axis->periodic ? x - length * floor((x - axis->lower) / length) : x;
}

void hf_span_add_marginal(const hf_grid *grid, size_t d, const double *marginal, hf_span *out) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    double h = hf_grid_spacing(grid, d), highest = 0;
    for (size_t i = 0; i < axis->cells; i++)
        highest = fmax(highest, marginal[i]);
    for (size_t i = 0; i < axis->cells; i++)
        if (marginal[i] > VISIBLE * highest) {
            out->lower = fmin(out->lower, axis->lower + h * (double)i);
            out->upper = fmax(out->upper, axis->lower + h * (double)(i + 1));
        }
}

void hf_span_add_heads(const hf_grid *grid, size_t d, size_t heads, const double *theta, hf_span *out) {
    for (size_t i = 0; i < heads; i++) {
        double x = hf_trained_wrap(hf_grid_axis(grid, d), theta[i * hf_grid_dim(grid) + d]);
        out->lower = fmin(out->lower, x);
        out->upper = fmax(out->upper, x);
    }
}

void hf_span_finish(const hf_axis *axis, hf_span *out) {
    double margin = (out->upper - out->lower) / 20;
    if (axis->periodic || !(out->lower < out->upper))
        *out = (hf_span){axis->lower, axis->upper};
    else
        *out = (hf_span){out->lower - margin, out->upper + margin};
}

hf_status hf_trained_density(hf_error *error, const hf_figure_source *source, size_t output, double *rho) {
    HF_TRY(hf_solution_density(error, source->limit, output, rho));
    return hf_grid_make_positive(error, hf_solution_grid(source->limit), rho);
}

double hf_span_ticks(const hf_span *span, size_t most) {
    double least = (span->upper - span->lower) / (double)most, decade = pow(10, floor(log10(least)));
    double digit = least / decade;
    return decade * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}
