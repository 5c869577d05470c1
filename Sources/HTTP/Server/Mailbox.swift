import Net
import Synchronization

/// What other threads, and handlers on its own, say to the reactor.
///
/// Bounded by the requests in flight: each posts one answer. While the reactor is awake a post
/// costs a lock and no system call.
final class Mailbox: Sendable {
    enum Message {
        /// `nil`: the responder was dropped.
        case answer(connection: UInt64, request: UInt64, HTTPResponse?)
        case stop(Duration)
    }

    private struct State {
        var messages: [Message] = []
        var asleep = false
        var closed = false
    }

    let signal: EventSignal
    private let state = Mutex(State())

    init() throws(SystemError) { signal = try EventSignal() }

    func post(_ message: Message) {
        let wakes = state.withLock { state in
            guard !state.closed else { return false }
            state.messages.append(message)
            defer { state.asleep = false }
            return state.asleep
        }
        if wakes { signal.raise() }
    }

    /// Announces that the reactor is about to wait; false where there is mail to read first.
    func sleep() -> Bool {
        state.withLock { state in
            state.asleep = state.messages.isEmpty
            return state.asleep
        }
    }

    func take() -> [Message] {
        state.withLock { state in
            state.asleep = false
            defer { state.messages = [] }
            return state.messages
        }
    }

    /// The answer to that request, where it was posted last: what a handler that answers at once
    /// has left.
    func takeAnswer(connection: UInt64, request: UInt64) -> HTTPResponse? {
        state.withLock { state in
            guard case .answer(connection, request, let response?)? = state.messages.last else {
                return nil
            }
            state.messages.removeLast()
            return response
        }
    }

    /// From now on a post is dropped.
    func close() {
        state.withLock { state in
            state.closed = true
            state.messages = []
        }
    }
}
