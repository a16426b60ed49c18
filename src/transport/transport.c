/* From a potential to d rho/dt: sweeps over the axes, each face computed once. docs/numerics.md (6)-(7),
 * (12).
 *
 * A flux function always sees faces side by side in memory. Along the last axis these are the faces of one
 * line, from a copy of the line padded with ghosts; along the others they are the faces between two planes, a
 * block of contiguous cells at a time, and the neighbours are pointers into the density itself. Walls have no
 * flux; beyond them the density is mirrored (which leaves the cell at the wall without a slope). */
#include <headflow/transport.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512 };

struct hf_transport {
    const hf_grid *grid;
    const hf_flux *flux;
    const hf_limiter *limiter;
    double temperature;
    double *line;   /* a line with ghosts: longest axis + 2 HF_HALO_MAX */
    double *psi;    /* potential along a line with one ghost a side, or of three blocks */
    double *fluxes; /* fluxes of a line, or of three blocks */
};

hf_status hf_transport_create(hf_error *error, const hf_grid *grid, const hf_flux *flux,
                              const hf_limiter *limiter, double temperature, hf_transport **out) {
    *out = NULL;
    if (!(temperature >= 0) || !isfinite(temperature))
        return hf_raise(error, HF_ERR_INPUT, "temperature %g; expected a finite number >= 0", temperature);
    if ((temperature > 0) != flux->diffusive)
        return hf_raise(error, HF_ERR_INPUT, "flux %s with temperature %g; expected %s", flux->name,
                        temperature,
                        temperature > 0 ? "scharfetter-gummel, which has the diffusion"
                                        : "temperature > 0 for it, or upwind or muscl");
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (hf_grid_axis(grid, d)->cells < (size_t)flux->halo)
            return hf_raise(error, HF_ERR_INPUT, "axis %s: %zu cells; flux %s expects at least %d",
                            hf_grid_axis(grid, d)->name, hf_grid_axis(grid, d)->cells, flux->name,
                            flux->halo);
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
    free(*transport);
    *transport = NULL;
}

/* The cell that stands for cell i beyond an end of an axis of n cells: wrapped or mirrored. */
static size_t neighbour(ptrdiff_t i, size_t n, bool periodic) {
    ptrdiff_t count = (ptrdiff_t)n;
    if (periodic)
        return (size_t)((i % count + count) % count);
    return (size_t)(i < 0 ? -1 - i : i >= count ? 2 * count - 1 - i : i);
}

/* Sum over faces of F (u - tau d log rho/h), times h; faces next to an empty cell have no entropy term. */
static double face_dissipation(const hf_faces *faces, const hf_flux *flux_type, const double *flux) {
    const double *left = faces->rho[flux_type->halo - 1], *right = faces->rho[flux_type->halo];
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t f = 0; f < faces->count; f++)
        sum += flux[f] * (faces->psi_left[f] - faces->psi_right[f]);
    if (faces->temperature > 0)
        for (size_t f = 0; f < faces->count; f++)
            if (left[f] > 0 && right[f] > 0)
                sum += flux[f] * faces->temperature * log(left[f] / right[f]);
    return sum;
}

/* Fluxes and their contribution to the dissipation, for faces whose stencils are set up. */
static void evaluate(const hf_transport *transport, const hf_faces *faces, double *flux,
                     double *dissipation) {
    transport->flux->evaluate(faces, flux);
    if (dissipation != NULL)
        *dissipation += face_dissipation(faces, transport->flux, flux) / faces->spacing;
}

/* The last axis: line by line. */
static void sweep_lines(hf_transport *transport, const hf_potential *potential, hf_faces *faces,
                        const double *rho, double *rate, double *dissipation) {
    const hf_grid *grid = transport->grid;
    const hf_axis *axis = hf_grid_axis(grid, hf_grid_dim(grid) - 1);
    size_t n = axis->cells, halo = (size_t)transport->flux->halo, first = axis->periodic ? 0 : 1;
    double *line = transport->line, *psi = transport->psi, *flux = transport->fluxes;
    double scale = 1 / faces->spacing;
    faces->count = n - first;
    for (size_t k = 0; k < 2 * halo; k++)
        faces->rho[k] = line + first + k;
    faces->psi_left = psi + first;
    faces->psi_right = psi + first + 1;
    for (size_t start = 0; start < hf_grid_cells(grid); start += n) {
        memcpy(line + halo, rho + start, n * sizeof *line);
        for (size_t g = 0; g < halo; g++) {
            line[g] = rho[start + neighbour((ptrdiff_t)g - (ptrdiff_t)halo, n, axis->periodic)];
            line[halo + n + g] = rho[start + neighbour((ptrdiff_t)(n + g), n, axis->periodic)];
        }
        potential->fill(potential->self, start, n, psi + 1);
        psi[0] = psi[n]; /* read on periodic axes only */
        flux[0] = flux[n] = 0;
        evaluate(transport, faces, flux + first, dissipation);
        if (axis->periodic)
            flux[n] = flux[0];
        for (size_t i = 0; i < n; i++)
            rate[start + i] += (flux[i] - flux[i + 1]) * scale;
    }
}

/* Any other axis: block by block of contiguous cells, plane after plane along the axis. */
static void sweep_planes(hf_transport *transport, size_t d, const hf_potential *potential, hf_faces *faces,
                         const double *rho, double *rate, double *dissipation) {
    const hf_grid *grid = transport->grid;
    const hf_axis *axis = hf_grid_axis(grid, d);
    size_t n = axis->cells, inner = hf_grid_stride(grid, d), halo = (size_t)transport->flux->halo;
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
                    for (size_t k = 0; k < 2 * halo; k++)
                        faces->rho[k] =
                            rho + base +
                            neighbour((ptrdiff_t)(f + k) - (ptrdiff_t)halo, n, axis->periodic) * inner;
                    faces->psi_left = behind;
                    faces->psi_right = ahead;
                    evaluate(transport, faces, flux_out, dissipation);
                }
                if (f == 0)
                    memcpy(wrapped, flux_out, count * sizeof *wrapped);
                else
                    for (size_t i = 0; i < count; i++)
                        rate[base + (f - 1) * inner + i] += (flux_in[i] - flux_out[i]) * scale;
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
                          .limiter = transport->limiter};
        if (d + 1 == hf_grid_dim(grid))
            sweep_lines(transport, potential, &faces, rho, rate, dissipation);
        else
            sweep_planes(transport, d, potential, &faces, rho, rate, dissipation);
    }
    if (dissipation != NULL)
        *dissipation *= hf_grid_volume(grid);
}
