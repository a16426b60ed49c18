/* The flow's insides, shared by rate.c (right-hand side), diagnose.c (diagnostics) and evolution.c (time). */
#ifndef HF_FLOW_FLOW_H
#define HF_FLOW_FLOW_H

#include "base/team.h"
#include "flow/density.h"
#include "grid/halo.h"

struct hf_flow {
    const hf_problem *problem;
    hf_grid *part; /* the cells of this rank: all, when it is alone */
    hf_halo *halo; /* NULL: nothing beyond the part */
    hf_table *table;
    hf_barrier barrier;
    hf_risk *risk;
    hf_transport *transport;
    hf_potential potential; /* of `coefficients` and `velocities` */
    hf_beyond beyond;       /* the layers of `halo` */
    double *moments;        /* shape (alpha-cells of the part, 1 + n_v) */
    double *modes;          /* of the table, from moments: of all ranks */
    double *differences;    /* of the table: differences of logits, then residuals in place */
    double *response;       /* of the table: modes from residuals */
    double *coefficients;   /* shape (alpha-cells with margins, 1 + n_v) */
    double *velocities;     /* of a dual flux: shape (D, alpha-cells with margins, 1 + n_v) */
    double *logits;         /* shape (E, classes): logits, then residuals in place */
};

/* Logits of a density, or of a rate of change: the map is linear. logits: shape (E, classes). */
void hf_flow_logits(hf_flow *flow, const double *rho, double *logits);

/* Residuals into flow->logits, coefficients of the potential into flow->coefficients.
 * Returns the cross-entropy, without the ridge. */
double hf_flow_prepare(hf_flow *flow, const double *rho);

/* hf_flow_rate, handing out each line of the rate as soon as it is complete, from any thread.
 * Calls of the sink come as hf_sink says. */
void hf_flow_rate_into(hf_flow *flow, const double *rho, const hf_sink *sink, double *dissipation);

/* sum |C| rho log rho over cells with rho > 0. */
double hf_flow_entropy(const hf_flow *flow, const double *rho);

#endif
