/// A cache that forgets what was not used for long: when the young half is full it becomes the old
/// one. How much of it a value takes is reckoned whenever the value is put in.
public struct TwoGenerations<Key: Hashable & Sendable, Value> {
    @usableFromInline var young: [Key: Value] = [:]
    @usableFromInline var old: [Key: Value] = [:]
    @usableFromInline let half: Int
    /// What the values of `young` take.
    @usableFromInline var weight = 0
    @usableFromInline let weigh: @Sendable (Value) -> Int

    /// - Parameters:
    ///   - capacity: the most it holds.
    ///   - weigh: how much of it a value takes.
    @inlinable
    public init(capacity: Int, weigh: @escaping @Sendable (Value) -> Int = { _ in 1 }) {
        half = max(1, capacity / 2)
        self.weigh = weigh
    }

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
                if let gone = young.removeValue(forKey: key) { weight -= weigh(gone) }
                old[key] = nil
            }
        }
    }

    @inlinable
    mutating func insert(_ key: Key, _ value: Value) {
        weight += weigh(value)
        if let before = young.updateValue(value, forKey: key) { weight -= weigh(before) }
        guard weight >= half else { return }
        old = young
        (young, weight) = ([:], 0)
    }

    @inlinable
    public mutating func removeAll() {
        (young, weight) = ([:], 0)
        old = [:]
    }
}
