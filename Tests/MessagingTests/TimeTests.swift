import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import SQLite
import Simulation
import Testing

/// Recorded time never runs backwards.
@Suite struct TimeTests {
    private let runtime = SimulatedRuntime(seed: 1)

    @Test(arguments: [false, true])
    func `a clock that is set back does not set back what is recorded`(isRestart: Bool) throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        for jump in [0, 60, -3600, 1, -1, 7200] {
            runtime.advance(by: .seconds(jump))
            if isRestart { try bench.crash() }
            try bench.send(.command("x", context()))
        }
        let times = try bench.records().map(\.recordedAt)
        #expect(times == times.sorted())
        #expect(Set(times).count > 2)
    }

    @Test func `what a watermark promised as of a moment stays true when the clock is set back`()
        throws
    {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        try bench.send([])
        let promised = try #require(bench.board.status).asOf
        runtime.advance(by: .seconds(-600))
        try bench.send(.command("x", context()))
        #expect(try bench.records()[0].recordedAt >= promised)
        #expect(try #require(bench.board.status).asOf >= promised)
    }

    @Test func `an operator is told once of a clock that is far behind the log`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        try bench.send(.command("x", context()))
        runtime.advance(by: .seconds(-3))
        try bench.send([])
        #expect(bench.notices.all.isEmpty)
        runtime.advance(by: .seconds(-60))
        for _ in 0..<3 { try bench.send([]) }
        #expect(bench.notices.all.filter { $0.contains("the clock is") }.count == 1)
        runtime.advance(by: .seconds(63))
        try bench.send([])
        runtime.advance(by: .seconds(-60))
        try bench.send([])
        #expect(bench.notices.all.filter { $0.contains("the clock is") }.count == 2)
    }

    @Test func `an effect is never recorded before its cause`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        // The clock of the machine that publishes is an hour ahead.
        let ahead = SimulatedRuntime(seed: 2)
        ahead.advance(by: .seconds(3600))
        var orders = Publisher("orders", Publication.facts, ahead)
        let message = orders.raw(EventType("order.placed"), "{}", of: StreamID("order", "a"))
        try bench.read(orders.source, [message])
        #expect(try bench.records()[0].recordedAt == ahead.now())
        #expect(runtime.now() < ahead.now())
    }
}

/// SQLite before 3.51.3 may lose commits where two connections checkpoint: only the writer does.
@Suite struct CheckpointingTests {
    private func walSize(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "-wal")
        return try #require(attributes[.size] as? Int)
    }

    @Test func `a reader checkpoints neither while it reads nor when it is the last to close`()
        throws
    {
        let bench = try Bench { ProbeCore() }
        let commands = (0..<500).map { EngineInput<ProbeCore>.command("\($0)", context()) }
        for _ in 0..<4 { try bench.send(commands) }
        // The writer was killed; its WAL lies beside the file.
        let copy = "\(bench.folder.path)/killed.db"
        try copyDatabase(bench.path, to: copy)
        let before = try (walSize(copy), Data(contentsOf: URL(fileURLWithPath: copy)))
        #expect(before.0 > 100_000)
        do {
            let reader = try LogReader(path: copy)
            #expect(try reader.queries.head() == Position(2000))
            let other = try Connection(path: copy, mode: .reader)
            #expect(try other.integer("PRAGMA wal_autocheckpoint") == 0)
            #expect(throws: SQLiteError.self) { try other.execute("UPDATE log SET clean = 1") }
        }
        #expect(try walSize(copy) == before.0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == before.1)
        // A connection that may write does checkpoint when it closes: the test could fail.
        do {
            let writer = try Connection(path: copy, mode: .writer)
            #expect(try writer.integer("SELECT count(*) FROM events") == 2000)
        }
        #expect(!FileManager.default.fileExists(atPath: copy + "-wal"))
    }
}
