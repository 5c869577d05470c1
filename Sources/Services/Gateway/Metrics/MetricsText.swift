/// Writes metrics in Prometheus' text format, version 0.0.4: families one after the other, each
/// with its help, its type and its samples.
///
/// Names of families and labels come from the code; labels' values may be any text.
package struct MetricsText: Sendable {
    package enum Kind: String, Sendable {
        /// Only grows, and starts at 0 with the process; its name ends in `_total`.
        case counter
        case gauge
        case histogram
    }

    package typealias Labels = KeyValuePairs<StaticString, String>
    /// What the answer's media type must be.
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var bytes: [UInt8] = []
    private var name: StaticString = ""

    package init() { bytes.reserveCapacity(16 * 1024) }

    /// Begins a family; what follows are its samples.
    package mutating func family(_ name: StaticString, _ kind: Kind, _ help: String) {
        self.name = name
        append("# HELP \(name) ")
        escape(help, quotes: false)
        append("\n# TYPE \(name) \(kind.rawValue)\n")
    }

    package mutating func sample(_ labels: Labels, _ value: Int64) {
        sample("", labels, "\(value)")
    }

    package mutating func sample(_ labels: Labels, _ value: Double) {
        sample("", labels, Self.number(value))
    }

    /// 1 or 0.
    package mutating func sample(_ labels: Labels, _ value: Bool) {
        sample("", labels, value ? "1" : "0")
    }

    /// A histogram's lines for one set of labels.
    ///
    /// - Parameters:
    ///   - counts: how many fell in each bucket alone; one more than `bounds`, for what is above
    ///     them all.
    ///   - bounds: the buckets' upper ends, ascending.
    package mutating func histogram(
        _ label: StaticString, _ value: String, counts: [Int64], bounds: [Double], sum: Double
    ) {
        var total: Int64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
            sample("_bucket", [label: value, "le": bound], "\(total)")
        }
        sample("_sum", [label: value], Self.number(sum))
        sample("_count", [label: value], "\(total)")
    }

    private mutating func sample(_ suffix: String, _ labels: Labels, _ value: String) {
        append("\(name)\(suffix)")
        for (index, label) in labels.enumerated() {
            append("\(index == 0 ? "{" : ",")\(label.key)=\"")
            escape(label.value, quotes: true)
            append("\"")
        }
        append("\(labels.isEmpty ? "" : "}") \(value)\n")
    }

    /// Byte by byte: a combining mark behind a quote must not hide it.
    private mutating func escape(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// As Go reads a number: `NaN`, `+Inf`, and whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }
}
