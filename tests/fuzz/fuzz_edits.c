#include "fuzz_edits.h"

#include <math.h>
#include <netcdf.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUPS_MAX = 16, NAMES_MAX = 256 };

/* HDF5 keeps lists for itself that the leak check cannot follow, NetCDF loses attributes that are
 * overwritten. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libhdf5";
}

static double odd_number(fuzz_bytes *bytes) {
    static const double numbers[] = {NAN,  INFINITY, -INFINITY, 0,    -1,   1,    2,     0.5,
                                     1e18, 1e300,    -1e300,    1e19, 2048, 1e10, 1e-30, 3};
    return numbers[fuzz_choice(bytes, sizeof numbers / sizeof *numbers)];
}

static int choose_group(int id, fuzz_bytes *bytes) {
    int groups[GROUPS_MAX], count = 0;
    while (nc_inq_grps(id, &count, NULL) == NC_NOERR && count > 0 && count <= GROUPS_MAX &&
           fuzz_choice(bytes, 2) == 1) {
        nc_inq_grps(id, &count, groups);
        id = groups[fuzz_choice(bytes, (size_t)count)];
    }
    return id;
}

static int choose_variable(int id, fuzz_bytes *bytes) {
    int count = 0;
    nc_inq_nvars(id, &count);
    return count > 0 ? (int)fuzz_choice(bytes, (size_t)count) : -1;
}

static void edit_attribute(int id, int variable, fuzz_bytes *bytes) {
    int count = 0;
    char name[NC_MAX_NAME + 1] = "";
    nc_inq_varnatts(id, variable, &count);
    if (count <= 0 || nc_inq_attname(id, variable, (int)fuzz_choice(bytes, (size_t)count), name) != NC_NOERR)
        return;
    char text[256];
    size_t length = 0;
    double numbers[] = {odd_number(bytes), 1};
    switch (fuzz_choice(bytes, 4)) {
    case 0:
        nc_del_att(id, variable, name);
        break;
    case 1:
        nc_put_att_double(id, variable, name, NC_DOUBLE, fuzz_choice(bytes, 3), numbers);
        break;
    case 2:
        while (length < sizeof text && bytes->size > 0)
            text[length++] = (char)fuzz_byte(bytes);
        nc_put_att_text(id, variable, name, length, text);
        break;
    default:
        nc_put_att_string(id, variable, name, 1, (const char *[]){"a"});
    }
}

/* A number, or an empty or a long name, at some place of a variable. */
static void edit_value(int id, int variable, fuzz_bytes *bytes) {
    int rank = 0, dims[NC_MAX_VAR_DIMS];
    nc_type type = NC_DOUBLE;
    size_t place[NC_MAX_VAR_DIMS] = {0};
    if (nc_inq_var(id, variable, NULL, &type, &rank, dims, NULL) != NC_NOERR)
        return;
    for (int k = 0; k < rank; k++) {
        size_t length = 0;
        nc_inq_dimlen(id, dims[k], &length);
        place[k] = length > 0 ? (fuzz_choice(bytes, 256) * 37) % length : 0;
    }
    static const char *const texts[] = {"", "a", "weight", "a name that is too long for a coordinate"};
    const char *text = texts[fuzz_choice(bytes, 4)];
    double value = odd_number(bytes);
    if (type == NC_STRING)
        nc_put_var1_string(id, variable, place, &text);
    else
        nc_put_var1_double(id, variable, place, &value);
}

/* Another variable in the place of one: another type, other dimensions. */
static void edit_shape(int id, int variable, fuzz_bytes *bytes) {
    static const nc_type types[] = {NC_DOUBLE, NC_INT64, NC_STRING, NC_CHAR, NC_UBYTE, NC_FLOAT};
    int count = 0, ids[NAMES_MAX], dims[6], fresh;
    char name[NC_MAX_NAME + 1] = "", old[NC_MAX_NAME + 8];
    nc_inq_dimids(id, &count, NULL, 1);
    if (nc_inq_varname(id, variable, name) != NC_NOERR || count <= 0 || count > NAMES_MAX)
        return;
    nc_inq_dimids(id, &count, ids, 1);
    size_t rank = fuzz_choice(bytes, 7);
    for (size_t k = 0; k < rank; k++)
        dims[k] = ids[fuzz_choice(bytes, (size_t)count)];
    snprintf(old, sizeof old, "%.200s_old", name);
    nc_rename_var(id, variable, old);
    nc_def_var(id, name, types[fuzz_choice(bytes, 6)], (int)rank, dims, &fresh);
}

/* A dimension of another length in the place of one, for the variables that edit_shape makes. */
static void edit_dimension(int id, fuzz_bytes *bytes) {
    static const size_t lengths[] = {NC_UNLIMITED, 1, 2, 3, 7, 4096, (size_t)1 << 31, (size_t)1 << 62};
    int count = 0, ids[NAMES_MAX], fresh;
    char name[NC_MAX_NAME + 1] = "", old[NC_MAX_NAME + 8];
    nc_inq_dimids(id, &count, NULL, 0);
    if (count <= 0 || count > NAMES_MAX)
        return;
    nc_inq_dimids(id, &count, ids, 0);
    int dim = ids[fuzz_choice(bytes, (size_t)count)];
    nc_inq_dimname(id, dim, name);
    snprintf(old, sizeof old, "%.200s_old", name);
    nc_rename_dim(id, dim, old);
    if (fuzz_choice(bytes, 2) == 1)
        nc_def_dim(id, name, lengths[fuzz_choice(bytes, 8)], &fresh);
}

static void edit(int id, fuzz_bytes *bytes) {
    int group = choose_group(id, bytes), variable = choose_variable(group, bytes);
    switch (fuzz_choice(bytes, 8)) {
    case 0:
    case 1:
        edit_attribute(group, NC_GLOBAL, bytes);
        break;
    case 2:
        edit_attribute(group, variable, bytes);
        break;
    case 3:
    case 4:
        edit_value(group, variable, bytes);
        break;
    case 5:
        edit_shape(group, variable, bytes);
        break;
    case 6:
        edit_dimension(group, bytes);
        break;
    default:
        nc_rename_var(group, variable, "renamed");
    }
}

/* Whether a process of its own comes through: NetCDF 4.9.0 crashes on some changes of names as it writes
 * them, and HDF5 1.10.8 on some of what it has written as it opens it. */
static bool comes_through(const char *path, bool (*work)(const char *path, void *self), void *self) {
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        _exit(!work(path, self));
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

typedef struct edits {
    size_t count;
    fuzz_bytes *bytes;
} edits;

static bool edit_all(const char *path, void *self) {
    const edits *all = self;
    int id;
    if (nc_open(path, NC_WRITE, &id) != NC_NOERR)
        return false;
    for (size_t k = 0; k < all->count && all->bytes->size > 0; k++)
        edit(id, all->bytes);
    return nc_close(id) == NC_NOERR;
}

static bool opens(const char *path, void *self) {
    (void)self;
    int id;
    if (nc_open(path, NC_NOWRITE, &id) == NC_NOERR)
        nc_close(id);
    return true;
}

bool fuzz_edit(const char *path, size_t count, fuzz_bytes *bytes) {
    edits all = {count, bytes};
    return comes_through(path, edit_all, &all) && comes_through(path, opens, NULL);
}
