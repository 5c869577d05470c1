import Dispatch
import HTTP
import Testing

/// What the non-blocking client makes of peers that are gone, silent or wrong.
@Suite struct CallerFailureTests {
    /// Where nothing listens: on an address that no other test uses.
    private func nowhere(_ address: String) throws -> HTTPPlace {
        let server = try HTTPServer.start(address: address, handler: echo)
        server.stop()
        return HTTPPlace(host: address, port: server.port)
    }

    @Test func `where nothing listens a call is not sent, and says what the system said`() throws {
        let calls = try Calls(try nowhere("127.0.0.81"))
        for number in 0..<5 {
            try calls.send(number)
            try calls.outcomes.wait()
            #expect(calls.outcomes.isNotSent(number, "\(calls.place): connect: Connection refused"))
        }
    }

    @Test func `a host without an address is named`() throws {
        let calls = try Calls(HTTPPlace(host: "no..host", port: 80))
        try calls.send(0)
        try calls.outcomes.wait()
        #expect(calls.outcomes.isNotSent(0, "no..host:80: the host has no address"))
    }

    @Test func `a connection that nobody takes is given up`() throws {
        let listener = try Listener(backlog: 0)
        let only = try Peer(port: listener.place.port)
        let calls = try Calls(listener.place) { $0.connectTimeout = .milliseconds(50) }
        try calls.send(0)
        try calls.outcomes.wait()
        #expect(calls.outcomes.isNotSent(0, "not connected within"))
        withExtendedLifetime((listener, only)) {}
    }

    @Test func `a server may stop and start again at its port`() throws {
        let place = try nowhere("127.0.0.82")
        let calls = try Calls(place)
        for round in 0..<5 {
            let server = try HTTPServer.start(
                address: place.host, port: place.port, handler: echo)
            for number in 0..<20 { try calls.send(round * 100 + number) }
            try calls.outcomes.wait(20)
            for number in 0..<20 { #expect(calls.outcomes.status(round * 100 + number) == 200) }
            server.stop(within: .zero)
            try calls.send(round * 100 + 99)
            try calls.outcomes.wait()
            #expect(calls.outcomes[round * 100 + 99] != nil)
            #expect(calls.outcomes.status(round * 100 + 99) == nil)
        }
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    ])
    func `a close before the end of an answer leaves calls unanswered`(answer: String) throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        for number in 0..<2 { try calls.send(number) }
        do {
            let peer = try listener.accept()
            try peer.readHeads(2)
            try peer.send(answer)
        }
        try calls.outcomes.wait(2)
        for number in 0..<2 { #expect(calls.outcomes.isUnanswered(number, "closed")) }
        try calls.send(2)
        let next = try listener.accept()
        try next.readHeads(1)
        try next.answer("2")
        try calls.outcomes.wait()
        #expect(calls.outcomes.text(2) == "2")
    }

    @Test func `an answer may end with the connection, and with nothing else`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place)
        try calls.send(0)
        do {
            let peer = try listener.accept()
            try peer.readHeads(1)
            try peer.send("HTTP/1.1 200 OK\r\n\r\nall of it")
        }
        try calls.outcomes.wait()
        #expect(calls.outcomes.text(0) == "all of it")
    }

    @Test(arguments: [true, false])
    func `a close after an answer costs only what was sent behind it`(isSaid: Bool) throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { ($0.connections, $0.inFlight) = (1, 2) }
        for number in 0..<3 { try calls.send(number) }
        let peer = try listener.accept()
        try peer.readHeads(2)
        if isSaid {
            try peer.answer("0", fields: "Connection: close\r\n")
        } else {
            // The answer and the close come at once, or the third would be sent in between.
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0garbage\r\n")
        }
        try calls.outcomes.wait(2)
        #expect(calls.outcomes.text(0) == "0")
        #expect(calls.outcomes.isUnanswered(1))
        let next = try listener.accept()
        #expect(try next.readHeads(1).hasPrefix("GET /2 "))
        try next.answer("2")
        try calls.outcomes.wait()
        #expect(calls.outcomes.text(2) == "2")
    }

    @Test func `a call that asks for the close is the last on its connection`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        try calls.send(0, headers: ["Connection": "close"])
        try calls.send(1)
        let peer = try listener.accept()
        try peer.readHeads(1)
        try peer.answer("0")
        #expect(try peer.readToEnd().contains("GET /1 ") == false)
        let next = try listener.accept()
        try next.readHeads(1)
        try next.answer("1")
        try calls.outcomes.wait(2)
        #expect((0..<2).map { calls.outcomes.text($0) } == ["0", "1"])
    }

    @Test func `what was not sent when a connection breaks goes over another one`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { ($0.connections, $0.inFlight) = (1, 1) }
        for number in 0..<3 { try calls.send(number) }
        try listener.accept().readHeads(1)
        let next = try listener.accept()
        for number in 1..<3 {
            try next.readHeads(number)
            try next.answer("\(number)")
        }
        try calls.outcomes.wait(3)
        #expect(calls.outcomes.isUnanswered(0))
        #expect((1..<3).map { calls.outcomes.text($0) } == ["1", "2"])
    }

    @Test func `a late answer is not given to the next call`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        try calls.send(0)
        let peer = try listener.accept()
        try peer.readHeads(1)
        try calls.send(1, within: .milliseconds(20))
        try peer.readHeads(2)
        try calls.outcomes.wait()
        #expect(calls.outcomes.isUnanswered(1, "no whole answer within"))
        try calls.send(2)
        try peer.readHeads(3)
        for number in 0..<3 { try peer.answer("\(number)") }
        try calls.outcomes.wait(2)
        #expect(calls.outcomes.text(0) == "0")
        #expect(calls.outcomes.text(2) == "2")
    }

    @Test func `a connection whose oldest call has had twice its time is closed`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        try calls.send(0, within: .milliseconds(30))
        try calls.send(1)
        let peer = try listener.accept()
        _ = try peer.readToEnd()
        try calls.outcomes.wait(2)
        #expect(calls.outcomes.isUnanswered(0, "no whole answer within"))
        #expect(calls.outcomes.isUnanswered(1, "it answers no more"))
    }

    @Test func `a call whose time ends behind one that is stuck is never sent`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        try calls.send(0, .post, body: .init(repeating: 0x61, count: 12_000_000))
        try calls.send(1, within: .milliseconds(30))
        try calls.outcomes.wait()
        #expect(calls.outcomes.isNotSent(1, "could not be sent within"))
        try calls.send(2)
        let peer = try listener.accept()
        var count = 0
        while count < 12_000_000 { count += try peer.skip() }
        #expect(try peer.readHeads(1).contains("GET /1 ") == false)
        try peer.answer("0")
        try peer.answer("2")
        try calls.outcomes.wait(2)
        #expect([0, 2].map { calls.outcomes.text($0) } == ["0", "2"])
    }

    @Test(arguments: [
        ("SSH-2.0-x\r\n", "The first line"), ("HTTP/1.1 200 OK\n\n", "CR LF"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", "larger than 16 bytes"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", "chunk"),
        ("HTTP/1.1 200 OK\r\n" + String(repeating: "A: b\r\n", count: 101), "header fields"),
    ])
    func `an answer that cannot be read ends the connection`(text: String, reason: String) throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { ($0.connections, $0.message.body) = (1, 16) }
        for number in 0..<2 { try calls.send(number) }
        let peer = try listener.accept()
        try peer.readHeads(2)
        try peer.send(text)
        try calls.outcomes.wait(2)
        for number in 0..<2 { #expect(calls.outcomes.isUnanswered(number, reason)) }
        _ = try peer.readToEnd()
    }

    @Test func `what nobody asked for ends the connection, and answers nothing`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place)
        try calls.send(0)
        let peer = try listener.accept()
        try peer.readHeads(1)
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0HTTP/1.1 200 OK\r\n")
        _ = try peer.readToEnd()
        try calls.send(1)
        let next = try listener.accept()
        try next.readHeads(1)
        try next.answer("1")
        try calls.outcomes.wait(2)
        #expect((0..<2).map { calls.outcomes.text($0) } == ["0", "1"])
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `whatever comes, each call gets one reply`(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let listener = try Listener()
        let calls = try Calls(listener.place) { $0.connections = 1 }
        let whole = "HTTP/1.1 200 OK\r\nConnection: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        for number in 0..<20 {
            for offset in 0..<3 { try calls.send(number * 3 + offset) }
            let peer = try listener.accept()
            try peer.readHeads(3)
            var bytes = Array((whole + "1\r\n0\r\n0\r\n\r\n" + whole).utf8)
            for _ in 0..<Int.random(in: 1...9, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[at] = UInt8.random(in: 0...255, using: &generator)
            }
            try peer.send(bytes)
            peer.endInput()
            try calls.outcomes.wait(3)
        }
        for number in 0..<60 { #expect(calls.outcomes[number] != nil) }
    }

    @Test func `a stop fails what is under way, and says what was sent`() throws {
        let listener = try Listener()
        let calls = try Calls(listener.place) { ($0.connections, $0.inFlight) = (1, 1) }
        for number in 0..<2 { try calls.send(number) }
        let peer = try listener.accept()
        try peer.readHeads(1)
        let caller = calls.caller
        DispatchQueue.concurrentPerform(iterations: 3) { _ in caller.stop() }
        // By now all replies were called.
        #expect(calls.outcomes.isUnanswered(0, "stopped"))
        #expect(calls.outcomes.isNotSent(1, "stopped"))
        _ = try peer.readToEnd()
        try calls.send(2)
        #expect(calls.outcomes.isNotSent(2, "stopped"))
        caller.stop()
    }

    @Test func `a reply may stop the caller`() throws {
        try withServer { server in
            let calls = try Calls(HTTPPlace(host: "127.0.0.1", port: server.port))
            let (caller, outcomes) = (calls.caller, calls.outcomes)
            caller.send(try HTTPRequest(.get, "/"), to: calls.place) { outcome in
                caller.stop()
                outcomes.note(0)(outcome)
            }
            try outcomes.wait()
            #expect(outcomes.status(0) == 200)
        }
    }
}
