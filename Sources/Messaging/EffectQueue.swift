import EventSourcing
import EventStore

/// Which calls to the outside are out, and which come next.
///
/// It follows in memory what commits do to effects. The file is asked only when something in it
/// may be due that is not here: at the start, for what was postponed, and above the limit.
struct EffectQueue {
    private enum State {
        /// Due, and not handed out yet.
        case ready
        /// Handed out, and not back yet.
        case running
        /// This commit took its result, and has not said yet what becomes of it.
        case returned
    }

    /// What is known here, by key.
    private var states: [String: State] = [:]
    /// What is ready, in the order of its turns.
    private var ready: [Effect] = []
    /// How many are returned.
    private var returned = 0
    /// All that the file holds beyond these is due at this time or later.
    private var next = Timestamp(microseconds: .min)

    /// The most effects that wait here; more wait in the file.
    private static let limit = 1024
    /// As many effects are read at once, those that are here already aside.
    private static let pageSize = 256

    /// Whether the effect was handed out, and its result is the first that comes back: then it is
    /// in the file for sure.
    mutating func takeBack(_ effect: Effect) -> Bool {
        guard let at = states.index(forKey: effect.key), states.values[at] == .running else {
            return false
        }
        states.values[at] = .returned
        returned += 1
        return true
    }

    /// Follows what a commit, made at `now`, did to effects.
    mutating func follow(_ changes: [EffectChange], at now: Timestamp) {
        for change in changes {
            switch change {
            case .requested(let effect):
                // What the file has waiting goes first.
                if effect.due <= now, next > now, ready.count < Self.limit {
                    ready.append(effect)
                    states[effect.key] = .ready
                } else {
                    next = min(next, effect.due)
                }
            case .moved(let key, let due):
                leave(key)
                next = min(next, due)
            case .finished(let key): leave(key)
            }
        }
        // What was neither finished nor postponed is due as before.
        if returned > 0 { forget() }
    }

    /// Has the file asked again: it may hold anything.
    private mutating func forget() {
        next = Timestamp(microseconds: .min)
        returned = 0
        states = states.filter { $0.value != .returned }
    }

    private mutating func leave(_ key: String) {
        guard let at = states.index(forKey: key) else { return }
        switch states.values[at] {
        // It comes back.
        case .running: return
        case .returned: returned -= 1
        case .ready: ready.removeAll { $0.key == key }
        }
        states.remove(at: at)
    }

    /// Those that are to be called next, at most `limit`; each must come back.
    mutating func handOut(at now: Timestamp, limit: Int, from log: EventLog) throws(StoreError)
        -> [Effect]
    {
        if now >= next, ready.count < limit { try fill(at: now, from: log) }
        guard !ready.isEmpty, limit > 0 else { return [] }
        let fresh = Array(ready.prefix(limit))
        ready.removeFirst(fresh.count)
        for effect in fresh { states[effect.key] = .running }
        return fresh
    }

    /// Takes over what is due, a page at most.
    private mutating func fill(at now: Timestamp, from log: EventLog) throws(StoreError) {
        let limit = states.count + Self.pageSize
        let due = try log.effects(dueBy: now, limit: limit)
        if due.count < limit { next = try log.nextEffect(after: now) }
        for effect in due where states[effect.key] == nil {
            states[effect.key] = .ready
            ready.append(effect)
        }
    }
}
