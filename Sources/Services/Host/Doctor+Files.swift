import EventSourcing
import EventStore
import Foundation
import Messaging
import Projections

/// The files: logs, read store and the broker's.
extension Doctor {
    private var isInUse: Bool { process != nil }

    mutating func checkLog(_ service: String) {
        settings.progress("looking at \(service)")
        let path = DataFolder.log(service, in: settings.data)
        let isThere = FileManager.default.fileExists(atPath: path)
        let inspection = isThere ? FileInspection(path: path, isInUse: isInUse) : nil
        if inspection?.isEmpty ?? true,
            case .gone(let why)? = try? witnesses.verdict(on: LogName(service), nil)
        {
            return note(
                "\(service) log", .problem, "\(path) is missing or empty, and \(why)",
                "put it back with the -wal that was beside it, or restore a backup")
        }
        guard let log = inspection else {
            return note(
                "\(service) log", .warning, "there is none in \(path)",
                "shopctl up begins an empty one; restore a backup if there was one")
        }
        guard log.isKnownFormat || log.format == 0 else {
            return note(
                "\(service) log", .problem, "it has format \(log.format), not this build's",
                "run the build that wrote it")
        }
        if let trouble = log.trouble {
            return note("\(service) log", .problem, trouble, "stop the shop, and restore a backup")
        }
        guard log.name == service else {
            return note(
                "\(service) log", .problem, "\(path) holds the log \(log.name)",
                "put each service's file back in its own folder")
        }
        if newest.map({ $0.at < log.newestAt ?? $0.at }) ?? true, let at = log.newestAt {
            newest = (service, at)
        }
        noteState(of: log, service)
        noteLoss(path, LogName(service))
    }

    /// Whether others have read what the log does not hold.
    private mutating func noteLoss(_ path: String, _ log: LogName) {
        guard let reader = try? LogReader(path: path, isInUse: isInUse),
            case .behind(let why)? = try? witnesses.verdict(on: log, reader.queries)
        else { return }
        note(
            "\(log) events", .problem,
            "\(why): its newest events are lost; the file is older than its readers, or the -wal "
                + "beside it was cut or lost",
            "put back \(log).db and \(log).db-wal as they were, or keep what there is with "
                + "shopctl epoch open --service \(log) --why '...'")
    }

    mutating func checkCursorKey() {
        let path = DataFolder.cursorKey(in: settings.data)
        guard FileManager.default.fileExists(atPath: path) else {
            return note("cursor key", "there is none; the next shopctl up makes one")
        }
        do throws(KeyFile.Failure) {
            _ = try KeyFile.read(path, advice: DataFolder.cursorKeyAdvice)
            note("cursor key", "32 bytes")
        } catch {
            note(
                "cursor key", .problem, error.description,
                "delete it: the next shopctl up makes a new one, and refuses cursors given so far")
        }
    }

    private mutating func noteState(of log: FileInspection, _ service: String) {
        let epoch = log.epochs.last.map { "epoch \($0.epoch)" } ?? "no epoch"
        var text = "\(log.eventCount) events, format \(log.format), \(epoch), whole"
        if let last = log.epochs.last, log.epochs.count > 1 {
            text += "; the epoch began at \(last.first), \(last.openedAt), as \(last.why)"
        }
        if !isInUse, !log.wasClosedCleanly {
            text += "; it was not closed cleanly, and the next start takes care of that"
        }
        if log.changed.isEmpty {
            note("\(service) log", text)
        } else {
            let names = log.changed.prefix(3).map(\.description).joined(separator: ", ")
            note(
                "\(service) log", .problem,
                "the bytes of \(log.changed.count) of its newest events do not fit their leaves: "
                    + names,
                "shopctl replay --verify names all that were changed; restore a backup")
        }
        if let why = log.haltReason {
            note(
                "\(service) writes", .problem, "the log has stopped: \(why)",
                "compare the backups, then shopctl epoch open --service \(service) --why '...'")
        }
        for (source, count, reason) in log.parked {
            note(
                "\(service) inbox", .warning,
                "\(count) messages of \(source) are parked; the first: \(reason)",
                "their orders wait; look at the table parked of \(service)/\(service).db")
        }
    }

    mutating func checkReadStore() {
        settings.progress("looking at the read store")
        let path = DataFolder.readStore(in: settings.data)
        guard FileManager.default.fileExists(atPath: path) else {
            return note(
                "read store", .warning, "there is none", "the next shopctl up builds it anew")
        }
        let store = ReadStoreInspection(path: path, isInUse: isInUse)
        if let trouble = store.trouble {
            note(
                "read store", .problem, trouble,
                "shopctl projections rebuild orders, or stop the shop and delete gateway/read*.db*")
        } else if !store.isCurrent {
            note(
                "read store", .warning,
                "it has version \(store.version), not \(ReadStoreInspection.currentVersion)",
                "the next shopctl up builds it anew")
        } else if let why = store.staleReason {
            note(
                "read store", .problem, "it is stale: \(why)",
                "shopctl projections rebuild orders, or stop the shop and delete gateway/read*.db*")
        } else {
            note("read store", "version \(store.version), whole; shopctl replay --verify proves it")
            checkBooks(path)
        }
    }

    mutating func checkBroker() {
        settings.progress("looking at the broker's files")
        let broker = SegmentInspection(folder: "\(settings.data)/broker", isInUse: isInUse)
        let text =
            "\(broker.records) messages in \(broker.segments) segments, "
            + Self.size(broker.bytes)
        if let why = broker.obstacles.first {
            note(
                "broker", .problem, why,
                "with the shop stopped, remove the folder broker: the logs fill it again")
        } else if let first = broker.damage.first {
            note(
                "broker", .warning,
                "\(broker.damage.count) segments are damaged; the first: \(first)",
                "nothing is lost: readers take what is missing from the logs")
        } else {
            note("broker", "\(text), checksums fit")
        }
    }
}
