import EventSourcing
import Testing

/// `shopctl replay order`, and the proof of one service alone.
@Suite(.scenarios) struct OrderReplayTests {
    private func replay(_ id: String, in folder: Folder, _ more: String...) throws -> JSON {
        let done = try Shopctl.run(
            [Shopctl.path, "replay", "order", id, "--json", "--data", folder.data] + more)
        guard done.code == 0 else { throw Failure(done.all) }
        return try JSON(parsing: Array(done.output.utf8))
    }

    private func states(_ replay: JSON) -> [String: JSON] {
        let states = replay["states"]?.array ?? []
        return Dictionary(uniqueKeysWithValues: states.map { ($0["stream"]?.string ?? "", $0) })
    }

    private func phases(_ replay: JSON) -> [String: String] {
        states(replay).mapValues { $0["phase"]?.string ?? "" }
    }

    /// A shop with a completed order, whose mails are out.
    private func completed() throws -> (RunningShop, String) {
        let shop = try RunningShop.fresh()
        let id = try shop.ended(OrderBody(quantity: 2, more: OrderBody.contact))["id"]
        try eventually("the parcel has arrived, and the mails are out") {
            let mails = try states(replay(id, in: shop.folder))["notification"]
            return mails?["sent"]?.string?.split(separator: ",").count == 3
        }
        try shop.eventuallyFollows(id, payment: "captured", delivery: "delivered")
        return (shop, id)
    }

    @Test func `an order is replayed through every service, causes first`() throws {
        let (shop, id) = try completed()
        let replay = try replay(id, in: shop.folder)
        let states = states(replay)
        #expect(phases(replay)["order"] == "completed")
        #expect(phases(replay)["checkout"] == "completed")
        #expect(phases(replay)["reservation"] == "made")
        #expect(states["order"]?["total"]?["text"]?.string == "15.00 GBP")
        #expect(states["payment"]?["captured"]?["text"]?.string == "15.00 GBP")
        let tracking = try shop.get("/v1/orders/\(id)").json["delivery"]?["tracking"]
        #expect(tracking != nil && states["delivery"]?["tracking"] == tracking)
        let steps = replay["steps"]?.array ?? []
        let ids = steps.compactMap { $0["id"]?.string }
        for (index, step) in steps.enumerated() {
            let time = step["recordedAt"]?.string ?? ""
            #expect(index == 0 || steps[index - 1]["recordedAt"]?.string ?? "" <= time)
            guard let cause = step["causationId"]?.string else { continue }
            #expect((ids.firstIndex(of: cause) ?? .max) < index, "\(cause) led to \(ids[index])")
        }
        #expect(steps.first?["state"]?["phase"]?.string == "placed")
    }

    @Test func `at one time, a log's events keep their order, whatever another's led to`() throws {
        let (shop, id) = try completed()
        try shop.stop()
        // All at once. The order's first event waits for another log's; the checkout's, which is
        // later in the same log, does not.
        for service in EventListings.services {
            let log = shop.folder.log(service)
            _ = try sqlite(log, "DROP TRIGGER events_stay; UPDATE events SET recorded = 1")
        }
        let causes = [
            ("orders", "json_set(metadata, '$.cause', 'payments/1/1')"),
            ("payments", "json_remove(metadata, '$.cause')"),
        ]
        for (service, metadata) in causes {
            _ = try sqlite(
                shop.folder.log(service),
                "UPDATE events SET metadata = \(metadata) WHERE position = 1")
        }
        let steps = try replay(id, in: shop.folder)["steps"]?.array ?? []
        let ids = steps.compactMap { $0["id"]?.string }
        #expect(ids.firstIndex(of: "payments/1/1") ?? .max < ids.firstIndex(of: "orders/1/1") ?? 0)
        for service in EventListings.services {
            let positions = ids.filter { $0.hasPrefix("\(service)/") }
                .compactMap { $0.split(separator: "/").last.flatMap { Int($0) } }
            #expect(!positions.isEmpty && positions == positions.sorted(), "\(ids)")
        }
    }

    @Test func `at an earlier time it stands as it stood then`() throws {
        let (shop, id) = try completed()
        let steps = try replay(id, in: shop.folder)["steps"]?.array ?? []
        for (index, step) in steps.enumerated() {
            let time = step["recordedAt"]?.string ?? ""
            let then = try replay(id, in: shop.folder, "--at", time)
            let known = steps.filter { $0["recordedAt"]?.string ?? "" <= time }
            #expect(then["steps"]?.array == known, "at \(time), step \(index)")
            #expect(then["later"]?.integer == Int64(steps.count - known.count))
        }
        let before = try Shopctl.run(
            "replay", "order", id, "--at", "2001-01-01", "--data", shop.folder.data)
        #expect(before.code == 0 && before.output.contains("not there yet"), "\(before)")
    }

    @Test func `a rejected order says why, and the shop may stand`() throws {
        let shop = try RunningShop.fresh()
        let id = try shop.ended(OrderBody(token: "tok_declined"))["id"]
        try shop.eventuallyTells(id, "reservation.released")
        try shop.stop()
        let states = states(try replay(id, in: shop.folder))
        #expect(states["order"]?["phase"]?.string == "rejected")
        #expect(states["checkout"]?["reason"]?.string == "card declined")
        #expect(states["payment"]?["phase"]?.string == "declined")
        #expect(states["reservation"]?["phase"]?.string == "released")
    }

    @Test func `neither the means of payment nor the contact is shown`() throws {
        let (shop, id) = try completed()
        for flags in [[], ["--json"]] {
            let shown = try Shopctl.run(
                [Shopctl.path, "replay", "order", id, "--data", shop.folder.data] + flags)
            #expect(shown.output.contains("order.completed"))
            for secret in ["tok_ok", "sealed:", "ada@analytical"] {
                #expect(!shown.output.contains(secret), "\(secret) in \(shown.output)")
            }
        }
    }

    @Test func `an unknown order and a wrong time are refused`() throws {
        let shop = try RunningShop.fresh()
        let data = ["--data", shop.folder.data]
        let unknown = try Shopctl.run([Shopctl.path, "replay", "order", "nobodys"] + data)
        #expect(unknown.code == 1 && unknown.error.contains("nobodys"), "\(unknown)")
        let wrong = try Shopctl.run([Shopctl.path, "replay", "order", "x", "--at", "noon"] + data)
        #expect(wrong.code == 2 && wrong.error.contains("--at must be"), "\(wrong)")
    }

    @Test func `one service is proved without the others`() throws {
        let (shop, _) = try completed()
        try shop.stop()
        let folder = shop.folder
        _ = try sqlite(
            folder.log("orders"),
            "DROP TRIGGER events_stay; UPDATE events SET data = replace(data, '750', '1')")
        for service in EventListings.services {
            let proof = try Shopctl.run(
                "replay", "--verify", "--service", service, "--data", folder.data)
            #expect(proof.code == (service == "orders" ? 1 : 0), "\(service): \(proof)")
            #expect(proof.output.contains("\(service):"))
            #expect(!proof.output.contains("read store"), "\(proof.output)")
        }
        let wrong = try Shopctl.run("replay", "--verify", "--service", "shoes")
        #expect(wrong.code == 2 && wrong.error.contains("--service must be"), "\(wrong)")
    }

    @Test func `a read store of another version is named, and not touched`() throws {
        let (shop, _) = try completed()
        try shop.stop()
        let path = shop.folder.readStore
        _ = try sqlite(path, "PRAGMA user_version=7")
        let rows = try sqlite(path, "SELECT count(*) FROM timeline")
        let found = try Shopctl.verify(shop.folder)
        #expect(found.code == 1 && found.output.contains("another build"), "\(found)")
        #expect(try sqlite(path, "SELECT count(*) FROM timeline") == rows)
    }
}
