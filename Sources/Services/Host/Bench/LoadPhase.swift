import EventSourcing
import EventStore
import HTTP

/// Orders placed over HTTP at one pace, until all that were accepted are completed.
struct LoadPhase {
    /// How many answers came with 201, with 503, and with anything else or none.
    private(set) var accepted = 0
    private(set) var refused = 0
    private(set) var failed = 0
    /// From when a request was due until its 201 was there.
    private(set) var placing = Latencies()
    /// From the first request until the last answer, and until the rows showed all as completed.
    private(set) var placingSeconds = 0.0
    private(set) var seconds = 0.0
    /// Recorded in all logs until then.
    private(set) var events: Int64 = 0
    /// Where the logs ended before, and when all were completed.
    private let before: BenchedShop.Standing
    private var after: BenchedShop.Standing

    var acceptedPerSecond: Double { Double(accepted) / max(placingSeconds, 1e-6) }
    var completedPerSecond: Double { Double(accepted) / max(seconds, 1e-6) }
    var eventsPerSecond: Double { Double(events) / max(seconds, 1e-6) }
    var drainSeconds: Double { max(0, seconds - placingSeconds) }

    init(
        _ shop: BenchedShop, _ driver: LoadDriver, _ pace: LoadDriver.Pace,
        _ amount: LoadDriver.Amount, requests: [[UInt8]],
        progress: (String) -> Void
    ) throws {
        before = try shop.settledStanding()
        after = before
        let completed = try shop.completedOrders()
        let begin = Stopwatch.wall()
        progress("placing")
        placingSeconds =
            try driver.run(pace, amount, requests: requests) { answer in
                switch answer.status {
                case 201:
                    accepted += 1
                    placing.add(microseconds: answer.nanoseconds / 1000)
                case 503: refused += 1
                default: failed += 1
                }
            }.seconds
        try shop.waitUntilCompleted(accepted, after: completed, progress: progress)
        seconds = Stopwatch.wall() - begin
        after = try shop.settledStanding()
        events = after.events - before.events
    }

    /// What the logs say of this phase's orders, by recorded times, once all is quiet.
    func recorded(in shop: BenchedShop) throws -> (delivered: Latencies, completed: Latencies) {
        var placed: [String: Timestamp] = [:]
        var (delivered, completed) = (Latencies(), Latencies())
        placed.reserveCapacity(accepted)
        func add(_ order: String, _ at: Timestamp, to latencies: inout Latencies) {
            guard let placed = placed[order] else { return }
            latencies.add(microseconds: at.microseconds - placed.microseconds)
        }
        func facts(
            _ name: String, through end: BenchedShop.Standing,
            _ body: (EventType, String, Timestamp) -> Void
        ) throws {
            let log = LogName(name)
            try shop.facts(of: log, after: before.head(log), through: end.head(log), body)
        }
        try facts("orders", through: after) { type, order, at in
            if type.name == "order.placed" { placed[order] = at }
            if type.name == "order.completed" { add(order, at, to: &completed) }
        }
        // A parcel may arrive when its order is completed already.
        try facts("deliveries", through: try shop.settledStanding()) { type, order, at in
            if type.name == "delivery.delivered" { add(order, at, to: &delivered) }
        }
        return (delivered, completed)
    }
}
