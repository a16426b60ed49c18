/* The token flow: kernels against plain sums, rates against closed forms and twins, energies against the
 * theory's table, verdicts, speed. Runs are in test_tokens_runs.c. */
#include "tokens.h"

#include <gsl/gsl_sf_bessel.h>
#include <gsl/gsl_sf_legendre.h>
#include <math.h>
#include <stdlib.h>

/* ---- kernels ---------------------------------------------------------------------------------------- */

/* m and its derivatives by plain sums over the cells of masses. */
static void expect_plain(const hf_tokens *tokens, const double *interaction, const double *mass,
                         const double *m, const double *gradient) {
    const hf_grid *grid = hf_tokens_grid(tokens);
    size_t dim = tokens->input.dim, cells = hf_grid_cells(grid);
    for (size_t i = 0; i < cells; i++) {
        double sum = 0, slope[2] = {0}, angle[2] = {0}, move[2][3];
        const double *x = tokens->place + i * dim;
        hf_grid_centers(grid, i, angle);
        double s = sin(angle[0]), c = cos(angle[0]), sp = sin(angle[1]), cp = cos(angle[1]);
        memcpy(move[0], dim == 2 ? (double[3]){-s, c, 0} : (double[3]){c * cp, c * sp, -s}, sizeof move[0]);
        memcpy(move[1], (double[3]){-s * sp, s * cp, 0}, sizeof move[1]);
        for (size_t k = 0; k < cells; k++) {
            const double *y = tokens->place + k * dim;
            double share = mass[k] * exp(hf_tokens_exponent(dim, interaction, tokens->norm, x, y));
            sum += share;
            for (size_t a = 0; a < hf_grid_dim(grid); a++)
                slope[a] += share * hf_tokens_exponent(dim, interaction, 0, move[a], y);
        }
        cr_expect_float_eq(m[i], sum, 2e-14, "%zu: %g, %g", i, m[i], sum);
        for (size_t a = 0; a < hf_grid_dim(grid); a++)
            cr_expect_float_eq(gradient[a * cells + i], slope[a], 2e-13, "%zu, %zu: %g, %g", i, a,
                               gradient[a * cells + i], slope[a]);
    }
}

static void expect_kernel(gsl_rng *random, const hf_tokens_input *input) {
    hf_tokens *tokens = make(input);
    size_t cells = cells_of(tokens);
    double *mass = make_array(cells), *m = make_array(cells), *gradient = make_array(2 * cells);
    fill_uniform(random, -0.4, 2.385, cells, mass);
    for (size_t i = 0; i < cells; i++)
        mass[i] /= (double)cells;
    tokens->kernel->apply(tokens->forward, mass, m, gradient);
    expect_plain(tokens, input->interaction, mass, m, gradient);
    free(mass);
    free(m);
    free(gradient);
    hf_tokens_destroy(&tokens);
}

Test(tokens, circle_kernel_equals_plain_sums) {
    static const size_t cells[] = {9, 10, 31, 64};
    gsl_rng *random = make_random(81);
    for (size_t k = 0; k < sizeof cells / sizeof *cells; k++)
        for (int draw = 0; draw < 3; draw++) {
            double d[4];
            fill_uniform(random, -3.2, 3.2, 4, d);
            hf_tokens_input input = circle(d[0], d[1], d[2], d[3], cells[k], "duality7");
            expect_kernel(random, &input);
        }
    static const double special[][4] = {
        {0, 0, 0, 0}, {2, 0, 0, 2}, {5, 0, 0, -5}, {0, 2.385, 0, 0}, {-30, 0, 0, 3}};
    for (size_t k = 0; k < sizeof special / sizeof *special; k++) {
        hf_tokens_input input =
            circle(special[k][0], special[k][1], special[k][2], special[k][3], 12, "duality7");
        expect_kernel(random, &input);
    }
    gsl_rng_free(random);
}

Test(tokens, sphere_kernel_equals_plain_sums) {
    gsl_rng *random = make_random(82);
    for (int draw = 0; draw < 4; draw++) {
        double d[9];
        fill_uniform(random, -1.6, 1.6, 9, d);
        if (draw == 1)
            memset(d, 0, 3 * sizeof *d); /* singular */
        if (draw == 2)
            memcpy(d, (double[9]){0, 0, 2, 0, 2, 0, -2, 0, 0},
                   sizeof d); /* turns the axis into the equator */
        hf_tokens_input input = sphere(d, 9, 14, "duality5");
        expect_kernel(random, &input);
    }
    gsl_rng_free(random);
}

/* A ring of masses: the mean over azimuths is e^{z_3 c} I_0(|z_perp| s). */
Test(tokens, ring_kernel_equals_closed_form) {
    double d[9] = {1.3, -0.7, 0, 0.7, 1.3, 0, 0, 0, -2.385}, turn = hypot(1.3, 0.7);
    hf_tokens_input input = sphere(d, 23, 0, "duality7");
    hf_tokens *tokens = make(&input);
    size_t cells = cells_of(tokens);
    double *mass = make_array(cells), *m = make_array(cells), *slope = make_array(cells);
    for (size_t k = 0; k < cells; k += 5) {
        memset(mass, 0, cells * sizeof *mass);
        mass[k] = 1;
        tokens->kernel->apply(tokens->forward, mass, m, slope);
        double ring = hf_grid_center(tokens->grid, 0, k);
        for (size_t i = 0; i < cells; i++) {
            double theta = hf_grid_center(tokens->grid, 0, i), across = turn * sin(theta) * sin(ring);
            double along = exp(-2.385 * cos(theta) * cos(ring) - tokens->norm);
            double expected = along * gsl_sf_bessel_I0(across);
            double derivative = along * (2.385 * sin(theta) * cos(ring) * gsl_sf_bessel_I0(across) +
                                         turn * cos(theta) * sin(ring) * gsl_sf_bessel_I1(across));
            cr_expect_float_eq(m[i], expected, 1e-14);
            cr_expect_float_eq(slope[i], derivative, 1e-13);
        }
    }
    free(mass);
    free(m);
    free(slope);
    hf_tokens_destroy(&tokens);
}

/* Strong interactions: m spans e^{-2|D|}, and is right to rounding of itself, not of its largest. */
static void expect_relative(gsl_rng *random, const hf_tokens_input *input) {
    hf_tokens *tokens = make(input);
    size_t dim = input->dim, cells = cells_of(tokens), turns = dim == 3 && input->axis_count == 1 ? 512 : 1;
    double *mass = make_array(cells), *m = make_array(cells), *slope = make_array(2 * cells);
    fill_uniform(random, 0, 2.385 / (double)cells, cells, mass);
    tokens->kernel->apply(tokens->forward, mass, m, slope);
    for (size_t i = 0; i < cells; i++) {
        double sum = 0, along = 0, size = 0;
        const double *x = tokens->place + i * dim,
                     theta = hf_grid_center(tokens->grid, 0, i / (cells / input->cells[0]));
        double flat = hypot(x[0], x[1]), move[3] = {-x[1], x[0], 0};
        if (dim == 3)
            memcpy(move, (double[]){cos(theta) * x[0] / flat, cos(theta) * x[1] / flat, -sin(theta)},
                   sizeof move);
        for (size_t k = 0; k < cells * turns; k++) {
            const double *y = tokens->place + k / turns * dim;
            double turn = 2 * M_PI * (double)(k % turns) / (double)turns, c = cos(turn), s = sin(turn);
            double turned[3] = {c * y[0] - s * y[1], s * y[0] + c * y[1], dim == 3 ? y[2] : 0};
            double share = mass[k / turns] / (double)turns *
                           exp(hf_tokens_exponent(dim, input->interaction, tokens->norm, x, turned));
            double term = share * hf_tokens_exponent(dim, input->interaction, 0, move, turned);
            sum += share;
            along += term;
            size += fabs(term);
        }
        cr_expect_float_eq(m[i], sum, 1e-12 * sum, "%g, %zu: %g, %g", tokens->norm, i, m[i], sum);
        cr_expect_float_eq(slope[i], along, 1e-12 * size, "%g, %zu: %g, %g", tokens->norm, i, slope[i],
                           along);
    }
    free(mass);
    free(m);
    free(slope);
    hf_tokens_destroy(&tokens);
}

Test(tokens, strong_kernels_are_right_to_rounding_of_themselves) {
    static const double strengths[] = {12.5, 36, 299};
    gsl_rng *random = make_random(88);
    for (size_t k = 0; k < sizeof strengths / sizeof *strengths; k++) {
        double d = strengths[k];
        hf_tokens_input input = circle(d, 0.3, -1.2, 2.385, 31, "duality7");
        expect_relative(random, &input);
        input = sphere((double[9]){d, 0.3, 1, -2, 1, 0.7, 0.4, 0, -3}, 7, 10, "duality5");
        expect_relative(random, &input);
        input = sphere((double[9]){0.6 * d, -0.3, 0, 0.3, 0.6 * d, 0, 0, 0, -d}, 17, 0, "duality5");
        expect_relative(random, &input);
    }
    gsl_rng_free(random);
}

/* ---- moments and areas at the start ----------------------------------------------------------------- */

/* 1 + a x_3 + p P_2(x_3) on the sphere: int P_1 = a/3, int P_2 = p/5; and the areas of all cells, exactly. */
Test(tokens, moments_of_a_start_on_the_sphere) {
    static const double a = 0.4, p = 0.3;
    static const char *const fluxes[] = {"duality7", "muscl"};
    for (int variant = 0; variant < 4; variant++) {
        bool rings = variant < 2;
        hf_tokens_input input = sphere(isotropic, 48, rings ? 0 : 16, fluxes[variant % 2]);
        input.initial = (hf_tokens_initial){.linear = {0, 0, a}, .legendre_count = 2, .legendre = {0, p}};
        hf_tokens *tokens = make(&input);
        size_t cells = cells_of(tokens), columns = cells / 48;
        double *g = make_array(cells), whole = 0, h = M_PI / 48;
        /* cell means are masses at centres, which is h^2 off */
        double error = variant % 2 == 0 ? 1e-10 : h * h;
        hf_tokens_record record = {0};
        cr_assert_eq(hf_tokens_initial_density(NULL, tokens, g), HF_OK);
        hf_tokens_diagnose(tokens, g, &record);
        double upright = 1. / 3 + 2 * p / 15, flat = (1 - upright) / 2;
        const double mean[] = {0, 0, a / 3}, second[] = {flat, 0, 0, 0, flat, 0, 0, 0, upright};
        for (size_t i = 0; i < 3; i++)
            cr_expect_float_eq(record.mean[i], mean[i], error, "%d: %g", variant, record.mean[i]);
        for (size_t i = 0; i < 9; i++)
            cr_expect_float_eq(record.second[i], second[i], error, "%d, %zu: %g", variant, i,
                               record.second[i]);
        const double amplitude[HF_TOKENS_AMPLITUDES] = {a / 3, p / 5};
        for (size_t k = 0; k < 3; k++)
            cr_expect_float_eq(record.amplitude[k], amplitude[k], error, "%d, %zu: %g", variant, k,
                               record.amplitude[k]);
        for (size_t i = 0; i < cells; i++) {
            double top = h * (double)(i / columns);
            double exact = 2 * M_PI / (double)columns * (cos(top) - cos(top + h));
            cr_expect_float_eq(hf_tokens_area(tokens, i), exact, 1e-14);
            whole += hf_tokens_area(tokens, i);
        }
        cr_expect_float_eq(whole, 4 * M_PI, 1e-14 * 4 * M_PI, "%.17g", whole);
        free(g);
        hf_tokens_destroy(&tokens);
    }
}

/* Off the axis: 1 + a x_1 + b x_1 x_2 has int P_1 P_1 = (a/3)^2, int P_2 P_2 = 3 (b/15)^2. */
Test(tokens, amplitudes_do_not_depend_on_the_axis) {
    hf_tokens_input input = sphere(isotropic, 32, 48, "duality7");
    input.initial = (hf_tokens_initial){.linear = {0.4, 0, 0}, .quadratic = {[1] = 0.3}};
    hf_tokens *tokens = make(&input);
    double *g = make_array(cells_of(tokens));
    hf_tokens_record record = {0};
    cr_assert_eq(hf_tokens_initial_density(NULL, tokens, g), HF_OK);
    hf_tokens_diagnose(tokens, g, &record);
    cr_expect_float_eq(record.mean[0], 0.4 / 3, 1e-9);
    cr_expect_float_eq(record.second[1], 0.3 / 15, 1e-9);
    cr_expect_float_eq(record.amplitude[0], 0.4 / 3, 1e-9, "%g", record.amplitude[0]);
    cr_expect_float_eq(record.amplitude[1], sqrt(3) * 0.3 / 15, 1e-9, "%g", record.amplitude[1]);
    free(g);
    hf_tokens_destroy(&tokens);
    input = circle(2, 0, 0, 2, 32, "duality7");
    input.initial =
        (hf_tokens_initial){.cosine_count = 2, .cosine = {0.4, 0.25}, .sine_count = 1, .sine = {0.3}};
    tokens = make(&input);
    g = make_array(cells_of(tokens));
    cr_assert_eq(hf_tokens_initial_density(NULL, tokens, g), HF_OK);
    hf_tokens_diagnose(tokens, g, &record);
    cr_expect_float_eq(record.amplitude[0], 0.25, 1e-14); /* |0.4 + 0.3 i|/2 */
    cr_expect_float_eq(record.amplitude[1], 0.125, 1e-14);
    free(g);
    hf_tokens_destroy(&tokens);
}

/* ---- growth of the uniform state -------------------------------------------------------------------- */

/* The rate of a mode, of shape (cells), at the uniform state: by a central difference in its amplitude, as
 * the ratio of projections onto the mode. */
static double rate_at(hf_tokens *tokens, const double *mode, double amplitude) {
    size_t cells = cells_of(tokens);
    double *g = make_array(cells), *up = make_array(cells), *down = make_array(cells), top = 0, bottom = 0;
    double volume = hf_grid_volume(hf_tokens_grid(tokens)),
           whole = tokens->input.dim == 2 ? 2 * M_PI : 4 * M_PI;
    for (int side = -1; side <= 1; side += 2) {
        for (size_t i = 0; i < cells; i++)
            g[i] = (1 + side * amplitude * mode[i]) * hf_tokens_area(tokens, i) / (whole * volume);
        hf_tokens_rate(tokens, g, side > 0 ? up : down, NULL);
    }
    for (size_t i = 0; i < cells; i++) {
        top += mode[i] * (up[i] - down[i]) / (2 * amplitude) * volume;
        bottom += mode[i] * mode[i] * hf_tokens_area(tokens, i) / whole;
    }
    free(g);
    free(up);
    free(down);
    return top / bottom;
}

/* D = beta R_alpha turns a mode while it grows: the rate's parts from a cosine at the uniform state. */
Test(tokens, rotated_growth_is_bessels_turned) {
    static const double beta = 2.385, alpha = 0.7, amplitude = 1e-5;
    enum { CELLS = 64 };
    for (int variant = 0; variant < 2; variant++)
        for (size_t k = 1; k <= 3; k++) {
            hf_tokens_input input = circle(beta * cos(alpha), -beta * sin(alpha), beta * sin(alpha),
                                           beta * cos(alpha), CELLS, "duality7");
            input.descent = variant;
            hf_tokens *tokens = make(&input);
            double g[CELLS], rate[CELLS], grown = 0, turned = 0;
            cr_expect_float_eq(hf_tokens_rotation(&input), alpha, 1e-14);
            cr_expect_float_eq(hf_tokens_conformality(&input), beta, 1e-14);
            for (int side = -1; side <= 1; side += 2) {
                for (size_t i = 0; i < CELLS; i++)
                    g[i] = (1 + side * amplitude * cos((double)k * hf_grid_center(tokens->grid, 0, i))) /
                           (2 * M_PI);
                hf_tokens_rate(tokens, g, rate, NULL);
                for (size_t i = 0; i < CELLS; i++) {
                    double theta = (double)k * hf_grid_center(tokens->grid, 0, i);
                    grown += side * rate[i] * cos(theta) * 2 * M_PI / (CELLS * amplitude);
                    turned -=
                        side * rate[i] * sin(theta) * 2 * M_PI / (CELLS * amplitude); /* Re z e^{ik theta} */
                }
            }
            double size = hf_tokens_growth(&input, beta, k);
            cr_expect_float_eq(grown, size * cos((double)k * alpha), 1e-7, "%zu: %g", k, grown);
            cr_expect_float_eq(turned, -size * sin((double)k * alpha), 1e-7, "%zu: %g", k, turned);
            hf_tokens_destroy(&tokens);
        }
    hf_tokens_input input = circle(1.2, 0.5, 0.5, -1.2, CELLS, "duality7"); /* a reflection */
    cr_expect(isnan(hf_tokens_rotation(&input)));
    cr_expect_float_eq(hf_tokens_conformality(&input), 1.3, 1e-14);
    input.interaction[0] = 1.2001;
    cr_expect(isnan(hf_tokens_conformality(&input)));
    input = circle(2, 0, 0, 0.5, CELLS, "duality7");
    cr_expect(isnan(hf_tokens_conformality(&input)) && isnan(hf_tokens_rotation(&input)));
}

/* Upwinding makes the difference one-sided in the amplitude: extrapolated. */
static double growth_of(hf_tokens *tokens, const double *mode) {
    static const double amplitude = 1e-5;
    return 2 * rate_at(tokens, mode, amplitude / 2) - rate_at(tokens, mode, amplitude);
}

static double circle_growth(const hf_tokens_input *input, size_t k) {
    hf_tokens *tokens = make(input);
    size_t cells = cells_of(tokens);
    double *mode = make_array(cells);
    for (size_t i = 0; i < cells; i++)
        mode[i] = cos((double)k * hf_grid_center(hf_tokens_grid(tokens), 0, i) - 0.7);
    double rate = growth_of(tokens, mode);
    free(mode);
    hf_tokens_destroy(&tokens);
    return rate;
}

/* The face-velocity scheme: k^2 becomes (4/h^2) sin^2(kh/2), and I_k a sum over the cells. */
Test(tokens, circle_growth_is_that_of_the_discrete_formula) {
    enum { CELLS = 24 };
    static const double betas[] = {2, 5, -2.385};
    static const char *const fluxes[] = {"upwind", "muscl"};
    double h = 2 * M_PI / CELLS;
    for (size_t b = 0; b < 3; b++)
        for (int variant = 0; variant < 4; variant++)
            for (size_t k = 1; k <= 5; k++) {
                double beta = betas[b], sum = 0, base = 0;
                hf_tokens_input input = circle(beta, 0, 0, beta, CELLS, fluxes[variant % 2]);
                input.unnormalised = variant / 2;
                input.descent = variant % 2;
                for (size_t i = 0; i < CELLS; i++) {
                    sum += exp(beta * cos((double)i * h)) * cos((double)(k * i) * h) / CELLS;
                    base += exp(beta * cos((double)i * h)) / CELLS;
                }
                double expected = pow(2 / h * sin((double)k * h / 2), 2) * (input.descent ? -1 : 1) *
                                  (input.unnormalised ? sum : sum / base);
                cr_expect_float_eq(circle_growth(&input, k), expected, 1e-8 * fmax(1, fabs(expected)));
            }
}

Test(tokens, circle_growth_is_bessels_at_second_order) {
    for (size_t k = 1; k <= 3; k++) {
        double error[3];
        for (size_t level = 0; level < 3; level++) {
            hf_tokens_input input = circle(5, 0, 0, 5, (size_t)64 << level, "muscl");
            error[level] = fabs(circle_growth(&input, k) - hf_tokens_growth(&input, 5, k));
        }
        cr_expect_float_eq(log2(error[0] / error[1]), 2, 0.1);
        cr_expect_float_eq(log2(error[1] / error[2]), 2, 0.1);
    }
    hf_tokens_input input = circle(5, 0, 0, 5, 128, "duality7");
    cr_expect_float_eq(circle_growth(&input, 3), hf_tokens_growth(&input, 5, 3), 1e-8);
    input.unnormalised = true;
    cr_expect_float_eq(circle_growth(&input, 3), exp(5) * hf_tokens_growth(&input, 5, 3), 1e-7);
}

/* P_l about the axis, on rings. */
static double ring_growth(const hf_tokens_input *input, size_t l) {
    hf_tokens *tokens = make(input);
    size_t cells = cells_of(tokens);
    double *mode = make_array(cells);
    for (size_t i = 0; i < cells; i++)
        mode[i] = gsl_sf_legendre_Pl((int)l, tokens->place[3 * i + 2]);
    double rate = growth_of(tokens, mode);
    free(mode);
    hf_tokens_destroy(&tokens);
    return rate;
}

/* Fine grids: at the equator the limiter sees an extremum of sin theta, which costs h^3 log h and is of the
 * size of h^2 up to 500 cells where l = 1. */
Test(tokens, sphere_growth_is_bessels_at_second_order) {
    static const double beta = 2;
    for (size_t l = 1; l <= 3; l++)
        for (int variant = 0; variant < 2; variant++) {
            double error[2];
            for (size_t level = 0; level < 2; level++) {
                hf_tokens_input input = sphere(isotropic, (size_t)512 << level, 0, "muscl");
                input.unnormalised = variant;
                double scale = variant ? exp(beta) : 1;
                error[level] = fabs(ring_growth(&input, l) - scale * hf_tokens_growth(&input, beta, l));
            }
            cr_expect_float_eq(log2(error[0] / error[1]), 2, 0.1, "l = %zu: %g %g", l, error[0], error[1]);
        }
}

Test(tokens, sphere_growth_on_the_whole_grid_is_second_order) {
    double error[2];
    for (size_t level = 0; level < 2; level++) {
        hf_tokens_input input = sphere(isotropic, (size_t)16 << level, (size_t)32 << level, "muscl");
        hf_tokens *tokens = make(&input);
        size_t cells = cells_of(tokens);
        double *mode = make_array(cells);
        for (size_t i = 0; i < cells; i++) {
            const double *x = tokens->place + 3 * i;
            mode[i] = x[0] * x[1] + 0.4 * x[1] * x[2];
        }
        error[level] = fabs(growth_of(tokens, mode) - hf_tokens_growth(&input, 2, 2));
        free(mode);
        hf_tokens_destroy(&tokens);
    }
    cr_expect_float_eq(log2(error[0] / error[1]), 2, 0.1, "%g %g", error[0], error[1]);
}

Test(tokens, growth_is_bessels) {
    hf_tokens_input input = circle(2, 0, 0, 2, 9, "muscl");
    cr_expect_float_eq(hf_tokens_growth(&input, 2, 1), 0.697774657964, 1e-11); /* I_1(2)/I_0(2), A&S 9.8 */
    input.descent = input.unnormalised = true;
    cr_expect_float_eq(hf_tokens_growth(&input, 2, 1), -1.59063685463733 * exp(-2), 1e-12);
    input = sphere(isotropic, 9, 0, "muscl");
    cr_expect_float_eq(hf_tokens_growth(&input, 2, 1), 2 * (1 / tanh(2) - 0.5), 1e-13);
    cr_expect_float_eq(hf_tokens_growth(&input, -2, 1), -2 * (1 / tanh(2) - 0.5), 1e-13);
}

/* ---- energies --------------------------------------------------------------------------------------- */

static double uniform_energy_on_grid(hf_tokens_input *input) {
    hf_tokens *tokens = make(input);
    double *g = make_array(cells_of(tokens)), energy;
    cr_assert_eq(hf_tokens_initial_density(NULL, tokens, g), HF_OK);
    energy = hf_tokens_energy(tokens, g) * exp(hf_tokens_norm(tokens));
    free(g);
    hf_tokens_destroy(&tokens);
    return energy;
}

Test(tokens, energy_of_the_uniform_state) {
    hf_tokens_input input = circle(2.385, 0, 0, -0.6, 64, "duality7");
    double expected = gsl_sf_bessel_I0(0.8925) * gsl_sf_bessel_I0(1.4925);
    cr_expect_float_eq(uniform_energy_on_grid(&input), expected, 1e-12);
    cr_expect_float_eq(hf_tokens_uniform_energy(&input) * exp(2.385), expected, 1e-12);
    input = circle(5, 0, 0, 5, 64, "duality7");
    cr_expect_float_eq(uniform_energy_on_grid(&input) * exp(-5), 0.18354081, 5e-9); /* the plateau */
    input = sphere(isotropic, 64, 0, "duality7");
    cr_expect_float_eq(uniform_energy_on_grid(&input), sinh(2) / 2, 1e-10);
    cr_expect_float_eq(hf_tokens_uniform_energy(&input) * exp(2), sinh(2) / 2, 1e-12);
    input = sphere(anisotropic, 64, 24, "duality7");
    cr_expect_float_eq(uniform_energy_on_grid(&input), hf_tokens_uniform_energy(&input) * exp(2), 1e-10);
}

/* E of equal Diracs, directly. */
static double energy_of(const hf_tokens_input *input, size_t count, double *place) {
    double weight[] = {1. / (double)count, 1. / (double)count};
    hf_tokens_cloud cloud = {input->dim, count, place, weight};
    return hf_tokens_cloud_energy(input, &cloud, NULL);
}

/* Every row of the table: the energy of its measure directly, and that random measures stay within. */
Test(tokens, extremal_energies) {
    static const struct {
        double d[2], highest, lowest;
    } rows[] = {{{2, 0.5}, 2, -1}, /* definite: highest at e_1; the lowest is not known */
                {{2.385, 2.385}, 2.385, 0},
                {{-2, -0.5}, 0, -2},
                {{2, -1}, 2, -1},
                {{1, -2.385}, 0, -2.385}};
    gsl_rng *random = make_random(83);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        hf_tokens_input input = circle(rows[r].d[0], 0, 0, rows[r].d[1], 64, "duality7");
        hf_tokens_limit limit;
        double norm = hf_tokens_matrix_norm(2, input.interaction);
        double low = fmin(rows[r].d[0], rows[r].d[1]), high = fmax(rows[r].d[0], rows[r].d[1]);
        double first[] = {rows[r].d[0] == high ? 1 : 0, rows[r].d[0] == high ? 0 : 1};
        double second[] = {first[1], first[0], -first[1], -first[0]};
        cr_assert_eq(hf_tokens_find_limit(NULL, &input, &limit), HF_OK);
        double dirac = energy_of(&input, 1, first), pair = energy_of(&input, 2, second);
        cr_expect_float_eq(limit.highest, fmax(dirac, pair), 1e-10);
        cr_expect_float_eq(limit.highest * exp(norm),
                           low < 0 && cosh(low) > exp(high) ? cosh(low) : exp(high), 1e-10 * exp(norm));
        if (low <= 0)
            cr_expect_float_eq(limit.lowest, energy_of(&input, 1, second), 1e-10);
        else if (low == high)
            cr_expect_float_eq(limit.lowest * exp(norm), uniform_energy_on_grid(&input), 1e-10);
        else
            cr_expect(isnan(limit.lowest));
        hf_tokens *tokens = make(&input);
        for (int draw = 0; draw < 20; draw++) {
            double *g = random_density(random, tokens), energy = hf_tokens_energy(tokens, g);
            cr_expect_leq(energy, limit.highest);
            cr_expect(isnan(limit.lowest) || energy >= limit.lowest);
            free(g);
        }
        hf_tokens_destroy(&tokens);
    }
    hf_tokens_input input = sphere(isotropic, 64, 0, "duality7");
    hf_tokens_limit limit;
    cr_assert_eq(hf_tokens_find_limit(NULL, &input, &limit), HF_OK);
    cr_expect_float_eq(limit.highest, 1, 1e-12);
    cr_expect_float_eq(limit.lowest * exp(2), sinh(2) / 2, 1e-12);
    gsl_rng_free(random);
}

/* ---- the identity ----------------------------------------------------------------------------------- */

/* dE_h/dt = 2 h sum m-hat u F, with fluxes of our own: m-hat is the logarithmic mean (SA) or 1 (USA). */
Test(tokens, energy_identity_on_random_densities) {
    enum { CELLS = 48 };
    gsl_rng *random = make_random(84);
    for (int draw = 0; draw < 24; draw++) {
        double d[3];
        fill_uniform(random, -3, 3, 3, d);
        bool muscl = draw % 2;
        hf_tokens_input input = circle(d[0], d[1], d[1], d[2], CELLS, muscl ? "muscl" : "upwind");
        input.unnormalised = draw / 2 % 2;
        input.descent = draw / 4 % 2;
        hf_tokens *tokens = make(&input);
        double *g = random_density(random, tokens), m[CELLS], rate[CELLS], power, sum = 0,
               h = 2 * M_PI / CELLS;
        double sign = input.descent ? -1 : 1, scale = exp(tokens->norm);
        const hf_limiter *limiter = hf_limiter_find("vanleer");
        hf_tokens_field(tokens, g, m);
        hf_tokens_rate(tokens, g, rate, &power);
        for (size_t i = 0; i < CELLS; i++) {
            size_t j = (i + 1) % CELLS, k = (i + 2) % CELLS, b = (i + CELLS - 1) % CELLS;
            double difference = input.unnormalised ? scale * (m[j] - m[i]) : log(m[j] / m[i]);
            double u = sign * difference / h, left = g[i], right = g[j];
            if (muscl) {
                left += limiter->slope(g[i] - g[b], g[j] - g[i]) / 2;
                right -= limiter->slope(g[j] - g[i], g[k] - g[j]) / 2;
            }
            sum += 2 * sign * h * (m[j] - m[i]) / difference * u * (u > 0 ? left : right) * u;
        }
        cr_expect_float_eq(power, sum, 1e-13 * fabs(sum), "%d: %.17g %.17g", draw, power, sum);
        cr_expect_geq(sign * power, 0);
        free(g);
        hf_tokens_destroy(&tokens);
    }
    gsl_rng_free(random);
}

/* dE/dt against a difference quotient of the energy, for any matrix, scheme and surface. */
Test(tokens, power_is_the_derivative_of_the_energy) {
    static const char *const fluxes[] = {"muscl", "duality5", "upwind"};
    gsl_rng *random = make_random(85);
    for (int draw = 0; draw < 6; draw++) {
        double d[9];
        fill_uniform(random, -1.5, 1.5, 9, d);
        hf_tokens_input input =
            draw < 3 ? circle(d[0], d[1], d[2], d[3], 32, fluxes[draw]) : sphere(d, 10, 12, fluxes[draw - 3]);
        input.transport = draw == 2 || draw == 5;
        hf_tokens *tokens = make(&input);
        size_t cells = cells_of(tokens);
        double *g = random_density(random, tokens), *rate = make_array(cells), power, change = 0;
        hf_tokens_rate(tokens, g, rate, &power);
        for (int side = -1; side <= 1; side += 2) {
            double *moved = make_array(cells);
            for (size_t i = 0; i < cells; i++)
                moved[i] = g[i] + side * 1e-5 * rate[i];
            change += side * hf_tokens_energy(tokens, moved) / 2e-5;
            free(moved);
        }
        cr_expect_float_eq(power, change, 1e-9 * fmax(1, fabs(power)));
        free(g);
        free(rate);
        hf_tokens_destroy(&tokens);
    }
    gsl_rng_free(random);
}

/* ---- limit ------------------------------------------------------------------------------------------ */

static hf_tokens_cluster find_cluster(const hf_tokens_input *input, double eigenvalue, bool pair) {
    hf_tokens_limit limit;
    size_t k = 0;
    cr_assert_eq(hf_tokens_find_limit(NULL, input, &limit), HF_OK);
    while (k < limit.count &&
           !(limit.cluster[k].pair == pair && fabs(limit.cluster[k].eigenvalue - eigenvalue) < 1e-12))
        k++;
    cr_assert_lt(k, limit.count, "no cluster with eigenvalue %g", eigenvalue);
    return limit.cluster[k];
}

Test(tokens, verdicts_change_at_d1_tanh_d1) {
    static const double firsts[] = {0.3, 1, 2, 2.385, 5, -1.4};
    static const double step = 1e-13;
    for (size_t k = 0; k < sizeof firsts / sizeof *firsts; k++) {
        double d1 = firsts[k], edge = d1 * tanh(d1);
        if (d1 < 0)
            continue;
        for (int side = -1; side <= 1; side += 2) {
            hf_tokens_input input = circle(d1, 0, 0, edge * (1 + side * step), 16, "muscl");
            cr_expect_eq(find_cluster(&input, d1, true).stable, side < 0, "%g", d1);
        }
        hf_tokens_input stable = circle(d1, 0, 0, d1 * (1 - step), 16, "muscl");
        cr_expect(find_cluster(&stable, d1, false).stable);
        stable.interaction[3] = d1 * (1 + step);
        cr_expect(!find_cluster(&stable, d1, false).stable);
    }
}

Test(tokens, what_can_turn_is_neutral) {
    hf_tokens_input input = circle(2.385, 0, 0, 2.385, 16, "muscl");
    hf_tokens_cluster one = find_cluster(&input, 2.385, false), two = find_cluster(&input, 2.385, true);
    cr_expect(one.neutral && !one.stable && !two.neutral && !two.stable);
    input.descent = true;
    one = find_cluster(&input, 2.385, false);
    cr_expect(!one.neutral && !one.stable);
    input = sphere((double[9]){2, 0, 0, 0, 2, 0, 0, 0, 0.6}, 9, 12, "muscl");
    one = find_cluster(&input, 2, false);
    cr_expect(one.neutral && !one.stable);
    one = find_cluster(&input, 0.6, false);
    cr_expect(!one.neutral && !one.stable);
}

/* Rates against the linearised motion of tokens: clusters displaced by a small angle, and one light token. */
Test(tokens, rates_are_those_of_displaced_tokens) {
    static const double d[][2] = {{2, 0.5}, {1, 0.9}, {1, -0.7}, {-1.3, -2.385}, {0.8, 0.7}};
    for (size_t k = 0; k < sizeof d / sizeof *d; k++)
        for (int variant = 0; variant < 8; variant++) {
            bool pair = variant & 4;
            double small = 1e-5, unit = 1 - 1e-9, place[6], weight[3], velocity[6];
            hf_tokens_input input = circle(d[k][0], 0, 0, d[k][1], 16, "muscl");
            input.unnormalised = variant & 1;
            input.descent = variant & 2;
            hf_tokens_cluster c = find_cluster(&input, d[k][0], pair);
            for (int mode = 0; mode < 3; mode++) { /* a token, together, apart */
                double first = mode > 0 ? small : 0, second = M_PI + (mode == 1   ? small
                                                                      : mode == 2 ? -small
                                                                                  : 0);
                hf_tokens_point(2, &first, place);
                hf_tokens_point(2, &second, place + 2);
                hf_tokens_point(2, &small, place + 4);
                weight[0] = pair ? unit / 2 : unit;
                weight[1] = pair ? unit / 2 : 0;
                weight[2] = 1 - unit;
                hf_tokens_cloud cloud = {2, 3, place, weight};
                hf_tokens_cloud_velocity(&input, &cloud, velocity);
                size_t moved = mode == 0 ? 4 : 0;
                double expected = mode == 0 ? c.token : mode == 1 ? c.rigid[0] : c.part[0];
                if (mode < 2 || pair)
                    cr_expect_float_eq(-velocity[moved + 1] / small, expected, 1e-6 * fmax(1, fabs(expected)),
                                       "%zu, %d, %d: %g, %g", k, variant, mode, -velocity[moved + 1] / small,
                                       expected);
            }
        }
}

/* In three dimensions, with a matrix that is not symmetric: rates from displacements along both tangents. */
Test(tokens, rates_on_the_sphere) {
    hf_tokens_input input = sphere((double[9]){2, 0.3, -0.2, 0, 0.5, 0.4, 0, 0.1, -1}, 9, 12, "muscl");
    hf_tokens_cluster c = find_cluster(&input, 2, false);
    double sum = 0;
    for (int a = 0; a < 2; a++) { /* the trace of the linearised motion, which rotations leave alone */
        double x[3] = {cos(1e-6), 0, 0}, weight = 1, velocity[3];
        x[1 + a] = sin(1e-6);
        hf_tokens_cloud cloud = {3, 1, x, &weight};
        hf_tokens_cloud_velocity(&input, &cloud, velocity);
        sum += -velocity[1 + a] / 1e-6;
    }
    cr_expect_float_eq(c.rigid[0] + c.rigid[1], sum, 1e-5);
    cr_expect_float_eq(c.token, 2, 1e-12);
    cr_expect(c.stable);
    input = sphere(anisotropic, 9, 12, "muscl");
    c = find_cluster(&input, 2, true);
    cr_expect(c.stable && !find_cluster(&input, 1, true).stable && !find_cluster(&input, -1, false).stable);
    cr_expect_float_eq(c.rate_count, 2, 0);
}

/* ---- speed ------------------------------------------------------------------------------------------ */

static double seconds_of_kernel(size_t cells, int repeats) {
    hf_tokens_input input = circle(2, 0.3, -0.4, 1.1, cells, "muscl");
    hf_tokens *tokens = make(&input);
    double *mass = make_array(cells), *m = make_array(cells), best = INFINITY;
    gsl_rng *random = make_random(86);
    fill_uniform(random, 0, 2. / (double)cells, cells, mass);
    for (int k = 0; k < repeats; k++) {
        double start = hf_seconds();
        tokens->kernel->apply(tokens->forward, mass, m, NULL);
        best = fmin(best, hf_seconds() - start);
    }
    gsl_rng_free(random);
    free(mass);
    free(m);
    hf_tokens_destroy(&tokens);
    return best;
}

/* The dense sum is given its matrix: 16.8 million products. */
Test(tokens, kernel_is_fifty_times_faster_than_the_dense_sum) {
    enum { CELLS = 4096 };
    double *matrix = make_array((size_t)CELLS * CELLS), *mass = make_array(CELLS), *m = make_array(CELLS);
    double dense = INFINITY;
    gsl_rng *random = make_random(87);
    fill_uniform(random, 0, 2, (size_t)CELLS * CELLS, matrix);
    fill_uniform(random, 0, 2, CELLS, mass);
    for (int k = 0; k < 5; k++) {
        double start = hf_seconds();
        for (size_t i = 0; i < CELLS; i++) {
            double sum = 0;
#pragma omp simd reduction(+ : sum)
            for (size_t j = 0; j < CELLS; j++)
                sum += matrix[i * CELLS + j] * mass[j];
            m[i] = sum;
        }
        dense = fmin(dense, hf_seconds() - start);
    }
    double fast = seconds_of_kernel(CELLS, 50), faster = seconds_of_kernel(CELLS * 16, 20);
    printf("# kernel at 4096 cells: %.3g s, dense %.3g s, %.0f times; 16 times the cells cost %.1f times\n",
           fast, dense, dense / fast, faster / fast);
    cr_expect_gt(dense, 50 * fast, "%g %g", dense, fast);
    cr_expect_lt(faster, 16 * 16. / 12 * 2 * fast); /* n log n, and caches */
    gsl_rng_free(random);
    free(matrix);
    free(mass);
    free(m);
}

/* ---- what is refused -------------------------------------------------------------------------------- */

static void expect_refusal(const hf_tokens_input *input, const char *words) {
    hf_tokens *tokens;
    hf_error error = {0};
    cr_expect_eq(hf_tokens_create(&error, input, &tokens), HF_ERR_INPUT);
    cr_expect_null(tokens);
    cr_expect_not_null(strstr(error.message, words), "%s", error.message);
}

Test(tokens, mistakes_are_refused) {
    hf_tokens_input good = cluster(16, "muscl"), bad = good;
    bad.interaction[1] = NAN;
    expect_refusal(&bad, "interaction: not finite");
    bad = good;
    bad.interaction[0] = 301;
    expect_refusal(&bad, "expected at most 300");
    bad = good;
    bad.initial.cosine[0] = 2.385;
    expect_refusal(&bad, "expected none below 0");
    bad = good;
    memcpy(bad.initial.quadratic, (double[]){-10, 0, 0, -6}, 4 * sizeof(double)); /* below 0 everywhere */
    expect_refusal(&bad, "-7 on average");
    bad.initial.quadratic[0] = 4;
    expect_refusal(&bad, "0 on average");
    bad = good;
    bad.axis_count = 2;
    expect_refusal(&bad, "expected 1 on the circle");
    bad = good;
    bad.cells[0] = 2;
    expect_refusal(&bad, "grid.cells: 2");
    bad.interaction[0] = 12.5;
    bad.cells[0] = 4097;
    expect_refusal(&bad, "expected at most 4096 above a norm of 12");
    bad = good;
    bad.flux = hf_flux_find("scharfetter-gummel");
    expect_refusal(&bad, "tokens have none");
    bad = good;
    bad.end = 0;
    expect_refusal(&bad, "time.end: 0");
    bad = good;
    bad.name = "a/b";
    expect_refusal(&bad, "name");
    bad = good;
    bad.dim = 4;
    expect_refusal(&bad, "expected 2, the circle");
    bad = good;
    bad.initial.point_count = 1;
    expect_refusal(&bad, "expected a weight > 0");
    bad = sphere(anisotropic, 16, 0, "muscl");
    expect_refusal(&bad, "symmetric about the third axis");
}
