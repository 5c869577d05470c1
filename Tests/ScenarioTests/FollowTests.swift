import EventSourcing
import Foundation
import Glibc
import Testing

/// `shopctl events` over all services, and while they come.
@Suite(.scenarios) struct FollowTests {
    private func listed(_ arguments: [String], in folder: Folder) throws -> [JSON] {
        let done = try Shopctl.run(
            [Shopctl.path, "events", "--json", "--data", folder.data] + arguments)
        guard done.code == 0 else { throw Failure(done.all) }
        return try done.output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
    }

    @Test func `all services' events come in the order of time, causes first`() throws {
        let shop = try RunningShop.fresh()
        for _ in 0..<3 { _ = try shop.ended(OrderBody(more: OrderBody.contact)) }
        try shop.stop()
        let events = try listed(["--limit", "100000"], in: shop.folder)
        let single = try EventListings.services.map { service in
            try listed(["--service", service, "--limit", "100000"], in: shop.folder).count
        }
        #expect(events.count == single.reduce(0, +))
        let ids = events.compactMap { $0["id"]?.string }
        let places = Dictionary(uniqueKeysWithValues: zip(ids, ids.indices))
        for (index, event) in events.enumerated() {
            let time = event["recordedAt"]?.string ?? ""
            #expect(index == 0 || events[index - 1]["recordedAt"]?.string ?? "" <= time)
            guard let cause = event["metadata"]?["cause"]?.string else { continue }
            #expect(places[cause, default: .max] < index, "\(cause) led to \(ids[index])")
        }
    }

    @Test func `a stream's name tells whose it is, and a position needs a service`() throws {
        let shop = try RunningShop.fresh()
        let id = try shop.ended()["id"]
        // Nothing may come between two listings.
        try shop.eventuallyFollows(id, payment: "captured", delivery: "delivered")
        let payment = try listed(["--stream", "payment-\(id)"], in: shop.folder)
        #expect(payment.first?["type"]?.string == "payment.authorization-requested")
        let rest = try listed(["--stream", "payment-\(id)", "--after", "1"], in: shop.folder)
        #expect(rest.count == payment.count - 1)
        for wrong in [
            ["--after", "1"], ["--service", "all", "--after", "1"], ["--stream", "shoe-1"],
            ["--stream", "payment-\(id)", "--service", "orders"],
        ] {
            let refused = try Shopctl.run(
                [Shopctl.path, "events", "--data", shop.folder.data] + wrong)
            #expect(refused.code == 2, "\(wrong): \(refused)")
        }
    }

    @Test func `events are followed while the shop runs, stands and runs again`() throws {
        let shop = try RunningShop.fresh()
        let folder = shop.folder
        let follower = try Child(
            [Shopctl.path, "events", "--follow", "--data", folder.data],
            output: "\(folder.path)/follow")
        let id = try shop.ended()["id"]
        func isShown(_ id: String) throws {
            try eventually("the end of \(id) is shown") {
                follower.standardOutput.split(separator: "\n").contains {
                    $0.contains("order-\(id)") && $0.contains("order.completed")
                }
            }
        }
        try isShown(id)
        try shop.stop()
        #expect(follower.exitCode == nil, "\(follower.standardError)")
        let second = try RunningShop(folder)
        try isShown(try second.ended()["id"])
        follower.signal(SIGINT)
        #expect(try follower.end() == 128 + SIGINT)
        let lines = follower.standardOutput.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasSuffix("}") }, "a line is not whole")
        #expect(Set(lines).count == lines.count)
    }

    @Test func `a limit ends the following`() throws {
        let shop = try RunningShop.fresh()
        let follower = try Child(
            [
                Shopctl.path, "events", "--service", "deliveries", "--follow", "--limit", "2",
                "--data", shop.folder.data,
            ], output: "\(shop.folder.path)/follow")
        _ = try shop.ended()
        #expect(try follower.end() == 0)
        #expect(follower.standardOutput.split(separator: "\n").count == 2)
    }

    @Test func `a reader that goes away ends it quietly`() throws {
        let shop = try RunningShop.fresh()
        let path = shop.folder.path
        for follow in ["", "--follow"] {
            let events = "\(Shopctl.path) events \(follow) --data \(shop.folder.data)"
            let done = try Shopctl.run([
                "sh", "-c", "( \(events) 2> \(path)/said; echo $? > \(path)/code ) | head -n 1",
            ])
            #expect(done.code == 0 && done.output.contains("stock.received"), "\(done)")
            let code = try eventually("it has ended") {
                let text = try? String(contentsOfFile: "\(path)/code", encoding: .utf8)
                return text?.hasSuffix("\n") == true ? text : nil
            }
            #expect(code == "0\n")
            #expect(try String(contentsOfFile: "\(path)/said", encoding: .utf8).isEmpty)
            unlink("\(path)/code")
        }
    }
}

/// The services by name, as a person types them.
enum EventListings {
    static let services = ["orders", "payments", "deliveries", "notifications"]
}
