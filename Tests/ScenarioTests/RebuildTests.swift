import EventSourcing
import Foundation
import HTTP
import Synchronization
import Testing

/// A read store that is built anew while a real shop runs.
@Suite(.scenarios) struct RebuildTests {
    /// Places orders and reads them back with their token, until it is told to end.
    private final class Traffic: Sendable {
        let placed = Mutex<[String]>([])
        let failures = Mutex<[String]>([])
        let isOver = Atomic(false)

        func run(_ shop: RunningShop) {
            while !isOver.load(ordering: .relaxed) {
                let began = Date()
                guard let answer = try? shop.place(), answer.status == 201 else { return }
                placed.withLock { $0.append(answer["id"]) }
                let token = answer.headers["Consistency-Token"] ?? ""
                let read = try? shop.get(
                    "/v1/orders/\(answer["id"])", ["Consistency-Token": token])
                guard let read else { return }
                // A slow machine may answer that it is not visible yet; it must never be gone.
                if read.status != 200, read["code"] != "not-yet-visible" {
                    failures.withLock { $0.append(read.text) }
                }
                // Where a sanitizer slows the shop down, clients must not outrun the rebuild.
                usleep(useconds_t(Date().timeIntervalSince(began) * (patience - 1) * 1e6))
            }
        }
    }

    private func rebuild(_ shop: RunningShop, _ more: String...) throws -> Finished {
        try Shopctl.run(
            [Shopctl.path, "projections", "rebuild", "orders", "--url", shop.url] + more)
    }

    /// The read store's files, with what SQLite keeps beside them.
    private func gatewayFiles(_ folder: Folder) throws -> [String] {
        // What is hidden is the lock, and no row's.
        try FileManager.default.contentsOfDirectory(atPath: "\(folder.data)/gateway")
            .filter { !$0.hasPrefix(".") }
            .filter { !["cursor.key", "homes.json"].contains($0) }
    }

    /// Stops it, and has everything compared.
    private func expectClean(_ shop: RunningShop) throws {
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `rows are built anew while orders are placed and read`() throws {
        let shop = try RunningShop.fresh(mugs: 100_000)
        let traffic = Traffic()
        let problems = inParallel(4) { index -> String? in
            guard index == 0 else {
                traffic.run(shop)
                return nil
            }
            defer { traffic.isOver.store(true, ordering: .relaxed) }
            do {
                for _ in 0..<3 {
                    let before = traffic.placed.withLock { $0.count }
                    let done = try rebuild(shop)
                    guard done.code == 0, done.output.contains("rebuilt orders"),
                        done.output.contains("the old rows were right")
                    else { return done.all }
                    try eventually("orders are placed") {
                        traffic.placed.withLock { $0.count } > before + 5
                    }
                }
                return nil
            } catch { return "\(error)" }
        }
        #expect(problems.compactMap { $0 }.isEmpty, "\(problems)")
        #expect(traffic.failures.withLock { $0 }.isEmpty, "\(traffic.failures.withLock { $0 })")
        #expect(shop.folder.readStore.hasSuffix("/read-3.db"))
        for id in traffic.placed.withLock({ $0 }) {
            #expect(try shop.end(of: id)["status"] == "completed")
        }
        #expect(shop.alarms.isEmpty, "\(shop.notices)")
        let running = try Shopctl.verify(shop.folder)
        #expect(running.code == 0, "\(running.all)")
        try expectClean(shop)
        let files = try gatewayFiles(shop.folder)
        #expect(files.allSatisfy { $0.hasPrefix("read-3.db") }, "\(files)")
    }

    @Test func `a row that was changed behind the shop's back is mended and counted`() throws {
        let shop = try RunningShop.fresh()
        let id = try shop.ended()["id"]
        // Each later fact would write the row again, as it was before it was changed.
        try shop.eventuallyFollows(id, payment: "captured", delivery: "delivered")
        try shop.eventuallyTells(id, "notification.skipped")
        _ = try sqlite(
            shop.folder.readStore, "UPDATE orders SET total = 1")
        // A list shows rows as they are; an order's own answer is kept until a commit changes it.
        let listed = try shop.get("/v1/orders").json["orders"]?.array
        #expect(listed?.first?["total"]?["minor"]?.integer == 1)
        let done = try rebuild(shop)
        #expect(done.code == 0 && done.output.contains("wrong in 1 place"), "\(done)")
        #expect(try shop.get("/v1/orders/\(id)").json["total"]?["minor"]?.integer == 750)
        #expect(shop.notices.contains("total"), "\(shop.notices)")
        let json = try rebuild(shop, "--json")
        let last = try JSON(parsing: Array(json.output.utf8))["lastRebuild"]
        #expect(json.code == 0 && last?["differences"]?.integer == 0, "\(json)")
        try expectClean(shop)
    }

    @Test func `a shop killed in the middle of a rebuild has the old rows or the new`() throws {
        var shop = try RunningShop.fresh(mugs: 100_000)
        let folder = shop.folder
        var ids: [String] = []
        for round in 0..<6 {
            let running = shop
            let traffic = Traffic()
            _ = inParallel(3) { index in
                guard index == 0 else { return traffic.run(running) }
                defer { running.kill() }
                try? eventually("orders are placed") {
                    traffic.placed.withLock { $0.count } > 10
                }
                _ = try? rebuild(running, "--no-wait")
                // Each time a little later.
                for _ in 0..<round * 4 { _ = try? running.get("/v1/projections") }
            }
            #expect(traffic.failures.withLock { $0 }.isEmpty)
            let placed = traffic.placed.withLock { $0 }
            #expect(placed.count > 10)
            ids += placed
            shop = try RunningShop(folder)
            let current = folder.readStore.split(separator: "/").last ?? ""
            try eventually("there are no other rows than those in use") {
                try gatewayFiles(folder).allSatisfy { $0.hasPrefix(current) }
            }
        }
        for id in ids { #expect(try shop.end(of: id)["status"] == "completed") }
        #expect(shop.alarms.isEmpty, "\(shop.notices)")
        let done = try rebuild(shop)
        #expect(done.code == 0 && done.output.contains("were right"), "\(done)")
        try expectClean(shop)
    }

    @Test func `the list shows each source, and a name that is none is refused`() throws {
        let shop = try RunningShop.fresh()
        _ = try shop.ended()
        let url = ["--url", shop.url]
        // Of a log that was silent since the start it is not known yet how far it is read.
        let list = try eventually("something is known of each source") { () -> Finished? in
            let list = try Shopctl.run([Shopctl.path, "projections", "list"] + url)
            return list.output.contains("unknown") ? nil : list
        }
        #expect(list.code == 0 && list.output.contains("orders  version"), "\(list)")
        #expect(list.output.contains("  live, "), "\(list)")
        let headings = list.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(headings.contains(["SOURCE", "EPOCH", "POSITION", "BEHIND"]), "\(list)")
        for log in ["orders", "payments", "deliveries", "notifications"] {
            #expect(list.output.contains("\(log)/facts"), "\(list)")
        }
        let json = try Shopctl.run([Shopctl.path, "projections", "list", "--json"] + url)
        let first = try JSON(parsing: Array(json.output.utf8))["projections"]?.array?.first
        #expect(first?["sources"]?.array?.count == 4, "\(json)")
        let unknown = try Shopctl.run([Shopctl.path, "projections", "rebuild", "shoes"] + url)
        #expect(unknown.code == 1 && unknown.output.isEmpty, "\(unknown)")
        #expect(unknown.error.contains("'shoes'") && unknown.error.contains("known are: orders"))
        let begun = try rebuild(shop, "--no-wait")
        #expect(begun.code == 0 && begun.output.contains("has begun"), "\(begun)")
    }

    struct Damage: CustomTestStringConvertible, Sendable {
        let name: String
        let finds: String
        let change: @Sendable (String) throws -> Void
        var testDescription: String { name }
    }

    private static let damages = [
        Damage(name: "garbage", finds: "it is damaged") { path in
            let garbage = Data(repeating: 0x5A, count: 50_000)
            try garbage.write(to: URL(fileURLWithPath: path))
        },
        Damage(name: "another version", finds: "made by another build") { path in
            _ = try sqlite(path, "PRAGMA user_version=7")
        },
    ]

    @Test(arguments: damages) func `an audit names what is wrong with the read store's file`(
        damage: Damage
    ) throws {
        let shop = try RunningShop.fresh()
        let id = try shop.ended()["id"]
        #expect(try rebuild(shop).code == 0)
        try shop.stop()
        let path = shop.folder.readStore
        #expect(path.hasSuffix("/read-1.db"))
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
        }
        try damage.change(path)
        let before = FileManager.default.contents(atPath: path)
        let found = try Shopctl.verify(shop.folder)
        #expect(found.code == 1, "\(found.all)")
        #expect(found.output.contains("read store") && found.output.contains(damage.finds))
        // It looks, and mends nothing.
        #expect(FileManager.default.contents(atPath: path) == before)
        let again = try RunningShop(shop.folder)
        try eventually("the order is there again") {
            try again.get("/v1/orders/\(id)").status == 200
        }
        try eventually("the shop is ready") { try again.get("/readyz").status == 200 }
        try expectClean(again)
    }
}
