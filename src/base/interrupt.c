/* Signals that ask a long computation to end. What a handler may touch is process-wide by nature. */
#include <headflow/interrupt.h>

#include <signal.h>
#include <stdatomic.h>
#include <time.h>

/* timeout(1), terminals and launchers send a signal to a process and to its group, so that it comes twice at
 * once: only one that comes this much later is from somebody who does not want to wait. */
static const long long patience = 1000000000; /* ns */

static atomic_llong first; /* when one was caught first, ns; 0: not yet. Set before `caught` */
static atomic_int caught;

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* The first stays, wherever others come in between. */
static void keep(int number) {
    long long never = 0;
    int none = 0;
    atomic_compare_exchange_strong(&first, &never, nanoseconds());
    atomic_compare_exchange_strong(&caught, &none, number);
}

static void take(int number) {
    if (caught != 0 && nanoseconds() - first >= patience) {
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
