import Domain
import EventSourcing
import EventStore
import Foundation
import Glibc
import HTTP
import Messaging
import Telemetry

/// The shop that is driven: one that was started for it in this process, or one that runs
/// elsewhere.
final class BenchedShop {
    enum Failure: Error, CustomStringConvertible {
        case refused(String)
        case standsStill(open: Int, seconds: Int)

        var description: String {
            switch self {
            case .refused(let why): why
            case .standsStill(let open, let seconds):
                "\(open) orders are open, and none was completed for \(seconds) seconds"
            }
        }
    }

    /// What the logs hold, and what has not come to its end.
    struct Standing {
        var heads: [String: Int64] = [:]
        var openCheckouts = 0
        /// Answers with 503 since the gateway began, by reason.
        var unavailable: [String: Int] = [:]
        /// By how they ended, what the rows have seen end since the gateway began.
        var ended: [String: Int] = [:]
        /// Events that the rows lack.
        var behind: Int64 = 0
        var events: Int64 { heads.values.reduce(0, +) }
        func head(_ log: LogName) -> Position { Position(heads[log.value] ?? 0) }
    }

    private static let patience = 120

    private let host: String
    private let port: UInt16
    /// The folder of the one in this process.
    let data: String?
    private let shop: Shop?
    private let client: HTTPClient

    /// Starts a shop in this process.
    ///
    /// - Parameters:
    ///   - data: its folder.
    ///   - tracing: who is told of its spans.
    init(data: String, tracing: TracingSettings? = nil) throws {
        var settings = Shop.Settings(data: data)
        settings.port = 0
        settings.tracing = tracing
        let shop = try Shop.start(settings)
        (self.shop, self.data) = (shop, data)
        (host, port) = ("127.0.0.1", shop.port)
        client = Self.client(host, port)
    }

    /// Takes one that runs.
    ///
    /// - Throws: where none answers.
    init(host: String, port: UInt16) throws {
        (shop, data) = (nil, nil)
        (self.host, self.port) = (host, port)
        client = Self.client(host, port)
        _ = try standing()
    }

    /// Takes one that was started for it.
    convenience init(of process: ShopProcess) throws {
        try self.init(host: "127.0.0.1", port: process.port)
    }

    /// The same shop, seen from another thread.
    func observer() throws -> BenchedShop { try BenchedShop(host: host, port: port) }

    private static func client(_ host: String, _ port: UInt16) -> HTTPClient {
        HTTPClient(host: host, port: port, options: options)
    }

    private static var options: HTTPClient.Options {
        var options = HTTPClient.Options()
        options.hint = "start the shop with shopctl up"
        // A page of a thousand events.
        options.message.body = 64 * 1024 * 1024
        return options
    }

    func driver(connections: Int) throws(HTTPClientError) -> LoadDriver {
        try LoadDriver(host: host, port: port, connections: connections, options: Self.options)
    }

    /// What became of the spans of the one in this process; nil where it tells none.
    var spans: SpanCounts? { shop?.spans }

    /// Closes the one in this process.
    func stop() { shop?.stop() }

    /// What the databases of the one in this process take, by their files' endings.
    func bytes(suffixes: [String]) -> Int64 {
        guard let data else { return 0 }
        return (EventListing.services + ["gateway"]).reduce(0) {
            $0 + BenchFolder.bytes(in: "\(data)/\($1)", suffixes: suffixes)
        }
    }

    /// Orders for customers of whom there are a thousand, each as one whole request.
    func requests(lines: Int) -> [[UInt8]] {
        (0..<1000).map { number in
            var json = JSONWriter(reserving: 200 + 60 * lines)
            json.object { json in
                json.member("customer", "bench-\(number)")
                json.member("contact", "customer@example.org")
                json.member("currency", "GBP")
                json.member("lines") { json in
                    json.array { json in
                        for line in 0..<lines {
                            json.object { json in
                                json.member("sku", "bench-\(line)")
                                json.member("quantity", Int64(1))
                                json.member("unitPrice", Int64(1250))
                            }
                        }
                    }
                }
            }
            let head =
                "POST /v1/orders HTTP/1.1\r\nHost: \(host)\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(json.bytes.count)\r\n\r\n"
            return Array(head.utf8) + json.bytes
        }
    }

    /// Receives goods for all that a bench can sell.
    func receiveGoods(lines: Int) throws {
        for line in 0..<lines {
            var json = JSONWriter()
            json.object { $0.member("quantity", Int64(Stock.quantities.upperBound / 10)) }
            let answer = try client.send(
                .post, "/v1/stock/bench-\(line)/receipts",
                headers: ["Content-Type": "application/json"], body: json.bytes)
            guard answer.status.code == 201 else {
                throw Failure.refused(
                    "the goods were not received: status \(answer.status.code), "
                        + String(decoding: answer.body.prefix(500), as: UTF8.self))
            }
        }
    }

    /// Read off `/metrics`.
    func standing() throws -> Standing {
        let answer = try client.get("/metrics")
        var standing = Standing()
        var isShop = false
        for line in String(decoding: answer.body, as: UTF8.self).split(separator: "\n") {
            guard line.hasPrefix("kassa_"), let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { continue }
            let name = line[..<space]
            if name.hasPrefix("kassa_log_head_position{") {
                let log = name.split(separator: "\"").dropFirst().first ?? ""
                standing.heads[String(log)] = Int64(value)
                isShop = true
            } else if name == "kassa_checkouts_open" {
                standing.openCheckouts = Int(value)
            } else if name.hasPrefix("kassa_order_duration_seconds_count{") {
                let status = name.split(separator: "\"").dropFirst().first ?? ""
                standing.ended[String(status)] = Int(value)
            } else if name.hasPrefix("kassa_http_unavailable_total{") {
                let reason = name.split(separator: "\"").dropFirst().first ?? ""
                standing.unavailable[String(reason)] = Int(value)
            } else if name.hasPrefix("kassa_consumer_lag_events{consumer=\"gateway\"") {
                standing.behind += Int64(value)
            }
        }
        guard isShop else {
            throw Failure.refused("what answers at \(host):\(port) is no shop")
        }
        return standing
    }

    /// Waits until no order is open and the rows have them all.
    ///
    /// - Parameters:
    ///   - orders: how many were placed.
    ///   - completed: how many the rows showed as completed before.
    func waitUntilCompleted(
        _ orders: Int, after completed: Int, progress: (String) -> Void
    ) throws {
        let begin = Stopwatch.wall()
        var (last, lastAt) = (0, begin)
        while true {
            let done = try completedOrders() - completed
            let now = Stopwatch.wall()
            progress("\(done) of \(orders) orders completed")
            if done >= orders { return }
            if done > last { (last, lastAt) = (done, now) }
            guard now - lastAt < Double(Self.patience) else {
                throw Failure.standsStill(open: orders - done, seconds: Self.patience)
            }
            // Rarely while much is left, as looking has its cost; often towards the end.
            let rate = Double(done) / max(now - begin, 0.001)
            let expected = rate > 0 ? Double(orders - done) / rate / 4 : 0.02
            usleep(UInt32(min(0.5, max(0.004, expected)) * 1e6))
        }
    }

    /// How many the rows have as completed; of a shop elsewhere, since its gateway began.
    func completedOrders() throws -> Int {
        try shop?.completedOrders() ?? standing().ended["completed"] ?? 0
    }

    /// As `standing`, of now: a gateway whose services are processes hears from them several times
    /// a second.
    func settledStanding() throws -> Standing {
        if shop == nil { usleep(500_000) }
        return try standing()
    }

    /// Waits until nothing is recorded any more: mails come after the orders' ends.
    func waitUntilQuiet() throws {
        let begin = Stopwatch.wall()
        var (events, since) = (try standing().events, begin)
        while Stopwatch.wall() - since < 0.5, Stopwatch.wall() - begin < Double(Self.patience) {
            usleep(100_000)
            let now = try standing().events
            if now != events { (events, since) = (now, Stopwatch.wall()) }
        }
    }

    /// A log's published facts between two positions: what happened to which order, and when it
    /// was recorded. Of the shop in this process what is not published comes as well.
    func facts(
        of log: LogName, after start: Position, through end: Position,
        _ body: (EventType, String, Timestamp) -> Void
    ) throws {
        var next = start
        if let data {
            let queries = try LogReader(path: DataFolder.log(log.value, in: data)).queries
            while next < end {
                let count = min(1000, Int(end.value - next.value))
                let page = try queries.log(after: next, limit: count)
                for record in page { body(record.type, record.stream.id, record.recordedAt) }
                guard let last = page.last else { return }
                next = last.position
            }
            return
        }
        while next < end {
            let answer = try client.get("/v1/events?service=\(log)&after=\(next)&limit=1000")
            let page = try JSON(parsing: answer.body)
            for event in page["events"]?.array ?? [] {
                guard let type = event["type"]?.string,
                    let stream = event["stream"]?.string.flatMap({ StreamID($0) }),
                    let at = event["recordedAt"]?.string.flatMap({ Timestamp($0) }),
                    let identity = event["id"]?.string.flatMap({ EventIdentity($0) }),
                    identity.position <= end
                else { continue }
                body(EventType(type), stream.id, at)
            }
            guard let last = page["next"]?.integer, last > next.value else { return }
            next = Position(last)
        }
    }
}
