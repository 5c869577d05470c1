/// What a stream's file holds of it beside its messages: what it is to be, how far it had come, and
/// which messages were taken out since that was written, 16 bytes each: CRC-32C of the rest (4),
/// zero (4), the place (8).
struct StreamFile {
    private static let recordSize = 16
    /// Bytes of places after which all is written anew.
    private static let mostChanges = 1024 * 1024

    private var twin: TwinFile
    private var unwritten: [UInt8] = []
    private var changes = 0

    static func create(_ path: String, on disk: BrokerDisk, _ state: [UInt8]) throws(FileError)
        -> StreamFile
    {
        StreamFile(twin: try TwinFile.create(path, on: disk, state))
    }

    /// What was written last, and the places since; nil where there is no whole file.
    static func open(
        _ path: String, on disk: BrokerDisk, _ notices: (String) -> Void
    ) throws(FileError)
        -> (StreamFile, state: [UInt8], gaps: [UInt64])?
    {
        guard let (twin, state, tail) = try TwinFile.open(path, on: disk, notices) else {
            return nil
        }
        var file = StreamFile(twin: twin)
        var gaps: [UInt64] = []
        while let gap = read(tail, at: gaps.count * recordSize) { gaps.append(gap) }
        file.changes = gaps.count * recordSize
        if file.changes < tail.count {
            notices("\(path): the last \(tail.count - file.changes) bytes cannot be read")
        }
        try file.twin.keep(tail: file.changes, of: tail.count)
        return (file, state, gaps)
    }

    private init(twin: TwinFile) { self.twin = twin }

    mutating func note(gap: UInt64) {
        var record: [UInt8] = []
        record.append(littleEndian: UInt32(0))
        record.append(littleEndian: gap)
        let checksum = CRC32C.checksum(record, 0..<record.count)
        unwritten.append(littleEndian: checksum)
        unwritten += record
    }

    /// Writes what was noted; what could not be written stays noted.
    /// - Parameter state: all, with what was noted.
    mutating func write(_ state: () -> [UInt8]) throws(FileError) {
        guard !unwritten.isEmpty else { return }
        if changes + unwritten.count > Self.mostChanges {
            try twin.replace(state())
            changes = 0
        } else {
            try twin.append(unwritten)
            changes += unwritten.count
        }
        unwritten = []
    }

    mutating func replace(_ state: [UInt8]) throws(FileError) {
        try twin.replace(state)
        (changes, unwritten) = (0, [])
    }

    private static func read(_ tail: [UInt8], at start: Int) -> UInt64? {
        guard start + recordSize <= tail.count,
            tail.integer(at: start, as: UInt32.self)
                == CRC32C.checksum(tail, start + 4..<start + recordSize)
        else { return nil }
        return tail.integer(at: start + 8, as: UInt64.self)
    }
}
