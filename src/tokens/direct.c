/* The kernel as a dense table, on the circle and the sphere, for strong interactions. Transforms err by
 * rounding of the largest m, and far from a cluster m is e^{-2|D|} of that: its logarithm, which moves
 * softmax tokens, would be noise. The sums here have positive terms for positive masses, and so a relative
 * error of rounding. On rings the mean over azimuths is taken by Bessel functions. O(cells^2); for |D| up to
 * HF_TOKENS_STRONG transforms are as good and cheaper. docs/tokens.md, section 3. */
#include "tokens/tokens.h"

#include <gsl/gsl_sf_bessel.h>
#include <math.h>
#include <stdlib.h>

typedef struct direct {
    size_t cells, axes;
    double *table[3]; /* e^{x . D y - |D|} and its derivatives along the axes: shape (cells, cells) each */
} direct;

/* Of a place and a mass. out: shape (axes + 1), as the tables. */
static void of_point(size_t dim, size_t axes, const double *interaction, double norm,
                     const hf_tokens_place *here, const hf_tokens_place *mass, double *out) {
    out[0] = exp(hf_tokens_exponent(dim, interaction, norm, here->x, mass->x));
    for (size_t a = 0; a < axes; a++)
        out[1 + a] = out[0] * hf_tokens_exponent(dim, interaction, 0, here->along[a], mass->x);
}

/* Of a ring of mass: e^{z_3 cos} I_0(r sin), z = D^T x, r = |(z_1, z_2)|. */
static void of_ring(const double *d, double norm, const hf_tokens_place *here, const hf_tokens_place *mass,
                    double *out) {
    double z[3], step[3], s = mass->x[0], c = mass->x[2];
    for (size_t j = 0; j < 3; j++) {
        z[j] = here->x[0] * d[j] + here->x[1] * d[3 + j] + here->x[2] * d[6 + j];
        step[j] = here->along[0][0] * d[j] + here->along[0][1] * d[3 + j] + here->along[0][2] * d[6 + j];
    }
    double r = hypot(z[0], z[1]), slope = r > 0 ? (z[0] * step[0] + z[1] * step[1]) / r : 0;
    double scale = exp(z[2] * c + r * s - norm);
    out[0] = scale * gsl_sf_bessel_I0_scaled(r * s);
    out[1] = step[2] * c * out[0] + slope * s * scale * gsl_sf_bessel_I1_scaled(r * s);
}

static void fill_tables(const hf_grid *grid, size_t dim, const double *interaction, double norm, direct *d) {
    bool rings = dim == 3 && d->axes == 1;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < d->cells; i++) {
        hf_tokens_place here = hf_tokens_place_at(grid, dim, i);
        for (size_t k = 0; k < d->cells; k++) {
            hf_tokens_place mass = hf_tokens_place_at(grid, dim, k);
            double out[3];
            if (rings)
                of_ring(interaction, norm, &here, &mass, out);
            else
                of_point(dim, d->axes, interaction, norm, &here, &mass, out);
            for (size_t a = 0; a <= d->axes; a++)
                d->table[a][i * d->cells + k] = out[a];
        }
    }
}

static void destroy(void **self) {
    direct *d = *self;
    if (d == NULL)
        return;
    for (size_t a = 0; a < 3; a++)
        hf_array_destroy(&d->table[a]);
    free(d);
    *self = NULL;
}

static hf_status create(hf_error *error, const hf_grid *grid, const double *interaction, double norm,
                        void **self) {
    *self = NULL;
    direct *d;
    HF_TRY(hf_allocate(error, 1, sizeof *d, &d));
    *self = d;
    d->cells = hf_grid_cells(grid);
    d->axes = hf_grid_dim(grid);
    hf_status status = HF_OK;
    for (size_t a = 0; a <= d->axes && status == HF_OK; a++)
        status = hf_array_create(error, d->cells * d->cells, &d->table[a]);
    if (status == HF_OK)
        fill_tables(grid, hf_grid_axis(grid, 0)->periodic ? 2 : 3, interaction, norm, d);
    else
        destroy(self);
    return status;
}

static void apply(void *self, const double *mass, double *m, double *gradient) {
    direct *d = self;
    hf_tokens_multiply(d->cells, d->cells, d->table[0], mass, m);
    for (size_t a = 0; a < d->axes && gradient != NULL; a++)
        hf_tokens_multiply(d->cells, d->cells, d->table[1 + a], mass, gradient + a * d->cells);
}

const hf_tokens_kernel hf_tokens_direct = {create, destroy, apply};
