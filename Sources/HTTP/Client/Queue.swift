/// First in, first out, and at times back in front: a ring that grows and lets go of what is taken.
struct Queue<Element> {
    /// A power of two, or none.
    private var slots: [Element?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var first: Element? { count == 0 ? nil : slots[head] }
    var last: Element? { count == 0 ? nil : slots[slot(count - 1)] }

    private func slot(_ offset: Int) -> Int { (head + offset) & (slots.count - 1) }

    mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[slot(count)] = element
        count += 1
    }

    mutating func prepend(_ element: Element) {
        if count == slots.count { grow() }
        head = slot(slots.count - 1)
        slots[head] = element
        count += 1
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head]
        slots[head] = nil
        head = slot(1)
        count -= 1
        return element
    }

    @discardableResult
    mutating func popLast() -> Element? {
        guard count > 0 else { return nil }
        count -= 1
        let element = slots[slot(count)]
        slots[slot(count)] = nil
        return element
    }

    /// From the first to the last, each of which may be changed.
    mutating func update(_ body: (inout Element) -> Void) {
        for offset in 0..<count {
            guard var element = slots[slot(offset)] else { continue }
            body(&element)
            slots[slot(offset)] = element
        }
    }

    /// Takes each out once; those that `stays` keep their order.
    mutating func keep(where stays: (Element) -> Bool) {
        for _ in 0..<count {
            if let element = popFirst(), stays(element) { append(element) }
        }
    }

    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(8, 2 * slots.count))
        for offset in 0..<count { larger.append(slots[slot(offset)]) }
        while larger.count < max(8, 2 * slots.count) { larger.append(nil) }
        (slots, head) = (larger, 0)
    }
}
