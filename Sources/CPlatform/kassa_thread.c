#include "kassa_thread.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void kassa_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// On Linux a thread has a niceness of its own, and 0 names the calling one. What the process was
// started with is kept.
void kassa_step_back(int by) { setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + by); }

bool kassa_end_with(int parent) {
    // First this, and then a look whether it was too late.
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent;
}
