/// What a client is to the server, and what it may do by that. Pure.
package enum Standing: Hashable, Sendable {
    /// All are alike, and each may do everything.
    case alike
    /// One of the shop's own, where others may listen as well. It may do everything.
    case shop
    /// It listens to the shop and has streams and consumers of its own; the shop's it can read and
    /// not disturb.
    case listener

    /// What the subjects of the shop's messages begin with.
    private static let messages = "kassa"
    /// What the subjects of answers to the shop's own clients begin with.
    private static let inboxes = "_KASSA"
    /// What the names of the shop's streams begin with.
    private static let streams = "kassa-"

    /// Whether it may publish to a subject, and have answers and deliveries sent there.
    package func mayPublish(to subject: String) -> Bool {
        self != .listener
            || !Self.begins(subject, Self.messages) && !Self.begins(subject, Self.inboxes)
    }

    /// A listener may subscribe to `>`: what it is not to hear is left out.
    package func maySubscribe(to pattern: String) -> Bool {
        self != .listener || pattern == ">" || !Self.reaches(pattern, Self.inboxes)
    }

    /// Whether it gets what is sent to a subject that it is subscribed to.
    package func hears(_ subject: String) -> Bool {
        self != .listener || !Self.begins(subject, Self.inboxes)
    }

    /// Whether it may make, change, empty or remove such a stream, and take messages out of it.
    package func mayChange(stream name: String, of subjects: [String]) -> Bool {
        guard self == .listener else { return true }
        return !name.hasPrefix(Self.streams)
            && !subjects.contains {
                Self.reaches($0, Self.messages) || Self.reaches($0, Self.inboxes)
            }
    }

    /// Whether it may change, remove, pull from or acknowledge to a consumer.
    package func mayUse(consumerOfShop isShops: Bool) -> Bool { self != .listener || !isShops }

    /// Whether it makes a consumer anew as if it were not there: whoever made it first may have
    /// settled what the shop has not seen.
    package func takesOver(consumerOfShop isShops: Bool) -> Bool { self == .shop && !isShops }

    /// Whether those who publish to it wait while it does not keep up.
    var isWaitedFor: Bool { self != .listener }

    /// Of what a server has in all, how much may be in use where it wants some more.
    package func share(of most: Int) -> Int { self == .listener ? most / 2 : most }

    private static func head(_ subject: String) -> (token: Substring, isAll: Bool) {
        let token = subject.utf8.prefix { $0 != Subject.dot }
        return (Substring(token), token.endIndex == subject.utf8.endIndex)
    }

    /// Whether a subject begins with that token and has more. They are compared as texts, as the
    /// tree of subjects does: to it a Kelvin sign is a K.
    private static func begins(_ subject: String, _ first: String) -> Bool {
        let (token, isAll) = head(subject)
        return !isAll && token == first
    }

    /// Whether a pattern stands for a subject that begins with that token and has more.
    private static func reaches(_ pattern: String, _ first: String) -> Bool {
        let (token, isAll) = head(pattern)
        return token == ">" || !isAll && (token == "*" || token == first)
    }
}
