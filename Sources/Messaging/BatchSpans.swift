package import EventSourcing
package import Telemetry

/// The spans of what was committed together, and the one of the commit: under the first of them,
/// with links to others.
package struct BatchSpans {
    package private(set) var spans: [Span] = []
    /// What the commit was for, and when the first of it began.
    private var links: [Span.Link] = []
    private var begin = Timestamp.epoch

    package init() {}

    package mutating func reserve(_ count: Int) { spans.reserveCapacity(count) }

    package mutating func add(_ span: Span) {
        spans.append(span)
        link(span.trace, span.id, at: span.start)
    }

    /// Adds what the batch was for and is told of elsewhere.
    package mutating func link(_ trace: TraceID, _ span: SpanID, at start: Timestamp) {
        guard links.count <= Span.mostLinks else { return }
        if links.isEmpty { begin = start }
        links.append(Span.Link(trace, span))
    }

    /// Adds the commit, where anything in it is told of.
    package mutating func add(
        _ work: Span.Work, from began: Timestamp, to ended: Timestamp, failure: String? = nil
    ) {
        guard let first = links.first else { return }
        spans.append(
            Span(
                work, trace: first.trace,
                id: TraceOrigin.batch(in: first.trace, under: first.span), parent: first.span,
                start: max(began, begin), end: ended, failure: failure,
                links: Array(links.dropFirst())))
    }
}

extension Message {
    /// As spans speak of it.
    package var event: Span.Event {
        Span.Event(identity: identity, channel: channel, type: type.name, stream: stream)
    }

    /// The span of what a reader did with it; it was published before, whatever clocks say.
    package func handling(
        by reader: String, _ origin: TraceOrigin, from start: Timestamp, to end: Timestamp,
        failure: String? = nil
    ) -> Span {
        Span(
            .handling(event, reader: reader), trace: origin.trace,
            id: origin.handling(of: identity, by: reader), parent: origin.publishing(identity),
            start: max(start, recordedAt), end: end, failure: failure)
    }
}
