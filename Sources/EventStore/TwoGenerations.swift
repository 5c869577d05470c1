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
