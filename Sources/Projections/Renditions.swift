package import Domain
import EventStore
import Synchronization

/// An order as it is shown, and what tells it from what it was and will be.
package struct Rendition: Sendable {
    package let entityTag: String
    package let body: [UInt8]
}

/// The orders that were shown last, each until a commit changes it. Any thread may ask.
///
/// What is given is as new as the rows are to a read that begins now: the projection forgets what
/// a commit has changed before it shows how far it has come. What was read across a commit, or on
/// a file that is no longer in use, is not kept.
final class Renditions: Sendable {
    /// A larger body is made anew each time: all together are to stay within 32 MiB.
    static let maximumBody = 2048
    private static let capacity = 16_384

    enum Look {
        case kept(Rendition)
        /// To be handed to `keep` with what is read from now on.
        case missing(changes: UInt64)
    }

    private struct State {
        var kept = TwoGenerations<String, Rendition>(capacity: capacity)
        /// How often something was forgotten.
        var changes: UInt64 = 0
    }

    private let state = Mutex(State())

    func look(_ id: OrderID) -> Look {
        state.withLock { state in
            state.kept[id.value].map { .kept($0) } ?? .missing(changes: state.changes)
        }
    }

    func keep(_ rendition: Rendition, of id: OrderID, since changes: UInt64) {
        guard rendition.body.count <= Self.maximumBody else { return }
        state.withLock { state in
            if state.changes == changes { state.kept[id.value] = rendition }
        }
    }

    /// A commit has changed the rows of these orders.
    func forget(_ ids: [String]) {
        guard !ids.isEmpty else { return }
        state.withLock { state in
            state.changes += 1
            for id in ids { state.kept[id] = nil }
        }
    }

    /// Other rows are in use, or it is not known what has changed.
    func forgetAll() {
        state.withLock { state in
            state.changes += 1
            state.kept.removeAll()
        }
    }
}

extension ReadStore {
    /// The order as `render` shows it, which must give the same each time for the same order; nil
    /// where the orders' own log has not told of it yet.
    package func order(
        _ id: OrderID, shown render: (OrderDetail) -> [UInt8]
    ) throws(ReadError) -> Rendition? {
        switch renditions.look(id) {
        case .kept(let rendition): return rendition
        case .missing(let changes):
            guard let order = try order(id) else { return nil }
            let rendition = Rendition(entityTag: order.entityTag, body: render(order))
            renditions.keep(rendition, of: id, since: changes)
            return rendition
        }
    }
}
