import Foundation
import SQLite
import Testing

/// What a commit consists of goes to the system in few calls. Nobody may see less of it for that:
/// no reader, and nobody who finds the files as a kill left them.
@Suite struct GatheredWritesTests {
    private let folder: Folder
    init() throws { folder = try Folder() }

    private static let state = "SELECT id || ':' || length(v) || ':' || sum FROM t ORDER BY id"

    /// The files as they are now, opened as after a kill.
    private func afterKill(_ number: Int) throws -> [String] {
        for suffix in ["", "-wal"] {
            let copy = folder.file("copy-\(number).db") + suffix
            try FileManager.default.copyItem(atPath: folder.file("t.db") + suffix, toPath: copy)
        }
        let path = folder.file("copy-\(number).db")
        let copy = try Connection(path: path, mode: .writer, durability: .none)
        #expect(try copy.texts("PRAGMA integrity_check") == ["ok"])
        return try copy.texts(Self.state)
    }

    @Test(arguments: [Connection.Durability.full, .none], [1, 2, 3] as [UInt64])
    func `a commit is whole for readers and after a kill, whatever came before it`(
        durability: Connection.Durability, seed: UInt64
    ) throws {
        var random = Seeded(seed)
        let path = folder.file("t.db")
        let writer = try Connection(path: path, mode: .writer, durability: durability)
        try writer.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB, sum INTEGER)")
        // So little memory that pages are written before their commit, and read again.
        try writer.execute("PRAGMA cache_size=10; PRAGMA wal_autocheckpoint=150")
        let reader = try Connection(path: path, mode: .reader)
        var committed: [String] = []
        for round in 0..<60 {
            try writer.execute("BEGIN IMMEDIATE")
            for _ in 0..<Int.random(in: 0..<80, using: &random) {
                let id = Int64.random(in: 0..<300, using: &random)
                let size = Int.random(in: 0..<9000, using: &random)
                try writer.execute("SAVEPOINT s")
                try writer.execute(
                    "INSERT OR REPLACE INTO t VALUES (\(id), randomblob(\(size)), \(round))")
                if Int.random(in: 0..<5, using: &random) == 0 {
                    try writer.execute("ROLLBACK TO s")
                }
                try writer.execute("RELEASE s")
            }
            let changed = try writer.texts(Self.state)
            #expect(try reader.texts(Self.state) == committed)
            if Int.random(in: 0..<4, using: &random) == 0 {
                try writer.execute("ROLLBACK")
            } else {
                try writer.execute("COMMIT")
                committed = changed
            }
            #expect(try reader.texts(Self.state) == committed)
            if round % 10 == 9 { #expect(try afterKill(round) == committed) }
        }
        #expect(!committed.isEmpty)
        writer.checkpoint()
        #expect(try reader.texts(Self.state) == committed)
    }
}
