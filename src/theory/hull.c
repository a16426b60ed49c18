/* Constants of the theory over the hull of heads and copies. docs/theory.md (38).
 *
 * Psi, h_e and their derivatives are affine in v (up to the ridge), and norms and largest eigenvalues are
 * convex: over a box in v they are largest at a corner. In alpha they are looked at on a lattice. */
#include "theory/bounds.h"

#include "base/symmetric.h"

#include <gsl/gsl_eigen.h>
#include <math.h>

static const size_t lattice_points[] = {1, 33, 17, 9}; /* an attention axis, by their number */

hf_hull hf_hull_empty(void) {
    hf_hull hull;
    for (size_t d = 0; d < HF_DIM_MAX; d++) {
        hull.lower[d] = INFINITY;
        hull.upper[d] = -INFINITY;
    }
    return hull;
}

void hf_hull_add(hf_hull *hull, size_t dim, size_t count, const double *theta) {
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < dim; d++) {
            hull->lower[d] = fmin(hull->lower[d], theta[i * dim + d]);
            hull->upper[d] = fmax(hull->upper[d], theta[i * dim + d]);
        }
}

/* Smallest and largest eigenvalue of a symmetric matrix, which is overwritten. */
static void extreme_eigenvalues(gsl_eigen_symm_workspace *work, size_t dim, double *matrix, double *smallest,
                                double *largest) {
    double eigenvalue[HF_DIM_MAX];
    gsl_matrix_view view = gsl_matrix_view_array(matrix, dim, dim);
    gsl_vector_view values = gsl_vector_view_array(eigenvalue, dim);
    int exponent = hf_symmetric_scale(dim * dim, matrix);
    gsl_eigen_symm(&view.matrix, &values.vector, work);
    *smallest = *largest = eigenvalue[0];
    for (size_t d = 1; d < dim; d++) {
        *smallest = fmin(*smallest, eigenvalue[d]);
        *largest = fmax(*largest, eigenvalue[d]);
    }
    *smallest = ldexp(*smallest, exponent);
    *largest = ldexp(*largest, exponent);
}

/* |J|: root of the largest eigenvalue of J^T J. |D^2 h| <= root of the sum over classes of |Hess h_c|^2. */
static void head_norms(gsl_eigen_symm_workspace *work, size_t dim, size_t classes, const double *jacobian,
                       double *hessian, double *slope, double *curvature) {
    double square[HF_DIM_MAX * HF_DIM_MAX] = {0}, low, high, sum = 0;
    for (size_t c = 0; c < classes; c++) {
        for (size_t a = 0; a < dim; a++)
            for (size_t b = 0; b < dim; b++)
                square[a * dim + b] += jacobian[c * dim + a] * jacobian[c * dim + b];
        extreme_eigenvalues(work, dim, hessian + c * dim * dim, &low, &high);
        sum += fmax(low * low, high * high);
    }
    extreme_eigenvalues(work, dim, square, &low, &high);
    *slope = fmax(*slope, sqrt(fmax(high, 0)));
    *curvature = fmax(*curvature, sqrt(sum));
}

/* The lattice point of a number, at a corner in v. */
static void place(const hf_model *model, const hf_hull *hull, size_t point, size_t corner, double *theta) {
    size_t n = hf_model_attention_coordinates(model), m = hf_model_value_coordinates(model);
    for (size_t d = n; d-- > 0; point /= lattice_points[n]) {
        double s = (double)(point % lattice_points[n]) / (double)(lattice_points[n] - 1);
        theta[d] = hull->lower[d] + s * (hull->upper[d] - hull->lower[d]);
    }
    for (size_t j = 0; j < m; j++)
        theta[n + j] = corner >> j & 1 ? hull->upper[n + j] : hull->lower[n + j];
}

static void potential_norms(gsl_eigen_symm_workspace *work, const hf_model *model, size_t dim,
                            const double *projection, const double *theta, hf_constants *c) {
    double gradient[HF_DIM_MAX], hessian[HF_DIM_MAX * HF_DIM_MAX], low, high;
    hf_model_potential(model, projection, theta, gradient, hessian);
    extreme_eigenvalues(work, dim, hessian, &low, &high);
    c->growth = fmax(c->growth, -low);
    c->lipschitz = fmax(c->lipschitz, fmax(fabs(low), fabs(high)));
}

void hf_constants_over_hull(const hf_model *model, const hf_events *events, const double *projection,
                            const hf_hull *hull, hf_constants *c) {
    size_t n = hf_model_attention_coordinates(model), m = hf_model_value_coordinates(model), dim = n + m;
    size_t classes = hf_events_classes(events), points = 1, count = hf_events_count(events);
    for (size_t d = 0; d < n; d++)
        points *= lattice_points[n];
    double diagonal[HF_DIM_MAX], beside[HF_DIM_MAX];
    gsl_eigen_symm_workspace work = {dim, diagonal, beside};
    c->growth = -INFINITY;
    c->lipschitz = 0;
    for (size_t p = 0; p < points << m; p++) {
        double theta[HF_DIM_MAX];
        place(model, hull, p >> m, p, theta);
        potential_norms(&work, model, dim, projection, theta, c);
    }
#pragma omp parallel
    {
        double own_diagonal[HF_DIM_MAX], own_beside[HF_DIM_MAX];
        gsl_eigen_symm_workspace own = {dim, own_diagonal, own_beside};
#pragma omp for schedule(static)
        for (size_t e = 0; e < count; e++) {
            c->slope[e] = c->curvature[e] = 0;
            for (size_t p = 0; p < points << m; p++) {
                double theta[HF_DIM_MAX], logits[HF_WIDTH_MAX], jacobian[HF_WIDTH_MAX * HF_DIM_MAX];
                double hessian[HF_WIDTH_MAX * HF_DIM_MAX * HF_DIM_MAX];
                place(model, hull, p >> m, p, theta);
                hf_model_head_derivatives(model, e, theta, logits, jacobian, hessian);
                head_norms(&own, dim, classes, jacobian, hessian, &c->slope[e], &c->curvature[e]);
            }
        }
    }
}
