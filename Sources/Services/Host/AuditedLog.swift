import Domain
import EventSourcing
import EventStore
import Messaging

/// One log, read and checked event by event, as of one moment.
struct AuditedLog {
    private let queries: LogQueries
    /// How many events were read.
    private(set) var count = 0
    private(set) var tree = MerkleFrontier()
    /// What is wrong with the log itself.
    private(set) var problems: [String] = []
    private var streams: [StreamID: [StoredRecord]] = [:]
    private var records: [StoredRecord] = []

    /// Reads all of the log within one transaction, so that what is derived from it can be
    /// compared.
    init(path: String) throws(StoreError) {
        queries = try LogReader(path: path).queries
        try queries.begin()
        var position = Position.start
        var time = Timestamp.epoch
        while true {
            let page = try queries.log(after: position, limit: 2000)
            for record in page {
                if record.position != position.next {
                    problems.append("events are missing between \(position) and \(record.position)")
                }
                if record.computedLeaf != record.leaf {
                    problems.append(
                        "event \(record.identity) (\(record.stream), \(record.type.name)) was "
                            + "changed: its bytes do not fit its leaf"
                    )
                }
                if record.recordedAt < time {
                    problems.append("time runs backwards at event \(record.position)")
                }
                let known = streams[record.stream]?.last?.version ?? .none
                if record.version.value != known.value + 1 {
                    problems.append("\(record.stream) has no version \(known.value + 1)")
                }
                streams[record.stream, default: []].append(record)
                tree.append(leaf: record.leaf)
                (position, time) = (record.position, record.recordedAt)
            }
            records += page
            count += page.count
            if page.count < 2000 { break }
        }
        if let stored = try queries.storedTree(), stored != tree {
            problems.append("the tree over all leaves is not the one that was kept")
        }
        for (stream, version) in try queries.streamVersions() {
            let folded = streams[stream]?.last?.version ?? .none
            if folded != version {
                problems.append(
                    "\(stream) is kept at version \(version), its events end at \(folded)")
            }
        }
    }

    /// Every stream of a category, folded from its first event; sorted by id.
    func folds<D: Decider>(_ category: String, _: D.Type) throws(StoreError) -> [(String, D)] {
        var folds: [(String, D)] = []
        for (stream, records) in streams where stream.category == category {
            var state = D()
            for record in records { state.evolve(try record.decoded(as: D.Event.self).event) }
            folds.append((stream.id, state))
        }
        return folds.sorted { $0.0 < $1.0 }
    }

    /// What can be sold, folded afresh up to a position.
    func availability(through position: Position) throws(StoreError) -> Availability {
        var availability = Availability()
        for record in records where record.position <= position {
            let order = OrderID(record.stream.id)
            switch (record.stream.category, order) {
            case ("stock", _):
                availability.apply(try record.decoded(as: Stock.Event.self).event)
            case ("reservation", let order?):
                availability.apply(
                    try record.decoded(as: Reservation.Event.self).event, order: order)
            case ("delivery", let order?):
                availability.apply(
                    try record.decoded(as: Delivery.Event.self).event, order: order)
            default: break
            }
        }
        return availability
    }

    func timerKeys() throws(StoreError) -> Set<String> { try queries.keys(of: .timers) }
    func effectKeys() throws(StoreError) -> Set<String> { try queries.keys(of: .effects) }
    func snapshot(_ name: String, fold: Int) throws(StoreError) -> Snapshot? {
        try queries.snapshot(name, fold: fold)
    }
}
