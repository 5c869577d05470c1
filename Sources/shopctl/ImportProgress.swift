import Synchronization

/// What a person sees while an import is under way: a line with a bar, the rate and the time left.
final class ImportProgress: Sendable {
    private struct State {
        var name = ""
        var done = 0
        var total = 0
        var began = ContinuousClock.now
        var shown = ContinuousClock.now
    }

    private static let width = 24
    /// A person reads no faster.
    private static let pause = Duration.milliseconds(100)

    private let state = Mutex(State())

    /// A stage of so many begins; what the one before has shown goes.
    func begin(_ name: String, of total: Int) {
        state.withLock { state in
            state = State(name: name, total: total)
            Terminal.progress(Self.line(state, at: state.began))
        }
    }

    /// One more is done.
    func advance() {
        state.withLock { state in
            state.done += 1
            let now = ContinuousClock.now
            guard now - state.shown >= Self.pause || state.done == state.total else { return }
            state.shown = now
            Terminal.progress(Self.line(state, at: now))
        }
    }

    private static func line(_ state: State, at now: ContinuousClock.Instant) -> String {
        let filled = state.total == 0 ? 0 : min(width, width * state.done / state.total)
        let bar =
            String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled)
        var text = "\(state.name) [\(bar)] \(state.done) of \(state.total)"
        let seconds = (now - state.began) / .seconds(1)
        guard state.done > 0, seconds > 0 else { return text }
        let rate = Double(state.done) / seconds
        let left = Int((Double(state.total - state.done) / rate).rounded(.up))
        text += "  \(Int(rate))/s  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
        return text
    }
}
