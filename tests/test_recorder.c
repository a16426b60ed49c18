/* Checkpoints: what was kept is what comes back, in the order of time and to the bit; what does not belong to
 * the case is refused; whoever goes on from a checkpoint that restarts the method gives the same bytes. */
#include <criterion/criterion.h>
#include <headflow/case.h>
#include <headflow/store.h>

#include "store/journal.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 256, TOLD_MAX = 64, NUMBERS_MAX = 4096 };

static char folder[] = "/tmp/headflow-XXXXXX";
static char path[PATH], checkpoint_path[PATH + 16], journal_path[PATH + 16];

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/solution.nc", folder);
    snprintf(checkpoint_path, sizeof checkpoint_path, "%s.checkpoint", path);
    snprintf(journal_path, sizeof journal_path, "%s.journal", path);
}

static void remove_folder(void) {
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(recorder, .init = make_folder, .fini = remove_folder);

static bool exists(const char *file) {
    struct stat info;
    return stat(file, &info) == 0;
}

static void expect_error(const hf_error *error, hf_status status, const char *words) {
    cr_expect_eq(error->status, status, "%s", error->message);
    cr_expect_not_null(strstr(error->message, words), "%s; expected: %s", error->message, words);
}

/* ---- the journal in the order of time ------------------------------------------------------------------ */

static const size_t counts[] = {3, 1};

static hf_journal *open_journal(void) {
    hf_error error = {0};
    hf_journal *journal;
    cr_assert_eq(hf_journal_open(&error, journal_path, 17, 2, counts, &journal), HF_OK, "%s", error.message);
    return journal;
}

/* Record n: of which member, and its values. */
static size_t member_of(size_t n) {
    return n % 3 == 1;
}

static void fill_values(size_t n, double values[]) {
    for (size_t i = 0; i < counts[member_of(n)]; i++)
        values[i] = 2.385 + 0.7 * (double)n + sin((double)i);
}

static off_t put_records(hf_journal *journal, size_t first, size_t last) {
    hf_error error = {0};
    double values[3];
    for (size_t n = first; n < last; n++) {
        fill_values(n, values);
        cr_assert_eq(hf_journal_put(&error, journal, member_of(n), values), HF_OK, "%s", error.message);
    }
    return hf_journal_length(journal);
}

static void expect_records(const hf_journal *journal, size_t count) {
    hf_error error = {0};
    off_t place = 0, record;
    size_t member;
    bool there;
    for (size_t n = 0; n < count; n++) {
        double values[3], found[3] = {0};
        fill_values(n, values);
        cr_assert_eq(hf_journal_next(&error, journal, &place, &member, &record, &there), HF_OK);
        cr_assert(there && member == member_of(n), "record %zu", n);
        cr_assert_eq(hf_journal_read(&error, journal, record, 0, counts[member], found), HF_OK);
        cr_expect_eq(memcmp(values, found, counts[member] * sizeof *values), 0, "record %zu", n);
        cr_assert_eq(hf_journal_read(&error, journal, record, counts[member] - 1, 1, found), HF_OK);
        cr_expect_eq(found[0], values[counts[member] - 1], "record %zu", n);
    }
    cr_assert_eq(hf_journal_next(&error, journal, &place, &member, &record, &there), HF_OK);
    cr_expect_not(there, "%zu records and more", count);
}

Test(recorder, a_journal_gives_its_records_in_the_order_of_time) {
    hf_journal *journal = open_journal();
    expect_records(journal, 0);
    put_records(journal, 0, 8);
    expect_records(journal, 8);
    hf_journal_close(&journal);
    journal = open_journal();
    expect_records(journal, 8);
    put_records(journal, 8, 11);
    expect_records(journal, 11);
    hf_journal_close(&journal);
}

Test(recorder, a_journal_is_cut_where_a_record_ended) {
    hf_error error = {0};
    hf_journal *journal = open_journal();
    off_t five = put_records(journal, 0, 5), all = put_records(journal, 5, 9);
    cr_assert_eq(hf_journal_cut(&error, journal, five), HF_OK, "%s", error.message);
    expect_records(journal, 5);
    hf_journal_close(&journal);
    journal = open_journal(); /* what was cut off does not come back */
    expect_records(journal, 5);
    cr_expect_eq(put_records(journal, 5, 9), all);
    cr_expect_eq(hf_journal_cut(&error, journal, all + 8), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, "as its checkpoint says");
    expect_records(journal, 9);
    cr_assert_eq(hf_journal_cut(&error, journal, 0), HF_OK);
    expect_records(journal, 0);
    hf_journal_close(&journal);
}

/* Else a checkpoint would name records that nobody can find. */
Test(recorder, a_journal_whose_file_was_removed_is_not_safe) {
    hf_error error = {0};
    hf_journal *journal = open_journal();
    put_records(journal, 0, 2);
    cr_expect_eq(hf_journal_sync(&error, journal), HF_OK, "%s", error.message);
    cr_assert_eq(unlink(journal_path), 0);
    cr_expect_eq(hf_journal_sync(&error, journal), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, "removed while it was written");
    hf_journal_close(&journal);
}

/* ---- the recorder -------------------------------------------------------------------------------------- */

typedef struct source {
    hf_problem *problem;
    char *text;
    size_t cells, logits;
} source;

static source read_source(size_t overrides, const char *const override[]) {
    source s;
    hf_error error = {0};
    cr_assert_eq(
        hf_case_read(&error, SOURCE_ROOT "/cases/retrieval.yaml", overrides, override, &s.problem, &s.text),
        HF_OK, "%s", error.message);
    const hf_events *events = hf_problem_events(s.problem);
    s.cells = hf_grid_cells(hf_problem_grid(s.problem));
    s.logits = hf_events_count(events) * hf_events_classes(events);
    return s;
}

static const char *const small[] = {"grid.cells=[6,5]"};

static void source_clear(source *s) {
    hf_problem_destroy(&s->problem);
    free(s->text);
}

/* What an observer was told, number by number. */
typedef struct told {
    size_t cells, logits, count;
    size_t length[TOLD_MAX];
    double *numbers[TOLD_MAX];
} told;

static double *next_numbers(told *t, size_t count) {
    cr_assert_lt(t->count, TOLD_MAX);
    t->length[t->count] = count;
    return t->numbers[t->count++] = make_array(count);
}

static hf_status take_output(hf_error *error, void *self, const hf_record *record, const double *rho) {
    (void)error;
    told *t = self;
    size_t head = sizeof *record / sizeof(double);
    double *numbers = next_numbers(t, head + t->cells);
    memcpy(numbers, record, sizeof *record);
    memcpy(numbers + head, rho, t->cells * sizeof *rho);
    return HF_OK;
}

static hf_status take_logits(hf_error *error, void *self, double time, const double *logits) {
    (void)error;
    told *t = self;
    double *numbers = next_numbers(t, 1 + t->logits);
    numbers[0] = time;
    memcpy(numbers + 1, logits, t->logits * sizeof *logits);
    return HF_OK;
}

static hf_observer observe(told *t) {
    return (hf_observer){.self = t, .output = take_output, .logits = take_logits};
}

static void expect_same(const told *a, const told *b, size_t count) {
    cr_expect_eq(a->count, count);
    for (size_t i = 0; i < count && i < a->count; i++) {
        cr_assert_eq(a->length[i], b->length[i], "%zu", i);
        cr_expect_eq(memcmp(a->numbers[i], b->numbers[i], a->length[i] * sizeof(double)), 0, "%zu", i);
    }
}

static void told_clear(told *t) {
    for (size_t i = 0; i < t->count; i++)
        hf_array_destroy(&t->numbers[i]);
}

static hf_recorder *open_recorder(const source *s, bool resume) {
    hf_error error = {0};
    hf_recorder *recorder;
    cr_assert_eq(hf_recorder_create(&error, path, s->problem, s->text, resume, &recorder), HF_OK, "%s",
                 error.message);
    return recorder;
}

/* Outputs and logits by turns, made up of their number, to the recorder. */
static void tell(const hf_observer *observer, const source *s, size_t first, size_t last) {
    hf_error error = {0};
    double *values = make_array(s->cells + s->logits);
    for (size_t n = first; n < last; n++) {
        hf_record record = {.time = 0.1 * (double)n, .risk = 2.385 - sin((double)n), .mass = 1};
        for (size_t i = 0; i < s->cells + s->logits; i++)
            values[i] = cos((double)(i + 31 * n));
        if (n % 2 == 0)
            cr_assert_eq(observer->output(&error, observer->self, &record, values), HF_OK);
        else
            cr_assert_eq(observer->logits(&error, observer->self, record.time, values), HF_OK);
    }
    hf_array_destroy(&values);
}

static const hf_statistics some_statistics = {.steps = 31,
                                              .evaluations = 77,
                                              .error_failures = 5,
                                              .refused_states = 3,
                                              .linear_iterations = 11,
                                              .last_step = 0.0625,
                                              .seconds = 2.385,
                                              .vectors = 12,
                                              .table_rank = 7,
                                              .table_error = 3e-13,
                                              .table_checked = 0.5,
                                              .time = 1.25,
                                              .stationary = true};

static void keep(hf_recorder *recorder, const double *rho) {
    hf_error error = {0};
    const hf_checkpoint here = {.time = 1.2345678901234567,
                                .dissipated = 0.3,
                                .outputs = 4,
                                .statistics = some_statistics,
                                .rho = rho};
    cr_assert_eq(hf_recorder_keep(&error, recorder, &here), HF_OK, "%s", error.message);
}

Test(recorder, gives_back_what_was_told_before_the_checkpoint) {
    source s = read_source(1, small);
    told live = {.cells = s.cells, .logits = s.logits}, again = live;
    hf_observer to = observe(&live);
    hf_recorder *recorder = open_recorder(&s, false);
    cr_expect_null(hf_recorder_checkpoint(recorder));
    hf_observer observer = hf_recorder_observer(recorder, &to);
    double *rho = make_array(s.cells);
    gsl_rng *random = make_random(5);
    fill_density(random, hf_problem_grid(s.problem), 0.3, rho);
    gsl_rng_free(random);
    tell(&observer, &s, 0, 4);
    keep(recorder, rho);
    tell(&observer, &s, 4, 9);
    hf_recorder_destroy(&recorder);
    cr_assert(exists(checkpoint_path) && exists(journal_path));
    cr_expect_eq(live.count, 9);

    recorder = open_recorder(&s, true);
    const hf_checkpoint *from = hf_recorder_checkpoint(recorder);
    cr_assert_not_null(from);
    cr_expect(from->time == 1.2345678901234567 && from->dissipated == 0.3 && from->outputs == 4);
    const hf_statistics *found = &from->statistics, *put = &some_statistics;
    cr_expect(found->steps == put->steps && found->evaluations == put->evaluations &&
              found->error_failures == put->error_failures && found->refused_states == put->refused_states &&
              found->linear_iterations == put->linear_iterations && found->last_step == put->last_step &&
              found->seconds == put->seconds && found->vectors == put->vectors);
    cr_expect(found->table_rank == put->table_rank && found->table_error == put->table_error &&
              found->table_checked == put->table_checked && found->time == put->time &&
              found->stationary == put->stationary);
    cr_expect_eq(memcmp(from->rho, rho, s.cells * sizeof *rho), 0);
    hf_error error = {0};
    to = observe(&again);
    observer = hf_recorder_observer(recorder, &to);
    cr_assert_eq(hf_recorder_replay(&error, recorder), HF_OK, "%s", error.message);
    expect_same(&again, &live, 4);
    cr_assert_eq(hf_recorder_remove(&error, recorder), HF_OK, "%s", error.message);
    hf_recorder_destroy(&recorder);
    cr_expect(!exists(checkpoint_path) && !exists(journal_path));
    hf_array_destroy(&rho);
    told_clear(&live);
    told_clear(&again);
    source_clear(&s);
}

Test(recorder, a_complete_run_is_kept_without_a_state) {
    source s = read_source(1, small);
    hf_recorder *recorder = open_recorder(&s, false);
    keep(recorder, NULL);
    hf_recorder_destroy(&recorder);
    recorder = open_recorder(&s, true);
    cr_assert_not_null(hf_recorder_checkpoint(recorder));
    cr_expect_null(hf_recorder_checkpoint(recorder)->rho);
    hf_recorder_destroy(&recorder);
    source_clear(&s);
}

Test(recorder, without_a_checkpoint_nothing_stays) {
    source s = read_source(1, small);
    told t = {.cells = s.cells, .logits = s.logits};
    hf_observer to = observe(&t);
    hf_recorder *recorder = open_recorder(&s, false);
    hf_observer observer = hf_recorder_observer(recorder, &to);
    tell(&observer, &s, 0, 3);
    cr_expect(exists(journal_path));
    hf_recorder_destroy(&recorder);
    cr_expect(!exists(journal_path) && !exists(checkpoint_path));
    recorder = open_recorder(&s, true);
    cr_expect_null(hf_recorder_checkpoint(recorder));
    keep(recorder, NULL);
    hf_recorder_destroy(&recorder);
    recorder = open_recorder(&s, false); /* begins anew */
    cr_expect_null(hf_recorder_checkpoint(recorder));
    cr_expect_not(exists(checkpoint_path));
    hf_recorder_destroy(&recorder);
    told_clear(&t);
    source_clear(&s);
}

Test(recorder, refuses_a_checkpoint_of_another_case) {
    source s = read_source(1, small);
    source other = read_source(2, (const char *[]){"grid.cells=[6,5]", "time.rtol=3e-7"});
    hf_recorder *recorder = open_recorder(&s, false);
    double *rho = make_array(s.cells);
    keep(recorder, rho);
    hf_recorder_destroy(&recorder);
    hf_error error = {0};
    cr_expect_eq(hf_recorder_create(&error, path, other.problem, other.text, true, &recorder), HF_ERR_INPUT);
    expect_error(&error, HF_ERR_INPUT, "time.rtol was `1e-8`, now `3e-7`");
    cr_expect_null(recorder);
    cr_expect(exists(checkpoint_path) && exists(journal_path), "what was there stays");
    cr_assert_eq(truncate(journal_path, 20), 0);
    error = (hf_error){0};
    cr_expect_eq(hf_recorder_create(&error, path, s.problem, s.text, true, &recorder), HF_OK,
                 "an empty journal, torn: %s", error.message);
    hf_recorder_destroy(&recorder);
    hf_array_destroy(&rho);
    source_clear(&other);
    source_clear(&s);
}

Test(recorder, refuses_a_checkpoint_whose_journal_lost_records) {
    source s = read_source(1, small);
    told t = {.cells = s.cells, .logits = s.logits};
    hf_observer to = observe(&t);
    hf_recorder *recorder = open_recorder(&s, false);
    hf_observer observer = hf_recorder_observer(recorder, &to);
    struct stat info;
    tell(&observer, &s, 0, 3);
    keep(recorder, NULL);
    hf_recorder_destroy(&recorder);
    cr_assert_eq(stat(journal_path, &info), 0);
    cr_assert_eq(truncate(journal_path, info.st_size - 1), 0);
    hf_error error = {0};
    cr_expect_eq(hf_recorder_create(&error, path, s.problem, s.text, true, &recorder), HF_ERR_IO);
    expect_error(&error, HF_ERR_IO, "as its checkpoint says");
    told_clear(&t);
    source_clear(&s);
}

/* ---- differences --------------------------------------------------------------------------------------- */

static void expect_difference(const char *then, const char *now, size_t count, const char *words) {
    hf_error error = {0};
    char text[512];
    size_t found;
    cr_assert_eq(hf_case_difference(&error, then, now, sizeof text, text, &found), HF_OK, "%s",
                 error.message);
    cr_expect_eq(found, count, "%s | %s: %s", then, now, text);
    cr_expect_str_eq(text, words);
}

Test(recorder, differences_of_cases_in_words) {
    expect_difference("a: 1\nb: {c: [1, 2]}\n", "# words\nb:\n  c:\n  - 1\n  - 2\na:   1\n", 0, "");
    expect_difference("a: 1\n", "a: 2\n", 1, "a was `1`, now `2`");
    expect_difference("a: {b: [1, [2, 3]]}\n", "a: {b: [1, [2, 4]]}\n", 1, "a.b[1][1] was `3`, now `4`");
    expect_difference("a: 1\nb: 2\n", "a: 1\n", 1, "b was `2`, now nothing");
    expect_difference("a: 1\n", "a: 1\nb: {c: 2}\n", 1, "b was nothing, now a mapping of 1");
    expect_difference("a: [1, 2]\n", "a: [1]\n", 1, "a was a list of 2, now a list of 1");
    expect_difference("a: 1\n", "a: [1]\n", 1, "a was `1`, now a list of 1");
    expect_difference("a: 1\n", "a: 2\n# --set a=1\n", 0, "");
    expect_difference("a: 1\nb: 5\n# --set b=7\n", "a: 1\nb: 5\n", 1, "b was `7`, now `5`");
    expect_difference("a: 1\nb: 1\nc: 1\nd: 1\ne: 1\n", "a: 2\nb: 2\nc: 2\nd: 2\ne: 2\n", 5,
                      "a was `1`, now `2`; b was `1`, now `2`; c was `1`, now `2`; and 2 more");
}

Test(recorder, long_differences_are_cut) {
    enum { LONG = 4000 };
    char then[LONG + 8], now[LONG + 8], text[40];
    hf_error error = {0};
    size_t count;
    memset(then, 'x', sizeof then), memset(now, 'y', sizeof now);
    memcpy(then, "a: ", 3), memcpy(now, "a: ", 3);
    then[LONG] = now[LONG] = '\0';
    cr_assert_eq(hf_case_difference(&error, then, now, sizeof text, text, &count), HF_OK);
    cr_expect(count == 1 && strlen(text) < sizeof text);
    cr_expect_neq(hf_case_difference(&error, "a: [", now, sizeof text, text, &count), HF_OK);
}

/* ---- going on ------------------------------------------------------------------------------------------ */

/* A checkpoint that restarts the method once the time is past `after`. */
typedef struct interval {
    double after;
    hf_checkpoint kept;
    double *rho; /* shape (cells) */
    size_t cells;
} interval;

static hf_status checkpoint(hf_error *error, void *self, const hf_checkpoint *here, bool *restart) {
    (void)error;
    interval *p = self;
    if (p->rho != NULL || here->time < p->after)
        return HF_OK;
    p->kept = *here;
    p->rho = make_array(p->cells);
    memcpy(p->rho, here->rho, p->cells * sizeof *p->rho);
    p->kept.rho = p->rho;
    *restart = true;
    return HF_OK;
}

static void expect_goes_on(size_t overrides, const char *const override[]) {
    source s = read_source(overrides, override);
    hf_error error = {0};
    hf_flow *flow;
    interval p = {.after = 0.4 * hf_problem_end(s.problem), .cells = s.cells};
    const hf_observer observer = {.self = &p, .checkpoint = checkpoint};
    hf_statistics straight, later;
    double *a = make_array(s.cells), *b = make_array(s.cells);
    cr_assert_eq(hf_flow_create(&error, s.problem, &flow), HF_OK, "%s", error.message);
    cr_assert_eq(hf_flow_integrate(&error, flow, &observer, a, &straight), HF_OK, "%s", error.message);
    cr_assert_not_null(p.rho);
    cr_assert_eq(hf_flow_resume(&error, flow, &p.kept, NULL, b, &later), HF_OK, "%s", error.message);
    cr_expect_eq(memcmp(a, b, s.cells * sizeof *a), 0, "%s differs by %g", override[1],
                 largest_difference(s.cells, a, b));
    cr_expect(straight.steps == later.steps && straight.evaluations == later.evaluations &&
              straight.linear_iterations == later.linear_iterations && straight.time == later.time);
    cr_expect_gt(p.kept.statistics.steps, 3);
    cr_expect_lt(p.kept.statistics.steps, straight.steps);
    hf_flow_destroy(&flow);
    hf_array_destroy(&p.rho);
    hf_array_destroy(&a);
    hf_array_destroy(&b);
    source_clear(&s);
}

Test(recorder, a_restart_goes_on_to_the_same_bytes) {
    expect_goes_on(3, (const char *[]){"grid.cells=[18,17]", "time.method=cvode", "time.end=2"});
    expect_goes_on(3, (const char *[]){"grid.cells=[18,17]", "time.method=erk", "time.end=2"});
    expect_goes_on(3, (const char *[]){"grid.cells=[18,17]", "time.method=dopri5", "time.end=2"});
    expect_goes_on(5, (const char *[]){"grid.cells=[18,17]", "regularisation.temperature=0.05", "time.end=2",
                                       "time.rtol=1e-6", "scheme.flux=scharfetter-gummel"});
}
