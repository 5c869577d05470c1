import EventSourcing
import EventStore
import Foundation

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
        let now = SystemRuntime().now()
        let log = try EventLog(path: path, name: LogName(service), at: now)
        try log.openEpoch(why: why, at: now)
        log.close()
        return log.epoch.value
    }
}
