import Glibc

/// A cache that forgets what was not used for long: when the young half is full it becomes the old
/// one.
public struct TwoGenerations<Key: Hashable & Sendable, Value> {
    @usableFromInline var young: [Key: Value] = [:]
    @usableFromInline var old: [Key: Value] = [:]
    @usableFromInline let half: Int

    /// - Parameter capacity: the most it holds.
    @inlinable
    public init(capacity: Int) { half = max(1, capacity / 2) }

    @inlinable
    public subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old[key] else { return nil }
            insert(key, value)
            return value
        }
        set {
            if let newValue {
                insert(key, newValue)
            } else {
                young[key] = nil
                old[key] = nil
            }
        }
    }

    @inlinable
    mutating func insert(_ key: Key, _ value: Value) {
        guard young.updateValue(value, forKey: key) == nil, young.count >= half else { return }
        old = young
        young = [:]
    }

    @inlinable
    public mutating func removeAll() {
        young = [:]
        old = [:]
    }
}

/// A text as a key, equal only to the same bytes. (To a dictionary a composed and a decomposed
/// letter are the same `String`; to the file they are two.)
public struct ExactText: Hashable, Sendable {
    package let text: String

    public init(_ text: String) { self.text = text }

    public static func == (a: Self, b: Self) -> Bool {
        // Equal bytes are always an equal `String`, which is quickly compared.
        a.text.utf8.count == b.text.utf8.count && a.text == b.text && isSame(a.text, b.text)
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        let isSame = a.utf8.withContiguousStorageIfAvailable { a in
            b.utf8.withContiguousStorageIfAvailable { b in
                guard let start = a.baseAddress, let other = b.baseAddress else { return true }
                return memcmp(start, other, a.count) == 0
            }
        }
        return (isSame ?? nil) ?? a.utf8.elementsEqual(b.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        let isDone: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isDone == nil { for byte in text.utf8 { hasher.combine(byte) } }
    }
}
