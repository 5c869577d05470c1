package import EventSourcing

/// What all spans of one request, and of all that it led to, are derived from: the same for every
/// event that has the request's metadata, in whatever process.
package struct TraceOrigin: Sendable {
    package let trace: TraceID
    /// The client's span; nil where no valid `traceparent` came.
    package let client: SpanID?
    /// What the client decided about sampling; nil where no valid `traceparent` came.
    package let isChosen: Bool?
    private let correlation: String

    /// - Parameter metadata: of an event, a message, or of what is to be recorded.
    package init(_ metadata: Metadata) {
        correlation = metadata.correlation
        if let parent = metadata.trace.flatMap(TraceParent.init) {
            (trace, client, isChosen) = (parent.trace, parent.span, parent.isSampled)
        } else {
            (trace, client, isChosen) = (TraceID(correlation: metadata.correlation), nil, nil)
        }
    }

    // MARK: Ids

    /// The request that a command about `subject` came with.
    ///
    /// - Parameter subject: the id of the stream that it is about.
    package func request(_ subject: String) -> SpanID { asked(.request, subject) }

    /// The command about `subject`.
    package func command(_ subject: String) -> SpanID { asked(.command, subject) }

    private func asked(_ kind: SpanDerivation.Kind, _ subject: String) -> SpanID {
        var derivation = SpanDerivation(kind, in: trace)
        derivation.add(client?.value ?? 0)
        derivation.add(correlation)
        derivation.add(subject)
        return derivation.id
    }

    /// The publishing of an event.
    package func publishing(_ event: EventIdentity) -> SpanID {
        var derivation = SpanDerivation(.publishing, in: trace)
        derivation.add(event)
        return derivation.id
    }

    /// What a reader did with an event: a service, by its log's name, or a gateway's projections,
    /// by their name at the broker.
    package func handling(of event: EventIdentity, by reader: String) -> SpanID {
        var derivation = SpanDerivation(.handling, in: trace)
        derivation.add(event)
        derivation.add(reader)
        return derivation.id
    }

    /// A timer that came due, by what it recorded.
    package func timer(of log: LogName, _ stream: StreamID, at recordedAt: Timestamp) -> SpanID {
        var derivation = SpanDerivation(.timer, in: trace)
        derivation.add(log.value)
        derivation.add(stream.id)
        derivation.add(recordedAt.microseconds)
        return derivation.id
    }

    /// A call to the outside: the same one where it is made again after a crash, another one where
    /// it was put off.
    package func call(by log: LogName, key: String, attempt: Int, due: Timestamp) -> SpanID {
        var derivation = SpanDerivation(.call, in: trace)
        derivation.add(log.value)
        derivation.add(key)
        derivation.add(Int64(attempt))
        derivation.add(due.microseconds)
        return derivation.id
    }

    /// A commit, under one of the spans that it was for.
    package static func batch(in trace: TraceID, under parent: SpanID) -> SpanID {
        var derivation = SpanDerivation(.batch, in: trace)
        derivation.add(parent.value)
        return derivation.id
    }

    /// The span in which an event was recorded: the handling of its cause, a timer, or a command.
    package func recorder(
        of metadata: Metadata, in log: LogName, _ stream: StreamID, at recordedAt: Timestamp
    ) -> SpanID {
        if let cause = metadata.cause { return handling(of: cause, by: log.value) }
        if metadata.isOfTimer { return timer(of: log, stream, at: recordedAt) }
        return command(stream.id)
    }
}

extension Metadata {
    /// Whether a timer recorded it.
    package var isOfTimer: Bool { cause == nil && actor == Self.timer }
}

extension SpanDerivation {
    fileprivate mutating func add(_ event: EventIdentity) {
        add(event.log.value)
        add(event.epoch.value)
        add(event.position.value)
    }
}

/// A `traceparent` of version 00, as it is recorded (W3C Trace Context, 3.2).
package struct TraceParent: Hashable, Sendable {
    package let trace: TraceID
    package let span: SpanID
    package let isSampled: Bool

    package init(trace: TraceID, span: SpanID, isSampled: Bool) {
        (self.trace, self.span, self.isSampled) = (trace, span, isSampled)
    }

    /// Nil for any other text.
    package init?(_ text: String) {
        var text = text
        guard let parent = text.withUTF8(TraceParent.read) else { return nil }
        self = parent
    }

    private static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> TraceParent? {
        guard bytes.count == 55, bytes[0] == 0x30, bytes[1] == 0x30, bytes[2] == 0x2D,
            bytes[35] == 0x2D, bytes[52] == 0x2D,
            let high = Hex.number(bytes, at: 3), let low = Hex.number(bytes, at: 19),
            let span = Hex.number(bytes, at: 36), span != 0,
            let flags = Hex.byte(bytes[53], bytes[54]),
            let trace = TraceID(high: high, low: low)
        else { return nil }
        return TraceParent(trace: trace, span: SpanID(span), isSampled: flags & 1 == 1)
    }

    /// `00-<trace>-<span>-01`, or `-00` where it is not sampled.
    package var header: String { "00-\(trace)-\(span)-\(isSampled ? "01" : "00")" }
}
