/// Who has something done by hand, and why. It is recorded with what is done, for ever.
public struct Instruction: Hashable, Sendable {
    /// The bytes that each may have.
    public static let whoBytes = 1...64
    public static let whyBytes = 1...500

    public let by: String
    public let why: String

    /// Nil where either is empty or too long, or has control characters: both are shown on
    /// terminals, and `by` goes into headers of messages.
    public init?(by: String, why: String) {
        guard Self.whoBytes.contains(by.utf8.count), Self.whyBytes.contains(why.utf8.count),
            (by + why).utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        (self.by, self.why) = (by, why)
    }

    /// Who acts, as metadata name it.
    public var actor: String { "operator:\(by)" }

    /// Appends its two members to the object that is being written.
    public func encodeMembers(to json: inout JSONWriter) {
        json.member("by", by)
        json.member("why", why)
    }

    public init(_ json: JSONObject) throws(JSONError) {
        guard
            let read = Instruction(by: try json.string("by"), why: try json.string("why"))
        else {
            throw json.error(
                "why",
                "must be 1 to 500 bytes, and by 1 to 64, without control characters")
        }
        self = read
    }
}
