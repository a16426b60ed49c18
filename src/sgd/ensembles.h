/* The members of all ensembles as units of work: a queue that threads and other ranks are served from. */
#ifndef HF_SGD_ENSEMBLES_H
#define HF_SGD_ENSEMBLES_H

#include <headflow/sgd.h>

typedef struct hf_job {
    size_t member; /* ensemble * seeds + seed */
    double cost;
} hf_job;

/* All but the queue is the same on all ranks; the queue and the observer are the first rank's. */
typedef struct hf_members {
    const hf_problem *problem;
    const hf_ensemble *ensemble;
    size_t ensembles, seeds, times;
    const double *time; /* shape (times) */
    const hf_sgd_observer *observer;
    hf_job *jobs; /* shape (count), the dearest first; those from `next` on wait */
    size_t count, next;
    double total, done;  /* cost */
    hf_error first;      /* the first failure here: it ends the work */
    bool failed_outside; /* so does one on another rank, which says itself what it is */
    double *arriving;    /* a member of another rank: shape (of the largest); NULL on one rank */
} hf_members;

/* The member that is next; false when none is left, or when the work ends with a failure. From any thread. */
bool hf_members_take(hf_members *members, size_t *member);

/* Hand a member to the observer, or record that it failed. From any thread.
 * theta: shape (times, N, D), not looked at when it failed */
void hf_members_finish(hf_members *members, size_t member, hf_status status, const hf_error *error,
                       const double *theta);

/* A failure on another rank. */
void hf_members_stop(hf_members *members);

/* Numbers in a member. */
size_t hf_members_size(const hf_members *members, size_t member);

/* Train one. theta: on success the caller's, to be freed with hf_array_destroy; otherwise NULL */
hf_status hf_members_train(hf_error *error, const hf_members *members, size_t member, double **theta);

/* ---- over ranks: manager.c -------------------------------------------------------------------------- */

/* On the first rank, one thread: hand members to the other ranks and take what they send back, until all of
 * them have left. */
void hf_members_serve(hf_members *members);

/* On another rank, all threads: train what the first hands out. */
hf_status hf_members_work(hf_error *error, const hf_members *members);

#endif
