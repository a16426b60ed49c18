/* Runs of the token flow: what they keep, and how near they come to weighted tokens and to closed forms. */
#include "tokens.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* ---- runs ------------------------------------------------------------------------------------------- */

enum { OUTPUTS_MAX = 64 };

typedef struct course {
    size_t count;
    hf_tokens_record record[OUTPUTS_MAX];
    hf_statistics statistics;
} course;

static hf_status remember(hf_error *error, void *self, const hf_tokens_record *record, const double *g) {
    (void)error, (void)g;
    course *c = self;
    c->record[c->count++] = *record;
    return HF_OK;
}

static course run(const hf_tokens_input *input) {
    course c = {0};
    hf_tokens *tokens = make(input);
    hf_tokens_observer observer = {.self = &c, .output = remember};
    hf_error error = {0};
    cr_assert_eq(hf_tokens_integrate(&error, tokens, &observer, NULL, &c.statistics), HF_OK, "%s",
                 error.message);
    cr_assert_eq(c.count, input->outputs);
    hf_tokens_destroy(&tokens);
    return c;
}

/* E e^{-|D|} of weighted tokens at a time, and their mean. */
static double carried(const hf_tokens_input *input, size_t nodes, double end, double *mean) {
    hf_tokens_cloud cloud;
    hf_error error = {0};
    cr_assert_eq(hf_tokens_cloud_create(&error, input, nodes, &cloud), HF_OK);
    cr_assert_eq(hf_tokens_cloud_advance(&error, input, end, 1e-13, &cloud), HF_OK, "%s", error.message);
    double energy = hf_tokens_cloud_energy(input, &cloud, mean);
    hf_tokens_cloud_clear(&cloud);
    return energy;
}

Test(tokens_runs, runs_keep_mass_sign_and_monotone_energy) {
    for (int variant = 0; variant < 16; variant++) {
        hf_tokens_input input = cluster(64, variant % 2 ? "muscl" : "upwind");
        if (variant & 4)
            memcpy(input.interaction, (double[4]){2.385, 0.4, 0.4, -1.1}, 4 * sizeof(double));
        if (variant & 8) {
            input = sphere(variant & 4 ? anisotropic : isotropic, 10, 12, variant % 2 ? "muscl" : "upwind");
            input.initial = (hf_tokens_initial){.linear = {0.3, -0.2, 0.25}};
        }
        input.unnormalised = variant / 2 % 2;
        input.descent = variant % 4 == 1;
        input.end = variant & 8 ? 0.3 : 2;
        course c = run(&input);
        double sign = input.descent ? -1 : 1;
        for (size_t k = 0; k < c.count; k++) {
            cr_expect_float_eq(c.record[k].mass, 1, 1e-13);
            cr_expect_geq(c.record[k].minimum, -1e-9);
            cr_expect_geq(sign * c.record[k].power, 0);
            cr_expect_float_eq(c.record[k].energy - c.record[0].energy, c.record[k].gained, 1e-8);
            if (k > 0)
                cr_expect_geq(sign * (c.record[k].energy - c.record[k - 1].energy), -1e-12, "%d", variant);
        }
    }
}

/* circle-cluster: tokens against themselves, then the schemes against the tokens. */
Test(tokens_runs, circle_cluster_agrees_with_weighted_tokens) {
    hf_tokens_input input = cluster(64, "duality7");
    hf_tokens_cloud cloud;
    cr_assert_eq(hf_tokens_cloud_create(NULL, &input, 64, &cloud), HF_OK);
    cr_expect_float_eq(hf_tokens_cloud_energy(&input, &cloud, NULL) * exp(2), 2.49994455, 5e-9);
    hf_tokens_cloud_clear(&cloud);
    course c = run(&input);
    cr_expect_float_eq(c.record[0].energy * exp(2), 2.49994455, 5e-9);
    for (size_t k = 0; k < c.count; k += 2) {
        double mean[2], other[2], reference = carried(&input, 96, c.record[k].time, mean);
        cr_expect_float_eq(carried(&input, 128, c.record[k].time, other), reference, 1e-9 * reference);
        cr_expect_float_eq(c.record[k].energy, reference, 1e-9 * reference, "%g", c.record[k].time);
        cr_expect_float_eq(c.record[k].mean[0], mean[0], 1e-8);
        cr_expect_float_eq(c.record[k].mean[1], mean[1], 1e-8);
    }
}

Test(tokens_runs, observed_orders_are_those_of_the_schemes) {
    static const struct {
        const char *flux;
        bool transport;
        size_t cells, levels;
    } schemes[] = {{"upwind", false, 512, 2},
                   {"upwind", true, 512, 2},
                   {"muscl", false, 512, 3},
                   {"duality5", false, 64, 2}};
    for (size_t s = 0; s < sizeof schemes / sizeof *schemes; s++) {
        hf_tokens_input input = cluster(schemes[s].cells, schemes[s].flux);
        hf_tokens_study study;
        hf_error error = {0};
        input.transport = schemes[s].transport;
        cr_assert_eq(hf_tokens_verify(&error, &input, schemes[s].levels, 96, &study), HF_OK, "%s",
                     error.message);
        cr_expect(study.passed, "%s: order %g, uncertainty %g", schemes[s].flux,
                  study.level[study.count - 1].energy_order, study.uncertainty);
    }
}

/* A cluster in one cell, 0.44 from e_1, under diag(1, 0.9): where it is after T = 150. */
static double angle_of_one_cell(const char *flux, bool transport, double *energy) {
    hf_tokens_input input = circle(1, 0, 0, 0.9, 64, flux);
    input.transport = transport;
    input.end = 150;
    input.outputs = 2;
    input.initial = (hf_tokens_initial){.point_count = 1, .point = {{{4.5 * 2 * M_PI / 64}, 1}}};
    course c = run(&input);
    *energy = c.record[1].energy;
    return atan2(c.record[1].mean[1], c.record[1].mean[0]);
}

Test(tokens_runs, one_cell_is_pinned_by_the_energy_stable_scheme_alone) {
    double start = 4.5 * 2 * M_PI / 64, energy;
    cr_expect_float_eq(angle_of_one_cell("muscl", false, &energy), start, 0.05);
    cr_expect_float_eq(angle_of_one_cell("upwind", false, &energy), start, 0.05);
    cr_expect_lt(energy, 0.99);
    /* into the cells beside e_1, on which no centre lies */
    cr_expect_float_eq(angle_of_one_cell("upwind", true, &energy), 0, 2 * M_PI / 64);
    cr_expect_float_eq(angle_of_one_cell("duality7", false, &energy), 0, 2e-6);
    cr_expect_float_eq(energy, 1, 2e-7);
    cr_expect_float_eq(angle_of_one_cell("duality5", false, &energy), 0, 2e-5);
}

/* Two antipodal clusters off by a small angle part at the rate of the closed form: tokens, and the grid. */
Test(tokens_runs, antipodal_clusters_part_at_the_rate_of_theory) {
    static const double betas[] = {2, 3, 5};
    for (int variant = 0; variant < 6; variant++) {
        double beta = betas[variant / 2], offset = 1e-3, mean[2];
        hf_tokens_input input = circle(beta, 0, 0, beta, 128, "duality7");
        input.unnormalised = variant % 2;
        double rate = input.unnormalised ? beta * exp(-beta) : 2 * beta / (exp(2 * beta) + 1);
        input.end = 2 / rate;
        input.outputs = 2;
        input.initial =
            (hf_tokens_initial){.point_count = 2, .point = {{{0.3}, 1}, {{0.3 + M_PI - offset}, 1}}};
        hf_tokens_input near = input; /* where the flow is linear to the digits of the tokens */
        near.initial.point[1].angle[0] = 0.3 + M_PI - offset / 100;
        carried(&near, 2, input.end, mean);
        cr_expect_float_eq(log(hypot(mean[0], mean[1]) / sin(offset / 200)) / input.end, rate, 1e-6 * rate,
                           "tokens, %g", rate);
        if (beta == 5) /* 4400 units of time: a tenth of them, for a grid */
            input.end /= 10;
        course c = run(&input);
        double seen = log(hypot(c.record[1].mean[0], c.record[1].mean[1]) / sin(offset / 2)) / input.end;
        cr_expect_float_eq(seen, rate, 1e-3 * rate, "grid: %g, %g", seen, rate);
    }
}

/* Sphere: the schemes against tokens, on rings and on the whole grid. */
Test(tokens_runs, sphere_agrees_with_weighted_tokens) {
    hf_tokens_input input = sphere(isotropic, 48, 0, "duality7");
    hf_error error = {0};
    hf_tokens_study study;
    input.initial = (hf_tokens_initial){.linear = {0, 0, 0.4}, .legendre_count = 2, .legendre = {0, 0.3}};
    double mean[3], reference = carried(&input, 20, input.end, mean);
    course c = run(&input);
    cr_expect_float_eq(c.record[4].energy, reference, 1e-9 * reference, "%g",
                       c.record[4].energy / reference - 1);
    cr_expect_float_eq(c.record[4].mean[2], mean[2], 1e-9);
    cr_expect_float_eq(c.record[4].mean[0], 0, 1e-15);
    input.flux = hf_flux_find("duality5");
    cr_assert_eq(hf_tokens_verify(&error, &input, 2, 20, &study), HF_OK, "%s", error.message);
    cr_expect_gt(study.level[1].energy_order, 4.65, "%g", study.level[1].energy_order);
    cr_expect_lt(study.level[1].mean_error, 1e-8);
    static const double orders[] = {1.8, 4.65}; /* of muscl on grids as coarse as these */
    static const char *const fluxes[] = {"muscl", "duality5"};
    for (size_t f = 0; f < 2; f++) {
        input = sphere(anisotropic, 24, 32, fluxes[f]);
        input.initial = (hf_tokens_initial){.linear = {0.3, -0.2, 0.25}};
        input.rtol = 1e-8;
        input.atol = 1e-10;
        input.end = 0.25;
        cr_assert_eq(hf_tokens_verify(&error, &input, 2, 16, &study), HF_OK, "%s", error.message);
        cr_expect_gt(study.level[1].energy_order, orders[f], "%g %g", study.level[0].energy_error,
                     study.level[1].energy_error);
        cr_expect_lt(study.uncertainty, 1e-8);
    }
}

/* ---- threads ---------------------------------------------------------------------------------------- */

Test(tokens_runs, rates_do_not_depend_on_the_number_of_threads) {
    hf_tokens_input input = sphere(anisotropic, 32, 36, "duality5");
    gsl_rng *random = make_random(88);
    hf_tokens *tokens = make(&input);
    double *g = random_density(random, tokens), *one = make_array(cells_of(tokens)),
           *two = make_array(cells_of(tokens));
    omp_set_num_threads(1);
    hf_tokens_rate(tokens, g, one, NULL);
    omp_set_num_threads(2);
    hf_tokens_rate(tokens, g, two, NULL);
    cr_expect_arr_eq(one, two, cells_of(tokens) * sizeof *one);
    free(g);
    free(one);
    free(two);
    hf_tokens_destroy(&tokens);
    gsl_rng_free(random);
}
