import EventSourcing
import EventStore
import Foundation
import SQLite

/// A folder that goes when its test does.
final class Folder: Sendable {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/kassa-store-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String = "orders.db") -> String { path + "/" + name }

    /// Opens the folder's log; quick, as nothing here loses power.
    func open(
        _ file: String = "orders.db", name: String = "orders", at now: Timestamp = noon
    ) throws(StoreError) -> EventLog {
        try EventLog(path: self.file(file), name: LogName(name), at: now, durability: .none)
    }

    /// A connection of its own, which may do to the file whatever a stranger might.
    func stranger(_ name: String = "orders.db") throws(SQLiteError) -> Connection {
        try Connection(path: file(name), mode: .writer, durability: .none)
    }

    func size(_ name: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file(name))
        return attributes?[.size] as? Int ?? 0
    }
}

/// Numbers that look random and are the same every time. Source: Steele, Lea, Flood, "SplitMix".
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// 2026-01-31T12:00:00Z.
let noon = Timestamp(microseconds: 1_769_860_800_000_000)

func order(_ id: String) -> StreamID { StreamID("order", id) }

func event(_ number: Int, _ type: EventType = EventType("order.noted")) -> NewEvent {
    NewEvent(
        type: type, data: Array("{\"number\":\(number)}".utf8),
        metadata: Array(#"{"correlation":"c","actor":"system"}"#.utf8))
}

func events(_ count: Int) -> [NewEvent] { (0..<count).map { event($0) } }

extension EventLog {
    /// One commit.
    func run(
        at now: Timestamp = noon, _ body: (Transaction) throws(StoreError) -> Void
    ) throws(StoreError) {
        try commit(at: now, body)
    }

    /// One commit of one append.
    @discardableResult
    func append(
        _ events: [NewEvent], to stream: StreamID, expecting expected: ExpectedVersion = .any,
        at now: Timestamp = noon
    ) throws(StoreError) -> [StoredRecord] {
        try commit(at: now) { (transaction) throws(StoreError) in
            try transaction.append(events, to: stream, expecting: expected)
            return transaction
        }.records
    }

    func all() throws(StoreError) -> [StoredRecord] { try queries.log(after: .start, limit: .max) }

    /// What memory and file say, for comparing before and after.
    var shape: [String] {
        let stored = (try? all()) ?? []
        return [
            "\(head) \(headLeaf) \(tree.size) \(tree.root) \(lastRecorded) \(epoch)",
            "\(stored.map(\.description))",
        ]
    }
}

extension Aggregates {
    /// The state as a transaction of its own finds it.
    func load(_ id: String, in log: EventLog) throws(StoreError) -> Entry {
        try log.commit(at: noon) { (transaction) throws(StoreError) in
            try load(id, in: transaction)
        }
    }
}

extension StoredRecord {
    var description: String {
        "\(identity) \(stream) \(version) \(type) \(recordedAt) \(leaf) "
            + String(decoding: data, as: UTF8.self)
    }
    var positionAndVersion: [Int64] { [position.value, version.value] }
}

extension StoreError {
    var kind: String {
        switch self {
        case .conflict: "conflict"
        case .notWritten: "not written"
        case .outcomeUnknown: "outcome unknown"
        case .closed: "closed"
        case .unusable: "unusable"
        case .unreadable: "unreadable"
        case .unreadableEvent: "unreadable event"
        case .halted: "halted"
        }
    }
}

/// The kind of error that `body` ends with; nil where it ends well.
func failure(_ body: () throws(StoreError) -> Void) -> String? { error(body)?.kind }

func error(_ body: () throws(StoreError) -> Void) -> StoreError? {
    do throws(StoreError) {
        try body()
        return nil
    } catch { return error }
}

/// A disk that fails, for as long as the test wants.
let brokenDisk = SQLiteError(code: 10, message: "disk I/O error", action: "a test's fault")
