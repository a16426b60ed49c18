/* Recorded operations on arrays, run chunk by chunk. */
#include "flow/queue.h"
#include "flow/density.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>

/* A chunk of each of a dozen arrays fits into a first-level cache. Blocks, of whole chunks, are what threads
 * share and what partial results belong to; they depend on the length of the arrays alone. */
enum { CHUNK = 512, BLOCKS_MAX = 256, OPERATIONS_MAX = 128 };

typedef struct operation {
    hf_loop *loop;
    hf_operands operands;
} operation;

struct hf_queue {
    size_t count, block, blocks; /* elements, elements a block, blocks */
    const hf_ranks *ranks;
    size_t recorded, reductions; /* the last `reductions` of the operations recorded are such */
    hf_reduction kind;
    operation operations[OPERATIONS_MAX];
    double partial[HF_QUEUE_RESULTS][BLOCKS_MAX + 1]; /* the entry `blocks` is of the last number */
};

static size_t quotient_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

hf_queue *hf_queue_create(size_t count, const hf_ranks *ranks) {
    hf_queue *queue;
    if (hf_allocate(NULL, 1, sizeof *queue, &queue) != HF_OK)
        return NULL;
    queue->count = count;
    queue->block = CHUNK * quotient_up(count + 1, CHUNK * BLOCKS_MAX);
    queue->blocks = quotient_up(count, queue->block);
    queue->ranks = ranks;
    return queue;
}

void hf_queue_destroy(hf_queue *queue) {
    free(queue);
}

size_t hf_queue_count(const hf_queue *queue) {
    return queue->count;
}
const hf_ranks *hf_queue_ranks(const hf_queue *queue) {
    return queue->ranks;
}

void hf_queue_add(hf_queue *queue, hf_loop *loop, hf_operands operands) {
    if (queue->recorded == OPERATIONS_MAX)
        hf_queue_flush(queue);
    queue->operations[queue->recorded++] = (operation){loop, operands};
}

/* ---- reductions ------------------------------------------------------------------------------------- */

static double neutral(hf_reduction kind) {
    return kind == HF_MIN ? DBL_MAX : 0;
}

static double combine(hf_reduction kind, double a, double b) {
    switch (kind) {
    case HF_MAX:
        return b > a ? b : a;
    case HF_MIN:
        return b < a ? b : a;
    default:
        return a + b;
    }
}

static void combine_ranks(const hf_queue *queue, size_t count, double *results) {
    static void (*const over_ranks[])(const hf_ranks *, size_t, double *) = {
        [HF_SUM] = hf_ranks_sum, [HF_MAX] = hf_ranks_max, [HF_MIN] = hf_ranks_min};
    over_ranks[queue->kind](queue->ranks, count, results);
}

void hf_queue_reduce(hf_queue *queue, hf_reduction kind, hf_loop *loop, size_t reductions,
                     const hf_operands *operands, double *results) {
    assert(reductions <= HF_QUEUE_RESULTS);
    if (queue->recorded + reductions > OPERATIONS_MAX)
        hf_queue_flush(queue);
    for (size_t r = 0; r < reductions; r++)
        hf_queue_add(queue, loop, operands[r]);
    queue->kind = kind;
    queue->reductions = reductions;
    hf_queue_flush(queue);
    for (size_t r = 0; r < reductions; r++) {
        results[r] = neutral(kind);
        for (size_t block = 0; block < queue->blocks; block++)
            results[r] = combine(kind, results[r], queue->partial[r][block]);
    }
    combine_ranks(queue, reductions, results);
    for (size_t r = 0; r < reductions; r++)
        results[r] = combine(kind, results[r], queue->partial[r][queue->blocks]);
}

/* ---- running ---------------------------------------------------------------------------------------- */

static void run_chunk(hf_queue *queue, size_t block, size_t first, size_t end) {
    size_t plain = queue->recorded - queue->reductions;
    for (size_t k = 0; k < plain; k++)
        queue->operations[k].loop(first, end, &queue->operations[k].operands);
    for (size_t r = 0; r < queue->reductions; r++) {
        const operation *o = &queue->operations[plain + r];
        double *partial = &queue->partial[r][block];
        *partial = combine(queue->kind, *partial, o->loop(first, end, &o->operands));
    }
}

static void run_block(hf_queue *queue, size_t block) {
    size_t first = block * queue->block, end = first + queue->block;
    end = end < queue->count ? end : queue->count;
    for (size_t r = 0; r < queue->reductions; r++)
        queue->partial[r][block] = neutral(queue->kind);
    for (; first < end; first += CHUNK)
        run_chunk(queue, block, first, first + CHUNK < end ? first + CHUNK : end);
}

static void run_last(hf_queue *queue) {
    for (size_t r = 0; r < queue->reductions; r++)
        queue->partial[r][queue->blocks] = neutral(queue->kind);
    run_chunk(queue, queue->blocks, queue->count, queue->count + 1);
}

void hf_queue_flush(hf_queue *queue) {
    if (queue->recorded == 0)
        return;
    /* threads where right-hand sides have them, however few the operations: one alone would fetch half of
     * each array from the other's cache */
    if (queue->count <= HF_ALONE)
        for (size_t block = 0; block < queue->blocks; block++)
            run_block(queue, block);
    else {
#pragma omp parallel for schedule(static)
        for (size_t block = 0; block < queue->blocks; block++)
            run_block(queue, block);
    }
    run_last(queue);
    queue->recorded = queue->reductions = 0;
}
