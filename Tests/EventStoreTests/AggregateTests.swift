import EventSourcing
import EventStore
import SQLite
import Testing

/// A sum that adds up to a limit.
private struct Sum: Decider {
    private(set) var total: Int64 = 0
    private(set) var count = 0

    enum Command: Sendable {
        case add([Int64])
    }
    enum Rejection: Error { case tooMuch }

    struct Event: StoredEvent {
        let number: Int64
        var type: EventType { EventType("sum.added") }

        func encode(to json: inout JSONWriter) { json.object { $0.member("number", number) } }

        static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Event {
            guard type.name == "sum.added" else { throw .unknownType(type) }
            guard type.schema == 1 else { throw .unknownSchema(type) }
            return try decoding(type, data) { (object) throws(JSONError) in
                Event(number: try object.integer("number"))
            }
        }
    }

    func decide(_ command: Command) throws(Rejection) -> [Event] {
        guard case .add(let numbers) = command else { return [] }
        guard numbers.reduce(total, +) <= 1_000_000 else { throw .tooMuch }
        return numbers.map { Event(number: $0) }
    }

    mutating func evolve(_ event: Event) {
        total += event.number
        count += 1
    }
}

@Suite struct AggregateTests {
    private let folder: Folder
    private let log: EventLog
    private let sums = Aggregates<Sum>(category: "sum")

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    private func add(_ numbers: [Int64], to id: String = "a") throws(StoreError) {
        try log.run { (transaction) throws(StoreError) in
            guard case .success = try sums.decide(.add(numbers), for: id, in: transaction) else {
                Issue.record("refused")
                return
            }
        }
        sums.keep()
    }

    @Test(arguments: [0, 1, 499, 500, 501, 1000, 1203])
    func `a state is folded from its stored stream, however long`(count: Int) throws {
        try add((0..<count).map { Int64($0) })
        let entry = try Aggregates<Sum>(category: "sum").load("a", in: log)
        #expect(entry.version == Version(Int64(count)))
        #expect(entry.state.count == count)
        #expect(entry.state.total == Int64(count * max(0, count - 1) / 2))
        let known = try sums.load("a", in: log)
        #expect(known.state.total == entry.state.total && known.version == entry.version)
    }

    @Test func `decisions are recorded after the version they were made on`() throws {
        try add([1, 2])
        try add([3])
        let stored = try log.queries.stream(StreamID("sum", "a"), after: .none, limit: 9)
        #expect(stored.map(\.version.value) == [1, 2, 3])
        #expect(try stored.map { try $0.decoded(as: Sum.Event.self).event.number } == [1, 2, 3])
    }

    @Test func `a refused command and one without events write nothing`() throws {
        try add([5])
        let before = log.shape
        try log.run { (transaction) throws(StoreError) in
            let refused = try sums.decide(.add([1_000_000]), for: "a", in: transaction)
            guard case .failure(.tooMuch) = refused else {
                Issue.record("not refused")
                return
            }
            _ = try sums.decide(.add([]), for: "a", in: transaction)
        }
        #expect(log.shape == before)
    }

    @Test func `a stream that moved behind its back is a conflict, and is read again after it`()
        throws
    {
        try add([1])
        try log.append([event(7, EventType("sum.added"))], to: StreamID("sum", "a"))
        #expect(failure { () throws(StoreError) in try add([2]) } == "conflict")
        sums.rollback()
        try add([3])
        #expect(try sums.load("a", in: log).state.total == 11)
        #expect(try sums.load("a", in: log).version == Version(3))
    }

    @Test func `a rollback restores the states before the last keep`() throws {
        try add([1])
        let thrown = failure { () throws(StoreError) in
            try log.run { (transaction) throws(StoreError) in
                _ = try sums.decide(.add([2]), for: "a", in: transaction)
                _ = try sums.decide(.add([4]), for: "a", in: transaction)
                _ = try sums.decide(.add([8]), for: "b", in: transaction)
                throw .closed
            }
        }
        #expect(thrown == "closed")
        sums.rollback()
        #expect(try sums.load("a", in: log).state.total == 1)
        #expect(try sums.load("b", in: log).version == .none)
        try add([16], to: "b")
        try add([32])
        #expect(try sums.load("a", in: log).state.total == 33)
    }

    @Test func `a state first read within an attempt that fails is forgotten with it`() throws {
        try log.run { (transaction) throws(StoreError) in
            let thrown = failure { () throws(StoreError) in
                try transaction.attempt { () throws(StoreError) in
                    try transaction.append(
                        [event(9, EventType("sum.added"))], to: StreamID("sum", "a"),
                        expecting: .noStream)
                    #expect(try sums.load("a", in: transaction).state.total == 9)
                    throw .closed
                }
            }
            #expect(thrown == "closed")
            sums.rollback()
            #expect(try sums.load("a", in: transaction).version == .none)
        }
        try add([1])
    }

    @Test func `a stream that the log has forgotten meanwhile is found again by its name`() throws {
        try add([1], to: "a")
        try add([1], to: "b")
        // Twice as many as are kept.
        for round in 0..<20 {
            try log.run { (transaction) throws(StoreError) in
                for number in 0..<3_000 {
                    try transaction.append(
                        [event(1)], to: order("\(round)-\(number)"), expecting: .noStream)
                }
            }
        }
        try log.append([event(7, EventType("sum.added"))], to: StreamID("sum", "a"))
        #expect(failure { () throws(StoreError) in try add([2], to: "a") } == "conflict")
        sums.rollback()
        try add([2], to: "a")
        try add([2], to: "b")
        #expect(try sums.load("a", in: log).state.total == 10)
        #expect(try sums.load("b", in: log).state.total == 3)
        try add([4], to: "b")
        let stored = try log.queries.stream(StreamID("sum", "b"), after: .none, limit: 9)
        #expect(stored.map(\.version.value) == [1, 2, 3])
    }

    @Test func `a commit larger than what is kept knows its own streams to the end`() throws {
        try log.run { (transaction) throws(StoreError) in
            try transaction.append([event(1)], to: order("first"), expecting: .noStream)
            for number in 0..<60_000 {
                try transaction.append([event(1)], to: order("\(number)"), expecting: .noStream)
            }
            try transaction.append(
                [event(2)], to: order("first"), expecting: .exactly(Version(1)))
        }
        for number in [0, 59_999] {
            try log.append([event(2)], to: order("\(number)"), expecting: .exactly(Version(1)))
        }
        try log.append([event(3)], to: order("first"), expecting: .exactly(Version(2)))
        let stored = try log.queries.stream(order("first"), after: .none, limit: 9)
        #expect(stored.map(\.version.value) == [1, 2, 3])
    }

    @Test func `a commit that changes more streams than are kept finds them all`() throws {
        let count = 60_000
        for _ in 0..<2 {
            try log.run { (transaction) throws(StoreError) in
                for number in 0..<count {
                    try transaction.append([event(1)], to: order("\(number)"), expecting: .any)
                }
            }
        }
        for number in [0, count - 1] {
            let stored = try log.queries.stream(order("\(number)"), after: .none, limit: 9)
            #expect(stored.map(\.version.value) == [1, 2])
        }
    }

    @Test func `a row that an attempt within has written and taken back is written again`() throws {
        try log.run { (transaction) throws(StoreError) in
            try transaction.attempt { () throws(StoreError) in
                try transaction.append([event(1)], to: order("outer"), expecting: .noStream)
                let thrown = failure { () throws(StoreError) in
                    try transaction.attempt { () throws(StoreError) in
                        try transaction.append([event(2)], to: order("inner"), expecting: .noStream)
                        try transaction.settle()
                        throw .closed
                    }
                }
                #expect(thrown == "closed")
                try transaction.append([event(3)], to: order("outer"), expecting: .any)
            }
            try transaction.append([event(4)], to: order("inner"), expecting: .noStream)
        }
        for (name, numbers) in [("outer", [1, 3]), ("inner", [4])] {
            let stored = try log.queries.stream(order(name), after: .none, limit: 9)
            #expect(stored.map(\.version.value) == numbers.indices.map { Int64($0) + 1 })
            #expect(stored.map(\.data) == numbers.map { event($0).data })
        }
    }

    @Test func `a stream begun in an attempt or commit that failed is begun again`() throws {
        try log.run { (transaction) throws(StoreError) in
            for isWritten in [false, true] {
                let thrown = failure { () throws(StoreError) in
                    try transaction.attempt { () throws(StoreError) in
                        _ = try sums.decide(.add([1]), for: "a", in: transaction)
                        if isWritten { try transaction.settle() }
                        throw .closed
                    }
                }
                #expect(thrown == "closed")
                sums.rollback()
            }
            _ = try sums.decide(.add([2]), for: "a", in: transaction)
        }
        sums.keep()
        let thrown = failure { () throws(StoreError) in
            try log.run { (transaction) throws(StoreError) in
                _ = try sums.decide(.add([4]), for: "a", in: transaction)
                _ = try sums.decide(.add([4]), for: "b", in: transaction)
                throw .closed
            }
        }
        #expect(thrown == "closed")
        sums.rollback()
        try add([8], to: "b")
        try add([8], to: "a")
        for (id, total) in [("a", 10), ("b", 8)] as [(String, Int64)] {
            let fresh = try Aggregates<Sum>(category: "sum").load(id, in: log)
            #expect(fresh.state.total == total)
        }
    }

    @Test(arguments: [EventType("sum.added", schema: 2), EventType("sum.divided")])
    func `an event this build does not know stops the load and says which`(type: EventType) throws {
        try add([1])
        try log.append([event(2, type)], to: StreamID("sum", "a"))
        let fresh = Aggregates<Sum>(category: "sum")
        for _ in 0..<2 {
            let thrown = error { () throws(StoreError) in _ = try fresh.load("a", in: log) }
            guard case .unreadableEvent(let identity, let why)? = thrown else {
                Issue.record("read: \(String(describing: thrown))")
                return
            }
            #expect(identity.description == "orders/1/2")
            #expect(why == (type.schema == 2 ? .unknownSchema(type) : .unknownType(type)))
        }
    }

    @Test(arguments: ["", "{", #"{"number":"x"}"#, "\u{0}", "[]"])
    func `data that does not fit its type is an error`(data: String) throws {
        try log.append(
            [
                NewEvent(
                    type: EventType("sum.added"), data: Array(data.utf8),
                    metadata: event(1).metadata)
            ], to: StreamID("sum", "a"))
        let thrown = failure { () throws(StoreError) in
            _ = try sums.load("a", in: log)
        }
        #expect(thrown == "unreadable event")
        #expect(try log.all().first.map { $0.data == Array(data.utf8) } == true)
    }

    @Test func `states that were evicted are read again with what the transaction appended`() throws
    {
        let few = Aggregates<Sum>(category: "sum", capacity: 4)
        try log.run { (transaction) throws(StoreError) in
            for round in 1...3 as ClosedRange<Int64> {
                for id in 0..<10 {
                    _ = try few.decide(.add([round]), for: "\(id)", in: transaction)
                }
            }
        }
        few.keep()
        for id in 0..<10 {
            #expect(try few.load("\(id)", in: log).state.total == 6)
        }
        #expect(log.head == Position(30))
    }
}

@Suite struct TwoGenerationsTests {
    @Test(arguments: [1, 2, 10, 100])
    func `it holds no more than its capacity, and what was used last`(capacity: Int) {
        var cache = TwoGenerations<Int, Int>(capacity: capacity)
        for number in 0..<1000 { cache[number] = number }
        #expect(cache[999] == 999)
        var held = 0
        for number in 0..<1000 {
            // Asking refreshes, so look through a copy.
            var copy = cache
            if copy[number] != nil { held += 1 }
        }
        #expect(held <= max(2, capacity))
        #expect(held >= max(1, capacity / 2))
    }

    @Test func `what is used again and again stays`() {
        var cache = TwoGenerations<Int, Int>(capacity: 20)
        cache[-1] = 7
        for number in 0..<1000 {
            cache[number] = number
            #expect(cache[-1] == 7)
        }
    }

    @Test func `what is large takes the room of many, also once it has grown`() {
        var cache = TwoGenerations<Int, Int>(capacity: 100) { $0 }
        for number in 0..<50 {
            cache[number] = 1
            cache[number] = 30
        }
        var held = 0
        for number in 0..<50 {
            var copy = cache
            if copy[number] != nil { held += 1 }
        }
        // The second one fills a half.
        #expect(held == 2)
    }

    @Test func `what is removed is gone from both halves`() {
        var cache = TwoGenerations<Int, Int>(capacity: 4)
        cache[1] = 1
        cache[2] = 2
        cache[3] = 3
        cache[1] = 10
        cache[1] = nil
        #expect(cache[1] == nil)
        cache.removeAll()
        #expect(cache[2] == nil && cache[3] == nil)
    }
}
