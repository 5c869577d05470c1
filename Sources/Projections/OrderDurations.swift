import EventSourcing
import Messaging

/// How long orders took from their placing to their end, of those whose end was folded since the
/// process began.
package struct OrderDurations: Sendable {
    /// The orders that ended in one way.
    package struct End: Sendable {
        /// `completed`, `rejected`, `cancelled` or `expired`.
        package let status: String
        /// By bucket, not cumulated; the last is for what took longer than any bound.
        package fileprivate(set) var counts: [Int64]
        package fileprivate(set) var seconds = 0.0
    }

    /// Upper ends of the buckets, in seconds: of machines' work, and of what waits for people.
    package static let bounds: [Double] = [
        0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86_400,
    ]

    /// Those that there were, sorted by status.
    package private(set) var ends: [End] = []

    package init() {}

    package mutating func add(_ status: String, _ duration: Duration) {
        let seconds = Double(duration.microseconds) / 1e6
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        let place =
            ends.firstIndex { $0.status >= status } ?? ends.count
        if place == ends.count || ends[place].status != status {
            let none = [Int64](repeating: 0, count: Self.bounds.count + 1)
            ends.insert(End(status: status, counts: none), at: place)
        }
        ends[place].counts[bucket] += 1
        ends[place].seconds += seconds
    }
}

/// An order's end, as a message tells it.
struct OrderEnd: Sendable {
    let status: String
    let duration: Duration

    /// Nil for any other message. An order's id has the time in it when it was asked for (UUIDv7);
    /// one that has none is left out.
    init?(_ message: Message) {
        switch message.type.name {
        case "order.completed": status = "completed"
        case "order.rejected": status = "rejected"
        case "order.cancelled": status = "cancelled"
        case "order.expired": status = "expired"
        default: return nil
        }
        guard let born = Self.time(in: message.stream.id) else { return nil }
        duration = max(.zero, message.recordedAt - born)
    }

    private static func time(in id: String) -> Timestamp? {
        let bytes = id.utf8
        guard bytes.count == 36, bytes[bytes.index(bytes.startIndex, offsetBy: 14)] == 0x37,
            let milliseconds = Int64(id.prefix(13).filter { $0 != "-" }, radix: 16)
        else { return nil }
        return Timestamp(microseconds: milliseconds * 1000)
    }
}
