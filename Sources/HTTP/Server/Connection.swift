import Net

/// One client's connection: what is parsed, in flight and waiting to be written.
///
/// Lives on the reactor's thread alone, and knows nothing of handlers or other connections.
final class Connection {
    enum Output {
        case done
        case blocked
        case failed
    }

    let id: UInt64
    let peer: String
    let socket: Descriptor
    var parser: RequestParser
    var pipeline = Pipeline()
    var interest = Epoll.Interest.readable
    /// The peer has sent its end of stream.
    var readClosed = false
    /// No request will be taken any more: after `close`, an error, or the server's stop.
    var takesNoMore = false
    /// The last answer is among the output: closing comes after it.
    var closesAfterOutput = false
    /// A `100 Continue` is due once all earlier answers are out.
    var owesContinue = false
    /// Set once everything is said: input is thrown away until the peer closes.
    var lingersUntil: Moment?
    /// What of its received bytes, and of what waits for its client, is in the reactor's sums.
    var accountedHeld = 0
    var accountedUnsent = 0
    /// When the parser came into its phase.
    private(set) var phaseSince: Moment
    private var phase = RequestParser.Phase.between

    /// Bytes that a client with output waiting is to take within each window.
    private static let leastWritten = 4096

    private var output: [UInt8] = []
    private var written = 0
    private var stallWindow: Moment?
    private var writtenInWindow = 0

    init(id: UInt64, peer: String, socket: Descriptor, limits: MessageLimits, now: Moment) {
        self.id = id
        self.peer = peer
        self.socket = socket
        parser = RequestParser(limits: limits, peer: peer)
        phaseSince = now
    }

    var waitingOutput: Int { output.count - written }
    /// Bytes of answers that wait for their client to take them.
    var unsent: Int { waitingOutput + pipeline.answeredBytes }

    /// Whether one more request may be taken from what is received.
    func hasRoom(_ limits: HTTPServerLimits) -> Bool {
        !takesNoMore && pipeline.count < limits.pipelined && waitingOutput < limits.output
    }

    /// Whether `renderAnswers` has something to do.
    var hasAnswers: Bool {
        pipeline.isAnswered || (owesContinue && pipeline.isEmpty && !takesNoMore)
    }

    /// Notes the parser's phase; its time limit starts anew with a phase or a request.
    func notePhase(_ now: Moment, took request: Bool) {
        if request || parser.phase != phase { phaseSince = now }
        phase = parser.phase
    }

    /// Moves the answers whose turn it is to the output.
    func renderAnswers(_ limits: HTTPServerLimits, date: String) {
        while waitingOutput == 0 || waitingOutput < limits.output,
            let (entry, response) = pipeline.popAnswered()
        {
            let closes = !entry.keepsAlive || (takesNoMore && pipeline.isEmpty)
            let context = ResponseWriter.Context(
                isHead: entry.isHead, version: entry.version, closes: closes, date: date)
            ResponseWriter.write(response, context, to: &output)
            if closes { closesAfterOutput = true }
        }
        if owesContinue, pipeline.isEmpty, !takesNoMore {
            output.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
            owesContinue = false
        }
    }

    func writeOutput(_ now: Moment) -> Output {
        while waitingOutput > 0 {
            let sent = output.withUnsafeBytes {
                Socket.send(socket.number, UnsafeRawBufferPointer(rebasing: $0[written...]))
            }
            if Socket.isRetryable(sent) {
                if stallWindow == nil { (stallWindow, writtenInWindow) = (now, 0) }
                return .blocked
            }
            guard sent > 0 else { return .failed }
            written += sent
            writtenInWindow += sent
        }
        // A large answer's memory goes back; that of usual ones stays.
        output.removeAll(keepingCapacity: output.capacity <= 64 * 1024)
        written = 0
        stallWindow = nil
        return .done
    }

    /// Whether the client took too little of its output in the window that now ends.
    func hasStalled(_ now: Moment, _ timeout: Duration) -> Bool {
        guard let window = stallWindow, now >= window + timeout else { return false }
        defer { (stallWindow, writtenInWindow) = (now, 0) }
        return writtenInWindow < Self.leastWritten
    }

    /// Whether the client has taken as little for a second.
    func isStuck(_ now: Moment) -> Bool {
        guard let window = stallWindow else { return false }
        return now >= window + .seconds(1) && writtenInWindow < Self.leastWritten
    }
}

extension Int {
    /// Takes the new value, and returns by how much it is more.
    mutating func change(to new: Int) -> Int {
        defer { self = new }
        return new - self
    }
}
