import Domain
import EventSourcing
import EventStore
import Messaging
import Payments
import Simulation
import Testing

/// Parked messages under an operator's hand: each act is on record, and a rehearsal leaves nothing.
@Suite struct ParkedActTests {
    private let runtime = SimulatedRuntime(seed: 1)
    private let type = EventType("order.placed")

    /// A service that cannot apply messages at these positions, with those of key `a` parked.
    private func bench(_ bad: Shared<Set<Int64>>, count: Int = 4) throws
        -> (Bench<ProbeCore>, Source)
    {
        let bench = try Bench(runtime: runtime) {
            ProbeCore { (message) throws(ReactionError) in
                guard bad.value.contains(message.identity.position.value) else { return }
                throw .poison("it makes no sense")
            }
        }
        var orders = Publisher("orders", Publication.facts, runtime)
        let messages = (0..<count).map { _ in orders.raw(type, "{}", of: StreamID("order", "a")) }
        try bench.read(orders.source, messages)
        return (bench, orders.source)
    }

    private func parked(_ bench: Bench<ProbeCore>) throws -> [Int64] {
        try bench.engine.log.parked(limit: 1000).map(\.position.value)
    }

    private func acts(_ bench: Bench<ProbeCore>) throws -> [ParkedHistory.Event] {
        try bench.records().filter { $0.stream.category == "parked" }.map {
            try $0.decoded(as: ParkedHistory.Event.self).event
        }
    }

    @Test func `a retry is on record with who and why, and what it came to`() throws {
        let bad = Shared<Set<Int64>>([1, 3])
        let (bench, source) = try bench(bad)
        bad.value = [3]
        let report = try bench.retry(source, "a")
        #expect(report.applied == 2 && report.left == 2)
        let instruction = try #require(Instruction(by: "ann", why: "a test"))
        let stop = ParkedReport.Stop(position: Position(3), reason: "it makes no sense")
        #expect(report.stop == stop)
        #expect(
            try acts(bench) == [
                .retried(
                    source: "orders/facts", [Position(1), Position(2)], stop, instruction)
            ])
        let record = try #require(try bench.records().last)
        #expect(report.event == record.identity && record.stream == StreamID("parked", "a"))
        #expect(try record.parsedMetadata().actor == "operator:ann")
        // What could not be applied now says why now.
        #expect(try bench.engine.log.parked(limit: 1).first?.reason == "it makes no sense")
    }

    @Test func `a rehearsal tells what would come of it, and changes nothing`() throws {
        let bad = Shared<Set<Int64>>([1, 3])
        let (bench, source) = try bench(bad)
        bad.value = [3]
        let records = try bench.records().count
        let report = try bench.retry(source, "a", isRehearsal: true)
        #expect(report.applied == 2 && report.left == 2 && report.event == nil)
        #expect(report.stop?.position == Position(3))
        #expect(try bench.records().count == records)
        #expect(try parked(bench) == [1, 2, 3, 4])
        #expect(try bench.seen().isEmpty)
        // And what is done after it is done as if it had not been.
        bad.value = []
        #expect(try bench.retry(source, "a").applied == 4)
        #expect(try bench.seen() == (1...4).map { "orders/1/\($0)" })
    }

    @Test func `what is discarded is left out, and kept in the log`() throws {
        let bad = Shared<Set<Int64>>([1])
        let (bench, source) = try bench(bad)
        let rehearsed = try bench.act(
            .discard(Position(1)), source, "a", isRehearsal: true
        ).get()
        #expect(rehearsed.applied == 3 && rehearsed.left == 0)
        let second = try bench.act(.discard(Position(2)), source, "a")
        #expect(
            second
                == .failure(.invalid("only the key's first can be discarded, which is at 1")))
        let report = try bench.act(.discard(Position(1)), source, "a").get()
        #expect(report.applied == 0 && report.left == 3)
        #expect(try parked(bench) == [2, 3, 4])
        guard case .discarded(let text, let reason, _)? = try acts(bench).last else {
            Issue.record("it is not on record")
            return
        }
        #expect(text.data == "{}" && text.id == "orders/1/1" && reason == "it makes no sense")
        #expect(try bench.retry(source, "a").left == 0)
        #expect(try bench.seen() == ["orders/1/2", "orders/1/3", "orders/1/4"])
    }

    @Test func `the last one that is discarded lets its key flow`() throws {
        let bad = Shared<Set<Int64>>([1])
        let (bench, source) = try bench(bad, count: 1)
        #expect(try bench.act(.discard(Position(1)), source, "a").get().left == 0)
        #expect(try bench.engine.parkedKeys(of: source).isEmpty)
    }

    @Test func `edited data are what a retry applies, and both are on record`() throws {
        let bench = try Bench(runtime: runtime) {
            ProbeCore { (message) throws(ReactionError) in
                guard message.data == Array("{}".utf8) else { return }
                throw .poison("it is empty")
            }
        }
        var orders = Publisher("orders", Publication.facts, runtime)
        try bench.read(orders.source, [orders.raw(type, "{}", of: StreamID("order", "a"))])
        let data = Array(#"{"contact":"x"}"#.utf8)
        let rehearsed = try bench.act(
            .edit(Position(1), data: data), orders.source, "a", isRehearsal: true
        ).get()
        #expect(rehearsed.applied == 1 && rehearsed.left == 0)
        #expect(try bench.act(.edit(Position(1), data: data), orders.source, "a").get().left == 1)
        guard case .edited(let text, let after, _)? = try acts(bench).last else {
            Issue.record("it is not on record")
            return
        }
        #expect(text.data == "{}" && after == #"{"contact":"x"}"#)
        try bench.crash()
        #expect(try bench.retry(orders.source, "a").applied == 1)
    }

    @Test func `what is not parked is refused, and nothing is recorded`() throws {
        let (bench, source) = try bench(Shared([1]))
        for key in ["b", "", "a b"] {
            guard case .failure(.notFound) = try bench.act(.retry, source, key) else {
                Issue.record("\(key) was found")
                return
            }
        }
        let other = Source(LogName("payments"), Publication.facts)
        guard case .failure(.notFound) = try bench.act(.retry, other, "a"),
            case .failure(.notFound) = try bench.act(
                .edit(Position(9), data: []), source, "a")
        else {
            Issue.record("it was found")
            return
        }
        #expect(try acts(bench).isEmpty)
    }

    @Test func `a retry takes a bounded number, and the next one goes on`() throws {
        let bad = Shared<Set<Int64>>([1])
        let count = ParkedAct.mostApplied + 10
        let (bench, source) = try bench(bad, count: count)
        bad.value = []
        let first = try bench.retry(source, "a")
        #expect(first.applied == ParkedAct.mostApplied && first.left == 10)
        #expect(first.stop == nil)
        #expect(try bench.retry(source, "a").left == 0)
        #expect(try bench.seen() == (1...count).map { "orders/1/\($0)" })
    }

    @Test func `what an act was about is not made public`() throws {
        let instruction = try #require(Instruction(by: "ann", why: "w"))
        let text = ParkedHistory.ParkedText(
            source: "s", position: Position(1), id: "orders/1/1", data: #"{"token":"tok"}"#)
        for event: ParkedHistory.Event in [
            .edited(text, after: #"{"token":"tok"}"#, instruction),
            .discarded(text, reason: "r", instruction),
        ] {
            var json = JSONWriter()
            event.encode(to: &json)
            let read = try ParkedHistory.Event.decode(event.type, try JSON(parsing: json.bytes))
            #expect(read == event)
            let record = StoredRecord(
                identity: try #require(EventIdentity("orders/1/2")),
                stream: StreamID("parked", "a"), version: Version(1), type: event.type,
                recordedAt: .epoch, data: json.bytes, metadata: Array("{}".utf8),
                leaf: MerkleTree.emptyRoot)
            let forms = PaymentsCore.publication.forms(of: record)
            #expect(forms.count == 1)
            #expect(!String(decoding: forms[0].data, as: UTF8.self).contains("tok"))
        }
    }
}
