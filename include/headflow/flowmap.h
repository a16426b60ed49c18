/** @file flowmap.h
 *  The verification reference for tau = 0: quadrature nodes of the initial density carried by the
 * characteristics theta' = -grad Psi. Spectrally accurate while the flow stays smooth; walls are not seen.
 * docs/theory.md (16). */
#ifndef HEADFLOW_FLOWMAP_H
#define HEADFLOW_FLOWMAP_H

#include <headflow/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Nodes on a periodic axis for each node on another: its trigonometric rule wants more of them. */
enum { HF_FLOWMAP_ANGLE_FACTOR = 8 };

typedef struct hf_flowmap hf_flowmap;

/** Integrals against the density of the flow map at a time. */
typedef struct hf_flowmap_record {
    double time, risk, dissipation;
    double mean[HF_DIM_MAX];
    double covariance[HF_DIM_MAX * HF_DIM_MAX]; /**< shape (D, D), row-major in the first D*D entries */
} hf_flowmap_record;

/** Nodes at time 0: a tensor rule of `nodes` nodes an axis (8 times as many on a periodic one, one
 * where all profiles are Diracs) for each component of the initial mixture.
 *  @param[in] problem  borrowed; its temperature must be 0
 *  @param[in] rtol     of the characteristics, e.g. 1e-12; the absolute tolerance is the same
 *  @return HF_ERR_INPUT when the problem has a temperature */
hf_status hf_flowmap_create(hf_error *error, const hf_problem *problem, size_t nodes, double rtol,
                            hf_flowmap **out);
void hf_flowmap_destroy(hf_flowmap **map);

/** Carry the nodes to a later time. @return HF_ERR_NUMERIC when CVODE fails */
hf_status hf_flowmap_advance(hf_error *error, hf_flowmap *map, double time);

size_t hf_flowmap_count(const hf_flowmap *map);         /**< nodes in all */
const double *hf_flowmap_points(const hf_flowmap *map); /**< shape (count, D); angles are not wrapped */
const double *hf_flowmap_masses(const hf_flowmap *map); /**< shape (count), sum 1 */

/** Risk, dissipation, mean and covariance at the present time. */
void hf_flowmap_measure(hf_flowmap *map, hf_flowmap_record *record);

/** The image of a lattice of points of equal mass under the flow map, interpolated through its nodes: what
 * marginals are compared with. `count` points for each component of the initial mixture, evenly spread in
 * every projection.
 *  @param[out] theta  shape (D, components, count): coordinate by coordinate
 *  @param[out] mass   shape (components, count), sum 1 */
hf_status hf_flowmap_sample(hf_error *error, const hf_flowmap *map, size_t count, double *theta,
                            double *mass);

#ifdef __cplusplus
}
#endif
#endif
