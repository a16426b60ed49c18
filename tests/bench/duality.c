/* Error of the risk at the end of `retrieval` against work, for every way to compute it: the fluxes, the flow
 * map, and heads drawn from rho_0 that follow their own equations. Printed as blocks of gnuplot: unknowns,
 * error, seconds. docs/make-duality-figure draws it. Tolerances of the time integration are such that they do
 * not show. */
#include "support.h"

#include <criterion/criterion.h>
#include <headflow/theory.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 12 };

typedef struct measured {
    double risk, seconds;
} measured;

static hf_status keep(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error, (void)rho;
    ((measured *)self)->risk = record->risk;
    return HF_OK;
}

static measured once_with_flux(const char *flux, size_t cells) {
    toy given = toy_find("retrieval");
    measured m = {0};
    given.input.flux = hf_flux_find(flux);
    given.input.outputs = 2;
    if (given.input.flux->dual && cells > 64) {
        given.input.rtol = 1e-11;
        given.input.atol = 1e-12;
    }
    for (size_t d = 0; d < given.input.dim; d++)
        given.input.axes[d].cells = cells;
    hf_problem *problem = toy_create(&given);
    double start = hf_seconds();
    hf_flow *flow;
    cr_assert_eq(hf_flow_create(NULL, problem, &flow), HF_OK);
    cr_assert_eq(hf_flow_integrate(NULL, flow, &(hf_observer){.self = &m, .output = keep}, NULL, NULL),
                 HF_OK);
    m.seconds = hf_seconds() - start;
    hf_flow_destroy(&flow);
    hf_problem_destroy(&problem);
    return m;
}

/* Short runs are repeated, for the best time. */
static measured of_flux(const char *flux, size_t cells) {
    measured best = once_with_flux(flux, cells);
    for (int k = 0; k < 4 && best.seconds < 1; k++)
        best.seconds = fmin(best.seconds, once_with_flux(flux, cells).seconds);
    return best;
}

static measured of_flow_map(const hf_problem *problem, size_t nodes, double rtol) {
    hf_flowmap_record record;
    hf_flowmap *map;
    double start = hf_seconds();
    cr_assert_eq(hf_flowmap_create(NULL, problem, nodes, rtol, &map), HF_OK);
    cr_assert_eq(hf_flowmap_advance(NULL, map, hf_problem_end(problem)), HF_OK);
    hf_flowmap_measure(map, &record);
    double seconds = hf_seconds() - start;
    hf_flowmap_destroy(&map);
    return (measured){record.risk, seconds};
}

static measured best_flow_map(const hf_problem *problem, size_t nodes) {
    measured best = of_flow_map(problem, nodes, 1e-12);
    for (int k = 0; k < 4; k++)
        best.seconds = fmin(best.seconds, of_flow_map(problem, nodes, 1e-12).seconds);
    return best;
}

/* Root mean square over the seeds of the error of `count` heads. */
static measured of_heads(const toy *plain, size_t count, double exact) {
    gsl_rng *random = make_random(count);
    measured mean = {0};
    for (int seed = 0; seed < SEEDS; seed++) {
        toy given = *plain;
        hf_component *heads;
        cr_assert_eq(hf_allocate(NULL, count, sizeof *heads, &heads), HF_OK);
        for (size_t i = 0; i < count; i++) {
            heads[i].weight = 1;
            for (size_t d = 0; d < given.input.dim; d++)
                heads[i].profile[d] =
                    (hf_profile){HF_PROFILE_DIRAC,
                                 hf_profile_quantile(&given.component.profile[d], &given.input.axes[d],
                                                     uniform(random, 0, 1)),
                                 0};
        }
        hf_problem *problem = toy_create_mixture(&given, count, heads);
        measured one = of_flow_map(problem, 2, 1e-8);
        mean.risk += pow(one.risk - exact, 2) / SEEDS;
        mean.seconds += one.seconds / SEEDS;
        hf_problem_destroy(&problem);
        free(heads);
    }
    gsl_rng_free(random);
    return (measured){exact + sqrt(mean.risk), mean.seconds};
}

static void print_block(const char *name) {
    printf("\n\n# %s: unknowns, error of the risk, seconds\n", name);
}

static void print_row(size_t unknowns, measured m, double exact) {
    printf("%zu %.3e %.3e\n", unknowns, fabs(m.risk - exact), m.seconds);
}

Test(accuracy, against_work, .timeout = 900) {
    static const struct {
        const char *flux;
        size_t first, last;
    } rows[] = {{"upwind", 16, 512}, {"muscl", 16, 1024}, {"duality5", 16, 256}, {"duality7", 16, 256}};
    toy plain = toy_find("retrieval");
    hf_problem *problem = toy_create(&plain);
    double exact = of_flow_map(problem, 40, 1e-13).risk, seconds[4] = {0};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        print_block(rows[k].flux);
        for (size_t cells = rows[k].first; cells <= rows[k].last; cells *= 2) {
            measured m = of_flux(rows[k].flux, cells);
            print_row(cells * cells, m, exact);
            if (seconds[k] == 0 && fabs(m.risk - exact) <= 1e-6)
                seconds[k] = m.seconds;
        }
    }
    print_block("flow map");
    for (size_t nodes = 2; nodes <= 16; nodes += 2)
        print_row(nodes * nodes, best_flow_map(problem, nodes), exact);
    print_block("heads");
    for (size_t count = 16; count <= 16384; count *= 4)
        print_row(count, of_heads(&plain, count, exact), exact);
    hf_problem_destroy(&problem);
    cr_assert_gt(seconds[1], 0, "muscl reaches 1e-6");
    cr_assert_gt(seconds[3], 0, "duality7 reaches 1e-6");
    fprintf(stderr, "seconds to 1e-6: muscl %.3g, duality7 %.3g, ratio %.0f\n", seconds[1], seconds[3],
            seconds[1] / seconds[3]);
    cr_expect_geq(seconds[1] / seconds[3], 50);
}
