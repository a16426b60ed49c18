/* Diagnostics of a density: what is recorded along the way. docs/numerics.md (14)-(18). */
#include "flow/flow.h"

#include "base/symmetric.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tail of a marginal that the hull of the mass leaves out at each end. */
static const double hull_tail = 1e-9;

/* How far below its minimum the bound of the potential may be: what is less is rounding of the mean. */
static const double gap_tolerance = 1e-12;

/* ---- minimum, negative mass and mass at the walls ----------------------------------------------------- */

/* Cells next to a wall that count as being at it. */
static size_t wall_cells(const hf_problem *problem) {
    const hf_flux *flux = hf_problem_flux(problem);
    return flux->dual ? (size_t)flux->halo : 1;
}

/* Whether a cell is one of those next to a wall of the whole grid. */
static bool at_wall(const hf_grid *part, size_t cell, size_t width) {
    for (size_t d = 0; d < hf_grid_dim(part); d++) {
        const hf_axis *axis = hf_grid_axis(part, d);
        size_t index = hf_grid_first(part, d) + cell / hf_grid_stride(part, d) % axis->cells;
        if (!axis->periodic && (index < width || index + width >= hf_grid_whole_cells(part, d)))
            return true;
    }
    return false;
}

static void extremes(const hf_flow *flow, const double *rho, hf_record *record) {
    const hf_grid *part = flow->part;
    size_t width = wall_cells(flow->problem);
    double minimum = rho[0], wall = 0;
    for (size_t i = 0; i < hf_grid_cells(part); i++) {
        minimum = fmin(minimum, rho[i]);
        wall += at_wall(part, i, width) ? fabs(rho[i]) : 0;
    }
    hf_ranks_min(hf_grid_ranks(part), 1, &minimum);
    hf_ranks_sum(hf_grid_ranks(part), 1, &wall);
    record->minimum = minimum;
    record->negative_mass = hf_grid_negative_mass(part, rho);
    record->wall_mass = wall * hf_grid_volume(part);
}

/* ---- the gap ---------------------------------------------------------------------------------------- */

/* Calls `visit` with the potential on runs of cells that cover the grid. */
typedef void visit_run(void *self, size_t first, size_t count, const double *psi);

static void each_run(const hf_flow *flow, visit_run *visit, void *self) {
    enum { RUN = 512 };
    double psi[RUN];
    size_t cells = hf_grid_cells(flow->part);
    for (size_t first = 0; first < cells; first += RUN) {
        size_t count = cells - first < RUN ? cells - first : RUN;
        hf_table_potential(flow->table, flow->coefficients, first, count, psi);
        visit(self, first, count, psi);
    }
}

typedef struct potential_sums {
    const double *rho;
    double temperature;
    double mean;      /* sum rho Psi */
    double lowest;    /* the lowest Psi so far */
    double partition; /* sum exp(-(Psi - lowest)/tau), relative to it, so that it never underflows */
} potential_sums;

static void add_mean(void *self, size_t first, size_t count, const double *psi) {
    potential_sums *sums = self;
    for (size_t i = 0; i < count; i++) {
        sums->mean += sums->rho[first + i] * psi[i];
        if (sums->temperature == 0)
            continue;
        if (psi[i] < sums->lowest) {
            sums->partition *= exp(-(sums->lowest - psi[i]) / sums->temperature);
            sums->lowest = psi[i];
        }
        sums->partition += exp(-(psi[i] - sums->lowest) / sums->temperature);
    }
}

/* The same of all ranks, the partition relative to the lowest of all. */
static void add_ranks(const hf_ranks *ranks, potential_sums *sums) {
    double lowest = sums->lowest, both[2];
    hf_ranks_min(ranks, 1, &lowest);
    both[0] = sums->mean;
    both[1] = sums->temperature > 0 ? sums->partition * exp(-(sums->lowest - lowest) / sums->temperature) : 0;
    hf_ranks_sum(ranks, 2, both);
    sums->mean = both[0];
    sums->partition = both[1];
    sums->lowest = lowest;
}

/* tau = 0: int Psi dmu less a proved lower bound of Psi. tau > 0: tau KL(mu | Gibbs) with the Gibbs density
 * of Psi on the grid. */
static hf_status optimality_gap(hf_error *error, hf_flow *flow, const double *rho, double *gap) {
    double volume = hf_grid_volume(hf_problem_grid(flow->problem));
    potential_sums sums = {
        .rho = rho, .temperature = hf_problem_temperature(flow->problem), .lowest = INFINITY};
    each_run(flow, add_mean, &sums);
    add_ranks(hf_grid_ranks(flow->part), &sums);
    if (sums.temperature > 0) {
        double log_partition = log(sums.partition * volume) - sums.lowest / sums.temperature;
        *gap = sums.mean * volume + sums.temperature * (hf_flow_entropy(flow, rho) + log_partition);
    } else {
        hf_lowest low;
        HF_TRY(hf_model_lowest(error, hf_problem_model(flow->problem), hf_problem_grid(flow->problem),
                               flow->logits, gap_tolerance, &low));
        *gap = sums.mean * volume - low.bound;
    }
    return HF_OK;
}

/* ---- spread of the heads and convexity of the potential --------------------------------------------- */

/* sigma^2, from the logits that hf_flow_risk has left in the flow. */
static double head_variance(const hf_flow *flow, const double *rho) {
    const hf_events *events = hf_problem_events(flow->problem);
    size_t classes = hf_events_classes(events);
    double square = 0;
    for (size_t e = 0; e < hf_events_count(events); e++)
        for (size_t c = 0; c < classes; c++)
            square += hf_events_weight(events, e) * pow(flow->logits[e * classes + c], 2);
    double second = hf_table_second_moment(flow->table, rho, NULL);
    hf_ranks_sum(hf_grid_ranks(flow->part), 1, &second);
    return second - square;
}

/* First and last cell of an axis of the whole grid between the tails of the marginal, signs left out; all of
 * a periodic axis. */
static hf_status hull(hf_error *error, const hf_grid *part, const double *rho, size_t d, size_t *first,
                      size_t *last) {
    *first = 0;
    *last = hf_grid_whole_cells(part, d) - 1;
    if (hf_grid_axis(part, d)->periodic)
        return HF_OK;
    double *marginal, tail = 0;
    hf_status status = hf_array_create(error, hf_grid_whole_cells(part, d), &marginal);
    HF_TRY(hf_ranks_agree(error, hf_grid_ranks(part), status));
    hf_grid_marginal(part, rho, d, marginal);
    while (*first < *last && (tail += fabs(marginal[*first])) < hull_tail)
        ++*first;
    for (tail = 0; *last > *first && (tail += fabs(marginal[*last])) < hull_tail;)
        --*last;
    hf_array_destroy(&marginal);
    return HF_OK;
}

/* The largest eigenvalue of minus a symmetric matrix. */
static double largest_of_minus(gsl_eigen_symm_workspace *work, size_t dim, double *matrix) {
    double eigenvalue[HF_DIM_MAX], largest = -INFINITY;
    gsl_matrix_view view = gsl_matrix_view_array(matrix, dim, dim);
    gsl_vector_view values = gsl_vector_view_array(eigenvalue, dim);
    gsl_matrix_scale(&view.matrix, -1);
    int exponent = hf_symmetric_scale(dim * dim, matrix);
    gsl_eigen_symm(&view.matrix, &values.vector, work);
    for (size_t d = 0; d < dim; d++)
        largest = fmax(largest, eigenvalue[d]);
    return ldexp(largest, exponent);
}

/* The lower edge of a cell along an axis. */
static double edge(const hf_grid *grid, size_t d, size_t index) {
    return hf_grid_axis(grid, d)->lower + (double)index * hf_grid_spacing(grid, d);
}

/* max of lambda_max(-Hess Psi) over the hull of the mass. The Hessian is affine in v and lambda_max convex,
 * so only the corners of the hull in v count; in alpha it is looked at on cell edges and
 * centres. */
static hf_status one_sided_lipschitz(hf_error *error, hf_flow *flow, const double *rho, double *constant) {
    const hf_grid *grid = hf_problem_grid(flow->problem);
    const hf_model *model = hf_problem_model(flow->problem);
    const hf_ranks *ranks = hf_grid_ranks(flow->part);
    size_t dim = hf_grid_dim(grid), n = hf_model_attention_coordinates(model), m = dim - n;
    size_t first[HF_DIM_MAX], last[HF_DIM_MAX], rows = 1;
    for (size_t d = 0; d < dim; d++)
        HF_TRY(hull(error, flow->part, rho, d, &first[d], &last[d]));
    for (size_t d = 0; d < n; d++)
        rows *= 2 * (last[d] - first[d] + 1) + 1;
    double *projection;
    HF_TRY(
        hf_ranks_agree(error, ranks, hf_array_create(error, hf_model_projection_size(model), &projection)));
    hf_model_project_residual(model, flow->logits, projection);
    double largest = -INFINITY;
#pragma omp parallel reduction(max : largest)
    {
        double diagonal[HF_DIM_MAX], beside[HF_DIM_MAX];
        gsl_eigen_symm_workspace work = {dim, diagonal, beside};
#pragma omp for schedule(static)
        for (size_t row = hf_ranks_index(ranks); row < rows; row += hf_ranks_count(ranks)) {
            double theta[HF_DIM_MAX], g[HF_TERMS_MAX], dg[HF_TERMS_MAX * HF_ATTENTION_MAX];
            double d2g[HF_TERMS_MAX * HF_ATTENTION_MAX * HF_ATTENTION_MAX];
            size_t rest = row;
            for (size_t d = n; d-- > 0;) {
                size_t count = 2 * (last[d] - first[d] + 1) + 1;
                theta[d] = edge(grid, d, first[d]) + 0.5 * (double)(rest % count) * hf_grid_spacing(grid, d);
                rest /= count;
            }
            hf_model_coefficients(model, projection, theta, g, dg, d2g);
            for (size_t corner = 0; corner < (size_t)1 << m; corner++) {
                double hessian[HF_DIM_MAX * HF_DIM_MAX];
                for (size_t j = 0; j < m; j++)
                    theta[n + j] = edge(grid, n + j, corner >> j & 1 ? last[n + j] + 1 : first[n + j]);
                hf_model_assemble(model, theta, g, dg, d2g, NULL, hessian);
                largest = fmax(largest, largest_of_minus(&work, dim, hessian));
            }
        }
    }
    hf_ranks_max(ranks, 1, &largest);
    *constant = largest;
    hf_array_destroy(&projection);
    return HF_OK;
}

/* Numbers that overflow are said to have done so here, before the gap is searched for with them. */
static hf_status check_finite(hf_error *error, const char *what, double value) {
    if (!isfinite(value))
        return hf_raise(error, HF_ERR_NUMERIC,
                        "%s of the density is %g; expected a finite number: scale tokens, matrices and box",
                        what, value);
    return HF_OK;
}

static hf_status check_integrals(hf_error *error, size_t dim, const hf_record *record) {
    HF_TRY(check_finite(error, "mass", record->mass));
    HF_TRY(check_finite(error, "free energy", record->free_energy));
    HF_TRY(check_finite(error, "sigma2", record->sigma2));
    for (size_t k = 0; k < dim * dim; k++)
        HF_TRY(check_finite(error, "covariance", record->covariance[k]));
    return check_finite(error, "dissipation", record->dissipation);
}

hf_status hf_flow_diagnose(hf_error *error, hf_flow *flow, const double *rho, hf_record *record) {
    double temperature = hf_problem_temperature(flow->problem);
    record->mass = hf_grid_moments(flow->part, hf_problem_sampling(flow->problem), rho, record->mean,
                                   record->covariance);
    extremes(flow, rho, record);
    record->risk = hf_flow_risk(flow, rho, NULL);
    record->free_energy = record->risk;
    if (temperature > 0)
        record->free_energy += temperature * hf_flow_entropy(flow, rho);
    record->sigma2 = head_variance(flow, rho);
    double *rate;
    HF_TRY(hf_ranks_agree(error, hf_grid_ranks(flow->part),
                          hf_array_create(error, hf_grid_cells(flow->part), &rate)));
    hf_flow_rate(flow, rho, rate, &record->dissipation);
    hf_array_destroy(&rate);
    HF_TRY(check_integrals(error, hf_grid_dim(flow->part), record));
    hf_flow_prepare(flow, rho); /* residuals and potential, for what follows */
    HF_TRY(hf_ranks_agree(error, hf_grid_ranks(flow->part), optimality_gap(error, flow, rho, &record->gap)));
    HF_TRY(check_finite(error, "gap", record->gap));
    HF_TRY(one_sided_lipschitz(error, flow, rho, &record->one_sided_lipschitz));
    return check_finite(error, "one-sided Lipschitz constant", record->one_sided_lipschitz);
}
