/** @file measure.h
 *  Distances between densities on a grid and weighted points. docs/theory.md (19). */
#ifndef HEADFLOW_MEASURE_H
#define HEADFLOW_MEASURE_H

#include <headflow/grid.h>

#ifdef __cplusplus
extern "C" {
#endif

/** W1 of two probability measures on one axis: one given by cell masses, uniform in each cell, one by
 * weighted points. Exact: the integral of |F - G|, on a periodic axis of |F - G - c| with the best c.
 *  @param[in] marginal  shape (cells of the axis): masses; normalised to 1
 *  @param[in] point     shape (count): positions; wrapped on a periodic axis, outside the box allowed on
 * others
 *  @param[in] mass      shape (count): masses; normalised to 1
 *  @param[out] out      the distance [unit of the axis]
 *  @return HF_ERR_MEMORY
 *  @note O((n + count) log) */
hf_status hf_wasserstein1(hf_error *error, const hf_axis *axis, const double *marginal, size_t count,
                          const double *point, const double *mass, double *out);

#ifdef __cplusplus
}
#endif
#endif
