import Glibc

/// Cuts a client's bytes into operations, however they arrive. No byte is looked at twice but for
/// those of a control line that is not whole.
package struct ClientParser: Sendable {
    package struct Limits: Sendable {
        /// Of a control line, without its end.
        package var controlLine = 4096
        /// Of headers and payload together.
        package var payload = 1024 * 1024

        package init() {}
    }

    /// A publish whose payload has not come in full.
    private struct Head: Sendable {
        let subject: String
        let reply: String?
        let headerBytes: Int
        let bytes: Int
    }

    private let limits: Limits
    private var buffer: [UInt8] = []
    private var start = 0
    /// Where the search for a line's end goes on.
    private var searched = 0
    private var head: Head?

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// How many bytes are held that no operation was made of yet.
    package var heldBytes: Int { buffer.count - start }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 256 * 1024)
            (start, searched) = (0, 0)
        } else if start > 64 * 1024 {
            buffer.removeFirst(start)
            (start, searched) = (0, searched - start)
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next operation; nil where it has not come in full.
    ///
    /// - Throws: what ends the connection. Nothing can be read after it.
    package mutating func next() throws(ClientFault) -> ClientOperation? {
        while head == nil {
            guard let line = try takeLine() else { return nil }
            // nats-server passes over empty lines.
            guard !line.isEmpty else { continue }
            if let operation = try read(line) { return operation }
        }
        return try takePayload()
    }

    private mutating func takeLine() throws(ClientFault) -> Range<Int>? {
        let end = buffer.withUnsafeBufferPointer { bytes -> Int? in
            guard let base = bytes.baseAddress, searched < bytes.count else { return nil }
            return memchr(base + searched, 0x0A, bytes.count - searched)
                .map { UnsafeRawPointer($0) - UnsafeRawPointer(base) }
        }
        guard let end else {
            searched = buffer.count
            // Whoever speaks something else may never end a line.
            guard mayBecomeOperation(before: buffer.count) else { throw .unknownOperation }
            if heldBytes > limits.controlLine + 1 { throw .controlLine }
            return nil
        }
        let last = end > start && buffer[end - 1] == 0x0D ? end - 1 : end
        let line = start..<last
        guard line.count <= limits.controlLine else {
            throw mayBecomeOperation(before: end) ? .controlLine : .unknownOperation
        }
        start = end + 1
        searched = start
        return line
    }

    /// Whether the line that begins here can be one of ours. Of one that is too long the first
    /// bytes decide alone, so that the same is said of it in whatever pieces it comes.
    private func mayBecomeOperation(before end: Int) -> Bool {
        Words(buffer, start..<min(end, start + limits.controlLine + 2)).mayBecomeOperation
    }

    /// - Returns: nil where a payload follows.
    private mutating func read(_ line: Range<Int>) throws(ClientFault) -> ClientOperation? {
        var words = Words(buffer, line)
        guard let name = words.next() else { throw .unknownOperation }
        switch words.name(name) {
        case .ping: return .ping
        case .pong: return .pong
        case .connect: return .connect(Array(words.rest))
        case .publish: head = try publish(&words, hasHeaders: false)
        case .publishWithHeaders: head = try publish(&words, hasHeaders: true)
        case .subscribe:
            let found = words.all(atMost: 3)
            guard found.count == 2 || found.count == 3 else {
                throw .silent("SUB: wrong arguments")
            }
            return .subscribe(
                subject: words.text(found[0]), queue: found.count == 3 ? words.text(found[1]) : nil,
                sid: words.text(found[found.count - 1]))
        case .unsubscribe:
            let found = words.all(atMost: 2)
            guard found.count == 1 || found.count == 2 else {
                throw .silent("UNSUB: wrong arguments")
            }
            var most: UInt64?
            if found.count == 2 {
                guard let number = words.number(found[1]) else {
                    throw .silent("UNSUB: no number")
                }
                // None, or nothing more: both mean at once.
                most = number == 0 ? nil : UInt64(number)
            }
            return .unsubscribe(sid: words.text(found[0]), max: most)
        case nil: throw .unknownOperation
        }
        return nil
    }

    private func publish(_ words: inout Words, hasHeaders: Bool) throws(ClientFault) -> Head {
        let found = words.all(atMost: 4)
        let fixed = hasHeaders ? 3 : 2
        guard found.count == fixed || found.count == fixed + 1,
            let bytes = words.number(found[found.count - 1])
        else { throw .silent("PUB: wrong arguments") }
        var headerBytes = 0
        if hasHeaders {
            guard let number = words.number(found[found.count - 2]), number <= bytes else {
                throw .silent("HPUB: wrong sizes")
            }
            headerBytes = number
        }
        guard bytes <= limits.payload else { throw .payload }
        return Head(
            subject: words.text(found[0]),
            reply: found.count == fixed + 1 ? words.text(found[1]) : nil,
            headerBytes: headerBytes, bytes: bytes)
    }

    private mutating func takePayload() throws(ClientFault) -> ClientOperation? {
        guard let head, heldBytes >= head.bytes + 2 else { return nil }
        let end = start + head.bytes
        guard buffer[end] == 0x0D, buffer[end + 1] == 0x0A else { throw .unknownOperation }
        let split = start + head.headerBytes
        let operation = ClientOperation.publish(
            ClientOperation.Publish(
                subject: head.subject, reply: head.reply, headers: Array(buffer[start..<split]),
                payload: Array(buffer[split..<end])))
        start = end + 2
        searched = start
        self.head = nil
        return operation
    }
}

/// The words of a control line: runs without space and tab.
private struct Words {
    enum Name { case connect, ping, pong, publish, publishWithHeaders, subscribe, unsubscribe }

    private let bytes: [UInt8]
    private var at: Int
    private let end: Int

    init(_ bytes: [UInt8], _ line: Range<Int>) {
        self.bytes = bytes
        at = line.lowerBound
        end = line.upperBound
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static let names = ["CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "PING", "PONG"]
        .map { Array($0.utf8) }

    /// Whether what a line begins with can be one of ours.
    var mayBecomeOperation: Bool {
        var words = self
        guard let word = words.next() else { return true }
        guard word.upperBound == end else { return words.name(word) != nil }
        // A line's end may come in two parts.
        let name = bytes[word.upperBound - 1] == 0x0D ? word.dropLast() : word
        if name.isEmpty { return true }
        if name.count < word.count { return words.name(name) != nil }
        let letters = bytes[name].map { $0 & 0xDF }
        return bytes[name].allSatisfy { (0x41...0x5A).contains($0 & 0xDF) }
            && Self.names.contains { $0.starts(with: letters) }
    }

    mutating func next() -> Range<Int>? {
        while at < end, Self.isSpace(bytes[at]) { at += 1 }
        let first = at
        while at < end, !Self.isSpace(bytes[at]) { at += 1 }
        return first < at ? first..<at : nil
    }

    /// All that follow; one more than `limit` shows that there are too many.
    mutating func all(atMost limit: Int) -> [Range<Int>] {
        var found: [Range<Int>] = []
        found.reserveCapacity(limit + 1)
        while found.count <= limit, let word = next() { found.append(word) }
        return found
    }

    var rest: ArraySlice<UInt8> {
        var first = at
        while first < end, Self.isSpace(bytes[first]) { first += 1 }
        return bytes[first..<end]
    }

    func text(_ word: Range<Int>) -> String { String(decoding: bytes[word], as: UTF8.self) }

    /// Up to nine digits and nothing else.
    func number(_ word: Range<Int>) -> Int? {
        guard (1...9).contains(word.count) else { return nil }
        var number = 0
        for byte in bytes[word] {
            guard (0x30...0x39).contains(byte) else { return nil }
            number = number * 10 + Int(byte - 0x30)
        }
        return number
    }

    func name(_ word: Range<Int>) -> Name? {
        // Letters alone: what is masked below must not make one of anything else.
        guard word.count <= 7, bytes[word].allSatisfy({ (0x41...0x5A).contains($0 & 0xDF) }) else {
            return nil
        }
        var packed: UInt64 = 0
        for byte in bytes[word] { packed = packed << 8 | UInt64(byte & 0xDF) }
        switch packed {
        case 0x50_5542: return .publish
        case 0x4850_5542: return .publishWithHeaders
        case 0x53_5542: return .subscribe
        case 0x55_4E53_5542: return .unsubscribe
        case 0x5049_4E47: return .ping
        case 0x504F_4E47: return .pong
        case 0x43_4F4E_4E45_4354: return .connect
        default: return nil
        }
    }
}
