#include "kassa_disk_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// What a disk writes as a whole.
enum { SECTOR = 512 };

/// A file in the making.
typedef struct {
    unsigned char *bytes;
    int64_t size;
    int64_t room;
} image;

static int resize(image *image, int64_t size) {
    if (size > image->room) {
        unsigned char *larger = realloc(image->bytes, (size_t)size);
        if (!larger) return -1;
        image->bytes = larger;
        image->room = size;
    }
    if (size > image->size) {
        memset(image->bytes + image->size, 0, (size_t)(size - image->size));
    }
    image->size = size;
    return 0;
}

/// The changes of a record, oldest first.
static change **listed(const record *record, int *count) {
    *count = 0;
    for (change *each = record->first; each; each = each->next) *count += 1;
    change **all = malloc((size_t)*count * sizeof *all);
    int at = 0;
    for (change *each = record->first; all && each; each = each->next) all[at++] = each;
    return all;
}

static int undo(image *image, const change *change) {
    int64_t end = change->count < 0 ? change->size : change->offset + change->count;
    if (end > change->size) end = change->size;
    if (resize(image, change->size)) return -1;
    if (end > change->offset) {
        memcpy(image->bytes + change->offset, change->before, (size_t)(end - change->offset));
    }
    return 0;
}

static int write_part(image *image, const change *change, int64_t from, int64_t to) {
    if (to > image->size && resize(image, to)) return -1;
    memcpy(image->bytes + from, change->after + (from - change->offset), (size_t)(to - from));
    return 0;
}

/// Does a change again, where `random` is given only some of its sectors.
static int redo(image *image, const change *change, const kassa_disk *disk, int is_torn) {
    if (change->count < 0) return resize(image, change->offset);
    int64_t end = change->offset + change->count;
    if (!is_torn) return write_part(image, change, change->offset, end);
    for (int64_t at = change->offset; at < end;) {
        int64_t next = (at / SECTOR + 1) * SECTOR;
        if (next > end) next = end;
        int is_kept = disk->random(disk->context) % 2 == 0;
        if (is_kept && write_part(image, change, at, next)) return -1;
        at = next;
    }
    return 0;
}

static int replace(const char *path, const unsigned char *bytes, int64_t size) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) return -1;
    int is_done = pwrite(descriptor, bytes, (size_t)size, 0) == size;
    close(descriptor);
    return is_done ? 0 : -1;
}

/// Has the file hold what was synced, and of the rest what chance leaves.
static int lose_changes(const kassa_disk *disk, record *record) {
    image image = {0};
    image.bytes = kassa_disk_contents(record->path, &image.size);
    if (!image.bytes) return -1;
    image.room = image.size;
    int count = 0;
    change **all = listed(record, &count);
    int code = all ? 0 : -1;
    for (int at = count; !code && at-- > 0;) code = undo(&image, all[at]);
    uint64_t chance = disk->random(disk->context);
    int most = (int)(disk->random(disk->context) % (uint64_t)(count + 1));
    for (int at = 0; !code && at < count; at += 1) {
        switch (chance % 4) {
        // All of it is gone; or what came after some write.
        case 0: break;
        case 1:
            if (at < most) code = redo(&image, all[at], disk, 0);
            break;
        // Any of it, as disks write in what order they like; or any sector.
        case 2:
            if (disk->random(disk->context) % 2) code = redo(&image, all[at], disk, 0);
            break;
        default: code = redo(&image, all[at], disk, 1);
        }
    }
    if (!code) code = replace(record->path, image.bytes, image.size);
    free(all);
    free(image.bytes);
    return code;
}

static int lose(const kassa_disk *disk, record *record) {
    int code = 0;
    if (record->ghost && access(record->path, F_OK) != 0) {
        if (disk->random(disk->context) % 2) {
            code = replace(record->path, record->ghost, record->ghost_size);
        }
    } else if (record->is_new && disk->random(disk->context) % 3 == 0) {
        unlink(record->path);
    } else if (record->first) {
        code = lose_changes(disk, record);
    }
    kassa_disk_forget_changes(record);
    kassa_disk_forget_ghost(record);
    record->is_new = 0;
    return code;
}

int64_t kassa_disk_unsynced(const kassa_disk *disk, const char *folder) {
    int64_t bytes = 0;
    for (const record *record = disk->records; record; record = record->next) {
        if (!kassa_disk_is_below(record->path, folder)) continue;
        for (const change *change = record->first; change; change = change->next) {
            if (change->count > 0) bytes += change->count;
        }
    }
    return bytes;
}

void kassa_disk_settle(kassa_disk *disk, const char *folder) {
    for (record *record = disk->records; record; record = record->next) {
        if (!kassa_disk_is_below(record->path, folder)) continue;
        kassa_disk_forget_changes(record);
        kassa_disk_forget_ghost(record);
        record->is_new = 0;
    }
}

int kassa_disk_lose_power(kassa_disk *disk, const char *folder) {
    int code = 0;
    for (record *record = disk->records; record; record = record->next) {
        if (!kassa_disk_is_below(record->path, folder)) continue;
        if (lose(disk, record)) code = -1;
    }
    return code;
}
