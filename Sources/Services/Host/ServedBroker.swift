import Foundation
import Messaging
import NATS

/// The broker as a process of its own, on its folder of a shop's data.
package final class ServedBroker: Sendable {
    private let server: BrokerServer
    package var port: UInt16 { server.port }

    /// - Parameters:
    ///   - token: what clients have to show; nil lets everybody in.
    ///   - notice: told, from any thread, what an operator should know.
    /// - Throws: what to do about it.
    package static func start(
        data: String, address: String, port: UInt16, token: String?, runtime: SystemRuntime,
        notice: @escaping @Sendable (String) -> Void
    ) throws -> ServedBroker {
        let notices = Notices(notice).tell
        do {
            try FileManager.default.createDirectory(
                atPath: data, withIntermediateDirectories: true)
        } catch { throw DataFolder.Failure.unusable(data, error.localizedDescription) }
        let broker = try SegmentBroker(folder: "\(data)/broker", runtime: runtime, notices: notices)
        return ServedBroker(
            try BrokerServer.start(
                broker, address: address, port: port, login: token.map { .token($0) } ?? .anybody,
                notices: notices))
    }

    private init(_ server: BrokerServer) { self.server = server }

    /// Tells clients that it goes, and gives them a while to leave.
    package func stop() { server.stop(within: .seconds(2)) }
}
