/// An input's bytes, taken from the front: choices first, then what is to be read.
///
/// Small numbers are a byte's lower bits, so that a seed can be written as text: `3` is 3.
struct FuzzInput {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    var isEmpty: Bool { bytes.isEmpty }

    /// The next byte; 0 where none is left.
    mutating func byte() -> UInt8 { bytes.popFirst() ?? 0 }

    /// The lower four bits of the next byte.
    mutating func small() -> Int { Int(byte() & 15) }

    /// A little-endian number of so many bytes.
    mutating func number(_ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(byte()) << UInt64($1 * 8) }
    }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
    }

    mutating func rest() -> [UInt8] { take(bytes.count) }

    /// Sizes of pieces: how many, then a byte each. One byte at a time where there are none.
    mutating func sizes() -> [Int] {
        let sizes = (0..<small()).map { _ in Int(byte()) + 1 }
        return sizes.isEmpty ? [1] : sizes
    }
}

/// The bytes cut into pieces of these sizes, which come again and again.
func pieces(_ bytes: [UInt8], _ sizes: [Int]) -> [ArraySlice<UInt8>] {
    var rest = bytes[...]
    var pieces: [ArraySlice<UInt8>] = []
    while !rest.isEmpty {
        let size = sizes[pieces.count % sizes.count]
        pieces.append(rest.prefix(size))
        rest = rest.dropFirst(size)
    }
    return pieces
}
