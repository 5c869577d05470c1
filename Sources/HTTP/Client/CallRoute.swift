import Net

/// A place, the connections to it, and the calls that wait for one. Belongs to the caller's thread.
final class CallRoute {
    let account: PlaceAccount
    /// Not a byte of these was sent.
    var waiting = Queue<Call>()
    /// Open or connecting, of which there is one at a time.
    var connections: [CallConnection] = []
    /// Empty until they are looked up, and after none of them could be reached.
    var addresses: [Socket.Address] = []
    /// The one that was last connected to.
    var preferred = 0
    /// How many of them could not be reached since.
    var failed = 0
    /// What became of the last one of these.
    var reason = ""
    /// No further connection is opened until then.
    var opensAgainAt: Moment?
    var isTouched = false

    init(_ account: PlaceAccount) { self.account = account }

    /// The connection that awaits the fewest answers, of those that can take a call.
    func leastBusy(_ inFlight: Int) -> CallConnection? {
        var best: CallConnection?
        for connection in connections where connection.canTake(inFlight) {
            if connection.sent.count < best?.sent.count ?? .max { best = connection }
        }
        return best
    }

    func canOpen(_ most: Int) -> Bool {
        connections.count < max(1, most) && opensAgainAt == nil
            && connections.allSatisfy { $0.connectsUntil == nil }
    }
}
