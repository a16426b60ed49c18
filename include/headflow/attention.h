/** @file attention.h
 *  Attention heads and the events they see: scores, context vectors, head logits and their derivatives at a
 *  point theta = (alpha, v), and the context table that turns density moments into logits and residuals into
 *  the potential on a grid. docs/theory.md (2)-(5), (8)-(9), (12). */
#ifndef HEADFLOW_ATTENTION_H
#define HEADFLOW_ATTENTION_H

#include <headflow/events.h>
#include <headflow/grid.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HF_ATTENTION_MAX = 3,
    HF_VALUE_MAX = 3,
    HF_FEATURES_MAX = 3,
    HF_WIDTH_MAX = 64, /* components of a token, and classes */
    HF_TERMS_MAX = 1 + HF_VALUE_MAX
};

/** An attention form: B(alpha) = B_0 + sum_k phi_k(alpha) B_k with its features phi. Adding a form is a new
 *  file in src/attention and a line in the table of forms.c. */
typedef struct hf_attention_form {
    const char *name;
    const char *expects; /**< the coordinates and basis matrices it wants, for messages */
    bool periodic;       /**< its coordinates are angles on [-pi, pi) */
    /** Whether it can have so many coordinates and basis matrices. */
    bool (*accepts)(size_t coordinates, size_t basis);
    /** Features and their derivatives at alpha, n coordinates, K features.
     *  @param[out] phi    shape (K)
     *  @param[out] dphi   shape (K, n), or NULL
     *  @param[out] d2phi  shape (K, n, n), or NULL */
    void (*features)(size_t n, const double *alpha, double *phi, double *dphi, double *d2phi);
    /** Bounds of |dphi| and |d2phi| over a box of alpha, entry by entry.
     *  @param[in]  lower, upper  shape (n)
     *  @param[out] first         shape (K, n)
     *  @param[out] second        shape (K, n, n) */
    void (*bounds)(size_t n, const double *lower, const double *upper, double *first, double *second);
    /** The features of all alpha in a box, where they fill a box of fewer dimensions; else NULL. */
    void (*image)(const double *lower, const double *upper, double *phi_lower, double *phi_upper);
    /** With image: an alpha of the box that has given features of the image. */
    void (*preimage)(const double *lower, const double *upper, const double *phi, double *alpha);
} hf_attention_form;

const hf_attention_form *const *hf_attention_forms(size_t *count); /**< a static table of pointers */
const hf_attention_form *hf_attention_form_find(const char *name); /**< NULL when there is none */

/** The matrices of a head; all borrowed during hf_model_create and copied. */
typedef struct hf_heads {
    const hf_attention_form *form;
    size_t attention_coordinates;  /**< n_alpha, 0..3 */
    size_t attention_basis_count;  /**< K */
    size_t value_coordinates;      /**< n_v, 0..3; n_alpha + n_v is 1..4 */
    const double *attention_base;  /**< B_0, shape (width, width) */
    const double *attention_basis; /**< B_k, shape (K, width, width) */
    const double *value_base;      /**< W_0, shape (classes, width) */
    const double *value_basis;     /**< W_j, shape (n_v, classes, width) */
} hf_heads;

/** Heads bound to events, with the ridge: everything that is a function of theta. */
typedef struct hf_model hf_model;

/** @param[in] events  borrowed: must outlive the model
 *  @param[in] ridge   lambda >= 0 */
hf_status hf_model_create(hf_error *error, const hf_heads *heads, const hf_events *events, double ridge,
                          hf_model **out);
void hf_model_destroy(hf_model **model);

size_t hf_model_attention_coordinates(const hf_model *model); /**< n_alpha */
size_t hf_model_value_coordinates(const hf_model *model);     /**< n_v */
double hf_model_ridge(const hf_model *model);                 /**< lambda */
/** The heads as they were given; the matrices belong to the model. */
hf_heads hf_model_heads(const hf_model *model);
/** Whether the ridge acts on a coordinate: on all but angles, whose square is not a function on the circle.
 */
bool hf_model_ridged(const hf_model *model, size_t coordinate);

/** Context vector c_e(alpha). @param[out] context shape (width). docs/theory.md (3) */
void hf_model_context(const hf_model *model, size_t event, const double *alpha, double *context);

/** Head logits h_e(theta). @param[out] logits shape (classes). docs/theory.md (4) */
void hf_model_head_logits(const hf_model *model, size_t event, const double *theta, double *logits);

/** The same with derivatives in theta.
 *  @param[out] logits    shape (classes)
 *  @param[out] jacobian  shape (classes, D)
 *  @param[out] hessian   shape (classes, D, D), or NULL */
void hf_model_head_derivatives(const hf_model *model, size_t event, const double *theta, double *logits,
                               double *jacobian, double *hessian);

/** Averaged logits of weighted atoms, z_e = sum_i mass_i h_e(theta_i). docs/theory.md (5).
 *  @param[in]  theta   shape (atoms, D)
 *  @param[in]  mass    shape (atoms), any sum
 *  @param[out] logits  shape (E, classes) */
void hf_model_atoms_logits(const hf_model *model, size_t atoms, const double *theta, const double *mass,
                           double *logits);

/** Number of doubles of the projected residual: E * width * (1 + n_v). */
size_t hf_model_projection_size(const hf_model *model);

/** Project residuals on value matrices: Q[e][k][j] = w_e sum_c r_e[c] W_j[c][k], so that the potential
 * without ridge is sum_{e,k} c_e(alpha)[k] (Q[e][k][0] + sum_j v_j Q[e][k][j]). docs/theory.md (8).
 *  @param[in]  residual    shape (E, classes)
 *  @param[out] projection  shape (E, width, 1 + n_v) */
void hf_model_project_residual(const hf_model *model, const double *residual, double *projection);

/** Coefficients of the potential at one alpha: Psi = G_0 + sum_j v_j G_j + ridge, with derivatives in alpha.
 *  docs/theory.md (8)-(9).
 *  @param[in]  projection  shape (E, width, 1 + n_v)
 *  @param[out] g     shape (1 + n_v)
 *  @param[out] dg    shape (1 + n_v, n_alpha), or NULL
 *  @param[out] d2g   shape (1 + n_v, n_alpha, n_alpha), or NULL (needs dg) */
void hf_model_coefficients(const hf_model *model, const double *projection, const double *alpha, double *g,
                           double *dg, double *d2g);

/** Potential, gradient and Hessian at theta from the coefficients at its alpha, as hf_model_coefficients
 * gives them: affine in v, plus ridge.
 *  @param[out] gradient  shape (D), needs dg; or NULL
 *  @param[out] hessian   shape (D, D), needs d2g; or NULL
 *  @return Psi(theta) */
double hf_model_assemble(const hf_model *model, const double *theta, const double *g, const double *dg,
                         const double *d2g, double *gradient, double *hessian);

/** The potential, ridge included, at a point theta, with gradient and Hessian on request.
 *  @param[out] gradient  shape (D), or NULL
 *  @param[out] hessian   shape (D, D), or NULL
 *  @return Psi(theta) */
double hf_model_potential(const hf_model *model, const double *projection, const double *theta,
                          double *gradient, double *hessian);

/* ---- the minimum of a potential -------------------------------------------------------------------- */

/** The lowest point of a potential over a box, found and proved. */
typedef struct hf_lowest {
    double value;             /**< the lowest potential that was found */
    double theta[HF_DIM_MAX]; /**< where */
    double bound;             /**< proved: Psi >= bound on all of the box, with an allowance for rounding */
    size_t boxes;             /**< parts of the box that were looked at */
} hf_lowest;

/** min Psi over the box of a grid, by branch and bound with bounds of the second derivatives in alpha; over v
 * it is explicit. docs/numerics.md (31)-(32).
 *  @param[in] grid       its axes are the coordinates of a head; its cells do not matter
 *  @param[in] residual   shape (E, classes)
 *  @param[in] tolerance  value - bound that is asked for, >= 0
 *  @return HF_OK also when the number of boxes ends the search first: `bound` holds all the same, and
 * value - bound says how far it came; HF_ERR_MEMORY */
hf_status hf_model_lowest(hf_error *error, const hf_model *model, const hf_grid *grid, const double *residual,
                          double tolerance, hf_lowest *out);

/* ---- many heads at once ----------------------------------------------------------------------------- */

/** Events with weights of their own: a minibatch. */
typedef struct hf_batch {
    size_t count;
    const size_t *event;  /**< shape (count) */
    const double *weight; /**< shape (count) */
} hf_batch;

/** N heads of equal mass seen by a model: their averaged logits, and the gradient of a potential at each.
 * Wherever a batch is NULL all events count, with their weights w_e. */
typedef struct hf_cloud hf_cloud;

/** @param[in] model  borrowed: must outlive the cloud */
hf_status hf_cloud_create(hf_error *error, const hf_model *model, size_t heads, hf_cloud **out);
void hf_cloud_destroy(hf_cloud **cloud);

/** Put the heads. @param[in] theta shape (N, D), not kept */
void hf_cloud_place(hf_cloud *cloud, const double *theta);

/** z_e = (1/N) sum_i h_e(theta_i). @param[out] logits shape (count of the batch, classes) */
void hf_cloud_logits(hf_cloud *cloud, const hf_batch *batch, double *logits);

/** Gradient of sum_e weight_e r_e . h_e + (lambda/2)|theta|^2 at each head. docs/theory.md (8)-(9).
 *  @param[in]  residual  shape (count of the batch, classes)
 *  @param[out] gradient  shape (N, D) */
void hf_cloud_gradient(hf_cloud *cloud, const hf_batch *batch, const double *residual, double *gradient);

/* ---- the context table -------------------------------------------------------------------------------- */

/** Contexts c_e over the cells of the alpha-axes of a grid, cell means by Gauss-Legendre quadrature, 3 points
 * an axis, or values at the centres, compressed: a few alpha-cells, the pivots, and weights L that give all
 *  others, c_e(a) ~ sum_k L[a][k] c_e(pivot k). The number of pivots, the rank, follows a tolerance.
 *  docs/numerics.md (2), (34)-(35). The grid's axes are the attention coordinates in order, then the value
 *  coordinates.
 *
 *  Between densities and events are the modes, a few numbers: moments -> modes -> logits, and residuals ->
 *  modes -> coefficients of the potential, each the transpose of the other. Both are linear; a rate of change
 *  may stand for a density. docs/numerics.md (3)-(4), (36)-(37).
 *
 *  Functions named _team are called by every thread of an OpenMP team alike and share the work; outside of a
 *  parallel region the team is one thread. What they compute does not depend on the number of threads. Unless
 *  it is said they have no barrier at their end. */
typedef struct hf_table hf_table;

enum { HF_SLOPES_MIN = 9 };

#define HF_TABLE_TOLERANCE_MAX 1e-2

typedef struct hf_table_options {
    hf_sampling sampling; /**< of the densities to come */
    double tolerance;     /**< largest error as a share of the largest entry; 0: 1e-12 */
    /** The box of alpha-cells that the table is for; cells 0: all of the axis. */
    size_t first[HF_ATTENTION_MAX], cells[HF_ATTENTION_MAX];
    /** Rows beyond each end of the box that coefficients and velocities have too: through the seam of a
     *  periodic axis, and beyond walls, where they mean nothing. */
    size_t margin[HF_ATTENTION_MAX];
} hf_table_options;

/** The same pivots on any number of threads and for any box.
 *  @param[in] model, grid  borrowed: must outlive the table; the grid is the whole one
 *  @return HF_ERR_INPUT when the grid's dimension is not the model's D, when the box is not in the grid, for
 * a tolerance below 0 or above HF_TABLE_TOLERANCE_MAX, and where thousands of rows do not compress */
hf_status hf_table_create(hf_error *error, const hf_model *model, const hf_grid *grid,
                          const hf_table_options *options, hf_table **out);
void hf_table_destroy(hf_table **table);

/** Bytes that a table of the whole grid takes at a rank, or at all its rows where they are fewer. */
double hf_table_bytes(const hf_model *model, const hf_grid *grid, size_t rank);

size_t hf_table_rows(const hf_table *table);        /**< n: alpha-cells of the box (1 without alpha) */
size_t hf_table_wide_rows(const hf_table *table);   /**< N: alpha-cells of the box and its margins */
size_t hf_table_rank(const hf_table *table);        /**< pivots */
double hf_table_tolerance(const hf_table *table);   /**< as asked for */
double hf_table_error(const hf_table *table);       /**< largest error that was seen, relative as above */
double hf_table_checked(const hf_table *table);     /**< share of the entries that were looked at for it */
size_t hf_table_modes_count(const hf_table *table); /**< M: rank times the j whose W_j is not zero */
/** Number of logit differences: shape (blocks of 32 events, classes - 1, 32). */
size_t hf_table_differences_count(const hf_table *table);

/** Moments m_0 = sum rho |C|, m_j = sum v_j rho |C| over the value cells of each alpha-cell.
 *  docs/numerics.md (3). A number that is not finite shows in the moments of its row.
 *  @param[in]  rho      shape (n, value cells)
 *  @param[out] moments  shape (n, 1 + n_v) */
void hf_table_moments_team(hf_table *table, const double *rho, double *moments);

/** Modes from moments; begins and ends with a barrier.
 *  @param[out] modes  shape (M): complete for all threads */
void hf_table_modes_team(hf_table *table, const double *moments, double *modes);

/** Logits less that of the last class, from modes. Each thread has the events that it has in
 *  hf_risk_differences_team and hf_table_response_team.
 *  @param[out] differences  shape (blocks of 32 events, classes - 1, 32), zero behind the last event */
void hf_table_differences_team(const hf_table *table, const double *modes, double *differences);

/** Residual modes from w_e r_e of the classes but the last (residuals add up to zero); ends with a barrier.
 *  @param[in]  residual  shape (blocks of 32 events, classes - 1, 32), finite behind the last event
 *  @param[out] modes     shape (M): complete for all threads */
void hf_table_response_team(hf_table *table, const double *residual, double *modes);

/** Coefficients of the potential on the alpha-cells from residual modes: Psi_i = G[a][0] + sum_j v_j G[a][j]
 *  (+ ridge). docs/numerics.md (4). @param[out] coefficients  shape (N, 1 + n_v) */
void hf_table_coefficients_team(const hf_table *table, const double *modes, double *coefficients);

/** Logits of all classes from modes. @param[out] logits shape (E, classes) */
void hf_table_logits(const hf_table *table, const double *modes, double *logits);

/** Residual modes from residuals, whatever they add up to.
 *  @param[in]  residual  shape (E, classes)
 *  @param[out] modes     shape (M) */
void hf_table_residual_modes(hf_table *table, const double *residual, double *modes);

/** hf_table_coefficients_team by a team of its own. */
void hf_table_coefficients(const hf_table *table, const double *modes, double *coefficients);

/** Potential on a contiguous range of cells of the box, from coefficients; docs/numerics.md (4).
 *  @param[out] psi  shape (count) */
void hf_table_potential(const hf_table *table, const double *coefficients, size_t first, size_t count,
                        double *psi);

/** Coefficients of the velocities u_d = -d Psi/d x_d at the centres, ridge included: u_d = V[d][a][0] + sum_j
 *  v_j V[d][a][j]. Along attention axes, of at least HF_SLOPES_MIN cells, by differences of eighth order of
 * the potential's coefficients; in a margin zero where these would reach out of it. docs/numerics.md (25).
 * @param[in]  coefficients  complete for all threads: a barrier goes before
 * @param[out] velocities    shape (D, N, 1 + n_v) */
void hf_table_velocities_team(hf_table *table, const double *coefficients, double *velocities);

/** hf_table_velocities_team by a team of its own. */
void hf_table_velocities(hf_table *table, const double *coefficients, double *velocities);

/** u rho along an axis on a contiguous range of cells of the box.
 *  @param[in]  rho   shape (count): of these cells
 *  @param[out] flow  shape (count) */
void hf_table_flow(const hf_table *table, const double *velocities, size_t axis, size_t first, size_t count,
                   const double *rho, double *flow);

/** max |u| along an axis over all centres of the box that the last hf_table_velocities_team saw, after a
 * barrier; NaNs left out. */
double hf_table_speed(const hf_table *table, size_t axis);

/** int |h_e|^2 dmu averaged over events: the second moment of the head logits, for sigma^2, with squares of v
 *  as cell means. docs/theory.md (12), docs/numerics.md (17).
 *  @param[in] rho          shape (cells)
 *  @param[in] probability  shape (E, classes): h^T (diag p - p p^T) h instead of |h|^2; or NULL */
double hf_table_second_moment(hf_table *table, const double *rho, const double *probability);

/** (1/2) sum_i |C| rho_i mean_i |theta|^2, the ridge per unit lambda: docs/numerics.md (5). */
double hf_table_half_square(const hf_table *table, const double *rho);

#ifdef __cplusplus
}
#endif
#endif
