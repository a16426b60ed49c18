/* Transport: rates against a twin written cell by cell, the laws of the semi-discrete scheme, orders of
 * accuracy, and the limits of the Scharfetter-Gummel flux. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The fluxes with their limiters: every scheme there is. */
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

static void fill(const void *self, size_t first, size_t count, double *psi) {
    memcpy(psi, (const double *)self + first, count * sizeof *psi);
}

/* The rate of a density in a potential given on all cells. */
static double apply(const hf_grid *grid, const scheme *s, const double *psi, const double *rho,
                    double *rate) {
    hf_transport *transport;
    hf_error error = {0};
    double dissipation, *other = make_array(hf_grid_cells(grid));
    cr_assert_eq(hf_transport_create(&error, grid, hf_flux_find(s->flux),
                                     s->limiter != NULL ? hf_limiter_find(s->limiter) : NULL, s->temperature,
                                     &transport),
                 HF_OK, "%s", error.message);
    hf_transport_apply(transport, &(hf_potential){.self = psi, .fill = fill}, rho, rate, &dissipation);
    hf_transport_apply(transport, &(hf_potential){.self = psi, .fill = fill}, rho, other, NULL);
    cr_expect_arr_eq(rate, other, hf_grid_cells(grid) * sizeof *rate,
                     "the rate with and without dissipation");
    hf_array_destroy(&other);
    hf_transport_destroy(&transport);
    cr_expect_null(transport);
    return dissipation;
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

/* The flux through one face with potentials +-x tau/2 on its sides. */
static double gummel_flux(double x, double tau, double h, double left, double right) {
    double psi_left = x * tau / 2, psi_right = -psi_left, flux;
    hf_faces faces = {.count = 1,
                      .rho = {&left, &right},
                      .psi_left = &psi_left,
                      .psi_right = &psi_right,
                      .spacing = h,
                      .temperature = tau};
    hf_flux_find("scharfetter-gummel")->evaluate(&faces, &flux);
    return flux;
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
