package import EventSourcing
import SQLite

/// Something a service must be told when its time has come.
package struct Timer: Hashable, Sendable {
    /// One timer a key; setting it again replaces it.
    package let key: String
    package let due: Timestamp
    /// The log whose outcome is awaited: the timer fires only when that source has been read beyond
    /// `due`.
    package let source: String?
    /// Where in our log the source was asked; it must have read so far.
    package let request: Position
    /// How long the source may take, while it is up and has read the request.
    package let within: Duration
    /// Whether the source was seen to have read the request at the start of the time now running.
    package let isArmed: Bool
    /// What the service is told, JSON.
    package let data: String

    package init(
        key: String, due: Timestamp, source: String? = nil, request: Position = .start,
        within: Duration = .zero, isArmed: Bool = false, data: String
    ) {
        self.key = key
        self.due = due
        self.source = source
        self.request = request
        self.within = within
        self.isArmed = isArmed
        self.data = data
    }
}

extension Timer {
    /// Of a row with all columns, in the order of the table.
    init(_ row: Statement) {
        self.init(
            key: row.text(0), due: Timestamp(microseconds: row.integer(1)),
            source: row.optionalText(2), request: Position(row.integer(3)),
            within: .microseconds(row.integer(4)), isArmed: row.integer(5) == 1,
            data: row.text(6))
    }
}

extension EventLog {
    /// Timers that await `source` (nil: nobody) and are due by `moment`, earliest first.
    package func timers(awaiting source: String?, dueBy moment: Timestamp, limit: Int)
        throws(StoreError) -> [Timer]
    {
        guard !timersAhead.areLater(than: moment, awaiting: source) else { return [] }
        let timers = try due(awaiting: source, by: moment, limit: limit)
        if timers.isEmpty { timersAhead.ask(source) }
        return timers
    }

    private func due(awaiting source: String?, by moment: Timestamp, limit: Int)
        throws(StoreError) -> [Timer]
    {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT key, due, source, request, within, armed, data FROM timers
                WHERE source IS ?1 AND due <= ?2 ORDER BY due, key LIMIT ?3
                """)
            defer { row.reset() }
            try row.bind(1, source)
            try row.bind(2, moment.microseconds)
            try row.bind(3, Int64(max(0, limit)))
            var timers: [Timer] = []
            while try row.step() { timers.append(Timer(row)) }
            return timers
        }
    }
}

/// From when on timers of each source may be due, as far as that is known: it saves looking for
/// what cannot be there. It may be earlier than the earliest timer, and never is later.
struct TimersAhead {
    private var earliest: [String?: Timestamp] = [:]
    /// The sources that were looked at in vain since the last commit.
    private var asked: Set<String?> = []

    func areLater(than moment: Timestamp, awaiting source: String?) -> Bool {
        earliest[source].map { $0 > moment } ?? false
    }

    mutating func set(_ timer: Timer) {
        if let known = earliest[timer.source], timer.due < known {
            earliest[timer.source] = timer.due
        }
    }

    mutating func ask(_ source: String?) { asked.insert(source) }

    mutating func forget() {
        earliest = [:]
        asked = []
    }

    /// Finds out, between two transactions, so that nothing is rolled back later.
    mutating func look(in connection: Connection) throws(SQLiteError) {
        for source in asked {
            let row = try connection.statement(
                "SELECT due FROM timers WHERE source IS ?1 ORDER BY due LIMIT 1")
            defer { row.reset() }
            try row.bind(1, source)
            earliest[source] = Timestamp(microseconds: try row.step() ? row.integer(0) : .max)
        }
        asked.removeAll(keepingCapacity: true)
    }
}

extension EventLog {
    /// How many timers have a key that begins with `prefix`.
    package func countTimers(prefix: String) throws(StoreError) -> Int {
        try queries.countTimers(prefix: prefix)
    }
}
