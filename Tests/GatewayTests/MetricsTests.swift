import EventSourcing
import Gateway
import HTTP
import Messaging
import Projections
import Synchronization
import Testing

@Suite struct MetricsTests {
    /// A generator whose sequence is its seed's.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    /// Reads a sample's one label back as the format says: three escapes, and nothing else.
    private func label(_ line: [UInt8]) -> [UInt8]? {
        guard line.starts(with: Array(#"kassa_test{name=""#.utf8)) else { return nil }
        var value: [UInt8] = []
        var rest = line.dropFirst(17)
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return rest.elementsEqual("} 7".utf8) ? value : nil
            case UInt8(ascii: "\\"):
                switch rest.popFirst() {
                case UInt8(ascii: "n"): value.append(UInt8(ascii: "\n"))
                case UInt8(ascii: "\\"): value.append(UInt8(ascii: "\\"))
                case UInt8(ascii: "\""): value.append(UInt8(ascii: "\""))
                default: return nil
                }
            default: value.append(byte)
            }
        }
        return nil
    }

    @Test(arguments: 0..<20) func `any text as a label's value stays one line and reads back`(
        seed: UInt64
    ) throws {
        var random = Seeded(state: seed)
        let pieces = [
            "\\", "\"", "\n", "\r\n", "\\n", "a", "{", "}", ",", " ", "=", "\u{301}", "\u{0}", "€",
            "🧾", "\"} 1\nkassa_forged 1",
        ]
        for _ in 0..<200 {
            let count = Int.random(in: 0...12, using: &random)
            let value = (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            var text = MetricsText()
            text.family("kassa_test", .gauge, value)
            text.sample(["name": value], 7 as Int64)
            let lines = text.bytes.split(
                separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            try #require(lines.count == 4, "\(value.debugDescription)")
            #expect(lines[0].starts(with: "# HELP kassa_test ".utf8))
            #expect(lines[1].elementsEqual("# TYPE kassa_test gauge".utf8))
            #expect(label(Array(lines[2])) == Array(value.utf8), "\(value.debugDescription)")
            #expect(lines[3].isEmpty)
        }
    }

    @Test func `numbers are written as Prometheus reads them`() {
        var text = MetricsText()
        text.family("n", .gauge, "help with \"quotes\"")
        for number in [0, 1.5, -0.25, 1e300, .infinity, -.infinity, .nan, 1_700_000_000] {
            text.sample([:], number)
        }
        text.sample([:], Int64.max)
        text.sample([:], true)
        #expect(
            String(decoding: text.bytes, as: UTF8.self) == """
                # HELP n help with "quotes"
                # TYPE n gauge
                n 0
                n 1.5
                n -0.25
                n 1e+300
                n +Inf
                n -Inf
                n NaN
                n 1700000000
                n 9223372036854775807
                n 1

                """)
    }

    private func scrape(_ rig: Rig) throws -> [String: Double] {
        let answer = try rig.get("/metrics")
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        var samples: [String: Double] = [:]
        for line in String(decoding: answer.body, as: UTF8.self).split(separator: "\n") {
            guard !line.hasPrefix("#"), let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return samples
    }

    @Test func `requests are counted by method, route and status`() throws {
        let rig = try Rig()
        try rig.recordOrder("o1")
        for _ in 0..<3 { _ = try rig.get("/v1/orders/o1") }
        for id in 0..<20 { _ = try rig.get("/v1/orders/x\(id)") }
        for path in 0..<20 { _ = try rig.get("/nothing/\(path)") }
        for number in 0..<20 { _ = try rig.send(HTTPMethod("M\(number)"), "/v1/orders/o1") }
        _ = try rig.post("/v1/orders", goodOrder)
        let samples = try scrape(rig)
        func count(_ method: String, _ route: String, _ code: String) -> Double? {
            let labels = "method=\"\(method)\",route=\"\(route)\",code=\"\(code)\""
            return samples["kassa_http_requests_total{\(labels)}"]
        }
        #expect(count("GET", "/v1/orders/{id}", "200") == 3)
        #expect(count("GET", "/v1/orders/{id}", "404") == 20)
        #expect(count("GET", "unknown", "404") == 20)
        #expect(count("other", "/v1/orders/{id}", "405") == 20)
        #expect(count("POST", "/v1/orders", "201") == 1)
        #expect(samples.keys.filter { $0.hasPrefix("kassa_http_requests_total") }.count == 5)
        // The scrape itself is under way.
        #expect(samples["kassa_http_requests_in_flight"] == 1)
        let route = "route=\"/v1/orders/{id}\""
        let buckets = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5"]
        let cumulated = (buckets + ["1", "2.5", "5", "+Inf"]).map {
            samples["kassa_http_request_duration_seconds_bucket{\(route),le=\"\($0)\"}"] ?? -1
        }
        #expect(cumulated == cumulated.sorted())
        #expect(cumulated.first ?? -1 >= 0)
        #expect(cumulated.last == 43)
        #expect(samples["kassa_http_request_duration_seconds_count{\(route)}"] == 43)
        #expect(samples["kassa_http_request_duration_seconds_sum{\(route)}"] ?? -1 >= 0)
        let again = try scrape(rig)
        #expect(again["kassa_http_requests_in_flight"] == 1)
        #expect(
            again["kassa_http_requests_total{method=\"GET\",route=\"/metrics\",code=\"200\"}"] == 1)
    }

    @Test func `an answer with 503 is counted by its reason`() throws {
        let refusal = Mutex<IntakeRefusal?>(.diskFull)
        let rig = try Rig(intakeRefusal: { refusal.withLock { $0 } })
        for next in [IntakeRefusal.overloaded, .overloaded, nil] {
            _ = try rig.post("/v1/orders", goodOrder)
            refusal.withLock { $0 = next }
        }
        for outcome in [CommandOutcome.busy, .unavailable("1000 wait"), .unavailable("it stops")] {
            rig.services.answer(outcome)
            #expect(try rig.post("/v1/orders", goodOrder).status == 503)
        }
        rig.services.answer(.refused(code: RefusalCode.invalid, detail: "no"))
        #expect(try rig.post("/v1/orders", goodOrder).status == 422)
        let samples = try scrape(rig).filter { $0.key.hasPrefix("kassa_http_unavailable_total") }
        #expect(
            samples == [
                "kassa_http_unavailable_total{reason=\"busy\"}": 1,
                "kassa_http_unavailable_total{reason=\"disk-full\"}": 1,
                "kassa_http_unavailable_total{reason=\"overloaded\"}": 2,
                "kassa_http_unavailable_total{reason=\"unavailable\"}": 2,
            ])
    }

    @Test func `what the host reads is shown, and what it cannot read is left out`() throws {
        var readings = ShopReadings()
        readings.services = [
            .init(
                name: "orders", isUp: true, inputs: 3, refused: 9, log: (Position(42), true),
                calls: 2, parked: 1),
            .init(
                name: "payments", isUp: false, inputs: 0, refused: 0, log: nil, calls: nil,
                parked: nil),
        ]
        readings.services[0].published = Position(41)
        readings.hops.alarms = [
            BookAlarm(book: .hops, code: "parked", detail: "2 messages", log: "orders")
        ]
        readings.lags = [
            .init(
                consumer: "gateway", source: Source(LogName("orders"), "facts"), position: 1,
                events: 5,
                time: .milliseconds(1500))
        ]
        readings.streams = [StreamHoldings(stream: "kassa-orders", messages: 7, bytes: 900)]
        readings.openCheckouts = 4
        readings.waitingCheckouts = 3
        readings.isProjectionStale = true
        readings.queues = [("files", 6), ("calls", 0)]
        let told = readings
        let samples = try scrape(try Rig(readings: { told }))
        #expect(samples["kassa_log_head_position{log=\"orders\"}"] == 42)
        #expect(samples["kassa_log_halted{log=\"orders\"}"] == 1)
        #expect(samples["kassa_log_published_position{log=\"orders\"}"] == 41)
        #expect(samples["kassa_books_balanced{book=\"hops\"}"] == 0)
        #expect(samples["kassa_books_balanced{book=\"money\"}"] == 1)
        #expect(samples["kassa_books_balanced{book=\"stock\"}"] == 1)
        #expect(samples["kassa_orders_out_of_balance"] == 0)
        #expect(samples["kassa_service_up{service=\"payments\"}"] == 0)
        #expect(samples["kassa_service_inputs_waiting{service=\"orders\"}"] == 3)
        #expect(samples["kassa_service_commands_refused_total{service=\"orders\"}"] == 9)
        #expect(samples["kassa_service_calls_waiting{service=\"orders\"}"] == 2)
        #expect(samples["kassa_service_parked_messages{service=\"orders\"}"] == 1)
        let lag = "{consumer=\"gateway\",source=\"orders/facts\"}"
        #expect(samples["kassa_consumer_lag_events\(lag)"] == 5)
        #expect(samples["kassa_consumer_lag_seconds\(lag)"] == 1.5)
        #expect(samples["kassa_broker_stream_messages{stream=\"kassa-orders\"}"] == 7)
        #expect(samples["kassa_broker_stream_bytes{stream=\"kassa-orders\"}"] == 900)
        #expect(samples["kassa_gateway_waiting{queue=\"files\"}"] == 6)
        #expect(samples["kassa_gateway_waiting{queue=\"calls\"}"] == 0)
        #expect(samples["kassa_checkouts_open"] == 4)
        #expect(samples["kassa_checkouts_waiting"] == 3)
        #expect(samples["kassa_projection_stale"] == 1)
        #expect(samples["kassa_projection_lag_seconds"] == nil)
        let unread = samples.keys.filter { $0.contains("payments") }
        #expect(
            unread.sorted() == [
                "kassa_service_commands_refused_total{service=\"payments\"}",
                "kassa_service_inputs_waiting{service=\"payments\"}",
                "kassa_service_up{service=\"payments\"}",
            ])
    }
}
