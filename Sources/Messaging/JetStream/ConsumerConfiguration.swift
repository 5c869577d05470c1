import EventSourcing
import NATS

/// What a consumer is to be, as clients of JetStream say it. Times are nanoseconds; -1 is no limit.
struct ConsumerConfiguration: Hashable {
    enum Start: String {
        case all, last, new
        case sequence = "by_start_sequence"
        case time = "by_start_time"
        case lastPerSubject = "last_per_subject"
    }

    enum Acknowledgement: String { case none, all, explicit }

    var durable: String?
    var name: String?
    var description: String?
    /// Where messages are pushed to; nil for a consumer that is pulled from.
    var deliverSubject: String?
    var deliverGroup: String?
    var start = Start.all
    var startSequence: Int64?
    var startTime: Timestamp?
    var acknowledgement = Acknowledgement.none
    var wait: Int64 = 30_000_000_000
    var maximumDeliveries: Int64 = -1
    /// How long after each delivery it is made again, the last one for all that follow.
    var backoff: [Int64] = []
    var filter: String?
    var maximumWaiting: Int64 = 512
    var maximumPending: Int64 = 1000
    var heartbeat: Int64 = 0
    var hasFlowControl = false
    var headersOnly = false
    var maximumBatch: Int64 = 0
    var maximumExpires: Int64 = 0
    var maximumRequestBytes: Int64 = 0
    /// Without anybody interested for so long it is removed; 0 is never, for a durable one.
    var inactiveThreshold: Int64 = 0

    /// Requests that may wait for one consumer.
    private static let mostWaiting = 16_384
    /// Nanoseconds after which a message comes again at the earliest.
    private static let leastWait: Int64 = 1_000_000

    var isPush: Bool { deliverSubject != nil }

    init(_ json: JSONObject) throws(JetStreamError) {
        do throws(JSONError) {
            durable = try json.text("durable_name")
            name = try json.text("name")
            description = try json.text("description")
            deliverSubject = try json.text("deliver_subject")
            deliverGroup = try json.text("deliver_group")
            start = try json.choice("deliver_policy") ?? .all
            startSequence = try json.optionalInteger("opt_start_seq")
            if startSequence == 0 { startSequence = nil }
            if let text = try json.text("opt_start_time") {
                guard let time = Timestamp(anyDecimals: text) else {
                    throw json.error("opt_start_time", "is no time")
                }
                startTime = time
            }
            acknowledgement = try json.choice("ack_policy") ?? .none
            try readLimits(json)
            filter = try json.text("filter_subject")
            hasFlowControl = try json.flag("flow_control")
            headersOnly = try json.flag("headers_only")
        } catch { throw .invalidJSON }
        try check()
        if let policy = json["replay_policy"]?.string, policy != "instant" {
            throw .consumer("replay_policy \(policy) is not offered here, only instant")
        }
    }

    private mutating func readLimits(_ json: JSONObject) throws(JSONError) {
        wait = try json.optionalInteger("ack_wait") ?? 0
        if let values = json["backoff"]?.array { backoff = values.compactMap(\.integer) }
        if let first = backoff.first { wait = first }
        wait = wait <= 0 ? 30_000_000_000 : max(wait, Self.leastWait)
        maximumDeliveries = try json.limit("max_deliver")
        let waiting = try json.optionalInteger("max_waiting") ?? 0
        maximumWaiting = waiting > 0 ? waiting : 512
        let pending = try json.optionalInteger("max_ack_pending") ?? 0
        maximumPending = pending == 0 ? 1000 : pending
        heartbeat = max(try json.optionalInteger("idle_heartbeat") ?? 0, 0)
        maximumBatch = try json.optionalInteger("max_batch") ?? 0
        maximumExpires = try json.optionalInteger("max_expires") ?? 0
        maximumRequestBytes = try json.optionalInteger("max_bytes") ?? 0
        inactiveThreshold = max(try json.optionalInteger("inactive_threshold") ?? 0, 0)
    }

    private func check() throws(JetStreamError) {
        if let name = name ?? durable {
            guard BrokerRules.isName(name), !name.contains(".") else {
                throw .consumer("a consumer's name is letters, digits, '_' and '-', at most 128")
            }
        }
        if let deliverSubject {
            guard Subject.isValid(deliverSubject), !Subject.hasWildcard(deliverSubject) else {
                throw JetStreamError(400, 10079, "consumer deliver subject has wildcards")
            }
        } else {
            if hasFlowControl { throw .consumer("flow control requires a push based consumer") }
            if heartbeat > 0 { throw .consumer("heartbeat requires a push based consumer") }
        }
        if hasFlowControl, heartbeat == 0 {
            throw JetStreamError(
                400, 10108, "consumer with Flow Control also needs heartbeats")
        }
        if heartbeat > 0, heartbeat < 100_000_000 {
            throw .consumer("consumer idle heartbeat needs to be >= 100ms")
        }
        guard (description ?? "").utf8.count <= StreamConfiguration.maximumDescription else {
            throw JetStreamError(
                400, 10107, "consumer description is too long, maximum allowed is 4096")
        }
        guard maximumWaiting <= Self.mostWaiting else {
            throw .consumer("at most \(Self.mostWaiting) may wait")
        }
        guard backoff.allSatisfy({ $0 > 0 }) else {
            throw .consumer("backoff values have to be above zero")
        }
        if let filter, !Subject.isPattern(filter) {
            throw .consumer("consumer filter subject is not a valid subject")
        }
        if !backoff.isEmpty, maximumDeliveries > 0, Int64(backoff.count) > maximumDeliveries {
            throw JetStreamError(
                400, 10116, "max deliver is required to be > length of backoff values")
        }
        try checkStart()
    }

    private func checkStart() throws(JetStreamError) {
        let isRight =
            switch start {
            case .sequence: startSequence != nil && startTime == nil
            case .time: startTime != nil && startSequence == nil
            case .all, .last, .new, .lastPerSubject: startSequence == nil && startTime == nil
            }
        guard isRight else {
            throw JetStreamError(
                400, 10094,
                "consumer delivery policy is deliver \(start.rawValue): the optional start "
                    + "sequence or time does not go with it, or is not set")
        }
    }

    /// Whether a consumer may become so without beginning anew.
    func canBecome(_ other: ConsumerConfiguration) -> Bool {
        start == other.start && startSequence == other.startSequence
            && startTime == other.startTime && acknowledgement == other.acknowledgement
            && filter == other.filter && isPush == other.isPush
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            if let durable { json.member("durable_name", durable) }
            if let name { json.member("name", name) }
            if let description { json.member("description", description) }
            if let deliverSubject { json.member("deliver_subject", deliverSubject) }
            if let deliverGroup { json.member("deliver_group", deliverGroup) }
            json.member("deliver_policy", start.rawValue)
            if let startSequence { json.member("opt_start_seq", startSequence) }
            if let startTime { json.member("opt_start_time", startTime.description) }
            json.member("ack_policy", acknowledgement.rawValue)
            if acknowledgement != .none { json.member("ack_wait", wait) }
            json.member("max_deliver", maximumDeliveries)
            if !backoff.isEmpty {
                json.member("backoff") { json in
                    json.array { json in for pause in backoff { json.value(pause) } }
                }
            }
            if let filter { json.member("filter_subject", filter) }
            json.member("replay_policy", "instant")
            writeLimits(to: &json)
        }
    }

    private func writeLimits(to json: inout JSONWriter) {
        if !isPush { json.member("max_waiting", maximumWaiting) }
        if acknowledgement != .none { json.member("max_ack_pending", maximumPending) }
        if headersOnly { json.member("headers_only", true) }
        if hasFlowControl { json.member("flow_control", true) }
        if heartbeat > 0 { json.member("idle_heartbeat", heartbeat) }
        if maximumBatch > 0 { json.member("max_batch", maximumBatch) }
        if maximumExpires > 0 { json.member("max_expires", maximumExpires) }
        if maximumRequestBytes > 0 { json.member("max_bytes", maximumRequestBytes) }
        if inactiveThreshold > 0 { json.member("inactive_threshold", inactiveThreshold) }
        json.member("num_replicas", Int64(0))
    }
}

extension JSONObject {
    /// A text; an empty one is none.
    func text(_ name: String) throws(JSONError) -> String? {
        let text = try optionalString(name)
        return text?.isEmpty == false ? text : nil
    }
}

extension Timestamp {
    /// A time in RFC 3339, of whose decimals those after the sixth are cut off.
    init?(anyDecimals text: String) {
        var bytes = Array(text.utf8)
        if let dot = bytes.firstIndex(of: UInt8(ascii: ".")) {
            let end = bytes[(dot + 1)...].firstIndex { !(0x30...0x39).contains($0) } ?? bytes.count
            if end > dot + 7 { bytes.removeSubrange(dot + 7..<end) }
        }
        self.init(String(decoding: bytes, as: UTF8.self))
    }
}
