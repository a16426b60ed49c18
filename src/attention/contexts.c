/* Rows of the context matrix, docs/numerics.md (2). */
#include "attention/contexts.h"

#include "base/pack.h"

enum { GAUSS_MAX = 3 };

/* Quadrature of a function over a cell, along an axis: nodes in half cell widths from the centre. */
static const struct quadrature {
    size_t points;
    double node[GAUSS_MAX], mass[GAUSS_MAX];
} quadratures[] = {
    [HF_CELL_MEANS] = {3,
                       {-0.77459666924148337704, 0, 0.77459666924148337704},
                       {5.0 / 18, 8.0 / 18, 5.0 / 18}},
    [HF_POINT_VALUES] = {1, {0}, {1}},
};

hf_contexts hf_contexts_of(const hf_model *model, const hf_grid *grid, hf_sampling sampling) {
    hf_contexts c = {.model = model, .grid = grid, .sampling = sampling, .rows = 1, .nodes = 1};
    for (size_t d = 0; d < model->alphas; d++) {
        c.rows *= hf_grid_axis(grid, d)->cells;
        c.nodes *= quadratures[sampling].points;
    }
    c.block = HF_ATTEND / c.nodes;
    return c;
}

void hf_contexts_place(const hf_contexts *contexts, size_t count, const size_t *row, hf_cells *cells) {
    const struct quadrature *rule = &quadratures[contexts->sampling];
    size_t n = contexts->model->alphas, K = contexts->model->features;
    cells->count = count;
    memset(cells->phi, 0, sizeof cells->phi);
    for (size_t q = 0; q < contexts->nodes; q++)
        for (size_t r = 0; r < count; r++) {
            double alpha[HF_ATTENTION_MAX], phi[HF_FEATURES_MAX], mass = 1;
            size_t rest_node = q, rest_row = row[r];
            for (size_t d = n; d-- > 0;) {
                size_t axis_cells = hf_grid_axis(contexts->grid, d)->cells, node = rest_node % rule->points;
                alpha[d] = hf_grid_center(contexts->grid, d, rest_row % axis_cells) +
                           0.5 * hf_grid_spacing(contexts->grid, d) * rule->node[node];
                mass *= rule->mass[node];
                rest_node /= rule->points;
                rest_row /= axis_cells;
            }
            cells->mass[q] = mass;
            contexts->model->form->features(n, alpha, phi, NULL, NULL);
            for (size_t k = 0; k < K; k++)
                cells->phi[k][q * count + r] = phi[k];
        }
}

/* Means over the nodes of contexts that `total` has yet to divide. */
static inline void average(const hf_cells *cells, size_t nodes, const double *restrict context,
                           const double *restrict total, double *restrict out) {
    size_t count = cells->count;
    for (size_t r = 0; r < count; r++)
        out[r] = 0;
    for (size_t q = 0; q < nodes; q++)
        for (size_t r = 0; r < count; r++)
            out[r] += cells->mass[q] * (context[q * count + r] / total[q * count + r]);
}

HF_CLONES void hf_contexts_fill(const hf_contexts *contexts, const hf_cells *cells, size_t event,
                                size_t width, const double *tokens, double *out) {
    const hf_model *model = contexts->model;
    size_t K = model->features;
    double context[HF_WIDTH_MAX][HF_ATTEND], total[HF_ATTEND];
    /* whole vectors: a remainder has another exp, and contexts would depend on their neighbours in the block
     */
    size_t points = (contexts->nodes * cells->count + HF_PACK - 1) / HF_PACK * HF_PACK;
    hf_attend_contexts(points, K, width, hf_events_length(model->events, event),
                       model->score + model->first_token[event] * (1 + K), tokens, cells->phi[0], HF_ATTEND,
                       context, total);
    for (size_t i = 0; i < width; i++)
        average(cells, contexts->nodes, context[i], total, out + i * cells->count);
}
