import EventSourcing
import EventStore
import Messaging
import SQLite

/// Some of the events of one order's timeline in one text: what a commit brings of an order is one
/// row, and no row a line.
///
/// A JSON array of entries, each an array too, and each on a line of its own: SQLite's `json_each`
/// reads it, and it is taken apart without being parsed.
struct TimelinePage {
    private static let separator = Array(",\n".utf8)

    private var json = JSONWriter(reserving: 1024)

    /// The text; empty where nothing was added.
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    mutating func append(_ message: Message) {
        if bytes.isEmpty {
            bytes.append(UInt8(ascii: "["))
        } else {
            // The bracket that ended the page so far makes room.
            bytes.removeLast()
            bytes.append(contentsOf: Self.separator)
        }
        json.removeAll()
        json.array { json in
            json.value(message.identity.log.value)
            json.value(message.identity.epoch.value)
            json.value(message.identity.position.value)
            json.value(message.type.name)
            json.value(Int64(message.type.schema))
            json.value(message.recordedAt.microseconds)
            if let time = message.metadata.occurredAt {
                json.value(time.microseconds)
            } else {
                json.value(.null)
            }
            json.value(message.metadata.actor)
            json.value(message.metadata.correlation)
            if let cause = message.metadata.cause {
                json.value(cause.description)
            } else {
                json.value(.null)
            }
            json.raw(message.data)
        }
        let end = bytes.count
        bytes += json.bytes
        // Between the tokens of a JSON text a space is as good; within a string there is none.
        if message.data.contains(UInt8(ascii: "\n")) {
            for at in end..<bytes.count where bytes[at] == UInt8(ascii: "\n") {
                bytes[at] = UInt8(ascii: " ")
            }
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// The texts of a page's entries, in its order.
    static func lines(_ page: UnsafeRawBufferPointer) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = min(1, page.count)
        let end = max(start, page.count - 1)
        for at in start..<end where page[at] == UInt8(ascii: "\n") {
            lines.append(Array(page[start..<max(start, at - 1)]))
            start = at + 1
        }
        lines.append(Array(page[start..<end]))
        return lines
    }

    /// An order's entries, of all its pages, in no order.
    static func entries(of order: String, in connection: Connection) throws(SQLiteError)
        -> [TimelineEntry]
    {
        let row = try connection.statement("SELECT entries FROM timeline WHERE order_id = ?1")
        defer { row.reset() }
        try row.bind(1, order)
        var entries: [TimelineEntry] = []
        while try row.step() {
            for line in row.withBytes(0, lines) {
                guard let entry = TimelineEntry(line) else { throw .unreadable(line, of: order) }
                entries.append(entry)
            }
        }
        return entries
    }
}

extension TimelineEntry {
    /// What a difference calls its parts, in the order they are written.
    static let parts = [
        "log", "epoch", "position", "type", "schema", "recorded_at", "occurred_at", "actor",
        "correlation", "causation", "data",
    ]

    /// Reads an entry of a page; nil for what `TimelinePage` does not write.
    init?(_ line: [UInt8]) {
        guard let comma = Self.commaBeforeData(line), line.last == UInt8(ascii: "]"),
            let json = try? JSON(parsing: line[..<comma] + [UInt8(ascii: "]")]),
            let parts = json.array, parts.count == Self.parts.count - 1,
            let log = parts[0].string, let epoch = parts[1].integer,
            let position = parts[2].integer, let type = parts[3].string,
            let schema = parts[4].integer, let recordedAt = parts[5].integer,
            let actor = parts[7].string, let correlation = parts[8].string
        else { return nil }
        let data = Array(line[(comma + 1)...].dropLast())
        guard (try? JSON(parsing: data)) != nil else { return nil }
        self.init(
            identity: EventIdentity(
                log: LogName(log), epoch: Epoch(epoch), position: Position(position)),
            type: EventType(type, schema: Int(schema)),
            recordedAt: Timestamp(microseconds: recordedAt),
            occurredAt: parts[6].integer.map(Timestamp.init(microseconds:)), actor: actor,
            correlation: correlation, causation: parts[9].string, data: data)
    }

    /// Where the last part begins, the event's data: as deep as an event's may be, they would be
    /// too deep within an array.
    private static func commaBeforeData(_ line: [UInt8]) -> Int? {
        var (commas, isInString, at) = (0, false, 0)
        while at < line.count {
            switch line[at] {
            case UInt8(ascii: "\\") where isInString: at += 1
            case UInt8(ascii: "\""): isInString.toggle()
            case UInt8(ascii: ",") where !isInString:
                commas += 1
                if commas == parts.count - 1 { return at }
            default: break
            }
            at += 1
        }
        return nil
    }

    /// Its parts, as SQL literals.
    var literals: [String] {
        func literal(_ text: String?) -> String {
            text.map { "'\($0.replacing("'", with: "''"))'" } ?? "NULL"
        }
        return [
            literal(identity.log.value), "\(identity.epoch.value)", "\(identity.position.value)",
            literal(type.name), "\(type.schema)", "\(recordedAt.microseconds)",
            occurredAt.map { "\($0.microseconds)" } ?? "NULL", literal(actor),
            literal(correlation), literal(causation),
            literal(String(decoding: data, as: UTF8.self)),
        ]
    }
}

extension SQLiteError {
    /// Nobody but Kassa writes pages: one that cannot be read is damaged, as a page of the file
    /// would be.
    static func unreadable(_ line: [UInt8], of order: String) -> SQLiteError {
        let text = String(decoding: line.prefix(80), as: UTF8.self)
        return SQLiteError(
            code: 11, message: "no entry of a timeline: \(text)",
            action: "reading the timeline of \(order)")
    }
}
