import EventSourcing
import Glibc
package import Net

/// Why a server cannot be talked to.
package struct NATSLinkError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// One connection to a NATS server: blocking calls on a non-blocking socket, each with a deadline.
///
/// One thread at a time reads, and one at a time writes; they may be two.
package final class NATSLink {
    private static let readSize = 256 * 1024

    private let socket: Descriptor
    private let place: String
    private var parser = ServerParser()
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: readSize, alignment: 16)
    /// Of headers and payload of one message.
    package private(set) var maximumPayload = 1024 * 1024

    /// Connects to the first server that is there, and logs in.
    ///
    /// - Parameter name: how the server knows the connection.
    package init(_ address: NATSAddress, name: String, within limit: Duration)
        throws(NATSLinkError)
    {
        var failures: [String] = []
        var found: (Descriptor, NATSAddress.Server)?
        for server in address.servers {
            do throws(NATSLinkError) {
                found = (try Self.connect(server, until: .now() + limit), server)
                break
            } catch { failures.append(error.description) }
        }
        guard let (socket, server) = found else {
            scratch.deallocate()
            throw NATSLinkError(description: failures.joined(separator: "; "))
        }
        (self.socket, place) = (socket, server.description)
        Socket.disableDelay(socket.number)
        try greet(address, name, until: .now() + limit)
    }

    deinit { scratch.deallocate() }

    private static func connect(_ server: NATSAddress.Server, until deadline: Moment)
        throws(NATSLinkError) -> Descriptor
    {
        var reason = "no such host"
        for found in Socket.resolve(server.host, port: server.port, numeric: false) {
            do throws(SystemError) {
                return try Socket.connect(found, until: deadline)
            } catch { reason = error.description }
        }
        throw NATSLinkError(description: "nats://\(server): \(reason)")
    }

    private func greet(_ address: NATSAddress, _ name: String, until deadline: Moment)
        throws(NATSLinkError)
    {
        guard case .info(let bytes)? = try receive(until: deadline) else {
            throw failure("it does not greet as a NATS server does")
        }
        if let info = try? JSON(parsing: bytes), let most = info["max_payload"]?.integer {
            maximumPayload = Int(clamping: most)
        }
        var json = JSONWriter()
        json.object { json in
            json.member("verbose", false)
            json.member("pedantic", false)
            json.member("headers", true)
            json.member("no_responders", true)
            json.member("lang", "swift")
            json.member("version", "1")
            json.member("protocol", Int64(1))
            json.member("name", name)
            if let token = address.token { json.member("auth_token", token) }
            if let user = address.user { json.member("user", user) }
            if let password = address.password { json.member("pass", password) }
        }
        let hello = Array("CONNECT ".utf8) + json.bytes + Array("\r\nPING\r\n".utf8)
        try send(hello, until: deadline)
        while true {
            switch try receive(until: deadline) {
            case .pong: return
            case .error(let text): throw failure(text)
            case nil: throw failure("it does not answer")
            default: continue
            }
        }
    }

    /// Sends all of it.
    package func send(_ bytes: [UInt8], until deadline: Moment) throws(NATSLinkError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Socket.send(socket.number, UnsafeRawBufferPointer(rebasing: $0[sent...]))
            }
            if count > 0 {
                sent += count
            } else {
                guard Socket.isRetryable(count) else { throw failure("it has gone") }
                guard Socket.wait(socket, Int16(POLLOUT), until: deadline) else {
                    throw failure("it takes nothing")
                }
            }
        }
    }

    /// The next operation; nil where none has come by the deadline. Pings are answered.
    package func receive(until deadline: Moment) throws(NATSLinkError) -> ServerOperation? {
        while true {
            if let operation = try parsed() {
                guard operation == .ping else { return operation }
                try send(Array("PONG\r\n".utf8), until: .now() + .seconds(5))
                continue
            }
            let count = Socket.receive(socket.number, scratch)
            if count > 0 {
                parser.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
                continue
            }
            guard Socket.isRetryable(count) else { throw failure("it has gone") }
            guard Socket.wait(socket, Int16(POLLIN), until: deadline) else { return nil }
        }
    }

    private func parsed() throws(NATSLinkError) -> ServerOperation? {
        do throws(ServerFault) { return try parser.next() } catch {
            throw failure(error.description)
        }
    }

    package func failure(_ why: String) -> NATSLinkError {
        NATSLinkError(description: "nats://\(place): \(why)")
    }
}
