/** @file interrupt.h
 *  Signals that ask a long computation to end: a program catches them, the library looks between two steps.
 */
#ifndef HEADFLOW_INTERRUPT_H
#define HEADFLOW_INTERRUPT_H

#include <headflow/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Catch SIGINT and SIGTERM, which else end the process: the first to come is kept for hf_interrupted, one
 * that comes a second later or more ends the process. For a program to call, once; the library never does. */
void hf_interrupt_catch(void);

/** The number of the signal that came to one of the ranks, the same on all of them; 0: none has come.
 *  Collective. @param[in] ranks  NULL: this process alone, which is then not collective */
int hf_interrupted(const hf_ranks *ranks);

#ifdef __cplusplus
}
#endif
#endif
