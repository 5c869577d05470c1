import EventSourcing
import Foundation
import Glibc
import HTTP
import Synchronization
import Testing

/// Services of two builds side by side.
@Suite(.scenarios) struct BuildSkewTests {
    /// Exchanges all parts, one after the other, with a pause in which two builds work together.
    private func exchangeAll(_ shop: HandRunShop, for program: String, _ clients: Clients) throws {
        for part in HandRunShop.parts {
            try shop.exchange(part, for: program)
            let before = clients.told.withLock { $0.count }
            try eventually("orders are acknowledged with another build's \(part)") {
                clients.told.withLock { $0.count } >= before + 20
            }
        }
    }

    private func versions(_ gateway: RunningShop) throws -> Set<String> {
        let parts = try gateway.get("/v1/status").json["parts"]?.array ?? []
        return Set(parts.compactMap { $0["version"]?.string })
    }

    @Test func `what makes the next build of this one fits it`() throws {
        let patch = Shopctl.root.appendingPathComponent("Tests/Skew/next.patch").path
        let tried = try Shopctl.run([
            "patch", "--directory=\(Shopctl.root.path)", "--strip=1", "--dry-run", "--force",
            "--input=\(patch)",
        ])
        #expect(tried.code == 0, "\(tried.all)")
    }

    @Test func `parts of two builds are exchanged one by one under load, there and back`() throws {
        guard let next = ProcessInfo.processInfo.environment["KASSA_NEXT_BUILD"] else {
            print("skipped: \"\(#fileID)\": there is no other build; scripts/skew makes one")
            return
        }
        let shop = HandRunShop(try Folder())
        try shop.start("broker", by: Shopctl.path)
        try shop.waitUntilReady("broker")
        for part in HandRunShop.parts.dropFirst() { try shop.start(part, by: Shopctl.path) }
        for part in HandRunShop.parts.dropFirst() { try shop.waitUntilReady(part) }
        let gateway = try shop.gateway()
        try gateway.receive("mug", 100_000)
        let own = try versions(gateway)
        let clients = Clients()
        nonisolated(unsafe) let hands = shop
        let failures = inParallel(4) { index -> String? in
            guard index == 0 else {
                clients.persist(gateway, "c\(index)")
                return nil
            }
            defer { clients.isOver.store(true, ordering: .relaxed) }
            do {
                try exchangeAll(hands, for: next, clients)
                let others = try versions(gateway)
                guard own.isDisjoint(with: others) else {
                    return "not all parts are of the next build: \(others)"
                }
                try exchangeAll(hands, for: Shopctl.path, clients)
                return nil
            } catch { return "\(error)" }
        }
        #expect(failures.compactMap { $0 } == [])
        try clients.check(gateway)
        for part in HandRunShop.parts.reversed() { try shop.stop(part) }
        for program in [Shopctl.path, next] {
            let verified = try Shopctl.run(
                [program, "replay", "--verify", "--data", shop.folder.data])
            #expect(verified.code == 0, "\(verified.all)")
        }
    }
}
