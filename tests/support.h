/* What the suites share: reproducible random problems, densities, and the toy cases of the case folder on any
 * grid. A failure to build one ends the test. What is made here is destroyed by whoever asked for it. */
#ifndef HEADFLOW_TESTS_SUPPORT_H
#define HEADFLOW_TESTS_SUPPORT_H

#include <gsl/gsl_rng.h>
#include <headflow/flow.h>

gsl_rng *make_random(unsigned long seed);
double uniform(gsl_rng *random, double lower, double upper);
void fill_uniform(gsl_rng *random, double lower, double upper, size_t count, double *array);
double *make_array(size_t count);
double largest(size_t count, const double *array); /* max |array| */
double largest_difference(size_t count, const double *a, const double *b);

/* Events with contexts of 1 to 5 random tokens. */
hf_events *make_random_events(gsl_rng *random, size_t width, size_t classes, size_t count);

/* Heads with random matrices, scaled so that scores are of order `scale`; free(*matrices) after use. */
hf_heads make_random_heads(gsl_rng *random, const char *form, size_t alphas, size_t values, size_t width,
                           size_t classes, double scale, double **matrices);

/* A problem on random data and a box of few cells (4 to 7 an axis) with a uniform start. */
typedef struct trial {
    const char *form;
    size_t alphas, values;
    double ridge, temperature;
    const char *flux, *limiter; /* NULL: the default */
    hf_problem *problem;
    hf_heads heads;
    double *matrices;
} trial;

void trial_create(trial *trial, gsl_rng *random);
void trial_destroy(trial *trial);

/* All forms with all numbers of coordinates that fit into 1 to 4 dimensions. */
typedef struct head_shape {
    const char *form;
    size_t alphas, values;
} head_shape;

extern const head_shape head_shapes[];
extern const size_t head_shape_count;

/* A random density of mass 1; a share of the cells is empty. rho: shape (cells). */
void fill_density(gsl_rng *random, const hf_grid *grid, double empty, double *rho);

/* A toy case, as in the case files but for what the test changes in `input` before it creates the problem
 * (one bump, or cosine, a coordinate). */
typedef struct toy {
    const char *generator;
    hf_component component;
    hf_problem_input input; /* without events and components, which toy_create adds */
} toy;

toy toy_find(const char *name);
hf_problem *toy_create(toy *toy);
hf_problem *toy_create_mixture(toy *toy, size_t count, const hf_component *components);
extern const char *const toy_names[];
extern const size_t toy_count;

#endif
