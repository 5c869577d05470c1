import Foundation
import HTTP
import Testing

/// A peer that others wrote.
@Suite struct CurlTests {
    @Test func `curl gets, keeps the connection, and gets again`() throws {
        try withServer { server in
            let base = "http://127.0.0.1:\(server.port)"
            let output = try curl(["-v", "\(base)/a?b=c", "\(base)/slow/2"])
            #expect(output.contains("GET /a?b=c"))
            #expect(output.contains("GET /slow/2"))
            #expect(output.lowercased().contains("re-using existing connection"))
        }
    }

    @Test func `curl asks for the head alone`() throws {
        try withServer { server in
            let output = try curl(["-I", "http://127.0.0.1:\(server.port)/a"])
            #expect(output.hasPrefix("HTTP/1.1 200 OK"))
            #expect(output.contains("Content-Length: 9"))
            #expect(!output.contains("HEAD /a"))
        }
    }

    @Test(arguments: ["Transfer-Encoding: chunked", "Expect: 100-continue", "X: y"])
    func `curl uploads`(field: String) throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("kassa-http-\(ProcessInfo.processInfo.globallyUniqueString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(repeating: 65, count: 3_000_000).write(to: file)
        let handler: HTTPHandler = { request, responder in
            let whole = request.body.allSatisfy { $0 == 65 }
            responder.respond(.text(200, "\(request.method) \(request.body.count) \(whole)"))
        }
        try withServer(handler: handler) { server in
            let url = "http://127.0.0.1:\(server.port)/up"
            let output = try curl(["-v", "-H", field, "-T", file.path, url])
            #expect(output.contains("PUT 3000000 true"))
            #expect(!field.hasPrefix("Expect") || output.contains("HTTP/1.1 100 Continue"))
        }
    }

    @Test func `curl reads a refusal in the middle of its upload`() throws {
        var limits = HTTPServerLimits()
        limits.message.body = 100
        try withServer(limits: limits) { server in
            let output = try curl([
                "-i", "-H", "Expect:", "-d", String(repeating: "a", count: 100_000),
                "http://127.0.0.1:\(server.port)/",
            ])
            #expect(output.hasPrefix("HTTP/1.1 413 "))
        }
    }
}
