/// What a client sends to a server.
///
/// Source: https://docs.nats.io/reference/reference-protocols/nats-protocol
package enum ClientOperation: Hashable, Sendable {
    /// One JSON object, not read yet.
    case connect([UInt8])
    case ping
    case pong
    /// The subject may have wildcards. `queue`: of all with the same one a message goes to one.
    case subscribe(subject: String, queue: String?, sid: String)
    /// `max`: only once so many messages were delivered since the subscription began.
    case unsubscribe(sid: String, max: UInt64?)
    case publish(Publish)

    package struct Publish: Hashable, Sendable {
        package let subject: String
        package let reply: String?
        /// A header block, `NATS/1.0\r\nname: value\r\n\r\n`; empty for a message without.
        package let headers: [UInt8]
        package let payload: [UInt8]

        package init(subject: String, reply: String?, headers: [UInt8], payload: [UInt8]) {
            self.subject = subject
            self.reply = reply
            self.headers = headers
            self.payload = payload
        }
    }
}

/// What a client did that ends its connection.
package enum ClientFault: Error, Hashable, Sendable {
    /// Said to the client as `-ERR`, then the connection is closed.
    case said(String)
    /// The connection is closed without a word, as nats-server does with a line that it cannot
    /// read. For our own log alone there is a reason.
    case silent(String)

    package var reason: String {
        switch self {
        case .said(let text), .silent(let text): text
        }
    }

    package static let unknownOperation = ClientFault.said("Unknown Protocol Operation")
    package static let controlLine = ClientFault.said("Maximum Control Line Exceeded")
    package static let payload = ClientFault.said("Maximum Payload Violation")
}
