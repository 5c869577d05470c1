import Net
import Synchronization

/// One request on its way, and whom to tell what became of it.
final class Call: Sendable {
    typealias Reply = @Sendable (Result<HTTPResponse, HTTPCaller.Failure>) -> Void

    let request: HTTPRequest
    let account: PlaceAccount
    let limit: Duration
    let deadline: Moment
    private let reply: Reply

    init(
        _ request: HTTPRequest, _ account: PlaceAccount, within limit: Duration,
        reply: @escaping Reply
    ) {
        (self.request, self.account, self.limit, self.reply) = (request, account, limit, reply)
        deadline = Moment.now() + limit
    }

    /// Tells the outcome. Called once; by then it counts no more, so that the one who is told may
    /// send the next.
    func settle(_ result: Result<HTTPResponse, HTTPCaller.Failure>) {
        account.waiting.subtract(1, ordering: .relaxed)
        reply(result)
    }
}

/// What all threads know of a place.
final class PlaceAccount: Sendable {
    let place: HTTPPlace
    /// The place as a text, for the Host field and for reasons.
    let name: String
    /// Places are numbered in the order they are first named.
    let number: Int
    /// Calls handed over and not settled.
    let waiting = Atomic(0)

    init(_ place: HTTPPlace, number: Int) {
        (self.place, self.number) = (place, number)
        name = place.description
    }
}

/// What other threads, and replies on its own, hand to the caller's thread.
///
/// While that is awake a post costs a lock and no system call.
final class CallMailbox: Sendable {
    private struct State {
        var accounts: [HTTPPlace: PlaceAccount] = [:]
        var calls: [Call] = []
        var asleep = false
        var stopped = false
    }

    let signal: EventSignal
    private let most: Int
    private let state = Mutex(State())

    /// - Parameter most: calls under way to one place.
    init(most: Int) throws(SystemError) {
        // The first call to a place is always taken: it makes the place known to the thread.
        self.most = max(1, most)
        signal = try EventSignal()
    }

    /// - Returns: why the request was not taken.
    func post(
        _ request: HTTPRequest, _ place: HTTPPlace, within limit: Duration,
        _ reply: @escaping Call.Reply
    ) -> HTTPCaller.Failure? {
        let (failure, wakes) = state.withLock { state -> (HTTPCaller.Failure?, Bool) in
            guard !state.stopped else { return (.notSent(CallLoop.stopReason), false) }
            let account = account(place, &state)
            // Only here it grows, and under the lock.
            guard account.waiting.load(ordering: .relaxed) < most else {
                return (.full("\(account.name): \(most) are under way"), false)
            }
            account.waiting.add(1, ordering: .relaxed)
            state.calls.append(Call(request, account, within: limit, reply: reply))
            defer { state.asleep = false }
            return (nil, state.asleep)
        }
        if wakes { signal.raise() }
        return failure
    }

    /// Calls handed over and not settled, to all places.
    var waiting: Int {
        state.withLock { state in
            state.accounts.values.reduce(0) { $0 + $1.waiting.load(ordering: .relaxed) }
        }
    }

    private func account(_ place: HTTPPlace, _ state: inout State) -> PlaceAccount {
        if let known = state.accounts[place] { return known }
        let account = PlaceAccount(place, number: state.accounts.count)
        state.accounts[place] = account
        return account
    }

    /// From now on nothing is taken; what was taken before is still handed out.
    func stop() {
        let wakes = state.withLock { state in
            state.stopped = true
            defer { state.asleep = false }
            return state.asleep
        }
        if wakes { signal.raise() }
    }

    /// Announces that the thread is about to wait; false where there is something to do first.
    func sleep() -> Bool {
        state.withLock { state in
            state.asleep = state.calls.isEmpty && !state.stopped
            return state.asleep
        }
    }

    /// Exchanges `calls`, which are empty, for those that came: two arrays serve for all time.
    ///
    /// - Returns: False once stopped: these were the last.
    func take(_ calls: inout [Call]) -> Bool {
        state.withLock { state in
            state.asleep = false
            swap(&state.calls, &calls)
            return !state.stopped
        }
    }
}
