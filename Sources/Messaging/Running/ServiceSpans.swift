import EventSourcing
import EventStore
import Telemetry

/// Tells of what a service does: its commands, the messages it takes in, its timers, calls and
/// commits, and what its relay publishes.
struct ServiceSpans<Core: ServiceCore>: Sendable {
    let tracer: Tracer

    /// Tells of a batch that was committed, or was to be.
    func tell(
        _ batch: [Inbox<Core>.Pending], _ outputs: [EngineOutput<Core.Answer>],
        _ trail: EngineTrail, from began: Timestamp, to ended: Timestamp, failure: String?
    ) {
        guard !batch.isEmpty || trail.events > 0 else { return }
        var told = BatchSpans()
        told.reserve(trail.handled.count + 8)
        // When each source's messages came: each has one input in a batch at most.
        var arrivals: [(source: Source, at: Timestamp)] = []
        for (pending, output) in zip(batch, outputs) {
            switch pending.input {
            case .bulletins(let source, _), .page(let source, _):
                arrivals.append((source, pending.at))
            case .command(let command, let context):
                guard let origin = tracer.origin(of: context.metadata) else { continue }
                let label = Core.label(of: command)
                told.add(
                    Span(
                        .command(label.name, label.subject), trace: origin.trace,
                        id: origin.command(label.subject.id),
                        parent: origin.request(label.subject.id), start: pending.at, end: ended,
                        failure: output.failure))
            case .effect(let effect, _):
                guard let origin = tracer.origin(of: effect.origin) else { continue }
                told.link(origin.trace, effect.span(origin, Core.log), at: began)
            case .rewind, .published, .halt, .checkpoint, .parked: continue
            }
        }
        for handled in trail.handled {
            let message = handled.message
            guard let origin = tracer.origin(of: message.metadata) else { continue }
            let arrival = arrivals.first {
                $0.source.log == message.identity.log && $0.source.channel == message.channel
            }
            told.add(
                message.handling(
                    by: Core.log.value, origin, from: arrival?.at ?? began, to: ended,
                    failure: handled.parked))
        }
        addOwn(trail.own, from: began, to: ended, in: &told)
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
                metadata.isOfTimer || metadata.cause?.log == Core.log,
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
        let (stream, log) = (record.stream, Core.log)
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
        for (effect, result) in zip(effects, results) {
            let metadata = effect.origin
            guard let origin = tracer.origin(of: metadata) else { continue }
            let asked =
                metadata.cause.map { origin.handling(of: $0, by: Core.log.value) }
                ?? origin.command(effect.stream.id)
            spans.append(
                Span(
                    .call(
                        kind: effect.kind, key: effect.key, attempt: effect.attempts + 1,
                        stream: effect.stream),
                    trace: origin.trace, id: effect.span(origin, Core.log), parent: asked,
                    start: began, end: ended, failure: result.failure))
        }
        tracer.tell(spans)
    }

    /// Tells of events that the broker has stored.
    func tell(_ published: [Message], to ended: Timestamp) {
        var spans: [Span] = []
        spans.reserveCapacity(published.count)
        for message in published {
            guard let origin = tracer.origin(of: message.metadata) else { continue }
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
                of: message.metadata, in: Core.log, message.stream, at: message.recordedAt),
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
            let form = Core.publication.forms(of: record).first
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

extension EngineOutput where Answer: ServiceAnswer {
    /// Why a command was not carried out; nil where it was.
    fileprivate var failure: String? {
        switch self {
        case .answer(let answer, _): answer.refusal
        case .keyReused: "the idempotency key was used for another request"
        case .unknown(let why), .unavailable(let why), .stopped(let why): why
        case .taken, .at, .gap, .foreign, .done, .parked: nil
        }
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
