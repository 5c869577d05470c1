import EventSourcing
import Telemetry

/// Where a request stands in a trace that spans services. Source: W3C Trace Context, level 1.
struct TraceContext: Hashable, Sendable {
    /// `00-<trace id>-<parent id>-<flags>`
    let header: String

    /// 32 lower-case hexadecimal digits.
    var traceID: String { String(decoding: header.utf8.dropFirst(3).prefix(32), as: UTF8.self) }

    /// Reads a `traceparent`; nil for one that is malformed. Later versions are read as version 00.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 55, bytes[2] == 0x2D, bytes[35] == 0x2D, bytes[52] == 0x2D else {
            return nil
        }
        let version = bytes[0..<2]
        let trace = bytes[3..<35]
        let parent = bytes[36..<52]
        let flags = bytes[53..<55]
        guard (version + trace + parent + flags).allSatisfy(Self.isHex),
            !version.elementsEqual("ff".utf8), trace.contains(where: { $0 != 0x30 }),
            parent.contains(where: { $0 != 0x30 })
        else { return nil }
        if version.elementsEqual("00".utf8) {
            guard bytes.count == 55 else { return nil }
        } else {
            guard bytes.count == 55 || bytes[55] == 0x2D, bytes.count <= 256 else { return nil }
        }
        header = "00-" + String(decoding: bytes[3..<55], as: UTF8.self)
    }

    /// One that is known already.
    init(_ parent: TraceParent) { header = parent.header }

    /// The trace that what is recorded with these metadata has, so that lines of the log and
    /// answers name the same.
    init(of metadata: Metadata, _ runtime: any Runtime) {
        self.init(
            TraceParent(
                trace: TraceOrigin(metadata).trace, span: SpanID(runtime.random() | 1),
                isSampled: true))
    }

    /// A trace that begins here.
    init(fresh runtime: any Runtime) {
        // Neither id may be all zeros.
        let trace = (runtime.random(), runtime.random() | 1)
        let parent = runtime.random() | 1
        header = String(unsafeUninitializedCapacity: 55) { text in
            _ = text.initialize(fromContentsOf: Self.frame.utf8)
            Self.write(trace.0, to: text, at: 3)
            Self.write(trace.1, to: text, at: 19)
            Self.write(parent, to: text, at: 36)
            return 55
        }
    }

    private static let frame = "00-00000000000000000000000000000000-0000000000000000-01"

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// 16 digits.
    private static func write(
        _ value: UInt64, to text: UnsafeMutableBufferPointer<UInt8>, at start: Int
    ) {
        for at in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * at) & 0xF)
            text[start + at] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
        }
    }
}
