import EventSourcing
import Glibc
import Messaging
import Simulation
import TestKit
import Testing

/// Calls on the broker's files that fail: what was acknowledged stays, and the same publish works
/// once the disk does.
@Suite struct BrokerDiskTests {
    /// Fails one call of a kind, after so many of them.
    private final class Disk: Sendable {
        private let due = Monitor<(call: BrokerDisk.Call, after: Int)?>(nil)
        private let failed = Monitor(0)

        var failures: Int { failed.withLock { $0 } }
        func fail(_ call: BrokerDisk.Call, after others: Int) {
            due.withLock { $0 = (call, others) }
        }
        func mend() { due.withLock { $0 = nil } }

        func settings(mostWritten: Int = 64) -> SegmentBroker.Settings {
            SegmentBroker.Settings(
                segmentBytes: 2048, retainedBytes: 1 << 20, cachedBytes: 512,
                disk: BrokerDisk(mostWritten: mostWritten) { [self] call in
                    let isDue = due.withLock { due in
                        guard due?.call == call else { return false }
                        due?.after -= 1
                        guard let after = due?.after, after < 0 else { return false }
                        due = nil
                        return true
                    }
                    guard isDue else { return nil }
                    failed.withLock { $0 += 1 }
                    return ENOSPC
                })
        }
    }

    let folder: TemporaryFolder
    private let disk = Disk()
    init() throws { folder = try TemporaryFolder() }

    /// What the broker holds now is the beginning of what was published, all that it said it holds.
    private func check(_ broker: SegmentBroker, atLeast acknowledged: Int, _ consumer: String)
        throws -> UInt64
    {
        let last = try broker.state(of: "orders").last
        #expect(last >= UInt64(acknowledged))
        let subscription = Subscription(stream: "orders", consumer: consumer, filter: "")
        let held = try drain(broker, subscription)
        #expect(held.map(\.message) == (last == 0 ? [] : messages(1...Int(last))))
        return last
    }

    @Test(arguments: [BrokerDisk.Call.write, .open, .create, .truncate, .remove], 0..<12)
    func `a publish that the disk refuses is taken when it works again`(
        call: BrokerDisk.Call, others: Int
    ) throws {
        var acknowledged = 0
        do {
            let broker = try folder.open(disk.settings())
            for batch in 0..<8 {
                if batch == 2 { disk.fail(call, after: others) }
                // Tidying up after what failed may fail as well.
                if batch == 3, disk.failures > 0 { disk.fail(.truncate, after: 0) }
                let last = try broker.state(of: "orders").last
                let next = Int(last) + 1...Int(last) + 5
                if let stored = try? broker.publish(
                    messages(next), to: "orders", expectedLast: last)
                {
                    acknowledged = Int(stored)
                }
            }
            disk.mend()
            let last = try check(broker, atLeast: acknowledged, "early")
            acknowledged = Int(
                try broker.publish(
                    messages(Int(last) + 1...Int(last) + 3), to: "orders", expectedLast: last))
        }
        #expect(try check(folder.open(), atLeast: acknowledged, "late") == UInt64(acknowledged))
    }

    @Test(arguments: BrokerDisk.Call.allCases, 0..<6)
    func `a broker whose files cannot be opened says so, and opens when they can`(
        call: BrokerDisk.Call, others: Int
    ) throws {
        do {
            let broker = try folder.open(disk.settings())
            _ = try broker.publish(messages(1...80), to: "orders", expectedLast: 0)
            try broker.acknowledge(payments, through: 3)
        }
        disk.fail(call, after: others)
        do {
            _ = try folder.open(disk.settings())
            // The folder is there, and nothing in it is damaged.
            #expect(others > 0 || [.create, .write, .truncate, .remove].contains(call))
        } catch {
            #expect(disk.failures == 1)
            #expect("\(error)".contains(folder.path), "\(error)")
        }
        disk.mend()
        let broker = try folder.open(disk.settings())
        #expect(try sequences(drain(broker)) == Array(4...80))
    }

    @Test func `a write is cut where the system takes a part of it only, and goes on`() throws {
        let broker = try folder.open(disk.settings(mostWritten: 7))
        _ = try broker.publish(messages(1...30), to: "orders", expectedLast: 0)
        let copy = try folder.copy()
        #expect(try sequences(drain(copy.open())) == Array(1...30))
    }

    @Test func `an acknowledgement that the disk refuses was not given`() throws {
        let broker = try folder.open(disk.settings())
        _ = try broker.publish(messages(1...9), to: "orders", expectedLast: 0)
        #expect(try broker.fetch(payments, limit: 9, wait: .zero).count == 9)
        disk.fail(.write, after: 0)
        #expect(throws: BrokerError.self) { try broker.acknowledge(payments, through: 5) }
        try broker.acknowledge(payments, through: 4)
        let copy = try folder.copy()
        #expect(try sequences(drain(copy.open())) == Array(5...9))
    }
}
