/* What a run's observer is told, kept on disk: PATH.journal has it in the order of time, PATH.checkpoint the
 * last state from which the run can go on, with the length of the journal at that time. docs/formats.md,
 * section 4.
 *
 * The journal is made safe on disk before the checkpoint takes the name of the one before it, so whenever a
 * run is killed, the checkpoint that is there and the part of the journal that it names belong together. On
 * several ranks the first one has the files. */
#include "base/number.h"
#include "store/dataset.h"
#include "store/journal.h"
#include "store/path.h"
#include "store/planes.h"
#include "store/provenance.h"

#include <headflow/case.h>
#include <headflow/store.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Kinds of records, and the numbers of a record before its density. */
enum { OUTPUT, LOGITS, KINDS };
enum { RECORD = sizeof(hf_record) / sizeof(double) };
_Static_assert(sizeof(hf_record) == RECORD * sizeof(double), "a record is numbers and nothing else");

struct hf_recorder {
    const hf_problem *problem;
    const hf_ranks *ranks;     /* of the problem */
    char *journal_path, *path; /* of the checkpoint */
    char *case_text;
    char fingerprint[HF_FINGERPRINT_MAX];
    hf_journal *journal;  /* NULL on all ranks but the first */
    hf_dataset *dataset;  /* of a checkpoint being written or read, there as well */
    off_t record;         /* whose density is being read */
    size_t counts[KINDS]; /* of the journal */
    size_t plane;         /* cells of a plane of axis 0 */
    hf_planes *planes;
    hf_observer to;
    hf_checkpoint checkpoint;
    double *rho;        /* shape (cells of the part): of the checkpoint that was there at the start */
    bool discarded;     /* whether one was there that nobody goes on from */
    bool resumed, kept; /* whether there was one, and whether there is one on disk */
};

static bool first_rank(const hf_recorder *recorder) {
    return hf_ranks_index(recorder->ranks) == 0;
}

/* ---- the numbers of a checkpoint -------------------------------------------------------------------- */

enum { JOURNAL_BYTES, COMPLETE, TIME, NUMBERS = 18 };

/* The attributes, and which of them are whole numbers from 0 on. */
static const struct {
    const char *name;
    bool count;
} attributes[NUMBERS] = {{"journal_bytes", true},     {"complete", true},       {"time", false},
                         {"dissipated", false},       {"outputs", true},        {"steps", true},
                         {"evaluations", true},       {"error_failures", true}, {"refused_states", true},
                         {"linear_iterations", true}, {"last_step", false},     {"seconds", false},
                         {"vectors", true},           {"table_rank", true},     {"table_error", false},
                         {"table_checked", false},    {"end_time", false},      {"stationary", true}};

static void pack(const hf_checkpoint *c, double *numbers) {
    const hf_statistics *s = &c->statistics;
    const double all[NUMBERS - TIME] = {c->time,
                                        c->dissipated,
                                        (double)c->outputs,
                                        (double)s->steps,
                                        (double)s->evaluations,
                                        (double)s->error_failures,
                                        (double)s->refused_states,
                                        (double)s->linear_iterations,
                                        s->last_step,
                                        s->seconds,
                                        (double)s->vectors,
                                        (double)s->table_rank,
                                        s->table_error,
                                        s->table_checked,
                                        s->time,
                                        s->stationary};
    memcpy(numbers + TIME, all, sizeof all);
}

static void unpack(const double *numbers, hf_checkpoint *c) {
    const double *n = numbers + TIME;
    *c = (hf_checkpoint){.time = n[0], .dissipated = n[1], .outputs = (size_t)n[2]};
    c->statistics = (hf_statistics){.steps = (long)n[3],
                                    .evaluations = (long)n[4],
                                    .error_failures = (long)n[5],
                                    .refused_states = (long)n[6],
                                    .linear_iterations = (long)n[7],
                                    .last_step = n[8],
                                    .seconds = n[9],
                                    .vectors = (size_t)n[10],
                                    .table_rank = (size_t)n[11],
                                    .table_error = n[12],
                                    .table_checked = n[13],
                                    .time = n[14],
                                    .stationary = n[15] != 0};
}

/* ---- writing a checkpoint --------------------------------------------------------------------------- */

static hf_status put_state(hf_error *error, void *self, size_t first, size_t count, const double *planes) {
    const hf_recorder *r = self;
    return hf_dataset_put(error, r->dataset, "state", first * r->plane, count * r->plane, planes);
}

static hf_status begin_checkpoint(hf_error *error, hf_recorder *r, const hf_checkpoint *here) {
    static const hf_variable state = {
        "state", {"cell"}, "1", "density rho, cell after cell, the last axis fastest", 0, false};
    const hf_problem *problem = r->problem;
    double numbers[NUMBERS] = {[COMPLETE] = here->rho == NULL};
    if (!first_rank(r))
        return HF_OK;
    HF_TRY(hf_journal_sync(error, r->journal));
    numbers[JOURNAL_BYTES] = (double)hf_journal_length(r->journal);
    pack(here, numbers);
    HF_TRY(hf_dataset_create_there(error, r->path, &r->dataset));
    HF_TRY(hf_provenance_write(error, r->dataset, hf_problem_name(problem), hf_problem_title(problem),
                               r->case_text, !hf_problem_deterministic(problem)));
    HF_TRY(hf_dataset_set_text(error, r->dataset, NULL, "problem", r->fingerprint));
    for (size_t i = 0; i < NUMBERS; i++)
        HF_TRY(hf_dataset_set_number(error, r->dataset, attributes[i].name, numbers[i]));
    HF_TRY(hf_dataset_dimension(error, r->dataset, "cell", hf_grid_cells(hf_problem_grid(problem))));
    return hf_dataset_define(error, r->dataset, &state);
}

static hf_status write_checkpoint(hf_error *error, hf_recorder *r, const hf_checkpoint *here) {
    HF_TRY(hf_ranks_agree(error, r->ranks, begin_checkpoint(error, r, here)));
    if (here->rho != NULL)
        HF_TRY(hf_planes_collect(error, r->planes, here->rho, put_state, r));
    return hf_ranks_agree(error, r->ranks, first_rank(r) ? hf_dataset_finish(error, r->dataset) : HF_OK);
}

hf_status hf_recorder_keep(hf_error *error, hf_recorder *recorder, const hf_checkpoint *here) {
    hf_status status = write_checkpoint(error, recorder, here);
    hf_dataset_destroy(&recorder->dataset);
    recorder->kept = recorder->kept || status == HF_OK;
    return status;
}

/* ---- reading it ------------------------------------------------------------------------------------- */

static hf_status get_state(hf_error *error, void *self, size_t first, size_t count, double *planes) {
    const hf_recorder *r = self;
    HF_TRY(hf_dataset_get(error, r->dataset, "state", first * r->plane, count * r->plane, 1, planes));
    for (size_t i = 0; i < count * r->plane; i++)
        if (!(fabs(planes[i]) <= HF_NUMBER_MAX))
            return hf_raise(error, HF_ERR_IO, "%s: damaged: a density of %g", r->path, planes[i]);
    return HF_OK;
}

/* Whether the checkpoint is of this case, of the data that it reads, and of this program. */
static hf_status check_case(hf_error *error, const hf_recorder *r) {
    char source[64], expected[64], problem[HF_FINGERPRINT_MAX], *then, shown[512];
    size_t differences;
    HF_TRY(hf_dataset_copy_text(error, r->dataset, "source", sizeof source, source));
    HF_TRY(hf_dataset_copy_text(error, r->dataset, "problem", sizeof problem, problem));
    snprintf(expected, sizeof expected, "headflow %s", hf_version());
    if (strcmp(source, expected) != 0)
        return hf_raise(error, HF_ERR_INPUT, "%s: written by %s; expected %s, or a run without --resume",
                        r->path, source, expected);
    HF_TRY(hf_dataset_get_text(error, r->dataset, NULL, "case", &then));
    hf_status status = hf_case_difference(error, then, r->case_text, sizeof shown, shown, &differences);
    free(then);
    HF_TRY(status);
    if (differences > 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "%s: of another case: %s; expected the same case, or a run without --resume", r->path,
                        shown);
    if (strcmp(problem, r->fingerprint) != 0)
        return hf_raise(error, HF_ERR_INPUT,
                        "%s: the data that the case reads have changed; expected the same, or a run without "
                        "--resume",
                        r->path);
    return HF_OK;
}

/* Attributes have no checksum: what is not a number that a checkpoint holds is damage. */
static hf_status read_attributes(hf_error *error, const hf_recorder *r, double *numbers) {
    for (size_t i = 0; i < NUMBERS; i++) {
        const char *name = attributes[i].name;
        bool count = attributes[i].count;
        HF_TRY(hf_dataset_get_number(error, r->dataset, name, &numbers[i]));
        if (!(fabs(numbers[i]) <= HF_WHOLE_MAX) || (count && !(numbers[i] >= 0)))
            return hf_raise(error, HF_ERR_IO, "%s: damaged: %s is %g; expected a %s", r->path, name,
                            numbers[i], count ? "count" : "finite number");
    }
    if (!(numbers[TIME] >= 0 && numbers[TIME] <= hf_problem_end(r->problem)))
        return hf_raise(error, HF_ERR_IO, "%s: damaged: time is %g; expected 0 to %g", r->path, numbers[TIME],
                        hf_problem_end(r->problem));
    return HF_OK;
}

static hf_status read_numbers(hf_error *error, hf_recorder *r, double *numbers) {
    static const char *const dims[] = {"cell", NULL};
    size_t shape[HF_RANK_MAX];
    if (!first_rank(r))
        return HF_OK;
    HF_TRY(hf_dataset_open(error, r->path, &r->dataset));
    HF_TRY(check_case(error, r));
    HF_TRY(read_attributes(error, r, numbers));
    HF_TRY(hf_dataset_shape(error, r->dataset, "state", dims, shape));
    if (shape[0] != r->counts[OUTPUT] - RECORD)
        return hf_raise(error, HF_ERR_IO, "%s: %zu cells; expected %zu", r->path, shape[0],
                        r->counts[OUTPUT] - RECORD);
    return HF_OK;
}

static hf_status read_checkpoint(hf_error *error, hf_recorder *r, double *numbers) {
    HF_TRY(hf_ranks_agree(error, r->ranks, read_numbers(error, r, numbers)));
    hf_ranks_broadcast(r->ranks, NUMBERS, numbers);
    unpack(numbers, &r->checkpoint);
    if (numbers[COMPLETE] != 0)
        return HF_OK;
    HF_TRY(hf_ranks_agree(error, r->ranks, hf_array_create(error, hf_planes_cells(r->planes), &r->rho)));
    r->checkpoint.rho = r->rho;
    return hf_planes_distribute(error, r->planes, get_state, r, r->rho);
}

/* ---- creating --------------------------------------------------------------------------------------- */

static hf_status allocate(hf_error *error, const char *path, const char *case_text, hf_recorder *r) {
    const hf_grid *grid = hf_problem_grid(r->problem);
    const hf_events *events = hf_problem_events(r->problem);
    size_t size = strlen(path) + sizeof ".checkpoint";
    r->plane = hf_grid_stride(grid, 0);
    r->counts[OUTPUT] = RECORD + hf_grid_cells(grid);
    r->counts[LOGITS] = 1 + hf_events_count(events) * hf_events_classes(events);
    hf_problem_fingerprint(r->problem, r->fingerprint);
    HF_TRY(hf_string_copy(error, case_text, &r->case_text));
    HF_TRY(hf_allocate(error, size, 1, &r->path));
    HF_TRY(hf_allocate(error, size, 1, &r->journal_path));
    snprintf(r->path, size, "%s.checkpoint", path);
    snprintf(r->journal_path, size, "%s.journal", path);
    return hf_planes_create(error, r->problem, &r->planes);
}

/* The journal belongs to a problem and its data, as its checkpoint does. */
static hf_status open_journal(hf_error *error, hf_recorder *r) {
    if (!first_rank(r))
        return HF_OK;
    uint64_t layout = hf_hash(HF_HASH_EMPTY, r->counts, sizeof r->counts);
    layout = hf_hash(layout, r->fingerprint, strlen(r->fingerprint));
    HF_TRY(hf_folder_create_for(error, r->path));
    return hf_journal_open(error, r->journal_path, layout, KINDS, r->counts, &r->journal);
}

/* The journal as the checkpoint knew it, or empty; a checkpoint that nobody will go on from is no longer one.
 */
static hf_status begin_journal(hf_error *error, hf_recorder *r, double length) {
    if (!first_rank(r))
        return HF_OK;
    r->discarded = length == 0 && unlink(r->path) == 0;
    if (length == 0 && !r->discarded && errno != ENOENT)
        return hf_raise(error, HF_ERR_IO, "%s: cannot remove: %s", r->path, strerror(errno));
    return hf_journal_cut(error, r->journal, (off_t)length);
}

static hf_status recorder_begin(hf_error *error, const char *path, const char *case_text, bool resume,
                                hf_recorder *r) {
    double numbers[NUMBERS] = {0}, there = 0;
    HF_TRY(hf_ranks_agree(error, r->ranks, allocate(error, path, case_text, r)));
    if (resume && first_rank(r))
        there = access(r->path, F_OK) == 0;
    hf_ranks_broadcast(r->ranks, 1, &there);
    if (there > 0) {
        hf_status status = read_checkpoint(error, r, numbers);
        hf_dataset_destroy(&r->dataset);
        HF_TRY(status);
    }
    /* not before the checkpoint is known to be of this case: a journal of another layout is begun anew */
    HF_TRY(hf_ranks_agree(error, r->ranks, open_journal(error, r)));
    HF_TRY(hf_ranks_agree(error, r->ranks, begin_journal(error, r, numbers[JOURNAL_BYTES])));
    r->resumed = r->kept = there > 0;
    return HF_OK;
}

hf_status hf_recorder_create(hf_error *error, const char *path, const hf_problem *problem,
                             const char *case_text, bool resume, hf_recorder **out) {
    *out = NULL;
    hf_recorder *recorder;
    HF_TRY(
        hf_ranks_agree(error, hf_problem_ranks(problem), hf_allocate(error, 1, sizeof *recorder, &recorder)));
    recorder->problem = problem;
    recorder->ranks = hf_problem_ranks(problem);
    recorder->kept = true; /* whatever is there, until this run may touch it */
    hf_status status = recorder_begin(error, path, case_text, resume, recorder);
    if (status != HF_OK)
        hf_recorder_destroy(&recorder);
    *out = recorder;
    return status;
}

void hf_recorder_destroy(hf_recorder **recorder) {
    if (recorder == NULL || *recorder == NULL)
        return;
    hf_recorder *r = *recorder;
    if (r->journal != NULL && !r->kept)
        (void)hf_journal_remove(NULL, r->journal);
    hf_journal_close(&r->journal);
    hf_planes_destroy(&r->planes);
    hf_array_destroy(&r->rho);
    free(r->journal_path);
    free(r->path);
    free(r->case_text);
    free(r);
    *recorder = NULL;
}

static hf_status remove_files(hf_error *error, const hf_recorder *r) {
    if (!first_rank(r))
        return HF_OK;
    if (r->kept && unlink(r->path) != 0)
        return hf_raise(error, HF_ERR_IO, "%s: cannot remove: %s", r->path, strerror(errno));
    return hf_journal_remove(error, r->journal);
}

hf_status hf_recorder_remove(hf_error *error, hf_recorder *recorder) {
    HF_TRY(hf_ranks_agree(error, recorder->ranks, remove_files(error, recorder)));
    hf_journal_close(&recorder->journal);
    return HF_OK;
}

const hf_checkpoint *hf_recorder_checkpoint(const hf_recorder *recorder) {
    return recorder->resumed ? &recorder->checkpoint : NULL;
}

bool hf_recorder_discarded(const hf_recorder *recorder) {
    return recorder->discarded;
}

/* ---- what comes ------------------------------------------------------------------------------------- */

static hf_status append_planes(hf_error *error, void *self, size_t first, size_t count,
                               const double *planes) {
    const hf_recorder *r = self;
    (void)first;
    return hf_journal_append(error, r->journal, count * r->plane, planes);
}

static hf_status begin_output(hf_error *error, hf_recorder *r, const hf_record *record) {
    if (!first_rank(r))
        return HF_OK;
    HF_TRY(hf_journal_begin(error, r->journal, OUTPUT));
    return hf_journal_append(error, r->journal, RECORD, (const double *)record);
}

static hf_status take_output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    hf_recorder *r = self;
    HF_TRY(hf_ranks_agree(error, r->ranks, begin_output(error, r, record)));
    HF_TRY(hf_planes_collect(error, r->planes, rho, append_planes, r));
    HF_TRY(hf_ranks_agree(error, r->ranks, first_rank(r) ? hf_journal_end(error, r->journal) : HF_OK));
    return r->to.output != NULL ? r->to.output(error, r->to.self, record, rho) : HF_OK;
}

static hf_status put_logits(hf_error *error, hf_recorder *r, double time, const double *logits) {
    if (!first_rank(r))
        return HF_OK;
    HF_TRY(hf_journal_begin(error, r->journal, LOGITS));
    HF_TRY(hf_journal_append(error, r->journal, 1, &time));
    HF_TRY(hf_journal_append(error, r->journal, r->counts[LOGITS] - 1, logits));
    return hf_journal_end(error, r->journal);
}

static hf_status take_logits(hf_error *error, void *self, double time, const double *logits) {
    hf_recorder *r = self;
    HF_TRY(hf_ranks_agree(error, r->ranks, put_logits(error, r, time, logits)));
    return r->to.logits != NULL ? r->to.logits(error, r->to.self, time, logits) : HF_OK;
}

static hf_status take_step(hf_error *error, void *self, double time, const hf_statistics *statistics) {
    const hf_recorder *r = self;
    return r->to.step != NULL ? r->to.step(error, r->to.self, time, statistics) : HF_OK;
}

static hf_status take_checkpoint(hf_error *error, void *self, const hf_checkpoint *here, bool *restart) {
    const hf_recorder *r = self;
    return r->to.checkpoint(error, r->to.self, here, restart);
}

hf_observer hf_recorder_observer(hf_recorder *recorder, const hf_observer *to) {
    recorder->to = *to;
    return (hf_observer){.self = recorder,
                         .output = take_output,
                         .logits = take_logits,
                         .step = take_step,
                         .checkpoint = to->checkpoint != NULL ? take_checkpoint : NULL};
}

/* ---- what was, once more ---------------------------------------------------------------------------- */

static hf_status get_planes(hf_error *error, void *self, size_t first, size_t count, double *planes) {
    const hf_recorder *r = self;
    return hf_journal_read(error, r->journal, r->record, RECORD + first * r->plane, count * r->plane, planes);
}

/* The next record, but for a density: kind and numbers on all ranks; kind KINDS: there is none.
 * numbers: shape (room) */
static hf_status next_record(hf_error *error, hf_recorder *r, off_t *place, double *kind, size_t room,
                             double *numbers) {
    size_t member = KINDS;
    hf_status status = HF_OK;
    if (first_rank(r)) {
        bool there;
        status = hf_journal_next(error, r->journal, place, &member, &r->record, &there);
        if (status == HF_OK && there)
            status = hf_journal_read(error, r->journal, r->record, 0,
                                     member == OUTPUT ? (size_t)RECORD : r->counts[LOGITS], numbers);
    }
    *kind = (double)member;
    HF_TRY(hf_ranks_agree(error, r->ranks, status));
    hf_ranks_broadcast(r->ranks, 1, kind);
    hf_ranks_broadcast(r->ranks, room, numbers);
    return HF_OK;
}

static hf_status replay(hf_error *error, hf_recorder *r, size_t room, double *numbers, double *rho) {
    hf_record record;
    double kind;
    for (off_t place = 0;;) {
        HF_TRY(next_record(error, r, &place, &kind, room, numbers));
        if (kind == KINDS)
            return HF_OK;
        if (kind == LOGITS) {
            HF_TRY(r->to.logits(error, r->to.self, numbers[0], numbers + 1));
            continue;
        }
        memcpy(&record, numbers, sizeof record);
        HF_TRY(hf_planes_distribute(error, r->planes, get_planes, r, rho));
        HF_TRY(r->to.output(error, r->to.self, &record, rho));
    }
}

hf_status hf_recorder_replay(hf_error *error, hf_recorder *recorder) {
    double *numbers, *rho = NULL;
    size_t room = recorder->counts[LOGITS] > RECORD ? recorder->counts[LOGITS] : RECORD;
    hf_status status = hf_array_create(error, room, &numbers);
    if (status == HF_OK)
        status = hf_array_create(error, hf_planes_cells(recorder->planes), &rho);
    status = hf_ranks_agree(error, recorder->ranks, status);
    if (status == HF_OK)
        status = replay(error, recorder, room, numbers, rho);
    hf_array_destroy(&numbers);
    hf_array_destroy(&rho);
    return status;
}
