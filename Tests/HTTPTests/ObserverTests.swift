import HTTP
import Synchronization
import Testing

@Suite struct ObserverTests {
    /// Writes down what it is told, under a pattern.
    final class Notes: Sendable {
        let lines = Mutex<[String]>([])

        func add(_ line: String) { lines.withLock { $0.append(line) } }
        func take() -> [String] {
            lines.withLock { lines in
                defer { lines = [] }
                return lines
            }
        }
    }

    struct Watcher: RequestObserver {
        let pattern: String
        let notes: Notes

        func began(_ method: HTTPMethod) { notes.add("\(method) \(pattern)") }

        func ended(_ method: HTTPMethod, _ status: HTTPStatus, after duration: Duration) {
            notes.add("\(method) \(pattern) \(status.code)\(duration < .zero ? " early" : "")")
        }
    }

    private func router(_ notes: Notes) -> Router {
        var router = Router(observe: { Watcher(pattern: $0, notes: notes) })
        router.on(.get, "/orders/{id}") { $1.respond(.text(200, $0.route)) }
        router.on(.post, "/orders/{id}") { $1.respond(.text(201, "")) }
        router.on(.get, "/dropped") { _, _ in }
        return router
    }

    private func send(_ router: Router, _ method: HTTPMethod, _ target: String) throws -> Int {
        let status = Mutex(0)
        router.handle(
            try HTTPRequest(method, target),
            // What is dropped the server answers with 500.
            Responder { response in status.withLock { $0 = response?.status.code ?? 500 } })
        return status.withLock { $0 }
    }

    @Test(
        arguments: [
            (.get, "/orders/17?a=b", "GET /orders/{id}", 200),
            (.post, "/orders/17", "POST /orders/{id}", 201),
            (.head, "/orders/18", "HEAD /orders/{id}", 200),
            (.delete, "/orders/18", "DELETE /orders/{id}", 405),
            (.get, "/dropped", "GET /dropped", 500), (.get, "/nothing", "GET ", 404),
            (.get, "/orders", "GET ", 404),
        ] as [(HTTPMethod, String, String, Int)])
    func `a request is told of once, under its pattern and never its path`(
        method: HTTPMethod, target: String, line: String, status: Int
    ) throws {
        let notes = Notes()
        #expect(try send(router(notes), method, target) == status)
        #expect(notes.take() == [line, "\(line) \(status)"])
    }

    @Test func `an answer given twice is told of once`() throws {
        let notes = Notes()
        var router = Router(observe: { Watcher(pattern: $0, notes: notes) })
        router.on(.get, "/") { _, responder in
            responder.respond(.text(200, "one"))
            responder.respond(.text(500, "two"))
        }
        #expect(try send(router, .get, "/") == 200)
        #expect(notes.take() == ["GET /", "GET / 200"])
    }

    @Test func `a server counts its connections and what it refuses`() throws {
        var limits = HTTPServerLimits()
        limits.connections = 2
        let statistics = HTTPServerStatistics()
        let server = try HTTPServer.start(
            limits: limits, statistics: statistics, handler: { $1.respond(.text(200, "ok")) })
        defer { server.stop(within: .zero) }
        var first: Peer? = try Peer(port: server.port)
        try first?.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = try first?.read(until: "ok")
        #expect(statistics.openConnections == 1)
        #expect(statistics.acceptedConnections == 1)
        let second = try Peer(port: server.port)
        try second.send("GARBAGE\r\n\r\n")
        #expect(try second.read(until: "\r\n\r\n").contains("400"))
        #expect(statistics.acceptedConnections == 2)
        #expect(statistics.refusedRequests == 1)
        let third = try Peer(port: server.port)
        #expect(try third.readToEnd().contains("503"))
        #expect(statistics.refusedConnections == 1)
        #expect(statistics.acceptedConnections == 2)
        first = nil
        second.endInput()
        try eventually { statistics.openConnections == 0 }
    }

    @Test func `bytes of unfinished requests are counted until they are whole or gone`() throws {
        let statistics = HTTPServerStatistics()
        let server = try HTTPServer.start(
            statistics: statistics, handler: { $1.respond(.text(200, "ok")) })
        defer { server.stop(within: .zero) }
        let (first, second) = (try Peer(port: server.port), try Peer(port: server.port))
        for peer in [first, second] {
            try peer.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
            try peer.send([UInt8](repeating: 65, count: 900))
        }
        try eventually { statistics.receivedBytes >= 1800 }
        try first.send([UInt8](repeating: 65, count: 100))
        _ = try first.read(until: "ok")
        try eventually { (900..<1800).contains(statistics.receivedBytes) }
        second.endInput()
        try eventually { statistics.receivedBytes == 0 }
    }

    @Test func `an answer that comes too late is counted`() throws {
        var limits = HTTPServerLimits()
        limits.answerTimeout = .milliseconds(20)
        let statistics = HTTPServerStatistics()
        let kept = Mutex<[Responder]>([])
        let server = try HTTPServer.start(
            limits: limits, statistics: statistics,
            handler: { _, responder in kept.withLock { $0.append(responder) } })
        defer { server.stop(within: .zero) }
        let peer = try Peer(port: server.port)
        try peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(try peer.read(until: "\r\n\r\n").contains("504"))
        #expect(statistics.timedOutRequests == 1)
    }
}
