/* The processes of an MPI run, and SGD members spread over them: a plain main that prints TAP, started by
 * mpiexec, since Criterion runs each test in a child process. Every rank makes each check, the first reports
 * it.
 *
 * test-ranks alone STATUS: the last rank fails where no other ever comes to agree; tests/e2e_ranks.sh looks
 * at how that ends. */
#include <headflow/case.h>
#include <headflow/sgd.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_ranks *ranks;
static size_t count, own, checks;
static bool all_good = true;

/* Passes when it does on all ranks. */
static void check(bool good, const char *what) {
    double passed = good;
    hf_ranks_min(ranks, 1, &passed);
    all_good = all_good && passed == 1;
    checks++;
    if (own == 0)
        printf("%s %zu - %s\n", passed == 1 ? "ok" : "not ok", checks, what);
}

/* ---- sums and messages ------------------------------------------------------------------------------ */

/* A number of a rank; sums over ranks are exact in binary. */
static double number(size_t rank) {
    return 2.375 + (double)(rank * rank) - 5.5 * (double)rank;
}

static void test_reductions(void) {
    double sum[2] = {number(own), -1.25}, least = number(own), most = number(own);
    double expected = 0, lowest = INFINITY, highest = -INFINITY;
    for (size_t r = 0; r < count; r++) {
        expected += number(r);
        lowest = fmin(lowest, number(r));
        highest = fmax(highest, number(r));
    }
    hf_ranks_sum(ranks, 2, sum);
    hf_ranks_min(ranks, 1, &least);
    hf_ranks_max(ranks, 1, &most);
    check(sum[0] == expected && sum[1] == -1.25 * (double)count, "sums");
    check(least == lowest && most == highest, "minimum and maximum");
}

/* Around in a ring, the first rank first; who has been sent something knows it. */
static void test_messages(void) {
    double x[3] = {2.375, -0.5, 7};
    size_t before = (own + count - 1) % count, from = count;
    bool good = true;
    if (own == 0 && count > 1)
        hf_ranks_send(ranks, 1, 3, x);
    if (count > 1) {
        while (!hf_ranks_probe(ranks, &from))
            ;
        good = from == before;
        hf_ranks_receive(ranks, before, 3, x);
    }
    good = good && x[0] == 2.375 + (double)before * (count > 1) && x[1] == -0.5 && x[2] == 7;
    x[0] = 2.375 + (double)own;
    if (own > 0)
        hf_ranks_send(ranks, (own + 1) % count, 3, x);
    hf_ranks_min(ranks, 1, x);
    check(good, "messages around a ring");
    check(!hf_ranks_probe(ranks, &from), "nothing waits when all is received");
}

/* ---- agreement -------------------------------------------------------------------------------------- */

static bool says(const hf_error *error, const char *text) {
    return strstr(error->message, text) != NULL;
}

static void test_agreement(void) {
    hf_error error = {0};
    check(hf_ranks_agree(&error, ranks, HF_OK) == HF_OK && error.status == HF_OK,
          "all agree that all is well");
    hf_status status = own + 1 < count ? HF_OK : hf_raise(&error, HF_ERR_IO, "no room on rank %zu", own);
    status = hf_ranks_agree(&error, ranks, status);
    char text[64];
    snprintf(text, sizeof text, "no room on rank %zu", count - 1);
    check(status == HF_ERR_IO && error.status == HF_ERR_IO && says(&error, text),
          "the last rank's failure is all's");
    error = (hf_error){0};
    status = own == 0 && count > 2 ? HF_OK : hf_raise(&error, HF_ERR_NUMERIC, "rank %zu diverges", own);
    status = hf_ranks_agree(&error, ranks, status);
    check(status == HF_ERR_NUMERIC && says(&error, count > 2 ? "rank 1 diverges" : "rank 0 diverges"),
          "of several failures the first rank's");
    check(hf_ranks_agree(NULL, ranks, own == 0 ? HF_ERR_MEMORY : HF_OK) == HF_ERR_MEMORY,
          "a failure without a word");
}

/* ---- members ---------------------------------------------------------------------------------------- */

enum { ENSEMBLES = 3, SEEDS = 11, TIMES = 3, ROUNDS = 5 };
static const double member_time[TIMES] = {0, 0.37, 4};
static const hf_ensemble ensembles[ENSEMBLES] = {{40, 0.01, 2}, {7, 0.05, HF_BATCH_FULL}, {150, 0.02, 3}};

/* A problem with a ridge. */
static hf_problem *read_problem(double ridge) {
    char override[64];
    const char *const overrides[] = {override};
    hf_error error = {0};
    hf_problem *problem;
    snprintf(override, sizeof override, "regularisation.ridge=%.17g", ridge);
    if (hf_case_read_shared(&error, ranks, SOURCE_ROOT "/cases/ridge.yaml", 1, overrides, &problem, NULL) !=
        HF_OK) {
        fprintf(stderr, "%s\n", error.message);
        hf_ranks_abort(ranks, 99);
    }
    return problem;
}

/* What the first rank's observer has seen. */
typedef struct keeper {
    double *theta[ENSEMBLES][SEEDS];
    bool there[ENSEMBLES][SEEDS]; /* said to be there */
    size_t puts, asked, fail_at;  /* fails at that put; 0: never */
    double done;
    bool falls;
} keeper;

static size_t size_of(const hf_problem *problem, size_t g) {
    return TIMES * ensembles[g].heads * hf_grid_dim(hf_problem_grid(problem));
}

static const hf_problem *kept; /* whose sizes the keeper knows */

static bool keeper_has(void *self, size_t ensemble, size_t seed) {
    keeper *k = self;
    k->asked++;
    return k->there[ensemble][seed];
}

static hf_status keeper_put(hf_error *error, void *self, size_t ensemble, size_t seed, const double *theta) {
    keeper *k = self;
    size_t size = size_of(kept, ensemble);
    if (++k->puts == k->fail_at)
        return hf_raise(error, HF_ERR_IO, "no room for member %d.385", 2);
    if (hf_array_create(error, size, &k->theta[ensemble][seed]) != HF_OK)
        return HF_ERR_MEMORY;
    memcpy(k->theta[ensemble][seed], theta, size * sizeof *theta);
    return HF_OK;
}

static void keeper_progress(void *self, double done) {
    keeper *k = self;
    k->falls = k->falls || !(done >= k->done);
    k->done = done;
}

static hf_status run_members(hf_error *error, const hf_problem *problem, const hf_ensemble *list, keeper *k) {
    const hf_sgd_observer observer = {k, keeper_has, keeper_put, keeper_progress};
    kept = problem;
    return hf_sgd_run_all(error, problem, ENSEMBLES, list, SEEDS, TIMES, member_time, &observer);
}

static void keeper_clear(keeper *k) {
    for (size_t g = 0; g < ENSEMBLES; g++)
        for (size_t s = 0; s < SEEDS; s++)
            hf_array_destroy(&k->theta[g][s]);
}

/* Whether a member is to the bit the one that hf_sgd_run makes here. */
static bool is_member(const hf_problem *problem, size_t g, size_t s, const double *theta) {
    double *alone;
    if (theta == NULL || hf_array_create(NULL, size_of(problem, g), &alone) != HF_OK)
        return false;
    bool same = hf_sgd_run(NULL, problem, &ensembles[g], s, TIMES, member_time, alone) == HF_OK &&
                memcmp(theta, alone, size_of(problem, g) * sizeof *alone) == 0;
    hf_array_destroy(&alone);
    return same;
}

static void test_members(void) {
    hf_problem *problem = read_problem(0.1);
    keeper k = {0};
    hf_error error = {0};
    check(hf_problem_ranks(problem) == ranks, "a problem knows its ranks");
    check(run_members(&error, problem, ensembles, &k) == HF_OK, "all members run");
    bool same = true;
    for (size_t g = 0; own == 0 && g < ENSEMBLES; g++)
        for (size_t s = 0; s < SEEDS; s++)
            same = same && is_member(problem, g, s, k.theta[g][s]);
    check(same, "each is to the bit what one process makes");
    check(k.puts == (own == 0) * ENSEMBLES * SEEDS && k.asked == k.puts,
          "once each, to the first rank's observer");
    check(own > 0 || (fabs(k.done - 1) < 1e-14 && !k.falls), "progress rises to 1");
    keeper_clear(&k);

    k = (keeper){.there = {[1] = {[4] = true}}};
    memset(k.there[2], true, sizeof k.there[2]);
    check(run_members(&error, problem, ensembles, &k) == HF_OK, "members that are there");
    bool kept_out = k.theta[1][4] == NULL && k.theta[2][0] == NULL;
    check(kept_out && k.puts == (own == 0) * (2 * SEEDS - 1), "are not run again");
    check(own > 0 || fabs(k.done - 1) < 1e-14, "but counted");
    keeper_clear(&k);
    memset(k.there, true, sizeof k.there);
    k.puts = 0;
    check(run_members(&error, problem, ensembles, &k) == HF_OK && k.puts == 0, "nothing left to run");
    hf_problem_destroy(&problem);
}

/* A ridge of its own on each rank shows who has trained a member. */
static void test_shares(void) {
    hf_problem *problem = read_problem(0.1 + 0.01 * (double)own);
    size_t elsewhere = 0, unknown = 0;
    for (size_t round = 0; round < ROUNDS; round++) { /* whoever the machine lets run takes a member */
        keeper k = {0};
        check(run_members(NULL, problem, ensembles, &k) == HF_OK, "members of every rank's own problem");
        for (size_t r = 0; r < count; r++) {
            hf_problem *other = read_problem(0.1 + 0.01 * (double)r);
            for (size_t g = 0; own == 0 && g < ENSEMBLES; g++)
                for (size_t s = 0; s < SEEDS; s++) {
                    bool here = is_member(other, g, s, k.theta[g][s]);
                    elsewhere += r > 0 && here;
                    unknown += here;
                }
            hf_problem_destroy(&other);
        }
        keeper_clear(&k);
    }
    check(own > 0 || unknown == ROUNDS * ENSEMBLES * SEEDS, "each was trained by one rank");
    check(own > 0 || count == 1 || elsewhere > 0, "not all by the first");
    hf_problem_destroy(&problem);
}

static void test_failures(void) {
    hf_problem *problem = read_problem(0.1);
    keeper k = {.fail_at = 3};
    hf_error error = {0};
    hf_status status = run_members(&error, problem, ensembles, &k);
    check(status == HF_ERR_IO && says(&error, "no room for member 2.385"), "a put that fails ends all ranks");
    check(k.puts == (own == 0) * 3, "nothing is put after it");
    keeper_clear(&k);

    hf_ensemble wrong[ENSEMBLES];
    memcpy(wrong, ensembles, sizeof wrong);
    wrong[2].step = NAN;
    k = (keeper){0};
    status = run_members(&error, problem, wrong, &k);
    check(status == HF_ERR_INPUT && says(&error, "particles.step: nan"),
          "so does a member that cannot be run");
    keeper_clear(&k);
    hf_problem_destroy(&problem);

    problem =
        read_problem(own + 1 == count ? 1e9 : 0.1); /* one rank alone: another one may run all members */
    k = (keeper){0};
    status = run_members(&error, problem, ensembles, &k);
    check(status == HF_OK || (status == HF_ERR_NUMERIC && says(&error, "diverges at t = ")),
          "and one that fails on one rank alone");
    double code = status, least = code;
    hf_ranks_max(ranks, 1, &code);
    hf_ranks_min(ranks, 1, &least);
    check(code == least, "with the same status on all");
    keeper_clear(&k);
    hf_problem_destroy(&problem);
}

/* ---- alone ------------------------------------------------------------------------------------------ */

static void fail_alone(hf_status status) {
    hf_error error = {0};
    double never = 2.375;
    if (own + 1 < count)
        hf_ranks_sum(ranks, 1, &never);
    hf_raise(&error, status, "rank %zu fails alone", own);
    hf_ranks_agree(&error, ranks, status);
}

int main(int argument_count, char *arguments[]) {
    hf_error error = {0};
    if (hf_ranks_start(&error, &ranks) != HF_OK) {
        printf("1..0 # SKIP %s\n", error.message);
        return 0;
    }
    count = hf_ranks_count(ranks);
    own = hf_ranks_index(ranks);
    if (argument_count > 2 && strcmp(arguments[1], "alone") == 0)
        fail_alone((hf_status)atoi(arguments[2]));
    test_reductions();
    test_messages();
    test_agreement();
    test_members();
    test_shares();
    test_failures();
    if (own == 0)
        printf("1..%zu\n", checks);
    fflush(stdout);
    hf_ranks_stop(&ranks);
    return all_good ? 0 : 1;
}
