import Deliveries
import Domain
import EventSourcing
package import EventStore
import Foundation
import Host
import Messaging
import Orders

/// A run of the whole shop from one seed: users, faults, crashes between any two writes, and then
/// quiet.
///
/// A step is one piece of work that one process does, a request of a user, or time that passes. In
/// some steps something goes wrong as well; each such fault is drawn from numbers of its own, so
/// that a run without some of them has the others where they were.
package final class Simulation {
    package struct Settings: Sendable {
        package let seed: UInt64
        package let steps: Int
        /// The steps whose faults happen, and no others; nil for all.
        package let only: Set<Int>?
        /// What is planted, to see whether it is found.
        package let mistake: Mistake?

        package init(
            seed: UInt64, steps: Int, only: Set<Int>? = nil, mistake: Mistake? = nil
        ) {
            (self.seed, self.steps) = (seed, steps)
            (self.only, self.mistake) = (only, mistake)
        }
    }

    package struct Outcome: Sendable {
        package init() {}

        /// Of users, processes and time, until the shop was quiet.
        package var steps = 0
        package var placed = 0
        package var completed = 0
        package var cancelled = 0
        package var rejected = 0
        package var expired = 0
        package var delivered = 0
        package var lost = 0
        /// Reservations that were held too long.
        package var unheld = 0
        /// Reads with the token of an order that the gateway said it had seen.
        package var reads = 0
        package var simulated = Duration.zero
        /// From the end of faults until the shop was quiet, of `simulated`.
        package var settling = Duration.zero
        /// What went wrong how often.
        package var faults: [String: Int] = [:]
        /// Over all that happened: the same for the same seed.
        package var hash = MerkleTree.emptyRoot
    }

    package struct Violation: Error, CustomStringConvertible {
        package let seed: UInt64
        package let what: String
        package let timeline: Timeline
        /// The steps with faults, and what each was.
        package let faults: [(step: Int, what: String)]
        package var description: String { "seed \(seed): \(what)\n\(timeline.text(last: 40))" }
    }

    /// From the end of faults on: stock is held for half an hour where nobody asks for it.
    private static let quietWithin = Duration.seconds(3600)

    package let settings: Settings
    package let shop: SimulatedShop
    var random: SeededRandom
    var outcome = Outcome()
    var users: SimulatedUsers
    private(set) var timeline = Timeline()
    /// The faults there were.
    package internal(set) var faults: [(step: Int, what: String)] = []
    /// What a fault has begun, and when it ends.
    var endings: [(step: Int, end: () -> Void)] = []
    /// Until which step a process stays down, by name.
    var away: [String: Int] = [:]
    var losses = Losses()
    /// What the owners of logs said of their trees now and then.
    var told: [(log: LogName, size: Int64, root: Digest)] = []
    /// Whether a stranger has published to the stream of a log.
    var wasDisturbed = false
    private let began: Timestamp
    let folder: TemporaryFolder
    /// That no second shop is started on its folder.
    private let lock: DataFolder

    package init(_ settings: Settings) throws {
        self.settings = settings
        random = SeededRandom(seed: settings.seed)
        users = SimulatedUsers(mistake: settings.mistake)
        folder = try TemporaryFolder()
        lock = try DataFolder(path: folder.path)
        shop = try SimulatedShop(
            folder: folder.path, seed: settings.seed, mistake: settings.mistake)
        began = shop.runtime.now()
    }

    package convenience init(seed: UInt64, steps: Int) throws {
        try self.init(Settings(seed: seed, steps: steps))
    }

    /// Runs the steps with faults, then on without them until the shop is quiet, and checks every
    /// promise.
    ///
    /// - Throws: `Violation`; whatever a process throws at its start when nothing is wrong.
    package func run() throws -> Outcome {
        for process in shop.processes.reversed() { try process.start() }
        users.stock(shop.deliveries)
        for _ in 0..<settings.steps { try step() }
        let calm = shop.runtime.now()
        try settle()
        outcome.settling = shop.runtime.now() - calm
        guard outcome.settling <= Self.quietWithin else {
            throw violated("the shop was quiet only after \(outcome.settling)")
        }
        try check()
        outcome.reads = users.reads
        outcome.simulated = shop.runtime.now() - began
        outcome.faults.merge(shop.network.faults) { $0 + $1 }
        timeline.trace("\(try rootsOfLogs())")
        outcome.hash = timeline.hash
        return outcome
    }

    func note(_ what: String, of process: String = "users") {
        timeline.note(what, of: process, step: outcome.steps, at: shop.runtime.now())
    }

    func violated(_ what: String) -> Violation {
        Violation(seed: settings.seed, what: what, timeline: timeline, faults: faults)
    }

    private func step() throws {
        outcome.steps += 1
        endFaults()
        try fault()
        switch random.below(100) {
        case 0..<9: note(users.act(on: shop.gateway, &random))
        case 9..<12: advanceClock()
        case 12 where random.once(in: 12): eraseSomebody()
        default: try work()
        }
        try buryTheDead()
        try attendToHalted(isAwake: false)
        attendToParked(isAwake: false)
        hear()
        if outcome.steps.isMultiple(of: 97) {
            keepTrees()
            try checkWaiting()
        }
        try checkAlong()
    }

    /// An operator destroys the key to a customer's personal data.
    private func eraseSomebody() {
        let customer = "c\(random.below(SimulatedUsers.customers))"
        guard let id = CustomerID(customer) else { return }
        let metadata = Metadata(correlation: "erasure", actor: "sim")
        _ = shop.orders.submit(.erase(id), CommandContext(metadata: metadata))
        note("\(customer) is erased", of: "orders")
    }

    private func hear() {
        for what in users.hear(from: shop.gateway) { note(what) }
    }

    private func work() throws {
        let process = shop.processes[random.below(shop.processes.count)]
        if process.isUp {
            let hasWorked = try process.step(&random)
            timeline.trace("\(process.name) \(hasWorked)")
            if !process.isUp { note("dies of it", of: process.name) }
        } else if random.once(in: 6), outcome.steps >= away[process.name] ?? 0 {
            start(process)
        }
    }

    /// Starts a process, which its disk may not allow yet.
    private func start(_ process: any SimulatedProcess) {
        do {
            try process.start()
            note("starts", of: process.name)
        } catch {
            let why = "\(error)".replacingOccurrences(of: folder.path, with: "")
            note("cannot start: \(why)", of: process.name)
            process.crash()
        }
    }

    /// A process whose disk does nothing any more is dead, whatever it believes.
    private func buryTheDead() throws {
        for process in shop.processes where process.machine?.isDead == true {
            let losesPower = random.once(in: 2)
            note(losesPower ? "loses power" : "is killed", of: process.name)
            process.crash()
            if losesPower { try losePower(process) }
        }
    }

    private func advanceClock() {
        let jump: Duration =
            switch random.below(60) {
            case 0: .seconds(random.below(7200))
            case 1..<10: .seconds(random.below(40))
            default: .milliseconds(random.below(400))
            }
        shop.runtime.advance(by: jump)
    }

    /// No more faults: everything starts again, and works until nothing is left to do.
    private func settle() throws {
        for ending in endings { ending.end() }
        endings = []
        shop.stopFaults()
        for service in shop.services { service.failsNextCommit = nil }
        note("faults stop", of: "world")
        var quiet = 0
        for round in 0..<6_000 {
            for process in shop.processes.reversed() where !process.isUp {
                do { try process.start() } catch {
                    throw violated("\(process.name) cannot start: \(error)")
                }
            }
            var hasWorked = false
            for process in shop.processes {
                for _ in 0..<6 {
                    outcome.steps += 1
                    hasWorked = try process.step(&random) || hasWorked
                }
            }
            hear()
            try attendToHalted(isAwake: true)
            attendToParked(isAwake: true)
            try checkAlong()
            // What still waits then, waits for minutes: a customer, or a parcel.
            let pause = min(1500 * (1 + round / 16), 10_000)
            shop.runtime.advance(by: .milliseconds(hasWorked ? 20 : pause))
            guard round.isMultiple(of: 8) else { continue }
            quiet = try isQuiet() ? quiet + 1 : 0
            if quiet == 3 { return }
        }
        throw violated("the shop is not quiet\n\(try diagnosis())")
    }
}
