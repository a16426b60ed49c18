/* Head trajectories on disk: what is written is what is read, whatever the order and the interruptions, and
 * files of others are read or refused in one line. */
#include <criterion/criterion.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <headflow/store.h>

#include "store/dataset.h"
#include "store/journal.h"
#include "support.h"

#include <fcntl.h>
#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH = 256, TIMES = 3, SEEDS = 4, ENSEMBLES = 3, HEADS_MAX = 7, MEMBERS = ENSEMBLES * SEEDS };

static char folder[] = "/tmp/headflow-XXXXXX";
static char path[PATH], journal[PATH + 8], part[PATH + 8];

static const char *const names[HF_DIM_MAX] = {"a", "k", "phi", "value"};
static const double times[TIMES] = {0, 0.2385, 1e3};
static const hf_ensemble ensembles[ENSEMBLES] = {
    {3, 0.05, 8}, {7, 0.1 + 0.2, HF_BATCH_FULL}, {1, 1e-5, 100000}};
static const char *const groups[ENSEMBLES] = {"N3_step0.05_batch8", "N7_step0.30000000000000004_batchfull",
                                              "N1_step1e-05_batch100000"};

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/new/particles.nc", folder);
    snprintf(journal, sizeof journal, "%s.journal", path);
    snprintf(part, sizeof part, "%s.part", path);
}

static void remove_folder(void) {
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_particles, .init = make_folder, .fini = remove_folder);

static bool exists(const char *file) {
    struct stat status;
    return stat(file, &status) == 0;
}

static size_t file_size(const char *file) {
    struct stat status;
    cr_assert_eq(stat(file, &status), 0);
    return (size_t)status.st_size;
}

static void expect_error(const hf_error *error, hf_status status, const char *file, const char *says) {
    cr_expect_eq(error->status, status, "%s", error->message);
    cr_expect_null(strchr(error->message, '\n'), "%s", error->message);
    cr_expect_not_null(strstr(error->message, file), "`%s` does not name %s", error->message, file);
    cr_expect_not_null(strstr(error->message, says), "`%s` does not say %s", error->message, says);
}

/* ---- made-up trajectories ------------------------------------------------------------------------------ */

static hf_particles_layout layout_of(size_t dim) {
    return (hf_particles_layout){.name = "made-up",
                                 .title = "A title",
                                 .case_text = "name: made-up\n",
                                 .problem = "0123456789abcdef",
                                 .dim = dim,
                                 .coordinates = names,
                                 .time_count = TIMES,
                                 .times = times,
                                 .ensemble_count = ENSEMBLES,
                                 .ensembles = ensembles,
                                 .seeds = SEEDS};
}

/* Some number that depends on all that it belongs to. */
static double made_up(size_t ensemble, size_t seed, size_t i) {
    return 2.385 * sin(1 + 17.3 * (double)ensemble + 5.1 * (double)seed + 0.7 * (double)i);
}

static size_t member_size(size_t dim, size_t ensemble) {
    return TIMES * ensembles[ensemble].heads * dim;
}

static void put_member(hf_particles_writer *writer, size_t dim, size_t member) {
    hf_error error = {0};
    double theta[TIMES * HEADS_MAX * HF_DIM_MAX];
    size_t ensemble = member / SEEDS, seed = member % SEEDS;
    for (size_t i = 0; i < member_size(dim, ensemble); i++)
        theta[i] = made_up(ensemble, seed, i);
    cr_expect_not(hf_particles_writer_has(writer, ensemble, seed));
    hf_status status = hf_particles_writer_put(&error, writer, ensemble, seed, theta);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    cr_expect(hf_particles_writer_has(writer, ensemble, seed));
}

static hf_particles_writer *open_writer(const hf_particles_layout *layout) {
    hf_error error = {0};
    hf_particles_writer *writer;
    hf_status status = hf_particles_writer_create(&error, path, layout, &writer);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    return writer;
}

static void finish(hf_particles_writer **writer) {
    hf_error error = {0};
    cr_assert_eq(hf_particles_writer_finish(&error, *writer), HF_OK, "%s", error.message);
    hf_particles_writer_destroy(writer);
    cr_expect_null(*writer);
    cr_expect(exists(path) && !exists(journal) && !exists(part));
}

/* The members that are missing, in an order of their own. */
static size_t put_missing(hf_particles_writer *writer, size_t dim) {
    size_t count = 0;
    for (size_t k = 0; k < MEMBERS; k++) {
        size_t member = (5 * k + 7) % MEMBERS;
        if (!hf_particles_writer_has(writer, member / SEEDS, member % SEEDS)) {
            put_member(writer, dim, member);
            count++;
        }
    }
    return count;
}

static void write_particles(size_t dim) {
    hf_particles_layout layout = layout_of(dim);
    hf_particles_writer *writer = open_writer(&layout);
    cr_expect_eq(put_missing(writer, dim), (size_t)MEMBERS);
    finish(&writer);
}

static hf_trajectories *read_trajectories(const char *file, size_t dim) {
    hf_error error = {0};
    hf_trajectories *t;
    cr_assert_eq(hf_trajectories_read(&error, file, dim, names, &t), HF_OK, "%s", error.message);
    return t;
}

static void expect_member(const hf_trajectories *t, size_t dim, size_t ensemble, size_t seed) {
    hf_error error = {0};
    double theta[TIMES * HEADS_MAX * HF_DIM_MAX];
    cr_assert_eq(hf_trajectories_theta(&error, t, ensemble, seed, theta), HF_OK, "%s", error.message);
    for (size_t i = 0; i < member_size(dim, ensemble); i++)
        cr_assert_eq(theta[i], made_up(ensemble, seed, i), "%zu %zu %zu", ensemble, seed, i);
}

/* All that was written is there, bit for bit. */
static void expect_particles(size_t dim) {
    hf_trajectories *t = read_trajectories(path, dim);
    size_t count;
    const double *time = hf_trajectories_times(t, &count);
    cr_assert(count == TIMES && memcmp(time, times, sizeof times) == 0);
    const long *seeds = hf_trajectories_seeds(t, &count);
    cr_assert(count == SEEDS && seeds[0] == 0 && seeds[SEEDS - 1] == SEEDS - 1);
    cr_expect_str_eq(hf_trajectories_path(t), path);
    cr_assert_eq(hf_trajectories_ensembles(t), (size_t)ENSEMBLES);
    for (size_t i = 0; i < ENSEMBLES; i++) {
        hf_ensemble found = hf_trajectories_ensemble(t, i);
        cr_expect(found.heads == ensembles[i].heads && found.step == ensembles[i].step &&
                  found.batch == ensembles[i].batch);
        for (size_t seed = SEEDS; seed-- > 0;)
            expect_member(t, dim, i, seed);
    }
    hf_trajectories_destroy(&t);
    cr_expect_null(t);
}

Test(store_particles, reads_what_it_wrote) {
    for (size_t dim = 1; dim <= HF_DIM_MAX; dim++) {
        write_particles(dim);
        expect_particles(dim);
    }
}

/* What xarray sees: names of groups and dimensions, attributes. */
Test(store_particles, lays_out_groups_of_ensembles) {
    int file, group, id, dims[4];
    write_particles(2);
    cr_assert_eq(nc_open(path, NC_NOWRITE, &file), NC_NOERR);
    char scheme[8] = "";
    cr_assert_eq(nc_get_att_text(file, NC_GLOBAL, "scheme", scheme), NC_NOERR);
    cr_expect_str_eq(scheme, "sgd");
    for (size_t i = 0; i < ENSEMBLES; i++) {
        static const char *const expected[] = {"seed", "time", "head", "coordinate"};
        long heads;
        cr_assert_eq(nc_inq_ncid(file, groups[i], &group), NC_NOERR, "%s", groups[i]);
        cr_assert_eq(nc_inq_varid(group, "theta", &id), NC_NOERR);
        cr_assert_eq(nc_inq_vardimid(group, id, dims), NC_NOERR);
        for (size_t d = 0; d < 4; d++) {
            char found[NC_MAX_NAME + 1];
            cr_assert_eq(nc_inq_dimname(group, dims[d], found), NC_NOERR);
            cr_expect_str_eq(found, expected[d]);
        }
        cr_assert_eq(nc_get_att_long(group, NC_GLOBAL, "heads", &heads), NC_NOERR);
        cr_expect_eq((size_t)heads, ensembles[i].heads);
    }
    nc_close(file);
}

/* ---- groups of a dataset ------------------------------------------------------------------------------- */

Test(store_particles, finds_groups_again) {
    hf_error error = {0};
    hf_dataset *file, *group;
    size_t count, length;
    double value;
    cr_assert_eq(hf_dataset_create(&error, path, &file), HF_OK, "%s", error.message);
    cr_assert_eq(hf_dataset_dimension(&error, file, "head", 5), HF_OK);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(hf_dataset_group(&error, file, i == 0 ? "second" : "first", &group), HF_OK);
        cr_assert_eq(hf_dataset_set_number(&error, group, "step", 2.385 + i), HF_OK);
        cr_assert_eq(hf_dataset_length(&error, group, "head", &length), HF_OK);
        cr_expect_eq(length, 5);
        hf_dataset_destroy(&group);
    }
    cr_expect_eq(hf_dataset_group(&error, file, "first", &group), HF_ERR_IO); /* there already */
    expect_error(&error, HF_ERR_IO, path, "first");
    cr_expect_null(group);
    cr_assert_eq(hf_dataset_finish(&error, file), HF_OK, "%s", error.message);
    hf_dataset_destroy(&file);

    cr_assert_eq(hf_dataset_open(&error, path, &file), HF_OK, "%s", error.message);
    cr_assert_eq(hf_dataset_groups(&error, file, &count), HF_OK);
    cr_expect_eq(count, 2);
    cr_assert_eq(hf_dataset_group_at(&error, file, 0, &group), HF_OK);
    cr_assert_eq(hf_dataset_get_number(&error, group, "step", &value), HF_OK);
    cr_expect_eq(value, 2.385);
    cr_expect(hf_dataset_has_attribute(group, "step") && !hf_dataset_has_attribute(file, "step"));
    cr_expect(hf_dataset_has_dimension(group, "head") && !hf_dataset_has_dimension(group, "seed"));
    cr_expect_not_null(strstr(hf_dataset_path(group), "particles.nc/second"));
    hf_dataset_destroy(&group);
    cr_expect_eq(hf_dataset_group(&error, file, "third", &group), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, path, "third");
    cr_expect_eq(hf_dataset_group_at(&error, file, 2, &group), HF_ERR_IO);
    cr_expect_null(group);
    hf_dataset_destroy(&file);
}

/* ---- interrupted runs ---------------------------------------------------------------------------------- */

/* The journal of a run of D = 2 that was killed after some members. */
static void leave_journal(size_t members) {
    hf_particles_layout layout = layout_of(2);
    hf_particles_writer *writer = open_writer(&layout);
    for (size_t k = 0; k < members; k++)
        put_member(writer, 2, (5 * k + 7) % MEMBERS);
    hf_particles_writer_destroy(&writer);
    cr_expect(exists(journal) && !exists(path) && !exists(part));
}

/* Where the records of leave_journal end: after a header of 24 bytes, 24 and the numbers of each. */
static size_t record_end(size_t members) {
    size_t end = 24;
    for (size_t k = 0; k < members; k++)
        end += 24 + sizeof(double) * member_size(2, (5 * k + 7) % MEMBERS / SEEDS);
    return end;
}

static void expect_resumed(size_t kept) {
    hf_particles_layout layout = layout_of(2);
    hf_particles_writer *writer = open_writer(&layout);
    cr_expect_eq(put_missing(writer, 2), MEMBERS - kept, "%zu kept", kept);
    finish(&writer);
    expect_particles(2);
    cr_assert_eq(unlink(path), 0);
}

Test(store_particles, resumes_where_a_run_was_killed) {
    for (size_t members = 0; members <= MEMBERS; members += 3) {
        leave_journal(members);
        cr_expect_eq(file_size(journal), record_end(members));
        expect_resumed(members);
    }
}

/* Cut anywhere: in the magic, the fingerprint, the checksum of the header, between records, in the frame, in
 * the numbers and in the checksum of one. */
Test(store_particles, resumes_after_a_torn_tail) {
    static const size_t in_header[] = {0, 1, 7, 8, 13, 16, 23};
    static const size_t in_record[] = {0, 1, 8, 15, 16, 19, 24, 70};
    for (size_t i = 0; i < sizeof in_header / sizeof *in_header; i++) {
        leave_journal(2);
        cr_assert_eq(truncate(journal, (off_t)in_header[i]), 0);
        expect_resumed(0);
    }
    for (size_t i = 0; i < sizeof in_record / sizeof *in_record; i++) {
        leave_journal(4);
        cr_assert_eq(truncate(journal, (off_t)(record_end(3) + in_record[i])), 0);
        expect_resumed(3);
    }
    for (size_t missing = 1; missing <= 9; missing += 4) {
        leave_journal(4);
        cr_assert_eq(truncate(journal, (off_t)(record_end(4) - missing)), 0);
        expect_resumed(3);
    }
}

static void flip(size_t place) {
    char byte;
    int file = open(journal, O_RDWR);
    cr_assert(file >= 0 && pread(file, &byte, 1, (off_t)place) == 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(file, &byte, 1, (off_t)place), 1);
    close(file);
}

/* A damaged record ends what is kept: in its index, its count, its numbers, its checksum. */
Test(store_particles, keeps_what_is_before_a_damaged_record) {
    const size_t places[] = {0, 7, 8, 15, 16, 40, record_end(3) - record_end(2) - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        leave_journal(5);
        flip(record_end(2) + places[i]);
        hf_particles_layout layout = layout_of(2);
        hf_particles_writer *writer = open_writer(&layout);
        cr_expect_eq(file_size(journal), record_end(2));
        hf_particles_writer_destroy(&writer);
        expect_resumed(2);
    }
    leave_journal(5);
    flip(12); /* the fingerprint */
    expect_resumed(0);
    leave_journal(5);
    flip(20); /* the checksum of the header */
    expect_resumed(0);
}

/* A whole record of another length, which only a wrong fingerprint could bring there, is none either. */
Test(store_particles, keeps_no_record_of_another_length) {
    hf_error error = {0};
    hf_journal *kept;
    char file[PATH];
    static const size_t counts[] = {3, 1}, others[] = {2, 1};
    const double values[] = {2.385, -1, 0.5};
    double found[3];
    snprintf(file, sizeof file, "%s/journal", folder);
    cr_assert_eq(hf_journal_open(&error, file, 17, 2, counts, &kept), HF_OK, "%s", error.message);
    cr_assert_eq(hf_journal_put(&error, kept, 0, values), HF_OK, "%s", error.message);
    hf_journal_close(&kept);
    cr_assert_eq(hf_journal_open(&error, file, 17, 2, counts, &kept), HF_OK, "%s", error.message);
    cr_assert(hf_journal_has(kept, 0) && !hf_journal_has(kept, 1));
    cr_assert_eq(hf_journal_get(&error, kept, 0, found), HF_OK, "%s", error.message);
    cr_expect_eq(memcmp(found, values, sizeof values), 0);
    hf_journal_close(&kept);
    cr_assert_eq(hf_journal_open(&error, file, 17, 2, others, &kept), HF_OK, "%s", error.message);
    cr_expect_not(hf_journal_has(kept, 0));
    hf_journal_close(&kept);
}

/* A run that went another way after it was interrupted writes the same content. */
Test(store_particles, goes_on_after_more_than_one_interruption) {
    leave_journal(2);
    hf_particles_layout layout = layout_of(2);
    hf_particles_writer *writer = open_writer(&layout);
    put_member(writer, 2, 6);
    hf_particles_writer_destroy(&writer);
    cr_assert_eq(truncate(journal, (off_t)file_size(journal) - 5), 0);
    writer = open_writer(&layout);
    put_member(writer, 2, 3);
    hf_particles_writer_destroy(&writer);
    expect_resumed(3);
}

/* The fingerprint of a problem: equal for another grid and end, another for each thing that heads depend on.
 */
Test(store_particles, fingerprints_tell_problems_apart) {
    char first[HF_FINGERPRINT_MAX], other[HF_FINGERPRINT_MAX];
    for (int row = 0; row < 7; row++) {
        toy t = toy_find("retrieval"), u = toy_find("retrieval");
        static const double matrix[] = {1, 0, 0, 0.2385}, values[] = {0, 0.5, 0.2385, -0.5};
        switch (row) {
        case 1:
            u = toy_find("stable"); /* ridge and initial density */
            break;
        case 2:
            u.input.ridge = 0.2385;
            break;
        case 3:
            u.component.profile[1].b = 1.2385;
            break;
        case 4:
            u.input.heads.attention_basis = matrix;
            break;
        case 5:
            u.input.heads.value_basis = values;
            break;
        case 6:
            u.generator = "opposite";
            break;
        default:
            u.input.axes[0].cells += 8;
            u.input.end = 2.385;
        }
        hf_problem *a = toy_create(&t), *b = toy_create(&u);
        hf_problem_fingerprint(a, first);
        hf_problem_fingerprint(b, other);
        cr_expect_eq(strlen(first), HF_FINGERPRINT_MAX - 1);
        cr_expect_eq(strcmp(first, other) == 0, row == 0, "row %d: %s, %s", row, first, other);
        hf_problem_destroy(&a);
        hf_problem_destroy(&b);
    }
}

/* Whatever determines the members makes another journal. */
Test(store_particles, discards_the_journal_of_another_run) {
    static const double other_times[TIMES] = {0, 0.2386, 1e3};
    static const char *const other_names[] = {"a", "kk"};
    hf_ensemble other_ensembles[ENSEMBLES];
    memcpy(other_ensembles, ensembles, sizeof ensembles);
    other_ensembles[1].step = nextafter(ensembles[1].step, 1);
    for (int row = 0; row < 9; row++) {
        hf_particles_layout layout = layout_of(2);
        leave_journal(5);
        switch (row) {
        case 0:
            layout.case_text = "name: made-up\n# --set data.flip=0.2\n";
            break;
        case 1:
            layout.times = other_times;
            break;
        case 2:
            layout.ensembles = other_ensembles;
            break;
        case 3:
            layout.seeds--;
            break;
        case 4:
            layout.coordinates = other_names;
            break;
        case 5:
            layout.dim = 1;
            break;
        case 8:
            layout.problem = "0123456789abcdee";
            break;
        case 6:
            layout.name = "made-u";
            break;
        default:
            layout.ensemble_count--;
        }
        hf_particles_writer *writer = open_writer(&layout);
        for (size_t i = 0; i < layout.ensemble_count; i++)
            for (size_t seed = 0; seed < layout.seeds; seed++)
                cr_expect_not(hf_particles_writer_has(writer, i, seed), "%d", row);
        hf_particles_writer_destroy(&writer);
        expect_resumed(0); /* and the other way round */
    }
}

static void write_bytes(const char *file, const void *bytes, size_t count) {
    FILE *out = fopen(file, "wb");
    cr_assert(out != NULL && fwrite(bytes, 1, count, out) == count);
    cr_assert_eq(fclose(out), 0);
}

Test(store_particles, leaves_a_file_that_is_no_journal) {
    hf_error error = {0};
    hf_particles_layout layout = layout_of(2);
    hf_particles_writer *writer = open_writer(&layout);
    hf_particles_writer_destroy(&writer);
    write_bytes(journal, "Dear diary", 10);
    cr_expect_eq(hf_particles_writer_create(&error, path, &layout, &writer), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, journal, "not a journal");
    cr_expect_null(writer);
    cr_expect_eq(file_size(journal), 10);
    cr_assert(unlink(journal) == 0 && mkdir(journal, 0700) == 0);
    cr_expect_eq(hf_particles_writer_create(&error, path, &layout, &writer), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, journal, "cannot");
}

Test(store_particles, two_runs_do_not_write_one_file) {
    hf_error error = {0};
    hf_particles_layout layout = layout_of(2);
    hf_particles_writer *first = open_writer(&layout), *second;
    put_member(first, 2, 0);
    cr_expect_eq(hf_particles_writer_create(&error, path, &layout, &second), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, path, "another run is writing this file");
    cr_expect_null(second);
    put_missing(first, 2);
    finish(&first);
    expect_particles(2);
}

/* The old file stays until the new one is complete, even when the process dies. */
Test(store_particles, an_unfinished_run_leaves_the_old_file) {
    write_particles(2);
    pid_t child = fork();
    if (child == 0) {
        hf_particles_layout layout = layout_of(3);
        hf_particles_writer *writer;
        if (hf_particles_writer_create(NULL, path, &layout, &writer) == HF_OK)
            put_member(writer, 3, 1);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect(exists(journal));
    expect_particles(2);
    hf_particles_layout layout = layout_of(3);
    hf_particles_writer *writer = open_writer(&layout);
    cr_expect_eq(put_missing(writer, 3), (size_t)MEMBERS - 1);
    finish(&writer);
    expect_particles(3);
}

Test(store_particles, a_journal_damaged_under_way_makes_no_file) {
    hf_error error = {0};
    hf_particles_layout layout = layout_of(2);
    hf_particles_writer *writer = open_writer(&layout);
    cr_expect_eq(hf_particles_writer_finish(&error, writer), HF_ERR_INPUT);
    expect_error(&error, HF_ERR_INPUT, path, "seed 0 of ensemble 0 is missing");
    put_missing(writer, 2);
    flip(record_end(3) + 24);
    cr_expect_eq(hf_particles_writer_finish(&error, writer), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, journal, "damaged");
    cr_expect(!exists(path) && !exists(part) && exists(journal));
    hf_particles_writer_destroy(&writer);
    expect_resumed(3);
}

Test(store_particles, refuses_heads_that_are_not_finite) {
    hf_error error = {0};
    hf_particles_layout layout = layout_of(2);
    hf_particles_writer *writer = open_writer(&layout);
    double theta[TIMES * HEADS_MAX * HF_DIM_MAX] = {0};
    theta[7] = INFINITY; /* of 3 heads in 2 dimensions: at the second time */
    cr_expect_eq(hf_particles_writer_put(&error, writer, 0, 2, theta), HF_ERR_NUMERIC);
    expect_error(&error, HF_ERR_NUMERIC, groups[0], "seed 2");
    expect_error(&error, HF_ERR_NUMERIC, "inf", "time 0.2385");
    cr_expect_not(hf_particles_writer_has(writer, 0, 2));
    hf_particles_writer_destroy(&writer);
}

Test(store_particles, refuses_layouts_that_make_no_file) {
    static const double late[TIMES] = {0.1, 0.2, 0.3}, flat[TIMES] = {0, 1, 1};
    static const hf_ensemble twice[] = {{3, 0.1, 8}, {3, 0.1, 8}}, none[] = {{0, 0.1, 8}};
    static const hf_ensemble backwards[] = {{3, -0.1, 8}}, unknown[] = {{3, 0.1, HF_BATCH_UNKNOWN}};
    static const hf_ensemble many[] = {{SIZE_MAX / 16, 0.1, 8}};
    for (int row = 0; row < 11; row++) {
        hf_error error = {0};
        hf_particles_writer *writer;
        hf_particles_layout layout = layout_of(2);
        const hf_ensemble *const others[] = {none, backwards, unknown, many, twice};
        switch (row) {
        case 0:
            layout.dim = 0;
            break;
        case 1:
            layout.dim = 5;
            break;
        case 2:
            layout.seeds = 0;
            break;
        case 3:
            layout.time_count = 0;
            break;
        case 4:
            layout.times = late;
            break;
        case 5:
            layout.times = flat;
            break;
        default:
            layout.ensembles = others[row - 6];
            layout.ensemble_count = row == 10 ? 2 : 1;
        }
        cr_expect_eq(hf_particles_writer_create(&error, path, &layout, &writer), HF_ERR_INPUT, "%d", row);
        expect_error(&error, HF_ERR_INPUT, "particles", "expected");
        cr_expect(writer == NULL && !exists(journal));
    }
}

/* Published values of 64-bit FNV-1a. */
Test(store_particles, hashes_as_FNV_1a_does) {
    cr_expect_eq(hf_hash(HF_HASH_EMPTY, "", 0), UINT64_C(0xcbf29ce484222325));
    cr_expect_eq(hf_hash(HF_HASH_EMPTY, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    cr_expect_eq(hf_hash(HF_HASH_EMPTY, "foobar", 6), UINT64_C(0x85944171f73967e8));
    cr_expect_eq(hf_hash(hf_hash(HF_HASH_EMPTY, "foo", 3), "bar", 3), UINT64_C(0x85944171f73967e8));
}

/* ---- NetCDF of others ---------------------------------------------------------------------------------- */

/* A file as xarray writes it, with faults on request. */
typedef struct foreign {
    int format; /* 0: NC_NETCDF4 */
    size_t seeds, heads, dim;
    double time[TIMES], seed[SEEDS];
    double theta0; /* in place of the first number, unless 0 */
    const char *dims[4];
    const char *coordinate[2];
    double step, batch, count; /* attributes, count as `heads`; 0: left out */
    const char *batch_text;    /* instead of the number, unless NULL */
    bool no_time, no_names, no_seeds, letters;
} foreign;

static foreign sound(void) {
    return (foreign){.seeds = 2,
                     .heads = 3,
                     .dim = 2,
                     .time = {0, 0.2385, 1e3},
                     .seed = {17, -4},
                     .dims = {"seed", "time", "head", "coordinate"},
                     .coordinate = {"a", "k"},
                     .step = 0.05,
                     .batch = 8};
}

static void define_names(int file, int dim, const foreign *f) {
    int id, letters, dims[2] = {dim};
    if (f->letters) {
        cr_assert_eq(nc_def_dim(file, "letters", 2, &letters), NC_NOERR);
        dims[1] = letters;
        cr_assert_eq(nc_def_var(file, "coordinate", NC_CHAR, 2, dims, &id), NC_NOERR);
        nc_enddef(file);
        cr_assert_eq(nc_put_var_text(file, id, "a\0k\0"), NC_NOERR);
    } else {
        cr_assert_eq(nc_def_var(file, "coordinate", NC_STRING, 1, dims, &id), NC_NOERR);
        cr_assert_eq(nc_put_var_string(file, id, (const char **)f->coordinate), NC_NOERR);
    }
}

static void write_foreign(const foreign *f) {
    int file, id, dims[4], time, seed;
    double theta[SEEDS * TIMES * HEADS_MAX * HF_DIM_MAX];
    size_t lengths[] = {f->seeds, TIMES, f->heads, f->dim};
    cr_assert_eq(nc_create(path, f->format != 0 ? f->format : NC_NETCDF4, &file), NC_NOERR);
    for (size_t d = 0; d < 4; d++)
        cr_assert_eq(nc_def_dim(file, f->dims[d], lengths[d], &dims[d]), NC_NOERR);
    cr_assert_eq(nc_def_var(file, "theta", NC_DOUBLE, 4, dims, &id), NC_NOERR);
    if (!f->no_time)
        cr_assert_eq(nc_def_var(file, "time", NC_DOUBLE, 1, &dims[1], &time), NC_NOERR);
    if (!f->no_seeds)
        cr_assert_eq(nc_def_var(file, "seed", f->format != 0 ? NC_INT : NC_DOUBLE, 1, &dims[0], &seed),
                     NC_NOERR);
    if (f->step != 0)
        nc_put_att_double(file, NC_GLOBAL, "step", NC_DOUBLE, 1, &f->step);
    if (f->batch_text != NULL)
        nc_put_att_text(file, NC_GLOBAL, "batch", strlen(f->batch_text), f->batch_text);
    else if (f->batch != 0)
        nc_put_att_double(file, NC_GLOBAL, "batch", NC_DOUBLE, 1, &f->batch);
    if (f->count != 0)
        nc_put_att_double(file, NC_GLOBAL, "heads", NC_DOUBLE, 1, &f->count);
    if (!f->no_names)
        define_names(file, dims[3], f);
    nc_enddef(file);
    for (size_t i = 0; i < f->seeds * TIMES * f->heads * f->dim; i++)
        theta[i] = made_up(0, i / (TIMES * f->heads * f->dim), i % (TIMES * f->heads * f->dim));
    if (f->theta0 != 0)
        theta[0] = f->theta0;
    if (f->seeds > 0)
        cr_assert_eq(nc_put_var_double(file, id, theta), NC_NOERR);
    if (!f->no_time)
        cr_assert_eq(nc_put_var_double(file, time, f->time), NC_NOERR);
    if (!f->no_seeds && f->seeds > 0)
        cr_assert_eq(nc_put_var_double(file, seed, f->seed), NC_NOERR);
    cr_assert_eq(nc_close(file), NC_NOERR);
}

static void expect_foreign(const foreign *f) {
    write_foreign(f);
    hf_trajectories *t = read_trajectories(path, 2);
    size_t count;
    const long *seeds = hf_trajectories_seeds(t, &count);
    cr_assert_eq(count, 2);
    cr_expect(f->no_seeds ? seeds[0] == 0 && seeds[1] == 1 : seeds[0] == 17 && seeds[1] == -4);
    cr_expect_eq(hf_trajectories_ensembles(t), 1);
    hf_ensemble found = hf_trajectories_ensemble(t, 0);
    cr_expect_eq(found.heads, 3);
    cr_expect(f->step != 0 ? found.step == f->step : isnan(found.step));
    cr_expect_eq(found.batch, f->batch_text != NULL ? HF_BATCH_FULL
                              : f->batch != 0       ? (size_t)f->batch
                                                    : HF_BATCH_UNKNOWN);
    expect_member(t, 2, 0, 1);
    expect_member(t, 2, 0, 0);
    hf_trajectories_destroy(&t);
}

/* A file that cannot be read, and why. */
static void expect_refused(const char *file, hf_status status, const char *says) {
    hf_error error = {0};
    hf_trajectories *t;
    cr_expect_eq(hf_trajectories_read(&error, file, 2, names, &t), status, "%s", says);
    cr_expect_null(t);
    expect_error(&error, status, file, says);
}

Test(store_particles, reads_netcdf_of_others) {
    foreign f = sound();
    write_particles(1); /* the folder */
    expect_foreign(&f);
    f.step = f.batch = 0;
    f.no_names = f.no_seeds = true;
    expect_foreign(&f);
    f = sound();
    f.letters = true;
    expect_foreign(&f);
    f.format = NC_64BIT_OFFSET; /* as scipy writes */
    expect_foreign(&f);
    f.batch_text = "full";
    expect_foreign(&f);
    f.batch_text = "eight";
    write_foreign(&f);
    expect_refused(path, HF_ERR_INPUT, "'batch' is the text 'eight'");
}

Test(store_particles, refuses_netcdf_that_says_something_wrong) {
    static const char *const says[] = {
        "'time' has other dimensions; expected (time)",
        "'theta' has other dimensions; expected (seed, time, head, coordinate)",
        "3 coordinates; expected the 2",
        "coordinate 2 is 'v'; expected 'k'",
        "coordinate 1 is 'k'; expected 'a'",
        "no heads at time 0",
        "goes from 0.2385 to 0.2385",
        "goes from 0.2385 to nan",
        "a seed is 2.5",
        "the seed 17 twice",
        "0 seeds",
        "'step' is -1",
        "'batch' is 2.385",
        "'heads' is 4; expected 3",
        "'time'",
    };
    write_particles(1); /* the folder */
    for (size_t row = 0; row < sizeof says / sizeof *says; row++) {
        foreign f = sound();
        switch (row) {
        case 0:
            f.dims[0] = "time", f.dims[1] = "seed";
            break;
        case 1:
            f.dims[2] = "neuron";
            break;
        case 2:
            f.dim = 3, f.no_names = true;
            break;
        case 3:
            f.coordinate[1] = "v";
            break;
        case 4:
            f.coordinate[0] = "k", f.coordinate[1] = "a";
            break;
        case 5:
            f.time[0] = 0.1;
            break;
        case 6:
            f.time[2] = f.time[1];
            break;
        case 7:
            f.time[2] = NAN;
            break;
        case 8:
            f.seed[1] = 2.5;
            break;
        case 9:
            f.seed[1] = 17;
            break;
        case 10:
            f.seeds = 0;
            break;
        case 11:
            f.step = -1;
            break;
        case 12:
            f.batch = 2.385;
            break;
        case 13:
            f.count = 4;
            break;
        default:
            f.no_time = true;
        }
        if (row == 0) /* lengths follow the names, or the times would not fit */
            f.seeds = TIMES;
        write_foreign(&f);
        expect_refused(path, row < 2 || row >= 13 ? HF_ERR_IO : HF_ERR_INPUT, says[row]);
    }
}

Test(store_particles, refuses_positions_that_are_not_finite) {
    const double values[] = {NAN, -INFINITY, NC_FILL_DOUBLE};
    write_particles(1); /* the folder */
    for (size_t k = 0; k < 3; k++) {
        double theta[TIMES * HEADS_MAX * HF_DIM_MAX];
        hf_error error = {0};
        foreign f = sound();
        f.theta0 = values[k];
        write_foreign(&f);
        hf_trajectories *t = read_trajectories(path, 2);
        cr_expect_eq(hf_trajectories_theta(&error, t, 0, 0, theta), HF_ERR_INPUT);
        expect_error(&error, HF_ERR_INPUT, path, "seed 17, time 0, head 0: theta is");
        expect_member(t, 2, 0, 1);
        hf_trajectories_destroy(&t);
    }
}

/* Claims of a file that is small: refused before there is memory for them. */
Test(store_particles, refuses_sizes_that_no_file_has) {
    int file, id, dims[4];
    write_particles(1); /* the folder */
    for (size_t large = 0; large < 4; large++) {
        static const char *const dim_names[] = {"seed", "time", "head", "coordinate"};
        cr_assert_eq(nc_create(path, NC_NETCDF4, &file), NC_NOERR);
        for (size_t d = 0; d < 4; d++)
            cr_assert_eq(nc_def_dim(file, dim_names[d],
                                    d == 3       ? 2
                                    : d <= large ? (size_t)1 << 27
                                                 : 1,
                                    &dims[d]),
                         NC_NOERR);
        cr_assert_eq(nc_def_var(file, "theta", NC_DOUBLE, 4, dims, &id), NC_NOERR);
        cr_assert_eq(nc_def_var_chunking(file, id, NC_CHUNKED, (size_t[]){1, 1, 1, 2}), NC_NOERR);
        cr_assert_eq(nc_def_var(file, "time", NC_DOUBLE, 1, &dims[1], &id), NC_NOERR);
        cr_assert_eq(nc_def_var_chunking(file, id, NC_CHUNKED, (size_t[]){1}), NC_NOERR);
        cr_assert_eq(nc_close(file), NC_NOERR);
        expect_refused(path, large == 0 ? HF_ERR_INPUT : HF_ERR_IO,
                       large == 0 ? "no heads at time 0" : "bytes can hold");
    }
}

/* A group can have a dimension of its own under the name of the file's. */
Test(store_particles, refuses_a_group_with_other_times) {
    int file, group, id, root[2], dims[4];
    write_particles(1); /* the folder */
    cr_assert_eq(nc_create(path, NC_NETCDF4, &file), NC_NOERR);
    cr_assert_eq(nc_def_dim(file, "seed", 2, &root[0]), NC_NOERR);
    cr_assert_eq(nc_def_dim(file, "time", 1, &root[1]), NC_NOERR);
    cr_assert_eq(nc_def_var(file, "time", NC_DOUBLE, 1, &root[1], &id), NC_NOERR);
    cr_assert_eq(nc_put_var_double(file, id, (double[]){0}), NC_NOERR);
    cr_assert_eq(nc_def_grp(file, "N3", &group), NC_NOERR);
    dims[0] = root[0];
    cr_assert_eq(nc_def_dim(group, "time", 3, &dims[1]), NC_NOERR);
    cr_assert_eq(nc_def_dim(group, "head", 3, &dims[2]), NC_NOERR);
    cr_assert_eq(nc_def_dim(group, "coordinate", 2, &dims[3]), NC_NOERR);
    cr_assert_eq(nc_def_var(group, "theta", NC_DOUBLE, 4, dims, &id), NC_NOERR);
    cr_assert_eq(nc_close(file), NC_NOERR);
    expect_refused(path, HF_ERR_IO, "/N3: theta has 2 seeds and 3 times; expected 2 and 1");
}

Test(store_particles, refuses_what_holds_no_trajectories) {
    char file[PATH];
    snprintf(file, sizeof file, "%s/particles", folder);
    expect_refused(file, HF_ERR_IO, "No such file");
    expect_refused(folder, HF_ERR_IO, "not a file");
    cr_assert_eq(mkfifo(file, 0600), 0);
    expect_refused(file, HF_ERR_IO, "not a file"); /* and does not wait for a writer */
    cr_assert_eq(unlink(file), 0);
    write_bytes(file, "", 0);
    expect_refused(file, HF_ERR_INPUT, "empty; expected the header seed,time,head,a,k");
    write_bytes(file, "PK\003\004 weights.npz", 16);
    expect_refused(file, HF_ERR_IO, "neither NetCDF nor text");
    write_bytes(file, "seed,time\0", 10);
    expect_refused(file, HF_ERR_IO, "neither NetCDF nor text");
    write_bytes(file, "\x89HDF\r\n\x1a\n and nothing more", 25);
    expect_refused(file, HF_ERR_IO, "not a NetCDF file, or damaged");
    write_bytes(file, "\x89", 1);
    expect_refused(file, HF_ERR_IO, "not a NetCDF file, or damaged");
    hf_dataset *dataset;
    cr_assert_eq(hf_dataset_create(NULL, file, &dataset), HF_OK);
    cr_assert_eq(hf_dataset_finish(NULL, dataset), HF_OK);
    hf_dataset_destroy(&dataset);
    expect_refused(file, HF_ERR_IO, "holds no variable 'theta'");
}

/* HDF5 forgets allocations of its own where a file is damaged: not ours to find. */
static void watch_leaks(bool on) {
#ifdef __SANITIZE_ADDRESS__
    if (on)
        __lsan_enable();
    else
        __lsan_disable();
#else
    (void)on;
#endif
}

Test(store_particles, refuses_truncated_files) {
    hf_error error = {0};
    hf_trajectories *t;
    watch_leaks(false); /* from the start: HDF5 takes blocks again that it has freed */
    write_particles(2);
    for (size_t size = file_size(path); size > 1000; size -= size / 6) {
        cr_assert_eq(truncate(path, (off_t)(size - size / 6)), 0);
        cr_expect_eq(hf_trajectories_read(&error, path, 2, names, &t), HF_ERR_IO);
        expect_error(&error, HF_ERR_IO, path, "damaged");
    }
    watch_leaks(true);
}

/* ---- CSV ----------------------------------------------------------------------------------------------- */

enum { CSV_SEEDS = 3, CSV_HEADS = 3, ROWS = CSV_SEEDS * TIMES * CSV_HEADS };

/* One row of the first ensemble in 2 dimensions; seeds 5, 3, 1 count backwards, heads count from `first`. */
static void print_row(FILE *file, size_t row, long first) {
    size_t head = row % CSV_HEADS, time = row / CSV_HEADS % TIMES, seed = row / (CSV_HEADS * TIMES);
    size_t i = 2 * (time * CSV_HEADS + head);
    fprintf(file, "%.17g,%ld,%.17g,%.17g,%zu\n", made_up(0, seed, i + 1), first + (long)head, times[time],
            made_up(0, seed, i), 2 * seed + 1);
}

static void write_csv(const size_t order[], long first) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("k,head,time,a,seed\n", file);
    for (size_t k = 0; k < ROWS; k++)
        print_row(file, order[k], first);
    cr_assert_eq(fclose(file), 0);
}

/* Rows in any order make the same trajectories, bit for bit. */
Test(store_particles, reads_csv_in_any_order) {
    size_t order[ROWS], count;
    gsl_rng *random = make_random(2385);
    write_particles(1); /* the folder */
    for (size_t k = 0; k < ROWS; k++)
        order[k] = k;
    for (size_t shuffle = 0; shuffle < 12; shuffle++) {
        for (size_t k = ROWS - 1; shuffle > 0 && k > 0; k--) { /* Fisher and Yates */
            size_t other = gsl_rng_uniform_int(random, k + 1), kept = order[k];
            order[k] = order[other];
            order[other] = kept;
        }
        write_csv(order, shuffle % 2);
        hf_trajectories *t = read_trajectories(path, 2);
        const long *seeds = hf_trajectories_seeds(t, &count);
        cr_assert(count == CSV_SEEDS && seeds[0] == 1 && seeds[1] == 3 && seeds[2] == 5);
        const double *time = hf_trajectories_times(t, &count);
        cr_assert(count == TIMES && memcmp(time, times, sizeof times) == 0);
        hf_ensemble found = hf_trajectories_ensemble(t, 0);
        cr_expect(found.heads == CSV_HEADS && isnan(found.step) && found.batch == HF_BATCH_UNKNOWN);
        for (size_t seed = 0; seed < CSV_SEEDS; seed++)
            expect_member(t, 2, 0, seed);
        hf_trajectories_destroy(&t);
    }
    gsl_rng_free(random);
}

Test(store_particles, refuses_csv_that_says_something_wrong) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"seed,time,head,a,v\n0,0,0,1,2\n", ":1: header: unknown column 'v'"},
        {"seed,time,head,a\n0,0,0,1\n", ":1: header: no column k"},
        {"seed,time,head,a,k,k\n0,0,0,1,2,3\n", ":1: header: column k twice"},
        {"seed,time,head,a,k\n", "no rows; expected heads"},
        {"seed,time,head,a,k\n0,0,0,1\n", ":2: row: too few fields"},
        {"seed,time,head,a,k\n0,0,0,1,2\n0,1,0,nan,2\n", ":3: a: 'nan'"},
        {"seed,time,head,a,k\n0,0,0,1,inf\n", ":2: k: 'inf'"},
        {"seed,time,head,a,k\n0,0,0,1,1e999\n", ":2: k: '1e999'"},
        {"seed,time,head,a,k\n0.5,0,0,1,2\n", ":2: seed: '0.5'; expected a whole number"},
        {"seed,time,head,a,k\n0,0,-1,1,2\n", ":2: head: '-1'; expected a whole number >= 0"},
        {"seed,time,head,a,k\n0,0,1.5,1,2\n", ":2: head: '1.5'"},
        {"seed,time,head,a,k\n0,-1,0,1,2\n", ":2: time: '-1'; expected a number >= 0"},
        {"seed,time,head,a,k\n0,0.1,0,1,2\n", "time: starts at 0.1"},
        {"seed,time,head,a,k\n0,0,2,1,2\n", "head: starts at 2"},
        {"seed,time,head,a,k\n0,0,0,1,2\n0,0,0,3,4\n", ":3: seed 0, time 0, head 0 again, first in line 2"},
        {"seed,time,head,a,k\n0,0,0,1,2\n0,0,2,3,4\n", "no row for seed 0, time 0, head 1"},
        {"seed,time,head,a,k\n0,0,0,1,2\n0,0,9000000000000000,3,4\n", "no row for seed 0, time 0, head 1"},
        {"seed,time,head,a,k\n0,0,0,1,2\n0,1,0,3,4\n1,0,0,5,6\n", "no row for seed 1, time 1, head 0"},
        {"seed,time,head,a,k\n0,0,0,1,2\n0,1,0,3,4\n1,0,0,5,6\n1,1.001,0,7,8\n",
         "no row for seed 0, time 1.001, head 0"},
        {"seed,time,head,a,k\n0,0,0,1,2\n0,2,0,3,4\n1,0,0,5,6\n1,1,0,7,8\n1,2,0,7,8\n",
         "no row for seed 0, time 1, head 0"},
    };
    char file[PATH];
    snprintf(file, sizeof file, "%s/heads.csv", folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_bytes(file, rows[i].text, strlen(rows[i].text));
        expect_refused(file, HF_ERR_INPUT, rows[i].says);
    }
    hf_error error = {0};
    hf_trajectories *t;
    cr_expect_eq(hf_trajectories_read(&error, file, 1, (const char *const[]){"time"}, &t), HF_ERR_INPUT);
    expect_error(&error, HF_ERR_INPUT, file, "coordinate 'time'");
}
