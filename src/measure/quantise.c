/* A density as few weighted atoms. docs/theory.md (23).
 *
 * Boxes of cells are split greedily: the one with the largest mass x variance, along the axis and at the edge
 * where the variance between its two parts is largest (Wu 1991, for colours). Each box then sends its mass to
 * its barycentre, at the cost of its mass x variance exactly. */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct box {
    size_t begin[HF_DIM_MAX], end[HF_DIM_MAX]; /* cells along each axis */
    double mass, mean[HF_DIM_MAX];
    double spread; /* mass x variance, the cells' own included */
    double gain;   /* how far the best split lowers it; 0 when there is none */
    size_t axis, edge;
} box;

/* profile[d]: shape (cells of the axis), masses of the slabs of a box. */
typedef struct profiles {
    double *of[HF_DIM_MAX];
} profiles;

/* The cells of a box in rows along the last axis. */
static void fill_profiles(const hf_grid *grid, const double *cell_mass, const box *b, profiles *profile) {
    size_t last = hf_grid_dim(grid) - 1, index[HF_DIM_MAX];
    for (size_t d = 0; d <= last; d++) {
        index[d] = b->begin[d];
        memset(profile->of[d] + b->begin[d], 0, (b->end[d] - b->begin[d]) * sizeof(double));
    }
    for (bool more = true; more;) {
        const double *row = cell_mass;
        double sum = 0;
        for (size_t d = 0; d < last; d++)
            row += index[d] * hf_grid_stride(grid, d);
        for (size_t i = b->begin[last]; i < b->end[last]; i++) {
            profile->of[last][i] += row[i];
            sum += row[i];
        }
        more = false;
        for (size_t d = 0; d < last; d++)
            profile->of[d][index[d]] += sum;
        for (size_t d = last; d-- > 0 && !more;) {
            more = ++index[d] < b->end[d];
            if (!more)
                index[d] = b->begin[d];
        }
    }
}

/* Mean and variance along an axis, and the edge that explains most of the variance. */
static void measure_axis(const hf_grid *grid, size_t d, const double *profile, box *b) {
    double first = 0, second = 0, left = 0, moment = 0;
    for (size_t i = b->begin[d]; i < b->end[d]; i++)
        first += profile[i] * hf_grid_center(grid, d, i);
    b->mean[d] = first / b->mass;
    for (size_t i = b->begin[d]; i < b->end[d]; i++)
        second += profile[i] * pow(hf_grid_center(grid, d, i) - b->mean[d], 2);
    b->spread += second + b->mass * hf_grid_cell_variance(grid, d, HF_CELL_MEANS);
    for (size_t i = b->begin[d]; i + 1 < b->end[d]; i++) {
        left += profile[i];
        moment += profile[i] * (hf_grid_center(grid, d, i) - b->mean[d]);
        double right = b->mass - left, gain = b->mass * moment * moment / (left * right);
        if (left > 0 && right > 0 && gain > b->gain) {
            b->gain = gain;
            b->axis = d;
            b->edge = i + 1;
        }
    }
}

static void measure_box(const hf_grid *grid, const double *cell_mass, profiles *profile, box *b) {
    fill_profiles(grid, cell_mass, b, profile);
    b->mass = b->spread = b->gain = 0;
    for (size_t i = b->begin[0]; i < b->end[0]; i++)
        b->mass += profile->of[0][i];
    for (size_t d = 0; d < hf_grid_dim(grid) && b->mass > 0; d++)
        measure_axis(grid, d, profile->of[d], b);
}

/* The index of the box to split, or count. */
static size_t widest(size_t count, const box *boxes) {
    size_t best = count;
    for (size_t k = 0; k < count; k++)
        if (boxes[k].gain > 0 && (best == count || boxes[k].spread > boxes[best].spread))
            best = k;
    return best;
}

static size_t split_all(const hf_grid *grid, const double *cell_mass, size_t most, profiles *profile,
                        box *boxes) {
    size_t count = 1;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        boxes[0].begin[d] = 0;
        boxes[0].end[d] = hf_grid_axis(grid, d)->cells;
    }
    measure_box(grid, cell_mass, profile, &boxes[0]);
    for (size_t k; count < most && (k = widest(count, boxes)) < count; count++) {
        boxes[count] = boxes[k];
        boxes[count].begin[boxes[k].axis] = boxes[k].edge;
        boxes[k].end[boxes[k].axis] = boxes[k].edge;
        measure_box(grid, cell_mass, profile, &boxes[k]);
        measure_box(grid, cell_mass, profile, &boxes[count]);
    }
    return count;
}

/* A part of a box whose mass is lost in rounding is empty. */
static void write_atoms(size_t dim, size_t boxes_count, const box *boxes, double total, double *theta,
                        double *mass, size_t *count, double *bound) {
    double cost = 0;
    *count = 0;
    for (size_t k = 0; k < boxes_count; k++) {
        if (boxes[k].mass <= 0)
            continue;
        memcpy(theta + *count * dim, boxes[k].mean, dim * sizeof *theta);
        mass[(*count)++] = boxes[k].mass / total;
        cost += boxes[k].spread / total;
    }
    *bound = sqrt(cost);
}

hf_status hf_grid_quantise(hf_error *error, const hf_grid *grid, const double *cell_mass, size_t most,
                           double *theta, double *mass, size_t *count, double *bound) {
    size_t dim = hf_grid_dim(grid), sides = 0;
    double total;
    box *boxes = NULL;
    profiles profile = {{NULL}};
    if (most == 0)
        return hf_raise(error, HF_ERR_INPUT, "0 atoms; expected at least one");
    HF_TRY(hf_mass_total(error, "density", hf_grid_cells(grid), cell_mass, &total));
    for (size_t d = 0; d < dim; d++)
        sides += hf_grid_axis(grid, d)->cells;
    HF_TRY(hf_array_create(error, sides, &profile.of[0]));
    for (size_t d = 1; d < dim; d++)
        profile.of[d] = profile.of[d - 1] + hf_grid_axis(grid, d - 1)->cells;
    hf_status status = hf_allocate(error, most, sizeof *boxes, &boxes);
    if (status == HF_OK)
        write_atoms(dim, split_all(grid, cell_mass, most, &profile, boxes), boxes, total, theta, mass, count,
                    bound);
    free(boxes);
    hf_array_destroy(&profile.of[0]);
    return status;
}
