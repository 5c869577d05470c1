package import EventSourcing
import EventStore
import Foundation
package import Messaging

/// Compares every log with what its readers and the broker have of it, before anything is written.
///
/// A log that was restored from a backup is behind them. It would take orders until the first of
/// them shows its checkpoint; those orders would stand where others have read something else.
package enum Handshake {
    package enum Failure: Error, CustomStringConvertible {
        case gone(path: String, why: String)

        package var description: String {
            switch self {
            case .gone(let path, let why):
                "\(path) is missing or empty, and \(why): put it back with the -wal that was "
                    + "beside it, or restore a backup and open a new epoch with shopctl epoch "
                    + "open; a new shop takes another folder"
            }
        }
    }

    /// How far a log was published, as the broker has it; nil where it has nothing of it.
    static func published(_ log: LogName, at broker: any Broker) throws(BrokerError) -> Checkpoint?
    {
        guard let message = try broker.state(of: Source(log, Publication.facts).stream).newest,
            let held = try? Bulletin(message), held.source.log == log
        else { return nil }
        return Checkpoint(held)
    }

    /// Nil where there is no log to be read.
    ///
    /// - Throws: where it cannot be read for now: what was not compared may be behind, and open all
    ///   the same.
    private static func look(_ path: String) throws(StoreError) -> LogQueries? {
        do throws(StoreError) {
            return try LogReader(path: path).queries
        } catch {
            guard !error.isFailedRead else { throw error }
            return nil
        }
    }

    /// Halts each log that is behind; a halted log opens, answers reads, and writes nothing.
    ///
    /// - Parameter logs: those that are compared; all where none are named.
    /// - Returns: the newest recorded time of these logs.
    /// - Throws: where a log is gone that others have read, the broker cannot be asked, a log or a
    ///   reader's file cannot be read for now, or a halted log cannot be marked.
    @discardableResult
    package static func check(
        _ logs: [LogName]? = nil, data: String, broker: any Broker, at now: Timestamp,
        notice: (String) -> Void
    ) throws -> Timestamp {
        let witnesses = Witnesses(data: data, isInUse: true)
        if let failure = witnesses.failure { throw failure }
        var newest = Timestamp.epoch
        for log in logs ?? Wiring.logs {
            let published = try published(log, at: broker)
            let last = try check(
                log, at: DataFolder.log(log.value, in: data), witnesses, published: published,
                now, notice: notice)
            newest = max(newest, last)
        }
        return newest
    }

    /// The same for one log, with what is known of it.
    ///
    /// - Returns: the log's newest recorded time.
    static func check(
        _ log: LogName, at path: String, _ witnesses: Witnesses, published: Checkpoint?,
        _ now: Timestamp, notice: (String) -> Void
    ) throws -> Timestamp {
        let isThere = FileManager.default.fileExists(atPath: path)
        let queries = isThere ? try look(path) : nil
        // What is there and cannot be read is for whoever opens it.
        if isThere, queries == nil, !FileInspection(path: path, isInUse: true).isEmpty {
            return .epoch
        }
        switch try witnesses.verdict(on: log, queries, published: published) {
        case .good: break
        case .gone(let why): throw Failure.gone(path: path, why: why)
        case .behind(let why):
            notice("\(log) has stopped: \(why)")
            let stopped = try EventLog(path: path, name: log, at: now)
            try stopped.halt(why)
        }
        let last = try? queries?.log(after: Position(.max), limit: 1, .backward).first
        return last?.recordedAt ?? .epoch
    }
}

extension Checkpoint {
    /// What a message that the broker holds says that was published.
    fileprivate init(_ bulletin: Bulletin) {
        self = .start
        switch bulletin {
        case .event(let message):
            (epoch, position, leaf) =
                (message.identity.epoch, message.identity.position, message.leaf)
        case .watermark(let watermark):
            (epoch, position, leaf) = (watermark.epoch, watermark.through, watermark.leaf)
        }
    }
}
