/* Transport: rates against a twin written cell by cell, the laws of the semi-discrete scheme, orders of
 * accuracy, the limits of the Scharfetter-Gummel flux, and the adjoint schemes of the duality fluxes. */
#include "support.h"

#include "transport/schemes.h"

#include <criterion/criterion.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* The fluxes with their limiters: every scheme there is for densities that are not negative. */
typedef struct scheme {
    const char *flux, *limiter;
    double temperature;
} scheme;

static const scheme schemes[] = {
    {"upwind", NULL, 0},
    {"muscl", "vanleer", 0},
    {"muscl", "minmod", 0},
    {"scharfetter-gummel", NULL, 0.7},
};
enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

/* Walls and periodic axes in every dimension; the last ones are longer than a block of a sweep. */
typedef struct shape {
    size_t dim, cells[HF_DIM_MAX];
    bool periodic[HF_DIM_MAX];
} shape;

static const shape shapes[] = {
    {1, {9}, {false}},
    {1, {9}, {true}},
    {1, {HF_CELLS_MIN}, {true}},
    {2, {5, 6}, {false, false}},
    {2, {5, 6}, {true, false}},
    {2, {5, 6}, {false, true}},
    {3, {4, 5, 3}, {false, true, false}},
    {3, {3, 4, 5}, {true, false, true}},
    {4, {3, 4, 5, 6}, {false, false, false, false}},
    {4, {4, 3, 5, 3}, {true, false, true, true}},
    {2, {4, 700}, {true, false}},
    {3, {3, 24, 30}, {false, true, true}},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static hf_grid *make_grid(const shape *s) {
    static const double lower[] = {-1.5, 0.25, -3, 2.385}, width[] = {2.25, 1.5, 3.5, 1.1};
    hf_axis axes[HF_DIM_MAX] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
    hf_grid *grid;
    for (size_t d = 0; d < s->dim; d++) {
        axes[d].lower = lower[d];
        axes[d].upper = lower[d] + width[d];
        axes[d].cells = s->cells[d];
        axes[d].periodic = s->periodic[d];
    }
    cr_assert_eq(hf_grid_create(NULL, s->dim, axes, &grid), HF_OK);
    return grid;
}

/* What a transport asks for, given on all cells of a grid. */
typedef struct field {
    const double *psi, *u[HF_DIM_MAX]; /* u and speed: for dual fluxes */
    double speed[HF_DIM_MAX];
} field;

/* u of all axes lies in one array, u[0]. */
static hf_potential asked_for(const field *f) {
    hf_potential given = {.coefficients = f->psi, .velocities = f->u[0]};
    memcpy(given.speed, f->speed, sizeof given.speed);
    return given;
}

static hf_transport *make_transport(const hf_grid *grid, const scheme *s) {
    hf_transport *transport;
    hf_error error = {0};
    cr_assert_eq(hf_transport_create(&error, grid, hf_flux_find(s->flux),
                                     s->limiter != NULL ? hf_limiter_find(s->limiter) : NULL, s->temperature,
                                     &transport),
                 HF_OK, "%s", error.message);
    return transport;
}

/* The rate of a density in a field. */
static double apply_field(const hf_grid *grid, const scheme *s, const field *f, const double *rho,
                          double *rate) {
    hf_transport *transport = make_transport(grid, s);
    hf_potential given = asked_for(f);
    double dissipation, *other = make_array(hf_grid_cells(grid));
    hf_transport_apply(transport, &given, rho, rate, &dissipation);
    hf_transport_apply(transport, &given, rho, other, NULL);
    cr_expect_arr_eq(rate, other, hf_grid_cells(grid) * sizeof *rate,
                     "the rate with and without dissipation");
    hf_array_destroy(&other);
    hf_transport_destroy(&transport);
    cr_expect_null(transport);
    return dissipation;
}

/* The same in a potential given on all cells. */
static double apply(const hf_grid *grid, const scheme *s, const double *psi, const double *rho,
                    double *rate) {
    return apply_field(grid, s, &(field){.psi = psi}, rho, rate);
}

/* Calls `check` for every scheme on every grid with a random potential; `empty`: share of empty cells. */
typedef void check_rate(const hf_grid *grid, const scheme *s, const double *psi, const double *rho,
                        const double *rate, double dissipation);

static void for_all(unsigned long seed, double empty, check_rate *check) {
    gsl_rng *random = make_random(seed);
    for (size_t i = 0; i < SHAPES; i++)
        for (size_t k = 0; k < SCHEMES; k++) {
            hf_grid *grid = make_grid(&shapes[i]);
            size_t cells = hf_grid_cells(grid);
            double *psi = make_array(cells), *rho = make_array(cells), *rate = make_array(cells);
            fill_uniform(random, -2.385, 2.385, cells, psi);
            fill_density(random, grid, empty, rho);
            check(grid, &schemes[k], psi, rho, rate, apply(grid, &schemes[k], psi, rho, rate));
            hf_array_destroy(&psi);
            hf_array_destroy(&rho);
            hf_array_destroy(&rate);
            hf_grid_destroy(&grid);
        }
    gsl_rng_free(random);
}

/* ---- the twin: one cell at a time, one face at a time ---------------------------------------------------
 */

/* The cell so many steps away along an axis: through the seam, or mirrored at a wall. */
static size_t step(const hf_grid *grid, size_t cell, size_t axis, int steps) {
    size_t n = hf_grid_axis(grid, axis)->cells, stride = hf_grid_stride(grid, axis);
    size_t here = cell / stride % n, there = here;
    for (int k = 0; k < abs(steps); k++) {
        bool at_end = steps > 0 ? there == n - 1 : there == 0;
        if (at_end && !hf_grid_axis(grid, axis)->periodic) { /* mirrored: walk back the rest */
            size_t rest = (size_t)(abs(steps) - k - 1);
            there = steps > 0 ? n - 1 - rest : rest;
            break;
        }
        there = steps > 0 ? (there + 1) % n : (there + n - 1) % n;
    }
    return cell - here * stride + there * stride;
}

static double twin_slope(const char *limiter, double a, double b) {
    if (a == 0 || b == 0 || (a > 0) != (b > 0))
        return 0;
    if (strcmp(limiter, "vanleer") == 0)
        return 2 / (1 / a + 1 / b);
    return copysign(fmin(fabs(a), fabs(b)), a);
}

/* The density that the face sees of its upwind cell. */
static double twin_face_value(const hf_grid *grid, const scheme *s, const double *rho, size_t cell, size_t d,
                              int downwind) {
    double here = rho[cell];
    if (s->limiter == NULL)
        return here;
    double ahead = rho[step(grid, cell, d, downwind)], behind = rho[step(grid, cell, d, -downwind)];
    return here + twin_slope(s->limiter, here - behind, ahead - here) / 2;
}

/* Flux through the face between a cell and the next one. */
static double twin_flux(const hf_grid *grid, const scheme *s, const double *psi, const double *rho,
                        size_t left, size_t d) {
    size_t right = step(grid, left, d, 1);
    double h = hf_grid_spacing(grid, d), u = -(psi[right] - psi[left]) / h, tau = s->temperature;
    if (tau > 0) {
        double x = u * h / tau;
        return tau / h * (x / (1 - exp(-x)) * rho[left] - x / (exp(x) - 1) * rho[right]);
    }
    return u > 0 ? u * twin_face_value(grid, s, rho, left, d, 1)
                 : u * twin_face_value(grid, s, rho, right, d, -1);
}

static void check_twin(const hf_grid *grid, const scheme *s, const double *psi, const double *rho,
                       const double *rate, double dissipation) {
    size_t cells = hf_grid_cells(grid);
    double *twin = make_array(cells);
    (void)dissipation;
    for (size_t i = 0; i < cells; i++)
        for (size_t d = 0; d < hf_grid_dim(grid); d++) {
            const hf_axis *axis = hf_grid_axis(grid, d);
            size_t index = i / hf_grid_stride(grid, d) % axis->cells;
            double h = hf_grid_spacing(grid, d);
            if (axis->periodic || index > 0)
                twin[i] += twin_flux(grid, s, psi, rho, step(grid, i, d, -1), d) / h;
            if (axis->periodic || index + 1 < axis->cells)
                twin[i] -= twin_flux(grid, s, psi, rho, i, d) / h;
        }
    cr_expect_leq(largest_difference(cells, rate, twin), 1e-13 * largest(cells, twin), "%s %s, %zu axes",
                  s->flux, s->limiter, hf_grid_dim(grid));
    hf_array_destroy(&twin);
}

Test(rate, equals_the_twin) {
    for_all(50, 0.2, check_twin);
}

/* ---- laws ---------------------------------------------------------------------------------------------- */

/* sum |C| rate = 0, and sum |C| (Psi + tau (log rho + 1)) rate = -D_h <= 0. */
static void check_laws(const hf_grid *grid, const scheme *s, const double *psi, const double *rho,
                       const double *rate, double dissipation) {
    double mass = 0, change = 0, magnitude = 0;
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double variation = psi[i] + (s->temperature > 0 ? s->temperature * (log(rho[i]) + 1) : 0);
        mass += rate[i];
        magnitude += fabs(rate[i]);
        change += hf_grid_volume(grid) * variation * rate[i];
    }
    cr_expect_leq(fabs(mass), 1e-14 * magnitude);
    cr_expect_geq(dissipation, 0);
    cr_expect_leq(fabs(change + dissipation), 1e-12 * dissipation, "%s %s: %g, %g", s->flux, s->limiter,
                  change, dissipation);
}

Test(rate, keeps_mass_and_dissipates_the_energy) {
    for_all(51, 0, check_laws);
}

static void check_laws_without_entropy(const hf_grid *grid, const scheme *s, const double *psi,
                                       const double *rho, const double *rate, double dissipation) {
    if (s->temperature == 0)
        check_laws(grid, s, psi, rho, rate, dissipation);
}

Test(rate, keeps_mass_and_dissipates_the_energy_with_empty_cells) {
    for_all(52, 0.5, check_laws_without_entropy);
}

/* An Euler step of at most 1/(2 sum_d 2 max|u|/h), or with diffusion 1/(sum_d 2 (tau/h^2 + max|u|/h)), takes
 * no more from a cell than is in it: face values are at most twice the cell's, B(-|x|) <= 1 + |x|. */
static void check_positivity(const hf_grid *grid, const scheme *s, const double *psi, const double *rho,
                             const double *rate, double dissipation) {
    double outflow = 0;
    (void)dissipation;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        double h = hf_grid_spacing(grid, d), u = 0;
        for (size_t i = 0; i < hf_grid_cells(grid); i++)
            u = fmax(u, fabs(psi[step(grid, i, d, 1)] - psi[i]) / h);
        outflow += s->temperature > 0 ? 2 * (s->temperature / h + u) / h : 4 * u / h;
    }
    for (size_t i = 0; i < hf_grid_cells(grid); i++)
        cr_expect_geq(rho[i] + rate[i] / outflow, -1e-15 * rho[i]);
}

Test(rate, keeps_a_density_non_negative) {
    for_all(53, 0.3, check_positivity);
}

/* What time integration has pushed below zero sends nothing: it can only rise. */
Test(rate, a_negative_cell_falls_no_further) {
    gsl_rng *random = make_random(54);
    for (size_t i = 0; i < SHAPES; i++)
        for (size_t k = 0; k < SCHEMES; k++) {
            hf_grid *grid = make_grid(&shapes[i]);
            size_t cells = hf_grid_cells(grid);
            double *psi = make_array(cells), *rho = make_array(cells), *rate = make_array(cells);
            fill_uniform(random, -2.385, 2.385, cells, psi);
            fill_uniform(random, -1e-3, 1e-3, cells, rho);
            double dissipation = apply(grid, &schemes[k], psi, rho, rate);
            for (size_t c = 0; c < cells && schemes[k].temperature == 0; c++)
                cr_expect(rho[c] > 0 || rate[c] >= 0, "%s %s", schemes[k].flux, schemes[k].limiter);
            cr_expect(dissipation >= 0 || schemes[k].temperature > 0);
            hf_array_destroy(&psi);
            hf_array_destroy(&rho);
            hf_array_destroy(&rate);
            hf_grid_destroy(&grid);
        }
    gsl_rng_free(random);
}

Test(rate, a_flat_potential_moves_nothing) {
    for (size_t i = 0; i < SHAPES; i++) {
        hf_grid *grid = make_grid(&shapes[i]);
        size_t cells = hf_grid_cells(grid);
        double *psi = make_array(cells), *rho = make_array(cells), *rate = make_array(cells);
        for (size_t c = 0; c < cells; c++)
            psi[c] = rho[c] = 2.385;
        for (size_t k = 0; k < SCHEMES; k++) {
            cr_expect_eq(apply(grid, &schemes[k], psi, rho, rate), 0);
            cr_expect_eq(largest(cells, rate), 0);
        }
        hf_array_destroy(&psi);
        hf_array_destroy(&rho);
        hf_array_destroy(&rate);
        hf_grid_destroy(&grid);
    }
}

/* ---- limiters ------------------------------------------------------------------------------------------ */

/* Symmetric, homogeneous, exact on equal slopes, zero at extrema, and at most twice the smaller slope: what
 * second order and positivity rest on. */
Test(limiter, has_the_properties_of_a_limiter) {
    gsl_rng *random = make_random(56);
    size_t count;
    const hf_limiter *limiters = hf_limiters(&count);
    cr_assert_eq(count, 2);
    for (size_t l = 0; l < count; l++) {
        double (*slope)(double, double) = limiters[l].slope;
        cr_expect_eq(hf_limiter_find(limiters[l].name), &limiters[l]);
        for (int k = 0; k < 200; k++) {
            double a = uniform(random, -2.385, 2.385), b = uniform(random, -2.385, 2.385);
            double s = slope(a, b);
            cr_expect_eq(s, slope(b, a));
            cr_expect_float_eq(slope(-3 * a, -3 * b), -3 * s, 1e-14);
            cr_expect_float_eq(slope(a, a), a, 1e-15);
            cr_expect(a * b < 0 ? s == 0 : s * a > 0 && fabs(s) <= 2 * fmin(fabs(a), fabs(b)));
        }
        cr_expect_eq(slope(0, 2.385), 0);
        cr_expect_eq(slope(0, 0), 0);
    }
    gsl_rng_free(random);
}

/* ---- order of accuracy --------------------------------------------------------------------------------- */

/* A smooth density and potential on the torus, with velocities of both signs along both axes; the rate is
 * div(rho grad psi) + tau Laplace rho. */
static double density(double x, double y) {
    return 2.385 + cos(x + 2 * y + 0.3) + 0.5 * sin(x - 0.8);
}

static double potential(double x, double y) {
    return cos(x - 0.7) + 0.6 * sin(2 * x + y);
}

static double exact_rate(double x, double y, double tau) {
    double wave = x + 2 * y + 0.3, rho = density(x, y);
    double rho_x = -sin(wave) + 0.5 * cos(x - 0.8), rho_y = -2 * sin(wave);
    double rho_laplace = -5 * cos(wave) - 0.5 * sin(x - 0.8);
    double psi_x = -sin(x - 0.7) + 1.2 * cos(2 * x + y), psi_y = 0.6 * cos(2 * x + y);
    double psi_laplace = -cos(x - 0.7) - 3 * sin(2 * x + y);
    return rho_x * psi_x + rho_y * psi_y + rho * psi_laplace + tau * rho_laplace;
}

/* Exact mean over a cell: Gauss-Legendre with 5 points an axis, error h^10. */
static double cell_mean(double x, double y, double h, double (*f)(double x, double y, double tau),
                        double tau) {
    static const double node[] = {0, 0.538469310105683091, 0.906179845938663993};
    static const double mass[] = {128.0 / 225, 0.478628670499366468, 0.236926885056189088};
    double sum = 0;
    for (int i = -2; i <= 2; i++)
        for (int j = -2; j <= 2; j++)
            sum += mass[abs(i)] * mass[abs(j)] / 4 *
                   f(x + copysign(node[abs(i)], i) * h / 2, y + copysign(node[abs(j)], j) * h / 2, tau);
    return sum;
}

static double density_at(double x, double y, double tau) {
    (void)tau;
    return density(x, y);
}

static double potential_at(double x, double y, double tau) {
    (void)tau;
    return potential(x, y);
}

/* Largest error of the rate against smooth test functions: what the integrals of a solution see. */
static double weak_error(const scheme *s, size_t n) {
    const hf_axis axes[] = {{"x", -M_PI, M_PI, n, true}, {"y", -M_PI, M_PI, n, true}};
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, 2, axes, &grid), HF_OK);
    size_t cells = n * n;
    double *psi = make_array(cells), *rho = make_array(cells), *rate = make_array(cells);
    double h = hf_grid_spacing(grid, 0), error[4] = {0};
    for (size_t i = 0; i < cells; i++) {
        double at[2];
        hf_grid_centers(grid, i, at);
        psi[i] = cell_mean(at[0], at[1], h, potential_at, 0);
        rho[i] = cell_mean(at[0], at[1], h, density_at, 0);
    }
    apply(grid, s, psi, rho, rate);
    for (size_t i = 0; i < cells; i++) {
        double at[2];
        hf_grid_centers(grid, i, at);
        double wrong = (rate[i] - cell_mean(at[0], at[1], h, exact_rate, s->temperature)) * h * h;
        error[0] += wrong * exp(sin(at[0] + 0.4));
        error[1] += wrong * exp(cos(at[1] - 1.1));
        error[2] += wrong * cos(at[0] + at[1] + 0.2);
        error[3] += wrong * sin(2 * at[0] - at[1]);
    }
    hf_array_destroy(&psi);
    hf_array_destroy(&rho);
    hf_array_destroy(&rate);
    hf_grid_destroy(&grid);
    return largest(4, error);
}

Test(rate, has_its_order) {
    for (size_t k = 0; k < SCHEMES; k++) {
        double coarse = weak_error(&schemes[k], 96), fine = weak_error(&schemes[k], 192);
        double order = log2(coarse / fine), expected = hf_flux_find(schemes[k].flux)->order;
        cr_expect_float_eq(order, expected, 0.1, "%s %s: order %.3f, errors %.3g and %.3g", schemes[k].flux,
                           schemes[k].limiter, order, coarse, fine);
    }
}

/* ---- Scharfetter-Gummel -------------------------------------------------------------------------------- */

/* The flux through one face with potentials x tau apart on its sides. */
static double gummel_flux(double x, double tau, double h, double left, double right) {
    static const double zero;
    double flux;
    hf_velocity u = {.base = x * tau / (h * h)};
    hf_faces faces = {.rho = {&left, &right}, .u = &u, .x = &zero, .diffusion = tau / (h * h), .flux = &flux};
    hf_flux_find("scharfetter-gummel")->kernels->along(1, 1, &faces);
    return h * flux;
}

/* exp(-Psi/tau) is at rest in any potential, to the rounding of the fluxes that cancel. */
Test(gummel, keeps_the_gibbs_state) {
    gsl_rng *random = make_random(55);
    const double tau = 0.7;
    const scheme gummel = {"scharfetter-gummel", NULL, tau};
    for (size_t i = 0; i < SHAPES; i++) {
        hf_grid *grid = make_grid(&shapes[i]);
        size_t cells = hf_grid_cells(grid);
        double *psi = make_array(cells), *rho = make_array(cells), *rate = make_array(cells), flow = 0;
        fill_uniform(random, -2.385, 2.385, cells, psi);
        for (size_t c = 0; c < cells; c++)
            rho[c] = exp(-psi[c] / tau);
        for (size_t d = 0; d < hf_grid_dim(grid); d++)
            flow += 8 * tau / pow(hf_grid_spacing(grid, d), 2) * largest(cells, rho);
        double dissipation = apply(grid, &gummel, psi, rho, rate);
        cr_expect_leq(largest(cells, rate), 1e-15 * flow);
        cr_expect_leq(fabs(dissipation), 1e-28 * flow * (double)cells, "%g", dissipation);
        hf_array_destroy(&psi);
        hf_array_destroy(&rho);
        hf_array_destroy(&rate);
        hf_grid_destroy(&grid);
    }
    gsl_rng_free(random);
}

/* Against B(x) = 1 - x/2 + x^2/12 - x^4/720: central differences, then the first correction; on both sides of
 * the change of formula near x = 0. */
Test(gummel, is_central_differences_at_high_temperature) {
    const double tau = 1.25, h = 0.3, left = 2.385, right = 1.5;
    for (double size = 1e-9; size < 0.2; size *= 1.7)
        for (int sign = -1; sign <= 1; sign += 2) {
            double x = sign * size, u = x * tau / h;
            double central = u * (left + right) / 2 - tau * (right - left) / h;
            double expected = central + tau / h * x * x / 12 * (left - right);
            cr_expect_leq(fabs(gummel_flux(x, tau, h, left, right) - expected),
                          tau / h * (pow(x, 4) / 720 + 1e-15) * (left + right), "x = %g", x);
        }
}

/* Where the drift wins it is the upwind flux: B(|x|) < |x| exp(-|x|). */
Test(gummel, is_upwind_at_low_temperature) {
    const double h = 0.3, left = 2.385, right = 1.5;
    for (double x = 50; x <= 1e3; x *= 1.2)
        for (double tau = 1e-6; tau < 10; tau *= 100) {
            double u = x * tau / h;
            cr_expect_float_eq(gummel_flux(x, tau, h, left, right) / (u * left), 1, 1e-15);
            cr_expect_float_eq(gummel_flux(-x, tau, h, left, right) / (-u * right), 1, 1e-15);
        }
}

/* ---- duality fluxes ------------------------------------------------------------------------------------ */

static const scheme duals[] = {
    {"duality5", NULL, 0}, {"duality5", NULL, 0.7}, {"duality7", NULL, 0}, {"duality7", NULL, 0.7}};
enum { DUALS = sizeof duals / sizeof duals[0], DUAL_CELLS_MIN = 9 };

static const shape dual_shapes[] = {
    {1, {DUAL_CELLS_MIN}, {false}},
    {1, {DUAL_CELLS_MIN}, {true}},
    {1, {700}, {false}},
    {1, {700}, {true}},
    {2, {9, 10}, {false, false}},
    {2, {9, 10}, {true, false}},
    {2, {12, 9}, {false, true}},
    {2, {11, 700}, {false, false}},
    {2, {11, 700}, {true, true}},
    {3, {9, 10, 11}, {false, true, false}},
    {3, {10, 9, 12}, {true, false, true}},
    {3, {9, 24, 30}, {true, false, false}},
    {4, {9, 9, 10, 9}, {false, true, false, true}},
};
enum { DUAL_SHAPES = sizeof dual_shapes / sizeof dual_shapes[0] };

/* Calls `check` for every duality flux on every grid with a random potential, and velocities and speeds that
 * have nothing to do with it: no law depends on that. lowest: of the density, which may be negative. */
typedef void check_dual(const hf_grid *grid, const scheme *s, const field *f, const double *rho,
                        const double *rate, double dissipation);

static void for_all_duals(unsigned long seed, double lowest, check_dual *check) {
    gsl_rng *random = make_random(seed);
    for (size_t i = 0; i < DUAL_SHAPES; i++)
        for (size_t k = 0; k < DUALS; k++) {
            hf_grid *grid = make_grid(&dual_shapes[i]);
            size_t cells = hf_grid_cells(grid), dim = hf_grid_dim(grid);
            double *psi = make_array(cells), *u = make_array(dim * cells);
            double *rho = make_array(cells), *rate = make_array(cells);
            field f = {.psi = psi};
            fill_uniform(random, -2.385, 2.385, cells, psi);
            fill_uniform(random, -2.385, 2.385, dim * cells, u);
            fill_uniform(random, 0.5, 3, dim, f.speed);
            for (size_t c = 0; c < dim * cells; c += 7) /* where a wall holds a part of a cell */
                u[c] *= 0.01;
            for (size_t d = 0; d < dim; d++)
                f.u[d] = u + d * cells;
            fill_uniform(random, lowest, 1, cells, rho);
            check(grid, &duals[k], &f, rho, rate, apply_field(grid, &duals[k], &f, rho, rate));
            hf_array_destroy(&psi);
            hf_array_destroy(&u);
            hf_array_destroy(&rho);
            hf_array_destroy(&rate);
            hf_grid_destroy(&grid);
        }
    gsl_rng_free(random);
}

/* rho, or u rho, in the cell so many steps away: through the seam, and nothing beyond a wall. Without
 * diffusion a wall holds the cell before it: from none of it, where the velocity does not press on the wall,
 * to all of it at a fiftieth of the greatest speed. */
static double dual_value(const hf_grid *grid, const scheme *s, const field *f, bool flow, const double *rho,
                         size_t cell, size_t d, int steps) {
    ptrdiff_t n = (ptrdiff_t)hf_grid_axis(grid, d)->cells;
    ptrdiff_t there = (ptrdiff_t)(cell / hf_grid_stride(grid, d)) % n + steps;
    bool wall = !hf_grid_axis(grid, d)->periodic;
    if (wall && (there < 0 || there >= n))
        return 0;
    size_t other = step(grid, cell, d, steps);
    double u = f->u[d][other], value = flow ? u * rho[other] : rho[other];
    if (wall && s->temperature == 0 && there == 0 && u < 0)
        value *= fmax(0, 1 + u / (0.02 * f->speed[d]));
    if (wall && s->temperature == 0 && there == n - 1 && u > 0)
        value *= fmax(0, 1 - u / (0.02 * f->speed[d]));
    return value;
}

/* Flux through the face behind a cell. F = sum_k a_k (f_{R+k} + f_{L-k}) - alpha sum_k b_k (rho_{R+k} -
 * rho_{L-k}), and for the diffusion the same with the sums of all later weights of the central second
 * derivative, since its flux has to telescope to it. */
static double dual_flux(const hf_grid *grid, const scheme *s, const field *f, const double *rho, size_t left,
                        size_t d) {
    static const struct weights {
        int halo;
        double advection[4], over, dissipation[4], under, second[4];
    } order5 = {3, {37, -8, 1}, 60, {10, -5, 1}, 60, {3. / 2, -3. / 20, 1. / 90}},
      order7 = {4, {533, -139, 29, -3}, 840, {35, -21, 7, -1}, 280, {8. / 5, -1. / 5, 8. / 315, -1. / 560}};
    const struct weights *w = strcmp(s->flux, "duality5") == 0 ? &order5 : &order7;
    double h = hf_grid_spacing(grid, d), flux = 0;
    for (int k = 0; k < w->halo; k++) {
        double later = 0;
        for (int m = k; m < w->halo; m++)
            later += w->second[m];
        flux += w->advection[k] / w->over *
                (dual_value(grid, s, f, true, rho, left, d, 1 + k) +
                 dual_value(grid, s, f, true, rho, left, d, -k));
        flux -= (f->speed[d] * w->dissipation[k] / w->under + s->temperature / h * later) *
                (dual_value(grid, s, f, false, rho, left, d, 1 + k) -
                 dual_value(grid, s, f, false, rho, left, d, -k));
    }
    return flux;
}

static void check_dual_twin(const hf_grid *grid, const scheme *s, const field *f, const double *rho,
                            const double *rate, double dissipation) {
    size_t cells = hf_grid_cells(grid);
    double *twin = make_array(cells), sum = 0, size = 0;
    for (size_t i = 0; i < cells; i++)
        for (size_t d = 0; d < hf_grid_dim(grid); d++) {
            const hf_axis *axis = hf_grid_axis(grid, d);
            if (!axis->periodic && i / hf_grid_stride(grid, d) % axis->cells + 1 == axis->cells)
                continue;
            size_t right = step(grid, i, d, 1);
            double h = hf_grid_spacing(grid, d), flux = dual_flux(grid, s, f, rho, i, d);
            double force = (f->psi[i] - f->psi[right]) / h;
            if (s->temperature > 0 && rho[i] > 0 && rho[right] > 0)
                force -= s->temperature * (log(rho[right]) - log(rho[i])) / h;
            twin[i] -= flux / h;
            twin[right] += flux / h;
            sum += hf_grid_volume(grid) * flux * force;
            size += hf_grid_volume(grid) * fabs(flux * force);
        }
    cr_expect_leq(largest_difference(cells, rate, twin), 1e-13 * largest(cells, twin), "%s at %g, %zu axes",
                  s->flux, s->temperature, hf_grid_dim(grid));
    cr_expect_leq(fabs(dissipation - sum), 1e-13 * size, "%s at %g, %zu axes", s->flux, s->temperature,
                  hf_grid_dim(grid));
    hf_array_destroy(&twin);
}

Test(duality, equals_the_twin) {
    for_all_duals(57, -1, check_dual_twin);
}

/* sum |C| rate = 0 and sum |C| (Psi + tau (log rho + 1)) rate = -D_h, here of any sign: the velocity is not
 * that of the potential. */
static void check_dual_laws(const hf_grid *grid, const scheme *s, const field *f, const double *rho,
                            const double *rate, double dissipation) {
    double mass = 0, change = 0, magnitude = 0, size = 0;
    for (size_t i = 0; i < hf_grid_cells(grid); i++) {
        double variation = f->psi[i] + (s->temperature > 0 ? s->temperature * (log(rho[i]) + 1) : 0);
        mass += rate[i];
        magnitude += fabs(rate[i]);
        change += hf_grid_volume(grid) * variation * rate[i];
        size += hf_grid_volume(grid) * fabs(variation * rate[i]);
    }
    cr_expect_leq(fabs(mass), 1e-14 * magnitude);
    cr_expect_leq(fabs(change + dissipation), 1e-13 * size, "%s at %g: %g, %g", s->flux, s->temperature,
                  change, dissipation);
}

Test(duality, keeps_mass_and_balances_the_energy) {
    for_all_duals(58, 0.05, check_dual_laws);
}

static void check_dual_laws_without_entropy(const hf_grid *grid, const scheme *s, const field *f,
                                            const double *rho, const double *rate, double dissipation) {
    if (s->temperature == 0)
        check_dual_laws(grid, s, f, rho, rate, dissipation);
}

Test(duality, keeps_mass_and_balances_the_energy_of_signed_densities) {
    for_all_duals(59, -1, check_dual_laws_without_entropy);
}

static void check_linear(const hf_grid *grid, const scheme *s, const field *f, const double *rho,
                         const double *rate, double dissipation) {
    size_t cells = hf_grid_cells(grid);
    double *other = make_array(cells), *sum = make_array(cells), *other_rate = make_array(cells);
    double *sum_rate = make_array(cells), *expected = make_array(cells);
    (void)dissipation;
    for (size_t i = 0; i < cells; i++)
        other[i] = rho[cells - 1 - i];
    for (size_t i = 0; i < cells; i++)
        sum[i] = 0.385 * rho[i] - 2 * other[i];
    apply_field(grid, s, f, other, other_rate);
    apply_field(grid, s, f, sum, sum_rate);
    for (size_t i = 0; i < cells; i++)
        expected[i] = 0.385 * rate[i] - 2 * other_rate[i];
    cr_expect_leq(largest_difference(cells, sum_rate, expected), 1e-13 * largest(cells, expected));
    hf_array_destroy(&other);
    hf_array_destroy(&sum);
    hf_array_destroy(&other_rate);
    hf_array_destroy(&sum_rate);
    hf_array_destroy(&expected);
}

Test(duality, is_linear) {
    for_all_duals(60, -1, check_linear);
}

/* (A^T phi)_j = sum_i phi_i A_ij with the matrix A of the rate: column by column, from unit densities. The
 * potential is flat, since the rate must not depend on it. */
static void adjoint(const hf_grid *grid, const scheme *s, const field *f, const double *phi, double *out) {
    size_t cells = hf_grid_cells(grid);
    double *rho = make_array(cells), *rate = make_array(cells);
    hf_transport *transport = make_transport(grid, s);
    hf_potential given = asked_for(f);
    for (size_t j = 0; j < cells; j++) {
        rho[j] = 1;
        hf_transport_apply(transport, &given, rho, rate, NULL);
        rho[j] = 0;
        out[j] = 0;
        for (size_t i = 0; i < cells; i++)
            out[j] += phi[i] * rate[i];
    }
    hf_transport_destroy(&transport);
    hf_array_destroy(&rho);
    hf_array_destroy(&rate);
}

/* P(x) = 1 + s + .. + s^degree of a variable of order 1, and its derivatives. */
static double polynomial(double x, int degree, int derivative) {
    double sum = 0, width = 1.5, s = (x + 0.4) / width;
    for (int p = derivative; p <= degree; p++) {
        double term = pow(s, p - derivative) / pow(width, derivative);
        for (int m = 0; m < derivative; m++)
            term *= p - m;
        sum += term;
    }
    return sum;
}

/* Farther from the ends than a stencil, and whatever the velocities, the transpose of duality5 is exactly
 * u phi' + tau phi'' + alpha h^5/60 phi^(6) on polynomials of degree <= 6, that of duality7 is u phi' + tau
 * phi'' - alpha h^7/280 phi^(8) on degree <= 8: along both axes of phi = P(x) P(y). */
Test(duality, is_the_transpose_of_an_upwind_biased_scheme) {
    static const shape plane[] = {{2, {13, 12}, {false, false}}, {2, {12, 13}, {true, true}}};
    gsl_rng *random = make_random(61);
    for (size_t i = 0; i < sizeof plane / sizeof plane[0]; i++)
        for (size_t k = 0; k < DUALS; k++) {
            hf_grid *grid = make_grid(&plane[i]);
            const hf_flux *flux = hf_flux_find(duals[k].flux);
            size_t cells = hf_grid_cells(grid), halo = (size_t)flux->halo, checked = 0;
            int top = flux->order + 1;
            double *psi = make_array(cells), *u = make_array(2 * cells);
            double *phi = make_array(cells), *out = make_array(cells);
            field f = {.psi = psi, .u = {u, u + cells}, .speed = {1.5, 2.385}};
            fill_uniform(random, -2.385, 2.385, 2 * cells, u);
            for (size_t j = 0; j < cells; j++) {
                double at[2];
                hf_grid_centers(grid, j, at);
                phi[j] = polynomial(at[0], top, 0) * polynomial(at[1], top, 0);
            }
            adjoint(grid, &duals[k], &f, phi, out);
            for (size_t j = 0; j < cells; j++) {
                double at[2], expected = 0;
                bool inside = true;
                hf_grid_centers(grid, j, at);
                for (size_t d = 0; d < 2; d++) {
                    size_t n = hf_grid_axis(grid, d)->cells, index = j / hf_grid_stride(grid, d) % n;
                    double h = hf_grid_spacing(grid, d), other = polynomial(at[1 - d], top, 0);
                    double upwind = flux->order == 5 ? pow(h, 5) / 60 : -pow(h, 7) / 280;
                    inside = inside && index >= halo && index + halo < n;
                    expected += other * (f.u[d][j] * polynomial(at[d], top, 1) +
                                         duals[k].temperature * polynomial(at[d], top, 2) +
                                         f.speed[d] * upwind * polynomial(at[d], top, top));
                }
                checked += inside;
                cr_expect(!inside || fabs(out[j] - expected) <= 1e-13 * largest(cells, out),
                          "%s at %g: %g, %g", flux->name, duals[k].temperature, out[j], expected);
            }
            cr_expect_geq(checked, 20);
            hf_array_destroy(&psi);
            hf_array_destroy(&u);
            hf_array_destroy(&phi);
            hf_array_destroy(&out);
            hf_grid_destroy(&grid);
        }
    gsl_rng_free(random);
}

enum { CIRCLE_MAX = 192 };

/* On a circle: a velocity of both signs and the fastest of it. */
static double circle_velocity(double x) {
    return 0.4 - 0.9 * sin(x - 0.8);
}
static const double circle_speed = 1.3;

/* A field on n cells of a circle; the potential is not looked at. u, psi: shape (n). */
static hf_grid *make_circle(size_t n, double (*velocity)(double x), double speed, double *psi, double *u,
                            field *f) {
    const hf_axis axis = {"x", -M_PI, M_PI, n, true};
    hf_grid *grid;
    cr_assert_eq(hf_grid_create(NULL, 1, &axis, &grid), HF_OK);
    for (size_t i = 0; i < n; i++)
        u[i] = velocity(hf_grid_center(grid, 0, i));
    *f = (field){.psi = psi, .u = {u}, .speed = {speed}};
    return grid;
}

/* Largest error of the transpose against u phi' + tau phi'', phi = exp(sin(x - 0.4)), all around. */
static double adjoint_error(const scheme *s, size_t n) {
    double psi[CIRCLE_MAX] = {0}, u[CIRCLE_MAX], phi[CIRCLE_MAX], out[CIRCLE_MAX], exact[CIRCLE_MAX];
    field f;
    hf_grid *grid = make_circle(n, circle_velocity, circle_speed, psi, u, &f);
    for (size_t i = 0; i < n; i++) {
        double wave = hf_grid_center(grid, 0, i) - 0.4;
        phi[i] = exp(sin(wave));
        exact[i] = phi[i] * (u[i] * cos(wave) + s->temperature * (cos(wave) * cos(wave) - sin(wave)));
    }
    adjoint(grid, s, &f, phi, out);
    hf_grid_destroy(&grid);
    return largest_difference(n, out, exact);
}

Test(duality, has_its_order_in_the_adjoint) {
    for (size_t k = 0; k < DUALS; k++) {
        double coarse = adjoint_error(&duals[k], 64), fine = adjoint_error(&duals[k], 128);
        double order = log2(coarse / fine), expected = hf_flux_find(duals[k].flux)->order;
        cr_expect_float_eq(order, expected, 0.2, "%s at %g: order %.3f, errors %.3g and %.3g", duals[k].flux,
                           duals[k].temperature, order, coarse, fine);
    }
}

/* A classical Runge-Kutta step of a density. work: shape (2, n). */
static void advance(hf_transport *transport, const hf_potential *given, size_t n, double dt, double *rho,
                    double *work) {
    static const double ahead[] = {0, 0.5, 0.5, 1}, share[] = {1, 2, 2, 1};
    double sum[CIRCLE_MAX] = {0}, *stage = work, *rate = work + n;
    for (size_t i = 0; i < n; i++)
        rate[i] = 0;
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < n; i++)
            stage[i] = rho[i] + ahead[k] * dt * rate[i];
        hf_transport_apply(transport, given, stage, rate, NULL);
        for (size_t i = 0; i < n; i++)
            sum[i] += share[k] * dt / 6 * rate[i];
    }
    for (size_t i = 0; i < n; i++)
        rho[i] += sum[i];
}

static double circle_flow(double x, double end, double (*velocity)(double x)) {
    enum { STEPS = 1000 };
    for (int i = 0; i < STEPS; i++) {
        double dt = end / STEPS, a = velocity(x), b = velocity(x + dt / 2 * a), c = velocity(x + dt / 2 * b);
        x += dt / 6 * (a + 2 * b + 2 * c + velocity(x + dt * c));
    }
    return x;
}

static double constant_velocity(double x) {
    (void)x;
    return -0.7;
}

/* Points are spread over the cells, carried for a while, and seen through sin(2x + 0.3), the same for the
 * exact points. With diffusion, at constant velocity, a wave of number k decays by exp(-tau k^2 t). */
static double comb_error(const scheme *s, size_t n) {
    enum { POINTS = 5 };
    static const double point[POINTS] = {-3.1, -1.385, 0.2, 1.5, 2.9}, mass[POINTS] = {0.5, 1, 1, 2, 0.75};
    bool warm = s->temperature > 0;
    double (*velocity)(double x) = warm ? constant_velocity : circle_velocity, end = 1;
    double psi[CIRCLE_MAX] = {0}, u[CIRCLE_MAX], rho[CIRCLE_MAX] = {0}, work[2 * CIRCLE_MAX], seen = 0,
           exact = 0;
    size_t steps = 1000;
    field f;
    hf_grid *grid = make_circle(n, velocity, warm ? 0.7 : circle_speed, psi, u, &f);
    for (size_t p = 0; p < POINTS; p++) {
        double weight[HF_SPREAD];
        size_t first = hf_grid_spread(grid, 0, point[p], weight);
        for (size_t k = 0; k < HF_SPREAD; k++)
            rho[(first + k) % n] += mass[p] * weight[k] / hf_grid_volume(grid);
        exact +=
            mass[p] * sin(2 * circle_flow(point[p], end, velocity) + 0.3) * exp(-4 * s->temperature * end);
    }
    hf_transport *transport = make_transport(grid, s);
    hf_potential given = asked_for(&f);
    for (size_t k = 0; k < steps; k++)
        advance(transport, &given, n, end / (double)steps, rho, work);
    for (size_t i = 0; i < n; i++)
        seen += rho[i] * hf_grid_volume(grid) * sin(2 * hf_grid_center(grid, 0, i) + 0.3);
    hf_transport_destroy(&transport);
    hf_grid_destroy(&grid);
    return fabs(seen - exact);
}

/* Five points are as far from smooth as a density can be; their integrals have the order of the flux all the
 * same. The time error, dt^4 of smooth waves, is 1e-13. */
Test(duality, carries_the_integrals_of_points_at_its_order) {
    for (size_t k = 0; k < DUALS; k++) {
        scheme s = duals[k];
        s.temperature *= 0.1;
        double coarse = comb_error(&s, 96), fine = comb_error(&s, 192), order = log2(coarse / fine);
        double expected = hf_flux_find(s.flux)->order == 5 ? 4.8 : 6.5;
        cr_expect_geq(order, expected, "%s at %g: order %.3f, errors %.3g and %.3g", s.flux, s.temperature,
                      order, coarse, fine);
    }
}

/* ---- potentials that are affine in the value coordinates ------------------------------------------------
 */

enum { WIDEST_HALO = HF_HALO_MAX };

/* Every flux, with the temperature that goes with it. */
static const scheme all_schemes[] = {{"upwind", NULL, 0},     {"muscl", "vanleer", 0},
                                     {"muscl", "minmod", 0},  {"scharfetter-gummel", NULL, 0.7},
                                     {"duality5", NULL, 0},   {"duality7", NULL, 0},
                                     {"duality5", NULL, 0.7}, {"duality7", NULL, 0.7}};
enum { ALL_SCHEMES = sizeof all_schemes / sizeof all_schemes[0] };

/* A grid, a potential that is affine in the last coordinates, and a density: cells are 1/8 wide, so that
 * parts of the grid have the same centres to the bit. */
typedef struct setting {
    hf_grid *grid;
    size_t rows, terms;
    double *coefficients, *velocities, *rho;
    hf_potential potential;
} setting;

static hf_grid *make_part(const shape *s, const size_t first[], const size_t cells[]) {
    hf_axis axes[HF_DIM_MAX] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
    hf_grid *grid;
    for (size_t d = 0; d < s->dim; d++) {
        axes[d].lower = -1.5 + 0.25 * (double)d + (double)first[d] / 8;
        axes[d].upper = axes[d].lower + (double)cells[d] / 8;
        axes[d].cells = cells[d];
        axes[d].periodic = s->periodic[d];
    }
    cr_assert_eq(hf_grid_create(NULL, s->dim, axes, &grid), HF_OK);
    return grid;
}

static setting make_setting(gsl_rng *random, const shape *s, size_t affine, double lowest) {
    static const size_t first[HF_DIM_MAX];
    setting g = {.grid = make_part(s, first, s->cells), .rows = 1, .terms = 1 + affine};
    for (size_t d = 0; d < s->dim - affine; d++)
        g.rows *= s->cells[d];
    g.coefficients = make_array(g.rows * g.terms);
    g.velocities = make_array(s->dim * g.rows * g.terms);
    g.rho = make_array(hf_grid_cells(g.grid));
    fill_uniform(random, -2.385, 2.385, g.rows * g.terms, g.coefficients);
    fill_uniform(random, -2.385, 2.385, s->dim * g.rows * g.terms, g.velocities);
    fill_uniform(random, lowest, 1, hf_grid_cells(g.grid), g.rho);
    g.potential =
        (hf_potential){.affine = affine, .coefficients = g.coefficients, .velocities = g.velocities};
    fill_uniform(random, 0.5, 3, s->dim, g.potential.speed);
    for (size_t d = 0; d < s->dim; d++)
        g.potential.ridge[d] = s->periodic[d] ? 0 : 0.385 + 0.1 * (double)d;
    return g;
}

static void clear_setting(setting *g) {
    hf_array_destroy(&g->coefficients);
    hf_array_destroy(&g->velocities);
    hf_array_destroy(&g->rho);
    hf_grid_destroy(&g->grid);
}

/* A function with coefficients on the rows at the centre of every cell. */
static void expand(const setting *g, const double *coefficients, const double ridge[], double *out) {
    size_t dim = hf_grid_dim(g->grid), cells = hf_grid_cells(g->grid), m = g->terms - 1;
    for (size_t i = 0; i < cells; i++) {
        double x[HF_DIM_MAX];
        hf_grid_centers(g->grid, i, x);
        const double *row = coefficients + i / (cells / g->rows) * g->terms;
        out[i] = row[0];
        for (size_t j = 0; j < m; j++)
            out[i] += x[dim - m + j] * row[1 + j];
        for (size_t d = 0; d < dim && ridge != NULL; d++)
            out[i] += 0.5 * ridge[d] * x[d] * x[d];
    }
}

static const shape splits[] = {
    {1, {19}, {false}},
    {2, {9, 10}, {true, false}},
    {2, {10, 9}, {false, false}},
    {3, {9, 11, 17}, {true, false, false}},
    {3, {10, 9, 9}, {false, true, false}},
    {4, {9, 9, 10, 11}, {true, false, false, false}},
};
enum { SPLITS = sizeof splits / sizeof splits[0] };

/* Calls `check` for every flux and every split of the axes whose value axes have walls. */
static void for_all_splits(unsigned long seed,
                           void (*check)(const shape *s, const scheme *flux, const setting *g)) {
    gsl_rng *random = make_random(seed);
    for (size_t i = 0; i < SPLITS; i++)
        for (size_t m = 0; m <= splits[i].dim && (m == 0 || !splits[i].periodic[splits[i].dim - m]); m++)
            for (size_t k = 0; k < ALL_SCHEMES; k++) {
                bool signs = hf_flux_find(all_schemes[k].flux)->dual && all_schemes[k].temperature == 0;
                setting g = make_setting(random, &splits[i], m, signs ? -1 : 0);
                check(&splits[i], &all_schemes[k], &g);
                clear_setting(&g);
            }
    gsl_rng_free(random);
}

/* The same potential as a number a cell. Its differences have lost digits: Psi is at most 12, its differences
 * are that of a slope of 0.1 or more over h = 1/8. */
static void check_expanded(const shape *s, const scheme *flux, const setting *g) {
    size_t cells = hf_grid_cells(g->grid), dim = s->dim;
    double *psi = make_array(cells), *u = make_array(dim * cells), *rate = make_array(cells);
    double *expected = make_array(cells), dissipation, sum;
    field f = {.psi = psi};
    expand(g, g->coefficients, g->potential.ridge, psi);
    for (size_t d = 0; d < dim; d++) {
        f.u[d] = u + d * cells;
        expand(g, g->velocities + d * g->rows * g->terms, NULL, u + d * cells);
        f.speed[d] = g->potential.speed[d];
    }
    hf_transport *transport = make_transport(g->grid, flux);
    hf_transport_apply(transport, &g->potential, g->rho, rate, &dissipation);
    sum = apply_field(g->grid, flux, &f, g->rho, expected);
    cr_expect_leq(largest_difference(cells, rate, expected), 1e-12 * largest(cells, expected),
                  "%s, %zu of %zu axes", flux->flux, g->terms - 1, dim);
    double size = 0;
    for (size_t i = 0; i < cells; i++)
        size += fabs(psi[i] * expected[i]) * hf_grid_volume(g->grid);
    cr_expect_leq(fabs(dissipation - sum), 1e-13 * size, "%s, %zu of %zu axes", flux->flux, g->terms - 1,
                  dim);
    hf_transport_destroy(&transport);
    hf_array_destroy(&psi);
    hf_array_destroy(&u);
    hf_array_destroy(&rate);
    hf_array_destroy(&expected);
}

Test(affine, equals_the_expanded_potential) {
    for_all_splits(62, check_expanded);
}

/* ---- threads, sinks and parts ---------------------------------------------------------------------------
 */

/* Lines as they come; those of a row in order. */
typedef struct collector {
    double *rate;
    size_t row_cells, *next; /* shape (rows): cells of a row that have come */
} collector;

static void collect(void *self, size_t first, size_t count, const double *rate) {
    collector *c = self;
    cr_assert_eq(first % c->row_cells, c->next[first / c->row_cells]);
    c->next[first / c->row_cells] += count;
    memcpy(c->rate + first, rate, count * sizeof *rate);
}

static void check_threads(const shape *s, const scheme *flux, const setting *g) {
    size_t cells = hf_grid_cells(g->grid);
    double *alone = make_array(cells), *rate = make_array(cells), *taken = make_array(cells), dissipation;
    size_t rows = g->terms > 1 ? g->rows : cells / s->cells[s->dim - 1]; /* any potential: lines */
    collector c = {taken, cells / rows, calloc(rows, sizeof *c.next)};
    hf_sink sink = {&c, collect};
    hf_transport *transport;
    omp_set_num_threads(3);
    transport = make_transport(g->grid, flux);
    hf_transport_team(transport, &g->potential, NULL, g->rho, alone, NULL, true);
    dissipation = hf_transport_dissipation(transport);
    for (int threads = 1; threads <= 3; threads++) {
        memset(c.next, 0, rows * sizeof *c.next);
#pragma omp parallel num_threads(threads)
        {
            hf_transport_team(transport, &g->potential, NULL, g->rho, rate, NULL, true);
            hf_transport_team(transport, &g->potential, NULL, g->rho, NULL, &sink, true);
        }
        cr_expect_arr_eq(rate, alone, cells * sizeof *rate, "%s on %d threads", flux->flux, threads);
        cr_expect_arr_eq(taken, alone, cells * sizeof *rate, "%s on %d threads", flux->flux, threads);
        cr_expect_eq(hf_transport_dissipation(transport), dissipation, "%s on %d threads", flux->flux,
                     threads);
        for (size_t r = 0; r < rows; r++)
            cr_expect_eq(c.next[r], c.row_cells);
    }
    hf_transport_destroy(&transport);
    free(c.next);
    hf_array_destroy(&alone);
    hf_array_destroy(&rate);
    hf_array_destroy(&taken);
}

Test(team, gives_the_same_bits_on_any_number_of_threads_and_to_a_sink) {
    for_all_splits(63, check_threads);
}

/* Where a part of a grid lies in the whole: first and number of its cells. */
typedef struct box {
    size_t dim;
    ptrdiff_t first[HF_DIM_MAX];
    size_t cells[HF_DIM_MAX];
} box;

/* A box of an array of shape (cells of the whole, width), beyond its ends through the seam; what is beyond a
 * wall does not matter. */
static double *cut(const shape *s, const box *b, size_t width, const double *whole) {
    size_t count = 1;
    for (size_t d = 0; d < b->dim; d++)
        count *= b->cells[d];
    double *out = make_array(count * width);
    for (size_t i = 0; i < count; i++) {
        size_t from = 0, rest = i, stride = 1;
        for (size_t d = b->dim; d-- > 0;) {
            ptrdiff_t n = (ptrdiff_t)s->cells[d];
            from += (size_t)(((b->first[d] + (ptrdiff_t)(rest % b->cells[d])) % n + n) % n) * stride;
            stride *= s->cells[d];
            rest /= b->cells[d];
        }
        memcpy(out + i * width, whole + from * width, width * sizeof *out);
    }
    return out;
}

/* One part: its rate equals that of the whole to the bit. Returns its dissipation. */
static double check_part(const shape *s, const scheme *flux, const setting *g, const box *part,
                         const double *whole_rate) {
    size_t halo = (size_t)hf_flux_find(flux->flux)->halo, row_axes = s->dim + 1 - g->terms, cells,
           first[HF_DIM_MAX];
    box extended = *part;
    hf_potential potential = g->potential;
    hf_beyond beyond = {0};
    double *layers[HF_DIM_MAX][2] = {{0}}, *velocities[HF_DIM_MAX], dissipation;
    extended.dim = row_axes;
    for (size_t d = 0; d < s->dim; d++) {
        first[d] = (size_t)part->first[d];
        if (part->cells[d] == s->cells[d])
            continue;
        potential.margin[d] = WIDEST_HALO;
        extended.first[d] -= WIDEST_HALO;
        extended.cells[d] += 2 * WIDEST_HALO;
        for (int side = 0; side < 2; side++) {
            box layer = *part;
            bool end = side == 0 ? part->first[d] == 0 : first[d] + part->cells[d] == s->cells[d];
            if (end && !s->periodic[d])
                continue;
            layer.cells[d] = halo;
            layer.first[d] += side == 0 ? -(ptrdiff_t)halo : (ptrdiff_t)part->cells[d];
            layers[d][side] = cut(s, &layer, 1, g->rho);
            beyond.layers[d][side] = layers[d][side];
        }
    }
    hf_grid *grid = make_part(s, first, part->cells);
    cells = hf_grid_cells(grid);
    size_t rows = 1;
    for (size_t d = 0; d < row_axes; d++)
        rows *= extended.cells[d];
    double *rho = cut(s, part, 1, g->rho), *expected = cut(s, part, 1, whole_rate), *rate = make_array(cells);
    double *coefficients = cut(s, &extended, g->terms, g->coefficients);
    double *all = make_array(s->dim * rows * g->terms);
    for (size_t d = 0; d < s->dim; d++) {
        velocities[d] = cut(s, &extended, g->terms, g->velocities + d * g->rows * g->terms);
        memcpy(all + d * rows * g->terms, velocities[d], rows * g->terms * sizeof *all);
        hf_array_destroy(&velocities[d]);
    }
    potential.coefficients = coefficients;
    potential.velocities = all;
    hf_transport *transport = make_transport(grid, flux);
    hf_transport_team(transport, &potential, &beyond, rho, rate, NULL, true);
    dissipation = hf_transport_dissipation(transport);
    cr_expect_arr_eq(rate, expected, cells * sizeof *rate, "%s, %zu of %zu axes affine", flux->flux,
                     g->terms - 1, s->dim);
    hf_transport_destroy(&transport);
    hf_grid_destroy(&grid);
    hf_array_destroy(&rho);
    hf_array_destroy(&rate);
    hf_array_destroy(&expected);
    hf_array_destroy(&coefficients);
    hf_array_destroy(&all);
    for (size_t d = 0; d < s->dim; d++)
        for (int side = 0; side < 2; side++)
            hf_array_destroy(&layers[d][side]);
    return dissipation;
}

/* A grid whose rows are divided in two along the axes that have cells for it. */
static void check_parts(const shape *s, const scheme *flux, const setting *g) {
    size_t row_axes = s->dim + 1 - g->terms, parts = 1, cells = hf_grid_cells(g->grid);
    double *rate = make_array(cells), whole, sum = 0;
    hf_transport *transport = make_transport(g->grid, flux);
    hf_transport_apply(transport, &g->potential, g->rho, rate, &whole);
    hf_transport_destroy(&transport);
    for (size_t d = 0; d < row_axes; d++)
        parts *= s->cells[d] >= 18 ? 2 : 1;
    for (size_t p = 0; p < parts; p++) {
        box part = {.dim = s->dim};
        size_t rest = p;
        for (size_t d = 0; d < s->dim; d++) {
            part.cells[d] = s->cells[d];
            if (d >= row_axes || s->cells[d] < 18)
                continue;
            part.first[d] = rest % 2 == 0 ? 0 : 9;
            part.cells[d] = rest % 2 == 0 ? 9 : s->cells[d] - 9;
            rest /= 2;
        }
        sum += check_part(s, flux, g, &part, rate);
    }
    double size = 0;
    for (size_t i = 0; i < cells; i++)
        size += fabs(rate[i]) * hf_grid_volume(g->grid);
    cr_expect_leq(fabs(sum - whole), 1e-13 * size, "%s: %g of %g", flux->flux, sum, whole);
    hf_array_destroy(&rate);
}

Test(team, gives_the_same_bits_on_the_parts_of_a_grid) {
    static const shape divided[] = {{1, {19}, {true}},
                                    {2, {18, 20}, {false, true}},
                                    {2, {19, 18}, {true, false}},
                                    {3, {18, 20, 9}, {true, false, false}},
                                    {3, {10, 18, 19}, {false, false, false}}};
    gsl_rng *random = make_random(64);
    for (size_t i = 0; i < sizeof divided / sizeof divided[0]; i++)
        for (size_t m = 0; m < divided[i].dim && (m == 0 || !divided[i].periodic[divided[i].dim - m]); m++)
            for (size_t k = 0; k < ALL_SCHEMES; k++) {
                setting g = make_setting(random, &divided[i], m, 0);
                check_parts(&divided[i], &all_schemes[k], &g);
                clear_setting(&g);
            }
    gsl_rng_free(random);
}

/* ---- what is refused ----------------------------------------------------------------------------------- */

Test(schemes, are_found_by_name) {
    size_t count;
    const hf_flux *const *fluxes = hf_fluxes(&count);
    cr_assert_eq(count, 5);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(hf_flux_find(fluxes[i]->name), fluxes[i]);
        cr_expect(fluxes[i]->halo >= 1 && fluxes[i]->halo <= HF_HALO_MAX);
    }
    cr_expect_null(hf_flux_find("godunov"));
    cr_expect_null(hf_limiter_find("superbee"));
}

Test(schemes, refuse_a_temperature_that_they_cannot_have) {
    static const struct {
        const char *flux, *text;
        double temperature;
    } wrong[] = {
        {"upwind", "flux upwind with temperature 0.05; expected scharfetter-gummel", 0.05},
        {"muscl", "flux muscl with temperature 0.05; expected scharfetter-gummel", 0.05},
        {"scharfetter-gummel", "flux scharfetter-gummel with temperature 0; expected upwind, muscl or", 0},
        {"scharfetter-gummel", "temperature -0.05; expected a finite number", -0.05},
        {"scharfetter-gummel", "temperature nan", NAN},
        {"scharfetter-gummel", "temperature inf", INFINITY},
    };
    hf_grid *grid = make_grid(&shapes[0]);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        hf_transport *transport;
        hf_error error = {0};
        cr_expect_eq(hf_transport_create(&error, grid, hf_flux_find(wrong[i].flux), NULL,
                                         wrong[i].temperature, &transport),
                     HF_ERR_INPUT);
        cr_expect_null(transport);
        cr_expect_not_null(strstr(error.message, wrong[i].text), "%s", error.message);
    }
    hf_grid_destroy(&grid);
}

/* Which flux is for tau = 0 and which for tau > 0. */
Test(schemes, are_cold_or_warm_or_both) {
    static const struct {
        const char *flux;
        bool cold, warm;
    } kinds[] = {{"upwind", true, false},
                 {"muscl", true, false},
                 {"duality5", true, true},
                 {"duality7", true, true},
                 {"scharfetter-gummel", false, true}};
    hf_grid *grid = make_grid(&shapes[0]);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int warm = 0; warm < 2; warm++) {
            hf_transport *transport;
            hf_status status = hf_transport_create(NULL, grid, hf_flux_find(kinds[i].flux), NULL,
                                                   warm ? 0.05 : 0, &transport);
            cr_expect_eq(status == HF_OK, warm ? kinds[i].warm : kinds[i].cold, "%s", kinds[i].flux);
            hf_transport_destroy(&transport);
        }
    hf_grid_destroy(&grid);
}

/* A duality flux needs 9 cells on each axis; the others take any grid. */
Test(schemes, refuse_axes_of_too_few_cells) {
    size_t count;
    const hf_flux *const *fluxes = hf_fluxes(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t few = 0; few < 3; few++) {
            size_t least = fluxes[i]->dual ? DUAL_CELLS_MIN : HF_CELLS_MIN;
            shape s = {3, {9, 9, 9}, {false, true, false}};
            hf_grid *grid;
            hf_transport *transport;
            hf_error error = {0};
            double temperature = fluxes[i]->cold ? 0 : 0.05;
            s.cells[few] = least;
            grid = make_grid(&s);
            cr_expect_eq(hf_transport_create(&error, grid, fluxes[i], NULL, temperature, &transport), HF_OK);
            hf_transport_destroy(&transport);
            hf_grid_destroy(&grid);
            cr_expect_eq(fluxes[i]->cells_min, least);
            if (!fluxes[i]->dual)
                continue;
            s.cells[few] = least - 1;
            grid = make_grid(&s);
            cr_expect_eq(hf_transport_create(&error, grid, fluxes[i], NULL, temperature, &transport),
                         HF_ERR_INPUT);
            cr_expect_null(transport);
            cr_expect_not_null(strstr(error.message, ": 8 cells; flux duality"), "%s", error.message);
            hf_grid_destroy(&grid);
        }
}
