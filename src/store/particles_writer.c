/* Head trajectories written as they come: particles.nc of docs/formats.md. Members wait in a journal; the
 * file is made of it in one go, in the order of ensembles and seeds, whatever the order in which they came.
 */
#include "store/dataset.h"
#include "store/ensemble.h"
#include "store/journal.h"
#include "store/path.h"
#include "store/provenance.h"

#include <headflow/store.h>

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hf_particles_writer {
    char *path;
    char *name, *title, *case_text, *problem;
    bool deterministic;
    size_t dim;
    char coordinate[HF_DIM_MAX][HF_NAME_MAX];
    size_t times, ensembles, seeds;
    double *time;          /* shape (times) */
    hf_ensemble *ensemble; /* shape (ensembles) */
    size_t *counts;        /* shape (ensembles, seeds): numbers of a member */
    size_t largest;        /* of them */
    hf_journal *journal;
};

/* ---- the layout ------------------------------------------------------------------------------------- */

static hf_status check_ensembles(hf_error *error, const hf_particles_layout *layout) {
    for (size_t i = 0; i < layout->ensemble_count; i++) {
        const hf_ensemble *a = &layout->ensembles[i];
        if (a->heads < 1 || !(a->step > 0) || !isfinite(a->step) || a->batch == HF_BATCH_UNKNOWN)
            return hf_raise(
                error, HF_ERR_INPUT,
                "particles: %zu heads with step %g; expected heads, a finite step > 0 and a batch", a->heads,
                a->step);
        for (size_t j = 0; j < i; j++) {
            const hf_ensemble *b = &layout->ensembles[j];
            if (a->heads == b->heads && a->step == b->step && a->batch == b->batch)
                return hf_raise(error, HF_ERR_INPUT,
                                "particles: %zu heads with step %g twice; expected different ensembles",
                                a->heads, a->step);
        }
    }
    return HF_OK;
}

static hf_status check_layout(hf_error *error, const hf_particles_layout *layout) {
    if (layout->dim < 1 || layout->dim > HF_DIM_MAX)
        return hf_raise(error, HF_ERR_INPUT, "particles: %zu coordinates; expected 1 to %d", layout->dim,
                        HF_DIM_MAX);
    for (size_t d = 0; d < layout->dim; d++)
        if (strlen(layout->coordinates[d]) >= HF_NAME_MAX)
            return hf_raise(error, HF_ERR_INPUT, "particles: coordinate '%s'; expected at most %d letters",
                            layout->coordinates[d], HF_NAME_MAX - 1);
    if (layout->seeds < 1 || layout->ensemble_count < 1 || layout->time_count < 1)
        return hf_raise(error, HF_ERR_INPUT,
                        "particles: %zu ensembles, %zu seeds, %zu times; expected at least one of each",
                        layout->ensemble_count, layout->seeds, layout->time_count);
    for (size_t n = 0; n < layout->time_count; n++)
        if (!isfinite(layout->times[n]) ||
            !(n == 0 ? layout->times[0] == 0 : layout->times[n] > layout->times[n - 1]))
            return hf_raise(error, HF_ERR_INPUT,
                            "particles: time %zu is %g; expected times increasing from 0", n,
                            layout->times[n]);
    return check_ensembles(error, layout);
}

/* What the members depend on, as one number. Texts end in their zero, so that none runs into the next. */
static uint64_t fingerprint(const hf_particles_layout *layout) {
    uint64_t hash = HF_HASH_EMPTY;
    const char *const texts[] = {hf_version(), layout->name, layout->title, layout->case_text,
                                 layout->problem};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        hash = hf_hash(hash, texts[i], strlen(texts[i]) + 1);
    const size_t sizes[] = {layout->dim, layout->time_count, layout->ensemble_count, layout->seeds};
    hash = hf_hash(hash, sizes, sizeof sizes);
    for (size_t d = 0; d < layout->dim; d++)
        hash = hf_hash(hash, layout->coordinates[d], strlen(layout->coordinates[d]) + 1);
    hash = hf_hash(hash, layout->times, layout->time_count * sizeof *layout->times);
    for (size_t i = 0; i < layout->ensemble_count; i++) {
        const hf_ensemble *ensemble = &layout->ensembles[i];
        hash = hf_hash(hash, &ensemble->heads, sizeof ensemble->heads);
        hash = hf_hash(hash, &ensemble->step, sizeof ensemble->step);
        hash = hf_hash(hash, &ensemble->batch, sizeof ensemble->batch);
    }
    return hash;
}

/* ---- creating --------------------------------------------------------------------------------------- */

static hf_status copy_layout(hf_error *error, const hf_particles_layout *layout,
                             hf_particles_writer *writer) {
    HF_TRY(hf_string_copy(error, layout->name, &writer->name));
    HF_TRY(hf_string_copy(error, layout->title, &writer->title));
    HF_TRY(hf_string_copy(error, layout->case_text, &writer->case_text));
    HF_TRY(hf_string_copy(error, layout->problem, &writer->problem));
    writer->deterministic = layout->deterministic;
    writer->dim = layout->dim;
    for (size_t d = 0; d < layout->dim; d++)
        strcpy(writer->coordinate[d], layout->coordinates[d]);
    writer->times = layout->time_count;
    HF_TRY(hf_array_create(error, writer->times, &writer->time));
    memcpy(writer->time, layout->times, writer->times * sizeof *writer->time);
    writer->ensembles = layout->ensemble_count;
    HF_TRY(hf_allocate(error, writer->ensembles, sizeof *writer->ensemble, &writer->ensemble));
    memcpy(writer->ensemble, layout->ensembles, writer->ensembles * sizeof *writer->ensemble);
    writer->seeds = layout->seeds;
    return HF_OK;
}

/* The sizes of all members: of the journal's records. */
static hf_status count_numbers(hf_error *error, hf_particles_writer *writer) {
    size_t members;
    if (__builtin_mul_overflow(writer->ensembles, writer->seeds, &members))
        return hf_raise(error, HF_ERR_INPUT, "particles: %zu seeds; expected fewer", writer->seeds);
    HF_TRY(hf_allocate(error, members, sizeof *writer->counts, &writer->counts));
    for (size_t i = 0; i < writer->ensembles; i++) {
        size_t count = writer->times * writer->dim, bytes;
        if (__builtin_mul_overflow(count, writer->ensemble[i].heads, &count) ||
            __builtin_mul_overflow(count, 2 * sizeof(double), &bytes))
            return hf_raise(error, HF_ERR_INPUT, "particles: %zu heads; expected fewer",
                            writer->ensemble[i].heads);
        for (size_t seed = 0; seed < writer->seeds; seed++)
            writer->counts[i * writer->seeds + seed] = count;
        writer->largest = count > writer->largest ? count : writer->largest;
    }
    return HF_OK;
}

static hf_status writer_begin(hf_error *error, const char *path, const hf_particles_layout *layout,
                              hf_particles_writer *writer) {
    char *journal;
    HF_TRY(hf_string_copy(error, path, &writer->path));
    HF_TRY(copy_layout(error, layout, writer));
    HF_TRY(count_numbers(error, writer));
    HF_TRY(hf_folder_create_for(error, path));
    HF_TRY(hf_allocate(error, strlen(path) + sizeof ".journal", 1, &journal));
    sprintf(journal, "%s.journal", path);
    hf_status status = hf_journal_open(error, journal, fingerprint(layout), writer->ensembles * writer->seeds,
                                       writer->counts, &writer->journal);
    free(journal);
    return status;
}

hf_status hf_particles_writer_create(hf_error *error, const char *path, const hf_particles_layout *layout,
                                     hf_particles_writer **out) {
    *out = NULL;
    hf_particles_writer *writer;
    HF_TRY(check_layout(error, layout));
    HF_TRY(hf_allocate(error, 1, sizeof *writer, &writer));
    hf_status status = writer_begin(error, path, layout, writer);
    if (status != HF_OK)
        hf_particles_writer_destroy(&writer);
    *out = writer;
    return status;
}

void hf_particles_writer_destroy(hf_particles_writer **writer) {
    if (writer == NULL || *writer == NULL)
        return;
    hf_particles_writer *w = *writer;
    hf_journal_close(&w->journal);
    free(w->path);
    free(w->name);
    free(w->title);
    free(w->case_text);
    free(w->problem);
    hf_array_destroy(&w->time);
    free(w->ensemble);
    free(w->counts);
    free(w);
    *writer = NULL;
}

/* ---- members ---------------------------------------------------------------------------------------- */

static size_t member_of(const hf_particles_writer *writer, size_t ensemble, size_t seed) {
    assert(ensemble < writer->ensembles && seed < writer->seeds);
    return ensemble * writer->seeds + seed;
}

bool hf_particles_writer_has(const hf_particles_writer *writer, size_t ensemble, size_t seed) {
    return hf_journal_has(writer->journal, member_of(writer, ensemble, seed));
}

hf_status hf_particles_writer_put(hf_error *error, hf_particles_writer *writer, size_t ensemble, size_t seed,
                                  const double *theta) {
    size_t member = member_of(writer, ensemble, seed), heads = writer->ensemble[ensemble].heads;
    for (size_t i = 0; i < writer->counts[member]; i++)
        if (!isfinite(theta[i])) {
            char group[HF_ENSEMBLE_NAME_MAX];
            hf_ensemble_name(&writer->ensemble[ensemble], group);
            return hf_raise(error, HF_ERR_NUMERIC,
                            "particles: %s, seed %zu: a head is at %g at time %g; expected a smaller step",
                            group, seed, theta[i], writer->time[i / (heads * writer->dim)]);
        }
    return hf_journal_put(error, writer->journal, member, theta);
}

/* ---- the file --------------------------------------------------------------------------------------- */

static hf_status write_root(hf_error *error, hf_dataset *dataset, const hf_particles_writer *writer,
                            double *seeds) {
    static const hf_variable variables[] = {
        {"seed", {"seed"}, "1", "number of the run's random stream", 0, true},
        {"time", {"time"}, "1", "time t = k step after k updates", 0, false},
    };
    const char *names[HF_DIM_MAX];
    for (size_t d = 0; d < writer->dim; d++)
        names[d] = writer->coordinate[d];
    for (size_t seed = 0; seed < writer->seeds; seed++)
        seeds[seed] = (double)seed;
    HF_TRY(hf_provenance_write(error, dataset, writer->name, writer->title, writer->case_text,
                               !writer->deterministic));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "problem", writer->problem));
    HF_TRY(hf_dataset_set_text(error, dataset, NULL, "scheme", "sgd"));
    HF_TRY(hf_dataset_dimension(error, dataset, "seed", writer->seeds));
    HF_TRY(hf_dataset_dimension(error, dataset, "time", writer->times));
    HF_TRY(
        hf_dataset_define_names(error, dataset, "coordinate", "coordinates of a head", writer->dim, names));
    HF_TRY(hf_dataset_define(error, dataset, &variables[0]));
    HF_TRY(hf_dataset_define(error, dataset, &variables[1]));
    HF_TRY(hf_dataset_put(error, dataset, "seed", 0, writer->seeds, seeds));
    return hf_dataset_put(error, dataset, "time", 0, writer->times, writer->time);
}

/* theta: workspace, shape (times, N, D) */
static hf_status write_members(hf_error *error, hf_dataset *group, const hf_particles_writer *writer,
                               size_t ensemble, double *theta) {
    static const hf_variable variable = {
        "theta", {"seed", "time", "head", "coordinate"}, "1", "positions of the heads", 1, false};
    const hf_ensemble *e = &writer->ensemble[ensemble];
    HF_TRY(hf_dataset_set_integer(error, group, "heads", (long)e->heads));
    HF_TRY(hf_dataset_set_number(error, group, "step", e->step));
    HF_TRY(hf_dataset_set_integer(error, group, "batch", (long)e->batch));
    HF_TRY(hf_dataset_dimension(error, group, "head", e->heads));
    HF_TRY(hf_dataset_define(error, group, &variable));
    for (size_t seed = 0; seed < writer->seeds; seed++) {
        HF_TRY(hf_journal_get(error, writer->journal, member_of(writer, ensemble, seed), theta));
        HF_TRY(hf_dataset_put(error, group, variable.name, seed, 1, theta));
    }
    return HF_OK;
}

static hf_status write_ensemble(hf_error *error, hf_dataset *dataset, const hf_particles_writer *writer,
                                size_t ensemble, double *theta) {
    char name[HF_ENSEMBLE_NAME_MAX];
    hf_dataset *group;
    hf_ensemble_name(&writer->ensemble[ensemble], name);
    HF_TRY(hf_dataset_group(error, dataset, name, &group));
    hf_status status = write_members(error, group, writer, ensemble, theta);
    hf_dataset_destroy(&group);
    return status;
}

static hf_status write_file(hf_error *error, hf_dataset *dataset, const hf_particles_writer *writer) {
    double *workspace;
    size_t size = writer->largest > writer->seeds ? writer->largest : writer->seeds;
    HF_TRY(hf_array_create(error, size, &workspace));
    hf_status status = write_root(error, dataset, writer, workspace);
    for (size_t i = 0; i < writer->ensembles && status == HF_OK; i++)
        status = write_ensemble(error, dataset, writer, i, workspace);
    hf_array_destroy(&workspace);
    return status == HF_OK ? hf_dataset_finish(error, dataset) : status;
}

hf_status hf_particles_writer_finish(hf_error *error, hf_particles_writer *writer) {
    hf_dataset *dataset;
    for (size_t i = 0; i < writer->ensembles * writer->seeds; i++)
        if (!hf_journal_has(writer->journal, i))
            return hf_raise(error, HF_ERR_INPUT, "%s: seed %zu of ensemble %zu is missing; expected all",
                            writer->path, i % writer->seeds, i / writer->seeds);
    HF_TRY(hf_dataset_create(error, writer->path, &dataset));
    hf_status status = write_file(error, dataset, writer);
    hf_dataset_destroy(&dataset);
    return status == HF_OK ? hf_journal_remove(error, writer->journal) : status;
}
