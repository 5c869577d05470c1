#include "kassa_disk_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    sqlite3_file base;
    kassa_disk *disk;
    record *record;
    /// Whether its next sync is one of its folder as well.
    int syncs_folder;
} disk_file;

static sqlite3_vfs *original;
static sqlite3_vfs simulated;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static kassa_disk *disks;
/// The disk that this thread used last: SQLite asks for randomness and time without a path.
static _Thread_local kassa_disk *used;

int kassa_disk_is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static kassa_disk *disk_of(const char *path) {
    if (!path) return NULL;
    pthread_mutex_lock(&lock);
    kassa_disk *disk = disks;
    while (disk && !kassa_disk_is_below(path, disk->folder)) disk = disk->next;
    pthread_mutex_unlock(&lock);
    if (disk) used = disk;
    return disk;
}

static record *record_of(kassa_disk *disk, const char *path) {
    for (record *each = disk->records; each; each = each->next) {
        if (strcmp(each->path, path) == 0) return each;
    }
    record *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return NULL;
    fresh->path = strdup(path);
    if (!fresh->path) {
        free(fresh);
        return NULL;
    }
    fresh->next = disk->records;
    disk->records = fresh;
    return fresh;
}

void kassa_disk_forget_changes(record *record) {
    while (record->first) {
        change *each = record->first;
        record->first = each->next;
        free(each->before);
        free(each->after);
        free(each);
    }
    record->last = NULL;
}

void kassa_disk_forget_ghost(record *record) {
    free(record->ghost);
    record->ghost = NULL;
}

static int judged(disk_file *file, enum kassa_disk_operation operation, int64_t offset, int count) {
    kassa_disk *disk = file->disk;
    used = disk;
    return disk->judge(disk->context, operation, file->record->path, offset, count);
}

static sqlite3_file *real(sqlite3_file *file) { return (sqlite3_file *)((disk_file *)file + 1); }

/// Notes what an operation is about to change. `from` is NULL for a new size.
static int note(sqlite3_file *base, const void *from, int count, int64_t offset) {
    disk_file *file = (disk_file *)base;
    change *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return SQLITE_NOMEM;
    int code = real(base)->pMethods->xFileSize(real(base), (sqlite3_int64 *)&fresh->size);
    fresh->offset = offset;
    fresh->count = from ? count : -1;
    // What a write covers, or what a cut takes away.
    int64_t end = from ? offset + count : fresh->size;
    int64_t covered = (end < fresh->size ? end : fresh->size) - offset;
    if (!code && covered > 0) {
        fresh->before = malloc((size_t)covered);
        code = fresh->before ? real(base)->pMethods->xRead(
                   real(base), fresh->before, (int)covered, offset)
                             : SQLITE_NOMEM;
    }
    if (!code && from) {
        fresh->after = malloc((size_t)count);
        if (fresh->after) memcpy(fresh->after, from, (size_t)count);
        else code = SQLITE_NOMEM;
    }
    if (code) {
        free(fresh->before);
        free(fresh->after);
        free(fresh);
        return code;
    }
    if (file->record->last) file->record->last->next = fresh;
    else file->record->first = fresh;
    file->record->last = fresh;
    return SQLITE_OK;
}

static int disk_close(sqlite3_file *base) { return real(base)->pMethods->xClose(real(base)); }

static int disk_read(sqlite3_file *base, void *into, int count, sqlite3_int64 offset) {
    int code = judged((disk_file *)base, KASSA_DISK_READ, offset, count);
    return code ? code : real(base)->pMethods->xRead(real(base), into, count, offset);
}

static int disk_write(sqlite3_file *base, const void *from, int count, sqlite3_int64 offset) {
    int code = judged((disk_file *)base, KASSA_DISK_WRITE, offset, count);
    if (!code) code = note(base, from, count, offset);
    return code ? code : real(base)->pMethods->xWrite(real(base), from, count, offset);
}

static int disk_truncate(sqlite3_file *base, sqlite3_int64 size) {
    int code = judged((disk_file *)base, KASSA_DISK_TRUNCATE, size, 0);
    if (!code) code = note(base, NULL, 0, size);
    return code ? code : real(base)->pMethods->xTruncate(real(base), size);
}

/// Names in the folder of `path` are as the disk has them from here on.
static void sync_folder(const kassa_disk *disk, const char *path) {
    size_t length = (size_t)(strrchr(path, '/') - path) + 1;
    for (record *each = disk->records; each; each = each->next) {
        if (strncmp(each->path, path, length) || strchr(each->path + length, '/')) continue;
        each->is_new = 0;
        kassa_disk_forget_ghost(each);
    }
}

static int disk_sync(sqlite3_file *base, int flags) {
    disk_file *file = (disk_file *)base;
    int code = judged(file, KASSA_DISK_SYNC, 0, 0);
    if (!code) code = real(base)->pMethods->xSync(real(base), flags);
    if (code) return code;
    kassa_disk_forget_changes(file->record);
    if (file->syncs_folder) sync_folder(file->disk, file->record->path);
    file->syncs_folder = 0;
    return SQLITE_OK;
}

static int disk_size(sqlite3_file *base, sqlite3_int64 *size) {
    return real(base)->pMethods->xFileSize(real(base), size);
}

static int disk_lock(sqlite3_file *base, int level) {
    return real(base)->pMethods->xLock(real(base), level);
}

static int disk_unlock(sqlite3_file *base, int level) {
    return real(base)->pMethods->xUnlock(real(base), level);
}

static int disk_check_lock(sqlite3_file *base, int *is_reserved) {
    return real(base)->pMethods->xCheckReservedLock(real(base), is_reserved);
}

static int disk_control(sqlite3_file *base, int operation, void *argument) {
    return real(base)->pMethods->xFileControl(real(base), operation, argument);
}

static int disk_sector(sqlite3_file *base) { return real(base)->pMethods->xSectorSize(real(base)); }

static int disk_characteristics(sqlite3_file *base) {
    // No promise of the file system below: what is not synced may be torn.
    return real(base)->pMethods->xDeviceCharacteristics(real(base))
        & SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN;
}

static int disk_map(sqlite3_file *base, int region, int size, int extend, void volatile **out) {
    return real(base)->pMethods->xShmMap(real(base), region, size, extend, out);
}

static int disk_shared_lock(sqlite3_file *base, int offset, int count, int flags) {
    return real(base)->pMethods->xShmLock(real(base), offset, count, flags);
}

static void disk_barrier(sqlite3_file *base) { real(base)->pMethods->xShmBarrier(real(base)); }

static int disk_unmap(sqlite3_file *base, int removes) {
    return real(base)->pMethods->xShmUnmap(real(base), removes);
}

// The second version: a database has shared memory, and is not mapped, so that all is seen here.
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = disk_close,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_check_lock,
    .xFileControl = disk_control,
    .xSectorSize = disk_sector,
    .xDeviceCharacteristics = disk_characteristics,
    .xShmMap = disk_map,
    .xShmLock = disk_shared_lock,
    .xShmBarrier = disk_barrier,
    .xShmUnmap = disk_unmap,
};

static int exists(const char *path) { return access(path, F_OK) == 0; }

static int simulated_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out) {
    (void)vfs;
    disk_file *file = (disk_file *)base;
    memset(file, 0, sizeof *file);
    kassa_disk *disk = disk_of(name);
    // The room for a file of this kind is larger than for one of the other.
    if (!disk) return original->xOpen(original, name, base, flags, out);
    int is_new = !exists(name);
    record *record = record_of(disk, name);
    if (!record) return SQLITE_NOMEM;
    *file = (disk_file){.disk = disk, .record = record};
    // As SQLite's own VFS has it.
    int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    file->syncs_folder = (flags & SQLITE_OPEN_CREATE) && (flags & journals);
    int code = judged(file, KASSA_DISK_OPEN, 0, 0);
    if (code) return code;
    code = original->xOpen(original, name, real(base), flags, out);
    if (real(base)->pMethods) file->base.pMethods = &methods;
    if (!code && is_new) record->is_new = 1;
    return code;
}

unsigned char *kassa_disk_contents(const char *path, int64_t *size) {
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return NULL;
    unsigned char *bytes = NULL;
    if (fstat(descriptor, &status) == 0) {
        *size = status.st_size;
        bytes = malloc((size_t)status.st_size + 1);
        if (bytes && pread(descriptor, bytes, (size_t)*size, 0) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    close(descriptor);
    return bytes;
}

static int simulated_delete(sqlite3_vfs *vfs, const char *name, int syncs) {
    (void)vfs;
    kassa_disk *disk = disk_of(name);
    if (!disk) return original->xDelete(original, name, syncs);
    int code = disk->judge(disk->context, KASSA_DISK_DELETE, name, 0, 0);
    if (code) return code;
    record *record = record_of(disk, name);
    if (!record) return SQLITE_NOMEM;
    if (!syncs && !record->is_new && !record->ghost) {
        record->ghost = kassa_disk_contents(name, &record->ghost_size);
    }
    code = original->xDelete(original, name, syncs);
    if (code) {
        kassa_disk_forget_ghost(record);
    } else {
        kassa_disk_forget_changes(record);
        record->is_new = 0;
    }
    return code;
}

static int simulated_random(sqlite3_vfs *vfs, int count, char *bytes) {
    (void)vfs;
    if (!used) return original->xRandomness(original, count, bytes);
    for (int at = 0; at < count; at += 8) {
        uint64_t number = used->random(used->context);
        memcpy(bytes + at, &number, (size_t)(count - at < 8 ? count - at : 8));
    }
    return count;
}

static int simulated_time(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds) {
    (void)vfs;
    if (!used) return original->xCurrentTimeInt64(original, milliseconds);
    // 1970, since noon in Greenwich on November 24, 4714 B.C.: nothing that is stored asks for it.
    *milliseconds = 210866760000000;
    return SQLITE_OK;
}

static int simulated_sleep(sqlite3_vfs *vfs, int microseconds) {
    if (!used) return original->xSleep(original, microseconds);
    (void)vfs;
    return microseconds;
}

const char *kassa_disk_vfs(const char *base) {
    static const char name[] = "kassa-disk";
    pthread_mutex_lock(&lock);
    sqlite3_vfs *found = original ? NULL : sqlite3_vfs_find(base);
    if (found) {
        simulated = *found;
        simulated.zName = name;
        simulated.pNext = NULL;
        simulated.szOsFile = (int)sizeof(disk_file) + found->szOsFile;
        simulated.xOpen = simulated_open;
        simulated.xDelete = simulated_delete;
        simulated.xRandomness = simulated_random;
        simulated.xCurrentTimeInt64 = simulated_time;
        simulated.xSleep = simulated_sleep;
        if (sqlite3_vfs_register(&simulated, 0) == SQLITE_OK) original = found;
    }
    pthread_mutex_unlock(&lock);
    return original ? name : NULL;
}

kassa_disk *kassa_disk_new(
    const char *folder, kassa_disk_judge judge, kassa_disk_random random, void *context) {
    kassa_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return NULL;
    disk->folder = strdup(folder);
    if (!disk->folder) {
        free(disk);
        return NULL;
    }
    disk->judge = judge;
    disk->random = random;
    disk->context = context;
    pthread_mutex_lock(&lock);
    disk->next = disks;
    disks = disk;
    pthread_mutex_unlock(&lock);
    return disk;
}

void kassa_disk_free(kassa_disk *disk) {
    if (!disk) return;
    pthread_mutex_lock(&lock);
    kassa_disk **place = &disks;
    while (*place != disk) place = &(*place)->next;
    *place = disk->next;
    pthread_mutex_unlock(&lock);
    if (used == disk) used = NULL;
    while (disk->records) {
        record *each = disk->records;
        disk->records = each->next;
        kassa_disk_forget_changes(each);
        kassa_disk_forget_ghost(each);
        free(each->path);
        free(each);
    }
    free(disk->folder);
    free(disk);
}
