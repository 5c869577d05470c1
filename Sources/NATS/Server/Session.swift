import EventSourcing

/// A connection of a client, without its socket.
package final class Session {
    /// A subscription, and how much of it is used up.
    final class Held {
        let interest: Router.Interest
        var delivered: UInt64 = 0
        /// After so many deliveries since its beginning it ends.
        var most: UInt64?

        init(_ interest: Router.Interest) { self.interest = interest }
    }

    package let id: UInt64
    var options = ConnectOptions()
    /// Whether it has said who it is.
    var hasConnected = false
    var standing: Standing
    var subscriptions: [String: Held] = [:]
    /// What it is to be sent.
    package var output: [UInt8] = []
    /// Once it has got all that waits for it, it is closed.
    package var isEnding = false
    var pingsUnanswered = 0
    /// Whether more was to be sent to it than may wait.
    var isOverfull = false
    /// Whether it publishes to somebody who does not keep up: it is not read from meanwhile.
    package var isSlowed = false

    init(id: UInt64, _ standing: Standing) {
        self.id = id
        self.standing = standing
    }

    func say(_ bytes: [UInt8]) { output.append(contentsOf: bytes) }

    func acknowledge() { if options.isVerbose { say(ServerMessages.ok) } }
}
