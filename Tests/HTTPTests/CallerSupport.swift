import Dispatch
import HTTP
import Synchronization
import Testing

/// What became of a caller's calls, by a number that the test gives each.
final class Outcomes: Sendable {
    typealias Outcome = Result<HTTPResponse, HTTPCaller.Failure>

    private let all = Mutex<[Int: [Outcome]]>([:])
    private let arrived = DispatchSemaphore(value: 0)

    func note(_ number: Int) -> @Sendable (Outcome) -> Void {
        { outcome in
            self.all.withLock { $0[number, default: []].append(outcome) }
            self.arrived.signal()
        }
    }

    /// Waits until so many more have come, at most ten seconds for each.
    func wait(_ count: Int = 1) throws {
        for _ in 0..<count where arrived.wait(timeout: .now() + 10) != .success {
            throw Failure("calls without a reply; there are \(all.withLock { $0.count })")
        }
    }

    /// The one reply to a call; one that came more than once is a failure of the test.
    subscript(number: Int) -> Outcome? {
        let outcomes = all.withLock { $0[number] ?? [] }
        #expect(outcomes.count <= 1)
        return outcomes.first
    }

    /// The body of an answer as a text; else what failed.
    func text(_ number: Int) -> String {
        switch self[number] {
        case .success(let response): String(decoding: response.body, as: UTF8.self)
        case .failure(let failure): "\(failure)"
        case nil: "none"
        }
    }

    func status(_ number: Int) -> Int? { try? self[number]?.get().status.code }

    func isUnanswered(_ number: Int, _ reason: String = "") -> Bool {
        guard case .failure(.unanswered(let why))? = self[number] else { return false }
        return reason.isEmpty || why.contains(reason)
    }

    func isNotSent(_ number: Int, _ reason: String = "") -> Bool {
        guard case .failure(.notSent(let why))? = self[number] else { return false }
        return reason.isEmpty || why.contains(reason)
    }
}

/// A caller, the replies to it, and, where a test plays the server, the place it plays it at.
final class Calls {
    let caller: HTTPCaller
    let outcomes = Outcomes()
    let place: HTTPPlace

    init(_ place: HTTPPlace, _ change: (inout HTTPCaller.Options) -> Void = { _ in }) throws {
        var options = HTTPCaller.Options()
        // Long enough that only the limits a test is about end anything.
        options.answerTimeout = .seconds(30)
        change(&options)
        caller = try HTTPCaller(options: options)
        self.place = place
    }

    deinit { caller.stop() }

    func send(
        _ number: Int, _ method: HTTPMethod = .get, within: Duration? = nil,
        headers: HTTPHeaders = [:], body: [UInt8] = []
    ) throws {
        let request = try HTTPRequest(method, "/\(number)", headers: headers, body: body)
        caller.send(request, to: place, within: within, reply: outcomes.note(number))
    }
}

extension Peer {
    /// Waits for the heads of so many requests, counted from the connection's first.
    @discardableResult
    func readHeads(_ count: Int) throws -> String { try read(until: "\r\n\r\n", times: count) }

    func answer(_ text: String, fields: String = "") throws {
        try send("HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(text.utf8.count)\r\n\r\n\(text)")
    }
}
