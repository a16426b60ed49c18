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
        out->scale[d] = 1 / h;
        out->periodic[d] = hf_grid_axis(transport->grid, d)->periodic && layer(out, d, 0) == NULL;
        for (int side = 0; side < 2; side++)
            out->wall[d][side] = layer(out, d, side) == NULL && !out->periodic[d];
        out->sticky[d] = transport->flux->dual && tau == 0 && potential->speed[d] > 0;
        hf_faces *faces = d + 1 < dim ? &space->above[d] : &space->inner;
        faces->u = space->velocities[d];
        faces->weights = space->weights[d];
        faces->area = h * h;
        faces->diffusion = out->diffusion[d];
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

/* u/h across the faces between cells i and i + 1 along an outer axis, from the potential on their rows. */
static inline velocity between(const hf_walk *walk, size_t axis, ptrdiff_t i, const double *below,
                               const double *above) {
    const hf_transport *transport = walk->transport;
    const hf_potential *psi = walk->potential;
    size_t m = psi->affine;
    double scale = walk->scale[axis] * walk->scale[axis];
    velocity u = {0, 0, transport->center + HF_HALO_MAX};
    if (psi->ridge[axis] != 0)
        u.base = -psi->ridge[axis] *
                 (hf_grid_center(transport->grid, axis, (size_t)(i + 1)) - 0.5 * transport->spacing[axis]) *
                 walk->scale[axis];
    if (axis >= walk->row_axes) {
        u.base -= below[1 + axis - walk->row_axes] * walk->scale[axis];
        return u;
    }
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
    u.base += partly(walk, g) * scale;
    u.slope = g[m] * scale;
    return u;
}

/* The potential on the row of the cell that has index i along an axis. */
static const double *potential_at(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    return walk->potential->coefficients + row_at(walk, axis, i) * (1 + walk->potential->affine);
}

static velocity across(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    return between(walk, axis, i, potential_at(walk, axis, i), potential_at(walk, axis, i + 1));
}

/* u/h across the faces of the line at `index`, from the one below its first cell on. */
static velocity along(const hf_walk *walk) {
    const hf_transport *transport = walk->transport;
    const hf_potential *psi = walk->potential;
    size_t last = transport->dim - 1, n = transport->cells[last], m = psi->affine;
    double scale = walk->scale[last], ridge = psi->ridge[last];
    if (m > 0)
        return (velocity){-psi->coefficients[walk->row * (1 + m) + m] * scale, -ridge * scale,
                          transport->face};
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
    double base = partly(walk, v);
    if (axis >= walk->row_axes && axis < last) {
        size_t j = axis - walk->row_axes;
        base += (hf_grid_center(walk->transport->grid, axis, (size_t)i) - walk->v[j]) * v[1 + j];
    }
    return (velocity){base, v[m], walk->transport->center + HF_HALO_MAX};
}

static velocity at_centers(const hf_walk *walk, size_t axis, ptrdiff_t i) {
    return from_row(walk, axis, i, velocities_at(walk, axis, i));
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
            release(transport->cells[transport->dim - 1], u, walk->potential->speed[axis], side,
                    faces->rho[j], held);
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
    centers.x++;
    set_line(walk, line + 1, u, centers, &walk->space->inner);
    for (int side = 0; side < 2 && walk->sticky[last]; side++)
        if (walk->wall[last][side]) {
            ptrdiff_t end = side == 0 ? 0 : (ptrdiff_t)n - 1;
            velocity here = {centers.base, centers.slope, centers.x - 1 + end};
            release(1, here, walk->potential->speed[last], side, line + end, line + end);
        }
}

/* ---- several lines --------------------------------------------------------------------------------------
 */

/* Whether the upper faces along an axis have a stencil with no end of a thread or a wall to care for. */
static bool is_plain(const hf_walk *walk, size_t axis, size_t first) {
    const hf_transport *transport = walk->transport;
    size_t i = walk->index[axis], n = transport->cells[axis], halo = (size_t)transport->flux->halo;
    size_t near = transport->flux->dual ? halo : 0;
    if (i == (axis == 0 ? first : 0))
        return false;
    return (!walk->wall[axis][0] || i >= near) && (!walk->wall[axis][1] || i + 1 + near < n);
}

size_t hf_walk_lines(const hf_walk *walk, size_t first, size_t most) {
    const hf_transport *transport = walk->transport;
    if (transport->dim == 1 || walk->potential->affine == 0)
        return 1;
    for (size_t d = 0; d + 1 < transport->dim; d++)
        if (!is_plain(walk, d, first))
            return 1;
    size_t run = transport->dim - 2, halo = (size_t)transport->flux->halo;
    size_t i = walk->index[run], end = transport->cells[run] - halo - (transport->flux->dual ? 1 : 0);
    if (i < halo || i >= end)
        return 1;
    return end - i < most ? end - i : most;
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
    ptrdiff_t i = (ptrdiff_t)walk->index[axis];
    const double *below = potential_at(walk, axis, i), *above = potential_at(walk, axis, i + 1);
    size_t next = row_step(walk);
    hf_walk at = *walk;
    for (size_t line = 0; line < lines; line++) {
        velocity u = between(&at, axis, (ptrdiff_t)at.index[axis], below, above);
        walk->space->velocities[axis][line] = (hf_velocity){u.base, u.slope};
        below += next;
        above += next;
        step(&at);
    }
}

/* Those along the lines. */
static void set_along(const hf_walk *walk, size_t lines) {
    hf_walk at = *walk;
    for (size_t line = 0; line < lines; line++) {
        velocity u = along(&at);
        walk->space->velocities[walk->transport->dim - 1][line] = (hf_velocity){u.base, u.slope};
        step(&at);
    }
}

/* The weights of a dual flux across the upper faces of lines along an outer axis. */
static void weigh_across(const hf_walk *walk, size_t axis, size_t lines) {
    size_t halo = (size_t)walk->transport->flux->halo, next = row_step(walk);
    ptrdiff_t first = (ptrdiff_t)(walk->index[axis] + 1 - halo);
    const double *v[HF_STENCIL_MAX];
    for (size_t j = 0; j < 2 * halo; j++)
        v[j] = velocities_at(walk, axis, first + (ptrdiff_t)j);
    hf_walk at = *walk;
    for (size_t line = 0; line < lines; line++) {
        ptrdiff_t cell = (ptrdiff_t)(at.index[axis] + 1 - halo);
        for (size_t j = 0; j < 2 * halo; j++, cell++)
            weigh(walk, axis, j, from_row(&at, axis, cell, v[j] + line * next),
                  &walk->space->weights[axis][line]);
        step(&at);
    }
    walk->space->above[axis].form = find_form(walk, lines, &walk->space->above[axis]);
}

static void weigh_along(const hf_walk *walk, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1;
    hf_walk at = *walk;
    for (size_t line = 0; line < lines; line++) {
        velocity centers = at_line(&at);
        for (size_t j = 0; j < 2 * (size_t)transport->flux->halo; j++)
            weigh(walk, last, j, shifted(walk, j, centers), &walk->space->weights[last][line]);
        step(&at);
    }
    walk->space->inner.form = find_form(walk, lines, &walk->space->inner);
}

void hf_walk_lines_across(const hf_walk *walk, size_t lines) {
    const hf_transport *transport = walk->transport;
    bool dual = transport->flux->dual;
    for (size_t d = 0; d + 1 < transport->dim; d++) {
        hf_walk_across(walk, d, (ptrdiff_t)walk->index[d], &walk->space->above[d]);
        set_across(walk, d, lines);
        if (dual)
            weigh_across(walk, d, lines);
    }
    velocity u = along(walk), centers = {0};
    if (dual)
        centers = at_line(walk);
    u.x++;
    centers.x++;
    set_line(walk, walk->rho + walk->start + 1, u, centers, &walk->space->inner);
    set_along(walk, lines);
    if (dual)
        weigh_along(walk, lines);
}

/* The cells of the stencils of the faces next to an end of a line, of halo faces for a dual flux, since its
 * walls change a cell, and one less for others. Shape (3 halo). side: 0 below, 1 above */
static void end_cells(const hf_walk *walk, int side, size_t faces, double *cells) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last], halo = (size_t)transport->flux->halo;
    size_t beyond = halo - 1, inside = faces + halo, at = side == 0 ? beyond : 0;
    const double *wall = walk->rho + walk->start + (side == 0 ? 0 : n - 1);
    memcpy(cells + at, side == 0 ? wall : wall + 1 - inside, inside * sizeof *cells);
    for (size_t j = 0; j < beyond; j++) {
        double mirrored = side == 0 ? wall[j] : *(wall - j);
        cells[side == 0 ? beyond - 1 - j : inside + j] = transport->flux->dual ? 0 : mirrored;
    }
    if (!walk->sticky[last])
        return;
    velocity u = at_line(walk);
    u.x += side == 0 ? 0 : n - 1;
    double *held = cells + (side == 0 ? beyond : inside - 1);
    release(1, u, walk->potential->speed[last], side, held, held);
}

/* The fluxes next to an end of the line at hand, one of several. */
static void end_line(const hf_walk *walk, size_t line, int side) {
    const hf_transport *transport = walk->transport;
    size_t n = transport->cells[transport->dim - 1], halo = (size_t)transport->flux->halo;
    size_t count = transport->flux->dual ? halo : halo - 1, first = side == 0 ? 0 : n - 1 - count;
    double cells[3 * HF_HALO_MAX];
    end_cells(walk, side, count, cells);
    hf_faces faces = hf_faces_at(&walk->space->inner, line, n);
    for (size_t j = 0; j < 2 * halo; j++) {
        faces.rho[j] = cells + j;
        faces.at[j] = transport->flux->dual ? faces.at[j] + first : NULL;
    }
    faces.x += first;
    faces.flux += first;
    transport->kernels->along(1, count, &faces);
}

void hf_walk_ends(const hf_walk *walk, size_t lines) {
    const hf_transport *transport = walk->transport;
    size_t n = transport->cells[transport->dim - 1];
    hf_walk at = *walk;
    for (size_t line = 0; line < lines; line++) {
        for (int side = 0; side < 2 && transport->flux->halo > 1; side++)
            end_line(&at, line, side);
        walk->space->inner.flux[line * n + n - 1] = 0;
        step(&at);
    }
}
