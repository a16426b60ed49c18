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

/** The context table over the cells of the alpha-axes of a grid: cell means of c_e by Gauss-Legendre
 *  quadrature, 3 points an axis, or its values at the centres. docs/numerics.md (2). The grid's axes are the
 * attention coordinates in order, then the value coordinates. */
typedef struct hf_table hf_table;

enum { HF_SLOPES_MIN = 9 };

/** @param[in] model, grid  borrowed: must outlive the table
 *  @param[in] sampling     of the densities to come
 *  @return HF_ERR_INPUT when the grid's dimension is not the model's D */
hf_status hf_table_create(hf_error *error, const hf_model *model, const hf_grid *grid, hf_sampling sampling,
                          hf_table **out);
void hf_table_destroy(hf_table **table);

/** Bytes that hf_table_create will allocate; no overflow up to SIZE_MAX (then SIZE_MAX). */
size_t hf_table_bytes(const hf_model *model, const hf_grid *grid);

size_t hf_table_rows(const hf_table *table); /**< n: cells of the alpha-grid (1 when there is no alpha) */

/** Moments m_0 = sum rho |C|, m_j = sum v_j rho |C| over the value cells of each alpha-cell.
 *  docs/numerics.md (3). @param[out] moments  shape (n, 1 + n_v) */
void hf_table_moments(const hf_table *table, const double *rho, double *moments);

/** Logits from moments. @param[out] logits shape (E, classes); uses the table's own workspace */
void hf_table_logits(hf_table *table, const double *moments, double *logits);

/** Coefficients of the potential on the alpha-grid from the residuals: Psi_i = G[a][0] + sum_j v_j G[a][j]
 *  (+ ridge). docs/numerics.md (4). @param[out] coefficients  shape (n, 1 + n_v) */
void hf_table_coefficients(hf_table *table, const double *residual, double *coefficients);

/** Potential on a contiguous range of grid cells, from coefficients; docs/numerics.md (4).
 *  @param[out] psi  shape (count) */
void hf_table_potential(const hf_table *table, const double *coefficients, size_t first, size_t count,
                        double *psi);

/** Coefficients of the velocities u_d = -d Psi/d x_d at the centres, ridge included: u_d = V[d][a][0] + sum_j
 *  v_j V[d][a][j]. Along attention axes, of at least HF_SLOPES_MIN cells, by differences of eighth order of
 * the potential's coefficients. docs/numerics.md (25). @param[out] velocities shape (D, n, 1 + n_v) */
void hf_table_velocities(const hf_table *table, const double *coefficients, double *velocities);

/** u rho along an axis on a contiguous range of grid cells.
 *  @param[in]  rho   shape (count): of these cells
 *  @param[out] flow  shape (count) */
void hf_table_flow(const hf_table *table, const double *velocities, size_t axis, size_t first, size_t count,
                   const double *rho, double *flow);

/** max |u| along an axis over all centres of the grid; O(alpha-cells). */
double hf_table_speed(const hf_table *table, const double *velocities, size_t axis);

/** int |h_e|^2 dmu averaged over events: the second moment of the head logits, for sigma^2, with squares of v
 *  as cell means. docs/theory.md (12), docs/numerics.md (17).
 *  @param[in] rho          shape (cells)
 *  @param[in] probability  shape (E, classes): h^T (diag p - p p^T) h instead of |h|^2; or NULL */
double hf_table_second_moment(const hf_table *table, const double *rho, const double *probability);

/** (1/2) sum_i |C| rho_i mean_i |theta|^2, the ridge per unit lambda: docs/numerics.md (5). */
double hf_table_half_square(const hf_table *table, const double *rho);

#ifdef __cplusplus
}
#endif
#endif
