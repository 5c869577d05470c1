import Dispatch
import HTTP
import Testing

/// The non-blocking client against a server of ours, and what it does where all goes well.
@Suite struct CallerTests {
    private func place(_ server: HTTPServer) -> HTTPPlace {
        HTTPPlace(host: "127.0.0.1", port: server.port)
    }

    @Test func `a place is written as the Host field has it`() {
        #expect(HTTPPlace(host: "shop", port: 80).description == "shop:80")
        #expect(HTTPPlace(host: "::1", port: 8080).description == "[::1]:8080")
    }

    @Test func `calls of several threads each get their own answer, over two connections`() throws {
        let statistics = HTTPServerStatistics()
        let server = try HTTPServer.start(statistics: statistics, handler: echo)
        defer { server.stop(within: .zero) }
        let calls = try Calls(place(server)) { $0.waiting = 4096 }
        let (caller, outcomes, place) = (calls.caller, calls.outcomes, calls.place)
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            for number in (thread * 1000)..<(thread * 1000 + 1000) {
                // Some are answered later than those behind them.
                let target = number % 250 == 0 ? "/slow/\(number)" : "/\(number)"
                guard let request = try? HTTPRequest(.put, target, body: Array("\(-number)".utf8))
                else { continue }
                caller.send(request, to: place, reply: outcomes.note(number))
            }
        }
        try outcomes.wait(4000)
        for number in 0..<4000 {
            let target = number % 250 == 0 ? "/slow/\(number)" : "/\(number)"
            #expect(outcomes.text(number) == "PUT \(target) \(-number)\n")
        }
        #expect(statistics.acceptedConnections <= 2)
    }

    @Test func `one call after the other goes over one connection`() throws {
        let statistics = HTTPServerStatistics()
        let server = try HTTPServer.start(statistics: statistics, handler: echo)
        defer { server.stop(within: .zero) }
        let calls = try Calls(place(server))
        for number in 0..<50 {
            try calls.send(number)
            try calls.outcomes.wait()
            #expect(calls.outcomes.text(number) == "GET /\(number) \n")
        }
        #expect(statistics.acceptedConnections == 1)
    }

    @Test func `a reply may send the next call`() throws {
        try withServer { server in
            let caller = try HTTPCaller()
            defer { caller.stop() }
            let outcomes = Outcomes()
            let place = place(server)
            let request = try HTTPRequest(.get, "/")
            @Sendable func next(_ left: Int) {
                caller.send(request, to: place) { outcome in
                    if left == 0 { outcomes.note(0)(outcome) } else { next(left - 1) }
                }
            }
            next(500)
            try outcomes.wait()
            #expect(outcomes.status(0) == 200)
        }
    }

    @Test func `requests go out before earlier ones are answered, and answers in pieces`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        try calls.send(0)
        let peer = try listener.accept()
        try peer.readHeads(1)
        for number in 1..<5 { try calls.send(number, number == 2 ? .head : .get) }
        let heads = try peer.readHeads(5)
        #expect(heads.contains("GET /4 HTTP/1.1\r\nHost: \(listener.place)\r\n\r\n"))
        var answers = ""
        for number in 0..<5 {
            let body = number == 2 ? "" : "\(number)"
            answers += "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(body)"
        }
        for byte in answers.utf8 { try peer.send([byte]) }
        try calls.outcomes.wait(5)
        #expect((0..<5).map { calls.outcomes.text($0) } == ["0", "1", "", "3", "4"])
    }

    @Test func `no more requests than allowed are in flight, and the others wait`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { ($0.connections, $0.inFlight) = (1, 2) }
        for number in 0..<4 { try calls.send(number) }
        let peer = try listener.accept()
        for number in 0..<4 {
            let seen = try peer.readHeads(min(4, number + 2))
            #expect(!seen.contains("GET /\(number + 2) "))
            try peer.answer("\(number)")
            try calls.outcomes.wait()
            #expect(calls.outcomes.text(number) == "\(number)")
        }
    }

    @Test func `a busy connection gets a second one beside it, which takes what is new`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place)
        try calls.send(0)
        let first = try listener.accept()
        try first.readHeads(1)
        try calls.send(1)
        try first.readHeads(2)
        let second = try listener.accept()
        for number in 0..<2 { try first.answer("\(number)") }
        try calls.outcomes.wait(2)
        // Neither has anything in flight, and then one of them.
        for number in 2..<4 { try calls.send(number) }
        #expect(try first.readHeads(3).contains("GET /2 "))
        #expect(try second.readHeads(1).hasPrefix("GET /3 "))
    }

    @Test(arguments: [1, 2])
    func `large bodies go both ways, and small calls between them`(connections: Int) throws {
        let handler: HTTPHandler = { request, responder in
            responder.respond(HTTPResponse(200, body: request.body))
        }
        try withServer(handler: handler) { server in
            let calls = try Calls(place(server)) { $0.connections = connections }
            let bodies = (0..<24).map { number in
                [UInt8](repeating: UInt8(number), count: number % 3 == 0 ? 1_500_000 : number)
            }
            for number in 0..<24 { try calls.send(number, .post, body: bodies[number]) }
            try calls.outcomes.wait(24)
            for number in 0..<24 {
                let isSame = try calls.outcomes[number]?.get().body == bodies[number]
                #expect(isSame)
            }
        }
    }

    @Test func `after an answer to half a request those behind it go over another connection`()
        throws
    {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        try calls.send(0, .post, body: .init(repeating: 0x61, count: 12_000_000))
        for number in 1..<4 { try calls.send(number) }
        let peer = try listener.accept()
        try peer.answer("early")
        try calls.outcomes.wait()
        #expect(calls.outcomes.text(0) == "early")
        let next = try listener.accept()
        try next.readHeads(3)
        for number in 1..<4 { try next.answer("\(number)") }
        try calls.outcomes.wait(3)
        #expect((1..<4).map { calls.outcomes.text($0) } == ["1", "2", "3"])
    }

    @Test func `a connection without calls is closed after a while`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.idleTimeout = .milliseconds(30) }
        for number in 0..<2 {
            try calls.send(number)
            let peer = try listener.accept()
            try peer.readHeads(1)
            try peer.answer("\(number)")
            _ = try peer.readToEnd()
            #expect(calls.outcomes.text(number) == "\(number)")
        }
    }

    @Test func `above the limit of what is under way a call is refused at once`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { ($0.waiting, $0.connections) = (2, 1) }
        for number in 0..<3 { try calls.send(number) }
        // No reply but this one can have come, and it came while sending.
        guard case .failure(.full)? = calls.outcomes[2] else {
            Issue.record("\(calls.outcomes.text(2))")
            return
        }
        let peer = try listener.accept()
        try peer.readHeads(2)
        try peer.answer("0")
        try calls.outcomes.wait(2)
        try calls.send(3)
        try peer.readHeads(3)
        try peer.answer("1")
        try peer.answer("3")
        try calls.outcomes.wait(2)
        #expect([0, 1, 3].map { calls.outcomes.text($0) } == ["0", "1", "3"])
    }
}
