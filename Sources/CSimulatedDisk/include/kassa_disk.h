#pragma once

#include <stdint.h>

/// A disk that keeps apart what was not yet synced, for the simulator.
///
/// A SQLite VFS of ours stands over another one. What is written to a file below a disk's folder
/// goes on to the file, where every process sees it, and is noted until the file is synced. When
/// the power is lost, any of it may be gone: whole writes, or sectors of them, or the file's name.
/// A disk belongs to one thread; each thread may have some.
typedef struct kassa_disk kassa_disk;

/// What a file is asked for.
enum kassa_disk_operation {
    KASSA_DISK_OPEN,
    KASSA_DISK_READ,
    KASSA_DISK_WRITE,
    KASSA_DISK_TRUNCATE,
    KASSA_DISK_SYNC,
    KASSA_DISK_DELETE,
};

/// Judges each operation before it happens: 0 lets it happen, any other number is the code that
/// SQLite gets in its place.
typedef int (*kassa_disk_judge)(
    void *context, enum kassa_disk_operation operation, const char *path, int64_t offset,
    int count);

/// A number that is as likely as any other.
typedef uint64_t (*kassa_disk_random)(void *context);

/// The name of the VFS; it stands over the one of the name `base`, as the first call says. NULL
/// where there is no memory, or none of that name.
const char *kassa_disk_vfs(const char *base);

/// A disk that holds all files below `folder`. SQLite gets its randomness from it; its time stands
/// still.
///
/// Returns NULL where there is no memory.
kassa_disk *kassa_disk_new(
    const char *folder, kassa_disk_judge judge, kassa_disk_random random, void *context);

/// No file of it may be open.
void kassa_disk_free(kassa_disk *disk);

/// How much was written below `folder` and is not synced, in bytes.
int64_t kassa_disk_unsynced(const kassa_disk *disk, const char *folder);

/// All below `folder` counts as synced, as it lies there: somebody else has put it there. No file
/// of it may be open.
void kassa_disk_settle(kassa_disk *disk, const char *folder);

/// The power fails for the files below `folder`: of what was not synced any part is lost. No file
/// of them may be open.
///
/// Returns 0, or -1 where a file could not be changed.
int kassa_disk_lose_power(kassa_disk *disk, const char *folder);
