#pragma once

#include "kassa_disk.h"

#include <stdint.h>

/// One write, or one change of the size, that is not synced.
typedef struct change {
    struct change *next;
    int64_t offset;
    /// Bytes written; -1 where the file was cut, or made longer, to `offset`.
    int count;
    /// The file's size before.
    int64_t size;
    /// What was there before, as far as there was anything, and what was written over it.
    unsigned char *before;
    unsigned char *after;
} change;

typedef struct record {
    struct record *next;
    char *path;
    change *first;
    change *last;
    /// Whether the name would be gone with the power.
    int is_new;
    /// What the file held when it was deleted, where that may come back; NULL else.
    unsigned char *ghost;
    int64_t ghost_size;
} record;

struct kassa_disk {
    struct kassa_disk *next;
    char *folder;
    kassa_disk_judge judge;
    kassa_disk_random random;
    void *context;
    record *records;
};

int kassa_disk_is_below(const char *path, const char *folder);
void kassa_disk_forget_changes(record *record);
void kassa_disk_forget_ghost(record *record);
/// What a file holds; NULL where it cannot be read.
unsigned char *kassa_disk_contents(const char *path, int64_t *size);
