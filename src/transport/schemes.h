/* The numerical fluxes, one a file; the tables that name them and the limiters are in schemes.c. */
#ifndef HF_TRANSPORT_SCHEMES_H
#define HF_TRANSPORT_SCHEMES_H

#include <headflow/transport.h>

/* Lanes: numbers in a register of the widest kind, which gcc does not take by itself. */
enum { HF_STENCIL_MAX = 2 * HF_HALO_MAX, HF_LANES = 8 };

/* Of the weights of a dual flux: all tilt[j] are 0; all at[j] are at[0]; any. */
typedef enum hf_form { HF_CONSTANT, HF_AFFINE, HF_ANY } hf_form;

/* The velocity along a line over h, base + slope x[k]. */
typedef struct hf_velocity {
    double base, slope;
} hf_velocity;

/* Of a line of a dual flux: F/h = sum_j (still[j] + tilt[j] at[j][k]) rho[j][k]. */
typedef struct hf_weights {
    double still[HF_STENCIL_MAX], tilt[HF_STENCIL_MAX];
} hf_weights;

/* Faces side by side, each with its stencil across: what is between two lines, or between the cells of one.
 * With those of the lines that follow, whose cells, velocities and weights follow as well. Velocities and
 * fluxes are divided by the cell width h of the axis. */
typedef struct hf_faces {
    /* rho[j][k]: density in the j-th cell of the stencil of face k, in the direction of the axis; the face
     * lies between j = halo - 1 and j = halo. */
    const double *rho[HF_STENCIL_MAX];
    size_t advance; /* of rho from a line to the next */
    hf_velocity *u; /* from the potential: shape (lines) */
    bool steady;    /* whether slope is 0 on all lines */
    bool far;       /* arrays of the grid's size are not in a cache */
    const double *x;
    double diffusion;    /* tau/h^2 */
    double area;         /* h^2: u F = area (u/h) (F/h) */
    hf_form form;        /* of the weights of all lines */
    hf_weights *weights; /* dual: shape (lines) */
    const double *at[HF_STENCIL_MAX];
    double *flux;        /* F/h */
    size_t flux_advance; /* from a line to the next: 0 where they are between the two */
} hf_faces;

/* The sum of u F over faces, in parts, of each of several lines: lanes + line advance, or 0 for all in one.
 */
typedef struct hf_work {
    double *lanes;
    size_t advance;
} hf_work;

/* The loops of a flux. */
typedef struct hf_kernels {
    /* Fluxes of the faces of lines of `count` cells. */
    void (*along)(size_t lines, size_t count, const hf_faces *faces);
    /* The rate of lines of `count` cells from the fluxes `inner` between their cells, k above cell k, which
     * are there already, from k = -1 on; with two other axes, or one, or none (NULL): one whose velocity
     * varies along a line, and one whose does not. Along those, the fluxes of the upper faces of the lines
     * replace those of the lower ones; a dual flux has none here. rate: shape (lines, count). work: to it is
     * added the sum of u F over all upper faces of each line. */
    void (*first)(size_t lines, size_t count, const hf_faces *inner, const hf_faces *varying,
                  const hf_faces *steady, double *rate, hf_work work);
    /* One axis more, added to rate and work. */
    void (*more)(size_t lines, size_t count, const hf_faces *faces, double *rate, hf_work work);
} hf_kernels;

/* The coefficients of a dual flux, docs/numerics.md (24): F = sum_k a_k (f_{R+k} + f_{L-k}) - sum_k (speed
 * b_k + tau/h d_k) (rho_{R+k} - rho_{L-k}). */
typedef struct hf_dual {
    double a[HF_HALO_MAX], b[HF_HALO_MAX], d[HF_HALO_MAX];
} hf_dual;

extern const hf_flux hf_flux_upwind;
extern const hf_flux hf_flux_muscl;
extern const hf_flux hf_flux_duality5;
extern const hf_flux hf_flux_duality7;
extern const hf_flux hf_flux_scharfetter_gummel;

/* max(x, 0) in one instruction, where fmax would call the library for the sake of NaN. */
static inline double hf_positive(double x) {
    return x > 0 ? x : 0;
}

#endif
