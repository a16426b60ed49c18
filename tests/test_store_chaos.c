/* Comparisons on disk: what is written is what is read, bit for bit; damaged files are refused in one line;
 * and their figures. */
#include <criterion/criterion.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <headflow/case.h>
#include <headflow/store.h>

#include "support.h"

#include <math.h>
#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 256, TIMES = 5, GROUPS = 4, SLOPES = 3, STATICS = 2, OUTPUTS = 5, LOGIT_TIMES = 3 };

static char folder[] = "/tmp/headflow-XXXXXX";
static char path[PATH], solution_path[PATH];

static const size_t seeds[GROUPS] = {4, 3, 4, 1};
/* Two of them are the same ensemble, as from two files; of one neither step nor batch are known. */
static const hf_ensemble ensembles[GROUPS] = {
    {16, 0.05, 8}, {64, 1.0 / 3, HF_BATCH_FULL}, {16, 0.05, 8}, {256, NAN, HF_BATCH_UNKNOWN}};

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/new/chaos.nc", folder);
    snprintf(solution_path, sizeof solution_path, "%s/new/solution.nc", folder);
}

static void remove_folder(void) {
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_chaos, .init = make_folder, .fini = remove_folder);

static bool exists(const char *file) {
    struct stat status;
    return stat(file, &status) == 0;
}

static void expect_one_line(const hf_error *error, const char *says) {
    cr_expect_eq(error->status, HF_ERR_IO, "%s", error->message);
    cr_expect_null(strchr(error->message, '\n'), "%s", error->message);
    cr_expect_not_null(strstr(error->message, says), "`%s` does not say %s", error->message, says);
}

/* ---- a made-up solution and comparison ----------------------------------------------------------- */

static double output_time(size_t n) {
    return 0.3 * (double)n;
}

/* A solution.nc of a named case with made-up numbers; returned open. */
static hf_solution *make_solution(const char *name, const char *cells) {
    char file[PATH], override[PATH];
    hf_error error = {0};
    hf_problem *problem;
    hf_solution_writer *writer;
    hf_solution *solution;
    snprintf(file, sizeof file, SOURCE_ROOT "/cases/%s.yaml", name);
    snprintf(override, sizeof override, "grid.cells=%s", cells);
    hf_status status = hf_case_read(&error, file, 1, (const char *[]){override}, &problem, NULL);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    const hf_events *events = hf_problem_events(problem);
    double *rho = make_array(hf_grid_cells(hf_problem_grid(problem)));
    double *logits = make_array(hf_events_count(events) * hf_events_classes(events));
    for (size_t i = 0; i < hf_grid_cells(hf_problem_grid(problem)); i++)
        rho[i] = 1 + sin((double)i);
    status = hf_solution_writer_create(&error, solution_path, problem, "name: made up\n", &writer);
    cr_assert_eq(status, HF_OK, "%s", error.message);
    hf_observer observer = hf_solution_writer_observer(writer);
    for (size_t n = 0; n < OUTPUTS; n++) {
        hf_record record = {.time = output_time(n), .risk = 2.385, .gap = 0.1, .dissipation = 0.2};
        cr_assert_eq(observer.output(&error, observer.self, &record, rho), HF_OK, "%s", error.message);
    }
    for (size_t n = 0; n < LOGIT_TIMES; n++)
        cr_assert_eq(observer.logits(&error, observer.self, output_time(n), logits), HF_OK);
    cr_assert_eq(hf_solution_writer_finish(&error, writer, &(hf_statistics){.steps = 12}), HF_OK, "%s",
                 error.message);
    hf_solution_writer_destroy(&writer);
    hf_array_destroy(&rho);
    hf_array_destroy(&logits);
    hf_problem_destroy(&problem);
    cr_assert_eq(hf_solution_read(&error, solution_path, &solution), HF_OK, "%s", error.message);
    return solution;
}

/* Some positive number that depends on all that it belongs to; now and then NAN. */
static double made_up(size_t what, size_t where) {
    return where % 7 == 5 ? NAN : 2.385 + sin(1 + 17.3 * (double)what + 0.7 * (double)where);
}

static hf_interval made_up_interval(size_t what, size_t where) {
    double value = made_up(what, where);
    return (hf_interval){value, 0.8 * value, 1.3 * value};
}

static void name_quantity(hf_quantity *q, size_t index, size_t dim) {
    static const char *const fixed[] = {"coupling", "coupling_max", "logit_error", "risk_error"};
    static const char *const joint[HF_JOINT] = {"sliced_w2", "w2", "sinkhorn", "h_minus_1"};
    static const char *const axes[HF_DIM_MAX] = {"a", "v", "phi", "coordinate_of_thirty_one_letters"};
    size_t place = index - HF_MARGINALS;
    if (index < HF_MARGINALS)
        snprintf(q->name, sizeof q->name, "%s", fixed[index]);
    else if (place < 2 * dim)
        snprintf(q->name, sizeof q->name, "w%zu_%s", 1 + place % 2, axes[place / 2]);
    else
        snprintf(q->name, sizeof q->name, "%s", joint[place - 2 * dim]);
    snprintf(q->long_name, sizeof q->long_name, "what quantity %zu is", index);
    q->rms = index == HF_COUPLING || index == HF_LOGIT_ERROR;
    q->snapshot = place < HF_QUANTITIES_MAX && place >= 2 * dim;
}

static void fill_group(const hf_chaos *chaos, size_t g, hf_chaos_group *group) {
    size_t numbers = chaos->quantities * TIMES;
    group->ensemble = ensembles[g];
    group->seeds = seeds[g];
    group->last = TIMES - 1 - (g == 1);
    group->value = make_array(numbers * group->seeds);
    group->own_error = make_array(numbers);
    group->predicted_logit = make_array(TIMES);
    group->bound = make_array(HF_BOUNDS * TIMES);
    cr_assert_eq(hf_allocate(NULL, numbers, sizeof *group->measured, &group->measured), HF_OK);
    cr_assert_eq(hf_allocate(NULL, TIMES, sizeof *group->predicted, &group->predicted), HF_OK);
    for (size_t i = 0; i < numbers * group->seeds; i++)
        group->value[i] = made_up(10 + g, i);
    for (size_t i = 0; i < numbers; i++) {
        group->measured[i] = made_up_interval(20 + g, i);
        group->own_error[i] = 1e-3 * made_up(30 + g, i);
    }
    for (size_t t = 0; t < TIMES; t++) {
        group->predicted[t] = made_up_interval(40 + g, t);
        group->predicted_logit[t] = made_up(50 + g, t);
    }
    for (size_t i = 0; i < HF_BOUNDS * TIMES; i++)
        group->bound[i] = 3 * made_up(60 + g, i);
    for (size_t b = 0; b < HF_BOUNDS; b++) {
        group->slack[b] = made_up(70 + g, b + 4);
        group->violated[b] = (b + g) % 3 == 0;
    }
}

static hf_chaos *make_chaos(size_t dim) {
    hf_chaos *chaos;
    cr_assert_eq(hf_allocate(NULL, 1, sizeof *chaos, &chaos), HF_OK);
    *chaos = (hf_chaos){.times = TIMES,
                        .dim = dim,
                        .quantities = HF_MARGINALS + 2 * dim + HF_JOINT,
                        .groups = GROUPS,
                        .slopes = SLOPES,
                        .statics = STATICS,
                        .static_time = output_time(2),
                        .has_prediction = true,
                        .negative_mass = 0.0123,
                        .epsilon = 0.002385};
    chaos->time = make_array(TIMES);
    for (size_t t = 0; t < TIMES; t++)
        chaos->time[t] = output_time(t);
    for (size_t q = 0; q < chaos->quantities; q++)
        name_quantity(&chaos->quantity[q], q, dim);
    cr_assert_eq(hf_allocate(NULL, GROUPS, sizeof *chaos->group, &chaos->group), HF_OK);
    cr_assert_eq(hf_allocate(NULL, SLOPES, sizeof *chaos->slope, &chaos->slope), HF_OK);
    cr_assert_eq(hf_allocate(NULL, STATICS, sizeof *chaos->fixed, &chaos->fixed), HF_OK);
    for (size_t g = 0; g < GROUPS; g++)
        fill_group(chaos, g, &chaos->group[g]);
    for (size_t k = 0; k < SLOPES; k++)
        chaos->slope[k] = (hf_chaos_slope){.in_step = k == 1,
                                           .quantity = k == 2 ? chaos->quantities - 1 : k,
                                           .fixed = {k == 1 ? 64 : 0, k == 1 ? NAN : 0.1,
                                                     k == 0   ? 8
                                                     : k == 1 ? HF_BATCH_FULL
                                                              : HF_BATCH_UNKNOWN},
                                           .ensembles = 2 + k,
                                           .measured = made_up_interval(80, k),
                                           .predicted = made_up(81, k + 4)};
    for (size_t k = 0; k < STATICS; k++)
        chaos->fixed[k] = (hf_static_record){.heads = (size_t)16 << 2 * k,
                                             .draws = 200 + k,
                                             .sigma2 = made_up(90, k),
                                             .curvature = made_up(91, k),
                                             .measured = made_up_interval(92, k),
                                             .leading = made_up(93, k),
                                             .bound = made_up(94, k)};
    return chaos;
}

/* ---- written and read ---------------------------------------------------------------------------- */

static void write_chaos(const hf_chaos *chaos, const hf_solution *solution) {
    hf_error error = {0};
    cr_assert_eq(hf_chaos_write(&error, path, solution, chaos), HF_OK, "%s", error.message);
}

/* The same bits, but that one NAN is as good as another. */
static void expect_same(const char *what, size_t count, const double *a, const double *b) {
    for (size_t i = 0; i < count; i++)
        cr_expect((isnan(a[i]) && isnan(b[i])) || memcmp(&a[i], &b[i], sizeof *a) == 0,
                  "%s[%zu]: %.17g is %.17g", what, i, a[i], b[i]);
}

static void expect_same_intervals(const char *what, size_t count, const hf_interval *a,
                                  const hf_interval *b) {
    for (size_t i = 0; i < count; i++) {
        expect_same(what, 1, &a[i].value, &b[i].value);
        expect_same(what, 1, &a[i].lower, &b[i].lower);
        expect_same(what, 1, &a[i].upper, &b[i].upper);
    }
}

static void expect_same_ensemble(const hf_ensemble *a, const hf_ensemble *b) {
    cr_expect(a->heads == b->heads && a->batch == b->batch, "%zu %zu", b->heads, b->batch);
    expect_same("step", 1, &a->step, &b->step);
}

static void expect_same_group(const hf_chaos *chaos, const hf_chaos_group *a, const hf_chaos_group *b) {
    size_t numbers = chaos->quantities * chaos->times;
    expect_same_ensemble(&a->ensemble, &b->ensemble);
    cr_assert_eq(a->seeds, b->seeds);
    cr_expect_eq(a->last, b->last);
    expect_same("value", numbers * a->seeds, a->value, b->value);
    expect_same_intervals("measured", numbers, a->measured, b->measured);
    expect_same("own_error", numbers, a->own_error, b->own_error);
    expect_same_intervals("predicted", chaos->times, a->predicted, b->predicted);
    expect_same("predicted_logit", chaos->times, a->predicted_logit, b->predicted_logit);
    expect_same("bound", HF_BOUNDS * chaos->times, a->bound, b->bound);
    expect_same("slack", HF_BOUNDS, a->slack, b->slack);
    for (size_t k = 0; k < HF_BOUNDS; k++)
        cr_expect_eq(a->violated[k], b->violated[k]);
}

static void expect_same_tables(const hf_chaos *a, const hf_chaos *b) {
    cr_assert(a->slopes == b->slopes && a->statics == b->statics);
    for (size_t k = 0; k < a->slopes; k++) {
        const hf_chaos_slope *x = &a->slope[k], *y = &b->slope[k];
        cr_expect(x->in_step == y->in_step && x->quantity == y->quantity && x->ensembles == y->ensembles);
        expect_same_ensemble(&x->fixed, &y->fixed);
        expect_same_intervals("slope", 1, &x->measured, &y->measured);
        expect_same("slope", 1, &x->predicted, &y->predicted);
    }
    for (size_t k = 0; k < a->statics; k++) {
        const hf_static_record *x = &a->fixed[k], *y = &b->fixed[k];
        cr_expect(x->heads == y->heads && x->draws == y->draws);
        expect_same("sigma2", 1, &x->sigma2, &y->sigma2);
        expect_same("curvature", 1, &x->curvature, &y->curvature);
        expect_same_intervals("static", 1, &x->measured, &y->measured);
        expect_same("leading", 1, &x->leading, &y->leading);
        expect_same("bound", 1, &x->bound, &y->bound);
    }
}

static void expect_same_chaos(const hf_chaos *a, const hf_chaos *b) {
    cr_assert(a->times == b->times && a->quantities == b->quantities && a->groups == b->groups);
    cr_expect(a->dim == b->dim && a->has_prediction == b->has_prediction);
    expect_same("time", a->times, a->time, b->time);
    expect_same("numbers", 3, (double[]){a->static_time, a->negative_mass, a->epsilon},
                (double[]){b->static_time, b->negative_mass, b->epsilon});
    for (size_t q = 0; q < a->quantities; q++) {
        const hf_quantity *x = &a->quantity[q], *y = &b->quantity[q];
        cr_expect_str_eq(x->name, y->name);
        cr_expect_str_eq(x->long_name, y->long_name);
        cr_expect(x->rms == y->rms && x->snapshot == y->snapshot, "%s", x->name);
    }
    for (size_t g = 0; g < a->groups; g++)
        expect_same_group(a, &a->group[g], &b->group[g]);
    expect_same_tables(a, b);
}

static void expect_round_trip(const char *name, const char *cells, size_t dim, bool empty) {
    hf_error error = {0};
    hf_solution *solution = make_solution(name, cells);
    hf_chaos *chaos = make_chaos(dim), *found;
    if (empty) {
        chaos->slopes = chaos->statics = 0;
        chaos->has_prediction = false;
        chaos->static_time = NAN;
    }
    write_chaos(chaos, solution);
    cr_assert_eq(hf_chaos_read(&error, path, &found), HF_OK, "%s", error.message);
    expect_same_chaos(chaos, found);
    hf_chaos_destroy(&found);
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

Test(store_chaos, reads_what_was_written) {
    expect_round_trip("translate", "[40]", 1, false);
    expect_round_trip("retrieval", "[9, 11]", 2, false);
    expect_round_trip("retrieval", "[9, 11]", 2, true);
    expect_round_trip("qkv", "[7, 8, 9]", 3, false);
}

Test(store_chaos, refuses_another_number_of_coordinates) {
    hf_error error = {0};
    hf_solution *solution = make_solution("translate", "[40]");
    hf_chaos *chaos = make_chaos(2);
    cr_expect_eq(hf_chaos_write(&error, path, solution, chaos), HF_ERR_INPUT);
    cr_expect_not_null(strstr(error.message, "2 coordinates; expected 1"), "%s", error.message);
    cr_expect_not(exists(path));
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

/* ---- as others read it --------------------------------------------------------------------------- */

static void expect_text(int file, int id, const char *name, const char *expected) {
    char text[128] = "";
    size_t length;
    cr_assert_eq(nc_inq_attlen(file, id, name, &length), NC_NOERR, "%s", name);
    cr_assert_lt(length, sizeof text);
    cr_assert_eq(nc_get_att_text(file, id, name, text), NC_NOERR);
    cr_expect_str_eq(text, expected);
}

/* Names, places and units, as docs/formats.md says. */
Test(store_chaos, is_laid_out_as_documented) {
    static const char *const groups[GROUPS] = {"N16_step0.05_batch8", "N64_step0.3333333333333333_batchfull",
                                               "N16_step0.05_batch8_2", "N256_stepunknown_batchunknown"};
    hf_solution *solution = make_solution("retrieval", "[9, 11]");
    hf_chaos *chaos = make_chaos(2);
    int file, group, id;
    double value;
    write_chaos(chaos, solution);
    cr_assert_eq(nc_open(path, NC_NOWRITE, &file), NC_NOERR);
    expect_text(file, NC_GLOBAL, "name", "retrieval");
    expect_text(file, NC_GLOBAL, "case", "name: made up\n");
    expect_text(file, NC_GLOBAL, "flux", "muscl");
    cr_assert_eq(nc_inq_varid(file, "slope_quantity", &id), NC_NOERR);
    expect_text(
        file, id, "flag_meanings",
        "coupling coupling_max logit_error risk_error w1_a w2_a w1_v w2_v sliced_w2 w2 sinkhorn h_minus_1");
    for (size_t g = 0; g < GROUPS; g++) {
        cr_assert_eq(nc_inq_ncid(file, groups[g], &group), NC_NOERR, "%s", groups[g]);
        cr_assert_eq(nc_inq_varid(group, "w1_v_upper", &id), NC_NOERR);
        cr_assert_eq(nc_get_var1_double(group, id, (size_t[]){2}, &value), NC_NOERR);
        expect_same("w1_v_upper", 1, &value, &chaos->group[g].measured[6 * TIMES + 2].upper);
        cr_assert_eq(nc_inq_varid(group, "risk_error", &id), NC_NOERR);
        expect_text(group, id, "units", "nat");
        cr_assert_eq(nc_get_var1_double(group, id, (size_t[]){1, seeds[g] - 1}, &value), NC_NOERR);
        expect_same("risk_error", 1, &value, &chaos->group[g].value[(3 * TIMES + 2) * seeds[g] - 1]);
        cr_assert_eq(nc_inq_varid(group, "coupling_bound_classical", &id), NC_NOERR);
        cr_assert_eq(nc_get_var1_double(group, id, (size_t[]){3}, &value), NC_NOERR);
        expect_same("bound", 1, &value, &chaos->group[g].bound[3 * TIMES + 3]);
        cr_assert_eq(nc_inq_varid(group, "logit_error_mean", &id), NC_NOERR);
        expect_text(group, id, "cell_methods", "seed: root_mean_square");
        cr_assert_eq(nc_inq_varid(group, "sinkhorn", &id), NC_NOERR);
        expect_text(group, id, "taken_at", "snapshots");
    }
    cr_assert_eq(nc_get_att_double(group, NC_GLOBAL, "heads", &value), NC_NOERR);
    cr_expect_eq(value, 256);
    cr_assert_eq(nc_close(file), NC_NOERR);
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

/* ---- damage -------------------------------------------------------------------------------------- */

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

static void expect_refused(const char *says) {
    hf_error error = {0};
    hf_chaos *chaos;
    cr_expect_eq(hf_chaos_read(&error, path, &chaos), HF_ERR_IO, "%s", says);
    cr_expect_null(chaos);
    expect_one_line(&error, says);
    cr_expect_eq(hf_figures_draw(&error, path, NULL), HF_ERR_IO, "%s", says);
    expect_one_line(&error, path);
}

Test(store_chaos, refuses_truncated_files) {
    watch_leaks(false); /* from the start: HDF5 takes blocks again that it has freed */
    struct stat status;
    hf_solution *solution = make_solution("translate", "[40]");
    hf_chaos *chaos = make_chaos(1);
    write_chaos(chaos, solution);
    cr_assert_eq(stat(path, &status), 0);
    for (off_t size = status.st_size; size > 1000; size -= size / 6) {
        cr_assert_eq(truncate(path, size - size / 6), 0);
        expect_refused(path);
    }
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
    watch_leaks(true);
}

static void set_number(int group, const char *attribute, double value) {
    cr_assert_eq(nc_put_att_double(group, NC_GLOBAL, attribute, NC_DOUBLE, 1, &value), NC_NOERR);
}

static void set_text(int group, const char *variable, const char *attribute, const char *text) {
    int id = NC_GLOBAL;
    if (variable != NULL)
        cr_assert_eq(nc_inq_varid(group, variable, &id), NC_NOERR);
    cr_assert_eq(nc_put_att_text(group, id, attribute, strlen(text), text), NC_NOERR);
}

static void set_value(int group, const char *variable, size_t index, double value) {
    int id;
    cr_assert_eq(nc_inq_varid(group, variable, &id), NC_NOERR);
    cr_assert_eq(nc_put_var1_double(group, id, &index, &value), NC_NOERR);
}

/* One thing wrong at a time. */
Test(store_chaos, refuses_files_that_contradict_themselves) {
    static const char *const says[] = {"heads is 2.5",
                                       "heads is 0",
                                       "batch is -2",
                                       "end_time is 0.31",
                                       "'time' does not increase at entry 2",
                                       "'slope_quantity' is 12",
                                       "'static_draws' is -7",
                                       "quantities has 1 names; expected 12",
                                       "'coupling_moan'",
                                       "expected 12 short names",
                                       "'seed: root_mean_square' or 'seed: mean'",
                                       "has_prediction"};
    hf_solution *solution = make_solution("retrieval", "[9, 11]");
    hf_chaos *chaos = make_chaos(2);
    char sound[PATH], command[3 * PATH];
    write_chaos(chaos, solution);
    snprintf(sound, sizeof sound, "%s/sound.nc", folder);
    cr_assert_eq(rename(path, sound), 0);
    snprintf(command, sizeof command, "cp '%s' '%s'", sound, path);
    for (size_t row = 0; row < sizeof says / sizeof *says; row++) {
        int file, group;
        cr_assert_eq(system(command), 0);
        cr_assert_eq(nc_open(path, NC_WRITE, &file), NC_NOERR);
        cr_assert_eq(nc_inq_ncid(file, "N16_step0.05_batch8", &group), NC_NOERR);
        switch (row) {
        case 0:
        case 1:
            set_number(group, "heads", row == 0 ? 2.5 : 0);
            break;
        case 2:
            set_number(group, "batch", -2);
            break;
        case 3:
            set_number(group, "end_time", 0.31);
            break;
        case 4:
            set_value(file, "time", 2, 0.3);
            break;
        case 5:
            set_value(file, "slope_quantity", 1, 12);
            break;
        case 6:
            set_value(file, "static_draws", 0, -7);
            break;
        case 7:
            set_text(file, NULL, "quantities", "coupling");
            break;
        case 8:
            set_text(
                file, NULL, "quantities",
                "coupling_moan coupling_max logit_error risk_error w1_a w2_a w1_v w2_v sliced_w2 w2 sinkhorn "
                "h_minus_1");
            break;
        case 9:
            set_text(file, NULL, "quantities", "a b c d e f g h i j k l m");
            break;
        case 10:
            set_text(group, "w2_mean", "cell_methods", "seed: median");
            break;
        default:
            set_number(file, "has_prediction", 0.5);
        }
        cr_assert_eq(nc_close(file), NC_NOERR);
        expect_refused(says[row]);
    }
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

/* ---- figures ------------------------------------------------------------------------------------- */

enum { ROWS_MAX = 512, HEADS = 30, MEMBERS = 3 };

static void need_gnuplot(void) {
    if (system("gnuplot --version >/dev/null 2>&1") != 0)
        cr_skip_test("no gnuplot");
}

static void figure_file(const char *name, const char *ending, char file[2 * PATH]) {
    snprintf(file, 2 * PATH, "%s/new/figures/%s.%s", folder, name, ending);
}

static void expect_figure(const char *name, bool expected) {
    static const char *const endings[] = {"gp", "dat", "svg", "pdf", "png"};
    char file[2 * PATH];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        figure_file(name, endings[i], file);
        cr_expect_eq(exists(file), expected, "%s.%s", name, endings[i]);
    }
}

static void draw(void) {
    hf_error error = {0};
    cr_assert_eq(hf_figures_draw(&error, path, NULL), HF_OK, "%s", error.message);
}

/* The rows of a block of NAME.dat, as gnuplot counts blocks: two blank lines are between them.
 * rows: shape (ROWS_MAX, columns) */
static size_t read_block(const char *name, size_t block, size_t columns, double *rows) {
    char file[2 * PATH], line[4096];
    size_t found = 0, blank = 0, at = 0;
    figure_file(name, "dat", file);
    FILE *data = fopen(file, "r");
    cr_assert_not_null(data, "%s", file);
    while (fgets(line, sizeof line, data) != NULL) {
        char *next = line;
        if (line[0] == '#')
            continue;
        if (line[0] == '\n') {
            at += ++blank == 2;
            continue;
        }
        blank = 0;
        if (at != block)
            continue;
        cr_assert_lt(found, ROWS_MAX);
        for (size_t c = 0; c < columns; c++)
            rows[found * columns + c] = strtod(next, &next);
        found++;
    }
    fclose(data);
    return found;
}

/* Numbers as they are in data files, of six digits. */
static void expect_near(double a, double b, const char *what) {
    cr_expect((isnan(a) && isnan(b)) || fabs(a - b) <= 1e-5 * fabs(b), "%s: %g is %g", what, b, a);
}

/* Three ensembles of one way to train, two steps with the fewest heads; the last ensemble is of another way.
 */
static hf_chaos *make_family(size_t dim) {
    static const hf_ensemble family[GROUPS] = {{64, 0.05, 8}, {16, 0.05, 8}, {256, 0.05, 8}, {16, 0.1, 8}};
    hf_chaos *chaos = make_chaos(dim);
    for (size_t g = 0; g < GROUPS; g++) {
        chaos->group[g].ensemble = family[g];
        chaos->group[g].last = TIMES - 1;
    }
    return chaos;
}

/* The curves are what the comparison says, by ascending N or step. */
Test(store_chaos, draws_errors) {
    need_gnuplot();
    static const size_t by_heads[] = {1, 0, 2};
    double rows[ROWS_MAX * 11];
    hf_solution *solution = make_solution("retrieval", "[9, 11]");
    hf_chaos *chaos = make_family(2);
    write_chaos(chaos, solution);
    draw();
    expect_figure("chaos_heads", true);
    expect_figure("chaos_step", true);
    expect_figure("chaos_time", true);
    expect_figure("chaos_distances", true);
    expect_figure("heads", false); /* there are no heads beside it */
    expect_figure("marginals", false);
    expect_figure("density", false);
    cr_assert_eq(read_block("chaos_heads", 0, 6, rows), 3u);
    for (size_t k = 0; k < 3; k++) {
        const hf_chaos_group *group = &chaos->group[by_heads[k]];
        expect_near(rows[6 * k], (double)group->ensemble.heads, "N");
        expect_near(rows[6 * k + 2], group->measured[TIMES - 1].value, "coupling");
        expect_near(rows[6 * k + 3], group->measured[TIMES - 1].lower, "coupling");
        expect_near(rows[6 * k + 4], group->measured[TIMES - 1].upper, "coupling");
        expect_near(rows[6 * k + 5], group->predicted[TIMES - 1].value, "predicted");
    }
    cr_expect_eq(read_block("chaos_heads", 1, 6, rows), 1u);
    cr_assert_eq(read_block("chaos_heads", 2, 5, rows), 3u); /* bounds */
    expect_near(rows[5 + 3], chaos->group[0].bound[2 * TIMES + TIMES - 1], "leading");
    cr_assert_eq(read_block("chaos_step", 0, 6, rows), 2u);
    expect_near(rows[6], 0.1, "step");
    expect_near(rows[6 + 2], chaos->group[3].measured[TIMES - 1].value, "coupling");
    cr_assert_eq(read_block("chaos_time", 0, 11, rows), (size_t)TIMES); /* of N = 256, its start made up */
    expect_near(rows[2 * 11 + 1], chaos->group[2].measured[2].value, "coupling");
    expect_near(rows[2 * 11 + 4], chaos->group[2].predicted[2].value, "predicted");
    expect_near(rows[2 * 11 + 10], chaos->group[2].bound[3 * TIMES + 2], "classical");
    cr_assert_eq(read_block("chaos_distances", 2, 5, rows), 3u); /* W1 of v: quantity 6 */
    expect_near(rows[1], chaos->group[1].measured[7 * TIMES - 1].value, "W1");
    expect_near(rows[4], chaos->group[1].own_error[7 * TIMES - 1], "own error");
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

/* Heads of one number, of unknown step and batch, with one seed and so without intervals; and bounds that are
 * not there or far above. */
Test(store_chaos, draws_what_is_there) {
    need_gnuplot();
    hf_solution *solution = make_solution("translate", "[40]");
    hf_chaos *chaos = make_chaos(1);
    hf_chaos_group *group = &chaos->group[0];
    chaos->groups = 1;
    chaos->has_prediction = false;
    group->ensemble = ensembles[3];
    for (size_t i = 0; i < chaos->quantities * TIMES; i++)
        group->measured[i] = (hf_interval){group->measured[i].value, NAN, NAN};
    for (size_t i = 0; i < HF_BOUNDS * TIMES; i++)
        group->bound[i] = i % 2 == 0 ? NAN : 1e300;
    write_chaos(chaos, solution);
    draw();
    expect_figure("chaos_time", true);
    expect_figure("chaos_heads", false);
    expect_figure("chaos_step", false);
    expect_figure("chaos_distances", false);
    chaos->groups = GROUPS;
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

/* Nothing but NAN makes empty figures, and no failure. */
Test(store_chaos, draws_without_numbers) {
    need_gnuplot();
    hf_solution *solution = make_solution("translate", "[40]");
    hf_chaos *chaos = make_family(1);
    for (size_t g = 0; g < GROUPS; g++) {
        for (size_t i = 0; i < chaos->quantities * TIMES; i++)
            chaos->group[g].measured[i] = (hf_interval){NAN, NAN, NAN};
        for (size_t t = 0; t < TIMES; t++)
            chaos->group[g].predicted[t] = (hf_interval){NAN, NAN, NAN};
        for (size_t i = 0; i < HF_BOUNDS * TIMES; i++)
            chaos->group[g].bound[i] = NAN;
    }
    write_chaos(chaos, solution);
    draw();
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

static double place_of(size_t seed, size_t i) {
    return 0.5 + 0.4 * sin(2.385 + 1.7 * (double)seed + 0.9 * (double)i) + 1e-2 * (double)i;
}

/* particles.nc beside the solution: times are every second of its outputs, or a little later. */
static void write_particles(const hf_solution *solution, double late) {
    const hf_grid *grid = hf_solution_grid(solution);
    const char *names[HF_DIM_MAX];
    double times[3], theta[3 * 2 * HEADS * HF_DIM_MAX];
    char file[PATH];
    hf_error error = {0};
    hf_particles_writer *writer;
    for (size_t d = 0; d < hf_grid_dim(grid); d++)
        names[d] = hf_grid_axis(grid, d)->name;
    for (size_t k = 0; k < 3; k++)
        times[k] = k == 0 ? 0 : output_time(2 * k) + late;
    const hf_ensemble family[] = {{HEADS, 0.1, 8}, {2 * HEADS, 0.1, 8}, {HEADS, 0.1, HF_BATCH_FULL}};
    hf_particles_layout layout = {.name = "retrieval",
                                  .title = "A title",
                                  .case_text = "",
                                  .problem = "",
                                  .dim = hf_grid_dim(grid),
                                  .coordinates = names,
                                  .time_count = 3,
                                  .times = times,
                                  .ensemble_count = 3,
                                  .ensembles = family,
                                  .seeds = MEMBERS};
    snprintf(file, sizeof file, "%s/new/particles.nc", folder);
    cr_assert_eq(hf_particles_writer_create(&error, file, &layout, &writer), HF_OK, "%s", error.message);
    for (size_t g = 0; g < 3; g++)
        for (size_t seed = 0; seed < MEMBERS; seed++) {
            for (size_t i = 0; i < 3 * family[g].heads * layout.dim; i++)
                theta[i] = place_of(seed, i);
            cr_assert_eq(hf_particles_writer_put(&error, writer, g, seed, theta), HF_OK);
        }
    cr_assert_eq(hf_particles_writer_finish(&error, writer), HF_OK, "%s", error.message);
    hf_particles_writer_destroy(&writer);
}

/* Histograms of all members of the largest ensemble at the last time: mass 1, and its mean within a bin. */
static void expect_histogram(size_t dim, size_t d) {
    double bins[ROWS_MAX * 2], mass = 0, mean = 0, expected = 0;
    size_t count = read_block("marginals", 2 * d, 2, bins), member = 2 * HEADS * dim;
    double width = bins[2] - bins[0];
    for (size_t k = 0; k < count; k++) {
        mass += bins[2 * k + 1] * width;
        mean += bins[2 * k] * bins[2 * k + 1] * width;
    }
    for (size_t seed = 0; seed < MEMBERS; seed++)
        for (size_t i = d; i < member; i += dim)
            expected += place_of(seed, 2 * member + i) / (MEMBERS * 2 * HEADS);
    cr_expect_float_eq(mass, 1, 1e-4);
    cr_expect_float_eq(mean, expected, width / 2);
}

Test(store_chaos, draws_heads_over_the_density) {
    need_gnuplot();
    double rows[ROWS_MAX * 12];
    hf_solution *solution = make_solution("retrieval", "[9, 11]");
    const hf_grid *grid = hf_solution_grid(solution);
    hf_chaos *chaos = make_chaos(2);
    write_chaos(chaos, solution);
    write_particles(solution, 0);
    draw();
    expect_figure("heads", true);
    expect_figure("marginals", true);
    cr_assert_eq(read_block("heads", 0, 10, rows), 12u); /* x, then 11 values of y with 9 densities each */
    expect_near(rows[1], hf_grid_center(grid, 0, 0), "x");
    expect_near(rows[10 * 11], hf_grid_center(grid, 1, 10), "y");
    double ratio = (1 + sin(3 * 11 + 10)) / (1 + sin(8 * 11 + 5)); /* of two cells; four digits each */
    cr_expect_float_eq(rows[10 * 11 + 4] / rows[10 * 6 + 9], ratio, 1e-3 * ratio);
    cr_assert_eq(read_block("heads", 3, 2, rows), 2u * HEADS); /* halfway, of the first member */
    for (size_t i = 0; i < 4 * HEADS; i++)
        expect_near(rows[i], place_of(0, 4 * HEADS + i), "head");
    expect_histogram(2, 0);
    expect_histogram(2, 1);
    cr_assert_eq(read_block("marginals", 3, 2, rows), 11u); /* of v */
    double mass = 0;
    for (size_t cell = 0; cell < 99; cell++)
        mass += cell % 11 == 4 ? (1 + sin((double)cell)) * hf_grid_spacing(grid, 0) : 0;
    cr_expect_float_eq(rows[2 * 4 + 1], mass, 1e-4 * mass);
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

/* One coordinate has no maps. A folder has the figures of all its files. */
Test(store_chaos, draws_a_folder) {
    need_gnuplot();
    char both[PATH];
    hf_error error = {0};
    hf_solution *solution = make_solution("translate", "[40]");
    hf_chaos *chaos = make_chaos(1);
    write_chaos(chaos, solution);
    write_particles(solution, 0);
    snprintf(both, sizeof both, "%s/new", folder);
    cr_assert_eq(hf_figures_draw(&error, both, NULL), HF_OK, "%s", error.message);
    expect_figure("density", true);
    expect_figure("chaos_time", true);
    expect_figure("heads", false);
    expect_figure("marginals", true);
    expect_histogram(1, 0);
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}

/* Heads at times that the density does not have are not drawn over it. */
Test(store_chaos, leaves_heads_at_other_times_out) {
    need_gnuplot();
    hf_solution *solution = make_solution("translate", "[40]");
    hf_chaos *chaos = make_chaos(1);
    write_chaos(chaos, solution);
    write_particles(solution, 1e-3);
    draw();
    expect_figure("chaos_time", true);
    expect_figure("marginals", false);
    hf_chaos_destroy(&chaos);
    hf_solution_destroy(&solution);
}
