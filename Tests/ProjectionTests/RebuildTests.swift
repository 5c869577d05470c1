import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import Projections
import SQLite
import Synchronization
import Testing

/// Rows that are built anew while they are read and written.
@Suite struct RebuildTests {
    /// Threads that read all the time, and what went wrong for them.
    private final class Readers: Sendable {
        struct Known: Sendable {
            let order: OrderID
            let placed: Position
        }

        private let failures = Mutex<[String]>([])
        private let count = Atomic<Int>(0)
        private let isOver = Atomic<Bool>(false)

        var reads: Int { count.load(ordering: .relaxed) }

        /// Reads orders that the token names: they must be there.
        func run(_ rig: RunnerRig, _ known: [Known]) {
            var turn = 0
            while !isOver.load(ordering: .relaxed) {
                let token = rig.freshness.token
                let orders = token.marks.first { $0.log.value == "orders" }
                guard let mark = orders?.mark else { continue }
                let visible = known.prefix { $0.placed <= mark.position }
                guard !visible.isEmpty else { continue }
                turn += 1
                let order = visible[turn * 7 % visible.count].order
                do {
                    if try rig.store.order(order) == nil { fail("\(order) is not there") }
                    if try rig.store.timeline(order, limit: 5).isEmpty {
                        fail("\(order) has no history")
                    }
                } catch { fail("\(error)") }
                count.add(1, ordering: .relaxed)
            }
        }

        private func fail(_ what: String) {
            failures.withLock { if $0.count < 5 { $0.append(what) } }
        }

        func end(_ workers: [Worker]) -> [String] {
            isOver.store(true, ordering: .relaxed)
            for worker in workers { worker.join() }
            return failures.withLock { $0 }
        }
    }

    @Test func `rows built anew under writes are the same, and no read fails meanwhile`() throws {
        let rig = try RunnerRig(orders: 240)
        try rig.grow(by: 100)
        try rig.caughtUp()
        let known = rig.logs[0].whole.messages.compactMap { message -> Readers.Known? in
            guard message.type.name == "order.placed" else { return nil }
            return OrderID(message.stream.id).map {
                Readers.Known(order: $0, placed: message.identity.position)
            }
        }
        let readers = Readers()
        let workers = (0..<3).map { index in
            Worker("reader-\(index)") { readers.run(rig, known) }
        }
        var tokens = [rig.freshness.token]
        for round in 1...3 {
            let before = readers.reads
            let last = rig.runner.status.lastRebuild
            #expect(rig.runner.rebuild("orders") == .started)
            for _ in 0..<10 { try rig.grow(by: 8) }
            let report = try rig.ended(after: last)
            #expect(report.differences == 0 && report.failure == nil, "\(report)")
            #expect(rig.fileName == "live-\(round).db")
            try rig.caughtUp()
            try eventually("there are reads") { readers.reads > before + 50 }
            // Whatever was seen before is seen now.
            for token in tokens { #expect(rig.freshness.hasSeen(token)) }
            tokens.append(rig.freshness.token)
        }
        while !rig.logs.allSatisfy(\.isWhole) { try rig.grow(by: 500) }
        try rig.caughtUp()
        let failures = readers.end(workers)
        #expect(failures.isEmpty, "\(failures)")
        #expect(try dump(rig.store.path) == rig.expected())
        #expect(try rig.files.allSatisfy { $0.hasPrefix("live-3.db") })
        #expect(rig.runner.status.state == .live && rig.runner.status.lag != nil)
        // Where a sanitizer slows it down, taking the new rows' place takes a second, and is told.
        let isSlow = ProcessInfo.processInfo.environment["KASSA_PATIENCE"] != nil
        let notices = rig.notices.filter { !isSlow || !$0.hasSuffix("is down") }
        #expect(notices.isEmpty, "\(notices)")
    }

    @Test func `a damaged live row is mended, counted and told of`() throws {
        let rig = try RunnerRig(orders: 20)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        let right = try rig.expected()
        try Connection(path: rig.store.path, mode: .writer).execute(
            """
            UPDATE orders SET total = total + 1 WHERE id = 'order-3';
            DELETE FROM stock WHERE sku = 'A-1'
            """)
        #expect(try dump(rig.store.path) != right)
        let report = try rig.rebuilt()
        #expect(report.differences == 2 && report.failure == nil)
        #expect(try dump(rig.store.path) == right)
        #expect(rig.notices.contains { $0.contains("2 place(s)") }, "\(rig.notices)")
        #expect(rig.notices.contains { $0.contains("order-3") && $0.contains("total") })
        #expect(try rig.rebuilt().differences == 0)
    }

    @Test func `old rows that cannot be read any more are replaced all the same`() throws {
        let rig = try RunnerRig(orders: 20)
        try rig.grow(by: 20)
        try rig.caughtUp()
        try Connection(path: rig.store.path, mode: .writer).execute("DROP TABLE stock")
        // What comes in now cannot be written any more.
        try rig.grow(by: 20)
        let report = try rig.rebuilt()
        #expect(report.differences == nil && report.failure == nil, "\(report)")
        try rig.grow(by: 20)
        try rig.caughtUp()
        #expect(try dump(rig.store.path) == rig.expected())
        #expect(rig.notices.contains { $0.contains("could not be compared") }, "\(rig.notices)")
    }

    @Test(arguments: [0, 1, 2]) func `a feed that cannot be read only delays a rebuild`(
        reads: Int
    ) throws {
        let rig = try RunnerRig(orders: 60)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        rig.logs[1].goDown(afterReads: reads)
        #expect(rig.runner.rebuild("orders") == .started)
        let waiting = try eventually("it waits") {
            let status = rig.runner.status
            return status.reason == nil ? nil : status
        }
        #expect(waiting.state == .rebuilding)
        #expect(waiting.reason?.contains("the service is down") == true, "\(waiting)")
        #expect(rig.runner.rebuild("orders") == .underWay)
        #expect(rig.runner.rebuild("shoes") == .unknown)
        // Reads go on from the old rows.
        let id = try #require(OrderID("order-0"))
        #expect(try rig.store.order(id) != nil)
        #expect(rig.fileName == "live.db")
        rig.logs[1].isUp = true
        let report = try rig.ended()
        #expect(report.differences == 0 && report.failure == nil, "\(report)")
        #expect(rig.fileName == "live-1.db")
        #expect(try dump(rig.store.path) == rig.expected())
    }

    @Test func `what cannot be caught up with is left to no writer, and tried again`() throws {
        let rig = try RunnerRig(orders: 10, closeEnough: -1)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        #expect(rig.runner.rebuild("orders") == .started)
        try eventually("it says why it waits") {
            rig.runner.status.reason == "the logs grow faster than they are folded"
        }
        #expect(rig.runner.status.state == .rebuilding)
        #expect(rig.fileName == "live.db")
        #expect(try dump(rig.store.path) == rig.expected())
    }

    @Test func `a log's new epoch has a rebuild begin again`() throws {
        let rig = try RunnerRig(orders: 60)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        // Held up where all of the orders may be folded already, but not yet the deliveries.
        rig.logs[2].goDown(afterReads: 1)
        #expect(rig.runner.rebuild("orders") == .started)
        try eventually("it waits") { rig.runner.status.reason != nil }
        let orders = rig.logs[0]
        let cut = orders.whole.messages[10].identity.position
        orders.restore(to: cut) { log in
            for number in 0..<200 {
                log.append(StreamID("order", "order-\(number % 5)"), Order.Event.confirmed)
            }
        }
        try rig.grow(by: 1000)
        rig.logs[2].isUp = true
        try eventually("the live rows are whole again") {
            // Sources speak now and then, which tells a reader that it misses something.
            try rig.grow(by: 0)
            let orders = rig.runner.status.readings.first { $0.source == orders.source }
            return orders?.epoch == Epoch(2) && rig.freshness.staleReason == nil
        }
        let report = try rig.ended()
        #expect(report.failure == nil, "\(report)")
        try rig.caughtUp()
        #expect(try dump(rig.store.path) == rig.expected())
        #expect(rig.runner.status.state == .live)
    }

    @Test func `a runner that stops in the middle of a rebuild leaves nothing of it`() throws {
        let rig = try RunnerRig(orders: 20)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        rig.logs[1].goDown(afterReads: 0)
        #expect(rig.runner.rebuild("orders") == .started)
        try eventually("it waits") { rig.runner.status.reason != nil }
        rig.runner.stop()
        #expect(try rig.files.allSatisfy { $0.hasPrefix("live.db") })
    }
}
