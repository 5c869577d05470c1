package import EventSourcing
package import Net

/// What is told, and to whom.
package struct TracingSettings: Hashable, Sendable {
    package let url: CollectorURL
    /// Of the traces that no client decided about, 0 to 1.
    package let share: Double

    package init(_ url: CollectorURL, share: Double = 1) { (self.url, self.share) = (url, share) }
}

/// The tracing of a process: one queue and one exporter for all its parts, or nothing where it is
/// off.
package struct Tracing: Sendable {
    /// Tells nobody.
    package static let off = Tracing(nil, Sampler(share: 0))

    private let exporter: OTLPExporter?
    private let sampler: Sampler

    private init(_ exporter: OTLPExporter?, _ sampler: Sampler) {
        (self.exporter, self.sampler) = (exporter, sampler)
    }

    /// - Parameters:
    ///   - settings: nil for none.
    ///   - notice: told, from any thread, what an operator should know.
    /// - Throws: where the system has no descriptor or thread left.
    package init(
        _ settings: TracingSettings?, _ resource: TelemetryResource, runtime: any Runtime,
        notice: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        guard let settings else {
            self = .off
            return
        }
        self.init(
            try OTLPExporter.start(settings.url, resource, runtime: runtime, notice: notice),
            Sampler(share: settings.share))
    }

    package func tracer(of part: String) -> Tracer {
        exporter.map { Tracer(part: part, sampler: sampler, queue: $0.queue) } ?? .off
    }

    /// What became of the spans so far; nil where it is off.
    package var counts: SpanCounts? { exporter?.queue.counts }

    /// Sends what is queued, for a second at most.
    package func stop() { exporter?.stop() }
}
