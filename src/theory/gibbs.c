/* The minimiser of the free energy on a grid: the density that is its own Gibbs density. docs/theory.md
 * (51)-(52).
 *
 * A Gibbs density depends on its potential through p = softmax(zeta) alone, one distribution an event, and
 * Fenchel's duality makes the minimum of the convex free energy the maximum of a concave function of p:
 *     min F = max over p of D(p) = sum_e w_e H(p_e) - tau log Z(p - y)
 *     dD/dzeta = w S (z - zeta),   S = diag p - p p^T,   z the logits of the Gibbs density rho of p
 *     Newton's step:   (1 + (1/tau) Cov_rho(h) w S) step = z - zeta
 * The operator is symmetric in the inner product w S, with eigenvalues >= 1 that are mostly 1: conjugate
 * gradients. Its step is a direction of ascent of D, so that Newton's method with a line search on D
 * converges from anywhere. F(rho) - D(p) >= F(rho) - min F for any p; with p the softmax of rho's own logits
 * the left side is tau KL(rho | Gibbs(Psi_rho)).
 *
 * Not for point masses: at temperature 0 see optimum.c. */
#include <headflow/optimum.h>

#include "flow/flow.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEWTON_STEPS = 200, HALVINGS = 50, CONJUGATE_STEPS = 500 };

static const double default_gap = 1e-10;

/* Share of the rise that the slope promises which a step must bring. */
static const double sufficient = 1e-4;

/* The linear systems are solved to this share of their right-hand side, or to its norm where that is less, so
 * that Newton's method keeps its quadratic convergence. */
static const double forcing = 0.1;

/* Residuals at rounding no longer fall by this factor from step to step. */
static const double falling = 0.5;

typedef struct solver {
    hf_flow *flow;
    const hf_events *events;
    const hf_grid *grid;
    double temperature;
    size_t cells, rows, terms, outputs; /* terms: 1 + n_v; outputs: E * classes */
    double *rho;                        /* the Gibbs density of zeta; shape (cells) */
    double *other;                      /* work space of the same shape */
    double *second;                     /* int of v_j v_l drho over each alpha-cell; (rows, terms, terms) */
    double *zeta;                       /* the dual variable; shape (outputs), as those below */
    double *probability;                /* softmax(zeta) */
    double *logits;                     /* z of rho */
    double *step, *defect, *direction, *image;
    double value;                      /* D */
    double risk, entropy, free_energy; /* of rho */
    size_t iterations;
} solver;

static void solver_destroy(solver *s) {
    hf_flow_destroy(&s->flow);
    double **arrays[] = {&s->rho,    &s->other, &s->second, &s->zeta,      &s->probability,
                         &s->logits, &s->step,  &s->defect, &s->direction, &s->image};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        hf_array_destroy(arrays[i]);
}

static hf_status solver_create(hf_error *error, const hf_problem *problem, solver *s) {
    const hf_model *model = hf_problem_model(problem);
    *s = (solver){.events = hf_problem_events(problem),
                  .grid = hf_problem_grid(problem),
                  .temperature = hf_problem_temperature(problem),
                  .terms = 1 + hf_model_value_coordinates(model)};
    HF_TRY(hf_flow_create(error, problem, &s->flow));
    s->cells = hf_grid_cells(s->grid);
    s->rows = hf_table_rows(s->flow->table);
    s->outputs = hf_events_count(s->events) * hf_events_classes(s->events);
    HF_TRY(hf_array_create(error, s->cells, &s->rho));
    HF_TRY(hf_array_create(error, s->cells, &s->other));
    HF_TRY(hf_array_create(error, s->rows * s->terms * s->terms, &s->second));
    double **vectors[] = {&s->zeta,   &s->probability, &s->logits, &s->step,
                          &s->defect, &s->direction,   &s->image};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        HF_TRY(hf_array_create(error, s->outputs, vectors[i]));
    return HF_OK;
}

/* How far a free energy, a sum over the cells, can be trusted. */
static double rounding(const solver *s) {
    return 4 * DBL_EPSILON * sqrt((double)s->cells) * (1 + fabs(s->free_energy));
}

/* ---- the dual function ------------------------------------------------------------------------------ */

/* The Gibbs density of p = softmax(zeta), and p - y in flow->logits. Returns D(p).
 * rho: shape (cells) */
static double fill_gibbs(solver *s, const double *zeta, double *rho) {
    hf_flow *flow = s->flow;
    size_t classes = hf_events_classes(s->events);
    double entropy = hf_risk_cross_entropy(s->events, zeta, flow->logits), lowest = INFINITY, sum = 0;
    for (size_t i = 0; i < s->outputs; i++)
        entropy -= hf_events_weight(s->events, i / classes) * flow->logits[i] * zeta[i];
    hf_table_residual_modes(flow->table, flow->logits, flow->modes);
    hf_table_coefficients(flow->table, flow->modes, flow->coefficients);
    hf_table_potential(flow->table, flow->coefficients, 0, s->cells, rho);
    for (size_t i = 0; i < s->cells; i++)
        lowest = fmin(lowest, rho[i]);
    for (size_t i = 0; i < s->cells; i++) {
        rho[i] = exp((lowest - rho[i]) / s->temperature);
        sum += rho[i];
    }
    double partition = sum * hf_grid_volume(s->grid);
    for (size_t i = 0; i < s->cells; i++)
        rho[i] /= partition;
    return entropy + lowest - s->temperature * log(partition);
}

/* Move to zeta: its density and its probabilities. */
static void place(solver *s, const double *zeta) {
    size_t classes = hf_events_classes(s->events);
    s->value = fill_gibbs(s, zeta, s->rho);
    for (size_t i = 0; i < s->outputs; i++)
        s->probability[i] = s->flow->logits[i] + hf_events_label(s->events, i / classes)[i % classes];
}

static void measure(solver *s) {
    s->risk = hf_flow_risk(s->flow, s->rho, s->logits);
    s->entropy = hf_flow_entropy(s->flow, s->rho);
    s->free_energy = s->risk + s->temperature * s->entropy;
}

/* ---- Newton's step ---------------------------------------------------------------------------------- */

/* out = S x, event by event. */
static void apply_softmax(const solver *s, const double *x, double *out) {
    size_t classes = hf_events_classes(s->events);
    for (size_t first = 0; first < s->outputs; first += classes) {
        const double *p = s->probability + first;
        double mean = 0;
        for (size_t c = 0; c < classes; c++)
            mean += p[c] * x[first + c];
        for (size_t c = 0; c < classes; c++)
            out[first + c] = p[c] * (x[first + c] - mean);
    }
}

/* sum_e w_e x_e . S_e y_e, as a sum of products of deviations: >= 0 for y = x, whatever the parts of x that S
 * does not see. */
static double inner(const solver *s, const double *x, const double *y) {
    size_t classes = hf_events_classes(s->events);
    double sum = 0;
    for (size_t first = 0; first < s->outputs; first += classes) {
        const double *p = s->probability + first;
        double mean_x = 0, mean_y = 0, product = 0;
        for (size_t c = 0; c < classes; c++) {
            mean_x += p[c] * x[first + c];
            mean_y += p[c] * y[first + c];
        }
        for (size_t c = 0; c < classes; c++)
            product += p[c] * (x[first + c] - mean_x) * (y[first + c] - mean_y);
        sum += hf_events_weight(s->events, first / classes) * product;
    }
    return sum;
}

/* The second moments of rho in the value coordinates, v_0 = 1, at cell centres: heads and potentials are
 * affine in v, so that covariances of rho need no other pass over the grid. */
static void fill_second_moments(solver *s) {
    size_t alphas = hf_grid_dim(s->grid) + 1 - s->terms;
    for (size_t j = 0; j < s->terms; j++) {
        memcpy(s->other, s->rho, s->cells * sizeof *s->other);
        size_t axis = alphas + j - 1;
        for (size_t i = 0; j > 0 && i < s->cells; i++)
            s->other[i] *= hf_grid_center(
                s->grid, axis, i / hf_grid_stride(s->grid, axis) % hf_grid_axis(s->grid, axis)->cells);
        hf_table_moments_team(s->flow->table, s->other, s->flow->moments);
        for (size_t row = 0; row < s->rows; row++)
            memcpy(s->second + (row * s->terms + j) * s->terms, s->flow->moments + row * s->terms,
                   s->terms * sizeof *s->second);
    }
}

/* image = (1 + (1/tau) Cov_rho(h) w S) x: what zeta - z changes by. */
static void apply_newton(solver *s, const double *x, double *image) {
    hf_flow *flow = s->flow;
    size_t terms = s->terms;
    double mean = 0; /* of the potential's change */
    apply_softmax(s, x, flow->logits);
    hf_table_residual_modes(flow->table, flow->logits, flow->modes);
    hf_table_coefficients(flow->table, flow->modes, flow->coefficients);
    for (size_t row = 0; row < s->rows; row++)
        for (size_t l = 0; l < terms; l++)
            mean += s->second[row * terms * terms + l] * flow->coefficients[row * terms + l];
    for (size_t row = 0; row < s->rows; row++)
        for (size_t j = 0; j < terms; j++) {
            const double *second = s->second + (row * terms + j) * terms;
            double sum = -mean * second[0];
            for (size_t l = 0; l < terms; l++)
                sum += second[l] * flow->coefficients[row * terms + l];
            flow->moments[row * terms + j] = sum / s->temperature;
        }
    hf_table_modes_team(flow->table, flow->moments, flow->modes);
    hf_table_logits(flow->table, flow->modes, image);
    for (size_t i = 0; i < s->outputs; i++)
        image[i] += x[i];
}

/* x += factor y. shape (outputs) */
static void add(const solver *s, double factor, const double *y, double *x) {
    for (size_t i = 0; i < s->outputs; i++)
        x[i] += factor * y[i];
}

/* s->step by conjugate gradients in the inner product w S, from s->defect = z - zeta, to `tolerance` times
 * its norm. */
static void find_step(solver *s, double square, double tolerance) {
    double start = square;
    memset(s->step, 0, s->outputs * sizeof *s->step);
    memcpy(s->direction, s->defect, s->outputs * sizeof *s->direction);
    for (int k = 0; k < CONJUGATE_STEPS && square > tolerance * tolerance * start; k++) {
        apply_newton(s, s->direction, s->image);
        double length = square / inner(s, s->direction, s->image), before = square;
        add(s, length, s->direction, s->step);
        add(s, -length, s->image, s->defect);
        square = inner(s, s->defect, s->defect);
        for (size_t i = 0; i < s->outputs; i++)
            s->direction[i] = s->defect[i] + square / before * s->direction[i];
    }
}

/* Go along the step as far as D rises enough. False when it does not: then all is as it was. */
static bool search(solver *s, double slope) {
    double start = s->value, allowance = rounding(s), length = 1;
    for (int k = 0; k < HALVINGS; k++, length /= 2) {
        memcpy(s->image, s->zeta, s->outputs * sizeof *s->image);
        add(s, length, s->step, s->image);
        place(s, s->image);
        if (s->value >= start + sufficient * length * slope - allowance) {
            memcpy(s->zeta, s->image, s->outputs * sizeof *s->zeta);
            return true;
        }
    }
    place(s, s->zeta);
    return false;
}

/* ---- the minimum on one grid ------------------------------------------------------------------------ */

static void start_from_uniform(solver *s) {
    double volume = hf_grid_volume(s->grid) * (double)s->cells;
    for (size_t i = 0; i < s->cells; i++)
        s->rho[i] = 1 / volume;
    hf_flow_logits(s->flow, s->rho, s->zeta);
}

/* To rounding, since the last of Newton's steps bring the most digits. */
static void minimise(solver *s) {
    start_from_uniform(s);
    place(s, s->zeta);
    for (double before = INFINITY;; s->iterations++) {
        measure(s);
        for (size_t i = 0; i < s->outputs; i++)
            s->defect[i] = s->logits[i] - s->zeta[i];
        double square = inner(s, s->defect, s->defect), norm = sqrt(square);
        bool converged = s->free_energy - s->value <= rounding(s);
        if (square == 0 || (converged && norm > falling * before) || s->iterations == NEWTON_STEPS)
            return;
        fill_second_moments(s);
        find_step(s, square, fmin(forcing, norm));
        for (size_t i = 0; i < s->outputs; i++)
            s->defect[i] = s->logits[i] - s->zeta[i];
        if (!search(s, inner(s, s->step, s->defect)))
            return;
        before = norm;
    }
}

static hf_status solve(hf_error *error, const hf_problem *problem, hf_gibbs *out) {
    solver s;
    hf_status status = solver_create(error, problem, &s);
    if (status == HF_OK) {
        minimise(&s);
        double value = fill_gibbs(&s, s.logits, s.other);
        *out = (hf_gibbs){.rho = s.rho,
                          .risk = s.risk,
                          .entropy = s.entropy,
                          .free_energy = s.free_energy,
                          .gap = fmax(s.free_energy - value, 0) + rounding(&s),
                          .iterations = s.iterations};
        s.rho = NULL;
    }
    solver_destroy(&s);
    return status;
}

/* ---- the limit of fine grids ------------------------------------------------------------------------ */

/* The grid itself, and 3/4, 9/16 and 27/64 of its cells. Its error is a series in h^2, but for a rest that is
 * exponentially small while the cells are narrower than the density and large when they are not. */
enum { LEVELS = 4 };

static const double refinement = 0.75, widest = 1;

/* Against luck: so many times the last correction, and no correction gains more than this factor on the one
 * before. At most 1 error in 25 is then above its estimate: tests/test_gibbs.c. */
static const double safety = 3, most_gain = 20;

/* A grid and its minimum. */
typedef struct grid_level {
    double square; /* (h/h_own)^2 */
    double spread; /* how far the axes differ in it, as a share of it */
    double energy, gap;
} grid_level;

/* max over axes of h^2 int (d log rho)^2 drho: (h/sd)^2 of a Gaussian, 4 where the mass is in one cell. */
static double roughness(const hf_grid *grid, const double *rho) {
    double most = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        size_t stride = hf_grid_stride(grid, d), cells = hf_grid_axis(grid, d)->cells;
        double sum = 0;
        for (size_t i = 0; i < hf_grid_cells(grid); i++) {
            if (i / stride % cells + 1 == cells)
                continue;
            double a = rho[i], b = rho[i + stride];
            sum += a + b > 0 ? 2 * (b - a) * (b - a) / (a + b) : 0;
        }
        most = fmax(most, sum * hf_grid_volume(grid));
    }
    return most;
}

/* What the numbers of cells have in common. */
static size_t common_divisor(const hf_grid *grid) {
    size_t divisor = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        for (size_t rest = hf_grid_axis(grid, d)->cells; rest > 0;) {
            size_t next = divisor % rest;
            divisor = rest;
            rest = next;
        }
    return divisor;
}

/* The numbers of cells of coarser levels, in the same proportions where these allow it, so that the error is
 * a series in one variable. cells: shape (D). Returns whether there are enough. */
static bool choose_cells(const hf_problem *problem, size_t coarsenings, size_t cells[], grid_level *level) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t divisor = common_divisor(grid);
    size_t whole = divisor >= LEVELS ? divisor : hf_grid_axis(grid, 0)->cells, parts = whole;
    for (size_t k = 1; k <= coarsenings && parts > 0; k++)
        parts = (size_t)fmin(round((double)whole * pow(refinement, (double)k)), (double)parts - 1);
    double least = INFINITY, most = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        double own = (double)hf_grid_axis(grid, d)->cells;
        cells[d] = (size_t)round(own * (double)parts / (double)whole);
        if (cells[d] < hf_problem_flux(problem)->cells_min)
            return false;
        least = fmin(least, own / (double)cells[d]);
        most = fmax(most, own / (double)cells[d]);
    }
    level->square = least * most;
    level->spread = most / least - least / most;
    return true;
}

static hf_status solve_level(hf_error *error, const hf_problem *problem, const size_t cells[],
                             grid_level *level) {
    hf_problem *coarse;
    HF_TRY(hf_problem_refine(error, problem, &(hf_refine_options){.cells = cells}, &coarse));
    hf_gibbs found = {0};
    hf_status status = solve(error, coarse, &found);
    level->energy = found.free_energy;
    level->gap = found.gap;
    hf_gibbs_clear(&found);
    hf_problem_destroy(&coarse);
    return status;
}

/* The energy at h = 0 of the polynomial in h^2 through all levels.
 * doubt: what gaps and spreads of the levels may do to it */
static double extrapolate(size_t count, const grid_level levels[], double *doubt) {
    double value = 0;
    *doubt = 0;
    for (size_t k = 0; k < count; k++) {
        double weight = 1;
        for (size_t j = 0; j < count; j++)
            if (j != k)
                weight *= levels[j].square / (levels[j].square - levels[k].square);
        value += weight * levels[k].energy;
        *doubt +=
            fabs(weight) * (levels[k].gap + levels[k].spread * fabs(levels[k].energy - levels[0].energy));
    }
    return value;
}

static hf_status find_continuum(hf_error *error, const hf_problem *problem, hf_gibbs *out) {
    grid_level levels[LEVELS] = {{.square = 1, .energy = out->free_energy, .gap = out->gap}};
    double rough = roughness(hf_problem_grid(problem), out->rho), correction = 0, last = 0, doubt;
    out->continuum = out->free_energy;
    out->continuum_error = NAN;
    for (size_t count = 1; count < LEVELS && rough <= widest; count++) {
        size_t cells[HF_DIM_MAX];
        if (!choose_cells(problem, count, cells, &levels[count]) ||
            levels[count].square <= levels[count - 1].square ||
            (count > 1 && levels[count].square * rough > widest))
            break;
        HF_TRY(solve_level(error, problem, cells, &levels[count]));
        last = correction;
        double value = extrapolate(count + 1, levels, &doubt);
        correction = fabs(value - out->continuum);
        out->continuum = value;
        out->continuum_error = fmax(safety * correction, last / most_gain) + doubt;
    }
    return HF_OK;
}

hf_status hf_gibbs_run(hf_error *error, const hf_problem *problem, double gap, hf_gibbs *out) {
    *out = (hf_gibbs){0};
    gap = gap > 0 ? gap : default_gap;
    if (!(hf_problem_temperature(problem) > 0))
        return hf_raise(error, HF_ERR_INPUT, "temperature 0: there is no Gibbs density; expected > 0");
    HF_TRY(solve(error, problem, out));
    HF_TRY(find_continuum(error, problem, out));
    if (!(out->gap <= gap))
        return hf_raise(error, HF_ERR_NUMERIC,
                        "the free energy is within %.3g of its minimum after %zu steps of Newton's method; "
                        "%.3g was asked for",
                        out->gap, out->iterations, gap);
    return HF_OK;
}

void hf_gibbs_clear(hf_gibbs *gibbs) {
    hf_array_destroy(&gibbs->rho);
}
