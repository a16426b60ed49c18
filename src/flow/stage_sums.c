/* The loops of a Runge-Kutta method over a line of cells. Each number of terms has a loop of its own, so that
 * the sum over terms is unrolled and each array streams once. */
#include "flow/stage_sums.h"

#include "base/simd.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))

INLINE double term_sum(const hf_stage_sum *sum, const double *const *k, size_t terms, size_t i) {
    double total = sum->coefficient[0] * k[0][i];
    for (size_t j = 1; j < terms; j++)
        total += sum->coefficient[j] * k[j][i];
    return total;
}

INLINE void form(const hf_stage_sum *sum, size_t terms, size_t count, double *kept, double *restrict out,
                 hf_line_note *note) {
    const hf_stage_sum s = *sum;
    const double *restrict last = s.k[terms - 1];
    double total = 0, least = 0;
    if (kept != NULL) {
#pragma omp simd reduction(+ : total) reduction(min : least)
        for (size_t i = 0; i < count; i++) {
            kept[i] = last[i];
            double value = s.y[i] + term_sum(&s, s.k, terms, i);
            out[i] = value;
            total += value;
            least = value < least ? value : least;
        }
    } else {
#pragma omp simd reduction(+ : total) reduction(min : least)
        for (size_t i = 0; i < count; i++) {
            double value = s.y[i] + term_sum(&s, s.k, terms, i);
            out[i] = value;
            total += value;
            least = value < least ? value : least;
        }
    }
    note->sum = total;
    note->minimum = least;
}

/* A function for each number of terms. */
#define FORM(terms)                                                                                          \
    HF_CLONES static void form##terms(const hf_stage_sum *sum, size_t count, double *kept, double *out,      \
                                      hf_line_note *note) {                                                  \
        form(sum, terms, count, kept, out, note);                                                            \
    }
FORM(1)
FORM(2)
FORM(3)
FORM(4)
FORM(5)
FORM(6)

void hf_stage_form(const hf_stage_sum *sum, size_t count, double *kept, double *out, hf_line_note *note) {
    typedef void loop(const hf_stage_sum *, size_t, double *, double *, hf_line_note *);
    static loop *const loops[] = {form1, form2, form3, form4, form5, form6};
    loops[sum->terms - 1](sum, count, kept, out, note);
}

INLINE void error(const hf_stage_sum *sum, size_t terms, size_t count, double rtol, double atol, double *kept,
                  hf_line_note *note) {
    const hf_stage_sum s = *sum;
    const double *restrict last = s.k[terms - 1];
    double square = 0;
    if (kept != NULL) {
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            kept[i] = last[i];
    }
#pragma omp simd reduction(+ : square)
    for (size_t i = 0; i < count; i++) {
        double share = term_sum(&s, s.k, terms, i) / (rtol * fabs(s.y[i]) + atol);
        square += share * share;
    }
    note->square = square;
}

#define ERROR(terms)                                                                                         \
    HF_CLONES static void error##terms(const hf_stage_sum *sum, size_t count, double rtol, double atol,      \
                                       double *kept, hf_line_note *note) {                                   \
        error(sum, terms, count, rtol, atol, kept, note);                                                    \
    }
ERROR(1)
ERROR(2)
ERROR(3)
ERROR(4)
ERROR(5)
ERROR(6)

void hf_stage_error(const hf_stage_sum *sum, size_t count, double rtol, double atol, double *kept,
                    hf_line_note *note) {
    typedef void loop(const hf_stage_sum *, size_t, double, double, double *, hf_line_note *);
    static loop *const loops[] = {error1, error2, error3, error4, error5, error6};
    loops[sum->terms - 1](sum, count, rtol, atol, kept, note);
}

HF_CLONES void hf_stage_combine(const hf_stage_sum *sum, double base, size_t count, double *restrict out) {
    for (size_t i = 0; i < count; i++)
        out[i] = base * sum->y[i];
    for (size_t j = 0; j < sum->terms; j++) {
        const double *restrict k = sum->k[j];
        double c = sum->coefficient[j];
        for (size_t i = 0; i < count; i++)
            out[i] += c * k[i];
    }
}
