import EventSourcing
import EventStore
import Foundation
import SQLite
import Testing

@Suite struct EpochTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
        try log.append(events(3), to: order("a"))
    }

    @Test func `positions and versions go on in a new epoch`() throws {
        try log.openEpoch(why: "restored from a backup", at: noon + .seconds(1))
        let records = try log.append(events(2), to: order("a"), expecting: .exactly(Version(3)))
        #expect(records.map(\.identity.description) == ["orders/2/4", "orders/2/5"])
        #expect(try log.queries.leaf(at: Position(3))?.0 == .first)
        #expect(try log.queries.leaf(at: Position(4))?.0 == Epoch(2))
        let epochs = try log.queries.epochs()
        #expect(epochs.map(\.epoch.value) == [1, 2])
        #expect(epochs.map(\.first.value) == [1, 4])
        #expect(epochs.last?.why == "restored from a backup")
        #expect(epochs.last?.openedAt == noon + .seconds(1))
        let again = try folder.open()
        #expect(again.epoch == Epoch(2))
        #expect(again.shape == log.shape)
    }

    @Test func `a halt survives reopening and is lifted by a new epoch`() throws {
        try log.halt("the broker knows more than this log")
        let expectHalted = { (log: EventLog) in
            let thrown = error { () throws(StoreError) in
                try log.append(events(1), to: order("a"))
            }
            guard case .halted("the broker knows more than this log")? = thrown else {
                Issue.record("not halted: \(String(describing: thrown))")
                return
            }
        }
        expectHalted(log)
        log.close()
        let again = try folder.open()
        #expect(again.haltReason == "the broker knows more than this log")
        expectHalted(again)
        #expect(try again.all().count == 3)
        try again.openEpoch(why: "looked at it", at: noon)
        #expect(again.haltReason == nil)
        try again.append(events(1), to: order("a"))
        again.close()
        #expect(try folder.open().haltReason == nil)
    }

    @Test func `an epoch that could not be opened changes nothing, and the log goes on`() throws {
        try log.halt("a test")
        try folder.stranger().execute(
            "CREATE TRIGGER no BEFORE INSERT ON epochs BEGIN SELECT raise(ABORT, 'no'); END")
        #expect(
            failure { () throws(StoreError) in try log.openEpoch(why: "a test", at: noon) }
                == "not written")
        #expect(log.epoch == .first)
        #expect(log.haltReason == "a test")
        try folder.stranger().execute("DROP TRIGGER no")
        try log.openEpoch(why: "a test", at: noon)
        try log.append(events(1), to: order("a"))
        #expect(try log.queries.epochs().map(\.epoch.value) == [1, 2])
    }

    @Test func `a new epoch forgets a cursor beyond its end`() throws {
        try log.run { (transaction) throws(StoreError) in
            try transaction.savePublished(epoch: .first, position: Position(3))
        }
        try log.openEpoch(why: "one", at: noon)
        #expect(try log.queries.published()?.position == Position(3))
        try log.run { (transaction) throws(StoreError) in
            try transaction.savePublished(epoch: Epoch(2), position: Position(9))
        }
        try log.openEpoch(why: "two", at: noon)
        #expect(try log.queries.published() == nil)
    }

    @Test func `a damaged epoch number is an error and no trap`() throws {
        log.close()
        try folder.stranger().execute("INSERT INTO epochs VALUES (9223372036854775807, 4, 0, 'x')")
        let again = try folder.open()
        #expect(
            failure { () throws(StoreError) in try again.openEpoch(why: "a test", at: noon) }
                == "unusable")
    }
}

@Suite struct RecordedTimeTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
        try log.append(events(1), to: order("a"), at: noon)
    }

    @Test func `recorded time stands still while the clock is behind, also after reopening`() throws
    {
        let late = try log.append(events(1), to: order("a"), at: noon + .seconds(-3600))
        #expect(late.map(\.recordedAt) == [noon])
        log.close()
        let again = try folder.open(at: noon + .seconds(-7200))
        try again.run(at: noon + .seconds(-7200)) { (transaction) throws(StoreError) in
            #expect(transaction.now == noon)
            try transaction.append(events(1), to: order("a"), expecting: .any)
            #expect(transaction.records.map(\.recordedAt) == [noon])
        }
        let next = try again.append(events(1), to: order("a"), at: noon + .seconds(1))
        #expect(next.map(\.recordedAt) == [noon + .seconds(1)])
    }

    @Test func `nothing is recorded before its cause`() throws {
        try log.run(at: noon) { (transaction) throws(StoreError) in
            transaction.notBefore = noon + .seconds(60)
            try transaction.append(events(1), to: order("a"), expecting: .any)
            transaction.notBefore = .epoch
            try transaction.append(events(1), to: order("b"), expecting: .any)
        }
        #expect(
            try log.all().map { ($0.recordedAt - noon).microseconds } == [
                0, 60_000_000, 60_000_000,
            ])
        #expect(log.lastRecorded == noon + .seconds(60))
    }

    @Test func `a time that was promised is kept`() throws {
        log.notBefore(noon + .seconds(5))
        log.notBefore(noon)
        let records = try log.append(events(1), to: order("a"), at: noon)
        #expect(records.map(\.recordedAt) == [noon + .seconds(5)])
    }

    @Test func `a time that was rolled back does not hold`() throws {
        let thrown = failure { () throws(StoreError) in
            try log.run(at: noon + .seconds(9)) { (transaction) throws(StoreError) in
                try transaction.append(events(1), to: order("a"), expecting: .any)
                throw .closed
            }
        }
        #expect(thrown == "closed")
        let records = try log.append(events(1), to: order("a"), at: noon + .seconds(1))
        #expect(records.map(\.recordedAt) == [noon + .seconds(1)])
    }
}

@Suite struct ClosingTests {
    private let folder: Folder
    init() throws { folder = try Folder() }

    @Test func `a log says whether it was closed cleanly`() throws {
        let fresh = try folder.open()
        #expect(!fresh.wasUnclean)
        try fresh.append(events(1), to: order("a"))
        let afterDeath = try folder.open()
        #expect(afterDeath.wasUnclean)
        afterDeath.close()
        #expect(try folder.open().wasUnclean == false)
        #expect(try folder.open().wasUnclean)
    }

    @Test func `a backup taken while others read opens as the same log`() throws {
        let log = try folder.open()
        try log.append(events(500), to: order("a"))
        let reader = try Connection(path: folder.file(), mode: .reader)
        try reader.execute("BEGIN")
        #expect(try reader.integer("SELECT count(*) FROM events") == 500)
        try log.append(events(1), to: order("b"))
        try log.backup(to: folder.file("backup.db"))
        let shape = log.shape
        try log.append(events(1), to: order("c"))
        try reader.execute("COMMIT")
        let backup = try folder.open("backup.db")
        #expect(backup.shape == shape)
        try backup.append(events(1), to: order("b"), expecting: .exactly(Version(1)))
        #expect(
            failure { () throws(StoreError) in _ = try folder.open("backup.db", name: "payments") }
                == "unusable")
    }

    @Test func `a backup within a transaction or onto a log is refused and harms neither`() throws {
        let log = try folder.open()
        try log.run { (transaction) throws(StoreError) in
            try transaction.append(events(2), to: order("a"), expecting: .any)
            let thrown = failure { () throws(StoreError) in
                try log.backup(to: folder.file("backup.db"))
            }
            #expect(thrown == "unreadable")
        }
        try log.backup(to: folder.file("new.db"))
        let before = try Data(contentsOf: URL(fileURLWithPath: folder.file("new.db")))
        try log.append(events(1), to: order("a"))
        #expect(
            failure { () throws(StoreError) in try log.backup(to: folder.file("new.db")) }
                == "unreadable")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("new.db"))) == before)
        #expect(try log.all().count == 3)
    }
}
