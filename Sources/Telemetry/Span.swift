package import EventSourcing

/// One piece of work of a trace, done. An object, as it is handed on from thread to thread.
package final class Span: Sendable {
    /// Another span that this one has to do with.
    package struct Link: Hashable, Sendable {
        package let trace: TraceID
        package let span: SpanID

        package init(_ trace: TraceID, _ span: SpanID) { (self.trace, self.span) = (trace, span) }
    }

    /// An event as spans speak of it.
    package struct Event: Hashable, Sendable {
        package let identity: EventIdentity
        /// The channel that carried it.
        package let channel: String
        package let type: String
        package let stream: StreamID

        package init(identity: EventIdentity, channel: String, type: String, stream: StreamID) {
            (self.identity, self.channel) = (identity, channel)
            (self.type, self.stream) = (type, stream)
        }
    }

    /// What was done.
    package enum Work: Sendable {
        /// A request was answered; nil where it was about no stream.
        case request(method: String, route: String, path: String, status: Int, StreamID?)
        /// A command about a stream was decided.
        case command(StaticString, StreamID)
        /// An event waited for its relay, and was stored by the broker.
        case publishing(Event)
        /// An event was taken in, with all that it led to there.
        case handling(Event, reader: String)
        /// The same, of an event of which the reader's log knows the name alone.
        case retoldHandling(EventIdentity, reader: String)
        /// What had waited for its turn was begun.
        case beginning(StreamID)
        /// A timer came due.
        case timer(StreamID)
        /// Somebody outside was called.
        case call(kind: String, key: String, attempt: Int, stream: StreamID)
        /// A batch was committed, with so many events.
        case commit(events: Int)
        /// A batch of so many messages was folded into rows.
        case projection(messages: Int)
    }

    package let trace: TraceID
    package let id: SpanID
    /// Nil for a trace's first.
    package let parent: SpanID?
    package let start: Timestamp
    package let end: Timestamp
    package let work: Work
    /// What went wrong; nil where nothing did.
    package let failure: String?
    /// At most `mostLinks` are told.
    package let links: [Link]
    /// Whether it was read off the log after a process had died, and its times are those of the
    /// record alone.
    package let isRetold: Bool

    package static let mostLinks = 31

    /// - Parameter end: what lies before `start`, as a clock that was set may have it, counts as
    ///   `start`.
    package init(
        _ work: Work, trace: TraceID, id: SpanID, parent: SpanID?, start: Timestamp, end: Timestamp,
        failure: String? = nil, links: [Link] = [], isRetold: Bool = false
    ) {
        (self.work, self.trace, self.id, self.parent) = (work, trace, id, parent)
        (self.start, self.end, self.failure) = (start, max(start, end), failure)
        (self.links, self.isRetold) = (links, isRetold)
    }
}

extension StreamID {
    /// The order that the stream is about; nil where it is about something else.
    package var order: String? {
        let isOfOrder =
            switch category.utf8.count {
            case 5: category == "order"
            case 7: category == "payment"
            case 8: category == "checkout" || category == "delivery"
            case 11: category == "reservation"
            case 12: category == "notification"
            default: false
            }
        return isOfOrder ? id : nil
    }
}
