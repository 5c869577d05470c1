import EventSourcing
import EventStore
import SQLite
import Testing

/// A decision that gives up after it has written.
private let givenUp = StoreError.notWritten(
    SQLiteError(code: 1, message: "given up", action: "a test"))

@Suite struct AttemptTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
        try log.append(events(2), to: order("a"))
    }

    /// Appends to a known and to a new stream, sets a timer, then gives up.
    private func fail(in transaction: Transaction) {
        let thrown = failure { () throws(StoreError) in
            try transaction.attempt { () throws(StoreError) in
                _ = try transaction.append(events(3), to: order("a"), expecting: .any)
                try transaction.append(events(1), to: order("new"), expecting: .noStream)
                try transaction.set(Timer(key: "t", due: noon, data: "{}"))
                throw givenUp
            }
        }
        #expect(thrown == "not written")
    }

    @Test func `what an attempt that throws wrote is gone, and the rest of the batch stays`() throws
    {
        try log.run { (transaction) throws(StoreError) in
            try transaction.append(events(1), to: order("b"), expecting: .noStream)
            fail(in: transaction)
            #expect(transaction.head == Position(3))
            #expect(transaction.records.count == 1)
            #expect(try transaction.stream(order("a")).version == Version(2))
            #expect(try transaction.stream(order("new")).version == .none)
            try transaction.attempt { () throws(StoreError) in
                _ = try transaction.append(
                    events(1), to: order("a"), expecting: .exactly(Version(2)))
                try transaction.append(events(1), to: order("new"), expecting: .noStream)
            }
        }
        #expect(
            try log.all().map(\.positionAndVersion) == [
                [1, 1], [2, 2], [3, 1], [4, 3], [5, 1],
            ])
        #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 9).isEmpty)
        let shape = log.shape
        log.close()
        #expect(try folder.open().shape == shape)
    }

    @Test func `an attempt over nothing but a failed attempt leaves the log as it was`() throws {
        let before = log.shape
        try log.run { (transaction) throws(StoreError) in fail(in: transaction) }
        #expect(log.shape == before)
        try log.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
        try log.append(events(1), to: order("new"), expecting: .noStream)
    }

    @Test func `an outer attempt takes back what an inner one kept, and its own before that`()
        throws
    {
        try log.run { (transaction) throws(StoreError) in
            let thrown = failure { () throws(StoreError) in
                try transaction.attempt { () throws(StoreError) in
                    _ = try transaction.append(events(1), to: order("a"), expecting: .any)
                    try transaction.append(events(1), to: order("outer"), expecting: .any)
                    try transaction.attempt { () throws(StoreError) in
                        _ = try transaction.append(events(1), to: order("a"), expecting: .any)
                        try transaction.append(events(1), to: order("inner"), expecting: .any)
                    }
                    fail(in: transaction)
                    throw givenUp
                }
            }
            #expect(thrown == "not written")
            for (id, version) in [("a", 2), ("outer", 0), ("inner", 0), ("new", 0)] {
                #expect(try transaction.stream(order(id)).version == Version(Int64(version)))
            }
            try transaction.append(events(1), to: order("outer"), expecting: .noStream)
        }
        #expect(try log.all().map(\.positionAndVersion) == [[1, 1], [2, 2], [3, 1]])
    }

    @Test func `an append that failed halfway is never committed`() throws {
        // The second event of the append meets a row that a stranger put there.
        let trap =
            "CREATE TRIGGER trap BEFORE INSERT ON events WHEN NEW.data LIKE '%666%' BEGIN "
            + "SELECT raise(ABORT, 'trapped'); END"
        try folder.stranger().execute(trap)
        let before = log.shape
        let thrown = failure { () throws(StoreError) in
            try log.run { (transaction) throws(StoreError) in
                let inner = failure { () throws(StoreError) in
                    try transaction.append(
                        [event(1), event(666)], to: order("a"), expecting: .any)
                    try transaction.settle()
                }
                #expect(inner == "not written")
            }
        }
        #expect(thrown == "not written")
        #expect(log.shape == before)
        try log.run { (transaction) throws(StoreError) in
            let inner = failure { () throws(StoreError) in
                try transaction.attempt { () throws(StoreError) in
                    try transaction.append(
                        [event(1), event(666)], to: order("a"), expecting: .any)
                    try transaction.settle()
                }
            }
            #expect(inner == "not written")
            try transaction.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
        }
        #expect(try log.all().map(\.positionAndVersion) == [[1, 1], [2, 2], [3, 3]])
    }
}

extension AttemptTests {
    @Test func `what an attempt wrote and took back leaves what came before it to be written`()
        throws
    {
        try log.run { (transaction) throws(StoreError) in
            try transaction.append(events(2), to: order("early"), expecting: .noStream)
            let inner = failure { () throws(StoreError) in
                try transaction.attempt { () throws(StoreError) in
                    try transaction.append(events(1), to: order("early"), expecting: .any)
                    try transaction.append(events(1), to: order("gone"), expecting: .noStream)
                    try transaction.settle()
                    throw .closed
                }
            }
            #expect(inner == "closed")
            try transaction.append(events(1), to: order("late"), expecting: .noStream)
        }
        let all = try log.all()
        #expect(all.suffix(3).map(\.stream.id) == ["early", "early", "late"])
        for record in all { #expect(record.leaf == record.computedLeaf) }
        #expect(log.tree == all.reduce(into: MerkleFrontier()) { $0.append(leaf: $1.leaf) })
        for id in ["early", "late"] {
            try log.append(
                events(1), to: order(id), expecting: .exactly(Version(id == "early" ? 2 : 1)))
        }
        try log.append(events(1), to: order("gone"), expecting: .noStream)
    }
}

@Suite struct CommitTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
        try log.append(events(2), to: order("a"))
    }

    @Test func `a body that throws leaves nothing in file or memory`() throws {
        let before = log.shape
        let thrown = failure { () throws(StoreError) in
            try log.run(at: noon + .seconds(60)) { (transaction) throws(StoreError) in
                try transaction.append(events(1), to: order("a"), expecting: .any)
                try transaction.append(events(1), to: order("new"), expecting: .any)
                try transaction.append(events(1), to: order("a"), expecting: .noStream)
            }
        }
        #expect(thrown == "conflict")
        #expect(log.shape == before)
        try log.append(events(1), to: order("new"), expecting: .noStream)
        try log.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
        #expect(try log.all().map(\.positionAndVersion) == [[1, 1], [2, 2], [3, 1], [4, 3]])
    }

    @Test func `a disk that fails before the commit writes nothing, and the log goes on`() throws {
        let before = log.shape
        log.commitFault = { $0 == .before ? brokenDisk : nil }
        let thrown = failure { () throws(StoreError) in
            try log.append(events(1), to: order("a"))
        }
        #expect(thrown == "not written")
        #expect(log.shape == before)
        log.commitFault = nil
        try log.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
        #expect(log.head == Position(3))
    }

    @Test func `a commit that errs has an unknown outcome, and the log is closed`() throws {
        log.commitFault = { $0 == .after ? brokenDisk : nil }
        #expect(
            failure { () throws(StoreError) in try log.append(events(1), to: order("a")) }
                == "outcome unknown")
        expectClosed()
        let again = try folder.open()
        // This time it was written.
        #expect(try again.all().map(\.positionAndVersion) == [[1, 1], [2, 2], [3, 3]])
        #expect(again.tree.size == 3)
        #expect(again.wasUnclean)
        try again.append(events(1), to: order("a"), expecting: .exactly(Version(3)))
    }

    @Test func `a commit that SQLite refuses closes the log, and the file is free for the next`()
        throws
    {
        // A foreign key that is looked at only by COMMIT.
        try folder.stranger().execute(
            """
            CREATE TABLE parent(id INTEGER PRIMARY KEY);
            CREATE TABLE child(id REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED);
            """)
        try log.queries.connection.execute("PRAGMA foreign_keys=ON")
        let thrown = failure { () throws(StoreError) in
            try log.run { (transaction) throws(StoreError) in
                try transaction.append(events(1), to: order("a"), expecting: .any)
                do throws(SQLiteError) {
                    try log.queries.connection.execute("INSERT INTO child VALUES (1)")
                } catch { throw .unreadable(error) }
            }
        }
        #expect(thrown == "outcome unknown")
        expectClosed()
        let again = try folder.open()
        #expect(try again.all().map(\.positionAndVersion) == [[1, 1], [2, 2]])
        try again.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
    }

    private func expectClosed() {
        let attempts: [(StoreError?)] = [
            error { () throws(StoreError) in try log.append(events(1), to: order("a")) },
            error { () throws(StoreError) in try log.openEpoch(why: "a test", at: noon) },
            error { () throws(StoreError) in try log.halt("a test") },
        ]
        #expect(attempts.map { $0?.kind } == ["closed", "closed", "closed"])
        log.close()
    }

    @Test func `a full disk writes nothing, and the log works when there is room`() throws {
        let connection = log.queries.connection
        let pages = try connection.integer("PRAGMA page_count") ?? 0
        _ = try connection.integer("PRAGMA max_page_count=\(pages + 4)")
        let before = log.shape
        let thrown = error { () throws(StoreError) in
            try log.append(events(5000), to: order("a"))
        }
        guard case .notWritten(let full)? = thrown, full.isFull else {
            Issue.record("not full: \(String(describing: thrown))")
            return
        }
        #expect(log.shape == before)
        try log.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
        _ = try connection.integer("PRAGMA max_page_count=1000000")
        try log.append(events(5000), to: order("a"), expecting: .exactly(Version(3)))
        #expect(try log.queries.head() == Position(5003))
    }

    @Test func `a disk that fills up within an attempt lets nothing of the batch through`() throws {
        let connection = log.queries.connection
        let pages = try connection.integer("PRAGMA page_count") ?? 0
        _ = try connection.integer("PRAGMA max_page_count=\(pages + 4)")
        let before = log.shape
        let thrown = failure { () throws(StoreError) in
            try log.run { (transaction) throws(StoreError) in
                try transaction.append(events(1), to: order("first"), expecting: .any)
                let full = failure { () throws(StoreError) in
                    try transaction.attempt { () throws(StoreError) in
                        try transaction.append(events(5000), to: order("a"), expecting: .any)
                        try transaction.settle()
                    }
                }
                #expect(full == "not written")
                // SQLite may have rolled back the whole batch; if so, no more must be written.
                if !connection.isInTransaction {
                    try transaction.append(events(1), to: order("last"), expecting: .any)
                } else {
                    throw givenUp
                }
            }
        }
        #expect(thrown == "not written")
        #expect(log.shape == before)
        try log.append(events(1), to: order("first"), expecting: .noStream)
    }

    @Test func `a rollback by SQLite that nobody noticed is no commit`() throws {
        let before = log.shape
        let thrown = failure { () throws(StoreError) in
            try log.run { (transaction) throws(StoreError) in
                try transaction.append(events(1), to: order("a"), expecting: .any)
                do throws(SQLiteError) {
                    try log.queries.connection.execute("ROLLBACK")
                } catch { throw .unreadable(error) }
                let late = failure { () throws(StoreError) in
                    try transaction.append(events(1), to: order("b"), expecting: .any)
                    try transaction.settle()
                }
                #expect(late == "not written")
            }
        }
        #expect(thrown == "not written")
        #expect(log.shape == before)
        try log.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
    }

    @Test func `a commit within a commit is refused, and the outer one is not harmed`() throws {
        try log.run { (transaction) throws(StoreError) in
            try transaction.append(events(1), to: order("a"), expecting: .any)
            let inner = failure { () throws(StoreError) in
                try log.append(events(1), to: order("b"))
            }
            #expect(inner == "not written")
            try transaction.append(events(1), to: order("a"), expecting: .exactly(Version(3)))
        }
        #expect(try log.all().map(\.positionAndVersion) == [[1, 1], [2, 2], [3, 3], [4, 4]])
    }

    @Test func `nothing can be written after closing`() throws {
        log.close()
        expectClosed()
        #expect(try folder.open().wasUnclean == false)
    }
}
