/* The error estimate of a run: the same problem on two thirds of its cells and on two thirds of these, with a
 * looser time tolerance so that neither error of space nor of time is the same in both. docs/numerics.md
 * (29). */
#include <headflow/theory.h>

#include <math.h>
#include <stdlib.h>

/* hf_record is an array of doubles. */
enum { MEMBERS = sizeof(hf_record) / sizeof(double) };
_Static_assert(sizeof(hf_record) % sizeof(double) == 0, "hf_record holds doubles only");

/* Observed orders are believed between these multiples of the order of the flux. */
static const double least_share = 0.5, most_share = 1.25;

/* A start that is negative by more than this, as one of few point masses, has errors that depend on where in
 * a cell they are, and show no order: then the least is taken. */
static const double resolved = 0.01;

/* Richardson's estimate is that of an asymptotic error; measured on the named cases, docs/numerics.md (29).
 */
static const double safety = 2;

static const double looser = 10;

enum { COARSER = 2 }; /* grids of two thirds and four ninths of the cells */

typedef struct coarse_run {
    size_t taken;
    hf_record *records;
} coarse_run;

static hf_status take(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error, (void)rho;
    coarse_run *run = self;
    run->records[run->taken++] = *record;
    return HF_OK;
}

/* The problem on two thirds of the cells, or two thirds of these, to the first `outputs` equally spaced
 * outputs; ratio: the smallest ratio of the spacings. */
static hf_status coarsen(hf_error *error, const hf_problem *problem, int times, size_t outputs, double *ratio,
                         hf_problem **out) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t cells[HF_DIM_MAX];
    *ratio = INFINITY;
    for (size_t d = 0; d < hf_grid_dim(grid); d++) {
        size_t n = hf_grid_axis(grid, d)->cells;
        cells[d] = n;
        for (int k = 0; k < times; k++)
            cells[d] = 2 * cells[d] / 3;
        *ratio = fmin(*ratio, pow((double)n / (double)cells[d], 1. / times));
    }
    double share = (double)(outputs - 1) / (double)(hf_problem_outputs(problem) - 1);
    return hf_problem_refine(error, problem,
                             &(hf_refine_options){.cells = cells,
                                                  .rtol = looser * hf_problem_rtol(problem),
                                                  .atol = looser * hf_problem_atol(problem),
                                                  .end = share * hf_problem_end(problem),
                                                  .outputs = outputs},
                             out);
}

static bool divides(const hf_problem *problem, size_t ranks) {
    size_t parts[HF_DIM_MAX];
    return hf_problem_factors(NULL, problem, ranks, parts) == HF_OK;
}

hf_status hf_estimate_divides(hf_error *error, const hf_problem *problem) {
    size_t ranks = hf_ranks_count(hf_problem_ranks(problem)), fewer = ranks;
    hf_problem *coarse[COARSER] = {NULL};
    hf_status status = HF_OK;
    double ratio;
    for (int k = 0; k < COARSER && status == HF_OK; k++)
        status = coarsen(error, problem, k + 1, hf_problem_outputs(problem), &ratio, &coarse[k]);
    while (status == HF_OK && /* 1 always does */
           !(divides(problem, fewer) && divides(coarse[0], fewer) && divides(coarse[1], fewer)))
        fewer--;
    if (status == HF_OK && fewer < ranks)
        status = hf_raise(error, HF_ERR_INPUT,
                          "%zu processes: the grids of the error estimate, down to four ninths of the cells, "
                          "cannot be divided among them; expected at most %zu processes",
                          ranks, fewer);
    for (int k = 0; k < COARSER; k++)
        hf_problem_destroy(&coarse[k]);
    return status;
}

static hf_status run_coarse(hf_error *error, const hf_problem *problem, int times, size_t outputs,
                            hf_record records[], double *ratio) {
    hf_problem *coarse;
    HF_TRY(coarsen(error, problem, times, outputs, ratio, &coarse));
    coarse_run run = {.records = records};
    hf_observer observer = {.self = &run, .output = take};
    hf_flow *flow;
    hf_status status = hf_flow_create(error, coarse, &flow);
    if (status == HF_OK)
        status = hf_flow_integrate(error, flow, &observer, NULL, NULL);
    hf_flow_destroy(&flow);
    hf_problem_destroy(&coarse);
    return status;
}

/* |fine - coarse| of all members, that of an angle on the circle. */
static void difference(const hf_grid *grid, const hf_record *fine, const hf_record *coarse, hf_record *out) {
    for (size_t k = 0; k < MEMBERS; k++)
        ((double *)out)[k] = fabs(((const double *)fine)[k] - ((const double *)coarse)[k]);
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        if (hf_grid_axis(grid, d)->periodic)
            out->mean[d] = fabs(remainder(out->mean[d], 2 * M_PI));
}

/* The largest of an output and the two about it: one alone may vanish where an error changes its sign. */
static double about(size_t count, const hf_record *difference, size_t n, size_t member) {
    double largest = 0;
    for (size_t j = n > 0 ? n - 1 : 0; j <= n + 1 && j < count; j++)
        largest = fmax(largest, ((const double *)&difference[j])[member]);
    return largest;
}

/* Richardson's estimate at the observed order, from the differences of the three grids. */
static void richardson(int order, double most, double ratio, size_t count, const hf_record *fine,
                       const hf_record *coarse, hf_record *errors) {
    for (size_t n = 0; n < count; n++)
        for (size_t k = 0; k < MEMBERS; k++) {
            double a = about(count, fine, n, k), b = about(count, coarse, n, k);
            double observed = log(b / a) / log(ratio), p = fmin(observed, most * order);
            p = p >= least_share * order ? p : least_share * order; /* also where it is no number */
            ((double *)&errors[n])[k] = safety * a / (pow(ratio, p) - 1);
        }
}

hf_status hf_estimate_run(hf_error *error, const hf_problem *problem, size_t count, const hf_record records[],
                          hf_record errors[]) {
    /* a stationary end is an output more, off the equal spacing: the one before it answers for it */
    size_t outputs = count;
    double step = hf_problem_end(problem) / (double)(hf_problem_outputs(problem) - 1), ratio = 1;
    if (count > 1 && fabs(records[count - 1].time - (double)(count - 1) * step) > 1e-9 * step)
        outputs = count - 1;
    if (outputs < 2) { /* it ended before its second output: nothing to compare */
        for (size_t n = 0; n < count; n++)
            for (size_t k = 0; k < MEMBERS; k++)
                ((double *)&errors[n])[k] = NAN;
        return HF_OK;
    }
    hf_record *taken; /* of the two coarser grids, then their differences */
    HF_TRY(hf_allocate(error, COARSER * outputs, sizeof *taken, &taken));
    hf_status status = HF_OK;
    for (int k = 0; k < COARSER && status == HF_OK; k++)
        status = run_coarse(error, problem, k + 1, outputs, taken + (size_t)k * outputs, &ratio);
    if (status == HF_OK) {
        const hf_grid *grid = hf_problem_grid(problem);
        for (size_t n = 0; n < outputs; n++) {
            difference(grid, &taken[n], &taken[outputs + n], &taken[outputs + n]);
            difference(grid, &records[n], &taken[n], &taken[n]);
        }
        double most = records[0].negative_mass > resolved ? least_share : most_share;
        richardson(hf_problem_flux(problem)->order, most, ratio, outputs, taken, taken + outputs, errors);
        if (outputs < count)
            errors[count - 1] = errors[outputs - 1];
    }
    free(taken);
    return status;
}
