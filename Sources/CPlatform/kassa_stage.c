#include "kassa_stage.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

_Thread_local kassa_stage kassa_stage_current = KASSA_STAGE_OTHER;

static uint64_t seen[KASSA_STAGE_COUNT];

/* Nothing here but an addition: it interrupts any code, in any thread. */
static void count(int signal) {
    (void)signal;
    __atomic_fetch_add(&seen[kassa_stage_current], 1, __ATOMIC_RELAXED);
}

static int tick(long microseconds) {
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    return setitimer(ITIMER_PROF, &timer, NULL) == 0 ? 0 : -errno;
}

int kassa_sampler_start(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = count;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGPROF, &action, NULL) != 0) return -errno;
    return tick(1000);
}

/* The handler stays: without it a late signal would end the process. */
void kassa_sampler_stop(void) { tick(0); }

void kassa_sampler_read(uint64_t *counts) {
    for (int stage = 0; stage < KASSA_STAGE_COUNT; stage++)
        counts[stage] = __atomic_load_n(&seen[stage], __ATOMIC_RELAXED);
}
