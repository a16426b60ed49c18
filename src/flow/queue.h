/* Operations on arrays, recorded when they are asked for and run together when somebody looks.
 *
 * CVODE and ARKODE ask for one array operation after the other, each a pass over memory. Recorded, they run
 * chunk by chunk: all of them on a piece that stays in the first-level cache before the next piece is
 * touched. All arrays of a queue have count + 1 numbers: `count` that belong to this rank, and one behind
 * them that is the same on all ranks. docs/numerics.md, section 7. */
#ifndef HF_FLOW_QUEUE_H
#define HF_FLOW_QUEUE_H

#include <headflow/ranks.h>

/* What an operation works on, element by element; z may alias an input. The arrays live until the queue has
 * been flushed. */
typedef struct hf_operands {
    double a, b;
    const double *x, *y, *w;
    double *z;
} hf_operands;

/* Does elements first .. end - 1; returns what a reduction found there. */
typedef double hf_loop(size_t first, size_t end, const hf_operands *operands);

typedef enum hf_reduction { HF_SUM, HF_MAX, HF_MIN } hf_reduction;

/* Reductions that run in one pass at most. */
enum { HF_QUEUE_RESULTS = 32 };

typedef struct hf_queue hf_queue;

/* A queue for arrays of count + 1 numbers; NULL when there is no room. ranks: borrowed, NULL for one process
 * alone. */
hf_queue *hf_queue_create(size_t count, const hf_ranks *ranks);
void hf_queue_destroy(hf_queue *queue);

size_t hf_queue_count(const hf_queue *queue);
const hf_ranks *hf_queue_ranks(const hf_queue *queue);

/* Record an operation; it may run at any time up to the next flush. */
void hf_queue_add(hf_queue *queue, hf_loop *loop, hf_operands operands);

/* Run all that is recorded, on the threads of OpenMP where it is worth it. */
void hf_queue_flush(hf_queue *queue);

/* Record reductions, run all that is recorded, and combine what they found over this rank's numbers, over the
 * ranks, and with the last number, once. The same to the bit for any number of threads; collective.
 * operands, results: shape (reductions), at most HF_QUEUE_RESULTS */
void hf_queue_reduce(hf_queue *queue, hf_reduction kind, hf_loop *loop, size_t reductions,
                     const hf_operands *operands, double *results);

#endif
