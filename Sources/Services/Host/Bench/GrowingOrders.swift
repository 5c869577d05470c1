import EventSourcing
import EventStore

/// Events as the orders service records them, without the service: twelve an order in two streams,
/// those of many orders mixed, and one stream that grows for ever.
struct GrowingOrders {
    /// So many orders begin between two steps of one.
    private static let apart = 64
    /// The steps of one order, first to last.
    private static let steps = 8
    /// So many orders begin between two events of the long stream.
    private static let longEvery = 8
    /// The orders in flight, and some that a sample is drawn from.
    private static let remembered = 4096

    static let long = StreamID("stock", "long")

    private let runtime: any Runtime
    /// The newest orders' ids, by number modulo `remembered`.
    private var ids: [String] = []
    private var begun = 0
    private let events: Events

    init(runtime: any Runtime) {
        self.runtime = runtime
        events = Events()
    }

    /// The ids of the newest orders that have come to their end, at most `count`.
    func newest(_ count: Int) -> [String] {
        let last = begun - Self.apart * Self.steps
        guard last > 0 else { return [] }
        let first = max(0, last - min(count, Self.remembered / 2))
        return (first..<last).map { ids[$0 % Self.remembered] }
    }

    /// Begins an order, and takes those that are in flight a step further: twelve events or so.
    ///
    /// - Returns: how many were appended.
    mutating func advance(in transaction: Transaction) throws(StoreError) -> Int {
        let id = runtime.newID()
        if ids.count < Self.remembered {
            ids.append(id)
        } else {
            ids[begun % Self.remembered] = id
        }
        begun += 1
        var count = 0
        for step in 0..<Self.steps {
            let number = begun - 1 - step * Self.apart
            guard number >= 0 else { break }
            count += try append(step, of: ids[number % Self.remembered], in: transaction)
        }
        if begun % Self.longEvery == 0 {
            try transaction.append([events.received], to: Self.long, expecting: .any)
            count += 1
        }
        return count
    }

    private func append(_ step: Int, of id: String, in transaction: Transaction)
        throws(StoreError) -> Int
    {
        let (order, checkout) = (StreamID("order", id), StreamID("checkout", id))
        switch step {
        case 0:
            try transaction.append([events.placed], to: order, expecting: .noStream)
            try transaction.append(
                [events.started, events.requested], to: checkout, expecting: .noStream)
            return 3
        case 3:
            try transaction.append([events.requested], to: checkout, expecting: .any)
            try transaction.append([events.small], to: order, expecting: .any)
            return 2
        case Self.steps - 1:
            try transaction.append([events.small], to: order, expecting: .any)
            try transaction.append([events.small], to: checkout, expecting: .any)
            return 2
        default:
            try transaction.append([events.requested], to: checkout, expecting: .any)
            return 1
        }
    }

    /// Of the sizes that orders of three lines have; what they say is of no matter.
    private struct Events {
        let placed = Self.event("order.placed", size: 304, metadata: 70)
        let started = Self.event("checkout.started", size: 259, metadata: 70)
        let requested = Self.event("checkout.step-requested", size: 167, metadata: 93)
        let small = Self.event("order.completed", size: 14, metadata: 96)
        let received = Self.event("stock.received", size: 31, metadata: 70)

        private static func event(_ type: String, size: Int, metadata: Int) -> NewEvent {
            NewEvent(
                type: EventType(type), data: Self.object("text", size: size),
                metadata: Self.object("correlation", size: metadata))
        }

        /// An object of one member, so many bytes long.
        private static func object(_ name: StaticString, size: Int) -> [UInt8] {
            var json = JSONWriter()
            json.object { json in
                let rest = max(0, size - name.utf8CodeUnitCount - 7)
                json.member(name, String(repeating: "x", count: rest))
            }
            return json.bytes
        }
    }
}
