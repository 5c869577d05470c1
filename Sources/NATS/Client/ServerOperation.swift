import Glibc

/// What a server sends to a client.
package enum ServerOperation: Hashable, Sendable {
    /// One JSON object, not read yet.
    case info([UInt8])
    case message(Delivery)
    case ping
    case pong
    case ok
    case error(String)

    package struct Delivery: Hashable, Sendable {
        package let subject: String
        package let sid: String
        package let reply: String?
        /// A header block; empty for a message without.
        package let headers: [UInt8]
        package let payload: [UInt8]

        /// The status of a message that says something about a request, such as 404; nil for one
        /// that somebody published.
        package var status: Int? {
            let prefix = "NATS/1.0 "
            guard headers.count > 12, headers.starts(with: prefix.utf8) else { return nil }
            return Int(String(decoding: headers[9..<12], as: UTF8.self))
        }
    }
}

/// The server sent what is no operation: nothing can be read after it.
package struct ServerFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// Cuts a server's bytes into operations, however they arrive.
package struct ServerParser: Sendable {
    /// Of a control line; of headers and payload together.
    private static let mostLine = 64 * 1024
    private static let mostPayload = 64 * 1024 * 1024

    private struct Head: Sendable {
        let subject: String
        let sid: String
        let reply: String?
        let headerBytes: Int
        let bytes: Int
    }

    private var buffer: [UInt8] = []
    private var start = 0
    private var searched = 0
    private var head: Head?

    package init() {}

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 20)
            (start, searched) = (0, 0)
        } else if start > 256 * 1024 {
            buffer.removeFirst(start)
            (start, searched) = (0, searched - start)
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next operation; nil where it has not come in full.
    package mutating func next() throws(ServerFault) -> ServerOperation? {
        while head == nil {
            guard let line = try takeLine() else { return nil }
            guard !line.isEmpty else { continue }
            if let operation = try read(line) { return operation }
        }
        guard let head, buffer.count - start >= head.bytes + 2 else { return nil }
        let (split, end) = (start + head.headerBytes, start + head.bytes)
        guard buffer[end] == 0x0D, buffer[end + 1] == 0x0A else {
            throw ServerFault(description: "a payload without its end")
        }
        let delivery = ServerOperation.Delivery(
            subject: head.subject, sid: head.sid, reply: head.reply,
            headers: Array(buffer[start..<split]), payload: Array(buffer[split..<end]))
        start = end + 2
        searched = start
        self.head = nil
        return .message(delivery)
    }

    private mutating func takeLine() throws(ServerFault) -> Range<Int>? {
        let end = buffer.withUnsafeBufferPointer { bytes -> Int? in
            guard let base = bytes.baseAddress, searched < bytes.count else { return nil }
            return memchr(base + searched, 0x0A, bytes.count - searched)
                .map { UnsafeRawPointer($0) - UnsafeRawPointer(base) }
        }
        guard let end else {
            searched = buffer.count
            guard buffer.count - start <= Self.mostLine else {
                throw ServerFault(description: "a line of over \(Self.mostLine) bytes")
            }
            return nil
        }
        let line = start..<(end > start && buffer[end - 1] == 0x0D ? end - 1 : end)
        start = end + 1
        searched = start
        return line
    }

    /// - Returns: nil where a payload follows.
    private mutating func read(_ line: Range<Int>) throws(ServerFault) -> ServerOperation? {
        let words = Words(buffer, line)
        guard let name = words.first.map({ buffer[$0] }) else { return nil }
        switch name.count {
        case 3 where name.elementsEqual("MSG".utf8):
            head = try head(words, hasHeaders: false)
        case 4 where name.elementsEqual("HMSG".utf8):
            head = try head(words, hasHeaders: true)
        case 3 where name.elementsEqual("+OK".utf8): return .ok
        case 4 where name.elementsEqual("PING".utf8): return .ping
        case 4 where name.elementsEqual("PONG".utf8): return .pong
        case 4 where name.elementsEqual("INFO".utf8):
            return .info(Array(buffer[(line.lowerBound + 4)..<line.upperBound]))
        case 4 where name.elementsEqual("-ERR".utf8):
            let text = buffer[(line.lowerBound + 4)..<line.upperBound]
            return .error(
                String(decoding: text, as: UTF8.self).filter { $0 != "'" }
                    .drop { $0 == " " }.description)
        default:
            let text = String(decoding: buffer[line].prefix(64), as: UTF8.self)
            throw ServerFault(description: "what it said is no NATS: \(text)")
        }
        return nil
    }

    private func head(_ words: Words, hasHeaders: Bool) throws(ServerFault) -> Head {
        let fixed = hasHeaders ? 5 : 4
        guard words.count == fixed || words.count == fixed + 1,
            let bytes = Self.number(buffer[words[words.count - 1]]), bytes <= Self.mostPayload,
            let headerBytes = hasHeaders ? Self.number(buffer[words[words.count - 2]]) : 0,
            headerBytes <= bytes
        else { throw ServerFault(description: "a message's line that cannot be read") }
        func text(_ word: Range<Int>) -> String { String(decoding: buffer[word], as: UTF8.self) }
        return Head(
            subject: text(words[1]), sid: text(words[2]),
            reply: words.count == fixed + 1 ? text(words[3]) : nil, headerBytes: headerBytes,
            bytes: bytes)
    }

    /// Where the words of a line are: six at most, of which the last has the rest of the line.
    private struct Words {
        private static let most = 6
        private var ranges = InlineArray<6, Range<Int>>(repeating: 0..<0)
        private(set) var count = 0

        init(_ bytes: [UInt8], _ line: Range<Int>) {
            var at = line.lowerBound
            while count < Self.most {
                while at < line.upperBound, bytes[at] == 0x20 { at += 1 }
                guard at < line.upperBound else { return }
                let first = at
                if count == Self.most - 1 {
                    at = line.upperBound
                } else {
                    while at < line.upperBound, bytes[at] != 0x20 { at += 1 }
                }
                ranges[count] = first..<at
                count += 1
            }
        }

        var first: Range<Int>? { count > 0 ? ranges[0] : nil }
        subscript(index: Int) -> Range<Int> { ranges[index] }
    }

    private static func number(_ word: ArraySlice<UInt8>) -> Int? {
        guard (1...9).contains(word.count) else { return nil }
        var number = 0
        for byte in word {
            guard (0x30...0x39).contains(byte) else { return nil }
            number = number * 10 + Int(byte - 0x30)
        }
        return number
    }
}
