import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import Orders
import Payments
import Simulation
import Telemetry
import TestKit
import Testing

/// What a running service tells of what it does.
@Suite struct SpanTests {
    private let queue = SpanQueue()
    private let runtime = SimulatedRuntime(seed: 1)
    private let broker: MemoryBroker
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        broker = MemoryBroker(runtime: runtime)
    }

    private struct Silent: EffectHandler {
        func run(_ effect: Effect) -> EffectResult { .noAnswer("nobody is there") }
    }

    private func runner<Core: ServiceCore>(
        _ name: String = "log", share: Double = 1, _ makeCore: @escaping @Sendable () -> Core
    ) -> ServiceRunner<Core> {
        var settings = ServiceSettings(path: "\(folder.path)/\(name).db", durability: .none)
        settings.tracer = Tracer(
            part: Core.log.value, sampler: Sampler(share: share), queue: queue)
        return ServiceRunner(
            settings: settings, makeCore: makeCore, broker: broker,
            feeds: [:], handler: Silent(), runtime: runtime, notice: { _ in })
    }

    private func orders(_ name: String = "log", share: Double = 1) -> ServiceRunner<OrdersCore> {
        let runtime = runtime
        return runner(name, share: share) { OrdersCore(runtime: runtime) }
    }

    /// Takes spans until there are so many that `isWanted`.
    private func spans(_ count: Int, _ isWanted: (Span) -> Bool = { _ in true }) throws -> [Span] {
        var found: [Span] = []
        let end = Date() + 30
        while found.count(where: isWanted) < count {
            try #require(Date() < end, "\(found.map(\.work))")
            found += queue.take(1000).flatMap(\.spans)
            usleep(1000)
        }
        return found
    }

    private let asked = CommandContext(
        metadata: Metadata(
            correlation: "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7b8a", actor: "anonymous"))

    private func isPublishing(_ span: Span) -> Bool {
        if case .publishing = span.work { true } else { false }
    }

    @Test func `a command, its commit and what it recorded hang together`() throws {
        let orders = orders()
        try orders.start()
        defer { orders.stop() }
        let order = try orderID("o1")
        _ = orders.request(.command(.place(order, try draft()), asked))
        // With the command and its commit, which may be told of later than what was published.
        let spans = try spans(4)
        let origin = TraceOrigin(asked.metadata)
        #expect(spans.allSatisfy { $0.trace == origin.trace && $0.failure == nil })
        let command = try #require(spans.first { $0.id == origin.command("o1") })
        #expect(command.parent == origin.request("o1"))
        guard case .command(let name, StreamID("order", "o1")) = command.work else {
            Issue.record("\(command.work)")
            return
        }
        #expect(name.description == "place order")
        let commits = spans.filter { if case .commit(events: 3) = $0.work { true } else { false } }
        #expect(commits.map(\.parent) == [command.id])
        let published = spans.filter(isPublishing)
        #expect(published.count == 2 && published.allSatisfy { $0.parent == command.id })
        #expect(published.allSatisfy { $0.start >= command.start && $0.end >= $0.start })
        #expect(Set(spans.map(\.id)).count == spans.count)
    }

    @Test func `a refusal is a failure of the command`() throws {
        let orders = orders()
        try orders.start()
        defer { orders.stop() }
        _ = orders.request(.command(.cancel(try orderID("o1"), reason: "x"), asked))
        let command = try #require(try spans(1).first)
        #expect(command.failure == "there is no such order")
    }

    @Test func `what the sampler leaves out is not told`() throws {
        let orders = orders(share: 0)
        try orders.start()
        for number in 1...10 {
            let order = try orderID("o\(number)")
            _ = orders.request(.command(.place(order, try draft()), asked))
        }
        orders.stop()
        #expect(queue.count == 0 && queue.counts == SpanCounts())
    }

    @Test func `a message, the call that it led to and the call's failure are told`() throws {
        let payments = runner { PaymentsCore() }
        try payments.start()
        defer { payments.stop() }
        var publisher = Publisher("orders", "to-payments", runtime)
        let message = publisher.ask(
            step("o1", "authorize payment"),
            .authorize(amount: gbp(500), token: "tok_ok", within: .seconds(60)))
        _ = payments.request(.bulletins(publisher.source, [message]))
        let spans = try spans(1) { if case .call = $0.work { true } else { false } }
        let origin = TraceOrigin(Metadata(correlation: "o1", actor: "test"))
        let identity = EventIdentity(
            log: LogName("orders"), epoch: .first, position: Position(1))
        let handling = try #require(spans.first { $0.parent == origin.publishing(identity) })
        #expect(handling.id == origin.handling(of: identity, by: "payments"))
        let call = try #require(
            spans.first { if case .call = $0.work { true } else { false } })
        #expect(call.parent == handling.id && call.failure == "nobody is there")
    }

    @Test func `a message that is parked says why`() throws {
        let probe = runner { ProbeCore { _ throws(ReactionError) in throw .poison("it is bad") } }
        try probe.start()
        defer { probe.stop() }
        var publisher = Publisher("orders", Publication.facts, runtime)
        let message = publisher.event(
            Order.Event.confirmed, of: StreamID("order", "o1"))
        _ = probe.request(.bulletins(publisher.source, [message]))
        let span = try #require(try spans(1).first)
        #expect(span.failure == "it is bad")
    }

    @Test func `an operator's act on a parked message is told, and what it recorded is below it`()
        throws
    {
        let isMended = Shared(false)
        let probe = runner {
            ProbeCore { (message) throws(ReactionError) in
                guard !isMended.value else { return }
                throw .poison("it is bad")
            }
        }
        try probe.start()
        defer { probe.stop() }
        var publisher = Publisher("orders", Publication.facts, runtime)
        let message = publisher.event(Order.Event.confirmed, of: StreamID("order", "o1"))
        _ = probe.request(.bulletins(publisher.source, [message]))
        _ = try spans(2)
        isMended.value = true
        let instruction = try #require(Instruction(by: "ann", why: "w"))
        func act(_ key: String) -> EngineInput<ProbeCore> {
            .parked(
                ParkedAct(
                    .retry, source: publisher.source.description, key: key, isRehearsal: false,
                    instruction), asked)
        }
        _ = probe.request(act("o1"))
        let origin = TraceOrigin(asked.metadata)
        let told = try #require(
            try spans(1) { $0.id == origin.command("o1") }.last { $0.id == origin.command("o1") })
        #expect(told.parent == origin.request("o1") && told.failure == nil)
        _ = probe.request(act("o2"))
        let refused = try spans(1) { $0.id == origin.command("o2") }
        #expect(refused.contains { $0.failure?.contains("o2 is parked") == true })
    }

    @Test func `after a death what the log says was done is told again, under the same names`()
        throws
    {
        let orders = orders()
        try orders.start()
        _ = orders.request(.command(.place(try orderID("o1"), try draft()), asked))
        // The relay may tell of what it published before the writer tells of the command.
        let before = try spans(3) { if case .commit = $0.work { false } else { true } }
        // As it lies on disk, not closed.
        try copyDatabase("\(folder.path)/log.db", to: "\(folder.path)/copy.db")
        orders.stop()
        _ = queue.take(1000)
        let again = self.orders("copy")
        try again.start()
        // The newest event may not have gone out on all its channels: it is published once more.
        let after = try spans(2, isPublishing)
        again.stop()
        func names(_ spans: [Span]) -> Set<String> {
            Set(
                spans.filter { if case .commit = $0.work { false } else { true } }.map {
                    "\($0.trace) \($0.id) \($0.parent?.description ?? "")"
                })
        }
        #expect(names(after).count == 3 && names(after) == names(before))
        #expect(before.allSatisfy { !$0.isRetold } && after.contains { $0.isRetold })
        // One that was closed has told all.
        _ = queue.take(1000)
        let third = self.orders("copy")
        try third.start()
        third.stop()
        #expect(queue.take(1000).flatMap(\.spans).allSatisfy { !$0.isRetold })
    }
}
