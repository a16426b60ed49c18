/* Examples with their attention, from files to path features: docs/paths.md, section 3. */
#ifndef HF_STORE_PATHS_DATA_H
#define HF_STORE_PATHS_DATA_H

#include <headflow/paths.h>

enum { HF_TRAIN, HF_TEST, HF_SETS };
extern const char *const hf_paths_sets[HF_SETS]; /* "train", "test" */

/* The training or the test examples as a file has them. */
typedef struct hf_paths_set {
    size_t count, features, tokens;
    double *inputs;                         /* shape (count, features, tokens) */
    double *labels;                         /* shape (count) */
    double *attention[HF_PATHS_LAYERS_MAX]; /* shape (count, H_l, tokens, queries) */
    bool applied;                           /* the last layer has one query: the readout is applied */
} hf_paths_set;

void hf_paths_set_clear(hf_paths_set *set);

/* sets: shape (HF_SETS), zero before; to be cleared whatever the status
 * HF_ERR_IO for a file that cannot be read or has other shapes than the network asks for */
hf_status hf_paths_read_netcdf(hf_error *error, const char *path, const hf_paths_network *network,
                               hf_paths_set *sets);

/* HF_ERR_INPUT with file, line and column for rows that do not fit together or with the network. */
hf_status hf_paths_read_csv(hf_error *error, const char *examples, const char *attention,
                            const hf_paths_network *network, hf_paths_set *sets);

/* Path features of both sets. data: to be cleared whatever the status */
hf_status hf_paths_data_create(hf_error *error, const hf_paths_network *network, hf_paths_readout readout,
                               hf_paths_set *sets, hf_paths_data *data);

#endif
