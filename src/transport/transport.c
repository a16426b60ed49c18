/* From a potential to d rho/dt in one pass over the density, docs/numerics.md (6)-(7), (12): line after line
 * of cells of the last axis. The fluxes through the upper faces of a line wait in a buffer for the line
 * above, so that each face is computed once, but for those between the cells of two threads, or on both sides
 * of a seam, which both compute alike. Only stencil.c knows what is beyond an end of an axis. */
#include "transport/walk.h"

#include "base/simd.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Cells of the lines that are at hand together: they stay in the nearest cache, with all that goes with them.
 */
static const size_t tile = 1024;

/* ---- memory ------------------------------------------------------------------------------------------ */

/* Arrays from a thread's memory. Their places in a page all differ by some cache lines, from those of lines
 * of the density as well, which tend to begin with a page: loads seem to depend on stores that are a multiple
 * of 4096 bytes away. With NULL it counts what they need. */
static void carve(double *memory, size_t *used, size_t count, double **out) {
    enum { PAGE = 512, APART = 40 };
    *used += APART;
    *out = memory != NULL ? memory + *used : NULL;
    *used += (count + PAGE - 1) / PAGE * PAGE;
}

static size_t divide_workspace(const hf_transport *transport, double *memory, hf_workspace *space) {
    size_t last = transport->dim - 1, n = transport->cells[last], used = 0;
    size_t cells = transport->lines * n;
    enum { LINE = 8 }; /* of the cache */
    space->memory = memory;
    for (size_t d = 0; d < last; d++)
        carve(memory, &used, transport->stride[d], &space->flux[d]);
    carve(memory, &used, cells + LINE, &space->lined);
    if (memory != NULL)
        space->lined += LINE - 1; /* so that the upper faces are aligned with their cells */
    carve(memory, &used, cells + transport->lines * 2 * HF_HALO_MAX, &space->line);
    carve(memory, &used, cells + 2 * HF_HALO_MAX * n, &space->padded);
    carve(memory, &used, n + 2 * HF_HALO_MAX, &space->velocity);
    carve(memory, &used, cells, &space->rate);
    carve(memory, &used, cells, &space->zero);
    for (size_t d = 0; d <= last; d++) {
        carve(memory, &used, n + 1, &space->difference[d]);
        for (int side = 0; side < 2; side++)
            carve(memory, &used, cells, &space->held[d][side]);
    }
    return used;
}

static hf_status create_workspaces(hf_error *error, hf_transport *transport) {
    transport->threads = (size_t)omp_get_max_threads();
    HF_TRY(hf_allocate(error, transport->threads, sizeof *transport->workspaces, &transport->workspaces));
    for (size_t t = 0; t < transport->threads; t++) {
        hf_workspace *space = &transport->workspaces[t];
        HF_TRY(hf_array_create(error, divide_workspace(transport, NULL, space), &space->memory));
        divide_workspace(transport, space->memory, space);
    }
    return HF_OK;
}

static hf_status create_arrays(hf_error *error, hf_transport *transport) {
    size_t last = transport->dim - 1, n = transport->cells[last];
    HF_TRY(hf_array_create(error, n + 2 * HF_HALO_MAX, &transport->center));
    HF_TRY(hf_array_create(error, n + 1, &transport->face));
    size_t run = last > 0 ? last - 1 : 0;
    HF_TRY(hf_array_create(error, transport->cells[run] + 2 * HF_HALO_MAX, &transport->run_center));
    for (size_t k = 0; k < transport->cells[run]; k++)
        transport->run_center[HF_HALO_MAX + k] = hf_grid_center(transport->grid, run, k);
    for (size_t k = 0; k < n; k++)
        transport->center[HF_HALO_MAX + k] = hf_grid_center(transport->grid, last, k);
    for (size_t k = 0; k <= n; k++)
        transport->face[k] = hf_grid_center(transport->grid, last, k) - 0.5 * transport->spacing[last];
    size_t lines = tile / n;
    transport->lines = lines < 1 ? 1 : lines > HF_LINES_MAX ? HF_LINES_MAX : lines;
    transport->planes = last > 0 ? transport->cells[0] : 1;
    HF_TRY(hf_allocate(error, transport->planes, sizeof *transport->partial, &transport->partial));
    return create_workspaces(error, transport);
}

hf_status hf_transport_create(hf_error *error, const hf_grid *grid, const hf_flux *flux,
                              const hf_limiter *limiter, double temperature, hf_transport **out) {
    *out = NULL;
    if (!(temperature >= 0) || !isfinite(temperature))
        return hf_raise(error, HF_ERR_INPUT, "temperature %g; expected a finite number >= 0", temperature);
    if (temperature > 0 ? !flux->warm : !flux->cold)
        return hf_raise(error, HF_ERR_INPUT, "flux %s with temperature %g; expected %s or a duality flux",
                        flux->name, temperature, temperature > 0 ? "scharfetter-gummel" : "upwind, muscl");
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (hf_grid_whole_cells(grid, d) < flux->cells_min)
            return hf_raise(error, HF_ERR_INPUT, "axis %s: %zu cells; flux %s expects at least %zu",
                            hf_grid_axis(grid, d)->name, hf_grid_whole_cells(grid, d), flux->name,
                            flux->cells_min);
    hf_transport *transport;
    HF_TRY(hf_allocate(error, 1, sizeof *transport, &transport));
    transport->grid = grid;
    transport->flux = flux;
    transport->kernels = flux->kernels;
    if (flux->limited)
        transport->kernels = (limiter != NULL ? limiter : hf_limiter_find("vanleer"))->kernels;
    transport->temperature = temperature;
    transport->dim = hf_grid_dim(grid);
    for (size_t d = 0; d < transport->dim; d++) {
        transport->cells[d] = hf_grid_axis(grid, d)->cells;
        transport->stride[d] = hf_grid_stride(grid, d);
        transport->spacing[d] = hf_grid_spacing(grid, d);
    }
    hf_status status = create_arrays(error, transport);
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
    for (size_t t = 0; t < (*transport)->threads && (*transport)->workspaces != NULL; t++)
        hf_array_destroy(&(*transport)->workspaces[t].memory);
    free((*transport)->workspaces);
    hf_array_destroy(&(*transport)->center);
    hf_array_destroy(&(*transport)->face);
    hf_array_destroy(&(*transport)->run_center);
    free((*transport)->partial);
    free(*transport);
    *transport = NULL;
}

/* ---- lines ------------------------------------------------------------------------------------------- */

/* The entropy's part of the work of faces with their fluxes: -sum F tau d log rho/h, without those next to
 * an empty cell. */
static double entropy_work(const hf_walk *walk, const hf_faces *faces, size_t count) {
    size_t halo = (size_t)walk->transport->flux->halo;
    const double *left = faces->rho[halo - 1], *right = faces->rho[halo];
    double sum = 0;
    for (size_t k = 0; k < count; k++)
        if (left[k] > 0 && right[k] > 0)
            sum += faces->flux[k] * log(left[k] / right[k]);
    return sum * faces->diffusion * faces->area;
}

/* The fluxes between the cells of a line. Returns the number of its upper faces. */
static size_t flow_along(const hf_walk *walk) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last];
    double *lined = walk->space->lined;
    transport->kernels->along(1, n, &walk->space->inner); /* n are faster than n - 1 */
    if (walk->wall[last][1])
        lined[n] = 0;
    if (walk->wall[last][0])
        lined[0] = 0;
    else if (walk->periodic[last])
        lined[0] = lined[n];
    else
        transport->kernels->along(1, 1, &walk->space->below);
    return walk->wall[last][1] ? n - 1 : n;
}

/* Upper faces of a line along the outer axes, and the flux that enters at the lower end of axes that have a
 * wall at the upper one. */
typedef struct outer_faces {
    size_t open, closed;
    const hf_faces *faces[HF_OUTER_MAX];
    const double *entering[HF_OUTER_MAX];
} outer_faces;

/* The fluxes through the lower faces of the first line along an axis. */
static void enter(const hf_walk *walk, size_t axis, double *flux) {
    const hf_transport *transport = walk->transport;
    size_t n = transport->cells[transport->dim - 1];
    if (walk->index[axis] == 0 && walk->wall[axis][0]) {
        memset(flux, 0, n * sizeof *flux);
        return;
    }
    hf_faces *faces = &walk->space->above[axis];
    hf_walk_across(walk, axis, (ptrdiff_t)walk->index[axis] - 1, faces);
    faces->flux = flux;
    transport->kernels->along(1, n, faces);
}

static void find_outer_faces(const hf_walk *walk, outer_faces *out) {
    const hf_transport *transport = walk->transport;
    size_t offset = walk->start;
    out->open = out->closed = 0;
    for (size_t d = 0; d + 1 < transport->dim; d++) {
        offset -= walk->index[d] * transport->stride[d];
        double *flux = walk->space->flux[d] + offset;
        if (walk->index[d] == walk->begin[d])
            enter(walk, d, flux);
        if (walk->index[d] + 1 == transport->cells[d] && walk->wall[d][1]) {
            out->entering[out->closed++] = flux;
            continue;
        }
        hf_walk_across(walk, d, (ptrdiff_t)walk->index[d], &walk->space->above[d]);
        walk->space->above[d].flux = flux;
        out->faces[out->open++] = &walk->space->above[d];
    }
}

/* The rate of lines from the fluxes between their cells and the upper faces along other axes. Each loop has
 * its own part of the work, so that its sum does not depend on how many lines are at hand. */
static void flow_across(const hf_walk *walk, size_t axes, const hf_faces *const faces[], size_t lines,
                        double *rate, hf_work work) {
    const hf_kernels *kernels = walk->transport->kernels;
    size_t n = walk->transport->cells[walk->transport->dim - 1];
    hf_workspace *space = walk->space;
    const hf_faces *varying = NULL, *steady = NULL;
    for (size_t d = 0; d < axes; d++) {
        const hf_faces **kind = faces[d]->steady ? &steady : &varying;
        if (*kind == NULL)
            *kind = faces[d];
    }
    if (walk->transport->flux->dual || !space->inner.steady)
        varying = NULL;
    if (varying == NULL)
        steady = NULL;
    kernels->first(lines, n, &space->inner, varying, steady, rate, work);
    for (size_t d = 0; d < axes; d++) {
        work.lanes += HF_LANES;
        if (faces[d] != varying && faces[d] != steady)
            kernels->more(lines, n, faces[d], rate, work);
    }
}

/* The rate of the line at hand; its work is added. */
static void flow_line(const hf_walk *walk, bool entropy, double *rate, hf_work work) {
    const hf_transport *transport = walk->transport;
    size_t n = transport->cells[transport->dim - 1];
    outer_faces outer;
    hf_walk_along(walk);
    find_outer_faces(walk, &outer);
    size_t count = flow_along(walk);
    flow_across(walk, outer.open, outer.faces, 1, rate, work);
    for (size_t c = 0; c < outer.closed; c++)
        for (size_t k = 0; k < n; k++)
            rate[k] += outer.entering[c][k];
    if (!entropy)
        return;
    work.lanes[0] += entropy_work(walk, &walk->space->inner, count);
    for (size_t o = 0; o < outer.open; o++)
        work.lanes[0] += entropy_work(walk, outer.faces[o], n);
}

/* The fluxes through the lower faces of lines along an axis: the upper ones of those below. */
static void enter_lines(const hf_walk *walk, size_t axis, size_t lines) {
    hf_walk below = *walk;
    below.index[axis]--;
    hf_walk_place(&below);
    hf_walk_lines_across(&below, axis, lines);
    walk->transport->kernels->along(lines, walk->transport->cells[walk->transport->dim - 1],
                                    &walk->space->above[axis]);
}

/* The same of several lines, hf_walk_lines. */
static void flow_lines(hf_walk *walk, size_t lines, double *rate, hf_work work) {
    const hf_transport *transport = walk->transport;
    size_t last = transport->dim - 1, n = transport->cells[last], offset = walk->start;
    hf_workspace *space = walk->space;
    const hf_faces *outer[HF_OUTER_MAX];
    for (size_t d = 0; d < last; d++) {
        offset -= walk->index[d] * transport->stride[d];
        space->above[d].flux = space->flux[d] + offset;
        space->above[d].flux_advance = d + 1 < last ? n : 0;
        outer[d] = &space->above[d];
        if (walk->index[d] == walk->begin[d])
            enter_lines(walk, d, lines);
        hf_walk_lines_across(walk, d, lines);
    }
    hf_walk_lines_along(walk, lines);
    space->inner.flux_advance = n;
    space->lined[0] = 0;
    transport->kernels->along(lines, n, &space->inner);
    for (size_t line = 0; line < lines; line++)
        space->lined[line * n + n] = 0;
    flow_across(walk, last, outer, lines, rate, work);
}

/* Forward in a plane of the first axis. False at its end. */
static bool next_line(hf_walk *walk, size_t lines) {
    for (size_t d = walk->transport->dim - 1; d-- > 1; lines = 1) {
        walk->index[d] += lines;
        if (walk->index[d] < walk->end[d])
            return true;
        walk->index[d] = walk->begin[d];
    }
    return false;
}

/* The rate of a block, plane after plane. */
static void flow_block(hf_walk *walk, double *rate, const hf_sink *sink, bool entropy) {
    hf_transport *transport = walk->transport;
    size_t n = transport->cells[transport->dim - 1], lines;
    bool flat = transport->dim == 2; /* a plane is a line */
    memcpy(walk->index, walk->begin, sizeof walk->index);
    for (size_t *plane = walk->index; *plane < walk->end[0]; *plane += flat ? lines : 1) {
        hf_work work = {transport->partial[*plane], flat ? HF_DIM_MAX * HF_LANES : 0};
        do {
            hf_walk_place(walk);
            lines = entropy ? 1 : hf_walk_lines(walk, transport->lines);
            double *out = sink != NULL ? walk->space->rate : rate + walk->start;
            if (lines == 1)
                flow_line(walk, entropy, out, work);
            else
                flow_lines(walk, lines, out, work);
            for (size_t l = 0; l < lines && sink != NULL; l++)
                sink->take(sink->self, walk->start + l * n, n, out + l * n);
        } while (next_line(walk, lines));
    }
}

void hf_transport_team(hf_transport *transport, const hf_potential *potential, const hf_beyond *beyond,
                       const double *rho, double *rate, const hf_sink *sink, bool dissipation) {
    size_t thread = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
    if (potential->affine == transport->dim || transport->dim == 1) {
        if (thread > 0)
            return;
        threads = 1;
    }
    hf_walk walk;
    hf_walk_create(transport, potential, beyond, rho, &transport->workspaces[thread], &walk);
    walk.begin[0] = transport->planes * thread / threads;
    walk.end[0] = transport->planes * (thread + 1) / threads;
    memset(transport->partial + walk.begin[0], 0, (walk.end[0] - walk.begin[0]) * sizeof *transport->partial);
    bool entropy = dissipation && transport->temperature > 0;
    flow_block(&walk, rate, sink, entropy);
}

double hf_transport_dissipation(const hf_transport *transport) {
    double parts[HF_DIM_MAX * HF_LANES] = {0}, sum = 0;
    for (size_t plane = 0; plane < transport->planes; plane++)
        for (size_t p = 0; p < HF_DIM_MAX * HF_LANES; p++)
            parts[p] += transport->partial[plane][p];
    for (size_t p = 0; p < HF_DIM_MAX * HF_LANES; p++)
        sum += parts[p];
    return sum * hf_grid_volume(transport->grid);
}

/* Fewer cells than this are not worth a parallel region. */
static const size_t worth_threads = 16384;

void hf_transport_apply(hf_transport *transport, const hf_potential *potential, const double *rho,
                        double *rate, double *dissipation) {
#pragma omp parallel num_threads((int)transport->threads) if (hf_grid_cells(transport->grid) >= worth_threads)
    hf_transport_team(transport, potential, NULL, rho, rate, NULL, dissipation != NULL);
    if (dissipation != NULL)
        *dissipation = hf_transport_dissipation(transport);
}
