/* W2 on a line and on a circle, exactly. docs/theory.md (20).
 *
 * The mass at u goes from A(u), the quantile of the cells, to B(u - s), that of the atoms. Between the cells'
 * and the atoms' cumulated masses A is linear and B constant, so that the cost C(s) is a sum over pieces. On
 * a line s = 0. On a circle both are continued by whole turns, A(u + 1) = A(u) + L, and W2^2 = min_s C(s); C
 * is convex with its minimum in [-1, 1] (Delon, Salomon, Sobolevski 2010). Its derivative adds, over the
 * masses G_j at which the atom changes from y_j to y_{j+1}, (A(G_j + s) - y_j)^2 - (A(G_j + s) - y_{j+1})^2.
 */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

typedef struct matching {
    double lower, spacing, length;
    size_t cells, count;
    const hf_atom *atoms;
    const double *below; /* shape (cells + 1): mass below each edge, 0 to 1 */
    const double *up_to; /* shape (count): mass of the atoms up to each, 0 to 1 */
} matching;

/* The atom whose mass is being filled, and the turn that it is on. */
typedef struct place {
    size_t atom;
    double turn;
} place;

typedef struct cost {
    double value, slope;
} cost;

/* 0, w_0, w_0 + w_1, .. over the total; the last is 1 exactly. w is read with a stride. */
static void cumulate(size_t count, const double *weight, size_t stride, double *sum) {
    double total = 0;
    for (size_t i = 0; i < count; i++)
        sum[i] = total += weight[i * stride];
    for (size_t i = 0; i < count; i++)
        sum[i] /= total;
}

/* The atom at mass u = 0: the first one whose end, up_to + turn + shift, lies above 0. */
static place first_place(const matching *m, double shift) {
    place p = {0, floor(-shift)};
    while (p.atom + 1 < m->count && m->up_to[p.atom] + p.turn + shift <= 0)
        p.atom++;
    return p;
}

static double position(const matching *m, place p) {
    return m->atoms[p.atom].point + m->length * p.turn;
}

static place next_place(const matching *m, place p) {
    return p.atom + 1 < m->count ? (place){p.atom + 1, p.turn} : (place){0, p.turn + 1};
}

/* C(s) and its derivative: cells in order, cut where the atom changes, each change counted once. */
static cost evaluate(const matching *m, double shift) {
    cost sum = {0, 0};
    place p = first_place(m, shift);
    size_t changes = 0;
    for (size_t i = 0; i < m->cells; i++) {
        double u = m->below[i], end = m->below[i + 1], x = m->lower + m->spacing * (double)i;
        double per_mass = m->spacing / (end - u); /* not used where the cell is empty */
        bool last = i + 1 == m->cells;
        while (u < end || (last && changes < m->count)) {
            double change = m->up_to[p.atom] + p.turn + shift;
            bool here = changes < m->count && (change <= end || (last && u >= end));
            double stop = fmin(fmax(here ? change : end, u), end);
            double y = position(m, p), a = x - y;
            if (stop > u) {
                x += per_mass * (stop - u);
                sum.value += (stop - u) * (a * a + a * (x - y) + (x - y) * (x - y)) / 3;
            }
            u = stop;
            if (here) {
                p = next_place(m, p);
                double z = position(m, p);
                sum.slope += (z - y) * (2 * x - y - z);
                changes++;
            }
        }
    }
    return sum;
}

static double best_shift(const matching *m) {
    double low = -1, high = 1;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (evaluate(m, middle).slope < 0)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

hf_status hf_wasserstein2(hf_error *error, const hf_axis *axis, const double *cell_mass, size_t count,
                          const hf_atom *atoms, double *distance) {
    double *below;
    HF_TRY(hf_array_create(error, axis->cells + 1 + count, &below));
    double *up_to = below + axis->cells + 1, length = axis->upper - axis->lower;
    cumulate(axis->cells, cell_mass, 1, below + 1);
    cumulate(count, &atoms[0].mass, sizeof *atoms / sizeof(double), up_to);
    matching m = {axis->lower, length / (double)axis->cells, length, axis->cells, count, atoms, below, up_to};
    *distance = sqrt(evaluate(&m, axis->periodic ? best_shift(&m) : 0).value);
    hf_array_destroy(&below);
    return HF_OK;
}
