import Glibc

/// Header blocks as they come and go on the wire.
enum WireHeaders {
    /// Adds lines to the end of a block, or makes one. No value has a line's end in it.
    static func adding(_ lines: [(String, String)], to block: [UInt8]) -> [UInt8] {
        var bytes = block.isEmpty ? Array("NATS/1.0\r\n".utf8) : Array(block.dropLast(2))
        for (name, value) in lines { bytes += Array("\(name): \(value)\r\n".utf8) }
        return bytes + [0x0D, 0x0A]
    }

    /// The value of a line of that name; nil where there is none.
    static func value(_ name: StaticString, in block: [UInt8]) -> String? {
        let found = try? HeaderBlock.read(block) { $0.text(name) }
        return found ?? nil
    }

    /// Whether the bytes of a text are in the block.
    static func contain(_ text: StaticString, _ block: [UInt8]) -> Bool {
        text.withUTF8Buffer { text in
            block.withUnsafeBufferPointer { block in
                guard let base = block.baseAddress, let wanted = text.baseAddress else {
                    return false
                }
                var at = 0
                while block.count - at >= text.count {
                    guard
                        let found = memchr(
                            base + at, Int32(text[0]), block.count - at - text.count + 1)
                    else { return false }
                    if memcmp(found, wanted, text.count) == 0 { return true }
                    at = UnsafeRawPointer(found) - UnsafeRawPointer(base) + 1
                }
                return false
            }
        }
    }
}

/// What a publisher says about what it publishes, in headers of its message.
struct PublishExpectations {
    var id = ""
    var stream: String?
    var lastSequence: UInt64?
    var lastOfSubject: UInt64?
    var lastID: String?

    /// Nil where a number is none. A block that cannot be read says nothing.
    init?(_ headers: [UInt8]) {
        guard WireHeaders.contain("Nats-", headers) else { return }
        var isWhole = true
        // Nothing but what is found matters: others may put into their headers what they like.
        let found = try? HeaderBlock.read(headers, beginning: "Nats-") {
            (block) -> PublishExpectations in
            var found = PublishExpectations()
            func number(_ name: StaticString) -> UInt64? {
                guard let text = block.text(name) else { return nil }
                guard let number = UInt64(text) else {
                    isWhole = false
                    return nil
                }
                return number
            }
            found.id = block.text("Nats-Msg-Id") ?? ""
            found.stream = block.text("Nats-Expected-Stream")
            found.lastID = block.text("Nats-Expected-Last-Msg-Id")
            found.lastSequence = number("Nats-Expected-Last-Sequence")
            found.lastOfSubject = number("Nats-Expected-Last-Subject-Sequence")
            return found
        }
        guard isWhole else { return nil }
        if let found { self = found }
    }

    private init() {}
}
