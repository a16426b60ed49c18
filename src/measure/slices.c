/* Sliced W2: a density projected on fixed directions, then W2 on each line. docs/theory.md (21).
 *
 * Each projection is a piecewise constant density on its own axis of BINS bins, so that a distance is that of
 * wasserstein2.c a direction. A cell's projection is the law of a sum of independent uniform variables, one
 * an axis; the uniform law of the same mean and variance stands for it. */
#include "measure/measure.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdlib.h>

enum { BINS = 4096 };
static const double short_vector = 0.2; /* what is left of a drawn direction must not drown in rounding */

struct hf_slices {
    size_t dim, embedded, count, bins;
    hf_axis axes[HF_DIM_MAX]; /* of the grid */
    double *direction;        /* shape (count, embedded) */
    hf_axis *lines;           /* shape (count) */
    double *mass;             /* shape (count, bins) */
};

/* ---- the embedding ------------------------------------------------------------------------------------- */

static size_t embedded_dim(const hf_grid *grid) {
    size_t sum = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        sum += hf_grid_axis(grid, d)->periodic ? 2 : 1;
    return sum;
}

/* The projection of theta, and of the halves of a cell there: what they add in quadrature. */
static double project(const hf_slices *s, const double *direction, const double *theta, double *half) {
    double sum = 0, square = 0;
    for (size_t d = 0; d < s->dim; d++) {
        const hf_axis *axis = &s->axes[d];
        double length = axis->upper - axis->lower, slope = direction[0];
        if (axis->periodic) {
            double radius = length / (2 * M_PI), phi = theta[d] / radius;
            sum += radius * (direction[0] * cos(phi) + direction[1] * sin(phi));
            slope = direction[1] * cos(phi) - direction[0] * sin(phi);
            direction++;
        } else
            sum += direction[0] * theta[d];
        direction++;
        square += pow(slope * length / (double)axis->cells / 2, 2);
    }
    if (half != NULL)
        *half = sqrt(square);
    return sum;
}

/* ---- directions ---------------------------------------------------------------------------------------- */

static void fill_circle(size_t count, double *direction) {
    for (size_t k = 0; k < count; k++) {
        direction[2 * k] = cos(M_PI * (double)k / (double)count);
        direction[2 * k + 1] = sin(M_PI * (double)k / (double)count);
    }
}

/* Remove from v its parts along the vectors before it in its frame, and normalise it. False if too little is
 * left. */
static bool orthonormalise(size_t n, size_t before, const double *frame, double *v) {
    double whole = 0, rest = 0;
    for (size_t i = 0; i < n; i++)
        whole += v[i] * v[i];
    for (size_t twice = 0; twice < 2; twice++)
        for (size_t k = 0; k < before; k++) {
            double along = 0;
            for (size_t i = 0; i < n; i++)
                along += frame[k * n + i] * v[i];
            for (size_t i = 0; i < n; i++)
                v[i] -= along * frame[k * n + i];
        }
    for (size_t i = 0; i < n; i++)
        rest += v[i] * v[i];
    for (size_t i = 0; i < n; i++)
        v[i] /= sqrt(rest);
    return rest > short_vector * short_vector * whole;
}

/* Normal variables from a Halton sequence point in all directions alike; n of them make a frame. */
static hf_status fill_frames(hf_error *error, size_t n, size_t count, double *direction) {
    gsl_set_error_handler_off(); /* its results are checked */
    gsl_qrng *halton = gsl_qrng_alloc(gsl_qrng_halton, (unsigned)n);
    if (halton == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no room for a Halton sequence");
    for (size_t k = 0; k < count; k++) {
        double *v = direction + k * n;
        do {
            gsl_qrng_get(halton, v);
            for (size_t i = 0; i < n; i++)
                v[i] = gsl_cdf_ugaussian_Pinv(v[i]);
        } while (!orthonormalise(n, k % n, v - k % n * n, v));
    }
    gsl_qrng_free(halton);
    return HF_OK;
}

static hf_status fill_directions(hf_error *error, hf_slices *s) {
    HF_TRY(hf_array_create(error, s->count * s->embedded, &s->direction));
    if (s->embedded > 2)
        return fill_frames(error, s->embedded, s->count, s->direction);
    fill_circle(s->count, s->direction);
    return HF_OK;
}

/* ---- the density --------------------------------------------------------------------------------------- */

/* The interval that a direction sees of all cells. */
static void fit_line(const hf_grid *grid, const hf_slices *s, const double *direction, hf_axis *line) {
    *line = (hf_axis){.name = "slice", .lower = INFINITY, .upper = -INFINITY, .cells = s->bins};
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double theta[HF_DIM_MAX], half, x;
        hf_grid_centers(grid, i, theta);
        x = project(s, direction, theta, &half);
        line->lower = fmin(line->lower, x - half);
        line->upper = fmax(line->upper, x + half);
    }
}

/* Lay mass evenly on [x - half, x + half]. */
static void spread(const hf_axis *line, double x, double half, double mass, double *bin) {
    double width = (line->upper - line->lower) / (double)line->cells, last = (double)line->cells - 1;
    double from = (x - half - line->lower) / width, to = (x + half - line->lower) / width;
    double first = fmin(fmax(floor(from), 0), last), end = fmin(fmax(floor(to), first), last);
    double density = mass / (to - from);
    if (end == first || !isfinite(density)) {
        bin[(size_t)first] += mass;
        return;
    }
    bin[(size_t)first] += density * (first + 1 - from);
    for (size_t k = (size_t)first + 1; k < (size_t)end; k++)
        bin[k] += density;
    bin[(size_t)end] += density * (to - end);
}

static void project_density(const hf_grid *grid, const double *cell_mass, hf_slices *s, size_t k) {
    const double *direction = s->direction + k * s->embedded;
    fit_line(grid, s, direction, &s->lines[k]);
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double theta[HF_DIM_MAX], half, x;
        if (cell_mass[i] == 0)
            continue;
        hf_grid_centers(grid, i, theta);
        x = project(s, direction, theta, &half);
        spread(&s->lines[k], x, half, cell_mass[i], s->mass + k * s->bins);
    }
}

/* One dimension: the axis itself, arcs and all. */
static hf_status keep_axis(hf_error *error, const double *cell_mass, hf_slices *s) {
    s->lines[0] = s->axes[0];
    return hf_mass_normalise(error, "density", s->bins, cell_mass, s->mass);
}

static hf_status prepare(hf_error *error, const hf_grid *grid, const double *cell_mass, hf_slices *s) {
    double total;
    for (size_t d = 0; d < s->dim; d++)
        s->axes[d] = *hf_grid_axis(grid, d);
    HF_TRY(hf_mass_total(error, "density", hf_grid_cells(grid), cell_mass, &total));
    HF_TRY(hf_allocate(error, s->count, sizeof *s->lines, &s->lines));
    HF_TRY(hf_array_create(error, s->count * s->bins, &s->mass));
    if (s->dim == 1)
        return keep_axis(error, cell_mass, s);
    HF_TRY(fill_directions(error, s));
    for (size_t k = 0; k < s->count; k++)
        project_density(grid, cell_mass, s, k);
    return HF_OK;
}

hf_status hf_slices_create(hf_error *error, const hf_grid *grid, const double *cell_mass, size_t count,
                           hf_slices **out) {
    hf_slices *s;
    *out = NULL;
    if (count == 0)
        return hf_raise(error, HF_ERR_INPUT, "0 slices; expected at least one");
    HF_TRY(hf_allocate(error, 1, sizeof *s, &s));
    s->dim = hf_grid_dim(grid);
    s->embedded = embedded_dim(grid);
    s->bins = s->dim == 1 ? hf_grid_cells(grid) : BINS;
    s->count = s->dim == 1 ? 1 : count;
    if (s->dim > 1 && s->embedded > 2)
        s->count = (count + s->embedded - 1) / s->embedded * s->embedded;
    hf_status status = prepare(error, grid, cell_mass, s);
    if (status != HF_OK)
        hf_slices_destroy(&s);
    *out = s;
    return status;
}

void hf_slices_destroy(hf_slices **slices) {
    if (slices == NULL || *slices == NULL)
        return;
    hf_array_destroy(&(*slices)->direction);
    hf_array_destroy(&(*slices)->mass);
    free((*slices)->lines);
    free(*slices);
    *slices = NULL;
}

size_t hf_slices_count(const hf_slices *slices) {
    return slices->count;
}

/* ---- points -------------------------------------------------------------------------------------------- */

hf_status hf_slices_distance(hf_error *error, const hf_slices *slices, const hf_points *points,
                             double *distance) {
    double *x, sum = 0;
    HF_TRY(hf_points_check(error, slices->dim, points));
    HF_TRY(hf_array_create(error, points->count, &x));
    hf_status status = HF_OK;
    for (size_t k = 0; k < slices->count && status == HF_OK; k++) {
        const double *direction = slices->direction + k * slices->embedded;
        const double *theta = points->theta;
        double along = 0;
        for (size_t i = 0; i < points->count; i++)
            x[i] = slices->dim == 1 ? theta[i] : project(slices, direction, theta + i * slices->dim, NULL);
        hf_points projected = {points->count, x, points->mass};
        status =
            hf_wasserstein(error, &slices->lines[k], 2, slices->mass + k * slices->bins, &projected, &along);
        sum += along * along;
    }
    *distance = sqrt(sum / (double)slices->count);
    hf_array_destroy(&x);
    return status;
}
