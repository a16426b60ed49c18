/* The transport problem as LEMON's network simplex solves it, with a C interface. */
#ifndef HF_MEASURE_LEMON_H
#define HF_MEASURE_LEMON_H

#include <headflow/base.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Minimise sum_ij cost_ij flow_ij over flow >= 0 with row sums `supply` and column sums `demand`.
 *  supply, demand  shapes (na), (nb): at least 0, of equal sums of at most 2^60
 *  cost            shape (na, nb): 0 to 2^60/(na + nb)
 *  flow            shape (na, nb): receives the minimiser
 *  potential       shape (na + nb): receives pi with cost_ij + pi_i - pi_{na + j} >= 0, and = 0 where flow >
 * 0 HF_ERR_MEMORY; HF_ERR_NUMERIC when no optimum was found. */
hf_status hf_lemon_transport(hf_error *error, size_t na, const int64_t *supply, size_t nb,
                             const int64_t *demand, const int64_t *cost, int64_t *flow, int64_t *potential);

#ifdef __cplusplus
}
#endif
#endif
