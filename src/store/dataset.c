/* NetCDF-4 files by name: docs/formats.md. The only file that includes netcdf.h. */
#include "store/dataset.h"
#include "store/path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netcdf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEFLATE_LEVEL = 1,
    DEFLATE_MOST = 1032 /* bytes that one compressed byte can hold at most */
};

struct hf_dataset {
    int id;
    bool open;
    bool written;            /* rather than read */
    size_t bytes;            /* of a file that is read */
    char *path;              /* as the caller named it; with the group's name behind it */
    char *part;              /* where it is until it is finished; NULL when reading, and of a group */
    int lock;                /* the file that it is writing, while it is locked; else -1 */
    const hf_dataset *whole; /* of a group: the file, which outlives it; else NULL */
};

/* ---- failures --------------------------------------------------------------------------------------- */

enum { PROBE_BYTES = 4096, PROBES = 512 };

/* Why the file cannot be written, which NetCDF does not tell: the reason why a few more bytes at its end
 * cannot, or 0. The file is unfinished and goes. */
static int find_reason(const hf_dataset *dataset) {
    static const char zeros[PROBE_BYTES];
    const char *part = dataset->whole != NULL ? dataset->whole->part : dataset->part;
    int file = part != NULL ? open(part, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    int reason = file < 0 && part != NULL ? errno : 0;
    for (int i = 0; file >= 0 && reason == 0 && i < PROBES; i++)
        if (write(file, zeros, sizeof zeros) < 0)
            reason = errno;
    if (file >= 0)
        close(file);
    return reason;
}

/* One line from a NetCDF code; `what` is a verb, `name` what it was done to. */
static hf_status check(hf_error *error, const hf_dataset *dataset, int code, const char *what,
                       const char *name) {
    if (code == NC_NOERR)
        return HF_OK;
    int reason = dataset->written ? find_reason(dataset) : 0;
    return hf_raise(error, HF_ERR_IO, "%s: cannot %s %s: %s", dataset->path, what, name,
                    reason != 0 ? strerror(reason) : nc_strerror(code));
}

static hf_status variable_id(hf_error *error, const hf_dataset *dataset, const char *variable, int *id) {
    *id = NC_GLOBAL;
    if (variable == NULL || nc_inq_varid(dataset->id, variable, id) == NC_NOERR)
        return HF_OK;
    return hf_raise(error, HF_ERR_IO, "%s: has no variable '%s'; expected a file of headflow", dataset->path,
                    variable);
}

/* Lengths of the dimensions of a variable; lengths: shape (HF_RANK_MAX) */
static hf_status variable_shape(hf_error *error, const hf_dataset *dataset, const char *variable, int id,
                                size_t *rank, size_t *lengths) {
    int count, dims[HF_RANK_MAX];
    HF_TRY(check(error, dataset, nc_inq_varndims(dataset->id, id, &count), "read", variable));
    if (count < 1 || count > HF_RANK_MAX)
        return hf_raise(error, HF_ERR_IO, "%s: '%s' has %d dimensions; expected 1 to %d", dataset->path,
                        variable, count, HF_RANK_MAX);
    HF_TRY(check(error, dataset, nc_inq_vardimid(dataset->id, id, dims), "read", variable));
    for (int i = 0; i < count; i++)
        HF_TRY(check(error, dataset, nc_inq_dimlen(dataset->id, dims[i], &lengths[i]), "read", variable));
    *rank = (size_t)count;
    return HF_OK;
}

/* ---- opening and closing ---------------------------------------------------------------------------- */

static hf_status dataset_allocate(hf_error *error, const char *path, hf_dataset **out) {
    HF_TRY(hf_allocate(error, 1, sizeof **out, (void **)out));
    (*out)->lock = -1;
    hf_status status = hf_string_copy(error, path, &(*out)->path);
    if (status != HF_OK)
        hf_dataset_destroy(out);
    return status;
}

/* HDF5 locks what it opens, unless it is told not to, as on many clusters: then the lock is ours to keep. */
static bool hdf5_locks(void) {
    const char *told = getenv("HDF5_USE_FILE_LOCKING");
    return told == NULL || (strcmp(told, "FALSE") != 0 && strcmp(told, "0") != 0);
}

/* Whether this process may write the file and no other is writing it: NetCDF's own errors do not tell. A file
 * that blocks, as a pipe does, is none. */
static hf_status claim(hf_error *error, const char *path, int *lock) {
    struct stat status;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (file < 0)
        return hf_raise(error, HF_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    bool regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    bool busy = regular && flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (regular && !busy && !hdf5_locks())
        *lock = file;
    else
        close(file);
    if (!regular)
        return hf_raise(error, HF_ERR_IO, "%s: cannot write: not a file", path);
    return busy ? hf_raise(error, HF_ERR_IO, "%s: another run is writing this file", path) : HF_OK;
}

static hf_status dataset_begin(hf_error *error, hf_dataset *dataset) {
    char *part;
    HF_TRY(hf_allocate(error, strlen(dataset->path) + sizeof ".part", 1, &part));
    sprintf(part, "%s.part", dataset->path);
    hf_status status = claim(error, part, &dataset->lock);
    if (status != HF_OK) {
        free(part);
        return status;
    }
    dataset->part = part;
    dataset->written = true;
    HF_TRY(check(error, dataset, nc_create(part, NC_NETCDF4 | NC_CLOBBER, &dataset->id), "create", part));
    dataset->open = true;
    return HF_OK;
}

hf_status hf_dataset_create(hf_error *error, const char *path, hf_dataset **out) {
    *out = NULL;
    HF_TRY(hf_folder_create_for(error, path));
    return hf_dataset_create_there(error, path, out);
}

hf_status hf_dataset_create_there(hf_error *error, const char *path, hf_dataset **out) {
    *out = NULL;
    HF_TRY(dataset_allocate(error, path, out));
    hf_status status = dataset_begin(error, *out);
    if (status != HF_OK)
        hf_dataset_destroy(out);
    return status;
}

/* Make a file or a folder safe on disk. */
static hf_status flush(hf_error *error, const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool done = file >= 0 && fsync(file) == 0;
    int reason = errno;
    if (file >= 0)
        close(file);
    if (!done)
        return hf_raise(error, HF_ERR_IO, "%s: cannot flush to disk: %s", path, strerror(reason));
    return HF_OK;
}

static hf_status put_in_place(hf_error *error, hf_dataset *dataset, const char *folder) {
    dataset->open = false;
    HF_TRY(check(error, dataset, nc_close(dataset->id), "close", dataset->part));
    HF_TRY(flush(error, dataset->part));
    if (rename(dataset->part, dataset->path) != 0)
        return hf_raise(error, HF_ERR_IO, "%s: cannot replace the file: %s", dataset->path, strerror(errno));
    free(dataset->part);
    dataset->part = NULL;
    return flush(error, folder);
}

hf_status hf_dataset_finish(hf_error *error, hf_dataset *dataset) {
    char *folder;
    HF_TRY(hf_path_folder(error, dataset->path, &folder));
    hf_status status = put_in_place(error, dataset, folder);
    free(folder);
    return status;
}

void hf_dataset_destroy(hf_dataset **dataset) {
    if (dataset == NULL || *dataset == NULL)
        return;
    if ((*dataset)->open)
        nc_close((*dataset)->id);
    if ((*dataset)->part != NULL)
        unlink((*dataset)->part);
    if ((*dataset)->lock >= 0)
        close((*dataset)->lock);
    free((*dataset)->part);
    free((*dataset)->path);
    free(*dataset);
    *dataset = NULL;
}

hf_status hf_dataset_open(hf_error *error, const char *path, hf_dataset **out) {
    *out = NULL;
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return hf_raise(error, HF_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    bool regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    close(file);
    if (!regular)
        return hf_raise(error, HF_ERR_IO, "%s: cannot read: not a file", path);
    HF_TRY(dataset_allocate(error, path, out));
    (*out)->bytes = (size_t)status.st_size;
    int code = nc_open(path, NC_NOWRITE, &(*out)->id);
    (*out)->open = code == NC_NOERR;
    if ((*out)->open)
        return HF_OK;
    hf_dataset_destroy(out);
    return hf_raise(error, HF_ERR_IO, "%s: not a NetCDF file, or damaged (%s)", path, nc_strerror(code));
}

const char *hf_dataset_path(const hf_dataset *dataset) {
    return dataset->path;
}

/* ---- groups ----------------------------------------------------------------------------------------- */

static hf_status group_allocate(hf_error *error, const hf_dataset *dataset, const char *name, int id,
                                hf_dataset **out) {
    char *path;
    HF_TRY(hf_path_join(error, dataset->path, name, &path));
    hf_status status = dataset_allocate(error, path, out);
    free(path);
    HF_TRY(status);
    (*out)->id = id;
    (*out)->written = dataset->written;
    (*out)->bytes = dataset->bytes;
    (*out)->whole = dataset->whole != NULL ? dataset->whole : dataset;
    return HF_OK;
}

hf_status hf_dataset_group(hf_error *error, hf_dataset *dataset, const char *name, hf_dataset **out) {
    *out = NULL;
    int id;
    int code = dataset->written ? nc_def_grp(dataset->id, name, &id) : nc_inq_ncid(dataset->id, name, &id);
    HF_TRY(check(error, dataset, code, dataset->written ? "create group" : "find group", name));
    return group_allocate(error, dataset, name, id, out);
}

hf_status hf_dataset_groups(hf_error *error, const hf_dataset *dataset, size_t *count) {
    int number;
    HF_TRY(check(error, dataset, nc_inq_grps(dataset->id, &number, NULL), "read", "groups"));
    *count = (size_t)number;
    return HF_OK;
}

hf_status hf_dataset_group_at(hf_error *error, hf_dataset *dataset, size_t index, hf_dataset **out) {
    *out = NULL;
    size_t count;
    int *ids, number;
    char name[NC_MAX_NAME + 1];
    HF_TRY(hf_dataset_groups(error, dataset, &count));
    HF_TRY(hf_allocate(error, count, sizeof *ids, &ids));
    int code = nc_inq_grps(dataset->id, &number, ids), id = index < count ? ids[index] : -1;
    free(ids);
    if (code == NC_NOERR)
        code = nc_inq_grpname(id, name);
    HF_TRY(check(error, dataset, code, "read", "groups"));
    return group_allocate(error, dataset, name, id, out);
}

/* ---- definitions ------------------------------------------------------------------------------------ */

hf_status hf_dataset_dimension(hf_error *error, hf_dataset *dataset, const char *name, size_t length) {
    int id;
    return check(error, dataset, nc_def_dim(dataset->id, name, length == 0 ? NC_UNLIMITED : length, &id),
                 "define dimension", name);
}

/* Chunk extents: whole records, as many as asked for and as fit; a record that is too large itself is cut
 * along its slowest dimensions. lengths: shape (rank), overwritten */
static void cut_chunks(size_t rank, size_t *lengths) {
    size_t total = 1;
    for (size_t i = 0; i < rank; i++)
        total *= lengths[i];
    for (size_t i = 0; i < rank && total > HF_CHUNK_MAX; i++) {
        size_t rest = total / lengths[i];
        lengths[i] = rest >= HF_CHUNK_MAX ? 1 : HF_CHUNK_MAX / rest;
        total = rest * lengths[i];
    }
}

static hf_status define_storage(hf_error *error, hf_dataset *dataset, const hf_variable *variable, int id) {
    size_t rank, lengths[HF_RANK_MAX];
    HF_TRY(variable_shape(error, dataset, variable->name, id, &rank, lengths));
    if (variable->records > 0)
        lengths[0] = variable->records;
    cut_chunks(rank, lengths);
    int code = nc_def_var_chunking(dataset->id, id, NC_CHUNKED, lengths);
    if (code == NC_NOERR)
        code = nc_def_var_fletcher32(dataset->id, id, NC_FLETCHER32);
    if (code == NC_NOERR && rank > 1)
        code = nc_def_var_deflate(dataset->id, id, NC_SHUFFLE, 1, DEFLATE_LEVEL);
    return check(error, dataset, code, "define the storage of", variable->name);
}

hf_status hf_dataset_define(hf_error *error, hf_dataset *dataset, const hf_variable *variable) {
    int rank = 0, dims[HF_RANK_MAX], id;
    for (; variable->dims[rank] != NULL; rank++)
        HF_TRY(check(error, dataset, nc_inq_dimid(dataset->id, variable->dims[rank], &dims[rank]),
                     "find dimension", variable->dims[rank]));
    nc_type type = variable->integer ? NC_INT64 : NC_DOUBLE;
    HF_TRY(check(error, dataset, nc_def_var(dataset->id, variable->name, type, rank, dims, &id),
                 "define variable", variable->name));
    HF_TRY(define_storage(error, dataset, variable, id));
    if (variable->units != NULL)
        HF_TRY(hf_dataset_set_text(error, dataset, variable->name, "units", variable->units));
    return hf_dataset_set_text(error, dataset, variable->name, "long_name", variable->long_name);
}

hf_status hf_dataset_define_texts(hf_error *error, hf_dataset *dataset, const char *name,
                                  const char *dimension, const char *long_name, const char *const texts[]) {
    int dim, id;
    size_t count;
    HF_TRY(hf_dataset_length(error, dataset, dimension, &count));
    int code = nc_inq_dimid(dataset->id, dimension, &dim);
    if (code == NC_NOERR)
        code = nc_def_var(dataset->id, name, NC_STRING, 1, &dim, &id);
    HF_TRY(check(error, dataset, code, "define variable", name));
    HF_TRY(hf_dataset_set_text(error, dataset, name, "long_name", long_name));
    for (size_t i = 0; i < count; i++)
        HF_TRY(check(error, dataset, nc_put_var1_string(dataset->id, id, &i, (const char **)&texts[i]),
                     "write", name));
    return HF_OK;
}

hf_status hf_dataset_define_names(hf_error *error, hf_dataset *dataset, const char *name,
                                  const char *long_name, size_t count, const char *const names[]) {
    HF_TRY(hf_dataset_dimension(error, dataset, name, count));
    return hf_dataset_define_texts(error, dataset, name, name, long_name, names);
}

hf_status hf_dataset_set_text(hf_error *error, hf_dataset *dataset, const char *variable, const char *name,
                              const char *text) {
    int id;
    HF_TRY(variable_id(error, dataset, variable, &id));
    return check(error, dataset, nc_put_att_text(dataset->id, id, name, strlen(text), text),
                 "write attribute", name);
}

hf_status hf_dataset_set_flags(hf_error *error, hf_dataset *dataset, const char *variable, size_t count,
                               const char *meanings) {
    enum { FLAGS_MAX = 16 };
    long long values[FLAGS_MAX];
    int id;
    assert(count <= FLAGS_MAX);
    for (size_t i = 0; i < count; i++)
        values[i] = (long long)i;
    HF_TRY(variable_id(error, dataset, variable, &id));
    HF_TRY(check(error, dataset, nc_put_att_longlong(dataset->id, id, "flag_values", NC_INT64, count, values),
                 "write attribute", "flag_values"));
    return hf_dataset_set_text(error, dataset, variable, "flag_meanings", meanings);
}

hf_status hf_dataset_set_number(hf_error *error, hf_dataset *dataset, const char *name, double value) {
    return check(error, dataset, nc_put_att_double(dataset->id, NC_GLOBAL, name, NC_DOUBLE, 1, &value),
                 "write attribute", name);
}

hf_status hf_dataset_set_integer(hf_error *error, hf_dataset *dataset, const char *name, long value) {
    return check(error, dataset, nc_put_att_long(dataset->id, NC_GLOBAL, name, NC_INT64, 1, &value),
                 "write attribute", name);
}

/* ---- values ----------------------------------------------------------------------------------------- */

/* Start and extent of entries first .. first + count - 1; start, extent: shape (HF_RANK_MAX) */
static hf_status select_entries(hf_error *error, const hf_dataset *dataset, const char *variable,
                                size_t first, size_t count, int *id, size_t *rank, size_t *start,
                                size_t *extent) {
    HF_TRY(variable_id(error, dataset, variable, id));
    HF_TRY(variable_shape(error, dataset, variable, *id, rank, extent));
    memset(start, 0, *rank * sizeof *start);
    start[0] = first;
    extent[0] = count;
    return HF_OK;
}

hf_status hf_dataset_put(hf_error *error, hf_dataset *dataset, const char *variable, size_t first,
                         size_t count, const double *values) {
    int id;
    size_t rank, start[HF_RANK_MAX], extent[HF_RANK_MAX];
    HF_TRY(select_entries(error, dataset, variable, first, count, &id, &rank, start, extent));
    return check(error, dataset, nc_put_vara_double(dataset->id, id, start, extent, values), "write",
                 variable);
}

hf_status hf_dataset_put_within(hf_error *error, hf_dataset *dataset, const char *variable, size_t entry,
                                size_t first, size_t count, const double *values) {
    int id;
    size_t rank, start[HF_RANK_MAX], extent[HF_RANK_MAX];
    HF_TRY(select_entries(error, dataset, variable, entry, 1, &id, &rank, start, extent));
    start[1] = first;
    extent[1] = count;
    return check(error, dataset, nc_put_vara_double(dataset->id, id, start, extent, values), "write",
                 variable);
}

static hf_status refuse_dimensions(hf_error *error, const hf_dataset *dataset, const char *variable,
                                   const char *const dims[]) {
    char expected[HF_RANK_MAX * HF_NAME_MAX] = "";
    for (size_t i = 0; dims[i] != NULL; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s", i == 0 ? "" : ", ", dims[i]);
    }
    return hf_raise(error, HF_ERR_IO, "%s: '%s' has other dimensions; expected (%s)", dataset->path, variable,
                    expected);
}

/* Whether the bytes of the file can hold so many numbers. */
static hf_status check_size(hf_error *error, const hf_dataset *dataset, const char *variable, size_t rank,
                            const size_t *lengths) {
    size_t most = dataset->bytes > SIZE_MAX / DEFLATE_MOST ? SIZE_MAX : dataset->bytes * DEFLATE_MOST;
    size_t count = sizeof(double);
    bool overflow = false;
    for (size_t i = 0; i < rank; i++)
        overflow |= __builtin_mul_overflow(count, lengths[i], &count);
    if (overflow || count > most)
        return hf_raise(error, HF_ERR_IO, "%s: '%s' has more values than a file of %zu bytes can hold",
                        dataset->path, variable, dataset->bytes);
    return HF_OK;
}

hf_status hf_dataset_shape(hf_error *error, const hf_dataset *dataset, const char *variable,
                           const char *const dims[], size_t *lengths) {
    int id, ids[HF_RANK_MAX];
    size_t rank;
    HF_TRY(variable_id(error, dataset, variable, &id));
    HF_TRY(variable_shape(error, dataset, variable, id, &rank, lengths));
    HF_TRY(check(error, dataset, nc_inq_vardimid(dataset->id, id, ids), "read", variable));
    for (size_t i = 0; i < rank || dims[i] != NULL; i++) {
        char name[NC_MAX_NAME + 1] = "";
        if (i < rank && dims[i] != NULL)
            HF_TRY(check(error, dataset, nc_inq_dimname(dataset->id, ids[i], name), "read", variable));
        if (i == rank || dims[i] == NULL || strcmp(name, dims[i]) != 0)
            return refuse_dimensions(error, dataset, variable, dims);
    }
    return check_size(error, dataset, variable, rank, lengths);
}

hf_status hf_dataset_get(hf_error *error, const hf_dataset *dataset, const char *variable, size_t first,
                         size_t count, size_t width, double *values) {
    int id;
    size_t rank, start[HF_RANK_MAX], extent[HF_RANK_MAX], found = 1;
    HF_TRY(select_entries(error, dataset, variable, first, count, &id, &rank, start, extent));
    bool overflow = false;
    for (size_t i = 1; i < rank; i++)
        overflow |= __builtin_mul_overflow(found, extent[i], &found);
    if (overflow || found != width)
        return hf_raise(error, HF_ERR_IO, "%s: '%s' has %zu values an entry; expected %zu", dataset->path,
                        variable, found, width);
    return check(error, dataset, nc_get_vara_double(dataset->id, id, start, extent, values), "read",
                 variable);
}

/* The name of an entry: a string, or a row of letters, as NetCDF-3 and its descendants write them. */
static hf_status get_name(hf_error *error, const hf_dataset *dataset, const char *variable, int id, size_t i,
                          size_t letters, char name[HF_NAME_MAX]) {
    if (letters > 0) {
        size_t start[] = {i, 0}, extent[] = {1, letters};
        return check(error, dataset, nc_get_vara_text(dataset->id, id, start, extent, name), "read",
                     variable);
    }
    char *text = NULL;
    HF_TRY(check(error, dataset, nc_get_var1_string(dataset->id, id, &i, &text), "read", variable));
    int length = snprintf(name, HF_NAME_MAX, "%s", text == NULL ? "" : text);
    nc_free_string(1, &text);
    if (length >= HF_NAME_MAX)
        return hf_raise(error, HF_ERR_IO, "%s: a name in '%s' has %d letters; expected at most %d",
                        dataset->path, variable, length, HF_NAME_MAX - 1);
    return HF_OK;
}

hf_status hf_dataset_get_names(hf_error *error, const hf_dataset *dataset, const char *variable, size_t count,
                               char names[][HF_NAME_MAX]) {
    int id;
    nc_type type;
    size_t rank, lengths[HF_RANK_MAX];
    HF_TRY(variable_id(error, dataset, variable, &id));
    HF_TRY(variable_shape(error, dataset, variable, id, &rank, lengths));
    HF_TRY(check(error, dataset, nc_inq_vartype(dataset->id, id, &type), "read", variable));
    bool rows = type == NC_CHAR && rank == 2 && lengths[1] > 0 && lengths[1] < HF_NAME_MAX;
    if (!rows && !(type == NC_STRING && rank == 1))
        return hf_raise(error, HF_ERR_IO, "%s: '%s' is no list of names of at most %d letters; expected one",
                        dataset->path, variable, HF_NAME_MAX - 1);
    memset(names, 0, count * sizeof *names);
    for (size_t i = 0; i < count; i++)
        HF_TRY(get_name(error, dataset, variable, id, i, rows ? lengths[1] : 0, names[i]));
    return HF_OK;
}

bool hf_dataset_has(const hf_dataset *dataset, const char *variable) {
    int id;
    return nc_inq_varid(dataset->id, variable, &id) == NC_NOERR;
}

bool hf_dataset_has_attribute(const hf_dataset *dataset, const char *name) {
    int id;
    return nc_inq_attid(dataset->id, NC_GLOBAL, name, &id) == NC_NOERR;
}

bool hf_dataset_has_dimension(const hf_dataset *dataset, const char *name) {
    int id;
    return nc_inq_dimid(dataset->id, name, &id) == NC_NOERR;
}

hf_status hf_dataset_length(hf_error *error, const hf_dataset *dataset, const char *dimension, size_t *out) {
    int id;
    int code = nc_inq_dimid(dataset->id, dimension, &id);
    if (code == NC_NOERR)
        code = nc_inq_dimlen(dataset->id, id, out);
    return check(error, dataset, code, "find dimension", dimension);
}

hf_status hf_dataset_get_text(hf_error *error, const hf_dataset *dataset, const char *variable,
                              const char *name, char **out) {
    *out = NULL;
    int id;
    nc_type type;
    size_t length;
    HF_TRY(variable_id(error, dataset, variable, &id));
    int code = nc_inq_att(dataset->id, id, name, &type, &length);
    if (code == NC_NOERR && type != NC_CHAR)
        code = NC_ECHAR;
    HF_TRY(check(error, dataset, code, "read attribute", name));
    HF_TRY(hf_allocate(error, length + 1, 1, (void **)out));
    hf_status status =
        check(error, dataset, nc_get_att_text(dataset->id, id, name, *out), "read attribute", name);
    if (status != HF_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

hf_status hf_dataset_copy_text(hf_error *error, const hf_dataset *dataset, const char *name, size_t size,
                               char *field) {
    char *text;
    HF_TRY(hf_dataset_get_text(error, dataset, NULL, name, &text));
    snprintf(field, size, "%s", text);
    free(text);
    return HF_OK;
}

hf_status hf_dataset_get_number(hf_error *error, const hf_dataset *dataset, const char *name, double *out) {
    size_t length;
    int code = nc_inq_attlen(dataset->id, NC_GLOBAL, name, &length);
    if (code == NC_NOERR)
        code = length == 1 ? nc_get_att_double(dataset->id, NC_GLOBAL, name, out) : NC_EINVAL;
    return check(error, dataset, code, "read attribute", name);
}
