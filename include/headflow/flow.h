/** @file flow.h
 *  The gradient flow of the head density: a problem, its initial density, the right-hand side on a grid,
 * time integration, and the diagnostics along the way. docs/theory.md (10)-(15), docs/numerics.md (13)-(18).
 */
#ifndef HEADFLOW_FLOW_H
#define HEADFLOW_FLOW_H

#include <headflow/attention.h>
#include <headflow/ranks.h>
#include <headflow/risk.h>
#include <headflow/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- initial densities ------------------------------------------------------------------------------ */

typedef enum hf_profile_kind {
    HF_PROFILE_BUMP,
    HF_PROFILE_NORMAL,
    HF_PROFILE_UNIFORM,
    HF_PROFILE_COSINE,
    HF_PROFILE_DIRAC
} hf_profile_kind;

/** A probability density of one coordinate. docs/theory.md (10).
 *  bump: a = centre, b = radius > 0, density ~ (1 - ((x-a)/b)^2)^4 on |x-a| < b;
 *  normal: a = mean, b = standard deviation > 0, truncated to the box of the axis;
 *  uniform: on [a, b], a < b;
 *  cosine: (1 + a cos(x - b))/2pi on a periodic axis, 0 <= a <= 1 (a = kappa, b = phase);
 *  dirac: all mass at a; b unused. */
typedef struct hf_profile {
    hf_profile_kind kind;
    double a, b;
} hf_profile;

/** The distribution function of a profile on an axis: mass in [axis lower, x]. */
double hf_profile_distribution(const hf_profile *profile, const hf_axis *axis, double x);

/** Mass of a profile in [x, y], with full relative accuracy in both tails. */
double hf_profile_mass(const hf_profile *profile, const hf_axis *axis, double x, double y);

/** How far the support of a bump or uniform profile reaches beyond the axis; 0 when it is inside. */
double hf_profile_outside(const hf_profile *profile, const hf_axis *axis);

/** Inverse of the distribution function, 0 <= p <= 1. */
double hf_profile_quantile(const hf_profile *profile, const hf_axis *axis, double p);

/** Quadrature of the profile: Gauss rules for its weight (Gegenbauer for the bump, Legendre for uniform,
 *  Legendre with the density as factor for the normal, midpoints for the cosine; a Dirac is one node of
 *  mass 1, the others of mass 0); masses sum to 1.
 *  @param[out] node, mass   shape (n) */
hf_status hf_profile_quadrature(hf_error *error, const hf_profile *profile, const hf_axis *axis, size_t n,
                                double *node, double *mass);

enum { HF_PANEL_NODES = 8 };

/** Composite quadrature of the profile: Gauss-Legendre nodes in `panels` equal parts of its support; masses
 * sum to 1. Not for Diracs. @param[out] node, mass  shape (panels, HF_PANEL_NODES) */
void hf_profile_panels(const hf_profile *profile, const hf_axis *axis, size_t panels, double *node,
                       double *mass);

/** Where the mass of a profile is on an axis, but for 1e-15 of it. */
void hf_profile_support(const hf_profile *profile, const hf_axis *axis, double *lower, double *upper);

/** One product density of a mixture. */
typedef struct hf_component {
    double weight;                  /**< > 0; normalised over the mixture */
    hf_profile profile[HF_DIM_MAX]; /**< one a coordinate, in the order of the grid's axes */
} hf_component;

/** The flux of a case that names none: muscl for tau = 0, scharfetter-gummel for tau > 0. */
const hf_flux *hf_flux_default(double temperature);

/* ---- the problem ------------------------------------------------------------------------------------ */

/** How SGD ensembles are to be run; kept with the problem for the verbs that run particles. */
typedef struct hf_particles {
    size_t heads_count, step_count, batch_count, seeds;
    size_t heads[16];
    double step[16];
    size_t batch[16]; /**< 0: the full batch */
} hf_particles;

/** A time integration method. Adding one is a new file in src/flow and a line in the table of methods.c. */
typedef struct hf_method {
    const char *name;
    const char *summary;
    bool warm;                        /**< whether it is for tau > 0; all are for tau = 0 */
    size_t vectors;                   /**< density vectors that it holds at its largest */
    const struct hf_stepper *stepper; /**< its insides */
} hf_method;

const hf_method *hf_methods(size_t *count);        /**< a static table, the default first */
const hf_method *hf_method_find(const char *name); /**< NULL when there is none */

/** A problem as a caller states it; hf_problem_create copies all of it but takes over `events`.
 */
typedef struct hf_problem_input {
    const char *name; /**< names the output folder: letters, digits, - and _ */
    const char *title;
    hf_events *events;  /**< taken over by hf_problem_create, also when it fails */
    hf_heads heads;     /**< borrowed, copied */
    double ridge;       /**< lambda >= 0 */
    double temperature; /**< tau >= 0 */
    size_t dim;         /**< D = n_alpha + n_v */
    hf_axis axes[HF_DIM_MAX];
    size_t component_count;
    const hf_component *components; /**< shape (component_count), copied */
    const hf_flux *flux;            /**< NULL: muscl for tau = 0, scharfetter-gummel for tau > 0 */
    const hf_limiter *limiter;      /**< NULL: van Leer */
    double table_tolerance;         /**< of the compressed contexts, at most 1e-2; 0: 1e-12 */
    double end;                     /**< T > 0 */
    const hf_method *method;        /**< of time integration; NULL: cvode */
    double rtol, atol;              /**< of the time integration; 0: 1e-6 and 1e-9 */
    size_t outputs;                 /**< equally spaced output times, first 0 and last T; >= 2; 0: 33 */
    double checkpoint_every;        /**< of simulated time between checkpoints; 0: by the clock */
    double checkpoint_seconds;      /**< by the clock [s]; 0: 60 */
    bool deterministic;             /**< whether files are to leave out what the clock says, and OpenBLAS
                                         to take one thread, in all of the process from then on */
    double stop;                    /**< stop when the dissipation falls to this value; 0: never */
    bool estimate;                  /**< whether a run is to estimate its own error, by hf_estimate_run */
    hf_particles particles;         /**< heads_count 0: none */
    const hf_ranks *ranks;          /**< who share the work, borrowed, outlives the problem; NULL: alone */
} hf_problem_input;

typedef struct hf_problem hf_problem;

/** Check the input as a whole and build the problem.
 *  @return HF_ERR_INPUT with the field that is wrong; HF_ERR_INPUT when the arrays would not fit in the
 * memory of this machine, with the sizes, before anything large is allocated */
hf_status hf_problem_create(hf_error *error, const hf_problem_input *input, hf_problem **out);
void hf_problem_destroy(hf_problem **problem);

/** What hf_problem_refine changes; a zero keeps the problem's own value. */
typedef struct hf_refine_options {
    const size_t *cells; /**< shape (D) */
    const hf_flux *flux;
    double rtol, atol;
    double end;
    size_t outputs;
} hf_refine_options;

/** The same problem on another grid or with another scheme, never stopped early: for refinement studies. The
 * events and the model are shared with `problem`, which must outlive the copy. */
hf_status hf_problem_refine(hf_error *error, const hf_problem *problem, const hf_refine_options *options,
                            hf_problem **out);

const char *hf_problem_name(const hf_problem *problem);
const char *hf_problem_title(const hf_problem *problem);
const hf_grid *hf_problem_grid(const hf_problem *problem);
const hf_events *hf_problem_events(const hf_problem *problem);
const hf_model *hf_problem_model(const hf_problem *problem);
const hf_flux *hf_problem_flux(const hf_problem *problem);
hf_sampling hf_problem_sampling(const hf_problem *problem); /**< what the flux makes of a density's numbers */
const hf_limiter *hf_problem_limiter(const hf_problem *problem); /**< NULL where the flux takes none */
const hf_particles *hf_problem_particles(const hf_problem *problem);
const hf_component *hf_problem_components(const hf_problem *problem, size_t *count);
double hf_problem_temperature(const hf_problem *problem);
double hf_problem_end(const hf_problem *problem);
const hf_method *hf_problem_method(const hf_problem *problem);
double hf_problem_rtol(const hf_problem *problem);
double hf_problem_atol(const hf_problem *problem);
double hf_problem_table_tolerance(const hf_problem *problem);
double hf_problem_stop(const hf_problem *problem);
bool hf_problem_estimate(const hf_problem *problem);
double hf_problem_checkpoint_every(const hf_problem *problem); /**< 0: by the clock */
double hf_problem_checkpoint_seconds(const hf_problem *problem);
bool hf_problem_deterministic(const hf_problem *problem);
size_t hf_problem_outputs(const hf_problem *problem);
const hf_ranks *hf_problem_ranks(const hf_problem *problem); /**< NULL: alone */
/** The output times, index < outputs: the first is 0, the last exactly the end. */
double hf_problem_output_time(const hf_problem *problem, size_t index);

/** The initial density: exact cell means, or with a dual flux the point values of a measure with the same
 * integrals of smooth functions. docs/numerics.md (1), (27). @param[out] rho shape (cells) */
hf_status hf_problem_initial(hf_error *error, const hf_problem *problem, double *rho);

/** The part of the grid that this rank has: blocks along the attention axes, wide enough for the flux; alone,
 * the whole grid. Destroy it before the problem.
 *  @return HF_ERR_INPUT, alike on all ranks, when the grid cannot be divided among them */
hf_status hf_problem_divide(hf_error *error, const hf_problem *problem, hf_grid **part);

/** Into how many parts hf_problem_divide cuts each axis for a number of ranks, or why it cannot, as
 * hf_grid_factors. Not collective. @param[out] parts shape (D) */
hf_status hf_problem_factors(hf_error *error, const hf_problem *problem, size_t ranks, size_t parts[]);

/** The share that a part of the problem's grid has of the initial density, the same numbers to the bit.
 *  @param[out] rho  shape (cells of the part) */
hf_status hf_problem_initial_part(hf_error *error, const hf_problem *problem, const hf_grid *part,
                                  double *rho);

/* ---- the right-hand side ---------------------------------------------------------------------------- */

/** The semi-discrete flow of a problem: owns the context table, the fluxes and all workspace. */
typedef struct hf_flow hf_flow;

/** @param[in] problem  borrowed: must outlive the flow */
hf_status hf_flow_create(hf_error *error, const hf_problem *problem, hf_flow **out);
void hf_flow_destroy(hf_flow **flow);
const hf_problem *hf_flow_problem(const hf_flow *flow);
const hf_grid *hf_flow_grid(const hf_flow *flow); /**< the grid of its densities: this rank's part */

/** d rho/dt of the semi-discrete scheme. docs/numerics.md (13). Collective; O(cells); allocates nothing.
 *  @param[out] rate         shape (cells)
 *  @param[out] dissipation  D_h, or NULL */
void hf_flow_rate(hf_flow *flow, const double *rho, double *rate, double *dissipation);

/** Risk R of a density, ridge included. @param[out] logits shape (E, classes), or NULL */
double hf_flow_risk(hf_flow *flow, const double *rho, double *logits);

/** Free energy F = R + tau sum |C| rho log rho. */
double hf_flow_free_energy(hf_flow *flow, const double *rho);

/** The potential of a density on every cell: for output and tests; a right-hand side never stores it.
 *  @param[out] psi  shape (cells) */
void hf_flow_potential(hf_flow *flow, const double *rho, double *psi);

/** What is recorded of the density at a time. Units and definitions: docs/formats.md. */
typedef struct hf_record {
    double time;
    double risk, free_energy;
    double dissipation, dissipated; /**< D_h and its time integral from 0 */
    double mass, minimum;           /**< sum rho |C|, min rho */
    double negative_mass;           /**< sum max(-rho, 0) |C|: what a dual flux has not resolved */
    double gap;                     /**< tau = 0: int Psi dmu less a proved lower bound of Psi, within 1e-12
                                       of its minimum; tau > 0: tau KL(mu | Gibbs(Psi)) */
    double wall_mass;               /**< sum |rho| |C| in the cells next to walls: all whose stencil a dual
                                       flux cuts off there, one else. docs/numerics.md (28) */
    double sigma2;                  /**< sum_e w_e int |h_e - z_e|^2 dmu */
    double one_sided_lipschitz;     /**< max of lambda_max(-Hess Psi) over the hull of the mass */
    double mean[HF_DIM_MAX];
    double covariance[HF_DIM_MAX * HF_DIM_MAX]; /**< shape (D, D), row-major in the first D*D entries */
} hf_record;

/** Everything of the record but time and dissipated (left as they are). */
hf_status hf_flow_diagnose(hf_error *error, hf_flow *flow, const double *rho, hf_record *record);

/* ---- time integration ------------------------------------------------------------------------------- */

typedef struct hf_statistics {
    long steps, evaluations, error_failures, refused_states, linear_iterations;
    double last_step;
    double seconds;
    size_t vectors;    /**< density vectors that the method held */
    size_t table_rank; /**< of the compressed contexts, as the two below: hf_table_rank and its like */
    double table_error, table_checked;
    double time;     /**< where the integration ended */
    bool stationary; /**< ended because the dissipation fell to `stop` */
} hf_statistics;

/** Where an integration stands between two steps: what it takes to go on from there. */
typedef struct hf_checkpoint {
    double time;
    double dissipated;        /**< time integral of the dissipation from 0 */
    size_t outputs;           /**< output times that the observer has been told of */
    hf_statistics statistics; /**< of all steps before */
    const double *rho;        /**< shape (cells of the part), borrowed */
} hf_checkpoint;

/** Who is told of the course of an integration; each function may be NULL; a failure ends the integration. */
typedef struct hf_observer {
    void *self;
    /** At every output time (and at the stationary end). rho: shape (cells), borrowed during the call. */
    hf_status (*output)(hf_error *error, void *self, const hf_record *record, const double *rho);
    /** Logits on a time axis of their own, in order of time. logits: shape (E, classes). */
    hf_status (*logits)(hf_error *error, void *self, double time, const double *logits);
    /** After every step of the integrator. */
    hf_status (*step)(hf_error *error, void *self, double time, const hf_statistics *statistics);
    /** After every step but the last. Whoever goes on from `here` with hf_flow_resume restarts the method
     * there, since what it knows of earlier steps cannot be kept; with *restart set this integration does the
     * same, so that from there on both give the same numbers to the bit. Without this function a signal
     * (hf_interrupted) ends the integration; with it, that is the function's to do. */
    hf_status (*checkpoint)(hf_error *error, void *self, const hf_checkpoint *here, bool *restart);
} hf_observer;

/** Integrate the problem of `flow` from its initial density to its end.
 *  @param[in]  observer    may be NULL
 *  @param[out] rho         shape (cells): the final density, or NULL
 *  @param[out] statistics  may be NULL
 *  @return HF_ERR_NUMERIC when the method fails or a state is not finite, with what to change;
 *  HF_ERR_INTERRUPTED when a signal was caught */
hf_status hf_flow_integrate(hf_error *error, hf_flow *flow, const hf_observer *observer, double *rho,
                            hf_statistics *statistics);

/** The same from a checkpoint of the same problem on: the observer is told of what comes behind it.
 *  @param[in] from  of this rank's part; NULL: from the initial density */
hf_status hf_flow_resume(hf_error *error, hf_flow *flow, const hf_checkpoint *from,
                         const hf_observer *observer, double *rho, hf_statistics *statistics);

#ifdef __cplusplus
}
#endif
#endif
