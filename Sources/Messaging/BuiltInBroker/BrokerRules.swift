import Glibc

/// What a broker checks before it touches anything.
package enum BrokerRules {
    package static let maximumStreams = 256
    static let maximumConsumers = 256
    /// Bytes of a stream's or consumer's name, and of a message's id.
    static let maximumName = 128
    static let maximumID = 255
    /// Bytes of messages after which a fetch ends; the last one may go beyond.
    static let maximumFetch = 4 * 1024 * 1024

    /// Stream and consumer names become file names: `a-zA-Z0-9._-`, no dot in front, at most 128
    /// bytes.
    static func isName(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, first != UInt8(ascii: "."), bytes.count <= maximumName
        else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// - Throws: `tooLarge` for a long name, `unavailable` for one that could not be a file's.
    package static func check(stream: String) throws(BrokerError) { try check(stream, "stream") }

    /// - Throws: as `check(stream:)`, for either name, and `tooLarge` for a long filter.
    package static func check(_ subscription: Subscription) throws(BrokerError) {
        try check(subscription.stream, "stream")
        try check(subscription.consumer, "consumer")
        try limit(
            subscription.filter.utf8.count, BrokerLimits.maximumSubject, "a filter", "bytes")
    }

    /// - Throws: `tooLarge` naming the first message that is over a limit.
    package static func check(_ messages: [BrokerMessage]) throws(BrokerError) {
        for message in messages {
            try limit(
                message.subject.utf8.count, BrokerLimits.maximumSubject, "a subject", "bytes")
            try limit(message.id.utf8.count, maximumID, "a message's id", "bytes")
            try limit(
                message.headers.count, BrokerLimits.maximumHeaders,
                "the header block of \(message.id)", "bytes")
            try limit(
                message.payload.count, BrokerLimits.maximumPayload, "the payload of \(message.id)",
                "bytes")
        }
    }

    /// - Throws: `tooLarge` where a message cannot be stored as it came over a wire.
    static func checkStored(_ message: BrokerMessage) throws(BrokerError) {
        try limit(message.subject.utf8.count, SegmentFormat.maximumSubject, "a subject", "bytes")
        try limit(message.id.utf8.count, maximumID, "a message's id", "bytes")
        try limit(
            message.headers.count, SegmentFormat.maximumHeaders, "a header block", "bytes")
        try limit(message.payload.count, SegmentFormat.maximumPayload, "a payload", "bytes")
    }

    /// - Throws: `unavailable` when a stream that has `count` consumers takes no more.
    package static func admit(_ subscription: Subscription, to count: Int) throws(BrokerError) {
        guard count < maximumConsumers else {
            throw .unavailable(
                "stream \(subscription.stream) has \(maximumConsumers) consumers, the most it takes"
            )
        }
    }

    /// - Throws: `tooLarge` with a text that names what, how much and the limit.
    static func limit(
        _ count: Int, _ most: Int, _ what: @autoclosure () -> String, _ unit: String
    ) throws(BrokerError) {
        guard count <= most else {
            throw .tooLarge("\(what()) has \(count) \(unit); at most \(most) are taken")
        }
    }

    private static func check(_ name: String, _ what: String) throws(BrokerError) {
        try limit(name.utf8.count, maximumName, "a \(what)'s name", "bytes")
        guard isName(name) else {
            throw .unavailable(
                "\"\(name)\" is no \(what)'s name; take letters, digits, '.', '_' and '-', "
                    + "and no '.' in front"
            )
        }
    }
}

extension Subscription {
    /// Whether the subject begins with the filter's tokens and goes on; every subject does with
    /// those of an empty filter.
    func wants(_ subject: String) -> Bool {
        guard !filter.isEmpty else { return true }
        var (filter, subject) = (filter, subject)
        return filter.withUTF8 { filter in
            subject.withUTF8 { subject in
                guard subject.count > filter.count, let start = subject.baseAddress,
                    let wanted = filter.baseAddress
                else { return false }
                return start[filter.count] == UInt8(ascii: ".")
                    && memcmp(start, wanted, filter.count) == 0
            }
        }
    }
}
