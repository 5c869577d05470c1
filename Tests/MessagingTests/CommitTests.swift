import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import Orders
import SQLite
import Simulation
import Testing

/// What a failing disk may do to a commit, and what is said of it.
@Suite struct CommitTests {
    private let runtime = SimulatedRuntime(seed: 1)
    private let failure = SQLiteError(code: 10, message: "fdatasync", action: "COMMIT")

    private func bench() throws -> Bench<OrdersCore> {
        try Bench(runtime: runtime) { [runtime] in OrdersCore(runtime: runtime) }
    }

    private func place(_ name: String, key: String? = nil) throws -> EngineInput<OrdersCore> {
        .command(.place(try orderID(name), try draft()), context(key ?? name))
    }

    private func accepted(_ output: EngineOutput<OrdersAnswer>) -> (String, Bool)? {
        guard case .answer(.accepted(let order, _, _), let replayed) = output else { return nil }
        return (order.value, replayed)
    }

    @Test
    func `when a commit fails its whole batch is answered unknown, and nothing more is taken`()
        throws
    {
        let bench = try bench()
        bench.fault = { [failure] in $0 == .after ? failure : nil }
        let outputs = try bench.send([place("a"), place("b"), .checkpoint(OrdersCore.sources[0])])
        #expect(outputs.count == 3 && outputs.allSatisfy(\.isUnknown))
        #expect(try bench.engine.isBroken)
        bench.fault = nil
        #expect(try bench.send(place("c")).unavailable != nil)
        #expect(try bench.engine.effectsToRun(at: bench.now, limit: 8).isEmpty)
        #expect(throws: StoreError.self) { try bench.engine.log.commit(at: bench.now) { _ in } }
    }

    @Test func `asked again with the same key, a commit that was there gives its first answer`()
        throws
    {
        let bench = try bench()
        bench.fault = { [failure] in $0 == .after ? failure : nil }
        try bench.send([place("a"), place("b")])
        bench.fault = nil
        try bench.crash()
        let head = try bench.engine.log.head
        // The gateway gives the repeated request another id: the first one's counts.
        let again = try #require(accepted(bench.send(place("again", key: "a"))))
        #expect(again == ("a", true))
        #expect(try bench.engine.log.head == head)
        #expect(try bench.types().filter { $0 == "order.placed" }.count == 2)
    }

    @Test func `asked again with the same key, a commit that was not there is decided anew`() throws
    {
        let bench = try bench()
        try bench.send(place("before"))
        let copy = "\(bench.folder.path)/copy.db"
        bench.fault = { [failure, path = bench.path] moment in
            guard moment == .before else { return failure }
            // The disk as the power's loss leaves it.
            return (try? copyDatabase(path, to: copy)) == nil ? failure : nil
        }
        #expect(try bench.send(place("a")).isUnknown)
        bench.fault = nil
        bench.stop()
        try copyDatabase(copy, to: bench.path)
        try bench.crash()
        let again = try #require(accepted(bench.send(place("again", key: "a"))))
        #expect(again == ("again", false))
        #expect(try bench.types().filter { $0 == "order.placed" }.count == 2)
    }

    @Test func `what failed before the commit is unavailable, and nothing of it is there`() throws {
        let bench = try bench()
        try bench.send(place("before"))
        let head = try bench.engine.log.head
        bench.fault = { [failure] in $0 == .before ? failure : nil }
        let outputs = try bench.send([place("a"), place("b")])
        #expect(outputs.allSatisfy { $0.unavailable != nil })
        #expect(bench.board.status?.head == head)
        bench.fault = nil
        try bench.crash()
        #expect(try bench.engine.log.head == head)
        #expect(try bench.engine.log.tree.size == head.value)
        #expect(try #require(accepted(bench.send(place("a")))) == ("a", false))
    }

    @Test func `before the commit nobody outside sees what it decides`() throws {
        let bench = try bench()
        let reader = try LogReader(path: bench.path)
        var seen: [Position] = []
        bench.fault = { [board = bench.board] moment in
            guard moment == .before else { return nil }
            seen.append(board.status?.head ?? .start)
            seen.append((try? reader.queries.head()) ?? Position(-1))
            seen.append(Position(Int64(board.tail(after: .start, limit: 9)?.count ?? 0)))
            return nil
        }
        try bench.send(place("a"))
        #expect(seen == [.start, .start, .start])
        #expect(try bench.board.status?.head == bench.engine.log.head)
    }

    @Test func `one input that cannot be decided takes nothing else of its batch with it`() throws {
        let bench = try bench()
        let outputs = try bench.send([
            place("a"), .command(.cancel(try orderID("none"), reason: ""), context()), place("b"),
        ])
        #expect(accepted(outputs[0])?.0 == "a" && accepted(outputs[2])?.0 == "b")
        #expect(outputs[1].answered?.0 == .refused(.unknownOrder))
        for record in try bench.records() { #expect(record.leaf == record.computedLeaf) }
    }
}

/// A client's keys, and the merchant's references.
@Suite struct IdempotencyTests {
    private let runtime = SimulatedRuntime(seed: 1)

    private func bench() throws -> Bench<OrdersCore> {
        try Bench(runtime: runtime) { [runtime] in OrdersCore(runtime: runtime) }
    }

    private func place(
        _ name: String, key: String, body: String = "body", reference: String? = nil,
        contact: String? = nil
    ) throws -> EngineInput<OrdersCore> {
        let draft = try draft(contact: contact, reference: reference)
        return .command(.place(try orderID(name), draft), context(key, body: body))
    }

    private func orders(_ bench: Bench<OrdersCore>) throws -> [String] {
        try bench.records().filter { $0.type.name == "order.placed" }.map(\.stream.id)
    }

    @Test func `a key that comes twice in one batch leads to one order`() throws {
        let bench = try bench()
        let outputs = try bench.send([place("a", key: "k"), place("b", key: "k")])
        #expect(try orders(bench) == ["a"])
        #expect(outputs.map { $0.answered?.replayed } == [false, true])
        #expect(outputs[0].answered?.0 == outputs[1].answered?.0)
    }

    @Test func `a key is known after a restart, and for another body it is refused`() throws {
        let bench = try bench()
        let first = try bench.send(place("a", key: "k")).answered?.0
        try bench.crash()
        runtime.advance(by: .seconds(86_000))
        #expect(try bench.send(place("b", key: "k")).answered?.0 == first)
        guard case .keyReused = try bench.send(place("c", key: "k", body: "other")) else {
            Issue.record("another body was taken for the same request")
            return
        }
        #expect(try orders(bench) == ["a"])
    }

    @Test func `a key is forgotten after two days`() throws {
        let bench = try bench()
        try bench.send(place("a", key: "k"))
        runtime.advance(by: .seconds(2 * 86_400))
        #expect(try bench.send(place("b", key: "k")).answered?.replayed == false)
        #expect(try orders(bench) == ["a", "b"])
        let left = try Connection(path: bench.path, mode: .reader)
            .integer("SELECT count(*) FROM ledger")
        #expect(left == 1)
    }

    @Test func `a reference belongs to one order for ever`() throws {
        let bench = try bench()
        try bench.send(place("a", key: "k1", reference: "2026-17"))
        for days in [0, 1, 400] {
            runtime.advance(by: .seconds(days * 86_400))
            try bench.crash()
            let output = try bench.send(place("b\(days)", key: "k2", reference: "2026-17"))
            #expect(output.answered?.0 == .refused(.referenceTaken(by: try orderID("a"))))
        }
        let outputs = try bench.send([
            place("c", key: "k3", reference: "2026-18"),
            place("d", key: "k4", reference: "2026-18"),
        ])
        #expect(outputs[1].answered?.0 == .refused(.referenceTaken(by: try orderID("c"))))
        #expect(try orders(bench) == ["a", "c"])
    }

    @Test func `an order that is refused leaves its reference free`() throws {
        let bench = try bench()
        let long = String(repeating: "a", count: 4000)
        let output = try bench.send(place("a", key: "k", reference: "2026-17", contact: long))
        guard case .refused(.invalid)? = output.answered?.0 else {
            Issue.record("a contact too long to be sealed was taken")
            return
        }
        #expect(try bench.records().isEmpty)
        guard
            case .accepted? = try bench.send(place("b", key: "k", reference: "2026-17")).answered?.0
        else {
            Issue.record("the reference is taken by an order that was never placed")
            return
        }
        // Nor does an id that is taken claim another reference.
        try bench.send(place("b", key: "k2", body: "2", reference: "2026-18", contact: "x"))
        guard
            case .accepted? = try bench.send(place("c", key: "k3", reference: "2026-18")).answered?
                .0
        else {
            Issue.record("the reference is taken by a refused request")
            return
        }
    }
}
