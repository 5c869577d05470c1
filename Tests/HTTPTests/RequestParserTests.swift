import HTTP
import Testing

@Suite struct RequestParserTests {
    @Test func `a request is taken apart`() throws {
        let text =
            "POST /v1/orders%20x/a%2Fb?limit=5&q=a+b%2B&flag HTTP/1.1\r\n"
            + "Host: shop\r\ncontent-LENGTH: 5\r\nX-A:  one \r\nx-a: two\r\n\r\nhello"
        let (requests, error) = parse(text)
        let request = try #require(requests.first)
        #expect(error == nil && requests.count == 1)
        #expect(request.method == .post)
        #expect(request.path == ["v1", "orders x", "a/b"])
        #expect(request.query["limit"] == "5")
        #expect(request.query["q"] == "a b+")
        #expect(request.query["flag"] == "")
        #expect(request.query["none"] == nil)
        #expect(request.headers["HOST"] == "shop")
        #expect(request.headers.values("X-a") == ["one", "two"])
        #expect(request.body == Array("hello".utf8))
    }

    @Test(
        arguments: [
            ("/", []), ("/a/", ["a", ""]), ("//a", ["", "a"]), ("/?x", []), ("*", []),
            ("http://shop:80/a?b", ["a"]), ("http://shop", []),
        ] as [(String, [String])])
    func `a target has segments`(target: String, path: [String]) {
        #expect(parse("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n").requests.first?.path == path)
    }

    @Test func `the host of an absolute target replaces the field`() {
        let request = parse("GET http://real/ HTTP/1.1\r\nHost: other\r\n\r\n").requests.first
        #expect(request?.headers.values("Host") == ["real"])
    }

    @Test func `pipelined requests come out one by one`() {
        let text =
            "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"
            + "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /3 HTTP/1.0\r\n\r\n"
        #expect(parse(text).requests.map(\.target) == ["/1", "/2", "/3"])
    }

    @Test func `chunks are put together and trailers passed over`() {
        let text =
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
            + "3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nContent-Length: 9\r\n\r\n"
            + "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
        let (requests, error) = parse(text)
        #expect(error == nil)
        #expect(requests.first?.body == Array("abc0123456789".utf8))
        #expect(requests.first?.headers["Content-Length"] == nil)
        #expect(requests.map(\.target) == ["/", "/2"])
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: x, CLOSE\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
        ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
    ])
    func `a connection is kept by version and token`(version: String, field: String, keeps: Bool) {
        let request = parse("GET / \(version)\r\nHost: h\r\n\(field)\r\n").requests.first
        #expect(request?.keepsAlive == keeps)
    }

    @Test func `a client that waits for 100 is told so once`() throws {
        var parser = RequestParser()
        parser.append(
            "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n".utf8)
        #expect(try parser.next() == .expectsContinue)
        #expect(try parser.next() == nil)
        #expect(parser.phase == .body)
        parser.append("x".utf8)
        guard case .request = try parser.next() else { throw Failure("no request") }
        #expect(parser.phase == .between)
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1\nHost: h\n\n", .bareLineFeed),
            ("GET / HTTP/1.1\r\nHost: h\n\r\n", .bareLineFeed),
            ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", .malformedStartLine),
            ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", .malformedStartLine),
            ("GET / \r\n\r\n", .malformedStartLine), ("GET /\r\n\r\n", .malformedStartLine),
            ("G\u{0}T / HTTP/1.1\r\n\r\n", .malformedStartLine),
            ("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", .malformedStartLine),
            ("GET / http/1.1\r\nHost: h\r\n\r\n", .malformedStartLine),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", .unsupportedVersion),
            ("GET / HTTP/1.2\r\nHost: h\r\n\r\n", .unsupportedVersion),
            ("GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", .spaceBeforeColon),
            ("GET / HTTP/1.1\r\nHost: h\r\n X: y\r\n\r\n", .foldedField),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n", .foldedField),
            ("GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", .malformedField),
            ("GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", .malformedField),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", .malformedField),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: a\u{0}b\r\n\r\n", .malformedField),
            ("GET / HTTP/1.1\r\nHost: h\r\nX\u{301}: b\r\n\r\n", .malformedField),
            ("GET / HTTP/1.1\r\n\r\n", .invalidHost),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .invalidHost),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .invalidHost),
            ("GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", .invalidHost),
            ("PUT / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n", .unknownExpectation),
        ] as [(String, MessageError)])
    func `what is no request is refused`(text: String, error: MessageError) {
        #expect(parse(text).error == error)
    }

    @Test(arguments: [
        "/%", "/%4", "/%zz", "/%00", "/%FF", "/../x", "/a/%2e%2E", "/a/./b", "/#f", "a", "/?a=%",
        "/?%C3=1", "https://h/", "http:///a", "http://u@h/", "/\u{E9}", "",
    ])
    func `what is no target is refused`(target: String) {
        let error = parse("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n").error
        #expect(error?.status == 400)
    }
}
