/* Checkpoints by the clock do not touch the run: what it writes cannot depend on how fast a machine is. Those
 * in simulated time restart the integrator, so that a run that goes on from one of them gives the same bytes
 * as one that was never ended; then a signal leaves the last of them. docs/decisions/0009. */
#include "cli/keeper.h"

#include <headflow/interrupt.h>

#include <math.h>

static double due_after(const cli_keeper *keeper, double time) {
    double every = hf_problem_checkpoint_every(keeper->problem);
    return every > 0 ? (floor(time / every) + 1) * every : 0;
}

void cli_keeper_start(const cli_call *call, const hf_problem *problem, hf_recorder *recorder,
                      cli_keeper *keeper) {
    const hf_checkpoint *from = hf_recorder_checkpoint(recorder);
    *keeper = (cli_keeper){.call = call, .problem = problem, .recorder = recorder, .saved = hf_seconds()};
    keeper->time = from != NULL ? from->time : 0;
    keeper->next = due_after(keeper, keeper->time);
}

static hf_status keep(hf_error *error, cli_keeper *keeper, const hf_checkpoint *here) {
    HF_TRY(hf_recorder_keep(error, keeper->recorder, here));
    keeper->saved = hf_seconds();
    keeper->time = here->time;
    keeper->next = due_after(keeper, here->time);
    return HF_OK;
}

/* Whether the clock says so on one of the ranks. */
static bool clock_is_due(const cli_keeper *keeper) {
    double seconds = hf_seconds() - keeper->saved;
    hf_ranks_max(keeper->call->ranks, 1, &seconds);
    return seconds >= hf_problem_checkpoint_seconds(keeper->problem);
}

hf_status cli_keeper_checkpoint(hf_error *error, cli_keeper *keeper, const hf_checkpoint *here,
                                bool *restart) {
    int signal = hf_interrupted(keeper->call->ranks);
    bool simulated = hf_problem_checkpoint_every(keeper->problem) > 0;
    if (simulated ? here->time >= keeper->next : signal != 0 || clock_is_due(keeper)) {
        HF_TRY(keep(error, keeper, here));
        *restart = simulated;
    }
    return signal != 0 ? cli_keeper_raise(error, keeper) : HF_OK;
}

hf_status cli_keeper_complete(hf_error *error, cli_keeper *keeper, const hf_statistics *statistics) {
    hf_checkpoint end = {.time = statistics->time, .statistics = *statistics};
    return keep(error, keeper, &end);
}

hf_status cli_keeper_raise(hf_error *error, const cli_keeper *keeper) {
    char where[64];
    snprintf(where, sizeof where, "to go on from t = %.6g", keeper->time);
    return cli_raise_interrupted(error, keeper->call, "run", where, "--resume");
}
