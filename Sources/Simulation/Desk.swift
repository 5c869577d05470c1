import Messaging
import Synchronization

/// What others have asked a service to do, until it comes to it.
final class Desk<Core: ServiceCore>: Sendable {
    struct Asked: Sendable {
        let input: EngineInput<Core>
        let reply: @Sendable (EngineOutput<Core.Answer>) -> Void
    }

    private let waiting = Mutex<[Asked]>([])

    func put(_ asked: Asked) { waiting.withLock { $0.append(asked) } }

    /// The oldest that wait, in order.
    func take(atMost limit: Int) -> [Asked] {
        waiting.withLock { waiting in
            defer { waiting.removeFirst(min(limit, waiting.count)) }
            return Array(waiting.prefix(limit))
        }
    }

    /// Whoever waits hears that nobody knows what came of it.
    func dismiss() {
        for asked in take(atMost: .max) { asked.reply(.unknown("the service died")) }
    }
}
