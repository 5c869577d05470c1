import EventSourcing
import NATS
import Net

/// A request of JetStream's API, taken apart.
struct JetStreamRequest {
    /// What is asked for, `STREAM.INFO`.
    let operation: String
    /// The tokens that follow it.
    let arguments: [String]
    let payload: [UInt8]

    /// What the answer is called.
    let kind: String
    /// What the client is that asks.
    let standing: Standing

    /// The request's object; an empty one where there is no payload.
    func json() throws(JetStreamError) -> JSONObject { try Self.json(payload) }

    static func json(_ payload: [UInt8]) throws(JetStreamError) -> JSONObject {
        do throws(JSONError) {
            return try JSONObject(payload.isEmpty ? .object([]) : JSON(parsing: payload))
        } catch { throw .invalidJSON }
    }

    /// - Throws: where whoever asks may not change such a stream.
    func admit(changing stream: StreamConfiguration) throws(JetStreamError) {
        guard standing.mayChange(stream: stream.name, of: stream.subjects) else {
            throw .shopsOwn
        }
    }

    func argument(_ index: Int) throws(JetStreamError) -> String {
        guard index < arguments.count else { throw .badRequest }
        return arguments[index]
    }
}

extension JetStream {
    typealias Answer = (inout JSONWriter) -> Void

    /// How an operation is written, how many tokens follow it, and what its answer is called.
    private static let operations: [(name: String, count: ClosedRange<Int>, kind: String)] = [
        ("INFO", 0...0, "account_info"),
        ("STREAM.CREATE", 1...1, "stream_create"), ("STREAM.UPDATE", 1...1, "stream_update"),
        ("STREAM.NAMES", 0...0, "stream_names"), ("STREAM.LIST", 0...0, "stream_list"),
        ("STREAM.INFO", 1...1, "stream_info"), ("STREAM.DELETE", 1...1, "stream_delete"),
        ("STREAM.PURGE", 1...1, "stream_purge"), ("STREAM.MSG.GET", 1...1, "stream_msg_get"),
        ("STREAM.MSG.DELETE", 1...1, "stream_msg_delete"),
        // A filter's tokens may follow the names.
        ("CONSUMER.CREATE", 1...256, "consumer_create"),
        ("CONSUMER.DURABLE.CREATE", 2...2, "consumer_create"),
        ("CONSUMER.NAMES", 1...1, "consumer_names"), ("CONSUMER.LIST", 1...1, "consumer_list"),
        ("CONSUMER.INFO", 2...2, "consumer_info"), ("CONSUMER.DELETE", 2...2, "consumer_delete"),
    ]

    func answer(_ message: ClientOperation.Publish, as standing: Standing) {
        let rest = message.subject.dropFirst("$JS.API.".count)
        if rest.hasPrefix("CONSUMER.MSG.NEXT.") { return pull(message, rest, as: standing) }
        if rest.hasPrefix("DIRECT.GET.") { return getDirectly(message, rest) }
        guard let reply = message.reply, let request = Self.request(rest, message.payload, standing)
        else { return }
        var json = JSONWriter(reserving: 1024)
        let answer: Answer
        do throws(JetStreamError) { answer = try carryOut(request) } catch {
            answer = { json in json.member("error") { json in error.write(to: &json) } }
        }
        json.object { json in
            json.member("type", "io.nats.jetstream.api.v1.\(request.kind)_response")
            answer(&json)
        }
        say(ClientOperation.Publish(subject: reply, reply: nil, headers: [], payload: json.bytes))
    }

    func say(_ message: ClientOperation.Publish) { hub.publish(message, by: 0, echoes: true) }

    private static func request(_ rest: Substring, _ payload: [UInt8], _ standing: Standing)
        -> JetStreamRequest?
    {
        for (name, count, kind) in operations where rest.hasPrefix(name) {
            let more = rest.dropFirst(name.count)
            guard more.isEmpty || more.first == "." else { continue }
            let arguments = more.split(separator: ".").map(String.init)
            guard count.contains(arguments.count) else { continue }
            return JetStreamRequest(
                operation: name, arguments: arguments, payload: payload, kind: kind,
                standing: standing)
        }
        return nil
    }

    private func carryOut(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        switch request.operation {
        case "INFO": return accountInfo()
        case "STREAM.CREATE": return try createStream(request)
        case "STREAM.UPDATE": return try updateStream(request)
        case "STREAM.NAMES": return try listStreams(request, namesAlone: true)
        case "STREAM.LIST": return try listStreams(request, namesAlone: false)
        case "STREAM.INFO": return try info(request)
        case "STREAM.DELETE": return try deleteStream(request)
        case "STREAM.PURGE": return try purge(request)
        case "STREAM.MSG.GET": return try getMessage(request)
        case "STREAM.MSG.DELETE": return try deleteMessage(request)
        case "CONSUMER.CREATE": return try createConsumer(request, isDurable: false)
        case "CONSUMER.DURABLE.CREATE": return try createConsumer(request, isDurable: true)
        case "CONSUMER.NAMES": return try listConsumers(request, namesAlone: true)
        case "CONSUMER.LIST": return try listConsumers(request, namesAlone: false)
        case "CONSUMER.INFO":
            return try info(try consumer(request), for: request.standing)
        default: return try deleteConsumer(request)
        }
    }

    func stream(_ request: JetStreamRequest) throws(JetStreamError) -> ServedStream {
        guard let stream = streams[try request.argument(0)] else { throw .noStream }
        return stream
    }

    func consumer(_ request: JetStreamRequest) throws(JetStreamError) -> ServedConsumer {
        guard let consumer = try stream(request).consumers[try request.argument(1)] else {
            throw .noConsumer
        }
        return consumer
    }

    /// Runs what asks the disk.
    func asking<Result>(_ body: () throws(BrokerError) -> Result) throws(JetStreamError) -> Result {
        do throws(BrokerError) { return try body() } catch { throw .broker(error) }
    }

    private func accountInfo() -> Answer {
        let bytes = streams.values.reduce(0) { $0 + $1.segments.extent.bytes }
        let (count, consumers) = (
            streams.count, streams.values.reduce(0) { $0 + $1.consumers.count }
        )
        return { json in
            json.member("memory", Int64(0))
            json.member("storage", Int64(bytes))
            json.member("streams", Int64(count))
            json.member("consumers", Int64(consumers))
            json.member("limits") { json in
                json.object { json in
                    json.member("max_memory", Int64(-1))
                    json.member("max_storage", Int64(-1))
                    json.member("max_streams", Int64(BrokerRules.maximumStreams))
                    json.member("max_consumers", Int64(-1))
                    json.member("max_ack_pending", Int64(-1))
                    json.member("memory_max_stream_bytes", Int64(-1))
                    json.member("storage_max_stream_bytes", Int64(-1))
                    json.member("max_bytes_required", false)
                }
            }
            json.member("api") { json in
                json.object { json in
                    json.member("total", Int64(0))
                    json.member("errors", Int64(0))
                }
            }
        }
    }

    /// One page of a list, and what is said of which one it is.
    static func page<Element>(_ all: [Element], from offset: Int64, limit: Int)
        -> (page: ArraySlice<Element>, head: Answer)
    {
        let start = min(max(Int(clamping: offset), 0), all.count)
        let head: Answer = { json in
            json.member("total", Int64(all.count))
            json.member("offset", Int64(start))
            json.member("limit", Int64(limit))
        }
        return (all[start...].prefix(limit), head)
    }
}
