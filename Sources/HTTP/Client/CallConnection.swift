import Net

/// One connection of the caller's, and the calls that were sent on it. Belongs to its thread.
final class CallConnection {
    enum Output {
        case done
        case blocked
        case failed(Int32)
    }

    /// A call at least a byte of which was sent, but for those that `takeBack` takes back.
    struct Sent {
        /// None once it has been given up: its answer will be passed over.
        var call: Call?
        let deadline: Moment
        /// Unanswered by then, nothing more is expected of the connection.
        let cutBy: Moment
        let isHead: Bool
        let keepsAlive: Bool
        /// Where it starts in the output it was put to.
        let start: Int
    }

    /// So much is put together for one send; one call may be larger.
    private static let batchBytes = 128 * 1024

    let id: UInt64
    let route: CallRoute
    let socket: Descriptor
    /// Set while it is not connected yet.
    var connectsUntil: Moment?
    var parser: ResponseParser
    /// In the order their answers come.
    var sent = Queue<Sent>()
    var interest = Epoll.Interest.writable
    /// Since when nothing is awaited.
    var idleSince: Moment
    var hasAnswered = false
    /// The socket takes no more for now: of the output only the rest of the last call is left.
    private(set) var isBlocked = false

    private var output: [UInt8] = []
    private var written = 0
    /// How many of `sent` are in the output.
    private var batch = 0
    /// The last that was sent is to be the last on this connection.
    private var endsWithLast = false

    init(
        id: UInt64, route: CallRoute, socket: Descriptor, limits: MessageLimits, now: Moment,
        connectsUntil: Moment
    ) {
        (self.id, self.route, self.socket) = (id, route, socket)
        parser = ResponseParser(answersHead: false, limits: limits)
        idleSince = now
        self.connectsUntil = connectsUntil
    }

    var hasOutput: Bool { !output.isEmpty }

    func canTake(_ inFlight: Int) -> Bool {
        connectsUntil == nil && !isBlocked && !endsWithLast && sent.count < max(1, inFlight)
            && output.count < CallConnection.batchBytes
    }

    /// Puts a call to the output, which is not sent yet.
    func append(_ call: Call) {
        let keepsAlive = call.request.keepsAlive
        sent.append(
            Sent(
                call: call, deadline: call.deadline, cutBy: call.deadline + call.limit,
                isHead: call.request.method == .head, keepsAlive: keepsAlive,
                start: output.count))
        RequestWriter.write(call.request, host: call.account.name, to: &output)
        batch += 1
        endsWithLast = !keepsAlive
    }

    /// Sends with one call what there is. Where something is left, `takeBack` comes next.
    func write() -> Output {
        if hasOutput {
            let count = output.withUnsafeBytes {
                Socket.send(socket.number, UnsafeRawBufferPointer(rebasing: $0[written...]))
            }
            guard count >= 0 || Socket.isRetryable(count) else {
                return .failed(Int32(truncatingIfNeeded: -count))
            }
            written += max(0, count)
            isBlocked = written < output.count
            if isBlocked { return .blocked }
            // A large call's memory goes back; that of usual ones stays.
            output.removeAll(keepingCapacity: output.capacity <= 2 * CallConnection.batchBytes)
            (written, batch) = (0, 0)
        }
        isBlocked = false
        return .done
    }

    /// Removes the calls not a byte of which was sent, the last one first.
    func takeBack(_ receive: (Call) -> Void) {
        while batch > 0, let last = sent.last, last.start >= written {
            sent.popLast()
            batch -= 1
            output.removeLast(output.count - last.start)
            if let call = last.call { receive(call) }
        }
        batch = 0
        endsWithLast = !(sent.last?.keepsAlive ?? true)
    }

    /// Removes the calls whose time is over; their places in the order stay.
    ///
    /// - Returns: when to look again.
    func expire(_ now: Moment, _ expired: (Call) -> Void) -> Moment {
        var wake = Moment.never
        sent.update { entry in
            if let call = entry.call, entry.deadline <= now {
                expired(call)
                entry.call = nil
            }
            wake = min(wake, entry.call == nil ? entry.cutBy : entry.deadline)
        }
        return wake
    }
}
