/* How the threads of an OpenMP team share work: in chunks whose ends do not depend on the number of threads,
 * each thread a range of them. Sums over a chunk, added in the order of the chunks, are then the same to the
 * bit for any number of threads. Outside of a parallel region the team is one thread. */
#ifndef HF_BASE_TEAM_H
#define HF_BASE_TEAM_H

#include <omp.h>
#include <stddef.h>

enum { HF_CHUNKS_MAX = 64 };

/* Chunks of `count` pieces of work, of at least `least` pieces but for a single one. */
static inline size_t hf_chunks(size_t count, size_t least) {
    size_t chunks = count / least;
    return chunks < 1 ? 1 : chunks < HF_CHUNKS_MAX ? chunks : HF_CHUNKS_MAX;
}

/* The first piece of a chunk; that of chunk `chunks` is `count`. */
static inline size_t hf_chunk_first(size_t count, size_t chunks, size_t chunk) {
    return chunk * count / chunks;
}

/* This thread's range of the chunks. */
static inline void hf_team_chunks(size_t chunks, size_t *first, size_t *last) {
    size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
    *first = chunks * thread / threads;
    *last = chunks * (thread + 1) / threads;
}

#endif
