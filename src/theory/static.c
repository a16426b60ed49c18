/* The static bound: the risk of N heads drawn from a density on a grid. docs/theory.md (12), (45).
 *
 * A head is drawn cell by cell: a cell by its mass (alias method), then a place in it uniformly. The
 * difference of the risks has a mean of order 1/N under noise of order 1/sqrt N, which is the first variation
 * at mu: the control variate mean_i Psi(theta_i) - int Psi dmu has mean zero and is taken off. */
#include <headflow/chaos.h>

#include "sgd/stream.h"
#include "theory/bootstrap.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

typedef struct draw {
    const hf_problem *problem;
    const hf_model *model;
    const hf_events *events;
    hf_cloud *cloud;
    gsl_ran_discrete_t *cells;
    gsl_rng *stream;
    const double *residual; /* at mu: shape (E, classes) */
    const double *mean;     /* z_e(mu): shape (E, classes) */
    double risk;            /* cross-entropy at mu */
    double *theta;          /* shape (N, D) */
    double *logits;         /* shape (E, classes) */
} draw;

/* R(mu_N) - R(mu) less the control variate, for one draw of N heads. The ridge is affine in the measure: it
 * is in both and drops out. */
static double excess(draw *d, size_t heads) {
    const hf_grid *grid = hf_problem_grid(d->problem);
    size_t dim = hf_grid_dim(grid), classes = hf_events_classes(d->events);
    for (size_t i = 0; i < heads; i++) {
        hf_grid_centers(grid, gsl_ran_discrete(d->stream, d->cells), d->theta + i * dim);
        for (size_t a = 0; a < dim; a++)
            d->theta[i * dim + a] += (gsl_rng_uniform(d->stream) - 0.5) * hf_grid_spacing(grid, a);
    }
    hf_cloud_place(d->cloud, d->theta);
    hf_cloud_logits(d->cloud, NULL, d->logits);
    double variate = 0;
    for (size_t e = 0; e < hf_events_count(d->events); e++)
        for (size_t c = 0; c < classes; c++)
            variate += hf_events_weight(d->events, e) * d->residual[e * classes + c] *
                       (d->logits[e * classes + c] - d->mean[e * classes + c]);
    return hf_risk_cross_entropy(d->events, d->logits, NULL) - d->risk - variate;
}

/* z_e, residual, sigma^2 and int tr(S_e Cov) of the density that is constant in each cell. */
static hf_status look_at_density(hf_error *error, draw *d, const double *rho, double *mean, double *residual,
                                 hf_static_record *record) {
    size_t outputs = hf_events_count(d->events) * hf_events_classes(d->events);
    hf_table *table;
    double *work;
    hf_table_options options = {.sampling = HF_CELL_MEANS,
                                .tolerance = hf_problem_table_tolerance(d->problem)};
    HF_TRY(hf_table_create(error, d->model, hf_problem_grid(d->problem), &options, &table));
    size_t moments = hf_table_rows(table) * (1 + hf_model_value_coordinates(d->model));
    size_t modes = hf_table_modes_count(table);
    hf_status status = hf_array_create(error, moments + modes + outputs, &work);
    if (status == HF_OK) {
        double *probability = work + moments + modes;
        size_t classes = hf_events_classes(d->events);
        hf_table_moments_team(table, rho, work);
        hf_table_modes_team(table, work, work + moments);
        hf_table_logits(table, work + moments, mean);
        d->risk = hf_risk_cross_entropy(d->events, mean, residual);
        double square = 0, product = 0;
        for (size_t e = 0; e < hf_events_count(d->events); e++) {
            double own = 0, first = 0, w = hf_events_weight(d->events, e);
            for (size_t c = 0; c < classes; c++) {
                double z = mean[e * classes + c], *p = &probability[e * classes + c];
                *p = residual[e * classes + c] + hf_events_label(d->events, e)[c];
                square += w * z * z;
                own += *p * z * z;
                first += *p * z;
            }
            product += w * (own - first * first);
        }
        record->sigma2 = hf_table_second_moment(table, rho, NULL) - square;
        record->curvature = hf_table_second_moment(table, rho, probability) - product;
    }
    hf_array_destroy(&work);
    hf_table_destroy(&table);
    return status;
}

static hf_status measure(hf_error *error, draw *d, const double *rho, size_t seed, hf_static_record *record) {
    const hf_grid *grid = hf_problem_grid(d->problem);
    double *sample;
    d->stream = hf_stream(seed, HF_PURPOSE_STATIC);
    gsl_set_error_handler_off(); /* its results are checked */
    d->cells = gsl_ran_discrete_preproc(hf_grid_cells(grid), rho);
    if (d->stream == NULL || d->cells == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory to draw heads from %zu cells", hf_grid_cells(grid));
    HF_TRY(hf_cloud_create(error, d->model, record->heads, &d->cloud));
    HF_TRY(hf_array_create(error, record->draws, &sample));
    for (size_t k = 0; k < record->draws; k++)
        sample[k] = excess(d, record->heads);
    hf_status status = hf_bootstrap(error, record->draws, hf_statistic_mean, sample, &record->measured);
    hf_array_destroy(&sample);
    return status;
}

hf_status hf_static_run(hf_error *error, const hf_problem *problem, const double *rho, size_t heads,
                        size_t draws, size_t seed, hf_static_record *record) {
    draw d = {.problem = problem, .model = hf_problem_model(problem), .events = hf_problem_events(problem)};
    size_t outputs = hf_events_count(d.events) * hf_events_classes(d.events),
           dim = hf_grid_dim(hf_problem_grid(problem));
    double *mean;
    *record = (hf_static_record){.heads = heads, .draws = draws};
    HF_TRY(hf_array_create(error, 3 * outputs + heads * dim, &mean));
    d.mean = mean;
    d.residual = mean + outputs;
    d.logits = mean + 2 * outputs;
    d.theta = mean + 3 * outputs;
    hf_status status = look_at_density(error, &d, rho, mean, mean + outputs, record);
    if (status == HF_OK)
        status = measure(error, &d, rho, seed, record);
    record->bound = record->sigma2 / (4 * (double)heads);
    record->leading = 0.5 * record->curvature / (double)heads;
    hf_cloud_destroy(&d.cloud);
    if (d.cells != NULL)
        gsl_ran_discrete_free(d.cells);
    if (d.stream != NULL)
        gsl_rng_free(d.stream);
    hf_array_destroy(&mean);
    return status;
}
