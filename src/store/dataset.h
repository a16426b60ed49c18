/* NetCDF-4 files as the rest of headflow sees them: dimensions, variables and attributes by name, every
 * failure one line with file, name and reason. dataset.c is the only file that includes netcdf.h.
 *
 * A file is written under PATH.part and gets its name when it is complete: whoever is killed on the way
 * leaves the old file, if there was one, as it was. */
#ifndef HF_STORE_DATASET_H
#define HF_STORE_DATASET_H

#include <headflow/grid.h>

typedef struct hf_dataset hf_dataset;

enum {
    HF_RANK_MAX = 1 + HF_DIM_MAX,
    HF_CHUNK_MAX = 1 << 19 /* doubles in a chunk, 4 MiB: what is compressed, checked and cached as a whole */
};

/* A variable to define: float64 (int64 where `integer`), checksummed; compressed from two dimensions on. */
typedef struct hf_variable {
    const char *name;
    const char *dims[HF_RANK_MAX + 1]; /* names, the slowest first; ends with NULL */
    const char *units, *long_name;     /* units NULL: none */
    size_t records; /* entries of the first dimension in a chunk, > 0 if it is unlimited; 0: all */
    bool integer;
} hf_variable;

/* ---- writing ---------------------------------------------------------------------------------------- */

/* Missing folders above the path are created.
 * HF_ERR_IO also when another process is writing the same file. */
hf_status hf_dataset_create(hf_error *error, const char *path, hf_dataset **out);

/* Close, flush to disk, and rename PATH.part to PATH. Nothing can be written afterwards. */
hf_status hf_dataset_finish(hf_error *error, hf_dataset *dataset);

/* Close; a file that was being written and was not finished is removed. */
void hf_dataset_destroy(hf_dataset **dataset);

/* length 0: unlimited. */
hf_status hf_dataset_dimension(hf_error *error, hf_dataset *dataset, const char *name, size_t length);

hf_status hf_dataset_define(hf_error *error, hf_dataset *dataset, const hf_variable *variable);

/* A dimension of `count` entries with their names as its coordinate variable. */
hf_status hf_dataset_define_names(hf_error *error, hf_dataset *dataset, const char *name,
                                  const char *long_name, size_t count, const char *const names[]);

/* Attributes of a variable, or of the whole file when `variable` is NULL. */
hf_status hf_dataset_set_text(hf_error *error, hf_dataset *dataset, const char *variable, const char *name,
                              const char *text);
hf_status hf_dataset_set_number(hf_error *error, hf_dataset *dataset, const char *name, double value);
hf_status hf_dataset_set_integer(hf_error *error, hf_dataset *dataset, const char *name, long value);

/* Write entries first .. first + count - 1 of the first dimension, all of the others. */
hf_status hf_dataset_put(hf_error *error, hf_dataset *dataset, const char *variable, size_t first,
                         size_t count, const double *values);

/* ---- reading ---------------------------------------------------------------------------------------- */

hf_status hf_dataset_open(hf_error *error, const char *path, hf_dataset **out);

const char *hf_dataset_path(const hf_dataset *dataset);
const char *hf_dataset_library(void); /* the version of the NetCDF library */
bool hf_dataset_has(const hf_dataset *dataset, const char *variable);

hf_status hf_dataset_length(hf_error *error, const hf_dataset *dataset, const char *dimension, size_t *out);

/* Entries first .. first + count - 1 of the first dimension, `width` values each.
 * HF_ERR_IO when the variable has another shape.
 * values: shape (count, width) */
hf_status hf_dataset_get(hf_error *error, const hf_dataset *dataset, const char *variable, size_t first,
                         size_t count, size_t width, double *values);

/* The entries of a variable of names; each ends up in HF_NAME_MAX characters.
 * names: shape (count) */
hf_status hf_dataset_get_names(hf_error *error, const hf_dataset *dataset, const char *variable, size_t count,
                               char names[][HF_NAME_MAX]);

/* Attributes, as above; a text is on the heap: free it with free(). */
hf_status hf_dataset_get_text(hf_error *error, const hf_dataset *dataset, const char *variable,
                              const char *name, char **out);
hf_status hf_dataset_get_number(hf_error *error, const hf_dataset *dataset, const char *name, double *out);

#endif
