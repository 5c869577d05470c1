import Glibc
import Messaging

/// Stands between one client and a NATS server, and swallows what ends a request for messages that
/// brought none: the statuses 404 and 408, as nats-server 2.9 now and then says nothing of them. As
/// many requests as it is told to it swallows as well.
final class ForgetfulLink: Sendable {
    let port: UInt16
    private let listener: Int32
    private let state = Monitor(State())

    private struct State: Sendable {
        var sockets: [Int32] = []
        var swallowed = 0
        var requests = 0
    }

    /// Swallows that many requests for messages that come from here on.
    func swallow(requests: Int) { state.withLock { $0.requests = requests } }

    /// How many it has swallowed.
    var swallowed: Int { state.withLock { $0.swallowed } }

    init(to target: UInt16) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var (place, length) = (Self.place(0), socklen_t(MemoryLayout<sockaddr_in>.size))
        let listens = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard listens else { throw BrokerError.unavailable("listen: errno \(errno)") }
        self.listener = listener
        port = UInt16(bigEndian: place.sin_port)
        let state = state
        _ = Worker("forgetful", .awaited) { Self.acceptAll(listener, target, state) }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        for socket in state.withLock({ $0.sockets }) { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    private static func place(_ port: UInt16) -> sockaddr_in {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        return place
    }

    private static func acceptAll(_ listener: Int32, _ target: UInt16, _ state: Monitor<State>) {
        while case let near = accept(listener, nil, nil), near >= 0 {
            let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var place = place(target)
            let isThere = withUnsafePointer(to: &place) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isThere else {
                close(near)
                close(far)
                continue
            }
            state.withLock { $0.sockets += [near, far] }
            _ = Worker("forgetful>", .awaited) { pass(near, far) { withoutRequest($0, state) } }
            _ = Worker("forgetful<", .awaited) { pass(far, near) { withoutEnds($0, state) } }
        }
    }

    private static func pass(_ from: Int32, _ to: Int32, _ change: ([UInt8]) -> [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: 65536)
        while case let count = read(from, &bytes, bytes.count), count > 0 {
            let passed = change(Array(bytes[..<count]))
            guard send(to, passed, passed.count, Int32(MSG_NOSIGNAL)) == passed.count
            else { break }
        }
        shutdown(to, Int32(SHUT_RDWR))
    }

    /// What came, but for a request for messages, which comes in one piece.
    private static func withoutRequest(_ bytes: [UInt8], _ state: Monitor<State>) -> [UInt8] {
        guard bytes.starts(with: "PUB $JS.API.CONSUMER.MSG.NEXT.".utf8) else { return bytes }
        return state.withLock { state in
            guard state.requests > 0 else { return bytes }
            state.requests -= 1
            state.swallowed += 1
            return []
        }
    }

    /// What came, without the messages that are nothing but one of those statuses. Where so little
    /// is said each comes in one piece.
    private static func withoutEnds(_ bytes: [UInt8], _ state: Monitor<State>) -> [UInt8] {
        var text = String(decoding: bytes, as: UTF8.self)
        var found = 0
        for status in ["NATS/1.0 404", "NATS/1.0 408"] {
            while let head = text.firstRange(of: status),
                let start = text[..<head.lowerBound].ranges(of: "HMSG ").last?.lowerBound,
                let end = text[head.upperBound...].firstRange(of: "\r\n\r\n\r\n")?.upperBound
            {
                text.removeSubrange(start..<end)
                found += 1
            }
        }
        guard found > 0 else { return bytes }
        state.withLock { $0.swallowed += found }
        return Array(text.utf8)
    }
}
