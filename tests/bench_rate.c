/* What a right-hand side costs with each flux, beside muscl in the same run: the best of many short loops, so
 * that what else the machine does counts little. `meson test --benchmark rate --verbose` prints the table. */
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

enum { ROUNDS = 40 };

static double seconds_a_cell(const char *name, const size_t cells[], const char *flux) {
    toy given = toy_find(name);
    given.input.flux = hf_flux_find(flux);
    for (size_t d = 0; d < given.input.dim; d++)
        given.input.axes[d].cells = cells[d];
    hf_problem *problem = toy_create(&given);
    size_t count = hf_grid_cells(hf_problem_grid(problem));
    double *rho = make_array(count), *rate = make_array(count), dissipation, best = INFINITY;
    hf_flow *flow;
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    cr_assert_eq(hf_problem_initial(NULL, problem, rho), HF_OK);
    for (int k = 0; k < ROUNDS; k++) {
        double start = hf_seconds();
        hf_flow_rate(flow, rho, rate, &dissipation);
        best = fmin(best, hf_seconds() - start);
    }
    hf_flow_destroy(&flow);
    hf_array_destroy(&rho);
    hf_array_destroy(&rate);
    hf_problem_destroy(&problem);
    return best / (double)count;
}

/* The bound is on the duality fluxes: twice the arithmetic of muscl in memory traffic that is the same. */
Test(rate, costs_no_more_than_it_should, .timeout = 120) {
    static const struct {
        const char *name;
        size_t cells[HF_DIM_MAX];
    } rows[] = {
        {"ridge", {65536}}, {"retrieval", {128, 128}}, {"retrieval", {512, 512}}, {"qkv", {64, 64, 64}}};
    static const char *const fluxes[] = {"upwind", "duality5", "duality7"};
    printf("%-10s %8s %14s", "case", "cells", "muscl [ns]");
    for (size_t f = 0; f < sizeof fluxes / sizeof *fluxes; f++)
        printf(" %9s", fluxes[f]);
    printf("   of muscl's time a cell\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double muscl = seconds_a_cell(rows[i].name, rows[i].cells, "muscl");
        printf("%-10s %8zu %14.2f", rows[i].name, rows[i].cells[0], 1e9 * muscl);
        for (size_t f = 0; f < sizeof fluxes / sizeof *fluxes; f++) {
            double ratio = seconds_a_cell(rows[i].name, rows[i].cells, fluxes[f]) / muscl;
            printf(" %9.2f", ratio);
            cr_expect_leq(ratio, 1.5, "%s, %s: %.2f times muscl's cost a cell", rows[i].name, fluxes[f],
                          ratio);
        }
        printf("\n");
    }
}
