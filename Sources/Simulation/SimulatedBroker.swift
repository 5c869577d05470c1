package import EventSourcing
import Foundation
import Glibc
package import Messaging
import Synchronization

/// The built-in broker as production runs it, over files of its own.
package final class SimulatedBroker: SimulatedProcess, Sendable {
    package let name = "broker"
    let folder: String
    private let runtime: any Runtime
    private let state = Mutex<(broker: SegmentBroker?, life: Int)>((nil, 0))
    private let trouble = Monitor<Trouble?>(nil)
    private let settings: SegmentBroker.Settings

    /// A call on its files that will fail, once.
    private struct Trouble: Sendable {
        let call: BrokerDisk.Call
        let code: Int32
        /// So many of its kind go well before.
        var before: Int
    }

    /// Small, so that segments go, and readers must ask the feeds.
    private static let (segmentBytes, retainedBytes) = (16 * 1024, 96 * 1024)

    /// What four streams may hold: what is retained, and the segment that is written.
    static let mostBytes = 4 * (retainedBytes + 3 * segmentBytes)

    /// - Parameter folder: it need not exist.
    package init(folder: String, runtime: any Runtime) {
        (self.folder, self.runtime) = (folder, runtime)
        let disk = BrokerDisk(mostWritten: 2048) { [trouble] call in
            trouble.withLock { trouble in
                guard trouble?.call == call else { return nil }
                trouble?.before -= 1
                guard let due = trouble, due.before < 0 else { return nil }
                trouble = nil
                return due.code
            }
        }
        settings = SegmentBroker.Settings(
            segmentBytes: Self.segmentBytes, retainedBytes: Self.retainedBytes,
            cachedBytes: 16 * 1024, disk: disk)
    }

    /// Nil while it is down.
    package var running: (any Broker)? { state.withLock { $0.broker } }
    package var isUp: Bool { state.withLock { $0.broker != nil } }
    /// Counts its lives: what an earlier one has sent is on no way any more.
    var life: Int { state.withLock { $0.life } }

    /// Opens its files, where it has not.
    package func start() throws {
        guard !isUp else { return }
        let started = try SegmentBroker(
            folder: folder, settings: settings, runtime: runtime)
        state.withLock { $0 = (started, $0.life + 1) }
    }

    /// Whether another one can work on its files while it is up.
    var startsTwice: Bool {
        do throws(BrokerError) {
            _ = try SegmentBroker(folder: folder, runtime: runtime)
            return true
        } catch { return false }
    }

    package func crash() { state.withLock { $0.broker = nil } }

    /// It only answers.
    package func step(_ random: inout SeededRandom) -> Bool { false }

    /// What each stream holds; none while it is down.
    var holdings: [StreamHoldings] { state.withLock { $0.broker }?.holdings() ?? [] }

    /// A call of that kind fails, after so many that do not, and those after it do not.
    func fail(_ call: BrokerDisk.Call, with code: Int32, after others: Int) {
        trouble.withLock { $0 = Trouble(call: call, code: code, before: others) }
    }

    /// Nothing fails from here on.
    func mend() { trouble.withLock { $0 = nil } }

    /// A stranger publishes to a log's stream what is none of the log's.
    ///
    /// - Parameter other: the stream of another log.
    func disturb(_ log: LogName, and other: LogName, _ random: inout SeededRandom) {
        let (stream, other) = (
            Source(log, Publication.facts).stream, Source(other, Publication.facts).stream
        )
        guard let broker = running, let state = try? broker.state(of: stream) else { return }
        let foreign = other == stream ? nil : try? broker.state(of: other).newest
        let message = Stranger.message(on: log.value, state.newest, foreign: foreign, &random)
        _ = try? broker.publish([message], to: stream, expectedLast: state.last)
    }

    /// Deletes all its files; where it is up it begins anew.
    package func loseEverything() throws {
        let wasUp = isUp
        crash()
        if FileManager.default.fileExists(atPath: folder) {
            try FileManager.default.removeItem(atPath: folder)
        }
        if wasUp { try start() }
    }

    /// Keeps its files as they are now, for `takeOldFiles`.
    package func keepFiles() throws {
        forgetOldFiles()
        try FileManager.default.copyItem(atPath: folder, toPath: "\(folder)-old")
    }

    /// Throws away what `keepFiles` kept.
    package func forgetOldFiles() { try? FileManager.default.removeItem(atPath: "\(folder)-old") }

    /// Puts back what `keepFiles` kept; false where there is none. It must be down.
    package func takeOldFiles() throws -> Bool {
        precondition(!isUp)
        guard FileManager.default.fileExists(atPath: "\(folder)-old") else { return false }
        try loseEverything()
        try FileManager.default.moveItem(atPath: "\(folder)-old", toPath: folder)
        return true
    }

    /// Changes a few bytes of one of its files. It must be down.
    func damageFile(_ random: inout SeededRandom) throws {
        precondition(!isUp)
        let names = (FileManager.default.subpaths(atPath: folder) ?? []).sorted()
        guard !names.isEmpty else { return }
        let path = "\(folder)/\(names[random.below(names.count)])"
        let (place, count) = (random.next(), 1 + random.below(8))
        let bytes = (0..<count).map { _ in UInt8(random.below(256)) }
        let file = open(path, O_WRONLY | O_CLOEXEC)
        // A folder is no file.
        guard file >= 0 else { return }
        defer { close(file) }
        let size = lseek(file, 0, SEEK_END)
        guard size > 0 else { return }
        let offset = off_t(place % UInt64(size))
        while pwrite(file, bytes, bytes.count, offset) < 0 {
            guard errno == EINTR else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        }
    }

    /// Cuts its files short, as a machine does that loses power: nothing of them is ever synced. It
    /// must be down.
    package func losePower(_ random: inout SeededRandom) throws {
        precondition(!isUp)
        let names = FileManager.default.subpaths(atPath: folder) ?? []
        for name in names.sorted() where random.once(in: 2) {
            guard let file = FileHandle(forUpdatingAtPath: "\(folder)/\(name)") else { continue }
            let size = Int(try file.seekToEnd())
            try file.truncate(atOffset: UInt64(random.below(size + 1)))
            // What was written may be long, and of zeros.
            if random.once(in: 3) { try file.truncate(atOffset: UInt64(size)) }
            try file.close()
        }
    }
}
