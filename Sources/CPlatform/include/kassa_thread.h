#pragma once

#include <stdbool.h>

// Names the calling thread for top and crash reports; at most 15 bytes are kept.
void kassa_name_thread(const char *name);

// Has the calling thread step back behind those of the process that did not: by 1 to 19, as
// nice(2). Needs no rights.
void kassa_step_back(int by);

/* Has the process be told to end (SIGTERM) when the process that started it ends; false where that
   has happened already, or the system refuses. */
bool kassa_end_with(int parent);
