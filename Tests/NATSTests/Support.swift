import NATS

/// The same numbers on every run (an LCG, Knuth's constants).
struct Numbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 32 | state << 32
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// What a parser made of a connection's bytes.
struct Reading: Hashable, CustomStringConvertible {
    var operations: [ClientOperation] = []
    var fault: ClientFault?

    var description: String { "\(operations), then \(fault.map { "\($0)" } ?? "no fault")" }

    init() {}

    init(_ pieces: [ArraySlice<UInt8>], _ limits: ClientParser.Limits = .init()) {
        var parser = ClientParser(limits: limits)
        do throws(ClientFault) {
            for piece in pieces {
                piece.withUnsafeBytes { parser.append($0) }
                while let operation = try parser.next() { operations.append(operation) }
            }
        } catch { fault = error }
    }

    /// What comes of the text in one piece, in every two pieces, and byte by byte.
    static func all(_ text: String, _ limits: ClientParser.Limits = .init()) -> Set<Reading> {
        let bytes = Array(text.utf8)[...]
        var readings: Set<Reading> = [Reading(bytes.map { [$0] }, limits)]
        for cut in 0...bytes.count {
            readings.insert(Reading([bytes.prefix(cut), bytes.dropFirst(cut)], limits))
        }
        return readings
    }
}

/// A client of a hub, without a socket between them.
final class Client {
    let hub: Hub
    let session: Session

    init(_ hub: Hub, _ id: UInt64, options: String? = #"{"verbose":false}"#) throws {
        self.hub = hub
        session = hub.open(id)
        session.output = []
        if let options { try send("CONNECT \(options)\r\n") }
    }

    /// - Throws: what ends the connection.
    func send(_ text: String) throws {
        var parser = ClientParser()
        Array(text.utf8).withUnsafeBytes { parser.append($0) }
        while let operation = try parser.next() { try hub.take(operation, from: session) }
    }

    func publish(_ subject: String, _ payload: String = "", reply: String? = nil) throws {
        let reply = reply.map { "\($0) " } ?? ""
        try send("PUB \(subject) \(reply)\(payload.utf8.count)\r\n\(payload)\r\n")
    }

    /// What it was sent since it was last asked.
    func heard() -> String {
        defer { session.output = [] }
        return String(decoding: session.output, as: UTF8.self)
    }
}

func makeHub(limits: ServerLimits = ServerLimits(), login: Login = .anybody) -> Hub {
    Hub(
        info: ServerInfo(id: "ID", name: "here", hasJetStream: false), limits: limits,
        login: login)
}

/// How many lines of the text begin so.
func count(_ start: String, in text: String) -> Int {
    text.split(separator: "\r\n").count { $0.hasPrefix(start) }
}
