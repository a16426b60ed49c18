/* The loops of a flux from its formula for one face, `static inline double face(const hf_faces *faces, size_t
 * k, double u)` with u and the result divided by h: HF_KERNELS(name, face) defines the hf_kernels `name`. The
 * axes of a line share one loop, so that the line, and the rate, are read and written once. */
#ifndef HF_TRANSPORT_KERNELS_H
#define HF_TRANSPORT_KERNELS_H

#include "transport/schemes.h"

#include "base/simd.h"

/* The faces of one of the lines: a copy, since otherwise they might be what a loop writes. */
static inline hf_faces hf_faces_at(const hf_faces *faces, size_t line, size_t count) {
    hf_faces at = *faces;
    for (size_t j = 0; j < HF_STENCIL_MAX; j++)
        at.rho[j] += line * count;
    at.u += line;
    at.weights += line;
    at.flux += line * at.flux_advance;
    return at;
}

/* Eight numbers are a register of the widest kind, which gcc does not take by itself. */
#define HF_KERNELS(name, face)                                                                               \
    HF_CLONES static void name##_along(size_t lines, size_t count, const hf_faces *faces) {                  \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_faces a = hf_faces_at(faces, line, count);                                              \
            const hf_velocity v = *a.u;                                                                      \
            _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) a.flux[k] =                    \
                face(&a, k, v.base + v.slope * a.x[k]);                                                      \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across0(size_t lines, size_t count, const hf_faces *inner,                  \
                                         const hf_faces *const faces[], double *rate, double *work) {        \
        (void)faces;                                                                                         \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_faces l = hf_faces_at(inner, line, count);                                              \
            const hf_velocity v = *l.u;                                                                      \
            const double *lower = l.flux - 1;                                                                \
            double sum = 0, *out = rate + line * count;                                                      \
            _Pragma("omp simd simdlen(8) reduction(+ : sum)") for (size_t k = 0; k < count; k++) {           \
                double upper = lower[k + 1];                                                                 \
                sum += l.area * ((v.base + v.slope * l.x[k]) * upper);                                       \
                out[k] = lower[k] - upper;                                                                   \
            }                                                                                                \
            work[line] = sum;                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across1(size_t lines, size_t count, const hf_faces *inner,                  \
                                         const hf_faces *const faces[], double *rate, double *work) {        \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_faces l = hf_faces_at(inner, line, count);                                              \
            const hf_velocity v = *l.u;                                                                      \
            const double *lower = l.flux - 1;                                                                \
            const hf_faces a = hf_faces_at(faces[0], line, count);                                           \
            const hf_velocity v_a = *a.u;                                                                    \
            double sum = 0, *out = rate + line * count;                                                      \
            _Pragma("omp simd simdlen(8) reduction(+ : sum)") for (size_t k = 0; k < count; k++) {           \
                double u_a = v_a.base + v_a.slope * a.x[k], flux_a = face(&a, k, u_a);                       \
                double upper = lower[k + 1];                                                                 \
                sum += l.area * ((v.base + v.slope * l.x[k]) * upper) + a.area * (u_a * flux_a);             \
                out[k] = lower[k] - upper + (a.flux[k] - flux_a);                                            \
                a.flux[k] = flux_a;                                                                          \
            }                                                                                                \
            work[line] = sum;                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across2(size_t lines, size_t count, const hf_faces *inner,                  \
                                         const hf_faces *const faces[], double *rate, double *work) {        \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_faces l = hf_faces_at(inner, line, count);                                              \
            const hf_velocity v = *l.u;                                                                      \
            const double *lower = l.flux - 1;                                                                \
            const hf_faces a = hf_faces_at(faces[0], line, count);                                           \
            const hf_faces b = hf_faces_at(faces[1], line, count);                                           \
            const hf_velocity v_a = *a.u;                                                                    \
            const hf_velocity v_b = *b.u;                                                                    \
            double sum = 0, *out = rate + line * count;                                                      \
            _Pragma("omp simd simdlen(8) reduction(+ : sum)") for (size_t k = 0; k < count; k++) {           \
                double u_a = v_a.base + v_a.slope * a.x[k], flux_a = face(&a, k, u_a);                       \
                double u_b = v_b.base + v_b.slope * b.x[k], flux_b = face(&b, k, u_b);                       \
                double upper = lower[k + 1];                                                                 \
                sum += l.area * ((v.base + v.slope * l.x[k]) * upper) + a.area * (u_a * flux_a) +            \
                       b.area * (u_b * flux_b);                                                              \
                out[k] = lower[k] - upper + (a.flux[k] - flux_a) + (b.flux[k] - flux_b);                     \
                a.flux[k] = flux_a;                                                                          \
                b.flux[k] = flux_b;                                                                          \
            }                                                                                                \
            work[line] = sum;                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across3(size_t lines, size_t count, const hf_faces *inner,                  \
                                         const hf_faces *const faces[], double *rate, double *work) {        \
        for (size_t line = 0; line < lines; line++) {                                                        \
            const hf_faces l = hf_faces_at(inner, line, count);                                              \
            const hf_velocity v = *l.u;                                                                      \
            const double *lower = l.flux - 1;                                                                \
            const hf_faces a = hf_faces_at(faces[0], line, count);                                           \
            const hf_faces b = hf_faces_at(faces[1], line, count);                                           \
            const hf_faces c = hf_faces_at(faces[2], line, count);                                           \
            const hf_velocity v_a = *a.u;                                                                    \
            const hf_velocity v_b = *b.u;                                                                    \
            const hf_velocity v_c = *c.u;                                                                    \
            double sum = 0, *out = rate + line * count;                                                      \
            _Pragma("omp simd simdlen(8) reduction(+ : sum)") for (size_t k = 0; k < count; k++) {           \
                double u_a = v_a.base + v_a.slope * a.x[k], flux_a = face(&a, k, u_a);                       \
                double u_b = v_b.base + v_b.slope * b.x[k], flux_b = face(&b, k, u_b);                       \
                double u_c = v_c.base + v_c.slope * c.x[k], flux_c = face(&c, k, u_c);                       \
                double upper = lower[k + 1];                                                                 \
                sum += l.area * ((v.base + v.slope * l.x[k]) * upper) + a.area * (u_a * flux_a) +            \
                       b.area * (u_b * flux_b) + c.area * (u_c * flux_c);                                    \
                out[k] =                                                                                     \
                    lower[k] - upper + (a.flux[k] - flux_a) + (b.flux[k] - flux_b) + (c.flux[k] - flux_c);   \
                a.flux[k] = flux_a;                                                                          \
                b.flux[k] = flux_b;                                                                          \
                c.flux[k] = flux_c;                                                                          \
            }                                                                                                \
            work[line] = sum;                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void name##_across(size_t axes, size_t lines, size_t count, const hf_faces *inner,                \
                              const hf_faces *const faces[], double *rate, double *work) {                   \
        static void (*const loop[])(size_t, size_t, const hf_faces *, const hf_faces *const *, double *,     \
                                    double *) = {name##_across0, name##_across1, name##_across2,             \
                                                 name##_across3};                                            \
        loop[axes](lines, count, inner, faces, rate, work);                                                  \
    }                                                                                                        \
    static const hf_kernels name = {name##_along, name##_across}

#endif
