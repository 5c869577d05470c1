import EventSourcing

/// What tells one process from another in all its spans.
package struct TelemetryResource: Hashable, Sendable {
    package let version: String
    /// Tells one run from the next.
    package let instance: String
    package let process: Int64
    package let host: String

    package init(version: String, instance: String, process: Int64, host: String) {
        (self.version, self.instance) = (version, instance)
        (self.process, self.host) = (process, host)
    }
}

/// Writes spans as OTLP's `ExportTraceServiceRequest` in its JSON encoding: numbers of 64 bits as
/// texts, enumerations as numbers, ids as hexadecimal digits (opentelemetry-proto 1, "JSON Protobuf
/// Encoding").
package struct OTLPEncoder {
    /// The most spans in a body, and the most bytes.
    package static let mostSpans = 2000
    package static let mostBytes = 512 * 1024

    private let resource: TelemetryResource
    private var heads: [String: [UInt8]] = [:]

    package init(_ resource: TelemetryResource) { self.resource = resource }

    /// The lots that are being written, those of a part one behind the other.
    package struct Pile {
        private(set) var lots: [SpanLot]
        /// The next span's lot, and its place in that.
        fileprivate var lot = 0
        fileprivate var span = 0

        package init(_ lots: [SpanLot]) {
            // A part's own order stays, as Dictionary's grouping keeps it.
            self.lots = Dictionary(grouping: lots, by: \.part).sorted { $0.key < $1.key }
                .flatMap(\.value)
        }

        package var isEmpty: Bool { lot >= lots.count }
    }

    /// Writes as much of the pile as one body takes, and takes that off it; one span at least.
    ///
    /// - Returns: the body, and how many spans it holds.
    package mutating func body(from pile: inout Pile) -> (bytes: [UInt8], spans: Int) {
        var spans = 0
        for lot in pile.lots[pile.lot...] where heads[lot.part] == nil {
            heads[lot.part] = head(lot.part)
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.mostBytes) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            var text = OTLPText(base)
            text.put("{\"resourceSpans\":[")
            var part: String?
            while pile.lot < pile.lots.count {
                let lot = pile.lots[pile.lot]
                let head = part == lot.part ? nil : heads[lot.part]
                let before = spans
                let room = buffer.count - Self.rest - (head?.count ?? 0)
                while pile.span < lot.spans.count, spans < Self.mostSpans {
                    let span = lot.spans[pile.span]
                    guard text.count + span.mostBytes <= room else { break }
                    if spans > before || head == nil {
                        text.put(UInt8(ascii: ","))
                    } else if let head {
                        if part != nil { text.put("]}]},") }
                        text.put(head)
                    }
                    span.write(to: &text)
                    spans += 1
                    pile.span += 1
                }
                if spans > before { part = lot.part }
                guard pile.span == lot.spans.count else { break }
                pile.lot += 1
                pile.span = 0
            }
            text.put(part == nil ? "]}" : "]}]}]}")
            count = text.count
        }
        return (bytes, spans)
    }

    /// What ends a body and begins a resource.
    private static let rest = 32

    /// A part's resource and scope, up to its first span.
    private func head(_ part: String) -> [UInt8] {
        var json = JSONWriter(reserving: 700)
        json.object { json in
            json.member("attributes") { json in
                json.array { json in
                    func add(_ key: String, _ name: StaticString, _ value: String) {
                        json.object { json in
                            json.member("key", key)
                            json.member("value") { json in
                                json.object { $0.member(name, value) }
                            }
                        }
                    }
                    add("service.name", "stringValue", "kassa-\(part)")
                    add("service.version", "stringValue", resource.version)
                    add("service.instance.id", "stringValue", resource.instance)
                    add("process.pid", "intValue", "\(resource.process)")
                    add("host.name", "stringValue", resource.host)
                }
            }
        }
        var scope = JSONWriter(reserving: 60)
        scope.object { scope in
            scope.member("name", "kassa")
            scope.member("version", resource.version)
        }
        return Array("{\"resource\":".utf8) + json.bytes
            + Array(",\"scopeSpans\":[{\"scope\":".utf8) + scope.bytes + Array(",\"spans\":[".utf8)
    }
}
