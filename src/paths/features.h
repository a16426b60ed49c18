/* Path features as the kernels of src/paths see them. */
#ifndef HF_PATHS_FEATURES_H
#define HF_PATHS_FEATURES_H

#include <headflow/paths.h>

struct hf_paths_features {
    size_t count, width, paths; /* P, N_0, M */
    double *phi;                /* shape (M, P, N_0) */
};

/* mixed_k = sum_pi matrix[pi, k] phi_pi. matrix: shape (M, M); mixed: shape (M, P, N_0) */
void hf_paths_mix(const hf_paths_features *features, const double *matrix, double *mixed);

#endif
