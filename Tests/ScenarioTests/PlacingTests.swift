import EventSourcing
import Foundation
import HTTP
import Synchronization
import Testing

/// `shopctl order place --file`, and `order watch`.
@Suite(.scenarios) struct PlacingTests {
    private func shopctl(_ arguments: [String], at shop: RunningShop) throws -> Finished {
        try Shopctl.run([Shopctl.path] + arguments + ["--url", shop.url])
    }

    @Test func `an order comes from a file, or from standard input`() throws {
        let shop = try RunningShop.fresh()
        let file = "\(shop.folder.path)/order.json"
        try OrderBody(quantity: 3).text.write(toFile: file, atomically: true, encoding: .utf8)
        let placed = try shopctl(["order", "place", "--file", file, "--json"], at: shop)
        #expect(placed.code == 0, "\(placed)")
        #expect(try shop.end(of: Answer.id(placed.output))["status"] == "completed")
        let piped = try Shopctl.run([
            "sh", "-c", "\(Shopctl.path) order place --file - --wait --url \(shop.url) < \(file)",
        ])
        #expect(piped.code == 0 && piped.output.contains("completed"), "\(piped)")
        #expect(piped.output.contains("22.50 GBP"), "\(piped)")
    }

    @Test func `what is wrong with a file is said with its place`() throws {
        let shop = try RunningShop.fresh()
        let file = "\(shop.folder.path)/order.json"
        func place(_ text: String) throws -> Finished {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            return try shopctl(["order", "place", "--file", file], at: shop)
        }
        let refused = try place(OrderBody(quantity: 0, more: "\"colour\":\"red\"").text)
        #expect(refused.code == 1, "\(refused)")
        #expect(refused.error.contains("/lines/0/quantity: must be"), "\(refused)")
        #expect(refused.error.contains("/colour: "), "\(refused)")
        let broken = try place("{\"lines\":[}")
        #expect(broken.code == 1 && broken.error.contains("order.json"), "\(broken)")
        #expect(broken.error.contains("at byte 10"), "\(broken)")
        let absent = try shopctl(["order", "place", "--file", "\(file).not"], at: shop)
        #expect(absent.code == 1 && absent.error.contains("order.json.not"), "\(absent)")
    }

    @Test func `a file excludes what it says itself`() throws {
        for option in [
            ["--line", "mug:1:1"], ["--customer", "a"], ["--contact", "a@b.example"],
            ["--currency", "GBP"], ["--token", "tok_ok"], ["--reference", "r"],
            ["--shipping", "ship_ok"], ["--occurred-at", "2020-01-01"],
        ] {
            let refused = try Shopctl.run(
                [Shopctl.path, "order", "place", "--file", "x.json"] + option)
            #expect(refused.code == 2, "\(option): \(refused)")
            #expect(refused.error.contains("--file and \(option[0])"), "\(refused.error)")
        }
    }

    @Test func `an order that was placed earlier says when`() throws {
        let shop = try RunningShop.fresh()
        let placed = try shopctl(
            [
                "order", "place", "--line", "mug:1:750", "--occurred-at", "2010-12-01T08:26:00Z",
                "--wait", "--json",
            ], at: shop)
        #expect(placed.code == 0, "\(placed)")
        let order = try JSON(parsing: Array(placed.output.utf8))["order"]
        #expect(order?["placedAt"]?.string == "2010-12-01T08:26:00.000000Z")
    }

    @Test func `a person sees what each line costs`() throws {
        let shop = try RunningShop.fresh()
        let placed = try shopctl(["order", "place", "--line", "mug:4:750", "--wait"], at: shop)
        let line = placed.output.split(separator: "\n").first { $0.contains("mug") } ?? ""
        #expect(line.split(separator: " ") == ["4", "mug", "7.50", "GBP", "30.00", "GBP"])
    }

    @Test func `watching ends when the order and its mails have`() throws {
        let shop = try RunningShop.fresh()
        let id = try shop.accepted(OrderBody(more: OrderBody.contact))["id"]
        // Each of these facts leads to a mail, which is waited for once the fact is seen.
        try shop.eventuallyTells(id, "order.confirmed", "order.completed", "delivery.handed-over")
        let watched = try shopctl(["order", "watch", id, "--timeout", "60"], at: shop)
        #expect(watched.code == 0, "\(watched)")
        let lines = watched.output.split(separator: "\n")
        #expect(lines.last?.hasSuffix("\(id) is completed") == true, "\(watched)")
        let kinds = try sent(
            in: try shopctl(["order", "watch", id, "--json", "--timeout", "60"], at: shop))
        #expect(kinds.isSuperset(of: ["received", "shipped"]))
        let rejected = try shop.ended(OrderBody(token: "tok_declined"))["id"]
        let json = try shopctl(["order", "watch", rejected, "--json", "--timeout", "60"], at: shop)
        let types = try json.output.split(separator: "\n")
            .map { try JSON(parsing: Array($0.utf8))["type"]?.string ?? "" }
        #expect(types.first == "order.placed" && types.contains("order.rejected"), "\(json)")
        #expect(types.contains("notification.skipped"), "\(json)")
    }

    /// The kinds of the mails that a watch has shown as sent.
    private func sent(in watched: Finished) throws -> Set<String> {
        guard watched.code == 0 else { throw Failure(watched.all) }
        let events = try watched.output.split(separator: "\n")
            .map { try JSON(parsing: Array($0.utf8)) }
            .filter { $0["type"]?.string == "notification.sent" }
        return Set(events.compactMap { $0["data"]?["kind"]?.string })
    }

    /// Answers with timelines, a longer one each time, the last one for ever.
    private func timelines(_ timelines: [[String]]) throws -> HTTPServer {
        let asked = Mutex(0)
        return try HTTPServer.start { _, responder in
            let turn = asked.withLock { asked in
                defer { asked += 1 }
                return min(asked, timelines.count - 1)
            }
            let events = timelines[turn].map { type -> String in
                let parts = type.split(separator: " ")
                let data = parts.count > 1 ? "{\"kind\":\"\(parts[1])\"}" : "{}"
                return "{\"id\":\"\(type)\",\"type\":\"\(parts[0])\",\"data\":\(data)}"
            }
            let body = "{\"events\":[\(events.joined(separator: ","))]}"
            responder.respond(.text(200, body))
        }
    }

    @Test func `watching waits for what another log tells later, but not for the parcel's way`()
        throws
    {
        func sent(_ kinds: String...) -> [String] { kinds.map { "notification.sent \($0)" } }
        let ended =
            ["order.placed", "order.confirmed", "order.completed"]
            + sent("received", "confirmed")
        let shipped = ended + ["delivery.handed-over"] + sent("shipped")
        let delivered = shipped + ["delivery.delivered"]
        for (shown, last) in [
            ([ended, shipped], "shipped"),
            ([ended, delivered, delivered + sent("delivered")], "delivered"),
        ] {
            let shop = try timelines(shown)
            defer { shop.stop() }
            let watched = try Shopctl.run(
                "order", "watch", "o-1", "--json", "--url", "http://127.0.0.1:\(shop.port)")
            #expect(try self.sent(in: watched).contains(last), "\(watched)")
        }
    }

    @Test func `watching gives up in time, and asks for an order that is there`() throws {
        let shop = try RunningShop.fresh()
        let id = try shop.accepted(OrderBody(token: "tok_timeout"))["id"]
        try shop.eventuallyTells(id, "order.placed")
        let late = try shopctl(["order", "watch", id, "--timeout", "1"], at: shop)
        #expect(late.code == 1 && late.error.contains("has not ended"), "\(late)")
        #expect(late.output.contains("order.placed"), "\(late)")
        let unknown = try shopctl(["order", "watch", "nobodys"], at: shop)
        #expect(unknown.code == 1 && unknown.error.contains("no such order"), "\(unknown)")
    }
}
