/// Makes a span's id from what the span is about, so that whoever knows that knows the id: a
/// process need not be told by another, nor by itself before it died.
///
/// Words go through the finalizer of SplitMix64 one after the other (Steele, Lea and Flood, "Fast
/// Splittable Pseudorandom Number Generators", 2014). It is no cryptographic hash, and need be
/// none: ids must differ among the spans of one trace.
struct SpanDerivation {
    /// What a span is about; the numbers are part of the ids.
    enum Kind: UInt64 {
        case request = 1
        case command = 2
        case publishing = 3
        case handling = 4
        case timer = 5
        case call = 6
        case batch = 7
    }

    private var state: UInt64

    init(_ kind: Kind, in trace: TraceID) {
        state = kind.rawValue
        add(trace.high)
        add(trace.low)
    }

    mutating func add(_ word: UInt64) {
        var mixed = (state &+ 0x9E37_79B9_7F4A_7C15) ^ word
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        state = mixed ^ mixed >> 31
    }

    mutating func add(_ number: Int64) { add(UInt64(bitPattern: number)) }

    /// Adds the length, and the bytes as words of eight, the first byte the lowest.
    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            add(UInt64(bytes.count))
            var at = 0
            while at < bytes.count {
                var word: UInt64 = 0
                let end = min(at + 8, bytes.count)
                for place in (at..<end).reversed() { word = word << 8 | UInt64(bytes[place]) }
                add(word)
                at = end
            }
        }
    }

    var id: SpanID { SpanID(state) }
}
