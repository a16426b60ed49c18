/* The refinement study: observed orders of the fluxes on whole runs, the reference and what it says of its
 * own error, and what makes a study pass. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/case.h>
#include <headflow/theory.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OVERRIDES_MAX = 6 };

static hf_problem *read_case(const char *name, const char *const overrides[OVERRIDES_MAX]) {
    char path[512];
    hf_error error = {0};
    hf_problem *problem;
    size_t count = 0;
    while (overrides != NULL && count < OVERRIDES_MAX && overrides[count] != NULL)
        count++;
    snprintf(path, sizeof path, "%s/cases/%s.yaml", SOURCE_ROOT, name);
    cr_assert_eq(hf_case_read(&error, path, count, overrides, &problem, NULL), HF_OK, "%s", error.message);
    return problem;
}

/* The study of a case with overrides. */
static hf_refinement study(const char *name, const char *const overrides[OVERRIDES_MAX], size_t nodes) {
    hf_refinement r;
    hf_error error = {0};
    hf_refinement_options options = {.nodes = nodes};
    hf_problem *problem = read_case(name, overrides);
    cr_assert_eq(hf_refinement_run(&error, problem, &options, &r), HF_OK, "%s: %s", name, error.message);
    cr_expect_str_eq(r.name, name);
    cr_expect_eq(r.dim, hf_grid_dim(hf_problem_grid(problem)));
    hf_problem_destroy(&problem);
    return r;
}

/* ---- orders -------------------------------------------------------------------------------------------- */

/* Cases whose rho_0 has 16 to 36 cells an axis on the finest of three grids, up to times when it gets finer.
 */
static const struct row {
    const char *name, *overrides[4];
    size_t nodes;
} rows[] = {
    {"ridge", {NULL}, 8},
    {"retrieval", {"grid.cells=[96,96]", "time.end=4"}, 8},
    {"words", {"grid.cells=[96,96]", "time.end=4"}, 4},
    {"qkv", {"grid.cells=[40,40,56]"}, 4},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void check_orders(const char *flux, int expected) {
    for (const struct row *row = rows; row < rows + ROWS; row++) {
        if (strcmp(row->name, "words") == 0 && access("/usr/share/dict/words", R_OK) != 0)
            continue;
        char scheme[64];
        const char *overrides[OVERRIDES_MAX] = {scheme};
        snprintf(scheme, sizeof scheme, "scheme.flux=%s", flux);
        memcpy(overrides + 1, row->overrides, sizeof row->overrides);
        hf_refinement r = study(row->name, overrides, row->nodes);
        const hf_refinement_row *finest = &r.row[r.count - 1];
        cr_expect_eq(r.count, 3);
        cr_expect_eq(r.kind, HF_REFERENCE_FLOW_MAP);
        cr_expect_eq(r.nodes, row->nodes + 8);
        cr_expect_eq(r.expected_order, expected);
        cr_expect_str_eq(r.flux, flux);
        cr_expect(r.passed, "%s with %s", row->name, flux);
        cr_expect_geq(finest->order.risk, expected - 0.1, "%s with %s: %g", row->name, flux,
                      finest->order.risk);
        cr_expect_geq(finest->order.covariance, expected - 0.1);
        cr_expect_geq(finest->order.w1, expected - 0.2, "%s with %s: %g", row->name, flux, finest->order.w1);
        if (expected == 1) { /* a limiter gains more: its corners count less and less */
            cr_expect_leq(finest->order.risk, 1.1, "%s: %g", row->name, finest->order.risk);
            cr_expect_leq(finest->order.covariance, 1.1);
        }
        cr_expect_leq(r.reference.risk, finest->error.risk / 50, "%s: %g", row->name, r.reference.risk);
        cr_expect_leq(r.reference.mean, finest->error.mean / 10, "%s: %g", row->name, r.reference.mean);
        cr_expect_leq(r.reference.covariance, finest->error.covariance / 50);
        cr_expect_leq(r.reference.w1, finest->error.w1 / 10, "%s: %g", row->name, r.reference.w1);
    }
}

Test(order, of_upwind) {
    check_orders("upwind", 1);
}
Test(order, of_muscl) {
    check_orders("muscl", 2);
}

static const char *const heated[OVERRIDES_MAX] = {"grid.cells=[48,48]", "time.end=10"};

Test(order, of_scharfetter_gummel) {
    hf_refinement r = study("gibbs", heated, 0);
    const hf_refinement_row *finest = &r.row[r.count - 1];
    cr_expect_eq(r.kind, HF_REFERENCE_RICHARDSON);
    cr_expect_eq(r.nodes, 0);
    cr_expect_eq(r.expected_order, 2);
    cr_expect(r.passed);
    cr_expect_float_eq(finest->order.risk, 2, 0.1, "%g", finest->order.risk);
    cr_expect_float_eq(finest->order.mean, 2, 0.1, "%g", finest->order.mean);
    cr_expect_float_eq(finest->order.covariance, 2, 0.1, "%g", finest->order.covariance);
    cr_expect_float_eq(finest->order.dissipation, 2, 0.1, "%g", finest->order.dissipation);
    cr_expect_geq(finest->order.w1, 1.9, "%g", finest->order.w1); /* too high: to the finer grid itself */
    /* with c and f of the grids of spacing h and h/2: f + (f - c)/3 is 4/3 |f - c| from c, 1/3 of it from f
     */
    cr_expect_float_eq(finest->error.risk, 4 * r.reference.risk, 1e-13);
    cr_expect_float_eq(finest->error.mean, 4 * r.reference.mean, 1e-13);
    cr_expect_float_eq(finest->error.w1, 3 * r.reference.w1, 1e-13);
}

/* ---- the reference ------------------------------------------------------------------------------------- */

/* The five times with the exact variance of `ridge`, grids that halve, orders by their definition. */
Test(study, is_laid_out_as_documented) {
    hf_refinement r = study("ridge", (const char *const[OVERRIDES_MAX]){"grid.cells=[100]"}, 8);
    for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++) {
        double time = 0.8 * (double)(k + 1);
        cr_expect_float_eq(r.value[k].time, time, 1e-15);
        cr_expect_float_eq(r.value[k].covariance[0], 2.25 / 11 * exp(-time / 2), 1e-11);
        cr_expect_leq(r.uncertainty[k].covariance, 1e-11);
        for (size_t i = 0; i < r.count; i++) /* second order with a constant below 1 */
            cr_expect_lt(r.row[i].history[k].covariance, pow(6 * r.row[i].spacing, 2), "%zu: %g", i,
                         r.row[i].history[k].covariance);
    }
    for (size_t i = 0; i < r.count; i++) {
        cr_expect_eq(r.row[i].cells[0], (size_t)(25 << i));
        cr_expect_float_eq(r.row[i].spacing, 1 / (double)(25 << i), 1e-15);
        cr_expect_eq(r.row[i].error.risk, r.row[i].history[HF_REFINEMENT_TIMES - 1].risk);
        cr_expect_gt(r.row[i].steps, 0);
        if (i == 0)
            cr_expect(isnan(r.row[i].order.risk) && isnan(r.row[i].order.w1));
        else
            cr_expect_float_eq(r.row[i].order.risk, log2(r.row[i - 1].error.risk / r.row[i].error.risk),
                               1e-13);
    }
}

/* The estimate is above the true error, which a rule of many nodes tells. */
Test(reference, errs_less_than_it_says) {
    hf_refinement coarse, fine;
    hf_problem *problem = read_case("retrieval", NULL);
    cr_assert_eq(hf_refinement_reference(NULL, problem, &(hf_refinement_options){.nodes = 4}, &coarse),
                 HF_OK);
    cr_assert_eq(hf_refinement_reference(NULL, problem, &(hf_refinement_options){.nodes = 16}, &fine), HF_OK);
    cr_expect_eq(fine.nodes, 24);
    for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++) {
        cr_expect_leq(fabs(coarse.value[k].risk - fine.value[k].risk), coarse.uncertainty[k].risk);
        cr_expect_leq(fabs(coarse.value[k].dissipation - fine.value[k].dissipation),
                      coarse.uncertainty[k].dissipation);
        cr_expect_leq(largest_difference(2, coarse.value[k].mean, fine.value[k].mean),
                      coarse.uncertainty[k].mean);
        cr_expect_leq(largest_difference(4, coarse.value[k].covariance, fine.value[k].covariance),
                      coarse.uncertainty[k].covariance);
        cr_expect_leq(coarse.uncertainty[k].risk, 1e-5);
    }
    hf_problem_destroy(&problem);
}

/* The estimate is the distance of two rules, in the norms of hf_errors. */
Test(reference, measures_two_rules) {
    hf_refinement r;
    hf_flowmap *map;
    hf_flowmap_record few;
    hf_problem *problem = read_case("retrieval", NULL);
    cr_assert_eq(hf_refinement_reference(NULL, problem, &(hf_refinement_options){.nodes = 4}, &r), HF_OK);
    cr_assert_eq(hf_flowmap_create(NULL, problem, 4, 1e-13, &map), HF_OK);
    cr_assert_eq(hf_flowmap_advance(NULL, map, hf_problem_end(problem)), HF_OK);
    hf_flowmap_measure(map, &few);
    const hf_flowmap_record *many = &r.value[HF_REFINEMENT_TIMES - 1];
    double covariance = 0;
    for (size_t i = 0; i < 4; i++)
        covariance = hypot(covariance, few.covariance[i] - many->covariance[i]);
    cr_expect_float_eq(r.reference.covariance, covariance, 1e-10);
    cr_expect_float_eq(r.reference.mean, hypot(few.mean[0] - many->mean[0], few.mean[1] - many->mean[1]),
                       1e-10);
    cr_expect_float_eq(r.reference.risk, fabs(few.risk - many->risk), 1e-10);
    cr_expect_float_eq(r.reference.dissipation, fabs(few.dissipation - many->dissipation), 1e-10);
    hf_flowmap_destroy(&map);
    hf_problem_destroy(&problem);
}

/* By default as many nodes as it takes for 1e-11 in the risk. */
Test(reference, takes_the_nodes_it_needs) {
    hf_refinement r;
    hf_problem *problem = read_case("contract", NULL);
    cr_assert_eq(hf_refinement_reference(NULL, problem, &(hf_refinement_options){0}, &r), HF_OK);
    cr_expect_geq(r.nodes, 16);
    for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++)
        cr_expect_leq(r.uncertainty[k].risk, 1e-11);
    cr_expect_eq(r.reference.risk, r.uncertainty[HF_REFINEMENT_TIMES - 1].risk);
    hf_problem_destroy(&problem);
}

/* Richardson's values of a coarse study lie much closer to those of a finer one than the estimate says. */
Test(reference, of_richardson_gains_on_its_grids) {
    hf_refinement coarse =
        study("gibbs", (const char *const[OVERRIDES_MAX]){"grid.cells=[32,32]", "time.end=10"}, 0);
    hf_refinement fine =
        study("gibbs", (const char *const[OVERRIDES_MAX]){"grid.cells=[64,64]", "time.end=10"}, 0);
    for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++) {
        cr_expect_leq(fabs(coarse.value[k].risk - fine.value[k].risk), coarse.uncertainty[k].risk / 4);
        cr_expect_leq(largest_difference(2, coarse.value[k].mean, fine.value[k].mean),
                      coarse.uncertainty[k].mean / 4);
        cr_expect_leq(largest_difference(4, coarse.value[k].covariance, fine.value[k].covariance),
                      coarse.uncertainty[k].covariance / 4);
    }
}

/* A start and a score that are symmetric about the cut, where the mean direction stays: +pi and -pi are one.
 */
Test(reference, compares_directions_across_the_cut) {
    const char *const mirror[OVERRIDES_MAX] = {
        "initial.phi.cosine.phase=pi",
        "heads.attention.basis=[[[3,0,0],[0,0,0],[0,0,0]],[[0,0,0],[0,0,0],[0,0,0]]]", "grid.cells=[48,48]",
        "time.end=2"};
    hf_refinement r = study("angle", mirror, 2);
    for (size_t k = 0; k < HF_REFINEMENT_TIMES; k++) {
        cr_expect_float_eq(fabs(r.value[k].mean[0]), M_PI, 1e-10);
        cr_expect_leq(r.uncertainty[k].mean, 0.1);
        for (size_t i = 0; i < r.count; i++)
            cr_expect_leq(r.row[i].history[k].mean, 0.1, "%zu: %g", i, r.row[i].history[k].mean);
    }
}

/* ---- the verdict --------------------------------------------------------------------------------------- */

/* `saddle` starts on 5 cells of 24 and splits below grid scale: no order. And a reference that knows less
 * than the grids, from two nodes an axis, is nothing to judge an order by: that must not pass for success. */
Test(study, fails_what_has_no_order) {
    const char *const coarse[OVERRIDES_MAX] = {"grid.cells=[24,24]"};
    hf_refinement r = study("saddle", coarse, 8);
    cr_expect_lt(r.row[2].order.risk, 1);
    cr_expect(r.judged);
    cr_expect_not(r.passed);
    r = study("saddle", coarse, 2);
    cr_expect_gt(r.reference.risk, 0.1 * r.row[1].error.risk);
    cr_expect_not(r.judged);
    cr_expect_not(r.passed);
}

static void count_calls(void *self, const char *what) {
    cr_expect_gt(strlen(what), 0);
    ++*(size_t *)self;
}

Test(study, has_as_many_grids_as_asked_for) {
    hf_problem *problem = read_case("translate", NULL), *heated_problem = read_case("gibbs", heated);
    hf_refinement r;
    size_t calls = 0;
    hf_refinement_options options = {.nodes = 4, .self = &calls, .progress = count_calls};
    for (options.levels = 2; options.levels <= 4; options.levels++) {
        cr_assert_eq(hf_refinement_run(NULL, problem, &options, &r), HF_OK);
        cr_expect_eq(r.count, options.levels);
        cr_expect_eq(r.row[r.count - 1].cells[0], 128);
        cr_expect_eq(r.row[0].cells[0], (size_t)(128 >> (options.levels - 1)));
        cr_expect_geq(calls, options.levels + 1);
        calls = 0;
    }
    hf_error error = {0};
    for (options.levels = 1; options.levels <= 9; options.levels += 8) {
        cr_expect_eq(hf_refinement_run(&error, problem, &options, &r), HF_ERR_INPUT);
        cr_expect_not_null(strstr(error.message, "levels"), "%s", error.message);
    }
    options.levels = 8; /* the coarsest would have one cell */
    cr_expect_eq(hf_refinement_run(&error, problem, &options, &r), HF_ERR_INPUT);
    cr_expect_eq(hf_refinement_reference(&error, heated_problem, &options, &r), HF_ERR_INPUT);
    hf_problem_destroy(&problem);
    hf_problem_destroy(&heated_problem);
}
