/// What has changed since a whole state was written, as a file has it: so many bytes, CRC-32C of
/// the rest (4) in front of them.
protocol StateChange {
    static var size: Int { get }
    /// Appends all that follows the checksum.
    func write(to record: inout [UInt8])
    /// Reads the record that begins at `start`; nil where it says what is not known.
    init?(_ bytes: [UInt8], at start: Int)
}

/// A whole state and what has changed since, so that a kill loses nothing of what was written.
struct StateFile<Change: StateChange> {
    /// Bytes of changes after which the whole state is written anew.
    private static var mostChanges: Int { 1024 * 1024 }

    private var twin: TwinFile
    private var unwritten: [UInt8] = []
    private var changes = 0

    static func create(_ path: String, on disk: BrokerDisk, _ state: [UInt8]) throws(FileError)
        -> StateFile
    {
        StateFile(twin: try TwinFile.create(path, on: disk, state))
    }

    /// The last whole state and what happened since; nil where there is no whole file.
    static func open(
        _ path: String, on disk: BrokerDisk, _ notices: (String) -> Void
    ) throws(FileError)
        -> (StateFile, state: [UInt8], changes: [Change])?
    {
        guard let (twin, state, tail) = try TwinFile.open(path, on: disk, notices) else {
            return nil
        }
        var file = StateFile(twin: twin)
        var changes: [Change] = []
        while let change = read(tail, at: changes.count * Change.size) { changes.append(change) }
        file.changes = changes.count * Change.size
        if file.changes < tail.count {
            notices("\(path): the last \(tail.count - file.changes) bytes cannot be read")
        }
        try file.twin.keep(tail: file.changes, of: tail.count)
        return (file, state, changes)
    }

    private init(twin: TwinFile) { self.twin = twin }

    mutating func note(_ change: Change) {
        var record: [UInt8] = []
        record.reserveCapacity(Change.size)
        record.append(littleEndian: UInt32(0))
        change.write(to: &record)
        let checksum = CRC32C.checksum(record, 4..<record.count)
        for at in 0..<4 { record[at] = UInt8(truncatingIfNeeded: checksum >> UInt32(at * 8)) }
        unwritten += record
    }

    /// Writes what was noted; what could not be written stays noted.
    /// - Parameter state: the whole state, with all that was noted.
    mutating func write(_ state: () -> [UInt8]) throws(FileError) {
        guard !unwritten.isEmpty else { return }
        if changes + unwritten.count > Self.mostChanges {
            try twin.replace(state())
            changes = 0
        } else {
            try twin.append(unwritten)
            changes += unwritten.count
        }
        unwritten.removeAll(keepingCapacity: unwritten.capacity <= 64 * 1024)
    }

    mutating func replace(_ state: [UInt8]) throws(FileError) {
        try twin.replace(state)
        (changes, unwritten) = (0, [])
    }

    func remove() throws(FileError) { try twin.remove() }

    private static func read(_ tail: [UInt8], at start: Int) -> Change? {
        guard start + Change.size <= tail.count,
            tail.integer(at: start, as: UInt32.self)
                == CRC32C.checksum(tail, start + 4..<start + Change.size)
        else { return nil }
        return Change(tail, at: start)
    }
}

/// What happened to a consumer: kind (4), the message's place in the stream (8), the delivery's
/// number (8), how many deliveries (8).
enum ConsumerChange: StateChange, Hashable {
    case delivered(stream: UInt64, consumer: UInt64, deliveries: Int64)
    case settled(UInt64)
    case settledThrough(UInt64)
    /// Given up after its last delivery: settled, but the floor stays.
    case gaveUp(UInt64)

    static let size = 32

    func write(to record: inout [UInt8]) {
        let fields: (kind: UInt32, stream: UInt64, consumer: UInt64, deliveries: Int64) =
            switch self {
            case .delivered(let stream, let consumer, let deliveries):
                (1, stream, consumer, deliveries)
            case .settled(let stream): (2, stream, 0, 0)
            case .settledThrough(let stream): (3, stream, 0, 0)
            case .gaveUp(let stream): (4, stream, 0, 0)
            }
        record.append(littleEndian: fields.kind)
        record.append(littleEndian: fields.stream)
        record.append(littleEndian: fields.consumer)
        record.append(littleEndian: fields.deliveries)
    }

    init?(_ bytes: [UInt8], at start: Int) {
        guard let kind = bytes.integer(at: start + 4, as: UInt32.self),
            let stream = bytes.integer(at: start + 8, as: UInt64.self),
            let consumer = bytes.integer(at: start + 16, as: UInt64.self),
            let deliveries = bytes.integer(at: start + 24, as: Int64.self)
        else { return nil }
        switch kind {
        case 1: self = .delivered(stream: stream, consumer: consumer, deliveries: deliveries)
        case 2: self = .settled(stream)
        case 3: self = .settledThrough(stream)
        case 4: self = .gaveUp(stream)
        default: return nil
        }
    }
}

/// A message was taken out of a stream: zero (4), its place (8).
struct TakenOut: StateChange {
    let sequence: UInt64

    static let size = 16

    init(_ sequence: UInt64) { self.sequence = sequence }

    func write(to record: inout [UInt8]) {
        record.append(littleEndian: UInt32(0))
        record.append(littleEndian: sequence)
    }

    init?(_ bytes: [UInt8], at start: Int) {
        guard let sequence = bytes.integer(at: start + 8, as: UInt64.self) else { return nil }
        self.init(sequence)
    }
}
