/// What is known of an event besides its data.
public struct Metadata: Hashable, Sendable {
    /// The actor of what was recorded because a timer came due.
    public static let timer = "timer"

    /// The same for everything that one request led to.
    public var correlation: String
    /// The event that led to this one; nil where a request or a timer did.
    public var cause: EventIdentity?
    /// Who asked: a principal, `system`, or `timer`.
    public var actor: String
    /// W3C Trace Context `traceparent`, passed on as it came.
    public var trace: String?
    /// Business time, where it differs from the recorded time (an import of past orders).
    public var occurredAt: Timestamp?

    public init(
        correlation: String, cause: EventIdentity? = nil, actor: String, trace: String? = nil,
        occurredAt: Timestamp? = nil
    ) {
        self.correlation = correlation
        self.cause = cause
        self.actor = actor
        self.trace = trace
        self.occurredAt = occurredAt
    }

    /// Appends the stored form, one JSON object with absent members left out.
    public func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("correlation", correlation)
            if let cause { json.member("cause", cause.description) }
            json.member("actor", actor)
            if let trace { json.member("trace", trace) }
            if let occurredAt { json.member("occurredAt", occurredAt.microseconds) }
        }
    }

    /// Reads the stored form; members it does not know are passed over.
    public init(_ json: JSON) throws(JSONError) {
        let object = try JSONObject(json)
        correlation = try object.string("correlation")
        let causeText = try object.optionalString("cause")
        cause = causeText.flatMap(EventIdentity.init)
        if cause == nil, causeText != nil { throw object.error("cause", "is no event identity") }
        actor = try object.string("actor")
        trace = try object.optionalString("trace")
        occurredAt = try object.optionalInteger("occurredAt").map(Timestamp.init(microseconds:))
    }
}

/// An event as the log holds it.
public struct Recorded<Event: Sendable>: Sendable {
    public let identity: EventIdentity
    public let stream: StreamID
    /// The stream's version with this event: 1 for its first.
    public let version: Version
    public let recordedAt: Timestamp
    public let metadata: Metadata
    public let event: Event

    public init(
        identity: EventIdentity, stream: StreamID, version: Version, recordedAt: Timestamp,
        metadata: Metadata, event: Event
    ) {
        self.identity = identity
        self.stream = stream
        self.version = version
        self.recordedAt = recordedAt
        self.metadata = metadata
        self.event = event
    }
}
