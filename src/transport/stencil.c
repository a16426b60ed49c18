/* The stencils and velocities of the faces of a line of cells. Beyond a wall the density is mirrored (which
 * leaves the cell at the wall without a slope), or zero for a dual flux, to which walls are sticky,
 * docs/numerics.md (28). The potential is never stored: from its coefficients on the rows the velocity across
 * any face is affine in the last value coordinate. */
#include "transport/walk.h"

#include "base/simd.h"

#include <string.h>

/* A wall holds all of what the velocity presses on it from this share of the greatest speed on. A sharper
 * switch holds more on lines that are slow beside the fastest, and costs order where tails pass along a wall
 * (`qkv`). */
static const double sticky_speed = 0.02;

/* A velocity along a line, over h or not: base + slope x. */
typedef struct velocity {
    double base, slope;
    const double *x;
} velocity;

void hf_walk_create(hf_transport *transport, const hf_potential *potential, const hf_beyond *beyond,
                    const double *rho, hf_workspace *space, hf_walk *out) {
    size_t dim = transport->dim;
    *out = (hf_walk){.transport = transport,
                     .potential = potential,
                     .beyond = beyond,
                     .rho = rho,
                     .space = space,
                     .rows = 1,
                     .row_axes = dim - potential->affine};
    for (size_t d = out->row_axes; d-- > 0;) {
        out->row_stride[d] = out->rows;
        out->rows *= transport->cells[d] + 2 * potential->margin[d];
    }
    for (size_t d = 0; d < dim; d++) {
        double h = transport->spacing[d], tau = transport->temperature;
        size_t halo = (size_t)transport->flux->halo;
        out->diffusion[d] = tau / (h * h);
        for (size_t k = 0; k < halo && transport->flux->dual; k++) {
            const hf_dual *c = transport->flux->scheme;
            double spread = (potential->speed[d] * c->b[k] + tau / h * c->d[k]) / h;
            out->advect[d][halo + k] = out->advect[d][halo - 1 - k] = c->a[k] / h;
            out->diffuse[d][halo + k] = -spread;
            out->diffuse[d][halo - 1 - k] = spread;
        }
    }
}

static const double *layer(const hf_walk *walk, size_t axis, int side) {
    return walk->beyond != NULL ? walk->beyond->layers[axis][side] : NULL;
}

static bool periodic(const hf_walk *walk, size_t axis) {
    return hf_grid_axis(walk->transport->grid, axis)->periodic && layer(walk, axis, 0) == NULL;
}

bool hf_walk_wall(const hf_walk *walk, size_t axis, int side) {
    return layer(walk, axis, side) == NULL && !periodic(walk, axis);
}

/* Cell i of an axis, beyond its ends as well: through the seam of a periodic one. */
static ptrdiff_t wrap(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    ptrdiff_t n = (ptrdiff_t)walk->transport->cells[axis];
    if ((i >= 0 && i < n) || !periodic(walk, axis))
        return i;
    return (i % n + n) % n;
}

/* The row of the cell that has index i along an axis and is at `index` along the others. */
static size_t row_at(const hf_walk *walk, const size_t index[], size_t axis, ptrdiff_t i) {
    size_t row = 0;
    for (size_t d = 0; d < walk->row_axes; d++) {
        size_t at = d == axis ? (size_t)wrap(walk, d, i) : d + 1 == walk->transport->dim ? 0 : index[d];
        row += (at + walk->potential->margin[d]) * walk->row_stride[d];
    }
    return row;
}

/* g_0 + sum_j v_j g_j over all but the last value coordinate; along `axis` at index i. */
static double partly(const hf_walk *walk, const size_t index[], size_t axis, ptrdiff_t i, const double *g) {
    double sum = g[0];
    for (size_t j = 0; j + 1 < walk->potential->affine; j++) {
        size_t d = walk->row_axes + j;
        sum += hf_grid_center(walk->transport->grid, d, d == axis ? (size_t)i : index[d]) * g[1 + j];
    }
    return sum;
}

/* ---- velocities from the potential ------------------------------------------------------------------- */

/* Minus the difference of two lines of any potential. */
static void subtract(size_t count, const double *above, const double *below, double *out) {
    for (size_t k = 0; k < count; k++)
        out[k] = below[k] - above[k];
}

/* u/h across the faces between cells i and i + 1 along an outer axis. */
static velocity across(const hf_walk *walk, const size_t index[], size_t axis, ptrdiff_t i) {
    const hf_transport *transport = walk->transport;
    const hf_potential *psi = walk->potential;
    size_t m = psi->affine;
    double h = transport->spacing[axis], scale = 1 / (h * h);
    velocity u = {0, 0, transport->center + HF_HALO_MAX};
    if (psi->ridge[axis] != 0)
        u.base = -psi->ridge[axis] * (hf_grid_center(transport->grid, axis, (size_t)(i + 1)) - 0.5 * h) / h;
    if (axis >= walk->row_axes) {
        u.base -= psi->coefficients[row_at(walk, index, axis, i) * (1 + m) + 1 + axis - walk->row_axes] / h;
        return u;
    }
    const double *below = psi->coefficients + row_at(walk, index, axis, i) * (1 + m);
    const double *above = psi->coefficients + row_at(walk, index, axis, i + 1) * (1 + m);
    if (m == 0) {
        double *difference = walk->space->difference[axis];
        subtract(transport->cells[transport->dim - 1], above, below, difference);
        u.x = difference;
        u.slope = scale;
        return u;
    }
    double g[HF_DIM_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        g[j] = below[j] - above[j];
    u.base += partly(walk, index, axis, i, g) * scale;
    u.slope = g[m] * scale;
    return u;
}

/* u/h across the faces of the line at `index`, from the one below its first cell on. */
static velocity along(const hf_walk *walk, const size_t index[]) {
    const hf_transport *transport = walk->transport;
    const hf_potential *psi = walk->potential;
    size_t last = transport->dim - 1, n = transport->cells[last], m = psi->affine;
    double h = transport->spacing[last], ridge = psi->ridge[last];
    size_t row = row_at(walk, index, last, 0);
    if (m > 0)
        return (velocity){-psi->coefficients[row * (1 + m) + m] / h, -ridge / h, transport->face};
    const double *g = psi->coefficients + row;
    double *difference = walk->space->difference[last];
    subtract(n - 1, g + 1, g, difference + 1);
    difference[0] = hf_walk_wall(walk, last, 0) ? 0 : psi->coefficients[row_at(walk, index, last, -1)] - g[0];
    difference[n] = hf_walk_wall(walk, last, 1)
                        ? 0
                        : g[n - 1] - psi->coefficients[row_at(walk, index, last, (ptrdiff_t)n)];
    for (size_t k = 0; k <= n && ridge != 0; k++)
        difference[k] -= ridge * h * transport->face[k];
    return (velocity){0, 1 / (h * h), difference};
}

/* ---- dual fluxes: velocities at the centres ------------------------------------------------------------ */

/* u_axis at the centres of the line with index i along an outer axis. */
static velocity at_centers(const hf_walk *walk, const size_t index[], size_t axis, ptrdiff_t i) {
    size_t m = walk->potential->affine, row = row_at(walk, index, axis, i);
    const double *v = walk->potential->velocities + (axis * walk->rows + row) * (1 + m);
    if (m == 0)
        return (velocity){0, 1, v};
    return (velocity){partly(walk, index, axis, i, v), v[m], walk->transport->center + HF_HALO_MAX};
}

/* What a wall leaves of the density before it: all where the velocity points away from the wall, less and
 * less as it presses on it. What diffuses is not held. side: 0 below, 1 above. */
HF_CLONES static void release(size_t count, velocity u, double speed, int side, const double *rho,
                              double *held) {
    double scale = (side == 0 ? -1 : 1) / (sticky_speed * speed);
    for (size_t k = 0; k < count; k++) {
        double share = 1 - scale * (u.base + u.slope * u.x[k]);
        held[k] = rho[k] * (share > 1 ? 1 : share > 0 ? share : 0);
    }
}

static bool sticky(const hf_walk *walk, size_t axis) {
    return walk->transport->temperature == 0 && walk->potential->speed[axis] > 0;
}

/* Weights of the j-th cells of the stencils, whose velocity is u. */
static void set_weights(const hf_walk *walk, size_t axis, size_t j, velocity u, hf_faces *faces) {
    faces->still[j] = walk->advect[axis][j] * u.base + walk->diffuse[axis][j];
    faces->tilt[j] = walk->advect[axis][j] * u.slope;
    faces->at[j] = u.x;
}

/* ---- densities ------------------------------------------------------------------------------------------
 */

/* The line with index i along an outer axis, inside, through the seam, in the layers of another part or
 * mirrored at a wall. */
static const double *line_at(const hf_walk *walk, const size_t index[], size_t axis, ptrdiff_t i) {
    const hf_transport *transport = walk->transport;
    ptrdiff_t n = (ptrdiff_t)transport->cells[axis], halo = transport->flux->halo;
    size_t inner = transport->stride[axis], before = 0, behind = 0;
    int side = i < 0 ? 0 : 1;
    if (i < 0 || i >= n)
        i = hf_walk_wall(walk, axis, side) ? (i < 0 ? -1 - i : 2 * n - 1 - i) : wrap(walk, axis, i);
    for (size_t d = 0; d < axis; d++)
        before = before * transport->cells[d] + index[d];
    for (size_t d = axis + 1; d + 1 < transport->dim; d++)
        behind += index[d] * transport->stride[d];
    if (i >= 0 && i < n)
        return walk->rho + (before * (size_t)n + (size_t)i) * inner + behind;
    size_t depth = (size_t)(i < 0 ? i + halo : i - n);
    return layer(walk, axis, i < 0 ? 0 : 1) + (before * (size_t)halo + depth) * inner + behind;
}

/* The j-th cells of the stencils of a dual flux, which have index i along an outer axis. */
static void set_dual(const hf_walk *walk, const size_t index[], size_t axis, ptrdiff_t i, size_t j,
                     hf_faces *faces) {
    const hf_transport *transport = walk->transport;
    ptrdiff_t n = (ptrdiff_t)transport->cells[axis];
    if ((i < 0 && hf_walk_wall(walk, axis, 0)) || (i >= n && hf_walk_wall(walk, axis, 1))) {
        faces->rho[j] = walk->space->zero;
        set_weights(walk, axis, j, (velocity){0, 0, walk->space->zero}, faces);
        return;
    }
    velocity u = at_centers(walk, index, axis, i);
    set_weights(walk, axis, j, u, faces);
    faces->rho[j] = line_at(walk, index, axis, i);
    for (int side = 0; side < 2; side++)
        if (i == (side == 0 ? 0 : n - 1) && hf_walk_wall(walk, axis, side) && sticky(walk, axis)) {
            double *held = walk->space->held[axis][side];
            release(transport->cells[transport->dim - 1], u, walk->potential->speed[axis], side,
                    faces->rho[j], held);
            faces->rho[j] = held;
        }
}

void hf_walk_across(const hf_walk *walk, const size_t index[], size_t axis, ptrdiff_t i, hf_faces *faces) {
    const hf_flux *flux = walk->transport->flux;
    velocity u = across(walk, index, axis, i);
    faces->base = u.base;
    faces->slope = u.slope;
    faces->x = u.x;
    faces->diffusion = walk->diffusion[axis];
    for (size_t j = 0; j < 2 * (size_t)flux->halo; j++) {
        ptrdiff_t cell = i + (ptrdiff_t)j + 1 - flux->halo;
        if (flux->dual)
            set_dual(walk, index, axis, cell, j, faces);
        else
            faces->rho[j] = line_at(walk, index, axis, cell);
    }
}

/* ---- the line itself ------------------------------------------------------------------------------------
 */

/* One cell beyond an end of the last axis, i < 0 or i >= n. */
static double ghost(const hf_walk *walk, const size_t index[], ptrdiff_t i, const double *line) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, before = 0;
    ptrdiff_t n = (ptrdiff_t)transport->cells[last], halo = transport->flux->halo;
    if (hf_walk_wall(walk, last, i < 0 ? 0 : 1)) {
        if (transport->flux->dual)
            return 0;
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
    }
    i = wrap(walk, last, i);
    if (i >= 0 && i < n)
        return line[i];
    for (size_t d = 0; d < last; d++)
        before = before * transport->cells[d] + index[d];
    return layer(walk, last, i < 0 ? 0 : 1)[before * (size_t)halo + (size_t)(i < 0 ? i + halo : i - n)];
}

/* The velocities at the centres of a line and of its ghosts, x from the first cell on. */
static velocity at_line(const hf_walk *walk, const size_t index[]) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last];
    ptrdiff_t halo = transport->flux->halo;
    if (walk->potential->affine > 0)
        return at_centers(walk, index, last, 0);
    const double *u = walk->potential->velocities + last * walk->rows;
    double *line = walk->space->velocity + HF_HALO_MAX;
    memcpy(line, u + row_at(walk, index, last, 0), n * sizeof *line);
    for (ptrdiff_t g = 0; g < halo; g++) {
        ptrdiff_t below = g - halo, above = (ptrdiff_t)n + g;
        line[below] = hf_walk_wall(walk, last, 0) ? 0 : u[row_at(walk, index, last, below)];
        line[above] = hf_walk_wall(walk, last, 1) ? 0 : u[row_at(walk, index, last, above)];
    }
    return (velocity){0, 1, line};
}

void hf_walk_along(const hf_walk *walk, const size_t index[], hf_faces *faces) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last], start = 0;
    ptrdiff_t halo = transport->flux->halo;
    double *line = walk->space->line + HF_HALO_MAX;
    for (size_t d = 0; d < last; d++)
        start += index[d] * transport->stride[d];
    const double *rho = walk->rho + start;
    memcpy(line, rho, n * sizeof *line);
    for (ptrdiff_t g = 0; g < halo; g++) {
        line[g - halo] = ghost(walk, index, g - halo, rho);
        line[(ptrdiff_t)n + g] = ghost(walk, index, (ptrdiff_t)n + g, rho);
    }
    velocity u = along(walk, index);
    *faces = (hf_faces){.base = u.base,
                        .slope = u.slope,
                        .x = u.x,
                        .diffusion = walk->diffusion[last],
                        .flux = walk->space->lined};
    for (ptrdiff_t j = 0; j < 2 * halo; j++)
        faces->rho[j] = line + j - halo;
    if (!transport->flux->dual)
        return;
    velocity centers = at_line(walk, index), here = centers;
    for (ptrdiff_t j = 0; j < 2 * halo; j++) {
        here.x = centers.x + j - halo;
        set_weights(walk, last, (size_t)j, here, faces);
    }
    for (int side = 0; side < 2 && sticky(walk, last); side++)
        if (hf_walk_wall(walk, last, side)) {
            ptrdiff_t end = side == 0 ? 0 : (ptrdiff_t)n - 1;
            here.x = centers.x + end;
            release(1, here, walk->potential->speed[last], side, line + end, line + end);
        }
}
