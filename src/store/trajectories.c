/* Head trajectories of any origin: docs/formats.md, section 5. Here those in NetCDF, in the groups that
 * headflow writes or at the root, as others do. Positions stay in the file until they are asked for. */
#include "store/trajectories.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- axes ------------------------------------------------------------------------------------------- */

/* The lengths of `theta`, and whether they agree with the axes. lengths: shape (HF_RANK_MAX) */
static hf_status read_shape(hf_error *error, const hf_trajectories *t, const hf_dataset *group,
                            size_t *lengths) {
    static const char *const dims[] = {"seed", "time", "head", "coordinate", NULL};
    HF_TRY(hf_dataset_shape(error, group, "theta", dims, lengths));
    if (lengths[0] == 0 || lengths[2] == 0)
        return hf_raise(error, HF_ERR_INPUT, "%s: %zu seeds of %zu heads; expected at least one of each",
                        hf_dataset_path(group), lengths[0], lengths[2]);
    if (lengths[3] != t->dim)
        return hf_raise(error, HF_ERR_INPUT, "%s: heads have %zu coordinates; expected the %zu of the case",
                        hf_dataset_path(group), lengths[3], t->dim);
    if (lengths[0] != t->seeds || lengths[1] != t->times)
        return hf_raise(error, HF_ERR_IO, "%s: theta has %zu seeds and %zu times; expected %zu and %zu",
                        hf_dataset_path(group), lengths[0], lengths[1], t->seeds, t->times);
    return HF_OK;
}

static hf_status read_times(hf_error *error, hf_trajectories *t) {
    size_t lengths[HF_RANK_MAX];
    HF_TRY(hf_dataset_shape(error, t->dataset, "time", (const char *const[]){"time", NULL}, lengths));
    t->times = lengths[0];
    HF_TRY(hf_array_create(error, t->times, &t->time));
    HF_TRY(hf_dataset_get(error, t->dataset, "time", 0, t->times, 1, t->time));
    if (t->times == 0 || t->time[0] != 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "%s: no heads at time 0; expected them there, where their coupled copies start",
                        t->path);
    for (size_t n = 1; n < t->times; n++)
        if (!isfinite(t->time[n]) || t->time[n] <= t->time[n - 1])
            return hf_raise(error, HF_ERR_INPUT, "%s: 'time' goes from %g to %g; expected it to increase",
                            t->path, t->time[n - 1], t->time[n]);
    return HF_OK;
}

static int compare_longs(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

/* Two runs with the same random numbers are not two runs. */
static hf_status check_different(hf_error *error, const hf_trajectories *t) {
    long *sorted;
    size_t k = 1;
    HF_TRY(hf_allocate(error, t->seeds, sizeof *sorted, &sorted));
    memcpy(sorted, t->seed, t->seeds * sizeof *sorted);
    qsort(sorted, t->seeds, sizeof *sorted, compare_longs);
    while (k < t->seeds && sorted[k] != sorted[k - 1])
        k++;
    hf_status status = k < t->seeds ? hf_raise(error, HF_ERR_INPUT,
                                               "%s: the seed %ld twice; expected it once", t->path, sorted[k])
                                    : HF_OK;
    free(sorted);
    return status;
}

static hf_status fill_seeds(hf_error *error, const double *number, hf_trajectories *t) {
    for (size_t i = 0; i < t->seeds; i++) {
        if (!(fabs(number[i]) <= HF_WHOLE_MAX) || number[i] != floor(number[i]))
            return hf_raise(error, HF_ERR_INPUT, "%s: a seed is %g; expected a whole number", t->path,
                            number[i]);
        t->seed[i] = (long)number[i];
    }
    return check_different(error, t);
}

/* The seeds, numbered from 0 where the file does not number them. */
static hf_status read_seeds(hf_error *error, hf_trajectories *t) {
    size_t lengths[HF_RANK_MAX];
    double *number;
    bool numbered = hf_dataset_has(t->dataset, "seed");
    if (numbered)
        HF_TRY(hf_dataset_shape(error, t->dataset, "seed", (const char *const[]){"seed", NULL}, lengths));
    HF_TRY(hf_allocate(error, t->seeds, sizeof *t->seed, &t->seed));
    HF_TRY(hf_array_create(error, t->seeds, &number));
    for (size_t i = 0; i < t->seeds; i++)
        number[i] = (double)i;
    hf_status status = HF_OK;
    if (numbered)
        status = hf_dataset_get(error, t->dataset, "seed", 0, t->seeds, 1, number);
    if (status == HF_OK)
        status = fill_seeds(error, number, t);
    hf_array_destroy(&number);
    return status;
}

/* The names of the coordinates, where the file has them. */
static hf_status check_coordinates(hf_error *error, const hf_trajectories *t, const char *const names[]) {
    char found[HF_DIM_MAX][HF_NAME_MAX];
    if (!hf_dataset_has(t->dataset, "coordinate"))
        return HF_OK;
    HF_TRY(hf_dataset_get_names(error, t->dataset, "coordinate", t->dim, found));
    for (size_t d = 0; d < t->dim; d++)
        if (strcmp(found[d], names[d]) != 0)
            return hf_raise(error, HF_ERR_INPUT, "%s: coordinate %zu is '%s'; expected '%s', as in the case",
                            t->path, d + 1, found[d], names[d]);
    return HF_OK;
}

/* ---- ensembles -------------------------------------------------------------------------------------- */

/* A whole number among the attributes, which may be missing: *out is then left as it is. */
static hf_status read_whole(hf_error *error, const hf_dataset *group, const char *name, size_t *out) {
    double value;
    if (!hf_dataset_has_attribute(group, name))
        return HF_OK;
    HF_TRY(hf_dataset_get_number(error, group, name, &value));
    if (!(value >= 0 && value <= HF_WHOLE_MAX) || value != floor(value))
        return hf_raise(error, HF_ERR_INPUT, "%s: '%s' is %g; expected a whole number >= 0",
                        hf_dataset_path(group), name, value);
    *out = (size_t)value;
    return HF_OK;
}

/* The batch: a whole number, or the word full. */
static hf_status read_batch(hf_error *error, const hf_dataset *group, size_t *out) {
    hf_error cause = {0};
    char *text;
    if (!hf_dataset_has_attribute(group, "batch") ||
        hf_dataset_get_text(&cause, group, NULL, "batch", &text) != HF_OK)
        return read_whole(error, group, "batch", out);
    bool full = strcmp(text, "full") == 0;
    hf_status status = HF_OK;
    if (!full)
        status =
            hf_raise(error, HF_ERR_INPUT, "%s: 'batch' is the text '%.40s'; expected a whole number, or full",
                     hf_dataset_path(group), text);
    free(text);
    *out = HF_BATCH_FULL;
    return status;
}

static hf_status read_ensemble(hf_error *error, const hf_trajectories *t, const hf_dataset *group,
                               hf_ensemble *out) {
    size_t lengths[HF_RANK_MAX];
    HF_TRY(read_shape(error, t, group, lengths));
    *out = (hf_ensemble){.heads = lengths[2], .step = NAN, .batch = HF_BATCH_UNKNOWN};
    HF_TRY(read_whole(error, group, "heads", &out->heads));
    if (out->heads != lengths[2])
        return hf_raise(error, HF_ERR_IO, "%s: 'heads' is %zu; expected %zu, as many as theta has",
                        hf_dataset_path(group), out->heads, lengths[2]);
    HF_TRY(read_batch(error, group, &out->batch));
    if (!hf_dataset_has_attribute(group, "step"))
        return HF_OK;
    HF_TRY(hf_dataset_get_number(error, group, "step", &out->step));
    if (!(out->step > 0) || !isfinite(out->step))
        return hf_raise(error, HF_ERR_INPUT, "%s: 'step' is %g; expected a finite number > 0",
                        hf_dataset_path(group), out->step);
    return HF_OK;
}

/* Keep those of the groups that hold heads; others may be whatever they are. */
static hf_status open_groups(hf_error *error, hf_trajectories *t) {
    size_t count;
    HF_TRY(hf_dataset_groups(error, t->dataset, &count));
    HF_TRY(hf_allocate(error, count, sizeof *t->group, &t->group));
    for (size_t i = 0; i < count; i++) {
        hf_dataset **group = &t->group[t->ensembles];
        HF_TRY(hf_dataset_group_at(error, t->dataset, i, group));
        if (hf_dataset_has(*group, "theta"))
            t->ensembles++;
        else
            hf_dataset_destroy(group);
    }
    if (t->ensembles == 0)
        return hf_raise(error, HF_ERR_IO, "%s: holds no variable 'theta'; expected trajectories of heads",
                        t->path);
    return HF_OK;
}

static const hf_dataset *group_of(const hf_trajectories *t, size_t ensemble) {
    return t->group[ensemble] != NULL ? t->group[ensemble] : t->dataset;
}

static hf_status read_netcdf(hf_error *error, const char *const coordinates[], hf_trajectories *t) {
    HF_TRY(hf_dataset_open(error, t->path, &t->dataset));
    if (hf_dataset_has(t->dataset, "theta")) {
        t->ensembles = 1;
        HF_TRY(hf_allocate(error, 1, sizeof *t->group, &t->group));
    } else {
        HF_TRY(open_groups(error, t));
    }
    HF_TRY(hf_allocate(error, t->ensembles, sizeof *t->ensemble, &t->ensemble));
    HF_TRY(read_times(error, t));
    HF_TRY(hf_dataset_length(error, t->dataset, "seed", &t->seeds));
    for (size_t i = 0; i < t->ensembles; i++) /* theta bounds the number of seeds */
        HF_TRY(read_ensemble(error, t, group_of(t, i), &t->ensemble[i]));
    HF_TRY(read_seeds(error, t));
    if (hf_dataset_has_attribute(t->dataset, "problem"))
        HF_TRY(hf_dataset_get_text(error, t->dataset, NULL, "problem", &t->problem));
    return check_coordinates(error, t, coordinates);
}

/* ---- any format ------------------------------------------------------------------------------------- */

/* NetCDF by the first letters of its kinds; else text, in which nothing but line ends and tabs is below the
 * blank. */
static hf_status tell_format(hf_error *error, const char *path, bool *netcdf) {
    char start[512];
    struct stat status;
    if (stat(path, &status) != 0)
        return hf_raise(error, HF_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return hf_raise(error, HF_ERR_IO, "%s: cannot read: not a file", path);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return hf_raise(error, HF_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    size_t count = fread(start, 1, sizeof start, file);
    fclose(file);
    *netcdf =
        count > 0 && (start[0] == '\x89' || (count >= 4 && memcmp(start, "CDF", 3) == 0 && start[3] < 9));
    for (size_t i = 0; i < count && !*netcdf; i++)
        if (iscntrl((unsigned char)start[i]) && memchr("\t\r\n", start[i], 3) == NULL)
            return hf_raise(error, HF_ERR_IO, "%s: neither NetCDF nor text; expected NetCDF or CSV", path);
    return HF_OK;
}

static hf_status read_any(hf_error *error, const char *path, const char *const coordinates[],
                          hf_trajectories *t) {
    bool netcdf;
    HF_TRY(hf_string_copy(error, path, &t->path));
    HF_TRY(tell_format(error, path, &netcdf));
    return netcdf ? read_netcdf(error, coordinates, t) : hf_trajectories_read_csv(error, coordinates, t);
}

hf_status hf_trajectories_read(hf_error *error, const char *path, size_t dim, const char *const coordinates[],
                               hf_trajectories **out) {
    *out = NULL;
    hf_trajectories *t;
    HF_TRY(hf_allocate(error, 1, sizeof *t, &t));
    t->dim = dim;
    hf_status status = read_any(error, path, coordinates, t);
    if (status != HF_OK)
        hf_trajectories_destroy(&t);
    *out = t;
    return status;
}

void hf_trajectories_destroy(hf_trajectories **trajectories) {
    if (trajectories == NULL || *trajectories == NULL)
        return;
    hf_trajectories *t = *trajectories;
    for (size_t i = 0; t->group != NULL && i < t->ensembles; i++)
        hf_dataset_destroy(&t->group[i]);
    free(t->group);
    hf_dataset_destroy(&t->dataset);
    free(t->path);
    free(t->problem);
    free(t->seed);
    hf_array_destroy(&t->time);
    free(t->ensemble);
    hf_array_destroy(&t->theta);
    free(t);
    *trajectories = NULL;
}

const char *hf_trajectories_path(const hf_trajectories *trajectories) {
    return trajectories->path;
}

const char *hf_trajectories_problem(const hf_trajectories *trajectories) {
    return trajectories->problem;
}

size_t hf_trajectories_ensembles(const hf_trajectories *trajectories) {
    return trajectories->ensembles;
}

hf_ensemble hf_trajectories_ensemble(const hf_trajectories *trajectories, size_t ensemble) {
    return trajectories->ensemble[ensemble];
}

const long *hf_trajectories_seeds(const hf_trajectories *trajectories, size_t *count) {
    *count = trajectories->seeds;
    return trajectories->seed;
}

const double *hf_trajectories_times(const hf_trajectories *trajectories, size_t *count) {
    *count = trajectories->times;
    return trajectories->time;
}

hf_status hf_trajectories_theta(hf_error *error, const hf_trajectories *t, size_t ensemble, size_t seed,
                                double *theta) {
    size_t heads = t->ensemble[ensemble].heads, size = t->times * heads * t->dim;
    if (t->theta != NULL) {
        memcpy(theta, t->theta + seed * size, size * sizeof *theta);
        return HF_OK;
    }
    const hf_dataset *group = group_of(t, ensemble);
    HF_TRY(hf_dataset_get(error, group, "theta", seed, 1, size, theta));
    for (size_t i = 0; i < size; i++)
        if (!isfinite(theta[i]) || theta[i] == HF_FILL)
            return hf_raise(error, HF_ERR_INPUT,
                            "%s: seed %ld, time %g, head %zu: theta is %g; expected a finite number",
                            hf_dataset_path(group), t->seed[seed], t->time[i / (heads * t->dim)],
                            i / t->dim % heads, theta[i]);
    return HF_OK;
}
