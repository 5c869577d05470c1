import EventSourcing
import Foundation
import Glibc
import Testing

/// Too few files may be open: the shop says so, or waits, and goes on when there are more.
@Suite(.scenarios) struct FileLimitTests {
    @Test(arguments: [20, 64, 200])
    func `where too few files may be open a shop does not start, and says so`(limit: Int) throws {
        let folder = try Folder()
        let refused = try Shopctl.run([
            "sh", "-c",
            "ulimit -n \(limit); exec \(Shopctl.path) up --port 0 --data \(folder.data)",
        ])
        #expect(refused.code == 1, "\(refused)")
        for word in ["at most \(limit) files", "ulimit -n"] {
            #expect(refused.error.contains(word), "\(refused)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.data))
    }

    @Test func `the soft limit is raised, and clients leave the shop what it needs`() throws {
        let folder = try Folder()
        let shop = try RunningShop(
            folder, prefix: ["prlimit", "--nofile=100:320", "--"])
        #expect(try Scrape(shop)["process_max_fds"] == 320)
        try shop.receive("mug", 100)
        let many = try (0..<300).map { _ in try OpenSocket(port: shop.port) }
        try eventually("those too many are turned away") {
            try Scrape(shop)["kassa_http_connections_refused_total"] ?? 0 >= 150
        }
        let refusal = many.last?.readToEnd() ?? ""
        #expect(refusal.hasPrefix("HTTP/1.1 503 "), "\(refusal)")
        #expect(refusal.contains("\r\nRetry-After: 1\r\n"), "\(refusal)")
        let order = try shop.ended(OrderBody(more: OrderBody.contact))
        try eventually("all mails are sent") {
            try shop.get("/v1/orders/\(order["id"])").json["mailsSent"]?.integer == 3
        }
        withExtendedLifetime(many) {}
        #expect(shop.alarms.isEmpty, "\(shop.notices)")
    }

    /// Processor seconds that the shop has used.
    private func used(_ shop: RunningShop) throws -> Double {
        let text = try String(
            contentsOfFile: "/proc/\(shop.child.process)/stat", encoding: .utf8)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13])
        else { throw Failure(text) }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private func limit(_ shop: RunningShop, to count: Int) throws {
        let done = try Shopctl.run([
            "prlimit", "--pid", "\(shop.child.process)", "--nofile=\(count):",
        ])
        guard done.code == 0 else { throw Failure(done.all) }
    }

    @Test func `when files run out the shop waits without spinning, and goes on afterwards`() throws
    {
        let shop = try RunningShop.fresh()
        _ = try shop.ended(OrderBody(more: OrderBody.contact))
        let most = Int(try Scrape(shop)["process_max_fds"] ?? 0)
        // Not one more can be opened.
        try limit(shop, to: 3)
        let waiting = try (0..<20).map { _ in try OpenSocket(port: shop.port) }
        for socket in waiting {
            socket.send("GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        }
        let id = try shop.accepted(OrderBody(more: OrderBody.contact))["id"]
        let before = try used(shop)
        usleep(3_000_000)
        #expect(try used(shop) - before < 2.4)
        #expect(shop.child.exitCode == nil)
        #expect(try shop.end(of: id)["status"] == "completed", "\(shop.notices)")
        try limit(shop, to: most)
        for socket in waiting { #expect(socket.readToEnd().hasPrefix("HTTP/1.1 200 ")) }
        try eventually("all mails are sent") {
            try shop.get("/v1/orders/\(id)").json["mailsSent"]?.integer == 3
        }
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }
}
