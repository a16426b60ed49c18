/* Members over the ranks of an MPI run: the first hands them out one by one and takes what comes back, so
 * that the observer, and with it the file, is on that rank alone. The others ask when a thread of theirs is
 * free.
 *
 * A thread of another rank sends two numbers, what it has to say and the member that it means, behind them
 * that member's trajectories if it brings them; the answer is one number, the next member, or -1 to end. */
#include "sgd/ensembles.h"

#include <time.h>

typedef enum message { ASKS, BRINGS, HAS_FAILED, LEAVES } message;

/* ---- the first rank --------------------------------------------------------------------------------- */

static void answer(hf_members *members, const hf_ranks *ranks, size_t to) {
    size_t member;
    double next = hf_members_take(members, &member) ? (double)member : -1;
    hf_ranks_send(ranks, to, 1, &next);
}

static void take_in(hf_members *members, const hf_ranks *ranks, size_t from, size_t member) {
    hf_ranks_receive(ranks, from, hf_members_size(members, member), members->arriving);
    hf_members_finish(members, member, HF_OK, NULL, members->arriving);
}

void hf_members_serve(hf_members *members) {
    static const struct timespec pause = {.tv_nsec = 100000}; /* its core belongs to a thread that trains */
    const hf_ranks *ranks = hf_problem_ranks(members->problem);
    for (size_t others = hf_ranks_count(ranks) - 1, from; others > 0;) {
        double said[2];
        if (!hf_ranks_probe(ranks, &from)) {
            nanosleep(&pause, NULL);
            continue;
        }
        hf_ranks_receive(ranks, from, 2, said);
        switch ((message)said[0]) {
        case BRINGS:
            take_in(members, ranks, from, (size_t)said[1]);
            answer(members, ranks, from);
            break;
        case ASKS:
            answer(members, ranks, from);
            break;
        case HAS_FAILED:
            hf_members_stop(members);
            break;
        case LEAVES:
            others--;
            break;
        }
    }
}

/* ---- the others ------------------------------------------------------------------------------------- */

static void say(const hf_ranks *ranks, message what, size_t member) {
    const double said[2] = {what, (double)member};
    hf_ranks_send(ranks, 0, 2, said);
}

/* Bring a member, or nothing when theta is NULL, and get the next; false when there is none. */
static bool exchange(const hf_members *members, const double *theta, size_t *member) {
    const hf_ranks *ranks = hf_problem_ranks(members->problem);
    double next;
#pragma omp critical(headflow_manager)
    {
        say(ranks, theta != NULL ? BRINGS : ASKS, *member);
        if (theta != NULL)
            hf_ranks_send(ranks, 0, hf_members_size(members, *member), theta);
        hf_ranks_receive(ranks, 0, 1, &next);
    }
    if (next >= 0)
        *member = (size_t)next;
    return next >= 0;
}

static void fail(const hf_members *members, size_t member, const hf_error *own, hf_error *first) {
#pragma omp critical(headflow_manager)
    {
        say(hf_problem_ranks(members->problem), HAS_FAILED, member);
        if (first->status == HF_OK)
            *first = *own;
    }
}

hf_status hf_members_work(hf_error *error, const hf_members *members) {
    hf_error first = {0};
#pragma omp parallel
    {
        hf_error own = {0};
        size_t member = 0;
        double *theta = NULL;
        while (own.status == HF_OK && exchange(members, theta, &member)) {
            hf_array_destroy(&theta);
            own.status = hf_members_train(&own, members, member, &theta);
            if (own.status != HF_OK)
                fail(members, member, &own, &first);
        }
        hf_array_destroy(&theta);
    }
    say(hf_problem_ranks(members->problem), LEAVES, 0);
    return first.status == HF_OK ? HF_OK : hf_raise(error, first.status, "%s", first.message);
}
