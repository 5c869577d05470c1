import EventSourcing
import Messaging

/// Passes on what an operator is told; what is told again within a minute is counted and not
/// repeated. A fault that lasts makes many threads say the same.
final class Notices: Sendable {
    private struct Said: Sendable {
        var at: MonotonicTime
        var more = 0
    }

    private static let pause = Duration.seconds(60)
    /// The most texts that are remembered.
    private static let limit = 256

    private let said = Monitor<[String: Said]>([:])
    private let pass: @Sendable (LogLine) -> Void

    init(_ pass: @escaping @Sendable (LogLine) -> Void) { self.pass = pass }

    @Sendable func tell(_ line: LogLine) {
        // Each of them is one of its own.
        guard line.level > .debug, !line.isRationed else { return pass(line) }
        let text = line.text
        let now = MonotonicTime.now()
        let more: Int? = said.withLock { said in
            if var known = said[text], now < known.at + Self.pause {
                known.more += 1
                said[text] = known
                return nil
            }
            if said.count >= Self.limit { said = said.filter { now < $0.value.at + Self.pause } }
            // Everything is new: then all of it is worth saying.
            if said.count >= Self.limit { said = [:] }
            defer { said[text] = Said(at: now) }
            return said[text]?.more ?? 0
        }
        guard let more else { return }
        guard more > 0 else { return pass(line) }
        pass(
            LogLine(
                "\(text) (and \(more) times before)", line.level, about: line.metadata,
                stream: line.stream, event: line.event, service: line.service))
    }
}
