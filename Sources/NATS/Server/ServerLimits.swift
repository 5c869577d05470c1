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
    /// The shop's own clients, who show a secret as their token, and where `listeners` is true
    /// others who show none: see `Standing`. A wrong token is refused either way.
    case shop(secret: String, listeners: Bool)

    var isRequired: Bool { if case .anybody = self { false } else { true } }

    /// What a client is that has not said who it is; the server's own messages are no more.
    var stranger: Standing { if case .shop = self { .listener } else { .alike } }

    /// What a client is that says so of itself; nil where it is not let in. Compares all of a
    /// secret, however much of it is right.
    func standing(of options: ConnectOptions) -> Standing? {
        switch self {
        case .anybody: return .alike
        case .token(let token): return Self.isSame(options.token ?? "", token) ? .alike : nil
        case .users(let passwords):
            guard let user = options.user, let password = passwords[user] else { return nil }
            return Self.isSame(options.password ?? "", password) ? .alike : nil
        case .shop(let secret, let listeners):
            guard let token = options.token else { return listeners ? .listener : nil }
            return Self.isSame(token, secret) ? .shop : nil
        }
    }

    private static func isSame(_ given: String, _ expected: String) -> Bool {
        let (given, expected) = (Array(given.utf8), Array(expected.utf8))
        guard given.count == expected.count else { return false }
        return zip(given, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
