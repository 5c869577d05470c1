import Messaging
import NATS
import Net

/// A client of the broker: however its bytes are cut, the same operations and the same fault come
/// of them, within the limits; and whatever it asks of the server and of its streams, what is
/// answered are whole operations, and nothing traps.
///
/// Input: a byte whose lowest bit asks for small limits; the sizes of the pieces; the connection's
/// bytes.
enum NATSCheck {
    private struct Outcome: Equatable {
        var operations: [ClientOperation] = []
        var fault: ClientFault?
    }

    static func run(_ bytes: [UInt8]) throws(Broken) {
        var input = FuzzInput(bytes)
        var limits = ClientParser.Limits()
        if input.byte() & 1 == 1 { (limits.controlLine, limits.payload) = (48, 24) }
        let sizes = input.sizes()
        let stream = input.rest()
        let whole = try read([stream[...]], limits)
        let cut = try read(pieces(stream, sizes), limits)
        try expect(whole == cut, "in one piece: \(whole), in pieces: \(cut)")
        try serve(whole.operations)
    }

    private static func read(
        _ pieces: [ArraySlice<UInt8>], _ limits: ClientParser.Limits
    ) throws(Broken) -> Outcome {
        var parser = ClientParser(limits: limits)
        var outcome = Outcome()
        for piece in pieces {
            piece.withUnsafeBytes { parser.append($0) }
            do throws(ClientFault) {
                while let operation = try parser.next() { outcome.operations.append(operation) }
            } catch {
                outcome.fault = error
                return outcome
            }
            try expect(
                parser.heldBytes <= limits.controlLine + limits.payload + 4,
                "\(parser.heldBytes) bytes are held")
        }
        for operation in outcome.operations {
            guard case .publish(let message) = operation else { continue }
            try expect(
                message.headers.count + message.payload.count <= limits.payload,
                "\(message) is beyond the limit")
        }
        return outcome
    }

    /// Has a server with streams carry the operations out.
    private static func serve(_ operations: [ClientOperation]) throws(Broken) {
        let folder = try Folder()
        let broker: SegmentBroker
        do throws(BrokerError) {
            broker = try SegmentBroker(folder: folder.path, runtime: StillRuntime())
        } catch { throw Broken("no broker: \(error)") }
        let hub = Hub(info: ServerInfo(id: "F", name: "fuzz", hasJetStream: true))
        let streams = JetStream(broker, hub, wakeUp: {}, notices: { _ in })
        hub.attach([streams])
        let session = hub.open(1)
        // Whoever does not know how a stream is made finds one.
        let made = ClientOperation.publish(
            .init(
                subject: "$JS.API.STREAM.CREATE.S", reply: "r", headers: [],
                payload: Array(#"{"name":"S","subjects":["a.>","b"]}"#.utf8)))
        let greeting = ClientOperation.connect(Array(#"{"verbose":false,"headers":true}"#.utf8))
        do throws(ClientFault) {
            for operation in [greeting, made] + operations where !session.isEnding {
                try hub.take(operation, from: session)
            }
        } catch { session.isEnding = true }
        _ = streams.work(at: .now())
        hub.close(1)
        _ = streams.work(at: .now())
        try checkAnswers(session.output)
    }

    /// Each is a line, and where it says so a payload of that size with its line's end.
    private static func checkAnswers(_ bytes: [UInt8]) throws(Broken) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let end = rest.firstIndex(of: 0x0A), end > rest.startIndex,
                rest[end - 1] == 0x0D
            else { throw Broken("an answer without an end: \(rest.prefix(80))") }
            let words = rest[..<(end - 1)].split(separator: 0x20)
                .map { String(decoding: $0, as: UTF8.self) }
            rest = rest[(end + 1)...]
            switch words.first {
            case "INFO", "+OK", "PONG", "PING", "-ERR": continue
            case "MSG", "HMSG":
                guard let size = words.last.flatMap({ Int($0) }), rest.count >= size + 2,
                    rest.dropFirst(size).prefix(2).elementsEqual([0x0D, 0x0A])
                else { throw Broken("\(words) has another payload") }
                rest = rest.dropFirst(size + 2)
            default: throw Broken("\(words) is no answer")
            }
        }
    }
}
