/* When a run leaves checkpoints, and how it ends at a signal. */
#ifndef HF_CLI_KEEPER_H
#define HF_CLI_KEEPER_H

#include "cli/cli.h"

#include <headflow/store.h>

typedef struct cli_keeper {
    const cli_call *call;
    const hf_problem *problem;
    hf_recorder *recorder; /* NULL before it is created */
    double saved;          /* when the last checkpoint was written [s], */
    double time, next;     /* where in simulated time it stands, and from where on the next is due */
} cli_keeper;

/* Begins with the recorder's checkpoint, or at time 0. */
void cli_keeper_start(const cli_call *call, const hf_problem *problem, hf_recorder *recorder,
                      cli_keeper *keeper);

/* Between two steps, as hf_observer.checkpoint: HF_ERR_INTERRUPTED, with the command that goes on, when a
 * signal has come. */
hf_status cli_keeper_checkpoint(hf_error *error, cli_keeper *keeper, const hf_checkpoint *here,
                                bool *restart);

/* Keep that the integration has come to its end. */
hf_status cli_keeper_complete(hf_error *error, cli_keeper *keeper, const hf_statistics *statistics);

/* The line for a run that a signal ended. */
hf_status cli_keeper_raise(hf_error *error, const cli_keeper *keeper);

#endif
