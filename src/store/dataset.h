/* NetCDF-4 files as the rest of headflow sees them: dimensions, variables and attributes by name, every
 * failure one line with file, name and reason. dataset.c is the only file that includes netcdf.h.
 *
 * A file is written under PATH.part and gets its name when it is complete: whoever is killed on the way
 * leaves the old file, if there was one, as it was. */
#ifndef HF_STORE_DATASET_H
#define HF_STORE_DATASET_H

#include <headflow/grid.h>

typedef struct hf_dataset hf_dataset;

/* What NetCDF puts where nothing has been written. */
#define HF_FILL 9.9692099683868690e+36

/* The largest whole number that a file may give as a double: those below are exact. */
#define HF_WHOLE_MAX 9007199254740992.0

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

/* The same in a folder that must be there: one that somebody has removed is not made again. */
hf_status hf_dataset_create_there(hf_error *error, const char *path, hf_dataset **out);

/* Close, flush to disk, and rename PATH.part to PATH. Nothing can be written afterwards. */
hf_status hf_dataset_finish(hf_error *error, hf_dataset *dataset);

/* Close; a file that was being written and was not finished is removed. */
void hf_dataset_destroy(hf_dataset **dataset);

/* ---- groups ----------------------------------------------------------------------------------------- */

/* A subgroup, created in a file that is written, opened in one that is read. The dimensions of its parents
 * are its own; variables and attributes are not. It must be destroyed before the file is. */
hf_status hf_dataset_group(hf_error *error, hf_dataset *dataset, const char *name, hf_dataset **out);

/* The subgroups in the order in which they were made. */
hf_status hf_dataset_groups(hf_error *error, const hf_dataset *dataset, size_t *count);
hf_status hf_dataset_group_at(hf_error *error, hf_dataset *dataset, size_t index, hf_dataset **out);

/* ---- definitions ------------------------------------------------------------------------------------ */

/* length 0: unlimited. */
hf_status hf_dataset_dimension(hf_error *error, hf_dataset *dataset, const char *name, size_t length);

hf_status hf_dataset_define(hf_error *error, hf_dataset *dataset, const hf_variable *variable);

/* A dimension of `count` entries with their names as its coordinate variable. */
hf_status hf_dataset_define_names(hf_error *error, hf_dataset *dataset, const char *name,
                                  const char *long_name, size_t count, const char *const names[]);

/* Texts along a dimension that is there. texts: shape (its length) */
hf_status hf_dataset_define_texts(hf_error *error, hf_dataset *dataset, const char *name,
                                  const char *dimension, const char *long_name, const char *const texts[]);

/* Attributes of a variable, or of the whole file when `variable` is NULL. */
hf_status hf_dataset_set_text(hf_error *error, hf_dataset *dataset, const char *variable, const char *name,
                              const char *text);
/* What the numbers 0, 1, .. of an integer variable stand for: words with blanks between them. */
hf_status hf_dataset_set_flags(hf_error *error, hf_dataset *dataset, const char *variable, size_t count,
                               const char *meanings);
hf_status hf_dataset_set_number(hf_error *error, hf_dataset *dataset, const char *name, double value);
hf_status hf_dataset_set_integer(hf_error *error, hf_dataset *dataset, const char *name, long value);

/* Write entries first .. first + count - 1 of the first dimension, all of the others. */
hf_status hf_dataset_put(hf_error *error, hf_dataset *dataset, const char *variable, size_t first,
                         size_t count, const double *values);

/* Write entries first .. first + count - 1 of the second dimension in one entry of the first, all of the
 * others. */
hf_status hf_dataset_put_within(hf_error *error, hf_dataset *dataset, const char *variable, size_t entry,
                                size_t first, size_t count, const double *values);

/* ---- reading ---------------------------------------------------------------------------------------- */

hf_status hf_dataset_open(hf_error *error, const char *path, hf_dataset **out);

const char *hf_dataset_path(const hf_dataset *dataset);
bool hf_dataset_has(const hf_dataset *dataset, const char *variable);
bool hf_dataset_has_attribute(const hf_dataset *dataset, const char *name);
bool hf_dataset_has_dimension(const hf_dataset *dataset, const char *name);

hf_status hf_dataset_length(hf_error *error, const hf_dataset *dataset, const char *dimension, size_t *out);

/* Whether a variable has these dimensions, names that end with NULL; and their lengths.
 * HF_ERR_IO when it has others, or more values than the bytes of the file can hold: the product of the
 * lengths is then safe to allocate. lengths: shape (HF_RANK_MAX) */
hf_status hf_dataset_shape(hf_error *error, const hf_dataset *dataset, const char *variable,
                           const char *const dims[], size_t *lengths);

/* Entries first .. first + count - 1 of the first dimension, `width` values each.
 * HF_ERR_IO when the variable has another shape.
 * values: shape (count, width) */
hf_status hf_dataset_get(hf_error *error, const hf_dataset *dataset, const char *variable, size_t first,
                         size_t count, size_t width, double *values);

/* The entries of a variable of names, each in HF_NAME_MAX characters. HF_ERR_IO when one is longer.
 * names: shape (count) */
hf_status hf_dataset_get_names(hf_error *error, const hf_dataset *dataset, const char *variable, size_t count,
                               char names[][HF_NAME_MAX]);

/* Attributes, as above; a text is on the heap: free it with free(). */
hf_status hf_dataset_get_text(hf_error *error, const hf_dataset *dataset, const char *variable,
                              const char *name, char **out);
/* A global text, cut to the size of its field. field: shape (size) */
hf_status hf_dataset_copy_text(hf_error *error, const hf_dataset *dataset, const char *name, size_t size,
                               char *field);
hf_status hf_dataset_get_number(hf_error *error, const hf_dataset *dataset, const char *name, double *out);

#endif
