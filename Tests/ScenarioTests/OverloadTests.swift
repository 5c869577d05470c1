import EventSourcing
import Foundation
import Glibc
import HTTP
import Testing

/// Far more clients than a shop can answer, all at once.
@Suite(.scenarios) struct OverloadTests {
    private static let clients = 4_000

    private func request(_ port: UInt16) -> [UInt8] {
        let body = #"{"currency":"GBP","lines":[{"sku":"mug","quantity":1,"unitPrice":750}]}"#
        return Array(
            """
            POST /v1/orders HTTP/1.1\r
            Host: 127.0.0.1:\(port)\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
    }

    /// How many orders were refused as too many wait.
    private func overloads(_ shop: RunningShop) throws -> Double {
        try Scrape(shop)["kassa_http_unavailable_total", "reason=\"overloaded\""] ?? 0
    }

    @Test(arguments: RunningShop.Form.allCases)
    func `the surplus is refused, what was taken comes to its end, and the shop lives on`(
        form: RunningShop.Form
    ) throws {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
        guard limit.rlim_cur > rlim_t(Self.clients + 1_000) else {
            return print("SKIPPED: too few files may be open for \(Self.clients) clients")
        }
        let shop = try RunningShop.fresh(as: form, mugs: 1_000_000)
        let driver = try LoadDriver(port: shop.port, connections: Self.clients)
        var statuses: [Int: Int] = [:]
        // Until more waits than is worked off in seconds, and nothing new is taken for that.
        var rounds = 0
        while rounds < 10, try overloads(shop) == 0 {
            rounds += 1
            _ = try driver.run(
                .closed, .time(.seconds(2)), requests: [request(shop.port)]
            ) { statuses[$0.status, default: 0] += 1 }
        }
        #expect(try overloads(shop) > 0, "\(statuses)")
        let accepted = statuses[201] ?? 0
        #expect(accepted > 0)
        // Nothing but a place in the queue, or a refusal that says to come again.
        #expect(Set(statuses.keys).isSubset(of: [201, 503]), "\(statuses)")
        // A sanitizer has a memory of its own beside it.
        let memory = try Scrape(shop)["process_resident_memory_bytes"] ?? .infinity
        #expect(memory < 400e6 || patience > 1)
        // Whoever comes now is served, as soon as little enough waits.
        try eventually("an order is taken again") { (try? shop.place()["id"].isEmpty) == false }
        try eventually("all that was taken is completed") {
            let report = try shop.get("/v1/reports/orders?by=status").json
            let row = (report["rows"]?.array ?? []).first { $0["status"]?.string == "completed" }
            let completed = row?["orders"]?.integer ?? 0
            // What a process took and could not say in time is placed, and was not acknowledged.
            return form == .single ? completed == accepted + 1 : completed > accepted
        }
        #expect(shop.alarms.isEmpty, "\(shop.notices)")
    }
}
