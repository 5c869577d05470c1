import Glibc

/// Ctrl-C and what asks a process to end, heard by whoever waits for them.
enum StopSignals {
    private static var set: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        return signals
    }

    /// Blocks them; called before any thread is there, so that only `wait` hears them.
    static func block() {
        var signals = set
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Waits for one.
    static func wait() {
        var signals = set
        var signal: Int32 = 0
        sigwait(&signals, &signal)
    }

    /// Whether one comes within so many milliseconds.
    static func come(within milliseconds: Int) -> Bool {
        var signals = set
        var time = timespec(
            tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
        return sigtimedwait(&signals, nil, &time) > 0
    }
}
