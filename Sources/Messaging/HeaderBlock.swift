import EventSourcing
import Glibc

/// A NATS header block: `NATS/1.0`, then `name: value` lines, each ended by CR LF, then an empty
/// line.
struct HeaderBlock {
    private static let prefix: StaticString = "NATS/1.0"
    /// Most header blocks of ours are smaller. Beyond 1 KB glibc has no quick lists.
    private static let usualSize = 960

    struct Writer {
        private(set) var lines: [UInt8] = []

        init() {
            lines.reserveCapacity(HeaderBlock.usualSize)
            HeaderBlock.prefix.withUTF8Buffer { lines.append(contentsOf: $0) }
        }

        /// A byte that would end the line is written as `?`: no value can smuggle in a header.
        ///
        /// - Parameter lead: what comes before the value, from the end of the line before: CR LF,
        ///   the header's name, a colon and a space, in one piece, as it is copied at once.
        mutating func add(_ lead: StaticString, _ value: String) {
            add(lead) { lines in Self.append(value, to: &lines) }
        }

        /// `value` appends the header's value, which has no control characters.
        mutating func add(_ lead: StaticString, _ value: (inout [UInt8]) -> Void) {
            lead.withUTF8Buffer { lines.append(contentsOf: $0) }
            value(&lines)
        }

        static func append(_ value: String, to lines: inout [UInt8]) {
            var value = value
            value.withUTF8 { bytes in
                if HeaderBlock.isPlain(bytes) { return lines.append(contentsOf: bytes) }
                for byte in bytes { lines.append(byte < 0x20 || byte == 0x7F ? 0x3F : byte) }
            }
        }

        /// The whole block, which is handed over: the writer has nothing left.
        mutating func finish() -> [UInt8] {
            let end: StaticString = "\r\n\r\n"
            end.withUTF8Buffer { lines.append(contentsOf: $0) }
            var whole: [UInt8] = []
            swap(&whole, &lines)
            return whole
        }
    }

    /// Reads a header block and lends it to `body`: nothing of it may be kept.
    ///
    /// - Parameter beginning: what the names begin with that are asked for; the others are checked,
    ///   and not found.
    static func read<Result>(
        _ bytes: [UInt8], beginning: StaticString = "",
        _ body: (inout HeaderBlock) throws(MalformedMessage) -> Result
    ) throws(MalformedMessage) -> Result {
        try bytes.withUnsafeBufferPointer { (bytes) throws(MalformedMessage) in
            var block = try HeaderBlock(bytes, beginning)
            return try body(&block)
        }
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    /// Where names and values stand in `bytes`; a text is made of a value only when it is asked
    /// for.
    private var fields: [(name: Range<Int>, value: Range<Int>)] = []
    /// The field after the one asked for last: whoever asks in the order of writing finds each at
    /// once.
    private var at = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ beginning: StaticString)
        throws(MalformedMessage)
    {
        self.bytes = bytes
        guard Self.prefix.withUTF8Buffer({ bytes.starts(with: $0) }) else {
            throw MalformedMessage(reason: "no header block")
        }
        let wantsAll = beginning.utf8CodeUnitCount == 0
        if wantsAll { fields.reserveCapacity(24) }
        var (start, count) = (Self.prefix.utf8CodeUnitCount, 0)
        while start < bytes.count {
            let newline = Self.index(of: 0x0A, in: bytes, from: start)
            let end = newline > start && bytes[newline - 1] == 0x0D ? newline - 1 : newline
            defer { start = newline + 1 }
            if end == start { continue }
            // No writer of ours lets one through, and it could not be passed on as it came.
            guard Self.isPlain(UnsafeBufferPointer(rebasing: bytes[start..<end])) else {
                throw MalformedMessage(reason: "a control byte in a header")
            }
            guard let colon = bytes[start..<end].firstIndex(of: 0x3A) else {
                throw MalformedMessage(reason: "a header without a colon")
            }
            guard count < 64 else { throw MalformedMessage(reason: "too many headers") }
            count += 1
            guard wantsAll || Self.starts(bytes, at: start, with: beginning) else { continue }
            var value = colon + 1
            while value < end, bytes[value] == 0x20 { value += 1 }
            fields.append((start..<colon, value..<end))
        }
    }

    private static func starts(
        _ bytes: UnsafeBufferPointer<UInt8>, at place: Int, with text: StaticString
    ) -> Bool {
        text.withUTF8Buffer { bytes[place...].starts(with: $0) }
    }

    /// Whether there is no control byte; all of it is looked at, many bytes at once.
    private static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var isControl: UInt8 = 0
        for byte in bytes { isControl |= (byte < 0x20 ? 1 : 0) | (byte == 0x7F ? 1 : 0) }
        return isControl == 0
    }

    /// Whether a value is read as it was written: nothing in it is replaced or left out.
    static func isFaithful(_ value: String) -> Bool {
        var value = value
        return value.withUTF8 { isPlain($0) && $0.first != 0x20 }
    }

    /// Where `byte` is found at or after `start`; the count where it is not.
    private static func index(
        of byte: Int32, in bytes: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> Int {
        guard let base = bytes.baseAddress,
            let found = memchr(base + start, byte, bytes.count - start)
        else { return bytes.count }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    /// The bytes of a header of that name; nil where there is none.
    mutating func field(_ name: StaticString) -> UnsafeBufferPointer<UInt8>? {
        name.withUTF8Buffer { name in
            for step in fields.indices {
                let place = at + step < fields.count ? at + step : at + step - fields.count
                let found = fields[place].name
                guard found.count == name.count, let wanted = name.baseAddress,
                    let base = bytes.baseAddress,
                    memcmp(base + found.lowerBound, wanted, name.count) == 0
                else { continue }
                at = place + 1
                return UnsafeBufferPointer(rebasing: bytes[fields[place].value])
            }
            return nil
        }
    }

    /// The value of a header of that name; nil where there is none, or it is no UTF-8.
    mutating func text(_ name: StaticString) -> String? {
        guard let value = field(name) else { return nil }
        var seen: UInt8 = 0
        for byte in value { seen |= byte }
        // Where no byte is above 127 there is nothing to validate.
        return seen < 0x80
            ? String(decoding: value, as: UTF8.self) : String(validating: value, as: UTF8.self)
    }

    mutating func required(_ name: StaticString) throws(MalformedMessage) -> String {
        guard let value = text(name) else {
            throw MalformedMessage(reason: "no \(name), or one that is no UTF-8")
        }
        return value
    }

    /// What `read` makes of the header's bytes.
    mutating func required<Value>(
        _ name: StaticString, _ what: StaticString,
        _ read: (UnsafeBufferPointer<UInt8>) -> Value?
    ) throws(MalformedMessage) -> Value {
        guard let bytes = field(name) else { throw MalformedMessage(reason: "no \(name)") }
        guard let value = read(bytes) else {
            throw MalformedMessage(reason: "\(name) is no \(what)")
        }
        return value
    }

    mutating func number(_ name: StaticString) throws(MalformedMessage) -> Int64 {
        try required(name, "number") { Int64(strictDecimal: $0) }
    }
}
