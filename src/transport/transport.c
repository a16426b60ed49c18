/* From a potential to d rho/dt: sweeps over the axes, each face computed once. docs/numerics.md (6)-(7),
 * (12).
 *
 * A flux function always sees faces side by side in memory. Along the last axis these are the faces of one
 * line, from a copy of the line padded with ghosts; along the others they are the faces between two planes, a
 * block of contiguous cells at a time, and the neighbours are pointers into the density itself. Walls have no
 * flux; beyond them the density is mirrored (which leaves the cell at the wall without a slope), or zero for
 * a dual flux, to which walls are sticky. docs/numerics.md (28). */
#include <headflow/transport.h>

#include "base/simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

/* A wall holds all of what the velocity presses on it from this share of the greatest speed on. A sharper
 * switch holds more on lines that are slow beside the fastest, and costs order where tails pass along a wall
 * (`qkv`). */
static const double sticky_speed = 0.02;

struct hf_transport {
    const hf_grid *grid;
    const hf_flux *flux;
    const hf_limiter *limiter;
    double temperature;
    double *line;   /* a line with ghosts: longest axis + 2 HF_HALO_MAX */
    double *psi;    /* potential along a line with one ghost a side, or of three blocks */
    double *fluxes; /* fluxes of a line, or of three blocks */
    double *flow;   /* dual: u rho along a line with ghosts, or in a ring of 2 halo blocks */
    double *held; /* dual: blocks of the density at the two walls, less what they hold, and of zeros beyond */
};

hf_status hf_transport_create(hf_error *error, const hf_grid *grid, const hf_flux *flux,
                              const hf_limiter *limiter, double temperature, hf_transport **out) {
    *out = NULL;
    if (!(temperature >= 0) || !isfinite(temperature))
        return hf_raise(error, HF_ERR_INPUT, "temperature %g; expected a finite number >= 0", temperature);
    if (temperature > 0 ? !flux->warm : !flux->cold)
        return hf_raise(error, HF_ERR_INPUT, "flux %s with temperature %g; expected %s or a duality flux",
                        flux->name, temperature, temperature > 0 ? "scharfetter-gummel" : "upwind, muscl");
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (hf_grid_axis(grid, d)->cells < flux->cells_min)
            return hf_raise(error, HF_ERR_INPUT, "axis %s: %zu cells; flux %s expects at least %zu",
                            hf_grid_axis(grid, d)->name, hf_grid_axis(grid, d)->cells, flux->name,
                            flux->cells_min);
    hf_transport *transport;
    HF_TRY(hf_allocate(error, 1, sizeof *transport, &transport));
    transport->grid = grid;
    transport->flux = flux;
    transport->limiter = limiter != NULL ? limiter : hf_limiter_find("vanleer");
    transport->temperature = temperature;
    size_t longest = BLOCK;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (hf_grid_axis(grid, d)->cells > longest)
            longest = hf_grid_axis(grid, d)->cells;
    hf_status status = hf_array_create(error, longest + 2 * HF_HALO_MAX, &transport->line);
    if (status == HF_OK)
        status = hf_array_create(error, 3 * longest, &transport->psi);
    if (status == HF_OK)
        status = hf_array_create(error, 3 * longest, &transport->fluxes);
    if (status == HF_OK && flux->dual)
        status = hf_array_create(error, 2 * HF_HALO_MAX * longest, &transport->flow);
    if (status == HF_OK && flux->dual)
        status = hf_array_create(error, 3 * BLOCK, &transport->held);
    if (status != HF_OK) {
        hf_transport_destroy(&transport);
        return status;
    }
    *out = transport;
    return HF_OK;
}

void hf_transport_destroy(hf_transport **transport) {
    if (transport == NULL || *transport == NULL)
        return;
    hf_array_destroy(&(*transport)->line);
    hf_array_destroy(&(*transport)->psi);
    hf_array_destroy(&(*transport)->fluxes);
    hf_array_destroy(&(*transport)->flow);
    hf_array_destroy(&(*transport)->held);
    free(*transport);
    *transport = NULL;
}

/* The cell that stands for cell i beyond an end of an axis of n cells: wrapped or mirrored (which takes no
 * more than n ghosts at a wall). */
static size_t neighbour(ptrdiff_t i, size_t n, bool periodic) {
    ptrdiff_t count = (ptrdiff_t)n;
    if (periodic)
        return (size_t)((i % count + count) % count);
    return (size_t)(i < 0 ? -1 - i : i >= count ? 2 * count - 1 - i : i);
}

/* Sum over faces of F (Psi_L - Psi_R). */
HF_CLONES static double work_done(const hf_faces *faces, const double *restrict flux) {
    const double *restrict left = faces->psi_left, *restrict right = faces->psi_right;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t f = 0; f < faces->count; f++)
        sum += flux[f] * (left[f] - right[f]);
    return sum;
}

/* Sum over faces of F (u - tau d log rho/h), times h; faces next to an empty cell have no entropy term. */
static double face_dissipation(const hf_faces *faces, const hf_flux *flux_type, const double *flux) {
    const double *left = faces->rho[flux_type->halo - 1], *right = faces->rho[flux_type->halo];
    double sum = work_done(faces, flux);
    if (faces->temperature > 0)
        for (size_t f = 0; f < faces->count; f++)
            if (left[f] > 0 && right[f] > 0)
                sum += flux[f] * faces->temperature * log(left[f] / right[f]);
    return sum;
}

/* What enters and leaves a row of cells. */
HF_CLONES static void update(size_t count, const double *restrict in, const double *restrict out,
                             double scale, double *restrict rate) {
    for (size_t i = 0; i < count; i++)
        rate[i] += (in[i] - out[i]) * scale;
}

/* Fluxes and their contribution to the dissipation, for faces whose stencils are set up. */
static void evaluate(const hf_transport *transport, const hf_faces *faces, double *flux,
                     double *dissipation) {
    transport->flux->evaluate(faces, flux);
    if (dissipation != NULL)
        *dissipation += face_dissipation(faces, transport->flux, flux) / faces->spacing;
}

/* Leave of the density of cells before a wall, and of u rho there, what the wall does not hold: all where the
 * velocity points away from the wall, less and less as it presses on it. What diffuses is not held.
 * side: -1 at the lower end of the axis, 1 at the upper one. */
static void release(const hf_faces *faces, double side, size_t count, double *rho, double *flow) {
    for (size_t i = 0; i < count && faces->temperature == 0 && faces->speed > 0; i++) {
        double share = rho[i] != 0 ? 1 - side * flow[i] / rho[i] / (sticky_speed * faces->speed) : 1;
        share = share > 1 ? 1 : share > 0 ? share : 0;
        rho[i] *= share;
        flow[i] *= share;
    }
}

/* A line with `halo` ghosts a side from the n values that are in place behind the first ghosts. */
static void set_ghosts(double *line, size_t n, size_t halo, bool periodic, bool dual) {
    for (size_t g = 0; g < halo; g++) {
        bool empty = dual && !periodic;
        line[g] = empty ? 0 : line[halo + neighbour((ptrdiff_t)g - (ptrdiff_t)halo, n, periodic)];
        line[halo + n + g] = empty ? 0 : line[halo + neighbour((ptrdiff_t)(n + g), n, periodic)];
    }
}

/* The last axis: line by line. */
static void sweep_lines(hf_transport *transport, const hf_potential *potential, hf_faces *faces,
                        const double *rho, double *rate, double *dissipation) {
    const hf_grid *grid = transport->grid;
    size_t last = hf_grid_dim(grid) - 1;
    const hf_axis *axis = hf_grid_axis(grid, last);
    size_t n = axis->cells, halo = (size_t)transport->flux->halo, first = axis->periodic ? 0 : 1;
    bool dual = transport->flux->dual;
    double *line = transport->line, *psi = transport->psi, *flux = transport->fluxes, *flow = transport->flow;
    double scale = 1 / faces->spacing;
    faces->count = n - first;
    for (size_t k = 0; k < 2 * halo; k++) {
        faces->rho[k] = line + first + k;
        faces->flow[k] = dual ? flow + first + k : NULL;
    }
    faces->psi_left = psi + first;
    faces->psi_right = psi + first + 1;
    for (size_t start = 0; start < hf_grid_cells(grid); start += n) {
        memcpy(line + halo, rho + start, n * sizeof *line);
        set_ghosts(line, n, halo, axis->periodic, dual);
        if (dual) {
            potential->flow(potential->self, last, start, n, rho + start, flow + halo);
            if (!axis->periodic) {
                release(faces, -1, 1, line + halo, flow + halo);
                release(faces, 1, 1, line + halo + n - 1, flow + halo + n - 1);
            }
            set_ghosts(flow, n, halo, axis->periodic, dual);
        }
        potential->fill(potential->self, start, n, psi + 1);
        psi[0] = psi[n]; /* read on periodic axes only */
        flux[0] = flux[n] = 0;
        evaluate(transport, faces, flux + first, dissipation);
        if (axis->periodic)
            flux[n] = flux[0];
        update(n, flux, flux + 1, scale, rate + start);
    }
}

/* The stencils of the faces behind plane f, whose first cell is `base` cells into the grid. u rho of a plane
 * is computed once and kept in a ring until the stencil has passed it: all 2 halo planes are new at the first
 * face, one at each of the others. */
static void set_stencils(const hf_transport *transport, size_t d, const hf_potential *potential, size_t f,
                         size_t first_face, size_t base, const double *rho, hf_faces *faces) {
    const hf_axis *axis = hf_grid_axis(transport->grid, d);
    size_t n = axis->cells, inner = hf_grid_stride(transport->grid, d),
           width = 2 * (size_t)transport->flux->halo;
    for (size_t k = 0; k < width; k++) {
        ptrdiff_t plane = (ptrdiff_t)(f + k) - (ptrdiff_t)(width / 2);
        size_t cell = base + neighbour(plane, n, axis->periodic) * inner;
        faces->rho[k] = rho + cell;
        if (!transport->flux->dual)
            continue;
        if (!axis->periodic && (plane < 0 || plane >= (ptrdiff_t)n)) {
            faces->rho[k] = faces->flow[k] = transport->held + 2 * BLOCK;
            continue;
        }
        bool fresh = f == first_face || k + 1 == width;
        bool wall = !axis->periodic && (plane == 0 || plane + 1 == (ptrdiff_t)n);
        double *slot = transport->flow + (f + k) % width * BLOCK;
        double *held = transport->held + (plane == 0 ? 0 : BLOCK);
        if (fresh)
            potential->flow(potential->self, d, cell, faces->count, rho + cell, slot);
        if (fresh && wall) {
            memcpy(held, rho + cell, faces->count * sizeof *held);
            release(faces, plane == 0 ? -1 : 1, faces->count, held, slot);
        }
        if (wall)
            faces->rho[k] = held;
        faces->flow[k] = slot;
    }
}

/* Any other axis: block by block of contiguous cells, plane after plane along the axis. */
static void sweep_planes(hf_transport *transport, size_t d, const hf_potential *potential, hf_faces *faces,
                         const double *rho, double *rate, double *dissipation) {
    const hf_grid *grid = transport->grid;
    const hf_axis *axis = hf_grid_axis(grid, d);
    size_t n = axis->cells, inner = hf_grid_stride(grid, d), first_face = axis->periodic ? 0 : 1;
    double scale = 1 / faces->spacing;
    for (size_t outer = 0; outer < hf_grid_cells(grid); outer += n * inner)
        for (size_t block = 0; block < inner; block += BLOCK) {
            size_t count = inner - block < BLOCK ? inner - block : BLOCK, base = outer + block;
            double *behind = transport->psi, *ahead = behind + BLOCK;
            double *flux_in = transport->fluxes, *flux_out = flux_in + BLOCK, *wrapped = flux_out + BLOCK;
            faces->count = count;
            potential->fill(potential->self, base + neighbour(-1, n, axis->periodic) * inner, count, behind);
            for (size_t f = 0; f <= n; f++) {
                if (f < n)
                    potential->fill(potential->self, base + f * inner, count, ahead);
                if (!axis->periodic && (f == 0 || f == n))
                    memset(flux_out, 0, count * sizeof *flux_out);
                else if (f == n)
                    memcpy(flux_out, wrapped, count * sizeof *flux_out);
                else {
                    set_stencils(transport, d, potential, f, first_face, base, rho, faces);
                    faces->psi_left = behind;
                    faces->psi_right = ahead;
                    evaluate(transport, faces, flux_out, dissipation);
                }
                if (f == 0)
                    memcpy(wrapped, flux_out, count * sizeof *wrapped);
                else
                    update(count, flux_in, flux_out, scale, rate + base + (f - 1) * inner);
                double *swap = flux_in;
                flux_in = flux_out;
                flux_out = swap;
                swap = behind;
                behind = ahead;
                ahead = swap;
            }
        }
}

void hf_transport_apply(hf_transport *transport, const hf_potential *potential, const double *rho,
                        double *rate, double *dissipation) {
    const hf_grid *grid = transport->grid;
    memset(rate, 0, hf_grid_cells(grid) * sizeof *rate);
    if (dissipation != NULL)
        *dissipation = 0;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        hf_faces faces = {.spacing = hf_grid_spacing(grid, d),
                          .temperature = transport->temperature,
                          .limiter = transport->limiter,
                          .speed = transport->flux->dual ? potential->speed(potential->self, d) : 0};
        if (d + 1 == hf_grid_dim(grid))
            sweep_lines(transport, potential, &faces, rho, rate, dissipation);
        else
            sweep_planes(transport, d, potential, &faces, rho, rate, dissipation);
    }
    if (dissipation != NULL)
        *dissipation *= hf_grid_volume(grid);
}
