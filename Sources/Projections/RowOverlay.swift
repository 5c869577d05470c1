import SQLite

/// Rows of a table by key, and which of them differ from the file.
struct RowOverlay<Row> {
    private struct Slot {
        let key: String
        var row: Row
        var isChanged = false
    }

    private let capacity: Int
    private var places: [String: Int] = [:]
    private var slots: [Slot] = []
    /// The places of what differs from the file, in the order it was first changed.
    private(set) var changed: [Int] = []

    /// The keys of what differs from the file.
    var changedKeys: [String] { changed.map { slots[$0].key } }

    /// - Parameter capacity: the most rows that are kept once they are written.
    init(capacity: Int) { self.capacity = capacity }

    subscript(place: Int) -> Row { slots[place].row }
    func key(at place: Int) -> String { slots[place].key }

    /// The place of a row; one that is not kept is put in as `load` finds it in the file.
    mutating func place<Failure: Error>(
        of key: String, load: () throws(Failure) -> Row
    ) throws(Failure) -> Int {
        if let known = places[key] { return known }
        slots.append(Slot(key: key, row: try load()))
        places[key] = slots.count - 1
        return slots.count - 1
    }

    mutating func change(at place: Int, _ body: (inout Row) -> Void) {
        if !slots[place].isChanged {
            slots[place].isChanged = true
            changed.append(place)
        }
        body(&slots[place].row)
    }

    /// Runs `body` for what differs from the file, by key.
    mutating func forEachChanged(
        _ body: (String, inout Row) throws(SQLiteError) -> Void
    ) throws(SQLiteError) {
        for place in changed.sorted(by: { slots[$0].key < slots[$1].key }) {
            try body(slots[place].key, &slots[place].row)
        }
    }

    /// All is in the file. Where more is kept than memory is to hold, the older half is forgotten.
    mutating func settle() {
        for place in changed { slots[place].isChanged = false }
        changed.removeAll(keepingCapacity: true)
        guard slots.count > capacity else { return }
        slots.removeFirst(slots.count - capacity / 2)
        places.removeAll(keepingCapacity: true)
        for (place, slot) in slots.enumerated() { places[slot.key] = place }
    }
}
