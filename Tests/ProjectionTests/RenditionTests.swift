import Domain
import EventSourcing
import EventStore
import Foundation
import Projections
import SQLite
import Synchronization
import Testing

/// An order's answer is kept, and never given once it is old.
@Suite struct RenditionTests {
    /// All that is shown of an order, and how often that was asked for.
    private final class Renderer: Sendable {
        private let state = Mutex(0)
        var count: Int { state.withLock { $0 } }

        func show(_ order: OrderDetail) -> [UInt8] {
            state.withLock { $0 += 1 }
            return Array("\(order)".utf8)
        }
    }

    private func id(_ text: String) throws -> OrderID { try #require(OrderID(text)) }

    @Test func `an order that did not change is made into an answer once`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 4)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 1)
        let renderer = Renderer()
        for _ in 0..<5 {
            let shown = try #require(try engine.store.order(id("order-1"), shown: renderer.show))
            let order = try #require(try engine.store.order(id("order-1")))
            #expect(shown.entityTag == order.entityTag && shown.body == Array("\(order)".utf8))
        }
        #expect(renderer.count == 1)
        // A commit about others leaves it.
        _ = engine.take([shop.orders.watermark()], of: shop.orders.source, at: now)
        _ = try engine.store.order(id("order-1"), shown: renderer.show)
        #expect(renderer.count == 1)
        #expect(try engine.store.order(id("none"), shown: renderer.show) == nil)
    }

    @Test func `a long answer is made anew each time`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 1)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 1)
        let count = Mutex(0)
        for _ in 0..<3 {
            _ = try engine.store.order(id("order-0")) { _ in
                count.withLock { $0 += 1 }
                return Array(repeating: 0x20, count: 2049)
            }
        }
        #expect(count.withLock { $0 } == 3)
    }

    @Test func `after each commit every order is shown as its rows are`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 8)
        let engine = try engine(scratch, "live", shop)
        let renderer = Renderer()
        for log in shop.logs {
            for at in log.messages.indices {
                _ = engine.take(log.received(at..<at + 1), of: log.source, at: now)
                for number in 0..<8 {
                    let id = try id("order-\(number)")
                    let shown = try engine.store.order(id, shown: renderer.show)
                    let order = try engine.store.order(id)
                    #expect(shown?.entityTag == order?.entityTag)
                    #expect(shown?.body == order.map { Array("\($0)".utf8) })
                }
            }
        }
    }

    @Test func `what was read while a commit came is not kept`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 1)
        let engine = try engine(scratch, "live", shop)
        let log = shop.orders
        _ = engine.take(log.received(0..<1), of: log.source, at: now)
        let old = try engine.store.order(id("order-0")) { order in
            _ = engine.take(log.received(1..<2), of: log.source, at: now)
            return Array("\(order.status)".utf8)
        }
        #expect(old?.body == Array("placed".utf8))
        let shown = try engine.store.order(id("order-0")) { Array("\($0.status)".utf8) }
        let order = try #require(try engine.store.order(id("order-0")))
        #expect(order.status != .placed && shown?.body == Array("\(order.status)".utf8))
    }

    @Test func `a commit that failed and yet took effect is shown`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 1)
        let engine = try engine(scratch, "live", shop)
        let log = shop.orders
        _ = engine.take(log.received(0..<1), of: log.source, at: now)
        let renderer = Renderer()
        let before = try engine.store.order(id("order-0"), shown: renderer.show)
        engine.commitFault = { (moment) throws(SQLiteError) in
            guard moment == .after else { return }
            throw SQLiteError(code: 10, message: "disk I/O error", action: "COMMIT")
        }
        _ = engine.take(log.received(1..<2), of: log.source, at: now)
        #expect(engine.isBroken)
        let after = try engine.store.order(id("order-0"), shown: renderer.show)
        #expect(after?.entityTag == (try engine.store.order(id("order-0")))?.entityTag)
        #expect(after?.entityTag != before?.entityTag)
    }

    @Test func `orders whose rows are built anew are not shown as they were`() throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 8)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 1)
        let renderer = Renderer()
        #expect(try engine.store.order(id("order-1"), shown: renderer.show) != nil)
        let cut = shop.orders.messages[5].identity.position
        shop.orders.restore(to: cut)
        _ = engine.rewind(shop.orders.source, shop.orders.epoch, cut, FakeLog.leaf(cut), at: now)
        #expect(try engine.store.order(id("order-1"), shown: renderer.show) == nil)
    }

    @Test func `after a rebuild orders are shown from the new file`() throws {
        let rig = try RunnerRig(orders: 20)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        let renderer = Renderer()
        let right = try rig.store.order(id("order-4"))
        try Connection(path: rig.store.path, mode: .writer).execute(
            "UPDATE orders SET total = total + 1 WHERE id = 'order-4'")
        let wrong = try #require(try rig.store.order(id("order-4"), shown: renderer.show))
        #expect(try rig.rebuilt().differences == 1)
        let shown = try #require(try rig.store.order(id("order-4"), shown: renderer.show))
        #expect(shown.body != wrong.body && shown.body == right.map { Array("\($0)".utf8) })
    }

    /// Several threads read while one writes; each answer must have what its token says.
    @Test func `no thread is shown less than the token that it was given before`() throws {
        let scratch = try Scratch()
        let freshness = Freshness()
        var shop = try Shop(orders: 1)
        for _ in 0..<400 {
            shop.orders.append(StreamID("order", "order-0"), Order.Event.cancellationRefused)
        }
        let engine = try engine(scratch, "live", shop, freshness)
        let log = shop.orders
        _ = engine.take(log.received(0..<1), of: log.source, at: now)
        let (store, id) = (engine.store, try id("order-0"))
        let (isOver, stale, reads) = (Atomic(false), Atomic(0), Atomic(0))
        let readers = DispatchGroup()
        withExtendedLifetime(readers) {
            for _ in 0..<3 {
                DispatchQueue.global().async(group: readers) {
                    while !isOver.load(ordering: .acquiring) {
                        let seen = freshness.token.marks.first { $0.log == log.source.log }
                        let shown = try? store.order(id) { Array("\($0.marks[0].position)".utf8) }
                        let position = shown.flatMap {
                            Int64(String(decoding: $0.body, as: UTF8.self))
                        }
                        reads.add(1, ordering: .relaxed)
                        if (position ?? 0) < (seen?.mark.position.value ?? 0) {
                            stale.add(1, ordering: .relaxed)
                        }
                    }
                }
            }
            for at in 1..<log.messages.count {
                _ = engine.take(log.received(at..<at + 1), of: log.source, at: now)
            }
            isOver.store(true, ordering: .releasing)
            readers.wait()
        }
        #expect(stale.load(ordering: .relaxed) == 0)
    }
}
