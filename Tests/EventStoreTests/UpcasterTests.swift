import EventSourcing
import EventStore
import Testing

/// A decider whose event was once stored in another form: pounds then, pence now.
private struct Till: Decider {
    var pence: Int64 = 0

    enum Command { case take(Int64) }
    typealias Rejection = Never

    func decide(_ command: Command) -> [Event] {
        switch command {
        case .take(let pence): [.taken(pence: pence)]
        }
    }

    mutating func evolve(_ event: Event) {
        switch event {
        case .taken(let pence): self.pence += pence
        }
    }

    enum Event: StoredEvent {
        case taken(pence: Int64)

        var type: EventType { EventType("till.taken", schema: 2) }

        func encode(to json: inout JSONWriter) {
            json.object { json in
                switch self {
                case .taken(let pence): json.member("pence", pence)
                }
            }
        }

        static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Event {
            try decoding(type, data) { json throws(JSONError) in
                type.schema == 1
                    ? .taken(pence: try json.integer("pounds") * 100)
                    : .taken(pence: try json.integer("pence"))
            }
        }
    }
}

@Suite struct UpcasterTests {
    @Test func `events of an older schema are read as what they mean now`() throws {
        let folder = try Folder()
        let log = try folder.open()
        let metadata = Array(#"{"correlation":"c","actor":"a"}"#.utf8)
        let old = NewEvent(
            type: EventType("till.taken", schema: 1), data: Array(#"{"pounds":3}"#.utf8),
            metadata: metadata)
        let tills = Aggregates<Till>(category: "till")
        let pence = try log.commit(at: log.lastRecorded) { (transaction) throws(StoreError) in
            try transaction.append([old], to: StreamID("till", "1"), expecting: .noStream)
            _ = try tills.decide(.take(50), for: "1", in: transaction)
            return try tills.load("1", in: transaction).state.pence
        }
        #expect(pence == 350)
        let fresh = try Aggregates<Till>(category: "till").load("1", in: log)
        #expect(fresh.state.pence == 350 && fresh.version == Version(2))
    }
}
