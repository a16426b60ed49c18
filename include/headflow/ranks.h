/** @file ranks.h
 *  The processes of an MPI run, numbered from 0: the one place that knows MPI, with the halo exchange of
 * grids.
 *
 *  A NULL hf_ranks stands for one process alone, and every function takes it: sums stay as they are, and
 * nothing is sent. Functions are collective (all ranks call them, in the same order) unless they say
 * otherwise, and may be called from one thread a process at a time. An error inside MPI ends all ranks with
 * MPI's message. */
#ifndef HEADFLOW_RANKS_H
#define HEADFLOW_RANKS_H

#include <headflow/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hf_ranks hf_ranks;

/** All processes of this run when an MPI launcher has started it (more than one, or one by itself); NULL,
 * which costs nothing, when none has. Once a process.
 *  @return HF_ERR_INPUT when several processes were started and headflow was built without MPI, or when the
 * MPI allows calls of one thread only; HF_ERR_MEMORY
 */
hf_status hf_ranks_start(hf_error *error, hf_ranks **out);
void hf_ranks_stop(hf_ranks **ranks);

/** End all ranks at once with an exit code; not collective. Does nothing but exit without MPI. */
void hf_ranks_abort(const hf_ranks *ranks, int exit_code) __attribute__((noreturn));

size_t hf_ranks_count(const hf_ranks *ranks); /**< 1 for NULL; not collective */
size_t hf_ranks_index(const hf_ranks *ranks); /**< 0 for NULL; not collective */
size_t hf_ranks_here(const hf_ranks *ranks);  /**< how many are on this machine; 1 for NULL; not collective */

/** Replace each entry by its sum, minimum or maximum over the ranks, the same to the bit on all of them.
 *  @param[in,out] x  shape (count) */
void hf_ranks_sum(const hf_ranks *ranks, size_t count, double *x);
void hf_ranks_min(const hf_ranks *ranks, size_t count, double *x);
void hf_ranks_max(const hf_ranks *ranks, size_t count, double *x);

/** Numbers from one rank to another; each is called on its side only. @param x  shape (count) */
void hf_ranks_send(const hf_ranks *ranks, size_t to, size_t count, const double *x);
void hf_ranks_receive(const hf_ranks *ranks, size_t from, size_t count, double *x);

/** Numbers of the first rank to all of them. @param[in,out] x  shape (count) */
void hf_ranks_broadcast(const hf_ranks *ranks, size_t count, double *x);

/** Whether numbers from another rank wait to be received, and from which; not collective. */
bool hf_ranks_probe(const hf_ranks *ranks, size_t *from);

/** Let all ranks leave with the failure of the first that has one. When the others do not come to agree
 * within seconds, since they wait for this one elsewhere, a rank that failed prints its message and ends them
 * all, with the exit code of its status.
 *  @param[in] status  this rank's own; its message is in `error`
 *  @return HF_OK when all have HF_OK; else the status, with the message in `error`, on all ranks */
hf_status hf_ranks_agree(hf_error *error, const hf_ranks *ranks, hf_status status);

#ifdef __cplusplus
}
#endif
#endif
