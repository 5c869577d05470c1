import EventSourcing
import Messaging
import Orders
import Testing

/// In which order a writer takes what waits for it.
@Suite struct InboxTests {
    private typealias Box = Inbox<OrdersCore>

    private let noon = MonotonicTime.now()
    private let source = OrdersCore.sources[0]

    private func add(_ inputs: EngineInput<OrdersCore>..., to inbox: inout Box) {
        for input in inputs { inbox.add(.init(input: input) { _ in }) }
    }

    /// What the next batch is, `!` for what is awaited and `.` for the rest; nil where it waits.
    private func next(_ inbox: inout Box, limit: Int = 100, at time: MonotonicTime) -> String? {
        guard case .done(let batch) = inbox.next(limit: limit, at: time) else { return nil }
        return batch.map { if case .checkpoint = $0.input { "!" } else { "." } }.joined()
    }

    @Test func `what somebody waits for goes first, with one lot of the rest`() {
        var inbox = Box()
        add(.published(.start), .bulletins(source, []), .checkpoint(source), to: &inbox)
        #expect(next(&inbox, at: noon) == "!.")
        #expect(next(&inbox, at: noon) == ".")
        #expect(next(&inbox, at: noon) == nil)
    }

    @Test func `after a busy commit the rest gathers, and what is awaited does not`() {
        var inbox = Box()
        inbox.rest(for: .milliseconds(5), at: noon)
        add(.bulletins(source, []), to: &inbox)
        #expect(next(&inbox, at: noon + .milliseconds(4)) == nil)
        add(.checkpoint(source), .bulletins(source, []), to: &inbox)
        #expect(next(&inbox, at: noon + .milliseconds(4)) == "!")
        #expect(next(&inbox, at: noon + .milliseconds(5)) == "..")
    }

    @Test func `a writer that rests is left alone by what can rest, once it knows of some`() {
        var inbox = Box()
        func wakes(_ input: EngineInput<OrdersCore>) -> Bool {
            inbox.add(.init(input: input) { _ in })
        }
        #expect(wakes(.published(.start)) && wakes(.published(.start)))
        _ = next(&inbox, at: noon)
        inbox.rest(for: .seconds(60), at: noon)
        #expect(wakes(.published(.start)))
        #expect(!wakes(.bulletins(source, [])))
        #expect(wakes(.checkpoint(source)))
        inbox.rest(for: .zero, at: noon)
        #expect(wakes(.published(.start)))
    }

    @Test
    func `a batch keeps to the limit, but for one lot of the rest, and nothing is left behind`() {
        var inbox = Box()
        for _ in 0..<5 { add(.checkpoint(source), .published(.start), to: &inbox) }
        #expect(next(&inbox, limit: 2, at: noon) == "!!.")
        #expect(next(&inbox, limit: 100, at: noon) == "!!!.")
        #expect(next(&inbox, limit: 2, at: noon) == "..")
        #expect(inbox.empty().count == 1 && inbox.count == 0)
    }

    @Test func `a service that stops rests no more, and ends when nothing is left`() {
        var inbox = Box()
        inbox.rest(for: .seconds(60), at: noon)
        add(.published(.start), to: &inbox)
        inbox.isStopping = true
        #expect(next(&inbox, at: noon) == ".")
        #expect(next(&inbox, at: noon) == "")
    }
}
