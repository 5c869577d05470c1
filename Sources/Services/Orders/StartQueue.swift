import Domain
import EventSourcing

/// Which placed orders wait for their checkout to begin, and which requests the participants have
/// not read yet.
///
/// Placing an order is cheaper than leading it to its end. Were the checkouts of a burst all begun
/// at once, the later steps of the first would queue behind the first steps of the last, and
/// nothing would be done before all is. So no more are begun than participants have caught up with;
/// the rest wait as placed, in their order. A participant that is down reads nothing: the orders
/// placed meanwhile wait for it.
struct StartQueue {
    /// The most requests that a participant may have before it while checkouts are begun.
    private let limit: Int
    private var orders: [OrderID] = []
    private var first = 0
    /// How many were taken out since it was made.
    private(set) var taken: Int64 = 0
    /// The positions of requests that are not known to be read, by participant, oldest first.
    private var unread: [LogName: Unread] = [:]

    private struct Unread {
        var positions: [Position] = []
        var first = 0
        var count: Int { positions.count - first }
    }

    init(limit: Int) { self.limit = limit }

    /// How many orders wait.
    var count: Int { orders.count - first }
    /// Whether an order must wait that is placed now.
    var mustWait: Bool { count > 0 || isFull }
    private var isFull: Bool { unread.values.contains { $0.count >= limit } }

    /// The order whose checkout may begin now; nil where none waits, or it has to wait longer.
    var next: OrderID? { count > 0 && !isFull ? orders[first] : nil }

    mutating func add(_ order: OrderID) { orders.append(order) }

    /// Takes out the first, which has begun, or cannot.
    mutating func removeFirst() {
        first += 1
        taken += 1
        guard first >= 1024, first * 2 >= orders.count else { return }
        orders.removeFirst(first)
        first = 0
    }

    /// Takes out the last ones, which are not placed after all.
    mutating func removeLast(_ count: Int) { orders.removeLast(count) }

    /// A participant was asked something in the event at `position`.
    mutating func ask(_ participant: LogName, at position: Position) {
        unread[participant, default: Unread()].positions.append(position)
    }

    /// A participant has read all requests up to `position`.
    mutating func hasRead(_ participant: LogName, through position: Position) {
        guard var unread = unread.removeValue(forKey: participant) else { return }
        while unread.count > 0, unread.positions[unread.first] <= position { unread.first += 1 }
        if unread.first >= 1024, unread.first * 2 >= unread.positions.count {
            unread.positions.removeFirst(unread.first)
            unread.first = 0
        }
        self.unread[participant] = unread
    }
}
