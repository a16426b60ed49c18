/* Room for the states of a time method. */
#include "flow/states.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Arrays begin a page and nine cache lines apart, modulo a page: 64 of them begin at different places. */
enum { PAGE = 4096, SHIFT = 9 * 64 };

struct hf_states {
    char *block;
    size_t stride, bytes, most, touched; /* bytes from one to the next, in all; arrays */
    size_t returned, *stack;             /* arrays given back, by number */
};

static hf_status map(hf_error *error, size_t length, hf_states *states) {
    size_t pages = length / (PAGE / sizeof(double)) + 1;
    states->stride = pages * PAGE + SHIFT;
    if (states->most > (SIZE_MAX - PAGE) / states->stride)
        return hf_raise(error, HF_ERR_MEMORY, "%zu states of %zu numbers are too large for this machine",
                        states->most, length);
    states->bytes = states->most * states->stride;
    void *block = mmap(NULL, states->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return hf_raise(error, HF_ERR_MEMORY, "no memory for the integrator: %zu bytes for %zu cells",
                        states->bytes, length - 1);
    states->block = block;
#ifdef MADV_HUGEPAGE
    madvise(block, states->bytes, MADV_HUGEPAGE);
#endif
    return HF_OK;
}

hf_status hf_states_create(hf_error *error, size_t length, size_t most, hf_states **out) {
    *out = NULL;
    hf_states *states;
    HF_TRY(hf_allocate(error, 1, sizeof *states, &states));
    states->most = most;
    hf_status status = hf_allocate(error, most, sizeof *states->stack, &states->stack);
    if (status == HF_OK)
        status = map(error, length, states);
    if (status != HF_OK)
        hf_states_destroy(&states);
    *out = states;
    return status;
}

void hf_states_destroy(hf_states **states) {
    if (states == NULL || *states == NULL)
        return;
    if ((*states)->block != NULL)
        munmap((*states)->block, (*states)->bytes);
    free((*states)->stack);
    free(*states);
    *states = NULL;
}

double *hf_states_take(hf_states *states) {
    size_t number;
    if (states->returned > 0)
        number = states->stack[--states->returned];
    else if (states->touched < states->most)
        number = states->touched++;
    else
        return NULL;
    return (double *)(states->block + number * states->stride);
}

void hf_states_give(hf_states *states, double *state) {
    if (state == NULL)
        return;
    size_t number = (size_t)((char *)state - states->block) / states->stride;
    assert(number < states->touched && states->returned < states->touched);
    states->stack[states->returned++] = number;
}

size_t hf_states_most(const hf_states *states) {
    return states->most;
}

size_t hf_states_peak(const hf_states *states) {
    return states->touched;
}
