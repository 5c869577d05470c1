import EventSourcing
import Foundation
import Glibc
import HTTP
import Net
import Synchronization
import Telemetry

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Asks until it is so, for a minute at most.
func eventually(_ what: String, _ ask: () throws -> Bool) throws {
    let patience = ProcessInfo.processInfo.environment["KASSA_PATIENCE"].flatMap(Double.init) ?? 1
    let end = Date() + 60 * max(1, patience)
    while try !ask() {
        guard Date() < end else { throw Failure("not in time: \(what)") }
        usleep(2000)
    }
}

/// A clock that stands, and numbers that count up.
final class ManualRuntime: Runtime {
    private let count = Mutex<UInt64>(0)

    func now() -> Timestamp { Timestamp(microseconds: 1_800_000_000_000_000) }
    func random() -> UInt64 {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

/// What an operator would have been told.
final class Notices: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    @Sendable func take(_ text: String) { texts.withLock { $0.append(text) } }
}

/// A collector that answers each post as the next line of its script says; after its end with 200.
final class Collector: Sendable {
    enum Line: Sendable {
        case answer(HTTPStatus, HTTPHeaders, String)
        /// After so long.
        case late(Duration)
        case silence

        static func answer(_ status: HTTPStatus) -> Line { .answer(status, [:], "") }
    }

    private struct State: Sendable {
        var script: [Line]
        var bodies: [[UInt8]] = []
        var kept: [Responder] = []
    }

    private let state: Mutex<State>
    private let server: HTTPServer
    var port: UInt16 { server.port }
    var url: CollectorURL {
        CollectorURL(place: HTTPPlace(host: "127.0.0.1", port: server.port))
    }

    init(_ script: [Line] = [], port: UInt16 = 0) throws {
        let state = Mutex(State(script: script))
        let box = Box()
        server = try HTTPServer.start(port: port) { request, responder in
            box.collector?.take(request, responder)
        }
        self.state = state
        box.set(self)
    }

    /// How many posts have come, and the bodies.
    var bodies: [[UInt8]] { state.withLock { $0.bodies } }

    /// The names of all spans that came, in their order.
    func names() throws -> [String] { try bodies.flatMap { try spans($0) }.compactMap { $0.name } }

    func stop() {
        state.withLock { $0.kept = [] }
        server.stop(within: .zero)
    }

    private func take(_ request: HTTPRequest, _ responder: Responder) {
        let line: Line? = state.withLock { state in
            state.bodies.append(request.body)
            return state.script.isEmpty ? nil : state.script.removeFirst()
        }
        switch line {
        case nil: responder.respond(.text(200, "{}"))
        case .answer(let status, let headers, let text):
            responder.respond(HTTPResponse(status, headers: headers, body: Array(text.utf8)))
        case .late(let pause):
            Thread.detachNewThread {
                usleep(UInt32(pause.microseconds))
                responder.respond(.text(200, "{}"))
            }
        case .silence: state.withLock { $0.kept.append(responder) }
        }
    }

    /// Carries the collector to its server's handler, which is made before it.
    private final class Box: Sendable {
        private let held = Mutex<WeakCollector>(WeakCollector())
        var collector: Collector? { held.withLock { $0.collector } }
        func set(_ collector: Collector) { held.withLock { $0.collector = collector } }
    }

    private struct WeakCollector: Sendable {
        weak var collector: Collector?
    }
}

/// A span as a body has it.
struct ToldSpan {
    let json: JSON
    let service: String
    var name: String? { json["name"]?.string }
    subscript(attribute: String) -> String? {
        for entry in json["attributes"]?.array ?? [] where entry["key"]?.string == attribute {
            return entry["value"]?["stringValue"]?.string ?? entry["value"]?["intValue"]?.string
        }
        return nil
    }
}

/// All spans of a body.
func spans(_ body: [UInt8]) throws -> [ToldSpan] {
    var found: [ToldSpan] = []
    for resource in try JSON(parsing: body)["resourceSpans"]?.array ?? [] {
        let names = resource["resource"]?["attributes"]?.array ?? []
        let service = names.first { $0["key"]?.string == "service.name" }
        for scope in resource["scopeSpans"]?.array ?? [] {
            for span in scope["spans"]?.array ?? [] {
                found.append(
                    ToldSpan(
                        json: span, service: service?["value"]?["stringValue"]?.string ?? ""))
            }
        }
    }
    return found
}

let resource = TelemetryResource(version: "1.2", instance: "run-1", process: 77, host: "till")

let trace: TraceID = TraceID(correlation: "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7b8a")

/// A span of a call of that kind.
func span(_ kind: String, key: String = "k", failure: String? = nil) -> Span {
    Span(
        .call(kind: kind, key: key, attempt: 1, stream: StreamID("payment", "o-1")),
        trace: trace, id: SpanID(7), parent: SpanID(9),
        start: Timestamp(microseconds: 1_700_000_000_123_456),
        end: Timestamp(microseconds: 1_700_000_001_000_001), failure: failure)
}

extension SpanQueue {
    func add(_ names: String..., of part: String = "payments") {
        Tracer(part: part, sampler: Sampler(share: 1), queue: self)
            .tell(names.map { span($0) })
    }
}
