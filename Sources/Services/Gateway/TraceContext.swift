import EventSourcing

/// Where a request stands in a trace that spans services. Source: W3C Trace Context, level 1.
struct TraceContext: Hashable, Sendable {
    /// 32 lower-case hexadecimal digits.
    let traceID: String
    /// `00-<trace id>-<parent id>-<flags>`
    let header: String

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
        traceID = String(decoding: trace, as: UTF8.self)
        header = "00-" + String(decoding: bytes[3..<55], as: UTF8.self)
    }

    /// A trace that begins here.
    init(fresh runtime: any Runtime) {
        // Neither id may be all zeros.
        traceID = Self.hex(runtime.random()) + Self.hex(runtime.random() | 1)
        header = "00-\(traceID)-\(Self.hex(runtime.random() | 1))-01"
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
