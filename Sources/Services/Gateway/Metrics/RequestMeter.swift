import EventSourcing
import HTTP
import Synchronization

/// Counts requests by method, route and status, and those answered with 503 by the reason; measures
/// how long they take.
///
/// A request costs a handful of atomic additions; the lock is taken when routes are added and when
/// the counts are read. What clients send, such as a path or a method's name, makes no new label.
final class RequestMeter: Sendable {
    private let routes = Mutex<[(pattern: String, meter: RouteMeter)]>([])
    private let unavailable = Mutex<[String: Int64]>([:])

    /// What watches a pattern's requests; the empty pattern stands for all unknown paths.
    @Sendable func watch(_ pattern: String) -> any RequestObserver {
        routes.withLock { routes in
            if let known = routes.first(where: { $0.pattern == pattern }) { return known.meter }
            let meter = RouteMeter()
            routes.append((pattern, meter))
            return meter
        }
    }

    /// Counts an answer with 503, under the code of its problem.
    func noteUnavailable(_ code: String) { unavailable.withLock { $0[code, default: 0] += 1 } }

    /// Only what was asked for at least once.
    func write(to text: inout MetricsText) {
        let routes = routes.withLock { $0 }
            .map { ($0.pattern.isEmpty ? "unknown" : $0.pattern, $0.meter) }
        text.family(
            "kassa_http_requests_total", .counter,
            "Requests answered, by method, pattern of the route and status.")
        for (route, meter) in routes {
            for (method, code, count) in meter.answered {
                text.sample(["method": method, "route": route, "code": code], count)
            }
        }
        text.family(
            "kassa_http_unavailable_total", .counter,
            "Requests answered with 503, by the code of the problem.")
        for (code, count) in unavailable.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            text.sample(["reason": code], count)
        }
        text.family(
            "kassa_http_request_duration_seconds", .histogram,
            "From a request's arrival at its route to its answer.")
        for (route, meter) in routes {
            let durations = meter.durations
            guard durations.contains(where: { $0 > 0 }) else { continue }
            text.histogram(
                "route", route, counts: durations, bounds: RouteMeter.bounds,
                sum: meter.totalSeconds)
        }
        text.family(
            "kassa_http_requests_in_flight", .gauge, "Requests at a route and not yet answered.")
        text.sample([:], routes.reduce(0 as Int64) { $0 + $1.1.inFlight })
    }
}

/// One route's counts.
private final class RouteMeter: RequestObserver {
    private static let methods: [HTTPMethod] = [
        .get, .post, .head, .put, .patch, .delete, .options,
    ]
    /// What the gateway answers with, and what a server may; any other counts as `other`.
    private static let codes = [
        200, 201, 202, 204, 304, 400, 404, 405, 409, 410, 412, 413, 415, 422, 428, 429, 500, 501,
        502, 503, 504,
    ]
    /// Upper ends of the buckets, in seconds.
    static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
    private static let microseconds = bounds.map { Int64(($0 * 1e6).rounded()) }

    /// By method, then code, each with a last place for all others: 8 times 22.
    private let answers = InlineArray<176, Atomic<Int64>> { _ in Atomic(0) }
    /// Not cumulated; the last place is for what took longer than any bound.
    private let buckets = InlineArray<13, Atomic<Int64>> { _ in Atomic(0) }
    private let total = Atomic<Int64>(0)
    private let open = Atomic<Int64>(0)

    func began(_ method: HTTPMethod) { open.add(1, ordering: .relaxed) }

    func ended(_ method: HTTPMethod, _ status: HTTPStatus, after duration: Duration) {
        let row = Self.methods.firstIndex(of: method) ?? Self.methods.count
        let column = Self.codes.firstIndex(of: status.code) ?? Self.codes.count
        answers[row * (Self.codes.count + 1) + column].add(1, ordering: .relaxed)
        let elapsed = duration.microseconds
        let bucket = Self.microseconds.firstIndex { elapsed <= $0 } ?? Self.microseconds.count
        buckets[bucket].add(1, ordering: .relaxed)
        total.add(elapsed, ordering: .relaxed)
        open.subtract(1, ordering: .relaxed)
    }

    var inFlight: Int64 { open.load(ordering: .relaxed) }
    var totalSeconds: Double { Double(total.load(ordering: .relaxed)) / 1e6 }
    var durations: [Int64] { buckets.indices.map { buckets[$0].load(ordering: .relaxed) } }

    /// What is not zero.
    var answered: [(method: String, code: String, count: Int64)] {
        let methods = Self.methods.map(\.name) + ["other"]
        let codes = Self.codes.map { "\($0)" } + ["other"]
        return answers.indices.compactMap { at in
            let count = answers[at].load(ordering: .relaxed)
            guard count > 0 else { return nil }
            return (methods[at / codes.count], codes[at % codes.count], count)
        }
    }
}
