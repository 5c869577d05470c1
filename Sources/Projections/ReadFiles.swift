import EventSourcing
import Foundation
import Glibc
import SQLite

/// The files of a read store, of which one is in use: `read.db` at first, `read-1.db` after a
/// rebuild, then `read-2.db`. The greatest number counts. What is being built is `read-new.db`.
///
/// A file is never renamed over another, as the `-wal` beside it belongs to its name. So a crash
/// leaves the old store or the new one in use, and never a mixture.
package struct ReadFiles: Sendable {
    /// What one store may consist of; a file that was only just being created has a `-journal`.
    private static let suffixes = ["", "-wal", "-shm", "-journal"]

    private let folder: String
    /// `read`.
    private let name: String

    /// - Parameter path: the first file's, such as `gateway/read.db`.
    package init(_ path: String) {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let last = parts.last.map { String(decoding: $0, as: UTF8.self) } ?? ""
        folder =
            parts.count > 1
            ? String(decoding: path.utf8.dropLast(last.utf8.count), as: UTF8.self) : "./"
        name = last.hasSuffix(".db") ? String(last.dropLast(3)) : last
    }

    /// The file in use, which may not be there yet.
    package var current: String { path(numbers.max() ?? 0) }

    /// The file that is being built.
    package var fresh: String { "\(folder)\(name)-new.db" }

    /// Makes way for the file that will be in use after this one, and gives its path.
    func clearNext() -> String {
        let next = path((numbers.max() ?? 0) + 1)
        // Of a file that is long gone, and would be taken for a part of the new one.
        for suffix in Self.suffixes { unlink(next + suffix) }
        return next
    }

    private func path(_ number: Int64) -> String {
        folder + name + (number == 0 ? "" : "-\(number)") + ".db"
    }

    private var entries: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    /// The numbers of the files that are there.
    private var numbers: [Int64] { entries.compactMap { number($0, suffix: "") } }

    /// The number that `entry` has; nil for what is none of this store's files.
    private func number(_ entry: String, suffix: String) -> Int64? {
        let (begin, end) = (name.utf8, ".db\(suffix)".utf8)
        guard entry.utf8.starts(with: begin), entry.utf8.reversed().starts(with: end.reversed()),
            entry.utf8.count >= begin.count + end.count
        else { return nil }
        let middle = entry.utf8.dropFirst(begin.count).dropLast(end.count)
        if middle.isEmpty { return 0 }
        guard middle.first == UInt8(ascii: "-"),
            let number = Int64(strictDecimal: middle.dropFirst()), number > 0
        else { return nil }
        return number
    }

    /// Removes what is neither in use nor belongs to what is; nobody else may be at work.
    func removeOthers() {
        removeFresh()
        let current = numbers.max() ?? 0
        remove { $0 != current }
    }

    /// Removes what came before the file in use.
    func removeOlder() {
        let current = numbers.max() ?? 0
        remove { $0 < current }
    }

    private func remove(where isOver: (Int64) -> Bool) {
        for entry in entries {
            for suffix in Self.suffixes {
                if let number = number(entry, suffix: suffix), isOver(number) {
                    unlink(folder + entry)
                }
            }
        }
    }

    /// Removes what was being built, under whatever number.
    func removeFresh() { ReadFiles(fresh).remove { _ in true } }

    /// Removes one file, and what SQLite keeps beside it.
    package static func remove(_ path: String) {
        for suffix in suffixes { unlink(path + suffix) }
    }

    /// Puts the built file, which must be closed, into use; from then on it survives a loss of
    /// power.
    ///
    /// - Returns: its path from now on. What could not be made durable after the renaming is told
    ///   as `doubt`.
    /// - Throws: where nothing was changed.
    func promote(
        fault: ReadStore.SwapFault
    ) throws(SQLiteError) -> (path: String, doubt: SQLiteError?) {
        guard access(fresh + "-wal", F_OK) != 0 else {
            throw SQLiteError(code: 5, message: "it is still open", action: "closing \(fresh)")
        }
        try Self.synchronize(fresh)
        let next = clearNext()
        try fault(.beforeRename)
        guard rename(fresh, next) == 0 else { throw Self.failure("renaming \(fresh)") }
        do throws(SQLiteError) {
            try fault(.afterRename)
            try Self.synchronize(folder)
            return (next, nil)
        } catch { return (next, error) }
    }

    /// Waits until the file's bytes, or the folder's names, are on the disk.
    static func synchronize(_ path: String) throws(SQLiteError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync of \(path)") }
    }

    private static func failure(_ action: String) -> SQLiteError {
        // SQLITE_IOERR
        SQLiteError(code: 10, message: String(cString: strerror(errno)), action: action)
    }
}
