import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import Projections
import SQLite
import Synchronization
import Testing

/// The moment in which one file takes the place of another.
@Suite struct SwapTests {
    /// Copies the store's folder at a moment of the swap, as a crash would leave it.
    private final class Image: Sendable {
        let folder: String
        private let source = Mutex<String?>(nil)
        private let moment: ReadStore.SwapMoment

        init(at moment: ReadStore.SwapMoment) throws {
            self.moment = moment
            folder = try temporaryFolder()
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func watch(_ folder: String) { source.withLock { $0 = folder } }

        func take(_ moment: ReadStore.SwapMoment) throws(SQLiteError) {
            guard moment == self.moment, let source = source.withLock({ $0 }) else { return }
            do {
                for name in try FileManager.default.contentsOfDirectory(atPath: source) {
                    try FileManager.default.copyItem(
                        atPath: "\(source)/\(name)", toPath: "\(folder)/\(name)")
                }
            } catch {
                throw SQLiteError(code: 10, message: "\(error)", action: "copying")
            }
        }
    }

    @Test(
        arguments: [
            (ReadStore.SwapMoment.beforeRename, "live.db", "live-new.db"),
            (.afterRename, "live-1.db", "live.db"),
        ])
    func `a crash leaves the old file or the new one, and nothing else`(
        moment: ReadStore.SwapMoment, current: String, leftover: String
    ) throws {
        let image = try Image(at: moment)
        let rig = try RunnerRig(orders: 30) { (moment) throws(SQLiteError) in
            try image.take(moment)
        }
        image.watch(rig.folder)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        #expect(try rig.rebuilt().failure == nil)
        let path = "\(image.folder)/live.db"
        let names = try FileManager.default.contentsOfDirectory(atPath: image.folder)
        #expect(names.contains(current) && names.contains(leftover), "\(names)")
        #expect(ReadFiles(path).current == "\(image.folder)/\(current)")
        let store = try ReadStore(path: path)
        #expect(store.path == "\(image.folder)/\(current)")
        #expect(try dump(store.path) == rig.expected())
        let left = try FileManager.default.contentsOfDirectory(atPath: image.folder)
        #expect(left.allSatisfy { $0.hasPrefix(current) }, "\(left)")
        // It goes on from there.
        let engine = try ProjectionEngine(
            store: store, sources: rig.logs.map(\.source), notice: { _ in })
        for log in rig.logs {
            #expect(engine.checkpoint(of: log.source).position == log.head)
        }
    }

    @Test func `where the disk fails before the renaming the old rows stay in use`() throws {
        let isFailing = Atomic<Bool>(true)
        let rig = try RunnerRig(orders: 30) { (moment) throws(SQLiteError) in
            guard moment == .beforeRename, isFailing.load(ordering: .relaxed) else { return }
            throw SQLiteError(code: 10, message: "disk I/O error", action: "rename")
        }
        try rig.grow(by: 20)
        try rig.caughtUp()
        let failed = try rig.rebuilt()
        #expect(failed.failure?.contains("disk I/O error") == true)
        #expect(rig.fileName == "live.db")
        #expect(rig.notices.contains { $0.contains("rebuild") && $0.contains("disk I/O error") })
        #expect(try rig.files.allSatisfy { $0.hasPrefix("live.db") })
        try rig.grow(by: 1000)
        try rig.caughtUp()
        #expect(try dump(rig.store.path) == rig.expected())
        isFailing.store(false, ordering: .relaxed)
        #expect(try rig.rebuilt().failure == nil)
        #expect(rig.fileName == "live-1.db")
        #expect(try dump(rig.store.path) == rig.expected())
    }

    @Test func `where the folder cannot be made durable the new rows are in use, and it is told`()
        throws
    {
        let rig = try RunnerRig(orders: 30) { (moment) throws(SQLiteError) in
            guard moment == .afterRename else { return }
            throw SQLiteError(code: 10, message: "disk I/O error", action: "fsync")
        }
        try rig.grow(by: 1000)
        try rig.caughtUp()
        #expect(try rig.rebuilt().failure == nil)
        #expect(rig.fileName == "live-1.db")
        #expect(rig.notices.contains { $0.contains("loss of power") }, "\(rig.notices)")
        #expect(try dump(rig.store.path) == rig.expected())
    }

    @Test func `the greatest number is in use, and only what belongs to the store is removed`()
        throws
    {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let others = [
            "live-01.db", "live-x.db", "live-2.db.bak", "alive.db", "live-+3.db", "live-0.db",
            "live.txt", "live-new.db.old",
        ]
        let leftovers = [
            "live.db", "live.db-wal", "live.db-shm", "live-2.db", "live-9.db-shm",
            "live-11.db-wal", "live-new.db", "live-new.db-wal", "live-new.db-journal",
            "live-3.db-journal", "live-new-1.db", "live-new-2.db-wal",
        ]
        for name in others + leftovers + ["live-10.db"] {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data()))
        }
        let store = try ReadStore(path: "\(folder)/live.db")
        #expect(store.path == "\(folder)/live-10.db")
        let left = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(
            Set(left.filter { !$0.hasPrefix("live-10.db") }) == Set(others), "\(left.sorted())")
    }

    @Test func `what damage has left of a rebuild does not stand in the way of the next`() throws {
        let rig = try RunnerRig(orders: 10)
        try rig.grow(by: 1000)
        try rig.caughtUp()
        for name in ["live-new.db", "live-new-1.db"] {
            try Data(repeating: 0x5A, count: 50_000).write(
                to: URL(fileURLWithPath: "\(rig.folder)/\(name)"))
        }
        #expect(try rig.rebuilt().failure == nil)
        #expect(rig.fileName == "live-1.db")
        #expect(try rig.files.allSatisfy { $0.hasPrefix("live-1.db") })
        #expect(try dump(rig.store.path) == rig.expected())
    }

    @Test func `a damaged file that is still being built is not begun anew`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/live-new.db"
        try Data(repeating: 0x5A, count: 50_000).write(to: URL(fileURLWithPath: path))
        #expect(throws: SQLiteError.self) { try ReadStore(path: path, renewsItself: false) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["live-new.db"])
    }

    @Test func `a damaged file is begun anew under another name, and nobody reads the old one`()
        throws
    {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let shop = try Shop(orders: 5)
        let store = try ReadStore(path: "\(folder)/live.db")
        let id = try #require(OrderID("order-0"))
        do {
            let engine = try ProjectionEngine(
                store: store, sources: shop.logs.map(\.source), notice: { _ in })
            try shuffle(shop, into: engine, seed: 1)
            #expect(try store.order(id) != nil)
        }
        try Data(repeating: 0x5A, count: 50_000).write(to: URL(fileURLWithPath: store.path))
        let engine = try ProjectionEngine(
            store: store, sources: shop.logs.map(\.source), notice: { _ in })
        #expect(store.path == "\(folder)/live-1.db")
        #expect(try store.order(id) == nil)
        #expect(engine.checkpoint(of: shop.orders.source) == .start)
        try shuffle(shop, into: engine, seed: 2)
        #expect(try store.order(id) != nil)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(left.allSatisfy { $0.hasPrefix("live-1.db") }, "\(left)")
    }
}
