import CPlatform
package import EventSourcing
import Glibc
import HTTP
package import Net
import Synchronization

/// Sends what a queue holds to a collector over OTLP/HTTP, on one thread that steps back behind
/// all others and one connection.
///
/// Nobody waits for it: while the collector is away, slow or silent, spans wait in the queue, and
/// what finds no room there is dropped and counted. Source: OpenTelemetry Protocol 1.
package final class OTLPExporter: Sendable {
    /// How long it waits, and how often it tries.
    package struct Limits: Hashable, Sendable {
        /// How long the first of few spans waits for more.
        package var pause = Duration.seconds(1)
        package var connectTimeout = Duration.seconds(2)
        /// From the first byte of a post to the last of its answer.
        package var answerTimeout = Duration.seconds(10)
        /// How often a post is tried before its spans are given up.
        package var attempts = 5
        /// The pause after the first failure; it doubles with each further one.
        package var retry = Duration.milliseconds(500)
        /// The longest pause, whatever the collector asks for.
        package var longestRetry = Duration.seconds(60)
        /// What is queued at the end is sent for so long.
        package var farewell = Duration.seconds(1)
        /// How often at most the operator is told.
        package var notices = Duration.seconds(60)

        package init() {}
    }

    /// How often it looks for spans: those that have them wake nobody.
    private static let look = Duration.milliseconds(50)

    package let queue: SpanQueue
    private let url: CollectorURL
    private let limits: Limits
    private let runtime: any Runtime
    private let notice: @Sendable (String) -> Void
    private let stopping: EventSignal
    private let finished: EventSignal
    /// Until when it may still send; nil while it is not stopped.
    private let end = Mutex<Moment?>(nil)

    /// Starts the thread; connects with the first spans.
    ///
    /// - Parameter notice: told, from its thread, that spans are dropped, and why.
    /// - Throws: where the system has no descriptor or thread left.
    package static func start(
        _ url: CollectorURL, _ resource: TelemetryResource, queue: SpanQueue = SpanQueue(),
        limits: Limits = Limits(), runtime: any Runtime,
        notice: @escaping @Sendable (String) -> Void
    ) throws(SystemError) -> OTLPExporter {
        let exporter = OTLPExporter(
            url, queue, limits, runtime, notice, stopping: try EventSignal(),
            finished: try EventSignal())
        try NetThread.start("traces") {
            kassa_step_back(10)
            exporter.run(OTLPEncoder(resource))
            exporter.finished.raise()
        }
        return exporter
    }

    private init(
        _ url: CollectorURL, _ queue: SpanQueue, _ limits: Limits, _ runtime: any Runtime,
        _ notice: @escaping @Sendable (String) -> Void, stopping: EventSignal,
        finished: EventSignal
    ) {
        (self.url, self.queue, self.limits) = (url, queue, limits)
        (self.runtime, self.notice) = (runtime, notice)
        (self.stopping, self.finished) = (stopping, finished)
    }

    /// Sends what is queued, for a second at most, and ends. A thread that waits for a silent
    /// collector then ends by itself.
    package func stop() {
        let deadline = end.withLock { end in
            let deadline = end ?? .now() + limits.farewell
            end = deadline
            return deadline
        }
        stopping.raise()
        _ = Socket.wait(finished.descriptor, Int16(POLLIN), until: deadline)
    }

    // MARK: Its thread

    /// What the thread alone knows.
    private struct Course {
        var encoder: OTLPEncoder
        var pile = OTLPEncoder.Pile([])
        let client: HTTPClient
        /// Why the last post got no good answer; nil where it did.
        var trouble: String?
        /// How many spans were dropped when it was last told, and when that was.
        var told: Int64 = 0
        var toldAt: Moment?
    }

    private func run(_ encoder: OTLPEncoder) {
        var course = Course(
            encoder: encoder, client: client(answering: limits.answerTimeout))
        var since: Moment?
        while true {
            let count = queue.count
            since = count == 0 ? nil : since ?? .now()
            if let deadline = end.withLock({ $0 }) {
                guard count > 0, Moment.now() < deadline else { return report(&course) }
            } else if count < OTLPEncoder.mostSpans,
                since.map({ Moment.now() < $0 + limits.pause }) ?? true
            {
                report(&course)
                _ = isStopped(within: Self.look)
                continue
            }
            since = nil
            course.pile = OTLPEncoder.Pile(queue.take(OTLPEncoder.mostSpans))
            while !course.pile.isEmpty {
                let body = course.encoder.body(from: &course.pile)
                send(body.bytes, body.spans, &course)
                report(&course)
            }
        }
    }

    /// Waits; true once it is to end.
    private func isStopped(within pause: Duration) -> Bool {
        Socket.wait(stopping.descriptor, Int16(POLLIN), until: .now() + pause)
    }

    private func client(answering limit: Duration) -> HTTPClient {
        var options = HTTPClient.Options()
        options.connectTimeout = min(limits.connectTimeout, limit)
        options.answerTimeout = limit
        options.idleConnections = 1
        options.message.body = 64 * 1024
        return HTTPClient(host: url.place.host, port: url.place.port, options: options)
    }

    /// What came of a post.
    private enum Outcome {
        case taken(rejected: Int64)
        /// For good.
        case refused(String)
        /// Perhaps not next time; nil where the collector did not say when that is.
        case later(String, after: Duration?)
    }

    /// Posts one body until it is taken, refused, or given up.
    private func send(_ body: [UInt8], _ spans: Int, _ course: inout Course) {
        let spans = Int64(spans)
        attempts: for attempt in 1...max(1, limits.attempts) {
            guard let client = client(course) else { break }
            switch post(body, client) {
            case .taken(let rejected):
                let rejected = min(max(rejected, 0), spans)
                course.trouble = rejected > 0 ? "the collector rejected \(rejected) spans" : nil
                return queue.count { counts in
                    counts.exported += spans - rejected
                    counts.refused += rejected
                }
            case .refused(let why):
                course.trouble = why
                return queue.count { $0.refused += spans }
            case .later(let why, let pause):
                course.trouble = why
                report(&course)
                guard attempt < limits.attempts else { break attempts }
                let pause = min(pause ?? self.pause(after: attempt), limits.longestRetry)
                // Who is to end tries once more, and then no more.
                if isStopped(within: pause), attempt > 1 { break attempts }
            }
        }
        queue.count { $0.unanswered += spans }
    }

    /// The one whose connection is open, or one that ends in time; nil where there is none left.
    private func client(_ course: Course) -> HTTPClient? {
        guard let deadline = end.withLock({ $0 }) else { return course.client }
        let left = deadline.nanoseconds - Moment.now().nanoseconds
        return left > 0 ? client(answering: .nanoseconds(left)) : nil
    }

    /// Doubles, and differs from that of others by a half.
    private func pause(after attempt: Int) -> Duration {
        let longest = limits.retry * (1 << min(attempt - 1, 16))
        return longest / 2 + longest / 2 * Double(runtime.random() >> 11) / Double(1 << 53)
    }

    private func post(_ body: [UInt8], _ client: HTTPClient) -> Outcome {
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try client.send(
                .post, url.path,
                headers: ["Content-Type": "application/json", "User-Agent": "kassa"], body: body)
        } catch { return .later("\(error)", after: nil) }
        switch response.status.code {
        case 200..<300: return .taken(rejected: Self.rejected(response.body))
        case 429, 502, 503, 504:
            return .later(
                "the collector answered \(response.status.code)",
                after: Self.seconds(response.headers["Retry-After"]))
        default:
            let text = String(decoding: response.body.prefix(200), as: UTF8.self)
            return .refused("the collector answered \(response.status.code): \(text)")
        }
    }

    /// A number of seconds, which collectors send; a date is passed over.
    private static func seconds(_ text: String?) -> Duration? {
        text.flatMap { Int64(strictDecimal: $0.utf8) }.map { .seconds(min($0, 86_400)) }
    }

    /// What an answer says that was not taken; 0 where it says nothing.
    private static func rejected(_ body: [UInt8]) -> Int64 {
        guard let json = try? JSON(parsing: body),
            let count = json["partialSuccess"]?["rejectedSpans"]
        else { return 0 }
        return count.integer ?? count.string.flatMap { Int64(strictDecimal: $0.utf8) } ?? 0
    }

    /// Tells of what was dropped, now and then.
    private func report(_ course: inout Course) {
        let dropped = queue.counts.dropped
        guard dropped > course.told else { return }
        let now = Moment.now()
        if let last = course.toldAt, now < last + limits.notices { return }
        let why = course.trouble ?? "more came than it takes"
        notice("\(dropped - course.told) spans for \(url) were dropped: \(why)")
        (course.told, course.toldAt) = (dropped, now)
    }
}
