import EventSourcing
import Foundation
import Messaging
import NATS
import Net
import TestKit

/// A server with streams and one client of it, without sockets: requests are carried out at once.
/// Where its login lets listeners in, the client is the shop's own, and there can be a listener.
final class Shop {
    /// An error that a request was answered with.
    struct Refusal: Error, Hashable { let code, number: Int }
    struct Unanswered: Error { let subject: String }

    /// What a stream says of itself.
    struct State: Hashable {
        var messages, first, last: Int
        init(_ messages: Int, first: Int, last: Int) {
            (self.messages, self.first, self.last) = (messages, first, last)
        }
    }

    /// What a stream holds at a place.
    struct Stored: Hashable {
        let sequence: Int
        let subject, text: String
    }

    let folder: Folder
    let runtime: SteppedRuntime
    let notices = Notices()
    let hub: Hub
    private let streams: JetStream
    /// Who asks now.
    private var session: Session
    private let login: Login
    private var received: [Received] = []
    private var inboxes = 0
    /// How far the monotonic clock is ahead of the system's.
    private var ahead = Duration.zero

    init(
        _ folder: Folder? = nil, settings: SegmentBroker.Settings = SegmentBroker.Settings(),
        runtime: SteppedRuntime = SteppedRuntime(), limits: ServerLimits = ServerLimits(),
        login: Login = .anybody, publishersAreElsewhere: Bool = false
    ) throws {
        self.login = login
        self.folder = try folder ?? Folder()
        self.runtime = runtime
        let broker = try SegmentBroker(
            folder: self.folder.path, settings: settings, runtime: runtime, notices: notices.take)
        hub = Hub(
            info: ServerInfo(id: "T", name: "test", hasJetStream: true), limits: limits,
            login: login)
        streams = JetStream(
            broker, hub, publishersAreElsewhere: publishersAreElsewhere, wakeUp: {},
            notices: notices.take)
        session = hub.open(1)
        hub.attach([streams])
        try hub.take(
            .connect(Array(#"{"verbose":false,"headers":true,"auth_token":"secret"}"#.utf8)),
            from: session)
    }

    // The hub holds its services, and they hold it.
    deinit { hub.attach([]) }

    /// The same folder, as the next process finds it when this one is killed now.
    func killed(settings: SegmentBroker.Settings = SegmentBroker.Settings()) throws -> Shop {
        try Shop(try folder.copy(), settings: settings, runtime: runtime, login: login)
    }

    // MARK: As a client does

    /// What a client asks that shows no token, on a connection of its own.
    @discardableResult
    func asListener<Result>(_ body: () throws -> Result) throws -> Result {
        let own = session
        defer {
            hub.close(2)
            session = own
        }
        session = hub.open(2)
        try hub.take(
            .connect(Array(#"{"verbose":false,"headers":true}"#.utf8)), from: session)
        return try body()
    }

    /// Has the services work, so much later than before.
    func work(after pause: Duration = .zero) {
        ahead += pause
        _ = streams.work(at: .now() + ahead)
    }

    /// Listens to a pattern; what comes is named by what is returned.
    func subscribe(_ pattern: String? = nil) throws -> String {
        inboxes += 1
        let sid = "_INBOX.\(inboxes)"
        try hub.take(
            .subscribe(subject: pattern ?? sid, queue: nil, sid: sid), from: session)
        return sid
    }

    func unsubscribe(_ sid: String) throws {
        try hub.take(.unsubscribe(sid: sid, max: nil), from: session)
    }

    /// Publishes, and leaves it at that.
    func say(
        _ subject: String, _ payload: String = "", headers: [(String, String)] = [],
        reply: String? = nil
    ) throws {
        var block = headers.isEmpty ? "" : "NATS/1.0\r\n"
        for (name, value) in headers { block += "\(name): \(value)\r\n" }
        if !headers.isEmpty { block += "\r\n" }
        try hub.take(
            .publish(
                .init(
                    subject: subject, reply: reply, headers: Array(block.utf8),
                    payload: Array(payload.utf8))), from: session)
    }

    /// What has come for a subscription since it was last asked.
    func heard(_ sid: String) throws -> [Received] {
        received += try Received.all(in: session.output)
        session.output = []
        defer { received.removeAll { $0.sid == sid } }
        return received.filter { $0.sid == sid }
    }

    /// Publishes and returns the answer.
    func ask(_ subject: String, _ payload: String = "", headers: [(String, String)] = [])
        throws -> Received
    {
        let inbox = try subscribe()
        defer { try? unsubscribe(inbox) }
        try say(subject, payload, headers: headers, reply: inbox)
        work()
        guard let answer = try heard(inbox).first else { throw Unanswered(subject: subject) }
        return answer
    }

    /// A request of the API.
    /// - Throws: `Refusal` where the answer is an error.
    @discardableResult
    func request(_ operation: String, _ payload: String = "") throws -> JSONObject {
        try Self.read(try ask("$JS.API.\(operation)", payload))
    }

    private static func read(_ answer: Received) throws -> JSONObject {
        let json = try JSONObject(try JSON(parsing: answer.payload))
        guard json["error"] != nil else { return json }
        let error = try json.object("error")
        throw Refusal(
            code: Int(try error.integer("code")),
            number: Int(try error.optionalInteger("err_code") ?? 0))
    }

    // MARK: Streams

    /// - Parameter more: members of the configuration, with a comma in front.
    @discardableResult
    func create(_ name: String = "S", subjects: String = "a.>", _ more: String = "") throws
        -> JSONObject
    {
        try request(
            "STREAM.CREATE.\(name)",
            #"{"name":"\#(name)","subjects":["\#(subjects)"]\#(more)}"#)
    }

    /// Publishes into a stream.
    /// - Returns: the place that was acknowledged.
    @discardableResult
    func store(_ subject: String, _ payload: String = "", _ headers: [(String, String)] = [])
        throws -> Int
    {
        Int(try Self.read(try ask(subject, payload, headers: headers)).integer("seq"))
    }

    func store(_ numbers: ClosedRange<Int>, to subject: String = "a.b") throws {
        for number in numbers { try store(subject, "\(number)") }
    }

    func state(_ name: String = "S") throws -> State {
        let state = try request("STREAM.INFO.\(name)").object("state")
        return State(
            Int(try state.integer("messages")), first: Int(try state.integer("first_seq")),
            last: Int(try state.integer("last_seq")))
    }

    /// One message; nil where there is none.
    func message(_ query: String, in name: String = "S") throws -> Stored? {
        let message: JSONObject
        do { message = try request("STREAM.MSG.GET.\(name)", query).object("message") } catch let
            refusal as Refusal where refusal.number == 10037
        { return nil }
        let data = try message.optionalString("data") ?? ""
        return Stored(
            sequence: Int(try message.integer("seq")), subject: try message.string("subject"),
            text: String(decoding: Data(base64Encoded: data) ?? Data(), as: UTF8.self))
    }

    /// All messages, asked for one by one.
    func contents(_ name: String = "S") throws -> [Stored] {
        let state = try state(name)
        guard state.first <= state.last else { return [] }
        return try (state.first...state.last).compactMap {
            try message(#"{"seq":\#($0)}"#, in: name)
        }
    }

    // MARK: Consumers

    @discardableResult
    func consumer(
        _ name: String = "C", of stream: String = "S", _ more: String = #","ack_policy":"explicit""#
    ) throws -> JSONObject {
        try request(
            "CONSUMER.DURABLE.CREATE.\(stream).\(name)",
            #"{"stream_name":"\#(stream)","config":{"durable_name":"\#(name)"\#(more)}}"#)
    }

    /// What a consumer says of itself, by the names of the wire; `floor` is the stream's place.
    func progress(_ name: String = "C", of stream: String = "S") throws -> [String: Int] {
        let info = try request("CONSUMER.INFO.\(stream).\(name)")
        var found: [String: Int] = [:]
        for name in ["num_ack_pending", "num_redelivered", "num_waiting", "num_pending"] {
            found[name] = Int(try info.integer(name))
        }
        found["delivered"] = Int(try info.object("delivered").integer("stream_seq"))
        found["floor"] = Int(try info.object("ack_floor").integer("stream_seq"))
        return found
    }

    /// Asks a consumer for messages, as the object says.
    /// - Returns: what names what comes.
    func begin(_ query: String, from name: String = "C", of stream: String = "S") throws -> String {
        let inbox = try subscribe()
        try say("$JS.API.CONSUMER.MSG.NEXT.\(stream).\(name)", query, reply: inbox)
        work()
        return inbox
    }

    /// What there is for now, at most so many.
    func pull(_ count: Int, from name: String = "C", of stream: String = "S") throws -> [Received] {
        let inbox = try begin(
            #"{"batch":\#(count),"no_wait":true}"#, from: name, of: stream)
        defer { try? unsubscribe(inbox) }
        return try heard(inbox).filter { $0.status == nil }
    }

    /// Says something of a message that was handed out.
    /// - Returns: whether the server has said that it knows.
    @discardableResult
    func answer(_ message: Received, _ word: String = "+ACK") throws -> Bool {
        let inbox = try subscribe()
        defer { try? unsubscribe(inbox) }
        try say(message.reply ?? "", word, reply: inbox)
        work()
        return try !heard(inbox).isEmpty
    }
}

func numbers(_ messages: [Received]) -> [Int] { messages.compactMap(\.sequence) }
