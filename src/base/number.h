/* The magnitudes of the numbers that a user may give, in cases and in CSV: products of ten of them are
 * finite. The least is asked only of those that must be above 0. */
#ifndef HF_BASE_NUMBER_H
#define HF_BASE_NUMBER_H

#define HF_NUMBER_MAX 1e30
#define HF_NUMBER_MIN 1e-30

#endif
