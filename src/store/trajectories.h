/* Head trajectories in memory or behind a file: what the readers of the formats fill. */
#ifndef HF_STORE_TRAJECTORIES_H
#define HF_STORE_TRAJECTORIES_H

#include "store/dataset.h"

#include <headflow/store.h>

struct hf_trajectories {
    char *path;
    char *problem; /* fingerprint; NULL where the file does not say */
    size_t dim;
    size_t seeds, times, ensembles;
    long *seed;            /* shape (seeds) */
    double *time;          /* shape (times) */
    hf_ensemble *ensemble; /* shape (ensembles) */

    hf_dataset *dataset; /* NetCDF: the file, and */
    hf_dataset **group;  /* shape (ensembles): where the theta of each is; NULL: in the file itself */
    double *theta;       /* CSV: shape (seeds, times, N, D), of the one ensemble */
};

/* Fill everything from CSV. On failure what was filled remains to be destroyed. */
hf_status hf_trajectories_read_csv(hf_error *error, const char *const coordinates[], hf_trajectories *out);

#endif
