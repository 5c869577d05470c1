import HTTP
import Testing

@Suite struct ClientTests {
    func parse(_ text: String, head: Bool = false, closes: Bool = false) throws -> HTTPResponse? {
        var parser = ResponseParser(answersHead: head, limits: LimitTests.limits())
        for byte in text.utf8 {
            parser.append([byte])
            if let response = try parser.next() { return response }
        }
        return closes ? try parser.close() : nil
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi"),
        ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi"),
        ("HTTP/1.0 200 Very well\r\n\r\nhi", "hi"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nA: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n", ""),
    ])
    func `an answer is read by its framing`(text: String, body: String) throws {
        let response = try #require(try parse(text, closes: true))
        #expect(String(decoding: response.body, as: UTF8.self) == body)
    }

    @Test func `an answer to HEAD has no body`() throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        #expect(try parse(text, head: true)?.body == [])
    }

    @Test(
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", .truncated),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", .truncated),
            ("HTTP/1.1 200 O", .truncated), ("HTTP/1.1 99 OK\r\n", .malformedStartLine),
            ("SSH-2.0-x\r\n", .malformedStartLine), ("HTTP/1.1 +20 OK\r\n", .malformedStartLine),
            ("HTTP/1.1 200 OK\r\n\r\n01234567890123456", .bodyTooLarge(limit: 16)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", .bodyTooLarge(limit: 16)),
        ] as [(String, MessageError)])
    func `what is no answer is refused`(text: String, error: MessageError) {
        #expect(throws: error) { try parse(text, closes: true) }
    }

    @Test func `the client talks to the server and keeps its connection`() throws {
        let handler: HTTPHandler = { request, responder in
            let host = request.headers["Host"] ?? ""
            responder.respond(.text(200, "\(request.method) \(request.body.count) \(host)"))
        }
        var limits = HTTPServerLimits()
        limits.connections = 1
        try withServer(limits: limits, handler: handler) { server in
            let client = HTTPClient(port: server.port)
            for count in [0, 1, 100_000] {
                let response = try client.send(.post, "/", body: .init(repeating: 1, count: count))
                let text = String(decoding: response.body, as: UTF8.self)
                #expect(text == "POST \(count) 127.0.0.1:\(server.port)")
            }
            let head = try client.send(.head, "/")
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }

    @Test func `a kept connection that the server closed is replaced`() throws {
        var limits = HTTPServerLimits()
        limits.idleTimeout = .milliseconds(40)
        try withServer(limits: limits) { server in
            let client = HTTPClient(port: server.port)
            let watcher = try Peer(port: server.port)
            #expect(try client.get("/").status == 200)
            try watcher.send(ServerTests.get)
            _ = try watcher.readToEnd()
            // The server closes both in one turn; once it answers again, that turn is over.
            let later = try HTTPClient(port: server.port).get("/")
            #expect(later.status == 200)
            #expect(try client.send(.post, "/").status == 200)
        }
    }

    @Test func `where nothing listens the client says what to do`() throws {
        let address = "127.0.0.78"
        let server = try HTTPServer.start(address: address, handler: echo)
        server.stop()
        var options = HTTPClient.Options()
        options.hint = "start it with `shopctl up`"
        let client = HTTPClient(host: address, port: server.port, options: options)
        let place = "\(address):\(server.port)"
        #expect(throws: HTTPClientError.nothingListens(at: place, hint: options.hint)) {
            try client.get("/")
        }
        let text = HTTPClientError.nothingListens(at: place, hint: options.hint).description
        #expect(text == "nothing listens at \(place); start it with `shopctl up`")
    }

    @Test func `an answer that does not come is given up`() throws {
        let holder = Holder()
        try withServer(handler: { holder.keep($1) }) { server in
            var options = HTTPClient.Options()
            options.answerTimeout = .milliseconds(50)
            let client = HTTPClient(port: server.port, options: options)
            #expect {
                try client.get("/")
            } throws: { error in
                guard case .timedOut? = error as? HTTPClientError else { return false }
                return true
            }
        }
    }

    @Test func `a target that is none is refused before it is sent`() {
        let client = HTTPClient(port: 1)
        #expect(throws: (any Error).self) { try client.get("/a b\r\nX: y") }
    }
}
