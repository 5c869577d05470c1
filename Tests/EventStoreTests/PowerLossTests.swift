import EventSourcing
import EventStore
import SQLite
import Simulation
import Testing

/// What a log keeps when its process dies between any two operations on the disk, and the power
/// fails: all that it acknowledged or has shown, and nothing torn.
@Suite struct PowerLossTests {
    private static let rounds = 10

    private func open(_ machine: SimulatedMachine, _ durability: EventLog.Durability = .full)
        throws(StoreError) -> EventLog
    {
        try EventLog(
            path: "\(machine.folder)/orders.db", name: LogName("orders"), at: noon,
            durability: durability)
    }

    /// Appends until the disk fails; returns what was acknowledged.
    private func appendUntilDeath(_ machine: SimulatedMachine, _ random: inout SeededRandom)
        -> [StoredRecord]
    {
        var acknowledged: [StoredRecord] = []
        do throws(StoreError) {
            let log = try open(machine)
            for number in 0..<60 {
                let count = 1 + random.below(random.once(in: 8) ? 400 : 4)
                acknowledged += try log.append(
                    (0..<count).map { event($0) }, to: order("\(number % 7)"))
            }
        } catch {}
        return acknowledged
    }

    /// What a log shows that was just opened, and then dies before it writes anything.
    private func show(_ machine: SimulatedMachine) throws -> [StoredRecord] {
        var log: EventLog? = try open(machine)
        let records = try log?.all()
        machine.isDead = true
        log = nil
        machine.revive()
        return records ?? []
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `what was acknowledged is there, whatever else is lost`(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let machine = try SimulatedMachine(folder: folder.path, seed: seed)
        var random = SeededRandom(seed: seed)
        var known: [StoredRecord] = []
        for round in 0..<Self.rounds {
            machine.die(after: 1 + random.below(250))
            known += appendUntilDeath(machine, &random)
            machine.revive()
            if !random.once(in: 4) { try machine.losePower() }
            let log = try open(machine)
            let stored = try log.all()
            #expect(stored.count >= known.count, "round \(round)")
            // What nobody was told of may be there as well.
            #expect(Array(stored.prefix(known.count)) == known, "round \(round)")
            #expect(stored.map(\.position.value) == (0..<stored.count).map { Int64($0) + 1 })
            #expect(stored.allSatisfy { $0.leaf == $0.computedLeaf })
            #expect(
                MerkleTree.root(over: 0..<Int64(stored.count)) { stored[Int($0)].leaf }
                    == log.tree.root)
            known = stored
        }
        #expect(known.count > 0)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `what a log shows at its start stays, though it was written by one that died over it`(
        seed: UInt64
    ) throws {
        let folder = try TemporaryFolder()
        let machine = try SimulatedMachine(folder: folder.path, seed: seed)
        var random = SeededRandom(seed: seed)
        for _ in 0..<Self.rounds {
            machine.die(after: 1 + random.below(60))
            _ = appendUntilDeath(machine, &random)
            // Its process is gone, and what it wrote is in the machine's memory at least.
            machine.revive()
            let records = try show(machine)
            try machine.losePower()
            #expect(try open(machine).all().starts(with: records))
        }
    }

    @Test func `a log that does not sync loses what it acknowledged`() throws {
        // Else the tests above would show nothing.
        var lost = 0
        for seed in 0..<20 as Range<UInt64> {
            let folder = try TemporaryFolder()
            let machine = try SimulatedMachine(folder: folder.path, seed: seed)
            var count = 0
            do {
                let log = try open(machine, .none)
                for number in 0..<20 {
                    count += try log.append([event(number)], to: order("a")).count
                }
                #expect(machine.unsynced > 0)
                machine.isDead = true
            }
            machine.revive()
            try machine.losePower()
            let found = try? open(machine).all().count
            if found != count { lost += 1 }
        }
        #expect(lost > 0)
    }
}
