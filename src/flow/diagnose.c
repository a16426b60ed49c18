/* Diagnostics of a density: what is recorded along the way. docs/numerics.md (14)-(18). */
#include "flow/flow.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS = 4, SIMPLEX_STEPS = 400 };

/* Tail of a marginal that the hull of the mass leaves out at each end. */
static const double hull_tail = 1e-9;

/* ---- minimum, negative mass and mass at the walls ----------------------------------------------------- */

/* Cells next to a wall that count as being at it. */
static size_t wall_cells(const hf_problem *problem) {
    const hf_flux *flux = hf_problem_flux(problem);
    return flux->dual ? (size_t)flux->halo : 1;
}

static void extremes(const hf_problem *problem, const double *rho, hf_record *record) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t width = wall_cells(problem);
    double minimum = rho[0], wall = 0;
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        bool at_wall = false;
        for (size_t d = 0; d < hf_grid_dim(grid); d++) {
            const hf_axis *axis = hf_grid_axis(grid, d);
            size_t index = i / hf_grid_stride(grid, d) % axis->cells;
            at_wall = at_wall || (!axis->periodic && (index < width || index + width >= axis->cells));
        }
        minimum = fmin(minimum, rho[i]);
        wall += at_wall ? fabs(rho[i]) : 0;
    }
    record->minimum = minimum;
    record->negative_mass = hf_grid_negative_mass(grid, rho);
    record->wall_mass = wall * hf_grid_volume(grid);
}

/* ---- the minimum of the potential over the box ------------------------------------------------------ */

/* Minimum over v in the box of G_0 + sum_j v_j G_j + (lambda/2)|v|^2: one coordinate at a time. */
static double minimum_over_values(const hf_grid *grid, const hf_model *model, const double *g) {
    size_t n = hf_model_attention_coordinates(model);
    double sum = g[0], ridge = hf_model_ridge(model);
    for (size_t j = 0; j < hf_model_value_coordinates(model); j++) {
        const hf_axis *axis = hf_grid_axis(grid, n + j);
        double v = g[1 + j] > 0 ? axis->lower : axis->upper;
        if (ridge > 0)
            v = fmin(fmax(-g[1 + j] / ridge, axis->lower), axis->upper);
        sum += v * (g[1 + j] + 0.5 * ridge * v);
    }
    return sum;
}

typedef struct alpha_search {
    const hf_grid *grid;
    const hf_model *model;
    const double *projection;
} alpha_search;

static double lowest_at_alpha(const alpha_search *search, double *alpha) {
    double g[HF_TERMS_MAX], ridge_energy = 0;
    for (size_t d = 0; d < hf_model_attention_coordinates(search->model); d++) {
        const hf_axis *axis = hf_grid_axis(search->grid, d);
        if (!axis->periodic)
            alpha[d] = fmin(fmax(alpha[d], axis->lower), axis->upper);
        if (hf_model_ridged(search->model, d))
            ridge_energy += 0.5 * hf_model_ridge(search->model) * alpha[d] * alpha[d];
    }
    hf_model_coefficients(search->model, search->projection, alpha, g, NULL, NULL);
    return ridge_energy + minimum_over_values(search->grid, search->model, g);
}

static double search_function(const gsl_vector *x, void *parameters) {
    const alpha_search *search = parameters;
    double alpha[HF_ATTENTION_MAX];
    for (size_t d = 0; d < x->size; d++)
        alpha[d] = gsl_vector_get(x, d);
    return lowest_at_alpha(search, alpha);
}

/* min over v of Psi in each alpha-cell, from the coefficients on the grid. low: shape (alpha-cells). */
static void lowest_of_rows(const hf_flow *flow, size_t value_cells, double *low) {
    const hf_grid *grid = hf_problem_grid(flow->problem);
    const hf_model *model = hf_problem_model(flow->problem);
    size_t terms = 1 + hf_model_value_coordinates(model);
    for (size_t a = 0; a < hf_table_rows(flow->table); a++) {
        double theta[HF_DIM_MAX];
        hf_grid_centers(grid, a * value_cells, theta);
        low[a] = minimum_over_values(grid, model, flow->coefficients + a * terms);
        for (size_t d = 0; d < hf_model_attention_coordinates(model); d++)
            if (hf_model_ridged(model, d))
                low[a] += 0.5 * hf_model_ridge(model) * theta[d] * theta[d];
    }
}

/* Whether an alpha-cell is not above its neighbours along any axis. */
static bool is_local_minimum(const hf_grid *grid, size_t alphas, size_t value_cells, const double *low,
                             size_t row) {
    for (size_t d = 0; d < alphas; d++) {
        const hf_axis *axis = hf_grid_axis(grid, d);
        size_t stride = hf_grid_stride(grid, d) / value_cells, n = axis->cells, index = row / stride % n;
        size_t start = row - index * stride;
        size_t behind = index > 0 ? index - 1 : axis->periodic ? n - 1 : index;
        size_t ahead = index + 1 < n ? index + 1 : axis->periodic ? 0 : index;
        if (low[row] > low[start + behind * stride] || low[row] > low[start + ahead * stride])
            return false;
    }
    return true;
}

/* The lowest local minima among the alpha-cells, at most STARTS, lowest first. Returns their number. */
static size_t lowest_minima(const hf_flow *flow, size_t value_cells, const double *low, size_t rows[STARTS]) {
    const hf_grid *grid = hf_problem_grid(flow->problem);
    size_t found = 0, alphas = hf_model_attention_coordinates(hf_problem_model(flow->problem));
    for (size_t a = 0; a < hf_table_rows(flow->table); a++) {
        if (!is_local_minimum(grid, alphas, value_cells, low, a))
            continue;
        size_t place = found < STARTS ? found++ : STARTS;
        for (; place > 0 && low[rows[place - 1]] > low[a]; place--)
            if (place < STARTS)
                rows[place] = rows[place - 1];
        if (place < STARTS)
            rows[place] = a;
    }
    return found;
}

/* min Psi over the box: the lowest alpha-cells are starts of a simplex search in alpha; over v it is
 * explicit. */
static hf_status lowest_potential(hf_error *error, hf_flow *flow, double *lowest) {
    const hf_grid *grid = hf_problem_grid(flow->problem);
    const hf_model *model = hf_problem_model(flow->problem);
    size_t n = hf_model_attention_coordinates(model), rows[STARTS];
    size_t value_cells = hf_grid_cells(grid) / hf_table_rows(flow->table);
    double *projection, *low;
    HF_TRY(hf_array_create(error, hf_table_rows(flow->table), &low));
    lowest_of_rows(flow, value_cells, low);
    size_t found = lowest_minima(flow, value_cells, low, rows);
    hf_array_destroy(&low);
    HF_TRY(hf_array_create(error, hf_model_projection_size(model), &projection));
    hf_model_project_residual(model, flow->logits, projection);
    alpha_search search = {grid, model, projection};
    *lowest = INFINITY;
    gsl_multimin_fminimizer *simplex =
        n > 0 ? gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, n) : NULL;
    gsl_vector *start = n > 0 ? gsl_vector_alloc(n) : NULL, *step = n > 0 ? gsl_vector_alloc(n) : NULL;
    for (size_t s = 0; s < found; s++) {
        double theta[HF_DIM_MAX];
        hf_grid_centers(grid, rows[s] * value_cells, theta);
        *lowest = fmin(*lowest, lowest_at_alpha(&search, theta));
        if (n == 0)
            break;
        gsl_multimin_function function = {search_function, n, &search};
        double tolerance = INFINITY; /* the value's error is quadratic in it */
        for (size_t d = 0; d < n; d++) {
            gsl_vector_set(start, d, theta[d]);
            gsl_vector_set(step, d, 0.5 * hf_grid_spacing(grid, d));
            tolerance = fmin(tolerance, 1e-5 * hf_grid_spacing(grid, d));
        }
        gsl_multimin_fminimizer_set(simplex, &function, start, step);
        for (int i = 0; i < SIMPLEX_STEPS && gsl_multimin_fminimizer_size(simplex) > tolerance; i++)
            if (gsl_multimin_fminimizer_iterate(simplex) != 0)
                break;
        *lowest = fmin(*lowest, gsl_multimin_fminimizer_minimum(simplex));
    }
    if (n > 0) {
        gsl_multimin_fminimizer_free(simplex);
        gsl_vector_free(start);
        gsl_vector_free(step);
    }
    hf_array_destroy(&projection);
    return HF_OK;
}

/* Calls `visit` with the potential on runs of cells that cover the grid. */
typedef void visit_run(void *self, size_t first, size_t count, const double *psi);

static void each_run(const hf_flow *flow, visit_run *visit, void *self) {
    enum { RUN = 512 };
    double psi[RUN];
    size_t cells = hf_grid_cells(hf_problem_grid(flow->problem));
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

/* tau = 0: int Psi dmu - min Psi. tau > 0: tau KL(mu | Gibbs) with the Gibbs density of Psi on the grid. */
static hf_status optimality_gap(hf_error *error, hf_flow *flow, const double *rho, double *gap) {
    double volume = hf_grid_volume(hf_problem_grid(flow->problem));
    potential_sums sums = {
        .rho = rho, .temperature = hf_problem_temperature(flow->problem), .lowest = INFINITY};
    each_run(flow, add_mean, &sums);
    if (sums.temperature > 0) {
        double log_partition = log(sums.partition * volume) - sums.lowest / sums.temperature;
        *gap = sums.mean * volume + sums.temperature * (hf_flow_entropy(flow, rho) + log_partition);
    } else {
        HF_TRY(lowest_potential(error, flow, gap));
        *gap = sums.mean * volume - *gap;
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
    return hf_table_second_moment(flow->table, rho, NULL) - square;
}

/* First and last cell of an axis between the tails of the marginal, signs left out; all of a periodic axis.
 */
static hf_status hull(hf_error *error, const hf_grid *grid, const double *rho, size_t d, size_t *first,
                      size_t *last) {
    const hf_axis *axis = hf_grid_axis(grid, d);
    *first = 0;
    *last = axis->cells - 1;
    if (axis->periodic)
        return HF_OK;
    double *marginal, tail = 0;
    HF_TRY(hf_array_create(error, axis->cells, &marginal));
    hf_grid_marginal(grid, rho, d, marginal);
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
    gsl_eigen_symm(&view.matrix, &values.vector, work);
    for (size_t d = 0; d < dim; d++)
        largest = fmax(largest, eigenvalue[d]);
    return largest;
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
    size_t dim = hf_grid_dim(grid), n = hf_model_attention_coordinates(model), m = dim - n;
    size_t first[HF_DIM_MAX], last[HF_DIM_MAX], rows = 1;
    for (size_t d = 0; d < dim; d++)
        HF_TRY(hull(error, grid, rho, d, &first[d], &last[d]));
    for (size_t d = 0; d < n; d++)
        rows *= 2 * (last[d] - first[d] + 1) + 1;
    double *projection;
    HF_TRY(hf_array_create(error, hf_model_projection_size(model), &projection));
    hf_model_project_residual(model, flow->logits, projection);
    double largest = -INFINITY;
#pragma omp parallel reduction(max : largest)
    {
        gsl_eigen_symm_workspace *work = gsl_eigen_symm_alloc(dim);
#pragma omp for schedule(static)
        for (size_t row = 0; row < rows; row++) {
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
                largest = fmax(largest, largest_of_minus(work, dim, hessian));
            }
        }
        gsl_eigen_symm_free(work);
    }
    *constant = largest;
    hf_array_destroy(&projection);
    return HF_OK;
}

hf_status hf_flow_diagnose(hf_error *error, hf_flow *flow, const double *rho, hf_record *record) {
    double temperature = hf_problem_temperature(flow->problem);
    const hf_grid *grid = hf_problem_grid(flow->problem);
    record->mass =
        hf_grid_moments(grid, hf_problem_sampling(flow->problem), rho, record->mean, record->covariance);
    extremes(flow->problem, rho, record);
    record->risk = hf_flow_risk(flow, rho, NULL);
    record->free_energy = record->risk;
    if (temperature > 0)
        record->free_energy += temperature * hf_flow_entropy(flow, rho);
    record->sigma2 = head_variance(flow, rho);
    double *rate;
    HF_TRY(hf_array_create(error, hf_grid_cells(grid), &rate));
    /* leaves residuals and potential of rho in the flow, for what follows */
    hf_flow_rate(flow, rho, rate, &record->dissipation);
    hf_array_destroy(&rate);
    HF_TRY(optimality_gap(error, flow, rho, &record->gap));
    return one_sided_lipschitz(error, flow, rho, &record->one_sided_lipschitz);
}
