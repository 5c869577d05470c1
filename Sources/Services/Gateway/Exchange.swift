import EventSourcing
import HTTP
import Projections
import Telemetry

/// One request on its way to its one answer, which carries the trace and the correlation of both.
/// It goes from hand to hand, and would cost a dozen references each time if it were a value.
final class Exchange: Sendable {
    /// Names that clients give: keys and correlations.
    private static let maximumName = 128

    let request: HTTPRequest
    /// What the client sent: then what the request leads to is recorded as part of it. A trace that
    /// begins here is that of the correlation.
    private let client: TraceContext?
    private let trace: RequestTrace
    let correlation: String
    let principal: String
    private let responder: Responder
    private let log: RequestLog?
    private let meter: RequestMeter

    init(
        _ request: HTTPRequest, _ responder: Responder, _ runtime: any Runtime,
        _ meter: RequestMeter, _ tracer: Tracer = .off, _ log: RequestLog? = nil
    ) {
        self.log = log
        self.meter = meter
        self.request = request
        self.responder = responder
        let parents = request.headers.values("traceparent")
        client = parents.count == 1 ? TraceContext(parents[0]) : nil
        let correlations = request.headers.values("X-Correlation-Id")
        correlation =
            correlations.count == 1 && Self.isName(correlations[0])
            ? correlations[0] : runtime.newID()
        principal = Self.principal(of: request)
        let metadata = Metadata(
            correlation: correlation, actor: principal, trace: client?.header)
        trace =
            if tracer.isOn {
                .told(RequestSpan(metadata, tracer, runtime))
            } else { .untold(client ?? TraceContext(of: metadata, runtime)) }
    }

    /// Says which stream the request's command is about, before it is sent.
    func concerns(_ stream: StreamID) { if case .told(let span) = trace { span.concerns(stream) } }

    /// Who asks. Until requests are authenticated, nobody in particular.
    static func principal(of request: HTTPRequest) -> String { "anonymous" }

    private static func isName(_ text: String) -> Bool {
        (1...maximumName).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    func respond(_ status: HTTPStatus, headers: HTTPHeaders = [:], json: JSONWriter) {
        var headers = headers
        headers.append("Content-Type", "application/json")
        respond(HTTPResponse(status, headers: headers, body: json.bytes))
    }

    func respond(_ response: HTTPResponse) {
        var response = response
        response.headers.append("traceparent", (client ?? trace.context).header)
        response.headers.append("X-Correlation-Id", correlation)
        responder.respond(response)
        if case .told(let span) = trace { span.end(request, response.status) }
        log?.note(self, response.status)
    }

    func fail(_ problem: Problem) {
        if problem.status == 503 { meter.noteUnavailable(problem.code) }
        respond(
            problem.response(
                instance: request.target, traceID: (client ?? trace.context).traceID))
    }

    func metadata(occurredAt: Timestamp? = nil) -> Metadata {
        Metadata(
            correlation: correlation, actor: principal, trace: client?.header,
            occurredAt: occurredAt)
    }

    /// What a command is accompanied by.
    ///
    /// - Throws: for an idempotency key that is none.
    func context(occurredAt: Timestamp? = nil) throws(RequestError) -> RequestContext {
        let keys = request.headers.values("Idempotency-Key")
        guard let first = keys.first else {
            return RequestContext(metadata: metadata(occurredAt: occurredAt), key: nil)
        }
        let name = Self.unquoted(first)
        guard keys.count == 1, Self.isName(name) else {
            throw RequestError(
                Problem(
                    400, "invalid-idempotency-key",
                    "Idempotency-Key must be sent once, with 1 to 128 printable ASCII characters."))
        }
        let digest = Fingerprint.of([
            Array(request.method.name.utf8), Array(request.target.utf8), request.body,
        ])
        return RequestContext(
            metadata: metadata(occurredAt: occurredAt),
            key: .init(principal: principal, key: name, digest: digest))
    }

    /// The key as a structured field has it, in quotes, or bare.
    private static func unquoted(_ text: String) -> String {
        let bytes = text.utf8
        guard bytes.count >= 2, bytes.first == 0x22, bytes.last == 0x22 else { return text }
        return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
    }

    /// The token that the client has seen; nil where it sent none.
    ///
    /// - Throws: for what is no token.
    func seen() throws(RequestError) -> ConsistencyToken? {
        let texts = request.headers.values("Consistency-Token")
        guard let first = texts.first else { return nil }
        guard texts.count == 1, let token = ConsistencyToken(first) else {
            throw RequestError(
                Problem(
                    400, "invalid-consistency-token",
                    "Consistency-Token must be sent as an answer gave it."))
        }
        return token
    }
}

/// A request that cannot be carried out, and its answer.
struct RequestError: Error {
    let problem: Problem
    init(_ problem: Problem) { self.problem = problem }
}
