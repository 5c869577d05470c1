import CSQLite
import Glibc

/// The file beside a database that its commits go to first, `-wal`, looked after where a system
/// says that it wrote what it did not.
///
/// SQLite's locks are on the other files: to open and to close this one takes none of them away.
struct WriteAheadFile: ~Copyable {
    private static let suffix = "-wal"
    private static let piece = 1 << 20
    private let path: String
    private let descriptor: Int32

    /// - Parameter database: a file that a writer has open and has read from, so that there is one
    ///   beside it.
    init(of database: String) throws(SQLiteError) {
        path = database + Self.suffix
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("opening", path) }
    }

    deinit { close(descriptor) }

    /// Whether commits lie beside the file that are not in it yet.
    static func holdsCommits(of database: String) -> Bool {
        var status = stat()
        return stat(database + suffix, &status) == 0 && status.st_size > 0
    }

    /// Waits until all of it is on the disk, and sees to it that it is. Nobody else may write it
    /// meanwhile; readers find what they found before.
    ///
    /// A sync alone does not tell: once one has failed, Linux takes pages for written that are in
    /// memory alone, and the next one succeeds. So the disk is read past the memory, and what is
    /// not there is written again.
    func settle() throws(SQLiteError) {
        guard fdatasync(descriptor) == 0 else { throw Self.failure("syncing", path) }
        if try writeMissing() > 0 {
            guard fdatasync(descriptor) == 0 else { throw Self.failure("syncing", path) }
            guard try writeMissing() == 0 else {
                throw SQLiteError(
                    code: SQLITE_IOERR, message: "what was written is not on the disk",
                    action: "reading \(path) again")
            }
        }
        try confirm()
    }

    /// - Returns: how many pieces differed, and were written again; 0 also where the file system
    ///   lets nobody read past the memory.
    private func writeMissing() throws(SQLiteError) -> Int {
        let direct = kassa_open_direct(path)
        guard direct >= 0 else { return 0 }
        defer { close(direct) }
        let seen = UnsafeMutableRawPointer.allocate(byteCount: Self.piece, alignment: 4096)
        let stored = UnsafeMutableRawPointer.allocate(byteCount: Self.piece, alignment: 4096)
        defer {
            seen.deallocate()
            stored.deallocate()
        }
        var (written, offset): (Int, off_t) = (0, 0)
        while true {
            let count = pread(descriptor, seen, Self.piece, offset)
            guard count >= 0 else { throw Self.failure("reading", path) }
            if count == 0 { return written }
            let found = pread(direct, stored, Self.piece, offset)
            if found != count || memcmp(seen, stored, count) != 0 {
                // Out of memory first: ext4 would write into blocks that it goes on to call empty.
                posix_fadvise(descriptor, offset, off_t(count), POSIX_FADV_DONTNEED)
                guard pwrite(descriptor, seen, count, offset) == count else {
                    throw Self.failure("writing", path)
                }
                written += 1
            }
            offset += off_t(count)
        }
    }

    /// Asks the file system whether it still takes what is written, after it said so of a sync.
    ///
    /// ext4 answers a sync with success where its journal is given up in the middle of it, and what
    /// was appended is gone after a mount (seen with Linux 6.18). By then it refuses whatever comes
    /// next: nothing written is refused too. A journal that gave itself up is found out by who next
    /// has something for it, a new time of the file.
    func confirm() throws(SQLiteError) {
        futimens(descriptor, nil)
        guard pwrite(descriptor, "", 0, 0) == 0 else { throw Self.failure("confirming", path) }
    }

    private static func failure(_ action: String, _ path: String) -> SQLiteError {
        let code = errno
        return SQLiteError(
            code: code == ENOSPC || code == EDQUOT ? SQLITE_FULL : SQLITE_IOERR,
            message: String(cString: strerror(code)), action: "\(action) \(path)")
    }
}
