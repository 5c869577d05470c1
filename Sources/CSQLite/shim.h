#pragma once
#include <fcntl.h>
#include <sqlite3.h>

// Swift cannot call C functions with variable arguments.
static inline int kassa_sqlite3_no_checkpoint_on_close(sqlite3 *database) {
    int now = 0;
    return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &now);
}

// SQLite counts every allocation under one lock that all connections share; nobody asks for the
// count. Must come before the first connection; later it has no effect.
static inline void kassa_sqlite3_count_no_memory(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

// Opens a file for reading past the system's memory of it; below 0 where the file system cannot.
// The flag has no name but for GNU's own sources.
static inline int kassa_open_direct(const char *path) {
    return open(path, O_RDONLY | O_CLOEXEC | __O_DIRECT);
}
