import EventSourcing
import Foundation
import Glibc
import Testing

/// More connections and more bytes than a shop can hold: it refuses them, and serves the others.
@Suite struct ConnectionTests {
    /// Lets this process hold as many sockets as the machine allows, and says how many.
    private func raiseLimit() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
        return Int(clamping: limit.rlim_cur)
    }

    private func scrape(_ shop: RunningShop, _ name: String) throws -> Double {
        try Scrape(shop)[name] ?? -1
    }

    @Test func `beside 10,000 idle connections orders get through, and the next are told so`() throws
    {
        let shop = try RunningShop.fresh()
        let most = Int(try scrape(shop, "process_max_fds"))
        // What the shop needs for its files is not given to clients.
        let places = min(10_000, most - 192)
        guard raiseLimit() > places + 500 else {
            return print("SKIPPED: too few files may be open for \(places) connections")
        }
        var idle: [OpenSocket] = []
        // One place is this client's own.
        for _ in 0..<places - 1 { idle.append(try OpenSocket(port: shop.port)) }
        try eventually("all are taken") {
            try scrape(shop, "kassa_http_connections_open") >= Double(places)
        }
        #expect(try shop.ended()["status"] == "completed")
        for _ in 0..<20 {
            let answer = try OpenSocket(port: shop.port).readToEnd()
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 503 "), "\(answer)")
        }
        #expect(try scrape(shop, "kassa_http_connections_refused_total") >= 20)
        #expect(try scrape(shop, "process_open_fds") < Double(most))
        withExtendedLifetime(idle) {}
        idle = []
        try eventually("there is room again") {
            try scrape(shop, "kassa_http_connections_open") < 100
        }
        let next = try OpenSocket(port: shop.port)
        next.send("GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(next.readToEnd().hasPrefix("HTTP/1.1 200 "))
        #expect(shop.alarms.isEmpty, "\(shop.notices)")
    }

    @Test(arguments: ["Content-Length: 104857600", "Transfer-Encoding: chunked"])
    func `100 MB are refused before they are read`(length: String) throws {
        let shop = try RunningShop.fresh()
        let before = try scrape(shop, "process_resident_memory_bytes")
        let socket = try OpenSocket(port: shop.port)
        socket.send(
            "POST /v1/orders HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\(length)"
                + "\r\n\r\n")
        let chunked = length.hasSuffix("chunked")
        let mebibyte = [UInt8](repeating: 0x20, count: 1 << 20)
        let piece = (chunked ? Array("100000\r\n".utf8) : []) + mebibyte
            + (chunked ? Array("\r\n".utf8) : [])
        var pieces = 0
        while pieces < 100, socket.send(piece) == piece.count { pieces += 1 }
        // What the kernel holds of it, and the limit of a body, are far less.
        #expect(pieces < 60)
        let after = try scrape(shop, "process_resident_memory_bytes")
        #expect(after - before < 80e6, "\(before) to \(after)")
        #expect(try scrape(shop, "kassa_http_requests_refused_total") == 1)
        #expect(try shop.ended()["status"] == "completed")
    }

    @Test func `half a request, and one that comes byte by byte, are cut in the stated time`() throws
    {
        let shop = try RunningShop.fresh()
        let half = try OpenSocket(port: shop.port)
        half.send("POST /v1/orders HTTP/1.1\r\nHost: h\r\n")
        let slow = try OpenSocket(port: shop.port)
        slow.send("GET /v1/orders HTTP/1.1\r\n")
        // The stated time is ten seconds, however often a byte comes.
        var letters = 0
        while letters < 600, !slow.isOver {
            if slow.send("X") == 0 { break }
            letters += 1
            usleep(100_000)
        }
        #expect(letters < 600)
        #expect(half.readToEnd().hasPrefix("HTTP/1.1 408 "))
        #expect(try shop.ended()["status"] == "completed")
    }

    @Test func `a client that never reads is held to a bounded buffer`() throws {
        let shop = try RunningShop.fresh()
        for _ in 0..<20 { _ = try shop.ended() }
        let before = try scrape(shop, "process_resident_memory_bytes")
        let silent = try (0..<20).map { _ in try OpenSocket(port: shop.port) }
        let request = "GET /v1/orders?limit=500 HTTP/1.1\r\nHost: h\r\n\r\n"
        _ = inParallel(silent.count) { index in
            for _ in 0..<2000 {
                // It is not read any more once as much waits as is held.
                if silent[index].isFull { return }
                silent[index].send(request)
            }
        }
        #expect(try shop.ended()["status"] == "completed")
        let after = try scrape(shop, "process_resident_memory_bytes")
        #expect(after - before < 150e6, "\(before) to \(after)")
        withExtendedLifetime(silent) {}
    }
}
