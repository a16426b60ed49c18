/* The error estimate of a run against errors that are known: the flow map's where tau = 0. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/theory.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS = HF_REFINEMENT_TIMES + 1 };

typedef struct run {
    size_t taken;
    hf_record record[OUTPUTS];
} run;

static hf_status take(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error, (void)rho;
    run *r = self;
    cr_assert_lt(r->taken, OUTPUTS);
    r->record[r->taken++] = *record;
    return HF_OK;
}

/* How estimates compare with errors: outputs where they are below the error, and where they are more than a
 * hundred times the largest error at the output and the two about it (an error that changes its sign is zero
 * somewhere). `floor`: what the errors themselves are known to. */
typedef struct tally {
    int count, below, far;
} tally;

static void add(tally *t, const double estimate[], const double error[], double floor) {
    for (size_t n = 1; n < OUTPUTS; n++) {
        double largest = error[n];
        for (size_t j = n > 1 ? n - 1 : n; j <= n + 1 && j < OUTPUTS; j++)
            largest = fmax(largest, error[j]);
        t->count++;
        t->below += error[n] > estimate[n] + floor;
        t->far += estimate[n] > 100 * largest + floor;
    }
}

/* The members of a record that are estimated and that the flow map knows: offset in both. */
static void compare_all(const hf_grid *grid, const hf_record record[], const hf_record errors[],
                        const hf_refinement *reference, tally *t) {
    size_t dim = hf_grid_dim(grid);
    for (size_t k = 0; k < 2 + dim + dim * dim; k++) {
        double estimate[OUTPUTS] = {0}, error[OUTPUTS] = {0}, floor = 1e-12;
        for (size_t n = 1; n < OUTPUTS; n++) {
            const hf_flowmap_record *truth = &reference->value[n - 1];
            const hf_errors *known = &reference->uncertainty[n - 1];
            const hf_record *is = &record[n], *by = &errors[n];
            if (k == 0) {
                error[n] = fabs(is->risk - truth->risk);
                estimate[n] = by->risk;
                floor = fmax(floor, 2 * known->risk);
            } else if (k == 1) {
                error[n] = fabs(is->dissipation - truth->dissipation);
                estimate[n] = by->dissipation;
                floor = fmax(floor, 2 * known->dissipation);
            } else if (k < 2 + dim) {
                double x = is->mean[k - 2] - truth->mean[k - 2];
                error[n] = fabs(hf_grid_axis(grid, k - 2)->periodic ? remainder(x, 2 * M_PI) : x);
                estimate[n] = by->mean[k - 2];
                floor = fmax(floor, 2 * known->mean);
            } else {
                error[n] = fabs(is->covariance[k - 2 - dim] - truth->covariance[k - 2 - dim]);
                estimate[n] = by->covariance[k - 2 - dim];
                floor = fmax(floor, 2 * known->covariance);
            }
        }
        add(t, estimate, error, floor);
    }
}

static const char *const fluxes[] = {"upwind", "muscl", "duality5", "duality7"};
enum { FLUXES = sizeof fluxes / sizeof fluxes[0] };

static void compare(toy given, const hf_refinement *reference, tally *t) {
    hf_error error = {0};
    hf_problem *problem = toy_create(&given);
    const hf_grid *grid = hf_problem_grid(problem);
    hf_flow *flow;
    run r = {0};
    hf_record errors[OUTPUTS];
    cr_assert_eq(hf_flow_create(&error, problem, &flow), HF_OK);
    cr_assert_eq(hf_flow_integrate(&error, flow, &(hf_observer){.self = &r, .output = take}, NULL, NULL),
                 HF_OK);
    cr_assert_eq(hf_estimate_run(&error, problem, OUTPUTS, r.record, errors), HF_OK, "%s", error.message);
    compare_all(grid, r.record, errors, reference, t);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
}

Test(estimate, is_calibrated, .timeout = 280) {
    tally t[FLUXES] = {{0}};
    for (size_t i = 0; i < toy_count; i++) {
        hf_error error = {0};
        hf_refinement reference;
        toy given = toy_find(toy_names[i]);
        if (given.input.temperature > 0 || given.input.heads.form->periodic || given.input.dim > 2)
            continue;
        given.input.outputs = OUTPUTS;
        hf_problem *problem = toy_create(&given);
        cr_assert_eq(hf_refinement_reference(&error, problem, &(hf_refinement_options){0}, &reference), HF_OK,
                     "%s", error.message);
        hf_problem_destroy(&problem);
        for (size_t f = 0; f < FLUXES; f++)
            for (size_t factor = 1; factor <= 2; factor++) {
                toy finer = given;
                finer.input.flux = hf_flux_find(fluxes[f]);
                for (size_t d = 0; d < given.input.dim; d++)
                    finer.input.axes[d].cells *= factor;
                compare(finer, &reference, &t[f]);
            }
    }
    for (size_t f = 0; f < FLUXES; f++) {
        cr_log_info("%s: %d estimates, %d below the error, %d far above", fluxes[f], t[f].count, t[f].below,
                    t[f].far);
        cr_expect_gt(t[f].count, 300);
        cr_expect_leq(t[f].below, t[f].count / 20, "%s: %d of %d estimates are below the error", fluxes[f],
                      t[f].below, t[f].count);
        cr_expect_leq(t[f].far, t[f].count / (f == 0 ? 12 : 20),
                      "%s: %d of %d estimates are far above the error", fluxes[f], t[f].far, t[f].count);
    }
}
