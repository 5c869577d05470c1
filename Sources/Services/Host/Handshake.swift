import EventSourcing
import EventStore
import Foundation
import Messaging

/// Compares every log with what its readers and the broker have of it, before anything is written.
///
/// A log that was restored from a backup is behind them. It would take orders until the first of
/// them shows its checkpoint; those orders would stand where others have read something else.
enum Handshake {
    /// Halts each log that is behind; a halted log opens, answers reads, and writes nothing.
    ///
    /// - Throws: where the broker cannot be asked, or a halted log not be marked.
    static func check(data: String, broker: any Broker, at now: Timestamp, notice: (String) -> Void)
        throws
    {
        let readers =
            Wiring.logs.map { DataFolder.log($0.value, in: data) }
            + [DataFolder.readStore(in: data)]
        // A file that cannot be read is no witness; whoever opens it says what is wrong with it.
        let checkpoints = readers.filter(FileManager.default.fileExists).compactMap {
            try? CheckpointTable.read(path: $0)
        }
        for log in Wiring.logs {
            let path = DataFolder.log(log.value, in: data)
            guard FileManager.default.fileExists(atPath: path) else { continue }
            var known = checkpoints.flatMap { checkpoints in
                checkpoints.filter { $0.key.hasPrefix("\(log)/") }.map(\.value)
            }
            if let newest = try broker.state(of: Source(log, Publication.facts).stream).newest,
                let held = try? Bulletin(newest), held.source.log == log
            {
                known.append(Checkpoint(held))
            }
            guard let queries = try? LogReader(path: path).queries else { continue }
            for checkpoint in known {
                guard let verdict = try? LogFeed.compare(checkpoint, with: queries),
                    case .refused(let why) = verdict
                else { continue }
                notice("\(log) has stopped: \(why)")
                let stopped = try EventLog(path: path, name: log, at: now)
                try stopped.halt(why)
                break
            }
        }
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
