import Glibc
import HTTP
import Synchronization
import Testing

/// The load generator against a server of ours.
@Suite struct LoadDriverTests {
    private func get(_ path: String) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
    }

    @Test func `each request is sent once, in turn, and answered`() throws {
        let seen = Mutex<[String: Int]>([:])
        let server = try HTTPServer.start(port: 0) { request, responder in
            seen.withLock { $0[request.target, default: 0] += 1 }
            responder.respond(.text(request.target == "/b" ? 404 : 200, "hello"))
        }
        defer { server.stop() }
        let driver = try LoadDriver(port: server.port, connections: 4)
        var statuses: [Int: Int] = [:]
        let (sent, seconds) = try driver.run(
            .closed, .requests(90), requests: [get("/a"), get("/b"), get("/c")]
        ) { statuses[$0.status, default: 0] += 1 }
        #expect(sent == 90 && seconds > 0)
        #expect(statuses == [200: 60, 404: 30])
        #expect(seen.withLock { $0 } == ["/a": 30, "/b": 30, "/c": 30])
    }

    @Test func `answers that come in pieces are put together`() throws {
        let server = try HTTPServer.start(port: 0) { _, responder in
            responder.respond(.text(200, String(repeating: "x", count: 900_000)))
        }
        defer { server.stop() }
        let driver = try LoadDriver(port: server.port, connections: 2)
        var count = 0
        try driver.run(.closed, .requests(6), requests: [get("/")]) {
            if $0.status == 200 { count += 1 }
        }
        #expect(count == 6)
    }

    @Test func `at an open pace a stall counts for all that were due meanwhile`() throws {
        let isFirst = Atomic(true)
        let server = try HTTPServer.start(port: 0) { _, responder in
            // The whole server stands still once.
            if isFirst.exchange(false, ordering: .relaxed) { usleep(300_000) }
            responder.respond(.text(200, "x"))
        }
        defer { server.stop() }
        let driver = try LoadDriver(port: server.port, connections: 1)
        var latencies: [Int64] = []
        try driver.run(.open(perSecond: 100), .requests(20), requests: [get("/")]) {
            latencies.append($0.nanoseconds)
        }
        #expect(latencies.count == 20)
        // The last was due after 190 ms, and none was answered before 300.
        #expect(latencies.allSatisfy { $0 >= 110_000_000 }, "\(latencies)")
    }

    @Test func `a time is kept to at an open pace`() throws {
        let server = try HTTPServer.start(port: 0) { _, responder in
            responder.respond(.text(200, "x"))
        }
        defer { server.stop() }
        let driver = try LoadDriver(port: server.port, connections: 4)
        var count = 0
        let sent = try driver.run(
            .open(perSecond: 200), .time(.milliseconds(500)), requests: [get("/")]
        ) { _ in count += 1 }.sent
        #expect(sent == 100 && count == 100)
    }

    @Test func `no more is sent than is allowed, and what is allowed later is sent`() throws {
        let server = try HTTPServer.start(port: 0) { _, responder in
            responder.respond(.text(200, "x"))
        }
        defer { server.stop() }
        let driver = try LoadDriver(port: server.port, connections: 4)
        let allowed = Atomic(10)
        let answered = Atomic(0)
        let run = { (time: Duration) in
            try driver.run(
                .upTo { allowed.load(ordering: .relaxed) }, .time(time), requests: [get("/")]
            ) { _ in
                // Five more once all ten are answered.
                if answered.add(1, ordering: .relaxed).newValue == 10 {
                    allowed.store(15, ordering: .relaxed)
                }
            }.sent
        }
        #expect(try run(.milliseconds(300)) == 15)
        #expect(answered.load(ordering: .relaxed) == 15)
        allowed.store(0, ordering: .relaxed)
        #expect(try run(.milliseconds(50)) == 0)
    }

    @Test func `a connection that the server closes is opened anew`() throws {
        let server = try HTTPServer.start(port: 0) { _, responder in
            responder.respond(.text(200, "x"))
        }
        defer { server.stop() }
        let driver = try LoadDriver(port: server.port, connections: 1)
        let last = Array("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
        var statuses: [Int] = []
        try driver.run(.closed, .requests(10), requests: [last]) { statuses.append($0.status) }
        // What is sent before the close is seen is lost, and counts as that.
        #expect(statuses.count == 10 && statuses.filter { $0 == 200 }.count >= 5, "\(statuses)")
        #expect(statuses.allSatisfy { $0 == 200 || $0 == 0 }, "\(statuses)")
    }

    @Test func `where nothing listens it says so`() throws {
        #expect(throws: HTTPClientError.self) { _ = try LoadDriver(port: 1, connections: 1) }
    }
}
