/* The loops of a flux from its formula for one face, `static inline double face(const hf_faces *faces, size_t
 * k, double u)` with u and the result divided by h: HF_KERNELS(name, face) defines the hf_kernels `name`. The
 * axes of a line share one loop, so that the line, and the rate, are read and written once. */
#ifndef HF_TRANSPORT_KERNELS_H
#define HF_TRANSPORT_KERNELS_H

#include "transport/schemes.h"

#include "base/simd.h"

/* Faces are copied to locals: otherwise they might be what the loop writes. Eight numbers are a register of
 * the widest kind, which gcc does not take by itself. */
#define HF_KERNELS(name, face)                                                                               \
    HF_CLONES static double name##_along(size_t count, const hf_faces *faces) {                              \
        const hf_faces a = *faces;                                                                           \
        double work = 0;                                                                                     \
        _Pragma("omp simd simdlen(8) reduction(+ : work)") for (size_t k = 0; k < count; k++) {              \
            double u = a.base + a.slope * a.x[k], flux = face(&a, k, u);                                     \
            a.flux[k] = flux;                                                                                \
            work += u * flux;                                                                                \
        }                                                                                                    \
        return work;                                                                                         \
    }                                                                                                        \
    HF_CLONES static void name##_across0(size_t count, const double *lined, double *rate) {                  \
        _Pragma("omp simd simdlen(8)") for (size_t k = 0; k < count; k++) rate[k] = lined[k] - lined[k + 1]; \
    }                                                                                                        \
    HF_CLONES static void name##_across1(size_t count, const hf_faces *faces, const double *lined,           \
                                         double *rate, double *work) {                                       \
        const hf_faces a = faces[0];                                                                         \
        double work_a = 0;                                                                                   \
        _Pragma("omp simd simdlen(8) reduction(+ : work_a)") for (size_t k = 0; k < count; k++) {            \
            double u_a = a.base + a.slope * a.x[k], flux_a = face(&a, k, u_a);                               \
            rate[k] = lined[k] - lined[k + 1] + (a.flux[k] - flux_a);                                        \
            a.flux[k] = flux_a;                                                                              \
            work_a += u_a * flux_a;                                                                          \
        }                                                                                                    \
        work[0] = work_a;                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_across2(size_t count, const hf_faces *faces, const double *lined,           \
                                         double *rate, double *work) {                                       \
        const hf_faces a = faces[0], b = faces[1];                                                           \
        double work_a = 0, work_b = 0;                                                                       \
        _Pragma("omp simd simdlen(8) reduction(+ : work_a, work_b)") for (size_t k = 0; k < count; k++) {    \
            double u_a = a.base + a.slope * a.x[k], flux_a = face(&a, k, u_a);                               \
            double u_b = b.base + b.slope * b.x[k], flux_b = face(&b, k, u_b);                               \
            rate[k] = lined[k] - lined[k + 1] + (a.flux[k] - flux_a) + (b.flux[k] - flux_b);                 \
            a.flux[k] = flux_a;                                                                              \
            b.flux[k] = flux_b;                                                                              \
            work_a += u_a * flux_a;                                                                          \
            work_b += u_b * flux_b;                                                                          \
        }                                                                                                    \
        work[0] = work_a;                                                                                    \
        work[1] = work_b;                                                                                    \
    }                                                                                                        \
    HF_CLONES static void name##_more(size_t count, const hf_faces *faces, double *rate, double *work) {     \
        const hf_faces a = *faces;                                                                           \
        double work_a = 0;                                                                                   \
        _Pragma("omp simd simdlen(8) reduction(+ : work_a)") for (size_t k = 0; k < count; k++) {            \
            double u = a.base + a.slope * a.x[k], flux = face(&a, k, u);                                     \
            rate[k] += a.flux[k] - flux;                                                                     \
            a.flux[k] = flux;                                                                                \
            work_a += u * flux;                                                                              \
        }                                                                                                    \
        *work = work_a;                                                                                      \
    }                                                                                                        \
    static void name##_across(size_t axes, size_t count, const hf_faces faces[], const double *lined,        \
                              double *rate, double *work) {                                                  \
        if (axes == 0)                                                                                       \
            name##_across0(count, lined, rate);                                                              \
        else if (axes == 1)                                                                                  \
            name##_across1(count, faces, lined, rate, work);                                                 \
        else                                                                                                 \
            name##_across2(count, faces, lined, rate, work);                                                 \
        if (axes == 3)                                                                                       \
            name##_more(count, faces + 2, rate, work + 2);                                                   \
    }                                                                                                        \
    static const hf_kernels name = {name##_along, name##_across}

#endif
