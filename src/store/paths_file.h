/* paths.nc: docs/paths.md, section 4. */
#ifndef HF_STORE_PATHS_FILE_H
#define HF_STORE_PATHS_FILE_H

#include <headflow/store.h>

/* What figures and the report tell of a paths.nc. Arrays over networks have the Gaussian limit last. */
struct hf_paths_record {
    char name[HF_TITLE_MAX], title[HF_TITLE_MAX];
    size_t seeds, networks;   /* networks: with the limit */
    hf_paths_network network; /* heads, layers, variances and temperature; no widths */
    size_t train, test, paths, heads;
    bool pruned;
    double *width;     /* N_1; INFINITY: the limit; shape (networks) */
    double *widths;    /* N_1 .. N_L, N_a; shape (networks, L + 1) */
    double *accuracy;  /* shape (seeds, networks) */
    double *error;     /* shape (seeds, networks) */
    double *residual;  /* shape (seeds, networks); NAN: the limit */
    double *order;     /* U_1, mean over seeds; shape (networks, M, M) */
    double *alignment; /* mean over seeds; shape (networks, P) */
    double *scores;    /* mean over seeds; shape (networks, heads) */
    double *pruning;   /* accuracy, mean over seeds; shape (networks, heads - L + 1) */
};

/* Mean and standard deviation over seeds of an entry of an array of shape (seeds, networks). */
void hf_paths_record_spread(const hf_paths_record *record, const double *array, size_t network, double *mean,
                            double *deviation);

/* Whether a network has widths that differ. */
bool hf_paths_record_uneven(const hf_paths_record *record);

/* The widths of a network, "10" or "7,4,3"; text: shape (HF_PATHS_WIDTHS_TEXT) */
void hf_paths_record_widths(const hf_paths_record *record, size_t network, char *text);

/* A path as the heads on it, "1.2"; text: shape (size) */
void hf_paths_record_label(const hf_paths_record *record, size_t path, size_t size, char *text);

#endif
