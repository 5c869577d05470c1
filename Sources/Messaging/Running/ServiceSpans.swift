import EventSourcing
import EventStore
import Telemetry

/// Tells of what a service does: its commands, the messages it takes in, its timers, calls and
/// commits, and what its relay publishes.
struct ServiceSpans: Sendable {
    let tracer: Tracer
    let log: LogName
    let publication: Publication
    /// When the messages of each source came that are now taken in.
    let arrivals = Arrivals()

    /// Tells of a batch that was committed, or was to be.
    ///
    /// - Parameter arrived: when its messages came.
    func tell(
        _ trail: EngineTrail, _ arrived: Arrivals.Times, from began: Timestamp,
        to ended: Timestamp, failure: String?
    ) {
        guard !trail.isEmpty else { return }
        var told = BatchSpans()
        told.reserve(trail.handled.count + trail.decided.count + 4)
        for decided in trail.decided {
            guard let origin = tracer.origin(of: decided.context.metadata) else { continue }
            let subject = decided.label.subject
            told.add(
                Span(
                    .command(decided.label.name, subject), trace: origin.trace,
                    id: origin.command(subject.id), parent: origin.request(subject.id),
                    start: decided.context.at, end: ended, failure: decided.failure))
        }
        for handled in trail.handled {
            let message = handled.message
            guard let origin = tracer.origin(of: message) else { continue }
            told.add(
                message.handling(
                    by: log.value, origin, from: arrived.time(of: message) ?? began, to: ended,
                    failure: handled.parked))
        }
        addOwn(trail.own, from: began, to: ended, in: &told)
        for effect in trail.finished where told.hasRoom {
            guard let origin = tracer.origin(of: effect.origin) else { continue }
            told.link(origin.trace, effect.span(origin, log), at: began)
        }
        told.add(.commit(events: trail.events), from: began, to: ended, failure: failure)
        tracer.tell(told.spans)
    }

    /// Adds what nobody sent: timers that came due, and what had waited.
    private func addOwn(
        _ records: [StoredRecord], from began: Timestamp, to ended: Timestamp,
        in told: inout BatchSpans
    ) {
        var last: SpanID?
        for record in records {
            guard let metadata = try? record.parsedMetadata(),
                metadata.isOfTimer || metadata.cause?.log == log,
                let span = recorder(of: record, metadata, from: began, to: ended),
                span.id != last
            else { continue }
            last = span.id
            told.add(span)
        }
    }

    /// The span in which an event was recorded; nil where its trace is not told of.
    private func recorder(
        of record: StoredRecord, _ metadata: Metadata, from began: Timestamp, to ended: Timestamp,
        isRetold: Bool = false
    ) -> Span? {
        guard let origin = tracer.origin(of: metadata) else { return nil }
        let stream = record.stream
        let id = origin.recorder(of: metadata, in: log, stream, at: record.recordedAt)
        func span(_ work: Span.Work, under parent: SpanID) -> Span {
            Span(
                work, trace: origin.trace, id: id, parent: parent, start: began, end: ended,
                isRetold: isRetold)
        }
        if metadata.isOfTimer { return span(.timer(stream), under: origin.command(stream.id)) }
        guard let cause = metadata.cause else {
            return span(.command("command", stream), under: origin.request(stream.id))
        }
        if cause.log == log { return span(.beginning(stream), under: origin.command(stream.id)) }
        return span(
            .retoldHandling(cause, reader: log.value), under: origin.publishing(cause))
    }

    /// Tells of calls to the outside that were made together.
    func tell(
        _ effects: [Effect], _ results: [EffectResult], from began: Timestamp, to ended: Timestamp
    ) {
        guard tracer.isOn else { return }
        var spans: [Span] = []
        spans.reserveCapacity(effects.count)
        for (effect, result) in zip(effects, results) {
            let metadata = effect.origin
            guard let origin = tracer.origin(of: metadata) else { continue }
            let asked =
                metadata.cause.map { origin.handling(of: $0, by: log.value) }
                ?? origin.command(effect.stream.id)
            spans.append(
                Span(
                    .call(
                        kind: effect.kind, key: effect.key, attempt: effect.attempts + 1,
                        stream: effect.stream),
                    trace: origin.trace, id: effect.span(origin, log), parent: asked,
                    start: began, end: ended, failure: result.failure))
        }
        tracer.tell(spans)
    }

    /// Tells of events that the broker has stored.
    func tell(_ published: [Message], to ended: Timestamp) {
        var spans: [Span] = []
        spans.reserveCapacity(published.count)
        for message in published {
            guard let origin = tracer.origin(of: message) else { continue }
            spans.append(publishing(message, origin, to: ended))
        }
        tracer.tell(spans)
    }

    /// From the moment that it is on record: so it begins before whatever reads it, also where that
    /// is read from the log's feed before the relay comes to it.
    private func publishing(
        _ message: Message, _ origin: TraceOrigin, to ended: Timestamp, isRetold: Bool = false
    ) -> Span {
        Span(
            .publishing(message.event), trace: origin.trace,
            id: origin.publishing(message.identity),
            parent: origin.recorder(
                of: message.metadata, in: log, message.stream, at: message.recordedAt),
            start: message.recordedAt, end: ended, isRetold: isRetold)
    }
}

// MARK: After a death

extension ServiceSpans {
    /// What was recorded so long before the newest event is told of again, unless there is more of
    /// it: what is older was told before the process died, or never will be.
    private static var retoldTime: Duration { .seconds(10) }
    private static var retoldEvents: Int64 { 5000 }

    /// Tells again what the newest events of a log say was done, as a process that was killed took
    /// what it had not sent with it. The ids are those of before; the times are those of the
    /// record.
    ///
    /// - Parameters:
    ///   - path: the log's file.
    ///   - published: what comes after it is told when it is published.
    func retell(_ path: String, through head: Position, published: Position) {
        let start = Position(max(0, head.value - Self.retoldEvents))
        guard let queries = try? LogReader(path: path).queries,
            let records = try? queries.log(after: start, limit: Int(head.value - start.value)),
            let newest = records.last?.recordedAt
        else { return }
        var (spans, told): ([Span], Set<Span.Link>) = ([], [])
        for record in records where newest - record.recordedAt <= Self.retoldTime {
            guard let metadata = try? record.parsedMetadata(),
                let origin = tracer.origin(of: metadata)
            else { continue }
            let at = record.recordedAt
            let form = publication.forms(of: record).first
            // A command's events that stay in the log may be of another stream than it is about.
            if form != nil || metadata.cause != nil || metadata.isOfTimer,
                let span = recorder(of: record, metadata, from: at, to: at, isRetold: true),
                told.insert(Span.Link(span.trace, span.id)).inserted
            {
                spans.append(span)
            }
            guard let form, record.position <= published else { continue }
            let message = record.message(form, previous: .start, metadata)
            spans.append(publishing(message, origin, to: at, isRetold: true))
        }
        tracer.tell(spans)
    }
}

extension Effect {
    /// What the event was recorded with that asked for it.
    fileprivate var origin: Metadata { meaning ?? Metadata(stored: metadata) }

    /// The call that is made for it now.
    fileprivate func span(_ origin: TraceOrigin, _ log: LogName) -> SpanID {
        origin.call(by: log, key: key, attempt: attempts, due: due)
    }
}

extension EffectResult {
    fileprivate var failure: String? {
        switch self {
        case .answered: nil
        case .noAnswer(let why), .notMade(let why): why
        }
    }
}
