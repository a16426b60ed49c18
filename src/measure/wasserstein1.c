/* W1 on a line and on a circle, exactly. docs/theory.md (19).
 *
 * F - G is piecewise linear between the union of the cells' edges and the points; its absolute value is
 * integrated piece by piece. On a circle W1 = min_c int |F - G - c| (Rabin, Delon, Gousseau 2011): c is a
 * median of F - G. */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

/* A piece of F - G: its length and its values at both ends. */
typedef struct piece {
    double length, left, right;
} piece;

/* int |left + (right - left) s - c| over a piece. */
static double integral(const piece *p, double c) {
    double a = p->left - c, b = p->right - c;
    if (a * b >= 0)
        return 0.5 * p->length * fabs(a + b);
    return 0.5 * p->length * (a * a + b * b) / (fabs(a) + fabs(b));
}

/* Length on which F - G < c. */
static double length_below(size_t pieces, const piece *piece_of, double c) {
    double sum = 0;
    for (size_t i = 0; i < pieces; i++) {
        const piece *p = &piece_of[i];
        double low = fmin(p->left, p->right), high = fmax(p->left, p->right);
        if (c >= high)
            sum += p->length;
        else if (c > low)
            sum += p->length * (c - low) / (high - low);
    }
    return sum;
}

static double median(size_t pieces, const piece *piece_of, double length) {
    double low = 0, high = 0;
    for (size_t i = 0; i < pieces; i++) {
        low = fmin(low, fmin(piece_of[i].left, piece_of[i].right));
        high = fmax(high, fmax(piece_of[i].left, piece_of[i].right));
    }
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (length_below(pieces, piece_of, middle) < 0.5 * length)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

/* The pieces of F - G. Returns their number, at most cells + count + 2. */
static size_t cut(const hf_axis *axis, const double *cell_mass, size_t count, const hf_atom *atoms,
                  piece *out) {
    double h = (axis->upper - axis->lower) / (double)axis->cells, difference = 0, total = 0;
    for (size_t i = 0; i < axis->cells; i++)
        total += cell_mass[i];
    double x = fmin(axis->lower, atoms[0].point);
    size_t pieces = 0, next = 0;
    for (size_t cell = 0; cell <= axis->cells + 1; cell++) {
        /* the half-lines before the first and behind the last cell count as cells without mass */
        bool inside = cell >= 1 && cell <= axis->cells;
        double slope = inside ? cell_mass[cell - 1] / total / h : 0;
        double end =
            inside || cell == 0 ? axis->lower + (double)cell * h : fmax(axis->upper, atoms[count - 1].point);
        while (x < end || (next < count && atoms[next].point <= end)) {
            double stop = next < count && atoms[next].point < end ? atoms[next].point : end;
            double after = difference + slope * (stop - x);
            if (stop > x)
                out[pieces++] = (piece){stop - x, difference, after};
            difference = after;
            x = stop;
            if (next < count && atoms[next].point <= stop)
                difference -= atoms[next++].mass;
        }
    }
    return pieces;
}

hf_status hf_wasserstein1(hf_error *error, const hf_axis *axis, const double *cell_mass, size_t count,
                          const hf_atom *atoms, double *distance) {
    piece *pieces;
    HF_TRY(hf_allocate(error, axis->cells + count + 2, sizeof *pieces, &pieces));
    size_t used = cut(axis, cell_mass, count, atoms, pieces);
    double c = axis->periodic ? median(used, pieces, axis->upper - axis->lower) : 0;
    *distance = 0;
    for (size_t i = 0; i < used; i++)
        *distance += integral(&pieces[i], c);
    free(pieces);
    return HF_OK;
}
