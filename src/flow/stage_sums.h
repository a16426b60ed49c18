/* The loops of a Runge-Kutta method over a line of cells, compiled for wide registers. */
#ifndef HF_FLOW_STAGE_SUMS_H
#define HF_FLOW_STAGE_SUMS_H

#include <stddef.h>

enum { HF_STAGE_TERMS_MAX = 6 };

/* A sum y + sum_j c_j k_j over a line. */
typedef struct hf_stage_sum {
    size_t terms; /* 1 .. HF_STAGE_TERMS_MAX */
    double coefficient[HF_STAGE_TERMS_MAX];
    const double *k[HF_STAGE_TERMS_MAX]; /* shape (count) each */
    const double *y;                     /* shape (count) */
} hf_stage_sum;

/* What is noted of a line. */
typedef struct hf_line_note {
    double sum, minimum; /* of the state formed; least of 0 and its cells */
    double square;       /* of the weighted error */
} hf_line_note;

/* out = y + sum_j c_j k_j, with the last k copied to `kept` unless that is NULL; notes sum and minimum of
 * out. kept, out: shape (count); out must not alias any input. */
void hf_stage_form(const hf_stage_sum *sum, size_t count, double *kept, double *out, hf_line_note *note);

/* out = base y + sum_j c_j k_j with any number of terms, base 0 or 1. */
void hf_stage_combine(const hf_stage_sum *sum, double base, size_t count, double *out);

/* Notes sum_i ((sum_j c_j k_j)_i / (rtol |y_i| + atol))^2, and copies the last k to `kept` unless NULL. */
void hf_stage_error(const hf_stage_sum *sum, size_t count, double rtol, double atol, double *kept,
                    hf_line_note *note);

#endif
