/* Edited files of each kind through their readers. The files are those in the folder HEADFLOW_FUZZ_FILES,
 * which tests/fuzz/run has the program write. */
#include "fuzz_edits.h"

#include <headflow/store.h>

#include <stdlib.h>

enum { FILES = 9, EDITS_MAX = 6, BYTES_MAX = 1 << 20 };

static const char *const names[FILES] = {"solution", "particles", "chaos",  "verify", "optimum",
                                         "gibbs",    "limit",     "tokens", "paths"};
static struct {
    uint8_t *data;
    size_t size;
} files[FILES];

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count, (void)arguments;
    const char *folder = getenv("HEADFLOW_FUZZ_FILES");
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    for (size_t k = 0; k < FILES; k++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.nc", folder != NULL ? folder : ".", names[k]);
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            fuzz_fail("%s: cannot be read; expected HEADFLOW_FUZZ_FILES to name a folder of it", path);
        files[k].data = malloc(BYTES_MAX);
        files[k].size = fread(files[k].data, 1, BYTES_MAX, file);
        fclose(file);
    }
    return 0;
}

/* ---- readers ---------------------------------------------------------------------------------------- */

static void read_solution(const char *path) {
    hf_error error = {0};
    hf_solution *s;
    hf_problem *problem = NULL;
    hf_status status = hf_solution_read(&error, path, &s);
    fuzz_check_error(&error, status);
    if (status != HF_OK)
        return;
    size_t times, logit_times, dim = hf_grid_dim(hf_solution_grid(s));
    size_t cells = hf_grid_cells(hf_solution_grid(s)), z = hf_solution_events(s) * hf_solution_classes(s);
    hf_solution_times(s, &times);
    hf_solution_logit_times(s, &logit_times);
    double *values;
    if (hf_array_create(&error, times * dim * dim + cells + logit_times * z, &values) == HF_OK) {
        fuzz_check_error(&error, hf_solution_series(&error, s, "risk", 1, values));
        fuzz_check_error(&error, hf_solution_series(&error, s, "covariance", dim * dim, values));
        fuzz_check_error(&error, hf_solution_density(&error, s, times - 1, values));
        fuzz_check_error(&error, hf_solution_logits(&error, s, 0, logit_times, values));
    }
    hf_array_destroy(&values);
    status = hf_solution_problem(&error, s, &problem);
    fuzz_check_error(&error, status);
    if (status == HF_OK)
        fuzz_step(problem);
    hf_problem_destroy(&problem);
    hf_solution_destroy(&s);
}

static void read_particles(const char *path) {
    static const char *const coordinates[] = {"a", "v"};
    hf_error error = {0};
    hf_trajectories *t;
    hf_status status = hf_trajectories_read(&error, path, 2, coordinates, &t);
    fuzz_check_error(&error, status);
    if (status != HF_OK)
        return;
    size_t seeds, times;
    double *theta;
    hf_trajectories_seeds(t, &seeds);
    hf_trajectories_times(t, &times);
    for (size_t k = 0; k < hf_trajectories_ensembles(t); k++) {
        if (hf_array_create(&error, times * hf_trajectories_ensemble(t, k).heads * 2, &theta) == HF_OK)
            fuzz_check_error(&error, hf_trajectories_theta(&error, t, k, seeds - 1, theta));
        hf_array_destroy(&theta);
    }
    hf_trajectories_destroy(&t);
}

static void read_tokens(const char *path) {
    hf_error error = {0};
    hf_tokens_solution s;
    hf_status status = hf_tokens_solution_read(&error, path, &s);
    fuzz_check_error(&error, status);
    double *rho;
    if (status == HF_OK && hf_array_create(&error, hf_grid_cells(s.grid), &rho) == HF_OK) {
        fuzz_check_error(&error, hf_tokens_solution_density(&error, &s, s.count - 1, rho));
        hf_array_destroy(&rho);
    }
    hf_tokens_solution_clear(&s);
}

static void read_file(size_t kind, const char *path) {
    hf_error error = {0};
    hf_chaos *chaos;
    hf_refinement refinement;
    hf_minimum minimum = {0};
    hf_settling settling = {0};
    hf_paths_record *paths;
    switch (kind) {
    case 0:
        read_solution(path);
        break;
    case 1:
        read_particles(path);
        break;
    case 2:
        fuzz_check_error(&error, hf_chaos_read(&error, path, &chaos));
        hf_chaos_destroy(&chaos);
        break;
    case 3:
        fuzz_check_error(&error, hf_refinement_read(&error, path, &refinement));
        break;
    case 6:
        fuzz_check_error(&error, hf_settling_read(&error, path, &settling));
        hf_settling_clear(&settling);
        break;
    case 7:
        read_tokens(path);
        break;
    case 8:
        fuzz_check_error(&error, hf_paths_record_read(&error, path, &paths));
        hf_paths_record_destroy(&paths);
        break;
    default:
        fuzz_check_error(&error, hf_minimum_read(&error, path, &minimum));
        hf_minimum_clear(&minimum);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes bytes = {data, size};
    size_t kind = fuzz_choice(&bytes, FILES), edits = fuzz_choice(&bytes, EDITS_MAX + 1);
    const char *path = fuzz_file(files[kind].data, files[kind].size);
    if (edits == 0 || fuzz_edit(path, edits, &bytes))
        read_file(kind, path);
    return 0;
}
