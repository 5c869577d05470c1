#pragma once

// Names the calling thread for top and crash reports; at most 15 bytes are kept.
void kassa_name_thread(const char *name);
