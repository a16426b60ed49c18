/* The loops of an upwinded flux from its formula for one face, `static inline double face(const hf_faces
 * *faces, double u, double behind, double here, double ahead)`: it sees densities in the direction of the
 * velocity, and u and the result are divided by h. HF_KERNELS(name, halo, face) defines the hf_kernels
 * `name`. A velocity that is steady along a line has its direction found once; a line, and its rate, are read
 * and written once where an axis of each kind is beside the line's own. */
#ifndef HF_TRANSPORT_KERNELS_H
#define HF_TRANSPORT_KERNELS_H

#include "transport/schemes.h"

#include "base/simd.h"

#include <string.h>

/* Adds the work share(.., k) of all cells k of a line to sums, lane by lane: gcc would keep the sum of an
 * OpenMP reduction in memory and add up its lanes one after the other. read, write: lines of arrays of which
 * more follows; read NULL: nothing is asked for. */
#define HF_SUM(count, sums, read, write, share, ...)                                                         \
    do {                                                                                                     \
        double rest_ = 0;                                                                                    \
        size_t whole_ = (count) - (count) % HF_LANES;                                                        \
        for (size_t first_ = 0; first_ < whole_; first_ += HF_LANES) {                                       \
            if ((read) != NULL) {                                                                            \
                hf_ask_ahead((read) + first_);                                                               \
                hf_ask_ahead((write) + first_);                                                              \
            }                                                                                                \
            _Pragma("omp simd simdlen(8)") for (size_t lane_ = 0; lane_ < HF_LANES; lane_++)(sums)[lane_] += \
                share(__VA_ARGS__, first_ + lane_);                                                          \
        }                                                                                                    \
        for (size_t k_ = whole_; k_ < (count); k_++)                                                         \
            rest_ += share(__VA_ARGS__, k_);                                                                 \
        (sums)[0] += rest_;                                                                                  \
    } while (0)

static inline void hf_add_work(const double sums[HF_LANES], double area, hf_work work, size_t line) {
    double *out = work.lanes + line * work.advance;
    _Pragma("omp simd simdlen(8)") for (size_t lane = 0; lane < HF_LANES; lane++) out[lane] +=
        area * sums[lane];
}

/* The faces of one line. Densities from two cells below them to two above; or behind, here and ahead, where
 * the velocity is steady. */
typedef struct hf_line {
    const double *rho[4];
    const double *next; /* the upper end of the stencil, of which more follows; NULL: not asked for */
    double u, slope;    /* over h */
    const double *x;
    double *flux;
} hf_line;

/* A flux of halo 1 has no second cell on either side, and does not look at it. */
static inline hf_line hf_line_at(const hf_faces *faces, size_t halo, size_t line) {
    size_t start = line * faces->advance;
    const double *below = faces->rho[halo - 1] + start, *above = faces->rho[halo] + start;
    const double *behind = halo > 1 ? faces->rho[halo - 2] + start : below;
    const double *ahead = halo > 1 ? faces->rho[halo + 1] + start : above;
    double u = faces->u[line].base;
    bool turned = faces->steady && !(u > 0);
    return (hf_line){.rho = {turned ? ahead : behind, turned ? above : below, turned ? below : above,
                             turned ? behind : ahead},
                     .next = faces->far ? ahead : NULL,
                     .u = u,
                     .slope = faces->u[line].slope,
                     .x = faces->x,
                     .flux = faces->flux + line * faces->flux_advance};
}

/* Of a cell of a line. Work over h^2. */
typedef struct hf_share {
    double rate, work;
} hf_share;

/* From the faces of the line itself, whose fluxes are there. */
static inline hf_share hf_share_along(const hf_line *l, double u, size_t k) {
    double upper = l->flux[k];
    return (hf_share){l->flux[(ptrdiff_t)k - 1] - upper, u * upper};
}

static inline hf_share hf_share_across(const hf_line *l, double u, double flux, size_t k) {
    double lower = l->flux[k];
    l->flux[k] = flux;
    return (hf_share){lower - flux, u * flux};
}

static inline double hf_line_varying(const hf_line *i, double *out, size_t k) {
    hf_share x = hf_share_along(i, i->u + i->slope * i->x[k], k);
    out[k] = x.rate;
    return x.work;
}

static inline double hf_line_steady(const hf_line *i, double *out, size_t k) {
    hf_share x = hf_share_along(i, i->u, k);
    out[k] = x.rate;
    return x.work;
}

#define HF_KERNELS(name, halo, face)                                                                         \
    static inline double name##_steady(const hf_faces *f, const hf_line *l, size_t k) {                      \
        return face(f, l->u, l->rho[0][k], l->rho[1][k], l->rho[2][k]);                                      \
    }                                                                                                        \
    static inline double name##_varying(const hf_faces *f, const hf_line *l, double u, size_t k) {           \
        double r0 = l->rho[0][k], r1 = l->rho[1][k], r2 = l->rho[2][k], r3 = l->rho[3][k];                   \
        return face(f, u, u > 0 ? r0 : r3, u > 0 ? r1 : r2, u > 0 ? r2 : r1);                                \
    }                                                                                                        \
    HF_CLONES static void name##_along(size_t lines, size_t count, const hf_faces *f) {                      \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_line l = hf_line_at(f, halo, line);                                                     \
            if (f->steady)                                                                                   \
                _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) l.flux[k] =                \
                    name##_steady(f, &l, k);                                                                 \
            else                                                                                             \
                _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) l.flux[k] =                \
                    name##_varying(f, &l, l.u + l.slope * l.x[k], k);                                        \
        }                                                                                                    \
    }                                                                                                        \
    static inline hf_share name##_share_steady(const hf_faces *f, const hf_line *l, size_t k) {              \
        return hf_share_across(l, l->u, name##_steady(f, l, k), k);                                          \
    }                                                                                                        \
    static inline hf_share name##_share_varying(const hf_faces *f, const hf_line *l, size_t k) {             \
        double u = l->u + l->slope * l->x[k];                                                                \
        return hf_share_across(l, u, name##_varying(f, l, u, k), k);                                         \
    }                                                                                                        \
    /* along the line; across an axis where the velocity varies, and one where it is steady */               \
    static inline double name##_of_three(const hf_line *i, const hf_faces *v, const hf_line *a,              \
                                         const hf_faces *s, const hf_line *b, double along, double across,   \
                                         double *out, size_t k) {                                            \
        hf_share x = hf_share_along(i, along, k), y = name##_share_varying(v, a, k),                         \
                 z = hf_share_across(b, across, name##_steady(s, b, k), k);                                  \
        out[k] = x.rate + y.rate + z.rate;                                                                   \
        return x.work + z.work + y.work;                                                                     \
    }                                                                                                        \
    static inline double name##_of_two(const hf_line *i, const hf_faces *v, const hf_line *a, double along,  \
                                       double *out, size_t k) {                                              \
        hf_share x = hf_share_along(i, along, k), y = name##_share_varying(v, a, k);                         \
        out[k] = x.rate + y.rate;                                                                            \
        return x.work + y.work;                                                                              \
    }                                                                                                        \
    static inline double name##_more_steady(const hf_faces *s, const hf_line *b, double *out, size_t k) {    \
        hf_share z = name##_share_steady(s, b, k);                                                           \
        out[k] += z.rate;                                                                                    \
        return z.work;                                                                                       \
    }                                                                                                        \
    static inline double name##_more_varying(const hf_faces *v, const hf_line *a, double *out, size_t k) {   \
        hf_share y = name##_share_varying(v, a, k);                                                          \
        out[k] += y.rate;                                                                                    \
        return y.work;                                                                                       \
    }                                                                                                        \
    HF_CLONES static void name##_first(size_t lines, size_t count, const hf_faces *inner, const hf_faces *v, \
                                       const hf_faces *s, double *rate, hf_work work) {                      \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_line i = hf_line_at(inner, halo, line);                                                 \
            double sums[HF_LANES] = {0}, *out = rate + line * count, area = inner->area;                     \
            if (v == NULL && inner->steady)                                                                  \
                HF_SUM(count, sums, i.next, out, hf_line_steady, &i, out);                                   \
            else if (v == NULL)                                                                              \
                HF_SUM(count, sums, i.next, out, hf_line_varying, &i, out);                                  \
            else {                                                                                           \
                const hf_line a = hf_line_at(v, halo, line);                                                 \
                area = v->area;                                                                              \
                double along = i.u * (inner->area / area);                                                   \
                if (s == NULL)                                                                               \
                    HF_SUM(count, sums, a.next, out, name##_of_two, &i, v, &a, along, out);                  \
                else {                                                                                       \
                    const hf_line b = hf_line_at(s, halo, line);                                             \
                    double across = b.u * (s->area / area);                                                  \
                    HF_SUM(count, sums, a.next, out, name##_of_three, &i, v, &a, s, &b, along, across, out); \
                }                                                                                            \
            }                                                                                                \
            hf_add_work(sums, area, work, line);                                                             \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_more(size_t lines, size_t count, const hf_faces *f, double *rate,           \
                                      hf_work work) {                                                        \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_line l = hf_line_at(f, halo, line);                                                     \
            double sums[HF_LANES] = {0}, *out = rate + line * count;                                         \
            if (f->steady)                                                                                   \
                HF_SUM(count, sums, l.next, l.flux, name##_more_steady, f, &l, out);                         \
            else                                                                                             \
                HF_SUM(count, sums, l.next, l.flux, name##_more_varying, f, &l, out);                        \
            hf_add_work(sums, f->area, work, line);                                                          \
        }                                                                                                    \
    }                                                                                                        \
    static const hf_kernels name = {name##_along, name##_first, name##_more}

#endif
