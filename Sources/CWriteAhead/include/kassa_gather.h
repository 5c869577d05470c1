#pragma once

/// The name of a VFS that is the system's own, but for the file beside a database that commits go
/// to first, `-wal`: what SQLite writes there in a row, a header and a page for each page that a
/// commit changed, goes to the system in one call. Whatever a commit consists of is with the system
/// before SQLite calls the commit written, and before anybody else can be told of it.
///
/// Registers it the first time; later calls do nothing. Not for two threads at once.
///
/// Returns NULL where there is no memory for it.
const char *kassa_gather_vfs(void);
