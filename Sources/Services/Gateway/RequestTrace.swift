import EventSourcing
import HTTP
import Synchronization
import Telemetry

/// Where a request stands in a trace.
enum RequestTrace: Sendable {
    /// It has a span there.
    case told(RequestSpan)
    case untold(TraceContext)

    /// What answers show to a client that has sent no trace.
    var context: TraceContext {
        switch self {
        case .told(let span): TraceContext(span.parent)
        case .untold(let context): context
        }
    }
}

/// The span of a request, from its arrival to its answer.
final class RequestSpan: Sendable {
    private struct State: Sendable {
        var id: SpanID
        var stream: StreamID?
        var hasEnded = false
    }

    /// Asked several times a second, by machines, whether a process lives: nobody looks for the
    /// trace of that.
    private static let untold = ["/livez", "/readyz", "/metrics"]

    private let origin: TraceOrigin
    private let isTold: Bool
    private let tracer: Tracer
    private let runtime: any Runtime
    private let start: Timestamp
    private let state: Mutex<State>

    /// - Parameter metadata: what the request leads to is recorded with it.
    init(_ metadata: Metadata, _ tracer: Tracer, _ runtime: any Runtime) {
        (self.tracer, self.runtime) = (tracer, runtime)
        origin = TraceOrigin(metadata)
        isTold = tracer.takes(origin)
        start = runtime.now()
        // A request without a command leads to nothing that must know its span: several may have
        // one correlation.
        state = Mutex(State(id: SpanID(runtime.random())))
    }

    /// What is recorded of the stream has this request for its origin.
    func concerns(_ stream: StreamID) {
        state.withLock { state in
            state.stream = stream
            state.id = origin.request(stream.id)
        }
    }

    var parent: TraceParent {
        TraceParent(
            trace: origin.trace, span: state.withLock { $0.id }, isSampled: isTold)
    }

    /// Tells of the request; once, as only the first answer counts.
    func end(_ request: HTTPRequest, _ status: HTTPStatus) {
        guard isTold, !Self.untold.contains(request.route) else { return }
        let (id, stream, isFirst) = state.withLock { state in
            defer { state.hasEnded = true }
            return (state.id, state.stream, !state.hasEnded)
        }
        guard isFirst else { return }
        let target = request.target.utf8
        let path = String(decoding: target.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self)
        tracer.tell([
            Span(
                .request(
                    method: request.method.name, route: request.route, path: path,
                    status: status.code, stream),
                trace: origin.trace, id: id, parent: origin.client, start: start,
                end: runtime.now(),
                failure: status.code >= 500 ? "answered \(status.code)" : nil)
        ])
    }
}
