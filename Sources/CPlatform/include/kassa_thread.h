#pragma once

// Names the calling thread for top and crash reports; at most 15 bytes are kept.
void kassa_name_thread(const char *name);

// Has the calling thread step back behind those of the process that did not: by 1 to 19, as
// nice(2). Needs no rights.
void kassa_step_back(int by);
