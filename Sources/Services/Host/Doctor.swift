package import EventSourcing
import EventStore
import Glibc

/// Looks at a shop's folder and at the machine under it, and says what is wrong and what to do.
///
/// Changes nothing, and works while the shop runs.
package struct Doctor: Sendable {
    package struct Settings: Sendable {
        package var data: String
        /// Where the shop is meant to listen.
        package var port: UInt16
        /// Where programs are looked for, as in `PATH`.
        package var searchPath: String
        package var runtime: any Runtime
        /// Told, now and then, what is being done.
        package var progress: @Sendable (String) -> Void = { _ in }

        package init(data: String, port: UInt16, searchPath: String, runtime: any Runtime) {
            self.data = data
            self.port = port
            self.searchPath = searchPath
            self.runtime = runtime
        }
    }

    package enum State: String, Sendable {
        case ok, warning, problem
    }

    package struct Check: Sendable {
        /// What was looked at, `disk space`.
        package let name: String
        package let state: State
        package let finding: String
        /// What to do about it; nil where there is nothing to do.
        package let advice: String?
    }

    package private(set) var checks: [Check] = []
    package var problems: Int { checks.count { $0.state == .problem } }
    package var warnings: Int { checks.count { $0.state == .warning } }

    let settings: Settings
    /// The process that runs a shop on the folder, as its lock says; nil where none does.
    var process: String?
    /// What is known of each log beside itself; read before the logs, which may grow meanwhile.
    var witnesses = Witnesses()
    /// The newest recorded time of all logs.
    var newest: (log: String, at: Timestamp)?

    package init(_ settings: Settings) {
        self.settings = settings
        checkLibrary()
        checkPrograms()
        checkOpenFiles()
        let hasFolder = checkFolder()
        if hasFolder {
            checkLock()
            checkSecret()
            checkSpace()
            witnesses = Witnesses(data: settings.data, isInUse: process != nil)
            if let failure = witnesses.failure {
                note(
                    "readers", .warning, "what they have of the logs is not known: \(failure)",
                    "see who may read the file, and look again")
            }
            for service in EventListing.services { checkLog(service) }
            checkReadStore()
            checkHops()
            checkCursorKey()
            checkBroker()
        }
        checkClock()
        checkPort()
    }

    mutating func note(_ name: String, _ finding: String) {
        checks.append(Check(name: name, state: .ok, finding: finding, advice: nil))
    }

    mutating func note(_ name: String, _ state: State, _ finding: String, _ advice: String) {
        checks.append(Check(name: name, state: state, finding: finding, advice: advice))
    }

    private mutating func checkLibrary() {
        let version = FileInspection.libraryVersion
        // The first with `sqlite_schema`, which the files are opened with.
        let numbers = version.split(separator: ".").compactMap { Int($0) }
        guard numbers.lexicographicallyPrecedes([3, 33]) else {
            return note("SQLite", "version \(version)")
        }
        note("SQLite", .problem, "version \(version) is too old", "install 3.33 or newer")
    }

    private mutating func checkPrograms() {
        for folder in settings.searchPath.split(separator: ":") {
            let path = "\(folder)/gzip"
            if access(path, X_OK) == 0 { return note("gzip", path) }
        }
        note(
            "gzip", .warning, "there is no such program on the PATH",
            "install it: compressed files are read and written through it")
    }

    private mutating func checkOpenFiles() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        // What `up` raises its own limit to.
        let count = limit.rlim_max
        guard count < 1024 else { return note("open files", "at most \(Int64(clamping: count))") }
        note(
            "open files", count < OpenFiles.least ? .problem : .warning, "at most \(count)",
            "raise it with ulimit -n: each connection and each log takes some")
    }

    private mutating func checkClock() {
        let now = settings.runtime.now()
        let plausible = Timestamp(microseconds: 1_704_067_200_000_000)  // 2024-01-01
        let far = Timestamp(microseconds: 4_102_444_800_000_000)  // 2100-01-01
        guard (plausible..<far).contains(now) else {
            return note("clock", .problem, "it says \(now)", "set the system's clock")
        }
        guard let newest, newest.at > now else { return note("clock", "it says \(now)") }
        note(
            "clock", .problem,
            "it says \(now), before the newest event of \(newest.log), \(newest.at)",
            "set the system's clock: until then time goes on from the newest event's")
    }
}
