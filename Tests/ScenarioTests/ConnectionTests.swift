import EventSourcing
import Foundation
import Glibc
import Testing

/// More connections and more bytes than a shop can hold: it refuses them, and serves the others.
@Suite(.scenarios) struct ConnectionTests {
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

    @Test func `beside 10,000 idle connections orders get through`() throws {
        let shop = try RunningShop.fresh()
        let most = Int(try scrape(shop, "process_max_fds"))
        // What the shop needs for its files is not given to clients; some places are this test's.
        let count = min(10_000, most - 192) - 20
        guard raiseLimit() > count + 500 else {
            return print("SKIPPED: too few files may be open for \(count) connections")
        }
        // They stay as long as the shop lets them: a minute.
        let idle = try (0..<count).map { _ in try OpenSocket(port: shop.port) }
        #expect(try shop.ended()["status"] == "completed")
        #expect(try scrape(shop, "kassa_http_connections_accepted_total") > Double(count))
        #expect(try scrape(shop, "kassa_http_connections_refused_total") == 0)
        #expect(try scrape(shop, "process_open_fds") < Double(most))
        withExtendedLifetime(idle) {}
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
        let piece =
            (chunked ? Array("100000\r\n".utf8) : []) + mebibyte
            + (chunked ? Array("\r\n".utf8) : [])
        for _ in 0..<100 { socket.send(piece) }
        // Where the rest came after all was said, the close may overtake the answer.
        let answer = socket.readToEnd()
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
        let after = try scrape(shop, "process_resident_memory_bytes")
        #expect(after - before < 80e6, "\(before) to \(after)")
        #expect(try scrape(shop, "kassa_http_requests_refused_total") == 1)
        #expect(try shop.ended()["status"] == "completed")
    }

    @Test func `half a request, and one that comes byte by byte, are cut in the stated time`()
        throws
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
}
