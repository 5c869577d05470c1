import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Orders

/// A run of the whole shop from one seed: users, faults, crashes between any two steps, and then
/// quiet.
package final class Simulation {
    package struct Outcome: Sendable {
        package init() {}

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
        package var crashes = 0
        package var simulated = Duration.zero
        package var faults: [String: Int] = [:]
    }

    package struct Violation: Error, CustomStringConvertible {
        package let seed: UInt64
        package let what: String
        package let timeline: [String]
        package var description: String {
            "seed \(seed): \(what)\n" + timeline.suffix(40).joined(separator: "\n")
        }
    }

    package let seed: UInt64
    package let shop: SimulatedShop
    var random: SeededRandom
    var outcome = Outcome()
    /// What was acknowledged: by idempotency key, the order it led to.
    var acknowledged: [(key: String, order: OrderID)] = []
    /// What was asked for, so that it can be asked again with the same key.
    private var asked: [(key: String, order: OrderID, draft: Order.Draft)] = []
    private(set) var received: [SKU: Int] = [:]
    /// The acknowledged receipts under a reference, five pieces each: `reference sku`.
    private(set) var noted: Set<String> = []
    private(set) var timeline: [String] = []
    private let began: Timestamp
    let folder: TemporaryFolder
    private var restarts: [String: Int] = [:]
    private let skus = ["mug", "lamp", "chair", "rare"].compactMap(SKU.init)

    package init(seed: UInt64) throws {
        self.seed = seed
        random = SeededRandom(seed: seed)
        folder = try TemporaryFolder()
        shop = try SimulatedShop(folder: folder.path, seed: seed)
        began = shop.runtime.now()
    }

    /// Runs `steps` steps with faults, then on without them until the shop is quiet, and checks
    /// every promise.
    ///
    /// - Throws: `Violation`; whatever a process throws at its start.
    package func run(steps: Int) throws -> Outcome {
        for process in shop.processes { try process.start() }
        for sku in skus { receive(sku, sku.value == "rare" ? 3 : 40) }
        for _ in 0..<steps { try step() }
        try settle()
        try check()
        outcome.simulated = shop.runtime.now() - began
        outcome.faults = shop.broker.faults
        return outcome
    }

    private func note(_ text: String) {
        timeline.append("\(shop.runtime.now()) \(text)")
        if timeline.count > 400 { timeline.removeFirst(200) }
    }

    func violated(_ what: String) -> Violation {
        Violation(seed: seed, what: what, timeline: timeline)
    }

    private func step() throws {
        outcome.steps += 1
        switch random.below(100) {
        case 0..<8: place()
        case 8: cancel()
        case 9: random.once(in: 4) ? receiveMore() : repeatRequest()
        case 10: try fault()
        case 11..<14: advanceClock()
        default: try work()
        }
    }

    private func work() throws {
        let process = shop.processes[random.below(shop.processes.count)]
        if process.isUp {
            _ = try process.step(&random)
            if !process.isUp { note("\(process.name) died") }
        } else if random.once(in: 10) {
            note("\(process.name) starts")
            try process.start()
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

    private func fault() throws {
        let process = shop.processes[random.below(shop.processes.count)]
        switch random.below(8) {
        case 0:
            note("the broker loses everything")
            shop.broker.loseEverything()
        case 1: failNextCommit(.before)
        case 2: failNextCommit(.after)
        default:
            guard process.isUp else { return }
            note("\(process.name) crashes")
            outcome.crashes += 1
            process.crash()
        }
    }

    private func failNextCommit(_ moment: EventLog.CommitMoment) {
        note("a commit will fail (\(moment))")
        switch random.below(4) {
        case 0: shop.orders.failsNextCommit = moment
        case 1: shop.payments.failsNextCommit = moment
        case 2: shop.deliveries.failsNextCommit = moment
        default: shop.notifications.failsNextCommit = moment
        }
    }

    private func receive(_ sku: SKU, _ quantity: Int) {
        let command = DeliveriesCommand.receive(sku, quantity: quantity, reference: nil)
        let context = CommandContext(metadata: Metadata(correlation: "receipt", actor: "sim"))
        if case .answer(.received, _) = shop.deliveries.submit(command, context) {
            received[sku, default: 0] += quantity
        }
    }

    /// Goods come in under a few references, which are said again and again.
    private func receiveMore() {
        let sku = skus[random.below(skus.count)]
        let reference = "note-\(random.below(3))"
        let command = DeliveriesCommand.receive(sku, quantity: 5, reference: reference)
        let context = CommandContext(metadata: Metadata(correlation: "receipt", actor: "sim"))
        let output = shop.deliveries.submit(command, context)
        note("\(reference) of \(sku): \(output)")
        switch output {
        case .answer(.received, _), .answer(.alreadyReceived, _):
            noted.insert("\(reference) \(sku)")
        default: break
        }
    }

    private func place() {
        let tokens = [
            "tok_ok", "tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_flaky", "tok_late",
            "tok_timeout", "tok_insufficient_funds",
        ]
        let ways: [String?] = [nil, nil, nil, "ship_ok", "ship_flaky", "ship_lost", "ship_refused"]
        let number = asked.count + 1
        var lines: [OrderLine] = []
        for _ in 0...random.below(3) {
            let price = Money(minor: Int64(100 + random.below(900)), currency: .gbp)
            let sku = skus[random.below(skus.count)]
            if let line = try? OrderLine(
                sku: sku, quantity: 1 + random.below(3), unitPrice: price)
            {
                lines.append(line)
            }
        }
        guard let order = OrderID("o\(seed)-\(number)"),
            let draft = try? Order.Draft(
                customer: CustomerID("c\(random.below(5))"), contact: "c@example.org",
                currency: .gbp, lines: lines, token: tokens[random.below(tokens.count)],
                reference: random.once(in: 4) ? "ref-\(number)" : nil,
                shipping: ways[random.below(ways.count)])
        else { return }
        asked.append(("key-\(number)", order, draft))
        submit(asked.count - 1)
    }

    /// A client that heard nothing, or something else than yes, asks again with the same key.
    private func repeatRequest() {
        guard !asked.isEmpty else { return }
        submit(random.below(asked.count))
    }

    private func submit(_ index: Int) {
        let (key, order, draft) = asked[index]
        let context = CommandContext(
            metadata: Metadata(correlation: key, actor: "sim"),
            key: IdempotencyKey(
                principal: "sim", key: key, body: SHA256.hash(key.utf8)))
        // A repeated request may come with another id: the first one's counts.
        let id = random.once(in: 3) ? OrderID("\(order)-again") ?? order : order
        switch shop.orders.submit(.place(id, draft), context) {
        case .answer(.accepted(let placed, _, _), _):
            note("\(key) acknowledged as \(placed)")
            acknowledged.append((key, placed))
            outcome.placed += 1
        case let output: note("\(key): \(output)")
        }
    }

    private func cancel() {
        guard !acknowledged.isEmpty else { return }
        let order = acknowledged[random.below(acknowledged.count)].order
        let context = CommandContext(metadata: Metadata(correlation: "cancel", actor: "sim"))
        let output = shop.orders.submit(.cancel(order, reason: "changed my mind"), context)
        note("cancel \(order): \(output)")
    }

    /// No more faults: everything starts again, and works until nothing is left to do.
    private func settle() throws {
        shop.broker.stopFaults()
        shop.orders.failsNextCommit = nil
        shop.payments.failsNextCommit = nil
        shop.deliveries.failsNextCommit = nil
        shop.notifications.failsNextCommit = nil
        note("faults stop")
        var quiet = 0
        for round in 0..<6_000 {
            for process in shop.processes where !process.isUp { try process.start() }
            var hasWorked = false
            for process in shop.processes {
                for _ in 0..<6 { hasWorked = try process.step(&random) || hasWorked }
            }
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
