import EventSourcing
import Foundation
import Glibc
import Synchronization

/// Where a process keeps the lines of its log: a file a process in the folder `logs` of the shop's,
/// and the one before it.
///
/// A line that cannot be written is left out: the log holds up nobody, and fails nothing.
package final class LineFile: Sendable {
    /// Bytes after which a new file is begun.
    package static let most: Int64 = 8 << 20

    private struct State {
        var descriptor: Int32 = -1
        var size: Int64 = 0
        var isMidLine = false
    }

    private let folder: String
    private let path: String
    private let most: Int64
    private let state = Mutex(State())

    /// Nothing is made before the first line, and nothing where the shop's folder is not there.
    ///
    /// - Parameter name: the process's: a part's, a gateway's, `shop` or `supervisor`.
    package init(_ name: String, in data: String, most: Int64 = LineFile.most) {
        folder = Self.folder(of: data)
        path = "\(folder)/\(name).jsonl"
        self.most = most
    }

    deinit { state.withLock { if $0.descriptor >= 0 { close($0.descriptor) } } }

    package static func folder(of data: String) -> String { "\(data)/logs" }
    /// What the file before has in its name.
    static let older = ".1.jsonl"
    static let newer = ".jsonl"

    package func append(_ line: WrittenLine) {
        var bytes = Array(line.json.utf8)
        bytes.append(UInt8(ascii: "\n"))
        state.withLock { state in
            if state.size >= most { turn(&state) }
            guard open(&state) else { return }
            // The rest of a line that a full disk has torn ends here.
            if state.isMidLine { bytes.insert(UInt8(ascii: "\n"), at: 0) }
            let written = write(state.descriptor, bytes, bytes.count)
            state.size += Int64(max(0, written))
            if written > 0 { state.isMidLine = written < bytes.count }
        }
    }

    private func open(_ state: inout State) -> Bool {
        if state.descriptor >= 0 {
            var status = stat()
            // Somebody may have deleted it.
            if fstat(state.descriptor, &status) == 0, status.st_nlink > 0 { return true }
            close(state.descriptor)
            state = State()
        }
        mkdir(folder, 0o755)
        state.descriptor = Glibc.open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard state.descriptor >= 0 else { return false }
        state.size = Int64(lseek(state.descriptor, 0, SEEK_END))
        var last: UInt8 = 0
        // A death in the middle of a line, too.
        state.isMidLine =
            state.size > 0 && pread(state.descriptor, &last, 1, Int(state.size) - 1) == 1
            && last != UInt8(ascii: "\n")
        return true
    }

    private func turn(_ state: inout State) {
        if state.descriptor >= 0 { close(state.descriptor) }
        state = State()
        rename(path, String(path.dropLast(Self.newer.utf8.count)) + Self.older)
    }
}
