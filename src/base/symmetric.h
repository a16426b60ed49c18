/* Symmetric matrices for GSL, whose search for eigenvalues does not end among subnormal numbers: there no
 * share of a diagonal is small enough to be rounded away. */
#ifndef HF_BASE_SYMMETRIC_H
#define HF_BASE_SYMMETRIC_H

#include <math.h>
#include <stddef.h>

/* Scale a matrix by a power of two, so that its largest entry is in [1, 2), and clear what is below 1e-150
 * then, far less than rounding takes.
 * matrix: shape (count), overwritten. Returns e: eigenvalues are those found times 2^e. */
static inline int hf_symmetric_scale(size_t count, double *matrix) {
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(matrix[i]));
    if (largest == 0 || !isfinite(largest))
        return 0;
    int exponent = ilogb(largest);
    for (size_t i = 0; i < count; i++) {
        matrix[i] = ldexp(matrix[i], -exponent);
        if (fabs(matrix[i]) < 1e-150)
            matrix[i] = 0;
    }
    return exponent;
}

#endif
