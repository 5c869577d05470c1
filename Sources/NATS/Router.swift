/// Who gets a message. Pure: connections and the server's own services are told by their numbers.
struct Router {
    /// One subscription of a connection, or of the server itself.
    final class Interest: Sendable {
        let id: UInt64
        let connection: UInt64
        let sid: String
        let pattern: String
        let queue: String?
        let standing: Standing

        init(
            id: UInt64, connection: UInt64, sid: String, pattern: String, queue: String?,
            standing: Standing
        ) {
            self.id = id
            self.connection = connection
            self.sid = sid
            self.pattern = pattern
            self.queue = queue
            self.standing = standing
        }
    }

    private var tree = SubjectTree<Interest>()
    /// Whose turn it is in each queue of each pattern.
    private var turns: [String: UInt64] = [:]
    private static var mostTurns: Int { 4096 }

    mutating func add(_ interest: Interest) {
        tree.insert(interest, at: interest.pattern, id: interest.id)
    }

    mutating func remove(_ interest: Interest) { tree.remove(interest.id, from: interest.pattern) }

    /// Whether anybody but `except` listens.
    mutating func hasInterest(in subject: String) -> Bool { !listeners(to: subject).isEmpty }

    /// All that get a message to `subject`: each without a queue, and of each queue one, in turns.
    ///
    /// - Parameters:
    ///   - except: a connection that does not hear itself.
    ///   - isReady: whether one can take more; one of a queue that cannot is passed over where
    ///     another can.
    mutating func receivers(
        of subject: String, except: UInt64?, isReady: (Interest) -> Bool = { _ in true }
    ) -> [Interest] {
        let matches = listeners(to: subject)
        guard matches.contains(where: { $0.queue != nil || $0.connection == except }) else {
            return matches
        }
        var receivers: [Interest] = []
        var queues: [String: [Interest]] = [:]
        for match in matches where match.connection != except {
            if let queue = match.queue {
                queues[queue, default: []].append(match)
            } else {
                receivers.append(match)
            }
        }
        for (queue, members) in queues {
            let key = "\(queue) \(members[0].pattern)"
            if turns.count > Self.mostTurns { turns = [:] }
            let turn = turns[key, default: 0]
            turns[key] = turn &+ 1
            let order = (0..<members.count).map {
                members[Int((turn &+ UInt64($0)) % UInt64(members.count))]
            }
            receivers.append(order.first(where: isReady) ?? order[0])
        }
        return receivers
    }

    /// All that listen to a subject, of a queue as well.
    mutating func listeners(to subject: String) -> [Interest] {
        let matches = tree.matches(subject)
        guard matches.contains(where: { !$0.standing.hears(subject) }) else { return matches }
        return matches.filter { $0.standing.hears(subject) }
    }
}
