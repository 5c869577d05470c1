import EventSourcing
package import NATS

/// The built-in broker on a port: what it holds is offered to every client that speaks NATS.
package final class BrokerServer: Sendable {
    private let server: NATSServer
    /// The port it listens at, also where 0 was asked for.
    package var port: UInt16 { server.port }

    /// - Parameters:
    ///   - address: a numeric one.
    ///   - port: 0 for a free one.
    ///   - publishersAreElsewhere: whether the shop's own streams are published to over the wire,
    ///     and none by this process.
    ///   - notices: told, from any thread, what an operator should know.
    package static func start(
        _ broker: SegmentBroker, address: String, port: UInt16, login: Login,
        publishersAreElsewhere: Bool = false,
        notices: @escaping @Sendable (String) -> Void
    ) throws(NATSServerError) -> BrokerServer {
        let id = broker.runtime.newID().uppercased().filter { $0 != "-" }
        let info = ServerInfo(id: id, name: "kassa", hasJetStream: true)
        return BrokerServer(
            try NATSServer.start(
                address: address, port: port, info: info, login: login, notices: notices
            ) { hub, wake in
                [
                    JetStream(
                        broker, hub, publishersAreElsewhere: publishersAreElsewhere, wakeUp: wake,
                        notices: notices)
                ]
            })
    }

    private init(_ server: NATSServer) { self.server = server }

    /// Tells clients that it goes, and closes once all have left, at most about `grace` later.
    package func stop(within grace: Duration) { server.stop(within: grace) }
}
