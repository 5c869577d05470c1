import Foundation
import Glibc
import HTTP
import Testing

/// A generator whose sequence is its seed's (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// An end of a TCP connection that sends just the bytes it is told to. Waits at most ten seconds.
final class Peer {
    private let socket: Int32
    private var received: [UInt8] = []

    init(port: UInt16, address text: String = "127.0.0.1", receiveBuffer: Int32? = nil) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        limitWaiting(socket)
        if var receiveBuffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4)
        }
        let connected = withAddress(text, port) { [socket] in connect(socket, $0, $1) }
        guard connected == 0 else { throw Failure("connect: errno \(errno)") }
    }

    /// The end of a connection that was accepted.
    init(owning socket: Int32) {
        self.socket = socket
        limitWaiting(socket)
    }

    deinit { close(socket) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure("send: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Tells the server that no more will come.
    func endInput() { shutdown(socket, Int32(SHUT_WR)) }

    /// Everything up to the server's close.
    func readToEnd() throws -> String {
        while try readSome() {}
        return String(decoding: received, as: UTF8.self)
    }

    /// Everything so far, once it contains `text` this many times.
    func read(until text: String, times: Int = 1) throws -> String {
        while true {
            let all = String(decoding: received, as: UTF8.self)
            if all.components(separatedBy: text).count > times { return all }
            guard try readSome() else { throw Failure("closed after: \(all)") }
        }
    }

    /// Reads something, of which only so much is kept as may be the end of a line.
    ///
    /// - Returns: how many bytes came.
    func skip() throws -> Int {
        let before = received.count
        guard try readSome() else { throw Failure("closed") }
        let count = received.count - before
        received.removeFirst(max(0, received.count - 256))
        return count
    }

    private func readSome() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(socket, &chunk, chunk.count, 0)
        guard count >= 0 else { throw Failure("recv: errno \(errno)") }
        received += chunk[..<count]
        return count > 0
    }
}

/// No call on the socket takes longer than ten seconds.
private func limitWaiting(_ socket: Int32) {
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
}

private func withAddress(
    _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr(text)
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

/// A server that does what a test tells it to, connection by connection.
final class Listener {
    let place: HTTPPlace
    private let socket: Int32

    /// - Parameter backlog: how many, and one more, may connect that are not accepted.
    init(backlog: Int32 = 16) throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.socket = socket
        limitWaiting(socket)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard withAddress("127.0.0.1", 0, { bind(socket, $0, $1) }) == 0,
            listen(socket, backlog) == 0,
            withUnsafeMutablePointer(
                to: &address,
                {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        getsockname(socket, $0, &length)
                    }
                }) == 0
        else { throw Failure("listen: errno \(errno)") }
        place = HTTPPlace(host: "127.0.0.1", port: UInt16(bigEndian: address.sin_port))
    }

    deinit { close(socket) }

    func accept() throws -> Peer {
        let accepted = Glibc.accept(socket, nil, nil)
        guard accepted >= 0 else { throw Failure("accept: errno \(errno)") }
        return Peer(owning: accepted)
    }
}

/// Says the method, target and body it got; `/slow` paths are answered from another thread.
func echo(_ request: HTTPRequest, _ responder: Responder) {
    let body = String(decoding: request.body, as: UTF8.self)
    let answer = HTTPResponse.text(200, "\(request.method) \(request.target) \(body)\n")
    guard request.path.first == "slow" else { return responder.respond(answer) }
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(30)) {
        responder.respond(answer)
    }
}

/// Asks until it is so; at most twenty seconds.
func eventually(_ isSo: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(20)
    while try !isSo() {
        guard ContinuousClock.now < end else { throw Failure("not within 20 s") }
    }
}

/// Runs a server for the length of a test.
func withServer(
    limits: HTTPServerLimits = .init(), handler: @escaping HTTPHandler = echo,
    _ body: (HTTPServer) throws -> Void
) throws {
    let server = try HTTPServer.start(limits: limits, handler: handler)
    defer { server.stop(within: .zero) }
    try body(server)
}

/// A peer that we did not write.
func curl(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["curl", "-sS", "--max-time", "20"] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}

/// What a parser makes of bytes that arrive in pieces of a size.
func parse(
    _ bytes: [UInt8], pieces: Int = .max, limits: MessageLimits = .init()
) -> (requests: [HTTPRequest], error: MessageError?) {
    var parser = RequestParser(limits: limits)
    var requests: [HTTPRequest] = []
    var rest = bytes[...]
    repeat {
        parser.append(rest.prefix(pieces))
        rest = rest.dropFirst(pieces)
        do {
            while let output = try parser.next() {
                if case .request(let request) = output { requests.append(request) }
            }
        } catch {
            return (requests, error)
        }
    } while !rest.isEmpty
    return (requests, nil)
}

func parse(_ text: String) -> (requests: [HTTPRequest], error: MessageError?) {
    parse(Array(text.utf8))
}
