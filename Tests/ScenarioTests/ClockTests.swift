import EventSourcing
import Foundation
import Testing

/// The machine's clock is set back while the shop works, and before it starts.
@Suite(.scenarios) struct ClockTests {
    private func recorded(_ folder: Folder) throws -> [[String]] {
        try EventListings.services.map { service in
            try Shopctl.events(service, in: folder).map { $0["recordedAt"]?.string ?? "" }
        }
    }

    @Test(arguments: [false, true])
    func `a clock set back an hour holds up no order and expires none`(atStart: Bool) throws {
        guard let clock = try SetClock() else { return print("SKIPPED: there is no clang") }
        var shop = try RunningShop(try Folder(), prefix: clock.prefix)
        let folder = shop.folder
        try shop.receive("mug", 100)
        // One asks for its payment thrice, seconds apart: both sides of the change.
        let before = try ["tok_ok", "tok_flaky"].map {
            try shop.accepted(OrderBody(token: $0, more: OrderBody.contact))["id"]
        }
        if atStart { try shop.stop() }
        try clock.set(back: 3600)
        if atStart { shop = try RunningShop(folder, prefix: clock.prefix) }
        let after = try ["tok_ok", "tok_flaky"].map {
            try shop.accepted(OrderBody(token: $0, more: OrderBody.contact))["id"]
        }
        for id in before + after {
            #expect(try shop.end(of: id)["status"] == "completed", "\(shop.notices)")
        }
        try eventually("all mails are sent") {
            try after.allSatisfy {
                try shop.get("/v1/orders/\($0)").json["mailsSent"]?.integer == 3
            }
        }
        let told = shop.notices.split(separator: "\n").filter { $0.contains("set the clock right") }
        // Each process but the broker.
        let clocks = RunningShop.Form.usual == .single ? 1...1 : 1...5
        #expect(clocks.contains(told.count), "\(shop.notices)")
        // Set right again: time goes on.
        try clock.set(back: 0)
        #expect(try shop.ended()["status"] == "completed")
        try shop.stop()
        for times in try recorded(folder) {
            #expect(!times.isEmpty && times == times.sorted())
        }
        let verified = try Shopctl.verify(folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `a clock that was ahead in one process keeps no other one waiting`() throws {
        guard let clock = try SetClock() else { return print("SKIPPED: there is no clang") }
        let shop = HandRunShop(try Folder())
        try shop.start("broker", by: Shopctl.path)
        try shop.waitUntilReady("broker")
        for part in HandRunShop.parts.dropFirst() {
            try shop.start(
                part, by: Shopctl.path, prefix: part == "orders" ? clock.prefix : [])
        }
        for part in HandRunShop.parts.dropFirst() { try shop.waitUntilReady(part) }
        let gateway = try shop.gateway()
        try gateway.receive("mug", 100)
        try clock.set(back: -3 * 3600)
        var ids = [try gateway.accepted()["id"]]
        try clock.set(back: 0)
        // What others record because of it is as late; their calls must be due by their own time.
        ids += try ["tok_ok", "tok_flaky"].map {
            try gateway.accepted(OrderBody(token: $0))["id"]
        }
        for id in ids { #expect(try gateway.end(of: id)["status"] == "completed") }
        for part in HandRunShop.parts.reversed() { try shop.stop(part) }
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }
}
