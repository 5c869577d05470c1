import EventSourcing
import Glibc
import HTTP
import Synchronization
import Testing

/// What clients were told, by key.
final class Clients: Sendable {
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

    /// The same, and goes on where there is no answer, until it is over.
    func persist(_ shop: RunningShop, _ name: String) {
        for number in 0... {
            guard !isOver.load(ordering: .relaxed) else { return }
            let key = "\(name)-\(number)"
            asked.withLock { $0.append(key) }
            guard let answer = try? shop.place(Clients.order(key), key: key) else {
                usleep(10_000)
                continue
            }
            guard answer.status == 201 else { continue }
            told.withLock { $0[key] = answer["id"] }
        }
    }

    static func order(_ key: String) -> OrderBody {
        OrderBody(token: "tok_ok", more: "\"reference\":\"\(key)\"")
    }

    /// Every order that a client knows of, or may know of, is there once and completes.
    func check(_ shop: RunningShop) throws {
        let told = told.withLock { $0 }
        var ids = told
        for key in asked.withLock({ $0 }) {
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
}
