/* Bytes as comma-separated values: events, head trajectories, and the heads of an initial density. The first
 * byte chooses among them. What the case reader accepts runs one step. */
#include "fuzz.h"

#include <headflow/case.h>
#include <headflow/store.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADS                                                                                                \
    "heads:\n"                                                                                               \
    "  attention: {form: affine, coordinates: [a], base: [[0, 0], [0, 0]], basis: [[[1, 0], [0, 0]]]}\n"     \
    "  value: {coordinates: [v], base: [[0, 0], [0, 0]], basis: [[[0, 0.5], [0, -0.5]]]}\n"                  \
    "grid: {lower: [-3, -3], upper: [5, 7], cells: [9, 8]}\n"                                                \
    "time: {end: 1, outputs: 2}\n"
#define DENSITY "initial: {a: {bump: {center: 0.5, radius: 1.5}}, v: {bump: {center: 0.5, radius: 1.5}}}\n"

static void read_case(const char *format, const char *path) {
    char text[2048];
    int length = snprintf(text, sizeof text, format, path);
    hf_error error = {0};
    hf_problem *problem;
    hf_status status = hf_case_read(&error, fuzz_other_file(text, (size_t)length), 0, NULL, &problem, NULL);
    fuzz_check_error(&error, status);
    if (status == HF_OK)
        fuzz_step(problem);
    hf_problem_destroy(&problem);
}

static void read_trajectories(const char *path) {
    static const char *const coordinates[] = {"a", "v"};
    hf_error error = {0};
    hf_trajectories *t;
    hf_status status = hf_trajectories_read(&error, path, 2, coordinates, &t);
    fuzz_check_error(&error, status);
    if (status != HF_OK)
        return;
    size_t seeds, times, heads = hf_trajectories_ensemble(t, 0).heads;
    hf_trajectories_seeds(t, &seeds);
    hf_trajectories_times(t, &times);
    double *theta = calloc(times * heads * 2, sizeof *theta);
    for (size_t s = 0; s < seeds; s++) {
        fuzz_check_error(&error, hf_trajectories_theta(&error, t, 0, s, theta));
        for (size_t i = 0; i < times * heads * 2; i++)
            if (!isfinite(theta[i]))
                fuzz_fail("a head at %g", theta[i]);
    }
    free(theta);
    hf_trajectories_destroy(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const char *path = fuzz_file(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        read_case("name: csv\ntitle: Events\ndata: {file: %s}\n" HEADS DENSITY, path);
        break;
    case 1:
        read_case("name: csv\ntitle: Heads\ndata: {generator: retrieval}\ninitial: {heads: %s}\n" HEADS,
                  path);
        break;
    default:
        if (size < 4 || memcmp(data + 1, "CDF", 3) != 0) /* NetCDF has a harness of its own */
            read_trajectories(path);
    }
    return 0;
}
