/* The comparison's insides, shared by chaos.c (the course of it), chaos_members.c (what is measured of heads
 * and copies), chaos_distances.c (heads against the density), chaos_own.c (the grid's own error) and
 * chaos_summary.c (means, intervals, slopes). */
#ifndef HF_THEORY_CHAOS_H
#define HF_THEORY_CHAOS_H

#include <headflow/chaos.h>
#include <headflow/measure.h>

#include "theory/bounds.h"

#include <math.h>

enum { HF_CHAOS_SLICES = 32 }; /* directions of sliced distances */

/* The grid against the flow map on nodes of the initial density, at the limit's times; NAN where there is no
 * flow map that small. */
typedef struct hf_own_errors {
    double *logit, *risk;                /* shape (times) */
    double *distance;                    /* of W1 and W2 of each marginal: shape (2 D, times) */
    double *sliced, *sinkhorn, *sobolev; /* shape (times) */
    hf_history history;                  /* logits of the flow map, at the times of the limit's; owned */
} hf_own_errors;

/* The comparison on its way. */
typedef struct hf_comparison {
    const hf_limit *limit;
    const hf_chaos_options *options; /* no zeros left but static_time */
    const hf_model *model;
    const hf_events *events;
    const hf_grid *grid;
    size_t dim, cells, outputs; /* outputs: E * classes */
    hf_chaos *chaos;
    bool *snapshot;               /* shape (times) */
    double *logits;               /* of the limit: shape (times, E, classes) */
    hf_response_record *response; /* shape (times) */
    double *variance;             /* sigma_e^2 of the limit: shape (times, E) */
    hf_own_errors own;
} hf_comparison;

/* One ensemble in the comparison. */
typedef struct hf_group {
    const hf_comparison *comparison;
    const hf_trained *trained;
    hf_chaos_group *out;
    size_t *at;           /* indices of its times among the limit's: shape (trained->times) */
    double *theta;        /* shape (seeds, times, N, D) */
    double *copies;       /* the same */
    double *acceleration; /* of the copies: shape (times) */
    double *xi;           /* |z_e(copies) - z_e|: shape (seeds, times, E) */
} hf_group;

/* theta - copy, the short way round on an angle. */
static inline double hf_chaos_difference(const hf_axis *axis, double theta, double copy) {
    double d = theta - copy, length = axis->upper - axis->lower;
    return axis->periodic ? d - length * round(d / length) : d;
}

/* Where the value of a quantity at a time of the limit is, for all seeds. */
static inline double *hf_chaos_values(const hf_comparison *c, const hf_chaos_group *out, size_t quantity,
                                      size_t time) {
    return out->value + (quantity * c->chaos->times + time) * out->seeds;
}

/* Coupling, logit and risk errors of all members, and xi; needs theta and copies. */
hf_status hf_chaos_measure_members(hf_error *error, hf_group *group);

/* Root mean square of theta'' over the copies at the group's times, the largest of all seeds. */
hf_status hf_chaos_accelerate(hf_error *error, hf_group *group);

/* Distances of all members to the density, with what is not exact of them as the grid's own error. */
hf_status hf_chaos_measure_distances(hf_error *error, hf_group *group);

/* The density at a time, made non-negative. rho: shape (cells) */
hf_status hf_chaos_density(hf_error *error, const hf_comparison *c, size_t time, double *rho);

/* What Sinkhorn divergences to a density need: a grid of few cells, and the density on it. */
hf_status hf_chaos_sinkhorn(hf_error *error, const hf_comparison *c, const double *rho, hf_grid **coarse,
                            hf_sinkhorn **sinkhorn);

/* The divergence of points from it: they go onto the coarse grid. */
hf_status hf_chaos_sinkhorn_distance(hf_error *error, const hf_grid *coarse, const hf_sinkhorn *sinkhorn,
                                     const hf_points *points, double *distance);

hf_status hf_own_errors_measure(hf_error *error, const hf_comparison *c, hf_own_errors *own);
void hf_own_errors_clear(hf_own_errors *own);

/* Means and intervals over the seeds. */
hf_status hf_chaos_summarise(hf_error *error, const hf_comparison *c, hf_chaos_group *out);

/* All powers of N and epsilon that the ensembles show. */
hf_status hf_chaos_fit_slopes(hf_error *error, const hf_comparison *c);

#endif
