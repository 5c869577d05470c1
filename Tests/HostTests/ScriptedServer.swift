import Glibc
import HTTP
import Host
import Messaging

/// A server that answers each request as the next line of its script says, or closes the
/// connection without a word, as one does that is killed in between.
final class ScriptedServer: Sendable {
    enum Line: Sendable {
        case answer(HTTPStatus, String)
        case hangUp
        /// The same, after something was done.
        case hangUpAfter(@Sendable () -> Void)
    }

    private struct State: Sendable {
        var script: [Line]
        var requests: [HTTPRequest] = []
        var connections: Set<Int32> = []
        var threads: [Worker] = []
        var isStopping = false
    }

    let port: UInt16
    private let listener: Int32
    private let state: Monitor<State>

    /// - Parameters:
    ///   - address: one that no other test uses, where the server is to stop and come back.
    ///   - script: after its end all is answered with 200.
    init(_ script: [Line] = [], address: String = "127.0.0.1", port: UInt16 = 0) throws {
        state = Monitor(State(script: script))
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = inet_addr(address)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else {
            let code = errno
            close(listener)
            throw Failure("listen at \(address):\(port): errno \(code)")
        }
        self.listener = listener
        self.port = UInt16(bigEndian: place.sin_port)
        state.withLock { $0.threads = [Worker("scripted", .awaited) { self.acceptAll() }] }
    }

    /// What came, in order.
    var requests: [HTTPRequest] { state.withLock { $0.requests } }

    /// Closes all connections, and listens no more.
    func stop() {
        let threads = state.withLock { state in
            state.isStopping = true
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
            defer { state.threads = [] }
            return state.threads
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for thread in threads { thread.join() }
        if !threads.isEmpty { close(listener) }
    }

    private func acceptAll() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            let isTaken = state.withLock { state in
                guard !state.isStopping else { return false }
                state.connections.insert(connection)
                state.threads.append(
                    Worker("scripted-peer", .awaited) { self.serve(connection) })
                return true
            }
            guard isTaken else {
                close(connection)
                return
            }
        }
    }

    private func serve(_ connection: Int32) {
        defer {
            // Before its number can be another's.
            state.withLock { _ = $0.connections.remove(connection) }
            close(connection)
        }
        var parser = RequestParser()
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return }
            parser.append(chunk[..<count])
            do {
                while let output = try parser.next() {
                    guard case .request(let request) = output else { continue }
                    switch take(request) {
                    case .answer(let status, let text):
                        let head = "HTTP/1.1 \(status)\r\nContent-Length: \(text.utf8.count)"
                        let answer = "\(head)\r\n\r\n\(text)"
                        send(connection, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
                    case .hangUp: return
                    case .hangUpAfter(let work):
                        work()
                        return
                    }
                }
            } catch { return }
        }
    }

    private func take(_ request: HTTPRequest) -> Line {
        state.withLock { state in
            state.requests.append(request)
            return state.script.isEmpty ? .answer(200, "done") : state.script.removeFirst()
        }
    }
}

extension ScriptedServer {
    /// Runs a server for the length of a test.
    static func run(
        _ script: [Line] = [], address: String = "127.0.0.1", port: UInt16 = 0,
        _ body: (ScriptedServer) throws -> Void
    ) throws {
        let server = try ScriptedServer(script, address: address, port: port)
        defer { server.stop() }
        try body(server)
    }

    /// A port at an address that no other test uses, where nothing listens.
    static func nowhere(_ address: String) throws -> UInt16 {
        let server = try ScriptedServer(address: address)
        server.stop()
        return server.port
    }
}
