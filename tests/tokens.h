/* What the suites of the token flow share: inputs on the circle and the sphere. */
#ifndef HEADFLOW_TESTS_TOKENS_H
#define HEADFLOW_TESTS_TOKENS_H

#include "support.h"
#include "tokens/tokens.h"

#include <criterion/criterion.h>
#include <string.h>

static inline hf_tokens_input circle(double d11, double d12, double d21, double d22, size_t cells,
                                     const char *flux) {
    return (hf_tokens_input){.name = "test",
                             .title = "",
                             .dim = 2,
                             .interaction = {d11, d12, d21, d22},
                             .axis_count = 1,
                             .cells = {cells},
                             .flux = hf_flux_find(flux),
                             .end = 1,
                             .rtol = 1e-10,
                             .atol = 1e-12,
                             .outputs = 9};
}

/* The start of circle-cluster. */
static inline hf_tokens_input cluster(size_t cells, const char *flux) {
    hf_tokens_input input = circle(2, 0, 0, 2, cells, flux);
    input.initial =
        (hf_tokens_initial){.cosine_count = 2, .cosine = {0.4, 0.25}, .sine_count = 1, .sine = {0.3}};
    input.end = 0.5;
    return input;
}

static inline hf_tokens_input sphere(const double *interaction, size_t rows, size_t columns,
                                     const char *flux) {
    hf_tokens_input input = {.name = "test",
                             .dim = 3,
                             .axis_count = columns > 0 ? 2 : 1,
                             .cells = {rows, columns},
                             .flux = hf_flux_find(flux),
                             .end = 0.5,
                             .rtol = 1e-9,
                             .atol = 1e-11,
                             .outputs = 5};
    memcpy(input.interaction, interaction, 9 * sizeof *interaction);
    return input;
}

static const double isotropic[9] = {2, 0, 0, 0, 2, 0, 0, 0, 2};
static const double anisotropic[9] = {2, 0, 0, 0, 1, 0, 0, 0, -1};

static inline hf_tokens *make(const hf_tokens_input *input) {
    hf_tokens *tokens;
    hf_error error = {0};
    cr_assert_eq(hf_tokens_create(&error, input, &tokens), HF_OK, "%s", error.message);
    return tokens;
}

static inline size_t cells_of(const hf_tokens *tokens) {
    return hf_grid_cells(hf_tokens_grid(tokens));
}

/* A random density of mass 1, some cells empty. */
static inline double *random_density(gsl_rng *random, const hf_tokens *tokens) {
    double *g = make_array(cells_of(tokens));
    fill_density(random, hf_tokens_grid(tokens), 0.2, g);
    return g;
}

#endif
