import EventSourcing
import Foundation
import Glibc
import Testing

/// Logs that are damaged or gone: the shop says which file and what to do, and begins no other.
@Suite(.scenarios) struct DamageTests {
    /// A shop after three orders; stopped, or killed so that the newest lies beside the logs alone.
    private func ended(killed: Bool = false) throws -> (folder: Folder, ids: [String]) {
        let shop = try RunningShop.fresh()
        let ids = try (0..<3).map { _ in try shop.ended()["id"] }
        if killed { shop.kill() } else { try shop.stop() }
        return (shop.folder, ids)
    }

    private func up(_ folder: Folder) throws -> Finished {
        try Shopctl.run("up", "--port", "0", "--data", folder.data)
    }

    private func doctor(_ folder: Folder, names check: String, _ words: String...) throws {
        let port = try HeldPort()
        let done = try Shopctl.run("doctor", "--data", folder.data, "--port", "\(port)")
        #expect(done.code == 1, "\(done)")
        let line = done.output.split(separator: "\n").first { $0.hasPrefix("problem  \(check)") }
        for word in words { #expect(line?.contains(word) == true, "\(word) in \(done.output)") }
    }

    private func expectAllThere(_ folder: Folder, _ ids: [String]) throws {
        let shop = try RunningShop(folder)
        for id in ids + [try shop.accepted()["id"]] {
            #expect(try shop.end(of: id)["status"] == "completed", "\(shop.notices)")
        }
        try shop.stop()
        let verified = try Shopctl.verify(folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test(arguments: ["orders", "payments", "deliveries", "notifications"], ["gone", "empty"])
    func `a log that others have read is not begun anew`(service: String, loss: String) throws {
        let (folder, ids) = try ended()
        let (path, kept) = (folder.log(service), "\(folder.path)/kept.db")
        rename(path, kept)
        for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
        if loss == "empty" {
            #expect(FileManager.default.createFile(atPath: path, contents: Data()))
        }
        let refused = try up(folder)
        #expect(refused.code == 1, "\(refused)")
        for word in [path, "missing or empty", "read it up to", "restore a backup"] {
            #expect(refused.error.contains(word), "\(refused)")
        }
        try doctor(folder, names: "\(service) log", "missing or empty", "read it up to")
        unlink(path)
        rename(kept, path)
        try expectAllThere(folder, ids)
    }

    @Test(arguments: ["cut", "gone"])
    func `a log whose newest events are lost takes no others in their place`(loss: String) throws {
        let (folder, ids) = try ended(killed: true)
        let wal = folder.log("orders") + "-wal"
        let bytes = FileManager.default.contents(atPath: wal) ?? Data()
        // Of this size there is more than the log's first commits in it.
        #expect(bytes.count > 100_000)
        unlink(wal)
        if loss == "cut" {
            let part = bytes.prefix(bytes.count * 3 / 4)
            #expect(FileManager.default.createFile(atPath: wal, contents: part))
        }
        try doctor(folder, names: "orders", "read")
        let kept = "\(folder.path)/kept"
        try FileManager.default.copyItem(atPath: folder.data, toPath: kept)
        do {
            let shop = try RunningShop(folder)
            #expect(try shop.place().status == 503)
            #expect(shop.notices.contains("orders has stopped"), "\(shop.notices)")
            try shop.stop()
        } catch { #expect("\(error)".contains("missing or empty"), "\(error)") }
        // As it was before: all is there.
        try FileManager.default.removeItem(atPath: folder.data)
        try FileManager.default.moveItem(atPath: kept, toPath: folder.data)
        unlink(folder.log("orders") + "-shm")
        #expect(FileManager.default.createFile(atPath: wal, contents: bytes))
        try expectAllThere(folder, ids)
    }

    @Test(arguments: ["orders", "payments", "deliveries"])
    func `a damaged page of a log is said with the file's name, and crashes nobody`(
        service: String
    ) throws {
        let (folder, _) = try ended()
        let path = folder.log(service)
        _ = try sqlite(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        let good = FileManager.default.contents(atPath: path) ?? Data()
        // Every table's and index's first page, behind the schema.
        let roots = try sqlite(
            path, "SELECT rootpage FROM sqlite_schema WHERE rootpage > 1 ORDER BY rootpage")
        for page in roots.split(separator: "\n").compactMap({ Int($0) }) {
            var bytes = good
            bytes.replaceSubrange(
                (page - 1) * 4096..<page * 4096, with: Data(repeating: 0x5A, count: 4096))
            for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
            #expect(FileManager.default.createFile(atPath: path, contents: bytes))
            try doctor(folder, names: "\(service)")
            try expectTold(folder, path, "page \(page)")
        }
    }

    /// The start is refused, or an order does not get through, and the operator is told why; or
    /// nothing of it was needed.
    private func expectTold(_ folder: Folder, _ path: String, _ what: String) throws {
        let copy = try Folder()
        try FileManager.default.copyItem(atPath: folder.data, toPath: copy.data)
        let own = path.replacing(folder.path, with: copy.path)
        let shop: RunningShop
        do { shop = try RunningShop(copy) } catch {
            #expect("\(error)".hasPrefix("up: 1,"), "\(what): \(error)")
            return #expect("\(error)".contains(own), "\(what): \(error)")
        }
        let placed = try shop.place()
        try eventually("\(what): an order ends, or why not is told") {
            if shop.notices.contains("\(own) is damaged") { return true }
            guard placed.status == 201 else { return false }
            return try shop.get("/v1/orders/\(placed["id"])")["status"] == "completed"
        }
        #expect(shop.child.exitCode == nil, "\(what): \(shop.notices)")
        try shop.stop()
    }
}
