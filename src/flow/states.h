/* Room for the states of a time method: arrays of one length in one block of address space, on large pages
 * where the system has them. Made one by one and filled with zeros, the arrays of a method cost 40 % of a
 * short run in page faults (CVODE, 64^3 cells); those of orders that are never reached now cost nothing. */
#ifndef HF_FLOW_STATES_H
#define HF_FLOW_STATES_H

#include <headflow/base.h>

typedef struct hf_states hf_states;

/* Room for `most` arrays of `length` numbers. HF_ERR_MEMORY when there is none. */
hf_status hf_states_create(hf_error *error, size_t length, size_t most, hf_states **out);
void hf_states_destroy(hf_states **states);

/* An array: zeros when nobody had it before, whatever he left in it otherwise. NULL when all are taken. It
 * begins on a cache line, and not at the place in its page where its neighbours begin in theirs. */
double *hf_states_take(hf_states *states);
void hf_states_give(hf_states *states, double *state);

/* The arrays that there is room for. */
size_t hf_states_most(const hf_states *states);

/* The most arrays that were taken at a time: those that have memory. */
size_t hf_states_peak(const hf_states *states);

#endif
