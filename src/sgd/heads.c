/* Heads drawn from the initial density. docs/theory.md (29). */
#include <headflow/sgd.h>

#include "sgd/stream.h"

static const hf_component *draw_component(gsl_rng *stream, size_t count, const hf_component *component) {
    double rest = gsl_rng_uniform(stream);
    for (size_t c = 0; c + 1 < count; c++) {
        if (rest < component[c].weight)
            return &component[c];
        rest -= component[c].weight;
    }
    return &component[count - 1];
}

hf_status hf_sgd_heads(hf_error *error, const hf_problem *problem, size_t seed, size_t count, double *theta) {
    const hf_grid *grid = hf_problem_grid(problem);
    size_t components, dim = hf_grid_dim(grid);
    const hf_component *component = hf_problem_components(problem, &components);
    gsl_rng *stream = hf_stream(seed, HF_PURPOSE_HEADS);
    if (stream == NULL)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for a random stream");
    for (size_t i = 0; i < count; i++) {
        const hf_component *drawn = draw_component(stream, components, component);
        for (size_t d = 0; d < dim; d++)
            theta[i * dim + d] =
                hf_profile_quantile(&drawn->profile[d], hf_grid_axis(grid, d), gsl_rng_uniform_pos(stream));
    }
    gsl_rng_free(stream);
    return HF_OK;
}
