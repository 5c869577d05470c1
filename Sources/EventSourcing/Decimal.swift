extension [UInt8] {
    /// Appends a text's bytes, in one piece.
    public mutating func append(utf8 text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: $0) }
    }

    /// Appends a number's decimal digits, with a `-` before a negative one.
    public mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value.magnitude
            var at = digits.count
            repeat {
                at -= 1
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                digits[at] = 0x30 &+ UInt8(truncatingIfNeeded: digit)
                rest = quotient
            } while rest > 0
            append(contentsOf: UnsafeBufferPointer(rebasing: digits[at...]))
        }
    }
}

extension Int64 {
    /// Reads ASCII digits only: no sign, no leading zero but `0` itself, no overflow. Nil for all
    /// else.
    public init?(strictDecimal bytes: some Sequence<UInt8>) {
        var value: Int64 = 0
        var count = 0
        for byte in bytes {
            guard byte >= 0x30, byte <= 0x39, !(count > 0 && value == 0) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(byte &- 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
            count += 1
        }
        guard count > 0 else { return nil }
        self = value
    }
}
