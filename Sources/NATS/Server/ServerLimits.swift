/// What a server grants.
package struct ServerLimits: Sendable {
    /// Of a control line, without its end.
    package var controlLine = 4096
    /// Of headers and payload together.
    package var payload = 1024 * 1024 + 64 * 1024
    /// Connections at once.
    package var connections = 1024
    /// Of one connection.
    package var subscriptions = 4096
    /// Bytes that wait for a connection that does not read; it is closed above.
    package var pending = 64 * 1024 * 1024
    /// Bytes that wait for a connection above which those who publish to it are read from no more.
    package var crowded = 36 * 1024 * 1024
    /// Bytes that wait for a connection above which no stream pushes more to it.
    package var comfortable = 4 * 1024 * 1024
    /// After it a connection that takes nothing of what waits for it is closed.
    package var writeDeadline = Duration.seconds(10)
    /// Until a connection that must log in has done so.
    package var loginDeadline = Duration.seconds(2)
    package var pingInterval = Duration.seconds(120)
    /// Pings without an answer, after which a connection is taken for dead.
    package var pingsWithoutAnswer = 2

    package init() {}
}

/// Who may connect.
package enum Login: Sendable {
    case anybody
    case token(String)
    /// Passwords by user.
    case users([String: String])

    var isRequired: Bool { if case .anybody = self { false } else { true } }

    /// Compares all of a secret, however much of it is right.
    func admits(_ options: ConnectOptions) -> Bool {
        switch self {
        case .anybody: return true
        case .token(let token): return Self.isSame(options.token ?? "", token)
        case .users(let passwords):
            guard let user = options.user, let password = passwords[user] else { return false }
            return Self.isSame(options.password ?? "", password)
        }
    }

    private static func isSame(_ given: String, _ expected: String) -> Bool {
        let (given, expected) = (Array(given.utf8), Array(expected.utf8))
        guard given.count == expected.count else { return false }
        return zip(given, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
