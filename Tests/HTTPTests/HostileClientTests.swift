import Foundation
import HTTP
import Testing

@Suite struct HostileClientTests {
    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHos", "408"),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf", "408"), ("", ""),
    ])
    func `half a request and silence is cut`(input: String, status: String) throws {
        var limits = HTTPServerLimits()
        limits.headerTimeout = .milliseconds(60)
        limits.bodyTimeout = .milliseconds(60)
        limits.idleTimeout = .milliseconds(60)
        try withServer(limits: limits) { server in
            let peer = try Peer(port: server.port)
            try peer.send(input)
            let answer = try peer.readToEnd()
            #expect(answer.hasPrefix(status.isEmpty ? "" : "HTTP/1.1 \(status) "))
            #expect(answer.isEmpty == status.isEmpty)
        }
    }

    @Test func `a header that trickles in is cut all the same`() throws {
        var limits = HTTPServerLimits()
        limits.headerTimeout = .milliseconds(80)
        try withServer(limits: limits) { server in
            let peer = try Peer(port: server.port)
            let started = ContinuousClock.now
            try peer.send("GET / HTTP/1.1\r\n")
            while ContinuousClock.now - started < .seconds(5) {
                do { try peer.send("X: y\r\n") } catch { break }
                usleep(5000)
            }
            #expect(ContinuousClock.now - started < .seconds(5))
        }
    }

    @Test func `a client that never reads is cut, and others are served`() throws {
        var limits = HTTPServerLimits()
        limits.writeStallTimeout = .milliseconds(100)
        limits.output = 64 * 1024
        let body = [UInt8](repeating: 7, count: 4_000_000)
        let handler: HTTPHandler = { request, responder in
            responder.respond(HTTPResponse(200, body: request.target == "/big" ? body : []))
        }
        try withServer(limits: limits, handler: handler) { server in
            let peer = try Peer(port: server.port, receiveBuffer: 4096)
            let big = "GET /big HTTP/1.1\r\nHost: h\r\n\r\n"
            try peer.send(String(repeating: big, count: 200))
            let client = HTTPClient(port: server.port)
            let started = ContinuousClock.now
            // It is cut once sending to it fails.
            while ContinuousClock.now - started < .seconds(10) {
                #expect(try client.get("/").status == 200)
                do { try peer.send("x") } catch { break }
                usleep(10_000)
            }
            #expect(ContinuousClock.now - started < .seconds(10))
        }
    }

    @Test func `requests above the pipeline's limit wait unread`() throws {
        var limits = HTTPServerLimits()
        limits.pipelined = 3
        let holder = Holder()
        try withServer(limits: limits, handler: { holder.keep($1) }) { server in
            let peer = try Peer(port: server.port)
            try peer.send(String(repeating: ServerTests.get, count: 10))
            for _ in 0..<3 { holder.waitForOne() }
            let probe = try Peer(port: server.port)
            try probe.send("nonsense\r\n\r\n")
            _ = try probe.readToEnd()
            #expect(holder.count == 3)
        }
    }

    @Test func `a connection too many is told so`() throws {
        var limits = HTTPServerLimits()
        limits.connections = 2
        try withServer(limits: limits) { server in
            let kept = try (0..<2).map { _ in try Peer(port: server.port) }
            for peer in kept {
                try peer.send(ServerTests.get)
                _ = try peer.read(until: "GET /x")
            }
            // An optimizer may let the first two go, and with them their places, once it needs them
            // no more.
            try withExtendedLifetime(kept) {
                let refused = try Peer(port: server.port)
                let answer = try refused.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 503 "))
            }
        }
    }

    @Test func `a handler that never answers is answered for`() throws {
        var limits = HTTPServerLimits()
        limits.answerTimeout = .milliseconds(60)
        let holder = Holder()
        try withServer(limits: limits, handler: { holder.keep($1) }) { server in
            let answer = try HTTPClient(port: server.port).get("/")
            #expect(answer.status == 504)
        }
    }

    @Test func `a body too large is refused before it is sent`() throws {
        var limits = HTTPServerLimits()
        limits.message.body = 1000
        try withServer(limits: limits) { server in
            let client = HTTPClient(port: server.port)
            let large = [UInt8](repeating: 65, count: 3_000_000)
            let refusal = try client.send(.post, "/", body: large)
            #expect(refusal.status == 413)
            let next = try client.get("/")
            #expect(next.status == 200)
        }
    }

    @Test func `unfinished bodies together have a limit, and finished ones leave it`() throws {
        var limits = HTTPServerLimits()
        limits.received = 300_000
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n"
        let body = [UInt8](repeating: 65, count: 200_000)
        try withServer(limits: limits, handler: { $1.respond(.text(200, "done")) }) { server in
            for _ in 0..<3 {
                let first = try Peer(port: server.port)
                try first.send(Array(head.utf8) + body.dropLast(1))
                let second = try Peer(port: server.port)
                try? second.send(Array(head.utf8) + body.dropLast(1))
                // Which of the two is over the limit depends on whose bytes came first.
                try? first.send("A")
                try? second.send("A")
                first.endInput()
                second.endInput()
                let answers = try [first.readToEnd(), second.readToEnd()]
                #expect(answers.contains { $0.hasPrefix("HTTP/1.1 200") })
            }
            let whole = try HTTPClient(port: server.port).send(.put, "/", body: body)
            #expect(whole.status == 200)
        }
    }

    @Test func `a body above what the server can hold is told so`() throws {
        var limits = HTTPServerLimits()
        limits.received = 1000
        try withServer(limits: limits) { server in
            let peer = try Peer(port: server.port)
            try peer.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n")
            try peer.send([UInt8](repeating: 65, count: 2000))
            #expect(try peer.readToEnd().hasPrefix("HTTP/1.1 503 "))
        }
    }

    @Test func `header sections that are not whole count as well`() throws {
        var limits = HTTPServerLimits()
        limits.received = 100_000
        let statistics = HTTPServerStatistics()
        let server = try HTTPServer.start(limits: limits, statistics: statistics, handler: echo)
        defer { server.stop(within: .zero) }
        let peers = try (0..<3).map { _ in try Peer(port: server.port) }
        let field = "X: \(String(repeating: "a", count: 1000))\r\n"
        for (index, peer) in peers.enumerated() {
            try peer.send("GET / HTTP/1.1\r\nHost: h\r\n")
            try peer.send(String(repeating: field, count: 40))
            try eventually {
                index < 2
                    ? statistics.receivedBytes > (index + 1) * 40_000
                    : statistics.refusedRequests == 1
            }
        }
        for peer in peers {
            try? peer.send("\r\n")
            peer.endInput()
        }
        let answers = try peers.map { try $0.readToEnd().prefix(12) }
        #expect(answers == ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 503"])
        #expect(try HTTPClient(port: server.port).get("/").status == 200)
    }

    // Above twice the limit at once, above the limit after a second.
    @Test(arguments: [(clients: 20, limit: 8), (1, 16)])
    func `answers that nobody takes have a limit together`(clients: Int, limit: Int) throws {
        var limits = HTTPServerLimits()
        limits.unsent = limit * 1024 * 1024
        let statistics = HTTPServerStatistics()
        let page = String(repeating: "a", count: 900_000)
        let server = try HTTPServer.start(
            limits: limits, statistics: statistics, handler: { $1.respond(.text(200, page)) })
        defer { server.stop(within: .zero) }
        let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        // The system takes some megabytes for each as well.
        var peers = try (0..<clients).map { _ in
            let peer = try Peer(port: server.port)
            try peer.send(String(repeating: request, count: 30))
            return peer
        }
        try eventually { statistics.openConnections < clients }
        try eventually { statistics.unsentBytes <= Int64(limits.unsent) }
        #expect(try HTTPClient(port: server.port).get("/").status == 200)
        withExtendedLifetime(peers) {}
        peers = []
        try eventually { statistics.openConnections <= 1 && statistics.unsentBytes == 0 }
    }

    @Test(arguments: 0..<5 as Range<UInt64>)
    func `garbage from the wire leaves the server well`(seed: UInt64) throws {
        try withServer { server in
            var generator = SeededGenerator(state: seed)
            for _ in 0..<20 {
                let peer = try Peer(port: server.port)
                let bytes = (0..<500).map { _ in UInt8.random(in: 0...255, using: &generator) }
                try? peer.send(bytes)
            }
            #expect(try HTTPClient(port: server.port).get("/").status == 200)
        }
    }
}
