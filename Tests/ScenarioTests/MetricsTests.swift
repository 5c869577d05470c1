import EventSourcing
import Foundation
import HTTP
import Testing

/// What a running shop tells whoever watches it.
@Suite(.scenarios) struct MetricsTests {
    private static let services = ["orders", "payments", "deliveries", "notifications"]

    private func head(_ service: String, _ folder: Folder) throws -> Double? {
        let text = try sqlite(folder.log(service), "SELECT max(position) FROM events")
        return Double(text.split(separator: "\n").first ?? "")
    }

    @Test func `a scrape holds what was done, and promtool finds nothing wrong with it`() throws {
        let shop = try RunningShop.fresh()
        let before = try Scrape(shop)
        let ids = try (0..<5).map { _ in
            try shop.accepted(OrderBody(more: OrderBody.contact))["id"]
        }
        #expect(try shop.post("/v1/orders", "{}").status == 422)
        var scrapes = 1.0
        try eventually("each request is counted once") {
            let after = try Scrape(shop)
            defer { scrapes += 1 }
            let grown = [201, 422].map { code in
                after.requests("POST", "/v1/orders", code)
                    - before.requests("POST", "/v1/orders", code)
            }
            return grown == [5, 1] && after.requests("GET", "/metrics", 200) == scrapes
        }
        for id in ids { #expect(try shop.end(of: id)["status"] == "completed") }
        for service in Self.services {
            try eventually("the head of \(service) is what its file holds") {
                let head = try head(service, shop.folder)
                return try Scrape(shop)["kassa_log_head_position", "log=\"\(service)\""] == head
            }
        }
        try eventually("all is done and read") {
            let scrape = try Scrape(shop)
            let lags = ["gateway", "payments", "deliveries"].map { consumer in
                let source = consumer == "gateway" ? "orders/facts" : "orders/to-\(consumer)"
                return scrape[
                    "kassa_consumer_lag_events", "consumer=\"\(consumer)\"",
                    "source=\"\(source)\""]
            }
            return lags == [0, 0, 0] && scrape["kassa_checkouts_open"] == 0
                && scrape["kassa_service_calls_waiting", "service=\"notifications\""] == 0
        }
        try eventually("as many mails are counted as are on record") {
            let sent = try sqlite(
                shop.folder.log("notifications"),
                "SELECT count(*) FROM events WHERE type = 'notification.sent'")
            let count = Double(sent.split(separator: "\n").first ?? "") ?? 0
            return try count > 0 && Scrape(shop)["kassa_mails_sent_total"] == count
        }
        let streams = Self.services.map { "stream=\"kassa-\($0)\"" }
        try eventually("each service's facts are with the broker") {
            let scrape = try Scrape(shop)
            return streams.allSatisfy { stream in
                scrape["kassa_broker_stream_messages", stream] ?? 0 > 0
                    && scrape["kassa_broker_stream_bytes", stream] ?? 0 > 0
            }
        }
        let scrape = try Scrape(shop)
        for service in Self.services {
            #expect(scrape["kassa_log_halted", "log=\"\(service)\""] == 0)
            #expect(scrape["kassa_service_up", "service=\"\(service)\""] == 1)
            #expect(scrape["kassa_service_parked_messages", "service=\"\(service)\""] == 0)
        }
        #expect(scrape["kassa_projection_stale"] == 0)
        #expect(scrape["kassa_projection_lag_seconds"] ?? -1 >= 0)
        #expect(scrape["kassa_mails_failed_total"] == 0)
        #expect(scrape["kassa_http_connections_open"] ?? 0 >= 1)
        #expect(scrape["process_resident_memory_bytes"] ?? 0 > 1_000_000)
        #expect(scrape["process_cpu_seconds_total"] ?? 0 > 0)
        #expect(scrape["process_open_fds"] ?? 0 > 5)
        let started = try #require(scrape["process_start_time_seconds"])
        #expect(abs(Date().timeIntervalSince1970 - started) < 3600)
        let path = "\(shop.folder.path)/metrics.txt"
        try scrape.text.write(toFile: path, atomically: true, encoding: .utf8)
        let checked = try Shopctl.run(["sh", "-c", "promtool check metrics < '\(path)'"])
        #expect(checked.code == 0 && checked.all.isEmpty, "\(checked)")
    }

    @Test func `how long orders took is told, by how they ended`() throws {
        let shop = try RunningShop.fresh()
        #expect(try shop.ended()["status"] == "completed")
        #expect(try shop.ended(OrderBody(token: "tok_declined"))["status"] == "rejected")
        let name = "kassa_order_duration_seconds"
        let ends = ["completed", "rejected"].map { "status=\"\($0)\"" }
        // What is read is committed a moment before it is counted.
        let scrape = try eventually("both are counted") { () -> Scrape? in
            let scrape = try Scrape(shop)
            return ends.allSatisfy { scrape["\(name)_count", $0] == 1 } ? scrape : nil
        }
        for status in ends {
            #expect(scrape["\(name)_bucket", status, "le=\"+Inf\""] == 1)
            #expect(scrape["\(name)_sum", status] ?? 0 > 0)
        }
    }

    @Test func `an order that waits shows as an open checkout and a call without an answer`() throws
    {
        let shop = try RunningShop.fresh()
        _ = try shop.accepted(OrderBody(token: "tok_timeout"))
        try eventually("the call waits") {
            let scrape = try Scrape(shop)
            return scrape["kassa_checkouts_open"] == 1
                && scrape["kassa_service_calls_waiting", "service=\"payments\""] == 1
        }
    }

    @Test(arguments: RunningShop.Form.allCases)
    func `a halted log is seen, and its facts are still served`(form: RunningShop.Form) throws {
        let shop = try RunningShop.fresh(as: form)
        let id = try shop.ended()["id"]
        try shop.stop()
        _ = try sqlite(shop.folder.log("orders"), "UPDATE log SET halted = 'a test stopped it'")
        // It says that it is up, though not all of it is.
        let halted = try RunningShop(shop.folder, as: form)
        #expect(try halted.place().status == 503)
        try eventually("the halted log is seen, and no other is") {
            let scrape = try Scrape(halted)
            return scrape["kassa_log_halted", "log=\"orders\""] == 1
                && scrape["kassa_log_halted", "log=\"payments\""] == 0
        }
        let facts = try halted.get("/v1/events?service=orders")
        #expect(facts.status == 200)
        let types = (facts.json["events"]?.array ?? []).compactMap { $0["type"]?.string }
        #expect(types == ["order.placed", "order.confirmed", "order.completed"])
        let streams = Set((facts.json["events"]?.array ?? []).map { $0["stream"]?.string })
        #expect(streams == ["order-\(id)"])
    }

    @Test(arguments: RunningShop.Form.allCases)
    func `room on the disk is told as it is, and what is kept of it`(form: RunningShop.Form) throws
    {
        let shop = try RunningShop.fresh(as: form, options: ["--disk-reserve", "8"])
        try eventually("the reserve is seen, whichever process keeps it") {
            try Scrape(shop)["kassa_disk_reserve_bytes"] == 8 * 1_048_576
        }
        // Another look is taken a second later at most.
        let before = try Scrape(shop)["kassa_disk_free_bytes"]
        let ballast = FileManager.default.createFile(
            atPath: "\(shop.folder.path)/ballast", contents: Data(count: 8 << 20))
        #expect(ballast && before != nil)
        try eventually("what is free has changed") {
            try Scrape(shop)["kassa_disk_free_bytes"] != before
        }
        try shop.stop()
    }

    @Test func `what a service tells in public holds no token, and is all there`() throws {
        let shop = try RunningShop.fresh()
        let id = try shop.ended(OrderBody(token: "tok_ok", more: OrderBody.contact))["id"]
        try shop.eventuallyFollows(id, payment: "captured", delivery: "delivered")
        try shop.eventuallyTells(id, "notification.sent")
        for service in Self.services {
            var after: Int64 = 0
            var told: [String] = []
            while true {
                let page = try shop.get("/v1/events?service=\(service)&after=\(after)&limit=2")
                #expect(page.status == 200, "\(page)")
                #expect(!page.text.contains("tok_"), "\(page)")
                told += (page.json["events"]?.array ?? []).compactMap { $0["id"]?.string }
                after = page.json["next"]?.integer ?? 0
                guard page.headers["Link"] != nil else { break }
            }
            #expect(Set(told).count == told.count && !told.isEmpty, "\(service): \(told)")
            let recorded = try Shopctl.events(service, in: shop.folder)
            #expect(after <= Int64(recorded.count))
            let known = Set(recorded.compactMap { $0["id"]?.string })
            #expect(known.isSuperset(of: told), "\(service)")
        }
    }

    @Test func `a real Prometheus scrapes the shop`() throws {
        let shop = try RunningShop.fresh()
        _ = try shop.ended()
        let prometheus = try Prometheus(scraping: shop)
        try eventually("the shop is up") {
            try prometheus.query("up", by: "job") == ["kassa": "1"]
        }
        try eventually("its series are there") {
            let heads = try prometheus.query("kassa_log_head_position", by: "log")
            let orders = try head("orders", shop.folder).map { "\(Int64($0))" }
            return heads.count == 4 && heads["orders"] == orders
        }
        try eventually("the request is counted") {
            let counts = try prometheus.query(
                "sum(kassa_http_request_duration_seconds_count)by(route)", by: "route")
            return counts["/v1/orders"] == "1"
        }
    }
}
