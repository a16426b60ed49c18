/** @file tokens.h
 *  The distribution of tokens on the circle or the sphere as it passes layers of self-attention with layer
 *  normalisation: d mu/dt + s div(mu V) = 0, V = grad log m (softmax) or grad m (unnormalised),
 *  m(x) = int exp(x . D y) dmu(y). Burger, Kabri, Korolev, Roith, Weigand 2025. docs/tokens.md. */
#ifndef HEADFLOW_TOKENS_H
#define HEADFLOW_TOKENS_H

#include <headflow/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HF_TOKENS_DIM_MAX = 3,    /**< of the space that the sphere lies in */
    HF_TOKENS_MODES_MAX = 64, /**< of an initial density on the circle, or Legendre modes on the sphere */
    HF_TOKENS_POINTS_MAX = 64,
    HF_TOKENS_AMPLITUDES = 8,
    HF_TOKENS_LEVELS_MAX = 8
};

/** |D| that exp(|D|), the scale of energies and of unnormalised speeds, is let to reach. */
#define HF_TOKENS_NORM_MAX 300.0

/** An initial density, up to its normalisation: 1 + linear . x + x . quadratic x, and on the circle
 *  sum_k cosine_k cos k theta + sine_k sin k theta (k from 1), on the sphere sum_l legendre_l P_l(x_3); or
 * point masses. */
typedef struct hf_tokens_initial {
    double linear[HF_TOKENS_DIM_MAX];
    double quadratic[HF_TOKENS_DIM_MAX * HF_TOKENS_DIM_MAX];
    size_t cosine_count, sine_count, legendre_count;
    double cosine[HF_TOKENS_MODES_MAX], sine[HF_TOKENS_MODES_MAX], legendre[HF_TOKENS_MODES_MAX];
    size_t point_count; /**< 0: the density above; else these point masses instead */
    struct hf_tokens_point {
        double angle[2]; /**< theta; on the sphere theta and phi */
        double weight;   /**< > 0; normalised over the points */
    } point[HF_TOKENS_POINTS_MAX];
} hf_tokens_initial;

/** A problem as a caller states it; hf_tokens_create copies all of it. */
typedef struct hf_tokens_input {
    const char *name; /**< names the output folder */
    const char *title;
    size_t dim;                                                /**< d: 2, the circle; 3, the sphere */
    double interaction[HF_TOKENS_DIM_MAX * HF_TOKENS_DIM_MAX]; /**< D, shape (d, d) */
    bool unnormalised; /**< USA: V = grad m; else SA: V = grad log m */
    bool descent;      /**< s = -1; else s = +1 */
    hf_tokens_initial initial;
    /** Of the angle on the circle; of colatitude and longitude on the sphere, or of the colatitude alone:
     * then the density is symmetric about the third axis. */
    size_t axis_count, cells[2];
    const hf_flux *flux; /**< NULL: muscl */
    /** The transport scheme in place of a flux: upwind with the velocities at cell centres. First order; the
     * energy may fall; moves a cluster that fits into one cell, which the other non-negative fluxes pin. */
    bool transport;
    const hf_limiter *limiter; /**< NULL: van Leer */
    const hf_method *method;   /**< NULL: cvode */
    double end, rtol, atol;    /**< tolerances 0: 1e-6 and 1e-9 */
    double stop;               /**< |dE/dt| of rest; 0: never */
    size_t outputs;            /**< 0: 33 */
} hf_tokens_input;

typedef struct hf_tokens hf_tokens;

/** What hf_tokens_create checks. @return HF_ERR_INPUT with the field that is wrong, the name of its key first
 */
hf_status hf_tokens_check(hf_error *error, const hf_tokens_input *input);

/** Check the input as a whole and build kernel, transport and workspace.
 *  @return HF_ERR_INPUT with the field that is wrong */
hf_status hf_tokens_create(hf_error *error, const hf_tokens_input *input, hf_tokens **out);
void hf_tokens_destroy(hf_tokens **tokens);

const hf_tokens_input *hf_tokens_input_of(const hf_tokens *tokens); /**< with the defaults filled in */
/** Axis theta on [-pi, pi) of the circle; theta on [0, pi] and phi on [-pi, pi) of the sphere. */
const hf_grid *hf_tokens_grid(const hf_tokens *tokens);
const char *hf_tokens_flux_name(const hf_tokens *tokens);
double hf_tokens_area(const hf_tokens *tokens, size_t cell); /**< of a cell on the sphere, exact */
double hf_tokens_norm(const hf_tokens *tokens);              /**< |D|, the largest singular value */

/** Whether D is symmetric: else the energy has no sign of change. */
bool hf_tokens_symmetric(const hf_tokens_input *input);

/** Whether D and the initial density do not change under rotations about the third axis of the sphere. */
bool hf_tokens_axisymmetric(const hf_tokens_input *input);

/* ---- the semi-discrete flow ------------------------------------------------------------------------- */

/* The unknowns are masses a coordinate, g = mass of the cell / (spacings of the grid), so that g is the
 * density on the circle and density times sin theta on the sphere. docs/tokens.md (T10). */

/** @param[out] g  shape (cells) */
hf_status hf_tokens_initial_density(hf_error *error, const hf_tokens *tokens, double *g);

/** dg/dt. @param[out] power  dE/dt of the semi-discrete scheme times e^{-|D|}, or NULL */
void hf_tokens_rate(hf_tokens *tokens, const double *g, double *rate, double *power);

/** m e^{-|D|} at the cell centres. @param[out] m  shape (cells) */
void hf_tokens_field(hf_tokens *tokens, const double *g, double *m);

/** E e^{-|D|}, E = int int exp(x . D y) dmu dmu. */
double hf_tokens_energy(hf_tokens *tokens, const double *g);

/** What is recorded of the density at a time; docs/formats.md. */
typedef struct hf_tokens_record {
    double time;
    double energy;        /**< E e^{-|D|} */
    double power, gained; /**< dE/dt e^{-|D|} and its time integral */
    double mass, minimum, negative_mass;
    double mean[HF_TOKENS_DIM_MAX];                       /**< int x dmu */
    double second[HF_TOKENS_DIM_MAX * HF_TOKENS_DIM_MAX]; /**< int x x^T dmu */
    /** Of the modes k = 1, 2, ..: |int e^{i k theta} dmu| on the circle; on the sphere the root of
     * int int P_k(x . y) dmu dmu. docs/tokens.md (T7) */
    double amplitude[HF_TOKENS_AMPLITUDES];
} hf_tokens_record;

/** Everything of the record but time and gained. */
void hf_tokens_diagnose(hf_tokens *tokens, const double *g, hf_tokens_record *record);

typedef struct hf_tokens_observer {
    void *self;
    /** At every output time. g: shape (cells), borrowed during the call. */
    hf_status (*output)(hf_error *error, void *self, const hf_tokens_record *record, const double *g);
    hf_status (*step)(hf_error *error, void *self, double time, const hf_statistics *statistics);
} hf_tokens_observer;

/** Integrate from the initial density to the end. @param[out] g shape (cells): the final density, or NULL */
hf_status hf_tokens_integrate(hf_error *error, hf_tokens *tokens, const hf_tokens_observer *observer,
                              double *g, hf_statistics *statistics);

/* ---- weighted tokens -------------------------------------------------------------------------------- */

/** Quadrature nodes of mu_0 carried by the velocity they make: spectrally accurate while the density is
 * smooth, and exact for point masses. The verification reference. */
typedef struct hf_tokens_cloud {
    size_t dim, count;
    double *place;  /**< shape (count, d), unit vectors */
    double *weight; /**< shape (count), sum 1 */
} hf_tokens_cloud;

/** Nodes of the initial density: `nodes` on the circle; Gauss-Legendre `nodes` times 2 `nodes` on the sphere.
 *  Free it with hf_tokens_cloud_clear. */
hf_status hf_tokens_cloud_create(hf_error *error, const hf_tokens_input *input, size_t nodes,
                                 hf_tokens_cloud *cloud);
void hf_tokens_cloud_clear(hf_tokens_cloud *cloud);

/** Carry the tokens from time 0 to `end`, by CVODE's Adams method. O(count^2) a step. */
hf_status hf_tokens_cloud_advance(hf_error *error, const hf_tokens_input *input, double end, double tolerance,
                                  hf_tokens_cloud *cloud);

/** s V of tokens, tangent. @param[out] velocity shape (count, d) */
void hf_tokens_cloud_velocity(const hf_tokens_input *input, const hf_tokens_cloud *cloud, double *velocity);

/** E e^{-|D|}. @param[out] mean  shape (d), or NULL */
double hf_tokens_cloud_energy(const hf_tokens_input *input, const hf_tokens_cloud *cloud, double *mean);

/* ---- verification ----------------------------------------------------------------------------------- */

typedef struct hf_tokens_level {
    size_t cells[2];
    double energy_error; /**< relative to E */
    double mean_error;   /**< of int x dmu */
    double energy_order; /**< NAN for the first */
    long steps;
    double seconds;
} hf_tokens_level;

typedef struct hf_tokens_study {
    size_t count, nodes;
    hf_tokens_level level[HF_TOKENS_LEVELS_MAX];
    double energy;      /**< of the reference at the end, times e^{-|D|} */
    double uncertainty; /**< relative: the reference against itself on fewer nodes */
    double mean[HF_TOKENS_DIM_MAX];
    int expected_order;
    bool judged; /**< whether the reference is finer than the finest grid's error by 10 */
    bool passed;
} hf_tokens_study;

/** Finer and finer grids against weighted tokens at the end.
 *  @param[in] levels, nodes  0: 3 levels, the finest that of the case; 128 nodes on the circle, 24 on the
 *                            sphere */
hf_status hf_tokens_verify(hf_error *error, const hf_tokens_input *input, size_t levels, size_t nodes,
                           hf_tokens_study *study);

/* ---- closed forms ----------------------------------------------------------------------------------- */

/** Growth rate of mode k >= 1 of the uniform state, s mu-tilde growing as e^{rate t}, for D = beta I:
 *  s k^2 I_k(beta) (/I_0) on the circle, s k (k + 1) i_k(beta) (/i_0) on the sphere; unnormalised rates are
 *  times e^{-beta}. */
double hf_tokens_growth(const hf_tokens_input *input, double beta, size_t k);

/** beta where D = beta I; NAN for any other. */
double hf_tokens_isotropy(const hf_tokens_input *input);

/** beta >= 0 where D is beta times an orthogonal matrix, to rounding: where the uniform state is stationary.
 *  NAN for any other. */
double hf_tokens_conformality(const hf_tokens_input *input);

/** alpha of D = beta R_alpha on the circle, R_alpha a rotation, -pi to pi: mode k of the uniform state grows
 *  at the rate of beta I times e^{-i k alpha}. NAN for any other D and on the sphere. docs/tokens.md (T15) */
double hf_tokens_rotation(const hf_tokens_input *input);

/** E e^{-|D|} of the uniform state. */
double hf_tokens_uniform_energy(const hf_tokens_input *input);

/** A stationary measure of one Dirac or of two equal antipodal ones on a real eigenvector of D. */
typedef struct hf_tokens_cluster {
    double axis[HF_TOKENS_DIM_MAX], eigenvalue;
    bool pair;
    double token;                        /**< rate at which one token comes back to it */
    size_t rate_count;                   /**< d - 1 */
    double rigid[HF_TOKENS_DIM_MAX - 1]; /**< at which the clusters come back together (real parts) */
    double part[HF_TOKENS_DIM_MAX - 1];  /**< of a pair: at which its clusters come back towards antipodes */
    double energy;                       /**< E e^{-|D|} */
    bool stable;                         /**< all rates are positive */
    bool neutral;                        /**< none is negative, and one is 0 to rounding */
} hf_tokens_cluster;

enum { HF_TOKENS_CLUSTERS_MAX = 2 * HF_TOKENS_DIM_MAX };

typedef enum hf_tokens_known {
    HF_TOKENS_UNKNOWN,
    HF_TOKENS_DIRAC,
    HF_TOKENS_PAIR,
    HF_TOKENS_UNIFORM
} hf_tokens_known;

typedef struct hf_tokens_limit {
    size_t count;
    hf_tokens_cluster cluster[HF_TOKENS_CLUSTERS_MAX];
    bool symmetric;         /**< D: else there is no energy, and what follows is not known */
    double highest, lowest; /**< extremal E e^{-|D|}; NAN where not known */
    hf_tokens_known maximiser, minimiser;
} hf_tokens_limit;

/** Stationary clusters with their linear stability, and the extremal energies. docs/tokens.md. */
hf_status hf_tokens_find_limit(hf_error *error, const hf_tokens_input *input, hf_tokens_limit *limit);

#ifdef __cplusplus
}
#endif
#endif
