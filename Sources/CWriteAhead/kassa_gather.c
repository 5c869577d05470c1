#include "kassa_gather.h"

#include <sqlite3.h>
#include <string.h>

// Some thirty pages. SQLite's own writes take no more than 0x1FFFF bytes in one call.
enum { CAPACITY = 126 * 1024 };

// https://sqlite.org/fileformat2.html#the_write_ahead_log
enum { WAL_HEADER = 32, FRAME_HEADER = 24 };

typedef struct {
    sqlite3_file base;
    /// What is not with the system yet; NULL until something is written.
    unsigned char *bytes;
    int length;
    /// Where in the file it begins.
    sqlite3_int64 start;
    /// Whether the frame whose header was written last ends a commit.
    int ends_commit;
    /// Whether the last that was asked for was to read.
    int was_read;
} gathered_file;

static sqlite3_vfs *original;
static sqlite3_vfs gathering;

static sqlite3_file *real(gathered_file *file) { return (sqlite3_file *)(file + 1); }

/// Hands on what was gathered. What cannot be written is dropped: SQLite takes the commit back, and
/// writes the next one in its place.
static int flush(gathered_file *file) {
    if (file->length == 0) return SQLITE_OK;
    int length = file->length;
    file->length = 0;
    return real(file)->pMethods->xWrite(real(file), file->bytes, length, file->start);
}

static int gathered_close(sqlite3_file *base) {
    gathered_file *file = (gathered_file *)base;
    // What is left was never committed.
    sqlite3_free(file->bytes);
    file->bytes = NULL;
    return real(file)->pMethods->xClose(real(file));
}

static int gathered_read(sqlite3_file *base, void *into, int count, sqlite3_int64 offset) {
    gathered_file *file = (gathered_file *)base;
    int code = flush(file);
    file->was_read = 1;
    return code ? code : real(file)->pMethods->xRead(real(file), into, count, offset);
}

static int is_zero(const unsigned char *bytes) {
    return (bytes[0] | bytes[1] | bytes[2] | bytes[3]) == 0;
}

static int gathered_write(
    sqlite3_file *base, const void *from, int count, sqlite3_int64 offset) {
    gathered_file *file = (gathered_file *)base;
    if (!file->bytes) file->bytes = sqlite3_malloc(CAPACITY);
    if (count == FRAME_HEADER) {
        // The size of the database after the commit that the frame ends.
        file->ends_commit = !is_zero((const unsigned char *)from + 4);
    }
    int follows = offset == file->start + file->length;
    if (!follows || file->length + count > CAPACITY) {
        int code = flush(file);
        if (code) return code;
        file->start = offset;
    }
    // Frames that were written before their commit get new headers after it, the one that ends it
    // last; each is read first.
    int is_alone = file->was_read;
    file->was_read = 0;
    if (!file->bytes || count > CAPACITY || is_alone) {
        int code = flush(file);
        if (code) return code;
        return real(file)->pMethods->xWrite(real(file), from, count, offset);
    }
    memcpy(file->bytes + file->length, from, (size_t)count);
    file->length += count;
    // The page of a frame that ends a commit, or something else than a frame.
    int is_whole = count != FRAME_HEADER && file->ends_commit;
    return is_whole || offset < WAL_HEADER ? flush(file) : SQLITE_OK;
}

static int gathered_truncate(sqlite3_file *base, sqlite3_int64 size) {
    gathered_file *file = (gathered_file *)base;
    int code = flush(file);
    return code ? code : real(file)->pMethods->xTruncate(real(file), size);
}

static int gathered_sync(sqlite3_file *base, int flags) {
    gathered_file *file = (gathered_file *)base;
    int code = flush(file);
    return code ? code : real(file)->pMethods->xSync(real(file), flags);
}

static int gathered_size(sqlite3_file *base, sqlite3_int64 *size) {
    gathered_file *file = (gathered_file *)base;
    int code = flush(file);
    return code ? code : real(file)->pMethods->xFileSize(real(file), size);
}

static int gathered_lock(sqlite3_file *base, int lock) {
    return real((gathered_file *)base)->pMethods->xLock(real((gathered_file *)base), lock);
}

static int gathered_unlock(sqlite3_file *base, int lock) {
    return real((gathered_file *)base)->pMethods->xUnlock(real((gathered_file *)base), lock);
}

static int gathered_check_lock(sqlite3_file *base, int *is_reserved) {
    sqlite3_file *file = real((gathered_file *)base);
    return file->pMethods->xCheckReservedLock(file, is_reserved);
}

static int gathered_control(sqlite3_file *base, int operation, void *argument) {
    gathered_file *file = (gathered_file *)base;
    int code = flush(file);
    return code ? code : real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int gathered_sector(sqlite3_file *base) {
    return real((gathered_file *)base)->pMethods->xSectorSize(real((gathered_file *)base));
}

static int gathered_characteristics(sqlite3_file *base) {
    sqlite3_file *file = real((gathered_file *)base);
    return file->pMethods->xDeviceCharacteristics(file);
}

// The first version: shared memory and mappings belong to the database's own file.
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = gathered_close,
    .xRead = gathered_read,
    .xWrite = gathered_write,
    .xTruncate = gathered_truncate,
    .xSync = gathered_sync,
    .xFileSize = gathered_size,
    .xLock = gathered_lock,
    .xUnlock = gathered_unlock,
    .xCheckReservedLock = gathered_check_lock,
    .xFileControl = gathered_control,
    .xSectorSize = gathered_sector,
    .xDeviceCharacteristics = gathered_characteristics,
};

static int gathering_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out) {
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL)) return original->xOpen(original, name, base, flags, out);
    gathered_file *file = (gathered_file *)base;
    memset(file, 0, sizeof *file);
    int code = original->xOpen(original, name, real(file), flags, out);
    // SQLite closes a file that has methods, whatever became of its opening.
    if (real(file)->pMethods) file->base.pMethods = &methods;
    return code;
}

const char *kassa_gather_vfs(void) {
    static const char name[] = "kassa-gather";
    if (original) return name;
    sqlite3_vfs *found = sqlite3_vfs_find(NULL);
    if (!found) return NULL;
    gathering = *found;
    gathering.zName = name;
    gathering.pNext = NULL;
    gathering.szOsFile = (int)sizeof(gathered_file) + found->szOsFile;
    gathering.xOpen = gathering_open;
    if (sqlite3_vfs_register(&gathering, 0) != SQLITE_OK) return NULL;
    original = found;
    return name;
}
