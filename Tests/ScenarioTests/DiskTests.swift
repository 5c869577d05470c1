import EventSourcing
import Foundation
import Glibc
import HTTP
import Synchronization
import Testing

/// Disks that are full, too small, or not to be written: what goes on, and what is said.
@Suite(.serialized, .scenarios) struct DiskTests {
    /// What clients were told, by key.
    private final class Clients: Sendable {
        let told = Mutex<[String: String]>([:])
        let isOver = Atomic(false)

        /// Places orders, each under a key of its own, and asks again with it after a refusal.
        func load(_ shop: RunningShop, _ name: String) {
            for number in 0... {
                let key = "\(name)-\(number)"
                while true {
                    guard !isOver.load(ordering: .relaxed) else { return }
                    guard let answer = try? shop.place(key: key) else { continue }
                    if answer.status == 201 {
                        told.withLock { $0[key] = answer["id"] }
                        break
                    }
                    usleep(20_000)
                }
            }
        }
    }

    private static let mebibyte = 1 << 20
    private static let reserve = ["--disk-reserve", "8"]

    private func metrics(_ shop: RunningShop) throws -> (stopped: Double?, reserve: Double?) {
        let scrape = try Scrape(shop)
        return (scrape["kassa_intake_stopped"], scrape["kassa_disk_reserve_bytes"])
    }

    private func expectRefusal(_ answer: Answer) {
        #expect(answer.status == 503 && answer.isProblem, "\(answer)")
        #expect(answer["code"] == "disk-full" && answer["detail"].contains("full"), "\(answer)")
        #expect(answer.headers["Retry-After"] != nil, "\(answer)")
    }

    /// An order whose provider never answers: it is under way until its customer's time is over.
    private func waiting(_ shop: RunningShop) throws -> String {
        let id = try shop.accepted(OrderBody(token: "tok_timeout"))["id"]
        try shop.eventuallyTells(id, "payment.authorization-requested")
        return id
    }

    private func expectWhole(_ folder: Folder) throws {
        let verified = try Shopctl.verify(folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test(.mounts(.tmpfs), arguments: RunningShop.Form.allCases)
    func `while the disk is full nothing new is taken and the rest goes on`(
        form: RunningShop.Form
    ) throws {
        let disk = try Disk(mebibytes: 400)
        defer { disk.unmount() }
        let shop = try RunningShop(disk.folder, as: form)
        try shop.receive("mug", 100_000)
        let (first, second) = (try waiting(shop), try waiting(shop))
        let clients = Clients()
        let failures = inParallel(5) { index -> String? in
            guard index == 0 else {
                clients.load(shop, "c\(index)")
                return nil
            }
            defer { clients.isOver.store(true, ordering: .relaxed) }
            do {
                try fillUp(disk, shop, clients, compensating: (first, second))
                return nil
            } catch { return "\(error)" }
        }
        #expect(failures.compactMap { $0 } == [], "\(shop.notices)")
        try eventually("all have ended") {
            try Scrape(shop)["kassa_checkouts_open"] == 0
        }
        let told = clients.told.withLock { $0 }
        for (key, id) in told {
            #expect(try shop.end(of: id)["status"] == "completed", "\(key)")
        }
        #expect(Set(told.values).count == told.count)
        for word in ["no new orders and goods are taken", "the reserve of 64.0 MiB is given"] {
            #expect(shop.notices.contains(word), "\(shop.notices)")
        }
        try shop.stop()
        try expectWhole(disk.folder)
    }

    /// The bytes of each `-wal`.
    private func writeAheadLogs(_ folder: Folder) throws -> [Int] {
        let files = FileManager.default
        let names = try files.subpathsOfDirectory(atPath: folder.data)
        return names.filter { $0.hasSuffix("-wal") }.compactMap { name in
            try? files.attributesOfItem(atPath: "\(folder.data)/\(name)")[.size] as? Int
        }
    }

    /// Fills it until the reserve is given out, which others may still use. What is moved out of a
    /// `-wal` meanwhile gives room back.
    private func exhaust(_ disk: Disk, _ shop: RunningShop) throws {
        try eventually("the reserve is given out") {
            try disk.fill(leaving: 0)
            usleep(300_000)
            return try metrics(shop).reserve == 0
        }
    }

    /// Under load: nearly full, full, full without any reserve, and empty again.
    private func fillUp(
        _ disk: Disk, _ shop: RunningShop, _ clients: Clients, compensating: (String, String)
    ) throws {
        func told() -> Int { clients.told.withLock { $0.count } }
        try eventually("orders are acknowledged") { told() > 20 }
        try disk.fill(leaving: 40 * Self.mebibyte)
        let refused = try eventually("placing is refused") {
            let answer = try shop.place()
            return answer.status == 503 ? answer : nil
        }
        expectRefusal(refused)
        expectRefusal(try shop.post("/v1/stock/mug/receipts", "{\"quantity\":1}"))
        #expect(try metrics(shop) == (1, 64 * Double(Self.mebibyte)))
        try eventually("each -wal is kept small") {
            try writeAheadLogs(shop.folder).allSatisfy { $0 <= Self.mebibyte }
        }
        #expect(try shop.cancel(compensating.0).status == 202)
        #expect(try shop.end(of: compensating.0)["status"] == "cancelled")
        try exhaust(disk, shop)
        let asked = try eventually("the cancellation is taken") {
            let answer = try shop.cancel(compensating.1)
            return answer.status == 503 ? nil : answer
        }
        #expect(asked.status == 202, "\(asked)")
        #expect(try shop.end(of: compensating.1)["status"] == "cancelled")
        let known = clients.told.withLock { $0.values.first } ?? ""
        // Not even the reserve is left now: nobody can write anything.
        try disk.fill(leaving: 0)
        for _ in 0..<20 {
            #expect(try shop.get("/v1/orders/\(known)").status == 200)
            expectRefusal(try shop.place())
            usleep(50_000)
        }
        disk.empty()
        try eventually("the reserve is filled again") {
            try metrics(shop) == (0, 64 * Double(Self.mebibyte))
        }
        let before = told()
        try eventually("orders are taken again") { told() > before + 20 }
    }

    @Test(.mounts(.tmpfs)) func `a shop ends cleanly on a full disk, and starts on it again`()
        throws
    {
        let disk = try Disk(mebibytes: 100)
        defer { disk.unmount() }
        let shop = try RunningShop(disk.folder, options: Self.reserve)
        try shop.receive("mug", 100)
        let id = try waiting(shop)
        try exhaust(disk, shop)
        try shop.stop()
        for service in EventListings.services {
            #expect(try sqlite(disk.folder.log(service), "SELECT clean FROM log") == "1\n")
        }
        let again = try RunningShop(disk.folder, options: Self.reserve)
        #expect(again.notices.contains("make room"), "\(again.notices)")
        expectRefusal(try again.place())
        #expect(try again.cancel(id).status == 202)
        #expect(try again.end(of: id)["status"] == "cancelled")
        try disk.fill(leaving: 0)
        again.kill()
        do {
            // Where the files' own tails have room it starts.
            let full = try RunningShop(disk.folder, options: Self.reserve)
            expectRefusal(try full.place())
            full.kill()
        } catch { #expect("\(error)".contains("is full"), "\(error)") }
        disk.empty()
        let last = try RunningShop(disk.folder, options: Self.reserve)
        #expect(try last.end(of: id)["status"] == "cancelled")
        #expect(try last.ended()["status"] == "completed")
        try last.stop()
        try expectWhole(disk.folder)
    }

    @Test(.mounts(.tmpfs)) func `a disk that is too small is named at the start`() throws {
        let tiny = try Disk(mebibytes: 1)
        defer { tiny.unmount() }
        try tiny.fill(leaving: 64 << 10)
        let refused = try Shopctl.run("up", "--port", "0", "--data", tiny.folder.data)
        #expect(refused.code == 1, "\(refused)")
        for word in [tiny.folder.data, "is full", "make room"] {
            #expect(refused.error.contains(word), "\(refused)")
        }
        let small = try Disk(mebibytes: 100)
        defer { small.unmount() }
        let shop = try RunningShop(small.folder)
        for word in [small.folder.data, "144.0 MiB", "--disk-reserve"] {
            #expect(shop.notices.contains(word), "\(shop.notices)")
        }
        expectRefusal(try shop.place())
        try shop.stop()
    }

    @Test(.mounts(.tmpfs)) func `a disk that may not be written is named at the start`() throws {
        let disk = try Disk(mebibytes: 100)
        defer { disk.unmount() }
        let shop = try RunningShop(disk.folder, options: Self.reserve)
        try shop.receive("mug", 100)
        let id = try shop.ended()["id"]
        try shop.stop()
        try disk.makeReadOnly()
        let refused = try Shopctl.run("up", "--port", "0", "--data", disk.folder.data)
        #expect(refused.code == 1, "\(refused)")
        for word in [disk.folder.data, "ead-only file system"] {
            #expect(refused.error.contains(word), "\(refused)")
        }
        #expect(refused.error.split(separator: "\n").count == 1, "\(refused)")
        try disk.makeWritable()
        let again = try RunningShop(disk.folder, options: Self.reserve)
        #expect(try again.end(of: id)["status"] == "completed")
        #expect(try again.ended()["status"] == "completed")
    }

    @Test(.mounts(.ext4)) func `a disk that the kernel lets nobody write loses nothing`() throws {
        let disk = try Disk(.ext4, mebibytes: 160)
        defer { disk.unmount() }
        let shop = try RunningShop(disk.folder, options: Self.reserve)
        try shop.receive("mug", 100_000)
        let known = try shop.ended()["id"]
        let clients = Clients()
        let failures = inParallel(4) { index -> String? in
            guard index == 0 else {
                clients.load(shop, "c\(index)")
                return nil
            }
            defer { clients.isOver.store(true, ordering: .relaxed) }
            do {
                try eventually("orders are acknowledged") {
                    clients.told.withLock { $0.count } > 20
                }
                try disk.fail()
                let refused = try eventually("placing is refused") {
                    let answer = try shop.place()
                    return answer.status == 503 ? answer : nil
                }
                #expect(refused.isProblem && refused.headers["Retry-After"] != nil, "\(refused)")
                #expect(try shop.get("/v1/orders/\(known)").status == 200)
                return nil
            } catch { return "\(error)" }
        }
        #expect(failures.compactMap { $0 } == [], "\(shop.notices)")
        #expect(shop.notices.contains("orders"), "\(shop.notices)")
        try shop.stop()
        try disk.mend()
        let again = try RunningShop(disk.folder, options: Self.reserve)
        for id in clients.told.withLock({ $0.values }) {
            #expect(try again.end(of: id)["status"] == "completed", "\(again.notices)")
        }
        try again.stop()
        try expectWhole(disk.folder)
    }
}
