import EventSourcing
import Foundation
import Glibc
import Testing

/// What `replay --verify` finds when somebody has changed the files.
@Suite(.scenarios) struct AuditTests {
    /// A stopped shop with a completed order, and one that waits for its payment.
    private func stopped() throws -> Folder {
        let shop = try RunningShop.fresh(options: ["--pay-within", "3600"])
        _ = try shop.accepted(OrderBody(token: "tok_timeout"))
        let id = try shop.ended(OrderBody(more: OrderBody.contact))["id"]
        // Every log holds what is changed below.
        try shop.eventuallyFollows(id, payment: "captured", delivery: "delivered")
        try shop.eventuallyTells(id, "notification.sent")
        try eventually("goods are reserved for the order that waits") {
            try shop.get("/v1/stock/mug").json["reserved"]?.integer == 1
        }
        try eventually("its payment is asked for") {
            try Shopctl.events("payments", in: shop.folder)
                .filter { $0["type"]?.string == "payment.authorization-requested" }.count == 2
        }
        try shop.stop()
        let clean = try Shopctl.verify(shop.folder)
        guard clean.code == 0 else { throw Failure(clean.all) }
        return shop.folder
    }

    /// The trees that an audit prints, and the same as a file.
    private func evidence(
        _ folder: Folder, _ name: String, _ change: (inout JSONTree) -> Void = { _ in }
    ) throws -> String {
        let printed = try Shopctl.run("replay", "--verify", "--json", "--data", folder.data)
        guard printed.code == 0 else { throw Failure(printed.all) }
        var trees = try JSONDecoder().decode(JSONTrees.self, from: Data(printed.output.utf8))
        for index in trees.trees.indices { change(&trees.trees[index]) }
        let file = "\(folder.path)/\(name)"
        try JSONEncoder().encode(trees).write(to: URL(fileURLWithPath: file))
        return file
    }

    private struct JSONTrees: Codable { var trees: [JSONTree] }
    private struct JSONTree: Codable { var log: String, size: Int64, root: String }

    @Test func `today's logs are held against the roots that were kept of them`() throws {
        let folder = try stopped()
        let then = try evidence(folder, "then.json")
        let shop = try RunningShop(folder)
        _ = try shop.ended()
        try shop.stop()
        func verify(_ file: String, _ more: String...) throws -> Finished {
            try Shopctl.run(
                [Shopctl.path, "replay", "--verify", "--data", folder.data, "--against", file]
                    + more)
        }
        let same = try verify(then)
        #expect(same.code == 0 && same.output.contains("orders: held against its root"), "\(same)")
        // As of a past that was written anew, whole in itself.
        let other = try evidence(folder, "other.json") { if $0.log == "payments" { $0.size -= 1 } }
        let rewritten = try verify(other)
        #expect(rewritten.code == 1, "\(rewritten)")
        #expect(rewritten.output.contains("payments: its first"), "\(rewritten)")
        #expect(!rewritten.output.contains("orders: its first"), "\(rewritten)")
        #expect(try verify(other, "--service", "orders").code == 0)
        let longer = try evidence(folder, "longer.json") { $0.size += 1 }
        let short = try verify(longer)
        #expect(short.code == 1 && short.output.contains("the newest are lost"), "\(short)")
        try "{\"trees\":[]}".write(toFile: longer, atomically: true, encoding: .utf8)
        let empty = try verify(longer)
        #expect(empty.code == 1 && empty.error.contains("has no root of orders"), "\(empty)")
        try "{\"trees\":[{}]}".write(toFile: longer, atomically: true, encoding: .utf8)
        let refused = try verify(longer)
        #expect(refused.code == 1 && refused.error.contains("is not what shopctl"), "\(refused)")
    }

    struct Change: CustomTestStringConvertible, Sendable {
        let name: String
        let file: String
        let sql: String
        /// What the finding must say.
        let finds: [String]
        var testDescription: String { name }

        static let unlocked = "DROP TRIGGER events_stay; DROP TRIGGER events_remain;"
    }

    private static let changes: [Change] = [
        Change(
            name: "an event's data", file: "orders",
            sql: Change.unlocked + """
                UPDATE events SET data = replace(data, '750', '1') WHERE type = 'order.placed';
                """, finds: ["orders", "was changed"]),
        Change(
            name: "an event's metadata", file: "payments",
            sql: Change.unlocked + """
                UPDATE events SET metadata = replace(metadata, 'anonymous', 'somebody');
                """, finds: ["payments", "was changed"]),
        Change(
            name: "an event's time", file: "deliveries",
            sql: Change.unlocked + "UPDATE events SET recorded = recorded + 1 WHERE position = 2;",
            finds: ["deliveries", "was changed"]),
        Change(
            name: "an event's leaf", file: "notifications",
            sql: Change.unlocked + "UPDATE events SET leaf = zeroblob(32) WHERE position = 1;",
            finds: ["notifications", "was changed", "the tree over all leaves"]),
        Change(
            name: "a missing event", file: "orders",
            sql: Change.unlocked + "DELETE FROM events WHERE position = 3;",
            finds: ["orders", "events are missing between 2 and 4"]),
        Change(
            name: "a missing last event", file: "payments",
            sql: Change.unlocked + """
                DELETE FROM events WHERE position = (SELECT max(position) FROM events);
                """, finds: ["payments", "the tree over all leaves"]),
        Change(
            name: "a version that is missing", file: "orders",
            sql: Change.unlocked + "UPDATE events SET version = 1000 WHERE position = 5;",
            finds: ["orders", "has no version", "was changed"]),
        Change(
            name: "a version below the others of its stream", file: "payments",
            sql: Change.unlocked + "UPDATE events SET version = -1 WHERE position = 2;",
            finds: ["payments", "has no version", "was changed"]),
        Change(
            name: "an event of another stream", file: "deliveries",
            sql: Change.unlocked + """
                UPDATE events SET stream = 2, version = 1000 WHERE position = 1;
                """, finds: ["deliveries", "has no version", "was changed"]),
        Change(
            name: "a stream without events", file: "orders",
            sql: "INSERT INTO streams(name) VALUES ('order-ghost');",
            finds: ["orders", "order-ghost has no events"]),
        Change(
            name: "an event that cannot be read, and another that was changed", file: "orders",
            sql: Change.unlocked + """
                UPDATE events SET data = '[]' WHERE position = 2;
                UPDATE events SET metadata = '{}' WHERE position = 4;
                """, finds: ["event orders/1/4", "was changed", "must be an object"]),
        Change(
            name: "a deleted timer", file: "orders", sql: "DELETE FROM timers;",
            finds: ["orders", "timers of open checkouts: checkout-", "is missing"]),
        Change(
            name: "a deleted call", file: "payments", sql: "DELETE FROM effects;",
            finds: ["payments", "calls that wait", "is missing"]),
        Change(
            name: "a row of the read store", file: "gateway/read.db",
            sql: "UPDATE orders SET status = 'rejected' WHERE status = 'completed';",
            finds: ["read store", "orders", "status", "'rejected'", "'completed'"]),
        Change(
            name: "a missing row of the read store", file: "gateway/read.db",
            sql: "DELETE FROM stock;", finds: ["read store", "stock 'mug' row: live missing"]),
        Change(
            name: "a row too much in the read store", file: "gateway/read.db",
            sql: "INSERT INTO stock VALUES ('ghost', 1, 0, '', 1, 0);",
            finds: ["read store", "stock 'ghost'", "fresh missing"]),
    ]

    @Test(arguments: 0...2) func `a change behind the shop's back is found and named`(
        part: Int
    ) throws {
        let folder = try stopped()
        for (index, change) in Self.changes.enumerated() where index % 3 == part {
            // Each on a copy, so that no change hides another.
            let copy = try Folder()
            try FileManager.default.copyItem(atPath: folder.data, toPath: copy.data)
            let path =
                change.file.contains("/") ? "\(copy.data)/\(change.file)" : copy.log(change.file)
            _ = try sqlite(path, change.sql)
            let found = try Shopctl.verify(copy)
            #expect(found.code == 1, "\(change.name): \(found.all)")
            for text in change.finds {
                #expect(found.output.contains(text), "\(change.name): \(text) in \(found.all)")
            }
            let json = try Shopctl.run("replay", "--verify", "--json", "--data", copy.data)
            #expect(json.code == 1)
            let parsed = try JSON(parsing: Array(json.output.utf8))
            #expect(parsed["verified"] == .bool(false))
            #expect((parsed["findings"]?.array ?? []).isEmpty == false)
        }
    }

    @Test func `what an order's end says of the other services is compared with them`() throws {
        let folder = try stopped()
        let other = try RunningShop.fresh()
        try other.stop()
        for (service, finding) in [
            ("payments", "is completed, but its total was not captured"),
            ("deliveries", "is completed, but no parcel was handed over"),
        ] {
            let copy = try Folder()
            try FileManager.default.copyItem(atPath: folder.data, toPath: copy.data)
            // A -wal that a reader has left would lay the old events over the other file.
            for suffix in ["", "-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: copy.log(service) + suffix)
            }
            try FileManager.default.copyItem(
                atPath: other.folder.log(service), toPath: copy.log(service))
            let found = try Shopctl.verify(copy)
            #expect(found.code == 1 && found.output.contains(finding), "\(found.all)")
        }
    }

    @Test func `what a dead audit has left is removed by the next, and by a start`() throws {
        let shop = try RunningShop.fresh()
        try shop.stop()
        let data = shop.folder.data
        func names() throws -> Set<String> {
            let names = try FileManager.default.contentsOfDirectory(atPath: data)
            return Set(names.filter { $0.hasPrefix("verify-") })
        }
        // The first is beyond all processes' numbers; the second is at work.
        let dead = ["", "-wal", "-shm", "-journal"].map { "verify-99999999.db\($0)" }
        let kept: Set = ["verify-\(getpid()).db", "verify-1.txt", "verify-.db", "verify-me"]
        for name in kept { try Data().write(to: URL(fileURLWithPath: "\(data)/\(name)")) }
        for isStart in [false, true] {
            for name in dead { try Data().write(to: URL(fileURLWithPath: "\(data)/\(name)")) }
            if isStart {
                try RunningShop(shop.folder).stop()
            } else {
                #expect(try Shopctl.verify(shop.folder).code == 0)
            }
            #expect(try names() == kept)
        }
    }

    @Test func `events cannot be changed or deleted by mistake`() throws {
        let folder = try stopped()
        for statement in ["UPDATE events SET data = '{}'", "DELETE FROM events"] {
            let refused = try Shopctl.run(["sqlite3", folder.log("orders"), statement])
            #expect(refused.code != 0 && refused.all.contains("append-only"), "\(refused)")
        }
    }
}
