/* The minimum of a potential over a box, found and proved: branch and bound over the attention coordinates.
 * docs/numerics.md (31)-(32).
 *
 *     Psi(alpha, v) = G_0(alpha) + sum_j v_j G_j(alpha) + ridge,    m(alpha) = min over v in the box of Psi
 *
 * m is a sum of G_0, the ridge in alpha and, for each value coordinate, psi_j(G_j), a concave function of one
 * number. A cell of alpha is bounded from below by the tangent of all this at its centre, less what second
 * derivatives can take away. Cells whose bound is not below the lowest value seen, less the tolerance, are
 * done with; the others are halved. Of rounding, `bound` allows for as much as
 * sums of this size show. */
#include "attention/forms.h"
#include "attention/model.h"
#include "base/simd.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_MAX = HF_ATTENTION_MAX,
    K_MAX = HF_FEATURES_MAX,
    NUMBERS_MAX = K_MAX + HF_TERMS_MAX, /* of a token: its scores S_k, then its shares b_j */
    BOXES_MAX = 200000,
    ROUNDING = 4, /* units of a sum's rounding by which the bound is lowered */
    POLISH_STEPS = 40,
    LANES = 8,
    CHANGE_MAX = 600, /* of scores over a cell, below which attention that underflows may be left out */
    TOKENS_FOR_THREADS = 20000 /* tokens to look at, from which threads are worth their start */
};

typedef struct search {
    const hf_model *model;
    const double *projection; /* of the residual: shape (E, width, 1 + n_v) */
    size_t n, m;              /* numbers of attention and value coordinates */
    double lower[HF_DIM_MAX], upper[HF_DIM_MAX];
    double ridge[HF_DIM_MAX]; /* lambda on ridged coordinates, else 0 */
    double *rows;             /* S_0, S_k, b_j of each token: shape (tokens, 1 + K + 1 + n_v) */
    double *range;            /* of S_k and b_j over the tokens of an event: shape (E, K + 1 + n_v) */
    double magnitude;         /* of the numbers that sum to Psi: rounding is relative to it */
} search;

/* ---- over the value coordinates ---------------------------------------------------------------------- */

/* psi(g) = min over v in [lower, upper] of v g + (lambda/2) v^2 of value coordinate j, and where it is. */
static double least_over_value(const search *s, size_t j, double g, double *v) {
    double ridge = s->ridge[s->n + j], lower = s->lower[s->n + j], upper = s->upper[s->n + j];
    *v = g > 0 ? lower : upper;
    if (ridge > 0)
        *v = fmin(fmax(-g / ridge, lower), upper);
    return *v * (g + 0.5 * ridge * *v);
}

/* How far psi can fall below its tangent at g when its argument changes by at most `change`: psi is concave,
 * so that the distance is convex and largest at an end. */
static double largest_kink(const search *s, size_t j, double g, double change) {
    double v, moved, value = least_over_value(s, j, g, &v);
    double ahead = value + v * change - least_over_value(s, j, g + change, &moved);
    double behind = value - v * change - least_over_value(s, j, g - change, &moved);
    return fmax(0, fmax(ahead, behind));
}

/* ---- a point ----------------------------------------------------------------------------------------- */

/* Coefficients of the potential at alpha, the minimising v, and m. */
typedef struct point {
    double theta[HF_DIM_MAX], value;
    double g[HF_TERMS_MAX], dg[HF_TERMS_MAX * N_MAX], d2g[HF_TERMS_MAX * N_MAX * N_MAX];
} point;

/* v and m from alpha and the coefficients. */
static void minimise_over_values(const search *s, point *p) {
    p->value = p->g[0];
    for (size_t a = 0; a < s->n; a++)
        p->value += 0.5 * s->ridge[a] * p->theta[a] * p->theta[a];
    for (size_t j = 0; j < s->m; j++)
        p->value += least_over_value(s, j, p->g[1 + j], &p->theta[s->n + j]);
}

static void look(const search *s, const double *alpha, point *p) {
    memcpy(p->theta, alpha, s->n * sizeof *alpha);
    hf_model_coefficients(s->model, s->projection, alpha, p->g, p->dg, p->d2g);
    minimise_over_values(s, p);
}

/* dm/dalpha_a without the ridge: that of Psi at the minimising v. */
static double slope(const search *s, const point *p, size_t a) {
    double sum = p->dg[a];
    for (size_t j = 0; j < s->m; j++)
        sum += p->theta[s->n + j] * p->dg[(1 + j) * s->n + a];
    return sum;
}

/* ---- cells --------------------------------------------------------------------------------------------- */

typedef struct cell {
    double center[N_MAX], half[N_MAX];
    double bound;  /* m is nowhere lower in the cell */
    double value;  /* m at the centre */
    size_t widest; /* the axis that costs the bound most */
} cell;

/* A number for each of some cells, side by side: events see them together, as vector operations. */
typedef double lanes[LANES];

/* Cells in the features: centres, how far the features go from there, coefficients G_j and their slopes at
 * the centres, and bounds in the cells: |dG_j/dphi_k| <= first[j][k] and |u . d2G_j/dphi2 . u| <=
 * sum_kl second[j][k][l] |u_k| |u_l|. */
typedef struct block {
    lanes phi[K_MAX], reach[K_MAX];
    lanes g[HF_TERMS_MAX], dg[HF_TERMS_MAX][K_MAX];
    lanes first[HF_TERMS_MAX][K_MAX], second[HF_TERMS_MAX][K_MAX][K_MAX];
} block;

/* Of an event in each cell: attention-weighted means and deviations of its numbers S_k, b_j, and covariances
 * of b_j and S_k. */
typedef struct moments {
    lanes mean[NUMBERS_MAX], deviation[NUMBERS_MAX], covariance[HF_TERMS_MAX][K_MAX];
} moments;

static inline void scores(size_t K, const double *row, const lanes *phi, double *restrict score) {
    for (size_t i = 0; i < LANES; i++)
        score[i] = row[0];
    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < LANES; i++)
            score[i] += phi[k][i] * row[1 + k];
}

/* Score and numbers of the top-scoring token. */
static inline void find_top(size_t K, size_t numbers, size_t length, const double *rows, const lanes *phi,
                            double *restrict top, lanes *restrict number) {
    scores(K, rows, phi, top);
    for (size_t x = 0; x < numbers; x++)
        for (size_t i = 0; i < LANES; i++)
            number[x][i] = rows[1 + x];
    for (size_t t = 1; t < length; t++) {
        const double *row = rows + t * (1 + numbers);
        lanes score;
        scores(K, row, phi, score);
        for (size_t x = 0; x < numbers; x++)
            for (size_t i = 0; i < LANES; i++)
                number[x][i] = score[i] > top[i] ? row[1 + x] : number[x][i];
        for (size_t i = 0; i < LANES; i++)
            top[i] = score[i] > top[i] ? score[i] : top[i];
    }
}

/* All sums are of differences from the top token: no cancellation where attention is sharp. */
HF_CLONES static void take_moments(size_t K, size_t terms, size_t length, const double *rows,
                                   const lanes *phi, moments *restrict out) {
    size_t numbers = K + terms;
    lanes top, origin[NUMBERS_MAX], total = {0}, square[NUMBERS_MAX] = {{0}}, x[NUMBERS_MAX];
    memset(out, 0, sizeof *out);
    find_top(K, numbers, length, rows, phi, top, origin);
    for (size_t t = 0; t < length; t++) {
        const double *row = rows + t * (1 + numbers);
        lanes p;
        scores(K, row, phi, p);
#pragma omp simd
        for (size_t i = 0; i < LANES; i++)
            p[i] = exp(p[i] - top[i]);
        for (size_t i = 0; i < LANES; i++)
            total[i] += p[i];
        for (size_t n = 0; n < numbers; n++)
            for (size_t i = 0; i < LANES; i++) {
                x[n][i] = row[1 + n] - origin[n][i];
                out->mean[n][i] += p[i] * x[n][i];
                square[n][i] += p[i] * x[n][i] * x[n][i];
            }
        for (size_t j = 0; j < terms; j++)
            for (size_t k = 0; k < K; k++)
                for (size_t i = 0; i < LANES; i++)
                    out->covariance[j][k][i] += p[i] * x[K + j][i] * x[k][i];
    }
    for (size_t i = 0; i < LANES; i++)
        total[i] = 1 / total[i];
    for (size_t n = 0; n < numbers; n++)
        for (size_t i = 0; i < LANES; i++) {
            double mean = out->mean[n][i] * total[i], variance = square[n][i] * total[i] - mean * mean;
            out->mean[n][i] = mean;
            out->deviation[n][i] = sqrt(variance > 0 ? variance : 0);
        }
    for (size_t j = 0; j < terms; j++)
        for (size_t k = 0; k < K; k++)
            for (size_t i = 0; i < LANES; i++)
                out->covariance[j][k][i] =
                    out->covariance[j][k][i] * total[i] - out->mean[K + j][i] * out->mean[k][i];
    for (size_t n = 0; n < numbers; n++)
        for (size_t i = 0; i < LANES; i++)
            out->mean[n][i] += origin[n][i];
}

/* From deviations at the centre to bounds in the cell: weights grow by at most exp(change), change = sum_k
 * reach_k range_k, and so do variances; a deviation is never above half the range. */
static inline void widen(size_t K, size_t numbers, const double *range, const lanes *reach,
                         lanes *deviation) {
    lanes change = {0}, growth;
    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < LANES; i++)
            change[i] += reach[k][i] * range[k];
#pragma omp simd
    for (size_t i = 0; i < LANES; i++)
        growth[i] = exp(0.5 * (change[i] < CHANGE_MAX ? change[i] : CHANGE_MAX));
    for (size_t n = 0; n < numbers; n++)
        for (size_t i = 0; i < LANES; i++) {
            double widest = 0.5 * range[n], grown = growth[i] * deviation[n][i];
            deviation[n][i] = change[i] < CHANGE_MAX && grown < widest ? grown : widest;
        }
}

/* The second derivative of E[b] along u is Cov(X^2, b), X = u . (S - E S): at most factor (sum_k |u_k| p_k)
 * (sum_k |u_k| q_k) in three ways, of which the best for u = reach is added to sum: shape (K, K). (31) */
static inline void add_second(size_t K, const lanes *reach, const double *range, const lanes *deviation,
                              double share_range, const double *share_deviation,
                              lanes (*restrict sum)[K_MAX]) {
    lanes wide = {0}, narrow = {0}, factor, p[K_MAX], q[K_MAX];
    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < LANES; i++) {
            wide[i] += reach[k][i] * range[k];
            narrow[i] += reach[k][i] * deviation[k][i];
        }
    for (size_t i = 0; i < LANES; i++) {
        double by_ranges = 0.125 * share_range * wide[i] * wide[i];
        double by_variance = share_range * narrow[i] * narrow[i];
        double by_deviations = share_deviation[i] * wide[i] * narrow[i];
        bool variance = by_variance < by_ranges && by_variance <= by_deviations;
        bool deviations = !variance && by_deviations < by_ranges;
        factor[i] = variance ? share_range : deviations ? share_deviation[i] : 0.125 * share_range;
        for (size_t k = 0; k < K; k++) {
            p[k][i] = variance ? deviation[k][i] : range[k];
            q[k][i] = variance || deviations ? deviation[k][i] : range[k];
        }
    }
    for (size_t k = 0; k < K; k++)
        for (size_t l = 0; l < K; l++)
            for (size_t i = 0; i < LANES; i++)
                sum[k][l][i] += 0.5 * factor[i] * (p[k][i] * q[l][i] + p[l][i] * q[k][i]);
}

/* Adds an event of `length` tokens. rows: S_0, S_k, b_j of each, shape (length, 1 + K + terms); range: of
 * S_k and b_j, shape (K + terms) */
HF_CLONES static void add_event(size_t K, size_t terms, size_t length, const double *rows,
                                const double *range, block *restrict b) {
    moments m;
    take_moments(K, terms, length, rows, b->phi, &m);
    widen(K, K + terms, range, b->reach, m.deviation);
    for (size_t j = 0; j < terms; j++) {
        for (size_t i = 0; i < LANES; i++)
            b->g[j][i] += m.mean[K + j][i];
        for (size_t k = 0; k < K; k++)
            for (size_t i = 0; i < LANES; i++) {
                b->dg[j][k][i] += m.covariance[j][k][i];
                b->first[j][k][i] += m.deviation[k][i] * m.deviation[K + j][i];
            }
        add_second(K, b->reach, range, m.deviation, range[K + j], m.deviation[K + j], b->second[j]);
    }
}

/* Bounds of the derivatives of the features in a cell, and its lane of the block. */
typedef struct chain {
    double dphi[K_MAX * N_MAX], first[K_MAX * N_MAX], second[K_MAX * N_MAX * N_MAX];
} chain;

static void enter(const search *s, const cell *c, size_t lane, block *b, chain *out) {
    double lower[N_MAX], upper[N_MAX], phi[K_MAX];
    for (size_t a = 0; a < s->n; a++) {
        lower[a] = c->center[a] - c->half[a];
        upper[a] = c->center[a] + c->half[a];
    }
    s->model->form->features(s->n, c->center, phi, out->dphi, NULL);
    s->model->form->bounds(s->n, lower, upper, out->first, out->second);
    for (size_t k = 0; k < s->model->features; k++) {
        b->phi[k][lane] = phi[k];
        b->reach[k][lane] = 0;
        for (size_t a = 0; a < s->n; a++)
            b->reach[k][lane] += out->first[k * s->n + a] * c->half[a];
    }
}

/* m and the slopes of the coefficients at the centre, and K[j] with |u . d2G_j/dalpha2 . u| <= sum_ab
 * K_ab |u_a| |u_b| in the cell: chain rule through the features. */
static void leave(const search *s, const cell *c, size_t lane, const block *b, const chain *through, point *p,
                  double K[HF_TERMS_MAX][N_MAX][N_MAX]) {
    size_t n = s->n, features = s->model->features;
    const double *first = through->first, *second = through->second;
    memset(p->dg, 0, sizeof p->dg);
    memset(K, 0, HF_TERMS_MAX * sizeof *K);
    for (size_t j = 0; j <= s->m; j++) {
        p->g[j] = b->g[j][lane];
        for (size_t a = 0; a < n; a++)
            for (size_t k = 0; k < features; k++) {
                p->dg[j * n + a] += b->dg[j][k][lane] * through->dphi[k * n + a];
                for (size_t d = 0; d < n; d++) {
                    K[j][a][d] += b->first[j][k][lane] * second[(k * n + a) * n + d];
                    for (size_t l = 0; l < features; l++)
                        K[j][a][d] += b->second[j][k][l][lane] * first[k * n + a] * first[l * n + d];
                }
            }
    }
    memcpy(p->theta, c->center, n * sizeof *p->theta);
    minimise_over_values(s, p);
}

/* min over |x| <= half of slope x + (ridge/2) ((center + x)^2 - center^2) - (curvature/2) x^2. */
static double least_along(double slope, double ridge, double center, double curvature, double half) {
    double bend = ridge - curvature, push = fabs(slope + ridge * center);
    if (bend > 0 && push < bend * half)
        return -0.5 * push * push / bend;
    return 0.5 * bend * half * half - push * half;
}

/* Bounds m on a cell from below, (32). Mixed terms K_ab |x_a x_b| are at most (K_ab/2)(x_a^2 r_b/r_a + x_b^2
 * r_a/r_b), which makes the bound a sum over axes and loses nothing at the corners. */
static void bound_cell(const search *s, const point *p, double K[HF_TERMS_MAX][N_MAX][N_MAX], cell *c) {
    size_t n = s->n;
    double along[N_MAX] = {0}, cost[N_MAX] = {0};
    c->value = c->bound = p->value;
    for (size_t j = 0; j <= s->m; j++) {
        double part[N_MAX], change = 0; /* of G_j */
        for (size_t a = 0; a < n; a++) {
            double row = 0;
            for (size_t b = 0; b < n; b++)
                row += K[j][a][b] * c->half[b];
            along[a] += (j == 0 ? 1 : fabs(p->theta[n + j - 1])) * row / c->half[a];
            part[a] = (fabs(p->dg[j * n + a]) + 0.5 * row) * c->half[a];
            change += part[a];
        }
        double kink = j == 0 ? 0 : largest_kink(s, j - 1, p->g[j], change);
        c->bound -= kink;
        for (size_t a = 0; a < n && kink > 0; a++)
            cost[a] += kink * part[a] / change;
    }
    c->widest = 0;
    for (size_t a = 0; a < n; a++) {
        double lost = -least_along(slope(s, p, a), s->ridge[a], c->center[a], along[a], c->half[a]);
        c->bound -= lost;
        cost[a] += lost;
        c->widest = cost[a] > cost[c->widest] ? a : c->widest;
    }
    if (isnan(c->bound))
        c->bound = -INFINITY;
}

/* Up to LANES cells; the first of them stands in for those that lack. */
static void bound_block(const search *s, size_t count, cell *cells) {
    const hf_events *events = s->model->events;
    size_t features = s->model->features, terms = 1 + s->m, numbers = features + terms;
    block b = {0};
    chain through[LANES];
    for (size_t i = 0; i < LANES; i++)
        enter(s, &cells[i < count ? i : 0], i, &b, &through[i]);
    for (size_t e = 0; e < hf_events_count(events); e++)
        add_event(features, terms, hf_events_length(events, e),
                  s->rows + s->model->first_token[e] * (1 + numbers), s->range + e * numbers, &b);
    for (size_t i = 0; i < count; i++) {
        point p;
        double K[HF_TERMS_MAX][N_MAX][N_MAX];
        leave(s, &cells[i], i, &b, &through[i], &p, K);
        bound_cell(s, &p, K, &cells[i]);
    }
}

/* The cells of a level do not know of each other: the result does not depend on the number of threads. */
static void bound_level(const search *s, size_t count, cell *cells) {
    size_t tokens = hf_events_tokens_total(s->model->events), blocks = (count + LANES - 1) / LANES;
#pragma omp parallel for schedule(static) if (blocks > 1 && blocks * tokens >= TOKENS_FOR_THREADS)
    for (size_t i = 0; i < blocks; i++)
        bound_block(s, i + 1 < blocks ? LANES : count - i * LANES, cells + i * LANES);
}

/* ---- from a point to the bottom of its basin ---------------------------------------------------------- */

/* Solves H x = b in place by Cholesky's factors, lower triangle. False when H is not positive definite. */
static bool solve_positive(size_t n, double H[N_MAX][N_MAX], double *b) {
    for (size_t a = 0; a < n; a++)
        for (size_t c = 0; c <= a; c++) {
            double sum = H[a][c];
            for (size_t k = 0; k < c; k++)
                sum -= H[a][k] * H[c][k];
            if (a == c && !(sum > 0))
                return false;
            H[a][c] = a == c ? sqrt(sum) : sum / H[c][c];
        }
    for (size_t a = 0; a < n; a++) {
        for (size_t k = 0; k < a; k++)
            b[a] -= H[a][k] * b[k];
        b[a] /= H[a][a];
    }
    for (size_t a = n; a-- > 0;) {
        for (size_t k = a + 1; k < n; k++)
            b[a] -= H[k][a] * b[k];
        b[a] /= H[a][a];
    }
    return true;
}

/* Hessian of m: value coordinates between their walls follow alpha, by Schur's complement. */
static void hessian(const search *s, const point *p, double H[N_MAX][N_MAX]) {
    size_t n = s->n;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            H[a][b] = p->d2g[a * n + b] + (a == b ? s->ridge[a] : 0);
            for (size_t j = 1; j <= s->m; j++) {
                size_t d = n + j - 1;
                H[a][b] += p->theta[d] * p->d2g[(j * n + a) * n + b];
                if (s->ridge[d] > 0 && p->theta[d] > s->lower[d] && p->theta[d] < s->upper[d])
                    H[a][b] -= p->dg[j * n + a] * p->dg[j * n + b] / s->ridge[d];
            }
        }
}

/* Newton's step from p, cut to the box, with so much of its own size added to the Hessian: `shift`, or more
 * if it is not positive definite then. Axes that a wall holds stay. Returns whether it leads down, and sets
 * what a step down the slope would gain. */
static bool newton_step(const search *s, const point *p, double *shift, double *moved, double *gain) {
    size_t n = s->n;
    double H[N_MAX][N_MAX], shifted[N_MAX][N_MAX], down[N_MAX], step[N_MAX], size = DBL_MIN, ahead = 0;
    hessian(s, p, H);
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++)
            size = fmax(size, (double)n * fabs(H[a][b]));
    *gain = 0;
    for (size_t a = 0; a < n; a++) {
        down[a] = -(slope(s, p, a) + s->ridge[a] * p->theta[a]);
        if (down[a] < 0 ? p->theta[a] <= s->lower[a] : p->theta[a] >= s->upper[a]) {
            down[a] = 0;
            for (size_t b = 0; b < n; b++)
                H[a][b] = H[b][a] = a == b ? size : 0;
        }
        *gain += down[a] * down[a] / size;
    }
    for (bool solved = false; !solved;) {
        memcpy(step, down, sizeof step);
        memcpy(shifted, H, sizeof H);
        for (size_t a = 0; a < n; a++)
            shifted[a][a] += *shift * size;
        solved = solve_positive(n, shifted, step);
        if (!solved && *shift > 1)
            return false; /* not numbers */
        if (!solved)
            *shift = fmax(4 * *shift, 0.05);
    }
    for (size_t a = 0; a < n; a++) {
        moved[a] = fmin(fmax(p->theta[a] + step[a], s->lower[a]), s->upper[a]);
        ahead += down[a] * (moved[a] - p->theta[a]);
    }
    return ahead > 0;
}

/* Levenberg's method: a step is taken if it leads lower, else the shift grows. */
static void polish(const search *s, const double *alpha, point *best) {
    double shift = 0, moved[N_MAX], gain;
    point p, q;
    look(s, alpha, &p);
    for (size_t i = 0; i < POLISH_STEPS; i++) {
        bool down = newton_step(s, &p, &shift, moved, &gain);
        if (gain <= DBL_EPSILON * s->magnitude)
            break;
        if (down)
            look(s, moved, &q);
        if (down && q.value < p.value) {
            p = q;
            shift = shift > 0.05 ? 0.1 * shift : 0;
        } else
            shift = fmax(10 * shift, 0.05);
    }
    if (p.value < best->value)
        *best = p;
}

/* ---- the search --------------------------------------------------------------------------------------- */

/* Numbers of all tokens and their ranges in the events, and what they sum to at most. The share b_j =
 * w_e r_e . W_j x of a token is what it gives to G_j = sum_e E[b_j]. */
static void measure_events(search *s) {
    const hf_model *model = s->model;
    size_t K = model->features, width = model->width, terms = 1 + s->m, numbers = K + terms;
    double size[HF_TERMS_MAX] = {0};
    for (size_t e = 0; e < hf_events_count(model->events); e++) {
        const double *tokens = hf_events_tokens(model->events, e), *Q = s->projection + e * width * terms;
        double low[NUMBERS_MAX], high[NUMBERS_MAX];
        for (size_t t = 0; t < hf_events_length(model->events, e); t++) {
            size_t token = model->first_token[e] + t;
            double *row = s->rows + token * (1 + numbers), *number = row + 1;
            memcpy(row, model->score + token * (1 + K), (1 + K) * sizeof *row);
            for (size_t i = 0; i < width; i++)
                for (size_t j = 0; j < terms; j++)
                    number[K + j] += tokens[t * width + i] * Q[i * terms + j];
            for (size_t i = 0; i < numbers; i++) {
                low[i] = t == 0 ? number[i] : fmin(low[i], number[i]);
                high[i] = t == 0 ? number[i] : fmax(high[i], number[i]);
                s->range[e * numbers + i] = high[i] - low[i];
            }
        }
        for (size_t j = 0; j < terms; j++)
            size[j] += fmax(fabs(low[K + j]), fabs(high[K + j]));
    }
    s->magnitude = size[0];
    for (size_t d = 0; d < s->n + s->m; d++) {
        double x = fmax(fabs(s->lower[d]), fabs(s->upper[d]));
        s->magnitude += 0.5 * s->ridge[d] * x * x + (d < s->n ? 0 : x * size[1 + d - s->n]);
    }
}

static void halve(const cell *whole, cell half[2]) {
    size_t a = whole->widest;
    for (int side = 0; side < 2; side++) {
        half[side] = *whole;
        half[side].half[a] = 0.5 * whole->half[a];
        half[side].center[a] += side == 0 ? -half[side].half[a] : half[side].half[a];
    }
}

/* Looks at a level of cells: lowers best and bound, and leaves the cells that may hold a lower value, in
 * front. Returns their number. */
static size_t search_level(const search *s, double tolerance, size_t count, cell *cells, point *best,
                           double *bound) {
    size_t lowest = 0, kept = 0;
    bound_level(s, count, cells);
    for (size_t i = 1; i < count; i++)
        lowest = cells[i].value < cells[lowest].value ? i : lowest;
    if (cells[lowest].value < best->value)
        polish(s, cells[lowest].center, best);
    for (size_t i = 0; i < count; i++)
        if (cells[i].bound < best->value - tolerance)
            cells[kept++] = cells[i];
        else
            *bound = fmin(*bound, cells[i].bound);
    return kept;
}

static hf_status branch_and_bound(hf_error *error, const search *s, double tolerance, hf_lowest *out) {
    point best = {.value = INFINITY};
    size_t count = 1;
    cell *cells, *next;
    HF_TRY(hf_allocate(error, 1, sizeof *cells, &cells));
    for (size_t a = 0; a < s->n; a++) {
        cells->center[a] = 0.5 * (s->lower[a] + s->upper[a]);
        cells->half[a] = 0.5 * (s->upper[a] - s->lower[a]);
    }
    double rounding = ROUNDING * DBL_EPSILON * s->magnitude;
    tolerance = fmax(tolerance - rounding, 2 * rounding);
    out->bound = INFINITY;
    hf_status status = HF_OK;
    for (;;) {
        size_t kept = search_level(s, tolerance, count, cells, &best, &out->bound);
        out->boxes += count;
        if (kept == 0)
            break;
        if (out->boxes + 2 * kept > BOXES_MAX) {
            for (size_t i = 0; i < kept; i++)
                out->bound = fmin(out->bound, cells[i].bound);
            break;
        }
        status = hf_allocate(error, 2 * kept, sizeof *next, &next);
        if (status != HF_OK)
            break;
        for (size_t i = 0; i < kept; i++)
            halve(&cells[i], next + 2 * i);
        free(cells);
        cells = next;
        count = 2 * kept;
    }
    free(cells);
    memcpy(out->theta, best.theta, (s->n + s->m) * sizeof *out->theta);
    return status;
}

/* The box of the search is that of the grid. */
static void set_box(search *s, const hf_grid *grid) {
    s->n = s->model->alphas;
    s->m = s->model->values;
    for (size_t d = 0; d < s->n + s->m; d++) {
        s->lower[d] = hf_grid_axis(grid, d)->lower;
        s->upper[d] = hf_grid_axis(grid, d)->upper;
        s->ridge[d] = hf_model_ridged(s->model, d) ? s->model->ridge : 0;
    }
}

/* Where no ridge tells points of the same features apart, search the features: they are the attention
 * coordinates of an affine model. */
static void set_box_of_features(search *s, hf_model *affine) {
    double lower[K_MAX], upper[K_MAX];
    size_t n = s->n, K = affine->features;
    affine->form->image(s->lower, s->upper, lower, upper);
    affine->form = &hf_form_affine;
    affine->alphas = s->n = K;
    s->model = affine;
    memmove(s->lower + K, s->lower + n, s->m * sizeof *s->lower);
    memmove(s->upper + K, s->upper + n, s->m * sizeof *s->upper);
    memmove(s->ridge + K, s->ridge + n, s->m * sizeof *s->ridge);
    memcpy(s->lower, lower, K * sizeof *lower);
    memcpy(s->upper, upper, K * sizeof *upper);
}

/* From the features that were found to attention coordinates. */
static void lift(const hf_model *model, const hf_grid *grid, double *theta) {
    search s = {.model = model};
    double phi[K_MAX];
    set_box(&s, grid);
    memcpy(phi, theta, model->features * sizeof *phi);
    memmove(theta + s.n, theta + model->features, s.m * sizeof *theta);
    model->form->preimage(s.lower, s.upper, phi, theta);
}

static hf_status search_box(hf_error *error, search *s, double tolerance, hf_lowest *out) {
    const hf_events *events = s->model->events;
    size_t numbers = s->model->features + 1 + s->m;
    hf_status status = hf_array_create(error, hf_events_tokens_total(events) * (1 + numbers), &s->rows);
    if (status == HF_OK)
        status = hf_array_create(error, hf_events_count(events) * numbers, &s->range);
    if (status == HF_OK) {
        measure_events(s);
        status = branch_and_bound(error, s, tolerance, out);
    }
    hf_array_destroy(&s->rows);
    hf_array_destroy(&s->range);
    return status;
}

hf_status hf_model_lowest(hf_error *error, const hf_model *model, const hf_grid *grid, const double *residual,
                          double tolerance, hf_lowest *out) {
    bool by_features = model->form->image != NULL && model->ridge == 0;
    hf_model affine = *model;
    search s = {.model = model};
    double *projection;
    *out = (hf_lowest){0};
    HF_TRY(hf_array_create(error, hf_model_projection_size(model), &projection));
    hf_model_project_residual(model, residual, projection);
    s.projection = projection;
    set_box(&s, grid);
    if (by_features)
        set_box_of_features(&s, &affine);
    hf_status status = search_box(error, &s, tolerance, out);
    if (by_features)
        lift(model, grid, out->theta);
    out->value = hf_model_potential(model, projection, out->theta, NULL, NULL);
    out->bound = fmin(out->bound, out->value) - ROUNDING * DBL_EPSILON * s.magnitude;
    hf_array_destroy(&projection);
    return status;
}
