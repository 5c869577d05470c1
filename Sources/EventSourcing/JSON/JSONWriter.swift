/// Writes JSON text as bytes, without spaces, in the order it is told.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init() {}
    public init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

    /// The text so far.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Begins anew and keeps the memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// A member of the object being written; its value is what `body` writes.
    public mutating func member(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
        key(name)
        body(&self)
        needsComma = true
    }

    public mutating func member(_ name: StaticString, _ value: String) {
        key(name)
        quote(value)
        needsComma = true
    }

    public mutating func member(_ name: StaticString, _ value: Int64) {
        key(name)
        digits(value)
        needsComma = true
    }

    public mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        append(value ? "true" : "false")
        needsComma = true
    }

    public mutating func value(_ value: String) {
        separate()
        quote(value)
        needsComma = true
    }

    public mutating func value(_ value: Int64) {
        separate()
        digits(value)
        needsComma = true
    }

    public mutating func value(_ json: JSON) {
        switch json {
        case .null: raw("null")
        case .bool(let flag): raw(flag ? "true" : "false")
        case .integer(let number): value(number)
        case .number(let digits): raw(digits)
        case .string(let text): value(text)
        case .array(let elements):
            array { json in for element in elements { json.value(element) } }
        case .object(let members):
            object { json in
                for member in members {
                    json.separate()
                    json.quote(member.name)
                    json.bytes.append(UInt8(ascii: ":"))
                    json.needsComma = false
                    json.value(member.value)
                }
            }
        }
    }

    /// A value that is JSON text already.
    public mutating func raw(_ text: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: text)
        needsComma = true
    }

    private mutating func raw(_ text: String) { raw(text.utf8) }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func key(_ name: StaticString) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        append(name)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    private mutating func digits(_ value: Int64) { bytes.append(decimal: value) }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            // What needs an escape is rare: one look at all of it lets most texts through at once.
            var needsEscape: UInt8 = 0
            for byte in utf8 {
                needsEscape |=
                    (byte < 0x20 ? 1 : 0) | (byte == UInt8(ascii: "\"") ? 1 : 0)
                    | (byte == UInt8(ascii: "\\") ? 1 : 0)
            }
            guard needsEscape != 0 else { return bytes.append(contentsOf: utf8) }
            for byte in utf8 {
                switch byte {
                case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"): escape(byte)
                default: bytes.append(byte)
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x22, 0x5C: bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            append("u00")
            for nibble in [byte >> 4, byte & 0xF] {
                bytes.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
            }
        }
    }
}

extension JSON {
    /// The value as text without spaces.
    public var text: String {
        var json = JSONWriter()
        json.value(self)
        return json.text
    }
}
