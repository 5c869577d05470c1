import Arguments
import Domain
import EventSourcing
import HTTP
import Host

/// `shopctl order watch`: an order's timeline as it grows.
enum OrderWatch {
    static let command = Command(
        "watch",
        "show an order's events as they come, until it has ended and its mails are out; those of "
            + "the parcel's way after hand-over only where it has come so far by then",
        options: [.value("timeout", "SECONDS", "give up after so long", default: "300")],
        positionals: [Positional("id", "the order")],
        example: "shopctl order watch 0198c7d2-0000-7000-8000-000000000000")

    /// The statuses from which an order does not move on.
    static let ends: Set = ["completed", "rejected", "cancelled", "expired"]

    /// An order that was just placed may not be visible yet.
    private static let patience = Duration.seconds(5)

    static func run(_ invocation: Invocation) throws {
        let id = try invocation.argument("id")
        let timeout = try invocation.integer("timeout", in: 1...1_000_000)
        let client = try GatewayClient(invocation)
        let runtime = SystemRuntime()
        let start = runtime.now()
        let deadline = start + .seconds(timeout)
        let isJSON = invocation.flag("json")
        var output = LineOutput.standard
        var history = History()
        while true {
            do {
                for event in history.take(try OrderCommand.timeline(id, client)) {
                    try output.line(isJSON ? event.text : OrderText.entry(event))
                }
            } catch let refusal as GatewayClient.Refusal
                where refusal.status == 404 && runtime.now() < start + patience
            {}
            if let status = history.end {
                if !isJSON { try output.line("order \(Terminal.bold(id)) is \(status)") }
                return try output.flush()
            }
            try output.flush()
            guard runtime.now() < deadline else {
                throw CommandFailure(
                    "\(id) has not ended within \(timeout) s; look again with order watch, or "
                        + "with order get")
            }
            try output.pause(milliseconds: 100)
        }
    }

    /// What was seen of an order.
    private struct History {
        /// Which mail each public fact leads to. Those of a parcel's way are due where it is seen
        /// to have come so far; it may be under way for days, and nobody waits for that.
        private static let mails = [
            "order.placed": "received", "delivery.handed-over": "shipped",
            "order.cancelled": "cancelled", "order.rejected": "rejected",
            "order.expired": "expired", "order.cancellation-refused": "cancellation-refused",
            "delivery.delivered": "delivered", "delivery.lost": "lost",
        ]

        private var seen: Set<String> = []
        private var due: Set<String> = []
        private var through: Set<String> = []
        private var hasNoContact = false
        private var placedAt: Timestamp?
        private var status: String?

        /// The events that were not seen before, in their order.
        mutating func take(_ events: [JSON]) -> [JSON] {
            let fresh = events.filter { seen.insert($0["id"]?.string ?? "").inserted }
            for event in fresh { note(event) }
            return fresh
        }

        private mutating func note(_ event: JSON) {
            let type = event["type"]?.string ?? ""
            if let mail = Self.mails[type] { due.insert(mail) }
            noteConfirmation(type, at: event["recordedAt"]?.string.flatMap { Timestamp($0) })
            let kind = event["data"]?["kind"]?.string ?? ""
            switch type {
            case "notification.sent", "notification.failed": through.insert(kind)
            case "notification.skipped":
                through.insert(kind)
                // Without a contact there is nothing to come.
                if kind == "received" { hasNoContact = true }
            default:
                if type.hasPrefix("order."), ends.contains(String(type.dropFirst(6))) {
                    status = String(type.dropFirst(6))
                }
                // Handed over by then, though another log's facts may show only later.
                if type == "order.completed" { due.insert("shipped") }
            }
        }

        /// Only an order that was confirmed late has a mail about it.
        private mutating func noteConfirmation(_ type: String, at time: Timestamp?) {
            if type == "order.placed" { placedAt = time }
            guard type == "order.confirmed", let time, let placedAt else { return }
            if time - placedAt >= Notification.freshness { due.insert("confirmed") }
        }

        /// The status it ended with, once its mails are through as well.
        var end: String? { hasNoContact || due.isSubset(of: through) ? status : nil }
    }
}
