import CPlatform
import Net

/// Sends prepared requests on many kept connections from the calling thread, and measures how long
/// each took to be answered: a load generator that costs little itself.
///
///     let driver = try LoadDriver(port: server.port, connections: 64)
///     try driver.run(.closed, .requests(1000), requests: [bytes]) { answer in ... }
///
/// Of an answer only the status and the end are looked at; one without `Content-Length` counts as
/// lost. A connection has one request under way at a time, of at most some ten KiB; one that is
/// lost is opened anew. Belongs to one thread at a time.
package final class LoadDriver {
    /// When requests are sent.
    package enum Pace: Sendable {
        /// Each connection sends its next request as soon as it has its answer; one that is
        /// refused with 503 a little later.
        case closed
        /// So many a second are due, at even distances, whatever became of earlier ones. One that
        /// finds no connection free waits, and its waiting counts.
        case open(perSecond: Double)
        /// So many may have been sent until now, as `allowed` says each time it is asked: as often
        /// as something happens, and every few milliseconds.
        case upTo(_ allowed: @Sendable () -> Int)
    }

    /// How much is sent.
    package enum Amount: Sendable {
        case requests(Int)
        case time(Duration)
    }

    package struct Answer: Sendable {
        /// 0 where the connection was lost instead.
        package let status: Int
        /// Since the request was due.
        package let nanoseconds: Int64
    }

    private struct Line {
        var connection: ClientConnection
        var isBusy = false
        /// Since when its request counts.
        var due = Moment(nanoseconds: 0)
        /// Of an answer that comes in pieces.
        var pieces: [UInt8] = []
    }

    /// Whoever is refused does not ask again at once.
    private static let pause = Duration.milliseconds(20)
    /// After so long without any answer nobody is there any more.
    private static let patience = Duration.seconds(90)

    private let host: String
    private let port: UInt16
    private let options: HTTPClient.Options
    private let epoll: Epoll
    private var lines: [Line] = []
    /// Those without a request; the one that has been for longest is taken first, so that none
    /// is idle until the server closes it.
    private var idle = Queue<Int>()
    private var paused = Queue<(line: Int, until: Moment)>()
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 256 * 1024, alignment: 16)

    /// Connects.
    ///
    /// - Throws: where the host cannot be reached.
    package init(
        host: String = "127.0.0.1", port: UInt16, connections: Int,
        options: HTTPClient.Options = HTTPClient.Options()
    ) throws(HTTPClientError) {
        (self.host, self.port, self.options) = (host, port, options)
        do {
            epoll = try Epoll()
        } catch { throw .unreachable("\(host):\(port)", reason: error.description) }
        for number in 0..<connections {
            lines.append(Line(connection: try connect(number)))
            idle.append(number)
        }
    }

    deinit { scratch.deallocate() }

    private func connect(_ number: Int) throws(HTTPClientError) -> ClientConnection {
        let connection = try ClientConnection(host: host, port: port, options: options)
        do {
            try epoll.add(connection.socket.number, .readable, token: UInt64(number))
        } catch { throw .unreachable("\(host):\(port)", reason: error.description) }
        return connection
    }

    /// Sends `requests`, whole HTTP requests, in turn and again, and waits for all answers.
    ///
    /// - Parameter answered: told of each answer, on this thread.
    /// - Returns: how many were sent, and the seconds until the last answer.
    /// - Throws: where a lost connection cannot be opened again, or no answer comes any more.
    @discardableResult
    package func run(
        _ pace: Pace, _ amount: Amount, requests: [[UInt8]], answered: (Answer) -> Void
    ) throws(HTTPClientError) -> (sent: Int, seconds: Double) {
        let stage = kassa_stage_enter(KASSA_STAGE_CLIENTS)
        defer { kassa_stage_leave(stage) }
        guard !requests.isEmpty else { return (0, 0) }
        var plan = LoadPlan(pace, amount, start: Moment.now())
        var ready = [kassa_ready](repeating: kassa_ready(), count: Epoll.batch)
        var (inFlight, lastAnswer) = (0, plan.start)
        while true {
            var now = Moment.now()
            while let first = paused.first, first.until <= now {
                paused.popFirst()
                idle.append(first.line)
            }
            while let due = plan.due(at: now), let line = idle.first {
                idle.popFirst()
                lines[line].isBusy = true
                lines[line].due = due
                inFlight += 1
                send(line, requests[plan.taken % requests.count])
                plan.take()
            }
            if inFlight == 0, plan.isOver(at: now) { break }
            let wake = [paused.first?.until, idle.first == nil ? nil : plan.wake(at: now)]
                .compactMap { $0 }
            for event in ready.prefix(epoll.wait(&ready, now: now, until: wake.min())) {
                let line = Int(event.token)
                guard let status = try receive(line), lines[line].isBusy else { continue }
                now = Moment.now()
                (lastAnswer, inFlight) = (now, inFlight - 1)
                lines[line].isBusy = false
                if status == 503, plan.next == nil {
                    paused.append((line, now + Self.pause))
                } else {
                    idle.append(line)
                }
                answered(
                    Answer(
                        status: status,
                        nanoseconds: now.nanoseconds - lines[line].due.nanoseconds))
            }
            if inFlight > 0, now >= lastAnswer + Self.patience {
                throw .timedOut("\(host):\(port)", waiting: Self.patience)
            }
        }
        return (plan.taken, Double(lastAnswer.nanoseconds - plan.start.nanoseconds) / 1e9)
    }

    /// What does not fit at once, and a connection that is gone, show when it is read.
    private func send(_ line: Int, _ request: [UInt8]) {
        let socket = lines[line].connection.socket.number
        let sent = request.withUnsafeBytes { Socket.send(socket, $0) }
        if sent != request.count { lines[line].connection.shutDown() }
    }

    /// The status of the answer that is now whole; nil where more must come, 0 where the
    /// connection was lost.
    private func receive(_ line: Int) throws(HTTPClientError) -> Int? {
        let count = Socket.receive(lines[line].connection.socket.number, scratch)
        if Socket.isRetryable(count) { return nil }
        let answer: LoadAnswer
        if count <= 0 {
            answer = .unreadable
        } else if lines[line].pieces.isEmpty {
            let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
            answer = LoadAnswer(bytes)
            if case .incomplete = answer { lines[line].pieces = Array(bytes) }
        } else {
            lines[line].pieces.append(contentsOf: scratch[..<count])
            answer = lines[line].pieces.withUnsafeBytes { LoadAnswer($0) }
        }
        switch answer {
        case .incomplete: return nil
        case .whole(let status):
            lines[line].pieces.removeAll(keepingCapacity: true)
            return status
        case .unreadable:
            lines[line].pieces = []
            lines[line].connection = try connect(line)
            return 0
        }
    }
}
