/* Weights from their shares of the sum, so that normalising them again is the identity.
 * Shares of whole numbers are k/s: the smallest s with which all of them are is looked for. For few other
 * weights some multiple of the shares does it, for rounding hits each of them about every second time. */
#include "store/shares.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { TRIALS = 1 << 22 /* sums of whole numbers, and weights of scaled shares: some 10 ms each */ };

static bool reproduces(size_t count, const double *share, const double *weight) {
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += weight[i];
    for (size_t i = 0; i < count; i++)
        if (weight[i] / total != share[i])
            return false;
    return true;
}

static bool whole_numbers(size_t count, const double *share, double sum, double *weight) {
    for (size_t i = 0; i < count; i++) {
        weight[i] = rint(share[i] * sum);
        if (weight[i] / sum != share[i])
            return false;
    }
    return true;
}

void hf_shares_weights(size_t count, const double *share, double *weight) {
    for (size_t sum = 1; sum <= TRIALS; sum++)
        if (whole_numbers(count, share, (double)sum, weight) && reproduces(count, share, weight))
            return;
    for (size_t scale = 1; scale <= TRIALS / count; scale++) {
        for (size_t i = 0; i < count; i++)
            weight[i] = share[i] * (double)scale;
        if (reproduces(count, share, weight))
            return;
    }
    memcpy(weight, share, count * sizeof *weight);
}

double hf_shares_part(double share, double weight) {
    double whole = rint(share * weight);
    return whole / weight == share ? whole : share * weight;
}
