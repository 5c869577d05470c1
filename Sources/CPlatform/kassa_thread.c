#include "kassa_thread.h"
#include <sys/prctl.h>

void kassa_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
