import Net
import Synchronization

/// What other threads ask of a server's thread.
final class ServerCalls: Sendable {
    enum Call: Sendable {
        /// There is something for its services to do.
        case wake
        /// Clients are told that it goes, and have so long to leave.
        case stop(Duration)
    }

    let signal: EventSignal
    private let waiting = Mutex<[Call]>([])

    init() throws(SystemError) { signal = try EventSignal() }

    func post(_ call: Call) {
        let isFirst = waiting.withLock { waiting in
            waiting.append(call)
            return waiting.count == 1
        }
        if isFirst { signal.raise() }
    }

    func take() -> [Call] {
        waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
