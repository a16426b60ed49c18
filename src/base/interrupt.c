/* Signals that ask a long computation to end. What a handler may touch is process-wide by nature. */
#include <headflow/interrupt.h>

#include <signal.h>
#include <time.h>

/* timeout(1), terminals and launchers send a signal to a process and to its group, so that it comes twice at
 * once: only one that comes this much later is from somebody who does not want to wait. */
static const double patience = 1; /* second */

static volatile sig_atomic_t caught;
static struct timespec first; /* when it was caught; set before `caught`, not changed after it */

static double since_first(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec);
}

static void keep(int number) {
    if (caught != 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &first);
    caught = number;
}

static void take(int number) {
    if (caught != 0 && since_first() >= patience) {
        signal(number, SIG_DFL);
        raise(number);
    }
    keep(number);
}

void hf_interrupt_catch(void) {
    struct sigaction action = {.sa_handler = take, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int hf_interrupted(const hf_ranks *ranks) {
    double number = caught;
    hf_ranks_max(ranks, 1, &number);
    if (number > 0)
        keep((int)number); /* of another rank */
    return (int)number;
}
