import EventSourcing

/// A message that a client was sent.
struct Received: Hashable {
    let subject: String
    let sid: String
    let reply: String?
    /// The block as text; empty where there is none.
    let headers: String
    let payload: [UInt8]

    var text: String { String(decoding: payload, as: UTF8.self) }

    /// Of a message that only says how a request is: what it says first.
    var status: Int? {
        guard headers.hasPrefix("NATS/1.0 ") else { return nil }
        return Int(headers.dropFirst(9).prefix(3))
    }

    /// The parts of the subject that it is acknowledged to.
    private func place(_ index: Int) -> Int? {
        guard let tokens = reply?.split(separator: "."), tokens.count == 9 else { return nil }
        return Int(tokens[index])
    }
    /// How often it has come, with this time.
    var attempt: Int? { place(4) }
    /// Its place in the stream.
    var sequence: Int? { place(5) }
    /// Of the consumer's deliveries its number.
    var delivery: Int? { place(6) }
    /// How many come after it.
    var rest: Int? { place(8) }

    func header(_ name: String) -> String? {
        for line in headers.split(separator: "\r\n") where line.hasPrefix("\(name): ") {
            return String(line.dropFirst(name.count + 2))
        }
        return nil
    }

    struct Malformed: Error { let text: String }

    /// Takes a connection's bytes apart.
    static func all(in bytes: [UInt8]) throws -> [Received] {
        var rest = bytes[...]
        var found: [Received] = []
        while !rest.isEmpty {
            guard let end = rest.firstIndex(of: 0x0A) else {
                throw Malformed(text: "no line's end")
            }
            let line = String(decoding: rest[..<end].dropLast(), as: UTF8.self)
            rest = rest[(end + 1)...]
            let words = line.split(separator: " ").map(String.init)
            guard let kind = words.first, kind == "MSG" || kind == "HMSG" else {
                guard ["INFO", "+OK", "PONG"].contains(words.first) else {
                    throw Malformed(text: line)
                }
                continue
            }
            let numbers = kind == "MSG" ? 1 : 2
            guard let size = words.last.flatMap({ Int($0) }), rest.count >= size + 2,
                words.count == 3 + numbers || words.count == 4 + numbers
            else { throw Malformed(text: line) }
            let headers = numbers == 2 ? Int(words[words.count - 2]) ?? 0 : 0
            let body = rest.prefix(size)
            found.append(
                Received(
                    subject: words[1], sid: words[2],
                    reply: words.count == 4 + numbers ? words[3] : nil,
                    headers: String(decoding: body.prefix(headers), as: UTF8.self),
                    payload: Array(body.dropFirst(headers))))
            rest = rest.dropFirst(size + 2)
        }
        return found
    }
}
