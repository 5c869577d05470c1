import EventSourcing
import HTTP
import Synchronization
import Testing

/// What the shop holds after it was killed in the middle of its work.
@Suite struct CrashTests {
    /// What clients were told, by key.
    private final class Clients: Sendable {
        let told = Mutex<[String: String]>([:])
        let asked = Mutex<[String]>([])
        let isOver = Atomic(false)

        /// Places orders, each under a key of its own, until there is no answer any more.
        func load(_ shop: RunningShop, _ name: String) {
            for number in 0... {
                guard !isOver.load(ordering: .relaxed) else { return }
                let key = "\(name)-\(number)"
                asked.withLock { $0.append(key) }
                guard let answer = try? shop.place(Clients.order(key), key: key) else { return }
                guard answer.status == 201 else { continue }
                told.withLock { $0[key] = answer["id"] }
            }
        }

        static func order(_ key: String) -> OrderBody {
            OrderBody(token: "tok_ok", more: "\"reference\":\"\(key)\"")
        }
    }

    /// Kills the shop when so many orders are acknowledged under load.
    private func kill(_ shop: RunningShop, _ clients: Clients, round: Int, after count: Int) throws
    {
        let before = clients.told.withLock { $0.count }
        let all = inParallel(7) { index -> String? in
            guard index == 0 else {
                clients.load(shop, "r\(round)c\(index)")
                return nil
            }
            defer { shop.child.kill() }
            do {
                try eventually("\(count) orders are acknowledged") {
                    clients.told.withLock { $0.count } >= before + count
                }
                return nil
            } catch { return "\(error)" }
        }
        if let failure = all.compactMap({ $0 }).first { throw Failure(failure) }
    }

    /// Every order that a client knows of, or may know of, is there once and completes.
    private func check(_ shop: RunningShop, _ clients: Clients) throws {
        let told = clients.told.withLock { $0 }
        var ids = told
        for key in clients.asked.withLock({ $0 }) {
            let again = try shop.accepted(Clients.order(key), key: key)
            if let known = told[key] {
                #expect(again["id"] == known, "\(key)")
                #expect(again.headers["Idempotent-Replayed"] == "true", "\(key)")
            }
            ids[key] = again["id"]
        }
        #expect(Set(ids.values).count == ids.count)
        for (key, id) in ids {
            #expect(try shop.end(of: id)["status"] == "completed", "\(key)")
        }
        let placed = try Shopctl.events("orders", in: shop.folder)
            .filter { $0["type"]?.string == "order.placed" }.compactMap { $0["stream"]?.string }
        #expect(placed.count == ids.count)
        #expect(Set(placed) == Set(ids.values.map { "order-\($0)" }))
        let left = 100_000 - ids.count
        try shop.eventuallyHolds("mug", onHand: left, available: left)
        func captured() throws -> Int {
            try Shopctl.events("payments", in: shop.folder)
                .count { $0["type"]?.string == "payment.captured" }
        }
        // An order's end may show before its payment's does.
        try eventually("each is paid for") { try captured() >= ids.count }
        #expect(try captured() == ids.count)
    }

    @Test(arguments: [1, 4])
    func `after kills under load every acknowledged order is there once`(kills: Int) throws {
        var shop = try RunningShop.fresh(mugs: 100_000)
        let folder = shop.folder
        let clients = Clients()
        for round in 0..<kills {
            try kill(shop, clients, round: round, after: kills == 1 ? 100 : 20)
            shop = try RunningShop(folder)
        }
        try check(shop, clients)
        #expect(shop.alarms.isEmpty, "\(shop.notices)")
        let running = try Shopctl.verify(folder)
        #expect(running.code == 0, "\(running.all)")
        try shop.stop()
        let verified = try Shopctl.verify(folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `a shop killed again and again as soon as it is ready still gets done`() throws {
        var shop = try RunningShop.fresh()
        let folder = shop.folder
        let ids = try (0..<20).map { _ in try shop.accepted()["id"] }
        for _ in 0..<5 {
            shop.child.kill()
            shop = try RunningShop(folder)
        }
        for id in ids { #expect(try shop.end(of: id)["status"] == "completed") }
        #expect(try Shopctl.verify(folder).code == 0)
    }

    @Test(arguments: [2, 15]) func `a signal ends the shop cleanly under load`(number: Int32) throws
    {
        let shop = try RunningShop.fresh(mugs: 100_000)
        let clients = Clients()
        _ = inParallel(5) { index in
            guard index == 0 else { return clients.load(shop, "c\(index)") }
            try? eventually("orders are acknowledged") { clients.told.withLock { $0.count } > 20 }
            shop.child.signal(number)
            clients.isOver.store(true, ordering: .relaxed)
        }
        #expect(try shop.child.end() == 0, "\(shop.notices)")
        let again = try RunningShop(shop.folder)
        try check(again, clients)
        try again.stop()
        #expect(again.alarms.isEmpty && shop.alarms.isEmpty, "\(shop.notices)\(again.notices)")
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }
}
