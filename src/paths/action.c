/* The action and its gradient. docs/paths.md (P3), (P4), (P6).
 *
 * With F F^T = K + T 1, K = sum_k mixed_k mixed_k^T where U_1 = C C^T and mixed_k = sum_pi C[pi, k] phi_pi;
 * then W_pi = F^-1 phi_pi gives G_pi,pi' = W_pi.W_pi' - (v.phi_pi).(v.phi_pi'), v = (K + T 1)^-1 y. The
 * entropy treats u_a as an order parameter U_{L+1} with one row. */
#include "paths/action.h"
#include "paths/cholesky.h"
#include "paths/features.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct level {
    size_t rows;            /* n_l */
    double *inverse;        /* R_l; shape (n_l, n_l) */
    double *trace;          /* Tr_{H_l} U_l; shape (n_{l+1}, n_{l+1}) */
    double log_determinant; /* of U_l */
    double condition;       /* of U_l */
} level;

struct hf_paths_action {
    hf_paths_network network;
    const hf_paths_features *features;
    const double *labels;
    level levels[HF_PATHS_LAYERS_MAX + 1]; /* the last is that of u_a */
    double *matrices;                      /* all of theirs, and two more of shape (M, M) */
    double *factor, *room;                 /* of U_1; shape (M, M) */
    double *mixed;                         /* shape (M, P, N_0) */
    double *kernel;                        /* K + T 1, then F; shape (P, P) */
    double *solved;                        /* v; shape (P) */
    double *projected;                     /* v.phi; shape (M, N_0) */
};

const hf_paths_network *hf_paths_action_network(const hf_paths_action *action) {
    return &action->network;
}

size_t hf_paths_action_examples(const hf_paths_action *action) {
    return action->features->count;
}

/* ---- making one ------------------------------------------------------------------------------------- */

void hf_paths_action_destroy(hf_paths_action **action) {
    if (action == NULL || *action == NULL)
        return;
    hf_array_destroy(&(*action)->matrices);
    hf_array_destroy(&(*action)->mixed);
    hf_array_destroy(&(*action)->kernel);
    hf_array_destroy(&(*action)->projected);
    free(*action);
    *action = NULL;
}

static hf_status allocate(hf_error *error, hf_paths_action *a) {
    const hf_paths_features *f = a->features;
    size_t L = a->network.layers, count = 2 * f->paths * f->paths;
    for (size_t l = 0; l <= L; l++) {
        a->levels[l].rows = hf_paths_rows(&a->network, l);
        count += 2 * a->levels[l].rows * a->levels[l].rows;
    }
    HF_TRY(hf_array_create(error, count, &a->matrices));
    HF_TRY(hf_array_create(error, f->paths * f->count * f->width, &a->mixed));
    HF_TRY(hf_array_create(error, f->count * f->count, &a->kernel));
    HF_TRY(hf_array_create(error, f->count + f->paths * f->width, &a->projected));
    a->solved = a->projected + f->paths * f->width;
    a->factor = a->matrices;
    a->room = a->factor + f->paths * f->paths;
    double *next = a->room + f->paths * f->paths;
    for (size_t l = 0; l <= L; l++) {
        size_t size = a->levels[l].rows * a->levels[l].rows;
        a->levels[l].inverse = next;
        a->levels[l].trace = next + size;
        next += 2 * size;
    }
    return HF_OK;
}

hf_status hf_paths_action_create(hf_error *error, const hf_paths_network *network,
                                 const hf_paths_features *features, const double *labels,
                                 hf_paths_action **out) {
    *out = NULL;
    HF_TRY(hf_paths_network_check(error, network));
    if (hf_paths_rows(network, 0) != features->paths)
        return hf_raise(error, HF_ERR_INPUT, "the features are of %zu paths; expected %zu, the network's",
                        features->paths, hf_paths_rows(network, 0));
    if (network->temperature == 0 && features->count > features->width * features->paths)
        return hf_raise(error, HF_ERR_INPUT,
                        "temperature 0 with %zu examples, more than %zu features times %zu paths: no kernel "
                        "of them is definite; expected a temperature > 0 or fewer examples",
                        features->count, features->width, features->paths);
    for (size_t p = 0; p < features->count; p++)
        if (!isfinite(labels[p]))
            return hf_raise(error, HF_ERR_INPUT, "the label of example %zu is %g; expected a finite number",
                            p + 1, labels[p]);
    HF_TRY(hf_allocate(error, 1, sizeof **out, (void *)out));
    **out = (hf_paths_action){.network = *network, .features = features, .labels = labels};
    hf_status status = allocate(error, *out);
    if (status != HF_OK)
        hf_paths_action_destroy(out);
    return status;
}

/* ---- the entropy ------------------------------------------------------------------------------------ */

/* Tr_h U[r, r'] = sum_h U[(h, r), (h, r')]. trace: shape (rows, rows) */
static void trace_heads(size_t heads, size_t rows, const double *order, double *trace) {
    size_t all = heads * rows;
    memset(trace, 0, rows * rows * sizeof *trace);
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < rows; j++)
                trace[i * rows + j] += order[(h * rows + i) * all + h * rows + j];
}

/* Inverses, traces and determinants of all U_l, and the factor of U_1. */
static hf_status decompose(hf_error *error, hf_paths_action *a, const double *order, double *readout) {
    const hf_paths_network *n = &a->network;
    size_t L = n->layers;
    for (size_t l = 0; l < L; l++) {
        level *at = &a->levels[l];
        const double *block = order + hf_paths_offset(n, l);
        char what[64];
        snprintf(what, sizeof what, "the order parameter of layer %zu", l + 1);
        memcpy(at->inverse, block, at->rows * at->rows * sizeof *block);
        HF_TRY(hf_cholesky(error, what, at->rows, at->inverse, &at->condition));
        if (l == 0)
            for (size_t i = 0; i < at->rows; i++)
                for (size_t j = 0; j < at->rows; j++)
                    a->factor[i * at->rows + j] = j <= i ? at->inverse[i * at->rows + j] : 0;
        at->log_determinant = hf_cholesky_log_determinant(at->rows, at->inverse);
        hf_cholesky_invert(at->rows, at->inverse);
        trace_heads(n->heads[l], at->rows / n->heads[l], block, at->trace);
    }
    *readout = hf_paths_readout_variance(n, order);
    a->levels[L].inverse[0] = 1 / *readout;
    a->levels[L].log_determinant = log(*readout);
    a->levels[L].condition = 1;
    return HF_OK;
}

/* size: of its terms, determinants by the condition of their matrix, to which rounding is proportional */
static double entropy(const hf_paths_action *a, double readout, double *size) {
    const hf_paths_network *n = &a->network;
    size_t L = n->layers;
    double sum = n->widths[L] * (readout / n->variances[L + 1] - log(readout));
    *size = n->widths[L] * (readout / n->variances[L + 1] + fabs(log(readout)));
    for (size_t l = 0; l < L; l++) {
        const level *at = &a->levels[l], *next = at + 1;
        double overlap = cblas_ddot((int)(next->rows * next->rows), next->inverse, 1, at->trace, 1);
        sum += n->widths[l] * (overlap / n->variances[l + 1] - at->log_determinant +
                               (double)n->heads[l] * next->log_determinant);
        *size += n->widths[l] * (overlap / n->variances[l + 1] + fabs(at->log_determinant) + at->condition +
                                 (double)n->heads[l] * (fabs(next->log_determinant) + next->condition));
    }
    return sum;
}

/* What U_l has to do with the layer after it. */
static void add_upper(const hf_paths_network *n, size_t l, const level *at, double *gradient) {
    const level *next = at + 1;
    double width = n->widths[l], scale = width / n->variances[l + 1];
    cblas_daxpy((int)(at->rows * at->rows), -width, at->inverse, 1, gradient, 1);
    for (size_t h = 0; h < n->heads[l]; h++)
        for (size_t i = 0; i < next->rows; i++)
            for (size_t j = 0; j < next->rows; j++)
                gradient[(h * next->rows + i) * at->rows + h * next->rows + j] +=
                    scale * next->inverse[i * next->rows + j];
}

/* What U_l, l > 1, has to do with the layer before it. room: two matrices of its shape */
static void add_lower(const hf_paths_network *n, size_t l, const level *at, double *room, double *product,
                      double *gradient) {
    const level *before = at - 1;
    int rows = (int)at->rows;
    double width = n->widths[l - 1];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, rows, rows, 1, at->inverse, rows,
                before->trace, rows, 0, room, rows);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, rows, rows, 1, room, rows, at->inverse, rows,
                0, product, rows);
    cblas_daxpy(rows * rows, width * (double)n->heads[l - 1], at->inverse, 1, gradient, 1);
    cblas_daxpy(rows * rows, -width / n->variances[l], product, 1, gradient, 1);
}

/* ---- the energy ------------------------------------------------------------------------------------- */

/* What (K + T 1)_pp v_p^2 sums to: the error of y.v over the unit of rounding. */
static double weigh(const hf_paths_action *a) {
    size_t P = a->features->count;
    double sum = 0;
    for (size_t p = 0; p < P; p++)
        sum += pow(cblas_dnrm2((int)p + 1, a->kernel + p * P, 1) * a->solved[p], 2);
    return sum;
}

/* F, v and the energy. size: as that of the entropy */
static hf_status condense(hf_error *error, hf_paths_action *a, double *energy, double *size) {
    const hf_paths_features *f = a->features;
    size_t P = f->count, N = f->width;
    hf_error inner = {0};
    double condition;
    hf_paths_mix(f, a->factor, a->mixed);
    for (size_t k = 0; k < f->paths; k++)
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)P, (int)N, 1, a->mixed + k * P * N, (int)N,
                    k > 0, a->kernel, (int)P);
    for (size_t p = 0; p < P; p++)
        a->kernel[p * P + p] += a->network.temperature;
    hf_status status = hf_cholesky(&inner, "the kernel of the examples", P, a->kernel, &condition);
    if (status != HF_OK)
        return hf_raise(error, status,
                        "%s, at temperature %g; expected a temperature > 0, or examples that "
                        "differ",
                        inner.message, a->network.temperature);
    memcpy(a->solved, a->labels, P * sizeof *a->solved);
    hf_cholesky_solve(P, a->kernel, a->solved);
    double determinant = hf_cholesky_log_determinant(P, a->kernel);
    *energy = determinant + cblas_ddot((int)P, a->labels, 1, a->solved, 1);
    *size = fabs(determinant) + condition + weigh(a);
    return HF_OK;
}

/* G of the head of the file, added to the gradient. */
static void add_energy(hf_paths_action *a, double *gradient) {
    const hf_paths_features *f = a->features;
    size_t P = f->count, N = f->width, M = f->paths, each = P * N;
    memcpy(a->mixed, f->phi, M * each * sizeof *a->mixed);
    for (size_t k = 0; k < M; k++) {
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)P, (int)N, 1, f->phi + k * each, (int)N, a->solved, 1, 0,
                    a->projected + k * N, 1);
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)P, (int)N, 1,
                    a->kernel, (int)P, a->mixed + k * each, (int)N);
    }
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)M, (int)each, 1, a->mixed, (int)each, 0,
                a->room, (int)M);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)M, (int)N, -1, a->projected, (int)N, 1, a->room,
                (int)M);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++)
            gradient[i * M + j] += a->room[i > j ? i * M + j : j * M + i];
}

/* ---- the whole -------------------------------------------------------------------------------------- */

hf_status hf_paths_action_evaluate(hf_error *error, hf_paths_action *action, const double *order,
                                   hf_paths_value *value, double *gradient) {
    const hf_paths_network *n = &action->network;
    HF_TRY(decompose(error, action, order, &value->readout));
    double sizes[2];
    HF_TRY(condense(error, action, &value->energy, &sizes[0]));
    value->entropy = entropy(action, value->readout, &sizes[1]);
    value->rounding = DBL_EPSILON * (sizes[0] + sizes[1]);
    if (gradient == NULL)
        return HF_OK;
    memset(gradient, 0, hf_paths_offset(n, n->layers) * sizeof *gradient);
    for (size_t l = 0; l < n->layers; l++) {
        double *block = gradient + hf_paths_offset(n, l);
        add_upper(n, l, &action->levels[l], block);
        if (l > 0)
            add_lower(n, l, &action->levels[l], action->room, action->factor, block);
    }
    add_energy(action, gradient);
    return HF_OK;
}
