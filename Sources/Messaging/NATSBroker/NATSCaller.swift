import EventSourcing
import Glibc
import NATS
import Net

/// A connection on which one thing is asked at a time.
final class NATSCaller {
    enum Refusal: Error {
        /// JetStream's number and text.
        case refused(Int64, String)
        case unreachable(String)
        /// Nobody listens there: no JetStream, or not yet, or the consumer is gone.
        case nobody

        func broker(_ what: String) -> BrokerError {
            switch self {
            case .refused(let number, let text):
                .unavailable("\(what): \(text) (JetStream's error \(number))")
            case .unreachable(let why): .unavailable(why)
            case .nobody: .unavailable("\(what): nobody answers; does the server have JetStream?")
            }
        }
    }

    let link: NATSLink
    private let patience: Duration
    private let inbox: String
    private var asked: UInt64 = 0
    /// What came that nobody has asked for: what is delivered to a consumer.
    var others: [ServerOperation.Delivery] = []

    init(_ link: NATSLink, _ patience: Duration, _ runtime: any Runtime) throws(NATSLinkError) {
        (self.link, self.patience) = (link, patience)
        let (one, other) = (runtime.random(), runtime.random())
        // Where others listen to the shop, its broker keeps these from them.
        inbox = "_KASSA.\(String(one, radix: 36))\(String(other, radix: 36))"
        try link.send(Array("SUB \(inbox).> 1\r\n".utf8), until: .now() + patience)
    }

    /// A subject whose answers come to this connection.
    func newInbox() -> String {
        asked += 1
        return "\(inbox).\(asked)"
    }

    func send(_ bytes: [UInt8]) throws(Refusal) {
        do throws(NATSLinkError) { try link.send(bytes, until: .now() + patience) } catch {
            throw .unreachable(error.description)
        }
    }

    /// The next message to this connection; nil where none comes in time.
    func next(until deadline: Moment) throws(Refusal) -> ServerOperation.Delivery? {
        while true {
            let operation: ServerOperation?
            do throws(NATSLinkError) { operation = try link.receive(until: deadline) } catch {
                throw .unreachable(error.description)
            }
            switch operation {
            case nil: return nil
            case .message(let delivery): return delivery
            case .error(let text): throw .unreachable(link.failure(text).description)
            case .info, .ping, .pong, .ok: continue
            }
        }
    }

    /// The answer that comes to an inbox.
    func answer(to inbox: String) throws(Refusal) -> ServerOperation.Delivery {
        let deadline = Moment.now() + patience
        while let delivery = try next(until: deadline) {
            guard delivery.subject == inbox else {
                others.append(delivery)
                continue
            }
            if delivery.status == 503 { throw .nobody }
            return delivery
        }
        throw .unreachable(link.failure("no answer for \(patience)").description)
    }

    /// Asks JetStream's API; a server that is busy or has just come up is asked again.
    func ask(_ operation: String, _ payload: [UInt8] = []) throws(Refusal) -> JSON {
        for _ in 0..<Self.attempts {
            do throws(Refusal) { return try askOnce(operation, payload) } catch {
                guard case .nobody = error else { throw error }
                usleep(50_000)
            }
        }
        throw .nobody
    }

    /// How often something is asked for that nobody answers, 50 ms apart.
    static let attempts = 20

    private func askOnce(_ operation: String, _ payload: [UInt8]) throws(Refusal) -> JSON {
        let inbox = newInbox()
        var bytes = Array("PUB $JS.API.\(operation) \(inbox) \(payload.count)\r\n".utf8)
        bytes += payload + [0x0D, 0x0A]
        try send(bytes)
        return try Self.read(try answer(to: inbox).payload)
    }

    /// - Throws: `refused` where the answer is an error.
    static func read(_ payload: [UInt8]) throws(Refusal) -> JSON {
        guard let json = try? JSON(parsing: payload) else {
            throw .unreachable("an answer of the server is no JSON")
        }
        if let error = json["error"] {
            throw .refused(
                error["err_code"]?.integer ?? error["code"]?.integer ?? 0,
                error["description"]?.string ?? "refused")
        }
        return json
    }
}
