import EventSourcing
import EventStore
import Messaging
import SQLite
import Simulation
import TestKit
import Testing

/// Which calls are handed out, and when, though the file is seldom asked.
@Suite struct EffectQueueTests {
    private let bench: Bench<CallCore>

    init() throws { bench = try Bench { CallCore() } }

    private func ask(_ keys: String...) throws { try bench.send(keys.map { Self.asking($0) }) }

    private static func asking(
        _ key: String, kind: String = "call", after pause: Duration = .zero, fails: Bool = false
    ) -> EngineInput<CallCore> {
        .command(.init(key: key, kind: kind, pause: pause, fails: fails), context())
    }

    private func handedOut(_ limit: Int = 8) throws -> [Effect] {
        try bench.engine.effectsToRun(at: bench.now, limit: limit)
    }

    private func keys(_ limit: Int = 8) throws -> [String] { try handedOut(limit).map(\.key) }

    private func answer(_ effect: Effect, _ text: String) throws {
        try bench.send(.effect(effect, .answered(text)))
    }

    @Test func `calls are handed out once, in the order they were asked for`() throws {
        #expect(try keys().isEmpty)
        try ask("c", "a")
        try ask("b")
        #expect(try keys(0).isEmpty)
        #expect(try keys(2) == ["c", "a"])
        #expect(try keys(2) == ["b"])
        #expect(try keys(2).isEmpty)
        // The file tells those apart by their keys that were asked for at the same time.
        try bench.crash()
        #expect(try keys() == ["a", "b", "c"])
        #expect(try keys().isEmpty)
    }

    @Test func `what a decision asked for that was taken back is not called`() throws {
        #expect(try keys().isEmpty)
        let inputs = [Self.asking("a"), Self.asking("b", fails: true), Self.asking("c")]
        try bench.send(inputs)
        #expect(try keys() == ["a", "c"])
        #expect(try bench.effects().map(\.key) == ["a", "c"])
    }

    @Test func `what a commit asked for that failed is not called`() throws {
        #expect(try keys().isEmpty)
        bench.fault = { $0 == .before ? SQLiteError(code: 13, message: "full", action: "") : nil }
        try ask("a")
        bench.fault = nil
        #expect(try keys().isEmpty)
        try bench.crash()
        try ask("b")
        #expect(try keys() == ["b"])
    }

    @Test func `a result that comes twice in one commit is taken once`() throws {
        try ask("a")
        let call = try #require(handedOut().first)
        try bench.send([.effect(call, .answered("done")), .effect(call, .answered("done"))])
        #expect(try bench.types() == ["call.answered"])
        try answer(call, "done")
        #expect(try bench.types() == ["call.answered"])
        #expect(try keys().isEmpty)
    }

    @Test func `a result whose recording fails has the call made again, a minute later`() throws {
        try ask("a")
        try answer(try #require(handedOut().first), "fails")
        #expect(try bench.types().isEmpty && keys().isEmpty)
        bench.runtime.advance(by: .seconds(61))
        let again = try #require(handedOut().first)
        #expect(again.key == "a" && again.attempts == 1)
        try answer(again, "done")
        #expect(try bench.effects().isEmpty && bench.types() == ["call.answered"])
    }

    @Test func `a call that is neither finished nor postponed is made again`() throws {
        try ask("a", "b")
        let calls = try handedOut()
        try answer(try #require(calls.first), "nothing")
        #expect(try keys() == ["a"])
        #expect(try keys().isEmpty)
    }

    @Test func `what is postponed is called when its time has come, and not before`() throws {
        try ask("a", "b")
        for call in try handedOut() { try answer(call, "later") }
        try bench.send(Self.asking("soon", after: .seconds(5)))
        #expect(try keys().isEmpty)
        bench.runtime.advance(by: .seconds(6))
        // What has waited longer goes first.
        try ask("now")
        #expect(try keys() == ["soon", "now"])
        bench.runtime.advance(by: .seconds(5))
        let calls = try handedOut()
        #expect(calls.map(\.key) == ["a", "b"] && calls.allSatisfy { $0.attempts == 1 })
    }

    @Test func `a result of a call that is done with changes nothing`() throws {
        try ask("a")
        let first = try #require(handedOut().first)
        try answer(first, "another")
        let second = try #require(handedOut().first)
        #expect(second.key == "a+")
        // The thread of an engine that was dropped answers late.
        try answer(first, "done")
        #expect(try bench.effects() == [second])
        try answer(second, "done")
        #expect(try bench.effects().isEmpty && keys().isEmpty)
    }

    @Test func `a call that becomes another while it waits is made once, as the other`() throws {
        #expect(try keys().isEmpty)
        try bench.send([Self.asking("a"), Self.asking("b"), Self.asking("a", kind: "other")])
        #expect(try bench.effects().map(\.kind) == ["other", "call"])
        try bench.send(Self.asking("b", kind: "other"))
        let calls = try handedOut()
        #expect(calls.map(\.key) == ["a", "b"] && calls.allSatisfy { $0.kind == "other" })
        #expect(try keys().isEmpty)
    }

    @Test func `a call that becomes another while it is out waits for its result`() throws {
        try ask("a")
        let call = try #require(handedOut().first)
        try bench.send(Self.asking("a", kind: "other"))
        #expect(try keys().isEmpty)
        try answer(call, "later")
        #expect(try keys().isEmpty)
        bench.runtime.advance(by: .seconds(11))
        #expect(try handedOut().map(\.kind) == ["other"])
        #expect(try keys().isEmpty)
    }

    @Test func `what asks for a call that is there already changes nothing`() throws {
        try ask("a", "a")
        let call = try #require(handedOut().first)
        try ask("a")
        #expect(try keys().isEmpty)
        try answer(call, "done")
        try ask("a")
        #expect(try keys() == ["a"])
    }

    @Test func `as many as may come are handed out once each, in their order`() throws {
        #expect(try keys().isEmpty)
        let names = (0..<1500).map { "\($0)" }
        for start in stride(from: 0, to: names.count, by: 250) {
            try bench.send(names[start..<start + 250].map { Self.asking($0) })
            bench.runtime.advance(by: .milliseconds(1))
        }
        var seen: [String] = []
        while case let calls = try handedOut(64), !calls.isEmpty {
            seen += calls.map(\.key)
            try bench.send(calls.map { .effect($0, .answered("done")) })
        }
        #expect(seen == names)
        #expect(try bench.effects().isEmpty)
    }
}

/// Who makes the calls, and how many at once.
@Suite struct EffectThreadTests {
    /// Notes which calls were made; the one named `slow` ends when seven others have.
    private struct Caller: EffectHandler {
        let made = Monitor<[String]>([])

        func run(_ effect: Effect) -> EffectResult {
            if effect.key == "slow" {
                let others = made.wait(until: .now() + .seconds(10)) {
                    $0.count >= 7 ? .done($0.count) : .wait(atMost: nil)
                }
                if others == nil { return .answered("nothing") }
            }
            made.withLock { $0.append(effect.key) }
            made.wakeAll()
            return .answered("")
        }
    }

    @Test func `a slow call holds up no other while threads are free`() throws {
        let (folder, caller) = (try TemporaryFolder(), Caller())
        let runtime = SimulatedRuntime(seed: 1)
        let runner = ServiceRunner<CallCore>(
            settings: ServiceSettings(path: "\(folder.path)/calls.db", durability: .none),
            makeCore: { CallCore() }, broker: MemoryBroker(runtime: runtime), feeds: [:],
            handler: caller, runtime: runtime, notice: { _ in })
        try runner.start()
        for key in ["slow", "b", "c", "d", "e", "f", "g", "h"] {
            runner.submit(
                .init(key: key, kind: "call", pause: .zero, fails: false), context(),
                reply: { _ in })
        }
        let all = caller.made.wait(until: .now() + .seconds(20)) {
            $0.count == 8 ? .done($0) : .wait(atMost: nil)
        }
        #expect(all?.last == "slow" && Set(all ?? []).count == 8)
        runner.stop()
    }
}

/// A service that makes calls, and does with the results as they say.
private final class CallCore: ServiceCore {
    static let log = LogName("calls")
    static let sources: [Source] = []
    static let publication = Publication(channels: [Publication.facts], rules: [:])

    struct Command: Sendable {
        let key: String
        let kind: String
        let pause: Duration
        /// Whether it gives up once it has asked.
        let fails: Bool
    }

    typealias Answer = NoAnswer

    static func label(of command: Command) -> CommandLabel {
        CommandLabel("call", StreamID("calls", command.key))
    }

    func open(_ log: EventLog) {}
    func keep() {}
    func rollback() {}
    func snapshot(in transaction: Transaction) {}
    func fire(_ timer: Timer, in transaction: Transaction) {}
    func react(to message: Message, in transaction: Transaction) {}
    func render(_ entry: LedgerEntry, in transaction: Transaction) -> NoAnswer { NoAnswer() }

    func handle(_ command: Command, in transaction: Transaction) throws(StoreError) -> NoAnswer {
        try ask(command.key, command.kind, after: command.pause, in: transaction)
        if command.fails { throw Self.givenUp }
        return NoAnswer()
    }

    func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)
    {
        switch result {
        case .answered("nothing"): return
        case .answered("later"):
            return try transaction.postpone(effect, until: transaction.now + .seconds(10))
        case .answered("another"):
            try transaction.finish(effect)
            try ask(effect.key + "+", effect.kind, after: .zero, in: transaction)
        default: try transaction.finish(effect)
        }
        let event = NewEvent(
            type: EventType("call.answered"), data: Array("{}".utf8),
            metadata: Array(transaction.metadata.text.utf8))
        try transaction.append([event], to: Self.stream, expecting: .any)
        if result == .answered("fails") { throw Self.givenUp }
    }

    private func ask(
        _ key: String, _ kind: String, after pause: Duration, in transaction: Transaction
    ) throws(StoreError) {
        try transaction.request(
            Effect(
                key: key, kind: kind, stream: Self.stream, data: "{}",
                metadata: transaction.metadata.text, due: transaction.now + pause))
    }

    private static let stream = StreamID("call", "all")
    private static let givenUp = StoreError.conflict(stream, expected: .any, actual: .none)
}
