import Domain
import EventSourcing
import EventStore
import Gateway
import HTTP
import Messaging
import Notifications

/// The services as the gateway sees them where they run in other processes.
struct RemoteServices: OrdersClient, StockClient {
    let peers: Peers

    func place(
        _ order: OrderID, _ draft: Order.Draft, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        send(InnerCommand(.place(order, draft), context), reply)
    }

    func cancel(
        _ order: OrderID, reason: String, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        send(InnerCommand(.cancel(order, reason: reason), context), reply)
    }

    func receive(
        _ sku: SKU, quantity: Int, reference: String?, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        send(
            InnerCommand(.receive(sku, quantity: quantity, reference: reference), context), reply)
    }

    func send(
        _ command: InnerCommand, _ reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let call = Peers.Call(
            part: command.part, key: command.partitionKey, method: .post, target: "/commands",
            body: command.bytes, isIdempotent: command.isIdempotent)
        peers.send(call) { reply(CommandOutcome($0)) }
    }
}

extension CommandOutcome {
    fileprivate init(_ result: Result<HTTPResponse, Peers.Failure>) {
        switch result {
        case .success(let response) where response.status == 200:
            do throws(JSONError) { self = try CommandOutcome(response.body) } catch {
                self = .unknown("the service's answer cannot be read: \(error)")
            }
        case .success(let response):
            let why = "the service answered \(response.status)"
            // What it could not read it did not do.
            self = response.status.code < 500 ? .unavailable(why) : .unknown(why)
        case .failure(.unavailable(let why)): self = .unavailable(why)
        case .failure(.unknown(let why)): self = .unknown(why)
        }
    }
}

/// The feed of a log that another process owns.
final class RemoteFeed: Feed {
    private let part: ShopPart
    private let peers: Peers

    init(of part: ShopPart, _ peers: Peers) { (self.part, self.peers) = (part, peers) }

    func read(_ channel: String, after position: Position, limit: Int) throws(FeedError)
        -> FeedPage
    {
        let body = try ask(.get, "/feed/\(channel)?after=\(position)&limit=\(limit)")
        do throws(MalformedMessage) { return try FeedPage(body) } catch {
            throw .unavailable("\(part): \(error)")
        }
    }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        var json = JSONWriter(reserving: 400)
        checkpoint.encode(to: &json)
        let body = try ask(.post, "/check", json.bytes)
        do throws(JSONError) { return try CheckpointVerdict(body) } catch {
            throw .unavailable("\(part): \(error)")
        }
    }

    private func ask(_ method: HTTPMethod, _ target: String, _ body: [UInt8] = [])
        throws(FeedError) -> [UInt8]
    {
        do throws(Peers.Failure) { return try peers.body(part, method, target, body) } catch {
            throw .unavailable(error.description)
        }
    }
}

/// The orders service's keys where it runs in another process.
struct RemoteKeys: KeyRing {
    let peers: Peers

    func keys(of owners: Set<String>) throws -> [String: SealingKey] {
        var json = JSONWriter(reserving: 80 * owners.count + 20)
        json.object { json in
            json.member("owners") { json in
                json.array { json in for owner in owners.sorted() { json.value(owner) } }
            }
        }
        return try SealingKey.keys(in: try peers.body(.orders, .post, "/keys", json.bytes))
    }
}

extension Peers {
    /// The body of an answer that is 200; waits for it.
    func body(
        _ part: ShopPart, _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [],
        within: Duration = .seconds(5)
    ) throws(Failure) -> [UInt8] {
        let response = try ask(
            Call(part: part, method: method, target: target, body: body, within: within))
        guard response.status == 200 else {
            let text = String(decoding: response.body.prefix(200), as: UTF8.self)
            throw .unavailable("\(part) answered \(response.status): \(text)")
        }
        return response.body
    }
}
