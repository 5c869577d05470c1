import EventSourcing
import EventStore

/// Which calls to the outside are out, and which come next.
///
/// It follows in memory what commits do to effects. The file is asked only when something in it
/// may be due that is not here: at the start, for what was postponed, and above the limit.
struct EffectQueue {
    /// The keys of what was handed out and is not yet back.
    private var running: Set<String> = []
    /// Due, and not handed out yet, in the order of their turns.
    private var ready: [Effect] = []
    private var readyKeys: Set<String> = []
    /// Those whose results this commit took, until it says what becomes of them.
    private var returned: Set<String> = []
    /// All that the file holds beyond these is due at this time or later.
    private var next = Timestamp(microseconds: .min)

    /// The most effects that wait here; more wait in the file.
    private static let limit = 1024
    /// As many effects are read at once, those that are here already aside.
    private static let pageSize = 256

    /// Whether the effect was handed out, and its result is the first that comes back: then it is
    /// in the file for sure.
    mutating func takeBack(_ effect: Effect) -> Bool {
        guard running.remove(effect.key) != nil else { return false }
        returned.insert(effect.key)
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
                    readyKeys.insert(effect.key)
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
        if !returned.isEmpty { forget() }
    }

    /// Has the file asked again: it may hold anything.
    mutating func forget() {
        next = Timestamp(microseconds: .min)
        returned = []
    }

    private mutating func leave(_ key: String) {
        returned.remove(key)
        guard readyKeys.remove(key) != nil else { return }
        ready.removeAll { $0.key == key }
    }

    /// Those that are to be called next, at most `limit`; each must come back.
    mutating func handOut(at now: Timestamp, limit: Int, from log: EventLog) throws(StoreError)
        -> [Effect]
    {
        if now >= next, ready.count < limit { try fill(at: now, from: log) }
        guard !ready.isEmpty, limit > 0 else { return [] }
        let fresh = Array(ready.prefix(limit))
        ready.removeFirst(fresh.count)
        for effect in fresh {
            readyKeys.remove(effect.key)
            running.insert(effect.key)
        }
        return fresh
    }

    /// Takes over what is due, a page at most.
    private mutating func fill(at now: Timestamp, from log: EventLog) throws(StoreError) {
        let limit = running.count + ready.count + Self.pageSize
        let due = try log.effects(dueBy: now, limit: limit)
        if due.count < limit { next = try log.nextEffect(after: now) }
        for effect in due
        where !running.contains(effect.key) && readyKeys.insert(effect.key).inserted {
            ready.append(effect)
        }
    }
}
