import EventSourcing
import Foundation
import Glibc
import HTTP
import Testing

/// Files that are lost, damaged or older than they were, while the shop stands still.
@Suite(.scenarios) struct LossTests {
    /// A stopped shop with a few completed orders, and a few that are under way.
    private func stopped(token: String = "tok_ok") throws -> (folder: Folder, ids: [String]) {
        let shop = try RunningShop.fresh(as: .single)
        var ids: [String] = []
        for _ in 0..<3 { ids.append(try shop.ended()["id"]) }
        for _ in 0..<3 { ids.append(try shop.accepted(OrderBody(token: token))["id"]) }
        try shop.stop()
        return (shop.folder, ids)
    }

    private func expectAllComplete(_ shop: RunningShop, _ ids: [String]) throws {
        for id in ids + [try shop.accepted()["id"]] {
            #expect(try shop.end(of: id)["status"] == "completed", "\(shop.notices)")
        }
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `without the broker's folder everything still completes`() throws {
        // Asked for three times before it answers: under way for sure when the shop stops.
        let (folder, ids) = try stopped(token: "tok_flaky")
        try FileManager.default.removeItem(atPath: "\(folder.data)/broker")
        try expectAllComplete(try RunningShop(folder, as: .single), ids)
    }

    @Test(arguments: ["flipped", "cut", "garbage", "empty"])
    func `with damaged broker files everything still completes`(damage: String) throws {
        let (folder, ids) = try stopped()
        let broker = "\(folder.data)/broker"
        let names = FileManager.default.enumerator(atPath: broker)?.allObjects ?? []
        var damaged = 0
        for name in names.compactMap({ $0 as? String }) {
            let path = "\(broker)/\(name)"
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
                !isFolder.boolValue, var bytes = FileManager.default.contents(atPath: path)
            else { continue }
            switch damage {
            case "flipped":
                for at in stride(from: 10, to: bytes.count, by: 97) { bytes[at] ^= 0x40 }
            case "cut": bytes = bytes.prefix(bytes.count * 2 / 3)
            case "garbage": bytes = Data(repeating: 0x5A, count: bytes.count)
            default: bytes = Data()
            }
            #expect(FileManager.default.createFile(atPath: path, contents: bytes))
            damaged += 1
        }
        #expect(damaged > 0)
        try expectAllComplete(try RunningShop(folder, as: .single), ids)
    }

    @Test(arguments: ["missing", "garbage", "cut", "pages"])
    func `a read store that is lost is built anew`(loss: String) throws {
        let (folder, ids) = try stopped()
        for suffix in ["-wal", "-shm"] { unlink(folder.readStore + suffix) }
        let bytes = FileManager.default.contents(atPath: folder.readStore) ?? Data()
        switch loss {
        case "missing":
            unlink(folder.readStore)
            let found = try Shopctl.verify(folder)
            #expect(found.code == 1 && found.output.contains("read store"), "\(found.all)")
            #expect(!FileManager.default.fileExists(atPath: folder.readStore))
        case "garbage":
            let garbage = Data(repeating: 0x5A, count: 50_000)
            #expect(FileManager.default.createFile(atPath: folder.readStore, contents: garbage))
        case "pages":
            // The first says what tables there are: damage shows only when rows are read.
            let noise = bytes.prefix(4096) + Data(repeating: 0x5A, count: bytes.count - 4096)
            #expect(FileManager.default.createFile(atPath: folder.readStore, contents: noise))
        default:
            let part = bytes.prefix(bytes.count / 2)
            #expect(FileManager.default.createFile(atPath: folder.readStore, contents: part))
        }
        let shop = try RunningShop(folder)
        try eventually("the shop is ready again") { try shop.get("/readyz").status == 200 }
        let first = try eventually("the first order is there again") {
            let answer = try shop.get("/v1/orders/\(ids[0])")
            return answer.status == 200 ? answer : nil
        }
        #expect(first["id"] == ids[0])
        try expectAllComplete(shop, ids)
    }

    /// Puts an older copy of a service's folder in place of the newer.
    private func restore(_ service: String) throws -> (folder: Folder, lost: String) {
        let shop = try RunningShop.fresh()
        _ = try shop.ended(OrderBody(more: OrderBody.contact))
        try shop.stop()
        let folder = shop.folder
        let copy = "\(folder.path)/copy"
        try FileManager.default.copyItem(atPath: "\(folder.data)/\(service)", toPath: copy)
        let later = try RunningShop(folder)
        let lost = try later.ended(OrderBody(quantity: 2, more: OrderBody.contact))["id"]
        // Others have read what is taken away from every service.
        try later.eventuallyFollows(lost, payment: "captured", delivery: "delivered")
        try later.eventuallyTells(lost, "notification.sent")
        try later.stop()
        try FileManager.default.removeItem(atPath: "\(folder.data)/\(service)")
        try FileManager.default.moveItem(atPath: copy, toPath: "\(folder.data)/\(service)")
        return (folder, lost)
    }

    private func open(_ service: String, _ folder: Folder) throws {
        let opened = try Shopctl.run(
            "epoch", "open", "--service", service, "--why", "a test restored it",
            "--data", folder.data)
        #expect(opened.code == 0 && opened.output.contains("epoch 2"), "\(opened.all)")
    }

    @Test(arguments: ["with", "without"])
    func `restored orders write nothing until a new epoch is opened`(broker: String) throws {
        let (folder, lost) = try restore("orders")
        if broker == "without" {
            try FileManager.default.removeItem(atPath: "\(folder.data)/broker")
        }
        let halted = try RunningShop(folder)
        // From the first request on: an order taken now would stand where readers have read
        // another.
        let taken = (0..<20).compactMap { _ in try? halted.place() }.filter { $0.status == 201 }
        let refused = try eventually("placing is refused") {
            let answer = try halted.place()
            return answer.status == 503 ? answer : nil
        }
        #expect(refused.isProblem)
        #expect(refused.headers["Retry-After"] != nil)
        for word in ["orders", "read"] { #expect(refused["detail"].contains(word), "\(refused)") }
        try eventually("the operator is told") { halted.notices.contains("orders has stopped") }
        try eventually("reads go on") { try halted.get("/v1/orders/\(lost)").status == 200 }
        try halted.stop()
        // It stays halted, whatever else is restarted.
        let still = try RunningShop(folder)
        #expect(try still.place().status == 503)
        try still.stop()
        try open("orders", folder)
        let shop = try RunningShop(folder)
        #expect(try shop.ended()["status"] == "completed", "\(shop.notices)")
        #expect(taken.isEmpty, "\(taken.count) orders")
        try shop.stop()
        let verified = try Shopctl.verify(folder)
        #expect(!verified.output.contains("read store:") || !verified.output.contains("restored"))
    }

    @Test(arguments: ["payments", "deliveries", "notifications"])
    func `another restored log stops as well, and goes on in a new epoch`(service: String) throws {
        let (folder, lost) = try restore(service)
        let halted = try RunningShop(folder)
        let waiting = try halted.accepted(OrderBody(more: OrderBody.contact))["id"]
        try eventually("the operator is told") {
            halted.notices.contains("\(service) has stopped")
        }
        if service == "deliveries" {
            let refused = try halted.post("/v1/stock/mug/receipts", "{\"quantity\":1}")
            #expect(refused.status == 503 && refused.isProblem, "\(refused)")
        }
        try eventually("reads go on") {
            try halted.get("/v1/orders/\(lost)")["status"] == "completed"
        }
        try halted.stop()
        try open(service, folder)
        let shop = try RunningShop(folder)
        #expect(try shop.end(of: waiting)["status"] == "completed", "\(shop.notices)")
        let order = try shop.ended(OrderBody(more: OrderBody.contact))
        #expect(order["status"] == "completed", "\(shop.notices)")
        try eventually("all mails are sent") {
            try shop.get("/v1/orders/\(order["id"])").json["mailsSent"]?.integer == 3
        }
        try eventually("the shop is ready") { try shop.get("/readyz").status == 200 }
    }
}
