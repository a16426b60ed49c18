/* Weights from what is left of them after they were normalised. */
#ifndef HF_STORE_SHARES_H
#define HF_STORE_SHARES_H

#include <stddef.h>

/* Weights with weight[i]/sum = share[i] bit for bit, the sum taken in order: whole numbers where there are
 * some, as of counts; else any. Where none are found the shares themselves, which normalisation can change by
 * a rounding error: among many weights that are no whole numbers. share   shape (count): > 0, sum 1 but for
 * rounding weight  shape (count) */
void hf_shares_weights(size_t count, const double *share, double *weight);

/* The part of a weight that is its share: whole where this gives the share back. */
double hf_shares_part(double share, double weight);

#endif
