/* The wait at a barrier of a team: for a while awake, then asleep where the system offers it (Linux), else
 * giving way to others. Threads that sleep early are put on one core by the system, and stay there: they wait
 * awake, but where OMP_WAIT_POLICY is passive or cores are too few. */
#include "base/team.h"

#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>

#ifdef __linux__
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns at once if `passed` has changed: no wake is missed. */
static void wait_for_change(hf_barrier *barrier, unsigned passed) {
    syscall(SYS_futex, &barrier->passed, FUTEX_WAIT_PRIVATE, passed, NULL, NULL, 0);
}

void hf_barrier_wake(hf_barrier *barrier) {
    syscall(SYS_futex, &barrier->passed, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
#else
#include <sched.h>

static void wait_for_change(hf_barrier *barrier, unsigned passed) {
    (void)barrier, (void)passed;
    sched_yield();
}

void hf_barrier_wake(hf_barrier *barrier) {
    (void)barrier;
}
#endif

enum { SPINS_ACTIVE = 1 << 14, SPINS_PASSIVE = 64 }; /* 0.3 ms and 1 us where a spin was measured */

/* The first caller finds it out; two at once find the same. */
static unsigned spins_most(void) {
    static atomic_uint found;
    unsigned spins = atomic_load_explicit(&found, memory_order_relaxed);
    if (spins == 0) {
        const char *policy = getenv("OMP_WAIT_POLICY");
        bool passive = policy != NULL && strcasecmp(policy, "passive") == 0;
        spins = passive || omp_get_num_threads() > omp_get_num_procs() ? SPINS_PASSIVE : SPINS_ACTIVE;
        atomic_store_explicit(&found, spins, memory_order_relaxed);
    }
    return spins;
}

void hf_barrier_wait(hf_barrier *barrier, unsigned passed) {
    for (unsigned most = spins_most(); most > 0; most--) {
        if (atomic_load_explicit(&barrier->passed, memory_order_acquire) != passed)
            return;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    atomic_fetch_add(&barrier->asleep, 1);
    while (atomic_load(&barrier->passed) == passed)
        wait_for_change(barrier, passed);
    atomic_fetch_sub(&barrier->asleep, 1);
}
