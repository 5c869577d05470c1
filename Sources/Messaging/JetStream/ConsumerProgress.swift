import EventSourcing
import Net

/// How far a consumer is: what it was handed, what it settled, and what is in between. Pure.
struct ConsumerProgress {
    struct Place: Hashable {
        /// Of the consumer's deliveries, from 1.
        var consumer: UInt64 = 0
        /// In the stream.
        var stream: UInt64 = 0
    }

    /// The newest delivery.
    private(set) var delivered = Place()
    /// All before and at it is settled.
    private(set) var floor = Place()
    private(set) var pending = PendingMessages()

    /// A consumer that begins with a message is told of as if it had been handed all before.
    init(beginningAt sequence: UInt64) {
        delivered.stream = sequence - 1
        floor.stream = sequence - 1
    }

    /// Takes down a delivery.
    ///
    /// - Parameter due: when it comes again unless it is settled; nil where nothing is to be.
    /// - Returns: what is to be kept of it.
    mutating func deliver(_ sequence: UInt64, due: Moment?) -> ConsumerChange {
        delivered.consumer += 1
        delivered.stream = max(delivered.stream, sequence)
        let before = pending[sequence]
        let deliveries = (before?.deliveries ?? 0) + 1
        if let due {
            pending.put(
                PendingMessages.Entry(
                    stream: sequence, consumer: before?.consumer ?? delivered.consumer,
                    deliveries: deliveries, due: due))
        } else {
            floor = delivered
        }
        return .delivered(stream: sequence, consumer: delivered.consumer, deliveries: deliveries)
    }

    /// - Returns: false where it was settled before, or never handed out.
    mutating func settle(_ sequence: UInt64) -> Bool {
        guard pending.settle(sequence) else { return false }
        raiseFloor()
        return true
    }

    /// Settles all up to and with a message.
    mutating func settle(through sequence: UInt64) -> Bool {
        guard sequence > floor.stream, sequence <= delivered.stream else { return false }
        let consumer = pending[sequence]?.consumer
        pending.settle(through: sequence)
        floor.stream = sequence
        floor.consumer = max(floor.consumer, consumer ?? floor.consumer)
        if pending.isEmpty { floor = delivered }
        return true
    }

    /// Hands a message out no more; the floor stays where it is.
    mutating func giveUp(_ sequence: UInt64) { pending.settle(sequence) }

    /// Has a message come again at that moment.
    mutating func postpone(_ sequence: UInt64, until due: Moment) -> Bool {
        guard var entry = pending[sequence] else { return false }
        entry.due = due
        pending.put(entry)
        return true
    }

    mutating func due(at now: Moment) -> PendingMessages.Entry? { pending.due(at: now) }

    /// What is before `first` is not kept any more.
    mutating func trim(before first: UInt64) {
        guard first > 0, let oldest = pending.first, oldest.stream < first else { return }
        pending.settle(through: first - 1)
        raiseFloor()
    }

    private mutating func raiseFloor() {
        guard let first = pending.first else {
            floor = delivered
            return
        }
        floor.stream = max(floor.stream, first.stream - 1)
        floor.consumer = max(floor.consumer, first.consumer - 1)
    }
}

extension ConsumerProgress {
    /// Applies what a file says has happened; what was not settled comes again at `due`.
    mutating func apply(_ change: ConsumerChange, settles: Bool, due: Moment) {
        switch change {
        case .delivered(let stream, let consumer, let deliveries):
            delivered.consumer = max(delivered.consumer, consumer)
            delivered.stream = max(delivered.stream, stream)
            guard settles else {
                floor = delivered
                return
            }
            let before = pending[stream]?.consumer ?? consumer
            pending.put(
                PendingMessages.Entry(
                    stream: stream, consumer: before, deliveries: deliveries, due: due))
        case .settled(let stream): _ = settle(stream)
        case .settledThrough(let stream): _ = settle(through: stream)
        case .gaveUp(let stream): giveUp(stream)
        }
    }

    func write(to json: inout JSONWriter) {
        func place(_ place: Place, _ json: inout JSONWriter) {
            json.array { json in
                json.value(Int64(clamping: place.consumer))
                json.value(Int64(clamping: place.stream))
            }
        }
        json.member("delivered") { json in place(delivered, &json) }
        json.member("floor") { json in place(floor, &json) }
        json.member("pending") { json in
            json.array { json in
                for entry in pending.all {
                    json.array { json in
                        json.value(Int64(clamping: entry.stream))
                        json.value(Int64(clamping: entry.consumer))
                        json.value(entry.deliveries)
                    }
                }
            }
        }
    }

    /// Reads what `write` wrote.
    init(_ json: JSONObject, last: UInt64, due: Moment) throws(JSONError) {
        func numbers(_ json: JSON, _ count: Int) throws(JSONError) -> [UInt64] {
            let values = json.array?.compactMap(\.integer).compactMap(UInt64.init(exactly:)) ?? []
            guard values.count == count else {
                throw JSONError(pointer: "", reason: "is no state of a consumer")
            }
            return values
        }
        let places = [try json.array("delivered"), try json.array("floor")]
        let (delivered, floor) = (
            try numbers(.array(places[0]), 2), try numbers(.array(places[1]), 2)
        )
        self.delivered = Place(consumer: delivered[0], stream: delivered[1])
        self.floor = Place(consumer: floor[0], stream: floor[1])
        for entry in try json.array("pending") {
            let values = try numbers(entry, 3)
            pending.put(
                PendingMessages.Entry(
                    stream: values[0], consumer: values[1],
                    deliveries: Int64(clamping: values[2]), due: due))
        }
    }

    /// Forgets what the stream does not hold any more at its end: others may take those places.
    ///
    /// - Returns: whether there was any.
    mutating func limit(to last: UInt64) -> Bool {
        guard delivered.stream > last else { return false }
        for entry in pending.all where entry.stream > last { pending.settle(entry.stream) }
        delivered.stream = last
        floor.stream = min(floor.stream, last)
        return true
    }
}
