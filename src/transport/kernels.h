/* The loops of a flux from its formula for one face, `static inline double face(const hf_faces *faces, size_t
 * k, double u)` with u and the result divided by h: HF_KERNELS(name, face) defines the hf_kernels `name`. The
 * axes of a line share one loop, so that the line, and the rate, are read and written once; their work is
 * added up cell by cell of the line, since a sum over each line would cost more than short lines do. */
#ifndef HF_TRANSPORT_KERNELS_H
#define HF_TRANSPORT_KERNELS_H

#include "transport/schemes.h"

#include "base/simd.h"

/* Faces are copied to locals: otherwise they might be what the loop writes. Eight numbers are a register of
 * the widest kind, which gcc does not take by itself. */
#define HF_KERNELS(name, face)                                                                               \
    HF_CLONES static void name##_along(size_t count, const hf_faces *faces) {                                \
        const hf_faces a = *faces;                                                                           \
        _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) a.flux[k] =                        \
            face(&a, k, a.base + a.slope * a.x[k]);                                                          \
    }                                                                                                        \
    HF_CLONES static void name##_across0(size_t count, const hf_faces *inner, const hf_faces *const faces[], \
                                         double *rate, double *work) {                                       \
        const hf_faces l = *inner;                                                                           \
        const double *lined = l.flux - 1;                                                                    \
        (void)faces;                                                                                         \
        _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) {                                  \
            double upper = lined[k + 1], done = l.area * ((l.base + l.slope * l.x[k]) * upper);              \
            rate[k] = lined[k] - upper;                                                                      \
            work[k] += done;                                                                                 \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across1(size_t count, const hf_faces *inner, const hf_faces *const faces[], \
                                         double *rate, double *work) {                                       \
        const hf_faces l = *inner;                                                                           \
        const double *lined = l.flux - 1;                                                                    \
        const hf_faces a = *faces[0];                                                                        \
        _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) {                                  \
            double u_a = a.base + a.slope * a.x[k], flux_a = face(&a, k, u_a);                               \
            double upper = lined[k + 1], done = l.area * ((l.base + l.slope * l.x[k]) * upper);              \
            rate[k] = lined[k] - upper + (a.flux[k] - flux_a);                                               \
            a.flux[k] = flux_a;                                                                              \
            work[k] += done + a.area * (u_a * flux_a);                                                       \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across2(size_t count, const hf_faces *inner, const hf_faces *const faces[], \
                                         double *rate, double *work) {                                       \
        const hf_faces l = *inner;                                                                           \
        const double *lined = l.flux - 1;                                                                    \
        const hf_faces a = *faces[0];                                                                        \
        const hf_faces b = *faces[1];                                                                        \
        _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) {                                  \
            double u_a = a.base + a.slope * a.x[k], flux_a = face(&a, k, u_a);                               \
            double u_b = b.base + b.slope * b.x[k], flux_b = face(&b, k, u_b);                               \
            double upper = lined[k + 1], done = l.area * ((l.base + l.slope * l.x[k]) * upper);              \
            rate[k] = lined[k] - upper + (a.flux[k] - flux_a) + (b.flux[k] - flux_b);                        \
            a.flux[k] = flux_a;                                                                              \
            b.flux[k] = flux_b;                                                                              \
            work[k] += done + a.area * (u_a * flux_a) + b.area * (u_b * flux_b);                             \
        }                                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across3(size_t count, const hf_faces *inner, const hf_faces *const faces[], \
                                         double *rate, double *work) {                                       \
        const hf_faces l = *inner;                                                                           \
        const double *lined = l.flux - 1;                                                                    \
        const hf_faces a = *faces[0];                                                                        \
        const hf_faces b = *faces[1];                                                                        \
        const hf_faces c = *faces[2];                                                                        \
        _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) {                                  \
            double u_a = a.base + a.slope * a.x[k], flux_a = face(&a, k, u_a);                               \
            double u_b = b.base + b.slope * b.x[k], flux_b = face(&b, k, u_b);                               \
            double u_c = c.base + c.slope * c.x[k], flux_c = face(&c, k, u_c);                               \
            double upper = lined[k + 1], done = l.area * ((l.base + l.slope * l.x[k]) * upper);              \
            rate[k] = lined[k] - upper + (a.flux[k] - flux_a) + (b.flux[k] - flux_b) + (c.flux[k] - flux_c); \
            a.flux[k] = flux_a;                                                                              \
            b.flux[k] = flux_b;                                                                              \
            c.flux[k] = flux_c;                                                                              \
            work[k] += done + a.area * (u_a * flux_a) + b.area * (u_b * flux_b) + c.area * (u_c * flux_c);   \
        }                                                                                                    \
    }                                                                                                        \
    static void name##_across(size_t axes, size_t count, const hf_faces *inner,                              \
                              const hf_faces *const faces[], double *rate, double *work) {                   \
        static void (*const loop[])(size_t, const hf_faces *, const hf_faces *const *, double *,             \
                                    double *) = {name##_across0, name##_across1, name##_across2,             \
                                                 name##_across3};                                            \
        loop[axes](count, inner, faces, rate, work);                                                         \
    }                                                                                                        \
    static const hf_kernels name = {name##_along, name##_across}

#endif
