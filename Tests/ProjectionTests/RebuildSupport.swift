import EventSourcing
import EventStore
import Foundation
import Glibc
import Messaging
import Projections
import Synchronization
import TestKit

/// A clock that goes on by a millisecond whenever it is looked at.
final class TickingRuntime: Runtime {
    private let ticks = Mutex<Int64>(0)

    func now() -> Timestamp {
        let count = ticks.withLock { ticks in
            ticks += 1
            return ticks
        }
        return Timestamp(microseconds: 1_800_000_000_000_000 + 1000 * count)
    }

    func random() -> UInt64 { 7 }
}

/// A log of which ever more is on record, and its feed, which may be down.
final class GrowingLog: Feed {
    private struct State: Sendable {
        var log: FakeLog
        /// So many messages are on record.
        var shown = 0
        var isUp = true
        /// Reads that are answered before the feed goes down by itself; nil for all.
        var readsLeft: Int?

        var messages: ArraySlice<Message> { log.messages.prefix(shown) }
        var head: Position { messages.last?.identity.position ?? .start }
    }

    let source: Source
    private let state: Mutex<State>

    init(_ log: FakeLog) {
        source = log.source
        state = Mutex(State(log: log))
    }

    var isUp: Bool {
        get { state.withLock { $0.isUp } }
        set {
            state.withLock { state in
                state.isUp = newValue
                state.readsLeft = nil
            }
        }
    }

    func goDown(afterReads count: Int) { state.withLock { $0.readsLeft = count } }

    /// The log as far as it is on record.
    var head: Position { state.withLock { $0.head } }
    var isWhole: Bool { state.withLock { $0.shown == $0.log.messages.count } }

    /// Puts the next messages on record, and publishes them.
    func grow(by count: Int, through broker: some Broker) throws {
        let grown = state.withLock { state in
            let from = state.shown
            state.shown = min(state.log.messages.count, from + count)
            return (state.log.received(from..<state.shown), state.log, state.head)
        }
        let (_, log, head) = grown
        let mark = Watermark(
            log: source.log, channel: source.channel, epoch: log.epoch, through: head,
            leaf: FakeLog.leaf(head), last: head, asOf: now, upSince: .epoch,
            treeSize: head.value, treeRoot: FakeLog.leaf(head), read: [:])
        let messages = grown.0.map(\.carried) + [Bulletin.watermark(mark).brokerMessage]
        let last = try broker.state(of: source.stream).last
        _ = try broker.publish(messages, to: source.stream, expectedLast: last)
    }

    /// Loses what is behind `position`, and records something else in a new epoch.
    func restore(to position: Position, _ record: @Sendable (inout FakeLog) -> Void) {
        state.withLock { state in
            state.log.restore(to: position)
            state.shown = state.log.messages.count
            record(&state.log)
        }
    }

    /// The log as an engine of its own would read it.
    var whole: FakeLog { state.withLock { $0.log } }

    func read(
        _ channel: String, after position: Position, limit: Int
    ) throws(FeedError) -> FeedPage {
        let page: FeedPage? = state.withLock { state in
            if let left = state.readsLeft {
                if left == 0 { state.isUp = false }
                state.readsLeft = max(0, left - 1)
            }
            guard state.isUp else { return nil }
            let found = state.messages.drop { $0.identity.position <= position }
            let epoch = found.first?.identity.epoch ?? state.log.epoch
            let page = found.prefix(min(50, limit)).prefix { $0.identity.epoch == epoch }
            let end = page.last?.identity.position ?? max(position, state.head)
            return FeedPage(
                after: position, messages: Array(page), through: end, epoch: epoch,
                leaf: FakeLog.leaf(end), hasMore: page.count < found.count)
        }
        guard let page else { throw .unavailable("the service is down") }
        return page
    }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        let verdict: CheckpointVerdict? = state.withLock { state in
            guard state.isUp else { return nil }
            guard checkpoint.epoch < state.log.epoch else { return .good }
            let old = state.messages.last { $0.identity.epoch <= checkpoint.epoch }
            let end = old?.identity.position ?? .start
            return checkpoint.position > end
                ? .rewind(state.log.epoch, end, FakeLog.leaf(end))
                : .rewind(state.log.epoch, checkpoint.position, checkpoint.leaf)
        }
        guard let verdict else { throw .unavailable("the service is down") }
        return verdict
    }
}

/// Projections that run on threads, over logs that grow.
final class RunnerRig: Sendable {
    let folder: String
    let logs: [GrowingLog]
    let broker: MemoryBroker
    let store: ReadStore
    let freshness = Freshness()
    let runner: ProjectionRunner
    private let told: Told

    private final class Told: Sendable {
        let texts = Mutex<[String]>([])
    }

    /// - Parameters:
    ///   - fault: called at each moment of a swap.
    ///   - closeEnough: below 0, logs always grow faster than they are folded.
    init(
        orders: Int, fault: @escaping ReadStore.SwapFault = { _ in },
        closeEnough: Int64 = ProjectionRunner.closeEnough
    ) throws {
        folder = try temporaryFolder()
        logs = try Shop(orders: orders).logs.map { GrowingLog($0) }
        let runtime = TickingRuntime()
        broker = MemoryBroker(runtime: runtime)
        store = try ReadStore(path: "\(folder)/live.db")
        var feeds: [LogName: any Feed] = [:]
        for log in logs { feeds[log.source.log] = log }
        let told = Told()
        self.told = told
        runner = ProjectionRunner(
            store: store, freshness: freshness, sources: logs.map(\.source), broker: broker,
            feeds: feeds, consumer: "test", runtime: runtime, swapFault: fault,
            closeEnough: closeEnough,
            notice: { text in told.texts.withLock { $0.append(text) } })
        runner.start()
    }

    deinit {
        runner.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    var notices: [String] { told.texts.withLock { $0 } }
    var fileName: String { String(store.path.split(separator: "/").last ?? "") }
    var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
    }

    func grow(by count: Int) throws {
        for log in logs { try log.grow(by: count, through: broker) }
    }

    /// Waits until all that is on record is projected.
    func caughtUp() throws {
        try eventually("all is projected") {
            let readings = runner.status.readings
            return logs.allSatisfy { log in
                readings.contains { $0.source == log.source && $0.position == log.head }
            }
        }
    }

    /// Builds anew, and waits for its end.
    func rebuilt() throws -> RebuildReport {
        let last = runner.status.lastRebuild
        guard runner.rebuild("orders") == .started else { throw Unexpected() }
        return try ended(after: last)
    }

    func ended(after last: RebuildReport? = nil) throws -> RebuildReport {
        try eventually("the rebuild ends") {
            let status = runner.status
            guard status.rebuild == nil, let report = status.lastRebuild, report != last else {
                return nil
            }
            return report
        }
    }

    /// What a fold of the logs as they are now leads to.
    func expected() throws -> [String] {
        let scratch = try Scratch()
        let engine = try ProjectionEngine(
            store: ReadStore(path: "\(scratch.path)/other.db"), sources: logs.map(\.source),
            notice: { _ in })
        for log in logs {
            var isWhole = false
            while !isWhole {
                let checkpoint = engine.checkpoint(of: log.source)
                let page = try log.read(log.source.channel, after: checkpoint.position)
                switch engine.take(page, of: log.source, at: now) {
                case .taken: isWhole = !page.hasMore
                case .foreign:
                    _ = engine.rewind(
                        log.source, page.epoch, checkpoint.position, checkpoint.leaf, at: now)
                default: throw Unexpected()
                }
            }
        }
        return try dump(engine.store.path)
    }
}

func temporaryFolder() throws -> String {
    var template = Array("\(NSTemporaryDirectory())/kassa-rebuild-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Unexpected() }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

struct TooLate: Error, CustomStringConvertible {
    let description: String
}

/// Asks until there is an answer, and fails when there is none in time.
func eventually<Value>(
    _ what: String, within limit: Double = 60, _ ask: () throws -> Value?
) throws -> Value {
    let end = Date() + limit
    while true {
        if let value = try ask() { return value }
        guard Date() < end else { throw TooLate(description: "not in time: \(what)") }
        usleep(2000)
    }
}

/// Asks until it is so.
func eventually(_ what: String, _ ask: () throws -> Bool) throws {
    let _: Bool = try eventually(what) { try ask() ? true : nil }
}
