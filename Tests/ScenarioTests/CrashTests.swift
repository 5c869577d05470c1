import Synchronization
import Testing

/// What the shop holds after it was killed in the middle of its work.
@Suite(.scenarios) struct CrashTests {
    /// Kills the shop when so many orders are acknowledged under load.
    private func kill(_ shop: RunningShop, _ clients: Clients, round: Int, after count: Int) throws
    {
        let before = clients.told.withLock { $0.count }
        let all = inParallel(7) { index -> String? in
            guard index == 0 else {
                clients.load(shop, "r\(round)c\(index)")
                return nil
            }
            defer { shop.kill() }
            do {
                try eventually("\(count) orders are acknowledged") {
                    clients.told.withLock { $0.count } >= before + count
                }
                return nil
            } catch { return "\(error)" }
        }
        if let failure = all.compactMap({ $0 }).first { throw Failure(failure) }
    }

    @Test(arguments: [1, 4])
    func `after kills under load every acknowledged order is there once`(kills: Int) throws {
        var shop = try RunningShop.fresh(mugs: 100_000)
        let folder = shop.folder
        let clients = Clients()
        for round in 0..<kills {
            try kill(shop, clients, round: round, after: kills == 1 ? 100 : 20)
            shop = try RunningShop(folder)
        }
        try clients.check(shop)
        // The broker's record that a kill found half written, one and no more, is cut off and told
        // of, and sent again.
        let alarms = shop.alarms.filter { line in
            let cut = line.firstMatch(of: /: (\d+) bytes of no good record/).flatMap { Int($0.1) }
            return cut.map { $0 >= 4096 } ?? true
        }
        #expect(alarms.isEmpty, "\(shop.notices)")
        let running = try Shopctl.verify(folder)
        #expect(running.code == 0, "\(running.all)")
        try shop.stop()
        let verified = try Shopctl.verify(folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `a shop killed again and again as soon as it is ready still gets done`() throws {
        var shop = try RunningShop.fresh()
        let folder = shop.folder
        let ids = try (0..<20).map { _ in try shop.accepted()["id"] }
        for _ in 0..<5 {
            shop.kill()
            shop = try RunningShop(folder)
        }
        for id in ids { #expect(try shop.end(of: id)["status"] == "completed") }
        #expect(try Shopctl.verify(folder).code == 0)
    }

    @Test(arguments: [2, 15]) func `a signal ends the shop cleanly under load`(number: Int32) throws
    {
        let shop = try RunningShop.fresh(mugs: 100_000)
        let clients = Clients()
        _ = inParallel(5) { index in
            guard index == 0 else { return clients.load(shop, "c\(index)") }
            try? eventually("orders are acknowledged") { clients.told.withLock { $0.count } > 20 }
            shop.child.signal(number)
            clients.isOver.store(true, ordering: .relaxed)
        }
        #expect(try shop.child.end() == 0, "\(shop.notices)")
        let again = try RunningShop(shop.folder)
        try clients.check(again)
        try again.stop()
        #expect(again.alarms.isEmpty && shop.alarms.isEmpty, "\(shop.notices)\(again.notices)")
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }
}
