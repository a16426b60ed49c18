/* The stencils and velocities of the faces of a line of cells. Beyond a wall the density is mirrored (which
 * leaves the cell at the wall without a slope), or zero for a dual flux, to which walls are sticky,
 * docs/numerics.md (28). The potential is never stored: from its coefficients on the rows the velocity across
 * any face is affine in the last value coordinate. */
#include "transport/walk.h"

#include "transport/kernels.h"

#include <string.h>

/* A wall holds all of what the velocity presses on it from this share of the greatest speed on. A sharper
 * switch holds more on lines that are slow beside the fastest, and costs order where tails pass along a wall
 * (`qkv`). */
static const double sticky_speed = 0.02;

/* Cells up to which a density and its rate stay in caches, and asking ahead for them costs up to 4 % instead
 * of saving a tenth to a third. */
enum { CACHED = 1 << 20 };

/* A velocity along a line, over h or not: base + slope x. */
typedef struct velocity {
    double base, slope;
    const double *x;
} velocity;

static const double *layer(const hf_walk *walk, size_t axis, int side) {
    return walk->beyond != NULL ? walk->beyond->layers[axis][side] : NULL;
}

void hf_walk_create(hf_transport *transport, const hf_potential *potential, const hf_beyond *beyond,
                    const double *rho, hf_workspace *space, hf_walk *out) {
    size_t dim = transport->dim;
    bool far = hf_grid_cells(transport->grid) > CACHED;
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
        out->end[d] = transport->cells[d];
        double h = transport->spacing[d], tau = transport->temperature;
        size_t halo = (size_t)transport->flux->halo;
        out->diffusion[d] = tau / (h * h);
        out->scale[d] = 1 / h;
        out->periodic[d] = hf_grid_axis(transport->grid, d)->periodic && layer(out, d, 0) == NULL;
        for (int side = 0; side < 2; side++)
            out->wall[d][side] = layer(out, d, side) == NULL && !out->periodic[d];
        out->sticky[d] = transport->flux->dual && tau == 0 && potential->speed[d] > 0;
        hf_faces *faces = d + 1 < dim ? &space->above[d] : &space->inner;
        faces->u = space->velocities[d];
        faces->weights = space->weights[d];
        faces->area = h * h;
        faces->far = far;
        faces->diffusion = out->diffusion[d];
        faces->steady =
            potential->affine > 0 && d >= out->row_axes && (d + 1 < dim || potential->ridge[d] == 0);
        for (size_t k = 0; k < halo && transport->flux->dual; k++) {
            const hf_dual *c = transport->flux->scheme;
            double spread = (potential->speed[d] * c->b[k] + tau / h * c->d[k]) / h;
            out->advect[d][halo + k] = out->advect[d][halo - 1 - k] = c->a[k] / h;
            out->diffuse[d][halo + k] = -spread;
            out->diffuse[d][halo - 1 - k] = spread;
        }
    }
    space->below.u = space->inner.u;
    space->below.weights = space->inner.weights;
    space->below.diffusion = space->inner.diffusion;
    space->below.steady = space->inner.steady;
    space->below.far = space->inner.far;
    space->below.flux = space->lined;
    space->inner.flux = space->lined + 1;
}

void hf_walk_place(hf_walk *walk) {
    walk->start = walk->row = 0;
    for (size_t d = 0; d + 1 < walk->transport->dim; d++)
        walk->start += walk->index[d] * walk->transport->stride[d];
    for (size_t d = 0; d < walk->row_axes; d++)
        walk->row += (walk->index[d] + walk->potential->margin[d]) * walk->row_stride[d];
    for (size_t j = 0; j + 1 < walk->potential->affine; j++)
        walk->v[j] =
            hf_grid_center(walk->transport->grid, walk->row_axes + j, walk->index[walk->row_axes + j]);
}

/* Cell i of an axis, beyond its ends as well: through the seam of a periodic one. */
static ptrdiff_t wrap(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    ptrdiff_t n = (ptrdiff_t)walk->transport->cells[axis];
    if ((i >= 0 && i < n) || !walk->periodic[axis])
        return i;
    return (i % n + n) % n;
}

/* The row of the cell that has index i along an axis, and on the others is where the line begins. */
static size_t row_at(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    if (axis >= walk->row_axes)
        return walk->row;
    ptrdiff_t steps = wrap(walk, axis, i) - (ptrdiff_t)walk->index[axis];
    return walk->row + (size_t)(steps * (ptrdiff_t)walk->row_stride[axis]);
}

/* g_0 + sum_j v_j g_j over all but the last value coordinate. */
static double partly(const hf_walk *walk, const double *g) {
    double sum = g[0];
    for (size_t j = 0; j + 1 < walk->potential->affine; j++)
        sum += walk->v[j] * g[1 + j];
    return sum;
}

/* ---- velocities from the potential ------------------------------------------------------------------- */

static void set_velocity(velocity u, hf_faces *faces) {
    *faces->u = (hf_velocity){u.base, u.slope};
    faces->x = u.x;
}

/* Minus the difference of two lines of any potential. */
static void subtract(size_t count, const double *above, const double *below, double *out) {
    for (size_t k = 0; k < count; k++)
        out[k] = below[k] - above[k];
}

/* The ridge's part of u/h across the faces between cells i and i + 1 along an outer axis. */
static double pull(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    double ridge = walk->potential->ridge[axis], h = walk->transport->spacing[axis];
    if (ridge == 0)
        return 0;
    return -ridge * (hf_grid_center(walk->transport->grid, axis, (size_t)(i + 1)) - 0.5 * h) *
           walk->scale[axis];
}

/* u/h across the faces between cells i and i + 1 along an outer axis, from an affine potential on their rows.
 */
static inline hf_velocity between(const hf_walk *walk, size_t axis, ptrdiff_t i, const double *v,
                                  const double *below, const double *above) {
    const hf_potential *psi = walk->potential;
    size_t m = psi->affine;
    double scale = walk->scale[axis];
    hf_velocity u = {pull(walk, axis, i), 0};
    if (axis >= walk->row_axes) {
        u.base -= below[1 + axis - walk->row_axes] * scale;
        return u;
    }
    double sum = below[0] - above[0];
    for (size_t j = 1; j < m; j++)
        sum += v[j - 1] * (below[j] - above[j]);
    u.base += sum * (scale * scale);
    u.slope = (below[m] - above[m]) * (scale * scale);
    return u;
}

/* The potential on the row of the cell that has index i along an axis. */
static const double *potential_at(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    return walk->potential->coefficients + row_at(walk, axis, i) * (1 + walk->potential->affine);
}

static velocity across(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    const hf_transport *transport = walk->transport;
    const hf_potential *psi = walk->potential;
    const double *below = potential_at(walk, axis, i), *above = potential_at(walk, axis, i + 1);
    double scale = walk->scale[axis] * walk->scale[axis];
    if (psi->affine > 0) {
        hf_velocity u = between(walk, axis, i, walk->v, below, above);
        return (velocity){u.base, u.slope, transport->center + HF_HALO_MAX};
    }
    double *difference = walk->space->difference[axis];
    subtract(transport->cells[transport->dim - 1], above, below, difference);
    return (velocity){pull(walk, axis, i), scale, difference};
}

/* u/h along a line, from an affine potential on its row. */
static inline hf_velocity on_line(const hf_walk *walk, const double *g) {
    size_t last = walk->transport->dim - 1;
    double scale = walk->scale[last];
    return (hf_velocity){-g[walk->potential->affine] * scale, -walk->potential->ridge[last] * scale};
}

/* u/h across the faces of the line at `index`, from the one below its first cell on. */
static velocity along(const hf_walk *walk) {
    const hf_transport *transport = walk->transport;
    const hf_potential *psi = walk->potential;
    size_t last = transport->dim - 1, n = transport->cells[last];
    double scale = walk->scale[last], ridge = psi->ridge[last];
    if (psi->affine > 0) {
        hf_velocity u = on_line(walk, psi->coefficients + walk->row * (1 + psi->affine));
        return (velocity){u.base, u.slope, transport->face};
    }
    const double *g = psi->coefficients + walk->row;
    double *difference = walk->space->difference[last];
    subtract(n - 1, g + 1, g, difference + 1);
    difference[0] = walk->wall[last][0] ? 0 : psi->coefficients[row_at(walk, last, -1)] - g[0];
    difference[n] = walk->wall[last][1] ? 0 : g[n - 1] - psi->coefficients[row_at(walk, last, (ptrdiff_t)n)];
    for (size_t k = 0; k <= n && ridge != 0; k++)
        difference[k] -= ridge * transport->spacing[last] * transport->face[k];
    return (velocity){0, scale * scale, difference};
}

/* ---- dual fluxes: velocities at the centres ------------------------------------------------------------ */

/* The velocities on the row of the cell that has index i along an axis. */
static const double *velocities_at(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    size_t row = axis * walk->rows + row_at(walk, axis, i);
    return walk->potential->velocities + row * (1 + walk->potential->affine);
}

/* u_axis at the centres of the line with index i along an outer axis, from the velocities on its row. */
static inline velocity from_row(const hf_walk *walk, size_t axis, ptrdiff_t i, const double *v) {
    size_t m = walk->potential->affine, last = walk->transport->dim - 1;
    if (m == 0)
        return (velocity){0, 1, v};
    double base = v[0];
    for (size_t q = 1; q < m; q++) {
        bool own = axis < last && axis + 1 == walk->row_axes + q;
        base += (own ? hf_grid_center(walk->transport->grid, axis, (size_t)i) : walk->v[q - 1]) * v[q];
    }
    return (velocity){base, v[m], walk->transport->center + HF_HALO_MAX};
}

static velocity at_centers(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    return from_row(walk, axis, i, velocities_at(walk, axis, i));
}

/* What a wall leaves of the density before it: all where the velocity points away from the wall, less and
 * less as it presses on it. What diffuses is not held. side: 0 below, 1 above. */
static inline double released(double rho, double u, double scale) {
    double share = 1 - scale * u;
    return rho * (share > 1 ? 1 : share > 0 ? share : 0);
}

static inline double release_scale(const hf_walk *walk, size_t axis, int side) {
    return (side == 0 ? -1 : 1) / (sticky_speed * walk->potential->speed[axis]);
}

/* Of a line of cells before a wall. */
HF_CLONES static void release(size_t count, velocity u, double scale, const double *rho, double *held) {
    for (size_t k = 0; k < count; k++)
        held[k] = released(rho[k], u.base + u.slope * u.x[k], scale);
}

/* The cheapest form that the weights have. */
static hf_form find_form(const hf_walk *walk, size_t lines, const hf_faces *faces) {
    if (walk->potential->affine == 0)
        return HF_ANY;
    for (size_t line = 0; line < lines; line++)
        for (size_t j = 0; j < 2 * (size_t)walk->transport->flux->halo; j++)
            if (faces->weights[line].tilt[j] != 0)
                return HF_AFFINE;
    return HF_CONSTANT;
}

static void weigh(const hf_walk *walk, size_t axis, size_t j, velocity u, hf_weights *weights) {
    weights->still[j] = walk->advect[axis][j] * u.base + walk->diffuse[axis][j];
    weights->tilt[j] = walk->advect[axis][j] * u.slope;
}

/* Weights of the j-th cells of the stencils, whose velocity is u. */
static void set_weights(const hf_walk *walk, size_t axis, size_t j, velocity u, hf_faces *faces) {
    weigh(walk, axis, j, u, faces->weights);
    faces->at[j] = u.x;
}

/* ---- densities ------------------------------------------------------------------------------------------
 */

/* The cells beyond an end of an axis, i < 0 or i >= n, in the layers of the part there; from where the line
 * is on the other axes. */
static const double *beyond(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    const hf_transport *transport = walk->transport;
    ptrdiff_t n = (ptrdiff_t)transport->cells[axis], halo = transport->flux->halo;
    size_t inner = transport->stride[axis], before = walk->start / (inner * (size_t)n);
    size_t depth = (size_t)(i < 0 ? i + halo : i - n);
    return layer(walk, axis, i < 0 ? 0 : 1) + (before * (size_t)halo + depth) * inner + walk->start % inner;
}

/* The line with index i along an outer axis: inside, through the seam, beyond, or mirrored at a wall. */
static const double *line_at(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    const hf_transport *transport = walk->transport;
    ptrdiff_t n = (ptrdiff_t)transport->cells[axis];
    if (i < 0 || i >= n) {
        i = walk->wall[axis][i >= n] ? (i < 0 ? -1 - i : 2 * n - 1 - i) : wrap(walk, axis, i);
        if (i < 0 || i >= n)
            return beyond(walk, axis, i);
    }
    return walk->rho + walk->start + (i - (ptrdiff_t)walk->index[axis]) * (ptrdiff_t)transport->stride[axis];
}

/* The j-th cells of the stencils of a dual flux, which have index i along an outer axis. */
static void set_dual(const hf_walk *walk, size_t axis, ptrdiff_t i, size_t j, hf_faces *faces) {
    const hf_transport *transport = walk->transport;
    ptrdiff_t n = (ptrdiff_t)transport->cells[axis];
    if ((i < 0 && walk->wall[axis][0]) || (i >= n && walk->wall[axis][1])) {
        faces->rho[j] = walk->space->zero;
        set_weights(walk, axis, j, (velocity){0, 0, transport->center + HF_HALO_MAX}, faces);
        return;
    }
    velocity u = at_centers(walk, axis, i);
    set_weights(walk, axis, j, u, faces);
    faces->rho[j] = line_at(walk, axis, i);
    for (int side = 0; side < 2; side++)
        if (i == (side == 0 ? 0 : n - 1) && walk->wall[axis][side] && walk->sticky[axis]) {
            double *held = walk->space->held[axis][side];
            release(transport->cells[transport->dim - 1], u, release_scale(walk, axis, side), faces->rho[j],
                    held);
            faces->rho[j] = held;
        }
}

void hf_walk_across(const hf_walk *walk, size_t axis, ptrdiff_t i, hf_faces *faces) {
    const hf_flux *flux = walk->transport->flux;
    velocity u = across(walk, axis, i);
    set_velocity(u, faces);
    for (size_t j = 0; j < 2 * (size_t)flux->halo; j++) {
        ptrdiff_t cell = i + (ptrdiff_t)j + 1 - flux->halo;
        if (flux->dual)
            set_dual(walk, axis, cell, j, faces);
        else
            faces->rho[j] = line_at(walk, axis, cell);
    }
    if (flux->dual)
        faces->form = find_form(walk, 1, faces);
}

/* ---- the line itself ------------------------------------------------------------------------------------
 */

/* One cell beyond an end of the last axis, i < 0 or i >= n. */
static double ghost(const hf_walk *walk, ptrdiff_t i) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1;
    ptrdiff_t n = (ptrdiff_t)transport->cells[last];
    if (walk->wall[last][i >= n]) {
        if (transport->flux->dual)
            return 0;
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
    }
    i = wrap(walk, last, i);
    return i >= 0 && i < n ? walk->rho[walk->start + (size_t)i] : *beyond(walk, last, i);
}

/* The velocities at the centres of a line and of its ghosts, x from the first cell on. */
static velocity at_line(const hf_walk *walk) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last];
    ptrdiff_t halo = transport->flux->halo;
    if (walk->potential->affine > 0)
        return at_centers(walk, last, 0);
    const double *u = walk->potential->velocities + last * walk->rows;
    double *line = walk->space->velocity + HF_HALO_MAX;
    memcpy(line, u + row_at(walk, last, 0), n * sizeof *line);
    for (ptrdiff_t g = 0; g < halo; g++) {
        ptrdiff_t below = g - halo, above = (ptrdiff_t)n + g;
        line[below] = walk->wall[last][0] ? 0 : u[row_at(walk, last, below)];
        line[above] = walk->wall[last][1] ? 0 : u[row_at(walk, last, above)];
    }
    return (velocity){0, 1, line};
}

/* The velocity at the j-th cells of stencils along a line from that of the cells above the faces, which for
 * an affine potential have the x that serves all. */
static velocity shifted(const hf_walk *walk, size_t j, velocity centers) {
    ptrdiff_t away = (ptrdiff_t)j - walk->transport->flux->halo;
    if (walk->potential->affine > 0)
        centers.base += centers.slope * (double)away * walk->transport->spacing[walk->transport->dim - 1];
    else
        centers.x += away;
    return centers;
}

/* Faces from the one below a cell of the line on; u and centers begin there. */
static void set_line(const hf_walk *walk, const double *cell, velocity u, velocity centers, hf_faces *faces) {
    ptrdiff_t halo = walk->transport->flux->halo;
    size_t last = walk->transport->dim - 1;
    set_velocity(u, faces);
    for (ptrdiff_t j = 0; j < 2 * halo; j++)
        faces->rho[j] = cell + j - halo;
    if (!walk->transport->flux->dual)
        return;
    for (size_t j = 0; j < 2 * (size_t)halo; j++)
        set_weights(walk, last, j, shifted(walk, j, centers), faces);
    faces->form = find_form(walk, 1, faces);
}

void hf_walk_along(const hf_walk *walk) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last];
    ptrdiff_t halo = transport->flux->halo;
    double *line = walk->space->line + HF_HALO_MAX;
    memcpy(line, walk->rho + walk->start, n * sizeof *line);
    for (ptrdiff_t g = 0; g < halo; g++) {
        line[g - halo] = ghost(walk, g - halo);
        line[(ptrdiff_t)n + g] = ghost(walk, (ptrdiff_t)n + g);
    }
    velocity u = along(walk), centers = {0};
    if (transport->flux->dual)
        centers = at_line(walk);
    set_line(walk, line, u, centers, &walk->space->below);
    u.x++;
    if (transport->flux->dual)
        centers.x++;
    set_line(walk, line + 1, u, centers, &walk->space->inner);
    for (int side = 0; side < 2 && walk->sticky[last]; side++)
        if (walk->wall[last][side]) {
            ptrdiff_t end = side == 0 ? 0 : (ptrdiff_t)n - 1;
            double u_end = centers.base + centers.slope * centers.x[end - 1];
            line[end] = released(line[end], u_end, release_scale(walk, last, side));
        }
}

/* ---- several lines --------------------------------------------------------------------------------------
 */

/* Whether both faces of a line along an axis are open. The flux through the lower one is there, or found for
 * several lines alike; but not between these. */
static bool is_plain(const hf_walk *walk, size_t axis) {
    size_t i = walk->index[axis];
    bool runs = axis + 2 == walk->transport->dim;
    return i > (runs ? walk->begin[axis] : 0) &&
           (!walk->wall[axis][1] || i + 1 < walk->transport->cells[axis]);
}

size_t hf_walk_lines(const hf_walk *walk, size_t most) {
    const hf_transport *transport = walk->transport;
    if (transport->dim == 1 || walk->potential->affine == 0)
        return 1;
    for (size_t d = 0; d + 1 < transport->dim; d++)
        if (!is_plain(walk, d))
            return 1;
    size_t run = transport->dim - 2, i = walk->index[run], end = walk->end[run];
    end = end < transport->cells[run] ? end : transport->cells[run] - 1;
    return i + 1 >= end ? 1 : end - i < most ? end - i : most;
}

/* To the next line along the last outer axis. */
static void step(hf_walk *walk) {
    const hf_transport *transport = walk->transport;
    size_t run = transport->dim - 2;
    walk->index[run]++;
    walk->start += transport->cells[run + 1];
    if (run < walk->row_axes)
        walk->row += walk->row_stride[run];
    else
        walk->v[run - walk->row_axes] = hf_grid_center(transport->grid, run, walk->index[run]);
}

/* Numbers of the potential from a line to the next. */
static size_t row_step(const hf_walk *walk) {
    size_t run = walk->transport->dim - 2;
    return run < walk->row_axes ? walk->row_stride[run] * (1 + walk->potential->affine) : 0;
}

/* The velocities across the upper faces of lines along an outer axis. */
static void set_across(const hf_walk *walk, size_t axis, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t run = transport->dim - 2, next = row_step(walk);
    ptrdiff_t i = (ptrdiff_t)walk->index[axis];
    const double *below = potential_at(walk, axis, i), *above = potential_at(walk, axis, i + 1);
    const double *center = transport->run_center + HF_HALO_MAX + walk->index[run];
    double v[HF_VALUES_MAX];
    memcpy(v, walk->v, sizeof v);
    for (size_t line = 0; line < lines; line++, below += next, above += next) {
        if (run >= walk->row_axes)
            v[run - walk->row_axes] = center[line];
        walk->space->velocities[axis][line] = between(walk, axis, axis == run ? i++ : i, v, below, above);
    }
}

/* Those along the lines. */
static void set_along(const hf_walk *walk, size_t lines) {
    size_t m = walk->potential->affine, next = row_step(walk);
    const double *g = walk->potential->coefficients + walk->row * (1 + m);
    for (size_t line = 0; line < lines; line++, g += next)
        walk->space->velocities[walk->transport->dim - 1][line] = on_line(walk, g);
}

/* The velocities of a dual flux on the rows of the cells of a stencil along an outer axis, by coefficient:
 * zero beyond a wall. out: shape (1 + m, HF_STENCIL_MAX) */
static void stencil_rows(const hf_walk *walk, size_t axis, size_t line, double out[][HF_STENCIL_MAX]) {
    const hf_transport *transport = walk->transport;
    size_t terms = 1 + walk->potential->affine;
    bool runs = axis == transport->dim - 2, value = axis >= walk->row_axes;
    ptrdiff_t n = (ptrdiff_t)transport->cells[axis], halo = transport->flux->halo;
    ptrdiff_t i = (ptrdiff_t)(walk->index[axis] + (runs ? line : 0)) + 1 - halo;
    for (ptrdiff_t j = 0; j < 2 * halo; j++, i++) {
        bool outside = !value && ((i < 0 && walk->wall[axis][0]) || (i >= n && walk->wall[axis][1]));
        const double *v = outside ? NULL : velocities_at(walk, axis, i) + (runs ? 0 : line * row_step(walk));
        for (size_t q = 0; q < terms; q++)
            out[q][j] = outside ? 0 : v[q];
    }
}

/* Weights from the velocity base + slope x at each cell of a stencil. */
static inline void weigh_all(const double *advect, const double *diffuse, const double *base,
                             const double *slope, hf_weights *out) {
    for (size_t j = 0; j < HF_STENCIL_MAX; j++)
        out->still[j] = advect[j] * base[j] + diffuse[j];
    for (size_t j = 0; j < HF_STENCIL_MAX; j++)
        out->tilt[j] = advect[j] * slope[j];
}

static bool any_slope(const double *slope) {
    for (size_t j = 0; j < HF_STENCIL_MAX; j++)
        if (slope[j] != 0)
            return true;
    return false;
}

/* The centres of the cells of a stencil along an axis; any number beyond a wall. */
static void stencil_centers(const hf_walk *walk, size_t axis, double out[HF_STENCIL_MAX]) {
    ptrdiff_t i = (ptrdiff_t)walk->index[axis] + 1 - walk->transport->flux->halo;
    for (size_t j = 0; j < HF_STENCIL_MAX; j++, i++)
        out[j] = i < 0 ? 0 : hf_grid_center(walk->transport->grid, axis, (size_t)i);
}

/* The weights of a dual flux across the upper faces of lines along an outer axis. */
HF_CLONES static void weigh_across(const hf_walk *walk, size_t axis, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t m = walk->potential->affine, run = transport->dim - 2, next = row_step(walk);
    const double *run_center = transport->run_center + HF_HALO_MAX + walk->index[run];
    double rows[HF_DIM_MAX + 1][HF_STENCIL_MAX] = {0}, at[HF_VALUES_MAX][HF_STENCIL_MAX],
                             base[HF_STENCIL_MAX];
    for (size_t q = 0; q + 1 < m; q++)
        for (size_t j = 0; j < HF_STENCIL_MAX; j++)
            at[q][j] = walk->v[q];
    if (axis >= walk->row_axes && axis != run)
        stencil_centers(walk, axis, at[axis - walk->row_axes]);
    bool tilted = false;
    for (size_t line = 0; line < lines; line++) {
        if (line == 0 || next > 0) {
            stencil_rows(walk, axis, line, rows);
            tilted |= any_slope(rows[m]);
        }
        if (run >= walk->row_axes) {
            const double *from = run_center + (axis == run ? (ptrdiff_t)line + 1 - transport->flux->halo : 0);
            for (size_t j = 0; j < HF_STENCIL_MAX; j++)
                at[run - walk->row_axes][j] = axis == run ? from[j] : from[line];
        }
        memcpy(base, rows[0], sizeof base);
        for (size_t q = 1; q < m; q++)
            for (size_t j = 0; j < HF_STENCIL_MAX; j++)
                base[j] += at[q - 1][j] * rows[q][j];
        weigh_all(walk->advect[axis], walk->diffuse[axis], base, rows[m], &walk->space->weights[axis][line]);
    }
    walk->space->above[axis].form = tilted ? HF_AFFINE : HF_CONSTANT;
}

HF_CLONES static void weigh_along(const hf_walk *walk, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, m = walk->potential->affine, next = row_step(walk);
    const double *v = velocities_at(walk, last, 0);
    double base[HF_STENCIL_MAX], slope[HF_STENCIL_MAX], away[HF_STENCIL_MAX];
    for (size_t j = 0; j < HF_STENCIL_MAX; j++)
        away[j] = ((double)j - transport->flux->halo) * transport->spacing[last];
    hf_walk at = *walk;
    bool tilted = false;
    for (size_t line = 0; line < lines; line++, v += next, step(&at)) {
        double here = partly(&at, v);
        for (size_t j = 0; j < HF_STENCIL_MAX; j++) {
            slope[j] = v[m];
            base[j] = here + v[m] * away[j];
        }
        tilted |= v[m] != 0;
        weigh_all(walk->advect[last], walk->diffuse[last], base, slope, &walk->space->weights[last][line]);
    }
    walk->space->inner.form = tilted ? HF_AFFINE : HF_CONSTANT;
}

/* What the walls along an axis hold of the cells before them, where stencils of several lines reach them: the
 * line at hand has its own, set_dual. */
static void hold_across(const hf_walk *walk, size_t axis, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t n = transport->cells[transport->dim - 1], next = row_step(walk);
    ptrdiff_t halo = transport->flux->halo, last = (ptrdiff_t)transport->cells[axis] - 1;
    for (int side = 0; side < 2; side++) {
        ptrdiff_t i = side == 0 ? 0 : last, j = i - (ptrdiff_t)walk->index[axis] + halo - 1;
        if (!walk->wall[axis][side] || !walk->sticky[axis] || j < 0 || j >= 2 * halo)
            continue;
        const double *rho = line_at(walk, axis, i), *v = velocities_at(walk, axis, i);
        hf_walk at = *walk;
        for (size_t line = 0; line < lines; line++, step(&at))
            release(n, from_row(&at, axis, i, v + line * next), release_scale(walk, axis, side),
                    rho + line * n, walk->space->held[axis][side] + line * n);
    }
}

/* The lines of the stencils of several lines along the axis on which they follow each other, where these
 * reach a wall or beyond: a copy, as set_dual and line_at have them one by one. */
static void pad_across(const hf_walk *walk, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t axis = transport->dim - 2, n = transport->cells[axis + 1];
    bool dual = transport->flux->dual;
    ptrdiff_t last = (ptrdiff_t)transport->cells[axis] - 1, halo = transport->flux->halo;
    ptrdiff_t first = (ptrdiff_t)walk->index[axis] + 1 - halo, count = (ptrdiff_t)lines - 1 + 2 * halo;
    if (halo == 1 || (first > 0 && first + count <= last))
        return;
    double *out = walk->space->padded;
    for (ptrdiff_t i = first; i < first + count; i++, out += n) {
        int side = i <= 0 ? 0 : 1;
        bool wall = (i <= 0 || i >= last) && walk->wall[axis][side];
        if (wall && dual && i != 0 && i != last)
            memset(out, 0, n * sizeof *out);
        else if (wall && walk->sticky[axis])
            release(n, at_centers(walk, axis, i), release_scale(walk, axis, side), line_at(walk, axis, i),
                    out);
        else
            memcpy(out, line_at(walk, axis, i), n * sizeof *out);
    }
    for (ptrdiff_t j = 0; j < 2 * halo; j++)
        walk->space->above[axis].rho[j] = walk->space->padded + (size_t)j * n;
}

/* Lines with what is beyond their walls, for faces along them. */
static void pad_along(const hf_walk *walk, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last], m = walk->potential->affine;
    size_t halo = (size_t)transport->flux->halo, next = row_step(walk);
    bool sticky = walk->sticky[last];
    const double *rho = walk->rho + walk->start, *v = sticky ? velocities_at(walk, last, 0) : NULL;
    const double *center = transport->center + HF_HALO_MAX;
    hf_walk at = *walk;
    double *line = walk->space->line + HF_HALO_MAX;
    for (size_t l = 0; l < lines; l++, rho += n, line += n + 2 * HF_HALO_MAX) {
        memcpy(line, rho, n * sizeof *line);
        for (size_t g = 0; g < halo; g++) {
            line[-1 - (ptrdiff_t)g] = transport->flux->dual ? 0 : rho[g];
            line[n + g] = transport->flux->dual ? 0 : rho[n - 1 - g];
        }
        if (!sticky)
            continue;
        double base = partly(&at, v), slope = v[m];
        line[0] = released(rho[0], base + slope * center[0], release_scale(walk, last, 0));
        line[n - 1] = released(rho[n - 1], base + slope * center[n - 1], release_scale(walk, last, 1));
        v += next;
        step(&at);
    }
}

void hf_walk_lines_across(const hf_walk *walk, size_t axis, size_t lines) {
    const hf_transport *transport = walk->transport;
    bool runs = axis + 2 == transport->dim;
    hf_walk_across(walk, axis, (ptrdiff_t)walk->index[axis], &walk->space->above[axis]);
    walk->space->above[axis].advance = transport->cells[transport->dim - 1];
    set_across(walk, axis, lines);
    if (transport->flux->dual)
        weigh_across(walk, axis, lines);
    if (transport->flux->dual && !runs)
        hold_across(walk, axis, lines);
    if (runs)
        pad_across(walk, lines);
}

void hf_walk_lines_along(const hf_walk *walk, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t n = transport->cells[transport->dim - 1];
    hf_faces *inner = &walk->space->inner;
    const double *rho = walk->rho + walk->start;
    velocity u = along(walk), centers = {0};
    u.x++;
    if (transport->flux->dual) {
        centers = at_line(walk);
        centers.x++;
    }
    inner->advance = n;
    if (transport->flux->halo > 1) {
        pad_along(walk, lines);
        rho = walk->space->line + HF_HALO_MAX;
        inner->advance = n + 2 * HF_HALO_MAX;
    }
    set_line(walk, rho + 1, u, centers, inner);
    set_along(walk, lines);
    if (transport->flux->dual)
        weigh_along(walk, lines);
}
