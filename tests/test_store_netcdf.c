/* Output files: what is written is what is read, unfinished files leave nothing, damaged ones are refused. */
#include <criterion/criterion.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <headflow/case.h>
#include <headflow/store.h>

#include "store/shares.h"
#include "support.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUTS = 5, LOGIT_TIMES = 71, /* more than two buffers, not a multiple */ PATH = 256 };

static char folder[] = "/tmp/headflow-XXXXXX";
static char path[PATH];

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/new/folders/solution.nc", folder);
}

static void remove_folder(void) {
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_netcdf, .init = make_folder, .fini = remove_folder);

/* ---- a made-up solution -------------------------------------------------------------------------------- */

static hf_problem *make_problem(const char *name, const char *cells) {
    char file[PATH], override[PATH];
    hf_problem *problem;
    hf_error error = {0};
    snprintf(file, sizeof file, SOURCE_ROOT "/cases/%s.yaml", name);
    snprintf(override, sizeof override, "grid.cells=%s", cells);
    hf_status status = hf_case_read(&error, file, 1, (const char *[]){override}, &problem, NULL);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    return problem;
}

/* Some number that depends on what and when. */
static double made_up(size_t what, size_t n) {
    return 2.385 + sin(1 + 17.3 * (double)what + 0.7 * (double)n) + 1e-13 * (double)n;
}

static double output_time(size_t n) {
    return 0.3 * (double)n;
}

static double logit_time(size_t n) {
    return 0.017 * (double)n;
}

static hf_record make_record(size_t n, size_t dim) {
    hf_record record = {.time = output_time(n),
                        .risk = made_up(1, n),
                        .free_energy = made_up(2, n),
                        .dissipation = made_up(3, n),
                        .dissipated = made_up(4, n),
                        .mass = made_up(5, n),
                        .minimum = made_up(6, n),
                        .gap = made_up(7, n),
                        .wall_mass = made_up(8, n),
                        .sigma2 = made_up(9, n),
                        .one_sided_lipschitz = made_up(10, n)};
    record.negative_mass = made_up(40, n);
    for (size_t d = 0; d < dim; d++)
        record.mean[d] = made_up(11 + d, n);
    for (size_t d = 0; d < dim * dim; d++)
        record.covariance[d] = made_up(21 + d, n);
    return record;
}

static void fill(size_t what, size_t n, size_t count, double *values) {
    for (size_t i = 0; i < count; i++)
        values[i] = made_up(what + i, n);
}

static size_t logit_count(const hf_problem *problem) {
    const hf_events *events = hf_problem_events(problem);
    return hf_events_count(events) * hf_events_classes(events);
}

/* The writer after all records, not finished. */
static hf_solution_writer *write_records(const hf_problem *problem) {
    hf_error error = {0};
    hf_solution_writer *writer;
    size_t cells = hf_grid_cells(hf_problem_grid(problem)), width = logit_count(problem);
    hf_status status = hf_solution_writer_create(&error, path, problem, "name: made up\n", &writer);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    hf_observer observer = hf_solution_writer_observer(writer);
    double *rho = make_array(cells), *logits = make_array(width);
    for (size_t n = 0; n < OUTPUTS; n++) {
        hf_record record = make_record(n, hf_grid_dim(hf_problem_grid(problem)));
        fill(100, n, cells, rho);
        cr_assert_eq(observer.output(&error, observer.self, &record, rho), HF_OK, "%s", error.message);
    }
    for (size_t n = 0; n < LOGIT_TIMES; n++) {
        fill(200, n, width, logits);
        cr_assert_eq(observer.logits(&error, observer.self, logit_time(n), logits), HF_OK, "%s",
                     error.message);
    }
    hf_array_destroy(&rho);
    hf_array_destroy(&logits);
    return writer;
}

/* Estimated errors are records, too: here those that were written, of the outputs in reverse. */
static void write_errors(hf_solution_writer *writer, size_t dim) {
    hf_error error = {0};
    hf_record errors[OUTPUTS];
    for (size_t n = 0; n < OUTPUTS; n++)
        errors[n] = make_record(OUTPUTS - 1 - n, dim);
    cr_assert_eq(hf_solution_writer_errors(&error, writer, OUTPUTS, errors), HF_OK, "%s", error.message);
}

static void write_solution(const hf_problem *problem) {
    hf_error error = {0};
    hf_statistics statistics = {.steps = 12,
                                .evaluations = 34,
                                .last_step = 0.25,
                                .seconds = 1.5,
                                .time = 8,
                                .table_rank = 17,
                                .table_error = 2.385e-13,
                                .table_checked = 0.375};
    hf_solution_writer *writer = write_records(problem);
    write_errors(writer, hf_grid_dim(hf_problem_grid(problem)));
    hf_status status = hf_solution_writer_finish(&error, writer, &statistics);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    hf_solution_writer_destroy(&writer);
    cr_assert_null(writer);
}

static bool exists(const char *file) {
    struct stat status;
    return stat(file, &status) == 0;
}

static bool part_exists(void) {
    char part[PATH + 8];
    snprintf(part, sizeof part, "%s.part", path);
    return exists(part);
}

/* ---- what is written is what is read ------------------------------------------------------------------- */

static void expect_series(const hf_solution *solution, const char *name, size_t what, size_t width) {
    hf_error error = {0};
    double *values = make_array(OUTPUTS * width);
    hf_status status = hf_solution_series(&error, solution, name, width, values);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    for (size_t n = 0; n < OUTPUTS; n++)
        for (size_t i = 0; i < width; i++)
            cr_expect_eq(values[n * width + i], made_up(what + i, n), "%s[%zu][%zu]", name, n, i);
    hf_array_destroy(&values);
}

static void expect_axes(const hf_grid *found, const hf_grid *expected) {
    cr_assert_eq(hf_grid_dim(found), hf_grid_dim(expected));
    for (size_t d = 0; d < hf_grid_dim(expected); d++) {
        const hf_axis *a = hf_grid_axis(found, d), *b = hf_grid_axis(expected, d);
        cr_expect_str_eq(a->name, b->name);
        cr_expect(a->lower == b->lower && a->upper == b->upper && a->cells == b->cells);
        cr_expect_eq(a->periodic, b->periodic);
    }
}

static void expect_large_arrays(const hf_solution *solution) {
    size_t cells = hf_grid_cells(hf_solution_grid(solution));
    size_t width = hf_solution_events(solution) * hf_solution_classes(solution);
    double *rho = make_array(cells), *logits = make_array(LOGIT_TIMES * width);
    for (size_t n = OUTPUTS; n-- > 0;) {
        cr_assert_eq(hf_solution_density(NULL, solution, n, rho), HF_OK);
        for (size_t i = 0; i < cells; i++)
            cr_assert_eq(rho[i], made_up(100 + i, n));
    }
    cr_assert_eq(hf_solution_logits(NULL, solution, 3, LOGIT_TIMES - 3, logits), HF_OK);
    for (size_t n = 3; n < LOGIT_TIMES; n++)
        for (size_t i = 0; i < width; i++)
            cr_assert_eq(logits[(n - 3) * width + i], made_up(200 + i, n));
    hf_array_destroy(&rho);
    hf_array_destroy(&logits);
}

/* The errors, of the outputs in reverse; and none of what cannot be estimated. */
static void expect_errors(const hf_solution *solution, size_t dim) {
    static const struct {
        const char *name;
        size_t what;
    } rows[] = {{"risk_error", 1},       {"free_energy_error", 2}, {"dissipation_error", 3},
                {"dissipated_error", 4}, {"gap_error", 7},         {"sigma2_error", 9}};
    double *values = make_array(OUTPUTS * dim * dim);
    hf_error error = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(hf_solution_series(&error, solution, rows[i].name, 1, values), HF_OK, "%s",
                     error.message);
        for (size_t n = 0; n < OUTPUTS; n++)
            cr_expect_eq(values[n], made_up(rows[i].what, OUTPUTS - 1 - n), "%s", rows[i].name);
    }
    cr_assert_eq(hf_solution_series(&error, solution, "covariance_error", dim * dim, values), HF_OK);
    for (size_t n = 0; n < OUTPUTS; n++)
        for (size_t d = 0; d < dim * dim; d++)
            cr_expect_eq(values[n * dim * dim + d], made_up(21 + d, OUTPUTS - 1 - n));
    cr_assert_eq(hf_solution_series(&error, solution, "mean_error", dim, values), HF_OK);
    cr_expect_eq(values[0], made_up(11, OUTPUTS - 1));
    cr_expect_eq(hf_solution_series(&error, solution, "minimum_error", 1, values), HF_ERR_IO);
    hf_array_destroy(&values);
}

static void expect_round_trip(const char *name, const char *cells) {
    static const char *const names[] = {
        "risk",    "free_energy", "dissipation", "dissipated", "mass",
        "minimum", "gap",         "wall_mass",   "sigma2",     "one_sided_lipschitz"};
    hf_error error = {0};
    hf_problem *problem = make_problem(name, cells);
    write_solution(problem);
    cr_expect_not(part_exists());
    hf_solution *solution;
    hf_status status = hf_solution_read(&error, path, &solution);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    size_t dim = hf_grid_dim(hf_problem_grid(problem)), times, logit_times;
    const double *time = hf_solution_times(solution, &times);
    const double *logits_at = hf_solution_logit_times(solution, &logit_times);
    cr_assert(times == OUTPUTS && logit_times == LOGIT_TIMES);
    cr_expect(time[OUTPUTS - 1] == output_time(OUTPUTS - 1) && logits_at[40] == logit_time(40));
    cr_expect_str_eq(hf_solution_name(solution), name);
    cr_expect_str_eq(hf_solution_title(solution), hf_problem_title(problem));
    cr_expect_str_eq(hf_solution_case(solution), "name: made up\n");
    cr_expect_eq(hf_solution_temperature(solution), hf_problem_temperature(problem));
    expect_axes(hf_solution_grid(solution), hf_problem_grid(problem));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_series(solution, names[i], 1 + i, 1);
    expect_series(solution, "negative_mass", 40, 1);
    expect_series(solution, "mean", 11, dim);
    expect_series(solution, "covariance", 21, dim * dim);
    expect_errors(solution, dim);
    expect_large_arrays(solution);
    hf_solution_destroy(&solution);
    hf_problem_destroy(&problem);
}

Test(store_netcdf, reads_what_it_wrote_in_one_dimension) {
    expect_round_trip("translate", "[40]");
}

Test(store_netcdf, reads_what_it_wrote_in_two_dimensions) {
    expect_round_trip("gibbs", "[12, 17]");
}

Test(store_netcdf, reads_what_it_wrote_on_a_periodic_axis) {
    expect_round_trip("angle", "[16, 11]");
}

Test(store_netcdf, reads_what_it_wrote_in_records_of_several_chunks) {
    expect_round_trip("qkv", "[83, 82, 81]"); /* 4.4 MB a record */
}

Test(store_netcdf, refuses_another_width_of_a_series) {
    hf_error error = {0};
    hf_solution *solution;
    double values[OUTPUTS * 3];
    hf_problem *problem = make_problem("retrieval", "[9, 8]");
    write_solution(problem);
    cr_assert_eq(hf_solution_read(&error, path, &solution), HF_OK, "%s", error.message);
    cr_expect_eq(hf_solution_series(&error, solution, "mean", 3, values), HF_ERR_IO);
    cr_expect_not_null(strstr(error.message, "'mean' has 2 values"), "%s", error.message);
    cr_expect_eq(hf_solution_series(&error, solution, "nonsense", 1, values), HF_ERR_IO);
    cr_expect_not_null(strstr(error.message, "'nonsense'"), "%s", error.message);
    hf_solution_destroy(&solution);
    hf_problem_destroy(&problem);
}

Test(store_netcdf, reads_the_refinement_it_wrote) {
    hf_error error = {0};
    hf_refinement found, study = {.name = "made-up",
                                  .title = "A title",
                                  .flux = "muscl",
                                  .expected_order = 2,
                                  .dim = 2,
                                  .coordinate = {"a", "v"},
                                  .count = 3,
                                  .kind = HF_REFERENCE_RICHARDSON,
                                  .nodes = 24,
                                  .passed = true,
                                  .reference = {1e-9, 2e-9, 3e-9, 4e-9, 5e-9}};
    for (size_t n = 0; n < study.count; n++) {
        study.row[n] = (hf_refinement_row){.cells = {16U << n, 24U << n},
                                           .spacing = 0.0625 / (double)(n + 1),
                                           .steps = 100 + (long)n,
                                           .seconds = made_up(1, n)};
        study.row[n].error =
            (hf_errors){made_up(2, n), made_up(3, n), made_up(4, n), made_up(5, n), made_up(6, n)};
    }
    cr_assert_eq(hf_refinement_write(&error, path, &study), HF_OK, "%s", error.message);
    cr_assert_eq(hf_refinement_read(&error, path, &found), HF_OK, "%s", error.message);
    cr_expect_eq(memcmp(&found, &study, sizeof study), 0);
}

/* ---- unfinished files ---------------------------------------------------------------------------------- */

static size_t file_size(const char *file) {
    struct stat status;
    cr_assert_eq(stat(file, &status), 0);
    return (size_t)status.st_size;
}

Test(store_netcdf, an_unfinished_file_leaves_nothing) {
    hf_problem *problem = make_problem("retrieval", "[9, 8]");
    hf_solution_writer *writer = write_records(problem);
    cr_expect(part_exists() && !exists(path));
    hf_solution_writer_destroy(&writer);
    cr_expect_not(part_exists() || exists(path));
    hf_solution_writer_destroy(&writer);
    hf_problem_destroy(&problem);
}

/* The old file survives a writer that gives up and one that is killed, and the next run is not disturbed. */
Test(store_netcdf, an_unfinished_file_leaves_the_old_one) {
    hf_solution *solution;
    hf_problem *old = make_problem("retrieval", "[9, 8]"), *new = make_problem("retrieval", "[14, 15]");
    write_solution(old);
    size_t size = file_size(path);
    hf_solution_writer *writer = write_records(new);
    hf_solution_writer_destroy(&writer);
    cr_expect_eq(file_size(path), size);
    pid_t child = fork();
    if (child == 0) {
        write_records(new);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect(part_exists());
    cr_assert_eq(hf_solution_read(NULL, path, &solution), HF_OK);
    expect_axes(hf_solution_grid(solution), hf_problem_grid(old));
    hf_solution_destroy(&solution);
    write_solution(new);
    cr_assert_eq(hf_solution_read(NULL, path, &solution), HF_OK);
    expect_axes(hf_solution_grid(solution), hf_problem_grid(new));
    hf_solution_destroy(&solution);
    hf_problem_destroy(&old);
    hf_problem_destroy(&new);
}

Test(store_netcdf, two_runs_do_not_write_one_file) {
    hf_error error = {0};
    hf_problem *problem = make_problem("retrieval", "[9, 8]");
    hf_solution_writer *first = write_records(problem), *second;
    cr_expect_eq(hf_solution_writer_create(&error, path, problem, "", &second), HF_ERR_IO);
    cr_expect_not_null(strstr(error.message, "another run"), "%s", error.message);
    cr_expect_null(second);
    cr_expect_eq(hf_solution_writer_finish(&error, first, &(hf_statistics){0}), HF_OK, "%s", error.message);
    hf_solution_writer_destroy(&first);
    hf_problem_destroy(&problem);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void expect_one_line(const hf_error *error, const char *file) {
    cr_expect_eq(error->status, HF_ERR_IO, "%s", error->message);
    cr_expect_null(strchr(error->message, '\n'), "%s", error->message);
    cr_expect_not_null(strstr(error->message, file), "`%s` does not name %s", error->message, file);
}

static void expect_unreadable(const char *file) {
    hf_error error = {0};
    hf_solution *solution;
    hf_refinement refinement;
    cr_expect_eq(hf_solution_read(&error, file, &solution), HF_ERR_IO, "%s", file);
    cr_expect_null(solution);
    expect_one_line(&error, file);
    cr_expect_eq(hf_refinement_read(&error, file, &refinement), HF_ERR_IO, "%s", file);
    cr_expect_eq(hf_figures_draw(&error, file, NULL), HF_ERR_IO, "%s", file);
    expect_one_line(&error, file);
}

static void write_bytes(const char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, count, file), count);
    cr_assert_eq(fclose(file), 0);
}

Test(store_netcdf, refuses_what_is_not_a_solution) {
    snprintf(path, sizeof path, "%s/solution.nc", folder);
    expect_unreadable(path);   /* there is none */
    expect_unreadable(folder); /* a folder without one */
    write_bytes("", 0);
    expect_unreadable(path);
    write_bytes("name: retrieval\n", 16);
    expect_unreadable(path);
    write_bytes("\x89HDF\r\n\x1a\n and nothing more", 25);
    expect_unreadable(path);
}

/* A file cut short anywhere gives an error at open or when the density is read, and never a crash. */
Test(store_netcdf, refuses_truncated_files) {
    hf_problem *problem = make_problem("retrieval", "[30, 30]");
    write_solution(problem);
    for (size_t size = file_size(path); size > 1000; size -= size / 5) {
        cr_assert_eq(truncate(path, (off_t)(size - size / 5)), 0);
        expect_unreadable(path);
    }
    hf_problem_destroy(&problem);
}

/* HDF5 forgets allocations of its own where a record is damaged: not ours to find. */
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

/* Whether a place is in a block of this size that begins with a signature. */
static bool in_block(const char *bytes, size_t place, const char *signature, size_t size) {
    for (size_t k = 0; k < size && k <= place; k++)
        if (memcmp(&bytes[place - k], signature, 4) == 0)
            return true;
    return false;
}

/* Whether a place is where HDF5 keeps the links of a group, or their index by name: version 1.10.8 does not
 * survive every flip there. Where the index is damaged it frees a table of links that it has not filled
 * (H5G__dense_iterate, H5G__link_release_table), in nc_open already. */
static bool in_links(const char *bytes, size_t place) {
    enum { LINKS = 4096, INDEX = 512 };
    return in_block(bytes, place, "FHDB", LINKS) || in_block(bytes, place, "BTLF", INDEX);
}

/* A bit flipped among the data is found by the checksums, or is in no value that is read. (The first third of
 * the file is HDF5's own tables.) */
Test(store_netcdf, finds_damaged_data) {
    watch_leaks(false); /* from the start: HDF5 takes blocks again that it has freed */
    hf_problem *problem = make_problem("retrieval", "[30, 30]");
    write_solution(problem);
    size_t size = file_size(path), cells = 900, refused = 0, flips = 60;
    char *intact = malloc(size), *damaged = malloc(size);
    double *rho = make_array(cells);
    cr_assert(intact != NULL && damaged != NULL);
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL && fread(intact, 1, size, file) == size);
    fclose(file);
    for (size_t k = 0; k < flips; k++) {
        hf_solution *solution;
        size_t place = size / 3 + k * (size - size / 3) / flips;
        if (in_links(intact, place < size - 4 ? place : size - 4))
            continue;
        memcpy(damaged, intact, size);
        damaged[place] ^= 0x10;
        write_bytes(damaged, size);
        if (hf_solution_read(NULL, path, &solution) != HF_OK) {
            refused++;
            continue;
        }
        size_t times = 0;
        hf_solution_times(solution, &times);
        cr_assert(times <= OUTPUTS && hf_grid_cells(hf_solution_grid(solution)) == cells);
        for (size_t n = 0; n < times; n++)
            if (hf_solution_density(NULL, solution, n, rho) != HF_OK)
                refused++;
            else
                for (size_t i = 0; i < cells; i++)
                    cr_assert_eq(rho[i], made_up(100 + i, n));
        hf_solution_destroy(&solution);
    }
    watch_leaks(true);
    cr_expect_gt(refused, 5);
    free(intact);
    free(damaged);
    hf_array_destroy(&rho);
    hf_problem_destroy(&problem);
}

Test(store_netcdf, refuses_folders_that_it_cannot_write) {
    hf_error error = {0};
    hf_solution_writer *writer;
    hf_problem *problem = make_problem("retrieval", "[9, 8]");
    char file[PATH], below[PATH + 32];
    snprintf(file, sizeof file, "%s/file", folder);
    fclose(fopen(file, "w"));
    snprintf(below, sizeof below, "%s/solution.nc", file);
    cr_expect_eq(hf_solution_writer_create(&error, below, problem, "", &writer), HF_ERR_IO);
    expect_one_line(&error, file);
    cr_expect_null(writer);
    cr_expect_eq(hf_solution_writer_create(&error, "/proc/headflow/solution.nc", problem, "", &writer),
                 HF_ERR_IO);
    expect_one_line(&error, "/proc/headflow");
    if (geteuid() != 0) { /* root may write anywhere */
        cr_assert_eq(chmod(folder, 0500), 0);
        cr_expect_eq(hf_solution_writer_create(&error, path, problem, "", &writer), HF_ERR_IO);
        expect_one_line(&error, folder);
        cr_assert_eq(chmod(folder, 0700), 0);
    }
    hf_problem_destroy(&problem);
}

Test(store_netcdf, reserves_its_own_names) {
    static const char *const names[] = {"risk",           "density",         "a_bnds",         "risk_error",
                                        "mixture",        "attention_base",  "value_basis",    "parameter",
                                        "initial_weight", "query_component", "initial_profile"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(hf_solution_reserves(names[i]), "%s", names[i]);
    cr_expect(!hf_solution_reserves("a") && !hf_solution_reserves("value"));
}

Test(store_netcdf, refuses_a_coordinate_with_the_name_of_a_variable) {
    hf_error error = {0};
    hf_problem *problem;
    hf_events *events;
    hf_solution_writer *writer;
    hf_component component = {.weight = 1, .profile = {{HF_PROFILE_BUMP, 0, 0.5}}};
    cr_assert_eq(hf_events_create(NULL, 1, 2, &events), HF_OK);
    cr_assert_eq(hf_events_add(NULL, events, 1, (double[]){1}, (double[]){1, 0}, 1), HF_OK);
    hf_problem_input input = {.name = "name",
                              .title = "title",
                              .events = events,
                              .heads = {.form = hf_attention_form_find("affine"),
                                        .value_coordinates = 1,
                                        .attention_base = (double[]){0},
                                        .value_base = (double[]){0, 0},
                                        .value_basis = (double[]){0.5, -0.5}},
                              .dim = 1,
                              .axes = {{"risk", -1, 1, 8, false}},
                              .component_count = 1,
                              .components = &component,
                              .end = 1};
    cr_assert_eq(hf_problem_create(&error, &input, &problem), HF_OK, "%s", error.message);
    cr_expect_eq(hf_solution_writer_create(&error, path, problem, "", &writer), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "'risk'"), "%s", error.message);
    cr_expect_not(part_exists());
    hf_problem_destroy(&problem);
}

/* ---- the problem, rebuilt ------------------------------------------------------------------------------ */

/* A density of any kind that fits the axis. */
static hf_profile make_profile(const hf_axis *axis, size_t kind) {
    static const hf_profile profiles[] = {{HF_PROFILE_BUMP, 0.05, 0.7},
                                          {HF_PROFILE_NORMAL, -0.2, 0.61},
                                          {HF_PROFILE_UNIFORM, -0.4, 0.55},
                                          {HF_PROFILE_DIRAC, 0.2385, 0}};
    return axis->periodic && kind % 2 == 0 ? (hf_profile){HF_PROFILE_COSINE, 0.6, 2.385} : profiles[kind % 4];
}

enum { WIDTH = 3, CLASSES = 4, EVENTS = 5 };

/* A corpus: contexts that come again and again, with one class at a time. */
static hf_events *make_counts(gsl_rng *random) {
    hf_events *events;
    cr_assert_eq(hf_events_create(NULL, WIDTH, CLASSES, &events), HF_OK);
    for (size_t k = 0; k < 2385; k++) {
        double tokens[2 * WIDTH] = {0}, label[CLASSES] = {0};
        tokens[gsl_rng_uniform_int(random, 2 * WIDTH)] = 1;
        tokens[gsl_rng_uniform_int(random, 2 * WIDTH)] = -0.5;
        label[gsl_rng_uniform_int(random, CLASSES)] = 1;
        cr_assert_eq(hf_events_add(NULL, events, 2, tokens, label, 1), HF_OK);
    }
    return events;
}

/* Heads of a shape on these events, started from a mixture of `mixture` densities of random weights. */
static hf_problem *make_random_problem(gsl_rng *random, const head_shape *shape, hf_events *events,
                                       size_t mixture, const char *flux) {
    enum { MIXTURE_MAX = 4 };
    static const char *const names[HF_DIM_MAX] = {"one", "two", "three", "four"};
    double *matrices;
    hf_component components[MIXTURE_MAX];
    hf_problem_input input = {.name = "random",
                              .title = "A random problem",
                              .events = events,
                              .heads = make_random_heads(random, shape->form, shape->alphas, shape->values,
                                                         WIDTH, CLASSES, 0.8, &matrices),
                              .ridge = 0.02385,
                              .dim = shape->alphas + shape->values,
                              .component_count = mixture,
                              .components = components,
                              .flux = hf_flux_find(flux),
                              .method = hf_method_find("dopri5"),
                              .limiter = hf_limiter_find("minmod"),
                              .end = 2.385,
                              .rtol = 1.1e-7,
                              .atol = 1.3e-9,
                              .outputs = 7,
                              .stop = 1.7e-5};
    for (size_t d = 0; d < input.dim; d++) {
        hf_axis *axis = &input.axes[d];
        axis->periodic = input.heads.form->periodic && d < shape->alphas;
        axis->lower = axis->periodic ? -M_PI : uniform(random, -1.7, -1.1);
        axis->upper = axis->periodic ? M_PI : uniform(random, 0.9, 1.6);
        axis->cells = (input.dim <= 2 ? 9 : 4) + d; /* 9 for duality5 */
        strcpy(axis->name, names[d]);
    }
    for (size_t c = 0; c < mixture; c++) {
        components[c].weight = uniform(random, 0.3, 2.385);
        for (size_t d = 0; d < input.dim; d++)
            components[c].profile[d] = make_profile(&input.axes[d], c + d);
    }
    hf_error error = {0};
    hf_problem *problem;
    cr_assert_eq(hf_problem_create(&error, &input, &problem), HF_OK, "%s", error.message);
    free(matrices);
    return problem;
}

static hf_problem *rebuild(void) {
    hf_error error = {0};
    hf_solution *solution;
    hf_problem *problem;
    cr_assert_eq(hf_solution_read(&error, path, &solution), HF_OK, "%s", error.message);
    cr_assert_eq(hf_solution_problem(&error, solution, &problem), HF_OK, "%s", error.message);
    hf_solution_destroy(&solution);
    return problem;
}

/* Head logits and the potential at a random head, and the initial density, are the same bits. */
static void expect_same_functions(gsl_rng *random, const hf_problem *a, const hf_problem *b) {
    const hf_model *f = hf_problem_model(a), *g = hf_problem_model(b);
    size_t events = hf_events_count(hf_problem_events(a)), classes = hf_events_classes(hf_problem_events(a));
    size_t cells = hf_grid_cells(hf_problem_grid(a)), size = hf_model_projection_size(f);
    double theta[HF_DIM_MAX], x[HF_DIM_MAX], y[HF_DIM_MAX];
    double *logits = make_array(2 * classes), *residual = make_array(events * classes);
    double *projection = make_array(2 * size), *rho = make_array(2 * cells);
    fill_uniform(random, -1, 1, HF_DIM_MAX, theta);
    fill_uniform(random, -1, 1, events * classes, residual);
    for (size_t e = 0; e < events; e++) {
        hf_model_head_logits(f, e, theta, logits);
        hf_model_head_logits(g, e, theta, logits + classes);
        cr_expect_eq(memcmp(logits, logits + classes, classes * sizeof *logits), 0);
    }
    hf_model_project_residual(f, residual, projection);
    hf_model_project_residual(g, residual, projection + size);
    cr_expect_eq(hf_model_potential(f, projection, theta, x, NULL),
                 hf_model_potential(g, projection + size, theta, y, NULL));
    cr_expect_eq(memcmp(x, y, hf_grid_dim(hf_problem_grid(a)) * sizeof *x), 0);
    cr_assert_eq(hf_problem_initial(NULL, a, rho), HF_OK);
    cr_assert_eq(hf_problem_initial(NULL, b, rho + cells), HF_OK);
    cr_expect_eq(memcmp(rho, rho + cells, cells * sizeof *rho), 0);
    hf_array_destroy(&logits);
    hf_array_destroy(&residual);
    hf_array_destroy(&projection);
    hf_array_destroy(&rho);
}

/* label: how much labels may differ */
static void expect_same_problem(const hf_problem *a, const hf_problem *b, double label) {
    const hf_events *p = hf_problem_events(a), *q = hf_problem_events(b);
    cr_expect_str_eq(hf_problem_name(a), hf_problem_name(b));
    cr_expect_str_eq(hf_problem_title(a), hf_problem_title(b));
    expect_axes(hf_problem_grid(b), hf_problem_grid(a));
    cr_expect(hf_problem_flux(a) == hf_problem_flux(b) && hf_problem_limiter(a) == hf_problem_limiter(b));
    cr_expect_eq(hf_problem_method(a), hf_problem_method(b));
    cr_expect_eq(hf_problem_temperature(a), hf_problem_temperature(b));
    cr_expect_eq(hf_model_ridge(hf_problem_model(a)), hf_model_ridge(hf_problem_model(b)));
    cr_expect(hf_problem_end(a) == hf_problem_end(b) && hf_problem_stop(a) == hf_problem_stop(b));
    cr_expect(hf_problem_rtol(a) == hf_problem_rtol(b) && hf_problem_atol(a) == hf_problem_atol(b));
    cr_expect_eq(hf_problem_outputs(a), hf_problem_outputs(b));
    cr_assert_eq(hf_events_count(p), hf_events_count(q));
    for (size_t e = 0; e < hf_events_count(p); e++) {
        size_t tokens = hf_events_length(p, e);
        cr_assert_eq(tokens, hf_events_length(q, e));
        cr_expect_eq(hf_events_weight(p, e), hf_events_weight(q, e));
        cr_expect_eq(memcmp(hf_events_tokens(p, e), hf_events_tokens(q, e),
                            tokens * hf_events_width(p) * sizeof(double)),
                     0);
        cr_expect_leq(largest_difference(hf_events_classes(p), hf_events_label(p, e), hf_events_label(q, e)),
                      label);
    }
}

Test(store_netcdf, rebuilds_the_problem_of_every_form) {
    static const char *const fluxes[] = {"muscl", "duality5", "upwind"};
    gsl_rng *random = make_random(2385);
    for (size_t k = 0; k < head_shape_count; k++) {
        const head_shape *shape = &head_shapes[k];
        bool small = shape->alphas + shape->values <= 2;
        hf_problem *problem =
            make_random_problem(random, shape, make_random_events(random, WIDTH, CLASSES, EVENTS), 1 + k % 4,
                                small ? fluxes[k % 3] : "upwind");
        write_solution(problem);
        hf_problem *found = rebuild();
        expect_same_problem(problem, found, 1e-15);
        expect_same_functions(random, problem, found);
        hf_problem_destroy(&found);
        hf_problem_destroy(&problem);
    }
    gsl_rng_free(random);
}

/* Whole counts: labels too are the same bits. */
Test(store_netcdf, rebuilds_a_corpus_exactly) {
    gsl_rng *random = make_random(389);
    hf_problem *problem =
        make_random_problem(random, &(head_shape){"product", 2, 1}, make_counts(random), 3, "muscl");
    write_solution(problem);
    hf_problem *found = rebuild();
    expect_same_problem(problem, found, 0);
    expect_same_functions(random, problem, found);
    hf_problem_destroy(&found);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

static double attribute(const char *name) {
    int file;
    double value = NAN;
    cr_assert_eq(nc_open(path, NC_NOWRITE, &file), NC_NOERR);
    cr_expect_eq(nc_get_att_double(file, NC_GLOBAL, name, &value), NC_NOERR, "%s", name);
    nc_close(file);
    return value;
}

Test(store_netcdf, says_how_the_contexts_were_compressed) {
    hf_error error = {0};
    hf_problem *problem;
    static const char *const overrides[] = {"grid.cells=[12, 17]", "scheme.table_tolerance=2.385e-9"};
    hf_status status =
        hf_case_read(&error, SOURCE_ROOT "/cases/retrieval.yaml", 2, overrides, &problem, NULL);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    write_solution(problem);
    cr_expect_eq(attribute("table_rank"), 17);
    cr_expect_eq(attribute("table_error"), 2.385e-13);
    cr_expect_eq(attribute("table_checked"), 0.375);
    cr_expect_eq(attribute("table_tolerance"), 2.385e-9);
    hf_problem *found = rebuild();
    cr_expect_eq(hf_problem_table_tolerance(found), 2.385e-9);
    hf_problem_destroy(&found);
    hf_problem_destroy(&problem);
}

Test(store_netcdf, rebuilds_named_problems_exactly) {
    static const char *const names[] = {"translate", "gibbs", "angle", "qkv"};
    static const char *const cells[] = {"[40]", "[12, 17]", "[16, 11]", "[7, 8, 9]"};
    gsl_rng *random = make_random(53);
    for (size_t k = 0; k < 4; k++) {
        hf_problem *problem = make_problem(names[k], cells[k]);
        write_solution(problem);
        hf_problem *found = rebuild();
        expect_same_problem(problem, found, 0);
        expect_same_functions(random, problem, found);
        hf_problem_destroy(&found);
        hf_problem_destroy(&problem);
    }
    gsl_rng_free(random);
}

Test(store_netcdf, finds_whole_weights_again) {
    enum { COUNT = 1147 };
    double share[COUNT], weight[COUNT], total = 0;
    for (size_t i = 0; i < COUNT; i++)
        total += 1 + (double)(i * i % 389);
    for (size_t i = 0; i < COUNT; i++)
        share[i] = (1 + (double)(i * i % 389)) / total;
    hf_shares_weights(COUNT, share, weight);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(weight[i], 1 + (double)(i * i % 389));
    cr_expect_eq(hf_shares_part(3.0 / 49, 49), 3);
    cr_expect_eq(hf_shares_part(0.2385, 2), 0.477);
}

/* Something wrong in a file of `affine` heads, one attention and one value coordinate. */
typedef struct wrong {
    enum { NUMBER, TEXT, VALUE, VARIABLE, DIMENSION, LENGTH } what; /* an attribute, entry, name, length */
    const char *name;
    double number;    /* instead of the attribute or entry */
    size_t entry;     /* in the first row */
    const char *text; /* instead of the attribute (NULL: none) or name; what variable gets the length */
    const char *says;
} wrong;

static const wrong wrongs[] = {
    {TEXT, "attention_form", 0, 0, NULL, "run the case again"},
    {TEXT, "attention_form", 0, 0, "nonsense", "'nonsense'"},
    {TEXT, "attention_form", 0, 0, "angle", "is an angle"},
    {TEXT, "attention_form", 0, 0, "product", "attention form product"},
    {TEXT, "flux", 0, 0, "nonsense", "'nonsense'"},
    {TEXT, "limiter", 0, 0, "nonsense", "'nonsense'"},
    {TEXT, "end_time", 0, 0, NULL, "end_time"},
    {NUMBER, "ridge", -2.385, 0, NULL, "ridge -2.385"},
    {NUMBER, "rtol", 0, 0, NULL, "rtol 0"},
    {NUMBER, "end_time", NAN, 0, NULL, "time.end nan"},
    {NUMBER, "outputs", 2.385, 0, NULL, "'outputs' has the value 2.385"},
    {NUMBER, "stop", INFINITY, 0, NULL, "time.stop inf"},
    {VALUE, "initial_profile", 5, 0, NULL, "'initial_profile' has the value 5"},
    {VALUE, "initial_profile", 3, 0, NULL, "cosine; expected on a periodic axis"},
    {VALUE, "initial_weight", 0, 1, NULL, "'initial_weight' has the value 0"},
    {VALUE, "initial_parameter", 17, 0, NULL, "beyond the box"},
    {VALUE, "attention_base", INFINITY, 1, NULL, "score is not finite"},
    {VALUE, "value_basis", NAN, 0, NULL, "value matrix"},
    {VALUE, "event_weight", 2.385, 2, NULL, "weights of the events sum to"},
    {VALUE, "event_weight", -0.1, 2, NULL, "weight of event 2 is -0.1"},
    {VALUE, "token_count", 2385, 1, NULL, "more tokens than"},
    {VALUE, "token_count", -1, 1, NULL, "'token_count' has the value -1"},
    {VALUE, "token_value", NAN, 1, NULL, "tokens: component"},
    {VALUE, "label", -0.5, 1, NULL, "event 1: label"},
    {VARIABLE, "value_base", 0, 0, "other", "no variable 'value_base'"},
    {VARIABLE, "initial_parameter", 0, 0, "other", "no variable 'initial_parameter'"},
    {VARIABLE, "event_weight", 0, 0, "other", "no variable 'event_weight'"},
    {DIMENSION, "query_component", 0, 0, "other", "expected (query_component, component)"},
    {DIMENSION, "attention_feature", 0, 0, "other", "1 coordinates and 0 basis matrices"},
    {DIMENSION, "mixture", 0, 0, "other", "expected (mixture)"},
    {VALUE, "token_count", 1, 2, NULL, "do not make 5 different events"},
    {LENGTH, "query_component", 5, 0, "attention_base", "'attention_base' is 5 x 3; expected a square"},
    {LENGTH, "value_coordinate", 3, 0, "value_basis", "3 value coordinates of 2"},
    {LENGTH, "parameter", 3, 0, "initial_parameter", "3 parameters; expected 2"},
};

/* Put a variable of zeros in the place of another, with another length of one of its dimensions. */
static void change_length(int file, const char *dimension, size_t length, const char *variable) {
    int dim, id, rank, dims[NC_MAX_VAR_DIMS], other;
    cr_assert_eq(nc_inq_dimid(file, dimension, &dim), NC_NOERR);
    cr_assert_eq(nc_inq_varid(file, variable, &id), NC_NOERR);
    cr_assert_eq(nc_inq_var(file, id, NULL, NULL, &rank, dims, NULL), NC_NOERR);
    cr_assert_eq(nc_rename_dim(file, dim, "old_dimension"), NC_NOERR);
    cr_assert_eq(nc_rename_var(file, id, "old_variable"), NC_NOERR);
    cr_assert_eq(nc_def_dim(file, dimension, length, &other), NC_NOERR);
    for (int d = 0; d < rank; d++)
        dims[d] = dims[d] == dim ? other : dims[d];
    cr_assert_eq(nc_def_var(file, variable, NC_DOUBLE, rank, dims, &id), NC_NOERR);
}

static void spoil(const wrong *w) {
    int file, id, code = NC_NOERR;
    size_t place[3] = {w->entry, 0, 0};
    cr_assert_eq(nc_open(path, NC_WRITE, &file), NC_NOERR);
    switch (w->what) {
    case NUMBER:
        code = nc_put_att_double(file, NC_GLOBAL, w->name, NC_DOUBLE, 1, &w->number);
        break;
    case TEXT:
        code = w->text == NULL ? nc_del_att(file, NC_GLOBAL, w->name)
                               : nc_put_att_text(file, NC_GLOBAL, w->name, strlen(w->text), w->text);
        break;
    case VALUE:
        cr_assert_eq(nc_inq_varid(file, w->name, &id), NC_NOERR);
        code = nc_put_var1_double(file, id, place, &w->number);
        break;
    case VARIABLE:
        cr_assert_eq(nc_inq_varid(file, w->name, &id), NC_NOERR);
        code = nc_rename_var(file, id, w->text);
        break;
    case DIMENSION:
        cr_assert_eq(nc_inq_dimid(file, w->name, &id), NC_NOERR);
        code = nc_rename_dim(file, id, w->text);
        break;
    case LENGTH:
        change_length(file, w->name, (size_t)w->number, w->text);
    }
    cr_assert_eq(code, NC_NOERR, "%s", w->name);
    cr_assert_eq(nc_close(file), NC_NOERR);
}

Test(store_netcdf, refuses_to_rebuild_from_a_file_that_contradicts_itself) {
    gsl_rng *random = make_random(7);
    hf_problem *found,
        *problem = make_random_problem(random, &(head_shape){"affine", 1, 1},
                                       make_random_events(random, WIDTH, CLASSES, EVENTS), 2, "muscl");
    write_solution(problem);
    size_t size = file_size(path);
    char *intact = malloc(size);
    FILE *file = fopen(path, "rb");
    cr_assert(intact != NULL && file != NULL && fread(intact, 1, size, file) == size);
    fclose(file);
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        hf_error error = {0};
        hf_solution *solution;
        write_bytes(intact, size);
        spoil(&wrongs[i]);
        cr_assert_eq(hf_solution_read(&error, path, &solution), HF_OK, "%zu: %s", i, error.message);
        cr_expect_eq(hf_solution_problem(&error, solution, &found), HF_ERR_IO, "%s", wrongs[i].says);
        cr_expect_null(found);
        expect_one_line(&error, path);
        cr_expect_not_null(strstr(error.message, wrongs[i].says), "`%s` does not say %s", error.message,
                           wrongs[i].says);
        hf_solution_destroy(&solution);
    }
    free(intact);
    hf_problem_destroy(&problem);
    gsl_rng_free(random);
}

/* ---- figures ------------------------------------------------------------------------------------------- */

static bool have_gnuplot(void) {
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

static void expect_figure(const char *name) {
    static const char *const endings[] = {"gp", "dat", "svg", "pdf", "png"};
    char file[PATH];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(file, sizeof file, "%s/new/folders/figures/%s.%s", folder, name, endings[i]);
        cr_expect(exists(file) && file_size(file) > 0, "%s.%s", name, endings[i]);
    }
}

static void expect_figures(const char *name, const char *cells) {
    if (!have_gnuplot())
        cr_skip_test("no gnuplot");
    hf_error error = {0};
    hf_problem *problem = make_problem(name, cells);
    write_solution(problem);
    cr_expect_eq(hf_figures_draw(&error, path, NULL), HF_OK, "%s", error.message);
    expect_figure("density");
    expect_figure("risk");
    expect_figure("energy");
    hf_problem_destroy(&problem);
}

Test(store_netcdf, draws_curves) {
    expect_figures("translate", "[40]");
}

Test(store_netcdf, draws_maps) {
    expect_figures("gibbs", "[12, 17]");
}

Test(store_netcdf, draws_marginals) {
    expect_figures("qkv", "[7, 8, 9]");
}

/* A PATH without gnuplot gives one line. */
Test(store_netcdf, says_that_gnuplot_is_missing) {
    hf_error error = {0};
    hf_problem *problem = make_problem("translate", "[40]");
    write_solution(problem);
    cr_assert_eq(setenv("PATH", folder, 1), 0);
    cr_expect_eq(hf_figures_draw(&error, path, NULL), HF_ERR_IO);
    expect_one_line(&error, "gnuplot");
    cr_assert_eq(setenv("PATH", "/usr/bin:/bin", 1), 0);
    hf_problem_destroy(&problem);
}
