package import EventSourcing
package import HTTP
import Messaging
import Synchronization

/// The other processes of the shop, as they are called from here: found by what they announce,
/// each behind a circuit breaker.
///
/// A call that certainly was not carried out is made again, and one that may have been only where
/// that does no harm: after a pause of random length, within its time, and as long as the budget
/// for repetitions lasts.
package final class Peers: Sendable {
    package enum Failure: Error, CustomStringConvertible {
        /// It was not carried out.
        case unavailable(String)
        /// It may have been carried out.
        case unknown(String)

        package var description: String {
            switch self {
            case .unavailable(let why), .unknown(let why): why
            }
        }
    }

    /// Told once what came of a call.
    package typealias Reply = @Sendable (Result<HTTPResponse, Failure>) -> Void

    /// What is called, and how.
    package struct Call: Sendable {
        let part: ShopPart
        let key: String
        let method: HTTPMethod
        let target: String
        let body: [UInt8]
        let isIdempotent: Bool
        let within: Duration

        /// - Parameters:
        ///   - key: decides which home is called.
        ///   - target: behind `InnerAPI.prefix`.
        ///   - isIdempotent: whether it does no harm twice.
        ///   - within: for all attempts together.
        package init(
            part: ShopPart, key: String = "", method: HTTPMethod, target: String,
            body: [UInt8] = [], isIdempotent: Bool = true, within: Duration = .seconds(5)
        ) {
            (self.part, self.key, self.method, self.target) = (part, key, method, target)
            (self.body, self.isIdempotent, self.within) = (body, isIdempotent, within)
        }
    }

    /// A call that is being made.
    private struct Attempt: Sendable {
        let call: Call
        var number = 1
        let deadline: MonotonicTime
        /// Whether one before it may have been carried out.
        var mayBeDone = false
        let reply: Reply

        func fail(_ failure: Failure) {
            reply(.failure(mayBeDone ? .unknown(failure.description) : failure))
        }
    }

    private struct Line: Sendable {
        var breaker = CircuitBreaker()
        var budget = RetryBudget()
        var calls: Int64 = 0
        var failures: Int64 = 0
        var retries: Int64 = 0
    }

    /// How it stands with the calls to a process.
    package struct LineStatus: Sendable {
        package let part: ShopPart
        package let instance: String
        /// As `CircuitBreaker.name`.
        package let breaker: String
        /// With all repetitions.
        package let calls: Int64
        package let failures: Int64
        package let retries: Int64
    }

    private static let attempts = 4

    private let heartbeat: Heartbeat
    private let secret: Secret
    private let runtime: any Runtime
    private let caller: HTTPCaller
    private let later = LateWork()
    private let lines = Monitor<[String: Line]>([:])
    private let surplusCalls = Atomic<Int64>(0)

    /// Starts its threads.
    ///
    /// - Throws: where the system has no descriptor or thread left.
    package init(_ heartbeat: Heartbeat, _ secret: Secret, _ runtime: any Runtime) throws {
        (self.heartbeat, self.secret, self.runtime) = (heartbeat, secret, runtime)
        var options = HTTPCaller.Options()
        options.message = InnerAPI.limits
        caller = try HTTPCaller(options: options)
    }

    /// What is under way fails.
    package func stop() {
        later.stop()
        caller.stop()
    }

    var roster: Roster { heartbeat.roster }

    /// How many calls were not made, as too many waited for the same process already.
    package var surplus: Int64 { surplusCalls.load(ordering: .relaxed) }
    /// How many have no answer yet, and how many wait to be made once more.
    package var waiting: (calls: Int, repetitions: Int) { (caller.waiting, later.count) }

    /// Takes in what a process says of itself in an answer.
    func find(_ announcement: Announcement) { heartbeat.find(announcement) }

    /// The run of this process; nil before it is announced.
    var own: String? { heartbeat.own?.instance }

    /// Never blocks; `reply` is called once, on any thread.
    package func send(_ call: Call, reply: @escaping Reply) {
        attempt(Attempt(call: call, deadline: .now() + call.within, reply: reply))
    }

    /// Waits for the answer. Not for threads that others wait for.
    package func ask(_ call: Call) throws(Failure) -> HTTPResponse {
        let box = Monitor<Result<HTTPResponse, Failure>?>(nil)
        send(call) { result in
            box.withLock { $0 = result }
            box.wakeAll()
        }
        // Longer than the call: each is answered.
        let result = box.wait(until: .now() + call.within + .seconds(5)) { result in
            result.map { .done($0) } ?? .wait(atMost: nil)
        }
        guard let result else { throw .unknown("no answer came") }
        return try result.get()
    }

    /// All processes that are known, and how calls to them fared.
    package var statuses: [LineStatus] {
        let known = heartbeat.roster.all.map(\.announcement)
        return lines.withLock { lines in
            known.compactMap { peer in
                lines[peer.instance].map {
                    LineStatus(
                        part: peer.part, instance: peer.instance, breaker: $0.breaker.name,
                        calls: $0.calls, failures: $0.failures, retries: $0.retries)
                }
            }
        }
    }

    private func attempt(_ attempt: Attempt) {
        let call = attempt.call
        guard let home = heartbeat.roster.home(of: call.part, key: call.key) else {
            let why = "no \(call.part) service has been heard of"
            return again(attempt, nil, .unavailable(why))
        }
        // Before the breaker is asked: a call that is not made must not be the one that decides.
        let left = attempt.deadline - .now()
        guard left > .zero, let request = request(call) else {
            let why = "the \(call.part) service was not asked in time"
            return attempt.fail(.unavailable(why))
        }
        let now = runtime.now()
        let isAdmitted = lines.withLock { lines in
            if lines[home.instance] == nil { forgetOthers(&lines) }
            return lines[home.instance, default: Line()].breaker.admits(at: now)
        }
        guard isAdmitted else {
            let why = "the \(call.part) service did not answer lately; it is asked again soon"
            return attempt.fail(.unavailable(why))
        }
        let place = HTTPPlace(host: home.host, port: home.port)
        caller.send(request, to: place, within: left) { [weak self] result in
            guard let self else { return attempt.reply(result.mapError(Failure.init)) }
            took(result, of: attempt, from: home)
        }
    }

    private func took(
        _ result: Result<HTTPResponse, HTTPCaller.Failure>, of attempt: Attempt,
        from home: Announcement
    ) {
        if case .failure(.full) = result { surplusCalls.add(1, ordering: .relaxed) }
        count(result, home.instance)
        switch result {
        // It is there and not open yet, or another part is there: nothing was done.
        case .success(let response)
        where [InnerAPI.notOpen, InnerAPI.misdirected].contains(response.status):
            again(
                attempt, home, .unavailable(String(decoding: response.body, as: UTF8.self)))
        case .success(let response): attempt.reply(.success(response))
        case .failure(let failure):
            guard attempt.call.isIdempotent || failure.isCertain else {
                return attempt.fail(Failure(failure))
            }
            again(attempt, home, Failure(failure))
        }
    }

    private func count(
        _ result: Result<HTTPResponse, HTTPCaller.Failure>, _ instance: String
    ) {
        let now = runtime.now()
        lines.withLock { lines in
            guard var line = lines[instance] else { return }
            line.calls += 1
            line.budget.called()
            switch result {
            case .success: line.breaker.succeeded()
            // It was not asked.
            case .failure(.full): line.failures += 1
            case .failure(.notSent), .failure(.unanswered):
                line.failures += 1
                line.breaker.failed(at: now)
            }
            lines[instance] = line
        }
    }

    /// Makes a call once more after a pause, or gives it up.
    private func again(_ attempt: Attempt, _ home: Announcement?, _ failure: Failure) {
        var next = attempt
        next.number += 1
        if case .unknown = failure { next.mayBeDone = true }
        let pause = Backoff.pause(after: attempt.number, random: runtime.random())
        guard attempt.number < Self.attempts, pause < attempt.deadline - .now() else {
            return next.fail(failure)
        }
        if let home {
            let isGranted = lines.withLock { lines in
                guard lines[home.instance]?.budget.take() == true else { return false }
                lines[home.instance]?.retries += 1
                return true
            }
            guard isGranted else { return next.fail(failure) }
        }
        let repetition = next
        let isTaken = later.take(after: pause) { [weak self] in
            guard let self else { return repetition.fail(failure) }
            self.attempt(repetition)
        }
        if !isTaken { repetition.fail(failure) }
    }

    private func request(_ call: Call) -> HTTPRequest? {
        try? HTTPRequest(
            call.method, InnerAPI.prefix + call.target,
            headers: [
                "Authorization": secret.authorization, InnerAPI.partHeader: "\(call.part)",
            ], body: call.body)
    }

    /// Lets go of processes that are gone.
    private func forgetOthers(_ lines: inout [String: Line]) {
        let roster = heartbeat.roster
        lines = lines.filter { roster.knows($0.key) }
    }
}

extension Peers.Failure {
    fileprivate init(_ failure: HTTPCaller.Failure) {
        switch failure {
        case .notSent(let why), .full(let why): self = .unavailable(why)
        case .unanswered(let why): self = .unknown(why)
        }
    }
}

extension HTTPCaller.Failure {
    /// Whether it certainly was not carried out.
    fileprivate var isCertain: Bool {
        switch self {
        case .notSent, .full: true
        case .unanswered: false
        }
    }
}
