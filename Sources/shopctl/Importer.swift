import EventSourcing
import Glibc
import HTTP
import Import
import Synchronization

/// Brings the orders of a file into a shop: the goods first, then the orders, then their ends.
///
/// Each request may be repeated, and so may the whole import: receipts carry a reference made of
/// the file's content, orders their invoice's number.
final class Importer: Sendable {
    /// What became of it.
    struct Tally: Sendable {
        /// The SKUs whose goods came in now, and those whose had before.
        var received = 0
        var receivedBefore = 0
        var placed = 0
        var thereAlready = 0
        var refused = 0
        /// The first refusals, by invoice.
        var refusals: [(reference: String, reason: String)] = []
        /// Of the orders that are in the shop, by this import or an earlier one.
        var lines = 0
        var units = 0
        /// Nil where it is beyond 64 bits.
        var pence: Int64? = 0
        /// How the orders ended.
        var statuses: [String: Int] = [:]
        fileprivate var orders: [String] = []
        fileprivate var followed = 0
        fileprivate var lastEnd = ContinuousClock.now
    }

    static let maximumRefusals = 20
    /// How long all orders together may stand still before nobody waits any longer.
    private static let patience = Duration.seconds(60)

    private let client: PatientClient
    private let threads: Int
    private let progress: ImportProgress
    private let state = Mutex(Tally())

    init(_ client: GatewayClient, threads: Int, progress: ImportProgress) {
        self.client = PatientClient(client: client)
        self.threads = threads
        self.progress = progress
    }

    var tally: Tally { state.withLock { $0 } }

    /// - Throws: where no shop answers at once: nothing was sent yet that is worth waiting for.
    func check() throws {
        let answer = try client.client.exchange(.get, "/livez")
        let json = try? JSON(parsing: answer.body)
        guard answer.status.code == 200, json?["status"]?.string == "alive" else {
            throw CommandFailure(
                "\(client.client.url) answers, but not as a shop; give the URL that shopctl up says"
            )
        }
    }

    /// One receipt for each SKU.
    func receive(_ goods: [(sku: String, quantity: Int)], reference: String) throws {
        progress.begin("goods   ", of: goods.count)
        let next = Atomic(0)
        try SharedWork.run(threads: threads) { [self] work in
            let index = next.add(1, ordering: .relaxed).oldValue
            guard index < goods.count else { return false }
            try receive(goods[index].sku, goods[index].quantity, reference, work)
            progress.advance()
            return true
        }
    }

    private func receive(
        _ sku: String, _ quantity: Int, _ reference: String, _ work: SharedWork
    ) throws {
        var body = JSONWriter(reserving: 100)
        body.object { body in
            body.member("quantity", Int64(quantity))
            body.member("reference", reference)
        }
        let answer = try client.send(
            .post, "/v1/stock/\(percentEncoded(sku))/receipts", body: body.bytes,
            headers: ["Idempotency-Key": "\(reference)/\(sku)"], unless: { work.hasFailed })
        guard answer.status.code == 200 || answer.status.code == 201 else {
            throw CommandFailure(
                "the goods of \(sku) are refused: \(Self.reason(answer)); no order was placed")
        }
        let isRepeat = Self.isReplayed(answer)
        state.withLock { if isRepeat { $0.receivedBefore += 1 } else { $0.received += 1 } }
    }

    /// Places the orders as they come out of the file.
    func place(_ source: sending ImportSource, count: Int) throws {
        progress.begin("orders  ", of: count)
        let source = Mutex(source)
        try SharedWork.run(threads: threads) { [self] work in
            guard let order = try source.withLock({ try $0.next() }) else { return false }
            try place(order, work)
            progress.advance()
            return true
        }
    }

    private func place(_ order: ImportedOrder, _ work: SharedWork) throws {
        let answer = try client.send(
            .post, "/v1/orders", body: order.body.bytes,
            headers: ["Idempotency-Key": "import/\(order.reference)"], unless: { work.hasFailed })
        let json = try? JSON(parsing: answer.body)
        let isNew: Bool
        let id: String?
        switch (answer.status.code, json?["code"]?.string) {
        case (201, _):
            isNew = !Self.isReplayed(answer)
            id = json?["id"]?.string
        case (409, "reference-taken"):
            isNew = false
            let path = json?["conflicting"]?.string?.utf8.split(separator: UInt8(ascii: "/"))
            id = path?.last.map { String(decoding: $0, as: UTF8.self) }
        default:
            isNew = false
            id = nil
        }
        state.withLock { tally in
            guard let id else {
                tally.refused += 1
                if tally.refusals.count < Self.maximumRefusals {
                    tally.refusals.append((order.reference, Self.reason(answer)))
                }
                return
            }
            if isNew { tally.placed += 1 } else { tally.thereAlready += 1 }
            tally.lines += order.lines.count
            tally.units += order.units
            tally.pence = sum(tally.pence, order.pence)
            tally.orders.append(id)
        }
    }

    /// Waits until every order has come to its end, and counts how.
    ///
    /// - Throws: where none has for a minute.
    func follow() throws {
        let orders = state.withLock { tally in
            tally.lastEnd = .now
            return tally.orders
        }
        progress.begin("ends    ", of: orders.count)
        let next = Atomic(0)
        try SharedWork.run(threads: threads) { [self] work in
            let index = next.add(1, ordering: .relaxed).oldValue
            guard index < orders.count else { return false }
            let status = try end(of: orders[index], work)
            state.withLock { tally in
                tally.statuses[status, default: 0] += 1
                tally.followed += 1
                tally.lastEnd = .now
            }
            progress.advance()
            return true
        }
    }

    private func end(of id: String, _ work: SharedWork) throws -> String {
        var pause = Duration.milliseconds(10)
        while true {
            let answer = try client.send(
                .get, "/v1/orders/\(percentEncoded(id))", unless: { work.hasFailed })
            // Not found: the rows have not read so far yet.
            guard answer.status.code == 200 || answer.status.code == 404 else {
                throw CommandFailure("order \(id) cannot be read: \(Self.reason(answer))")
            }
            let status = (try? JSON(parsing: answer.body))?["status"]?.string ?? ""
            if OrderWatch.ends.contains(status) { return status }
            let (followed, count, lastEnd) = state.withLock {
                ($0.followed, $0.orders.count, $0.lastEnd)
            }
            guard !work.hasFailed, ContinuousClock.now - lastEnd < Self.patience else {
                throw CommandFailure(
                    "all orders are placed, and \(count - followed) of \(count) have not come to "
                        + "their end, none for \(Self.patience.components.seconds) s; order \(id) "
                        + "is one: see it with shopctl order get")
            }
            usleep(UInt32(pause / .microseconds(1)))
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    private static func isReplayed(_ answer: HTTPResponse) -> Bool {
        answer.headers["Idempotent-Replayed"] == "true"
    }

    private static func reason(_ answer: HTTPResponse) -> String {
        guard let json = try? JSON(parsing: answer.body) else {
            return "status \(answer.status.code), without JSON"
        }
        return GatewayClient.problem(json, answer.status.code)
    }
}
