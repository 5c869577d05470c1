import EventSourcing
import NATS
import Net

/// What a client that pulls has asked for.
struct PullRequest {
    /// Where the messages are to go.
    let inbox: String
    /// How many are still to come.
    var batch: Int64
    /// Bytes that may still come; nil: any number.
    var bytes: Int64?
    let expires: Moment?
    let waits: Bool
    let heartbeat: Duration?
    var nextHeartbeat = Moment.never
    /// Whether something has come.
    var wasServed = false

    /// A refusal is what the inbox is told.
    struct Refusal: Error {
        let status: Int
        let text: String
    }

    /// - Parameter payload: empty, a number, or an object.
    init(
        _ payload: [UInt8], inbox: String, _ consumer: ConsumerConfiguration, now: Moment
    ) throws(Refusal) {
        self.inbox = inbox
        var (batch, expires, noWait): (Int64, Int64, Bool) = (1, 0, false)
        var (bytes, heartbeat): (Int64, Int64) = (0, 0)
        if payload.first == UInt8(ascii: "{") {
            do throws(JSONError) {
                let json = try JSONObject(try JSON(parsing: payload))
                batch = try json.optionalInteger("batch") ?? 1
                expires = try json.optionalInteger("expires") ?? 0
                noWait = try json.flag("no_wait")
                bytes = try json.optionalInteger("max_bytes") ?? 0
                heartbeat = try json.optionalInteger("idle_heartbeat") ?? 0
            } catch { throw Refusal(status: 400, text: "Bad Request - \(error)") }
        } else if !payload.isEmpty {
            guard let number = Int64(String(decoding: payload, as: UTF8.self)) else {
                throw Refusal(status: 400, text: "Bad Request - \"no number of messages\"")
            }
            batch = number
        }
        self.batch = max(batch, 1)
        self.bytes = bytes > 0 ? bytes : nil
        self.expires = expires > 0 ? now + .nanoseconds(expires) : nil
        waits = !noWait || expires > 0
        isImpatient = noWait
        self.heartbeat = heartbeat > 0 ? .nanoseconds(heartbeat) : nil
        try check(consumer, expires: expires, heartbeat: heartbeat)
        if let heartbeat = self.heartbeat { nextHeartbeat = now + heartbeat }
    }

    /// Whether it ends once something came and there is no more for now.
    let isImpatient: Bool

    private func check(
        _ consumer: ConsumerConfiguration, expires: Int64, heartbeat: Int64
    ) throws(Refusal) {
        if heartbeat > 0, expires == 0 || heartbeat > expires / 2 {
            throw Refusal(
                status: 400,
                text: "Bad Request - heartbeat value too large")
        }
        if consumer.maximumBatch > 0, batch > consumer.maximumBatch {
            throw Refusal(
                status: 409, text: "Exceeded MaxRequestBatch of \(consumer.maximumBatch)")
        }
        if consumer.maximumExpires > 0, expires > consumer.maximumExpires {
            throw Refusal(
                status: 409,
                text: "Exceeded MaxRequestExpires of \(consumer.maximumExpires)ns")
        }
        if let bytes, consumer.maximumRequestBytes > 0, bytes > consumer.maximumRequestBytes {
            throw Refusal(
                status: 409,
                text: "Exceeded MaxRequestMaxBytes of \(consumer.maximumRequestBytes)")
        }
    }

    /// What still was to come, as the end of a request says it.
    var rest: [(String, String)] {
        [
            ("Nats-Pending-Messages", String(batch)),
            ("Nats-Pending-Bytes", String(bytes ?? 0)),
        ]
    }
}

/// A message without content that says how a request or a consumer is.
enum StatusMessage {
    static func headers(_ status: Int, _ text: String, _ more: [(String, String)] = []) -> [UInt8] {
        var block = "NATS/1.0 \(status) \(text)\r\n"
        for (name, value) in more { block += "\(name): \(value)\r\n" }
        return Array((block + "\r\n").utf8)
    }
}
