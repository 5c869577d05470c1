/// Who gets a message. Pure: connections and the server's own services are told by their numbers.
struct Router {
    /// One subscription of a connection, or of the server itself.
    final class Interest: Sendable {
        let id: UInt64
        let connection: UInt64
        let sid: String
        let pattern: String
        let queue: String?

        init(id: UInt64, connection: UInt64, sid: String, pattern: String, queue: String?) {
            self.id = id
            self.connection = connection
            self.sid = sid
            self.pattern = pattern
            self.queue = queue
        }
    }

    private var tree = SubjectTree<Interest>()
    private var turns: UInt64 = 0

    var count: Int { tree.count }

    mutating func add(_ interest: Interest) {
        tree.insert(interest, at: interest.pattern, id: interest.id)
    }

    mutating func remove(_ interest: Interest) { tree.remove(interest.id, from: interest.pattern) }

    /// Whether anybody but `except` listens.
    mutating func hasInterest(in subject: String) -> Bool { !tree.matches(subject).isEmpty }

    /// All that get a message to `subject`: each without a queue, and of each queue one, in turns.
    ///
    /// - Parameter except: a connection that does not hear itself.
    mutating func receivers(of subject: String, except: UInt64?) -> [Interest] {
        let matches = tree.matches(subject)
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
        for (_, members) in queues {
            turns &+= 1
            receivers.append(members[Int(turns % UInt64(members.count))])
        }
        return receivers
    }
}
