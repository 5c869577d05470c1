import EventSourcing

/// What a consumer's file holds of it, so that a kill loses no acknowledgement.
struct ConsumerFile {
    /// What happened since the last whole state, 32 bytes each: CRC-32C of the rest (4), kind (4),
    /// the message's place in the stream (8), the delivery's number (8), how many deliveries (8).
    enum Change: Hashable {
        case delivered(stream: UInt64, consumer: UInt64, deliveries: Int64)
        case settled(UInt64)
        case settledThrough(UInt64)
        /// Given up after its last delivery: settled, but the floor stays.
        case gaveUp(UInt64)
    }

    private static let recordSize = 32
    /// Bytes of changes after which the whole state is written anew.
    private static let mostChanges = 1024 * 1024

    private var twin: TwinFile
    private var unwritten: [UInt8] = []
    private var changes = 0

    static func create(_ path: String, on disk: BrokerDisk, _ state: [UInt8]) throws(FileError)
        -> ConsumerFile
    {
        ConsumerFile(twin: try TwinFile.create(path, on: disk, state))
    }

    /// The last whole state and what happened since; nil where there is no whole file.
    static func open(
        _ path: String, on disk: BrokerDisk, _ notices: (String) -> Void
    ) throws(FileError)
        -> (ConsumerFile, state: [UInt8], changes: [Change])?
    {
        guard let (twin, state, tail) = try TwinFile.open(path, on: disk, notices) else {
            return nil
        }
        var file = ConsumerFile(twin: twin)
        var changes: [Change] = []
        while let change = read(tail, at: changes.count * recordSize) { changes.append(change) }
        file.changes = changes.count * recordSize
        if file.changes < tail.count {
            notices("\(path): the last \(tail.count - file.changes) bytes cannot be read")
        }
        try file.twin.keep(tail: file.changes, of: tail.count)
        return (file, state, changes)
    }

    private init(twin: TwinFile) { self.twin = twin }

    mutating func note(_ change: Change) {
        var record: [UInt8] = []
        record.reserveCapacity(Self.recordSize)
        var fields: (kind: UInt32, stream: UInt64, consumer: UInt64, deliveries: Int64)
        switch change {
        case .delivered(let stream, let consumer, let deliveries):
            fields = (1, stream, consumer, deliveries)
        case .settled(let stream): fields = (2, stream, 0, 0)
        case .settledThrough(let stream): fields = (3, stream, 0, 0)
        case .gaveUp(let stream): fields = (4, stream, 0, 0)
        }
        record.append(littleEndian: UInt32(0))
        record.append(littleEndian: fields.kind)
        record.append(littleEndian: fields.stream)
        record.append(littleEndian: fields.consumer)
        record.append(littleEndian: fields.deliveries)
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
        guard start + recordSize <= tail.count,
            tail.integer(at: start, as: UInt32.self)
                == CRC32C.checksum(tail, start + 4..<start + recordSize),
            let kind = tail.integer(at: start + 4, as: UInt32.self),
            let stream = tail.integer(at: start + 8, as: UInt64.self),
            let consumer = tail.integer(at: start + 16, as: UInt64.self),
            let deliveries = tail.integer(at: start + 24, as: Int64.self)
        else { return nil }
        return switch kind {
        case 1: .delivered(stream: stream, consumer: consumer, deliveries: deliveries)
        case 2: .settled(stream)
        case 3: .settledThrough(stream)
        case 4: .gaveUp(stream)
        default: nil
        }
    }
}
