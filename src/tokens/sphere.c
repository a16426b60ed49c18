/* The kernel on the sphere by spherical harmonics, docs/tokens.md (T9):
 *
 *   exp(x . D y) = 4 pi sum_lm i_l(r) Y_lm(z/r) Y_lm(y),   z = D^T x, r = |z|,
 *
 * with real harmonics, as two tables: of the places of the masses and of those where m is asked for, with its
 * derivatives along the axes by the chain rule. A grid of the colatitude alone stands for rings, which have
 * only the harmonics with m = 0. O(cells L^2), or O(cells L) on rings. */
#include "tokens/tokens.h"

#include <gsl/gsl_sf_bessel.h>
#include <gsl/gsl_sf_legendre.h>
#include <math.h>
#include <stdlib.h>

typedef struct sphere {
    size_t cells, axes, modes;
    size_t degree, order; /* l <= degree, m <= order */
    double *source;       /* Y(y): shape (modes, cells) */
    double
        *target[3]; /* 4 pi i_l(r) Y(z/r) e^{-|D|} and its derivatives along the axes: shape (cells, modes) */
    double *moment; /* of the masses: shape (modes) */
} sphere;

/* e^{-r} i_l(r), 0 where it would underflow. */
static double bessel(size_t l, double r) {
    static const double least = -600; /* of the logarithm of r^l */
    return l > 0 && (double)l * log(r) < least ? 0 : gsl_sf_bessel_il_scaled((int)l, r);
}

/* z in polar coordinates, off the places where they are not defined, by less than rounding shows. */
typedef struct polar {
    double r, ring, cosine, sine, azimuth;
} polar;

static polar polar_of(double norm, double z[3]) {
    static const double off = 1e-12;
    double r = sqrt(z[0] * z[0] + z[1] * z[1] + z[2] * z[2]);
    if (hypot(z[0], z[1]) < off * fmax(r, norm))
        z[0] += off * fmax(r, norm);
    double ring = hypot(z[0], z[1]);
    r = hypot(ring, z[2]);
    return (polar){r, ring, z[2] / r, ring / r, atan2(z[1], z[0])};
}

/* Calls for each real harmonic, in the order of the modes: `at` is that of P_lm, `turn` the part of the
 * azimuth and `turned` its derivative. */
typedef void visit_mode(void *self, size_t mode, size_t l, size_t at, double turn, double turned);

static void each_mode(const sphere *s, double azimuth, visit_mode *visit, void *self) {
    size_t mode = 0;
    for (size_t l = 0; l <= s->degree; l++) {
        visit(self, mode++, l, gsl_sf_legendre_array_index(l, 0), 1, 0);
        for (size_t m = 1; m <= (l < s->order ? l : s->order); m++) {
            double k = (double)m, c = M_SQRT2 * cos(k * azimuth), t = M_SQRT2 * sin(k * azimuth);
            size_t at = gsl_sf_legendre_array_index(l, m);
            visit(self, mode++, l, at, c, -k * t);
            visit(self, mode++, l, at, t, k * c);
        }
    }
}

typedef struct filling {
    sphere *s;
    const double *legendre, *slope; /* P_lm(cos Theta) and its derivative in Theta */
    size_t cell;
    double norm;
    polar at;
    const double *step[2]; /* dz along the axes */
    const double *z;
} filling;

static void fill_source(void *self, size_t mode, size_t l, size_t at, double turn, double turned) {
    (void)l, (void)turned;
    filling *f = self;
    f->s->source[mode * f->s->cells + f->cell] = f->legendre[at] * turn;
}

static void fill_target(void *self, size_t mode, size_t l, size_t at, double turn, double turned) {
    filling *f = self;
    sphere *s = f->s;
    const polar *p = &f->at;
    const double *z = f->z;
    double scale = 4 * M_PI * exp(p->r - f->norm), radial = scale * bessel(l, p->r);
    double slope =
        l == 0 ? scale * bessel(1, p->r) : scale * bessel(l - 1, p->r) - (double)(l + 1) / p->r * radial;
    size_t entry = f->cell * s->modes + mode;
    s->target[0][entry] = radial * f->legendre[at] * turn;
    for (size_t a = 0; a < s->axes; a++) {
        const double *d = f->step[a];
        double ring = (z[0] * d[0] + z[1] * d[1]) / p->ring;
        double dr = p->sine * ring + p->cosine * d[2],
               polar_angle = (p->cosine * ring - p->sine * d[2]) / p->r;
        double azimuth = (z[0] * d[1] - z[1] * d[0]) / (p->ring * p->ring);
        s->target[1 + a][entry] =
            slope * f->legendre[at] * turn * dr +
            radial * (f->slope[at] * turn * polar_angle + f->legendre[at] * turned * azimuth);
    }
}

/* D^T x. */
static void transpose_times(const double *interaction, const double x[3], double z[3]) {
    for (size_t j = 0; j < 3; j++)
        z[j] = x[0] * interaction[j] + x[1] * interaction[3 + j] + x[2] * interaction[6 + j];
}

static void fill_tables(const hf_grid *grid, const double *interaction, double norm, double *legendre,
                        double *slope, sphere *s) {
    filling f = {.s = s, .legendre = legendre, .slope = slope, .norm = norm};
    for (f.cell = 0; f.cell < s->cells; f.cell++) {
        hf_tokens_place here = hf_tokens_place_at(grid, 3, f.cell);
        double z[3], step[2][3];
        gsl_sf_legendre_deriv_alt_array(GSL_SF_LEGENDRE_SPHARM, s->degree, here.x[2], legendre, slope);
        each_mode(s, atan2(here.x[1], here.x[0]), fill_source, &f);
        transpose_times(interaction, here.x, z);
        for (size_t a = 0; a < s->axes; a++) {
            transpose_times(interaction, here.along[a], step[a]);
            f.step[a] = step[a];
        }
        f.at = polar_of(norm, z);
        f.z = z;
        gsl_sf_legendre_deriv_alt_array(GSL_SF_LEGENDRE_SPHARM, s->degree, f.at.cosine, legendre, slope);
        each_mode(s, f.at.azimuth, fill_target, &f);
    }
}

static void destroy(void **self) {
    sphere *s = *self;
    if (s == NULL)
        return;
    hf_array_destroy(&s->source);
    for (size_t i = 0; i < 3; i++)
        hf_array_destroy(&s->target[i]);
    hf_array_destroy(&s->moment);
    free(s);
    *self = NULL;
}

static hf_status fill(hf_error *error, const hf_grid *grid, const double *interaction, double norm,
                      sphere *s) {
    double *legendre;
    s->cells = hf_grid_cells(grid);
    s->axes = hf_grid_dim(grid);
    while (bessel(s->degree + 1, norm) > HF_TOKENS_CUTOFF)
        s->degree++;
    s->order = s->axes == 1 ? 0 : s->degree;
    s->modes = s->axes == 1 ? s->degree + 1 : (s->degree + 1) * (s->degree + 1);
    HF_TRY(hf_array_create(error, s->modes * s->cells, &s->source));
    for (size_t i = 0; i <= s->axes; i++)
        HF_TRY(hf_array_create(error, s->modes * s->cells, &s->target[i]));
    HF_TRY(hf_array_create(error, s->modes, &s->moment));
    size_t room = gsl_sf_legendre_array_n(s->degree);
    HF_TRY(hf_array_create(error, 2 * room, &legendre));
    fill_tables(grid, interaction, norm, legendre, legendre + room, s);
    hf_array_destroy(&legendre);
    return HF_OK;
}

static hf_status create(hf_error *error, const hf_grid *grid, const double *interaction, double norm,
                        void **self) {
    *self = NULL;
    sphere *s;
    HF_TRY(hf_allocate(error, 1, sizeof *s, &s));
    *self = s;
    hf_status status = fill(error, grid, interaction, norm, s);
    if (status != HF_OK)
        destroy(self);
    return status;
}

void hf_tokens_multiply(size_t rows, size_t columns, const double *table, const double *vector, double *out) {
    enum { SMALL = 1 << 18 };
#pragma omp parallel for schedule(static) if (rows * columns > SMALL)
    for (size_t i = 0; i < rows; i++) {
        const double *row = table + i * columns;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < columns; j++)
            sum += row[j] * vector[j];
        out[i] = sum;
    }
}

static void apply(void *self, const double *mass, double *m, double *gradient) {
    sphere *s = self;
    hf_tokens_multiply(s->modes, s->cells, s->source, mass, s->moment);
    hf_tokens_multiply(s->cells, s->modes, s->target[0], s->moment, m);
    for (size_t a = 0; a < s->axes && gradient != NULL; a++)
        hf_tokens_multiply(s->cells, s->modes, s->target[1 + a], s->moment, gradient + a * s->cells);
}

const hf_tokens_kernel hf_tokens_sphere = {create, destroy, apply};
