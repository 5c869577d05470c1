import Foundation
import HTTP
import Synchronization
import Testing

@Suite struct ServerTests {
    static let get = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

    @Test func `pipelined requests are answered in order, whoever is ready first`() throws {
        try withServer { server in
            let peer = try Peer(port: server.port)
            var input = ""
            for number in 0..<100 {
                let path = number % 7 == 0 ? "/slow/\(number)" : "/\(number)"
                let close = number == 99 ? "Connection: close\r\n" : ""
                input += "GET \(path) HTTP/1.1\r\nHost: h\r\n\(close)\r\n"
            }
            try peer.send(input)
            let answer = try peer.readToEnd()
            let numbers = answer.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("GET /") }
                .compactMap { Int($0.split(separator: " ")[1].split(separator: "/").last ?? "") }
            #expect(numbers == Array(0..<100))
            #expect(answer.components(separatedBy: "Connection: close").count == 2)
        }
    }

    @Test func `an error is answered after the requests before it, and closes`() throws {
        try withServer { server in
            let peer = try Peer(port: server.port)
            try peer.send(
                "GET /slow/1 HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n" + ServerTests.get)
            let answer = try peer.readToEnd()
            let first = try #require(answer.range(of: "GET /slow/1"))
            let second = try #require(answer.range(of: "HTTP/1.1 400 Bad Request"))
            #expect(first.lowerBound < second.lowerBound)
            #expect(!answer.contains("GET /x"))
        }
    }

    @Test func `a dropped responder answers 500 and a second answer is ignored`() throws {
        let handler: HTTPHandler = { request, responder in
            guard request.target != "/drop" else { return }
            responder.respond(.text(200, "one"))
            responder.respond(.text(200, "two"))
        }
        try withServer(handler: handler) { server in
            let client = HTTPClient(port: server.port)
            let dropped = try client.get("/drop")
            #expect(dropped.status == 500)
            #expect(try client.get("/a").body == Array("one".utf8))
            #expect(try client.get("/a").body == Array("one".utf8))
        }
    }

    @Test(arguments: [204, 304])
    func `some answers have no body`(code: Int) throws {
        let handler: HTTPHandler = { $1.respond(.text(HTTPStatus(code), "never seen")) }
        try withServer(handler: handler) { server in
            let peer = try Peer(port: server.port)
            try peer.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            let answer = try peer.readToEnd()
            #expect(answer.hasSuffix("\r\n\r\n"))
            #expect(!answer.contains("Content-Length"))
        }
    }

    @Test func `a value cannot smuggle a field into an answer`() throws {
        let handler: HTTPHandler = { _, responder in
            responder.respond(
                HTTPResponse(
                    200,
                    headers: [
                        "Location": "/a\r\nSet-Cookie: x", "Bad\r\nName": "y",
                        "Content-Length": "9",
                    ]))
        }
        try withServer(handler: handler) { server in
            let response = try HTTPClient(port: server.port).get("/")
            #expect(response.headers["Location"] == "/a  Set-Cookie: x")
            #expect(response.headers["Set-Cookie"] == nil)
            #expect(response.headers.values("Content-Length") == ["0"])
            #expect(response.headers["Date"]?.utf8.count == 29)
        }
    }

    @Test func `a control byte becomes a space, wherever in a value it stands`() throws {
        @Sendable func value(_ byte: UInt8, _ at: Int) -> String {
            let character = Character(Unicode.Scalar(byte))
            return "<" + String(repeating: "a", count: at) + String(character) + "zé>"
        }
        let bytes: [UInt8] = [0, 0x09, 0x0A, 0x0D, 0x1F, 0x20, 0x7E, 0x7F]
        let handler: HTTPHandler = { request, responder in
            var headers = HTTPHeaders()
            for byte in bytes { for at in 0..<12 { headers.append("X", value(byte, at)) } }
            responder.respond(HTTPResponse(200, headers: headers))
        }
        try withServer(handler: handler) { server in
            let values = try HTTPClient(port: server.port).get("/").headers.values("X")
            var expected: [String] = []
            for byte in bytes {
                let isKept = byte == 0x09 || byte == 0x20 || byte == 0x7E
                for at in 0..<12 { expected.append(value(isKept ? byte : 0x20, at)) }
            }
            #expect(values == expected)
        }
    }

    @Test func `answers given at once to requests that came together all go out`() throws {
        let count = 64
        try withServer { server in
            let peer = try Peer(port: server.port)
            try peer.send(String(repeating: ServerTests.get, count: count))
            let answers = try peer.read(until: "GET /x \n", times: count)
            #expect(answers.components(separatedBy: "HTTP/1.1 200 OK").count == count + 1)
        }
    }

    @Test func `an old client is answered and closed, unless it asks to stay`() throws {
        try withServer { server in
            let closing = try Peer(port: server.port)
            try closing.send("GET / HTTP/1.0\r\n\r\n")
            #expect(try closing.readToEnd().contains("Connection: close"))
            let staying = try Peer(port: server.port)
            for times in 1...2 {
                try staying.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                _ = try staying.read(until: "Connection: keep-alive", times: times)
            }
        }
    }

    @Test func `a client that ends its input still gets its answer`() throws {
        try withServer { server in
            let peer = try Peer(port: server.port)
            try peer.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
            peer.endInput()
            #expect(try peer.readToEnd().contains("GET /slow"))
        }
    }

    @Test func `a large answer arrives whole`() throws {
        let body = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try withServer(handler: { $1.respond(HTTPResponse(200, body: body)) }) { server in
            let client = HTTPClient(port: server.port)
            for _ in 0..<2 {
                let answer = try client.get("/")
                #expect(answer.body == body)
            }
        }
    }

    @Test func `a stop finishes what is in flight and closes`() throws {
        var limits = HTTPServerLimits()
        limits.lingerTimeout = .milliseconds(50)
        // An address of its own: nobody else can take the port once it is free.
        let address = "127.0.0.77"
        let server = try HTTPServer.start(address: address, limits: limits, handler: echo)
        let idle = try Peer(port: server.port, address: address)
        let busy = try Peer(port: server.port, address: address)
        let client = HTTPClient(host: address, port: server.port)
        try idle.send(ServerTests.get)
        _ = try idle.read(until: "GET /x")
        try busy.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        // The server has the request once it answers a later one.
        _ = try client.get("/")
        server.stop()
        #expect(try idle.readToEnd().contains("GET /x"))
        let answer = try busy.readToEnd()
        #expect(answer.contains("GET /slow") && answer.contains("Connection: close"))
        let place = "\(address):\(server.port)"
        #expect(throws: HTTPClientError.nothingListens(at: place, hint: "")) {
            try client.get("/")
        }
        server.stop()
    }

    @Test func `a stop does not wait for what never ends`() throws {
        let holder = Holder()
        let server = try HTTPServer.start { _, responder in holder.keep(responder) }
        let peer = try Peer(port: server.port)
        try peer.send(ServerTests.get)
        holder.waitForOne()
        let started = ContinuousClock.now
        server.stop(within: .milliseconds(100))
        #expect(ContinuousClock.now - started < .seconds(5))
        #expect(try peer.readToEnd().isEmpty)
    }

    @Test func `a taken port is named`() throws {
        try withServer { server in
            #expect(throws: HTTPServerError.portTaken(server.port)) {
                try HTTPServer.start(port: server.port, handler: echo)
            }
        }
        #expect(throws: HTTPServerError.invalidAddress("shop")) {
            try HTTPServer.start(address: "shop", handler: echo)
        }
    }
}

/// Keeps responders, so that they are not dropped.
final class Holder: Sendable {
    private let kept = Mutex<[Responder]>([])
    private let arrived = DispatchSemaphore(value: 0)

    func keep(_ responder: Responder) {
        kept.withLock { $0.append(responder) }
        arrived.signal()
    }

    func waitForOne() {
        #expect(arrived.wait(timeout: .now() + 10) == .success)
    }

    var count: Int { kept.withLock { $0.count } }
}
