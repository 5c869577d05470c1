/// The clock, randomness and environment come in as values; only shells may ask the system.
enum Ambient {
    /// The files that may, each with its reason. A path that ends in a slash stands for its folder.
    static let shells: [String: String] = [
        "Sources/Services/Host/SystemRuntime.swift":
            "is production's Runtime: the system's clock and randomness, passed in from here",
        "Sources/Services/Host/Bench/": "measures: the clock is what it is about",
        "Sources/Net/Moment.swift": "is the reactor's monotonic clock, for timeouts alone",
        "Sources/HTTP/Server/HTTPDate.swift": "writes the Date header, which nothing is decided by",
        "Sources/Messaging/Running/Monitor.swift": "waits: bounded by the clock that nobody sets",
        "Sources/TestKit/BrokerConformance+Delivering.swift":
            "bounds how long a check waits for a real thread",
        "Sources/shopctl/":
            "is the program: it reads the environment and the clock, and passes on what it read",
    ]

    private static let sources = [
        "Date()", "Date.now", "UUID()", ".random(in:", "Bool.random(",
        "SystemRandomNumberGenerator",
        "ContinuousClock", "SuspendingClock", "clock_gettime", "gettimeofday", "time(nil)",
        "arc4random", "getrandom", "getenv", "ProcessInfo", ".shuffled()", ".shuffle()",
        ".randomElement()",
    ]

    /// The places in a file under `Sources` that ask the system though the file is no shell.
    static func violations(_ path: String, _ source: SourceText) -> [Violation] {
        let isShell = shells.keys.contains { shell in
            shell.hasSuffix("/") ? path.hasPrefix(shell) : path == shell
        }
        guard !isShell else { return [] }
        return source.code.enumerated().flatMap { index, line in
            // With a generator that was passed in, a random choice is the caller's.
            sources.filter { line.mentions($0) && !line.contains("using:") }.map { found in
                Violation(path, line: index + 1, "asks the system with \(found); take a Runtime")
            }
        }
    }
}
