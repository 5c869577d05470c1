import EventSourcing

/// Why a request was refused, with the numbers that clients act on.
///
/// Source: https://github.com/nats-io/nats-server, its table of JetStream errors.
struct JetStreamError: Error, Hashable {
    /// As an HTTP status.
    let code: Int64
    /// What exactly it was; 0 has none.
    let number: Int64
    let text: String

    init(_ code: Int64, _ number: Int64, _ text: String) {
        (self.code, self.number, self.text) = (code, number, text)
    }

    static let noStream = JetStreamError(404, 10059, "stream not found")
    static let noConsumer = JetStreamError(404, 10014, "consumer not found")
    static let noMessage = JetStreamError(404, 10037, "no message found")
    static let otherStream = JetStreamError(
        400, 10058, "stream name already in use with a different configuration")
    static let overlap = JetStreamError(400, 10065, "subjects overlap with an existing stream")
    static let expectedStream = JetStreamError(400, 10060, "expected stream does not match")
    static let tooLarge = JetStreamError(400, 10054, "message size exceeds maximum allowed")
    static let invalidJSON = JetStreamError(400, 10025, "invalid JSON")
    static let badRequest = JetStreamError(400, 10003, "bad request")
    static let filterOutside = JetStreamError(
        400, 10093, "consumer filter subject is not a valid subset of the interest subjects")
    static let mismatchedStream = JetStreamError(
        400, 10056, "stream name in subject does not match request")
    static let purgeDenied = JetStreamError(400, 10110, "purge not permitted")
    static let deleteDenied = JetStreamError(400, 10110, "message delete not permitted")
    static let shopsOwn = JetStreamError(403, 0, "only the shop's own clients may do that")
    static let notDeleted = JetStreamError(404, 10043, "no message is there to delete")
    static let tooManyGaps = JetStreamError(
        503, 10077, "too many messages were taken out from between others; purge the oldest")
    static let fullOfMessages = JetStreamError(503, 10077, "maximum messages exceeded")
    static let fullOfBytes = JetStreamError(503, 10077, "maximum bytes exceeded")

    static func wrongLast(sequence: UInt64) -> JetStreamError {
        JetStreamError(400, 10071, "wrong last sequence: \(sequence)")
    }

    static func wrongLast(id: String) -> JetStreamError {
        JetStreamError(400, 10070, "wrong last msg ID: \(id)")
    }

    /// A configuration of a stream that is refused.
    static func stream(_ text: String) -> JetStreamError { JetStreamError(500, 10052, text) }

    /// A configuration of a consumer that is refused.
    static func consumer(_ text: String) -> JetStreamError { JetStreamError(400, 10012, text) }

    /// The disk fails, or a limit of the broker is reached.
    static func broker(_ error: BrokerError) -> JetStreamError {
        JetStreamError(503, 10008, "\(error)")
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("code", code)
            if number > 0 { json.member("err_code", number) }
            json.member("description", text)
        }
    }
}
