package import EventSourcing
import Foundation
import Glibc
import Messaging
package import NATS

/// The broker as a process of its own, on its folder of a shop's data.
package final class ServedBroker: Sendable {
    package struct Settings: Sendable {
        package let data: String
        package let address: String
        /// 0 takes a free one.
        package let port: UInt16
        /// Who is let in.
        package var login = Login.anybody
        /// Whether it serves the processes of the shop in `data`, which show the shop's secret:
        /// then it lets only them publish, and is one of them.
        package var isOfShop = false
        /// Whether it lets others listen to such a shop.
        package var admitsListeners = false

        package init(data: String, address: String, port: UInt16) {
            (self.data, self.address, self.port) = (data, address, port)
        }
    }

    private let server: BrokerServer
    private let heartbeat: Heartbeat?
    private let folder: DataFolder
    package var port: UInt16 { server.port }

    /// - Parameter notice: told, from any thread, what an operator should know.
    /// - Throws: what to do about it.
    package static func start(
        _ settings: Settings, runtime: SystemRuntime,
        notice: @escaping @Sendable (LogLine) -> Void
    ) throws -> ServedBroker {
        let tell = Notices(notice).tell
        let notices: @Sendable (String) -> Void = { tell(LogLine($0)) }
        let folder = try DataFolder(path: settings.data, only: .broker)
        let secret = settings.isOfShop ? try Secret.load(in: settings.data, runtime) : nil
        let broker = try SegmentBroker(
            folder: "\(settings.data)/broker", runtime: runtime, notices: notices)
        let server = try BrokerServer.start(
            broker, address: settings.address, port: settings.port,
            login: secret.map {
                .shop(secret: $0.text, listeners: settings.admitsListeners)
            } ?? settings.login, publishersAreElsewhere: true, notices: notices)
        guard let secret else { return ServedBroker(server, nil, folder) }
        let own = try NATSAddress("\(secret.text)@\(settings.address):\(server.port)")
        let heartbeat = Heartbeat(own, runtime, notice: notices)
        heartbeat.start(
            Announcement(
                part: .broker, instance: runtime.newID(), host: settings.address,
                port: server.port, health: .up, version: Build.version, process: Int64(getpid()),
                startedAt: runtime.now()))
        heartbeat.change { .up }
        return ServedBroker(server, heartbeat, folder)
    }

    private init(_ server: BrokerServer, _ heartbeat: Heartbeat?, _ folder: DataFolder) {
        (self.server, self.heartbeat, self.folder) = (server, heartbeat, folder)
    }

    /// Tells clients that it goes, and gives them a while to leave.
    package func stop() {
        heartbeat?.stop()
        server.stop(within: .seconds(2))
        withExtendedLifetime(folder) {}
    }
}
