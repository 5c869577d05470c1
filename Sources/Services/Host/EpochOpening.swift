package import EventSourcing
import EventStore
import Foundation
import Messaging

/// Opens a new epoch of a log whose shop stands still.
package enum EpochOpening {
    /// - Returns: the new epoch's number.
    /// - Throws: `DataFolder.Failure` where the shop runs, `Shop.Failure` where there is no such
    ///   log.
    package static func open(data: String, service: String, why: String) throws -> Int64 {
        let path = DataFolder.log(service, in: data)
        guard Wiring.logs.contains(LogName(service)), FileManager.default.fileExists(atPath: path)
        else {
            throw Shop.Failure.cannotStart("\(data) has no log of a service named \(service)")
        }
        let folder = try DataFolder(path: data)
        defer { withExtendedLifetime(folder) {} }
        return try open(
            LogName(service), data: data, why: why, at: SystemRuntime().now()
        ).value
    }

    /// The same in a folder that the caller has locked, of a log that nobody has open.
    ///
    /// The new epoch's number is one that no reader and no broker has met: the same backup may be
    /// put back twice, and what was written after the first time was read as well.
    package static func open(_ log: LogName, data: String, why: String, at now: Timestamp) throws
        -> Epoch
    {
        let witnesses = Witnesses(data: data, isInUse: true)
        // The number that it is not told of may be the one that it takes.
        if let failure = witnesses.failure { throw failure }
        let read = witnesses.newestEpoch(of: log)
        // A broker that cannot be opened knows nothing; the next start says what is wrong with it.
        let broker = try? SegmentBroker(folder: "\(data)/broker", runtime: SystemRuntime())
        let published = try broker.flatMap { try Handshake.published(log, at: $0)?.epoch }
        let known = max(read, published ?? .first)
        let opened = try EventLog(path: DataFolder.log(log.value, in: data), name: log, at: now)
        try opened.openEpoch(why: why, after: known, at: now)
        opened.close()
        return opened.epoch
    }
}
