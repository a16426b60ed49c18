/* Signals that ask a long computation to end. What a handler may touch is process-wide by nature. */
#include <headflow/interrupt.h>

#include <signal.h>

static volatile sig_atomic_t caught;

static void take(int number) {
    caught = number;
}

void hf_interrupt_catch(void) {
    /* SA_RESETHAND: whoever does not want to wait for the end of a step sends it again */
    struct sigaction action = {.sa_handler = take, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int hf_interrupted(const hf_ranks *ranks) {
    double number = caught;
    hf_ranks_max(ranks, 1, &number);
    if (number > 0) /* else one that comes just now would be lost */
        caught = (int)number;
    return (int)number;
}
