import Deliveries
import Domain
import EventSourcing
import EventStore
import Foundation
import Host
import Messaging
import Simulation
import Testing

/// A log that was put back is compared with what others have read of it before it opens.
@Suite struct HandshakeTests {
    private let folder: TemporaryFolder
    private let shop: SimulatedShop
    private let log = DeliveriesCore.log

    /// A shop that stands still; what its broker has of the deliveries' log, the log itself no
    /// longer has.
    init() throws {
        folder = try TemporaryFolder()
        shop = try SimulatedShop(folder: folder.path, seed: 1)
        let service = shop.deliveries
        try shop.broker.start()
        try service.start()
        let copy = "\(folder.path)/copy"
        try service.engine?.log.backup(to: copy)
        let sku = try #require(SKU("mug"))
        let context = CommandContext(metadata: Metadata(correlation: "stock", actor: "test"))
        _ = service.submit(.receive(sku, quantity: 5, reference: nil), context)
        var random = SeededRandom(seed: 1)
        while try broker.state(of: Source(log, Publication.facts).stream).last == 0 {
            _ = try service.step(&random)
        }
        service.crash()
        for suffix in ["-wal", "-shm", ""] {
            try? FileManager.default.removeItem(atPath: service.path + suffix)
        }
        try FileManager.default.copyItem(atPath: copy, toPath: service.path)
        service.machine?.settle()
    }

    private var broker: any Broker {
        get throws { try #require(shop.broker.running) }
    }

    private func check() throws {
        try Handshake.check([log], data: folder.path, broker: broker, at: shop.runtime.now()) { _ in
        }
    }

    private var haltReason: String? {
        get throws {
            try EventLog(path: shop.deliveries.path, name: log, at: shop.runtime.now()).haltReason
        }
    }

    @Test func `a log that is behind is stopped`() throws {
        try check()
        #expect(try haltReason != nil)
    }

    /// The first calls are for the log as a witness of others, those after them for itself.
    @Test(arguments: [SimulatedMachine.Operation.read, .open], 0..<12)
    func `where the disk fails in the comparison, whenever it does, the log is not opened behind`(
        operation: SimulatedMachine.Operation, others: Int
    ) throws {
        let machine = try #require(shop.deliveries.machine)
        machine.failNext(operation, after: others)
        let wasCompared = (try? check()) != nil
        #expect(others > 0 || !wasCompared)
        machine.mend()
        if !wasCompared { try check() }
        #expect(try haltReason != nil)
    }

    @Test func `a reader whose file cannot be read for now is waited for`() throws {
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/gateway/read.db", withIntermediateDirectories: true)
        #expect(throws: StoreError.self) { try check() }
    }
}
